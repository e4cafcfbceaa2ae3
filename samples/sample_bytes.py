"""The bytes that the OpenEXR module cannot write for us: mip levels, subsampled chroma, and damage.

Everything is little-endian and uncompressed, as the format describes it. Single-part files only; it reads no pixels.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

MAGIC = b"\x76\x2f\x31\x01"
SCAN_LINE, TILED = 2, 0x202
PIXEL_TYPES = {"u4": 0, "f2": 1, "f4": 2}
MIPMAP_ROUND_DOWN = 1


@dataclass(frozen=True, slots=True)
class Raw:
    """One attribute: name, type name and the bytes of its value."""

    name: str
    type: str
    value: bytes

    def encode(self) -> bytes:
        """The record as it stands in a header."""
        return self.name.encode() + b"\0" + self.type.encode() + b"\0" + struct.pack("<i", len(self.value)) + self.value


def channel_list(channels: Mapping[str, tuple[Array, int]]) -> Raw:
    """The chlist of (pixels, sampling in x and y) by name, sorted by the bytes of the names."""
    entries = b"".join(
        name.encode() + b"\0" + struct.pack("<iB3xii", PIXEL_TYPES[pixels.dtype.str[1:]], 0, step, step)
        for name, (pixels, step) in sorted(channels.items())
    )
    return Raw("channels", "chlist", entries + b"\0")


def required_attributes(channels: Mapping[str, tuple[Array, int]], width: int, height: int) -> list[Raw]:
    """The eight attributes every part must have, uncompressed and with both windows at the origin."""
    window = struct.pack("<4i", 0, 0, width - 1, height - 1)
    return [
        channel_list(channels),
        Raw("compression", "compression", b"\0"),
        Raw("dataWindow", "box2i", window),
        Raw("displayWindow", "box2i", window),
        Raw("lineOrder", "lineOrder", b"\0"),
        Raw("pixelAspectRatio", "float", struct.pack("<f", 1)),
        Raw("screenWindowCenter", "v2f", struct.pack("<2f", 0, 0)),
        Raw("screenWindowWidth", "float", struct.pack("<f", 1)),
    ]


def assemble(version: int, attributes: Iterable[Raw], chunks: Sequence[bytes]) -> bytes:
    """Header, offset table and chunks, in table order."""
    header = MAGIC + struct.pack("<I", version) + b"".join(one.encode() for one in attributes) + b"\0"
    offset = len(header) + 8 * len(chunks)
    table = b""
    for chunk in chunks:
        table += struct.pack("<Q", offset)
        offset += len(chunk)
    return header + table + b"".join(chunks)


def subsampled_file(channels: Mapping[str, tuple[Array, int]], width: int, height: int) -> bytes:
    """A scan-line file whose channels store only every n-th pixel of every n-th line."""
    chunks = []
    for y in range(height):
        stored = [(pixels, step) for _, (pixels, step) in sorted(channels.items()) if y % step == 0]
        line = b"".join(pixels[y // step].tobytes() for pixels, step in stored)
        chunks.append(struct.pack("<ii", y, len(line)) + line)
    return assemble(SCAN_LINE, required_attributes(channels, width, height), chunks)


def mip_levels(full: Array) -> list[Array]:
    """The image and its halvings, by the mean of 2x2 pixels, down to one pixel; both sides powers of two."""
    out = [full]
    while max(out[-1].shape) > 1:
        rows, columns = (2 if side > 1 else 1 for side in out[-1].shape)
        blocks = out[-1].astype("f4").reshape(out[-1].shape[0] // rows, rows, out[-1].shape[1] // columns, columns)
        out.append(blocks.mean(axis=(1, 3)).astype(full.dtype))
    return out


def mipmapped_file(pixels: Mapping[str, Array], tile: int) -> bytes:
    """A tiled file with every level of a mip map, rounding down."""
    pyramids = [mip_levels(array) for _, array in sorted(pixels.items())]
    height, width = pyramids[0][0].shape
    chunks = []
    for level, planes in enumerate(zip(*pyramids, strict=True)):
        high, wide = planes[0].shape
        for top in range(0, high, tile):
            for left in range(0, wide, tile):
                cuts = [plane[top : top + tile, left : left + tile] for plane in planes]
                data = b"".join(cut[row].tobytes() for row in range(len(cuts[0])) for cut in cuts)
                chunks.append(struct.pack("<5i", left // tile, top // tile, level, level, len(data)) + data)
    attributes = required_attributes({name: (array, 1) for name, array in pixels.items()}, width, height)
    attributes.append(Raw("tiles", "tiledesc", struct.pack("<IIB", tile, tile, MIPMAP_ROUND_DOWN)))
    return assemble(TILED, attributes, chunks)


def header_end(data: bytes) -> int:
    """Offset of the byte behind the only header, where the offset table starts."""
    at = 8
    while data[at]:
        at = data.index(b"\0", data.index(b"\0", at) + 1) + 1
        at += 4 + int.from_bytes(data[at : at + 4], "little")
    return at + 1


def table_of(data: bytes) -> list[int]:
    """The chunk offsets; the table ends where the first chunk of a whole file starts."""
    start = header_end(data)
    end = int(np.frombuffer(data, "<u8", 1, start)[0])
    return [int(one) for one in np.frombuffer(data, "<u8", (end - start) // 8, start)]


def with_zero_table(data: bytes) -> bytes:
    """The file as a writer that was stopped leaves it: chunks there, offset table still zero."""
    end, length = header_end(data), 8 * len(table_of(data))
    return data[:end] + bytes(length) + data[end + length :]


def with_attribute_size(data: bytes, name: str, size: int) -> bytes:
    """The file with another number in the size field of one attribute."""
    at = data.index(b"\0" + name.encode() + b"\0") + len(name) + 2
    at = data.index(b"\0", at) + 1
    return data[:at] + struct.pack("<i", size) + data[at + 4 :]
