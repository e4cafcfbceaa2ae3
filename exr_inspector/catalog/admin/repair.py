"""Finds and fixes rows that only a fault can leave: several rows of one file, orphaned child rows, incomplete files.

Every row has the id of its inspection, and the row of `files` says how many rows each child table has, so it is known which
rows belong together. Of several rows of a file, the newest complete one stays. Child rows of other inspections are deleted. A
file whose rows are not complete is deleted, to be inspected again (`./run db reconcile --fix`). Each range of paths is one
transaction, which updates the guards of all files that it changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from functools import partial
from operator import add

import pyarrow as pa
import pyarrow.compute as pc

from exr_inspector.catalog.paths import prefix_end
from exr_inspector.catalog.precedence import StoredFile, newest
from exr_inspector.catalog.schema import CHILDREN, FILES, GUARDS, ROW_COUNTS, Table
from exr_inspector.catalog.schema.columns import RowId
from exr_inspector.catalog.sdk.connection import Connection
from exr_inspector.catalog.sdk.predicates import has_prefix, in_range
from exr_inspector.catalog.sdk.work import ROW_ID, Work, rows_of
from exr_inspector.catalog.stored import STORED_FILE_COLUMNS, stored_file, touch_guards

_FILES_PER_SLICE = 20_000  # about a million child rows


@dataclass(frozen=True, slots=True)
class RepairReport:
    """What was found, and fixed unless it was a dry run.

    Attributes:
        files: Number of rows of `files` that were checked.
        duplicate_files: Number of superfluous rows of `files`.
        repeated_rows: Number of child rows that repeat another one.
        orphan_rows: Number of child rows whose inspection has no row in `files`.
        incomplete_files: Paths of files whose rows were not complete.
        duplicate_guards: Number of superfluous guard rows.
    """

    files: int = 0
    duplicate_files: int = 0
    repeated_rows: int = 0
    orphan_rows: int = 0
    incomplete_files: tuple[str, ...] = ()
    duplicate_guards: int = 0

    @property
    def is_clean(self) -> bool:
        """Whether nothing was wrong."""
        return self == RepairReport(files=self.files)

    def __add__(self, other: RepairReport) -> RepairReport:
        return RepairReport(*map(add, astuple(self), astuple(other)))


@dataclass(slots=True)
class _Slice:
    """What was found in one range of paths: numbers, ids of the rows to delete by table, and the files that they belong to."""

    files: int = 0
    to_delete: dict[str, list[RowId]] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)
    orphans: int = 0
    repeated: int = 0
    duplicates: int = 0
    incomplete: list[str] = field(default_factory=list)

    def mark(self, table: Table, row_ids: Sequence[RowId], files: Sequence[str]) -> None:
        self.to_delete.setdefault(table.name, []).extend(row_ids)
        self.touched.update(files)


@dataclass(frozen=True, slots=True)
class _FileRow:
    """A row of `files`, with the number of its child rows by table."""

    file_id: str
    stored: StoredFile
    declared: Mapping[str, int]


Range = tuple[str, str | None]  # first path, and the first path beyond the range; None for no end


def _slices(paths: Sequence[str], prefix: str) -> list[Range]:
    """Ranges of paths with `_FILES_PER_SLICE` files each, which cover everything below a prefix."""
    starts = [prefix, *sorted(paths)[_FILES_PER_SLICE::_FILES_PER_SLICE]]
    return list(zip(starts, [*starts[1:], prefix_end(prefix)], strict=True))


def _file_rows(work: Work, part: Range) -> tuple[dict[str, list[_FileRow]], int]:
    columns = list(dict.fromkeys([*STORED_FILE_COLUMNS, *ROW_COUNTS.values()]))
    found: dict[str, list[_FileRow]] = {}
    rows = rows_of(work.select(FILES, columns, in_range("path", *part), row_ids=True))
    for row in rows:
        declared = {name: row[column] or 0 for name, column in ROW_COUNTS.items()}
        found.setdefault(row["file_id"], []).append(_FileRow(row["file_id"], stored_file(row), declared))
    return found, len(rows)


def _children(work: Work, part: Range) -> dict[str, pa.Table]:
    columns = ["file_id", "inspection_id"]
    empty = pa.table({name: pa.array([], pa.string()) for name in columns} | {ROW_ID: pa.array([], pa.uint64())})
    tables = {}
    for table in CHILDREN:
        batches = [
            batch.select(empty.column_names)
            for batch in work.select(table, columns, in_range("file_path", *part), row_ids=True)
        ]
        tables[table.name] = pa.Table.from_batches(batches) if batches else empty
    return tables


def _counts(children: Mapping[str, pa.Table]) -> dict[str, dict[str, int]]:
    return {
        name: {item["values"]: item["counts"] for item in rows["inspection_id"].value_counts().to_pylist()}
        for name, rows in children.items()
    }


def _is_complete(file: _FileRow, counts: Mapping[str, Mapping[str, int]]) -> bool:
    identifier = file.stored.inspection_id
    return all(counts[name].get(identifier, 0) >= declared for name, declared in file.declared.items())


def _choose(rows: Sequence[_FileRow], counts: Mapping[str, Mapping[str, int]]) -> _FileRow | None:
    """The row to keep: a complete one of the newest version; None if there is none."""
    version = newest([row.stored for row in rows]).version_info.content_key
    complete = [row for row in rows if row.stored.version_info.content_key == version and _is_complete(row, counts)]
    if not complete:
        return None
    chosen = newest([row.stored for row in complete])
    return next(row for row in complete if row.stored is chosen)


def _repeats(work: Work, table: Table, file: _FileRow) -> tuple[list[RowId], int]:
    """Of one inspection's rows in one table: ids of rows that repeat an earlier row's key, and the number of other rows."""
    identifier = file.stored.inspection_id
    batches = work.select(
        table, [*table.key, "inspection_id"], lambda t: t["file_path"] == file.stored.path, row_ids=True
    )
    rows = [row for row in rows_of(batches) if row["inspection_id"] == identifier]
    seen = set()
    repeated = []
    for row in sorted(rows, key=lambda item: item[ROW_ID]):
        key = tuple(row[column] for column in table.key)
        if key in seen:
            repeated.append(row[ROW_ID])
        seen.add(key)
    return repeated, len(seen)


def _examine(work: Work, part: Range) -> _Slice:
    found, count = _file_rows(work, part)
    children = _children(work, part)
    counts = _counts(children)
    made = _Slice(files=count)
    keep: dict[str, _FileRow] = {}
    for file, rows in found.items():
        chosen = _choose(rows, counts)
        if chosen is not None and not _drop_repeats(work, made, chosen, counts):
            chosen = None
        if chosen is None:
            made.incomplete.append(rows[0].stored.path)
        else:
            keep[file] = chosen
        extra = [row.stored.row_id for row in rows if row is not chosen]
        if extra:
            made.mark(FILES, extra, [file])
            made.duplicates += len(extra) - (chosen is None)
    valid = pa.array([file.stored.inspection_id for file in keep.values()], pa.string())
    for table in CHILDREN:
        child_rows = children[table.name]
        orphans = child_rows.filter(pc.invert(pc.is_in(child_rows["inspection_id"], value_set=valid)))
        if orphans.num_rows:
            made.mark(table, orphans[ROW_ID].to_pylist(), orphans["file_id"].unique().to_pylist())
            made.orphans += orphans.num_rows
    return made


def _drop_repeats(work: Work, made: _Slice, file: _FileRow, counts: Mapping[str, Mapping[str, int]]) -> bool:
    """Mark repeated child rows of a file for deletion; False if the other rows are not complete."""
    identifier = file.stored.inspection_id
    for table in CHILDREN:
        declared = file.declared[table.name]
        if counts[table.name].get(identifier, 0) == declared:
            continue
        repeated, left = _repeats(work, table, file)
        if left != declared:
            return False
        made.mark(table, repeated, [file.file_id])
        made.repeated += len(repeated)
    return True


def _fix(work: Work, made: _Slice, connection: Connection) -> None:
    if not made.touched:
        return
    touch_guards(work, made.touched, "repair", connection.config)
    for table in (*CHILDREN, FILES):
        work.delete(table, list(set(made.to_delete.get(table.name, ()))))


def _repair_guards(work: Work, *, dry_run: bool) -> int:
    guards = pa.Table.from_batches(work.select(GUARDS, ["guard_id"], row_ids=True)).sort_by(ROW_ID)
    first = pc.index_in(guards["guard_id"], guards["guard_id"])
    extra = guards.filter(pc.less(first, pa.array(range(guards.num_rows))))[ROW_ID].to_pylist()
    if not dry_run:
        work.delete(GUARDS, extra)
    return len(extra)


def _paths(work: Work, prefix: str) -> list[str]:
    batches = work.select(FILES, ["path"], has_prefix("path", prefix))
    return [path for batch in batches for path in batch["path"].to_pylist()]


def repair(
    connection: Connection, prefix: str = "", *, dry_run: bool = False, progress: Callable[[str], None] | None = None
) -> RepairReport:
    """Check all tables and fix what is wrong.

    Args:
        connection: The database.
        prefix: Check only files whose `bucket/key` begins with it, and the guards.
        dry_run: Only report.
        progress: Called with a text after every range of files.

    Returns:
        What was found.

    Raises:
        CatalogError: The database cannot be read or written; ranges that were finished stay fixed.
    """
    guards = connection.run("repair the guards", lambda work: _repair_guards(work, dry_run=dry_run))
    report = RepairReport(duplicate_guards=guards)
    slices = _slices(connection.run("list files", lambda work: _paths(work, prefix)), prefix)

    def repair_slice(work: Work, part: Range) -> RepairReport:
        made = _examine(work, part)
        if not dry_run:
            _fix(work, made, connection)
        return RepairReport(made.files, made.duplicates, made.repeated, made.orphans, tuple(sorted(made.incomplete)))

    for number, part in enumerate(slices, 1):
        report += connection.run("repair files", partial(repair_slice, part=part))
        if progress:
            progress(f"{number} of {len(slices)} slices, {report.files} files")
    return report
