"""Translates errors of the vastdb SDK and its dependencies into errors of this package.

The SDK raises a bare ValueError, with the number in its text, for an HTTP status that it does not list (412, 429, 502, 504).
For a response that ends too early, it raises whatever its parser raises. Messages contain the operation, the table and the
server's code, never keys.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import requests
import urllib3
from vastdb import errors
from vastdb._internal import QueryDataInternalError, UnsupportedServer

from exr_inspector.errors import (
    CatalogConflict,
    CatalogDenied,
    CatalogError,
    CatalogUnavailable,
    SchemaDrift,
    SchemaExists,
    SchemaMissing,
)
from exr_inspector.texts import program_command

_UNLISTED_STATUS = re.compile(r"(\d{3}) is not a valid HttpStatus")
_DRIFT_CODES = frozenset({"NoSuchColumn", "TabularMismatchColumnName", "TabularMismatchColumnType"})
_NO_TRANSACTION = "NoSuchTransaction"
_NO_DATABASE = "InvalidBucketState"
# These codes have the status 409, as has a conflict with another writer, which alone can be retried.
_EXISTS = re.compile(r"AlreadyExists$|^Duplicate")
_IN_USE = re.compile(r"NotEmpty$|InUse$")

# Broken responses: the connection ended, or the bytes do not follow the protocol.
_BROKEN: tuple[type[Exception], ...] = (
    errors.ConnectionError,
    errors.ApiResponseError,
    errors.MissingTransaction,
    QueryDataInternalError,
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    pa.ArrowException,
    EOFError,
    OSError,
    struct.error,
)
_TRANSIENT: tuple[type[Exception], ...] = (
    errors.ServiceUnavailable,
    errors.InternalServerError,
    errors.RequestTimeout,
    errors.InsufficientCapacity,
    errors.UnexpectedError,
)
_MISSING: tuple[type[Exception], ...] = (errors.MissingBucket, errors.MissingSchema, errors.MissingTable)
_OTHERS: tuple[type[Exception], ...] = (
    errors.HttpError,
    errors.Missing,
    errors.Exists,
    errors.InvalidArgument,
    errors.NotSupported,
    UnsupportedServer,
    NotImplementedError,
    ValueError,
    KeyError,
)
SDK_ERRORS: tuple[type[Exception], ...] = (*_BROKEN, *_OTHERS)


def _of_status(status: int, doing: str) -> CatalogError:
    if status in {412, 429} or status >= 500:
        return CatalogUnavailable(f"could not {doing}: the database answered {status}")
    if status == 401:
        return CatalogDenied(
            f"could not {doing}: the database answered 401: check VAST_DB_ACCESS_KEY and VAST_DB_SECRET_KEY"
        )
    return CatalogError(f"could not {doing}: the database answered {status}")


def _of_conflict(code: str, because: str, doing: str) -> CatalogError:
    if code == _NO_DATABASE:
        return SchemaMissing(
            f"could not {doing}: the bucket has no database ({because}): enable the database on the bucket's view, or correct "
            "VAST_DB_BUCKET"
        )
    if _EXISTS.search(code):
        return SchemaExists(
            f"could not {doing}: it already exists ({because}); {program_command('db check')} shows what exists"
        )
    if _IN_USE.search(code):
        return CatalogError(f"could not {doing}: it is in use ({because})")
    return CatalogConflict(f"could not {doing}: conflict with another writer ({because})")


def _of_http(error: Any, doing: str) -> CatalogError:
    made: CatalogError
    answer = f"{error.status} {error.code or ''}".strip()
    because = f"{answer}: {error.message}" if error.message else answer
    if isinstance(error, errors.Conflict):
        made = _of_conflict(error.code or "", because, doing)
    elif isinstance(error, errors.Forbidden):
        made = CatalogDenied(
            f"the keys lack the right to {doing} ({answer}): check VAST_DB_ACCESS_KEY and VAST_DB_SECRET_KEY, or give their "
            "user an identity policy for the database"
        )
    elif isinstance(error, errors.Slowdown):
        made = CatalogUnavailable(
            f"could not {doing}: the database asks for fewer requests ({answer}), also after retries for EXR_DB_RETRY_SECONDS; "
            "lower the function's concurrency if this goes on"
        )
    elif error.code in _DRIFT_CODES:
        made = SchemaDrift(
            f"could not {doing}: the table has other columns ({because}); see {program_command('db check')}"
        )
    elif error.code == _NO_TRANSACTION:
        made = CatalogUnavailable(f"could not {doing}: the database has ended the transaction ({because})")
    elif isinstance(error, errors.NotFound):
        made = SchemaMissing(
            f"could not {doing}: it does not exist ({because}); {program_command('db setup')} creates what is missing"
        )
    elif isinstance(error, _TRANSIENT):
        made = CatalogUnavailable(f"could not {doing}: the database answered {because}")
    else:
        made = CatalogError(f"could not {doing}: the database answered {because}")
    return made


def _of_sdk(error: Exception, doing: str) -> CatalogError:
    unlisted = _UNLISTED_STATUS.search(str(error)) if isinstance(error, ValueError) else None
    if unlisted:
        return _of_status(int(unlisted[1]), doing)
    if isinstance(error, errors.NotSupportedSchema):
        return SchemaDrift(f"could not {doing}: column type not supported ({error.message})")
    if isinstance(error, errors.Exists):
        return SchemaExists(f"could not {doing}: it already exists; {program_command('db check')} shows what exists")
    if isinstance(error, _MISSING):
        what = ", ".join(f"{name} {value!r}" for name, value in vars(error).items() if name != "args")
        is_bucket = isinstance(error, errors.MissingBucket)
        advice = "correct VAST_DB_BUCKET" if is_bucket else f"{program_command('db setup')} creates schema and tables"
        return SchemaMissing(f"could not {doing}: there is no {what}; {advice}")
    return CatalogError(f"could not {doing}: {type(error).__name__}: {error}")


def translate(error: Exception, doing: str) -> CatalogError:
    """The CatalogError for an error of the SDK.

    Args:
        error: The SDK's error.
        doing: The operation, as it follows "could not": `insert into files`.
    """
    if isinstance(error, errors.HttpError):
        return _of_http(error, doing)
    if isinstance(error, errors.ConnectionError):
        return CatalogUnavailable(f"could not {doing}: no response ({type(error.cause).__name__})")
    lacks_header = isinstance(error, KeyError) and "tabular-" in str(error)
    if lacks_header or isinstance(error, _BROKEN):
        return CatalogUnavailable(f"could not {doing}: broken response ({type(error).__name__})")
    return _of_sdk(error, doing)


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Replace errors of the SDK that the block raises.

    Raises:
        CatalogError: In place of an SDK error, which is its cause.
    """
    try:
        yield
    except SDK_ERRORS as error:
        raise translate(error, doing) from error
