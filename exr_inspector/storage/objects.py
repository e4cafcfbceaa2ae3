"""An object read by ranges: pinned to one version, counted, within budget and deadline. Safe to share between threads."""

from __future__ import annotations

import threading
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from functools import partial

from exr_inspector.deadline import Deadline
from exr_inspector.errors import ObjectChanged
from exr_inspector.model import Cost, ObjectVersion
from exr_inspector.storage.buckets import Bucket
from exr_inspector.storage.budget import Allowance, Meter, reserve_all
from exr_inspector.storage.ranges import Span, coalesce, cut
from exr_inspector.storage.requests import Answer, Attempts, InPlace, OnLoop, Pin, fetch, same_version
from exr_inspector.storage.source import ReadBudget
from exr_inspector.storage.transport import Transport, all_of, in_place

AT_ONCE = 8  # requests of one read_many that are under way at the same time


class PinHolder:
    """The version all readers of one source agree on, set once by whichever answer comes first."""

    def __init__(self, path: str) -> None:
        self._lock = threading.Lock()
        self._path = path
        self._pin: Pin | None = None

    @property
    def pin(self) -> Pin | None:
        """The version, None before the first answer."""
        with self._lock:
            return self._pin

    def agree(self, pin: Pin) -> None:
        """Take `pin` for the version, or hold it against the one that was taken: a server may ignore If-Match.

        Raises:
            ObjectChanged: They differ.
        """
        with self._lock:
            if not same_version(self._pin, pin):
                raise ObjectChanged(f"{self._path}: overwritten while it was being read")
            self._pin = self._pin or pin


@dataclass(frozen=True, slots=True)
class ObjectSource:
    """A `RangeSource` over one object of one bucket.

    Attributes:
        where: The bucket.
        key: The key, literally.
        transport: Runs the requests.
        retries: Further attempts of one request.
        deadline: When reading has to be over, None for never.
        holder: The version that is read; shared by all readers that `limited` makes.
        meter: What reading costs; shared likewise.
        allowances: Budgets that every request has to fit into.
    """

    where: Bucket
    key: str
    transport: Transport
    retries: int
    deadline: Deadline | None
    holder: PinHolder
    meter: Meter
    allowances: tuple[Allowance, ...] = field(default=())

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
        pin = self.holder.pin
        return None if pin is None else pin.version

    @property
    def cost(self) -> Cost:
        """Requests made, every attempt counted, and bytes of the answers."""
        return self.meter.cost

    def limited(self, budget: ReadBudget) -> ObjectSource:
        """A reader of the same version that counts into the same cost and also has to keep to `budget`, from now on."""
        return ObjectSource(
            self.where,
            self.key,
            self.transport,
            self.retries,
            self.deadline,
            self.holder,
            self.meter,
            (*self.allowances, Allowance(budget, self.path)),
        )

    def read(self, *, start: int, end: int) -> bytes:
        """The bytes from `start` up to, not including, `end`; see `RangeSource.read`."""
        return self.read_many([(start, end)], coalesce_bytes=0)[0]

    def read_many(self, ranges: Sequence[tuple[int, int]], *, coalesce_bytes: int) -> list[bytes]:
        """The bytes of each range, with neighbours fetched together; see `RangeSource.read_many`."""
        for start, end in ranges:
            if not 0 <= start <= end:
                raise ValueError(f"a range goes from 0 <= start to end >= start, not from {start} to {end}")
        spans = coalesce(ranges, gap_bytes=coalesce_bytes)
        # The first request of all goes alone: it learns the version that the others are pinned to.
        first = spans[:1] if self.holder.pin is None else []
        answers = self._wave(first) + self._wave(spans[len(first) :])
        return cut(spans, answers, ranges)

    def _wave(self, spans: Sequence[Span]) -> list[bytes]:
        """The bytes of all spans, requested at the same time as far as they lie inside the object."""
        pin = self.holder.pin
        size = None if pin is None else pin.version.size_bytes
        wanted = [span for span in spans if size is None or span.start < size]
        if not wanted:
            return [b""] * len(spans)
        asked = sum(span.size if size is None else min(span.end, size) - span.start for span in wanted)
        reserve_all(self.allowances, requests=len(wanted), size=asked)
        before = self.where.file_state(self.key, self.deadline)
        answers = self._run(wanted, pin)
        for answer in answers:
            self.holder.agree(answer.pin)
        if self.where.file_state(self.key, self.deadline) != before:
            raise ObjectChanged(f"{self.path}: overwritten while it was being read")
        for allowance in self.allowances:
            allowance.give_back(size=asked - sum(len(answer.data) for answer in answers))
        data = {span: answer.data for span, answer in zip(wanted, answers, strict=True)}
        return [data.get(span, b"") for span in spans]

    def _run(self, spans: Sequence[Span], pin: Pin | None) -> list[Answer]:
        doing = f"reading {self.path}"
        if self.deadline is not None:
            self.deadline.check(doing)
        alone = len(spans) == 1 and self.where.answers_in_place(self.deadline)
        attempts = Attempts(self.retries, self.meter, self.deadline, self.path, InPlace() if alone else OnLoop())

        def one(span: Span) -> Coroutine[None, None, Answer]:
            return fetch(self.where, self.key, start=span.start, end=span.end, pin=pin, attempts=attempts)

        if alone:
            return [in_place(one(spans[0]))]
        if len(spans) == 1:
            return [self.transport.run(one(spans[0]), deadline=self.deadline, doing=doing)]
        work = all_of([partial(one, span) for span in spans], at_once=AT_ONCE)
        return self.transport.run(work, deadline=self.deadline, doing=doing)
