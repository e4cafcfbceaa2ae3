"""The connection to VAST DataBase: runs functions in transactions, and runs them again after conflicts and transient faults.

Each attempt is a new transaction, after a pause with jitter, within a time budget. If the response to a commit was lost, the
next attempt first checks whether the commit took effect.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent import futures
from typing import Any, TypeVar

from exr_inspector.catalog.sdk.config import CatalogConfig
from exr_inspector.catalog.sdk.errors import SDK_ERRORS, translate, translated
from exr_inspector.catalog.sdk.known_tables import KnownTables
from exr_inspector.catalog.sdk.sessions import SessionPool
from exr_inspector.catalog.sdk.transport import DeadlineTimeout, connect
from exr_inspector.catalog.sdk.work import Work
from exr_inspector.deadline import Deadline
from exr_inspector.errors import (
    CatalogConflict,
    CatalogError,
    CatalogUnavailable,
    DeadlineExceeded,
    ExrInspectorError,
    SchemaDrift,
)

_log = logging.getLogger(__name__)
_REQUESTS_AT_ONCE = 8  # in all transactions together; one transaction inserts into up to 8 tables
_BACKOFF_SECONDS = (0.02, 1.0)  # first and longest pause between attempts, before jitter
_LONGEST_CONFLICT_PAUSE = 16.0
_SHORTENED = 0.7  # factor for each commit

Result = TypeVar("Result")


class _CommitUnknown(CatalogUnavailable):
    """The response to a commit was lost, so it is unknown whether the commit took effect."""

    def __init__(self, message: str, result: object) -> None:
        super().__init__(message)
        self.result = result


def _unless_committed(
    body: Callable[[Work], Result], is_committed: Callable[[Work], bool] | None, unknown: _CommitUnknown | None
) -> Callable[[Work], Result]:
    """`body`; after a commit of unknown outcome, it runs again only if that commit did not take effect."""
    if unknown is None or is_committed is None:
        return body

    def retried_body(work: Work) -> Result:
        if not is_committed(work):
            return body(work)
        _log.debug("the commit whose response was lost took effect", extra={"committed": True})
        return unknown.result  # type: ignore[return-value]  # of an earlier run of `body`

    return retried_body


class ConflictPauses:
    """The pause after a conflict, before jitter, shared by all transactions: each conflict doubles it, each commit shortens it.

    A database that detects conflicts by groups of rows makes writers of unrelated files conflict, and pauses that start anew
    for each transaction would be too short for them. Transactions that fail at the same time lengthen the pause once.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seconds = 0.0
        self._lengthened_at = 0.0

    def lengthened(self, began: float) -> float:
        """The pause in seconds after a conflict of an attempt that began at this time (`time.monotonic`)."""
        with self._lock:
            if began >= self._lengthened_at:
                self._seconds = min(max(self._seconds * 2, _BACKOFF_SECONDS[0]), _LONGEST_CONFLICT_PAUSE)
                self._lengthened_at = time.monotonic()
            return self._seconds

    def shorten(self) -> None:
        """Shorten the pause, after a commit."""
        with self._lock:
            self._seconds *= _SHORTENED


def _with_advice(fault: CatalogError, seconds: float) -> CatalogError:
    """The fault of the last attempt; of a conflict one that says what to do."""
    if not isinstance(fault, CatalogConflict):
        return fault
    return CatalogConflict(
        f"{fault}, also after {seconds:g} seconds of retries: another process changes the same rows, or one that was killed "
        "has left its transaction open, which the database ends after some minutes; try again then"
    )


