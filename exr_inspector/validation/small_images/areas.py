"""Frames that differ, in areas or as a whole, from the frames before and behind them, which agree."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from exr_inspector.model import Severity
from exr_inspector.validation.facts.sequences import SequenceFacts, once_per_sequence
from exr_inspector.validation.frames import FramePixels
from exr_inspector.validation.rule import Found
from exr_inspector.validation.rules.sequences.comparison import of_frames
from exr_inspector.validation.rules.sequences.flashes import LEAST_CHUNK, part_length
from exr_inspector.validation.rules.sequences.images import shot_frames
from exr_inspector.validation.small_images.framing import reframed
from exr_inspector.validation.small_images.overlays import texts_at_border

FEWEST = 8  # fewest frames of a sequence that is checked
_LEAST_AREAS = 2  # of frames that are compared with others
_LEAST_FOUND = 3  # things that move change two for a moment
_LEAST_AREAS_OF_RUN = 4  # of two frames and more in a row
_LONGEST_RUN = 6  # frames
_LONGEST_INSERT = 4
_SHARPER = 1.03  # least ratio of the edges of frames without motion blur to those of the frames near them
_ONE_WAY = 0.1  # if a light is added, areas darken by less than a tenth of what others brighten
_ONE_SHOT = 0.8  # least likeness of images of one shot
_WIDE = 4  # three quarters of the width and the height of an image
_SCATTERED = 1.5  # edges of an area, of its four, beyond which the image does not differ
_MOST_PART = 2  # at most half of the image; if more of it differs, the light does
_LEAST_CHANGE = 0.2  # of the light of an area
_DARKEST = 0.2  # darker areas are compared as if they had this share of the mean light
_MANY = 12  # at least one area in 12
_STRONG = 0.5  # of the light of areas
_BOTH_WAYS = 0.1  # least share of areas that are darker, and of areas that are brighter
_AGREE = 4  # least ratio of the change to the difference of the frames before and behind
_STILL = 0.05  # most that areas change in this way in all other frames, in parts of their light
_FAR_FEWER = 8  # more than that may change only in 8 times fewer areas
_FEWER = 3  # or 3 times fewer, if several areas differ
_SEVERAL_AREAS = 8
_FEW = 5  # at most one frame in 5
_FEW_OF_AREAS = 4  # at most one in 4, of frames of which some areas differ
_OTHER_IMAGE = 0.1  # by how much more than the frames around an image of another shot differs, in parts of the light
_LEAST_CHANGED = 0.007  # the same of an image in which something is changed, of roots of the light
_PART_OF_STEP = 0.6  # and in parts of the usual difference of neighbours
_EXCHANGED = 0.3  # share of the differences of neighbours that is saved if two frames change places
_UNCHANGED = 0.1  # least share that is added if others change places
_LONG_STEP = 1.4  # least ratio to the difference of neighbours; where motion turns back, it is less
_ALONE = 4  # least ratio to what other frames differ
_OTHER_ORDER = 0.7  # greatest likeness of images of two shots
_COLOURED = 1.1  # least ratio of the change of one channel to that of another by a light
_COVERS_LESS = 0.02  # of the coverage beside
Images = npt.NDArray[np.float64]


def areas_that_differ(sequence: SequenceFacts) -> list[Found]:
    """The findings of SEQ-AREA, without slates."""
    numbers, images = small_images(sequence)
    if len(numbers) < FEWEST:
        return []
    return (
        other_shots(sequence)
        or _odd_areas(numbers, images, _pixels_of(sequence, numbers))
        or _other_images(numbers, images, of_shot=False)
        or _exchanged_images(numbers, images)
        or texts_at_border(numbers, images)
        or _sharper_starts(sequence)
    )


def _sharper_starts(sequence: SequenceFacts) -> list[Found]:
    """Frames at equal distances from the first one on with stronger edges than all others near them."""
    seen = [(frame.frame, pixels.lines.edges) for frame, pixels in shot_frames(sequence) if pixels.lines]
    distance = part_length([[edges] for _, edges in seen], _SHARPER)
    odd = [number for number, _ in seen[::distance]] if distance else []
    what = (
        f"stronger edges every {distance} frames from the first one on: no motion blur where each part of a job begins?"
    )
    return of_frames(odd, what, "edges as in the frames around", "stronger edges")


@once_per_sequence
def other_shots(sequence: SequenceFacts) -> list[Found]:
    """The findings on single frames, and short runs, that show another shot than the frames around them."""
    numbers, images = small_images(sequence)
    if len(numbers) < FEWEST:
        return []
    return _other_images(numbers, images, of_shot=True) or _runs_of_other_shots(numbers, images)


def _other_images(numbers: Sequence[int], images: Images, *, of_shot: bool) -> list[Found]:
    """Single frames with another image than those before and behind, in which brightness does not count.

    With `of_shot`, frames of another shot: few of their areas from dark to bright have the order of those beside them.
    """
    shapes = _shapes(images if of_shot else np.sqrt(np.maximum(images, 0)))  # highlights that move are few
    steps = np.abs(np.diff(shapes, axis=0)).mean(axis=1)
    across = np.abs(shapes[2:] - shapes[:-2]).mean(axis=1)
    nearest = np.minimum(steps[:-1], steps[1:])
    excess = nearest - across
    usual = float(np.median(steps))
    is_odd = nearest >= _LONG_STEP * np.maximum(usual, _beyond(steps))
    what = "another image than in the frames before and behind, which agree"
    if of_shot:
        likeness = np.array([likeness_of(one, other) for one, other in pairwise(images)])
        is_odd &= (excess >= _OTHER_IMAGE) & (np.maximum(likeness[:-1], likeness[1:]) < _OTHER_ORDER)
        what += reframed(images, (np.flatnonzero(is_odd) + 1).tolist()) or ": a frame of another shot?"
    else:
        is_odd &= excess >= max(_LEAST_CHANGED, _PART_OF_STEP * usual)
        what += " better with each other: things that are missing or in other places, or something over the image?"
    rest = excess[~is_odd]
    if not is_odd.any() or _FEW * is_odd.sum() > len(images) or (rest * _ALONE > excess[is_odd].min()).any():
        return []
    places = (np.flatnonzero(is_odd) + 1).tolist()
    odd = [numbers[at] for at in places]
    what += "" if of_shot else _chunks(places, len(numbers))
    severity = Severity.WARNING if of_shot else Severity.INFO
    return of_frames(odd, what, "the image of the frames around", "another image", severity)


def _runs_of_other_shots(numbers: Sequence[int], images: Images) -> list[Found]:
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
            is_other = max(likeness_of(before, run[0]), likeness_of(run[-1], after)) < _OTHER_ORDER
            if is_other and likeness_of(before, after) >= _ONE_SHOT and not _is_added_light(run.mean(axis=0) - before):
                found += numbers[at + 1 : at + 1 + length]
    if _FEW * len(found) > len(numbers):
        return []
    starts = [at for at, number in enumerate(numbers) if number in found and numbers[at - 1] not in found]
    cause = reframed(images, starts) or ": frames of another shot?"
    what = f"another image than in the frames before and behind, which agree{cause}"
    return of_frames(found, what, "the image of the frames around", "another image", Severity.WARNING)


def _is_added_light(change: npt.NDArray[np.float64]) -> bool:
    """Whether areas become brighter, or darker, and hardly any does the opposite."""
    brighter, darker = np.maximum(change, 0).sum(), np.maximum(-change, 0).sum()
    return bool(min(brighter, darker) < _ONE_WAY * max(brighter, darker))


def _beyond(steps: Images, length: int = 1) -> Images:
    """For each run of `length` frames, the lesser of the steps one frame before it and one frame behind it."""
    steps = np.pad(steps, [(1, 1), *[(0, 0)] * (steps.ndim - 1)], constant_values=np.inf)
    return np.minimum(steps[: -2 - length], steps[2 + length :])


def _shapes(images: Images) -> Images:
    """Images in parts of their mean light."""
    shapes: Images = images / np.maximum(np.abs(images).mean(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    return shapes


def _exchanged_images(numbers: Sequence[int], images: Images) -> list[Found]:
    """Two neighbours whose exchange makes the motion steady, while that of any other two does not."""
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
        changed: These, and others that change less.
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


def _pixels_of(sequence: SequenceFacts, numbers: Sequence[int]) -> list[FramePixels]:
    """The statistics of frames by their numbers."""
    known = {frame.frame: pixels for frame, pixels in shot_frames(sequence)}
    return [known[number] for number in numbers]


def _covers_less(run: range, pixels: Sequence[FramePixels]) -> bool:
    """Whether alpha covers clearly less in a run of frames than in those before and behind, as without an object."""
    coverages = np.array([1.0 if each.coverage is None else each.coverage for each in pixels])
    usual = float(np.median(np.abs(np.diff(coverages))))
    lost = min(coverages[run.start - 1], coverages[run.stop]) - coverages[run.start : run.stop].max()
    return bool(lost > max(_COVERS_LESS * coverages[run.start - 1], _ALONE * usual))


def _is_coloured_light(run: range, pixels: Sequence[FramePixels]) -> bool:
    """Whether a channel becomes much brighter than another one at the beginning of a run, unlike by a text."""
    before, after = pixels[run.start - 1].means, pixels[run.start].means
    ratios = [after.get(name, 0.0) / mean for name, mean in before.items() if mean > 0]
    return bool(ratios) and max(ratios) > _COLOURED * min(ratios)


def _odd_areas(numbers: Sequence[int], images: Images, pixels: Sequence[FramePixels]) -> list[Found]:
    """Frames of which areas differ from the frames before and behind, which agree there: one finding for those of one kind."""
    runs: list[_OddRun] = []
    for length in range(1, min(_LONGEST_RUN, len(numbers) // _FEW) + 1):
        here = _odd_runs(images, length)
        if here is None and length == 1:
            return []
        taken = {at for run in runs for at in run.frames}
        runs += [run for run in here or () if taken.isdisjoint(run.frames)]
    ends = {run.frames.stop for run in runs}
    followed = ends.intersection(run.frames.start for run in runs)
    is_motion = any(run.frames.start in followed and run.frames.stop in followed for run in runs)  # three runs in a row
    if is_motion or _FEW_OF_AREAS * sum(len(run.frames) for run in runs) > len(numbers):
        return []
    if any(run.is_garbage for run in runs):
        large = [run for run in runs if run.is_large]
        odd = sorted(numbers[at] for run in large for at in run.frames)
        count = max(int(run.areas.sum()) for run in large)
        what = (
            f"up to {count} of {images.shape[1]} areas, all over the image, differ strongly from the frames before and "
        )
        what += f"behind, which agree there{reframed(images, [run.frames.start for run in large]) or ': garbage?'}"
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
        is_pattern = is_pattern and not all(_is_coloured_light(run.frames, pixels) for run in kind)
        places = [at for run in kind for at in run.frames]
        is_missing = all(_covers_less(run.frames, pixels) for run in kind)
        cause = (
            "with one pattern over the image: a watermark, as of a missing license?"
            if is_pattern
            else "an object that is missing, since alpha covers less?"
            if is_missing
            else "an object, a light or a texture that is missing, or a watermark?"
        )
        shown = " to ".join(map(str, dict.fromkeys((counts[0], counts[-1]))))
        separator = ", " if is_pattern else ": "
        what = f"{shown} of {images.shape[1]} areas differ from the frames before and behind, which agree there"
        what += f"{separator}{cause}{_chunks(places, len(numbers))}"
        odd = [numbers[at] for at in places]
        severity = Severity.WARNING if is_pattern or is_missing else None
        found += of_frames(odd, what, "the image of the frames around", f"{shown} areas", severity)
    return found


def _chunks(places: Sequence[int], count: int) -> str:
    """What odd frames may be that follow each other at equal distances from the first frame on; else empty."""
    step = places[0]
    is_beat = step >= LEAST_CHUNK and len(places) > 1 and [*places] == [*range(step, count, step)]
    return f" Every {step} frames from the first one on: did each part of a job begin with it?" if is_beat else ""


def _odd_runs(images: Images, length: int) -> list[_OddRun] | None:
    """The runs of so many frames in which at most half of the areas differ; none if other frames are nearly so.

    None if many areas of these are.
    """
    areas, before, after = images.shape[1], images[: -length - 1], images[length + 1 :]
    inside = [images[at : len(images) - length - 1 + at] for at in range(1, length + 1)]
    changes = _least_changes(inside, before, after)
    others = np.abs(after - before)
    light = np.maximum((np.abs(before) + np.abs(after)) / 2, _DARKEST * np.abs(images).mean())
    is_changed = (
        (changes >= _LONG_STEP * _beyond(np.abs(np.diff(images, axis=0)), length))
        & (_AGREE * others <= changes)
        & (changes - others >= _LEAST_CHANGE * light)
        & (changes > 0)
    )
    if length > 1:  # what is over the image stays, while things that pass move on
        for one, other in pairwise(inside):
            is_changed &= 2 * np.abs(other - one) <= changes
    counts = is_changed.sum(axis=1)
    is_odd = counts >= (_LEAST_AREAS if length == 1 else _LEAST_AREAS_OF_RUN)
    is_near = changes - others > _STILL * light
    near = is_near.sum(axis=1)
    fewest = int(counts[is_odd].min()) if is_odd.any() else 0
    far_fewer = _FEWER if fewest >= _SEVERAL_AREAS else _FAR_FEWER
    least = max(_LEAST_AREAS, near[is_odd].min() / far_fewer) if fewest else _LEAST_AREAS
    if _FEW_OF_AREAS * length * is_odd.sum() > len(images) or (near[~is_odd] >= least).any():
        return None if (near[~is_odd] >= _SEVERAL_AREAS).any() else []
    of_part = counts if length == 1 else near  # in frames in a row, the light may differ as a whole
    odd = np.flatnonzero(is_odd & (counts >= _LEAST_FOUND) & (_MOST_PART * of_part <= areas)).tolist()
    parts = (sum(inside) / length - (before + after) / 2) / light
    return [
        _OddRun(range(at + 1, at + 1 + length), is_changed[at], is_near[at], parts[at][is_changed[at]]) for at in odd
    ]


def _least_changes(inside: Sequence[Images], before: Images, after: Images) -> Images:
    """By how much all frames of each run differ at least from those before and behind it; 0 where one is not on the same side.

    One frame of all runs at a time, since a sequence may have thousands.
    """
    least = np.full_like(before, np.inf)
    is_above, is_below = np.ones(before.shape, np.bool_), np.ones(before.shape, np.bool_)
    for frames in inside:
        for beside in (before, after):
            step = frames - beside
            is_above &= step > 0
            is_below &= step < 0
            np.minimum(least, np.abs(step), out=least)
    return np.where(is_above | is_below, least, 0)


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


@once_per_sequence
def small_images(sequence: SequenceFacts) -> tuple[list[int], Images]:
    """The numbers of the frames of which small images are known, and these images, of shape (frames, areas).

    None if the data window moves: small images of different windows cannot be compared.
    """
    seen = [
        (frame, pixels.small) for frame, pixels in shot_frames(sequence) if pixels.small.size and not pixels.is_constant
    ]
    if len({frame.data_window for frame, _ in seen}) != 1:
        return [], np.empty((0, 0))
    return [frame.frame for frame, _ in seen], np.stack([small for _, small in seen])


def likeness_of(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    """The correlation of the ranks of areas from dark to bright: 1 for images of different tone, about 0 for other images."""
    mine, theirs = (each.argsort(kind="stable").argsort(kind="stable") for each in (one, other))
    return float(np.corrcoef(mine, theirs)[0, 1])
