"""The rows of a query as text for people and programs: JSON, CSV, and the cells of a printed table. Reads nothing."""

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
from exr_inspector.report.words import plain
from exr_inspector.texts import csv_cell, json_document


def _decimal(value: Decimal) -> object:
    """A number where JSON readers get the same one: sums come as decimals from DuckDB."""
    if value == value.to_integral_value():
        return int(value)
    return float(value) if Decimal(repr(float(value))) == value else str(value)


def _moment(value: datetime) -> str:
    utc = value.astimezone(timezone.utc).replace(tzinfo=None) if value.tzinfo else value
    return utc.isoformat() + "Z"


def _interval(value: pa.MonthDayNano) -> str:
    return f"P{value.months}M{value.days}DT{value.nanoseconds / 1e9:.9g}S"


# The first kind that fits counts; what none fits is shown as its text.
_KINDS: tuple[tuple[type | tuple[type, ...], Callable[[Any], object]], ...] = (
    ((type(None), bool, int, str), lambda value: value),
    (float, lambda value: value if math.isfinite(value) else None),
    (Decimal, _decimal),
    (datetime, _moment),
    ((date, time), lambda value: value.isoformat()),
    (bytes, bytes.hex),
    (dict, lambda value: {str(key): json_value(item) for key, item in value.items()}),
    (pa.MonthDayNano, _interval),
    ((list, tuple), lambda value: [json_value(item) for item in value]),
)


def json_value(value: object) -> object:
    """A value as JSON has it: moments as ISO 8601 in UTC, bytes in hexadecimal digits, numbers as numbers, no NaN."""
    for kind, convert in _KINDS:
        if isinstance(value, kind):
            return convert(value)
    return str(value)


def value_rows(rows: pa.Table) -> Iterator[list[object]]:
    """The rows as lists, every value as JSON has it; two columns may have the same name."""
    columns = [column.to_pylist() for column in rows.columns]
    for values in zip(*columns, strict=True):
        yield [json_value(value) for value in values]


def as_json(rows: pa.Table) -> str:
    """A list of objects."""
    listed = [dict(zip(rows.column_names, row, strict=True)) for row in value_rows(rows)]
    return json_document(listed, indent=2)


def as_csv(rows: pa.Table) -> str:
    """Comma-separated lines with a header; null is empty, and what is no number or text is JSON."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(map(csv_cell, rows.column_names))
    for row in value_rows(rows):
        lines.writerow(map(csv_cell, row))
    return text.getvalue()


def table_cell(value: object) -> str:
    """A value of `value_rows` for people, on one line."""
    if isinstance(value, list):
        return ", ".join(map(table_cell, value))
    if value is None or isinstance(value, bool):
        return {None: "", True: "yes", False: "no"}[value]
    if isinstance(value, dict):
        return ", ".join(f"{plain(key)}: {table_cell(item)}" for key, item in value.items())
    # Control characters of a file's texts must not reach the terminal.
    return f"{value:.6g}" if isinstance(value, float) else plain(str(value), SUMMARY_CHARACTERS)


def aligned_lines(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A heading and rows of cells in aligned columns, as wide as the longest cells need: no path is cut or folded."""
    widths = [max(map(cell_len, column)) for column in zip(names, *rows, strict=True)]
    return [
        "  ".join(cell + " " * (width - cell_len(cell)) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in (names, *rows)
    ]


def unique_names(names: list[str]) -> list[str]:
    """The names of columns, those that repeat an earlier one with a number behind them, for one would hide the other."""
    made: list[str] = []
    for name in names:
        number, unique = 1, name
        while unique in made:
            number += 1
            unique = f"{name}_{number}"
        made.append(unique)
    return made
