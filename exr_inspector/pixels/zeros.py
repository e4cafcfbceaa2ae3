"""Where a part's colour is exactly zero, by cells of 8 x 8 pixels: cheap to keep, and enough to see a missing bucket."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from exr_inspector.exr.chunks.layout import Layout, Level
from exr_inspector.model import ZeroGrid
from exr_inspector.pixels.decoded import DecodedBlock

CELL_PX = 8
_COLOURS = ("R", "G", "B", "Y")


def colour_channels(layout: Layout) -> tuple[int, ...]:
    """Numbers of the channels R, G, B and Y of the default layer that hold a value for each pixel; none for deep parts."""
    if layout.is_deep:
        return ()
    return tuple(
        number
        for number, channel in enumerate(layout.channels)
        if channel.name in _COLOURS and channel.x_sampling == channel.y_sampling == 1
    )


class ZeroMap:
    """Cells in which some colour is not zero, so far. Merges in any order.

    Args:
        layout: The part's layout.
        level: Its level.
    """

    __slots__ = ("_channels", "_layout", "_lit")

    def __init__(self, layout: Layout, level: Level) -> None:
        self._layout = layout
        self._channels = colour_channels(layout)
        self._lit = np.zeros((-(-level.height // CELL_PX), -(-level.width // CELL_PX)), np.bool_)

    def add(self, block: DecodedBlock) -> None:
        """Take in decoded chunks."""
        if not self._channels:
            return
        lit: npt.NDArray[np.bool_] = np.logical_or.reduce([_non_zero(block.arrays[n]) for n in self._channels])
        first = 0
        corner = self._layout.data_window
        for place in block.places:
            window = place.window
            piece = lit[first : first + window.height]
            first += window.height
            top, left = window.y_min - corner.y_min, window.x_min - corner.x_min
            cells = np.logical_or.reduceat(piece, _starts(left, window.width), axis=1)
            cells = np.logical_or.reduceat(cells, _starts(top, window.height), axis=0)
            rows = slice(top // CELL_PX, top // CELL_PX + cells.shape[0])
            columns = slice(left // CELL_PX, left // CELL_PX + cells.shape[1])
            self._lit[rows, columns] |= cells

    def merge(self, other: ZeroMap) -> None:
        """Take in what another map of the same level saw."""
        self._lit |= other._lit

    def result(self) -> ZeroGrid | None:
        """The map; None for a part without colour."""
        if not self._channels:
            return None
        rows, columns = self._lit.shape
        return ZeroGrid(columns, rows, CELL_PX, np.packbits(~self._lit).tobytes())


def _non_zero(array: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Where values are neither zero nor minus zero, by their bits: numpy compares HALF slowly."""
    bits: npt.NDArray[Any] = array.view(np.uint16) if array.dtype == np.float16 else array.view(np.uint32)
    found: npt.NDArray[np.bool_] = bits != 0 if array.dtype.kind == "u" else np.left_shift(bits, 1) != 0
    return found


def _starts(offset: int, length: int) -> npt.NDArray[np.intp]:
    """Where cells begin in a stretch that begins `offset` pixels behind the first cell's edge."""
    return np.unique(np.r_[0, np.arange(-offset % CELL_PX, length, CELL_PX)]).astype(np.intp)
