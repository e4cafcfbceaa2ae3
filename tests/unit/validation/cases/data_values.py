"""Cases of the rules in `validation/rules/data_values.py`."""

from __future__ import annotations

import numpy as np

from exr_inspector.model import Severity
from tests.unit.validation.cases.made.pixels import (
    RAMP,
    ZERO,
    Pixels,
    directions,
    facing,
    flat,
    holes,
    more,
    normal_map,
    normals,
    read,
    scene,
    with_value,
)
from tests.unit.validation.judging import Case

IMAGE = scene()
DIRECTIONS = directions()
SIGNED = {name: values - 0.2 for name, values in IMAGE.items()}
PAIR = IMAGE | {"B": IMAGE["B"] * 0}


def copied(layer: str, image: dict[str, Pixels]) -> dict[str, Pixels]:
    """The channels of an image as those of a layer."""
    return {f"{layer}_{name}": values for name, values in image.items()}


COPY = copied("Normal", IMAGE)
DIM = {name: values * 0.3 for name, values in IMAGE.items()}
BLACK = {name: values * 0 for name, values in IMAGE.items()}


def lights(image: dict[str, Pixels] = SIGNED, **layers: dict[str, Pixels]) -> bytes:
    """A main image with layers of light."""
    return flat(**image, **{f"{layer}_{name}": v for layer, some in layers.items() for name, v in some.items()})


WAVE = 2 * np.sin(np.linspace(0, 20, 4096)).reshape(64, 64)
FOLDED = facing(absolute=True, background=20, names="R G B")


def cut_motion(second: Pixels) -> bytes:
    """Two channels of motion of which the negative values are zero; of the first, where WAVE is negative."""
    return flat(motion_X=np.maximum(WAVE, 0), motion_Y=np.maximum(second, 0))


def encoded_motion(still: float, *, one_way: bool = False) -> bytes:
    """Two channels of motion with a value for no motion, which most pixels have; all others move to two sides, or to one."""
    moving = np.where(np.abs(WAVE) > 1.5, WAVE / 5, 0)
    if one_way:
        return flat(motion_X=still + np.abs(moving), motion_Y=still + np.abs(moving) / 2)
    return flat(motion_X=still + moving, motion_Y=still - moving)


def depth(odd: float, count: int = 4) -> bytes:
    """Depth from 3 to 60 in 4,096 pixels, some of which have another value."""
    values = np.linspace(3.0, 60.0, 4096)
    values[700 : 700 + 97 * count : 97] = odd
    return flat(Z=values.reshape(64, 64))


def mixed(background: float, edge: int = 64) -> bytes:
    """Depth of surfaces from 3 to 60 and of a background, with so many pixels that are means of both."""
    values = np.full(4096, background)
    values[:2048] = np.linspace(3.0, 60.0, 2048)
    values[2048 : 2048 + edge] = background * np.linspace(0.1, 0.9, edge)
    return flat(Z=values.reshape(64, 64))


def beside_no_direction(*, coded: bool) -> bytes:
    """Normals n beside a background of n = 0, stored as n or as (n + 1) / 2, and alpha."""
    alpha = (DIRECTIONS["B"] > 0) * 1.0
    normals = {f"N_{axis}": (2 * values - 1) * alpha for axis, values in zip("XYZ", DIRECTIONS.values(), strict=True)}
    return flat(**{name: (values + coded) / (1 + coded) for name, values in normals.items()}, A=alpha)


