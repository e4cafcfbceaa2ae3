"""Translate errors of the vastdb SDK and of its dependencies into ours.

An HTTP status that the SDK does not list (412, 429, 502, 504) leaves it as a bare ValueError whose text holds the number. An
answer that breaks off while it is parsed shows as whatever the parser of that moment raises. Messages name the operation, the
table and the server's code, never keys.
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

_UNLISTED_STATUS = re.compile(r"(\d{3}) is not a valid HttpStatus")
_DRIFT_CODES = frozenset({"NoSuchColumn", "TabularMismatchColumnName", "TabularMismatchColumnType"})
_GONE_TRANSACTION = "NoSuchTransaction"
_NO_DATABASE = "InvalidBucketState"
# 409 is the status of these as well as of a conflict with another writer, which alone may be tried again.
_EXISTS = re.compile(r"AlreadyExists$|^Duplicate")
_IN_USE = re.compile(r"NotEmpty$|InUse$")

# Broken answers: the connection ended, or the bytes are not what the protocol has there.
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
_PASSING: tuple[type[Exception], ...] = (
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
        return CatalogDenied(f"the keys were not accepted to {doing}: the database answered 401")
    return CatalogError(f"could not {doing}: the database answered {status}")


def _of_conflict(code: str, because: str, doing: str) -> CatalogError:
    if code == _NO_DATABASE:
        return SchemaMissing(
            f"could not {doing}: the bucket has no database ({because}): enable the database on the bucket's view, or correct "
            "VAST_DB_BUCKET"
        )
    if _EXISTS.search(code):
        return SchemaExists(f"could not {doing}: it is there already ({because}); `./run db check` shows what is there")
    if _IN_USE.search(code):
        return CatalogError(f"could not {doing}: something else needs it ({because})")
    return CatalogConflict(f"another writer was faster to {doing} ({because})")


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
            f"could not {doing}: the database asks for fewer requests ({answer}): it was tried again for EXR_DB_RETRY_SECONDS; "
            "lower the function's concurrency if this goes on"
        )
    elif error.code in _DRIFT_CODES:
        made = SchemaDrift(f"could not {doing}: the table has other columns ({because}); see `./run db check`")
    elif error.code == _GONE_TRANSACTION:
        made = CatalogUnavailable(f"could not {doing}: the transaction is gone ({because})")
    elif isinstance(error, errors.NotFound):
        made = SchemaMissing(f"could not {doing}: not there ({because}); `./run db setup` creates what is missing")
    elif isinstance(error, _PASSING):
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
        return SchemaExists(f"could not {doing}: it is there already; `./run db check` shows what is there")
    if isinstance(error, _MISSING):
        what = ", ".join(f"{name} {value!r}" for name, value in vars(error).items() if name != "args")
        return SchemaMissing(f"could not {doing}: there is no {what}; `./run db setup` creates schema and tables")
    return CatalogError(f"could not {doing}: {type(error).__name__}: {error}")


def translate(error: Exception, doing: str) -> CatalogError:
    """Our error for one of the SDK's.

    Args:
        error: What was raised.
        doing: What was being done, as in "could not ...": `insert into files`.
    """
    if isinstance(error, errors.HttpError):
        return _of_http(error, doing)
    if isinstance(error, errors.ConnectionError):
        return CatalogUnavailable(f"could not {doing}: no answer ({type(error.cause).__name__})")
    lacks_header = isinstance(error, KeyError) and "tabular-" in str(error)
    if lacks_header or isinstance(error, _BROKEN):
        return CatalogUnavailable(f"could not {doing}: broken answer ({type(error).__name__})")
    return _of_sdk(error, doing)


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Let errors of the SDK leave the block as ours.

    Raises:
        CatalogError: In place of an SDK error, with that as its cause.
    """
    try:
        yield
    except SDK_ERRORS as error:
        raise translate(error, doing) from error
