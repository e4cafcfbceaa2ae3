"""Files for the rules PIX, and for the pixel rules of CRY and DEEP; every file is read completely."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.support.exrbytes import FLOAT, Attr, Channel, Part, a_deepimagestate, build
from tests.unit.validation.cases.made.metadata import LAYERS, NAME, NAMES, declared, manifest
from tests.unit.validation.judging import RGBA, Case

Pixels = npt.NDArray[Any]
SHAPE = (3, 4)
RAMP = np.linspace(0.0, 2.0, 12).reshape(SHAPE)
ONE = np.ones(SHAPE)
ZERO = np.zeros(SHAPE)
RISING = np.arange(4096).reshape(64, 64) > 1000


def with_value(value: float, at: tuple[int, int] = (1, 2)) -> Pixels:
    pixels = RAMP.copy()
    pixels[at] = value
    return pixels


def image(channels: Sequence[Channel] = RGBA, extra: Sequence[Attr] = (), **pixels: Pixels) -> bytes:
    """A flat FLOAT or HALF image: ramps for colour, 1 for alpha, or the given pixels by channel name."""
    every: Mapping[str, Pixels] = {c.name: ONE if c.name == "A" else RAMP for c in channels} | pixels
    return build([Part(channels=channels, pixels=every, extra=extra)])


def flat(kind: int = FLOAT, **pixels: Pixels) -> bytes:
    """A scan line image of the pixel type and the pixels by channel name, in which `_` stands for a dot."""
    every = {name.replace("_", "."): values for name, values in pixels.items()}
    height, width = next(iter(every.values())).shape
    return build(
        [
            Part(
                channels=[Channel(name, kind) for name in every],
                data_window=(0, 0, width - 1, height - 1),
                pixels=every,
            )
        ]
    )


def scene(low: float = 0.01, high: float = 0.9, size: int = 64) -> dict[str, Pixels]:
    """R, G and B of a square image of many values from low to high, which are spread evenly."""
    ramp = np.linspace(low, high, size * size)
    return {
        "R": ramp.reshape(size, size),
        "G": ramp[::-1].reshape(size, size) * 0.9,
        "B": ramp.reshape(size, size).T * 0.8,
    }


def stars(number: int) -> dict[str, Pixels]:
    """R, G and B of a black square image with this number of single pixels, the first of which is 3000."""
    pixels = np.zeros((64, 64))
    pixels.flat[: number * 4 : 4] = 3000 / np.arange(1, number + 1) ** 3.0
    return dict.fromkeys("RGB", pixels)


def fireflies(value: float) -> dict[str, Pixels]:
    """R, G and B of a square image with two single pixels of this value."""
    pixels = scene()
    for values in pixels.values():
        values[[9, 40], [20, 7]] = value
    return pixels


def sun(width: int) -> bytes:
    """R, G and B of this width and four lines, with one very bright pixel."""
    pixels = np.ones((4, width))
    pixels[1, 2] = 30000
    channels = [Channel(name, FLOAT) for name in "RGB"]
    return build([Part(channels=channels, data_window=(0, 0, width - 1, 3), pixels=dict.fromkeys("RGB", pixels))])


def lights() -> bytes:
    """An image with small lights: one of 80 values is 20000, and none between these and the others."""
    pixels = np.linspace(0.01, 2.0, 10_240).reshape(80, 128)
    pixels.flat[::80] = 20000
    channels = [Channel(name) for name in "BGR"]
    return build([Part(channels=channels, data_window=(0, 0, 127, 79), pixels=dict.fromkeys("BGR", pixels))])


def gradient(values: int, factor: float = 1.0, *, name: str = "", layer: str = "", offset: float = 0.0) -> bytes:
    """R, G, B, or one FLOAT channel, with a number of different values from 0 to 1, times a factor, plus an offset."""
    steps = np.arange(4096).reshape(64, 64) % values / (values - 1) * factor + offset
    pixels = {name: steps} if name else {"R": steps, "G": steps, "B": np.where(RISING, steps, 0)}
    pixels = {layer + each: values for each, values in pixels.items()}
    channels = [Channel(each, FLOAT) for each in pixels]
    return build([Part(channels=channels, data_window=(0, 0, 63, 63), pixels=pixels)])


def coordinates() -> bytes:
    """An image whose R, G and B are the column, the row and the column from the right of each pixel."""
    rows, columns = np.mgrid[:64, :160]
    pixels = {"R": columns, "G": rows + 200, "B": 159 - columns}
    channels = [Channel(each, FLOAT) for each in pixels]
    return build([Part(channels=channels, data_window=(0, 0, 159, 63), pixels=pixels)])


def parts(**layers: Pixels) -> bytes:
    """A main image, and a part with R, G, B for each of the layers."""
    every = {"rgba": RAMP, **layers}
    channels = [Channel(name, FLOAT) for name in "RGB"]
    return build([Part(name=n, channels=channels, pixels=dict.fromkeys("RGB", p)) for n, p in every.items()])


def opaque(first_colour: float) -> bytes:
    """An opaque image but for the alpha of its first pixel, which has the colour that is given."""
    pixels = {name: np.full((64, 64), 0.5) for name in "RGB"} | {"A": np.ones((64, 64))}
    for name in "RGBA":
        pixels[name][0, 0] = 0 if name == "A" else first_colour
    return build([Part(channels=RGBA, data_window=(0, 0, 63, 63), pixels=pixels)])


def soft_edge(*, premultiplied: bool, inverted: bool = False, opacity: float = 1.0) -> bytes:
    """Grey from left to right, with an edge of 16 pixels to black; alpha follows it, times an opacity, or is inverted."""
    alpha = np.tile(np.clip(np.arange(64, 0, -1) / 16, 0, 1), (64, 1)) * opacity
    colour = alpha * 0.5 if premultiplied else np.where(alpha > 0, 0.5, 0)
    alpha = np.round(1 - alpha) if inverted else alpha
    pixels = {"R": colour, "G": colour, "B": colour, "A": alpha}
    return build([Part(channels=RGBA, data_window=(0, 0, 63, 63), pixels=pixels)])


def normals(*, cut: bool = False, encoded: bool = False, edge: bool = False) -> bytes:
    """Normals of a curved surface on a background of zero: with both signs, cut off at zero, or encoded from 0 to 1.

    Those of a rounded edge between two faces are not negative.
    """
    angle = np.linspace(0, np.pi, 4096).reshape(64, 64)
    surface = {"N.X": np.cos(angle), "N.Y": np.sin(3 * angle) * np.sin(angle), "N.Z": np.cos(3 * angle) * np.sin(angle)}
    if edge:
        turn = np.clip(angle - 1, 0, np.pi / 2)
        surface = {"N.X": np.where(angle < 1 + np.pi / 2, np.cos(turn), 0), "N.Y": np.sin(turn), "N.Z": turn * 0}
    if cut or encoded:
        surface = {name: np.maximum(values, 0) if cut else (values + 1) / 2 for name, values in surface.items()}
    pixels = {name: np.where(angle < 0.3, 0, values) for name, values in surface.items()}
    channels = [Channel(name, FLOAT) for name in pixels]
    return build([Part(channels=channels, data_window=(0, 0, 63, 63), pixels=pixels)])


def directions() -> dict[str, Pixels]:
    """Normals of a curved surface on a background of zero, stored from 0 to 1 as R, G and B."""
    y, x = np.mgrid[:64, :64] / 32 - 1
    normals = np.stack([0.9 * x, 0.7 * y, np.ones((64, 64))])
    stored = (normals / np.linalg.norm(normals, axis=0) + 1) / 2
    return dict(zip("RGB", np.where(np.hypot(x, y) < 0.8, stored, 0), strict=True))


def normal_map(middle: float) -> bytes:
    """R, G, B of a nearly flat normal map, with the mean of R and G."""
    return image(
        [Channel(name, FLOAT) for name in "RGB"], R=middle + RAMP / 50 - 0.02, G=ONE * middle, B=ONE - RAMP / 50
    )


def facing(
    *,
    absolute: bool = False,
    encoded: bool = False,
    faces: bool = False,
    background: int = 0,
    names: str = "N_X N_Y N_Z",
) -> bytes:
    """Normals in all directions of the half that faces the camera, without their signs, encoded, or of a cube's three faces.

    They may have a background of some columns of zeros.
    """
    turn, tilt = np.meshgrid(np.linspace(0, 2 * np.pi, 64), np.linspace(0, np.pi / 2, 64))
    parts = [np.cos(turn) * np.sin(tilt), np.sin(turn) * np.sin(tilt), np.cos(tilt)]
    if faces:
        parts = [np.where(np.argmax(np.abs(parts), axis=0) == axis, 1.0, 0.0) for axis in range(3)]
    if absolute or encoded:
        parts = [np.abs(each) if absolute else (each + 1) / 2 for each in parts]
    return flat(
        **{name: np.pad(each, [(0, 0), (0, background)]) for name, each in zip(names.split(), parts, strict=True)}
    )


def holes(share: float) -> bytes:
    """A normal map with 0, 0, 0 in a share of its texels, and with a mean blue of about 0.99 in the others."""
    ramp = np.linspace(0.3, 0.7, 4096).reshape(64, 64)
    is_hole = np.arange(4096).reshape(64, 64) % 100 < 100 * share
    return flat(
        R=np.where(is_hole, 0, ramp), G=np.where(is_hole, 0, 1 - ramp), B=np.where(is_hole, 0, 0.98 + ramp / 40)
    )


def hazy(*attributes: Attr) -> bytes:
    """Bright R, G and B without blacks, as of haze or in a log encoding."""
    pixels = {name: 0.3 + RAMP * scale for name, scale in zip("BGR", (0.2, 0.21, 0.2), strict=True)}
    return build([Part(channels=[Channel(name) for name in pixels], pixels=pixels, extra=attributes)])


def fog() -> bytes:
    """A dark image without blacks, most values near the lowest one."""
    ramp = 0.12 + 0.22 * np.linspace(0, 1, 12).reshape(SHAPE) ** 3
    return image(R=ramp, G=ramp * 1.001, B=ramp)


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


def deep(
    depth: float = 1.0,
    alpha: float = 0.5,
    counts: Pixels = COUNTS,
    *,
    thickness: float | None = None,
    order: int = 1,
    state: int = 0,
) -> bytes:
    """A deep part; with ZBack if its samples have a thickness."""
    samples = int(counts.sum())
    front = (np.arange(samples) + depth)[::order]
    pixels = {"A": np.full(samples, alpha), "Z": front}
    channels = [Channel("A"), Channel("Z", FLOAT)]
    if thickness is not None:
        channels.append(Channel("ZBack", FLOAT))
        pixels["ZBack"] = np.maximum(front + thickness, 0)
    extra = [a_deepimagestate(state)]
    return build([Part(kind="deepscanline", channels=channels, counts=counts, pixels=pixels, extra=extra)])


def read(*cases: Case) -> list[Case]:
    """The cases with their pixels read; GOOD if a case names no passing file."""
    return [replace(case, good=GOOD if case.good is Case.good else case.good, stats=True) for case in cases]
