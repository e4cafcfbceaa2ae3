"""Public types of sources: the reader's interface, its budget, and an entry of a listing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from exr_inspector.model import Cost, ObjectVersion


@dataclass(frozen=True, slots=True)
class ReadBudget:
    """The limits of one reader; None is no limit.

    Retries after a fault of the store do not count here (they do in `Cost`): an unreliable network must not cause the
    permanent rejection of a valid file.

    Attributes:
        requests: Reads of the store, after neighbouring ranges were merged.
        bytes: Bytes requested, including merged gaps.
    """

    requests: int | None = None
    bytes: int | None = None


@dataclass(frozen=True, slots=True)
class ObjectEntry:
    """One object of a listing.

    Attributes:
        key: The key, literally.
        version: Its version; the ETag is None if the listing has none.
    """

    key: str
    version: ObjectVersion


class RangeSource(Protocol):
    """Reads ranges of one version of one object. Safe to share between threads."""

    @property
    def bucket(self) -> str:
        """Name of the bucket."""

    @property
    def key(self) -> str:
        """The key, literally: decoded once where it was read from an event, unchanged here."""

    @property
    def path(self) -> str:
        """`<bucket>/<key>`."""

    @property
    def version(self) -> ObjectVersion | None:
        """The version that is read; None until the first response."""

    @property
    def cost(self) -> Cost:
        """Requests made (every attempt) and bytes of their bodies so far, by this reader and those that `limited` returned."""

    def read(self, *, start: int, end: int) -> bytes:
        """Return the bytes from `start` up to, not including, `end`.

        Returns fewer bytes only if the object ends before `end`: none if it ends at or before `start`. An empty object
        therefore reads as `b""` and has a version with `size_bytes` 0.

        Raises:
            ObjectNotFound: The object does not exist.
            AccessDenied: The store denies access, or the key leads out of its mounted folder.
            ObjectChanged: The object is no longer the version that was read first.
            SourceUnavailable: The store failed, throttled or stalled, also on every retry.
            BudgetExceeded: The next request would exceed the budget; it was not sent.
            DeadlineExceeded: The time is used up.
            ValueError: Not 0 <= start <= end.
        """

    def read_many(self, ranges: Sequence[tuple[int, int]], *, coalesce_bytes: int) -> list[bytes]:
        """Return the bytes of each (start, end), in the given order, each as `read` returns them.

        Ranges that overlap, touch, or leave a gap of at most `coalesce_bytes` are fetched by one request; independent
        requests run concurrently. Raises: as `read`.
        """

    def limited(self, budget: ReadBudget) -> RangeSource:
        """Return a reader of the same version that adds to the same cost and must also stay within `budget` from now on."""

    def beside(self, name: str) -> RangeSource | None:
        """Return a reader of another object in the same folder or below it, with the same cost, budget and deadline.

        Args:
            name: Path relative to the folder, without `.` and `..`.

        Returns:
            None if the object has no folder.

        Raises:
            AccessDenied: The settings do not allow that object.
            UnsupportedKey: It cannot be addressed.
        """


class WrappedSource:
    """Base of sources that wrap another one; passes on its identity, version and cost."""

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
        """The version that is read."""
        return self._source.version

    @property
    def cost(self) -> Cost:
        """Requests made and bytes of their bodies."""
        return self._source.cost


class PrefixedSource(WrappedSource):
    """Reads ranges of `prefix` from memory, all others from another source. Safe to share between threads."""

    def __init__(self, source: RangeSource, prefix: bytes) -> None:
        """Wrap `source`; `prefix` is its first bytes, read from it.

        Raises:
            ValueError: The source has not been read, so its size is unknown.
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
            return self._source.read(start=start, end=end)  # raises the ValueError
        if self.holds([(start, end)]):
            return self._prefix[start:end]
        return self._prefix[start:] + self._source.read(start=max(start, len(self._prefix)), end=end)

    def read_many(self, ranges: Sequence[tuple[int, int]], *, coalesce_bytes: int) -> list[bytes]:
        """As RangeSource.read_many; only bytes beyond the prefix are requested."""
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
