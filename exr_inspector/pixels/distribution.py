"""Computes percentiles, a compact histogram and kinds of a channel's values from counts of their bit patterns.

The bits of floating point numbers, read as integers with reversed order for negative numbers, are ordered like the numbers.
Without their lower bits these keys are bins whose width is proportional to the magnitude. HALF values keep all bits and are
exact; FLOAT and UINT values are binned by the upper 16 bits of their float32 form (7 bits of mantissa). Of large images one
value in `stride` is picked, at a random position in each of equal intervals, since fixed distances could coincide with patterns
in the image. Non-finite values are ignored. No I/O.
"""

from __future__ import annotations

import math
import sys
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from exr_inspector.exr.header.values import PixelType
from exr_inspector.model import Histogram

PERCENTS = (0.1, 1.0, 5.0, 25.0, 50.0, 75.0, 95.0, 99.0, 99.9)
MAX_BINS = 64
WANTED = 1 << 19  # picks of a channel, for a standard error of at most 0.07 % of a percentile's rank
_PIECES = 64  # arrays of picks before they are concatenated
_SIGN = 0x8000
_UPPER = slice(int(sys.byteorder == "little"), None, 2)  # the upper halves of 32-bit integers seen as 16-bit ones
_HALF_FINITE = 0x7C00
_FLOAT_FINITE = 0x7F80
_CODES = np.float32(255)
_HALVES = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
_FINITE_HALVES = np.isfinite(_HALVES)
with np.errstate(invalid="ignore"):
    _WHOLE_HALVES = _FINITE_HALVES & (np.trunc(_HALVES) == _HALVES)
_CODE_HALVES = np.zeros_like(_FINITE_HALVES)
_CODE_HALVES[(np.arange(256) / 255).astype(np.float16).view(np.uint16)] = True
_CODE_HALVES[_SIGN] = True
_CODE_ROUNDING = 1e-6  # writers divide by 255 or multiply by its inverse
_HASH_FACTOR = np.uint32(0x9E3779B1)

Samples = npt.NDArray[Any]

# Random numbers from 0 to 1 with a fixed seed: the statistics of a file must be the same in every run.
_RANDOM = np.random.default_rng(20260101).random(1 << 16)
_RANDOM.flags.writeable = False


