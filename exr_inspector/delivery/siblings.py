"""Find sequences that are views or AOVs of one image, by their names: all of them must have the same frames. Pure.

>>> from exr_inspector.delivery.naming import recognise
>>> left, right = [f"left/a.{n}.exr" for n in range(1001, 1006)], [f"right/a.{n}.exr" for n in range(1001, 1005)]
>>> found = siblings_of([(sequence, ()) for sequence in recognise(left + right).sequences])
>>> {pattern: sorted(each.frames) for pattern, each in found.items()}
{'left/a.####.exr': [1001, 1002, 1003, 1004, 1005], 'right/a.####.exr': [1001, 1002, 1003, 1004, 1005]}
>>> alone = recognise([*left, "right/a.1001.exr"]).sequences  # a single frame says nothing of a range
>>> siblings_of([(sequence, ()) for sequence in alone])
{}
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

from exr_inspector.delivery.clocks import other_time_codes
from exr_inspector.delivery.image_names import (
    AOV,
    DERIVED,
    DIGITS,
    LIGHT,
    MAIN,
    MATTE,
    VERSION,
    VIEW,
    image_of,
    is_animated,
    is_derived,
    is_matte_of_plate,
    plate_of,
)
from exr_inspector.delivery.naming import Recognised
from exr_inspector.delivery.textures import siblings_of_textures
from exr_inspector.delivery.versions import (
    folders_of_other_versions,
    newer_aovs,
    other_spellings,
    other_versions,
    part_of_older,
    share_most,
)
from exr_inspector.validation import FrameSummary
from exr_inspector.validation.facts.roles import RGB, layer_of_file
from exr_inspector.validation.facts.sequences import NO_SIBLINGS, Siblings
from exr_inspector.validation.facts.slates import slates
from exr_inspector.validation.rules.sequences.comparison import area, is_within, window_size

_OUTPUT = re.compile(r"(.*/|)([^/]+?)[._-]?#+([^/#]*)", re.DOTALL)  # folder, name before the frame, and behind it
_NUMBER = re.compile(r"\d+")
_SEPARATOR = re.compile(r"[._-]")
_FEW_FRAMES = 2
_LENS = re.compile(r"(?i:uvs?)")  # lens maps may be larger than the image
_VANISHED = 0.1  # share of its usual area that an object has where it enters or leaves
_CORNERS = 4  # coordinates of a window; rows have its width and height
_MOST_REGIONS = 1024  # of one image
_FEWEST = 3  # sequences with fewer frames have no range to compare
_Known = tuple[Recognised, Iterable[FrameSummary]]  # a sequence and the summaries of its frames
_Measured = dict[str, tuple[Recognised, tuple[int, ...]]]  # sequences with a size or a window, by pattern


def siblings_of(every: Sequence[_Known], textures: Container[str] = ()) -> dict[str, Siblings]:
    """Find the sequences that are views and AOVs of one image, and the textures that are maps of one object.

    Args:
        every: The sequences, each with the summaries of its frames, by which views with the same pixels are found.
        textures: The patterns of those that are textures.

    Returns:
        By the pattern of each sequence whose path differs from that of another only in the view and the AOV: their frames. Of
        such sequences, those are compared that have several frames and share most of them with the longest one, or have no
        others than that: lens maps of a single frame, and names that are alike by chance (`take_P.1001-1010`,
        `take_N.2001-2010`), are left out.
    """
    sequences = [each for each in every if each[0].pattern not in textures]
    groups: defaultdict[str, list[Recognised]] = defaultdict(list)
    for sequence, _ in sequences:
        groups[image_of(sequence.pattern)].append(sequence)
    found: dict[str, Siblings] = {}
    for group in groups.values():
        if len(group) > 1:
            found |= _frames_of(group)
    known = [sequence for sequence, _ in sequences]
    frames_of = {sequence.pattern: frozenset(sequence.frames) for sequence in known}
    derived = _of_derived(known)
    compared = {pattern for pattern, each in found.items() if each.frames}
    in_versions = _same_pixels(sequences, VERSION, "v#")
    # Of a version, all frames must be those of another one: a new version may change few.
    copies = {name: same for name, same in in_versions.items() if len(same) == len(frames_of[name]) >= _FEWEST}
    copies |= _same_pixels(sequences, VIEW, "%V") | _images_under_data(sequences)
    facts: dict[str, Mapping[str, Any]] = {
        "copies": copies,
        "kept": {name: same for name, same in in_versions.items() if 2 * len(same) <= len(frames_of[name])},
        "versions": {
            name: {number: other for number, other in frames.items() if number not in copies.get(other, ())}
            for name, frames in other_versions(known).items()
        },
        "spellings": other_spellings(known),
        "ends": {
            pattern: ends
            for pattern, ends in (_ends_of_mattes(sequences) | _ends_of_outputs(known)).items()
            if pattern not in compared | derived.keys()
        },
        "newer": newer_aovs(known),
        "older": part_of_older(known),
        "folder": folders_of_other_versions(known),
        "more": {
            pattern: fuller
            for pattern, fuller in (derived | _fuller_mattes(sequences)).items()
            if pattern not in found or found[pattern].frames.keys().isdisjoint(fuller.keys() - frames_of[pattern])
        },
        "sizes": _other_sizes(sequences),
        "windows": _other_windows(sequences),
        **_regions(sequences),
        "time_codes": other_time_codes(sequences),
    }
    for name, by_pattern in facts.items():
        for pattern, fact in by_pattern.items():
            found[pattern] = replace(found.get(pattern, NO_SIBLINGS), **{name: fact})
    return found | siblings_of_textures(sequence for sequence, _ in every if sequence.pattern in textures)


def _frames_of(group: Iterable[Recognised]) -> dict[str, Siblings]:
    """The frames of all sequences of a group that have more than half of all frames in common with the longest one."""
    known = [(sequence.pattern, frozenset(sequence.frames)) for sequence in group]
    longest = max((frames for _, frames in known), key=len)
    several = [(pattern, frames) for pattern, frames in known if len(frames) >= _FEWEST]
    alike = [(pattern, frames) for pattern, frames in several if share_most(frames, longest)]
    together = {number: pattern for pattern, frames in reversed(alike) for number in frames}
    found = {pattern: Siblings(together) for pattern, _ in alike} if len(alike) > 1 else {}
    parts = [
        pattern
        for pattern, frames in known
        if 2 * len(frames) <= len(longest) and frames < longest and _says_a_range(pattern, len(frames))
    ]
    for pattern, frames in alike if len(alike) > 1 else ():
        lacking = together.keys() - frames
        misnamed = {
            number: other for other, few in known if few <= lacking and _may_be(other, pattern) for number in few
        }
        found[pattern] = replace(found[pattern], misnamed=misnamed, image=_image_over(pattern, alike))
    return found | {pattern: Siblings(more=together) for pattern in parts}


def _of_derived(sequences: Iterable[Recognised]) -> dict[str, dict[int, str]]:
    """The frames of an image and of the one that was made from it, for the one that lacks some, by pattern.

    Their names differ in the word for what was done (`sh010.####`, `sh010_denoised.####`) or in the folder, and the folders are
    the same, or lie in or beside each other.
    """
    originals: defaultdict[tuple[str, str], list[Recognised]] = defaultdict(list)
    derived: list[Recognised] = []
    for sequence in sequences:
        if len(sequence.frames) < _FEWEST:
            continue
        if is_derived(sequence.pattern):
            derived.append(sequence)
            continue
        for folder in _folders(sequence.pattern):
            originals[folder, _name_of_original(sequence.pattern)].append(sequence)
    found: dict[str, dict[int, str]] = {}
    for sequence in derived:
        mine, name = frozenset(sequence.frames), _name_of_original(sequence.pattern)
        others = {
            other.pattern: other
            for folder in _folders(sequence.pattern)
            for other in originals.get((folder, name), ())
            if _may_be_made_from(sequence.pattern, other.pattern)
        }
        every = sorted(others.values(), key=lambda other: (-len(mine & frozenset(other.frames)), other.pattern))
        if not every or not mine & frozenset(every[0].frames):
            continue
        for one, other in ((sequence, every[0]), (every[0], sequence)):
            first, *_, last = one.frames
            if any(not first <= number <= last for number in other.frames):  # gaps are missing frames anyway
                found[one.pattern] = dict.fromkeys(one.frames, one.pattern) | dict.fromkeys(other.frames, other.pattern)
    return found


def _may_be_made_from(pattern: str, other: str) -> bool:
    """Whether the file name has the word for what was done, or its folder has no other words than that of the other one.

    Files of one name in two folders (`sh010_denoise_test/park.####`, `sh020/park.####`) may be different images.
    """
    *_, mine, name = ("/" + pattern).split("/")
    *_, theirs, _ = ("/" + other).split("/")
    return bool(DERIVED.search(name)) or DERIVED.sub("", mine) in {"", theirs}


def _name_of_original(pattern: str) -> str:
    """The file name without the words for what was done to an image."""
    return DERIVED.sub("", DIGITS.sub("#", pattern.rpartition("/")[2]))


def _fuller_mattes(sequences: Iterable[_Known]) -> dict[str, dict[int, str]]:
    """The frames of the longest matte of a clip, for the mattes of other objects that lack less than half of them, by pattern.

    Mattes that are empty in the frames next to those that they lack are left out: the object is not there yet, or leaves.
    """
    groups: defaultdict[str, list[_Known]] = defaultdict(list)
    for sequence, frames in sequences:
        if MATTE.search(sequence.pattern):
            groups[MATTE.sub("", DIGITS.sub("#", sequence.pattern))].append((sequence, frames))
    found: dict[str, dict[int, str]] = {}
    for group in groups.values():
        longest = max((sequence for sequence, _ in group), key=lambda sequence: len(sequence.frames))
        every = frozenset(longest.frames)
        for sequence, frames in group:
            mine = frozenset(sequence.frames)
            is_part = mine < every and len(mine) >= _FEWEST and share_most(mine, every)
            if is_part and not _vanishes(frames, every - mine):
                found[sequence.pattern] = dict.fromkeys(longest.frames, longest.pattern)
    return found


def _vanishes(frames: Iterable[FrameSummary], lacking: frozenset[int]) -> bool:
    """Whether a matte is nearly empty in all frames next to those that it lacks."""
    seen = {
        frame.frame: max([frame.pixels.coverage or 0.0, *frame.pixels.means.values()])
        for frame in frames
        if frame.pixels is not None
    }
    ends = [value for number, value in seen.items() if {number - 1, number + 1} & lacking]
    return bool(ends) and max(ends) < _VANISHED * max(seen.values())


def _other_sizes(sequences: Iterable[_Known]) -> dict[str, tuple[str, tuple[int, ...], bool]]:
    """A sequence of the same image with another size of the display window, by pattern: its pattern, its size, and certainty.

    Views and AOVs are compared with the main image, or with the size that most of them have, which is certain; lens maps are
    left out. Mattes are compared with the plate of the same name, which may have been cut or distorted: not certain.
    """
    images: defaultdict[str, _Measured] = defaultdict(dict)
    plates: defaultdict[str, _Measured] = defaultdict(dict)
    for sequence, frames in sequences:
        sizes = Counter(window_size(frame.display_window) for frame in frames if frame.display_window)
        if len(sequence.frames) >= _FEWEST and sizes:
            sized = sequence, sizes.most_common(1)[0][0]
            images[image_of(sequence.pattern)][sequence.pattern] = sized
            plates[plate_of(sequence.pattern)][sequence.pattern] = sized
    found: dict[str, tuple[str, tuple[int, ...], bool]] = {}
    for group in plates.values():
        references = {pattern: each for pattern, each in group.items() if not is_matte_of_plate(pattern)}
        if len({size for _, size in references.values()}) == 1:
            mattes = [pattern for pattern in group if pattern not in references]
            found |= {
                pattern: (*other, False) for pattern, other in _unlike(group, mattes, next(iter(references))).items()
            }
    return found | {pattern: (*other, True) for pattern, other in _unlike_image(images.values()).items()}


def _other_windows(sequences: Iterable[_Known]) -> dict[str, tuple[str, tuple[int, ...]]]:
    """A sequence of the same image with another data window, by pattern: its pattern and window. Each has one in all frames."""
    images: defaultdict[str, _Measured] = defaultdict(dict)
    for sequence, frames in sequences:
        windows = {frame.data_window for frame in frames if frame.data_window}
        if len(sequence.frames) >= _FEWEST and len(windows) == 1:
            images[image_of(sequence.pattern)][sequence.pattern] = sequence, windows.pop()
    return _unlike_image(images.values())


def _regions(sequences: Iterable[_Known]) -> dict[str, Mapping[str, Any]]:
    """Sequences of the same frames that are regions of one image.

    Their names differ in numbers alone, but not in a version, and their data windows fill the display window without overlap.
    """
    images: defaultdict[tuple[Any, ...], dict[str, tuple[frozenset[int], tuple[int, ...]]]] = defaultdict(dict)
    complete: defaultdict[tuple[str, tuple[int, ...]], list[frozenset[int]]] = defaultdict(list)
    for sequence, frames in sequences:
        windows = {(frame.display_window, frame.data_window) for frame in frames if frame.data_window}
        display, window = windows.pop() if len(windows) == 1 else (None, None)
        if not display or not window or len(window) != _CORNERS:
            continue
        folder, _, name = sequence.pattern.rpartition("/")
        numbers = frozenset(sequence.frames)
        if window == display:
            complete[folder, display].append(numbers)
        else:
            kind = tuple(VERSION.findall(name)), _NUMBER.sub("0", VERSION.sub("", name))
            images[folder, display, kind][sequence.pattern] = numbers, window
    regions, assembled = {}, {}
    for (folder, display, _), found in images.items():
        longest = max((numbers for numbers, _ in found.values()), key=len)
        parts = {pattern: window for pattern, (numbers, window) in found.items() if share_most(numbers, longest)}
        if _are_tiling(set(parts.values()), display):
            first, *others = sorted(parts)
            regions[first] = tuple(others)
            assembled[first] = any(share_most(numbers, longest) for numbers in complete[folder, display])
    return {"regions": regions, "is_assembled": assembled}


def _are_tiling(windows: Collection[tuple[int, ...]], display: tuple[int, ...]) -> bool:
    """Whether the windows lie in the display window, do not overlap, and fill it."""
    return (
        1 < len(windows) <= _MOST_REGIONS
        and sum(map(area, windows)) == area(display)
        and all(is_within(window, display) for window in windows)
        and not any(
            max(one[0], other[0]) <= min(one[2], other[2]) and max(one[1], other[1]) <= min(one[3], other[3])
            for one, other in combinations(windows, 2)
        )
    )


def _unlike_image(groups: Iterable[_Measured]) -> dict[str, tuple[str, tuple[int, ...]]]:
    """The views and AOVs that are unlike the main image, or unlike most of them; lens maps may be larger."""
    found: dict[str, tuple[str, tuple[int, ...]]] = {}
    for every in groups:
        group = {name: each for name, each in every.items() if not any(map(_LENS.fullmatch, _words_of_aov(name)))}
        counts = Counter(size for _, size in group.values())
        main = [pattern for pattern in group if all(map(MAIN.fullmatch, _words_of_aov(pattern)))]
        if len(counts) > 1:
            usual = max(group, key=lambda pattern: (pattern in main, counts[group[pattern][1]]))
            found |= _unlike(group, group, usual)
    return found


def _unlike(group: _Measured, some: Iterable[str], usual: str) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Those patterns that have another size or window than the usual one, and share most frames with it."""
    frames, size = frozenset(group[usual][0].frames), group[usual][1]
    return {
        pattern: (usual, size)
        for pattern in some
        if group[pattern][1] != size and share_most(frozenset(group[pattern][0].frames), frames)
    }


