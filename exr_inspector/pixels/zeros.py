"""Records where a part's colour is exactly zero, in cells of 8 x 8 pixels, which shows missing render buckets."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from exr_inspector.exr.chunks.layout import Layout, Level
from exr_inspector.exr.header.values import Box2i
from exr_inspector.model import ZeroGrid
from exr_inspector.pixels.decoded import DecodedBlock, bits_of

CELL_PX = 8
_COLOURS = ("R", "G", "B", "Y")


def colour_channels(layout: Layout) -> tuple[int, ...]:
    """Positions of the channels R, G, B and Y of the base layer that are not subsampled; empty for deep parts."""
    if layout.is_deep:
        return ()
    return tuple(
        number
        for number, channel in enumerate(layout.channels)
        if channel.name in _COLOURS and channel.x_sampling == channel.y_sampling == 1
    )


class ZeroMap:
    """The cells of a level with a colour that is not zero. Maps can be merged in any order."""

    __slots__ = ("_channels", "_layout", "_lit")

    def __init__(self, layout: Layout, level: Level) -> None:
        self._layout = layout
        self._channels = colour_channels(layout)
        self._lit = np.zeros((-(-level.height // CELL_PX), -(-level.width // CELL_PX)), np.bool_)

    def add(self, block: DecodedBlock) -> None:
        """Add decoded chunks."""
        if not self._channels:
            return
        first = 0
        corner = self._layout.data_window
        for window in _windows(block):
            top, left = window.y_min - corner.y_min, window.x_min - corner.x_min
            down, across = _starts(top, window.height), _starts(left, window.width)
            rows = slice(top // CELL_PX, top // CELL_PX + len(down))
            columns = slice(left // CELL_PX, left // CELL_PX + len(across))
            for number in self._channels:
                bits = bits_of(block.arrays[number][first : first + window.height])
                # Rows first and one by one, which is the fastest order of memory accesses.
                bounds = pairwise([*down.tolist(), window.height])
                lines = np.stack([np.bitwise_or.reduce(bits[start:end], axis=0) for start, end in bounds])
                cells = np.bitwise_or.reduceat(lines, across, axis=1)
                self._lit[rows, columns] |= _non_zero(cells, block.arrays[number].dtype)
            first += window.height

    def merge(self, other: ZeroMap) -> None:
        """Add the cells of another map of the same level."""
        self._lit |= other._lit

    def result(self) -> ZeroGrid | None:
        """The grid of zero cells; None for a part without colour."""
        if not self._channels:
            return None
        rows, columns = self._lit.shape
        return ZeroGrid(columns, rows, CELL_PX, np.packbits(~self._lit).tobytes())


def _windows(block: DecodedBlock) -> list[Box2i]:
    """The windows of a block's chunks in order; consecutive scan line blocks are merged to one window."""
    windows = [place.window for place in block.places]
    if block.layout.is_tiled or any(one.y_max + 1 != other.y_min for one, other in pairwise(windows)):
        return windows
    return [Box2i(windows[0].x_min, windows[0].y_min, windows[-1].x_max, windows[-1].y_max)]


def _non_zero(bits: npt.NDArray[Any], dtype: np.dtype[Any]) -> npt.NDArray[np.bool_]:
    """Mask of values that are neither zero nor minus zero, from the bits of one value or the OR of several."""
    found: npt.NDArray[np.bool_] = bits != 0 if dtype.kind == "u" else np.left_shift(bits, 1) != 0
    return found


def _starts(offset: int, length: int) -> npt.NDArray[np.intp]:
    """Positions where cells start in an interval that starts `offset` pixels after a cell's edge."""
    return np.unique(np.r_[0, np.arange(-offset % CELL_PX, length, CELL_PX)]).astype(np.intp)
