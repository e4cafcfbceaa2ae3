"""`./run bench catalog`: the cost of an upsert as the tables grow, in requests and milliseconds per file.

`./run bench catalog [--files 1000,100000,1000000] [--no-index] [--keep FOLDER]` fills one local database for each size with
generated rows, through the SDK in large transactions. It then measures the databases in turn, call by call, so that other load
on the machine affects all sizes equally. CPU time includes client and server, which share this process.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bench._local import repeated
from exr_inspector import __version__
from exr_inspector.catalog import Catalog, CatalogConfig
from exr_inspector.catalog.admin.setup import setup
from exr_inspector.catalog.rows.build import Row, arrow_table
from exr_inspector.catalog.rows.groups import to_tables
from exr_inspector.catalog.schema import BY_NAME, INSPECTIONS, SCHEMA_VERSION
from exr_inspector.catalog.sdk.work import Work
from exr_inspector.catalog.versions import file_id
from exr_inspector.exr.chunks.layout import part_layout
from exr_inspector.exr.header.parser import Header, make_part
from exr_inspector.exr.header.values import Attribute, AttributeValue, Box2i, Channel
from exr_inspector.exr.names import file_names
from exr_inspector.model import Inspection, ObjectVersion, SequenceName, Status
from vastdb_local import LocalVastDB

# Files per transaction; DuckDB writes transactions of this size directly to the database file instead of its log.
FILL_FILES = 100_000
REPEATS = 21  # number of calls with one file
BATCH_REPEATS = 9  # number of calls with BATCH files
BATCH = 100
# Files stored and replaced before the measurement, after which the local server has built its look-up indexes.
WARMING = 40
START = datetime(2026, 3, 1, tzinfo=timezone.utc)


AUDIT: Row = {
    "inspection_id": "-", "file_id": "-", "file_path": "-", "content_key": "-", "recorded_at": START, "inspected_at": START,
    "outcome": "inserted", "status": "inspected", "etag": "etag1", "size_bytes": 1_000, "mtime": START, "stats_mode": "off",
    "finding_count": 0, "requests": 1, "bytes_read": 65_536, "duration_ms": 3.5, "inspector_version": __version__,
    "schema_version": SCHEMA_VERSION,
}  # fmt: skip


def made(key: str, revision: int = 1) -> Inspection:
    """The inspection of a beauty pass with four channels and nine attributes."""
    values: list[tuple[str, str, AttributeValue]] = [
        ("channels", "chlist", tuple(Channel(name, 1, 0, b"\0\0\0", 1, 1) for name in "ABGR")),
        ("compression", "compression", 3),
        ("dataWindow", "box2i", Box2i(0, 0, 1919, 1079)),
        ("displayWindow", "box2i", Box2i(0, 0, 1919, 1079)),
        ("lineOrder", "lineOrder", 0),
        ("pixelAspectRatio", "float", 1.0),
        ("screenWindowCenter", "v2f", (0.0, 0.0)),
        ("screenWindowWidth", "float", 1.0),
        ("owner", "string", f"revision {revision}"),
    ]
    part = make_part(0, 2, tuple(Attribute(name, kind, value, 8, 16) for name, kind, value in values))
    header = Header(2, (part,), 400)
    moment = START + timedelta(seconds=revision)
    return Inspection(
        bucket="bench",
        key=key,
        version=ObjectVersion(f"etag{revision}", 1_000, moment),
        status=Status.INSPECTED,
        error_code=None,
        error_message=None,
        name=SequenceName("bench", key, None, None, 0),
        inspected_at=moment,
        header=header,
        layouts=(part_layout(part),),
        names=file_names(header),
    )


def filled_key(number: int) -> str:
    """The key of file `number` of those that `fill` inserts; as in a show, all keys begin alike."""
    return f"frames/filled/{number:07}.exr"


def _hex_ids(dice: np.random.Generator, count: int) -> list[str]:
    raw = dice.bytes(16 * count).hex()
    return [raw[start : start + 32] for start in range(0, 32 * count, 32)]


def fill(catalog: Catalog, count: int) -> None:
    """Insert the rows of `count` files directly, because an upsert would look up each of them."""
    dice = np.random.default_rng(count)
    sample = to_tables([made("sample")], ["-"]) | {INSPECTIONS.name: arrow_table(INSPECTIONS, [AUDIT])}
    for start in range(0, count, FILL_FILES):
        keys = [filled_key(number) for number in range(start, min(start + FILL_FILES, count))]
        paths = [f"bench/{key}" for key in keys]
        owners = {"key": keys, "path": paths, "file_path": paths, "file_id": [file_id(path) for path in paths]}
        owners |= {name: _hex_ids(dice, len(keys)) for name in ("content_key", "inspection_id")}

        def body(work: Work, owners: dict[str, list[str]] = owners) -> None:
            for name, table in sample.items():
                work.insert(BY_NAME[name], repeated(table, len(owners["path"]), owners))

        catalog.connection.run("fill", body)


class Cost(NamedTuple):
    """The cost of a call."""

    wall_ms: float
    cpu_ms: float
    requests: int


def median(costs: Sequence[Cost], share: int) -> Cost:
    """The median of several calls, divided among `share` files."""
    wall = statistics.median(cost.wall_ms for cost in costs) / share
    return Cost(wall, statistics.median(cost.cpu_ms for cost in costs) / share, costs[0].requests)


class FilledDatabase:
    """A database filled with a number of files, and the costs measured on it."""

    def __init__(self, size: int, path: Path, index_after: int) -> None:
        self.size, self.path = size, path
        self.server = LocalVastDB(path, index_after=index_after)
        self.server.start()
        access = self.server.endpoint, self.server.access_key, self.server.secret_key, self.server.bucket
        self.catalog = Catalog(CatalogConfig(*access, "bench", retry_seconds=60))
        self.costs: dict[str, list[Cost]] = {}
        self._old = iter(np.random.default_rng(1).permutation(size).tolist())

    def prepare(self) -> None:
        """Fill the database, and upsert WARMING files so that the server builds its look-up indexes."""
        started = time.perf_counter()
        setup(self.catalog.connection)
        fill(self.catalog, self.size)
        filled = time.perf_counter()
        for number in range(WARMING):
            self.catalog.upsert([made(f"frames/warm/{number}.exr")])
            self.catalog.upsert([made(f"frames/warm/{number}.exr", revision=2)])
        print(
            f"{self.size:>9,} files: filled in {filled - started:.0f} s, warm after {time.perf_counter() - filled:.0f} s more",
            flush=True,
        )

    def old(self, count: int) -> list[Inspection]:
        """New versions of randomly chosen files of the database, each at most once."""
        return [made(filled_key(next(self._old)), revision=2) for _ in range(count)]

    def measure(self, name: str, items: Sequence[Inspection]) -> None:
        """Upsert the inspections, and record the cost."""
        self.server.reset_counters()
        started, cpu_started = time.perf_counter(), time.process_time()
        self.catalog.upsert(items)
        wall, cpu = time.perf_counter() - started, time.process_time() - cpu_started
        cost = Cost(wall * 1_000, cpu * 1_000, sum(self.server.counters().values()))
        self.costs.setdefault(name, []).append(cost)

    def close(self) -> None:
        """Close the catalog and the server."""
        self.catalog.close()
        self.server.close()


def measure(databases: Sequence[FilledDatabase], repeat: int, count: int) -> None:
    """Do each kind of upsert once, with `count` files, on each database in turn."""
    keys = [f"frames/measured/{count}/{repeat}/{number}.exr" for number in range(count)]
    first = [made(key) for key in keys]
    second = [made(key, revision=2) for key in keys]
    suffix = f", one of {count}" if count > 1 else ""
    for kind, items in (("new", first), ("unchanged", first), ("replaced", second)):
        for database in databases:
            database.measure(kind + suffix, items)
    for database in databases:
        database.measure("replaced, stored long ago" + suffix, database.old(count))


def report(databases: Sequence[FilledDatabase]) -> None:
    """Print the median costs, with their ratios to those of the first size."""
    first = databases[0]
    for database in databases:
        print(
            f"\n{f'{database.size:,} files stored':40}{'requests':>9}{'wall ms':>9}{'ratio':>7}{'cpu ms':>9}{'ratio':>7}"
        )
        for name, costs in database.costs.items():
            share = BATCH if name.endswith(f"of {BATCH}") else 1
            cost, least = median(costs, share), median(first.costs[name], share)
            wall, cpu = cost.wall_ms / least.wall_ms, cost.cpu_ms / least.cpu_ms
            print(f"  {name:38}{cost.requests:>9}{cost.wall_ms:>9.2f}{wall:>7.2f}{cost.cpu_ms:>9.2f}{cpu:>7.2f}")
        print(f"  file: {database.path.stat().st_size / 1e6:,.0f} MB before the log is merged into it", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="./run bench catalog", description=__doc__)
    parser.add_argument("--files", default="1000,100000,1000000", help="sizes to measure at, rising, 1000 at least")
    parser.add_argument(
        "--no-index", action="store_true", help="let the local server read whole columns, without indexes"
    )
    parser.add_argument("--keep", type=Path, help="folder for the DuckDB files, instead of a temporary one")
    chosen = parser.parse_args()
    sizes = [int(text) for text in chosen.files.split(",")]
    index_after = sys.maxsize if chosen.no_index else 32
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as stack:
        folder = chosen.keep or Path(temporary)
        databases = []
        for size in sizes:
            database = FilledDatabase(size, folder / f"bench-{size}.duckdb", index_after)
            stack.callback(database.close)
            database.prepare()
            databases.append(database)
        for repeat in range(REPEATS):
            measure(databases, repeat, 1)
        for repeat in range(BATCH_REPEATS):
            measure(databases, repeat, BATCH)
        report(databases)


if __name__ == "__main__":
    main()
