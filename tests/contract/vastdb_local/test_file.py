"""The DuckDB file of the local VAST DataBase: its permissions, a full disk, a corrupt file."""

import os
import signal
import subprocess
import sys

import duckdb
import pyarrow as pa
import pytest
import vastdb
from vastdb import errors

from tests.contract.vastdb_local.support import ACCOUNTS, accounts, connect, create, create_schema, read, table
from vastdb_local import LocalVastDB
from vastdb_local.errors import LocalDatabaseError


def test_the_file_and_its_log_are_readable_by_their_owner_only(tmp_path):
    path = tmp_path / "a.duckdb"
    before = os.umask(0o022)
    try:
        with LocalVastDB(path) as server:
            session = connect(server)
            create_schema(session)
            create(session, ACCOUNTS, accounts(("a", 1, None)))
            assert {file.stat().st_mode & 0o077 for file in tmp_path.iterdir()} == {0}
            assert len(list(tmp_path.iterdir())) == 3
    finally:
        os.umask(before)


def fill(session):
    """Insert until the disk is full; returns the number of acknowledged rows, and the error's text."""
    acknowledged = 0
    rows = pa.table({"name": [os.urandom(512).hex() for _ in range(100)]})
    while acknowledged < 100_000:
        try:
            with session.transaction() as tx:
                table(tx).insert(rows)
        except errors.InsufficientCapacity as error:
            return acknowledged, error.message
        acknowledged += rows.num_rows
    raise AssertionError("the disk was never full")


@pytest.mark.heavy
def test_a_full_disk_is_called_so_and_loses_nothing(tmp_path):
    path = tmp_path / "a.duckdb"
    command = [sys.executable, "-m", "vastdb_local", "serve", "--catalog", str(path), "--port", "0"]
    limited = ["bash", "-c", 'ulimit -f 4096; exec "$@"', "bash", *command]
    process = subprocess.Popen(limited, stdout=subprocess.PIPE, text=True)
    try:
        endpoint, access, secret = (process.stdout.readline().strip().partition("=")[2] for _ in range(3))
        session = vastdb.connect(endpoint=endpoint, access=access, secret=secret)
        create_schema(session)
        create(session, ACCOUNTS)
        acknowledged, told = fill(session)
        assert "disk of the local database is full" in told
        assert read(session, ["balance"]).num_rows == acknowledged > 0
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    with LocalVastDB(path) as server:
        assert read(connect(server), ["balance"]).num_rows == acknowledged


@pytest.mark.parametrize(
    ("start", "end", "word"),
    [(4096, 4200, "corrupt"), (0, 200, "beginning is corrupt"), (12288, None, "corrupt")],
    ids=["header", "magic", "blocks"],
)
def test_a_corrupt_file_is_called_corrupt(tmp_path, start, end, word):
    path = tmp_path / "a.duckdb"
    with LocalVastDB(path) as server:
        session = connect(server)
        create_schema(session)
        create(session, ACCOUNTS, accounts(*[(f"n{i}", i, None) for i in range(1000)]))
    whole = bytearray(path.read_bytes())
    whole[start:end] = bytes(byte ^ 0x5A for byte in whole[start:end])
    path.write_bytes(whole)
    with pytest.raises(LocalDatabaseError, match=word) as raised:
        LocalVastDB(path)
    assert "another server" not in str(raised.value)


def test_a_truncated_file_is_called_corrupt(tmp_path):
    path = tmp_path / "a.duckdb"
    with LocalVastDB(path):
        pass
    path.write_bytes(path.read_bytes()[: 3 * 4096])
    with pytest.raises(LocalDatabaseError, match="corrupt"):
        LocalVastDB(path)


def test_a_file_that_duckdb_holds_elsewhere_is_called_in_use(tmp_path):
    path = tmp_path / "a.duckdb"
    program = f"import duckdb, sys; held = duckdb.connect({str(path)!r}); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "open\n"
        with pytest.raises(LocalDatabaseError, match="open in another server or program"):
            LocalVastDB(path)
        other.stdin.close()


def test_another_programs_duckdb_file_is_refused_in_one_line(tmp_path):
    path = tmp_path / "a.duckdb"
    with duckdb.connect(str(path)) as other:
        other.execute("CREATE SCHEMA _vast")
    with pytest.raises(LocalDatabaseError, match="is not a catalog of the local database"):
        LocalVastDB(path)


def test_a_file_with_somebody_elses_tables_is_left_as_it_is(tmp_path):
    path = tmp_path / "a.duckdb"
    with duckdb.connect(str(path)) as other:
        other.execute("CREATE TABLE shots (name TEXT)")
    with pytest.raises(LocalDatabaseError, match="was not made by the local database: it holds the table shots"):
        LocalVastDB(path)
    with duckdb.connect(str(path)) as other:
        assert other.execute("SELECT table_name FROM duckdb_tables() WHERE NOT internal").fetchall() == [("shots",)]
