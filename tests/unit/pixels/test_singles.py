"""Single bright pixels in a full read: those that a slow comparison of the written pixels finds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from exr_inspector.model import SinglePixels
from exr_inspector.pixels.budget import DecodeBudget
from exr_inspector.pixels.reader import PixelConfig
from exr_inspector.storage import SourceOpener
from tests.support.exrbytes import FLOAT, HALF, UINT, ZIP, Channel, Part, Tiles, build
from tests.unit.pixels.test_reader import report

HEIGHT, WIDTH = 70, 90
SPOTS = ((5, 3), (20, 40), (33, 88), (50, 11))  # rows and columns
Pixels = npt.NDArray[Any]
Singles = Callable[..., "SinglePixels | None"]


@pytest.fixture
def singles(opener: SourceOpener, budget: DecodeBudget) -> Singles:
    """The single pixels of an image of these R, G and B."""

    def read(
        image: Pixels, *, kind: int = HALF, tiles: Tiles | None = None, strip_bytes: int = 1 << 20
    ) -> SinglePixels | None:
        height, width = image.shape[:2]
        part = Part(
            data_window=(3, -5, width + 2, height - 6),
            channels=[Channel(name, kind) for name in "BGR"],
            pixels={name: image[..., number] for number, name in enumerate("RGB")},
            compression=ZIP,
            **({"kind": "tiledimage", "tiles": tiles} if tiles else {}),
        )
        data = build([part])
        config = PixelConfig(with_zeros=True, read_bytes=8 * strip_bytes, strip_bytes=strip_bytes)
        return report(opener.open_bytes(data), data, budget, config=config).parts[0].singles

    return read


def picture(spots: tuple[tuple[int, int], ...] = SPOTS, value: float = 48.0) -> Pixels:
    """Noise from -0.3 to 2.7, with single pixels of one channel in turn."""
    image = np.random.default_rng(3).random((HEIGHT, WIDTH, 3)) * 3 - 0.3
    for number, (y, x) in enumerate(spots):
        image[y, x] = 0.2
        image[y, x, number % 3] = value
    return image


@pytest.mark.parametrize("kind", [HALF, FLOAT])
@pytest.mark.parametrize("tiles", [None, Tiles(32, 16)], ids=["scan lines", "tiles"])
@pytest.mark.parametrize("strip_bytes", [1 << 20, 20_000])  # of several blocks of 16 rows, merged from several threads
def test_single_pixels_are_counted(singles: Singles, kind: int, tiles: Tiles | None, strip_bytes: int) -> None:
    found = singles(picture(), kind=kind, tiles=tiles, strip_bytes=strip_bytes)
    assert found == SinglePixels(("R", "G", "B"), 4, 48.0, (6, 0))


def test_the_darkest_neighbour_tells_nothing(singles: Singles) -> None:
    image = picture()
    image[20, 41] = 6.1  # more than an eighth of what is beside it
    image[34, 88] = np.nan
    found = singles(image)
    assert found.pixels == 2


@pytest.mark.parametrize(
    "image",
    [
        picture(()),
        picture(value=9.0),  # not far above nearly all others
        picture(value=np.inf),
        picture() / 50,  # none above 1
        picture(tuple((y, x) for y in range(3, 60, 5) for x in range(3, 80, 9))),  # more than one in a thousand
        picture(((0, 8), (69, 8), (8, 0), (8, 89))),  # at the edges
        picture(((8, 8), (8, 9))),
    ],
    ids=["none", "not far", "infinite", "dark", "many", "edges", "two together"],
)
@pytest.mark.filterwarnings("error")
def test_other_pixels_are_not_counted(singles: Singles, image: Pixels) -> None:
    assert singles(image) is None


def test_only_colour_of_one_type_in_the_first_part_is_searched(opener: SourceOpener, budget: DecodeBudget) -> None:
    pixels = {name: picture()[..., number] for number, name in enumerate("RGB")}

    def part(name: str, kinds: tuple[int, int, int], width: int = WIDTH) -> Part:
        shown = {name: np.maximum(values, 0)[:, :width] for name, values in pixels.items()}
        channels = [Channel(each, kind) for each, kind in zip("BGR", kinds, strict=True)]
        return Part(name=name, data_window=(0, 0, width - 1, HEIGHT - 1), channels=channels, pixels=shown)

    halves = (HALF,) * 3
    for parts, are_found in (
        ([part("a", halves), part("b", halves)], [True, False]),
        ([part("a", (FLOAT, HALF, HALF))], [False]),
        ([part("a", (UINT,) * 3)], [False]),
        ([part("a", halves, width=1)], [False]),
        ([Part(name="depth", channels=(Channel("Z"),))], [False]),
    ):
        data = build(parts)
        found = report(opener.open_bytes(data), data, budget, config=PixelConfig(with_zeros=True))
        assert [each.singles is not None for each in found.parts] == are_found
