"""Where a channel's values lie: percentiles and a compact histogram from counts over ordered bit patterns.

The bits of a floating point number, read as an integer that runs backwards for negative numbers, rise with its value: keys
with their lower bits cut off are bins whose width follows the value's magnitude. HALF values keep all their bits, so
nothing is rounded; FLOAT and UINT values are binned by the upper 16 bits of their single precision form (7 bits of
mantissa). Large images are thinned evenly, one value in `stride`. Non-finite values are left out. No I/O.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from exr_inspector.exr.values import PixelType
from exr_inspector.model import Histogram

PERCENTS = (0.1, 1.0, 5.0, 25.0, 50.0, 75.0, 95.0, 99.0, 99.9)
MAX_BINS = 64
_WANTED = 1 << 18  # values of a channel that settle a percentile's rank to a tenth of a percent
_HALF_FINITE = 0x7C00
_FLOAT_FINITE = 0x7F80

Samples = npt.NDArray[Any]


def stride_for(expected_samples: int) -> int:
    """One value in how many to look at, odd so as not to fall into step with even image widths."""
    stride = -(-expected_samples // _WANTED)
    return max(1, stride) | 1


class Distribution:
    """Counts of values by key, in a window of keys that grows with what is seen. Merges in any grouping."""

    __slots__ = ("_counts", "_first", "_is_half", "_stride", "_to_skip")

    def __init__(self, pixel_type: int, stride: int = 1) -> None:
        self._is_half = pixel_type == PixelType.HALF
        self._stride = stride
        self._to_skip = 0
        self._first = 0
        self._counts: npt.NDArray[np.int64] = np.zeros(0, np.int64)

    def add(self, values: Samples) -> None:
        """Take in one value in `stride` of a one-dimensional array of the channel's pixel type."""
        picked = values[self._to_skip :: self._stride]
        self._to_skip = (self._to_skip - len(values)) % self._stride
        if not len(picked):
            return
        keys = self._half_keys(picked) if self._is_half else self._float_keys(picked)
        if not len(keys):
            return
        first = int(keys.min())
        self._take(first, np.bincount(keys.astype(np.intp) - first))

    def merge(self, other: Distribution) -> None:
        """Take in what another distribution of the same channel counted."""
        if len(other._counts):
            self._take(other._first, other._counts)

    @staticmethod
    def _half_keys(values: Samples) -> npt.NDArray[np.int16]:
        bits = np.ascontiguousarray(values).view(np.int16)
        keys: npt.NDArray[np.int16] = bits ^ ((bits >> 15) & 0x7FFF)
        keys[keys == -1] = 0  # minus zero
        finite: npt.NDArray[np.int16] = keys[(keys >= -_HALF_FINITE) & (keys < _HALF_FINITE)]
        return finite

    @staticmethod
    def _float_keys(values: Samples) -> npt.NDArray[np.int32]:
        bits = (values.astype(np.float32) + np.float32(0.0)).view(np.int32)  # adding zero takes minus zero's sign
        keys: npt.NDArray[np.int32] = (bits ^ ((bits >> 31) & 0x7FFFFFFF)) >> 16
        finite: npt.NDArray[np.int32] = keys[(keys >= -_FLOAT_FINITE) & (keys < _FLOAT_FINITE)]
        return finite

    def _take(self, first: int, counts: npt.NDArray[np.int64]) -> None:
        if not len(self._counts):
            self._first, self._counts = first, counts.copy()
            return
        low = min(first, self._first)
        high = max(first + len(counts), self._first + len(self._counts))
        if high - low > len(self._counts):
            grown = np.zeros(high - low, np.int64)
            grown[self._first - low : self._first - low + len(self._counts)] = self._counts
            self._first, self._counts = low, grown
        self._counts[first - self._first : first - self._first + len(counts)] += counts

    def _values(self, keys: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Least value of each key."""
        if self._is_half:
            bits = (keys ^ np.where(keys < 0, 0x7FFF, 0)).astype(np.int16)
            return np.asarray(bits.view(np.float16), np.float64)
        wide = (keys << 16).astype(np.int64)
        bits32 = (wide ^ np.where(keys < 0, 0x7FFFFFFF, 0)).astype(np.int32)
        return np.asarray(bits32.view(np.float32), np.float64)

    def result(self) -> tuple[tuple[tuple[float, float], ...], Histogram | None]:
        """(percent, value) pairs and the histogram; nothing without a finite value.

        A percentile is the least value that at least that share of the values does not exceed: an actual value for HALF, the
        lower edge of its bin otherwise.
        """
        total = int(self._counts.sum())
        if not total:
            return (), None
        cumulative = np.cumsum(self._counts)
        ranks = np.maximum(1, np.ceil(np.array(PERCENTS) / 100 * total)).astype(np.int64)
        keys = np.searchsorted(cumulative, ranks) + self._first
        values = self._values(keys.astype(np.int64))
        percentiles = tuple(zip(PERCENTS, values.tolist(), strict=True))
        return percentiles, self._histogram()

    def _histogram(self) -> Histogram:
        present = np.flatnonzero(self._counts)
        low, high = int(present[0]) + self._first, int(present[-1]) + self._first
        shift = 0
        while (high >> shift) - (low >> shift) >= MAX_BINS:
            shift += 1
        first_bin, last_bin = low >> shift, high >> shift
        bins = ((present + self._first) >> shift) - first_bin
        counts = np.bincount(bins, self._counts[present], minlength=last_bin - first_bin + 1).astype(np.int64)
        edge_keys = np.arange(first_bin, last_bin + 2, dtype=np.int64) << shift
        finite, greatest = (
            (_HALF_FINITE, 65504.0) if self._is_half else (_FLOAT_FINITE, float(np.finfo(np.float32).max))
        )
        edges = self._values(np.clip(edge_keys, -finite, finite - 1))
        edges[edge_keys >= finite] = greatest
        return Histogram(tuple(edges.tolist()), tuple(counts.tolist()))
