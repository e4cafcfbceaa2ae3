"""Errors of the SDK become ours, tested with answers of a real HTTP server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from exr_inspector.catalog import Catalog, CatalogConfig
from exr_inspector.errors import (
    CatalogConflict,
    CatalogDenied,
    CatalogError,
    CatalogUnavailable,
    SchemaDrift,
    SchemaExists,
    SchemaMissing,
)
from tests.contract.catalog.model import inspection


class Stub(BaseHTTPRequestHandler):
    """A server that identifies itself as VAST, begins transactions, and answers every query as the test wants."""

    answer: tuple[int, str] = (200, "")
    protocol_version = "HTTP/1.1"

    def version_string(self) -> str:
        return "vast 5.5.0.0"

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        if "transaction" in self.path:
            self._send(200, "")
        elif self.answer[0] == 200:
            self._send(200, self.answer[1])
        else:
            status, code = self.answer
            self._send(status, f"<Error><Code>{code}</Code><Message>told</Message></Error>" if code else "")

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - the names http.server has

    def _send(self, status: int, body: str) -> None:
        raw = body.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.send_header("tabular-txid", "7")
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name http.server has
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[type[Stub], str]]:
    handler = type("Handler", (Stub,), {})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield handler, f"http://127.0.0.1:{http.server_port}"
        http.shutdown()


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, "InvalidArgument", CatalogError),
        (400, "TabularMismatchColumnType", SchemaDrift),
        (400, "TabularMismatchColumnName", SchemaDrift),
        (401, "", CatalogDenied),
        (403, "AccessDenied", CatalogDenied),
        (404, "NoSuchTable", SchemaMissing),
        (404, "NoSuchColumn", SchemaDrift),
        (404, "NoSuchTransaction", CatalogUnavailable),
        (408, "RequestTimeout", CatalogUnavailable),
        (409, "Conflict", CatalogConflict),
        (409, "InvalidBucketState", SchemaMissing),
        (409, "TableAlreadyExists", SchemaExists),
        (409, "SchemaNotEmpty", CatalogError),
        (409, "ColumnInUse", CatalogError),
        (412, "", CatalogUnavailable),
        (418, "", CatalogError),
        (429, "", CatalogUnavailable),
        (500, "InternalError", CatalogUnavailable),
        (501, "NotImplemented", CatalogError),
        (502, "", CatalogUnavailable),
        (503, "ServiceUnavailable", CatalogUnavailable),
        (503, "SlowDown", CatalogUnavailable),
        (504, "", CatalogUnavailable),
        (507, "InsufficientCapacity", CatalogUnavailable),
        (200, "no answer of a query", CatalogUnavailable),
    ],
)
def test_each_status_and_code_becomes_its_error(
    server: tuple[type[Stub], str], status: int, code: str, expected: type[CatalogError]
) -> None:
    handler, endpoint = server
    handler.answer = (status, code)
    catalog = Catalog(CatalogConfig(endpoint, "ACCESSKEY", "SECRETKEY", "vastdb", "exr", retry_seconds=0.0))
    with pytest.raises(CatalogError) as caught:
        catalog.upsert([inspection()])
    assert type(caught.value) is expected
    # Faults that may pass go back to the platform; events that can never be stored are not delivered for ever.
    assert caught.value.retryable is (expected not in {CatalogError, SchemaExists})
    assert "ACCESSKEY" not in str(caught.value)
    assert "SECRETKEY" not in str(caught.value)
    assert "files" in str(caught.value)


@pytest.mark.parametrize(
    ("status", "code", "again", "next_step"),
    [
        (409, "Conflict", True, "another writer"),
        (409, "InvalidBucketState", False, "VAST_DB_BUCKET"),
        (409, "SchemaAlreadyExists", False, "db check"),
        (403, "AccessDenied", False, "VAST_DB_ACCESS_KEY"),
        (404, "NoSuchTable", False, "db setup"),
        (503, "SlowDown", True, "concurrency"),
    ],
)
def test_what_another_attempt_helps_is_tried_again_and_each_says_the_next_step(
    server: tuple[type[Stub], str], status: int, code: str, again: bool, next_step: str
) -> None:
    handler, endpoint = server
    handler.answer = (status, code)
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        handler.answer = (409, "SchemaNotEmpty")  # ends it

    config = CatalogConfig(endpoint, "A", "S", "vastdb", "exr", retry_seconds=30.0, sleep=sleep)
    with pytest.raises(CatalogError) as caught:
        Catalog(config).upsert([inspection()])
    assert bool(waits) is again
    if not again:
        assert next_step in str(caught.value)
    hasty = CatalogConfig(endpoint, "A", "S", "vastdb", "exr", retry_seconds=0.0)
    handler.answer = (status, code)
    with pytest.raises(CatalogError, match=next_step) as caught:
        Catalog(hasty).upsert([inspection()])
    assert "\n" not in str(caught.value)


def test_a_server_that_is_not_vast(server: tuple[type[Stub], str]) -> None:
    handler, endpoint = server
    other = type("Other", (handler,), {"version_string": lambda self: "nginx"})
    with ThreadingHTTPServer(("127.0.0.1", 0), other) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        catalog = Catalog(
            CatalogConfig(f"http://127.0.0.1:{http.server_port}", "A", "S", "vastdb", "exr", retry_seconds=0.0)
        )
        with pytest.raises(CatalogError):
            catalog.upsert([inspection()])
        http.shutdown()
    assert endpoint
