"""Layouts equal those of a brute-force computation; limits."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exr_inspector.errors import FormatError, LimitExceeded, UnknownLayout
from exr_inspector.exr.chunks.layout import Layout, computed_chunk_count, level_size, part_layout, samples
from exr_inspector.exr.header.parser import Header, parse_header
from exr_inspector.exr.header.values import LINES_PER_CHUNK, Box2i
from exr_inspector.exr.limits import Limits
from tests.support.exrbytes import Channel, Part, Tiles, a_box2i, a_chlist, a_compression, a_int, a_string, attr, build

boxes = st.tuples(st.integers(-1000, 1000), st.integers(-1000, 1000), st.integers(1, 70), st.integers(1, 70)).map(
    lambda box: (box[0], box[1], box[0] + box[2] - 1, box[1] + box[3] - 1)
)

descriptions = st.builds(
    Tiles, st.integers(1, 80), st.integers(1, 80), st.sampled_from([0, 1, 2]), st.sampled_from([0, 1])
)


def header_of(part: Part) -> Header:
    """A header without pixels: the part's attributes are those of a small image."""
    attributes = part.header_attributes(multi_part=False, any_deep=part.is_deep)
    return parse_header(build([Part(kind=part.kind, attributes=attributes)]))


def layout_of(part: Part, limits: Limits | None = None) -> Layout:
    return part_layout(header_of(part).parts[0], limits or Limits())


