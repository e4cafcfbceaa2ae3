"""The tables: every column with its type, unit, whether it may be null, and what it means.

`docs/tables.md` is generated from here (`catalog.tables_doc`), the tables are created and compared from here
(`catalog.maintenance`). Plain columns only: list, struct and vector columns break SQL readers. The database has no NOT NULL
and no keys, so "never null" and "unique" are promises of the writer. Timestamps are UTC without a zone, since clusters
before 5.4 store none; their unit is the microsecond.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

SCHEMA_VERSION = 1
CELL_BYTES = 126_000  # VAST DataBase takes 126 KB a cell
SUMMARY_CHARACTERS = 4_000  # texts that repeat an attribute beside it (value_text, owner, comments) are cut here
GUARD_COUNT = 1_024

TEXT, BOOL, INT, LONG, REAL, TIME = pa.string(), pa.bool_(), pa.int32(), pa.int64(), pa.float64(), pa.timestamp("us")
_TYPE_NAMES = {TEXT: "text", BOOL: "boolean", INT: "int32", LONG: "int64", REAL: "float64", TIME: "timestamp"}


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        name: Column name.
        type: Arrow type.
        meaning: What it holds.
        required: Whether the writer always fills it.
        unit: Unit of a number.
    """

    name: str
    type: pa.DataType
    meaning: str
    required: bool = False
    unit: str = ""

    @property
    def type_name(self) -> str:
        """The type as documents call it."""
        return _TYPE_NAMES[self.type]


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


def _must(name: str, kind: pa.DataType, meaning: str, unit: str = "") -> Column:
    return Column(name, kind, meaning, required=True, unit=unit)


def _may(name: str, kind: pa.DataType, meaning: str, unit: str = "") -> Column:
    return Column(name, kind, meaning, unit=unit)


_OWNER = (
    _must("file_id", TEXT, "The file: XXH3-128 of its path, 32 hexadecimal digits"),
    _must("file_path", TEXT, "`<bucket>/<key>`, decoded once, case kept"),
    _must("content_key", TEXT, "The version of the file: XXH3-128 of path, etag, size and mtime"),
    _must("inspection_id", TEXT, "The inspection that wrote the row; the same as in its `files` row"),
)
_PART = _must("part_index", INT, "Position of the part in the file, from 0")

