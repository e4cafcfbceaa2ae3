"""Chunks decoded through small files in memory equal what was written and what the library reads of the whole file."""

import dataclasses
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import OpenEXR
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exr_inspector.errors import DecodeError, LimitExceeded
from exr_inspector.exr.chunks.layout import ChunkPlace, Layout, samples
from exr_inspector.exr.chunks.leaders import parse_leader
from exr_inspector.exr.header.parser import Header
from exr_inspector.pixels.decode import _COUNTS, DeepPayload, _flat_samples, decode_chunks
from exr_inspector.pixels.decoded import DecodedBlock
from exr_inspector.pixels.isolation import _Job
from exr_inspector.pixels.work import StripWork, needs_of
from tests.support import exrbytes as ex
from tests.support.exrbytes import Channel, Chunk, Part, Tiles
from tests.support.exrbytes_codec import compressed
from tests.support.exrbytes_part import level_array
from tests.support.exrstrategies import Example, files
from tests.support.located import located

Array = np.ndarray[Any, Any]
ALL_CODES = range(14)


def payload(data: bytes, header: Header, layout: Layout, offset: int) -> bytes | DeepPayload:
    leader = parse_leader(data, offset, layout, header.is_multi_part)
    if leader.unpacked_bytes is None:
        return data[leader.data_offset : leader.end]
    middle = leader.data_offset + leader.table_bytes
    return DeepPayload(data[leader.data_offset : middle], data[middle : leader.end], leader.unpacked_bytes)


def decoded(data: bytes, part: int, indices: Sequence[int] | None = None) -> list[DecodedBlock]:
    file = located(data)
    layout = file.layouts[part]
    chosen = range(layout.chunk_count) if indices is None else indices
    places = [layout.place(index) for index in chosen]
    payloads = [payload(data, file.header, layout, int(file.tables[part].offsets[index])) for index in chosen]
    return decode_chunks(layout, places, payloads)


def pieces(strip: list[DecodedBlock], channel: int) -> dict[int, Array]:
    """Each chunk's array, by index."""
    return {
        place.index: piece for block in strip for place, piece in zip(block.places, block.pieces(channel), strict=True)
    }


def written(part: Part, layout: Layout, channel: int, place: ChunkPlace) -> Array:
    """The samples that the writer was given for one chunk."""
    entry, window, whole = layout.channels[channel], place.window, layout.data_window
    array = part.arrays[entry.name]
    if layout.is_deep:
        cell, every = part.cells[place.index], part.sample_counts
        starts = level_array(np.cumsum(every).reshape(every.shape) - every, cell)
        counts = level_array(every, cell)
        return np.concatenate([array[s : s + n] for s, n in zip(starts.reshape(-1), counts.reshape(-1), strict=True)])
    if place.level.level_x or place.level.level_y:
        return level_array(array, part.cells[place.index])
    top = samples(entry.y_sampling, whole.y_min, window.y_min - 1)
    left = samples(entry.x_sampling, whole.x_min, window.x_min - 1)
    rows = samples(entry.y_sampling, window.y_min, window.y_max)
    return array[top : top + rows, left : left + samples(entry.x_sampling, window.x_min, window.x_max)]


@pytest.mark.slow
@given(files(types=("int",)), st.data())
def test_any_chunks_of_any_part_decode_to_what_was_written(example: Example, draw: st.DataObject) -> None:
    number = draw.draw(st.integers(0, len(example.parts) - 1))
    part = example.parts[number]
    layouts = located(example.data).layouts
    layout = layouts[number]
    chosen = draw.draw(st.lists(st.integers(0, layout.chunk_count - 1), min_size=1, unique=True))
    strip = decoded(example.data, number, chosen)
    for channel in range(len(layout.channels)):
        found = pieces(strip, channel)
        assert sorted(found) == sorted(chosen)
        for index, piece in found.items():
            assert piece.tobytes() == written(part, layout, channel, layout.place(index)).tobytes()


def test_deep_counts_are_those_written() -> None:
    counts = np.arange(12, dtype="<i4").reshape(3, 4) % 5
    part = Part(kind="deeptile", tiles=Tiles(3, 2), counts=counts, compression=ex.ZIPS, compress=True)
    blocks = decoded(ex.build([part]), 0)
    found = np.zeros((3, 4), np.int32)
    for block in blocks:
        for place, piece in zip(block.places, block.count_pieces(), strict=True):
            window = place.window
            found[window.y_min : window.y_max + 1, window.x_min : window.x_max + 1] = piece
    assert np.array_equal(found, counts)


