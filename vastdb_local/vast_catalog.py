"""The VAST Catalog: a table with a row for every file and folder of a cluster, as of its last snapshot.

A cluster fills it from snapshots, taken every few minutes; clients read it by `tx.catalog()`. Here it is filled from a folder
or any other listing on demand. It has the columns that tell when a file changed, with the names, types and values of public
queries of the Catalog.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow as pa

from vastdb_local import ddl, rows
from vastdb_local.definitions import Table
from vastdb_local.metadata import find_schema, find_table, get_schema, get_table
from vastdb_local.storage import Database
from vastdb_local.transaction import Transaction

BUCKET = "vast-big-catalog-bucket"
SCHEMA = "vast_big_catalog_schema"
TABLE = "vast_big_catalog_table"

COLUMNS = pa.schema(
    [
        ("phandle", pa.struct([("clone_id", pa.int32()), ("handle_id", pa.int64())])),
        ("parent_path", pa.string()),  # ends with a slash
        ("name", pa.string()),
        ("extension", pa.string()),  # without its dot; null where there is none
        ("element_type", pa.string()),
        ("size", pa.int64()),  # bytes
        ("uid", pa.int32()),
        ("gid", pa.int32()),
        ("nlinks", pa.int32()),
        ("nfs_mode_bits", pa.int32()),
        ("atime", pa.timestamp("ns")),  # this and the next: UTC
        ("mtime", pa.timestamp("ns")),
        ("ctime", pa.timestamp("ns")),
    ]
)
_ROWS_PER_INSERT = 50_000
_TYPES = {stat.S_IFREG: "FILE", stat.S_IFDIR: "DIR", stat.S_IFLNK: "SYMLINK"}

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """A file or folder in the Catalog.

    Attributes:
        path: Absolute path on the cluster, such as `/renders/shot/a.exr`.
        size: Bytes.
        mtime_ns: Last change of the content, ns since 1970.
        ctime_ns: Last change of any kind, also a rename, ns since 1970.
        element_type: `FILE`, `DIR` or `SYMLINK`.
        atime_ns: Last read, ns since 1970.
        handle: A unique number, which a rename does not change.
        uid: Owner.
        gid: Group.
        links: Hard links.
        mode: Permission bits.
    """

    path: str
    size: int
    mtime_ns: int
    ctime_ns: int
    element_type: str = "FILE"
    atime_ns: int = 0
    handle: int = 0
    uid: int = 0
    gid: int = 0
    links: int = 1
    mode: int = 0o644

    def row(self) -> dict[str, object]:
        """Its values by column."""
        parent, _, name = self.path.rpartition("/")
        _, dot, extension = name.rpartition(".")
        return {
            "phandle": {"clone_id": 0, "handle_id": self.handle},
            "parent_path": f"{parent}/",
            "name": name,
            "extension": extension if dot and self.element_type == "FILE" else None,
            "element_type": self.element_type,
            "size": self.size,
            "uid": self.uid,
            "gid": self.gid,
            "nlinks": self.links,
            "nfs_mode_bits": self.mode,
            "atime": self.atime_ns,
            "mtime": self.mtime_ns,
            "ctime": self.ctime_ns,
        }


def entries_of_folder(folder: Path | str, root: str) -> Iterator[CatalogEntry]:
    """The entries of everything below a folder. Links are not followed; unreadable entries are logged and left out.

    Args:
        folder: On this machine.
        root: Its path on the cluster, such as `/renders`.
    """
    pending = [(os.fspath(folder), root.rstrip("/"))]
    while pending:
        place, path = pending.pop()
        try:
            with os.scandir(place) as scan:
                found = sorted(scan, key=lambda entry: entry.name)
        except OSError as error:
            _log.warning("%s is not in the VAST Catalog: %s", place, error.strerror)
            continue
        for item in found:
            entry = _entry(item, f"{path}/{item.name}")
            if entry is not None:
                yield entry
                if entry.element_type == "DIR":
                    pending.append((item.path, entry.path))


def _entry(item: os.DirEntry[str], path: str) -> CatalogEntry | None:
    try:
        status = item.stat(follow_symlinks=False)
        path.encode()
    except (OSError, UnicodeEncodeError):  # deleted meanwhile, or its name is not valid text
        return None
    return CatalogEntry(
        path=path,
        size=status.st_size,
        mtime_ns=status.st_mtime_ns,
        ctime_ns=status.st_ctime_ns,
        element_type=_TYPES.get(stat.S_IFMT(status.st_mode), "OTHER"),
        atime_ns=status.st_atime_ns,
        handle=status.st_ino,
        uid=status.st_uid,
        gid=status.st_gid,
        links=status.st_nlink,
        mode=stat.S_IMODE(status.st_mode),
    )


def write_catalog(database: Database, entries: Iterable[CatalogEntry]) -> int:
    """Replace the Catalog by another snapshot in one transaction, and return the number of entries."""
    database.add_bucket(BUCKET)
    with database.alone() as transaction:
        transaction.settle()
        table = _emptied(database, transaction)
        return _insert(database, transaction, table, iter(entries))


def _emptied(database: Database, transaction: Transaction) -> Table:
    if find_schema(transaction, BUCKET, SCHEMA) is None:
        ddl.create_schema(transaction, BUCKET, SCHEMA, "")
    schema = get_schema(transaction, BUCKET, SCHEMA)
    table = find_table(transaction, BUCKET, SCHEMA, TABLE)
    if table is not None:
        transaction.run(f"DELETE FROM {table.stored}")  # noqa: S608 - our name
        database.lookups.forget(table.id)
        return table
    ddl.create_table(transaction, schema, TABLE, COLUMNS, properties="", sorting_key=())
    return get_table(transaction, BUCKET, SCHEMA, TABLE)


def _insert(database: Database, transaction: Transaction, table: Table, entries: Iterator[CatalogEntry]) -> int:
    count = 0
    while some := [entry.row() for entry in islice(entries, _ROWS_PER_INSERT)]:
        rows.insert(database, transaction, table, pa.RecordBatch.from_pylist(some, COLUMNS))
        count += len(some)
    return count