_FILES = (
    _must("file_id", TEXT, "XXH3-128 of the path, 32 hexadecimal digits; never changes with the content"),
    _must("path", TEXT, "`<bucket>/<key>`, decoded once, case kept"),
    _must("bucket", TEXT, "Bucket"),
    _must("key", TEXT, "Key within the bucket"),
    _must("directory", TEXT, "Folder with the bucket, no trailing slash"),
    _must("file_name", TEXT, "Last component of the key"),
    _must("content_key", TEXT, "XXH3-128 of path, etag, size and mtime: changes with every version"),
    _must("inspection_id", TEXT, "The inspection that wrote this row and its child rows"),
    _may("etag", TEXT, "ETag without quotes; null where the store gives none or the object could not be read"),
    _may("size_bytes", LONG, "Size of the object; null where it could not be read", "bytes"),
    _may("mtime", TIME, "Last modification; null where the object could not be read", "UTC"),
    _may("sequence", TEXT, "Sequence with its folder, frame digits as `#`; null for a file that is no frame"),
    _may("frame_number", LONG, "Frame number by the name"),
    _must("frame_padding", INT, "Digits of the frame number as written; 0 without one", "digits"),
    _must("status", TEXT, "`inspected`, or `failed` when the header cannot be read as OpenEXR"),
    _may("error_code", TEXT, "Stable code of why it failed"),
    _may("error_message", TEXT, "Where and what, for people"),
    _may("exr_version", INT, "OpenEXR version of the file (2)"),
    _may("version_word", LONG, "Bytes 4 to 7: version and flags"),
    _may("is_multipart", BOOL, "Multi-part flag"),
    _may("has_long_names", BOOL, "Flag for names above 31 bytes"),
    _may("has_non_image", BOOL, "Flag for deep (non-image) parts"),
    _may("multipart_count", INT, "Parts whose header could be read", "parts"),
    _may("is_deep", BOOL, "Whether any part is deep"),
    _may("is_tiled", BOOL, "Whether any part is tiled"),
    _may("is_complete", BOOL, "Whether every chunk of every part is there; null where that is not known"),
    _may("header_bytes", LONG, "End of the last header; of a damaged one, how far it could be read", "bytes"),
    _may("header_is_partial", BOOL, "Whether the header is damaged further on, and this is what could be read of it"),
    _may("header_hash", TEXT, "`xxh3_128:` and the hash of all attributes: equal headers, equal hash"),
    _may("hash", TEXT, "Hash of the file's bytes with the algorithm before it; null unless asked for"),
    _may("width", LONG, "Width of the first part's data window", "pixels"),
    _may("height", LONG, "Height of the first part's data window", "pixels"),
    _may("display_width", LONG, "Width of the first part's display window", "pixels"),
    _may("display_height", LONG, "Height of the first part's display window", "pixels"),
    _may("pixel_aspect_ratio", REAL, "Of the first part", "width / height"),
    _may("is_anamorphic", BOOL, "Whether the first part's pixel aspect ratio is not 1"),
    _may("part_type", TEXT, "Type of the first part: scanlineimage, tiledimage, deepscanline, deeptile"),
    _may("compression", TEXT, "Compression of the first part: NONE, RLE, ZIPS, ZIP, PIZ, PXR24, B44, ..."),
    _may("has_lossy_channels", BOOL, "Whether the compression may alter any channel of any part"),
    _may("channel_count", INT, "Channels of all parts", "channels"),
    _may("layer_count", INT, "Layers of all parts, a layer once for each view", "layers"),
    _may("pixel_types", TEXT, "Pixel types of all parts, sorted, commas between: `FLOAT,HALF`"),
    _may("bit_depth", TEXT, "`16f`, `32f` or `32u` when all channels agree, otherwise `mixed`"),
    _may("views", TEXT, "Views of all parts in order, commas between; null where the file names none"),
    _may("is_stereo", BOOL, "Whether the file holds two views or more, by `multiView` or by parts' `view`"),
    _may("has_cryptomatte", BOOL, "Whether any part declares a Cryptomatte"),
    _may("software", TEXT, "First text attribute named software, any case"),
    _may("color_space", TEXT, "colorInteropID, or oiio:ColorSpace, or colorSpace, the first that is there"),
    _may("color_interop_id", TEXT, "Attribute colorInteropID"),
    _may("chromaticities", TEXT, "Attribute chromaticities as JSON text"),
    _may("white_luminance", REAL, "Attribute whiteLuminance", "cd/m2"),
    _may("is_aces", BOOL, "Whether acesImageContainerFlag is 1; null without the attribute"),
    _may("camera_make", TEXT, "Attribute cameraMake"),
    _may("camera_model", TEXT, "Attribute cameraModel"),
    _may("lens_make", TEXT, "Attribute lensMake"),
    _may("lens_model", TEXT, "Attribute lensModel"),
    _may("iso_speed", REAL, "Attribute isoSpeed"),
    _may("exposure_time", REAL, "Attribute expTime", "seconds"),
    _may("shutter_angle", REAL, "Attribute shutterAngle", "degrees"),
    _may("t_stop", REAL, "Attribute tStop"),
    _may("aperture", REAL, "Attribute aperture", "f-number"),
    _may("focal_length", REAL, "nominalFocalLength, or effectiveFocalLength, or pinholeFocalLength", "mm"),
    _may("capture_date", TEXT, "Attribute capDate as written"),
    _may("utc_offset", REAL, "Attribute utcOffset", "seconds"),
    _may("owner", TEXT, "Attribute owner"),
    _may("comments", TEXT, "Attribute comments"),
    _may("creator", TEXT, "First text attribute named creator, author or artist, any case"),
    _may("reel_name", TEXT, "Attribute reelName"),
    _may("timecode", TEXT, "Attribute timeCode as HH:MM:SS:FF, `;` before FF for drop frame"),
    _may("fps", REAL, "Attribute framesPerSecond", "frames/s"),
    _must("stats_mode", TEXT, "How deep the pixels were looked at: `off`, `sampled`, `full`"),
    _may("stats_stopped", TEXT, "Why reading pixels ended early; null when it did not"),
    _may("nan_count", LONG, "NaNs in all samples that were read; null where none was read", "samples"),
    _may("inf_count", LONG, "Infinities in all samples that were read", "samples"),
    _may("is_black", BOOL, "Whether every part with colour channels is black, as far as it was read"),
    _may("is_constant", BOOL, "Whether every part is constant, as far as it was read"),
    _may("pixel_fault_count", LONG, "Chunks whose pixels could not be had", "chunks"),
    _may("policy", TEXT, "Name and version of the policy that judged"),
    _may("worst_severity", TEXT, "`info`, `warning` or `error`; null without findings"),
    _must("error_count", INT, "Findings of severity error", "findings"),
    _must("warning_count", INT, "Findings of severity warning", "findings"),
    _must("info_count", INT, "Findings of severity info", "findings"),
    _must("part_rows", INT, "Rows in `parts`; `db repair` holds them against what is there", "rows"),
    _must("channel_rows", INT, "Rows in `channels`", "rows"),
    _must("attribute_rows", INT, "Rows in `attributes`", "rows"),
    _must("stats_rows", INT, "Rows in `stats`", "rows"),
    _must("validation_rows", INT, "Rows in `validation`", "rows"),
    _must("inspector_version", TEXT, "Version of exr-inspector that wrote the row"),
    _must("schema_version", INT, "Version of these tables that the row was written for"),
    _must("inspected_at", TIME, "When the file was read", "UTC"),
    _may("event_id", TEXT, "Id of the event behind it"),
    _may("sequencer", TEXT, "The store's sequencer, hexadecimal: orders events of one object"),
    _may("event_time", TIME, "When the event happened", "UTC"),
)

