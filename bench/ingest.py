"""`./run bench ingest [--files 4000] [--rounds 3] [--engines threads,processes,lanes]`: cost of ingesting a file.

A folder of small real EXRs is ingested into an embedded database by several engines in turn: threads of one process, a pool of
processes, lanes of a plan as separate commands, and Ray if installed (`--engines threads,ray`). Rates are compared with that of
the first engine. CPU time is printed as well: it is the more reliable figure on a machine with other load.

`--simulate [--names 100000,1000000] [--lanes 64]` plans and runs lanes of generated names, with a stub as the object store, and
prints the cost per file for each number of names. The exit code is 1 if it grows by more than a fifth. `--simulate
--store-latency 20ms --latency 3ms [--names 2000] [--at-once 1,4,16] [--threads 8,32]` prints instead how files per second grow
with the number of lanes and threads if store and database are distant.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from bench._ingest_simulated import growth, refuse, scaling
from bench._local import catalog_of, environment
from bench.contention import numbers
from bench.events import milliseconds
from exr_inspector.catalog import Catalog, CatalogConfig
from exr_inspector.catalog.admin.setup import setup
from exr_inspector.ingest.engines import Engine, PoolEngine, RayEngine, cores
from exr_inspector.ingest.plan import write_plan
from exr_inspector.ingest.run import Ingest, Target
from exr_inspector.ingest.worker import WorkerConfig
from exr_inspector.inspector import Inspector
from exr_inspector.model import StatsMode
from exr_inspector.settings import Mount, Settings, load_settings
from exr_inspector.storage import SourceOpener
from exr_inspector.sync.shard import IngestContext
from exr_inspector.validation import builtin_policy
from vastdb_local import LocalVastDB

SAMPLES = Path(__file__).resolve().parents[1] / "samples"
BODIES = ("scanline_zip", "layers", "metadata", "compression_piz", "compression_dwaa", "tiled", "stereo_parts")
BUCKET = "frames"
ENGINES = ("threads", "processes", "lanes", "ray")


class Cost(NamedTuple):
    """Elapsed seconds, CPU seconds of this process, and CPU seconds of the processes that it started."""

    clock: float
    own: float
    others: float


def frames(folder: Path, count: int) -> None:
    """Write `count` files: copies of samples, named as frames of sequences."""
    bodies = [(SAMPLES / f"{name}.exr").read_bytes() for name in BODIES]
    for index in range(count):
        path = folder / f"sh{index // 100:04}" / f"beauty.{index % 100 + 1001}.exr"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bodies[index % len(bodies)])


@contextmanager
def tables(folder: str) -> Iterator[dict[str, str]]:
    """Create empty tables in an embedded database, and yield the environment variables of its connection."""
    with LocalVastDB(Path(folder) / "bench.duckdb") as database:
        environ = environment(database)
        with closing(catalog_of(environ)) as catalog:
            setup(catalog.connection)
        yield environ


def measured(action: Callable[[], object]) -> Cost:
    """The cost of an action; processes that it starts must end before it returns."""
    before, clock = os.times(), time.perf_counter()
    action()
    after = os.times()
    return Cost(
        time.perf_counter() - clock,
        after.user + after.system - before.user - before.system,
        max(0.0, after.children_user + after.children_system - before.children_user - before.children_system),
    )


def ingest(mount: Mount, stats: StatsMode, workers: int, engine: str) -> Cost:
    """Ingest the files of a folder into empty tables with one of ENGINES."""
    with tempfile.TemporaryDirectory() as folder, tables(folder) as environ:
        settings = load_settings(environ, secrets_dir=None).changed(mounts=(mount,))
        if engine == "lanes":
            return measured(lambda: _by_lanes(settings, stats, workers, Path(folder) / "plan"))
        return _by_engine(settings, stats, workers, engine)


def _by_engine(settings: Settings, stats: StatsMode, workers: int, engine: str) -> Cost:
    inspector, policy = Inspector.from_settings(settings, stats=stats), builtin_policy("default")
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
        run = Ingest(context, engine=made.get(engine))
        cost = measured(lambda: run.run([Target(BUCKET)]))
    if run.progress.errors or run.progress.stored != run.progress.listed:
        sys.exit(f"not all was stored: {run.progress}")
    return cost


def _by_lanes(settings: Settings, stats: StatsMode, workers: int, plan: Path) -> None:
    """Write a plan, and ingest its lanes with one command for each core, all at the same time."""
    lanes = min(cores(), workers)
    with closing(SourceOpener(settings)) as opener:
        write_plan(opener, [Target(BUCKET)], plan, lanes=lanes, mounts=settings.mounts, report=refuse)
    environ = {**os.environ, **CatalogConfig.from_settings(settings.require_catalog()).environ}
    options = ["--stats", stats.value, "--workers", str(-(-workers // lanes))]
    line = [sys.executable, "-m", "exr_inspector.cli", "ingest-lane", *options]
    running = [
        subprocess.Popen([*line, str(plan / str(lane))], env=environ, stdout=subprocess.DEVNULL)
        for lane in range(lanes)
    ]
    codes = [process.wait() for process in running]
    if any(codes):
        sys.exit(f"lanes ended with exit codes {codes}")


def main() -> None:
    """Measure and print what the options select."""
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
    """Ingest real files with each engine in turn, and print the costs."""
    stats = StatsMode(options.stats)
    with tempfile.TemporaryDirectory() as folder:
        frames(Path(folder), options.files)
        mount = Mount(BUCKET, Path(folder))
        costs: dict[str, list[Cost]] = {name: [] for name in options.engines}
        for _ in range(options.rounds):
            for name, those in costs.items():
                those.append(ingest(mount, stats, options.workers, name))
    print(f"{options.files} files, statistics {options.stats}, {options.workers} at a time, {cores()} cores")
    first = 0.0
    for name, those in costs.items():
        clock, own, others = map(statistics.median, zip(*those, strict=True))
        first = first or clock
        share = f"({first / clock:.2f} of {options.engines[0]})"
        own, others = (seconds / options.files * 1e3 for seconds in (own, others))
        print(
            f"{name:10} {options.files / clock:7.0f} files/s {share}  CPU a file: {own + others:.2f} ms ({own:.2f} here, "
            f"{others:.2f} in processes)"
        )


def _names(text: str) -> list[str]:
    """Parse a list of engine names."""
    names = text.split(",")
    if not set(names) <= set(ENGINES):
        raise argparse.ArgumentTypeError(f"{text!r}: expected some of {', '.join(ENGINES)}")
    return names


if __name__ == "__main__":
    main()
