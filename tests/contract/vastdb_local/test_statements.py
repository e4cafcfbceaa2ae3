"""The local VAST DataBase through the real SDK over real HTTP: transactions and definitions."""

import contextlib
import subprocess
import sys
import threading
import time

import duckdb
import pyarrow as pa
import pytest
from vastdb import errors
from vastdb.config import QueryConfig

from tests.contract.vastdb_local.support import ACCOUNTS, BUCKET, accounts, connect, create, drop, read, table
from tests.support.waiting import until
from vastdb_local import LocalVastDB


def test_snapshot_isolation_and_own_writes(session, schema):
    create(session, ACCOUNTS, accounts(("a", 1, ["x"])))
    with session.transaction() as reader, session.transaction() as writer:
        table(writer).insert(accounts(("b", 2, None)))
        assert table(writer).select().read_all().num_rows == 2
        assert table(reader).select().read_all().num_rows == 1
        writer.__exit__(None, None, None)
        assert table(reader).select().read_all().num_rows == 1
        with session.transaction() as later:
            assert table(later).select().read_all().num_rows == 2
        writer.__enter__()  # so that the with statement has a transaction to end


def test_the_snapshot_is_taken_at_begin(session, schema):
    create(session, ACCOUNTS)
    with session.transaction() as early:
        with session.transaction() as tx:
            table(tx).insert(accounts(("a", 1, None)))
        assert table(early).select().read_all().num_rows == 0


def updated(tx, column, value):
    row = table(tx).select([], internal_row_id=True).read_all()
    return row.append_column(column, [value])


CHANGES = {
    "balance": lambda tx: table(tx).update(updated(tx, "balance", pa.array([7]))),
    "same balance": lambda tx: table(tx).update(updated(tx, "balance", pa.array([1]))),
    "name": lambda tx: table(tx).update(updated(tx, "name", pa.array(["z"]))),
    "list": lambda tx: table(tx).update(updated(tx, "tags", pa.array([["y"]], pa.list_(pa.string())))),
    "delete": lambda tx: table(tx).delete(table(tx).select([], internal_row_id=True).read_all()),
}


@pytest.mark.heavy
@pytest.mark.parametrize("order", ["both open", "first committed"])
@pytest.mark.parametrize("first", CHANGES)
def test_changes_of_one_row_conflict_at_the_statement(session, schema, first, order):
    create(session, ACCOUNTS)
    for second, change in CHANGES.items():
        with session.transaction() as tx:
            row = table(tx).insert(accounts(("a", 1, ["x"]))).to_pylist()
        one, two = session.transaction(), session.transaction()
        one.__enter__()
        two.__enter__()
        handle = table(two)
        CHANGES[first](one)
        if order == "first committed":
            one.__exit__(None, None, None)
        with pytest.raises(errors.Conflict):
            change(two)
        with pytest.raises(errors.Conflict):  # a transaction with a conflict cannot continue
            handle.insert(accounts(("b", 1, [])))
        with pytest.raises(errors.Conflict):
            two.__exit__(None, None, None)
        if order == "both open":
            one.__exit__(None, None, None)
        assert read(session).num_rows == (0 if first == "delete" else 1), second
        with session.transaction() as tx:
            table(tx).delete(pa.table({"$row_id": pa.array(row, pa.uint64())}))


def test_changes_of_different_rows_do_not_conflict(session, schema):
    create(session, ACCOUNTS, accounts(("a", 1, None), ("b", 2, None)))
    with session.transaction() as one, session.transaction() as two:
        ids = table(one).select([], internal_row_id=True).read_all()
        table(one).update(ids.slice(0, 1).append_column("balance", pa.array([10])))
        table(two).update(ids.slice(1, 1).append_column("balance", pa.array([20])))
        table(two).insert(accounts(("c", 3, None)))
    assert read(session)["balance"].to_pylist() == [10, 20, 3]


