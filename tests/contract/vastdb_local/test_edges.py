"""Cases of the local VAST DataBase in which no other test detected a deliberate fault."""

import threading
import time

import pyarrow as pa
import pytest
from vastdb import errors
from vastdb.config import BackoffConfig

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
from vastdb_local import Fault, FaultKind, LocalVastDB
from vastdb_local.refusals import Refusal
from vastdb_local.storage import Database

CHOSEN = pa.schema([("vastdb_rowid", pa.int64()), ("name", pa.string())])


def started(**options):
    server = LocalVastDB(None, **options)
    server.start()
    session = connect(server, backoff_config=BackoffConfig(max_tries=1))
    create_schema(session)
    return server, session


def test_row_ids_that_are_allocated_stay_clear_of_chosen_ones():
    server, session = started()
    create(session, CHOSEN, pa.table({"vastdb_rowid": [0, 7], "name": ["a", "b"]}, schema=CHOSEN))
    with session.transaction() as tx:
        given = table(tx).insert(pa.table({"name": ["c", "d"]})).to_pylist()
    assert given == [8, 9]
    assert sorted(read(session)["vastdb_rowid"].to_pylist()) == [0, 7, 8, 9]
    server.close()


@pytest.mark.parametrize("kind", [FaultKind.INTERNAL_ERROR, FaultKind.CONFLICT])
def test_a_commit_that_fails_on_demand_rolls_back_and_ends(kind):
    server, session = started()
    create(session, ACCOUNTS)
    server.faults.script("commit", [Fault(kind)])
    with pytest.raises((errors.InternalServerError, errors.Conflict)), session.transaction() as tx:
        table(tx).insert(accounts(("a", 1, None)))
    assert server.open_transactions() == 0
    assert read(session).num_rows == 0
    server.close()


def test_a_table_whose_creation_was_rolled_back_can_be_created_again():
    server, session = started()
    with rolled_back(session) as tx:
        tx.bucket(BUCKET).schema("test").create_table("t", ACCOUNTS).insert(accounts(("a", 1, None)))
    create(session, ACCOUNTS)
    assert read(session).num_rows == 0
    server.close()


def test_a_transaction_that_was_used_again_while_it_was_to_expire_goes_on():
    database = Database(
        None, idle_seconds=0.05, abandoned_seconds=0.05, detect_conflicts=True, conflict_group_rows=1, index_after=32
    )
    transaction = database.begin()
    time.sleep(0.1)
    with transaction.lock:  # a request is under way
        expiring = threading.Thread(target=database.expire)
        expiring.start()
        time.sleep(0.1)  # wait until it waits for the lock
        database.find(transaction.txid)
    expiring.join(10)
    assert database.find(transaction.txid) is transaction
    assert not transaction.ended
    transaction.last_used = time.monotonic() - 1000
    assert database.expire() == 1
    with pytest.raises(Refusal):
        database.find(transaction.txid)
    database.close()
