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
    """The maps of a level; those of its parts can be merged in any order.

    Args:
        layout: The part's layout.
        level: The level.
        layers: The layers of `image_layers` in the part; of other parts and levels, only the zeros are recorded.
        is_first: Whether this is the first level of the first part, of which single bright pixels are searched.
    """

    __slots__ = ("_lines", "_singles", "_zeros")

    def __init__(self, layout: Layout, level: Level, layers: Sequence[str], *, is_first: bool) -> None:
        self._zeros = {layer: ZeroMap(layout, level, layer) for layer in layers or ("",)}
        self._lines = {layer: LineSamples(layout, level, layer) for layer in layers}
        self._singles = SinglePixelFinder(layout, level) if is_first else None

    def add_channel(self, block: DecodedBlock, number: int, zeros: int) -> None:
        """Add a channel of decoded chunks, which has this number of zeros."""
        for each in self._zeros.values():
            each.add(block, number, zeros)

    def add(self, block: DecodedBlock, channels: Sequence[Accumulator]) -> None:
        """Add decoded chunks, which are part of those that the statistics of all channels are of."""
        for each in self._lines.values():
            each.add(block)
        if self._singles is not None:
            self._singles.add(block, channels)

    def merge(self, other: ImageMaps) -> None:
        """Add the maps of other chunks of the same level."""
        for layer, zeros in self._zeros.items():
            zeros.merge(other._zeros[layer])
        for layer, lines in self._lines.items():
            lines.merge(other._lines[layer])
        if self._singles is not None and other._singles is not None:
            self._singles.merge(other._singles)

    def result(self, stats: Sequence[ChannelStats]) -> dict[str, Any]:
        """The fields of `PartPixels`, by the statistics of all channels."""
        images = {
            layer: (zeros.result(), self._lines[layer].result() if layer in self._lines else None)
            for layer, zeros in self._zeros.items()
        }
        zeros, lines = images.pop("")
        singles = self._singles.result(stats) if self._singles else None
        return {"zeros": zeros, "lines": lines, "singles": singles, "views": images}
