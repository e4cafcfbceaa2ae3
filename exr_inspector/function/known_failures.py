"""Versions of files that are not inspected once more: a container remembers them, and so stores the row without the damage.

A file whose own CPU time uses up an invocation would come again for ever, and cost an invocation each time; time that it only
waited does not count. A file that ended the processes that decoded it would end some more with each delivery.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

from exr_inspector import __version__
from exr_inspector.errors import CpuTimeExceeded, DecoderCrashed, ExrInspectorError
from exr_inspector.model import ObjectVersion

_OVERRUNS = 2
_REMEMBERED = 1024  # files, the latest ones
# Handlers share the interpreter: a file that has half of an invocation's time in CPU had hardly to wait.
_OWN_SHARE = 0.5


class KnownFailures:
    """Remembers which versions of files failed, and why; every method may run on many threads at once."""

    def __init__(self, deadline_seconds: float) -> None:
        self._deadline_seconds = deadline_seconds
        self._lock = threading.Lock()
        # path -> version, how often it overran, and why it is not inspected once more
        self._files: OrderedDict[str, tuple[ObjectVersion, int, ExrInspectorError | None]] = OrderedDict()

    def note_overrun(self, path: str, version: ObjectVersion | None, cpu_seconds: float) -> None:
        """Count an inspection that the deadline ended, if it was the file's own CPU time that used it up."""
        if version is None or cpu_seconds < self._deadline_seconds * _OWN_SHARE:
            return
        with self._lock:
            seen, count, _ = self._files.get(path, (version, 0, None))
            count = count + 1 if seen == version else 1
            text = (
                f"inspecting this version used up EXR_DEADLINE_SECONDS ({self._deadline_seconds:g} s) in CPU time "
                f"{_OVERRUNS} times (exr-inspector {__version__}): not tried again"
            )
            self._remember(path, version, count, CpuTimeExceeded(text) if count >= _OVERRUNS else None)

    def note_crash(self, path: str, version: ObjectVersion | None, message: str) -> None:
        """Remember a version that ended the processes that decoded it."""
        if version is not None:
            with self._lock:
                self._remember(path, version, 0, DecoderCrashed(message))

    def _remember(self, path: str, version: ObjectVersion, count: int, error: ExrInspectorError | None) -> None:
        self._files.pop(path, None)
        self._files[path] = version, count, error
        if len(self._files) > _REMEMBERED:
            self._files.popitem(last=False)

    def of(self, path: str) -> tuple[ObjectVersion, ExrInspectorError] | None:
        """The version of a file that is not inspected once more, and why; None for any other file."""
        with self._lock:
            known = self._files.get(path)
        return (known[0], known[2]) if known and known[2] else None
