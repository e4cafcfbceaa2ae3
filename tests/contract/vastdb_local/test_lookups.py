"""Look-ups by value return what the transaction sees by reading everything, whatever happens concurrently."""

import random
from contextlib import ExitStack

import pyarrow as pa
import pytest
import vastdb
from vastdb import errors
from vastdb.config import QueryConfig
from vastdb.table_metadata import TableMetadata, TableRef, TableType

from vastdb_local import LocalVastDB

COLUMNS = pa.schema([("key", pa.string()), ("number", pa.int32()), ("other", pa.string())])
METADATA = TableMetadata(TableRef("vastdb", "s", "t"), COLUMNS, TableType.Regular)
KEYS = ["a", "it's", "nul\0inside", "\N{GREEK SMALL LETTER ALPHA}", "", "never there"]


class Session:
    """A client whose transactions can stay open."""

    def __init__(self, server, dice):
        session = vastdb.connect(endpoint=server.endpoint, access=server.access_key, secret=server.secret_key)
        self.session, self.dice = session, dice
        self.config = QueryConfig(data_endpoints=[server.endpoint], num_splits=1)
        self.stack = ExitStack()
        self.begin()

    def begin(self):
        self.table = self.stack.enter_context(self.session.transaction()).table_from_metadata(METADATA)

    def end(self, *, commit=True):
        try:
            if commit:
                self.stack.close()
            else:
                with pytest.raises(RuntimeError, match="on purpose"), self.stack:
                    raise RuntimeError("on purpose")
        except errors.Conflict:
            pass  # detected at the commit, which rolls back
        self.stack = ExitStack()
        self.begin()

    def rows(self, predicate=None, config=None):
        return self.table.select(
            predicate=predicate, config=config or self.config, internal_row_id=True, columns=["key", "number"]
        ).read_all()

    def write(self):
        count = self.dice.randint(1, 5)
        values = {"key": self.dice.choices([*KEYS[:-1], None], k=count), "number": self.dice.choices(range(4), k=count)}
        rows = pa.table(values, COLUMNS.remove(2))
        there = self.rows()
        places = self.dice.sample(range(len(there)), min(count, len(there)))
        chosen = there["$row_id"].take(pa.array(places, pa.int64()))
        kind = self.dice.choice(["insert", "insert", "update", "delete"])
        try:
            if kind == "insert":
                self.table.insert(rows)
            elif kind == "update" and len(chosen):
                names = self.dice.choice([["key"], ["number"], ["key", "number"]])
                self.table.update(rows.select(names).slice(0, len(chosen)).append_column("$row_id", chosen))
            elif len(chosen):
                self.table.delete(pa.table({"$row_id": chosen}))
        except errors.Conflict:
            self.end(commit=False)

    def check(self):
        everything = self.rows().to_pylist()
        handle = self.table
        keys, number = self.dice.sample(KEYS, 2), self.dice.randrange(4)
        asked = {
            handle["key"] == keys[0]: lambda row: row["key"] == keys[0],
            handle["key"].isin(keys): lambda row: row["key"] in keys,
            (handle["key"] == keys[0]) & (handle["number"] == number): (
                lambda row: row["key"] == keys[0] and row["number"] == number
            ),
            (handle["number"] == number) & (handle["key"] > "b"): (
                lambda row: row["number"] == number and row["key"] is not None and row["key"].encode() > b"b"
            ),
            handle["key"].isin(keys) | handle["key"].isnull(): lambda row: row["key"] in [*keys, None],
        }
        for predicate, fits in asked.items():
            found = sorted(self.rows(predicate).to_pylist(), key=lambda row: row["$row_id"])
            assert found == [row for row in everything if fits(row)]


def _table(server):
    session = vastdb.connect(endpoint=server.endpoint, access=server.access_key, secret=server.secret_key)
    with session.transaction() as tx:
        tx.bucket("vastdb").create_schema("s").create_table("t", COLUMNS)


