"""SEQ: sequence rules on the light, the colours, the noise and the detail of frames of which all pixels were read. Pure.

A frame is compared with the frames around it. Small differences are reported only in one or two frames between steady ones.
"""

from __future__ import annotations

import math
from bisect import bisect
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from exr_inspector.model import Severity
from exr_inspector.validation.facts.sequences import SequenceFacts
from exr_inspector.validation.frames import FrameSummary
from exr_inspector.validation.rule import NOTHING, Found, Results, sequence_rule
from exr_inspector.validation.rules.sequences.black import fades
from exr_inspector.validation.rules.sequences.headers import SequenceParameters, area, of_frames
from exr_inspector.validation.rules.sequences.pixels import NEIGHBOURS, lost_shares, seen_frames

_STEADY = 4  # frames on each side, at least two, that tell whether the values are steady
_LEAST_STEP = 1.25  # of luminances
_LEAST_HUE = 1.15  # of the ratio of R or B to G
_LEAST_SIZE = 1.1  # of files
_LEAST_NOISE = 0.05  # standard deviation, in parts of the luminance, of what a noisy frame has in addition
_SMALLER = 0.95  # the size of a soft frame's file, in parts of the median
_STEADY_SIZE = 1.02  # the most by which the files of other frames differ in size
_ONE_LIGHT = 1.05  # the most by which frames of one light differ
_STEADY_LEVEL = "1, as in the steady frames around it"
_FLICKER_RUNS = 3  # from so many steps on, the light may flicker
_MOST_STEPS = 5  # if also more than one in so many frames is a step
_STEP_TO_SPREAD = 3
_BEACON_RUNS = 3  # steps at equal distances
_ALIKE = 0.1  # the most by which the luminances of a beacon's steps may differ, as a logarithm
_ONE_SIZE = 1.1
_HOLE_LIGHT = 2  # a lost bucket may hold so many times the light of others of its size


@sequence_rule(
    "SEQ-FLASH",
    Severity.WARNING,
    "The mean luminance of a frame is similar to that of the frames around it",
    why="A light or texture is missing in the frame, or its exposure differs.",
    source="OpenImageIO oiiotool --stats (mean)",
    fix="Compare the frame with those around it, and render it again unless the flash is intended.",
    limits="Of data windows of different sizes, the mean and the sum of the light must both differ. Steps of less than "
    "flash_factor are reported only in one or two frames between steady ones with windows of nearly one size; what a lost "
    "bucket takes from a frame is reported as SEQ-BUCKET alone, and a frame that turns magenta as SEQ-HUE.",
)
def flash(sequence: SequenceFacts, parameters: SequenceParameters) -> Results:
    """Compare the mean luminance of frames, except flat ones, with the median of two frames on each side.

    One or two frames also differ by less if the luminance around them is steady: by a quarter, and by three times what four
    frames on each side differ among themselves; info if these are many, or at equal distances as those of a beacon. Fades,
    cuts and flicker of a plate are not steady.
    """
    return _flashes(sequence, parameters)


def _flashes(sequence: SequenceFacts, parameters: SequenceParameters) -> list[Found]:
    """See `flash`."""
    factor = parameters.flash_factor
    every = seen_frames(sequence)
    seen = [
        (frame, pixels.luminance) for frame, pixels in every if pixels.luminance is not None and not pixels.is_constant
    ]
    _, fading = fades([pixels for _, pixels in every])
    explained = {every[index][0].frame for index in fading}.union(_other_hues(sequence).magenta)
    steps = _steps([(value, _area(frame)) for frame, value in seen], _LEAST_STEP)
    runs = sum(index - 1 not in steps for index in steps)
    is_flicker = runs >= _FLICKER_RUNS and _MOST_STEPS * len(steps) > len(seen)
    is_meant = is_flicker or _is_beacon(steps, [value for _, value in seen])
    found = []
    for index, (frame, value) in enumerate(seen):
        around = seen[max(0, index - NEIGHBOURS) : index] + seen[index + 1 : index + 1 + NEIGHBOURS]
        usual = median(luminance for _, luminance in around) if len(around) > 1 else 0
        light = median(luminance * _area(other) for other, luminance in around) if len(around) > 1 else 0
        step, expected = value / usual if usual > 0 else 0, f"{1 / factor:.3g} to {factor:g}"
        in_sum = value * _area(frame) / light if light > 0 else 0
        if not (0 < max(step, in_sum) < 1 / factor or min(step, in_sum) > factor):
            step, expected = steps.get(index, 0), _STEADY_LEVEL
        if step > 0 and frame.frame not in explained:
            ratio = f"{step:.3g}"
            message = f"Frame {frame.frame}: the mean luminance is {ratio} times that of the frames around it"
            severity = Severity.INFO if is_meant and expected == _STEADY_LEVEL else None
            found.append(Found(message, ratio, expected, severity=severity, frames=(frame.frame,)))
    lost = lost_shares(sequence, {number for each in found for number in each.frames})
    return [each for each in found if not 0 < 1 - float(each.found) <= _HOLE_LIGHT * lost.get(each.frames[0], 0)]


