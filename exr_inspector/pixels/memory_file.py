"""Files in memory: one that the OpenEXR library opens by name, and one that two processes share."""

from __future__ import annotations

import io
import mmap
import os
import pickle
import sys
import tempfile
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

from exr_inspector.pixels.mini_file import Payload

_KEPT_BYTES = 16 << 20
_IOV_MAX = 1024


class MemoryFile:
    """A file in memory that the OpenEXR library opens by name, again and again with other contents.

    A Python stream would do, and does where the system knows no such files; but then the library asks Python for every
    chunk, and each time waits for Python's lock, which the figures of another thread hold.
    """

    def __init__(self) -> None:
        self._file = _memory_file()

    def holding(self, pieces: Sequence[Payload]) -> str | io.BytesIO:
        """A file of these pieces in order: its name, or itself. It replaces the previous one."""
        if self._file is None:
            return io.BytesIO(b"".join(pieces))
        self._file.seek(0)
        _write_all(self._file.fileno(), [piece for piece in pieces if len(piece)])
        self._file.truncate(sum(map(len, pieces)))
        return _name(self._file)

    def shrink(self) -> None:
        """Give memory back that few contents need."""
        if self._file is not None and self._file.seek(0, os.SEEK_END) > _KEPT_BYTES:
            self._file.truncate(_KEPT_BYTES)

    def close(self) -> None:
        """Give all its memory back."""
        if self._file is not None:
            self._file.close()


def _memory_file() -> io.FileIO | None:
    """An unnamed file in memory with a name under /proc, None where there is no such thing."""
    if sys.platform != "linux":
        return None
    try:
        made = io.FileIO(os.memfd_create("exr"), "r+")
    except OSError:  # forbidden by the sandbox
        return None
    if not Path(_name(made)).exists():
        made.close()
        return None
    return made


def _name(file: io.FileIO) -> str:
    return f"/proc/self/fd/{file.fileno()}"


def _write_all(file: int, pieces: list[Payload]) -> None:
    """Write the pieces, which must not be empty, without putting them together first."""
    position = 0
    while position < len(pieces):
        written = os.writev(file, pieces[position : position + _IOV_MAX])
        while written and written >= len(pieces[position]):
            written -= len(pieces[position])
            position += 1
        if written:
            pieces[position] = memoryview(pieces[position])[written:]


class SharedFile:
    """Bytes that one process writes and another one sees, without a copy in between.

    Args:
        file: Descriptor of one that the other process made; a new one without it.
    """

    def __init__(self, file: int | None = None) -> None:
        self._file = io.FileIO(file, "r+") if file is not None else _unnamed_file()
        self._map: mmap.mmap | None = None

    def fileno(self) -> int:
        """Its descriptor, for the other process to inherit."""
        return self._file.fileno()

    def write(self, pieces: Sequence[Payload]) -> None:
        """Write these pieces, one behind the other, from the start of the file."""
        self._file.seek(0)
        _write_all(self._file.fileno(), [piece for piece in pieces if len(piece)])
        if self._file.tell() < _KEPT_BYTES < self._file.seek(0, os.SEEK_END):
            self._file.truncate(_KEPT_BYTES)

    def view(self, size: int) -> memoryview:
        """The first `size` bytes, which must have been written; they change when it is written again."""
        if not size:
            return memoryview(b"")
        if self._map is None or len(self._map) < size:
            self._map = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        return memoryview(self._map)[:size]

    def put(self, value: object) -> tuple[bytes, list[int]]:
        """Write a value's arrays here; what `get` needs to make it anew in the other process."""
        buffers: list[pickle.PickleBuffer] = []
        pickled = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
        arrays = [buffer.raw() for buffer in buffers]
        self.write(arrays)
        return pickled, [len(array) for array in arrays]

    def get(self, pickled: bytes, sizes: Sequence[int]) -> Any:
        """The value that the other process has put here."""
        view = self.view(sum(sizes))
        arrays = [bytes(view[end - size : end]) for end, size in zip(accumulate(sizes), sizes, strict=True)]
        return pickle.loads(pickled, buffers=arrays)  # noqa: S301 - made by `put` of a process of ours

    def close(self) -> None:
        """Release the memory as soon as no process has it mapped."""
        self._map = None
        self._file.close()


def _unnamed_file() -> io.FileIO:
    """In memory, or on disk where there is no such thing."""
    try:
        return io.FileIO(os.memfd_create("exr"), "r+")
    except (AttributeError, OSError):
        with tempfile.TemporaryFile() as made:
            return io.FileIO(os.dup(made.fileno()), "r+")
