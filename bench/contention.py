"""`./run bench contention [--writers 1,4,16] [--batches 12] [--guards 1024,262144]`: conflicts of unrelated batches.

Each writer is a process that stores batches of 32 files that no other process writes. It prints the number of transactions
begun for each commit (1.00: none was repeated), the requests per batch and the longest duration of a batch, for conflicts that
are detected by row and by group of rows. At the end every file must be stored exactly once, and no writer may have given up;
otherwise the exit code is 1.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections import Counter
from importlib import import_module
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier

from bench._local import LONG_WAITS, catalog_of, environment
from exr_inspector.catalog.admin.setup import SetupOptions, setup
from exr_inspector.catalog.rows.groups import prepare
from exr_inspector.catalog.schema import DEFAULT_GUARDS, FILES, LEAST_GUARDS
from exr_inspector.catalog.sdk import silence_sdk_loggers
from exr_inspector.errors import CatalogConflict
from tests.contract.catalog.model import inspection
from vastdb_local import LocalVastDB

FILES_PER_BATCH = 32


def write(environ: dict[str, str], writer: int, batches: int, together: Barrier, longest: SimpleQueue[float]) -> None:
    """Store the batches of one writer, in its own process; `longest` gets the longest duration, or infinity if it gave up."""
    silence_sdk_loggers()
    catalog = catalog_of(environ)
    catalog.upsert([inspection(f"warm/{writer}.exr")])
    together.wait()  # this process knows the tables now, and the parent resets the server's counters
    together.wait()
    seconds = 0.0
    for batch in range(batches):
        items = prepare([inspection(f"w{writer}/{batch}/{number}.exr") for number in range(FILES_PER_BATCH)])
        started = time.monotonic()
        try:
            catalog.upsert(items)
        except CatalogConflict:
            seconds = float("inf")
            break
        seconds = max(seconds, time.monotonic() - started)
    longest.put(seconds)
    catalog.close()


def measure(writers: int, batches: int, guards: int, group: int) -> bool:
    """Measure, and print one line; true if every file is stored exactly once."""
    with LocalVastDB(None, conflict_group_rows=group, transaction_seconds=120.0) as server:
        environ = {**environment(server), **LONG_WAITS, "EXR_DB_RETRY_SECONDS": "120"}
        reader = catalog_of(environ)
        setup(reader.connection, SetupOptions(guards=guards))
        # A spawned process finds the function by the name of its module, which is `__main__` in this process.
        program = import_module("bench.contention")
        context = multiprocessing.get_context("spawn")
        together = context.Barrier(writers + 1)
        longest = context.SimpleQueue()
        processes = [
            context.Process(target=program.write, args=(environ, number, batches, together, longest))
            for number in range(writers)
        ]
        for process in processes:
            process.start()
        together.wait()
        server.reset_counters()
        together.wait()
        started = time.monotonic()
        waits = [longest.get() for _ in processes]
        seconds = time.monotonic() - started
        for process in processes:
            process.join()
        counters = server.counters()
        begun, committed = counters["begin"], counters["commit"]
        paths = Counter(
            path
            for batch in reader.connection.run("read back", lambda work: list(work.select(FILES, ["path"])))
            for path in batch["path"].to_pylist()
        )
        reader.close()
    is_complete = len(paths) == writers * (batches * FILES_PER_BATCH + 1) and set(paths.values()) == {1}
    kind = "rows" if group == 1 else f"groups of {group} rows"
    times = f"({committed} commits in {seconds:.0f} s)  longest {max(waits):.1f} s"
    print(
        f"{writers:2} writers  {guards:7} guards  conflicts of {kind:18} {begun / (writers * batches):5.2f} transactions "
        f"a commit  {sum(counters.values()) / (writers * batches):5.1f} requests a batch  {times}"
        + ("" if is_complete else "  FILES ARE MISSING OR THERE TWICE"),
        flush=True,
    )
    return is_complete


def numbers(text: str) -> list[int]:
    """Parse a list such as `1,4,16`."""
    found = [int(number) for number in text.split(",")]
    if min(found) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: expected numbers from 1 on")
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="./run bench contention")
    parser.add_argument("--writers", type=numbers, default=[1, 4, 16])
    parser.add_argument("--batches", type=int, default=12)
    parser.add_argument("--guards", type=numbers, default=[LEAST_GUARDS, DEFAULT_GUARDS])
    parser.add_argument(
        "--groups", type=numbers, default=[1, 1_024], help="rows of a group that conflicts are found by"
    )
    options = parser.parse_args()
    whole = [
        measure(writers, options.batches, guards, group)
        for group in options.groups
        for guards in options.guards
        for writers in options.writers
    ]
    sys.exit(not all(whole))


if __name__ == "__main__":
    main()
