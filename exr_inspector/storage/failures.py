"""What a failed request means to us: obstore's errors as ours, told apart by type, HTTP status and operating system code.

obstore has one `GenericError` for everything from a full range of HTTP statuses to a refused connection, and its texts quote
the server's answer, which on S3 may repeat an access key or the string that was signed. So nothing of the answer is passed
on: messages are written here, and the chained cause keeps its type but only the part of its text before any answer.
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
    BucketUnavailable,
    ObjectChanged,
    ObjectNotFound,
    SourceError,
    SourceUnavailable,
    UnsupportedKey,
)

# What obstore.exceptions and the built-in errors it raises in their place have in common.
STORE_ERRORS = (BaseError, OSError, ValueError)

_STATUS = re.compile(r"status code: (\d{3})\b")
_OS_CODE = re.compile(r"\(os error (\d+)\)\s*$")
_OS_DENIED = {"1", "13"}  # EPERM, EACCES
_BEYOND_END = ("Requested range was invalid", "Invalid range:")  # local files, memory; S3 answers 416
_ANSWER = re.compile(r"(status code: \d{3}[^:<]*).*", re.DOTALL)
_DEBUG = re.compile(r"\s*Debug source:.*", re.DOTALL)
_QUIET_STATUS = {408, 429}  # besides 5xx: asking again may help


class Next(Enum):
    """What the caller can do about a failed request."""

    STOP = "stop"
    AGAIN = "again"
    LOOK = "look"  # the range began at or after the end of the object: its size is to be looked up


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed request, judged.

    Attributes:
        error: Ours, to be raised.
        cause: Theirs, without the server's answer, to be chained.
        next: What to do.
    """

    error: SourceError
    cause: Exception
    next: Next


def judge(error: Exception, path: str) -> Failure:
    """What `error`, raised by obstore for the object `path`, means."""
    text = _DEBUG.sub("", str(error))
    cause = _without_answer(error, text)
    if "<Code>NoSuchBucket</Code>" in text:
        return Failure(BucketUnavailable(f"{path}: there is no such bucket at this endpoint"), cause, Next.STOP)
    if isinstance(error, NotFoundError | FileNotFoundError):
        return Failure(ObjectNotFound(f"{path}: no such object"), cause, Next.STOP)
    if isinstance(error, PermissionDeniedError | UnauthenticatedError | PermissionError):
        return Failure(AccessDenied(f"{path}: the store refuses access with these keys"), cause, Next.STOP)
    if isinstance(error, PreconditionError):
        return Failure(ObjectChanged(f"{path}: overwritten while it was being read"), cause, Next.STOP)
    if isinstance(error, InvalidPathError | ValueError) or "are not supported:" in text:
        return Failure(UnsupportedKey(f"{path}: the key cannot be addressed"), cause, Next.STOP)
    return _judge_generic(text, str(error), path, cause)


def _without_answer(error: Exception, text: str) -> Exception:
    return type(error)(_ANSWER.sub(r"\1", text)) if isinstance(error, BaseError | OSError) else error


def _judge_generic(text: str, debug: str, path: str, cause: Exception) -> Failure:
    status = _STATUS.search(text)
    if status is not None:
        return _judge_status(int(status.group(1)), path, cause)
    if any(words in text for words in _BEYOND_END):
        return Failure(SourceUnavailable(f"{path}: the range is not there"), cause, Next.LOOK)
    code = _OS_CODE.search(text)
    if code is not None and code.group(1) in _OS_DENIED:
        return Failure(AccessDenied(f"{path}: the file system refuses access"), cause, Next.STOP)
    if "non-partial response" in text or "redirect" in text:
        reason = (
            "the server does not answer byte ranges" if "partial" in text else "the server redirects: check S3_REGION"
        )
        return Failure(SourceUnavailable(f"{path}: {reason}"), cause, Next.STOP)
    return Failure(SourceUnavailable(f"{path}: {_connection_fault(debug)}"), cause, Next.AGAIN)


def _judge_status(status: int, path: str, cause: Exception) -> Failure:
    error = SourceUnavailable(f"{path}: the store answered HTTP {status}")
    if status == 416:
        return Failure(error, cause, Next.LOOK)
    return Failure(error, cause, Next.AGAIN if status >= 500 or status in _QUIET_STATUS else Next.STOP)


def _connection_fault(debug: str) -> str:
    """Why there was no answer. `debug` holds no server's words here, since no status was received."""
    if "ertificate" in debug:
        return "the server's TLS certificate is not trusted (S3_CA_BUNDLE, S3_TLS_VERIFY)"
    if "kind: Timeout" in debug or "TimedOut" in debug:
        return "the store did not answer in time"
    if "kind: Connect" in debug:
        return "cannot connect to the store (S3_ENDPOINT_URL)"
    return "the connection to the store broke"
