"""Changes of schemas, tables, columns and projections inside a transaction.

DuckDB detects the conflicts: two transactions that create the same schema or table conflict on the DuckDB schema or view of
that name, and two that change the same one conflict on its row in `_vast`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

import pyarrow as pa

from vastdb_local.definitions import COLUMN_ID_KEY, ROW_ID, Column, Projection, Schema, Table, encode_columns
from vastdb_local.metadata import (
    child_schemas,
    descendants,
    find_schema,
    find_table,
    get_schema,
    projections_of,
    tables_of,
)
from vastdb_local.refusals import bad_request, exists
from vastdb_local.sql import quoted
from vastdb_local.transaction import Transaction
from vastdb_local.types import duckdb_type, unsupported

_VIEW_COLUMNS = 2_000  # DuckDB takes seconds over views much wider than this


def create_schema(transaction: Transaction, bucket: str, path: str, properties: str) -> None:
    """Create a schema.

    Raises:
        Refusal: 404 when its parent is missing, 409 when it exists or another transaction is creating it.
    """
    _check_free_path(transaction, bucket, path)
    view_schema = _free_name(transaction, "_vast.schemas", "view_schema", f"{bucket}/{path}")
    transaction.run(f"CREATE SCHEMA {quoted(view_schema)}")
    (id_,) = _new_ids(transaction, 1)
    row = [id_, bucket, path, properties, view_schema]
    transaction.run("INSERT INTO _vast.schemas VALUES ($1, $2, $3, $4, $5)", row)


def alter_schema(transaction: Transaction, schema: Schema, *, new_path: str, properties: str) -> None:
    """Rename a schema with everything below it, or replace its properties; an empty argument changes nothing."""
    transaction.redefine()
    if properties:
        transaction.run("UPDATE _vast.schemas SET properties = $2 WHERE id = $1", [schema.id, properties])
    if not new_path:
        return
    _check_free_path(transaction, schema.bucket, new_path)
    for moved in [schema, *descendants(transaction, schema)]:
        path = new_path + moved.path[len(schema.path) :]
        view_schema = _free_name(transaction, "_vast.schemas", "view_schema", f"{schema.bucket}/{path}")
        tables = tables_of(transaction, moved)
        for table in tables:
            transaction.run(f"DROP VIEW {table.view}")
        transaction.run(f"CREATE SCHEMA {quoted(view_schema)}")
        transaction.run(f"DROP SCHEMA {quoted(moved.view_schema)}")
        row = [moved.id, path, view_schema]
        transaction.run("UPDATE _vast.schemas SET path = $2, view_schema = $3 WHERE id = $1", row)
        renamed = replace(moved, path=path, view_schema=view_schema)
        for table in tables:
            _create_view(transaction, replace(table, schema=renamed))


def drop_schema(transaction: Transaction, schema: Schema) -> None:
    """Drop an empty schema.

    Raises:
        Refusal: 409 when it holds tables or schemas.
    """
    if tables_of(transaction, schema) or child_schemas(transaction, schema.bucket, schema.path):
        raise exists("SchemaNotEmpty", f"Schema {schema.path} is not empty.")
    transaction.run(f"DROP SCHEMA {quoted(schema.view_schema)}")
    transaction.run("DELETE FROM _vast.schemas WHERE id = $1", [schema.id])


def create_table(
    transaction: Transaction,
    schema: Schema,
    name: str,
    columns: pa.Schema,
    *,
    properties: str,
    sorting_key: Sequence[int],
    partitioned_by: Sequence[int] = (),
) -> None:
    """Create a table of `columns` without their metadata; keys are positions in them, most significant first.

    Raises:
        Refusal: 400 for types or keys that are not supported, 409 when the table exists.
    """
    _check_name(name)
    if find_table(transaction, schema.bucket, schema.path, name) is not None:
        raise exists("TableAlreadyExists", f"Table {name} exists already.")
    declared = _declare(transaction, (), columns)
    key = _key(declared, sorting_key)
    for place, column in enumerate(_key(declared, partitioned_by)):
        declared = tuple(one.partitioning(place) if one.id == column else one for one in declared)
    view_name = _free_name(transaction, "_vast.tables", "view_name", name, within=schema.id)
    (id_,) = _new_ids(transaction, 1)
    table = Table(id_, schema, name, view_name, properties, declared, key, external_row_ids=False)
    stored = "".join(f", {column.stored} {duckdb_type(column.field.type)}" for column in declared)
    transaction.run(f"CREATE TABLE {table.stored} (row_id UBIGINT NOT NULL, writer UBIGINT NOT NULL{stored})")
    _create_view(transaction, table)
    transaction.redefine()  # what it caches from here on is its own until it commits
    transaction.run(
        "INSERT INTO _vast.tables VALUES ($1, $2, $3, $4, $5, $6, $7, FALSE)",
        [id_, schema.id, name, view_name, properties, encode_columns(declared), list(key)],
    )


def rename_table(transaction: Transaction, table: Table, schema: Schema, new_name: str) -> None:
    """Rename a table, or move it to another schema of its bucket."""
    _check_name(new_name)
    if find_table(transaction, schema.bucket, schema.path, new_name) is not None:
        raise exists("TableAlreadyExists", f"Table {new_name} exists already.")
    transaction.run(f"DROP VIEW {table.view}")
    view_name = _free_name(transaction, "_vast.tables", "view_name", new_name, within=schema.id)
    _create_view(transaction, replace(table, schema=schema, name=new_name, view_name=view_name))
    _update_table(transaction, table, "schema_id = $2, name = $3, view_name = $4", schema.id, new_name, view_name)


def set_table_properties(transaction: Transaction, table: Table, properties: str) -> None:
    """Replace the properties of a table."""
    _update_table(transaction, table, "properties = $2", properties)


def set_sorting_key(transaction: Transaction, table: Table, positions: Sequence[int]) -> None:
    """Add a sorting key to a table.

    Raises:
        Refusal: 400 when it has one already, or lacks such columns.
    """
    if table.sorting_key:
        raise bad_request("InvalidArgument", f"Table {table.name} has a sorting key already.")
    _update_table(transaction, table, "sorting_key = $2", list(_key(table.columns, positions)))


def set_external_row_ids(transaction: Transaction, table: Table) -> None:
    """Record that a client chooses the row ids of this table."""
    _update_table(transaction, table, "external_row_ids = $2", True)


def drop_table(transaction: Transaction, table: Table) -> None:
    """Drop a table with its rows and projections."""
    transaction.run(f"DROP VIEW {table.view}")
    transaction.run(f"DROP TABLE {table.stored}")
    transaction.run("DELETE FROM _vast.projections WHERE table_id = $1", [table.id])
    transaction.run("DELETE FROM _vast.tables WHERE id = $1", [table.id])
    transaction.redefine()


def add_columns(transaction: Transaction, table: Table, columns: pa.Schema) -> None:
    """Append columns, with nulls in all existing rows.

    Raises:
        Refusal: 400 for unsupported types, 409 for names that exist.
    """
    added = _declare(transaction, table.by_name.keys(), columns)
    for column in added:
        transaction.run(f"ALTER TABLE {table.stored} ADD COLUMN {column.stored} {duckdb_type(column.field.type)}")
    _set_columns(transaction, table, (*table.columns, *added))


def rename_column(transaction: Transaction, table: Table, name: str, new_name: str) -> None:
    """Rename a column."""
    column = table.column(name)
    if new_name in table.by_name or not new_name or new_name == ROW_ID:
        raise exists("ColumnAlreadyExists", f"Table {table.name} cannot have another column {new_name!r}.")
    renamed = Column(column.id, column.field.with_name(new_name))
    _set_columns(transaction, table, [renamed if c.id == column.id else c for c in table.columns])


def drop_columns(transaction: Transaction, table: Table, names: Collection[str]) -> None:
    """Drop columns with their values.

    Raises:
        Refusal: 404 for unknown ones, 409 for those that a sorting key or projection needs.
    """
    dropped = {table.column(name).id for name in names}
    used = set(table.fixed_columns)
    for projection in projections_of(transaction, table):
        used.update(projection.sorted, projection.unsorted)
    if dropped & used:
        raise exists(
            "ColumnInUse",
            f"Table {table.name} is sorted or partitioned by, or has a projection of, a column to be dropped.",
        )
    for column_id in dropped:
        transaction.run(f"ALTER TABLE {table.stored} DROP COLUMN {table.by_id[column_id].stored}")
    _set_columns(transaction, table, [column for column in table.columns if column.id not in dropped])


def create_projection(
    transaction: Transaction, table: Table, name: str, *, sorted_: Sequence[str], unsorted: Sequence[str]
) -> None:
    """Create a projection of named columns.

    Raises:
        Refusal: 404 for unknown columns, 400 without a sorted column, 409 when the projection exists.
    """
    _check_name(name)
    if not sorted_:
        raise bad_request("InvalidArgument", "A projection sorts at least one column.")
    if any(projection.name == name for projection in projections_of(transaction, table)):
        raise exists("ProjectionAlreadyExists", f"Projection {name} exists already.")
    (id_,) = _new_ids(transaction, 1)
    ids = [[table.column(column).id for column in names] for names in (sorted_, unsorted)]
    transaction.run("INSERT INTO _vast.projections VALUES ($1, $2, $3, $4, $5)", [id_, table.id, name, *ids])
    transaction.redefine()


def rename_projection(transaction: Transaction, table: Table, projection: Projection, new_name: str) -> None:
    """Rename a projection."""
    _check_name(new_name)
    if any(other.name == new_name for other in projections_of(transaction, table)):
        raise exists("ProjectionAlreadyExists", f"Projection {new_name} exists already.")
    transaction.run("UPDATE _vast.projections SET name = $2 WHERE id = $1", [projection.id, new_name])
    transaction.redefine()


def drop_projection(transaction: Transaction, projection: Projection) -> None:
    """Drop a projection; the rows stay."""
    transaction.run("DELETE FROM _vast.projections WHERE id = $1", [projection.id])
    transaction.redefine()


def _check_name(name: str) -> None:
    if not name or "/" in name:
        raise bad_request("InvalidArgument", f"{name!r} is not a name.")


def _check_free_path(transaction: Transaction, bucket: str, path: str) -> None:
    parent, _, name = path.rpartition("/")
    _check_name(name)
    if parent:
        get_schema(transaction, bucket, parent)
    if find_schema(transaction, bucket, path) is not None:
        raise exists("SchemaAlreadyExists", f"Schema {path} exists already.")


def _new_ids(transaction: Transaction, count: int) -> list[int]:
    return [id_ for (id_,) in transaction.rows("SELECT nextval('_vast.ids') FROM range($1)", [count])]


def _free_name(transaction: Transaction, table: str, column: str, name: str, *, within: int | None = None) -> str:
    """`name`, or a variant if it is taken in DuckDB, whose names do not differ by case."""
    where = f" AND schema_id = {within}" if within is not None else ""
    sql = f"SELECT count(*) FROM {table} WHERE lower({column}) = lower($1){where}"  # noqa: S608 - our own names and an id
    ((taken,),) = transaction.rows(sql, [name])
    return f"{name}#{_new_ids(transaction, 1)[0]}" if taken else name


def _declare(transaction: Transaction, taken: Collection[str], columns: pa.Schema) -> tuple[Column, ...]:
    names = columns.names
    if len(set(names)) != len(names):
        raise bad_request("InvalidArgument", "Two columns have the same name.")
    for field in columns:
        if field.name in taken:
            raise exists("ColumnAlreadyExists", f"Column {field.name} exists already.")
        if not field.name or field.name == ROW_ID:
            raise bad_request("InvalidArgument", f"{field.name!r} is not a column name.")
        duckdb_type(field.type)
    ids = _new_ids(transaction, len(names))
    return tuple(
        Column(id_, field.with_metadata({COLUMN_ID_KEY: str(id_).encode()}))
        for id_, field in zip(ids, columns, strict=True)
    )


def _key(columns: Sequence[Column], positions: Sequence[int]) -> tuple[int, ...]:
    if len(set(positions)) != len(positions) or not all(0 <= position < len(columns) for position in positions):
        raise bad_request("InvalidArgument", f"InvalidArgument: there is no key of columns {list(positions)}.")
    for position in positions:
        if pa.types.is_nested(columns[position].field.type):
            raise unsupported(columns[position].field.type)
    return tuple(columns[position].id for position in positions)


def _update_table(transaction: Transaction, table: Table, assignments: str, *values: object) -> None:
    sql = f"UPDATE _vast.tables SET {assignments} WHERE id = $1"  # noqa: S608 - assignments are literals of this module
    transaction.run(sql, [table.id, *values])
    transaction.redefine()


def _set_columns(transaction: Transaction, table: Table, columns: Iterable[Column]) -> None:
    changed = replace(table, columns=tuple(columns))
    _update_table(transaction, table, "columns = $2", encode_columns(changed.columns))
    transaction.run(f"DROP VIEW {table.view}")
    _create_view(transaction, changed)


def _create_view(transaction: Transaction, table: Table) -> None:
    transaction.run(f"CREATE VIEW {table.view} AS {_view_query(table)}")


def _view_query(table: Table) -> str:
    if len(table.columns) > _VIEW_COLUMNS:
        return (
            f"SELECT 'This table has {len(table.columns)} columns, too many for a view: read {table.stored}.' AS note"
        )
    shown: dict[str, str] = {}
    seen: set[str] = set()
    for column in table.columns:
        name = column.field.name
        shown[f"{name}#{column.id}" if name.lower() in seen else name] = column.stored
        seen.add(name.lower())
    listed = ", ".join(f"{stored} AS {quoted(name)}" for name, stored in shown.items()) or f"row_id AS {quoted(ROW_ID)}"
    return f"SELECT {listed} FROM {table.stored}"  # noqa: S608 - quoted names
