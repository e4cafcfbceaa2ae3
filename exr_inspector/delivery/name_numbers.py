"""Classify the numbers in file names: frames, versions, sizes, dates, times, shots, positions in a grid. Pure.

Some numbers are recognised in a single name as not being frames (`v003`, `2k`, `1920x1080`). Others need the names of the other
files: numbers that are all image sizes (`env_512`, `env_1024`) or that may all be dates (`plate_240501`, `plate_240502`).
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
# `take_2`, `r2`, `tile_2`, `lod1`, `dwa_45` and `ev-2` are not frames, but `take_1001`, `r1001` and `tile.1001` are.
_SHORT_NUMBER_AFTER = re.compile(
    r"(?:^|[^a-zA-Z])(?:(?:vers?|version|tk|take|rev|wip|tile|region|bucket|wedge|lod|mip|cam|camera|dwa[ab]?)[._ -]?"
    r"|ev[+-]?|[rp])$",
    re.IGNORECASE,
)
_TAKE = re.compile(r"(?:^|[^a-zA-Z])t$", re.IGNORECASE)  # as in `pl_t01`; `sim_t001` counts time steps
_SIZE_BEFORE = re.compile(r"[0-9][xX]$")
_SIZE_AFTER = re.compile(r"^(?:[xX][0-9]|[kKpP](?![a-zA-Z])|(?:fps|bit|mm|ev|spp)(?![a-zA-Z]))", re.IGNORECASE)
# Widths and heights of textures and of video.
_SIZES = frozenset(
    {*(1 << n for n in range(7, 17)), 480, 540, 576, 720, 1080, 1280, 1440, 1920, 2160, 3840, 4320, 7680}
)
_SIZE_STEP = 4 / 3  # least ratio of one size to the next smaller one; frame numbers at sizes only are closer together
_SHOT = re.compile(r"(?:^|[^a-zA-Z])(?:sh|shot|sq|seq|sc|scene)[._-]?$", re.IGNORECASE)
# Both numbers of a position in a grid: `u1_v1` (UDIM of Mudbox), `x0_y0`, `r0_c0`, `row0col0`.
_GRID = re.compile(
    r"(?<![a-zA-Z0-9])(?:u\d+[._-]?v|x\d+[._-]?y|r\d+[._-]?c|row\d+[._-]?col)\d+(?![a-zA-Z0-9])",
    re.IGNORECASE | re.ASCII,
)
# What precedes both numbers of `tile_0_1`; `crop_2_01` may as well be the first frame of a crop.
_TILE = re.compile(r"(?<![a-zA-Z0-9])(?:tile|region|bucket|crop)[._-]?$", re.IGNORECASE)
_TILE_DIGITS = 2
_LONGEST_GRID = 4  # longer side by shorter side; `tile_1_1` to `tile_2_24` are 24 frames of two tiles
_MOST_FRACTIONS = 8
_MONTH, _DAY = "(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12]\d|3[01])"
_HOUR, _SIXTIETH = r"(?:[01]\d|2[0-3])", r"[0-5]\d"
# All numbers of a date, or of a date and a time, with separators: `2024-05-01`, `2024.05.01_12.30.15`.
_MOMENT = re.compile(
    rf"(?<!\d)(?:19|20)\d\d([-.]){_MONTH}\1{_DAY}(?:[T_ .-]+{_HOUR}([-.:]){_SIXTIETH}(?:\2{_SIXTIETH})?)?(?!\d)",
    re.ASCII,
)
# The same with `_` between the numbers; without a time, they may as well be a shot, a take and a frame.
_MOMENT_IN_WORDS = re.compile(
    rf"(?<!\d)(?:19|20)\d\d_{_MONTH}_{_DAY}_{_HOUR}_{_SIXTIETH}(?:_{_SIXTIETH})?(?!\d)", re.ASCII
)
_SHORT_DATE = re.compile(rf"(?<!\d)(?:[1-4]\d-{_MONTH}-{_DAY}|{_DAY}-{_MONTH}-(?:20)?[1-4]\d)(?!\d)", re.ASCII)
_DATE_BEFORE = re.compile(rf"(?<!\d)(?:19|20)\d\d{_MONTH}{_DAY}[T_ .-]$", re.ASCII)
# Six digits: year, month and day of 2010 to 2049, in any usual order. Times before 01:00 are not tested: they may be the frames
# 1 to 5959.
_YEAR_FIRST = re.compile(rf"[1-4]\d{_MONTH}{_DAY}", re.ASCII)
_YEAR_LAST = re.compile(rf"(?:{_DAY}{_MONTH}|{_MONTH}{_DAY})[1-4]\d", re.ASCII)
_TIME = re.compile(rf"{_HOUR}{_SIXTIETH}{_SIXTIETH}", re.ASCII)
_RUN = 4  # at least this many times of day, most seconds among them, are a run of frames


@dataclass(frozen=True, slots=True)
class NameNumber:
    """A number in a file name.

    Attributes:
        start: Index of its first character, the sign included.
        end: Index behind its last digit.
        sign: `-` or empty.
        digits: Its digits as written.
        may_be_frame: Whether the text around it allows a frame number.
    """

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
    """A path with the numbers of its file name, without those of its extension and its folders."""

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
        """All numbers as written, except those at the given indices."""
        return tuple(n.sign + n.digits for i, n in enumerate(self.numbers) if i not in without)

    def around(self, index: int, hidden: Mapping[int, int]) -> tuple[str, str]:
        """The text before the number, folder included, and the text behind it.

        Args:
            index: Index of the number.
            hidden: Other numbers to replace by `#`: index -> number of `#`.
        """
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
        """The character before a number and its sign; empty at the beginning of the name."""
        start = self.numbers[index].start
        return self.name[start - 1 : start] if start else ""

    def is_between_dots(self, index: int) -> bool:
        """Whether a number stands alone between dots or the ends of the name."""
        end = self.numbers[index].end
        return self.before(index) in {"", "."} and self.name[end : end + 1] in {"", "."}


def parse_name(path: str) -> NumberedName:
    """Find the numbers in a path's file name."""
    folder, slash, name = path.rpartition("/")
    stem_end = name.rfind(".") if name.lower().endswith(".exr") else len(name)
    numbers = []
    others = [
        found.span() for pattern in (_GRID, _MOMENT, _MOMENT_IN_WORDS) for found in pattern.finditer(name, 0, stem_end)
    ]
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
    """Whether at least half of the numbers from the lowest to the highest are present."""
    return 2 * len(values) >= max(values) - min(values) + 1


