"""Makes the event of an existing object, with its size, ETag and time."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from dataengine_local.errors import LocalRuntimeError
from dataengine_local.events import element_event

if TYPE_CHECKING:
    from obstore.store import S3Config

_S3_VARIABLES = {
    "endpoint": ("AWS_ENDPOINT_URL", "S3_ENDPOINT_URL"),
    "access_key_id": ("AWS_ACCESS_KEY_ID", "S3_ACCESS_KEY"),
    "secret_access_key": ("AWS_SECRET_ACCESS_KEY", "S3_SECRET_KEY"),
    "region": ("AWS_REGION", "S3_REGION"),
}


def event_of_object(name: str, *, bucket_folder: Path | None = None) -> dict[str, Any]:
    """The event that a cluster sends when this object is created.

    Args:
        name: A file's path, or `s3://bucket/key`.
        bucket_folder: For a path: the folder that is used as the bucket. Its name is the bucket's name, and the key is the path
            below it. None takes the folder of the file.

    Raises:
        LocalRuntimeError: The object does not exist or cannot be accessed, or a file is not below `bucket_folder`.
    """
    if "://" in name:
        return _event_of_s3_object(name)
    path = Path(name)
    folder = (bucket_folder or path.parent).resolve()
    try:
        found = path.stat()
    except OSError as error:
        raise LocalRuntimeError(f"{path}: {error.strerror}") from error
    if not path.is_file():
        raise LocalRuntimeError(f"{path}: not a file")
    located = path.parent.resolve() / path.name
    if not located.is_relative_to(folder):
        raise LocalRuntimeError(f"{path}: not below {folder}, the folder of the bucket")
    return element_event(folder.name, located.relative_to(folder).as_posix(), size_bytes=found.st_size)


def _event_of_s3_object(url: str) -> dict[str, Any]:
    scheme, _, location = url.partition("://")
    bucket, _, key = location.partition("/")
    if scheme != "s3" or not bucket or not key:
        raise LocalRuntimeError(f"{url}: expected s3://bucket/key")
    configured = {
        option: next((os.environ[name] for name in names if os.environ.get(name)), None)
        for option, names in _S3_VARIABLES.items()
    }
    endpoint = configured["endpoint"]
    if endpoint is None:
        raise LocalRuntimeError(f"{url}: set AWS_ENDPOINT_URL or S3_ENDPOINT_URL to the object store's address")
    options: dict[str, Any] = {option: value for option, value in configured.items() if value is not None}
    options.setdefault("region", "us-east-1")
    try:
        store = S3Store(
            bucket,
            config=cast("S3Config", options),
            client_options={"allow_http": urlsplit(endpoint).scheme.lower() == "http", "timeout": "30s"},
            retry_config={"max_retries": 2},
        )
        found = obstore.head(store, key)
    except FileNotFoundError as error:
        raise LocalRuntimeError(f"{url}: no such object") from error
    except (BaseError, ValueError) as error:
        raise LocalRuntimeError(f"{url}: {_first_line(error)}") from error
    modified = found["last_modified"]
    return element_event(
        bucket,
        key,
        size_bytes=found["size"],
        etag=(found["e_tag"] or "").strip('"') or None,
        time=modified if isinstance(modified, datetime) else datetime.now(timezone.utc),
    )


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
