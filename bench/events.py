"""`./run bench events [--files 200] [--senders 16]`: what one event costs, alone and in batches, and a cold start.

The function runs in a process of its own (`localrun`); the S3 server, the VAST DataBase and the senders in this one, all on the
same cores, so events per second are a floor. Requests per file do not depend on the machine: they are the figure to watch.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dataengine_local.client import post_event
from dataengine_local.events import element_event
from tests.chaos.house import BUCKET, House, house
from tests.chaos.storm import ROOT, RuntimeProcess

BATCH_SIZE = 32
BODIES = ("scanline_zip.exr", "layers.exr", "tiled.exr", "stereo_parts.exr")
COLD_STARTS = 3
OURS_SECONDS = 1.5  # what a cold start may take beside importing the database's SDK


def written(home: House, prefix: str, files: int) -> list[str]:
    """Keys of so many new objects."""
    keys = [f"{prefix}/beauty.{index:05}.exr" for index in range(files)]
    for index, key in enumerate(keys):
        home.put(key, BODIES[index % len(BODIES)])
    return keys


def send(home: House, url: str, keys: list[str], senders: int) -> tuple[float, float, float]:
    """Send one event an object; events a second, object and database requests an event."""
    files = len(keys)
    home.database.reset_counters()
    before = home.s3.count()
    started = time.perf_counter()
    with ThreadPoolExecutor(senders) as pool:
        answers = list(pool.map(lambda key: post_event(url, element_event(BUCKET, key)), keys))
    seconds = time.perf_counter() - started
    if any(answer.status != 204 for answer in answers):
        sys.exit(f"{sum(answer.status != 204 for answer in answers)} events were not answered 204")
    requests = sum(home.database.counters().values())
    return files / seconds, (home.s3.count() - before) / files, requests / files


def throughput(mode: str, files: int, senders: int) -> None:
    """One mode: new files, then the same events once more."""
    with tempfile.TemporaryDirectory() as folder, house(None, EXR_BATCH="1" if mode == "batch" else "0") as home:
        process = RuntimeProcess(
            home.environ, Path(folder) / "log", "--batch-size", str(BATCH_SIZE), "--batch-wait-ms", "20"
        )
        process.start()
        try:
            send(home, process.url, written(home, "warm", 8), 4)
            keys = written(home, "shot", files)
            for what in ("new files", "again"):
                rate, objects, database = send(home, process.url, keys, senders)
                print(
                    f"{mode:7} {what:10} {rate:7.1f} events/s   a file: {objects:.2f} object requests, "
                    f"{database:.2f} database requests"
                )
        finally:
            process.kill()


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


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="./run bench events")
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--senders", type=int, default=2 * BATCH_SIZE)
    options = parser.parse_args()
    cold_start()
    for mode in ("single", "batch"):
        throughput(mode, options.files, options.senders)


if __name__ == "__main__":
    main()
