"""`./run bench rules [FILE...]`: what judging a header costs, as a ratio to parsing it.

For every file: parsing (`parse_header`), everything else the inspector derives from the header before it judges (layouts,
names, conformance), and `validate` with the default profile on top. Ratios of processor times in one run; below 1 means that
judging costs less than parsing. Without files it makes three headers of its own.
"""

from __future__ import annotations

import argparse
import time
import timeit
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

from exr_inspector.exr.conformance import check_header
from exr_inspector.exr.header import Header, parse_header
from exr_inspector.exr.layout import part_layout
from exr_inspector.exr.names import part_names
from exr_inspector.model import Inspection, ObjectVersion, SequenceName, Status
from exr_inspector.validation import builtin_policy, validate
from tests.support.exrbytes import FLOAT, UINT, Channel, Part, a_string, build

ROUNDS = 15
LAYERS = ("diffuse", "specular", "emission", "sss", "volume", "albedo", "direct", "indirect")


def made() -> dict[str, bytes]:
    """Headers of the usual kinds: RGBA, a render with AOVs, and one with 150 strings."""
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
    """What the inspector knows before it judges."""
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
        names=tuple(part_names(header, part) for part in header.parts),
        problems=check_header(header, layouts),
    )


def microseconds(work: Callable[[], object]) -> float:
    """Least processor time of one call: other work on the machine can only add to it."""
    timer = timeit.Timer(work, timer=time.process_time)
    count, _ = timer.autorange()
    count = max(1, count // 20)
    return min(timer.repeat(ROUNDS, count)) / count * 1e6


def measure(name: str, data: bytes) -> tuple[float, float, float] | None:
    """Microseconds of parsing, of conformance, and of judging; None for a header that cannot be read."""
    header = parse_header(data, len(data))
    if not isinstance(header, Header):
        return None
    inspection = inspection_of(data, header)
    policy = builtin_policy("default")
    parse = microseconds(lambda: parse_header(data, len(data)))
    conform = microseconds(lambda: check_header(header, inspection.layouts))
    judge = microseconds(lambda: validate(inspection, policy))
    findings = len(validate(inspection, policy))
    print(
        f"{name[:40]:40} parse {parse:8.1f} us  conformance {conform:7.1f} us ({conform / parse:4.2f})  "
        f"rules {judge:7.1f} us ({judge / parse:4.2f})  {findings} findings"
    )
    return parse, conform, judge


def main() -> None:
    """Measure the files given, or headers made here."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("files", nargs="*", type=Path)
    files = parser.parse_args().files
    inputs = {path.name: path.read_bytes() for path in files} if files else made()
    rows = [row for name, data in inputs.items() if (row := measure(name, data)) is not None]
    if rows:
        parse, conform, judge = (sum(column) for column in zip(*rows, strict=True))
        print(f"all: rules / parsing {judge / parse:.2f}, with conformance {(judge + conform) / parse:.2f}")


if __name__ == "__main__":
    main()
