"""Thumbnails: exact averages, windows and aspect ratio, the layer shown, the source, and the difference hash."""

from __future__ import annotations

import dataclasses
import io
import pickle
import re
from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image

from exr_inspector.catalog.schema import CELL_BYTES
from exr_inspector.errors import SettingsError
from exr_inspector.exr.header.values import Box2i
from exr_inspector.model import StatsMode, Thumbnail, Thumbnails
from exr_inspector.pixels import thumbnails
from exr_inspector.pixels.boxes import BoxAdder, BoxSums, Canvas, canvas_size
from exr_inspector.pixels.budget import DecodeBudget
from exr_inspector.pixels.decoded import DecodedBlock
from exr_inspector.pixels.reader import PixelConfig
from exr_inspector.pixels.statistics import Accumulator, Samples
from exr_inspector.pixels.thumbnails import THUMBNAILS_SETTING, difference_hash, require_encoder, shown_layers
from exr_inspector.storage import SourceOpener
from exr_inspector.texts import install_command
from tests.support.exrbytes import (
    FLOAT,
    HALF,
    MIPMAP,
    UINT,
    Channel,
    Part,
    Tiles,
    a_float,
    a_preview,
    a_string,
    a_stringvector,
    build,
)
from tests.support.located import located
from tests.unit.pixels.test_reader import report

FILE = PixelConfig(thumbnails=Thumbnails.FILE)


def rgb(kind: int = HALF) -> tuple[Channel, ...]:
    return tuple(Channel(name, kind) for name in "BGR")


def shown(thumbnail: Thumbnail) -> Samples:
    """The picture's pixels, shape (rows, columns, 3)."""
    image = Image.open(io.BytesIO(thumbnail.image))
    assert (image.format, image.size) == ("WEBP", (thumbnail.width, thumbnail.height))
    return np.asarray(image.convert("RGB"))


def made(
    opener: SourceOpener,
    budget: DecodeBudget,
    parts: Part | Sequence[Part],
    config: PixelConfig = FILE,
    mode: StatsMode = StatsMode.FULL,
) -> tuple[Thumbnail, ...]:
    data = build([parts] if isinstance(parts, Part) else list(parts))
    return report(opener.open_bytes(data), data, budget, mode=mode, config=config).thumbnails


# --- averages ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [HALF, FLOAT, UINT])
@pytest.mark.parametrize("tiles", [None, Tiles(16, 8)], ids=["lines", "tiles"])
@pytest.mark.parametrize("is_reversed", [False, True], ids=["in order", "backwards"])
def test_every_sample_counts_once_in_the_box_of_its_centre(kind: int, tiles: Tiles | None, is_reversed: bool) -> None:
    part = Part(channels=(Channel("Y", kind),), data_window=(-3, 5, 41, 37))
    if tiles is not None:
        part = dataclasses.replace(part, kind="tiledimage", tiles=tiles)
    layout = located(build([part])).layouts[0]
    canvas = Canvas(layout, layout.levels[0], Box2i(2, -1, 61, 38), 7, 5)
    values = np.random.default_rng(4).integers(-50 if kind != UINT else 0, 1000, (33, 45))
    values = values.astype({HALF: np.float16, FLOAT: np.float32, UINT: np.uint32}[kind])
    total = BoxSums(canvas)
    places = [layout.place(index) for index in range(layout.chunk_count)]
    for place in reversed(places) if is_reversed else places:
        own = place.window
        piece = np.ascontiguousarray(values[own.y_min - 5 : own.y_max - 4, own.x_min + 3 : own.x_max + 4])
        one = BoxAdder(canvas, [0])
        one.add(DecodedBlock(layout, (place,), (piece,)), 0, Accumulator(kind).add(piece), is_finite=True)
        total.put(one.pieces)
    y, x = np.mgrid[5:38, -3:42]
    x, y = x - 2, y + 1  # in the display window
    box = np.floor((y + 0.5) * 5 / 40).astype(int) * 7 + np.floor((x + 0.5) * 7 / 60).astype(int)
    inside = (x >= 0) & (y >= 0) & (x < 60) & (y < 40)
    sums, counts = (np.bincount(box[inside], weight[inside], 35) for weight in (values.astype(float), np.ones(x.shape)))
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(total.means(0), (sums / counts).reshape(5, 7), rtol=1e-6)


