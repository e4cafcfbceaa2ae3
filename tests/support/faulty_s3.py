"""An S3 server that serves given objects over real sockets and can be made to fail, which moto cannot.

It answers GET (with Range and If-Match), HEAD and ListObjectsV2 of path-style requests::

    with FaultyS3() as s3:
        s3.put("renders", "a.exr", data)
        s3.script(Status(503), None, Short(100))       # for the next three requests; None is a normal answer
        s3.chance(0.1, Status(500), Drop(), seed=7)    # for one in ten of all later ones
        s3.hook = lambda request: ...                  # called before each answer, to overwrite an object mid-read
        settings = load_settings(s3.environ, need=("objects",))
        ...
        assert s3.count("GET") == 4

With `keys`, requests signed with another access key are refused; the answer repeats that key, as S3's does.
"""

from __future__ import annotations

import hashlib
import random
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from typing_extensions import Self

ACCESS_KEY = "loopback-access-key"
SECRET_KEY = "loopback-secret-key"
LEAK = "StringToSign-and-other-things-no-log-should-hold"


CODES = {
    301: "PermanentRedirect",
    400: "BadRequest",
    405: "MethodNotAllowed",
    403: "AccessDenied",
    404: "NoSuchKey",
    412: "PreconditionFailed",
    416: "InvalidRange",
}


@dataclass(frozen=True, slots=True)
class Status:
    """Answer with this status and an S3 error document, or with `body` as a web page; an answer to HEAD has no body."""

    code: int
    name: str = ""
    body: bytes | None = None
    etag: str = ""  # of the page


@dataclass(frozen=True, slots=True)
class Stall:
    """Wait before answering."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Trickle:
    """Send the body in pieces with a pause after each."""

    piece_bytes: int
    pause_seconds: float


@dataclass(frozen=True, slots=True)
class Short:
    """Declare the length of the whole body, send this many bytes of it, and close the connection."""

    keep_bytes: int


@dataclass(frozen=True, slots=True)
class Thin:
    """Send this many bytes of the body with a matching Content-Length, while Content-Range declares all of it."""

    keep_bytes: int


@dataclass(frozen=True, slots=True)
class Drop:
    """Close the connection without an answer."""


Fault = Status | Stall | Trickle | Short | Thin | Drop


@dataclass(frozen=True, slots=True)
class Stored:
    """One object."""

    data: bytes
    etag: str
    modified: datetime


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it arrived; header names in lower case."""

    method: str
    bucket: str
    key: str
    headers: dict[str, str]
    query: dict[str, str]


