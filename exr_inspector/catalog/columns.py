"""One column of a table: its type, unit, whether it may be null, and what it means. The tables are in `schema`."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

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


def must(name: str, kind: pa.DataType, meaning: str, unit: str = "") -> Column:
    """A column that is never null."""
    return Column(name, kind, meaning, required=True, unit=unit)


def may(name: str, kind: pa.DataType, meaning: str, unit: str = "") -> Column:
    """A column that may be null."""
    return Column(name, kind, meaning, unit=unit)
