"""The only place that changes the behaviour of the vastdb SDK: its HTTP, sessions and transactions. `CHANGED` lists all names.

- Every request ends at the deadline, however slowly its response arrives. urllib3's time-out ends idle connections, but a
  response that arrives byte by byte is never idle. So the connections made here also know when the request must end, which
  they get in the time-out that the SDK passes on, and check the clock before they send or receive.
- A connection that was not used for a while is closed instead of used again: if its other end is gone without a word, a request
  on it would wait for the whole time-out.
- Requests are not retried here, since `Connection.run` retries whole transactions. The SDK's `backoff` decorator gets another
  log handler with every select, so that memory grows and an outage logs thousands of lines.
- A query uses the connection of its session; the SDK would open another one.
- A transaction opens no ADBC connection, which would cost two requests if the driver is installed.
"""

from __future__ import annotations

import copy
import io
import math
import os
import socket
import time
from http.client import HTTPResponse, RemoteDisconnected
from typing import Any

from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util import Timeout, parse_url
from vastdb._internal import VastdbApi
from vastdb._session_context import SessionContext
from vastdb.config import SessionConfig
from vastdb.features import Features
from vastdb.session import Session
from vastdb.table import TableInTransaction
from vastdb.table_metadata import TableMetadata
from vastdb.transaction import Transaction

from exr_inspector.deadline import Deadline

# Firewalls and load balancers forget a connection after a minute or more, often without closing it.
MAX_IDLE_SECONDS = 50.0
_CONNECT_SECONDS = 5.0  # for each address of a name; a running server accepts much sooner
# Time for the rollback after the deadline: other writers conflict with a transaction that stays open.
ROLLBACK_GRACE_SECONDS = 1.0
# From then on no request is sent at all: the SDK repeats a query with an empty response for ever.
_GRACE_LIMIT_SECONDS = 5.0
_MIN_SECONDS = 0.001  # urllib3 does not accept a time-out of zero
_PIECE_BYTES = 64 << 10


class DeadlineTimeout(Timeout):
    """A time-out for requests, each of which also ends at a deadline.

    urllib3 clones the time-out for every request, and `clone` reads the clock.

    Args:
        seconds: Idle time-out of a request, seconds.
        deadline: When all requests must have ended; None for no deadline.
    """

    def __init__(self, seconds: float, deadline: Deadline | None = None) -> None:
        super().__init__(connect=min(seconds, _CONNECT_SECONDS), read=seconds)
        self._seconds = seconds
        self._deadline = deadline

    def clone(self) -> Timeout:
        """The time-out of one request."""
        if self._deadline is None:
            return _RequestTimeout(self._seconds, None)
        now = time.monotonic()
        until = min(max(self._deadline.at, now + ROLLBACK_GRACE_SECONDS), self._deadline.at + _GRACE_LIMIT_SECONDS)
        return _RequestTimeout(min(self._seconds, max(until - now, _MIN_SECONDS)), until)


class BoundedSeconds(float):
    """A time-out in seconds that also carries the end of the request.

    Attributes:
        until: When the request must end, on the clock of `time.monotonic`; None for never.
    """

    until: float | None

    def __new__(cls, seconds: float, until: float | None) -> BoundedSeconds:  # noqa: PYI034 - typing.Self is not in Python 3.10
        """Make a time-out of so many seconds, with the end of the request."""
        made = super().__new__(cls, seconds)
        made.until = until
        return made


class _RequestTimeout(Timeout):
    """The time-outs of one request; urllib3 sets them on the connection before it sends and before it receives."""

    def __init__(self, seconds: float, until: float | None) -> None:
        super().__init__(connect=min(seconds, _CONNECT_SECONDS), read=seconds, total=seconds)
        self._seconds = seconds
        self._until = until

    def clone(self) -> Timeout:
        """A copy for the pool, which clones the time-out once more."""
        return _RequestTimeout(self._seconds, self._until)

    @property
    def connect_timeout(self) -> BoundedSeconds:
        return BoundedSeconds(super().connect_timeout, self._until)  # type: ignore[arg-type]  # a number, since it was given one

    @property
    def read_timeout(self) -> BoundedSeconds:
        return BoundedSeconds(super().read_timeout or 0.0, self._until)