def _area(frame: FrameSummary) -> int:
    """Pixels of the data window; 1 if unknown."""
    return area(frame.data_window or (1, 1))


def _steps(values: Sequence[tuple[float, int]], least: float, longest: int = 2) -> dict[int, float]:
    """The positions of values that differ from steady ones around them, each with its ratio to these.

    Args:
        values: Values, each with the area that it was taken from; areas that differ by more than a tenth are not compared.
        least: The smallest ratio.
        longest: How many such values may follow each other.
    """
    levels = [math.log(value) if value > 0 else -math.inf for value, _ in values]
    changes = [abs(after - before) for before, after in pairwise(levels)]
    small = math.log(least) / _STEP_TO_SPREAD
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
            before, after = levels[max(0, first - _STEADY) : first], levels[end : end + _STEADY]
            areas = [area for _, area in values[max(0, first - _STEADY) : end + _STEADY]]
            is_one_size = max(areas) <= _ONE_SIZE * min(areas)
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
            usual, most = values[other] / ratio, ratio ** (1 / _STEP_TO_SPREAD)
            if _is_near(values[index], values[other], most) and all(_is_near(each, usual, most) for each in beside):
                found[index] = values[index] / usual
    return found


def _is_near(value: float, other: float, ratio: float) -> bool:
    return value > 0 and other > 0 and abs(math.log(value / other)) <= abs(math.log(ratio))


def _is_beacon(steps: Mapping[int, float], values: Sequence[float]) -> bool:
    """Whether three steps are at equal distances and go to one level.

    One step more on each side counts, too: at the ends of the sequence, too few frames are around it to find it.
    """
    starts = sorted(index for index in steps if index - 1 not in steps)
    distances = {after - before for before, after in pairwise(starts)}
    if len(distances) != 1:
        return False
    (distance,) = distances
    levels = [math.log(values[index]) for index in starts]
    for end in (starts[0] - distance, starts[-1] + distance):
        if 0 <= end < len(values) and values[end] > 0 and abs(math.log(values[end]) - levels[0]) <= _ALIKE:
            levels.append(math.log(values[end]))
    return len(levels) >= _BEACON_RUNS and max(levels) - min(levels) <= _ALIKE


def _steady_level(before: Sequence[float], run: Sequence[float], after: Sequence[float], least: float) -> float | None:
    """The steady level around one or two others that are a step away from it, all as logarithms; None if there is none.

    Few of the levels around may be those of the run, as if every third frame came from another machine, but not the nearest.
    """
    around = [*before, *after]
    if min(len(before), len(after)) < NEIGHBOURS or not all(map(math.isfinite, [*around, *run])):
        return None
    usual = median(around)
    step = min(abs(level - usual) for level in run)
    others = [level for level in around if abs(level - run[0]) > step / _STEP_TO_SPREAD]
    nearest = [*before[:1], *after[:1]]
    is_alone = 2 * (len(around) - len(others)) < len(others) and all(level in others for level in nearest)
    spread = max(others) - min(others) if others else math.inf
    is_one_step = max(run) - min(run) <= step / _STEP_TO_SPREAD
    return usual if is_alone and is_one_step and step > max(math.log(least), _STEP_TO_SPREAD * spread) else None


