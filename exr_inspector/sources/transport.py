"""One background event loop on which all requests of one opener run, so that a caller's deadline really ends them.

A handler thread hands over a coroutine and waits. When its time is up the coroutine is cancelled, which drops the connection;
a blocking call could only be abandoned. obstore moves the bytes on threads of its own: the loop only starts and ends requests.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import TypeVar

from exr_inspector.errors import DeadlineExceeded
from exr_inspector.sources.deadline import Deadline

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
        """
        seconds = None if deadline is None else deadline.remaining()
        future = asyncio.run_coroutine_threadsafe(asyncio.wait_for(work, seconds), self._running_loop())
        try:
            return future.result()
        except (asyncio.TimeoutError, TimeoutError) as error:
            raise DeadlineExceeded(f"no time left while {doing}") from error
        finally:
            future.cancel()  # only matters when this thread was interrupted

    def close(self) -> None:
        """Stop the loop; requests under way are abandoned. A later request would start a new one."""
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


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
    finally:
        loop.close()
