"""SEQ: sequence rules on the light, the colours, the noise and the detail of frames of which all pixels were read. Pure.

A frame is compared with the frames around it. Small differences are reported only in one or two frames between steady ones.
"""

from __future__ import annotations

import math
from bisect import bisect
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from statistics import median, median_low

from exr_inspector.model import Severity
from exr_inspector.validation.facts.sequences import SequenceFacts, once_per_sequence
from exr_inspector.validation.frames import FramePixels, FrameSummary
from exr_inspector.validation.rule import NOTHING, Found, Results, sequence_rule
from exr_inspector.validation.rules.sequences.comparison import SequenceParameters, frame_area, of_frames
from exr_inspector.validation.rules.sequences.exchanges import exchanged_channels
from exr_inspector.validation.rules.sequences.flashes import (
    ONE_SIZE,
    STEADY,
    STEP_TO_SPREAD,
    Flash,
    FrameLight,
    flashes,
    part_length,
)
from exr_inspector.validation.rules.sequences.flat import fades, flat_frames
from exr_inspector.validation.rules.sequences.images import (
    NEIGHBOURS,
    difference,
    edges_of,
    runs_of,
    shot_frames,
    show_one_image,
)
from exr_inspector.validation.rules.sequences.small_images import (
    display_tones,
    frames_of_other_shots,
    lost_shares,
)

_LEAST_HUE = 1.15  # least change of the ratio of R or B to G
_LEAST_SIZE = 1.1  # least ratio of the sizes of files
_FAR_SIZE = 1.5  # the same of files that are not steady, or at an end of the sequence
_LARGER_STARTS = 1.005  # the same of sizes and deviations, where each part of a job begins
_LEAST_NOISE = 0.05  # least standard deviation of the noise that is added, as a share of the luminance
_MORE_BLACK = 0.01  # share of the area: a file with a missing bucket is smaller, but not soft
_SMALLER = 0.95  # largest file of a soft frame, as a share of the median
_LESS_DETAIL = 0.995  # largest deviation of its pixels, as a share of that of the frames beside it
_ONE_DETAIL = 1.03  # largest ratio of the sizes of files of frames that were scaled up
_STEADY_SIZE = 1.02  # largest ratio of the sizes of the other files
_STILL = 0.01  # largest difference of small images of an image that hardly moves, as a share of their light
_ONE_MOTION = 1.5  # largest ratio of the difference of blurred neighbours to the usual one
_ONE_LIGHT = 1.05  # largest ratio of the luminances of frames of one light
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
    "Steps of less than flash_factor are reported only between steady frames with windows of nearly one size, or as flicker. "
    "With severity info: many flashes in one direction, a light that goes on and off many times, over two frames as "
    "lightning, or at equal distances as those of a beacon, unless single ones multiply the whole image, from the first frame "
    "on and four frames or more apart, as where each part of a job begins with one; and flicker of images that are not steady. "
    "Not reported: light that goes to a level and back over a frame on each side. What a lost bucket takes from a frame is "
    "reported as SEQ-BUCKET alone, and a frame that turns magenta as SEQ-HUE.",
    of_views=True,
)
def flash(sequence: SequenceFacts, parameters: SequenceParameters) -> Results:
    """Compare the mean luminance of frames, except flat ones, with that of the frames around them that are no flashes."""
    return _flashes(sequence, parameters)


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
        severity = Severity.INFO if all(each.is_meant for each in some.values()) else None
        found += of_frames([*some], f"{message}; {hint}" if hint else message, expected, ratio, severity)
    return found


