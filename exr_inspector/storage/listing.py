"""List a bucket of an S3 store (ListObjectsV2) page by page: a million objects need no more memory than a thousand.

obstore's listing fails at the first key that it cannot address, so this module requests the pages itself, with
`encoding-type=url`, which preserves every key. A response that is not S3's XML is rejected: a web page in its place
would look like an empty bucket.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from urllib.parse import quote, unquote_plus, urlsplit
from xml.etree import ElementTree as ET

import requests
from aws_requests_auth.aws_auth import AWSRequestsAuth

from exr_inspector.errors import SourceError, SourceUnavailable
from exr_inspector.model import ObjectVersion
from exr_inspector.settings import S3Connection
from exr_inspector.storage.failures import Failure, Next, classify_answer, classify_connection
from exr_inspector.storage.requests import Call, pause_seconds
from exr_inspector.storage.source import ObjectEntry

PAGE_KEYS = 1000
MAX_PAGE_BYTES = 16 << 20  # four times a page of keys of 1,024 bytes with three characters per byte
CONNECT_SECONDS = 5.0
_MOST_BYTES = (1 << 63) - 1  # largest size that the tables can store


@dataclass(frozen=True, slots=True)
class _Page:
    entries: list[ObjectEntry]
    folders: list[str]
    token: str | None  # continuation token for the next page; None if the store returns none
    is_last: bool


class _Failed(Exception):
    """A request for a page failed."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(str(failure.error))
        self.failure = failure


class ObjectListing:
    """Lists the keys of one bucket. Thread-safe: each listing has its own session."""

    def __init__(self, bucket: str, endpoint: str, connection: S3Connection) -> None:
        parts = urlsplit(endpoint)
        self._bucket = bucket
        self._connection = connection
        self._url = f"{endpoint.rstrip('/')}/" if connection.virtual_hosted else f"{endpoint.rstrip('/')}/{bucket}"
        self._host = parts.netloc
        default = {"http": 80, "https": 443}.get(parts.scheme)
        if parts.port == default and parts.hostname:
            self._host = parts.hostname

    def entries(self, prefix: str, after: str = "") -> Iterator[ObjectEntry]:
        """Yield the objects whose keys begin with `prefix` and come after `after`, by rising key, including folder markers.

        Raises:
            SourceError: The store fails; a failed page is retried as often as S3_RETRIES allows.
        """
        for page in self._pages({"prefix": prefix}, after):
            yield from page.entries

    def folders(self, prefix: str) -> list[str]:
        """Return, for all keys that begin with `prefix`, the distinct beginnings up to the next slash, with the slash.

        Raises:
            SourceError: As for `entries`.
        """
        return [folder for page in self._pages({"prefix": prefix, "delimiter": "/"}, "") for folder in page.folders]

    def _pages(self, query: dict[str, str], last: str) -> Iterator[_Page]:
        token: str | None = None
        marks: set[object] = {None}  # pages since the keys last rose; a repeated page means an endless listing
        with self._session() as session:
            while True:
                page = self._page(session, query, token, last)
                yield page
                if page.is_last:
                    return
                keys = [*(entry.key for entry in page.entries), *page.folders]
                mark = (keys[0], keys[-1], len(keys)) if keys else page.token
                newest = max([last, *keys], key=lambda key: key.encode())
                if newest != last:
                    marks.clear()
                elif mark in marks:
                    raise SourceUnavailable(
                        f"{self._bucket}/{query['prefix']}: the listing does not end: the store returned the same page twice"
                    )
                marks.add(mark)
                token, last = page.token, newest

    def is_absent(self, key: str, call: Call) -> bool:
        """Whether a listing, if permitted, shows that the object does not exist; one request.

        Without the right to list, S3 answers 403 for a missing object as well as for a forbidden one.
        """
        seconds = self._connection.timeout_seconds if call.deadline is None else call.deadline.remaining()
        call.meter.count(requests=1)
        try:
            with self._session() as session:
                page = self._request(session, {"prefix": key, "max-keys": "1"}, max(0.1, seconds))
        except (_Failed, SourceError):
            return False
        return not any(entry.key == key for entry in page.entries)

    def _session(self) -> requests.Session:
        session = requests.Session()
        connection = self._connection
        session.auth = AWSRequestsAuth(
            aws_access_key=connection.access_key.reveal(),
            aws_secret_access_key=connection.secret_key.reveal(),
            aws_host=self._host,
            aws_region=connection.region,
            aws_service="s3",
        )
        session.verify = (
            str(connection.ca_bundle) if connection.ca_bundle and connection.tls_verify else connection.tls_verify
        )
        return session

    def _page(self, session: requests.Session, query: dict[str, str], token: str | None, last: str) -> _Page:
        if token is not None:
            query = {**query, "continuation-token": token}
        elif last:
            query = {**query, "start-after": last}
        attempt = 0
        while True:
            try:
                return self._request(session, query, self._connection.timeout_seconds)
            except _Failed as failed:
                failure = failed.failure
            if failure.next is Next.STOP or attempt == self._connection.retries:
                raise failure.error from failure.cause
            time.sleep(pause_seconds(attempt))
            attempt += 1

    def _request(self, session: requests.Session, query: dict[str, str], seconds: float) -> _Page:
        path = f"{self._bucket}/{query['prefix']}"
        parameters = {"list-type": "2", "encoding-type": "url", "max-keys": str(PAGE_KEYS), **query}
        text = "&".join(f"{name}={quote(value, safe='-_.~')}" for name, value in sorted(parameters.items()))
        timeout = (min(CONNECT_SECONDS, seconds), seconds)
        try:
            with session.get(f"{self._url}?{text}", timeout=timeout, allow_redirects=False, stream=True) as answer:
                status, body = answer.status_code, _body(answer)
        except (requests.RequestException, OSError) as error:
            raise _Failed(classify_connection(error, path)) from None
        if status != 200:
            raise _Failed(classify_answer(status, body.decode("utf-8", "replace"), path))
        return _parsed(body, path)


