"""What an ingest run has done for it: one object read, or looked at again, by somebody of a crew.

A `Gang` is some threads that carry out tasks. `ThreadCrew` is a gang in this process; `ingest_processes` has crews of
processes, each with a gang of its own. What several tasks found is told together, their rows made as one group: that is the
crew's work, too, so that the run is left with little but storing them.
"""

from __future__ import annotations

import contextlib
import itertools
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from exr_inspector.catalog.look import Sight, look
from exr_inspector.catalog.rows.groups import Prepared, prepare
from exr_inspector.errors import ExrInspectorError, ObjectNotFound, internal_fault
from exr_inspector.ingest.progress import Tally
from exr_inspector.inspector import Inspector
from exr_inspector.model import Inspection, ObjectVersion
from exr_inspector.storage import SourceOpener
from exr_inspector.validation import Policy

TOLD_TOGETHER = 32  # answers told at a time while there is more to do: each alone would cost as much as its reading
_TOLD_SECONDS = 0.1  # but none is kept longer than this once another is there


@dataclass(frozen=True, slots=True)
class Read:
    """Inspect an object."""

    bucket: str
    key: str

    @property
    def path(self) -> str:
        """`<bucket>/<key>`."""
        return f"{self.bucket}/{self.key}"


@dataclass(frozen=True, slots=True)
class Look:
    """See whether the object still is the one whose rows were stored."""

    bucket: str
    key: str
    version: ObjectVersion

    @property
    def path(self) -> str:
        """`<bucket>/<key>`."""
        return f"{self.bucket}/{self.key}"


@dataclass(frozen=True, slots=True)
class Failure:
    """The object has to be tried again: the error's code and text."""

    code: str
    message: str

    @classmethod
    def of(cls, error: ExrInspectorError) -> Failure:
        """What is told of an error."""
        return cls(type(error).code, str(error))


class Dropped:
    """A task that was not begun, since the run is to stop."""


@dataclass(frozen=True, slots=True)
class Inspected:
    """The object was inspected; its rows are made."""

    prepared: Prepared
    tally: Tally


Task = Read | Look
Found = Inspection | Sight | Failure | Dropped
Answer = Inspected | Sight | Failure | Dropped
Numbered = tuple[int, Task]


class Hands:
    """Carries out tasks, on any number of threads at once."""

    def __init__(self, opener: SourceOpener, inspector: Inspector, policy: Policy) -> None:
        self._opener = opener
        self._inspector = inspector
        self._policy = policy

    def __call__(self, task: Task) -> Found:
        """What a task finds; raises nothing."""
        try:
            if isinstance(task, Look):
                return look(self._opener, task.bucket, task.key, task.version)
            inspection = self._inspector.inspect(self._opener.open(task.bucket, task.key), self._policy)
        except ExrInspectorError as error:
            return Failure.of(error)
        except Exception as error:  # noqa: BLE001 - boundary of one object: the others go on
            return Failure.of(internal_fault(error))
        if inspection.is_gone:  # between listing and reading; its removal has an event of its own
            return Failure(ObjectNotFound.code, "gone since it was listed")
        return inspection


def answered(found: Sequence[tuple[int, Found]]) -> list[tuple[int, Answer]]:
    """What is told of numbered tasks: rows in place of inspections, all in one group unless one of them cannot have any."""
    inspections = [(number, item) for number, item in found if isinstance(item, Inspection)]
    answers: list[tuple[int, Answer]] = [(n, item) for n, item in found if not isinstance(item, Inspection)]
    try:
        made = prepare([item for _, item in inspections])
        return answers + [
            (number, Inspected(prepared, Tally.of(item)))
            for (number, item), prepared in zip(inspections, made, strict=True)
        ]
    except Exception as error:  # noqa: BLE001 - boundary of one object: the others go on
        if len(inspections) > 1:
            return answers + [answer for one in inspections for answer in answered([one])]
        return answers + [(number, Failure.of(internal_fault(error))) for number, _ in inspections]