def _steps(values: Sequence[tuple[float, int]], least: float, longest: int = 2) -> dict[int, float]:
    """The positions of values that differ from steady ones around them, each with its ratio to these.

    Args:
        values: Values, each with the area that it was taken from; areas that differ by more than a tenth are not compared.
        least: The smallest ratio.
        longest: How many such values may follow each other.
    """
    levels = [math.log(value) if value > 0 else -math.inf for value, _ in values]
    changes = [abs(after - before) for before, after in pairwise(levels)]
    small = math.log(least) / STEP_TO_SPREAD
    found: dict[int, float] = {}
    for first in range(1, len(levels)):
        if changes[first - 1] <= small:
            continue  # the value before is one of the run
        low = high = levels[first]
        for end in range(first + 1, min(first + longest, len(levels)) + 1):
            low, high = min(low, levels[end - 1]), max(high, levels[end - 1])
            if high - low > changes[first - 1] / 2:
                break  # no run of like values
            if end < len(levels) and changes[end - 1] <= small:
                continue  # the next value is one of the run
            before, after = levels[max(0, first - STEADY) : first], levels[end : end + STEADY]
            areas = [area for _, area in values[max(0, first - STEADY) : end + STEADY]]
            is_one_size = max(areas) <= ONE_SIZE * min(areas)
            usual = _steady_level(before[::-1], levels[first:end], after, least) if is_one_size else None
            if usual is not None:
                found.update((index, math.exp(levels[index] - usual)) for index in range(first, end))
    return found


def _with_ends(steps: Mapping[int, float], values: Sequence[float]) -> dict[int, float]:
    """Steps, with those at the ends of the sequence that go from the same level to the same one.

    There, too few frames are on one side to tell a step from a change, but not if others are like it.
    """
    found = dict(steps)
    for index in {0, 1, len(values) - 2, len(values) - 1}.difference(steps):
        beside = [values[near] for near in (index - 1, index + 1) if 0 <= near < len(values) and near not in steps]
        for other, ratio in steps.items():
            usual, most = values[other] / ratio, ratio ** (1 / STEP_TO_SPREAD)
            if _is_near(values[index], values[other], most) and all(_is_near(each, usual, most) for each in beside):
                found[index] = values[index] / usual
    return found


def _is_near(value: float, other: float, ratio: float) -> bool:
    return value > 0 and other > 0 and abs(math.log(value / other)) <= abs(math.log(ratio))


def _steady_level(before: Sequence[float], run: Sequence[float], after: Sequence[float], least: float) -> float | None:
    """The steady level around one or two others that are a step away from it, all as logarithms; None if there is none.

    Few of the levels around may be those of the run, as if every third frame came from another machine, but not the nearest.
    """
    around = [*before, *after]
    if min(len(before), len(after)) < NEIGHBOURS or not all(map(math.isfinite, [*around, *run])):
        return None
    usual = median(around)
    step = min(abs(level - usual) for level in run)
    others = [level for level in around if abs(level - run[0]) > step / STEP_TO_SPREAD]
    nearest = [*before[:1], *after[:1]]
    is_alone = 2 * (len(around) - len(others)) < len(others) and all(level in others for level in nearest)
    spread = max(others) - min(others) if others else math.inf
    is_one_step = max(run) - min(run) <= step / STEP_TO_SPREAD
    return usual if is_alone and is_one_step and step > max(math.log(least), STEP_TO_SPREAD * spread) else None


