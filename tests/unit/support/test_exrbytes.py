"""The test writer against the OpenEXR library: valid files are read as written, and defects have the stated effect."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import OpenEXR
import pytest
from hypothesis import Phase, given, settings

from tests.support import exrbytes as ex
from tests.support.exrbytes import Channel, ManifestGroup, Part, Tiles
from tests.support.exrstrategies import KINDS, Example, Valued, files

PHASES = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)  # without explain, which takes most of a minute
RANDOM = settings(phases=PHASES)


def opened(data: bytes, *, header_only: bool = False) -> Any:
    return OpenEXR.File(io.BytesIO(data), separate_channels=True, header_only=header_only, num_threads=0)


def deep_samples(cells: np.ndarray) -> np.ndarray:
    filled = [np.asarray(cell) for cell in cells.reshape(-1) if cell is not None and len(cell)]
    return np.concatenate(filled) if filled else np.zeros(0)


def assert_same_pixels(part: Part, read: Any) -> None:
    assert set(read.channels) == {channel.name for channel in part.channels}
    for channel in part.channels:
        want, got = part.arrays[channel.name], read.channels[channel.name].pixels
        if part.is_deep:
            lengths = [0 if cell is None else len(cell) for cell in got.reshape(-1)]
            assert lengths == part.sample_counts.reshape(-1).tolist()
            got = deep_samples(got)
        assert got.shape == want.shape
        assert np.array_equal(got, want)


def plain(value: Any) -> Any:
    """Convert the module's header value to numbers and flat tuples."""
    if isinstance(value, np.ndarray):
        return plain(value.reshape(-1).tolist())
    if isinstance(value, (tuple, list)):
        flat = [plain(one) for one in value]
        return tuple(number for one in flat for number in (one if isinstance(one, tuple) else (one,)))
    return value


def manifest_entries(manifest: Any) -> list[dict[int, tuple[str, ...]]]:
    return [{entry.id(): tuple(entry.text()) for entry in manifest[i]} for i in range(manifest.size())]


# Conversions of the module's values to plain ones, by type; all others are numbers, texts and arrays.
PLAIN: dict[str, Callable[[Any], Any]] = {
    "compression": int,
    "lineOrder": int,
    "envmap": int,
    "bytes": lambda got: (got.type_hint, bytes(got.data)),
    "studioInfo": lambda got: bytes(got.data),
    "double": lambda got: plain(got)[0],
    "preview": lambda got: (*got.pixels.shape[::-1], got.pixels.tobytes()),
    "tiledesc": lambda got: (got.xSize, got.ySize, int(got.mode), int(got.roundingMode)),
    "timecode": lambda got: tuple(int(getattr(got, name)) for name in TIME_CODE),
    "keycode": lambda got: tuple(getattr(got, name) for name in KEY_CODE),
}
TIME_CODE = ("hours", "minutes", "seconds", "frame", "dropFrame", "colorFrame", "fieldPhase", "bgf0", "bgf1", "bgf2")
KEY_CODE = ("filmMfcCode", "filmType", "prefix", "count", "perfOffset", "perfsPerFrame", "perfsPerCount")


def time_fields(word: int) -> tuple[int, ...]:
    """The fields of a TV60 time code word, as `TIME_CODE` names them."""
    digits = ((24, 3), (16, 7), (8, 7), (0, 3))
    numbers = [(word >> low & 15) + 10 * (word >> low + 4 & tens) for low, tens in digits]
    return (*numbers, *(word >> bit & 1 for bit in (6, 7, 15, 23, 30, 31)))


def assert_same_value(valued: Valued, got: Any) -> None:
    if valued.attr.type == "timecode":
        assert PLAIN["timecode"](got) == time_fields(struct.unpack("<I", valued.attr.value[:4])[0])
    elif valued.attr.type == "rational":
        assert got == Fraction(*valued.value)
    elif valued.attr.type != "idmanifest":  # has its own test below: its value here is the payload
        assert PLAIN.get(valued.attr.type, plain)(got) == valued.value


# The OpenEXR module opens no file that has an attribute of this type, although the library knows it.
READABLE = sorted(set(KINDS) - {"deepImageState"})


@pytest.mark.slow
@RANDOM
@given(files(types=READABLE))
def test_the_library_reads_every_file_as_written(example: Example) -> None:
    file = opened(example.data)
    assert len(file.parts) == len(example.parts)
    for part, read in zip(example.parts, file.parts, strict=True):
        assert plain(read.header["dataWindow"]) == part.data_window
        assert plain(read.header["displayWindow"]) == part.display_window
        assert int(read.header["compression"]) == part.compression
        assert int(read.header["lineOrder"]) == part.line_order
        assert_same_pixels(part, read)


