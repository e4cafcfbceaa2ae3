"""A fault storm for local services: objects change, events arrive twice, late and out of order, and every service fails.

Events are delivered as the platform does: an event answered with 500 is delivered again after doubling pauses (scaled down),
then goes to the dead-letter topic, which is replayed after the faults, as in `docs/deploy.md`.
"""

from __future__ import annotations

import heapq
import itertools
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from dataengine_local.client import post_event
from dataengine_local.errors import LocalRuntimeError
from dataengine_local.events import element_event, schedule_event
from tests.chaos.stack import BUCKET, DENIED, LocalStack
from tests.support.faulty_s3 import Drop, Short, Stall, Status, Trickle
from vastdb_local import Fault, FaultKind
from vastdb_local.faults import ANY

ROOT = Path(__file__).resolve().parents[2]
PLATFORM_SECONDS = (2.0, 4.0, 8.0)
RETRY_SECONDS = (0.04, 0.08, 0.16)  # the platform's pauses divided by 50
BODIES = (
    "scanline_zip.exr",
    "layers.exr",
    "deep_scanline.exr",
    "cryptomatte.exr",
    "not_an_exr.exr",
    "truncated.exr",
    "empty.exr",
)
STORE_FAULTS = (Status(500), Status(503), Status(429), Drop(), Short(300), Stall(0.05), Stall(0.7), Trickle(2000, 0.01))
DATABASE_FAULTS = (
    Fault(FaultKind.INTERNAL_ERROR),
    Fault(FaultKind.SLOW_DOWN),
    Fault(FaultKind.CONFLICT),
    Fault(FaultKind.DROP_BEFORE),
    Fault(FaultKind.DROP_AFTER),
    Fault(FaultKind.DELAY, 0.05),
    Fault(FaultKind.DELAY, 1.2),  # done, but answered after the client's time-out
    Fault(FaultKind.DROP_BEFORE, 1.2),  # not done, and answered after the client's time-out
    Fault(FaultKind.CUT),
    Fault(FaultKind.CUT_BODY),
    Fault(
        FaultKind.TRICKLE, 0.02
    ),  # done, and answered one byte at a time, so that no time-out for a single read applies
)
SETTINGS = {
    "EXR_STATS": "sampled",
    "EXR_INITIAL_READ_BYTES": "1000",  # several requests per file, so that the object can change between them
    "S3_TIMEOUT_SECONDS": "0.5",
    "S3_RETRIES": "1",
    "EXR_DB_TIMEOUT_SECONDS": "0.8",
}
CLAIM_SECONDS = 31.0  # EXR_DEADLINE_SECONDS of the function plus the time that a claim lasts longer
SWEEPS = {"EXR_SWEEP": BUCKET, "EXR_SETTLE_SECONDS": "0"}


@dataclass
class Tally:
    """Counts of what happened."""

    counts: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, name: str, amount: int = 1) -> None:
        """Add to a count."""
        with self.lock:
            self.counts[name] += amount


@dataclass(order=True)
class _Due:
    at: float
    number: int
    attempt: int = field(compare=False)
    event: dict[str, Any] = field(compare=False)


