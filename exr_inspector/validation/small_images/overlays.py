"""Texts over some frames of an image that moves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from exr_inspector.validation.rule import Found
from exr_inspector.validation.rules.sequences.comparison import of_frames

_LEAST_AREAS = 4
_DARKEST = 0.2  # darker areas are compared as if they had this share of the mean light
_ALONE = 4  # least ratio of a change to the usual one of an area
_LEAST_SWITCH = 0.06  # of the light of an area
_MOST_BACK = 0.6  # least share of the areas that change at once that change back
_MOST_TEXTS = 4  # changes; lights blink more often
_BORDER = 2  # rows of areas


def texts_at_border(numbers: Sequence[int], images: npt.NDArray[np.float64]) -> list[Found]:
    """Frames in a row in which areas at the top or the bottom change at once, and back at once, while the image moves on."""
    changes = np.diff(images, axis=0)
    sizes = np.abs(changes)
    light = np.maximum(np.abs(images).mean(axis=0), _DARKEST * np.abs(images).mean())
    jumps = sizes >= np.maximum(_LEAST_SWITCH * light, _ALONE * np.median(sizes, axis=0))
    edge = _BORDER * math.isqrt(images.shape[1])
    for side, where in (("top", slice(edge)), ("bottom", slice(-edge, None))):
        here, steps = jumps[:, where], changes[:, where]
        counts = here.sum(axis=1)
        others = jumps.sum(axis=1) - counts
        is_alone = (counts >= _LEAST_AREAS) & (counts >= 2 * _most_beside(counts))
        many = np.flatnonzero(is_alone & (others <= 2 * _most_beside(others))).tolist()
        odd: list[int] = []
        most = 0
        for first, last in pairwise(many):
            size = np.abs(steps[first])
            stays = (np.abs(steps[first + 1 : last]) <= size / 2).all(axis=0)
            count = int((here[first] & here[last] & stays & (np.abs(steps[first] + steps[last]) <= size / 2)).sum())
            if count >= max(_LEAST_AREAS, _MOST_BACK * max(counts[first], counts[last])):
                odd += numbers[first + 1 : last + 1]
                most = max(most, count)
        if odd and len(many) <= _MOST_TEXTS and 2 * len(odd) <= len(numbers):
            what = (
                f"{most} areas at the {side} change at once where these begin, and back where they end, while the rest "
            )
            what += "moves on: a text over the image, as a burn-in?"
            return of_frames(odd, what, "the image of the frames around", f"{most} areas")
    return []


def _most_beside(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The larger of the two counts beside each."""
    beside = np.pad(counts, 1)
    return np.maximum(beside[:-2], beside[2:])
