"""Which files are frames of one sequence, by their names. Pure.

A name holds numbers; which of them is the frame number, its siblings say: the one that varies while the rest of the name stays.
Versions (`v003`), takes, resolutions (`2k`, `1920x1080`), dates and places in a grid (`u1_v1`, `x0_y0`) are no frame numbers,
however they vary. A name without
siblings is a frame where its number leaves no doubt: between dots (`beauty.1001.exr`), or four digits and more before the
extension (`comp_1001.exr`). Where several numbers vary and none of them orders the files, nothing is guessed: the names are
reported as ambiguous. An explicit pattern always decides.

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

from exr_inspector.errors import PatternError

# More frames than a day has at 115 a second: larger numbers are dates (20260131), times or ids.
_MAX_FRAME = 9_999_999
_SURE_DIGITS = 4
_NUMBER = re.compile(r"\d+", re.ASCII)
_VERSION_OR_TAKE = re.compile(r"(?:^|[^a-zA-Z])(?:v|vers?|version|tk|take|rev)$", re.IGNORECASE)
# `take_2`, `r2` and `tile_2` count no frames, but `take_1001`, `r1001` and `tile.1001` do.
_SHORT_NUMBER_AFTER = re.compile(
    r"(?:^|[^a-zA-Z])(?:(?:vers?|version|tk|take|rev|tile|region|bucket)[._ -]?|[rp])$", re.IGNORECASE
)
_SIZE_BEFORE = re.compile(r"[0-9][xX]$")
_SIZE_AFTER = re.compile(r"^(?:[xX][0-9]|[kKpP](?![a-zA-Z])|(?:fps|bit|mm|ev)(?![a-zA-Z]))", re.IGNORECASE)
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
_VIEWS = "left|right|l|r"
_BACKSLASHED = r"\\\1"
_PATTERN_TOKENS = re.compile(
    r"(?:(?P<low>-?\d{1,20})-(?P<high>-?\d{1,20}))?(?:#+|@+)|%0?\d*d|\$F\d*|<(?i:f\d*|frame)>|\{(?i:frame|frame_number)\}|(?P<udim><(?i:UDIM)>|%\(UDIM\)d)|(?P<view>%[Vv])"
    r"|\[(?P<first>-?\d{1,20})(?:-(?=-?\d{2})|\.\.)(?P<last>-?\d{1,20})\]|\[(?P<set>!?[^\]]+)\]|(?P<star>\*+)|(?P<any>\?)",
    re.ASCII,
)
_ALMOST_A_RANGE = re.compile(r"\d{2,}-\d{2,}|\.\.", re.ASCII)
_ONE_DIGIT_RANGE = re.compile(r"\[\d-\d\]", re.ASCII)  # a set of characters, but behind a frame number
_MOST_DIGITS = 9  # of a frame number that somebody names


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
        by_rest: dict[tuple[str, ...], list[_Name]] = {}
        for name in members:
            by_rest.setdefault(name.rest(index), []).append(name)
        if all(len(group) > 1 for group in by_rest.values()) or (len(able) == 1 and len(varying) == 1):
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


def _counts_frames(members: Sequence[_Name], index: int) -> bool:
    """Whether a number that touches a letter counts frames: padded to one width, or most numbers of the range are there.

    `shot0001`, `shot0002` do; `htj2k32` and `htj2k256` are two codecs. Nor does the time behind a date count, as in
    `20240501_093000`, unless most seconds are there.
    """
    values = {name.numbers[index].value for name in members}
    is_dense = 2 * len(values) >= max(values) - min(values) + 1
    if all(_is_time(name, index) for name in members):
        return is_dense
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
    return _recognised(before, after, [name.frame(index) for name in members])


def _recognised(before: str, after: str, frames: list[Frame], *, is_udim: bool = False) -> Recognised:
    """Frames of one name: with as many `#` as most of them have digits, or one where numbers are not padded.

    Numbers that begin with four digits and more, as 9998 to 10000, are taken to be padded to what the shortest has.
    """
    frames.sort(key=lambda frame: (frame.number, frame.path))
    widths = Counter(frame.padding for frame in frames)
    is_padded = len(widths) == 1 or any(len(str(abs(frame.number))) < frame.padding for frame in frames)
    outgrown = min(widths) if min(widths) >= _SURE_DIGITS else 1
    usual = max(widths, key=lambda width: (widths[width], -width)) if is_padded else outgrown
    return Recognised(f"{before}{'#' * usual}{after}", tuple(frames), is_udim)


# --- explicit patterns ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pattern:
    """An explicit pattern of file names.

    Attributes:
        text: As it was written.
        folder: What stands before the last slash, slash included.
        regex: Matches a file's name; the group `frame` is its number, where the pattern has one.
        bounds: First and last frame that `[1001-1060]` asks for, None without.
        is_udim: Whether it holds `<UDIM>`.
    """

    text: str
    folder: str
    regex: re.Pattern[str]
    bounds: tuple[int, int] | None
    is_udim: bool

    @property
    def beginning(self) -> str:
        """What the paths that match begin with: the folder and the name up to the first token."""
        name = self.text[len(self.folder) :]
        mark = _PATTERN_TOKENS.search(name)
        return self.folder + (name[: mark.start()] if mark else name)

    def matches(self, path: str) -> bool:
        """Whether the name of a file fits; which folder it is in is for the caller to know."""
        return self.regex.fullmatch(path.rpartition("/")[2]) is not None and (
            self.bounds is None or self.frame_of(path) is not None
        )

    def frame_of(self, path: str) -> Frame | None:
        """The frame that a path of the pattern's folder is, None where it does not match.

        Raises:
            PatternError: Its number is too large for a frame.
        """
        match = self.regex.fullmatch(path.rpartition("/")[2])
        if match is None or "frame" not in self.regex.groupindex:
            return None
        digits = match["frame"]
        number = int(digits)
        if self.bounds is not None and not self.bounds[0] <= number <= self.bounds[1]:
            return None
        if abs(number) >= 10**_MOST_DIGITS:
            raise PatternError(
                f"{self.text}: {path.rpartition('/')[2]} would be frame {number}, expected numbers of at most {_MOST_DIGITS}"
                " digits: give a range, such as ####[1001-1060]"
            )
        return Frame(path, number, len(digits.lstrip("-")))


def is_pattern(text: str) -> bool:
    """Whether a target's file name holds a token of a pattern."""
    return _PATTERN_TOKENS.search(text.rpartition("/")[2]) is not None


