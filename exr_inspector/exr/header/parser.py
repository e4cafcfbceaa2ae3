"""Parses a file's first bytes into parts and their attributes. Adds no defaults and repairs nothing.

    file       magic number, uint32 version and flags, one header for each part; multi-part files end the headers with a NUL
    header     attributes, then a NUL
    attribute  name NUL, type NUL, int32 size, value

`conformance` checks the attributes; `chunks` locates the chunks.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from exr_inspector.errors import (
    DamagedHeader,
    EmptyFile,
    FormatError,
    LimitExceeded,
    NotAnExr,
    TruncatedHeader,
    UnsupportedVersion,
)
from exr_inspector.exr.file_bytes import FileBytes, RangeRequests, run_in_memory
from exr_inspector.exr.header.attributes import FIXED, MEMORY_SHARES, OTHER_SHARE, decode
from exr_inspector.exr.header.channel_lists import CHANNEL_FIELD_BYTES
from exr_inspector.exr.header.parts import Header, PartHeader, make_part
from exr_inspector.exr.header.standard import STANDARD
from exr_inspector.exr.header.text import decode_name
from exr_inspector.exr.header.values import KNOWN_FLAGS, MULTI_PART, Attribute, AttributeValue
from exr_inspector.exr.limits import (
    DEFAULT_LIMITS,
    PER_CHECKPOINT,
    Checkpoint,
    Limits,
    Reserve,
    no_checkpoint,
    no_reserve,
)

__all__ = ["Header", "PartHeader", "make_part", "parse_header", "read_header"]

MAGIC = b"\x76\x2f\x31\x01"
VERSION = 2
LONG_NAME_BYTES = 255  # the format's own limit
_NUL = b"\0"
# Memory in bytes for an attribute and for a part in addition to values: objects and rows (`./run bench header_memory`).
_ATTRIBUTE_MEMORY = 1 << 10
_PART_MEMORY = 4 << 10
_LEAST_RESERVED = 64 << 10
_I32 = struct.Struct("<i")
_U32 = struct.Struct("<I")
# Makes an Attribute from a tuple in C code: parsing a header spends most of its time here.
_attribute = partial(tuple.__new__, Attribute)


# First bytes of other files that are named .exr by mistake.
_OTHER_FILES = (
    (b"version ", "a Git LFS pointer"),
    (b"<", "HTML or XML"),
    (b"\xff\xd8\xff", "a JPEG file"),
    (b"\x89PNG", "a PNG file"),
    (b"II*\0", "a TIFF file"),
    (b"MM\0*", "a TIFF file"),
    (b"#?RADIA", "a Radiance HDR file"),
    (b"SDPX", "a DPX file"),
    (b"XPDS", "a DPX file"),
    (b"8BPS", "a Photoshop file"),
    (b"PK\3\4", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip file"),
    (b"\x01\x31\x2f\x76", "the magic number in big-endian order"),
    (b"\0\0\0\0", "zeros, as in an unfinished copy"),
    (b"BM", "a BMP file"),
    (b"GIF8", "a GIF file"),
    (b"DDS ", "a DDS file"),
    (b"\xabKTX", "a KTX file"),
    (b"%PDF", "a PDF file"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"\x06\x0e\x2b\x34", "an MXF file"),
    (b"\x1aE\xdf\xa3", "a Matroska or WebM file"),
    (b'{"', "JSON"),
    (b"{\n", "JSON"),
)
_RIFF = {b"WEBP": "a WebP file", b"AVI ": "an AVI file", b"WAVE": "a WAVE file"}


def _guess(start: bytes) -> str:
    """The probable type of a file that is not OpenEXR, in brackets; empty if unknown."""
    name = next((name for first, name in _OTHER_FILES if start.startswith(first)), "")
    if start.startswith(b"RIFF"):
        name = _RIFF.get(start[8:12], "a RIFF file")
    elif start[4:8] == b"ftyp":
        name = "an MP4, QuickTime, HEIF or AVIF file"
    return f" ({name})" if name else ""


class _FixedRecord(NamedTuple):
    """How to read the value of a standard attribute whose type has a fixed size."""

    name: str
    type_name: str
    size: int
    unpack: Callable[[bytes, int], tuple[Any, ...]]
    make: Callable[[tuple[Any, ...]], AttributeValue]


# The key is the bytes before the value (name NUL, type NUL, int32 size): one look-up recognises most attributes of most files.
_FIXED_RECORDS = {
    f"{name}\0{type_name}\0".encode() + _I32.pack(FIXED[type_name][0].size): _FixedRecord(
        name, type_name, FIXED[type_name][0].size, FIXED[type_name][0].unpack_from, FIXED[type_name][1]
    )
    for name, (type_name, _) in STANDARD.items()
    if type_name in FIXED
}


def read_header(
    file: FileBytes,
    limits: Limits = DEFAULT_LIMITS,
    checkpoint: Checkpoint = no_checkpoint,
    reserve: Reserve = no_reserve,
) -> RangeRequests[Header]:
    """Read the header of `file`. Each byte is parsed once, whatever the sizes of the answers.

    Args:
        file: The file, already opened with `FileBytes.open`.
        limits: Limits of sizes and counts.
        checkpoint: Called regularly; an exception that it raises ends the reading.
        reserve: Called with the memory in bytes that attributes and their rows will need; an exception that it raises ends the
            reading.

    Raises:
        FormatError: NotAnExr, EmptyFile, UnsupportedVersion; or TruncatedHeader, DamagedHeader, LimitExceeded, whose
            `partial` is the Header with everything before the fault.
    """
    return (yield from _HeaderReader(file, limits, checkpoint, reserve).read())


def parse_header(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Header:
    """The header of a file whose bytes are `data`. Raises: as `read_header`."""
    file = FileBytes()
    file.buffer, file.size = data, len(data)
    return run_in_memory(read_header(file, limits), data)


class _HeaderReader:
    """The state of reading one header.

    Attributes:
        position: File offset of the next attribute, or of the NUL that ends a header.
    """

    def __init__(self, file: FileBytes, limits: Limits, checkpoint: Checkpoint, reserve: Reserve) -> None:
        self._file = file
        self._limits = limits
        self._checkpoint = checkpoint
        self._reserve = reserve
        self._unreserved_bytes = 0  # memory in bytes that is reserved together with later bytes, to save calls
        self._version_word = 0
        self._parts: list[PartHeader] = []
        self._attributes: list[Attribute] = []
        self._attributes_left = limits.attributes
        self.position = 0

    def read(self) -> RangeRequests[Header]:
        yield from self._read_version()
        try:
            if self._version_word & MULTI_PART:
                yield from self._read_parts()
            else:
                yield from self._read_attributes()
                self._end_part()
        except FormatError as error:
            if self._attributes:
                self._end_part()
            error.partial = Header(self._version_word, tuple(self._parts), self.position, is_partial=True)
            raise
        return Header(self._version_word, tuple(self._parts), self.position)

    def _end_part(self) -> None:
        self._unreserved_bytes += _PART_MEMORY + _ATTRIBUTE_MEMORY * (len(self._attributes) % PER_CHECKPOINT)
        if self._unreserved_bytes >= _LEAST_RESERVED:
            self._reserve_pending()
        self._parts.append(make_part(len(self._parts), self._version_word, tuple(self._attributes)))
        self._attributes = []

    def _read_version(self) -> RangeRequests[None]:
        file = self._file
        if file.size == 0:
            raise EmptyFile("the file is empty", found="0 bytes", expected="an OpenEXR file")
        buffer = yield from file.read_until(8)
        start = buffer[:4]
        if start != MAGIC[: len(start)]:
            found = f"{start.hex(' ')}{_guess(buffer)}"
            raise NotAnExr("not an OpenEXR file", offset=0, found=found, expected=MAGIC.hex(" "))
        if len(buffer) < 8:
            found = f"{file.size} bytes"
            raise TruncatedHeader("the file ends inside the version", offset=0, found=found, expected="8")
        word: int = _U32.unpack_from(buffer, 4)[0]
        if word & 0xFF != VERSION:
            raise UnsupportedVersion("unknown version", offset=4, found=str(word & 0xFF), expected=str(VERSION))
        if word & ~(KNOWN_FLAGS | 0xFF):
            found, expected = f"0x{word & ~0xFF:x}", f"none but 0x{KNOWN_FLAGS:x}"
            raise UnsupportedVersion("unknown flags", offset=4, found=found, expected=expected)
        self._version_word, self.position = word, 8

    def _read_parts(self) -> RangeRequests[None]:
        """Read the headers of a multi-part file, including the NUL that ends them."""
        file = self._file
        while True:
            if self.position >= len(file.buffer):
                yield from self._read_on(self.position + 1, "the headers' end", self.position)
            if self._parts and file.buffer[self.position] == 0:
                self.position += 1
                return
            if len(self._parts) >= self._limits.parts:
                raise self._too_many("parts", self._limits.parts)
            yield from self._read_attributes()
            if not self._attributes:
                message = "a multi-part file without parts"
                raise DamagedHeader(message, offset=8, found="no attribute", expected="a header")
            self._end_part()

    def _read_attributes(self) -> RangeRequests[None]:
        """Read the attributes of one part, including the NUL that ends them."""
        name_limit, string_limit = self._limits.name_bytes, self._limits.string_bytes
        attributes, position = self._attributes, self.position
        buffer, end = self._readable()
        find, record_of = buffer.find, _FIXED_RECORDS.get
        while True:
            name_end = find(_NUL, position, end)
            if name_end == position:
                break
            type_end = find(_NUL, name_end + 1, end)
            start = type_end + 5
            record = record_of(buffer[position:start])
            if record is not None and self._attributes_left:
                name, type_name, size, unpack, make = record
                if start + size <= end:
                    attributes.append(_attribute((name, type_name, make(unpack(buffer, start)), start, size, "")))
                    self._attributes_left -= 1
                    position = start + size
                    if len(attributes) % PER_CHECKPOINT == 0:
                        self._pause()
                    continue
            is_readable = 0 < name_end < type_end and start <= end
            size = _I32.unpack_from(buffer, type_end + 1)[0] if is_readable else -1
            too_long = name_end - position > name_limit or type_end - name_end > name_limit + 1
            if size < 0 or start + size > end or size > string_limit or too_long or not self._attributes_left:
                self.position = position
                yield from self._request_missing()
                buffer, end = self._readable()
                find = buffer.find
                continue
            name, type_name = decode_name(buffer[position:name_end]), decode_name(buffer[name_end + 1 : type_end])
            if type_name == "chlist":
                self._check_channel_list(name, size, start)
            self._unreserved_bytes += size * MEMORY_SHARES.get(type_name, OTHER_SHARE)
            if self._unreserved_bytes >= _LEAST_RESERVED:
                self._reserve_pending()
            value, problem = decode(type_name, buffer, start, size)
            attributes.append(_attribute((name, type_name, value, start, size, problem)))
            self._attributes_left -= 1
            if len(attributes) % PER_CHECKPOINT == 0:
                self._pause()
            position = start + size
        self.position = position + 1

    def _pause(self) -> None:
        """Call the checkpoint and reserve memory, after every PER_CHECKPOINT attributes of a part."""
        self._checkpoint()
        self._reserve(_ATTRIBUTE_MEMORY * PER_CHECKPOINT)

    def _reserve_pending(self) -> None:
        due, self._unreserved_bytes = self._unreserved_bytes, 0
        self._reserve(due)

    def _readable(self) -> tuple[bytes, int]:
        """The bytes read so far, and the offset up to which they may belong to a header."""
        buffer = self._file.buffer
        return buffer, min(len(buffer), self._limits.header_bytes)

    def _request_missing(self) -> RangeRequests[None]:
        """Request the bytes that the attribute at `position` lacks.

        Raises:
            FormatError: If the attribute is damaged or exceeds a limit, or the file ends inside it.
        """
        buffer, limits = self._file.buffer, self._limits
        name_end = buffer.find(_NUL, self.position, self.position + limits.name_bytes + 1)
        if name_end < 0:
            yield from self._read_name(self.position, "an attribute's name")
            return
        name = decode_name(buffer[self.position : name_end])
        type_end = buffer.find(_NUL, name_end + 1, name_end + limits.name_bytes + 2)
        if type_end < 0:
            yield from self._read_name(name_end + 1, f"the type of attribute {name!r}")
            return
        start = type_end + 5
        if start > len(buffer):
            yield from self._read_on(start, f"the size of attribute {name!r}", type_end + 1)
            return
        size: int = _I32.unpack_from(buffer, type_end + 1)[0]
        if size < 0:
            message = f"attribute {name!r} has a negative size"
            raise DamagedHeader(message, offset=type_end + 1, found=str(size), expected="0 or more")
        # In a file that ends before, the size is wrong, or the file truncated.
        if size > limits.string_bytes and start + size <= self._file.size:
            raise self._too_large(name, "string_bytes", type_end + 1, size, limits.string_bytes)
        if not self._attributes_left:
            raise self._too_many("attributes", limits.attributes)
        yield from self._read_on(start + size, f"attribute {name!r}", start)

    def _read_name(self, start: int, what: str) -> RangeRequests[None]:
        """Request the rest of a name that extends past the bytes read so far."""
        file, limit = self._file, self._limits.name_bytes
        until = start + limit + 1
        if len(file.buffer) < until:
            if len(file.buffer) < file.size < until:
                until = file.size  # a short name at the end of the file is allowed
            yield from self._read_on(until, what, start)
            return
        shown = f"{decode_name(file.buffer[start : start + 16])!r}..."
        if limit < LONG_NAME_BYTES:
            message, expected = f"{what} is too long", f"at most {limit} bytes"
            raise LimitExceeded(message, limit="name_bytes", offset=start, found=shown, expected=expected)
        raise DamagedHeader(f"{what} has no end", offset=start, found=shown, expected=f"a NUL within {limit + 1} bytes")

    def _read_on(self, until: int, what: str, offset: int) -> RangeRequests[None]:
        """Request the bytes before `until`. Raises if the file or the header limit ends before `until`."""
        file = self._file
        if until > file.size:
            message, found = f"the file ends inside {what}", f"{file.size} bytes in the file"
            raise TruncatedHeader(message, offset=offset, found=found, expected=f"at least {until}")
        if until > self._limits.header_bytes:
            message = f"{what} ends past the header limit"
            raise self._limits.exceeded("header_bytes", message, f"{until} bytes", offset=offset)
        self._reserve(2 * (until - len(file.buffer)))  # appending copies the bytes read so far
        yield from file.read_ahead(until)

    def _check_channel_list(self, name: str, size: int, offset: int) -> None:
        """Raise LimitExceeded before a list is decoded that has too many channels even if all names have the maximum length."""
        largest = self._limits.channels * (LONG_NAME_BYTES + 1 + CHANNEL_FIELD_BYTES) + 1
        if size > largest:
            raise self._too_large(name, "channels", offset, size, largest)

    @staticmethod
    def _too_large(name: str, limit: str, offset: int, size: int, most: int) -> LimitExceeded:
        message = f"attribute {name!r} is too large"
        return LimitExceeded(message, limit=limit, offset=offset, found=f"{size} bytes", expected=f"at most {most}")

    def _too_many(self, what: str, limit: int) -> LimitExceeded:
        return self._limits.exceeded(what, f"too many {what}", f"more than {limit}", offset=self.position)
