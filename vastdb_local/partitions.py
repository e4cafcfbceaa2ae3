"""Partitioned tables: the columns that divide a table, and the table of its partitions, which clients read too.

A cluster keeps `<table>___VAST_PARTITIONS`, a row for each partition with its values and estimates of its size. The SDK
reads it before every query, and then queries each partition that the predicate leaves. Here rows of all partitions lie in
one DuckDB table, and the partitions are counted when they are asked for. Keys are columns as they are (`identity`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from vastdb_local.definitions import COLUMN_ID_KEY, Column, Table
from vastdb_local.query.predicates import PredicateWriter
from vastdb_local.query.reader import estimated_bytes
from vastdb_local.query.request import QueryRequest
from vastdb_local.refusals import bad_request, not_found, not_implemented
from vastdb_local.transaction import Transaction

SUFFIX = "___VAST_PARTITIONS"
_KEY = b"VAST:table:partition-key-"
_SPEC = b"VAST:partition_spec"
_ROWS, _BYTES, _SCORE = "est_row_count", "est_byte_size", "sorting_score"
_FIGURES = {name: pa.field(name, pa.int64()) for name in (_ROWS, _BYTES, _SCORE)}
_MOST_KEYS = 4


def requested_keys(columns: pa.Schema) -> list[int]:
    """Positions of the columns that partition a new table, from its schema's metadata; empty for most tables.

    Raises:
        Refusal: 400 for more than four keys or unknown columns, 501 for transforms.
    """
    found = {key: value for key, value in (columns.metadata or {}).items() if key.startswith(_KEY)}
    if len(found) > _MOST_KEYS:
        raise bad_request("InvalidArgument", f"A table has at most {_MOST_KEYS} partition keys.")
    keys = [json.loads(found[name]) for name in sorted(found)]
    for key in keys:
        if key["transform"] != "identity":
            raise not_implemented(f"The local server partitions by columns as they are, not by {key['transform']}.")
        if not 0 <= key["column-index"] < len(columns):
            raise bad_request("InvalidArgument", f"There is no column {key['column-index']} to partition by.")
    return [key["column-index"] for key in keys]


def listed_spec(table: Table) -> Mapping[bytes, bytes]:
    """Metadata with which the columns of a table are listed."""
    if not table.partitioned_by:
        return {}
    spec = [
        {
            "column_name": column.field.name,
            "column_type": str(column.field.type),
            "source_column_name": column.field.name,
            "transform": "identity",
            "arg": None,
        }
        for column in table.partitioned_by
    ]
    return {_SPEC: json.dumps(spec).encode()}


def partitioned(table: Table) -> Table:
    """The table itself.

    Raises:
        Refusal: 404 if it is not partitioned, so that it has no table of partitions.
    """
    if not table.partitioned_by:
        raise not_found("NoSuchTable", f"Table {table.name} is not partitioned.")
    return table


def fields(table: Table) -> list[pa.Field]:
    """The columns of the table of partitions."""
    shown = [*(column.field for column in table.partitioned_by), *_FIGURES.values()]
    return [field.with_metadata({COLUMN_ID_KEY: str(at).encode()}) for at, field in enumerate(shown)]


def count(transaction: Transaction, table: Table) -> int:
    """Number of partitions of a partitioned table."""
    names = ", ".join(column.stored for column in table.partitioned_by)
    sql = f"SELECT count(*) FROM (SELECT DISTINCT {names} FROM {transaction.place(table.stored)})"  # noqa: S608 - our names
    ((number,),) = transaction.rows(sql)
    return int(number)


def read(transaction: Transaction, table: Table, request: QueryRequest) -> tuple[list[pa.Array], int]:
    """One array for each column of a query of partitions, and the number of partitions.

    Raises:
        Refusal: 404 for unknown columns.
    """
    keys: dict[str, Column] = {column.field.name: column for column in table.partitioned_by}
    figures = {_ROWS: "count(*)", _BYTES: f"count(*) * {estimated_bytes(table, 1)}", _SCORE: "0"}

    def stored(name: str) -> str:
        if name not in keys:
            raise not_found("NoSuchColumn", f"The partitions of {table.name} have no column {name} to be selected by.")
        return keys[name].stored

    selected = [
        f"{figures[name] if name in figures else stored(name)} AS v{at}" for at, name in enumerate(request.columns)
    ]
    names = ", ".join(column.stored for column in keys.values())
    where = PredicateWriter(stored).condition(request.predicate)
    shown = ", ".join([*selected, "count(*) AS n"])
    sql = f"SELECT {shown} FROM {transaction.place(table.stored)} WHERE {where} GROUP BY {names} ORDER BY {names}"  # noqa: S608 - our names
    found = transaction.run(sql).to_arrow_table().combine_chunks()
    types: Sequence[Any] = [
        _FIGURES[name].type if name in _FIGURES else keys[name].field.type for name in request.columns
    ]
    return [found[f"v{at}"].cast(type_).combine_chunks() for at, type_ in enumerate(types)], found.num_rows
