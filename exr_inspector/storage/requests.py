"""Run requests to an object store on one background event loop, with bounded retries.

A handler thread submits a coroutine and waits. At its deadline the coroutine is cancelled, which closes the connection;
a blocking call could only be abandoned. obstore transfers the bytes on its own threads: the loop only starts and ends
requests.

Retries are made here, not by obstore, so that each attempt is counted and none outlasts the deadline. After a transient
fault (5xx, 408, 429, a timeout, a refused or broken connection, a body that ended early) the request is sent again
after a pause. The pause doubles from `FIRST_PAUSE_SECONDS` and is shortened at random, so that many readers do not
retry at the same moment.
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
_CLOSE_SECONDS = 2.0  # longest wait for cancelled requests

T = TypeVar("T")
_JITTER = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class StoreVersion:
    """The version of an object that a response states.

    Attributes:
        version: The version, as used by the rest of the package.
        if_match: The ETag as the store wrote it; None if there is none or only a weak one, which If-Match never
            matches.
    """

    version: ObjectVersion
    if_match: str | None = None


@dataclass(frozen=True, slots=True)
class RangeAnswer:
    """The response to one request for a range."""

    data: bytes
    seen: StoreVersion


@dataclass(frozen=True, slots=True)
class Call:
    """Properties that all requests of one reader share.

    Attributes:
        meter: Counts every attempt and every byte.
        deadline: End of all attempts; None for no limit.
        path: Names the object in messages.
    """

    meter: Meter
    deadline: Deadline | None
    path: str


class UnresolvedFailure(Exception):
    """A request failed in a way that only its caller can resolve.

    Attributes:
        failure: The failure; its `next` is neither STOP nor AGAIN.
    """

    def __init__(self, failure: Failure) -> None:
        super().__init__(str(failure.error))
        self.failure = failure


async def call_with_retries(request: Callable[[], Awaitable[T]], call: Call, *, retries: int) -> T:
    """Send `request` and return its result; retry up to `retries` times within the deadline.

    Raises:
        SourceError: As `failures.classify` returns it, if a retry is useless or no retries are left.
        UnresolvedFailure: The range begins at or after the end of the object, or the store answered with the whole
            object.
    """
    attempt = 0
    while True:
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
        attempt += 1


def pause_seconds(attempt: int) -> float:
    """Return the pause after the failed attempt number `attempt`, counted from 0."""
    return min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0**attempt) * _JITTER.uniform(0.5, 1.0)


class Transport:
    """An event loop on a daemon thread, started by the first request; shared by all buckets of one opener.

    `close` ends the thread. The function never calls it, since its opener lives as long as its container.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def run(self, work: Coroutine[None, None, T], *, deadline: Deadline | None, doing: str) -> T:
        """Return the result of `work`, waiting until the deadline at most.

        Raises:
            DeadlineExceeded: The time is used up; the work was cancelled.
            SourceUnavailable: `close` was called in the meantime.
        """
        future = asyncio.run_coroutine_threadsafe(work, self._running_loop())
        try:
            return future.result(None if deadline is None else deadline.remaining())
        except futures.TimeoutError as error:
            raise DeadlineExceeded(f"no time left while {doing}") from error
        except futures.CancelledError as error:
            raise SourceUnavailable(f"the sources were closed while {doing}") from error
        finally:
            future.cancel()  # ends the request after a timeout or an interrupt of this thread

    def close(self) -> None:
        """Stop the loop, end the current requests, and wait for the thread. A later request starts a new loop."""
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
    """Return the results of all works in the same order, with at most `at_once` running at a time; the first fault ends all."""
    turns = asyncio.Semaphore(at_once)

    async def run_limited(work: Callable[[], Coroutine[None, None, T]]) -> T:
        async with turns:
            return await work()

    tasks = [asyncio.ensure_future(run_limited(work)) for work in works]
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