class Deliverer:
    """Queues events like the platform, delivers them from several threads, and repeats those answered with 500."""

    def __init__(
        self, url: Callable[[], str], tally: Tally, *, threads: int, pauses: Sequence[float] = RETRY_SECONDS
    ) -> None:
        self._url = url
        self._pauses = pauses
        self._tally = tally
        self._condition = threading.Condition()
        self._waiting: list[_Due] = []
        self._numbers = itertools.count()
        self._busy = 0
        self._closed = False
        self.dead: list[dict[str, Any]] = []
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def put(self, event: dict[str, Any], *, after: float = 0.0, attempt: int = 0) -> None:
        """Queue an event for delivery after a number of seconds."""
        with self._condition:
            heapq.heappush(self._waiting, _Due(time.monotonic() + after, next(self._numbers), attempt, event))
            self._condition.notify()

    def waiting(self) -> int:
        """The number of events that are queued or being delivered."""
        with self._condition:
            return len(self._waiting) + self._busy

    def drain(self, seconds: float) -> bool:
        """Wait until every event is answered with 204 or is a dead letter; False if none was finished for this many seconds."""
        fewest, until = self.waiting(), time.monotonic() + seconds
        while fewest and time.monotonic() < until:
            time.sleep(0.02)
            if (now := self.waiting()) < fewest:
                fewest, until = now, time.monotonic() + seconds
        return not fewest

    def replay(self) -> int:
        """Deliver the dead letters again; returns their number."""
        with self._condition:
            dead, self.dead = self.dead, []
        for event in dead:
            self.put(event)
        return len(dead)

    def close(self) -> None:
        """Stop delivering."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
        for thread in self._threads:
            thread.join(5)

    def _work(self) -> None:
        while (due := self._next()) is not None:
            try:
                self._deliver(due)
            finally:
                with self._condition:
                    self._busy -= 1

    def _next(self) -> _Due | None:
        with self._condition:
            while not self._closed:
                now = time.monotonic()
                if self._waiting and self._waiting[0].at <= now:
                    self._busy += 1
                    return heapq.heappop(self._waiting)
                self._condition.wait(self._waiting[0].at - now if self._waiting else None)
        return None

    def _deliver(self, due: _Due) -> None:
        self._tally.add("deliveries")
        try:
            answer = post_event(self._url(), due.event, timeout_seconds=30)
        except LocalRuntimeError:  # the function was killed or has not started yet; this does not count as an attempt
            self._tally.add("without an answer")
            self.put(due.event, after=0.25, attempt=due.attempt)
            return
        self._tally.add(f"answered {answer.status}")
        if answer.status == 204:
            return
        if answer.status == 500 and due.attempt >= len(self._pauses):
            self._tally.add("dead letters")
            with self._condition:
                self.dead.append(due.event)
        else:
            pause = self._pauses[min(due.attempt, len(self._pauses) - 1)]
            self.put(due.event, after=pause, attempt=due.attempt + (answer.status == 500))


class Storm:
    """Changes objects at random and sends the events of the changes.

    Attributes:
        unseen: Fraction of the changes without an event, as over NFS; if there are any, schedule events are sent as well.
    """

    def __init__(
        self, stack: LocalStack, deliverer: Deliverer, tally: Tally, *, seed: int, keys: int, unseen: float = 0.0
    ) -> None:
        self.unseen = unseen
        self._stack = stack
        self._deliverer = deliverer
        self._tally = tally
        self._dice = random.Random(seed)
        self._keys = [f"shot/a b+c%20/beauty.{index:04}.exr" for index in range(keys)] + [f"{DENIED}x.exr", "note.txt"]
        self._sequence = itertools.count(1)
        if unseen:
            stack.s3.put(BUCKET, "always.txt", b"")  # a bucket without any object is treated as unavailable

    def sweep(self) -> None:
        """Send a schedule event."""
        self._tally.add("sweeps sent")
        self._deliverer.put(schedule_event())

    def step(self) -> None:
        """Change one to three objects and send one event for them, possibly twice or late; or change one without an event."""
        if self.unseen and self._dice.random() < 0.15:
            self.sweep()
        if self._dice.random() < self.unseen:
            self._change()
            self._tally.add("changes without an event")
            return
        events = [self._change() for _ in range(self._dice.choice((1, 1, 1, 1, 3)))]
        if len(events) > 1:
            together = {name: value for name, value in events[0].items() if name != "elementpath"}
            together["data"] = {"Records": [record for event in events for record in event["data"]["Records"]]}
            event = together
            self._tally.add("events of several objects")
        else:
            event = events[0]
            if self._dice.random() < 0.15:  # an event with the path alone, without a sequencer
                event["data"] = {}
        for _ in range(1 + (self._dice.random() < 0.2)):
            self._tally.add("events sent")
            self._deliverer.put(event, after=self._dice.choice((0.0, 0.0, 0.05, 0.4)))

    def _change(self) -> dict[str, Any]:
        key = self._dice.choice(self._keys)
        name = self._dice.choice(("ObjectCreated:Put",) * 5 + ("ObjectRemoved:Delete",) * 2 + ("ObjectTagging:Put",))
        if name.startswith("ObjectCreated"):
            self._stack.put(key, self._dice.choice(BODIES))
        elif name.startswith("ObjectRemoved"):
            self._stack.s3.delete(BUCKET, key)
        self._tally.add(name)
        return element_event(
            BUCKET, key, event_name=name, sequencer=f"{next(self._sequence):016x}", time=datetime.now(timezone.utc)
        )

    def faults(self, probability: float) -> None:
        """Make store and database fail each request with this probability."""
        self._stack.s3.chance(probability, *STORE_FAULTS, seed=self._dice.randrange(1 << 30))
        self._stack.database.faults.clear()
        for fault in DATABASE_FAULTS:
            self._stack.database.faults.chance(ANY, probability / len(DATABASE_FAULTS), fault)

    def calm(self) -> None:
        """Remove all faults."""
        self._stack.s3.chance(0.0, seed=0)
        self._stack.database.faults.clear()


class RuntimeProcess:
    """`localrun` in a separate process, which can be killed and restarted on the same port."""

    def __init__(self, environ: dict[str, str], log: Path, *arguments: str) -> None:
        self._environ = {**os.environ, **environ, "PYTHONPATH": str(ROOT)}
        self._arguments = arguments
        self._log = log
        self._port = 0
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        """The URL to which events are posted."""
        return f"http://127.0.0.1:{self._port}/"

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process is not None
        return self._process.pid

    def start(self, seconds: float = 300.0) -> float:
        """Start the process and wait until it is ready; returns the seconds that this took."""
        started = time.monotonic()
        line = [sys.executable, "-m", "exr_inspector.cli", "localrun", "--port", str(self._port), *self._arguments]
        with self._log.open("a", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                line, cwd=ROOT, env=self._environ, stdout=subprocess.PIPE, stderr=log, text=True
            )
        assert self._process.stdout is not None
        line_of_url = self._process.stdout.readline()  # printed once init has returned
        if " at http" not in line_of_url or time.monotonic() - started > seconds:
            raise LocalRuntimeError(f"the runtime did not start: {line_of_url!r}, see {self._log}")
        self._port = int(line_of_url.split(" at ")[1].split("/")[2].split(":")[1])
        return time.monotonic() - started

    def kill(self) -> None:
        """Kill the process immediately."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(10)
            self._process = None


