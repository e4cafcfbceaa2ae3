"""A crew of processes, so that Python computes on every core: each reads several files at a time on threads of its own.

Each is a new interpreter, not a fork of this one with its threads, and in a session of its own: Ctrl-C is for the run to hear.
One that dies is replaced, and its files are done again, one at a time: so a file that kills whoever reads it is found, and
counted as an error, and costs no other file anything.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import sys
from collections import deque
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, Pipe, wait

from exr_inspector.errors import WorkerDied
from exr_inspector.ingest.tasks import TOLD_TOGETHER, Answer, Dropped, Failure, Numbered, Task
from exr_inspector.ingest.worker import Begin, Drop, Ready, Told, sealed

_PROGRAM = "import sys; from exr_inspector.ingest.worker import serve; serve(int(sys.argv[1]))"
# Tasks a process has beyond those it is working on, so that it never waits for the run to notice.
_AHEAD = 2 * TOLD_TOGETHER
_STILLBORN = 3  # processes in a row that end before they begin: something is wrong that no further one will mend
_END_SECONDS = 5.0  # a process that was told to end is killed after this


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(slots=True)
class _Member:
    """One process, and what it was given."""

    process: subprocess.Popen[bytes]
    pipe: Connection
    is_ready: bool = False
    is_alone: bool = False  # with one task that may have killed the last who had it
    given: dict[int, Task] = field(default_factory=dict)
    unsent: list[Numbered] = field(default_factory=list)


class ProcessCrew:
    """Processes that carry out tasks; they start on `__init__`, and take tasks once one of them `is_ready`."""

    def __init__(self, begin: Begin, *, processes: int, threads: int) -> None:
        """Start the processes; returns before they are up.

        Args:
            begin: What each is to be; `threads` of it is overwritten.
            processes: How many.
            threads: Files being read at a time, by all together.
        """
        self._threads = max(1, -(-threads // processes))
        self._begin = sealed(replace(begin, threads=self._threads))
        self._numbers = itertools.count()
        self._suspects: deque[Task] = deque()
        self._answers: list[tuple[Task, Answer]] = []
        self._stillborn = 0
        self._members: list[_Member] = []
        self._members = [self._start() for _ in range(processes)]

    def _start(self) -> _Member:
        ours, theirs = Pipe()
        with theirs:  # closed here in the end, so that the pipe ends with the process
            process = subprocess.Popen(  # noqa: S603 - this interpreter and a program that is written here
                [sys.executable, "-c", _PROGRAM, str(theirs.fileno())],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        with contextlib.suppress(OSError):  # it is gone already, which shows when the pipe is read
            ours.send_bytes(self._begin)
        return _Member(process, ours)

    @property
    def is_ready(self) -> bool:
        """Whether one of the processes has begun."""
        self._receive(0)
        return any(member.is_ready for member in self._members)

    @property
    def processes(self) -> int:
        """How many there are."""
        return len(self._members)

    @property
    def busy(self) -> int:
        """As in Crew, as is all below."""
        return sum(len(member.given) for member in self._members) + len(self._suspects) + len(self._answers)

    @property
    def wants(self) -> bool:
        """While a process has less than it can do and a little more."""
        return any(self._has_room(member) for member in self._members)

    def give(self, task: Task) -> None:
        """To the process that has least to do; only while it `wants`."""
        self._hand(min(filter(self._has_room, self._members), key=lambda member: len(member.given)), task)

    def done(self, seconds: float) -> list[tuple[Task, Answer]]:
        """What the processes have answered."""
        self._try_suspects()
        self._send()
        self._receive(seconds if self.busy and not self._answers else 0)
        answers, self._answers = self._answers, []
        return answers

    def drop(self) -> None:
        """Tell every process."""
        self._send()
        for member in self._members:
            self._write(member, Drop())
        self._answers += [(task, Dropped()) for task in self._suspects]
        self._suspects.clear()

    def close(self, *, wait: bool) -> None:
        """Let the processes end: at once, they have nothing to finish or nobody waits for it."""
        for member in self._members:
            member.pipe.close()
            if not member.is_ready:  # it would come to read the pipe only when it is up
                member.process.kill()
        for member in self._members:
            try:
                member.process.wait(_END_SECONDS if wait else 0.1)
            except subprocess.TimeoutExpired:
                member.process.kill()
                member.process.wait()

    # --- handing out --------------------------------------------------------------------------------------

    def _has_room(self, member: _Member) -> bool:
        if not member.is_ready or member.is_alone or (self._suspects and not member.given):
            return False
        return len(member.given) < self._threads + _AHEAD

    def _hand(self, member: _Member, task: Task) -> None:
        number = next(self._numbers)
        member.given[number] = task
        member.unsent.append((number, task))

    def _try_suspects(self) -> None:
        """Give a process that has nothing else to do one of the tasks at which another one died."""
        for member in self._members:
            member.is_alone = member.is_alone and bool(member.given)
            if self._suspects and member.is_ready and not member.given:
                member.is_alone = True
                self._hand(member, self._suspects.popleft())

    def _send(self) -> None:
        for member in self._members:
            if member.unsent:
                unsent, member.unsent = member.unsent, []
                self._write(member, unsent)

    @staticmethod
    def _write(member: _Member, message: object) -> None:
        with contextlib.suppress(OSError):  # it is gone, which shows when the pipe is read
            member.pipe.send(message)

    # --- taking in ----------------------------------------------------------------------------------------

    def _receive(self, seconds: float) -> None:
        by_pipe = {member.pipe: member for member in self._members}
        for pipe in wait(list(by_pipe), seconds):
            self._read(by_pipe[pipe])  # type: ignore[index]  # wait answers with some of what it was given

    def _read(self, member: _Member) -> None:
        try:
            while True:
                self._take(member, member.pipe.recv())
                if not member.pipe.poll():
                    return
        except (EOFError, OSError):
            self._replace(member)

    def _take(self, member: _Member, message: Ready | Told) -> None:
        if isinstance(message, Ready):
            member.is_ready = True
            self._stillborn = 0
            return
        for number, answer in message:
            self._answers.append((member.given.pop(number), answer))

    def _replace(self, dead: _Member) -> None:
        """Put a new process in the place of one that died, and its tasks among those to be tried alone.

        Raises:
            WorkerDied: No process begins.
        """
        dead.pipe.close()
        code = dead.process.wait()
        if not dead.is_ready:
            self._stillborn += 1
            if self._stillborn >= _STILLBORN:
                raise WorkerDied(f"processes that inspect end before they begin (exit code {code})")
        if dead.is_alone:
            failure = Failure(WorkerDied.code, f"the process that read it ended with exit code {code}")
            self._answers += [(task, failure) for task in dead.given.values()]
        else:
            self._suspects.extend(dead.given.values())
        self._members[self._members.index(dead)] = self._start()
