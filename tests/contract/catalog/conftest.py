"""Fixtures for a server with tables: one for each module, and the same one with file tables emptied after each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.catalog.model import VERSIONS, Pair, ready
from tests.support.databases import wipe_of
from vastdb_local import LocalVastDB


@pytest.fixture(scope="module")
def server_version() -> str:
    """The newest version; tests with the mark `each_version` run with each."""
    return VERSIONS[0]


@pytest.fixture(scope="module")
def shared(server_version: str) -> Iterator[Pair]:
    """Start a server."""
    with ready(server_version=server_version) as pair:
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