@pytest.mark.parametrize(
    "change",
    [
        lambda tx: tx.bucket(BUCKET).create_schema("twice"),
        lambda tx: tx.bucket(BUCKET).schema("test").create_table("twice", ACCOUNTS),
        lambda tx: table(tx).rename_column("name", f"n{tx.txid}"),
        lambda tx: table(tx).add_column(pa.schema([("more", pa.int8())])),
        lambda tx: table(tx).rename(f"t{tx.txid}"),
        lambda tx: table(tx).drop(),
    ],
    ids=["schema", "table", "rename column", "add column", "rename table", "drop table"],
)
def test_changes_of_one_definition_conflict(session, schema, change):
    create(session, ACCOUNTS)
    with session.transaction() as one, contextlib.suppress(errors.Conflict), session.transaction() as two:
        change(one)
        with pytest.raises(errors.Conflict):
            change(two)


def test_a_failed_statement_of_the_client_leaves_the_transaction_alive(session, schema):
    create(session, ACCOUNTS)
    with session.transaction() as tx:
        with pytest.raises(errors.BadRequest):
            table(tx).insert(pa.table({"balance": pa.array([1], pa.int8())}))
        with pytest.raises(errors.BadRequest):
            table(tx).insert(pa.table({"unknown": [1]}))
        table(tx).insert(accounts(("a", 1, None)))
    assert read(session).num_rows == 1


def test_idle_transactions_expire_and_roll_back(session, schema):
    with LocalVastDB(None, transaction_seconds=1.5) as server:  # long enough to be used on a busy machine
        other = connect(server)
        tx = other.transaction()
        tx.__enter__()
        tx.bucket(BUCKET).create_schema("s")
        assert server.open_transactions() == 1
        waited = threading.Event()
        for _ in range(300):
            if not server.open_transactions():
                break
            waited.wait(0.1)
        assert server.open_transactions() == 0
        with pytest.raises(errors.NotFound):
            other.api.get_transaction(tx.txid)
        with pytest.raises(errors.NotFound):
            tx.__exit__(None, None, None)
        with other.transaction() as later:
            assert later.bucket(BUCKET).schemas() == []


_LEAVES_OPEN = """
import sys, vastdb
session = vastdb.connect(endpoint=sys.argv[1], access=sys.argv[2], secret=sys.argv[3])
session.transaction().__enter__().bucket(sys.argv[4]).create_schema("left")
print("open", flush=True)
sys.stdin.read()
"""


