"""The local VAST DataBase through the real SDK over real HTTP: what an application relies on, beyond the SDK's own suite."""

import contextlib
import datetime as dt
import decimal
import threading

import duckdb
import ibis
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import requests
import vastdb
from vastdb import errors
from vastdb.config import BackoffConfig, QueryConfig
from vastdb.table_metadata import TableMetadata, TableRef, TableType

from exr_inspector.errors import LocalDatabaseError
from exr_inspector.local.vastdb import ANY, Fault, FaultKind, LocalVastDB

BUCKET = "vastdb"
ACCOUNTS = pa.schema([("name", pa.string()), ("balance", pa.int64()), ("tags", pa.list_(pa.string()))])


@pytest.fixture(scope="module")
def server():
    with LocalVastDB(None) as running:
        yield running


def connect(server, **options):
    return vastdb.connect(endpoint=server.endpoint, access=server.access_key, secret=server.secret_key, **options)


@pytest.fixture(scope="module")
def session(server):
    return connect(server)


@pytest.fixture
def schema(server, session):
    """A schema of this test's own, empty, dropped with its tables afterwards."""
    server.faults.clear()
    with session.transaction() as tx:
        tx.bucket(BUCKET).create_schema("test")
    yield "test"
    server.faults.clear()
    with session.transaction() as tx:
        for top in tx.bucket(BUCKET).schemas():
            drop(top)


def drop(schema):
    for child in schema.schemas():
        drop(child)
    for table in schema.tables():
        table.drop()
    schema.drop()


def table(tx, schema="test", name="t"):
    return tx.bucket(BUCKET).schema(schema).table(name)


def create(session, columns, rows=None, name="t", **options):
    with session.transaction() as tx:
        made = tx.bucket(BUCKET).schema("test").create_table(name, columns, **options)
        if rows is not None:
            made.insert(rows)


@contextlib.contextmanager
def rolled_back(session):
    """A transaction that ends in a rollback."""
    with contextlib.suppress(ZeroDivisionError), session.transaction() as tx:
        yield tx
        raise ZeroDivisionError


def accounts(*rows):
    return pa.Table.from_pylist([dict(zip(ACCOUNTS.names, row, strict=True)) for row in rows], schema=ACCOUNTS)


def read(session, columns=None, predicate=None, name="t", **options):
    with session.transaction() as tx:
        return table(tx, name=name).select(columns, predicate, **options).read_all()


# --- transactions -----------------------------------------------------------------------------------------


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
        writer.__enter__()  # so that the with statement has one to end


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
        CHANGES[first](one)
        if order == "first committed":
            one.__exit__(None, None, None)
        with pytest.raises(errors.Conflict):
            change(two)
        with pytest.raises(errors.Conflict):  # a transaction that lost stays lost
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
    with LocalVastDB(None, transaction_seconds=0.2) as server:
        other = connect(server)
        tx = other.transaction()
        tx.__enter__()
        tx.bucket(BUCKET).create_schema("s")
        threading.Event().wait(0.6)
        assert server.open_transactions() == 0
        with pytest.raises(errors.NotFound):
            other.api.get_transaction(tx.txid)
        with pytest.raises(errors.NotFound):
            tx.__exit__(None, None, None)
        with other.transaction() as later:
            assert later.bucket(BUCKET).schemas() == []


def test_a_request_without_a_transaction_is_one_of_its_own(session, schema):
    session.api.create_schema(BUCKET, "alone")
    assert [name for name, _ in session.api.list_schemas(BUCKET)[1]] == ["test", "alone"]


def test_unknown_transactions_are_not_found(session):
    with pytest.raises(errors.NotFound):
        session.api.commit_transaction(12345)
    with pytest.raises(errors.NotFound):
        session.api.list_schemas(BUCKET, txid=12345)


# --- rows and types ---------------------------------------------------------------------------------------

