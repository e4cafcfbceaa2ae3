"""What DuckDB says of a query that fails, in words that name the tables of a catalog. Wrong SQL stays as DuckDB says it."""

from __future__ import annotations

import re
from collections.abc import Iterable

import sqlglot
from sqlglot import exp

from exr_inspector.catalog.schema import BY_NAME
from exr_inspector.texts import did_you_mean

_NO_TABLE = re.compile(r"Table with name (\S+) does not exist")
_NO_COLUMN = re.compile(r"Referenced column \"([^\"]+)\" not found|does not have a column named \"([^\"]+)\"")
_WRITES = re.compile(r"Cannot execute statement of type \"(\w+)\".*read-only", re.DOTALL)
_DISABLED = "disabled by configuration"
_LISTED = "docs/tables.md lists the tables and their columns"


def query_fault(message: str, sql: str) -> str:
    """Why a query fails, and what to do.

    Args:
        message: What DuckDB says.
        sql: The query.
    """
    if found := _NO_TABLE.search(message):
        return f"there is no table {found[1]}: {_hint(found[1], BY_NAME)}"
    if found := _NO_COLUMN.search(message):
        return _no_column(found[1] or found[2], sql)
    if found := _WRITES.search(message):
        return f"a query only reads, and this is a {found[1]} statement: expected SELECT"
    if _DISABLED in message:
        return "a query reads the tables of its catalog alone: it names a file, a URL or an extension"
    return f"the query fails: {one_line(message)}"


def _no_column(name: str, sql: str) -> str:
    asked = [table for table in _tables_of(sql) if table in BY_NAME]
    named = f"the table {asked[0]}" if len(asked) == 1 else "the tables of this query"
    known = dict.fromkeys(column for table in asked for column in BY_NAME[table].arrow.names)
    elsewhere = [table.name for table in BY_NAME.values() if name in table.arrow.names and table.name not in asked]
    if elsewhere:
        return f"there is no column {name} in {named}, but in {' and '.join(elsewhere[:3])}: join it by file_id"
    return f"there is no column {name} in {named}: {_hint(name, known)}"


def _hint(name: str, known: Iterable[str]) -> str:
    return f"{near} {_LISTED}" if (near := did_you_mean(name, known)) else _LISTED


def _tables_of(sql: str) -> list[str]:
    """The names of the tables that a query names; none of SQL that cannot be parsed."""
    try:
        tree = sqlglot.parse_one(sql, dialect="duckdb")
    except sqlglot.errors.SqlglotError:
        return []
    return list(dict.fromkeys(table.name for table in tree.find_all(exp.Table) if table.name))


def one_line(text: str) -> str:
    """What DuckDB says, and in which line of the query, without the picture of the place."""
    message, _, picture = text.partition("\n\n")
    place = picture.partition(":")[0].lower()
    return " ".join(message.split()) + (f" (in {place})" if place.startswith("line ") else "")
