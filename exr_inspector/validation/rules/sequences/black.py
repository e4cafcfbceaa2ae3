"""SEQ-BLACK: black frames of which all pixels were read, and what explains them: fades, empty elements, leaders. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from statistics import median

import numpy as np
import numpy.typing as npt

from exr_inspector.model import Severity
from exr_inspector.validation.facts.sequences import SequenceFacts
from exr_inspector.validation.frames import FramePixels
from exr_inspector.validation.rule import Results, sequence_rule
from exr_inspector.validation.rules.sequences.headers import SequenceParameters, of_frames
from exr_inspector.validation.rules.sequences.pixels import has_images, seen_frames

_FADE_FRAMES = 3  # frames that fall, each below the one before
_FADED = 0.4  # the most that the last of them has, in parts of the first, and of the median of the sequence
_STEPS_LEFT = 1.5  # the most that the last of them has, in steps from the frame before
_DIMMED = 0.5  # the most that the frames beside black ones have of the light of those beyond them in a short fade
_FEW_BLACK = 3  # so many black frames may be lost ones
_OPAQUE = 0.99  # of the pixels of a render that is not an element
_COMES_AND_GOES = 4  # an element that is empty in more than one frame of so many
_OTHER_SCENE = 0.1  # the least difference of two scenes, in parts of their light
_SCENE_TO_SHOT = 2  # how many times what a shot changes over as many frames


@sequence_rule(
    "SEQ-BLACK",
    Severity.ERROR,
    "No frame is black while its other layers or the frames around it are not",
    why="The main image of the frame was not rendered or not written.",
    source="OpenImageIO oiiotool --stats",
    fix="Render or write the frames that the message names again. Nothing if they are meant to be black or empty.",
    limits="Info where a fade ends, where an element is empty (alpha is zero), between scenes, and before the first and behind "
    "the last image; there, up to three frames of a single scene are a warning, and errors if only their alpha is zero. "
    "More than three between images that differ as much as the shot may change are a warning. "
    "Up to three empty frames amid an element are info if there are many, or if the frames beside them are few or dim. "
    "Stored rows tell scenes apart by their mean colours alone.",
)
def black_beauty(sequence: SequenceFacts, _parameters: SequenceParameters) -> Results:
    """Report frames whose beauty is black while their other layers or other frames hold an image."""
    return [
        found
        for (severity, what), frames in black_frames(sequence).items()
        for found in of_frames(frames, what, "an image, as in other frames", "black", severity)
    ]


def black_frames(sequence: SequenceFacts) -> dict[tuple[Severity, str], list[int]]:
    """The numbers of the black frames of a sequence that holds an image, with a severity, by what can be said of them."""
    seen = seen_frames(sequence)
    every = [pixels for _, pixels in seen]
    is_image = has_images(seen)
    faded, _ = fades(every)
    found: dict[tuple[Severity, str], list[int]] = {}
    for run in _black_runs(every):
        why = (Severity.ERROR, "R, G and B are zero in every pixel")
        if is_image:
            why = (Severity.INFO, "black, at the end of a fade") if run[0] in faded else _explanation(every, run) or why
        odd = [seen[index][0].frame for index in run if is_image or every[index].has_other_content]
        found.setdefault(why, []).extend(odd)
    return found


def _black_runs(seen: Sequence[FramePixels]) -> list[list[int]]:
    """The positions of the black frames of each run."""
    groups = groupby(range(len(seen)), lambda index: bool(seen[index].is_black))
    return [[*run] for is_black, run in groups if is_black]


def _explanation(seen: Sequence[FramePixels], run: Sequence[int]) -> tuple[Severity, str] | None:
    """Why frames of a run are black, with the severity; None if they are lost."""
    if any(seen[index].has_other_content for index in run):
        return None
    ends = [index for index in (run[0] - 1, run[-1] + 1) if 0 <= index < len(seen)]
    covered = [coverage for index in ends if (coverage := seen[index].coverage) is not None]
    coverages = {seen[index].coverage for index in run}
    is_element = (
        all(seen[index].is_void for index in run) or min(covered, default=0.0 if coverages == {0.0} else 1.0) < _OPAQUE
    )
    if is_element and coverages == {1.0}:
        return None
    if is_element and coverages == {0.0}:
        is_meant = len(ends) < 2 or len(run) > _FEW_BLACK or _comes_and_goes(seen, ends)
        return (Severity.INFO, "empty: R, G, B and A are zero, as where an effect is over") if is_meant else None
    if len(ends) == 2 and _is_cut(seen, *ends):
        return Severity.INFO, "black, between two scenes"
    if len(ends) == 2:
        is_unclear = len(run) > _FEW_BLACK and _difference(*(seen[index] for index in ends)) > _OTHER_SCENE
        return (Severity.WARNING, "black: lost, or between two scenes?") if is_unclear else None
    return _explanation_at_end(seen, run, is_void=bool(covered) and coverages == {0.0})


def _explanation_at_end(
    seen: Sequence[FramePixels], run: Sequence[int], *, is_void: bool
) -> tuple[Severity, str] | None:
    """As `_explanation`, of the first or last frames; `is_void`: alpha is zero, unlike in the others, as in lost frames."""
    what = f"black, {'before the first image' if run[0] == 0 else 'behind the last image'}"
    if any(_is_cut(seen, index, index + 1) for index in range(len(seen) - 1)):
        return Severity.INFO, what
    is_few = len(run) <= _FEW_BLACK
    if is_void and is_few:
        return None
    is_unclear = is_void or is_few
    return (Severity.WARNING, f"{what}: lost, or meant to be black?") if is_unclear else (Severity.INFO, what)


def _comes_and_goes(seen: Sequence[FramePixels], ends: Sequence[int]) -> bool:
    """Whether an element has many empty frames, or little light beside these ones, or only for few frames."""
    lit = [pixels.luminance or 0.0 for pixels in seen if not pixels.is_black]
    before, after = ends
    is_short = any(
        any(seen[index].is_black for index in side)
        for side in (range(max(0, before - _FEW_BLACK), before), range(after, min(len(seen), after + _FEW_BLACK + 1)))
    )
    is_dim = any((seen[index].luminance or 0.0) < _FADED * median(lit) for index in ends)
    return is_short or is_dim or _COMES_AND_GOES * (len(seen) - len(lit)) > len(seen)


def _is_cut(seen: Sequence[FramePixels], before: int, after: int) -> bool:
    """Whether frames at two positions differ far more than frames at the same distance before or behind them do."""
    distance = after - before
    first, last = max(0, before - distance), min(len(seen) - 1, after + distance)
    usual = [
        _difference(seen[one], seen[other]) * math.sqrt(distance / (other - one))
        for one, other in ((first, before), (after, last))
        if one < other
    ]
    return _difference(seen[before], seen[after]) > max(_OTHER_SCENE, _SCENE_TO_SHOT * min(usual, default=0.0))


def _difference(one: FramePixels, other: FramePixels) -> float:
    """The difference of two images in parts of their light, up to 2; 0 if one is black or unknown."""
    smalls = [np.frombuffer(each.lines.small if each.lines else b"", np.float32) for each in (one, other)]
    if not all(small.size for small in smalls):
        smalls = [_levels(one), _levels(other)]
    light = sum(float(np.abs(small).sum()) for small in smalls)
    is_known = not one.is_black and not other.is_black and smalls[0].size == smalls[1].size and light > 0
    return 2 * float(np.abs(smalls[0] - smalls[1]).sum()) / light if is_known else 0.0


def _levels(pixels: FramePixels) -> npt.NDArray[np.float32]:
    return np.array([*pixels.means.values(), pixels.deviation or 0.0], np.float32)


def fades(seen: Sequence[FramePixels]) -> tuple[set[int], set[int]]:
    """The positions of black frames at which a fade ends or begins, and of the frames that fade.

    Few black frames between others are a fade only if the image fades on both sides of them; else they may be lost frames.
    """
    levels = [0.0 if pixels.is_black else pixels.luminance or 0.0 for pixels in seen]
    lit = [level for level in levels if level > 0]
    usual = median(lit) if lit else 0.0
    black: set[int] = set()
    fading: set[int] = set()
    for frames in _black_runs(seen):
        first, end = frames[0], frames[-1] + 1
        sides = [range(max(0, first - _FADE_FRAMES), first), range(end, min(end + _FADE_FRAMES, len(seen)))[::-1]]
        faded = [side for side in sides if _is_fade([levels[index] for index in side], usual)]
        if all(len(side) > 1 and levels[side[-1]] < _DIMMED * levels[side[-2]] for side in sides):
            faded = sides
        if faded and (len(frames) > _FEW_BLACK or len(faded) == sum(map(bool, sides))):
            black.update(frames)
            fading.update(index for side in faded for index in side)
    return black, fading


def _is_fade(levels: Sequence[float], usual: float) -> bool:
    """Whether three levels fall to one that is small and about as large as the step before it, so that black comes next."""
    if len(levels) < _FADE_FRAMES or not levels[0] > levels[1] > levels[2] > 0:
        return False
    return levels[2] < min(_FADED * levels[0], _FADED * usual, _STEPS_LEFT * (levels[1] - levels[2]))