UTC = dt.timezone.utc
STAMP = dt.datetime(2026, 2, 3, 4, 5, 6, 789012)  # noqa: DTZ001 - also for columns without a zone
EARLIER = dt.datetime(1960, 1, 1)  # noqa: DTZ001
VALUES = {
    "bool": (pa.bool_(), [True, False]),
    "int8": (pa.int8(), [-128, 127]),
    "int64": (pa.int64(), [-(2**63), 2**63 - 1]),
    "uint8": (pa.uint8(), [0, 255]),
    "uint64": (pa.uint64(), [0, 2**64 - 1]),
    "half": (pa.float16(), [0.5, -2.0]),
    "float": (pa.float32(), [0.1, float("inf")]),
    "double": (pa.float64(), [0.1, -1e300]),
    "string": (pa.string(), ["it's \N{GREEK SMALL LETTER ALPHA}", "nul\0inside"]),
    "binary": (pa.binary(), [b"\x00\xff'", b"plain"]),
    "decimal": (
        pa.decimal128(38, 10),
        [decimal.Decimal("1234567890123456789012345678.0123456789"), decimal.Decimal(0)],
    ),
    "date": (pa.date32(), [dt.date(1969, 12, 31), dt.date(2026, 11, 23)]),
    "time32s": (pa.time32("s"), [dt.time(0), dt.time(23, 59, 59)]),
    "time32ms": (pa.time32("ms"), [dt.time(0), dt.time(23, 59, 59, 999000)]),
    "time64us": (pa.time64("us"), [dt.time(0), dt.time(23, 59, 59, 999999)]),
    "time64ns": (pa.time64("ns"), [dt.time(0), dt.time(23, 59, 59, 999999)]),
    "timestamp_s": (pa.timestamp("s"), [STAMP.replace(microsecond=0), EARLIER]),
    "timestamp_ms": (pa.timestamp("ms"), [STAMP.replace(microsecond=789000), EARLIER]),
    "timestamp_us": (pa.timestamp("us"), [STAMP, EARLIER]),
    "timestamp_ns": (pa.timestamp("ns"), [STAMP, EARLIER]),
    "timestamp_tz": (pa.timestamp("us", "UTC"), [STAMP.replace(tzinfo=UTC), EARLIER.replace(tzinfo=UTC)]),
}
NESTED = {
    "list": (pa.list_(pa.timestamp("ms", "UTC")), [[STAMP.replace(microsecond=0, tzinfo=UTC), None], []]),
    "struct": (
        pa.struct([("a", pa.time32("ms")), ("b", pa.list_(pa.float16()))]),
        [{"a": dt.time(1), "b": [1.5]}, None],
    ),
    "map": (pa.map_(pa.string(), pa.struct([("x", pa.int8())])), [[("k", {"x": 1}), ("l", None)], []]),
    "vector": (pa.list_(pa.field("item", pa.float32(), nullable=False), 3), [[1.0, 2.0, 3.0], None]),
    "deep": (
        pa.list_(pa.list_(pa.struct([("m", pa.map_(pa.int8(), pa.binary()))]))),
        [[[{"m": [(1, b"x")]}], None], None],
    ),
}


def test_every_type_comes_back_as_it_went(session, schema):
    columns = {kind: pa.array([*values, None], type_) for kind, (type_, values) in (VALUES | NESTED).items()}
    rows = pa.table({"id": [0, 1, 2], **columns})
    create(session, rows.schema, rows)
    found = read(session)
    assert found.schema == rows.schema
    for kind in rows.column_names:
        assert found[kind] == rows[kind], kind
        assert read(session, [kind])[kind] == rows[kind], kind
    changed = {kind: pa.array([None, *values], type_) for kind, (type_, values) in (VALUES | NESTED).items()}
    with session.transaction() as tx:
        table(tx).update(pa.table({"$row_id": pa.array([0, 1, 2], pa.uint64()), **changed}))
    found = read(session)
    for kind, expected in changed.items():
        assert found[kind].combine_chunks() == expected, kind


COMPARISONS = {
    "==": (lambda c, v: c == v, pc.equal),
    "!=": (lambda c, v: c != v, pc.not_equal),
    "<": (lambda c, v: c < v, pc.less),
    "<=": (lambda c, v: c <= v, pc.less_equal),
    ">": (lambda c, v: c > v, pc.greater),
    ">=": (lambda c, v: c >= v, pc.greater_equal),
}


def comparable(kind, type_, values):
    """Values to store, and the constants that the SDK can send for them."""
    if kind == "uint64":  # beyond this the client's ibis finds no type for a constant
        values = [0, 2**63 - 1]
    if kind == "decimal":  # goes through a float
        return pa.array([decimal.Decimal("3.5"), decimal.Decimal("0.25"), None], type_), [3.5, 0.25]
    return pa.array([*values, None], type_), values


