"""Whole prefixes: list, leave out what the tables already have, inspect concurrently, store in batches.

The tables are reached by the same catalog as from an event, so what an event finds afterwards is unchanged. Stopping at any
moment loses nothing: what was stored is skipped the next time by its listing alone. Prints nothing; tells an observer.

Three things go on at once: a thread lists and asks the tables what is up to date, a crew inspects (threads of this process,
and as soon as there is enough to do, processes), one thread stores. The thread that called `run` stands between them. Queues
are bounded, so that a slow one slows the others down instead of filling memory.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice

from exr_inspector.catalog import Catalog, Outcome, UpsertResult
from exr_inspector.catalog.catalog import ObjectState
from exr_inspector.catalog.look import Sight
from exr_inspector.catalog.recheck import insist, remove_gone, store_apart
from exr_inspector.catalog.rows.groups import Prepared
from exr_inspector.errors import CatalogError, ExrInspectorError, ObjectChanged, internal_fault
from exr_inspector.ingest.processes import ProcessCrew
from exr_inspector.ingest.progress import Progress
from exr_inspector.ingest.tasks import Answer, Crew, Failure, Hands, Inspected, Look, Read, Task, ThreadCrew
from exr_inspector.inspector import Inspector
from exr_inspector.model import EventInfo, ObjectVersion
from exr_inspector.storage import ObjectEntry, SourceOpener
from exr_inspector.validation import Policy

LISTING_BATCH = 1_000  # objects whose stored versions are asked for at a time
LISTED_AHEAD = 100_000  # objects listed before they are inspected: names only, so that the end is known early
STORE_BATCH = 500  # inspections of one transaction
STORE_SECONDS = 2.0  # a slow trickle is stored at least this often
PROCESSES_FROM = 500  # objects to be inspected from which on processes are worth their start
_PATIENCE_SECONDS = 0.2  # how long anything waits before it looks whether the run is to stop


@dataclass(frozen=True, slots=True)
class Target:
    """One prefix of a bucket."""

    bucket: str
    prefix: str = ""


def batches(items: Iterable[ObjectEntry], size: int) -> Iterator[list[ObjectEntry]]:
    """Items in lists of at most `size`."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


_Place = tuple[str, str]  # bucket and key
_End = ExrInspectorError | None  # how a listing ended
_Change = UpsertResult | ExrInspectorError  # what became of one file


@dataclass(slots=True)
class _Batch:
    """What is to be changed in the tables next, and afterwards what became of it."""

    inspections: list[Prepared]
    gone: list[Look]
    outcomes: Sequence[_Change] = ()
    removals: Sequence[_Change] = ()