def may_count_frames(names: Sequence[NumberedName], index: int) -> bool:
    """Whether a number that varies may be the frame number, by the text around it and by its values.

    A number directly behind a letter may be if all have the same number of digits, or if most numbers of the range are present:
    `shot0001` and `shot0002` are frames, `htj2k32` and `htj2k256` are two codecs. Image sizes are not frames (`env_512`,
    `env_1024`, `env_2048`), nor are two short numbers with a gap inside names (`codes8_half`, `codes10_half`). The time behind
    a date (`20240501_093000`) is only if most seconds of the range are present, and never in the form `20240501T093000`.
    """
    if not all(name.numbers[index].may_be_frame for name in names) or _are_sizes(names, index):
        return False
    values = {name.numbers[index].value for name in names}
    if _is_loose_pair(names, index, values):
        return False
    if all(is_time_behind_date(name, index) for name in names):
        return is_dense(values) and not any(name.before(index) == "T" for name in names)
    if not names[0].before(index).isalpha():
        return True
    return len({len(name.numbers[index].digits) for name in names}) == 1 or is_dense(values)


def _is_loose_pair(names: Sequence[NumberedName], index: int, values: set[int]) -> bool:
    """Whether the only two values are short, not padded, not adjacent, and have a word behind them."""
    return (
        len(values) == 2
        and max(values) - min(values) > 1
        and any(map(str.isalpha, names[0].name[names[0].numbers[index].end :].lower().removesuffix(".exr")))
        and not any(name.is_between_dots(index) for name in names)
        and all(
            len(digits) < SURE_DIGITS and (digits == "0" or not digits.startswith("0"))
            for digits in (name.numbers[index].digits for name in names)
        )
    )


def is_time_behind_date(name: NumberedName, index: int) -> bool:
    """Whether a number is a time of day (hhmmss, six digits) behind a date."""
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


