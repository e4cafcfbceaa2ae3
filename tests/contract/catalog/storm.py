"""A storm on the tables: many writers deliver random operations at the same time, and the rows are compared with a model.

A storm has phases. In each phase, versions of most keys are delivered in any order, in batches of any size, some twice or
late, mixed with removals of earlier versions; at the end the newest version must be stored. The other keys are removed, some
more than once; at the end they must have no rows. The deliveries of a phase are computed from the seed alone, so a writer in
another process needs only the seed, and a writer that was killed continues where it stopped, as the platform delivers again.
"""

from __future__ import annotations

import logging
import multiprocessing
import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing.context import BaseContext
from typing import Any, NamedTuple

from exr_inspector.catalog import Catalog
from exr_inspector.catalog.schema import INSPECTIONS
from exr_inspector.catalog.sdk.work import ROW_ID, Work
from exr_inspector.errors import CatalogError
from exr_inspector.model import EventInfo, Inspection, StatsMode
from tests.contract.catalog.model import START, Model, connect, damaged, inspection, unreadable
from vastdb_local import ANY, Fault, FaultKind, LocalVastDB

REVISIONS = (
    40  # per phase: one for removals of earlier versions, then the versions, then the removals of the removed keys
)
HOT = 4  # number of keys that get a quarter of the deliveries of single files
SMALL = 8  # largest number of files in a small batch
TALLIED = (
    "CATALOG_CONFLICT",
    "CATALOG_UNAVAILABLE",
    "committed",
    "delivered again",
    "written",
    "removed",
    "left alone",
)


class Operation(NamedTuple):
    """One file in a delivery: a version of it or its removal; a version with `revision` None cannot be read."""

    key: str
    revision: int | None
    mode: StatsMode = StatsMode.OFF
    removal: bool = False

    def inspection(self) -> Inspection:
        """The inspection to store, computed from key, revision and depth alone, so that equal operations store equal rows."""
        if self.revision is None:
            return unreadable(self.key)
        if self.revision % 9 == 0:
            return damaged(self.key, revision=self.revision)
        return inspection(
            self.key,
            revision=self.revision,
            mode=self.mode,
            channels=("G", "R")[: 1 + self.revision % 2],
            findings=2 * (self.revision % 3 == 0),
            sequencer=f"{self.revision:016x}",
        )

    def event(self) -> EventInfo | None:
        """The event of a removal; None for a removal without an event."""
        if self.revision is None:
            return None
        moment = START + timedelta(seconds=10 * self.revision)
        return EventInfo(f"removal-{self.revision}", f"{self.revision:016x}", moment)


@dataclass(frozen=True, slots=True)
class Shape:
    """The size of a storm.

    Attributes:
        keys: Number of files.
        processes: Number of writing processes; with 0, threads of this process write.
        threads: Number of writing threads of each process.
        operations: Approximate number of operations of a phase.
        largest: Largest number of files in a batch.
        chance: Probability of each kind of fault for a request; a commit's answer is lost with five times this probability.
        kills: Largest number of writing processes killed in a phase.
    """

    keys: int = 800
    processes: int = 3
    threads: int = 2
    operations: int = 16_000
    largest: int = 700
    chance: float = 0.01
    kills: int = 6

    @property
    def lanes(self) -> int:
        """The number of concurrent writers."""
        return max(1, self.processes) * self.threads


Delivery = tuple[Operation, ...]


