"""Reads the VAST Catalog, a cluster's table of all its files and folders, which is filled from snapshots."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone

import pyarrow as pa
from vastdb.config import QueryConfig

from exr_inspector.catalog.schema.columns import stored_time
from exr_inspector.catalog.sdk.connection import Connection
from exr_inspector.catalog.sdk.errors import translated
from exr_inspector.catalog.sdk.predicates import Where, every, has_prefix
from exr_inspector.catalog.sdk.work import Work
from exr_inspector.deadline import Deadline

_COLUMNS = ("parent_path", "name", "size", "mtime", "ctime")
_TIMES = ("mtime", "ctime")


@dataclass(frozen=True, slots=True)
class CatalogFile:
    """A file in the VAST Catalog.

    Attributes:
        path: Path on the cluster.
        size_bytes: Size, bytes.
        mtime: Last change of the content, UTC.
        ctime: Last change of any kind, also a rename, UTC; rounded down to the microsecond.
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
    """Yield the files below a folder of the cluster as of the last snapshot, in no particular order.

    Args:
        connection: The database; its keys need the right to read the VAST Catalog.
        folder: Path on the cluster.
        since: Only files that changed at this time or later, by ctime.
        until: Only files that changed before this time, by ctime.
        limit: Maximum number of files; further ones are left out. 0 for no limit.
        deadline: When to give up.

    Raises:
        CatalogError: There is no VAST Catalog, or it cannot be read.
    """
    base = folder.rstrip("/")
    conditions = every(
        lambda table: table["element_type"] == "FILE",
        has_prefix("parent_path", base),  # it is not documented whether the path of a folder ends with a slash
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
    return every(
        None if since is None else lambda table: table["ctime"] >= stored_time(since),
        None if until is None else lambda table: table["ctime"] < stored_time(until),
    )


def _in_microseconds(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with times in microseconds, which datetime can represent, instead of nanoseconds."""
    for name in _TIMES:
        place = batch.schema.get_field_index(name)
        batch = batch.set_column(place, name, batch.column(place).cast(pa.timestamp("us"), safe=False))
    return batch
