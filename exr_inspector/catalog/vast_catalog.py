"""The VAST Catalog: the table of all files and folders of a cluster, which the database fills from snapshots."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import pyarrow as pa
from vastdb.config import QueryConfig

from exr_inspector.catalog.schema.columns import stored_time
from exr_inspector.catalog.sdk.connection import Connection, Where, Work, every, has_prefix
from exr_inspector.catalog.sdk.errors import translated
from exr_inspector.deadline import Deadline

_COLUMNS = ("parent_path", "name", "size", "mtime", "ctime")
_TIMES = ("mtime", "ctime")


@dataclass(frozen=True, slots=True)
class CatalogFile:
    """A file as the VAST Catalog has it.

    Attributes:
        path: Path on the cluster.
        size_bytes: Size.
        mtime: Last change of the content, UTC.
        ctime: Last change of anything, a rename included, UTC; rounded down to the microsecond.
    """

    path: str
    size_bytes: int
    mtime: datetime
    ctime: datetime


def catalog_files(
    connection: Connection,
    folder: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = 0,
    deadline: Deadline | None = None,
) -> Iterator[CatalogFile]:
    """The files below a folder of the cluster, in no order; as old as the last snapshot.

    Args:
        connection: The database; its keys need the right to read the VAST Catalog.
        folder: Path on the cluster.
        since: Only what changed then or later, by ctime.
        until: Only what changed before.
        limit: Most files; what comes beyond is left out. 0 for no bound.
        deadline: When to give up.

    Raises:
        CatalogError: There is no VAST Catalog, or it cannot be read.
    """
    base = folder.rstrip("/")
    conditions = every(
        lambda table: table["element_type"] == "FILE",
        has_prefix("parent_path", base),  # whether a slash follows the folder's own path is not documented
        _changed(since, until),
    )

    def body(work: Work) -> list[pa.RecordBatch]:
        with translated("read the VAST Catalog"):
            table = work.tx.catalog()
            query = QueryConfig(num_splits=1, data_endpoints=[connection.config.endpoint])
            predicate = conditions(table) if conditions else None
            return list(table.select(list(_COLUMNS), predicate, query, limit_rows=limit or None))

    for batch in connection.run("read the VAST Catalog", body, deadline=deadline):
        for row in _in_microseconds(batch).to_pylist():
            path = f"{row['parent_path'].rstrip('/')}/{row['name']}"
            if path.startswith(f"{base}/"):
                moments = [row[name].replace(tzinfo=timezone.utc) for name in _TIMES]
                yield CatalogFile(path, row["size"], *moments)


def _changed(since: datetime | None, until: datetime | None) -> Where | None:
    def condition(table: Any) -> Any:
        after = None if since is None else table["ctime"] >= stored_time(since)
        before = None if until is None else table["ctime"] < stored_time(until)
        return before if after is None else after if before is None else after & before

    return None if since is None and until is None else condition


def _in_microseconds(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The Catalog counts nanoseconds, which Python's moments do not hold."""
    for name in _TIMES:
        place = batch.schema.get_field_index(name)
        batch = batch.set_column(place, name, batch.column(place).cast(pa.timestamp("us"), safe=False))
    return batch
