"""Helper threads for calls of a file system, which nothing can end once they hang: so that their callers can go on.

A file server that is away lets `stat` wait in the kernel for as long as it is mounted `hard`. A handler's thread would be lost
with it, and all of them soon. So a helper makes the call; the caller waits until its deadline, and the helper stays behind.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from exr_inspector.deadline import Deadline
from exr_inspector.errors import DeadlineExceeded, SourceUnavailable

MOST_STUCK = 8  # calls given up that have not come back; more would be more threads, and tell nothing new

T = TypeVar("T")


class _Task(Generic[T]):
    """One call on its way, and what came of it once `finished` is set."""

    def __init__(self, call: Callable[[], T]) -> None:
        self.call = call
        self.finished = threading.Event()
        self.is_abandoned = False
        self.result: T | None = None
        self.error: BaseException | None = None

    def carry_out(self) -> None:
        try:
            self.result = self.call()
        except BaseException as error:  # noqa: BLE001 - raised again where the result is waited for
            self.error = error


class Helpers:
    """Daemon threads that make calls for others: as many as there are callers at a time, and those that are stuck.

    Args:
        most_stuck: With so many abandoned calls still running, no further call is started.
    """

    def __init__(self, most_stuck: int = MOST_STUCK) -> None:
        self._most_stuck = most_stuck
        self._lock = threading.Lock()
        self._idle: list[SimpleQueue[_Task[Any]]] = []
        self._stuck = 0

    @property
    def stuck(self) -> int:
        """How many calls have been given up and have not come back."""
        with self._lock:
            return self._stuck

    def run(self, call: Callable[[], T], *, deadline: Deadline, doing: str) -> T:
        """What `call` returns or raises.

        Raises:
            DeadlineExceeded: It did not do so in time; it goes on, and may come back some day.
            SourceUnavailable: Too many calls before it have not come back: it was not made.
        """
        deadline.check(doing)
        task = _Task(call)
        self._helper(doing).put(task)
        if not task.finished.wait(deadline.remaining()):
            with self._lock:
                if not task.finished.is_set():
                    task.is_abandoned = True
                    self._stuck += 1
                    raise DeadlineExceeded(f"no time left while {doing}: the file system does not answer")
        if task.error is not None:
            raise task.error
        return task.result  # type: ignore[return-value]  # set, since there was no error

    def _helper(self, doing: str) -> SimpleQueue[_Task[Any]]:
        """Where an idle helper, or a new one, takes its next task from."""
        with self._lock:
            if self._stuck >= self._most_stuck:
                raise SourceUnavailable(f"{doing}: the file system hangs, {self._stuck} calls have not come back")
            if self._idle:
                return self._idle.pop()
        inbox: SimpleQueue[_Task[Any]] = SimpleQueue()
        threading.Thread(target=self._work, args=(inbox,), name="exr-mount", daemon=True).start()
        return inbox

    def _work(self, inbox: SimpleQueue[_Task[Any]]) -> None:
        while True:
            task = inbox.get()
            task.carry_out()
            with self._lock:
                task.finished.set()
                self._stuck -= task.is_abandoned
                self._idle.append(inbox)
            del task  # with its result: the next one may be long in coming
