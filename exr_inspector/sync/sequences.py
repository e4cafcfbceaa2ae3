"""Validate the sequences of folders by their stored rows.

An event derives the sequence of a file from the file's own name only. Ingest, sweep, watch and `db reconcile --fix`, at
their end, call `validate_folders` for folders that are up to date. It reads a folder's rows once, compares the names of
its files to correct their `sequence`, `frame_number` and `frame_padding`, validates its sequences, and replaces the
folder's rows of `sequence_validation`:

    checked = validate_folders(catalog.connection, ["renders/sh010", "renders/sh020"], policy, deadline=deadline)

The rows of a folder without files are deleted. `outdated_folders` finds folders whose files were stored or removed
without a validation, by events or by a process that was killed. A small folder costs 17 requests, half of them in a
transaction that updates a guard row: of two concurrent calls, the one that read later wins. A repeated call changes
nothing. Frame ranges that a `check` required stay required.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import pyarrow as pa

from exr_inspector.catalog.read.frames import unnamed_frame
from exr_inspector.catalog.read.pages import stored_frames
from exr_inspector.catalog.rows.build import arrow_columns
from exr_inspector.catalog.schema import FILES, SEQUENCE_VALIDATION
from exr_inspector.catalog.schema.columns import INT, LONG, TEXT
from exr_inspector.catalog.schema.sequences import SequenceRecord
from exr_inspector.catalog.sdk.config import CatalogConfig
from exr_inspector.catalog.sdk.connection import Connection
from exr_inspector.catalog.sdk.predicates import every, has_prefix, is_in
from exr_inspector.catalog.sdk.work import ROW_ID, Work, rows_of
from exr_inspector.catalog.stored import touch_guards
from exr_inspector.catalog.versions import file_id
from exr_inspector.deadline import Deadline
from exr_inspector.delivery.naming import Frame
from exr_inspector.delivery.sequences import CheckedFrames, CheckedSequence, check_frames, with_findings
from exr_inspector.model import Finding, Severity
from exr_inspector.texts import unicode_text
from exr_inspector.validation import FrameSummary, Policy
from exr_inspector.validation.frame_numbers import FrameNumbers
from exr_inspector.validation.rules.sequences.comparison import named

# These rules compare pixels or the names of objects, which rows do not hold.
NOT_IN_ROWS = frozenset(
    {"CRY-SEQ", "SEQ-AREA", "SEQ-BUCKET", "SEQ-FIELDS", "SEQ-LAYER", "SEQ-MIRROR", "SEQ-SEAM", "SEQ-TONE", "SEQ-VIEWS"}
)
_BESIDE_OTHERS = NOT_IN_ROWS - {"SEQ-BUCKET", "SEQ-FIELDS", "SEQ-SEAM"}  # no longer true if other frames change
Place = tuple[str, Frame] | None  # sequence and frame of a file; None if it is not a frame
ValidationRows = Mapping[str, Sequence[Mapping[str, Any]]]  # rows of `sequence_validation`, by folder


def validate_folders(
    connection: Connection, directories: Iterable[str], policy: Policy, *, deadline: Deadline | None = None
) -> Iterator[CheckedFrames]:
    """Validate the sequences of folders by their rows and store the findings; yields the sequences of each folder.

    The findings of a folder that another process read later are not stored.

    Args:
        connection: The tables.
        directories: Folders with their buckets (`files.directory`); folders below them are not included.
        policy: The policy.
        deadline: When to give up storing.

    Raises:
        CatalogError: The tables cannot be read or written; finished folders stay stored.
    """
    for directory in sorted(set(directories)):
        yield _validate_folder(connection, directory, policy, deadline)


def _validate_folder(
    connection: Connection, directory: str, policy: Policy, deadline: Deadline | None
) -> CheckedFrames:
    since = connection.config.clock()
    files: dict[str, FrameSummary] = {}
    for rows in stored_frames(connection, f"{directory}/", attributes=policy.compared_attributes):
        if "/" in str(rows.file["path"])[len(directory) + 1 :]:
            continue
        if (frame := unnamed_frame(rows)) is not None:
            files[frame.path] = frame
    folder = _Folder(directory, tuple(files), since)

    def body(work: Work) -> CheckedFrames:
        before = validation_rows(work, directory)
        checked = check_frames(files, policy, required=required_ranges({directory: before}))
        _replace(work, connection.config, folder, checked, before)
        return checked

    return connection.run("validate and store the sequences of a folder", body, deadline=deadline)


def required_ranges(last: ValidationRows) -> dict[str, tuple[range, ...]]:
    """Return the frame ranges that these validations required, by sequence."""
    rows = [row for each in last.values() for row in each if row["asked_frames"]]
    return {row["sequence"]: FrameNumbers.parse(row["asked_frames"]).spans for row in rows}


def outdated_folders(connection: Connection, prefix: str, *, deadline: Deadline | None = None) -> set[str]:
    """Return the folders, with their buckets, in which files were stored or removed since their sequences were validated.

    A folder without validated sequences is found only if the name of one of its files alone indicates a sequence.

    Args:
        connection: The tables.
        prefix: The folders with files below this prefix, `bucket/key`; empty for all.
        deadline: When to give up reading.

    Raises:
        CatalogError: The tables cannot be read.
    """
    below = unicode_text(prefix[: prefix.rfind("/") + 1])

    def read(work: Work) -> set[str]:
        columns = ("sequence", "file_count", "judged_at")
        rows = rows_of(work.select(SEQUENCE_VALIDATION, columns, has_prefix("sequence", below)))
        validated = {row["sequence"]: (row["file_count"], row["judged_at"]) for row in rows}
        counts: Counter[str] = Counter()
        outdated: set[str] = set()
        for batch in work.select(FILES, ["sequence", "inspected_at"], has_prefix("path", below)):
            groups = (
                pa.Table.from_batches([batch])
                .group_by("sequence")
                .aggregate([("inspected_at", "count"), ("inspected_at", "max")])
            )
            for group in groups.to_pylist():
                if (sequence := group["sequence"]) is None:
                    continue
                counts[sequence] += group["inspected_at_count"]
                if sequence not in validated or group["inspected_at_max"] > validated[sequence][1]:
                    outdated.add(sequence)
        outdated.update(sequence for sequence, (count, _) in validated.items() if count != counts[sequence])
        return {sequence.rpartition("/")[0] for sequence in outdated}

    return connection.run("look for outdated sequences", read, deadline=deadline)


@dataclass(frozen=True, slots=True)
class _Folder:
    """A validated folder.

    Attributes:
        directory: Folder with its bucket.
        paths: The paths of all its files, as in the tables.
        judged_at: Time when reading them began.
        inspected: Time of each file's inspection; None if rows were validated. See `store_folder`.
    """

    directory: str
    paths: tuple[str, ...]
    judged_at: datetime
    inspected: Mapping[str, datetime] | None = None


def store_folder(
    connection: Connection,
    directory: str,
    checked: CheckedFrames,
    paths: Iterable[str],
    judged_at: datetime,
    *,
    inspected: Mapping[str, datetime] | None = None,
    only: Collection[str] | None = None,
) -> bool:
    """Replace a folder's rows of `sequence_validation` and correct the sequence and frame of its files, in one transaction.

    Args:
        connection: The tables.
        directory: Folder with its bucket.
        checked: The result of its validation.
        paths: The paths of all its files, as in the tables.
        judged_at: Time when reading them began, UTC.
        inspected: Time of each file's inspection, UTC, by its path in the tables. None if rows were validated: earlier
            findings that need the files themselves are then kept for frames that were not inspected again.
        only: The sequences whose rows are replaced, if only a part of the folder was validated.

    Returns:
        False if the tables contain the result of a later reading, which is kept.

    Raises:
        CatalogError: The tables cannot be read or written.
    """
    folder = _Folder(directory, tuple(paths), judged_at, inspected)

    def body(work: Work) -> bool:
        before = [row for row in validation_rows(work, directory) if only is None or row["sequence"] in only]
        return _replace(work, connection.config, folder, checked, before)

    return connection.run("store the sequences of a folder", body)


def _replace(
    work: Work, config: CatalogConfig, folder: _Folder, checked: CheckedFrames, before: Sequence[Mapping[str, Any]]
) -> bool:
    """Replace the rows `before` with the result of a validation; False, without a change, if they are of a later reading."""
    if any(row["judged_at"] > folder.judged_at for row in before):
        return False
    frames: dict[str, Place] = dict.fromkeys(map(unicode_text, folder.paths))
    frames.update((unicode_text(path), place) for path, place in checked.frames.items())
    files = stored_file_rows(work, folder.directory, frames)
    changed = [
        row
        for row in files
        if (row["sequence"], row["frame_number"], row["frame_padding"]) != _columns(frames[row["path"]])
    ]
    guards = [file_id(f"{folder.directory}/"), *(row["file_id"] for row in changed)]
    touch_guards(work, guards, "sequences", config)
    kept = kept_findings(before, files, frames) if folder.inspected is None else {}
    judged_at = _covered_until(folder, files)
    work.delete(SEQUENCE_VALIDATION, [row[ROW_ID] for row in before])
    records = [
        record
        for sequence in checked.sequences
        for record in sequence_records(with_other_findings(sequence, kept.get(sequence.pattern, ())), judged_at)
    ]
    if records:
        columns = arrow_columns(SEQUENCE_VALIDATION, SEQUENCE_VALIDATION.columns, records)
        work.insert(SEQUENCE_VALIDATION, pa.table(columns, schema=SEQUENCE_VALIDATION.arrow))
    if changed:
        _settle(work, changed, frames)
    return True


def with_other_findings(sequence: CheckedSequence, kept: Iterable[Finding]) -> CheckedSequence:
    """Add the findings of an earlier validation whose rules found nothing now."""
    codes = {finding.code for finding in sequence.findings}
    return with_findings(sequence, (finding for finding in kept if finding.code not in codes))


def sequence_records(sequence: CheckedSequence, judged_at: datetime) -> list[SequenceRecord]:
    """Return the records of a sequence: one per finding, or a single one for a sequence without findings."""
    findings = sequence.findings or (None,)
    return [SequenceRecord(sequence, position, finding, judged_at) for position, finding in enumerate(findings)]


def validation_rows(work: Work, directory: str) -> list[dict[str, Any]]:
    """The rows of a folder in `sequence_validation`."""
    columns = (
        "sequence", "code", "severity_rank", "message", "found", "expected", "frames", "asked_frames", "judged_at",
    )  # fmt: skip
    where = every(has_prefix("sequence", unicode_text(f"{directory}/")), is_in("directory", [unicode_text(directory)]))
    rows = rows_of(work.select(SEQUENCE_VALIDATION, columns, where, row_ids=True))
    return [{**row, "judged_at": row["judged_at"].replace(tzinfo=timezone.utc)} for row in rows]


def _covered_until(folder: _Folder, files: Iterable[Mapping[str, Any]]) -> datetime:
    """Return the time up to which a validation covers its files.

    That is the inspection of the last file, or the start of the reading if another process stored one of the files
    since then.
    """
    later = [row for row in files if row["inspected_at"] > folder.judged_at]
    inspected = folder.inspected or {}
    if any(inspected.get(row["path"]) != row["inspected_at"] for row in later):
        return folder.judged_at
    return max((row["inspected_at"] for row in later), default=folder.judged_at)


def kept_findings(
    before: Iterable[Mapping[str, Any]], files: Iterable[Mapping[str, Any]], frames: Mapping[str, Place]
) -> dict[str, list[Finding]]:
    """Return the stored findings that need the files themselves, by sequence, for frames that were not inspected since."""
    inspected: dict[str, dict[int, datetime]] = {}
    for row in files:
        if (place := frames[row["path"]]) is not None:
            moments, number = inspected.setdefault(unicode_text(place[0]), {}), place[1].number
            moments[number] = max(moments.get(number, row["inspected_at"]), row["inspected_at"])
    kept: dict[str, list[Finding]] = {}
    for row in before:
        if row["code"] in NOT_IN_ROWS:
            moments = inspected.get(row["sequence"], {})
            known = {number for number, moment in moments.items() if moment <= row["judged_at"]}
            is_all = len(known) == len(moments)
            finding = _finding_of_frames(sequence_finding(row), known, is_all=is_all)
            if finding and (is_all or row["code"] not in _BESIDE_OTHERS):
                kept.setdefault(row["sequence"], []).append(finding)
    return kept


def _finding_of_frames(finding: Finding, known: Collection[int], *, is_all: bool) -> Finding | None:
    """Restrict a finding to the known frames; None if none is left. One without frames is kept if all frames are known."""
    if not finding.frames:
        return finding if is_all else None
    before, left = FrameNumbers.of(finding.frames), FrameNumbers.of(n for n in finding.frames if n in known)
    if not left:
        return None
    message = finding.message
    if message.startswith(f"{named(before)}:"):
        message = named(left) + message[len(named(before)) :]
    return finding._replace(frames=left, message=message)


def sequence_finding(row: Mapping[str, Any]) -> Finding:
    """Convert a row of `sequence_validation` to the finding that was stored."""
    return Finding(
        code=row["code"],
        severity=Severity(row["severity_rank"]),
        message=row["message"],
        found=row["found"] or "",
        expected=row["expected"] or "",
        frames=FrameNumbers.parse(row["frames"] or ""),
    )


def stored_file_rows(work: Work, directory: str, paths: Container[str]) -> list[dict[str, Any]]:
    """Return the rows of the files of a folder that are in `paths`: sequence and frame as stored, inspection time in UTC."""
    columns = ("file_id", "path", "sequence", "frame_number", "frame_padding", "inspected_at")
    where = every(has_prefix("path", unicode_text(f"{directory}/")), is_in("directory", [unicode_text(directory)]))
    rows = rows_of(work.select(FILES, columns, where, row_ids=True))
    return [
        {**row, "inspected_at": row["inspected_at"].replace(tzinfo=timezone.utc)}
        for row in rows
        if row["path"] in paths
    ]


def _columns(place: Place) -> tuple[str | None, int | None, int]:
    """Return `sequence`, `frame_number` and `frame_padding` of a file."""
    return (None, None, 0) if place is None else (unicode_text(place[0]), place[1].number, place[1].padding)


def _settle(work: Work, rows: Sequence[Mapping[str, Any]], frames: Mapping[str, Place]) -> None:
    sequences, numbers, paddings = zip(*(_columns(frames[row["path"]]) for row in rows), strict=True)
    columns = {
        "sequence": pa.array(sequences, TEXT),
        "frame_number": pa.array(numbers, LONG),
        "frame_padding": pa.array(paddings, INT),
    }
    work.update(FILES, [row[ROW_ID] for row in rows], columns)
