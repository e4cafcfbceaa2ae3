"""The connection to VAST DataBase: transactions that are retried, and the few operations on rows that the catalog needs.

A transaction's work is a function of a `Work`, run again on a fresh transaction after a conflict or a passing fault, with
jitter, within a time budget. When the answer to a commit is lost, the next transaction first looks whether it had landed.
Knows the SDK, but no inspections; table lookups are spared by handing the SDK the tables' metadata.
"""

from __future__ import annotations

import logging
import operator
import random
import socket
import threading
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import reduce
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
from vastdb.config import QueryConfig
from vastdb.table_metadata import TableMetadata, TableRef, TableType

from exr_inspector.catalog.paths import prefix_end
from exr_inspector.catalog.schema import FILES, PARTITIONED_BY, SCHEMA_VERSIONS, Table
from exr_inspector.catalog.schema.columns import RowId
from exr_inspector.catalog.sdk.errors import SDK_ERRORS, translate, translated
from exr_inspector.catalog.sdk.transport import DeadlineTimeout, connect, is_partitioned, open_table
from exr_inspector.deadline import Deadline
from exr_inspector.errors import (
    CatalogConflict,
    CatalogError,
    CatalogUnavailable,
    DeadlineExceeded,
    SchemaDrift,
    SchemaMissing,
)
from exr_inspector.settings import CatalogConnection

ROW_ID = "$row_id"
_SORTED_ROW_ID = pa.decimal128(38, 0)
_SORTED_TYPES = {TableType.Elysium, TableType.Partitioned, TableType.SortedPartitions}  # row ids are decimals
# Of the type of `files`, what the other tables are like: only `files` is ever partitioned.
_OTHERS = {TableType.SortedPartitions: TableType.Elysium, TableType.Partitioned: TableType.Regular}

_log = logging.getLogger(__name__)
_INSERT_BYTES = 4 << 20  # the SDK takes 5 MB a request, and cuts larger batches by columns, which costs updates
_IN_VALUES = 4_000  # values of one IN predicate; a request may be 4.5 MB
_REQUESTS_AT_ONCE = 8  # of all transactions together; a transaction inserts into as many tables
_BACKOFF_SECONDS = (0.02, 1.0)  # first and longest pause between attempts, before jitter
_LONGEST_CONFLICT_PAUSE = 16.0
_SHORTENED = 0.7  # by each commit

Result = TypeVar("Result")


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _new_id() -> str:
    return uuid.uuid4().hex


@dataclass(frozen=True, slots=True)
class CatalogConfig:
    """How to reach the tables.

    Attributes:
        endpoint: URL of the database's virtual IP.
        access_key: S3 access key.
        secret_key: Its secret key; never shown.
        bucket: Database-enabled bucket.
        schema: Schema of the tables, nested ones as `outer/inner`.
        tls_verify: Whether the server's certificate is checked.
        ca_bundle: PEM file of certificates to trust besides the system's.
        retry_seconds: How long one write goes on trying.
        timeout_seconds: Idle time-out of a request; connecting takes at most 5 of them. No request outlives a deadline, however
            slowly its answer comes.
        worker: Name that `inspections` gives as the one who wrote.
        clock: The time, UTC.
        jitter: A random number from 0 to 1.
        sleep: Waits so many seconds.
        new_id: A new unique id.
    """

    endpoint: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    bucket: str
    schema: str
    tls_verify: bool = True
    ca_bundle: Path | None = None
    retry_seconds: float = 30.0
    timeout_seconds: float = 15.0
    worker: str = ""
    clock: Callable[[], datetime] = field(default=_now, repr=False)
    jitter: Callable[[], float] = field(default=random.random, repr=False)
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)
    new_id: Callable[[], str] = field(default=_new_id, repr=False)

    @classmethod
    def from_settings(cls, settings: CatalogConnection) -> CatalogConfig:
        """The configuration by the settings' database connection; the worker is this host."""
        return cls(
            endpoint=settings.endpoint,
            access_key=settings.access_key.reveal(),
            secret_key=settings.secret_key.reveal(),
            bucket=settings.bucket,
            schema=settings.schema,
            tls_verify=settings.tls_verify,
            ca_bundle=settings.ca_bundle,
            retry_seconds=settings.retry_seconds,
            timeout_seconds=settings.timeout_seconds,
            worker=socket.gethostname(),
        )


