"""What decoding may use, shared by every file that is being read: threads, bytes of memory, and what each thread needs again.

Knows nothing of pixels.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import cast

import numpy as np

from exr_inspector.deadline import Deadline
from exr_inspector.errors import DeadlineExceeded, LimitExceeded
from exr_inspector.pixels.memory_file import MemoryFile
from exr_inspector.pixels.statistics import Workspace

# glibc hands a block that malloc had mapped by itself back to the kernel as soon as it is freed, and maps, faults in and
# zeroes a new one for the next array. From the size of the blocks that it sees freed it learns which ones come and go, up to
# this size, which is 32 MiB with its own header.
_COMES_AND_GOES = (32 << 20) - (64 << 10)
_WORTH_TRIMMING = 128 << 20


class MemoryPool:
    """A number of bytes that threads take from and give back; who finds too few waits."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._free = capacity
        self._changed = threading.Condition()

    @property
    def used(self) -> int:
        """Bytes taken at the moment."""
        with self._changed:
            return self.capacity - self._free

    def take(self, size: int, deadline: Deadline | None = None) -> None:
        """Take `size` bytes, waiting for others to give theirs back.

        Raises:
            LimitExceeded: The pool is smaller than that.
            DeadlineExceeded: The time was up before they were free.
        """
        if size > self.capacity:
            raise LimitExceeded(
                "decoding needs too much memory",
                limit="EXR_MEMORY_MIB",
                found=f"{size} bytes",
                expected=f"at most {self.capacity}",
            )
        with self._changed:
            timeout = None if deadline is None else deadline.remaining()
            if not self._changed.wait_for(lambda: self._free >= size, timeout):
                raise DeadlineExceeded("no time left to wait for memory to decode in")
            self._free -= size

    def lease(self, size: int, deadline: Deadline | None = None) -> Lease:
        """`take` for as long as somebody holds what is returned."""
        self.take(size, deadline)
        return Lease(self, size)

    def give(self, size: int) -> None:
        """Give back what was taken."""
        with self._changed:
            self._free += size
            self._changed.notify_all()

    @contextmanager
    def taken(self, size: int, deadline: Deadline | None = None) -> Iterator[Lease]:
        """`take` for the length of a block."""
        lease = self.lease(size, deadline)
        try:
            yield lease
        finally:
            lease.release()


class Lease:
    """Bytes taken from a pool, given back when the last one who works with them is done."""

    def __init__(self, pool: MemoryPool, size: int) -> None:
        self._pool = pool
        self._size = size
        self._lock = threading.Lock()
        self._holders = 1

    def share(self) -> None:
        """One more holder."""
        with self._lock:
            self._holders += 1

    def release(self, _: object = None) -> None:
        """One holder less; after the last one nothing happens any more."""
        with self._lock:
            self._holders -= 1
            is_last = not self._holders
        if is_last:
            self._pool.give(self._size)

    def keep(self, size: int) -> None:
        """Give back all but `size` bytes, which must not be more than there are."""
        with self._lock:
            spare, self._size = self._size - size, size
        self._pool.give(spare)


class Scratch:
    """What a thread needs for each strip and would otherwise make anew each time."""

    def __init__(self) -> None:
        self.workspace = Workspace()
        self.file = MemoryFile()


class DecodeBudget:
    """Threads and memory for decoding, made once and shared by all handler threads.

    Bytes as they came from the store and decoded samples have a pool each. Whoever decodes waits for the second while
    holding some of the first, nobody does the reverse, and a decoding thread takes all it needs at once: so somebody can
    always go on.

    Attributes:
        workers: Threads that decode, whatever the number of files. Each decodes with the library's own thread pool off.
        packed: Memory for bytes as read.
        decoded: Memory for decoded samples and the library's own buffers.
    """

    def __init__(self, *, workers: int | None = None, memory_bytes: int = 1 << 30) -> None:
        _expect_large_blocks()
        self.workers = workers or max(1, min(4, os.cpu_count() or 1))
        self.packed = MemoryPool(memory_bytes // 4)
        self.decoded = MemoryPool(memory_bytes - memory_bytes // 4)
        self.executor = ThreadPoolExecutor(self.workers, thread_name_prefix="exr-decode")
        self._scratch: list[Scratch] = []
        self._trim = _malloc_trim()

    def tidy(self, used: int) -> None:
        """Give memory back that malloc keeps for a thread which may not need as much again soon.

        Args:
            used: Bytes that were freed.
        """
        if self._trim is not None and used >= _WORTH_TRIMMING:
            self._trim(0)

    @contextmanager
    def scratch(self) -> Iterator[Scratch]:
        """Scratch of one's own for the length of a block; there are never more than threads that work at a time."""
        try:
            mine = self._scratch.pop()
        except IndexError:
            mine = Scratch()
        try:
            yield mine
        finally:
            mine.file.shrink()
            self._scratch.append(mine)

    def close(self) -> None:
        """End the threads; what they are doing is finished first."""
        self.executor.shutdown(wait=True, cancel_futures=True)
        while self._scratch:
            self._scratch.pop().file.close()


def _expect_large_blocks() -> None:
    """Let malloc keep what is freed for the next strip's arrays, at most 64 MiB a thread, as it would learn in time.

    Nothing is touched, and other C libraries than glibc think nothing of it. It halves the time that many channels take.
    """
    np.empty(_COMES_AND_GOES, np.uint8)


def _malloc_trim() -> Callable[[int], int] | None:
    """What makes glibc give all free memory back to the kernel, None where there is no such function."""
    try:
        return cast("Callable[[int], int]", ctypes.CDLL(None).malloc_trim)
    except (OSError, AttributeError, TypeError):
        return None
