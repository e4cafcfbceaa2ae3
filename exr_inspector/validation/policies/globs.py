"""Translate globs over paths into regular expressions whose matching time is at most quadratic in the length of the path.

`*` matches any characters within a folder, `?` one of them, `**` any characters including slashes. `**/` at the beginning or
after a slash matches any number of folders, also none, so that `a/**/b` matches `a/b`. All other characters are literal. Keys
are untrusted, because anybody with write access to a bucket chooses them: with the usual translation, matching a long key
against a glob with a dozen stars would try every distribution of the key over the stars, which can take hours.

Backtracking is avoided as follows: between two wildcards, the first match of the text is as good as any other, because the
second wildcard can match the rest (`**/` too, because the text before it ends with a slash). So no other match is tried. Atomic
groups would express this, but Python has them only since 3.11; a lookahead with a back-reference to its group is equivalent.
"""

from __future__ import annotations

import re
from itertools import pairwise

_TOKENS = re.compile(r"(?:^|(?<=/))\*\*/|\*\*|\*|\?|[^*?]+")
_STAR = "*"
_PIECES = {"**/": "(?:.*?/)??", "**": ".*?", _STAR: "[^/]*?", "?": "[^/]"}


def glob_pattern(glob: str) -> re.Pattern[str]:
    """Compile a glob to a regular expression for `fullmatch`."""
    return re.compile(_regex(_TOKENS.findall(glob)), re.DOTALL)


def _regex(tokens: list[str]) -> str:
    """The regular expression: one group for each segment of tokens that begins with `**` or `**/`, or with the path."""
    wide = (index for index, token in enumerate(tokens) if token in {"**", "**/"})
    segments = [tokens[start:end] for start, end in pairwise([0, *wide, len(tokens)])]
    *inner, last = (_segment(segment, f"s{i}_", is_last=i == len(segments) - 1) for i, segment in enumerate(segments))
    return "".join(_atomic(text, f"s{number}") for number, text in enumerate(inner)) + last


def _segment(tokens: list[str], group: str, *, is_last: bool) -> str:
    """The regular expression of a segment: atomic after each star, except for the text that must reach the end of the path."""
    stars = [index for index, token in enumerate(tokens) if token == _STAR]
    cuts = pairwise([0, *stars, len(tokens)])
    head, *texts = (
        "".join(_PIECES.get(token) or re.escape(token) for token in tokens[start:end]) for start, end in cuts
    )
    free = [texts.pop()] if is_last and texts else []
    return "".join([head, *(_atomic(text, f"{group}{number}") for number, text in enumerate(texts)), *free])


def _atomic(text: str, group: str) -> str:
    """An atomic group: the first match of `text` without backtracking into it."""
    return f"(?=(?P<{group}>{text}))(?P={group})"
