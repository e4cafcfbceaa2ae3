"""Requests to a database that does not answer end at the caller's deadline."""

from __future__ import annotations

import logging
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import certifi
import pytest
import vastdb
from urllib3.util import Timeout

from exr_inspector.catalog import Catalog, Outcome
from exr_inspector.catalog.admin.setup import setup
from exr_inspector.catalog.read.reader import Reader
from exr_inspector.catalog.sdk.config import CatalogConfig
from exr_inspector.catalog.sdk.sessions import SessionPool
from exr_inspector.catalog.sdk.transport import DeadlineTimeout
from exr_inspector.deadline import Deadline
from exr_inspector.errors import CatalogUnavailable, DeadlineExceeded
from tests.contract.catalog.model import connect, inspection, ready
from tests.support.certificates import write_bundle
from tests.support.documented import Documented
from vastdb_local import Fault, FaultKind, LocalVastDB

HANG = Fault(FaultKind.DROP_BEFORE, 15.0)  # longer than any test waits
IN_TIME = 10.0  # far less than HANG, far more than the deadlines below and the requests that follow them


@pytest.fixture
def server() -> Iterator[LocalVastDB]:
    with ready() as (server, _):
        yield server


def gives_up(catalog: Catalog, *, seconds: float) -> Exception:
    """Return the error of an upsert with a deadline of this many seconds."""
    started = time.monotonic()
    with pytest.raises((CatalogUnavailable, DeadlineExceeded)) as caught:
        catalog.upsert([inspection("a.exr")], deadline=Deadline.after(seconds))
    assert time.monotonic() - started < IN_TIME
    return caught.value


@pytest.mark.parametrize("operation", ["version", "begin", "query", "insert", "update", "commit"])
def test_a_request_that_hangs_ends_with_the_deadline(server: LocalVastDB, operation: str) -> None:
    catalog = connect(server, timeout_seconds=60.0, retry_seconds=60.0)
    if operation != "version":
        catalog.upsert([inspection("warm.exr")])
    server.faults.chance(operation, 1.0, HANG)
    gives_up(catalog, seconds=0.6)
    assert server.counters().get(operation), "this request hung"
    server.faults.clear()
    assert catalog.upsert([inspection("a.exr")])[0].outcome in {Outcome.INSERTED, Outcome.UNCHANGED}
    assert len(catalog.stored_between("")) == 1 + (operation != "version")
    catalog.close()


@pytest.mark.failure(
    "raised",
    "the database sends its answer one byte at a time, so that no idle time-out applies",
    "`CATALOG_UNAVAILABLE|DEADLINE` when the deadline is over",
    "nothing; if it lasts, check the database",
)
@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        *((name, FaultKind.TRICKLE) for name in ("version", "begin", "query", "insert", "commit")),
        ("query", FaultKind.TRICKLE_BODY),
    ],
)
def test_an_answer_that_trickles_ends_with_the_deadline(
    server: LocalVastDB, operation: str, kind: FaultKind, documented: Documented
) -> None:
    catalog = connect(server, timeout_seconds=60.0, retry_seconds=60.0)
    if operation != "version":
        catalog.upsert([inspection("warm.exr")])
    server.faults.chance(operation, 1.0, Fault(kind, 0.1))  # no timeout applies, since there is always another byte
    server.faults.chance("rollback", 1.0, Fault(kind, 0.1))
    error = gives_up(catalog, seconds=0.6)
    documented(error.code)
    assert server.counters().get(operation), "this request trickled"
    server.faults.clear()
    assert catalog.upsert([inspection("a.exr")])[0].outcome in {Outcome.INSERTED, Outcome.UNCHANGED}
    assert len(catalog.stored_between("")) == 1 + (operation != "version")
    catalog.close()


def test_over_tls_too_an_answer_that_trickles_ends_with_the_deadline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certifi.where())  # it must not override the settings
    authority, own = write_bundle(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own)
    server = LocalVastDB(None)
    server._http.socket = context.wrap_socket(server._http.socket, server_side=True)
    endpoint = server.endpoint.replace("http:", "https:")
    keys = (server.access_key, server.secret_key, server.bucket, "exr")
    with server:
        catalog = Catalog(CatalogConfig(endpoint, *keys, ca_bundle=authority, timeout_seconds=60.0, retry_seconds=60.0))
        setup(catalog.connection)
        assert catalog.upsert([inspection("warm.exr")])[0].outcome is Outcome.INSERTED
        for operation in ("query", "commit"):
            server.faults.chance(operation, 1.0, Fault(FaultKind.TRICKLE, 0.1))
            assert isinstance(gives_up(catalog, seconds=0.6), CatalogUnavailable)
            server.faults.clear()
        catalog.close()


