"""The local VAST DataBase as a process of its own, which can be killed and comes up again on the same file, port and keys.

Run as a module it is that process: the first line it reads says what to serve, every further one asks something of it and is
answered by a line. It ends when its input ends.
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
    """The faults of that process, which keeps them over its death."""

    def __init__(self, database: DatabaseProcess) -> None:
        self._database = database
        self._chances: list[tuple[str, float, str, float]] = []

    def chance(self, operation: str, probability: float, fault: Fault) -> None:
        """As `Faults.chance`."""
        self._chances.append((operation, probability, fault.kind.value, fault.seconds))
        self.tell()

    def clear(self) -> None:
        """As `Faults.clear`."""
        self._chances.clear()
        self.tell()

    def tell(self) -> None:
        """Let the process have them."""
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
        """As of `LocalVastDB`."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Bring the process up, with the faults it had."""
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
        self.faults.tell()

    def ask(self, what: str, value: Any = None) -> Any:
        """What the process answers; None where there is none."""
        if self._process is None:
            return None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([what, value]) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise LocalDatabaseError(f"the database's process ended when it was asked to {what}, see {self._log}")
        return json.loads(answer)

    def counters(self) -> dict[str, int]:
        """Requests by operation, of all lives but what came between the last question and a kill."""
        now = self.ask("counters") or {}
        return {name: self._counted.get(name, 0) + now.get(name, 0) for name in {*self._counted, *now}}

    def reset_counters(self) -> None:
        """As of `LocalVastDB`."""
        self._counted = {}
        self.ask("reset")

    def kill(self) -> None:
        """End it at once, in the middle of whatever it does."""
        self._counted = self.counters()
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._gone()

    def close(self) -> None:
        """End it as `LocalVastDB.close` does."""
        self._counted = self.counters()
        if self._process is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._gone()

    def _gone(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        self._process.wait(120)
        self._process.stdout.close()
        self._process = None


def main() -> None:
    """Serve what the first line says, answer the others."""
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
