"""Finds single bright pixels of a part's colour: fireflies of a render, and hot pixels of a sensor.

Positive floats of one type are ordered as their bits are, and eight times a value is three steps of its exponent.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from exr_inspector.exr.chunks.layout import Layout, Level
from exr_inspector.exr.header.values import PixelType
from exr_inspector.model import ChannelStats, SinglePixels
from exr_inspector.pixels.decoded import Array, DecodedBlock
from exr_inspector.pixels.statistics import Accumulator
from exr_inspector.pixels.zeros import colour_channels, pieces_of

_MOST = 1000  # at most one pixel in so many is single: others are noise, or a texture
_ABOVE = 4  # times the 99.9th percentile
_SAMPLED = 64  # rows and columns from which the percentile is estimated before it is known, at least half as many
_MARGIN = 2
_BAND = 1 << 16  # pixels that are compared at once, which fit into the processor's cache
# By pixel type: that of its bits, 1, infinity, and the steps of four and eight times.
_BITS: dict[int, tuple[type[np.signedinteger], int, int, int, int]] = {
    PixelType.HALF: (np.int16, 0x3C00, 0x7C00, 2 << 10, 3 << 10),
    PixelType.FLOAT: (np.int32, 0x3F800000, 0x7F800000, 2 << 23, 3 << 23),
}


class SinglePixelFinder:
    """The pixels above 1 that are more than 8 times as bright as each of their four neighbours; can be merged in any order.

    The brightness of a pixel is the largest of its R, G and B (or Y). Pixels at the edges of the image, of tiles, and of the
    blocks of rows that are added are left out, since a neighbour is unknown.
    """

    __slots__ = ("_channels", "_count", "_found", "_layout", "_pixels", "_type")

    def __init__(self, layout: Layout, level: Level) -> None:
        self._layout, self._pixels = layout, level.width * level.height
        self._channels = colour_channels(layout)
        types = {layout.channels[number].pixel_type for number in self._channels}
        self._type = types.pop() if len(types) == 1 else PixelType.UINT
        self._count = 0
        self._found: list[npt.NDArray[np.float64]] = []  # y, x, brightness; none once there are too many

    def add(self, block: DecodedBlock, channels: Sequence[Accumulator]) -> None:
        """Add decoded chunks, which are part of those that the statistics of all channels are of."""
        if self._type not in _BITS:
            return
        kind, one, infinity, *_ = _BITS[self._type]
        colours = [block.arrays[number].view(kind) for number in self._channels]
        limit = max(one, self._limit(colours))
        brightest = max(channels[number].maximum for number in self._channels)
        if limit >= infinity or brightest <= kind(limit).view(block.arrays[self._channels[0]].dtype):
            return  # nearly always
        x_min, y_min, *_ = self._layout.data_window
        for piece, top, left in pieces_of(block, colours):
            height, width = piece[0].shape
            rows = max(1, _BAND // width)
            for first in range(0, height - 2, rows):
                band = [colour[first : first + rows + 2] for colour in piece]
                if max(colour.max() for colour in band) > limit:
                    y, x, bits = self._in_band(band, limit)
                    values = bits.view(block.arrays[self._channels[0]].dtype)
                    self._take(len(y), [np.array([y + y_min + top + first, x + x_min + left, values])])

    def _limit(self, colours: Sequence[Array]) -> int:
        """The bits of a value that pixels far above nearly all others of the image must exceed.

        It is low enough if these chunks alone have more than one in a thousand of the image's pixels above a quarter of it.
        """
        rows, columns = (-(-size // _SAMPLED) for size in colours[0].shape)
        sample = np.sort(np.max([colour[::rows, ::columns] for colour in colours], axis=0), axis=None)
        above = int(len(sample) * _MARGIN / _MOST * self._pixels / max(1, colours[0].size)) + 1
        return int(sample[-above]) + _BITS[self._type][3] if above <= len(sample) else 0

    def _in_band(
        self, colours: Sequence[Array], limit: int
    ) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], Array]:
        """The rows, columns and brightness of single pixels above the limit, in some rows of the bits of each colour."""
        kind, _, infinity, _, eight = _BITS[self._type]
        light = colours[0]
        for colour in colours[1:]:
            light = np.maximum(light, colour)
        is_above = light[1:-1, 1:-1] > kind(limit)
        y, x = np.divmod(np.flatnonzero(is_above), max(1, is_above.shape[1]))
        y, x = y + 1, x + 1
        bright = light[y, x]
        beside = np.max([light[y - 1, x], light[y + 1, x], light[y, x - 1], light[y, x + 1]], axis=0)
        is_single = (bright - kind(eight) > beside) & (bright < infinity)
        return y[is_single], x[is_single], bright[is_single]

    def merge(self, other: SinglePixelFinder) -> None:
        """Add the pixels of other chunks of the same level."""
        self._take(other._count, other._found)

    def _take(self, count: int, found: Sequence[npt.NDArray[np.float64]]) -> None:
        self._count += count
        if self._count * _MOST > self._pixels:
            self._found.clear()
        elif count:
            self._found += found

    def result(self, stats: Sequence[ChannelStats]) -> SinglePixels | None:
        """The single pixels far above nearly all others, according to the statistics of all channels; None without any."""
        highest = [value for n in self._channels for percent, value in stats[n].percentiles if percent == 99.9]
        if not self._found or not highest:
            return None
        y, x, values = np.concatenate(self._found, axis=1)
        is_far = values > _ABOVE * max(highest)
        if not is_far.any():
            return None
        first = np.lexsort((x[is_far], y[is_far]))[0]
        names = tuple(self._layout.channels[number].name for number in self._channels[::-1])  # R, G, B
        return SinglePixels(
            names, int(is_far.sum()), float(values[is_far].max()), (int(x[is_far][first]), int(y[is_far][first]))
        )
