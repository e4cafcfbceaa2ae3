"""Checks AWS signatures (version 4) of requests, both in the form of the VAST SDK and in that of S3 clients.

Streaming (chunked) signatures, presigned URLs and session tokens are not supported.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from urllib.parse import quote

from vastdb_local.refusals import Refusal, forbidden

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/(?P<scope>\d{8}/[^/]*/[^/]+/aws4_request), ?"
    r"SignedHeaders=(?P<headers>[^,]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)
_CLOCK_SKEW = timedelta(minutes=15)
_UNSIGNED = "UNSIGNED-PAYLOAD"


class SignatureCheck:
    """Checks requests against pairs of keys.

    Args:
        keys: Secret keys by access key.
    """

    def __init__(self, keys: Mapping[str, str]) -> None:
        self._secrets = {key.encode(): secret for key, secret in keys.items()}

    def check(self, *, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> None:
        """Check a request.

        Args:
            method: HTTP method.
            path: Path as received, percent-encoded.
            query: Query string as received, without the question mark.
            headers: Headers by lower-case name.
            body: The whole body.

        Raises:
            Refusal: 403; AccessDenied (no signature), InvalidAccessKeyId, RequestTimeTooSkewed, SignatureDoesNotMatch.
        """
        match = self.check_key(headers)
        stamp = headers.get("x-amz-date", "")
        digest = _payload_digest(headers, body)
        signed = match["headers"].split(";")
        canonical_headers = "".join(f"{name}:{' '.join(headers.get(name, '').split())}\n" for name in signed)
        key = _signing_key(self._secret_of(match) or "", match["scope"])
        # The SDK's signer escapes the path a second time, S3's own do not.
        for canonical_path in (quote(path, safe="/-_.~"), path):
            canonical = "\n".join(
                (method, canonical_path, _canonical_query(query), canonical_headers, match["headers"], digest)
            )
            hashed = hashlib.sha256(canonical.encode()).hexdigest()
            text = f"AWS4-HMAC-SHA256\n{stamp}\n{match['scope']}\n{hashed}"
            if hmac.compare_digest(_sign(key, text).hex(), match["signature"]):
                return
        raise _mismatch()

    def check_key(self, headers: Mapping[str, str]) -> re.Match[str]:
        """Refuse a request by its headers alone, before its body is read.

        Returns:
            The parts of its Authorization header.

        Raises:
            Refusal: 403; AccessDenied (no signature), InvalidAccessKeyId, RequestTimeTooSkewed.
        """
        match = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
        if match is None:
            raise forbidden("AccessDenied", "The request carries no AWS4-HMAC-SHA256 signature.")
        if self._secret_of(match) is None:
            raise forbidden("InvalidAccessKeyId", "The access key is not known here.")
        _check_clock(headers.get("x-amz-date", ""))
        return match

    def _secret_of(self, match: re.Match[str]) -> str | None:
        given = match["key"].encode()
        found = [secret for key, secret in self._secrets.items() if hmac.compare_digest(given, key)]
        return found[0] if found else None


def _signing_key(secret: str, scope: str) -> bytes:
    key = ("AWS4" + secret).encode()
    for part in scope.split("/"):
        key = _sign(key, part)
    return key


def _sign(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def _mismatch() -> Refusal:
    return forbidden("SignatureDoesNotMatch", "The signature does not fit the request and the secret key.")


def _check_clock(stamp: str) -> None:
    try:
        signed_at = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)
    except ValueError:
        raise forbidden("AccessDenied", "x-amz-date is missing or not a date.") from None
    if abs(datetime.now(timezone.utc) - signed_at) > _CLOCK_SKEW:
        raise forbidden("RequestTimeTooSkewed", "The request was signed more than 15 minutes away from now.")


def _payload_digest(headers: Mapping[str, str], body: bytes) -> str:
    claimed = headers.get("x-amz-content-sha256")
    if claimed == _UNSIGNED:
        return _UNSIGNED
    return hashlib.sha256(body).hexdigest()  # a header with another digest would have another signature


def _canonical_query(query: str) -> str:
    pairs = (part.partition("=") for part in sorted(query.split("&")) if part)
    return "&".join(f"{key}={value}" for key, _, value in pairs)
