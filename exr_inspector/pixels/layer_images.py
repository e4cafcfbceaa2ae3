"""Small images of the layers beside the main image, which show what lies elsewhere, or is missing, in single frames."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import groupby
from statistics import median

import numpy as np
import numpy.typing as npt

from exr_inspector.exr.chunks.layout import Layout, Level
from exr_inspector.exr.names import main_layer
from exr_inspector.model import LayerImage
from exr_inspector.pixels.decoded import DecodedBlock
from exr_inspector.pixels.lines import noise_level, roots

_MOST_LAYERS = 16  # of a part that are compared; each takes time
_GRID = 16  # cells in each direction, as in `ColourLines.small`
_ROWS = 32  # sampled rows, at least half as many
_NOISE_ROWS = 16  # the middle one of so many of these tells the noise
_LIGHT = frozenset({"R", "G", "B", "r", "g", "b", "red", "green", "blue"})
_DATA = frozenset({"X", "Y", "Z", "V", "x", "y", "z"})
_IDS = "crypto"  # in names of layers whose values are ids


def compared_layers(layout: Layout, images: Collection[str]) -> list[tuple[int, ...]]:
    """The positions of the channels of light, or else of data, of each layer other than images; a bare Z is one.

    Args:
        layout: The part's layout.
        images: The names of its layers that are images; an empty one is the main image.
    """
    main = main_layer(channel.name for channel in layout.channels)
    known = {image or main for image in images}
    light: dict[str, list[int]] = {}
    data: dict[str, list[int]] = {}
    for number, channel in enumerate(() if layout.is_deep else layout.channels):
        layer, _, component = channel.name.rpartition(".")
        if channel.x_sampling == channel.y_sampling == 1 and _IDS not in layer.lower():
            if component in _LIGHT and layer not in known:
                light.setdefault(layer, []).append(number)
            elif component in _DATA and not (component == "Y" and layer in known):  # which may be its luminance
                data.setdefault(layer, []).append(number)
    layers = [*light.values(), *(numbers for layer, numbers in data.items() if layer not in light)]
    return [tuple(numbers) for numbers in layers[:_MOST_LAYERS]]


class LayerSamples:
    """The sampled rows of the layers of a level, summed in the cells of square grids; parts can be merged in any order.

    Light is the mean of the channels. Of data, which may be negative or very large, it is that of logarithms of magnitudes.
    """

    __slots__ = ("_down", "_layers", "_level", "_noise", "_numbers", "_sums")

    def __init__(self, layout: Layout, level: Level, images: Collection[str]) -> None:
        self._level = level
        layers = compared_layers(layout, images) if min(level.height, level.width) >= _GRID else []
        self._numbers = [number for layer in layers for number in layer]
        # The names of the channels of each layer.
        self._layers = [tuple(layout.channels[number].name for number in layer) for layer in layers]
        self._down = max(1, -(-level.height // _ROWS))
        self._sums = np.zeros((len(layers), _GRID, _GRID))
        self._noise: list[list[float]] = [[] for _ in layers]

    def add(self, block: DecodedBlock) -> None:
        """Add decoded chunks."""
        corner, start = block.layout.data_window, 0
        rows: list[int] = []  # of the arrays
        places: list[tuple[int, int, int]] = []  # of these rows: the row of their tiles, their number, the first column
        for window in (place.window for place in block.places):
            top, left = window.y_min - corner.y_min, window.x_min - corner.x_min
            band = top if block.layout.is_tiled else 0
            for row in range(-(-top // self._down), -(-(top + window.height) // self._down)):
                rows.append(start + row * self._down - top)
                places.append((band, row, left))
            start += window.height
        if not rows or not self._layers:
            return
        sampled = np.stack([block.arrays[number][rows] for number in self._numbers], axis=1)
        pairs = zip(places, sampled, strict=True)
        for _, some in groupby(pairs, key=lambda pair: pair[0][0]):  # neighbours, so that little is empty between them
            band_rows = [(row, left, pixels) for (_, row, left), pixels in some]
            first, left = (min(each[at] for each in band_rows) for at in (0, 1))
            count, width = max(each[0] for each in band_rows) + 1 - first, sampled.shape[2]
            values = np.zeros(
                (len(self._numbers), count, max(each[1] for each in band_rows) + width - left), np.float32
            )
            for row, column, pixels in band_rows:
                values[:, row - first, column - left : column - left + width] = pixels
            self._add_rows(values, first, left)

    def _add_rows(self, values: npt.NDArray[np.float32], first: int, left: int) -> None:
        """Add sampled rows, of shape (channels, rows, columns), from the row `first` of all sampled ones and a column on."""
        # The places in the grid, and where a new one begins.
        rows = (first + np.arange(values.shape[1])) * self._down * _GRID // self._level.height
        columns = (left + np.arange(values.shape[2])) * _GRID // self._level.width
        row_starts, column_starts = (np.flatnonzero(np.diff(each, prepend=-1)) for each in (rows, columns))
        cells = np.ix_(rows[row_starts], columns[column_starts])
        noise_rows = slice((_NOISE_ROWS // 2 - first) % _NOISE_ROWS, None, _NOISE_ROWS)
        at = 0
        for number, names in enumerate(self._layers):
            some = values[at : at + len(names)]
            at += len(names)
            with np.errstate(all="ignore"):  # infinite and very large values
                if _is_data(names):
                    some = np.log1p(np.abs(some))
                elif (lines := some[:, noise_rows]).size:
                    self._noise[number].append(noise_level([roots(lines)]))
                sums = np.add.reduceat(some.sum(axis=0), column_starts, axis=1)
                self._sums[number][cells] += np.add.reduceat(sums, row_starts, axis=0)

    def merge(self, other: LayerSamples) -> None:
        """Add the samples of other chunks of the same level."""
        self._sums += other._sums
        for mine, theirs in zip(self._noise, other._noise, strict=True):
            mine.extend(theirs)

    def result(self) -> tuple[LayerImage, ...]:
        """The small images and the noise of the layers; none of a small level."""
        height, width = self._level.height, self._level.width
        rows = np.bincount(np.arange(0, height, self._down) * _GRID // height)
        counts = np.outer(rows, np.bincount(np.arange(width) * _GRID // width))
        found = []
        for names, sums, noise in zip(self._layers, self._sums, self._noise, strict=True):
            small = (sums / (counts * len(names))).astype(np.float32)
            levels = [level for level in noise if level]
            is_known = np.isfinite(small).all()
            found.append(LayerImage(names, small.tobytes() if is_known else b"", median(levels) if levels else 0.0))
        return tuple(found)


def _is_data(names: Sequence[str]) -> bool:
    """Whether the channels of a layer hold data."""
    return names[0].rpartition(".")[2] in _DATA
