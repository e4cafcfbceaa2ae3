"""Makes the rows of an inspection as Arrow arrays; `plain` makes them for the JSON document of `inspect --json`.

Each column in `catalog.schema` knows how its value is made from a record; this module makes the records. `read_back` makes an
inspection from rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pyarrow as pa

from exr_inspector import __version__
from exr_inspector.catalog.schema import DOCUMENT, INSPECTIONS, Column, Table
from exr_inspector.catalog.schema.children import FindingRecord, StatsRecord, attribute_records, channel_records
from exr_inspector.catalog.schema.columns import TEXT, Owner
from exr_inspector.catalog.schema.cryptomatte import NameRecord, name_records, object_records
from exr_inspector.catalog.schema.files import FileRecord
from exr_inspector.catalog.schema.journal import AuditRecord
from exr_inspector.catalog.schema.parts import PartRecord
from exr_inspector.catalog.schema.thumbnails import ThumbnailRecord
from exr_inspector.catalog.versions import content_key, file_id
from exr_inspector.exr.cryptomatte.manifests import parse_manifest
from exr_inspector.exr.limits import Checkpoint, no_checkpoint
from exr_inspector.model import Inspection
from exr_inspector.texts import unicode_text

Row = dict[str, object]
OWNER_COLUMNS = Owner._fields  # equal in all rows of an inspection, so made once


def owner_of(inspection: Inspection) -> Owner:
    """The values that all rows of an inspection share, except the inspection id."""
    path = inspection.path
    return Owner(file_id(path), path, content_key(path, inspection.version))


def records_of(
    inspection: Inspection, version: str = __version__, checkpoint: Checkpoint = no_checkpoint
) -> dict[str, list[object]]:
    """The records that an inspection's rows are made from, by name of the table: the tables of DOCUMENT, and `inspections`.

    Args:
        inspection: The inspection.
        version: Version of exr-inspector that made it.
        checkpoint: Called before the records of each part; may raise to stop.
    """
    records: dict[str, list[object]] = {table.name: [] for table in (*DOCUMENT, INSPECTIONS)}
    for part in inspection.header.parts if inspection.header else ():
        checkpoint()
        record = PartRecord.of(inspection, part)
        records["parts"].append(record)
        records["channels"].extend(channel_records(part, record.names))
        records["attributes"].extend(attribute_records(part))
    if inspection.pixels:
        records["stats"].extend(StatsRecord(item.part, n, item) for n, item in enumerate(inspection.pixels.channels))
        records["cryptomatte_objects"].extend(object_records(inspection.pixels.mattes))
        pictures = enumerate(inspection.pixels.thumbnails)
        records["thumbnails"].extend(ThumbnailRecord(item.part, number, item) for number, item in pictures)
    records["validation"].extend(FindingRecord(n, finding) for n, finding in enumerate(inspection.findings))
    counts = {name: len(some) for name, some in records.items()}
    records["files"].append(FileRecord.of(inspection, counts, version))
    records["inspections"].append(AuditRecord(inspection, version))
    return records


def manifest_texts(inspection: Inspection) -> dict[str, str]:
    """The texts of the Cryptomatte manifests that name the objects of an inspection, by hash."""
    mattes = inspection.pixels.mattes if inspection.pixels else ()
    return {
        matte.manifest_hash: declared.manifest
        for matte in mattes
        if matte.objects and matte.manifest_hash
        for declared in inspection.names[matte.part].cryptomattes
        if declared.key == matte.key and declared.manifest
    }


def manifest_records(manifest_hash: str, text: str) -> list[NameRecord]:
    """The records of a manifest's rows; its text must be valid."""
    return list(name_records(manifest_hash, parse_manifest(text)))


def text_array(values: Sequence[object]) -> pa.Array:
    """An Arrow array of texts and None; lone surrogates are escaped."""
    try:
        return pa.array(values, TEXT)
    except UnicodeEncodeError:
        return pa.array([unicode_text(value) if isinstance(value, str) else value for value in values], TEXT)


def arrow_array(table: Table, column: Column, values: Sequence[object]) -> pa.Array:
    """The values of one column as an Arrow array.

    Raises:
        ValueError: A required column has a null.
    """
    if column.required and None in values:
        raise ValueError(f"{table.name}.{column.name} is never null")
    if column.type == TEXT:
        return text_array(values)
    return pa.array(values, column.type)  # Arrow converts times to UTC


def arrow_columns(
    table: Table, columns: Iterable[Column], records: Sequence[object], checkpoint: Checkpoint = no_checkpoint
) -> list[pa.Array]:
    """Arrow arrays of some columns, made from records, without the columns that the upsert fills.

    Args:
        table: The table.
        columns: Columns of it.
        records: One record for each row.
        checkpoint: Called before each column; may raise to stop.

    Raises:
        ValueError: A required column has a null.
    """
    arrays = []
    for column in columns:
        checkpoint()
        if column.of:
            arrays.append(arrow_array(table, column, list(map(column.of, records))))
    return arrays


def arrow_table(table: Table, rows: Sequence[Row]) -> pa.Table:
    """Rows as an Arrow table with all columns of `table`; columns that a row lacks are null.

    Raises:
        ValueError: A required column has a null.
    """
    columns = [arrow_array(table, column, [row.get(column.name) for row in rows]) for column in table.columns]
    return pa.table(columns, schema=table.arrow)