def require_frame_range(first: int, last: int, text: str = "") -> None:
    """Return where a first and a last frame make a range.

    Raises:
        PatternError: It ends before it begins, or is too large; the message begins with `text`.
    """
    said = f"{text}: " if text else ""
    if max(abs(first), abs(last)) >= 10**_MOST_DIGITS:
        raise PatternError(f"{said}found {first}-{last}, expected frame numbers of at most {_MOST_DIGITS} digits")
    if first > last:
        raise PatternError(f"{said}found {first}-{last}, which ends before it begins, expected {last}-{first}")


def united(bounds: Iterable[tuple[int, int]]) -> tuple[range, ...]:
    """Ranges of frames by their first and last, rising; those that overlap or touch are one."""
    found: list[range] = []
    for first, last in sorted(bounds):
        if found and first <= found[-1].stop:
            found[-1] = range(found[-1].start, max(found[-1].stop, last + 1))
        else:
            found.append(range(first, last + 1))
    return tuple(found)


def parse_pattern(text: str) -> Pattern:
    """Read the tokens of a file's name.

    They are `####`, `@@@@`, `%04d`, `$F4`, `<f4>`, `{frame}`, `<UDIM>`, `%(UDIM)d`, `%V`, `*`, `?`, `[abc]`, `[1001-1060]` and
    `1001-1060#`. A range in brackets has two digits and more at its end; `[0-9]` is a set of characters, as in a shell.

    Raises:
        PatternError: Two frame numbers, a range that ends before it begins or is none, or a set of characters that is none.
    """
    folder, slash, name = text.rpartition("/")
    parts: list[str] = []
    bounds: tuple[int, int] | None = None
    numbers = 0
    is_udim = False
    position = 0
    for match in _PATTERN_TOKENS.finditer(name):
        parts.append(re.escape(name[position : match.start()]))
        is_behind_frame = numbers > 0 and position == match.start()
        position = match.end()
        if match["low"] is not None:
            bounds = int(match["low"]), int(match["high"])
        if match["first"] is not None or (is_behind_frame and _ONE_DIGIT_RANGE.fullmatch(match[0])):
            bounds = int(match["first"] or match[0][1]), int(match["last"] or match[0][3])
            if numbers:  # behind a frame number it only says which frames are wanted
                continue
        piece = _piece(match)
        is_udim |= match["udim"] is not None
        numbers += "?P<frame>" in piece
        parts.append(piece)
    parts.append(re.escape(name[position:]))
    if numbers > 1:
        raise PatternError(f"{text}: found {numbers} frame numbers, expected one")
    if bounds is not None:
        require_frame_range(*bounds, text)
    if bounds is not None and is_udim:
        raise PatternError(f"{text}: found a range of frames beside <UDIM>, whose numbers are no frames")
    try:
        regex = re.compile("".join(parts), re.DOTALL)
    except re.error as error:
        raise PatternError(f"{text}: not a pattern: {error}") from error
    return Pattern(text, folder + slash, regex, bounds, is_udim)


