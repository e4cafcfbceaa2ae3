"""Which files are frames of one sequence, by their names. Pure.

A name holds numbers; which of them is the frame number, its siblings say: the one that varies while the rest of the name stays.
Versions (`v003`), takes, resolutions (`2k`, `1920x1080`), dates and places in a grid (`u1_v1`, `x0_y0`) are no frame numbers,
however they vary. A name without
siblings is a frame where its number leaves no doubt: between dots (`beauty.1001.exr`), or four digits and more before the
extension (`comp_1001.exr`). Where several numbers vary and none of them orders the files, nothing is guessed: the names are
reported as ambiguous. An explicit pattern (`patterns`) always decides.

    >>> found = recognise(["s/comp_v3_1001.exr", "s/comp_v3_1002.exr", "s/notes_v1.exr"])
    >>> [(sequence.pattern, sequence.frames) for sequence in found.sequences]
    [('s/comp_v3_####.exr', (1001, 1002))]
    >>> found.singles
    ('s/notes_v1.exr',)
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# More frames than a day has at 115 a second: larger numbers are dates (20260131), times or ids.
_MAX_FRAME = 9_999_999
_SURE_DIGITS = 4
_TIMED_DIGITS = 3
_NUMBER = re.compile(r"\d+", re.ASCII)
_VERSION_OR_TAKE = re.compile(r"(?:^|[^a-zA-Z])(?:v|vers?|version|tk|take|rev|wip)$", re.IGNORECASE)
# `take_2`, `r2`, `tile_2`, `dwa_45` and `ev-2` count no frames, but `take_1001`, `r1001` and `tile.1001` do.
_SHORT_NUMBER_AFTER = re.compile(
    r"(?:^|[^a-zA-Z])(?:(?:vers?|version|tk|take|rev|wip|tile|region|bucket|wedge|dwa[ab]?)[._ -]?|ev[+-]?|[rp])$",
    re.IGNORECASE,
)
_TAKE = re.compile(r"(?:^|[^a-zA-Z])t$", re.IGNORECASE)  # of `pl_t01`; `sim_t001` counts steps of time
_SIZE_BEFORE = re.compile(r"[0-9][xX]$")
_SIZE_AFTER = re.compile(r"^(?:[xX][0-9]|[kKpP](?![a-zA-Z])|(?:fps|bit|mm|ev|spp)(?![a-zA-Z]))", re.IGNORECASE)
# Both numbers of a place in a grid: `u1_v1` (UDIM of Mudbox), `x0_y0`, `r0_c0`, `row0col0`.
_GRID = re.compile(
    r"(?<![a-zA-Z0-9])(?:u\d+[._-]?v|x\d+[._-]?y|r\d+[._-]?c|row\d+[._-]?col)\d+(?![a-zA-Z0-9])",
    re.IGNORECASE | re.ASCII,
)
# All numbers of a date, or of a date and a time, with signs between them: `2024-05-01`, `2024.05.01_12.30.15`.
_MOMENT = re.compile(
    r"(?<!\d)(?:19|20)\d\d([-.])(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12]\d|3[01])"
    r"(?:[T_ .-]+(?:[01]\d|2[0-3])([-.:])[0-5]\d(?:\2[0-5]\d)?)?(?!\d)",
    re.ASCII,
)
_DATE_BEFORE = re.compile(r"(?<!\d)(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])[T_ .-]$", re.ASCII)
_TIME = re.compile(r"(?:[01]\d|2[0-3])[0-5]\d[0-5]\d", re.ASCII)


@dataclass(frozen=True, slots=True)
class Frame:
    """One file of a sequence.

    Attributes:
        path: As it was given.
        number: Frame number.
        padding: Digits of the number as written.
    """

    path: str
    number: int
    padding: int


@dataclass(frozen=True, slots=True)
class Recognised:
    """Frames that belong together.

    Attributes:
        pattern: Path with the frame's digits as `#`, one for each digit of the usual padding; a single one without padding.
        members: The files, by rising number.
        is_udim: Whether the numbers are UDIM tiles, by an explicit `<UDIM>`.
    """

    pattern: str
    members: tuple[Frame, ...]
    is_udim: bool = False

    @property
    def frames(self) -> tuple[int, ...]:
        """Frame numbers, rising, each once."""
        return tuple(sorted({member.number for member in self.members}))


@dataclass(frozen=True, slots=True)
class Recognition:
    """What the names of some files say.

    Attributes:
        sequences: By pattern.
        singles: Files that are no frames.
        ambiguous: Groups of files whose names vary in several numbers, none of which orders them.
    """

    sequences: tuple[Recognised, ...] = ()
    singles: tuple[str, ...] = ()
    ambiguous: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class _Number:
    """A number in a file's name: where it stands with its sign, its digits, and whether it may be a frame number."""

    start: int
    end: int
    sign: str
    digits: str
    may_be_frame: bool

    @property
    def value(self) -> int:
        return int(self.sign + self.digits)


