"""Records where a part's colour is exactly zero, in cells of 8 x 8 pixels, which shows missing render buckets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from exr_inspector.exr.chunks.layout import Layout, Level
from exr_inspector.exr.header.values import Box2i
from exr_inspector.exr.names import main_layer
from exr_inspector.model import ZeroGrid
from exr_inspector.pixels.decoded import Array, DecodedBlock, bits_of

CELL_PX = 8
_LEAST_REGION = 8  # cells
_LARGEST_REGION = 0.9  # of the image
_FRAMED = 2  # a picture in an even frame has more than one part in so many of the image
_FILLED = 0.9  # of the cells along each side
_COLOURS = ("R", "G", "B", "Y")


def colour_channels(layout: Layout, layer: str = "") -> tuple[int, ...]:
    """Positions of the channels R, G, B and Y of a layer that are not subsampled; empty for deep parts.

    An empty name is the main image, which may have a layer.
    """
    if layout.is_deep:
        return ()
    layer = layer or main_layer(channel.name for channel in layout.channels)
    names = {f"{layer}.{colour}" if layer else colour for colour in _COLOURS}
    return tuple(
        number
        for number, channel in enumerate(layout.channels)
        if channel.name in names and channel.x_sampling == channel.y_sampling == 1
    )


class ZeroMap:
    """The cells of a level in which a layer's colour is not zero. Maps can be merged in any order."""

    __slots__ = ("_channels", "_layout", "_lit")

    def __init__(self, layout: Layout, level: Level, layer: str = "") -> None:
        self._layout = layout
        self._channels = colour_channels(layout, layer)
        self._lit = np.zeros((-(-level.height // CELL_PX), -(-level.width // CELL_PX)), np.bool_)

    def add(self, block: DecodedBlock, number: int, zeros: int) -> None:
        """Add a channel of decoded chunks, which has this number of zeros; only channels of colour count."""
        if number not in self._channels:
            return
        for piece, top, left in pieces_of(block, block.arrays[number : number + 1]):
            (pixels,) = piece
            height, width = pixels.shape
            bounds = _bounds(top, height)
            columns = slice(left // CELL_PX, (left + width - 1) // CELL_PX + 1)
            lit = self._lit[top // CELL_PX :, columns][: len(bounds)]
            if not zeros:
                lit[:] = True
            elif rows := np.flatnonzero(~lit.all(axis=1)).tolist():
                lit[rows] |= _lit_cells(pixels, [bounds[row] for row in rows], left % CELL_PX)

    def merge(self, other: ZeroMap) -> None:
        """Add the cells of another map of the same level."""
        self._lit |= other._lit

    def result(self) -> ZeroGrid | None:
        """The grid of zero cells; None for a part without colour."""
        if not self._channels:
            return None
        rows, columns = self._lit.shape
        return ZeroGrid(columns, rows, CELL_PX, np.packbits(~self._lit).tobytes(), self._region())

    def _region(self) -> Box2i | None:
        """The pixels of the rectangle that has all cells that are not zero; None if it does not look like a render region.

        Nearly all cells along its sides are not zero, it does not reach from one edge to the opposite one, as a letterbox does,
        and it is no picture in an even frame.
        """
        if not self._lit.any():
            return None
        box = tuple(slice(at[0], at[-1] + 1) for at in (np.flatnonzero(self._lit.any(axis=n)).tolist() for n in (1, 0)))
        inside = self._lit[box]
        margins = [(each.start, size - each.stop) for each, size in zip(box, self._lit.shape, strict=True)]
        is_framed = inside.size * _FRAMED > self._lit.size and all(abs(low - high) <= 1 for low, high in margins)
        is_alone = all(any(each) for each in margins) and inside.size <= _LARGEST_REGION * self._lit.size
        sides = (inside[0], inside[-1], inside[:, 0], inside[:, -1])
        is_filled = min(inside.shape) >= _LEAST_REGION and min(side.mean() for side in sides) >= _FILLED
        if is_framed or not (is_alone and is_filled):
            return None
        x, y, right, bottom = self._layout.data_window
        rows, columns = (range(each.start * CELL_PX, each.stop * CELL_PX) for each in box)
        return Box2i(x + columns[0], y + rows[0], min(x + columns[-1], right), min(y + rows[-1], bottom))


def pieces_of(block: DecodedBlock, arrays: Sequence[Array]) -> Iterator[tuple[list[Array], int, int]]:
    """The rows of each chunk of a block in some of its arrays, with the row and the column of their corner in the level.

    Consecutive scan line blocks are one piece.
    """
    windows = [place.window for place in block.places]
    if not block.layout.is_tiled and all(one.y_max + 1 == other.y_min for one, other in pairwise(windows)):
        windows = [Box2i(windows[0].x_min, windows[0].y_min, windows[-1].x_max, windows[-1].y_max)]
    corner, first = block.layout.data_window, 0
    for window in windows:
        rows = slice(first, first + window.height)
        yield [array[rows] for array in arrays], window.y_min - corner.y_min, window.x_min - corner.x_min
        first += window.height


def _bounds(top: int, height: int) -> list[tuple[int, int]]:
    """The first row and the end of the rows of each cell, in rows that start `top` rows below a cell's edge."""
    return [*pairwise([0, *range(CELL_PX - top % CELL_PX, height, CELL_PX), height])]


def _lit_cells(pixels: Array, bounds: Sequence[tuple[int, int]], offset: int) -> npt.NDArray[np.bool_]:
    """Mask of cells with a value that is not zero (nor minus zero), for rows that start `offset` pixels after a cell's edge."""
    bits = bits_of(pixels)
    width = bits.shape[1]
    lines = np.zeros((len(bounds), -(-(offset + width) // CELL_PX) * CELL_PX), bits.dtype)
    for line, (start, end) in zip(lines, bounds, strict=True):
        # Row by row, which is the fastest order of memory accesses.
        np.bitwise_or.reduce(bits[start:end], axis=0, out=line[offset : offset + width])
    words = lines.view(np.uint64)
    per_cell = bits.dtype.itemsize  # since cells are 8 pixels wide
    cells = words[:, ::per_cell].copy()
    for number in range(1, per_cell):
        cells |= words[:, number::per_cell]
    magnitude = np.full(8 // per_cell, np.iinfo(bits.dtype).max >> (pixels.dtype.kind != "u"), bits.dtype)
    found: npt.NDArray[np.bool_] = cells & magnitude.view(np.uint64) != 0
    return found
