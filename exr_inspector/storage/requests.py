"""One ranged request, tied to the version that is being read, and asked again within bounds when the store falters.

Retries are ours, not obstore's, so that each attempt is counted and none outlives the deadline: after a fault that may pass
(5xx, 408, 429, a timeout, a connection that was refused or broke, a body that ended early) the request is sent again after a
pause that doubles from `FIRST_PAUSE_SECONDS` and is shortened at random, so that many readers do not come back all at once.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timezone
from typing import TYPE_CHECKING, Protocol, TypeVar

import obstore

from exr_inspector.deadline import Deadline
from exr_inspector.errors import ObjectChanged, SourceUnavailable
from exr_inspector.model import ObjectVersion
from exr_inspector.storage.buckets import Bucket
from exr_inspector.storage.budget import Meter
from exr_inspector.storage.failures import STORE_ERRORS, Next, judge

if TYPE_CHECKING:
    from obstore import GetOptions, ObjectMeta

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0

T = TypeVar("T")
_JITTER = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class Pin:
    """The version that all reads of one source have to come from.

    Attributes:
        version: As the rest of the house sees it.
        if_match: The ETag as the store wrote it, None where it gives none or only a weak one, which If-Match never matches.
    """

    version: ObjectVersion
    if_match: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What one request brought.

    Attributes:
        data: The bytes.
        pin: The version they belong to.
    """

    data: bytes
    pin: Pin


class Way(Protocol):
    """How requests are made, and how whoever makes them waits."""

    async def get(self, bucket: Bucket, key: str, options: GetOptions) -> Answer:
        """A range of an object."""

    async def head(self, bucket: Bucket, key: str) -> Pin:
        """The description of an object."""

    async def pause(self, seconds: float) -> None:
        """Wait before the next attempt."""


class OnLoop:
    """Requests on an event loop, where they can be cancelled."""

    async def get(self, bucket: Bucket, key: str, options: GetOptions) -> Answer:
        """As in Way, as is all below."""
        result = await obstore.get_async(bucket.store, key, options=options)
        return Answer(bytes(await result.bytes_async()), pin_of(result.meta))

    async def head(self, bucket: Bucket, key: str) -> Pin:
        """The description of an object."""
        return pin_of(await obstore.head_async(bucket.store, key))

    async def pause(self, seconds: float) -> None:
        """Let others have the loop."""
        await asyncio.sleep(seconds)


class InPlace:
    """Requests that the thread which asks makes itself: `transport.in_place` runs what never waits for a loop."""

    async def get(self, bucket: Bucket, key: str, options: GetOptions) -> Answer:
        """As in Way, as is all below."""
        result = obstore.get(bucket.store, key, options=options)
        return Answer(bytes(result.bytes()), pin_of(result.meta))

    async def head(self, bucket: Bucket, key: str) -> Pin:
        """The description of an object."""
        return pin_of(obstore.head(bucket.store, key))

    async def pause(self, seconds: float) -> None:
        """Sleep: there is no loop that this could hold up."""
        time.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Attempts:
    """How often and for how long one request is tried.

    Attributes:
        retries: Further attempts after the first.
        meter: Counts every attempt.
        deadline: End of all attempts, None for none.
        path: Names the object in messages.
        way: How each is made.
    """

    retries: int
    meter: Meter
    deadline: Deadline | None
    path: str
    way: Way

    async def make(self, request: Callable[[], Awaitable[T]]) -> T | None:
        """The answer to `request`, or None when the range began at or after the end of the object.

        Raises:
            SourceError: As `failures.judge` has it, once retries are of no use or used up.
        """
        for attempt in range(self.retries + 1):
            self.meter.count(requests=1)
            try:
                return await request()
            except STORE_ERRORS as error:
                failure = judge(error, self.path)
            if failure.next is Next.LOOK:
                return None
            pause = pause_seconds(attempt)
            out_of_time = self.deadline is not None and self.deadline.remaining() <= pause
            if failure.next is Next.STOP or attempt == self.retries or out_of_time:
                raise failure.error from failure.cause
            await self.way.pause(pause)
        raise SourceUnavailable(f"{self.path}: no attempt was allowed")


def pause_seconds(attempt: int) -> float:
    """How long to wait after the failed attempt number `attempt`, counted from 0."""
    return min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0**attempt) * _JITTER.uniform(0.5, 1.0)


async def fetch(bucket: Bucket, key: str, *, start: int, end: int, pin: Pin | None, attempts: Attempts) -> Answer:
    """The bytes from `start` to `end` (exclusive, greater than `start`), fewer where the object ends before.

    Raises:
        ObjectChanged: The store says that `pin` is no longer there. A store may also ignore it: compare the answer's pin.
        SourceError: As `failures.judge` has it.
    """
    options: GetOptions = {"range": (start, end)}
    if pin is not None and pin.if_match is not None:
        options["if_match"] = pin.if_match

    async def request() -> Answer:
        answer = await attempts.way.get(bucket, key, options)
        if len(answer.data) != min(end, answer.pin.version.size_bytes) - start:
            raise ConnectionError("the body ended early")
        return answer

    answer = await attempts.make(request)
    if answer is None:
        found = await head(bucket, key, attempts=attempts)
        if found.version.size_bytes > start:
            raise ObjectChanged(f"{attempts.path}: overwritten while it was being read")
        answer = Answer(b"", found)
    attempts.meter.count(bytes_read=len(answer.data))
    return answer


async def head(bucket: Bucket, key: str, *, attempts: Attempts) -> Pin:
    """Which version of an object is there, without reading it.

    Raises:
        SourceError: As `failures.judge` has it.
    """
    pin = await attempts.make(lambda: attempts.way.head(bucket, key))
    if pin is None:
        raise SourceUnavailable(f"{attempts.path}: the store refuses to describe the object")
    return pin


def pin_of(meta: ObjectMeta) -> Pin:
    """The version that obstore's description of an object names."""
    etag = meta["e_tag"]
    version = ObjectVersion(
        etag=None if etag is None else etag.removeprefix('"').removesuffix('"'),
        size_bytes=meta["size"],
        mtime=meta["last_modified"].astimezone(timezone.utc),
    )
    return Pin(version, None if etag is None or etag.startswith("W/") else etag)


def same_version(pin: Pin | None, other: Pin) -> bool:
    """Whether `other` is what `pin` says, or nothing was said yet."""
    if pin is None:
        return True
    if pin.version.etag is not None or other.version.etag is not None:
        return (pin.version.etag, pin.version.size_bytes) == (other.version.etag, other.version.size_bytes)
    return pin.version == other.version