class Connection:
    """The database, for many threads at once. Connects at the first transaction."""

    def __init__(self, config: CatalogConfig) -> None:
        self.config = config
        self._sessions = SessionPool(self._connect, config.timeout_seconds)
        self._known = KnownTables(config.bucket, config.schema)
        self._requests = futures.ThreadPoolExecutor(_REQUESTS_AT_ONCE, thread_name_prefix="exr-catalog")
        self._conflicts = ConflictPauses()

    def session(self) -> Any:
        """Open a session of the SDK for direct use; asks the server for its version.

        Raises:
            CatalogError: The server does not answer, or is not a VAST DataBase.
        """
        return self._sessions.open()

    def _connect(self, timeout: DeadlineTimeout) -> Any:
        config = self.config
        verify: bool | str = str(config.ca_bundle) if config.tls_verify and config.ca_bundle else config.tls_verify
        with translated(f"connect to the database at {config.endpoint} (VAST_DB_ENDPOINT)"):
            return connect(
                access=config.access_key,
                secret=config.secret_key,
                endpoint=config.endpoint,
                ssl_verify=verify,
                timeout=timeout,
            )

    def forget(self) -> None:
        """Read the tables' metadata again at the next use: another process may have changed it."""
        self._known.forget()

    def close(self) -> None:
        """Close the pooled sessions; the next transaction opens new ones."""
        self._sessions.close()

    def run(
        self,
        doing: str,
        body: Callable[[Work], Result],
        *,
        is_committed: Callable[[Work], bool] | None = None,
        retry_seconds: float | None = None,
        deadline: Deadline | None = None,
    ) -> Result:
        """Run `body` in a transaction, commit, and return its result; after a transient fault, try again in a new transaction.

        Args:
            doing: What is being done, for messages.
            body: The work; it may run several times, but only the changes of the last run are committed.
            is_committed: Returns whether a commit whose response was lost took effect; without it, `body` simply runs again.
            retry_seconds: Time for retries; None for that of the configuration.
            deadline: When to give up, if that is earlier.

        Raises:
            CatalogConflict: The conflicts with other writers did not end in time.
            CatalogUnavailable: The fault did not end in time, or the outcome of the commit stayed unknown.
            DeadlineExceeded: The deadline passed before all requests were sent.
            CatalogError: Any other error, at once.
        """
        seconds = self.config.retry_seconds if retry_seconds is None else retry_seconds
        until = time.monotonic() + (seconds if deadline is None else min(seconds, deadline.remaining()))
        fault: CatalogError | None = None
        unknown: _CommitUnknown | None = None
        first, longest = _BACKOFF_SECONDS
        pause = first
        has_read_again = False
        while True:
            try:
                if deadline is not None:
                    deadline.check(doing)
                began = time.monotonic()
                with self._sessions.borrow(deadline) as session:
                    retried_body = _unless_committed(body, is_committed, unknown)
                    return self._attempt(session, deadline, doing, retried_body, isinstance(fault, CatalogConflict))
            except (CatalogConflict, CatalogUnavailable) as error:
                fault = error
                if isinstance(error, _CommitUnknown):
                    unknown = error
                wait = self._wait_seconds(error, pause, began, until)
                if wait is None:
                    raise _with_advice(error, seconds) from error.__cause__
                _log.debug("%s: trying again after %s", doing, error.code, extra={"retried": error.code})
                self.config.sleep(wait)
                pause = min(pause * 2, longest)
            except SchemaDrift:
                if has_read_again:
                    raise
                has_read_again = True  # another process may have added a sorting key
                self._known.read_each()
            except DeadlineExceeded as error:
                if fault is None:
                    raise
                raise fault from error  # the fault that used up the time says more than the deadline

    def _wait_seconds(self, fault: CatalogError, pause: float, began: float, until: float) -> float | None:
        """Seconds to wait after a failed attempt that began at `began`; None when the time is over."""
        left = until - time.monotonic()
        if not isinstance(fault, CatalogConflict):
            wait = pause * (0.5 + self.config.jitter())
            return wait if wait < left else None
        wait = self._conflicts.lengthened(began) * (0.5 + self.config.jitter())
        # At most half of the time left, so that the attempts come closer together towards the end.
        return min(wait, left / 2) if left > _BACKOFF_SECONDS[0] else None

    def _attempt(
        self, session: Any, deadline: Deadline | None, doing: str, body: Callable[[Work], Result], is_contended: bool
    ) -> Result:
        failure: ExrInspectorError | None = None
        committing = False
        result: Any = None
        txid: int | None = None
        try:
            with session.transaction() as tx:
                txid = tx.txid
                try:
                    work = Work(
                        tx, self._known, self._requests, self.config.endpoint, deadline, is_contended=is_contended
                    )
                    result = body(work)
                except ExrInspectorError as error:
                    failure = error
                    raise
                committing = True
        except ExrInspectorError:  # also an ArgumentError, which is a ValueError as some of the SDK's are
            raise
        except SDK_ERRORS as error:  # beginning, committing or rolling back failed
            if txid is not None:
                self._roll_back(session, txid)
            if failure is not None:
                raise failure from error
            translated_error = translate(error, f"begin to {doing}" if txid is None else doing)
            if committing and isinstance(translated_error, CatalogUnavailable):
                raise _CommitUnknown(str(translated_error), result) from error
            raise translated_error from error
        self._conflicts.shorten()
        return result  # type: ignore[no-any-return]  # what `body` returned

    @staticmethod
    def _roll_back(session: Any, txid: int) -> None:
        """Roll back a transaction that may still be open on the server, where it would make other writers conflict."""
        try:
            session.api.rollback_transaction(txid)
        except SDK_ERRORS as error:  # it has ended, or the server cannot be reached and ends it itself after a while
            _log.debug("transaction %x was not rolled back: %s", txid, type(error).__name__)
