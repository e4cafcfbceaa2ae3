"""What other packages know of a source: the shape of a reader, its budget, and an entry of a listing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from exr_inspector.model import Cost, ObjectVersion


@dataclass(frozen=True, slots=True)
class ReadBudget:
    """What one reader may ask for; None is no bound.

    Repeated attempts after a fault of the store do not count here (they do in `Cost`): a weak network must not turn a
    sound file into one that is refused for good.

    Attributes:
        requests: Reads of the store, after neighbouring ranges were merged.
        bytes: Bytes asked for, merged gaps included.
    """

    requests: int | None = None
    bytes: int | None = None


@dataclass(frozen=True, slots=True)
class ObjectEntry:
    """One object of a listing.

    Attributes:
        key: The key, literally.
        etag: The store's ETag without quotes, None where it gives none.
        size_bytes: Bytes of the object.
        mtime: Time of the last modification, UTC.
    """

    key: str
    etag: str | None
    size_bytes: int
    mtime: datetime


class RangeSource(Protocol):
    """One version of one object, read by ranges. Safe to share between threads."""

    @property
    def bucket(self) -> str:
        """Name of the bucket."""

    @property
    def key(self) -> str:
        """The key, literally: decoded once by whoever read it from an event, never changed here."""

    @property
    def path(self) -> str:
        """`<bucket>/<key>`."""

    @property
    def version(self) -> ObjectVersion | None:
        """What is being read; None until the first request was answered."""

    @property
    def cost(self) -> Cost:
        """Requests made (every attempt) and bytes of their bodies so far, by this reader and those made by `limited`."""

    def read(self, *, start: int, end: int) -> bytes:
        """The bytes from `start` up to, not including, `end`.

        Fewer come back only where the object ends before `end`: none at all when it ends at or before `start`, so an empty
        object reads as `b""` and has a version with `size_bytes` 0.

        Raises:
            ObjectNotFound: There is no such object.
            AccessDenied: The store refuses, or the key leads out of its mounted folder.
            ObjectChanged: The object is no longer the one that was read first.
            SourceUnavailable: The store failed, throttled or stalled, and went on doing so when asked again.
            BudgetExceeded: The next request would go over the budget; it was not made.
            DeadlineExceeded: The time is used up.
            ValueError: Not 0 <= start <= end.
        """

    def read_many(self, ranges: Sequence[tuple[int, int]], *, coalesce_bytes: int) -> list[bytes]:
        """The bytes of each (start, end), in the order asked, each as `read` would give them.

        Ranges that overlap, touch, or leave a gap of no more than `coalesce_bytes` are fetched by one request; requests that
        do not depend on each other run at the same time. Raises what `read` raises.
        """

    def limited(self, budget: ReadBudget) -> RangeSource:
        """A reader of the same version that counts into the same cost and also has to keep to `budget`, from now on."""

    def beside(self, name: str) -> RangeSource | None:
        """A reader of another object in the same folder or below it, with the same cost, budget and deadline.

        Args:
            name: Path relative to the folder, without `.` and `..`.

        Returns:
            None where the object has no folder.

        Raises:
            AccessDenied: The settings do not allow that object.
            UnsupportedKey: It cannot be addressed.
        """


class WrappedSource:
    """What all sources that wrap another one have in common: the identity, the version and the cost of that source."""

    def __init__(self, source: RangeSource) -> None:
        self._source = source

    @property
    def bucket(self) -> str:
        """Name of the bucket."""
        return self._source.bucket

    @property
    def key(self) -> str:
        """The key, literally."""
        return self._source.key

    @property
    def path(self) -> str:
        """`<bucket>/<key>`."""
        return self._source.path

    @property
    def version(self) -> ObjectVersion | None:
        """The version that is being read."""
        return self._source.version

    @property
    def cost(self) -> Cost:
        """Requests made and bytes of their bodies."""
        return self._source.cost


class PrefixedSource(WrappedSource):
    """Reads ranges of `prefix` from memory, all others from another source. Safe to share between threads."""

    def __init__(self, source: RangeSource, prefix: bytes) -> None:
        """Take the first bytes of `source`, which have been read from it.

        Raises:
            ValueError: The source was not read yet, so its size is unknown.
        """
        if source.version is None:
            raise ValueError("a source that was not read has no prefix")
        super().__init__(source)
        self._prefix = prefix
        self._is_whole = len(prefix) >= source.version.size_bytes

    def holds(self, ranges: Sequence[tuple[int, int]]) -> bool:
        """Whether all of these ranges are in memory."""
        return self._is_whole or all(end <= len(self._prefix) for _, end in ranges)

    def read(self, *, start: int, end: int) -> bytes:
        """As RangeSource.read."""
        if not 0 <= start <= end:
            return self._source.read(start=start, end=end)  # which says what is wrong with it
        if self.holds([(start, end)]):
            return self._prefix[start:end]
        return self._prefix[start:] + self._source.read(start=max(start, len(self._prefix)), end=end)

    def read_many(self, ranges: Sequence[tuple[int, int]], *, coalesce_bytes: int) -> list[bytes]:
        """As RangeSource.read_many; only what lies beyond the prefix is asked for."""
        have = len(self._prefix)
        reach = [end > have and not self._is_whole for _, end in ranges]
        beyond = [(max(start, have), end) for (start, end), far in zip(ranges, reach, strict=True) if far]
        fetched = iter(self._source.read_many(beyond, coalesce_bytes=coalesce_bytes) if beyond else ())
        return [
            self._prefix[start:end] + (next(fetched) if far else b"")
            for (start, end), far in zip(ranges, reach, strict=True)
        ]

    def limited(self, budget: ReadBudget) -> RangeSource:
        """As RangeSource.limited; bytes in memory do not count against the budget."""
        return PrefixedSource(self._source.limited(budget), self._prefix)

    def beside(self, name: str) -> RangeSource | None:
        """As RangeSource.beside."""
        return self._source.beside(name)
