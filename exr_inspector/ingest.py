"""Whole prefixes: list, leave out what the tables already have, inspect concurrently, store in batches.

The tables are reached by the same catalog as from an event, so what an event finds afterwards is unchanged. Stopping at any
moment loses nothing: what was stored is skipped the next time by its listing alone. Prints nothing; tells an observer.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import islice

from exr_inspector.catalog import Catalog
from exr_inspector.catalog.store import ObjectState
from exr_inspector.errors import ExrInspectorError, ObjectNotFound
from exr_inspector.exr.values import Compression, code_name
from exr_inspector.inspector import Inspector
from exr_inspector.model import Inspection, ObjectVersion, Status
from exr_inspector.sources import ObjectEntry, SourceOpener
from exr_inspector.validation import Policy

LISTING_BATCH = 1_000  # objects whose stored versions are asked for at a time
STORE_BATCH = 500  # inspections of one transaction
STORE_SECONDS = 2.0  # a slow trickle is stored at least this often


@dataclass(frozen=True, slots=True)
class Target:
    """One prefix of a bucket."""

    bucket: str
    prefix: str = ""


@dataclass(slots=True)
class Progress:
    """What has been done so far; changed by the thread that runs `Ingest.run` only.

    Attributes:
        listed: EXR objects listed.
        skipped: Of these, those whose rows are up to date.
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
            observe: Told whenever something was done.
        """
        self._opener = opener
        self._inspector = inspector
        self._catalog = catalog
        self._policy = policy
        self._workers = workers
        self._force = force
        self._observer = observe
        self._stop = threading.Event()
        self._waiting: list[Inspection] = []
        self._stored_at = 0.0
        self.progress = Progress()

    def stop(self) -> None:
        """Begin nothing new; what was inspected is still stored."""
        self._stop.set()

    def run(self, targets: Iterable[Target]) -> Progress:
        """Bring the tables up to date with these prefixes.

        Returns:
            What was done; objects with transient errors are counted there, and done by the next run.

        Raises:
            ExrInspectorError: The tables cannot be reached, or a prefix cannot be listed. What was stored stays stored.
        """
        self._stored_at = time.monotonic()
        running: set[Future[Inspection]] = set()
        with ThreadPoolExecutor(self._workers, thread_name_prefix="exr-ingest") as pool:
            try:
                for bucket, key in self._wanted(targets):
                    running.add(pool.submit(self._inspect, bucket, key))
                    while len(running) >= 2 * self._workers:
                        running = self._collect(running)
                while running:
                    running = self._collect(running)
            finally:
                for future in running:
                    future.cancel()
                self._store()
        self.progress.stopped = self._stop.is_set()
        return self.progress

    def _wanted(self, targets: Iterable[Target]) -> Iterator[tuple[str, str]]:
        """Objects that are EXRs by name and whose rows are missing or stale."""
        for target in targets:
            entries = (e for e in self._opener.list(target.bucket, target.prefix) if e.key.lower().endswith(".exr"))
            for batch in batches(entries, LISTING_BATCH):
                self.progress.listed += len(batch)
                current = [False] * len(batch) if self._force else self._are_current(target.bucket, batch)
                self.progress.skipped += sum(current)
                self._observe()
                for entry, skip in zip(batch, current, strict=True):
                    if self._stop.is_set():
                        return
                    if not skip:
                        yield target.bucket, entry.key

    def _are_current(self, bucket: str, entries: list[ObjectEntry]) -> list[bool]:
        mode = self._inspector.config.stats
        states = [
            ObjectState(bucket, entry.key, ObjectVersion(entry.etag, entry.size_bytes, entry.mtime), mode)
            for entry in entries
        ]
        return self._catalog.are_current(states)

    def _inspect(self, bucket: str, key: str) -> Inspection:
        return self._inspector.inspect(self._opener.open(bucket, key), self._policy)

    def _collect(self, running: set[Future[Inspection]]) -> set[Future[Inspection]]:
        """Wait for some, take in what is done, and store when there is enough."""
        done, still_running = wait(running, timeout=STORE_SECONDS, return_when=FIRST_COMPLETED)
        for future in done:
            try:
                inspection = future.result()
            except ExrInspectorError as error:
                self.progress.errors[error.code] += 1
            else:
                self._take(inspection)
        if len(self._waiting) >= STORE_BATCH or time.monotonic() - self._stored_at >= STORE_SECONDS:
            self._store()
        self._observe()
        return still_running

    def _take(self, inspection: Inspection) -> None:
        if inspection.is_gone:  # between listing and reading; its removal has an event of its own
            self.progress.errors[ObjectNotFound.code] += 1
            return
        self.progress.add(inspection)
        self._waiting.append(inspection)

    def _observe(self) -> None:
        if self._observer:
            self._observer(self.progress)

    def _store(self) -> None:
        batch, self._waiting = self._waiting, []
        if batch:
            self._catalog.upsert(batch, force=self._force)
            self.progress.stored += len(batch)
        self._stored_at = time.monotonic()
        self._observe()
