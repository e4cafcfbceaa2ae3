"""Reads sequences for a report from the tables: rows of files and of `sequence_validation`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from exr_inspector.catalog.read.inspections import stored_inspections
from exr_inspector.catalog.rows.read_back import thumbnail
from exr_inspector.catalog.schema import SEQUENCE_VALIDATION, THUMBNAILS
from exr_inspector.catalog.sdk.connection import Connection
from exr_inspector.catalog.sdk.predicates import has_prefix
from exr_inspector.catalog.sdk.work import Work, rows_of
from exr_inspector.delivery.check import checked_file
from exr_inspector.delivery.checked import with_files
from exr_inspector.delivery.patterns import is_below, is_pattern, parse_pattern
from exr_inspector.delivery.sequences import CheckedFile, CheckedSequence
from exr_inspector.model import StatsMode, Status, Thumbnail
from exr_inspector.report.figures import FrameFigures, figures_of
from exr_inspector.sync.sequences import sequence_finding
from exr_inspector.validation.frame_numbers import FrameNumbers
from exr_inspector.validation.inspected_frames import frame_of_inspection

_COLUMNS = (
    "sequence", "finding_index", "code", "severity_rank", "message", "frames", "found", "expected",
    "first_frame", "last_frame", "expected_frames", "missing_frames", "rerender_frames", "header_edit_frames",
    "conversion_frames", "policy",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class StoredSequence:
    """A stored sequence.

    Attributes:
        checked: The sequence with its files.
        figures: Figures of its files by path.
        layers: Thumbnails by path, of the files that have some: one, or one for each layer.
        read: Number of its readable files by which of their pixels were read.
    """

    checked: CheckedSequence
    figures: Mapping[str, FrameFigures]
    layers: Mapping[str, Sequence[Thumbnail]]
    read: Counter[StatsMode]

    @property
    def has_frames(self) -> bool:
        """Whether there are rows of its frames; False if all were removed since the sequence was validated."""
        return any(file.frame is not None for file in self.checked.files)


@dataclass(frozen=True, slots=True)
class SequenceRows:
    """The rows of one sequence in `sequence_validation`, at least one, by `finding_index`."""

    name: str
    policy: str
    rows: Sequence[Mapping[str, Any]]


def stored_sequences(connection: Connection, prefixes: Iterable[str]) -> list[SequenceRows]:
    """The stored sequences below prefixes, or with the names of patterns, by name.

    Raises:
        CatalogError: The tables cannot be read.
    """
    found: dict[str, list[Mapping[str, Any]]] = {}
    for prefix in prefixes:
        pattern = parse_pattern(prefix)
        is_wanted = pattern.matches_sequence if is_pattern(prefix) else partial(is_below, prefix)
        start = pattern.beginning
        for row in connection.run("read sequences", lambda work, start=start: _rows(work, start)):  # type: ignore[misc]
            if is_wanted(row["sequence"]):
                found.setdefault(row["sequence"], []).append(row)
    ordered = {name: sorted(rows, key=lambda row: row["finding_index"]) for name, rows in found.items()}
    return [SequenceRows(name, str(rows[0]["policy"]), rows) for name, rows in sorted(ordered.items())]


def _rows(work: Work, start: str) -> list[dict[str, Any]]:
    return rows_of(work.select(SEQUENCE_VALIDATION, _COLUMNS, has_prefix("sequence", start)))


def read_sequence(connection: Connection, known: SequenceRows) -> StoredSequence:
    """Read the files of a sequence from the tables.

    Raises:
        CatalogError: The tables cannot be read.
    """
    files: list[CheckedFile] = []
    figures: dict[str, FrameFigures] = {}
    read: Counter[StatsMode] = Counter()
    start = known.name.partition("#")[0]
    layers = connection.run("read thumbnails", lambda work: _thumbnails(work, start))
    for path, stored, fault in stored_inspections(connection, start):
        if stored is None:
            files.append(CheckedFile(path, None, (), fault))
        elif stored.name.sequence == known.name:
            summary = frame_of_inspection(stored)
            files.append(replace(checked_file(path, stored.name.frame, stored), summary=summary))
            figures[path] = figures_of(stored, layers.get(path, ()))
            if stored.status is Status.INSPECTED:
                read[stored.stats_mode] += 1
    first = known.rows[0]
    checked = CheckedSequence(
        pattern=known.name,
        file_count=len(files),
        expected=FrameNumbers.parse(first["expected_frames"] or f"{first['first_frame']}-{first['last_frame']}"),
        policy=known.policy,
        missing=FrameNumbers.parse(first["missing_frames"] or ""),
        findings=tuple(sequence_finding(row) for row in known.rows if row["code"] is not None),
        rerender=FrameNumbers.parse(first["rerender_frames"] or ""),
        header_edits=FrameNumbers.parse(first["header_edit_frames"] or ""),
        conversions=FrameNumbers.parse(first["conversion_frames"] or ""),
    )
    ordered = sorted(files, key=lambda file: (file.frame or 0, file.path))
    return StoredSequence(with_files(checked, ordered), figures, layers, read)


def _thumbnails(work: Work, start: str) -> dict[str, list[Thumbnail]]:
    """The thumbnails of files whose paths begin with `start`, by path, in the order of their rows."""
    rows = rows_of(work.select(THUMBNAILS, THUMBNAILS.arrow.names, has_prefix("file_path", start)))
    found: dict[str, list[Thumbnail]] = {}
    for row in sorted(rows, key=lambda row: row["thumbnail_index"]):
        found.setdefault(row["file_path"], []).append(thumbnail(row))
    return found
