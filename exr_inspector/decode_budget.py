"""What decoding may use, shared by every file that is being read: threads and bytes of memory. Knows nothing of pixels."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from exr_inspector.errors import DeadlineExceeded, LimitExceeded
from exr_inspector.sources import Deadline


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

    def give(self, size: int) -> None:
        """Give back what was taken."""
        with self._changed:
            self._free += size
            self._changed.notify_all()

    @contextmanager
    def taken(self, size: int, deadline: Deadline | None = None) -> Iterator[None]:
        """`take` for the length of a block."""
        self.take(size, deadline)
        try:
            yield
        finally:
            self.give(size)


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
        self.workers = workers or max(1, min(4, os.cpu_count() or 1))
        self.packed = MemoryPool(memory_bytes // 4)
        self.decoded = MemoryPool(memory_bytes - memory_bytes // 4)
        self.executor = ThreadPoolExecutor(self.workers, thread_name_prefix="exr-decode")

    def close(self) -> None:
        """End the threads; what they are doing is finished first."""
        self.executor.shutdown(wait=True, cancel_futures=True)
