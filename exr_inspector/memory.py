"""The memory budget of a process: every allocation whose size a file determines is reserved first.

A quarter of the budget is for headers, chunk offset tables, manifests and their rows. Each file has a `FileMemory`,
from its first read until its rows are stored. The rest is for decoding (`pixels.budget`). To avoid deadlocks, no thread
waits for memory of the first kind while it holds any: a file that cannot get more releases all it has, waits for twice
the amount, and is read again from its start. A file that needs more than the whole quarter fails with LIMIT_EXCEEDED.
"""

from __future__ import annotations

import ctypes
import gc
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

from exr_inspector.deadline import Deadline
from exr_inspector.errors import DeadlineExceeded, LimitExceeded, MemoryBusy

MEMORY_SETTING = "EXR_MEMORY_MIB"
_FIRST_BYTES = 1 << 20  # initial reservation of each file; enough for almost every file
_FILES_DIVISOR = 4  # a quarter of the budget is for headers and rows
_TRIM_BYTES = 16 << 20  # a file that took at least this much has its memory returned to the kernel


class MemoryPool:
    """A number of bytes that threads take and give back. If too few are free, threads wait and are served in order.

    Args:
        capacity: Size of the pool, bytes.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._free = capacity
        self._changed = threading.Condition()
        self._waiting: deque[object] = deque()

    @property
    def used(self) -> int:
        """Bytes taken now."""
        with self._changed:
            return self.capacity - self._free

    def take(self, size: int, deadline: Deadline | None = None) -> None:
        """Take `size` bytes, waiting until they are free.

        Raises:
            LimitExceeded: The pool is smaller than `size`.
            DeadlineExceeded: They were not free in time.
        """
        self.check(size)
        ticket = object()
        with self._changed:
            self._waiting.append(ticket)
            try:
                timeout = None if deadline is None else deadline.remaining()
                if not self._changed.wait_for(lambda: self._waiting[0] is ticket and self._free >= size, timeout):
                    raise DeadlineExceeded("no time left to wait for memory")
                self._free -= size
            finally:
                self._waiting.remove(ticket)
                self._changed.notify_all()

    def try_take(self, size: int) -> bool:
        """Take `size` bytes if they are free and no thread waits, and return whether they were taken."""
        with self._changed:
            if self._waiting or self._free < size:
                return False
            self._free -= size
            return True

    def check(self, size: int) -> None:
        """Compare `size` with the capacity.

        Raises:
            LimitExceeded: `size` is larger.
        """
        if size > self.capacity:
            raise LimitExceeded(
                "the file needs too much memory",
                limit=MEMORY_SETTING,
                found=f"{size} bytes",
                expected=f"at most {self.capacity}",
            )

    def lease(self, size: int, deadline: Deadline | None = None) -> Lease:
        """Take `size` bytes until the last holder releases the returned lease. Raises: as `take`."""
        self.take(size, deadline)
        return Lease(self, size)

    def give(self, size: int) -> None:
        """Give back `size` bytes that were taken."""
        with self._changed:
            self._free += size
            self._changed.notify_all()

    @contextmanager
    def taken(self, size: int, deadline: Deadline | None = None) -> Iterator[Lease]:
        """Hold a `lease` for the duration of a block."""
        lease = self.lease(size, deadline)
        try:
            yield lease
        finally:
            lease.release()


class Lease:
    """Bytes taken from a pool, and given back when the last holder releases them. It has one holder at first."""

    def __init__(self, pool: MemoryPool, size: int) -> None:
        self._pool = pool
        self._size = size
        self._lock = threading.Lock()
        self._holders = 1

    def share(self) -> None:
        """Add a holder."""
        with self._lock:
            self._holders += 1

    def release(self, _: object = None) -> None:
        """Remove a holder; after the last one, give the bytes back. The argument is ignored, for use as a callback."""
        with self._lock:
            self._holders -= 1
            is_last = not self._holders
        if is_last:
            self._pool.give(self._size)

    def keep(self, size: int) -> None:
        """Give back all but `size` bytes; `size` must not exceed the size of the lease."""
        with self._lock:
            spare, self._size = self._size - size, size
        self._pool.give(spare)


class FileMemory:
    """The memory of one file. Not thread-safe.

    Args:
        pool: The pool to take it from.
        deadline: How long to wait for free memory.
        may_wait: Whether to wait at all; False in a thread that holds the memory of another file.

    Raises:
        DeadlineExceeded: No memory was free in time.
        MemoryBusy: No memory is free, and waiting is not allowed.
    """

    def __init__(self, pool: MemoryPool, deadline: Deadline | None = None, *, may_wait: bool = True) -> None:
        self._pool = pool
        self._deadline = deadline
        self._may_wait = may_wait
        self._asked = 0
        self._held = 0
        self._take(min(_FIRST_BYTES, pool.capacity))

    @property
    def asked(self) -> int:
        """Bytes reserved since the file was opened, or opened again."""
        return self._asked

    def __enter__(self) -> FileMemory:  # noqa: PYI034 - Self is not in Python 3.10
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def reserve(self, size: int) -> None:
        """Take `size` more bytes, without waiting.

        Raises:
            LimitExceeded: The file would need more than the whole pool.
            MemoryBusy: They are not free; `restart_with_double` waits for them.
        """
        self._asked += size
        if self._asked <= self._held:
            return
        self._pool.check(self._asked)
        more = min(max(self._asked - self._held, _FIRST_BYTES), self._pool.capacity - self._held)
        if not self._pool.try_take(more):
            raise MemoryBusy("other files have the memory that this one needs")
        self._held += more

    def restart_with_double(self) -> None:
        """Give everything back and wait for twice as much, before the file is read again from its start.

        Raises:
            DeadlineExceeded: The memory was not free in time.
            MemoryBusy: It is not free, and waiting is not allowed.
        """
        wanted = min(2 * self._asked, self._pool.capacity)
        self.release()
        self._take(wanted)

    def release(self) -> None:
        """Give everything back. The caller must have dropped all objects made from the file."""
        if self._asked >= _TRIM_BYTES:
            gc.collect()  # objects made from a file refer to each other
            if _TRIM is not None:
                _TRIM(0)  # otherwise malloc keeps freed memory for each thread
        self._pool.give(self._held)
        self._held = self._asked = 0

    def _take(self, size: int) -> None:
        if self._may_wait:
            self._pool.take(size, self._deadline)
        elif not self._pool.try_take(size):
            raise MemoryBusy("other files have the memory that this one needs")
        self._held = size


class MemoryBudget:
    """The memory budget of a process, shared by all its threads.

    Args:
        size: The whole budget, bytes.

    Attributes:
        files: The quarter for headers, tables, manifests and rows.
        decoding_bytes: Bytes for reading and decoding pixels: the rest.
    """

    def __init__(self, size: int) -> None:
        self.files = MemoryPool(size // _FILES_DIVISOR)
        self.decoding_bytes = size - self.files.capacity

    def file(self, deadline: Deadline | None = None, *, may_wait: bool = True) -> FileMemory:
        """Reserve memory for one file. Raises: as `FileMemory`."""
        return FileMemory(self.files, deadline, may_wait=may_wait)


def malloc_trim() -> Callable[[int], int] | None:
    """Return glibc's function that returns free memory to the kernel; None on systems without it."""
    try:
        return cast("Callable[[int], int]", ctypes.CDLL(None).malloc_trim)
    except (OSError, AttributeError, TypeError):
        return None


_TRIM = malloc_trim()
