"""Sessions of the SDK, shared by threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from exr_inspector.catalog.sdk.transport import DeadlineTimeout
from exr_inspector.deadline import Deadline


class SessionPool:
    """SDK sessions for many threads: a transaction borrows one, sets its time-out, and returns it.

    An SDK session has one time-out for all requests and keeps ten connections: the time-out may be longer than the caller has
    left, and twenty threads need more connections.

    Args:
        connect: Opens a session with this time-out.
        seconds: Idle time-out of a request, seconds.
    """

    def __init__(self, connect: Callable[[DeadlineTimeout], Any], seconds: float) -> None:
        self._connect = connect
        self._seconds = seconds
        self._lock = threading.Lock()
        self._idle: list[Any] = []
        self._all: list[Any] = []

    def open(self, deadline: Deadline | None = None) -> Any:
        """Open a session, which asks the server for its version; `close` closes it with the others."""
        session = self._connect(DeadlineTimeout(self._seconds, deadline))
        with self._lock:
            self._all.append(session)
        return session

    @contextmanager
    def borrow(self, deadline: Deadline | None = None) -> Iterator[Any]:
        """Lend a session for a block. No request in it ends more than a second after the deadline."""
        with self._lock:
            session = self._idle.pop() if self._idle else None
        if session is None:
            session = self.open(deadline)
        session.api.timeout = DeadlineTimeout(self._seconds, deadline)
        try:
            yield session
        finally:
            with self._lock:
                if session in self._all:  # else `close` came in between
                    self._idle.append(session)

    def close(self) -> None:
        """Close all sessions; a borrowed one opens new connections until it is returned."""
        with self._lock:
            sessions, self._all, self._idle = self._all, [], []
        for session in sessions:
            session.api.__exit__()
