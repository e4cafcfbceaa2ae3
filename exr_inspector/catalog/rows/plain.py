"""The rows of an inspection as dicts, and as JSON values."""

from __future__ import annotations

import base64
from datetime import datetime, timezone

from exr_inspector import __version__
from exr_inspector.catalog.rows.build import OWNER_COLUMNS, Row, manifest_records, manifest_texts, owner_of, records_of
from exr_inspector.catalog.schema import CRYPTOMATTE_MANIFESTS, DOCUMENT, Column
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


def table_rows(inspection: Inspection, inspection_id: str | None = None) -> dict[str, list[Row]]:
    """The rows of an inspection by table name (`files`, its child tables, `cryptomatte_manifests`), as dicts of all columns.

    Args:
        inspection: The inspection.
        inspection_id: The id of the rows; None outside the database.
    """
    records, owner = records_of(inspection, __version__), owner_of(inspection)

    def value(column: Column, record: object) -> object:
        if column.of is None:
            return inspection_id
        return column.of(owner if column.name in OWNER_COLUMNS else record)

    records[CRYPTOMATTE_MANIFESTS.name] = [
        record for name, text in manifest_texts(inspection).items() for record in manifest_records(name, text)
    ]
    return {
        table.name: [{column.name: value(column, record) for column in table.columns} for record in records[table.name]]
        for table in (*DOCUMENT, CRYPTOMATTE_MANIFESTS)
    }
