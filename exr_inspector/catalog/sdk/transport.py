"""The SDK's HTTP, none of whose requests outlives a deadline, however slowly an answer comes.

A time-out of urllib3 ends what stands still; an answer that comes a byte at a time never does. So the connections made here
know, besides the time-out, when all has to be over, and look at the clock before whatever they send or receive. That moment
comes with each request, in the time-out the SDK hands down; the SDK has no other way to reach its connections.
"""

from __future__ import annotations

import copy
import io
import os
import socket
import time
from http.client import HTTPResponse, RemoteDisconnected
from typing import Any

from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util import Timeout, parse_url
from vastdb._internal import VastdbApi
from vastdb._session_context import SessionContext
from vastdb.config import BackoffConfig, SessionConfig
from vastdb.features import Features
from vastdb.session import Session

from exr_inspector.deadline import Deadline

_CONNECT_SECONDS = 5.0  # a server that is there answers far sooner; a name may stand for several that are not
# For what ends a transaction when the time is over: left open, it would keep others off its guards.
_FAREWELL_SECONDS = 1.0
# After which not even that is asked: the SDK repeats a query that is answered with nothing for ever.
_LAST_SECONDS = 5.0
_NO_SECONDS = 0.001  # urllib3 takes no time-out of zero
_PIECE_BYTES = 64 << 10


class Patience(Timeout):
    """A time-out that is no longer than what is left until a deadline, at the moment a request is made.

    urllib3 copies the time-out it was given for every request; the copy is where the clock is asked.

    Args:
        seconds: How long an answer may stand still.
        deadline: When all has to be over, None if that does not matter.
    """

    def __init__(self, seconds: float, deadline: Deadline | None = None) -> None:
        super().__init__(connect=min(seconds, _CONNECT_SECONDS), read=seconds)
        self._seconds = seconds
        self._deadline = deadline

    def clone(self) -> Timeout:
        """The time-out of one request."""
        if self._deadline is None:
            return _OneRequest(self._seconds, None)
        now = time.monotonic()
        until = min(max(self._deadline.at, now + _FAREWELL_SECONDS), self._deadline.at + _LAST_SECONDS)
        return _OneRequest(min(self._seconds, max(until - now, _NO_SECONDS)), until)


class Seconds(float):
    """Seconds to wait for the next bytes.

    Attributes:
        until: When no more bytes are waited for, on the clock of `time.monotonic`; None for never.
    """

    until: float | None

    def __new__(cls, seconds: float, until: float | None) -> Seconds:  # noqa: PYI034 - typing.Self is not in Python 3.10
        """So many seconds, but none after that moment."""
        made = super().__new__(cls, seconds)
        made.until = until
        return made


class _OneRequest(Timeout):
    """The time-outs of one request, which urllib3 gives its connection before it sends and before it receives."""

    def __init__(self, seconds: float, until: float | None) -> None:
        super().__init__(connect=min(seconds, _CONNECT_SECONDS), read=seconds, total=seconds)
        self._seconds = seconds
        self._until = until

    def clone(self) -> Timeout:
        """The pool copies what was copied once more."""
        return _OneRequest(self._seconds, self._until)

    @property
    def connect_timeout(self) -> Seconds:
        return Seconds(super().connect_timeout, self._until)  # type: ignore[arg-type]  # a number, since it was given one

    @property
    def read_timeout(self) -> Seconds:
        return Seconds(super().read_timeout or 0.0, self._until)


def _hurry(connection: socket.socket, until: float | None) -> None:
    """Before bytes are sent or received: wait for them no longer than until then.

    Raises:
        TimeoutError: That moment has passed.
    """
    if until is None:
        return
    left = until - time.monotonic()
    if left <= 0.0:
        raise TimeoutError("the time of the request is over")
    patience = connection.gettimeout()
    if patience is None or left < patience:
        connection.settimeout(left)