@pytest.mark.slow
@RANDOM
@given(files(max_parts=2, types=READABLE))
def test_the_library_reads_every_attribute_as_written(example: Example) -> None:
    file = opened(example.data, header_only=True)
    for read, attributes in zip(file.parts, example.attributes, strict=True):
        for valued in attributes:
            assert valued.attr.name in read.header
            assert_same_value(valued, read.header[valued.attr.name])


@pytest.mark.slow
@RANDOM
@given(files())
def test_the_map_points_at_the_bytes(example: Example) -> None:
    data, built = example.data, example.built
    assert struct.unpack_from("<I", data, 4)[0] == built.version_word
    for number, (part, places) in enumerate(zip(example.parts, built.parts, strict=True)):
        entries = struct.unpack_from(f"<{len(part.cells)}Q", data, places.table.start)
        assert places.table.end - places.table.start == 8 * len(entries)
        assert [places.chunks[index].start for index in range(len(entries))] == list(entries)
        for valued in example.attributes[number]:
            span = places.values[valued.attr.name]
            assert data[span.body : span.end] == valued.attr.value
            assert data[span.start :].startswith(valued.attr.name.encode() + b"\0")
        for index, span in places.chunks.items():
            chunk = part.chunk(number, index)
            assert data[span.body : span.end] == chunk.payload
            assert data[span.start : span.body].endswith(
                struct.pack("<i" if len(chunk.sizes) == 1 else "<Q", chunk.sizes[-1])
            )


@pytest.mark.parametrize("compression", [ex.RLE, ex.ZIPS, ex.ZIP])
@pytest.mark.parametrize("kind", ["scanlineimage", "tiledimage"])
def test_asked_for_compression_really_compresses(compression: int, kind: Any) -> None:
    part = Part(
        kind, (0, 0, 63, 40), compression=compression, compress=True, pixels={n: np.zeros((41, 64)) for n in "RGB"}
    )
    assert part.chunk(0, 0).sizes[0] < 64 * 2 * 3 // 2
    assert_same_pixels(part, opened(ex.build([part])).parts[0])


@pytest.mark.parametrize(
    ("rounding", "sizes"),
    [
        (ex.ROUND_DOWN, [(15, 17), (7, 8), (3, 4), (1, 2), (1, 1)]),
        (ex.ROUND_UP, [(15, 17), (8, 9), (4, 5), (2, 3), (1, 2), (1, 1)]),
    ],
)
def test_levels_have_the_sizes_of_their_rounding_mode(rounding: int, sizes: list[tuple[int, int]]) -> None:
    part = Part("tiledimage", (0, 0, 14, 16), tiles=Tiles(64, 64, ex.MIPMAP, rounding))
    assert [(cell.width, cell.height) for cell in part.cells] == sizes


def test_rip_map_tables_run_through_the_levels_in_x_first() -> None:
    part = Part("tiledimage", (0, 0, 3, 1), tiles=Tiles(2, 2, ex.RIPMAP))
    assert [cell.coordinates for cell in part.cells] == [
        (0, 0, 0, 0), (1, 0, 0, 0), (0, 0, 1, 0), (0, 0, 2, 0), (0, 0, 0, 1), (1, 0, 0, 1), (0, 0, 1, 1), (0, 0, 2, 1),
    ]  # fmt: skip
    assert [(cell.width, cell.height) for cell in part.cells[4:]] == [(2, 1), (2, 1), (2, 1), (1, 1)]


def test_subsampled_channels_are_stored_where_the_coordinate_itself_divides() -> None:
    channels = [Channel("Y", ex.UINT, 2, 2)]
    part = Part(data_window=(-3, -5, 1, -2), channels=channels, pixels={"Y": np.array([[1, 2], [3, 4]])})
    assert part.arrays["Y"].shape == Part(data_window=(-3, -5, 1, -2), channels=channels).arrays["Y"].shape
    assert [np.frombuffer(part.chunk(0, i).payload, "<u4").tolist() for i in range(4)] == [[], [1, 2], [], [3, 4]]


def test_upper_levels_hold_the_thinned_out_image() -> None:
    image = np.arange(8).reshape(2, 4)
    part = Part(
        "tiledimage", (0, 0, 3, 1), channels=[Channel("Y", ex.UINT)], pixels={"Y": image}, tiles=Tiles(2, 2, ex.MIPMAP)
    )
    levels = [np.frombuffer(part.chunk(0, index).payload, "<u4").tolist() for index in range(len(part.cells))]
    assert levels == [[0, 1, 4, 5], [2, 3, 6, 7], [0, 2], [0]]


