"""Count the cost of reading, and enforce budgets. No other module does either."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from exr_inspector.errors import BudgetExceeded
from exr_inspector.model import Cost
from exr_inspector.storage.source import ReadBudget


class Meter:
    """Requests and bytes of one source, counted by all its readers and threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cost = Cost()

    def count(self, *, requests: int = 0, bytes_read: int = 0) -> None:
        """Add to the count."""
        with self._lock:
            self._cost = Cost(self._cost.requests + requests, self._cost.bytes_read + bytes_read)

    @property
    def cost(self) -> Cost:
        """The count so far."""
        with self._lock:
            return self._cost


class Allowance:
    """The remaining part of a budget. Callers reserve from it before each request."""

    def __init__(self, budget: ReadBudget, path: str) -> None:
        self._lock = threading.Lock()
        self._budget = budget
        self._path = path
        self._requests = 0
        self._bytes = 0

    def reserve(self, *, requests: int, size: int) -> None:
        """Reserve `requests` and `size` bytes from the budget.

        Raises:
            BudgetExceeded: Less is left; nothing was reserved.
        """
        with self._lock:
            self._hold("requests", self._requests + requests, self._budget.requests)
            self._hold("bytes", self._bytes + size, self._budget.bytes)
            self._requests += requests
            self._bytes += size

    def give_back(self, *, requests: int, size: int) -> None:
        """Return reserved requests and bytes that were not used."""
        with self._lock:
            self._requests -= requests
            self._bytes -= size

    def _hold(self, what: str, wanted: int, allowed: int | None) -> None:
        if allowed is not None and wanted > allowed:
            raise BudgetExceeded(f"{self._path}: the next read needs {wanted} {what} in all; the budget is {allowed}")


def reserve_all(allowances: Sequence[Allowance], *, requests: int, size: int) -> None:
    """Reserve from all allowances or from none.

    Raises:
        BudgetExceeded: One of them has less left.
    """
    taken: list[Allowance] = []
    try:
        for allowance in allowances:
            allowance.reserve(requests=requests, size=size)
            taken.append(allowance)
    except BudgetExceeded:
        for allowance in taken:
            allowance.give_back(requests=requests, size=size)
        raise
