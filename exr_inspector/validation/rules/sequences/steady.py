"""SEQ: sequence rules on what is one in all frames: the look of machines and of tiles, which side is up, the scale of data.

Pure.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import median

import numpy as np

from exr_inspector.model import Severity
from exr_inspector.validation.facts.sequences import SequenceFacts
from exr_inspector.validation.frames import FramePixels
from exr_inspector.validation.rule import NOTHING, Found, Results, listed, sequence_rule
from exr_inspector.validation.rules.sequences.comparison import of_frames
from exr_inspector.validation.rules.sequences.images import between_changes, shot_frames, show_one_image

_LEAST_CHANGES = 6  # fewest changes from a machine to another one or back
_LEAST_STEP = math.log(1.02)
_STEP_TO_OTHERS = 3  # least ratio of the steps of a machine to other changes
_ONE_STEP = 2  # largest ratio of its largest step to its smallest one
_MOST_LEVELS = 8  # most computers whose levels are compared
_UNEXPLAINED = 0.05  # largest share of the variance of all steps that the levels of computers do not explain
_FEWEST = 3  # frames of a computer, changes to others and back, and frames of which the scale of depth is compared
_LEAST_SCALE = 5  # least factor between depths in different units
_ONE_FACTOR = 1.5  # largest ratio of the factors of the quartiles if all depth is multiplied by one factor
_ONE_LIGHT = 1.05  # largest ratio of the luminances of neighbouring frames of one shot


@sequence_rule(
    "SEQ-HOST",
    Severity.WARNING,
    "The frames of each computer have the light and colours of those of the others",
    why="A computer with another version, driver, colour configuration or texture renders frames that flicker.",
    source="BlendFarm#31 (other colours from another computer)",
    fix="Compare a frame that the message names with those beside it, correct the computer's setup, and render its frames "
    "again.",
    limits="Files that name their computer (hostComputer and the like), and at least six changes from it to others or back, "
    "all with a similar step of 2 % or more; or levels of several computers that explain nearly all steps between "
    "neighbours. With severity info: levels of computers that take strict turns, as light with a period has them, and "
    "a computer that rendered just the frames that another finding, or an error of files, names.",
)
def hosts(sequence: SequenceFacts, _: object) -> Results:
    """Compare the luminance, and the means of R, G and B, of neighbouring frames of different computers.

    Of several computers, that with the largest step is named, or each by its level; of two that take turns, that with fewer
    frames.
    """
    seen = [(f.frame, f.host, pixels) for f, pixels in shot_frames(sequence) if f.host and not pixels.is_constant]
    numbers: defaultdict[str, list[int]] = defaultdict(list)
    for number, host, _ in seen:
        numbers[str(host)].append(number)
    if len(numbers) < 2:
        return NOTHING
    for what, value_of in _MEASURES:
        known = [(str(host), math.log(value)) for _, host, pixels in seen if (value := value_of(pixels) or 0) > 0]
        if len(known) != len(seen):
            continue
        if odd := _odd_hosts(known):
            host = max(odd, key=lambda name: (round(abs(odd[name]), 6), -len(numbers[name])))
            return _of_host(numbers[host], host, what, odd[host], "other computers beside them")
        if levels := _levels(known):
            usual = min(levels, key=lambda name: abs(levels[name]))
            # Light that changes with a period looks like computers that take turns.
            takes_turns = all(host == known[at % len(levels)][0] for at, (host, _) in enumerate(known))
            severity = Severity.INFO if takes_turns else None
            return [
                found
                for host in sorted(levels, key=lambda name: numbers[name][0])
                if abs(step := levels[host] - levels[usual]) >= _LEAST_STEP
                for found in _of_host(numbers[host], host, what, step, usual, severity=severity)
            ]
    return NOTHING


def _of_host(
    frames: Sequence[int], host: str, what: str, step: float, others: str, *, severity: Severity | None = None
) -> list[Found]:
    """The finding on the frames of a computer whose light differs from that of others by a step, a logarithm."""
    ratio = f"{math.exp(step):.3g}"
    message = f"rendered by {host}, and {what} is {ratio} times that of the frames of {others}"
    return of_frames(frames, message, "1", ratio, severity)


def _odd_hosts(known: Sequence[tuple[str, float]]) -> dict[str, float]:
    """The computers whose frames differ from those beside them by one step, each with this step, a logarithm."""
    return {
        host: median([*first, *last])
        for host, (first, last) in _steps(known).items()
        if (least := _least_step(first, last)) >= _LEAST_STEP and least >= _STEP_TO_OTHERS * _usual_change(known, host)
    }


def _levels(known: Sequence[tuple[str, float]]) -> dict[str, float]:
    """The level of each computer as a logarithm, around their median, if these explain the steps between neighbours.

    A steady change of the light is taken out. The level of none may follow from a single step, which may be a cut.
    """
    counts = Counter(host for host, _ in known)
    changes = sum(host != after for (host, _), (after, _) in pairwise(known))
    if (
        not 1 < len(counts) <= _MOST_LEVELS
        or min(counts.values()) < _FEWEST
        or 2 * changes < _LEAST_CHANGES * len(counts)
    ):
        return {}
    steps = np.diff([value for _, value in known])
    members = np.array([[host == name for name in counts] for host, _ in known], float)
    given = np.column_stack([np.diff(members, axis=0), np.ones(len(steps))])
    without_largest = np.delete(given, int(np.abs(steps).argmax()), axis=0)
    if np.linalg.matrix_rank(without_largest) < len(counts) or np.abs(given[:, :-1]).sum(axis=0).min() < _FEWEST:
        return {}
    fitted = np.linalg.lstsq(given, steps, rcond=None)[0]
    levels = fitted[:-1] - np.median(fitted[:-1])
    is_explained = (steps - given @ fitted).var() <= _UNEXPLAINED * steps.var()
    is_step = np.ptp(levels) >= max(_LEAST_STEP, _STEP_TO_OTHERS * abs(fitted[-1]))
    return dict(zip(counts, levels.tolist(), strict=True)) if is_explained and is_step else {}


def _mean(name: str) -> Callable[[FramePixels], float | None]:
    return lambda pixels: pixels.means.get(name)


_MEASURES: tuple[tuple[str, Callable[[FramePixels], float | None]], ...] = (
    ("the mean luminance", lambda pixels: pixels.luminance),
    *((f"the mean of {name}", _mean(name)) for name in "RGB"),
)


def _steps(known: Sequence[tuple[str, float]]) -> dict[str, tuple[list[float], list[float]]]:
    """The steps of logarithms where a computer's frames begin, and where they end, both as its frames minus the others."""
    found: dict[str, tuple[list[float], list[float]]] = {host: ([], []) for host, _ in known}
    for (host, value), (after, next_value) in pairwise(known):
        if host != after:
            found[after][0].append(next_value - value)
            found[host][1].append(value - next_value)
    return found