def by_library(
    kind: Any, code: int, channels: dict[str, Any], window: tuple[int, int] = (0, 0), tile: int = 32
) -> bytes:
    """A file that the OpenEXR library compressed."""
    array = next(iter(channels.values()))
    array = array.pixels if isinstance(array, OpenEXR.Channel) else array
    height, width = array.shape
    box = (np.array(window, np.int32), np.array([window[0] + width - 1, window[1] + height - 1], np.int32))
    header = {"compression": OpenEXR.Compression(code), "type": kind, "dataWindow": box, "displayWindow": box}
    if kind in {OpenEXR.tiledimage, OpenEXR.deeptile}:
        header["tiles"] = OpenEXR.TileDescription()
        header["tiles"].xSize = header["tiles"].ySize = tile
    out = io.BytesIO()
    OpenEXR.File(header, dict(channels)).write(out)
    return out.getvalue()


def smooth(height: int, width: int, seed: int) -> Array:
    y, x = np.mgrid[0:height, 0:width]
    noise = np.random.default_rng(seed).random((height, width))
    return np.sin(x / 17 + seed) * np.cos(y / 11) + 0.01 * noise


def flat_channels(height: int, width: int) -> dict[str, Array]:
    names = ("R", "G", "B", "A", "N.x")
    channels: dict[str, Array] = {
        name: smooth(height, width, number).astype(np.float16) for number, name in enumerate(names)
    }
    channels["Z"] = smooth(height, width, 9).astype(np.float32)
    channels["id"] = (np.arange(height * width, dtype=np.uint32) // 50).reshape(height, width)
    return channels


def assert_equal_to_whole_file(data: bytes, strip: list[DecodedBlock], layout: Layout) -> int:
    """Assert that every decoded value equals the library's reading of the whole file; returns the number of chunks."""
    whole = OpenEXR.File(io.BytesIO(data), separate_channels=True, num_threads=0).parts[0].channels
    corner, seen = layout.data_window, 0
    for number, channel in enumerate(layout.channels):
        array = whole[channel.name].pixels
        for block in strip:
            for place, piece in zip(block.places, block.pieces(number), strict=True):
                window = place.window
                top = samples(channel.y_sampling, corner.y_min, window.y_min - 1)
                left = samples(channel.x_sampling, corner.x_min, window.x_min - 1)
                expected = array[top : top + piece.shape[0], left : left + piece.shape[1]]
                assert piece.tobytes() == expected.tobytes(), (channel.name, place)
                seen += not number
    return seen


@pytest.mark.parametrize("kind", [OpenEXR.scanlineimage, OpenEXR.tiledimage], ids=["scan line", "tiled"])
@pytest.mark.parametrize("code", ALL_CODES)
def test_every_codec_is_decoded_as_in_the_whole_file(code: int, kind: Any) -> None:
    data = by_library(kind, code, flat_channels(300, 75), window=(-7, -33))
    layout = located(data).layouts[0]
    assert layout.compression == code
    assert assert_equal_to_whole_file(data, decoded(data, 0), layout) == layout.chunk_count
    some = range(layout.chunk_count - 1, -1, -2)  # with gaps, out of order, clipped chunks among them
    assert assert_equal_to_whole_file(data, decoded(data, 0, some), layout) == len(some)


@pytest.mark.parametrize("sampling", [2, 3])
@pytest.mark.parametrize("code", ALL_CODES)
def test_subsampled_rows_keep_their_phase(code: int, sampling: int) -> None:
    small = Channel("BY", ex.HALF, sampling, sampling)
    channels = (Channel("Y"), small, dataclasses.replace(small, name="RY"))
    data = ex.build([Part(data_window=(-6, -12, 41, 83), channels=channels, compression=code, compress=True)])
    layout = located(data).layouts[0]
    for first in range(min(layout.chunk_count, 7)):
        some = [index for index in range(first, layout.chunk_count) if index % 5 != 4]
        assert assert_equal_to_whole_file(data, decoded(data, 0, some), layout) == len(some)


def deep_channel(counts: Array, dtype: Any, seed: int) -> Array:
    random = np.random.default_rng(seed)
    out = np.empty(counts.shape, object)
    for place, count in np.ndenumerate(counts):
        out[place] = random.integers(0, 5, count).astype(dtype)
    return out


@pytest.mark.parametrize("kind", [OpenEXR.deepscanline, OpenEXR.deeptile], ids=["scan line", "tiled"])
@pytest.mark.parametrize("code", [ex.NONE, ex.RLE, ex.ZIPS, ex.ZSTD])
def test_deep_codecs_are_decoded_as_in_the_whole_file(code: int, kind: Any) -> None:
    counts = np.random.default_rng(code).integers(0, 5, (33, 40))
    counts[3] = 0  # a row without any sample
    channels = {
        "A": deep_channel(counts, np.float16, 1),
        "Z": deep_channel(counts, np.float32, 2),
        "id": deep_channel(counts, np.uint32, 3),
    }
    data = by_library(kind, code, channels, tile=16)
    layout = located(data).layouts[0]
    for some in (range(layout.chunk_count), range(0, layout.chunk_count, 2)):
        for block in decoded(data, 0, some):
            for number, channel in enumerate(layout.channels):
                for place, piece in zip(block.places, block.pieces(number), strict=True):
                    window = place.window
                    box = (slice(window.y_min, window.y_max + 1), slice(window.x_min, window.x_max + 1))
                    expected = np.concatenate(list(channels[channel.name][box].reshape(-1)))
                    assert piece.tobytes() == expected.tobytes()


@pytest.mark.parametrize("code", ALL_CODES)
def test_chunks_stored_raw_are_what_the_library_makes_of_them(code: int) -> None:
    part = Part(
        compression=code, data_window=(2, 5, 30, 44), channels=(Channel("R"), Channel("Z", ex.FLOAT), Channel("a"))
    )
    data = ex.build([part])
    layout = located(data).layouts[0]
    assert assert_equal_to_whole_file(data, decoded(data, 0), layout) == layout.chunk_count


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0], [3, 0, 5, 1, 4, 2]])
@pytest.mark.parametrize("gap", [b"", b"gap"])
def test_raw_chunks_are_found_wherever_they_lie_in_one_buffer(order: list[int], gap: bytes) -> None:
    part = Part(data_window=(0, 0, 8, 5), channels=(Channel("R"), Channel("Z", ex.FLOAT)))
    data = ex.build([part], order=[(0, index) for index in order], gaps={(0, 4): gap})
    file = located(data)
    layout = file.layouts[0]
    places = [layout.place(index) for index in range(6)]
    starts = [parse_leader(data, int(offset), layout, False) for offset in file.tables[0].offsets]
    views = [memoryview(data)[leader.data_offset : leader.end] for leader in starts]
    assert not file.header.is_multi_part
    for chosen in (range(6), range(0, 6, 2), range(1), (0, 1, 4, 5)):
        (block,) = decode_chunks(layout, [places[i] for i in chosen], [views[i] for i in chosen])
        for found, name in zip(block.arrays, ("R", "Z"), strict=True):
            assert found.tobytes() == part.arrays[name][list(chosen)].tobytes()


