"""Ingest generated names with the real plan, worker processes and the local database; only the object store is a stub.

The stub lists sequences of 100 frames, and answers every read with the same small EXR, optionally after a delay. So a
million files need no disk space, and a distant object store and database can be simulated on one machine.
"""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from bench._local import LONG_WAITS, catalog_of, environment
from exr_inspector.catalog.admin.setup import setup
from exr_inspector.catalog.schema import FILES
from exr_inspector.catalog.sdk import silence_sdk_loggers
from exr_inspector.errors import SourceError
from exr_inspector.ingest.plan import Lane, write_plan
from exr_inspector.ingest.run import Ingest, Target
from exr_inspector.inspector import Inspector
from exr_inspector.model import ObjectVersion, StatsMode
from exr_inspector.settings import load_settings
from exr_inspector.storage import ObjectEntry, SourceOpener
from exr_inspector.storage.objects import Bucket, FaultReport, Skips
from exr_inspector.storage.ranges import MergedRange
from exr_inspector.storage.requests import Call, RangeAnswer, StoreVersion
from exr_inspector.sync.shard import IngestContext
from exr_inspector.validation import builtin_policy
from vastdb_local import LocalVastDB

BUCKET = "simulated"
BODY = (Path(__file__).resolve().parents[1] / "samples" / "scanline_zip.exr").read_bytes()
FRAMES = 100  # in a sequence
MOST_GROWTH = 1.2  # of the cost of a file, from the smallest number of names to the largest
SEEN = ObjectVersion("simulated", len(BODY), datetime(2026, 11, 1, tzinfo=timezone.utc))


def name(number: int) -> str:
    """Key of file `number`; a shot has 50 sequences."""
    sequence, frame = divmod(number, FRAMES)
    return f"show/sh{sequence // 50:05}/v{sequence % 50:03}/beauty.{1001 + frame}.exr"


class StubBucket:
    """A bucket of `files` objects with the same content; each request takes `seconds`."""

    name = BUCKET

    def __init__(self, files: int, seconds: float = 0.0) -> None:
        self._files = files
        self._seconds = seconds

    def fetch(self, key: str, ranges: Sequence[MergedRange], pin: StoreVersion | None, call: Call) -> list[RangeAnswer]:  # noqa: ARG002
        """Return a range of the EXR; this method and those below have the interface of Bucket."""
        time.sleep(self._seconds)
        answers = [RangeAnswer(BODY[one.start : one.end], StoreVersion(SEEN)) for one in ranges]
        call.meter.count(requests=len(ranges), bytes_read=sum(len(answer.data) for answer in answers))
        return answers

    def head(self, key: str, call: Call) -> StoreVersion:  # noqa: ARG002
        """The version of an object."""
        time.sleep(self._seconds)
        return StoreVersion(SEEN)

    def entries(
        self,
        prefix: str,  # noqa: ARG002
        report: FaultReport | None,  # noqa: ARG002
        after: str = "",  # noqa: ARG002
        skips: Skips | None = None,  # noqa: ARG002
    ) -> Iterator[ObjectEntry]:
        """List all objects."""
        return (ObjectEntry(name(number), SEEN) for number in range(self._files))

    def folders(self, prefix: str) -> list[str]:  # noqa: ARG002
        """List no folders, because the benchmark needs none."""
        return []


class StubOpener(SourceOpener):
    """Opens objects of the stub."""

    def __init__(self, stub: StubBucket) -> None:
        super().__init__(load_settings({}, secrets_dir=None))
        self._stub = stub

    def _client(self, name: str) -> Bucket:  # noqa: ARG002
        return self._stub


@dataclass(frozen=True, slots=True)
class Simulation:
    """The parameters of a simulation.

    Attributes:
        files: Number of names.
        lanes: Number of lanes of the plan.
        at_once: Number of lanes processed at the same time, each by its own process.
        threads: Number of objects read at the same time in a lane.
        store_seconds: Duration of a request to the object store.
        database_seconds: Delay added to each request to the database.
    """

    files: int
    lanes: int
    at_once: int = 1
    threads: int = 8
    store_seconds: float = 0.0
    database_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Figures:
    """The cost of a simulation.

    Attributes:
        plan_cpu: CPU seconds for listing the objects and writing the lanes.
        plan_bytes: Size of all lane files.
        lanes_cpu: CPU seconds of the lanes' processes, without their imports.
        database_cpu: CPU seconds of the database while the lanes were processed.
        clock: Elapsed seconds from the start of the first lane to the end of the last.
        requests: Number of requests to the database.
        begun: Number of transactions begun.
        committed: Number of transactions committed.
    """

    plan_cpu: float
    plan_bytes: int
    lanes_cpu: float
    database_cpu: float
    clock: float
    requests: int
    begun: int
    committed: int


def _warm_up() -> None:
    """Do nothing: calling this in a process makes it import the modules that a lane needs."""