_PARTS = (
    *_OWNER,
    _PART,
    _may("part_name", TEXT, "Attribute name"),
    _may("view_name", TEXT, "Attribute view"),
    _may("part_type", TEXT, "How the chunks are laid out; the flags decide for a single flat part"),
    _must("is_deep", BOOL, "Whether pixels hold lists of samples"),
    _must("is_tiled", BOOL, "Whether chunks are tiles"),
    _may("data_window", TEXT, 'The pixels that are stored, JSON text: {"xMin":..,"yMin":..,"xMax":..,"yMax":..}'),
    _may("data_x_min", INT, "Left edge of the data window", "pixels"),
    _may("data_y_min", INT, "Top edge", "pixels"),
    _may("data_x_max", INT, "Right edge, inside", "pixels"),
    _may("data_y_max", INT, "Bottom edge, inside", "pixels"),
    _may("display_window", TEXT, "The pixels that are meant to be seen, JSON text as data_window"),
    _may("display_x_min", INT, "Left edge of the display window", "pixels"),
    _may("display_y_min", INT, "Top edge", "pixels"),
    _may("display_x_max", INT, "Right edge, inside", "pixels"),
    _may("display_y_max", INT, "Bottom edge, inside", "pixels"),
    _may("width", LONG, "Width of the data window", "pixels"),
    _may("height", LONG, "Height of the data window", "pixels"),
    _may("pixel_aspect_ratio", REAL, "Attribute pixelAspectRatio", "width / height"),
    _may("line_order", TEXT, "INCREASING_Y, DECREASING_Y or RANDOM_Y"),
    _may("compression", TEXT, "NONE, RLE, ZIPS, ZIP, PIZ, PXR24, B44, B44A, DWAA, DWAB, ..."),
    _may("tiling", TEXT, 'JSON text {"xSize":..,"ySize":..,"mode":..}; null without a tiles attribute'),
    _may("tile_width", LONG, "Width of a tile", "pixels"),
    _may("tile_height", LONG, "Height of a tile", "pixels"),
    _may("level_mode", TEXT, "ONE_LEVEL, MIPMAP_LEVELS or RIPMAP_LEVELS"),
    _may("rounding_mode", TEXT, "ROUND_DOWN or ROUND_UP"),
    _may("level_count", INT, "Levels; null where the layout is unknown", "levels"),
    _must("channel_count", INT, "Channels", "channels"),
    _may("layer_count", INT, "Layers, a layer once for each view", "layers"),
    _may("cryptomattes", TEXT, "Names of declared Cryptomattes, commas between"),
    _must("attribute_count", INT, "Attributes in the header, duplicates included", "attributes"),
    _may("chunk_count_declared", LONG, "Attribute chunkCount", "chunks"),
    _may("chunk_count_computed", LONG, "Chunks that the layout asks for; null where it is unknown", "chunks"),
    _may("chunks_present", LONG, "Chunks that are there; null where the chunk table is unknown", "chunks"),
    _may("is_complete", BOOL, "Whether every chunk is there"),
    _may("complete_fraction", REAL, "Share of the chunks that are there", "0 to 1"),
    _may("completeness_checked", TEXT, "What that rests on: `tables`, `last leader`, `leaders`"),
    _may(
        "missing", TEXT, "JSON text: counts by state, missing rectangles, whether the list is cut; null when complete"
    ),
    _may("pixel_chunks_read", LONG, "Chunks of level (0, 0) that were decoded", "chunks"),
    _may("is_constant", BOOL, "Whether every channel of level (0, 0) is constant, as far as it was read"),
    _may("is_black", BOOL, "Whether all colour channels of level (0, 0) are zero, as far as they were read"),
    _may("deep_pixels", LONG, "Pixels of level (0, 0) of a deep part that were looked at", "pixels"),
    _may("deep_samples", LONG, "Samples in them", "samples"),
    _may("deep_min_samples", LONG, "Fewest in one pixel", "samples"),
    _may("deep_max_samples", LONG, "Most in one pixel", "samples"),
    _may("deep_empty_pixels", LONG, "Pixels without a sample", "pixels"),
    _may("pixel_hash", TEXT, "Hash of the decoded samples of level (0, 0); null unless asked for"),
    _may("pixels", TEXT, "JSON text: what was read of each level"),
    _may("pixel_faults", TEXT, "JSON text: chunks whose pixels could not be had, as many as fit a cell"),
)

