"""Explicit patterns of file names: `a.####.exr`, `%04d`, `$F4`, `<UDIM>`, `a.[1001-1060].exr`, globs. Pure.

>>> parse_pattern("s/a.[1001-1060].exr").ranges
(range(1001, 1061),)
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from exr_inspector.delivery.naming import Frame, Recognition, named_sequence, recognise
from exr_inspector.errors import PatternError

_VIEWS = "left|right|l|r"
_BACKSLASHED = r"\\\1"
_RANGE = r"-?\d{1,20}(?:(?:-|\.\.)-?\d{1,20}(?:x\d{1,9})?)?"  # 1001-1060, 1001-1059x2, a single frame
_BLANKS = re.compile(r"\s*([,-])\s*")
_ONE_RANGE = r"-?\d{1,99}(?:-(?:-?\d{1,99})(?:x\d{1,9})?)?"
_FRAMES = re.compile(rf"{_ONE_RANGE}(?:,{_ONE_RANGE})*", re.ASCII)
_BOUNDS = re.compile(r"(-?\d+)(?:(?:-|\.\.)(-?\d+)(?:x(\d+))?)?", re.ASCII)
_PATTERN_TOKENS = re.compile(
    r"(?P<before>-?\d{1,20}--?\d{1,20}(?:x\d{1,9})?)?(?:#+|@+)"
    r"|%0?\d*d|\$F\d*|<(?i:f\d*|frame)>|\{(?i:frame|frame_number)\}"
    r"|(?P<udim><(?i:UDIM)>|%\(UDIM\)d)|(?P<uvtile><(?i:UVTILE)>)|(?P<view>%[Vv])"
    rf"|\[(?=-|\d+-(?:-|\d{{2}})|\d{{2,}}-|\d+\.\.|[^\]]*[,x])(?P<ranges>{_RANGE}(?:,{_RANGE})*)\]"
    r"|\[(?P<set>!?[^\]]+)\]|(?P<star>\*+)|(?P<any>\?)",
    re.ASCII,
)
_ALMOST_A_RANGE = re.compile(r"\d{2,}-\d{2,}|\.\.", re.ASCII)
_ONE_DIGIT_RANGE = re.compile(r"\[\d-\d\]", re.ASCII)  # a set of characters, but behind a frame number
_FRAME_GROUP = "(?P<frame>"
_MOST_DIGITS = 9  # of a frame number that somebody names


@dataclass(frozen=True, slots=True)
class Pattern:
    """An explicit pattern of file names.

    Attributes:
        text: As it was written.
        folder: What stands before the last slash, slash included.
        regex: Matches a file's name; the group `frame` is its number, where the pattern has one.
        ranges: Frames that `[1001-1060]` or `[1001-1059x2,1070]` asks for, rising; none without.
        is_udim: Whether it holds `<UDIM>`.
    """

    text: str
    folder: str
    regex: re.Pattern[str]
    ranges: tuple[range, ...]
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
            not self.ranges or self.frame_of(path) is not None
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
        if self.ranges and not any(number in each for each in self.ranges):
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


def united(ranges: Iterable[range]) -> tuple[range, ...]:
    """Ranges of frames, rising; those of every frame that overlap or touch are one.

    Raises:
        PatternError: Others overlap.
    """
    found: list[range] = []
    for each in sorted(set(ranges), key=lambda item: (item.start, item.stop)):
        if found and each.step == found[-1].step == 1 and each.start <= found[-1].stop:
            found[-1] = range(found[-1].start, max(found[-1].stop, each.stop))
        elif found and each.start <= found[-1][-1]:
            raise PatternError(
                f"found ranges with steps that overlap: {found[-1][0]}-{found[-1][-1]} and {each[0]}-{each[-1]}"
            )
        else:
            found.append(each)
    return tuple(found)


def _ranges(items: str, text: str) -> tuple[range, ...]:
    """`1001-1010x2,1020` as ranges."""
    found = []
    for first, last, step in _BOUNDS.findall(items):
        low, high, by = int(first), int(last or first), int(step or 1)
        require_frame_range(low, high, text)
        if not by:
            raise PatternError(f"{text or items}: found a step of 0, expected 1 or more")
        found.append(range(low, high + 1, by))
    return united(found)


def parse_frames(text: str) -> tuple[range, ...]:
    """Ranges of frames as render managers take them and `check` prints them: `1001-1060`, `1001-1010,1020-1040x2`, `1-9:2`.

    Raises:
        PatternError: It is no such text, or a range in it ends before it begins, is too large, or overlaps another.
    """
    items = _BLANKS.sub(r"\1", text.strip()).replace(":", "x")
    if not _FRAMES.fullmatch(items):
        raise PatternError(
            f"found {text if items else 'an empty text'}, expected frames such as 1001-1060 or 1001-1010,1020-1040x2"
        )
    return _ranges(items, "")


def parse_pattern(text: str) -> Pattern:
    """Read the tokens of a file's name.

    They are `####`, `@@@@`, `%04d`, `$F4`, `<f4>`, `{frame}`, `<UDIM>`, `%(UDIM)d`, `<UVTILE>`, `%V`, `*`, `?`, `[abc]`,
    `[1001-1060]`, `[1001-1059x2,1070]` and `1001-1060#`. A range in brackets has two digits and more at one end, a negative
    number, two dots, a step or a comma: `[0-9]` is a set of characters, as in a shell. Of a pattern with several frame numbers
    (`a_####_####`) the names decide which one is meant.

    Raises:
        PatternError: A range that ends before it begins, is none or stands beside several frame numbers, or a set of characters
            that is none.
    """
    folder, slash, name = text.rpartition("/")
    parts: list[str] = []
    ranges: tuple[range, ...] = ()
    numbers = 0
    is_udim = False
    position = 0
    for match in _PATTERN_TOKENS.finditer(name):
        parts.append(re.escape(name[position : match.start()]))
        is_behind_frame = numbers > 0 and position == match.start()
        position = match.end()
        if match["before"] is not None:
            ranges = _ranges(match["before"], text)
        if match["ranges"] is not None or (is_behind_frame and _ONE_DIGIT_RANGE.fullmatch(match[0])):
            ranges = _ranges(match[0][1:-1], text)
            if numbers:  # behind a frame number it only says which frames are wanted
                continue
        piece = _piece(match)
        is_udim |= match["udim"] is not None
        numbers += _FRAME_GROUP in piece
        parts.append(piece)
    parts.append(re.escape(name[position:]))
    if numbers > 1:
        if ranges or is_udim:
            raise PatternError(f"{text}: found {numbers} frame numbers beside a range or <UDIM>, expected one")
        parts = [part.replace(_FRAME_GROUP, "(?:") for part in parts]
    if ranges and is_udim:
        raise PatternError(f"{text}: found a range of frames beside <UDIM>, whose numbers are no frames")
    try:
        regex = re.compile("".join(parts), re.DOTALL)
    except re.error as error:
        raise PatternError(f"{text}: not a pattern: {error}") from error
    return Pattern(text, folder + slash, regex, ranges, is_udim)


def _piece(match: re.Match[str]) -> str:
    """The regular expression of one token; no repetition stands in another, so matching takes linear time for each token."""
    fixed = {
        "view": f"(?:{_VIEWS})",
        "star": "[^/]*",
        "any": "[^/]",
        "udim": rf"{_FRAME_GROUP}[1-9][0-9]{{3}})",
        "uvtile": "u[0-9]+_v[0-9]+",
    }
    for token, regex in fixed.items():
        if match[token]:
            return regex
    if match["set"]:
        if _ALMOST_A_RANGE.search(match["set"]):
            raise PatternError(
                f"found {match[0]}, expected ranges of frames, such as [1001-1060] or [1001-1059x2,1070]"
            )
        return _character_set(match["set"])
    # A frame with another number of digits than the pattern has is found, too: SEQ-PADDING reports it.
    return rf"{_FRAME_GROUP}-?[0-9]{{1,20}})"


def _character_set(inside: str) -> str:
    """`[...]` of a shell as one of an expression: `!` negates, `-` makes a range, everything else is a character."""
    negated, characters = ("^", inside[1:]) if inside.startswith("!") else ("", inside)
    return f"[{negated}{re.sub(r'([^0-9A-Za-z-])', _BACKSLASHED, characters)}]"


def match_pattern(pattern: Pattern, paths: Iterable[str]) -> Recognition:
    """The files that a pattern stands for; where it does not say which number is the frame, their names decide."""
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
        named_sequence(before, after, frames, is_udim=pattern.is_udim) for (before, after), frames in groups.items()
    ]
    return Recognition(tuple(sorted(sequences, key=lambda item: item.pattern)))
