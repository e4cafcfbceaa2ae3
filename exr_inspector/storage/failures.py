"""Classify failed requests by S3's error code, then by HTTP status, exception type and operating system code.

obstore raises one `GenericError` for everything from most HTTP statuses to a refused connection. Its text quotes the server's
response, which on S3 may contain an access key or the signed string, so no part of the response is passed on: the messages are
ours, and the chained cause keeps its type and only the text before the response.

The status alone is not enough: 403 may mean a wrong clock, rotated keys or an archived object, and 404 may come from a
gateway's web page. Faults of the client or the connection are raised, so that the event is delivered again; only an S3 error
code about the object becomes a row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from obstore.exceptions import (
    BaseError,
    InvalidPathError,
    NotFoundError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)

from exr_inspector.errors import (
    AccessDenied,
    BucketMissing,
    CredentialsRefused,
    ObjectChanged,
    ObjectNotFound,
    ObjectUnreadable,
    SourceError,
    SourceUnavailable,
    UnsupportedKey,
)

# The base classes of all exceptions that obstore raises, including built-in ones.
STORE_ERRORS = (BaseError, OSError, ValueError)

_STATUS = re.compile(r"status code: (\d{3})\b")
_CODE = re.compile(r"<Code>\s*([A-Za-z.]{1,64})\s*</Code>")
_ANSWER = re.compile(r"(status code: \d{3}[^:<]*)(.*)", re.DOTALL)
_DEBUG = re.compile(r"\s*Debug source:.*", re.DOTALL)
_PASSING_STATUS = {408, 429}  # transient, like 5xx

_PASSING_CODES = {
    "InternalError",
    "OperationAborted",
    "RequestLimitExceeded",
    "RequestTimeout",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
}
_CREDENTIAL_CODES = {
    "RequestTimeTooSkewed": "the clocks of this machine and of the store differ too much",
    "RequestExpired": "the request reached the store too late: check the clock of this machine",
    "InvalidAccessKeyId": "the store does not know the access key (S3_ACCESS_KEY)",
    "SignatureDoesNotMatch": "the store does not accept the signature (S3_SECRET_KEY, S3_REGION)",
    "AuthorizationHeaderMalformed": "the store does not accept the signature (S3_REGION)",
    "ExpiredToken": "the store says that the credentials have expired",
    "InvalidToken": "the store does not accept the credentials",
    "TokenRefreshRequired": "the store says that the credentials have to be renewed",
    "InvalidSecurity": "the store does not accept the credentials",
    "AccountProblem": "the store says that there is a problem with the account",
    "NotSignedUp": "the store says that there is a problem with the account",
    "Unauthorized": "the store does not accept the credentials",
    "AuthFailure": "the store does not accept the credentials",
    "InvalidClientTokenId": "the store does not know the access key (S3_ACCESS_KEY)",
    "TokenCodeInvalid": "the store does not accept the credentials",
    "SignatureVersionNotSupported": "the store does not accept signatures of version 4",
}
# The only codes of a 403 that speak of the object; any other one is taken to speak of the client, and is raised.
_DENIED = "the store refuses access with these keys: grant them s3:GetObject and s3:ListBucket there"
_DENIED_CODES = {"AccessDenied", "AllAccessDisabled"}
_UNREADABLE_CODES = {
    "InvalidObjectState": "the object is archived: restore it first",
    "InvalidRequest": "the store does not hand the object out like this; it may be encrypted with its writer's key (SSE-C)",
    "KMS.DisabledException": "the key that the object is encrypted with is disabled",
    "KMS.NotFoundException": "the key that the object is encrypted with was deleted",
    "KMS.KMSInvalidStateException": "the key that the object is encrypted with cannot be used",
    "KMS.InvalidStateException": "the key that the object is encrypted with cannot be used",
    "KMS.InvalidKeyUsageException": "the key that the object is encrypted with cannot be used",
    "KMS.AccessDeniedException": "the key that the object is encrypted with may not be used with these keys",
}
_ABSENT_CODES = {"NoSuchKey", "NoSuchVersion", "NotFound"}
_LEGAL_STATUS = 451


class SilentRefusal(SourceUnavailable):
    """A refusal without a body, as in every response to HEAD: only a GET returns the reason."""


class Next(Enum):
    """What the caller can do after a failed request."""

    STOP = "stop"
    AGAIN = "again"
    LOOK = "look"  # the range begins at or after the end of the object: request its size
    WHOLE = "whole"  # the store answered a range with the whole object


# obstore's texts about unusable response headers, and what they mean.
_HEADER_FAULTS = (
    ("non-partial response", "the server does not answer byte ranges", Next.WHOLE),
    ("ontent-Length", "the server does not say how long its answer is (no Content-Length)", Next.STOP),
    ("ontent length", "the server does not say how long its answer is (no Content-Length)", Next.STOP),
    ("redirect", "the server redirects: check S3_REGION", Next.STOP),
    ("Requested ", "the answer holds other bytes than those asked for (Content-Range)", Next.AGAIN),
    ("ontent-Range", "the answer does not say which bytes it holds (Content-Range)", Next.AGAIN),
    ("CONTENT_RANGE", "the answer does not say which bytes it holds (Content-Range)", Next.AGAIN),
    ("nvalid last modified", "the answer's Last-Modified is no time", Next.AGAIN),
)


@dataclass(frozen=True, slots=True)
class Failure:
    """A classified failed request.

    Attributes:
        error: The error of this package to raise.
        cause: The library's exception without the server's response, for chaining; None if there is none.
        next: What the caller can do.
    """

    error: SourceError
    cause: Exception | None
    next: Next


def classify(error: Exception, path: str) -> Failure:
    """Classify `error`, which obstore raised for the object `path`."""
    text = _DEBUG.sub("", str(error))
    cause = _without_answer(error, text)
    answer = _ANSWER.search(text)
    status = _STATUS.search(text)
    if status is not None and answer is not None:
        return classify_answer(int(status.group(1)), answer.group(2), path, cause)
    if isinstance(error, NotFoundError | FileNotFoundError):
        return Failure(ObjectNotFound(f"{path}: no such object"), cause, Next.STOP)
    if isinstance(error, PermissionDeniedError | UnauthenticatedError | PermissionError):
        return Failure(AccessDenied(f"{path}: {_DENIED}"), cause, Next.STOP)
    if isinstance(error, PreconditionError):
        return Failure(ObjectChanged(f"{path}: overwritten while it was being read"), cause, Next.STOP)
    if isinstance(error, InvalidPathError | ValueError) or "are not supported:" in text:
        return Failure(UnsupportedKey(f"{path}: the key cannot be addressed"), cause, Next.STOP)
    return _classify_broken(text, str(error), path, cause)


def classify_answer(status: int, body: str, path: str, cause: Exception | None = None) -> Failure:
    """Classify a response with a status other than 2xx, by S3's error code if its body has one."""
    found = _CODE.search(body)
    code = found.group(1) if found else ""
    if code == "NoSuchBucket":
        return Failure(BucketMissing(f"{path}: there is no such bucket at this endpoint"), cause, Next.STOP)
    if code in _CREDENTIAL_CODES or status == 401:
        reason = _CREDENTIAL_CODES.get(code, "the store does not accept the credentials")
        return Failure(CredentialsRefused(f"{path}: {reason}"), cause, Next.STOP)
    if code in _UNREADABLE_CODES and status in {400, 403}:
        return Failure(ObjectUnreadable(f"{path}: {_UNREADABLE_CODES[code]}"), cause, Next.STOP)
    if code in _PASSING_CODES and status != 500:
        return Failure(SourceUnavailable(f"{path}: the store answered {code}"), cause, Next.AGAIN)
    return _classify_status(status, code, path, cause, is_silent=not body.strip(" :\n"))