def _carry_out(path: Path, environ: dict[str, str], simulation: Simulation) -> tuple[int, float]:
    """Process one lane; returns the number of stored files and the CPU seconds."""
    silence_sdk_loggers()
    began = time.process_time()
    catalog = catalog_of(environ)
    lane = Lane.read(path)
    opener = StubOpener(StubBucket(simulation.files, simulation.store_seconds))
    inspector = Inspector.from_settings(load_settings({}, secrets_dir=None), stats=StatsMode.OFF)
    context = IngestContext(opener, inspector, catalog, builtin_policy("default"), threads=simulation.threads)
    progress = Ingest(context).run(lane.listings)
    context.close()
    opener.close()
    catalog.close()
    return progress.stored, time.process_time() - began


def refuse(path: str, error: SourceError) -> None:
    """Exit with an error, because the stub has no prefix that cannot be listed."""
    sys.exit(f"{path} was not listed: {error}")


def simulate(simulation: Simulation) -> Figures:
    """Write a plan, and process all its lanes into an empty database.

    Raises:
        RuntimeError: The tables do not contain every name exactly once.
    """
    with tempfile.TemporaryDirectory() as place:
        plan = Path(place) / "plan"
        began = time.process_time()
        opener = StubOpener(StubBucket(simulation.files))
        write_plan(opener, [Target(BUCKET)], plan, lanes=simulation.lanes, mounts=(), report=refuse)
        opener.close()
        plan_cpu = time.process_time() - began
        paths = [plan / str(number) for number in range(simulation.lanes)]
        with LocalVastDB(Path(place) / "tables.duckdb", latency_seconds=simulation.database_seconds) as server:
            environ = {**environment(server), **LONG_WAITS}
            catalog = catalog_of(environ)
            setup(catalog.connection)
            context = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(simulation.at_once, mp_context=context) as pool:
                for started in [pool.submit(_warm_up) for _ in range(simulation.at_once)]:
                    started.result()
                server.reset_counters()
                clock, cpu = time.perf_counter(), time.process_time()
                done = [pool.submit(_carry_out, path, environ, simulation) for path in paths]
                found = [one.result() for one in done]
                clock, cpu = time.perf_counter() - clock, time.process_time() - cpu
            counters = server.counters()
            rows = catalog.connection.run(
                "count", lambda work: sum(batch.num_rows for batch in work.select(FILES, ["path"]))
            )
            catalog.close()
        if not simulation.files == rows == sum(stored for stored, _ in found):
            raise RuntimeError(f"{simulation.files} names, {rows} rows, {sum(stored for stored, _ in found)} stored")
        return Figures(
            plan_cpu=plan_cpu,
            plan_bytes=sum(path.stat().st_size for path in paths),
            lanes_cpu=sum(seconds for _, seconds in found),
            database_cpu=cpu,
            clock=clock,
            requests=sum(counters.values()),
            begun=counters["begin"],
            committed=counters["commit"],
        )


def growth(sizes: Sequence[int], lanes: int) -> bool:
    """Print the cost of a file for each number of names, rising; true if none exceeds MOST_GROWTH times the first."""
    print(
        f"CPU a file, {lanes} lanes one after the other, one thread each:\n"
        f"{'names':>11}  {'plan':>9}  {'a name':>9}  {'lanes':>8}  {'database':>8}  {'together':>8}  growth  requests a file"
    )
    first = 0.0
    is_good = True
    for size in sizes:
        cost = simulate(Simulation(size, lanes, threads=1))
        plan, own, database = (seconds / size * 1e3 for seconds in (cost.plan_cpu, cost.lanes_cpu, cost.database_cpu))
        together = plan + own + database
        first = first or together
        is_good = is_good and together <= MOST_GROWTH * first
        print(
            f"{size:11,}  {plan:6.3f} ms  {cost.plan_bytes / size:7.1f} B  {own:5.2f} ms  {database:5.2f} ms  "
            f"{together:5.2f} ms  {together / first:6.2f}  {cost.requests / size:.3f}",
            flush=True,
        )
    print(f"growth is {'at most' if is_good else 'BEYOND'} {MOST_GROWTH}")
    return is_good


def scaling(files: int, at_once: Sequence[int], threads: Sequence[int], store: float, database: float) -> None:
    """Print files per second for each number of parallel lanes and of threads in a lane, and the ratio to the first line."""
    print(
        f"{files:,} names, a request to the store takes {store * 1e3:g} ms, one to the database {database * 1e3:g} ms more:\n"
        "lanes at once  threads each   files/s  of the first  requests a file  transactions a commit"
    )
    first = 0.0
    for lanes in at_once:
        for each in threads:
            cost = simulate(Simulation(files, lanes, lanes, each, store, database))
            rate = files / cost.clock
            first = first or rate
            print(
                f"{lanes:13}  {each:12}  {rate:8.1f}  {rate / first:12.2f}  {cost.requests / files:15.3f}  "
                f"{cost.begun / cost.committed:.2f}",
                flush=True,
            )
