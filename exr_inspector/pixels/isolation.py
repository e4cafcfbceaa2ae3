"""Decodes in separate processes, so that a crash of the OpenEXR library costs one file only.

A decoding thread takes an idle process, writes the packed chunks to shared memory, and waits for the figures. A process decodes
chunks of one file at a time, so it is known which file ended it. Such chunks are tried again in a new process while no other
decodes, since the system may kill any of them when memory is short. Only a second end there is the fault of the file, and not
if the process was killed from outside.

A process knows no setting and no secret, reads nothing, is bounded in memory and CPU time, and ends with this one.
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
from exr_inspector.pixels.budget import DecodeBudget
from exr_inspector.pixels.decode import DeepPayload
from exr_inspector.pixels.decoded import DecodedBlock
from exr_inspector.pixels.figures import LevelFigures
from exr_inspector.pixels.memory_file import SharedFile
from exr_inspector.pixels.mini_file import Payload
from exr_inspector.pixels.work import Chunk, StripWork, needs_of
from exr_inspector.settings import NAMES

TRIES_ALONE = 2
_CPU_SECONDS_ARE_FOR = 64 << 20  # bytes of samples; larger chunks have more time in proportion
_GRACE_SECONDS = 2.0  # after the deadline, until a process that has not stopped by itself is ended
_START = (
    "import sys; sys.path[:] = {path!r}; from exr_inspector.pixels.decoder_process import serve; serve({arguments!r})"
)

# No unused threads; and glibc keeps what one strip's arrays and codecs took for those of the next.
_ENVIRON = {"OPENBLAS_NUM_THREADS": "1", "MALLOC_MMAP_THRESHOLD_": "33554432", "MALLOC_TRIM_THRESHOLD_": "268435456"}

# The kernel's when memory is short, and a supervisor's. A process that wants too much itself gets no memory, by its own limit.
_FROM_OUTSIDE = frozenset({signal.SIGKILL, signal.SIGTERM})

Decoded = Callable[[], None]
Take = Callable[[DecodedBlock], None]


def can_start_decoders() -> bool:
    """Whether `sys.executable` is Python: in a program that embeds Python, as Nuke and Houdini do, it is that program."""
    return Path(sys.executable or "").name.lower().startswith(("python", "pypy"))


class _ProcessEnded(Exception):
    """A decoder process ended; the text says how.

    Attributes:
        is_killed: Whether somebody else ended it: no library kills its own process with these signals.
    """

    def __init__(self, how: str, *, is_killed: bool) -> None:
        super().__init__(how)
        self.is_killed = is_killed


class DecoderPool:
    """Processes that decode, made as they are needed, at most one a thread; every method may run on many threads at once.

    Args:
        memory_bytes: Memory budget of the parent, for all processes together.
        cpu_seconds: CPU time that decoding 64 MiB of samples may take.
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
        """As `work.decode_strip`.

        Raises:
            DecoderCrashed: Its process ended, and so did two new ones while nothing else was decoded.
            DecoderKilled: One of these two was killed from outside, which says nothing about the file.
            DeadlineExceeded: A process did not come back in time, and is no more; or there was no time to try again.
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
            f"decoding chunks {work.indices[0]} to {work.indices[-1]} of part {work.part} ended a process of its own "
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
        """End the processes that have nothing to do."""
        while self._idle:
            self._idle.pop().close()


def _each_once(take: Take) -> Take:
    """`take`, but for what it has been given by an attempt before."""
    taken: set[int] = set()

    def once(block: DecodedBlock) -> None:
        if block.places[0].index not in taken:
            taken.update(place.index for place in block.places)
            take(block)

    return once


class _Job:
    """What a process is to decode.

    Attributes:
        work: The chunks.
        pieces: Their bytes, one behind the other.
        sizes: How to cut these: bytes of each flat chunk; (table bytes, data bytes, unpacked bytes) of a deep one.
        take: Where decoded chunks go.
        bytes: Memory that it takes while the library is at work.
        bytes_in_arrays: Memory that it takes afterwards.
        cpu_seconds: CPU time that it may take.
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
        self.cpu_seconds = cpu_seconds * max(1.0, needs.arrays / _CPU_SECONDS_ARE_FOR)


class _Decoder:
    """One process, used by one thread at a time."""

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
                stdout=subprocess.DEVNULL,  # the library writes lines about damaged chunks, which are findings
                env={**environ, **_ENVIRON},
                pass_fds=files,
            )
        theirs.close()
        self._end = weakref.finalize(self, _end, self._process, self._connection, self._inbox, self._outbox)

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self._end()

    def decode(self, job: _Job, decoded: Decoded) -> LevelFigures:
        """Send a job and wait for its figures.

        Raises:
            _ProcessEnded: The process ended by itself.
            DeadlineExceeded: It did not come back in time.
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
            raise DeadlineExceeded("no time left for decoding: the OpenEXR library does not come back")
        answer: tuple[Any, ...] = self._connection.recv()
        return answer

    def _ended(self, cpu_seconds: float) -> _ProcessEnded:
        """How the process ended."""
        try:
            code = self._process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            return _ProcessEnded("without an exit code", is_killed=False)
        if code == -signal.SIGPROF:
            return _ProcessEnded(f"after {cpu_seconds:g} s of CPU time (setting EXR_DECODE_SECONDS)", is_killed=False)
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        return _ProcessEnded(how, is_killed=-code in _FROM_OUTSIDE)


def _end(process: subprocess.Popen[bytes], connection: Connection, *files: SharedFile) -> None:
    process.kill()
    process.wait()
    connection.close()
    for file in files:
        file.close()


@contextmanager
def interrupts_blocked() -> Iterator[None]:
    """Ctrl-C is for this process to handle: processes and threads started within never see it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _SharedLock:
    """A lock for any number of threads together, or for one alone, which goes first."""

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
