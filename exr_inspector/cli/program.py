"""What this program is called by its user, for examples and advice."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

CHECKOUT = "./run"
INSTALLED = "exr-inspector"
INTERRUPTED = 130  # the exit code after Ctrl-C, as shells have it; `cli.__main__` makes 143 of it after SIGTERM


def program() -> str:
    """What the user typed: `./run` in a checkout, `exr-inspector` where the package is installed."""
    name = Path(sys.argv[0]).name
    return name if name == INSTALLED else CHECKOUT


def command_line(arguments: str, catalog: Path | None) -> str:
    """A command to go on with, for the tables that the present one works on: those of a file, or of VAST_DB_* for None."""
    return f"{program()} {arguments}" + (f" --catalog {shlex.quote(str(catalog))}" if catalog else "")
