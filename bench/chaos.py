"""`./run bench chaos [--seconds 60] [--seed 1] [--batch] [--keys 40] [--rate 60] [--faults 0.05] [--kill-every 12] ...`.

A storm over a whole house: an S3 server and a VAST DataBase that fail at random and hang, the database also ending in the
middle of its work, the function in a process of its own that is killed now and then, objects that come, change and go, and
their events, several times, late and out of order. When the queue has drained, the tables must equal the objects; exit code 1
and the differences if they do not.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from exr_inspector.model import StatsMode
from tests.chaos.house import house
from tests.chaos.storm import (
    PLATFORM_SECONDS,
    RETRY_SECONDS,
    SETTINGS,
    RuntimeProcess,
    Storm,
    Tally,
    delivering,
    rage,
)


def main() -> None:
    """Storm, print the tally, judge."""
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
    parser.add_argument("--real-backoff", action="store_true", help="retry after 2, 4 and 8 s, not fifty times sooner")
    options = parser.parse_args()
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "runtime.log"
        with house(Path(folder) / "house.duckdb", **SETTINGS, EXR_BATCH="1" if options.batch else "0") as home:
            process = RuntimeProcess(home.environ, log, "--batch-size", "8", "--batch-wait-ms", "20")
            print(f"runtime up after {process.start():.1f} s, seed {options.seed}")

            def kill() -> None:
                process.kill()
                process.start()

            kills = [
                ("function", options.kill_every, kill),
                ("database", options.restart_every, home.restart_database),
            ]
            started = time.monotonic()
            try:
                pauses = PLATFORM_SECONDS if options.real_backoff else RETRY_SECONDS
                with delivering(lambda: process.url, tally, pauses=pauses) as deliverer:
                    storm = Storm(home, deliverer, tally, seed=options.seed, keys=options.keys)
                    rage(
                        storm,
                        deliverer,
                        tally,
                        seconds=options.seconds,
                        rate=options.rate,
                        probability=options.faults,
                        kills=[kill for kill in kills if kill[1]],
                    )
            finally:
                process.kill()
            tally.add("object requests", home.s3.count())
            tally.add("database requests", home.database_requests + sum(home.database.counters().values()))
            tally.add("objects in the end", len(home.s3.contents()))
            faults = home.differences(StatsMode.SAMPLED)
            text = log.read_text(encoding="utf-8")
            secrets = (home.database.secret_key, home.s3.environ["S3_SECRET_KEY"])
        faults += ["a secret is in the log" for secret in secrets if secret in text]
    print(f"drained after {time.monotonic() - started:.1f} s")
    for name, count in sorted(tally.counts.items()):
        print(f"{count:8}  {name}")
    for fault in faults:
        print(f"wrong: {fault}")
    print("the tables equal the objects" if not faults else f"{len(faults)} differences")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
