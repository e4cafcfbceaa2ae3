"""Generate `docs/tables.md` from the schema of the tables."""

from __future__ import annotations

from exr_inspector.catalog.schema import CELL_BYTES, SCHEMA_VERSION, TABLES, Table
from exr_inspector.catalog.schema.columns import Column

_HEAD = f"""# Tables

Generated from `exr_inspector/catalog/schema` by `./run docs`; a test compares the two.
Schema version {SCHEMA_VERSION}. [queries.md](queries.md) has SQL for these tables.

- Every file has one row in `files` and rows in `parts`, `channels`, `attributes`, `stats` and `validation`. They join on
  `file_id`; rows of one inspection also share `content_key` (the version of the file) and `inspection_id`.
- The database has neither unique keys nor NOT NULL. "Key" names the columns that the writer keeps unique, "Null" marks
  columns that may be null; `./run db repair` finds rows that violate a key.
- Timestamps are UTC, in microseconds, without a zone, since clusters before version 5.4 store none.
- A value that the file does not contain is null. Number columns hold no NaN and no infinity: the value is null, and counts
  record them.
- A cell holds at most {CELL_BYTES:,} bytes. A longer attribute value continues in rows with a higher `chunk_index`.
- Windows, tilings and other nested values are JSON text, with plain columns for the values to filter by. There are no list,
  struct or vector columns.
- Changes are additive: `./run db setup` adds columns, and refuses a table whose columns have other types.
"""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _column(column: Column) -> str:
    null = "" if column.required else "yes"
    return f"| `{column.name}` | {column.type_name} | {column.unit} | {null} | {_cell(column.meaning)} |"


def _table(table: Table) -> str:
    key = ", ".join(f"`{name}`" for name in table.key)
    rows = "\n".join(map(_column, table.columns))
    head = "| Column | Type | Unit | Null | Meaning |\n| --- | --- | --- | --- | --- |"
    return f"## {table.name}\n\n{table.meaning}. Key: {key}.\n\n{head}\n{rows}\n"


def render() -> str:
    """Render the page."""
    return "\n".join([_HEAD, *map(_table, TABLES)])
