"""Cases of the rules in `validation/rules/black_areas.py`."""

from __future__ import annotations

import numpy as np

from exr_inspector.model import Severity
from tests.unit.validation.cases.made.pixels import Pixels, flat, read, scene
from tests.unit.validation.judging import Case


def black(*areas: tuple[slice, slice], size: int = 128) -> dict[str, Pixels]:
    """R, G and B of a square image that is black in the areas."""
    pixels = scene(size=size)
    for values in pixels.values():
        for area in areas:
            values[area] = 0
    return pixels


def inside(side: int, at: int = 32) -> tuple[slice, slice]:
    """A square whose upper left corner is at the same x and y."""
    return slice(at, at + side), slice(at, at + side)


def framed(left: int, right: int, top: int, bottom: int) -> dict[str, Pixels]:
    """R, G and B of an image with so many black columns and rows at its edges."""
    return black(
        (WHOLE, slice(0, left)),
        (WHOLE, slice(128 - right, None)),
        (slice(0, top), WHOLE),
        (slice(128 - bottom, None), WHOLE),
    )


def hollow(alpha: float) -> Pixels:
    """Alpha of an image without its rows 64 to 79."""
    values = np.full((128, 128), alpha)
    values[64:80] = 0
    return values


def punched(alpha: float) -> Pixels:
    """Alpha of an image without a tile."""
    values = np.full((128, 128), alpha)
    values[inside(32)] = 0
    return values


def line(first: int, end: int | None = None) -> tuple[slice, slice]:
    """Columns from edge to edge, one by default."""
    return WHOLE, slice(first, end or first + 1)


def striped(period: int) -> dict[str, Pixels]:
    """R, G and B of an image whose columns are darker in turn."""
    factors = np.resize(np.linspace(0.2, 1, period), 128)
    return {name: values * factors for name, values in black().items()}


def faded(level: float) -> dict[str, Pixels]:
    """R, G and B of an image whose edges fade to a level over four pixels."""
    ramp = np.minimum(1, level + (1 - level) / 4 * np.arange(128))
    edge = np.minimum(ramp, ramp[::-1])
    return {name: values * np.minimum.outer(edge, edge) for name, values in black().items()}


def only(rows: slice, columns: slice, *, alpha: float | None = None) -> dict[str, Pixels]:
    """R, G and B of an image that is zero outside of these rows and columns, and alpha if it has a value outside."""
    kept = np.zeros((128, 128))
    kept[rows, columns] = 1
    pixels = {name: values * kept for name, values in FULL.items()}
    return pixels if alpha is None else pixels | {"A": np.maximum(kept, alpha)}


def round_element() -> dict[str, Pixels]:
    """R, G and B of a disk on black."""
    y, x = np.mgrid[:128, :128]
    return {name: values * (np.hypot(x - 50, y - 60) < 45) for name, values in FULL.items()}


WHOLE = slice(None)
FULL = scene(size=128)
CLIPPED_TILE = slice(32, 64), slice(128, 152)  # at the right edge of an image of 152 columns


def repeated(across: int, down: int) -> bytes:
    """An image in which each pixel is repeated."""
    image = {name: values[:64, :64] for name, values in scene().items()}
    return flat(**{name: values.repeat(down, axis=0).repeat(across, axis=1) for name, values in image.items()})