@sequence_rule(
    "SEQ-HUE",
    Severity.WARNING,
    "The ratio of R, G and B in a frame is similar to that in the frames around it",
    why="Renderers show textures that they do not find in magenta. Other colours come from another texture or light.",
    source="BlendFarm#107 (pink where textures are missing); OpenImageIO oiiotool --stats (mean)",
    fix="Compare the frame with those around it, look for textures that its machine does not have, and render it again.",
    limits="R, G and B have changed places if mean and deviation of each become those of another at once (often, as with "
    "coloured light: info). Frames between steady ones. Only frames with more R and B and less G are warnings: light that is "
    "added takes nothing away, but a flash of magenta light in a darker scene can look the same. Other colours are reported in "
    "one or two frames only, with severity info, and not if the luminance differs, too (SEQ-FLASH).",
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
    others = {index for each in ratios for index in _ratio_steps(each)} - magenta - exchanged.keys()
    numbers = [frame.frame for frame, _ in seen]
    return _Hues(
        [numbers[each] for each in sorted(magenta)],
        [numbers[each] for each in sorted(others)],
        {numbers[each]: order for each, order in exchanged.items()},
        is_often,
    )


def _ratio_steps(ratios: Sequence[tuple[float, int]], longest: int = 2) -> dict[int, float]:
    return _with_ends(_steps(ratios, _LEAST_HUE, longest), [ratio for ratio, _ in ratios])


def _usual(values: Sequence[float], index: int, usual: Sequence[int]) -> float:
    """The median of the nearest values before and after a position, of those at the positions `usual`, in order."""
    at = bisect(usual, index)
    around = [values[each] for each in usual[max(0, at - STEADY) : at + STEADY]]
    return median(around) if around else values[index]


@sequence_rule(
    "SEQ-NOISE",
    Severity.INFO,
    "No frame has far more noise than the frames around it",
    why="The frame was rendered with fewer samples, or its denoiser failed.",
    source="agave#180 (frames with too few samples); OpenImageIO oiiotool --stats (StdDev)",
    fix="Compare the frame with those around it, and render it again with their samples if it has more noise.",
    limits="At most half of the frames, whose files are at once larger, by a tenth between steady ones or by half elsewhere, "
    "and whose pixels vary more at the same luminance; frames that alone are sharp, or rain that begins, are found, too. Or "
    "frames at equal distances from the first one on, three or more, whose files are larger than all others near them. The "
    "size of files tells nothing with NONE and B44.",
    of_views=True,
)
def noise(sequence: SequenceFacts, _: object) -> Results:
    """Compare file sizes, since noise compresses badly, and the standard deviation of the beauty at the same luminance."""
    seen = [(frame, pixels) for frame, pixels in shot_frames(sequence) if frame.size_bytes and not pixels.is_constant]
    usual = Counter(_coding(frame) for frame, _ in seen).most_common(1)
    seen = [each for each in seen if _coding(each[0]) == usual[0][0]]
    sizes = [(float(frame.size_bytes or 0), frame_area(frame)) for frame, _ in seen]
    steps = {index: step for index, step in _steps(sizes, _LEAST_SIZE, len(seen) // 2).items() if step > 1}
    larger = _with_ends(steps, [size for size, _ in sizes])
    runs = [(run, _LEAST_SIZE) for run in runs_of(larger)]
    runs += [(run, _FAR_SIZE) for run in runs_of(_far_larger(sizes)) if larger.keys().isdisjoint(run)]
    odd = [
        seen[index][0].frame
        for run, least in runs
        if all(_is_noisier(seen[inside], seen[outside], least) for inside, outside in edges_of(run, len(seen)))
        for index in run
    ]
    what = "a larger file, whose pixels vary more at the same luminance, than the frames around: more noise?"
    usual_noise = "the noise of the frames around"
    if not odd and len({area for _, area in sizes}) == 1:
        odd, what = _at_starts(seen)
    return of_frames(odd, what, usual_noise)


_Seen = tuple[FrameSummary, FramePixels]


def _at_starts(seen: Sequence[_Seen]) -> tuple[list[int], str]:
    """Frames at equal distances from the first one on with larger files than all others near them, and what they are."""
    measures = [
        (frame.size_bytes or 0.0, (pixels.deviation or 0.0) / (pixels.luminance or 1.0)) for frame, pixels in seen
    ]
    distance = part_length(measures, _LARGER_STARTS)
    if not distance:
        return [], ""
    what = f"a larger file, whose pixels vary more, every {distance} frames from the first one on: more noise, or no "
    return [frame.frame for frame, _ in seen[::distance]], f"{what}motion blur, where each part of a job begins?"


def _far_larger(sizes: Sequence[tuple[float, int]]) -> list[int]:
    """The positions of sizes far above the median, which at most half are."""
    usual = median_low(size for size, _ in sizes) if sizes else 0.0
    return [index for index, (size, _) in enumerate(sizes) if size > _FAR_SIZE * usual]


def _is_noisier(odd: _Seen, usual: _Seen, least_size: float) -> bool:
    """Whether a frame shows the image of the one beside it with more noise: the variances of image and noise add up."""
    (frame, pixels), (other, others) = odd, usual
    is_larger = (frame.size_bytes or 0) > least_size * (other.size_bytes or 0)
    added = math.sqrt(max(0.0, (pixels.deviation or 0.0) ** 2 - (others.deviation or 0.0) ** 2))
    has_noise = added >= _LEAST_NOISE * (others.luminance or 0.0)
    return is_larger and has_noise and _has_one_light(pixels, others) and pixels.lit_layers == others.lit_layers


def _has_one_light(pixels: FramePixels, others: FramePixels) -> bool:
    """Whether two frames differ little in luminance and colours, and show one image as far as that is known."""
    values = [(pixels.luminance or 0.0, others.luminance or 0.0)]
    values += [(mean, others.means.get(name, 0.0)) for name, mean in pixels.means.items()]
    return all(_is_near(*each, _ONE_LIGHT) for each in values) and show_one_image(pixels, others) is not False


@sequence_rule(
    "SEQ-SOFT",
    Severity.INFO,
    "No frame has far less detail than the frames around it",
    why="The frame was scaled up from a smaller image, or denoised or filtered more than the others.",
    source="Netflix Frame Error (frames that were blown up)",
    fix="Compare the frame with those around it, and render it again from the same sources if it is softer.",
    limits="Runs of frames between others, at most half of a sequence whose other files have one size within 2 %, if their "
    "files are smaller by 5 % at the same luminance, and no other channel and no black area differs; a warning if the image "
    "moves on as in the other frames and the files of the run have one size, unlike with motion blur and focus pulls. The size "
    "of files tells nothing with NONE and B44.",
    of_views=True,
)
def soft(sequence: SequenceFacts, _: object) -> Results:
    """Compare file sizes, since detail compresses badly, and the luminance and deviation where the sizes change."""
    seen = [(frame, pixels) for frame, pixels in shot_frames(sequence) if frame.size_bytes and not pixels.is_constant]
    if len({(*_coding(frame), frame_area(frame)) for frame, _ in seen}) != 1:
        return NOTHING
    sizes = [float(frame.size_bytes or 0) for frame, _ in seen]
    most = _SMALLER * median(sizes)
    small = [index for index, size in enumerate(sizes) if size < most]
    others = [size for size in sizes if size >= most]
    if not small or small[0] == 0 or small[-1] == len(sizes) - 1 or 2 * len(small) > len(sizes):
        return NOTHING
    if max(others) > _STEADY_SIZE * min(others):
        return NOTHING
    edges = [edge for run in runs_of(small) for edge in edges_of(run, len(seen))]
    if not all(_is_softer(seen[inside][1], seen[outside][1]) for inside, outside in edges):
        return NOTHING
    what = "smaller files at the same luminance than the frames around, all of one size: less detail, scaled up or filtered?"
    of_odd = [sizes[index] for index in small]
    is_alike = max(of_odd) <= _ONE_DETAIL * min(of_odd)  # unlike in a focus pull, the detail changes at once
    severity = Severity.WARNING if is_alike and _moves_on([pixels for _, pixels in seen], small) else None
    odd = [seen[index][0].frame for index in small]
    return of_frames(odd, what, "the detail of the frames around", severity=severity)


def _moves_on(seen: Sequence[FramePixels], odd: Sequence[int]) -> bool:
    """Whether the image moves on through odd frames as elsewhere; motion that is blurred would be faster."""
    steps = {at: difference(one, other) for at, (one, other) in enumerate(pairwise(seen))}
    near = {at for index in odd for at in (index - 1, index)}
    usual = median([step for at, step in steps.items() if at not in near] or [0.0])
    are_known = all(seen[at].small.size for index in odd for at in (index - 1, index, index + 1))
    return are_known and max(steps[at] for at in near) <= max(_STILL, _ONE_MOTION * usual)


def _is_softer(pixels: FramePixels, others: FramePixels) -> bool:
    """Whether nothing but the detail makes a file smaller than the one beside it."""
    most = _LESS_DETAIL if any(others.other_deviations) else _ONE_LIGHT  # other channels may make the file smaller, too
    is_less = (pixels.deviation or 0.0) < most * (others.deviation or 0.0)
    deviations = zip(pixels.other_deviations, others.other_deviations, strict=False)
    are_alike = all(one == other or _is_near(one, other, _ONE_LIGHT) for one, other in deviations)
    return (
        is_less
        and are_alike
        and _black_share(pixels) <= _black_share(others) + _MORE_BLACK
        and _has_one_light(pixels, others)
        and pixels.lit_layers == others.lit_layers
    )


def _black_share(pixels: FramePixels) -> float:
    grid = pixels.zeros
    return int.from_bytes(grid.bits, "big").bit_count() / (grid.columns * grid.rows) if grid else 0.0


def _coding(frame: FrameSummary) -> tuple[object, ...]:
    """What decides about the size of a file besides the image."""
    return frame.channels, frame.compression, frame.storage
