"""Bounded reading of a file's first bytes: says how far it must see instead of running past the end."""

from __future__ import annotations

import struct

from exr_inspector.errors import DamagedHeader, LimitExceeded, TruncatedHeader
from exr_inspector.exr.limits import Limits

LONG_NAME_BYTES = 255  # the format's own limit
_I32 = struct.Struct("<i")


class MoreNeeded(Exception):
    """The bytes at hand end too early; `until` is the file offset up to which to read. Never leaves this package."""

    def __init__(self, until: int) -> None:
        self.until = until
        super().__init__(until)


class Cursor:
    """A position in the bytes that are at hand, `buffer[0]` being the first byte of the file.

    Attributes:
        buffer: The file's first bytes, as many as were read.
        position: Offset of the next byte to read.
        file_size: Bytes of the whole file, None while unknown.
    """

    __slots__ = ("buffer", "end", "file_size", "limits", "position")

    def __init__(self, buffer: bytes, position: int, file_size: int | None, limits: Limits) -> None:
        self.buffer = buffer
        self.end = len(buffer)
        self.position = position
        self.file_size = file_size
        self.limits = limits

    def missing(self, until: int, what: str) -> Exception:
        """Why the bytes before `until` are not at hand, to be raised.

        Returns:
            MoreNeeded if they are in the file, TruncatedHeader if the file ends before, LimitExceeded if that is more
            header than allowed.
        """
        if self.file_size is not None and until > self.file_size:
            return TruncatedHeader(
                f"the file ends inside {what}",
                offset=self.position,
                found=f"{self.file_size} bytes in the file",
                expected=f"at least {until}",
            )
        if until > self.limits.header_bytes:
            return LimitExceeded(
                f"{what} ends past the header limit",
                limit="EXR_MAX_HEADER_BYTES",
                offset=self.position,
                found=f"{until} bytes",
                expected=f"at most {self.limits.header_bytes}",
            )
        return MoreNeeded(until)

    def require(self, until: int, what: str) -> None:
        """Make sure that the bytes before `until` are at hand; raises what `missing` says if they are not."""
        if until > self.end:
            raise self.missing(until, what)

    def name(self, what: str) -> bytes:
        """The bytes up to the next NUL, which is skipped; empty where the next byte is NUL.

        Raises:
            DamagedHeader: If there is no NUL within the longest name that the format allows.
            LimitExceeded: If there is none within a tighter limit.
        """
        start = self.position
        limit = self.limits.name_bytes
        found = self.buffer.find(0, start, start + limit + 1)
        if found >= 0:
            self.position = found + 1
            return self.buffer[start:found]
        if self.end > start + limit:
            shown = f"{self.buffer[start : start + 16]!r}..."
            if limit < LONG_NAME_BYTES:
                raise LimitExceeded(
                    f"{what} is too long",
                    limit="EXR_MAX_NAME_BYTES",
                    offset=start,
                    found=shown,
                    expected=f"at most {limit} bytes",
                )
            raise DamagedHeader(
                f"{what} has no end", offset=start, found=shown, expected=f"a NUL within {limit + 1} bytes"
            )
        until = start + limit + 1
        if self.file_size is not None and until > self.file_size > self.end:
            until = self.file_size  # a short name at the very end of the file is still a name
        raise self.missing(until, what)

    def int32(self, what: str) -> int:
        """The next four bytes as a signed integer."""
        self.require(self.position + 4, what)
        value: int = _I32.unpack_from(self.buffer, self.position)[0]
        self.position += 4
        return value
