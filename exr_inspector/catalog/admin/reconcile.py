"""Compares storage with the tables: objects without rows, rows without objects, and stale rows, which have another version.

Objects come from a listing of the store, or on a cluster from its VAST Catalog. Objects and rows may come in any order. The
caller decides what to do about differences.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import attrgetter

from exr_inspector.catalog.paths import catalog_prefix
from exr_inspector.catalog.schema import FILES
from exr_inspector.catalog.schema.columns import utc
from exr_inspector.catalog.sdk.connection import Connection
from exr_inspector.catalog.sdk.predicates import has_prefix
from exr_inspector.catalog.vast_catalog import catalog_files
from exr_inspector.catalog.versions import content_key, is_same_version, known_version
from exr_inspector.model import ObjectVersion
from exr_inspector.settings import View
from exr_inspector.storage import is_exr
from exr_inspector.texts import unicode_text

_COLUMNS = ("path", "content_key", "etag", "size_bytes", "mtime")


@dataclass(frozen=True, slots=True)
class ListedObject:
    """An object in a listing.

    Attributes:
        path: `<bucket>/<key>`.
        version: Its version; the ETag is None if the listing has none.
    """

    path: str
    version: ObjectVersion


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """The version in a row of `files`; `version` is None if the object could not be read."""

    path: str
    content_key: str
    version: ObjectVersion | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """The differences between storage and tables, in order of path.

    Attributes:
        listed: Number of listed objects.
        stored: Number of rows.
        without_row: Objects without a row.
        without_object: Paths of rows without an object.
        stale: Objects whose row has another version.
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
    is_same = content_key(item.path, item.version) == row.content_key
    return not is_same and (row.version is None or not is_same_version(row.version, item.version))


def compare(listed: Iterable[ListedObject], stored: Iterable[StoredVersion]) -> Comparison:
    """Compare objects with rows, by path and version."""
    rows = {row.path: row for row in stored}
    total = len(rows)
    missing: list[ListedObject] = []
    stale: list[ListedObject] = []
    count = 0
    for item in listed:
        count += 1
        row = rows.pop(unicode_text(item.path), None)
        if row is None:
            missing.append(item)
        elif _is_stale(item, row):
            stale.append(item)
    return Comparison(
        listed=count,
        stored=total,
        without_row=tuple(sorted(missing, key=attrgetter("path"))),
        without_object=tuple(sorted(rows)),
        stale=tuple(sorted(stale, key=attrgetter("path"))),
    )


def vast_catalog_objects(connection: Connection, prefix: str, view: View) -> Iterator[ListedObject]:
    """Yield the EXR files below a prefix from the VAST Catalog, which is some minutes old and has no ETags.

    Args:
        connection: The database; its keys need the right to read the VAST Catalog.
        prefix: `bucket/prefix`, in any spelling.
        view: The view that shows the objects; its bucket is that of the prefix.

    Raises:
        CatalogError: There is no VAST Catalog, or it cannot be read.
    """
    bucket, _, below = catalog_prefix(prefix).partition("/")
    inside = below.removeprefix(view.prefix) if below.startswith(view.prefix) else ""
    for file in catalog_files(connection, f"{view.cluster}/{inside}".rpartition("/")[0]):
        key = view.prefix + file.path.removeprefix(f"{view.cluster}/")
        if file.path.startswith(f"{view.cluster}/") and key.startswith(below) and is_exr(key):
            yield ListedObject(f"{bucket}/{key}", ObjectVersion(None, file.size_bytes, file.mtime))


def stored_versions(connection: Connection, prefix: str) -> Iterator[StoredVersion]:
    """Yield the versions of all rows below a prefix of paths, in any spelling; empty for all rows.

    Raises:
        CatalogError: The database cannot be read.
    """
    below = has_prefix("path", catalog_prefix(prefix))
    batches = connection.run("read versions", lambda work: list(work.select(FILES, _COLUMNS, below)))
    for batch in batches:
        for row in batch.to_pylist():
            version = known_version(row["etag"], row["size_bytes"], utc(row["mtime"]))
            yield StoredVersion(row["path"], row["content_key"], version)