def _image_over(pattern: str, alike: Iterable[tuple[str, frozenset[int]]]) -> str:
    """The main image, if the pattern is that of an AOV of light; empty otherwise."""
    if not any(map(LIGHT.fullmatch, _words_of_aov(pattern))):
        return ""
    return next((other for other, _ in alike if all(map(MAIN.fullmatch, _words_of_aov(other)))), "")


def _words_of_aov(pattern: str) -> list[str]:
    return [word for found in AOV.findall(pattern) for word in _SEPARATOR.split(found) if word]


def _says_a_range(pattern: str, count: int) -> bool:
    """Whether a sequence has enough frames to be compared; of an AOV that changes, the only frame may be all frames in one."""
    return count >= _FEWEST or (count == 1 and is_animated(pattern))


def _ends_of_outputs(sequences: Iterable[Recognised]) -> dict[str, dict[int, str]]:
    """The frames before the first and behind the last one of a sequence that other outputs of one script have, by pattern.

    The names of outputs are that of the main one, in the same folder, with a word behind it (`comp.####`, `comp.bake.####`).
    Their frames are nearly those of the main one. Versions are no outputs.
    """
    by_name = {
        name.groups(): sequence
        for sequence in sequences
        if len(sequence.frames) >= _FEWEST and (name := _OUTPUT.fullmatch(sequence.pattern))
    }
    groups: dict[str, list[Recognised]] = {}
    for (folder, stem, after), sequence in by_name.items():
        for separator in reversed([*_SEPARATOR.finditer(stem)]):
            main, word = by_name.get((folder, stem[: separator.start()], after)), stem[separator.end() :]
            if main is not None:
                if not VERSION.fullmatch(word) and not word.isdigit() and _are_nearly_equal(main, sequence):
                    groups.setdefault(main.pattern, [main]).append(sequence)
                break
    found: dict[str, dict[int, str]] = {}
    for group in groups.values():
        every = {number: sequence.pattern for sequence in reversed(group) for number in sequence.frames}
        for sequence in group:
            first, *_, last = sequence.frames
            if ends := {number: other for number, other in every.items() if not first <= number <= last}:
                found[sequence.pattern] = ends
    return found


