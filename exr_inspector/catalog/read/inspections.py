"""Reads the inspections of many files from the tables, in pages of files (`pages`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import NamedTuple

from exr_inspector.catalog.read.pages import (
    ATTRIBUTE_COLUMNS,
    KEYS,
    OWNER,
    STATS_COLUMNS,
    Row,
    between,
    list_files,
    pages_of,
    read_ahead,
)
from exr_inspector.catalog.rows.read_back import PROVENANCE_COLUMNS, inspection_from_rows
from exr_inspector.catalog.schema import ATTRIBUTES, FILES, PARTS, STATS, VALIDATION
from exr_inspector.catalog.sdk.connection import Connection
from exr_inspector.catalog.sdk.work import Work, rows_of
from exr_inspector.errors import CatalogError
from exr_inspector.model import Inspection

PAGE_FILES = 2_000
PAGE_BYTES = 64 << 20
# The columns that `read_back` needs. Channels follow from the attributes.
_FILE_COLUMNS = (
    *KEYS, "path", "bucket", "key", "etag", "size_bytes", "mtime", "status", "error_code", "error_message", "directory",
    "file_name", "sequence", "frame_number", "frame_padding", "inspected_at", "version_word", "header_bytes",
    "header_is_partial", "hash", "stats_mode", "stats_stopped", "pixel_fault_count", "policy", "event_id", "sequencer",
    "event_time", "decoder", *PROVENANCE_COLUMNS, "provenance",
)  # fmt: skip
_CHILD_COLUMNS = {
    PARTS: (
        *KEYS, "part_index", "chunk_count_declared", "chunk_count_computed", "chunks_present", "completeness_checked",
        "missing", "pixels", "cryptomatte_ids", "pixel_faults",
    ),
    ATTRIBUTES: ATTRIBUTE_COLUMNS,
    STATS: STATS_COLUMNS,
    VALIDATION: (
        *KEYS, "finding_index", "part_index", "channel", "code", "severity_rank", "message", "found", "expected",
        "file_offset",
    ),
}  # fmt: skip


class StoredInspection(NamedTuple):
    """One stored file.

    Attributes:
        path: `<bucket>/<key>`.
        inspection: The inspection; None if its rows are invalid.
        fault: What is wrong with its rows; empty if nothing is.
    """

    path: str
    inspection: Inspection | None
    fault: str


def stored_inspections(
    connection: Connection, prefix: str = "", *, page_files: int = PAGE_FILES, page_bytes: int = PAGE_BYTES
) -> Iterator[StoredInspection]:
    """Yield all files below a prefix in order of path. Files stored or removed meanwhile may be missing or included.

    Args:
        connection: The database.
        prefix: Prefix of `bucket/key`, in any spelling; empty for all files.
        page_files: Maximum number of files in a page.
        page_bytes: Approximate maximum size of a page's rows, bytes.

    Raises:
        CatalogError: The database cannot be read.
    """
    pages = pages_of(list_files(connection, prefix), page_files, page_bytes)
    yield from chain.from_iterable(read_ahead(connection, "read files", pages, _read_inspections))


def _read_inspections(work: Work, page: tuple[str, str]) -> list[StoredInspection]:
    files = rows_of(work.select(FILES, _FILE_COLUMNS, between("path", page)))
    rows: dict[tuple[str, str], dict[str, list[Row]]] = {}
    for file in files:
        rows[OWNER(file)] = {"files": [file], **{table.name: [] for table in _CHILD_COLUMNS}}
    for table, columns in _CHILD_COLUMNS.items():
        for row in rows_of(work.select(table, columns, between("file_path", page))):
            if (mine := rows.get(OWNER(row))) is not None:
                mine[table.name].append(row)
    return [_stored(file["path"], rows[OWNER(file)]) for file in sorted(files, key=itemgetter("path"))]


def _stored(path: str, rows: Mapping[str, Sequence[Row]]) -> StoredInspection:
    try:
        return StoredInspection(path, inspection_from_rows(rows), "")
    except CatalogError as error:
        return StoredInspection(path, None, f"{error.code}: {error}")
