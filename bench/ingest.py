"""`./run bench ingest [--files 4000] [--stats off] [--rounds 3]`: what ingesting a file costs, and where the time goes.

A folder of small real EXRs goes into an embedded database, by threads alone (as before there were processes) and by processes,
in turns. Then each step is measured alone, on one core and in peace, so that what is left over can be called overhead.
CPU time is counted beside the clock: on a machine that does something else it is the figure to trust.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from exr_inspector.assembly import inspector_from
from exr_inspector.assembly_catalog import catalog_config
from exr_inspector.catalog import Catalog
from exr_inspector.catalog.maintenance import setup
from exr_inspector.ingest import Ingest, Target
from exr_inspector.ingest_processes import ProcessCrew, cores
from exr_inspector.ingest_worker import Begin
from exr_inspector.local.vastdb import LocalVastDB
from exr_inspector.model import Inspection, StatsMode
from exr_inspector.service_look import look
from exr_inspector.settings import Settings, load_settings
from exr_inspector.sources import SourceOpener
from exr_inspector.validation import builtin_policy

SAMPLES = Path(__file__).resolve().parents[1] / "samples"
BODIES = ("scanline_zip", "layers", "metadata", "compression_piz", "compression_dwaa", "tiled", "stereo_parts")
BUCKET = "frames"
ALONE = 1_000  # files of which the steps are measured alone


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds by the clock, and of CPU in this process and in those it started."""

    clock: float
    own: float
    others: float


def frames(folder: Path, count: int) -> None:
    """So many files: samples under the names of sequences."""
    bodies = [(SAMPLES / f"{name}.exr").read_bytes() for name in BODIES]
    for index in range(count):
        path = folder / f"sh{index // 100:04}" / f"beauty.{index % 100 + 1001}.exr"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bodies[index % len(bodies)])


@contextmanager
def tables(folder: str) -> Iterator[Catalog]:
    """Empty tables in an embedded database."""
    with LocalVastDB(Path(folder) / "bench.duckdb") as database:
        connection = load_settings(
            {
                "VAST_DB_ENDPOINT": database.endpoint,
                "VAST_DB_ACCESS_KEY": database.access_key,
                "VAST_DB_SECRET_KEY": database.secret_key,
                "VAST_DB_BUCKET": database.bucket,
            }
        ).require_catalog()
        catalog = Catalog(catalog_config(connection))
        setup(catalog.connection)
        yield catalog
        catalog.close()


def measured(action: Callable[[], object]) -> Cost:
    """What an action costs."""
    clock, before = time.perf_counter(), os.times()
    action()
    after = os.times()
    return Cost(
        time.perf_counter() - clock,
        after.user + after.system - before.user - before.system,
        after.children_user + after.children_system - before.children_user - before.children_system,
    )


def ingest(settings: Settings, stats: StatsMode, workers: int, *, processes: bool) -> Cost:
    """One run into empty tables."""
    with tempfile.TemporaryDirectory() as folder, tables(folder) as catalog:
        opener, inspector, policy = (
            SourceOpener(settings),
            inspector_from(settings, stats=stats),
            builtin_policy("default"),
        )
        begin = Begin(settings, stats, policy, workers)
        run = Ingest(
            opener,
            inspector,
            catalog,
            policy,
            workers=workers,
            recruit=(lambda: ProcessCrew(begin, processes=min(cores(), workers), threads=workers))
            if processes
            else None,
        )
        cost = measured(lambda: run.run([Target(BUCKET)]))
        opener.close()
        if run.progress.errors or run.progress.stored != run.progress.listed:
            sys.exit(f"not all was stored: {run.progress}")
        return cost


def steps(settings: Settings, stats: StatsMode) -> dict[str, float]:
    """Milliseconds of CPU a file that each step takes alone, in one thread."""
    opener, inspector, policy = SourceOpener(settings), inspector_from(settings, stats=stats), builtin_policy("default")
    keys = [entry.key for entry in opener.list(BUCKET)][: 2 * ALONE]
    inspections: list[Inspection] = []

    def inspect(some: list[str]) -> None:
        inspections.extend(inspector.inspect(opener.open(BUCKET, key), policy) for key in some)

    inspect(keys[:ALONE])
    inspect_cost = measured(lambda: inspect(keys[ALONE:]))
    look_cost = measured(
        lambda: [look(opener, BUCKET, one.key, one.version) for one in inspections[ALONE:] if one.version]
    )
    with tempfile.TemporaryDirectory() as folder, tables(folder) as catalog:
        catalog.upsert(inspections[:500])
        store_cost = measured(lambda: [catalog.upsert(inspections[n : n + 500]) for n in range(ALONE, 2 * ALONE, 500)])
    count = len(keys) - ALONE
    return {
        "inspecting": inspect_cost.own / count * 1e3,
        "looking once more": look_cost.own / count * 1e3,
        "rows, client and database": store_cost.own / count * 1e3,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="./run bench ingest")
    parser.add_argument("--files", type=int, default=4_000)
    parser.add_argument("--stats", choices=[mode.value for mode in StatsMode], default="off")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=8)
    options = parser.parse_args()
    stats = StatsMode(options.stats)
    with tempfile.TemporaryDirectory() as folder:
        frames(Path(folder), options.files)
        settings = replace(load_settings({}, secrets_dir=None), mounts=((BUCKET, Path(folder)),))
        costs: dict[str, list[Cost]] = {"threads": [], "processes": []}
        for _ in range(options.rounds):
            for name, those in costs.items():
                those.append(ingest(settings, stats, options.workers, processes=name == "processes"))
        alone = steps(settings, stats)
    print(f"{options.files} files, statistics {options.stats}, {options.workers} at a time, {cores()} cores")
    for name, those in costs.items():
        clock, own, others = (
            statistics.median(getattr(cost, part) for cost in those) for part in ("clock", "own", "others")
        )
        busy = (own + others) / clock
        print(
            f"{name:10} {options.files / clock:7.0f} files/s  {busy:.2f} cores busy  CPU a file: "
            f"{(own + others) / options.files * 1e3:.2f} ms ({own / options.files * 1e3:.2f} here, "
            f"{others / options.files * 1e3:.2f} in processes)"
        )
    whole = statistics.median(cost.own + cost.others for cost in costs["processes"]) / options.files * 1e3
    print("of the processes' run, by each step measured alone:")
    for name, cost in {**alone, "everything else": whole - sum(alone.values())}.items():
        print(f"  {name:26} {cost:5.2f} ms a file  {cost / whole:4.0%}")


if __name__ == "__main__":
    main()
