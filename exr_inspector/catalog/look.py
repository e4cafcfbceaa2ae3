"""One look at an object after its rows were stored: is it still the one they describe? Knows nothing of the tables."""

from __future__ import annotations

from enum import Enum

from exr_inspector.errors import SourceError
from exr_inspector.model import ObjectVersion
from exr_inspector.storage import Deadline, SourceOpener


class Sight(Enum):
    """What the look showed.

    STANDS: the rows' object, or a newer one whose event finds the rows, or one that nobody may look at any more.
    GONE: there is none.
    REPLACED: another one, of the same second, so that nothing but chance says which of the two is the newer.
    """

    STANDS = "stands"
    GONE = "gone"
    REPLACED = "replaced"


def look(
    opener: SourceOpener, bucket: str, key: str, stored: ObjectVersion, *, deadline: Deadline | None = None
) -> Sight:
    """Hold an object against the version that was stored of it; one request.

    Raises:
        SourceError: A retryable one.
    """
    try:
        found = opener.head(bucket, key, deadline=deadline)
    except SourceError as error:
        if error.retryable:
            raise
        return Sight.STANDS  # no longer readable; the next event about it says why
    if found is None:
        return Sight.GONE
    return Sight.REPLACED if _same_second(stored, found) and _differ(stored, found) else Sight.STANDS


def is_same(one: ObjectVersion, other: ObjectVersion) -> bool:
    """Whether two looks saw one version: the same content by ETag and size, written in the same second."""
    return _same_second(one, other) and not _differ(one, other)


def _same_second(one: ObjectVersion, other: ObjectVersion) -> bool:
    return one.mtime.replace(microsecond=0) == other.mtime.replace(microsecond=0)


def _differ(one: ObjectVersion, other: ObjectVersion) -> bool:
    if one.etag is not None and other.etag is not None:
        return (one.etag, one.size_bytes) != (other.etag, other.size_bytes)
    return (one.size_bytes, one.mtime) != (other.size_bytes, other.mtime)
