"""Values of frames that differ from the steady ones around them, and whether their images and motion do. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import median

from exr_inspector.validation.frames import FramePixels
from exr_inspector.validation.rules.sequences.flashes import ONE_SIZE, STEADY, STEP_TO_SPREAD
from exr_inspector.validation.rules.sequences.images import NEIGHBOURS, difference, show_one_image

_STILL = 0.01  # largest difference of small images of an image that hardly moves, as a share of their light
_ONE_MOTION = 1.5  # largest ratio of the difference of blurred neighbours to the usual one
_ONE_LIGHT = 1.05  # largest ratio of the luminances of frames of one light


def steps_from_steady(values: Sequence[tuple[float, int]], least: float, longest: int = 2) -> dict[int, float]:
    """The positions of values that differ from steady ones around them, each with its ratio to these.

    Args:
        values: Values, each with the area that it was taken from; areas that differ by more than a tenth are not compared.
        least: The smallest ratio.
        longest: How many such values may follow each other.
    """
    levels = [math.log(value) if value > 0 else -math.inf for value, _ in values]
    changes = [abs(after - before) for before, after in pairwise(levels)]
    small = math.log(least) / STEP_TO_SPREAD
    found: dict[int, float] = {}
    for first in range(1, len(levels)):
        if changes[first - 1] <= small:
            continue  # the value before is one of the run
        low = high = levels[first]
        for end in range(first + 1, min(first + longest, len(levels)) + 1):
            low, high = min(low, levels[end - 1]), max(high, levels[end - 1])
            if high - low > changes[first - 1] / 2:
                break  # no run of like values
            if end < len(levels) and changes[end - 1] <= small:
                continue  # the next value is one of the run
            before, after = levels[max(0, first - STEADY) : first], levels[end : end + STEADY]
            areas = [area for _, area in values[max(0, first - STEADY) : end + STEADY]]
            is_one_size = max(areas) <= ONE_SIZE * min(areas)
            usual = _steady_level(before[::-1], levels[first:end], after, least) if is_one_size else None
            if usual is not None:
                found.update((index, math.exp(levels[index] - usual)) for index in range(first, end))
    return found


def with_ends(steps: Mapping[int, float], values: Sequence[float]) -> dict[int, float]:
    """Steps, with those at the ends of the sequence that go from the same level to the same one.

    There, too few frames are on one side to tell a step from a change, but not if others are like it.
    """
    found = dict(steps)
    for index in {0, 1, len(values) - 2, len(values) - 1}.difference(steps):
        beside = [values[near] for near in (index - 1, index + 1) if 0 <= near < len(values) and near not in steps]
        for other, ratio in steps.items():
            usual, most = values[other] / ratio, ratio ** (1 / STEP_TO_SPREAD)
            if is_near(values[index], values[other], most) and all(is_near(each, usual, most) for each in beside):
                found[index] = values[index] / usual
    return found


def is_near(value: float, other: float, ratio: float) -> bool:
    return value > 0 and other > 0 and abs(math.log(value / other)) <= abs(math.log(ratio))


def _steady_level(before: Sequence[float], run: Sequence[float], after: Sequence[float], least: float) -> float | None:
    """The steady level around one or two others that are a step away from it, all as logarithms; None if there is none.

    Few of the levels around may be those of the run, as if every third frame came from another machine, but not the nearest.
    """
    around = [*before, *after]
    if min(len(before), len(after)) < NEIGHBOURS or not all(map(math.isfinite, [*around, *run])):
        return None
    usual = median(around)
    step = min(abs(level - usual) for level in run)
    others = [level for level in around if abs(level - run[0]) > step / STEP_TO_SPREAD]
    nearest = [*before[:1], *after[:1]]
    is_alone = 2 * (len(around) - len(others)) < len(others) and all(level in others for level in nearest)
    spread = max(others) - min(others) if others else math.inf
    is_one_step = max(run) - min(run) <= step / STEP_TO_SPREAD
    return usual if is_alone and is_one_step and step > max(math.log(least), STEP_TO_SPREAD * spread) else None


def has_one_light(pixels: FramePixels, others: FramePixels) -> bool:
    """Whether two frames differ little in luminance and colours, and show one image as far as that is known."""
    values = [(pixels.luminance or 0.0, others.luminance or 0.0)]
    values += [(mean, others.means.get(name, 0.0)) for name, mean in pixels.means.items()]
    return all(is_near(*each, _ONE_LIGHT) for each in values) and show_one_image(pixels, others) is not False


def moves_on(seen: Sequence[FramePixels], odd: Sequence[int]) -> bool:
    """Whether the image moves on through odd frames as elsewhere; motion that is blurred would be faster."""
    steps = {at: difference(one, other) for at, (one, other) in enumerate(pairwise(seen))}
    near = {at for index in odd for at in (index - 1, index)}
    usual = median([step for at, step in steps.items() if at not in near] or [0.0])
    are_known = all(seen[at].small.size for index in odd for at in (index - 1, index, index + 1))
    return are_known and max(steps[at] for at in near) <= max(_STILL, _ONE_MOTION * usual)
