"""Memory that all files of a process share: whatever a file can make large is taken from one budget before it is allocated.

The budget has two parts. One is for headers, chunk offset tables, manifests, and the rows made of them: a `FileMemory` for
each file, from its first read until its rows are stored. The other one is for decoding (`pixels.budget`). Nobody waits for
memory of the first part while holding some of it or of the second: a file that finds too little gives back what it has, waits
for twice as much as it had asked for, and begins again. So somebody can always go on. What is more than the whole part is
LIMIT_EXCEEDED.
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
_FIRST_BYTES = 1 << 20  # enough for almost every file
_FILES_PART = 4
_MUCH_BYTES = 16 << 20


class MemoryPool:
    """A number of bytes that threads take from and give back; who finds too few waits, and who came first is first."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._free = capacity
        self._changed = threading.Condition()
        self._waiting: deque[object] = deque()

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
        """Take `size` bytes if they are free and no thread waits; True if they were taken."""
        with self._changed:
            if self._waiting or self._free < size:
                return False
            self._free -= size
            return True

    def check(self, size: int) -> None:
        """Return if the pool is large enough for `size` bytes when it is unused.

        Raises:
            LimitExceeded: It is smaller.
        """
        if size > self.capacity:
            raise LimitExceeded(
                "the file needs too much memory",
                limit=MEMORY_SETTING,
                found=f"{size} bytes",
                expected=f"at most {self.capacity}",
            )

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


class FileMemory:
    """What one file takes of the budget; used by one thread at a time.

    Args:
        pool: Where it comes from.
        deadline: Until when to wait for it.
        may_wait: Whether to wait where others have it; not allowed to a thread that holds memory of another file.

    Raises:
        DeadlineExceeded: There was none until then.
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
        """Bytes that were asked for since the file was begun."""
        return self._asked

    def __enter__(self) -> FileMemory:  # noqa: PYI034 - Self is not in Python 3.10
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def reserve(self, size: int) -> None:
        """Take `size` bytes more, without waiting.

        Raises:
            LimitExceeded: With what the file has already, that is more than all files together may have.
            MemoryBusy: Others have it. `begin_again` waits for it.
        """
        self._asked += size
        if self._asked <= self._held:
            return
        self._pool.check(self._asked)
        more = min(max(self._asked - self._held, _FIRST_BYTES), self._pool.capacity - self._held)
        if not self._pool.try_take(more):
            raise MemoryBusy("other files have the memory that this one needs")
        self._held += more

    def begin_again(self) -> None:
        """Give everything back and wait for twice what was asked for, for reading the file once more from its start.

        Raises:
            DeadlineExceeded: It was not free in time.
            MemoryBusy: Waiting is not allowed.
        """
        wanted = min(2 * self._asked, self._pool.capacity)
        self.release()
        self._take(wanted)

    def release(self) -> None:
        """Give everything back; whoever calls this holds nothing of the file any more."""
        if self._asked >= _MUCH_BYTES:
            gc.collect()  # facts of a file refer to each other
            if _TRIM is not None:
                _TRIM(0)  # malloc keeps for each thread what it freed
        self._pool.give(self._held)
        self._held = self._asked = 0

    def _take(self, size: int) -> None:
        if self._may_wait:
            self._pool.take(size, self._deadline)
        elif not self._pool.try_take(size):
            raise MemoryBusy("other files have the memory that this one needs")
        self._held = size


class MemoryBudget:
    """The memory of one process (`size` bytes), made once and shared by all its threads.

    Attributes:
        files: For headers, tables, manifests and rows: a quarter.
        decoding_bytes: For reading and decoding pixels: the rest.
    """

    def __init__(self, size: int) -> None:
        self.files = MemoryPool(size // _FILES_PART)
        self.decoding_bytes = size - size // _FILES_PART

    def file(self, deadline: Deadline | None = None, *, may_wait: bool = True) -> FileMemory:
        """Memory for one file. Raises what `FileMemory` raises."""
        return FileMemory(self.files, deadline, may_wait=may_wait)


def malloc_trim() -> Callable[[int], int] | None:
    """What makes glibc give all free memory back to the kernel, None where there is no such function."""
    try:
        return cast("Callable[[int], int]", ctypes.CDLL(None).malloc_trim)
    except (OSError, AttributeError, TypeError):
        return None


_TRIM = malloc_trim()
