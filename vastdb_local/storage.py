"""The DuckDB file: opening and locking it, its open transactions, and the allocation of row ids.

DuckDB provides transactions, snapshots, conflicts and the write-ahead log. `metadata` knows what the tables mean.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import socket
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa

from vastdb_local.address import ServerAddress, lock_path, publish, withdraw
from vastdb_local.conflicts import RowGroupConflicts
from vastdb_local.deferred import DeferredTransaction
from vastdb_local.definitions import Table
from vastdb_local.errors import FileTrouble, LocalDatabaseError
from vastdb_local.lookups import Lookups
from vastdb_local.refusals import Refusal, not_found
from vastdb_local.transaction import KnownDefinitions, Transaction

FORMAT = 1
_ROWS_AT_A_TIME = 1 << 16
_CLOSING_SECONDS = 60.0  # for requests that are being answered when the database is closed

_log = logging.getLogger(__name__)
_LOG = "64MB"  # of write-ahead log before DuckDB merges it into the file; with its default of 16 MB, large writes wait often

_CREATE = """
CREATE SCHEMA _vast;
CREATE TABLE _vast.format (version INTEGER);
CREATE SEQUENCE _vast.ids START 1;
CREATE TABLE _vast.buckets (name VARCHAR);
CREATE TABLE _vast.schemas (id BIGINT, bucket VARCHAR, path VARCHAR, properties VARCHAR, view_schema VARCHAR);
CREATE TABLE _vast.tables (
    id BIGINT, schema_id BIGINT, name VARCHAR, view_name VARCHAR, properties VARCHAR, columns BLOB,
    sorting_key BIGINT[], external_row_ids BOOLEAN
);
CREATE TABLE _vast.projections (id BIGINT, table_id BIGINT, name VARCHAR, sorted BIGINT[], unsorted BIGINT[]);
"""


class DatabaseClosed(Exception):
    """The database was closed before a request reached it: nothing was done."""


class Database:
    """The file and the transactions open on it.

    Args:
        path: The DuckDB file, created if missing; None keeps everything in memory.
        idle_seconds: A transaction without a request for so long is rolled back by `expire`.
        abandoned_seconds: The same for a transaction whose client has closed all connections by which it came.
        detect_conflicts: False opens `DeferredTransaction`s.
        conflict_group_rows: Changes of rows in the same group of so many row ids conflict; 1 leaves conflicts to DuckDB.
        index_after: Number of lookups by a column's values before `lookups` has an index of it.
        create: Whether a missing file is created.

    Attributes:
        buckets: Names of all buckets.
        plain_buckets: Names of buckets without a database, which are not stored.
        lookups: The indexes; every change of rows is reported to them.

    Raises:
        LocalDatabaseError: Another server or program has the file open, or it is not a catalog.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        idle_seconds: float,
        abandoned_seconds: float,
        detect_conflicts: bool,
        conflict_group_rows: int,
        index_after: int,
        create: bool = True,
    ) -> None:
        self._idle_seconds = idle_seconds
        self._abandoned_seconds = abandoned_seconds
        self._path = path
        self._lock_file = _lock(path) if path is not None else None
        try:
            self._root = _open(path, create=create)
        except LocalDatabaseError:
            self._unlock()
            raise
        self._guard = threading.Lock()
        self._settled = threading.Condition(self._guard)  # notified whenever a transaction has ended
        self._closed = False
        self._turn = None if detect_conflicts else threading.Lock()
        self._row_groups = RowGroupConflicts(conflict_group_rows) if conflict_group_rows > 1 else None
        self.buckets = frozenset(name for (name,) in self._root.execute("FROM _vast.buckets").fetchall())
        self.plain_buckets: frozenset[str] = frozenset()
        self._open: dict[int, Transaction] = {}
        self._alive: set[int] = set()  # including those that are committing, or belong to a single request
        self._next_txid = time.time_ns() // 1_000
        self._redefining: set[int] = set()
        # What transactions that begin now see; None while one of them changes it.
        self._known: KnownDefinitions | None = KnownDefinitions()
        self._row_ids: dict[int, int] = {}
        self.lookups = Lookups(index_after, self._ids_alive, self._read_column)

    def add_plain_bucket(self, name: str) -> None:
        """Create a bucket without a database; it lasts until the server ends."""
        with self._guard:
            self.plain_buckets |= {name}

    def add_bucket(self, name: str) -> None:
        """Create a bucket if it is missing."""
        with self._guard:
            if name not in self.buckets:
                self._root.execute("INSERT INTO _vast.buckets VALUES ($1)", [name])
                self.buckets |= {name}

    @property
    def expiry_seconds(self) -> float:
        """The shortest time after which `expire` rolls back a transaction."""
        return min(self._idle_seconds, self._abandoned_seconds)

    def begin(self, *, registered: bool = True, client: socket.socket | None = None) -> Transaction:
        """Open a transaction. An unregistered one belongs to a single request and cannot be found by its id.

        Raises:
            Refusal: DuckDB cannot.
            DatabaseClosed: `close` was called.
        """
        with self._guard:
            if self._closed:
                raise DatabaseClosed
            self._next_txid += 1
            txid = self._next_txid
            self._alive.add(txid)
            known = self._known
            connection = self._root.cursor()
        if self._row_groups is not None:
            self._row_groups.begin(txid)
        try:
            if self._turn is None:
                transaction = Transaction(txid, connection, self)
            else:
                transaction = DeferredTransaction(txid, connection, self, self._turn)
        except Refusal:
            self.ended(txid, committed=False)
            raise
        transaction.clients.add(client)
        with self._guard:
            if known is not None and known is self._known:  # no definition has changed while the snapshot was taken
                transaction.known = known
        if registered and not self._register(transaction):
            transaction.rollback()  # `close` waits for it
            raise DatabaseClosed
        return transaction

    def _register(self, transaction: Transaction) -> bool:
        with self._guard:
            if not self._closed:
                self._open[transaction.txid] = transaction
            return not self._closed

    def redefining(self, txid: int) -> None:
        """A transaction changes a definition: cached definitions of others may be outdated until it ends."""
        with self._guard:
            self._redefining.add(txid)
            self._known = None

    def claim_rows(self, transaction: Transaction, table_id: int, row_ids: pa.Array) -> None:
        """A transaction is about to update or delete rows.

        Raises:
            Refusal: 409 if conflicts are detected by groups and there is one; the transaction is rolled back.
        """
        if self._row_groups is None:
            return
        try:
            self._row_groups.claim(transaction.txid, table_id, row_ids)
        except Refusal as refusal:
            transaction.failure = refusal
            raise

    def ended(self, txid: int, *, committed: bool) -> None:
        """A transaction has ended: its changes are visible to others, or rolled back."""
        if committed and self._path is not None:
            _protect_log(self._path)
        if self._row_groups is not None:
            self._row_groups.end(txid, committed=committed)
        with self._guard:
            self._alive.discard(txid)
            self._redefining.discard(txid)
            self._settled.notify_all()
            if self._known is None and not self._redefining:
                self._known = KnownDefinitions()

    def _ids_alive(self) -> frozenset[int]:
        with self._guard:
            return frozenset(self._alive)

    def _read_column(self, stored: str, column: str) -> tuple[int, Iterator[pa.RecordBatch]]:
        transaction = self.begin(registered=False)
        with self._guard:
            latest = self._next_txid
        return latest, _batches(transaction, f"SELECT {column}, row_id FROM {stored} ORDER BY row_id")  # noqa: S608 - our own names

    def find(self, txid: int, client: socket.socket | None = None) -> Transaction:
        """The open transaction of that id, for a request of a client.

        Raises:
            Refusal: 404 if it does not exist, has ended, or has expired.
        """
        with self._guard:
            transaction = self._open.get(txid)
            if transaction is None:
                raise not_found("NoSuchTransaction", f"Transaction {txid} is not open.")
            transaction.last_used = time.monotonic()
            transaction.clients.add(client)
            return transaction

    @contextlib.contextmanager
    def locked(self, txid: int, client: socket.socket | None) -> Iterator[Transaction]:
        """The open transaction of that id, locked for a request of a client until the end of the block.

        Raises:
            Refusal: As `find`, also if the transaction ends while the request waits for its lock.
        """
        transaction = self.find(txid, client)
        with transaction.lock:
            if transaction.ended:
                raise not_found("NoSuchTransaction", f"Transaction {txid} is not open.")
            yield transaction

    @contextlib.contextmanager
    def alone(self) -> Iterator[Transaction]:
        """A transaction for one request: committed at the end of the block, rolled back if that raises."""
        transaction = self.begin(registered=False)
        try:
            yield transaction
            transaction.commit()
        finally:
            if not transaction.ended:
                transaction.rollback()

    def forget(self, transaction: Transaction) -> None:
        """Remove an ended transaction from the open ones."""
        with self._guard:
            self._open.pop(transaction.txid, None)

    def expire(self) -> int:
        """Roll back transactions that have been idle for too long, and return their number."""
        now = time.monotonic()
        with self._guard:
            idle = [transaction for transaction in self._open.values() if self._has_expired(transaction, now)]
        expired = 0
        for transaction in idle:
            with transaction.lock:
                with self._guard:
                    has_expired = self._has_expired(transaction, now)
                if has_expired and not transaction.ended:
                    self.forget(transaction)
                    transaction.rollback()
                    expired += 1
        return expired

    def _has_expired(self, transaction: Transaction, now: float) -> bool:
        is_abandoned = all(client is not None and client.fileno() < 0 for client in transaction.clients)
        return now - transaction.last_used > (self._abandoned_seconds if is_abandoned else self._idle_seconds)

    def open_transactions(self) -> int:
        """Number of open transactions."""
        with self._guard:
            return len(self._open)

    def reserve_row_ids(self, transaction: Transaction, table: Table, count: int) -> int:
        """Allocate `count` row ids of a table; returns the first.

        Ids are counted in memory; after a restart they continue after the highest stored one.
        """
        with self._guard:
            first = self._first_free(transaction, table)
            self._row_ids[table.id] = first + count
            return first

    def claim_row_ids(self, transaction: Transaction, table: Table, highest: int) -> None:
        """Record row ids that a client chose, so that none of them is allocated."""
        with self._guard:
            first = self._first_free(transaction, table)
            self._row_ids[table.id] = max(first, highest + 1)

    def row_id_bound(self, transaction: Transaction, table: Table) -> int:
        """A number greater than all row ids of the table."""
        with self._guard:
            return self._first_free(transaction, table)

    def _first_free(self, transaction: Transaction, table: Table) -> int:
        free = self._row_ids.get(table.id)
        if free is None:
            ((free,),) = transaction.rows(f"SELECT coalesce(max(row_id) + 1, 0)::UBIGINT FROM {table.stored}")  # noqa: S608 - our own name
            self._row_ids[table.id] = int(free)
        return int(free)

    def close(self, *, delete: bool = False) -> None:
        """Roll back open transactions, wait for commits, and close the file, into which DuckDB writes its log.

        The next server continues the row ids after the highest stored one, so all commits must be in the file.

        Args:
            delete: Whether to delete the file, while it is locked, so that no other process has it.
        """
        with self._guard:
            self._closed = True
            open_ones = list(self._open.values())
            self._open.clear()
        for transaction in open_ones:
            with transaction.lock:
                if not transaction.ended:
                    transaction.rollback()
        with self._settled:
            if not self._settled.wait_for(lambda: not self._alive, _CLOSING_SECONDS):
                _log.error("%d transactions had not ended when the database was closed", len(self._alive))
        self._root.close()
        if delete and self._path is not None:
            for suffix in ("", ".wal"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        self._unlock()

    def publish(self, address: ServerAddress) -> None:
        """Let other programs of this user find the server by its file."""
        if self._lock_file is not None:
            publish(self._lock_file, address)

    def _unlock(self) -> None:
        if self._lock_file is not None:
            withdraw(self._lock_file)
            if self._path is not None:
                lock_path(self._path).unlink(missing_ok=True)  # while it is locked, so that no other process has it
            os.close(self._lock_file)
            self._lock_file = None  # closing twice is harmless


def _batches(transaction: Transaction, sql: str) -> Iterator[pa.RecordBatch]:
    try:
        yield from transaction.run(sql).to_arrow_reader(_ROWS_AT_A_TIME)
    finally:
        transaction.rollback()


def _protect_log(path: Path) -> None:
    """Give the log the permissions of the file; DuckDB creates it again after each checkpoint."""
    log = path.with_name(path.name + ".wal")
    with contextlib.suppress(OSError):  # a checkpoint has just removed it
        allowed = stat.S_IMODE(path.stat().st_mode)
        if stat.S_IMODE(log.stat().st_mode) & ~allowed:
            log.chmod(allowed)


def _lock(path: Path) -> int:
    """Lock a file beside the catalog: DuckDB's own lock does not work within one process."""
    if not path.parent.is_dir():
        raise LocalDatabaseError(f"{path}: there is no folder {path.parent}: create it first")
    while True:
        try:
            descriptor = os.open(lock_path(path), os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            reason = (
                f"{path} cannot be opened: its lock file {lock_path(path).name} cannot be written ({error.strerror})"
            )
            if lock_path(path).exists():
                reason += (
                    ": another account has it open, or its program was killed; wait for it, or delete the lock file"
                )
            raise LocalDatabaseError(reason) from error
        try:
            os.fchmod(descriptor, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), lock_path(path).stat()):
                return descriptor
        except BlockingIOError as error:
            os.close(descriptor)
            raise LocalDatabaseError(_in_use(path)) from error
        except FileNotFoundError:  # its last owner removed it between the two calls
            pass
        os.close(descriptor)


def _in_use(path: Path | None) -> str:
    return f"{path} is open in another server or program: stop that one, or name another catalog file"


def _why_not_opened(path: Path | None, error: duckdb.Error) -> str:
    text = str(error).splitlines()[0]
    messages = {
        FileTrouble.IN_USE: _in_use(path),
        FileTrouble.DISK_FULL: f"{path} cannot be written, the disk is full: make room ({text})",
        FileTrouble.CORRUPT: f"{path} is corrupt: restore a copy of it, or name another catalog file ({text})",
        FileTrouble.NO_DUCKDB_FILE: f"{path} is not a DuckDB file, or its beginning is corrupt: name another catalog file",
        FileTrouble.NEWER_DUCKDB: f"{path} was written by a newer DuckDB than {duckdb.__version__} ({text})",
    }
    trouble = FileTrouble.of(error)
    if trouble in messages:
        return messages[trouble]
    reason = "cannot be opened" if isinstance(error, duckdb.IOException) else "is not a catalog of the local database"
    return f"{path} {reason}: {text}"


def _open(path: Path | None, *, create: bool) -> duckdb.DuckDBPyConnection:
    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "enable_external_access": "false",  # SQL of clients can access only this file
        "python_enable_replacements": "false",
        "checkpoint_threshold": _LOG,
        # Each request has a thread of its own already, and most of them touch few rows: threads that DuckDB wakes beside it
        # take a quarter more CPU for an upsert and save nothing.
        "threads": 1,
    }
    is_new = path is not None and not path.exists()
    if is_new and not create:
        raise LocalDatabaseError(f"there is no file {path}")
    try:
        root = duckdb.connect(str(path) if path is not None else ":memory:", config=config)
        if is_new and path is not None:
            path.chmod(0o600)
        if not root.execute("FROM duckdb_schemas() WHERE schema_name = '_vast' AND NOT internal").fetchall():
            if others := root.execute("SELECT table_name FROM duckdb_tables() WHERE NOT internal").fetchall():
                root.close()
                raise LocalDatabaseError(
                    f"{path} was not made by the local database: it holds the table {others[0][0]}: name another catalog file"
                )
            root.begin()
            root.execute(_CREATE)
            root.execute("INSERT INTO _vast.format VALUES ($1)", [FORMAT])
            root.commit()
        ((found,),) = root.execute("FROM _vast.format").fetchall()
    except duckdb.Error as error:
        raise LocalDatabaseError(_why_not_opened(path, error)) from error
    if found != FORMAT:
        root.close()
        raise LocalDatabaseError(f"{path} has catalog format {found}, this version reads {FORMAT}: name another file")
    return root