_CHANNELS = (
    *_OWNER,
    _PART,
    _must("channel_index", INT, "Position in the channel list, from 0"),
    _must("name", TEXT, "Full name"),
    _must("layer", TEXT, "Layer path without view and component; empty for the base layer"),
    _must("component", TEXT, "Last component of the name"),
    _may("view_name", TEXT, "View it belongs to; null where the file names none"),
    _must("type", TEXT, "UINT, HALF or FLOAT"),
    _must("x_sampling", INT, "Columns per sample", "pixels"),
    _must("y_sampling", INT, "Rows per sample", "pixels"),
    _must("linearity", INT, "The pLinear byte as stored: 1 for channels that are perceptually linear"),
    _must("is_lossy", BOOL, "Whether the part's compression may alter its values"),
    _may("cryptomatte", TEXT, "Name of the Cryptomatte it belongs to"),
)

_ATTRIBUTES = (
    *_OWNER,
    _PART,
    _must("attribute_index", INT, "Position in the header, from 0"),
    _must("chunk_index", INT, "0; further pieces of a value above the cell limit count on"),
    _must("chunk_count", INT, "Pieces of the value", "rows"),
    _must("name", TEXT, "Attribute name"),
    _must("type", TEXT, "Type name on disk, also an unknown one"),
    _must("value", TEXT, "This piece of the value as JSON text, lossless; pieces in order make the whole"),
    _may(
        "value_text", TEXT, "The value for people and text search, at most 4,000 characters; null for bytes and pieces"
    ),
    _may("value_number", REAL, "The value where it is one finite number; null for pieces after the first"),
    _must("size_bytes", LONG, "Size of the value in the file", "bytes"),
    _must("file_offset", LONG, "Where the value starts in the file", "bytes"),
    _may("problem", TEXT, "Why the value was kept as bytes though its type is known"),
)

