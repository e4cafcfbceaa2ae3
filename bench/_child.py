"""Run a measurement in a separate process, and measure the memory of this one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any


def measured(what: str, code: str, *arguments: Path) -> Any:
    """Run a Python program, and return the JSON of its last output line; if it fails, exit with its error message."""
    line = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{what}: exit {done.returncode}: {done.stderr[-500:]}")
    return json.loads(done.stdout.splitlines()[-1])


def memory(name: str) -> int:
    """The bytes that this process occupies (`VmRSS`), or did at most (`VmHWM`)."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith(name))