@pytest.mark.parametrize("tiles", [None, Tiles(50, 40)], ids=["lines", "tiles"])
@pytest.mark.parametrize("together", [1, 3, 7])
def test_high_boxes_average_every_fifth_row_and_show_every_nan(tiles: Tiles | None, together: int) -> None:
    part = Part(channels=(Channel("Y", HALF),), data_window=(0, 0, 99, 99), compression=0)
    if tiles is not None:
        part = dataclasses.replace(part, kind="tiledimage", tiles=tiles)
    layout = located(build([part])).layouts[0]
    canvas = Canvas(layout, layout.levels[0], layout.data_window, 4, 4)  # boxes of 25 x 25
    values = np.random.default_rng(1).random((100, 100)).astype(np.float16)
    values[51, 30] = np.nan  # row 51 is not summed
    values[3, 99] = np.inf
    total = BoxSums(canvas)
    rest = [layout.place(index) for index in range(layout.chunk_count)]
    while rest:
        count = together if tiles is None else 2  # the tiles of a row
        places, rest = rest[:count], rest[count:]
        windows = [place.window for place in places]
        array = np.concatenate([values[w.y_min : w.y_max + 1, w.x_min : w.x_max + 1] for w in windows])
        adder = BoxAdder(canvas, [0])
        is_finite = bool(np.isfinite(array).all())
        adder.add(DecodedBlock(layout, tuple(places), (array,)), 0, Accumulator(HALF).add(array), is_finite=is_finite)
        total.put(adder.pieces)
    means = values[::5].astype(float).reshape(4, 5, 4, 25).mean(axis=(1, 3))
    means[2, 1], means[0, 3] = np.nan, np.inf
    np.testing.assert_allclose(total.means(0), means, rtol=1e-6)


@pytest.mark.parametrize("has_nan", [False, True])
def test_a_box_without_a_row_that_is_summed_shows_the_one_above_it(has_nan: bool) -> None:
    part = Part(channels=(Channel("Y", FLOAT),), data_window=(0, 1, 99, 75), compression=0)
    layout = located(build([part])).layouts[0]
    canvas = Canvas(
        layout, layout.levels[0], Box2i(0, 0, 99, 99), 4, 4
    )  # one row of samples, the 75th, is in the last boxes
    values = np.full((75, 100), 0.5, np.float32)
    values[74, 60] = np.nan if has_nan else 0.5
    adder = BoxAdder(canvas, [0])
    places = tuple(layout.place(index) for index in range(layout.chunk_count))
    adder.add(DecodedBlock(layout, places, (values,)), 0, None, is_finite=not has_nan)
    total = BoxSums(canvas)
    total.put(adder.pieces)
    means = np.full((4, 4), 0.5)
    means[3, 2] = np.nan if has_nan else 0.5
    np.testing.assert_array_equal(total.means(0), means)


def test_a_picture_of_one_pixel(opener: SourceOpener, budget: DecodeBudget) -> None:
    (thumbnail,) = made(opener, budget, Part(channels=rgb(), data_window=(0, 0, 0, 0), display_window=(0, 0, 0, 0)))
    assert (thumbnail.width, thumbnail.height) == (1, 1)


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [0, 1, 3], [1, 3]])
def test_lines_decoded_together_count_where_they_lie(order: list[int]) -> None:
    layout = located(build([Part(channels=(Channel("Y", FLOAT),), data_window=(0, 0, 7, 3))])).layouts[0]
    values = np.arange(32, dtype=np.float32).reshape(4, 8)
    adder = BoxAdder(Canvas(layout, layout.levels[0], layout.data_window, 8, 4), [0])
    adder.add(DecodedBlock(layout, tuple(map(layout.place, order)), (values[order],)), 0, None, is_finite=True)
    total = BoxSums(Canvas(layout, layout.levels[0], layout.data_window, 8, 4))
    total.put(adder.pieces)
    np.testing.assert_array_equal(total.means(0)[order], values[order])


def test_chunks_in_any_grouping_give_the_same_bytes(opener: SourceOpener, budget: DecodeBudget) -> None:
    part = Part(channels=rgb(), data_window=(0, 0, 299, 199))
    small = dataclasses.replace(FILE, read_bytes=4000, strip_bytes=9000)
    whole = made(opener, budget, part)
    assert made(opener, budget, part, small) == whole
    tiled = dataclasses.replace(part, kind="tiledimage", tiles=Tiles(32, 32))
    assert np.abs(shown(made(opener, budget, tiled)[0]).astype(int) - shown(whole[0])).max() <= 1