class FaultyS3:
    """The server; a context manager. Attributes may be set while it runs.

    Attributes:
        hook: Called with each request before it is answered.
        by_key: The fault for each request for an object, by its key.
        send_etag: Whether answers carry an ETag.
        send_modified: Whether answers carry Last-Modified.
        honour_match: Whether If-Match is checked; otherwise it is ignored.
        honour_range: Whether Range is applied; otherwise it is ignored.
        whole_is_200: Whether a range that covers a whole object is answered with 200, as some stores and proxies do.
        content_range: Content-Range of ranges, with `start`, `last` and `size` in braces; None for no such header.
        chunked: Whether answers come in chunks, without a Content-Length.
        list_etag: Whether listings carry ETags.
        round_up: Whether GET and HEAD round the time of modification up to the second; listings have its fraction.
        hides_absence: Whether a missing object is answered with 403, as S3 answers clients that may not list the bucket.
        page_keys: The largest number of keys in one page of a listing.
    """

    def __init__(self, *, keys: tuple[str, ...] = (), tls: ssl.SSLContext | None = None) -> None:
        self.hook: Callable[[Request], None] | None = None
        self.by_key: dict[str, Fault] = {}
        self.send_etag = self.send_modified = self.honour_match = self.honour_range = True
        self.whole_is_200 = self.chunked = self.round_up = self.hides_absence = False
        self.list_etag = True
        self.content_range: str | None = "bytes {start}-{last}/{size}"
        self.page_keys = 1000
        self._keys = keys
        self._lock = threading.Lock()
        self._objects: dict[tuple[str, str], Stored] = {}
        self._requests: list[Request] = []
        self._script: list[Fault | None] = []
        self._chance: tuple[float, tuple[Fault, ...], random.Random] = (0.0, (), random.Random(0))
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.s3 = self
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def environ(self) -> dict[str, str]:
        """The settings for this server."""
        return {"S3_ENDPOINT_URL": self.url, "S3_ACCESS_KEY": ACCESS_KEY, "S3_SECRET_KEY": SECRET_KEY}

    def put(
        self, bucket: str, key: str, data: bytes, *, etag: str | None = None, modified: datetime | None = None
    ) -> None:
        """Write an object; its ETag is the MD5 of its bytes unless given, and may be `W/"..."`."""
        quoted = etag or f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'
        with self._lock:
            self._objects[bucket, key] = Stored(data, quoted, modified or datetime.now(timezone.utc))

    def delete(self, bucket: str, key: str) -> None:
        """Remove an object."""
        with self._lock:
            self._objects.pop((bucket, key), None)

    def script(self, *faults: Fault | None) -> None:
        """Set the faults of the next requests, one for each; `chance` applies to later ones."""
        with self._lock:
            self._script = list(faults)

    def chance(self, probability: float, *faults: Fault, seed: int) -> None:
        """Give each request one of `faults` with this probability; equal seeds give equal sequences of faults."""
        with self._lock:
            self._chance = (probability, faults, random.Random(seed))

    @property
    def requests(self) -> list[Request]:
        """All requests so far, including those with faults."""
        with self._lock:
            return list(self._requests)

    def count(self, method: str | None = None) -> int:
        """The number of requests, of one method or of all."""
        return sum(method in {None, request.method} for request in self.requests)

    def receive(self, request: Request) -> Fault | None:
        """Record the request, and return the fault for it."""
        with self._lock:
            self._requests.append(request)
            probability, faults, dice = self._chance
            if self._script:
                fault = self._script.pop(0)
            else:
                fault = dice.choice(faults) if faults and dice.random() < probability else None
        if self.hook is not None:
            self.hook(request)
        return self.by_key.get(request.key, fault)

    def age(self, bucket: str, key: str, by: timedelta) -> None:
        """Set the object's modification time into the past."""
        with self._lock:
            stored = self._objects[bucket, key]
            self._objects[bucket, key] = replace(stored, modified=stored.modified - by)

    def find(self, bucket: str, key: str) -> Stored | None:
        """The object with this key, or None."""
        with self._lock:
            return self._objects.get((bucket, key))

    def listing(self, request: Request) -> bytes:
        """A page of ListObjectsV2."""
        after = request.query.get("continuation-token") or request.query.get("start-after", "")
        prefix = request.query.get("prefix", "")
        with self._lock:
            found = sorted((key, stored) for (bucket, key), stored in self._objects.items() if bucket == request.bucket)
        rest = [(key, stored) for key, stored in found if key.startswith(prefix) and key > after]
        delimiter = request.query.get("delimiter", "")
        if delimiter:
            return _folders(prefix, [key for key, _ in rest], delimiter)
        most = min(self.page_keys, int(request.query.get("max-keys", "1000")))
        page, more = rest[:most], len(rest) > most
        is_url = request.query.get("encoding-type") == "url"

        def encode(key: str) -> str:
            return quote(key, safe="/") if is_url else escape(key)

        def etag(stored: Stored) -> str:
            return f"<ETag>{escape(stored.etag)}</ETag>" if self.list_etag and self.send_etag else ""

        contents = "".join(
            f"<Contents><Key>{encode(key)}</Key><LastModified>{_listed_time(stored.modified)}</LastModified>"
            f"{etag(stored)}<Size>{len(stored.data)}</Size></Contents>"
            for key, stored in page
        )
        token = f"<NextContinuationToken>{escape(page[-1][0])}</NextContinuationToken>" if more else ""
        encoding = "<EncodingType>url</EncodingType>" if is_url else ""
        head = f"{encoding}<Name>{request.bucket}</Name><KeyCount>{len(page)}</KeyCount>"
        head += f"<IsTruncated>{str(more).lower()}</IsTruncated>"
        return f'<?xml version="1.0"?><ListBucketResult>{head}{token}{contents}</ListBucketResult>'.encode()

    def refuses(self, request: Request) -> bool:
        """Whether the request is signed with a key that is not in `keys`."""
        credential = re.search(r"Credential=([^/]+)/", request.headers.get("authorization", ""))
        return bool(self._keys) and (credential is None or credential.group(1) not in self._keys)


def _folders(prefix: str, keys: Iterable[str], delimiter: str) -> bytes:
    """A page of the common prefixes up to the next delimiter; keys without a delimiter are omitted."""
    rests = [key[len(prefix) :] for key in keys]
    cut = sorted({prefix + rest.partition(delimiter)[0] + delimiter for rest in rests if delimiter in rest})
    common = "".join(f"<CommonPrefixes><Prefix>{quote(name)}</Prefix></CommonPrefixes>" for name in cut)
    head = "<EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>"
    return f'<?xml version="1.0"?><ListBucketResult>{head}{common}</ListBucketResult>'.encode()


