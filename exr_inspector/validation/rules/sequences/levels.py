"""SEQ: sequence rules on the light and the colours of frames of which all pixels were read. Pure.

A frame is compared with the frames around it. Small differences are reported only in one or two frames between steady ones.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import median

from exr_inspector.model import Severity
from exr_inspector.validation.facts.sequences import SequenceFacts, once_per_sequence
from exr_inspector.validation.frames import FramePixels, FrameSummary
from exr_inspector.validation.rule import NOTHING, Found, Results, sequence_rule
from exr_inspector.validation.rules.sequences.comparison import SequenceParameters, frame_area, of_frames
from exr_inspector.validation.rules.sequences.exchanges import exchanged_channels
from exr_inspector.validation.rules.sequences.flashes import STEADY, Flash, FrameLight, flashes
from exr_inspector.validation.rules.sequences.flat import fades, flat_frames
from exr_inspector.validation.rules.sequences.images import runs_of, shot_frames
from exr_inspector.validation.rules.sequences.small_images import (
    display_tones,
    flicker,
    frames_of_other_shots,
    lost_shares,
)
from exr_inspector.validation.rules.sequences.steps import is_near, steps_from_steady, with_ends

_LEAST_HUE = 1.15  # least change of the ratio of R or B to G
_LEAST_MAGENTA = 0.002  # share of the pixels
_CLEAR_MAGENTA = 10  # least ratio to that in the other frames
_ONE_LIGHT = 1.05  # largest ratio of the luminances of frames of one light
_FEWEST_STUCK = 3
_LIKE_FIRST = 1.2  # largest ratio of the luminances of such frames to that of the first one, while the camera moves
_ANIMATED = 1.5  # least ratio of the light between frames whose light is not animated
_STEADY_LEVEL = "1, as in the steady frames around"
_TONES = (
    "with more contrast: was a display's image taken for linear light?",
    "with less contrast: converted for a display, or is there a veil?",
)
_HOLE_LIGHT = 2  # a lost bucket may hold up to twice the light of others of its size


@sequence_rule(
    "SEQ-FLASH",
    Severity.WARNING,
    "The mean luminance of a frame is similar to that of the frames around it",
    why="A light or texture is missing in the frame, or its exposure differs.",
    source="OpenImageIO oiiotool --stats (mean); LuxCore#609 (frames that flicker)",
    fix="Compare the frame with those around it, and render it again unless the flash is intended.",
    limits="One or two frames in a row. Of data windows of different sizes, mean and sum of the light must both differ. "
    "Steps of less than flash_factor are reported only between steady frames with windows of nearly one size, or as "
    "flicker. With severity info: many flashes in one direction, a light that goes on and off many times, over two "
    "frames as lightning, or at equal distances as those of a beacon, unless single ones multiply the whole image, "
    "from the first frame on and four frames or more apart, as where each part of a job begins with one; and flicker "
    "of images that are not steady. Where nothing else is found, light that goes up and down at random, by 0.5 % or "
    "more in most areas at once, is info, and a warning if an AOV of indirect light does while all other light is "
    "steady. Of three frames or more with the luminance of the first one, while that of the others changes by half, "
    "the message says so. Not reported: light that goes to a level and back over a frame on each side. What a lost "
    "bucket takes from a frame is reported as SEQ-BUCKET alone, and a frame that turns magenta as SEQ-HUE.",
    of_views=True,
)
def flash(sequence: SequenceFacts, parameters: SequenceParameters) -> Results:
    """Compare the mean luminance of frames, except flat ones, with that of the frames around them that are no flashes."""
    return _flashes(sequence, parameters) or flicker(sequence)


def _flashes(sequence: SequenceFacts, parameters: SequenceParameters) -> list[Found]:
    """One finding for all frames that are brighter, and one for those that are darker; more if their causes differ."""
    factor = parameters.flash_factor
    every = shot_frames(sequence)
    flat = flat_frames(sequence)

    def has_light(each: tuple[FrameSummary, FramePixels]) -> bool:
        return (each[1].luminance or 0.0) > 0 and not each[1].is_constant and each[0].frame not in flat

    lit = groupby(every, key=has_light)
    seen = [
        (frame, FrameLight(pixels.luminance or 0.0, frame_area(frame), run, pixels.small))
        for run, (is_lit, frames) in enumerate(lit)
        if is_lit
        for frame, pixels in frames
    ]
    _, fading = fades([pixels for _, pixels in every])
    hues = _other_hues(sequence)
    explained = {every[index][0].frame for index in fading}.union(hues.magenta, hues.exchanged)
    levels = {
        seen[index][0].frame: each for index, each in sorted(flashes([light for _, light in seen], factor).items())
    }
    lost, tones = lost_shares(sequence, levels.keys()), display_tones(sequence, levels.keys())
    groups: dict[tuple[str, bool], dict[int, Flash]] = {}
    for number, each in levels.items():
        if number not in explained and not 0 < 1 - each.step <= _HOLE_LIGHT * lost.get(number, 0):
            hint = _TONES[tones[number]] if number in tones and not each.is_meant else each.hint
            groups.setdefault((hint, each.step > 1), {})[number] = each
    found = []
    for (hint, _), some in groups.items():
        steps = [f"{step:.3g}" for step in sorted(each.step for each in some.values())]
        ratio = " to ".join(dict.fromkeys((steps[0], steps[-1])))
        are_large = all(each.is_large for each in some.values())
        message = f"the mean luminance is {ratio} times that of the frames around"
        expected = f"{1 / factor:.3g} to {factor:g}" if are_large else _STEADY_LEVEL
        is_stuck = _have_first_light(some, every)
        cause = (
            f"they have the light of frame {every[0][0].frame}: was it not animated on a machine?" if is_stuck else hint
        )
        severity = Severity.INFO if all(each.is_meant for each in some.values()) else None
        found += of_frames([*some], f"{message}; {cause}" if cause else message, expected, ratio, severity)
    return found


def _have_first_light(some: Mapping[int, Flash], every: Sequence[tuple[FrameSummary, FramePixels]]) -> bool:
    """Whether three frames and more have the luminance of the first one while that of the others goes far away from it."""
    levels = {frame.frame: pixels.luminance or 0.0 for frame, pixels in every}
    first, steps = next(iter(levels.values())), sorted(each.step for each in some.values())
    are_alike = all(is_near(levels[number], first, _LIKE_FIRST) for number in some)
    return len(some) >= _FEWEST_STUCK and are_alike and steps[-1] >= _ANIMATED * steps[0]


@sequence_rule(
    "SEQ-HUE",
    Severity.WARNING,
    "The ratio of R, G and B in a frame is similar to that in the frames around it",
    why="Renderers show textures that they do not find in magenta. Other colours come from another texture or light.",
    source="BlendFarm#107 (pink where textures are missing); OpenImageIO oiiotool --stats (mean)",
    fix="Compare the frame with those around it, look for textures that its machine does not have, and render it again.",
    limits="Magenta in a part of the image is found if G is zero in at least 0.2 % of the pixels, and not in the frames at "
    "the ends or in a single run of frames, which may be a beam or an effect. R, G and B have changed places if mean "
    "and deviation of each become those of another at once (often, as with coloured light: info). Frames between "
    "steady ones. Only frames with more R and B and less G are warnings: light that is added takes nothing away, but "
    "a flash of magenta light in a darker scene can look the same. Other colours are reported in one or two frames "
    "only, with severity info, and not if the luminance differs, too (SEQ-FLASH).",
    of_views=True,
)
def hue(sequence: SequenceFacts, parameters: SequenceParameters) -> Results:
    """Compare the ratios of the means of R and B to that of G with those of four frames on each side."""
    hues = _other_hues(sequence)
    if not (hues.magenta or hues.others or hues.exchanged):
        return NOTHING
    in_light = {number for found in _flashes(sequence, parameters) for number in found.frames}
    expected = "the ratio of R, G and B in the frames around"
    magenta = "more R and B and less G than in the frames around: magenta, as textures that were not found?"
    other = "another ratio of R, G and B than in the frames around: another light or texture?"
    in_light |= lost_shares(sequence, hues.others).keys() | frames_of_other_shots(sequence)
    others = [number for number in hues.others if number not in in_light]
    found = []
    for order in sorted({*hues.exchanged.values()}):
        what = f"R, G, B hold what {', '.join(order)} hold in the other frames: channels were exchanged"
        odd = [number for number, each in hues.exchanged.items() if each == order]
        found += of_frames(odd, what, "R, G, B", ", ".join(order), Severity.INFO if hues.is_often else None)
    return [
        *found,
        *of_frames(hues.magenta, magenta, expected),
        *of_frames(others, other, expected, severity=Severity.INFO),
    ]


@dataclass(frozen=True, slots=True)
class _Hues:
    """Numbers of frames with other colours than the frames around them.

    Attributes:
        magenta: Those towards magenta, with less G.
        others: Those of other colours.
        exchanged: Those whose channels are exchanged, with their order.
        is_often: Whether they are exchanged many times.
    """

    magenta: Sequence[int]
    others: Sequence[int]
    exchanged: Mapping[int, str]
    is_often: bool


@once_per_sequence
def _other_hues(sequence: SequenceFacts) -> _Hues:
    """The frames whose ratio of R or B to G differs from that of the steady frames around them."""
    images = [
        (frame, pixels)
        for frame, pixels in shot_frames(sequence)
        if not pixels.is_constant and all(pixels.means.get(name, 0) > 0 for name in "RGB")
    ]
    exchanged, is_often = exchanged_channels([pixels for _, pixels in images])
    seen = [(frame, pixels.means) for frame, pixels in images]
    ratios = [[(means[name] / means["G"], frame_area(frame)) for frame, means in seen] for name in "RB"]
    red, blue = (_ratio_steps(each, longest=len(seen) // 2) for each in ratios)
    odd = red.keys() | blue.keys()
    usual_ones = [index for index in range(len(seen)) if index not in odd]
    means = {name: [each[name] for _, each in seen] for name in "RGB"}

    def is_magenta(index: int) -> bool:
        usual = {name: _usual(values, index, usual_ones) for name, values in means.items()}
        has_more = all(usual[name] * _ONE_LIGHT < means[name][index] for name in "RB")
        return index in red and index in blue and has_more and means["G"][index] * _ONE_LIGHT < usual["G"]

    magenta = {index for index in odd - exchanged.keys() if is_magenta(index)}
    magenta.update(_turn_magenta([pixels.without_green for _, pixels in images]))
    others = {index for each in ratios for index in _ratio_steps(each)} - magenta - exchanged.keys()
    numbers = [frame.frame for frame, _ in seen]
    return _Hues(
        [numbers[each] for each in sorted(magenta)],
        [numbers[each] for each in sorted(others)],
        {numbers[each]: order for each, order in exchanged.items()},
        is_often,
    )


def _turn_magenta(shares: Sequence[float]) -> list[int]:
    """The positions, at most half, of frames amid others in which more pixels by far have red and blue, but no green."""
    odd = [index for index, share in enumerate(shares) if share >= _LEAST_MAGENTA]
    usual = max((share for share in shares if share < _LEAST_MAGENTA), default=1.0)
    is_clear = all(shares[index] >= _CLEAR_MAGENTA * usual for index in odd)
    is_effect = len(odd) > 1 and len(runs_of(odd)) == 1  # such as a beam of light
    is_amid = {0, len(shares) - 1}.isdisjoint(odd)
    return odd if is_clear and is_amid and not is_effect and 2 * len(odd) <= len(shares) else []


def _ratio_steps(ratios: Sequence[tuple[float, int]], longest: int = 2) -> dict[int, float]:
    return with_ends(steps_from_steady(ratios, _LEAST_HUE, longest), [ratio for ratio, _ in ratios])


def _usual(values: Sequence[float], index: int, usual: Sequence[int]) -> float:
    """The median of the nearest values before and after a position, of those at the positions `usual`, in order."""
    at = bisect(usual, index)
    around = [values[each] for each in usual[max(0, at - STEADY) : at + STEADY]]
    return median(around) if around else values[index]