def _classify_status(status: int, code: str, path: str, cause: Exception | None, *, is_silent: bool) -> Failure:
    error: SourceError = SourceUnavailable(f"{path}: the store answered HTTP {status}")
    then = Next.AGAIN if status >= 500 or status in _PASSING_STATUS else Next.STOP
    if status == 404 and (is_silent or code in _ABSENT_CODES):
        error = ObjectNotFound(f"{path}: no such object")
    elif status == 403 and (is_silent or code in _DENIED_CODES):
        error = AccessDenied(f"{path}: {_DENIED}")
    elif status == 403 and code:
        error = SourceUnavailable(f"{path}: the store answered HTTP 403 with the code {code}")
    elif status in {403, 404}:
        answer = f"HTTP {status} with an answer that is not S3's"
        error = SourceUnavailable(f"{path}: {answer}; check S3_ENDPOINT_URL and proxies")
    elif status == 412:
        error = ObjectChanged(f"{path}: overwritten while it was being read")
    elif status == 416:
        then = Next.LOOK
    elif status == _LEGAL_STATUS and (is_silent or code):
        error = ObjectUnreadable(f"{path}: the store withholds the object for legal reasons")
    elif status == 400 and is_silent:
        error = SilentRefusal(f"{path}: the store answered HTTP 400")
    elif 300 <= status < 400:
        error = SourceUnavailable(f"{path}: the server redirects: check S3_REGION")
    return Failure(error, cause, then)


def classify_connection(error: Exception, path: str) -> Failure:
    """Classify an exception of `requests` about a connection without a response."""
    return Failure(SourceUnavailable(f"{path}: {_connection_fault(repr(error))}"), None, Next.AGAIN)


def _without_answer(error: Exception, text: str) -> Exception:
    return type(error)(_ANSWER.sub(r"\1", text)) if isinstance(error, BaseError | OSError) else error


def _classify_broken(text: str, debug: str, path: str, cause: Exception) -> Failure:
    for words, reason, then in _HEADER_FAULTS:
        if words in text:
            return Failure(SourceUnavailable(f"{path}: {reason}"), cause, then)
    return Failure(SourceUnavailable(f"{path}: {_connection_fault(debug)}"), cause, Next.AGAIN)


def _connection_fault(debug: str) -> str:
    """Return why there was no response. `debug` contains no text of a server, since no status was received."""
    if "ertificate" in debug or "CERTIFICATE" in debug:
        return "the server's TLS certificate is not trusted (S3_CA_BUNDLE, S3_TLS_VERIFY)"
    if "kind: Timeout" in debug or "TimedOut" in debug or "ReadTimeout" in debug or "timed out" in debug:
        return "the store did not answer in time"
    if "kind: Connect" in debug or "NewConnectionError" in debug or "Connection refused" in debug:
        return "cannot connect to the store (S3_ENDPOINT_URL)"
    return "the connection to the store broke"
