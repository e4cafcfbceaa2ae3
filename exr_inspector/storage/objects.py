"""An object read by ranges: pinned to one version, counted, within budget and deadline. Safe to share between threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from exr_inspector.deadline import Deadline
from exr_inspector.errors import ObjectChanged, SourceError
from exr_inspector.model import Cost, ObjectVersion
from exr_inspector.storage.budget import Allowance, Meter, reserve_all
from exr_inspector.storage.keys import AllowList, check_key
from exr_inspector.storage.ranges import MergedRange, coalesce, cut
from exr_inspector.storage.requests import Call, RangeAnswer, StoreVersion
from exr_inspector.storage.sequences import is_exr
from exr_inspector.storage.source import ObjectEntry, ReadBudget

# Called with path and error of what cannot be listed, when the rest can: a folder, whose path ends in a slash, or a file.
Report = Callable[[str, SourceError], None]

# Whether a folder, a key that ends in a slash, need not be listed.
Skips = Callable[[str], bool]


def exr_report(report: Report) -> Report:
    """A report that passes on what speaks of folders, and of files that are OpenEXR files by their names."""

    def told(path: str, error: SourceError) -> None:
        if path.endswith("/") or is_exr(path):
            report(path, error)

    return told


class Bucket(Protocol):
    """Where the objects of one bucket are: in an S3 store, in a local folder, or in memory. Thread-safe."""

    @property
    def name(self) -> str:
        """Name of the bucket."""

    def fetch(self, key: str, ranges: Sequence[MergedRange], pin: StoreVersion | None, call: Call) -> list[RangeAnswer]:
        """The bytes of each range, each with the version it was read from; shorter where the object ends before.

        Raises:
            SourceError: What `RangeSource.read` raises.
        """

    def head(self, key: str, call: Call) -> StoreVersion:
        """Which version of an object is there, without reading it.

        Raises:
            SourceError: What `RangeSource.read` raises.
        """

    def entries(
        self, prefix: str, report: Report | None, after: str = "", skips: Skips | None = None
    ) -> Iterator[ObjectEntry]:
        """The objects whose keys begin with `prefix` and come after `after`, by rising `key_order`.

        What cannot be listed is reported, or raised without `report`. Folders that `skips` holds for
        need not be listed.

        Raises:
            SourceError: The bucket is away, or something cannot be listed and there is no `report`.
        """

    def folders(self, prefix: str) -> list[str]:
        """The folders directly below a folder, as keys that end in a slash, by rising key.

        Args:
            prefix: A folder as a key that ends in a slash, or empty.

        Raises:
            SourceError: It cannot be listed.
        """


class VersionPin:
    """The version all readers of one source have to see, set once by whichever answer comes first."""

    def __init__(self, path: str) -> None:
        self._lock = threading.Lock()
        self._path = path
        self._seen: StoreVersion | None = None

    @property
    def seen(self) -> StoreVersion | None:
        """The version, None before the first answer."""
        with self._lock:
            return self._seen

    def verify(self, seen: StoreVersion) -> None:
        """Pin `seen`, or compare it with what was pinned: a server may ignore If-Match.

        Raises:
            ObjectChanged: They differ.
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
    """A `RangeSource` over one object of one bucket.

    Attributes:
        where: The bucket.
        key: The key, literally.
        deadline: When reading has to be over, None for never.
        pin: The version that is read; shared by all readers that `limited` makes.
        meter: What reading costs; shared likewise.
        allowances: Budgets that every request has to fit into.
        allowed: Which objects beside it may be read; None where it has no folder.
    """

    where: Bucket
    key: str
    deadline: Deadline | None
    pin: VersionPin
    meter: Meter
    allowances: tuple[Allowance, ...] = field(default=())
    allowed: AllowList | None = None

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
        """What is being read; None until the first request was answered."""
        seen = self.pin.seen
        return None if seen is None else seen.version

    @property
    def cost(self) -> Cost:
        """Requests made, every attempt counted, and bytes of the answers."""
        return self.meter.cost

    def limited(self, budget: ReadBudget) -> ObjectSource:
        """A reader of the same version that counts into the same cost and also has to keep to `budget`, from now on."""
        return replace(self, allowances=(*self.allowances, Allowance(budget, self.path)))

    def beside(self, name: str) -> ObjectSource | None:
        """A reader of another object in the same folder or below it; see `RangeSource.beside`."""
        if self.allowed is None:
            return None
        folder = self.key.rpartition("/")[0]
        key = f"{folder}/{name}" if folder else name
        self.allowed.check(self.bucket, key)
        check_key(self.bucket, key)
        return replace(self, key=key, pin=VersionPin(f"{self.bucket}/{key}"))

    def read(self, *, start: int, end: int) -> bytes:
        """The bytes from `start` up to, not including, `end`; see `RangeSource.read`."""
        return self.read_many([(start, end)], coalesce_bytes=0)[0]

    def read_many(self, ranges: Sequence[tuple[int, int]], *, coalesce_bytes: int) -> list[bytes]:
        """The bytes of each range, with neighbours fetched together; see `RangeSource.read_many`."""
        for start, end in ranges:
            if not 0 <= start <= end:
                raise ValueError(f"a range goes from 0 <= start to end >= start, not from {start} to {end}")
        merged = coalesce(ranges, gap_bytes=coalesce_bytes)
        # The first request of all goes alone: it learns the version that the others are pinned to.
        first = merged[:1] if self.pin.seen is None else []
        answers = self._fetch(first) + self._fetch(merged[len(first) :])
        return cut(merged, answers, ranges)

    def _fetch(self, merged: Sequence[MergedRange]) -> list[bytes]:
        """The bytes of all ranges, cut to the object's size and requested concurrently."""
        pin = self.pin.seen
        size = None if pin is None else pin.version.size_bytes
        wanted = [span for span in merged if size is None or span.start < size]
        if not wanted:
            return [b""] * len(merged)
        asked = sum(span.size if size is None else min(span.end, size) - span.start for span in wanted)
        reserve_all(self.allowances, requests=len(wanted), size=asked)
        if self.deadline is not None:
            self.deadline.check(f"reading {self.path}")
        answers = self.where.fetch(self.key, wanted, pin, Call(self.meter, self.deadline, self.path))
        for answer in answers:
            self.pin.verify(answer.seen)
        for allowance in self.allowances:
            allowance.give_back(size=asked - sum(len(answer.data) for answer in answers))
        data = {span: answer.data for span, answer in zip(wanted, answers, strict=True)}
        return [data.get(span, b"") for span in merged]
