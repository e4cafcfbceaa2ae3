"""Group commit on a real database server: cost for many threads, and isolation of the members of a group."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from dataengine_local.context import LocalContext
from dataengine_local.events import element_event
from exr_inspector.catalog import Catalog, CatalogConfig, UpsertResult
from exr_inspector.catalog.outcomes import Removal
from exr_inspector.deadline import Deadline
from exr_inspector.errors import CatalogConflict, CatalogError, DeadlineExceeded, ExrInspectorError
from exr_inspector.function.commit import GroupCommit
from exr_inspector.function.handler import Service
from exr_inspector.function.telemetry import Telemetry
from exr_inspector.inspector import Inspector
from exr_inspector.model import EventInfo, Inspection
from exr_inspector.storage import SourceOpener
from exr_inspector.validation import builtin_policy
from tests.chaos.stack import BUCKET, LocalStack
from tests.support.databases import wipe
from tests.support.documented import Documented
from tests.support.waiting import until
from vastdb_local import Fault, FaultKind
from vastdb_local.faults import ANY

THREADS = 20


class Gate(Catalog):
    """The real tables; the first transaction waits for permission, and files can be refused by their keys."""

    def __init__(self, stack: LocalStack) -> None:
        super().__init__(CatalogConfig.from_settings(stack.settings().require_catalog()))
        self.entered, self.opened = threading.Event(), threading.Event()
        self.refused: dict[str, ExrInspectorError] = {}
        self.sizes: list[int] = []
        self.retry_seconds: list[float] = []

    def upsert(self, inspections: Any, **options: Any) -> list[UpsertResult]:
        self.sizes.append(len(inspections))
        self.retry_seconds.append(options.get("retry_seconds", 0.0))
        if len(self.sizes) == 1:
            self.entered.set()
            assert self.opened.wait(30)
        for inspection in inspections:
            if inspection.key in self.refused:
                raise self.refused[inspection.key]
        return super().upsert(inspections, **options)


def inspected(stack: LocalStack, *keys: str) -> list[Inspection]:
    settings = stack.settings()
    opener, inspector = SourceOpener(settings), Inspector.from_settings(settings)
    for key in keys:
        stack.put(key)
    return [inspector.inspect(opener.open(BUCKET, key), builtin_policy("default")) for key in keys]


def stored_together(
    gate: Gate, inspections: list[Inspection], deadlines: dict[str, float], *, retry_seconds: float = 8.0
) -> list[Any]:
    """Return the outcomes of inspections that wait while a first one, which is left out, is stored."""
    commit = GroupCommit(gate, retry_seconds=retry_seconds)
    with ThreadPoolExecutor(len(inspections)) as pool:
        first = pool.submit(commit.stores.write, inspections[:1], Deadline.after(30.0))
        assert gate.entered.wait(30)
        others = [
            pool.submit(commit.stores.write, [one], Deadline.after(deadlines.get(one.key, 30.0)))
            for one in inspections[1:]
        ]
        until(lambda: len(commit.stores.waiting) == len(others))
        if deadlines:
            time.sleep(max(deadlines.values()) + 0.1)
        gate.opened.set()
        first.result()
        return [future.result()[0] for future in others]


@pytest.mark.heavy
def test_twenty_busy_threads_cost_at_most_one_and_a_half_database_requests_an_event(stack: LocalStack) -> None:
    handling = Service.from_settings(stack.settings(), Telemetry(LocalContext("test")))
    keys = [f"shot/beauty.{index:04}.exr" for index in range(THREADS * 10)]
    for key in keys:
        stack.put(key)
    stack.database.reset_counters()
    with ThreadPoolExecutor(THREADS) as pool:
        results = list(pool.map(lambda key: handling.handle(element_event(BUCKET, key)), keys))
    assert {result["status"] for result in results} == {"inspected"}
    assert sum(stack.database.counters().values()) <= 1.5 * len(keys)
    assert stack.differences() == []


@pytest.mark.heavy
def test_twenty_busy_threads_remove_files_with_at_most_two_database_requests_each(stack: LocalStack) -> None:
    keys = [f"shot/beauty.{index:04}.exr" for index in range(THREADS * 4)]
    stack.catalog.upsert(inspected(stack, *keys))
    handling = Service.from_settings(stack.settings(), Telemetry(LocalContext("test")))
    for key in keys:
        stack.s3.delete(BUCKET, key)
    stack.database.reset_counters()
    events = [element_event(BUCKET, key, event_name="ObjectRemoved:Delete") for key in keys]
    with ThreadPoolExecutor(THREADS) as pool:
        results = list(pool.map(handling.handle, events))
    assert {result["status"] for result in results} == {"removed"}
    assert sum(stack.database.counters().values()) <= 2 * len(keys)
    assert stack.differences() == []
    assert sorted(row["file_path"] for row in stack.rows("inspections") if row["outcome"] == "removed") == [
        f"{BUCKET}/{key}" for key in keys
    ]


def test_a_removal_that_is_refused_costs_only_its_own_event(stack: LocalStack) -> None:
    stack.catalog.upsert(inspected(stack, "a.exr", "b.exr"))
    commit = GroupCommit(stack.catalog, 8.0)
    with pytest.raises(CatalogError, match="does not name a bucket"):
        commit.remove(BUCKET, deadline=Deadline.after(30.0))
    fault, removed = (
        outcome
        for outcome in commit.removals.write(
            [Removal(path, EventInfo(), True) for path in (BUCKET, f"{BUCKET}/a.exr")], Deadline.after(30.0)
        )
    )
    assert isinstance(fault, CatalogError)
    assert isinstance(removed, UpsertResult)
    assert [row["key"] for row in stack.rows("files")] == ["b.exr"]


def test_a_group_that_is_merely_slow_stays_together(stack: LocalStack) -> None:
    gate = Gate(stack)
    inspections = inspected(stack, *(f"{index}.exr" for index in range(4)))
    stack.database.faults.chance(ANY, 1.0, Fault(FaultKind.DELAY, 0.05))
    stored_together(gate, inspections, {}, retry_seconds=0.4)  # less than a transaction takes, as on a busy machine
    assert gate.sizes == [1, 3]
    assert stack.differences() == []


def test_the_rows_of_a_file_go_into_their_tables_at_the_same_time(
    stack: LocalStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = inspected(stack, "first.exr", "second.exr")
    stack.database.reset_counters()
    stack.catalog.upsert([first])
    all_have_come = threading.Barrier(stack.database.counters()["insert"], timeout=30)

    def wait_for_all(operation: str) -> None:
        if operation == "insert":
            all_have_come.wait()

    monkeypatch.setattr(stack.database.faults, "next", wait_for_all)
    stack.catalog.upsert([second])
    monkeypatch.undo()
    assert stack.differences() == []


def test_an_insert_that_fails_beside_others_leaves_nothing_behind(stack: LocalStack) -> None:
    (inspection,) = inspected(stack, "a.exr")
    stack.database.faults.script("insert", [None, Fault(FaultKind.INTERNAL_ERROR), Fault(FaultKind.DELAY, 0.3)])
    (stored,) = stack.catalog.upsert([inspection])
    assert stored.outcome.value == "inserted"
    assert stack.differences() == []


def test_an_idle_function_makes_the_requests_of_one_upsert(stack: LocalStack) -> None:
    (inspection,) = inspected(stack, "a.exr")
    stack.catalog.upsert([inspection])  # only the first use of a connection costs this
    counts = []
    for store in (
        lambda: stack.catalog.upsert([inspection]),
        lambda: GroupCommit(stack.catalog, 8.0).stores.write([inspection], Deadline.after(30)),
    ):
        wipe(stack.catalog)
        stack.database.reset_counters()
        store()
        counts.append(stack.database.counters())
    assert counts[0] == counts[1]


def test_all_that_wait_are_stored_in_one_transaction(stack: LocalStack) -> None:
    gate = Gate(stack)
    keys = [f"{index:02}.exr" for index in range(THREADS)]
    results = stored_together(gate, inspected(stack, *keys), {})
    assert gate.sizes == [1, THREADS - 1]
    assert max(gate.retry_seconds) <= 4, "at least half of the retry time is left for writing each separately"
    assert [result.path for result in results] == [f"{BUCKET}/{key}" for key in keys[1:]]
    assert stack.differences() == []


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(
            CatalogError("the database answered 400"),
            marks=pytest.mark.failure(
                "together",
                "the database rejects the rows of one event",
                "`CATALOG` for that event; the others are stored",
                "report the message",
            ),
        ),
        pytest.param(
            CatalogConflict("kept losing"),
            marks=pytest.mark.failure(
                "together",
                "every attempt of one event conflicts with another writer",
                "`CATALOG_CONFLICT` for that event; the others are stored",
                "nothing",
            ),
        ),
    ],
)
def test_a_refused_row_and_a_conflict_cost_only_their_own_event(
    stack: LocalStack, fault: ExrInspectorError, documented: Documented
) -> None:
    gate = Gate(stack)
    gate.refused["bad.exr"] = fault
    first, bad, *others = stored_together(gate, inspected(stack, "0.exr", "a.exr", "bad.exr", "c.exr", "d.exr"), {})
    assert bad is fault
    documented(bad.code)
    assert all(isinstance(result, UpsertResult) for result in (first, *others))
    assert sorted(row["key"] for row in stack.rows("files")) == ["0.exr", "a.exr", "c.exr", "d.exr"]


@pytest.mark.failure(
    "together",
    "the deadline of one event passes while it waits for the transaction",
    "`DEADLINE` for that event; the others are stored",
    "nothing",
)
def test_the_deadline_of_one_event_ends_its_own_waiting_only(stack: LocalStack, documented: Documented) -> None:
    gate = Gate(stack)
    late, *others = stored_together(gate, inspected(stack, "0.exr", "late.exr", "b.exr", "c.exr"), {"late.exr": 0.5})
    assert isinstance(late, DeadlineExceeded)
    documented(late.code)
    assert all(isinstance(result, UpsertResult) for result in others)
    assert sorted(row["key"] for row in stack.rows("files")) == ["0.exr", "b.exr", "c.exr"]


@pytest.mark.failure(
    "together",
    "the rows of one event cannot be built",
    "`INTERNAL` for that event; the others are stored",
    "report the message and the log",
)
def test_rows_that_cannot_be_built_cost_only_their_own_event(stack: LocalStack, documented: Documented) -> None:
    good, bad = inspected(stack, "a.exr", "b.exr")
    object.__setattr__(bad, "findings", object())
    fault, stored = GroupCommit(stack.catalog, 8.0).stores.write([bad, good], Deadline.after(30))
    assert isinstance(fault, ExrInspectorError)
    documented(fault.code)
    assert isinstance(stored, UpsertResult)


@pytest.mark.failure(
    "together",
    "the database fails while a group is stored",
    "each event is stored by itself; `0` rows differ from the objects",
    "nothing",
)
def test_an_outage_of_a_group_is_survived_by_each_of_its_members(stack: LocalStack, documented: Documented) -> None:
    gate = Gate(stack)
    inspections = inspected(stack, *(f"{index}.exr" for index in range(6)))
    stack.database.faults.chance("insert", 0.3, Fault(FaultKind.INTERNAL_ERROR))
    results = stored_together(gate, inspections, {})
    assert all(isinstance(result, UpsertResult) for result in results)
    documented(len(stack.differences()))
