"""Faults on demand and request counters, for tests of clients.

Faults are chosen by the name of the operation (`docs/local-vastdb.md` lists them) before it is carried out.
"""

from __future__ import annotations

import random
import threading
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

ANY = "*"


class FaultKind(Enum):
    """What happens to a request."""

    INTERNAL_ERROR = "500"  # answered 500, not done
    SLOW_DOWN = "503"  # answered 503 SlowDown, not done; the SDK retries these
    CONFLICT = "409"  # answered 409, not done
    DROP_BEFORE = "drop before"  # connection closed, not done
    DROP_AFTER = "drop after"  # done, then connection closed without an answer
    DELAY = "delay"  # done and answered after a while
    CUT = "cut"  # done, then the connection is closed in the middle of the answer's headers
    CUT_BODY = "cut body"  # done, then the connection is closed in the middle of the answer's body
    EMPTY = "empty"  # done, and answered 200 without the answer's body
    TRICKLE = "trickle"  # done, and answered a byte at a time from the first one of the status line
    TRICKLE_BODY = "trickle body"  # done, and the answer's body comes a byte at a time


IN_THE_ANSWER = frozenset(
    {FaultKind.CUT, FaultKind.CUT_BODY, FaultKind.EMPTY, FaultKind.TRICKLE, FaultKind.TRICKLE_BODY}
)


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of one request.

    Attributes:
        kind: What happens.
        seconds: Pause between two bytes of a TRICKLE, length of a DELAY, and wait before any other fault.
    """

    kind: FaultKind
    seconds: float = 0.0


class Faults:
    """The faults of one server; safe to change while it serves."""

    def __init__(self, seed: int) -> None:
        self._lock = threading.Lock()
        self._dice = random.Random(seed)  # noqa: S311 - no secret
        self._scripts: dict[str, deque[Fault | None]] = {}
        self._chances: dict[str, list[tuple[float, Fault]]] = {}
        self._injected: Counter[tuple[str, FaultKind]] = Counter()

    def script(self, operation: str, faults: Iterable[Fault | None]) -> None:
        """Set the faults of the next requests of one operation (or ANY), in order; None lets a request pass."""
        with self._lock:
            self._scripts[operation] = deque(faults)

    def chance(self, operation: str, probability: float, fault: Fault) -> None:
        """Give requests of one operation (or ANY) a fault with a probability; several probabilities are tried in turn."""
        with self._lock:
            self._chances.setdefault(operation, []).append((probability, fault))

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._scripts.clear()
            self._chances.clear()

    def next(self, operation: str) -> Fault | None:
        """The fault of the next request of this operation; None if it passes."""
        with self._lock:
            fault = self._chosen(operation)
            if fault is not None:
                self._injected[operation, fault.kind] += 1
            return fault

    def _chosen(self, operation: str) -> Fault | None:
        for name in (operation, ANY):
            script = self._scripts.get(name)
            if script:
                return script.popleft()
        for name in (operation, ANY):
            for probability, fault in self._chances.get(name, ()):
                if self._dice.random() < probability:
                    return fault
        return None

    def injected(self) -> dict[tuple[str, FaultKind], int]:
        """Requests with a fault since the start, by operation and kind."""
        with self._lock:
            return dict(self._injected)


class Counters:
    """Authenticated requests by operation, failed ones included."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def count(self, operation: str) -> None:
        """Count one request."""
        with self._lock:
            self._counts[operation] += 1

    def snapshot(self) -> dict[str, int]:
        """Requests by operation since the start or the last reset."""
        with self._lock:
            return dict(self._counts)

    def reset(self) -> None:
        """Set all counters to zero."""
        with self._lock:
            self._counts.clear()
