"""How much the images of frames differ, and which frames at the ends of a sequence are slates. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby, pairwise
from statistics import median

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from exr_inspector.validation.facts.black_cells import cells_of
from exr_inspector.validation.facts.sequences import SequenceFacts
from exr_inspector.validation.frames import FramePixels, FrameSummary

_FEWEST = 3  # frames of a sequence in which those at an end may be a slate
_PAIRS = 4  # of neighbouring frames that tell how alike the images of the shot are
_ONE_IMAGE = 0.8  # the least correlation of small images of frames that show one image
_OTHER_IMAGE = 0.5  # the least by which a slate is unlike the shot
_SLATE_TO_SHOT = 3  # how many times what the frames of the shot are unlike each other
_LIT = 0.25  # of an area that is compared where the rest is zero
_FEW_AREAS = 8  # fewer tell nothing
_OF_ONE_LEVEL = 17  # areas, of 256 by brightness, whose mean change is that of their level
_BY_LEVEL = 0.5  # the most that the changes of areas may differ from that, in parts of their size
_OTHER_SCENE = 0.1  # the least difference of two scenes, in parts of their light
_SCENE_TO_SHOT = 2  # how many times what a shot changes over as many frames
Seen = list[tuple[FrameSummary, FramePixels]]


def seen_frames(sequence: SequenceFacts) -> Seen:
    """The frames of which all pixels were read, with their statistics."""
    return [(frame, frame.pixels) for frame in sequence.frames if frame.pixels is not None]


def shot_frames(sequence: SequenceFacts) -> Seen:
    """Those of `seen_frames` without the slates, which no rule compares with the shot."""
    others = slates(sequence)
    return [(frame, pixels) for frame, pixels in seen_frames(sequence) if frame.frame not in others]


def slates(sequence: SequenceFacts) -> set[int]:
    """The numbers of the frames before or behind the shot that have another image: a slate, colour bars, a leader.

    They are the first or the last frame with its copies, and beside these other frames of which each is repeated. An image that
    the shot has, too, is none: a light that is on again later.
    """
    lit = [(frame, pixels) for frame, pixels in seen_frames(sequence) if not is_flat(pixels)]
    found = {frame.frame: pixels for side in (lit, lit[::-1]) for frame, pixels in _leader(side)}
    if len(lit) < _FEWEST or 2 * len(found) > len(lit):
        return set()
    shot = [pixels for frame, pixels in lit if frame.frame not in found]
    return {number for number, one in found.items() if all(_unlikeness(one, each) > 1 - _ONE_IMAGE for each in shot)}


def _leader(lit: Seen) -> Seen:
    """The slates at the beginning of frames with images."""
    runs = [[*run] for _, run in groupby(lit, key=lambda each: each[0].pixel_hash or each[0].path)]
    found: Seen = []
    for at, run in enumerate(runs[:-1]):
        near = [pixels for other in runs[at : at + 2 + _PAIRS] for _, pixels in other[:1]]
        if (at > 0 and len(run) == 1) or not _begins_with_other_image(near):
            break
        found += run
    return found


def _begins_with_other_image(images: Sequence[FramePixels]) -> bool:
    """Whether the first image differs from the second one far more, and in more than its light, than those behind differ."""
    if images[0].luminance is None:
        return False
    steps = [_unlikeness(one, other) for one, other in pairwise(images)]
    return steps[0] > max(_OTHER_IMAGE, _SLATE_TO_SHOT * median(steps[1:] or [0.0]))


def _unlikeness(one: FramePixels, other: FramePixels) -> float:
    """1 minus the correlation of the areas that are lit in both images: a lost bucket does not count.

    If small images are not known, the logarithm by which at least the light and the contrast both differ.
    """
    mine, theirs = _lit_areas(one), _lit_areas(other)
    if not mine.size or mine.size != theirs.size:
        levels = [each.luminance or 0.0 for each in (one, other)]
        deviations = [each.deviation or 0.0 for each in (one, other)]
        if min(*levels, *deviations) <= 0:
            return 0.0
        light, spread = (math.log(before / behind) for before, behind in (levels, deviations))
        return min(abs(light), abs(spread - light))
    both = np.isfinite(mine) & np.isfinite(theirs)
    if both.sum() < _FEW_AREAS:
        both, mine, theirs = np.ones_like(both), one.small, other.small
    mine, theirs = mine[both], theirs[both]
    return 1 - float(np.corrcoef(mine, theirs)[0, 1]) if mine.std() and theirs.std() else 0.0


def _lit_areas(pixels: FramePixels) -> npt.NDArray[np.float64]:
    """The small image, with the mean of what is lit in each area; NaN where hardly anything is."""
    small, zeros = pixels.small, pixels.zeros
    if zeros is None or not any(zeros.bits) or not small.size:
        return small
    count = math.isqrt(small.size)
    lit: npt.NDArray[np.floating] = 1.0 - cells_of(zeros)
    for size in lit.shape:  # the mean of each band of rows, then of columns
        starts = np.arange(count + 1) * size // count
        lit = np.stack([lit[at : max(at + 1, end)].mean(axis=0) for at, end in pairwise(starts.tolist())]).T
    shares = lit.ravel()
    return np.where(shares >= _LIT, small / np.maximum(shares, _LIT), np.nan)


def show_one_image(one: FramePixels, other: FramePixels) -> bool | None:
    """Whether two frames show one image, perhaps of other light; None unless the small image of both is known."""
    if one.is_constant or other.is_constant:
        return None
    mine, theirs = one.small, other.small
    if not mine.size or mine.size != theirs.size or not mine.std() or not theirs.std():
        return None
    return bool(np.corrcoef(mine, theirs)[0, 1] > _ONE_IMAGE)


def changes_by_level(usual: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> bool:
    """Whether areas of two small images differ by what their brightness in the first one tells, as with another tone curve.

    Light that is added, and things that move, change areas of one brightness by different amounts.
    """
    change = (other - usual)[usual.argsort(kind="stable")]
    alike = sliding_window_view(np.pad(change, _OF_ONE_LEVEL // 2, mode="edge"), _OF_ONE_LEVEL).mean(axis=1)
    return bool(np.abs(change - alike).sum() <= _BY_LEVEL * np.abs(change).sum())


def has_images(seen: Sequence[tuple[FrameSummary, FramePixels]]) -> bool:
    """Whether the beauty of a frame has more than one colour, unlike the patches that calibrate a display."""
    return any(pixels.is_constant is False and not pixels.is_black for _, pixels in seen)


def is_flat(pixels: FramePixels) -> bool:
    """Whether a frame has a single colour."""
    return bool(pixels.is_black or pixels.is_constant)


def is_cut(seen: Sequence[FramePixels], before: int, after: int) -> bool:
    """Whether frames at two positions differ far more than frames at the same distance before or behind them do.

    Without such frames, nothing tells a cut from motion.
    """
    distance = after - before
    first, last = max(0, before - distance), min(len(seen) - 1, after + distance)
    usual = [
        difference(seen[one], seen[other]) * math.sqrt(distance / (other - one))
        for one, other in ((first, before), (after, last))
        if one < other
    ]
    return difference(seen[before], seen[after]) > max(_OTHER_SCENE, _SCENE_TO_SHOT * min(usual, default=math.inf))


def difference(one: FramePixels, other: FramePixels) -> float:
    """The difference of two images in parts of their light, up to 2; 0 if one has one colour or is unknown."""
    smalls = [one.small, other.small]
    if not all(small.size for small in smalls):
        smalls = [_levels(one), _levels(other)]
    light = sum(float(np.abs(small).sum()) for small in smalls)
    is_known = not is_flat(one) and not is_flat(other) and smalls[0].size == smalls[1].size and light > 0
    return 2 * float(np.abs(smalls[0] - smalls[1]).sum()) / light if is_known else 0.0


def _levels(pixels: FramePixels) -> npt.NDArray[np.float64]:
    return np.array([*pixels.means.values(), pixels.deviation or 0.0])
