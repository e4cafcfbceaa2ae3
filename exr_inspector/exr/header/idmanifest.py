"""Decodes id manifests, which map the ids in a file's id channels to texts. Limits the inflated size; computes no hashes.

    payload, once inflated
        uint32 version 0
        strings       int32 count, varint lengths, then the bytes; each string after the first starts with the number of bytes
                      it shares with its predecessor: 1 byte, or 2 big-endian if the predecessor is longer than 255
        order         int32 count, then (int32 first, int32 last): ranges of strings; string indices count through these
        groups        int32 count, each: channel names and components (each int32 count, varint lengths, bytes), uint8
                      lifetime, hash and encoding scheme (int32 length, bytes), uint8 storage (0 uint64, 1 uint32, else
                      varint), int32 entries, each: difference from the previous id, one varint string index for each component

Source: OpenEXR 3.5.3 `ImfIDManifest.cpp`.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from exr_inspector.errors import DecodeError
from exr_inspector.exr.header.values import IdManifest
from exr_inspector.exr.limits import DEFAULT_LIMITS, Limits, Reserve, no_reserve

LIFETIMES = ("frame", "shot", "stable")
_I32 = struct.Struct("<i")
_IDS = {0: struct.Struct("<Q"), 1: struct.Struct("<I")}
_ITEM_MEMORY = 256  # bytes at most for a string or a text of an entry (`./run bench header_memory`)
_BYTES_SHARE = 4  # memory as a multiple of the inflated manifest, and of its strings with their prefixes restored
_U64_MASK = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class ManifestGroup:
    """The ids of one group of channels.

    Attributes:
        channels: Names of the channels that contain the ids.
        components: Names of the texts of an entry, in order.
        lifetime: How long an id keeps its meaning: 0 frame, 1 shot, 2 stable; other codes as stored.
        hash_scheme: Hash function that computes ids from texts, such as `MurmurHash3_32`.
        encoding_scheme: Encoding of ids in channels: `id` or `id2`.
        entries: (id, texts), one text for each component, in file order.
    """

    channels: tuple[str, ...]
    components: tuple[str, ...]
    lifetime: int
    hash_scheme: str
    encoding_scheme: str
    entries: tuple[tuple[int, tuple[str, ...]], ...]


class _Reader:
    """Reads the inflated payload from the current position. Each method checks that the bytes exist before it reads them."""

    def __init__(self, data: bytes, limits: Limits, reserve: Reserve) -> None:
        self.data = data
        self.position = 0
        self._limits = limits
        self._reserve = reserve
        self._items = 0
        self._text_bytes = 0

    def _require(self, size: int, what: str) -> int:
        start = self.position
        if size < 0 or start + size > len(self.data):
            raise _damaged(what, start, f"{size} bytes with {len(self.data) - start} left")
        self.position = start + size
        return start

    def int32(self, what: str) -> int:
        value: int = _I32.unpack_from(self.data, self._require(4, what))[0]
        return value

    def byte(self, what: str) -> int:
        return self.data[self._require(1, what)]

    def take(self, size: int, what: str) -> bytes:
        start = self._require(size, what)
        return self.data[start : start + size]

    def count(self, what: str, each: int = 1) -> int:
        """Read the number of elements of a list; check it, and reserve the memory for `each` items an element.

        An element takes at least one byte, so a count larger than the remaining bytes is an error.
        """
        start = self.position
        count = self.int32(what)
        if not 0 <= count <= len(self.data) - self.position:
            raise _damaged(what, start, str(count))
        self._items += count * each
        if self._items > self._limits.manifest_entries:
            found = f"{self._items} strings and texts of entries"
            raise self._limits.exceeded("manifest_entries", "the id manifest is too large", found)
        self._reserve(count * each * _ITEM_MEMORY)
        return count

    def reserve_text(self, size: int) -> None:
        """Check and reserve memory for `size` bytes of text: restored prefixes make the texts larger than the payload."""
        self._text_bytes += size
        if self._text_bytes > self._limits.inflated_bytes:
            message = "the id manifest's strings are too large"
            raise self._limits.exceeded("inflated_bytes", message, f"{self._text_bytes} bytes")
        self._reserve(size * _BYTES_SHARE)

    def varint(self, what: str) -> int:
        """Read an integer of seven bits per byte, lowest first; the top bit is set in every byte but the last."""
        value = shift = 0
        while True:
            byte = self.byte(what)
            value |= (byte & 127) << shift
            if byte < 128:
                return value & _U64_MASK
            shift += 7
            if shift >= 64:
                raise _damaged(what, self.position, "a number of more than 64 bits")

    def strings(self, what: str) -> list[bytes]:
        lengths = [self.varint(what) for _ in range(self.count(what))]
        self.reserve_text(sum(lengths))
        return [self.take(length, what) for length in lengths]


def _damaged(what: str, position: int, found: str) -> DecodeError:
    return DecodeError(f"the id manifest is damaged at its {what}", offset=position, found=found)


def _inflate(manifest: IdManifest, limits: Limits, reserve: Reserve) -> bytes:
    if manifest.inflated_bytes > limits.inflated_bytes:
        raise limits.exceeded("inflated_bytes", "the id manifest is too large", f"{manifest.inflated_bytes} bytes")
    reserve(manifest.inflated_bytes * _BYTES_SHARE)
    inflater = zlib.decompressobj()
    try:
        # One byte more than declared shows whether the stream is longer, and bounds the output.
        data = inflater.decompress(manifest.deflated, manifest.inflated_bytes + 1)
    except zlib.error as error:
        raise DecodeError("the id manifest does not inflate", found=str(error)) from error
    if len(data) != manifest.inflated_bytes or not inflater.eof:
        found = f"{len(data)} bytes, the stream {'is complete' if inflater.eof else 'is longer or truncated'}"
        expected = f"{manifest.inflated_bytes} bytes"
        raise DecodeError("the id manifest does not inflate to its size", found=found, expected=expected)
    return data


def _expand(prefixed: list[bytes], reader: _Reader) -> list[bytes]:
    """Restore the prefixes that strings share with their predecessors."""
    texts = prefixed[:1]
    for stored in prefixed[1:]:
        before = texts[-1]
        width = 2 if len(before) > 255 else 1
        shared = int.from_bytes(stored[:width], "big")
        if len(stored) < width or shared > len(before):
            raise _damaged("strings", reader.position, f"{shared} bytes shared with a string of {len(before)}")
        reader.reserve_text(shared)
        texts.append(before[:shared] + stored[width:])
    return texts


def _in_order(texts: list[bytes], reader: _Reader) -> list[str]:
    """The strings in the order that string indices refer to; a string in several ranges counts only at its first position."""
    order: list[int] = []
    # following[i]: where to look for the first string from i on that is not in `order` yet (union-find). Ranges may repeat one
    # another, and visiting every string of every range would take hours for a small hostile file.
    following = list(range(len(texts) + 1))

    def first_free(index: int) -> int:
        while following[index] != index:
            following[index] = following[following[index]]
            index = following[index]
        return index

    for _ in range(reader.count("order")):
        first, last = reader.int32("order"), reader.int32("order")
        if not 0 <= first <= last < len(texts):
            raise _damaged("order", reader.position, f"{first} to {last} of {len(texts)} strings")
        index = first_free(first)
        while index <= last:
            order.append(index)
            following[index] = index + 1
            index = first_free(index)
    decoded = [text.decode("utf-8", "backslashreplace") for text in texts]
    # As in the library, indices beyond the order refer to the first string.
    return [decoded[index] for index in order] + decoded[:1] * (len(texts) - len(order))


def _texts(reader: _Reader, what: str) -> tuple[str, ...]:
    return tuple(text.decode("utf-8", "backslashreplace") for text in reader.strings(what))


def _scheme(reader: _Reader, what: str) -> str:
    return reader.take(reader.int32(what), what).decode("utf-8", "backslashreplace")


def _group(reader: _Reader, strings: list[str]) -> ManifestGroup:
    channels, components = _texts(reader, "channels"), _texts(reader, "components")
    lifetime = reader.byte("lifetime")
    hash_scheme, encoding_scheme = _scheme(reader, "hash scheme"), _scheme(reader, "encoding scheme")
    storage = _IDS.get(reader.byte("storage"))
    entries: dict[int, tuple[str, ...]] = {}
    identifier = 0
    width = range(len(components))
    for _ in range(reader.count("entries", max(1, len(components)))):
        difference = reader.varint("ids") if storage is None else storage.unpack(reader.take(storage.size, "ids"))[0]
        identifier = identifier + difference & _U64_MASK
        indices = [reader.varint("string indices") for _ in width]
        if identifier in entries:
            raise _damaged("ids", reader.position, f"id {identifier} twice")
        if indices and max(indices) >= len(strings):
            raise _damaged("string indices", reader.position, f"{max(indices)} of {len(strings)} strings")
        entries[identifier] = tuple([strings[index] for index in indices])
    return ManifestGroup(channels, components, lifetime, hash_scheme, encoding_scheme, tuple(entries.items()))


def decode_manifest(
    manifest: IdManifest, limits: Limits = DEFAULT_LIMITS, reserve: Reserve = no_reserve
) -> tuple[ManifestGroup, ...]:
    """The groups of an id manifest.

    Args:
        manifest: The manifest.
        limits: Limits of its size.
        reserve: Called with a number of bytes before they are allocated; an exception that it raises ends the decoding.

    Raises:
        DecodeError: If it does not inflate to its declared size, or its structure is invalid; offsets are in the inflated
            payload.
        LimitExceeded: If it exceeds a limit.
    """
    reader = _Reader(_inflate(manifest, limits, reserve), limits, reserve)
    version = reader.int32("version")
    if version:
        raise _damaged("version", 0, str(version))
    strings = _in_order(_expand(reader.strings("strings"), reader), reader)
    return tuple(_group(reader, strings) for _ in range(reader.count("groups")))
