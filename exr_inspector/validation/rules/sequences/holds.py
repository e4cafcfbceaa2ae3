"""Frames that repeat an image, what explains them (twos, retimes, holds, fades that go back), and which are copies. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from statistics import fmean, median

import numpy as np
import numpy.typing as npt

from exr_inspector.validation.facts.roles import is_matte
from exr_inspector.validation.facts.sequences import SequenceFacts
from exr_inspector.validation.frames import FramePixels, FrameSummary
from exr_inspector.validation.rules.sequences.images import difference, edges_of, is_cut, shot_frames, show_one_image

_HELD = 3  # a hold has so many equal frames; two may be a lost frame
_HOLDS = 3  # so many make a beat
_FAR = 1.5  # behind lost frames, the image changes by more than so many times what it changes elsewhere
_FARTHER = 1.25  # and behind each by so many times what it changes just before and after
_SIDE = 3  # frames on each side of a hold that fade to it
_FADE = 0.1  # the least change of their light
_REVERSED = 2  # copies in reverse order
_STILL = 4  # how many times what frames of one image differ in their noise the motion around them is
_MOVING = 2  # steps of motion, at least, on each side
_FITS = 1.5  # how many times what the original differs from the frames beside it a copy does at least
_IN_A_ROW = 3  # frames, at most, that show the image of others with other noise
_ONE_IMAGE = 2  # how many times what these differ in their noise the frames beside the shown one do
_BESIDE = 2  # frames on each side of these that show how the image moves there, perhaps ever faster
_MISPLACED = 5  # one frame in so many
_MOST_APART = 100  # runs that are compared with all frames; more of them are flicker
_BEFORE = "the same pixels as the frame before"


def explained_holds(frames: Sequence[FrameSummary], held: Collection[int]) -> dict[str, list[int]]:
    """Those of the frames that repeat the frame before which are probably meant to, by what can be said of them.

    Args:
        frames: Frames in ascending order, without those of one colour.
        held: Numbers of those that have the pixels of the frame before.
    """
    beat = f"{_BEFORE}, in a regular beat: on twos, or a retime?"
    runs = _runs(frames, held)
    if _is_beat(frames, runs):
        return {beat: [*held]}
    found: dict[str, list[int]] = {}
    rest: list[FrameSummary] = []
    for run in runs:
        what = _hold(frames, run) if len(run) >= _HELD else ""
        if what:
            found.setdefault(f"{_BEFORE}, {what}", []).extend(frames[index].frame for index in run[1:])
        else:
            rest += [frames[index] for index in run]
    left = [frame.frame for frame in rest if frame.frame in held]
    if found and _is_beat(rest, _runs(rest, {*left})):
        found[beat] = left
    return found


def _runs(frames: Sequence[FrameSummary], held: Collection[int]) -> list[list[int]]:
    """The positions of frames with equal pixels, in their order; also those of a single frame."""
    runs: list[list[int]] = []
    for index, frame in enumerate(frames):
        if runs and frame.frame in held:
            runs[-1].append(index)
        else:
            runs.append([index])
    return runs


def _is_beat(frames: Sequence[FrameSummary], runs: Sequence[Sequence[int]]) -> bool:
    """Whether frames are repeated in a beat: all of them, at distances that differ by a frame, or at equal distances.

    Behind lost frames, unlike behind those of a retime, the image has changed by more than elsewhere.
    """
    holds = [run for run in runs if len(run) > 1]
    if len(holds) < _HOLDS:
        return False
    if all(len(run) > 1 for run in runs[1:-1]):
        return True
    distances = [after[0] - before[0] for before, after in pairwise(holds)]
    most = 0 if len(holds) == _HOLDS else 1
    is_regular = all(abs(after - before) <= most for before, after in pairwise(distances))
    is_dense = len(holds) > _HOLDS and len(holds) * _HOLDS >= len(runs)
    return (is_regular or is_dense) and not _jumps_behind_holds(frames, runs)


def _jumps_behind_holds(frames: Sequence[FrameSummary], runs: Sequence[Sequence[int]]) -> bool:
    """Whether the image changes by more behind most holds than elsewhere, or behind each than just before and after that."""
    images = [frames[run[0]].pixels for run in runs]
    steps = [difference(one, other) if one and other else 0.0 for one, other in pairwise(images)]
    single: list[float] = []
    behind: list[float] = []
    beside: list[tuple[float, float]] = []
    for index, step in enumerate(steps):
        near = [steps[each] for each in (index - 1, index + 1) if 0 <= each < len(steps) and len(runs[each]) == 1]
        (behind if len(runs[index]) > 1 else single).append(step)
        if len(runs[index]) > 1 and near:
            beside.append((step, fmean(near)))
    is_more = bool(single) and median(behind) > _FAR * median(single)
    return is_more or (bool(beside) and all(step > _FARTHER * usual for step, usual in beside))


def _hold(frames: Sequence[FrameSummary], run: Sequence[int]) -> str:
    """What a long run of equal frames is; empty if it is amid motion."""
    if run[0] == 0:
        return "at the head: a leader, or a hold before the motion?"
    if run[-1] == len(frames) - 1:
        return "at the tail: a hold, or a cache that ended?"
    before = [frame.pixels for frame in frames[max(0, run[0] - _SIDE) : run[0] + 1]]
    behind = [frame.pixels for frame in frames[run[-1] : run[-1] + _SIDE + 1]]
    if _leads_to_hold(before) and _leads_to_hold(behind[::-1]):
        return "between fades or cuts: a title?"
    if _goes_on(before, behind):
        return "and the motion goes on from there: a hold?"
    pixels = behind[0]
    is_alpha_alone = pixels is not None and pixels.is_constant is None
    return "in a matte: a hold?" if is_alpha_alone and is_matte(frames[run[0]].path) else ""


def _goes_on(before: Sequence[FramePixels | None], behind: Sequence[FramePixels | None]) -> bool:
    """Whether the image changes by one step behind a hold, the last frame of `before`, in motion that is seen above noise."""
    sides = [[pixels for pixels in side if pixels is not None] for side in (before, behind[1:])]
    one, two = (
        [difference(side[at], side[at + apart]) for side in sides for at in range(len(side) - apart)]
        for apart in (1, 2)
    )
    if not two or not sides[0] or not sides[1]:
        return False
    return fmean(two) > _FAR * fmean(one) and 0 < difference(sides[0][-1], sides[1][0]) < _FAR * fmean(one)


def _leads_to_hold(side: Sequence[FramePixels | None]) -> bool:
    """Whether the frames beside a hold, and its first one, fade to it, or a cut is between them."""
    known = [pixels for pixels in side if pixels is not None]
    if len(known) < len(side):
        return False
    if is_cut(known, len(known) - 2, len(known) - 1):
        return True
    levels = [pixels.luminance or 0.0 for pixels in known]
    is_steady = len({after > before for before, after in pairwise(levels)}) == 1
    is_one = all(show_one_image(before, after) is not False for before, after in pairwise(known))
    return is_one and is_steady and abs(levels[-1] - levels[0]) > _FADE * max(map(abs, levels))


def reversed_copies(copies: Mapping[int, int]) -> dict[int, int]:
    """Those of the copies, with their originals, that follow in reverse order, as where a fade up and a fade down are alike."""
    middle, count = Counter(number + original for number, original in copies.items()).most_common(1)[0]
    return {number: of for number, of in copies.items() if count >= _REVERSED and number + of == middle}


def stuck_frames(sequence: SequenceFacts) -> dict[int, list[int]]:
    """Frames that differ from the one before them in noise alone, by the number of the frame whose image they repeat.

    Around them, the image moves; behind them, it jumps to where it would be without them. Behind a hold, it goes on instead,
    and at a cut, it jumps farther.
    """
    seen = [(frame, pixels) for frame, pixels in shot_frames(sequence) if pixels.small.size and not pixels.is_flat]
    images = [pixels for _, pixels in seen]
    steps = [difference(one, other) for one, other in pairwise(images)]
    found: dict[int, list[int]] = {}
    for first in range(_MOVING, len(steps)):
        if not steps[first - 1] or _is_light(images[first - 1].small, images[first].small):
            continue
        end = next((at for at in range(first, len(steps)) if _STILL * steps[at] > steps[first - 1]), len(steps))
        near = [*steps[max(0, first - _SIDE) : first], *steps[end + 1 : end + 1 + _SIDE]]
        if end == first or len(steps) - end <= _MOVING or _STILL * max(steps[first:end]) >= min(near):
            continue
        is_light = _is_light(images[end].small, images[end + 1].small)
        if not is_light and _FARTHER * max(near) < steps[end] <= _FAR * _expected_jump(images, first, end):
            run = [frame for frame, _ in seen[first : end + 1]]
            if odd := [frame.frame for one, frame in pairwise(run) if one.pixel_hash != frame.pixel_hash]:
                found[run[0].frame] = odd
    return found


def _is_light(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> bool:
    """Whether most areas of two small images that differ have become brighter, or most darker, unlike by motion."""
    change = one - other
    return bool(2 * abs(change.sum()) > np.abs(change).sum())


def _expected_jump(images: Sequence[FramePixels], first: int, end: int) -> float:
    """What the image changes, before `first` or behind `end`, over as many frames as lie between these and the next one."""
    count = end + 1 - first
    before, behind = max(0, first - count), min(len(images) - 1, end + 1 + count)
    return max(
        difference(images[one], images[other]) * count / (other - one)
        for one, other in ((before, first), (end + 1, behind))
    )


def original_frames(frames: Sequence[FrameSummary], groups: Sequence[Mapping[int, int | None]]) -> set[int]:
    """The frame of each group with equal pixels that fits the frames beside it far better than the others of the group do.

    Frames in a row that all have the pixels of others fit as a whole, by the frames before and behind them.

    Args:
        frames: Frames in ascending order.
        groups: The numbers of frames with equal pixels, each with the frame before it if that is in the group, else None.
    """
    firsts = [[number for number, previous in group.items() if previous is None] for group in groups]
    group_of = {number: at for at, group in enumerate(groups) if len(firsts[at]) > 1 for number in group}
    runs: list[list[int]] = []  # positions; a run ends where an image comes again
    shown: set[int] = set()  # the groups of the last run
    for index, frame in enumerate(frames):
        group_at = group_of.get(frame.frame)
        if group_at is None:
            continue
        goes_on = bool(runs) and runs[-1][-1] == index - 1
        is_held = goes_on and group_of[frames[index - 1].frame] == group_at
        if not goes_on or (group_at in shown and not is_held):
            runs.append([])
            shown = set()
        runs[-1].append(index)
        shown.add(group_at)
    misfits: dict[int, float] = {}
    for run in runs:
        beside = [
            (frames[at].pixels, frames[near].pixels)
            for at, near in edges_of(run, len(frames))
            if frames[near].frame not in group_of
        ]
        steps = [difference(one, other) for one, other in beside if one and other]
        misfits |= {frames[at].frame: fmean(steps) if steps else 0.0 for at in run}
    found = set()
    for group in firsts:
        best, *rest = sorted(group, key=lambda number: misfits.get(number, 0.0))
        if rest and 0 < _FITS * misfits.get(best, 0.0) < misfits[rest[0]]:
            found.add(best)
    return found


def misplaced_images(frames: Sequence[tuple[FrameSummary, FramePixels]]) -> dict[int, int]:
    """The numbers of frames that show the image of another one with other noise, each with the number of that one.

    They are few, at most three in a row, and the motion is steady around them and around the frames whose image they show.
    """
    seen = [(frame, pixels.small) for frame, pixels in frames if pixels.small.size and not pixels.is_flat]
    if len({(frame.data_window, small.size) for frame, small in seen}) != 1:
        return {}
    images = np.stack([small for _, small in seen])
    steps = _differences(images[1:], images[:-1]).tolist()
    every = (
        range(first, first + count) for count in range(1, _IN_A_ROW + 1) for first in range(len(images) + 1 - count)
    )
    apart = [run for run in every if _is_apart(images, steps, run)]
    found: dict[int, int] = {}
    for run in apart if len(apart) <= _MOST_APART else ():
        found |= _images_shown(images, steps, run)
    if _MISPLACED * len(found) > len(seen):
        return {}
    return {
        seen[index][0].frame: seen[other][0].frame
        for index, other in found.items()
        if seen[index][0].pixel_hash != seen[other][0].pixel_hash
    }


def _differences(some: npt.NDArray[np.float64], others: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The differences of small images, as in `difference`."""
    light = np.abs(some).sum(axis=1) + np.abs(others).sum(axis=-1)
    apart: npt.NDArray[np.float64] = 2 * np.abs(some - others).sum(axis=1) / np.maximum(light, np.finfo(float).tiny)
    return apart


