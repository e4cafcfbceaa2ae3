"""Names of objects: which keys can be addressed, which paths a configuration allows, and what a URL says.

Keys are literal. Nothing is decoded, trimmed or normalised here: `a b`, `a%20b` and `a+b` are three keys, and an accent
written as one code point is another key than the same accent written as two.

What cannot be addressed, since obstore takes keys as paths: empty components (`a//b`, a leading or a trailing slash),
components `.` and `..`, control characters (U+0000 to U+001F and U+007F), text that is not valid Unicode; and in a mounted
folder a name that ends in `#` and digits. VAST's own element paths hold none of the first two kinds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from exr_inspector.errors import AccessDenied, SourceError, UnsupportedKey

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def check_key(bucket: str, key: str) -> None:
    """Return when the key can be addressed as it stands.

    Raises:
        UnsupportedKey: It cannot; the message says what is in the way.
    """
    components = key.split("/")
    if not key:
        fault = "the key is empty"
    elif "" in components:
        fault = "it has an empty component (a leading, trailing or double slash)"
    elif "." in components or ".." in components:
        fault = "it has a component '.' or '..'"
    elif _CONTROL.search(key):
        fault = "it holds a control character"
    elif _SURROGATE.search(key):
        fault = "it is not valid Unicode"
    else:
        return
    raise UnsupportedKey(f"key {key!a} of bucket {bucket!a} cannot be addressed: {fault}")


@dataclass(frozen=True, slots=True)
class AllowList:
    """Which objects may be read; an empty list allows all.

    Attributes:
        buckets: Names of buckets.
        prefixes: Beginnings of `<bucket>/<key>`, compared literally.
    """

    buckets: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()

    def check(self, bucket: str, key: str | None) -> None:
        """Return when the object may be read, or with `key` None when some object of the bucket may.

        Raises:
            AccessDenied: It may not, by EXR_ALLOWED_BUCKETS or EXR_ALLOWED_PREFIXES.
        """
        if self.buckets and bucket not in self.buckets:
            raise AccessDenied(f"bucket {bucket} is not among EXR_ALLOWED_BUCKETS")
        if key is not None and not self.admits(bucket, key):
            raise AccessDenied(f"{bucket}/{key} does not begin with one of EXR_ALLOWED_PREFIXES")

    def admits(self, bucket: str, key: str) -> bool:
        """Whether the path begins with an allowed prefix."""
        return not self.prefixes or f"{bucket}/{key}".startswith(self.prefixes)


def split_url(url: str) -> tuple[str, str] | None:
    """(bucket, key) of `s3://bucket/key`, taken literally; None for a local path.

    Raises:
        SourceError: Another scheme, or no bucket.
    """
    if not _SCHEME.match(url):
        return None
    scheme, rest = url.split("://", 1)
    bucket, _, key = rest.partition("/")
    if scheme.lower() != "s3" or not bucket:
        raise SourceError(
            f"{scheme!a}:// is not a place objects are read from: expected s3://bucket/key or a local path"
        )
    return bucket, key
