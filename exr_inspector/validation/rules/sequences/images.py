"""The frames that sequence rules on pixels compare, and how much their images differ. Pure."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from exr_inspector.validation.facts.sequences import SequenceFacts, once_per_sequence
from exr_inspector.validation.frames import FramePixels, FrameSummary

_ONE_IMAGE = 0.8  # least correlation of small images of frames that show one image
OTHER_SCENE = 0.1  # least difference of two scenes, as a share of their light
_SCENE_TO_SHOT = 2  # least ratio of a cut to what the shot changes over as many frames
Seen = list[tuple[FrameSummary, FramePixels]]
NEIGHBOURS = 2  # frames on each side that a frame is compared with


@once_per_sequence
def seen_frames(sequence: SequenceFacts) -> Seen:
    """The frames of which all pixels were read, with their statistics."""
    return [(frame, frame.pixels) for frame in sequence.frames if frame.pixels is not None]


@once_per_sequence
def shot_frames(sequence: SequenceFacts) -> Seen:
    """Those of `seen_frames` without the slates, which no rule compares with the shot."""
    return [(frame, pixels) for frame, pixels in seen_frames(sequence) if frame.frame not in sequence.slates]


def names_of_views(seen: Seen) -> set[str]:
    """The names of all views that the files hold."""
    return {view for frame, _ in seen for view in (frame.views or "").split(", ")}


def runs_of(indices: Iterable[int]) -> list[list[int]]:
    """Lists of positions that follow each other, in ascending order."""
    runs: list[list[int]] = []
    for index in sorted(indices):
        if runs and index == runs[-1][-1] + 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    return runs


def edges_of(run: Sequence[int], count: int) -> list[tuple[int, int]]:
    """The first and the last position of a run, each with the one of `count` beside it that is outside of the run."""
    beside = ((run[0], run[0] - 1), (run[-1], run[-1] + 1))
    return [(inside, outside) for inside, outside in beside if 0 <= outside < count]


def show_one_image(one: FramePixels, other: FramePixels) -> bool | None:
    """Whether two frames show one image, perhaps of other light; None unless the small image of both is known."""
    if one.is_constant or other.is_constant:
        return None
    mine, theirs = one.small, other.small
    if not mine.size or mine.size != theirs.size or not mine.std() or not theirs.std():
        return None
    return bool(np.corrcoef(mine, theirs)[0, 1] > _ONE_IMAGE)


def has_images(seen: Sequence[tuple[FrameSummary, FramePixels]]) -> bool:
    """Whether the beauty of a frame has more than one colour, unlike the patches that calibrate a display."""
    return any(pixels.is_constant is False and not pixels.is_black for _, pixels in seen)


def is_cut(seen: Sequence[FramePixels], before: int, after: int) -> bool:
    """Whether two frames differ far more than frames that are as far apart before or behind them.

    Without such frames, nothing tells a cut from motion.
    """
    distance = after - before
    first, last = max(0, before - distance), min(len(seen) - 1, after + distance)
    usual = [
        difference(seen[one], seen[other]) * math.sqrt(distance / (other - one))
        for one, other in ((first, before), (after, last))
        if one < other
    ]
    return difference(seen[before], seen[after]) > max(OTHER_SCENE, _SCENE_TO_SHOT * min(usual, default=math.inf))


def difference(one: FramePixels, other: FramePixels) -> float:
    """The difference of two images in parts of their light, up to 2; 0 if one has one colour or is unknown."""
    smalls = [one.small, other.small]
    if not all(small.size for small in smalls):
        smalls = [_levels(one), _levels(other)]
    light = sum(float(np.abs(small).sum()) for small in smalls)
    is_known = not one.is_flat and not other.is_flat and smalls[0].size == smalls[1].size and light > 0
    return 2 * float(np.abs(smalls[0] - smalls[1]).sum()) / light if is_known else 0.0


def _levels(pixels: FramePixels) -> npt.NDArray[np.float64]:
    return np.array([*pixels.means.values(), pixels.deviation or 0.0])


def between_changes(changes: Sequence[bool]) -> list[int]:
    """The positions on the rarer side of changes; `changes[i]` tells whether something changes from position i to i + 1.

    >>> between_changes([False, True, False, True])
    [2, 3]
    """
    sides = [*accumulate(changes, operator.xor, initial=False)]
    few = 2 * sum(sides) <= len(sides)
    return [index for index, side in enumerate(sides) if side is few] if any(changes) else []
