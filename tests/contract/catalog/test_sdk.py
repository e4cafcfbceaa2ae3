"""Our changes of the vastdb SDK: their names exist, memory does not grow, an outage is logged once, no ADBC connection."""

from __future__ import annotations

import contextlib
import gc
import logging
import sys
import types
from collections.abc import Iterator
from http.client import HTTPResponse
from typing import Any

import pytest
import vastdb
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, PoolManager
from urllib3.connection import HTTPConnection
from urllib3.util import Timeout
from vastdb._adbc import AdbcConnection
from vastdb._internal import INTERNAL_ROW_ID_SORTED_FIELD, VastdbApi
from vastdb.session import Session
from vastdb.table import TableInTransaction
from vastdb.transaction import Transaction

from exr_inspector.catalog import Catalog
from exr_inspector.catalog.schema import FILES
from exr_inspector.catalog.sdk import transport, work
from exr_inspector.errors import CatalogUnavailable
from tests.contract.catalog.model import SCHEMA, connect, inspection
from vastdb_local import Fault, FaultKind, LocalVastDB


@pytest.fixture
def catalog(server: LocalVastDB) -> Iterator[Catalog]:
    catalog = connect(server)
    catalog.upsert([inspection("warm.exr")])
    yield catalog
    server.faults.clear()
    catalog.close()


def test_the_sdk_and_its_http_client_have_every_name_that_we_change(server: LocalVastDB) -> None:
    session = vastdb.connect(access=server.access_key, secret=server.secret_key, endpoint=server.endpoint)
    with session.transaction() as tx:
        table = tx.bucket(server.bucket).schema(SCHEMA).table(FILES.name)
        row_table = tx.table_from_metadata(table._metadata)
        real: dict[type, Any] = {
            VastdbApi: session.api,
            Session: session,
            Transaction: tx,
            TableInTransaction: row_table,
            HTTPAdapter: HTTPAdapter(),
            PoolManager: PoolManager(),
            HTTPConnectionPool: HTTPConnectionPool,
            HTTPConnection: HTTPConnection("127.0.0.1"),
            HTTPResponse: HTTPResponse,
            Timeout: Timeout(),
        }
        missing = [
            f"{kind.__module__}.{kind.__name__}.{name}"
            for kind, names in transport.CHANGED.items()
            for name in names
            if not hasattr(real[kind], name)
        ]
    assert missing == [], (
        "the installed vastdb, requests or urllib3 lacks these: adapt exr_inspector/catalog/sdk/transport.py"
    )


OF_HTTP = (
    transport._Adapter,
    transport._Pool,
    transport._TlsPool,
    transport.DeadlineConnection,
    transport.DeadlineTlsConnection,
    transport._DeadlineResponse,
    transport.DeadlineTimeout,
    transport._RequestTimeout,
)


def test_every_override_is_named(server: LocalVastDB, catalog: Catalog) -> None:
    theirs = vastdb.connect(access=server.access_key, secret=server.secret_key, endpoint=server.endpoint)
    ours = catalog.connection.session()
    assert vars(ours).keys() == vars(theirs).keys(), "Session.__init__ of the SDK sets other attributes than ours"
    for mine, kind in ((type(ours.api), VastdbApi), (type(ours), Session), (type(ours.transaction()), Transaction)):
        overridden = {name for name in vars(mine) if not name.startswith("__") or name in {"__enter__", "__exit__"}}
        assert overridden - {"_is_shared"} <= set(transport.CHANGED[kind])
    for mine in OF_HTTP:
        known = {name for kind in mine.__mro__ for name in transport.CHANGED.get(kind, ())}
        overridden = {name for name in vars(mine) if any(hasattr(kind, name) for kind in mine.__mro__[1:])}
        assert {name for name in overridden if not name.startswith("_")} <= known, mine
    assert not isinstance(vars(VastdbApi).get("_backoff_decorator"), property)
    assert "_backoff_decorator" in vars(theirs.api)


def test_row_ids_of_sorted_tables_have_the_type_of_the_sdk() -> None:
    assert INTERNAL_ROW_ID_SORTED_FIELD.type == work._SORTED_ROW_ID


@pytest.mark.heavy
def test_memory_does_not_grow_from_event_to_event(catalog: Catalog) -> None:
    def objects() -> int:
        gc.collect()
        return len(gc.get_objects())

    def event() -> None:
        catalog.upsert([inspection("warm.exr")])

    for _ in range(10):
        event()
    before = objects()
    for _ in range(30):
        event()
    # The SDK's decorator keeps two handlers and other objects for each select.
    assert objects() - before < 30


class Lines(logging.Handler):
    """Counts the records that reach the log."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.name}: {record.getMessage()}")


@pytest.mark.parametrize("kind", [FaultKind.DROP_BEFORE, FaultKind.SLOW_DOWN])
@pytest.mark.parametrize("operation", ["begin", "query", "insert", "commit"])
def test_in_an_outage_no_library_logs_more_than_a_line_an_attempt(
    server: LocalVastDB, catalog: Catalog, kind: FaultKind, operation: str
) -> None:
    catalog.upsert([inspection(f"{operation}.exr")])  # so that only a row of `inspections` must be inserted
    root, lines, level = logging.getLogger(), Lines(), logging.getLogger().level
    root.addHandler(lines)
    root.setLevel(logging.INFO)
    try:
        server.reset_counters()
        server.faults.script(operation, [Fault(kind)] * 3)
        catalog.upsert([inspection(f"{operation}.exr")])
    finally:
        root.removeHandler(lines)
        root.setLevel(level)
    assert server.counters()["begin"] == 4, "it was tried again, by us"
    assert len(lines.lines) <= 3, lines.lines[:5]
    assert not [line for line in lines.lines if "backoff" in line]


def test_the_sdk_repeats_no_request(server: LocalVastDB) -> None:
    hasty = connect(server, retry_seconds=0.0)
    hasty.upsert([inspection("warm.exr")])
    server.reset_counters()
    server.faults.chance("query", 1.0, Fault(FaultKind.SLOW_DOWN))
    with pytest.raises(CatalogUnavailable):
        hasty.upsert([inspection("warm.exr")])
    server.faults.clear()
    assert server.counters()["query"] == 1
    hasty.close()


def test_transactions_open_no_adbc_connection(
    server: LocalVastDB, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = types.ModuleType("adbc_driver_vastdb")
    asked: list[str] = []

    def get_driver_path() -> str:
        asked.append("asked")
        return "/no/driver.so"

    driver.get_driver_path = get_driver_path
    monkeypatch.setitem(sys.modules, "adbc_driver_vastdb", driver)
    monkeypatch.setattr("vastdb.transaction.AdbcConnection", AdbcConnection)  # which other tests do not use
    theirs = vastdb.connect(access=server.access_key, secret=server.secret_key, endpoint=server.endpoint)
    with contextlib.suppress(Exception), theirs.transaction():  # whichever error a missing driver gives
        pass
    assert asked == ["asked"], "the SDK's own transaction opens one"
    catalog.upsert([inspection("adbc.exr")])
    assert len(catalog.stored_between("")) >= 2
    assert asked == ["asked"]
