"""Conflicts that the local VAST DataBase detects by groups of rows, as a cluster may."""

import pyarrow as pa
import pytest
from vastdb import errors

from tests.contract.vastdb_local.support import (
    ACCOUNTS,
    accounts,
    connect,
    create,
    create_schema,
    read,
    rolled_back,
    table,
)
from vastdb_local import LocalVastDB

GROUP = 4


@pytest.fixture(params=[{}, {"sorting_key": ["name"]}], ids=["ordinary", "sorted"])
def session(request):
    with LocalVastDB(None, conflict_group_rows=GROUP) as server:
        session = connect(server)
        create_schema(session)
        create(session, ACCOUNTS, accounts(*[(f"n{i}", i, None) for i in range(2 * GROUP)]), **request.param)
        yield session
        assert server.open_transactions() == 0


def set_balance(tx, *numbers):
    stored = table(tx)
    rows = stored.select(["balance"], stored["balance"].isin(list(numbers)), internal_row_id=True).read_all()
    assert rows.num_rows == len(numbers)
    changed = pa.array([100 + number for number in rows["balance"].to_pylist()])
    stored.update(rows.set_column(rows.schema.get_field_index("balance"), "balance", changed))


def balances(session):
    return sorted(read(session)["balance"].to_pylist())


def test_other_rows_of_one_group_conflict(session):
    with session.transaction() as one:
        set_balance(one, 0)
        with pytest.raises(errors.Conflict), session.transaction() as two:
            set_balance(two, 1)
    assert balances(session) == [1, 2, 3, 4, 5, 6, 7, 100]


def test_rows_of_different_groups_do_not(session):
    with session.transaction() as one, session.transaction() as two:
        set_balance(one, 0)
        set_balance(two, GROUP)
    assert balances(session) == [1, 2, 3, 5, 6, 7, 100, 104]


def test_a_group_that_was_changed_since_the_begin_conflicts(session):
    with pytest.raises(errors.Conflict), session.transaction() as late:  # noqa: PT012 - the whole of it is the case
        with session.transaction() as early:
            set_balance(early, 0)
        set_balance(late, 1)
    with session.transaction() as later:
        set_balance(later, 1)
    assert balances(session) == [2, 3, 4, 5, 6, 7, 100, 101]


def test_a_rollback_frees_its_groups(session):
    with session.transaction() as other:
        with rolled_back(session) as tx:
            set_balance(tx, 0)
        set_balance(other, 1)
    assert balances(session) == [0, 2, 3, 4, 5, 6, 7, 101]


def test_deletes_and_updates_conflict_and_inserts_do_not(session):
    with session.transaction() as one:
        set_balance(one, 0, 1)
        with session.transaction() as two:
            table(two).insert(accounts(("new", 50, None)))
        with rolled_back(session) as three:
            stored = table(three)
            rows = stored.select([], stored["balance"] == 2, internal_row_id=True).read_all()
            with pytest.raises(errors.Conflict):
                stored.delete(rows)
    assert balances(session) == [2, 3, 4, 5, 6, 7, 50, 100, 101]