@dataclass(frozen=True, slots=True)
class _Name:
    path: str
    folder: str
    name: str
    numbers: tuple[_Number, ...]

    @property
    def shape(self) -> tuple[str, ...]:
        """The folder, and the texts around the numbers."""
        bounds = [0, *(bound for number in self.numbers for bound in (number.start, number.end)), len(self.name)]
        texts = [self.name[bounds[i] : bounds[i + 1]] for i in range(0, len(bounds), 2)]
        return (self.folder, *texts)

    def rest(self, index: int) -> tuple[str, ...]:
        """All numbers but one, as written."""
        return tuple(n.sign + n.digits for i, n in enumerate(self.numbers) if i != index)

    def frame(self, index: int) -> Frame:
        number = self.numbers[index]
        return Frame(self.path, number.value, len(number.digits))

    def around(self, index: int) -> tuple[str, str]:
        """What stands before and behind a number, the folder included."""
        number = self.numbers[index]
        return self.folder + self.name[: number.start], self.name[number.end :]


def recognise(paths: Iterable[str]) -> Recognition:
    """Sort files into sequences, single files and those whose names leave it open.

    Args:
        paths: Paths or URLs; files of different folders are never frames of one sequence.
    """
    groups: dict[tuple[str, ...], list[_Name]] = {}
    singles: list[str] = []
    for path in dict.fromkeys(paths):
        name = _parse(path)
        if name.numbers:
            groups.setdefault(name.shape, []).append(name)
        else:
            singles.append(path)
    sequences: list[Recognised] = []
    ambiguous: list[tuple[str, ...]] = []
    for members in groups.values():
        found, alone, unclear = _settle(members)
        sequences += found
        singles += alone
        if unclear:
            ambiguous.append(tuple(sorted(unclear)))
    return Recognition(
        tuple(sorted(sequences, key=lambda item: item.pattern)), tuple(sorted(singles)), tuple(sorted(ambiguous))
    )


def _parse(path: str) -> _Name:
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
            int(match[0][:20]) <= _MAX_FRAME
            and len(match[0]) <= 20
            and not _VERSION_OR_TAKE.search(before[-12:])
            and not (len(match[0]) < _SURE_DIGITS and _SHORT_NUMBER_AFTER.search(before[-12:]))
            and not (len(match[0]) < _TIMED_DIGITS and _TAKE.search(before[-2:]))
            and not any(first <= match.start() < last for first, last in others)
            and not _SIZE_BEFORE.search(before[-2:])
            and not _SIZE_AFTER.match(after[:5])
        )
        numbers.append(_Number(start, end, "-" * is_signed, match[0], may_be_frame))
    return _Name(path, folder + slash, name, tuple(numbers))


def _settle(members: list[_Name]) -> tuple[list[Recognised], list[str], list[str]]:
    """Sequences, single files and unclear ones among names of one shape."""
    columns = range(len(members[0].numbers))
    varying = [i for i in columns if len({name.numbers[i].value for name in members}) > 1]
    able = [i for i in varying if all(name.numbers[i].may_be_frame for name in members) and _counts_frames(members, i)]
    # From the right: the frame number is the last one that orders the files.
    for index in reversed(able):
        if _is_shot(members, index):
            continue
        by_rest: dict[tuple[str, ...], list[_Name]] = {}
        for name in members:
            by_rest.setdefault(name.rest(index), []).append(name)
        if all(len(group) > 1 for group in by_rest.values()) or (len(able) == 1 and len(varying) == 1):
            if any(_are_moments(members, left, index) for left in able if left < index):
                return [], [], [name.path for name in members]
            return [_sequence(group, index) for group in by_rest.values()], [], []
    between_dots = {_between_dots(name) for name in members}
    if len(able) > 1 and (len(between_dots) > 1 or None in between_dots):
        return [], [], [name.path for name in members]
    found: list[Recognised] = []
    singles: list[str] = []
    groups: dict[tuple[int, tuple[str, ...]], list[_Name]] = {}
    for name in members:
        index_alone = _frame_alone(name)
        if index_alone is None:
            singles.append(name.path)
        else:
            groups.setdefault((index_alone, name.rest(index_alone)), []).append(name)
    found += [_sequence(group, index) for (index, _), group in groups.items()]
    return found, singles, []


