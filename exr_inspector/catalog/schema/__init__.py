"""The tables: every column with its type, unit, whether it may be null, what it means, and how its value is made.

`docs/tables.md`, the stored tables (`catalog.admin.setup`) and the rows (`catalog.rows`) are made from these columns. There are
no list, struct or vector columns, which some SQL readers cannot read. The database has no NOT NULL and no keys, so the writer
ensures that required columns are not null and keys are unique. Timestamps are UTC without a zone, which clusters before 5.4
cannot store, in microseconds. Lookups use the path: tables are sorted by it if the server has sorted tables, and every
select of a file's rows has its path as predicate.
"""

from __future__ import annotations

from exr_inspector.catalog.schema.children import (
    ATTRIBUTES_COLUMNS,
    CHANNELS_COLUMNS,
    STATS_COLUMNS,
    VALIDATION_COLUMNS,
)
from exr_inspector.catalog.schema.columns import CELL_BYTES, SCHEMA_VERSION, SUMMARY_CHARACTERS, Column, Table
from exr_inspector.catalog.schema.cryptomatte import CRYPTOMATTE_MANIFESTS_COLUMNS, CRYPTOMATTE_OBJECTS_COLUMNS
from exr_inspector.catalog.schema.files import FILES_COLUMNS
from exr_inspector.catalog.schema.journal import (
    DEFAULT_GUARDS,
    GUARDS_COLUMNS,
    INSPECTIONS_COLUMNS,
    LEAST_GUARDS,
    MOST_GUARDS,
    SCHEMA_VERSIONS_COLUMNS,
    SWEEPS_COLUMNS,
)
from exr_inspector.catalog.schema.parts import PARTS_COLUMNS
from exr_inspector.catalog.schema.sequences import SEQUENCE_VALIDATION_COLUMNS
from exr_inspector.catalog.schema.thumbnails import THUMBNAILS_COLUMNS

__all__ = [
    "CELL_BYTES",
    "DEFAULT_GUARDS",
    "LEAST_GUARDS",
    "MOST_GUARDS",
    "PARTITIONED_BY",
    "SCHEMA_VERSION",
    "SUMMARY_CHARACTERS",
    "Column",
    "Table",
]

_BY_FILE = ("file_path", "part_index")
PARTITIONED_BY = "bucket"  # column that partitions `files` on request; no other table has it

FILES = Table(
    "files", "One row for each file: its path, its version and a summary", ("file_id",), FILES_COLUMNS, ("path",)
)
PARTS = Table("parts", "One row for each part", ("file_id", "part_index"), PARTS_COLUMNS, _BY_FILE)
CHANNELS = Table(
    "channels", "One row for each channel", ("file_id", "part_index", "channel_index"), CHANNELS_COLUMNS, _BY_FILE
)
ATTRIBUTES = Table(
    "attributes",
    "One row for each attribute; values above the cell limit continue in further rows",
    ("file_id", "part_index", "attribute_index", "chunk_index"),
    ATTRIBUTES_COLUMNS,
    _BY_FILE,
)
STATS = Table(
    "stats",
    "One row for each channel and level of which pixels were read; NaNs and infinities are only counted",
    ("file_id", "part_index", "channel", "level_x", "level_y"),
    STATS_COLUMNS,
    _BY_FILE,
)
VALIDATION = Table(
    "validation", "One row for each finding", ("file_id", "finding_index"), VALIDATION_COLUMNS, ("file_path",)
)
CRYPTOMATTE_OBJECTS = Table(
    "cryptomatte_objects",
    "One row for each object of a Cryptomatte that has pixels, if EXR_MAX_OBJECTS is set",
    ("file_id", "object_index"),
    CRYPTOMATTE_OBJECTS_COLUMNS,
    _BY_FILE,
)
CRYPTOMATTE_MANIFESTS = Table(
    "cryptomatte_manifests",
    "One row for each name in a Cryptomatte manifest; files share the rows of a manifest, which are never removed",
    ("manifest_hash", "name_index"),
    CRYPTOMATTE_MANIFESTS_COLUMNS,
    ("manifest_hash", "name"),
)
SEQUENCE_VALIDATION = Table(
    "sequence_validation",
    "One row for each finding about a sequence as a whole; one row for a sequence without findings",
    ("sequence", "finding_index"),
    SEQUENCE_VALIDATION_COLUMNS,
    ("sequence",),
)
THUMBNAILS = Table(
    "thumbnails",
    "One row for each thumbnail; only files that were inspected with EXR_THUMBNAILS or `check --catalog` have some",
    ("file_id", "thumbnail_index"),
    THUMBNAILS_COLUMNS,
    _BY_FILE,
)
INSPECTIONS = Table(
    "inspections",
    "Append-only log: one row for every inspection and removal, whatever its outcome",
    ("inspection_id",),
    INSPECTIONS_COLUMNS,
    ("recorded_at",),
)
GUARDS = Table("guards", "Rows on which concurrent writers of the same file conflict", ("guard_id",), GUARDS_COLUMNS)
SWEEPS = Table(
    "sweeps", "One row for each shard of a swept prefix, with its progress", ("root", "first_path"), SWEEPS_COLUMNS
)
SCHEMA_VERSIONS = Table(
    "schema_versions", "Changes by `db setup`, newest last", ("schema_version",), SCHEMA_VERSIONS_COLUMNS
)

# Most files have no rows in these tables, so they are read only if the row of `files` counts some.
RARE = (CRYPTOMATTE_OBJECTS, THUMBNAILS)
CHILDREN = (PARTS, CHANNELS, ATTRIBUTES, STATS, VALIDATION, *RARE)
DOCUMENT = (FILES, *CHILDREN)
TABLES = (*DOCUMENT, CRYPTOMATTE_MANIFESTS, SEQUENCE_VALIDATION, INSPECTIONS, SWEEPS, GUARDS, SCHEMA_VERSIONS)
BY_NAME = {table.name: table for table in TABLES}
# The column of `files` with the number of rows, by child table.
ROW_COUNTS = {
    "parts": "part_rows",
    "channels": "channel_rows",
    "attributes": "attribute_rows",
    "stats": "stats_rows",
    "validation": "validation_rows",
    "cryptomatte_objects": "cryptomatte_object_rows",
    "thumbnails": "thumbnail_rows",
}
