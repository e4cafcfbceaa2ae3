"""An object that is read by ranges: pinned to one version, with counted cost, within budget and deadline; thread-safe."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from exr_inspector.deadline import Deadline
from exr_inspector.errors import ObjectChanged, SourceError
from exr_inspector.model import Cost, ObjectVersion
from exr_inspector.storage.budget import Allowance, Meter, reserve_all
from exr_inspector.storage.ranges import MergedRange, coalesce, cut
from exr_inspector.storage.requests import Call, RangeAnswer, StoreVersion
from exr_inspector.storage.sequences import is_exr
from exr_inspector.storage.source import ObjectEntry, ReadBudget

# Called with the path and error of a folder (its path ends in a slash) or file that cannot be listed; the listing continues.
FaultReport = Callable[[str, SourceError], None]

# Returns whether a listing may leave out a folder, given as a key that ends in a slash.
Skips = Callable[[str], bool]


def exr_report(report: FaultReport) -> FaultReport:
    """Return a report that passes on only folders and files whose names are names of OpenEXR files."""

    def report_exr(path: str, error: SourceError) -> None:
        if path.endswith("/") or is_exr(path):
            report(path, error)

    return report_exr


class ReadableBucket(Protocol):
    """Provides the bytes of objects of one bucket: from an S3 store, a local folder, or a file object. Thread-safe."""

    @property
    def name(self) -> str:
        """Name of the bucket."""

    def fetch(self, key: str, ranges: Sequence[MergedRange], pin: StoreVersion | None, call: Call) -> list[RangeAnswer]:
        """Return the bytes of each range, each with the version it was read from; fewer bytes if the object ends early.

        Raises:
            SourceError: As for `RangeSource.read`.
        """


class Bucket(ReadableBucket, Protocol):
    """Finds objects as well."""

    def head(self, key: str, call: Call) -> StoreVersion:
        """Return the current version of an object, without reading it.

        Raises:
            SourceError: As for `RangeSource.read`.
        """

    def entries(
        self, prefix: str, report: FaultReport | None, after: str = "", skips: Skips | None = None
    ) -> Iterator[ObjectEntry]:
        """Yield the objects whose keys begin with `prefix` and come after `after`, by rising `key_order`.

        What cannot be listed is passed to `report`, or raised without it. Folders for which `skips` is true may be left
        out.

        Raises:
            SourceError: The bucket is unavailable, or something cannot be listed and there is no `report`.
        """

    def folders(self, prefix: str) -> list[str]:
        """Return the folders directly below a folder, as keys that end in a slash, by rising key.

        Args:
            prefix: A folder as a key that ends in a slash, or empty.

        Raises:
            SourceError: It cannot be listed.
        """


class VersionPin:
    """The version that all readers of one source must see, set by the first response."""

    def __init__(self, path: str) -> None:
        self._lock = threading.Lock()
        self._path = path
        self._seen: StoreVersion | None = None

    @property
    def seen(self) -> StoreVersion | None:
        """The version; None before the first response."""
        with self._lock:
            return self._seen

    def verify(self, seen: StoreVersion) -> None:
        """Pin `seen`, or compare it with the pinned version, since a server may ignore If-Match.

        Raises:
            ObjectChanged: The versions differ.
        """
        with self._lock:
            if self._seen is not None and not _is_same(self._seen.version, seen.version):
                raise ObjectChanged(f"{self._path}: overwritten while it was being read")
            self._seen = self._seen or seen


def _is_same(one: ObjectVersion, other: ObjectVersion) -> bool:
    if one.etag is not None or other.etag is not None:
        return (one.etag, one.size_bytes) == (other.etag, other.size_bytes)
    return one == other


@dataclass(frozen=True, slots=True)
class ObjectSource:
    """A `RangeSource` of one object of one bucket.

    Attributes:
        where: The bucket.
        key: The key, literally.
        deadline: When reading must end; None for no limit.
        pin: The version that is read; shared with all readers that `limited` returns.
        meter: Counts the cost; shared in the same way.
        allowances: Budgets that limit every request.
        holder: Returns the bucket, or the mounted folder, that contains another object, given its bucket and key, or raises
            what `beside` raises; None if the object has no folder.
    """

    where: ReadableBucket
    key: str
    deadline: Deadline | None
    pin: VersionPin
    meter: Meter
    allowances: tuple[Allowance, ...] = field(default=())
    holder: Callable[[str, str], Bucket] | None = None

    @property
    def bucket(self) -> str:
        """Name of the bucket."""
        return self.where.name

    @property
    def path(self) -> str:
        """`<bucket>/<key>`."""
        return f"{self.where.name}/{self.key}"

    @property
    def version(self) -> ObjectVersion | None:
        """The version that is read; None until the first response."""
        seen = self.pin.seen
        return None if seen is None else seen.version

    @property
    def cost(self) -> Cost:
        """Requests made, including retries, and bytes of the responses."""
        return self.meter.cost

    def limited(self, budget: ReadBudget) -> ObjectSource:
        """Return a reader of the same version that adds to the same cost and must also stay within `budget` from now on."""
        return replace(self, allowances=(*self.allowances, Allowance(budget, self.path)))

    def beside(self, name: str) -> ObjectSource | None:
        """Return a reader of another object in the same folder or below it; see `RangeSource.beside`."""
        if self.holder is None:
            return None
        folder = self.key.rpartition("/")[0]
        key = f"{folder}/{name}" if folder else name
        return replace(self, where=self.holder(self.bucket, key), key=key, pin=VersionPin(f"{self.bucket}/{key}"))

    def read(self, *, start: int, end: int) -> bytes:
        """Return the bytes from `start` up to, not including, `end`; see `RangeSource.read`."""
        return self.read_many([(start, end)], coalesce_bytes=0)[0]

    def read_many(self, ranges: Sequence[tuple[int, int]], *, coalesce_bytes: int) -> list[bytes]:
        """Return the bytes of each range; neighbouring ranges are fetched together. See `RangeSource.read_many`."""
        for start, end in ranges:
            if not 0 <= start <= end:
                raise ValueError(f"a range goes from 0 <= start to end >= start, not from {start} to {end}")
        merged = coalesce(ranges, gap_bytes=coalesce_bytes)
        # The first request is sent alone: its response has the version that the others are pinned to.
        first = merged[:1] if self.pin.seen is None else []
        answers = self._fetch(first) + self._fetch(merged[len(first) :])
        return cut(merged, answers, ranges)

    def _fetch(self, merged: Sequence[MergedRange]) -> list[bytes]:
        """Return the bytes of all ranges, cut to the object's size and requested concurrently."""
        pin = self.pin.seen
        size = None if pin is None else pin.version.size_bytes
        wanted = [span for span in merged if size is None or span.start < size]
        if not wanted:
            return [b""] * len(merged)
        requested_bytes = sum(span.size if size is None else min(span.end, size) - span.start for span in wanted)
        reserve_all(self.allowances, requests=len(wanted), size=requested_bytes)
        if self.deadline is not None:
            self.deadline.check(f"reading {self.path}")
        answers = self.where.fetch(self.key, wanted, pin, Call(self.meter, self.deadline, self.path))
        for answer in answers:
            self.pin.verify(answer.seen)
        for allowance in self.allowances:
            allowance.give_back(requests=0, size=requested_bytes - sum(len(answer.data) for answer in answers))
        data = {span: answer.data for span, answer in zip(wanted, answers, strict=True)}
        return [data.get(span, b"") for span in merged]
