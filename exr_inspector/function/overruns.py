"""Versions of files that are not inspected once more: a container remembers them, and so stores the row without the damage.

A file whose own CPU time uses up an invocation would come again for ever, and cost an invocation each time; time that it only
waited does not count. A file that ended the processes that decoded it would end some more with each delivery.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

from exr_inspector.model import ObjectVersion

OVERRUNS = 2
_REMEMBERED = 1024  # versions of files, the latest ones
# Handlers share the interpreter: a file that has half of an invocation's time in CPU had hardly to wait.
_OWN_SHARE = 0.5


class Overruns:
    """Counts overruns by version of a file; every method may run on many threads at once.

    Args:
        deadline_seconds: Time of one invocation.
    """

    def __init__(self, deadline_seconds: float) -> None:
        self._own_seconds = deadline_seconds * _OWN_SHARE
        self._lock = threading.Lock()
        self._counts: OrderedDict[str, tuple[ObjectVersion, int]] = OrderedDict()

    def note(self, path: str, version: ObjectVersion | None, cpu_seconds: float) -> None:
        """Count an inspection that the deadline ended, if it was the file's own CPU time that used it up."""
        if version is None or cpu_seconds < self._own_seconds:
            return
        with self._lock:
            seen, count = self._counts.pop(path, (version, 0))
            self._counts[path] = (version, count + 1 if seen == version else 1)
            if len(self._counts) > _REMEMBERED:
                self._counts.popitem(last=False)

    def version_of(self, path: str) -> ObjectVersion | None:
        """The version of a file that overran often enough to be left alone; None for any other file."""
        with self._lock:
            version, count = self._counts.get(path, (None, 0))
        return version if count >= OVERRUNS else None


class Crashes:
    """Versions of files that ended the processes that decoded them; every method may run on many threads at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[str, tuple[ObjectVersion, str]] = OrderedDict()

    def note(self, path: str, version: ObjectVersion | None, message: str) -> None:
        """Remember what became of a version of a file."""
        if version is None:
            return
        with self._lock:
            self._known.pop(path, None)
            self._known[path] = version, message
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)

    def of(self, path: str) -> tuple[ObjectVersion, str] | None:
        """The version of a file that ended processes, and how; None for any other file."""
        with self._lock:
            return self._known.get(path)
