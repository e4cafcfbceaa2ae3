"""One shard of a sweep: store the changes that the VAST Catalog reports, then compare objects with rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import xxhash

from exr_inspector.catalog.catalog import is_up_to_date
from exr_inspector.catalog.precedence import StoredFile, newest
from exr_inspector.catalog.schema.columns import CELL_BYTES
from exr_inspector.catalog.stored import MAX_CLOCK_DIFFERENCE
from exr_inspector.catalog.sweeps import SweepShard, SweepState
from exr_inspector.catalog.vast_catalog import CatalogFile
from exr_inspector.deadline import Deadline
from exr_inspector.errors import SourceError
from exr_inspector.model import ObjectVersion
from exr_inspector.storage import ObjectEntry
from exr_inspector.sync.figures import Figures
from exr_inspector.sync.sequences import validate_folders
from exr_inspector.sync.shard import IngestContext, object_state
from exr_inspector.sync.window import WINDOW, Synced, Timing, bring_up_to_date, remove_rows, store_settled, windows
from exr_inspector.texts import unicode_text

_MARK_DIGITS = 8
_MARKS_CHARACTERS = CELL_BYTES // _MARK_DIGITS * _MARK_DIGITS


@dataclass(frozen=True, slots=True)
class SweepRoot:
    """A swept prefix: the bucket and the prefix of its keys (empty, or ending in a slash)."""

    bucket: str
    prefix: str

    @property
    def path(self) -> str:
        """`<bucket>/<prefix>`."""
        return f"{self.bucket}/{self.prefix}"


@dataclass(slots=True)
class SweepTask:
    """A shard and the work to do on it.

    Attributes:
        root: The prefix it belongs to.
        shard: The shard.
        changes: Changes that the Catalog reports, by rising ctime; None without the Catalog.
        newest: Time up to which all changes are known; None if it is unknown or without the Catalog.
        is_compared: Whether its objects are compared with its rows.
        is_trusted: Returns whether a path that is not listed may be taken for deleted.
    """

    root: SweepRoot
    shard: SweepShard
    changes: Sequence[CatalogChange]
    newest: datetime | None
    is_compared: bool
    is_trusted: Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class CatalogChange:
    """A changed file: its key and its entry in the VAST Catalog."""

    key: str
    file: CatalogFile


def _marks(text: str) -> frozenset[str]:
    """Return the faults that a shard remembers, each as the hexadecimal digits of a hash."""
    return frozenset(text[at : at + _MARK_DIGITS] for at in range(0, len(text), _MARK_DIGITS))


class ShardWorker:
    """Processes one claimed shard.

    Attributes:
        state: The progress; covers only what is stored and confirmed.
        done: What was done.
        known: Permanent faults that an earlier sweep already reported.
        is_finished: Whether the shard has no more work in this sweep.
    """

    def __init__(
        self,
        context: IngestContext,
        task: SweepTask,
        claimed: SweepShard,
        *,
        begin_until: Deadline,
        now: datetime,
    ) -> None:
        self._context = context
        self._task = task
        self._shard = claimed
        self._begin_until = begin_until
        self._now = now
        self.state: SweepState = claimed.state
        self.done = Synced()
        self.known = Figures()
        self.is_finished = False
        self._known_marks = _marks(claimed.state.unlisted or "")  # found by earlier invocations
        self._reported_marks: set[str] = set()

    def _fault(self, path: str, error: SourceError) -> None:
        """Count an unreadable file or folder. A permanent fault is reported by the first sweep only, not by each."""
        mark = xxhash.xxh32_hexdigest(f"{type(error).code} {path}".encode(errors="surrogatepass"))
        is_known = not error.retryable and mark in self._known_marks
        (self.known if is_known else self.done.figures).add_error(type(error).code, path, str(error))
        if not error.retryable:
            self._reported_marks.add(mark)

    def _note_faults(self, *, is_all: bool = False) -> None:
        """Save which faults are known; `is_all` drops those that this pass did not find again."""
        marks = self._reported_marks if is_all else self._reported_marks | self._known_marks
        self.state = replace(self.state, unlisted="".join(sorted(marks))[:_MARKS_CHARACTERS] or None)

    def work(self, timing: Timing) -> None:
        """Store the changes, then compare, until all is done or time is up."""
        self.is_finished = self._store_changes(timing) and (not self._task.is_compared or self._compare(timing))

    @property
    def _has_time(self) -> bool:
        return self._begin_until.remaining() > 0

    def _add(self, done: Synced, timing: Timing) -> None:
        """Count what was done, and validate the sequences of the changed folders."""
        self.done.merge(done)
        context = self._context
        for _ in validate_folders(
            context.catalog.connection, done.directories, context.policy, deadline=timing.deadline
        ):
            pass

    def _store_changes(self, timing: Timing) -> bool:
        """Store the changes from the Catalog by rising ctime. Return whether all are stored."""
        changes, pending = self._task.changes, None
        for start in range(0, len(changes), WINDOW):
            if not self._has_time:
                return False
            some = changes[start : start + WINDOW]
            done = self._store_window(some, timing)
            self._add(done, timing)
            pending = min(filter(None, (pending, done.pending_since)), default=None)
            self._move_watermark(some[-1].file.ctime, pending)
            self._note_faults()
        if self._task.newest is not None:
            self._move_watermark(self._task.newest, pending)
        return True

    def _move_watermark(self, moment: datetime, pending: datetime | None) -> None:
        """Advance the watermark to `moment`, or to `pending`, the earliest change left for later. It never moves back."""
        moment = min(moment, self._now, pending or moment)
        before = self.state.watermark
        self.state = replace(self.state, watermark=moment if before is None else max(before, moment))

    def _store_window(self, changes: Sequence[CatalogChange], timing: Timing) -> Synced:
        context, bucket = self._context, self._task.root.bucket
        rows = context.catalog.stored_at([f"{bucket}/{change.key}" for change in changes], deadline=timing.deadline)
        done = Synced()
        settled = [change for change in changes if timing.is_settled(change.file.ctime)]
        for change in changes:
            if not timing.is_settled(change.file.ctime):
                done.unsettled += 1
                done.defer(change.file.ctime)
        stale: list[tuple[ObjectEntry, datetime]] = []
        gone: list[str] = []
        versions = context.pool.map(lambda change: self._current_version(change, rows, timing), settled)
        for change, found in zip(settled, versions, strict=True):
            path = unicode_text(f"{bucket}/{change.key}")
            if isinstance(found, SourceError):
                self._fault(path, found)
                if found.retryable:
                    done.defer(change.file.ctime)
            elif found is None:
                gone += [path] if path in rows else []
            elif is_up_to_date(object_state(context, bucket, change.key, found), rows.get(path, ())):
                done.figures.skipped += 1
            else:
                stale.append((ObjectEntry(change.key, found), change.file.ctime))
        done.merge(store_settled(context, bucket, stale, rows, replace(timing, settled_before=None)))
        done.merge(remove_rows(context, [path for path in gone if self._task.is_trusted(path)], timing))
        return done

    def _current_version(
        self, change: CatalogChange, rows: dict[str, list[StoredFile]], timing: Timing
    ) -> ObjectVersion | SourceError | None:
        """Return the current version of a file, None if it is deleted. Sends a request only if the stored row may be current.

        A change can keep the size and time of a file; only the ETag, which the Catalog does not have, then shows it.
        """
        context, bucket = self._context, self._task.root.bucket
        listed = ObjectVersion(None, change.file.size_bytes, change.file.mtime)
        stored = rows.get(unicode_text(f"{bucket}/{change.key}"), ())
        if not is_up_to_date(object_state(context, bucket, change.key, listed), stored):
            return listed
        if newest(stored).version_info.inspected_at > change.file.ctime + MAX_CLOCK_DIFFERENCE:
            return listed
        try:
            return context.opener.head(bucket, change.key, deadline=timing.deadline)
        except SourceError as error:
            return error

    def _compare(self, timing: Timing) -> bool:
        """Compare objects with rows, from where the last invocation stopped. Return whether the comparison is complete."""
        context, root, shard = self._context, self._task.root, self._shard
        is_whole = self.state.position is None
        if is_whole:
            self.state = replace(self.state, pass_started=self._now, pending_since=None)
        after = self.state.position or (shard.first_path if shard.first_path != shard.root else "")
        retried: list[str] = []

        def report(path: str, error: SourceError) -> None:
            self._fault(path, error)
            if error.retryable:
                retried.append(path)

        found = windows(
            context,
            root.bucket,
            root.prefix,
            after=after.partition("/")[2],
            end=shard.end_path,
            report=report,
            deadline=timing.deadline,
        )
        while self._has_time:
            window = next(found)
            done = bring_up_to_date(context, window, timing, is_trusted=self._task.is_trusted)
            self._add(done, timing)
            pending = min(filter(None, (self.state.pending_since, done.pending_since)), default=None)
            self.state = replace(self.state, position=window.last, pending_since=pending)
            self._note_faults(is_all=is_whole and window.last is None)
            if window.last is None:
                self._finish_pass(is_complete=not retried)
                return True
        return False

    def _finish_pass(self, *, is_complete: bool) -> None:
        """Advance the watermark to the start of the comparison, or to the earliest change left for later."""
        started = self.state.pass_started or self._now
        if is_complete:
            mark = min(started - MAX_CLOCK_DIFFERENCE, self.state.pending_since or started)
            self._move_watermark(mark, None)
            self.state = replace(self.state, compared_at=started)
        self.state = replace(self.state, pass_started=None, pending_since=None)
