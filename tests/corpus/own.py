"""A corpus of our own making: the files of `samples/`, variants that the sample writer cannot make, and damage to both.

It stands in for the corpus of real files where that is not installed: every compression, part type, level mode, line order,
sampling and kind of attribute is in it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.support import exrbytes as exr
from tests.support.exrbytes import Channel, Part, Tiles, build

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
REFUSED = {  # samples that cannot be read as OpenEXR
    "empty.exr", "future_version.exr", "header_damaged.exr", "header_truncated.exr", "not_an_exr.exr",
    "unknown_compression.exr",
}  # fmt: skip
INCOMPLETE = {
    "header_only.exr",
    "tiled_mipmap_unwritten.exr",
    "truncated.exr",
    "truncated_last_chunk.exr",
    "unfinished.exr",
}
_WINDOW = (-3, 5, 33, 30)  # odd sizes, and not at the origin
_CUTS = 8
_FLIPS = 12


def _channels() -> list[Channel]:
    return [Channel("A", exr.HALF), Channel("Z", exr.FLOAT), Channel("id", exr.UINT)]


def _variants() -> Iterator[tuple[str, bytes]]:
    for mode in (exr.ONE_LEVEL, exr.MIPMAP, exr.RIPMAP):
        for rounding in (exr.ROUND_DOWN, exr.ROUND_UP):
            for kind in ("tiledimage", "deeptile"):
                part = Part(
                    kind=kind,
                    data_window=_WINDOW,
                    channels=_channels(),
                    compression=exr.ZIPS,
                    compress=True,
                    tiles=Tiles(16, 8, mode, rounding),
                    line_order=exr.RANDOM_Y if kind == "tiledimage" else exr.INCREASING_Y,
                )
                yield f"{kind}_{mode}_{rounding}.exr", build([part])
    for order in (exr.INCREASING_Y, exr.DECREASING_Y):
        for code in (exr.NONE, exr.RLE, exr.ZIPS, exr.ZIP):
            part = Part(data_window=_WINDOW, channels=_channels(), compression=code, compress=True, line_order=order)
            yield f"lines_{order}_{code}.exr", build([part])
    sampled = [Channel("Y", exr.HALF), Channel("BY", exr.HALF, 2, 2), Channel("RY", exr.HALF, 2, 2)]
    yield "subsampled.exr", build([Part(data_window=(0, 0, 31, 15), channels=sampled)])
    primaries = [0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329]
    attributes = [
        exr.a_envmap(1),
        exr.a_preview("preview", 2, 2),
        exr.a_chromaticities("chromaticities", primaries),
        exr.a_timecode("timeCode", 0x01020304),
        exr.a_rational("framesPerSecond", 24, 1),
        exr.a_keycode("keyCode", [1, 2, 3, 4, 5, 4, 64]),
        exr.a_stringvector("multiView", ["left", "right"]),
        exr.a_floatvector("weights", [0.5, 2.0]),
        exr.a_double("exact", 0.1),
        exr.a_bytes("blob", b"\x00\x01"),
        exr.a_string("comments", "Grüße"),
        exr.a_box2f("region", (0.0, 0.0, 1.0, 1.0)),
    ]
    yield "attributes.exr", build([Part(extra=attributes)])
    kinds = ("scanlineimage", "tiledimage", "deepscanline", "deeptile")
    yield "four_parts.exr", build([Part(kind=kind, name=kind, data_window=(0, 0, 40, 20)) for kind in kinds])


@cache
def readable() -> dict[str, bytes]:
    """Files that every reader opens, by name; those of INCOMPLETE lack chunks."""
    samples = {path.name: path.read_bytes() for path in sorted(SAMPLES.rglob("*.exr")) if path.name not in REFUSED}
    return {**samples, **dict(_variants())}


@cache
def truncated() -> dict[str, bytes]:
    """Files truncated in their headers, tables and chunks."""
    found = {name: (SAMPLES / name).read_bytes() for name in sorted(REFUSED)}
    for name, data in sorted(readable().items()):
        if name not in INCOMPLETE:
            cuts = sorted({len(data) * step // _CUTS for step in range(1, _CUTS)} | {len(data) - 1})
            found |= {f"{name}.cut{at}": data[:at] for at in cuts}
    return found


@cache
def flipped() -> dict[str, bytes]:
    """Files with some changed bytes, most of them in headers and tables; seeded."""
    dice = random.Random(20261128)
    found = {}
    for name, data in sorted(readable().items()):
        for turn in range(_FLIPS):
            changed = bytearray(data)
            for _ in range(dice.randint(1, 4)):
                changed[dice.randrange(min(len(data), 2_000))] ^= 1 << dice.randrange(8)
            found[f"{name}.flip{turn}"] = bytes(changed)
    return found
