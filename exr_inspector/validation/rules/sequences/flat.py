"""SEQ-BLACK and SEQ-CONSTANT: frames of one colour, and what explains them: fades, empty elements, leaders. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean, median

import numpy as np
import numpy.typing as npt

from exr_inspector.model import Severity
from exr_inspector.validation.facts.roles import is_matte
from exr_inspector.validation.facts.sequences import SequenceFacts, once_per_sequence, sibling_name
from exr_inspector.validation.frames import FramePixels, FrameSummary
from exr_inspector.validation.rule import Remedy, Results, sequence_rule
from exr_inspector.validation.rules.sequences.comparison import frame_area, of_frames
from exr_inspector.validation.rules.sequences.flashes import LEAST_CHUNK
from exr_inspector.validation.rules.sequences.images import (
    OTHER_SCENE,
    Seen,
    difference,
    edges_of,
    has_images,
    is_cut,
    runs_of,
    seen_frames,
)

_FADE_FRAMES = 3  # frames of a fade, each darker than the one before
_FADED = 0.4  # most light of the last of them, as a share of the first, and of the median of the sequence
_STEPS_LEFT = 1.5  # most light of the last of them, in steps from the frame before
_DIMMED = 0.5  # in a short fade, most light of a frame beside black ones, as a share of the next one
_FEW_FLAT = 3  # most frames of one colour in a row that are taken for lost ones
_NO_SAMPLES = "no samples"  # of deep images
_LOST = {
    True: "R, G and B are zero in every pixel",
    False: "every pixel has the same colour",
}  # by whether they are black
_GREY = 1e-4  # largest difference of the means of R, G and B of a grey image, as a share of the greatest
_OPAQUE = 0.99  # coverage from which on a render is not an element
_AROUND = 60  # frames on each side whose median distance from a colour is taken
_COMES_AND_GOES = 3  # an element comes and goes if more than one frame in 3 is empty
_FALLEN = 0.75  # most light of an element that ends, as a share of that before and of the usual one
_FEW_VALUES = 4  # most values of each channel of a placeholder
_MANY_VALUES = 64  # an image has more; in 8 bits, up to 256
_ONE_SHOT = 0.2  # least correlation of the small images on both sides of a placeholder
_LIT = 4  # more than one pixel in 4 of a placeholder is lit, unlike in an image of few sparks


@sequence_rule(
    "SEQ-BLACK",
    Severity.ERROR,
    "No frame is black while its other layers or the frames around it are not",
    why="The main image of the frame was not rendered or not written.",
    source="OpenImageIO oiiotool --stats",
    fix="Render or write the frames that the message names again. Nothing if they are meant to be black or empty.",
    remedy=Remedy.RENDER,
    limits="Info where the frames beside them approach black as in a fade, where an element is empty (alpha is zero), between "
    "scenes, in AOVs of light beside their image if four or more frames or all are black, and before the first and behind the "
    "last image; there, up to three frames of a single scene are a warning, and errors if only their alpha is zero. "
    "More than three between images that differ as much as the shot may change are a warning. Empty frames amid an element "
    "are a warning if they are more than three, and info if there are many, or if the frames beside them are few or dim. "
    "The first frame is lost, too, if lost ones follow it at equal distances of four or more. "
    "Stored rows tell scenes apart by their mean colours alone.",
)
def black_beauty(sequence: SequenceFacts, _: object) -> Results:
    return _findings(black_frames(sequence), "black")


@sequence_rule(
    "SEQ-CONSTANT",
    Severity.ERROR,
    "No frame is one flat colour while the others are images",
    why="A slate, a matte or a failed render replaced the frame.",
    source="OpenImageIO oiiotool --stats (Constant)",
    fix="Replace the frames that the message names by the rendered images. Nothing if they are meant to have one colour.",
    remedy=Remedy.RENDER,
    limits="Info where the frames beside them approach the colour, between scenes, in a run before the first or behind the "
    "last image, if all frames have one colour, and where shadows and mattes (by the name, or white in a grey pass) are empty "
    "or full. Up to three of these amid such a pass are a warning, as are a single coloured frame at an end, and more than "
    "three frames between images that differ as much as the shot may change, and frames of few colours within a shot, as "
    "Nuke writes for those that it does not find.",
    of_views=True,
)
def constant_frames(sequence: SequenceFacts, _: object) -> Results:
    return _findings(coloured_frames(sequence))


Explained = dict[tuple[Severity, str], list[int]]


def _findings(explained: Explained, found: str = "") -> Results:
    return [
        each
        for (severity, what), frames in explained.items()
        for each in of_frames(frames, what, "an image, as in other frames", found, severity)
    ]


@once_per_sequence
def flat_frames(sequence: SequenceFacts) -> set[int]:
    """The numbers of the frames that SEQ-BLACK and SEQ-CONSTANT report."""
    both = [*black_frames(sequence).values(), *coloured_frames(sequence).values()]
    return {number for frames in both for number in frames}


def black_frames(sequence: SequenceFacts) -> Explained:
    """The numbers of the black frames of a sequence that holds an image, with a severity, by what can be said of them."""
    seen = seen_frames(sequence)
    if has_images(seen):
        return _explained(sequence)[True]
    odd = [frame.frame for frame, pixels in seen if pixels.is_black and pixels.has_other_content]
    if not odd and sequence.siblings.image and all(pixels.is_black for _, pixels in seen):
        image = sibling_name(sequence.name, sequence.siblings.image)
        what = f"black, as in all frames: an AOV of {image} without light, or was it not connected?"
        return {(Severity.INFO, what): [frame.frame for frame, _ in seen]} if seen else {}
    return {(Severity.ERROR, _LOST[True]): odd} if odd else {}


@once_per_sequence
def coloured_frames(sequence: SequenceFacts) -> Explained:
    """As `black_frames`, of frames of one colour other than black; and all frames, if they have one."""
    seen = seen_frames(sequence)
    if has_images(seen):
        return _explained(sequence)[False] | _placeholders(seen)
    is_solid = len(seen) > 1 and all(pixels.is_constant and not pixels.is_black for _, pixels in seen)
    if not is_solid or any(pixels.has_other_content for _, pixels in seen):
        return {}
    what = f"{_LOST[False]}, as in all frames: a solid, or patches of colour?"
    return {(Severity.INFO, what): [frame.frame for frame, _ in seen]}


def _placeholders(seen: Seen) -> Explained:
    """Frames of few colours between those of one shot."""
    every = [pixels for _, pixels in seen]
    odd = [
        at
        for at, (frame, pixels) in enumerate(seen)
        if 0 < pixels.values <= _FEW_VALUES
        and not pixels.is_flat
        and _LIT * pixels.lit_pixels.get("", 0) > frame_area(frame)
    ]
    found = []
    for run in runs_of(odd):
        ends = [outside for _, outside in edges_of(run, len(seen))]
        is_amid = len(ends) > 1 and min(every[at].values for at in ends) > _MANY_VALUES and not is_cut(every, *ends)
        if is_amid and _are_of_one_shot(*(every[at].small for at in ends)):
            found += [seen[index][0].frame for index in run]
    what = f"R, G and B have {_FEW_VALUES} values or fewer: a checkerboard, or another image in place of a missing one?"
    return {(Severity.WARNING, what): found} if found else {}


def _are_of_one_shot(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> bool:
    return not one.size or one.size != other.size or float(np.corrcoef(one, other)[0, 1]) > _ONE_SHOT


@once_per_sequence
def _explained(sequence: SequenceFacts) -> dict[bool, Explained]:
    """The frames of one colour, by whether they are black, with a severity, by what can be said of them."""
    seen = seen_frames(sequence)
    every = [pixels for _, pixels in seen]
    lights = [_light(*each) for each in seen]
    faded, _ = fades(every)
    found: dict[bool, Explained] = {True: {}, False: {}}
    for run in _flat_runs(every):
        why = _explanation(sequence, every, run, lights, is_faded=run[0] in faded)
        for is_black, colour in ((True, "black"), (False, "one colour")):
            odd = [index for index in run if bool(every[index].is_black) is is_black]
            lost = _NO_SAMPLES if all(every[index].is_void for index in odd) else _LOST[is_black]
            severity, what = why or (Severity.ERROR, lost)
            if odd:
                frames = found[is_black].setdefault((severity, what.format(colour=colour)), [])
                frames += [seen[index][0].frame for index in odd]
    if seen and every[0].is_black:
        _add_first(found[True], seen[0][0].frame)
    return found


def _add_first(found: Explained, first: int) -> None:
    """Move the black first frame to those that are lost if these follow it at equal distances, as parts of a job do."""
    lost = found.get((Severity.ERROR, _LOST[True]), [])
    gaps = {after - before for before, after in pairwise([first, *lost])}
    if first not in lost and len(lost) > 1 and len(gaps) == 1 and min(gaps) >= LEAST_CHUNK:
        for key, frames in [*found.items()]:
            found[key] = [number for number in frames if number != first]
        found[Severity.ERROR, _LOST[True]].insert(0, first)


def _flat_runs(seen: Sequence[FramePixels]) -> list[list[int]]:
    """The positions of the frames of one colour of each run."""
    return runs_of(at for at, pixels in enumerate(seen) if pixels.is_flat)


def _explanation(
    sequence: SequenceFacts, seen: Sequence[FramePixels], run: Sequence[int], lights: Sequence[float], *, is_faded: bool
) -> tuple[Severity, str] | None:
    """Why frames of a run have one colour, with the severity; None if they are lost.

    Args:
        sequence: The sequence.
        seen: Its frames of which all pixels were read.
        run: Their positions.
        lights: The sum of the light of each frame, 0 for those of one colour.
        is_faded: Whether the frames beside them approach their colour.
    """
    is_black = all(seen[index].is_black for index in run)
    ends = [outside for _, outside in edges_of(run, len(seen))]
    covered = [coverage for index in ends if (coverage := seen[index].coverage) is not None]
    coverages = {seen[index].coverage for index in run} if is_black else set()
    has_other = any(seen[index].has_other_content for index in run)
    is_void = all(seen[index].is_void for index in run)
    is_element = is_void or min(covered, default=0.0 if coverages == {0.0} else 1.0) < _OPAQUE
    is_between = len(ends) > 1
    is_amid = is_between and not _comes_and_goes(lights, ends)
    is_few = len(run) <= _FEW_FLAT
    may_be_empty = is_element and coverages == {0.0}
    if may_be_empty and (is_faded or not has_other):
        is_over = is_faded or not is_amid or (not is_few and _falls(lights, ends))
        return _explanation_of_empty(is_void=is_void, is_over=is_over, is_few=is_few)
    if is_faded:
        return Severity.INFO, "{colour}, which the frames beside it approach: a fade, or an image that begins or ends"
    if has_other or may_be_empty or (is_element and coverages == {1.0}):
        return None
    is_amid = is_amid and is_few
    if _is_pass(sequence.name, seen, run, is_black=is_black):
        severity = Severity.WARNING if is_amid else Severity.INFO
        return severity, "{colour}: a shadow or matte that is empty or full" + (", or lost?" if is_amid else "")
    if sequence.siblings.image and is_black and not is_amid:
        return Severity.INFO, "{colour}: an AOV without light"
    is_lost = bool(covered) and coverages == {0.0}
    at_end = None if is_between else _explanation_at_end(seen, run, is_black=is_black, is_void=is_lost)
    return _explanation_between(seen, run, *ends) if is_between else at_end


def _light(frame: FrameSummary, pixels: FramePixels) -> float:
    """The sum of the light of a frame, above 0 except for frames of one colour; of data, the area of the data window."""
    return 0.0 if pixels.is_flat else abs(pixels.luminance or 1.0) * frame_area(frame)


def _explanation_of_empty(*, is_void: bool, is_over: bool, is_few: bool) -> tuple[Severity, str] | None:
    """As `_explanation`, of an element that is empty."""
    empty = _NO_SAMPLES if is_void else "empty: R, G, B and A are zero"
    if is_over:
        return Severity.INFO, f"{empty}, as before an effect begins or after it is over"
    what = f"{empty}, between full frames: lost, or does the effect stop for a while?"
    return None if is_few else (Severity.WARNING, what)


def _explanation_between(
    seen: Sequence[FramePixels], run: Sequence[int], before: int, behind: int
) -> tuple[Severity, str] | None:
    """As `_explanation`, of frames between two images."""
    if is_cut(seen, before, behind):
        return Severity.INFO, "{colour}, between two scenes"
    is_unclear = len(run) > _FEW_FLAT and difference(seen[before], seen[behind]) > OTHER_SCENE
    return (Severity.WARNING, "{colour}: lost, or between two scenes?") if is_unclear else None


def _explanation_at_end(
    seen: Sequence[FramePixels], run: Sequence[int], *, is_black: bool, is_void: bool
) -> tuple[Severity, str] | None:
    """As `_explanation`, of the first or last frames; `is_void`: alpha is zero, unlike in the others, as in lost frames."""
    what = f"{{colour}}, {'before the first image' if run[0] == 0 else 'behind the last image'}"
    if any(is_cut(seen, index, index + 1) for index in range(len(seen) - 1)):
        return Severity.INFO, what
    is_white = all(level == 1 for index in run for level in seen[index].means.values())
    is_few = len(run) <= (_FEW_FLAT if is_black else 0 if is_white else 1)
    if is_void and is_few:
        return None
    is_unclear = is_void or is_few
    return (Severity.WARNING, f"{what}: lost, or meant to be so?") if is_unclear else (Severity.INFO, what)


def _is_pass(name: str, seen: Sequence[FramePixels], run: Sequence[int], *, is_black: bool) -> bool:
    """Whether frames are 0 or 1 in a pass of shadows or mattes, by its name, or by images that are grey beside white."""
    levels = {level for index in run for level in seen[index].means.values()}
    if not levels or not levels <= {0.0, 1.0}:
        return False
    is_grey = levels == {1.0} and all(_is_grey(pixels) for pixels in seen)
    return is_matte(name) or (is_grey and not is_black)


def _is_grey(pixels: FramePixels) -> bool:
    levels = pixels.means.values()
    return bool(levels) and max(levels) - min(levels) <= _GREY * max(map(abs, levels))


def _comes_and_goes(lights: Sequence[float], ends: Sequence[int]) -> bool:
    """Whether an element has many empty frames, or little light beside these ones, or only for few frames."""
    lit = [index for index, light in enumerate(lights) if light]
    before, after = ends
    is_short = not all([*lights[max(0, before - _FEW_FLAT) : before], *lights[after : after + _FEW_FLAT + 1]])
    is_dim = any(lights[index] < _FADED * median(lights[each] for each in lit) for index in ends)
    count = lit[-1] + 1 - lit[0] if lit else 0
    return is_short or is_dim or _COMES_AND_GOES * (count - len(lit)) > count


def _falls(lights: Sequence[float], ends: Sequence[int]) -> bool:
    """Whether an element has less light beside empty frames than usually, and than in the frame before or behind that."""
    usual = median(light for light in lights if light)
    beyond = zip(ends, (ends[0] - 1, ends[1] + 1), strict=True)
    return any(
        lights[index] < _FALLEN * min(usual, lights[other]) for index, other in beyond if 0 <= other < len(lights)
    )


def fades(seen: Sequence[FramePixels]) -> tuple[set[int], set[int]]:
    """The positions of frames of one colour at which a fade ends or begins, and of the frames that fade.

    Few of them between others are a fade only if the image fades on both sides of them; else they may be lost frames.
    """
    flat: set[int] = set()
    fading: set[int] = set()
    for frames in _flat_runs(seen):
        first, end = frames[0], frames[-1] + 1
        sides = [
            (first, range(max(0, first - _FADE_FRAMES), first)),
            (end - 1, range(end, min(end + _FADE_FRAMES, len(seen)))[::-1]),
        ]
        around = [pixels for pixels in seen[max(0, first - _AROUND) : end + _AROUND] if not pixels.is_flat]
        faded = []
        is_short = True
        for target, side in sides:
            levels = [_distance(seen[index], seen[target]) for index in side]
            usual = median(_distance(pixels, seen[target]) for pixels in around) if around else 0.0
            if _is_fade(levels, usual):
                faded.append(side)
            is_dimmed = len(side) > 1 and levels[-1] < _DIMMED * levels[-2] and levels[-1] <= _FADED * usual
            is_short = is_short and is_dimmed
        if is_short:
            faded = [side for _, side in sides]
        if faded and (len(frames) > _FEW_FLAT or len(faded) == sum(bool(side) for _, side in sides)):
            flat.update(frames)
            fading.update(index for side in faded for index in side)
    return flat, fading


def _distance(pixels: FramePixels, target: FramePixels) -> float:
    """How far a frame is from one of a single colour: by its luminance if that is black, else by its mean and deviation."""
    if target.is_black:
        return 0.0 if pixels.is_black else abs(pixels.luminance or 0.0)
    away = [abs(mean - target.means[name]) for name, mean in pixels.means.items() if name in target.means]
    return fmean(away) + (pixels.deviation or 0.0) if away else 0.0


def _is_fade(levels: Sequence[float], usual: float) -> bool:
    """Whether three levels fall to one that is small and about as large as the step before it, so that black comes next."""
    if len(levels) < _FADE_FRAMES or not levels[0] > levels[1] > levels[2] > 0:
        return False
    return levels[2] < min(_FADED * levels[0], _FADED * usual, _STEPS_LEFT * (levels[1] - levels[2]))
