"""Whole prefixes: list, skip what the tables already have, inspect and store the rest in shards.

The tables are reached by the same catalog as from an event, so what an event finds afterwards is unchanged. Stopping at any
moment loses nothing: the next run skips what was stored by its listing alone. Prints nothing; reports to an observer.

A thread lists and asks the tables which rows are up to date; an engine carries out shards of what is left; the thread that
called `run` hands them out. Queues are bounded, so that a slow part slows the others down instead of filling memory.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from exr_inspector.errors import ExrInspectorError, SourceError, WorkerDied, our_error
from exr_inspector.ingest.engines import Engine, InlineEngine, PoolBroken
from exr_inspector.ingest.progress import Progress
from exr_inspector.storage import DEFAULT_EXCLUDES, ObjectEntry, SourceOpener, exr_report, is_exr
from exr_inspector.sync.figures import Figures
from exr_inspector.sync.sequences import UnjudgedFolders
from exr_inspector.sync.shard import SHARD_OBJECTS, IngestContext, Shard, current_versions, ingest_crashed, unread_code
from exr_inspector.sync.window import Unlisted, store_unreadable

LISTING_BATCH = 1_000  # objects whose stored versions are asked for at a time
LISTED_AHEAD = 100_000  # objects listed before they are inspected: names only, so that the end is known early
PROCESSES_FROM = (
    1_500  # with at least so many objects, worker processes save more time than their start costs (3 s of CPU each)
)
SPLIT = 8  # pieces of a shard whose process ended
_POLL_SECONDS = 0.2  # how long anything waits before it looks whether the run is to stop


class Listing(Protocol):
    """Objects to be ingested: a prefix of a bucket, or a lane of a plan."""

    @property
    def bucket(self) -> str:
        """The bucket."""

    @property
    def prefix(self) -> str:
        """What all keys begin with."""

    def entries(self, opener: SourceOpener, report: Callable[[str, SourceError], None]) -> Iterator[ObjectEntry]:
        """The objects; what cannot be listed is reported with its path, and the rest is listed all the same."""


@dataclass(frozen=True, slots=True)
class Target:
    """One prefix of a bucket.

    Attributes:
        bucket: The bucket.
        prefix: What all keys begin with.
        exclude: Patterns of folder names that are left out.
    """

    bucket: str
    prefix: str = ""
    exclude: tuple[str, ...] = DEFAULT_EXCLUDES

    def entries(self, opener: SourceOpener, report: Callable[[str, SourceError], None]) -> Iterator[ObjectEntry]:
        """As in Listing: all objects that are EXRs by name."""
        found = opener.list(self.bucket, self.prefix, report=exr_report(report), exclude=self.exclude)
        return (entry for entry in found if is_exr(entry.key))


class Ingest:
    """One run over some listings. Made anew for each run; `stop` may be called from a signal handler or another thread."""

    def __init__(
        self,
        context: IngestContext,
        *,
        observe: Callable[[Progress], None] | None = None,
        engine: Callable[[], Engine] | None = None,
        engine_from: int = PROCESSES_FROM,
    ) -> None:
        """Prepare a run.

        Args:
            context: Lists objects, asks the tables, and carries out shards until there is another engine.
            observe: Called whenever something was done, by the thread that runs `run`.
            engine: Makes the engine that carries out shards once there is much to do.
            engine_from: With at least so many objects, the engine saves more time than its start costs.
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
        self._single_retries: deque[Shard] = deque()  # shards of one object, to be read again while nothing else runs
        self._is_alone = False  # whether the running shard is retried alone
        # Bucket and key of objects that ended their process when read alone.
        self._died_alone: set[tuple[str, str]] = set()
        self._listed = threading.Event()
        self._listing_fault: ExrInspectorError | None = None
        self._lock = threading.Lock()
        self._unjudged: list[UnjudgedFolders] = []  # of the prefixes that the tables have files of
        self.progress = Progress()

    def stop(self) -> None:
        """Begin nothing new; shards that were begun are finished and stored."""
        self._stop.set()

    def run(self, listings: Iterable[Listing]) -> Progress:
        """Bring the tables up to date with these objects.

        Returns:
            What was done; objects that have to be tried again are counted there, and the next run does them.

        Raises:
            ExrInspectorError: The tables cannot be reached, a prefix cannot be listed, or no process starts. What was
                stored stays stored.
        """
        # A daemon, and not waited for when the run is stopped: a listing may hang in a file system that is away.
        threading.Thread(target=self._list, args=(list(listings),), name="exr-list", daemon=True).start()
        try:
            while self._submit() or self._running:
                done, _ = wait(self._running, _POLL_SECONDS, FIRST_COMPLETED) if self._running else ((), ())
                for future in done:
                    self._finish(self._running.pop(future), future)
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
            for unjudged in self._unjudged:
                self.progress.directories |= unjudged.folders()
        return self.progress

    # --- listing, on its own thread -----------------------------------------------------------------------

    def _list(self, listings: Sequence[Listing]) -> None:
        try:
            for listing in listings:
                self._list_one(listing)
            self.progress.is_listed = not self._stop.is_set()
        except Exception as error:  # noqa: BLE001 - raised by `run`, which waits for it
            self._listing_fault = our_error(error)
        self._listed.set()
        with contextlib.suppress(queue.Full):  # wake `run` if it waits for a shard
            self._todo.put_nowait(None)

    def _list_one(self, listing: Listing) -> None:
        """Make shards of the objects whose rows are missing or stale."""
        context, bucket = self._context, listing.bucket
        size = SHARD_OBJECTS[context.inspector.config.stats]
        # Of a prefix that is new, nothing is asked. Whatever somebody else stores meanwhile is only inspected once more.
        had_rows = context.catalog.has_files(bucket, listing.prefix)
        self.progress.had_rows |= had_rows
        asks = had_rows and not context.force
        unjudged = UnjudgedFolders(context.catalog.connection, f"{bucket}/{listing.prefix}") if asks else None
        if unjudged is not None:
            self._unjudged.append(unjudged)
        waiting: list[ObjectEntry] = []
        unlisted = Unlisted()
        entries = listing.entries(context.opener, unlisted.noting(self._report))
        while not self._stop.is_set() and (batch := list(islice(entries, LISTING_BATCH))):
            todo = batch if unjudged is None else self._stale(bucket, batch, unjudged)
            with self._lock:
                self.progress.listed += len(batch)
                self.progress.skipped += len(batch) - len(todo)
            waiting += todo
            while len(waiting) >= size:
                self._put(Shard(bucket, tuple(waiting[:size])))
                del waiting[:size]
            self._store_unreadable(unlisted)
        self._store_unreadable(unlisted)
        if waiting:
            self._put(Shard(bucket, tuple(waiting)))

    def _store_unreadable(self, unlisted: Unlisted) -> None:
        """Store that files are there which cannot be read; they were reported already."""
        done = store_unreadable(self._context, unlisted.take_files())
        with self._lock:
            self.progress.merge(done.figures)
            self.progress.directories |= done.directories

    def _stale(self, bucket: str, batch: Sequence[ObjectEntry], unjudged: UnjudgedFolders) -> list[ObjectEntry]:
        """Those whose rows are missing or stale; `unjudged` takes the others."""
        stale: list[ObjectEntry] = []
        for entry, known in zip(batch, current_versions(self._context, bucket, batch), strict=True):
            if known is None:
                stale.append(entry)
                continue
            path = f"{bucket}/{entry.key}"
            unjudged.add(path, known.inspected_at)
            if known.policy != self._context.policy.label:
                self.progress.judged_otherwise[known.policy] += 1  # by the listing thread alone
            if code := unread_code(known):
                with self._lock:
                    self.progress.add_error(
                        code, path, "not read, as before, and not changed since; --force tries again"
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

    # --- carrying out shards ------------------------------------------------------------------------------

    def _submit(self) -> bool:
        """Hand out shards as long as the engine has room; whether there may be more to hand out."""
        engine = self._engine()
        while not self._stop.is_set() and not self._is_alone and len(self._running) < engine.capacity:
            shard = self._next()
            if shard is not None:
                self._running[engine.submit(shard)] = shard
            elif self._running or not self._listed.is_set() or not self._todo.empty():
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
        """The engine that takes the next shard: another one than at first, once there is enough to do."""
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
        self._merge(shard, figures)

    def _merge(self, shard: Shard, figures: Figures) -> None:
        with self._lock:
            self.progress.merge(figures)
            self.progress.vanished += len(figures.gone)
            self.progress.directories |= shard.directories

    def _retry(self, shard: Shard, error: WorkerDied, *, was_alone: bool) -> None:
        """Carry out a shard whose process ended in smaller pieces, until the object that ends processes is alone.

        Whoever kills a process may kill those beside it: for want of memory, say. So an object is to blame only where its
        process ended twice, each time a new one, while nothing else was being done.
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
        figures = ingest_crashed(self._context, shard, f"{error}, each time it was read alone")
        self._merge(shard, figures)
