"""Decodes compressed chunks to numpy arrays with the OpenEXR library, which reads only small files in memory (`mini_file`).

The sizes that a chunk states are compared with the layout and with `max_bytes` before anything is decompressed. The caller
chooses the chunks, provides their bytes, and handles the failure of one of several.
"""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
import OpenEXR

from exr_inspector.errors import DecodeError, LimitExceeded
from exr_inspector.exr.chunks.layout import ChunkPlace, Layout, samples
from exr_inspector.exr.header.values import PIXEL_BYTES, Box2i, Channel, Compression, PixelType, code_name
from exr_inspector.pixels.decoded import Array, DecodedBlock
from exr_inspector.pixels.mini_file import Payload, deep_file, library_names, scan_line_file, tiled_file

DTYPES: dict[int, np.dtype[Any]] = {0: np.dtype("<u4"), 1: np.dtype("<f2"), 2: np.dtype("<f4")}
DEFAULT_MAX_BYTES = 1 << 30
LIBRARY = f"OpenEXR {OpenEXR.__version__}"
_COUNTS = Channel("samples", PixelType.UINT, 0, b"", 1, 1)
_MAX_PHASE_ROWS = 4096  # real files have shorter row patterns; bounds the padding
# The exceptions that the Python binding raises for C++ exceptions. MemoryError is no fault of a chunk, so it is not included.
_LIBRARY_ERRORS = (RuntimeError, ValueError, TypeError, IndexError, KeyError, OverflowError)


class DeepPayload(NamedTuple):
    """The data of a deep chunk.

    Attributes:
        table: Packed sample table.
        data: Packed samples.
        unpacked_bytes: Unpacked size of the samples in bytes, according to the leader.
    """

    table: Payload
    data: Payload
    unpacked_bytes: int


# Makes a file that the library can open from the pieces of its contents: returns a path or a stream.
MakeFile = Callable[[Sequence[Payload]], str | io.BytesIO]
_P = TypeVar("_P", Payload, DeepPayload)
_Chunk = tuple[ChunkPlace, _P]


def in_stream(pieces: Sequence[Payload]) -> io.BytesIO:
    """A Python stream with the contents of these pieces."""
    return io.BytesIO(b"".join(pieces))


def unpacked_sizes(layout: Layout, places: Sequence[ChunkPlace]) -> list[int]:
    """The uncompressed size in bytes of each flat chunk: as `Layout.unpacked_bytes`, but faster for unsampled channels."""
    if any(channel.x_sampling > 1 or channel.y_sampling > 1 for channel in layout.channels):
        return [layout.unpacked_bytes(place.window) for place in places]
    pixel_bytes = sum(PIXEL_BYTES[channel.pixel_type] for channel in layout.channels)
    windows = [place.window for place in places]
    return [window.width * window.height * pixel_bytes for window in windows]


def decode_chunks(
    layout: Layout,
    places: Sequence[ChunkPlace],
    payloads: Sequence[Payload | DeepPayload],
    *,
    max_bytes: int = DEFAULT_MAX_BYTES,
    make_file: MakeFile = in_stream,
) -> list[DecodedBlock]:
    """Decode chunks of one part.

    Args:
        layout: The part's layout.
        places: The chunks, each once, in any order and of any level.
        payloads: The data after each leader: the stored bytes for flat parts, a DeepPayload for deep parts.
        max_bytes: Maximum unpacked size of all chunks together.
        make_file: Makes the file that the library opens; each file is used only until the next call.

    Returns:
        The decoded chunks, one block for each shape.

    Raises:
        DecodeError: A chunk does not decode to the expected samples; the error does not identify the chunk.
        LimitExceeded: The chunks would unpack to more than `max_bytes`.
    """
    chunks: list[tuple[ChunkPlace, Any]] = sorted(zip(places, payloads, strict=True), key=lambda chunk: chunk[0].index)
    shapes: dict[tuple[int, int, bool], list[tuple[ChunkPlace, Any]]] = {}
    if layout.is_deep:
        for chunk in chunks:
            window = chunk[0].window
            shapes.setdefault((window.width, window.height, False), []).append(chunk)
        return [_decode_deep(layout, members, max_bytes, make_file) for members in shapes.values()]
    sizes = unpacked_sizes(layout, [place for place, _ in chunks])
    _check_sizes(layout, chunks, sizes, max_bytes)
    if any(channel.y_sampling > 1 for channel in layout.channels):
        return [_decode_phased(layout, run, make_file) for run in _runs(chunks)]
    for chunk, unpacked in zip(chunks, sizes, strict=True):
        window = chunk[0].window
        is_raw = len(chunk[1]) == unpacked
        shape = (window.width, window.height) if layout.is_tiled else (window.width, layout.tile_height)
        shapes.setdefault((*shape, is_raw), []).append(chunk)
    blocks = []
    for (width, height, is_raw), members in shapes.items():
        if is_raw:
            blocks.append(_unpacked(layout, members))
        elif layout.is_tiled:
            blocks.append(_decode_tiles(layout, (width, height), members, make_file))
        else:
            blocks.append(_decode_blocks(layout, members, make_file))
    return blocks


