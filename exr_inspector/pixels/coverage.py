"""Compares alpha with the colour of its layer, pixel by pixel: colour that alpha hides, and colour not multiplied by alpha."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from exr_inspector.exr.chunks.layout import Layout
from exr_inspector.exr.header.values import PixelType
from exr_inspector.pixels.decoded import bits_of
from exr_inspector.pixels.estimates import Moments

LOW_ALPHA = 0.125
_LEAST_PIXELS = 16  # with low alpha, for a mean
_MOST_PIXELS = 1024  # with low alpha, of a run
_RUN = 1 << 16

Samples = npt.NDArray[Any]


@dataclass(slots=True)
class Coverage:
    """Sums over the pixels of one layer and level so far; can be merged in any grouping.

    Attributes:
        alpha: Position of the layer's A in the channel list.
        colours: Positions of its R, G and B.
        uncovered: Number of pixels with an alpha of zero and colour that is not.
        hidden_colour: Sum of R, G and B of these pixels, from at most about _MOST_PIXELS of a run.
        low_pixels: Number of pixels whose alpha is above zero and below LOW_ALPHA, and whose colour is finite; at most about
            _MOST_PIXELS of a run.
        low_colour: Sum of R, G and B of these pixels.
    """

    alpha: int
    colours: tuple[int, int, int]
    uncovered: int = 0
    hidden_colour: float = 0.0
    low_pixels: int = 0
    low_colour: float = 0.0

    def add(self, arrays: tuple[Samples, ...]) -> None:
        """Add the decoded channels of some chunks."""
        alpha = arrays[self.alpha].reshape(-1)
        colours = [arrays[number].reshape(-1) for number in self.colours]
        for start in range(0, len(alpha), _RUN):
            run = slice(start, start + _RUN)
            self._add_run(alpha[run], [colour[run] for colour in colours])

    def _add_run(self, alpha: Samples, colours: list[Samples]) -> None:
        bits = bits_of(alpha)
        low = bits_of(np.array(LOW_ALPHA, alpha.dtype))
        signed = bits.view(f"i{bits.itemsize}")
        if signed.min() >= low:  # opaque, the usual case: the bits of positive values order like the values
            return
        is_hidden = (bits << 1) == 0
        if is_hidden.any():
            bits_of_colours = [bits_of(colour) for colour in colours]
            if len({each.dtype for each in bits_of_colours}) == 1:
                is_lit = reduce(np.bitwise_or, bits_of_colours) << 1 != 0
            else:
                is_lit = reduce(np.logical_or, [each << 1 != 0 for each in bits_of_colours])
            count, picked, total = _sum(colours, is_hidden & is_lit)
            self.uncovered += count
            self.hidden_colour += total * count / max(1, picked)
        _, picked, total = _sum(colours, (bits - 1) < low - 1)  # zero wraps around
        self.low_pixels += picked
        self.low_colour += total

    def merge(self, other: Coverage) -> None:
        """Add the sums of other chunks."""
        self.uncovered += other.uncovered
        self.hidden_colour += other.hidden_colour
        self.low_pixels += other.low_pixels
        self.low_colour += other.low_colour

    def low_alpha_colour(self, zeros: int, colours: list[Moments]) -> float | None:
        """Mean colour at low alpha, divided by the mean of all pixels whose alpha is not zero; None with too few pixels.

        Args:
            zeros: Number of pixels whose alpha is zero.
            colours: Moments of R, G and B over all pixels.
        """
        covered = min(each.count for each in colours) - zeros
        total = sum(each.mean * each.count for each in colours) - self.hidden_colour
        if self.low_pixels < _LEAST_PIXELS or covered <= 0 or total <= 0:
            return None
        return (self.low_colour / self.low_pixels) / (total / covered)


def _sum(colours: list[Samples], are_meant: npt.NDArray[np.bool_]) -> tuple[int, int, float]:
    """The number of pixels that are meant, how many of them were picked, and the sum of the picked ones' finite colour."""
    count = int(np.count_nonzero(are_meant))
    step = 1 + count // _MOST_PIXELS
    at = np.flatnonzero(are_meant[::step]) * step
    if not len(at):
        return count, 0, 0.0
    values = np.stack([colour[at] for colour in colours]).astype(np.float64)
    values = values[:, np.isfinite(values).all(axis=0)]
    return count, values.shape[1], float(values.sum())


def coverages(layout: Layout) -> dict[int, Coverage]:
    """By the position of A, empty sums for each flat layer of R, G, B and A in HALF or FLOAT with a sample at every pixel."""
    if layout.is_deep:
        return {}
    layers: dict[str, dict[str, int]] = {}
    for number, channel in enumerate(layout.channels):
        prefix, _, component = channel.name.rpartition(".")
        if channel.x_sampling == channel.y_sampling == 1 and channel.pixel_type != PixelType.UINT:
            layers.setdefault(prefix, {})[component] = number
    return {
        members["A"]: Coverage(members["A"], (members["R"], members["G"], members["B"]))
        for members in layers.values()
        if members.keys() >= {"R", "G", "B", "A"}
    }
