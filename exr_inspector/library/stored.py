"""Validates stored files again without reading them, and compares them with the present files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from functools import partial

from exr_inspector.catalog.read.frames import unnamed_frame
from exr_inspector.catalog.read.inspections import stored_inspections
from exr_inspector.catalog.read.pages import stored_frames
from exr_inspector.catalog.read.reader import Reader
from exr_inspector.catalog.sdk.connection import Connection
from exr_inspector.delivery.diff import FileDiff
from exr_inspector.delivery.files import is_folder, paths_of
from exr_inspector.delivery.patterns import is_below, is_pattern, parse_pattern
from exr_inspector.delivery.sequences import NOTHING, CheckedFrames
from exr_inspector.delivery.stored_diff import diff_stored, has_all_pixels, has_further_levels
from exr_inspector.inspector import Inspector
from exr_inspector.library.validating import Frames, file_result
from exr_inspector.model import StatsMode, Thumbnails, sort_findings
from exr_inspector.settings import Settings
from exr_inspector.storage import SourceOpener
from exr_inspector.sync.sequences import outdated_folders, store_folder, validate_folders
from exr_inspector.texts import program_command, unicode_text
from exr_inspector.validation import Policy, validate_file
from exr_inspector.validation.policies.source import PolicySource
from exr_inspector.validation.reports import ValidationResult
from exr_inspector.validation.restored import with_problems_restored


def _prefix(target: str) -> tuple[str, Callable[[str], bool]]:
    """The prefix of the paths, and a test for those that match if a pattern is given."""
    pattern = parse_pattern(target)
    return pattern.beginning, pattern.matches if is_pattern(target) else partial(is_below, target)


def validate_catalog(
    connection: Connection, prefixes: Iterable[str], policy: Policy, frames: Frames | None
) -> Iterator[ValidationResult]:
    """Yield the results of stored files below prefixes or patterns; with `frames`, the frames are collected there."""
    for target in prefixes:
        start, is_selected = _prefix(target)
        for path, stored, fault in stored_inspections(connection, start):
            if stored is None and is_selected(path):
                yield ValidationResult(path, (), policy.label, fault)
            elif stored is not None and is_selected(path):
                again = with_problems_restored(stored, policy)
                again = replace(again, findings=sort_findings(validate_file(again, policy)))
                yield file_result(path, again, policy)
                if frames is not None:
                    frames.add(again, path)


def gather_frames(connection: Connection, prefixes: Iterable[str], frames: Frames, policy: Policy) -> None:
    """Collect the stored frames below prefixes or patterns, with what the rules of a policy compare."""
    for target in prefixes:
        start, is_selected = _prefix(target)
        for rows in stored_frames(connection, start, attributes=policy.compared_attributes):
            path = str(rows.file["path"])
            if is_selected(path):
                frames.add_summary(unnamed_frame(rows), path)


def store_sequences(
    connection: Connection,
    prefixes: Iterable[str],
    frames: Frames,
    checked: CheckedFrames,
    since: datetime,
    *,
    policy: Policy,
) -> None:
    """Store the findings of sequences in complete folders, which are those below a prefix that ends in a slash.

    Findings in folders below it whose files are gone are deleted.
    """
    whole = [prefix for prefix in prefixes if not prefix or prefix.endswith("/")]
    by_folder: dict[str, list[str]] = {}
    for name in frames.names:
        if any(is_below(prefix, name) for prefix in whole):
            by_folder.setdefault(name.rpartition("/")[0], []).append(name)
    by_directory = checked.by_directory()
    for directory, names in by_folder.items():
        mine = by_directory.get(directory, NOTHING)
        store_folder(connection, directory, mine, names, since)
    for prefix in whole:
        for _ in validate_folders(connection, outdated_folders(connection, prefix), policy):
            pass


def diff_catalog(
    reader: Reader,
    settings: Settings,
    target: str,
    path_of: Callable[[str], str],
    *,
    header: bool = True,
    shown: Callable[[str], str] = str,
) -> Iterator[FileDiff]:
    """Compare files with their stored rows; a file without rows, and rows of a folder without a file, have `trouble`.

    A file is read in full if its rows have a hash or statistics of all pixels, otherwise only its header and chunk tables.

    Args:
        reader: Reads the rows.
        settings: The settings.
        target: A file, folder, pattern or URL.
        path_of: Returns the stored path of a file.
        header: Whether attributes are compared.
        shown: Returns the name in the comparison for a stored path.

    Yields:
        A comparison for each file.

    Raises:
        ExrInspectorError: The target or the tables cannot be read; if `retryable`, a store did not answer.
    """
    policy = PolicySource.from_settings(settings, "default").current()
    inspectors: dict[tuple[StatsMode, str], Inspector] = {}
    compared: set[str] = set()
    with closing(SourceOpener(settings)) as opener:
        for name in paths_of(opener, target):
            path = path_of(name)
            compared.add(unicode_text(path))
            full = reader.file(path)
            if full is None:
                yield FileDiff(
                    name,
                    shown(path),
                    trouble=f"these tables have no rows of it: {program_command('ingest')} stores them",
                )
                continue
            stored = full.inspection
            stats = StatsMode.FULL if has_all_pixels(stored) else StatsMode.OFF
            levels = "all" if has_further_levels(stored) else "first"
            if (stats, levels) not in inspectors:
                inspectors[stats, levels] = Inspector.from_settings(
                    settings, stats=stats, levels=levels, with_hash=True, is_isolated=True, thumbnails=Thumbnails.OFF
                )
            inspector = inspectors[stats, levels]
            yield diff_stored(opener, inspector, policy, name, stored, path=shown(path), header=header)
    for path in reader.paths_below(path_of(target)) if is_folder(target) else ():
        if path not in compared:
            advice = f"{program_command('db reconcile PLACE --fix')} removes them"
            yield FileDiff(
                shown(path), shown(path), trouble=f"the file is not there, but these tables have rows of it: {advice}"
            )
