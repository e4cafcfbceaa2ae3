r"""Texts that files, keys and errors brought along, made safe to print, to store and to parse.

Names may hold bytes that are no UTF-8 (in Python lone surrogates), codes that a terminal obeys, and marks that show text in
another order. Every output shows them as Python's escapes: `\x1b`, `\u202e`, `\udcff`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from difflib import get_close_matches

LINES = (
    "\t\n\xa0\u202f\u3000"  # what may stay in a document that quotes its texts: tabs, line ends, wide and fixed blanks
)
_NO_ASCII = re.compile("[\x7f-\U0010ffff]")
# What makes a spreadsheet take a text for a formula.
_FORMULA = tuple("=+-@\t\n\uff1d\uff0b\uff0d\uff20")


def visible(text: str, kept: str = "") -> str:
    """The text with an escape for every character that is not printable, except for those in `kept`."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() or letter in kept else repr(letter)[1:-1] for letter in text)


def did_you_mean(name: str, known: Iterable[str], most: int = 3) -> str:
    """`did you mean beauty or depth?`, with the known names that are most like a wrong one; empty where none is."""
    near = get_close_matches(name, known, most)
    return f"did you mean {' or '.join(near)}?" if near else ""


def unicode_text(text: str) -> str:
    """The text with escapes for lone surrogates, as the tables hold it: any encoding of Unicode can write it."""
    return text.encode("utf-8", "backslashreplace").decode()


def name_bytes(name: str) -> bytes:
    """The bytes of a file's name; what Python did not get from bytes is escaped."""
    try:
        return os.fsencode(name)
    except UnicodeEncodeError:
        return unicode_text(name).encode()


def json_document(value: object, *, indent: int | None = None, separators: tuple[str, str] | None = None) -> str:
    r"""JSON that every parser takes: no NaN, no lone surrogate (a text has `\udcff` in its place), no code for a terminal.

    Raises:
        ValueError: A number is not finite.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent, separators=separators)
    return _NO_ASCII.sub(_in_json, text)


def _in_json(found: re.Match[str]) -> str:
    letter = found[0]
    if letter.isprintable() or letter in LINES:
        return letter
    is_surrogate = "\ud800" <= letter <= "\udfff"
    return json.dumps(unicode_text(letter) if is_surrogate else letter)[1:-1]


def csv_cell(value: object) -> object:
    """A value as a cell of comma-separated lines: a text that begins a formula gets an apostrophe, null is empty."""
    if isinstance(value, str):
        text = visible(value, LINES)
        return f"'{text}" if text.startswith(_FORMULA) else text
    if isinstance(value, (bool, list, dict)):
        return csv_cell(json_document(value))
    return "" if value is None else value
