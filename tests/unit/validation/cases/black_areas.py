"""Cases of the rules in `validation/rules/black_areas.py`."""

from __future__ import annotations

from tests.unit.validation.cases.made.pixels import Pixels, flat, read, scene
from tests.unit.validation.judging import Case


def black(*areas: tuple[slice, slice]) -> dict[str, Pixels]:
    """R, G and B of an image of 128 x 128 pixels that is black in the areas."""
    pixels = scene(size=128)
    for values in pixels.values():
        for area in areas:
            values[area] = 0
    return pixels


def inside(side: int, at: int = 32) -> tuple[slice, slice]:
    """A square whose upper left corner is at the same x and y."""
    return slice(at, at + side), slice(at, at + side)


EDGE = slice(0, 1)
WHOLE = slice(None)
FRAME = black((EDGE, WHOLE), (slice(-1, None), WHOLE), (WHOLE, EDGE), (WHOLE, slice(-1, None)))
CASES = [
    *read(
        Case("PIX-BLACK-TILES", flat(**black(inside(32))), flat(**black(inside(40)))),
        Case("PIX-BLACK-TILES", flat(**black(inside(16), inside(32, 96))), flat(**black(inside(20)))),
        Case("PIX-BLACK-TILES", flat(**black(inside(16))), flat(**black(inside(16, 0), inside(16, 112)))),
        Case("PIX-BLACK-TILES", flat(**black(inside(16))), flat(**black(inside(16), inside(6, 70)))),
        Case("PIX-BLACK-TILES", flat(**black(inside(16))), flat(**black(inside(16)) | {"G": scene(size=128)["G"]})),
        Case("PIX-BLACK-BORDER", flat(**FRAME), flat(**black(inside(20)))),
        Case("PIX-BLACK-BORDER", flat(**black((EDGE, WHOLE))), flat(**FRAME | {"G": scene(size=128)["G"]})),
        Case("PIX-BLACK-BORDER", flat(**FRAME), flat(**black((slice(8, 16), slice(16, 32))))),
    ),
]
