"""Check the pixels of a part outside the window that it shares with another part: all zero if the other is a crop of it."""

from __future__ import annotations

from exr_inspector.exr.chunks.layout import Layout
from exr_inspector.exr.header.values import Box2i
from exr_inspector.pixels.rows import Band, PartRows

_BAND_ROWS = 64


class SurroundedRows:
    """Reads the rows of a flat part as PartRows does, and checks meanwhile whether all samples outside a window are zero."""

    def __init__(self, rows: PartRows, layout: Layout, shared: Box2i) -> None:
        """Create the reader.

        Args:
            rows: Reads the part.
            layout: Layout of the part.
            shared: The window, within the data window.
        """
        self._rows = rows
        self._layout = layout
        self._shared = shared
        self._next = layout.data_window.y_min  # the first row that was not checked
        is_subsampled = any((channel.x_sampling, channel.y_sampling) != (1, 1) for channel in layout.channels)
        self._is_zero: bool | None = None if is_subsampled else True

    def bands(self, first: int, last: int) -> list[Band]:
        """As PartRows.bands. Rows before `first` that were not checked yet are read in bands."""
        while self._next < first:
            self._read(self._next, min(self._next + _BAND_ROWS, first) - 1)
        return self._read(first, last)

    def is_zero_outside(self) -> bool | None:
        """Whether all samples outside the window are zero. Reads the remaining rows unless the answer is already known.

        Returns:
            None if a chunk could not be read, or a channel is subsampled.
        """
        end = self._layout.data_window.y_max
        while self._is_zero and self._next <= end:
            self._read(self._next, min(self._next + _BAND_ROWS - 1, end))
        return self._is_zero

    def _read(self, first: int, last: int) -> list[Band]:
        found = self._rows.bands(first, last)
        for band in found:
            if band.first >= self._next:
                self._next = band.last + 1
                if self._is_zero:
                    self._is_zero = self._is_zero_around(band)
        return found

    def _is_zero_around(self, band: Band) -> bool | None:
        if band.faults:
            return None
        shared, window = self._shared, self._layout.data_window
        above, below = max(shared.y_min - band.first, 0), max(shared.y_max + 1 - band.first, 0)
        left, right = shared.x_min - window.x_min, shared.x_max - window.x_min + 1
        return not any(
            piece.any()
            for plane in band.planes
            for beside in [plane[above:below]]
            for piece in (plane[:above], plane[below:], beside[:, :left], beside[:, right:])
        )
