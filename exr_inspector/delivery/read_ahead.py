"""Inspect several files at a time, and give the inspections in the order of the files."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import NamedTuple

from exr_inspector.errors import ExrInspectorError, MemoryBusy
from exr_inspector.memory import FileMemory, MemoryBudget
from exr_inspector.model import Inspection

READERS = "exr-read"
_WORKERS = 8
_MAX_FILES_AHEAD = 32  # files that are being read, or whose inspection was not taken yet


class _Read(NamedTuple):
    """The inspection of one file or the error, and the memory that it holds (None after an error)."""

    answer: Inspection | ExrInspectorError
    memory: FileMemory | None

    def release(self) -> None:
        if self.memory is not None:
            self.memory.release()


def inspect_each(
    names: Iterable[str],
    inspect: Callable[[str, FileMemory], Inspection],
    memory: MemoryBudget,
) -> Generator[tuple[str, Inspection | ExrInspectorError], None, None]:
    """Yield each file with its inspection or its error, in the order of `names`.

    Threads inspect several files at a time, because most of the time is spent waiting for data. An error that `names` raises is
    raised after all files before it. After a KeyboardInterrupt the generator does not wait for files that are being read: the
    threads, named `READERS`, end by themselves.

    Args:
        names: The files.
        inspect: Inspects one file within the given memory.
        memory: The budget for this memory. A file's memory is released when the next file is requested.
    """

    def read(name: str, *, may_wait: bool) -> _Read:
        leased = None
        try:
            leased = memory.file(may_wait=may_wait)
            return _Read(inspect(name, leased), leased)
        except BaseException as error:
            if leased is not None:
                leased.release()
            if isinstance(error, ExrInspectorError):
                return _Read(error, None)
            raise

    def submit(name: str) -> Future[_Read]:
        return pool.submit(read, name, may_wait=False)

    ahead: deque[tuple[str, Future[_Read]]] = deque()
    faults: list[ExrInspectorError] = []
    coming = _until_fault(names, faults)
    pool = ThreadPoolExecutor(_WORKERS, READERS)
    is_waited_for = True
    try:
        while True:
            ahead.extend((name, submit(name)) for name in islice(coming, _MAX_FILES_AHEAD - len(ahead)))
            if not ahead:
                break
            name, future = ahead.popleft()
            found = future.result()
            later: list[str] = []
            if isinstance(found.answer, MemoryBusy):
                # Later files hold the memory: release it, read this file, then read the later ones again.
                later = [other for other, _ in ahead]
                _release_all(ahead)
                found = read(name, may_wait=True)
            try:
                yield name, found.answer
            finally:
                found.release()
            ahead.extend((other, submit(other)) for other in later)
    except KeyboardInterrupt:
        is_waited_for = False
        raise
    finally:
        _release_all(ahead)
        pool.shutdown(wait=is_waited_for)
    _raise_first(faults)


def _raise_first(faults: list[ExrInspectorError]) -> None:
    if faults:
        raise faults[0]


def _until_fault(names: Iterable[str], faults: list[ExrInspectorError]) -> Iterator[str]:
    try:
        yield from names
    except ExrInspectorError as error:
        faults.append(error)


def _release_all(ahead: deque[tuple[str, Future[_Read]]]) -> None:
    """Discard the files read ahead. A file that is still being read releases its memory when it is done."""
    while ahead:
        _, future = ahead.popleft()
        if not future.cancel():
            future.add_done_callback(_release)


def _release(future: Future[_Read]) -> None:
    if future.exception() is None:
        future.result().release()