def _ends_of_mattes(sequences: Iterable[_Known]) -> dict[str, dict[int, str]]:
    """The frames before the first and behind the last one of a matte that the image of the same name has, by pattern.

    Their frames are nearly equal. Mattes that are nearly empty there are left out: the object is not there yet, or leaves.
    """
    groups: defaultdict[str, list[_Known]] = defaultdict(list)
    for known in sequences:
        if len(known[0].frames) >= _FEWEST:
            groups[plate_of(known[0].pattern)].append(known)
    found: dict[str, dict[int, str]] = {}
    for group in groups.values():
        images = [each for each in group if not is_matte_of_plate(each[0].pattern)]
        image, its_frames = max(images, key=lambda each: len(each[0].frames), default=(None, ()))
        for matte, frames in group:
            if image and is_matte_of_plate(matte.pattern) and _are_nearly_equal(matte, image):
                ends = {*image.frames}.difference(range(matte.frames[0], matte.frames[-1] + 1), slates(its_frames))
                if ends and not _vanishes(frames, frozenset(ends)):
                    found[matte.pattern] = dict.fromkeys(sorted(ends), image.pattern)
    return found


def _are_nearly_equal(one: Recognised, other: Recognised) -> bool:
    """Whether of ten frames of two sequences, both have nine, or all but two."""
    frames, others = frozenset(one.frames), frozenset(other.frames)
    return len(frames ^ others) <= max(_FEW_FRAMES, len(frames | others) // 10) and share_most(frames, others)


def _may_be(other: str, pattern: str) -> bool:
    """Whether two patterns have the same view or AOV in two spellings, of which the one begins the other (`r`, `right`)."""
    mine, theirs = ([*VIEW.findall(each.lower()), *AOV.findall(each.lower())] for each in (pattern, other))
    return len(mine) == len(theirs) and all(
        one.startswith(two) or two.startswith(one) for one, two in zip(mine, theirs, strict=True)
    )


def _images_under_data(sequences: Sequence[_Known]) -> dict[str, dict[int, str]]:
    """The frames of depth, normals and other data, by their names, with the pixels of the same frame of an image in colour.

    All frames must be those of one image, whose sequence lies in the same folder or in one beside it.
    """
    images: dict[tuple[str, int, str | None], str] = {}
    data: list[tuple[str, list[FrameSummary]]] = []
    for sequence, each in sequences:
        frames = [frame for frame in each if frame.pixel_hash is not None]
        if frames and layer_of_file(frames[0].path, RGB):
            data.append((sequence.pattern, frames))
            continue
        for frame in frames:
            if frame.pixels is not None and _is_coloured(frame.pixels.means):
                for folder in _folders(sequence.pattern):
                    images.setdefault((folder, frame.frame, frame.pixel_hash), sequence.pattern)
    found: dict[str, dict[int, str]] = {}
    for pattern, frames in data:
        keys = [(folder, frame.frame, frame.pixel_hash) for frame in frames for folder in _folders(pattern)]
        copies = {key[1]: images[key] for key in keys if key in images}
        if len(copies) == len(frames) >= _FEWEST:
            found[pattern] = copies
    return found


def _folders(pattern: str) -> tuple[str, str]:
    """The folder of a sequence and the one above it."""
    folder = pattern.rpartition("/")[0]
    return folder, folder.rpartition("/")[0]


def _is_coloured(means: Mapping[str, float]) -> bool:
    """Whether R, G and B differ; depth that was written as an image is grey."""
    return len({f"{means[name]:.4g}" for name in "RGB" if name in means}) > 1


def _same_pixels(sequences: Iterable[_Known], word: re.Pattern[str], name: str) -> dict[str, dict[int, str]]:
    """The frames with the pixels of the same frame of a sequence before it, whose pattern differs in a word alone.

    Flat frames are left out.
    """
    first: dict[tuple[str, int, str], str] = {}
    found: defaultdict[str, dict[int, str]] = defaultdict(dict)
    alike = [(sequence.pattern, frames) for sequence, frames in sequences if word.search(sequence.pattern)]
    for pattern, frames in sorted(alike, key=lambda each: each[0]):
        image = word.sub(name, DIGITS.sub("#", pattern))
        for frame in frames:
            is_flat = frame.pixels is not None and frame.pixels.is_constant
            if frame.pixel_hash is not None and not is_flat:
                other = first.setdefault((image, frame.frame, frame.pixel_hash), pattern)
                if other != pattern:
                    found[pattern][frame.frame] = other
    return found
