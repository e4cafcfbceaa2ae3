"""The address of a catalog file's running server, kept in the file's lock, for other programs of its owner."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """How to reach a running server.

    Attributes:
        endpoint: Its URL.
        access_key: Its access key.
        secret_key: Its secret key.
        bucket: The bucket that it was started with.
    """

    endpoint: str
    access_key: str
    secret_key: str = field(repr=False)
    bucket: str

    @property
    def host_and_port(self) -> tuple[str, int]:
        """Where the server listens."""
        host, _, port = self.endpoint.removeprefix("http://").rpartition(":")
        return host, int(port)


def lock_path(catalog: Path) -> Path:
    """The lock file beside a catalog file, which a server of the catalog keeps locked."""
    return catalog.with_name(catalog.name + ".lock")


def publish(descriptor: int, address: ServerAddress) -> None:
    """Write the address into an open lock file, which only its owner can read."""
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(asdict(address)).encode(), 0)


def withdraw(descriptor: int) -> None:
    """Remove the address."""
    os.ftruncate(descriptor, 0)


def running_server(catalog: Path | str) -> ServerAddress | None:
    """The address of the server that has a DuckDB file open, such as `python -m vastdb_local serve`; None if there is none."""
    try:
        descriptor = os.open(lock_path(Path(catalog)), os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(descriptor)
    else:
        return None  # left by a server that was killed
    finally:
        os.close(descriptor)


def _read(descriptor: int) -> ServerAddress | None:
    try:
        return ServerAddress(**json.loads(os.pread(descriptor, 4096, 0)))
    except (ValueError, TypeError):
        return None  # the server is starting or ending
