"""Values and names as SQL text.

Values are written into the statements instead of bound: DuckDB's Python client searches for pandas with every bound value. If
pandas is not installed, this takes 0.2 ms each, and with a few values longer than the statement.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_PLACEHOLDER = re.compile(r"\$(\d+)")


def quoted(name: str) -> str:
    """A name as an identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: object) -> str:
    """A string, bytes, number, bool, None, or list of integers as SQL.

    Raises:
        TypeError: For anything else.
    """
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bytes):
        return f"unhex('{value.hex()}')"
    if isinstance(value, float):
        return f"CAST('{value!r}' AS DOUBLE)"  # the shortest text for the same value, also for inf and nan
    if isinstance(value, list) and all(isinstance(element, int) for element in value):
        return f"CAST([{', '.join(map(str, value))}] AS BIGINT[])"
    if value is None or isinstance(value, int):
        return str(value) if value is not None else "NULL"  # DuckDB reads Python's True and False
    raise TypeError(f"{type(value).__name__} has no SQL literal here")


def _text(value: str) -> str:
    if "\0" in value:  # ends a statement
        return f"decode({literal(value.encode())})"
    return "'" + value.replace("'", "''") + "'"


def filled(statement: str, parameters: Sequence[object]) -> str:
    """A statement with its `$1`, `$2`, ... replaced by literals."""
    return _PLACEHOLDER.sub(lambda match: literal(parameters[int(match[1]) - 1]), statement)
