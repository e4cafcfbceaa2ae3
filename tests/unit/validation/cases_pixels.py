"""PIX, and the pixel rules of CRY and DEEP: every file is read whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from exr_inspector.model import Severity
from tests.support.exrbytes import FLOAT, Channel, Part, build
from tests.unit.validation.cases_metadata import LAYERS, NAME, declared
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
    """A flat FLOAT or HALF image: ramps for colour, 1 for alpha, or the pixels that are given by channel name."""
    every: Mapping[str, Pixels] = {c.name: ONE if c.name == "A" else RAMP for c in channels} | pixels
    return build([Part(channels=channels, pixels=every)])


def more(name: str, pixels: Pixels) -> bytes:
    return image([*RGBA, Channel(name, FLOAT)], **{name: pixels})


def rgb(pixels: Pixels) -> bytes:
    return image(R=pixels, G=pixels, B=pixels)


GOOD = image()


def matte(first: float, second: float, identifier: float = 0.5) -> bytes:
    pixels = {c.name: RAMP for c in RGBA} | {c.name: ZERO for c in LAYERS}
    pixels |= {f"{NAME}00.r": ONE * identifier, f"{NAME}00.g": ONE * first, f"{NAME}00.a": ONE * second}
    return build([Part(channels=[*RGBA, *LAYERS], pixels=pixels, extra=declared())])


COUNTS = np.array([[1, 0, 2, 1], [0, 0, 0, 0], [1, 1, 1, 1]], np.int32)


def deep(depth: float = 1.0, alpha: float = 0.5, counts: Pixels = COUNTS) -> bytes:
    samples = int(counts.sum())
    pixels = {"A": np.full(samples, alpha), "Z": np.arange(samples) + depth}
    channels = (Channel("A"), Channel("Z", FLOAT))
    return build([Part(kind="deepscanline", channels=channels, counts=counts, pixels=pixels)])


PIXELS = [
    Case("PIX-NAN", image(R=with_value(np.nan)), GOOD),
    Case("PIX-INF", image(R=with_value(np.inf)), GOOD),
    Case("PIX-INF", more("Z", with_value(-np.inf)), more("Z", with_value(np.inf)), parameters={"infinite_depth": True}),
    Case("PIX-HALF-MAX", image(R=with_value(65504)), GOOD),
    Case(
        "PIX-HALF-MAX",
        image(R=with_value(65504)),
        image(R=with_value(60000)),
        parameters={"half_max_share": 0.05},
    ),
    Case("PIX-FIREFLY", image(G=with_value(1001)), image(G=with_value(999))),
    Case("PIX-NEGATIVE", image(B=with_value(-0.01)), GOOD),
    Case("PIX-NEGATIVE", image(B=with_value(-1)), severity=Severity.ERROR),
    Case("PIX-ALPHA-RANGE", image(A=with_value(1.5)), GOOD),
    Case("PIX-ALPHA-RANGE", deep(alpha=1.5), deep(), severity=Severity.ERROR),
    Case("PIX-BLACK", rgb(ZERO), GOOD),
    Case("PIX-CONSTANT", rgb(ONE), GOOD),
    Case("PIX-CONSTANT", more("diffuse", ONE), GOOD, severity=Severity.INFO),
    Case("PIX-NEGATIVE", image(B=with_value(-0.01)), image(B=with_value(-6e-8))),
    Case("PIX-ALPHA-EMPTY", image(A=ZERO), GOOD),
    Case("PIX-CLIPPED-1", rgb(np.minimum(RAMP, 1)), GOOD),
    Case("PIX-LOGLIKE", rgb(0.1 + RAMP * 0.4), rgb(RAMP * 0.45)),
    Case("PIX-DEPTH-SIGN", more("Z", with_value(-1)), more("Z", RAMP)),
    Case("PIX-DEPTH-SIGN", more("Z", ZERO)),
    Case("PIX-NORMAL-LENGTH", more("N.X", RAMP), more("N.X", RAMP / 2)),
    Case("CRY-PIXEL-ID", matte(0.75, 0.25, np.nan), matte(0.75, 0.25)),
    Case("CRY-COVERAGE", matte(0.25, 0.75), matte(0.75, 0.25)),
    Case("CRY-COVERAGE", matte(1.5, 0.25)),
    Case("DEEP-ZBACK", deep(depth=-1), deep()),
    Case("DEEP-MAXSAMPLES", deep(), deep(counts=np.minimum(COUNTS, 1)), parameters={"max_deep_samples": 1}),
    Case("DEEP-EMPTY", deep(counts=COUNTS * 0), deep()),
    Case("DEEP-EMPTY", deep(alpha=0)),
]

CASES = [
    Case(case.code, case.bad, GOOD if case.good is Case.good else case.good, case.severity, case.parameters, stats=True)
    for case in PIXELS
]