@pytest.mark.heavy
@pytest.mark.failure(
    "raised",
    "queries are answered with an empty 200, which the SDK repeats without end",
    "`CATALOG_UNAVAILABLE` when the deadline is over",
    "nothing; if it lasts, check the database",
)
def test_queries_answered_with_nothing_end_with_the_deadline(server: LocalVastDB, documented: Documented) -> None:
    catalog = connect(server, timeout_seconds=60.0, retry_seconds=60.0)
    catalog.upsert([inspection("warm.exr")])
    server.faults.chance("query", 1.0, Fault(FaultKind.EMPTY))
    documented(gives_up(catalog, seconds=0.3).code)
    server.faults.clear()
    assert catalog.upsert([inspection("warm.exr")])[0].outcome is Outcome.UNCHANGED
    catalog.close()


def test_a_slow_answer_that_is_whole_before_the_deadline_is_taken(server: LocalVastDB) -> None:
    catalog = connect(server, timeout_seconds=0.5, retry_seconds=0.0)
    catalog.upsert([inspection("warm.exr")])
    server.faults.chance("commit", 1.0, Fault(FaultKind.TRICKLE, 0.01))  # takes longer than the idle timeout
    for deadline in (None, Deadline.after(60)):
        started = time.monotonic()
        assert catalog.upsert([inspection(f"{deadline is None}.exr")], deadline=deadline)[0].outcome is Outcome.INSERTED
        assert time.monotonic() - started > 0.5
    catalog.close()


def test_a_hanging_server_does_not_hold_up_its_own_rollback(server: LocalVastDB) -> None:
    catalog = connect(server, timeout_seconds=60.0)
    catalog.upsert([inspection("warm.exr")])
    for operation in ("insert", "rollback"):
        server.faults.chance(operation, 1.0, HANG)
    gives_up(catalog, seconds=0.6)
    catalog.close()


def test_all_attempts_share_the_remaining_time(server: LocalVastDB) -> None:
    catalog = connect(server, timeout_seconds=0.3, retry_seconds=60.0)
    catalog.upsert([inspection("warm.exr")])
    server.reset_counters()
    server.faults.chance("insert", 1.0, HANG)
    error = gives_up(catalog, seconds=2.0)
    assert isinstance(error, CatalogUnavailable), "the last fault is reported: it says more than that the time is over"
    assert 2 <= server.counters()["begin"] <= 6
    catalog.close()


def test_without_a_deadline_the_configured_time_holds(server: LocalVastDB) -> None:
    catalog = connect(server, timeout_seconds=2.0, retry_seconds=0.0)
    catalog.upsert([inspection("warm.exr")])
    server.faults.chance("insert", 1.0, HANG)
    started = time.monotonic()
    with pytest.raises(CatalogUnavailable):
        catalog.upsert([inspection()])
    assert time.monotonic() - started < IN_TIME
    catalog.close()


def test_nothing_is_begun_when_the_time_is_over(server: LocalVastDB) -> None:
    catalog = connect(server)
    with pytest.raises(DeadlineExceeded):
        catalog.upsert([inspection()], deadline=Deadline.after(0))
    assert server.counters() == {}


@pytest.mark.heavy
def test_twenty_threads_drop_no_connection(server: LocalVastDB, caplog: pytest.LogCaptureFixture) -> None:
    catalog = connect(server)
    server.faults.chance("begin", 1.0, Fault(FaultKind.DELAY, 0.1))  # so that all run at the same time
    together = threading.Barrier(20)

    def read(_: int) -> Any:
        together.wait()
        return Reader(catalog.connection).file("renders/none.exr")

    with caplog.at_level(logging.WARNING, "urllib3"), ThreadPoolExecutor(20) as pool:
        for _ in range(2):
            assert list(pool.map(read, range(20))) == [None] * 20
    assert [record.getMessage() for record in caplog.records] == []
    assert server.counters()["version"] <= 20, "sessions are reused"
    catalog.close()


# --- sessions and their timeouts ----------------------------------------------------------------------------


def test_the_time_of_a_request_is_what_is_left_and_a_little_for_the_end() -> None:
    assert DeadlineTimeout(30.0).clone().total == 30.0
    assert DeadlineTimeout(30.0).clone().connect_timeout == 5.0
    assert DeadlineTimeout(3.0, Deadline.after(60)).clone().total == 3.0
    assert 1.0 < DeadlineTimeout(30.0, Deadline.after(2)).clone().total <= 2.0
    assert DeadlineTimeout(30.0, Deadline.after(-2)).clone().total == 1.0
    assert DeadlineTimeout(30.0, Deadline.after(-9)).clone().total < 0.01


def test_a_session_is_used_by_one_thread_at_a_time(server: LocalVastDB) -> None:
    def session(timeout: Timeout) -> Any:
        return vastdb.connect(
            access=server.access_key, secret=server.secret_key, endpoint=server.endpoint, timeout=timeout
        )

    sessions = SessionPool(session, 30.0)
    with sessions.borrow() as one, sessions.borrow() as other:
        assert one is not other
    with sessions.borrow() as again:
        assert again in {one, other}
        sessions.close()
    with sessions.borrow() as fresh:
        assert fresh not in {one, other}, "a closed session is not reused"
    sessions.close()
