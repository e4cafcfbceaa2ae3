"""`./run bench fuzz [--seconds N | --runs N] [--seed S] [--whole] [--atheris]`: throw mutated files at the format code.

Contract: whatever the bytes, only errors of ours leave the parser, and each input is done within SLOW_SECONDS. With --whole
each input also goes through inspector, rules and rows (see `fuzz_whole`). An input that breaks the contract is written to
`tests/regressions/`, where a test runs it from then on. Without --atheris inputs are seeded mutations of small generated files
and, where EXR_CORPUS or `../shared/corpus` is there, of public ones; with it libFuzzer leads the way by coverage, starting
from the same files.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import os
import random
import struct
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from bench.fuzz_whole import BrokenContract, inspect_whole
from exr_inspector.errors import ExrInspectorError, FormatError
from exr_inspector.exr.chunks.layout import Layout, part_layout
from exr_inspector.exr.chunks.leader_walk import (
    ByteRange,
    ChunkMap,
    check_all_leaders,
    check_last_leader,
    rebuild_tables,
    run,
)
from exr_inspector.exr.chunks.tables import ChunkTable, assess, chunk_states, read_tables, tables_end
from exr_inspector.exr.conformance.header import check_header
from exr_inspector.exr.header.as_json import to_json_text, value_number, value_text
from exr_inspector.exr.header.idmanifest import decode_manifest
from exr_inspector.exr.header.parser import Header, HeaderParser, NeedMore
from exr_inspector.exr.header.timecode import Packing, read_timecode
from exr_inspector.exr.header.values import IdManifest, Preview, TimeCode
from exr_inspector.exr.limits import Limits
from exr_inspector.exr.names import file_names
from exr_inspector.pixels.previews import preview_pixels

ROOT = Path(__file__).parent.parent
REGRESSIONS = ROOT / "tests" / "regressions"
SLOW_SECONDS = 2.0
REQUESTS = 200
LIMITS = Limits(
    header_bytes=4 << 20, table_bytes=4 << 20, chunks=1 << 16, inflated_bytes=4 << 20, manifest_entries=100_000
)


class Reader:
    """Serves ranges of bytes, up to a number of requests."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.left = REQUESTS

    def __call__(self, ranges: tuple[ByteRange, ...]) -> Sequence[bytes] | None:
        """The bytes of each range, None once the budget is used up."""
        self.left -= 1
        return [self.data[one.start : one.end] for one in ranges] if self.left >= 0 else None


def exercise(data: bytes) -> None:
    """All that is done with a file's bytes before its pixels are decoded. Raises only what breaks the contract."""
    size = len(data)
    header = None
    try:
        header = read_header(data, size)
    except FormatError as error:
        if isinstance(error.partial, Header):
            header = error.partial
    if header is None:
        return
    layouts = [layout_or_none(header, index) for index in range(len(header.parts))]
    check_header(header, layouts)
    file_names(header)
    for part in header.parts:
        for attribute in part.attributes:
            exercise_value(attribute.value)
            to_json_text(attribute)
            value_text(attribute)
            value_number(attribute)
    if not header.is_partial:
        exercise_chunks(data, header, layouts)


def read_header(data: bytes, size: int) -> Header:
    """The header, fed as far as the parser asks each time."""
    parser = HeaderParser(size, LIMITS)
    answer = parser.feed(data[:64])
    have = 64
    while isinstance(answer, NeedMore):
        if not have < answer.until <= size:
            raise BrokenContract(f"asked to read to {answer.until} of {size} with {have} at hand")
        have = answer.until
        answer = parser.feed(data[:have])
    return answer


def layout_or_none(header: Header, index: int) -> Layout | None:
    """The layout of a part, None where it has none."""
    with suppress(FormatError):
        return part_layout(header.parts[index], LIMITS)
    return None


def exercise_value(value: object) -> None:
    """What is decoded of an attribute on request."""
    if isinstance(value, TimeCode):
        for packing in Packing:
            read_timecode(value, packing)
    elif isinstance(value, Preview):
        preview_pixels(value)
    elif isinstance(value, IdManifest):
        with suppress(FormatError):
            decode_manifest(value, LIMITS)


