"""The columns of the table `sweeps`: the progress of each shard of a swept prefix."""

from __future__ import annotations

from exr_inspector.catalog.schema.columns import INT, TEXT, TIME, nullable, required

# fmt: off
SWEEPS_COLUMNS = (
    required("root", TEXT, "The swept prefix, `<bucket>/<prefix>/`"),
    required("first_path", TEXT, "Where the shard begins; it ends where the next one of the root begins"),
    nullable("watermark", TIME, "Changes of objects before this moment are in the tables", "UTC"),
    nullable("compared_at", TIME, "When the last complete comparison of objects with rows began; null before the first",
             "UTC"),
    nullable("position", TEXT, "Path up to which the comparison under way has come; null when none is under way"),
    nullable("pass_started", TIME, "When the comparison under way began", "UTC"),
    nullable("pending_since", TIME, "Oldest change that the comparison under way has left for later: not settled, or failed",
             "UTC"),
    required("failed_files", INT, "Files that the last tick could not bring up to date", "files"),
    nullable("message", TEXT, "The first thing that the last tick could not do, and why"),
    nullable("unlisted", TEXT, "Files and folders that cannot be read for good and were logged: 8 hexadecimal digits of each"),
    nullable("claimed_by", TEXT, "Invocation that works on the shard"),
    nullable("claimed_until", TIME, "When another one may take the shard, should that one have ended", "UTC"),
)
# fmt: on
