"""Standard output: lines as wide as the terminal, or of any width in a pipe; JSON in its encoding."""

from __future__ import annotations

import json
import os
import re
import sys
from typing import Any

import click
from rich.console import Console

from exr_inspector.texts import visible

_UNBOUNDED = 1_000
_NO_ASCII = re.compile("[^\x00-\x7f]")


class _Pipe(Console):
    """A console for programs: its lines end without the spaces that fill the last column of a table."""

    def print(self, *objects: Any, **options: Any) -> None:
        """As Console.print."""
        with self.capture() as captured:
            super().print(*objects, **options)
        self.file.write("\n".join(line.rstrip(" ") for line in captured.get().split("\n")))


def output() -> Console:
    """A console for standard output; the environment variable COLUMNS sets the width of a pipe."""
    console = Console()
    if console.is_terminal:
        return console
    return _Pipe(width=None if os.environ.get("COLUMNS", "").isdigit() else _UNBOUNDED)


def echo_error(text: str) -> None:
    """Print a line on standard error, with escapes for control characters."""
    click.echo(visible(text, "\n"), err=True)


def echo_json(text: str) -> None:
    """Print JSON, with escapes for all characters beyond ASCII if the output's encoding is not Unicode."""
    if not (sys.stdout.encoding or "").lower().startswith("utf"):
        text = _NO_ASCII.sub(lambda letter: json.dumps(letter[0])[1:-1], text)
    click.echo(text)
