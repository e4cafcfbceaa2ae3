"""SEQ: sequence rules on small images of frames that differ from the frames before and behind them, which agree. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from exr_inspector.model import Severity
from exr_inspector.validation.facts.sequences import SequenceFacts
from exr_inspector.validation.rule import NOTHING, Found, Results, sequence_rule
from exr_inspector.validation.rules.sequences.comparison import SequenceParameters, of_frames
from exr_inspector.validation.rules.sequences.flashes import LEAST_STEP, goes_on_and_off
from exr_inspector.validation.rules.sequences.images import changes_by_level, shot_frames

_FEWEST = 8  # frames that tell whether others differ, too
_LEAST_AREAS = 2
_LEAST_AREAS_OF_RUN = 4  # in two frames and more
_LONGEST_RUN = 6  # frames
_LONGEST_INSERT = 4
_ONE_WAY = 0.1  # the most that areas darken, in parts of what others brighten, if a light is added
_ONE_SHOT = 0.8  # the least likeness of images of one shot
_WIDE = 4  # three parts of so many of an image's width and height
_SCATTERED = 1.5  # edges of each area, of four, that are between one that differs and one that does not
_MOST_PART = 2  # one part in so many of the image; in more of it, the light differs as a whole
_LEAST_CHANGE = 0.2  # of the light of an area
_DARKEST = 0.2  # the least light of an area that is compared with, in parts of the mean
_MANY = 12  # one area of so many
_STRONG = 0.5  # of the light of areas
_BOTH_WAYS = 0.1  # the least share of areas that are darker, or brighter, than before and behind
_AGREE = 4  # how many times what the frames before and behind differ by the change is
_STILL = 0.05  # the most that areas change in the same way in all other frames
_FAR_FEWER = 8  # how many times fewer areas may change more than that
_FEW = 5  # one frame in so many
_OTHER_IMAGE = 0.1  # the least by which another image differs more than the frames around do, in parts of the light
_LEAST_CHANGED = 0.03  # the same for one that is changed
_PART_OF_STEP = 0.6  # and in parts of what neighbours usually differ
_EXCHANGED = 0.3  # of the way through the images, that is saved if two of them change places
_UNCHANGED = 0.1  # the least by which the way is longer if others do
_LONG_STEP = 1.4  # how many times what neighbours differ, also near by: where motion turns back, it is not more
_ALONE = 4  # how many times what other frames do
_CUT = 4  # how many times the usual difference of neighbours is that of frames of two tones
_LEAST_CUT = 0.1  # in parts of the light
_LEAST_RUN = 3  # of one or two frames, SEQ-FLASH reports the light
_SAME_ORDER = 0.97  # the least likeness of images of two tones
_OTHER_ORDER = 0.7  # the most likeness of images of two shots
_LEAST_TONE = 1.15
_CLEAR_TONE = 1.4  # smaller steps are info: a light may be keyed
_LEAST_SHORT = 0.05  # of the light, by which one or two frames of another tone differ
_SHORT = 3  # of so many frames, at most one is such a frame
_RUNS = 3  # of them that have one tone by no chance
_ONE_SHORT = 0.03  # the most by which their light and contrast differ, as logarithms
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
    yields_to=("SEQ-BUCKET", "SEQ-DUP", "SEQ-FLASH", "SEQ-HUE", "SEQ-MIRROR", "SEQ-TONE"),
    limits="Single frames, or runs of up to six, at most one in five, in sequences of eight frames or more whose other "
    "frames change steadily: with fast motion or flicker, nothing is reported. In two or more of 16 x 16 areas (four "
    "in runs), and at most half, a fifth of the light changes where the frames beside agree; a warning if two runs or "
    "more have the same areas all over the image, as a watermark, or if a twelfth of all are strongly brighter or "
    "darker all over the image; or they agree better than the frame with each by 3 % of the light, and by 60 % of "
    "what neighbours differ; or two neighbours are exchanged, without which the motion is steady. A whole image of "
    "another shape, in up to four frames, is a warning, and info at the beginning, where it may be a slate: no rule "
    "compares that with the shot. Frames of which `check` or `report` reads all pixels.",
)
def odd_areas(sequence: SequenceFacts, _parameters: SequenceParameters) -> Results:
    """Compare small images of three frames each, and report the few frames that are odd if no other frame is nearly so."""
    what = "another image than in the shot: a slate, or an effect that begins or ends?"
    found = of_frames(sorted(sequence.slates), what, "the image of the frames beside", "another image")
    numbers, images = _small_images(sequence)
    if len(numbers) < _FEWEST:
        return found
    return found + (
        _other_images(numbers, images, of_shot=True)
        or _runs_of_other_shots(numbers, images)
        or _odd_areas(numbers, images)
        or _other_images(numbers, images, of_shot=False)
        or _exchanged_images(numbers, images)
    )


def _other_images(numbers: Sequence[int], images: _Images, *, of_shot: bool) -> list[Found]:
    """Single frames with another image than those before and behind, in which brightness does not count.

    With `of_shot`, frames of another shot: few of their areas from dark to bright have the order of those beside them.
    """
    shapes = _shapes(images)
    steps = np.abs(np.diff(shapes, axis=0)).mean(axis=1)
    across = np.abs(shapes[2:] - shapes[:-2]).mean(axis=1)
    nearest = np.minimum(steps[:-1], steps[1:])
    excess = nearest - across
    usual = float(np.median(steps))
    is_odd = nearest >= _LONG_STEP * np.maximum(usual, _beyond(steps))
    what = "another image than in the frames before and behind, which agree"
    if of_shot:
        likeness = np.array([_likeness(one, other) for one, other in pairwise(images)])
        is_odd &= (excess >= _OTHER_IMAGE) & (np.maximum(likeness[:-1], likeness[1:]) < _OTHER_ORDER)
        what += ": a frame of another shot?"
    else:
        is_odd &= excess >= max(_LEAST_CHANGED, _PART_OF_STEP * usual)
        what += " better with each other: things that are missing or in other places, or something over the image?"
    rest = excess[~is_odd]
    if not is_odd.any() or _FEW * is_odd.sum() > len(images) or (rest * _ALONE > excess[is_odd].min()).any():
        return []
    odd = [numbers[index + 1] for index in np.flatnonzero(is_odd).tolist()]
    severity = Severity.WARNING if of_shot else Severity.INFO
    return of_frames(odd, what, "the image of the frames around", "another image", severity)


def _runs_of_other_shots(numbers: Sequence[int], images: _Images) -> list[Found]:
    """Two to four frames in a row of another shot, which are alike, between frames that agree."""
    shapes = _shapes(images)
    steps = np.abs(np.diff(shapes, axis=0)).mean(axis=1)
    found: list[int] = []
    for length in range(2, min(_LONGEST_INSERT, len(numbers) // _FEW) + 1):
        edges = np.minimum(steps[: len(steps) - length], steps[length:])
        inner = np.stack([steps[at : len(steps) - length + at] for at in range(1, length)]).max(axis=0)
        excess = edges - np.abs(shapes[length + 1 :] - shapes[: -length - 1]).mean(axis=1)
        is_odd = (excess >= _OTHER_IMAGE) & (edges >= _ALONE * np.maximum(inner, np.median(steps)))
        for at in np.flatnonzero(is_odd).tolist():
            before, run, after = images[at], images[at + 1 : at + 1 + length], images[at + 1 + length]
            is_other = max(_likeness(before, run[0]), _likeness(run[-1], after)) < _OTHER_ORDER
            if is_other and _likeness(before, after) >= _ONE_SHOT and not _is_added_light(run.mean(axis=0) - before):
                found += numbers[at + 1 : at + 1 + length]
    if _FEW * len(found) > len(numbers):
        return []
    what = "another image than in the frames before and behind, which agree: frames of another shot?"
    return of_frames(found, what, "the image of the frames around", "another image", Severity.WARNING)


def _is_added_light(change: npt.NDArray[np.float64]) -> bool:
    """Whether areas become brighter, or darker, and hardly any does the opposite."""
    brighter, darker = np.maximum(change, 0).sum(), np.maximum(-change, 0).sum()
    return bool(min(brighter, darker) < _ONE_WAY * max(brighter, darker))


def frames_of_other_shots(sequence: SequenceFacts) -> frozenset[int]:
    """The numbers of single frames, and of short runs, that show another shot than the frames around them."""
    numbers, images = _small_images(sequence)
    if len(numbers) < _FEWEST:
        return frozenset()
    found = _other_images(numbers, images, of_shot=True) or _runs_of_other_shots(numbers, images)
    return frozenset(number for each in found for number in each.frames)


def _beyond(steps: _Images, length: int = 1) -> _Images:
    """The lesser of the steps before and behind each run of frames and the two beside it, from the steps between neighbours."""
    steps = np.pad(steps, [(1, 1), *[(0, 0)] * (steps.ndim - 1)], constant_values=np.inf)
    return np.minimum(steps[: -2 - length], steps[2 + length :])


def _shapes(images: _Images) -> _Images:
    """Images in parts of their mean light."""
    shapes: _Images = images / np.maximum(np.abs(images).mean(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    return shapes


def _exchanged_images(numbers: Sequence[int], images: _Images) -> list[Found]:
    """Two neighbours whose exchange makes the way through the images shorter, while any other one makes it longer."""
    shapes = _shapes(images)
    steps, across = (np.abs(shapes[apart:] - shapes[:-apart]).mean(axis=1) for apart in (1, 2))
    as_is, exchanged = steps[:-2] + steps[2:], across[:-1] + across[1:]
    gains = (as_is - exchanged) / np.maximum(as_is, np.finfo(np.float32).tiny)
    at = int(gains.argmax())
    others = np.delete(gains, range(max(0, at - 2), min(len(gains), at + 3)))
    if gains[at] < _EXCHANGED or not others.size or others.max() > -_UNCHANGED:
        return []
    what = "the motion goes back between them, and is steady if they change places: exchanged?"
    odd = numbers[at + 1 : at + 3]
    return of_frames(odd, what, "images in the order of the motion", "exchanged", Severity.INFO)


@dataclass(frozen=True, slots=True)
class _OddRun:
    """Frames in a row, by their positions, of which some areas differ from the frames before and behind, which agree there.

    Attributes:
        frames: Positions of the frames.
        areas: Which areas differ.
        changed: These and others that change a little.
        changes: How much the areas differ that do, in parts of their light.
    """

    frames: range
    areas: npt.NDArray[np.bool_]
    changed: npt.NDArray[np.bool_]
    changes: npt.NDArray[np.float64]

    @property
    def is_large(self) -> bool:
        """Whether many areas differ strongly."""
        return bool(_MANY * self.areas.sum() >= self.areas.size and np.median(np.abs(self.changes)) >= _STRONG)

    @property
    def is_garbage(self) -> bool:
        """Whether so many are scattered over the image, some brighter and some darker, unlike an object, a light or a text."""
        brighter = float((self.changes > 0).mean())
        return self.is_large and _is_over_image(self.areas) and min(brighter, 1 - brighter) >= _BOTH_WAYS


def _odd_areas(numbers: Sequence[int], images: _Images) -> list[Found]:
    """Frames of which areas differ from the frames before and behind, which agree there: one finding for those of one kind."""
    runs: list[_OddRun] = []
    for length in range(1, min(_LONGEST_RUN, len(numbers) // _FEW) + 1):
        here = _odd_runs(images, length)
        if here is None and length == 1:
            return []
        taken = {at for run in runs for at in run.frames}
        runs += [run for run in here or () if taken.isdisjoint(run.frames)]
    if _FEW * sum(len(run.frames) for run in runs) > len(numbers):
        return []
    if any(run.is_garbage for run in runs):
        large = [run for run in runs if run.is_large]
        odd = sorted(numbers[at] for run in large for at in run.frames)
        count = max(int(run.areas.sum()) for run in large)
        what = (
            f"up to {count} of {images.shape[1]} areas, all over the image, differ strongly from the frames before and "
        )
        what += "behind, which agree there: garbage?"
        return of_frames(odd, what, "the image of the frames around", severity=Severity.WARNING)
    kinds: list[list[_OddRun]] = []
    for run in sorted(runs, key=lambda run: run.frames.start):
        kind = next((each for each in kinds if _are_of_one_kind(each[0], run)), None)
        if kind is None:
            kinds.append([run])
        else:
            kind.append(run)
    found = []
    for kind in kinds:
        counts = sorted({int(run.areas.sum()) for run in kind})
        is_pattern = len(kind) > 1 and _is_over_image(np.any([run.areas for run in kind], axis=0))
        cause = (
            "with one pattern over the image: a watermark, as of a missing license?"
            if is_pattern
            else "an object or a light that is missing, or a watermark?"
        )
        shown = " to ".join(map(str, dict.fromkeys((counts[0], counts[-1]))))
        separator = ", " if is_pattern else ": "
        what = f"{shown} of {images.shape[1]} areas differ from the frames before and behind, which agree there"
        odd = [numbers[at] for run in kind for at in run.frames]
        severity = Severity.WARNING if is_pattern else None
        found += of_frames(
            odd, f"{what}{separator}{cause}", "the image of the frames around", f"{shown} areas", severity
        )
    return found


def _odd_runs(images: _Images, length: int) -> list[_OddRun] | None:
    """The runs of so many frames in which at most half of the areas differ; None if other frames are nearly so."""
    areas, before, after = images.shape[1], images[: -length - 1], images[length + 1 :]
    inside = np.stack([images[at : len(images) - length - 1 + at] for at in range(1, length + 1)])
    signs = np.sign(np.concatenate([inside - before, inside - after]))
    distances = np.minimum(np.abs(inside - before), np.abs(inside - after)).min(axis=0)
    changes = np.where((signs == signs[0]).all(axis=0), distances, 0)
    others = np.abs(after - before)
    light = np.maximum((np.abs(before) + np.abs(after)) / 2, _DARKEST * np.abs(images).mean())
    is_changed = (
        (changes >= _LONG_STEP * _beyond(np.abs(np.diff(images, axis=0)), length))
        & (_AGREE * others <= changes)
        & (changes - others >= _LEAST_CHANGE * light)
        & (changes > 0)
    )
    if length > 1:  # what is over the image stays, while things that pass move on
        is_changed &= 2 * np.abs(np.diff(inside, axis=0)).max(axis=0) <= changes
    counts = is_changed.sum(axis=1)
    is_odd = counts >= (_LEAST_AREAS if length == 1 else _LEAST_AREAS_OF_RUN)
    is_near = changes - others > _STILL * light
    near = is_near.sum(axis=1)
    least = max(_LEAST_AREAS, near[is_odd].min() / _FAR_FEWER) if is_odd.any() else _LEAST_AREAS
    if _FEW * length * is_odd.sum() > len(images) or (near[~is_odd] >= least).any():
        return None
    odd = np.flatnonzero(is_odd & (_MOST_PART * counts <= areas)).tolist()
    parts = (inside.mean(axis=0) - (before + after) / 2) / light
    return [
        _OddRun(range(at + 1, at + 1 + length), is_changed[at], is_near[at], parts[at][is_changed[at]]) for at in odd
    ]


def _are_of_one_kind(one: _OddRun, other: _OddRun) -> bool:
    """Whether mostly the same areas change."""
    return bool(2 * (one.changed & other.changed).sum() >= (one.changed | other.changed).sum())


def _is_over_image(areas: npt.NDArray[np.bool_]) -> bool:
    """Whether areas are in several places all over the image, as a text that is repeated, and unlike an object or a light."""
    side = math.isqrt(areas.size)
    cells = areas.reshape(side, side)
    rows, columns = (np.flatnonzero(cells.any(axis=axis)) for axis in (1, 0))
    is_wide = all(_WIDE * (each[-1] - each[0] + 1) >= side * (_WIDE - 1) for each in (rows, columns))
    edges = sum(np.count_nonzero(np.diff(np.pad(cells, 1), axis=axis)) for axis in (0, 1))
    return is_wide and edges >= _SCATTERED * areas.sum()


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


@sequence_rule(
    "SEQ-TONE",
    Severity.WARNING,
    "No frames have another exposure or tone curve than the frames before and behind them, which agree",
    why="A machine rendered or converted them with another exposure, gamma or colour transform.",
    source="deadline-cloud-for-cinema-4d#540 (other colours from a farm)",
    fix="Compare a frame that the message names with the one before, and render or convert the frames again.",
    limits="Blocks of three frames and more, at most half of the sequence, whose areas from dark to bright have the order of "
    "those in the frames beside them: another light changes the order. A light that is switched in the whole image can look "
    "the same: steps of less than 1.4 have severity info, as have those of light that goes on and off many times. So have one "
    "or two frames with nearly the light of those beside them, unless there are three of one tone, not at equal distances. "
    "Frames of which `check` or `report` reads all pixels.",
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
    is_strobe = goes_on_and_off(light.tolist())
    found = []
    for before, first, last, after in zip(*(cuts[start:].tolist() for start in range(4)), strict=False):
        if not _LEAST_RUN <= last - first <= len(numbers) // 2 or min(first - before, after - last) < _LEAST_RUN:
            continue  # flashes near each other are no block
        ratios = np.log([light[first + 1] / light[first], light[last] / light[last + 1]])
        is_step = np.abs(ratios).min() > np.log(_LEAST_TONE) and abs(np.diff(ratios)[0]) <= _ONE_TONE * abs(ratios[0])
        if is_step and all(_likeness(images[at], images[at + 1]) >= _SAME_ORDER for at in (first, last)):
            ratio = f"{np.exp(ratios.mean()):.3g}"
            what = f"{ratio} times as bright as before and behind, with the same image: another exposure, gamma or transform?"
            is_clear = np.abs(ratios).min() >= np.log(_CLEAR_TONE) and not is_strobe
            severity = None if is_clear else Severity.INFO
            found += of_frames(numbers[first + 1 : last + 1], what, "the tone of the frames around", ratio, severity)
    return [*found, *_short_tones(numbers, images)]


def _short_tones(numbers: Sequence[int], images: _Images) -> list[Found]:
    """One or two frames in a row with another tone and nearly the same light, of which larger steps are flashes.

    Light may do that, and it is info, unless three such runs or more have one tone, but no beat.
    """
    steps = np.abs(np.diff(images, axis=0)).mean(axis=1)
    least = np.maximum(_LEAST_SHORT * np.abs(images).mean(), _CUT * np.median(steps))
    tones: dict[range, npt.NDArray[np.float64]] = {}  # by how much light and contrast differ, as logarithms
    taken: set[int] = set()  # the positions in these and behind them
    for run in (range(at, at + count) for count in (1, 2) for at in range(1, len(images) - count)):
        before, behind = images[run.start - 1], images[run.stop]
        step = min(steps[run.start - 1], steps[run.stop - 1])
        is_between = not taken.isdisjoint(range(run.start, run.stop + 1))
        is_one = max(steps[run.start : run.stop - 1], default=0.0) <= step / 2
        if is_between or not is_one or step < max(least, 2 * np.abs(behind - before).mean()):
            continue
        usual, here = (before + behind) / 2, images[run.start : run.stop].mean(axis=0)
        levels = np.array([[each.mean(), each.std()] for each in (usual, here)])
        if levels.min() > 0 and changes_by_level(usual, here):
            tone = np.log(levels[1] / levels[0])
            if abs(tone[0]) < math.log(LEAST_STEP):
                tones[run] = tone
                taken.update(range(run.start, run.stop + 1))
    runs = sorted(tones, key=lambda run: run.start)
    odd = [numbers[index] for run in runs for index in run]
    if not odd or _SHORT * len(odd) > len(numbers):
        return []
    every = np.stack([*tones.values()])
    is_beat = len({after.start - before.start for before, after in pairwise(runs)}) == len({*map(len, runs)}) == 1
    is_fault = len(runs) >= _RUNS and np.ptp(every, axis=0).max() <= _ONE_SHORT and not is_beat
    light = f"{math.exp(every[:, 0].mean()):.3g}"
    what = f"{light} times as bright as the frames around, with the same image: another tone curve, or a light?"
    return of_frames(odd, what, "the tone of the frames around", light, None if is_fault else Severity.INFO)


def _likeness(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    """The correlation of the ranks of areas from dark to bright: 1 for images of different tone, about 0 for other images."""
    mine, theirs = (each.argsort(kind="stable").argsort(kind="stable") for each in (one, other))
    return float(np.corrcoef(mine, theirs)[0, 1])
