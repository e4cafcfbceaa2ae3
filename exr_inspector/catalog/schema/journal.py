"""The columns of `inspections`, `guards`, `schema_versions` and `sweeps`."""

from __future__ import annotations

from typing import NamedTuple

from exr_inspector.catalog.schema.columns import (
    INT,
    LONG,
    REAL,
    TEXT,
    TIME,
    clipped,
    nullable,
    object_version,
    required,
    worst_severity,
)
from exr_inspector.model import Inspection

# Powers of two. Two files share a guard of a larger number only if they share one of any smaller number, so that what is cut by
# the smallest (the lanes of `ingest-plan`) never meets at a guard.
LEAST_GUARDS, DEFAULT_GUARDS, MOST_GUARDS = 1 << 10, 1 << 18, 1 << 22


class AuditRecord(NamedTuple):
    """The record of a row of `inspections`, without the columns that the upsert fills."""

    inspection: Inspection
    inspector_version: str


# fmt: off
INSPECTIONS_COLUMNS = (
    required("inspection_id", TEXT, "Unique for every inspection or removal"),
    required("file_id", TEXT, "The file", of=lambda o: o.file_id),
    required("file_path", TEXT, "`<bucket>/<key>`", of=lambda o: o.file_path),
    nullable("content_key", TEXT, "The version that was read; null for a removal", of=lambda o: o.content_key),
    required("recorded_at", TIME, "When this row was written; `db prune` uses it", "UTC"),
    nullable("inspected_at", TIME, "When the file was read; null for a removal", "UTC",
             of=lambda r: r.inspection.inspected_at),
    required("outcome", TEXT, "Result of the write: inserted, replaced, unchanged, ... (see docs/queries.md)"),
    nullable("status", TEXT, "`inspected` or `failed`; null for a removal", of=lambda r: r.inspection.status.value),
    nullable("error_code", TEXT, "Stable code of the error", of=lambda r: r.inspection.error_code),
    nullable("error_message", TEXT, "Message of the error", of=lambda r: clipped(r.inspection.error_message) or None),
    nullable("etag", TEXT, "Version that was read", of=object_version(lambda v: v.etag)),
    nullable("size_bytes", LONG, "Version that was read", "bytes", of=object_version(lambda v: v.size_bytes)),
    nullable("mtime", TIME, "Version that was read", "UTC", of=object_version(lambda v: v.mtime)),
    nullable("stats_mode", TEXT, "Pixels read: `off`, `sampled` or `full`", of=lambda r: r.inspection.stats_mode.value),
    nullable("policy", TEXT, "Name and version of the policy", of=lambda r: r.inspection.policy or None),
    nullable("worst_severity", TEXT, "Highest severity of the findings", of=lambda r: worst_severity(r.inspection)),
    nullable("finding_count", INT, "Findings", "findings", of=lambda r: len(r.inspection.findings)),
    nullable("event_id", TEXT, "Id of the event that caused it", of=lambda r: clipped(r.inspection.event.event_id)),
    nullable("sequencer", TEXT, "The store's sequencer", of=lambda r: clipped(r.inspection.event.sequencer)),
    nullable("event_time", TIME, "Time of the event", "UTC", of=lambda r: r.inspection.event.time),
    nullable("requests", LONG, "Requests to the object store", "requests", of=lambda r: r.inspection.cost.requests),
    nullable("bytes_read", LONG, "Bytes in the bodies of the responses", "bytes", of=lambda r: r.inspection.cost.bytes_read),
    nullable("duration_ms", REAL, "Time from the first request to the last rule", "ms", of=lambda r: r.inspection.duration_ms),
    nullable("worker", TEXT, "Name of the process, as configured"),
    required("inspector_version", TEXT, "Version of exr-inspector", of=lambda r: r.inspector_version),
    required("schema_version", INT, "Version of these tables"),
)

GUARDS_COLUMNS = (
    required("guard_id", INT, "From 0; the guard of a file is chosen by its path's hash among the number in `schema_versions`"),
    nullable("touched_by", TEXT, "The last write that updated it; null before the first"),
    nullable("touched_at", TIME, "When", "UTC"),
)

SCHEMA_VERSIONS_COLUMNS = (
    required("schema_version", INT, "Version of these tables"),
    required("guard_count", INT, "Rows of `guards`; the same in all rows", "rows"),
    required("applied_at", TIME, "When `db setup` made these changes", "UTC"),
    required("inspector_version", TEXT, "Version of exr-inspector that made them"),
    required("changes", TEXT, "What was created or added, JSON text list"),
    nullable("tables_digest", TEXT, "SHA-256 of the definitions of the tables, hexadecimal"),
)

# The progress of each shard of a swept prefix.
SWEEPS_COLUMNS = (
    required("root", TEXT, "The swept prefix, `<bucket>/<prefix>/`"),
    required("first_path", TEXT, "First path of the shard, which ends before the next shard of the root"),
    nullable("watermark", TIME, "Changes of objects before this moment are in the tables", "UTC"),
    nullable("compared_at", TIME, "When the last complete comparison of objects with rows began; null before the first",
             "UTC"),
    nullable("position", TEXT, "Path that the current comparison has reached; null if there is none"),
    nullable("pass_started", TIME, "When the current comparison began", "UTC"),
    nullable("pending_since", TIME, "Oldest change that the current comparison has postponed: not settled, or failed",
             "UTC"),
    required("failed_files", INT, "Files that the last tick could not bring up to date", "files"),
    nullable("message", TEXT, "First failure of the last tick"),
    nullable("unlisted", TEXT, "Permanently unreadable files and folders that were logged: 8 hexadecimal digits for each"),
    nullable("claimed_by", TEXT, "Invocation that works on the shard"),
    nullable("claimed_until", TIME, "When another invocation may take the shard if that one has ended", "UTC"),
)
# fmt: on
