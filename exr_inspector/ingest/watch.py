"""Keep the tables up to date with a folder while its files are written, renamed and removed.

A changed path is processed once it has not changed for a while, so that a file is read after its writer has finished.
Changed files are inspected and stored, and changed folders are listed and compared with their rows, as in a sweep.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from exr_inspector.delivery.sequences import CheckedSequence
from exr_inspector.errors import CatalogError, ObjectNotFound, SourceError
from exr_inspector.exr.cryptomatte.manifests import is_sidecar_path
from exr_inspector.ingest.progress import Progress
from exr_inspector.ingest.run import Target
from exr_inspector.settings import Mount
from exr_inspector.storage import ObjectEntry, is_exr
from exr_inspector.storage.mounts import key_of, path_of
from exr_inspector.sync.sequences import outdated_folders, validate_folders
from exr_inspector.sync.shard import IngestContext, current_versions
from exr_inspector.sync.window import (
    Synced,
    Timing,
    Unlisted,
    bring_up_to_date,
    remove_rows,
    remove_unlisted,
    store_settled,
    store_unreadable,
    trusted_absence,
    windows,
)
from exr_inspector.texts import unicode_text

SETTLE_SECONDS = 2.0


class FolderWatch:
    """Collects changed paths of one folder and updates the tables once the paths no longer change. Not thread-safe."""

    def __init__(
        self,
        context: IngestContext,
        target: Target,
        mount: Mount,
        *,
        report: Callable[[str, str], None],
    ) -> None:
        """Create the watch.

        Args:
            context: Inspects and stores.
            target: The bucket and prefix of the watched folder.
            mount: The bucket's folder, by its real path; it contains the watched folder.
            report: Called with a path and its outcome (`stored`, `removed`, or an error code with its text), and with a
                sequence: the frames that must be rendered again or whose header must be edited, or that none is missing any
                more.
        """
        self._context = context
        self._target = target
        self._mount = mount
        self._report = report
        self._changed: dict[str, float] = {}
        self._unvalidated: set[str] = set()
        self._complete: set[str] = set()  # sequences as they were validated last

    def changed(self, paths: Iterable[str]) -> None:
        """Record that these paths changed."""
        now = time.monotonic()
        for path in paths:
            key = key_of(self._mount, Path(path))
            if key != self._mount.prefix and not self._is_excluded(key):
                self._changed[key] = now

    def catch_up(self, run: Progress) -> None:
        """Remove the rows of files that were deleted before the watch, but not of those whose share may not be mounted.

        The sequences of folders that lost files, now or earlier, are validated.

        Args:
            run: The preceding ingest, which has reported what cannot be listed. If it found no rows, there are none to remove.

        Raises:
            SourceError: The folder cannot be listed.
            CatalogError: The tables cannot be read or written now.
        """
        context, target = self._context, self._target
        done = self._remove_deleted() if run.has_previous_rows else Synced()
        outdated = outdated_folders(context.catalog.connection, f"{target.bucket}/{target.prefix}")
        self.validate(done.directories | outdated)

    def _remove_deleted(self) -> Synced:
        context, target = self._context, self._target
        folders = context.opener.folders(target.bucket, target.prefix)
        is_trusted = trusted_absence(context, target.bucket, target.prefix, folders, report=self._report_fault)
        done = Synced()
        for window in windows(context, target.bucket, target.prefix, exclude=target.exclude, report=lambda *_: None):
            rows = context.catalog.stored_between(window.after, last=window.last, end=window.end)
            done.merge(remove_unlisted(context, window, rows, Timing(on_outcome=self._report), is_trusted=is_trusted))
        return done

    def settle(self) -> None:
        """Process the paths that have not changed for SETTLE_SECONDS.

        Raises:
            CatalogError: The tables cannot be written now; the next call processes the paths.
        """
        due = [key for key, at in self._changed.items() if time.monotonic() - at >= SETTLE_SECONDS]
        timing = Timing(on_outcome=self._report)
        done = Synced()
        files: list[str] = []
        try:
            for key in due:
                path = path_of(self._mount, key)
                if path.is_dir() or not is_exr(key):
                    done.merge(self._compare(key if path.is_symlink() else f"{key}/", timing))
                else:
                    files.append(key)
                if is_sidecar_path(key):
                    files += self._files_without_manifest(key)
            done.merge(self._store_changed(list(dict.fromkeys(files)), timing))
        except CatalogError:  # the next call skips what is stored already, but must validate its folders
            places = {f"{self._target.bucket}/{key}" for key in due}
            self._unvalidated |= done.directories | places | {place.rpartition("/")[0] for place in places}
            raise
        self.validate(done.directories)
        for key in due:
            del self._changed[key]

    def validate(self, directories: Iterable[str]) -> None:
        """Validate the sequences of folders in which files were stored or removed.

        Raises:
            CatalogError: The tables cannot be read or written now; the next call includes the folders.
        """
        self._unvalidated.update(directories)
        context = self._context
        for checked in validate_folders(context.catalog.connection, self._unvalidated, context.policy):
            for sequence in checked.sequences:
                if sequence.rerender:
                    self._report(sequence.pattern, f"frames to render again: {sequence.rerender.text}")
                self._report_complete(sequence)
                if sequence.header_edits:
                    self._report(sequence.pattern, f"frames whose header to edit: {sequence.header_edits.text}")
                if sequence.conversions:
                    self._report(sequence.pattern, f"frames to convert: {sequence.conversions.text}")
        self._unvalidated.clear()

    def _report_complete(self, sequence: CheckedSequence) -> None:
        """Report a sequence that was new or had gaps, and has all frames now; not of a single frame, which may be the first."""
        if sequence.missing or sequence.rerender or len(sequence.expected) == 1:
            self._complete.discard(sequence.pattern)
        elif sequence.pattern not in self._complete:
            self._complete.add(sequence.pattern)
            frames = f"{len(sequence.expected)} frames {sequence.expected.text}"
            self._report(sequence.pattern, f"all {frames} are there, none to render again")

    def _is_excluded(self, key: str) -> bool:
        below = key.removeprefix(self._target.prefix)
        return any(fnmatchcase(folder, pattern) for folder in below.split("/") for pattern in self._target.exclude)

    def _compare(self, prefix: str, timing: Timing) -> Synced:
        """Compare the files below a folder with their rows, as a sweep does."""
        done = Synced()
        found = windows(
            self._context, self._target.bucket, prefix, exclude=self._target.exclude, report=self._report_fault
        )
        for window in found:
            done.merge(bring_up_to_date(self._context, window, timing))
        return done

    def _files_without_manifest(self, manifest: str) -> list[str]:
        """Return the keys of files whose rows lack this sidecar manifest: files in its folder, or in a folder above it."""
        bucket = self._target.bucket
        folders = [unicode_text(str(folder)) for folder in PurePosixPath(f"{bucket}/{manifest}").parents[:-1]]
        found = self._context.catalog.missing_manifests(folders)
        keys = [path.partition("/")[2] for path in found]
        mount = self._mount
        return [key for key in keys if key.startswith(mount.prefix) and path_of(mount, key).is_file()]

    def _store_changed(self, keys: Sequence[str], timing: Timing) -> Synced:
        """Store the changed files with these keys, and remove the rows of deleted ones."""
        context, bucket = self._context, self._target.bucket
        entries: list[ObjectEntry] = []
        gone: list[str] = []
        unlisted = Unlisted()
        report = unlisted.recording(self._report_fault)
        for key in keys:
            try:
                version = context.opener.head(bucket, key)
            except SourceError as error:
                report(f"{bucket}/{key}", error)
                continue
            if version is None and os.path.lexists(path_of(self._mount, key)):
                report(f"{bucket}/{key}", ObjectNotFound("a link that leads nowhere, a pipe, a socket or a device"))
            elif version is None:
                gone.append(unicode_text(f"{bucket}/{key}"))
            else:
                entries.append(ObjectEntry(key, version))
        current = current_versions(context, bucket, entries)
        stale = [
            (entry, entry.version.mtime) for entry, version in zip(entries, current, strict=True) if version is None
        ]
        done = store_settled(context, bucket, stale, {}, timing)
        done.merge(remove_rows(context, gone, timing))
        done.merge(store_unreadable(context, unlisted.take_files()))
        return done

    def _report_fault(self, path: str, error: SourceError) -> None:
        self._report(path, f"{type(error).code}: {error}")
