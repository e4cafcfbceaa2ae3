"""Frames with more or less measured noise than those near them, and noise of one pattern in all frames."""

from __future__ import annotations

from statistics import median

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from exr_inspector.model import Severity
from exr_inspector.validation.facts.sequences import SequenceFacts
from exr_inspector.validation.frames import FramePixels, FrameSummary
from exr_inspector.validation.rule import Found
from exr_inspector.validation.rules.sequences.comparison import frame_area, of_frames
from exr_inspector.validation.rules.sequences.images import edges_of, runs_of, shot_frames
from exr_inspector.validation.rules.sequences.steps import has_one_light, moves_on, steps_from_steady, with_ends

_MORE_NOISE = 1.5  # least ratio of measured noise to that of the frames around
_FAR_MORE_NOISE = 2
_MOST_NOISE = 100  # times; frames without noise are followed by an effect, as of scan lines
_BLENDED = 0.85  # largest ratio of the noise of two frames that are mixed to that of each; half of each gives 0.71
_LEAST_BLENDED = 0.6
_LONGEST_BEAT = 30
_BEATS = 3
_ONE_PLACE = 0.07  # largest difference of the ratios of noise at one place of a beat
_FEWEST_PATTERNS = 4  # pairs of frames
_ONE_PATTERN = 0.25  # largest share of pixels in which two frames of one noise differ; half do by chance
_ONE_IMAGE = 0.9  # largest correlation of small images of frames between which the image has moved
_MOVED = 0.1  # least change of areas that have moved, in parts of the mean light
_MANY_MOVED = 64  # areas


def _with_noise(sequence: SequenceFacts) -> list[tuple[FrameSummary, FramePixels, float]]:
    """The frames whose noise is known, with it."""
    seen = shot_frames(sequence)
    return [(frame, pixels, pixels.lines.noise) for frame, pixels in seen if pixels.lines and pixels.lines.noise > 0]


def noisier_frames(sequence: SequenceFacts) -> list[Found]:
    """Frames, at most half, with far more noise than the steady ones around them, which show the same image."""
    seen = _with_noise(sequence)
    levels = [noise for _, _, noise in seen]
    areas = [frame_area(frame) for frame, _, _ in seen]
    steps = with_ends(steps_from_steady([*zip(levels, areas, strict=True)], _MORE_NOISE, len(seen) // 2), levels)
    odd = [
        index
        for run in runs_of(index for index, step in steps.items() if step > 1)
        if all(has_one_light(seen[inside][1], seen[outside][1]) for inside, outside in edges_of(run, len(seen)))
        for index in run
    ]
    if not odd:
        return []
    usual = median(steps[index] for index in odd)
    ratio = f"{usual:.2g}" if usual < _MOST_NOISE else f"{usual:.0f}"
    is_noise = min(steps[index] for index in odd) >= _FAR_MORE_NOISE and usual < _MOST_NOISE
    is_clear = is_noise and moves_on([each for _, each, _ in seen], odd)
    what = f"{ratio} times the noise of the frames around: fewer samples, or a denoiser that failed?"
    severity = Severity.WARNING if is_clear else None
    return of_frames([seen[at][0].frame for at in odd], what, "the noise of the frames around", ratio, severity)


def fixed_pattern(sequence: SequenceFacts) -> list[Found]:
    """All frames if each has the noise of the one that is half of the sequence away, pixel by pixel, though the image moves."""
    seen = [(frame, pixels) for frame, pixels in shot_frames(sequence) if pixels.lines and pixels.lines.bends]
    half = len(seen) // 2
    pairs = zip(seen[:half], seen[-half:], strict=True)
    if half < _FEWEST_PATTERNS or not all(_have_one_pattern(one, other) for (_, one), (_, other) in pairs):
        return []
    what = "the noise has one pattern in all of them, while the image moves: one seed of the renderer for all frames?"
    return of_frames([frame.frame for frame, _ in seen], what, "another pattern in each frame", "one pattern")


def _have_one_pattern(one: FramePixels, other: FramePixels) -> bool:
    """Whether the same pixels are darker than those beside them where two images differ."""
    bits, others = (np.frombuffer(each.lines.bends if each.lines else b"", np.uint8) for each in (one, other))
    mine, theirs = one.small, other.small
    if bits.size != others.size or not mine.size or mine.size != theirs.size or min(mine.mean(), theirs.mean()) <= 0:
        return False
    moved = np.abs(mine / mine.mean() - theirs / theirs.mean()) > _MOVED
    if moved.sum() < _MANY_MOVED or np.corrcoef(mine, theirs)[0, 1] > _ONE_IMAGE:
        return False
    return bool(np.unpackbits(bits ^ others).reshape(moved.size, -1)[moved].mean() <= _ONE_PATTERN)


def blended_frames(sequence: SequenceFacts) -> list[Found]:
    """Frames at the same places of each beat with less noise than the others near them, of which images they are mixed."""
    seen = _with_noise(sequence)
    if any(pixels.lines and pixels.lines.row_steps for _, pixels, _ in seen):
        return []  # rows of two images have more
    levels = np.array([noise for _, _, noise in seen])
    for beat in range(2, min(_LONGEST_BEAT, len(seen) // _BEATS) + 1):
        most = sliding_window_view(np.pad(levels, beat - 1), 2 * beat - 1).max(axis=1)
        places = [(levels / most)[at::beat] for at in range(beat)]
        if max(map(np.ptp, places)) > _ONE_PLACE:
            continue
        low = [at for at, ratios in enumerate(places) if ratios.min() > _LEAST_BLENDED and ratios.max() < _BLENDED]
        odd = [at for at in range(len(seen)) if at % beat in low]
        if low and all(has_one_light(seen[at][1], seen[at - 1 if at else 1][1]) for at in odd):
            what = f"less noise than near them, at the same places of every {beat} frames: mixed from these, as by a "
            what += "conversion to another frame rate, or filtered?"
            return of_frames([seen[at][0].frame for at in odd], what, "one image", "two images", Severity.WARNING)
    return []
