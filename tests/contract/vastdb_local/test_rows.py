"""The local VAST DataBase through the real SDK over real HTTP: types, predicates, row ids, splits and limits."""

import datetime as dt
import decimal

import ibis
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from vastdb import errors
from vastdb.config import QueryConfig
from vastdb.table_metadata import TableMetadata, TableRef, TableType

from tests.contract.vastdb_local.support import ACCOUNTS, BUCKET, accounts, create, read, rolled_back, table

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
    if kind == "uint64":  # beyond this, the client's ibis finds no type for a constant
        values = [0, 2**63 - 1]
    if kind == "decimal":  # is converted to a float on the way
        return pa.array([decimal.Decimal("3.5"), decimal.Decimal("0.25"), None], type_), [3.5, 0.25]
    return pa.array([*values, None], type_), values


@pytest.mark.heavy
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
