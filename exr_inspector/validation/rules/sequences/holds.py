"""Frames that repeat an image, what explains them (twos, retimes, holds, fades that go back), and which are copies. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from statistics import fmean, median

from exr_inspector.validation.facts.roles import is_matte
from exr_inspector.validation.frames import FramePixels, FrameSummary
from exr_inspector.validation.rules.sequences.images import difference, edges_of, is_cut, show_one_image

_HELD = 3  # fewest equal frames of a hold; two may be a lost frame
_HOLDS = 3  # fewest holds of a beat
_FAR = 1.5  # behind lost frames, the image changes by more than 1.5 times as much as elsewhere
_FARTHER = 1.25  # and behind each of them, 1.25 times as much as just before and after
_SIDE = 3  # frames on each side of a hold that fade to it
_FADE = 0.1  # least change of their light
_REVERSED = 2  # fewest copies in reverse order
_FITS = 1.5  # a copy differs from the frames beside it at least 1.5 times as much as the original does
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
