"""Compare a listing with the tables: inspect new and changed objects, and remove the rows of deleted ones.

Objects are listed by rising key and rows are read by path, so each step compares one window: a thousand objects and the
rows between the first and the last of them, however large the prefix is. If a listing fails, its current window is not
compared, so no row is removed because of the failure.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import islice

from exr_inspector.catalog.catalog import is_up_to_date
from exr_inspector.catalog.paths import prefix_end
from exr_inspector.catalog.precedence import StoredFile, newest
from exr_inspector.catalog.recheck import remove_gone, upsert_isolating_failures
from exr_inspector.catalog.sdk.work import Work
from exr_inspector.deadline import Deadline
from exr_inspector.errors import (
    BucketUnavailable,
    CatalogError,
    DeadlineExceeded,
    ExrInspectorError,
    SourceError,
    UnsupportedKey,
)
from exr_inspector.model import EventInfo
from exr_inspector.storage import DEFAULT_EXCLUDES, ObjectEntry, exr_report, is_exr
from exr_inspector.storage.objects import FaultReport
from exr_inspector.sync.figures import Figures
from exr_inspector.sync.shard import SHARD_OBJECTS, IngestContext, Shard, ingest_shard, object_state, with_new_manifests
from exr_inspector.texts import program_command, unicode_text

WINDOW = 1_000  # objects of any kind; one page of a listing
_MAX_FUTURE = timedelta(hours=1)  # a modification time further in the future is not believed


@dataclass(slots=True)
class Synced:
    """What was done with a set of objects.

    Attributes:
        figures: Counts of inspected and stored files, and errors by code.
        removed: Number of files whose rows were removed.
        unsettled: Number of files that changed too recently to be read.
        pending_since: Time of the oldest change that was left for later or failed to be read or stored; None if there
            is none.
        directories: Folders, with their buckets, in which files were stored or removed, so that their sequences need
            validation.
    """

    figures: Figures = field(default_factory=Figures)
    removed: int = 0
    unsettled: int = 0
    pending_since: datetime | None = None
    directories: set[str] = field(default_factory=set)

    def defer(self, changed: datetime) -> None:
        """Record a change that is to be processed later."""
        self.pending_since = min(changed, self.pending_since or changed)

    def merge(self, other: Synced) -> None:
        """Add the results of other objects."""
        self.figures.merge(other.figures)
        self.removed += other.removed
        self.unsettled += other.unsettled
        self.directories |= other.directories
        if other.pending_since is not None:
            self.defer(other.pending_since)


class Unlisted:
    """Files and folders that could not be listed. Their rows are kept, and the rows of everything below the folders."""

    def __init__(self) -> None:
        self._paths: set[str] = set()
        self._files: list[tuple[str, SourceError]] = []

    def recording(self, report: FaultReport, *, end: str | None = None) -> FaultReport:
        """Return a callback that records every failure, and reports those of folders and EXR files.

        Args:
            report: Receives the failures of folders and EXR files.
            end: Only paths that sort before this one are reported; None for no bound.
        """

        def report_inside(path: str, error: SourceError) -> None:
            if end is not None and unicode_text(path) >= end:
                return
            if not path.endswith("/") and not error.retryable:
                self._files.append((path, error))
            report(path, error)

        report_exr = exr_report(report_inside)

        def record(path: str, error: SourceError) -> None:
            self._paths.add(unicode_text(path.rstrip("/")))
            report_exr(path, error)

        return record

    def take_files(self) -> list[tuple[str, SourceError]]:
        """Return the permanently unreadable EXR files that were recorded since the last call, with the errors."""
        taken, self._files = self._files, []
        return taken

    def __contains__(self, path: str) -> bool:
        """Whether a path, as stored, or a folder above it could not be listed."""
        while path and path not in self._paths:
            path = path.rpartition("/")[0]
        return bool(path)


@dataclass(frozen=True, slots=True)
class Window:
    """The objects of a range of paths.

    Attributes:
        bucket: Their bucket.
        entries: The objects whose names are names of EXR files.
        after: The range begins after this path.
        last: The last path of the range; None if nothing is listed after it.
        end: The bound of the last range: the first path after the prefix; None for no bound.
        unlisted: What could not be listed so far.
    """

    bucket: str
    entries: Sequence[ObjectEntry]
    after: str
    last: str | None
    end: str | None
    unlisted: Unlisted = field(default_factory=Unlisted)


@dataclass(frozen=True, slots=True)
class Timing:
    """Which files may be read, the time limits, and callbacks.

    Attributes:
        settled_before: Files that changed at or after this time are left for later; None to read all.
        read_until: Returns the deadline for reading the objects of a batch; called before each batch.
        deadline: The deadline for everything.
        also: Adds changes to the transactions that store rows.
        on_outcome: Called with a path and its outcome: `stored`, `removed`, or an error code with its text.
    """

    settled_before: datetime | None = None
    read_until: Callable[[], Deadline | None] = lambda: None
    deadline: Deadline | None = None
    also: Callable[[Work], None] | None = None
    on_outcome: Callable[[str, str], None] = lambda *_: None

    def is_settled(self, changed: datetime) -> bool:
        """Whether a file that changed at this time may be read."""
        before = self.settled_before
        return before is None or changed < before or changed > before + _MAX_FUTURE


def windows(
    context: IngestContext,
    bucket: str,
    prefix: str,
    *,
    after: str = "",
    end: str | None = None,
    exclude: Sequence[str] = DEFAULT_EXCLUDES,
    report: FaultReport,
    deadline: Deadline | None = None,
) -> Iterator[Window]:
    """Yield the objects below a prefix in windows; the last window reaches to the end of the prefix.

    Args:
        context: Lists the objects.
        bucket: The bucket.
        prefix: The prefix of the keys.
        after: Only keys after this one.
        end: Only paths before this one.
        exclude: Patterns of folder names that are left out.
        report: Called with path and error of what cannot be listed; the listing continues.
        deadline: When to give up.

    Raises:
        SourceError: The bucket is unavailable or cannot be listed.
    """
    unlisted = Unlisted()
    end = prefix_end(unicode_text(f"{bucket}/{prefix}")) if end is None else end
    listing = context.opener.list(
        bucket, prefix, report=unlisted.recording(report, end=end), exclude=exclude, after=after
    )
    begin = unicode_text(f"{bucket}/{after or prefix}")
    doing = f"listing {bucket}/{prefix}"
    while True:
        page = context.helpers.run(lambda: list(islice(listing, WINDOW)), deadline=deadline, doing=doing)
        inside = page if end is None else [entry for entry in page if unicode_text(f"{bucket}/{entry.key}") < end]
        last = unicode_text(f"{bucket}/{page[-1].key}") if len(inside) == len(page) == WINDOW else None
        entries = [entry for entry in inside if is_exr(entry.key)]
        yield Window(bucket, entries, begin, last, end, unlisted)
        if last is None:
            return
        begin = last


def lists_exr(context: IngestContext, bucket: str, prefix: str, deadline: Deadline | None) -> bool:
    """Whether an OpenEXR file is listed below a prefix, also in an excluded folder."""
    listing = context.opener.list(bucket, prefix, report=lambda *_: None, exclude=())
    found = (entry for entry in listing if is_exr(entry.key))
    doing = f"listing {bucket}/{prefix}"
    return context.helpers.run(lambda: next(found, None), deadline=deadline, doing=doing) is not None


def nothing_listed(path: str) -> BucketUnavailable:
    """Return the error of a place, as stored, that has rows but no OpenEXR file."""
    return BucketUnavailable(
        f"rows, but no OpenEXR file: is the share mounted? If the files were deleted: {program_command(f'db remove s3://{path}')}"
    )


def trusted_absence(
    context: IngestContext,
    bucket: str,
    prefix: str,
    folders: Sequence[str],
    *,
    deadline: Deadline | None = None,
    report: FaultReport,
) -> Callable[[str], bool]:
    """Return a test for whether an unlisted file may be taken for deleted, not for unreachable.

    It may if an OpenEXR file is listed below the prefix, or the first folder of the unlisted file there. Otherwise, its
    share may not be mounted, or this is another store. The same applies to each of `folders` that is a mounted folder,
    since it may be the mount point of a share.

    Args:
        context: Lists folders.
        bucket: The bucket.
        prefix: A folder as a key that ends in a slash, or empty.
        folders: The folders directly below it, as keys that end in a slash.
        deadline: When to give up.
        report: Called once for each place that has rows which are kept, with the reason.
    """
    opener = context.opener
    tops = {unicode_text(f"{bucket}/{folder}"): folder for folder in folders if opener.is_mounted(bucket, folder)}
    base = unicode_text(f"{bucket}/{prefix}")
    inner: dict[str, frozenset[str] | None] = {}  # the folders of a place without OpenEXR files; None if it has one
    reported: set[str] = set()
    lock = threading.Lock()

    def folders_of(key: str) -> Sequence[str]:
        call = partial(opener.folders, bucket, key)
        return context.helpers.run(call, deadline=deadline, doing=f"listing {bucket}/{key}")

    def is_there(place: str, key: str, path: str) -> bool:
        if place not in inner:
            has_exr = lists_exr(context, bucket, key, deadline)
            inner[place] = None if has_exr else frozenset(map(unicode_text, folders_of(key)))
        found = inner[place]
        is_found = found is None or _folder_below(place, path).partition("/")[2] in found
        if not is_found and place not in reported:
            reported.add(place)
            report(place, nothing_listed(place))
        return is_found

    def is_trusted(path: str) -> bool:
        top = _folder_below(base, path)
        with lock:
            return is_there(base, prefix, path) and (top not in tops or is_there(top, tops[top], path))

    return is_trusted


def _folder_below(place: str, path: str) -> str:
    """Return the folder directly below a place that a path is in, with its final slash; for a file there, a name of none."""
    return f"{place}{path[len(place) :].partition('/')[0]}/"


def bring_up_to_date(
    context: IngestContext, window: Window, timing: Timing, *, is_trusted: Callable[[str], bool] = lambda _: True
) -> Synced:
    """Make the rows of a range of paths match its objects.

    Args:
        context: Inspects and stores.
        window: The range and its objects.
        timing: Which files may be read, and the time limits.
        is_trusted: Returns whether an unlisted path may be taken for deleted, if the store confirms it.

    Raises:
        CatalogError: The tables cannot be read or written now.
    """
    rows = context.catalog.stored_between(window.after, last=window.last, end=window.end, deadline=timing.deadline)
    done = Synced()
    listed = {unicode_text(f"{window.bucket}/{entry.key}"): entry for entry in window.entries}
    known = {
        entry.key: newest(rows[path]).version_info
        for path, entry in listed.items()
        if _is_current(context, window.bucket, entry, rows.get(path, ()))
    }
    renewed = with_new_manifests(context, window.bucket, known, timing.deadline)
    stale = [entry for entry in listed.values() if entry.key not in known or entry.key in renewed]
    done.figures.skipped = len(listed) - len(stale)
    done.merge(store_unreadable(context, window.unlisted.take_files(), deadline=timing.deadline))
    done.merge(store_settled(context, window.bucket, [(entry, entry.version.mtime) for entry in stale], rows, timing))
    done.merge(remove_unlisted(context, window, rows, timing, is_trusted=is_trusted))
    return done


def remove_unlisted(
    context: IngestContext, window: Window, rows: Iterable[str], timing: Timing, *, is_trusted: Callable[[str], bool]
) -> Synced:
    """Remove the rows of a range of paths whose objects are not listed; `rows` contains the stored paths.

    Raises:
        CatalogError, BucketUnavailable, DeadlineExceeded: As for `remove_rows`.
    """
    listed = {unicode_text(f"{window.bucket}/{entry.key}") for entry in window.entries}
    absent = [path for path in rows if path not in listed and path not in window.unlisted]
    return remove_rows(context, [path for path in absent if is_trusted(path)], timing)


def _is_current(context: IngestContext, bucket: str, entry: ObjectEntry, rows: Sequence[StoredFile]) -> bool:
    return is_up_to_date(object_state(context, bucket, entry.key, entry.version), rows)


def store_unreadable(
    context: IngestContext, files: Sequence[tuple[str, SourceError]], *, deadline: Deadline | None = None
) -> Synced:
    """Store a failed inspection of each file that exists but cannot be read, so that its frame does not count as missing.

    A file that has rows keeps them: it may be a link to a share that is unavailable.

    Raises:
        CatalogError: The tables cannot be read or written now.
    """
    done = Synced()
    for start in range(0, len(files), WINDOW):
        some = files[start : start + WINDOW]
        rows = context.catalog.stored_at([path for path, _ in some], deadline=deadline)
        new = [(path, error) for path, error in some if unicode_text(path) not in rows]
        places = [path.split("/", 1) for path, _ in new]
        inspections = [
            context.inspector.refused(bucket, key, error, context.policy)
            for (bucket, key), (_, error) in zip(places, new, strict=True)
        ]
        outcomes = upsert_isolating_failures(context.catalog, inspections, deadline=deadline)
        for (path, _), outcome in zip(new, outcomes, strict=True):
            if not isinstance(outcome, ExrInspectorError):
                done.directories.add(path.rpartition("/")[0])
            elif outcome.retryable:
                raise outcome  # the database is unavailable: the other files would fail as well
            else:
                done.figures.add_error(type(outcome).code, path, str(outcome))
    return done


def store_settled(
    context: IngestContext,
    bucket: str,
    changed: Sequence[tuple[ObjectEntry, datetime]],
    rows: Mapping[str, object],
    timing: Timing,
) -> Synced:
    """Inspect and store objects in batches.

    Args:
        context: Inspects and stores.
        bucket: Their bucket.
        changed: The objects, each with the time of its change; recently changed ones are left for later.
        rows: Files that have rows, by path as stored; the rows of objects deleted in the meantime are removed.
        timing: Which files may be read, and the time limits.

    Raises:
        CatalogError: The tables cannot be read or written now.
    """
    done = Synced()
    times: Mapping[str, datetime] = {entry.key: moment for entry, moment in changed}
    settled = [entry for entry, moment in changed if timing.is_settled(moment)]
    done.unsettled = len(changed) - len(settled)
    for moment in times.values():
        if not timing.is_settled(moment):
            done.defer(moment)
    size = SHARD_OBJECTS[context.inspector.config.stats]
    for start in range(0, len(settled), size):
        batch = Shard(bucket, tuple(settled[start : start + size]))
        figures = ingest_shard(
            context, batch, also=timing.also, read_until=timing.read_until(), deadline=timing.deadline
        )
        for key in figures.left:
            done.defer(times[key])
        _report_stored(batch, figures, timing)
        absent = [path for key in figures.gone if (path := unicode_text(f"{bucket}/{key}")) in rows]
        done.figures.merge(figures)
        done.directories |= batch.directories
        done.merge(remove_rows(context, absent, timing))
    return done


def _report_stored(batch: Shard, figures: Figures, timing: Timing) -> None:
    """Report the outcome of each object of a shard, except deleted ones."""
    faults = {path: f"{code}: {message}" for code, path, message in figures.examples}
    left, absent = set(figures.left), set(figures.gone)
    for entry in batch.entries:
        path = f"{batch.bucket}/{entry.key}"
        if entry.key not in absent:
            timing.on_outcome(
                path, faults.get(path, "not stored, tried again later" if entry.key in left else "stored")
            )


def remove_rows(context: IngestContext, paths: Sequence[str], timing: Timing) -> Synced:
    """Remove the rows of files that the store confirms as deleted; an object that exists again keeps its rows.

    Raises:
        CatalogError, BucketUnavailable, DeadlineExceeded: A fault that affects the other files as well. Finished
            removals remain.
    """

    def remove(path: str) -> bool | ExrInspectorError:
        bucket, _, key = path.partition("/")
        try:
            if context.opener.head(bucket, key, deadline=timing.deadline) is not None:
                return False
            removed = remove_gone(
                context.opener, context.catalog, bucket, key, event=EventInfo(), deadline=timing.deadline
            )
        except UnsupportedKey:
            return False  # the store cannot be asked about it; an event stored its row
        except ExrInspectorError as error:
            if isinstance(error, (BucketUnavailable, CatalogError, DeadlineExceeded)) and error.retryable:
                raise  # the other files would fail as well
            return error
        return removed.outcome.changed

    done = Synced()
    for path, outcome in zip(paths, context.pool.map(remove, paths), strict=True):
        if isinstance(outcome, ExrInspectorError):
            done.figures.add_error(type(outcome).code, path, str(outcome))
            timing.on_outcome(path, f"{type(outcome).code}: {outcome}")
        elif outcome:
            done.removed += 1
            timing.on_outcome(path, "removed")
            done.directories.add(path.rpartition("/")[0])
    return done
