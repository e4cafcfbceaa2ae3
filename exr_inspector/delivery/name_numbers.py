"""The numbers in the names of files, and what they count: frames, versions, sizes, dates, times, shots, places in a grid. Pure.

One name tells that a number is no frame (`v003`, `2k`, `1920x1080`); its siblings tell it of others: numbers that are all sizes
of images (`env_512`, `env_1024`) or that may all be dates (`plate_240501`, `plate_240502`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from exr_inspector.storage.sequences import MAX_FRAME

SURE_DIGITS = 4
_TIMED_DIGITS = 3
_NUMBER = re.compile(r"\d+", re.ASCII)
_VERSION_OR_TAKE = re.compile(r"(?:^|[^a-zA-Z])(?:v|vers?|version|tk|take|rev|wip)$", re.IGNORECASE)
# `take_2`, `r2`, `tile_2`, `lod1`, `dwa_45` and `ev-2` count no frames, but `take_1001`, `r1001` and `tile.1001` do.
_SHORT_NUMBER_AFTER = re.compile(
    r"(?:^|[^a-zA-Z])(?:(?:vers?|version|tk|take|rev|wip|tile|region|bucket|wedge|lod|mip|cam|camera|dwa[ab]?)[._ -]?"
    r"|ev[+-]?|[rp])$",
    re.IGNORECASE,
)
_TAKE = re.compile(r"(?:^|[^a-zA-Z])t$", re.IGNORECASE)  # of `pl_t01`; `sim_t001` counts steps of time
_SIZE_BEFORE = re.compile(r"[0-9][xX]$")
_SIZE_AFTER = re.compile(r"^(?:[xX][0-9]|[kKpP](?![a-zA-Z])|(?:fps|bit|mm|ev|spp)(?![a-zA-Z]))", re.IGNORECASE)
# Widths and heights of images: of textures, and of video.
_SIZES = frozenset(
    {*(1 << n for n in range(7, 17)), 480, 540, 576, 720, 1080, 1280, 1440, 1920, 2160, 3840, 4320, 7680}
)
_SIZE_STEP = 4 / 3  # between one size and the next; frames are never so far apart at such numbers alone
_SHOT = re.compile(r"(?:^|[^a-zA-Z])(?:sh|shot|sq|seq|sc|scene)[._-]?$", re.IGNORECASE)
# Both numbers of a place in a grid: `u1_v1` (UDIM of Mudbox), `x0_y0`, `r0_c0`, `row0col0`.
_GRID = re.compile(
    r"(?<![a-zA-Z0-9])(?:u\d+[._-]?v|x\d+[._-]?y|r\d+[._-]?c|row\d+[._-]?col)\d+(?![a-zA-Z0-9])",
    re.IGNORECASE | re.ASCII,
)
_MONTH, _DAY = "(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12]\d|3[01])"
_HOUR, _SIXTIETH = r"(?:[01]\d|2[0-3])", r"[0-5]\d"
# All numbers of a date, or of a date and a time, with signs between them: `2024-05-01`, `2024.05.01_12.30.15`.
_MOMENT = re.compile(
    rf"(?<!\d)(?:19|20)\d\d([-.]){_MONTH}\1{_DAY}(?:[T_ .-]+{_HOUR}([-.:]){_SIXTIETH}(?:\2{_SIXTIETH})?)?(?!\d)",
    re.ASCII,
)
_SHORT_DATE = re.compile(rf"(?<!\d)(?:[1-4]\d-{_MONTH}-{_DAY}|{_DAY}-{_MONTH}-(?:20)?[1-4]\d)(?!\d)", re.ASCII)
_DATE_BEFORE = re.compile(rf"(?<!\d)(?:19|20)\d\d{_MONTH}{_DAY}[T_ .-]$", re.ASCII)
# Six digits: year, month and day of 2010 to 2049, and the other ways round; the first hour of a day would be frames 1 to 5959.
_YEAR_FIRST = re.compile(rf"[1-4]\d{_MONTH}{_DAY}", re.ASCII)
_YEAR_LAST = re.compile(rf"(?:{_DAY}{_MONTH}|{_MONTH}{_DAY})[1-4]\d", re.ASCII)
_TIME = re.compile(rf"{_HOUR}{_SIXTIETH}{_SIXTIETH}", re.ASCII)
_RUN = 4  # as many seconds without a gap are a run of frames


@dataclass(frozen=True, slots=True)
class NameNumber:
    """A number in a file's name: where it stands with its sign, its digits, and whether it may be a frame number."""

    start: int
    end: int
    sign: str
    digits: str
    may_be_frame: bool

    @property
    def value(self) -> int:
        """The number."""
        return int(self.sign + self.digits)


