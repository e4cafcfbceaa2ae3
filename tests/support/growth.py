"""Count executed lines, which are the same on every machine, instead of measuring time; and make inputs of any size."""

from __future__ import annotations

import struct
import sys
import zlib
from collections.abc import Callable
from types import FrameType
from typing import Any

from tests.support.exrbytes import Channel, Part, a_chlist, a_int, a_string, a_stringvector, attr, build

MOST = 2.5  # the ratio of the work for twice the input to the work for the input


def steps_of(work: Callable[[], object]) -> int:
    """The number of executed lines of Python; a line in a loop counts each time. Work inside C functions is not counted.

    `./run bench growth` measures the time of the same inputs, including C functions.
    """
    return sum(_stretches(lambda _: work()))


def longest_stretch(work: Callable[[Callable[[], None]], object]) -> float:
    """The largest number of lines between two calls of the function passed to `work`, as a fraction of all lines."""
    stretches = _stretches(work)
    return max(stretches) / sum(stretches)


def _stretches(work: Callable[[Callable[[], None]], object]) -> list[int]:
    """The numbers of executed lines before, between and after the calls of the function passed to `work`."""
    counts = [0]

    def note(_frame: FrameType, _event: str, _argument: Any) -> Any:
        counts[-1] += 1
        return note

    before = sys.gettrace()  # set if coverage is measured
    sys.settrace(note)
    try:
        work(lambda: counts.append(0))
    finally:
        sys.settrace(before)
    return counts


def parts(count: int, **changes: object) -> bytes:
    return build([Part(name=f"p{n}", channels=[Channel("R")], **changes) for n in range(count)])  # type: ignore[arg-type]


def declared(channels: list[str], names: list[str]) -> bytes:
    extra = [a_string(f"cryptomatte/{n}/name", name) for n, name in enumerate(names)]
    return build([Part(channels=[Channel(name) for name in sorted(channels)], extra=extra)])


def id_manifest(entries: int, components: int) -> bytes:
    """A manifest with a single string, which every component of every entry uses."""
    payload = struct.pack("<ii", 0, 1) + b"\1a" + struct.pack("<iii", 1, 0, 0)
    payload += (
        struct.pack("<ii", 1, 1) + b"\2id" + struct.pack("<i", components) + b"\1" * components + b"x" * components
    )
    payload += b"\1" + struct.pack("<i", 2) + b"mh" + struct.pack("<i", 2) + b"id\2" + struct.pack("<i", entries)
    payload += (b"\1" + bytes(components)) * entries
    value = struct.pack("<Q", len(payload)) + zlib.compress(payload, 9)
    return build([Part(channels=[Channel("id")], extra=[attr("idManifest", "idmanifest", value)])])


INPUTS: dict[str, tuple[Callable[[int], bytes], int]] = {
    "channels": (lambda n: build([Part(channels=[Channel(f"c{i:06}") for i in range(n)])]), 1_000),
    "layers": (lambda n: build([Part(channels=[Channel(f"l{i:06}.{c}") for i in range(n) for c in "BGR"])]), 300),
    "one channel again and again": (lambda n: build([Part(replace=[a_chlist([Channel("R")] * n)])]), 1_000),
    "attributes": (lambda n: build([Part(extra=[a_int(f"a{i}", 1) for i in range(n)])]), 500),
    "one attribute again and again": (lambda n: build([Part(extra=[a_int("a", 1)] * n)]), 500),
    "malformed attributes": (lambda n: build([Part(extra=[attr(f"a{i}", "int", b"x") for i in range(n)])]), 500),
    "views": (
        lambda n: build(
            [
                Part(
                    channels=[Channel(f"v{i:06}.R") for i in range(n)],
                    extra=[a_stringvector("multiView", [f"v{i:06}" for i in range(n)])],
                )
            ]
        ),
        200,
    ),
    "parts": (parts, 50),
    "parts of one view": (
        lambda n: build(
            [Part(name=f"p{i}", channels=[Channel(f"c{i}")], extra=[a_string("view", "v")]) for i in range(n)]
        ),
        50,
    ),
    "parts of one name": (lambda n: build([Part(name="p", channels=[Channel("R")]) for _ in range(n)]), 50),
    "layers like a Cryptomatte's": (lambda n: declared([f"a{i:06}.c00.r" for i in range(n)], ["c"] * 64), 100),
    "Cryptomattes": (
        lambda n: declared([f"c{i:05}00.{c}" for i in range(n) for c in "abgr"], [f"c{i:05}" for i in range(n)]),
        50,
    ),
    "ranks of many declarations": (lambda n: declared([f"c{i:06}.r" for i in range(n)], ["c"] * n), 100),
    "the name of a Cryptomatte": (lambda n: declared([f"c{i:06}.r" for i in range(n)], ["c" * 20 * n]), 600),
    "text that is not UTF-8": (lambda n: build([Part(extra=[attr("s", "string", b"\xe9a" * n)])]), 100_000),
    "an id manifest's entries": (lambda n: id_manifest(n, 20), 200),
    "an id manifest's components": (lambda n: id_manifest(100, n), 100),
}

# Functions from a length to a key of that length with many parts that look like frame numbers.
KEYS: list[Callable[[int], str]] = [
    lambda n: "1" * n + ".1.exr",
    lambda n: "a.1" * (n // 3) + ".1.exr",
    lambda n: "1_" * (n // 2) + "x.1.exr",
    lambda n: "a" + ".ab" * (n // 3) + "..",
    lambda n: "1" * n + ".exr",
    lambda n: "a." + "1" * n + ".exr",
    lambda n: "-" * n,
    lambda n: "1." * (n // 2),
    lambda n: "." * n,
]

# Globs for which a simple translation to a regular expression backtracks very often.
GLOBS = (
    "**/" * 40 + "x", "*a" * 40, "**a" * 40, "**/*a*a*/" * 20 + "x", "**" + "a*b" * 20 + "**x", "**/a" * 30
)  # fmt: skip
