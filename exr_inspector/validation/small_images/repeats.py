"""Frames that show the image of others with other noise, and are probably no copies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from exr_inspector.validation.facts.sequences import SequenceFacts
from exr_inspector.validation.frames import FrameSummary
from exr_inspector.validation.rule import Found
from exr_inspector.validation.rules.sequences.comparison import frames_words, of_frames
from exr_inspector.validation.rules.sequences.images import shot_frames

_NEAR = 3  # frames on each side whose motion is compared with a jump
_FARTHER = 1.25  # least ratio of a jump to the motion around it
_FAR = 1.5  # largest ratio to the expected jump; least ratio of jumps to the motion in and around a run
_STILL = 4  # least ratio of the motion around to the differences of frames of one image by their noise
_MOVING = 2  # fewest steps of motion on each side
_IN_A_ROW = 3  # most frames in a row that show the images of others
_ONE_IMAGE = 2  # least ratio of the difference from the neighbours of the shown frame to that from itself, by noise
_BESIDE = 2  # frames on each side of a run whose motion is compared with its jumps
_MISPLACED = 5  # at most one frame in 5
_MOST_APART = 100  # most runs that are compared with all frames; more are flicker
_Images = npt.NDArray[np.float64]


def repeated_images(sequence: SequenceFacts) -> list[Found]:
    """The findings of SEQ-DUP on frames with other noise: those that repeat the one before, and those that show another one."""
    seen = [
        (frame, pixels.small) for frame, pixels in shot_frames(sequence) if pixels.small.size and not pixels.is_flat
    ]
    if len({small.size for _, small in seen}) != 1:
        return []
    frames = [frame for frame, _ in seen]
    images = np.stack([small for _, small in seen])
    steps = _differences(images[1:], images[:-1]).tolist()
    expected = "an image that moves, as in the frames around"
    found = []
    for original, numbers in _stuck_frames(frames, images, steps).items():
        what = f"nearly the same image as frame {original}, with other noise, before the motion jumps: was a cache missing?"
        found += of_frames(numbers, what, expected)
    shown = _misplaced_images(frames, images, steps)
    what = f"nearly the image of {frames_words(shown)}, unlike the frames beside, with other noise: was another one rendered?"
    return found + of_frames([*shown], what, expected)


def _differences(some: _Images, others: _Images) -> _Images:
    """The differences of small images, as in `difference`."""
    light = np.abs(some).sum(axis=-1) + np.abs(others).sum(axis=-1)
    apart: _Images = 2 * np.abs(some - others).sum(axis=-1) / np.maximum(light, np.finfo(float).tiny)
    return apart


def _is_light(one: _Images, other: _Images) -> bool:
    """Whether most areas of two small images that differ have become brighter, or most darker, unlike by motion."""
    change = one - other
    return bool(2 * abs(change.sum()) > np.abs(change).sum())


def _stuck_frames(frames: Sequence[FrameSummary], images: _Images, steps: Sequence[float]) -> dict[int, list[int]]:
    """Frames that differ from the one before them in noise alone, by the number of the frame whose image they repeat.

    Around them, the image moves; behind them, it jumps to where it would be without them. Behind a hold, it goes on instead,
    and at a cut, it jumps farther.
    """
    found: dict[int, list[int]] = {}
    for first in range(_MOVING, len(steps)):
        if not steps[first - 1] or _is_light(images[first - 1], images[first]):
            continue
        end = next((at for at in range(first, len(steps)) if _STILL * steps[at] > steps[first - 1]), len(steps))
        near = [*steps[max(0, first - _NEAR) : first], *steps[end + 1 : end + 1 + _NEAR]]
        if end == first or len(steps) - end <= _MOVING or _STILL * max(steps[first:end]) >= min(near):
            continue
        is_light = _is_light(images[end], images[end + 1])
        beside = (steps[first - 1] + steps[end + 1]) / 2  # the motion may become faster
        if not is_light and _FARTHER * beside < steps[end] <= _FAR * _expected_jump(images, first, end):
            run = pairwise(frames[first : end + 1])
            if odd := [frame.frame for before, frame in run if before.pixel_hash != frame.pixel_hash]:
                found[frames[first].frame] = odd
    return found


def _expected_jump(images: _Images, first: int, end: int) -> float:
    """The larger change of the image before and behind these frames, over as many frames as from `first` to behind `end`."""
    count = end + 1 - first
    before, behind = max(0, first - count), min(len(images) - 1, end + 1 + count)
    return max(
        float(_differences(images[one], images[other])) * count / (other - one)
        for one, other in ((before, first), (end + 1, behind))
    )


def _misplaced_images(frames: Sequence[FrameSummary], images: _Images, steps: Sequence[float]) -> dict[int, int]:
    """The numbers of frames that show the image of another one with other noise, each with the number of that one.

    They are few, at most three in a row, and the motion is steady around them and around the frames whose image they show.
    """
    if len({frame.data_window for frame in frames}) > 1:
        return {}
    every = (range(at, at + count) for count in range(1, _IN_A_ROW + 1) for at in range(len(images) + 1 - count))
    apart = [run for run in every if _is_apart(images, steps, run)]
    found: dict[int, int] = {}
    for run in apart if len(apart) <= _MOST_APART else ():
        found |= _images_shown(images, steps, run)
    if _MISPLACED * len(found) > len(images):
        return {}
    pairs = [(frames[index], frames[other]) for index, other in found.items()]
    return {one.frame: other.frame for one, other in pairs if one.pixel_hash != other.pixel_hash}


def _is_apart(images: _Images, steps: Sequence[float], run: range) -> bool:
    """Whether the image jumps before a run and back behind it, and is in steady motion in it and around it.

    At an end of the sequence, where nothing shows that it jumps back, the motion must be steady in all other frames.
    """
    jumps = _jumps(steps, run)
    side = _BESIDE if len(jumps) > 1 else len(steps)
    around = [*steps[max(0, run.start - 1 - side) : max(0, run.start - 1)], *steps[run.stop : run.stop + side]]
    if len(around) < _NEAR or min(jumps) <= _FAR * max(*around, *steps[run.start : run.stop - 1]):
        return False
    edges = [(at, at + 1) for at in (run.start - 1, run.stop - 1) if 0 <= at < len(steps)]
    if all(_is_light(images[one], images[other]) for one, other in edges):
        return False
    across = _differences(images[run.start - 1], images[run.stop % len(images)])
    return len(jumps) == 1 or float(across) * _FARTHER < max(jumps)


def _jumps(steps: Sequence[float], run: range) -> list[float]:
    """What the image changes by at the ends of a run."""
    return [steps[at] for at in (run.start - 1, run.stop - 1) if 0 <= at < len(steps)]


def _images_shown(images: _Images, steps: Sequence[float], run: range) -> dict[int, int]:
    """The positions of a run, each with that of the frame whose image it shows; empty unless these, too, are in a row."""
    found: dict[int, int] = {}
    motion = np.maximum([*steps, 0.0], [0.0, *steps])
    for index in run:
        apart = _differences(images, images[index])
        apart[max(0, run.start - 1) : run.stop + 1] = math.inf
        apart[motion * _FAR > min(_jumps(steps, run))] = math.inf  # frames that are apart themselves
        other = int(apart.argmin())
        beside = [at for at in (other - 1, other + 1) if 0 <= at < len(images) and math.isfinite(apart[at])]
        if not beside or any(_ONE_IMAGE * apart[other] >= apart[at] for at in beside):
            return {}
        found[index] = other
    return found if len({other - index for index, other in found.items()}) == 1 else {}
