"""An open VAST transaction, which is a DuckDB connection inside BEGIN, and the translation of DuckDB's errors."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import duckdb
import pyarrow as pa

from vastdb_local.definitions import Projection, Table
from vastdb_local.errors import FileTrouble
from vastdb_local.refusals import Refusal, bad_request, conflict, disk_full, internal_error
from vastdb_local.sql import filled

_CONFLICTS = (duckdb.TransactionException, duckdb.DependencyException, duckdb.ConstraintException)
_OF_THE_FILE = (duckdb.IOException, duckdb.TransactionException, duckdb.FatalException, duckdb.SerializationException)
_BEFORE_EXECUTION = (
    duckdb.ParserException,
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.PermissionException,
)
_BAD_VALUES = (duckdb.ConversionException, duckdb.OutOfRangeException, duckdb.InvalidInputException)


@dataclass(slots=True)
class KnownDefinitions:
    """Cached definitions, shared by transactions that see the same ones."""

    tables: dict[tuple[str, str, str], Table] = field(default_factory=dict)
    projections: dict[int, list[Projection]] = field(default_factory=dict)


class TransactionObserver(Protocol):
    """Receives notifications about a transaction."""

    def redefining(self, txid: int) -> None:
        """The transaction changes a definition."""

    def ended(self, txid: int, *, committed: bool) -> None:
        """The transaction has ended: its changes are visible to others, or rolled back."""


class Transaction:
    """An open VAST transaction: a DuckDB connection inside BEGIN, used by one request at a time.

    Attributes:
        txid: Id by which the client names it; unique, also across restarts.
        lock: Held by the request that uses it.
        last_used: Monotonic seconds of the last request.
        clients: The connections by which its requests came; None for one that does not stay open between requests.
        known: Cached definitions, shared with transactions that see the same ones.
        failure: The refusal after DuckDB aborted the transaction; all later statements raise it.
        ended: True after commit or rollback.
    """

    def __init__(self, txid: int, connection: duckdb.DuckDBPyConnection, observer: TransactionObserver) -> None:
        self.txid = txid
        self._observer = observer
        self.lock = threading.RLock()
        self.last_used = time.monotonic()
        self.clients: set[socket.socket | None] = set()
        self.known = KnownDefinitions()
        self.failure: Refusal | None = None
        self.ended = False
        self._connection = connection
        self.run("BEGIN TRANSACTION")
        # DuckDB takes the snapshot at the first read, not at BEGIN.
        self.run("SELECT version FROM _vast.format").fetchall()

    def run(self, sql: str, parameters: Sequence[object] = ()) -> duckdb.DuckDBPyConnection:
        """Execute one statement, its `$1`, `$2`, ... filled in; the connection returned holds its result.

        Raises:
            Refusal: 409 for a conflict, 400 for values DuckDB cannot hold, 500 for the rest. DuckDB has aborted the
                transaction then, and every further statement repeats the refusal.
        """
        if self.failure is not None:
            raise self.failure
        try:
            return self._connection.execute(filled(sql, parameters) if parameters else sql)
        except duckdb.Error as error:
            self.failure = _refusal(error)
            raise self.failure from error

    def query(self, sql: str) -> pa.Table:
        """The rows of a client's query: one statement that only reads.

        Raises:
            Refusal: 400 QueryFailed; the transaction goes on, unless DuckDB has aborted it.
        """
        if self.failure is not None:
            raise self.failure
        try:
            statements = duckdb.extract_statements(sql)
            if [statement.type for statement in statements] != [duckdb.StatementType.SELECT]:
                raise bad_request("QueryFailed", "The query engine answers one SELECT statement at a time.")
            return self._connection.execute(statements[0]).to_arrow_table()
        except duckdb.Error as error:
            if not isinstance(error, _BEFORE_EXECUTION):
                self.failure = _refusal(error)
            raise bad_request("QueryFailed", " ".join(str(error).split())) from error

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Execute a query and fetch all its rows."""
        return self.run(sql, parameters).fetchall()

    def place(self, stored: str) -> str:
        """Name of the table from which this transaction reads the rows of a stored table."""
        return stored

    def redefine(self) -> None:
        """Call when a definition changes: cached definitions are dropped, here and for others."""
        self._observer.redefining(self.txid)
        self.known = KnownDefinitions()

    def settle(self) -> None:
        """Call before anything but rows is changed."""

    def change(self, stored: str, data: object, statement: str) -> int:
        """Change rows of a stored table: `{table}` in the statement is its name, `incoming` the Arrow table `data`.

        Returns:
            Number of changed rows.
        """
        return self.run_with(data, statement.format(table=stored))

    def run_with(self, data: object, sql: str) -> int:
        """Execute a statement that uses an Arrow table as `incoming`, and return the number that it answers; see `run`."""
        if self.failure is not None:
            raise self.failure
        self._connection.register("incoming", data)
        try:
            ((count,),) = self.run(sql).fetchall()
            return int(count)
        finally:
            self._connection.unregister("incoming")

    def commit(self) -> None:
        """Commit: all changes become durable, or none.

        Raises:
            Refusal: 409 if DuckDB detected a conflict, now or earlier; all changes are rolled back.
        """
        self.ended = True
        try:
            self.run("COMMIT")
        except Refusal:
            self._abandon()
            raise
        self._close(committed=True)

    def rollback(self) -> None:
        """Roll back all changes."""
        self.ended = True
        self._abandon()

    def _abandon(self) -> None:
        try:
            self._connection.execute("ROLLBACK")
        except duckdb.TransactionException:
            pass  # DuckDB has already rolled back
        finally:
            self._close(committed=False)

    def _close(self, *, committed: bool) -> None:
        self._connection.close()
        self._observer.ended(self.txid, committed=committed)


def _refusal(error: duckdb.Error) -> Refusal:
    text = str(error).splitlines()[0]
    trouble = FileTrouble.of(error) if isinstance(error, _OF_THE_FILE) else None
    if trouble is FileTrouble.DISK_FULL:  # at a commit, DuckDB raises it in the class of conflicts
        return disk_full(f"The disk of the local database is full: make room, then try again. DuckDB: {text}")
    if trouble is FileTrouble.CORRUPT:
        return internal_error(f"The file of the local database is corrupt: restore a copy of it. DuckDB: {text}")
    if trouble is not None:
        return internal_error(f"The file of the local database cannot be used. DuckDB: {text}")
    if isinstance(error, _CONFLICTS):
        return conflict(text)
    if isinstance(error, _BAD_VALUES):
        return bad_request("InvalidArgument", text)
    return internal_error(text)
