"""What the stored tables are like, asked once and then reused, so that most transactions need no request for it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from vastdb.table_metadata import TableMetadata, TableRef, TableType

from exr_inspector.catalog.schema import FILES, Table

# Types of the other tables, by the type of `files`: only `files` is ever partitioned.
_OTHERS = {TableType.SortedPartitions: TableType.Elysium, TableType.Partitioned: TableType.Regular}


class KnownTables:
    """Metadata of one schema's tables, shared by all transactions and threads of a connection.

    `db setup` creates all tables alike, so at first only `files` is asked for, and the others are taken to be like it. After
    `read_each`, every table is asked for.

    Attributes:
        guard_count: Number of rows of `guards`; None until it was read.
    """

    def __init__(self, bucket: str, schema: str) -> None:
        self.guard_count: int | None = None
        self._place = (bucket, schema)
        self._tables: dict[str, TableMetadata] = {}
        self._files: TableMetadata | None = None
        self._reads_each = False

    def metadata(self, table: Table, tx: Any) -> TableMetadata:
        """The SDK's metadata of a table: our columns, whether it is sorted and whether it is partitioned.

        Args:
            table: The table.
            tx: The SDK's transaction, for the request if one is needed.
        """
        if table.name not in self._tables:
            self._tables[table.name] = self._describe(table, tx)
        return self._tables[table.name]

    def read_each(self) -> None:
        """Ask for every table from now on: another process may have changed some of them."""
        self._reads_each = True
        self.forget()

    def forget(self) -> None:
        """Drop what is known, so that it is asked for at the next use."""
        self._tables, self.guard_count, self._files = {}, None, None

    def _describe(self, table: Table, tx: Any) -> TableMetadata:
        if self._reads_each:
            return self._like(table, self._read(table, tx))
        if not table.sorted_by:
            return _metadata(*self._place, table, TableType.Regular)
        if self._files is None:
            self._files = self._read(FILES, tx)
        return self._like(table, self._files)

    def _like(self, table: Table, known: TableMetadata) -> TableMetadata:
        """The metadata of `table`, which is like the table that was asked for."""
        kind = known.table_type if table.name == known.ref.table else _OTHERS.get(known.table_type, known.table_type)
        if kind not in _OTHERS:
            return _metadata(*self._place, table, kind)
        reference = TableRef(*self._place, table.name)
        return TableMetadata(reference, table.arrow, kind, partitions_metadata=known.partitioning)

    def _read(self, table: Table, tx: Any) -> TableMetadata:
        stored = TableMetadata(TableRef(*self._place, table.name))
        stored.load_schema(tx)
        return stored


@lru_cache(maxsize=64)
def _metadata(bucket: str, schema: str, table: Table, kind: TableType) -> TableMetadata:
    """Metadata without partitions. Every connection shares it, since the SDK takes milliseconds to convert the columns."""
    return TableMetadata(TableRef(bucket, schema, table.name), table.arrow, kind)
