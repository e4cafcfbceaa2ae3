"""Keeping the tables up to date with a folder while files in it are written, renamed and removed.

A change is acted on once its path has been still for a while, so that a file is read when its writer is done with it. What is
done is the same as by `ingest` and `db reconcile`: a changed file is a shard, a changed folder is listed and compared.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from pathlib import Path

from exr_inspector.catalog.admin.reconcile import stored_versions
from exr_inspector.catalog.recheck import remove_gone
from exr_inspector.errors import SourceError
from exr_inspector.ingest.run import Target
from exr_inspector.model import EventInfo
from exr_inspector.storage import ObjectEntry
from exr_inspector.sync.figures import Figures
from exr_inspector.sync.shard import SHARD_OBJECTS, IngestContext, Shard, are_current, ingest_shard

SETTLE_SECONDS = 2.0


class FolderWatch:
    """Collects changed paths of one folder, and brings the tables up to date with those that are still. Used by one thread."""

    def __init__(
        self,
        context: IngestContext,
        target: Target,
        root: Path,
        *,
        report: Callable[[str, str], None],
        settle_seconds: float = SETTLE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare.

        Args:
            context: Inspects and stores.
            target: The bucket and prefix that the watched folder is.
            root: Real path of the folder that stands in for the bucket.
            report: Called with a path and what became of it: `stored`, `removed`, or an error code with its text.
            settle_seconds: How long a path has to be still.
            clock: Seconds.
        """
        self._context = context
        self._target = target
        self._root = root
        self._report = report
        self._settle_seconds = settle_seconds
        self._clock = clock
        self._changed: dict[str, float] = {}

    def changed(self, paths: Iterable[str]) -> None:
        """Note that something happened to these paths."""
        now = self._clock()
        for path in paths:
            key = Path(path).relative_to(self._root).as_posix()
            if key != "." and not self._is_excluded(key):
                self._changed[key] = now

    @property
    def pending(self) -> int:
        """Paths that have not been still for long enough."""
        return len(self._changed)

    def settle(self) -> None:
        """Act on the paths that are still.

        Raises:
            CatalogError: The tables cannot be written now; the paths are kept for the next time.
        """
        due = [key for key, at in self._changed.items() if self._clock() - at >= self._settle_seconds]
        found: dict[str, ObjectEntry] = {}
        for key in due:
            if (self._root / key).is_dir() or not key.lower().endswith(".exr"):
                found.update((entry.key, entry) for entry in self._below(f"{key}/"))
            else:
                found.update((entry.key, entry) for entry in self._at(key))
        size = SHARD_OBJECTS[self._context.inspector.config.stats]
        entries = list(found.values())
        for start in range(0, len(entries), size):
            self._ingest(tuple(entries[start : start + size]))
        for key in due:
            del self._changed[key]

    def _is_excluded(self, key: str) -> bool:
        return any(fnmatchcase(folder, pattern) for folder in key.split("/") for pattern in self._target.exclude)

    def _at(self, key: str) -> list[ObjectEntry]:
        """The file of this key; the rows of one that is gone are removed."""
        bucket = self._target.bucket
        try:
            version = self._context.opener.head(bucket, key)
        except SourceError as error:
            self._report(f"{bucket}/{key}", f"{type(error).code}: {error}")
            return []
        if version is None:
            self._remove(key)
            return []
        return [ObjectEntry(key, version.etag, version.size_bytes, version.mtime)]

    def _below(self, prefix: str) -> list[ObjectEntry]:
        """The files below a folder; the rows of others below it are removed."""
        target = Target(self._target.bucket, prefix, self._target.exclude)
        unlisted: list[str] = []

        def report(path: str, error: SourceError) -> None:
            unlisted.append(path)
            self._report(path, f"{type(error).code}: {error}")

        entries = list(target.entries(self._context.opener, report))
        there = {entry.key for entry in entries}
        for row in stored_versions(self._context.catalog.connection, f"{target.bucket}/{prefix}"):
            key = row.path.partition("/")[2]
            if key not in there and not row.path.startswith(tuple(unlisted)):
                self._remove(key)
        return entries

    def _remove(self, key: str) -> None:
        context, bucket = self._context, self._target.bucket
        try:
            removed = remove_gone(context.opener, context.catalog, bucket, key, event=EventInfo())
        except SourceError as error:
            self._report(f"{bucket}/{key}", f"{type(error).code}: {error}")
            return
        if removed.outcome.changed:
            self._report(removed.path, "removed")

    def _ingest(self, entries: tuple[ObjectEntry, ...]) -> None:
        bucket = self._target.bucket
        current = self._current(entries)
        shard = Shard(bucket, tuple(entry for entry in entries if entry.key not in current))
        if not shard.entries:
            return
        figures: Figures = ingest_shard(self._context, shard)
        failed = {path: f"{code}: {message}" for code, path, message in figures.examples}
        for entry in shard.entries:
            path = f"{bucket}/{entry.key}"
            self._report(path, failed.get(path, "stored"))

    def _current(self, entries: tuple[ObjectEntry, ...]) -> set[str]:
        flags = are_current(self._context, self._target.bucket, entries)
        return {entry.key for entry, is_current in zip(entries, flags, strict=True) if is_current}