def flat(compression: int = ex.ZIP, **arguments: Any) -> tuple[Layout, ChunkPlace, bytes]:
    data = ex.build([Part(compression=compression, compress=True, data_window=(0, 0, 63, 15), **arguments)])
    file = located(data)
    layout = file.layouts[0]
    packed = payload(data, file.header, layout, int(file.tables[0].offsets[0]))
    assert isinstance(packed, bytes)
    return layout, layout.place(0), packed


@pytest.mark.parametrize(
    ("compression", "damage"),
    [
        (ex.ZIP, lambda packed: packed[:-9]),
        (ex.ZIP, lambda packed: bytes(len(packed))),
        (ex.ZIP, lambda packed: b""),
        (ex.ZIP, lambda packed: packed + bytes(10_000)),
        (ex.NONE, lambda packed: packed[:-1]),
    ],
    ids=["cut short", "zeros", "empty", "larger than unpacked", "short and not compressed"],
)
def test_damaged_chunks_do_not_decode(compression: int, damage: Any) -> None:
    layout, place, packed = flat(compression)
    with pytest.raises(DecodeError):
        decode_chunks(layout, [place], [damage(packed)])


def test_a_limit_holds_before_anything_is_decoded() -> None:
    layout, place, packed = flat()
    size = layout.unpacked_bytes(place.window)
    assert decode_chunks(layout, [place], [packed], max_bytes=size)
    with pytest.raises(LimitExceeded) as refused:
        decode_chunks(layout, [place], [bytes(len(packed))], max_bytes=size - 1)
    assert refused.value.limit == "EXR_MEMORY_MIB"


