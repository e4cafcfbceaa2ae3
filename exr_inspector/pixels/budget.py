"""Threads, memory and buffers for decoding, shared by all files that are read at the same time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np

from exr_inspector.memory import MemoryPool, malloc_trim
from exr_inspector.pixels.memory_file import MemoryFile
from exr_inspector.pixels.statistics import Workspace

# glibc returns a separately mapped block to the kernel once it is freed, and maps and zeroes a new one for the next array.
# Freeing a block raises glibc's threshold for separate mappings to its size, up to 32 MiB including the block's header.
_LARGEST_REUSED_BLOCK = (32 << 20) - (64 << 10)
_LEAST_TRIMMED_BYTES = 128 << 20


class Scratch:
    """Buffers of one decoding thread, reused for each strip."""

    def __init__(self) -> None:
        self.workspace = Workspace()
        self.file = MemoryFile()


class DecodeBudget:
    """Threads and memory for decoding, created once and shared by all handler threads.

    Packed bytes and decoded samples have separate memory pools. Deadlocks cannot occur: a thread may wait for decoded memory
    while it holds packed memory, never the reverse, and it leases all decoded memory that it needs at once.

    Attributes:
        workers: Number of decoding threads for all files together. The library's own thread pool is not used.
        memory_bytes: Total memory for decoding in bytes.
        packed: Memory for bytes as read.
        decoded: Memory for decoded samples and the library's buffers.
    """

    def __init__(self, *, workers: int | None = None, memory_bytes: int) -> None:
        _keep_large_blocks()
        self.workers = workers or max(1, min(4, os.cpu_count() or 1))
        self.memory_bytes = memory_bytes
        self.packed = MemoryPool(memory_bytes // 4)
        self.decoded = MemoryPool(memory_bytes - memory_bytes // 4)
        self.executor = ThreadPoolExecutor(self.workers, thread_name_prefix="exr-decode")
        self._scratch: list[Scratch] = []
        self._trim = malloc_trim()

    def trim(self, used: int) -> None:
        """Return memory that malloc keeps after `used` bytes were freed to the system, if that is a large amount."""
        if self._trim is not None and used >= _LEAST_TRIMMED_BYTES:
            self._trim(0)

    @contextmanager
    def scratch(self) -> Iterator[Scratch]:
        """Buffers for the duration of the `with` block; there are at most as many as threads that decode at the same time."""
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
        """Wait for running tasks, cancel waiting ones, and end the threads."""
        self.executor.shutdown(wait=True, cancel_futures=True)
        while self._scratch:
            self._scratch.pop().file.close()


def _keep_large_blocks() -> None:
    """Make malloc keep freed blocks for the arrays of the next strip, at most 64 MiB for each thread.

    Frees one large untouched block, which raises glibc's threshold at once; other C libraries are not affected. This halves the
    time for files with many channels.
    """
    np.empty(_LARGEST_REUSED_BLOCK, np.uint8)
