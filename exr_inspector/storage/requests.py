"""Requests to an object store: one background event loop to run them, and bounded retries when the store falters.

A handler thread hands over a coroutine and waits. When its time is up the coroutine is cancelled, which drops the connection;
a blocking call could only be abandoned. obstore moves the bytes on threads of its own: the loop only starts and ends requests.

Retries are ours, not obstore's, so that each attempt is counted and none outlives the deadline: after a fault that may pass
(5xx, 408, 429, a timeout, a connection that was refused or broke, a body that ended early) the request is sent again after a
pause that doubles from `FIRST_PAUSE_SECONDS` and is shortened at random, so that many readers do not come back all at once.
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent import futures
from dataclasses import dataclass
from typing import TypeVar

from exr_inspector.deadline import Deadline
from exr_inspector.errors import DeadlineExceeded, SourceUnavailable
from exr_inspector.model import ObjectVersion
from exr_inspector.storage.budget import Meter
from exr_inspector.storage.failures import STORE_ERRORS, Failure, Next, classify

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0
_CLOSE_SECONDS = 2.0  # that requests which are cancelled are waited for

T = TypeVar("T")
_JITTER = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class StoreVersion:
    """A version of an object as an answer names it.

    Attributes:
        version: As the rest of the package sees it.
        if_match: The ETag as the store wrote it, None where it gives none or only a weak one, which If-Match never matches.
    """

    version: ObjectVersion
    if_match: str | None = None


@dataclass(frozen=True, slots=True)
class RangeAnswer:
    """What one request brought."""

    data: bytes
    seen: StoreVersion


@dataclass(frozen=True, slots=True)
class Call:
    """What all requests for one reader have in common.

    Attributes:
        meter: Counts every attempt and every byte.
        deadline: End of all attempts, None for none.
        path: Names the object in messages.
    """

    meter: Meter
    deadline: Deadline | None
    path: str


class UnresolvedFailure(Exception):
    """A request failed in a way that only its caller can resolve; holds what is known.

    Attributes:
        failure: The failure; its `next` is neither STOP nor AGAIN.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(str(failure.error))
        self.failure = failure


async def call_with_retries(request: Callable[[], Awaitable[T]], call: Call, *, retries: int) -> T:
    """The answer to `request`, asked again up to `retries` times within the deadline.

    Raises:
        SourceError: As `failures.classify` has it, once retries are of no use or used up.
        UnresolvedFailure: The range began at or after the end of the object, or the store answered a range with the whole.
    """
    for attempt in range(retries + 1):
        call.meter.count(requests=1)
        try:
            return await request()
        except STORE_ERRORS as error:
            failure = classify(error, call.path)
        if failure.next not in {Next.STOP, Next.AGAIN}:
            raise UnresolvedFailure(failure)
        pause = pause_seconds(attempt)
        out_of_time = call.deadline is not None and call.deadline.remaining() <= pause
        if failure.next is Next.STOP or attempt == retries or out_of_time:
            raise failure.error from failure.cause
        await asyncio.sleep(pause)
    raise SourceUnavailable(f"{call.path}: no attempt was allowed")


def pause_seconds(attempt: int) -> float:
    """How long to wait after the failed attempt number `attempt`, counted from 0."""
    return min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0**attempt) * _JITTER.uniform(0.5, 1.0)


class Transport:
    """An event loop on a daemon thread, started by the first request; shared by all buckets of one opener.

    The thread ends with `close`. The function never calls it: its opener lives as long as its container.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

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
        """Stop the loop, end the requests under way, and wait for its thread. A later request starts a new loop."""
        with self._lock:
            loop, thread, self._loop, self._thread = self._loop, self._thread, None, None
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join(_CLOSE_SECONDS)

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=_serve, args=(self._loop,), name="exr-sources", daemon=True)
                self._thread.start()
            return self._loop


async def gather_bounded(works: Sequence[Callable[[], Coroutine[None, None, T]]], *, at_once: int) -> list[T]:
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
