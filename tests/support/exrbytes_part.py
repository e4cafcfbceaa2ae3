"""One part of an EXR file, its header attributes and chunks. They are valid by default, and a test can override each."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from tests.support import exrbytes_attributes as at
from tests.support.exrbytes_attributes import Attr, Box, Channel, Tiles
from tests.support.exrbytes_codec import pack
from tests.support.exrbytes_layout import LINES_PER_CHUNK, Cell, box_size, line_cells, tile_cells

Array = npt.NDArray[Any]
Kind = Literal["scanlineimage", "tiledimage", "deepscanline", "deeptile"]
RGB = (Channel("B"), Channel("G"), Channel("R"))
DEFAULT_TILES = Tiles()


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk to be written; `edit_chunk` may change every field.

    Attributes:
        part_number: Written first, in multi-part files only.
        coordinates: y, or tileX, tileY, levelX, levelY.
        sizes: The packed size (int32); for deep parts the sizes of table, packed and unpacked data (uint64 each).
        payload: Everything after the leader.
    """

    part_number: int
    coordinates: tuple[int, ...]
    sizes: tuple[int, ...]
    payload: bytes

    def leader(self, *, multi_part: bool) -> bytes:
        """The bytes before the payload."""
        number = struct.pack("<i", self.part_number) if multi_part else b""
        layout = "i" if len(self.sizes) == 1 else f"{len(self.sizes)}Q"
        return (
            number
            + struct.pack(f"<{len(self.coordinates)}i", *self.coordinates)
            + struct.pack("<" + layout, *self.sizes)
        )


def sampled(start: int, count: int, sampling: int) -> range:
    """The coordinates that a subsampled channel stores, as offsets from `start`."""
    return range(-start % sampling, count, sampling)


def level_array(full: Array, cell: Cell) -> Array:
    """The pixels of a level: every n-th of the full array; the last row and column are repeated if sizes are rounded up."""
    rows = np.minimum(np.arange(cell.top, cell.top + cell.height) << cell.level[1], full.shape[0] - 1)
    columns = np.minimum(np.arange(cell.left, cell.left + cell.width) << cell.level[0], full.shape[1] - 1)
    return full[np.ix_(rows, columns)]


