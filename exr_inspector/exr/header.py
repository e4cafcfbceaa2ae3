"""Headers: the file's first bytes to parts and their attributes, as they stand, nothing added and nothing repaired.

A file starts with the magic number, the version word and one header a part; a header is a list of attributes (name NUL,
type NUL, int32 size, value) that a NUL ends; behind the headers of a multi-part file stands one more NUL. What the
attributes should be is for `conformance` to say, where the chunks lie for `layout` and `chunks`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn

from exr_inspector.errors import (
    DamagedHeader,
    EmptyFile,
    FormatError,
    LimitExceeded,
    NotAnExr,
    TruncatedHeader,
    UnsupportedVersion,
)
from exr_inspector.exr.attributes import FIXED, decode, decode_name, readable_channels
from exr_inspector.exr.cursor import Cursor, MoreNeeded
from exr_inspector.exr.limits import DEFAULT_LIMITS, Limits
from exr_inspector.exr.required_run import REQUIRED_RUNS, RequiredRun, record_key
from exr_inspector.exr.standard import KNOWN_NAMES, STANDARD
from exr_inspector.exr.values import (
    KNOWN_FLAGS,
    MULTI_PART,
    NON_IMAGE,
    TILED,
    Attribute,
    AttributeValue,
    Box2i,
    Channel,
    TileDesc,
)

MAGIC = b"\x76\x2f\x31\x01"
VERSION = 2
# Of these, the library keeps the first of two in a header; of all others the last.
FIRST_WINS = frozenset({"name", "type", "version", "chunkCount"})
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
_PLAIN_WORDS = frozenset({VERSION, VERSION | TILED, VERSION | NON_IMAGE, VERSION | MULTI_PART})
_NUL = b"\0"
_I32 = struct.Struct("<i")
_U32 = struct.Struct("<I")


class PartHeader(NamedTuple):
    """One part's header.

    The properties answer None where the file does not say, or says it with another type or in bytes that do not fit.

    Attributes:
        index: Position of the part in the file, from 0.
        version_word: The file's version word; its flags say how to read a single part.
        attributes: All attributes in file order, duplicates included.
        by_name: The attribute that counts for each name.
    """

    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody asks of a part
    version_word: int
    attributes: tuple[Attribute, ...]
    by_name: dict[str, Attribute]

    def value(self, name: str, type_name: str) -> AttributeValue | None:
        """The value of attribute `name`, if it is there, of that type, and sound."""
        attribute = self.by_name.get(name)
        if attribute is None or attribute[1] != type_name or attribute[5]:
            return None
        return attribute[2]

    def text(self, name: str) -> str | None:
        """The value of the string attribute `name`."""
        value = self.value(name, "string")
        return value if isinstance(value, str) else None

    def integer(self, name: str, type_name: str = "int") -> int | None:
        """The value of an attribute whose type holds one integer."""
        value = self.value(name, type_name)
        return value if isinstance(value, int) else None

    @property
    def channels(self) -> tuple[Channel, ...] | None:
        """The channel list in file order; also one whose end is malformed in a way that readers do not mind."""
        attribute = self.by_name.get("channels")
        if attribute is None or attribute[1] != "chlist":
            return None
        if attribute[5]:
            return readable_channels(attribute[2]) if isinstance(attribute[2], bytes) else None
        return attribute[2]  # type: ignore[return-value]  # decode() made it of this type

    @property
    def compression(self) -> int | None:
        """The compression code as stored."""
        attribute = self.by_name.get("compression")
        if attribute is None or attribute[1] != "compression" or attribute[5]:
            return None
        return attribute[2]  # type: ignore[return-value]  # decode() made it of this type

    @property
    def data_window(self) -> Box2i | None:
        """The pixels that are stored."""
        attribute = self.by_name.get("dataWindow")
        if attribute is None or attribute[1] != "box2i" or attribute[5]:
            return None
        return attribute[2]  # type: ignore[return-value]  # decode() made it of this type

    @property
    def display_window(self) -> Box2i | None:
        """The pixels that are meant to be seen."""
        return self.value("displayWindow", "box2i")  # type: ignore[return-value]  # as above

    @property
    def line_order(self) -> int | None:
        """The line order code as stored."""
        return self.value("lineOrder", "lineOrder")  # type: ignore[return-value]  # as above

    @property
    def pixel_aspect_ratio(self) -> float | None:
        """Width of a pixel over its height."""
        return self.value("pixelAspectRatio", "float")  # type: ignore[return-value]  # as above

    @property
    def tiles(self) -> TileDesc | None:
        """The tile description; it counts in tiled parts only."""
        return self.value("tiles", "tiledesc")  # type: ignore[return-value]  # as above

    @property
    def name(self) -> str | None:
        """The part's name."""
        return self.text("name")

    @property
    def view(self) -> str | None:
        """The part's view."""
        return self.text("view")

    @property
    def chunk_count(self) -> int | None:
        """The declared number of chunks, which may be wrong: `layout` computes it."""
        attribute = self.by_name.get("chunkCount")
        if attribute is None or attribute[1] != "int" or attribute[5]:
            return None
        return attribute[2]  # type: ignore[return-value]  # decode() made it of this type

    @property
    def declared_type(self) -> str | None:
        """The `type` attribute as stored."""
        return self.text("type")

    @property
    def part_type(self) -> str | None:
        """How the part's chunks are laid out: the flags decide for a single flat part, the attribute for all others."""
        word = self.version_word
        if word & (NON_IMAGE | MULTI_PART):
            return self.declared_type
        return "tiledimage" if word & TILED else "scanlineimage"

    @property
    def is_deep(self) -> bool:
        """Whether pixels hold lists of samples."""
        return self.part_type in {"deepscanline", "deeptile"}

    @property
    def is_tiled(self) -> bool:
        """Whether chunks are tiles."""
        return self.part_type in {"tiledimage", "deeptile"}


