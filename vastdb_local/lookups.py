"""In-memory indexes of columns that are often looked up by value, so that a lookup does not read the whole column.

An index only narrows a query: it lists the rows that may have a value, and DuckDB tests those with the whole predicate, in the
snapshot of the transaction. It may list too many rows (deleted, rolled back, not yet committed, or of a value with the same
hash), but never too few. To be complete it is made in three steps: first every insert and update is added to it; when all
transactions that were open at that moment have ended, the column is read from a fresh snapshot, which holds what they did;
transactions that begin after that may use it. Indexes are not stored: after a start they are made again.

DuckDB's own indexes are not used: with deletes and inserts in one transaction they have had faults that made the file
unusable, and a table that has one keeps the room of deleted rows.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from vastdb_local.refusals import Refusal

Value = str | bytes | int
RowIds = npt.NDArray[np.uint64]

_MOST_CANDIDATES = 100_000  # rows; reading more of them one by one is no faster than reading the column
_ROWS_PER_VALUE = 10_000  # on average; a column with fewer distinct values gets no index
_MOST_RUNS = 1 << 24  # each takes 24 bytes
_MAX_STALE_ROWS = 1 << 16  # an index is rebuilt after this many deleted or changed rows, plus half of its size


def is_indexable(type_: pa.DataType) -> bool:
    """Whether Python's equality of values of this type is the database's."""
    return bool(pa.types.is_string(type_) or pa.types.is_binary(type_) or pa.types.is_integer(type_))


@dataclass(frozen=True, slots=True)
class _Segment:
    """Runs of rows that follow each other with the same value."""

    hashes: npt.NDArray[np.int64]
    firsts: RowIds
    counts: RowIds

    def sorted(self) -> _Segment:
        """The same runs sorted by hash."""
        order = np.argsort(self.hashes, kind="stable")
        return _Segment(self.hashes[order], self.firsts[order], self.counts[order])

    def joined(self, other: _Segment) -> _Segment:
        """The runs of both segments, unsorted."""
        return _Segment(
            np.concatenate((self.hashes, other.hashes)),
            np.concatenate((self.firsts, other.firsts)),
            np.concatenate((self.counts, other.counts)),
        )


class _Runs:
    """Segments, each more than twice as long as the next, so that there are few, and each run is seldom moved."""

    def __init__(self) -> None:
        self._segments: list[_Segment] = []

    def __len__(self) -> int:
        return sum(len(segment.hashes) for segment in self._segments)

    def add(self, values: pa.Array, row_ids: RowIds) -> None:
        """Add the values of some rows. The hash is Python's, which differs between processes."""
        if not len(values):
            return
        encoded = pc.run_end_encode(values)
        ends = encoded.run_ends.to_numpy(zero_copy_only=False)
        gaps = np.flatnonzero(np.diff(row_ids) != 1) + 1
        starts = np.union1d(np.concatenate(([0], ends[:-1])), gaps).astype(np.int64)
        hashes = np.fromiter(map(hash, encoded.values.to_pylist()), np.int64)
        hashes = hashes[np.searchsorted(ends, starts, side="right")]
        counts = np.diff(starts, append=len(values)).astype(np.uint64)
        self._append(_Segment(hashes, row_ids[starts], counts).sorted())

    def _append(self, segment: _Segment) -> None:
        while self._segments and len(self._segments[-1].hashes) <= 2 * len(segment.hashes):
            segment = self._segments.pop().joined(segment).sorted()
        self._segments.append(segment)

    def find(self, values: Collection[Value]) -> RowIds | None:
        """Ascending row ids that may hold one of the values; None when there are too many."""
        wanted = np.unique(np.fromiter(map(hash, values), np.int64, len(values)))
        firsts, counts = [], []
        for segment in self._segments:
            start = np.searchsorted(segment.hashes, wanted, side="left")
            places = _ranges(start, np.searchsorted(segment.hashes, wanted, side="right") - start)
            firsts.append(segment.firsts[places])
            counts.append(segment.counts[places])
        if not firsts:
            return np.empty(0, np.uint64)
        count = np.concatenate(counts)
        if int(count.sum()) > _MOST_CANDIDATES:
            return None
        return np.unique(_ranges(np.concatenate(firsts), count))

    def distinct(self) -> int:
        """Number of distinct hashes."""
        if not self._segments:
            return 0
        return len(np.unique(np.concatenate([segment.hashes for segment in self._segments])))

    def rows(self) -> int:
        """Number of rows."""
        return sum(int(segment.counts.sum()) for segment in self._segments)


