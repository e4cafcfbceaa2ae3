"""`./run bench pruning [--reads]`: a model of how many row groups a server must read, from requests recorded on the wire.

It records the predicates of a new file, a replacement, a redelivery and a removal as the SDK sends them, and the SQL of the
cookbook as VAST's ADBC driver sends it. The reads are computed for tables of 1e6, 1e8 and 1e9 files whose server keeps the
minimum and maximum of each column of a row group (524,288 rows), or of a chunk of 32 KB of it. No such table is created, and
this is not a measurement of a cluster. It prints the table that needs most reads; `--reads` prints all. The exit code is 1 if a
request of a writer needs more than two row groups of a sorted table. Assumptions of the model:

- Sorted: the server has sorted all rows, so rows of equal keys are adjacent, whatever the order of arrival.
- Unsorted: rows are stored in the order of arrival. With random arrival a group holds as many random paths as it has files. By
  shot, the files of a shot arrive together in any order, but the order of shots is unrelated to their paths, so a group holds
  as many random positions in the order of paths as it has shots. Shots that arrive in the order of paths need fewer reads.
- `sequence` orders as `path` does. `manifest_hash` is random. All other columns (names, values, ids, the bucket) may have any
  value in any group, so they exclude no group; neither does a range with one end, nor a join, although an engine may derive
  filters from a join at run time.
- Updates and deletes address row ids: the rows of a file are adjacent, because they arrived together. Inserts read nothing.
- A prefix is one shot: 1,000 files, ten sequences of 100 frames, and a Cryptomatte manifest of 1,000 names. The number of rows
  of a file is the mean over the readable files of `samples/`, with sampled statistics. A text has 80 bytes, any other value 8,
  and nothing is compressed.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import pyarrow as pa

from bench._pruning_reads import Read, reads_of, recording
from exr_inspector.catalog.admin.setup import SetupOptions, setup
from exr_inspector.catalog.catalog import ObjectState
from exr_inspector.catalog.queries.cookbook import cookbook
from exr_inspector.catalog.queries.engines import AdbcEngine
from exr_inspector.catalog.rows.groups import to_tables
from exr_inspector.catalog.schema import (
    BY_NAME,
    CRYPTOMATTE_MANIFESTS,
    DEFAULT_GUARDS,
    GUARDS,
    INSPECTIONS,
    LEAST_GUARDS,
    SEQUENCE_VALIDATION,
)
from exr_inspector.errors import CatalogError
from exr_inspector.inspector import Inspector, InspectorConfig
from exr_inspector.model import StatsMode, Status
from exr_inspector.settings import load_settings
from exr_inspector.storage import SourceOpener
from exr_inspector.validation import builtin_policy
from tests.contract.catalog.model import connect, inspection
from vastdb_local import LocalVastDB

SIZES = (10**6, 10**8, 10**9)
GROUP_ROWS = 524_288
CHUNK_BYTES = 32 * 1024
TEXT_BYTES, VALUE_BYTES = 80, 8
SHOT_FILES, SEQUENCE_FILES, MANIFEST_NAMES = 1_000, 100, 1_000
LAYOUTS = ("sorted", "random", "by shot")
GOAL = 2
SAMPLES = Path(__file__).parent.parent / "samples"
VALUES = {  # values for the cookbook's required parameters
    "path": "renders/shot0001/beauty.1001.exr", "prefix": "renders/shot0001/", "name": "a name", "value": "a value",
    "sequence": "renders/shot0001/beauty.####.exr", "bucket": "renders", "root": "/renders",
}  # fmt: skip


def neighbours(rows: float, per_group: int) -> float:
    """The largest number of row groups over which adjacent rows can extend."""
    return (max(1.0, rows) + per_group - 2) // per_group + 1


def groups_with_overlap(groups: float, keys: float, share: float) -> float:
    """The expected number of row groups whose minimum and maximum do not exclude a range, if each has `keys` random keys.

    The range contains the fraction `share` of all keys and may be anywhere.
    """
    keys = max(1.0, keys)
    return groups * (1 - 2 * math.pow(1 - share, keys) / (keys + 1))


def groups_read(read: Read, layout: str, files: int, rows_per_file: dict[str, float], per_group: int) -> float:
    """The number of row groups that must be read."""
    each = rows_per_file[read.table.name]
    total = DEFAULT_GUARDS if read.table is GUARDS else files * each
    groups = max(1.0, -(-total // per_group))
    if read.rows:
        return min(groups, neighbours(read.rows, per_group))
    if not read.column:
        return groups
    shots = SHOT_FILES if layout == "by shot" else 1
    if read.column == "manifest_hash":
        requested = shots = SHOT_FILES  # the files of a shot share a manifest
    else:
        requested = SHOT_FILES if read.is_range else SEQUENCE_FILES if read.column == "sequence" else 1
    if layout == "sorted" and read.table.sorted_by:
        return min(groups, neighbours(requested * each, per_group))
    # The files of a shot arrive in any order, so each of its row groups may contain the path.
    least = neighbours(max(requested, shots) * each, per_group)
    keys = min(per_group, per_group / (each * shots))
    return min(groups, max(least, groups_with_overlap(groups, keys, requested / files)))


def chunk_rows(read: Read) -> int:
    """The number of values in a chunk of the filtered column."""
    column = read.column or (read.table.sorted_by or read.table.key)[0]
    is_text = pa.types.is_string(read.table.arrow.field(column).type)
    return CHUNK_BYTES // (TEXT_BYTES if is_text else VALUE_BYTES)


def record() -> tuple[dict[str, set[Read]], set[str]]:
    """Record the reads of each request; returns them and the names of the writer's requests."""
    reads: dict[str, set[Read]] = {}
    with LocalVastDB(None) as server, recording() as seen:
        catalog = connect(server)
        setup(catalog.connection, SetupOptions(guards=LEAST_GUARDS))
        first, second = (inspection(revision=number, mode=StatsMode.FULL, findings=2, objects=2) for number in (1, 2))
        # The first upsert reads the table definitions, which the process keeps.
        catalog.upsert([inspection("warm.exr")])

        def note(name: str, call: Callable[[], object]) -> None:
            seen.clear()
            call()
            reads[name] = {read for request in seen for read in reads_of(request)}

        note("new file", lambda: catalog.upsert([first]))
        note("redelivery", lambda: catalog.upsert([first]))
        note("is it current?", lambda: catalog.current_versions([ObjectState(first.bucket, first.key, first.version)]))  # type: ignore[arg-type]
        note("replacement", lambda: catalog.upsert([second]))
        note("removal", lambda: catalog.remove(f"{first.bucket}/{first.key}"))
        writers = set(reads)
        engine = AdbcEngine(catalog.connection.config)

        def ask(name: str) -> None:
            query = cookbook()[name]
            given = {
                parameter.name: VALUES[parameter.name] for parameter in query.parameters if parameter.name in VALUES
            }
            with suppress(
                CatalogError
            ):  # `unprocessed` joins the VAST Catalog, which does not exist here, but its request is recorded
                engine.ask(query.for_duckdb(), query.bind(given))

        for name in cookbook():
            note(name, lambda name=name: ask(name))  # type: ignore[misc]
        catalog.close()
    return reads, writers


