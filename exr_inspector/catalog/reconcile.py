"""Storage against the tables: what has no row, whose object is gone, which rows are of an older version. A pure comparison.

Both sides come in any order and are compared by path. A row is stale when its version is not the object's; an object that is
older than a row is no reason to worry, since a listing may have been made before the row was.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timezone

from exr_inspector.catalog.keys import content_key
from exr_inspector.catalog.paths import catalog_prefix
from exr_inspector.catalog.schema import FILES
from exr_inspector.catalog.session import Connection
from exr_inspector.model import ObjectVersion

_COLUMNS = ("path", "content_key", "etag", "size_bytes", "mtime")


@dataclass(frozen=True, slots=True)
class ListedObject:
    """An object as a listing shows it.

    Attributes:
        path: `<bucket>/<key>`.
        version: Its version; the ETag is None where the listing has none, and then size and mtime decide.
    """

    path: str
    version: ObjectVersion


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """A row of `files` for the comparison; size and ETag are None where the object could not be read."""

    path: str
    content_key: str
    etag: str | None
    size_bytes: int | None
    mtime_seconds: int | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs, in order of path.

    Attributes:
        listed: Objects that were listed.
        stored: Rows that were compared.
        without_row: Objects that are not in the tables.
        without_object: Paths of rows whose object is gone.
        stale: Objects whose row is of another version.
    """

    listed: int
    stored: int
    without_row: tuple[ListedObject, ...]
    without_object: tuple[str, ...]
    stale: tuple[ListedObject, ...]

    @property
    def is_equal(self) -> bool:
        """Whether storage and tables agree."""
        return not (self.without_row or self.without_object or self.stale)


def _is_stale(item: ListedObject, row: StoredVersion) -> bool:
    if content_key(item.path, item.version) == row.content_key:
        return False
    version = item.version
    if version.etag is not None and row.etag is not None and version.etag != row.etag:
        return True
    # One side has no ETag, or they agree: then the size and the modification time to the second must agree as well.
    return (version.size_bytes, int(version.mtime.timestamp())) != (row.size_bytes, row.mtime_seconds)


def _path(item: ListedObject) -> str:
    return item.path


def compare(listed: Iterable[ListedObject], stored: Iterable[StoredVersion]) -> Comparison:
    """Compare objects with rows.

    Args:
        listed: The objects below a prefix that should have rows.
        stored: The rows below the same prefix.
    """
    rows = {row.path: row for row in stored}
    total = len(rows)
    missing: list[ListedObject] = []
    stale: list[ListedObject] = []
    count = 0
    for item in listed:
        count += 1
        row = rows.pop(item.path, None)
        if row is None:
            missing.append(item)
        elif _is_stale(item, row):
            stale.append(item)
    return Comparison(
        listed=count,
        stored=total,
        without_row=tuple(sorted(missing, key=_path)),
        without_object=tuple(sorted(rows)),
        stale=tuple(sorted(stale, key=_path)),
    )


def stored_versions(connection: Connection, prefix: str) -> Iterator[StoredVersion]:
    """The rows below a prefix of paths, in any spelling; empty for all.

    Raises:
        CatalogError: The database cannot be read.
    """
    start = catalog_prefix(prefix)
    where = (lambda table: table["path"].startswith(start)) if start else None
    batches = connection.run("read versions", lambda work: list(work.select(FILES, _COLUMNS, where)))
    for batch in batches:
        for row in batch.to_pylist():
            mtime = row["mtime"]
            seconds = None if mtime is None else int(mtime.replace(tzinfo=timezone.utc).timestamp())
            yield StoredVersion(row["path"], row["content_key"], row["etag"], row["size_bytes"], seconds)
