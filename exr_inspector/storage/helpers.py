"""Helper threads for file system calls, which cannot be interrupted if they hang; their callers continue.

If a file server is unavailable, `stat` on a `hard` mount waits in the kernel until it is back. Without helpers, every
handler thread would soon be blocked like that. A helper thread makes the call; the caller waits until its deadline and
leaves a blocked helper behind.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from exr_inspector.deadline import Deadline
from exr_inspector.errors import DeadlineExceeded, SourceUnavailable

MOST_STUCK = 8  # most abandoned calls that have not returned; each blocks a thread

T = TypeVar("T")


class _Task(Generic[T]):
    """One call, and its result or error once `finished` is set."""

    def __init__(self, call: Callable[[], T]) -> None:
        self.call = call
        self.finished = threading.Event()
        self.is_abandoned = False
        self.result: T | None = None
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.result = self.call()
        except BaseException as error:  # noqa: BLE001 - raised again by the waiting thread
            self.error = error


class Helpers:
    """Daemon threads that make calls for other threads: one for each current caller, plus those whose calls are stuck.

    Args:
        most_stuck: Number of abandoned calls at which no further call is started.
    """

    def __init__(self, most_stuck: int = MOST_STUCK) -> None:
        self._most_stuck = most_stuck
        self._lock = threading.Lock()
        self._idle: list[SimpleQueue[_Task[Any]]] = []
        self._stuck = 0

    @property
    def stuck(self) -> int:
        """Number of abandoned calls that have not returned."""
        with self._lock:
            return self._stuck

    def run(self, call: Callable[[], T], *, deadline: Deadline, doing: str) -> T:
        """Return or raise what `call` returns or raises.

        Raises:
            DeadlineExceeded: The call did not return in time; it continues in the background.
            SourceUnavailable: The call was not started, since too many earlier calls have not returned.
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
        """Return the task queue of an idle helper, or of a new one."""
        with self._lock:
            if self._stuck >= self._most_stuck:
                raise SourceUnavailable(f"{doing}: the file system hangs: {self._stuck} calls have not returned")
            if self._idle:
                return self._idle.pop()
        inbox: SimpleQueue[_Task[Any]] = SimpleQueue()
        threading.Thread(target=self._work, args=(inbox,), name="exr-mount", daemon=True).start()
        return inbox

    def _work(self, inbox: SimpleQueue[_Task[Any]]) -> None:
        while True:
            task = inbox.get()
            task.run()
            with self._lock:
                task.finished.set()
                self._stuck -= task.is_abandoned
                self._idle.append(inbox)
            del task  # frees its result, since the wait for the next task may be long
