"""`./run bench sweep [--files 1600] [--catalog 100000] [--changed 1000] [--latency 0.003]`: throughput of sweeps.

The first part measures files per second of one invocation that sweeps a new folder by listing, divided into 1, 4 and 16 shards;
the database answers each request after a delay, as over a network. The second part counts requests to the database for each
changed file when the VAST Catalog lists many files: without a change, with a tenth of the changes, and with all.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench._local import LONG_WAITS, catalog_of, environment
from dataengine_local.events import schedule_event
from exr_inspector.catalog.admin.setup import setup
from exr_inspector.function.handler import Service
from exr_inspector.function.telemetry import Telemetry
from exr_inspector.settings import load_settings
from vastdb_local import CatalogEntry, LocalVastDB, entries_of_folder

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = (ROOT / "samples" / "scanline_zip.exr").read_bytes()
CHANGED = (ROOT / "samples" / "layers.exr").read_bytes()
SHARDS = (1, 4, 16)
FOLDERS = 16
SHOT = 100  # number of frames in a folder
VIEW = "/studio/renders"


def write(folder: Path, numbers: range, data: bytes) -> None:
    """Write files, distributed over FOLDERS shows."""
    for number in numbers:
        shot = folder / f"show_{number % FOLDERS:02}" / f"shot_{number // (FOLDERS * SHOT):05}"
        path = shot / f"beauty.{number:08}.exr"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def sweeping_environment(server: LocalVastDB, folder: Path, **changes: str) -> dict[str, str]:
    """The settings for a function that sweeps a folder."""
    sweeping = {"EXR_MOUNTS": f"renders={folder}", "EXR_SWEEP": "renders", "EXR_SETTLE_SECONDS": "0"}
    return {**environment(server), **LONG_WAITS, **sweeping, **changes}


def sweep_here() -> None:
    """Sweep once with the settings of the environment; prints the result and the seconds as JSON."""
    service = Service.from_settings(load_settings(os.environ, secrets_dir=None), Telemetry())
    started = time.perf_counter()
    result = service.handle(schedule_event())
    print(json.dumps({**result, "seconds": time.perf_counter() - started}))


def sweep(environ: dict[str, str]) -> dict[str, Any]:
    """Sweep once in a separate process."""
    line = [sys.executable, "-m", "bench.sweep", "--here"]
    done = subprocess.run(line, cwd=ROOT, env={**os.environ, **environ}, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"a sweep ended with exit code {done.returncode}:\n{done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def create_tables(environ: dict[str, str]) -> None:
    """Create the tables."""
    catalog = catalog_of(environ)
    setup(catalog.connection)
    catalog.close()


def rates(folder: Path, files: int, latency: float) -> None:
    """Print files per second for each number of shards."""
    write(folder, range(files), SAMPLE)
    first = 0.0
    for shards in SHARDS:
        server = LocalVastDB(None, latency_seconds=latency)
        server.start()
        environ = sweeping_environment(server, folder, EXR_SWEEP_SHARDS=str(shards))
        create_tables(environ)
        server.reset_counters()
        new = sweep(environ)
        requests = sum(server.counters().values())
        again = sweep(environ)
        server.close()
        rate = new["stored"] / new["seconds"]
        first = first or rate
        print(
            f"{shards:3} shards  {rate:8.1f} new files/s ({rate / first:.2f} of 1 shard), {requests / files:.3f} database "
            f"requests a file; again {again['unchanged'] / again['seconds']:10.1f} unchanged files/s"
        )


def requests_per_change(folder: Path, listed: int, changed: int) -> None:
    """Print database requests per changed file if the VAST Catalog lists many files."""

    def entries() -> Iterator[CatalogEntry]:
        yield from entries_of_folder(folder, root=VIEW)
        for number in range(listed):
            parent = f"{VIEW}/show_{number % FOLDERS:02}/archive_{number // 10_000:04}"
            yield CatalogEntry(f"{parent}/old.{number:08}.exr", size=1, mtime_ns=number, ctime_ns=number)

    with LocalVastDB(None) as server:
        environ = sweeping_environment(
            server, folder, EXR_SWEEP="", EXR_SWEEP_CATALOG="on", EXR_VIEWS=f"{VIEW}=renders"
        )
        create_tables(environ)
        sweep(environ)
        for count in (0, changed // 10, changed):
            write(folder, range(count), CHANGED if count < changed else SAMPLE + b"\0")
            server.write_catalog(entries())
            server.reset_counters()
            result = sweep(environ)
            requests = sum(server.counters().values())
            each = f"{requests / count:.3f} a changed file" if count else "nothing changed"
            print(
                f"{count:7} changed of {listed:,} in the Catalog: {requests:6} database requests, {each}; "
                f"{result['stored']} stored in {result['seconds']:.1f} s"
            )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="./run bench sweep")
    parser.add_argument("--files", type=int, default=1600, help="new files of the first part")
    parser.add_argument("--catalog", type=int, default=100_000, help="files that the Catalog lists in the second part")
    parser.add_argument("--changed", type=int, default=1000, help="files of these that change")
    parser.add_argument(
        "--latency", type=float, default=0.003, help="seconds by which the database delays each request"
    )
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        sweep_here()
        return
    with tempfile.TemporaryDirectory() as place:
        rates(Path(place) / "new", options.files, options.latency)
        write(Path(place) / "view", range(options.changed), SAMPLE)
        requests_per_change(Path(place) / "view", options.catalog, options.changed)


if __name__ == "__main__":
    main()
