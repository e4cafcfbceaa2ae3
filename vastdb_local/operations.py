"""The protocol's operations on schemas, tables, columns, projections and rows, one function each, and their routes."""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from vastdb_local import ddl, partitions, rows, wire
from vastdb_local.calls import Answer, Call, Request, page
from vastdb_local.definitions import Projection, Table
from vastdb_local.metadata import child_schemas, get_projection, get_schema, projections_of, sorted_columns, tables_of
from vastdb_local.query.reader import NO_MORE_ROWS, Query, Window, count_rows, estimated_bytes
from vastdb_local.query.request import parse_query
from vastdb_local.refusals import bad_request, not_implemented
from vastdb_local.version import PARTITIONED_TABLES, SORTED_TABLES

REQUEST_LIMIT = 5 * 2**20  # bytes of a body, and of a list of columns
_ROWS_PER_ANSWER = 128 * 1024
_ESTIMATE = 0xFFFFFFFF - 3  # split id by which the SDK asks a sorted table for the number of row groups


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation: its name, for counters and faults, and its function, which returns None for an answer without a body."""

    name: str
    run: Callable[[Call], Answer | None]


def list_schemas(call: Call) -> Answer:
    """List the schemas directly below a schema or the bucket."""
    found = child_schemas(call.transaction, call.bucket, call.schema_path)
    entries = [wire.Listed(schema.path.rpartition("/")[2], schema.properties) for schema in found]
    shown, headers = page(call.request, entries, lambda entry: entry.name)
    return Answer(wire.schema_list(call.bucket, shown), headers)


def alter_schema(call: Call) -> None:
    """Rename a schema or replace its properties."""
    new_path = call.request.parameters.get("tabular-new-schema-name", "")
    properties = wire.read_properties(call.request.body)
    ddl.alter_schema(call.transaction, call.schema(), new_path=new_path, properties=properties)


def list_tables(call: Call) -> Answer:
    """List the tables of a schema."""
    exact = call.request.headers.get("tabular-name-exact-match")
    found = tables_of(call.transaction, call.schema(), name=exact or None)
    shown, headers = page(call.request, found, lambda table: table.name)
    with_stats = call.request.flag("tabular-include-list-stats")
    entries = [_listed_table(call, table, with_stats=with_stats) for table in shown]
    return Answer(wire.table_list(call.bucket, call.schema_path, entries), headers)


def _listed_table(call: Call, table: Table, *, with_stats: bool) -> wire.Listed:
    count = count_rows(call.transaction, table) if with_stats else 0
    size = estimated_bytes(table, count)
    parts = _partitions(call, table) if with_stats else None
    return wire.Listed(table.name, table.properties, table.id, count, size, bool(table.sorting_key), parts)


def _partitions(call: Call, table: Table) -> int | None:
    return partitions.count(call.transaction, table) if table.partitioned_by else None


def create_table(call: Call) -> None:
    """Create a table."""
    request = call.request
    if any(header.startswith("tabular-vector-index") for header in request.headers):
        raise not_implemented("The local server has no vector indexes.")
    columns = wire.read_schema(request.body)
    keys = partitions.requested_keys(columns)
    if keys and call.version < PARTITIONED_TABLES:
        raise not_implemented(
            f"Partitioned tables need VAST {PARTITIONED_TABLES} or newer, this server is {call.version}."
        )
    ddl.create_table(
        call.transaction,
        call.schema_of_table(),
        request.path[-1],
        columns,
        properties=request.parameters.get("table-props", ""),
        sorting_key=_sorting_key(call),
        partitioned_by=keys,
    )


def _sorting_key(call: Call) -> list[int]:
    """Positions of the sorted columns, from a request's headers; empty for a table without a sorting key.

    Raises:
        Refusal: 501 when the server's version is older than sorted tables.
    """
    request = call.request
    headers = (f"tabular-sorted-column-{index}" for index in itertools.count())
    key = [request.number(header) for header in itertools.takewhile(request.headers.__contains__, headers)]
    if key and call.version < SORTED_TABLES:
        raise not_implemented(f"Sorted tables need VAST {SORTED_TABLES} or newer, this server is {call.version}.")
    return key


def alter_table(call: Call) -> None:
    """Rename a table, add a sorting key, or replace the properties."""
    table = call.table()
    new_name = call.request.parameters.get("tabular-new-table-name", "")
    key = _sorting_key(call)
    properties = wire.read_properties(call.request.body)
    if key:
        ddl.set_sorting_key(call.transaction, table, key)
    if properties:
        ddl.set_table_properties(call.transaction, table, properties)
    if new_name:
        path, _, name = new_name.rpartition("/")
        ddl.rename_table(call.transaction, call.table(), get_schema(call.transaction, call.bucket, path), name)


def drop_table(call: Call) -> None:
    """Drop a table."""
    table = call.table()
    ddl.drop_table(call.transaction, table)
    call.database.lookups.forget(table.id)


def table_stats(call: Call) -> Answer:
    """Statistics of a table: rows, size, and the addresses that serve it."""
    addresses = _addresses(call.request.headers.get("host", ""))
    whole = call.partitioned_table()
    if whole is not None:
        return Answer(
            wire.table_stats_body(
                wire.TableStats(partitions.count(call.transaction, whole), 0, False, False, addresses)
            )
        )
    table = call.table()
    count = count_rows(call.transaction, table)
    size = estimated_bytes(table, count)
    stats = wire.TableStats(
        count, size, bool(table.sorting_key), table.external_row_ids, addresses, _partitions(call, table)
    )
    return Answer(wire.table_stats_body(stats))


def _addresses(host: str) -> list[str]:
    """The address by which the client reached this server, so that mapped ports work."""
    name = host.rpartition(":")[0] or host
    try:
        return [str(ipaddress.IPv4Address("127.0.0.1" if name == "localhost" else name))]
    except ValueError:
        return []


def list_projection_columns(call: Call) -> Answer:
    """List the columns of a projection."""
    table, projection = call.table(), _projection(call)
    columns = [table.by_id[id_] for id_ in (*projection.sorted, *projection.unsorted)]
    return _column_page(call.request, table.listed(columns))


def list_columns(call: Call) -> Answer:
    """List the columns of a table, or of the table of its partitions."""
    whole = call.partitioned_table()
    if whole is not None:
        return _column_page(call.request, partitions.fields(whole))
    table = call.table()
    return _column_page(call.request, table.listed(table.columns), partitions.listed_spec(table))


def _column_page(request: Request, fields: Sequence[pa.Field], metadata: Mapping[bytes, bytes] | None = None) -> Answer:
    shown, headers = page(request, fields, lambda field: str(field.name))
    if request.flag("tabular-only-column-names"):
        shown = [pa.field(field.name, pa.null()) for field in shown]
    body = wire.schema_body(shown, metadata)
    if len(body) > REQUEST_LIMIT:
        raise bad_request(
            "InvalidArgument", f"The list column result size of {len(body)} bytes is too long: ask for less."
        )
    return Answer(body, headers)


def alter_column(call: Call) -> None:
    """Rename a column; properties and statistics of columns are not stored."""
    name, new_name = (call.request.parameters.get(f"tabular-{key}", "") for key in ("column-name", "new-column-name"))
    table = call.table()
    table.column(name)
    if new_name:
        ddl.rename_column(call.transaction, table, name, new_name)


def query(call: Call) -> Answer:
    """Query the rows of one split; one stream for each sub-split."""
    request = call.request
    if request.number("tabular-schedule-id") < 0:
        raise bad_request("InvalidArgument", "A priority is not negative.")
    try:
        split, splits, groups = (int(part) for part in request.headers.get("tabular-split", "0,1,8").split(","))
    except ValueError:
        raise bad_request("InvalidArgument", "Header tabular-split is not three numbers.") from None
    streams = request.number("tabular-num-of-subsplits", 1)
    if min(split, splits - 1, groups - 1, streams - 1) < 0:
        raise bad_request("InvalidArgument", "There is no such split.")
    whole = call.partitioned_table()
    if whole is not None:
        return _partition_rows(call, whole, split, streams)
    prepared = Query(
        call.database,
        call.transaction,
        call.table(),
        parse_query(request.body),
        projection=request.parameters.get("name"),
        sorted_order=request.flag("tabular-enable-sorted-projections"),
    )
    if split == _ESTIMATE:
        count = prepared.count_row_groups()
        return Answer(b"".join([*wire.rows_frames(0, (), count, NO_MORE_ROWS), wire.end_of_rows()]))
    limit = request.number("tabular-limit-rows", _ROWS_PER_ANSWER)
    if limit < 1:
        raise bad_request("InvalidArgument", "A limit is at least one row.")
    frames: list[bytes] = []
    for stream in range(streams):
        start = _start(request, stream)
        if start != NO_MORE_ROWS:
            window = Window(split * streams + stream, splits * streams, groups, start, limit)
            chunk = prepared.read(window)
            frames.extend(wire.rows_frames(stream, chunk.columns, chunk.rows, chunk.next))
    return Answer(b"".join([*frames, wire.end_of_rows()]))


def _partition_rows(call: Call, table: Table, split: int, streams: int) -> Answer:
    """The rows of a table of partitions, all in the first stream of the first split; other streams are empty."""
    columns, count = partitions.read(call.transaction, table, parse_query(call.request.body))
    frames: list[bytes] = []
    for stream in range(streams):
        shown = columns if split == stream == 0 else [column.slice(0, 0) for column in columns]
        frames.extend(wire.rows_frames(stream, shown, count if split == stream == 0 else 0, NO_MORE_ROWS))
    return Answer(b"".join([*frames, wire.end_of_rows()]))


def _start(request: Request, stream: int) -> int:
    text = request.headers.get(f"tabular-start-row-id-{stream}", f"{stream},0")
    number = text.partition(",")[2]
    if not number.isdecimal():
        raise bad_request("InvalidArgument", "A start row id is two numbers.")
    return int(number)


def list_projections(call: Call) -> Answer:
    """List the projections of a table."""
    table = call.table()
    count = count_rows(call.transaction, table)
    entries = []
    for projection in projections_of(call.transaction, table):
        size = _projection_bytes(table, (*projection.sorted, *projection.unsorted), count)
        entries.append(wire.Listed(projection.name, handle=projection.id, rows=count, size_bytes=size))
    shown, headers = page(call.request, entries, lambda entry: entry.name)
    return Answer(wire.projection_list(call.bucket, table.schema.path, table.name, shown), headers)


def _projection_bytes(table: Table, column_ids: tuple[int, ...], count: int) -> int:
    return estimated_bytes(table, count) * len(column_ids) // max(1, len(table.columns))


def alter_projection(call: Call) -> None:
    """Rename a projection."""
    table, projection = call.table(), _projection(call)
    new_name = wire.read_new_projection_name(call.request.body)
    if new_name:
        ddl.rename_projection(call.transaction, table, projection, new_name)


def projection_stats(call: Call) -> Answer:
    """Statistics of a projection: rows and size."""
    table, projection = call.table(), _projection(call)
    count = count_rows(call.transaction, table)
    size = _projection_bytes(table, (*projection.sorted, *projection.unsorted), count)
    return Answer(wire.projection_stats_body(count, size))


def _projection(call: Call) -> Projection:
    """The projection that the query string names."""
    return get_projection(call.transaction, call.table(), call.request.parameters.get("name", ""))


def create_projection(call: Call) -> None:
    """Create a projection."""
    sorted_, unsorted = wire.read_projection_columns(call.request.body)
    name = call.request.parameters.get("name", "")
    ddl.create_projection(call.transaction, call.table(), name, sorted_=sorted_, unsorted=unsorted)


# By method and command.
ROUTES: dict[tuple[str, str], Operation] = {
    ("GET", "schema"): Operation("list_schemas", list_schemas),
    ("POST", "schema"): Operation(
        "create_schema",
        lambda c: ddl.create_schema(c.transaction, c.bucket, c.schema_path, wire.read_properties(c.request.body)),
    ),
    ("PUT", "schema"): Operation("alter_schema", alter_schema),
    ("DELETE", "schema"): Operation("drop_schema", lambda c: ddl.drop_schema(c.transaction, c.schema())),
    ("GET", "table"): Operation("list_tables", list_tables),
    ("POST", "table"): Operation("create_table", create_table),
    ("PUT", "table"): Operation("alter_table", alter_table),
    ("DELETE", "table"): Operation("drop_table", drop_table),
    ("GET", "stats"): Operation("table_stats", table_stats),
    ("GET", "column"): Operation("list_columns", list_columns),
    ("POST", "column"): Operation(
        "add_columns", lambda c: ddl.add_columns(c.transaction, c.table(), wire.read_schema(c.request.body))
    ),
    ("PUT", "column"): Operation("alter_column", alter_column),
    ("DELETE", "column"): Operation(
        "drop_columns", lambda c: ddl.drop_columns(c.transaction, c.table(), wire.read_schema(c.request.body).names)
    ),
    ("GET", "sorted-columns"): Operation(
        "list_sorted_columns", lambda c: _column_page(c.request, c.table().listed(sorted_columns(c.table())))
    ),
    ("POST", "rows"): Operation(
        "insert",
        lambda c: Answer(
            wire.row_id_body(rows.insert(c.database, c.transaction, c.table(), wire.read_batch(c.request.body)))
        ),
    ),
    ("PUT", "rows"): Operation(
        "update", lambda c: rows.update(c.database, c.transaction, c.table(), wire.read_batch(c.request.body))
    ),
    ("DELETE", "rows"): Operation(
        "delete", lambda c: rows.delete(c.database, c.transaction, c.table(), wire.read_batch(c.request.body))
    ),
    ("GET", "data"): Operation("query", query),
    ("GET", "projection"): Operation("list_projections", list_projections),
    ("POST", "projection"): Operation("create_projection", create_projection),
    ("PUT", "projection"): Operation("alter_projection", alter_projection),
    ("DELETE", "projection"): Operation(
        "drop_projection", lambda c: ddl.drop_projection(c.transaction, _projection(c))
    ),
    ("GET", "projection-stats"): Operation("projection_stats", projection_stats),
    ("GET", "projection-columns"): Operation("list_projection_columns", list_projection_columns),
}
