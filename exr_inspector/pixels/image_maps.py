"""What only commands make of a level: where its colour is zero, its sampled lines, its single bright pixels, and its layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from exr_inspector.exr.chunks.layout import Layout, Level
from exr_inspector.model import ChannelStats
from exr_inspector.pixels.decoded import DecodedBlock
from exr_inspector.pixels.layer_images import LayerSamples
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

    __slots__ = ("_layers", "_lines", "_singles", "_zeros")

    def __init__(self, layout: Layout, level: Level, layers: Sequence[str], *, is_first: bool) -> None:
        self._zeros = {layer: ZeroMap(layout, level, layer) for layer in layers or ("",)}
        self._lines = {layer: LineSamples(layout, level, layer) for layer in layers}
        self._singles = SinglePixelFinder(layout, level) if is_first else None
        is_full = (level.level_x, level.level_y) == (0, 0)
        self._layers = LayerSamples(layout, level, layers) if is_full else None

    def add_channel(self, block: DecodedBlock, number: int, zeros: int) -> None:
        """Add a channel of decoded chunks, which has this number of zeros."""
        for each in self._zeros.values():
            each.add(block, number, zeros)

    def add(self, block: DecodedBlock, channels: Sequence[Accumulator]) -> None:
        """Add decoded chunks, which are part of those that the statistics of all channels are of."""
        for each in self._lines.values():
            each.add(block)
        if self._layers is not None:
            self._layers.add(block)
        if self._singles is not None:
            self._singles.add(block, channels)

    def merge(self, other: ImageMaps) -> None:
        """Add the maps of other chunks of the same level."""
        for layer, zeros in self._zeros.items():
            zeros.merge(other._zeros[layer])
        for layer, lines in self._lines.items():
            lines.merge(other._lines[layer])
        if self._layers is not None and other._layers is not None:
            self._layers.merge(other._layers)
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
        layer_images = self._layers.result() if self._layers else ()
        return {"zeros": zeros, "lines": lines, "singles": singles, "views": images, "layers": layer_images}