def _least_step(first: Sequence[float], last: Sequence[float]) -> float:
    """The size of the smallest step; 0 unless they are enough, on both sides, in one direction and of similar size."""
    sizes = [abs(step) for step in (*first, *last)]
    is_one_way = bool(first and last) and len({step > 0 for step in (*first, *last)}) == 1
    return min(sizes) if is_one_way and len(sizes) >= _LEAST_CHANGES and max(sizes) <= _ONE_STEP * min(sizes) else 0.0


def _usual_change(known: Sequence[tuple[str, float]], host: str) -> float:
    """The median difference of neighbouring frames, without the steps to and from a computer; 0 without others."""
    changes = [
        abs(next_value - value)
        for (name, value), (after, next_value) in pairwise(known)
        if name == after or host not in {name, after}
    ]
    return median(changes or [0.0])


@sequence_rule(
    "SEQ-DEPTH-SCALE",
    Severity.WARNING,
    "Depth and motion vectors have one scale in all frames",
    why="Frames with another unit, or scaled from 0 to 1, cannot be used beside others. Depth that is scaled frame by frame "
    "flickers, and its distances cannot be used; nor can vectors that are divided by the longest one of each frame.",
    source="ComfyUI-Depth-Pro#8 (depth scaled frame by frame flickers); IsaacLab#7029 (motion scaled by its peak)",
    fix="Write depth in units of the scene and motion in pixels, or scale all frames by the same values.",
    limits="Frames, at most half of all, in which the quartiles of depth are at once multiplied or divided by one factor of 5 "
    "or more while the luminance stays, or all are that much smaller and the largest value is exactly 1, or no value is above "
    "1 in the same image, where most were (depth from 0 to 1, perhaps inverted). With severity info: three frames or more, in "
    "all of which depth is exactly from 0 to 1, with one of the two in few pixels, or the largest component of vectors exactly "
    "1 or -1; if the nearest and the farthest point do not move, one scale for all frames gives the same.",
)
def depth_scale(sequence: SequenceFacts, _: object) -> Results:
    return [*_other_scales(sequence), *_scaled_to_one(sequence)]


