"""Versions of files that are not inspected again; the container remembers them and stores a failed row instead.

A file whose own CPU time uses up an invocation would be delivered again without end, and cost an invocation each time;
time spent waiting does not count. A file that crashed the processes that decoded it would crash more at each delivery.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

from exr_inspector import __version__
from exr_inspector.errors import CpuTimeExceeded, DecoderCrashed, ExrInspectorError
from exr_inspector.model import ObjectVersion

_MAX_OVERRUNS = 2
_REMEMBERED = 1024  # number of most recent files
# Handlers share the interpreter: a file that used half of an invocation's time as CPU time hardly had to wait.
_OVERRUN_SHARE = 0.5


class KnownFailures:
    """Remembers which versions of files failed, and why; safe to share between threads."""

    def __init__(self, deadline_seconds: float) -> None:
        self._deadline_seconds = deadline_seconds
        self._lock = threading.Lock()
        # path -> version, number of overruns, and why it is not inspected again
        self._files: OrderedDict[str, tuple[ObjectVersion, int, ExrInspectorError | None]] = OrderedDict()

    def note_overrun(self, path: str, version: ObjectVersion | None, cpu_seconds: float) -> None:
        """Count an inspection that the deadline ended, if the file's own CPU time used the invocation up."""
        if version is None or cpu_seconds < self._deadline_seconds * _OVERRUN_SHARE:
            return
        with self._lock:
            seen, count, _ = self._files.get(path, (version, 0, None))
            count = count + 1 if seen == version else 1
            text = (
                f"inspecting this version used up EXR_DEADLINE_SECONDS ({self._deadline_seconds:g} s) in CPU time "
                f"{_MAX_OVERRUNS} times (exr-inspector {__version__}): not tried again"
            )
            self._remember(path, version, count, CpuTimeExceeded(text) if count >= _MAX_OVERRUNS else None)

    def note_crash(self, path: str, version: ObjectVersion | None, message: str) -> None:
        """Remember a version that crashed the processes that decoded it."""
        if version is not None:
            with self._lock:
                self._remember(path, version, 0, DecoderCrashed(message))

    def _remember(self, path: str, version: ObjectVersion, count: int, error: ExrInspectorError | None) -> None:
        self._files.pop(path, None)
        self._files[path] = version, count, error
        if len(self._files) > _REMEMBERED:
            self._files.popitem(last=False)

    def of(self, path: str) -> tuple[ObjectVersion, ExrInspectorError] | None:
        """Return the version of a file that is not inspected again, and why; None for any other file."""
        with self._lock:
            known = self._files.get(path)
        return (known[0], known[2]) if known and known[2] else None
