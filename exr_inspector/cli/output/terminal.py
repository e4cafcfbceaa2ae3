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


def output() -> Console:
    """Standard output, to print on. `COLUMNS` sets the width of a pipe, as it does elsewhere."""
    console = Console()
    if console.is_terminal or os.environ.get("COLUMNS", "").isdigit():
        return console
    return Console(width=_UNBOUNDED)


def echo_json(text: str) -> None:
    """Print JSON. It is UTF-8 by definition: output in another encoding gets the escapes that any reader understands."""
    if not (sys.stdout.encoding or "").lower().startswith("utf"):
        text = _NO_ASCII.sub(lambda letter: json.dumps(letter[0])[1:-1], text)
    click.echo(text)