CASES = [
    *read(
        Case("PIX-ID-FRACTION", more("objectId", with_value(2.5) * 5.5), more("objectId", np.round(RAMP * 5.5))),
        Case("PIX-ID-FRACTION", more("objectId", with_value(2.5) * 5.5), more("objectId", RAMP * 1.3)),
        Case("PIX-ID-FRACTION", more("objectId", with_value(2.5) * 5.5), more("objectId", with_value(0.664) * 5.5e8)),
        Case("PIX-ID-FRACTION", flat(a_objectId=np.round(RAMP * 5.5), b_objectId=with_value(2.5) * 5.5)),
        Case("PIX-DEPTH-SIGN", more("Z", with_value(-0.5)), more("Z", RAMP)),
        Case("PIX-DEPTH-SIGN", more("Z", with_value(-1)), severity=Severity.INFO),
        Case("PIX-DEPTH-SIGN", more("Z", with_value(-3.4e38)), severity=Severity.INFO),
        Case("PIX-DEPTH-SIGN", more("Z", ZERO), flat(R=ZERO, G=ZERO, B=ZERO, A=ZERO, Z=ZERO)),  # where nothing is
        Case("PIX-DEPTH-OUTLIERS", depth(0.0), depth(3.0)),
        Case("PIX-DEPTH-OUTLIERS", depth(600.0), depth(400.0)),
        Case("PIX-DEPTH-OUTLIERS", depth(1e10), depth(1e10, count=9)),  # a background
        Case("PIX-DEPTH-OUTLIERS", depth(0.0, count=1), depth(0.0, count=9)),  # a background of 0
        Case("PIX-DEPTH-OUTLIERS", mixed(1e30), mixed(1e30, edge=0), severity=Severity.WARNING),
        Case("PIX-DEPTH-OUTLIERS", mixed(1e10), mixed(1e6), severity=Severity.WARNING),
        Case("PIX-DEPTH-OUTLIERS", mixed(3.4028235e38), mixed(3.4028235e38, edge=0), severity=Severity.WARNING),
        Case("PIX-MOTION-CLAMPED", more("motion.X", np.clip(RAMP, 0, 1)), more("motion.X", np.clip(RAMP, 0, 1) - 0.5)),
        Case("PIX-MOTION-CLAMPED", flat(motion_X=np.clip(WAVE, -0.5, 0.5)), flat(motion_X=WAVE)),
        Case("PIX-MOTION-CLAMPED", flat(motion_X=np.clip(WAVE, 0, 1)), flat(motion_X=np.round(WAVE))),
        Case("PIX-MOTION-CLAMPED", cut_motion(WAVE.T - 0.3), cut_motion(WAVE / 3)),
        Case("PIX-MOTION-CLAMPED", encoded_motion(0.5), encoded_motion(0.0)),
        Case("PIX-MOTION-CLAMPED", encoded_motion(0.5), encoded_motion(0.5, one_way=True)),
        Case("PIX-MOTION-CLAMPED", encoded_motion(127 / 255), encoded_motion(0.45)),
        Case("PIX-MOTION-UNKNOWN", more("flow.X", with_value(1e10)), more("flow.X", with_value(-60000))),
        Case("PIX-MOTION-UNKNOWN", more("velocity.X", with_value(-1e20)), more("Z", with_value(1e10))),
        Case("PIX-NORMAL-LENGTH", more("N.X", RAMP), more("N.X", RAMP / 2)),
        Case("PIX-NORMAL-LENGTH", normals(cut=True), normals()),
        Case("PIX-NORMAL-LENGTH", normals(cut=True), severity=Severity.WARNING),
        Case("PIX-NORMAL-LENGTH", normals(encoded=True), severity=Severity.INFO),
        Case("PIX-NORMAL-LENGTH", normals(cut=True), normals(edge=True)),
        Case("PIX-NORMAL-LENGTH", normal_map(0.214), normal_map(0.5), keys=("tex/wall_normal.exr",) * 2),
        Case("PIX-NORMAL-LENGTH", normal_map(0.735), normal_map(0.735), keys=("tex/wall_normal.exr", "tex/sky.exr")),
        Case("PIX-NORMAL-LENGTH", more("normal.x", RAMP), more("normal_var.x", RAMP)),
        Case("PIX-NORMAL-LENGTH", facing(absolute=True), facing()),
        Case("PIX-NORMAL-LENGTH", facing(absolute=True), severity=Severity.WARNING),
        Case("PIX-NORMAL-LENGTH", facing(absolute=True, background=20), facing(background=20)),
        Case(
            "PIX-NORMAL-LENGTH", facing(absolute=True, background=20), facing(faces=True, absolute=True, background=20)
        ),
        Case("PIX-NORMAL-LENGTH", FOLDED, FOLDED, keys=("shot/WorldNormal.1001.exr", "shot/beauty.1001.exr")),
        Case("PIX-NORMAL-LENGTH", facing(encoded=True), severity=Severity.INFO),
        Case(
            "PIX-NORMAL-LENGTH",
            beside_no_direction(coded=True),
            beside_no_direction(coded=False),
            severity=Severity.INFO,
        ),
        Case("PIX-NORMAL-LENGTH", facing(absolute=True), facing(faces=True)),
        Case("PIX-NORMAL-LENGTH", holes(0.01), holes(0.3), severity=Severity.INFO, keys=("tex/wall_normal.exr",) * 2),
        Case("PIX-DATA-COPY", flat(**IMAGE, **COPY), flat(**IMAGE, **COPY | {"Normal_G": IMAGE["G"] - 0.5})),
        Case("PIX-DATA-COPY", flat(**IMAGE, Z=IMAGE["G"]), flat(**dict.fromkeys("RGBZ", IMAGE["G"]))),
        Case("PIX-DATA-COPY", flat(**IMAGE, **COPY), flat(**IMAGE, diffuse_R=IMAGE["R"])),
        Case(
            "PIX-DATA-COPY",
            flat(**IMAGE, **COPY),
            flat(**IMAGE, **COPY),
            keys=("s/sh010.1001.exr", "s/sh010_N.1001.exr"),
        ),
        Case("PIX-DATA-COPY", flat(**IMAGE, **COPY), flat(**DIRECTIONS, **copied("N", DIRECTIONS))),
        Case("PIX-DATA-COPY", flat(**IMAGE, **COPY), flat(**SIGNED, **copied("P", SIGNED))),
        Case("PIX-DATA-COPY", flat(**IMAGE, **COPY), flat(**PAIR, **copied("motion", PAIR))),
        Case("PIX-DATA-COPY", flat(**IMAGE, **copied("flow", IMAGE)), severity=Severity.INFO),
        Case("PIX-LIGHT-COPY", lights(diffuse=DIM, specular=DIM), lights(diffuse=DIM, specular=IMAGE)),
        Case(
            "PIX-LIGHT-COPY",
            lights(diffuse=DIM, emission=DIM),
            lights(diffuse=DIM, DiffDir=DIM, DiffCol=DIM, albedo=DIM),
        ),
        Case(
            "PIX-LIGHT-COPY", lights(IMAGE, DiffDir=IMAGE, GlossDir=DIM), lights(IMAGE, DiffDir=IMAGE, GlossDir=BLACK)
        ),
        Case(
            "PIX-LIGHT-COPY",
            lights(IMAGE, specular=IMAGE, Emit=DIM),
            lights(IMAGE, diffuse=IMAGE, beauty=IMAGE, key=DIM),
        ),
    ),
]