def exercise_chunks(data: bytes, header: Header, layouts: Sequence[Layout | None]) -> None:
    """Tables, states, verdicts and leaders."""
    known: list[Layout] = []
    for layout in layouts:
        if layout is None:
            break
        known.append(layout)
    try:
        tables = read_tables(data, header, known, len(data), LIMITS)
    except FormatError:
        return
    if isinstance(tables, NeedMore):
        raise BrokenContract("asked for more tables than the file has")
    first = tables_end(header, known)
    states = [chunk_states(table, first, len(data)) for table in tables]
    chunks = ChunkMap(
        known, tables, states, header.is_multi_part, first, len(data), [p.line_order for p in header.parts]
    )
    verdicts(chunks, tables, states, "tables")
    for asking in (check_last_leader(chunks), check_all_leaders(chunks), rebuild_tables(chunks)):
        report = run(asking, Reader(data))
        verdicts(chunks, report.tables, report.states, report.checked)


def verdicts(chunks: ChunkMap, tables: Sequence[ChunkTable], states: Sequence[object], checked: str) -> None:
    """Completeness of every part; its numbers must add up."""
    for layout, table, state in zip(chunks.layouts, tables, states, strict=True):
        verdict = assess(layout, table, state, None, checked)  # type: ignore[arg-type]  # States, as they came
        if verdict.present + sum(verdict.counts.values()) != verdict.chunk_count:
            raise BrokenContract(f"{verdict}")


def seeds() -> list[bytes]:
    """Small sound files to start from."""
    from tests.support import exrbytes as ex  # noqa: PLC0415  # only the fuzzer needs the tests' writer

    manifest = ex.a_idmanifest([ex.ManifestGroup(["id"], ["name"], {1: ["a"], 5: ["ab"]})])
    extras = [ex.a_timecode("timeCode", ex.tv60(1, 2, 3, 4), 7), ex.a_preview("preview", 2, 2), manifest]
    extras += [ex.a_string("cryptomatte/1234567/name", "c"), ex.a_stringvector("multiView", ["left", "right"])]
    sampled = [ex.Channel("Y"), ex.Channel("BY", 1, 2, 2)]
    made = [
        ex.build([ex.Part(extra=extras)]),
        ex.build([ex.Part(kind="tiledimage", tiles=ex.Tiles(2, 2, ex.RIPMAP), data_window=(-3, -3, 4, 4))]),
        ex.build([ex.Part(kind="tiledimage", tiles=ex.Tiles(3, 2, ex.MIPMAP, ex.ROUND_UP))]),
        ex.build([ex.Part(kind="deepscanline")]),
        ex.build([ex.Part(kind="deeptile", tiles=ex.Tiles(2, 2))]),
        ex.build([ex.Part(name="a"), ex.Part(name="b", kind="tiledimage"), ex.Part(name="c", kind="deepscanline")]),
        ex.build([ex.Part(compression=ex.ZIP, channels=sampled, data_window=(0, 0, 7, 39))]),
        ex.build(
            [ex.Part(channels=[ex.Channel("\udce9.R"), ex.Channel("\\xe9.R")], extra=[ex.a_chlist([ex.Channel("A")])])]
        ),
        ex.build(
            [
                ex.Part(name="a", replace=[ex.a_string("type", "other")]),
                ex.Part(name="b", extra=[ex.a_string("view", "b")]),
            ]
        ),
    ]
    corpus = Path(os.environ.get("EXR_CORPUS", ROOT.parent / "shared" / "corpus"))
    files = sorted(path for path in corpus.glob("*/*") if path.parent.name != "truth" and path.is_file())
    return made + [data for data in (path.read_bytes()[:6_000] for path in files) if data]


INTERESTING = (
    0,
    1,
    2,
    3,
    7,
    8,
    13,
    14,
    31,
    32,
    127,
    128,
    255,
    256,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x10000,
    0x100000,
    0x7FFFFFFF,
)


