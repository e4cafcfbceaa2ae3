"""Files for the rules PIX, and for the pixel rules of CRY and DEEP; every file is read completely."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.support.exrbytes import FLOAT, Channel, Part, build
from tests.unit.validation.cases.made.metadata import LAYERS, NAME, NAMES, declared, manifest
from tests.unit.validation.judging import RGBA, Case

Pixels = npt.NDArray[Any]
SHAPE = (3, 4)
RAMP = np.linspace(0.0, 2.0, 12).reshape(SHAPE)
ONE = np.ones(SHAPE)
ZERO = np.zeros(SHAPE)


def with_value(value: float, at: tuple[int, int] = (1, 2)) -> Pixels:
    pixels = RAMP.copy()
    pixels[at] = value
    return pixels


def image(channels: Sequence[Channel] = RGBA, **pixels: Pixels) -> bytes:
    """A flat FLOAT or HALF image: ramps for colour, 1 for alpha, or the given pixels by channel name."""
    every: Mapping[str, Pixels] = {c.name: ONE if c.name == "A" else RAMP for c in channels} | pixels
    return build([Part(channels=channels, pixels=every)])


def sun(width: int) -> bytes:
    """R, G and B of this width and four lines, with one very bright pixel."""
    pixels = np.ones((4, width))
    pixels[1, 2] = 30000
    channels = [Channel(name, FLOAT) for name in "RGB"]
    return build([Part(channels=channels, data_window=(0, 0, width - 1, 3), pixels=dict.fromkeys("RGB", pixels))])


def more(name: str, pixels: Pixels) -> bytes:
    return image([*RGBA, Channel(name, FLOAT)], **{name: pixels})


def rgb(pixels: Pixels) -> bytes:
    return image(R=pixels, G=pixels, B=pixels)


GOOD = image()


def matte(first: float, second: float, identifier: float = 0.5, names: Sequence[str] = NAMES) -> bytes:
    """A Cryptomatte of one object: its coverage in the first two ranks, its id in the first."""
    pixels = {c.name: RAMP for c in RGBA} | {c.name: ZERO for c in LAYERS}
    pixels |= {f"{NAME}00.r": ONE * identifier, f"{NAME}00.g": ONE * first, f"{NAME}00.a": ONE * second}
    return build([Part(channels=[*RGBA, *LAYERS], pixels=pixels, extra=declared(manifest=manifest(names)))])


COUNTS = np.array([[1, 0, 2, 1], [0, 0, 0, 0], [1, 1, 1, 1]], np.int32)


def deep(depth: float = 1.0, alpha: float = 0.5, counts: Pixels = COUNTS) -> bytes:
    samples = int(counts.sum())
    pixels = {"A": np.full(samples, alpha), "Z": np.arange(samples) + depth}
    channels = (Channel("A"), Channel("Z", FLOAT))
    return build([Part(kind="deepscanline", channels=channels, counts=counts, pixels=pixels)])


def read(*cases: Case) -> list[Case]:
    """The cases with their pixels read; GOOD if a case names no passing file."""
    return [replace(case, good=GOOD if case.good is Case.good else case.good, stats=True) for case in cases]
