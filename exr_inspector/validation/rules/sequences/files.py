"""Sequence rules on files of frames: copies, files of another render, and sizes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from exr_inspector.model import Severity
from exr_inspector.validation.facts.roles import Role, is_matte, role_of
from exr_inspector.validation.facts.sequences import SequenceFacts, by_sibling, sibling_name
from exr_inspector.validation.frame_numbers import joined_ranges
from exr_inspector.validation.frames import FRAME_ATTRIBUTES, FramePixels, FrameSummary
from exr_inspector.validation.rule import NOTHING, Found, Remedy, Results, counted, listed, sequence_rule
from exr_inspector.validation.rules.sequences.comparison import SequenceParameters, frame_area, frames_words, of_frames
from exr_inspector.validation.rules.sequences.flat import flat_frames
from exr_inspector.validation.rules.sequences.holds import explained_holds, original_frames, reversed_copies
from exr_inspector.validation.rules.sequences.images import (
    difference,
    edges_of,
    is_cut,
    names_of_views,
    runs_of,
    seen_frames,
    shot_frames,
    show_one_image,
)
from exr_inspector.validation.rules.sequences.small_images import near_copies
from exr_inspector.validation.rules.sequences.times import out_of_order, time_codes

_NODE_HASH = "nuke/node_hash"
_OTHER = "different pixels"
_OTHER_NAME = ", whose name is that of something else: the wrong files?"
_FEW_LATE = 10  # the order of writing counts if at most one frame in 10 was written late
_GROWTH = 2.5  # largest ratio of the sizes of neighbouring files where an image grows
_SMALL = 3  # sequences with fewer frames have no typical size or age
_FEWEST_APART = 6  # sequences with fewer frames have no typical pause and no typical change of the image
_HOURS_SHOWN = 48.0  # longer times are shown in days
_LEAST_PAUSE = 3600.0  # seconds
_PAUSES = 20  # least ratio of the pause between two runs to that between two frames
_LEAST_JUMP = math.log(1.05)  # least jump of the luminance
_LEAST_MOTION = 0.005  # least difference of neighbours in an image that moves
_FEW_HELD = 5  # a layer that stands still in more than one frame in 5 is meant to
_SHORT_HOLD = 3  # frames
_MANY_VALUES = frozenset({Role.COLOUR, Role.DEPTH, Role.POSITION, Role.NORMAL, Role.MOTION})
_JUMPS = 4  # least ratio of it to the difference of neighbouring frames


@sequence_rule(
    "SEQ-DUP",
    Severity.WARNING,
    "No frame has the pixels of another one",
    why="A frame was repeated or copied instead of rendered.",
    source="OpenImageIO idiff",
    fix="If the repetition is not intended, render the frames that the message names.",
    remedy=Remedy.RENDER,
    limits="Data with the pixels of an image are found only if all frames are equal. Frames of another version, at most half "
    "of all, are info: a new version may change some frames only, and `diff` shows which. Frames are compared only if their "
    "pixels were hashed, and not if they are of one colour and SEQ-BLACK or SEQ-CONSTANT reports them; other "
    "constant frames are compared only with the previous frame. If all frames are equal (a still), half of them repeat "
    "others (a cycle), those of another view lie between cuts (a title), or copies come in a regular beat (on twos, a retime), "
    "in reverse order (a fade), or three or more in a row at the head, at the tail, between fades or cuts, or where the motion "
    "goes on behind them (a hold), it is info. Holds amid very fast motion can be lost frames. Frames with other noise "
    "are reported amid steady motion of the whole image only: those that repeat the frame before if it jumps behind them, and "
    "at most three in a row, one in five in all, with the images of frames some frames away. Layers with the values of the "
    "frame before are info, and known by their deviations, in at most one frame in five and three in a row. Images of another "
    "shot at the ends of a sequence are info: handles of one take, or a leader.",
    of_views=True,
)
def duplicates(sequence: SequenceFacts, parameters: SequenceParameters) -> Results:
    """Compare hashes of decoded pixels; requires inspections with pixel hashes. If all are equal (a still), it is info.

    Of equal frames, the original is that which attributes, times or the frames beside show; else the first.
    """
    return [
        *repeated_frames(sequence, parameters),
        *_copies_of_view(sequence),
        *_copy_of_sequence(sequence),
        *_copied_layers(sequence),
    ]


def repeated_frames(sequence: SequenceFacts, parameters: SequenceParameters) -> list[Found]:
    """Findings on frames with the pixels of another frame of the sequence, or with its image and other noise."""
    return [*_repeated_frames(sequence, parameters), *near_copies(sequence)]


def _copied_layers(sequence: SequenceFacts) -> list[Found]:
    """Layers with the values of the frame before, in few frames, although the main image moves there as elsewhere.

    The images of other views are compared as the main image is, and layers of which small images are known by SEQ-LAYER.
    """
    seen = shot_frames(sequence)
    others = names_of_views(seen).union(*(frame.layers for frame, _ in seen))
    steps = [difference(before, after) for (_, before), (_, after) in pairwise(seen)]
    moves = max(_LEAST_MOTION, median(steps) / 2) if steps else 0.0
    by_layer: dict[str, list[int]] = {}
    shown = [_by_layer(pixels) for _, pixels in seen]
    for at, (before, after) in enumerate(pairwise(shown), start=1):
        for layer, values in after.items():
            if any(values) and before.get(layer) == values and layer not in others:
                by_layer.setdefault(layer, []).append(at)
    by_frames: dict[tuple[int, ...], list[str]] = {}
    for layer, held in by_layer.items():
        is_short = max(map(len, runs_of(held))) <= _SHORT_HOLD  # values of images that only shift are equal, too
        if is_short and _FEW_HELD * len(held) <= len(steps) and all(steps[at - 1] >= moves for at in held):
            by_frames.setdefault(tuple(seen[at][0].frame for at in held), []).append(layer)
    return [
        found
        for frames, layers in by_frames.items()
        for found in of_frames(
            frames,
            f"{listed(layers)}: the values of the frame before, while the main image moves on: late by a frame?",
            _OTHER,
            severity=Severity.INFO,  # animation on twos, and light that rests for some frames, look the same
        )
    ]


def _by_layer(pixels: FramePixels) -> dict[str, tuple[float, ...]]:
    """The standard deviations of the channels of each layer of light or data; a channel without a layer is one.

    Those of coverage can be equal by chance.
    """
    found: dict[str, tuple[float, ...]] = {}
    for name, deviation in pixels.other_deviations.items():
        layer, _, component = name.rpartition(".")
        if role_of(layer, component) in _MANY_VALUES and not is_matte(layer):
            found[layer or name] = (*found.get(layer or name, ()), deviation)
    return found


def _copies_of_view(sequence: SequenceFacts) -> list[Found]:
    """Frames with the pixels of the same frame of another view or version; info where both views have a title or a leader."""
    copies = sequence.siblings.copies
    seen = [(frame.frame, pixels) for frame, pixels in seen_frames(sequence)]
    images = [pixels for _, pixels in seen]
    cuts = {0, len(seen)} | {at for at in range(1, len(seen)) if _is_other_shot(images, at)}
    apart: set[int] = set()
    for run in runs_of(at for at, (number, _) in enumerate(seen) if number in copies):
        if len(run) < len(seen) and {run[0], run[-1] + 1} <= cuts:
            apart.update(seen[at][0] for at in run)
    found = []
    for other, frames in by_sibling(sequence.name, copies).items():
        what = f"the same pixels as in {other}, another view, AOV or version"
        found += of_frames([number for number in frames if number not in apart], what, _OTHER)
        found += of_frames([number for number in frames if number in apart], what, _OTHER, severity=Severity.INFO)
    for other, frames in by_sibling(sequence.name, sequence.siblings.foreign).items():
        ends = {sequence.numbers[0], sequence.numbers[-1]}
        severity = None if ends.isdisjoint(frames) else Severity.INFO  # handles of one take, or a leader
        found += of_frames(frames, f"the same pixels as in {other}{_OTHER_NAME}", _OTHER, severity=severity)
    for other, frames in by_sibling(sequence.name, sequence.siblings.kept).items():
        what = f"the same pixels as in {other}, unlike the other frames: did nothing change, or were they not rendered again?"
        found += of_frames(frames, what, _OTHER, severity=Severity.INFO)
    return found


def _is_other_shot(images: Sequence[FramePixels], at: int) -> bool:
    """Whether another image begins at a position; the image of the other eye is not another one."""
    before, after = images[at - 1], images[at]
    return before.is_flat or (is_cut(images, at - 1, at) and not show_one_image(before, after))


def _copy_of_sequence(sequence: SequenceFacts) -> list[Found]:
    """All frames with the images of another sequence; info if both names may mean the same."""
    if sequence.siblings.same is None:
        return []
    other, is_other = sequence.siblings.same
    what = f"all {len(sequence.numbers)} have the pixels of {sibling_name(sequence.name, other)}"
    what += _OTHER_NAME if is_other else ": the same files twice?"
    return of_frames(sequence.numbers, what, _OTHER, severity=None if is_other else Severity.INFO)


def _repeated_frames(sequence: SequenceFacts, parameters: SequenceParameters) -> Results:
    """Frames with the pixels of another frame of the sequence, without those of one colour that other rules report."""
    flat = flat_frames(sequence)
    hashes = {frame.pixel_hash for frame in sequence.frames}
    if not flat and len(hashes) == 1 and None not in hashes and len(sequence.numbers) > 1:
        message = f"All {len(sequence.numbers)} frames have the same pixels: a still image, or a render that repeats one frame"
        every = joined_ranges(sequence.numbers)
        return [Found(message, every, "different pixels", severity=Severity.INFO, frames=sequence.numbers[1:])]
    groups = _equal_frames(sequence, flat)
    if not groups:
        return NOTHING
    images = [frame for frame in sequence.frames if frame.frame not in flat]
    held, copies, shown, clear = _copies_in(groups, original_frames(images, groups), _misplaced(sequence, parameters))
    is_cycle = 2 * len(copies) >= len(sequence.numbers)
    holds = explained_holds(images, held) if held else {}
    meant = {number for numbers in holds.values() for number in numbers}
    held = {number: of for number, of in held.items() if number not in meant}
    back = reversed_copies(copies) if copies and not is_cycle else {}
    copies = {number: of for number, of in copies.items() if number not in back}
    held_of = frames_words(held) if len(held) == 1 else "the frame before"
    by_times = "; the frame number, time code or time of writing is that of a copy"
    found = [
        found for what, numbers in holds.items() for found in of_frames(numbers, what, _OTHER, severity=Severity.INFO)
    ]
    of_back = f"the same pixels as {frames_words(back)}, in reverse order: a fade up and down?"
    found += of_frames([*back], of_back, _OTHER, severity=Severity.INFO)
    found += of_frames([*held], f"the same pixels as {held_of}", _OTHER)
    found += of_frames([*shown], f"the same pixels as {frames_words(shown)}{by_times}", _OTHER)
    severity = Severity.INFO if is_cycle else None
    for is_clear, which in ((True, ", which the frames beside continue"), (False, "; one of the two is the copy")):
        some = {number: copies[number] for number in sorted(copies) if (number in clear) is is_clear}
        found += of_frames(
            [*some], f"the same pixels as {frames_words(some)}{'' if is_cycle else which}", _OTHER, severity=severity
        )
    return found


class _Copies(NamedTuple):
    """Frames with the pixels of another frame, each with the number of that one.

    Attributes:
        held: Those that repeat the frame before them.
        others: All others, except for `shown`.
        shown: Copies of a later frame, as attributes or times show.
        clear: Frames of groups of which the frames beside show which are the copies.
    """

    held: dict[int, int]
    others: dict[int, int]
    shown: dict[int, int]
    clear: set[int]


def _copies_in(groups: Iterable[Mapping[int, int | None]], originals: set[int], misplaced: set[int]) -> _Copies:
    """The copies in groups of equal frames; the first frame that is not misplaced is the original if none is in `originals`."""
    found = _Copies({}, {}, {}, set())
    for group in groups:
        known = next((number for number in group if number in originals), None)
        original = next((number for number in group if number not in misplaced), min(group)) if known is None else known
        found.clear.update(group if known is not None else ())
        for number, previous in group.items():
            if number < original and known is None:
                found.shown[number] = original
            elif number != original and previous is not None:
                found.held[number] = previous
            elif number != original:
                found.others[number] = original
    return found


def _equal_frames(sequence: SequenceFacts, flat: Container[int]) -> list[dict[int, int | None]]:
    """Groups of frames with equal pixels: each frame with the one before it if that is in the group, else None.

    Constant frames are in groups with their neighbours only.
    """
    groups: dict[tuple[str, int | None], dict[int, int | None]] = {}
    run = before = None
    for frame in sequence.frames:
        known = frame.pixel_hash
        is_held = before is not None and known is not None and before.pixel_hash == known
        run = run if is_held else frame.frame
        if known and not _is_empty(frame) and frame.frame not in flat:
            is_constant = frame.pixels is not None and frame.pixels.is_constant
            group = groups.setdefault((known, run if is_constant else None), {})
            group.setdefault(frame.frame, before.frame if before is not None and is_held else None)
        before = frame
    return [group for group in groups.values() if len(group) > 1]


def _is_empty(frame: FrameSummary) -> bool:
    return frame.pixels is not None and frame.pixels.is_empty


def _misplaced(sequence: SequenceFacts, parameters: SequenceParameters) -> set[int]:
    """Frames whose attributes are those of another frame, or that alone were written after the frame behind them."""
    found = {frame.frame for frame in _other_numbers(sequence)[1]}
    coded, rate = time_codes(sequence, parameters)
    if rate is not None and len({code.text for _, code in coded}) > 1:
        found |= {odd.frame for odd in out_of_order(coded, rate)}
    # Frames that are broken, and were perhaps written again, say nothing of the order in which the others were written.
    whole = [frame for frame in sequence.frames if frame.pixel_hash is not None]
    written = [(frame.frame, frame.mtime) for frame in whole if frame.mtime is not None]
    late = [
        index
        for index, ((_, time), (_, after)) in enumerate(pairwise(written))
        if time > after and (index == 0 or written[index - 1][1] <= after)
    ]
    descents = sum(time > after for (_, time), (_, after) in pairwise(written))
    if len(written) > _SMALL and len(late) == descents <= max(1, len(written) // _FEW_LATE):
        found |= {written[index][0] for index in late}
    return found


@sequence_rule(
    "SEQ-STALE-FRAME",
    Severity.WARNING,
    "All frames were written in one run, frame numbers in attributes are those of the file names, and the version is that of "
    "the folder",
    why="Frames of an older render were left in place.",
    source="OpenEXR standard attributes (imageCounter, frame numbers of writers); Nuke manual (check file matches input); "
    "VF-BlenderAutosaveRender#5 (versions of output nodes)",
    fix="Render the frames that the message names again. Of a view or AOV with an older version, write the new one, or keep it "
    "if it did not change. Move files of another version into a folder of their own.",
    limits="With severity info: nuke/node_hash, and views and AOVs of one image whose file names have different versions. The "
    "version of a folder (`v003`, `comp_v003`) is compared with that of the names if all names below it have one version; "
    "textures and single files are not compared. Numbers that all differ alike are reported only if they differ by the "
    "length of a slate.",
)
def stale(sequence: SequenceFacts, parameters: SequenceParameters) -> Results:
    """Compare modification times with the median and between neighbours, and frame numbers in attributes with names."""
    found = []
    times = [frame.mtime for frame in sequence.frames if frame.mtime]
    if len(times) >= _SMALL:
        found += _older_and_newer(sequence, sorted(times)[len(times) // 2], parameters.stale_hours)
        found = found or _of_another_run(sequence)
    less, others = _other_numbers(sequence)
    expected = "the number of the name"
    if others:
        first = others[0]
        names = [name for name in first.attributes or () if name.lower() in FRAME_ATTRIBUTES]
        what = (names or ["an attribute"])[0]
        what += f" gives another frame number, {first.embedded_frame} in frame {first.frame}"
        if less:
            what += f"; in most frames it is that of the name {-less:+}"
            expected += f" {-less:+}"
        found += of_frames([frame.frame for frame in others], what, expected)
    elif less > 0 and less == len(sequence.slates):
        slate = joined_ranges(sequence.slates)
        message = f"The frame numbers in attributes are those of the names {-less:+}, and {slate} is a slate"
        message += ": was it numbered as a part of the shot?"
        found.append(Found(message, f"{-less:+}", expected))
    return [
        *found,
        *_other_scripts(sequence),
        *_older_than_siblings(sequence),
        *_in_folder_of_another_version(sequence),
    ]


def _older_and_newer(sequence: SequenceFacts, middle: datetime, hours: float) -> list[Found]:
    """The frames that were written longer before or behind a time than so many hours, one finding for each direction."""
    apart = {frame.frame: frame.mtime - middle for frame in sequence.frames if frame.mtime}
    expected = f"within {hours:g} hours of {middle:%Y-%m-%d %H:%M}"
    found = []
    for word, sign in (("before", -1), ("after", 1)):
        odd = {number: sign * age for number, age in apart.items() if sign * age > timedelta(hours=hours)}
        if odd:
            lengths = list(dict.fromkeys(_length(age) for age in (min(odd.values()), max(odd.values()))))
            kind = "older" if sign < 0 else "newer"
            what = f"{kind} than most frames, written {' to '.join(lengths)} {word} them ({middle:%Y-%m-%d %H:%M} UTC)"
            found += of_frames(list(odd), what, expected)
    return found


def _length(age: timedelta) -> str:
    """A length of time in days, or in hours below two days."""
    hours = age.total_seconds() / 3600
    return counted(round(hours), "hour") if hours < _HOURS_SHOWN else counted(round(hours / 24), "day")


def _older_than_siblings(sequence: SequenceFacts) -> list[Found]:
    """Name the views and AOVs of the image that have a newer version; info, since one that did not change may be left."""
    newer = [sibling_name(sequence.name, other) for other in sequence.siblings.newer]
    if not newer:
        return []
    what = f"{listed(newer)}, other views or AOVs of the image, have a newer version in their names"
    lacking = sorted({number for numbers in sequence.siblings.newer.values() for number in numbers})
    what += f", and the frames {joined_ranges(lacking)}, which this one lacks" if lacking else ""
    severity = None if lacking else Severity.INFO
    return [Found(what, sequence.name.rpartition("/")[2], newer[0], severity=severity)]


def _in_folder_of_another_version(sequence: SequenceFacts) -> list[Found]:
    """Warn if the folder has another version than the names of all files below it."""
    if sequence.siblings.folder is None:
        return []
    folder, version = sequence.siblings.folder
    what = f"The files have {version} in their names, their folder is {folder}: another version was copied or written there?"
    return [Found(what, version, folder)]


def _of_another_run(sequence: SequenceFacts) -> list[Found]:
    """Frames at one end, or between others, that were written in another run, if the luminance jumps where they begin or end.

    A pause alone is a frame that was rendered again, or a night; a jump alone is a cut.
    """
    seen = [
        (frame.frame, frame.mtime.timestamp(), math.log(level))
        for frame in sequence.frames
        if frame.mtime
        and frame.pixels
        and not frame.pixels.is_constant
        and (level := frame.pixels.luminance or 0.0) > 0
    ]
    if len(seen) < _FEWEST_APART:
        return []
    pauses = [abs(after - time) for (_, time, _), (_, after, _) in pairwise(seen)]
    jumps = [abs(after - level) for (_, _, level), (_, _, after) in pairwise(seen)]
    pause, jump = max(_LEAST_PAUSE, _PAUSES * median(pauses)), max(_LEAST_JUMP, _JUMPS * median(jumps))
    ends = [index + 1 for index, each in enumerate(pauses) if each > pause]
    if not 1 <= len(ends) <= 2 or any(jumps[end - 1] <= jump for end in ends):
        return []
    is_tail = len(ends) == 1 and seen[ends[0]][1] < seen[ends[0] - 1][1]
    first, end = (ends[0], len(seen)) if is_tail else (0, ends[0]) if len(ends) == 1 else ends
    hours = pauses[ends[0] - 1] / 3600
    what = f"written {hours:.3g} hours apart from the frames next to them, and the luminance jumps there"
    return of_frames([number for number, _, _ in seen[first:end]], what, "one run")


def _other_numbers(sequence: SequenceFacts) -> tuple[int, list[FrameSummary]]:
    """By how much the number in an attribute is less than that of the name in most frames, and the frames that differ.

    If no two frames agree, such as copies of one attribute, the numbers are expected to be those of the names.
    """
    offsets = [
        (frame, frame.frame - frame.embedded_frame) for frame in sequence.frames if frame.embedded_frame is not None
    ]
    counts = Counter(offset for _, offset in offsets)
    usual = max(counts, key=lambda offset: (counts[offset], offset == 0), default=0)
    usual = usual if counts[usual] > 1 or len(offsets) == 1 else 0
    return usual, [frame for frame, offset in offsets if offset != usual]


def _other_scripts(sequence: SequenceFacts) -> list[Found]:
    """Frames whose hash of Nuke's nodes differs from that of most, such as those rendered before the last change of the script.

    If nodes are animated, the hash may differ in every frame; such sequences are not reported.
    """
    hashes = {f.frame: f.attributes[_NODE_HASH] for f in sequence.frames if f.attributes and _NODE_HASH in f.attributes}
    if not hashes:
        return []
    usual, count = Counter(hashes.values()).most_common(1)[0]
    odd = [frame for frame, value in hashes.items() if value != usual]
    if not odd or 2 * count <= len(hashes):
        return []
    what = "nuke/node_hash is not that of most frames: rendered from another state of the script"
    return of_frames(odd, what, usual, hashes[odd[0]], Severity.INFO)


@sequence_rule(
    "CHK-SIZE-OUTLIER",
    Severity.WARNING,
    "No frame's file is far larger or smaller than most of its sequence",
    why="A much smaller file is often black or partly rendered.",
    source="OpenEXR file layout document (chunk data)",
    fix="Look at the frames that the message names, and render those again that are black or incomplete.",
    limits="File sizes only; small ones also in parts of the data window. Large files beside others of at least half their "
    "size are not reported: the image grew. Nor are frames of one colour, which SEQ-BLACK and SEQ-CONSTANT report, and small "
    "files beside them: an effect that begins or ends; nor small ones beside a file of less than 2.5 times their size; nor "
    "slates, which SEQ-AREA reports.",
)
def size_outlier(sequence: SequenceFacts, parameters: SequenceParameters) -> Results:
    """Compare file sizes with the median, without empty files: STR-MAGIC reports those."""
    flat = flat_frames(sequence)
    apart = flat | sequence.slates
    filled = [frame for frame in sequence.frames if not _is_empty(frame) and frame.frame not in apart]
    sizes = [frame.size_bytes for frame in filled if frame.size_bytes]
    if len(sizes) < _SMALL:
        return NOTHING
    found: list[Found] = []
    middle, factor = median(sizes), parameters.size_outlier
    beside = {near for number in flat for near in (number - 1, number + 1)}  # where an effect begins or ends
    filled = [frame for frame in filled if frame.frame not in beside]
    least = median(map(_density, filled)) / factor if filled else 0
    thin = [frame for frame in filled if _density(frame) < least]
    grown = _beside_like_sizes(sequence, middle / factor)
    small = {
        f.frame: f.size_bytes for f in thin if f.size_bytes and f.size_bytes < middle / factor and f.frame not in grown
    }
    large = {
        number: size for number, size in _without_neighbours(sequence) if size > middle * factor and number not in apart
    }
    expected = f"{middle:.0f} bytes, up to {factor:g} times more or less"
    for word, odd in (("smaller", small), ("larger", large)):
        if odd:
            size = " to ".join(dict.fromkeys(map(str, (min(odd.values()), max(odd.values()))))) + " bytes"
            found += of_frames([*odd], f"{size}, far {word} than most ({middle:.0f} bytes)", expected, size)
    return found


def _beside_like_sizes(sequence: SequenceFacts, most: float) -> set[int]:
    """Frames of small files, in runs of these beside a file that is larger, but not far larger: the image grows."""
    sizes = [(frame.frame, frame.size_bytes) for frame in sequence.frames if frame.size_bytes]
    found: set[int] = set()
    for run in runs_of(at for at, (_, size) in enumerate(sizes) if size < most):
        beside = [(sizes[at][1], sizes[near][1]) for at, near in edges_of(run, len(sizes))]
        if any(size < _GROWTH * own for own, size in beside):
            found.update(sizes[at][0] for at in run)
    return found


def _density(frame: FrameSummary) -> float:
    """Bytes for each pixel of the data window: a small window makes a small file."""
    return (frame.size_bytes or 0) / frame_area(frame)


def _without_neighbours(sequence: SequenceFacts) -> list[tuple[int, int]]:
    """Frames with their file sizes, without those beside a frame that has at least half their size."""
    sizes = [(frame.frame, frame.size_bytes or 0) for frame in sequence.frames]
    ends = [(0, 0), *sizes, (0, 0)]
    return [
        each
        for before, each, after in zip(ends, sizes, ends[2:], strict=False)
        if 2 * max(before[1], after[1]) < each[1]
    ]
