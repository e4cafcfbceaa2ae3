"""Threads, memory and buffers for decoding, shared by all files that are being read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np

from exr_inspector.memory import MemoryPool, malloc_trim
from exr_inspector.pixels.memory_file import MemoryFile
from exr_inspector.pixels.statistics import Workspace

# glibc hands a block that malloc had mapped by itself back to the kernel as soon as it is freed, and maps, faults in and
# zeroes a new one for the next array. From the size of the blocks that it sees freed it learns which ones come and go, up to
# this size, which is 32 MiB with its own header.
_LARGEST_REUSED_BLOCK = (32 << 20) - (64 << 10)
_LEAST_TRIMMED_BYTES = 128 << 20


class Scratch:
    """Buffers of one decoding thread, which each strip uses again."""

    def __init__(self) -> None:
        self.workspace = Workspace()
        self.file = MemoryFile()


class DecodeBudget:
    """Threads and memory for decoding, made once and shared by all handler threads.

    Bytes as read and decoded samples have a memory pool each. Deadlocks cannot occur: a thread waits for decoded memory while
    it holds packed memory, never the reverse, and takes all decoded memory that it needs at once.

    Attributes:
        workers: Threads that decode, whatever the number of files. Each decodes with the library's own thread pool off.
        memory_bytes: All memory for decoding, bytes.
        packed: Memory for bytes as read.
        decoded: Memory for decoded samples and the library's own buffers.
    """

    def __init__(self, *, workers: int | None = None, memory_bytes: int = 1 << 30) -> None:
        _keep_large_blocks()
        self.workers = workers or max(1, min(4, os.cpu_count() or 1))
        self.memory_bytes = memory_bytes
        self.packed = MemoryPool(memory_bytes // 4)
        self.decoded = MemoryPool(memory_bytes - memory_bytes // 4)
        self.executor = ThreadPoolExecutor(self.workers, thread_name_prefix="exr-decode")
        self._scratch: list[Scratch] = []
        self._trim = malloc_trim()

    def tidy(self, used: int) -> None:
        """Give memory back that malloc keeps for a thread which may not need as much again soon; `used` bytes were freed."""
        if self._trim is not None and used >= _LEAST_TRIMMED_BYTES:
            self._trim(0)

    @contextmanager
    def scratch(self) -> Iterator[Scratch]:
        """Buffers for the length of a block; there are never more than threads that decode at a time."""
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


def _keep_large_blocks() -> None:
    """Let malloc keep what is freed for the next strip's arrays, at most 64 MiB a thread, as it would learn in time.

    Nothing is touched, and other C libraries than glibc think nothing of it. It halves the time that many channels take.
    """
    np.empty(_LARGEST_REUSED_BLOCK, np.uint8)
