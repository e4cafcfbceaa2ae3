"""Cases of the rules in `validation/rules/pixels.py`."""

from __future__ import annotations

import numpy as np

from exr_inspector.model import Severity
from tests.support.exrbytes import FLOAT, Channel, a_string
from tests.unit.validation.cases.made.pixels import (
    GOOD,
    fireflies,
    flat,
    image,
    lights,
    more,
    read,
    rgb,
    stars,
    sun,
    with_value,
)
from tests.unit.validation.judging import Case

LOWEST = with_value(np.finfo(np.float32).min)
BELOW_ZERO = image(B=with_value(-0.9), G=with_value(-1))
IMAGE_AND_AOV = ("shot/sh010.1001.exr", "shot/sh010_N.1001.exr")
STARS_AND_IMAGE = ("shot/starfield.1001.exr", "shot/sh010.1001.exr")
DOWN, ACROSS = np.mgrid[:64, :64] / 63.0
NOTHING = np.zeros((64, 64))
# Normals of which few are negative, with the length 1.
UNIT = dict(
    zip(
        "RGB",
        np.stack([ACROSS - 0.2, DOWN, DOWN + 0.1]) / np.hypot(np.hypot(ACROSS - 0.2, DOWN), DOWN + 0.1),
        strict=True,
    )
)
CAMERA = [a_string("cameraModel", "ALEXA 35")]
BARE_Y = [Channel("Y", FLOAT)]

CASES = [
    *read(
        Case("PIX-NAN", image(R=with_value(np.nan)), GOOD),
        Case("PIX-INF", image(R=with_value(np.inf)), GOOD),
        Case(
            "PIX-INF",
            more("Z", with_value(-np.inf)),
            more("Z", with_value(np.inf)),
            parameters={"infinite_depth": True},
        ),
        Case("PIX-HALF-MAX", image(R=with_value(65504)), GOOD),
        Case(
            "PIX-HALF-MAX",
            image(R=with_value(65504)),
            image(R=with_value(60000)),
            parameters={"half_max_share": 0.05},
        ),
        Case("PIX-FIREFLY", image(G=with_value(1001)), image(G=with_value(999))),
        Case("PIX-FIREFLY", image(G=with_value(1001)), lights()),
        Case("PIX-NEGATIVE", image(B=with_value(-0.03)), GOOD),
        Case("PIX-NEGATIVE", image(B=with_value(-0.02)), severity=Severity.INFO),
        Case("PIX-NEGATIVE", image(extra=CAMERA, B=with_value(-0.1)), severity=Severity.INFO),
        Case("PIX-NEGATIVE", image(extra=CAMERA, B=with_value(-0.4)), severity=Severity.WARNING),
        Case("PIX-NEGATIVE", image(B=with_value(-0.3)), severity=Severity.INFO, keys=("t/rock_vdm_4k.exr", "t/a.exr")),
        Case("PIX-NEGATIVE", image(B=with_value(-0.3)), severity=Severity.INFO, keys=("t/hero_vat.exr", "t/a.exr")),
        Case("PIX-NEGATIVE", image(B=with_value(-0.3)), severity=Severity.WARNING, keys=("t/display.exr", "t/a.exr")),
        Case("PIX-NEGATIVE", image(B=with_value(-0.02)), parameters={"negative_warning": 0}),
        Case("PIX-NEGATIVE", image(B=with_value(-1)), severity=Severity.ERROR, parameters={"negative_limit": -0.1}),
        Case("PIX-NEGATIVE", image(B=with_value(-5e-5)), severity=Severity.ERROR, parameters={"negative_limit": 0}),
        Case("PIX-NEGATIVE", BELOW_ZERO, BELOW_ZERO, keys=IMAGE_AND_AOV),
        Case("PIX-NEGATIVE", image([Channel("Y", FLOAT)], Y=with_value(-9999)), severity=Severity.INFO),
        Case("PIX-NEGATIVE", rgb(with_value(-2)), severity=Severity.INFO),
        Case("PIX-NEGATIVE", flat(R=ACROSS**2 - 0.5, G=DOWN - 0.4, B=NOTHING), severity=Severity.INFO),
        Case("PIX-NEGATIVE", flat(R=ACROSS - 0.5, G=DOWN, B=ACROSS * DOWN), severity=Severity.WARNING),
        Case("PIX-NEGATIVE", flat(R=-ACROSS, G=-DOWN, B=-ACROSS * DOWN), severity=Severity.WARNING),
        Case("PIX-NEGATIVE", flat(R=-2 * ACROSS, G=-2 * DOWN, B=ACROSS * DOWN), severity=Severity.WARNING),
        Case("PIX-NEGATIVE", flat(R=ACROSS - 0.4, G=DOWN**2 - 0.4, B=ACROSS * DOWN - 0.4), severity=Severity.WARNING),
        Case("PIX-NEGATIVE", flat(R=9 * ACROSS - 4, G=9 * DOWN**2 - 4, B=ACROSS * DOWN), severity=Severity.INFO),
        Case("PIX-NEGATIVE", flat(**UNIT), severity=Severity.INFO),
        Case("PIX-NEGATIVE", flat(**{name: 0.9 * values for name, values in UNIT.items()}), severity=Severity.WARNING),
        Case("PIX-HALF-MAX", *(image(BARE_Y, Y=each) for each in (with_value(-1e38), LOWEST)), severity=Severity.INFO),
        Case("PIX-HALF-MAX", image(BARE_Y, Y=with_value(65504)), severity=Severity.WARNING),  # HALF that was converted
        Case("PIX-HALF-MAX", image(BARE_Y, Y=with_value(1e5)), severity=Severity.INFO),
        Case("PIX-FIREFLY", more("albedo.R", with_value(3000)), more("variance.R", with_value(3000))),
        Case("PIX-FIREFLY", sun(9), GOOD, severity=Severity.WARNING),
        Case("PIX-FIREFLY", sun(8), GOOD, severity=Severity.INFO),
        Case("PIX-FIREFLY", flat(**stars(80)), GOOD, severity=Severity.INFO),
        Case("PIX-FIREFLY", flat(**stars(90)), GOOD, severity=Severity.WARNING),
        Case("PIX-FIREFLY", flat(**stars(90)), severity=Severity.INFO, keys=STARS_AND_IMAGE),
        Case("PIX-FIREFLY", flat(**fireflies(48)), flat(**fireflies(3)), severity=Severity.INFO),
        Case("PIX-FIREFLY", image(G=with_value(1001)), flat(**fireflies(48)), parameters={"single_pixels": False}),
        Case("PIX-FIREFLY", *[flat(**fireflies(48))] * 2, severity=Severity.INFO, keys=STARS_AND_IMAGE[::-1]),
        Case("PIX-NEGATIVE", flat(R=ACROSS - 0.1, G=DOWN, B=DOWN), flat(R=ACROSS - 0.1, G=DOWN - 0.1, B=NOTHING)),
        Case("PIX-NEGATIVE", image(B=with_value(-0.03)), image(B=with_value(-6e-8))),
    ),
]
