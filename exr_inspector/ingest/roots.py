"""The folder behind each bucket of a laptop's catalog, so that two folders of the same name never share rows.

Kept in a table of its own, `roots`, and only in catalogs that are files: on a cluster buckets have names of their own. It leads
a row back to its file::

    select roots.root || '/' || files.key from files join roots on roots.bucket = files.bucket
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from exr_inspector.catalog.sdk.connection import Connection
from exr_inspector.catalog.sdk.errors import translated
from exr_inspector.catalog.sdk.work import Work
from exr_inspector.errors import SettingsError

_TABLE = "roots"
_SCHEMA = pa.schema([("bucket", pa.string()), ("root", pa.string()), ("recorded_at", pa.timestamp("us"))])


def recorded_roots(connection: Connection) -> dict[str, Path]:
    """The folder behind each bucket; none on a cluster, and in tables that hold no local files.

    Raises:
        CatalogError: The tables cannot be read.
    """
    config = connection.config

    def body(work: Work) -> dict[str, Path]:
        with translated("read the folders of buckets"):
            schema = work.tx.bucket(config.bucket).schema(config.schema, fail_if_missing=False)
            table = schema and schema.table(_TABLE, fail_if_missing=False)
            return {row["bucket"]: Path(row["root"]) for row in _rows(table)} if table else {}

    return connection.run("read the folders of buckets", body)


def _rows(table: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = table.select(internal_row_id=False).read_all().to_pylist()
    return rows


def record_roots(connection: Connection, mounts: Iterable[tuple[str, Path]], *, named: str | None = None) -> None:
    """Record the folders behind these buckets, or compare them with what was recorded.

    A folder that was moved keeps its bucket if its user names it: the folder that is gone may be on a share that is away.

    Args:
        connection: The tables.
        mounts: Buckets and their folders.
        named: The bucket that the user names for a folder.

    Raises:
        SettingsError: A bucket is another folder; the message names the option to use.
        CatalogError: The tables cannot be read or written.
    """
    wanted = {bucket: str(folder.resolve()) for bucket, folder in mounts}

    def body(work: Work) -> None:
        with translated("record the folders of buckets"):
            config = connection.config
            table = (
                work.tx.bucket(config.bucket).schema(config.schema).create_table(_TABLE, _SCHEMA, fail_if_exists=False)
            )
            known = {row["bucket"]: row["root"] for row in _rows(table)}
        _refuse_others(known, wanted, named)
        new = [bucket for bucket, root in wanted.items() if known.get(bucket) != root]
        if not new:
            return
        now = config.clock().astimezone(timezone.utc).replace(tzinfo=None)
        with translated("record the folders of buckets"):
            stale = table.select(["bucket"], internal_row_id=True).read_all()
            gone = stale.filter(pc.is_in(stale["bucket"], pa.array(new))).select(["$row_id"])
            if gone.num_rows:
                table.delete(gone)
            rows = {"bucket": new, "root": [wanted[bucket] for bucket in new], "recorded_at": [now] * len(new)}
            table.insert(pa.table(rows, _SCHEMA))

    connection.run("record the folders of buckets", body)


def _refuse_others(known: dict[str, str], wanted: dict[str, str], named: str | None) -> None:
    for bucket, root in wanted.items():
        before = known.get(bucket, root)
        is_there = Path(before).is_dir()
        if before == root or (bucket == named and not is_there):
            continue
        text = f"bucket {bucket} of this catalog is the folder {before}, not {root}: give that one another name with --bucket"
        if not is_there:
            text += f"; {before} is not there now: if it was moved to {root}, and not only its share is away, --bucket {bucket}"
        raise SettingsError(text)
