"""Formats the rows of a query as JSON, CSV and cells of a table."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time, timezone
from decimal import Decimal
from typing import Any

import pyarrow as pa
from rich.cells import cell_len

from exr_inspector.catalog.schema import SUMMARY_CHARACTERS
from exr_inspector.documents import csv_cell, json_document
from exr_inspector.report.words import plain


def _decimal(value: Decimal) -> object:
    """The value as a JSON number if readers get exactly this value, else as text. DuckDB returns sums as decimals."""
    if value == value.to_integral_value():
        return int(value)
    return float(value) if Decimal(repr(float(value))) == value else str(value)


def _moment(value: datetime) -> str:
    utc = value.astimezone(timezone.utc).replace(tzinfo=None) if value.tzinfo else value
    return utc.isoformat() + "Z"


# The first type that fits is used; other values are converted by `str`.
_KINDS: tuple[tuple[type | tuple[type, ...], Callable[[Any], object]], ...] = (
    ((type(None), bool, int, str), lambda value: value),
    (float, lambda value: value if math.isfinite(value) else None),
    (Decimal, _decimal),
    (datetime, _moment),
    ((date, time), lambda value: value.isoformat()),
    (bytes, bytes.hex),
    (dict, lambda value: {str(key): json_value(item) for key, item in value.items()}),
    (pa.MonthDayNano, lambda value: f"P{value.months}M{value.days}DT{value.nanoseconds / 1e9:.9g}S"),
    ((list, tuple), lambda value: [json_value(item) for item in value]),
)


def json_value(value: object) -> object:
    """A value of Arrow as a JSON value: times as ISO 8601 in UTC, bytes as hexadecimal digits, NaN and infinities as null."""
    for kind, convert in _KINDS:
        if isinstance(value, kind):
            return convert(value)
    return str(value)


def value_rows(rows: pa.Table) -> Iterator[list[object]]:
    """Yield the rows as lists of JSON values; column names may repeat."""
    columns = [column.to_pylist() for column in rows.columns]
    for values in zip(*columns, strict=True):
        yield [json_value(value) for value in values]


def as_json(rows: pa.Table) -> str:
    """A JSON list with one object for each row."""
    listed = [dict(zip(rows.column_names, row, strict=True)) for row in value_rows(rows)]
    return json_document(listed, indent=2)


def as_csv(rows: pa.Table) -> str:
    """CSV with a heading; null is empty, and lists and structures are JSON."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(map(csv_cell, rows.column_names))
    for row in value_rows(rows):
        lines.writerow(map(csv_cell, row))
    return text.getvalue()


def table_cell(value: object) -> str:
    """A value of `value_rows` as one line of text for people."""
    if isinstance(value, list):
        return ", ".join(map(table_cell, value))
    if value is None or isinstance(value, bool):
        return {None: "", True: "yes", False: "no"}[value]
    if isinstance(value, dict):
        return ", ".join(f"{plain(key)}: {table_cell(item)}" for key, item in value.items())
    # Texts of files may have control characters, which must not reach the terminal.
    return f"{value:.6g}" if isinstance(value, float) else plain(str(value), SUMMARY_CHARACTERS)


def aligned_lines(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A heading and rows in aligned columns, each as wide as its longest cell, so that no path is cut or folded."""
    widths = [max(map(cell_len, column)) for column in zip(names, *rows, strict=True)]
    return [
        "  ".join(cell + " " * (width - cell_len(cell)) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in (names, *rows)
    ]


def unique_names(names: list[str]) -> list[str]:
    """The names of columns, with a number added to those that repeat an earlier one."""
    made: list[str] = []
    for name in names:
        number, unique = 1, name
        while unique in made:
            number += 1
            unique = f"{name}_{number}"
        made.append(unique)
    return made
