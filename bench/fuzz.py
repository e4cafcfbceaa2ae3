"""`./run bench fuzz [--seconds N | --runs N] [--seed S] [--whole] [--atheris]`: parse mutated files.

Contract: for any bytes the parser raises only errors of this package, and each input takes at most SLOW_SECONDS. With `--whole`
each input also passes through inspector, rules and rows (see `_fuzz_whole`). An input that violates the contract is written to
`tests/regressions/`, where a test then runs it. Without `--atheris` inputs are seeded mutations of small generated files and,
if EXR_CORPUS or `../shared/corpus` exists, of public ones; with it, libFuzzer mutates the same files guided by coverage.
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

from bench._fuzz_whole import BrokenContract, inspect_whole
from exr_inspector.errors import BudgetExceeded, ExrInspectorError, FormatError
from exr_inspector.exr.file_bytes import Answer, Ranges, answer_requests
from exr_inspector.exr.header.as_json import to_json_text, value_number, value_text
from exr_inspector.exr.header.idmanifest import decode_manifest
from exr_inspector.exr.header.timecode import read_timecode
from exr_inspector.exr.header.values import IdManifest, Preview, TimeCode
from exr_inspector.exr.limits import Limits
from exr_inspector.exr.names import file_names
from exr_inspector.exr.probe import LeaderMode, probe
from exr_inspector.pixels.thumbnails import preview_pixels

ROOT = Path(__file__).parent.parent
REGRESSIONS = ROOT / "tests" / "regressions"
SLOW_SECONDS = 2.0
REQUESTS = 200
LIMITS = Limits(
    header_bytes=4 << 20, table_bytes=4 << 20, chunks=1 << 16, inflated_bytes=4 << 20, manifest_entries=100_000
)


class Reader:
    """Serves ranges of bytes, up to a number of requests; an empty or negative range breaks the contract."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.left = REQUESTS

    def __call__(self, ranges: Ranges) -> Answer:
        """The bytes of each range."""
        self.left -= 1
        if self.left < 0:
            raise BudgetExceeded("no request left")
        if any(not 0 <= start < end for start, end in ranges):
            raise BrokenContract(f"asked for {ranges} of {len(self.data)} bytes")
        return Answer([self.data[start:end] for start, end in ranges], len(self.data))


def exercise(data: bytes) -> None:
    """Do everything that an inspection does before it decodes pixels. Raises only if a result breaks the contract."""
    for leaders, rebuild in ((LeaderMode.LAST, False), (LeaderMode.ALL, True)):
        found = answer_requests(
            probe(LIMITS, leaders=leaders, rebuild_bytes=4_096 * rebuild, first_bytes=64), Reader(data)
        )
        for known in found.completeness:
            if known.present + sum(known.counts.values()) != known.chunk_count:
                raise BrokenContract(f"{known}")
        if found.error is not None and not isinstance(found.error, (FormatError, BudgetExceeded)):
            raise BrokenContract(f"{found.error!r}")
    if found.header is None:
        return
    file_names(found.header)
    for part in found.header.parts:
        for attribute in part.attributes:
            exercise_value(attribute.value)
            to_json_text(attribute)
            value_text(attribute)
            value_number(attribute)


def exercise_value(value: object) -> None:
    """Decode the values that an inspection leaves packed: time codes, previews and id manifests."""
    if isinstance(value, TimeCode):
        read_timecode(value)
    elif isinstance(value, Preview):
        preview_pixels(value)
    elif isinstance(value, IdManifest):
        with suppress(FormatError):
            decode_manifest(value, LIMITS)


def seeds() -> list[bytes]:
    """Small valid files, which are then mutated."""
    from tests.support import exrbytes as ex  # noqa: PLC0415  # only this function needs the tests' EXR writer

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
    corpus = Path(os.environ.get("EXR_CORPUS") or ROOT.parent / "shared" / "corpus")
    files = sorted(path for path in corpus.glob("*/*") if path.parent.name != "truth" and path.is_file())
    return made + [data for data in (path.read_bytes()[:6_000] for path in files) if data]


# fmt: off
INTERESTING = (
    0, 1, 2, 3, 7, 8, 13, 14, 31, 32, 127, 128, 255, 256, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x100000, 0x7FFFFFFF,
)
# fmt: on


def change(chance: random.Random, data: bytearray, pool: Sequence[bytes]) -> None:
    """Make one random change to the data."""
    at = chance.randrange(len(data) + 1)
    if chance.random() < 0.7:
        at = min(at, chance.randrange(700))  # most errors are found near the start
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
    """Make a few random changes to one file of the pool."""
    data = bytearray(chance.choice(pool))
    for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
        change(chance, data, pool)
    return bytes(data)


def inputs(seed: int) -> Iterator[bytes]:
    """Yield mutated files endlessly; equal seeds give equal files."""
    pool = seeds()
    chance = random.Random(seed)
    yield from pool
    while True:
        yield mutate(chance, pool)


def broken(data: bytes, *, whole: bool = False) -> str | None:
    """How an input breaks the contract; None if it does not. `whole` also passes it through inspector, rules and rows."""
    started = time.process_time()
    try:
        exercise(data)
        if whole:
            inspect_whole(data, LIMITS)
    except ExrInspectorError as error:
        return f"{type(error).__name__} was raised, but must be part of the result: {error}"
    except Exception as error:  # noqa: BLE001  # any exception breaks the contract
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
    """Let libFuzzer search for inputs; it ends the process."""
    import atheris  # noqa: PLC0415  # optional, and only needed here

    for name in [name for name in sys.modules if name.startswith("exr_inspector")]:
        del sys.modules[name]  # so that they are imported again, with coverage counters
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
