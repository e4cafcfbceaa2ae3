"""What the tables hold of files, as writers need it: where they stand, their guards, their child rows. In a transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
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
from exr_inspector.catalog.sdk.connection import ROW_ID, CatalogConfig, Where, Work, rows_of
from exr_inspector.catalog.versions import VersionInfo, depth_of, guard_id
from exr_inspector.errors import SchemaMissing
from exr_inspector.model import EventInfo, ObjectVersion

_RARE_COUNTS = {table.name: ROW_COUNTS[table.name] for table in RARE}
CLOCKS_DIFFER = timedelta(minutes=5)  # of hosts that set theirs by NTP, at most
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
    *_RARE_COUNTS.values(),
    "decoder",
)


def stored_file(row: Mapping[str, Any]) -> StoredFile:
    """A row with STANDING_COLUMNS and `$row_id` as a value."""
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


def known_version(etag: str | None, size_bytes: int | None, mtime: datetime | None) -> ObjectVersion | None:
    """The version that a row names; None of an object that could not be read."""
    return None if size_bytes is None or mtime is None else ObjectVersion(etag, size_bytes, mtime)


def stored_files(work: Work, paths: Iterable[str]) -> dict[str, list[StoredFile]]:
    """What is stored of these files, by file_id; files without a row are left out."""
    return _by_file(work.select_in(FILES, STANDING_COLUMNS, "path", paths, row_ids=True))


def stored_files_where(work: Work, where: Where | None) -> dict[str, list[StoredFile]]:
    """What is stored of the files to whose rows a condition applies, by file_id."""
    return _by_file(work.select(FILES, STANDING_COLUMNS, where, row_ids=True))


def _by_file(batches: Iterable[pa.RecordBatch]) -> dict[str, list[StoredFile]]:
    found: dict[str, list[StoredFile]] = {}
    for row in rows_of(batches):
        found.setdefault(row["file_id"], []).append(stored_file(row))
    return found


def recorded_removals(work: Work, paths: Iterable[str], since: datetime | None) -> dict[str, list[EventInfo]]:
    """The events by which these files were removed or found to be gone, by file_id.

    Args:
        work: The transaction.
        paths: `<bucket>/<key>` as stored.
        since: Only what was recorded from then on, None for all.
    """
    found: dict[str, list[EventInfo]] = {}
    columns = ["file_id", "outcome", "sequencer", "event_time"]
    for row in rows_of(work.select_in(INSPECTIONS, columns, "file_path", paths, also=recorded_since(since))):
        if row["outcome"] in {Outcome.REMOVED.value, Outcome.ABSENT.value}:
            event = EventInfo(sequencer=row["sequencer"], time=utc(row["event_time"]))
            found.setdefault(row["file_id"], []).append(event)
    return found


def recorded_since(moment: datetime | None) -> Where | None:
    """Rows of `inspections`, which is sorted by time, that were recorded from then on, or little before: clocks differ."""
    if moment is None:
        return None
    start = stored_time(moment) - CLOCKS_DIFFER
    return lambda table: table["recorded_at"] >= start


def unstored_manifests(work: Work, items: Iterable[Prepared]) -> dict[str, pa.RecordBatch]:
    """The names of Cryptomatte manifests that these inspections need and that are not stored yet, by hash.

    One request, and none where no inspection has any.
    """
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
    """Update the guards of these files, so that another transaction that does so, too, is refused.

    Raises:
        SchemaMissing: Guard rows are missing.
        CatalogConflict: Another transaction was faster.
    """
    wanted = {guard_id(file, work.guard_count) for file in file_ids}
    rows = rows_of(work.select_in(GUARDS, ["guard_id"], "guard_id", sorted(wanted), row_ids=True))
    if {row["guard_id"] for row in rows} != wanted:
        raise SchemaMissing("rows of the table guards are missing: `./run db setup` puts them there")
    columns = {
        "touched_by": pa.array([touched_by] * len(rows), TEXT),
        "touched_at": pa.array([config.clock()] * len(rows), TIME),
    }
    work.update(GUARDS, [row[ROW_ID] for row in rows], columns)


def delete_files(work: Work, stored: Mapping[str, Sequence[StoredFile]]) -> dict[str, int]:
    """Delete all rows of these files; how many of each file, by file_id."""
    rows = [row for rows in stored.values() for row in rows]
    deleted = Counter({file: len(rows) for file, rows in stored.items()})
    paths = {
        table: [row.path for row in rows if table not in RARE or table.name in row.rare_tables] for table in CHILDREN
    }
    found = work.at_once([partial(_children, work, table, wanted) for table, wanted in paths.items() if wanted])
    to_delete = [(FILES, [row.row_id for row in rows])]
    for table, row_ids, files in found:
        to_delete.append((table, row_ids))
        deleted.update(files)
    work.at_once([partial(work.delete, table, row_ids) for table, row_ids in to_delete if row_ids])
    return deleted


def _children(work: Work, table: Table, paths: Sequence[str]) -> tuple[Table, list[RowId], list[str]]:
    """The table, the row ids in it that belong to these files, and the file_id of each."""
    row_ids: list[RowId] = []
    files: list[str] = []
    for batch in work.select_in(table, ["file_id"], "file_path", paths, row_ids=True):
        row_ids += batch[ROW_ID].to_pylist()
        files += batch["file_id"].to_pylist()
    return table, row_ids, files
