"""Sorted tables of the local VAST DataBase through the real SDK: decimal row ids, and what a cluster refuses."""

from decimal import Decimal

import pyarrow as pa
import pytest
from vastdb import errors
from vastdb.table_metadata import TableMetadata, TableRef, TableType

from tests.contract.vastdb_local.support import ACCOUNTS, BUCKET, accounts, connect, create, create_schema, read, table
from vastdb_local import LocalVastDB
from vastdb_local.errors import LocalDatabaseError

ROWS = accounts(("b", 2, ["x"]), ("a", 1, None), ("c", 3, []))
DECIMAL = pa.decimal128(38, 0)


@pytest.fixture
def sorted_table(session, schema):
    create(session, ACCOUNTS, ROWS, sorting_key=["name"])


def test_row_ids_are_decimals_that_do_not_fit_64_bits(session, sorted_table):
    found = read(session, internal_row_id=True)
    assert found.schema.field("$row_id").type == DECIMAL
    assert all(row_id >= 2**64 for row_id in found["$row_id"].to_pylist())
    with session.transaction() as tx:
        assert table(tx).sorted_table
        assert table(tx).sorting_done
        assert [field.name for field in table(tx).sorted_columns()] == ["name"]
        given = table(tx).insert(accounts(("d", 4, None)))
        assert given.type == DECIMAL
        assert given.to_pylist()[0] not in found["$row_id"].to_pylist()


def test_rows_are_updated_and_deleted_by_these_ids(session, sorted_table):
    with session.transaction() as tx:
        stored = table(tx)
        rows = stored.select(["balance"], stored["name"] == "a", internal_row_id=True).read_all()
        stored.update(rows.set_column(rows.schema.get_field_index("balance"), "balance", pa.array([10])))
        gone = stored.select([], stored["name"] == "b", internal_row_id=True).read_all()
        stored.delete(gone)
    found = read(session)
    assert dict(zip(found["name"].to_pylist(), found["balance"].to_pylist(), strict=True)) == {"a": 10, "c": 3}


def test_columns_of_the_key_cannot_be_updated(session, sorted_table):
    with session.transaction() as tx:
        rows = table(tx).select(["name"], internal_row_id=True).read_all()
        with pytest.raises(errors.BadRequest, match="sorting key"):
            table(tx).update(rows)


def test_a_client_that_takes_a_sorted_table_for_an_ordinary_one_is_refused(session, sorted_table):
    with session.transaction() as tx:
        taken = tx.table_from_metadata(TableMetadata(TableRef(BUCKET, "test", "t"), ACCOUNTS, TableType.Regular))
        taken.reload_stats()
        with pytest.raises(errors.BadRequest, match="TabularMismatchColumnType"):
            taken.select(internal_row_id=True).read_all()
        with pytest.raises(errors.BadRequest, match="TabularMismatchColumnType"):
            taken.delete(pa.table({"$row_id": pa.array([0], pa.uint64())}))


def test_a_client_that_takes_an_ordinary_table_for_a_sorted_one_is_refused(session, schema):
    create(session, ACCOUNTS, ROWS)
    with session.transaction() as tx:
        taken = tx.table_from_metadata(TableMetadata(TableRef(BUCKET, schema, "t"), ACCOUNTS, TableType.Elysium))
        taken.reload_stats()
        with pytest.raises(errors.BadRequest, match="TabularMismatchColumnType"):
            taken.delete(pa.table({"$row_id": pa.array([Decimal(0)], DECIMAL)}))


def test_row_ids_that_the_table_cannot_have_given_are_refused(session, sorted_table):
    with session.transaction() as tx, pytest.raises(errors.BadRequest, match="no such"):
        table(tx).delete(pa.table({"$row_id": pa.array([Decimal(1)], DECIMAL)}))


def test_a_key_is_added_once_and_changes_the_type_of_the_row_ids(session, schema):
    create(session, ACCOUNTS, ROWS)
    assert read(session, internal_row_id=True).schema.field("$row_id").type == pa.uint64()
    with session.transaction() as tx:
        table(tx).add_sorting_key(["name", "balance"])
    assert read(session, internal_row_id=True).schema.field("$row_id").type == DECIMAL
    assert read(session).num_rows == 3
    with session.transaction() as tx, pytest.raises(errors.BadRequest, match="sorting key already"):
        table(tx).add_sorting_key(["balance"])
    with session.transaction() as tx, pytest.raises(errors.Conflict, match="ColumnInUse"):
        table(tx).drop_column(pa.schema([ACCOUNTS.field("name")]))


def test_lists_cannot_be_sorted_by(session, schema):
    with pytest.raises(errors.NotSupportedSchema):
        create(session, ACCOUNTS, sorting_key=["tags"])


@pytest.mark.parametrize("version", ["5.3.4", "5.3.0.12"])
def test_an_older_server_refuses_them(version):
    with LocalVastDB(None, server_version=version) as server:
        session = connect(server)
        assert session.features.vast_version[:3] == tuple(map(int, version.split(".")[:3]))
        create_schema(session)
        with pytest.raises(errors.NotImplemented, match=r"5\.3\.5"):
            create(session, ACCOUNTS, sorting_key=["name"])
        create(session, ACCOUNTS, ROWS)
        with session.transaction() as tx, pytest.raises(errors.NotImplemented, match=r"5\.3\.5"):
            table(tx).add_sorting_key(["name"])


def test_the_oldest_server_that_has_them_stores_them():
    with LocalVastDB(None, server_version="5.3.5") as server:
        session = connect(server)
        create_schema(session)
        create(session, ACCOUNTS, ROWS, sorting_key=["name"])
        assert read(session).num_rows == 3


def test_a_version_that_is_none_is_refused():
    with pytest.raises(LocalDatabaseError, match=r"5\.5\.0"):
        LocalVastDB(None, server_version="new")
