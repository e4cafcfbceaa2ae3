"""Compares two channels, some rows at a time. Arithmetic only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from exr_inspector.exr.header.values import PixelType
from exr_inspector.pixels.decoded import bits_of

Plane = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class ChannelDiff:
    """The differences between two files in one channel, for the pixels that both files have.

    Attributes:
        channel: Full channel name.
        samples: Number of compared samples.
        differing: Number of unequal samples. Two NaNs are equal, and so are zero and minus zero.
        over: Number of samples that differ by more than the threshold, including those in `unlike`.
        unlike: Number of samples where one is NaN or infinite and the other is not the same; excluded from all errors.
        max_error: Largest absolute difference of finite samples.
        max_at: Pixel (x, y) of the first sample with that difference; None without a difference.
        mean_error: Mean absolute difference of the finite samples.
        rms_error: Root mean square of their differences.
        max_relative: Largest difference divided by the larger of the two magnitudes; 0 to 2.
        max_ulp: Largest distance of two samples in HALF values; None unless both channels are HALF.
    """

    channel: str
    samples: int
    differing: int
    over: int
    unlike: int
    max_error: float
    max_at: tuple[int, int] | None
    mean_error: float
    rms_error: float
    max_relative: float
    max_ulp: int | None

    @property
    def is_same(self) -> bool:
        """Whether no sample differs by more than the threshold."""
        return not self.over


class ChannelComparison:
    """Compares a channel, some rows at a time from top to bottom."""

    def __init__(self, channel: str, types: tuple[int, int], threshold: float) -> None:
        self._channel = channel
        self._is_half = types == (PixelType.HALF, PixelType.HALF)
        self._threshold = threshold
        self._samples = self._differing = self._over = self._unlike = self._finite = self._ulp = 0
        self._sum = self._squares = self._relative = self._max = 0.0
        self._at: tuple[int, int] | None = None

    def add(self, one: Plane, other: Plane, first: tuple[int, int], sampling: tuple[int, int]) -> None:
        """Add the same rows of both files, shape (rows, columns); `first` is the pixel (x, y) of the first sample."""
        self._samples += one.size
        if one.dtype == other.dtype and np.array_equal(bits_of(one), bits_of(other)):
            self._finite += int(np.count_nonzero(np.isfinite(one)))
            return
        left, right = one.astype(np.float64), other.astype(np.float64)
        finite = np.isfinite(left) & np.isfinite(right)
        same = (left == right) | (np.isnan(left) & np.isnan(right))
        unlike = int(np.count_nonzero(~finite & ~same))
        with np.errstate(invalid="ignore", over="ignore"):
            error = np.where(finite, np.abs(left - right), 0.0)
        self._finite += int(np.count_nonzero(finite))
        self._unlike += unlike
        self._differing += int(np.count_nonzero(~same))
        self._over += unlike + int(np.count_nonzero(error > self._threshold))
        self._sum += float(error.sum())
        self._squares += float((error * error).sum())
        worst = int(error.argmax())
        if error.flat[worst] > self._max:
            self._max = float(error.flat[worst])
            row, column = divmod(worst, error.shape[1])
            self._at = first[0] + column * sampling[0], first[1] + row * sampling[1]
        larger = np.where(finite, np.maximum(np.abs(left), np.abs(right)), 0.0)
        with np.errstate(over="ignore"):
            self._relative = max(self._relative, float(np.max(error / np.where(larger > 0, larger, 1.0))))
        if self._is_half:
            steps = np.where(finite, np.abs(_steps(one) - _steps(other)), 0)
            self._ulp = max(self._ulp, int(steps.max()))

    def result(self) -> ChannelDiff:
        """The differences in the rows added so far."""
        count = max(1, self._finite)
        return ChannelDiff(
            channel=self._channel,
            samples=self._samples,
            differing=self._differing,
            over=self._over,
            unlike=self._unlike,
            max_error=self._max,
            max_at=self._at,
            mean_error=self._sum / count,
            rms_error=(self._squares / count) ** 0.5,
            max_relative=self._relative,
            max_ulp=self._ulp if self._is_half else None,
        )


def _steps(values: Plane) -> npt.NDArray[np.int32]:
    """HALF values as consecutive integers in the order of their values; both zeros are 0."""
    bits = values.view(np.int16).astype(np.int32)
    return np.where(bits < 0, -(bits & 0x7FFF), bits)
