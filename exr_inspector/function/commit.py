"""Group commit: handler threads that store at the same time share one transaction.

A transaction costs the same requests for one file as for many. The first thread to come stores at once; whoever comes while
its transaction is open waits, and all who wait go into the next one together. An idle function therefore stores an event as
fast as without this module, and a busy one pays one transaction for a group.

No member of a group depends on another. What keeps a group from being stored (a row that the database refuses, a conflict, an
outage that outlasts the group's share of the time) sends its members back to store their rows by themselves, each in its own
thread and by its own deadline.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from exr_inspector import __version__
from exr_inspector.catalog import Catalog, UpsertResult
from exr_inspector.catalog.recheck import upsert_isolating_failures
from exr_inspector.catalog.rows.groups import Prepared, prepare
from exr_inspector.deadline import Deadline
from exr_inspector.errors import DeadlineExceeded, ExrInspectorError, internal_fault
from exr_inspector.model import Inspection

MAX_GROUP = 256  # inspections in one transaction
# Of the time for retries, the share that a group may use up before its members go their own ways.
_GROUP_SHARE = 0.25

Stored = UpsertResult | ExrInspectorError

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Request:
    """What one thread wants stored.

    Attributes:
        items: Its prepared inspections.
        deadline: When its event has to be done.
        group: The requests this thread has to store, once it is its turn.
        results: One for each item; None until they were stored together with others.
        is_settled: Set as soon as `group` or `results` is there, or the thread has to store by itself.
    """

    items: Sequence[Prepared]
    deadline: Deadline
    group: list[_Request] = field(default_factory=list)
    results: list[UpsertResult] | None = None
    is_settled: threading.Event = field(default_factory=threading.Event)


class GroupCommit:
    """Stores inspections of many threads in few transactions; every method may run on many threads at once.

    Args:
        catalog: The tables.
        retry_seconds: How long one write to them is retried.
    """

    def __init__(self, catalog: Catalog, retry_seconds: float) -> None:
        self._catalog = catalog
        self._group_seconds = retry_seconds * _GROUP_SHARE
        self._lock = threading.Lock()
        self._is_storing = False
        self._waiting: deque[_Request] = deque()

    def store(self, inspections: Sequence[Inspection], *, deadline: Deadline) -> list[Stored]:
        """Store the inspections of one event or batch, together with those of other threads.

        Returns:
            In their order what became of each, or why it is not stored.
        """
        outcomes = _prepared(inspections)
        items = [outcome for outcome in outcomes if isinstance(outcome, Prepared)]
        stored = iter(self._store(items, deadline) if items else ())
        return [next(stored) if isinstance(outcome, Prepared) else outcome for outcome in outcomes]

    def _store(self, items: Sequence[Prepared], deadline: Deadline) -> Sequence[Stored]:
        request = _Request(items, deadline)
        with self._lock:
            if self._is_storing:
                self._waiting.append(request)
            else:
                self._is_storing = True
                request.group = [request]
        if not request.group and not request.is_settled.wait(deadline.remaining()):
            with self._lock:
                if request in self._waiting:
                    self._waiting.remove(request)
                if not request.group and request.results is None:
                    late = DeadlineExceeded("no time left for storing inspections")
                    return [late] * len(items)
        if request.group:
            self._store_group(request.group, deadline)
        if request.results is not None:
            return request.results
        return upsert_isolating_failures(self._catalog, items, deadline=deadline)

    def _store_group(self, group: Sequence[_Request], deadline: Deadline) -> None:
        """Store all requests of a group in one transaction, give the turn away, and wake the others of the group."""
        results: list[UpsertResult] | None = None
        try:
            limit = Deadline.after(min(self._group_seconds, deadline.remaining()))
            results = self._catalog.upsert([item for request in group for item in request.items], deadline=limit)
        except Exception as error:  # noqa: BLE001 - whose fault it is shows when each stores its own rows
            code = error.code if isinstance(error, ExrInspectorError) else type(error).__name__
            _log.debug("%d requests could not be stored together (%s): each is stored by itself", len(group), code)
        finally:
            self._give_turn()
            for request in group:
                if results is not None:
                    request.results, results = results[: len(request.items)], results[len(request.items) :]
                request.is_settled.set()

    def _give_turn(self) -> None:
        """Let a thread that waits store all that wait; the one with the most time left, so that the group has it."""
        with self._lock:
            group: list[_Request] = []
            size = 0
            while self._waiting and (not group or size + len(self._waiting[0].items) <= MAX_GROUP):
                group.append(self._waiting.popleft())
                size += len(group[-1].items)
            if not group:
                self._is_storing = False
                return
            leader = max(group, key=lambda request: request.deadline.at)
            leader.group = group
            leader.is_settled.set()


def _prepared(inspections: Sequence[Inspection]) -> list[Prepared | ExrInspectorError]:
    """The rows of each, made together; where some cannot be made, each by itself, or the reason in its place."""
    fault: ExrInspectorError
    try:
        return list(prepare(inspections, __version__))
    except ExrInspectorError as error:
        fault = error
    except Exception as error:  # noqa: BLE001 - boundary of one record: rows that cannot even be built
        fault = internal_fault(error)
    if len(inspections) == 1:
        return [fault]
    return [outcome for inspection in inspections for outcome in _prepared([inspection])]
