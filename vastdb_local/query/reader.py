"""Queries over the rows a transaction sees: projection, predicate, splits, limits, and where to go on.

A query is answered in the order of the row ids, or in that of a semi-sorted projection where it may be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from vastdb_local.definitions import ROW_ID, Table
from vastdb_local.lookups import RowIds
from vastdb_local.metadata import get_projection, projections_of
from vastdb_local.query.expressions import Function, Reference
from vastdb_local.query.predicates import PredicateWriter, equalities
from vastdb_local.query.request import QueryRequest
from vastdb_local.refusals import Refusal, bad_request
from vastdb_local.storage import Database
from vastdb_local.transaction import Transaction
from vastdb_local.types import single_leaf_columns, stored_bytes

ROWS_PER_GROUP = 2**16
NO_MORE_ROWS = 2**48 - 1
_LISTED_ROWS = 10_000  # in one statement; more are only bounded by the first and the last


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a table that one stream of a query reads.

    Blocks of `groups` row groups (65,536 row ids each) are dealt out in turn to all sub-splits of all splits.

    Attributes:
        place: This stream's turn, below `places`.
        places: Splits times sub-splits.
        groups: Row groups in a block.
        start: First row id to read; of a query in the order of a projection, how many rows to pass over.
        limit: Most rows to answer with.
    """

    place: int
    places: int
    groups: int
    start: int
    limit: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of an answer.

    Attributes:
        columns: One array for each leaf of the columns asked for.
        rows: How many rows these are, which `columns` cannot tell when none was asked for.
        next: Where to go on, `NO_MORE_ROWS` at the end.
    """

    columns: tuple[pa.Array, ...]
    rows: int
    next: int


class Query:
    """A query over a table, ready to read its windows.

    Args:
        projection: Name of a projection that gives the order; None leaves the choice to us where `sorted_order` is true:
            a projection whose first sorted column the predicate restricts.

    Raises:
        Refusal: 404 for columns or projections that are not there, 400 for types other than the declared ones.
    """

    def __init__(
        self,
        database: Database,
        transaction: Transaction,
        table: Table,
        request: QueryRequest,
        *,
        projection: str | None,
        sorted_order: bool,
    ) -> None:
        self._database = database
        self._transaction = transaction
        self._place = transaction.place(table.stored)
        self._table = table
        self._types = [_column_type(table, request, name) for name in request.columns]
        self._condition = PredicateWriter(self._stored).condition(request.predicate)
        self._selected = ", ".join(f"{self._stored(name)} AS v{index}" for index, name in enumerate(request.columns))
        for name in request.schema.names:
            _check_type(table, request, name)
        order = self._order(request, projection, sorted_order=sorted_order)
        self._order_by = [*order, "row_id"]
        self._by_offset = bool(order)
        self._candidates = self._look_up(request)

    def _look_up(self, request: QueryRequest) -> RowIds | None:
        """Ids of the rows that can match, if an index of look-ups knows them."""
        table = self._table
        equal = {
            table.by_name[name].stored: values
            for name, values in equalities(request.predicate).items()
            if name in table.by_name  # and not the row id
        }
        return self._database.lookups.find(self._transaction.txid, table.id, table.stored, equal)

    def _stored(self, name: str) -> str:
        return self._table.row_id_sql if name == ROW_ID else self._table.column(name).stored

    def _order(self, request: QueryRequest, projection: str | None, *, sorted_order: bool) -> list[str]:
        if projection:
            chosen = [get_projection(self._transaction, self._table, projection)]
        elif sorted_order:
            restricted = _restricted(request)
            chosen = [
                candidate
                for candidate in projections_of(self._transaction, self._table)
                if self._table.by_id[candidate.sorted[0]].field.name in restricted
            ]
        else:
            chosen = []
        return [self._table.by_id[column_id].stored for column_id in chosen[0].sorted] if chosen else []

    def count_row_groups(self) -> int:
        """Estimated number of row groups with matching rows, which the SDK asks of sorted tables before it splits a query."""
        sql = f"SELECT count(*) FROM {self._place} WHERE {self._condition}"  # noqa: S608 - written by PredicateWriter
        ((count,),) = self._transaction.rows(sql)
        return -(-int(count) // ROWS_PER_GROUP)

    def read(self, window: Window) -> Chunk:
        """Read the next rows of a window."""
        where = self._where(window)
        if where is None:
            return self._chunk(None, NO_MORE_ROWS, 0)
        condition, tail = where
        columns = ", ".join(part for part in (self._selected, "row_id AS cursor") if part)
        order = ", ".join(self._order_by)
        sql = f"SELECT {columns} FROM {self._place} WHERE {condition} ORDER BY {order} LIMIT {window.limit + 1} {tail}"  # noqa: S608 - our names and numbers
        found = self._transaction.run(sql).to_arrow_table().combine_chunks()
        if found.num_rows <= window.limit:
            return self._chunk(found, NO_MORE_ROWS, found.num_rows)
        next_ = window.start + window.limit if self._by_offset else found["cursor"][window.limit].as_py()
        return self._chunk(found.slice(0, window.limit), next_, window.limit)

    def _where(self, window: Window) -> tuple[str, str] | None:
        if self._by_offset:
            # Rows in another order than that of their ids cannot be dealt out by id: the first stream takes all.
            return (self._condition, f"OFFSET {window.start}") if window.place == 0 else None
        block = ROWS_PER_GROUP * window.groups
        if self._candidates is not None:
            return self._where_candidates(self._candidates, window, block)
        bound = self._database.row_id_bound(self._transaction, self._table)
        if max(window.start, window.place * block) >= bound:
            return None
        parts = [self._condition]
        if window.start:
            parts.append(f"row_id >= {window.start}")
        if window.places > 1 and bound > block:
            parts.append(f"row_id // {block} % {window.places} = {window.place}")
        return " AND ".join(parts), ""

    def _where_candidates(self, rows: RowIds, window: Window, block: int) -> tuple[str, str] | None:
        rows = rows[rows >= window.start]
        if window.places > 1:
            rows = rows[rows // np.uint64(block) % np.uint64(window.places) == window.place]
        if not len(rows):
            return None
        parts = [f"row_id BETWEEN {rows[0]} AND {rows[-1]}", self._condition]
        if rows[-1] - rows[0] >= len(rows) <= _LISTED_ROWS:
            parts.append(f"row_id IN ({', '.join(map(str, rows))})")
        return " AND ".join(parts), ""

    def _chunk(self, found: pa.Table | None, next_: int, rows: int) -> Chunk:
        leaves: list[pa.Array] = []
        for index, type_ in enumerate(self._types):
            array = pa.array([], type_) if found is None else _array(found, f"v{index}")
            leaves.extend(single_leaf_columns(array, type_))
        return Chunk(tuple(leaves), rows, next_)


def _array(found: pa.Table, name: str) -> pa.Array:
    column = found[name]
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _column_type(table: Table, request: QueryRequest, name: str) -> pa.DataType:
    if name == ROW_ID:
        return request.schema.field(name).type
    return table.column(name).field.type


def _check_type(table: Table, request: QueryRequest, name: str) -> None:
    requested = request.schema.field(name).type
    if name == ROW_ID:
        if requested != table.row_id_type:
            raise bad_request(
                "TabularMismatchColumnType", f"{ROW_ID} of table {table.name} is {table.row_id_type}, not {requested}."
            )
    elif not _same_on_the_wire(requested, table.column(name).field.type):
        raise _mismatch(table, name, requested)


def _mismatch(table: Table, name: str, requested: pa.DataType) -> Refusal:
    declared = table.column(name).field.type
    return bad_request("TabularMismatchColumnType", f"Column {name} is {declared}, the query says {requested}.")


def _same_on_the_wire(requested: pa.DataType, declared: pa.DataType) -> bool:
    """Whether types are equal except for time zones and the names and nullability of children, which queries do not carry."""
    if pa.types.is_timestamp(declared):
        return pa.types.is_timestamp(requested) and bool(requested.unit == declared.unit)
    if not pa.types.is_nested(declared):
        return bool(requested == declared)
    if requested.id != declared.id or getattr(requested, "list_size", 0) != getattr(declared, "list_size", 0):
        return False
    wanted, there = _children(requested), _children(declared)
    return len(wanted) == len(there) and all(map(_same_on_the_wire, wanted, there))


def _children(type_: pa.DataType) -> Sequence[pa.DataType]:
    if pa.types.is_map(type_):
        return [type_.key_type, type_.item_type]
    if pa.types.is_struct(type_):
        return [field.type for field in type_]
    return [type_.value_type]


def _restricted(request: QueryRequest) -> set[str]:
    """Names of the columns in the predicate."""
    names: set[str] = set()
    pending = [request.predicate]
    while pending:
        expression = pending.pop()
        if isinstance(expression, Function):
            pending.extend(expression.arguments)
        elif isinstance(expression, Reference):
            names.add(expression.path[0])
    return names


def count_rows(transaction: Transaction, table: Table) -> int:
    """Number of rows that the transaction sees."""
    ((count,),) = transaction.rows(f"SELECT count(*) FROM {transaction.place(table.stored)}")  # noqa: S608 - our name
    return int(count)


def estimated_bytes(table: Table, rows: int) -> int:
    """Estimated size of the table, for statistics."""
    return rows * (8 + sum(stored_bytes(column.field.type) for column in table.columns))