class _Receiving(io.RawIOBase):
    """The bytes of an answer, each piece waited for no longer than until a moment."""

    def __init__(self, connection: socket.socket, until: float | None) -> None:
        self.has_ended = False
        self._connection = connection
        self._until = until
        self._raw = connection.makefile("rb", buffering=0)  # keeps the socket open for as long as this is

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        _hurry(self._connection, self._until)
        count = self._raw.readinto(buffer)
        self.has_ended = count == 0
        return count

    def makefile(self, _mode: str) -> io.BufferedReader:
        """`HTTPResponse` is given this in place of a socket, and only makes a file of it."""
        return io.BufferedReader(self)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Answer(HTTPResponse):
    """An answer; `HTTPResponse` takes headers that break off for whole, and may so read half a transaction's number."""

    def __init__(self, connection: socket.socket, until: float | None, **options: Any) -> None:
        self._receiving = _Receiving(connection, until)
        super().__init__(self._receiving, **options)  # type: ignore[arg-type]  # see `_Receiving.makefile`

    def begin(self) -> None:
        super().begin()
        if self._receiving.has_ended:
            self.close()
            raise RemoteDisconnected("the connection was closed within the headers of an answer")


class _Hurried(HTTPConnection):
    """A connection that looks at the clock whenever it sends or receives."""

    @property
    def _until(self) -> float | None:
        return self.timeout.until if isinstance(self.timeout, Seconds) else None

    def response_class(self, connection: socket.socket, **options: Any) -> HTTPResponse:  # type: ignore[override]  # a class there
        return _Answer(connection, self._until, **options)

    def send(self, data: Any) -> None:
        """In pieces, since over TLS the time-out holds for each record of one call."""
        whole = memoryview(data)
        for start in range(0, len(whole), _PIECE_BYTES):
            if self.sock is not None:
                _hurry(self.sock, self._until)
            super().send(whole[start : start + _PIECE_BYTES])


class _HurriedTls(_Hurried, HTTPSConnection):
    """The same over TLS, whose handshake is bounded as a whole by the time for connecting."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Hurried


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _HurriedTls


_POOLS = {"http": _Pool, "https": _TlsPool}


class _Adapter(HTTPAdapter):
    """Requests through such connections, by a proxy or without."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **options)
        manager.pool_classes_by_scheme = _POOLS
        return manager


class _Api(VastdbApi):  # type: ignore[misc]  # the SDK has no types
    """The SDK's requests, through our connections from the very first one, which queries share with everything else."""

    _is_lent = False

    def _session_create(self, url: Any) -> Any:
        session = super()._session_create(url)
        for scheme in ("http://", "https://"):
            session.mount(scheme, _Adapter())
        # `requests` would look through the whole environment for each request, and would take the certificates it names there
        # rather than our own; what is to hold of it is settled here, once.
        session.trust_env = False
        session.proxies = get_environ_proxies(str(url))
        if session.verify is True:
            session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
        return session

    def with_endpoints(self, endpoints: list[str]) -> Any:
        """The SDK asks for one of these for each query, and closes it afterwards: that would be a connection a query."""
        if [parse_url(endpoint) for endpoint in endpoints] == self.endpoints:
            lent = copy.copy(self)
            lent._is_lent = True  # noqa: SLF001 - one of ours
            return lent
        made = super().with_endpoints(endpoints)
        made._session_create = self._session_create  # noqa: SLF001 - the only place where it makes connections
        return made

    def __exit__(self, *args: object) -> None:
        """Close the connections, unless they are another's."""
        if not self._is_lent:
            super().__exit__(*args)


class _Session(Session):  # type: ignore[misc]  # the SDK has no types
    """The SDK's session over an `_Api`; its own makes its `VastdbApi` itself, which asks for the version at once."""

    def __init__(self, api: _Api, endpoint: str) -> None:
        self.access = api.access_key
        self.secret = api.secret_key
        self.api = api
        self._context = SessionContext(api=api, endpoint=endpoint, config=SessionConfig())
        self.features = Features(api.vast_version)
        self.adbc_driver_path = None
        self._end_user = None


def connect(
    *, access: str, secret: str, endpoint: str, ssl_verify: bool | str, timeout: Patience, backoff: BackoffConfig
) -> Any:
    """As `vastdb.connect`: a session, which has asked the server for its version."""
    api = _Api(
        access_key=access,
        secret_key=secret,
        endpoints=[endpoint],
        max_entities_per_page=10_000,
        ssl_verify=ssl_verify,
        timeout=timeout,
        backoff_config=backoff,
    )
    return _Session(api, endpoint)
