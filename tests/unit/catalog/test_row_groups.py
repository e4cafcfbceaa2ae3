"""Rows of several inspections equal those of each alone, whichever process makes them and however they are grouped."""

from __future__ import annotations

import pickle
from datetime import datetime

import pytest

from exr_inspector.catalog.outcomes import Outcome
from exr_inspector.catalog.rows.groups import Prepared, as_prepared, audit_table, prepare, tables_of, to_tables
from exr_inspector.catalog.rows.plain import table_rows
from exr_inspector.catalog.schema import BY_NAME, INSPECTIONS
from exr_inspector.model import StatsMode
from tests.contract.catalog.model import START, damaged, inspection, unreadable

BATCH = [
    inspection("a.exr", findings=2),
    unreadable("b.exr"),
    inspection("c.exr", mode=StatsMode.FULL, views=("left", "right")),
    damaged("\udcff/d.exr"),
    inspection("e.exr", channels=("Z",), texts={"comments": "ä"}),
]
IDS = [f"id {number}" for number in range(len(BATCH))]
COMMON = {"recorded_at": START, "worker": None, "schema_version": 1}


def rows(items: list[Prepared], ids: list[str]) -> dict[str, list[dict[str, object]]]:
    made = tables_of(items, ids) | {INSPECTIONS.name: audit_table(items, ids, [Outcome.INSERTED] * len(items), COMMON)}
    for name, table in made.items():
        assert table.schema == BY_NAME[name].arrow
    return {name: table.to_pylist() for name, table in made.items()}


def one_by_one(members: list[int]) -> dict[str, list[dict[str, object]]]:
    found: dict[str, list[dict[str, object]]] = {}
    for member in members:
        for name, some in rows(prepare([BATCH[member]]), [IDS[member]]).items():
            found.setdefault(name, []).extend(some)
    return found


@pytest.mark.parametrize("members", [[0, 1, 2, 3, 4], [2], [1, 3], [4, 0, 2], [3, 1]])
def test_any_members_of_a_group_have_the_rows_that_each_has_alone(members: list[int]) -> None:
    group = prepare(BATCH)
    sent: list[Prepared] = pickle.loads(pickle.dumps(group))
    expected = one_by_one(members)
    for items in (group, sent):
        assert rows([items[member] for member in members], [IDS[member] for member in members]) == expected


def test_members_of_several_groups_are_put_together_in_order() -> None:
    left, right = prepare(BATCH[:2]), prepare(BATCH[2:])
    items = [left[1], right[0], right[2], left[0]]
    assert rows(items, [IDS[n] for n in (1, 2, 4, 0)]) == one_by_one([1, 2, 4, 0])


def _naive(value: object) -> object:
    return value.replace(tzinfo=None) if isinstance(value, datetime) else value


def test_the_rows_are_those_of_the_document() -> None:
    item = BATCH[2]
    rows = {name: some for name, some in table_rows(item, "id").items() if some}
    naive = {name: [{key: _naive(value) for key, value in row.items()} for row in some] for name, some in rows.items()}
    assert {name: table.to_pylist() for name, table in to_tables([item], ["id"]).items()} == naive


def test_what_is_prepared_stays_and_the_rest_is_prepared_in_its_place() -> None:
    done = prepare([BATCH[1]])
    made = as_prepared([BATCH[0], *done, BATCH[2]])
    assert [item.path for item in made] == [BATCH[n].path for n in (0, 1, 2)]
    assert made[1] is done[0]
    assert as_prepared([]) == []