def test_every_type_compares_as_arrow_does(session, schema):
    columns = {kind: comparable(kind, *VALUES[kind]) for kind in VALUES if kind != "half"}
    rows = pa.table({kind: array for kind, (array, _) in columns.items()})
    create(session, rows.schema, rows)
    with session.transaction() as tx:
        stored = table(tx)

        def select(kind, predicate):
            return stored.select([kind], predicate).read_all()

        for kind, (array, constants) in columns.items():
            column, all_of_it = stored[kind], rows.select([kind])
            for scalar, constant in zip(array, constants, strict=False):
                for name, (predicate, function) in COMPARISONS.items():
                    found = select(kind, predicate(column, constant))
                    assert found == all_of_it.filter(function(array, scalar)), (kind, name, constant)
            assert select(kind, column.isin(constants)) == all_of_it.slice(0, 2), kind
            assert select(kind, column.isnull()) == all_of_it.slice(2), kind
            assert select(kind, ~column.isnull()) == all_of_it.slice(0, 2), kind


def test_predicates_of_text(session, schema):
    texts = ["/a/b", "/a/c", "/a", "a%b_c", "it's", "", "\N{GREEK SMALL LETTER ALPHA}", "\U0010ffff", None]
    create(session, pa.schema([("s", pa.string())]), pa.table({"s": texts}))
    with session.transaction() as tx:
        stored = table(tx)

        def select(predicate):
            return stored.select(predicate=predicate).read_all()["s"].to_pylist()

        assert select(stored["s"].startswith("/a/")) == ["/a/b", "/a/c"]
        assert select(stored["s"].startswith("\U0010ffff")) == ["\U0010ffff"]
        assert select(stored["s"].contains("%")) == ["a%b_c"]
        assert select(stored["s"].contains("'")) == ["it's"]
        assert select(stored["s"] == "it's") == ["it's"]
        assert select((stored["s"] == "") | stored["s"].isin(["/a", "it's"]) | stored["s"].isnull()) == [
            "/a",
            "it's",
            "",
            None,
        ]
        assert select(ibis._["s"].between("/a", "/a/b") & (ibis._["s"] != "/a")) == ["/a/b"]


def test_row_ids_are_stable_and_never_reused(session, schema):
    create(session, ACCOUNTS)
    with session.transaction() as tx:
        assert table(tx).insert(accounts(("a", 1, ["x"]), ("b", 2, ["y"]))).to_pylist() == [0, 1]
    with rolled_back(session) as tx:
        table(tx).insert(accounts(("gone", 1, None)))
    with session.transaction() as tx:
        stored = table(tx)
        stored.update(
            pa.table({"$row_id": pa.array([0], pa.uint64()), "tags": pa.array([["z"]], pa.list_(pa.string()))})
        )
        stored.delete(pa.table({"$row_id": pa.array([1], pa.uint64())}))
        assert stored.insert(accounts(("c", 3, None))).to_pylist() == [3]
    found = read(session, ["name"], internal_row_id=True)
    assert found.to_pydict() == {"name": ["a", "c"], "$row_id": [0, 3]}


def test_splits_partition_the_rows_and_limits_resume(session, schema):
    count = 5 * 2**16
    rows = pa.table({"a": pa.array(range(count), pa.int32())})
    create(session, rows.schema, rows)
    with session.transaction() as tx:
        stored = table(tx)
        config = QueryConfig(
            num_splits=2, num_sub_splits=2, num_row_groups_per_sub_split=1, limit_rows_per_sub_split=40_000
        )
        parts = [reader.read_all() for reader in stored.select_splits(config=config)]
        assert [part.num_rows for part in parts] == [3 * 2**16, 2 * 2**16]
        assert sorted(pa.concat_tables(parts)["a"].to_pylist()) == list(range(count))
        few = stored.select(predicate=stored["a"] >= 100_000, limit_rows=7).read_all()
        assert few["a"].to_pylist() == list(range(100_000, 100_007))


def test_wide_and_long_inserts_are_split_by_the_sdk(server, session, schema):
    columns = pa.schema([(f"s{i}", pa.string()) for i in range(80)])
    rows = pa.table([["x" * 100_000] for _ in columns], schema=columns)
    create(session, columns)
    server.reset_counters()
    with session.transaction() as tx:
        table(tx).insert(rows)
    assert server.counters()["insert"] == 1
    assert server.counters()["update"] >= 1
    assert read(session) == rows


def test_limits_of_the_real_thing(session, schema):
    create(session, pa.schema([("s", pa.string()), ("l", pa.list_(pa.binary()))]))
    for rows in (
        {"s": ["x" * (126 * 1024 + 1)]},
        {"l": pa.array([[b"x" * 70_000, b"y" * 70_000]], pa.list_(pa.binary()))},
    ):
        with session.transaction() as tx, pytest.raises(errors.BadRequest, match="TabularCellTooLarge"):
            table(tx).insert(pa.table(rows))
    with session.transaction() as tx:
        table(tx).insert(pa.table({"s": ["x" * (126 * 1024)]}))
        with pytest.raises(errors.BadRequest, match="EntityTooLarge"):
            session.api.insert_rows(BUCKET, schema, "t", b"x" * (5 * 2**20 + 1), txid=tx.txid)
    assert read(session).num_rows == 1


