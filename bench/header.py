"""`./run bench header [FOLDER] [--repeats N]`: time to read headers and chunk tables, against the OpenEXR module's header read.

For every readable file of a folder (the corpus by default) it measures the time from the file's bytes to the completeness of
every part, in one process, and the time of `OpenEXR.File(io.BytesIO(data), header_only=True)` on the same bytes, which reads no
chunk offset table. The two take turns, and the best of many runs counts. It also prints the number of 64 KiB requests that the
file would need.
"""

from __future__ import annotations

import argparse
import io
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import OpenEXR

from exr_inspector.exr.chunks.layout import part_layout
from exr_inspector.exr.chunks.tables import Completeness, assess, chunk_states, read_tables, tables_end
from exr_inspector.exr.file_bytes import Answer, Ranges, answer_requests
from exr_inspector.exr.header.parser import parse_header
from exr_inspector.exr.probe import probe

CORPUS = Path(os.environ.get("EXR_CORPUS") or Path(__file__).parents[2] / "shared" / "corpus")


class Row(NamedTuple):
    """The times of one file."""

    name: str
    ours: float
    theirs: float
    requests: int
    read_bytes: int

    @property
    def ratio(self) -> float:
        """Our time divided by theirs."""
        return self.ours / self.theirs


def ours(data: bytes) -> list[Completeness]:
    """Read the header and the chunk tables, and determine the completeness of every part."""
    size = len(data)
    header = parse_header(data)
    layouts = list(map(part_layout, header.parts))
    tables = read_tables(data, header, layouts, size)
    first = tables_end(header, layouts)
    return [
        assess(layout, table, chunk_states(table, first, size), part.chunk_count)
        for part, layout, table in zip(header.parts, layouts, tables, strict=True)
    ]


def theirs(data: bytes) -> object:
    """Read the header with the OpenEXR module."""
    return OpenEXR.File(io.BytesIO(data), header_only=True)


def cost(data: bytes) -> tuple[int, int]:
    """The number of requests and bytes that the probe reads with its default settings."""
    requests = have = 0

    def read(ranges: Ranges) -> Answer:
        nonlocal requests, have
        requests += 1
        pieces = [data[start:end] for start, end in ranges]
        have += sum(map(len, pieces))
        return Answer(pieces, len(data))

    answer_requests(probe(), read)
    return requests, have


def best(function: Callable[[bytes], object], data: bytes) -> float:
    """The seconds of one call."""
    started = time.perf_counter()
    function(data)
    return time.perf_counter() - started


def measure(path: Path, repeats: int) -> Row | None:
    """Measure one file; None if one of the two cannot read it."""
    data = path.read_bytes()
    try:
        ours(data)
        theirs(data)
    except Exception:  # noqa: BLE001  # the module raises many types; the file is then not measured
        return None
    mine, other = [], []
    for _ in range(repeats):
        mine.append(best(ours, data))
        other.append(best(theirs, data))
    return Row(path.name, min(mine), min(other), *cost(data))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=CORPUS)
    parser.add_argument("--repeats", type=int, default=400)
    options = parser.parse_args()
    paths = sorted(path for path in options.folder.rglob("*.exr") if "truth" not in path.parts)
    print(f"Python {platform.python_version()}, OpenEXR {OpenEXR.__version__}, numpy {np.__version__}")
    print(f"{'ratio':>6} {'ours us':>9} {'OpenEXR us':>11} {'requests':>9} {'bytes':>8}  file")
    rows = []
    for path in paths:
        row = measure(path, options.repeats)
        if row is None:
            print(f"{'':>46}  {path.name}: not read by both")
            continue
        rows.append(row)
        print(
            f"{row.ratio:6.2f} {row.ours * 1e6:9.1f} {row.theirs * 1e6:11.1f} {row.requests:9} {row.read_bytes:8}  {row.name}"
        )
    if rows:
        once = sum(row.requests == 1 for row in rows)
        print(f"median ratio {statistics.median(row.ratio for row in rows):.3f} over {len(rows)} files")
        print(f"one request: {once} of {len(rows)} files ({100 * once / len(rows):.0f} %)")


if __name__ == "__main__":
    main()
