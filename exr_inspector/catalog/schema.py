"""The tables: every column with its type, unit, whether it may be null, and what it means.

`docs/tables.md` is generated from here (`catalog.tables_doc`), the tables are created and compared from here
(`catalog.maintenance`). Plain columns only: list, struct and vector columns break SQL readers. The database has no NOT NULL
and no keys, so "never null" and "unique" are promises of the writer. Timestamps are UTC without a zone, since clusters
before 5.4 store none; their unit is the microsecond.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from exr_inspector.catalog.columns import BOOL, INT, LONG, REAL, TEXT, TIME, Column, may, must
from exr_inspector.catalog.columns_files import FILES_COLUMNS

SCHEMA_VERSION = 1
CELL_BYTES = 126_000  # VAST DataBase takes 126 KB a cell
SUMMARY_CHARACTERS = 4_000  # texts that repeat an attribute beside it (value_text, owner, comments) are cut here
GUARD_COUNT = 1_024


@dataclass(frozen=True, slots=True)
class Table:
    """One table.

    Attributes:
        name: Table name.
        meaning: What a row is.
        key: Columns whose values no two rows share, as far as the writer sees to it.
        columns: The columns in order.
    """

    name: str
    meaning: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def arrow(self) -> pa.Schema:
        """The columns as an Arrow schema; all nullable, since the database enforces nothing."""
        return pa.schema([pa.field(column.name, column.type) for column in self.columns])

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the columns that are never null."""
        return tuple(column.name for column in self.columns if column.required)


_OWNER = (
    must("file_id", TEXT, "The file: XXH3-128 of its path, 32 hexadecimal digits"),
    must("file_path", TEXT, "`<bucket>/<key>`, decoded once, case kept"),
    must("content_key", TEXT, "The version of the file: XXH3-128 of path, etag, size and mtime"),
    must("inspection_id", TEXT, "The inspection that wrote the row; the same as in its `files` row"),
)
_PART = must("part_index", INT, "Position of the part in the file, from 0")

_PARTS = (
    *_OWNER,
    _PART,
    may("part_name", TEXT, "Attribute name"),
    may("view_name", TEXT, "Attribute view"),
    may("part_type", TEXT, "How the chunks are laid out; the flags decide for a single flat part"),
    may("is_deep", BOOL, "Whether pixels hold lists of samples; null where the header does not say"),
    may("is_tiled", BOOL, "Whether chunks are tiles; null where the header does not say"),
    may("data_window", TEXT, 'The pixels that are stored, JSON text: {"xMin":..,"yMin":..,"xMax":..,"yMax":..}'),
    may("data_x_min", INT, "Left edge of the data window", "pixels"),
    may("data_y_min", INT, "Top edge", "pixels"),
    may("data_x_max", INT, "Right edge, inside", "pixels"),
    may("data_y_max", INT, "Bottom edge, inside", "pixels"),
    may("display_window", TEXT, "The pixels that are meant to be seen, JSON text as data_window"),
    may("display_x_min", INT, "Left edge of the display window", "pixels"),
    may("display_y_min", INT, "Top edge", "pixels"),
    may("display_x_max", INT, "Right edge, inside", "pixels"),
    may("display_y_max", INT, "Bottom edge, inside", "pixels"),
    may("width", LONG, "Width of the data window", "pixels"),
    may("height", LONG, "Height of the data window", "pixels"),
    may("pixel_aspect_ratio", REAL, "Attribute pixelAspectRatio", "width / height"),
    may("line_order", TEXT, "INCREASING_Y, DECREASING_Y or RANDOM_Y"),
    may("compression", TEXT, "NONE, RLE, ZIPS, ZIP, PIZ, PXR24, B44, B44A, DWAA, DWAB, ..."),
    may("tiling", TEXT, 'JSON text {"xSize":..,"ySize":..,"mode":..}; null without a tiles attribute'),
    may("tile_width", LONG, "Width of a tile", "pixels"),
    may("tile_height", LONG, "Height of a tile", "pixels"),
    may("level_mode", TEXT, "ONE_LEVEL, MIPMAP_LEVELS or RIPMAP_LEVELS"),
    may("rounding_mode", TEXT, "ROUND_DOWN or ROUND_UP"),
    may("level_count", INT, "Levels; null where the layout is unknown", "levels"),
    must("channel_count", INT, "Channels", "channels"),
    may("layer_count", INT, "Layers, a layer once for each view", "layers"),
    may("cryptomattes", TEXT, "Names of the Cryptomattes that it declares or holds, commas between"),
    must("attribute_count", INT, "Attributes in the header, duplicates included", "attributes"),
    may("chunk_count_declared", LONG, "Attribute chunkCount", "chunks"),
    may("chunk_count_computed", LONG, "Chunks that the layout asks for; null where it is unknown", "chunks"),
    may("chunks_present", LONG, "Chunks that are there; null where the chunk table is unknown", "chunks"),
    may("is_complete", BOOL, "Whether every chunk is there"),
    may("complete_fraction", REAL, "Share of the chunks that are there", "0 to 1"),
    may("completeness_checked", TEXT, "What that rests on: `tables`, `last leader`, `leaders`, `rebuilt`"),
    may("missing", TEXT, "JSON text: counts by state, missing rectangles, whether the list is cut; null when complete"),
    may("pixel_chunks_read", LONG, "Chunks of level (0, 0) that were decoded", "chunks"),
    may("is_constant", BOOL, "Whether every channel of level (0, 0) is constant, as far as it was read"),
    may("is_black", BOOL, "Whether all colour channels of level (0, 0) are zero, as far as they were read"),
    may("deep_pixels", LONG, "Pixels of level (0, 0) of a deep part that were looked at", "pixels"),
    may("deep_samples", LONG, "Samples in them", "samples"),
    may("deep_min_samples", LONG, "Fewest in one pixel", "samples"),
    may("deep_max_samples", LONG, "Most in one pixel", "samples"),
    may("deep_empty_pixels", LONG, "Pixels without a sample", "pixels"),
    may("pixel_hash", TEXT, "Hash of the decoded samples of level (0, 0); null unless asked for"),
    may("pixels", TEXT, "JSON text: what was read of each level"),
    may("pixel_faults", TEXT, "JSON text: chunks whose pixels could not be had, as many as fit a cell"),
)

