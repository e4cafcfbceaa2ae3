"""Serves a catalog file for the clients of a server that has ended."""

from __future__ import annotations

import threading
from pathlib import Path

from vastdb_local.address import ServerAddress, running_server
from vastdb_local.errors import LocalDatabaseError
from vastdb_local.server import LocalVastDB

_CHECK_SECONDS = 0.25
# To open the file, while other processes that have lost their server open it too, or one is still ending.
_ATTEMPTS = 20


class Successor:
    """A context manager for a client of a catalog file's server: if that server ends, this process serves the file.

    It serves at the same address with the same keys, so all clients, also those in other processes, go on with their next
    transaction. Of several clients, the first one serves.

    Args:
        path: The file.
        address: Of its server.
    """

    def __init__(self, path: Path, address: ServerAddress) -> None:
        self._path = path
        self._address = address
        self._closing = threading.Event()
        self._server: LocalVastDB | None = None
        self._thread = threading.Thread(target=self._wait, name="vastdb-successor", daemon=True)

    def _wait(self) -> None:
        attempts = 0
        while attempts < _ATTEMPTS and self._server is None and not self._closing.wait(_CHECK_SECONDS):
            if running_server(self._path) is not None:
                attempts = 0
            else:
                attempts += 1
                self._serve()

    def _serve(self) -> None:
        try:
            server = LocalVastDB(self._path, in_place_of=self._address)
        except LocalDatabaseError:
            return
        server.start()
        self._server = server

    def __enter__(self) -> Successor:  # noqa: PYI034 - typing.Self is not in Python 3.10
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._thread.join()
        if self._server is not None:
            self._server.close()