def _body(answer: requests.Response) -> bytes:
    body = bytearray()
    for piece in answer.iter_content(1 << 16):
        body += piece
        if len(body) > MAX_PAGE_BYTES:
            raise requests.RequestException("the page is too long")
    return bytes(body)


def _parsed(body: bytes, path: str) -> _Page:
    try:
        root = _listing_result(ET.fromstring(body))  # noqa: S314 - expat bounds the growth of entities; the body is bounded
        fields = {_name(item): item.text or "" for item in root}
        decode = unquote_plus if fields.get("EncodingType") == "url" else str
        contents = [{_name(cell): cell.text or "" for cell in item} for item in root if _name(item) == "Contents"]
        entries = [_entry(content, decode(content["Key"])) for content in contents]
        common = [{_name(cell): cell.text or "" for cell in item} for item in root if _name(item) == "CommonPrefixes"]
        folders = [decode(item["Prefix"]) for item in common]
    except (ET.ParseError, ValueError, LookupError) as error:
        raise SourceUnavailable(
            f"{path}: the listing was answered by something else than S3's XML; check S3_ENDPOINT_URL and proxies"
        ) from error
    is_last = fields.get("IsTruncated", "false").lower() != "true"
    return _Page(entries, folders, fields.get("NextContinuationToken") or None, is_last)


def _listing_result(root: ET.Element) -> ET.Element:
    if _name(root) != "ListBucketResult":
        raise ValueError(_name(root))
    return root


def _name(element: ET.Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _entry(content: dict[str, str], key: str) -> ObjectEntry:
    etag = content.get("ETag", "").removeprefix('"').removesuffix('"') or None
    modified = datetime.fromisoformat(content["LastModified"].replace("Z", "+00:00"))
    if modified.tzinfo is None:
        modified = modified.replace(tzinfo=timezone.utc)
    size = int(content["Size"])
    if not 0 <= size <= _MOST_BYTES:
        raise ValueError(f"size {size}")
    try:
        modified = modified.astimezone(timezone.utc)
    except OverflowError:  # outside of datetime's range in UTC
        modified = modified.replace(tzinfo=timezone.utc)
    return ObjectEntry(key, ObjectVersion(etag, size, modified))
