"""Many concurrent sessions move money between accounts: every transaction sees the same total."""

import logging
import os
import random
import resource
import subprocess
import sys
import threading
import time

import pyarrow as pa
import pytest
import vastdb
from vastdb import errors
from vastdb.config import QueryConfig
from vastdb.table_metadata import TableMetadata, TableRef, TableType

from vastdb_local import LocalVastDB

ACCOUNTS = pa.schema([("id", pa.int64()), ("balance", pa.int64())])
LOG = pa.schema([("who", pa.string()), ("amount", pa.int64())])
COUNT = 24
START = 1000
SESSIONS, PROCESSES = 12, 2
SESSIONS_LONG, PROCESSES_LONG = 32, 4
PAUSE = 0.02


class Teller:
    """A session that repeatedly moves money between two accounts and records it."""

    def __init__(self, endpoint, access, secret, name):
        self.session = vastdb.connect(endpoint=endpoint, access=access, secret=secret)
        self.config = QueryConfig(data_endpoints=[endpoint], num_splits=1, num_sub_splits=1)
        self.dice = random.Random(name)
        self.name = name

    def at(self, tx, name, columns):
        return tx.table_from_metadata(TableMetadata(TableRef("vastdb", "bank", name), columns, TableType.Regular))

    def balances(self, tx):
        return self.at(tx, "accounts", ACCOUNTS).select(config=self.config, internal_row_id=True).read_all()

    def look(self):
        """The sum of all balances and the sum of all records, as one transaction sees them."""
        with self.session.transaction() as tx:
            log = self.at(tx, "log", LOG).select(["amount"], config=self.config).read_all()
            return sum(self.balances(tx)["balance"].to_pylist()), sum(log["amount"].to_pylist())

    def move(self):
        """One transfer, repeated on a new snapshot after each conflict."""
        source, target = self.dice.sample(range(COUNT), 2)
        amount = self.dice.randint(1, 9)
        while True:
            try:
                with self.session.transaction() as tx:
                    rows = self.balances(tx).take([source, target])
                    before = rows["balance"].to_pylist()
                    changed = pa.table(
                        {"$row_id": rows["$row_id"], "balance": [before[0] - amount, before[1] + amount]}
                    )
                    self.at(tx, "accounts", ACCOUNTS).update(changed)
                    self.at(tx, "log", LOG).insert(pa.table({"who": [self.name], "amount": [amount]}))
            except errors.Conflict:
                time.sleep(self.dice.uniform(0, PAUSE))
            else:
                return amount

    def close(self):
        self.session.api.__exit__()  # closes the connection

    def work(self, moves):
        moved = 0
        for number in range(moves):
            moved += self.move()
            if number % 3 == 0:
                total, _ = self.look()
                if total != COUNT * START:
                    raise ValueError(f"{self.name} sees {total}")
        return moved


def bank(server):
    teller = Teller(server.endpoint, server.access_key, server.secret_key, "bank")
    with teller.session.transaction() as tx:
        schema = tx.bucket("vastdb").create_schema("bank")
        schema.create_table("log", LOG)
        opening = pa.table({"id": list(range(COUNT)), "balance": [START] * COUNT})
        schema.create_table("accounts", ACCOUNTS).insert(opening)
    return teller


def work_together(server, moves, sessions=SESSIONS, processes=PROCESSES):
    """Run sessions in threads and in other processes; returns how much they moved in total."""
    keys = (server.endpoint, server.access_key, server.secret_key)
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    others = [
        subprocess.Popen(
            [sys.executable, __file__, *keys, f"process {number}", str(moves)],
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for number in range(processes)
    ]
    tellers = [Teller(*keys, f"thread {number}") for number in range(sessions)]
    moved = []
    threads = [threading.Thread(target=lambda t=teller: moved.append(t.work(moves)), daemon=True) for teller in tellers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(600)
        assert not thread.is_alive()
    assert len(moved) == sessions
    for teller in tellers:
        teller.close()
    for process in others:
        output, _ = process.communicate(timeout=600)
        assert process.returncode == 0
        moved.append(int(output))
    return sum(moved)


@pytest.mark.heavy
@pytest.mark.timeout(300)
def test_no_money_is_made_or_lost(tmp_path):
    with LocalVastDB(tmp_path / "bank.duckdb") as server:
        teller = bank(server)
        moved = work_together(server, moves=2)
        assert teller.look() == (COUNT * START, moved)
        assert server.open_transactions() == 0


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_fifty_thousand_requests_leave_nothing_behind(tmp_path, request):
    logging.disable(logging.CRITICAL)  # pytest keeps the SDK's log records, whose tracebacks keep all objects alive
    request.addfinalizer(lambda: logging.disable(logging.NOTSET))
    with LocalVastDB(tmp_path / "bank.duckdb") as server:
        teller = bank(server)
        moved = work_together(server, 10, SESSIONS_LONG, PROCESSES_LONG)
        threads, memory = threading.active_count(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        while sum(server.counters().values()) < 50_000:
            moved += work_together(server, 20, SESSIONS_LONG, PROCESSES_LONG)
        assert teller.look() == (COUNT * START, moved)
        assert server.open_transactions() == 0
        assert threading.active_count() <= threads + SESSIONS_LONG  # threads of connections that are closing
        assert server.open_connections() <= SESSIONS_LONG
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
        sys.stdout.write(
            f"{sum(server.counters().values())} requests, {grown // 1024} MB more than after the first round\n"
        )
        assert grown < 256 * 1024  # kilobytes


def main():
    endpoint, access, secret, name, moves = sys.argv[1:]
    sys.stdout.write(f"{Teller(endpoint, access, secret, name).work(int(moves))}\n")


if __name__ == "__main__":
    main()
