"""The HTTP/1.1 server: reads requests, checks signatures, writes answers. A thread for each connection."""

from __future__ import annotations

import contextlib
import io
import itertools
import logging
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, unquote_plus, urlsplit

from vastdb_local.calls import Answer, Request
from vastdb_local.faults import Fault, FaultKind
from vastdb_local.operations import REQUEST_LIMIT
from vastdb_local.refusals import Refusal, bad_request, internal_error, slow_down
from vastdb_local.service import ConnectionDropped, Service
from vastdb_local.signature import SignatureCheck
from vastdb_local.storage import DatabaseClosed
from vastdb_local.version import Version

_IDLE_SECONDS = 900  # time-out of a connection whose key was accepted
_UNAUTHENTICATED_SECONDS = 30  # time-out of a connection before that
_DISCARD = 64 * 1024

logger = logging.getLogger(__name__)


class _ClientGone(Exception):
    """The client closed the connection or timed out during its request, so no answer is sent."""


class HttpServer(ThreadingHTTPServer):
    """Serves one `Service` on one address."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256
    allow_reuse_address = True

    def __init__(
        self,
        address: tuple[str, int],
        service: Service,
        signatures: SignatureCheck,
        *,
        version: Version,
        max_connections: int,
    ) -> None:
        self.server_header = f"vast {version}"  # the SDK turns features on by it
        self._max_connections = max_connections
        self._request_ids = itertools.count(1)
        self.service = service
        self.signatures = signatures
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start the thread of a connection, or refuse it when there are too many."""
        with self._lock:
            full = len(self._connections) >= self._max_connections
            if not full:
                self._connections.add(request)
        if full:
            logger.warning("%d clients are connected, which is the most: another one is refused", self._max_connections)
            with contextlib.suppress(OSError):
                request.sendall(self._too_many())
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def _too_many(self) -> bytes:
        body = slow_down().xml("/", self.request_id())
        head = f"HTTP/1.1 503 Service Unavailable\r\nServer: {self.server_header}\r\nConnection: close\r\n"
        return f"{head}Content-Type: application/xml\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body

    def request_id(self) -> str:
        """An id for the next error, used in its answer and in the log."""
        return f"{next(self._request_ids):016X}"

    def shutdown_request(self, request: Any) -> None:
        """Close a connection after its thread has finished."""
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def open_connections(self) -> int:
        """Number of connected clients."""
        with self._lock:
            return len(self._connections)

    def drop_connections(self) -> None:
        """Close every connection, which ends its thread."""
        with self._lock:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 - the standard library prescribes the arguments
        """Log a broken connection as one debug line, and anything else as an error."""
        error = sys.exc_info()[1]
        if isinstance(error, OSError):
            logger.debug("connection of %s broke off: %s", client_address, type(error).__name__)
        else:
            logger.error("connection of %s failed", client_address, exc_info=error)


