"""Parse explicit patterns: `a.####.exr`, `%04d`, `$F4`, `<UDIM>`, `a.[1001-1060].exr`, globs in names and folders. Pure.

>>> parse_pattern("s/a.[1001-1060].exr").ranges
(range(1001, 1061),)
>>> parse_pattern("shots/*/a.####.exr").matches("shots/sh010/a.1001.exr")
True
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

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
_FOLDER_TOKENS = re.compile(r"\*|\?|\[[^\]/]+\]|%[Vv]")
_ALMOST_A_RANGE = re.compile(r"\d{2,}-\d{2,}|\.\.", re.ASCII)
_ONE_DIGIT_RANGE = re.compile(r"\[\d-\d\]", re.ASCII)  # a set of characters, except behind a frame number
_FRAME_GROUP = "(?P<frame>"
_VIEW_TOKEN = re.compile("%[Vv]")
_DIGITS = re.compile("#+")  # of the name of a sequence
_BUCKET = re.compile("[a-zA-Z][a-zA-Z0-9+.-]*://[^/]*/")
_BRACES = re.compile(r"\{[^{}]*,[^{}]*\}")
_MOST_DIGITS = 9  # of a frame number that a user gives


@dataclass(frozen=True, slots=True)
class Pattern:
    """An explicit pattern of file names, in one folder or in all folders that match.

    Attributes:
        text: The pattern as written.
        folder: The text up to the last slash, slash included.
        regex: Matches a file name; its group `frame` is the frame number, if the pattern has one.
        ranges: Frames that `[1001-1060]` or `[1001-1059x2,1070]` names, in ascending order; empty if the pattern has no range.
        is_udim: Whether it contains `<UDIM>`.
    """

    text: str
    folder: str
    regex: re.Pattern[str]
    ranges: tuple[range, ...]
    is_udim: bool

    @property
    def beginning(self) -> str:
        """The prefix of all matching paths: the text up to the first token."""
        mark = _FOLDER_TOKENS.search(self.folder)
        return self.folder[: mark.start()] if mark else self.folder + self.beginning_of_names

    @property
    def beginning_of_names(self) -> str:
        """The file name up to the first token."""
        name = self.text[len(self.folder) :]
        mark = _PATTERN_TOKENS.search(name)
        return name[: mark.start()] if mark else name

    def matches(self, path: str) -> bool:
        """Whether the folder and the name of a file match."""
        return self._fits(path) and (not self.ranges or self.frame_of(path) is not None)

    def matches_sequence(self, name: str) -> bool:
        """Whether files of a sequence with this name, such as `sh010/a.####.exr`, match. Ranges are not compared."""
        folder, slash, file = name.rpartition("/")
        return self._fits(folder + slash + _DIGITS.sub("1001", file))

    def _fits(self, path: str) -> bool:
        folder, slash, name = path.rpartition("/")
        return self.regex.fullmatch(name) is not None and _are_alike(self.folder, folder + slash)

    def frame_of(self, path: str) -> Frame | None:
        """The frame of a path by its name; None if the name does not match.

        Raises:
            PatternError: Its number is too large for a frame number.
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

    def recognise(self, paths: Iterable[str]) -> Recognition:
        """Group the files that match; without a frame token, or with several, the names decide what the frame number is."""
        if "frame" not in self.regex.groupindex:
            return recognise(path for path in paths if self.regex.fullmatch(path.rpartition("/")[2]))
        as_written = self.text[-4:]
        by_name: dict[str, str] = {}  # of names that differ in the case of the extension, the one that is as written
        for path in sorted(dict.fromkeys(paths), key=lambda path: not path.endswith(as_written)):
            by_name.setdefault("".join(_split_extension(path)), path)
        groups: dict[tuple[str, str], tuple[str, list[Frame]]] = {}
        for path in by_name.values():
            frame = self.frame_of(path)
            if frame is None:
                continue
            name = path.rpartition("/")[2]
            match = self.regex.fullmatch(name)
            if match is not None:
                before, behind = (
                    path[: len(path) - len(name)] + name[: match.start("frame")],
                    name[match.end("frame") :],
                )
                groups.setdefault((before, "".join(_split_extension(behind))), (behind, []))[1].append(frame)
        sequences = [
            named_sequence(before, behind, frames, is_udim=self.is_udim)
            for (before, _), (behind, frames) in groups.items()
        ]
        return Recognition(tuple(sorted(sequences, key=lambda item: item.pattern)))


def is_pattern(text: str) -> bool:
    """Whether a target's file name contains a pattern token."""
    return _PATTERN_TOKENS.search(text.rpartition("/")[2]) is not None


def unknown_tokens_hint(text: str) -> str:
    """Advice for a target that matches nothing and has `**` or `{a,b}`, which are no tokens here; empty without them."""
    advice = ""
    if "**" in text:
        advice += "; `**` means the same as `*`: name a folder for all files below it"
    if _BRACES.search(text):
        advice += "; {a,b} is no pattern here: name each, or let the shell expand it"
    return advice


def fixed_folder(text: str) -> str:
    """The beginning of a target, before the first folder whose name is a pattern: `shots/` of `shots/*/comp/a.####.exr`."""
    folder = text[: text.rfind("/") + 1]
    bucket = _BUCKET.match(folder)
    mark = _FOLDER_TOKENS.search(folder, bucket.end() if bucket else 0)
    return folder[: folder.rfind("/", 0, mark.start()) + 1] if mark else folder