@pytest.mark.heavy
@pytest.mark.parametrize(("seed", "detect_conflicts"), [(1, True), (2, False)])
def test_look_ups_answer_what_reading_everything_does(seed, detect_conflicts) -> None:
    dice = random.Random(seed)
    with LocalVastDB(None, index_after=3, detect_conflicts=detect_conflicts) as server:
        _table(server)
        sessions = [Session(server, dice) for _ in range(4)]
        for _ in range(40):
            session = dice.choice(sessions)
            session.write()
            session.check()
            if dice.random() < 0.3:
                session.end(commit=dice.random() < 0.7)
                session.check()
        for session in sessions:
            session.end()
        sessions[0].check()


def test_a_snapshot_from_before_the_index_sees_what_was_deleted_since() -> None:
    with LocalVastDB(None, index_after=2) as server:
        _table(server)
        old, new = Session(server, random.Random(1)), Session(server, random.Random(2))
        new.table.insert(pa.table({"key": ["a", "b"]}))
        new.end()
        old.end()  # sees both rows from here on
        new.end()
        new.table.delete(new.rows(new.table["key"] == "a").select(["$row_id"]))
        new.end()
        for _ in range(4):
            assert len(new.rows(new.table["key"] == "a")) == 0
            new.end()
        assert old.rows(old.table["key"] == "a")["key"].to_pylist() == ["a"]


def test_splits_limits_and_resuming() -> None:
    with LocalVastDB(None, index_after=1) as server:
        _table(server)
        session = Session(server, random.Random(1))
        keys = [f"k{number % 7}" for number in range(200_000)]
        session.table.insert(pa.table({"key": keys}))
        session.end()
        assert len(session.rows(session.table["key"] == "k3")) == 28_571
        session.end()
        for config in (
            QueryConfig(
                data_endpoints=[server.endpoint], num_splits=3, num_sub_splits=2, limit_rows_per_sub_split=1_000
            ),
            QueryConfig(data_endpoints=[server.endpoint], num_splits=1, num_row_groups_per_sub_split=1),
        ):
            found = session.rows(session.table["key"].isin(["k3", "k9"]), config)
            assert sorted(found["$row_id"].to_pylist()) == list(range(3, 200_000, 7))


def test_each_transaction_sees_the_definitions_of_its_snapshot() -> None:
    with LocalVastDB(None) as server:
        _table(server)
        session = vastdb.connect(endpoint=server.endpoint, access=server.access_key, secret=server.secret_key)

        def names(tx):
            return tx.bucket("vastdb").schema("s").table("t").columns().names

        with session.transaction() as before, session.transaction() as changing:
            assert names(before) == names(changing) == COLUMNS.names
            changing.bucket("vastdb").schema("s").table("t").add_column(pa.schema([("added", pa.int8())]))
            with session.transaction() as meanwhile:
                assert names(meanwhile) == COLUMNS.names
            assert names(changing) == [*COLUMNS.names, "added"]
            changing.bucket("vastdb").schema("s").table("t").rename_column("other", "another")
            assert names(changing) == ["key", "number", "another", "added"]
            assert names(before) == COLUMNS.names
        with session.transaction() as after:
            assert names(after) == ["key", "number", "another", "added"]
        dropping = ExitStack()
        dropping.enter_context(session.transaction()).bucket("vastdb").schema("s").table("t").drop()
        with session.transaction() as meanwhile:
            assert names(meanwhile) == ["key", "number", "another", "added"]
        with pytest.raises(RuntimeError, match="on purpose"), dropping:
            raise RuntimeError("on purpose")
        with session.transaction() as after:
            assert names(after) == ["key", "number", "another", "added"]
            after.bucket("vastdb").schema("s").table("t").drop()
        with session.transaction() as after:
            assert after.bucket("vastdb").schema("s").table("t", fail_if_missing=False) is None
