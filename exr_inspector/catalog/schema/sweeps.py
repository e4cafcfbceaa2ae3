"""The columns of the table `sweeps`: the progress of each shard of a swept prefix."""

from __future__ import annotations

from exr_inspector.catalog.schema.columns import INT, TEXT, TIME, nullable, required

# fmt: off
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