def _ranges(first: npt.NDArray[Any], count: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
    """`first`, `first + 1`, ... `count` of them, one range after the other."""
    counts = count.astype(np.uint64)
    before = np.cumsum(counts, dtype=np.uint64) - counts
    return np.repeat(first.astype(np.uint64) - before, counts.astype(np.int64)) + np.arange(
        int(counts.sum()), dtype=np.uint64
    )


@dataclass(slots=True)
class _Index:
    """The index of one column of one table, complete or being built.

    Attributes:
        looked_up: Number of lookups so far.
        waiting: Transactions that must end before the column is read; None while values are not collected yet.
        reading: Whether a thread is reading the column.
        after: Transactions with a higher id may use it, since they began after that reading (older ones may still see rows that
            were deleted before it); None until it is complete.
        useless: Whether the column has too few distinct values, or the table too many rows.
        gone: Rows deleted or changed since it was complete.
        size: Number of rows when it was complete.
    """

    looked_up: int = 0
    waiting: frozenset[int] | None = None
    reading: bool = False
    after: int | None = None
    useless: bool = False
    gone: int = 0
    size: int = 0
    runs: _Runs = field(default_factory=_Runs)

    def begin(self, waiting: frozenset[int]) -> None:
        """Start to collect values; later inserts are added as they happen."""
        self.waiting, self.after, self.gone, self.runs = waiting, None, 0, _Runs()

    def add(self, values: pa.Array, row_ids: pa.Array) -> None:
        """Add values, once collecting has started."""
        if self.waiting is None:
            return
        self.runs.add(values, row_ids.to_numpy(zero_copy_only=False))
        if len(self.runs) > _MOST_RUNS:
            self.abandon()

    def finish(self, after: int) -> None:
        """Mark it complete for transactions with a higher id than `after`."""
        self.size = self.runs.rows()
        self.reading = False
        if self.size > _ROWS_PER_VALUE * self.runs.distinct():
            self.abandon()
        if not self.useless:
            self.after = after

    def abandon(self) -> None:
        """Drop the index and never make it again while the server runs."""
        self.useless, self.after, self.waiting, self.runs = True, None, None, _Runs()


class Lookups:
    """The indexes of one database; safe to use from many threads.

    Args:
        index_after: Number of lookups by a column before it gets an index.
        open_transactions: Gives the ids of all transactions that have not ended.
        read: Reads (values, row ids) of a column of a stored table from a fresh snapshot; with them comes the highest id of a
            transaction that may have begun before that snapshot.
    """

    def __init__(
        self,
        index_after: int,
        open_transactions: Callable[[], frozenset[int]],
        read: Callable[[str, str], tuple[int, Iterator[pa.RecordBatch]]],
    ) -> None:
        self._index_after = index_after
        self._open_transactions = open_transactions
        self._read = read
        self._lock = threading.Lock()
        self._tables: dict[int, dict[str, _Index]] = {}

    def add(self, table_id: int, values: Mapping[str, pa.Array], row_ids: pa.Array) -> None:
        """Call before any transaction inserts rows: their values by stored column, and their ids."""
        with self._lock:
            for column, index in self._tables.get(table_id, {}).items():
                if column in values:
                    index.add(values[column], row_ids)

    def replace(self, table_id: int, values: Mapping[str, pa.Array], row_ids: pa.Array) -> None:
        """Call before cells are updated."""
        self.add(table_id, values, row_ids)
        with self._lock:
            for column in self._tables.get(table_id, {}).keys() & values.keys():
                self._tables[table_id][column].gone += len(row_ids)

    def delete(self, table_id: int, count: int) -> None:
        """Call when rows are deleted."""
        with self._lock:
            for index in self._tables.get(table_id, {}).values():
                index.gone += count

    def forget(self, table_id: int) -> None:
        """Drop the indexes of a table."""
        with self._lock:
            self._tables.pop(table_id, None)

    def find(self, txid: int, table_id: int, stored: str, equal: Mapping[str, Collection[Value]]) -> RowIds | None:
        """Ascending ids of all rows that can match, and perhaps of others; None when no index knows them.

        Args:
            txid: The transaction that asks.
            table_id: The table.
            stored: Name of its stored table.
            equal: Columns that a predicate holds to one of some values.
        """
        best: RowIds | None = None
        for column, values in equal.items():
            index, needs_reading = self._index_of(table_id, column)
            if needs_reading:
                self._read_into(index, table_id, stored, column)
            with self._lock:
                found = index.runs.find(values) if index.after is not None and index.after < txid else None
            if found is not None and (best is None or len(found) < len(best)):
                best = found
        return best

    def _index_of(self, table_id: int, column: str) -> tuple[_Index, bool]:
        """The index of a column, and whether this thread has to fill it."""
        with self._lock:
            index = self._tables.setdefault(table_id, {}).setdefault(column, _Index())
            index.looked_up += 1
            if index.after is not None and index.gone > _MAX_STALE_ROWS + index.size // 2:
                index.begin(self._open_transactions())
            if index.useless or index.reading or index.after is not None or index.looked_up < self._index_after:
                return index, False
            if index.waiting is None:
                index.begin(self._open_transactions())
            index.reading = not (index.waiting or frozenset()) & self._open_transactions()
            return index, index.reading

    def _read_into(self, index: _Index, table_id: int, stored: str, column: str) -> None:
        try:
            after, batches = self._read(stored, column)
            for batch in batches:
                with self._lock:
                    index.add(batch.column(0), batch.column(1))
            with self._lock:
                index.finish(after)
        except Refusal:
            pass  # the table or column was dropped a moment ago, which the query itself reports
        finally:
            if index.reading:
                self.forget(table_id)
