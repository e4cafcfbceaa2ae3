"""A seekable binary file object, or bytes in memory, as a bucket of one object."""

from __future__ import annotations

import io
import threading
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import BinaryIO

from exr_inspector.errors import SourceError
from exr_inspector.model import ObjectVersion
from exr_inspector.storage.ranges import MergedRange
from exr_inspector.storage.requests import Call, RangeAnswer, StoreVersion


class FileObjectBucket:
    """A file object that is read for any key. A range takes one seek and one read, one thread at a time. Never closed.

    Raises:
        SourceError: It is not open for reading bytes, or cannot seek.
    """

    def __init__(self, name: str, file: BinaryIO) -> None:
        self.name = name
        self._file = file
        self._lock = threading.Lock()
        try:
            if not (file.readable() and file.seekable()):
                raise SourceError(f"{name}: expected a seekable file object that is open for reading")
            size = file.seek(0, io.SEEK_END)
            file.seek(0)
            is_bytes = isinstance(file.read(0), bytes)
        except AttributeError as error:
            raise SourceError(
                f"expected a path, an s3:// URL, bytes or a file object in binary mode, found {type(file).__name__}"
            ) from error
        except (OSError, ValueError) as error:
            raise SourceError(f"{name}: this file object cannot be read: {error}") from error
        if not is_bytes:
            raise SourceError(f"{name}: expected a file object in binary mode, found one in text mode")
        # A file object has no modification time, so the time of opening is used.
        self._seen = StoreVersion(ObjectVersion(None, size, datetime.now(timezone.utc)))

    def fetch(self, key: str, ranges: Sequence[MergedRange], pin: StoreVersion | None, call: Call) -> list[RangeAnswer]:  # noqa: ARG002
        """As in ReadableBucket."""
        answers = [RangeAnswer(self._read(one, call.path), self._seen) for one in ranges]
        call.meter.count(requests=len(ranges), bytes_read=sum(len(answer.data) for answer in answers))
        return answers

    def _read(self, wanted: MergedRange, path: str) -> bytes:
        try:
            with self._lock:
                self._file.seek(wanted.start)
                return self._file.read(wanted.size)
        except (OSError, ValueError) as error:
            raise SourceError(f"{path}: this file object cannot be read: {error}") from error
