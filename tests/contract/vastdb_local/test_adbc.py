"""VAST's SQL driver against the local VAST DataBase: the same rows as the SDK's, in the SDK's transactions, and its errors.

The driver comes with `pip install adbc-driver-vastdb`; without it these tests are skipped.
"""

import threading
from pathlib import Path

import pyarrow as pa
import pytest
import requests
from click.testing import CliRunner

from exr_inspector.catalog.schema import TABLES
from exr_inspector.cli.__main__ import main
from tests.contract.vastdb_local.support import ACCOUNTS, BUCKET, accounts, connect, create, table
from vastdb_local import LocalVastDB

adbc_driver = pytest.importorskip("adbc_driver_vastdb", reason="VAST's ADBC driver is not installed")
dbapi = pytest.importorskip("adbc_driver_manager.dbapi")

pytestmark = pytest.mark.filterwarnings("ignore:Cannot disable autocommit")

ROOT = Path(__file__).resolve().parents[3]
ACCOUNT_TABLE = f'"{BUCKET}/test".t'


def sql(server, **options):
    keys = {"vast.db.access_key": server.access_key, "vast.db.secret_key": server.secret_key}
    return dbapi.connect(
        driver=adbc_driver.get_driver_path(), db_kwargs={"vast.db.endpoint": server.endpoint, **keys}, **options
    )


def ask(connection, text):
    with connection.cursor() as cursor:
        cursor.execute(text)
        return cursor.fetch_arrow_table()


@pytest.fixture(scope="module")
def sample_tables(tmp_path_factory):
    """A served catalog of the sample files."""
    path = tmp_path_factory.mktemp("catalog") / "samples.duckdb"
    assert CliRunner().invoke(main, ["ingest", str(ROOT / "samples"), "--catalog", str(path)]).exit_code == 0
    with LocalVastDB(path) as server:
        yield server


@pytest.mark.heavy
def test_every_table_reads_as_through_the_sdk(sample_tables):
    with connect(sample_tables).transaction() as tx, sql(sample_tables) as connection:
        for table in TABLES:
            expected = tx.bucket(BUCKET).schema("exr_inspector").table(table.name).select().read_all()
            expected = expected.sort_by([(column, "ascending") for column in expected.column_names])
            found = ask(connection, f'SELECT * FROM "{BUCKET}/exr_inspector".{table.name} ORDER BY ALL')
            assert found.column_names == expected.column_names, table.name
            assert found.cast(expected.schema).to_pylist() == expected.to_pylist(), table.name


def test_many_rows_keep_the_order_they_were_asked_for(server, session, schema):
    """The driver returns tickets in the order in which they arrive, so one ticket must bring all rows."""
    count = 300_000
    create(session, pa.schema([("n", pa.int64())]), pa.table({"n": range(count)}))
    server.reset_counters()
    with sql(server) as connection:
        found = ask(connection, f"SELECT n FROM {ACCOUNT_TABLE} ORDER BY n DESC")
    assert found["n"].to_pylist() == list(range(count - 1, -1, -1))
    assert server.counters()["query_engine_rows"] == 1


def test_it_sees_what_its_transaction_sees(server, session, schema):
    create(session, ACCOUNTS, accounts(("a", 1, ["x"])))
    with session.transaction() as tx:
        table(tx).insert(accounts(("b", 2, None)))
        options = {"conn_kwargs": {"vast.db.external_txid": str(tx.txid)}}
        with sql(server, **options) as inside, sql(server) as outside:
            count = f"SELECT count(*) AS n FROM {ACCOUNT_TABLE}"
            assert ask(inside, count)["n"].to_pylist() == [2]
            assert ask(outside, count)["n"].to_pylist() == [1]


def test_a_commit_through_the_driver_is_seen_by_the_sdk(server, session, schema):
    create(session, ACCOUNTS)
    with sql(server) as connection:
        with connection.cursor() as cursor:
            cursor.adbc_ingest("t", accounts(("a", 1, None)), mode="append", db_schema_name=f"{BUCKET}/test")
        connection.commit()
    with session.transaction() as tx:
        assert table(tx).select().read_all().num_rows == 1


def test_objects_and_schemas(server, session, schema):
    create(session, ACCOUNTS)
    with sql(server) as connection:
        listed = connection.adbc_get_objects(
            depth="tables", catalog_filter="vastdb", db_schema_filter=f"{BUCKET}/test"
        ).read_all()
        (catalog,) = listed.to_pylist()
        (entry,) = catalog["catalog_db_schemas"]
        assert [found["table_name"] for found in entry["db_schema_tables"]] == ["t"]
        found = connection.adbc_get_table_schema("t", catalog_filter="vastdb", db_schema_filter=f"{BUCKET}/test")
        assert found.names == ACCOUNTS.names


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (f"SELECT nope FROM {ACCOUNT_TABLE}", "nope"),
        ("SELEC 1", "syntax error"),
        ("SELECT * FROM nowhere", "nowhere"),
        ("SELECT 1; SELECT 2", "one SELECT statement at a time"),
        (f"DELETE FROM {ACCOUNT_TABLE}", "one SELECT statement at a time"),
        ("COPY (SELECT 1) TO 'out.csv'", "one SELECT statement at a time"),
        ("SELECT * FROM read_csv('/etc/passwd')", "disabled"),
    ],
)
def test_what_fails_says_why_and_the_connection_goes_on(server, session, schema, text, word):
    create(session, ACCOUNTS)
    with sql(server) as connection:
        with pytest.raises(dbapi.Error, match=word) as raised:
            ask(connection, text)
        assert "request_id" in str(raised.value)
        assert ask(connection, "SELECT 1 AS one")["one"].to_pylist() == [1]


def test_results_that_were_fetched_are_not_kept(server, session, schema):
    create(session, ACCOUNTS, accounts(("a", 1, None)))
    engine = server._http.service._engine
    with sql(server) as connection:
        for _ in range(3):
            ask(connection, f"SELECT * FROM {ACCOUNT_TABLE}")
    deadline = threading.Event()
    for _ in range(100):
        if not engine._results:
            break
        deadline.wait(0.05)
    assert engine._results == {}


def test_wrong_keys_are_refused(server):
    keys = {"vast.db.access_key": server.access_key, "vast.db.secret_key": "wrong"}
    with pytest.raises(dbapi.Error, match="SignatureDoesNotMatch"):
        dbapi.connect(driver=adbc_driver.get_driver_path(), db_kwargs={"vast.db.endpoint": server.endpoint, **keys})


def test_the_query_engine_is_for_clients_with_keys(server):
    for command in ("vastdb-run-query", "vastdb-query-status", "vastdb-data"):
        assert requests.post(f"{server.endpoint}/?{command}", data=b"", timeout=30).status_code == 403