@sequence_rule(
    "SEQ-HUE",
    Severity.WARNING,
    "The ratio of R, G and B in a frame is similar to that in the frames around it",
    why="Renderers show textures that they do not find in magenta. Other colours come from another texture or light.",
    source="BlendFarm#107 (pink where textures are missing); OpenImageIO oiiotool --stats (mean)",
    fix="Compare the frame with those around it, look for textures that its machine does not have, and render it again.",
    limits="Frames between steady ones. Only frames with more R and B and less G are warnings: light that is added takes "
    "nothing away, but a flash of magenta light in a darker scene can look the same. Other colours are reported in one or two "
    "frames only, with severity info, and not if the luminance differs, too (SEQ-FLASH).",
)
def hue(sequence: SequenceFacts, parameters: SequenceParameters) -> Results:
    """Compare the ratios of the means of R and B to that of G with those of four frames on each side."""
    hues = _other_hues(sequence)
    if not (hues.magenta or hues.others):
        return NOTHING
    in_light = {number for found in _flashes(sequence, parameters) for number in found.frames}
    expected = "the ratio of R, G and B in the frames around"
    magenta = "more R and B and less G than in the frames around: magenta, as textures that were not found?"
    other = "another ratio of R, G and B than in the frames around: another light or texture?"
    in_light |= lost_shares(sequence, hues.others).keys()
    others = [number for number in hues.others if number not in in_light]
    return [
        *of_frames(hues.magenta, magenta, expected),
        *of_frames(others, other, expected, severity=Severity.INFO),
    ]


@dataclass(frozen=True, slots=True)
class _Hues:
    """Numbers of frames with other colours than the frames around them: towards magenta, with less G, and others."""

    magenta: Sequence[int]
    others: Sequence[int]


