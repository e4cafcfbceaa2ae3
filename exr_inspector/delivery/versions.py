"""Compare the versions and the spellings in the names of sequences, with each other and with their folders. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable

from exr_inspector.delivery.image_names import BUNDLE, DIGITS, VERSION, image_of, without_version
from exr_inspector.delivery.naming import Recognised

_FEWEST = 3  # sequences with fewer frames have no range to compare
_MOST_PARTS = 16  # of one range; more are a convention of names
_MOST_LOST = 0.5  # of a range of which one name has both ends, or whose names differ in spelling alone
_FOLDER = re.compile(
    r"(?:(?P<stem>.+?)[._-]?)??(?<![a-zA-Z])v(?:er(?:sion)?)?[._-]?(?P<number>\d+)", re.IGNORECASE | re.ASCII
)
_SEPARATORS = re.compile(r"[-_. ]+")
_BEFORE_FRAME = re.compile(r"_*#+")


def newer_aovs(sequences: Iterable[Recognised]) -> dict[str, dict[str, tuple[int, ...]]]:
    """The views and AOVs of one image that have a newer version in their file names than a sequence has, by its pattern.

    Each has its frames before the first and behind the last one of the sequence. Of each view or AOV, the newest version
    counts. Only sequences that share most frames with the newer one are compared.
    """
    groups: defaultdict[str, dict[str, tuple[int, Recognised]]] = defaultdict(dict)
    for sequence in sequences:
        folder, slash, file_name = DIGITS.sub("#", sequence.pattern).rpartition("/")
        versions = VERSION.findall(file_name)
        if not versions or len(sequence.frames) < _FEWEST:
            continue
        name = folder + slash + without_version(file_name)
        of_image, version = groups[BUNDLE.sub("", image_of(name))], int(versions[-1][1:])
        if name not in of_image or version > of_image[name][0]:
            of_image[name] = version, sequence
    found: dict[str, dict[str, tuple[int, ...]]] = {}
    for of_image in groups.values():
        newest = max(version for version, _ in of_image.values())
        latest = [sequence for version, sequence in of_image.values() if version == newest]
        for version, sequence in of_image.values():
            mine = frozenset(sequence.frames)
            others = latest if version < newest else []
            if newer := {
                each.pattern: _beyond(sequence, each) for each in others if share_most(frozenset(each.frames), mine)
            }:
                found[sequence.pattern] = newer
    return found


def _beyond(sequence: Recognised, other: Recognised) -> tuple[int, ...]:
    """The frames of another sequence before the first and behind the last frame of a sequence."""
    first, *_, last = sequence.frames
    return tuple(number for number in other.frames if not first <= number <= last)


def part_of_older(sequences: Iterable[Recognised]) -> dict[str, dict[int, str]]:
    """The frames of the version before, before and behind those of the newest version, if it has a part of them, by pattern."""
    groups: defaultdict[str, dict[int, Recognised]] = defaultdict(dict)
    for sequence in sequences:
        if len(sequence.frames) > 1 and (versions := VERSION.findall(sequence.pattern)):
            groups[without_version(DIGITS.sub("#", sequence.pattern))][int(versions[-1][1:])] = sequence
    found: dict[str, dict[int, str]] = {}
    for group in groups.values():
        *_, before, newest = [None, *(each for _, each in sorted(group.items()))]
        if before and newest and frozenset(newest.frames) < frozenset(before.frames):
            found[newest.pattern] = dict.fromkeys(before.frames, before.pattern)
    return found


def share_most(one: frozenset[int], other: frozenset[int]) -> bool:
    """Whether two sequences have more than half of all their frames in common."""
    return 2 * len(one & other) > len(one | other)


def other_versions(sequences: Iterable[Recognised]) -> dict[str, dict[int, str]]:
    """The frames of other versions of a sequence, if together they have each frame of one range once, by pattern.

    Of a range that one version begins and ends, frames may be missing. The versions are those of one folder, or of all.
    """
    versioned = [sequence for sequence in sequences if VERSION.search(sequence.pattern)]
    of_folders = _parts_of_one_range(versioned, _without_version_of_name, most_missing=0)
    return of_folders | _parts_of_one_range(versioned, without_version, most_missing=0)


def _without_version_of_name(pattern: str) -> str:
    folder, slash, name = pattern.rpartition("/")
    return folder + slash + without_version(name)


def other_spellings(sequences: Iterable[Recognised]) -> dict[str, dict[int, str]]:
    """The frames of sequences whose names differ in case or separators alone, if together they have most of one range, once.

    >>> from exr_inspector.delivery.naming import recognise
    >>> found = recognise(f"a/SHOT{'._'[n > 999]}{n:04}.exr" for n in range(997, 1003)).sequences
    >>> other_spellings(found)["a/SHOT.####.exr"]
    {1000: 'a/SHOT_####.exr', 1001: 'a/SHOT_####.exr', 1002: 'a/SHOT_####.exr'}
    """
    return _parts_of_one_range(sequences, _spelled_alike, most_missing=_MOST_LOST)


def _spelled_alike(pattern: str) -> str:
    folder, slash, name = pattern.rpartition("/")
    plain = _SEPARATORS.sub("_", unicodedata.normalize("NFC", name).casefold())
    return folder + slash + _BEFORE_FRAME.sub("#", plain)


def _parts_of_one_range(
    sequences: Iterable[Recognised], key: Callable[[str], str], *, most_missing: float
) -> dict[str, dict[int, str]]:
    """The frames of the other sequences with the same key, if no two have the same frame and few of one range are missing."""
    groups: defaultdict[str, list[Recognised]] = defaultdict(list)
    for sequence in sequences:
        groups[key(sequence.pattern)].append(sequence)
    found: dict[str, dict[int, str]] = {}
    for group in groups.values():
        by_number = {number: sequence.pattern for sequence in group for number in sequence.frames}
        span = max(by_number) - min(by_number) + 1
        is_once = sum(len(sequence.frames) for sequence in group) == len(by_number) > len(group)
        first = min(group, key=lambda sequence: sequence.frames[0])
        is_within = all(sequence.frames[-1] <= first.frames[-1] for sequence in group)
        most = _MOST_LOST if is_within else most_missing
        if 1 < len(group) <= _MOST_PARTS and is_once and span - len(by_number) <= most * span:
            for sequence in group:
                mine = set(sequence.frames)
                found[sequence.pattern] = {n: other for n, other in by_number.items() if n not in mine}
    return found


def folders_of_other_versions(sequences: Iterable[Recognised]) -> dict[str, tuple[str, str]]:
    """The folder of a sequence and the version in its name, if the folder has another version, by pattern.

    All names below the folder that have a version must have this one. A folder with a name before its version
    (`comp_v003`) counts if the names of the files are or end in the same, without their AOVs (`sh010_comp_depth_v002`).
    """
    below: defaultdict[str, dict[str, set[int]]] = defaultdict(dict)  # folder -> pattern -> versions in the name
    for sequence in sequences:
        folder, _, name = sequence.pattern.rpartition("/")
        versions = {int(each[1:]) for each in VERSION.findall(name)}
        for outer in (folder, folder.rpartition("/")[0]):
            if versions and _FOLDER.fullmatch(outer.rpartition("/")[2]):
                below[outer][sequence.pattern] = versions
                break
    found: dict[str, tuple[str, str]] = {}
    for folder, names in below.items():
        title = folder.rpartition("/")[2]
        match = _FOLDER.fullmatch(title)
        every = set.union(*names.values())
        if match and len(every) == 1 and int(match["number"]) not in every:
            found |= {
                pattern: (title, VERSION.findall(pattern)[-1])
                for pattern in names
                if _is_of(pattern.rpartition("/")[2], match["stem"] or "")
            }
    return found


def _is_of(name: str, stem: str) -> bool:
    """Whether a file name, up to its version and without its AOV, is or ends in the name of a folder; any name without one."""
    mine = _SEPARATORS.split(image_of(VERSION.split(name)[0]).casefold().strip("-_. "))
    theirs = _SEPARATORS.split(image_of(stem).casefold().strip("-_. "))
    return not stem or mine[-len(theirs) :] == theirs