CASES = [
    *read(
        Case("PIX-BLACK-TILES", flat(**black(inside(32))), flat(**black(inside(40))), severity=Severity.INFO),
        Case("PIX-BLACK-TILES", flat(**black(inside(16), inside(32, 96))), flat(**black(inside(20)))),
        Case("PIX-BLACK-TILES", flat(**black(inside(16))), flat(**black(inside(16, 0), inside(16, 112)))),
        Case("PIX-BLACK-TILES", flat(**black(inside(16))), flat(**black(inside(16), inside(6, 70)))),
        Case("PIX-BLACK-TILES", flat(**black(inside(16))), flat(**black(inside(16)) | {"G": FULL["G"]})),
        Case(
            "PIX-BLACK-TILES",
            flat(**black(inside(32, 64), CLIPPED_TILE, CLIPPED_TILE[::-1], size=152)),
            flat(**black(CLIPPED_TILE, CLIPPED_TILE[::-1], size=152)),
        ),
        Case(
            "PIX-BLACK-TILES",
            flat(**black((slice(32, 64), slice(32, 96)))),
            flat(**black((slice(32, 64), slice(32, 88)))),
        ),
        Case("PIX-BLACK-TILES", flat(**black(inside(16))), flat(**black((slice(32), WHOLE), (slice(96, None), WHOLE)))),
        Case("PIX-BLACK-TILES", flat(**black(inside(32)), A=punched(1.0)), severity=Severity.WARNING),
        Case("PIX-BLACK-TILES", flat(**black(inside(32)), A=punched(0.9)), severity=Severity.INFO),
        Case("PIX-BLACK-TILES", flat(**black((slice(70, 90), WHOLE))), flat(**framed(0, 0, 24, 24))),
        Case("PIX-BLACK-TILES", flat(**black((slice(9, 47), WHOLE), (slice(65, 95), WHOLE)))),
        Case("PIX-BLACK-TILES", flat(**black((WHOLE, slice(60, None)))), flat(**black((slice(64), slice(64))))),
        Case(
            "PIX-BLACK-TILES",
            flat(**black((slice(64), WHOLE)), A=np.ones((128, 128))),
            flat(**black((slice(64), WHOLE)), A=np.repeat([0.0, 1.0], 64)[:, None] * np.ones(128)),
        ),
        Case("PIX-BLACK-TILES", flat(**black(inside(16))), flat(**black(*(inside(24, at) for at in (8, 40, 72))))),
        Case(
            "PIX-BLACK-TILES",
            flat(**black((slice(64, 80), WHOLE)), A=hollow(1.0)),
            flat(**black((slice(64, 80), WHOLE)), A=hollow(0.9)),
        ),
        Case("PIX-REGION", flat(**only(slice(20, 101), slice(9, 90))), flat(**round_element())),
        Case("PIX-REGION", flat(**only(slice(70), slice(90), alpha=0)), flat(**only(slice(70), slice(90), alpha=1))),
        Case("PIX-REGION", flat(**only(slice(20, 100), slice(9, 90))), flat(**only(slice(20, 100), WHOLE))),
        Case("PIX-REGION", flat(**only(slice(20, 100), slice(9, 90))), flat(**only(WHOLE, slice(20, 100)))),
        Case("PIX-REGION", flat(**only(slice(20, 100), slice(9, 90))), flat(**only(slice(16, 112), slice(8, 120)))),
        Case("PIX-REGION", flat(**only(slice(32, 96), slice(32, 96))), flat(**only(slice(32, 88), slice(30, 98)))),
        Case("PIX-REGION", flat(**only(slice(64), slice(64))), flat(**only(slice(124), slice(120)))),
        Case(
            "PIX-REGION",
            flat(**only(slice(64), slice(64))),
            flat(**only(slice(64), slice(64))),
            keys=("shot/beauty.1001.exr", "shot/shadows.1001.exr"),
        ),
        Case("PIX-STRIPES", flat(**striped(4)), flat(**striped(2))),
        Case("PIX-ENLARGED", repeated(2, 2), repeated(2, 1)),
        Case("PIX-ENLARGED", repeated(4, 4), repeated(5, 5)),
        Case("PIX-BORDER-FADE", flat(**faded(0.55)), flat(**faded(0.9))),
        Case("PIX-BLACK-BORDER", flat(**framed(1, 1, 1, 1)), flat(**black(inside(20)))),
        Case("PIX-BLACK-BORDER", flat(**framed(2, 2, 2, 2)), flat(**framed(1, 1, 1, 1) | {"G": FULL["G"]})),
        Case("PIX-BLACK-BORDER", flat(**framed(0, 1, 0, 1)), flat(**black((slice(8, 16), slice(16, 32))))),
        Case("PIX-BLACK-BORDER", flat(**framed(0, 0, 1, 0)), flat(**FULL)),
        Case("PIX-BLACK-BORDER", flat(**framed(0, 0, 1, 7)), flat(**framed(0, 0, 8, 0))),
        Case("PIX-BLACK-LINE", flat(**black(line(60), line(64, 71))), flat(**black(line(60, 68)))),
        Case("PIX-BLACK-LINE", flat(**black(line(60)[::-1])), flat(**black(*map(line, (20, 40, 60))))),
        Case("PIX-BLACK-LINE", flat(**black(line(60))), flat(**framed(1, 1, 1, 1))),
        Case("PIX-BLACK-LINE", flat(**black(line(60))), flat(**black(line(60), inside(40)))),
        Case("PIX-BLACK-LINE", flat(**black(line(62, 66))), flat(**FULL), severity=Severity.INFO),
        Case("PIX-BLACK-LINE", flat(**black(line(60), line(80)[::-1])), flat(**FULL), severity=Severity.INFO),
    ),
]
