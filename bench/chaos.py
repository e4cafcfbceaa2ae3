"""`./run bench chaos [--seconds 60] [--seed 1] [--batch] [--keys 40] [--rate 60] [--faults 0.05] ...`: a fault storm.

More options: `[--unseen 0.3] [--kill-every 12] [--restart-every 25] [--kill-database-every 0] [--keep-logs FOLDER]
[--real-backoff]`.

A local S3 server and a local VAST DataBase fail, stall and send slowly at random. The database is also closed while it works,
or killed as a separate process, and the function is a process that is killed now and then. Objects are created, changed and
deleted, and their events arrive several times, late and out of order. When the queue is empty, the tables must match the
objects, everything that the function's log reports as done must be stored, and the logs must contain no secret and no traceback
of the database. Otherwise the differences are printed and the exit code is 1.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from exr_inspector.model import StatsMode
from tests.chaos.stack import LocalStack, local_stack
from tests.chaos.storm import (
    PLATFORM_SECONDS,
    RETRY_SECONDS,
    SETTINGS,
    SWEEPS,
    RuntimeProcess,
    Storm,
    Tally,
    delivering,
    rage,
)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run bench chaos")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to storm; draining comes on top")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch", action="store_true", help="deliver batches")
    parser.add_argument("--keys", type=int, default=40, help="fewer keys mean more events that meet")
    parser.add_argument("--rate", type=float, default=60.0, help="events a second at most")
    parser.add_argument(
        "--faults", type=float, default=0.05, help="chance of a fault, each request, while it is fierce"
    )
    parser.add_argument(
        "--kill-every", type=float, default=12.0, help="seconds between kills of the function; 0 for none"
    )
    parser.add_argument(
        "--restart-every", type=float, default=25.0, help="seconds between restarts of the database; 0 for none"
    )
    parser.add_argument(
        "--kill-database-every",
        type=float,
        default=0.0,
        help="seconds between kills (kill -9) of the database, which is then a process of its own; 0 for none",
    )
    parser.add_argument(
        "--unseen",
        type=float,
        default=0.0,
        help="share of the changes that have no event, so that sweeps must find them",
    )
    parser.add_argument("--keep-logs", type=Path, metavar="FOLDER", help="where to leave the logs of the processes")
    parser.add_argument("--real-backoff", action="store_true", help="retry after 2, 4 and 8 s, not fifty times sooner")
    return parser.parse_args()


def _kills(
    options: argparse.Namespace, process: RuntimeProcess, stack: LocalStack
) -> list[tuple[str, float, Callable[[], None]]]:
    def kill_function() -> None:
        process.kill()
        process.start()

    kills = [
        ("function", options.kill_every, kill_function),
        ("database by closing", options.restart_every, stack.restart_database),
        ("database by kill -9", options.kill_database_every, stack.kill_database),
    ]
    return [kill for kill in kills if kill[1]]


def _storm(options: argparse.Namespace, stack: LocalStack, log: Path, tally: Tally) -> list[str]:
    """Run the storm until the queue is empty; returns the differences between the tables and the objects."""
    process = RuntimeProcess(stack.environ, log, "--batch-size", "8", "--batch-wait-ms", "20")
    print(f"runtime up after {process.start():.1f} s, seed {options.seed}")
    started = time.monotonic()
    try:
        pauses = PLATFORM_SECONDS if options.real_backoff else RETRY_SECONDS
        with delivering(lambda: process.url, tally, pauses=pauses) as deliverer:
            rage(
                Storm(stack, deliverer, tally, seed=options.seed, keys=options.keys, unseen=options.unseen),
                deliverer,
                tally,
                seconds=options.seconds,
                rate=options.rate,
                probability=options.faults,
                kills=_kills(options, process, stack),
            )
    finally:
        process.kill()
    print(f"drained after {time.monotonic() - started:.1f} s")
    tally.add("object requests", stack.s3.count())
    tally.add("database requests", stack.database_requests + sum(stack.database.counters().values()))
    tally.add("objects in the end", len(stack.s3.contents()))
    text = log.read_text(encoding="utf-8")
    tally.add("acknowledged in the log and recorded", len(stack.acknowledged(text)))
    return stack.differences(StatsMode.SAMPLED) + stack.lost(text)


def main() -> None:
    """Run the storm, print its counts, and exit with 1 if the tables are wrong."""
    options, tally = _options(), Tally()
    with tempfile.TemporaryDirectory() as folder:
        logs = options.keep_logs or Path(folder)
        logs.mkdir(parents=True, exist_ok=True)
        log, database_log = logs / "runtime.log", logs / "database.log"
        for name in (log, database_log):
            name.write_text("", encoding="utf-8")
        own = database_log if options.kill_database_every else None
        batch = "1" if options.batch else "0"
        with local_stack(Path(folder) / "storm.duckdb", log=own, **SETTINGS, **SWEEPS, EXR_BATCH=batch) as stack:
            faults = _storm(options, stack, log, tally)
            secrets = (stack.database.secret_key, stack.s3.environ["S3_SECRET_KEY"])
        database_text = database_log.read_text(encoding="utf-8")
        text = log.read_text(encoding="utf-8") + database_text
        faults += ["a secret is in a log" for secret in secrets if secret in text]
        faults += ["a traceback is in the database's log"] if "Traceback" in database_text else []
    for name, count in sorted(tally.counts.items()):
        print(f"{count:8}  {name}")
    for fault in faults:
        print(f"wrong: {fault}")
    print("the tables equal the objects" if not faults else f"{len(faults)} differences")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