class Crew(Protocol):
    """Who carries out tasks; used by one thread."""

    @property
    def busy(self) -> int:
        """Tasks given whose answers were not handed out yet."""

    @property
    def wants(self) -> bool:
        """Whether another task is welcome now."""

    def give(self, task: Task) -> None:
        """Have a task carried out."""

    def done(self, seconds: float) -> list[tuple[Task, Answer]]:
        """Answers that have come in; waits so long for the first when somebody is at work."""

    def drop(self) -> None:
        """Begin no `Read` that was given but not begun: it is answered `Dropped`."""

    def close(self, *, wait: bool) -> None:
        """End; with `wait`, not before what was begun is finished."""


class Gang:
    """Threads that carry out tasks in the order they are given, and tell of several together.

    Args:
        threads: How many.
        hands: Carry out a task on one of them.
        tell: Told what was found, by any of the threads, and by several at a time; raises nothing.
    """

    def __init__(self, threads: int, hands: Hands, tell: Callable[[list[tuple[int, Found]]], None]) -> None:
        self._hands = hands
        self._tell = tell
        self._tasks: deque[Numbered] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._untold: list[tuple[int, Found]] = []
        self._told_at = 0.0
        self._untold_lock = threading.Lock()
        # Daemons: a program that is told twice to end does not wait for a store that does not answer.
        self._threads = [
            threading.Thread(target=self._run, name=f"exr-ingest-{number}", daemon=True) for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def put(self, tasks: Iterable[Numbered]) -> None:
        """Have tasks carried out."""
        with self._changed:
            self._tasks.extend(tasks)
            self._changed.notify_all()

    def drop(self) -> list[int]:
        """Forget every `Read` that was not begun; their numbers."""
        with self._changed:
            dropped = [number for number, task in self._tasks if isinstance(task, Read)]
            self._tasks = deque(item for item in self._tasks if not isinstance(item[1], Read))
        return dropped

    def close(self, *, wait: bool) -> None:
        """Begin nothing more; with `wait`, return when what was begun is finished."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads if wait else ():
            thread.join()

    def _run(self) -> None:
        while (numbered := self._next()) is not None:
            number, task = numbered
            self._finished(number, self._hands(task))

    def _next(self) -> Numbered | None:
        with self._changed:
            if self._tasks and not self._closed:
                return self._tasks.popleft()
        self._tell_all()  # before an idle spell: answers would be kept through it
        with self._changed:
            self._changed.wait_for(lambda: self._tasks or self._closed)
            return None if self._closed else self._tasks.popleft()

    def _finished(self, number: int, found: Found) -> None:
        with self._untold_lock:
            self._untold.append((number, found))
            late = time.monotonic() - self._told_at > _TOLD_SECONDS
            due = late or len(self._untold) >= TOLD_TOGETHER
        if due:
            self._tell_all()

    def _tell_all(self) -> None:
        with self._untold_lock:
            told, self._untold = self._untold, []
            self._told_at = time.monotonic()
        if told:
            self._tell(told)


class ThreadCrew:
    """Threads of this process: there at once, but Python lets only one of them compute at a time."""

    def __init__(self, hands: Hands, threads: int) -> None:
        self._most = 2 * threads
        self._numbers = itertools.count()
        self._given: dict[int, Task] = {}
        self._answers: queue.SimpleQueue[list[tuple[int, Answer]]] = queue.SimpleQueue()
        self._gang = Gang(threads, hands, lambda found: self._answers.put(answered(found)))

    @property
    def busy(self) -> int:
        """As in Crew, as is all below."""
        return len(self._given)

    @property
    def wants(self) -> bool:
        """Enough to go on with, little to wait for when the run is to stop."""
        return len(self._given) < self._most

    def give(self, task: Task) -> None:
        """Put on the list."""
        number = next(self._numbers)
        self._given[number] = task
        self._gang.put([(number, task)])

    def done(self, seconds: float) -> list[tuple[Task, Answer]]:
        """What the threads have told."""
        told: list[tuple[int, Answer]] = []
        with contextlib.suppress(queue.Empty):
            told += self._answers.get(timeout=seconds) if self._given else []
            while True:
                told += self._answers.get_nowait()
        return [(self._given.pop(number), answer) for number, answer in told]

    def drop(self) -> None:
        """Take off the list what nobody has begun."""
        self._answers.put([(number, Dropped()) for number in self._gang.drop()])

    def close(self, *, wait: bool) -> None:
        """End the threads."""
        self._gang.close(wait=wait)
