"""Decoded chunks: arrays of samples, and the pixels that they cover."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from exr_inspector.exr.chunks.layout import ChunkPlace, Layout, samples

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class DecodedBlock:
    """Decoded chunks of one part and shape, concatenated in the order of `places`.

    Attributes:
        layout: The part's layout.
        places: The chunks.
        arrays: One for each channel, in the order of `layout.channels`, in the channel's pixel type. Flat: shape (rows of all
            chunks, columns); a subsampled channel has only the rows and columns that are stored. Deep: shape (samples,),
            chunk by chunk, row by row, pixel by pixel.
        counts: Deep parts only: number of samples of each pixel, int32, shape (pixels of all chunks,), in the same order.
    """

    layout: Layout
    places: tuple[ChunkPlace, ...]
    arrays: tuple[Array, ...]
    counts: npt.NDArray[np.int32] | None = None

    def pieces(self, channel: int) -> Iterator[Array]:
        """The array of channel number `channel`, chunk by chunk."""
        start = 0
        for size in self._sizes(channel):
            yield self.arrays[channel][start : start + size]
            start += size

    def count_pieces(self) -> Iterator[npt.NDArray[np.int32]]:
        """The number of samples of each pixel, one array of shape (rows, columns) for each chunk. Nothing for a flat part."""
        if self.counts is None:
            return
        start = 0
        for place in self.places:
            window = place.window
            size = window.width * window.height
            yield self.counts[start : start + size].reshape(window.height, window.width)
            start += size

    def _sizes(self, channel: int) -> Iterator[int]:
        if self.counts is not None:
            yield from (int(counts.sum()) for counts in self.count_pieces())
            return
        sampling, windows = self.layout.channels[channel].y_sampling, [place.window for place in self.places]
        if sampling == 1:  # nearly always, and many chunks have a single row
            yield from [window.y_max - window.y_min + 1 for window in windows]
        else:
            yield from (samples(sampling, window.y_min, window.y_max) for window in windows)

    def first_pixel(self, channel: int, test: Callable[[Array], Array]) -> tuple[int, int] | None:
        """The first pixel (x, y) in reading order with a value for which `test` is true; None if there is none."""
        counts = list(self.count_pieces())
        found: list[tuple[int, int]] = []
        for number, piece in enumerate(self.pieces(channel)):
            hits = np.flatnonzero(test(piece))
            if len(hits):
                hit = int(hits[0])
                found.append(
                    self._deep_pixel(number, counts[number], hit) if counts else self._pixel(channel, number, hit)
                )
        if not found:
            return None
        y, x = min(found)
        return x, y

    def pixel_of(self, channel: int, index: int) -> tuple[int, int]:
        """The pixel (x, y) of the value with this index in the channel's flattened array."""
        columns = 1 if self.counts is not None else self.arrays[channel].shape[1]
        for number, rows in enumerate(self._sizes(channel)):
            if index < rows * columns:
                if self.counts is None:
                    y, x = self._pixel(channel, number, index)
                else:
                    counts = next(itertools.islice(self.count_pieces(), number, None))
                    y, x = self._deep_pixel(number, counts, index)
                return x, y
            index -= rows * columns
        raise IndexError(index)

    def _deep_pixel(self, number: int, counts: npt.NDArray[np.int32], hit: int) -> tuple[int, int]:
        """(y, x) of the pixel that contains sample `hit` of chunk `number`."""
        window = self.places[number].window
        pixel = int(np.searchsorted(np.cumsum(counts.reshape(-1)), hit, side="right"))
        row, column = divmod(pixel, window.width)
        return window.y_min + row, window.x_min + column

    def _pixel(self, channel: int, number: int, hit: int) -> tuple[int, int]:
        """(y, x) of value `hit` of chunk `number`."""
        window, entry = self.places[number].window, self.layout.channels[channel]
        row, column = divmod(hit, self.arrays[channel].shape[1])
        return _nth(entry.y_sampling, window.y_min, row), _nth(entry.x_sampling, window.x_min, column)


def bits_of(array: Array) -> Array:
    """A view of the samples' bits as unsigned integers."""
    return array.view(np.uint16 if array.dtype.itemsize == 2 else np.uint32)


def _nth(sampling: int, first: int, index: int) -> int:
    """The multiple of `sampling` with the given index (from 0) among the coordinates from `first` on."""
    return -(-first // sampling) * sampling + index * sampling