def brute_levels(width: int, height: int, tiles: Tiles) -> list[tuple[int, int, int, int]]:
    """(level x, level y, width, height) by repeated halving."""

    def sizes(full: int) -> list[int]:
        found, level = [], 0
        while True:
            exact = full / (1 << level)
            size = int(exact) if tiles.rounding == 0 else -int(-exact // 1)
            found.append(max(size, 1))
            if size <= 1:
                return found
            level += 1

    if tiles.mode == 0:
        return [(0, 0, width, height)]
    across, down = sizes(width), sizes(height)
    if tiles.mode == 2:
        return [(x, y, across[x], down[y]) for y in range(len(down)) for x in range(len(across))]
    count = max(len(across), len(down))
    across += [1] * (count - len(across))
    down += [1] * (count - len(down))
    return [(level, level, across[level], down[level]) for level in range(count)]


@settings(deadline=None)
@given(boxes, descriptions, st.booleans())
def test_tiles_cover_every_pixel_of_every_level_once(box: tuple[int, int, int, int], tiles: Tiles, deep: bool) -> None:
    x_size, y_size = tiles.x_size, tiles.y_size
    layout = layout_of(Part(kind="deeptile" if deep else "tiledimage", data_window=box, tiles=tiles))
    width, height = box[2] - box[0] + 1, box[3] - box[1] + 1
    expected = brute_levels(width, height, tiles)
    assert [(v.level_x, v.level_y, v.width, v.height) for v in layout.levels] == expected
    assert (layout.is_tiled, layout.is_deep) == (True, deep)
    index = 0
    for level, (_, _, level_width, level_height) in zip(layout.levels, expected, strict=True):
        assert level.first_chunk == index
        area = 0
        tops = range(0, level_height, y_size)
        lefts = range(0, level_width, x_size)
        for tile_y, top in enumerate(tops):
            for tile_x, left in enumerate(lefts):
                place = layout.place(index)
                assert (place.index, place.level, place.tile_x, place.tile_y) == (index, level, tile_x, tile_y)
                right, bottom = min(left + x_size, level_width) - 1, min(top + y_size, level_height) - 1
                assert place.window == Box2i(box[0] + left, box[1] + top, box[0] + right, box[1] + bottom)
                assert layout.index_of(level.level_x, level.level_y, tile_x, tile_y) == index
                area += place.window.width * place.window.height
                index += 1
        assert area == level_width * level_height
        assert level.chunk_count == len(tops) * len(lefts)
    assert layout.chunk_count == index


@given(boxes, st.sampled_from(sorted(LINES_PER_CHUNK)))
def test_scan_line_blocks_cover_every_line_once(box: tuple[int, int, int, int], compression: int) -> None:
    layout = layout_of(Part(data_window=box, compression=compression))
    lines = {
        "NONE RLE ZIPS ZSTD": 1,
        "ZIP PXR24": 16,
        "PIZ B44 B44A DWAA HTJ2K32": 32,
        "DWAB HTJ2K256 LJ2K": 256,
    }
    names = [
        "NONE",
        "RLE",
        "ZIPS",
        "ZIP",
        "PIZ",
        "PXR24",
        "B44",
        "B44A",
        "DWAA",
        "DWAB",
        "HTJ2K256",
        "HTJ2K32",
        "LJ2K",
        "ZSTD",
    ]
    per_chunk = next(n for group, n in lines.items() if names[compression] in group.split())
    covered = []
    for index in range(layout.chunk_count):
        window = layout.place(index).window
        assert (window.x_min, window.x_max) == (box[0], box[2])
        assert (window.y_min - box[1]) % per_chunk == 0
        assert window.height <= per_chunk
        covered += range(window.y_min, window.y_max + 1)
    assert covered == list(range(box[1], box[3] + 1))


@given(boxes, st.lists(st.tuples(st.integers(0, 2), st.integers(1, 4), st.integers(1, 4)), min_size=1, max_size=4))
def test_unpacked_sizes_by_counting(box: tuple[int, int, int, int], kinds: list[tuple[int, int, int]]) -> None:
    channels = [Channel(f"c{n}", kind, x, y) for n, (kind, x, y) in enumerate(kinds)]
    layout = layout_of(Part(replace=[a_chlist(channels), a_box2i("dataWindow", box), a_compression(3)]))
    for index in range(layout.chunk_count):
        window = layout.place(index).window
        counted = sum(
            (4, 2, 4)[channel.pixel_type]
            for channel in channels
            for y in range(window.y_min, window.y_max + 1)
            if y % channel.y_sampling == 0
            for x in range(window.x_min, window.x_max + 1)
            if x % channel.x_sampling == 0
        )
        assert layout.unpacked_bytes(window) == counted


@given(st.integers(1, 9), st.integers(-100, 100), st.integers(0, 50))
def test_samples_are_multiples(sampling: int, first: int, count: int) -> None:
    last = first + count
    assert samples(sampling, first, last) == sum(1 for x in range(first, last + 1) if x % sampling == 0)


def test_the_levels_of_the_format_s_own_example() -> None:
    down = [(v.width, v.height) for v in layout_of(tiled(15, 17, 1, 0)).levels]
    assert down == [(15, 17), (7, 8), (3, 4), (1, 2), (1, 1)]
    up = [(v.width, v.height) for v in layout_of(tiled(15, 17, 1, 1)).levels]
    assert up == [(15, 17), (8, 9), (4, 5), (2, 3), (1, 2), (1, 1)]
    assert level_size(1 << 30, 30, 1) == 1


def tiled(width: int, height: int, mode: int = 0, rounding: int = 0) -> Part:
    return Part(kind="tiledimage", data_window=(0, 0, width - 1, height - 1), tiles=Tiles(4, 4, mode, rounding))


def test_channels_are_in_the_order_of_the_pixels() -> None:
    layout = layout_of(Part(replace=[a_chlist([Channel("a"), Channel("B"), Channel("A.x"), Channel("A")])]))
    assert [channel.name for channel in layout.channels] == ["A", "A.x", "B", "a"]


def test_places_that_are_not_there() -> None:
    layout = layout_of(Part())
    for index in (-1, 3, 1 << 40):
        with pytest.raises(IndexError):
            layout.place(index)


def test_unknown_types_have_the_declared_count_and_no_places() -> None:
    part = Part(name="b", replace=[a_string("type", "hologram"), a_int("chunkCount", 7)])
    header = parse_header(build([Part(name="a"), part]))
    layout = part_layout(header.parts[1])
    assert (layout.chunk_count, layout.levels, layout.part_type) == (7, (), "hologram")
    with pytest.raises(IndexError):
        layout.place(0)


BAD = [
    Part(without="channels"),
    Part(without="compression"),
    Part(without="dataWindow"),
    Part(replace=[a_compression(14)]),
    Part(replace=[a_compression(255)]),
    Part(replace=[a_box2i("dataWindow", (1, 0, 0, 0))]),
    Part(replace=[a_box2i("dataWindow", (0, -(2**31), 0, 2**31 - 1))]),
    Part(replace=[a_box2i("dataWindow", (2**30, 0, 2**30, 0))]),
    Part(replace=[a_chlist([Channel("R", 3)])]),
    Part(replace=[a_chlist([Channel("R", -1)])]),
    Part(replace=[a_chlist([Channel("R", 1, 0)])]),
    Part(replace=[a_chlist([Channel("R", 1, 1, -1)])]),
    Part(kind="tiledimage", without="tiles"),
    Part(kind="tiledimage", replace=[attr("tiles", "tiledesc", bytes(9))]),
    Part(kind="tiledimage", replace=[attr("tiles", "tiledesc", b"\1\0\0\0\1\0\0\0\3")]),
    Part(kind="tiledimage", replace=[attr("tiles", "tiledesc", b"\1\0\0\0\1\0\0\0\x20")]),
    Part(kind="deepscanline", without="type"),
]


@pytest.mark.parametrize("part", BAD)
def test_no_layout_where_the_header_does_not_give_one(part: Part) -> None:
    header = parse_header(build([part]))
    with pytest.raises(UnknownLayout):
        part_layout(header.parts[0])


@pytest.mark.parametrize(
    ("part", "limits", "limit"),
    [
        (Part(replace=[a_box2i("dataWindow", (0, 0, 100, 0))]), Limits(image_px=100), "image_px"),
        (Part(replace=[a_box2i("dataWindow", (0, 0, 0, 100))]), Limits(image_px=100), "image_px"),
        (tiled(9, 9), Limits(tile_px=3), "tile_px"),
        (tiled(9, 9), Limits(chunks=8), "chunks"),
        (Part(replace=[a_box2i("dataWindow", (0, 0, 0, 1 << 20))]), Limits(), "chunks"),
        (Part(channels=[Channel(f"c{n}") for n in range(5)]), Limits(channels=4), "channels"),
    ],
)
def test_each_limit_of_layouts_is_enforced(part: Part, limits: Limits, limit: str) -> None:
    with pytest.raises(LimitExceeded) as caught:
        layout_of(part, limits)
    assert caught.value.limit == limit


def test_the_largest_windows_cost_nothing() -> None:
    window = (-(2**30) + 2, -(2**30) + 2, 2**30 - 2, 2**30 - 2)
    for kind in ("scanlineimage", "tiledimage", "deeptile"):
        part = Part(
            kind=kind, replace=[a_box2i("dataWindow", window), attr("tiles", "tiledesc", b"\1\0\0\0\1\0\0\0\2")]
        )
        header = parse_header(build([part]))
        assert (computed_chunk_count(header.parts[0]) or 0) > 1 << 30
        with pytest.raises(FormatError):
            part_layout(header.parts[0], Limits(image_px=1 << 32))
