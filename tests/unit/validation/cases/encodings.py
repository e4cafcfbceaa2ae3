"""Cases of the rules in `validation/rules/encodings.py`."""

from __future__ import annotations

import numpy as np

from exr_inspector.model import Severity
from tests.support.exrbytes import FLOAT, HALF, Attr, Channel, Part, a_string, build
from tests.unit.validation.cases.made.metadata import declared
from tests.unit.validation.cases.made.pixels import (
    GOOD,
    RAMP,
    Pixels,
    coordinates,
    flat,
    fog,
    gradient,
    hazy,
    image,
    read,
    rgb,
    scene,
)
from tests.unit.validation.judging import RGBA, Case

CAMERA = a_string("cameraModel", "ALEXA 35")
OCCLUSION = [Channel(f"AO.{name}", FLOAT) for name in "RGB"]
UP_TO_ONE = {channel.name: np.minimum(RAMP, 1) for channel in OCCLUSION}
CUT = dict.fromkeys("RGB", np.minimum(RAMP, 1))
BRIGHT = scene(high=4)
TOPS = {"R": 2.0, "G": 1.0, "B": 1.4}
LOG = {"R": 0.11 + RAMP * 0.4, "G": 0.1 + RAMP * 0.4, "B": 0.1 + RAMP * 0.4}
ALBEDO = {f"albedo_{name}": values for name, values in LOG.items()}
NEAR_LAMP = {name: np.where(np.arange(4096).reshape(64, 64) < 64, 2, values) for name, values in scene().items()}
LAMP = {name: np.where(np.arange(4096).reshape(64, 64) < 64, 20, values) for name, values in scene().items()}
LINEAR = a_string("colorInteropID", "lin_ap0_scene")


def plate(*extra: Attr, pixels: dict[str, Pixels] = LOG) -> bytes:
    """An image, of log values unless others are given, with attributes."""
    return build([Part(channels=[Channel(name, FLOAT) for name in "BGR"], pixels=pixels, extra=extra)])


CASES = [
    *read(
        Case("PIX-CODE-VALUES", gradient(256, 255), gradient(256)),
        Case("PIX-CODE-VALUES", gradient(256, 255), gradient(256, 254.5)),
        Case("PIX-CODE-VALUES", gradient(4096, 4095), gradient(4096, 4094.5)),
        Case("PIX-CODE-VALUES", gradient(3000, 20 * 2999.0), gradient(2000, 32 * 1999.0, offset=4096)),
        Case("PIX-CODE-VALUES", gradient(2595, 2594.0, offset=1500), gradient(150, 2 * 149.0, offset=2048)),
        Case("PIX-CODE-VALUES", gradient(256, 255), gradient(256, 255, layer="debug.")),
        Case("PIX-CODE-VALUES", gradient(256, 255), coordinates()),
        Case("PIX-BRIGHT", gradient(2000, 5000.5, offset=1001), gradient(2000, 990.5)),
        Case("PIX-STEPS", gradient(256), gradient(256, 1e-7)),
        Case("PIX-STEPS", gradient(256), gradient(160)),
        Case("PIX-STEPS", gradient(256, name="Z"), gradient(52, name="Z"), severity=Severity.WARNING),
        Case("PIX-CLIPPED-1", rgb(np.minimum(RAMP, 1)), GOOD),
        Case(
            "PIX-CLIPPED-1",
            rgb(np.minimum(RAMP, 1)),
            rgb(np.minimum(RAMP, 1)),
            keys=("shot/beauty.1001.exr", "shot/sh010_roto_v002.1001.exr"),
        ),
        Case(
            "PIX-CLIPPED-1",
            flat(**{f"fg_{name}": np.minimum(RAMP, 1) for name in "RGB"}),
            flat(**{f"matte_{name}": np.minimum(RAMP, 1) for name in "RGB"}),
        ),
        Case("PIX-CLIPPED-1", plate(pixels=CUT), plate(a_string("wrapmodes", "clamp"), pixels=CUT)),
        Case("PIX-CLIPPED-1", rgb(np.minimum(RAMP, 1)), image([*RGBA, *OCCLUSION], **UP_TO_ONE)),
        Case("PIX-CLIPPED", flat(**{name: np.minimum(v, 1.9) for name, v in BRIGHT.items()}), flat(**BRIGHT)),
        Case("PIX-CLIPPED", flat(**{name: np.minimum(v, TOPS[name]) for name, v in BRIGHT.items()}), flat(**LAMP)),
        Case("PIX-CLIPPED", flat(**{name: np.minimum(v, 1.9) for name, v in BRIGHT.items()}), flat(**NEAR_LAMP)),
        Case(
            "PIX-CLIPPED",
            flat(HALF, **{name: np.minimum(v, 3.0) for name, v in BRIGHT.items()}),
            flat(HALF, **{name: np.minimum(v, 1.0) for name, v in BRIGHT.items()}),
        ),
        Case("PIX-LOGLIKE", image(**LOG), rgb(0.1 + RAMP * 0.4)),
        Case("PIX-LOGLIKE", image(**LOG), fog()),
        Case("PIX-LOGLIKE", flat(**ALBEDO), flat(**dict.fromkeys("RGB", RAMP), **ALBEDO)),
        Case("PIX-LOGLIKE", hazy(CAMERA), hazy(CAMERA, a_string("wrapmodes", "black,black"))),
        Case("PIX-LOGLIKE", image(**LOG), image(**LOG | {"R": RAMP * np.nan})),
        Case("PIX-LOGLIKE", hazy(CAMERA), hazy(CAMERA, a_string("colorInteropID", "lin_ap0_scene"))),
        Case("PIX-LOGLIKE", hazy(CAMERA, a_string("colorSpace", "ARRI LogC4")), hazy()),
        Case("PIX-LOGLIKE", plate(CAMERA, LINEAR), severity=Severity.WARNING),
        Case("PIX-LOGLIKE", plate(LINEAR), severity=Severity.INFO),
        Case("PIX-LOGLIKE", image(**LOG), image(extra=declared(), **LOG)),
    ),
]
