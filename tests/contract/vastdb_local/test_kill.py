"""Committed rows survive `kill -9` at any moment completely; other rows leave nothing behind."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pyarrow as pa
import pytest
import vastdb
from vastdb import errors
from vastdb.config import BackoffConfig
from vastdb.table_metadata import TableMetadata, TableRef, TableType

SERVER = Path(__file__).with_name("kill_server.py")
KEYS = ("access", "secret")
ROWS = pa.schema([("writer", pa.int64()), ("round", pa.int64()), ("n", pa.int64()), ("payload", pa.string())])
COUNTERS = pa.schema([("writer", pa.int64()), ("value", pa.int64())])
WRITERS = 4
ROWS_EACH = 5


class Victim:
    """A server that can be killed and started again on the same file and port."""

    def __init__(self, catalog):
        environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
        self.process = subprocess.Popen(
            [sys.executable, str(SERVER), str(catalog), "0", *KEYS],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self.pid = 0
        self.endpoint = ""

    def start(self):
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        pid, port = self.process.stdout.readline().split()
        self.pid = int(pid)
        self.endpoint = f"http://127.0.0.1:{port}"

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        self.pid = 0
        assert self.process.stdout.readline() == "gone\n"

    def close(self):
        if self.process.poll() is None and self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()

    def session(self):
        return vastdb.connect(
            endpoint=self.endpoint, access=KEYS[0], secret=KEYS[1], backoff_config=BackoffConfig(max_tries=1)
        )


def at(tx, name, columns):
    return tx.table_from_metadata(TableMetadata(TableRef("vastdb", "s", name), columns, TableType.Regular))


def select(tx, name, schema, columns=None):
    stored = at(tx, name, schema)
    stored.reload_stats()
    return stored.select(columns).read_all()


def prepare(victim):
    with victim.session().transaction() as tx:
        schema = tx.bucket("vastdb").create_schema("s")
        for name in ("one", "two"):
            schema.create_table(name, ROWS)
        schema.create_table("counters", COUNTERS).insert(
            pa.table({"writer": list(range(WRITERS)), "value": [0] * WRITERS}, schema=COUNTERS)
        )


def rows_of(writer, number):
    data = [[writer] * ROWS_EACH, [number] * ROWS_EACH, list(range(ROWS_EACH)), ["x" * 200] * ROWS_EACH]
    return pa.table(data, schema=ROWS)


class Writer(threading.Thread):
    """Add rows to two tables and set a counter, in one transaction for each round, until the server is gone."""

    def __init__(self, victim, number, first_round):
        super().__init__(daemon=True)
        self.session = victim.session()
        self.number = number
        self.attempted = first_round - 1
        self.answered = first_round - 1
        self.busy = threading.Event()
        self.failure = None

    def run(self):
        try:
            while True:
                self.attempted += 1
                with self.session.transaction() as tx:
                    at(tx, "one", ROWS).insert(rows_of(self.number, self.attempted))
                    at(tx, "two", ROWS).insert(rows_of(self.number, self.attempted))
                    change = {"$row_id": pa.array([self.number], pa.uint64()), "value": [self.attempted]}
                    at(tx, "counters", COUNTERS).update(pa.table(change))
                self.answered = self.attempted
                self.busy.set()
        except errors.ConnectionError:
            pass  # the server is gone
        except Exception as error:  # noqa: BLE001 - whatever it is, the test tells
            self.failure = error
        finally:
            self.busy.set()


def check(victim, writers):
    """Assert that both tables and the counter have every answered round, and no other round in part."""
    with victim.session().transaction() as tx:
        one, two = (select(tx, name, ROWS, columns=["writer", "round"]) for name in ("one", "two"))
        counters = select(tx, "counters", COUNTERS).to_pylist()
    counts = [table.group_by(["writer", "round"]).aggregate([([], "count_all")]) for table in (one, two)]
    found, other = ({(row["writer"], row["round"]): row["count_all"] for row in count.to_pylist()} for count in counts)
    assert found == other
    assert set(found.values()) <= {ROWS_EACH}
    for writer in writers:
        rounds = [number for owner, number in found if owner == writer.number]
        last = max(rounds, default=0)
        assert sorted(rounds) == list(range(1, last + 1))
        assert writer.answered <= last <= writer.attempted
        assert {"writer": writer.number, "value": last} in counters
        writer.last = last
    return sum(writer.answered for writer in writers)


def kill_repeatedly(catalog, kills, seed):
    dice = random.Random(seed)
    victim = Victim(catalog)
    last, answered = [0] * WRITERS, 0
    try:
        victim.start()
        prepare(victim)
        for _ in range(kills):
            writers = [Writer(victim, number, last[number] + 1) for number in range(WRITERS)]
            for writer in writers:
                writer.start()
            if dice.random() < 0.75:  # the others are killed while the writers begin
                for writer in writers:
                    writer.busy.wait(30)
            time.sleep(dice.uniform(0.0, 0.25))
            victim.kill()
            for writer in writers:
                writer.join(10)
                assert not writer.is_alive()
                assert writer.failure is None
            victim.start()
            answered = check(victim, writers)
            last = [writer.last for writer in writers]
        victim.kill()
    finally:
        victim.close()
    return answered, sum(last)


@pytest.mark.heavy
def test_kill_at_random_moments(tmp_path):
    answered, there = kill_repeatedly(tmp_path / "kill.duckdb", kills=8, seed=20261123)
    assert 0 < answered <= there


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_kill_hundreds_of_times(tmp_path):
    answered, there = kill_repeatedly(tmp_path / "kill.duckdb", kills=300, seed=1)
    sys.stdout.write(f"300 kills: {answered} rounds answered, {there} there, none in part\n")
    assert 0 < answered <= there