class Plan:
    """The deliveries of a phase, as a list for each lane, and the keys that exist at its end."""

    def __init__(self, seed: int, phase: int, shape: Shape) -> None:
        self._dice = random.Random(f"{seed}/{phase}")
        self._base = phase * REVISIONS
        self._shape = shape
        keys = [f"shot/s{number // 100:02}/beauty.{number:04}.exr" for number in range(shape.keys)]
        cold = self._dice.sample(keys[HOT:], len(keys) - HOT)
        self._removed = cold[: len(keys) // 20]
        self._kept = keys[:HOT] + cold[len(keys) // 20 :]
        self._hot = keys[:HOT]
        self._stored: set[str] = set()
        self.lanes: list[list[Delivery]] = [[] for _ in range(shape.lanes)]
        self._fill()

    def _fill(self) -> None:
        count = 0
        made: list[Delivery] = []
        while count < self._shape.operations:
            again = made and self._dice.random() < 0.2
            made.append(self._dice.choice(made) if again else self._delivery())
            count += len(made[-1])
        made += [(self._removal(key, 35),) for key in self._removed]
        for delivery in made:
            # Large batches come from one or two writers, as when a folder is ingested while the function is at work.
            lanes = self.lanes[:2] if len(delivery) > SMALL else self.lanes
            self._dice.choice(lanes).append(delivery)

    def _delivery(self) -> Delivery:
        kind, dice = self._dice.random(), self._dice
        if kind < 0.04:
            return (self._removal(dice.choice(self._removed), dice.choice((0, 35))),)
        if kind < 0.08 and self._stored:
            return (self._removal(dice.choice(sorted(self._stored)), 0),)
        if kind < 0.55:
            keys = [dice.choice(self._hot if dice.random() < 0.25 else self._kept)]
        elif kind < 0.85:
            keys = [dice.choice(self._kept) for _ in range(dice.randrange(2, SMALL + 1))]
        else:
            most = min(self._shape.largest, len(self._kept))
            keys = dice.sample(self._kept, dice.randrange(most // 4, most))
            keys += dice.choices(keys, k=3)
        return tuple(self._version(key) for key in keys)

    def _version(self, key: str) -> Operation:
        if key in self._stored and self._dice.random() < 0.03:
            return Operation(key, None)
        self._stored.add(key)
        mode = self._dice.choices(tuple(StatsMode), (6, 1, 1))[0]
        return Operation(key, self._base + self._dice.randrange(1, 31), mode)

    def _removal(self, key: str, place: int) -> Operation:
        told = place == 0 or self._dice.random() < 0.7
        return Operation(key, self._base + place if told else None, removal=True)

    def apply(self, model: Model) -> None:
        """Apply all deliveries to the model; their order must not matter."""
        for key in self._removed:
            model.remove(f"renders/{key}")
        for lane in self.lanes:
            for operation in (item for delivery in lane for item in delivery):
                if not operation.removal:
                    model.upsert(operation.inspection())


def deliver(catalog: Catalog, delivery: Delivery, tally: Counter[str]) -> None:
    """Store a delivery, and repeat it after retryable errors, as the platform does."""
    items = [operation.inspection() for operation in delivery if not operation.removal]
    while True:
        try:
            if items:
                results = catalog.upsert(items)
            else:
                results = [catalog.remove(f"renders/{delivery[0].key}", event=delivery[0].event())]
        except CatalogError as error:
            starter = multiprocessing.parent_process()
            if not type(error).retryable or (starter is not None and not starter.is_alive()):
                raise
            tally["delivered again"] += 1
        else:
            break
    for result in results:
        kind = "removed" if result.outcome == "removed" else "written" if result.outcome.changed else "left alone"
        tally[kind] += 1


class _Counting(logging.Handler):
    """Counts the retries that the catalog's connection logs, by thread."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.tallies: dict[int, Counter[str]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        tally = self.tallies.get(threading.get_ident())
        kind = getattr(record, "retried", None) or ("committed" if hasattr(record, "committed") else None)
        if tally is not None and kind:
            tally[kind] += 1


class Board:
    """Progress and counts of each lane in shared memory, which is kept if a writer is killed; one thread writes each slot."""

    def __init__(self, context: BaseContext, lanes: int) -> None:
        self.done = context.RawArray("L", lanes)
        self.tallies = [context.RawArray("L", len(TALLIED)) for _ in range(lanes)]

    def total(self) -> Counter[str]:
        """The sum of the counts of all lanes."""
        return Counter({name: sum(tally[place] for tally in self.tallies) for place, name in enumerate(TALLIED)})


@dataclass(frozen=True, slots=True)
class Task:
    """The description of a phase that its writers get.

    Attributes:
        access: Endpoint, keys and bucket.
        seed: Seed of the storm.
        phase: Number of the phase.
        shape: Size of the storm.
    """

    access: tuple[str, str, str, str]
    seed: int
    phase: int
    shape: Shape

    def plan(self) -> Plan:
        """The deliveries of the phase."""
        return Plan(self.seed, self.phase, self.shape)


def write(task: Task, process: int, board: Board) -> None:
    """Run one writing process: deliver the remaining deliveries of its lanes."""

    class Remote:
        endpoint, access_key, secret_key, bucket = task.access

    catalog = connect(Remote(), retry_seconds=20.0)  # it has the attributes that `connect` reads
    plan, threads = task.plan(), task.shape.threads
    counting = _Counting()
    log = logging.getLogger("exr_inspector.catalog.sdk.connection")
    log.setLevel(logging.DEBUG)
    log.addHandler(counting)

    def lane(number: int) -> None:
        kept = board.tallies[number]
        tally = Counter(dict(zip(TALLIED, kept, strict=True)))
        counting.tallies[threading.get_ident()] = tally
        for delivery in plan.lanes[number][board.done[number] :]:
            deliver(catalog, delivery, tally)
            kept[:] = [tally[name] for name in TALLIED]
            board.done[number] += 1

    try:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lane, range(process * threads, (process + 1) * threads)))
    finally:
        log.removeHandler(counting)
        catalog.close()


@dataclass(slots=True)
class Tally:
    """Counts of a storm, to be printed."""

    operations: int = 0
    deliveries: int = 0
    sizes: Counter[str] = field(default_factory=Counter)
    writers: Counter[str] = field(default_factory=Counter)
    crashes: int = 0
    phases: int = 0
    seconds: float = 0.0
    injected: dict[tuple[str, FaultKind], int] = field(default_factory=dict)

    def add(self, plan: Plan, board: Board) -> None:
        """Add the counts of a finished phase."""
        self.phases += 1
        self.writers += board.total()
        for lane in plan.lanes:
            for delivery in lane:
                self.deliveries += 1
                self.operations += len(delivery)
                self.sizes["1" if len(delivery) == 1 else f"2-{SMALL}" if len(delivery) <= SMALL else "more"] += 1

    def text(self) -> str:
        """Format all counts."""
        faults: Counter[str] = Counter()
        for (_, kind), count in self.injected.items():
            faults[kind.value] += count
        lost = self.injected.get(("commit", FaultKind.DROP_AFTER), 0)
        told = self.writers
        sizes = ", ".join(f"{size}: {count:,}" for size, count in sorted(self.sizes.items()))
        kinds = ", ".join(f"{name}: {count:,}" for name, count in sorted(faults.items()))
        return f"""operations {self.operations:,} in {self.deliveries:,} deliveries, {self.phases} phases, {self.seconds:,.0f} s
  deliveries by their files: {sizes}
  outcomes: written {told["written"]:,}, removed {told["removed"]:,}, left alone {told["left alone"]:,}
  requests with a fault on demand: {kinds}
  conflicts: {told["CATALOG_CONFLICT"]:,}, other retries: {told["CATALOG_UNAVAILABLE"]:,}
  failed and delivered again: {told["delivered again"]:,}
  commits whose answer was lost: {lost:,}, of them found to have been committed: {told["committed"]:,}
  writing processes killed: {self.crashes:,}"""


class Storm:
    """Runs the phases of a storm on one server, whose tables are empty at the start.

    Args:
        server: The server.
        context: Starts the processes.
        seed: Seed of all random numbers.
        shape: Size of the storm.
    """

    def __init__(self, server: LocalVastDB, context: BaseContext, seed: int, shape: Shape) -> None:
        self.model = Model()
        self.tally = Tally()
        self._server, self._context, self._seed, self._shape = server, context, seed, shape
        self._dice = random.Random(seed)

    def phase(self) -> None:
        """Run one phase and apply it to the model."""
        started = time.monotonic()
        number, shape = self.tally.phases, self._shape
        board = Board(self._context, shape.lanes)
        server = self._server
        access = (server.endpoint, server.access_key, server.secret_key, server.bucket)
        task = Task(access, self._seed, number, shape)
        self._inject_faults()
        try:
            if shape.processes:
                self._processes(task, board)
            else:
                write(task, 0, board)
        finally:
            server.faults.clear()
        plan = task.plan()
        assert list(board.done) == [len(lane) for lane in plan.lanes]
        plan.apply(self.model)
        self.tally.add(plan, board)
        self.tally.injected = server.faults.injected()
        self.tally.seconds += time.monotonic() - started

    def _inject_faults(self) -> None:
        chance, faults = self._shape.chance, self._server.faults
        for kind in (FaultKind.INTERNAL_ERROR, FaultKind.CONFLICT, FaultKind.DROP_BEFORE, FaultKind.DROP_AFTER):
            faults.chance(ANY, chance, Fault(kind))
        faults.chance(ANY, chance / 2, Fault(FaultKind.SLOW_DOWN))
        faults.chance(ANY, chance, Fault(FaultKind.DELAY, seconds=0.1))
        faults.chance("commit", chance * 5, Fault(FaultKind.DROP_AFTER))

    def _processes(self, task: Task, board: Board) -> None:
        def start(number: int) -> Any:
            process = self._context.Process(target=write, args=(task, number, board))
            process.start()
            return process

        running = {number: start(number) for number in range(self._shape.processes)}
        kills = self._shape.kills
        while running:
            number = self._dice.choice(sorted(running))
            process = running[number]
            process.join(self._dice.uniform(0.5, 6.0))
            if process.exitcode is not None:
                assert process.exitcode == 0, f"writer {number} ended with {process.exitcode}"
                del running[number]
            elif kills:
                process.kill()
                process.join()
                kills -= 1
                self.tally.crashes += 1
                running[number] = start(number)


def check_audit(catalog: Catalog, least: int) -> None:
    """Assert that at least `least` inspections were recorded, none twice; then delete them, so that the table stays small."""

    def body(work: Work) -> None:
        identifiers: list[str] = []
        row_ids: list[int] = []
        for batch in work.select(INSPECTIONS, ["inspection_id"], row_ids=True):
            identifiers += batch["inspection_id"].to_pylist()
            row_ids += batch[ROW_ID].to_pylist()
        assert len(set(identifiers)) == len(identifiers) >= least
        work.delete(INSPECTIONS, row_ids)

    catalog.connection.run("look through the audit", body)
