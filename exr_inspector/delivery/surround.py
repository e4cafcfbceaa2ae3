"""What a part holds outside the pixels that it shares with another: nothing but zeros, where the other is a crop of it."""

from __future__ import annotations

from exr_inspector.exr.chunks.layout import Layout
from exr_inspector.exr.header.values import Box2i
from exr_inspector.pixels.rows import Band, PartRows

_BAND_ROWS = 64


class SurroundedRows:
    """Reads the rows of a flat part as PartRows does, and looks for samples other than zero outside a window meanwhile."""

    def __init__(self, rows: PartRows, layout: Layout, shared: Box2i) -> None:
        """Begin.

        Args:
            rows: Reads the part.
            layout: How it is cut.
            shared: The window, within its data window.
        """
        self._rows = rows
        self._layout = layout
        self._shared = shared
        self._next = layout.data_window.y_min  # the first row that was not looked at
        is_subsampled = any((channel.x_sampling, channel.y_sampling) != (1, 1) for channel in layout.channels)
        self._is_zero: bool | None = None if is_subsampled else True

    def bands(self, first: int, last: int) -> list[Band]:
        """As PartRows.bands; rows before `first` are read some at a time."""
        while self._next < first:
            self._take(self._next, min(self._next + _BAND_ROWS, first) - 1)
        return self._take(first, last)

    def is_zero_outside(self) -> bool | None:
        """Whether all samples outside the window are zero; reads the rows that are left, if they matter.

        Returns:
            None if a chunk could not be read, or a channel is subsampled.
        """
        end = self._layout.data_window.y_max
        while self._is_zero and self._next <= end:
            self._take(self._next, min(self._next + _BAND_ROWS - 1, end))
        return self._is_zero

    def _take(self, first: int, last: int) -> list[Band]:
        found = self._rows.bands(first, last)
        for band in found:
            if band.first >= self._next:
                self._next = band.last + 1
                if self._is_zero:
                    self._is_zero = self._look(band)
        return found

    def _look(self, band: Band) -> bool | None:
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
