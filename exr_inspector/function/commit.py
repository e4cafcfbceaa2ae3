"""Group commit: handler threads that write to the tables at the same time share one transaction.

A transaction costs the same requests for one file as for many. Whoever comes while a transaction is open waits, and all who
wait go into the next one together. Before that one begins, its thread waits for events that are being inspected, until the
transaction before is over for as long as it took. An idle function therefore stores an event as fast as without this module,
and a busy one pays one transaction for a group. Removals share transactions as inspections do.

No member of a group depends on another. What keeps a group from being written (a row that the database refuses, a conflict, an
outage that outlasts the group's share of the time) sends its members back to write by themselves, each in its own thread and
by its own deadline. A group that is merely slow is let finish: on a busy machine its members by themselves would be slower.
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
from exr_inspector.catalog.rows.groups import Prepared, ready
from exr_inspector.deadline import Deadline
from exr_inspector.errors import DeadlineExceeded, ExrInspectorError, our_error
from exr_inspector.model import EventInfo, Inspection

MAX_GROUP = 256  # inspections or removals in one transaction
# Of the time for retries, the share that a group may use up before its members go their own ways.
_RETRY_SHARE = 0.25
# Of the time of its leader's event, the share that a group's transaction may take; the rest is for writing by themselves.
_TIME_SHARE = 0.5
# Longest wait for events that are being inspected.
GATHER_SECONDS = 0.25

Stored = UpsertResult | ExrInspectorError
Item = TypeVar("Item")

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Request(Generic[Item]):
    """What one thread wants written.

    Attributes:
        items: Its inspections or removals.
        deadline: When its event has to be done.
        is_leading: Whether it is this thread's turn to write, for all that wait.
        results: One for each item; None until they were written together with others.
        is_settled: Set as soon as `results` is there, or it is the thread's turn, or it has to write by itself.
    """

    items: Sequence[Item]
    deadline: Deadline
    is_leading: bool = False
    results: Sequence[Stored] | None = None
    is_settled: threading.Event = field(default_factory=threading.Event)


class Writer(Generic[Item]):
    """Writes what many threads bring, in few transactions.

    Args:
        together: Writes items in one transaction, or raises; is given the deadline of the group.
        alone: Writes the items of one thread, whatever becomes of each; is given the thread's deadline.
        gather_seconds: Longest wait for threads that are announced.
        clock: Seconds, by which a transaction is timed.
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
        self._all_came = threading.Condition(self._lock)
        self._is_writing = False
        self._announced = 0
        self._gather_until = 0.0
        self.waiting: deque[_Request[Item]] = deque()

    @contextmanager
    def announced(self) -> Iterator[None]:
        """Around what ends in a `write`, so that others, who could write now, wait a moment for it."""
        with self._lock:
            self._announced += 1
        try:
            yield
        finally:
            with self._lock:
                self._announced -= 1
                self._wake_leader()

    def write(self, items: Sequence[Item], deadline: Deadline) -> Sequence[Stored]:
        """What became of each item, in their order."""
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
        """Whether everybody who is announced waits, but for the thread whose turn it is."""
        return self._announced <= len(self.waiting) + 1

    def _wake_leader(self) -> None:
        """Wake the thread whose turn it is, once there is nobody to wait for."""
        if self._is_complete():
            self._all_came.notify_all()

    def _gather(self, leader: _Request[Item]) -> list[_Request[Item]]:
        """The requests of the next transaction: the leader's and all that wait, after a moment for those that are announced."""
        with self._lock:
            self._all_came.wait_for(
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
        """Write all requests of a group in one transaction, give the turn away, and wake the others of the group."""
        results: Sequence[Stored] | None = None
        started = self._clock()
        try:
            limit = deadline.fraction(_TIME_SHARE)
            results = self._together([item for request in group for item in request.items], limit)
        except Exception as error:  # noqa: BLE001 - whose fault it is shows when each writes by itself
            code = error.code if isinstance(error, ExrInspectorError) else type(error).__name__
            _log.debug("%d requests could not be written together (%s): each is written by itself", len(group), code)
        finally:
            ended = self._clock()
            self._gather_until = ended + min(ended - started, self._gather_seconds)
            for request in group:
                if results is not None:
                    request.results, results = results[: len(request.items)], results[len(request.items) :]
                request.is_settled.set()
            self._give_turn()

    def _give_turn(self) -> None:
        """Let a thread that waits write next; the one with the most time left, so that its group has it."""
        with self._lock:
            if not self.waiting:
                self._is_writing = False
                return
            leader = max(self.waiting, key=lambda request: request.deadline.at)
            self.waiting.remove(leader)
            leader.is_leading = True
            leader.is_settled.set()


class GroupCommit:
    """Stores and removes for many threads in few transactions; every method may run on many threads at once."""

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

    def store(self, inspections: Sequence[Inspection | Prepared], *, deadline: Deadline) -> Sequence[Stored]:
        """Store the inspections of one event or batch, some with their rows, together with those of other threads.

        Returns:
            In their order what became of each, or why it is not stored.
        """
        return self.stores.write(inspections, deadline)

    def remove(
        self, path: str, *, event: EventInfo | None = None, is_seen: bool = True, deadline: Deadline | None = None
    ) -> UpsertResult:
        """As `Catalog.remove`, together with the removals of other threads.

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
    """Make the rows of all and store them at once; an inspection whose rows cannot be made costs the others nothing."""
    outcomes = _prepared(inspections)
    items = [outcome for outcome in outcomes if isinstance(outcome, Prepared)]
    stored = iter(upsert(items))
    return [next(stored) if isinstance(outcome, Prepared) else outcome for outcome in outcomes]


def _prepared(inspections: Sequence[Inspection | Prepared]) -> list[Prepared | ExrInspectorError]:
    """The rows of each, made together; where some cannot be made, each by itself, or the reason in its place."""
    try:
        return list(ready(inspections))
    except Exception as error:  # noqa: BLE001 - boundary of one record: rows that cannot even be built
        if len(inspections) == 1:
            return [our_error(error)]
    return [outcome for inspection in inspections for outcome in _prepared([inspection])]
