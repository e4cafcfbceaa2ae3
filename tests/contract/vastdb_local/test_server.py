"""The local VAST DataBase as a server: keys, faults on demand, counters, start and end, and its file."""

import logging
import socket
import struct
import threading

import duckdb
import pyarrow as pa
import pytest
import requests
import vastdb
from vastdb import errors
from vastdb.config import BackoffConfig
from vastdb.table_metadata import TableMetadata, TableRef, TableType

from tests.contract.vastdb_local.support import (
    ACCOUNTS,
    BUCKET,
    accounts,
    connect,
    create,
    create_schema,
    read,
    rolled_back,
    table,
)
from tests.support.waiting import until
from vastdb_local import ANY, Fault, FaultKind, LocalVastDB
from vastdb_local.errors import LocalDatabaseError


def test_keys_are_checked(server):
    for access, secret, code in (
        (server.access_key, "wrong", "SignatureDoesNotMatch"),
        ("wrong", server.secret_key, "InvalidAccessKeyId"),
    ):
        with pytest.raises(errors.Forbidden, match=code):
            vastdb.connect(endpoint=server.endpoint, access=access, secret=secret)
    assert requests.get(f"{server.endpoint}/?transaction", timeout=30).status_code == 403
    assert requests.head(f"{server.endpoint}/vastdb", timeout=30).status_code == 403


def test_it_listens_on_the_loopback_only(server):
    assert server.endpoint.startswith("http://127.0.0.1:")
    assert server.host == "127.0.0.1"


def test_scripted_faults_hit_the_next_requests(server, session, schema):
    create(session, ACCOUNTS)

    def insert():
        with session.transaction() as tx:
            stored = tx.table_from_metadata(TableMetadata(TableRef(BUCKET, schema, "t"), ACCOUNTS, TableType.Regular))
            stored.insert(accounts(("a", 1, None)))

    expected = {
        FaultKind.INTERNAL_ERROR: errors.InternalServerError,
        FaultKind.CONFLICT: errors.Conflict,
        FaultKind.DROP_BEFORE: errors.ConnectionError,
        FaultKind.DROP_AFTER: errors.ConnectionError,
    }
    for operation in ("insert", "commit"):
        for kind, error in expected.items():
            before = read(session).num_rows
            server.faults.script(operation, [Fault(kind)])
            with pytest.raises(error):
                insert()
            done = operation == "commit" and kind is FaultKind.DROP_AFTER
            assert read(session).num_rows == before + done, (operation, kind)
            insert()
            assert read(session).num_rows == before + done + 1
    assert server.open_transactions() == 1  # the transaction of the commit that never arrived; it expires


def test_slow_down_is_retried_by_the_sdk_and_delays_delay(server, schema):
    session = connect(server, backoff_config=BackoffConfig(max_tries=3, max_value=0.01))
    server.faults.script(
        "begin", [Fault(FaultKind.SLOW_DOWN), None, Fault(FaultKind.SLOW_DOWN), Fault(FaultKind.SLOW_DOWN), None]
    )
    server.reset_counters()
    for _ in range(2):
        with session.transaction():
            pass
    assert server.counters()["begin"] == 5
    server.faults.script(ANY, [Fault(FaultKind.DELAY, seconds=0.2)])
    with pytest.raises(requests.exceptions.ReadTimeout):
        connect(server, timeout=0.05)


def test_random_faults_are_seeded():
    def injected(seed):
        with LocalVastDB(None, seed=seed) as server:
            session = connect(server)
            server.faults.chance("begin", 0.3, Fault(FaultKind.INTERNAL_ERROR))
            outcomes = []
            for _ in range(40):
                try:
                    with session.transaction():
                        outcomes.append(True)
                except errors.InternalServerError:
                    outcomes.append(False)
            return outcomes

    first = injected(1)
    assert first == injected(1) != injected(2)
    assert 3 <= first.count(False) <= 25


def test_every_request_is_counted(server, session, schema):
    create(session, ACCOUNTS)
    metadata = TableMetadata(TableRef(BUCKET, schema, "t"), ACCOUNTS, TableType.Regular)
    server.reset_counters()
    with session.transaction() as tx:
        tx.table_from_metadata(metadata).insert(accounts(("a", 1, None)))
    assert server.counters() == {"begin": 1, "insert": 1, "commit": 1}


def test_without_conflict_detection_the_later_commit_wins():
    with LocalVastDB(None, detect_conflicts=False) as server:
        session = connect(server)
        create_schema(session)
        create(session, ACCOUNTS, accounts(("a", 1, ["x"]), ("b", 2, None)))
        with session.transaction() as one, session.transaction() as two:
            for tx, balance in ((one, 10), (two, 20)):
                stored = table(tx)
                row = stored.select(["balance"], stored["name"] == "a", internal_row_id=True).read_all()
                assert row["balance"].to_pylist() == [1]
                stored.update(row.set_column(0, "balance", pa.array([balance])))
                stored.insert(accounts((f"by {balance}", balance, None)))
                assert stored.select(predicate=stored["balance"] == balance).read_all().num_rows == 2  # own writes
            assert table(two).select().read_all().num_rows == 3
        found = read(session).to_pydict()
        # `two` is the inner one and commits first
        assert dict(zip(found["name"], found["balance"], strict=True)) == {"a": 10, "b": 2, "by 10": 10, "by 20": 20}
        with session.transaction() as tx:  # a transaction that also changes definitions
            table(tx).insert(accounts(("c", 3, None)))
            table(tx).add_column(pa.schema([("more", pa.int8())]))
            table(tx).insert(pa.table({"name": ["d"], "more": pa.array([1], pa.int8())}))
        with rolled_back(session) as tx:
            table(tx).delete(table(tx).select([], internal_row_id=True).read_all())
            assert table(tx).select().read_all().num_rows == 0
        assert read(session)["more"].to_pylist() == [None] * 5 + [1]