@contextmanager
def delivering(
    url: Callable[[], str], tally: Tally, *, threads: int = 16, pauses: Sequence[float] = RETRY_SECONDS
) -> Iterator[Deliverer]:
    """Create a deliverer, and close it at the end of the block."""
    deliverer = Deliverer(url, tally, threads=threads, pauses=pauses)
    try:
        yield deliverer
    finally:
        deliverer.close()


def rage(
    storm: Storm,
    deliverer: Deliverer,
    tally: Tally,
    *,
    seconds: float,
    rate: float,
    probability: float = 0.06,
    least: int = 0,
    kills: Sequence[tuple[str, float, Callable[[], None]]] = (),
) -> None:
    """Run the storm for a number of seconds, then wait until the queue and the dead-letter topic are empty.

    Args:
        storm: Changes the objects.
        deliverer: Delivers the events.
        tally: Counts what happens.
        seconds: Duration of the storm.
        rate: Largest number of changes per second.
        probability: Probability that a request fails, in every other group of 50 changes.
        least: Least number of changes; on a busy machine the storm takes longer than `seconds`.
        kills: Processes that are killed and restarted: name, seconds between kills, and the function that does it.

    Raises:
        TimeoutError: The queue or the dead-letter topic does not become empty.
    """
    started = time.monotonic()
    due = [started + every / 2 for _, every, _ in kills]
    fierce = False
    steps = 0
    while (now := time.monotonic()) < started + seconds or steps < least:
        if steps % 50 == 0:
            fierce = not fierce
            storm.faults(probability if fierce else 0.0)
        for index, (name, every, kill) in enumerate(kills):
            if now >= due[index]:
                kill()
                tally.add(f"kills of the {name}")
                due[index] = time.monotonic() + every
        if deliverer.waiting() < 200:
            storm.step()
            steps += 1
        time.sleep(1 / rate)
    storm.calm()
    sweeps = 2 if storm.unseen else 0  # a sweep that is running may have listed the objects before the last change
    for _ in range(20):
        if not deliverer.drain(120):
            raise TimeoutError(f"{deliverer.waiting()} events are still waiting")
        replayed = deliverer.replay()
        tally.add("replayed", replayed)
        if replayed:
            continue
        if not sweeps:
            return
        if kills and sweeps == 2:
            time.sleep(CLAIM_SECONDS)  # wait until the claims of killed functions have expired
        sweeps -= 1
        storm.sweep()
    raise TimeoutError("the dead-letter topic does not become empty")
