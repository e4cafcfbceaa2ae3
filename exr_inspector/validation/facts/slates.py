"""Which frames at the beginning of a sequence are slates: they show another image than the shot. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise
from statistics import median

from exr_inspector.validation.frames import FramePixels, FrameSummary

_FEWEST = 3  # frames of a sequence of which the first may be a slate
_PAIRS = 4  # of neighbouring frames that tell how alike the images of the shot are
_OTHER_IMAGE = 0.5  # least unlikeness of a slate and the frame beside it
_SLATE_TO_SHOT = 3  # least ratio of it to the unlikeness of frames of the shot
_IN_SHOT = 0.2  # largest unlikeness of an image of the shot and the frame that is most like it
_Lit = list[tuple[FrameSummary, FramePixels]]


def slates(frames: Iterable[FrameSummary]) -> frozenset[int]:
    """The numbers of those of ordered frames that have another image than the shot: a slate, colour bars, a leader.

    They are the first frame with its copies, and behind it other frames of which each is repeated. An image that the shot has,
    too, is none: a light that is on again later. Another image at the end is more often a loss than a slate.
    """
    lit = [(frame, frame.pixels) for frame in frames if frame.pixels is not None and not frame.pixels.is_flat]
    found = {frame.frame: pixels for frame, pixels in _leader(lit)}
    if len(lit) < _FEWEST or 2 * len(found) > len(lit):
        return frozenset()
    shot = [pixels for frame, pixels in lit if frame.frame not in found]
    return frozenset(number for number, one in found.items() if all(_unlikeness(one, each) > _IN_SHOT for each in shot))


def _leader(lit: _Lit) -> _Lit:
    """The slates at the beginning of frames with images."""
    runs = [[*run] for _, run in groupby(lit, key=lambda each: each[0].pixel_hash or each[0].path)]
    found: _Lit = []
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
    """1 minus the correlation of two small images; if these are not known, by how much light and contrast both differ.

    The latter is a logarithm.
    """
    if one.small.size and one.small.size == other.small.size:
        from exr_inspector.validation.small_images import cells  # noqa: PLC0415 - not in the function's folder

        return cells.unlikeness(one, other)
    levels = [each.luminance or 0.0 for each in (one, other)]
    deviations = [each.deviation or 0.0 for each in (one, other)]
    if min(*levels, *deviations) <= 0:
        return 0.0
    light, spread = (math.log(before / behind) for before, behind in (levels, deviations))
    return min(abs(light), abs(spread - light))
