"""`./run bench validate`: the cost of validating stored rows, for sequences of tens of thousands of frames.

`./run bench validate [--frames 50000] [--one-by-one 300]` fills a local database with the rows of that many frames, serves it
from another process, and runs `./run validate` on it. For comparison it runs the cookbook's queries on the same database, and
prints the cost of reading files one by one as a ratio. Frames a second depend on the machine; the number of requests does not.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from bench._local import repeated
from exr_inspector.catalog import Catalog, CatalogConfig
from exr_inspector.catalog.admin.setup import setup
from exr_inspector.catalog.read.inspections import stored_inspections
from exr_inspector.catalog.read.pages import stored_frames
from exr_inspector.catalog.read.reader import Reader
from exr_inspector.catalog.rows.groups import to_tables
from exr_inspector.catalog.schema import BY_NAME
from exr_inspector.catalog.sdk.work import Work
from exr_inspector.catalog.versions import file_id
from exr_inspector.inspector import Inspector
from exr_inspector.settings import load_settings
from exr_inspector.storage import SourceOpener
from exr_inspector.validation import builtin_policy
from exr_inspector.validation.frames import COMPARED_ATTRIBUTES
from tests.support.exrbytes import FLOAT, PIZ, ZIP, Channel, Part, a_rational, a_string, a_timecode, build, tv60
from vastdb_local import LocalVastDB

FILL_FILES = 5_000
ODD_EVERY = 9_000  # one in this many frames has another compression and lacks a channel
BUCKET, FOLDER = "bench", "show/shot010"
KEYS = ("access", "secret")


def frame_bytes(*, odd: bool) -> bytes:
    """A render with 17 channels and 20 attributes; an `odd` one has another compression and lacks a channel."""
    names = [*"ABGR", *(f"diffuse.{c}" for c in "RGB"), *(f"specular.{c}" for c in "RGB")]
    channels = [*map(Channel, names), Channel("Z", FLOAT)]
    channels += [Channel(f"{layer}.{c}", FLOAT) for layer in (("N",) if odd else ("N", "P")) for c in "XYZ"]
    extra = [a_string(f"studio/attribute{index}", f"value {index}") for index in range(8)]
    extra += [a_string("software", "Renderer 5"), a_rational("framesPerSecond", 24, 1)]
    extra += [a_timecode("timeCode", tv60(1, 0, 0, 0)), a_string("colorInteropID", "lin_ap1_scene")]
    return build([Part(channels=channels, compression=PIZ if odd else ZIP, extra=extra)])


def sample(*, odd: bool) -> dict[str, pa.Table]:
    """The rows of one inspected frame."""
    opener = SourceOpener(load_settings({}, need=(), secrets_dir=None))
    source = opener.open_bytes(frame_bytes(odd=odd), key=f"{FOLDER}/beauty.000001.exr")
    return to_tables([Inspector().inspect(source, builtin_policy("default"))], ["-"])


def many(table: pa.Table, numbers: Sequence[int]) -> pa.Table:
    """Repeat the rows of one frame for each number, with its own name and ids."""
    names = [f"beauty.{number:06}.exr" for number in numbers]
    keys = [f"{FOLDER}/{name}" for name in names]
    paths = [f"{BUCKET}/{key}" for key in keys]
    ids = [file_id(path) for path in paths]
    owners: dict[str, Sequence[Any]] = {"key": keys, "file_name": names, "frame_number": numbers}
    owners |= dict.fromkeys(("path", "file_path"), paths)
    owners |= dict.fromkeys(("file_id", "inspection_id", "content_key"), ids)
    alike = {"bucket": BUCKET, "directory": f"{BUCKET}/{FOLDER}", "sequence": f"{BUCKET}/{FOLDER}/beauty.######.exr"}
    owners |= {name: [value] * len(numbers) for name, value in alike.items()}
    return repeated(table, len(numbers), owners)


def fill(catalog: Catalog, frames: int) -> None:
    """Insert the rows of `frames` frames; number 77 is missing."""
    plain, odd = sample(odd=False), sample(odd=True)
    for start in range(1, frames + 1, FILL_FILES):
        numbers = [n for n in range(start, min(start + FILL_FILES, frames + 1)) if n != 77]
        kinds = ((plain, [n for n in numbers if n % ODD_EVERY]), (odd, [n for n in numbers if not n % ODD_EVERY]))

        def body(work: Work, kinds: tuple[tuple[dict[str, pa.Table], list[int]], ...] = kinds) -> None:
            for tables, some in kinds:
                for name, table in tables.items() if some else ():
                    work.insert(BY_NAME[name], many(table, some))

        catalog.connection.run("fill", body)


def config(endpoint: str) -> CatalogConfig:
    return CatalogConfig(endpoint, *KEYS, "vastdb", "exr_inspector", retry_seconds=60)


@contextmanager
def served(path: Path) -> Iterator[str]:
    """Serve the database from another process, as `./run localdb serve` does, and yield its endpoint."""
    serve = [sys.executable, "-m", "exr_inspector.cli", "localdb", "serve", "--catalog", str(path), "--port", "0"]
    keys = ["--access-key", KEYS[0], "--secret-key", KEYS[1]]
    with subprocess.Popen([*serve, *keys], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            line = server.stdout.readline() if server.stdout else ""
            yield line.strip().partition("=")[2]
        finally:
            server.terminate()


def run(endpoint: str, *arguments: str) -> tuple[float, list[dict[str, Any]]]:
    """Run `./run validate`; returns its seconds and its JSON output."""
    environment = {**os.environ, **config(endpoint).environ}
    line = [sys.executable, "-m", "exr_inspector.cli", "validate", "--stored", "--format", "json", *arguments]
    started = time.perf_counter()
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    if not done.stdout or done.returncode > 1:
        sys.exit(done.stderr)
    return seconds, json.loads(done.stdout)


def requests(path: Path) -> None:
    """Print the number of requests of each way of reading. The server runs in this process, so the time is not measured."""
    with LocalVastDB(path, access_key=KEYS[0], secret_key=KEYS[1]) as server:
        catalog = Catalog(config(server.endpoint))
        Reader(catalog.connection).file("nothing/there.exr")
        frames = partial(stored_frames, attributes=COMPARED_ATTRIBUTES)
        for what, ask in (("whole files", stored_inspections), ("frames", frames)):
            server.reset_counters()
            found = sum(1 for _ in ask(catalog.connection, BUCKET))
            count = sum(server.counters().values())
            print(f"requests for {found:,} {what}: {count}, {found / count:,.0f} files a request")
        catalog.close()


def one_by_one(endpoint: str, count: int) -> float:
    """The seconds per file if each file is read alone."""
    catalog = Catalog(config(endpoint))
    paths = [f"{BUCKET}/{FOLDER}/beauty.{number:06}.exr" for number in range(100, 100 + count)]
    reader = Reader(catalog.connection)
    reader.file(paths[0])
    started = time.perf_counter()
    for path in paths:
        reader.file(path)
    seconds = (time.perf_counter() - started) / count
    catalog.close()
    return seconds


def query(path: Path, *arguments: str) -> float:
    line = [sys.executable, "-m", "exr_inspector.cli", "query", *arguments, "--catalog", str(path), "--format", "csv"]
    started = time.perf_counter()
    subprocess.run(line, check=True, capture_output=True)
    return time.perf_counter() - started


def measure(path: Path, frames: int, single: int) -> None:
    """Measure, and print all figures."""
    with served(path) as endpoint:
        seconds, results = run(endpoint, "--sequence-only", f"s3://{BUCKET}/")
        codes = sorted({finding["code"] for entry in results for finding in entry["findings"]})
        print(
            f"--sequence-only, {frames:,} frames: {seconds:.1f} s, {frames / seconds:,.0f} a second; {', '.join(codes)}"
        )
        seconds, results = run(endpoint, "--sequence", f"s3://{BUCKET}/")
        rate = frames / seconds
        print(f"--sequence, {len(results) - 1:,} files validated by every rule: {seconds:.1f} s, {rate:,.0f} a second")
        each = one_by_one(endpoint, single)
        print(
            f"reading {single} of them one by one: {1 / each:,.0f} a second, before any rule; ratio {rate * each:.1f}"
        )
    for name in ("sequences", "sequence_gaps", "sequence_duplicates", "sequence_drift"):
        chosen = ("-p", f"sequence={BUCKET}/{FOLDER}/beauty.######.exr") if name == "sequence_drift" else ()
        print(f"./run query {name}: {query(path, name, *chosen):.1f} s")
    requests(path)


def main() -> None:
    parser = argparse.ArgumentParser(prog="./run bench validate", description=__doc__)
    parser.add_argument("--frames", type=int, default=50_000)
    parser.add_argument("--one-by-one", type=int, default=300, help="files to read one by one, for comparison")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.duckdb"
        started = time.perf_counter()
        with LocalVastDB(path, access_key=KEYS[0], secret_key=KEYS[1]) as server:
            catalog = Catalog(config(server.endpoint))
            setup(catalog.connection)
            fill(catalog, chosen.frames)
            catalog.close()
        print(f"filled in {time.perf_counter() - started:.0f} s")
        measure(path, chosen.frames, chosen.one_by_one)


if __name__ == "__main__":
    main()