def _listed_time(modified: datetime) -> str:
    return f"{modified:%Y-%m-%dT%H:%M:%S}.{modified.microsecond // 1000:03}Z"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    s3: FaultyS3

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that close the connection or do not trust the certificate, which tests do on purpose."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        self._handle()

    def do_HEAD(self) -> None:
        self._handle()

    def log_message(self, *_: Any) -> None:
        pass

    def _handle(self) -> None:
        url = urlsplit(self.path)
        bucket, _, key = unquote(url.path).removeprefix("/").partition("/")
        query = {name: texts[0] for name, texts in parse_qs(url.query, keep_blank_values=True).items()}
        headers = {name.lower(): text for name, text in self.headers.items()}
        request = Request(self.command, bucket, key, headers, query)
        fault = self.server.s3.receive(request)
        if isinstance(fault, Drop):
            self._hang_up()
        elif isinstance(fault, Status):
            self._fail(fault)
        else:
            if isinstance(fault, Stall):
                time.sleep(fault.seconds)
            self._answer(request, fault)

    def _answer(self, request: Request, fault: Fault | None) -> None:
        s3 = self.server.s3
        if s3.refuses(request):
            credential = request.headers.get("authorization", "")
            self._error(403, "InvalidAccessKeyId", f"<AWSAccessKeyId>{escape(credential)}</AWSAccessKeyId>{LEAK}")
            return
        if "list-type" in request.query:
            self._send(200, s3.listing(request), {"Content-Type": "application/xml"}, fault)
            return
        stored = s3.find(request.bucket, request.key)
        if stored is None:
            status, code = (403, "AccessDenied") if s3.hides_absence else (404, "NoSuchKey")
            self._error(status, code, LEAK)
            return
        match = request.headers.get("if-match")
        if s3.honour_match and match is not None and (match != stored.etag or match.startswith("W/")):
            self._error(412, "PreconditionFailed", LEAK)
            return
        self._object(request, stored, fault)

    def _object(self, request: Request, stored: Stored, fault: Fault | None) -> None:
        s3, size = self.server.s3, len(stored.data)
        headers = {"Accept-Ranges": "bytes"}
        if s3.send_etag:
            headers["ETag"] = stored.etag
        if s3.send_modified:
            up = timedelta(seconds=1) if s3.round_up and stored.modified.microsecond else timedelta(0)
            headers["Last-Modified"] = format_datetime(stored.modified.replace(microsecond=0) + up, usegmt=True)
        bounds = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("range", ""))
        if bounds is None or not s3.honour_range:
            self._send(200, stored.data, headers, fault)
            return
        start, end = int(bounds.group(1)), min(int(bounds.group(2)) + 1, size)
        if s3.whole_is_200 and start == 0 and end == size:
            self._send(200, stored.data, headers, fault)
            return
        if start >= size:
            self._error(416, "InvalidRange", LEAK)
            return
        if s3.content_range is not None:
            headers["Content-Range"] = s3.content_range.format(start=start, last=end - 1, size=size)
        self._send(206, stored.data[start:end], headers, fault)

    def _fail(self, fault: Status) -> None:
        if fault.body is None:
            self._error(fault.code, fault.name or CODES.get(fault.code, "InternalError"), LEAK)
        else:
            headers = {"ETag": fault.etag} if fault.etag else {}
            self._send(fault.code, fault.body, {"Content-Type": "text/html", **headers}, None)

    def _error(self, status: int, code: str, message: str) -> None:
        body = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'.encode()
        self._send(status, body, {"Content-Type": "application/xml"}, None)

    def _send(self, status: int, body: bytes, headers: dict[str, str], fault: Fault | None) -> None:
        if isinstance(fault, Thin):
            body = body[: fault.keep_bytes]
        self.send_response(status)
        for name, text in headers.items():
            self.send_header(name, text)
        chunked = self.server.s3.chunked and self.command != "HEAD"
        self.send_header(*(("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(len(body)))))
        self.end_headers()
        if self.command == "HEAD":
            return
        if chunked:
            self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n")
            return
        if isinstance(fault, Short):
            self.wfile.write(body[: fault.keep_bytes])
            self._hang_up()
        elif isinstance(fault, Trickle):
            for start in range(0, len(body), fault.piece_bytes):
                self.wfile.write(body[start : start + fault.piece_bytes])
                self.wfile.flush()
                time.sleep(fault.pause_seconds)
        else:
            self.wfile.write(body)

    def _hang_up(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)
