"""The operations on rows that one transaction makes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent import futures
from contextlib import contextmanager
from typing import Any, TypeVar

import pyarrow as pa
from vastdb.config import QueryConfig
from vastdb.table_metadata import TableMetadata, TableType

from exr_inspector.catalog.schema import SCHEMA_VERSIONS, Table
from exr_inspector.catalog.schema.columns import RowId
from exr_inspector.catalog.sdk.errors import translated
from exr_inspector.catalog.sdk.known_tables import KnownTables
from exr_inspector.catalog.sdk.predicates import Where, every, is_in
from exr_inspector.catalog.sdk.transport import open_table
from exr_inspector.deadline import Deadline
from exr_inspector.errors import SchemaMissing
from exr_inspector.texts import program_command

ROW_ID = "$row_id"
_SORTED_ROW_ID = pa.decimal128(38, 0)
_SORTED_TYPES = {TableType.Elysium, TableType.Partitioned, TableType.SortedPartitions}  # their row ids are decimals
_INSERT_BYTES = 4 << 20  # the SDK sends up to 5 MB a request, and splits larger batches by columns, which costs updates
_IN_VALUES = 4_000  # values of one IN predicate; a request may have 4.5 MB

Result = TypeVar("Result")


class Work:
    """One transaction, used by one thread and by the requests that it passes to `at_once`.

    Every method raises CatalogError in place of the SDK's errors, and DeadlineExceeded instead of sending a request late.

    Attributes:
        tx: The SDK's transaction.
        is_contended: Whether the previous attempt failed because of another transaction.
    """

    def __init__(
        self,
        tx: Any,
        known: KnownTables,
        requests: futures.Executor,
        endpoint: str,
        deadline: Deadline | None = None,
        *,
        is_contended: bool = False,
    ) -> None:
        self.tx = tx
        self.is_contended = is_contended
        self._known = known
        self._requests = requests
        self._endpoint = endpoint
        self._deadline = deadline
        self._tables: dict[str, Any] = {}

    @contextmanager
    def _doing(self, what: str) -> Iterator[None]:
        if self._deadline is not None:
            self._deadline.check(what)
        with translated(what):
            yield

    def _metadata(self, table: Table) -> TableMetadata:
        with self._doing(f"open table {table.name}"):
            return self._known.metadata(table, self.tx)

    def _table(self, table: Table) -> Any:
        if table.name not in self._tables:
            self._tables[table.name] = open_table(self.tx, self._metadata(table))
        return self._tables[table.name]

    @property
    def server_version(self) -> tuple[int, ...]:
        """The server's version, such as (5, 3, 5, 0)."""
        return tuple(self.tx._rpc.api.vast_version)  # noqa: SLF001 - see transport.CHANGED

    @property
    def guard_count(self) -> int:
        """The number of rows of `guards` that `db setup` recorded; read once for each connection.

        Raises:
            SchemaMissing: No number is recorded.
        """
        if self._known.guard_count is None:
            rows = rows_of(self.select(SCHEMA_VERSIONS, ["guard_count"]))
            if not rows:
                raise SchemaMissing(
                    f"the table schema_versions has no number of guards: {program_command('db setup')} creates the tables"
                )
            self._known.guard_count = rows[0]["guard_count"]
        return self._known.guard_count

    def at_once(self, requests: Sequence[Callable[[], Result]]) -> list[Result]:
        """Run independent requests at the same time, and return their results in the same order.

        All have ended when this returns or raises, so that none reaches the server after the end of the transaction.

        Raises:
            CatalogError, DeadlineExceeded: The error of the first request in the list that failed.
        """
        first, *others = requests
        running = [self._requests.submit(request) for request in others]
        try:
            return [first(), *(future.result() for future in running)]
        finally:
            futures.wait(running)

    def select(
        self,
        table: Table,
        columns: Sequence[str],
        where: Where | None = None,
        *,
        row_ids: bool = False,
        limit: int | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Yield rows in no particular order; a small result takes one request.

        Args:
            table: The table.
            columns: Names of the columns to return.
            where: Makes the predicate from the table, such as `lambda t: t["path"] == x`.
            row_ids: Whether to add the column `$row_id`.
            limit: Maximum number of rows.
        """
        handle = self._table(table)
        # With one split, the SDK does not ask for the table's statistics to choose the number of splits.
        query = QueryConfig(num_splits=1, data_endpoints=[self._endpoint])
        predicate = None if where is None else where(handle)
        with self._doing(f"select from {table.name}"):
            yield from handle.select(list(columns), predicate, query, internal_row_id=row_ids, limit_rows=limit)

    def select_in(
        self,
        table: Table,
        columns: Sequence[str],
        column: str,
        values: Iterable[object],
        *,
        row_ids: bool = False,
        also: Where | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows that satisfy `also` and whose `column` is one of `values`, which may repeat."""
        wanted = list(dict.fromkeys(values))
        for start in range(0, len(wanted), _IN_VALUES):
            some = wanted[start : start + _IN_VALUES]
            yield from self.select(table, columns, every(is_in(column, some), also), row_ids=row_ids)

    def insert(self, table: Table, rows: pa.Table) -> None:
        """Insert rows, in as few requests as their size allows."""
        for batch in rows.combine_chunks().to_batches():
            for piece in _fitting(batch):
                with self._doing(f"insert into {table.name}"):
                    self._table(table).insert(piece)

    def _row_ids(self, table: Table, row_ids: Sequence[RowId]) -> pa.Array:
        is_sorted = self._metadata(table).table_type in _SORTED_TYPES
        return pa.array(row_ids, _SORTED_ROW_ID if is_sorted else pa.uint64())

    def update(self, table: Table, row_ids: Sequence[RowId], columns: Mapping[str, pa.Array]) -> None:
        """Overwrite columns of the rows with these ids: one value for each id, in the same order."""
        with self._doing(f"update {table.name}"):
            self._table(table).update(pa.table({ROW_ID: self._row_ids(table, row_ids), **columns}))

    def delete(self, table: Table, row_ids: Sequence[RowId]) -> None:
        """Delete the rows with these ids; without ids, send no request."""
        if row_ids:
            with self._doing(f"delete rows of {table.name}"):
                self._table(table).delete(pa.table({ROW_ID: self._row_ids(table, sorted(row_ids))}))


def _fitting(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """The batch in pieces that fit into one insert request each."""
    if batch.num_rows <= 1 or pa.ipc.get_record_batch_size(batch) <= _INSERT_BYTES:
        yield batch
        return
    half = batch.num_rows // 2
    yield from _fitting(batch.slice(0, half))
    yield from _fitting(batch.slice(half))


def rows_of(batches: Iterable[pa.RecordBatch]) -> list[dict[str, Any]]:
    """Rows as dicts, by column name."""
    return [row for batch in batches for row in batch.to_pylist()]