def test_requests_that_make_no_sense_are_bad_requests(session, schema):
    create(session, ACCOUNTS)
    with session.transaction() as tx:
        for body in (b"", b"garbage", b"\xff" * 64):
            with pytest.raises(errors.BadRequest):
                session.api.insert_rows(BUCKET, schema, "t", body, txid=tx.txid)
            with pytest.raises(errors.BadRequest):
                session.api.query_data(BUCKET, schema, "t", body, txid=tx.txid)
        with pytest.raises(errors.NotImplemented):
            session.api.import_data(BUCKET, schema, "t", {(BUCKET, "f"): b""}, txid=tx.txid)


def test_a_stale_schema_is_refused_not_misread(session, schema):
    create(session, ACCOUNTS, accounts(("a", 1, None)))
    stale = pa.schema([("name", pa.string()), ("balance", pa.int32())])
    with session.transaction() as tx:
        old = tx.table_from_metadata(TableMetadata(TableRef(BUCKET, schema, "t"), stale, TableType.Regular))
        old.reload_stats()
        with pytest.raises(errors.BadRequest, match="TabularMismatchColumnType"):
            old.select().read_all()


# --- definitions ------------------------------------------------------------------------------------------


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


# --- keys -------------------------------------------------------------------------------------------------


def test_keys_are_checked(server):
    for access, secret, code in (
        (server.access_key, "wrong", "SignatureDoesNotMatch"),
        ("wrong", server.secret_key, "InvalidAccessKeyId"),
    ):
        with pytest.raises(errors.Forbidden, match=code):
            vastdb.connect(endpoint=server.endpoint, access=access, secret=secret)
    assert requests.get(f"{server.endpoint}/?transaction", timeout=5).status_code == 403
    assert requests.head(f"{server.endpoint}/vastdb", timeout=5).status_code == 403


def test_it_listens_on_the_loopback_only(server):
    assert server.endpoint.startswith("http://127.0.0.1:")
    assert server.host == "127.0.0.1"


# --- faults and counters ----------------------------------------------------------------------------------


def test_faults_strike_by_script(server, session, schema):
    create(session, ACCOUNTS)

    def insert():
        with session.transaction() as tx:
            stored = tx.table_from_metadata(TableMetadata(TableRef(BUCKET, schema, "t"), ACCOUNTS, TableType.Regular))
            stored.insert(accounts(("a", 1, None)))

    expected = {
        FaultKind.INTERNAL_ERROR: errors.InternalServerError,
        FaultKind.CONFLICT: errors.Conflict,
        FaultKind.DROP_BEFORE: errors.ConnectionError,
        FaultKind.DROP_AFTER: errors.ConnectionError,
    }
    for operation in ("insert", "commit"):
        for kind, error in expected.items():
            before = read(session).num_rows
            server.faults.script(operation, [Fault(kind)])
            with pytest.raises(error):
                insert()
            done = operation == "commit" and kind is FaultKind.DROP_AFTER
            assert read(session).num_rows == before + done, (operation, kind)
            insert()
            assert read(session).num_rows == before + done + 1
    assert server.open_transactions() == 1  # of the commit that never arrived; it expires


def test_slow_down_is_retried_by_the_sdk_and_delays_delay(server, schema):
    session = connect(server, backoff_config=BackoffConfig(max_tries=3, max_value=0.01))
    server.faults.script(
        "begin", [Fault(FaultKind.SLOW_DOWN), None, Fault(FaultKind.SLOW_DOWN), Fault(FaultKind.SLOW_DOWN), None]
    )
    server.reset_counters()
    for _ in range(2):
        with session.transaction():
            pass
    assert server.counters()["begin"] == 5
    server.faults.script(ANY, [Fault(FaultKind.DELAY, seconds=0.2)])
    with pytest.raises(requests.exceptions.ReadTimeout):
        connect(server, timeout=0.05)


def test_faults_strike_by_chance_and_the_dice_are_seeded():
    def struck(seed):
        with LocalVastDB(None, seed=seed) as server:
            session = connect(server)
            server.faults.chance("begin", 0.3, Fault(FaultKind.INTERNAL_ERROR))
            outcomes = []
            for _ in range(40):
                try:
                    with session.transaction():
                        outcomes.append(True)
                except errors.InternalServerError:
                    outcomes.append(False)
            return outcomes

    first = struck(1)
    assert first == struck(1) != struck(2)
    assert 3 <= first.count(False) <= 25


