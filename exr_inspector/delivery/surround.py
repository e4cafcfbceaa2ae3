"""What a part holds outside the pixels that it shares with another: nothing but zeros, where the other is a crop of it."""

from __future__ import annotations

from exr_inspector.exr.chunks.layout import Layout
from exr_inspector.exr.header.values import Box2i
from exr_inspector.pixels.rows import PartRows

_BAND_ROWS = 64


def is_zero_outside(rows: PartRows, layout: Layout, shared: Box2i) -> bool | None:
    """Whether all samples of a flat part outside a window are zero.

    Args:
        rows: Reads the part.
        layout: How it is cut.
        shared: The window, within its data window.

    Returns:
        None if a chunk could not be read, or a channel is subsampled.
    """
    window = layout.data_window
    if any((channel.x_sampling, channel.y_sampling) != (1, 1) for channel in layout.channels):
        return None
    left, right = shared.x_min - window.x_min, shared.x_max - window.x_min + 1
    for first in range(window.y_min, window.y_max + 1, _BAND_ROWS):
        last = min(first + _BAND_ROWS - 1, window.y_max)
        for band in rows.bands(first, last):
            if band.faults:
                return None
            top, bottom = max(first, band.first), min(last, band.last)
            above, below = max(shared.y_min - top, 0), max(shared.y_max + 1 - top, 0)
            for channel in range(len(layout.channels)):
                plane = band.rows(layout, channel, top, bottom)
                beside = plane[above:below]
                if any(piece.any() for piece in (plane[:above], plane[below:], beside[:, :left], beside[:, right:])):
                    return False
    return True
