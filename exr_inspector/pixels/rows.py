"""Reads the rows of a flat part from top to bottom in bounded memory, to compare two files with different chunks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from exr_inspector.errors import DecodeError
from exr_inspector.exr.chunks.layout import Layout, samples
from exr_inspector.model import PixelFault
from exr_inspector.pixels.decode import DTYPES
from exr_inspector.pixels.decoded import DecodedBlock
from exr_inspector.pixels.plans import ChunkExtents
from exr_inspector.pixels.reader import PixelFile
from exr_inspector.pixels.strips import FileContext, Strip, run_strip
from exr_inspector.pixels.work import fault_of

Plane = npt.NDArray[Any]
_BAND_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class Band:
    """Complete rows of a part's first level.

    Attributes:
        first: First pixel row.
        last: Last pixel row.
        planes: The samples of each channel in these rows, in the layout's order, each of shape (rows, columns).
        faults: Chunks that could not be read; their samples are zeros in the arrays.
    """

    first: int
    last: int
    planes: tuple[Plane, ...]
    faults: tuple[PixelFault, ...]

    def rows(self, layout: Layout, channel: int, first: int, last: int) -> Plane:
        """The samples of a channel in the pixel rows `first` to `last`, both inclusive."""
        sampling = layout.channels[channel].y_sampling
        start = samples(sampling, self.first, first - 1)
        return self.planes[channel][start : start + samples(sampling, first, last)]


class _Collector:
    """Copies decoded chunks to their positions in a band."""

    def __init__(self, layout: Layout, first: int, last: int) -> None:
        window = layout.data_window
        self._layout = layout
        self._first = first
        self.planes = tuple(
            np.zeros(
                (samples(channel.y_sampling, first, last), samples(channel.x_sampling, window.x_min, window.x_max)),
                DTYPES[channel.pixel_type],
            )
            for channel in layout.channels
        )

    def add(self, block: DecodedBlock) -> None:
        left = self._layout.data_window.x_min
        for number, channel in enumerate(self._layout.channels):
            for place, piece in zip(block.places, block.pieces(number), strict=True):
                top = samples(channel.y_sampling, self._first, place.window.y_min - 1)
                across = samples(channel.x_sampling, left, place.window.x_min - 1)
                self.planes[number][top : top + piece.shape[0], across : across + piece.shape[1]] = piece


class PartRows:
    """Reads the rows of a flat part's first level in order."""

    def __init__(self, context: FileContext, layout: Layout, part: int, extents: ChunkExtents) -> None:
        self._context = context
        self._layout = layout
        self._part = part
        self._place = {int(index): position for position, index in enumerate(extents.index)}
        self._extents = extents
        self._held: list[Band] = []
        self._next = 0
        row_bytes = max(1, layout.unpacked_bytes(layout.data_window) // layout.data_window.height)
        self._rows_per_band = max(1, _BAND_BYTES // (row_bytes * layout.tile_height))

    def bands(self, first: int, last: int) -> list[Band]:
        """The bands with the pixel rows `first` to `last`, both inclusive, in the data window.

        `first` must not be smaller than in earlier calls.

        Raises:
            SourceError: The file could not be read.
            DecoderCrashed: The decoder processes of this file ended repeatedly.
        """
        self._held = [band for band in self._held if band.last >= first]
        while not self._held or self._held[-1].last < last:
            self._held.append(self._read())
        return [band for band in self._held if band.first <= last]

    def _read(self) -> Band:
        """Read and decode the next rows of chunks."""
        layout, level = self._layout, self._layout.levels[0]
        count = min(self._rows_per_band, level.tiles_y - self._next)
        indices = range(self._next * level.tiles_x, (self._next + count) * level.tiles_x)
        first = layout.window(level, 0, self._next).y_min
        last = layout.window(level, 0, self._next + count - 1).y_max
        self._next += count
        collector = _Collector(layout, first, last)
        faults = [fault for run in self._runs(indices) for fault in self._decode(run, collector)]
        missing = (layout.place(index) for index in indices if index not in self._place)
        faults += [fault_of(self._part, place, DecodeError.code, "the chunk is missing") for place in missing]
        return Band(first, last, collector.planes, tuple(faults))

    def _runs(self, indices: range) -> list[list[int]]:
        """Positions of the chunks in the extents, in runs of chunks that are adjacent in the file."""
        runs: list[list[int]] = []
        for position in sorted(self._place[index] for index in indices if index in self._place):
            if runs and runs[-1][-1] + 1 == position:
                runs[-1].append(position)
            else:
                runs.append([position])
        return runs

    def _decode(self, run: list[int], collector: _Collector) -> tuple[PixelFault, ...]:
        extents, context = self._extents, self._context
        start, end = int(extents.start[run[0]]), int(extents.end[run].max())
        packed, library_memory = context.budget.packed, context.library_memory
        with packed.taken(min(end - start, packed.capacity), context.deadline):
            data = context.source.read(start=start, end=end)
            work = context.work(self._part, 0, self._layout, extents.index[run].tolist(), is_taken=True)
            largest = int(extents.unpacked[run].max())
            strip = Strip(work, extents.start[run].tolist(), memoryview(data), start, largest, collector.add)
            with library_memory.taken(min(strip.library_bytes, library_memory.capacity), context.deadline) as lease:
                return tuple(run_strip(strip, context, lease).faults)


def part_rows(file: PixelFile, part: int) -> PartRows:
    """A reader of the rows of a flat part's first level, from top to bottom."""
    return PartRows(file.context(), file.layouts[part], part, file.extents().only(part, 0))