@pytest.mark.parametrize(
    "part",
    [
        Part(
            channels=[Channel("A", 1), Channel("Z", 2)], data_window=(-3, 2, 9, 40), compression=ex.ZIP, compress=True
        ),
        Part(channels=[Channel("BY", 1, 2, 2), Channel("Y", 1)], data_window=(0, 0, 9, 7)),
        Part("tiledimage", channels=[Channel("R", 2)], data_window=(0, 0, 20, 9), tiles=Tiles(8, 8)),
        Part("deepscanline", channels=[Channel("A", 1), Channel("Z", 2)], data_window=(0, 0, 4, 6)),
    ],
)
def test_the_memory_that_is_taken_for_arrays_is_theirs(part: Part) -> None:
    data = ex.build([part])
    file = located(data)
    layout = file.layouts[0]
    offsets = file.tables[0].offsets
    chunks = [(layout.place(i), payload(data, file.header, layout, int(at))) for i, at in enumerate(offsets)]
    needs = needs_of(layout, chunks)
    blocks = decode_chunks(layout, [place for place, _ in chunks], [packed for _, packed in chunks])
    held = [array.nbytes for block in blocks for array in block.arrays]
    held += [block.counts.nbytes for block in blocks if block.counts is not None]
    assert needs.arrays == sum(held)
    packed = sum(len(p.table) + len(p.data) if isinstance(p, DeepPayload) else len(p) for _, p in chunks)
    assert packed < needs.library < needs.bytes == needs.arrays + needs.library


@pytest.mark.parametrize("is_taken", [False, True])
def test_a_process_that_decodes_has_memory_for_what_it_is_sent_and_answers(is_taken: bool) -> None:
    layout, place, packed = flat()
    work = StripWork(0, 0, layout, (place.index,), is_taken=is_taken)
    held = len(packed) + layout.unpacked_bytes(place.window) * (1 + is_taken)  # taken rows are copies
    job = _Job(work, work.chunks([packed]), 1.0, None)
    assert held <= job.bytes_in_arrays < job.bytes


def deep(edit: Any = None, **arguments: Any) -> list[DecodedBlock]:
    part = Part(kind="deepscanline", data_window=(0, 0, 7, 0), compression=ex.ZIPS, compress=True, **arguments)
    data = ex.build([part])
    file = located(data)
    layout = file.layouts[0]
    packed = payload(data, file.header, layout, int(file.tables[0].offsets[0]))
    assert isinstance(packed, DeepPayload)
    return decode_chunks(layout, [layout.place(0)], [edit(packed) if edit else packed], max_bytes=1 << 20)


@pytest.mark.parametrize(
    "edit",
    [
        lambda packed: packed._replace(unpacked_bytes=packed.unpacked_bytes + 2),
        lambda packed: packed._replace(table=b""),
        lambda packed: packed._replace(table=bytes(40)),
        lambda packed: packed._replace(table=np.array([1, 2, 3, 2, 3, 4, 5, 7], "<i4").tobytes()),
        lambda packed: packed._replace(table=np.array([-1, 2, 3, 4, 5, 6, 6, 7], "<i4").tobytes()),
        lambda packed: packed._replace(table=np.array([0, 0, 0, 0, 0, 0, 0, 2**31 - 1], "<i4").tobytes()),
        lambda packed: packed._replace(data=bytes(len(packed.data))),
    ],
    ids=["unpacked size", "no table", "large table", "table falls", "negative", "huge count", "damaged samples"],
)
def test_deep_chunks_that_contradict_themselves_do_not_decode(edit: Any) -> None:
    assert deep()[0].counts is not None
    with pytest.raises(DecodeError):
        deep(edit)