_CHANNELS = (
    *_OWNER,
    _PART,
    must("channel_index", INT, "Position in the channel list, from 0"),
    must("name", TEXT, "Full name"),
    must("layer", TEXT, "Layer path without view and component; empty for the base layer"),
    must("component", TEXT, "Last component of the name"),
    may("view_name", TEXT, "View it belongs to; null where the file names none"),
    must("type", TEXT, "UINT, HALF or FLOAT"),
    must("x_sampling", INT, "Columns per sample", "pixels"),
    must("y_sampling", INT, "Rows per sample", "pixels"),
    must("linearity", INT, "The pLinear byte as stored: 1 for channels that are perceptually linear"),
    may("is_lossy", BOOL, "Whether the part's compression may alter its values; null where it is unknown"),
    may("cryptomatte", TEXT, "Name of the Cryptomatte it belongs to"),
)

_ATTRIBUTES = (
    *_OWNER,
    _PART,
    must("attribute_index", INT, "Position in the header, from 0"),
    must("chunk_index", INT, "0; further pieces of a value above the cell limit count on"),
    must("chunk_count", INT, "Pieces of the value", "rows"),
    must("name", TEXT, "Attribute name"),
    must("type", TEXT, "Type name on disk, also an unknown one"),
    must("value", TEXT, "This piece of the value as JSON text, lossless; pieces in order make the whole"),
    may(
        "value_text", TEXT, "The value for people and text search, at most 4,000 characters; null for bytes and pieces"
    ),
    may("value_number", REAL, "The value where it is one finite number; null for pieces after the first"),
    must("size_bytes", LONG, "Size of the value in the file", "bytes"),
    must("file_offset", LONG, "Where the value starts in the file", "bytes"),
    may("problem", TEXT, "Why the value was kept as bytes though its type is known"),
)

_STATS = (
    *_OWNER,
    must("stats_index", INT, "Position among the file's rows, from 0: by part, channel and level"),
    _PART,
    must("channel", TEXT, "Full channel name"),
    must("level_x", INT, "Level in x"),
    must("level_y", INT, "Level in y"),
    may("min", REAL, "Least finite value; null without one"),
    may("max", REAL, "Greatest finite value"),
    may("mean", REAL, "Mean of the finite values"),
    may("stddev", REAL, "Population standard deviation of the finite values"),
    must("samples", LONG, "Values looked at", "samples"),
    must("finite_count", LONG, "Finite ones", "samples"),
    must("nan_count", LONG, "NaNs", "samples"),
    must("inf_count", LONG, "Infinities of both signs", "samples"),
    must("positive_inf_count", LONG, "Positive infinities", "samples"),
    must("negative_inf_count", LONG, "Negative infinities", "samples"),
    must("zero_count", LONG, "Zeros of either sign", "samples"),
    must("negative_count", LONG, "Finite values below zero", "samples"),
    must("half_max_count", LONG, "Finite values of magnitude 65504 and more", "samples"),
    must("is_constant", BOOL, "Whether all samples that were read hold one finite value"),
    may("first_nan_x", INT, "Column of the first NaN", "pixels"),
    may("first_nan_y", INT, "Row of the first NaN", "pixels"),
    may("first_inf_x", INT, "Column of the first infinity", "pixels"),
    may("first_inf_y", INT, "Row of the first infinity", "pixels"),
    may("percentiles", TEXT, "JSON text [[percent, value], ...]; null unless every sample was read"),
    may("histogram", TEXT, 'JSON text {"edges":[..],"counts":[..]}; null unless every sample was read'),
    must("coverage", REAL, "Share of the channel's samples that were read", "0 to 1"),
    must("exact", BOOL, "Whether all of them were"),
    must("sample_stride", LONG, "1 when exact, otherwise the rounded reciprocal of coverage; 0 when nothing was read"),
)

