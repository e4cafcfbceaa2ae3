"""Group commit: handler threads that write to the tables at the same time share one transaction.

A transaction costs the same number of requests for one file as for many. Requests that arrive while a transaction is
open wait; the next transaction contains all of them. Before it begins, its thread waits for events that are still being
inspected, at most as long as the previous transaction took. An idle function therefore stores an event without any
added delay, and a busy function pays for one transaction per group. Inspections and removals are grouped separately, in
the same way.

The members of a group are independent. If a group cannot be written (the database refuses a row, a conflict, an outage
longer than the group's share of the time), each member is written again on its own thread, by its own deadline. A group
that is only slow is not split: on a busy machine separate writes would be slower.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, TypeVar

from exr_inspector.catalog import Catalog, UpsertResult
from exr_inspector.catalog.outcomes import Removal
from exr_inspector.catalog.recheck import upsert_isolating_failures
from exr_inspector.catalog.rows.groups import Prepared, prepare_each
from exr_inspector.deadline import Deadline
from exr_inspector.errors import DeadlineExceeded, ExrInspectorError, our_error
from exr_inspector.model import EventInfo, Inspection

MAX_GROUP = 256  # inspections or removals in one transaction
# Share of the retry time that a group may use before its members are written separately.
_RETRY_SHARE = 0.25
# Share of the leader's remaining time that a group's transaction may take; the rest is left for separate writes.
_TIME_SHARE = 0.5
# Longest wait for events that are still being inspected.
GATHER_SECONDS = 0.25

Stored = UpsertResult | ExrInspectorError
Item = TypeVar("Item")

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Request(Generic[Item]):
    """The items that one thread wants to write.

    Attributes:
        items: Its inspections or removals.
        deadline: The deadline of its event.
        is_leading: Whether this thread writes the next group.
        results: One result for each item; None until a group with them is written.
        is_settled: Set once the thread has its results, leads the next group, or must write its items separately.
    """

    items: Sequence[Item]
    deadline: Deadline
    is_leading: bool = False
    results: Sequence[Stored] | None = None
    is_settled: threading.Event = field(default_factory=threading.Event)


class Writer(Generic[Item]):
    """Writes the items of many threads in few transactions.

    Args:
        together: Writes items in one transaction, or raises. It receives the deadline of the group.
        alone: Writes the items of one thread and returns a result or an error for each. It receives the thread's
            deadline.
        gather_seconds: Longest wait for threads inside `announced`.
        clock: Returns seconds; measures the duration of transactions.
    """

    def __init__(
        self,
        together: Callable[[Sequence[Item], Deadline], Sequence[Stored]],
        alone: Callable[[Sequence[Item], Deadline], Sequence[Stored]],
        *,
        gather_seconds: float = GATHER_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._together = together
        self._alone = alone
        self._gather_seconds = gather_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._all_ready = threading.Condition(self._lock)
        self._is_writing = False
        self._announced = 0
        self._gather_until = 0.0
        self.waiting: deque[_Request[Item]] = deque()

    @contextmanager
    def announced(self) -> Iterator[None]:
        """Enclose work that ends in a `write`. Threads that are ready to write wait for it for a moment."""
        with self._lock:
            self._announced += 1
        try:
            yield
        finally:
            with self._lock:
                self._announced -= 1
                self._wake_leader()

    def write(self, items: Sequence[Item], deadline: Deadline) -> Sequence[Stored]:
        """Write the items and return one result for each, in the same order."""
        request = _Request(items, deadline)
        with self._lock:
            if self._is_writing:
                self.waiting.append(request)
                self._wake_leader()
            else:
                self._is_writing = request.is_leading = True
        if not request.is_leading and not request.is_settled.wait(deadline.remaining()):
            with self._lock:
                if request in self.waiting:
                    self.waiting.remove(request)
                if not request.is_leading and request.results is None:
                    late = DeadlineExceeded("no time left for writing to the database")
                    return [late] * len(items)
        if request.is_leading:
            self._write_group(self._gather(request), deadline)
        if request.results is not None:
            return request.results
        return self._alone(items, deadline)

    def _is_complete(self) -> bool:
        """Whether all announced threads are waiting, except the leader."""
        return self._announced <= len(self.waiting) + 1

    def _wake_leader(self) -> None:
        """Wake the leader if it has no more threads to wait for."""
        if self._is_complete():
            self._all_ready.notify_all()

    def _gather(self, leader: _Request[Item]) -> list[_Request[Item]]:
        """Return the requests of the next transaction: all that are waiting, after a short wait for announced threads."""
        with self._lock:
            self._all_ready.wait_for(
                self._is_complete,
                max(0.0, min(self._gather_until - self._clock(), leader.deadline.remaining())),
            )
            group = [leader]
            size = len(leader.items)
            while self.waiting and size + len(self.waiting[0].items) <= MAX_GROUP:
                group.append(self.waiting.popleft())
                size += len(group[-1].items)
            return group

    def _write_group(self, group: Sequence[_Request[Item]], deadline: Deadline) -> None:
        """Write all requests of a group in one transaction, choose the next leader, and wake the group's other threads."""
        results: Sequence[Stored] | None = None
        started = self._clock()
        try:
            limit = deadline.fraction(_TIME_SHARE)
            results = self._together([item for request in group for item in request.items], limit)
        except Exception as error:  # noqa: BLE001 - separate writes show which request caused it
            code = error.code if isinstance(error, ExrInspectorError) else type(error).__name__
            _log.debug("%d requests could not be written together (%s): each is written separately", len(group), code)
        finally:
            ended = self._clock()
            self._gather_until = ended + min(ended - started, self._gather_seconds)
            for request in group:
                if results is not None:
                    request.results, results = results[: len(request.items)], results[len(request.items) :]
                request.is_settled.set()
            self._choose_leader()

    def _choose_leader(self) -> None:
        """Make the waiting thread with the latest deadline the next leader, since its deadline limits the group."""
        with self._lock:
            if not self.waiting:
                self._is_writing = False
                return
            leader = max(self.waiting, key=lambda request: request.deadline.at)
            self.waiting.remove(leader)
            leader.is_leading = True
            leader.is_settled.set()


