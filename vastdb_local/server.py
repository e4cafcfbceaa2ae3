"""`LocalVastDB`: the local server within this process, for tests and commands."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterable
from pathlib import Path

from vastdb_local.address import ServerAddress
from vastdb_local.errors import LocalDatabaseError
from vastdb_local.faults import Counters, Faults
from vastdb_local.http import HttpServer
from vastdb_local.service import Service
from vastdb_local.signature import SignatureCheck
from vastdb_local.storage import Database
from vastdb_local.vast_catalog import CatalogEntry, write_catalog
from vastdb_local.version import parse_version

_CLOSING_SECONDS = 0.02  # how often the server checks whether to close
_EXPIRY_CHECKS = 4  # checks for idle transactions in each idle time


class LocalVastDB:
    """A VAST DataBase on this machine; a context manager that serves until the block ends.

    Args:
        path: The DuckDB file, created if missing; None keeps everything in memory.
        bucket: Bucket to create if missing; those of earlier runs stay.
        host: Address to listen on; the loopback by default.
        port: 0 takes a free one.
        access_key: Generated when None.
        secret_key: Generated when None.
        transaction_seconds: A transaction that is idle for so many seconds is rolled back.
        abandoned_seconds: The same for a transaction whose client has closed all connections by which it came, as a killed
            process does.
        detect_conflicts: False lets two transactions change the same row, so that the later commit wins: for tests of
            clients with a server that detects no conflicts.
        conflict_group_rows: Transactions conflict if they change rows in the same group of so many row ids; 1 means
            that they conflict by row.
        server_version: The VAST release in its `Server` header; before 5.3.5 it refuses sorted tables.
        latency_seconds: Delay of each request, seconds, to simulate a network.
        max_connections: Number of clients; further ones are answered 503 SlowDown.
        seed: Seed of the random numbers of `faults`.
        index_after: Number of lookups by a column's values before it gets an in-memory index.
        in_place_of: A server of the file that has ended: the file must exist, and is served at the same address, in place of
            `host` and `port`, with the keys that programs of this user found there.

    Raises:
        LocalDatabaseError: The file is in use, missing or not a catalog, or the port is taken.
    """

    def __init__(
        self,
        path: Path | str | None,
        *,
        bucket: str = "vastdb",
        host: str = "127.0.0.1",
        port: int = 0,
        access_key: str | None = None,
        secret_key: str | None = None,
        transaction_seconds: float = 600.0,
        abandoned_seconds: float = 5.0,
        detect_conflicts: bool = True,
        conflict_group_rows: int = 1,
        server_version: str = "5.5.0.0",
        latency_seconds: float = 0.0,
        max_connections: int = 512,
        seed: int = 0,
        index_after: int = 32,
        in_place_of: ServerAddress | None = None,
    ) -> None:
        self.bucket = bucket if in_place_of is None else in_place_of.bucket
        self.access_key = access_key or f"LOCAL{secrets.token_hex(8).upper()}"
        self.secret_key = secret_key or secrets.token_hex(20)
        self.faults = Faults(seed)
        self._counters = Counters()
        if in_place_of is not None:
            host, port = in_place_of.host_and_port
        self._address = (host, port)
        version = parse_version(server_version)
        file = Path(path) if path is not None else None
        is_new = file is not None and not file.exists()
        self._database = Database(
            file,
            idle_seconds=transaction_seconds,
            abandoned_seconds=abandoned_seconds,
            detect_conflicts=detect_conflicts,
            conflict_group_rows=conflict_group_rows,
            index_after=index_after,
            create=in_place_of is None,
        )
        try:
            self._database.add_bucket(self.bucket)
            service = Service(
                self._database, self.faults, self._counters, version=version, latency_seconds=latency_seconds
            )
            self._own_keys = (
                (f"LOCAL{secrets.token_hex(8).upper()}", secrets.token_hex(20))
                if in_place_of is None
                else (in_place_of.access_key, in_place_of.secret_key)
            )
            signatures = SignatureCheck(dict([self._own_keys, (self.access_key, self.secret_key)]))
            self._http = HttpServer(
                self._address, service, signatures, version=version, max_connections=max_connections
            )
        except OSError as error:
            self._database.close(delete=is_new)  # it is empty
            raise LocalDatabaseError(
                f"cannot listen on {host} port {port} ({error.strerror}): name another --port, or 0 for a free one"
            ) from error
        self._is_discarded = False
        self._closing = threading.Event()
        self._threads = (
            threading.Thread(
                target=self._http.serve_forever, args=(_CLOSING_SECONDS,), name="vastdb-http", daemon=True
            ),
            threading.Thread(target=self._expire, name="vastdb-expiry", daemon=True),
        )

    @property
    def host(self) -> str:
        """Address it listens on."""
        return str(self._http.server_address[0])

    @property
    def port(self) -> int:
        """Port it listens on."""
        return int(self._http.server_address[1])

    @property
    def endpoint(self) -> str:
        """The endpoint for `vastdb.connect`."""
        host = "127.0.0.1" if self.host == "0.0.0.0" else self.host  # noqa: S104 - compared, not bound
        return f"http://{host}:{self.port}"

    def start(self) -> None:
        """Start serving."""
        self._database.publish(ServerAddress(self.endpoint, *self._own_keys, self.bucket))
        for thread in self._threads:
            thread.start()

    def discard(self) -> None:
        """Delete the file when the server is closed, before another process can open it."""
        self._is_discarded = True

    def close(self) -> None:
        """Stop serving, roll back what is open, close the file."""
        self._closing.set()
        if self._threads[0].is_alive():
            self._http.shutdown()
        self._http.server_close()
        self._http.drop_connections()
        self._database.close(delete=self._is_discarded)

    def __enter__(self) -> LocalVastDB:  # noqa: PYI034 - typing.Self is not in Python 3.10
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def create_bucket(self, name: str, *, database: bool = True) -> None:
        """Create a bucket if it is missing.

        Args:
            name: Of the bucket.
            database: False for a bucket without a database (409 InvalidBucketState), which is not stored.
        """
        if database:
            self._database.add_bucket(name)
        else:
            self._database.add_plain_bucket(name)

    def write_catalog(self, entries: Iterable[CatalogEntry]) -> int:
        """Replace the VAST Catalog, which `tx.catalog()` reads, by another snapshot, in one transaction.

        Args:
            entries: Of files and folders, such as `entries_of_folder("renders", root="/renders")`.

        Returns:
            Number of entries.
        """
        return write_catalog(self._database, entries)

    def counters(self) -> dict[str, int]:
        """Requests by operation since the start or the last reset; those with wrong keys do not count."""
        return self._counters.snapshot()

    def reset_counters(self) -> None:
        """Set all counters to zero."""
        self._counters.reset()

    def open_transactions(self) -> int:
        """Number of open transactions."""
        return self._database.open_transactions()

    def open_connections(self) -> int:
        """Number of connected clients."""
        return self._http.open_connections()

    def _expire(self) -> None:
        while not self._closing.wait(self._database.expiry_seconds / _EXPIRY_CHECKS):
            self._database.expire()