def is_ambiguous(names: Sequence[NumberedName], index: int) -> bool:
    """Whether a number that varies may be the frame number as well as a date, a time or a shot number.

    A number between dots is the frame number. Otherwise these are ambiguous: six digits that are dates in all names, however
    many there are (`240501` to `240530`, `24-05-01`); times of day, unless most seconds of a range of at least four are present
    (`123001` to `123004`); shots in steps of ten with text behind them (`sh010_comp`, `sh020_comp`).
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


def tile_columns(members: Sequence[NumberedName]) -> set[int]:
    """Indices of the numbers that are a tile's position in a grid, as in `tile_0_0` to `tile_3_3`.

    Both numbers vary, count from zero or both from one, and have the same padding. No side of the grid is longer than four
    times the other. At least three quarters of the positions are present among files whose other numbers are equal.
    `tile_1_01` to `tile_1_24` are frames.
    """
    first = members[0]
    return {
        index
        for left in range(len(first.numbers) - 1)
        if _is_tile(first, left) and _is_grid(members, left)
        for index in (left, left + 1)
    }


def range_columns(members: Sequence[NumberedName]) -> set[int]:
    """Indices of the numbers that are the ends of ranges, as in `IMG_0001-0003` and `IMG_0004-0006`, merged brackets.

    In each name the first number is the lower one, and no two ranges overlap.
    """
    first = members[0]
    return {
        index
        for left in range(len(first.numbers) - 1)
        if first.name[first.numbers[left].end : first.numbers[left + 1].start] == "-" and _are_ranges(members, left)
        for index in (left, left + 1)
    }


def _are_ranges(members: Sequence[NumberedName], left: int) -> bool:
    ends = sorted({(name.numbers[left].value, name.numbers[left + 1].value) for name in members})
    return len(ends) > 1 and all(low < high for low, high in ends) and all(a[1] < b[0] for a, b in pairwise(ends))


def _is_tile(name: NumberedName, left: int) -> bool:
    row, column = name.numbers[left : left + 2]
    return (
        name.name[row.end : column.start] in {".", "_", "-"}
        and not name.name[column.end : column.end + 1].isalnum()
        and _TILE.search(name.name[max(row.start - 12, 0) : row.start]) is not None
    )


def _is_grid(members: Sequence[NumberedName], left: int) -> bool:
    pairs = [name.numbers[left : left + 2] for name in members]
    if any(number.sign or len(number.digits) > _TILE_DIGITS for pair in pairs for number in pair):
        return False
    padded = [any(len(pair[side].digits) > len(str(pair[side].value)) for pair in pairs) for side in (0, 1)]
    (top, bottom), (start, end) = [
        (min(values), max(values)) for values in ({pair[side].value for pair in pairs} for side in (0, 1))
    ]
    rows, columns = bottom - top + 1, end - start + 1
    if padded[0] != padded[1] or top != start or top > 1 or 1 in {rows, columns}:
        return False
    positions: dict[tuple[str, ...], set[tuple[int, int]]] = {}
    for name, (row, column) in zip(members, pairs, strict=True):
        positions.setdefault(name.rest(left, left + 1), set()).add((row.value, column.value))
    fullest = max(map(len, positions.values()))
    return max(rows, columns) <= _LONGEST_GRID * min(rows, columns) and 4 * fullest >= 3 * rows * columns


def is_shot(names: Sequence[NumberedName], index: int, frames: set[int | None]) -> bool:
    """Whether a number that varies is a shot number: a frame number that does not vary follows it between dots.

    `sh010_comp.1001` and `sh020_comp.1001` are frame 1001 of two shots. Dense numbers of four digits are frames all the same:
    `anim_0001.1001` and `anim_0002.1001` are two frames of a UDIM tile.

    Args:
        names: Names of one shape.
        index: Index of the number.
        frames: For each name the index of its last number between dots; None without one.
    """
    frame = next(iter(frames)) if len(frames) == 1 else None
    if frame is None or frame <= index or len({name.numbers[frame].value for name in names}) > 1:
        return False
    counts = all(len(name.numbers[index].digits) >= SURE_DIGITS for name in names) and is_dense(
        {name.numbers[index].value for name in names}
    )
    return not counts and all(len(name.numbers[frame].digits) >= SURE_DIGITS for name in names)


def are_moments(names: Sequence[NumberedName], frame: int, index: int) -> bool:
    """Whether a number counts samples in time within each frame, as in `b.1001.25` or `b.1001_mb0`.

    It has fewer digits and fewer values than the frame number before it, whose values are dense.
    """
    frames = {name.numbers[frame].value for name in names}
    return (
        all(len(name.numbers[frame].digits) >= SURE_DIGITS > len(name.numbers[index].digits) for name in names)
        and is_dense(frames)
        and len(frames) > len({name.numbers[index].value for name in names})
    )


def are_fractions(names: Sequence[NumberedName], index: int) -> bool:
    """Whether a number counts fractions of the frame number before it, as in `smoke.1001.25` beside `.00`, `.50` and `.75`.

    Its values are few, divide the frame evenly from zero on, and have the same number of digits.
    """
    before = index - 1
    digits = {len(name.numbers[index].digits) for name in names}
    if index == 0 or len(digits) > 1 or not are_moments(names, before, index):
        return False
    values = sorted({name.numbers[index].value for name in names})
    whole = 10 ** digits.pop()
    first = names[0]
    return (
        first.name[first.numbers[before].end : first.numbers[index].start] in {".", "_"}
        and 1 < len(values) <= _MOST_FRACTIONS
        and values == [whole * step // len(values) for step in range(len(values))]
    )