def _piece(match: re.Match[str]) -> str:
    """The regular expression of one token; no repetition stands in another, so matching takes linear time for each token."""
    fixed = {"view": f"(?:{_VIEWS})", "star": "[^/]*", "any": "[^/]", "udim": r"(?P<frame>[1-9][0-9]{3})"}
    for token, regex in fixed.items():
        if match[token]:
            return regex
    if match["set"]:
        if _ALMOST_A_RANGE.search(match["set"]):
            raise PatternError(f"found {match[0]}, expected one range of frames, such as [1001-1060]")
        return _character_set(match["set"])
    # A frame with another number of digits than the pattern has is found, too: SEQ-PADDING reports it.
    return r"(?P<frame>-?[0-9]{1,20})"


def _character_set(inside: str) -> str:
    """`[...]` of a shell as one of an expression: `!` negates, `-` makes a range, everything else is a character."""
    negated, characters = ("^", inside[1:]) if inside.startswith("!") else ("", inside)
    return f"[{negated}{re.sub(r'([^0-9A-Za-z-])', _BACKSLASHED, characters)}]"


def match_pattern(pattern: Pattern, paths: Iterable[str]) -> Recognition:
    """The files that a pattern stands for; those that match a pattern without a frame number are recognised by their names."""
    if "frame" not in pattern.regex.groupindex:
        return recognise(path for path in paths if pattern.regex.fullmatch(path.rpartition("/")[2]))
    groups: dict[tuple[str, str], list[Frame]] = {}
    for path in dict.fromkeys(paths):
        frame = pattern.frame_of(path)
        if frame is None:
            continue
        name = path.rpartition("/")[2]
        match = pattern.regex.fullmatch(name)
        if match is not None:
            around = path[: len(path) - len(name)] + name[: match.start("frame")], name[match.end("frame") :]
            groups.setdefault(around, []).append(frame)
    sequences = [
        _recognised(before, after, frames, is_udim=pattern.is_udim) for (before, after), frames in groups.items()
    ]
    return Recognition(tuple(sorted(sequences, key=lambda item: item.pattern)))
