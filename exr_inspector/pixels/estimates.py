"""Estimates mean and deviation of all pixels, and the error of the mean, from a sample of chunks. Arithmetic only.

The mean is the Hajek estimator, a ratio of two weighted sums, since clusters contain different numbers of values. The weights
of a stratum's clusters add up to its size, which the layout determines. The variance is the linearized variance of a stratified
cluster sample; the confidence interval uses Student's distribution with Satterthwaite's degrees of freedom (Cochran, Sampling
Techniques, 5.4, 6.10 and 6.12; Lohr, Sampling: Design and Analysis, 4 and 9). A stratum with one draw out of several clusters
does not show how its clusters differ, nor one whose compressed sizes have jumps; the mean then has no error. Equal draws do not
prove that other clusters are equal: the error is 0 only if all were read.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from exr_inspector.pixels.plans import Stratum

# Student's t, two-sided 95 %, for 1 to 30 degrees of freedom; above 30 the normal quantile with its first two corrections.
_T95 = (
    12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281,
    2.2010, 2.1788, 2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860,
    2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518, 2.0484, 2.0452, 2.0423,
)  # fmt: skip
_Z95 = 1.959964


@dataclass(frozen=True, slots=True)
class Moments:
    """Count, mean and sum of squared differences from the mean, of some finite values."""

    count: int = 0
    mean: float = 0.0
    m2: float = 0.0

    def merged(self, other: Moments) -> Moments:
        """The moments of both sets together (Chan, Golub, LeVeque 1979)."""
        if not other.count:
            return self
        total = self.count + other.count
        delta = other.mean - self.mean
        mean = self.mean + delta * (other.count / total)
        return Moments(total, mean, self.m2 + other.m2 + delta * delta * (self.count / total * other.count))


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimate of the mean of all finite values.

    Attributes:
        mean: The mean.
        stddev: Population standard deviation.
        error: Standard error of the mean; None if it cannot be estimated from the sample.
        low: Lower end of the 95 % confidence interval of the mean; None without an error.
        high: Upper end of that interval.
    """

    mean: float
    stddev: float
    error: float | None = None
    low: float | None = None
    high: float | None = None


def student_t95(degrees: float) -> float:
    """The two-sided 95 % quantile of Student's distribution, interpolated in 1 / degrees between integers."""
    if degrees >= len(_T95):
        z, square = _Z95, _Z95 * _Z95
        return z * (1 + (square + 1) / (4 * degrees) + (5 * square**2 + 16 * square + 3) / (96 * degrees**2))
    lower = max(1, math.floor(degrees))
    upper = min(len(_T95), lower + 1)
    if degrees <= lower or upper == lower:
        return _T95[lower - 1]
    share = (1 / lower - 1 / degrees) / (1 / lower - 1 / upper)
    return _T95[lower - 1] + share * (_T95[upper - 1] - _T95[lower - 1])


@dataclass(frozen=True, slots=True)
class Cluster:
    """The finite values of one channel in one request.

    Attributes:
        size: Decoded size of its chunks in bytes.
        values: Moments of the values.
        place: Position among the clusters of the stratum's class, in the order of the image.
    """

    size: int
    values: Moments
    place: int = 0


def estimate(
    clusters: Mapping[int, Sequence[Cluster]], strata: Mapping[int, Stratum], *, supports_error: bool
) -> Estimate | None:
    """Estimate the mean of one channel from the clusters that were read.

    Args:
        clusters: By number of the stratum, its clusters that were drawn and contain values.
        strata: All strata of the channel's part and level, by number.
        supports_error: Whether all drawn clusters were read, and all chunks could be drawn.

    Returns:
        The estimate; None without a finite value.
    """
    weights = {
        number: strata[number].size / (strata[number].chance * max(1, sum(item.size for item in items)))
        for number, items in clusters.items()
    }
    weighted = [(weights[number], item.values) for number, items in clusters.items() for item in items]
    total = sum(weight * values.count for weight, values in weighted)
    if not total:
        return None
    # Means are relative to one of them, since sums of large values that nearly cancel would lose precision.
    shift = next(values.mean for _, values in weighted if values.count)
    mean = shift + sum(weight * values.count * (values.mean - shift) for weight, values in weighted) / total
    squares = sum(weight * (values.m2 + values.count * (values.mean - mean) ** 2) for weight, values in weighted)
    stddev = math.sqrt(squares / total)
    known = all(
        stratum.chance == 1 and (stratum.drawn == stratum.clusters or (stratum.drawn >= 2 and not stratum.is_mixed))
        for stratum in strata.values()
    )
    if not (supports_error and known):
        return Estimate(mean, stddev)
    variances = {number: _variance(strata[number], items, mean, total) for number, items in clusters.items()}
    variance = sum(variances.values())
    if variance <= 0:
        is_whole = all(stratum.drawn == stratum.clusters for stratum in strata.values())
        return Estimate(mean, stddev, 0.0, mean, mean) if is_whole else Estimate(mean, stddev)
    degrees = variance**2 / sum(part**2 / (strata[number].drawn - 1) for number, part in variances.items() if part)
    unseen = math.sqrt(_unseen_edges(clusters, strata, mean, total))
    error = max(math.sqrt(variance), unseen)
    reach = max(student_t95(degrees) * math.sqrt(variance), _Z95 * unseen)
    return Estimate(mean, stddev, error, mean - reach, mean + reach)


def _variance(stratum: Stratum, items: Sequence[Cluster], mean: float, total: float) -> float:
    """The contribution of one stratum to the variance of the mean.

    Residuals are taken twice: from the mean (the ratio of sums to counts), and from the ratio of these residuals to the sizes.
    """
    if stratum.drawn >= stratum.clusters:
        return 0.0
    residuals = [item.values.count * (item.values.mean - mean) / total for item in items]
    size = sum(item.size for item in items)
    ratio = sum(residuals) / size
    spread = sum((value - ratio * item.size) ** 2 for value, item in zip(residuals, items, strict=True))
    factor = stratum.size / (size / len(items))
    return factor**2 * (1 - stratum.drawn / stratum.clusters) * spread / ((stratum.drawn - 1) * stratum.drawn)


def _unseen_edges(
    clusters: Mapping[int, Sequence[Cluster]], strata: Mapping[int, Stratum], mean: float, total: float
) -> float:
    """The variance of the mean if each difference between neighbouring draws is one edge, somewhere in the clusters between.

    Draws of a region may all lie on one side of an edge, and then do not show that its clusters differ.
    """
    by_cell: dict[int, list[tuple[int, float]]] = {}
    for number, items in clusters.items():
        every = by_cell.setdefault(strata[number].cell, [])
        every += [(item.place, item.values.count * (item.values.mean - mean) / total) for item in items]
    return sum(
        ((later - place - 1) * (below - above) / 2) ** 2
        for every in by_cell.values()
        for (place, above), (later, below) in pairwise(sorted(every))
    )