@pytest.mark.parametrize(
    ("parts", "word"),
    [
        ([Part()], 2),
        ([Part("tiledimage")], 0x202),
        ([Part("deepscanline")], 0x802),
        ([Part("deeptile")], 0x802),
        ([Part(name="a"), Part(name="b")], 0x1002),
        ([Part(name="a"), Part("deeptile", name="b")], 0x1802),
        ([Part(channels=[Channel("c" * 32)])], 0x402),
        ([Part(extra=[ex.a_int("n" * 32, 1)])], 0x402),
        ([Part(extra=[ex.attr("n", "t" * 31)])], 2),
    ],
)
def test_the_version_word_describes_the_parts(parts: list[Part], word: int) -> None:
    assert ex.lay_out(parts).version_word == word


@pytest.mark.parametrize("storage", [0, 1, 2])
def test_the_library_reads_id_manifests(storage: int) -> None:
    long = "x" * 300
    entries = {5: ("tree/a", "leaf"), 70: ("tree/b", "bark"), 2**31: (long + "a", "ä"), 2**32 - 1: (long + "b", "leaf")}
    groups = [
        ManifestGroup(["id", "more"], ["name", "material"], entries, storage=storage),
        ManifestGroup(["other"], ["name"], {2**40: ("z",)}, hash_scheme="MurmurHash3_64", storage=0),
    ]
    manifest = opened(ex.build([Part(extra=[ex.a_idmanifest(groups)])])).header()["idManifest"]
    assert manifest.size() == 2
    for i, group in enumerate(groups):
        assert manifest[i].getChannels() == set(group.channels)
        assert manifest[i].getComponents() == list(group.components)
        assert manifest[i].getHashScheme() == group.hash_scheme
    assert manifest_entries(manifest) == [group.entries for group in groups]


def readable(data: bytes) -> bool:
    """Whether the module returns the pixels; otherwise it raises, or prints a warning and has no parts."""
    try:
        return len(opened(data).parts) > 0
    except (RuntimeError, ValueError):
        return False


def test_a_zeroed_table_is_rebuilt_by_the_library() -> None:
    part = Part(data_window=(0, 0, 7, 7), edit_table=lambda offsets: [0] * len(offsets))
    assert_same_pixels(part, opened(ex.build([part])).parts[0])


def test_a_short_table_loses_its_last_entries() -> None:
    part = Part(data_window=(0, 0, 7, 7), edit_table=lambda offsets: offsets[:-2])
    built = ex.lay_out([part])
    assert built.parts[0].table.end - built.parts[0].table.start == 6 * 8
    assert built.parts[0].chunks[0].start == built.tables_end


def test_an_edited_leader_is_written_as_edited() -> None:
    def shifted(index: int, chunk: ex.Chunk) -> ex.Chunk:
        return chunk if index != 2 else ex.Chunk(chunk.part_number, (99,), chunk.sizes, chunk.payload)

    built = ex.lay_out([Part(data_window=(0, 0, 7, 7), edit_chunk=shifted)])
    assert struct.unpack_from("<i", built.data, built.parts[0].chunks[2].start)[0] == 99
    assert not readable(built.data)


def test_what_the_library_repairs_silently() -> None:
    missing = opened(
        ex.build([Part(without=["compression", "lineOrder"], data_window=(0, 0, 63, 63))]), header_only=True
    )
    assert missing.header()["compression"] == OpenEXR.ZIP_COMPRESSION
    unknown = opened(ex.build([Part(replace=[ex.a_compression(77)])]), header_only=True)
    assert unknown.header()["compression"] == OpenEXR.ZIP_COMPRESSION
    count = Part(name="a", replace=[ex.a_int("chunkCount", 9)])
    assert_same_pixels(count, opened(ex.build([count, Part(name="b")])).parts[0])
    typed = Part(extra=[ex.a_string("type", "deeptile")])
    assert_same_pixels(typed, opened(ex.build([typed])).parts[0])


def test_decreasing_lines_stand_from_the_bottom_up() -> None:
    places = ex.lay_out([Part(data_window=(0, 0, 7, 7), line_order=ex.DECREASING_Y)]).parts[0]
    assert [index for index, _ in sorted(places.chunks.items(), key=lambda item: item[1].start)] == list(
        range(7, -1, -1)
    )


def test_values_can_be_patched_in_place() -> None:
    built = ex.lay_out([Part(extra=[ex.a_string("owner", "somebody")])])
    assert opened(built.with_value("owner", b"nobody!!")).header()["owner"] == "nobody!!"
