"""One connection for each session; proxies and certificates of the environment."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from urllib3.connection import HTTPConnection

from exr_inspector.catalog.sdk import transport
from exr_inspector.errors import CatalogUnavailable
from tests.contract.catalog.model import connect, inspection
from vastdb_local import LocalVastDB


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[HTTPConnection]:
    """Record every connection."""
    made: list[HTTPConnection] = []
    real = HTTPConnection.connect

    def counted(connection: Any) -> None:
        made.append(connection)
        real(connection)

    monkeypatch.setattr(HTTPConnection, "connect", counted)
    return made


def test_queries_and_changes_share_connections(server: LocalVastDB, connections: list[HTTPConnection]) -> None:
    catalog = connect(server)
    server.reset_counters()
    for number in range(4):
        catalog.upsert([inspection(f"{number}.exr")])
        catalog.upsert([inspection(f"{number}.exr")])
        assert catalog.stored_between("")
    inserts = server.counters()["insert"] // 4 - 1  # requests of one new file that are sent at the same time
    made = len(connections)
    assert made <= inserts + 1, "and the update of the guard"
    catalog.close()
    assert catalog.stored_between(""), "closed, it opens another one"
    catalog.close()
    assert len(connections) == made + 1
    assert [connection.sock for connection in connections] == [None] * (made + 1)


def test_a_connection_is_not_used_again_after_a_long_pause(
    server: LocalVastDB, connections: list[HTTPConnection], monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = connect(server)
    catalog.stored_between("")
    made = len(connections)
    catalog.stored_between("")
    assert len(connections) == made
    monkeypatch.setattr(transport, "MAX_IDLE_SECONDS", 0.01)
    time.sleep(0.05)
    catalog.stored_between("")
    assert len(connections) > made
    catalog.close()


def test_proxies_of_the_environment_are_used(server: LocalVastDB, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "elsewhere.example")
    refused = connect(server, retry_seconds=0.1)
    with pytest.raises(CatalogUnavailable):
        refused.stored_between("")
    refused.close()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    direct = connect(server)
    direct.stored_between("")
    direct.close()


def test_certificates_of_the_environment_hold_unless_a_setting_says_otherwise(
    server: LocalVastDB, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def checked(**options: Any) -> object:
        catalog = connect(server, **options)
        api = catalog.connection.session().api
        found = api._session_get_or_create(api.next_endpoint()).verify
        catalog.close()
        return found

    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    assert checked() is True
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "theirs.pem"))
    assert checked() == str(tmp_path / "theirs.pem")
    assert checked(tls_verify=False) is False
    assert checked(ca_bundle=tmp_path / "ours.pem") == str(tmp_path / "ours.pem")
