"""Local services for tests: an S3 server with faults on demand, and a VAST DataBase.

`LocalStack.differences` compares the tables with the objects: every object must have exactly the rows that an undisturbed
inspection gives, and no other rows may exist.
"""

from __future__ import annotations

import os
import re
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from exr_inspector.catalog import Catalog, CatalogConfig
from exr_inspector.catalog.rows.groups import to_tables
from exr_inspector.catalog.schema import BY_NAME, CHILDREN, DOCUMENT, FILES, INSPECTIONS, LEAST_GUARDS, Table
from exr_inspector.catalog.sdk.work import Work, rows_of
from exr_inspector.catalog.stored import touch_guards
from exr_inspector.catalog.versions import file_id
from exr_inspector.errors import AccessDenied
from exr_inspector.inspector import Inspector
from exr_inspector.model import StatsMode
from exr_inspector.settings import Settings, load_settings
from exr_inspector.storage import SourceOpener
from exr_inspector.validation import builtin_policy
from tests.chaos.database import DatabaseProcess
from tests.support.databases import database_environ, empty_tables, rows_within, wipe, wipe_of
from tests.support.faulty_s3 import Fault, FaultyS3, Request, Status
from vastdb_local import LocalVastDB

BUCKET = "renders"
SAMPLES = Path(__file__).resolve().parents[2] / "samples"
_TRANSACTION_SECONDS = 4.0
# Lines that are logged after a commit; `inspections` is append-only, so that later events cannot hide a lost one.
_ACKNOWLEDGED = re.compile(
    r"\[COMPLETE\] s3://(.*?) \| status=\S+ outcome=(?:inserted|replaced|unchanged|removed)\b.*\bevent=(\S+)"
)
DENIED = "denied/"  # the store refuses every request for keys with this prefix


class Store(FaultyS3):
    """The faulty S3 server, which also denies access to some keys."""

    def receive(self, request: Request) -> Fault | None:
        """Record the request and return its fault, like FaultyS3, or refuse it for a denied key."""
        fault = super().receive(request)
        return Status(403) if request.key.startswith(DENIED) else fault

    def contents(self) -> dict[str, tuple[bytes, str]]:
        """The bytes and ETag of every object, by key."""
        with self._lock:
            return {key: (stored.data, stored.etag.strip('"')) for (_, key), stored in self._objects.items()}


@cache
def sample(name: str) -> bytes:
    """The bytes of a sample."""
    return (SAMPLES / name).read_bytes()


@cache
def peaceful_rows(data: bytes, mode: StatsMode) -> Mapping[str, int]:
    """The number of rows in each child table for an object with these bytes, without faults."""
    settings = load_settings({}, need=(), secrets_dir=None)
    source = SourceOpener(settings).open_bytes(data, key="peace.exr")
    inspection = Inspector.from_settings(settings, stats=mode).inspect(source, builtin_policy("default"))
    tables = to_tables([inspection], ["0"], "0")
    return {table.name: tables[table.name].num_rows if table.name in tables else 0 for table in CHILDREN}


