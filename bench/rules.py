"""`./run bench rules [FILE...]`: cost of validating a header, as a ratio to parsing it and to reading all input of the rules.

It measures three times for every file: parsing (`parse_header`); reading, which is parsing and everything that the rules on
headers and chunk tables use (layouts, tables, completeness of every part); and validation, which is conformance checks and
`validate` with the default profile. It prints ratios of CPU times of one run; below 1 means that validation costs less. Facts
that frames of a sequence share, such as a channel list, are validated once in a process: `first` is the time of a file that
shares none with earlier ones. Without files it measures three generated headers and the readable files of the corpus, if
available.
"""

from __future__ import annotations

import argparse
import statistics
import time
import timeit
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

from bench.header import CORPUS, ours
from exr_inspector.errors import FormatError
from exr_inspector.exr.chunks.layout import part_layout
from exr_inspector.exr.conformance.header import check_header
from exr_inspector.exr.header.parser import Header, parse_header
from exr_inspector.exr.names import file_names
from exr_inspector.model import Inspection, ObjectVersion, SequenceName, Status
from exr_inspector.validation import builtin_policy, validate_file
from exr_inspector.validation.engine import _kept_findings as channel_findings
from exr_inspector.validation.facts.channel_facts import _memoised as channel_facts
from tests.support.exrbytes import FLOAT, UINT, Channel, Part, a_string, build

ROUNDS = 15
LAYERS = ("diffuse", "specular", "emission", "sss", "volume", "albedo", "direct", "indirect")


def made() -> dict[str, bytes]:
    """Make three typical headers: RGBA, a render with AOVs, and one with 150 string attributes."""
    rgba = [Channel(name) for name in "ABGR"]
    aovs = [*rgba, Channel("Z", FLOAT), Channel("id", UINT)]
    aovs += [Channel(f"{layer}.{c}") for layer in LAYERS for c in "RGB"]
    aovs += [Channel(f"{layer}.{c}", FLOAT) for layer in ("N", "P") for c in "XYZ"]
    strings = [a_string(f"studio/attribute{index}", f"value {index}") for index in range(150)]
    return {
        "rgba": build([Part(channels=rgba)]),
        "aovs": build([Part(channels=aovs)]),
        "150 strings": build([Part(channels=rgba, extra=strings)]),
    }


def inspection_of(data: bytes, header: Header) -> Inspection:
    """The inspection as it is before validation."""
    layouts = tuple(part_layout(part) for part in header.parts)
    return Inspection(
        bucket="b",
        key="shot/beauty.1001.exr",
        version=ObjectVersion("e", len(data), datetime(2026, 1, 1, tzinfo=timezone.utc)),
        status=Status.INSPECTED,
        error_code=None,
        error_message=None,
        name=SequenceName("b/shot", "beauty.1001.exr", "b/shot/beauty.####.exr", 1001, 4),
        inspected_at=datetime(2026, 1, 2, tzinfo=timezone.utc),
        header=header,
        layouts=layouts,
        names=file_names(header),
        problems=check_header(header, layouts),
    )


def microseconds(work: Callable[[], object]) -> float:
    """The least CPU time of one call; other load can only increase it."""
    timer = timeit.Timer(work, timer=time.process_time)
    count, _ = timer.autorange()
    count = max(1, count // 20)
    return min(timer.repeat(ROUNDS, count)) / count * 1e6


class Row(NamedTuple):
    """The times of one file in microseconds."""

    parse: float
    read: float
    validate: float
    first: float


def first_time(work: Callable[[], object]) -> float:
    """The least CPU time of one call with empty caches."""
    best = float("inf")
    for _ in range(ROUNDS):
        channel_facts.cache_clear()
        channel_findings.cache_clear()
        started = time.process_time_ns()
        work()
        best = min(best, (time.process_time_ns() - started) / 1e3)
    return best


def measure(name: str, data: bytes) -> Row | None:
    """Measure one file and print its line; None if it cannot be read."""
    try:
        header = parse_header(data)
        ours(data)
    except FormatError:
        return None
    inspection = inspection_of(data, header)
    policy = builtin_policy("default")

    def validate() -> object:
        return check_header(header, inspection.layouts), validate_file(inspection, policy)

    row = Row(
        microseconds(lambda: parse_header(data)),
        microseconds(lambda: ours(data)),
        microseconds(validate),
        first_time(validate),
    )
    print(
        f"{row.parse:9.1f} {row.read:9.1f} {row.validate:9.1f} {row.first:9.1f}  {row.validate / row.parse:7.2f} "
        f"{row.validate / row.read:7.2f}  {len(validate_file(inspection, policy)):8}  {name}"
    )
    return row


def summary(title: str, rows: list[Row]) -> None:
    """Print the ratios of the total times, and the median ratios."""
    parse, read, validate, _ = (sum(column) for column in zip(*rows, strict=True))
    middle_parse = statistics.median(row.validate / row.parse for row in rows)
    middle_read = statistics.median(row.validate / row.read for row in rows)
    print(
        f"{title}: validating / parsing {validate / parse:.2f} (median {middle_parse:.2f}), "
        f"validating / reading {validate / read:.2f} (median {middle_read:.2f})"
    )


def main() -> None:
    """Measure the given files; without any, generated headers and the corpus."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("files", nargs="*", type=Path)
    files = parser.parse_args().files
    sets = {"files": {path.name: path.read_bytes() for path in files}} if files else {"made here": made()}
    if not files and CORPUS.is_dir():
        paths = sorted(path for path in CORPUS.rglob("*.exr") if "truth" not in path.parts)
        sets["corpus"] = {path.name: path.read_bytes() for path in paths}
    print(f"{'parse us':>9} {'read us':>9} {'check us':>9} {'first us':>9}  {'/parse':>7} {'/read':>7}  findings  file")
    for title, inputs in sets.items():
        rows = [row for name, data in inputs.items() if (row := measure(name, data)) is not None]
        if rows:
            summary(title, rows)


if __name__ == "__main__":
    main()