def _scaled_to_one(sequence: SequenceFacts) -> list[Found]:
    """Depth from exactly 0 to 1, both of which clamped depth is in many pixels, and vectors up to exactly 1, in every frame."""
    seen = [(frame.frame, frame.pixel_hash, pixels.unit_channels) for frame, pixels in shot_frames(sequence)]
    hashes = [pixel_hash for _, pixel_hash, _ in seen]
    if len(seen) < _FEWEST or (len(set(hashes)) < _FEWEST and None not in hashes):
        return []
    names = sorted(frozenset.intersection(*(names for _, _, names in seen)))
    what = f"{listed(names)} up to exactly 1 in each: scaled frame by frame, so that the scale changes"
    numbers = [number for number, _, _ in seen] if names else []
    return of_frames(numbers, what, "one scale for all frames", "up to 1", Severity.INFO)


def _other_scales(sequence: SequenceFacts) -> list[Found]:
    """Frames in which channels have another scale than in the others, one finding for channels with the same frames."""
    every = [(frame.frame, pixels) for frame, pixels in shot_frames(sequence)]
    by_frames: dict[tuple[int, ...], list[tuple[str, float, float]]] = {}  # names, largest values there and elsewhere
    for name in every[0][1].extents if every else ():
        seen = [(number, pixels) for number, pixels in every if pixels.extents.get(name, (0,))[-1] > 0]
        odd = between_changes([_is_other_scale(one, other, name) for (_, one), (_, other) in pairwise(seen)])
        if not odd:
            continue
        usual = median(pixels.extents[name][-1] for index, (_, pixels) in enumerate(seen) if index not in odd)
        most = max(seen[index][1].extents[name][-1] for index in odd)
        by_frames.setdefault(tuple(seen[index][0] for index in odd), []).append((name, most, usual))
    found = []
    for frames, channels in by_frames.items():
        names = listed(name for name, _, _ in channels)
        most, usual = max(most for _, most, _ in channels), max(usual for _, _, usual in channels)
        is_value, expected = f"up to {most:g}", f"up to {usual:g}"
        what = f"{names}: values {is_value}, in the other frames {expected}: another scale or unit"
        found += of_frames(frames, what, expected, is_value)
    return found


def _is_other_scale(one: FramePixels, other: FramePixels, name: str) -> bool:
    """Whether the values of a channel are scaled between two frames: to 1, or all by one factor while the image stays."""
    small, large = sorted((one.extents[name], other.extents[name]), key=lambda extents: extents[::-1])
    if small[-1] == 1 and all(least * _LEAST_SCALE <= most for least, most in zip(small, large, strict=False)):
        return True
    light, other_light = one.luminance or 0.0, other.luminance or 0.0
    is_lit = min(light, other_light) > 0
    if (is_lit and abs(math.log(light / other_light)) > math.log(_ONE_LIGHT)) or show_one_image(one, other) is False:
        return False
    nearest = min((quartile for quartile in large[:-1] if quartile > 0), default=0.0)
    if small[-1] <= 1 < nearest and small[-1] * _LEAST_SCALE <= large[-1]:
        return True
    if not is_lit or min(small[:-1], default=0.0) <= 0:
        return False
    factors = [most / least for least, most in zip(small[:-1], large, strict=False)]
    return min(factors) >= _LEAST_SCALE and max(factors) <= _ONE_FACTOR * min(factors)
