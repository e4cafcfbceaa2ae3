"""Error answers of the local server: one exception, which the HTTP layer turns into XML.

It never leaves this package; callers see the SDK's exceptions.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from xml.sax.saxutils import escape

_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Refusal(Exception):
    """A request that is answered with an error.

    Attributes:
        status: HTTP status, one of the SDK's `HttpStatus`; the SDK raises ValueError for any other.
        code: Error code in the S3 manner, read by the SDK from `<Error><Code>`.
        message: One sentence for the user.
    """

    def __init__(self, status: HTTPStatus, code: str, message: str) -> None:
        self.status = status
        self.code = code
        self.message = message
        super().__init__(f"{int(status)} {code}: {message}")

    def xml(self, resource: str, request_id: str) -> bytes:
        """The body of the answer, as S3 and a cluster write it."""
        fields = {"Code": self.code, "Message": self.message, "Resource": resource, "RequestId": request_id}
        text = "".join(f"<{name}>{escape(_NOT_XML.sub('?', value))}</{name}>" for name, value in fields.items())
        return f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{text}</Error>'.encode(errors="replace")


def bad_request(code: str, message: str) -> Refusal:
    """400: the request is invalid."""
    return Refusal(HTTPStatus.BAD_REQUEST, code, message)


def forbidden(code: str, message: str) -> Refusal:
    """403: wrong keys, or a signature that does not fit."""
    return Refusal(HTTPStatus.FORBIDDEN, code, message)


def not_found(code: str, message: str) -> Refusal:
    """404: no such bucket, schema, table, column, projection or transaction."""
    return Refusal(HTTPStatus.NOT_FOUND, code, message)


def conflict(message: str) -> Refusal:
    """409 Conflict: another transaction has changed the same thing; the client may retry."""
    return Refusal(HTTPStatus.CONFLICT, "Conflict", message)


def exists(code: str, message: str) -> Refusal:
    """409: the name is taken, or what is to be dropped is in use; a retry would fail too."""
    return Refusal(HTTPStatus.CONFLICT, code, message)


def no_database(bucket: str) -> Refusal:
    """409 InvalidBucketState: the bucket has no database."""
    return Refusal(HTTPStatus.CONFLICT, "InvalidBucketState", f"Bucket {bucket} has no database.")


def disk_full(message: str) -> Refusal:
    """507: the disk is full; the transaction is rolled back."""
    return Refusal(HTTPStatus.INSUFFICIENT_STORAGE, "InsufficientCapacity", message)


def not_implemented(message: str) -> Refusal:
    """501: a cluster has this operation, the local server does not; docs/local-vastdb.md lists these."""
    return Refusal(HTTPStatus.NOT_IMPLEMENTED, "NotImplemented", message)


def internal_error(message: str) -> Refusal:
    """500: a fault of the server."""
    return Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "InternalError", message)


def slow_down() -> Refusal:
    """503 SlowDown, which the SDK retries with its backoff."""
    return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "SlowDown", "Please reduce your request rate.")
