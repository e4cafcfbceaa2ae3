"""Names of objects: which keys can be addressed, which paths the settings allow, and how URLs are read.

Keys are literal. Nothing is decoded, trimmed or normalised here: `a b`, `a%20b` and `a+b` are three keys, and an
accented letter written as one code point is another key than the same letter written as two.

Keys that cannot be addressed: those with empty components (`a//b`, a leading or a trailing slash) and components `.`
and `..`. On S3, where obstore treats keys as paths, also those with control characters (U+0000 to U+001F and U+007F),
text that is not valid Unicode, and more bytes than S3 allows. A file in a folder may have any name: keys are text, so
bytes that are not UTF-8 are escaped (`file_key`). VAST's own element paths contain neither empty components nor `.` and
`..`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from exr_inspector.errors import AccessDenied, SourceError, UnsupportedKey

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPE = re.compile(r"\\(udc[89a-f][0-9a-f]|x5c)")
_BUCKET = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]{0,61}[A-Za-z0-9_])?")
MAX_KEY_BYTES = 1024
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def check_components(bucket: str, key: str) -> None:
    """Return if every component of the key can be a file name.

    Raises:
        UnsupportedKey: One of them cannot be a file name; the message gives the reason.
    """
    components = key.split("/")
    if not key:
        fault = "the key is empty"
    elif "" in components:
        fault = "it has an empty component (a leading, trailing or double slash)"
    elif "." in components or ".." in components:
        fault = "it has a component '.' or '..'"
    elif "\0" in key:
        fault = "it holds a null character"
    else:
        return
    raise UnsupportedKey(f"key {key!a} of bucket {bucket!a} cannot be addressed: {fault}")


def check_key(bucket: str, key: str) -> None:
    """Return if obstore can address the key as it is written.

    Raises:
        UnsupportedKey: It cannot; the message gives the reason.
    """
    check_components(bucket, key)
    if _CONTROL.search(key):
        fault = "it holds a control character"
    elif _SURROGATE.search(key):
        fault = "it is not valid Unicode"
    elif len(key.encode()) > MAX_KEY_BYTES:
        fault = f"it is longer than the {MAX_KEY_BYTES} bytes that S3 allows"
    else:
        return
    raise UnsupportedKey(f"key {key!a} of bucket {bucket!a} cannot be addressed: {fault}")


def file_key(path: str) -> str:
    r"""Return the key of a file, given its path as Python decodes it (PEP 383). Distinct files have distinct keys.

    A byte that is not UTF-8 is written as `\udcff`, and a backslash that could be read as part of such an escape as
    `\x5c`.
    """
    return _ESCAPE.sub(r"\\x5c\1", path).encode("utf-8", "backslashreplace").decode()


def file_path(key: str) -> str:
    """Return the path of the file that has a key: the inverse of `file_key`."""
    return _ESCAPE.sub(lambda found: "\\" if found[1] == "x5c" else chr(int(found[1][1:], 16)), key)


def check_file_key(bucket: str, key: str) -> None:
    """Return if a file can have this key.

    Raises:
        UnsupportedKey: No file can; the message gives the reason.
    """
    check_components(bucket, key)
    if _SURROGATE.search(key):
        fault = "it is not valid Unicode"
    elif (right := file_key(_decoded(file_path(key)))) != key:  # else a file would have two keys
        fault = f"the key of that file is {right!a}"
    else:
        return
    raise UnsupportedKey(f"key {key!a} of bucket {bucket!a} cannot be addressed: {fault}")


def _decoded(path: str) -> str:
    """Encode and decode a path again, since escapes may have combined bytes into valid UTF-8."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")


def key_order(key: str) -> bytes:
    """Return the sort key of a key: its bytes, the order of stores and tables; text that is not valid Unicode is escaped."""
    return key.encode("utf-8", "backslashreplace")


def check_bucket_name(name: str) -> None:
    """Return if an S3 bucket can have this name, so that it is safe as part of a URL.

    This is less strict than Amazon's rule: other stores allow capitals, underscores and names of one letter.

    Raises:
        SourceError: No bucket can have this name.
    """
    if not _BUCKET.fullmatch(name) or ".." in name:
        shown = name if len(name) <= 80 else f"{name[:80]}..."
        raise SourceError(f"{shown!a} is not the name of a bucket: expected letters, digits, dots, hyphens, at most 63")


@dataclass(frozen=True, slots=True)
class AllowList:
    """The objects that may be read; an empty list allows all.

    Attributes:
        buckets: Names of buckets.
        prefixes: Prefixes of `<bucket>/<key>`, compared literally.
    """

    buckets: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()

    def check(self, bucket: str, key: str | None) -> None:
        """Return if the object may be read, or, if `key` is None, if any object of the bucket may be.

        Raises:
            AccessDenied: EXR_ALLOWED_BUCKETS or EXR_ALLOWED_PREFIXES excludes it.
        """
        if self.buckets and bucket not in self.buckets:
            raise AccessDenied(f"bucket {bucket} is not among EXR_ALLOWED_BUCKETS")
        if key is not None and not self.admits(bucket, key):
            raise AccessDenied(f"{bucket}/{key} does not begin with one of EXR_ALLOWED_PREFIXES")

    def admits(self, bucket: str, key: str) -> bool:
        """Whether the path begins with an allowed prefix."""
        return not self.prefixes or f"{bucket}/{key}".startswith(self.prefixes)


def split_url(url: str) -> tuple[str, str] | None:
    """Return (bucket, key) of `s3://bucket/key`, without decoding; None for a local path.

    Raises:
        SourceError: Another scheme, or no bucket.
    """
    if not _SCHEME.match(url):
        return None
    scheme, rest = url.split("://", 1)
    bucket, _, key = rest.partition("/")
    if scheme.lower() != "s3":  # the rest is not shown: it may contain a password
        raise SourceError(f"expected s3://bucket/key or a local path, found a URL of {scheme!a}")
    if not bucket:
        raise SourceError("expected s3://bucket/key, found a URL without a bucket")
    return bucket, key
