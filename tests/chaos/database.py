"""A local VAST DataBase in a separate process, which can be killed and restarted with the same file, port and keys.

As a program, this module is that process: the first line of its input describes the database to serve, every further line is a
command, which is answered with one line. The process ends at the end of its input.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from vastdb_local import Fault, FaultKind, LocalVastDB
from vastdb_local.errors import LocalDatabaseError

ROOT = Path(__file__).resolve().parents[2]


class RemoteFaults:
    """The faults of the database process; they also apply after a restart."""

    def __init__(self, database: DatabaseProcess) -> None:
        self._database = database
        self._chances: list[tuple[str, float, str, float]] = []

    def chance(self, operation: str, probability: float, fault: Fault) -> None:
        """Set a fault, like `Faults.chance`."""
        self._chances.append((operation, probability, fault.kind.value, fault.seconds))
        self.send()

    def clear(self) -> None:
        """Remove all faults, like `Faults.clear`."""
        self._chances.clear()
        self.send()

    def send(self) -> None:
        """Send the faults to the process."""
        self._database.ask("faults", self._chances)


class DatabaseProcess:
    """The methods of `LocalVastDB` that `LocalStack` needs, and `kill`.

    Args:
        path: The DuckDB file.
        log: Where the process writes its log.
        transaction_seconds: As for `LocalVastDB`.
    """

    bucket = "vastdb"

    def __init__(self, path: Path, log: Path, *, transaction_seconds: float) -> None:
        self.access_key = f"STORM{secrets.token_hex(8).upper()}"
        self.secret_key = secrets.token_hex(20)
        self.port = 0
        self.faults = RemoteFaults(self)
        self._serve = {"path": str(path), "transaction_seconds": transaction_seconds}
        self._log = log
        self._process: subprocess.Popen[str] | None = None
        self._counted: dict[str, int] = {}

    @property
    def endpoint(self) -> str:
        """As in `LocalVastDB`."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start the process, with the faults that were set before."""
        keys = {"bucket": self.bucket, "access_key": self.access_key, "secret_key": self.secret_key, "port": self.port}
        with self._log.open("a", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.database"],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self.port = int(self.ask("serve", {**self._serve, **keys}))
        self.faults.send()

    def ask(self, what: str, value: Any = None) -> Any:
        """Send a command to the process and return its answer; None if no process runs."""
        if self._process is None:
            return None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([what, value]) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise LocalDatabaseError(f"the database's process ended when it was sent {what}, see {self._log}")
        return json.loads(answer)

    def counters(self) -> dict[str, int]:
        """Requests by operation, over all restarts; requests between the last query of a counter and a kill are missing."""
        now = self.ask("counters") or {}
        return {name: self._counted.get(name, 0) + now.get(name, 0) for name in {*self._counted, *now}}

    def reset_counters(self) -> None:
        """As in `LocalVastDB`."""
        self._counted = {}
        self.ask("reset")

    def kill(self) -> None:
        """Kill the process immediately."""
        self._counted = self.counters()
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._wait_for_end()

    def close(self) -> None:
        """Close the database and end the process, like `LocalVastDB.close`."""
        self._counted = self.counters()
        if self._process is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._wait_for_end()

    def _wait_for_end(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        self._process.wait(120)
        self._process.stdout.close()
        self._process = None


def main() -> None:
    """Serve the database that the first input line describes, and answer the commands in the other lines."""
    _, options = json.loads(sys.stdin.readline())
    with LocalVastDB(Path(options.pop("path")), **options) as database:
        _answer(database.port)
        for line in sys.stdin:
            what, value = json.loads(line)
            if what == "faults":
                database.faults.clear()
                for operation, probability, kind, seconds in value:
                    database.faults.chance(operation, probability, Fault(FaultKind(kind), seconds))
            if what == "reset":
                database.reset_counters()
            _answer(database.counters() if what == "counters" else None)


def _answer(value: Any) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
