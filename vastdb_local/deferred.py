"""Transactions for `detect_conflicts=False`: a server that does not detect conflicting changes of rows.

DuckDB always detects them, so a transaction works on copies of the tables it changes and repeats its statements on the real
ones when it commits, one transaction at a time: the later commit wins, whatever the other has read. Copying costs time
that grows with the table; this is for tests of clients, with small tables.
"""

from __future__ import annotations

import threading

import duckdb

from vastdb_local.transaction import Transaction, TransactionObserver


class DeferredTransaction(Transaction):
    """A transaction that applies its changes of rows to the tables only at its commit, for which it waits for its `turn`."""

    def __init__(
        self, txid: int, connection: duckdb.DuckDBPyConnection, observer: TransactionObserver, turn: threading.Lock
    ) -> None:
        self._turn = turn
        self._log: list[tuple[str, object, str]] = []
        self._copies: dict[str, str] = {}
        self._settled = False
        super().__init__(txid, connection, observer)

    def place(self, stored: str) -> str:
        """The transaction's copy of a table it has changed, else the table."""
        return self._copies.get(stored, stored)

    def change(self, stored: str, data: object, statement: str) -> int:
        """Change the copy, and record the change."""
        if self._settled:
            return super().change(stored, data, statement)
        if stored not in self._copies:
            copy = f"copy_{stored.rpartition('.')[2]}"
            self.run(f"CREATE TEMP TABLE {copy} AS FROM {stored}")
            self._copies[stored] = copy
        count = super().change(self._copies[stored], data, statement)
        self._log.append((stored, data, statement))
        return count

    def settle(self) -> None:
        """Apply the deferred changes now, before a change of definitions; from here on conflicts are detected."""
        if not self._settled:
            self._settled = True
            for copy in self._copies.values():
                self.run(f"DROP TABLE {copy}")
            self._copies.clear()
            self._repeat()

    def commit(self) -> None:
        """Repeat the changes on the tables as they are now, and commit those."""
        if self._settled or not self._log:
            super().commit()
            return
        with self._turn:
            self.run("ROLLBACK")
            self.run("BEGIN TRANSACTION")
            self._copies.clear()
            self._settled = True
            try:
                self._repeat()
            finally:
                super().commit()

    def _repeat(self) -> None:
        for stored, data, statement in self._log:
            super().change(stored, data, statement)
        self._log.clear()