def sample_rows() -> dict[str, float]:
    """The rows of a file in each table: the mean over the readable samples."""
    opener = SourceOpener(load_settings({}, secrets_dir=None, need=()))
    inspector = Inspector(InspectorConfig(stats=StatsMode.SAMPLED))
    paths = sorted(SAMPLES.glob("*.exr"))
    found = [
        inspector.inspect(opener.open_bytes(path.read_bytes(), key=path.name), builtin_policy("default"))
        for path in paths
    ]
    whole = [item for item in found if item.status is Status.INSPECTED]
    rows: Counter[str] = Counter()
    for item in whole:
        rows.update({name: table.num_rows for name, table in to_tables([item], ["-"]).items()})
    mean = {name: max(rows[name], 1) / len(whole) for name in BY_NAME}
    mean |= {INSPECTIONS.name: 1.0, SEQUENCE_VALIDATION.name: 1 / SEQUENCE_FILES}
    return mean | {CRYPTOMATTE_MANIFESTS.name: MANIFEST_NAMES / SHOT_FILES}


def line(name: str, reads: Iterable[Read], rows: dict[str, float]) -> str:
    """Format a line of the table: for each layout the row groups at all sizes, then the chunks at the largest."""
    cells = [
        " / ".join(f"{max(groups_read(read, layout, size, rows, GROUP_ROWS) for read in reads):,.0f}" for size in SIZES)
        for layout in LAYOUTS
    ]
    largest = SIZES[-1]
    cells += [f"{max(groups_read(r, layout, largest, rows, chunk_rows(r)) for r in reads):,.0f}" for layout in LAYOUTS]
    return f"| {name} | {' | '.join(cells)} |"


def main() -> None:
    """Record, count and print."""
    parser = argparse.ArgumentParser(prog="./run bench pruning")
    parser.add_argument("--reads", action="store_true", help="a line for each table that a request reads")
    options = parser.parse_args()
    rows = sample_rows()
    reads, writers = record()
    shown = ("files", "parts", "channels", "attributes", "stats", "validation")
    print("rows a file: " + ", ".join(f"{name} {rows[name]:.1f}" for name in shown) + "\n")
    heads = ["Request", *LAYOUTS, *(f"chunks, {layout}" for layout in LAYOUTS)]
    print(f"| {' | '.join(heads)} |\n|{' --- |' * len(heads)}")
    misses: dict[str, list[str]] = {}
    for name, found in reads.items():
        ordered = sorted(found, key=str)
        for read in ordered if options.reads else ():
            print(line(f"{name}: {read}", [read], rows))
        if not options.reads:
            print(line(name, ordered, rows))
        over = [str(r) for r in ordered if groups_read(r, "sorted", SIZES[-1], rows, GROUP_ROWS) > GOAL]
        misses |= {name: over} if over else {}
    late = sorted(misses.keys() & writers)
    result = "MISSED" if late else "reached"
    print(f"\n{result}: at most {GOAL} row groups a table for a writer at {SIZES[-1]:,} files, sorted")
    for name, over in misses.items():
        print(f"more than {GOAL}: {name} ({'; '.join(over)})")
    sys.exit(bool(late))


if __name__ == "__main__":
    main()
