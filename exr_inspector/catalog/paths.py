"""Turns the spellings of a file's path into the stored one, `<bucket>/<key>`.

Keys are not decoded, since events are decoded where they arrive; case is kept, since two objects may differ in case alone.
"""

from __future__ import annotations

import sys

from exr_inspector.errors import CatalogError
from exr_inspector.texts import unicode_text

_SCHEMES = ("s3://", "s3a://")


def _without_scheme(spelling: str) -> str:
    """The text without a leading `s3://` or `s3a://`, in any case."""
    for scheme in _SCHEMES:
        if spelling[: len(scheme)].lower() == scheme:
            return spelling[len(scheme) :]
    return spelling


def names_bucket(spelling: str) -> bool:
    """Whether the spelling begins with `s3://` or `s3a://`, so that the first word after it is a bucket."""
    return _without_scheme(spelling) != spelling


def catalog_path(spelling: str) -> str:
    """`s3://bucket/key`, `bucket/key` or `/bucket/key` as `bucket/key`.

    Raises:
        CatalogError: The spelling has no bucket or no key.
    """
    rest = catalog_prefix(spelling)
    bucket, _, key = rest.partition("/")
    if not bucket or not key:
        raise CatalogError(f"{spelling!r} does not name a bucket and a key: write s3://bucket/key")
    return rest


def catalog_paths(spelling: str, buckets: tuple[str, ...] = ()) -> list[str]:
    """The paths that a spelling may mean, the likeliest first: as it is, then as a key in each of the buckets.

    Raises:
        CatalogError: It can mean none.
    """
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
    """A prefix of paths, which may end anywhere: `bucket/shot` for `s3://bucket/shot`."""
    return unicode_text(_without_scheme(spelling).removeprefix("/"))


def prefix_end(prefix: str) -> str | None:
    """The smallest text, by code points, that is greater than all texts that begin with `prefix`; None if there is none."""
    for length in range(len(prefix), 0, -1):
        code = ord(prefix[length - 1])
        if code < sys.maxunicode:
            after = 0xE000 if code == 0xD7FF else code + 1  # no surrogates
            return prefix[: length - 1] + chr(after)
    return None
