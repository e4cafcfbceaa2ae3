"""Changes of rows within a transaction: insert, update and delete by row id.

Every change of a row also writes the transaction's id into its `writer` column: DuckDB detects conflicts by column and value,
so without it two changes of different columns, or to the same value, would not conflict. The statement that writes it changes
nothing else: DuckDB replaces rows whose lists change, and then misses conflicts with changes of other columns.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from vastdb_local.ddl import set_external_row_ids
from vastdb_local.definitions import EXTERNAL_ROW_ID, ROW_ID, Table
from vastdb_local.refusals import bad_request
from vastdb_local.storage import Database
from vastdb_local.transaction import Transaction
from vastdb_local.types import to_stored

CELL_LIMIT = 126 * 1024


def insert(database: Database, transaction: Transaction, table: Table, batch: pa.RecordBatch) -> pa.Array:
    """Insert rows; columns that the batch lacks are null.

    Returns:
        The row ids, in the table's row id type.

    Raises:
        Refusal: 400 for columns or types that the table does not have, forbidden nulls, and cells over 126 KB.
    """
    values = _checked(table, batch)
    missing = [c.field.name for c in table.columns if not c.field.nullable and c.stored not in values]
    if missing:
        raise bad_request("InvalidArgument", f"Columns {missing} may not be null.")
    external = table.by_name.get(EXTERNAL_ROW_ID)
    if external is not None and external.stored in values:
        row_ids = _claim(database, transaction, table, values[external.stored])
    else:
        first = database.reserve_row_ids(transaction, table, batch.num_rows)
        row_ids = pa.array(range(first, first + batch.num_rows), pa.uint64())
        if external is not None:
            values[external.stored] = row_ids.cast(external.field.type)
    columns = ", ".join(["row_id", *values])
    source = f"SELECT {transaction.txid}, {columns} FROM incoming"  # noqa: S608 - our names
    statement = f"INSERT INTO {{table}} (writer, {columns}) {source}"
    database.lookups.add(table.id, values, row_ids)
    transaction.change(table.stored, pa.table({"row_id": row_ids, **values}), statement)
    return table.wire_row_ids(row_ids)


def _claim(database: Database, transaction: Transaction, table: Table, chosen: pa.Array) -> pa.Array:
    try:
        row_ids = chosen.cast(pa.uint64())
    except pa.ArrowInvalid as error:
        raise bad_request("InvalidArgument", "A row id is between 0 and 2^64.") from error
    if row_ids.null_count or len(row_ids.unique()) != len(row_ids):
        raise bad_request("InvalidArgument", "Row ids are given once each.")
    place = transaction.place(table.stored)
    sql = f"SELECT count(*) FROM {place} WHERE row_id IN (SELECT row_id FROM incoming)"  # noqa: S608 - our name
    if transaction.run_with(pa.table({"row_id": row_ids}), sql):
        raise bad_request("InvalidArgument", "A row of that id is there already.")
    if len(row_ids):
        database.claim_row_ids(transaction, table, max(row_ids.to_pylist()))
    if not table.external_row_ids:
        transaction.settle()
        set_external_row_ids(transaction, table)
    return row_ids


def update(database: Database, transaction: Transaction, table: Table, batch: pa.RecordBatch) -> None:
    """Overwrite cells of the rows named by `$row_id`; ids of rows that the transaction does not see are ignored.

    Raises:
        Refusal: 409 when another transaction has changed one of the rows; 400 as for `insert`, and for sorted columns.
    """
    row_ids, values = _addressed(table, batch)
    fixed = {table.by_id[column_id].stored for column_id in table.fixed_columns}
    if fixed & values.keys():
        raise bad_request("InvalidArgument", "Columns of the sorting key or of a partition key cannot be updated.")
    _touch(database, transaction, table, row_ids)
    if values:
        assignments = ", ".join(f"{name} = incoming.{name}" for name in values)
        database.lookups.replace(table.id, values, row_ids)
        transaction.change(table.stored, pa.table({"row_id": row_ids, **values}), _update_statement(assignments))


def delete(database: Database, transaction: Transaction, table: Table, batch: pa.RecordBatch) -> None:
    """Delete the rows named by `$row_id`; ids of rows that the transaction does not see are ignored.

    Raises:
        Refusal: 409 when another transaction has changed one of the rows.
    """
    row_ids, _ = _addressed(table, batch)
    _touch(database, transaction, table, row_ids)
    statement = "DELETE FROM {table} AS stored USING incoming WHERE stored.row_id = incoming.row_id"
    count = transaction.change(table.stored, pa.table({"row_id": row_ids}), statement)
    database.lookups.delete(table.id, count)


def _touch(database: Database, transaction: Transaction, table: Table, row_ids: pa.Array) -> None:
    database.claim_rows(transaction, table.id, row_ids)
    statement = _update_statement(f"writer = {transaction.txid}")
    transaction.change(table.stored, pa.table({"row_id": row_ids}), statement)


def _update_statement(assignments: str) -> str:
    source = "FROM incoming WHERE stored.row_id = incoming.row_id"
    return f"UPDATE {{table}} AS stored SET {assignments} {source}"  # noqa: S608 - our names and numbers


def _addressed(table: Table, batch: pa.RecordBatch) -> tuple[pa.Array, dict[str, pa.Array]]:
    index = batch.schema.get_field_index(ROW_ID)
    if index < 0:
        raise bad_request("InvalidArgument", f"Rows are addressed by {ROW_ID}.")
    return table.stored_row_ids(batch.column(index)), _checked(table, batch.drop_columns([ROW_ID]))


def _checked(table: Table, batch: pa.RecordBatch) -> dict[str, pa.Array]:
    """The batch's columns by stored name, in DuckDB's types."""
    values = {}
    for field, array in zip(batch.schema, batch.columns, strict=True):
        column = table.by_name.get(field.name)
        if column is None:
            raise bad_request("TabularMismatchColumnName", f"Table {table.name} has no column {field.name}.")
        declared = column.field
        if field.type != declared.type or (
            pa.types.is_fixed_size_list(field.type) and field.nullable != declared.nullable
        ):
            raise bad_request(
                "TabularMismatchColumnType",
                f"Column {field.name} is {declared}, the rows bring {field} (nullable={field.nullable}).",
            )
        if array.null_count and not declared.nullable:
            raise bad_request("InvalidArgument", f"Column {field.name} may not be null.")
        _check_cells(field, array)
        values[column.stored] = to_stored(array)
    return values


def _check_cells(field: pa.Field, array: pa.Array) -> None:
    if array.nbytes <= CELL_LIMIT or not len(array):
        return
    if pa.types.is_string(array.type) or pa.types.is_binary(array.type):
        largest = pc.max(pc.binary_length(array)).as_py() or 0
    elif pa.types.is_nested(array.type):
        largest = max(array.slice(index, 1).nbytes for index in range(len(array)))
    else:
        return
    if largest > CELL_LIMIT:
        raise bad_request("TabularCellTooLarge", f"A cell of column {field.name} is over {CELL_LIMIT} bytes.")
