"""What a user names on a command line or in Python: a file, a folder, an S3 URL or prefix, a pattern. Names of files come out.

`%04d`, `@@@@`, `$F4` and `####` stand for a frame number, `*`, `?` and `[...]` are those of the shell. A name that exists is
taken literally, whatever it holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from exr_inspector.errors import SourceError
from exr_inspector.storage import SourceOpener
from exr_inspector.storage.keys import split_url

_FRAME_MARKS = re.compile(r"#+|@+|%0?\d*d|\$F\d*")
_FRAME_NUMBER = r"-?[0-9]+"
_PATTERN_CHARACTERS = re.compile(r"[*?\[#@]|%0?\d*d|\$F")
_TOKENS = re.compile(r"\[!?[^\]]+\]|.", re.DOTALL)
_BACKSLASHED = r"\\\1"
_EXTENSION = ".exr"


def expand(opener: SourceOpener, targets: Iterable[str]) -> Iterator[str]:
    """The files that targets stand for, in the order of the targets, each target's sorted by name.

    A folder, or a URL that ends in a slash or names a bucket, stands for every .exr file below it; a pattern for the files of
    its folder that match. A plain name stands for itself: whether there is such a file shows when it is opened.

    Raises:
        SourceError: A pattern matches no file.
    """
    for target in targets:
        yield from expand_one(opener, target)


def expand_one(opener: SourceOpener, target: str) -> Iterator[str]:
    """As `expand`, for one target."""
    named = split_url(target)
    path = Path(target).expanduser()
    if named is None and path.is_dir():
        yield from _below(path)
    elif named is not None and (not named[1] or named[1].endswith("/")):
        entries = opener.list(*named)
        yield from (f"s3://{named[0]}/{entry.key}" for entry in entries if entry.key.lower().endswith(_EXTENSION))
    elif is_pattern(target) and not (path.exists() if named is None else opener.head(*named)):
        yield from _matching(opener, target)
    else:
        yield target


def _below(folder: Path) -> Iterator[str]:
    found = (path for path in folder.rglob("*") if path.suffix.lower() == _EXTENSION and path.is_file())
    yield from (str(path) for path in sorted(found))


def is_pattern(target: str) -> bool:
    """Whether the last component of a path or URL has a frame mark or a wildcard."""
    return _PATTERN_CHARACTERS.search(target.rpartition("/")[2]) is not None


def _matching(opener: SourceOpener, target: str) -> Iterator[str]:
    folder, slash, pattern = target.rpartition("/")
    names = [name for name in _names_in(opener, folder + slash, pattern) if matches(name, pattern)]
    if not names:
        raise SourceError(f"no file matches {target}")
    yield from (f"{folder}{slash}{name}" for name in sorted(names))


def _names_in(opener: SourceOpener, folder: str, pattern: str) -> list[str]:
    """The names of the files in a folder or below a URL's last slash, without those in deeper folders."""
    named = split_url(folder + "x")
    if named is None:
        path = Path(folder or ".").expanduser()
        return [entry.name for entry in path.iterdir() if entry.is_file()] if path.is_dir() else []
    bucket, key = named
    start = len(key) - 1
    listed = (entry.key[start:] for entry in opener.list(bucket, key[:start] + fixed_part(pattern)))
    return [name for name in listed if "/" not in name]


def fixed_part(pattern: str) -> str:
    """What the names that match a pattern begin with."""
    mark = _PATTERN_CHARACTERS.search(pattern)
    return pattern[: mark.start()] if mark else pattern


def matches(name: str, pattern: str) -> bool:
    """Whether a file's name fits a pattern; a frame mark is a number of any padding, with a sign or without."""
    return _expression(pattern).fullmatch(name) is not None


@lru_cache(maxsize=64)
def _expression(pattern: str) -> re.Pattern[str]:
    pieces = [_literal(piece) for piece in _FRAME_MARKS.split(pattern)]
    try:
        return re.compile(_FRAME_NUMBER.join(pieces), re.DOTALL)
    except re.error as error:
        raise SourceError(f"{pattern} is not a pattern: {error}") from error


def _literal(piece: str) -> str:
    """A piece between frame marks as an expression: shell wildcards, and all else literally."""
    return "".join(_wildcard(piece) for piece in _TOKENS.findall(piece))


def _wildcard(text: str) -> str:
    if text == "*":
        return ".*"
    if text == "?":
        return "."
    if len(text) > 1:
        return _letters(text[1:-1])
    return re.escape(text)


def _letters(inside: str) -> str:
    """`[...]` of the shell as one of an expression: `!` negates, `-` makes a range, everything else is a letter."""
    negated, letters = ("^", inside[1:]) if inside.startswith("!") else ("", inside)
    return f"[{negated}{re.sub(r'([^0-9A-Za-z-])', _BACKSLASHED, letters)}]"