@dataclass
class LocalStack:
    """The running services, their objects and their tables."""

    s3: Store
    database: LocalVastDB | DatabaseProcess
    environ: dict[str, str]
    path: Path
    catalog: Catalog = field(init=False)
    database_requests: int = 0  # requests that earlier databases, before a restart, have answered

    def __post_init__(self) -> None:
        self.catalog = Catalog(CatalogConfig.from_settings(self.settings().require_catalog()))

    def settings(self, **changes: str) -> Settings:
        """The settings of a function that uses these services."""
        return load_settings({**self.environ, **changes}, secrets_dir=None)

    def put(self, key: str, name: str = "scanline_zip.exr") -> None:
        """Write a sample as an object."""
        self.s3.put(BUCKET, key, sample(name))

    def clear(self) -> None:
        """Remove all objects, rows and faults."""
        self.database.faults.clear()
        self.s3.script()
        self.s3.hook = None
        self.s3.by_key.clear()
        self.s3.chance(0.0, seed=0)
        for key in self.s3.contents():
            self.s3.delete(BUCKET, key)
        if isinstance(self.database, LocalVastDB):
            wipe_of(self.database, self.catalog)
        else:
            wipe(self.catalog)

    def restart_database(self) -> None:
        """Close the database while it serves requests, and start it again."""
        old = self.database
        old.close()
        if isinstance(old, LocalVastDB):
            self.database_requests += sum(old.counters().values())
            self.database = _database(self.path, old.port, old.access_key, old.secret_key)
        self.database.start()

    def kill_database(self) -> None:
        """Kill the process of the database, and start it again."""
        assert isinstance(self.database, DatabaseProcess)
        self.database.kill()
        self.database.start()

    def acknowledged(self, log: str) -> set[tuple[str, str]]:
        """The (event, path) of each event that the function's log reports as handled."""
        return {(event, path) for path, event in _ACKNOWLEDGED.findall(log)}

    def lost(self, log: str) -> list[str]:
        """Events that the function's log reports as handled, but that have no row in `inspections`; empty if there are none."""
        recorded = {(row["event_id"], row["file_path"]) for row in self.rows(INSPECTIONS.name)}
        gone = sorted(self.acknowledged(log) - recorded)
        return [f"{path}: event {event} was acknowledged, but is not there" for event, path in gone]

    def rows(self, name: str, path: str | None = None) -> list[dict[str, Any]]:
        """All rows of a table, or those of one file, read without faults."""
        table = BY_NAME[name]
        names = [column for column in table.arrow.names if column != "preview"]
        (found,) = self._read_back({table: names}).values()
        key = "path" if table is FILES else "file_path"
        return [row for row in found if path is None or row[key] == path]

    def _read_back(self, columns: Mapping[Table, Sequence[str]]) -> dict[str, list[dict[str, Any]]]:
        """Read columns of all rows of tables in one transaction; returns the rows by table."""
        if isinstance(self.database, LocalVastDB):
            return rows_within(self.database, self.catalog, columns)

        def body(work: Work) -> dict[str, list[dict[str, Any]]]:
            return {table.name: rows_of(work.select(table, names)) for table, names in columns.items()}

        return self.catalog.connection.run("read back", body)

    def differences(self, mode: StatsMode = StatsMode.OFF) -> list[str]:
        """The differences between tables and objects, in words; empty if there are none."""
        of_files = ["path", "file_id", "inspection_id", "error_code", "etag", "size_bytes"]
        of_children = ["file_path", "file_id", "inspection_id"]
        tables = self._read_back({table: of_files if table is FILES else of_children for table in DOCUMENT})
        expected = {
            f"{BUCKET}/{key}": (data, etag) for key, (data, etag) in self.s3.contents().items() if key.endswith(".exr")
        }
        files = {row["path"]: row for row in tables["files"]}
        found = [f"{path}: no row" for path in sorted(expected.keys() - files.keys())]
        found += [f"{path}: a row, but no object" for path in sorted(files.keys() - expected.keys())]
        twice = Counter(row["path"] for row in tables["files"])
        found += [f"{path}: {count} rows" for path, count in twice.items() if count > 1]
        for path in sorted(expected.keys() & files.keys()):
            found += _row_faults(path, files[path], *expected[path])
        owners = {row["file_id"]: row["inspection_id"] for row in tables["files"]}
        for table in CHILDREN:
            strays = [row for row in tables[table.name] if owners.get(row["file_id"]) != row["inspection_id"]]
            found += [f"{row['file_path']}: a row of {table.name} of another inspection" for row in strays]
            counts = Counter(row["file_path"] for row in tables[table.name])
            for path in sorted(expected.keys() & files.keys()):
                want = 0 if _is_denied(path) else peaceful_rows(expected[path][0], mode)[table.name]
                if counts[path] != want and not (_is_denied(path) and table.name == "validation"):
                    found.append(f"{path}: {counts[path]} rows of {table.name}, should be {want}")
        return found


def _is_denied(path: str) -> bool:
    return path.startswith(f"{BUCKET}/{DENIED}")


def _row_faults(path: str, row: Mapping[str, Any], data: bytes, etag: str) -> Iterator[str]:
    if _is_denied(path):
        if row["error_code"] != AccessDenied.code:
            yield f"{path}: {row['error_code']}, should be {AccessDenied.code}"
    elif (row["etag"], row["size_bytes"]) != (etag, len(data)):
        yield f"{path}: rows of another version"


def _database(path: Path, port: int = 0, access_key: str | None = None, secret_key: str | None = None) -> LocalVastDB:
    return LocalVastDB(
        path, transaction_seconds=_TRANSACTION_SECONDS, port=port, access_key=access_key, secret_key=secret_key
    )


@contextmanager
def local_stack(path: Path | None = None, *, log: Path | None = None, **changes: str) -> Iterator[LocalStack]:
    """Start services with empty tables; `changes` are settings. With `log`, the database is a process that writes this log."""
    with Store() as s3, tempfile.TemporaryDirectory() as folder:
        file = empty_tables(path or Path(folder) / "catalog.duckdb", schema="exr_inspector", guards=LEAST_GUARDS)
        database = DatabaseProcess(file, log, transaction_seconds=_TRANSACTION_SECONDS) if log else _database(file)
        database.start()
        environ = {
            **database_environ(database),
            **s3.environ,
            "S3_RETRIES": "1",
            "S3_TIMEOUT_SECONDS": "1",
            "EXR_DB_RETRY_SECONDS": "3",
            "EXR_DEADLINE_SECONDS": "20",
            **changes,
        }
        made = LocalStack(s3, database, environ, file)
        try:
            yield made
        finally:
            made.catalog.close()
            made.database.close()


@contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for a block."""
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def guard_held(stack: LocalStack, path: str, seconds: float) -> Iterator[Callable[[], None]]:
    """Lock the guard row of a file in an open transaction, like a killed process, until the block or the time ends.

    The value of the block is a function that ends the transaction earlier.
    """
    held, over = threading.Event(), threading.Event()

    def hold(work: Work) -> None:
        touch_guards(work, [file_id(path)], "a killed process", stack.catalog.connection.config)
        held.set()
        over.wait(seconds)

    holder = threading.Thread(target=stack.catalog.connection.run, args=("hold a guard", hold))
    holder.start()
    assert held.wait(30)
    try:
        yield over.set
    finally:
        over.set()
        holder.join(30)


def impatient(stack: LocalStack) -> Catalog:
    """Open the tables of a stack with a shorter time for retries."""
    return Catalog(CatalogConfig.from_settings(stack.settings(EXR_DB_RETRY_SECONDS="0.2").require_catalog()))
