"""Validation of what the tables hold, without reading any file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from exr_inspector.catalog.read.pages import stored_frames, stored_inspections
from exr_inspector.catalog.sdk.connection import Connection
from exr_inspector.delivery.judgement import NOTHING, Judgement
from exr_inspector.delivery.naming import is_pattern, parse_pattern
from exr_inspector.library.judging import Frames, unchecked
from exr_inspector.sync.sequences import store_folder
from exr_inspector.validation import Policy, validate
from exr_inspector.validation.rejudge import with_problems
from exr_inspector.validation.reports import ValidationResult, sort_findings


def _prefix(target: str) -> tuple[str, Callable[[str], bool]]:
    """What paths begin with, and which of those are meant: all, or those whose names match a pattern."""
    if not is_pattern(target):
        return target, lambda _: True
    pattern = parse_pattern(target)
    return pattern.beginning, pattern.matches


def judge_catalog(
    connection: Connection, prefixes: Iterable[str], policy: Policy, frames: Frames | None
) -> Iterator[ValidationResult]:
    """Judge again what the tables hold below prefixes or patterns; with `frames`, these are gathered."""
    for target in prefixes:
        start, is_meant = _prefix(target)
        for path, stored, fault in stored_inspections(connection, start):
            if stored is None and is_meant(path):
                yield ValidationResult(path, (), policy.label, fault)
            elif stored is not None and is_meant(path):
                again = with_problems(stored)
                findings = sort_findings(validate(again, policy))
                yield ValidationResult(path, findings, policy.label, unchecked=unchecked(again))
                if frames is not None:
                    frames.add(replace(again, findings=findings), path)


def gather_frames(connection: Connection, prefixes: Iterable[str], frames: Frames) -> None:
    """Add the frames that the tables hold below prefixes or patterns, by their rows of files, parts and channels."""
    for target in prefixes:
        start, is_meant = _prefix(target)
        for rows in stored_frames(connection, start):
            path = str(rows.file["path"])
            if is_meant(path):
                frames.add_row(rows, path)


def store_sequences(
    connection: Connection, prefixes: Iterable[str], frames: Frames, judgement: Judgement, since: datetime
) -> None:
    """Store what was found in the sequences of whole folders: of those below a prefix that ends in a slash.

    Args:
        connection: The tables.
        prefixes: What was judged.
        frames: The files that were met.
        judgement: What was found.
        since: When reading them began.
    """
    whole = tuple(prefix for prefix in prefixes if not prefix or prefix.endswith("/"))
    by_folder: dict[str, list[str]] = {}
    for name in frames.names:
        if name.startswith(whole):
            by_folder.setdefault(name.rpartition("/")[0], []).append(name)
    judgements = judgement.by_directory()
    for directory, names in by_folder.items():
        mine = judgements.get(directory, NOTHING)
        store_folder(connection, directory, mine, names, since, newest_file=frames.newest[directory])
