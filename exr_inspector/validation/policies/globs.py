"""Globs over paths as regular expressions whose time grows at most with the square of the path, whatever the glob.

`*` stands for any characters within a folder, `?` for one, `**` for any with slashes among them; `**/` at the beginning or
behind a slash stands for any folders, also for none, so that `a/**/b` matches `a/b`. All else stands for itself. Keys come
from whoever may write into a bucket: an ordinary translation of a glob with a dozen stars would try, for hours, every way to
spread a long key over them.

What keeps it short: where a wildcard is followed by another one, the first fit of the text between them is as good as any,
since the second can take up the rest (`**/` too: what stands before it ends with a slash). So no other fit is ever tried.
Python knows atomic groups from 3.11 on; a look-ahead and a reference to what it found are the same thing.
"""

from __future__ import annotations

import re
from itertools import pairwise

_TOKENS = re.compile(r"(?:^|(?<=/))\*\*/|\*\*|\*|\?|[^*?]+")
_STAR = "*"
_PIECES = {"**/": "(?:.*?/)??", "**": ".*?", _STAR: "[^/]*?", "?": "[^/]"}


def glob_pattern(glob: str) -> re.Pattern[str]:
    """The glob as a pattern for `fullmatch`."""
    return re.compile(_regex(_TOKENS.findall(glob)), re.DOTALL)


def _regex(tokens: list[str]) -> str:
    """One group for each stretch that begins with `**` or `**/`; the first begins with the path."""
    wide = (index for index, token in enumerate(tokens) if token in {"**", "**/"})
    stretches = [tokens[start:end] for start, end in pairwise([0, *wide, len(tokens)])]
    *inner, last = (_stretch(stretch, f"s{i}_", is_last=i == len(stretches) - 1) for i, stretch in enumerate(stretches))
    return "".join(_once(text, f"s{number}") for number, text in enumerate(inner)) + last


def _stretch(tokens: list[str], group: str, *, is_last: bool) -> str:
    """A stretch, cut at its stars; behind each of them the first fit is taken, but for what has to reach the end."""
    stars = [index for index, token in enumerate(tokens) if token == _STAR]
    cuts = pairwise([0, *stars, len(tokens)])
    head, *texts = (
        "".join(_PIECES.get(token) or re.escape(token) for token in tokens[start:end]) for start, end in cuts
    )
    free = [texts.pop()] if is_last and texts else []
    return "".join([head, *(_once(text, f"{group}{number}") for number, text in enumerate(texts)), *free])


def _once(text: str, group: str) -> str:
    """What matches `text` first, and nothing else of it."""
    return f"(?=(?P<{group}>{text}))(?P={group})"
