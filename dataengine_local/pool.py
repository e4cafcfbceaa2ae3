"""A pool of daemon threads.

A handler that never returns must not keep the process from ending, as it would in the pool of `concurrent.futures`.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, ParamSpec, TypeVar

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


class DaemonPool(Executor):
    """Runs calls on a fixed number of threads, in the order they were submitted."""

    def __init__(self, threads: int) -> None:
        self._calls: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        self._threads = threads
        for number in range(threads):
            threading.Thread(target=self._work, name=f"handler-{number}", daemon=True).start()

    def submit(
        self, fn: Callable[_Arguments, _Result], /, *args: _Arguments.args, **kwargs: _Arguments.kwargs
    ) -> Future[_Result]:
        """Queue one call."""
        future: Future[_Result] = Future()
        self._calls.put((future, lambda: fn(*args, **kwargs)))
        return future

    def close(self) -> None:
        """Cancel queued calls and let every thread end after its current one. Returns at once."""
        while True:
            try:
                queued = self._calls.get_nowait()
            except queue.Empty:
                break
            if queued is not None:
                queued[0].cancel()
        for _ in range(self._threads):
            self._calls.put(None)

    def _work(self) -> None:
        while (queued := self._calls.get()) is not None:
            future, call = queued
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(call())
            except BaseException as error:  # noqa: BLE001 - the future passes it to the thread that waits for the call
                future.set_exception(error)
            del queued, future, call  # an idle thread must not keep the last event alive
