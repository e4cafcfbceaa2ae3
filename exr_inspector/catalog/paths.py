"""The spellings of a file's path that people and programs use, as the one that is stored: `<bucket>/<key>`. Pure.

Nothing is decoded and no case is changed: events are decoded where they enter, and two objects may differ in case alone.
"""

from __future__ import annotations

import sys

from exr_inspector.catalog.versions import storable
from exr_inspector.errors import CatalogError

_SCHEMES = ("s3://", "s3a://")


def _without_scheme(spelling: str) -> str:
    """The text after `s3://` (in any case), or the whole text without it."""
    for scheme in _SCHEMES:
        if spelling[: len(scheme)].lower() == scheme:
            return spelling[len(scheme) :]
    return spelling


def names_bucket(spelling: str) -> bool:
    """Whether it begins with `s3://`, so that the bucket follows for certain."""
    return _without_scheme(spelling) != spelling


def catalog_path(spelling: str) -> str:
    """`s3://bucket/key`, `bucket/key` or `/bucket/key` as `bucket/key`.

    Raises:
        CatalogError: If there is no bucket and key in it.
    """
    rest = catalog_prefix(spelling)
    bucket, _, key = rest.partition("/")
    if not bucket or not key:
        raise CatalogError(f"{spelling!r} does not name a bucket and a key: write s3://bucket/key")
    return rest


def catalog_paths(spelling: str, buckets: tuple[str, ...] = ()) -> list[str]:
    """Paths that a spelling may mean, the likeliest first: as written, and as a key of each known bucket."""
    paths = []
    if not names_bucket(spelling):
        key = catalog_prefix(spelling)
        paths = [f"{bucket}/{key}" for bucket in buckets] if key else []
    try:
        return [catalog_path(spelling), *paths]
    except CatalogError:
        if not paths:
            raise
        return paths


def catalog_prefix(spelling: str) -> str:
    """A prefix of paths, which may end anywhere: `s3://bucket/shot` as `bucket/shot`."""
    return storable(_without_scheme(spelling).removeprefix("/"))


def prefix_end(prefix: str) -> str | None:
    """The first text after all that begin with `prefix`, in order of code points; None where nothing comes after them."""
    for length in range(len(prefix), 0, -1):
        code = ord(prefix[length - 1])
        if code < sys.maxunicode:
            after = 0xE000 if code == 0xD7FF else code + 1  # no surrogates
            return prefix[: length - 1] + chr(after)
    return None