def test_what_was_added_up_travels_between_processes(opener: SourceOpener, budget: DecodeBudget) -> None:
    layout = located(build([Part(data_window=(0, 0, 4095, 15), compression=3)])).layouts[0]
    canvas = Canvas(layout, layout.levels[0], layout.data_window, 160, 1)
    adder = BoxAdder(canvas, [2])
    piece = np.ones((16, 4096), np.float16)
    adder.add(DecodedBlock(layout, (layout.place(0),), (piece,) * 3), 2, None, is_finite=True)
    sent = pickle.dumps(adder.pieces)
    assert len(sent) < 20_000
    total = BoxSums(pickle.loads(pickle.dumps(canvas)))
    total.put(pickle.loads(sent))
    assert (total.means(2) == 1).all()


@pytest.mark.parametrize("size", [6, 20])
def test_subsampled_channels_fill_the_boxes_between_their_samples(
    opener: SourceOpener, budget: DecodeBudget, size: int
) -> None:
    channels = (Channel("BY", HALF, 2, 2), Channel("RY", HALF, 2, 2), Channel("Y", HALF))
    arrays = {
        "BY": np.zeros((size // 2, size // 2), np.float16),
        "RY": np.zeros((size // 2, size // 2), np.float16),
        "Y": np.full((size, size), 0.5, np.float16),
    }
    (one,) = made(opener, budget, Part(channels=channels, data_window=(0, 0, size - 1, size - 1), pixels=arrays))
    assert np.abs(shown(one).astype(int) - 188).max() <= 2  # 0.5 as sRGB encodes it


# --- geometry ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("window", "aspect", "size"),
    [
        ((0, 0, 1919, 1079), 1.0, (160, 90)),
        ((0, 0, 1827, 1555), 2.0, (160, 68)),
        ((0, 0, 99, 49), 1.0, (100, 50)),
        ((0, 0, 99, 49), 0.5, (50, 50)),
        ((0, 0, 999_999, 0), 1.0, (160, 1)),
        ((0, 0, 99, 49), float("nan"), (100, 50)),
        ((0, 0, 99, 49), -1.0, (100, 50)),
    ],
)
def test_a_thumbnail_fits_into_160_pixels_with_square_pixels(
    window: tuple[int, int, int, int], aspect: float, size: tuple[int, int]
) -> None:
    assert canvas_size(Box2i(*window), aspect, 160) == size


def test_the_data_window_lies_where_it_lies_in_the_display_window(opener: SourceOpener, budget: DecodeBudget) -> None:
    white = {name: np.ones((40, 60), np.float16) for name in "BGR"}
    part = Part(channels=rgb(), data_window=(-30, 20, 29, 59), display_window=(0, 0, 99, 99), pixels=white)
    (one,) = made(opener, budget, part)
    picture = shown(one)
    assert picture.shape == (100, 100, 3)
    assert (picture[25:55, 2:26] > 250).all()
    assert (picture[:16] < 5).all()
    assert (picture[25:55, 35:] < 5).all()


@pytest.mark.parametrize(
    ("display", "size"),
    [((0, 0, 0, 9), (1, 10)), ((0, 0, 9, 0), (10, 1)), ((0, 0, -1, 9), (11, 10)), ((0, 9, 9, 0), (11, 10))],
)
def test_a_display_window_without_pixels_is_replaced_by_the_data_window(
    opener: SourceOpener, budget: DecodeBudget, display: tuple[int, int, int, int], size: tuple[int, int]
) -> None:
    (thumbnail,) = made(opener, budget, Part(channels=rgb(), data_window=(-5, 0, 5, 9), display_window=display))
    assert (thumbnail.width, thumbnail.height) == size


def test_pixel_aspect_makes_pixels_square(opener: SourceOpener, budget: DecodeBudget) -> None:
    part = Part(channels=rgb(), data_window=(0, 0, 79, 79), replace=[a_float("pixelAspectRatio", 2.0)])
    (one,) = made(opener, budget, part)
    assert (one.width, one.height) == (80, 40)


# --- what is shown -----------------------------------------------------------------------------------------


def test_a_nan_is_magenta_and_stays_it(opener: SourceOpener, budget: DecodeBudget) -> None:
    arrays = {name: np.full((200, 200), 0.2, np.float16) for name in "BGR"}
    arrays["G"][100, 100] = np.nan
    arrays["R"][10, 10] = np.inf
    (one,) = made(opener, budget, Part(channels=rgb(), data_window=(0, 0, 199, 199), pixels=arrays))
    picture = shown(one)
    assert tuple(picture[80, 80]) == (255, 0, 255)
    assert int((picture == (255, 0, 255)).all(axis=-1).sum()) == 1
    assert picture[8, 8, 0] == 255


def test_pixels_that_do_not_decode_are_magenta(opener: SourceOpener, budget: DecodeBudget) -> None:
    part = Part(channels=rgb(), data_window=(0, 0, 31, 31), absent=frozenset({1}), compression=3)
    (one,) = made(opener, budget, part)
    magenta = (shown(one) == (255, 0, 255)).all(axis=-1)
    assert magenta[16:].all()
    assert not magenta[:16].any()


def test_the_beauty_is_shown_or_every_layer(opener: SourceOpener, budget: DecodeBudget) -> None:
    names = ("A", "B", "G", "R", "Z", "diffuse.B", "diffuse.G", "diffuse.R", "N.X", "N.Y", "N.Z", "mask.a")
    depth = Part(name="depth", channels=(Channel("Z", FLOAT),), data_window=(0, 0, 9, 9))
    beauty = Part(name="beauty", channels=tuple(Channel(name) for name in names), data_window=(0, 0, 9, 9))
    parts = [depth, beauty]
    assert [(one.part, one.layer) for one in made(opener, budget, parts)] == [(1, "")]
    every = made(opener, budget, parts, PixelConfig(thumbnails=Thumbnails.LAYERS))
    found = {(one.part, one.layer): (one.exposure, one.transform == "sRGB") for one in every}
    assert found == {
        (0, "Z"): (None, False),
        (1, ""): (0.0, True),
        (1, "Z"): (None, False),
        (1, "N"): (None, False),
        (1, "diffuse"): (0.0, True),
    }
    assert made(opener, budget, parts, PixelConfig()) == ()
    data = Part(channels=[Channel(name) for name in ("N.X", "N.Y", "N.Z", "Z")], data_window=(0, 0, 9, 9))
    assert [one.layer for one in made(opener, budget, data)] == ["N"], "the first one if none is colour"


@pytest.mark.parametrize("is_multi_part", [False, True])
def test_each_view_has_a_picture(opener: SourceOpener, budget: DecodeBudget, is_multi_part: bool) -> None:
    window = (0, 0, 9, 9)
    views = a_stringvector("multiView", ["left", "right"])
    one = Part(
        channels=[Channel(n) for n in ("B", "G", "R", "right.B", "right.G", "right.R")],
        data_window=window,
        extra=[views],
    )
    two = [
        Part(name=f"rgb.{view}", channels=rgb(), data_window=window, extra=[a_string("view", view)])
        for view in ("left", "right")
    ]
    depth = Part(name="z.right", channels=[Channel("Z")], data_window=window, extra=[a_string("view", "right")])
    found = [(each.part, each.layer) for each in made(opener, budget, [*two, depth] if is_multi_part else one)]
    assert found == ([(0, ""), (1, "")] if is_multi_part else [(0, ""), (0, "right")])


@pytest.mark.parametrize("names", ["RGB", ("red", "green", "blue"), ("Red", "Green", "Blue"), "rgb"])
def test_colour_by_long_names_is_one_picture(opener: SourceOpener, budget: DecodeBudget, names: Sequence[str]) -> None:
    levels = dict(zip(names, (1.0, 0.0, 0.0), strict=True))
    pixels = {name: np.full((10, 10), level, np.float16) for name, level in levels.items()}
    part = Part(channels=[Channel(name) for name in sorted(names)], data_window=(0, 0, 9, 9), pixels=pixels)
    (one,) = made(opener, budget, part, PixelConfig(thumbnails=Thumbnails.LAYERS))
    red, green, blue = shown(one)[5, 5]
    assert (one.exposure, red > 200, green < 50, blue < 50) == (0.0, True, True, True)


def test_layers_are_bounded() -> None:
    part = Part(channels=tuple(Channel(f"l{number:03}.Z") for number in range(100)))
    file = located(build([part]))
    assert len(shown_layers(file.header, file.layouts, Thumbnails.LAYERS)) == thumbnails.MOST_PICTURES


def test_depth_goes_from_black_to_white(opener: SourceOpener, budget: DecodeBudget) -> None:
    ramp = np.tile(np.linspace(10, 20, 64, dtype=np.float32), (8, 1))
    (one,) = made(opener, budget, Part(channels=(Channel("Z", FLOAT),), data_window=(0, 0, 63, 7), pixels={"Z": ramp}))
    assert one.transform == "10 to 20"
    assert (shown(one)[4, 0, 0] < 5, shown(one)[4, -1, 0] > 250) == (True, True)


def test_noise_stays_below_what_a_cell_holds(opener: SourceOpener, budget: DecodeBudget) -> None:
    noise = np.random.default_rng(1)
    arrays = {name: noise.random((160, 160)).astype(np.float16) for name in "BGR"}
    arrays["R"][0, 0] = np.nan  # which makes it lossless
    (one,) = made(opener, budget, Part(channels=rgb(), data_window=(0, 0, 159, 159), pixels=arrays))
    assert 50_000 < len(one.image) < CELL_BYTES


# --- without all pixels ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "size", "shown_size"), [(StatsMode.OFF, (4, 2), (4, 2)), (StatsMode.SAMPLED, (400, 200), (160, 80))]
)
def test_a_preview_serves_without_reading_all_pixels(
    opener: SourceOpener, budget: DecodeBudget, mode: StatsMode, size: tuple[int, int], shown_size: tuple[int, int]
) -> None:
    part = Part(
        channels=rgb(FLOAT),
        data_window=(0, 0, 799, 499),
        extra=[a_preview("preview", *size, bytes([200, 10, 30, 255] * size[0] * size[1]))],
    )
    few = dataclasses.replace(FILE, max_sample_bytes=100_000)
    (one,) = made(opener, budget, part, few, mode)
    assert (one.source, one.width, one.height, one.transform, one.exposure) == ("preview", *shown_size, "none", None)
    assert np.abs(shown(one).astype(int) - (200, 10, 30)).max() < 12
    (whole,) = made(opener, budget, part)
    assert whole.source == "level 0,0"


def test_a_small_level_serves_without_reading_all_pixels(opener: SourceOpener, budget: DecodeBudget) -> None:
    part = Part(channels=rgb(), data_window=(0, 0, 799, 499), kind="tiledimage", tiles=Tiles(64, 64, MIPMAP))
    data = build([part])
    source = opener.open_bytes(data)
    found = report(source, data, budget, mode=StatsMode.OFF, config=FILE)
    (one,) = found.thumbnails
    assert (one.source, one.width, one.height) == ("level 2,2", 160, 100)
    assert source.cost.bytes_read < len(data) // 8
    assert (found.mode, found.channels, found.parts) == (StatsMode.OFF, (), ())


def test_a_file_that_a_sample_reads_whole_needs_no_other_source(opener: SourceOpener, budget: DecodeBudget) -> None:
    part = Part(channels=rgb(), data_window=(0, 0, 39, 29))
    assert made(opener, budget, part, mode=StatsMode.SAMPLED) == made(opener, budget, part)
    assert made(opener, budget, part, mode=StatsMode.OFF) == ()


def test_deep_parts_have_none(opener: SourceOpener, budget: DecodeBudget) -> None:
    part = Part(kind="deepscanline", channels=rgb(), data_window=(0, 0, 9, 9))
    assert made(opener, budget, part) == ()


def test_without_an_encoder_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    require_encoder(THUMBNAILS_SETTING)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    install = rf"needs the package Pillow: {re.escape(install_command('report'))}"
    with pytest.raises(SettingsError, match=f"^EXR_THUMBNAILS {install}; for the function"):
        require_encoder(THUMBNAILS_SETTING)
    with pytest.raises(SettingsError, match=f"^a thumbnail {install}$"):
        require_encoder("a thumbnail")


# --- the hash ----------------------------------------------------------------------------------------------


def test_the_hash_keeps_what_a_picture_looks_like() -> None:
    y, x = np.mgrid[0:90, 0:160]
    picture = (127 + 80 * np.sin(x / 20 + y / 31) + 40 * np.cos(y / 9)).clip(0, 255).astype(np.uint8)
    picture = np.repeat(picture[..., None], 3, axis=-1)
    noise = np.random.default_rng(3).integers(-6, 7, picture.shape)
    changed = (picture.astype(int) * 0.9 + noise).clip(0, 255).astype(np.uint8)

    def distance(one: Samples, other: Samples) -> int:
        return ((difference_hash(one) ^ difference_hash(other)) & (2**64 - 1)).bit_count()

    assert distance(picture, picture[::2, ::2]) <= 2
    assert distance(picture, changed) <= 4
    assert distance(picture, picture[:, ::-1]) > 20
    assert -(2**63) <= difference_hash(picture) < 2**63


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (90, 160)])
def test_pictures_without_structure_have_the_hash_0(size: tuple[int, int]) -> None:
    assert difference_hash(np.full((*size, 3), 77, np.uint8)) == 0


@pytest.mark.parametrize(
    ("columns", "bits"),
    [(range(0, 180, 2), "ff"), ([0, 20, 10, 20, 10, 20, 10, 20, 10], "aa")],
    ids=["rising", "waves"],
)
def test_a_bit_is_set_where_the_right_neighbour_is_brighter(columns: Sequence[int], bits: str) -> None:
    picture = np.repeat(np.tile(np.array(columns, np.uint8), (8, 1))[..., None], 3, axis=-1)
    assert f"{difference_hash(picture) & (2**64 - 1):x}" == bits * 8
