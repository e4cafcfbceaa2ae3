"""Compare the time codes of sequences of one shot, which have the same time code in frames of the same number. Pure."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from statistics import mode
from typing import NamedTuple

from exr_inspector.delivery.image_names import DIGITS, image_of, without_version
from exr_inspector.delivery.naming import Recognised
from exr_inspector.validation import FrameSummary
from exr_inspector.validation.facts import timecodes

_FEWEST = 3  # frames in common
_FAR = 24  # frames; a time code that is further away counts from another clock
_HIGHEST_RATE = 30  # above it, the field counts pairs of frames
_PLATE = re.compile(
    r"(?<![a-zA-Z0-9])(?:(?:bg|fg)?plates?|pl\d*|scans?|src|sources?|turnovers?|footage|camera_?raw)\d*(?![a-zA-Z0-9])",
    re.IGNORECASE,
)
_SHOT = re.compile(
    r"(?<![a-zA-Z0-9])(?!(?:pl|bg|fg|cam|lod|tk|take|v)\d)[a-zA-Z]*\d{2,}[a-zA-Z]?(?![a-zA-Z0-9])", re.ASCII
)
_FOLDERS = 2  # above a file, that may be named for its shot


class _Clocked(NamedTuple):
    """A sequence whose time codes follow its frame numbers.

    Attributes:
        pattern: Its pattern.
        counts: Frames since midnight, by frame number.
        rate: Its rate.
    """

    pattern: str
    counts: dict[int, int]
    rate: float


def other_time_codes(
    sequences: Iterable[tuple[Recognised, Iterable[FrameSummary]]],
) -> dict[str, tuple[str, int]]:
    """The sequences whose time codes are some frames later than those of the plate or of most other views: pattern, frames.

    Views and AOVs of one image are compared with most of them, all other images of a shot with its plate.
    """
    every = [clocked for sequence, frames in sequences if (clocked := _clocked(sequence.pattern, frames)) is not None]
    images: defaultdict[str, list[_Clocked]] = defaultdict(list)
    plates: defaultdict[str, list[_Clocked]] = defaultdict(list)
    for each in every:
        images[image_of(each.pattern)].append(each)
        if _PLATE.search(each.pattern):
            for folder in _folders(each.pattern):
                plates[folder].append(each)
    found: dict[str, tuple[str, int]] = {}
    for each in every:
        if not _PLATE.search(each.pattern):
            near = {plate.pattern: plate for folder in _folders(each.pattern) for plate in plates.get(folder, ())}
            of_shot = [plate for plate in near.values() if _may_be_of_one_shot(plate.pattern, each.pattern)]
            offsets = [(plate.pattern, offset) for plate in of_shot if (offset := _offset(each, plate)) is not None]
            if offsets and all(offset for _, offset in offsets):
                found[each.pattern] = offsets[0]
    for group in images.values():
        usual = group[0]
        offsets_of = {each.pattern: _offset(each, usual) for each in group}
        most = Counter(offset for offset in offsets_of.values() if offset is not None).most_common(1)
        reference = next((each for each in group if most and offsets_of[each.pattern] == most[0][0]), usual)
        for each in group:
            if offset := _offset(each, reference):
                found.setdefault(each.pattern, (reference.pattern, offset))
    return found


def _clocked(pattern: str, frames: Iterable[FrameSummary]) -> _Clocked | None:
    known = [(frame.frame, frame.time_code, frame.frame_rate or frame.timecode_rate) for frame in frames]
    coded = [(number, code, rate) for number, code, rate in known if code is not None and rate]
    if len(coded) < _FEWEST:
        return None
    rate = float(mode(rate for _, _, rate in coded))
    if not 1 <= rate <= _HIGHEST_RATE:
        return None
    return _Clocked(pattern, {number: timecodes.frame_count(code, rate) for number, code, _ in coded}, rate)


def _offset(one: _Clocked, other: _Clocked) -> int | None:
    """By how many frames the time code of one sequence is later in all frames that both have; None if it is no such offset."""
    common = one.counts.keys() & other.counts.keys()
    if len(common) < _FEWEST or one.rate != other.rate:
        return None
    offsets = {one.counts[number] - other.counts[number] for number in common}
    is_running = len({one.counts[number] for number in common}) == len(common)
    if len(offsets) != 1 or not is_running:
        return None
    offset = offsets.pop()
    return offset if abs(offset) <= _FAR else None


def _folders(pattern: str) -> Sequence[str]:
    """The folder of a sequence and those above it in which other images of its shot may be."""
    folders = without_version(DIGITS.sub("#", pattern)).split("/")[:-1]
    plain = [folder for folder in folders if folder != "v#"]
    return ["/".join(plain[: len(plain) - up]) for up in range(min(_FOLDERS, len(plain)) + 1)]


def _may_be_of_one_shot(one: str, other: str) -> bool:
    """Whether the names and folders of two sequences have the same words for a shot (`sh010`), or one of them has none."""
    mine, theirs = (set(_SHOT.findall("/".join(each.split("/")[-1 - _FOLDERS :]).lower())) for each in (one, other))
    return mine <= theirs or theirs <= mine
