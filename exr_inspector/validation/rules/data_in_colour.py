"""Recognise data that is stored as R, G and B by its values: coordinates, vectors and directions. No rules."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from exr_inspector.model import ChannelStats
from exr_inspector.validation.facts.facts import PartFacts
from exr_inspector.validation.facts.roles import RGB

_EVEN = 0.02  # largest error of the mean and the deviation of even values, as a share of their range
_SIGNED_SHARE = 0.25  # of the pixels, those with a negative component; gamuts and sharpening make fewer values negative
_SIGNED_DEPTH = 0.25  # least ratio of the lowest value to the highest one; noise around black has a smaller one
_BEYOND_COLOUR = 1.0  # below zero by so much, colour was not shifted by an offset
_UNIT = 1.001  # rounding included
_UNIT_TOLERANCE = 0.02  # of the mean square of lengths
_CODED_TOLERANCE = 0.01  # of the mean of v - v^2, summed over three components
_OF_DIRECTIONS = 0.1  # share of the pixels


def mean_square(stats: ChannelStats) -> float:
    """The mean of the squared values."""
    return (stats.mean or 0) ** 2 + (stats.stddev or 0) ** 2


def have_equal_values(every: Iterable[ChannelStats]) -> bool:
    """Whether the statistics of channels are those of the same values."""
    return len({(stats.minimum, stats.maximum, stats.mean, stats.stddev) for stats in every}) == 1


def holds_data(part: PartFacts) -> bool:
    """Whether R, G, B of the base layer are no colour by their values."""
    every = [part.stats[name] for name in RGB if name in part.stats]
    return len(every) == len(RGB) and (are_coordinates(every) or are_vectors(every) or are_directions(every))


def are_coordinates(every: Sequence[ChannelStats]) -> bool:
    """Whether two components are spread evenly and the third is zero, as in maps that distort an image (STMap)."""
    red, green, blue = every
    return blue.is_constant and blue.maximum == 0 and _is_even(red) and _is_even(green)


def _is_even(stats: ChannelStats) -> bool:
    if stats.minimum is None or stats.maximum is None or stats.mean is None or stats.stddev is None:
        return False
    span = stats.maximum - stats.minimum
    middle, deviation = (stats.minimum + stats.maximum) / 2, span / math.sqrt(12)
    return abs(stats.mean - middle) < _EVEN * span and abs(stats.stddev - deviation) < _EVEN * span


def are_vectors(every: Sequence[ChannelStats]) -> bool:
    """Whether many values of two components or more are negative, and not much nearer to zero than the positive ones.

    Either the third component is zero, or the negative values are larger than those of an image whose black level was
    subtracted.
    """
    is_flat = every[-1].is_constant and every[-1].maximum == 0 if every else False
    signed = [
        stats
        for stats in every
        if stats.minimum is not None
        and stats.maximum is not None
        and stats.negative_count >= _SIGNED_SHARE * stats.samples
        and -stats.minimum >= max(_SIGNED_DEPTH * stats.maximum, 0.0 if is_flat else _BEYOND_COLOUR)
        and stats.maximum > 0
    ]
    return len(signed) >= 2


def are_directions(every: Sequence[ChannelStats]) -> bool:
    """Whether three components between -1 and 1 have the length 1 together, but for a background of zeros."""
    if len(every) != len(RGB) or any(stats.minimum is None or stats.maximum is None for stats in every):
        return False
    if any(stats.magnitude > _UNIT for stats in every):
        return False
    covered = 1 - min(stats.zero_count / stats.samples for stats in every)
    is_signed = any(stats.negative_count >= _OF_DIRECTIONS * covered * stats.samples for stats in every)
    return is_signed and abs(sum(map(mean_square, every)) - covered) <= _UNIT_TOLERANCE * covered


def are_coded_directions(every: Sequence[ChannelStats], coverage: float | None = None) -> bool:
    """Whether three components v hold directions n of length 1 as v = (n + 1) / 2, but for a background of v = 0, or n = 0.

    Then the mean of v - v^2, summed over the components, is half the share of the pixels that are no background, and 3/4 of
    that of a background of n = 0, which is known if the mean of alpha is given.
    """
    if len(every) != len(RGB) or any(stats.negative_count or (stats.maximum or 0) > _UNIT for stats in every):
        return False
    total = sum((stats.mean or 0) - mean_square(stats) for stats in every)
    covered = 1 - min(stats.zero_count for stats in every) / every[0].samples
    expected = [covered / 2] if coverage is None else [covered / 2, 0.75 - coverage / 4]
    return covered > 0 and min(abs(total - each) for each in expected) <= _CODED_TOLERANCE
