"""`docs/tables.md`, from the schema."""

from __future__ import annotations

from exr_inspector.catalog.schema import CELL_BYTES, SCHEMA_VERSION, TABLES, Table
from exr_inspector.catalog.schema.columns import Column

_HEAD = f"""# Tables

Generated from `exr_inspector/catalog/schema` by `./run docs`; a test compares the two.
Schema version {SCHEMA_VERSION}. How to ask questions of the tables is in [queries.md](queries.md).

- Every file has one row in `files` and rows in `parts`, `channels`, `attributes`, `stats` and `validation`. They join on
  `file_id`; rows of one inspection also share `content_key` (the version of the file) and `inspection_id`.
- The database knows no keys and no NOT NULL. "Key" below names the columns whose values the writer keeps unique, and "null"
  says whether a column may be null; `./run db repair` checks both ends of that promise.
- Timestamps are UTC, in microseconds, without a zone: clusters before version 5.4 store none.
- Where the file does not say something, the column is null. NaN and infinities never stand in a number column: they are null,
  and counted.
- A cell holds {CELL_BYTES:,} bytes here. A longer attribute value continues in rows with a higher `chunk_index`.
- Windows, tilings and other nested values are JSON text, with plain columns beside what people filter by. There are no list,
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
    """The whole document, Markdown."""
    return "\n".join([_HEAD, *map(_table, TABLES)])
