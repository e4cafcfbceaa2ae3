"""SEQ: sequence rules on the noise and the detail of frames of which all pixels were read. Pure.

A frame is compared with the frames around it. Small differences are reported only in one or two frames between steady ones.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from statistics import median, median_low

from exr_inspector.model import Severity
from exr_inspector.validation.facts.sequences import SequenceFacts
from exr_inspector.validation.frames import FramePixels, FrameSummary
from exr_inspector.validation.rule import NOTHING, Results, listed, sequence_rule
from exr_inspector.validation.rules.sequences.comparison import frame_area, of_frames
from exr_inspector.validation.rules.sequences.flashes import STEP_TO_SPREAD, part_length
from exr_inspector.validation.rules.sequences.images import edges_of, runs_of, shot_frames
from exr_inspector.validation.rules.sequences.small_images import measured_noise, mixed_frames
from exr_inspector.validation.rules.sequences.steps import (
    has_one_light,
    is_near,
    moves_on,
    steps_from_steady,
    with_ends,
)

_LEAST_SIZE = 1.1  # least ratio of the sizes of files
_FAR_SIZE = 1.5  # the same of files that are not steady, or at an end of the sequence
_LARGER_STARTS = 1.005  # the same of sizes and deviations, where each part of a job begins
_LEAST_NOISE = 0.05  # least standard deviation of the noise that is added, as a share of the luminance
_MORE_BLACK = 0.01  # share of the area: a file with a missing bucket is smaller, but not soft
_SMALLER = 0.95  # largest file of a soft frame, as a share of the median
_LESS_DETAIL = 0.995  # largest deviation of its pixels, as a share of that of the frames beside it
_ONE_DETAIL = 1.03  # largest ratio of the sizes of files of frames that were scaled up
_STEADY_SIZE = 1.02  # largest ratio of the sizes of the other files; that of smaller ones may be a third of the step
_ONE_SPREAD = 1.005  # largest ratio of the deviations of images of one detail
_ONE_LIGHT = 1.05  # largest ratio of the luminances of frames of one light


@sequence_rule(
    "SEQ-NOISE",
    Severity.INFO,
    "No frame has far more noise than the frames around it",
    why="The frame was rendered with fewer samples, or its denoiser failed. Noise of one pattern stands still.",
    source="agave#180 (frames with too few samples); OpenImageIO oiiotool --stats (StdDev)",
    fix="Compare the frame with those around it, and render it again with their samples if it has more noise.",
    limits="At most half of the frames, whose files are at once larger, by a tenth between steady ones or by half elsewhere, "
    "and whose pixels vary more at the same luminance; frames that alone are sharp, or rain that begins, are found, "
    "too. Or frames at equal distances from the first one on, three or more, whose files are larger than all others "
    "near them. The size of files tells nothing with NONE and B44. In `check` and `report`, which read all pixels, "
    "noise is measured: frames with 1.5 times that of the frames around, and a warning if it is twice, less than 100 "
    "times, and the image moves on. So is noise of one pattern in all frames of an image that moves.",
    of_views=True,
)
def noise(sequence: SequenceFacts, _: object) -> Results:
    """Compare file sizes, since noise compresses badly, and the standard deviation of the beauty at the same luminance."""
    seen = [(frame, pixels) for frame, pixels in shot_frames(sequence) if frame.size_bytes and not pixels.is_constant]
    usual = Counter(_coding(frame) for frame, _ in seen).most_common(1)
    seen = [each for each in seen if _coding(each[0]) == usual[0][0]]
    sizes = [(float(frame.size_bytes or 0), frame_area(frame)) for frame, _ in seen]
    steps = {index: step for index, step in steps_from_steady(sizes, _LEAST_SIZE, len(seen) // 2).items() if step > 1}
    larger = with_ends(steps, [size for size, _ in sizes])
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
    if measured := measured_noise(sequence):
        return measured
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
    return is_larger and has_noise and has_one_light(pixels, others) and pixels.lit_layers == others.lit_layers


@sequence_rule(
    "SEQ-SOFT",
    Severity.INFO,
    "No frame has far less detail than the frames around it",
    why="The frame was scaled up from a smaller image, denoised or filtered more than the others, or mixed from two.",
    source="Netflix Frame Error (frames that were blown up)",
    fix="Compare the frame with those around it, and render it again from the same sources if it is softer.",
    limits="Runs of frames between others, at most half of a sequence whose other files have one size within 2 %, or a third "
    "of the step, if their files are smaller by 5 % at the same luminance, and no other channel and no black area "
    "differs, or only AOVs of light, while the main image does not; a warning if the image moves on as in the other "
    "frames and the files of the run have one size, unlike with motion blur and focus pulls. The size of files tells "
    "nothing with NONE and B44. Frames with 0.85 times the noise of others near them, at the same places of a beat "
    "that comes three times or more, are a warning, if `check` or `report` reads all pixels.",
    of_views=True,
)
def soft(sequence: SequenceFacts, _: object) -> Results:
    """Compare file sizes, since detail compresses badly, and the luminance and deviation where the sizes change."""
    if blended := mixed_frames(sequence):
        return blended
    seen = [(frame, pixels) for frame, pixels in shot_frames(sequence) if frame.size_bytes and not pixels.is_constant]
    if len({(*_coding(frame), frame_area(frame)) for frame, _ in seen}) != 1:
        return NOTHING
    sizes = [float(frame.size_bytes or 0) for frame, _ in seen]
    usual = median(sizes)
    small = [index for index, size in enumerate(sizes) if size < _SMALLER * usual]
    others = [size for size in sizes if size >= _SMALLER * usual]
    if not small or small[0] == 0 or small[-1] == len(sizes) - 1 or 2 * len(small) > len(sizes):
        return NOTHING
    least_step = usual / max(sizes[index] for index in small)
    if max(others) > max(_STEADY_SIZE, least_step ** (1 / STEP_TO_SPREAD)) * min(others):
        return NOTHING
    edges = [
        (seen[inside][1], seen[outside][1]) for run in runs_of(small) for inside, outside in edges_of(run, len(seen))
    ]
    what = "smaller files at the same luminance than the frames around, all of one size: less detail, scaled up or filtered?"
    if not all(_is_softer(*edge) for edge in edges):
        layers = set.intersection(*(_softer_layers(*edge) for edge in edges))
        if not layers:
            return NOTHING
        what = f"{listed(sorted(layers))}: less detail than in the frames around, at the same light, unlike the main image: "
        what += "scaled up or filtered?"
    of_odd = [sizes[index] for index in small]
    is_alike = max(of_odd) <= _ONE_DETAIL * min(of_odd)  # unlike in a focus pull, the detail changes at once
    severity = Severity.WARNING if is_alike and moves_on([pixels for _, pixels in seen], small) else None
    odd = [seen[index][0].frame for index in small]
    return of_frames(odd, what, "the detail of the frames around", severity=severity)


def _softer_layers(pixels: FramePixels, others: FramePixels) -> set[str]:
    """The layers of light whose channels vary less at the same light, while the main image and its light stay as they are."""
    if not has_one_light(pixels, others) or not is_near(pixels.deviation or 0.0, others.deviation or 0.0, _ONE_SPREAD):
        return set()
    found = set()
    for layer in pixels.lights.keys() & others.lights.keys():
        names = [name for name in pixels.other_deviations if name.rpartition(".")[0] == layer]
        pairs = [(pixels.other_deviations[name], others.other_deviations.get(name, 0.0)) for name in names]
        is_one_light = is_near(pixels.lights[layer], others.lights[layer], _ONE_LIGHT)
        if pairs and is_one_light and all(0 < one < _LESS_DETAIL * other for one, other in pairs):
            found.add(layer)
    return found


def _is_softer(pixels: FramePixels, others: FramePixels) -> bool:
    """Whether nothing but the detail makes a file smaller than the one beside it."""
    most = _LESS_DETAIL if any(others.other_deviations.values()) else _ONE_LIGHT
    is_less = (pixels.deviation or 0.0) < most * (others.deviation or 0.0)
    deviations = [(each, others.other_deviations.get(name, each)) for name, each in pixels.other_deviations.items()]
    are_alike = all(one == other or is_near(one, other, _ONE_LIGHT) for one, other in deviations)
    return (
        is_less
        and are_alike
        and _black_share(pixels) <= _black_share(others) + _MORE_BLACK
        and has_one_light(pixels, others)
        and pixels.lit_layers == others.lit_layers
    )


def _black_share(pixels: FramePixels) -> float:
    grid = pixels.zeros
    return int.from_bytes(grid.bits, "big").bit_count() / (grid.columns * grid.rows) if grid else 0.0


def _coding(frame: FrameSummary) -> tuple[object, ...]:
    """What decides about the size of a file besides the image."""
    return frame.channels, frame.compression, frame.storage
