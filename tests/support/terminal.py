"""Run programs on a pseudo-terminal."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


def shown_on_a_terminal(line: Sequence[str], cwd: Path, environ: Mapping[str, str]) -> bytes:
    """The output of a program on a terminal (standard output and standard error); it must succeed."""
    ours, theirs = pty.openpty()
    running = subprocess.Popen(line, cwd=cwd, env=environ, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # raised at the end of the terminal's output
        while piece := os.read(ours, 65_536):
            shown += piece
    os.close(ours)
    assert running.wait(60) == 0
    return shown
