"""Group files into sequences by their names. Pure.

The frame number is the number that varies while the rest of the name stays the same. Versions (`v003`), takes, resolutions
(`2k`, `1920x1080`, `env_1024` beside `env_2048`), dates and positions in a grid (`u1_v1`, `x0_y0`) are never frame numbers. If
two numbers differ by the same amount in all names (`pl_1001_0001`, `pl_1002_0002`), both are the frame number: its value is the
one between dots, or else the last one.

A single name is a frame if its number is between dots (`beauty.1001.exr`) or has at least four digits before the extension
(`comp_1001.exr`). If several numbers vary and none of them orders the files, or if the only one may be a date, a time or a shot
number, the names are reported as ambiguous instead of guessing. An explicit pattern (`patterns`) always decides.

    >>> found = recognise(["s/comp_v3_1001.exr", "s/comp_v3_1002.exr", "s/notes_v1.exr"])
    >>> [(sequence.pattern, sequence.frames) for sequence in found.sequences]
    [('s/comp_v3_####.exr', (1001, 1002))]
    >>> found.singles
    ('s/notes_v1.exr',)
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, groupby, zip_longest

from exr_inspector.delivery.name_numbers import (
    SURE_DIGITS,
    NumberedName,
    are_fractions,
    are_moments,
    is_ambiguous,
    is_shot,
    is_time_behind_date,
    may_count_frames,
    parse_name,
    range_columns,
    tile_columns,
)
from exr_inspector.storage.sequences import is_apple_double

APPLE_DOUBLE = "attributes that macOS keeps beside a file (AppleDouble), no image: delete it"
# The texts that people and operating systems add to the name of a copy.
_COPY = re.compile(
    r"(?:copy of |kopie von )?(?P<stem>.+?)"
    r"(?:[ ._-]{1,3}\(?(?:another |\d\w\w )?(?:copy|kopie|copie|copia|dup|duplicate)\)?(?:[ _-]?\(?\d+\)?)?| ?\(\d+\))?",
    re.IGNORECASE | re.ASCII | re.DOTALL,
)
# A frame, also behind an AOV: the text before its number, the number, the text behind it, the number of a copy, the extension.
_NUMBERED = re.compile(
    r"((?:.*[._ /-])?)(\d{3,})((?:[._-][a-zA-Z]+)*)([_ -]\d{1,2}|[._ -][vV]\d{1,3})?(\.\w+)",
    re.ASCII | re.DOTALL,
)
# What unfinished and replaced writes add to the name of a frame.
_LEFT_BEHIND = re.compile(
    r"(?P<stem>.+\d{3})[._ -](?:part|partial|tmp|temp|bak|backup|old|orig|new|fix|fixed|re-?render|checkpoint)"
    r"(?P<extension>\.\w+)",
    re.ASCII | re.DOTALL | re.IGNORECASE,
)
# What Syncthing, Dropbox and Nextcloud add to the name of a file that was changed in two places.
_CONFLICT = re.compile(
    r"(?P<stem>.+?)(?:\.sync-conflict-\d{8}-\d{6}(?:-\w{7})?| \([^()]*conflicted copy[^()]*\))",
    re.ASCII | re.DOTALL | re.IGNORECASE,
)
_SEPARATORS = re.compile(r"[-_. ]+")
_EXTENSIONS = re.compile(r"(?:\.exr){2,}$")
_COMPARE = "compare the two (`diff`)"
_MANY_TIMES = 3  # as many files have the usual spelling of a name as another one
# Patterns of frames and tiles that a writer was to replace by numbers.
_NOT_EXPANDED = re.compile(r"#{2,}|@{2,}|%0\d*d|\$F\d*|<(?:UDIM|UVTILE|frame\d*|f\d)>|\{frame[^{}]*\}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Frame:
    """One file of a sequence.

    Attributes:
        path: Path or URL as given.
        number: Frame number.
        padding: Number of digits as written.
    """

    path: str
    number: int
    padding: int


@dataclass(frozen=True, slots=True)
class Recognised:
    """The frames of one sequence.

    Attributes:
        pattern: Path with the frame number as `#`, one for each digit of the most frequent padding; a single one if unpadded.
        members: The files, by ascending number.
        is_udim: Whether the numbers are UDIM tiles, as an explicit `<UDIM>` states.
        misspelt: Frames that are there under another spelling of the name, in ascending order.
    """

    pattern: str
    members: tuple[Frame, ...]
    is_udim: bool = False
    misspelt: tuple[int, ...] = ()

    @property
    def frames(self) -> tuple[int, ...]:
        """Frame numbers in ascending order, without duplicates."""
        return tuple(sorted({member.number for member in self.members}))


@dataclass(frozen=True, slots=True)
class Recognition:
    """Files grouped by their names.

    Attributes:
        sequences: The sequences, by pattern.
        singles: Files that are not frames.
        ambiguous: Groups of files whose names do not show whether they are frames, or which number is the frame number.
        strays: Those of `singles` that do not belong to a delivery, with the reason.
    """

    sequences: tuple[Recognised, ...] = ()
    singles: tuple[str, ...] = ()
    ambiguous: tuple[tuple[str, ...], ...] = ()
    strays: Mapping[str, str] = field(default_factory=dict)


def recognise(paths: Iterable[str]) -> Recognition:
    """Group files into sequences, single files and ambiguous groups.

    Args:
        paths: Paths or URLs; files of different folders are never frames of one sequence.
    """
    names = dict.fromkeys(paths)
    strays = {path: why for path in names if (why := _why_stray(path, names))} | _numbered_copies(names)
    groups: dict[tuple[str, ...], list[NumberedName]] = {}
    singles: list[str] = []
    for name in (parse_name(path) for path in names if path not in strays):
        if name.numbers:
            groups.setdefault(name.shape, []).append(name)
        else:
            singles.append(name.path)
    strays |= _join_extensions(groups)
    misspelt: dict[tuple[str, ...], tuple[int, ...]] = {}
    strays |= _other_spellings(groups, misspelt)
    sequences: list[Recognised] = []
    ambiguous: list[tuple[str, ...]] = []
    for shape, members in groups.items():
        found, alone, unclear = _group_by_frame_number(members)
        sequences += [replace(each, misspelt=misspelt[shape]) for each in found] if shape in misspelt else found
        singles += alone
        if unclear:
            ambiguous.append(tuple(sorted(unclear)))
    return Recognition(
        sequences=tuple(sorted(sequences, key=lambda item: item.pattern)),
        singles=tuple(sorted({*singles, *strays})),
        ambiguous=tuple(sorted(ambiguous)),
        strays=strays,
    )


def _why_stray(path: str, neighbours: Mapping[str, None]) -> str:
    """Why a file does not belong to a delivery, by its name and the other names; empty if it does."""
    folder, slash, name = path.rpartition("/")
    if is_apple_double(name):
        return APPLE_DOUBLE
    if pattern := _NOT_EXPANDED.search(name):
        return f"its writer did not replace {pattern[0]} by a frame number, so that all frames went to this file"
    stem, dot, extension = name.rpartition(".")
    original = name
    if copied := _CONFLICT.fullmatch(stem) or _COPY.fullmatch(stem):
        original = f"{copied['stem']}{dot}{extension}"
    if (left := _LEFT_BEHIND.fullmatch(name)) and original == name:
        original = f"{left['stem']}{left['extension']}"
    return _copy_of(original) if original != name and f"{folder}{slash}{original}" in neighbours else ""


def _numbered_copies(names: Mapping[str, None]) -> dict[str, str]:
    """The copies of frames with a number behind that of the frame (`x.1001_1.exr` beside `x.1001.exr`), with the reason.

    Such files are a sequence of their own if they are as many as the frames, if one of them is before the first or behind the
    last frame, or if there are so many numbers that these may count the frames.
    """
    frames: defaultdict[tuple[str, str, str], set[int]] = defaultdict(set)
    groups: defaultdict[tuple[str, str, str], defaultdict[str, list[tuple[str, str, int]]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for path in names:
        if found := _NUMBERED.fullmatch(path):
            before, digits, behind, copy, extension = found.groups()
            place = before, behind, extension
            if copy:
                groups[place][copy].append((path, f"{before}{digits}{behind}{extension}", int(digits[:20])))
            else:
                frames[place].add(int(digits[:20]))
    strays: dict[str, str] = {}
    for place, numbers in groups.items():
        there, every = frames[place], [each for copies in numbers.values() for each in copies]
        if not there or not (
            len(every) == len(there) == 1 or max(len(numbers), *map(len, numbers.values())) < len(there)
        ):
            continue
        for copies in numbers.values():
            if all(original in names or min(there) < number < max(there) for _, original, number in copies):
                strays |= {
                    path: _copy_of(original.rpartition("/")[2]) if original in names else _only(original)
                    for path, original, _ in copies
                }
    return strays


def _only(original: str) -> str:
    return (
        f"there is no {original.rpartition('/')[2]}: probably this frame under another name; look at it, and rename it"
    )


def _copy_of(original: str) -> str:
    return f"a copy of {original}: {_COMPARE}, keep one under its frame's name, and delete the other"


def _join_extensions(groups: dict[tuple[str, ...], list[NumberedName]]) -> dict[str, str]:
    """Join the groups whose names differ in the case of the extension alone (`.EXR` and `.exr`).

    Returns:
        The files removed, as another one has the same name with the usual extension, with the reason.
    """
    strays: dict[str, str] = {}
    by_name: defaultdict[tuple[str, ...], list[tuple[str, ...]]] = defaultdict(list)
    for shape in groups:
        by_name[_with_lower_extension(shape)].append(shape)
    for lower, alike in by_name.items():
        usual, *others = sorted(alike, key=lambda shape: (-len(groups[shape]), shape != lower, shape))
        there = {name.rest(): name for name in groups[usual]} if others else {}
        for shape in others:
            for name in groups.pop(shape):
                twin = there.setdefault(name.rest(), name)
                if twin is name:
                    groups[usual].append(name)
                else:
                    strays[name.path] = (
                        f"its name is that of {twin.name} but for the extension: {_COMPARE}, and delete one"
                    )
    return strays


def _other_spellings(
    groups: dict[tuple[str, ...], list[NumberedName]], misspelt: dict[tuple[str, ...], tuple[int, ...]]
) -> dict[str, str]:
    """Remove the single frames that fill gaps of a sequence under another spelling of its name: `Beauty.1003` in `beauty.####`.

    Their names have another Unicode form or, if the others are far more, another case, other separators (`-` for `_`) or a
    second extension (`.exr.exr`).

    Args:
        groups: The names by their shape; those of the removed files are removed.
        misspelt: Gets the numbers of the removed frames, by the shape of the sequence that lacks them.

    Returns:
        The removed files, with the reason.
    """
    strays: dict[str, str] = {}
    by_name = sorted(groups, key=_spelled_alike)
    for _, alike in groupby(by_name, key=_spelled_alike):
        *others, usual = sorted(alike, key=lambda shape: (len(groups[shape]), shape))
        many = groups[usual]
        few = [
            shape for shape in others if _is_same_text(shape, usual) or len(groups[shape]) * _MANY_TIMES <= len(many)
        ]
        numbers_of = _in_gaps([groups[shape] for shape in few], many) if few else []
        for shape, numbers in zip(few, numbers_of, strict=True):
            if numbers:
                names = groups.pop(shape)
                strays.update((name.path, _why_other_spelling(name, usual, len(many))) for name in names)
                misspelt[usual] = tuple(sorted({*misspelt.get(usual, ()), *numbers}))
    return strays


def _in_gaps(groups: Sequence[Sequence[NumberedName]], others: Sequence[NumberedName]) -> list[set[int]]:
    """The numbers of each group of single frames that a sequence, the others, lacks between its ends or next to them.

    Those of other groups are left out. Consecutive frames are a sequence of their own.
    """
    found, singles, unclear = _group_by_frame_number([*others, *(name for group in groups for name in group)])
    if len(found) != 1 or singles or unclear:
        return [set() for _ in groups]
    number_of = {frame.path: frame.number for frame in found[0].members}
    theirs = {number_of[name.path] for name in others}
    near = range(min(theirs) - 1, max(theirs) + 2)
    every = [{number_of[name.path] for name in group} for group in groups]
    return [
        numbers
        if all(number in near and number not in theirs and number + 1 not in numbers for number in numbers)
        else set()
        for numbers in every
    ]


def _is_same_text(shape: Iterable[str], other: Iterable[str]) -> bool:
    """Whether two names are the same in one Unicode form."""
    return [unicodedata.normalize("NFC", text) for text in shape] == [
        unicodedata.normalize("NFC", text) for text in other
    ]


def _why_other_spelling(name: NumberedName, usual: Sequence[str], count: int) -> str:
    """How the name of a file differs from those of `count` others that are the same but for their spelling."""
    files = f"{count} file{'s' * (count != 1)} {'have' if count > 1 else 'has'} this name"
    if _is_same_text(name.shape, usual):
        return f"{files} in another Unicode form (NFC or NFD): rename it"
    texts = zip_longest(usual[1:], name.rest(), fillvalue="")
    return f"{files} in another spelling: rename it to {''.join(chain.from_iterable(texts))}"


def _spelled_alike(shape: Sequence[str]) -> tuple[str, ...]:
    """The folder and the texts around the numbers, equal for names that differ in spelling alone."""
    texts = [unicodedata.normalize("NFC", text).casefold() for text in shape[1:]]
    texts[-1] = _EXTENSIONS.sub(".exr", texts[-1])
    return (shape[0], *(_SEPARATORS.sub("_", text) for text in texts))


def _with_lower_extension(shape: Sequence[str]) -> tuple[str, ...]:
    stem, dot, extension = shape[-1].rpartition(".")
    return (*shape[:-1], f"{stem}{dot}{extension.lower()}")


def _group_by_frame_number(members: list[NumberedName]) -> tuple[list[Recognised], list[str], list[str]]:
    """Return the sequences, the single files and the ambiguous files among names of one shape."""
    columns = range(len(members[0].numbers))
    varying = [i for i in columns if len({name.numbers[i].value for name in members}) > 1]
    ambiguous_columns = [i for i in varying if is_ambiguous(members, i)]
    no_frames = {*ambiguous_columns, *tile_columns(members), *range_columns(members)}
    able = [i for i in varying if i not in no_frames and may_count_frames(members, i)]
    none = {i for i in varying if i not in able}
    between_dots = {_between_dots(name, none) for name in members}
    found = _by_last_number(members, able, between_dots, varying_count=len(varying))
    if found is not None:
        return found, [], [] if found else [name.path for name in members]
    if len(able) > 1 and (len(between_dots) > 1 or None in between_dots):
        return [], [], [name.path for name in members]
    found, singles = _by_own_number(members, none)
    return (found, [], singles) if ambiguous_columns else (found, singles, [])


def _by_last_number(
    members: Sequence[NumberedName], able: Sequence[int], between_dots: set[int | None], *, varying_count: int
) -> list[Recognised] | None:
    """The sequences whose frame number is the last number that orders all names; none if that is a time, None if there is none.

    A spelling of the frame number between dots is preferred.
    """
    for index in reversed(able):
        if is_shot(members, index, between_dots):
            continue
        spellings = _spellings(members, index, able)
        alike = _by_rest(members, spellings)
        if varying_count > len(spellings) and any(len(group) == 1 for group in alike):
            continue
        if any(are_moments(members, left, index) for left in able if left < index):
            return _sub_frames(members, index, able)
        frame = next((i for i in reversed(spellings) if {i} == between_dots), index)
        return [_sequence(group, frame, spellings) for group in alike]
    return None


def _by_own_number(members: Iterable[NumberedName], none: Container[int]) -> tuple[list[Recognised], list[str]]:
    """The sequences of the names whose frame number is certain by itself, and the other files."""
    singles: list[str] = []
    groups: dict[tuple[int, tuple[str, ...]], list[NumberedName]] = {}
    for name in members:
        index = _frame_alone(name, none)
        if index is None:
            singles.append(name.path)
        else:
            groups.setdefault((index, name.rest(index)), []).append(name)
    return [_sequence(group, index, [index]) for (index, _), group in groups.items()], singles


def _by_rest(members: Iterable[NumberedName], spellings: Sequence[int]) -> list[list[NumberedName]]:
    """The names grouped by all numbers except the given ones."""
    groups: dict[tuple[str, ...], list[NumberedName]] = {}
    for name in members:
        groups.setdefault(name.rest(*spellings), []).append(name)
    return list(groups.values())


def _sub_frames(members: Sequence[NumberedName], index: int, able: Sequence[int]) -> list[Recognised]:
    """One sequence for each fraction of the frame (`smoke.####.25`); none if the number at `index` is no fraction."""
    if index - 1 not in able or not are_fractions(members, index):
        return []
    spellings = _spellings(members, index - 1, able)
    alike = _by_rest(members, spellings)
    return [_sequence(group, index - 1, spellings) for group in alike] if all(len(group) > 1 for group in alike) else []


def _spellings(members: Sequence[NumberedName], index: int, able: Iterable[int]) -> list[int]:
    """The numbers whose difference from the given one is the same in all names, itself included: spellings of one frame."""
    return [i for i in able if len({name.numbers[i].value - name.numbers[index].value for name in members}) == 1]


def _between_dots(name: NumberedName, none: Container[int]) -> int | None:
    """Index of the last number between dots that may be the frame number; None without one."""
    able = (i for i, number in enumerate(name.numbers) if i not in none and number.may_be_frame)
    return max((i for i in able if name.is_between_dots(i)), default=None)


def _frame_alone(name: NumberedName, none: Container[int]) -> int | None:
    """Index of the frame number in a single name; None if it is uncertain."""
    index = _between_dots(name, none)
    if index is not None:
        return index
    place = len(name.numbers) - 1
    last = name.numbers[place]
    if place in none or is_time_behind_date(name, place) or is_ambiguous([name], place):
        return None
    at_end = name.name[last.end :].lower() in {"", ".exr"}
    is_separated = name.before(place) in {"", *"._- "} or last.sign
    return place if at_end and is_separated and last.may_be_frame and len(last.digits) >= SURE_DIGITS else None


def _sequence(members: Sequence[NumberedName], index: int, spellings: Sequence[int]) -> Recognised:
    """Create a sequence. The number at `index` is the frame number; `spellings` are all numbers that repeat it."""
    before, after = members[0].around(
        index, {i: min(len(name.numbers[i].digits) for name in members) for i in spellings}
    )
    frames = [Frame(name.path, name.numbers[index].value, len(name.numbers[index].digits)) for name in members]
    return named_sequence(before, after, frames)


def named_sequence(before: str, after: str, frames: list[Frame], *, is_udim: bool = False) -> Recognised:
    """Create a sequence whose pattern has as many `#` as most frames have digits, or a single one if they are not padded.

    Numbers of at least four digits, such as 9998 to 10000, count as padded to the number of digits of the shortest one.
    """
    frames.sort(key=lambda frame: (frame.number, frame.path))
    widths = Counter(frame.padding for frame in frames)
    is_padded = len(widths) == 1 or any(len(str(abs(frame.number))) < frame.padding for frame in frames)
    outgrown = min(widths) if min(widths) >= SURE_DIGITS else 1
    usual = max(widths, key=lambda width: (widths[width], -width)) if is_padded else outgrown
    return Recognised(f"{before}{'#' * usual}{after}", tuple(frames), is_udim)