def test_the_file_is_locked_kept_and_readable_by_hand(tmp_path):
    (tmp_path / "deep").mkdir()
    path = tmp_path / "deep" / "catalog.duckdb"
    with LocalVastDB(path, access_key="me", secret_key="mine") as server:
        session = connect(server)
        with session.transaction() as tx:
            tx.bucket(BUCKET).create_schema("exr").create_table("files", ACCOUNTS).insert(accounts(("a", 1, ["x"])))
        with pytest.raises(LocalDatabaseError):
            LocalVastDB(path)
        with pytest.raises(LocalDatabaseError):
            LocalVastDB(tmp_path / "other.duckdb", port=server.port)
    with LocalVastDB(path, bucket="second") as server:
        session = connect(server)
        with session.transaction() as tx:
            kept = tx.bucket(BUCKET).schema("exr").table("files")
            assert kept.insert(accounts(("b", 2, None))).to_pylist() == [1]
            tx.bucket("second").create_schema("exr").create_table("files", ACCOUNTS)
    by_hand = duckdb.connect(str(path), read_only=True)
    assert by_hand.execute('SELECT * FROM "vastdb/exr".files ORDER BY name').fetchall() == [
        ("a", 1, ["x"]),
        ("b", 2, None),
    ]
    assert by_hand.execute('SELECT count(*) FROM "second/exr".files').fetchall() == [(0,)]


def test_closing_closes_connections_and_ends_every_thread():
    before = threading.active_count()
    with LocalVastDB(None) as server:
        sessions = [connect(server) for _ in range(5)]
        sessions[0].transaction().__enter__()
        assert server.open_connections() == 5
        assert server.open_transactions() == 1
    for _ in range(100):
        if threading.active_count() <= before and not server.open_connections():
            break
        threading.Event().wait(0.05)
    assert threading.active_count() <= before
    assert server.open_connections() == 0
    with pytest.raises(errors.ConnectionError):
        sessions[1].transaction().__enter__()


class Restless(threading.Thread):
    """Adds one row in each transaction, whatever happens to the server, and records acknowledged rows."""

    COLUMNS = pa.schema([("n", pa.int64())])

    def __init__(self, server, first, step, stop):
        super().__init__(daemon=True)
        self.session = connect(server, backoff_config=BackoffConfig(max_tries=1))
        self.numbers = range(first, 1 << 30, step)
        self.stop = stop
        self.acknowledged = []

    def run(self):
        for number in self.numbers:
            if self.stop.is_set():
                return
            try:
                with self.session.transaction() as tx:
                    stored = tx.table_from_metadata(
                        TableMetadata(TableRef(BUCKET, "test", "t"), self.COLUMNS, TableType.Regular)
                    )
                    stored.insert(pa.table({"n": [number]}, schema=self.COLUMNS))
            except (errors.ConnectionError, errors.NotFound):  # the server or the transaction is gone
                self.stop.wait(0.002)
            else:
                self.acknowledged.append(number)


def wait_for_more(writers):
    """Wait until three more rows are acknowledged."""
    wanted = sum(len(writer.acknowledged) for writer in writers) + 3
    until(lambda: sum(len(writer.acknowledged) for writer in writers) >= wanted)


@pytest.mark.heavy
def test_closing_while_requests_run_is_quiet_and_loses_nothing_that_was_acknowledged(tmp_path, caplog):
    path, stop = tmp_path / "busy.duckdb", threading.Event()
    with LocalVastDB(path) as server:
        keys = {"port": server.port, "access_key": server.access_key, "secret_key": server.secret_key}
        with connect(server).transaction() as tx:
            tx.bucket(BUCKET).create_schema("test").create_table("t", Restless.COLUMNS)
        writers = [Restless(server, first, 8, stop) for first in range(8)]
        for writer in writers:
            writer.start()
        wait_for_more(writers)
    for _ in range(8):
        with LocalVastDB(path, **keys):
            wait_for_more(writers)
    stop.set()
    for writer in writers:
        writer.join(20)
        assert not writer.is_alive()
    with LocalVastDB(path, **keys) as server:
        rows = read(connect(server), internal_row_id=True)
    acknowledged = {number for writer in writers for number in writer.acknowledged}
    assert len(acknowledged) >= 27
    assert acknowledged <= set(rows["n"].to_pylist())
    assert len(set(rows["$row_id"].to_pylist())) == rows.num_rows
    assert [record.getMessage() for record in caplog.records if record.name.startswith("vastdb_local")] == []


def test_a_client_that_resets_in_the_middle_of_its_body_is_one_quiet_line(caplog):
    with LocalVastDB(None) as server, caplog.at_level(logging.DEBUG, "vastdb_local"):
        client = socket.create_connection((server.host, server.port))
        client.sendall(b"POST /vastdb?rows HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc")
        threading.Event().wait(0.1)  # wait until it reads the body
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()  # with a reset
        for _ in range(100):
            if not server.open_connections():
                break
            threading.Event().wait(0.02)
        assert connect(server), "others are served as before"
    records = [record for record in caplog.records if record.name.startswith("vastdb_local")]
    told = [record for record in records if "broke off" in record.getMessage()]
    assert [(record.levelno, record.exc_info) for record in told] == [(logging.DEBUG, None)]
    assert {record.levelno for record in records} == {logging.DEBUG}


def test_a_file_that_is_no_database_is_refused(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but long enough to be looked at" * 100)
    with pytest.raises(LocalDatabaseError):
        LocalVastDB(path)
    with LocalVastDB(tmp_path / "good.duckdb"):
        pass
