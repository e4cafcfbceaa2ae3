"""Helper threads for file system calls, which cannot be interrupted if they hang; their callers continue.

If a file server is unavailable, `stat` on a `hard` mount waits in the kernel until it is back. Without helpers, every
handler thread would soon be blocked like that. A helper thread makes the call; the caller waits until its deadline and
leaves a blocked helper behind.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent import futures
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar

from exr_inspector.deadline import Deadline
from exr_inspector.errors import DeadlineExceeded, SourceUnavailable

MOST_STUCK = 8  # most abandoned calls that have not returned; each blocks a thread

T = TypeVar("T")
_Task = tuple[Callable[[], Any], futures.Future[Any]]  # a call, and its result or error


class Helpers:
    """Daemon threads that make calls for other threads: one for each current caller, plus those whose calls are stuck."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[SimpleQueue[_Task]] = []
        self._stuck = 0  # abandoned calls that have not returned

    def run(self, call: Callable[[], T], *, deadline: Deadline | None, doing: str) -> T:
        """Return or raise what `call` returns or raises. Without a deadline, this thread makes the call.

        Raises:
            DeadlineExceeded: The call did not return in time; it continues in the background.
            SourceUnavailable: The call was not started, since too many earlier calls have not returned.
        """
        if deadline is None:
            return call()
        deadline.check(doing)
        answer: futures.Future[T] = futures.Future()
        self._helper(doing).put((call, answer))
        try:
            answer.exception(deadline.remaining())
        except futures.TimeoutError as error:
            with self._lock:
                self._stuck += 1
            answer.add_done_callback(self._count_returned)  # called at once if it has returned in the meantime
            raise DeadlineExceeded(f"no time left while {doing}: the file system does not answer") from error
        return answer.result()

    def _count_returned(self, _: futures.Future[Any]) -> None:
        with self._lock:
            self._stuck -= 1

    def _helper(self, doing: str) -> SimpleQueue[_Task]:
        """Return the task queue of an idle helper, or of a new one."""
        with self._lock:
            if self._stuck >= MOST_STUCK:
                raise SourceUnavailable(f"{doing}: the file system hangs: {self._stuck} calls have not returned")
            if self._idle:
                return self._idle.pop()
        inbox: SimpleQueue[_Task] = SimpleQueue()
        threading.Thread(target=self._work, args=(inbox,), name="exr-mount", daemon=True).start()
        return inbox

    def _work(self, inbox: SimpleQueue[_Task]) -> None:
        while True:
            call, answer = inbox.get()
            try:
                finish = partial(answer.set_result, call())
            except BaseException as error:  # noqa: BLE001 - raised again by the waiting thread
                finish = partial(answer.set_exception, error)
            with self._lock:
                self._idle.append(inbox)  # before its caller continues, which may use this helper again
            finish()
            del call, answer, finish  # frees the result, since the wait for the next task may be long
