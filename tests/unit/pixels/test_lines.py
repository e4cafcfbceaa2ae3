"""Seams of images that were put together, and edges that are none, in a full read; the small image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from exr_inspector.model import ColourLines
from exr_inspector.pixels.budget import DecodeBudget
from exr_inspector.pixels.reader import PixelConfig
from exr_inspector.storage import SourceOpener
from tests.support.exrbytes import HALF, ZIP, Channel, Part, Tiles, a_string, build
from tests.unit.pixels.test_reader import report

HEIGHT, WIDTH = 70, 90
Pixels = np.ndarray
Lines = Callable[..., ColourLines]


@pytest.fixture
def lines(opener: SourceOpener, budget: DecodeBudget) -> Lines:
    """The lines of an image of these R, G and B."""

    def read(image: Pixels, *, tiles: Tiles | None = None, strip_bytes: int = 1 << 20) -> ColourLines:
        height, width = image.shape[:2]
        kind = {"kind": "tiledimage", "tiles": tiles} if tiles else {}
        part = Part(
            data_window=(3, -5, width + 2, height - 6),
            channels=[Channel(name, HALF) for name in "BGR"],
            pixels={name: image[..., number] for number, name in enumerate("RGB")},
            compression=ZIP,
            **kind,
        )
        data = build([part])
        config = PixelConfig(with_zeros=True, read_bytes=8 * strip_bytes, strip_bytes=strip_bytes)
        found = report(opener.open_bytes(data), data, budget, config=config).parts[0].lines
        assert found is not None
        return found

    return read


def picture(seed: int = 1, size: int = 1) -> Pixels:
    random = np.random.default_rng(seed)
    height, width = HEIGHT * size, WIDTH * size
    y, x = np.mgrid[0:height, 0:width]
    grey = 0.4 + 0.2 * np.sin(x / 9 + y / 14) + 0.1 * np.cos(y / 12 - x / 20)
    return grey[..., None] * np.array([1.1, 0.9, 0.7]) * (1 + 0.02 * random.standard_normal((height, width, 3)))


@pytest.mark.parametrize("tiles", [None, Tiles(32, 16)], ids=["scan lines", "tiles"])
@pytest.mark.parametrize("strip_bytes", [1 << 20, 5_000])
def test_a_seam_is_found_where_the_tone_changes(lines: Lines, tiles: Tiles | None, strip_bytes: int) -> None:
    image = picture()
    image[:, 50:] *= [1.2, 1.0, 0.9]
    image[40:] *= 0.8
    found = lines(image, tiles=tiles, strip_bytes=strip_bytes)
    assert [(seam.is_vertical, seam.at) for seam in found.seams] == [(True, 50), (False, 40)]
    assert found.seams[0].channel == "R"
    assert [seam.factor for seam in found.seams] == pytest.approx([1.2, 0.8], rel=0.02)


def test_seams_of_four_tiles(lines: Lines) -> None:
    image = picture(size=2)
    image[:70, :90] *= 1.2
    image[70:, 90:] *= 1.2
    assert [(seam.is_vertical, seam.at) for seam in lines(image).seams] == [(True, 90), (False, 70)]


def beside(left: Pixels, right: Pixels) -> Pixels:
    return np.concatenate([left[:, :45], right[:, 45:]], axis=1)


@pytest.mark.parametrize(
    "image",
    [
        picture(),
        beside(picture(), picture(2)[::-1] * 1.3),  # two images
        beside(picture() * 0.0, picture()),  # a black border
        beside(np.full((HEIGHT, WIDTH, 3), 0.4), np.full((HEIGHT, WIDTH, 3), 0.5)),  # a chart
        beside(*(np.full((HEIGHT, WIDTH, 3), 0.4) + 0.01 * np.random.default_rng(n).random((HEIGHT, WIDTH, 3)) + 0.1 * n
                 for n in (0, 1))),  # a corner of two walls
        np.where(np.arange(WIDTH)[:, None] % 10 < 5, 1.3, 1.0) * picture(),  # blinds
        np.where(np.arange(HEIGHT)[:, None, None] < 50, 1.0, np.where(np.arange(WIDTH)[:, None] < 70, 1.0, 1.3)) * picture(),
        picture()[:14],
        picture()[:, :14],
    ],
    ids=["plain", "two images", "border", "chart", "corner", "blinds", "short line", "few rows", "few columns"],
)  # fmt: skip
def test_other_edges_are_no_seams(lines: Lines, image: Pixels) -> None:
    assert lines(image).seams == ()


def test_the_small_image_is_the_mean_of_cells(lines: Lines) -> None:
    image = np.kron(np.arange(256.0).reshape(16, 16), np.ones((4, 5)))[..., None] * np.ones(3)
    small = np.frombuffer(lines(image).small, np.float32)
    assert small.tolist() == [*range(256)]
    image[9, 9] = np.nan
    assert lines(image).small in {b"", small.tobytes()}  # the row may not be among those sampled


@pytest.mark.filterwarnings("error")
def test_infinite_values_make_no_small_image(lines: Lines) -> None:
    image = picture()
    image[:, 7] = [np.inf, -np.inf, 1]
    assert replace(lines(image), noise=0.0, bends=b"") == ColourLines((), b"")


def test_the_first_part_of_each_view_is_sampled(opener: SourceOpener, budget: DecodeBudget) -> None:
    views = {"a": None, "b": "left", "c": "left", "d": None}
    data = build([Part(name=name, extra=[a_string("view", view)] if view else []) for name, view in views.items()])
    found = report(opener.open_bytes(data), data, budget, config=PixelConfig(with_zeros=True))
    assert [part.lines is None for part in found.parts] == [False, False, True, True]


@pytest.mark.parametrize(("stored", "read", "period"), [(4, 3, 4), (3, 4, 3), (3, 3, 0)])
def test_stripes_of_pixels_that_were_read_with_another_number_of_channels(
    lines: Lines, stored: int, read: int, period: int
) -> None:
    image = picture(size=2)
    height, width = image.shape[:2]
    buffer = np.dstack([image, np.ones((height, width))])[..., :stored].ravel()
    striped = np.resize(buffer, height * width * read).reshape(height, width, read)[..., :3]
    assert lines(striped).stripe_period == period


def test_rows_of_two_images_in_turns(lines: Lines) -> None:
    image = picture(size=2)
    woven = image.copy()
    woven[1::2] = np.roll(image, 12, axis=1)[1::2]
    woven[:20] = 0  # a black bar
    stripes = image.copy()
    stripes[1::2, : image.shape[1] // 3] *= 0.3  # cloth in a part of the image
    mosaic = image.copy()
    mosaic[::2, ::2] *= 0.5
    mosaic[1::2, 1::2] *= 0.5
    noise = np.random.default_rng(2).random(image.shape)
    assert lines(woven).row_steps > 1.2
    assert [lines(each).row_steps for each in (image, stripes, mosaic, noise)] == [0, 0, 0, 0]


def test_edges_are_weaker_in_a_blurred_image(lines: Lines) -> None:
    image = picture(size=2)
    image[:, ::12] *= 3  # posts
    blurred = np.mean([np.roll(image, at, axis=1) for at in range(8)], axis=0)
    assert lines(image).edges > 1.5 * lines(blurred).edges > 0


def test_a_mosaic_and_a_texture_are_no_stripes(lines: Lines) -> None:
    image = picture(size=2)
    image[:, ::2] *= 0.7
    assert not lines(image).stripe_period
    image[:50, ::3] *= 0.5
    assert not lines(image).stripe_period


@pytest.mark.parametrize(
    ("across", "down", "repeats"), [(2, 2, 2), (3, 3, 3), (2, 4, 2), (1, 2, 1), (2, 1, 1), (8, 8, 1)]
)
def test_pixels_that_are_repeated(lines: Lines, across: int, down: int, repeats: int) -> None:
    image = picture(size=2).repeat(across, axis=1).repeat(down, axis=0)
    assert lines(image).repeats == repeats
    assert lines(image[1:, 1:]).repeats == repeats, "a crop"


def test_flat_areas_and_checks_are_no_repeated_pixels(lines: Lines) -> None:
    image = np.ones((64, 128, 3))
    assert lines(image).repeats == 1
    image[:, ::16] = 0.5
    assert lines(image).repeats == 1
    image[:, 100] = 0.2
    assert lines(image).repeats == 1


def blurred(image: Pixels, radius: int) -> Pixels:
    """The image after a blur that takes black from outside of it."""
    padded = np.pad(image, ((radius, radius), (radius, radius), (0, 0)))
    for axis in (0, 1):
        padded = np.mean([np.roll(padded, step, axis) for step in range(-radius, radius + 1)], axis=0)
    return padded[radius:-radius, radius:-radius]


def test_edges_that_fade_to_half(lines: Lines) -> None:
    image = picture(size=2)
    level = lines(blurred(image, 4)).border_level
    assert level == pytest.approx(0.55, abs=0.08)
    assert lines(image).border_level is None
    y, x = np.mgrid[-1:1:140j, -1:1:180j]
    vignette = image * (1 - 0.3 * (x**2 + y**2))[..., None]
    assert lines(vignette).border_level is None
    matte = image * (np.hypot(x, y) < 0.9)[..., None]
    assert lines(matte).border_level is None


def test_long_lines_are_not_sampled_since_they_take_much_memory(opener: SourceOpener, budget: DecodeBudget) -> None:
    for width, is_sampled in ((1 << 14, True), ((1 << 14) + 1, False)):
        data = build([Part(data_window=(0, 0, width - 1, 1), channels=[Channel("Y", HALF)], compression=ZIP)])
        found = report(opener.open_bytes(data), data, budget, config=PixelConfig(with_zeros=True)).parts[0].lines
        assert (found is not None) is is_sampled
