"""`./run bench ingest [--files 4000] [--rounds 3] [--engines threads,processes,lanes]`: what ingesting a file costs.

A folder of small real EXRs goes into an embedded database by several engines in turns: threads of one process, a pool of
processes, lanes of a plan as commands of their own, and Ray where it is installed (`--engines threads,ray`). Rates are
compared with the first engine's. Where processes ran, a profile follows: of the run's own process what each kind of thread
used; of the processes that inspect what their steps cost alone, in one thread and in peace, so that what is left over can
be called overhead. CPU time is counted beside the clock: on a machine that does something else it is the figure to trust.

`--simulate [--names 100000,1000000] [--lanes 64]` plans and carries out lanes of made-up names, with a stub in place of the
object store, and prints what a file costs at each number of names. Exit code 1 when it grows by more than a fifth.
`--simulate --store-latency 20ms --latency 3ms [--names 2000] [--at-once 1,4,16] [--threads 8,32]` prints instead how files a
second grow with lanes and their threads where store and database are far away.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench._ingest_profile import ThreadTimes, idle_seconds
from bench._ingest_simulated import growth, refuse, scaling
from bench.contention import numbers
from bench.events import milliseconds
from exr_inspector.catalog import Catalog, CatalogConfig
from exr_inspector.catalog.admin.setup import setup
from exr_inspector.catalog.recheck import recheck_object
from exr_inspector.catalog.rows.groups import prepare
from exr_inspector.cli.catalog import catalog_environ
from exr_inspector.ingest.engines import Engine, PoolEngine, RayEngine, cores
from exr_inspector.ingest.plan import write_plan
from exr_inspector.ingest.progress import Progress
from exr_inspector.ingest.run import Ingest, Target
from exr_inspector.ingest.worker import WorkerConfig
from exr_inspector.inspector import Inspector
from exr_inspector.model import Inspection, StatsMode
from exr_inspector.settings import CatalogConnection, Settings, load_settings
from exr_inspector.storage import SourceOpener
from exr_inspector.sync.shard import SHARD_OBJECTS, IngestContext
from exr_inspector.validation import builtin_policy
from vastdb_local import LocalVastDB

SAMPLES = Path(__file__).resolve().parents[1] / "samples"
BODIES = ("scanline_zip", "layers", "metadata", "compression_piz", "compression_dwaa", "tiled", "stereo_parts")
BUCKET = "frames"
ENGINES = ("threads", "processes", "lanes", "ray")
ALONE = 1_000  # files of which the steps are measured alone
WATCH_SECONDS = 0.1  # between looks at the threads of a run


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds by the clock, and of CPU in this process and in those it started; and of a run what else is known.

    Attributes:
        clock: By the clock.
        own: In this process.
        others: In those it started.
        idle: Of all cores together, while nobody used them; what is missing went to other programs.
        threads: Of `own`, by what threads did.
        early: Files inspected by threads before the processes were up.
    """

    clock: float
    own: float
    others: float
    idle: float = 0.0
    threads: dict[str, float] = field(default_factory=dict)
    early: int = 0


def frames(folder: Path, count: int) -> None:
    """So many files: samples under the names of sequences."""
    bodies = [(SAMPLES / f"{name}.exr").read_bytes() for name in BODIES]
    for index in range(count):
        path = folder / f"sh{index // 100:04}" / f"beauty.{index % 100 + 1001}.exr"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bodies[index % len(bodies)])


@contextmanager
def tables(folder: str) -> Iterator[CatalogConnection]:
    """How to reach empty tables in an embedded database."""
    with LocalVastDB(Path(folder) / "bench.duckdb") as database:
        connection = load_settings(
            {
                "VAST_DB_ENDPOINT": database.endpoint,
                "VAST_DB_ACCESS_KEY": database.access_key,
                "VAST_DB_SECRET_KEY": database.secret_key,
                "VAST_DB_BUCKET": database.bucket,
            }
        ).require_catalog()
        catalog = Catalog(CatalogConfig.from_settings(connection))
        setup(catalog.connection)
        catalog.close()
        yield connection


def measured(action: Callable[[], object]) -> Cost:
    """What an action costs; processes it started must have ended with it."""
    before, idle, clock = os.times(), idle_seconds(), time.perf_counter()
    action()
    after = os.times()
    return Cost(
        time.perf_counter() - clock,
        after.user + after.system - before.user - before.system,
        max(0.0, after.children_user + after.children_system - before.children_user - before.children_system),
        idle_seconds() - idle,
    )