def change(chance: random.Random, data: bytearray, pool: Sequence[bytes]) -> None:
    """One random change."""
    at = chance.randrange(len(data) + 1)
    if chance.random() < 0.7:
        at = min(at, chance.randrange(700))  # most of what can go wrong is near the start
    kind = chance.randrange(8)
    if kind == 0:
        data[at : at + 1] = bytes(byte ^ 1 << chance.randrange(8) for byte in data[at : at + 1])
    elif kind == 1:
        data[at : at + 1] = chance.randbytes(1)
    elif kind == 2:
        data[at : at + 4] = struct.pack("<I", chance.choice(INTERESTING) * chance.choice((1, 1, -1)) & 0xFFFFFFFF)
    elif kind == 3:
        data[at : at + 8] = struct.pack("<Q", chance.choice((0, len(data), at, 1 << 63, (1 << 64) - 1)))
    elif kind == 4:
        del data[at : at + chance.choice((1, 2, 4, 16, 200))]
    elif kind == 5:
        data[at:at] = chance.randbytes(chance.choice((1, 4, 9)))
    elif kind == 6:
        other = chance.choice(pool)
        start = chance.randrange(len(other))
        data[at:at] = other[start : start + chance.randrange(1, 200)]
    else:
        del data[at:]


def mutate(chance: random.Random, pool: Sequence[bytes]) -> bytes:
    """A few random changes to one of the pool."""
    data = bytearray(chance.choice(pool))
    for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
        change(chance, data, pool)
    return bytes(data)


def inputs(seed: int) -> Iterator[bytes]:
    """Mutated files without end; the same seed gives the same ones."""
    pool = seeds()
    chance = random.Random(seed)
    yield from pool
    while True:
        yield mutate(chance, pool)


def broken(data: bytes, *, whole: bool = False) -> str | None:
    """How an input breaks the contract, None when it keeps it.

    Args:
        data: The input.
        whole: Whether to go on through inspector, rules and rows: several times slower.
    """
    started = time.process_time()
    try:
        exercise(data)
        if whole:
            inspect_whole(data, LIMITS)
    except ExrInspectorError as error:
        return f"{type(error).__name__} left where it should have been kept: {error}"
    except Exception as error:  # noqa: BLE001  # whatever it is, it is what the fuzzer looks for
        return f"{type(error).__name__}: {error}"
    seconds = time.process_time() - started
    return f"took {seconds:.1f} s" if seconds > SLOW_SECONDS else None


def keep(data: bytes) -> Path:
    """Store an input that broke the contract."""
    REGRESSIONS.mkdir(exist_ok=True)
    path = REGRESSIONS / f"{hashlib.sha256(data).hexdigest()[:16]}.bin"
    path.write_bytes(data)
    return path


def with_atheris(seconds: float, *, whole: bool) -> None:
    """Let libFuzzer look for inputs; it ends the process."""
    import atheris  # noqa: PLC0415  # not needed, and not installed everywhere, for the rest

    for name in [name for name in sys.modules if name.startswith("exr_inspector")]:
        del sys.modules[name]  # to be imported again, with coverage counters in them
    with atheris.instrument_imports(include=["exr_inspector.exr"]):
        counted = importlib.import_module("bench.fuzz")

    def one(data: bytes) -> None:
        fault = counted.broken(data, whole=whole)
        if fault:
            print(f"{fault}\n  kept as {keep(data)}", flush=True)

    folder = Path(tempfile.mkdtemp(prefix="exr-fuzz-"))
    for data in seeds():
        (folder / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
    atheris.Setup([sys.argv[0], f"-max_total_time={int(seconds)}", "-max_len=20000", str(folder)], one)
    atheris.Fuzz()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--runs", type=int, default=None)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--atheris", action="store_true")
    parser.add_argument("--whole", action="store_true")
    options = parser.parse_args()
    if options.atheris:
        with_atheris(options.seconds, whole=options.whole)
        return
    started, count, faults = time.perf_counter(), 0, 0
    for count, data in enumerate(inputs(options.seed), 1):
        fault = broken(data, whole=options.whole)
        if fault:
            faults += 1
            print(f"input {count} of seed {options.seed}: {fault}\n  kept as {keep(data)}", flush=True)
        seconds = time.perf_counter() - started
        if count >= options.runs if options.runs is not None else seconds >= options.seconds:
            break
    print(f"{count} executions in {seconds:.0f} s with seed {options.seed}: {faults} broke the contract")


if __name__ == "__main__":
    main()
