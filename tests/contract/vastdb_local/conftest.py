"""A server for each test module, a session, and an empty schema for each test."""

import pytest

from tests.contract.vastdb_local.support import BUCKET, connect, create_schema, drop
from vastdb_local import LocalVastDB


@pytest.fixture(scope="module")
def server():
    with LocalVastDB(None) as running:
        yield running


@pytest.fixture(scope="module")
def session(server):
    return connect(server)


@pytest.fixture
def schema(server, session):
    """An empty schema for one test; it is dropped with its tables afterwards."""
    server.faults.clear()
    create_schema(session)
    yield "test"
    server.faults.clear()
    with session.transaction() as tx:
        for top in tx.bucket(BUCKET).schemas():
            drop(top)