@dataclass(frozen=True, slots=True)
class NumberedName:
    """A path, with the numbers in the file's name; those of its extension and of its folders are not looked at."""

    path: str
    folder: str
    name: str
    numbers: tuple[NameNumber, ...]

    @property
    def shape(self) -> tuple[str, ...]:
        """The folder, and the texts around the numbers."""
        bounds = [0, *(bound for number in self.numbers for bound in (number.start, number.end)), len(self.name)]
        texts = [self.name[bounds[i] : bounds[i + 1]] for i in range(0, len(bounds), 2)]
        return (self.folder, *texts)

    def rest(self, *without: int) -> tuple[str, ...]:
        """All numbers but some, as written."""
        return tuple(n.sign + n.digits for i, n in enumerate(self.numbers) if i not in without)

    def around(self, index: int, hidden: Mapping[int, int]) -> tuple[str, str]:
        """What stands before and behind a number, the folder included, other numbers as so many `#` as `hidden` says."""
        texts = [self.folder, ""]
        position = 0
        for i, number in enumerate(self.numbers):
            side = int(i > index)
            texts[side] += self.name[position : number.start]
            if i != index:
                texts[side] += "#" * hidden[i] if i in hidden else self.name[number.start : number.end]
            position = number.end
        return texts[0], texts[1] + self.name[position:]

    def before(self, index: int) -> str:
        """The character in front of a number, its sign aside; empty at the beginning."""
        start = self.numbers[index].start
        return self.name[start - 1 : start] if start else ""

    def is_between_dots(self, index: int) -> bool:
        """Whether a number stands alone between dots, or at an end of the name."""
        end = self.numbers[index].end
        return self.before(index) in {"", "."} and self.name[end : end + 1] in {"", "."}


def parse_name(path: str) -> NumberedName:
    """The numbers of a path's last component."""
    folder, slash, name = path.rpartition("/")
    stem_end = name.rfind(".") if name.lower().endswith(".exr") else len(name)
    numbers = []
    others = [found.span() for pattern in (_GRID, _MOMENT) for found in pattern.finditer(name, 0, stem_end)]
    for match in _NUMBER.finditer(name, 0, stem_end):
        start, end = match.span()
        is_signed = start > 0 and name[start - 1] == "-" and (start == 1 or name[start - 2] in "._ ")
        start -= is_signed
        before, after = name[:start], name[end:]
        may_be_frame = (
            int(match[0][:20]) <= MAX_FRAME
            and len(match[0]) <= 20
            and not _VERSION_OR_TAKE.search(before[-12:])
            and not (len(match[0]) < SURE_DIGITS and _SHORT_NUMBER_AFTER.search(before[-12:]))
            and not (len(match[0]) < _TIMED_DIGITS and _TAKE.search(before[-2:]))
            and not any(first <= match.start() < last for first, last in others)
            and not _SIZE_BEFORE.search(before[-2:])
            and not _SIZE_AFTER.match(after[:5])
        )
        numbers.append(NameNumber(start, end, "-" * is_signed, match[0], may_be_frame))
    return NumberedName(path, folder + slash, name, tuple(numbers))


def is_dense(values: set[int]) -> bool:
    """Whether at least half the numbers from the first to the last are there."""
    return 2 * len(values) >= max(values) - min(values) + 1