def is_folder_pattern(name: str) -> bool:
    """Whether the name of a folder contains `*`, `?`, `[abc]` or `%V`."""
    return _FOLDER_TOKENS.search(name) is not None


def folder_matches(pattern: str, name: str) -> bool:
    """Whether the name of a folder is as written, or matches its `*`, `?`, `[abc]` and `%V`. Frame tokens are literal."""
    return pattern == name or any(
        fnmatchcase(name, each) for each in {_VIEW_TOKEN.sub(view, pattern) for view in _VIEWS.split("|")}
    )


def is_below(target: str, path: str) -> bool:
    """Whether a path begins with a target, whose folders may be patterns."""
    folder = target[: target.rfind("/") + 1]
    names = path.split("/")
    depth = folder.count("/")
    if len(names) <= depth:
        return False
    return "/".join(names[depth:]).startswith(target[len(folder) :]) and _are_alike(
        folder, "".join(f"{name}/" for name in names[:depth])
    )


def _are_alike(pattern: str, folder: str) -> bool:
    """Whether a path of folders matches."""
    if pattern == folder:
        return True
    wanted, found = pattern.split("/"), folder.split("/")
    return len(wanted) == len(found) and all(map(folder_matches, wanted, found))


def require_frame_range(first: int, last: int, text: str = "") -> None:
    """Check the first and last frame of a range.

    Raises:
        PatternError: The last is before the first, or a number is too large; the message begins with `text`.
    """
    prefix = f"{text}: " if text else ""
    if max(abs(first), abs(last)) >= 10**_MOST_DIGITS:
        raise PatternError(f"{prefix}found {first}-{last}, expected frame numbers of at most {_MOST_DIGITS} digits")
    if first > last:
        raise PatternError(f"{prefix}found {first}-{last}, which ends before it begins, expected {last}-{first}")


def united(ranges: Iterable[range]) -> tuple[range, ...]:
    """Sort frame ranges in ascending order and merge those of step 1 that overlap or touch.

    Raises:
        PatternError: Ranges with another step overlap.
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
    """Parse `1001-1010x2,1020`."""
    found = []
    for first, last, step in _BOUNDS.findall(items):
        low, high, by = int(first), int(last or first), int(step or 1)
        require_frame_range(low, high, text)
        if not by:
            raise PatternError(f"{text or items}: found a step of 0, expected 1 or more")
        found.append(range(low, high + 1, by))
    return united(found)


def parse_frames(text: str) -> tuple[range, ...]:
    """Parse frame ranges as render managers accept and `check` prints them: `1001-1060`, `1001-1010,1020-1040x2`, `1-9:2`.

    Raises:
        PatternError: The text is not a list of ranges, or a range ends before it begins, is too large, or overlaps another.
    """
    items = _BLANKS.sub(r"\1", text.strip()).replace(":", "x")
    if not _FRAMES.fullmatch(items):
        raise PatternError(
            f"found {text if items else 'an empty text'}, expected frames such as 1001-1060 or 1001-1010,1020-1040x2"
        )
    return _ranges(items, "")


def parse_pattern(text: str) -> Pattern:
    """Parse the tokens of a file name.

    They are `####`, `@@@@`, `%04d`, `$F4`, `<f4>`, `{frame}`, `<UDIM>`, `%(UDIM)d`, `<UVTILE>`, `%V`, `*`, `?`, `[abc]`,
    `[1001-1060]`, `[1001-1059x2,1070]` and `1001-1060#`. Brackets with at least two digits at one end, a negative number, two
    dots, a step or a comma are a range; `[0-9]` is a set of characters, as in a shell. In a pattern with several frame numbers
    (`a_####_####`) the names of the files decide which one is the frame number.

    Raises:
        PatternError: A range ends before it begins, is malformed, or is combined with several frame numbers; or a set of
            characters is invalid.
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
            if numbers:  # a range behind a frame number only restricts the frames and matches no text
                continue
        piece = _piece(match)
        is_udim |= match["udim"] is not None
        numbers += _FRAME_GROUP in piece
        parts.append(piece)
    rest, extension = _split_extension(name[position:])
    parts += (re.escape(rest), f"(?i:{re.escape(extension)})")  # other cases are reported, too
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
    """The regular expression of one token. Repetitions are not nested, so matching takes linear time for each token."""
    fixed = {
        "view": f"(?:{_VIEWS})",
        "star": "[^/]*",
        "any": "[^/]",
        "udim": rf"{_FRAME_GROUP}[0-9]{{4}})",
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
    # Frames with another number of digits than the pattern match, too: SEQ-PADDING reports them.
    return rf"{_FRAME_GROUP}-?[0-9]{{1,20}})"


def _split_extension(text: str) -> tuple[str, str]:
    """The text without `.exr` in any case, and `.exr`; empty without this extension."""
    return (text[:-4], ".exr") if text.lower().endswith(".exr") else (text, "")


def _character_set(inside: str) -> str:
    """Translate a shell's `[...]` into a regular expression: `!` negates, `-` makes a range, other characters are literal."""
    negated, characters = ("^", inside[1:]) if inside.startswith("!") else ("", inside)
    return f"[{negated}{re.sub(r'([^0-9A-Za-z-])', _BACKSLASHED, characters)}]"