_VALIDATION = (
    *_OWNER,
    must("finding_index", INT, "Position among the file's findings, from 0"),
    may("part_index", INT, "Part it concerns; null for the whole file"),
    may("channel", TEXT, "Channel it concerns"),
    must("code", TEXT, "Rule code, stable"),
    must("severity", TEXT, "`info`, `warning` or `error`"),
    must("severity_rank", INT, "1, 2, 3: for ordering"),
    must("message", TEXT, "What was found and what was expected, for people"),
    may("found", TEXT, "What was found, short"),
    may("expected", TEXT, "What was expected, short"),
    may("file_offset", LONG, "Where it shows; null where it has no place", "bytes"),
    must("rule_version", INT, "Version of the rule's logic"),
)

_INSPECTIONS = (
    must("inspection_id", TEXT, "Unique for every inspection or removal"),
    must("file_id", TEXT, "The file"),
    must("file_path", TEXT, "`<bucket>/<key>`"),
    may("content_key", TEXT, "The version that was read; null for a removal"),
    must("recorded_at", TIME, "When this row was written; retention goes by it", "UTC"),
    may("inspected_at", TIME, "When the file was read; null for a removal", "UTC"),
    must("outcome", TEXT, "What became of it, see docs/queries.md: inserted, replaced, unchanged, ..."),
    may("status", TEXT, "`inspected` or `failed`; null for a removal"),
    may("error_code", TEXT, "Why it failed"),
    may("error_message", TEXT, "Where and what"),
    may("etag", TEXT, "Version that was read"),
    may("size_bytes", LONG, "Version that was read", "bytes"),
    may("mtime", TIME, "Version that was read", "UTC"),
    may("stats_mode", TEXT, "How deep the pixels were looked at"),
    may("policy", TEXT, "Policy that judged"),
    may("worst_severity", TEXT, "Worst finding"),
    may("finding_count", INT, "Findings", "findings"),
    may("event_id", TEXT, "Id of the event behind it"),
    may("sequencer", TEXT, "The store's sequencer"),
    may("event_time", TIME, "When the event happened", "UTC"),
    may("requests", LONG, "Requests to the object store", "requests"),
    may("bytes_read", LONG, "Bytes of their bodies", "bytes"),
    may("duration_ms", REAL, "From the first request to the last rule", "ms"),
    may("worker", TEXT, "Who did it: the name the writer was configured with"),
    must("inspector_version", TEXT, "Version of exr-inspector"),
    must("schema_version", INT, "Version of these tables"),
)

_GUARDS = (
    must("guard_id", INT, f"0 to {GUARD_COUNT - 1}: a file's is chosen by its file_id"),
    must("touched_by", TEXT, "The write that last touched it"),
    must("touched_at", TIME, "When", "UTC"),
)

_SCHEMA_VERSIONS = (
    must("schema_version", INT, "Version of these tables"),
    must("applied_at", TIME, "When `db setup` brought them there", "UTC"),
    must("inspector_version", TEXT, "By which version of exr-inspector"),
    must("changes", TEXT, "What was created or added, JSON text list"),
)

FILES = Table("files", "One row a file: its version, its summary, where it stands", ("file_id",), FILES_COLUMNS)
PARTS = Table("parts", "One row a part", ("file_id", "part_index"), _PARTS)
CHANNELS = Table("channels", "One row a channel", ("file_id", "part_index", "channel_index"), _CHANNELS)
ATTRIBUTES = Table(
    "attributes",
    "One row an attribute; values above the cell limit continue in further rows",
    ("file_id", "part_index", "attribute_index", "chunk_index"),
    _ATTRIBUTES,
)
STATS = Table(
    "stats",
    "One row a channel and level whose pixels were looked at; NaN and infinities only in their counts",
    ("file_id", "part_index", "channel", "level_x", "level_y"),
    _STATS,
)
VALIDATION = Table("validation", "One row a finding", ("file_id", "finding_index"), _VALIDATION)
INSPECTIONS = Table(
    "inspections",
    "Append-only audit: one row for every inspection and removal, whatever became of it",
    ("inspection_id",),
    _INSPECTIONS,
)
GUARDS = Table("guards", "Rows that writers of the same file collide on", ("guard_id",), _GUARDS)
SCHEMA_VERSIONS = Table("schema_versions", "What `db setup` did, newest last", ("schema_version",), _SCHEMA_VERSIONS)

CHILDREN = (PARTS, CHANNELS, ATTRIBUTES, STATS, VALIDATION)
DOCUMENT = (FILES, *CHILDREN)
TABLES = (*DOCUMENT, INSPECTIONS, GUARDS, SCHEMA_VERSIONS)
BY_NAME = {table.name: table for table in TABLES}
# Column of `files` that counts the rows of each child table.
ROW_COUNTS = {
    "parts": "part_rows",
    "channels": "channel_rows",
    "attributes": "attribute_rows",
    "stats": "stats_rows",
    "validation": "validation_rows",
}