def test_the_library_sees_no_samples_whose_size_the_sample_table_contradicts(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    opened_by_library = OpenEXR.File

    def spy(*arguments: Any, **options: Any) -> Any:
        made.append(1)
        return opened_by_library(*arguments, **options)

    monkeypatch.setattr(OpenEXR, "File", spy)
    deep()
    assert len(made) == 2  # the sample table, then the samples
    with pytest.raises(DecodeError):
        deep(lambda packed: packed._replace(unpacked_bytes=packed.unpacked_bytes + 2))
    assert len(made) == 3


@pytest.mark.parametrize("pixels", [[np.zeros(2, np.uint32), None], [np.zeros(3, np.float32)], []])
def test_samples_that_the_library_makes_otherwise_than_declared_are_none(pixels: list[Array | None]) -> None:
    with pytest.raises(DecodeError):
        _flat_samples(np.array([*pixels, None], object)[:-1], _COUNTS, 3)


def test_a_deep_chunk_that_promises_too_much_is_refused() -> None:
    with pytest.raises(LimitExceeded):
        deep(lambda packed: packed._replace(unpacked_bytes=1 << 40))


@pytest.mark.parametrize("code", [ex.NONE, ex.ZIPS])
def test_tables_of_whole_tiles_are_read_as_those_of_their_clipped_tiles(code: int) -> None:
    counts = np.array([[1, 2, 0], [3, 0, 1]], "<i4")

    def pad(index: int, chunk: Chunk) -> Chunk:
        table, data, unpacked = chunk.sizes
        grown = chunk.payload[:table] + bytes(4 * 16 - table) + chunk.payload[table:]
        return dataclasses.replace(chunk, sizes=(4 * 16, data, unpacked), payload=grown)

    part = Part(
        kind="deeptile",
        data_window=(0, 0, 2, 1),
        tiles=Tiles(4, 4),
        counts=counts,
        channels=(Channel("Z"),),
        compression=code,
    )
    plain, padded = ex.build([part]), ex.build([dataclasses.replace(part, edit_chunk=pad)])
    assert decoded(padded, 0)[0].arrays[0].tobytes() == decoded(plain, 0)[0].arrays[0].tobytes()
    if code != ex.NONE:
        return  # the library no longer reads files of old writers
    whole = OpenEXR.File(io.BytesIO(padded), separate_channels=True, num_threads=0).parts[0].channels["Z"].pixels
    assert [len(pixel) if pixel is not None else 0 for pixel in whole.reshape(-1)] == counts.reshape(-1).tolist()


@pytest.mark.parametrize("code", [ex.RLE, ex.ZIPS])
def test_packed_tables_may_be_larger_than_what_they_hold(code: int) -> None:
    """As OpenEXR 3.1 writes tables of clipped tiles: larger after packing, but not larger than the table of a whole tile."""
    counts = np.array([[5]], "<i4")

    def pack_table(index: int, chunk: Chunk) -> Chunk:
        raw, data, unpacked = chunk.sizes
        table = compressed(chunk.payload[:raw], code)
        assert raw < len(table) < 4 * 16
        return dataclasses.replace(chunk, sizes=(len(table), data, unpacked), payload=table + chunk.payload[raw:])

    part = Part(
        kind="deeptile",
        data_window=(0, 0, 0, 0),
        tiles=Tiles(4, 4),
        counts=counts,
        channels=(Channel("Z"),),
        compression=code,
        edit_chunk=pack_table,
    )
    data = ex.build([part])
    block = decoded(data, 0)[0]
    assert block.counts.tolist() == [5]
    whole = OpenEXR.File(io.BytesIO(data), separate_channels=True, num_threads=0).parts[0].channels["Z"].pixels
    assert block.arrays[0].tobytes() == np.concatenate(list(whole.reshape(-1))).tobytes()


@pytest.mark.parametrize(
    ("part", "place", "expected"),
    [
        (Part(compression=ex.ZIP, data_window=(-5, -9, 10, 30)), (20, 12), (7, 11)),
        (Part(kind="tiledimage", data_window=(-5, -9, 30, 30), tiles=Tiles(8, 8)), (20, 12), (7, 11)),
    ],
    ids=["scan line", "tiled"],
)
def test_first_pixel_is_in_reading_order(part: Part, place: tuple[int, int], expected: tuple[int, int]) -> None:
    arrays = {name: array.copy() for name, array in part.arrays.items()}
    arrays["R"][place] = np.nan
    arrays["R"][place[0] + 1, 0] = np.nan  # earlier in its tile's row, later in the image
    strip = decoded(ex.build([dataclasses.replace(part, pixels=arrays)]), 0)
    found = [pixel for block in strip if (pixel := block.first_pixel(2, np.isnan)) is not None]
    assert min(found, key=lambda pixel: pixel[::-1]) == expected
    assert all(block.first_pixel(0, np.isnan) is None for block in strip)


def test_first_pixel_of_deep_samples_is_the_one_that_holds_it() -> None:
    counts = np.array([[0, 2, 0, 3]], "<i4")
    values = np.array([1, 2, 3, np.nan, 5], "<f4")
    part = Part(
        kind="deepscanline",
        data_window=(10, 4, 13, 4),
        counts=counts,
        channels=(Channel("Z", ex.FLOAT),),
        pixels={"Z": values},
    )
    assert decoded(ex.build([part]), 0)[0].first_pixel(0, np.isnan) == (13, 4)