def _other_hues(sequence: SequenceFacts) -> _Hues:
    """The frames whose ratio of R or B to G differs from that of the steady frames around them."""
    seen = [
        (frame, pixels.means)
        for frame, pixels in seen_frames(sequence)
        if not pixels.is_constant and all(pixels.means.get(name, 0) > 0 for name in "RGB")
    ]
    ratios = [[(means[name] / means["G"], _area(frame)) for frame, means in seen] for name in "RB"]
    red, blue = (_ratio_steps(each, longest=len(seen) // 2) for each in ratios)
    odd = red.keys() | blue.keys()
    usual_ones = [index for index in range(len(seen)) if index not in odd]
    means = {name: [each[name] for _, each in seen] for name in "RGB"}

    def is_magenta(index: int) -> bool:
        usual = {name: _usual(values, index, usual_ones) for name, values in means.items()}
        has_more = all(usual[name] * _ONE_LIGHT < means[name][index] for name in "RB")
        return index in red and index in blue and has_more and means["G"][index] * _ONE_LIGHT < usual["G"]

    magenta = {index for index in odd if is_magenta(index)}
    others = {index for each in ratios for index in _ratio_steps(each)} - magenta
    numbers = [frame.frame for frame, _ in seen]
    return _Hues([numbers[each] for each in sorted(magenta)], [numbers[each] for each in sorted(others)])


def _ratio_steps(ratios: Sequence[tuple[float, int]], longest: int = 2) -> dict[int, float]:
    return _with_ends(_steps(ratios, _LEAST_HUE, longest), [ratio for ratio, _ in ratios])


def _usual(values: Sequence[float], index: int, usual: Sequence[int]) -> float:
    """The median of the nearest values before and after a position, of those at the positions `usual`, in order."""
    at = bisect(usual, index)
    around = [values[each] for each in usual[max(0, at - _STEADY) : at + _STEADY]]
    return median(around) if around else values[index]


@sequence_rule(
    "SEQ-NOISE",
    Severity.INFO,
    "No frame has far more noise than the frames around it",
    why="The frame was rendered with fewer samples, or its denoiser failed.",
    source="agave#180 (frames with too few samples); OpenImageIO oiiotool --stats (StdDev)",
    fix="Compare the frame with those around it, and render it again with their samples if it has more noise.",
    limits="One or two frames, between steady ones, whose files are larger by a tenth and whose pixels vary more at the same "
    "luminance; a frame that alone is sharp is found, too. The size of files tells nothing with NONE and B44.",
)
def noise(sequence: SequenceFacts, _parameters: SequenceParameters) -> Results:
    """Compare file sizes, since noise compresses badly, and the standard deviation of the beauty at the same luminance."""
    seen = [(frame, pixels) for frame, pixels in seen_frames(sequence) if frame.size_bytes and not pixels.is_constant]
    usual = Counter(_coding(frame) for frame, _ in seen).most_common(1)
    seen = [(frame, pixels) for frame, pixels in seen if _coding(frame) == usual[0][0]]
    sizes = [(float(frame.size_bytes or 0), _area(frame)) for frame, _ in seen]
    larger = {index: step for index, step in _steps(sizes, _LEAST_SIZE).items() if step > 1}
    larger = _with_ends(larger, [size for size, _ in sizes])
    luminances = [pixels.luminance or 0.0 for _, pixels in seen]
    deviations = [pixels.deviation or 0.0 for _, pixels in seen]

    steady = [index for index in range(len(seen)) if index not in larger]

    def is_noisier(index: int) -> bool:
        light, usual = _usual(luminances, index, steady), _usual(deviations, index, steady)
        added = math.sqrt(max(0.0, deviations[index] ** 2 - usual**2))  # the variances of image and noise add up
        return _is_near(luminances[index], light, _ONE_LIGHT) and added >= _LEAST_NOISE * light

    odd = [seen[index][0].frame for index in sorted(larger) if is_noisier(index)]
    what = "a larger file, whose pixels vary more at the same luminance, than the frames around: more noise?"
    return of_frames(odd, what, "the noise of the frames around")


@sequence_rule(
    "SEQ-SOFT",
    Severity.INFO,
    "No frame has far less detail than the frames around it",
    why="The frame was scaled up from a smaller image, or denoised or filtered more than the others.",
    source="Netflix Frame Error (frames that were blown up)",
    fix="Compare the frame with those around it, and render it again from the same sources if it is softer.",
    limits="Runs of frames between others, at most half of a sequence whose other files have one size within 2 %, if their "
    "files are smaller by 5 % at the same luminance. The size of files tells nothing with NONE and B44.",
)
def soft(sequence: SequenceFacts, _parameters: SequenceParameters) -> Results:
    """Compare file sizes, since detail compresses badly, and the luminance and deviation where the sizes change."""
    seen = [(frame, pixels) for frame, pixels in seen_frames(sequence) if frame.size_bytes and not pixels.is_constant]
    if len({(*_coding(frame), _area(frame)) for frame, _ in seen}) != 1:
        return NOTHING
    sizes = [float(frame.size_bytes or 0) for frame, _ in seen]
    most = _SMALLER * median(sizes)
    is_small = [size < most for size in sizes]
    others = [size for size, small in zip(sizes, is_small, strict=True) if not small]
    if not any(is_small) or is_small[0] or is_small[-1] or 2 * sum(is_small) > len(sizes):
        return NOTHING
    if max(others) > _STEADY_SIZE * min(others):
        return NOTHING
    for (_, one), (_, other), are_small in zip(seen, seen[1:], pairwise(is_small), strict=False):
        sharp, less = (other, one) if are_small[0] else (one, other)
        is_same = _is_near(less.luminance or 0.0, sharp.luminance or 0.0, _ONE_LIGHT)
        if len({*are_small}) == 2 and not (is_same and (less.deviation or 0.0) < _ONE_LIGHT * (sharp.deviation or 0.0)):
            return NOTHING
    odd = [frame.frame for (frame, _), small in zip(seen, is_small, strict=True) if small]
    what = "smaller files at the same luminance than the frames around, all of one size: less detail, scaled up or filtered?"
    return of_frames(odd, what, "the detail of the frames around")


def _coding(frame: FrameSummary) -> tuple[object, ...]:
    """What decides about the size of a file besides the image."""
    return frame.channels, frame.compression, frame.storage