def _too_large(unpacked: int, max_bytes: int) -> LimitExceeded:
    return LimitExceeded(
        "chunks are too large", limit="EXR_MEMORY_MIB", found=f"{unpacked} bytes", expected=f"at most {max_bytes}"
    )


def _check_sizes(
    layout: Layout, chunks: Sequence[tuple[ChunkPlace, Any]], sizes: Sequence[int], max_bytes: int
) -> None:
    """Check the packed sizes of flat chunks: a valid chunk is never larger packed than unpacked."""
    for (place, packed), unpacked in zip(chunks, sizes, strict=True):
        size = len(packed)
        if size > unpacked or (size != unpacked and (layout.compression == Compression.NONE or not size)):
            most = "exactly" if layout.compression == Compression.NONE else "1 to"
            raise DecodeError(f"chunk {place.index} has {size} bytes", expected=f"{most} {unpacked}")
    total = sum(sizes)
    if total > max_bytes:
        raise _too_large(total, max_bytes)


def _read(pieces: Sequence[Payload], channels: Sequence[Channel], compression: int, make_file: MakeFile) -> list[Array]:
    """The arrays that the library decodes from a single-part file, in the order of `channels`."""
    file = make_file(pieces)
    try:
        parts = OpenEXR.File(file, separate_channels=True, num_threads=0).parts
    except _LIBRARY_ERRORS as error:
        found = str(error).replace(file, "...") if isinstance(file, str) else str(error)
        raise DecodeError(_refused(compression), found=found[:200]) from error
    if not parts:  # the library has written the reason to the process's output
        raise DecodeError(_refused(compression))
    decoded = parts[0].channels
    names = library_names(channels)
    if any(name not in decoded for name in names):
        raise DecodeError("the OpenEXR library does not find all channels", found=", ".join(decoded)[:200])
    return [decoded[name].pixels for name in names]


def _refused(compression: int) -> str:
    return f"the OpenEXR library refuses the {code_name(Compression, compression)} data"


def _size(shape: Sequence[int]) -> str:
    """The shape of an array as text, for a message."""
    return " x ".join(map(str, shape)) + " samples"