def may_count_frames(names: Sequence[NumberedName], index: int) -> bool:
    """Whether a number that varies may be the frame's by what stands around it, and by its values.

    One that touches a letter is, where it is padded to one width, or where most numbers of the range are there: `shot0001` and
    `shot0002` are frames, `htj2k32` and `htj2k256` are two codecs. Sizes of images are none (`env_512`, `env_1024`,
    `env_2048`), nor is the time behind a date (`20240501_093000`), unless most seconds are there, nor that of
    `20240501T093000`.
    """
    if not all(name.numbers[index].may_be_frame for name in names) or _are_sizes(names, index):
        return False
    values = {name.numbers[index].value for name in names}
    if all(is_time_behind_date(name, index) for name in names):
        return is_dense(values) and not any(name.before(index) == "T" for name in names)
    if not names[0].before(index).isalpha():
        return True
    return len({len(name.numbers[index].digits) for name in names}) == 1 or is_dense(values)


def is_time_behind_date(name: NumberedName, index: int) -> bool:
    """Whether a number is hours, minutes and seconds behind a date: six digits."""
    number = name.numbers[index]
    return _TIME.fullmatch(number.digits) is not None and _DATE_BEFORE.search(name.name[: number.start]) is not None


def _are_sizes(names: Sequence[NumberedName], index: int) -> bool:
    numbers = [name.numbers[index] for name in names]
    values = sorted({number.value for number in numbers})
    return (
        _SIZES.issuperset(values)
        and not any(number.digits.startswith("0") for number in numbers)
        and all(later >= _SIZE_STEP * earlier for earlier, later in pairwise(values))
    )


def is_left_open(names: Sequence[NumberedName], index: int) -> bool:
    """Whether a number that varies may be the frame's as well as a date, a time or a shot's; between dots it is the frame's.

    Six digits that are all dates are left open however many there are (`240501` to `240530`, `24-05-01`), and all times of day
    unless they are a run (`123001` to `123004`); so are shots in steps of ten with text behind (`sh010_comp`, `sh020_comp`).
    """
    if any(name.is_between_dots(index) for name in names):
        return False
    digits = {name.numbers[index].digits for name in names}
    if _are_dates(digits) or all(_is_in_date(name, index) for name in names):
        return True
    values = {name.numbers[index].value for name in names}
    if all(each >= "01" and _TIME.fullmatch(each) for each in digits):
        is_behind_date = any(is_time_behind_date(name, index) for name in names)
        return not is_behind_date and not (len(values) >= _RUN and is_dense(values))
    first = names[0]
    return (
        _SHOT.search(first.name[: first.numbers[index].start]) is not None
        and first.name[first.numbers[index].end :].lower() not in {"", ".exr"}
        and len(values) > 1
        and all(value % 10 == 0 for value in values)
    )


def _are_dates(digits: set[str]) -> bool:
    if all(map(_YEAR_FIRST.fullmatch, digits)):
        return True
    return len({each[-2:] for each in digits}) == 1 and all(map(_YEAR_LAST.fullmatch, digits))


def _is_in_date(name: NumberedName, index: int) -> bool:
    start = name.numbers[index].end - 1
    return any(found.start() <= start < found.end() for found in _SHORT_DATE.finditer(name.name))


def is_shot(names: Sequence[NumberedName], index: int, frames: set[int | None]) -> bool:
    """Whether a number that varies is a shot's: behind it, between dots, stands a frame number that is the same everywhere.

    `sh010_comp.1001` and `sh020_comp.1001` are frame 1001 of two shots. But four digits of which none is left out count
    frames: `anim_0001.1001` and `anim_0002.1001` are two frames of a UDIM tile.

    Args:
        names: Names of one shape.
        index: Which number.
        frames: Which numbers of these names stand between dots.
    """
    frame = next(iter(frames)) if len(frames) == 1 else None
    if frame is None or frame <= index or len({name.numbers[frame].value for name in names}) > 1:
        return False
    counts = all(len(name.numbers[index].digits) >= SURE_DIGITS for name in names) and is_dense(
        {name.numbers[index].value for name in names}
    )
    return not counts and all(len(name.numbers[frame].digits) >= SURE_DIGITS for name in names)


def are_moments(names: Sequence[NumberedName], frame: int, index: int) -> bool:
    """Whether a number counts moments of each frame, as `b.1001.25` or `b.1001_mb0`: few short ones behind a run of frames."""
    frames = {name.numbers[frame].value for name in names}
    return (
        all(len(name.numbers[frame].digits) >= SURE_DIGITS > len(name.numbers[index].digits) for name in names)
        and is_dense(frames)
        and len(frames) > len({name.numbers[index].value for name in names})
    )