class GroupCommit:
    """Stores and removes files for many threads in few transactions; safe to share between threads.

    Attributes:
        stores: Stores inspections, some already converted to rows.
        removals: Removes files; `remove` waits for the outcome of one.
    """

    def __init__(self, catalog: Catalog, retry_seconds: float) -> None:
        self._retry_seconds = retry_seconds
        share = retry_seconds * _RETRY_SHARE
        self.stores: Writer[Inspection | Prepared] = Writer(
            lambda items, deadline: _stored(items, partial(catalog.upsert, retry_seconds=share, deadline=deadline)),
            lambda items, deadline: _stored(items, partial(upsert_isolating_failures, catalog, deadline=deadline)),
        )
        self.removals: Writer[Removal] = Writer(
            lambda items, deadline: catalog.remove_all(items, retry_seconds=share, deadline=deadline),
            lambda items, deadline: [_removed(catalog, item, deadline) for item in items],
        )

    def remove(
        self, path: str, *, event: EventInfo | None = None, is_seen: bool = True, deadline: Deadline | None = None
    ) -> UpsertResult:
        """Remove a file as `Catalog.remove` does, together with the removals of other threads.

        Raises:
            CatalogError: As for `Catalog.remove`.
        """
        removal = Removal(path, event or EventInfo(), is_seen)
        (outcome,) = self.removals.write([removal], deadline or Deadline.after(self._retry_seconds))
        if isinstance(outcome, ExrInspectorError):
            raise outcome
        return outcome


def _removed(catalog: Catalog, removal: Removal, deadline: Deadline) -> Stored:
    try:
        return catalog.remove_all([removal], deadline=deadline)[0]
    except Exception as error:  # noqa: BLE001 - boundary of one removal
        return our_error(error)


def _stored(
    inspections: Sequence[Inspection | Prepared], upsert: Callable[[Sequence[Prepared]], Sequence[Stored]]
) -> Sequence[Stored]:
    """Convert all inspections to rows and store these together; one that cannot be converted does not affect the others."""
    outcomes = prepare_each(inspections)
    items = [outcome for outcome in outcomes if isinstance(outcome, Prepared)]
    stored = iter(upsert(items))
    return [next(stored) if isinstance(outcome, Prepared) else outcome for outcome in outcomes]
