"""Cases of the rules in `validation/rules/alpha.py`."""

from __future__ import annotations

import numpy as np

from exr_inspector.model import Severity
from tests.support.exrbytes import FLOAT, Channel
from tests.unit.validation.cases.made.pixels import (
    GOOD,
    ONE,
    RAMP,
    ZERO,
    Pixels,
    deep,
    flat,
    image,
    opaque,
    read,
    soft_edge,
    with_value,
)
from tests.unit.validation.judging import Case

HALF_ALPHA = np.where(RAMP > 1, 1.0, 0.0)
COLOUR_TIMES_ALPHA = dict.fromkeys("RGB", RAMP * HALF_ALPHA)
HALF_COLOUR = [*(Channel(name, FLOAT, 2, 1) for name in "RGB"), Channel("A", FLOAT)]  # half the samples in x
HALF_COLOUR_TIMES_ALPHA = {name: values[:, ::2] for name, values in COLOUR_TIMES_ALPHA.items()}


INSIDE = np.pad(np.ones((32, 32)), 16)


def soft_element(*, straight: bool) -> bytes:
    """Grey smoke whose alpha falls to zero over the whole image."""
    alpha = np.tile(np.linspace(1, 0, 64) ** 3, (64, 1))
    return flat(**dict.fromkeys("RGB", np.where(alpha > 0, 0.5, 0) if straight else alpha * 0.5), A=alpha)


def uncovered(colour: Pixels) -> bytes:
    """An image with an alpha of 1 where it is black, and 0 where it is not."""
    return flat(**dict.fromkeys("RGB", colour), A=1 - colour)


def holes(count: int, alpha: float, colour: float | None = None) -> bytes:
    """An opaque image of 4,096 pixels with a lower alpha in some of them, and colour multiplied by it, unless it is given."""
    values = np.ones((64, 64))
    values.flat[100 : 100 + count] = alpha
    return flat(**dict.fromkeys("RGB", values if colour is None else np.full((64, 64), colour)), A=values)


def covered(*, in_red: bool) -> bytes:
    """An element whose coverage is in R, or in A."""
    colour, coverage = np.linspace(0, 0.7, 64 * 64).reshape(64, 64) * INSIDE, INSIDE
    given = {"A": colour, "R": coverage} if in_red else {"A": coverage, "R": colour}
    return flat(**given, **dict.fromkeys("GB", colour))


CASES = [
    *read(
        Case("PIX-ALPHA-RANGE", image(A=with_value(1.5)), GOOD),
        Case("PIX-ALPHA-RANGE", deep(alpha=1.5), deep(), severity=Severity.ERROR),
        Case("PIX-ALPHA-EXCHANGED", covered(in_red=True), covered(in_red=False)),
        Case("PIX-ALPHA-EXCHANGED", covered(in_red=True), keys=("fx/sh010_v2.1001.exr", "fx/sh010_fire.1001.exr")),
        Case("PIX-ALPHA-EMPTY", image(A=ZERO), GOOD),
        Case(
            "PIX-ALPHA-EMPTY",
            image(A=ZERO),
            severity=Severity.INFO,
            keys=("fx/sh010_fire_v2.1001.exr", "fx/a.1001.exr"),
        ),
        Case(
            "PIX-ALPHA-EMPTY", image(A=ZERO), GOOD, severity=Severity.WARNING, keys=("a/fire_truck.1.exr", "a/b.1.exr")
        ),
        Case("PIX-UNPREMULT", image(A=HALF_ALPHA), image(A=HALF_ALPHA, **COLOUR_TIMES_ALPHA)),
        Case("PIX-UNPREMULT", image(A=HALF_ALPHA), image(A=HALF_ALPHA, **COLOUR_TIMES_ALPHA | {"R": ONE * np.nan})),
        Case("PIX-UNPREMULT", image(A=HALF_ALPHA), image(HALF_COLOUR, A=HALF_ALPHA, **HALF_COLOUR_TIMES_ALPHA)),
        Case("PIX-ALPHA-HOLES", holes(4, 0), holes(5, 0)),
        Case("PIX-ALPHA-HOLES", holes(4, 0.5), holes(4, 0.995)),
        Case("PIX-ALPHA-HOLES", opaque(0.5), GOOD),
        Case("PIX-ALPHA-HOLES", holes(5, 0, colour=0.5), holes(60, 0, colour=0.5)),
        Case("PIX-LOW-ALPHA", soft_edge(premultiplied=False), soft_edge(premultiplied=True)),
        Case("PIX-UNPREMULT", soft_edge(premultiplied=True, inverted=True), soft_edge(premultiplied=True, opacity=0.1)),
        Case("PIX-LOW-ALPHA", soft_element(straight=True), soft_element(straight=False)),
        Case("PIX-ALPHA-INVERTED", uncovered(INSIDE), flat(**dict.fromkeys("RGBA", INSIDE))),
        Case("PIX-ALPHA-INVERTED", uncovered(1 - INSIDE), severity=Severity.INFO),  # or a holdout
        Case("PIX-ALPHA-SOLID", image(A=ONE, **COLOUR_TIMES_ALPHA), image(A=HALF_ALPHA, **COLOUR_TIMES_ALPHA)),
        Case("PIX-ALPHA-SOLID", image(A=ONE, **COLOUR_TIMES_ALPHA), image(A=ONE)),
        Case("PIX-LOW-ALPHA", soft_edge(premultiplied=False), soft_edge(premultiplied=True, opacity=0.1)),
    ),
]