class Header(NamedTuple):
    """Everything before the chunk offset tables.

    Attributes:
        version_word: Bytes 4 to 7; the low 8 bits are the version, the rest flags.
        parts: The parts in file order.
        end: File offset behind the last header: the first chunk offset table stands there. For a damaged header, how far
            it could be read.
        is_partial: Whether this is what could be read of a header that is damaged further on: what its last part lacks
            may have been there.
    """

    version_word: int
    parts: tuple[PartHeader, ...]
    end: int
    is_partial: bool = False

    @property
    def is_multi_part(self) -> bool:
        """Whether chunks carry a part number."""
        return bool(self.version_word & MULTI_PART)


@dataclass(frozen=True, slots=True)
class NeedMore:
    """The header goes on past the bytes at hand.

    Attributes:
        until: File offset up to which at least to read; never beyond the end of a file whose size is known.
    """

    until: int


def make_part(index: int, version_word: int, attributes: tuple[Attribute, ...]) -> PartHeader:
    """A part of these attributes, also when they come from elsewhere than a file (stored rows)."""
    by_name = {attribute[0]: attribute for attribute in attributes}
    if len(by_name) < len(attributes):
        for attribute in reversed(attributes):
            # The library keeps the first of these names, and passes over a standard attribute of another type.
            standard = STANDARD.get(attribute.name)
            counts = attribute.name in FIRST_WINS or by_name[attribute.name].type_name != attribute.type_name
            if standard is not None and standard.type_name == attribute.type_name and counts:
                by_name[attribute.name] = attribute
    return tuple.__new__(PartHeader, (index, version_word, attributes, by_name))  # as PartHeader(...), in C


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
            while self._read_part(buffer):
                pass
        except MoreNeeded as more:
            return NeedMore(more.until)
        except FormatError as error:
            if self._position:
                error.partial = self._partial()
            raise
        return tuple.__new__(Header, (self._version_word, tuple(self._parts), self._position, False))

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
            raise NotAnExr("not an OpenEXR file", found=start.hex(" "), expected=MAGIC.hex(" "))
        if len(buffer) < 8:
            if self._file_size is not None and self._file_size < 8:
                raise TruncatedHeader(
                    "the file ends inside the version", found=f"{self._file_size} bytes", expected="8"
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
        """Read on to the end of the current part's header; answers whether another part may follow."""
        multi_part = self._version_word & MULTI_PART
        if multi_part and self._parts and not self._attributes:
            cursor = Cursor(buffer, self._position, self._file_size, self._limits)
            cursor.require(self._position + 1, "the headers' end")
            if buffer[self._position] == 0:
                self._position += 1
                return False
            if len(self._parts) >= self._limits.parts:
                raise self._too_many("parts", self._limits.parts, "EXR_MAX_PARTS")
        self._read_attributes(buffer)
        if multi_part and not self._attributes:
            raise DamagedHeader("a multi-part file without parts", offset=8, found="no attribute", expected="a header")
        self._parts.append(make_part(len(self._parts), self._version_word, tuple(self._attributes)))
        self._count += len(self._attributes)
        self._attributes = []
        return bool(multi_part)

    def _read_attributes(self, buffer: bytes) -> None:
        """Read attributes up to and with the terminator. This is the hot path: all checks, and few calls.

        A standard attribute of a fixed size is told by the bytes of its name, type and size together: one look-up gives all
        that is to be known of it. The position is stored before every call that may raise, and at the end.
        """
        end = min(len(buffer), self._limits.header_bytes)
        name_limit, string_limit = self._limits.name_bytes, self._limits.string_bytes
        find, known_record, append = buffer.find, _RECORDS.get, self._attributes.append
        new, attribute_class = tuple.__new__, Attribute  # makes an Attribute in C, three times faster than calling it
        position = self._position
        left = self._limits.attributes - self._count - len(self._attributes)
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
                    self._attributes += together
                    left -= len(together)
                    position = together[-1][3] + together[-1][4]
                    continue
                append(
                    new(attribute_class, (name, type_name, make(unpack(buffer, value_start)), value_start, size, ""))
                )
            else:
                too_long = name_end - position > name_limit or type_end - name_end > name_limit + 1
                if name_end < 0 or type_end < 0 or value_start > end or too_long or not left:
                    self._explain(buffer, position)
                size = _I32.unpack_from(buffer, type_end + 1)[0]
                if size < 0 or value_start + size > end or size > string_limit:
                    self._explain(buffer, position)
                raw_name, raw_type = buffer[position:name_end], buffer[name_end + 1 : type_end]
                name = KNOWN_NAMES.get(raw_name) or decode_name(raw_name)
                type_name = KNOWN_NAMES.get(raw_type) or decode_name(raw_type)
                value, problem = decode(type_name, buffer, value_start, size)
                append(new(attribute_class, (name, type_name, value, value_start, size, problem)))
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
