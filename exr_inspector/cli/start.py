"""What `./run` and the installed command start: Ctrl-C ends them without a traceback while the command line is imported."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

_INTERRUPTED = 130  # cli.program.INTERRUPTED, without importing that module


def start() -> None:
    """Import the command line and run it. `./run` blocks SIGINT until then."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:  # else the caller ignores it, as a shell does for its background
        signal.signal(signal.SIGINT, lambda *_: os._exit(_INTERRUPTED))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    from exr_inspector.cli import __main__ as command_line  # noqa: PLC0415 - takes most of a second

    signal.signal(signal.SIGINT, before)
    command_line.run()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # `./run` starts this file in Python's isolated mode
    start()
