"""Which schemas, tables, columns and projections a transaction sees: reads of the `_vast` tables, no changes.

A VAST table is a DuckDB table `_vast.t<id>` with columns `row_id`, `writer` and `c<id>` for each column, so that renames
touch no data and names differing in case stay apart; beside it stands a view with the plain names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

import pyarrow as pa

from vastdb_local.refusals import bad_request, not_found
from vastdb_local.sql import quoted
from vastdb_local.transaction import Transaction

ROW_ID = "$row_id"
EXTERNAL_ROW_ID = "vastdb_rowid"  # a column of this name holds the row ids and lets a client choose them

COLUMN_ID_KEY = b"VAST:column_id"
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
    """A column: the declared Arrow field (its metadata holds the id) and where its values are."""

    id: int
    field: pa.Field

    @property
    def stored(self) -> str:
        """Name of the column in the DuckDB table."""
        return f"c{self.id}"


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

    @property
    def row_id_type(self) -> pa.DataType:
        """Type of `$row_id`: the SDK expects decimals from sorted tables."""
        return pa.decimal128(38, 0) if self.sorting_key else pa.uint64()

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
            if place is None:
                fields.append(column.field)
            else:
                sort = {_SORT_TYPE_KEY: b"Sorted", _SORT_INDEX_KEY: str(place).encode()}
                fields.append(column.field.with_metadata({**column.field.metadata, **sort}))
        return fields


@dataclass(frozen=True, slots=True)
class Projection:
    """A semi-sorted projection: an order of the table's rows that queries can be answered in. It holds no copy."""

    id: int
    name: str
    sorted: tuple[int, ...]
    unsorted: tuple[int, ...]


def encode_columns(columns: Iterable[Column]) -> bytes:
    """How the columns of a table are kept in `_vast.tables`."""
    return bytes(pa.schema([column.field for column in columns]).serialize())


@lru_cache(maxsize=64)
def decode_columns(blob: bytes) -> tuple[Column, ...]:
    """The other way."""
    return tuple(Column(int(field.metadata[COLUMN_ID_KEY]), field) for field in pa.ipc.read_schema(pa.py_buffer(blob)))


def find_schema(transaction: Transaction, bucket: str, path: str) -> Schema | None:
    """The schema of that full name, or None."""
    sql = "SELECT id, bucket, path, properties, view_schema FROM _vast.schemas WHERE bucket = $1 AND path = $2"
    rows = transaction.rows(sql, [bucket, path])
    return Schema(*rows[0]) if rows else None


def get_schema(transaction: Transaction, bucket: str, path: str) -> Schema:
    """The schema of that full name.

    Raises:
        Refusal: 404 NoSuchSchema.
    """
    schema = find_schema(transaction, bucket, path)
    if schema is None:
        raise not_found("NoSuchSchema", f"There is no schema {bucket}/{path}.")
    return schema


def child_schemas(transaction: Transaction, bucket: str, path: str) -> list[Schema]:
    """The schemas right below `path` (the bucket itself when empty), oldest first."""
    if path:
        get_schema(transaction, bucket, path)
    prefix = f"{path}/" if path else ""
    rows = transaction.rows(
        "SELECT id, bucket, path, properties, view_schema FROM _vast.schemas"
        " WHERE bucket = $1 AND starts_with(path, $2) AND NOT contains(path[length($2) + 1:], '/') ORDER BY id",
        [bucket, prefix],
    )
    return [Schema(*row) for row in rows]


def descendants(transaction: Transaction, schema: Schema) -> list[Schema]:
    """Every schema below this one, at any depth."""
    rows = transaction.rows(
        "SELECT id, bucket, path, properties, view_schema FROM _vast.schemas"
        " WHERE bucket = $1 AND starts_with(path, $2) ORDER BY id",
        [schema.bucket, f"{schema.path}/"],
    )
    return [Schema(*row) for row in rows]


def tables_of(transaction: Transaction, schema: Schema, *, name: str | None = None) -> list[Table]:
    """The tables of a schema, oldest first: the one called `name`, or all."""
    rows = transaction.rows(
        "SELECT id, name, view_name, properties, columns, sorting_key, external_row_ids FROM _vast.tables"
        " WHERE schema_id = $1 AND ($2 IS NULL OR name = $2) ORDER BY id",
        [schema.id, name],
    )
    return [
        Table(id_, schema, name_, view, properties, decode_columns(columns), tuple(key), external)
        for id_, name_, view, properties, columns, key, external in rows
    ]


def find_table(transaction: Transaction, bucket: str, path: str, name: str) -> Table | None:
    """The table of that name in the schema of that full name, or None."""
    known = transaction.known.tables.get((bucket, path, name))
    if known is not None:
        return known
    schema = find_schema(transaction, bucket, path)
    found = tables_of(transaction, schema, name=name) if schema is not None else []
    if not found:
        return None
    transaction.known.tables[bucket, path, name] = found[0]
    return found[0]


def get_table(transaction: Transaction, bucket: str, path: str, name: str) -> Table:
    """The table of that name.

    Raises:
        Refusal: 404 NoSuchTable.
    """
    table = find_table(transaction, bucket, path, name)
    if table is None:
        raise not_found("NoSuchTable", f"There is no table {bucket}/{path}/{name}.")
    return table


def projections_of(transaction: Transaction, table: Table) -> list[Projection]:
    """The projections of a table, oldest first."""
    known = transaction.known.projections.get(table.id)
    if known is None:
        sql = "SELECT id, name, sorted, unsorted FROM _vast.projections WHERE table_id = $1 ORDER BY id"
        known = [
            Projection(id_, name, tuple(sorted_), tuple(unsorted))
            for id_, name, sorted_, unsorted in transaction.rows(sql, [table.id])
        ]
        transaction.known.projections[table.id] = known
    return known


def get_projection(transaction: Transaction, table: Table, name: str) -> Projection:
    """The projection of that name.

    Raises:
        Refusal: 404 NoSuchProjection.
    """
    for projection in projections_of(transaction, table):
        if projection.name == name:
            return projection
    raise not_found("NoSuchProjection", f"Table {table.name} has no projection {name}.")


def sorted_columns(table: Table) -> list[Column]:
    """The columns of the sorting key, most significant first.

    Raises:
        Refusal: 400 when the table has none.
    """
    if not table.sorting_key:
        raise bad_request(
            "InvalidArgument", "Listing sorted columns of a table without elysium (a sorting key) enabled."
        )
    return [table.by_id[column_id] for column_id in table.sorting_key]
