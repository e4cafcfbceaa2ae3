"""Reads one file from the tables. Questions about many files are answered in SQL (`queries/`, docs/queries.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from exr_inspector.catalog.paths import catalog_paths, names_bucket
from exr_inspector.catalog.read.pages import list_files
from exr_inspector.catalog.rows.read_back import inspection_from_rows
from exr_inspector.catalog.schema import CHILDREN, FILES, RARE, ROW_COUNTS
from exr_inspector.catalog.sdk.connection import Connection
from exr_inspector.catalog.sdk.work import Work, rows_of
from exr_inspector.errors import CatalogError
from exr_inspector.model import Inspection
from exr_inspector.texts import visible
from exr_inspector.validation.rule import counted


@dataclass(frozen=True, slots=True)
class FullFile:
    """All rows of one file. Its `repr` is one line.

    Attributes:
        inspection_id: Id of the inspection that wrote them.
        content_key: Key of the version.
        inspector_version: Version of exr-inspector that made them.
        inspection: The inspection, from the rows.
        rows: The rows by table name.
    """

    inspection_id: str
    content_key: str
    inspector_version: str
    inspection: Inspection
    rows: Mapping[str, Sequence[Mapping[str, Any]]]

    def __repr__(self) -> str:
        """`<FullFile PATH: STATUS, number of rows>`."""
        count = sum(map(len, self.rows.values()))
        return f"<FullFile {visible(self.inspection.path)}: {self.inspection.status.value}, {counted(count, 'row')}>"


class Reader:
    """Reads files from the tables. Every call is one transaction; calls may run in many threads at once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def file(self, path: str) -> FullFile | None:
        """All rows of one file; None if it has none.

        Args:
            path: `s3://bucket/key`, `bucket/key`, or the key alone, which is looked up in all buckets.

        Raises:
            CatalogError: The database cannot be read, or `path` is empty.
        """
        return self._connection.run("read a file", lambda work: self._file(work, path))

    def paths_below(self, prefix: str) -> list[str]:
        """The sorted paths of all files whose paths begin with a prefix.

        Raises:
            CatalogError: The database cannot be read.
        """
        return [listed.path for listed in list_files(self._connection, prefix)]

    def _file(self, work: Work, spelling: str) -> FullFile | None:
        try:
            candidates = catalog_paths(spelling)
        except CatalogError:
            candidates = catalog_paths(spelling, self._buckets(work))
        row = self._files_row(work, candidates)
        if row is None and not names_bucket(spelling):
            row = self._files_row(work, catalog_paths(spelling, self._buckets(work)))
        if row is None:
            return None
        rows: dict[str, list[dict[str, Any]]] = {"files": [row]}
        for table in CHILDREN:
            if table in RARE and not row[ROW_COUNTS[table.name]]:
                rows[table.name] = []
                continue
            found = rows_of(work.select(table, table.arrow.names, lambda t: t["file_path"] == row["path"]))
            rows[table.name] = [item for item in found if item["inspection_id"] == row["inspection_id"]]
        return FullFile(
            inspection_id=row["inspection_id"],
            content_key=row["content_key"],
            inspector_version=row["inspector_version"],
            inspection=inspection_from_rows(rows),
            rows=rows,
        )

    def _files_row(self, work: Work, paths: Sequence[str]) -> dict[str, Any] | None:
        order = {path: index for index, path in enumerate(paths)}
        found = rows_of(work.select_in(FILES, FILES.arrow.names, "path", order))
        return min(found, key=lambda row: order[row["path"]], default=None)

    def _buckets(self, work: Work) -> tuple[str, ...]:
        batches = work.select(FILES, ["bucket"])
        return tuple(sorted({name for batch in batches for name in batch["bucket"].unique().to_pylist()}))