@dataclass(frozen=True)
class Part:
    """A part of which a test can choose every byte; the default is a valid 4x3 scan line image with R, G and B in half.

    Attributes:
        kind: The kind of chunks, and the value of the type attribute where one is required.
        channels: Sorted in the header and in the pixel data; use `replace` to write an unsorted channel list.
        pixels: Full-resolution array for each channel, (height, width) or its subsampled shape; None makes a ramp. Upper
            levels take every n-th pixel. For deep parts a flat array of all samples of a channel, row by row.
        counts: Samples per pixel of a deep part, (height, width); None makes 0, 1, 2 in turn.
        compress: Whether RLE, ZIPS and ZIP chunks are compressed; otherwise all chunks are stored raw, which is valid.
        lines: Scan lines per chunk; None takes the number that the compression prescribes.
        without: Names of attributes left out.
        replace: Attributes that replace the default of the same name.
        extra: Attributes after the defaults.
        attributes: The complete list, instead of all defaults.
        absent: Indices of chunks that are not written; their table entries are zero.
        edit_chunk: Function of index and chunk that returns the chunk to write.
        edit_table: Function of the correct offsets that returns the table entries to write (any number of them).
        header_end: The bytes that end this header.
    """

    kind: Kind = "scanlineimage"
    data_window: Box = (0, 0, 3, 2)
    display_window: Box | None = None
    channels: Sequence[Channel] = RGB
    compression: int = at.NONE
    line_order: int = at.INCREASING_Y
    tiles: Tiles = DEFAULT_TILES
    name: str | None = None
    pixels: Mapping[str, Array] | None = None
    counts: Array | None = None
    compress: bool = False
    lines: int | None = None
    without: Sequence[str] | str = ()
    replace: Sequence[Attr] = ()
    extra: Sequence[Attr] = ()
    attributes: Sequence[Attr] | None = None
    absent: frozenset[int] = frozenset()
    edit_chunk: Callable[[int, Chunk], Chunk] | None = None
    edit_table: Callable[[list[int]], Sequence[int]] | None = None
    header_end: bytes = b"\0"

    @property
    def is_deep(self) -> bool:
        """Whether the part is deep, whatever its type attribute is."""
        return self.kind.startswith("deep")

    @property
    def is_tiled(self) -> bool:
        """Whether the part has tiles, whatever its type attribute is."""
        return self.kind in {"tiledimage", "deeptile"}

    @cached_property
    def sorted_channels(self) -> tuple[Channel, ...]:
        """The channels in the order of the pixel data."""
        return at.sorted_channels(self.channels)

    @cached_property
    def cells(self) -> list[Cell]:
        """The positions of the chunks in table order."""
        if self.is_tiled:
            return list(tile_cells(self.data_window, self.tiles))
        lines = self.lines or LINES_PER_CHUNK.get(self.compression, 1)
        return list(line_cells(self.data_window, lines))

    @cached_property
    def sample_counts(self) -> Array:
        """Samples per pixel of a deep part, (height, width)."""
        width, height = box_size(self.data_window)
        if self.counts is not None:
            return self.counts
        return (np.arange(width * height, dtype=np.int32) % 3).reshape(height, width)

    @cached_property
    def arrays(self) -> dict[str, Array]:
        """The pixels of every channel, given or generated; shapes as for `pixels`."""
        width, height = box_size(self.data_window)
        arrays: dict[str, Array] = {}
        for i, channel in enumerate(self.sorted_channels):
            shape: tuple[int, ...] = (int(self.sample_counts.sum()),)
            if not self.is_deep:
                down = len(sampled(self.data_window[1], height, channel.y_sampling))
                shape = (down, len(sampled(self.data_window[0], width, channel.x_sampling)))
            dtype = at.PIXEL_DTYPES[channel.pixel_type]
            ramp = (np.arange(int(np.prod(shape))) % 64 + i).astype(dtype).reshape(shape)
            arrays[channel.name] = ramp if self.pixels is None else self.pixels[channel.name].astype(dtype)
        return arrays

    def header_attributes(self, *, multi_part: bool, any_deep: bool) -> list[Attr]:
        """The attributes in the order they are written."""
        if self.attributes is not None:
            return list(self.attributes)
        replaced = {attribute.name: attribute for attribute in self.replace}
        dropped = {self.without} if isinstance(self.without, str) else set(self.without)
        defaults = self._defaults(multi_part=multi_part, any_deep=any_deep)
        kept = [replaced.pop(one.name, one) for one in defaults if one.name not in dropped]
        return [*kept, *replaced.values(), *self.extra]

    def _defaults(self, *, multi_part: bool, any_deep: bool) -> list[Attr]:
        attributes = [
            at.a_chlist(self.sorted_channels),
            at.a_compression(self.compression),
            at.a_box2i("dataWindow", self.data_window),
            at.a_box2i("displayWindow", self.display_window or self.data_window),
            at.a_lineorder(self.line_order),
            at.a_float("pixelAspectRatio", 1.0),
            at.a_vector("screenWindowCenter", "v2f", (0.0, 0.0)),
            at.a_float("screenWindowWidth", 1.0),
        ]
        if self.is_tiled:
            attributes.append(at.a_tiledesc(self.tiles))
        if multi_part or self.name is not None:
            attributes.append(at.a_string("name", self.name or "part"))
        if multi_part or any_deep:
            attributes.append(at.a_string("type", self.kind))
            attributes.append(at.a_int("chunkCount", len(self.cells)))
        if any_deep:
            attributes.append(at.a_int("version", 1))
        return attributes

    def chunk(self, number: int, index: int) -> Chunk:
        """Chunk `index` of the table, as part `number` of the file, after `edit_chunk`."""
        cell = self.cells[index]
        made = self._deep_chunk(number, cell) if self.is_deep else self._flat_chunk(number, cell)
        return made if self.edit_chunk is None else self.edit_chunk(index, made)

    def _pack(self, data: bytes) -> bytes:
        return pack(data, self.compression) if self.compress else data

    def _flat_chunk(self, number: int, cell: Cell) -> Chunk:
        if self.is_tiled:
            planes = [level_array(self.arrays[channel.name], cell) for channel in self.sorted_channels]
            raw = b"".join(plane[row].tobytes() for row in range(cell.height) for plane in planes)
        else:
            raw = b"".join(self._lines[cell.top : cell.top + cell.height])
        payload = self._pack(raw)
        return Chunk(number, cell.coordinates, (len(payload),), payload)

    @cached_property
    def _lines(self) -> list[bytes]:
        """The bytes of each line: those of every channel that has samples in it."""
        first, height = self.data_window[1], box_size(self.data_window)[1]
        lines = [b""] * height
        for channel in self.sorted_channels:
            rows = self.arrays[channel.name]
            data, size = rows.tobytes(), rows[:1].nbytes
            for index, row in enumerate(sampled(first, height, channel.y_sampling)):
                lines[row] += data[index * size : (index + 1) * size]
        return lines

    def _deep_chunk(self, number: int, cell: Cell) -> Chunk:
        counts = level_array(self.sample_counts, cell)
        width = self.sample_counts.shape[1]
        every = self.sample_counts.reshape(-1)
        ends = np.cumsum(every)
        pixels = level_array(np.arange(every.size).reshape(-1, width), cell)
        raw = b"".join(
            self.arrays[channel.name][ends[i] - every[i] : ends[i]].tobytes()
            for row in pixels
            for channel in self.sorted_channels
            for i in row
        )
        table = self._pack(np.cumsum(counts, axis=1).astype("<i4").tobytes())
        data = self._pack(raw)
        return Chunk(number, cell.coordinates, (len(table), len(data), len(raw)), table + data)