def stride_for(expected_samples: int, wanted: int = WANTED) -> int:
    """The stride with which about `wanted` of the expected samples are picked; at least 1."""
    return max(1, -(-expected_samples // wanted))


class Places:
    """Chooses the values to pick. Caches the last result, since the channels of a strip use the same positions."""

    __slots__ = ("_asked", "_places")

    def __init__(self) -> None:
        self._asked: tuple[int, int, int] | None = None
        self._places: npt.NDArray[np.intp] = np.empty(0, np.intp)

    def of(self, count: int, stride: int, random_at: int) -> npt.NDArray[np.intp]:
        """Positions of the picks among `count` values: one in each of equal intervals, each with probability 1 / stride."""
        if self._asked != (count, stride, random_at):
            wanted = int(count / stride + _random(random_at, 1)[0])  # rounded up or down at random
            stretches = np.arange(wanted) + _random(random_at + 1, wanted)
            self._places = (stretches * (count / max(1, wanted))).astype(np.intp)
            self._asked = count, stride, random_at
        return self._places


def _random(first: int, count: int) -> npt.NDArray[np.float64]:
    first %= len(_RANDOM)
    if first + count <= len(_RANDOM):
        return _RANDOM[first : first + count]
    return np.resize(np.roll(_RANDOM, -first), count)


class DistributionSummary(NamedTuple):
    """What the values of a channel are like; empty and None without a finite value.

    Attributes:
        percentiles: (percent, value) pairs.
        histogram: The histogram.
        fractional_share: Share of the finite values that are not whole numbers.
        eight_bit_share: Share of the finite values that are 8-bit codes divided by 255.
        distinct_count: Number of different bit patterns: exact for HALF, else of their hashes of 16 bits.
    """

    percentiles: tuple[tuple[float, float], ...] = ()
    histogram: Histogram | None = None
    fractional_share: float | None = None
    eight_bit_share: float | None = None
    distinct_count: int | None = None


class Distribution:
    """Values picked evenly from a channel, for percentiles and the histogram. Distributions can be merged in any grouping.

    Args:
        pixel_type: The channel's pixel type.
        stride: One value in `stride` is picked.
        most: Maximum number of picks; more are thinned to a third. Needed for deep parts, whose number of samples is unknown.
        seed: Selects the start in the table of random numbers. Different seeds for the strips of an image avoid picking the
            same positions in all of them.
    """

    __slots__ = ("_count", "_finite", "_is_half", "_is_uint", "_most", "_picks", "_random_at", "_stride", "_thinned")

    def __init__(self, pixel_type: int, stride: int = 1, most: int = 2 * WANTED, seed: int = 0) -> None:
        self._is_half = pixel_type == PixelType.HALF
        self._is_uint = pixel_type == PixelType.UINT
        self._finite = _HALF_FINITE if self._is_half else _FLOAT_FINITE
        self._stride = stride
        self._most = most
        self._random_at = seed * 40_503 % len(_RANDOM)
        self._thinned = 1
        self._count = 0
        self._picks: list[Samples] = []

    def add(self, values: Samples, places: Places | None = None) -> None:
        """Add one in `stride` values of a one-dimensional array of the channel's pixel type."""
        picked = self._picked(values, self._stride * self._thinned, places or Places())
        self._take([picked], len(picked))

    def merge(self, other: Distribution) -> None:
        """Add the values picked by another distribution of the same channel."""
        while self._thinned < other._thinned:
            self._thin()
        thinner = self._thinned // other._thinned
        picks = other._picks
        if thinner > 1 and picks:
            joined = np.concatenate(picks)
            picks = [self._picked(joined, thinner, Places())]
        self._take(picks, sum(map(len, picks)))

    def _picked(self, values: Samples, stride: int, places: Places) -> Samples:
        """One in `stride` of the values."""
        if stride == 1:
            return values
        chosen = places.of(len(values), stride, self._random_at)
        self._random_at = (self._random_at + 1 + len(chosen)) % len(_RANDOM)
        return values.take(chosen)

    def _take(self, picks: list[Samples], count: int) -> None:
        self._picks.extend(picks)
        self._count += count
        while self._count > self._most:
            self._thin()
        if len(self._picks) > _PIECES:
            self._picks = [np.concatenate(self._picks)]

    def _thin(self) -> None:
        """Keep a third of the picks, and triple the stride of later ones."""
        self._thinned *= 3
        if self._picks:
            joined = np.concatenate(self._picks)
            self._picks = [self._picked(joined, 3, Places())]
            self._count = len(self._picks[0])

    def _keys(self, bits: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """The keys of finite values, from `-finite` to `finite - 1`, in the order of the values, with their indices in `bits`.

        Args:
            bits: Bit patterns of values in ascending order.
        """
        first_negative, none = np.searchsorted(bits, [_SIGN, _SIGN + self._finite])
        end = np.searchsorted(bits, self._finite)
        order = np.concatenate([np.arange(none - 1, first_negative - 1, -1), np.arange(end)])
        keys = bits[order]
        return np.where(keys < _SIGN, keys, _SIGN - 1 - keys), order

    def _bins(self, values: Samples) -> npt.NDArray[np.uint16]:
        """The bits of HALF values, or the upper halves of the float32 form of FLOAT and UINT values."""
        if self._is_half:
            return values.view(np.uint16)
        # Adding zero turns minus zero into zero. A signalling NaN sets a flag here, and is ignored below.
        with np.errstate(invalid="ignore"):
            single = values.astype(np.float32, copy=False) + np.float32(0.0)
        if self._is_uint:  # rounded down, so that no bin is above the values that it counts
            single.view(np.int32)[:] -= single.astype(np.float64) > values
        return single.view(np.uint16)[_UPPER]

    def _values(self, keys: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """The smallest value of each key."""
        if self._is_half:
            bits = (keys ^ np.where(keys < 0, 0x7FFF, 0)).astype(np.int16)
            return np.asarray(bits.view(np.float16), np.float64)
        wide = (keys << 16).astype(np.int64)
        bits32 = (wide ^ np.where(keys < 0, 0x7FFFFFFF, 0)).astype(np.int32)
        return np.asarray(bits32.view(np.float32), np.float64)

    def summary(self, minimum: float = math.nan, maximum: float = math.nan) -> DistributionSummary:
        """Percentiles, histogram and kinds of the picked values.

        The p-th percentile is the smallest value with at least p percent of the values less than or equal to it: an actual
        value for HALF, otherwise the lower edge of its bin, the minimum if that is higher, or the maximum if so many values are
        equal to it.

        Args:
            minimum: The channel's smallest finite value; NaN if unknown.
            maximum: Its largest finite value; NaN if unknown.
        """
        empty = np.zeros(0, np.float16 if self._is_half else np.float32)
        values = np.concatenate(self._picks or [empty])
        by_bits = np.bincount(self._bins(values), minlength=1 << 16)
        bits = np.flatnonzero(by_bits)
        kinds = _kinds_of_halves(bits, by_bits[bits]) if self._is_half else _kinds(values)
        if self._is_half and by_bits[_SIGN]:  # minus zero counts as zero
            by_bits[0] += by_bits[_SIGN]
            by_bits[_SIGN] = 0
            bits = np.flatnonzero(by_bits)
        keys, order = self._keys(bits)
        if not len(keys):
            return DistributionSummary()
        counts = by_bits[bits[order]]
        running = np.cumsum(counts)
        ranks = np.maximum(1, np.ceil(np.array(PERCENTS) / 100 * int(running[-1]))).astype(np.int64)
        found = self._values(keys[np.searchsorted(running, ranks)])
        if not self._is_half:
            found = np.fmax(found, minimum + 0.0)
            found[ranks > running[-1] - np.count_nonzero(values == maximum)] = maximum + 0.0
        percentiles = zip(PERCENTS, found.tolist(), strict=True)
        finite, whole, codes, distinct = kinds
        return DistributionSummary(
            tuple(percentiles), self._histogram(keys, counts), (finite - whole) / finite, codes / finite, distinct
        )

    def _histogram(self, keys: npt.NDArray[np.int64], key_counts: npt.NDArray[np.int64]) -> Histogram:
        """The histogram of the counts of ascending keys, in at most MAX_BINS bins."""
        low, high = int(keys[0]), int(keys[-1])
        shift = 0
        while (high >> shift) - (low >> shift) >= MAX_BINS:
            shift += 1
        edge_keys = np.arange(low >> shift, (high >> shift) + 2, dtype=np.int64) << shift
        counts = np.bincount((keys >> shift) - (low >> shift), key_counts).astype(np.int64)
        edges = self._values(np.clip(edge_keys, -self._finite, self._finite - 1))
        if self._is_uint:
            edges = np.minimum(edges, np.iinfo(np.uint32).max)
        edges[edge_keys >= self._finite] = 65504.0 if self._is_half else float(np.finfo(np.float32).max)
        return Histogram(tuple(edges.tolist()), tuple(counts.tolist()))


def _kinds_of_halves(bits: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]) -> tuple[int, int, int, int]:
    """As `_kinds`, of the different bit patterns of HALF values and their numbers."""
    finite, whole, codes = (
        int(counts[is_kind[bits]].sum()) for is_kind in (_FINITE_HALVES, _WHOLE_HALVES, _CODE_HALVES)
    )
    return finite, whole, codes, len(bits)


def _kinds(values: Samples) -> tuple[int, int, int, int]:
    """The numbers of finite, whole and 8-bit values among FLOAT or UINT values, and of different ones, by hashes of 16 bits."""
    hashes = np.multiply(values.view(np.uint32), _HASH_FACTOR) >> np.uint32(16)
    distinct = int(np.count_nonzero(np.bincount(hashes, minlength=1 << 16)))
    single = values.astype(np.float32, copy=False)
    is_finite = np.isfinite(single)
    with np.errstate(over="ignore", invalid="ignore"):  # of values that are no codes, and of signalling NaNs
        nearest = np.clip(np.rint(single * _CODES), 0, _CODES) / _CODES
        codes = int(np.count_nonzero(np.abs(single - nearest) <= _CODE_ROUNDING * nearest))
        whole = int(np.count_nonzero((single == np.trunc(single)) & is_finite))
    return int(np.count_nonzero(is_finite)), whole, codes, distinct
