"""Find flashes: frames whose luminance is far above or below that of the frames around them. Pure.

The frames that are no flashes are found first: they are the smoothest course through the sequence that leaves out at most two
frames in a row. So flashes near each other do not hide each other, and the frame between two flashes is not taken for a dip.
"""

from __future__ import annotations

import math
from bisect import bisect, bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, pairwise
from statistics import median

import numpy as np
import numpy.typing as npt

from exr_inspector.validation.rules.sequences.images import NEIGHBOURS, runs_of

STEADY = 4  # frames on each side (at least two) whose values are steady or not
STEP_TO_SPREAD = 3
LEAST_STEP = 1.25
ONE_SIZE = 1.1  # largest ratio of the areas of data windows of nearly one size
_IN_A_ROW = 2  # frames that a course leaves out
_EACH = 0.01
_FLICKER_RUNS = 3  # fewest flashes that may be flicker
_MOST_FLASHES = 5  # if at least one frame in 5 is a flash
_MOST_UNSURE = 10  # the same, one frame in 10, between frames that are not steady
_BEACON_RUNS = 3  # fewest flashes at equal distances
_ALIKE = 0.1  # largest difference between the flashes of a beacon, as a logarithm
LEAST_CHUNK = 4  # fewest frames that a machine renders in one go
_CHUNKS = 3  # fewest parts of a job
_LONGEST_CHUNK = 200  # most frames of a part
_ON_THE_WAY = 0.2  # a level between two others is at least a fifth of their distance away from both
_LIGHTS_ON = 3  # how often a strobe goes on and off at least
_LIGHT_OFF = math.log(10)  # least step from a light that is on to a dark image
_FEWEST_LIT = 4  # at least one frame in 4 has the rarer of its two levels
_MULTIPLIED = 0.3  # largest deviation of the areas from a multiple, as a share of what the flash changes
_LIGHT = "light that is meant to flash, or does the image flicker?"
_FLICKER = "the image flickers"


@dataclass(frozen=True, slots=True)
class FrameLight:
    """The light of a frame.

    Attributes:
        luminance: Mean, above 0.
        area: Pixels that it was taken from.
        run: Number of its run of frames with an image; frames of different runs are not compared.
        small: Small image; empty if it is not known.
    """

    luminance: float
    area: int
    run: int = 0
    small: npt.NDArray[np.float64] = field(default_factory=lambda: np.empty(0), compare=False)

    def distance(self, other: FrameLight) -> float:
        """The difference of the means or of the sums of the light, whichever is less (a crop may move), as a logarithm."""
        mean = math.log(self.luminance / other.luminance)
        return min(abs(mean), abs(mean + math.log(self.area / other.area)))


@dataclass(frozen=True, slots=True)
class Flash:
    """A frame that is brighter or darker than those around it.

    Attributes:
        step: Its ratio to them.
        is_large: Whether it is beyond the factor.
        hint: What it probably is; empty if that is not known.
        is_meant: Whether it is probably no fault.
    """

    step: float
    is_large: bool
    hint: str = ""
    is_meant: bool = False

    @property
    def is_brighter(self) -> bool:
        """Whether it is brighter than those around it, else darker."""
        return self.step > 1


def flashes(levels: Sequence[FrameLight], factor: float) -> dict[int, Flash]:
    """The positions of flashes.

    A flash differs by `factor` from the median of the two nearest others on each side; or by a quarter, and by three times what
    four others on each side differ among themselves; at the ends of the sequence, both. What else differs by a quarter is a
    flash if it is like one, and flicker if there are three and more, and one in ten frames.
    """
    left_out = _left_out(levels)
    kept = [index for index in range(len(levels)) if index not in left_out]
    clear: dict[int, Flash] = {}
    sure: set[int] = set()
    for index in sorted(left_out):
        at = bisect(kept, index)
        near = (kept[max(0, at - STEADY) : at], kept[at : at + STEADY])
        before, after = ([each for each in side if levels[each].run == levels[index].run] for side in near)
        each, is_steady = _compared(levels, index, before, after, factor)
        if each is not None and not _is_on_the_way(levels, index, before, after):
            clear[index] = each
            is_at_end = not (before and after)
            if (is_steady and each.is_large) if is_at_end else (is_steady or each.is_large):
                sure.add(index)
    lit = runs_of(index for index, each in clear.items() if each.is_brighter)
    has_lightning = _check_pairs(clear, sure) or any(_fades(levels, run) for run in lit)
    steps = sorted(clear[index].step for index in sure)
    sure.update([index for index, each in clear.items() if _is_among(each.step, steps)])
    rest = clear.keys() - sure
    flickers = len(runs_of(rest)) >= _FLICKER_RUNS and _MOST_UNSURE * len(rest) >= len(levels)
    named = {index: each for index, each in clear.items() if flickers or index in sure}
    return _with_hints(named, levels, flickers=flickers, has_lightning=has_lightning)


