"""Makes an Inspection from stored rows, so that files can be validated again without being read.

Rows may come from `build.table_rows`, the JSON document of `inspect --json`, or the tables. Everything that rules use is
restored: attributes with order, offsets, sizes and problems, layouts, completeness, names and statistics. Not restored are the
cost of reading, NaN payloads, and pixel faults beyond those that fit into a cell.
"""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, get_args

from exr_inspector.catalog.rows.cells import StoredRow, attributes_from_rows, channel_stats
from exr_inspector.catalog.versions import known_version
from exr_inspector.errors import CatalogError, FormatError
from exr_inspector.exr.chunks.layout import Layout, part_layout
from exr_inspector.exr.chunks.tables import ChunkState, Completeness, MissingRange
from exr_inspector.exr.header.parser import Header, PartHeader, make_part
from exr_inspector.exr.limits import DEFAULT_LIMITS, Limits
from exr_inspector.exr.names import file_names
from exr_inspector.model import (
    MANIFEST,
    DeepStats,
    EventInfo,
    Finding,
    Inspection,
    MatteObjects,
    ObjectCoverage,
    PartPixels,
    PixelFault,
    PixelReport,
    Provenance,
    ProvenanceColumn,
    SequenceName,
    Severity,
    StatsMode,
    Status,
    Thumbnail,
)

PROVENANCE_COLUMNS = get_args(ProvenanceColumn)


def _moment(value: object) -> datetime | None:
    """The UTC time of a stored value: a datetime, which is UTC if it has no zone, or ISO 8601 text."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value.replace("Z", "+00:00"))
    if isinstance(value, datetime):
        return value.replace(tzinfo=timezone.utc) if value.tzinfo is None else value.astimezone(timezone.utc)
    return None


def _sorted(rows: Iterable[StoredRow], *columns: str) -> list[StoredRow]:
    return sorted(rows, key=lambda row: tuple(row[column] for column in columns))


def _header(files: StoredRow, parts: Sequence[StoredRow], attributes: Iterable[StoredRow]) -> Header | None:
    word = files["version_word"]
    if word is None:
        return None
    by_part = attributes_from_rows(attributes)
    made = tuple(make_part(row["part_index"], word, by_part.get(row["part_index"], ())) for row in parts)
    return Header(word, made, files["header_bytes"], is_partial=bool(files["header_is_partial"]))


def _layout(part: PartHeader, row: StoredRow, limits: Limits) -> Layout | None:
    if row["chunk_count_computed"] is None:
        return None
    try:
        return part_layout(part, limits)
    except FormatError:
        return None  # the file was read under wider limits than these


def _completeness(row: StoredRow) -> Completeness | None:
    if row["chunks_present"] is None:
        return None
    missing = json.loads(row["missing"]) if row["missing"] else {}
    return Completeness(
        part=row["part_index"],
        checked=row["completeness_checked"],
        chunk_count=row["chunk_count_computed"],
        declared=row["chunk_count_declared"],
        present=row["chunks_present"],
        counts={ChunkState(int(state)): count for state, count in missing.get("counts", {}).items()},
        missing=tuple(MissingRange(*gap[:10], *map(ChunkState, gap[10:])) for gap in missing.get("ranges", ())),
        missing_truncated=missing.get("truncated", False),
        zero_only_upper_levels=missing.get("zeroOnlyUpperLevels", False),
    )


def _levels(row: StoredRow) -> Iterable[PartPixels]:
    for item in json.loads(row["pixels"]) if row["pixels"] else ():
        values: list[Any] = [tuple(value) if isinstance(value, list) else value for value in item["deep"] or ()]
        deep = DeepStats(*values) if values else None
        yield PartPixels(
            row["part_index"],
            item["x"],
            item["y"],
            item["total"],
            item["read"],
            item["constant"],
            item["black"],
            deep,
            item["hash"],
        )


_Listed = Mapping[tuple[int, str, str | None], list[ObjectCoverage]]  # by part, Cryptomatte and view


def _listed(objects: Iterable[StoredRow]) -> _Listed:
    listed: dict[tuple[int, str, str | None], list[ObjectCoverage]] = defaultdict(list)
    for row in _sorted(objects, "object_index"):
        found = ObjectCoverage(int(row["id"], 16), row["coverage"], row["pixels"])
        listed[row["part_index"], row["cryptomatte"], row["view_name"]].append(found)
    return listed


def _matte_objects(row: StoredRow, listed: _Listed) -> Iterable[MatteObjects]:
    """The objects in the pixels of a part's Cryptomattes."""
    for item in json.loads(row["cryptomatte_ids"]) if row["cryptomatte_ids"] else ():
        yield MatteObjects(
            part=row["part_index"],
            key=item["key"],
            name=item["name"],
            view=item["view"],
            is_complete=item["whole"],
            id_count=item["ids"],
            impossible_count=item["impossible"],
            manifest_hash=item["manifest"],
            name_count=item["names"],
            unnamed_count=item["unnamed"],
            unnamed_once_count=item["unnamedOnce"],
            first_unnamed=tuple(ObjectCoverage(*found) for found in item["firstUnnamed"]),
            unseen_count=item["unseen"],
            first_unseen=tuple(item["firstUnseen"]),
            objects=tuple(listed.get((row["part_index"], item["name"], item["view"]), ())),
        )


