"""One background event loop on which the requests of one opener run, so that a caller's deadline really ends them.

A handler thread hands over a coroutine and waits. When its time is up the coroutine is cancelled, which drops the connection;
a blocking call could only be abandoned. obstore moves the bytes on threads of its own: the loop only starts and ends requests.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent import futures
from typing import TypeVar

from exr_inspector.deadline import Deadline
from exr_inspector.errors import DeadlineExceeded, SourceUnavailable

T = TypeVar("T")


class Transport:
    """A loop on a daemon thread, started by the first request."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def run(self, work: Coroutine[None, None, T], *, deadline: Deadline | None, doing: str) -> T:
        """The result of `work`, awaited for no longer than the deadline.

        Raises:
            DeadlineExceeded: Time ran out; the work was cancelled.
            SourceUnavailable: `close` was called meanwhile.
        """
        future = asyncio.run_coroutine_threadsafe(work, self._running_loop())
        try:
            return future.result(None if deadline is None else deadline.remaining())
        except futures.TimeoutError as error:
            raise DeadlineExceeded(f"no time left while {doing}") from error
        except futures.CancelledError as error:
            raise SourceUnavailable(f"the sources were closed while {doing}") from error
        finally:
            future.cancel()  # ends the request when the time was up, or this thread was interrupted

    def close(self) -> None:
        """Stop the loop and end the requests under way. A later request starts a new loop."""
        with self._lock:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._loop.stop)
                self._loop = None

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=_serve, args=(self._loop,), name="exr-sources", daemon=True).start()
            return self._loop


def in_place(work: Coroutine[None, None, T]) -> T:
    """The result of work whose requests are made `fetch.InPlace`: nothing in it waits for a loop, so none is needed.

    Handing a request to the loop and its answer back costs several times what reading the head of a local file does.
    """
    try:
        work.send(None)
    except StopIteration as finished:
        result: T = finished.value
        return result
    work.close()
    raise RuntimeError("work that was to be done in place waits for a loop")


async def all_of(works: Sequence[Callable[[], Coroutine[None, None, T]]], *, at_once: int) -> list[T]:
    """The results of all works in their order, so many of them under way at a time; the first fault ends the others."""
    turns = asyncio.Semaphore(at_once)

    async def take_turn(work: Callable[[], Coroutine[None, None, T]]) -> T:
        async with turns:
            return await work()

    tasks = [asyncio.ensure_future(take_turn(work)) for work in works]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    loop.run_forever()
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.wait(tasks))
    loop.close()
