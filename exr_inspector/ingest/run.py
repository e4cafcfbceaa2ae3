"""Ingest whole prefixes: list the objects, skip those with current rows, inspect and store the rest in shards.

The rows are the same as those that an event stores, so a later event finds them unchanged. A run may be stopped at any
moment without loss: the next run skips stored objects by listing them, without reading them. This module prints
nothing; it reports to an observer.

One thread lists objects and queries which rows are up to date. An engine processes shards of the other objects. The
thread that called `run` submits the shards. Queues are bounded, so that a slow part slows down the others instead of
filling memory.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from exr_inspector.errors import (
    CatalogConflict,
    CatalogUnavailable,
    ExrInspectorError,
    SourceError,
    WorkerDied,
    our_error,
)
from exr_inspector.ingest.engines import Engine, InlineEngine, PoolBroken
from exr_inspector.ingest.progress import Progress
from exr_inspector.storage import DEFAULT_EXCLUDES, ObjectEntry, SourceOpener, exr_report, is_exr
from exr_inspector.sync.figures import Figures
from exr_inspector.sync.shard import SHARD_OBJECTS, IngestContext, Shard, current_versions, ingest_crashed, unread_code
from exr_inspector.sync.unvalidated import UnvalidatedFolders
from exr_inspector.sync.window import Unlisted, lists_exr, nothing_listed, store_unreadable
from exr_inspector.texts import unicode_text

LISTING_BATCH = 1_000  # objects per query of stored versions
LISTED_AHEAD = 100_000  # objects listed ahead of inspection (names only), so that the total is known early
PROCESSES_FROM = 1_500  # number of objects from which worker processes are worth their start (3 s of CPU each)
CONFLICT_SECONDS = 900.0  # longer than the local database keeps the transaction of a process that was killed
SPLIT = 8  # pieces into which a shard is divided to find the objects that keep it from being stored
_POLL_SECONDS = 0.2  # longest wait before the next check whether to stop


class Listing(Protocol):
    """Objects to ingest: a prefix of a bucket, or a lane of a plan."""

    @property
    def bucket(self) -> str:
        """The bucket."""

    @property
    def prefix(self) -> str:
        """The prefix of all keys."""

    def entries(self, opener: SourceOpener, report: Callable[[str, SourceError], None]) -> Iterator[ObjectEntry]:
        """Yield the objects. A path that cannot be listed is reported; the listing continues."""


@dataclass(frozen=True, slots=True)
class Target:
    """One prefix of a bucket, without folders whose names match a pattern of `exclude`."""

    bucket: str
    prefix: str = ""
    exclude: tuple[str, ...] = DEFAULT_EXCLUDES

    def entries(self, opener: SourceOpener, report: Callable[[str, SourceError], None]) -> Iterator[ObjectEntry]:
        """Yield all objects whose names are names of EXR files, as in Listing."""
        found = opener.list(self.bucket, self.prefix, report=exr_report(report), exclude=self.exclude)
        return (entry for entry in found if is_exr(entry.key))


class Ingest:
    """One run over some listings. Create one per run; `stop` may be called from a signal handler or another thread."""

    def __init__(
        self,
        context: IngestContext,
        *,
        observe: Callable[[Progress], None] | None = None,
        engine: Callable[[], Engine] | None = None,
        engine_from: int = PROCESSES_FROM,
        conflict_seconds: float = CONFLICT_SECONDS,
    ) -> None:
        """Prepare a run.

        Args:
            context: Lists objects, queries the tables, and processes shards until another engine starts.
            observe: Called after each step, on the thread that runs `run`.
            engine: Creates the engine that replaces this process once there are many objects.
            engine_from: Number of objects from which the engine saves more time than its start takes.
            conflict_seconds: How long objects are tried again that other transactions keep from being stored. The
                transaction of a killed process lasts until the database rolls it back.
        """
        self._context = context
        self._observe = observe
        self._make_engine = engine
        self._engine_from = engine_from
        self._engines: list[Engine] = [InlineEngine(context)]
        self._stop = threading.Event()
        self._todo: queue.Queue[Shard | None] = queue.Queue(
            LISTED_AHEAD // SHARD_OBJECTS[context.inspector.config.stats]
        )
        self._retries: deque[Shard] = deque()
        self._running: dict[Future[Figures], Shard] = {}
        self._single_retries: deque[Shard] = deque()  # shards of one object, retried while nothing else runs
        self._is_alone = False  # whether the running shard is such a retry
        self._blocked: deque[Shard] = deque()  # by other transactions; retried one at a time while nothing else runs
        self._blocked_files: list[tuple[str, SourceError]] = []  # unreadable files, blocked in the same way
        self._conflict_seconds = conflict_seconds
        self._conflict_ends: dict[Shard, float] = {}  # when to give up a blocked shard, on the monotonic clock
        # Bucket and key of objects whose process ended while they were read alone.
        self._died_alone: set[tuple[str, str]] = set()
        self._listed = threading.Event()
        self._listing_fault: ExrInspectorError | None = None
        self._lock = threading.Lock()
        self._unvalidated: list[UnvalidatedFolders] = []  # one for each prefix that has rows
        self.progress = Progress()

    def stop(self) -> None:
        """Start no new shard; shards in progress are finished and stored."""
        self._stop.set()

    def run(self, listings: Iterable[Listing]) -> Progress:
        """Bring the tables up to date with these objects.

        Returns:
            What was done, including the number of objects that failed for now; the next run retries them.

        Raises:
            ExrInspectorError: The tables cannot be reached, no prefix can be listed, or no process starts. Rows that
                were stored remain.
        """
        # A daemon that a stopped run does not wait for: a listing may hang in an unavailable file system.
        threading.Thread(target=self._list, args=(list(listings),), name="exr-list", daemon=True).start()
        try:
            while self._submit() or self._running:
                done, _ = wait(self._running, _POLL_SECONDS, FIRST_COMPLETED) if self._running else ((), ())
                for future in done:
                    self._finish(self._running.pop(future), future)
                self.progress.blocked = sum(len(shard.entries) for shard in self._blocked)
                if self._observe:
                    self._observe(self.progress)
        finally:
            self.progress.stopped = self._stop.is_set()
            self._stop.set()
            for engine in self._engines:
                engine.close()
        if self._listing_fault is not None:
            raise self._listing_fault
        if not self.progress.stopped:
            for unvalidated in self._unvalidated:
                self.progress.directories |= unvalidated.folders()
            # Their files may not all be stored: a later run, which lists them, validates them.
            self.progress.directories -= {
                folder for folder in self.progress.directories if f"{folder}/".startswith(tuple(self.progress.unlisted))
            }
        return self.progress

    # --- listing, on its own thread -----------------------------------------------------------------------

    def _list(self, listings: Sequence[Listing]) -> None:
        try:
            faults = 0
            for listing in listings:
                try:
                    self._list_one(listing)
                except SourceError as error:
                    faults += 1
                    if faults == len(listings):
                        raise
                    place = f"{listing.bucket}/{listing.prefix}"
                    self.progress.unlisted.add(place)
                    self._report(place, error)
            self.progress.is_listed = not self._stop.is_set()
            self._store_blocked_files()
        except Exception as error:  # noqa: BLE001 - `run` waits for this thread and raises it
            self._listing_fault = our_error(error)
        self._listed.set()
        with contextlib.suppress(queue.Full):  # wake `run` if it waits for a shard
            self._todo.put_nowait(None)

    def _list_one(self, listing: Listing) -> None:
        """Create shards of the objects whose rows are missing or stale."""
        context, bucket = self._context, listing.bucket
        size = SHARD_OBJECTS[context.inspector.config.stats]
        # A new prefix needs no queries. A file that another process stores in the meantime is merely inspected twice.
        has_previous_rows = context.catalog.has_files(f"{bucket}/{listing.prefix}")
        self.progress.has_previous_rows |= has_previous_rows
        skips_current = has_previous_rows and not context.force
        unvalidated = (
            UnvalidatedFolders(context.catalog.connection, f"{bucket}/{listing.prefix}") if skips_current else None
        )
        if unvalidated is not None:
            self._unvalidated.append(unvalidated)
        waiting: list[ObjectEntry] = []
        is_empty = True
        unlisted = Unlisted()
        entries = listing.entries(context.opener, unlisted.recording(self._report))
        try:
            while not self._stop.is_set() and (batch := list(islice(entries, LISTING_BATCH))):
                todo = batch if unvalidated is None else self._stale(bucket, batch, unvalidated)
                is_empty = False
                with self._lock:
                    self.progress.listed += len(batch)
                    self.progress.skipped += len(batch) - len(todo)
                waiting += todo
                while len(waiting) >= size:
                    self._put(Shard(bucket, tuple(waiting[:size])))
                    del waiting[:size]
                self._store_unreadable(unlisted.take_files())
        finally:  # what was listed before a fault is ingested, too
            self._store_unreadable(unlisted.take_files())
            if waiting:
                self._put(Shard(bucket, tuple(waiting)))
        is_empty = is_empty and has_previous_rows and not self._stop.is_set()
        if is_empty and not lists_exr(context, bucket, listing.prefix, None):
            path = unicode_text(f"{bucket}/{listing.prefix}")
            self._report(path, nothing_listed(path))

    def _store_unreadable(self, files: Sequence[tuple[str, SourceError]]) -> None:
        """Store failed rows for files that exist but cannot be read; their errors are reported already."""
        try:
            done = store_unreadable(self._context, files)
        except CatalogConflict:
            self._blocked_files += files
            return
        with self._lock:
            self.progress.merge(done.figures)
            self.progress.directories |= done.directories

    def _store_blocked_files(self) -> None:
        """Retry the unreadable files that other transactions blocked; those that stay blocked get rows in the next run."""
        end = time.monotonic() + self._conflict_seconds
        while self._blocked_files and time.monotonic() < end and not self._stop.wait(_POLL_SECONDS):
            files, self._blocked_files = self._blocked_files, []
            self._store_unreadable(files)

    def _stale(self, bucket: str, batch: Sequence[ObjectEntry], unvalidated: UnvalidatedFolders) -> list[ObjectEntry]:
        """Return the objects whose rows are missing or stale, and add the others to `unvalidated`."""
        stale: list[ObjectEntry] = []
        for entry, known in zip(batch, current_versions(self._context, bucket, batch), strict=True):
            if known is None:
                stale.append(entry)
                continue
            path = f"{bucket}/{entry.key}"
            unvalidated.add(path, known.inspected_at)
            if known.policy != self._context.policy.label:
                self.progress.other_policies[known.policy] += 1  # written only by the listing thread
            if code := unread_code(known):
                with self._lock:
                    self.progress.add_error(
                        code, path, "not read again: unchanged since this failure; --force reads it again"
                    )
        return stale

    def _report(self, path: str, error: SourceError) -> None:
        with self._lock:
            self.progress.add_error(type(error).code, path, str(error))

    def _put(self, shard: Shard) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(queue.Full):
                self._todo.put(shard, timeout=_POLL_SECONDS)
                return

    # --- processing shards --------------------------------------------------------------------------------

    def _submit(self) -> bool:
        """Submit shards while the engine has capacity. Return whether there may be more to submit."""
        engine = self._engine()
        while not self._stop.is_set() and not self._is_alone and len(self._running) < engine.capacity:
            shard = self._next()
            if shard is not None:
                self._running[engine.submit(shard)] = shard
            elif self._running:
                return True
            elif self._blocked:
                self._submit_if_free(engine, self._blocked.popleft())
                break
            elif not self._listed.is_set() or not self._todo.empty():
                return True
            elif self._single_retries:
                shard, self._is_alone = self._single_retries.popleft(), True
                self._running[engine.submit_alone(shard)] = shard
            else:
                return False
        return not self._stop.is_set()

    def _next(self) -> Shard | None:
        if self._retries:
            return self._retries.popleft()
        with contextlib.suppress(queue.Empty):
            is_idle = not self._running and not self._listed.is_set()
            return self._todo.get(timeout=_POLL_SECONDS) if is_idle else self._todo.get_nowait()
        return None

    def _engine(self) -> Engine:
        """Return the engine for the next shard; switches to the second engine once there are enough objects."""
        if self._make_engine is not None and self.progress.todo >= self._engine_from and not self._stop.is_set():
            made, self._make_engine = self._make_engine(), None
            self._engines.append(made)
            self.progress.processes = made.processes
        return self._engines[-1]

    def _finish(self, shard: Shard, future: Future[Figures]) -> None:
        was_alone, self._is_alone = self._is_alone, False
        try:
            figures = future.result()
        except PoolBroken:
            (self._single_retries if was_alone else self._retries).append(shard)
            return
        except WorkerDied as error:
            self._retry(shard, error, was_alone=was_alone)
            return
        except CatalogConflict as error:
            self._retry_later(shard, error)
            return
        self._merge(shard, figures)

    def _merge(self, shard: Shard, figures: Figures) -> None:
        with self._lock:
            self.progress.merge(figures)
            self.progress.vanished += len(figures.gone)
            self.progress.directories |= shard.directories

    def _retry_later(self, shard: Shard, error: CatalogConflict) -> None:
        """Retry a blocked shard in pieces, so that only its blocked objects wait; count these once their time is over."""
        now = time.monotonic()
        end = self._conflict_ends.pop(shard, now + self._conflict_seconds)
        if now < end:
            pieces = shard.split(SPLIT)
            self._blocked.extend(pieces)
            self._conflict_ends |= dict.fromkeys(pieces, end)
        else:
            figures = Figures()
            for entry in shard.entries:
                figures.add_error(type(error).code, f"{shard.bucket}/{entry.key}", str(error))
            self._merge(shard, figures)

    def _submit_if_free(self, engine: Engine, shard: Shard) -> None:
        """Submit a blocked shard again once its guard rows can be changed, so that its objects are not read in vain."""
        try:
            self._context.catalog.try_guards([f"{shard.bucket}/{entry.key}" for entry in shard.entries])
        except CatalogConflict as error:
            self._retry_later(shard, error)
            self._stop.wait(_POLL_SECONDS)
            return
        except CatalogUnavailable:
            pass  # storing the shard waits longer for the database
        self._running[engine.submit(shard)] = shard

    def _retry(self, shard: Shard, error: WorkerDied, *, was_alone: bool) -> None:
        """Divide a shard whose process ended into smaller shards, until the object that causes it is alone.

        A crash may end other processes too, for example if memory runs out. So an object is only blamed after two new
        processes in succession ended while reading it alone.
        """
        if len(shard.entries) > 1:
            self._retries.extend(shard.split(SPLIT))
            return
        place = (shard.bucket, shard.entries[0].key)
        if not was_alone or place not in self._died_alone:
            if was_alone:
                self._died_alone.add(place)
            self._single_retries.append(shard.split(1)[0])
            return
        try:
            figures = ingest_crashed(self._context, shard, f"{error}, each time it was read alone")
        except CatalogConflict as conflict:
            self._retry_later(shard, conflict)
            return
        self._merge(shard, figures)
