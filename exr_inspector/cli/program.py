"""The name of this program, for examples and advice."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

CHECKOUT = "./run"
INSTALLED = "exr-inspector"
INTERRUPTED = 130  # exit code after Ctrl-C, as in shells; after SIGTERM, `cli.__main__` changes it to 143


def program() -> str:
    """The name that the user typed: `./run` in a checkout, `exr-inspector` if the package is installed."""
    name = Path(sys.argv[0]).name
    return name if name == INSTALLED else CHECKOUT


def command_line(arguments: str, catalog: Path | None) -> str:
    """A command line to suggest, for the same tables: those of a catalog file, or of VAST_DB_* if it is None."""
    return f"{program()} {arguments}" + (f" --catalog {shlex.quote(str(catalog))}" if catalog else "")
