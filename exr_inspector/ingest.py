"""Whole prefixes: list, leave out what the tables already have, inspect concurrently, store in batches.

The tables are reached by the same catalog as from an event, so what an event finds afterwards is unchanged. Stopping at any
moment loses nothing: what was stored is skipped the next time by its listing alone. Prints nothing; tells an observer.

Three things go on at once: a thread lists and asks the tables what is up to date, `workers` threads inspect, one thread stores.
Queues between them are bounded, so that a slow one slows the others down instead of filling memory.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import islice

from exr_inspector.catalog import Catalog, UpsertResult
from exr_inspector.catalog.store import ObjectState
from exr_inspector.errors import ExrInspectorError, ObjectNotFound
from exr_inspector.exr.values import Compression, code_name
from exr_inspector.inspector import Inspector
from exr_inspector.model import Inspection, ObjectVersion, Status
from exr_inspector.service_store import confirm, internal_fault, store_apart
from exr_inspector.sources import ObjectEntry, SourceOpener
from exr_inspector.validation import Policy

LISTING_BATCH = 1_000  # objects whose stored versions are asked for at a time
LISTED_AHEAD = 100_000  # objects listed before they are inspected: names only, so that the end is known early
STORE_BATCH = 500  # inspections of one transaction
STORE_SECONDS = 2.0  # a slow trickle is stored at least this often
_PATIENCE_SECONDS = 0.2  # how long anything waits before it looks whether the run is to stop


@dataclass(frozen=True, slots=True)
class Target:
    """One prefix of a bucket."""

    bucket: str
    prefix: str = ""


@dataclass(slots=True)
class Progress:
    """What has been done so far; each figure is changed by one thread only.

    Attributes:
        listed: EXR objects listed.
        skipped: Of these, those whose rows are up to date.
        is_listed: Whether the listing is complete, so that `listed - skipped` is all there is to do.
        inspected: Inspections made.
        stored: Inspections stored.
        failed: Inspections with status failed.
        errors: Objects that could not be inspected or stored this time, by error code.
        object_bytes: Sizes of the inspected objects together.
        bytes_read: Bytes read of them.
        requests: Requests made for that.
        by_status: Files by status or error code.
        by_compression: Files by compression of the first part.
        by_resolution: Files by width and height of the first part.
        by_finding: Findings by code.
        stopped: Whether the run was asked to stop.
    """

    listed: int = 0
    skipped: int = 0
    is_listed: bool = False
    inspected: int = 0
    stored: int = 0
    failed: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    object_bytes: int = 0
    bytes_read: int = 0
    requests: int = 0
    by_status: Counter[str] = field(default_factory=Counter)
    by_compression: Counter[str] = field(default_factory=Counter)
    by_resolution: Counter[str] = field(default_factory=Counter)
    by_finding: Counter[str] = field(default_factory=Counter)
    stopped: bool = False

    def add(self, inspection: Inspection) -> None:
        """Count one inspection."""
        self.inspected += 1
        self.failed += inspection.status is Status.FAILED
        self.object_bytes += inspection.version.size_bytes if inspection.version else 0
        self.bytes_read += inspection.cost.bytes_read
        self.requests += inspection.cost.requests
        self.by_status[inspection.error_code or inspection.status.value] += 1
        layout = inspection.layouts[0] if inspection.layouts else None
        if layout:
            self.by_compression[code_name(Compression, layout.compression)] += 1
            self.by_resolution[f"{layout.data_window.width} x {layout.data_window.height}"] += 1
        self.by_finding.update(finding.code for finding in inspection.findings)


def batches(items: Iterable[ObjectEntry], size: int) -> Iterator[list[ObjectEntry]]:
    """Items in lists of at most `size`."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