def test_the_transaction_of_a_killed_process_is_rolled_back_soon():
    with LocalVastDB(None, abandoned_seconds=1.0) as server:
        arguments = (server.endpoint, server.access_key, server.secret_key, BUCKET)
        with subprocess.Popen(
            [sys.executable, "-c", _LEAVES_OPEN, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            assert process.stdout.readline() == b"open\n"
            waits = connect(server).transaction()
            waits.__enter__().bucket(BUCKET).create_schema("kept")
            process.kill()
        until(lambda: server.open_transactions() == 1)
        time.sleep(1.5)
        assert server.open_transactions() == 1, "a client that only waits keeps its transaction"
        with connect(server).transaction() as later:
            later.bucket(BUCKET).create_schema("left")


def test_a_transaction_is_kept_while_one_of_its_connections_is_open():
    with LocalVastDB(None, abandoned_seconds=0.1) as server, connect(server).transaction() as transaction:
        with connect(server).api as other:
            other.get_transaction(transaction.txid)
        time.sleep(0.4)
        transaction.bucket(BUCKET).create_schema("kept")


def test_a_request_without_a_transaction_is_one_of_its_own(session, schema):
    session.api.create_schema(BUCKET, "alone")
    assert [name for name, _ in session.api.list_schemas(BUCKET)[1]] == ["test", "alone"]


def test_unknown_transactions_are_not_found(session):
    with pytest.raises(errors.NotFound):
        session.api.commit_transaction(12345)
    with pytest.raises(errors.NotFound):
        session.api.list_schemas(BUCKET, txid=12345)


def test_columns_change_while_rows_stay(session, schema):
    create(session, ACCOUNTS, accounts(("a", 1, ["x"])))
    with session.transaction() as tx:
        stored = table(tx)
        stored.insert(accounts(("b", 2, None)))
        stored.add_column(pa.schema([("Name", pa.string()), ("at", pa.timestamp("us", "UTC"))]))
        stored.rename_column("balance", "credit")
        stored.drop_column(pa.schema([ACCOUNTS.field("tags")]))
        assert stored.arrow_schema.names == ["name", "credit", "Name", "at"]
        stored.insert(pa.table({"name": ["c"], "Name": ["C"]}))
    assert read(session).to_pydict() == {
        "name": ["a", "b", "c"],
        "credit": [1, 2, None],
        "Name": [None, None, "C"],
        "at": [None] * 3,
    }


def test_schemas_move_with_all_below_them(session, schema):
    with session.transaction() as tx:
        inner = tx.bucket(BUCKET).schema("test").create_schema("inner").create_schema("innermost")
        inner.create_table("t", ACCOUNTS).insert(accounts(("a", 1, None)))
        tx.bucket(BUCKET).schema("test").schema("inner").rename("test/other")
    with session.transaction() as tx:
        moved = tx.bucket(BUCKET).schema("test").schema("other").schema("innermost").table("t")
        assert moved.select(["name"]).read_all().to_pydict() == {"name": ["a"]}
        with pytest.raises(errors.MissingSchema):
            tx.bucket(BUCKET).schema("test").schema("inner")


def test_names_may_differ_in_case_only(session, schema):
    create(
        session, pa.schema([("a", pa.int8()), ("A", pa.int8())]), pa.table({"a": pa.array([1], pa.int8())}), name="t"
    )
    create(session, pa.schema([("a", pa.int8())]), name="T")
    assert read(session).to_pydict() == {"a": [1], "A": [None]}
    assert read(session, name="T").num_rows == 0


def test_sorted_tables_keep_their_key(session, schema):
    create(session, ACCOUNTS, accounts(("b", 2, None), ("a", 1, None)), sorting_key=["balance", "name"])
    with session.transaction() as tx:
        stored = table(tx)
        assert stored.sorted_table
        assert [field.name for field in stored._metadata.sorted_columns] == ["balance", "name"]
        assert stored.sorting_done()
        rows = stored.select(["name"], internal_row_id=True, predicate=stored["balance"] == 1).read_all()
        with pytest.raises(errors.BadRequest):
            stored.update(rows.select(["$row_id"]).append_column("balance", pa.array([5])))
        stored.delete(rows)
    assert read(session)["name"].to_pylist() == ["b"]


def test_projections_give_the_order(session, schema):
    rows = pa.table({"a": [3, 1, 2], "b": [10, 20, 30]})
    create(session, rows.schema, rows)
    with session.transaction() as tx:
        stored = table(tx)
        stored.create_projection("by_a", ["a"], ["b"])
        config = QueryConfig(limit_rows_per_sub_split=2)
        assert stored.select(predicate=stored["a"] > 0, config=config).read_all()["a"].to_pylist() == [1, 2, 3]
        assert stored.select(predicate=stored["b"] > 0).read_all()["a"].to_pylist() == [3, 1, 2]
        plain = QueryConfig(use_semi_sorted_projections=False)
        assert stored.select(predicate=stored["a"] > 0, config=plain).read_all()["a"].to_pylist() == [3, 1, 2]
        with pytest.raises(errors.NotFound):
            stored.select(config=QueryConfig(semi_sorted_projection_name="none")).read_all()
        assert [field.name for field in stored.projection("by_a").columns()] == ["a", "b"]


def test_several_catalogs_and_buckets_keep_apart(server, session, schema):
    server.create_bucket("other")
    with session.transaction() as tx:
        for bucket, name in (("other", "test"), (BUCKET, "second")):
            tx.bucket(bucket).create_schema(name).create_table("t", ACCOUNTS)
        tx.bucket("other").schema("test").table("t").insert(accounts(("a", 1, None)))
    with session.transaction() as tx:
        assert tx.bucket("other").schema("test").table("t").stats.num_rows == 1
        assert tx.bucket(BUCKET).schema("second").table("t").stats.num_rows == 0
        drop(tx.bucket("other").schema("test"))


def test_duckdb_reads_a_select(session, schema):
    create(session, ACCOUNTS, accounts(("a", 1, None), ("b", 2, None), ("c", 3, None)))
    with session.transaction() as tx:
        stored = table(tx)
        batches = stored.select(["balance"], stored["balance"] < 3)  # noqa: F841 - DuckDB finds it by its name
        found = duckdb.connect().execute("SELECT max(balance) AS largest FROM batches").to_arrow_table()
    assert found.to_pydict() == {"largest": [2]}
