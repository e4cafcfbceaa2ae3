"""Where the server of a catalog file is found by other programs of its owner: its lock file says so while it runs."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """How to reach a running server.

    Attributes:
        endpoint: Its URL.
        access_key: A key made for this run of the server only.
        secret_key: Its secret.
        bucket: The bucket it was started with.
    """

    endpoint: str
    access_key: str
    secret_key: str = field(repr=False)
    bucket: str


def lock_path(catalog: Path) -> Path:
    """The file beside a catalog that a server of it keeps locked."""
    return catalog.with_name(catalog.name + ".lock")


def publish(descriptor: int, address: ServerAddress) -> None:
    """Write the address into an open lock file, which only its owner can read."""
    text = {name: getattr(address, name) for name in ("endpoint", "access_key", "secret_key", "bucket")}
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(text).encode(), 0)


def withdraw(descriptor: int) -> None:
    """Remove the address."""
    os.ftruncate(descriptor, 0)


def running_server(catalog: Path | str) -> ServerAddress | None:
    """The server that has a DuckDB file open, as `python -m vastdb_local serve` does; None when there is none."""
    try:
        descriptor = os.open(lock_path(Path(catalog)), os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(descriptor)
    else:
        return None  # what a killed server left behind
    finally:
        os.close(descriptor)


def _read(descriptor: int) -> ServerAddress | None:
    try:
        return ServerAddress(**json.loads(os.pread(descriptor, 4096, 0)))
    except (ValueError, TypeError):
        return None  # it is just starting, or ending
