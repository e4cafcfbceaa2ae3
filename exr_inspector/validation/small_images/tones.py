"""Frames of another exposure or tone curve than those before and behind them."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from exr_inspector.model import Severity
from exr_inspector.validation.facts.sequences import SequenceFacts
from exr_inspector.validation.rule import Found
from exr_inspector.validation.rules.sequences.comparison import of_frames
from exr_inspector.validation.rules.sequences.flashes import LEAST_STEP, goes_on_and_off
from exr_inspector.validation.rules.sequences.images import shot_frames
from exr_inspector.validation.small_images.areas import FEWEST, Images, likeness_of, small_images

_CUT = 4  # least ratio of the difference of frames of two tones to the usual one of neighbours
_LEAST_CUT = 0.1  # least such difference, as a share of the light
_LEAST_RUN = 3  # of one or two frames, SEQ-FLASH reports the light
_SAME_ORDER = 0.97  # least likeness of images of two tones
_LEAST_TONE = 1.15
_CLEAR_TONE = 1.4  # smaller steps are info: a light may be keyed
_OTHER_WAY = 1.1  # in a light of another colour, least factor by which a channel rises and another one falls
_LEAST_SHORT = 0.05  # of the light, by which one or two frames of another tone differ
_SHORT = 3  # at most one frame in 3 is such a frame
_RUNS = 3  # fewest runs of them that do not have one tone by chance
_ONE_SHORT = 0.03  # largest difference of their light and contrast, as logarithms
_ONE_TONE = 0.25  # largest difference of the steps at both ends, as a share of their size
_LEAST_POWER = 1.5  # least power to which the light of areas is raised
_BY_POWER = 1.1  # largest ratio of the error of a power to that of a factor and an offset
_MIDDLE = range(10, 91)  # percent of the areas
_NEAR_ORDER = 0.85  # least likeness of images of which one may be clipped
_OF_ONE_LEVEL = 17  # areas, of 256 by brightness, whose mean change is that of their level
_BY_LEVEL = 0.5  # largest difference of the changes of areas from that, as a share of their size


def other_tones(sequence: SequenceFacts) -> list[Found]:
    """The findings of SEQ-TONE."""
    numbers, images = small_images(sequence)
    if len(numbers) < FEWEST:
        return []
    light = np.maximum(np.abs(images).mean(axis=1), np.finfo(np.float32).tiny)
    steps = np.abs(np.diff(images, axis=0)).mean(axis=1) / np.maximum(light[1:], light[:-1])
    cuts = np.flatnonzero(steps > max(_LEAST_CUT, _CUT * float(np.median(steps))))
    cuts = np.concatenate(
        [[-_LEAST_RUN], cuts, [len(images) + _LEAST_RUN]]
    )  # with the ends of the sequence, as far away
    is_strobe = goes_on_and_off(light.tolist())
    means = {frame.frame: pixels.means for frame, pixels in shot_frames(sequence)}
    found = []
    for before, first, last, after in zip(*(cuts[start:].tolist() for start in range(4)), strict=False):
        if not _LEAST_RUN <= last - first <= len(numbers) // 2 or min(first - before, after - last) < _LEAST_RUN:
            continue  # flashes near each other are no block
        ratios = np.log([light[first + 1] / light[first], light[last] / light[last + 1]])
        is_step = np.abs(ratios).min() > np.log(_LEAST_TONE) and abs(np.diff(ratios)[0]) <= _ONE_TONE * abs(ratios[0])
        edges = [images[at : at + 2] for at in (first, last)]
        if is_step and all(likeness_of(*edge) >= _SAME_ORDER or _power(*edge) for edge in edges):
            ratio = f"{np.exp(ratios.mean()):.3g}"
            is_hue = any(_is_other_colour(*(means[numbers[at + each]] for each in (0, 1))) for at in (first, last))
            cause = (
                " in other colours: another light, or transform?"
                if is_hue
                else ": another exposure, gamma or transform?"
            )
            what = f"{ratio} times as bright as before and behind, with the same image{cause}"
            is_clear = np.abs(ratios).min() >= np.log(_CLEAR_TONE) and not is_strobe and not is_hue
            severity = None if is_clear else Severity.INFO
            found += of_frames(numbers[first + 1 : last + 1], what, "the tone of the frames around", ratio, severity)
    return [*found, *_last_tone(numbers, images, cuts[1:-1].tolist()), *_short_tones(numbers, images)]


def _is_other_colour(before: Mapping[str, float], after: Mapping[str, float]) -> bool:
    """Whether a channel becomes brighter and another one darker, as by another light, and unlike by another exposure."""
    ratios = [after[name] / mean for name, mean in before.items() if mean > 0 and name in after]
    return len(ratios) > 1 and max(ratios) > _OTHER_WAY and min(ratios) < 1 / _OTHER_WAY


def _last_tone(numbers: Sequence[int], images: Images, cuts: Sequence[int]) -> list[Found]:
    """The frames on the side of the only cut that have the image of the others with less contrast, as those for displays do."""
    if len(cuts) != 1 or not _LEAST_RUN <= cuts[0] + 1 <= len(numbers) - _LEAST_RUN:
        return []
    at, power = cuts[0] + 1, _power(images[cuts[0]], images[cuts[0] + 1])
    odd, side, shown = (numbers[at:], "before", power) if power < 1 else (numbers[:at], "behind", 1 / power)
    what = f"the image of the frames {side}, raised to a power of about {shown:.2g}: converted for a display, or otherwise?"
    return of_frames(odd if power else [], what, f"the tone of the frames {side}", f"{shown:.2g}")


def tone_curves(sequence: SequenceFacts, odd: Collection[int]) -> Mapping[int, bool]:
    """The frames of another tone curve among some of other light, and whether it has less contrast, as those for displays do.

    Light that is multiplied has the contrast of the frames beside it, and light that is added changes areas of one
    brightness by different amounts.
    """
    numbers, images = small_images(sequence)
    usual = [at for at, number in enumerate(numbers) if number not in odd]
    found: dict[int, bool] = {}
    for at, number in enumerate(numbers):
        if number not in odd or not usual:
            continue
        one, other = images[min((abs(near - at), near) for near in usual)[1]], images[at]
        if min(one.min(), other.min()) > 0 and np.ptp(one) > 0:
            power = float(np.log(other).std() / np.log(one).std())
            if not 1 / _LEAST_POWER < power < _LEAST_POWER and _changes_by_level(one, other):
                found[number] = power < 1
    return found


def _power(before: npt.NDArray[np.float64], after: npt.NDArray[np.float64]) -> float:
    """The power to which the light of areas was raised, as by a gamma; 0 if light is added or multiplied, or by none."""
    if min(before.min(), after.min()) <= 0 or likeness_of(before, after) < _NEAR_ORDER:
        return 0.0
    one, other = np.percentile([before, after], _MIDDLE, axis=1).T  # by level, so that what moves does not count
    if one[0] == one[-1]:
        return 0.0
    powers, factors = np.polyfit(np.log(one), np.log(other), 1), np.polyfit(one, other, 1)
    raised, added = np.exp(np.polyval(powers, np.log(one))), np.polyval(factors, one)
    power = float(powers[0])
    is_raised = np.abs(raised - other).sum() <= _BY_POWER * np.abs(added - other).sum()
    return power if is_raised and power > 0 and max(power, 1 / power) >= _LEAST_POWER else 0.0


def _short_tones(numbers: Sequence[int], images: Images) -> list[Found]:
    """One or two frames in a row with another tone and nearly the same light, of which larger steps are flashes.

    Light may do that, and it is info, unless three such runs or more have one tone, but no beat.
    """
    steps = np.abs(np.diff(images, axis=0)).mean(axis=1)
    least = np.maximum(_LEAST_SHORT * np.abs(images).mean(), _CUT * np.median(steps))
    tones: dict[range, npt.NDArray[np.float64]] = {}  # by how much light and contrast differ, as logarithms
    taken: set[int] = set()  # the positions in these and behind them
    for run in (range(at, at + count) for count in (1, 2) for at in range(1, len(images) - count)):
        before, behind = images[run.start - 1], images[run.stop]
        step = min(steps[run.start - 1], steps[run.stop - 1])
        is_between = not taken.isdisjoint(range(run.start, run.stop + 1))
        is_one = max(steps[run.start : run.stop - 1], default=0.0) <= step / 2
        if is_between or not is_one or step < max(least, 2 * np.abs(behind - before).mean()):
            continue
        usual, here = (before + behind) / 2, images[run.start : run.stop].mean(axis=0)
        levels = np.array([[each.mean(), each.std()] for each in (usual, here)])
        if levels.min() > 0 and _changes_by_level(usual, here):
            tone = np.log(levels[1] / levels[0])
            if abs(tone[0]) < math.log(LEAST_STEP):
                tones[run] = tone
                taken.update(range(run.start, run.stop + 1))
    runs = sorted(tones, key=lambda run: run.start)
    odd = [numbers[index] for run in runs for index in run]
    if not odd or _SHORT * len(odd) > len(numbers):
        return []
    every = np.stack([*tones.values()])
    is_beat = len({after.start - before.start for before, after in pairwise(runs)}) == len({*map(len, runs)}) == 1
    is_fault = len(runs) >= _RUNS and np.ptp(every, axis=0).max() <= _ONE_SHORT and not is_beat
    light = f"{math.exp(every[:, 0].mean()):.3g}"
    what = f"{light} times as bright as the frames around, with the same image: another tone curve, or a light?"
    return of_frames(odd, what, "the tone of the frames around", light, None if is_fault else Severity.INFO)


def _changes_by_level(usual: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> bool:
    """Whether areas of two small images differ by what their brightness in the first one tells, as with another tone curve.

    Light that is added, and things that move, change areas of one brightness by different amounts.
    """
    change = (other - usual)[usual.argsort(kind="stable")]
    alike = sliding_window_view(np.pad(change, _OF_ONE_LEVEL // 2, mode="edge"), _OF_ONE_LEVEL).mean(axis=1)
    return bool(np.abs(change - alike).sum() <= _BY_LEVEL * np.abs(change).sum())
