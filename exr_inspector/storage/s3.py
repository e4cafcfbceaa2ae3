"""A bucket of an S3 store, read through obstore. Creating it sends no request.

obstore's S3 client takes every option that it is not given from `AWS_...` variables. Everything that determines where a
request goes or who signs it is therefore given here; proxies (`HTTPS_PROXY`, `NO_PROXY`) are taken from the
environment.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterator, Sequence
from datetime import timedelta, timezone
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from exr_inspector.errors import AccessDenied, ObjectChanged, ObjectNotFound, SettingsError, SourceUnavailable
from exr_inspector.model import EPOCH, ObjectVersion
from exr_inspector.settings import S3Connection
from exr_inspector.storage.failures import Next, SilentRefusal
from exr_inspector.storage.objects import FaultReport, Skips
from exr_inspector.storage.ranges import MergedRange
from exr_inspector.storage.requests import (
    Call,
    RangeAnswer,
    StoreVersion,
    Transport,
    UnresolvedFailure,
    call_with_retries,
    gather_bounded,
)
from exr_inspector.storage.source import ObjectEntry

if TYPE_CHECKING:
    from obstore import GetOptions, ObjectMeta
    from obstore.store import ClientConfig, S3Credential

AT_ONCE = 8  # concurrent requests of one fetch
CONNECT_SECONDS = 5.0
# Firewalls and load balancers forget a connection after a minute or more, often without closing it.
MAX_IDLE_SECONDS = 50.0
REQUEST_SECONDS = 600.0  # for one complete response, for callers without a deadline
_FIRST_BYTE = [MergedRange(0, 1, (0,))]


class S3Bucket:
    """The bucket `name` of an S3 endpoint. obstore's own retries are off; ours are counted and end at the deadline."""

    def __init__(self, name: str, connection: S3Connection, transport: Transport) -> None:
        """Create the client.

        Raises:
            SettingsError: The CA bundle cannot be read, the endpoint does not support a bucket in its host name, or the
                client library rejects its options.
        """
        self.name = name
        self._retries = connection.retries
        self._transport = transport
        endpoint = bucket_endpoint(name, connection)
        from exr_inspector.storage.listing import ObjectListing  # noqa: PLC0415 - takes a third of a second; local files do not need it

        self._listing = ObjectListing(name, endpoint, connection)
        try:
            self.store = S3Store(
                name,
                endpoint=endpoint,
                aws_endpoint_url_s3=endpoint,
                region=connection.region,
                virtual_hosted_style_request=connection.virtual_hosted,
                skip_signature=False,
                s3_express=False,
                request_payer=False,
                credential_provider=partial(_credential, connection),
                client_options=_client_options(connection),
                retry_config={"max_retries": 0, "retry_timeout": timedelta(seconds=1)},
            )
        except (BaseError, ValueError) as error:
            raise SettingsError(
                f"bucket {name}: no S3 client can be made; check S3_ENDPOINT_URL and S3_CA_BUNDLE"
            ) from error

    def fetch(self, key: str, ranges: Sequence[MergedRange], pin: StoreVersion | None, call: Call) -> list[RangeAnswer]:
        """As in Bucket."""
        work = gather_bounded([partial(self._get, key, one, pin, call) for one in ranges], at_once=AT_ONCE)
        try:
            return self._transport.run(work, deadline=call.deadline, doing=f"reading {call.path}")
        except AccessDenied as error:
            if self._listing.is_absent(key, call):
                raise ObjectNotFound(f"{call.path}: no such object") from error
            raise

    def head(self, key: str, call: Call) -> StoreVersion:
        """As in Bucket. Sends one request, and more if it fails, since the response to HEAD does not give a reason."""
        work = call_with_retries(partial(self._head, key), call, retries=self._retries)
        try:
            return self._transport.run(work, deadline=call.deadline, doing=f"looking for {call.path}")
        except (ObjectNotFound, AccessDenied, SilentRefusal):
            return self.fetch(key, _FIRST_BYTE, None, call)[0].seen
        except UnresolvedFailure as error:
            raise SourceUnavailable(f"{call.path}: the store refuses to describe the object") from error

    def entries(
        self,
        prefix: str,
        report: FaultReport | None,  # noqa: ARG002 - as in Bucket
        after: str = "",
        skips: Skips | None = None,  # noqa: ARG002
    ) -> Iterator[ObjectEntry]:
        """As in Bucket: in pages of 1,000, including keys that cannot be addressed; reading these raises.

        Keys that end in a slash are left out: they are empty objects with which a tool marks a folder.
        """
        return (entry for entry in self._listing.entries(prefix, after) if not entry.key.endswith("/"))

    def folders(self, prefix: str) -> list[str]:
        """As in Bucket; one request per thousand folders or files."""
        return self._listing.folders(prefix)

    async def _get(self, key: str, wanted: MergedRange, pin: StoreVersion | None, call: Call) -> RangeAnswer:
        """Return the bytes of one range; fewer if the object ends early.

        Raises:
            ObjectChanged: The store reports that `pin` is no longer current. A store may ignore If-Match, so callers
                compare the version of the response as well.
            SourceError: As `failures.classify` returns it.
        """
        options: GetOptions = {"range": (wanted.start, wanted.end)}
        if pin is not None and pin.if_match is not None:
            options["if_match"] = pin.if_match

        async def request() -> RangeAnswer:
            answer = await self._answer(key, options)
            if len(answer.data) != min(wanted.end, answer.seen.version.size_bytes) - wanted.start:
                raise ConnectionError("the body ended early")
            return answer

        try:
            answer = await call_with_retries(request, call, retries=self._retries)
        except UnresolvedFailure as error:
            answer = await self._resolve(key, wanted, pin, call, error)
        call.meter.count(bytes_read=len(answer.data))
        return answer

    async def _resolve(
        self, key: str, wanted: MergedRange, pin: StoreVersion | None, call: Call, error: UnresolvedFailure
    ) -> RangeAnswer:
        """Return the response for a range that begins at or after the end, or that the store answered with the whole object."""
        found = await call_with_retries(partial(self._head, key), call, retries=self._retries)
        size = found.version.size_bytes
        if size <= wanted.start:
            return RangeAnswer(b"", found)
        if error.failure.next is Next.LOOK:
            raise ObjectChanged(f"{call.path}: overwritten while it was being read")
        if wanted.start > 0 or size > wanted.end:
            raise error.failure.error from error.failure.cause

        async def whole() -> RangeAnswer:
            answer = await self._answer(
                key, {"if_match": pin.if_match} if pin and pin.if_match else {}, refuse_pages=True
            )
            if len(answer.data) != answer.seen.version.size_bytes:
                raise ConnectionError("the body ended early")
            return answer

        return await call_with_retries(whole, call, retries=self._retries)

    async def _head(self, key: str) -> StoreVersion:
        return self._seen(key, await obstore.head_async(self.store, key))

    async def _answer(self, key: str, options: GetOptions, *, refuse_pages: bool = False) -> RangeAnswer:
        """Request an object, or a range of it.

        Raises:
            SourceUnavailable: `refuse_pages`, and the response is a web page: a gateway's, as to sign in, may have an ETag.
        """
        result = await obstore.get_async(self.store, key, options=options)
        if refuse_pages and str(result.attributes.get("Content-Type", "")).startswith("text/html"):
            raise SourceUnavailable(
                f"{self.name}/{key}: the answer is a web page, so it is not S3's; check S3_ENDPOINT_URL and proxies"
            )
        return RangeAnswer(bytes(await result.bytes_async()), self._seen(key, result.meta))

    def _seen(self, key: str, meta: ObjectMeta) -> StoreVersion:
        """Return the version in obstore's description of an object.

        Raises:
            SourceUnavailable: The response has neither ETag nor time, so it is not the object, but for example a
                gateway's page.
        """
        etag, mtime = meta["e_tag"], meta["last_modified"].astimezone(timezone.utc)
        if etag is None and mtime == EPOCH:
            raise SourceUnavailable(
                f"{self.name}/{key}: the answer has neither ETag nor Last-Modified, so it is not S3's; check "
                "S3_ENDPOINT_URL and proxies"
            )
        unquoted = None if etag is None else etag.removeprefix('"').removesuffix('"')
        version = ObjectVersion(etag=unquoted, size_bytes=meta["size"], mtime=mtime)
        return StoreVersion(version, None if etag is None or etag.startswith("W/") else etag)


