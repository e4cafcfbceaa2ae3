"""Accumulates statistics of arrays of samples. Counts are exact; other values are computed in float64.

An `Accumulator` processes the samples of one channel and level, in any number of arrays; accumulators of the same channel can
be merged in any grouping. Non-finite values affect only their own counts, as in `oiiotool --stats`. Positions in the image are
unknown here; callers pass in those of NaNs, infinities and maxima. No I/O, no clock.

The common case is fast: HALF values are ordered by their bits, so the extremes of the bits show that a run is finite and
determine its minimum and maximum without conversion. A run is as long as fits into the processor's second-level cache: every
numpy call releases and reacquires the GIL, so threads with short calls would wait for each other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from exr_inspector.exr.header.values import PixelType
from exr_inspector.model import ChannelStats, DeepStats
from exr_inspector.pixels.distribution import Distribution, DistributionSummary, Places
from exr_inspector.pixels.estimates import Estimate, Moments

HALF_MAX = 65504.0
RUN = 1 << 16
MAX_REUSED = 1 << 20  # converted values that are kept for summing thumbnails: those of a strip
_DOT = 1 << 13
# HALF bits shifted to the position of float32 bits are the value divided by this.
REBIAS = 2.0**112
# If m2 is below this fraction of the sum of squares, it has lost too many digits and is computed from centred values.
_CANCELLATION = 1e-5

Samples = npt.NDArray[Any]
Pixel = tuple[int, int]


class Workspace:
    """Reusable buffers of one thread, which avoid allocations for each run.

    Args:
        longest: Length of the longest array that it is used for.

    Attributes:
        places: Chooses the values that distributions pick.
    """

    __slots__ = ("float32", "float64", "int32", "places")

    def __init__(self, longest: int = MAX_REUSED) -> None:
        self.float32 = np.empty(min(longest, MAX_REUSED), np.float32)
        self.int32 = self.float32.view(np.int32)
        self.float64 = np.empty(min(longest, RUN), np.float64)
        self.places = Places()


def _earlier(left: Pixel | None, right: Pixel | None) -> Pixel | None:
    """The pixel (x, y) that comes first in reading order."""
    if left is None or right is None:
        return right if left is None else left
    return min(left, right, key=lambda pixel: (pixel[1], pixel[0]))


@dataclass(slots=True)
class Accumulator:
    """Statistics of one channel of one level so far; other fields as in `model.ChannelStats`.

    Attributes:
        pixel_type: The channel's pixel type.
        distribution: Collects values for percentiles and the histogram; None for neither.
        m2: Sum of the squared differences of the finite values from their mean.
        top_run: Index of the first value of the run that raised the maximum last, in the array that was added last.
    """

    pixel_type: int
    distribution: Distribution | None = None
    samples: int = 0
    finite_count: int = 0
    nan_count: int = 0
    positive_inf_count: int = 0
    negative_inf_count: int = 0
    zero_count: int = 0
    negative_count: int = 0
    half_max_count: int = 0
    minimum: float = math.inf
    maximum: float = -math.inf
    mean: float = 0.0
    m2: float = 0.0
    first_nan: Pixel | None = None
    first_inf: Pixel | None = None
    maximum_at: Pixel | None = None
    top_run: int = 0

    @property
    def inf_count(self) -> int:
        """Number of infinities of both signs."""
        return self.positive_inf_count + self.negative_inf_count

    @property
    def moments(self) -> Moments:
        """Count, mean and sum of squared differences of the finite values."""
        return Moments(self.finite_count, self.mean, self.m2)

    def add(self, values: Samples, workspace: Workspace | None = None) -> Samples | None:
        """Add samples of the channel's pixel type, of any shape; C-contiguous arrays are not copied.

        Args:
            values: The samples.
            workspace: Buffers to use; None allocates new ones.

        Returns:
            HALF samples divided by REBIAS, float32 of the same shape, valid until the workspace is used again. None for other
            types, if some samples are not finite, and if they do not fit into the workspace.
        """
        flat = values.reshape(-1)
        buffers = workspace or Workspace(len(flat))
        finite = self.finite_count
        self.samples += len(flat)
        add_run = self._add_uint
        if self.pixel_type == PixelType.HALF:
            add_run = self._add_half
        elif self.pixel_type == PixelType.FLOAT:
            add_run = self._add_float
        for start in range(0, len(flat), RUN):
            maximum = self.maximum
            add_run(flat[start : start + RUN], buffers, start % MAX_REUSED)
            if self.maximum > maximum:
                self.top_run = start
        if self.distribution is not None:
            self.distribution.add(flat, buffers.places)
        is_reusable = (
            self.pixel_type == PixelType.HALF and len(flat) <= MAX_REUSED and self.finite_count - finite == len(flat)
        )
        return buffers.float32[: len(flat)].reshape(values.shape) if is_reusable else None

    def index_of_maximum(self, values: Samples) -> int:
        """The index of the maximum in the flattened array that was added last, if that array raised it."""
        run = values.reshape(-1)[self.top_run : self.top_run + RUN]
        if self.pixel_type == PixelType.HALF:  # numpy compares float16 slowly
            is_maximum = run.view(np.uint16) == np.float16(self.maximum).view(np.uint16)
        else:
            is_maximum = run == self.maximum
        return self.top_run + int(np.argmax(is_maximum))

    def note(self, *, first_nan: Pixel | None = None, first_inf: Pixel | None = None) -> None:
        """Record the pixel (x, y) of a NaN or an infinity; the first one in reading order is kept."""
        self.first_nan = _earlier(self.first_nan, first_nan)
        self.first_inf = _earlier(self.first_inf, first_inf)

    def merge(self, other: Accumulator) -> None:
        """Add the statistics of another accumulator of the same channel."""
        for name in _COUNTS:
            if name != "finite_count":
                setattr(self, name, getattr(self, name) + getattr(other, name))
        self._merge_moments(other.finite_count, other.mean, other.m2)
        if other.maximum > self.maximum:
            self.maximum_at = other.maximum_at
        elif other.maximum == self.maximum:
            self.maximum_at = _earlier(self.maximum_at, other.maximum_at)
        self.minimum = min(self.minimum, other.minimum)
        self.maximum = max(self.maximum, other.maximum)
        self.note(first_nan=other.first_nan, first_inf=other.first_inf)
        if self.distribution is not None and other.distribution is not None:
            self.distribution.merge(other.distribution)

    def result(
        self,
        *,
        part: int,
        channel: str,
        level: tuple[int, int],
        coverage: float,
        exact: bool,
        estimated: Estimate | None = None,
    ) -> ChannelStats:
        """The statistics. `coverage` is the fraction of samples read, `estimated` the estimate from a sample of chunks."""
        known = self.finite_count > 0
        if estimated is None and known:
            mean, stddev = self.mean, math.sqrt(self.m2 / self.finite_count)
            estimated = Estimate(mean, stddev, 0.0, mean, mean) if exact else Estimate(mean, stddev)
        distribution = self.distribution if known and exact else None
        summary = distribution.summary(self.minimum, self.maximum) if distribution else DistributionSummary()
        return ChannelStats(
            part=part,
            channel=channel,
            level_x=level[0],
            level_y=level[1],
            **{name: getattr(self, name) for name in _COUNTS},
            minimum=self.minimum if known else None,
            maximum=self.maximum if known else None,
            mean=estimated.mean if estimated else None,
            mean_error=estimated.error if estimated else None,
            mean_low=estimated.low if estimated else None,
            mean_high=estimated.high if estimated else None,
            stddev=estimated.stddev if estimated else None,
            first_nan=self.first_nan,
            first_inf=self.first_inf,
            maximum_at=self.maximum_at,
            percentiles=summary.percentiles,
            histogram=summary.histogram,
            fractional_share=summary.fractional_share,
            eight_bit_share=summary.eight_bit_share,
            distinct_count=summary.distinct_count,
            coverage=coverage,
            exact=exact,
        )

    def _merge_moments(self, count: int, mean: float, m2: float) -> None:
        """Add moments without a difference of large sums (Chan, Golub, LeVeque 1979)."""
        if not count:
            return
        total = self.finite_count + count
        delta = mean - self.mean
        self.mean += delta * (count / total)
        self.m2 += m2 + delta * delta * (self.finite_count / total * count)
        self.finite_count = total

    def _add_moments(self, wide: npt.NDArray[np.float64], low: float, high: float, scale: float = 1.0) -> None:
        """Add the finite float64 values `wide * scale`; `wide` may be overwritten."""
        count = len(wide)
        self.minimum = min(self.minimum, low)
        self.maximum = max(self.maximum, high)
        if low == high:
            self._merge_moments(count, low, 0.0)
            return
        mean = float(np.einsum("i->", wide)) / count
        squares = _sum_of_squares(wide)
        m2 = squares - count * mean * mean
        if m2 < _CANCELLATION * squares:
            np.subtract(wide, mean, out=wide)
            m2 = _sum_of_squares(wide)
        self._merge_moments(count, mean * scale, m2 * scale * scale)

    def _drop_non_finite(self, values: Samples, finite: npt.NDArray[np.bool_]) -> Samples:
        """Count the non-finite values and return the others."""
        rest = values[~finite]
        nans = int(np.count_nonzero(np.isnan(rest)))
        positive = int(np.count_nonzero(rest == np.inf))
        self.nan_count += nans
        self.positive_inf_count += positive
        self.negative_inf_count += len(rest) - nans - positive
        kept: Samples = values[finite]
        return kept

    def _add_half(self, values: Samples, buffers: Workspace, at: int) -> None:
        bits = values.view(np.uint16)
        top = int(bits.max())  # if any value is negative, the negative value of largest magnitude
        signed = values.view(np.int16)
        most = top if top < 0x8000 else int(signed.max())  # the largest positive value
        if top >= 0xFC00 or most >= 0x7C00:
            values = self._drop_non_finite(values, (bits & 0x7C00) != 0x7C00)
            if len(values):
                self._add_half(values, buffers, at)
            return
        count = len(values)
        if top < 0x8000:
            zeros = count - int(np.count_nonzero(bits))
            low, high = 0.0 if zeros else _half(int(bits.min())), _half(top)
        else:
            zeros = count - int(np.count_nonzero(bits & 0x7FFF))
            low, high = _half(top), _half(most if most >= 0 else int(bits.min()))
            self.negative_count += int(np.count_nonzero(bits > 0x8000))
        self.zero_count += zeros
        if high >= HALF_MAX or low <= -HALF_MAX:
            self.half_max_count += int(np.count_nonzero((bits & 0x7FFF) >= 0x7BFF))
        # The ten mantissa and five exponent bits, shifted to their float32 positions, only lack the other exponent bias. The
        # moments are scaled instead of the values, since numpy's conversion takes longer than everything else.
        placed = buffers.int32[at : at + count]
        np.copyto(placed, signed)
        np.left_shift(placed, 13, out=placed)
        if top >= 0x8000:
            np.bitwise_and(placed, np.int32(-0x70000001), out=placed)
        wide = buffers.float64[:count]
        np.copyto(wide, placed.view(np.float32))
        self._add_moments(wide, low, high, REBIAS)

    def _add_float(self, values: Samples, buffers: Workspace, at: int) -> None:
        low, high = float(values.min()), float(values.max())
        if not (math.isfinite(low) and math.isfinite(high)):
            values = self._drop_non_finite(values, np.isfinite(values))
            if len(values):
                self._add_float(values, buffers, at)
            return
        if low <= 0.0 <= high:
            self.zero_count += int(np.count_nonzero(values == 0))
        if low < 0.0:
            self.negative_count += int(np.count_nonzero(values < 0))
        if high >= HALF_MAX or low <= -HALF_MAX:
            self.half_max_count += int(np.count_nonzero(np.abs(values) >= HALF_MAX))
        wide = buffers.float64[: len(values)]
        np.copyto(wide, values)
        self._add_moments(wide, low, high)

    def _add_uint(self, values: Samples, buffers: Workspace, at: int) -> None:  # noqa: ARG002 - same signature as other types
        low, high = int(values.min()), int(values.max())
        if not low:
            self.zero_count += len(values) - int(np.count_nonzero(values))
        if high >= HALF_MAX:
            self.half_max_count += int(np.count_nonzero(values >= int(HALF_MAX)))
        wide = buffers.float64[: len(values)]
        np.copyto(wide, values)
        self._add_moments(wide, float(low), float(high))


_COUNTS = (
    "samples",
    "finite_count",
    "nan_count",
    "positive_inf_count",
    "negative_inf_count",
    "zero_count",
    "negative_count",
    "half_max_count",
)


def _half(bits: int) -> float:
    return float(np.uint16(bits).view(np.float16))


def _sum_of_squares(wide: npt.NDArray[np.float64]) -> float:
    # In rows, since the BLAS library starts its own threads for longer vectors.
    if len(wide) <= _DOT:
        return float(np.dot(wide, wide))
    even = len(wide) // _DOT * _DOT
    rows = wide[:even].reshape(-1, _DOT)
    return float(_row_dots(rows).sum()) + float(np.dot(wide[even:], wide[even:]))


def _row_dots(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The sum of squares of each row."""
    dots: npt.NDArray[np.float64]
    # numpy before 2.0 has no vecdot; matmul takes a fifth longer.
    dots = np.vecdot(rows, rows) if hasattr(np, "vecdot") else np.matmul(rows[:, None, :], rows[:, :, None])[:, 0, 0]
    return dots


