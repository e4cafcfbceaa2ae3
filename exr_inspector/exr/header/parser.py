"""Headers: the file's first bytes to parts and their attributes, as they stand, nothing added and nothing repaired.

A file starts with the magic number, the version word and one header a part; a header is a list of attributes (name NUL,
type NUL, int32 size, value) that a NUL ends; behind the headers of a multi-part file stands one more NUL. What the
attributes should be is for `conformance` to say, where the chunks lie for `layout` and `chunks`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from exr_inspector.errors import (
    DamagedHeader,
    EmptyFile,
    FormatError,
    LimitExceeded,
    NotAnExr,
    TruncatedHeader,
    UnsupportedVersion,
)
from exr_inspector.exr.header.attributes import FIXED, KNOWN_TYPES, decode
from exr_inspector.exr.header.cursor import Cursor, MoreNeeded
from exr_inspector.exr.header.malformed import decode_name
from exr_inspector.exr.header.parts import Header, PartHeader, make_part
from exr_inspector.exr.header.required_run import REQUIRED_RUNS, RequiredRun, record_key
from exr_inspector.exr.header.standard import STANDARD
from exr_inspector.exr.header.values import KNOWN_FLAGS, MULTI_PART, NON_IMAGE, TILED, Attribute, AttributeValue
from exr_inspector.exr.limits import DEFAULT_LIMITS, Limits

__all__ = ["Header", "HeaderParser", "NeedMore", "PartHeader", "make_part", "parse_header"]

MAGIC = b"\x76\x2f\x31\x01"
VERSION = 2
# The bytes of name, type and size of each standard attribute of a fixed size -> how to read its value.
_RECORDS: dict[bytes, tuple[str, str, int, Callable[..., Any], Callable[..., Any], RequiredRun | None]] = {
    record_key(name, type_name): (
        name,
        type_name,
        FIXED[type_name][0].size,
        FIXED[type_name][0].unpack_from,
        FIXED[type_name][1],
        REQUIRED_RUNS.get(name),
    )
    for name, (type_name, _) in STANDARD.items()
    if type_name in FIXED
}
# Name and type of each standard attribute, as bytes -> as text.
_PAIRS = {f"{name}\0{type_name}".encode(): (name, type_name) for name, (type_name, _) in STANDARD.items()}
_KNOWN_TYPES = {type_name.encode(): type_name for type_name in KNOWN_TYPES}
_PLAIN_WORDS = frozenset({VERSION, VERSION | TILED, VERSION | NON_IMAGE, VERSION | MULTI_PART})
_NUL = b"\0"
_I32 = struct.Struct("<i")
_U32 = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class NeedMore:
    """The header goes on past the bytes at hand.

    Attributes:
        until: File offset up to which at least to read; never beyond the end of a file whose size is known.
    """

    until: int


def _custom(
    raw_name: bytes, raw_type: bytes, buffer: bytes, offset: int, size: int
) -> tuple[str, str, AttributeValue, str]:
    """Name, type name, value and problem of an attribute that is not a standard one; most of these are text."""
    if raw_type == b"string" and b"\\" not in raw_name:
        try:
            return raw_name.decode(), "string", buffer[offset : offset + size].decode(), ""
        except UnicodeDecodeError:
            pass  # one of the two: told apart below
    name, type_name = decode_name(raw_name), _KNOWN_TYPES.get(raw_type) or decode_name(raw_type)
    return name, type_name, *decode(type_name, buffer, offset, size)


class HeaderParser:
    """Reads a header as its bytes become known; each byte is looked at once, however they arrive.

    Feed it the file's first bytes, then again with more of them, until it answers a Header.
    """

    __slots__ = ("_attributes", "_count", "_file_size", "_limits", "_parts", "_position", "_version_word")

    def __init__(self, file_size: int | None = None, limits: Limits = DEFAULT_LIMITS) -> None:
        self._file_size = file_size
        self._limits = limits
        self._version_word = 0
        self._position = 0
        self._count = 0
        self._attributes: list[Attribute] = []
        self._parts: list[PartHeader] = []

    def feed(self, buffer: bytes) -> Header | NeedMore:
        """Read on in `buffer`, which starts at the file's first byte and holds at least what the last one held.

        Raises:
            FormatError: NotAnExr, EmptyFile, UnsupportedVersion; or TruncatedHeader, DamagedHeader, LimitExceeded, whose
                `partial` is the Header of what could be read.
        """
        try:
            if not self._position:
                self._read_version(buffer)
            if self._version_word & MULTI_PART:
                while self._read_part(buffer):
                    pass
                parts = tuple(self._parts)
            else:
                self._read_attributes(buffer)
                parts = (make_part(0, self._version_word, tuple(self._attributes)),)
        except MoreNeeded as more:
            return NeedMore(more.until)
        except FormatError as error:
            if self._position:
                error.partial = self._partial()
            raise
        return tuple.__new__(Header, (self._version_word, parts, self._position, False))  # as Header(...), in C

    def _partial(self) -> Header:
        parts = tuple(self._parts)
        if self._attributes:
            parts += (make_part(len(parts), self._version_word, tuple(self._attributes)),)
        return Header(self._version_word, parts, self._position, is_partial=True)

    def _read_version(self, buffer: bytes) -> None:
        if buffer[:4] == MAGIC:
            word: int = _U32.unpack_from(buffer, 4)[0] if len(buffer) >= 8 else 0
            if word in _PLAIN_WORDS:
                self._version_word, self._position = word, 8
                return
        self._check_version(buffer)

    def _check_version(self, buffer: bytes) -> None:
        """Read the version with every check of its own."""
        if self._file_size == 0:
            raise EmptyFile("the file is empty", found="0 bytes", expected="an OpenEXR file")
        start = buffer[:4]
        if start != MAGIC[: len(start)]:
            raise NotAnExr("not an OpenEXR file", offset=0, found=start.hex(" "), expected=MAGIC.hex(" "))
        if len(buffer) < 8:
            if self._file_size is not None and self._file_size < 8:
                raise TruncatedHeader(
                    "the file ends inside the version", offset=0, found=f"{self._file_size} bytes", expected="8"
                )
            raise MoreNeeded(8)
        word: int = _U32.unpack_from(buffer, 4)[0]
        if word & 0xFF != VERSION:
            raise UnsupportedVersion("unknown version", offset=4, found=str(word & 0xFF), expected=str(VERSION))
        if word & ~(KNOWN_FLAGS | 0xFF):
            raise UnsupportedVersion(
                "unknown flags", offset=4, found=f"0x{word & ~0xFF:x}", expected=f"none but 0x{KNOWN_FLAGS:x}"
            )
        self._version_word = word
        self._position = 8

    def _read_part(self, buffer: bytes) -> bool:
        """Read on to the end of the current part's header in a multi-part file; answers whether another part may follow."""
        if self._parts and not self._attributes:
            cursor = Cursor(buffer, self._position, self._file_size, self._limits)
            cursor.require(self._position + 1, "the headers' end")
            if buffer[self._position] == 0:
                self._position += 1
                return False
            if len(self._parts) >= self._limits.parts:
                raise self._too_many("parts", self._limits.parts, "EXR_MAX_PARTS")
        self._read_attributes(buffer)
        if not self._attributes:
            raise DamagedHeader("a multi-part file without parts", offset=8, found="no attribute", expected="a header")
        self._parts.append(make_part(len(self._parts), self._version_word, tuple(self._attributes)))
        self._count += len(self._attributes)
        self._attributes = []
        return True

    def _read_attributes(self, buffer: bytes) -> None:
        """Read attributes up to and with the terminator. This is the hot path: all checks, and few calls.

        A standard attribute of a fixed size is told by the bytes of its name, type and size together: one look-up gives all
        that is to be known of it. The position is stored before every call that may raise, and at the end.
        """
        end = min(len(buffer), self._limits.header_bytes)
        name_limit, string_limit = self._limits.name_bytes, self._limits.string_bytes
        find, known_record, known_pair = buffer.find, _RECORDS.get, _PAIRS.get
        new, attribute_class = tuple.__new__, Attribute  # makes an Attribute in C, three times faster than calling it
        attributes = self._attributes
        position = self._position
        left = self._limits.attributes - self._count - len(attributes)
        while True:
            name_end = find(_NUL, position)
            if name_end == position < end:
                break
            type_end = find(_NUL, name_end + 1)
            value_start = type_end + 5
            record = known_record(buffer[position:value_start])
            if record is not None:
                name, type_name, size, unpack, make, run = record
                if value_start + size > end or not left:
                    self._explain(buffer, position)
                if run is not None and left >= run[1] and position + run[0] <= end:
                    together = run[2](buffer, position)
                    attributes += together
                    left -= len(together)
                    position = together[-1][3] + together[-1][4]
                    continue
                value, problem = make(unpack(buffer, value_start)), ""
            else:
                too_long = name_end - position > name_limit or type_end - name_end > name_limit + 1
                if name_end < 0 or type_end < 0 or value_start > end or too_long or not left:
                    self._explain(buffer, position)
                size = _I32.unpack_from(buffer, type_end + 1)[0]
                if size < 0 or value_start + size > end or size > string_limit:
                    self._explain(buffer, position)
                pair = known_pair(buffer[position:type_end])
                if pair is not None:
                    name, type_name = pair
                    value, problem = decode(type_name, buffer, value_start, size)
                else:
                    raw_name, raw_type = buffer[position:name_end], buffer[name_end + 1 : type_end]
                    name, type_name, value, problem = _custom(raw_name, raw_type, buffer, value_start, size)
            attributes.append(new(attribute_class, (name, type_name, value, value_start, size, problem)))
            left -= 1
            position = value_start + size
        self._position = position + 1

    def _explain(self, buffer: bytes, position: int) -> NoReturn:
        """Walk the attribute at `position` again with every check of its own, to raise why it cannot be read (yet)."""
        self._position = position
        cursor = Cursor(buffer, position, self._file_size, self._limits)
        name = decode_name(cursor.name("an attribute's name"))
        cursor.name(f"the type of attribute {name!r}")
        size = cursor.int32(f"the size of attribute {name!r}")
        if size < 0:
            raise DamagedHeader(
                f"attribute {name!r} has a negative size",
                offset=cursor.position - 4,
                found=str(size),
                expected="0 or more",
            )
        if size > self._limits.string_bytes:
            raise LimitExceeded(
                f"attribute {name!r} is too large",
                limit="EXR_MAX_STRING_BYTES",
                offset=cursor.position - 4,
                found=f"{size} bytes",
                expected=f"at most {self._limits.string_bytes}",
            )
        if self._count + len(self._attributes) >= self._limits.attributes:
            raise self._too_many("attributes", self._limits.attributes, "EXR_MAX_ATTRIBUTES")
        raise cursor.missing(cursor.position + size, f"attribute {name!r}")

    def _too_many(self, what: str, limit: int, setting: str) -> LimitExceeded:
        return LimitExceeded(
            f"too many {what}",
            limit=setting,
            offset=self._position,
            found=f"more than {limit}",
            expected=f"at most {limit}",
        )


def parse_header(buffer: bytes, file_size: int | None = None, limits: Limits = DEFAULT_LIMITS) -> Header | NeedMore:
    """Parse the header in a file's first bytes.

    Args:
        buffer: The first bytes of the file.
        file_size: Bytes of the whole file, None while unknown: then what is missing is never called truncated.
        limits: What the file may ask for.

    Returns:
        The Header, or NeedMore with the offset up to which to read. To go on without looking at the same bytes twice, keep a
        HeaderParser and feed it.

    Raises:
        FormatError: As HeaderParser.feed.
    """
    return HeaderParser(file_size, limits).feed(buffer)