def _check_pairs(clear: Mapping[int, Flash], sure: set[int]) -> bool:
    """Check two flashes in a row, which are alike if one fault spoiled them, and return whether there is lightning.

    Light that goes on or out over two frames is lightning, and both are sure if one is. Light that goes out and on again may be
    a shadow: only large dips are sure.
    """
    has_lightning = False
    for first in [index for index in clear if index + 1 in clear]:
        one, other = clear[first], clear[first + 1]
        if _are_like(other.step, one.step) or one.is_brighter is not other.is_brighter:
            continue
        pair = {first, first + 1}
        if not one.is_brighter:
            sure.difference_update([index for index in pair if not clear[index].is_large])
        elif not sure.isdisjoint(pair):
            has_lightning = True
            sure.update(pair)
    return has_lightning


def _fades(levels: Sequence[FrameLight], run: Sequence[int]) -> bool:
    """Whether the light of flashes in a row goes out over the two frames behind them, as that of lightning does."""
    lights = [level.luminance for level in levels[max(0, run[0] - 1) : run[-1] + 3]]
    return len(lights) == len(run) + 3 and lights[-3] > lights[-2] > lights[-1] > LEAST_STEP * lights[0]


def _compared(
    levels: Sequence[FrameLight], index: int, before: Sequence[int], after: Sequence[int], factor: float
) -> tuple[Flash | None, bool]:
    """A flash by the nearest levels that are none, and whether these are steady; None if it does not differ."""
    level, near = levels[index], [levels[each] for each in (*before[-NEIGHBOURS:], *after[:NEIGHBOURS])]
    if len(near) < NEIGHBOURS:
        return None, False
    step = level.luminance / median(each.luminance for each in near)
    in_sum = level.luminance * level.area / median(each.luminance * each.area for each in near)
    is_large = max(step, in_sum) < 1 / factor or min(step, in_sum) > factor
    areas = [levels[each].area for each in (*before, index, *after)]
    around = [math.log(levels[each].luminance) for each in (*before, *after)]
    away = abs(math.log(level.luminance) - median(around))
    is_enough = len(around) >= STEADY or not (before and after)
    is_one_size = max(areas) <= ONE_SIZE * min(areas)
    is_steady = is_enough and (is_one_size or is_large) and away > STEP_TO_SPREAD * (max(around) - min(around))
    is_clear = is_one_size and abs(math.log(step)) > math.log(LEAST_STEP)
    return (Flash(step, is_large) if is_large or is_clear else None), is_steady


def _is_on_the_way(levels: Sequence[FrameLight], index: int, before: Sequence[int], after: Sequence[int]) -> bool:
    """Whether the light goes to a level, and back, over frames on both sides, as where something passes before the lens.

    Args:
        levels: All levels.
        index: Position of the level.
        before: Positions of the nearest levels before it that are no flashes.
        after: Of those behind it.
    """
    for step, side in ((-1, before[::-1]), (1, after)):
        nearest, next_one = (_way_back(levels, index, index + step * count, side) for count in (1, 2))
        way = nearest if nearest > _ON_THE_WAY else next_one
        if not _ON_THE_WAY < way < 1 - _ON_THE_WAY:
            return False
    return True


def _way_back(levels: Sequence[FrameLight], index: int, near: int, side: Sequence[int]) -> float:
    """How far the level at `near` is between that at `index` (0) and the usual one of a side (1); 1 if unknown."""
    beyond = [each for each in side if abs(each - index) > abs(near - index)][:NEIGHBOURS]
    if len(beyond) < NEIGHBOURS:
        return 1.0
    whole = math.log(median(levels[each].luminance for each in beyond) / levels[index].luminance)
    return math.log(levels[near].luminance / levels[index].luminance) / whole if whole else 1.0


def _are_like(step: float, other: float) -> bool:
    return abs(math.log(step / other)) <= abs(math.log(other)) / STEP_TO_SPREAD


def _is_among(step: float, steps: Sequence[float]) -> bool:
    """Whether a step is like one of `steps`, which are in ascending order."""
    low, high = sorted(step ** (1 / (1 + sign / STEP_TO_SPREAD)) for sign in (1, -1))
    return bisect_left(steps, low) < bisect(steps, high)


def _with_hints(
    found: Mapping[int, Flash], levels: Sequence[FrameLight], *, flickers: bool, has_lightning: bool
) -> dict[int, Flash]:
    """Flashes with what those in each direction probably are: light that is meant to flash, or a part of flicker."""
    hinted: dict[int, Flash] = {}
    is_strobe = goes_on_and_off([each.luminance for each in levels])
    darker, brighter = ([index for index, each in found.items() if each.is_brighter is up] for up in (False, True))
    for some, others in ((darker, brighter), (brighter, darker)):
        runs = runs_of(some)
        are_many = len(runs) >= _FLICKER_RUNS and _MOST_FLASHES * len(some) >= len(levels) and not others
        beat = _beat(runs, levels)
        is_meant = are_many or is_strobe or beat > 0 or (has_lightning and some is brighter)
        chunks = f"every {beat} frames from the first one on: did each part of a job begin with it?"
        is_lamp = is_strobe and some is brighter and all(found[index].is_large for index in some)
        are_chunks = beat >= LEAST_CHUNK and not is_lamp and _begin_at_first(runs, beat, levels)
        for index in some:
            flash = found[index]
            is_flicker = flickers and not flash.is_large
            hint = chunks if are_chunks else _LIGHT if is_meant else _FLICKER if is_flicker else ""
            hinted[index] = replace(flash, hint=hint, is_meant=not are_chunks and bool(hint))
    return hinted


