"""Frame numbers and sequences by file name: what one key says, and which frames of a sequence a set of keys lacks.

A number is a frame number only where the name leaves no doubt: it stands alone between dots (`beauty.1001.exr`,
`beauty.1001.left.exr`, `beauty.-0010.exr`), behind the last dot of a name without another extension (`v002.0101`), or is
the whole name (`0001.exr`). Of several such numbers the last one is meant. Numbers that touch anything else (`shot1001`,
`v002`, `plate_2048`) may be shots, versions or sizes, and those of eight digits and more are dates, times or ids: no frame
number is made of them. Behind it only words may stand (`left`): in `shot.0010.beauty.v003.exr` the number may be the shot's.
A UDIM tile (`tex.1001.exr`) is written as a frame is, so it reads as one; nothing in a single name tells them apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from exr_inspector.model import SequenceName

_COMPONENTS = 4  # of a name are looked at, from its end
_NUMBER = re.compile(r"(-?)([0-9]+)")
_WORD = re.compile(r"\w*[a-zA-Z]\w?")  # ends in a letter, or in one and one digit: `left`, `v2`, but not `v003`
_MAX_DIGITS = 20
# More frames than a day at 115 a second has: larger numbers are dates (20260131), times or ids. Leading zeros do not count.
_MAX_FRAME = 9_999_999


@dataclass(frozen=True, slots=True)
class FrameSequence:
    """Frames of one sequence that were found among some keys.

    Attributes:
        sequence: Key with its folder, frame digits as `#` signs, as in SequenceName; a single `#` where numbers are not padded.
        padding: Least digits of a frame number, 1 where numbers are not padded.
        frames: Frame numbers, rising, each once.
        missing: Ranges (first, last) of the frames between the first and the last that are not there.
        repeated: Frame numbers that more than one key has, such as 1 of `a.1.exr` and `a.01.exr`.
    """

    sequence: str
    padding: int
    frames: tuple[int, ...]
    missing: tuple[tuple[int, int], ...]
    repeated: tuple[int, ...]

    @property
    def missing_count(self) -> int:
        """How many frames between the first and the last are not there."""
        return sum(last - first + 1 for first, last in self.missing)


@dataclass(frozen=True, slots=True)
class _Frame:
    """A name around a frame number, and the number as written."""

    before: str
    sign: str
    digits: str
    after: str

    @property
    def number(self) -> int:
        return int(self.sign + self.digits)

    @property
    def is_padded(self) -> bool:
        return self.digits[0] == "0" and len(self.digits) > 1


def sequence_name(bucket: str, key: str) -> SequenceName:
    """What a key says of frame and sequence. Never raises, whatever the key.

    Args:
        bucket: Bucket of the object.
        key: Its key, decoded.
    """
    directory, _, file_name = f"{bucket}/{key}".rpartition("/")
    frame = _find_frame(file_name)
    if frame is None:
        return SequenceName(directory, file_name, None, None, 0)
    padding = len(frame.digits)
    sequence = f"{directory}/{frame.before}{'#' * padding}{frame.after}"
    return SequenceName(directory, file_name, sequence, frame.number, padding)


def _find_frame(file_name: str) -> _Frame | None:
    """The last component that is a number, with nothing but words behind it and before the extension."""
    components = file_name.split(".")
    last = len(components) - 1
    for index in range(last, max(last - _COMPONENTS, -1), -1):
        number = _NUMBER.fullmatch(components[index])
        if number is not None and (index < last or last > 0):
            return _frame(components, index, number)
        is_extension = index == last and components[index]
        if not is_extension and not _WORD.fullmatch(components[index]):
            return None
    return None


def _frame(components: list[str], index: int, number: re.Match[str]) -> _Frame | None:
    sign, digits = number.groups()
    if len(digits) > _MAX_DIGITS or int(digits) > _MAX_FRAME or any("\\" in one for one in components[-_COMPONENTS:]):
        return None
    before, after = ".".join(components[:index]), ".".join(components[index + 1 :])
    return _Frame(f"{before}." if index else "", sign, digits, f".{after}" if index < len(components) - 1 else "")


def group_sequences(names: Iterable[SequenceName]) -> tuple[FrameSequence, ...]:
    """Sequences of the given names, sorted by their key; names without a frame number are left out.

    Padded and longer numbers go together (`a.0998.exr` to `a.10001.exr`), and so do numbers without padding (`a.9.exr`,
    `a.10.exr`). Where two paddings occur beside one another, each number of digits is a sequence of its own.
    """
    groups: dict[tuple[str, str, str], list[_Frame]] = {}
    for name in names:
        frame = _find_frame(name.file_name) if name.frame is not None else None
        if frame is not None:
            groups.setdefault((name.directory, frame.before, frame.after), []).append(frame)
    sequences: list[FrameSequence] = []
    for (directory, before, after), frames in groups.items():
        for padding, members in _by_padding(frames).items():
            numbers = [frame.number for frame in members]
            sequences.append(_sequence(f"{directory}/{before}{'#' * padding}{after}", padding, numbers))
    return tuple(sorted(sequences, key=lambda sequence: sequence.sequence))


def _by_padding(frames: list[_Frame]) -> dict[int, list[_Frame]]:
    widths = {len(frame.digits) for frame in frames}
    padded = {len(frame.digits) for frame in frames if frame.is_padded}
    if len(widths) == 1 or (len(padded) == 1 and min(widths) in padded):
        return {min(widths): frames}
    if not padded:
        return {1: frames}
    groups: dict[int, list[_Frame]] = {}
    for frame in frames:
        groups.setdefault(len(frame.digits), []).append(frame)
    return groups


def _sequence(key: str, padding: int, numbers: list[int]) -> FrameSequence:
    frames = tuple(sorted(set(numbers)))
    missing = tuple((one + 1, two - 1) for one, two in pairwise(frames) if two - one > 1)
    repeated: tuple[int, ...] = ()
    if len(frames) < len(numbers):
        rising = sorted(numbers)
        repeated = tuple(sorted({one for one, two in pairwise(rising) if one == two}))
    return FrameSequence(key, padding, frames, missing, repeated)
