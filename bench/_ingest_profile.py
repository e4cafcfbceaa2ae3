"""Which threads of the run's own process the CPU time went to, and what was left of it, as far as the system tells (Linux)."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import defaultdict
from pathlib import Path

_TASKS = Path("/proc/self/task")
_SYSTEM = Path("/proc/stat")
_TICKS = os.sysconf("SC_CLK_TCK")
_ENGINE = "the local database: engine"
# What a thread does, by the beginning of its name; threads that Python does not know are DuckDB's and Arrow's.
_WORK = {
    "MainThread": "handing out and taking in",
    "exr-list": "listing",
    "exr-ingest": "inspecting until the processes are up",
    "exr-shard": "inspecting until the processes are up",
    "query-data": "storing: rows and the database's client",
    "Thread-": "the local database: requests",
    "vastdb": "the local database: requests",
}


def idle_seconds() -> float:
    """How long cores had nothing to do since the system started, waiting for disks included; 0 where it does not tell."""
    if not _SYSTEM.exists():
        return 0.0
    fields = _SYSTEM.read_text().splitlines()[0].split()
    return (int(fields[4]) + int(fields[5])) / _TICKS


class ThreadTimes:
    """Seconds of CPU by what threads do. Threads come and go, so it has to `look` often; each look sees those that live."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[str, float]] = {}
        self._before = self._now()

    def look(self) -> None:
        """See how far the threads are."""
        self._seen |= self._now()

    def by_work(self) -> dict[str, float]:
        """Seconds since this was made."""
        found: defaultdict[str, float] = defaultdict(float)
        for thread, (work, seconds) in self._seen.items():
            _, before = self._before.get(thread, ("", 0.0))
            found[work] += max(0.0, seconds - before)
        return dict(found)

    @staticmethod
    def _now() -> dict[int, tuple[str, float]]:
        names = {thread.native_id: thread.name for thread in threading.enumerate()}
        found = {}
        for folder in _TASKS.iterdir() if _TASKS.is_dir() else ():
            with contextlib.suppress(OSError):  # it has ended meanwhile
                fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
                number = int(folder.name)
                found[number] = (_work(names.get(number)), (int(fields[11]) + int(fields[12])) / _TICKS)
        return found


def _work(name: str | None) -> str:
    if name is None:
        return _ENGINE
    return next((work for start, work in _WORK.items() if name.startswith(start)), name)
