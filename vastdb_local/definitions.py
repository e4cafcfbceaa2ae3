"""Schemas, tables, columns and projections as one transaction sees them.

A VAST table is a DuckDB table `_vast.t<id>` with columns `row_id`, `writer` and `c<id>` for each column, so that renames
touch no data and names differing in case stay apart; beside it stands a view with the plain names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property, lru_cache

import pyarrow as pa

from vastdb_local.refusals import bad_request, not_found
from vastdb_local.sql import quoted

ROW_ID = "$row_id"
SORTED_ROW_IDS = 2**64  # added to those of sorted tables, so that clients that store them in 64 bits fail in tests
EXTERNAL_ROW_ID = "vastdb_rowid"  # a column of this name holds the row ids and lets a client choose them

COLUMN_ID_KEY = b"VAST:column_id"
_PARTITION_KEY = b"local:partition"  # position of a column among those that partition the table; not sent to clients
_SORT_TYPE_KEY = b"VAST:sort_type"
_SORT_INDEX_KEY = b"VAST:sort_index"


@dataclass(frozen=True, slots=True)
class Schema:
    """A VAST schema; `path` is its full name, nested ones as `outer/inner`; `view_schema` holds the views of its tables."""

    id: int
    bucket: str
    path: str
    properties: str
    view_schema: str


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its declared Arrow field, whose metadata holds the id, and its stored name."""

    id: int
    field: pa.Field

    @property
    def stored(self) -> str:
        """Name of the column in the DuckDB table."""
        return f"c{self.id}"

    def partitioning(self, place: int) -> Column:
        """The same column as one that partitions its table, by its place among those."""
        return Column(self.id, self.field.with_metadata({**self.field.metadata, _PARTITION_KEY: str(place).encode()}))


@dataclass(frozen=True)
class Table:
    """A table as one transaction sees it.

    Attributes:
        sorting_key: Ids of the sorted columns, most significant first; empty for an unsorted table.
        external_row_ids: True once rows were inserted with ids that the client chose.
    """

    id: int
    schema: Schema
    name: str
    view_name: str
    properties: str
    columns: tuple[Column, ...]
    sorting_key: tuple[int, ...]
    external_row_ids: bool

    @property
    def stored(self) -> str:
        """Name of the DuckDB table."""
        return f"_vast.t{self.id}"

    @property
    def view(self) -> str:
        """Name of the view, for SQL."""
        return f"{quoted(self.schema.view_schema)}.{quoted(self.view_name)}"

    @cached_property
    def partitioned_by(self) -> tuple[Column, ...]:
        """Columns by whose values the table is partitioned; mostly none."""
        keys = [column for column in self.columns if _PARTITION_KEY in column.field.metadata]
        return tuple(sorted(keys, key=lambda column: int(column.field.metadata[_PARTITION_KEY])))

    @property
    def fixed_columns(self) -> frozenset[int]:
        """Ids of columns that cannot be updated or dropped: those that sort or partition the table."""
        return frozenset([*self.sorting_key, *(column.id for column in self.partitioned_by)])

    @property
    def _has_decimals(self) -> bool:
        return bool(self.sorting_key or self.partitioned_by)

    @property
    def row_id_type(self) -> pa.DataType:
        """Type of `$row_id` on the wire: a decimal in sorted and in partitioned tables."""
        return pa.decimal128(38, 0) if self._has_decimals else pa.uint64()

    @property
    def row_id_sql(self) -> str:
        """SQL of `$row_id` as it is on the wire."""
        return f"CAST(CAST(row_id AS HUGEINT) + {SORTED_ROW_IDS} AS DECIMAL(38, 0))" if self._has_decimals else "row_id"

    def wire_row_ids(self, stored: pa.Array) -> pa.Array:
        """Stored row ids (uint64) as they are on the wire."""
        if not self._has_decimals:
            return stored
        return pa.array([Decimal(row_id + SORTED_ROW_IDS) for row_id in stored.to_pylist()], self.row_id_type)

    def stored_row_ids(self, wire: pa.Array) -> pa.Array:
        """Row ids as a client sends them, as they are stored (uint64).

        Raises:
            Refusal: 400 when they are of another type than this table's, or out of its range.
        """
        if wire.type != self.row_id_type or wire.null_count:
            raise bad_request(
                "TabularMismatchColumnType", f"{ROW_ID} of table {self.name} is {self.row_id_type}, not {wire.type}."
            )
        if not self._has_decimals:
            return wire
        numbers = [int(row_id) - SORTED_ROW_IDS for row_id in wire.to_pylist()]
        if any(not 0 <= number < SORTED_ROW_IDS for number in numbers):
            raise bad_request(
                "InvalidArgument", f"Table {self.name} is sorted or partitioned and gives no such {ROW_ID}."
            )
        return pa.array(numbers, pa.uint64())

    @cached_property
    def by_name(self) -> Mapping[str, Column]:
        """The columns by name."""
        return {column.field.name: column for column in self.columns}

    @cached_property
    def by_id(self) -> Mapping[int, Column]:
        """The columns by id."""
        return {column.id: column for column in self.columns}

    def column(self, name: str) -> Column:
        """The column of that name.

        Raises:
            Refusal: 404 NoSuchColumn.
        """
        column = self.by_name.get(name)
        if column is None:
            raise not_found("NoSuchColumn", f"Table {self.name} has no column {name}.")
        return column

    def listed(self, columns: Iterable[Column]) -> list[pa.Field]:
        """Fields as `list columns` answers them: the place in the sorting key is in their metadata."""
        places = {column_id: index for index, column_id in enumerate(self.sorting_key)}
        fields = []
        for column in columns:
            place = places.get(column.id)
            metadata = {key: value for key, value in column.field.metadata.items() if key != _PARTITION_KEY}
            if place is not None:
                metadata |= {_SORT_TYPE_KEY: b"Sorted", _SORT_INDEX_KEY: str(place).encode()}
            fields.append(column.field.with_metadata(metadata))
        return fields


@dataclass(frozen=True, slots=True)
class Projection:
    """A semi-sorted projection: an order in which queries can be answered. It stores no copy of the rows."""

    id: int
    name: str
    sorted: tuple[int, ...]
    unsorted: tuple[int, ...]


def encode_columns(columns: Iterable[Column]) -> bytes:
    """The columns of a table as bytes for `_vast.tables`."""
    return bytes(pa.schema([column.field for column in columns]).serialize())


@lru_cache(maxsize=64)
def decode_columns(blob: bytes) -> tuple[Column, ...]:
    """The columns of a table from `_vast.tables`."""
    return tuple(Column(int(field.metadata[COLUMN_ID_KEY]), field) for field in pa.ipc.read_schema(pa.py_buffer(blob)))