def _limit_wait(connection: socket.socket, until: float | None) -> None:
    """Shorten the socket's time-out to the time left until `until`.

    Raises:
        TimeoutError: No time is left.
    """
    if until is None:
        return
    left = until - time.monotonic()
    if left <= 0.0:
        raise TimeoutError("the time of the request is over")
    current = connection.gettimeout()
    if current is None or left < current:
        connection.settimeout(left)


class _DeadlineReader(io.RawIOBase):
    """The bytes of a response, read until `until` at the latest."""

    def __init__(self, connection: socket.socket, until: float | None) -> None:
        self.has_ended = False
        self._connection = connection
        self._until = until
        self._raw = connection.makefile("rb", buffering=0)  # keeps the socket open for as long as this is

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        _limit_wait(self._connection, self._until)
        count = self._raw.readinto(buffer)
        self.has_ended = count == 0
        return count

    def makefile(self, _mode: str) -> io.BufferedReader:
        """The only method of a socket that `HTTPResponse` calls."""
        return io.BufferedReader(self)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _DeadlineResponse(HTTPResponse):
    """A response that must be complete. `HTTPResponse` accepts headers that end early, even within a transaction's number."""

    def __init__(self, connection: socket.socket, until: float | None, **options: Any) -> None:
        self._reader = _DeadlineReader(connection, until)
        super().__init__(self._reader, **options)  # type: ignore[arg-type]  # see `_DeadlineReader.makefile`

    def begin(self) -> None:
        super().begin()
        if self._reader.has_ended:
            self.close()
            raise RemoteDisconnected("the connection was closed within the headers of a response")


class DeadlineConnection(HTTPConnection):
    """A connection that checks the deadline whenever it sends or receives, and is not used again after a long pause."""

    _used_at = -math.inf

    @property
    def is_connected(self) -> bool:
        """Whether the pool may send another request on it; otherwise it connects again."""
        return super().is_connected and time.monotonic() < self._used_at + MAX_IDLE_SECONDS

    @property
    def _until(self) -> float | None:
        return self.timeout.until if isinstance(self.timeout, BoundedSeconds) else None

    def response_class(self, connection: socket.socket, **options: Any) -> HTTPResponse:  # type: ignore[override]  # a class there
        """The response to a request, which checks the deadline too."""
        self._used_at = time.monotonic()
        return _DeadlineResponse(connection, self._until, **options)

    def send(self, data: Any) -> None:
        """Send in pieces: over TLS, the socket's time-out applies to each record of a call, not to the whole call."""
        whole = memoryview(data)
        for start in range(0, len(whole), _PIECE_BYTES):
            if self.sock is not None:
                _limit_wait(self.sock, self._until)
            super().send(whole[start : start + _PIECE_BYTES])


class DeadlineTlsConnection(DeadlineConnection, HTTPSConnection):
    """The same over TLS; the time-out for connecting covers the whole handshake."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = DeadlineConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = DeadlineTlsConnection


_POOLS = {"http": _Pool, "https": _TlsPool}


class _Adapter(HTTPAdapter):
    """Sends requests through these connections, also by a proxy."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = _POOLS
        return manager


def _call_once(function: Any) -> Any:
    return function


