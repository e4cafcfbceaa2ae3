"""Questions to the tables that programs ask, typed, on the SDK with predicates that the server carries out. Changes nothing.

The SDK orders and groups nothing: where an answer needs that, the rows that fit come here first, only the columns needed.
What SQL does better is in `queries/` (docs/queries.md).
"""

from __future__ import annotations

import heapq
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from itertools import pairwise
from typing import Any

from exr_inspector.catalog.paths import catalog_paths, catalog_prefix, names_bucket
from exr_inspector.catalog.rows.read_back import inspection_from_rows
from exr_inspector.catalog.schema import ATTRIBUTES, CHANNELS, CHILDREN, FILES, RARE, ROW_COUNTS, Table
from exr_inspector.catalog.sdk.connection import Connection, Where, Work, every, has_prefix, rows_of
from exr_inspector.delivery.naming import recognise
from exr_inspector.errors import CatalogError
from exr_inspector.model import Inspection

_DIGIT_SIGNS = re.compile(r"#+(?=[^#]*$)")
# Columns in which the frames of one sequence are expected to agree.
STEADY_COLUMNS = (
    "width", "height", "display_width", "display_height", "pixel_aspect_ratio", "compression", "channel_count", "layer_count",
    "pixel_types", "multipart_count", "views", "is_deep", "is_tiled", "color_space", "software", "fps", "status", "is_complete",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class FileSummary:
    """A file as a listing shows it; the columns of `files` of the same names, `mtime` in UTC."""

    path: str
    size_bytes: int | None
    mtime: datetime | None
    status: str
    error_code: str | None
    is_complete: bool | None
    width: int | None
    height: int | None
    compression: str | None
    color_space: str | None
    is_deep: bool | None
    is_tiled: bool | None
    software: str | None
    channel_count: int | None
    multipart_count: int | None
    frame_number: int | None
    sequence: str | None
    worst_severity: str | None


SUMMARY_COLUMNS = tuple(FileSummary.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class FilePage:
    """One page of a listing.

    Attributes:
        files: In order of path.
        after: What to hand in as `after` for the next page, None on the last one.
    """

    files: tuple[FileSummary, ...]
    after: str | None


@dataclass(frozen=True, slots=True)
class FullFile:
    """Everything stored of one file.

    Attributes:
        inspection_id: The inspection that wrote it.
        content_key: The version.
        inspector_version: By which version of exr-inspector.
        inspection: The file as a value.
        rows: All rows by table name, as stored.
    """

    inspection_id: str
    content_key: str
    inspector_version: str
    inspection: Inspection
    rows: Mapping[str, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class LayerUse:
    """One layer and view over the frames of a sequence.

    Attributes:
        layer: Layer path; empty for the base layer.
        view: View, None where the files name none.
        frame_count: Files that have it.
        variants: Distinct channel sets as `component:TYPE` in name order, with the number of files; more than one is drift.
    """

    layer: str
    view: str | None
    frame_count: int
    variants: tuple[tuple[tuple[str, ...], int], ...]

    @property
    def drifts(self) -> bool:
        """Whether pixel types or channels differ between frames."""
        return len(self.variants) > 1


@dataclass(frozen=True, slots=True)
class SequenceReport:
    """A sequence as a whole.

    Attributes:
        sequence: Its key, with the folder.
        frames: Distinct frame numbers, rising.
        missing: Runs (first, last) of frame numbers without a file between the first and the last.
        duplicates: Frame numbers that several files have (`a.1.exr` beside `a.01.exr`).
        drift: For each column whose values differ: every value with its frames.
    """

    sequence: str
    frames: tuple[int, ...]
    missing: tuple[tuple[int, int], ...]
    duplicates: tuple[int, ...]
    drift: Mapping[str, Mapping[object, tuple[int, ...]]]


@dataclass(frozen=True, slots=True)
class AttributeMatch:
    """One attribute that was searched for; `text` and `number` as in `attributes`."""

    path: str
    part_index: int
    name: str
    type: str
    text: str | None
    number: float | None


def _summary(row: Mapping[str, Any]) -> FileSummary:
    made = FileSummary(**row)
    return made if made.mtime is None else replace(made, mtime=made.mtime.replace(tzinfo=timezone.utc))


def _equal(column: str, value: object) -> Where:
    return lambda table: table[column] == value


def _after(path: str | None) -> Where | None:
    return None if path is None else lambda table: table["path"] > path


def _frames_of(sequence: str, paths: Iterable[str]) -> dict[str, int]:
    """The frames of a sequence among all files of its folder: what a row says may be by its own name alone."""
    wanted = _DIGIT_SIGNS.sub("#", sequence)
    found = (known for known in recognise(paths).sequences if _DIGIT_SIGNS.sub("#", known.pattern) == wanted)
    return {member.path: member.number for known in found for member in known.members}


def _near(sequence: str) -> Where | None:
    """The files of the folder of a sequence: which of them are its frames, all their names say together."""
    directory = sequence.rpartition("/")[0]
    return every(has_prefix("path", f"{directory}/"), _equal("directory", directory))


def _paths_in(work: Work, sequence: str) -> list[str]:
    return [row["path"] for row in rows_of(work.select(FILES, ["path"], _near(sequence)))]


def _missing(frames: Sequence[int]) -> tuple[tuple[int, int], ...]:
    pairs = pairwise(frames)
    return tuple((left + 1, right - 1) for left, right in pairs if right - left > 1)


class Reader:
    """Questions to the tables; every method is one transaction, and may run on many threads at once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def file(self, path: str) -> FullFile | None:
        """Everything of one file, None where there is no row of it.

        Args:
            path: `s3://bucket/key`, `bucket/key`, or `/key` of a bucket that has files here.

        Raises:
            CatalogError: The database cannot be read, or `path` names nothing.
        """
        return self._connection.run("read a file", lambda work: self._file(work, path))

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
            found = rows_of(work.select(table, table.arrow.names, _equal("file_path", row["path"])))
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
        counts = _count(work, FILES, "bucket", None)
        return tuple(sorted(str(bucket) for bucket in counts))

    def list_files(self, prefix: str = "", *, limit: int = 100, after: str | None = None) -> FilePage:
        """Files below a prefix in order of path, a page at a time; pages stay apart however files come and go.

        Args:
            prefix: Prefix of `bucket/key`, in any spelling; empty for all files.
            limit: Files on the page, at least one.
            after: Path that the last page ended with.

        Raises:
            CatalogError: The database cannot be read, or the page would hold nothing.
        """
        if limit < 1:
            raise CatalogError(f"a page holds at least one file, not {limit}")
        where = every(has_prefix("path", catalog_prefix(prefix)), _after(after))
        return self._connection.run("list files", lambda work: self._page(work, where, limit))

    def _page(self, work: Work, where: Where | None, limit: int) -> FilePage:
        paths = (path for batch in work.select(FILES, ["path"], where) for path in batch["path"].to_pylist())
        chosen = heapq.nsmallest(limit + 1, paths)
        more, chosen = len(chosen) > limit, chosen[:limit]
        rows = rows_of(work.select_in(FILES, SUMMARY_COLUMNS, "path", chosen))
        files = sorted(map(_summary, rows), key=lambda item: item.path)
        return FilePage(tuple(files), chosen[-1] if more and chosen else None)

    def layers(self, sequence: str) -> tuple[LayerUse, ...]:
        """Layers over the frames of a sequence, in order of name: how many frames have each, and where it drifts.

        Args:
            sequence: Key of the sequence with its folder, such as `bucket/shot/beauty.####.exr`.
        """
        return self._connection.run("read layers", lambda work: self._layers(work, catalog_prefix(sequence)))

    def _layers(self, work: Work, sequence: str) -> tuple[LayerUse, ...]:
        files = _frames_of(sequence, _paths_in(work, sequence))
        columns = ["file_id", "layer", "view_name", "component", "type"]
        sets: dict[tuple[str, str | None], dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        for batch in work.select_in(CHANNELS, columns, "file_path", files):
            for row in batch.to_pylist():
                sets[row["layer"], row["view_name"]][row["file_id"]].append(f"{row['component']}:{row['type']}")
        uses = []
        for (layer, view), by_file in sorted(sets.items(), key=lambda item: (item[0][0], item[0][1] or "")):
            variants = Counter(tuple(sorted(channels)) for channels in by_file.values())
            uses.append(LayerUse(layer, view, len(by_file), tuple(variants.most_common())))
        return tuple(uses)

    def sequence(self, sequence: str) -> SequenceReport:
        """Frames, gaps, duplicates and drift of a sequence; without any frame when there is none of that name.

        Args:
            sequence: Key of the sequence with its folder.
        """
        name = catalog_prefix(sequence)
        rows = self._connection.run("read a sequence", lambda work: self._frame_rows(work, name))
        counts = Counter(number for number, _ in rows)
        frames = tuple(sorted(counts))
        drift: dict[str, dict[object, tuple[int, ...]]] = {}
        for column in STEADY_COLUMNS:
            values: dict[object, list[int]] = defaultdict(list)
            for number, row in rows:
                values[row[column]].append(number)
            if len(values) > 1:
                drift[column] = {value: tuple(sorted(numbers)) for value, numbers in values.items()}
        duplicates = tuple(frame for frame in frames if counts[frame] > 1)
        return SequenceReport(name, frames, _missing(frames), duplicates, drift)

    def _frame_rows(self, work: Work, sequence: str) -> list[tuple[int, dict[str, Any]]]:
        """Frame number and row of each file of a sequence."""
        rows = rows_of(work.select(FILES, ["path", *STEADY_COLUMNS], _near(sequence)))
        frames = _frames_of(sequence, (row["path"] for row in rows))
        return [(frames[row["path"]], row) for row in rows if row["path"] in frames]

    def find_attributes(
        self,
        name: str,
        *,
        text: str | None = None,
        minimum: float | None = None,
        maximum: float | None = None,
        limit: int = 1_000,
    ) -> tuple[AttributeMatch, ...]:
        """Attributes of a name, by value.

        Args:
            name: Attribute name as in the file.
            text: What `value_text` equals.
            minimum: Least `value_number`.
            maximum: Greatest `value_number`.
            limit: Most matches.
        """
        conditions: list[Where] = [_equal("name", name), _equal("chunk_index", 0)]
        if text is not None:
            conditions.append(_equal("value_text", text))
        if minimum is not None:
            conditions.append(lambda table: table["value_number"] >= minimum)
        if maximum is not None:
            conditions.append(lambda table: table["value_number"] <= maximum)
        columns = ["file_path", "part_index", "name", "type", "value_text", "value_number"]
        rows = self._connection.run(
            "search attributes", lambda work: rows_of(work.select(ATTRIBUTES, columns, every(*conditions), limit=limit))
        )
        return tuple(AttributeMatch(*row.values()) for row in rows)

    def distinct(self, column: str, *, prefix: str = "", table: Table = FILES) -> tuple[tuple[object, int], ...]:
        """Values of one column with their number of rows, the most frequent first; only that column is read.

        Args:
            column: Name of a column.
            prefix: Only files below this prefix.
            table: The table.

        Raises:
            CatalogError: There is no such column.
        """
        if column not in table.arrow.names:
            raise CatalogError(f"table {table.name} has no column {column!r}")
        where = has_prefix("path" if table is FILES else "file_path", catalog_prefix(prefix))
        counts = self._connection.run("read values", lambda work: _count(work, table, column, where))
        return tuple(sorted(counts.items(), key=lambda item: (-item[1], str(item[0]))))


def _count(work: Work, table: Table, column: str, where: Where | None) -> dict[object, int]:
    counts: Counter[object] = Counter()
    for batch in work.select(table, [column], where):
        for item in batch[column].value_counts().to_pylist():
            counts[item["values"]] += item["counts"]
    return counts
