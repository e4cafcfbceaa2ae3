"""A seekable binary file object as a source: every range is one seek and one read, one thread at a time."""

from __future__ import annotations

import io
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import BinaryIO

from exr_inspector.errors import SourceError
from exr_inspector.model import Cost, ObjectVersion
from exr_inspector.storage.budget import Allowance, Meter, reserve_all
from exr_inspector.storage.ranges import coalesce, cut
from exr_inspector.storage.source import ReadBudget

FILE_OBJECT_BUCKET = "object:"  # cannot be the name of an S3 bucket: those hold no colon


@dataclass(frozen=True, slots=True)
class FileObjectSource:
    """A `RangeSource` over a file object. The object's position is moved, and it is not closed.

    Attributes:
        file: What is read.
        key: The name that results give it.
        version: Its size; the time is when it was opened here, since a file object has none.
    """

    file: BinaryIO
    key: str
    version: ObjectVersion
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    meter: Meter = field(default_factory=Meter, repr=False)
    allowances: tuple[Allowance, ...] = field(default=(), repr=False)

    @classmethod
    def open(cls, file: BinaryIO) -> FileObjectSource:
        """Take a file object and ask it for its size.

        Raises:
            SourceError: It is not open for reading bytes, or cannot seek.
        """
        name = str(getattr(file, "name", "") or "file object").removeprefix("/")
        try:
            if not (file.readable() and file.seekable()):
                raise SourceError(f"{name}: expected a seekable file object that is open for reading")
            size = file.seek(0, io.SEEK_END)
            file.seek(0)
            is_bytes = isinstance(file.read(0), bytes)
        except (OSError, ValueError, AttributeError) as error:
            raise SourceError(f"{name}: this file object cannot be read: {error}") from error
        if not is_bytes:
            raise SourceError(f"{name}: expected a file object in binary mode, found one in text mode")
        return cls(file, name, ObjectVersion(None, size, datetime.now(timezone.utc)))

    @property
    def bucket(self) -> str:
        """`object:`."""
        return FILE_OBJECT_BUCKET

    @property
    def path(self) -> str:
        """`object:/<name>`."""
        return f"{self.bucket}/{self.key}"

    @property
    def cost(self) -> Cost:
        """Reads made and bytes of them."""
        return self.meter.cost

    def limited(self, budget: ReadBudget) -> FileObjectSource:
        """As RangeSource.limited."""
        allowances = (*self.allowances, Allowance(budget, self.path))
        return FileObjectSource(self.file, self.key, self.version, self.lock, self.meter, allowances)

    def read(self, *, start: int, end: int) -> bytes:
        """As RangeSource.read."""
        return self.read_many([(start, end)], coalesce_bytes=0)[0]

    def read_many(self, ranges: Sequence[tuple[int, int]], *, coalesce_bytes: int) -> list[bytes]:
        """As RangeSource.read_many."""
        for start, end in ranges:
            if not 0 <= start <= end:
                raise ValueError(f"a range goes from 0 <= start to end >= start, not from {start} to {end}")
        spans = coalesce(ranges, gap_bytes=coalesce_bytes)
        inside = [(span.start, min(span.end, self.version.size_bytes)) for span in spans]
        wanted = [end - start for start, end in inside if start < end]
        reserve_all(self.allowances, requests=len(wanted), size=sum(wanted))
        answers = [self._read(start, end) if start < end else b"" for start, end in inside]
        return cut(spans, answers, ranges)

    def _read(self, start: int, end: int) -> bytes:
        try:
            with self.lock:
                self.file.seek(start)
                data = self.file.read(end - start)
        except (OSError, ValueError) as error:
            raise SourceError(f"{self.path}: this file object cannot be read: {error}") from error
        self.meter.count(requests=1, bytes_read=len(data))
        return data
