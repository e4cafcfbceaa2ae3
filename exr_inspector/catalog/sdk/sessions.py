"""Sessions of the vastdb SDK, each with one thread at a time, and how long their requests may take. Knows no tables.

The SDK takes one time-out for everything, at its making, and its session keeps ten connections: too long for whoever has less
time left, and too few for twenty threads. So a session is lent to one transaction, and what it is told as time-out is asked
anew for every request.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from exr_inspector.catalog.sdk.transport import Patience
from exr_inspector.deadline import Deadline


class Sessions:
    """Sessions that are lent out, the last one given back first; as many as there were borrowers at a time.

    Args:
        connect: Makes a session whose requests keep to a time-out.
        seconds: How long an answer may stand still.
    """

    def __init__(self, connect: Callable[[Patience], Any], seconds: float) -> None:
        self._connect = connect
        self._seconds = seconds
        self._lock = threading.Lock()
        self._idle: list[Any] = []
        self._all: list[Any] = []

    def made(self, deadline: Deadline | None = None) -> Any:
        """A new session, closed with the others; asks the server for its version."""
        session = self._connect(Patience(self._seconds, deadline))
        with self._lock:
            self._all.append(session)
        return session

    @contextmanager
    def lent(self, deadline: Deadline | None = None) -> Iterator[Any]:
        """A session for the length of a block, none of whose requests outlives the deadline by more than a second."""
        with self._lock:
            session = self._idle.pop() if self._idle else None
        if session is None:
            session = self.made(deadline)
        session.api.timeout = Patience(self._seconds, deadline)
        try:
            yield session
        finally:
            with self._lock:
                if session in self._all:  # else `close` came in between
                    self._idle.append(session)

    def close(self) -> None:
        """Close all connections; what is lent out makes new ones until it is given back."""
        with self._lock:
            sessions, self._all, self._idle = self._all, [], []
        for session in sessions:
            session.api.__exit__()