class Ingest:
    """One run over some prefixes. Made anew for each run; `stop` may be called from a signal handler or another thread."""

    def __init__(
        self,
        opener: SourceOpener,
        inspector: Inspector,
        catalog: Catalog,
        policy: Policy,
        *,
        workers: int,
        force: bool = False,
        observe: Callable[[Progress], None] | None = None,
        recruit: Callable[[], ProcessCrew] | None = None,
    ) -> None:
        """Prepare a run.

        Args:
            opener: Lists and opens objects.
            inspector: Inspects them.
            catalog: Where their rows go.
            policy: What they are judged by.
            workers: Threads of this process that inspect.
            force: Inspect and replace also what is up to date.
            observe: Told whenever something was done, by the thread that runs `run`.
            recruit: Makes processes that inspect as `inspector` does, in place of the threads when there is much to do.
        """
        self._opener = opener
        self._inspector = inspector
        self._catalog = catalog
        self._force = force
        self._observer = observe
        self._recruit = recruit
        self._recruits: ProcessCrew | None = None
        self._stop = threading.Event()
        self._has_dropped = False
        self._todo: queue.Queue[list[_Place]] = queue.Queue(LISTED_AHEAD // LISTING_BATCH)
        self._places: deque[_Place] = deque()
        self._ended: queue.Queue[_End] = queue.Queue(1)
        self._crew: Crew = ThreadCrew(Hands(opener, inspector, policy), workers)
        self._reading = 0
        self._looks: deque[Look] = deque()
        self._gone: list[Look] = []
        self._waiting: list[Prepared] = []
        self._storer = ThreadPoolExecutor(1, thread_name_prefix="exr-store")
        self._storing: Future[_Batch] | None = None
        self._stored_at = 0.0
        self.progress = Progress()

    def stop(self) -> None:
        """Begin nothing new; what is being inspected is finished and stored."""
        self._stop.set()

    def run(self, targets: Iterable[Target]) -> Progress:
        """Bring the tables up to date with these prefixes.

        Returns:
            What was done; objects with transient errors are counted there, and done by the next run.

        Raises:
            ExrInspectorError: The tables cannot be reached, a prefix cannot be listed, or processes do not start. What was
                stored stays stored.
        """
        self._stored_at = time.monotonic()
        lister = threading.Thread(target=self._list, args=(list(targets),), name="exr-list", daemon=True)
        lister.start()
        try:
            self._work()
        except KeyboardInterrupt:
            self._end(lister, wait=False)
            raise
        except BaseException:
            self._end(lister, wait=True)
            raise
        self._end(lister, wait=True)
        end = self._ended.get()
        if end is not None:
            raise end
        return self.progress

    def _work(self) -> None:
        while (more := self._feed()) or self._unfinished():
            is_idle = not self._crew.busy  # nothing could be given: only what is being stored can change that
            self._take_in(self._crew.done(_PATIENCE_SECONDS))
            self._store(last=not more and not self._reading, is_idle=is_idle)
            if self._observer:
                self._observer(self.progress)

    def _end(self, lister: threading.Thread, *, wait: bool) -> None:
        """End all threads and processes, with or without waiting for what they do."""
        self.progress.stopped = self._stop.is_set()
        self._stop.set()
        for crew in (self._crew, self._recruits):
            if crew is not None:
                crew.close(wait=wait)
        self._storer.shutdown(wait=wait, cancel_futures=True)
        if wait:
            lister.join()

    def _unfinished(self) -> bool:
        return bool(self._crew.busy or self._looks or self._gone or self._waiting or self._storing)

    # --- listing, on its own thread -----------------------------------------------------------------------

    def _list(self, targets: Sequence[Target]) -> None:
        end: _End = None
        try:
            for target in targets:
                self._list_one(target)
            self.progress.is_listed = not self._stop.is_set()
        except ExrInspectorError as error:
            end = error
        except Exception as error:  # noqa: BLE001 - handed on to `run`, which waits for it
            end = internal_fault(error)
        self._ended.put(end)

    def _list_one(self, target: Target) -> None:
        """Put objects that are EXRs by name and whose rows are missing or stale on the list of what is to be done."""
        entries = (e for e in self._opener.list(target.bucket, target.prefix) if e.key.lower().endswith(".exr"))
        # Of a prefix that is new, nothing is asked. Whatever somebody else stores meanwhile is only inspected once more.
        asks = not self._force and self._catalog.has_files(target.bucket, target.prefix)
        for batch in batches(entries, LISTING_BATCH):
            if self._stop.is_set():
                return
            current = self._are_current(target.bucket, batch) if asks else [False] * len(batch)
            self.progress.listed += len(batch)
            self.progress.skipped += sum(current)
            places = [(target.bucket, entry.key) for entry, skip in zip(batch, current, strict=True) if not skip]
            if places:
                self._ask_for(places)

    def _are_current(self, bucket: str, entries: Sequence[ObjectEntry]) -> list[bool]:
        mode = self._inspector.config.stats
        states = [
            ObjectState(bucket, entry.key, ObjectVersion(entry.etag, entry.size_bytes, entry.mtime), mode)
            for entry in entries
        ]
        return self._catalog.are_current(states)

    def _ask_for(self, places: list[_Place]) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(queue.Full):
                self._todo.put(places, timeout=_PATIENCE_SECONDS)
                return

    # --- reading and looking, by the crew ------------------------------------------------------------------

    def _feed(self) -> bool:
        """Give the crew tasks as long as it wants some; whether there may be more to read."""
        if self._stop.is_set() and not self._has_dropped:
            self._has_dropped = True
            self._crew.drop()
        if self._is_changing_crew():
            return True
        while self._looks and self._crew.wants:
            self._crew.give(self._looks.popleft())
        while not self._stop.is_set() and self._crew.wants and len(self._waiting) < 2 * STORE_BATCH:
            if not self._places:
                ended = self._ended.full()  # looked at before the list: what was listed last is then on it
                idle = not (self._crew.busy or self._storing or ended)
                try:
                    self._places.extend(self._todo.get(timeout=_PATIENCE_SECONDS if idle else 0))
                except queue.Empty:
                    return not ended
            self._reading += 1
            self._crew.give(Read(*self._places.popleft()))
        return not self._stop.is_set()

    def _is_changing_crew(self) -> bool:
        """Processes in place of threads: started when there is enough to do, at work once they are up and the threads done."""
        if self._recruit and self.progress.todo >= PROCESSES_FROM and not self._stop.is_set():
            self._recruits, self._recruit = self._recruit(), None
        if self._recruits is None or not self._recruits.is_ready:
            return False
        if self._crew.busy:
            return True
        self._crew.close(wait=True)
        self._crew, self._recruits = self._recruits, None
        self.progress.processes = self._crew.processes
        return False

    def _take_in(self, done: Iterable[tuple[Task, Answer]]) -> None:
        for task, answer in done:
            self._reading -= isinstance(task, Read)
            if isinstance(answer, Failure):
                self.progress.add_error(answer.code, task.path, answer.message)
            elif isinstance(answer, Inspected):
                self.progress.add(answer.tally)
                self._waiting.append(answer.prepared)
            elif isinstance(task, Look) and isinstance(answer, Sight):
                self._seen(task, answer)

    def _seen(self, look: Look, sight: Sight) -> None:
        if sight is Sight.GONE:
            self._gone.append(look)
        elif sight is Sight.REPLACED:
            self.progress.add_error(ObjectChanged.code, look.path, "overwritten while its rows were being stored")
        else:
            self.progress.stored += 1

    # --- storing, on its own thread -----------------------------------------------------------------------

    def _store(self, *, last: bool, is_idle: bool) -> None:
        """Note what was stored, and hand the next batch over when it is time."""
        if self._storing is not None:
            if is_idle:
                wait([self._storing], _PATIENCE_SECONDS)
            if not self._storing.done():
                return
            self._note(self._storing.result())
            self._storing = None
        due = last or len(self._waiting) >= STORE_BATCH or time.monotonic() - self._stored_at >= STORE_SECONDS
        if due and (self._waiting or self._gone):
            batch = _Batch(self._waiting, self._gone)
            self._waiting, self._gone = [], []
            self._storing = self._storer.submit(self._change_tables, batch)
            self._stored_at = time.monotonic()

    def _change_tables(self, batch: _Batch) -> _Batch:
        outcomes = store_apart(self._catalog, batch.inspections, force=self._force)
        batch.outcomes = list(map(self._insisted, batch.inspections, outcomes))
        batch.removals = [self._removed(look) for look in batch.gone]
        for fault in (*batch.outcomes, *batch.removals):
            if isinstance(fault, CatalogError) and fault.retryable:  # the database is down: going on would be of no use
                raise fault
        return batch

    def _insisted(self, inspection: Prepared, outcome: _Change) -> _Change:
        """What looks older than the rows, but is what the object is now, replaces them."""
        if isinstance(outcome, ExrInspectorError) or outcome.outcome is not Outcome.IGNORED_OLDER:
            return outcome
        try:
            return insist(self._opener, self._catalog, inspection) or outcome
        except ExrInspectorError as error:
            return error

    def _removed(self, look: Look) -> _Change:
        try:
            return remove_gone(self._opener, self._catalog, look.bucket, look.key, event=EventInfo())
        except ExrInspectorError as error:
            return error

    def _note(self, batch: _Batch) -> None:
        """What was changed has to be held against its object; the rest is done."""
        for inspection, outcome in zip(batch.inspections, batch.outcomes, strict=True):
            if isinstance(outcome, ExrInspectorError):
                self.progress.add_error(type(outcome).code, inspection.path, str(outcome))
            elif outcome.outcome.changed and inspection.version:
                self._looks.append(Look(inspection.bucket, inspection.key, inspection.version))
            else:
                self.progress.stored += 1
        for look, removal in zip(batch.gone, batch.removals, strict=True):
            if isinstance(removal, ExrInspectorError):
                self.progress.add_error(type(removal).code, look.path, str(removal))
            else:
                self.progress.stored += 1
