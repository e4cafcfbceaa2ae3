"""Cells of comma-separated lines that are safe to open in a spreadsheet and to print on a terminal."""

from __future__ import annotations

import re

_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what makes a spreadsheet take a text for a formula
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")  # all but tab and line ends, which CSV quotes


def inert(text: str) -> str:
    r"""The text with an apostrophe before what begins a formula, and with control characters as `\x1b`."""
    text = _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
    return f"'{text}" if text.startswith(_FORMULA) else text