def _is_dense(values: set[int]) -> bool:
    return 2 * len(values) >= max(values) - min(values) + 1


def _is_shot(members: Sequence[_Name], index: int) -> bool:
    """Whether a number that varies is a shot's: behind it, between dots, stands a frame number that is the same everywhere.

    `sh010_comp.1001` and `sh020_comp.1001` are frame 1001 of two shots. But four digits of which none is left out count
    frames: `anim_0001.1001` and `anim_0002.1001` are two frames of a UDIM tile.
    """
    frames = {_between_dots(name) for name in members}
    frame = frames.pop() if len(frames) == 1 else None
    if frame is None or frame <= index or len({name.numbers[frame].value for name in members}) > 1:
        return False
    counts = all(len(name.numbers[index].digits) >= _SURE_DIGITS for name in members) and _is_dense(
        {name.numbers[index].value for name in members}
    )
    return not counts and all(len(name.numbers[frame].digits) >= _SURE_DIGITS for name in members)


def _are_moments(members: Sequence[_Name], frame: int, index: int) -> bool:
    """Whether a number counts moments of each frame, as `b.1001.25` or `b.1001_mb0`: few short ones behind a run of frames."""
    frames = {name.numbers[frame].value for name in members}
    return (
        all(len(name.numbers[frame].digits) >= _SURE_DIGITS > len(name.numbers[index].digits) for name in members)
        and _is_dense(frames)
        and len(frames) > len({name.numbers[index].value for name in members})
    )


def _counts_frames(members: Sequence[_Name], index: int) -> bool:
    """Whether a number that touches a letter counts frames: padded to one width, or most numbers of the range are there.

    `shot0001`, `shot0002` do; `htj2k32` and `htj2k256` are two codecs. Nor does the time behind a date count, as in
    `20240501_093000`, unless most seconds are there, nor that of `20240501T093000`.
    """
    is_dense = _is_dense({name.numbers[index].value for name in members})
    if all(_is_time(name, index) for name in members):
        return is_dense and not any(name.name[name.numbers[index].start - 1] == "T" for name in members)
    first = members[0]
    if not first.name[: first.numbers[index].start][-1:].isalpha():
        return True
    widths = {len(name.numbers[index].digits) for name in members}
    return len(widths) == 1 or is_dense


def _is_time(name: _Name, index: int) -> bool:
    """Whether a number is hours, minutes and seconds behind a date: six digits."""
    number = name.numbers[index]
    return _TIME.fullmatch(number.digits) is not None and _DATE_BEFORE.search(name.name[: number.start]) is not None


def _between_dots(name: _Name) -> int | None:
    for index in reversed(range(len(name.numbers))):
        number = name.numbers[index]
        before = name.name[number.start - 1 : number.start]
        if number.may_be_frame and before in {"", "."} and name.name[number.end : number.end + 1] in {"", "."}:
            return index
    return None


def _frame_alone(name: _Name) -> int | None:
    """Which number of a name without siblings is the frame's; None where it is not sure."""
    index = _between_dots(name)
    if index is not None:
        return index
    last = name.numbers[-1]
    if _is_time(name, -1):
        return None
    at_end = name.name[last.end :].lower() in {"", ".exr"}
    apart = last.start == 0 or name.name[last.start - 1] in "._- " or last.sign
    return (
        len(name.numbers) - 1 if at_end and apart and last.may_be_frame and len(last.digits) >= _SURE_DIGITS else None
    )


def _sequence(members: list[_Name], index: int) -> Recognised:
    before, after = members[0].around(index)
    return named_sequence(before, after, [name.frame(index) for name in members])


def named_sequence(before: str, after: str, frames: list[Frame], *, is_udim: bool = False) -> Recognised:
    """Frames of one name: with as many `#` as most of them have digits, or one where numbers are not padded.

    Numbers that begin with four digits and more, as 9998 to 10000, are taken to be padded to what the shortest has.
    """
    frames.sort(key=lambda frame: (frame.number, frame.path))
    widths = Counter(frame.padding for frame in frames)
    is_padded = len(widths) == 1 or any(len(str(abs(frame.number))) < frame.padding for frame in frames)
    outgrown = min(widths) if min(widths) >= _SURE_DIGITS else 1
    usual = max(widths, key=lambda width: (widths[width], -width)) if is_padded else outgrown
    return Recognised(f"{before}{'#' * usual}{after}", tuple(frames), is_udim)
