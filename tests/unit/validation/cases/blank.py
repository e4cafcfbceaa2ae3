"""Cases of the rules in `validation/rules/blank.py`."""

from __future__ import annotations

import numpy as np

from exr_inspector.model import Severity
from tests.support.exrbytes import FLOAT, Channel, Part, a_string, build
from tests.unit.validation.cases.made.pixels import (
    GOOD,
    ONE,
    RAMP,
    ZERO,
    Pixels,
    flat,
    image,
    more,
    parts,
    read,
    rgb,
)
from tests.unit.validation.judging import RGBA, Case

SHADOW_AND_IMAGE = ("shot/sh010_shadow.1001.exr", "shot/sh010.1001.exr")
DOWN, ACROSS = np.mgrid[:64, :64] / 63.0
NOTHING = np.zeros((64, 64))
UNLIT = {"R": ACROSS, "G": DOWN**2, "B": DOWN, "diffuse_R": NOTHING, "GI_R": NOTHING, "emission_R": NOTHING}
IMAGE_AND_MATTE = ("shot/sh010.1001.exr", "shot/sh010_matte.1001.exr")


def eyes(right: Pixels) -> bytes:
    """A main image and a layer of the left view, and the main image of the right one."""
    channels = [Channel(name, FLOAT) for name in "BGR"]
    every = (("rgba.left", "left", RAMP), ("diffuse.left", "left", RAMP), ("rgba.right", "right", right))
    return build(
        [
            Part(name=name, channels=channels, pixels=dict.fromkeys("RGB", pixels), extra=[a_string("view", view)])
            for name, view, pixels in every
        ]
    )


CASES = [
    *read(
        Case("PIX-CONSTANT", flat(R=ACROSS, G=DOWN**2, B=NOTHING), flat(R=ACROSS**2 - 0.5, G=DOWN - 0.4, B=NOTHING)),
        Case("PIX-GREY", flat(**dict.fromkeys("RGB", DOWN * ACROSS)), flat(R=DOWN * ACROSS, G=DOWN * ACROSS, B=DOWN)),
        Case(
            "PIX-GREY",
            flat(**dict.fromkeys("RGB", DOWN * ACROSS)),
            flat(**dict.fromkeys("RGB", DOWN * ACROSS)),
            keys=IMAGE_AND_MATTE,
        ),
        Case("PIX-BLACK", rgb(ZERO), GOOD),
        Case("PIX-BLACK", rgb(RAMP * 0.03), rgb(RAMP * 0.04), severity=Severity.INFO),  # up to 0.06 and 0.08
        Case(
            "PIX-BLACK",
            image([*RGBA, Channel("original.R")], R=ZERO, G=ZERO, B=ZERO),
            image([*RGBA, Channel("original.R")], **{"original.R": ZERO}),
        ),
        Case("PIX-CONSTANT", rgb(ONE), GOOD),
        Case("PIX-CONSTANT", rgb(ONE), severity=Severity.INFO, keys=SHADOW_AND_IMAGE),
        Case("PIX-CONSTANT", *(flat(**dict.fromkeys("RGB", ONE[:1, :width])) for width in (2, 1))),
        Case("PIX-CONSTANT", flat(R=ACROSS**2, G=DOWN, B=NOTHING), flat(R=ACROSS, G=DOWN, B=NOTHING)),
        Case("PIX-CONSTANT", more("diffuse", ONE), GOOD, severity=Severity.INFO),
        Case("PIX-CONSTANT", flat(N_X=ACROSS, Normal_X=NOTHING), flat(N_X=ACROSS), severity=Severity.WARNING),
        Case("PIX-CONSTANT", flat(R=ACROSS, N_X=NOTHING), severity=Severity.INFO),
        Case("PIX-CONSTANT", flat(A=1 + NOTHING, **UNLIT), severity=Severity.WARNING),
        Case("PIX-CONSTANT", flat(A=NOTHING, **UNLIT), severity=Severity.INFO),  # the sky alone
        Case("PIX-CONSTANT", flat(A=np.clip(ACROSS, 0, 1), **UNLIT), severity=Severity.INFO),  # smoke
        Case("PIX-CONSTANT", flat(**UNLIT), severity=Severity.INFO),
        Case("PIX-CONSTANT", flat(**UNLIT | {"emission_R": ACROSS}), severity=Severity.INFO),
        Case("PIX-CONSTANT", flat(N_X=NOTHING, N_Y=ACROSS), severity=Severity.INFO),  # a level floor
        Case("PIX-CONSTANT", more("flow.X", ZERO), more("flow.Z", ZERO), severity=Severity.INFO),
        Case("PIX-BLACK", eyes(ZERO), eyes(RAMP)),
        Case("PIX-BLACK", rgb(RAMP * 1e-5), GOOD),
        Case("PIX-BLACK", rgb(RAMP * 1e-4), severity=Severity.INFO),
        Case("PIX-BLACK", rgb(RAMP * 1e-5), parts(sss=RAMP * 1e-5)),
        Case("PIX-BLACK", image(R=ZERO, G=ZERO, B=ZERO, A=RAMP / 2), severity=Severity.INFO, keys=SHADOW_AND_IMAGE),
    ),
]