def _pixels(
    files: StoredRow, parts: Sequence[StoredRow], rows: Mapping[str, Sequence[StoredRow]]
) -> PixelReport | None:
    stats, objects = rows["stats"], rows.get("cryptomatte_objects", ())
    thumbnails = tuple(map(thumbnail, _sorted(rows.get("thumbnails", ()), "thumbnail_index")))
    if files["pixel_fault_count"] is None:
        return PixelReport(StatsMode.OFF, thumbnails=thumbnails) if thumbnails else None
    listed = _listed(objects)
    faults = [
        PixelFault(row["part_index"], *fault)
        for row in parts
        for fault in (json.loads(row["pixel_faults"]) if row["pixel_faults"] else ())
    ]
    return PixelReport(
        mode=StatsMode(files["stats_mode"]),
        channels=tuple(map(channel_stats, _sorted(stats, "stats_index"))),
        parts=tuple(item for row in parts for item in _levels(row)),
        faults=tuple(faults),
        stopped=_stops(files)[0],
        file_hash=files["hash"],
        mattes=tuple(item for row in parts for item in _matte_objects(row, listed)),
        thumbnails=thumbnails,
    )


def _stops(files: StoredRow) -> tuple[str, str]:
    """What ended reading header or pixels early, and what kept a manifest from being read."""
    text = files["stats_stopped"] or ""
    return ("", text) if text.startswith(MANIFEST) else (text, "")


def thumbnail(row: StoredRow) -> Thumbnail:
    """The thumbnail of a row of `thumbnails`."""
    image = row["image"]
    return Thumbnail(
        part=row["part_index"],
        layer=row["layer"],
        width=row["width"],
        height=row["height"],
        image=base64.b64decode(image) if isinstance(image, str) else image,
        source=row["source"],
        exposure=row["exposure"],
        transform=row["transform"],
        hash=row["difference_hash"],
    )


def _finding(row: StoredRow) -> Finding:
    return Finding(
        code=row["code"],
        severity=Severity(row["severity_rank"]),
        message=row["message"],
        part=row["part_index"],
        channel=row["channel"],
        found=row["found"] or "",
        expected=row["expected"] or "",
        offset=row["file_offset"],
    )


def _provenance(files: StoredRow) -> Provenance:
    known = {column: files[column] for column in PROVENANCE_COLUMNS}
    product, version = known["software"], known["software_version"]
    if product and version:  # the column `software` has both
        known["software"] = product.removesuffix(version).rstrip() or None
    return Provenance(**known, sources=json.loads(files["provenance"]) if files["provenance"] else {})


def _build(rows: Mapping[str, Sequence[StoredRow]], limits: Limits) -> Inspection:
    (files,) = rows["files"]
    parts = _sorted(rows["parts"], "part_index")
    header = _header(files, parts, rows["attributes"])
    made = header.parts if header else ()
    states = (_completeness(row) for row in parts)
    inspected_at = _moment(files["inspected_at"])
    if inspected_at is None:
        raise ValueError("inspected_at is null")
    return Inspection(
        bucket=files["bucket"],
        key=files["key"],
        version=known_version(files["etag"], files["size_bytes"], _moment(files["mtime"])),
        status=Status(files["status"]),
        error_code=files["error_code"],
        error_message=files["error_message"],
        name=SequenceName(
            files["directory"], files["file_name"], files["sequence"], files["frame_number"], files["frame_padding"]
        ),
        inspected_at=inspected_at,
        header=header,
        layouts=tuple(_layout(part, row, limits) for part, row in zip(made, parts, strict=False)),
        completeness=tuple(state for state in states if state is not None),
        names=file_names(header) if header else (),
        pixels=_pixels(files, parts, rows),
        findings=tuple(map(_finding, _sorted(rows["validation"], "finding_index"))),
        policy=files["policy"] or "",
        decoder=files["decoder"],
        stopped=_stops(files)[0] if files["error_code"] else "",
        manifest_stop=_stops(files)[1],
        provenance=_provenance(files),
        event=EventInfo(files["event_id"], files["sequencer"], _moment(files["event_time"])),
    )


def inspection_from_rows(rows: Mapping[str, Sequence[StoredRow]], limits: Limits = DEFAULT_LIMITS) -> Inspection:
    """Make the Inspection from its rows.

    Args:
        rows: By table name, in any order: one row of `files`, and the rows of `parts`, `attributes`, `stats` and `validation`
            of the same inspection. Rows of `cryptomatte_objects` and `thumbnails` are optional. `channels` is not needed.
        limits: Limits for layouts; a layout beyond them is None.

    Raises:
        CatalogError: The rows do not belong together, or are invalid.
    """
    try:
        return _build(rows, limits)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise CatalogError(f"stored rows cannot be read: {type(error).__name__}: {error}") from error
