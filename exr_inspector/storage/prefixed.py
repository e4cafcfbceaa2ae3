"""A source whose first bytes are at hand already: what lies within them costs no request."""

from __future__ import annotations

from collections.abc import Sequence

from exr_inspector.model import Cost, ObjectVersion
from exr_inspector.storage.source import RangeSource, ReadBudget


class PrefixedSource:
    """Reads ranges of `prefix` from memory, all others from the source behind it. Safe to share between threads."""

    def __init__(self, source: RangeSource, prefix: bytes) -> None:
        """Take the first bytes of `source`, which have been read from it.

        Raises:
            ValueError: The source was not read yet, so that nobody knows where it ends.
        """
        if source.version is None:
            raise ValueError("a source that was not read has no prefix")
        self._source = source
        self._prefix = prefix
        self._is_whole = len(prefix) >= source.version.size_bytes

    @property
    def bucket(self) -> str:
        """As the source behind it, as are `key`, `path`, `version` and `cost`."""
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
        """What is being read."""
        return self._source.version

    @property
    def cost(self) -> Cost:
        """Requests made and bytes of their bodies."""
        return self._source.cost

    def holds(self, ranges: Sequence[tuple[int, int]]) -> bool:
        """Whether all of these ranges are at hand."""
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
        """As RangeSource.limited; what is at hand costs nothing of the budget."""
        return PrefixedSource(self._source.limited(budget), self._prefix)