Where = Callable[[Any], Any]  # of a table the predicate; None where it asks for nothing there


class Work:
    """What one transaction does, SDK errors translated. For one thread, and what it passes to `at_once`.

    Attributes:
        tx: The SDK's transaction.
        is_contended: Whether another transaction refused the attempt before this one.
        guard_count: Rows of `guards`, as `db setup` recorded it; asked for once a connection.
    """

    def __init__(
        self, tx: Any, shared: Connection, deadline: Deadline | None = None, *, is_contended: bool = False
    ) -> None:
        self.tx = tx
        self.is_contended = is_contended
        self._deadline = deadline
        self._shared = shared
        self._tables: dict[str, Any] = {}
        self._sorted: set[str] = set()

    @contextmanager
    def _doing(self, what: str) -> Iterator[None]:
        """Around every request: none begins when the time is over, and errors of the SDK leave as ours."""
        if self._deadline is not None:
            self._deadline.check(what)
        with translated(what):
            yield

    def _table(self, table: Table) -> Any:
        if table.name not in self._tables:
            known = self._shared.tables
            metadata = known.get(table.name)
            if metadata is None:
                with self._doing(f"open table {table.name}"):
                    metadata = known[table.name] = self._shared.describe(table, self.tx)
            if metadata.table_type in _SORTED_TYPES:
                self._sorted.add(table.name)
            self._tables[table.name] = open_table(self.tx, metadata)
        return self._tables[table.name]

    @property
    def server_version(self) -> tuple[int, ...]:
        """The server's version, such as (5, 3, 5, 0)."""
        return tuple(self.tx._rpc.api.vast_version)  # noqa: SLF001 - see transport.CHANGED

    @property
    def guard_count(self) -> int:
        """Rows of `guards`.

        Raises:
            SchemaMissing: There is none on record.
        """
        if self._shared.guard_count is None:
            rows = rows_of(self.select(SCHEMA_VERSIONS, ["guard_count"]))
            if not rows:
                raise SchemaMissing("the number of guards is not on record: `./run db setup` makes the tables")
            self._shared.guard_count = rows[0]["guard_count"]
        return self._shared.guard_count

    def at_once(self, requests: Sequence[Callable[[], Result]]) -> list[Result]:
        """Make several requests that do not depend on each other at the same time; their answers, in their order.

        All have ended when this returns or raises, so that none reaches the server after the transaction.

        Raises:
            CatalogError, DeadlineExceeded: The first of those that failed.
        """
        first, *others = requests
        running = [self._shared.requests.submit(request) for request in others]
        try:
            return [first(), *(future.result() for future in running)]
        finally:
            futures.wait(running)

    def select(
        self,
        table: Table,
        columns: Sequence[str],
        where: Where | None = None,
        *,
        row_ids: bool = False,
        limit: int | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Rows in no order, one request for a moderate answer.

        Args:
            table: The table.
            columns: Columns to answer with.
            where: Makes the predicate of a table that is indexed by column name, such as `lambda t: t["path"] == x`.
            row_ids: Whether to add the column `$row_id`.
            limit: Most rows.
        """
        handle = self._table(table)
        # One split: the SDK would else ask for the table's statistics first, to choose their number.
        query = QueryConfig(num_splits=1, data_endpoints=[self._shared.config.endpoint])
        predicate = None if where is None else where(handle)
        with self._doing(f"select from {table.name}"):
            yield from handle.select(list(columns), predicate, query, internal_row_id=row_ids, limit_rows=limit)

    def select_in(
        self,
        table: Table,
        columns: Sequence[str],
        column: str,
        values: Iterable[object],
        *,
        row_ids: bool = False,
        also: Where | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Rows whose `column` is one of `values` and to which `also` applies; each value is asked for once."""
        wanted = list(dict.fromkeys(values))
        for start in range(0, len(wanted), _IN_VALUES):
            some = wanted[start : start + _IN_VALUES]
            yield from self.select(table, columns, every(is_in(column, some), also), row_ids=row_ids)

    def insert(self, table: Table, rows: pa.Table) -> None:
        """Add rows, in as few requests as their size allows."""
        for batch in rows.combine_chunks().to_batches():
            for piece in _fitting(batch):
                with self._doing(f"insert into {table.name}"):
                    self._table(table).insert(piece)

    def _row_ids(self, table: Table, row_ids: Sequence[RowId]) -> pa.Array:
        self._table(table)
        return pa.array(row_ids, _SORTED_ROW_ID if table.name in self._sorted else pa.uint64())

    def update(self, table: Table, row_ids: Sequence[RowId], columns: Mapping[str, pa.Array]) -> None:
        """Overwrite some columns of the rows with these ids."""
        with self._doing(f"update {table.name}"):
            self._table(table).update(pa.table({ROW_ID: self._row_ids(table, row_ids), **columns}))

    def delete(self, table: Table, row_ids: Sequence[RowId]) -> None:
        """Delete rows by id; sends no request when there are no ids."""
        if row_ids:
            with self._doing(f"delete rows of {table.name}"):
                self._table(table).delete(pa.table({ROW_ID: self._row_ids(table, sorted(row_ids))}))


def is_in(column: str, values: Sequence[object]) -> Where:
    """Rows whose column is one of these values; of a path, only in the partitions that can hold it."""
    where: Where = lambda table: table[column].isin(values)  # noqa: E731 - a predicate, as all of these
    return _in_partitions(map(str, values), where) if column == "path" else where


def has_prefix(column: str, prefix: str) -> Where | None:
    """Rows whose column begins with a text, as a range that a sorted table can look up; None for all rows."""
    end = prefix_end(prefix)
    if not prefix:
        return None
    where: Where = lambda table: table[column] >= prefix  # noqa: E731 - a predicate, as all of these
    if end is not None:
        where = lambda table: (table[column] >= prefix) & (table[column] < end)  # noqa: E731
    return _in_partitions([prefix], where) if column == "path" and "/" in prefix else where


def in_buckets(buckets: Collection[str]) -> Where:
    """Rows of these buckets, of a table that is partitioned by them; all rows of any other."""
    return lambda table: table[PARTITIONED_BY].isin(sorted(buckets)) if is_partitioned(table) else None


def _in_partitions(paths: Iterable[str], where: Where) -> Where:
    return every(in_buckets({path.partition("/")[0] for path in paths}), where) or where


def every(*conditions: Where | None) -> Where | None:
    """Rows to which all of these apply; None for all rows."""
    given = [condition for condition in conditions if condition is not None]
    if not given:
        return None

    def where(table: Any) -> Any:
        asked = [predicate for predicate in (condition(table) for condition in given) if predicate is not None]
        return reduce(operator.and_, asked) if asked else None

    return where


def _fitting(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    if batch.num_rows <= 1 or pa.ipc.get_record_batch_size(batch) <= _INSERT_BYTES:
        yield batch
        return
    half = batch.num_rows // 2
    yield from _fitting(batch.slice(0, half))
    yield from _fitting(batch.slice(half))


def rows_of(batches: Iterable[pa.RecordBatch]) -> list[dict[str, Any]]:
    """The rows of an answer as dicts."""
    return [row for batch in batches for row in batch.to_pylist()]


class _CommitUnknown(CatalogUnavailable):
    """The answer to a commit was lost: it may have landed or not."""

    def __init__(self, message: str, result: object) -> None:
        super().__init__(message)
        self.result = result


def _unless_landed(
    body: Callable[[Work], Result], landed: Callable[[Work], bool] | None, unknown: _CommitUnknown | None
) -> Callable[[Work], Result]:
    """`body`, done again only when its commit of unknown outcome did not land."""
    if unknown is None or landed is None:
        return body

    def again(work: Work) -> Result:
        if not landed(work):
            return body(work)
        _log.debug("had been committed, though no answer came", extra={"landed": True})
        return unknown.result  # type: ignore[return-value]  # of an earlier run of `body`

    return again


class ConflictPauses:
    """How long to pause after a conflict, before jitter: longer the more conflicts there were lately, over all transactions.

    Where the database finds conflicts by groups of rows, all writers meet in one; only writers that know so from the batch
    before leave each other enough time. Transactions that fail at the same time lengthen the pause once.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seconds = 0.0
        self._lengthened_at = 0.0

    def lengthened(self, began: float) -> float:
        """The pause after a conflict of an attempt that began then."""
        with self._lock:
            if began >= self._lengthened_at:
                self._seconds = min(max(self._seconds * 2, _BACKOFF_SECONDS[0]), _LONGEST_CONFLICT_PAUSE)
                self._lengthened_at = time.monotonic()
            return self._seconds

    def shorten(self) -> None:
        """A transaction was committed."""
        with self._lock:
            self._seconds *= _SHORTENED


def _described(reference: TableRef, table: Table, asked: TableMetadata) -> TableMetadata:
    """The metadata of a table that is like the one that was asked."""
    kind = asked.table_type if table.name == asked.ref.table else _OTHERS.get(asked.table_type, asked.table_type)
    partitions = asked.partitioning if kind in _OTHERS else None
    return TableMetadata(reference, table.arrow, kind, partitions_metadata=partitions)


class SessionPool:
    """Sessions of the SDK, each used by one thread at a time, the last one returned first.

    The SDK takes one time-out for everything when a session is made, and its session keeps ten connections: too long for a
    caller with little time left, and too few for twenty threads. So each transaction borrows a session and sets its time-out.
    """

    def __init__(self, connect: Callable[[DeadlineTimeout], Any], seconds: float) -> None:
        self._connect = connect
        self._seconds = seconds
        self._lock = threading.Lock()
        self._idle: list[Any] = []
        self._all: list[Any] = []

    def open(self, deadline: Deadline | None = None) -> Any:
        """A new session, closed with the others; asks the server for its version."""
        session = self._connect(DeadlineTimeout(self._seconds, deadline))
        with self._lock:
            self._all.append(session)
        return session

    @contextmanager
    def borrow(self, deadline: Deadline | None = None) -> Iterator[Any]:
        """A session for the length of a block, none of whose requests outlives the deadline by more than a second."""
        with self._lock:
            session = self._idle.pop() if self._idle else None
        if session is None:
            session = self.open(deadline)
        session.api.timeout = DeadlineTimeout(self._seconds, deadline)
        try:
            yield session
        finally:
            with self._lock:
                if session in self._all:  # else `close` came in between
                    self._idle.append(session)

    def close(self) -> None:
        """Close all connections; what is borrowed opens new ones until it is returned."""
        with self._lock:
            sessions, self._all, self._idle = self._all, [], []
        for session in sessions:
            session.api.__exit__()


class Connection:
    """The database: runs functions in transactions, on sessions that are opened when they are needed."""

    def __init__(self, config: CatalogConfig) -> None:
        self.config = config
        self._sessions = SessionPool(self._connect, config.timeout_seconds)
        self.tables: dict[str, TableMetadata] = {}
        self.guard_count: int | None = None
        self.requests = futures.ThreadPoolExecutor(_REQUESTS_AT_ONCE, thread_name_prefix="exr-catalog")
        self._like_files: TableMetadata | None = None
        self._asks_each = False
        self._conflicts = ConflictPauses()

    def session(self) -> Any:
        """A session of its own for whoever works with the SDK itself; asks the server for its version.

        Raises:
            CatalogError: The server does not answer, or is no VAST DataBase.
        """
        return self._sessions.open()

    def _connect(self, timeout: DeadlineTimeout) -> Any:
        config = self.config
        verify: bool | str = str(config.ca_bundle) if config.tls_verify and config.ca_bundle else config.tls_verify
        with translated("connect to the database (VAST_DB_ENDPOINT)"):
            return connect(
                access=config.access_key,
                secret=config.secret_key,
                endpoint=config.endpoint,
                ssl_verify=verify,
                timeout=timeout,
            )

    def describe(self, table: Table, tx: Any) -> TableMetadata:
        """What the SDK needs to know of a table: our columns, and whether it is sorted (row ids then have another type).

        `files` is asked, and the others taken to be like it, as `db setup` makes them; after a refusal each is asked.
        """
        reference = TableRef(self.config.bucket, self.config.schema, table.name)
        if not (self._asks_each or table.sorted_by):
            return TableMetadata(reference, table.arrow, TableType.Regular)
        if self._asks_each or self._like_files is None:
            asked = table if self._asks_each else FILES
            stored = TableMetadata(TableRef(self.config.bucket, self.config.schema, asked.name))
            stored.load_schema(tx)
            if self._asks_each:
                return _described(reference, table, stored)
            self._like_files = stored
        return _described(reference, table, self._like_files)

    def forget(self) -> None:
        """Ask anew for what is known of the tables, at the next use: another process may have changed them."""
        self.tables, self.guard_count, self._like_files = {}, None, None

    def close(self) -> None:
        """Close the pooled connections; the next use opens new ones."""
        self._sessions.close()

    def run(
        self,
        doing: str,
        body: Callable[[Work], Result],
        *,
        landed: Callable[[Work], bool] | None = None,
        retry_seconds: float | None = None,
        deadline: Deadline | None = None,
    ) -> Result:
        """Run `body` in a transaction and commit it; again on a fresh one while it fails for a passing reason.

        Args:
            doing: What is being done, for messages.
            body: The work; it may run several times, and only the last run's changes count.
            landed: Tells whether a commit whose answer was lost took place; without it the work is simply done again.
            retry_seconds: Time for retries; None for that of the configuration.
            deadline: When to give up, if that is before `retry_seconds` are over.

        Raises:
            CatalogConflict: Other writers kept winning.
            CatalogUnavailable: The fault did not pass, or the outcome stayed unknown.
            DeadlineExceeded: The time was over before something that had to be done was begun.
            CatalogError: Anything else, at once.
        """
        seconds = self.config.retry_seconds if retry_seconds is None else retry_seconds
        until = time.monotonic() + (seconds if deadline is None else min(seconds, deadline.remaining()))
        fault: CatalogError | None = None
        unknown: _CommitUnknown | None = None
        first, longest = _BACKOFF_SECONDS
        pause = first
        is_known_anew = False
        while True:
            try:
                if deadline is not None:
                    deadline.check(doing)
                began = time.monotonic()
                with self._sessions.borrow(deadline) as session:
                    again = _unless_landed(body, landed, unknown)
                    return self._attempt(session, deadline, doing, again, isinstance(fault, CatalogConflict))
            except (CatalogConflict, CatalogUnavailable) as error:
                fault = error
                if isinstance(error, _CommitUnknown):
                    unknown = error
                wait = self._wait_seconds(error, pause, began, until)
                if wait is None:
                    raise
                _log.debug("%s: trying again after %s", doing, error.code, extra={"retried": error.code})
                self.config.sleep(wait)
                pause = min(pause * 2, longest)
            except SchemaDrift:
                if is_known_anew:
                    raise
                is_known_anew = True  # another process may have given the tables a sorting key meanwhile
                self._asks_each = True
                self.forget()
            except DeadlineExceeded as error:
                if fault is None:
                    raise
                raise fault from error  # what took the time says more than that it is over

    def _wait_seconds(self, fault: CatalogError, pause: float, began: float, until: float) -> float | None:
        """How long to wait after an attempt that began then; None when the time is over."""
        left = until - time.monotonic()
        if not isinstance(fault, CatalogConflict):
            wait = pause * (0.5 + self.config.jitter())
            return wait if wait < left else None
        wait = self._conflicts.lengthened(began) * (0.5 + self.config.jitter())
        # At most half of what is left, so that who has waited long tries more often, and to the last.
        return min(wait, left / 2) if left > _BACKOFF_SECONDS[0] else None

    def _attempt(
        self, session: Any, deadline: Deadline | None, doing: str, body: Callable[[Work], Result], is_contended: bool
    ) -> Result:
        failure: CatalogError | DeadlineExceeded | None = None
        committing = False
        result: Any = None
        txid: int | None = None
        try:
            with session.transaction() as tx:
                txid = tx.txid
                try:
                    result = body(Work(tx, self, deadline, is_contended=is_contended))
                except (CatalogError, DeadlineExceeded) as error:
                    failure = error
                    raise
                committing = True
        except CatalogError:
            raise
        except SDK_ERRORS as error:  # of the transaction itself: beginning, committing or rolling back failed
            if txid is not None:
                self._roll_back(session, txid)
            if failure is not None:
                raise failure from error
            ours = translate(error, f"begin to {doing}" if txid is None else doing)
            if committing and isinstance(ours, CatalogUnavailable):
                raise _CommitUnknown(str(ours), result) from error
            raise ours from error
        self._conflicts.shorten()
        return result  # type: ignore[no-any-return]  # what body answered

    @staticmethod
    def _roll_back(session: Any, txid: int) -> None:
        """Roll a transaction back whose end may not have reached the server: open, it would keep others off its guards."""
        try:
            session.api.rollback_transaction(txid)
        except SDK_ERRORS as error:  # it has ended, or cannot be reached: then the server ends it when its time is over
            _log.debug("transaction %x was not rolled back: %s", txid, type(error).__name__)
