"""The tables equal a plain model after anything: overwrites, repeats, removals, faults, lost answers, many writers at once.

Writers do what the platform does: a retryable error means that the same batch comes again. The long run is
`./run test -m long tests/contract/catalog/test_model.py`: several processes, some killed on the way, CATALOG_LONG_OPERATIONS
(160,000 by default) against a server that detects conflicts and as many against one that does not; a tally after every phase.
"""

from __future__ import annotations

import multiprocessing
import os
import sys

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from exr_inspector.catalog import Catalog
from exr_inspector.catalog.admin.repair import repair
from exr_inspector.model import Inspection, StatsMode
from tests.contract.catalog.model import Model, assert_equal, damaged, inspection, ready, unreadable
from tests.contract.catalog.storm import Shape, Storm, check_audit
from tests.support.databases import wipe_of
from vastdb_local import Fault, FaultKind, LocalVastDB

KEYS = ("shot/a.0001.exr", "shot/a.0002.exr", "shot/A.0001.exr", "other/b c.exr")
FAULTS = (
    FaultKind.CONFLICT,
    FaultKind.INTERNAL_ERROR,
    FaultKind.SLOW_DOWN,
    FaultKind.DROP_BEFORE,
    FaultKind.DROP_AFTER,
)
OPERATIONS = ("begin", "query", "insert", "update", "delete", "commit")


@st.composite
def some_inspection(draw: st.DrawFn) -> Inspection:
    key = draw(st.sampled_from(KEYS))
    kind = draw(st.sampled_from(("sound", "sound", "sound", "damaged", "unreadable")))
    if kind == "unreadable":
        return unreadable(key)
    revision = draw(st.integers(1, 4))
    if kind == "damaged":
        return damaged(key, revision=100 + revision)
    return inspection(
        key,
        revision=revision,
        mode=draw(st.sampled_from(tuple(StatsMode))),
        channels=("B", "G", "R")[: 1 + revision % 3],
        findings=revision % 2,
    )


class CatalogMachine(RuleBasedStateMachine):
    """Batches, removals and faults in any order, by one writer."""

    server: LocalVastDB
    catalog: Catalog

    @initialize()
    def start(self) -> None:
        wipe_of(self.server, self.catalog)
        self.model = Model()

    @rule(batch=st.lists(some_inspection(), min_size=1, max_size=5))
    def upsert(self, batch: list[Inspection]) -> None:
        results = self.catalog.upsert(batch)
        for item, result in zip(batch, results, strict=True):
            stored = self.model.upsert(item)
            assert result.path == item.path
            assert stored or not result.outcome.changed

    @rule(key=st.sampled_from(KEYS))
    def remove(self, key: str) -> None:
        result = self.catalog.remove(f"renders/{key}")
        assert result.outcome.changed == (f"renders/{key}" in self.model.files)
        self.model.remove(f"renders/{key}")

    @rule(
        faults=st.lists(
            st.tuples(st.sampled_from(OPERATIONS), st.sampled_from(FAULTS[:2] + FAULTS[3:])), min_size=1, max_size=3
        )
    )
    @precondition(lambda self: True)
    def disturb(self, faults: list[tuple[str, FaultKind]]) -> None:
        for operation, kind in faults:
            self.server.faults.script(operation, [Fault(kind)])

    @invariant()
    def equal(self) -> None:
        if hasattr(self, "model"):
            self.server.faults.clear()
            assert_equal(self.catalog, self.model)


@pytest.mark.slow
def test_any_history_of_one_writer() -> None:
    with ready() as (server, catalog):
        machine = type("Machine", (CatalogMachine,), {"server": server, "catalog": catalog}).TestCase
        machine.settings = settings(
            max_examples=3, stateful_step_count=6, deadline=None, suppress_health_check=list(HealthCheck)
        )
        machine("runTest").runTest()


# --- many writers ----------------------------------------------------------------------------------------

FEW = Shape(keys=16, processes=0, threads=3, operations=30, largest=8)


def verify(catalog: Catalog, storm: Storm, before: int, *, detect: bool) -> None:
    """Assert that the tables equal the model, and that `repair` finds nothing, or nothing that it cannot fix."""
    found = repair(catalog.connection)
    assert not found.incomplete_files
    assert found.is_clean or not detect
    assert_equal(catalog, storm.model)
    assert detect or repair(catalog.connection).is_clean
    check_audit(catalog, storm.tally.operations - before)


@pytest.mark.heavy
@pytest.mark.parametrize("detect", [True, False])
def test_writers_at_once_with_faults(detect: bool) -> None:
    with ready(seed=7, detect_conflicts=detect, index_after=5) as (server, catalog):
        storm = Storm(server, multiprocessing.get_context("spawn"), 7, FEW)
        for _ in range(2):
            before = storm.tally.operations
            storm.phase()
            verify(catalog, storm, before, detect=detect)
        assert sum(storm.tally.injected.values()) > 5


@pytest.mark.heavy
def test_a_repair_that_is_tried_first_finds_the_same() -> None:
    with ready(seed=3, detect_conflicts=False) as (server, catalog):
        Storm(server, multiprocessing.get_context("spawn"), 3, FEW).phase()
        found = repair(catalog.connection, dry_run=True)
        assert repair(catalog.connection) == found


@pytest.mark.long
@pytest.mark.timeout(0)
@pytest.mark.parametrize("detect", [True, False])
def test_processes_for_a_long_time(detect: bool, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = int(os.environ.get("CATALOG_LONG_OPERATIONS", "160000"))
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.contract.catalog.storm"])
    seed = int(os.environ.get("CATALOG_LONG_SEED", "1"))
    with ready(detect_conflicts=detect, seed=seed, transaction_seconds=5.0) as (server, catalog):
        storm = Storm(server, context, seed, Shape())
        while storm.tally.operations < wanted:
            before = storm.tally.operations
            storm.phase()
            verify(catalog, storm, before, detect=detect)
            with capsys.disabled():
                sys.stdout.write(f"\nconflicts {'' if detect else 'not '}detected: {storm.tally.text()}\n")
                sys.stdout.flush()
