"""Decodes in separate processes, so that a crash of the OpenEXR library affects only one file.

A decoding thread takes an idle process, writes the packed chunks to shared memory, and waits for the statistics. A process
decodes chunks of one file at a time, so the file that crashed it is known. Its chunks are retried in new processes while no
other process decodes, since the system may kill any process if memory is short. It is a fault of the file only if these
processes end as well, and none of them was killed from outside.

A process has no settings and no secrets, reads no files, has limits for memory and CPU time, and ends with its parent.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from exr_inspector.deadline import Deadline
from exr_inspector.errors import DeadlineExceeded, DecoderCrashed, DecoderKilled
from exr_inspector.exr.chunks.layout import span_text
from exr_inspector.pixels.budget import DecodeBudget
from exr_inspector.pixels.decode import DeepPayload
from exr_inspector.pixels.decoded import DecodedBlock
from exr_inspector.pixels.figures import LevelFigures
from exr_inspector.pixels.memory_file import SharedFile
from exr_inspector.pixels.mini_file import Payload
from exr_inspector.pixels.work import Chunk, StripWork, needs_of
from exr_inspector.settings import NAMES

TRIES_ALONE = 2
_BYTES_PER_CPU_LIMIT = 64 << 20  # bytes of samples; the time for larger chunks is proportional to their size
_GRACE_SECONDS = 2.0  # after the deadline, before a process that has not stopped is killed
_START = (  # a collection while modules are imported finds nothing, and takes a sixth of the time that the start takes
    "import gc, sys; gc.disable(); sys.path[:] = {path!r}; "
    "from exr_inspector.pixels.decoder_process import serve; gc.freeze(); gc.enable(); serve({arguments!r})"
)

# Start no unused threads, and make glibc keep freed memory for the arrays and codecs of the next strip.
_ENVIRON = {"OPENBLAS_NUM_THREADS": "1", "MALLOC_MMAP_THRESHOLD_": "33554432", "MALLOC_TRIM_THRESHOLD_": "268435456"}

# Signals of the kernel (out of memory) and of a supervisor. A process that itself needs too much memory fails at its own limit.
_EXTERNAL_SIGNALS = frozenset({signal.SIGKILL, signal.SIGTERM})

Decoded = Callable[[], None]
Take = Callable[[DecodedBlock], None]


def can_start_decoders() -> bool:
    """Whether `sys.executable` is Python. In programs that embed Python, such as Nuke and Houdini, it is the program."""
    return Path(sys.executable or "").name.lower().startswith(("python", "pypy"))


class _ProcessEnded(Exception):
    """A decoder process ended; the text states how.

    Attributes:
        is_killed: Whether it was killed from outside, by a signal in _EXTERNAL_SIGNALS.
    """

    def __init__(self, how: str, *, is_killed: bool) -> None:
        super().__init__(how)
        self.is_killed = is_killed


class DecoderPool:
    """Decoder processes, started on demand, at most one for each thread. All methods are thread-safe.

    Args:
        memory_bytes: Memory budget of the parent in bytes, for all processes together.
        cpu_seconds: Maximum CPU time in seconds for decoding 64 MiB of samples.
    """

    def __init__(self, *, memory_bytes: int, cpu_seconds: float) -> None:
        self._memory_bytes = memory_bytes
        self._cpu_seconds = cpu_seconds
        self._idle: list[_Decoder] = []
        self._lock = _SharedLock()

    def decode(
        self,
        work: StripWork,
        chunks: Sequence[Chunk],
        budget: DecodeBudget,
        *,
        decoded: Decoded,
        take: Take | None = None,
    ) -> LevelFigures:
        """As `work.decode_strip`, in a decoder process.

        Raises:
            DecoderCrashed: The process ended, and so did TRIES_ALONE new ones while nothing else was decoded.
            DecoderKilled: One of the new processes was killed from outside, which is no fault of the file.
            DeadlineExceeded: A process did not answer in time and was killed, or there was no time for a retry.
        """
        job = _Job(work, chunks, self._cpu_seconds, _each_once(take) if take else None)
        pool = budget.decoded
        with pool.taken(min(job.bytes, pool.capacity), work.deadline) as memory:

            def in_arrays() -> None:
                memory.keep(min(job.bytes_in_arrays, pool.capacity))
                decoded()

            with suppress(_ProcessEnded), self._lock.shared(work.deadline):
                return self._attempt(job, in_arrays, is_new=False)
            is_killed = False
            with self._lock.exclusive(work.deadline):
                for _ in range(TRIES_ALONE):
                    try:
                        return self._attempt(job, decoded, is_new=True)
                    except _ProcessEnded as error:
                        how, is_killed = str(error), is_killed or error.is_killed
        kind = DecoderKilled if is_killed else DecoderCrashed
        raise kind(
            f"decoding {span_text('chunk', work.indices[0], work.indices[-1])} of part {work.part} ended a process of its own "
            f"{1 + TRIES_ALONE} times, at last {how}"
        )

    def _attempt(self, job: _Job, decoded: Decoded, *, is_new: bool) -> LevelFigures:
        decoder = None
        if not is_new:
            with suppress(IndexError):
                decoder = self._idle.pop()
        decoder = decoder or _Decoder(self._memory_bytes)
        try:
            figures = decoder.decode(job, decoded)
        except BaseException:
            decoder.close()
            raise
        self._idle.append(decoder)
        return figures

    def close(self) -> None:
        """End the idle processes."""
        while self._idle:
            self._idle.pop().close()


def _each_once(take: Take) -> Take:
    """`take`, skipping blocks that an earlier attempt has already passed to it."""
    taken: set[int] = set()

    def once(block: DecodedBlock) -> None:
        if block.places[0].index not in taken:
            taken.update(place.index for place in block.places)
            take(block)

    return once


class _Job:
    """A job of a decoder process.

    Attributes:
        work: The chunks.
        pieces: The bytes of the chunks, in order.
        sizes: Size of each chunk in bytes: an integer for a flat chunk, (table, data, unpacked) for a deep chunk.
        take: Called with decoded chunks; may be None.
        bytes: Memory in bytes while the library decodes.
        bytes_in_arrays: Memory in bytes after the library has decoded.
        cpu_seconds: Maximum CPU time in seconds.
    """

    def __init__(self, work: StripWork, chunks: Sequence[Chunk], cpu_seconds: float, take: Take | None) -> None:
        self.work = work
        self.take = take
        self.pieces: list[Payload] = []
        self.sizes: list[Any] = []
        for _, payload in chunks:
            if isinstance(payload, DeepPayload):
                self.pieces += [payload.table, payload.data]
                self.sizes.append((len(payload.table), len(payload.data), payload.unpacked_bytes))
            else:
                self.pieces.append(payload)
                self.sizes.append(len(payload))
        needs = needs_of(work.layout, chunks)
        packed = sum(map(len, self.pieces))
        self.bytes_in_arrays = packed + needs.arrays * (2 if work.is_taken else 1)
        self.bytes = self.bytes_in_arrays + needs.library
        self.cpu_seconds = cpu_seconds * max(1.0, needs.arrays / _BYTES_PER_CPU_LIMIT)


class _Decoder:
    """One decoder process, used by one thread at a time."""

    def __init__(self, memory_bytes: int) -> None:
        self._inbox, self._outbox = SharedFile(), SharedFile()
        self._connection, theirs = Pipe()
        files = (theirs.fileno(), self._inbox.fileno(), self._outbox.fileno())
        arguments = (*files, memory_bytes, os.getpid())
        environ = {name: text for name, text in os.environ.items() if name not in NAMES}
        with interrupts_blocked():
            self._process = subprocess.Popen(  # noqa: S603 - this interpreter, with numbers as arguments
                [sys.executable, "-c", _START.format(path=sys.path, arguments=arguments)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,  # discard the library's messages about damaged chunks, which become findings
                env={**environ, **_ENVIRON},
                pass_fds=files,
            )
        theirs.close()
        self._end = weakref.finalize(self, _end, self._process, self._connection, self._inbox, self._outbox)

    def close(self) -> None:
        """Kill the process and release its files."""
        self._end()

    def decode(self, job: _Job, decoded: Decoded) -> LevelFigures:
        """Send a job and wait for its statistics.

        Raises:
            _ProcessEnded: The process ended.
            DeadlineExceeded: It did not answer in time.
        """
        work = job.work
        self._inbox.write(job.pieces)
        try:
            self._connection.send((work, job.sizes, job.bytes, job.cpu_seconds))
            while True:
                kind, *content = self._answer(work.deadline)
                if kind == "figures":
                    figures: LevelFigures = self._outbox.get(*content)
                    return figures
                if kind == "decoded":
                    decoded()
                elif kind == "block" and job.take is not None:
                    job.take(self._outbox.get(*content))
                    self._connection.send(None)
                else:
                    raise RuntimeError(f"the process that decodes failed: {content}")
        except (EOFError, OSError) as error:
            raise self._ended(job.cpu_seconds) from error

    def _answer(self, deadline: Deadline | None) -> tuple[Any, ...]:
        timeout = None if deadline is None else deadline.remaining() + _GRACE_SECONDS
        if not self._connection.poll(timeout):
            raise DeadlineExceeded("no time left for decoding: the OpenEXR library does not return")
        answer: tuple[Any, ...] = self._connection.recv()
        return answer

    def _ended(self, cpu_seconds: float) -> _ProcessEnded:
        """The error that states how the process ended."""
        try:
            code = self._process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            return _ProcessEnded("without an exit code", is_killed=False)
        if code == -signal.SIGPROF:
            return _ProcessEnded(f"after {cpu_seconds:g} s of CPU time (setting EXR_DECODE_SECONDS)", is_killed=False)
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        return _ProcessEnded(how, is_killed=-code in _EXTERNAL_SIGNALS)


def _end(process: subprocess.Popen[bytes], connection: Connection, *files: SharedFile) -> None:
    process.kill()
    process.wait()
    connection.close()
    for file in files:
        file.close()


@contextmanager
def interrupts_blocked() -> Iterator[None]:
    """Block SIGINT for processes and threads started in the `with` block: only this process handles Ctrl-C."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _SharedLock:
    """A lock that many threads can share or one thread can hold alone; waiting exclusive threads have priority."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._running = 0
        self._waiting = 0

    @contextmanager
    def shared(self, deadline: Deadline | None) -> Iterator[None]:
        with self._begun(lambda: not self._waiting, deadline):
            yield

    @contextmanager
    def exclusive(self, deadline: Deadline | None) -> Iterator[None]:
        with self._changed:
            self._waiting += 1
        try:
            with self._begun(lambda: not self._running, deadline):
                yield
        finally:
            with self._changed:
                self._waiting -= 1
                self._changed.notify_all()

    @contextmanager
    def _begun(self, may_begin: Callable[[], bool], deadline: Deadline | None) -> Iterator[None]:
        with self._changed:
            if not self._changed.wait_for(may_begin, None if deadline is None else deadline.remaining()):
                raise DeadlineExceeded("no time left to wait for a process to decode in")
            self._running += 1
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()