def _credential(connection: S3Connection) -> S3Credential:
    # From a provider; otherwise obstore would add a session token from AWS_SESSION_TOKEN to these keys.
    return {
        "access_key_id": connection.access_key.reveal(),
        "secret_access_key": connection.secret_key.reveal(),
        "expires_at": None,
    }


def bucket_endpoint(name: str, connection: S3Connection) -> str:
    """Return the URL of the endpoint; the host name begins with the bucket if the bucket is virtual-hosted.

    Raises:
        SettingsError: The endpoint has an address instead of a host name, which makes the client library panic.
    """
    if not connection.virtual_hosted:
        return connection.endpoint_url
    parts = urlsplit(connection.endpoint_url)
    if _is_address(parts.hostname or ""):
        raise SettingsError(
            f"S3_VIRTUAL_HOSTED: the bucket cannot be added to {parts.hostname}, an IP address: use a host name in "
            "S3_ENDPOINT_URL, or set S3_VIRTUAL_HOSTED=off"
        )
    return urlunsplit(parts._replace(netloc=f"{name}.{parts.netloc}"))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _client_options(connection: S3Connection) -> ClientConfig:
    seconds = timedelta(seconds=connection.timeout_seconds)
    options: ClientConfig = {
        "allow_http": urlsplit(connection.endpoint_url).scheme == "http",
        "allow_invalid_certificates": not connection.tls_verify,
        "connect_timeout": min(seconds, timedelta(seconds=CONNECT_SECONDS)),
        "read_timeout": seconds,  # ends a stalled response; the deadline ends a slow one
        "timeout": timedelta(seconds=REQUEST_SECONDS),
        "pool_idle_timeout": timedelta(seconds=MAX_IDLE_SECONDS),
        **_proxy_options(connection.endpoint_url),
    }
    if connection.ca_bundle is not None:
        try:
            options["root_certificate"] = connection.ca_bundle.read_text(encoding="ascii", errors="replace")
        except OSError as error:
            raise SettingsError(f"S3_CA_BUNDLE: {connection.ca_bundle} cannot be read") from error
    return options


def _proxy_options(endpoint_url: str) -> ClientConfig:
    """Return options that keep the client from using a proxy if the environment says `no_proxy=*`; otherwise none.

    obstore's client accepts host names and networks there, but not `*`, and has no option for "no proxy". An explicit
    proxy makes it ignore the environment, and an exception for the endpoint's host, which includes its subdomains, then
    excludes every request from that proxy.
    """
    exceptions = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    if "*" not in (entry.strip() for entry in exceptions.split(",")):
        return {}
    return {"proxy_url": endpoint_url, "proxy_excludes": urlsplit(endpoint_url).hostname or ""}