_Place = tuple[str, str]  # bucket and key
_End = ExrInspectorError | None  # how a listing ended


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
    ) -> None:
        """Prepare a run.

        Args:
            opener: Lists and opens objects.
            inspector: Inspects them.
            catalog: Where their rows go.
            policy: What they are judged by.
            workers: Files inspected at a time.
            force: Inspect and replace also what is up to date.
            observe: Told whenever something was done, by the thread that runs `run`.
        """
        self._opener = opener
        self._inspector = inspector
        self._catalog = catalog
        self._policy = policy
        self._workers = workers
        self._force = force
        self._observer = observe
        self._stop = threading.Event()
        self._todo: queue.Queue[_Place] = queue.Queue(LISTED_AHEAD)
        self._ended: queue.Queue[_End] = queue.Queue(1)
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="exr-ingest")
        self._storer = ThreadPoolExecutor(1, thread_name_prefix="exr-store")
        self._running: set[Future[Inspection]] = set()
        self._waiting: list[Inspection] = []
        self._storing: Future[list[str | None]] | None = None
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
            ExrInspectorError: The tables cannot be reached, or a prefix cannot be listed. What was stored stays stored.
        """
        self._stored_at = time.monotonic()
        lister = threading.Thread(target=self._list, args=(list(targets),), name="exr-list", daemon=True)
        lister.start()
        try:
            while self._feed() or self._running:
                self._collect()
            self._store_waiting(everything=True)
        finally:
            self._stop_all(lister)
        end = self._ended.get()
        if end is not None:
            raise end
        return self.progress

    def _stop_all(self, lister: threading.Thread) -> None:
        self.progress.stopped = self._stop.is_set()
        self._stop.set()
        for future in self._running:
            future.cancel()
        lister.join()
        self._storer.shutdown()
        self._pool.shutdown()

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
        for batch in batches(entries, LISTING_BATCH):
            if self._stop.is_set():
                return
            current = [False] * len(batch) if self._force else self._are_current(target.bucket, batch)
            self.progress.listed += len(batch)
            self.progress.skipped += sum(current)
            for entry, skip in zip(batch, current, strict=True):
                if not skip:
                    self._ask_for(target.bucket, entry.key)

    def _are_current(self, bucket: str, entries: Sequence[ObjectEntry]) -> list[bool]:
        mode = self._inspector.config.stats
        states = [
            ObjectState(bucket, entry.key, ObjectVersion(entry.etag, entry.size_bytes, entry.mtime), mode)
            for entry in entries
        ]
        return self._catalog.are_current(states)

    def _ask_for(self, bucket: str, key: str) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(queue.Full):
                self._todo.put((bucket, key), timeout=_PATIENCE_SECONDS)
                return

    # --- inspecting, on the pool --------------------------------------------------------------------------

    def _feed(self) -> bool:
        """Let the pool have work as long as there is some; whether more may come."""
        while not self._stop.is_set() and len(self._running) < 2 * self._workers:
            ended = self._ended.full()  # looked at before the list: what was listed last is then on it
            try:
                place = self._todo.get(timeout=0 if self._running or ended else _PATIENCE_SECONDS)
            except queue.Empty:
                return not ended
            self._running.add(self._pool.submit(self._inspect, *place))
        return not self._stop.is_set()

    def _inspect(self, bucket: str, key: str) -> Inspection:
        return self._inspector.inspect(self._opener.open(bucket, key), self._policy)

    def _collect(self) -> None:
        """Wait for some, take in what is done, and store when there is enough."""
        if self._stop.is_set():
            self._running = {future for future in self._running if not future.cancel()}
        done, self._running = wait(self._running, timeout=_PATIENCE_SECONDS, return_when=FIRST_COMPLETED)
        for future in done:
            try:
                self._take(future.result())
            except ExrInspectorError as error:
                self.progress.errors[error.code] += 1
            except Exception as error:  # noqa: BLE001 - boundary of one object
                self.progress.errors[internal_fault(error).code] += 1
        self._store_waiting()
        self._observe()

    def _take(self, inspection: Inspection) -> None:
        if inspection.is_gone:  # between listing and reading; its removal has an event of its own
            self.progress.errors[ObjectNotFound.code] += 1
            return
        self.progress.add(inspection)
        self._waiting.append(inspection)

    def _observe(self) -> None:
        if self._observer:
            self._observer(self.progress)

    # --- storing, on its own thread -----------------------------------------------------------------------

    def _store_waiting(self, *, everything: bool = False) -> None:
        """Hand a batch over when it is time; wait only when batches come faster than they can be stored."""
        if self._storing and (self._storing.done() or everything or len(self._waiting) >= 2 * STORE_BATCH):
            self._note_stored(self._storing.result())
            self._storing = None
        enough = len(self._waiting) >= STORE_BATCH or time.monotonic() - self._stored_at >= STORE_SECONDS
        if self._waiting and self._storing is None and (enough or everything):
            batch, self._waiting = self._waiting, []
            self._storing = self._storer.submit(self._store, batch)
            self._stored_at = time.monotonic()
            if everything:
                self._store_waiting(everything=True)

    def _note_stored(self, codes: Sequence[str | None]) -> None:
        self.progress.stored += codes.count(None)
        self.progress.errors.update(code for code in codes if code is not None)
        self._observe()

    def _store(self, batch: Sequence[Inspection]) -> list[str | None]:
        """Store a batch and hold it against the objects; of each, the code of what went wrong."""
        outcomes = store_apart(self._catalog, batch, force=self._force)
        fault = next((item for item in outcomes if isinstance(item, ExrInspectorError) and item.retryable), None)
        if fault:  # it speaks of the database: going on would be of no use
            raise fault
        return list(self._pool.map(self._confirmed, batch, outcomes))

    def _confirmed(self, inspection: Inspection, outcome: UpsertResult | ExrInspectorError) -> str | None:
        if isinstance(outcome, ExrInspectorError):
            return outcome.code
        try:
            if outcome.outcome.changed:
                confirm(self._opener, self._catalog, inspection)
        except ExrInspectorError as error:
            return error.code
        return None