class _Handler(BaseHTTPRequestHandler):
    server: HttpServer
    protocol_version = "HTTP/1.1"
    timeout = _UNAUTHENTICATED_SECONDS
    wbufsize = -1  # send each answer in one piece
    disable_nagle_algorithm = True

    def version_string(self) -> str:
        return self.server.server_header

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library prescribes the name
        logger.debug(format, *args)

    def _serve(self) -> None:
        try:
            answer = self._answer()
        except (ConnectionDropped, DatabaseClosed):
            self._drop()
        except _ClientGone as gone:
            self.close_connection = True
            logger.debug("%s %s broke off: %s", self.command, self.path, gone)
        except Refusal as refusal:
            self._refuse(refusal, self.server.request_id())
        except Exception:  # answer unexpected errors too
            request_id = self.server.request_id()
            logger.exception("request %s failed: %s %s", request_id, self.command, self.path)
            self._refuse(internal_error("Internal error of the local server; its log has the details."), request_id)
        else:
            self._write(200, answer)

    def _refuse(self, refusal: Refusal, request_id: str) -> None:
        headers = {"Content-Type": "application/xml", "x-amz-request-id": request_id}
        self._write(int(refusal.status), Answer(refusal.xml(unquote(urlsplit(self.path).path), request_id), headers))

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 - the standard library prescribes the names

    def _answer(self) -> Answer:
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            self.server.signatures.check_key(headers)
        except Refusal:
            self._discard(_DISCARD)  # the rest of an unauthenticated request's body is not read
            raise
        body = self._body()
        parts = urlsplit(self.path)
        self.server.signatures.check(
            method=self.command, path=parts.path, query=parts.query, headers=headers, body=body
        )
        self.connection.settimeout(_IDLE_SECONDS)
        command, parameters = _query(parts.query)
        path = tuple(unquote(part) for part in parts.path.split("/") if part)
        client = None if self.close_connection else self.connection
        return self.server.service.answer(Request(self.command, path, command, parameters, headers, body, client))

    def _length(self) -> int:
        text = self.headers.get("Content-Length", "0")
        if not text.isdecimal() or "Transfer-Encoding" in self.headers:
            self.close_connection = True
            raise bad_request(
                "InvalidArgument", "A body comes with its Content-Length, a whole number, and not in chunks."
            )
        return int(text)

    def _discard(self, most: int) -> None:
        """Drop up to `most` bytes of the body, so that the client reads its answer; close the connection if there are more."""
        length = self._length()
        self.close_connection |= length > most
        left = min(length, most)
        while left > 0 and (piece := self._read(min(left, _DISCARD))):
            left -= len(piece)

    def _body(self) -> bytes:
        length = self._length()
        if length > REQUEST_LIMIT:
            self._discard(2 * REQUEST_LIMIT)
            raise bad_request("EntityTooLarge", f"A request holds at most {REQUEST_LIMIT} bytes.")
        body = self._read(length)
        if len(body) != length:
            self.close_connection = True
            raise bad_request("IncompleteBody", "The body ended early.")
        return body

    def _read(self, size: int) -> bytes:
        try:
            return self.rfile.read(size)
        except OSError as error:
            raise _ClientGone(type(error).__name__) from error

    def _write(self, status: int, answer: Answer) -> None:
        if answer.fault and answer.fault.kind is FaultKind.EMPTY:
            answer = Answer(headers=answer.headers)
        self.send_response(status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        whole, self.wfile = self.wfile, io.BytesIO()
        try:
            self.end_headers()
            headers = self.wfile.getvalue()
        finally:
            self.wfile = whole
        body = b"" if self.command == "HEAD" else answer.body
        if answer.fault is None:
            self.wfile.write(headers)
            self.wfile.write(body)
            self.wfile.flush()
        else:
            self._write_faulty(headers, body, answer.fault)

    def _write_faulty(self, headers: bytes, body: bytes, fault: Fault) -> None:
        if fault.kind in {FaultKind.CUT, FaultKind.CUT_BODY}:
            cut = headers[: len(headers) // 2] if fault.kind is FaultKind.CUT else headers + body[: len(body) // 2]
            self.wfile.write(cut)
            self.wfile.flush()
            self._drop()
            return
        at_once, slowly = (b"", headers + body) if fault.kind is FaultKind.TRICKLE else (headers, body)
        self.wfile.write(at_once)
        self.wfile.flush()
        for byte in slowly:
            self.wfile.write(bytes((byte,)))
            self.wfile.flush()
            time.sleep(fault.seconds)

    def _drop(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)


def _query(query: str) -> tuple[str, dict[str, str]]:
    first, *rest = query.split("&")
    first = first.removesuffix("=")  # VAST's ADBC driver writes `?transaction=`, the SDK `?transaction`
    command = "" if "=" in first else first
    pairs = (part.partition("=") for part in ([first, *rest] if "=" in first else rest) if part)
    return command, {unquote_plus(key): unquote_plus(value) for key, _, value in pairs}
