"""What standard output takes: lines as wide as the terminal, or as what they say in a pipe or file; JSON in letters it has."""

from __future__ import annotations

import json
import os
import re
import sys

import click
from rich.console import Console

_UNBOUNDED = 1_000
_NO_ASCII = re.compile("[^\x00-\x7f]")
# What a terminal obeys or shows in another order, and JSON allows as it is: C1 controls, marks of direction, line separators.
_OBEYED = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def output() -> Console:
    """Standard output, to print on. `COLUMNS` sets the width of a pipe, as it does elsewhere."""
    console = Console()
    if console.is_terminal or os.environ.get("COLUMNS", "").isdigit():
        return console
    return Console(width=_UNBOUNDED)


def echo_json(text: str) -> None:
    """Print JSON, with escapes for what a terminal obeys, and where the output is no UTF-8 for all that is not ASCII."""
    text = _OBEYED.sub(lambda letter: f"\\u{ord(letter[0]):04x}", text)
    if not (sys.stdout.encoding or "").lower().startswith("utf"):
        text = _NO_ASCII.sub(lambda letter: json.dumps(letter[0])[1:-1], text)
    click.echo(text)