@dataclass(slots=True)
class DeepAccumulator:
    """Samples per pixel of one level so far; fields as in `model.DeepStats`."""

    pixels: int = 0
    total_samples: int = 0
    min_samples: int | None = None
    max_samples: int = 0
    empty_pixels: int = 0
    inverted_samples: int = 0
    unsorted_samples: int = 0
    overlapping_samples: int = 0
    first_inverted: Pixel | None = None

    def add(self, counts: npt.NDArray[np.int32], front: Samples | None = None, back: Samples | None = None) -> None:
        """Add the numbers of samples of some pixels, and the values of Z and ZBack of these samples if there are any."""
        if not counts.size:
            return
        self._take(
            counts.size,
            int(counts.sum(dtype=np.int64)),
            int(counts.min()),
            int(counts.max()),
            counts.size - int(np.count_nonzero(counts)),
        )
        if front is not None and back is not None:
            self.inverted_samples += int(np.count_nonzero(back < front))
        if front is not None and len(front) > 1:
            starts = np.cumsum(counts.reshape(-1), dtype=np.int64)
            in_one = np.ones(len(front) - 1, np.bool_)
            in_one[starts[(starts > 0) & (starts < len(front))] - 1] = False  # the first sample of another pixel
            self.unsorted_samples += int(np.count_nonzero(in_one & (front[1:] < front[:-1])))
            if back is not None:
                overlaps = in_one & (front[1:] < back[:-1]) & (front[:-1] < back[1:])
                self.overlapping_samples += int(np.count_nonzero(overlaps))

    def note(self, first_inverted: Pixel | None) -> None:
        """Note a pixel with a ZBack in front of its Z."""
        self.first_inverted = _earlier(self.first_inverted, first_inverted)

    def merge(self, other: DeepAccumulator) -> None:
        """Add the statistics of another accumulator of the same level."""
        if other.min_samples is not None:
            self._take(other.pixels, other.total_samples, other.min_samples, other.max_samples, other.empty_pixels)
            self.inverted_samples += other.inverted_samples
            self.note(other.first_inverted)
            self.unsorted_samples += other.unsorted_samples
            self.overlapping_samples += other.overlapping_samples

    def _take(self, pixels: int, total: int, least: int, most: int, empty: int) -> None:
        self.pixels += pixels
        self.total_samples += total
        self.min_samples = least if self.min_samples is None else min(self.min_samples, least)
        self.max_samples = max(self.max_samples, most)
        self.empty_pixels += empty

    def result(self) -> DeepStats:
        """The statistics."""
        return DeepStats(
            self.pixels,
            self.total_samples,
            self.min_samples or 0,
            self.max_samples,
            self.empty_pixels,
            self.inverted_samples,
            self.unsorted_samples,
            self.overlapping_samples,
            self.first_inverted,
        )
