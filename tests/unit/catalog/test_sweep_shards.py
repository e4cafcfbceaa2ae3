"""The bounds of a sweep's shards, and the rows that their conditions select at these bounds."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest

from exr_inspector.catalog.schema.columns import CELL_BYTES
from exr_inspector.catalog.sdk.predicates import has_prefix
from exr_inspector.catalog.sweeps import SweepShard, SweepState, _columns, _new_shards
from exr_inspector.catalog.vast_catalog import _changed

NOON = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
FIRST = SweepShard("1", "b/", "b/", "b/m/", SweepState())  # any row id
SECOND = replace(FIRST, first_path="b/m/", end_path=None)


def cut(*wanted: str, first: SweepShard = FIRST) -> list[tuple[str | None, str]]:
    found = _new_shards([first, SECOND], "b/", wanted, NOON)
    return [(shard and shard.first_path, path) for shard, path in found]


def test_a_shard_is_cut_at_a_new_path_within_it_only() -> None:
    assert cut("b/", "b/f/", "b/m/", "b/z/") == [("b/", "b/f/"), ("b/m/", "b/z/")]
    assert cut("a/") == [], "what lies before the root belongs to no shard"


def test_a_shard_that_is_worked_on_is_not_cut() -> None:
    assert cut("b/f/", first=replace(FIRST, claimed_until=NOON + timedelta(seconds=1))) == []
    assert cut("b/f/", first=replace(FIRST, claimed_until=NOON)) == [("b/", "b/f/")]
    assert cut("b/f/", first=replace(FIRST, state=SweepState(position="b/c.exr"))) == []


def test_a_root_without_a_shard_gets_all() -> None:
    assert _new_shards([], "b/", ["b/", "b/m/"], NOON) == [(None, "b/"), (None, "b/m/")]


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [(None, 2, [0, 1]), (1, None, [1, 2, 3]), (1, 3, [1, 2]), (2, 2, [])],
)
def test_changes_from_one_moment_until_before_another(
    since: int | None, until: int | None, expected: list[int]
) -> None:
    moments = [NOON + timedelta(hours=hour) for hour in range(4)]
    where = _changed(*(None if hour is None else moments[hour] for hour in (since, until)))
    assert where is not None
    table = {"ctime": np.array([moment.replace(tzinfo=None) for moment in moments], object)}
    assert np.flatnonzero(where(table)).tolist() == expected


def test_all_changes_need_no_condition() -> None:
    assert _changed(None, None) is None


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [("b", ["b", "b/1"]), ("b/", ["b/1"]), ("\U0010ffff", ["\U0010ffff", "\U0010ffff1"]), ("z", [])],
)
def test_a_prefix_takes_itself_and_what_begins_with_it(prefix: str, expected: list[str]) -> None:
    names = np.array(["a", "b", "b/1", "c", "\U0010ffff", "\U0010ffff1"], object)
    where = has_prefix("name", prefix)
    assert where is not None
    assert names[where({"name": names})].tolist() == expected


def test_the_message_of_a_shard_fits_into_a_cell() -> None:
    assert 0 < len(_columns(SweepState(message="é" * CELL_BYTES))["message"].encode()) <= CELL_BYTES