def _beat(runs: Sequence[Sequence[int]], levels: Sequence[FrameLight]) -> int:
    """The distance at which three flashes or more of one luminance begin, such as those of a beacon; 0 without one."""
    distances = {after[0] - before[0] for before, after in pairwise(runs)}
    lit = [math.log(levels[run[0]].luminance) for run in runs]
    is_beat = len(runs) >= _BEACON_RUNS and len(distances) == 1 and max(lit) - min(lit) <= _ALIKE
    return distances.pop() if is_beat else 0


def goes_on_and_off(luminances: Sequence[float]) -> bool:
    """Whether the light has two levels and goes from one to the other many times, at times for few frames: a strobe.

    A machine with other settings renders blocks of more frames, and does not change the light so far.
    """
    logs = np.log([luminance for luminance in luminances if luminance > 0])
    if logs.size <= 2 * _LIGHTS_ON:
        return False
    low, high = np.quantile(logs, [0.1, 0.9])
    lit = logs > (low + high) / 2
    lengths = [len([*run]) for _, run in groupby(lit.tolist())]
    rarer = min(lit.sum(), lit.size - lit.sum())
    if len(lengths) <= 2 * _LIGHTS_ON or _FEWEST_LIT * rarer < lit.size:
        return False
    is_short = high - low > 2 * math.log(LEAST_STEP) and min(lengths[1:-1]) <= _IN_A_ROW
    return bool(is_short or high - low > _LIGHT_OFF)


def _begin_at_first(runs: Sequence[Sequence[int]], beat: int, levels: Sequence[FrameLight]) -> bool:
    """Whether the parts of a job, the first of which begins with the first frame, begin with a flash each.

    Such flashes multiply the whole image, as no light in the scene does. They last one frame; a light may stay on.
    """
    is_alike, stays = (_are_alike(levels[index], levels[runs[0][0]]) for index in (0, 1))
    stays = stays or any(_are_alike(levels[run[0]], levels[index]) for run in runs for index in run[1:])
    return runs[0][0] % beat == 0 and is_alike and not stays and all(_is_multiplied(run, levels) for run in runs)


def _are_alike(one: FrameLight, other: FrameLight) -> bool:
    return abs(math.log(one.luminance / other.luminance)) <= _ALIKE


def _is_multiplied(run: Sequence[int], levels: Sequence[FrameLight]) -> bool:
    """Whether the first of flashes in a row has the image of the frame beside them, multiplied; a light would add to it."""
    odd, usual = (levels[index].small for index in (run[0], run[0] - 1 if run[0] else run[-1] + 1))
    if not odd.size or odd.size != usual.size or usual.sum() <= 0:
        return False
    return bool(np.abs(odd - usual * (odd.sum() / usual.sum())).sum() <= _MULTIPLIED * np.abs(odd - usual).sum())


def _left_out(levels: Sequence[FrameLight]) -> set[int]:
    """The positions that the smoothest course through all levels leaves out.

    It is the one with the smallest sum of distances and of gaps. A gap costs two of the least steps, since a flash adds its
    step twice, and slightly more for each frame in it, so that the course is that of most frames. At each end it may leave out
    one frame, for one step.
    """
    if not levels:
        return set()

    def gap(count: int, *, is_end: bool = False) -> float:
        return (1 if is_end else 2) * math.log(LEAST_STEP) + _EACH * count if count else 0.0

    costs: list[tuple[float, int]] = []  # of the best course up to each level, and the level before it; -1 for none
    for index, level in enumerate(levels):
        ways = [(gap(index, is_end=True), -1)] if index <= 1 else []
        for other in range(max(0, index - 1 - _IN_A_ROW), index):
            ways += [(costs[other][0] + levels[other].distance(level) + gap(index - other - 1), other)]
        costs.append(min(ways))
    last = len(levels) - 1
    index = min({max(0, last - 1), last}, key=lambda each: costs[each][0] + gap(last - each, is_end=True))
    left_out = set(range(len(levels)))
    while index >= 0:
        left_out.discard(index)
        index = costs[index][1]
    return left_out


def part_length(measures: Sequence[Sequence[float]], factor: float) -> int:
    """The distance at which all measures of frames, from the first one on, are so many times those of all others near them.

    It is 0 if there is none: these are frames with which the parts of a job begin, three parts or more.
    """
    known = np.array(measures)
    for distance in range(LEAST_CHUNK, min(_LONGEST_CHUNK, len(known) // _CHUNKS) + 1):
        filled = np.pad(known, [(0, -len(known) % distance), (0, 0)]).reshape(-1, distance, known.shape[1])
        first, others = filled[:, 0], filled[:, 1:].max(axis=1)
        near = np.maximum(others, np.pad(others[:-1], [(1, 0), (0, 0)]))
        if (first >= near * factor).all() and near.min() > 0:
            return distance
    return 0
