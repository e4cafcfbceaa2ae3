"""Encode `idmanifest` attributes: a prefix-compressed string table, then groups of (id, texts) entries that refer to it.

The strings are sorted by their bytes, and the reordering list maps every index
to itself, which the format allows and which keeps the encoder small.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from tests.support.exrbytes_attributes import Attr, text_bytes

STABLE = 2
STORAGE_64, STORAGE_32 = 0, 1


@dataclass(frozen=True, slots=True)
class ManifestGroup:
    """A group of channels with the same ids; every entry has one text for each component."""

    channels: Sequence[str]
    components: Sequence[str]
    entries: Mapping[int, Sequence[str]] = field(default_factory=dict)
    lifetime: int = STABLE
    hash_scheme: str = "MurmurHash3_32"
    encoding_scheme: str = "id"
    storage: int = STORAGE_32


def varint(value: int) -> bytes:
    """Encode seven bits in each byte, lowest first; the top bit is set in all bytes but the last."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _plain(text: str) -> bytes:
    encoded = text_bytes(text)
    return struct.pack("<i", len(encoded)) + encoded


def _string_list(texts: Sequence[bytes]) -> bytes:
    lengths = b"".join(varint(len(text)) for text in texts)
    return struct.pack("<i", len(texts)) + lengths + b"".join(texts)


def _shared(before: bytes, text: bytes) -> int:
    limit = min(len(before), len(text), 0xFFFF)
    return next((i for i in range(limit) if before[i] != text[i]), limit)


def _prefixed(texts: Sequence[bytes]) -> list[bytes]:
    """Encode each string after the first as the number of bytes shared with its predecessor, then the other bytes."""
    out = list(texts[:1])
    for before, text in pairwise(texts):
        shared = _shared(before, text)
        out.append(struct.pack(">H" if len(before) > 255 else ">B", shared) + text[shared:])
    return out


def _identifier(storage: int, value: int) -> bytes:
    if storage == STORAGE_64:
        return struct.pack("<Q", value)
    return struct.pack("<I", value) if storage == STORAGE_32 else varint(value)


def _group(group: ManifestGroup, index: Mapping[bytes, int]) -> bytes:
    parts = [_string_list([text_bytes(text) for text in group.channels])]
    parts.append(_string_list([text_bytes(text) for text in group.components]))
    parts.append(struct.pack("<B", group.lifetime) + _plain(group.hash_scheme) + _plain(group.encoding_scheme))
    parts.append(struct.pack("<Bi", group.storage, len(group.entries)))
    previous = 0
    for identifier in sorted(group.entries):
        parts.append(_identifier(group.storage, identifier - previous))
        parts.extend(varint(index[text_bytes(text)]) for text in group.entries[identifier])
        previous = identifier
    return b"".join(parts)


def manifest_payload(groups: Sequence[ManifestGroup]) -> bytes:
    """The manifest before compression."""
    texts = sorted({text_bytes(text) for group in groups for entry in group.entries.values() for text in entry})
    index = {text: i for i, text in enumerate(texts)}
    ranges = struct.pack("<iii", 1, 0, len(texts) - 1) if texts else struct.pack("<i", 0)
    body = struct.pack("<I", 0) + _string_list(_prefixed(texts)) + ranges
    return body + struct.pack("<i", len(groups)) + b"".join(_group(group, index) for group in groups)


def a_idmanifest(groups: Sequence[ManifestGroup], name: str = "idManifest", payload: bytes | None = None) -> Attr:
    """The uint64 uncompressed size, then the zlib stream; `payload` replaces the encoded groups."""
    body = manifest_payload(groups) if payload is None else payload
    return Attr(name, "idmanifest", struct.pack("<Q", len(body)) + zlib.compress(body))
