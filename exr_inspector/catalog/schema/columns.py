"""Columns of tables: type, unit, meaning, whether null is allowed, and how the value is made.

A column is one entry in the module of its table: `nullable("reel_name", TEXT, "Attribute reelName", of=text("reelName"))`.
`of` makes the value from the record of a row (`FileRecord`, `PartRecord`, ...). The lists of columns are exempt from the
formatter, which would split an entry into six lines.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any, NamedTuple

import pyarrow as pa

from exr_inspector.exr.header.parser import PartHeader
from exr_inspector.exr.header.values import LINES_PER_CHUNK, Compression, code_name
from exr_inspector.model import Inspection, ObjectVersion

SCHEMA_VERSION = 2
CELL_BYTES = 126_000  # VAST DataBase accepts 126 KB in a cell
SUMMARY_CHARACTERS = 4_000  # maximum length of texts that repeat an attribute (value_text, owner, comments)

TEXT, BOOL, INT, LONG, REAL, TIME = pa.string(), pa.bool_(), pa.int32(), pa.int64(), pa.float64(), pa.timestamp("us")
BYTES = pa.binary()
_TYPE_NAMES = {
    TEXT: "text", BOOL: "boolean", INT: "int32", LONG: "int64", REAL: "float64", TIME: "timestamp", BYTES: "binary",
}  # fmt: skip

Of = Callable[[Any], object]
RowId = int | Decimal  # a decimal in sorted tables


class Owner(NamedTuple):
    """The file and version that a row belongs to."""

    file_id: str
    file_path: str
    content_key: str


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        name: Column name.
        type: Arrow type.
        meaning: What its values mean.
        required: Whether it is never null.
        unit: Unit of a number.
        of: Makes the value from the record of a row, or from `Owner` for its columns; None for columns that the upsert fills.
    """

    name: str
    type: pa.DataType
    meaning: str
    required: bool = False
    unit: str = ""
    of: Of | None = None

    @property
    def type_name(self) -> str:
        """The name of the type in documents."""
        return _TYPE_NAMES[self.type]


def required(name: str, kind: pa.DataType, meaning: str, unit: str = "", *, of: Of | None = None) -> Column:
    """A column that is never null."""
    return Column(name, kind, meaning, required=True, unit=unit, of=of)


def nullable(name: str, kind: pa.DataType, meaning: str, unit: str = "", *, of: Of | None = None) -> Column:
    """A column that may be null."""
    return Column(name, kind, meaning, unit=unit, of=of)


@dataclass(frozen=True, slots=True)
class Table:
    """One table.

    Attributes:
        name: Table name.
        meaning: What a row is.
        key: Columns whose values together are unique; the writer ensures this.
        columns: The columns in order.
        sorted_by: The sorting key, if the server has sorted tables; its columns are never updated.
        arrow: The columns as an Arrow schema; all nullable, since the database enforces nothing.
    """

    name: str
    meaning: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    sorted_by: tuple[str, ...] = ()
    arrow: pa.Schema = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "arrow", pa.schema([(column.name, column.type) for column in self.columns]))

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the columns that are never null."""
        return tuple(column.name for column in self.columns if column.required)


def clipped(text: str | None) -> str | None:
    """The text without padding of NULs at its end, truncated to SUMMARY_CHARACTERS."""
    return None if text is None else text.rstrip("\0")[:SUMMARY_CHARACTERS]


def finite(value: float | None) -> float | None:
    """The value if it is finite, else None: readers fail on NaN and infinities in columns and in JSON."""
    return value if value is not None and math.isfinite(value) else None


def stored_time(moment: datetime) -> datetime:
    """A time as it is stored: UTC without a zone."""
    return moment.astimezone(timezone.utc).replace(tzinfo=None)


def utc(moment: datetime | None) -> datetime | None:
    """A stored time, with the zone UTC."""
    return moment.replace(tzinfo=timezone.utc) if moment else None


def has_known_codec(part: PartHeader) -> bool:
    """Whether the part's compression is a known one."""
    return part.compression in LINES_PER_CHUNK


def compression_name(part: PartHeader) -> str | None:
    """Name of a part's compression."""
    return None if part.compression is None else code_name(Compression, part.compression)


def worst_severity(inspection: Inspection) -> str | None:
    """The highest severity of the findings, as text."""
    worst = inspection.worst_severity
    return worst.label if worst else None


def object_version(make: Callable[[ObjectVersion], object]) -> Of:
    """A value of the version that was read; null if the object could not be read."""
    return lambda record: None if record.inspection.version is None else make(record.inspection.version)


OWNER = (
    required("file_id", TEXT, "The file: XXH3-128 of its path, 32 hexadecimal digits", of=lambda o: o.file_id),
    required("file_path", TEXT, "`<bucket>/<key>`, decoded once, case kept", of=lambda o: o.file_path),
    required(
        "content_key",
        TEXT,
        "The version of the file: XXH3-128 of path, etag, size and mtime",
        of=lambda o: o.content_key,
    ),
    required("inspection_id", TEXT, "The inspection that wrote the row; the same as in its `files` row"),
)
PART_INDEX = required("part_index", INT, "Position of the part in the file, from 0", of=lambda r: r.part_index)
