"""Fixtures for a server with tables: one for each module, and the same one with file tables emptied after each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.catalog.model import Pair, ready
from tests.support.databases import wipe_of
from vastdb_local import LocalVastDB


@pytest.fixture(scope="module")
def shared() -> Iterator[Pair]:
    """Start a server of the newest version; a module that tests several versions overrides this fixture."""
    with ready() as pair:
        yield pair


@pytest.fixture(scope="module")
def server(shared: Pair) -> LocalVastDB:
    """The module's server."""
    return shared[0]


@pytest.fixture
def pair(shared: Pair) -> Iterator[Pair]:
    """The module's server; its file tables are emptied after the test."""
    server, catalog = shared
    server.reset_counters()
    yield shared
    server.faults.clear()
    wipe_of(server, catalog)
