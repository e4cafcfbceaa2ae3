"""SEQ: sequence rules on small images of frames that differ from the frames before and behind them, which agree. Pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from exr_inspector.model import Severity
from exr_inspector.validation.facts.sequences import SequenceFacts
from exr_inspector.validation.rule import NOTHING, Results, sequence_rule
from exr_inspector.validation.rules.sequences.comparison import SequenceParameters, of_frames
from exr_inspector.validation.rules.sequences.images import shot_frames, slates

_FEWEST = 8  # frames that tell whether others differ, too
_LEAST_AREAS = 2
_MOST_PART = 2  # one part in so many of the image; in more of it, the light differs as a whole
_LEAST_CHANGE = 0.2  # of the light of an area
_DARKEST = 0.2  # the least light of an area that is compared with, in parts of the mean
_AGREE = 4  # how many times what the frames before and behind differ by the change is
_STILL = 0.05  # the most that areas change in the same way in all other frames
_FEW = 5  # one frame in so many
_OTHER_IMAGE = 0.1  # the least by which another image differs more than the frames around do, in parts of the light
_ALONE = 4  # how many times what other frames do
_CUT = 4  # how many times the usual difference of neighbours is that of frames of two tones
_LEAST_CUT = 0.1  # in parts of the light
_LEAST_RUN = 3  # of one or two frames, SEQ-FLASH reports the light
_SAME_ORDER = 0.97  # the least likeness of images of two tones
_OTHER_ORDER = 0.7  # the most likeness of images of two shots
_LEAST_TONE = 1.15
_CLEAR_TONE = 1.4  # smaller steps are info: a light may be keyed
_ONE_TONE = 0.25  # how far the steps at both ends may differ, in parts of their size
_Images = npt.NDArray[np.float64]


@sequence_rule(
    "SEQ-AREA",
    Severity.INFO,
    "No frame differs, in a part of the image or as a whole, from the frames beside it while these agree there",
    why="An object, a light or a texture is missing in the frame, something was added, such as a watermark, or the frame is "
    "one of another shot.",
    source="openfx#202 (a watermark on some frames)",
    fix="Compare the frame with those beside it, and render it again unless a flash or a short event is meant.",
    yields_to=("SEQ-BUCKET", "SEQ-FLASH", "SEQ-HUE", "SEQ-MIRROR"),
    limits="Single frames, at most one in five, that change by a fifth of the light in two or more of 16 x 16 areas and in at "
    "most half of them, in sequences of eight frames or more whose other frames change steadily: with fast motion or flicker, "
    "nothing is reported. A whole image of another shape is a warning, and info at the ends, where it may be a slate: no rule "
    "compares that with the shot. Frames of which `check` or `report` reads all pixels.",
)
def odd_areas(sequence: SequenceFacts, _parameters: SequenceParameters) -> Results:
    """Compare small images of three frames each, and report the few frames that are odd if no other frame is nearly so."""
    what = "another image than in the shot: a slate, or an effect that begins or ends?"
    found = of_frames(sorted(slates(sequence)), what, "the image of the frames beside", "another image")
    numbers, images = _small_images(sequence)
    if len(numbers) < _FEWEST:
        return found
    if whole := _other_images(images):
        what = "another image than in the frames before and behind, which agree: a frame of another shot?"
        odd = [numbers[index] for index in whole]
        return found + of_frames(odd, what, "the image of the frames around", "another image", Severity.WARNING)
    before, here, after = images[:-2], images[1:-1], images[2:]
    is_one_way = np.sign(here - before) == np.sign(here - after)
    changes = np.where(is_one_way, np.minimum(np.abs(here - before), np.abs(here - after)), 0)
    others = np.abs(after - before)
    light = np.maximum((np.abs(before) + np.abs(after)) / 2, _DARKEST * np.abs(images).mean())
    is_changed = (_AGREE * others <= changes) & (changes - others >= _LEAST_CHANGE * light) & (changes > 0)
    counts = is_changed.sum(axis=1)
    is_odd = counts >= _LEAST_AREAS
    is_near = changes - others > _STILL * light
    if _FEW * is_odd.sum() > len(numbers) or (is_near[~is_odd].sum(axis=1) >= _LEAST_AREAS).any():
        return found
    areas = images.shape[1]
    for index in np.flatnonzero(is_odd & (_MOST_PART * counts <= areas)).tolist():
        what = f"{counts[index]} of {areas} areas differ from the frames before and behind, which agree there"
        what += ": an object or a light that is missing, or a watermark?"
        found += of_frames([numbers[index + 1]], what, "the image of the frames around", f"{counts[index]} areas")
    return found


def _small_images(sequence: SequenceFacts) -> tuple[list[int], _Images]:
    """The numbers of the frames of which small images are known, and these images, of shape (frames, areas).

    None if the data window moves: small images of different windows cannot be compared.
    """
    seen = [
        (frame, pixels.small) for frame, pixels in shot_frames(sequence) if pixels.small.size and not pixels.is_constant
    ]
    if len({frame.data_window for frame, _ in seen}) != 1:
        return [], np.empty((0, 0))
    return [frame.frame for frame, _ in seen], np.stack([small for _, small in seen])


def _other_images(images: _Images) -> list[int]:
    """The positions of the few single frames with another image than those before and behind; brightness does not count."""
    shapes = images / np.maximum(np.abs(images).mean(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    steps = np.abs(np.diff(shapes, axis=0)).mean(axis=1)
    across = np.abs(shapes[2:] - shapes[:-2]).mean(axis=1)
    excess = np.minimum(steps[:-1], steps[1:]) - across
    odd = np.flatnonzero(excess >= _OTHER_IMAGE) + 1
    odd = odd[[max(_likeness(images[i], images[i + step]) for step in (-1, 1)) < _OTHER_ORDER for i in odd.tolist()]]
    rest = np.delete(excess, odd - 1)
    if not odd.size or _FEW * odd.size > len(images) or (rest * _ALONE > excess[odd - 1].min()).any():
        return []
    return list(odd.tolist())


@sequence_rule(
    "SEQ-TONE",
    Severity.WARNING,
    "No block of frames has another exposure or tone curve than the frames before and behind it, which agree",
    why="A machine rendered or converted the block with another exposure, gamma or colour transform.",
    source="deadline-cloud-for-cinema-4d#540 (other colours from a farm)",
    fix="Compare a frame of the block with the one before it, and render or convert the block again.",
    limits="Blocks of three frames and more, at most half of the sequence, whose areas from dark to bright have the order of "
    "those in the frames beside them: another light changes the order. A light that is switched in the whole image can look "
    "the same: steps of less than 1.4 have severity info. Frames of which `check` or `report` reads all pixels.",
)
def tones(sequence: SequenceFacts, _parameters: SequenceParameters) -> Results:
    """Look for two sudden changes of the tone that cancel each other out, in small images of neighbouring frames."""
    numbers, images = _small_images(sequence)
    if len(numbers) < _FEWEST:
        return NOTHING
    light = np.maximum(np.abs(images).mean(axis=1), np.finfo(np.float32).tiny)
    steps = np.abs(np.diff(images, axis=0)).mean(axis=1) / np.maximum(light[1:], light[:-1])
    cuts = np.flatnonzero(steps > max(_LEAST_CUT, _CUT * float(np.median(steps))))
    cuts = np.concatenate(
        [[-_LEAST_RUN], cuts, [len(images) + _LEAST_RUN]]
    )  # with the ends of the sequence, as far away
    found = []
    for before, first, last, after in zip(*(cuts[start:].tolist() for start in range(4)), strict=False):
        if not _LEAST_RUN <= last - first <= len(numbers) // 2 or min(first - before, after - last) < _LEAST_RUN:
            continue  # flashes near each other are no block
        ratios = np.log([light[first + 1] / light[first], light[last] / light[last + 1]])
        is_step = np.abs(ratios).min() > np.log(_LEAST_TONE) and abs(np.diff(ratios)[0]) <= _ONE_TONE * abs(ratios[0])
        if is_step and all(_likeness(images[at], images[at + 1]) >= _SAME_ORDER for at in (first, last)):
            ratio = f"{np.exp(ratios.mean()):.3g}"
            what = f"{ratio} times as bright as before and behind, with the same image: another exposure, gamma or transform?"
            severity = None if np.abs(ratios).min() >= np.log(_CLEAR_TONE) else Severity.INFO
            found += of_frames(numbers[first + 1 : last + 1], what, "the tone of the frames around", ratio, severity)
    return found


def _likeness(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    """The correlation of the ranks of areas from dark to bright: 1 for images of different tone, about 0 for other images."""
    mine, theirs = (each.argsort(kind="stable").argsort(kind="stable") for each in (one, other))
    return float(np.corrcoef(mine, theirs)[0, 1])
