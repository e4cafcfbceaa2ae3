"""Translate DuckDB's errors about queries into messages that name the tables of a catalog; syntax errors stay as they are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import sqlglot
from sqlglot import exp

from exr_inspector.catalog.queries.cookbook import cookbook
from exr_inspector.catalog.schema import BY_NAME, Table
from exr_inspector.errors import CatalogError
from exr_inspector.texts import did_you_mean, page

_NO_TABLE = re.compile(r"Table with name (.+?) does not exist")
_NO_COLUMN = re.compile(r"Referenced column \"([^\"]+)\" not found|does not have a column named \"([^\"]+)\"")
_DISABLED = "disabled by configuration"
_LISTED = f"{page('tables')} lists the tables and their columns"
# Statements that write, by sqlglot's keys; those that it does not parse further have their first word as name.
_WRITING = {"alter", "comment", "copy", "create", "delete", "drop", "insert", "merge", "truncatetable", "update"}
_JOINED_BY = "file_id"
# Tables that are named for a word that describes them; more have nothing special in common with it.
_MAX_NAMED_TABLES = 2


def parsed(sql: str) -> exp.Expression:
    """The statement that a text of SQL holds.

    Raises:
        CatalogError: It holds none or several.
        sqlglot.errors.SqlglotError: It cannot be parsed.
    """
    trees = [tree for tree in sqlglot.parse(sql, dialect="duckdb") if tree and not isinstance(tree, exp.Semicolon)]
    require_one(len(trees))
    return trees[0]


def require_one(count: int) -> None:
    """Check that a query is one statement.

    Raises:
        CatalogError: It is not.
    """
    if count != 1:
        raise CatalogError(f"found {count} statements, expected one: run them one at a time")


def writing_fault(tree: exp.Expression) -> str:
    """Why a statement that writes is refused; empty for any other one."""
    kind = tree.name.lower() if isinstance(tree, exp.Command) else tree.key
    if kind not in _WRITING:
        return ""
    word = kind.removesuffix("table").upper()
    return f"a query only reads, and this is a statement of type {word}: expected SELECT"


def query_fault(message: str, sql: str) -> str:
    """Why a query fails, and what to do.

    Args:
        message: What DuckDB says.
        sql: The query.
    """
    tree = _parsed_or_none(sql)
    if tree and (refused := writing_fault(tree)):
        return refused
    if found := _NO_TABLE.search(message):
        return _no_table(found[1].strip('"'))
    if found := _NO_COLUMN.search(message):
        return _no_column(found[1] or found[2], tree)
    if _DISABLED in message:
        return "a query reads the tables of its catalog alone: it names a file, a URL or an extension"
    hint = "; parameters are written $name" if 'near ":"' in message else ""
    return f"the query fails: {one_line(message)}{hint}"


def _no_table(name: str) -> str:
    schema, _, table = name.rpartition(".")
    if schema and table in BY_NAME:
        return f"there is no table {name}: a query names tables without their schema, expected {table}"
    return f"there is no table {name}: {_table_hint(table)}"


def _table_hint(name: str) -> str:
    """The table that is meant: by its name, or else by a word in what it holds; and the query of this name."""
    query = f"; `query {name}` runs the query of the cookbook" if name in cookbook() else ""
    word = re.compile(rf"\b{re.escape(name.lower().removesuffix('s'))}", re.IGNORECASE)
    described = [table for table in BY_NAME.values() if word.search(table.meaning)]
    if did_you_mean(name, BY_NAME) or not 0 < len(described) <= _MAX_NAMED_TABLES:
        return _hint(name, BY_NAME) + query
    return f"{name} are in {_names(described)}; {_LISTED}{query}"


def _no_column(name: str, tree: exp.Expression | None) -> str:
    queried = [BY_NAME[table] for table in _tables_of(tree) if table in BY_NAME]
    with_column = [table for table in BY_NAME.values() if name in table.arrow.names]
    if others := [table for table in with_column if table in queried]:
        place = "the table that this query takes it from"
        older = "tables of an older version get it by `db setup`"
        return f"there is no column {name} in {place}, but in {_names(others)}: {_LISTED}; {older}"
    defines_tables = tree is not None and tree.find(exp.CTE, exp.Subquery) is not None
    is_one = len(queried) == 1 and not defines_tables
    place = f"the table {queried[0].name}" if is_one else "the tables of this query"
    if not with_column:
        known = dict.fromkeys(column for table in queried for column in table.arrow.names)
        return f"there is no column {name} in {place}: {_hint(name, known)}"
    joined = [] if defines_tables or not _joinable(queried) else _joinable(with_column)
    how = f"join it by {_JOINED_BY}" if joined else _LISTED
    return f"there is no column {name} in {place}, but in {_names(joined or with_column)}: {how}"


def _names(tables: Sequence[Table]) -> str:
    return " and ".join(table.name for table in tables[:3])


def _joinable(tables: Iterable[Table]) -> list[Table]:
    return [table for table in tables if _JOINED_BY in table.arrow.names]


def _hint(name: str, known: Iterable[str]) -> str:
    return f"{near} {_LISTED}" if (near := did_you_mean(name, known)) else _LISTED


def _parsed_or_none(sql: str) -> exp.Expression | None:
    try:
        return parsed(sql)
    except (sqlglot.errors.SqlglotError, CatalogError):
        return None


def _tables_of(tree: exp.Expression | None) -> list[str]:
    """The names of the tables that a query names."""
    return list(dict.fromkeys(table.name for table in tree.find_all(exp.Table) if table.name)) if tree else []


def one_line(text: str) -> str:
    """What DuckDB says, and in which line of the query, without the picture of the place."""
    message, _, picture = text.partition("\n\n")
    place = picture.partition(":")[0].lower()
    return " ".join(message.split()) + (f" (in {place})" if place.startswith("line ") else "")
