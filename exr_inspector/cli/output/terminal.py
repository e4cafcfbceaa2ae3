"""What standard output takes: lines as wide as the terminal, or as what they say in a pipe or file; JSON in letters it has."""

from __future__ import annotations

import json
import os
import re
import sys

import click
from rich.console import Console

from exr_inspector.texts import visible

_UNBOUNDED = 1_000
_NO_ASCII = re.compile("[^\x00-\x7f]")


def output() -> Console:
    """Standard output, to print on. `COLUMNS` sets the width of a pipe, as it does elsewhere."""
    console = Console()
    if console.is_terminal or os.environ.get("COLUMNS", "").isdigit():
        return console
    return Console(width=_UNBOUNDED)


def echo_error(text: str) -> None:
    """Print a line on standard error; texts of errors may hold names of files."""
    click.echo(visible(text, "\n"), err=True)


def echo_json(text: str) -> None:
    """Print JSON of `texts.json_document`; where the output is no UTF-8, with escapes for all that is not ASCII."""
    if not (sys.stdout.encoding or "").lower().startswith("utf"):
        text = _NO_ASCII.sub(lambda letter: json.dumps(letter[0])[1:-1], text)
    click.echo(text)