class Watch:
    """Looks at a run now and then while it goes on."""

    def __init__(self) -> None:
        self.times = ThreadTimes()
        self.early = 0
        self._looked_at = 0.0

    def look(self, progress: Progress) -> None:
        """What a run tells of its progress."""
        if not progress.processes:
            self.early = progress.inspected
        if time.monotonic() - self._looked_at > WATCH_SECONDS:
            self.times.look()
            self._looked_at = time.monotonic()


def ingest(settings: Settings, stats: StatsMode, workers: int, engine: str) -> Cost:
    """One run into empty tables, carried out by one of ENGINES."""
    with tempfile.TemporaryDirectory() as folder, tables(folder) as connection:
        settings = settings.changed(
            db_endpoint=connection.endpoint,
            db_access_key=connection.access_key,
            db_secret_key=connection.secret_key,
            db_bucket=connection.bucket,
            db_schema=connection.schema,
        )
        if engine == "lanes":
            return measured(lambda: _by_lanes(settings, stats, workers, Path(folder) / "plan"))
        return _by_engine(settings, stats, workers, engine)


def _by_engine(settings: Settings, stats: StatsMode, workers: int, engine: str) -> Cost:
    inspector, policy = Inspector.from_settings(settings, stats=stats), builtin_policy("default")
    watch = Watch()
    count = min(cores(), workers)
    config = WorkerConfig(settings, stats, policy, threads=-(-workers // count))
    made: dict[str, Callable[[], Engine]] = {
        "processes": lambda: PoolEngine(config, processes=count),
        "ray": lambda: RayEngine(config),
    }
    with (
        closing(SourceOpener(settings)) as opener,
        closing(Catalog(CatalogConfig.from_settings(settings.require_catalog()))) as catalog,
    ):
        context = IngestContext(opener, inspector, catalog, policy, threads=workers)
        run = Ingest(context, observe=watch.look, engine=made.get(engine))
        cost = measured(lambda: run.run([Target(BUCKET)]))
    if run.progress.errors or run.progress.stored != run.progress.listed:
        sys.exit(f"not all was stored: {run.progress}")
    return replace(cost, threads=watch.times.by_work(), early=watch.early)


def _by_lanes(settings: Settings, stats: StatsMode, workers: int, plan: Path) -> None:
    """A plan, and a lane a core as a command of its own, all at the same time."""
    lanes = min(cores(), workers)
    with closing(SourceOpener(settings)) as opener:
        write_plan(opener, [Target(BUCKET)], plan, lanes=lanes, mounts=settings.mounts, report=refuse)
    environ = {**os.environ, **catalog_environ(CatalogConfig.from_settings(settings.require_catalog()))}
    options = ["--stats", stats.value, "--workers", str(-(-workers // lanes))]
    line = [sys.executable, "-m", "exr_inspector.cli", "ingest-lane", *options]
    running = [
        subprocess.Popen([*line, str(plan / str(lane))], env=environ, stdout=subprocess.DEVNULL)
        for lane in range(lanes)
    ]
    codes = [process.wait() for process in running]
    if any(codes):
        sys.exit(f"lanes ended with exit codes {codes}")


def steps(settings: Settings, stats: StatsMode) -> dict[str, float]:
    """Milliseconds of CPU a file that each step of a process takes alone, in one thread."""
    opener, inspector, policy = (
        SourceOpener(settings),
        Inspector.from_settings(settings, stats=stats),
        builtin_policy("default"),
    )
    keys = [entry.key for entry in opener.list(BUCKET)][: 2 * ALONE]
    half = len(keys) // 2

    def inspect(some: list[str]) -> list[Inspection]:
        return [inspector.inspect(opener.open(BUCKET, key), policy) for key in some]

    def make_rows(some: list[Inspection]) -> None:
        for start in range(0, len(some), SHARD_OBJECTS[stats]):
            prepare(some[start : start + SHARD_OBJECTS[stats]])

    make_rows(inspect(keys[:half]))  # so that everything is warm
    inspections: list[Inspection] = []
    inspecting = measured(lambda: inspections.extend(inspect(keys[half:])))
    rows = measured(lambda: make_rows(inspections))
    looking = measured(
        lambda: [recheck_object(opener, BUCKET, one.key, one.version) for one in inspections if one.version]
    )
    opener.close()
    costs = {"inspecting": inspecting, "making rows": rows, "looking once more": looking}
    return {name: cost.own / len(inspections) * 1e3 for name, cost in costs.items()}


def profile(costs: list[Cost], alone: dict[str, float], files: int) -> Iterator[str]:
    """Lines that say where the CPU time of the processes' runs went."""
    scale = 1e3 / files / len(costs)
    own, others = sum(cost.own for cost in costs) * scale, sum(cost.others for cost in costs) * scale
    threads: Counter[str] = Counter()
    for cost in costs:
        threads.update({name: seconds * scale for name, seconds in cost.threads.items()})
    share = 1 - sum(cost.early for cost in costs) / len(costs) / files
    in_processes = {name: cost * share for name, cost in alone.items()}
    for title, whole, parts in (
        ("the processes that inspect", others, in_processes),
        ("the run's own process", own, dict(threads.most_common())),
    ):
        yield _line(title, whole, own + others)
        rest = max(0.0, whole - sum(parts.values()))
        for name, used in {**parts, "starting, and what is left over": rest}.items():
            yield _line(f"  {name}", used, own + others)


def _line(name: str, cost: float, whole: float) -> str:
    return f"  {name:46} {cost:5.2f} ms a file  {cost / whole:4.0%}"


def main() -> None:
    """Measure and print what was asked for."""
    parser = argparse.ArgumentParser(prog="./run bench ingest")
    parser.add_argument("--files", type=int, default=4_000)
    parser.add_argument("--stats", choices=[mode.value for mode in StatsMode], default="off")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument(
        "--engines", type=_names, default=["threads", "processes", "lanes"], help=f"of {', '.join(ENGINES)}"
    )
    parser.add_argument("--simulate", action="store_true", help="lanes of made-up names, no files")
    parser.add_argument("--names", type=numbers, help="how many, rising; one number with a latency")
    parser.add_argument("--lanes", type=int, default=64)
    parser.add_argument(
        "--store-latency", type=milliseconds, default=0.0, help="of each request to the store, as in 20ms"
    )
    parser.add_argument("--latency", type=milliseconds, default=0.0, help="by which the database delays each request")
    parser.add_argument("--at-once", type=numbers, default=[1, 4, 16], help="lanes at the same time")
    parser.add_argument("--threads", type=numbers, default=[8, 32], help="objects that a lane reads at a time")
    options = parser.parse_args()
    if options.simulate and (options.store_latency or options.latency):
        names = (options.names or [2_000])[0]
        scaling(names, options.at_once, options.threads, options.store_latency, options.latency)
        return
    if options.simulate:
        sys.exit(not growth(options.names or [100_000, 1_000_000], options.lanes))
    compare(options)


def compare(options: argparse.Namespace) -> None:
    """Ingest real files by each engine in turns, and print what that costs."""
    stats = StatsMode(options.stats)
    with tempfile.TemporaryDirectory() as folder:
        frames(Path(folder), options.files)
        settings = load_settings({}, secrets_dir=None).changed(mounts=((BUCKET, Path(folder)),))
        costs: dict[str, list[Cost]] = {name: [] for name in options.engines}
        for _ in range(options.rounds):
            for name, those in costs.items():
                those.append(ingest(settings, stats, options.workers, name))
        alone = steps(settings, stats) if "processes" in costs else {}
    print(f"{options.files} files, statistics {options.stats}, {options.workers} at a time, {cores()} cores")
    first = 0.0
    for name, those in costs.items():
        clock, own, others, idle = (
            statistics.median(getattr(cost, part) for cost in those) for part in ("clock", "own", "others", "idle")
        )
        first = first or clock
        busy = (own + others) / clock
        share = f"({first / clock:.2f} of {options.engines[0]})"
        print(
            f"{name:10} {options.files / clock:7.0f} files/s {share}  {busy:.2f} cores busy, {idle / clock:.2f} idle  "
            f"CPU a file: "
            f"{(own + others) / options.files * 1e3:.2f} ms ({own / options.files * 1e3:.2f} here, "
            f"{others / options.files * 1e3:.2f} in processes)"
        )
    if alone:
        print("where the CPU time of the processes' runs went:")
        for line in profile(costs["processes"], alone, options.files):
            print(line)


def _names(text: str) -> list[str]:
    """Engines, by their names."""
    names = text.split(",")
    if not set(names) <= set(ENGINES):
        raise argparse.ArgumentTypeError(f"{text!r}: expected some of {', '.join(ENGINES)}")
    return names


if __name__ == "__main__":
    main()