class _Api(VastdbApi):  # type: ignore[misc]  # the SDK has no types
    """The SDK's requests, each sent once, through these connections; queries share them with all other requests."""

    _is_shared = False

    @property
    def _backoff_decorator(self) -> Any:
        return _call_once

    @_backoff_decorator.setter
    def _backoff_decorator(self, decorator: object) -> None:
        """Ignore the SDK's decorator."""

    def _session_create(self, url: Any) -> Any:
        session = super()._session_create(url)
        for scheme in ("http://", "https://"):
            session.mount(scheme, _Adapter())
        # With `trust_env`, `requests` would read the environment at each request, and prefer the certificates it names to those
        # of the settings. Proxies and certificates are taken from it once, here.
        session.trust_env = False
        session.proxies = get_environ_proxies(str(url))
        if session.verify is True:
            session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
        return session

    def with_endpoints(self, endpoints: list[str]) -> Any:
        """The API for one query, which the SDK closes afterwards; for the same endpoint it shares these connections."""
        if [parse_url(endpoint) for endpoint in endpoints] == self.endpoints:
            shared = copy.copy(self)
            shared._is_shared = True  # noqa: SLF001 - one of ours
            return shared
        made = super().with_endpoints(endpoints)
        made._session_create = self._session_create  # noqa: SLF001 - the only place where it makes connections
        return made

    def __exit__(self, *args: object) -> None:
        """Close the connections, unless they are shared."""
        if not self._is_shared:
            super().__exit__(*args)


class _Transaction(Transaction):  # type: ignore[misc]  # the SDK has no types
    """The SDK's transaction without ADBC, and without a traceback in the log for each rollback."""

    def __enter__(self) -> _Transaction:  # noqa: PYI034 - typing.Self is not in Python 3.10
        self.txid = int(self._rpc.api.begin_transaction().headers["tabular-txid"])
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        txid = self.txid
        self.txid = None  # type: ignore[assignment]  # as in the SDK: ended, whatever the response is
        end = self._rpc.api.commit_transaction if kind is None else self._rpc.api.rollback_transaction
        end(txid)


class _Session(Session):  # type: ignore[misc]  # the SDK has no types
    """The SDK's session with an `_Api`; the SDK's constructor would make a `VastdbApi`, which requests the version at once."""

    def __init__(self, api: _Api, endpoint: str) -> None:
        self.access = api.access_key
        self.secret = api.secret_key
        self.api = api
        self._context = SessionContext(api=api, endpoint=endpoint, config=SessionConfig(data_endpoints=[endpoint]))
        self.features = Features(api.vast_version)
        self.adbc_driver_path = None
        self._end_user = None

    def transaction(self) -> _Transaction:
        return _Transaction(_rpc=self, _session_context=self._context)


def open_table(transaction: Transaction, metadata: TableMetadata) -> Any:
    """A table for reading and changing rows.

    `transaction.table_from_metadata` copies the metadata, which takes longer than a request. Here all transactions share it, so
    the table must not be renamed or loaded again.
    """
    return TableInTransaction(metadata, tx=transaction, session_context=transaction._session_context)  # noqa: SLF001 - see CHANGED


def is_partitioned(table: Any) -> bool:
    """Whether a table that `open_table` opened is partitioned."""
    return table._metadata.partitioning is not None  # noqa: SLF001 - see CHANGED


# All names of the SDK, requests and urllib3 that are overridden here, and private ones that are used. If a new release lacks
# one, a test fails and names it.
CHANGED: dict[type, tuple[str, ...]] = {
    VastdbApi: ("_backoff_decorator", "_session_create", "with_endpoints", "endpoints", "vast_version", "__exit__"),
    Session: ("access", "secret", "api", "_context", "features", "adbc_driver_path", "_end_user", "transaction"),
    Transaction: ("txid", "_rpc", "_session_context", "__enter__", "__exit__"),
    TableInTransaction: ("_metadata", "_tx", "_session_context"),
    HTTPAdapter: ("init_poolmanager", "poolmanager", "proxy_manager_for"),
    PoolManager: ("pool_classes_by_scheme",),
    HTTPConnectionPool: ("ConnectionCls",),
    HTTPConnection: ("is_connected", "response_class", "send", "sock", "timeout"),
    HTTPResponse: ("begin",),
    Timeout: ("clone", "connect_timeout", "read_timeout"),
}


def connect(*, access: str, secret: str, endpoint: str, ssl_verify: bool | str, timeout: DeadlineTimeout) -> Any:
    """Open a session as `vastdb.connect` does; asks the server for its version."""
    api = _Api(
        access_key=access,
        secret_key=secret,
        endpoints=[endpoint],
        max_entities_per_page=10_000,
        ssl_verify=ssl_verify,
        timeout=timeout,
    )
    return _Session(api, endpoint)
