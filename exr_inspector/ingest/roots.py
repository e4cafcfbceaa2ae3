"""The folder behind each bucket of a laptop's catalog, so that two folders of the same name never share rows.

Kept in a table of its own, `roots`, and only in catalogs that are files: on a cluster buckets have names of their own. A folder
may be a part of its bucket, the keys with a prefix (`EXR_VIEWS`). The table leads a row back to its file::

    select roots.root || '/' || substr(files.key, length(roots.prefix) + 1)
    from files join roots on roots.bucket = files.bucket and starts_with(files.key, roots.prefix)
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import timezone
from pathlib import Path
from typing import Any

import pyarrow as pa

from exr_inspector.catalog.sdk.connection import Connection
from exr_inspector.catalog.sdk.errors import translated
from exr_inspector.catalog.sdk.work import ROW_ID, Work
from exr_inspector.errors import SettingsError
from exr_inspector.settings import Mount, Settings
from exr_inspector.storage.mounts import path_of
from exr_inspector.storage.views import Views

_TABLE = "roots"
_PREFIX = pa.schema([("prefix", pa.string())])
_SCHEMA = pa.schema([("bucket", pa.string()), ("root", pa.string()), ("recorded_at", pa.timestamp("us")), *_PREFIX])

Place = tuple[str, str]  # bucket and prefix


def recorded_roots(connection: Connection) -> list[Mount]:
    """The folder behind each bucket; none on a cluster, and in tables that hold no local files.

    Raises:
        CatalogError: The tables cannot be read.
    """
    config = connection.config

    def body(work: Work) -> list[Mount]:
        with translated("read the folders of buckets"):
            schema = work.tx.bucket(config.bucket).schema(config.schema, fail_if_missing=False)
            table = schema and schema.table(_TABLE, fail_if_missing=False)
            return list(_recorded(table)) if table else []

    return connection.run("read the folders of buckets", body)


def _recorded(table: Any) -> Iterator[Mount]:
    rows: list[dict[str, Any]] = table.select(internal_row_id=False).read_all().to_pylist()
    return (Mount(row["bucket"], Path(row["root"]), row.get("prefix") or "") for row in rows)


def record_roots(
    connection: Connection, settings: Settings, buckets: Collection[str], *, named: str | None = None
) -> None:
    """Record the mounted folders of some buckets, or compare them with what was recorded.

    A folder that was moved keeps its bucket if its user names it: the folder that is gone may be on a share that is away.

    Args:
        connection: The tables.
        settings: The mounts and views.
        buckets: The buckets.
        named: The bucket that the user names for a folder.

    Raises:
        SettingsError: A bucket, or a part of one, is another folder; the message names the option to use.
        CatalogError: The tables cannot be read or written.
    """
    wanted = {
        (mount.bucket, mount.prefix): mount.folder.resolve() for mount in settings.mounts if mount.bucket in buckets
    }
    declared = {(view.bucket, view.prefix, view.folder) for view in Views(settings.views).mounts()}

    def body(work: Work) -> None:
        with translated("record the folders of buckets"):
            config = connection.config
            schema = work.tx.bucket(config.bucket).schema(config.schema)
            table = schema.create_table(_TABLE, _SCHEMA, fail_if_exists=False)
            if "prefix" not in table.arrow_schema.names:  # a catalog of before there were prefixes
                table.add_column(_PREFIX)
            known = {(mount.bucket, mount.prefix): mount.folder for mount in _recorded(table)}
        _refuse_others(known, wanted, named)
        new = [place for place, root in wanted.items() if known.get(place) != root]
        _refuse_parts({**known, **wanted}, new, declared)
        if not new:
            return
        now = config.clock().astimezone(timezone.utc).replace(tzinfo=None)
        with translated("record the folders of buckets"):
            stale = table.select(["bucket", "prefix"], internal_row_id=True).read_all()
            places = zip(*(stale[name].to_pylist() for name in ("bucket", "prefix")), strict=True)
            gone = stale.filter(pa.array([(bucket, prefix or "") in new for bucket, prefix in places], pa.bool_()))
            if gone.num_rows:
                table.delete(gone.select([ROW_ID]))
            table.insert(
                pa.Table.from_pylist(
                    [
                        {"bucket": place[0], "prefix": place[1], "root": str(wanted[place]), "recorded_at": now}
                        for place in new
                    ],
                    _SCHEMA,
                )
            )

    connection.run("record the folders of buckets", body)


def _refuse_others(known: dict[Place, Path], wanted: dict[Place, Path], named: str | None) -> None:
    for place, root in wanted.items():
        before = known.get(place, root)
        is_there = before.is_dir()
        if before == root or (place[0] == named and not is_there):
            continue
        text = f"bucket {_shown(place)} of this catalog is the folder {before}, not {root}: give that one another name"
        text += " with --bucket"
        if not is_there:
            text += f"; {before} is not there now: if it was moved to {root}, and not only its share is away,"
            text += f" --bucket {place[0]}"
        raise SettingsError(text)


def _refuse_parts(
    roots: dict[Place, Path], new: Collection[Place], declared: Collection[tuple[str, str, Path]]
) -> None:
    """Refuse a part of a bucket that is another folder than the one of its name in the folder of the whole.

    By EXR_VIEWS two mounts may show the same files; without, they are the same if they have the same inode number, since one
    share that is mounted twice may be two devices.
    """
    for outer, whole in roots.items():
        for inner, part in roots.items():
            is_part = outer[0] == inner[0] and outer != inner and inner[1].startswith(outer[1])
            if not is_part or not {outer, inner}.intersection(new):
                continue
            inside = path_of(Mount(outer[0], whole, outer[1]), inner[1])
            by_views = {(*outer, whole), (*inner, part)}.issubset(declared)
            if by_views or not inside.is_dir() or inside.stat().st_ino == part.stat().st_ino:
                continue
            other = part if inner in new else whole
            raise SettingsError(
                f"bucket {_shown(inner)} would be two folders, {part} and {inside}: give {other} another name with --bucket"
            )


def _shown(place: Place) -> str:
    return "/".join(place).rstrip("/")