_STATS = (
    *_OWNER,
    _must("stats_index", INT, "Position among the file's rows, from 0: by part, channel and level"),
    _PART,
    _must("channel", TEXT, "Full channel name"),
    _must("level_x", INT, "Level in x"),
    _must("level_y", INT, "Level in y"),
    _may("min", REAL, "Least finite value; null without one"),
    _may("max", REAL, "Greatest finite value"),
    _may("mean", REAL, "Mean of the finite values"),
    _may("stddev", REAL, "Population standard deviation of the finite values"),
    _must("samples", LONG, "Values looked at", "samples"),
    _must("finite_count", LONG, "Finite ones", "samples"),
    _must("nan_count", LONG, "NaNs", "samples"),
    _must("inf_count", LONG, "Infinities of both signs", "samples"),
    _must("positive_inf_count", LONG, "Positive infinities", "samples"),
    _must("negative_inf_count", LONG, "Negative infinities", "samples"),
    _must("zero_count", LONG, "Zeros of either sign", "samples"),
    _must("negative_count", LONG, "Finite values below zero", "samples"),
    _must("half_max_count", LONG, "Finite values of magnitude 65504 and more", "samples"),
    _must("is_constant", BOOL, "Whether all samples that were read hold one finite value"),
    _may("first_nan_x", INT, "Column of the first NaN", "pixels"),
    _may("first_nan_y", INT, "Row of the first NaN", "pixels"),
    _may("first_inf_x", INT, "Column of the first infinity", "pixels"),
    _may("first_inf_y", INT, "Row of the first infinity", "pixels"),
    _may("percentiles", TEXT, "JSON text [[percent, value], ...]; null unless every sample was read"),
    _may("histogram", TEXT, 'JSON text {"edges":[..],"counts":[..]}; null unless every sample was read'),
    _must("coverage", REAL, "Share of the channel's samples that were read", "0 to 1"),
    _must("exact", BOOL, "Whether all of them were"),
    _must("sample_stride", LONG, "1 when exact, otherwise the rounded reciprocal of coverage; 0 when nothing was read"),
)

_VALIDATION = (
    *_OWNER,
    _must("finding_index", INT, "Position among the file's findings, from 0"),
    _may("part_index", INT, "Part it concerns; null for the whole file"),
    _may("channel", TEXT, "Channel it concerns"),
    _must("code", TEXT, "Rule code, stable"),
    _must("severity", TEXT, "`info`, `warning` or `error`"),
    _must("severity_rank", INT, "1, 2, 3: for ordering"),
    _must("message", TEXT, "What was found and what was expected, for people"),
    _may("found", TEXT, "What was found, short"),
    _may("expected", TEXT, "What was expected, short"),
    _may("file_offset", LONG, "Where it shows; null where it has no place", "bytes"),
    _must("rule_version", INT, "Version of the rule's logic"),
)

_INSPECTIONS = (
    _must("inspection_id", TEXT, "Unique for every inspection or removal"),
    _must("file_id", TEXT, "The file"),
    _must("file_path", TEXT, "`<bucket>/<key>`"),
    _may("content_key", TEXT, "The version that was read; null for a removal"),
    _must("recorded_at", TIME, "When this row was written; retention goes by it", "UTC"),
    _may("inspected_at", TIME, "When the file was read; null for a removal", "UTC"),
    _must("outcome", TEXT, "What became of it, see docs/queries.md: inserted, replaced, unchanged, ..."),
    _may("status", TEXT, "`inspected` or `failed`; null for a removal"),
    _may("error_code", TEXT, "Why it failed"),
    _may("error_message", TEXT, "Where and what"),
    _may("etag", TEXT, "Version that was read"),
    _may("size_bytes", LONG, "Version that was read", "bytes"),
    _may("mtime", TIME, "Version that was read", "UTC"),
    _may("stats_mode", TEXT, "How deep the pixels were looked at"),
    _may("policy", TEXT, "Policy that judged"),
    _may("worst_severity", TEXT, "Worst finding"),
    _may("finding_count", INT, "Findings", "findings"),
    _may("event_id", TEXT, "Id of the event behind it"),
    _may("sequencer", TEXT, "The store's sequencer"),
    _may("event_time", TIME, "When the event happened", "UTC"),
    _may("requests", LONG, "Requests to the object store", "requests"),
    _may("bytes_read", LONG, "Bytes of their bodies", "bytes"),
    _may("duration_ms", REAL, "From the first request to the last rule", "ms"),
    _may("worker", TEXT, "Who did it: the name the writer was configured with"),
    _must("inspector_version", TEXT, "Version of exr-inspector"),
    _must("schema_version", INT, "Version of these tables"),
)

_GUARDS = (
    _must("guard_id", INT, f"0 to {GUARD_COUNT - 1}: a file's is chosen by its file_id"),
    _must("touched_by", TEXT, "The write that last touched it"),
    _must("touched_at", TIME, "When", "UTC"),
)

_SCHEMA_VERSIONS = (
    _must("schema_version", INT, "Version of these tables"),
    _must("applied_at", TIME, "When `db setup` brought them there", "UTC"),
    _must("inspector_version", TEXT, "By which version of exr-inspector"),
    _must("changes", TEXT, "What was created or added, JSON text list"),
)

FILES = Table("files", "One row a file: its version, its summary, where it stands", ("file_id",), _FILES)
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
