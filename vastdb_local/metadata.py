"""Finds the schemas, tables and projections that a transaction sees, in the `_vast` tables."""

from __future__ import annotations

from vastdb_local.definitions import Column, Projection, Schema, Table, decode_columns
from vastdb_local.refusals import bad_request, not_found
from vastdb_local.transaction import Transaction


def find_schema(transaction: Transaction, bucket: str, path: str) -> Schema | None:
    """The schema of that full name, or None."""
    return next(iter(_schemas(transaction, "path = $2", bucket, path)), None)


def _schemas(transaction: Transaction, condition: str, bucket: str, path: str) -> list[Schema]:
    """The schemas of a bucket that satisfy a condition on `$2`, oldest first."""
    sql = "SELECT id, bucket, path, properties, view_schema FROM _vast.schemas WHERE bucket = $1 AND"
    return [Schema(*row) for row in transaction.rows(f"{sql} {condition} ORDER BY id", [bucket, path])]


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
    """The schemas directly below `path` (the bucket itself when empty), oldest first."""
    if path:
        get_schema(transaction, bucket, path)
    condition = "starts_with(path, $2) AND NOT contains(path[length($2) + 1:], '/')"
    return _schemas(transaction, condition, bucket, f"{path}/" if path else "")


def descendants(transaction: Transaction, schema: Schema) -> list[Schema]:
    """Every schema below this one, at any depth."""
    return _schemas(transaction, "starts_with(path, $2)", schema.bucket, f"{schema.path}/")


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