def _is_apart(images: npt.NDArray[np.float64], steps: Sequence[float], run: range) -> bool:
    """Whether the image jumps before a run and back behind it, and is in steady motion in it and around it.

    At an end of the sequence, where nothing shows that it jumps back, the motion must be steady in all other frames.
    """
    jumps = _jumps(steps, run)
    side = _BESIDE if len(jumps) > 1 else len(steps)
    around = [*steps[max(0, run.start - 1 - side) : max(0, run.start - 1)], *steps[run.stop : run.stop + side]]
    if len(around) < _SIDE or min(jumps) <= _FITS * max(*around, *steps[run.start : run.stop - 1]):
        return False
    edges = [(at, at + 1) for at in (run.start - 1, run.stop - 1) if 0 <= at < len(steps)]
    if all(_is_light(images[one], images[other]) for one, other in edges):
        return False
    beside = images[[run.start - 1]], images[[run.stop % len(images)]]
    return len(jumps) == 1 or float(_differences(*beside)[0]) * _FARTHER < max(jumps)


def _jumps(steps: Sequence[float], run: range) -> list[float]:
    """What the image changes by at the ends of a run."""
    return [steps[at] for at in (run.start - 1, run.stop - 1) if 0 <= at < len(steps)]


def _images_shown(images: npt.NDArray[np.float64], steps: Sequence[float], run: range) -> dict[int, int]:
    """The positions of a run, each with that of the frame whose image it shows; empty unless these, too, are in a row."""
    found: dict[int, int] = {}
    motion = np.maximum([*steps, 0.0], [0.0, *steps])
    for index in run:
        apart = _differences(images, images[index])
        apart[max(0, run.start - 1) : run.stop + 1] = math.inf
        apart[motion * _FITS > min(_jumps(steps, run))] = math.inf  # frames that are apart themselves
        other = int(apart.argmin())
        beside = [at for at in (other - 1, other + 1) if 0 <= at < len(images) and math.isfinite(apart[at])]
        if not beside or any(_ONE_IMAGE * apart[other] >= apart[at] for at in beside):
            return {}
        found[index] = other
    return found if len({other - index for index, other in found.items()}) == 1 else {}
