"""The tables equal a plain model after anything: overwrites, repeats, removals, faults, lost answers, many writers at once.

Writers do what the platform does: a retryable error means that the same batch comes again. The long run is
`python -m pytest -m long tests/contract/test_catalog_model.py` (CATALOG_LONG_SECONDS, 600 by default).
"""

from __future__ import annotations

import multiprocessing
import os
import random
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from exr_inspector.catalog import Catalog
from exr_inspector.catalog.repair import repair
from exr_inspector.errors import CatalogError
from exr_inspector.local.vastdb import ANY, Fault, FaultKind, LocalVastDB
from exr_inspector.model import Inspection, StatsMode
from tests.contract.catalog_model import (
    Model,
    assert_equal,
    connect,
    damaged,
    inspection,
    ready,
    unreadable,
    wipe,
)

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
    """Batches, removals and faults in any order, one writer."""

    server: LocalVastDB
    catalog: Catalog

    @initialize()
    def start(self) -> None:
        wipe(self.catalog)
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


def deliver(catalog: Catalog, batch: Sequence[Inspection]) -> None:
    """Store a batch as the platform would: again and again while the error says that this may help."""
    while True:
        try:
            catalog.upsert(batch)
        except CatalogError as error:
            if not type(error).retryable:
                raise
        else:
            return


def histories(dice: random.Random, writers: int, batches: int, keys: Sequence[str]) -> list[list[list[Inspection]]]:
    """What each writer stores, in order; statistics depth follows from the version, so that the winner is unique."""

    def one() -> Inspection:
        revision = dice.randrange(1, 30)
        mode = tuple(StatsMode)[dice.randrange(3)]
        return inspection(
            dice.choice(keys), revision=revision, mode=mode, channels=("B", "G", "R"), findings=revision % 3
        )

    return [[[one() for _ in range(dice.randrange(1, 4))] for _ in range(batches)] for _ in range(writers)]


@contextmanager
def weather(server: LocalVastDB, chance: float) -> Iterator[None]:
    """Faults of every kind on every operation."""
    for kind in FAULTS:
        if kind is not FaultKind.SLOW_DOWN:
            server.faults.chance(ANY, chance, Fault(kind))
    server.faults.chance("commit", chance * 5, Fault(FaultKind.DROP_AFTER))
    try:
        yield
    finally:
        server.faults.clear()


def writer(catalog: Catalog, history: Sequence[Sequence[Inspection]]) -> None:
    for batch in history:
        deliver(catalog, batch)


def storm(
    server: LocalVastDB, catalog: Catalog, dice: random.Random, *, writers: int, batches: int, chance: float
) -> Model:
    """A round of writers at once, then removals at once; what must be there afterwards."""
    model = Model()
    work = histories(dice, writers, batches, KEYS)
    with weather(server, chance), ThreadPoolExecutor(writers) as pool:
        list(pool.map(lambda history: writer(catalog, history), work))
    for history in work:
        for batch in history:
            for item in batch:
                model.upsert(item)
    return model


@pytest.mark.slow
def test_writers_at_once_with_faults() -> None:
    with ready(seed=7) as (server, catalog):
        dice = random.Random(7)
        model = storm(server, catalog, dice, writers=3, batches=3, chance=0.01)
        assert_equal(catalog, model)
        gone = sorted(model.files)[:2]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(catalog.remove, gone * 2))
        for path in gone:
            model.remove(path)
        assert_equal(catalog, model)
        assert repair(catalog.connection).is_clean


@pytest.mark.slow
def test_a_server_without_conflicts_is_repairable() -> None:
    with ready(seed=3, detect_conflicts=False) as (server, catalog):
        dice = random.Random(3)
        model = storm(server, catalog, dice, writers=3, batches=3, chance=0.01)
        found = repair(catalog.connection, dry_run=True)
        mended = repair(catalog.connection)
        assert mended == found
        assert not mended.half_files
        assert_equal(catalog, model)
        assert repair(catalog.connection).is_clean


# --- the long run ----------------------------------------------------------------------------------------


def _process(access: tuple[str, str, str, str], seed: int, batches: int) -> None:
    class Remote:
        endpoint, access_key, secret_key, bucket = access

    catalog = connect(Remote(), retry_seconds=20.0)  # type: ignore[arg-type]  # it has what `connect` looks at
    dice = random.Random(seed)
    for history in histories(dice, 3, batches, KEYS):
        writer(catalog, history)


@pytest.mark.long
@pytest.mark.timeout(0)
@pytest.mark.parametrize("detect", [True, False])
def test_processes_for_a_long_time(detect: bool) -> None:
    until = time.monotonic() + float(os.environ.get("CATALOG_LONG_SECONDS", "600"))
    context = multiprocessing.get_context("spawn")
    seed = 0
    with ready(detect_conflicts=detect) as (server, catalog):
        while time.monotonic() < until:
            wipe(catalog)
            seeds = [seed := seed + 1 for _ in range(3)]
            access = (server.endpoint, server.access_key, server.secret_key, server.bucket)
            with weather(server, 0.005):
                processes = [context.Process(target=_process, args=(access, number, 6)) for number in seeds]
                for process in processes:
                    process.start()
                for process in processes:
                    process.join()
            assert [process.exitcode for process in processes] == [0, 0, 0]
            model = Model()
            for number in seeds:
                for history in histories(random.Random(number), 3, 6, KEYS):
                    for batch in history:
                        for item in batch:
                            model.upsert(item)
            if not detect:
                repair(catalog.connection)
            assert_equal(catalog, model)
            assert repair(catalog.connection).is_clean
