"""`./run bench events [--files 200] [--senders 64] [--rounds 3] [--latency 3ms]`: cost of single, batched and cold events.

Two functions run in separate processes (`localrun`): one takes single events, the other batches. The S3 servers, the databases
and the senders run in this process on the same cores, so events per second are a lower bound. The two functions take turns in
each round, because the load of the machine changes. Requests per file do not depend on the machine and are the figure to
compare; the CPU time of the function's process depends on it less than events per second do.

With `--latency`, requests to the database are delayed by this time, then by three times as much, and events are sent one by
one: the difference gives the number of round trips for one event, and the time of everything else.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

from dataengine_local.client import post_event
from dataengine_local.events import element_event
from tests.chaos.stack import BUCKET, LocalStack, local_stack
from tests.chaos.storm import ROOT, RuntimeProcess
from vastdb_local import Fault, FaultKind
from vastdb_local.faults import ANY

BATCH_SIZE = 32
BODIES = ("scanline_zip.exr", "layers.exr", "tiled.exr", "stereo_parts.exr")
COLD_STARTS = 3
IDLE_EVENTS = 25
PATIENCE = {
    "S3_TIMEOUT_SECONDS": "20",
    "EXR_DB_RETRY_SECONDS": "60",
    "EXR_DEADLINE_SECONDS": "120",
}  # longer than the defaults, for a busy machine
OURS_SECONDS = 1.5  # goal for a cold start, without the import of the database's SDK


def written(stack: LocalStack, prefix: str, files: int) -> list[str]:
    """Write `files` new objects, and return their keys."""
    keys = [f"{prefix}/beauty.{index:05}.exr" for index in range(files)]
    for index, key in enumerate(keys):
        stack.put(key, BODIES[index % len(BODIES)])
    return keys


def post(url: str, key: str) -> None:
    """Send the event for one object."""
    answer = post_event(url, element_event(BUCKET, key))
    if answer.status != 204:
        sys.exit(f"the event of {key} was answered {answer.status}, expected 204")


@dataclass(frozen=True)
class Sent:
    """The cost of events: events per second, and CPU milliseconds and requests per event."""

    rate: float
    cpu_ms: float
    object_requests: float
    database_requests: float


def cpu_seconds(pid: int) -> float:
    """The CPU seconds of a process so far (Linux: fields utime and stime of proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def send(stack: LocalStack, process: RuntimeProcess, keys: list[str], senders: int) -> Sent:
    """Send one event for each object, and return the cost."""
    files = len(keys)
    stack.database.reset_counters()
    before, cpu = stack.s3.count(), cpu_seconds(process.pid)
    started = time.perf_counter()
    with ThreadPoolExecutor(senders) as pool:
        list(pool.map(lambda key: post(process.url, key), keys))
    seconds = time.perf_counter() - started
    return Sent(
        rate=files / seconds,
        cpu_ms=(cpu_seconds(process.pid) - cpu) / files * 1000,
        object_requests=(stack.s3.count() - before) / files,
        database_requests=sum(stack.database.counters().values()) / files,
    )


@contextmanager
def function(*arguments: str, batch: bool = False, senders: int = 4) -> Iterator[tuple[LocalStack, RuntimeProcess]]:
    """Start local services and a function, and let it handle its first events."""
    with (
        tempfile.TemporaryDirectory() as folder,
        local_stack(None, log=None, **PATIENCE, EXR_BATCH=str(int(batch))) as stack,
    ):
        process = RuntimeProcess(stack.environ, Path(folder) / "log", *arguments)
        process.start()
        try:
            send(stack, process, written(stack, "first", 8), 4)
            send(stack, process, written(stack, "warm", 2 * senders), senders)
            yield stack, process
        finally:
            process.kill()


def throughput(files: int, senders: int, rounds: int) -> None:
    """Measure both modes in turns, with new files and with repeated events; prints medians, and the ratio of each round."""
    batches = ("--batch-size", str(BATCH_SIZE), "--batch-wait-ms", "20")
    found: dict[tuple[str, str], list[Sent]] = {}
    with function(*batches, senders=senders) as single, function(*batches, batch=True, senders=senders) as batch:
        for index in range(rounds):
            for mode, (stack, process) in (("single", single), ("batch", batch)):
                keys = written(stack, f"shot{index}", files)
                for what in ("new files", "again"):
                    found.setdefault((mode, what), []).append(send(stack, process, keys, senders))
    for (mode, what), sent in found.items():
        print(f"{mode:7} {what:10} {line(sent)}")
    pairs = list(zip(found["single", "new files"], found["batch", "new files"], strict=True))
    by_rate = [one.rate / other.rate for one, other in pairs]
    by_cpu = [other.cpu_ms / one.cpu_ms for one, other in pairs]
    print(
        f"single events reach {statistics.median(by_rate):.0%} of the throughput of batches "
        f"({', '.join(f'{ratio:.0%}' for ratio in by_rate)}); by CPU time of the function {statistics.median(by_cpu):.0%}"
    )


def line(sent: Sequence[Sent]) -> str:
    """Format the medians of some rounds."""
    rate, cpu, objects, database = (
        statistics.median(getattr(one, name) for one in sent)
        for name in ("rate", "cpu_ms", "object_requests", "database_requests")
    )
    return (
        f"{rate:7.1f} events/s, {cpu:5.2f} ms CPU of the function an event; a file: {objects:.2f} object requests, "
        f"{database:.2f} database requests"
    )


def idle_latency(seconds: float) -> None:
    """Send events one by one, with two delays of database requests in turns; prints round trips and other time per event.

    The number of round trips is the slope between the two delays, so it excludes this machine's time (CPU, waking threads).
    The fastest events of each kind are compared, because other load can only make an event slower.
    """
    with function() as (stack, process):
        keys = written(stack, "shot", 2 * IDLE_EVENTS)
        for what in ("new file", "again", "replaced"):
            if what == "replaced":
                for index, key in enumerate(keys):
                    stack.put(key, BODIES[(index + 1) % len(BODIES)])
            short, long = seconds, 3 * seconds
            times: dict[float, list[float]] = {short: [], long: []}
            for key, delay in zip(keys, cycle(times)):
                stack.database.faults.chance(ANY, 1.0, Fault(FaultKind.DELAY, delay))
                started = time.perf_counter()
                post(process.url, key)
                times[delay].append(time.perf_counter() - started)
                stack.database.faults.clear()
            near, far = min(times[short]), min(times[long])
            trips = (far - near) / (long - short)
            beside = near - trips * short
            print(
                f"idle    {what:10} {trips:.2f} round trips and {beside * 1000:.0f} ms beside them: {near * 1000:.0f} ms with "
                f"{short * 1000:g} ms a request, {far * 1000:.0f} ms with {long * 1000:g} ms"
            )


def seconds_of(program: str) -> tuple[float, float]:
    """The median elapsed and CPU seconds of a program, each time run in a new interpreter."""
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
    """Print the time of all imports and `init`, with and without that of importing the database's SDK."""
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
    result = "within" if whole - sdk <= OURS_SECONDS else "BEYOND"
    print(
        f"cold start: {whole:.2f} s from nothing to ready, of which `import vastdb` {sdk:.2f} s; "
        f"ours {whole - sdk:.2f} s, {result} {OURS_SECONDS} s (CPU alone, which a busy machine does not stretch so: "
        f"{whole_cpu:.2f} s, of which `import vastdb` {sdk_cpu:.2f} s)"
    )


def milliseconds(text: str) -> float:
    """Parse a duration such as `3ms`; returns seconds."""
    if not text.endswith("ms"):
        raise argparse.ArgumentTypeError(f"{text!r} is no time such as 3ms")
    return float(text.removesuffix("ms")) / 1000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="./run bench events")
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--senders", type=int, default=2 * BATCH_SIZE)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--latency", type=milliseconds, help="only idle latency, each database request delayed, as in 3ms"
    )
    options = parser.parse_args()
    if options.latency:
        idle_latency(options.latency)
        return
    cold_start()
    throughput(options.files, options.senders, options.rounds)


if __name__ == "__main__":
    main()
