"""What an upsert costs as the tables grow: requests, milliseconds a file, and their ratio to the smallest size.

`./run bench catalog [--files 1000,100000,1000000] [--keep FILE]`: fills the local database with generated rows through the SDK,
and measures at every size. Rows of the last fill stay in FILE, if one is named.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from exr_inspector.catalog import Catalog, CatalogConfig
from exr_inspector.catalog.maintenance import setup
from exr_inspector.catalog.rows import to_tables
from exr_inspector.catalog.schema import BY_NAME
from exr_inspector.catalog.session import Work
from exr_inspector.exr.header import Header, make_part
from exr_inspector.exr.layout import part_layout
from exr_inspector.exr.names import file_names
from exr_inspector.exr.values import Attribute, AttributeValue, Box2i, Channel
from exr_inspector.local.vastdb import LocalVastDB
from exr_inspector.model import Inspection, ObjectVersion, SequenceName, Status

FILL_FILES = 5_000  # files filled in one transaction
REPEATS = 15
BATCH = 100
START = datetime(2026, 3, 1, tzinfo=timezone.utc)


def made(key: str, revision: int = 1) -> Inspection:
    """A beauty pass of four channels and nine attributes."""
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


def _hex_ids(dice: np.random.Generator, count: int) -> list[str]:
    raw = dice.bytes(16 * count).hex()
    return [raw[start : start + 32] for start in range(0, 32 * count, 32)]


def _many(table: pa.Table, owners: dict[str, list[str]]) -> pa.Table:
    """The rows of one file, once for each owner."""
    rows = table.num_rows
    count = len(owners["file_id"])
    whole = table.take(pa.array(np.tile(np.arange(rows), count)))
    each = pa.array(np.repeat(np.arange(count), rows))
    for name, values in owners.items():
        if name in whole.column_names:
            whole = whole.set_column(whole.schema.get_field_index(name), name, pa.array(values, pa.string()).take(each))
    return whole


def fill(catalog: Catalog, first: int, last: int) -> None:
    """Insert the rows of files `first` to `last`, that one not included, past the store, which would look each up."""
    dice = np.random.default_rng(first)
    sample = to_tables([made("sample")], ["-"])
    for start in range(first, last, FILL_FILES):
        count = min(FILL_FILES, last - start)
        paths = [f"bench/filled/{number:07}.exr" for number in range(start, start + count)]
        owners = {"path": paths, "file_path": paths}
        owners |= {name: _hex_ids(dice, count) for name in ("file_id", "content_key", "inspection_id")}

        def body(work: Work, owners: dict[str, list[str]] = owners) -> None:
            for name, table in sample.items():
                work.insert(BY_NAME[name], _many(table, owners))

        catalog.connection.run("fill", body)


class Cost(NamedTuple):
    """What a call cost; the processor's time is that of client and server together, and tells more on a busy machine."""

    wall_ms: float
    cpu_ms: float
    requests: int


def measure(server: LocalVastDB, work: Callable[[], object]) -> Cost:
    """Call once."""
    server.reset_counters()
    started, cpu_started = time.perf_counter(), time.process_time()
    work()
    wall, cpu = time.perf_counter() - started, time.process_time() - cpu_started
    return Cost(wall * 1_000, cpu * 1_000, sum(server.counters().values()))


def median(costs: Sequence[Cost], share: int = 1) -> Cost:
    """The median of several calls, divided among `share` files."""
    wall = statistics.median(cost.wall_ms for cost in costs) / share
    return Cost(wall, statistics.median(cost.cpu_ms for cost in costs) / share, costs[0].requests)


def measure_all(server: LocalVastDB, catalog: Catalog, size: int) -> dict[str, Cost]:
    """The cost of each kind of upsert, for a file."""
    single: dict[str, list[Cost]] = {"new": [], "unchanged": [], "replaced": []}
    for repeat in range(REPEATS):
        item = made(f"measured/{size}/{repeat}.exr")
        single["new"].append(measure(server, partial(catalog.upsert, [item])))
        single["unchanged"].append(measure(server, partial(catalog.upsert, [item])))
        single["replaced"].append(measure(server, partial(catalog.upsert, [made(item.key, revision=2)])))
    several: dict[str, list[Cost]] = {"new": [], "unchanged": [], "replaced": []}
    for repeat in range(5):
        keys = [f"batch/{size}/{repeat}/{number}.exr" for number in range(BATCH)]
        items = [made(key) for key in keys]
        several["new"].append(measure(server, partial(catalog.upsert, items)))
        several["unchanged"].append(measure(server, partial(catalog.upsert, items)))
        several["replaced"].append(measure(server, partial(catalog.upsert, [made(key, revision=2) for key in keys])))
    found = {name: median(costs) for name, costs in single.items()}
    return found | {f"{name}, one of {BATCH}": median(costs, BATCH) for name, costs in several.items()}


def report(size: int, found: dict[str, Cost], first: dict[str, Cost]) -> None:
    """Print what one size gave, with ratios to the first."""
    print(f"\n{f'{size:,} files stored':28}{'requests':>10}{'wall ms':>10}{'ratio':>7}{'cpu ms':>10}{'ratio':>7}")
    for name, cost in found.items():
        wall, cpu = cost.wall_ms / first[name].wall_ms, cost.cpu_ms / first[name].cpu_ms
        print(
            f"  {name:26}{cost.requests:>10}{cost.wall_ms:>10.2f}{wall:>7.2f}{cost.cpu_ms:>10.2f}{cpu:>7.2f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="./run bench catalog", description=__doc__)
    parser.add_argument("--files", default="1000,100000,1000000", help="sizes to measure at, rising")
    parser.add_argument("--keep", type=Path, help="DuckDB file to fill, instead of a temporary one")
    chosen = parser.parse_args()
    sizes = [int(text) for text in chosen.files.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        path = chosen.keep or Path(folder) / "bench.duckdb"
        with LocalVastDB(path) as server:
            catalog = Catalog(
                CatalogConfig(
                    server.endpoint, server.access_key, server.secret_key, server.bucket, "bench", retry_seconds=60
                )
            )
            setup(catalog.connection)
            catalog.upsert([made("warm.exr")])
            first: dict[str, Cost] = {}
            filled = 0
            for size in sizes:
                started = time.perf_counter()
                fill(catalog, filled, size)
                print(f"filled in {time.perf_counter() - started:.0f} s", flush=True)
                filled = size
                found = measure_all(server, catalog, size)
                first = first or found
                report(size, found, first)
            print(f"file: {path.stat().st_size / 1e6:,.0f} MB before its log is folded in")


if __name__ == "__main__":
    main()
