"""The rows of an inspection as JSON values."""

from __future__ import annotations

import base64
from datetime import datetime, timezone

from exr_inspector.catalog.rows.build import Row, table_rows
from exr_inspector.model import Inspection


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return value


def file_rows(inspection: Inspection, inspection_id: str | None = None) -> dict[str, list[Row]]:
    """`table_rows` as JSON values, the document of `inspect --json`: times as ISO 8601 text, bytes as base64.

    Attribute values above the cell limit have several rows, as in the tables; `join_cells` joins them.
    """
    rows = table_rows(inspection, inspection_id)
    return {
        name: [{column: _plain(value) for column, value in row.items()} for row in some] for name, some in rows.items()
    }