def _checked(arrays: Sequence[Array], channels: Sequence[Channel], rows: int, columns: int) -> Iterator[Array]:
    """The arrays. Raises DecodeError if one has not the type and shape of its channel in `rows` x `columns` pixels."""
    for array, channel in zip(arrays, channels, strict=True):
        shape = (rows // channel.y_sampling, columns // channel.x_sampling)
        if array.dtype != DTYPES[channel.pixel_type] or array.shape != shape:
            raise DecodeError(
                f"channel {channel.name!r} decoded to something else",
                found=f"{array.dtype}, {_size(array.shape)}",
                expected=f"{np.dtype(DTYPES[channel.pixel_type])}, {_size(shape)}",
            )
        yield array


def _rows(payloads: Sequence[Payload], row_bytes: int) -> Array:
    """The concatenated bytes of the payloads as rows: an array with a last axis of `row_bytes`.

    Payloads of equal size at equal distances in one buffer, such as chunks, are returned as a view without a copy.
    """
    owners = {id(payload.obj) if isinstance(payload, memoryview) else None for payload in payloads}
    if len({len(payload) for payload in payloads}) == 1 and len(owners) == 1 and None not in owners:
        views = [np.frombuffer(payload, np.uint8) for payload in payloads]
        places = [view.__array_interface__["data"][0] for view in views]
        steps = {after - before for before, after in itertools.pairwise(places)} or {0}
        if len(steps) == 1:
            shape = (len(views), len(views[0]) // row_bytes, row_bytes)
            return np.lib.stride_tricks.as_strided(views[0], shape, (*steps, row_bytes, 1), writeable=False)
    return np.frombuffer(b"".join(payloads), np.uint8).reshape(-1, row_bytes)


def _unpacked(layout: Layout, chunks: Sequence[_Chunk[Payload]]) -> DecodedBlock:
    """The samples of chunks that are stored raw, as every codec does with incompressible data.

    Each row contains the samples of the first channel, then those of the next.
    """
    columns = [
        samples(channel.x_sampling, layout.data_window.x_min, layout.data_window.x_min + chunks[0][0].window.width - 1)
        for channel in layout.channels
    ]
    sizes = [count * PIXEL_BYTES[channel.pixel_type] for count, channel in zip(columns, layout.channels, strict=True)]
    stored = _rows([packed for _, packed in chunks], sum(sizes))
    arrays = []
    first = 0
    for size, channel in zip(sizes, layout.channels, strict=True):
        rows = np.ascontiguousarray(stored[..., first : first + size])
        arrays.append(rows.reshape(-1, size).view(DTYPES[channel.pixel_type]))
        first += size
    return DecodedBlock(layout, tuple(place for place, _ in chunks), tuple(arrays))


def _decode_tiles(
    layout: Layout, shape: tuple[int, int], chunks: Sequence[_Chunk[Payload]], make_file: MakeFile
) -> DecodedBlock:
    file = tiled_file(layout.channels, layout.compression, shape, [packed for _, packed in chunks])
    decoded = _read(file, layout.channels, layout.compression, make_file)
    arrays = _checked(decoded, layout.channels, shape[1] * len(chunks), shape[0])
    return DecodedBlock(layout, tuple(place for place, _ in chunks), tuple(arrays))


def _decode_blocks(layout: Layout, chunks: Sequence[_Chunk[Payload]], make_file: MakeFile) -> DecodedBlock:
    """Decode scan line blocks as one file without gaps. Only a part's last block may have fewer rows; it stays the last."""
    blocks = []
    rows = 0
    for place, packed in chunks:
        blocks.append((rows, packed))
        rows += place.window.height
    # Only the horizontal position matters for decoding; the rows are not subsampled here.
    window = Box2i(layout.data_window.x_min, 0, layout.data_window.x_max, rows - 1)
    file = scan_line_file(layout.channels, layout.compression, window, blocks)
    arrays = _read(file, layout.channels, layout.compression, make_file)
    checked = _checked(arrays, layout.channels, rows, window.width)
    return DecodedBlock(layout, tuple(place for place, _ in chunks), tuple(checked))


def _runs(chunks: Sequence[_Chunk[Payload]]) -> Iterator[list[_Chunk[Payload]]]:
    """The chunks in runs of consecutive indices."""
    run: list[_Chunk[Payload]] = []
    for chunk in chunks:
        if run and chunk[0].index != run[-1][0].index + 1:
            yield run
            run = []
        run.append(chunk)
    if run:
        yield run


def _decode_phased(layout: Layout, run: Sequence[_Chunk[Payload]], make_file: MakeFile) -> DecodedBlock:
    """Decode consecutive blocks of a part with subsampled rows at their own position, padded with blocks of zeros.

    The library requires data windows that start and end at full periods of the row samplings. A block with equal packed and
    unpacked size is stored raw with any compression, so zeros are a valid block.
    """
    whole, lines = layout.data_window, layout.tile_height
    period = math.lcm(*(channel.y_sampling for channel in layout.channels))
    if period > _MAX_PHASE_ROWS:
        raise DecodeError("rows are subsampled in too long a pattern", found=str(period))
    top, bottom = run[0][0].window.y_min, run[-1][0].window.y_max
    first = top
    while first % period and first > whole.y_min:
        first -= lines
    last = min(bottom + -(bottom - first + 1) % period, whole.y_max)
    blocks: list[tuple[int, Payload]] = []
    for y in range(first, last + 1, lines):
        if top <= y <= bottom:
            blocks.append((y, run[(y - top) // lines][1]))
        else:
            filling = Box2i(whole.x_min, y, whole.x_max, min(y + lines - 1, last))
            blocks.append((y, bytes(layout.unpacked_bytes(filling))))
    window = Box2i(whole.x_min, first, whole.x_max, last)
    file = scan_line_file(layout.channels, layout.compression, window, blocks)
    decoded = _read(file, layout.channels, layout.compression, make_file)
    arrays = []
    for array, channel in zip(
        _checked(decoded, layout.channels, window.height, window.width), layout.channels, strict=True
    ):
        skipped = samples(channel.y_sampling, first, top - 1)
        arrays.append(array[skipped : skipped + samples(channel.y_sampling, top, bottom)])
    return DecodedBlock(layout, tuple(place for place, _ in run), tuple(arrays))


def _flat_samples(arrays: Array, channel: Channel, expected: int) -> Array:
    """The samples of one deep channel as one array, from the library's array of arrays."""
    dtype = DTYPES[channel.pixel_type]
    pieces = [piece for piece in arrays if piece is not None and len(piece)]
    flat = np.concatenate(pieces) if pieces else np.empty(0, dtype)
    if flat.dtype != dtype or flat.shape != (expected,):
        raise DecodeError(
            f"channel {channel.name!r} decoded to something else",
            found=f"{flat.dtype}, {_size(flat.shape)}",
            expected=f"{np.dtype(dtype)}, {_size((expected,))}",
        )
    return flat


def _sample_counts(layout: Layout, chunks: Sequence[_Chunk[DeepPayload]], make_file: MakeFile) -> Array:
    """The number of samples of each pixel, int32, shape (chunks, rows, columns), from the packed sample tables.

    A sample table is packed like samples, so the library decodes it as the UINT samples of a deep file.
    """
    window = chunks[0][0].window
    table_bytes = 4 * window.width * window.height
    total = np.array([window.width * window.height], "<i4").tobytes()
    # C++ writers pack a tile's table if the result is not larger than the table of a full tile, so the packed table of a
    # clipped tile can be larger than its unpacked table. Old writers store a full tile's table, whose first entries are valid.
    whole_tile = 4 * layout.tile_width * layout.tile_height if layout.is_tiled else 0
    packed = []
    for place, payload in chunks:
        table = payload.table
        if not 0 < len(table) <= max(table_bytes, whole_tile):
            raise DecodeError(
                f"chunk {place.index} has a sample table of impossible size",
                found=f"{len(table)} bytes",
                expected=f"1 to {max(table_bytes, whole_tile)}",
            )
        is_raw = layout.compression == Compression.NONE or len(table) == whole_tile
        packed.append((total, table[:table_bytes] if is_raw else table, table_bytes))
    file = deep_file([_COUNTS], layout.compression, None, packed)
    pixels = _read(file, [_COUNTS], layout.compression, make_file)[0]
    flat = _flat_samples(pixels.reshape(-1), _COUNTS, len(chunks) * window.width * window.height)
    running = flat.view("<i4").reshape(len(chunks), window.height, window.width)
    counts = np.diff(running, axis=2, prepend=np.int32(0))
    if running.min() < 0 or counts.min() < 0:
        raise DecodeError("a sample table is not ascending", expected="running totals along each row")
    return counts


def _decode_deep(
    layout: Layout, chunks: Sequence[_Chunk[DeepPayload]], max_bytes: int, make_file: MakeFile
) -> DecodedBlock:
    """Decode deep chunks of one shape: the sample tables first, then the samples if their size matches the tables."""
    window = chunks[0][0].window
    tables_bytes = 4 * window.width * window.height * len(chunks)
    promised = sum(payload.unpacked_bytes for _, payload in chunks)
    if tables_bytes + promised > max_bytes:
        raise _too_large(tables_bytes + promised, max_bytes)
    counts = _sample_counts(layout, chunks, make_file)
    row_totals = counts.sum(axis=2, dtype=np.int64)
    sample_bytes = sum(PIXEL_BYTES[channel.pixel_type] for channel in layout.channels)
    for (place, payload), total in zip(chunks, row_totals.sum(axis=1).tolist(), strict=True):
        if payload.unpacked_bytes != total * sample_bytes or len(payload.data) > payload.unpacked_bytes:
            raise DecodeError(
                f"the size of chunk {place.index} does not match its sample table",
                found=f"{len(payload.data)} bytes for {payload.unpacked_bytes}",
                expected=f"{total * sample_bytes}",
            )
    packed = [
        (totals.astype("<i4").tobytes(), payload.data, payload.unpacked_bytes)
        for (_, payload), totals in zip(chunks, row_totals, strict=True)
    ]
    expected = int(row_totals.sum())
    if expected:
        tile_rows = window.height if layout.is_tiled else None
        file = deep_file(layout.channels, layout.compression, tile_rows, packed)
        pixels = _read(file, layout.channels, layout.compression, make_file)
        arrays = [
            _flat_samples(array.reshape(-1), channel, expected)
            for array, channel in zip(pixels, layout.channels, strict=True)
        ]
    else:
        arrays = [np.empty(0, DTYPES[channel.pixel_type]) for channel in layout.channels]
    return DecodedBlock(layout, tuple(place for place, _ in chunks), tuple(arrays), counts.reshape(-1))
