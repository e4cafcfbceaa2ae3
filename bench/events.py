"""`./run bench events [--files 200] [--senders 64] [--latency 3ms]`: what an event costs, alone, in batches, from a cold start.

The function runs in a process of its own (`localrun`); the S3 server, the VAST DataBase and the senders in this one, all on the
same cores, so events per second are a floor. Requests per file do not depend on the machine: they are the figure to watch.
With `--latency` each request to the database is delayed by so much, and events are sent one by one: what the delay adds to
one, in round trips, and what storing takes when everything is busy.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

from dataengine_local.client import post_event
from dataengine_local.events import element_event
from tests.chaos.house import BUCKET, House, house
from tests.chaos.storm import ROOT, RuntimeProcess
from vastdb_local import Fault, FaultKind
from vastdb_local.faults import ANY

BATCH_SIZE = 32
BODIES = ("scanline_zip.exr", "layers.exr", "tiled.exr", "stereo_parts.exr")
COLD_STARTS = 3
IDLE_EVENTS = 25
OURS_SECONDS = 1.5  # what a cold start may take beside importing the database's SDK


def written(home: House, prefix: str, files: int) -> list[str]:
    """Keys of so many new objects."""
    keys = [f"{prefix}/beauty.{index:05}.exr" for index in range(files)]
    for index, key in enumerate(keys):
        home.put(key, BODIES[index % len(BODIES)])
    return keys


def post(url: str, key: str) -> None:
    """Send the event of one object."""
    answer = post_event(url, element_event(BUCKET, key))
    if answer.status != 204:
        sys.exit(f"the event of {key} was answered {answer.status}, expected 204")


def send(home: House, url: str, keys: list[str], senders: int) -> tuple[float, float, float]:
    """Send one event an object; events a second, object and database requests an event."""
    files = len(keys)
    home.database.reset_counters()
    before = home.s3.count()
    started = time.perf_counter()
    with ThreadPoolExecutor(senders) as pool:
        list(pool.map(lambda key: post(url, key), keys))
    seconds = time.perf_counter() - started
    requests = sum(home.database.counters().values())
    return files / seconds, (home.s3.count() - before) / files, requests / files


@contextmanager
def function(*arguments: str, batch: bool = False) -> Iterator[tuple[House, str]]:
    """A house and the URL of a function in it that has seen its first events."""
    with tempfile.TemporaryDirectory() as folder, house(None, EXR_BATCH=str(int(batch))) as home:
        process = RuntimeProcess(home.environ, Path(folder) / "log", *arguments)
        process.start()
        try:
            send(home, process.url, written(home, "warm", 8), 4)
            yield home, process.url
        finally:
            process.kill()


def throughput(mode: str, files: int, senders: int) -> float:
    """One mode: new files, then the same events once more; events a second of the new ones."""
    batches = ("--batch-size", str(BATCH_SIZE), "--batch-wait-ms", "20")
    rates = []
    with function(*batches, batch=mode == "batch") as (home, url):
        keys = written(home, "shot", files)
        for what in ("new files", "again"):
            rate, objects, database = send(home, url, keys, senders)
            rates.append(rate)
            print(
                f"{mode:7} {what:10} {rate:7.1f} events/s   a file: {objects:.2f} object requests, "
                f"{database:.2f} database requests"
            )
    return rates[0]


def idle_latency(seconds: float) -> None:
    """Events one by one, every other one with a delay of each database request: what it adds to one, in delays.

    The fastest of each kind are compared: what else runs on this machine only ever adds.
    """
    with function() as (home, url):
        keys = written(home, "shot", 2 * IDLE_EVENTS)
        for what in ("new file", "again"):
            times: dict[float, list[float]] = {0.0: [], seconds: []}
            for key, delay in zip(keys, cycle(times)):
                home.database.faults.chance(ANY, 1.0, Fault(FaultKind.DELAY, delay))
                started = time.perf_counter()
                post(url, key)
                times[delay].append(time.perf_counter() - started)
                home.database.faults.clear()
            plain, delayed = min(times[0.0]), min(times[seconds])
            print(
                f"idle    {what:10} {plain * 1000:.1f} ms, {delayed * 1000:.1f} ms with {seconds * 1000:g} ms a request: "
                f"{(delayed - plain) / seconds:.1f} round trips"
            )


def seconds_of(program: str) -> tuple[float, float]:
    """Medians of what a program takes by the clock and of CPU, each time in a fresh interpreter."""
    measured = (
        f"import time; t, c = time.perf_counter(), time.process_time(); {program}; "
        "print(time.perf_counter() - t, time.process_time() - c)"
    )
    line = [sys.executable, "-c", measured]
    runs = [
        subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
        for _ in range(COLD_STARTS)
    ]
    return statistics.median(float(run[0]) for run in runs), statistics.median(float(run[1]) for run in runs)


def cold_start() -> None:
    """Imports and `init`, with and without what the database's SDK takes."""
    environ = {
        "VAST_DB_ENDPOINT": "http://127.0.0.1:9",
        "VAST_DB_ACCESS_KEY": "a",
        "VAST_DB_SECRET_KEY": "b",
        "VAST_DB_BUCKET": "c",
        "S3_ENDPOINT_URL": "http://127.0.0.1:9",
        "S3_ACCESS_KEY": "a",
        "S3_SECRET_KEY": "b",
    }
    started = f"import os, types; os.environ.update({environ!r}); import main; main.init(types.SimpleNamespace())"
    (sdk, sdk_cpu), (whole, whole_cpu) = seconds_of("import vastdb"), seconds_of(started)
    verdict = "within" if whole - sdk <= OURS_SECONDS else "BEYOND"
    print(
        f"cold start: {whole:.2f} s from nothing to ready, of which `import vastdb` {sdk:.2f} s; "
        f"ours {whole - sdk:.2f} s, {verdict} {OURS_SECONDS} s (CPU alone, which a busy machine does not stretch so: "
        f"{whole_cpu:.2f} s, of which `import vastdb` {sdk_cpu:.2f} s)"
    )


def milliseconds(text: str) -> float:
    """`3ms` in seconds."""
    if not text.endswith("ms"):
        raise argparse.ArgumentTypeError(f"{text!r} is no time such as 3ms")
    return float(text.removesuffix("ms")) / 1000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="./run bench events")
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--senders", type=int, default=2 * BATCH_SIZE)
    parser.add_argument(
        "--latency", type=milliseconds, help="only idle latency, each database request delayed, as in 3ms"
    )
    options = parser.parse_args()
    if options.latency:
        idle_latency(options.latency)
        return
    cold_start()
    single, batch = (throughput(mode, options.files, options.senders) for mode in ("single", "batch"))
    print(f"single events reach {single / batch:.0%} of the throughput of batches")


if __name__ == "__main__":
    main()
