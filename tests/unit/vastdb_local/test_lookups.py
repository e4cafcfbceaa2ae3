"""Indexes of look-ups: their keys, when they can be used, and when they are discarded."""

import numpy as np
import pyarrow as pa
import pytest

from vastdb_local.lookups import Lookups
from vastdb_local.refusals import not_found

TABLE, STORED, COLUMN = 7, "_vast.t7", "c1"


class Store:
    """A column of a table with rows from 0, and the open transactions."""

    def __init__(self, values=(), latest=10):
        self.values = list(values)
        self.open = set()
        self.latest = latest
        self.readings = 0

    def read(self, stored, column):
        assert (stored, column) == (STORED, COLUMN)
        self.readings += 1
        return self.latest, iter(self.batches())

    def batches(self):
        for start in range(0, len(self.values), 3):
            some = self.values[start : start + 3]
            ids = pa.array(range(start, start + len(some)), pa.uint64())
            yield pa.record_batch([pa.array(some), ids], names=["value", "row_id"])

    def lookups(self, index_after=1):
        return Lookups(index_after, lambda: frozenset(self.open), self.read)


def find(lookups, *values, txid=99):
    found = lookups.find(txid, TABLE, STORED, {COLUMN: frozenset(values)})
    return None if found is None else found.tolist()


def add(lookups, values, first):
    ids = pa.array(range(first, first + len(values)), pa.uint64())
    lookups.add(TABLE, {COLUMN: pa.array(values)}, ids)


def test_rows_that_were_there_and_rows_that_came() -> None:
    lookups = Store(["a", "a", "b", "b", "a", None, "c"]).lookups()
    assert find(lookups, "a") == [0, 1, 4]
    add(lookups, ["c", "a", "a"], 7)
    lookups.replace(TABLE, {COLUMN: pa.array(["a"])}, pa.array([3], pa.uint64()))
    assert find(lookups, "a") == [0, 1, 3, 4, 8, 9]
    assert find(lookups, "c", "b", "zz") == [2, 3, 6, 7]
    assert find(lookups, "zz") == []


@pytest.mark.parametrize("type_", [pa.int8(), pa.uint64(), pa.binary()])
def test_bytes_and_numbers_are_indexed_like_texts(type_) -> None:
    values = [b"x", b"", b"x"] if pa.types.is_binary(type_) else [1, 2, 1]
    store = Store(pa.array(values, type_).to_pylist())
    assert find(store.lookups(), values[0]) == [0, 2]


def test_many_small_additions() -> None:
    lookups = Store().lookups()
    assert find(lookups, "k3") == []
    for number in range(500):
        add(lookups, [f"k{number % 50}"] * 2, 2 * number)
    assert find(lookups, "k3") == [row for number in range(3, 500, 50) for row in (2 * number, 2 * number + 1)]


def test_an_index_is_built_after_some_look_ups() -> None:
    store = Store(["a"])
    lookups = store.lookups(index_after=3)
    assert [find(lookups, "a") for _ in range(4)] == [None, None, [0], [0]]
    assert store.readings == 1


def test_the_first_reading_waits_for_the_transactions_that_were_open() -> None:
    store = Store(["a"])
    store.open = {1, 2}
    lookups = store.lookups()
    assert find(lookups, "a") is None
    add(lookups, ["a"], 5)  # by a transaction that began in the meantime
    store.open = {2, 3}
    assert find(lookups, "a") is None
    store.open = {3}
    store.values.append("a")  # by one of the transactions that have ended
    assert find(lookups, "a") == [0, 1, 5]


def test_transactions_from_before_the_reading_cannot_ask() -> None:
    store = Store(["a"], latest=10)
    lookups = store.lookups()
    assert find(lookups, "a", txid=10) is None
    assert find(lookups, "a", txid=11) == [0]


@pytest.mark.slow
def test_a_column_of_few_values_gets_no_index() -> None:
    store = Store(["same"] * 30_000)
    lookups = store.lookups()
    assert [find(lookups, "same") for _ in range(3)] == [None] * 3
    assert store.readings == 1
    add(lookups, ["same"], 30_000)
    assert find(lookups, "other") is None


def test_one_value_of_very_many_rows_is_not_listed() -> None:
    lookups = Store([*(f"k{number}" for number in range(50)), "few"]).lookups()
    assert find(lookups, "few") == [50]
    add(lookups, ["many"] * 100_001, 100)
    assert find(lookups, "many") is None
    assert find(lookups, "few") == [50]


def test_the_index_is_rebuilt_when_many_rows_are_gone() -> None:
    store = Store(["a", "b"])
    lookups = store.lookups()
    assert find(lookups, "a") == [0]
    store.values = ["b", "b"]
    lookups.delete(TABLE, 70_000)
    store.open = {5}
    assert find(lookups, "a") is None
    store.open = set()
    assert find(lookups, "a") == []
    assert store.readings == 2


def test_too_many_runs_discard_the_index(monkeypatch) -> None:
    monkeypatch.setattr("vastdb_local.lookups._MOST_RUNS", 100)
    lookups = Store(["a"]).lookups()
    assert find(lookups, "a") == [0]
    add(lookups, [f"k{number}" for number in range(100)], 1)
    assert find(lookups, "a") is None


def test_too_many_runs_during_the_first_reading(monkeypatch) -> None:
    monkeypatch.setattr("vastdb_local.lookups._MOST_RUNS", 5)
    lookups = Store([f"k{number}" for number in range(9)]).lookups()
    assert find(lookups, "k1") is None
    assert find(lookups, "k8") is None


def test_a_table_that_is_dropped_meanwhile() -> None:
    store = Store(["a"])

    def read(stored, column):
        raise not_found("NoSuchTable", "gone")

    lookups = Lookups(1, lambda: frozenset(store.open), read)
    assert find(lookups, "a") is None
    lookups = store.lookups()
    assert find(lookups, "a") == [0]
    lookups.forget(TABLE)
    store.values = []
    assert find(lookups, "a") == []


def test_a_reading_that_fails_is_tried_again() -> None:
    store = Store(["a"])
    broken = [True]

    def read(stored, column):
        if broken.pop():
            return 10, iter([None])  # no batch, as from a file that cannot be read
        return store.read(stored, column)

    lookups = Lookups(1, frozenset, read)
    with pytest.raises(AttributeError):
        find(lookups, "a")
    broken.append(False)
    assert find(lookups, "a") == [0]


def test_the_narrower_of_two_columns() -> None:
    lookups = Lookups(1, frozenset, lambda stored, column: (0, iter(())))
    rows = pa.array(np.arange(4), pa.uint64())
    equal = {"c1": frozenset(["x"]), "c2": frozenset([1, 2])}
    assert lookups.find(9, TABLE, STORED, equal).tolist() == []
    lookups.add(TABLE, {"c1": pa.array(["x"] * 4), "c2": pa.array([1, 3, 3, 2])}, rows)
    assert lookups.find(9, TABLE, STORED, equal).tolist() == [0, 3]
