"""Write EXR files byte by byte, with any defect that a test needs.

This writer is independent of the package under test and of the OpenEXR library. `build([Part()])` is a valid file; each
argument of `Part` and `build` changes one property:

    build([Part(without="compression")])
    build([Part(replace=[a_compression(77)])], version_word=0x1002)
    build([Part(absent=frozenset({1}), edit_table=lambda offsets: [0] * len(offsets))], trailing=b"tail")

`lay_out` also returns the positions of every header, attribute, table and chunk, so that a test can damage precise bytes.
Only RLE, ZIPS and ZIP compression are supported. Files cannot be read.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# Tests import this module alone, so it passes on the names of the other ones.
from tests.support.exrbytes_attributes import *
from tests.support.exrbytes_attributes import DECREASING_Y, text_bytes
from tests.support.exrbytes_codec import pack
from tests.support.exrbytes_idmanifest import ManifestGroup, a_idmanifest, manifest_payload
from tests.support.exrbytes_layout import Cell, box_size
from tests.support.exrbytes_part import RGB, Chunk, Kind, Part

MAGIC = b"\x76\x2f\x31\x01"
TILED, LONG_NAMES, DEEP, MULTI_PART = 0x200, 0x400, 0x800, 0x1000


@dataclass(frozen=True, slots=True)
class Span:
    """A range of bytes in the file; `end` is exclusive, `body` the first byte of a record's value or payload."""

    start: int
    body: int
    end: int


@dataclass(slots=True)
class PartPlaces:
    """The positions of one part's bytes; `values` by attribute name (the last one of a name), `records` in header order."""

    header: Span
    records: list[Span]
    values: dict[str, Span]
    table: Span = field(default_factory=lambda: Span(0, 0, 0))
    chunks: dict[int, Span] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Built:
    """The bytes of a file and their map.

    Attributes:
        headers_end: First byte behind the last header (and behind the multi-part terminator), where the tables start.
        tables_end: First byte behind the last table.
    """

    data: bytes
    version_word: int
    headers_end: int
    tables_end: int
    parts: list[PartPlaces]

    def patched(self, offset: int, replacement: bytes) -> bytes:
        """Return the file with the bytes at `offset` overwritten."""
        return self.data[:offset] + replacement + self.data[offset + len(replacement) :]

    def with_value(self, name: str, value: bytes, part: int = 0) -> bytes:
        """Return the file with an attribute's value overwritten; if the length differs, nothing after it can be read."""
        return self.patched(self.parts[part].values[name].body, value)


def version_of(parts: Sequence[Part], *, multi_part: bool) -> int:
    """The version field that describes the parts."""
    deep = any(part.is_deep for part in parts)
    word = 2 | MULTI_PART * multi_part | DEEP * deep
    if not multi_part and not deep and parts[0].is_tiled:
        word |= TILED
    names = [one for part in parts for one in part.header_attributes(multi_part=multi_part, any_deep=deep)]
    texts = [text for one in names for text in (one.name, one.type)]
    texts += [channel.name for part in parts for channel in part.channels]
    return word | LONG_NAMES * any(len(text_bytes(text)) > 31 for text in texts)


def _header(part: Part, start: int, *, multi_part: bool, any_deep: bool) -> tuple[bytes, PartPlaces]:
    out = bytearray()
    records: list[Span] = []
    values: dict[str, Span] = {}
    for one in part.header_attributes(multi_part=multi_part, any_deep=any_deep):
        begin, encoded = start + len(out), one.encode()
        span = Span(begin, begin + len(encoded) - len(one.value), begin + len(encoded))
        records.append(span)
        values[one.name] = span
        out += encoded
    out += part.header_end
    return bytes(out), PartPlaces(Span(start, start, start + len(out)), records, values)


def lay_out(
    parts: Sequence[Part],
    *,
    magic: bytes = MAGIC,
    version_word: int | None = None,
    multi_part: bool | None = None,
    headers_end: bytes | None = None,
    order: Sequence[tuple[int, int]] | None = None,
    gaps: Mapping[tuple[int, int], bytes] | None = None,
    trailing: bytes = b"",
) -> Built:
    """Write a file of the given parts; returns its bytes and the positions of its records.

    Args:
        parts: At least one.
        magic: The first bytes.
        version_word: The version field; None computes it from the parts. It does not change how the parts are written.
        multi_part: Write as a multi-part file (part numbers in leaders); None: more than one part.
        headers_end: What follows the last header; None: one NUL in multi-part files, nothing otherwise.
        order: (part, chunk) in file order; None: part by part, in table order, DECREASING_Y from the last line up.
            Chunks left out are not written and their entries are zero.
        gaps: Bytes inserted before a chunk, by (part, chunk).
        trailing: Bytes behind the last chunk.
    """
    multi = len(parts) != 1 if multi_part is None else multi_part
    deep = any(part.is_deep for part in parts)
    word = version_of(parts, multi_part=multi) if version_word is None else version_word
    out = bytearray(magic + struct.pack("<I", word))
    places: list[PartPlaces] = []
    for part in parts:
        header, place = _header(part, len(out), multi_part=multi, any_deep=deep)
        out += header
        places.append(place)
    out += headers_end if headers_end is not None else b"\0" * multi
    end_of_headers = len(out)
    tables_end = end_of_headers + 8 * sum(_table_length(part) for part in parts)
    chunks, offsets = _chunks(parts, places, tables_end, order=order, gaps=gaps or {}, multi_part=multi)
    for part, place, entries in zip(parts, places, offsets, strict=True):
        written = entries if part.edit_table is None else part.edit_table(entries)
        place.table = Span(len(out), len(out), len(out) + 8 * len(written))
        out += struct.pack(f"<{len(written)}Q", *written)
    return Built(bytes(out) + chunks + trailing, word, end_of_headers, len(out), places)


def _table_length(part: Part) -> int:
    places = [0] * len(part.cells)
    return len(places if part.edit_table is None else part.edit_table(places))


def file_order(part: Part) -> list[int]:
    """Chunk indices in the order in which the part's line order stores them."""
    indices = list(range(len(part.cells)))
    if part.line_order == DECREASING_Y and not part.is_tiled:
        indices.reverse()
    return indices


def _chunks(
    parts: Sequence[Part],
    places: Sequence[PartPlaces],
    start: int,
    *,
    order: Sequence[tuple[int, int]] | None,
    gaps: Mapping[tuple[int, int], bytes],
    multi_part: bool,
) -> tuple[bytes, list[list[int]]]:
    """The bytes of all chunks, and the correct offsets of each part; adds the chunks' positions to `places`."""
    if order is None:
        order = [(number, index) for number, part in enumerate(parts) for index in file_order(part)]
    offsets = [[0] * len(part.cells) for part in parts]
    out = bytearray()
    for number, index in order:
        if index in parts[number].absent:
            continue
        out += gaps.get((number, index), b"")
        chunk = parts[number].chunk(number, index)
        leader = chunk.leader(multi_part=multi_part)
        begin = start + len(out)
        offsets[number][index] = begin
        out += leader + chunk.payload
        places[number].chunks[index] = Span(begin, begin + len(leader), start + len(out))
    return bytes(out), offsets


def build(parts: Sequence[Part], **options: Any) -> bytes:
    """Return the bytes of a file of the given parts; options as for `lay_out`."""
    return lay_out(parts, **options).data
