"""Derive frame number and sequence from the name of one file, as an event does, which knows no other file.

With the names of a whole folder, `delivery.naming` decides what this module only proposes; for a single name both
agree.

A number counts as a frame number only if the name is unambiguous: the number stands alone between dots
(`beauty.1001.exr`, `beauty.1001.left.exr`, `beauty.-0010.exr`), after the last dot of a name without another extension
(`v002.0101`), or is the whole name (`0001.exr`). If there are several, the last one counts. Numbers attached to other
text (`shot1001`, `v002`, `plate_2048`) may be shots, versions or sizes, and those of eight or more digits are dates,
times or ids; they never count. Only words may follow the number (`left`): in `shot.0010.beauty.v003.exr` it may be the
shot's. A UDIM tile (`tex.1001.exr`) is written like a frame and is read as one; a single name does not distinguish
them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from exr_inspector.model import SequenceName

_COMPONENTS = 4  # number of components of a name that are examined, from its end
_NUMBER = re.compile(r"(-?)([0-9]+)")
_WORD = re.compile(r"\w*[a-zA-Z]\w?")  # ends in a letter, or in one and one digit: `left`, `v2`, but not `v003`
_MAX_DIGITS = 20
# More frames than a day has at 115 per second: larger numbers are dates (20260131), times or ids. Leading zeros do not count.
MAX_FRAME = 9_999_999


@dataclass(frozen=True, slots=True)
class _Frame:
    """A file name split around its frame number, and the number as written."""

    before: str
    sign: str
    digits: str
    after: str

    @property
    def number(self) -> int:
        return int(self.sign + self.digits)


def sequence_name(bucket: str, key: str) -> SequenceName:
    """Return the frame and sequence that a key indicates. Never raises, for any key."""
    directory, _, file_name = f"{bucket}/{key}".rpartition("/")
    frame = _find_frame(file_name)
    if frame is None:
        return SequenceName(directory, file_name, None, None, 0)
    padding = len(frame.digits)
    sequence = f"{directory}/{frame.before}{'#' * padding}{frame.after}"
    return SequenceName(directory, file_name, sequence, frame.number, padding)


def is_apple_double(path: str) -> bool:
    """Whether a file is an AppleDouble file of macOS, which stores attributes of another file, whatever its extension."""
    return path.rpartition("/")[2].startswith("._")


def is_exr(path: str) -> bool:
    """Whether a file's name is that of an OpenEXR file, in any case; AppleDouble files of macOS are not."""
    return path.lower().endswith(".exr") and not is_apple_double(path)


def _find_frame(file_name: str) -> _Frame | None:
    """Find the last component that is a number and is followed only by words and the extension."""
    if is_apple_double(file_name):
        return None
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
    if len(digits) > _MAX_DIGITS or int(digits) > MAX_FRAME or any("\\" in one for one in components[-_COMPONENTS:]):
        return None
    before, after = ".".join(components[:index]), ".".join(components[index + 1 :])
    return _Frame(f"{before}." if index else "", sign, digits, f".{after}" if index < len(components) - 1 else "")