def test_every_request_is_counted(server, session, schema):
    create(session, ACCOUNTS)
    metadata = TableMetadata(TableRef(BUCKET, schema, "t"), ACCOUNTS, TableType.Regular)
    server.reset_counters()
    with session.transaction() as tx:
        tx.table_from_metadata(metadata).insert(accounts(("a", 1, None)))
    assert server.counters() == {"begin": 1, "insert": 1, "commit": 1}


def test_without_conflict_detection_the_later_commit_wins():
    with LocalVastDB(None, detect_conflicts=False) as server:
        session = connect(server)
        with session.transaction() as tx:
            tx.bucket(BUCKET).create_schema("test")
        create(session, ACCOUNTS, accounts(("a", 1, ["x"]), ("b", 2, None)))
        with session.transaction() as one, session.transaction() as two:
            for tx, balance in ((one, 10), (two, 20)):
                stored = table(tx)
                row = stored.select(["balance"], stored["name"] == "a", internal_row_id=True).read_all()
                assert row["balance"].to_pylist() == [1]
                stored.update(row.set_column(0, "balance", pa.array([balance])))
                stored.insert(accounts((f"by {balance}", balance, None)))
                assert stored.select(predicate=stored["balance"] == balance).read_all().num_rows == 2  # own writes
            assert table(two).select().read_all().num_rows == 3
        found = read(session).to_pydict()
        # `two` is the inner one and commits first
        assert dict(zip(found["name"], found["balance"], strict=True)) == {"a": 10, "b": 2, "by 10": 10, "by 20": 20}
        with session.transaction() as tx:  # a transaction that also changes definitions
            table(tx).insert(accounts(("c", 3, None)))
            table(tx).add_column(pa.schema([("more", pa.int8())]))
            table(tx).insert(pa.table({"name": ["d"], "more": pa.array([1], pa.int8())}))
        with rolled_back(session) as tx:
            table(tx).delete(table(tx).select([], internal_row_id=True).read_all())
            assert table(tx).select().read_all().num_rows == 0
        assert read(session)["more"].to_pylist() == [None] * 5 + [1]


# --- the file ---------------------------------------------------------------------------------------------


def test_the_file_is_locked_kept_and_readable_by_hand(tmp_path):
    path = tmp_path / "deep" / "catalog.duckdb"
    with LocalVastDB(path, access_key="me", secret_key="mine") as server:
        session = connect(server)
        with session.transaction() as tx:
            tx.bucket(BUCKET).create_schema("exr").create_table("files", ACCOUNTS).insert(accounts(("a", 1, ["x"])))
        with pytest.raises(LocalDatabaseError):
            LocalVastDB(path)
        with pytest.raises(LocalDatabaseError):
            LocalVastDB(tmp_path / "other.duckdb", port=server.port)
    with LocalVastDB(path, bucket="second") as server:
        session = connect(server)
        with session.transaction() as tx:
            kept = tx.bucket(BUCKET).schema("exr").table("files")
            assert kept.insert(accounts(("b", 2, None))).to_pylist() == [1]
            tx.bucket("second").create_schema("exr").create_table("files", ACCOUNTS)
    by_hand = duckdb.connect(str(path), read_only=True)
    assert by_hand.execute('SELECT * FROM "vastdb/exr".files ORDER BY name').fetchall() == [
        ("a", 1, ["x"]),
        ("b", 2, None),
    ]
    assert by_hand.execute('SELECT count(*) FROM "second/exr".files').fetchall() == [(0,)]


def test_closing_hangs_up_and_ends_every_thread():
    before = threading.active_count()
    with LocalVastDB(None) as server:
        sessions = [connect(server) for _ in range(5)]
        sessions[0].transaction().__enter__()
        assert server.open_connections() == 5
        assert server.open_transactions() == 1
    for _ in range(100):
        if threading.active_count() <= before and not server.open_connections():
            break
        threading.Event().wait(0.05)
    assert threading.active_count() <= before
    assert server.open_connections() == 0
    with pytest.raises(errors.ConnectionError):
        sessions[1].transaction().__enter__()


def test_a_file_that_is_no_database_is_refused(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but long enough to be looked at" * 100)
    with pytest.raises(LocalDatabaseError):
        LocalVastDB(path)
    with LocalVastDB(tmp_path / "good.duckdb"):
        pass
