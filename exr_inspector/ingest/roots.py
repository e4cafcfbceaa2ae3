"""Record the folder behind each bucket of a local catalog, so that two folders of the same name never share rows.

The folders are in a separate table, `roots`, which only catalogs in local files have: on a cluster bucket names are
unique. A folder may be a part of its bucket: the keys with a prefix (`EXR_VIEWS`). The table maps a row to its file::

    select roots.root || '/' || substr(files.key, length(roots.prefix) + 1)
    from files join roots on roots.bucket = files.bucket and starts_with(files.key, roots.prefix)
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import timezone
from pathlib import Path
from typing import Any

import pyarrow as pa

from exr_inspector.catalog.schema import FILES, Table
from exr_inspector.catalog.schema.columns import nullable, required
from exr_inspector.catalog.sdk.config import CatalogConfig
from exr_inspector.catalog.sdk.connection import Connection
from exr_inspector.catalog.sdk.errors import translated
from exr_inspector.catalog.sdk.predicates import has_prefix
from exr_inspector.catalog.sdk.work import ROW_ID, Work, rows_of
from exr_inspector.catalog.stored import touch_guards
from exr_inspector.catalog.versions import file_id
from exr_inspector.errors import ArgumentError, BucketUnavailable, SchemaDrift, SchemaMissing
from exr_inspector.ingest.run import Listing
from exr_inspector.settings import Mount, Settings
from exr_inspector.storage.client_views import ClientViews
from exr_inspector.storage.mounts import path_of
from exr_inspector.texts import unicode_text

_ROOTS = Table(
    "roots",
    "One row for each folder behind a bucket, or behind a part of one",
    ("bucket", "prefix"),
    (
        required("bucket", pa.string(), "Bucket"),
        required("root", pa.string(), "Folder"),
        required("recorded_at", pa.timestamp("us"), "When it was recorded", "UTC"),
        nullable("prefix", pa.string(), "What the keys of its files begin with"),
    ),
)
_PREFIX = pa.schema([_ROOTS.arrow.field("prefix")])


def recorded_roots(connection: Connection) -> list[Mount]:
    """Return the folder behind each bucket; empty on a cluster, and for tables without local files.

    Raises:
        CatalogError: The tables cannot be read.
    """

    def body(work: Work) -> list[Mount]:
        return list(map(_root, _recorded(work)))

    return connection.run("read the folders of buckets", body)


def _table(work: Work, config: CatalogConfig) -> Any:
    schema = work.tx.bucket(config.bucket).schema(config.schema, fail_if_missing=False)
    return schema and schema.table(_ROOTS.name, fail_if_missing=False)


def _recorded(work: Work) -> list[dict[str, Any]]:
    """The rows; none if the table does not exist."""
    try:
        return rows_of(work.select(_ROOTS, ["bucket", "root", "prefix"]))
    except SchemaMissing:
        return []
    except SchemaDrift:  # created by a version without prefixes
        return rows_of(work.select(_ROOTS, ["bucket", "root"]))


def _root(row: Mapping[str, Any]) -> Mount:
    return Mount(row["bucket"], Path(row["root"]), row.get("prefix") or "")


def record_roots(
    connection: Connection, settings: Settings, buckets: Collection[str], *, named: str | None = None
) -> None:
    """Record the mounted folders of some buckets, or compare them with the recorded ones.

    A folder that was moved keeps its bucket only if the user names the bucket: the old folder may be on an unavailable
    share.

    Args:
        connection: The tables.
        settings: The mounts and views.
        buckets: The buckets.
        named: The bucket that the user named for a folder.

    Raises:
        ArgumentError: A bucket, or a part of one, belongs to another folder, or a folder contains that of another bucket and
            the user named no bucket for it; the message names the option to use.
        CatalogError: The tables cannot be read or written.
    """
    wanted = {
        mount.place: replace(mount, folder=mount.folder.resolve())
        for mount in settings.mounts
        if mount.bucket in buckets
    }
    declared = frozenset(ClientViews(settings.views).mounts())

    def body(work: Work) -> None:
        known = {root.place: root for root in map(_root, _recorded(work))}
        _refuse_others(known, wanted, named)
        new = [mount for place, mount in wanted.items() if known.get(place) != mount]
        _refuse_parts({**known, **wanted}.values(), new, declared)
        _refuse_nested({**known, **wanted}.values(), [mount for mount in new if mount.bucket != named], declared)
        if not new:
            return
        # Otherwise two commands could record two folders for one bucket at the same time.
        config = connection.config
        touch_guards(work, [file_id(mount.place) for mount in new], config.new_id(), config)
        now = config.clock().astimezone(timezone.utc).replace(tzinfo=None)
        rows = [
            {"bucket": mount.bucket, "root": str(mount.folder), "recorded_at": now, "prefix": mount.prefix}
            for mount in new
        ]
        with translated("record the folders of buckets"):
            schema = work.tx.bucket(config.bucket).schema(config.schema)
            table = schema.create_table(_ROOTS.name, _ROOTS.arrow, fail_if_exists=False)
            if "prefix" not in table.arrow_schema.names:  # created by a version without prefixes
                table.add_column(_PREFIX)
            before = table.select(internal_row_id=True).read_all()
            moved = [_root(row).place in wanted and _root(row) not in wanted.values() for row in before.to_pylist()]
            gone = before.filter(pa.array(moved, pa.bool_())).select([ROW_ID])
            if gone.num_rows:
                table.delete(gone)
            table.insert(pa.Table.from_pylist(rows, _ROOTS.arrow))

    connection.run("record the folders of buckets", body)


def forget_roots(connection: Connection, roots: Collection[Mount]) -> None:
    """Delete the records of folders whose files have no rows, so that the names of their buckets are free.

    Args:
        connection: The tables.
        roots: Folders without files; those with rows, and those that are not recorded, are left alone.

    Raises:
        CatalogError: The tables cannot be read or written.
    """

    def body(work: Work) -> None:
        doing = "delete the folders of buckets"
        with translated(doing):
            table = _table(work, connection.config)
            if not table:
                return
            before = table.select(internal_row_id=True).read_all()
        known = [_root(row) for row in before.to_pylist()]
        is_free = [root in roots and not _has_rows(work, root) for root in known]
        if any(is_free):
            places = [root.place for root, free in zip(known, is_free, strict=True) if free]
            touch_guards(work, [file_id(place) for place in places], connection.config.new_id(), connection.config)
            with translated(doing):
                table.delete(before.filter(pa.array(is_free, pa.bool_())).select([ROW_ID]))

    connection.run("delete the folders of buckets", body)


def _has_rows(work: Work, root: Mount) -> bool:
    below = has_prefix("path", unicode_text(f"{root.bucket}/{root.prefix}"))
    return bool(rows_of(work.select(FILES, ["path"], below, limit=1)))


def require_parts(roots: Collection[Mount], targets: Iterable[Listing]) -> None:
    """Return if every part of a bucket that the targets contain has its folder.

    Without it, the keys of the part would be those of the folder around it, where its files do not exist.

    Args:
        roots: The folders of all buckets and parts.
        targets: What is listed.

    Raises:
        BucketUnavailable: A folder does not exist, such as the mount point of a share that is not mounted.
    """
    for target in targets:
        for root in roots:
            is_inside = root.bucket == target.bucket and root.prefix.startswith(target.prefix)
            if root.prefix and is_inside and not root.folder.is_dir():
                raise BucketUnavailable(
                    f"{root.place}: its folder {root.folder} does not exist: mount its share, or name its new folder in "
                    "EXR_MOUNTS"
                )


def _refuse_others(known: Mapping[str, Mount], wanted: Mapping[str, Mount], named: str | None) -> None:
    for place, mount in wanted.items():
        root, before = mount.folder, known.get(place, mount).folder
        is_there = before.is_dir()
        if before == root or (mount.bucket == named and not is_there):
            continue
        text = f"bucket {place} of this catalog is the folder {before}, not {root}: give that one another name with --bucket"
        if not is_there:
            again = f"if it was moved to {root}, and not only its share is away, --bucket {mount.bucket}"
            text += f"; {before} is not there now: {again}"
        raise ArgumentError(text)


def _refuse_parts(roots: Collection[Mount], new: Collection[Mount], declared: Collection[Mount]) -> None:
    """Reject a part of a bucket whose folder differs from the subfolder of that name in the folder of the whole bucket.

    Two mounts of EXR_VIEWS (`declared`) may show the same files. Without EXR_VIEWS, two folders are the same if they
    have the same inode number; the devices are not compared, since a share that is mounted twice may be two devices.
    """
    for whole in roots:
        for part in roots:
            is_part = whole.bucket == part.bucket and whole != part and part.prefix.startswith(whole.prefix)
            if not is_part or (whole not in new and part not in new) or (whole in declared and part in declared):
                continue
            inside = path_of(whole, part.prefix)
            if inside.is_dir() and not (part.folder.is_dir() and part.folder.stat().st_ino == inside.stat().st_ino):
                other = part if part in new else whole
                raise ArgumentError(
                    f"bucket {part.place} would be two folders, {part.folder} and {inside}: "
                    f"give {other.folder} another name with --bucket"
                )


def _refuse_nested(roots: Collection[Mount], new: Collection[Mount], declared: Collection[Mount]) -> None:
    """Reject a folder that contains the folder of another bucket, or lies in one: its files would be stored twice."""
    for outer in roots:
        for inner in roots:
            is_nested = outer.folder in inner.folder.parents and outer.bucket != inner.bucket
            added = outer if outer in new else inner
            if not is_nested or added not in new or (outer in declared and inner in declared):
                continue
            raise ArgumentError(
                f"{outer.folder} contains {inner.folder}, which is bucket {inner.place} of this catalog: its files would be "
                f"stored a second time, as {outer.place}/...; store {outer.folder} in another catalog file, or give "
                f"--bucket {added.bucket} to have both"
            )
