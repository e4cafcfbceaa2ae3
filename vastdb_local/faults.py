"""Faults on demand and counters, for tests of clients: which requests fail, how, and how many there were.

A fault is found by the name of the operation (`docs/local-vastdb.md` lists them) before anything is done.
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
    """A fault; `seconds` is the time between two bytes that trickle, how long a DELAY takes, and how long others wait first."""

    kind: FaultKind
    seconds: float = 0.0


class Faults:
    """The faults of one server; safe to change while it serves.

    Args:
        seed: Of the dice that probabilities are thrown with.
    """

    def __init__(self, seed: int) -> None:
        self._lock = threading.Lock()
        self._dice = random.Random(seed)  # noqa: S311 - no secret
        self._scripts: dict[str, deque[Fault | None]] = {}
        self._chances: dict[str, list[tuple[float, Fault]]] = {}
        self._struck: Counter[tuple[str, FaultKind]] = Counter()

    def script(self, operation: str, faults: Iterable[Fault | None]) -> None:
        """Say what happens to the next requests of one operation (or ANY), one after the other; None lets one pass."""
        with self._lock:
            self._scripts[operation] = deque(faults)

    def chance(self, operation: str, probability: float, fault: Fault) -> None:
        """Let every request of one operation (or ANY) fail with a probability; several add up."""
        with self._lock:
            self._chances.setdefault(operation, []).append((probability, fault))

    def clear(self) -> None:
        """No more faults."""
        with self._lock:
            self._scripts.clear()
            self._chances.clear()

    def next(self, operation: str) -> Fault | None:
        """What happens to a request of this operation that has just come in."""
        with self._lock:
            fault = self._chosen(operation)
            if fault is not None:
                self._struck[operation, fault.kind] += 1
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

    def struck(self) -> dict[tuple[str, FaultKind], int]:
        """How many requests of which operation have met which kind of fault since the start."""
        with self._lock:
            return dict(self._struck)


class Counters:
    """How many requests of each operation came in with the right keys, those that failed included."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def count(self, operation: str) -> None:
        """One more."""
        with self._lock:
            self._counts[operation] += 1

    def snapshot(self) -> dict[str, int]:
        """Requests by operation since the start or the last reset."""
        with self._lock:
            return dict(self._counts)

    def reset(self) -> None:
        """Start again from zero."""
        with self._lock:
            self._counts.clear()
