"""How wide lines may be: as wide as the terminal; where there is none (a pipe, a file), as wide as what they say."""

from __future__ import annotations

import os

from rich.console import Console

_UNBOUNDED = 1_000


def output() -> Console:
    """Standard output, to print on. `COLUMNS` sets the width of a pipe, as it does elsewhere."""
    console = Console()
    if console.is_terminal or os.environ.get("COLUMNS", "").isdigit():
        return console
    return Console(width=_UNBOUNDED)
