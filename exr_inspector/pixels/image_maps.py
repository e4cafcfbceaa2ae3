"""What only commands make of the colour of a level: where it is zero, its sampled lines, and its single bright pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from exr_inspector.exr.chunks.layout import Layout, Level
from exr_inspector.model import ChannelStats
from exr_inspector.pixels.decoded import DecodedBlock
from exr_inspector.pixels.lines import LineSamples
from exr_inspector.pixels.singles import SinglePixelFinder
from exr_inspector.pixels.statistics import Accumulator
from exr_inspector.pixels.zeros import ZeroMap


class ImageMaps:
    """The maps of a level; those of its parts can be merged in any order. Only the first level of a file has all."""

    __slots__ = ("_lines", "_singles", "_zeros")

    def __init__(self, layout: Layout, level: Level, *, is_first: bool) -> None:
        self._zeros = ZeroMap(layout, level)
        self._lines = LineSamples(layout, level) if is_first else None
        self._singles = SinglePixelFinder(layout, level) if is_first else None

    def add_channel(self, block: DecodedBlock, number: int, zeros: int) -> None:
        """Add a channel of decoded chunks, which has this number of zeros."""
        self._zeros.add(block, number, zeros)

    def add(self, block: DecodedBlock, channels: Sequence[Accumulator]) -> None:
        """Add decoded chunks, which are part of those that the statistics of all channels are of."""
        if self._lines is not None and self._singles is not None:
            self._lines.add(block)
            self._singles.add(block, channels)

    def merge(self, other: ImageMaps) -> None:
        """Add the maps of other chunks of the same level."""
        self._zeros.merge(other._zeros)
        if self._lines is not None and other._lines is not None:
            self._lines.merge(other._lines)
        if self._singles is not None and other._singles is not None:
            self._singles.merge(other._singles)

    def result(self, stats: Sequence[ChannelStats]) -> dict[str, Any]:
        """The fields of `PartPixels`, by the statistics of all channels."""
        return {
            "zeros": self._zeros.result(),
            "lines": self._lines.result() if self._lines else None,
            "singles": self._singles.result(stats) if self._singles else None,
        }
