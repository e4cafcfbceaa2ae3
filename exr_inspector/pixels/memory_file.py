"""Files in memory: one that the OpenEXR library opens by path, and one that two processes share."""

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
    """A file in memory that the OpenEXR library opens by path; its contents are replaced for each use.

    With a Python stream, which is used on systems without such files, the library calls Python for every chunk, and each time
    waits for the GIL while another thread computes statistics.
    """

    def __init__(self) -> None:
        self._file = _memory_file()

    def holding(self, pieces: Sequence[Payload]) -> str | io.BytesIO:
        """The path of the file with these pieces as contents, or a stream with them. Replaces the previous contents."""
        if self._file is None:
            return io.BytesIO(b"".join(pieces))
        self._file.seek(0)
        _write_all(self._file.fileno(), [piece for piece in pieces if len(piece)])
        self._file.truncate(sum(map(len, pieces)))
        return _name(self._file)

    def shrink(self) -> None:
        """Release memory above a size that most contents fit in."""
        if self._file is not None and self._file.seek(0, os.SEEK_END) > _KEPT_BYTES:
            self._file.truncate(_KEPT_BYTES)

    def close(self) -> None:
        """Release all memory."""
        if self._file is not None:
            self._file.close()


def _memory_file() -> io.FileIO | None:
    """An anonymous file in memory with a path under /proc; None if the system does not support it."""
    if sys.platform != "linux":
        return None
    try:
        made = io.FileIO(os.memfd_create("exr"), "r+")
    except OSError:  # not permitted in a sandbox
        return None
    if not Path(_name(made)).exists():
        made.close()
        return None
    return made


def _name(file: io.FileIO) -> str:
    return f"/proc/self/fd/{file.fileno()}"


def _write_all(file: int, pieces: list[Payload]) -> None:
    """Write the pieces, which must not be empty, without concatenating them first."""
    position = 0
    while position < len(pieces):
        written = os.writev(file, pieces[position : position + _IOV_MAX])
        while written and written >= len(pieces[position]):
            written -= len(pieces[position])
            position += 1
        if written:
            pieces[position] = memoryview(pieces[position])[written:]


class SharedFile:
    """A file in shared memory that one process writes and another one maps, without a copy.

    Args:
        file: Descriptor of a file that the other process created; None creates a new one.
    """

    def __init__(self, file: int | None = None) -> None:
        self._file = io.FileIO(file, "r+") if file is not None else _unnamed_file()
        self._map: mmap.mmap | None = None

    def fileno(self) -> int:
        """The file descriptor, for the other process to inherit."""
        return self._file.fileno()

    def write(self, pieces: Sequence[Payload]) -> None:
        """Write these pieces in order from the start of the file."""
        self._file.seek(0)
        _write_all(self._file.fileno(), [piece for piece in pieces if len(piece)])
        if self._file.tell() < _KEPT_BYTES < self._file.seek(0, os.SEEK_END):
            self._file.truncate(_KEPT_BYTES)

    def view(self, size: int) -> memoryview:
        """A view of the first `size` bytes, which must have been written; a later write changes it."""
        if not size:
            return memoryview(b"")
        if self._map is None or len(self._map) < size:
            self._map = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        return memoryview(self._map)[:size]

    def put(self, value: object) -> tuple[bytes, list[int]]:
        """Write a value's arrays to the file; return the arguments with which `get` restores it in the other process."""
        buffers: list[pickle.PickleBuffer] = []
        pickled = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
        arrays = [buffer.raw() for buffer in buffers]
        self.write(arrays)
        return pickled, [len(array) for array in arrays]

    def get(self, pickled: bytes, sizes: Sequence[int]) -> Any:
        """The value that the other process wrote with `put`."""
        view = self.view(sum(sizes))
        arrays = [bytes(view[end - size : end]) for end, size in zip(accumulate(sizes), sizes, strict=True)]
        return pickle.loads(pickled, buffers=arrays)  # noqa: S301 - written by `put` in our own process

    def close(self) -> None:
        """Close the file; its memory is released when no process maps it any more."""
        self._map = None
        self._file.close()


def _unnamed_file() -> io.FileIO:
    """An anonymous file in memory, or on disk if the system does not support it."""
    try:
        return io.FileIO(os.memfd_create("exr"), "r+")
    except (AttributeError, OSError):
        with tempfile.TemporaryFile() as made:
            return io.FileIO(os.dup(made.fileno()), "r+")
