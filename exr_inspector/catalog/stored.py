"""What the tables hold of files, as writers need it: where they stand, their guards, their child rows. In a transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timezone
from typing import Any

import pyarrow as pa

from exr_inspector.catalog.outcomes import Outcome
from exr_inspector.catalog.precedence import StoredFile
from exr_inspector.catalog.schema import CHILDREN, FILES, GUARD_COUNT, GUARDS, INSPECTIONS
from exr_inspector.catalog.schema.columns import TEXT, TIME
from exr_inspector.catalog.sdk.connection import ROW_ID, CatalogConfig, Work, rows_of
from exr_inspector.catalog.versions import Standing, depth_of, guard_id
from exr_inspector.errors import SchemaMissing
from exr_inspector.model import EventInfo, ObjectVersion

STANDING_COLUMNS = (
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
)


def stored_file(row: Mapping[str, Any]) -> StoredFile:
    """A row with STANDING_COLUMNS and `$row_id` as a value."""
    return StoredFile(
        row_id=row[ROW_ID],
        path=row["path"],
        inspection_id=row["inspection_id"],
        standing=Standing(
            content_key=row["content_key"],
            mtime=_utc(row["mtime"]),
            sequencer=row["sequencer"],
            inspected_at=row["inspected_at"].replace(tzinfo=timezone.utc),
            inspector_version=row["inspector_version"],
            depth=depth_of(row["stats_mode"]),
            stopped=bool(row["stats_stopped"]),
            policy=row["policy"] or "",
            error_code=row["error_code"],
            event_time=_utc(row["event_time"]),
        ),
        version=_version(row["etag"], row["size_bytes"], _utc(row["mtime"])),
    )


def _version(etag: str | None, size_bytes: int | None, mtime: datetime | None) -> ObjectVersion | None:
    return None if size_bytes is None or mtime is None else ObjectVersion(etag, size_bytes, mtime)


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=timezone.utc) if moment else None


def stored_files(work: Work, file_ids: Iterable[str]) -> dict[str, list[StoredFile]]:
    """What is stored of these files, by file_id; files without a row are left out."""
    found: dict[str, list[StoredFile]] = {}
    for row in rows_of(work.select_in(FILES, STANDING_COLUMNS, "file_id", file_ids, row_ids=True)):
        found.setdefault(row["file_id"], []).append(stored_file(row))
    return found


def told_removals(work: Work, file_ids: Iterable[str]) -> dict[str, list[EventInfo]]:
    """The events by which these files were removed or found to be gone, by file_id."""
    found: dict[str, list[EventInfo]] = {}
    columns = ["file_id", "outcome", "sequencer", "event_time"]
    for row in rows_of(work.select_in(INSPECTIONS, columns, "file_id", file_ids)):
        if row["outcome"] in {Outcome.REMOVED.value, Outcome.ABSENT.value}:
            event = EventInfo(sequencer=row["sequencer"], time=_utc(row["event_time"]))
            found.setdefault(row["file_id"], []).append(event)
    return found


def touch_guards(work: Work, file_ids: Iterable[str], touched_by: str, config: CatalogConfig) -> None:
    """Update the guards of these files, so that another transaction that does so, too, is refused.

    Raises:
        SchemaMissing: Guard rows are missing.
        CatalogConflict: Another transaction was faster.
    """
    wanted = {guard_id(file) for file in file_ids}
    rows = [row for row in rows_of(_guards(work, wanted)) if row["guard_id"] in wanted]
    if {row["guard_id"] for row in rows} != wanted:
        raise SchemaMissing("rows of the table guards are missing: `./run db setup` puts them there")
    count = len(rows)
    work.update(
        GUARDS,
        pa.table(
            {
                ROW_ID: pa.array([row[ROW_ID] for row in rows], pa.uint64()),
                "touched_by": pa.array([touched_by] * count, TEXT),
                "touched_at": pa.array([config.clock().replace(tzinfo=None)] * count, TIME),
            }
        ),
    )


def _guards(work: Work, wanted: set[int]) -> Iterator[pa.RecordBatch]:
    """The guards that are wanted, or, where to name them would cost more, all."""
    if len(wanted) > GUARD_COUNT // 8:
        return work.select(GUARDS, ["guard_id"], row_ids=True)
    return work.select_in(GUARDS, ["guard_id"], "guard_id", sorted(wanted), row_ids=True)


def delete_children(work: Work, file_ids: Iterable[str]) -> dict[str, int]:
    """Delete all rows of these files from the child tables; how many of each file."""
    wanted = list(file_ids)
    deleted = dict.fromkeys(wanted, 0)
    for table in CHILDREN:
        row_ids: list[int] = []
        for batch in work.select_in(table, ["file_id"], "file_id", wanted, row_ids=True):
            row_ids += batch[ROW_ID].to_pylist()
            for file in batch["file_id"].to_pylist():
                deleted[file] += 1
        work.delete(table, row_ids)
    return deleted
