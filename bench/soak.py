"""`./run bench soak [--events 50000] [--steps 10] [--threads 20]`: check that a long-running function does not grow.

The function's process handles this number of events; in the middle, the database refuses every request for one step. After each
step it prints the process's number of Python objects, memory, threads and file descriptors, and the log lines per event. The
exit code is 1 if any of them grew from the second step to the last, or if an event of the outage logged more than 5 lines. The
servers run in another process.
"""

from __future__ import annotations

import argparse
import gc
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

from bench._child import memory

ROOT = Path(__file__).resolve().parents[1]
KEYS = 200  # number of objects; the events name them in turn
MOST_LINES = 5
GROWTH = {"objects": 1.02, "rss_mib": 1.10, "threads": 1.0, "descriptors": 1.0}
# Allowed growth, because these numbers vary: an outage closes connections, and each of the 20 threads may open a new one.
SPARE = {"objects": 500, "rss_mib": 8, "threads": 4, "descriptors": 20}


class _Counter(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines = 0

    def emit(self, _: logging.LogRecord) -> None:
        self.lines += 1


def worker(threads: int) -> None:
    """Run the function: for each line of standard input, handle that many events and print the process's figures as JSON."""
    from dataengine_local.events import element_event, event_of_kind  # noqa: PLC0415 - only the function's process needs it
    from main import handler, init  # noqa: PLC0415
    from tests.chaos.stack import BUCKET  # noqa: PLC0415

    counter = _Counter()
    logging.basicConfig(level=logging.INFO, handlers=[counter], force=True)
    context = SimpleNamespace(secrets={}, logger=logging.getLogger("soak"))  # keeps no telemetry
    init(context)  # type: ignore[no-untyped-call]  # the platform prescribes the signature

    def one(number: int) -> bool:
        attributes = element_event(BUCKET, f"soak/{number % KEYS}.exr")
        try:
            handler(context, event_of_kind(attributes, attributes.pop("data")))  # type: ignore[no-untyped-call]
        except Exception:  # noqa: BLE001 - the platform catches any exception and delivers the event again
            return False
        return True

    print("ready", flush=True)
    done = 0
    with ThreadPoolExecutor(threads) as pool:
        for line in sys.stdin:
            counter.lines, count = 0, int(line)
            failed = list(pool.map(one, range(done, done + count))).count(False)
            done += count
            gc.collect()
            found = {
                "objects": len(gc.get_objects()),
                "rss_mib": memory("VmRSS") >> 20,
                "threads": threading.active_count(),
                "descriptors": sum(1 for _ in Path("/proc/self/fd").iterdir()),
                "failed": failed,
                "lines": round(counter.lines / count, 2),
            }
            print(json.dumps(found), flush=True)


def soak(events: int, steps: int, threads: int) -> Iterator[dict[str, float]]:
    """Yield the process's figures after each step; in the middle step, the database refuses all requests."""
    from tests.chaos.stack import local_stack  # noqa: PLC0415 - the function's process must not import it
    from vastdb_local import Fault, FaultKind  # noqa: PLC0415

    with local_stack(None, EXR_DB_RETRY_SECONDS="5") as stack:
        for number in range(KEYS):
            stack.put(f"soak/{number}.exr")
        environ = {**os.environ, **stack.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "bench.soak", "--worker", "--threads", str(threads)]
        with subprocess.Popen(
            command, cwd=ROOT, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            stdin, stdout = process.stdin, process.stdout
            if stdin is None or stdout is None:
                raise RuntimeError("no pipes to the function's process")
            answers = (json.loads(line) for line in stdout if line.startswith("{"))
            for step in range(steps):
                outage = step == steps // 2
                if outage:
                    for kind in ("begin", "query", "insert", "commit"):
                        stack.database.faults.chance(kind, 1.0, Fault(FaultKind.DROP_BEFORE))
                # An event during the outage takes the full retry time, so there are fewer of them.
                stdin.write(f"{min(events // steps, 10 * threads) if outage else events // steps}\n")
                stdin.flush()
                yield {"step": step + 1, "outage": outage, **next(answers)}
                stack.database.faults.clear()
            stdin.close()


def grown(rows: list[dict[str, float]]) -> list[str]:
    """List the figures that grew from the second step, when everything is loaded, to the last, and other violated limits."""
    faults = []
    for name, factor in GROWTH.items():
        first, last = rows[1][name], rows[-1][name]
        if last > first * factor + SPARE[name]:
            faults.append(f"{name} grew from {first} to {last}")
    faults += [
        f"{row['lines']} log lines an event in the outage"
        for row in rows
        if row["outage"] and row["lines"] > MOST_LINES
    ]
    faults += [
        f"step {row['step']}: {row['failed']} events failed" for row in rows if row["failed"] and not row["outage"]
    ]
    return faults


def main() -> None:
    """Measure, print, and exit with 1 if a figure grew."""
    parser = argparse.ArgumentParser(prog="./run bench soak")
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--threads", type=int, default=20)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        worker(options.threads)
        return
    rows = []
    for row in islice(soak(options.events, options.steps, options.threads), options.steps):
        rows.append(row)
        print("  ".join(f"{name} {value}" for name, value in row.items()), flush=True)
    faults = grown(rows)
    print("\n".join(faults) or "flat: objects, memory, threads, descriptors; log lines within bounds")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
