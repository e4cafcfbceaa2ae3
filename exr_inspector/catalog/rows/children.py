"""An inspection as rows: for the JSON document of `inspect --json`, and as Arrow columns for `row_groups`. Pure.

Numbers that are not finite become null, since SQL and JSON readers choke on them (the counts tell of them); attribute values
are lossless JSON text, in several rows where one cell would not hold them. The way back is `rows_back`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timezone
from itertools import count
from operator import itemgetter

import pyarrow as pa

from exr_inspector import __version__
from exr_inspector.catalog.columns import TEXT, TIME, Column
from exr_inspector.catalog.rows.files import Row, clipped, files_row, finite, has_known_codec
from exr_inspector.catalog.rows.parts import part_row
from exr_inspector.catalog.schema import (
    CELL_BYTES,
    DOCUMENT,
    ROW_COUNTS,
    SCHEMA_VERSION,
    Table,
)
from exr_inspector.catalog.versions import content_key, file_id, storable
from exr_inspector.exr.header.as_json import compact_json, to_json_text, value_number, value_text
from exr_inspector.exr.header.parser import PartHeader
from exr_inspector.exr.header.values import (
    Attribute,
    PixelType,
    code_name,
)
from exr_inspector.exr.names import PartNames
from exr_inspector.model import ChannelStats, Inspection


def split_cell(text: str, limit: int = CELL_BYTES) -> list[str]:
    """`text` in pieces of at most `limit` bytes of UTF-8 that make the whole when joined; one piece for an empty text."""
    raw = text.encode("utf-8", "surrogatepass")
    if len(raw) <= limit:
        return [text]
    pieces = []
    start = 0
    while start < len(raw):
        end = min(start + limit, len(raw))
        while end < len(raw) and raw[end] & 0xC0 == 0x80:  # never inside a character
            end -= 1
        pieces.append(raw[start:end].decode("utf-8", "surrogatepass"))
        start = end
    return pieces


def join_cells(pieces: Iterable[tuple[int, str]]) -> str:
    """The value whose pieces are given as (chunk_index, piece), in any order: the inverse of `split_cell`."""
    return "".join(piece for _, piece in sorted(pieces))


def _channel_rows(part: PartHeader, names: PartNames | None) -> Iterator[Row]:
    split = names.channels if names else ()
    for index, channel in enumerate(part.channels or ()):
        name = split[index] if index < len(split) else None
        prefix, _, last = channel.name.rpartition(".")
        yield {
            "part_index": part.index,
            "channel_index": index,
            "name": channel.name,
            "layer": name.layer if name else prefix,
            "component": name.component if name else last,
            "view_name": clipped(name.view) if name else None,
            "type": code_name(PixelType, channel.pixel_type),
            "x_sampling": channel.x_sampling,
            "y_sampling": channel.y_sampling,
            "linearity": channel.p_linear,
            "is_lossy": name.is_lossy if name and has_known_codec(part) else None,
            "cryptomatte": clipped(name.cryptomatte) if name else None,
        }


def _attribute_rows(part: PartHeader, index: int, attribute: Attribute) -> Iterator[Row]:
    pieces = split_cell(to_json_text(attribute))
    for chunk, piece in enumerate(pieces):
        yield {
            "part_index": part.index,
            "attribute_index": index,
            "chunk_index": chunk,
            "chunk_count": len(pieces),
            "name": attribute.name,
            "type": attribute.type_name,
            "value": piece,
            "value_text": clipped(value_text(attribute)) if chunk == 0 else None,
            "value_number": value_number(attribute) if chunk == 0 else None,
            "size_bytes": attribute.size,
            "file_offset": attribute.offset,
            "problem": clipped(attribute.problem) or None,
        }


def _stats_row(index: int, item: ChannelStats) -> Row:
    histogram = item.histogram
    return {
        "stats_index": index,
        "part_index": item.part,
        "channel": item.channel,
        "level_x": item.level_x,
        "level_y": item.level_y,
        "min": finite(item.minimum),
        "max": finite(item.maximum),
        "mean": finite(item.mean),
        "stddev": finite(item.stddev),
        "samples": item.samples,
        "finite_count": item.finite_count,
        "nan_count": item.nan_count,
        "inf_count": item.inf_count,
        "positive_inf_count": item.positive_inf_count,
        "negative_inf_count": item.negative_inf_count,
        "zero_count": item.zero_count,
        "negative_count": item.negative_count,
        "half_max_count": item.half_max_count,
        "is_constant": item.is_constant,
        "first_nan_x": item.first_nan[0] if item.first_nan else None,
        "first_nan_y": item.first_nan[1] if item.first_nan else None,
        "first_inf_x": item.first_inf[0] if item.first_inf else None,
        "first_inf_y": item.first_inf[1] if item.first_inf else None,
        "percentiles": compact_json([list(pair) for pair in item.percentiles]) if item.percentiles else None,
        "histogram": compact_json({"edges": histogram.edges, "counts": histogram.counts}) if histogram else None,
        "coverage": item.coverage,
        "exact": item.exact,
        "sample_stride": item.sample_stride,
    }


def _validation_rows(inspection: Inspection) -> Iterator[Row]:
    for index, finding in enumerate(inspection.findings):
        yield {
            "finding_index": index,
            "part_index": finding.part,
            "channel": clipped(finding.channel),
            "code": finding.code,
            "severity": finding.severity.label,
            "severity_rank": int(finding.severity),
            "message": clipped(finding.message),
            "found": clipped(finding.found) or None,
            "expected": clipped(finding.expected) or None,
            "file_offset": finding.offset,
            "rule_version": finding.rule_version,
        }


def owner_row(inspection: Inspection) -> Row:
    """What all rows of an inspection say of whose they are, besides the id of the write."""
    path = inspection.path
    return {"file_id": file_id(path), "file_path": path, "content_key": content_key(path, inspection.version)}


def content_rows(inspection: Inspection, version: str = __version__) -> dict[str, list[Row]]:
    """The rows of an inspection by table name, without `owner_row`; columns that hold nothing may be left out.

    Args:
        inspection: What was learned.
        version: Version of exr-inspector that writes.
    """
    rows: dict[str, list[Row]] = {table.name: [] for table in DOCUMENT}
    parts = inspection.header.parts if inspection.header else ()
    for part in parts:
        names = inspection.names[part.index] if part.index < len(inspection.names) else None
        rows["parts"].append(part_row(inspection, part))
        rows["channels"].extend(_channel_rows(part, names))
        for index, attribute in enumerate(part.attributes):
            rows["attributes"].extend(_attribute_rows(part, index, attribute))
    if inspection.pixels:
        rows["stats"].extend(map(_stats_row, count(), inspection.pixels.channels))
    rows["validation"].extend(_validation_rows(inspection))
    counts = {column: len(rows[name]) for name, column in ROW_COUNTS.items()}
    written = {"inspector_version": version, "schema_version": SCHEMA_VERSION}
    rows["files"].append(files_row(inspection) | counts | written)
    return rows


def audit_row(inspection: Inspection, version: str = __version__) -> Row:
    """What `inspections` says of it, without `owner_row` and what only the write knows."""
    read, event, cost = inspection.version, inspection.event, inspection.cost
    worst = inspection.worst_severity
    return {
        "inspected_at": inspection.inspected_at,
        "status": inspection.status.value,
        "error_code": inspection.error_code,
        "error_message": clipped(inspection.error_message) or None,
        "etag": read.etag if read else None,
        "size_bytes": read.size_bytes if read else None,
        "mtime": read.mtime if read else None,
        "stats_mode": inspection.stats_mode.value,
        "policy": inspection.policy or None,
        "worst_severity": worst.label if worst else None,
        "finding_count": len(inspection.findings),
        "event_id": clipped(event.event_id),
        "sequencer": clipped(event.sequencer),
        "event_time": event.time,
        "requests": cost.requests,
        "bytes_read": cost.bytes_read,
        "duration_ms": inspection.duration_ms,
        "inspector_version": version,
    }


def table_rows(
    inspection: Inspection, inspection_id: str | None = None, version: str = __version__
) -> dict[str, list[Row]]:
    """The rows of an inspection by table name, every column in order: `files` of one row, and all child tables.

    Moments are datetimes.

    Args:
        inspection: What was learned.
        inspection_id: The id that its rows share; None outside the database.
        version: Version of exr-inspector that writes.
    """
    owner = owner_row(inspection) | {"inspection_id": inspection_id}
    rows = content_rows(inspection, version)
    return {
        table.name: [
            {column.name: whole.get(column.name) for column in table.columns}
            for whole in (owner | row for row in rows[table.name])
        ]
        for table in DOCUMENT
    }


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return value


def file_rows(inspection: Inspection, inspection_id: str | None = None) -> dict[str, list[Row]]:
    """The document of `inspect --json`: every table's rows with every column in order, moments as ISO 8601 text.

    Attribute values stay in pieces where they are above the cell limit, as in the tables; `join_cells` makes them whole.
    """
    rows = table_rows(inspection, inspection_id)
    return {
        name: [{column: _plain(value) for column, value in row.items()} for row in some] for name, some in rows.items()
    }


def _naive(value: object) -> object:
    return value.astimezone(timezone.utc).replace(tzinfo=None) if isinstance(value, datetime) else value


def text_array(values: Sequence[object]) -> pa.Array:
    """Texts as a column."""
    try:
        return pa.array(values, TEXT)
    except UnicodeEncodeError:
        return pa.array([storable(value) if isinstance(value, str) else value for value in values], TEXT)


def _by_column(columns: Sequence[Column], rows: Sequence[Row]) -> Iterable[tuple[Column, Sequence[object]]]:
    """The values of each column; in one go where no row leaves one out."""
    if rows and len(columns) > 1:
        with contextlib.suppress(KeyError):
            cells = zip(*map(itemgetter(*[column.name for column in columns]), rows), strict=True)
            return list(zip(columns, cells, strict=True))
    return [(column, [row.get(column.name) for row in rows]) for column in columns]


def arrow_columns(table: Table, columns: Iterable[Column], rows: Sequence[Row]) -> list[pa.Array]:
    """Some columns of a table as Arrow; what a row lacks is null.

    Raises:
        ValueError: If a column that is never null would be.
    """
    arrays = []
    for column, found in _by_column(list(columns), rows):
        name = column.name
        values = [_naive(value) for value in found] if column.type == TIME else found
        if column.required and None in values:
            raise ValueError(f"{table.name}.{name} is never null")
        arrays.append(text_array(values) if column.type == TEXT else pa.array(values, column.type))
    return arrays


def arrow_table(table: Table, rows: Sequence[Row]) -> pa.Table:
    """Rows as an Arrow table with the columns of `table`; columns a row lacks are null.

    Raises:
        ValueError: If a column that is never null would be.
    """
    return pa.table(arrow_columns(table, table.columns, rows), schema=table.arrow)
