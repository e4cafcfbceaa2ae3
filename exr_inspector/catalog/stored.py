"""Stored rows as writers need them, within a transaction: rows of `files`, guards, child rows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any

import pyarrow as pa

from exr_inspector.catalog.outcomes import Outcome
from exr_inspector.catalog.precedence import StoredFile
from exr_inspector.catalog.rows.groups import Prepared
from exr_inspector.catalog.schema import (
    CHILDREN,
    CRYPTOMATTE_MANIFESTS,
    FILES,
    GUARDS,
    INSPECTIONS,
    RARE,
    ROW_COUNTS,
    Table,
)
from exr_inspector.catalog.schema.columns import TEXT, TIME, RowId, stored_time, utc
from exr_inspector.catalog.sdk.config import CatalogConfig
from exr_inspector.catalog.sdk.predicates import Where
from exr_inspector.catalog.sdk.work import ROW_ID, Work, rows_of
from exr_inspector.catalog.versions import VersionInfo, depth_of, guard_id, known_version
from exr_inspector.errors import SchemaMissing
from exr_inspector.model import EventInfo
from exr_inspector.texts import program_command

_RARE_COUNTS = {table.name: ROW_COUNTS[table.name] for table in RARE}
MAX_CLOCK_DIFFERENCE = timedelta(minutes=5)  # between hosts that use NTP
STORED_FILE_COLUMNS = (
    "file_id",
    "path",
    "content_key",
    "inspection_id",
    "etag",
    "size_bytes",
    "mtime",
    "sequencer",
    "inspected_at",
    "inspector_version",
    "stats_mode",
    "stats_stopped",
    "policy",
    "error_code",
    "event_time",
    *_RARE_COUNTS.values(),
    "decoder",
)


def stored_file(row: Mapping[str, Any]) -> StoredFile:
    """The value of a row with STORED_FILE_COLUMNS and `$row_id`."""
    return StoredFile(
        row_id=row[ROW_ID],
        path=row["path"],
        inspection_id=row["inspection_id"],
        version_info=VersionInfo(
            content_key=row["content_key"],
            mtime=utc(row["mtime"]),
            sequencer=row["sequencer"],
            inspected_at=row["inspected_at"].replace(tzinfo=timezone.utc),
            inspector_version=row["inspector_version"],
            depth=depth_of(row["stats_mode"]),
            stopped=row["stats_stopped"] or "",
            policy=row["policy"] or "",
            error_code=row["error_code"],
            event_time=utc(row["event_time"]),
            decoder=row["decoder"],
        ),
        version=known_version(row["etag"], row["size_bytes"], utc(row["mtime"])),
        rare_tables=frozenset(name for name, column in _RARE_COUNTS.items() if row[column]),
    )


def stored_files(work: Work, paths: Iterable[str]) -> dict[str, list[StoredFile]]:
    """The stored rows of these files, by file_id; files without rows are left out."""
    return _by_file(work.select_in(FILES, STORED_FILE_COLUMNS, "path", paths, row_ids=True))


def stored_files_where(work: Work, where: Where | None) -> dict[str, list[StoredFile]]:
    """The stored rows of files that satisfy a condition, by file_id."""
    return _by_file(work.select(FILES, STORED_FILE_COLUMNS, where, row_ids=True))


def _by_file(batches: Iterable[pa.RecordBatch]) -> dict[str, list[StoredFile]]:
    found: dict[str, list[StoredFile]] = {}
    for row in rows_of(batches):
        found.setdefault(row["file_id"], []).append(stored_file(row))
    return found


def recorded_removals(work: Work, paths: Iterable[str], since: datetime | None) -> dict[str, list[EventInfo]]:
    """The events of recorded removals of these files, by file_id.

    Args:
        work: The transaction.
        paths: `<bucket>/<key>` as stored.
        since: Only removals that were recorded since this time; None for all.
    """
    found: dict[str, list[EventInfo]] = {}
    columns = ["file_id", "outcome", "sequencer", "event_time"]
    for row in rows_of(work.select_in(INSPECTIONS, columns, "file_path", paths, also=recorded_since(since))):
        if row["outcome"] in {Outcome.REMOVED.value, Outcome.ABSENT.value}:
            event = EventInfo(sequencer=row["sequencer"], time=utc(row["event_time"]))
            found.setdefault(row["file_id"], []).append(event)
    return found


def recorded_since(moment: datetime | None) -> Where | None:
    """Rows of `inspections` recorded since a moment, and some minutes before it, since clocks differ; None for all rows."""
    if moment is None:
        return None
    start = stored_time(moment) - MAX_CLOCK_DIFFERENCE
    return lambda table: table["recorded_at"] >= start


def unstored_manifests(work: Work, items: Iterable[Prepared]) -> dict[str, pa.RecordBatch]:
    """The rows of the Cryptomatte manifests of these inspections that are not stored yet, by hash; at most one request."""
    needed = {name: item.group.manifests[name] for item in items for name in item.manifests}
    known = work.select_in(
        CRYPTOMATTE_MANIFESTS,
        ["manifest_hash"],
        "manifest_hash",
        needed,
        also=lambda table: table["name_index"] == 0,
    )
    for row in rows_of(known):
        needed.pop(row["manifest_hash"], None)
    return needed


def touch_guards(work: Work, file_ids: Iterable[str], touched_by: str, config: CatalogConfig) -> None:
    """Update the guard rows of these files, so that a concurrent transaction that also updates one of them gets a conflict.

    Raises:
        SchemaMissing: Guard rows are missing.
        CatalogConflict: Another transaction updated one first.
    """
    update_guards(work, _guards(work, file_ids).row_ids, touched_by, config)


def update_guards(work: Work, row_ids: Sequence[RowId], touched_by: str, config: CatalogConfig) -> None:
    """Update these guard rows.

    Raises:
        CatalogConflict: Another transaction updated one first.
    """
    columns = {
        "touched_by": pa.array([touched_by] * len(row_ids), TEXT),
        "touched_at": pa.array([config.clock()] * len(row_ids), TIME),
    }
    work.update(GUARDS, row_ids, columns)


@dataclass(frozen=True, slots=True)
class FoundRows:
    """Rows of one table.

    Attributes:
        table: The table.
        row_ids: Their ids.
        file_ids: The file of each row; none for guard rows.
    """

    table: Table
    row_ids: Sequence[RowId]
    file_ids: Sequence[str] = ()


def find_rows(
    work: Work, guarded: Collection[str], stored: Mapping[str, Sequence[StoredFile]]
) -> tuple[FoundRows, list[FoundRows]]:
    """The guard rows of some files, and all rows of others, table by table; every table is looked up at the same time.

    Args:
        work: The transaction.
        guarded: Ids of the files whose guard rows are needed.
        stored: The rows of `files` of those whose rows are needed.

    Raises:
        SchemaMissing: Guard rows are missing.
    """
    rows = [(file, row) for file, each in stored.items() for row in each]
    paths = {
        table: [row.path for _, row in rows if table not in RARE or table.name in row.rare_tables] for table in CHILDREN
    }
    looked_up = [partial(_children, work, table, wanted) for table, wanted in paths.items() if wanted]
    if guarded:
        looked_up.insert(0, partial(_guards, work, guarded))
    found = work.at_once(looked_up) if looked_up else []
    guards = found.pop(0) if guarded else FoundRows(GUARDS, ())
    return guards, [FoundRows(FILES, [row.row_id for _, row in rows], [file for file, _ in rows]), *found]


def _guards(work: Work, file_ids: Iterable[str]) -> FoundRows:
    wanted = {guard_id(file, work.guard_count) for file in file_ids}
    rows = rows_of(work.select_in(GUARDS, ["guard_id"], "guard_id", sorted(wanted), row_ids=True))
    if {row["guard_id"] for row in rows} != wanted:
        raise SchemaMissing(f"rows of the table guards are missing: {program_command('db setup')} inserts them")
    return FoundRows(GUARDS, [row[ROW_ID] for row in rows])


def _children(work: Work, table: Table, paths: Sequence[str]) -> FoundRows:
    """The rows of these files in a table."""
    row_ids: list[RowId] = []
    files: list[str] = []
    for batch in work.select_in(table, ["file_id"], "file_path", paths, row_ids=True):
        row_ids += batch[ROW_ID].to_pylist()
        files += batch["file_id"].to_pylist()
    return FoundRows(table, row_ids, files)
