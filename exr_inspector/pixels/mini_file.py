"""Makes complete OpenEXR files in memory from a few compressed chunks, so that the OpenEXR library decodes only these chunks.

Chunks are compressed independently of one another and of the rest of the file, so a file whose header describes only the given
chunks decodes them like the original file. Every file made here has one part, one level and a complete chunk offset table.
Nothing is decompressed here. Of the original header only the values that codecs use are kept: channels, compression and the
position of subsampled rows.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from exr_inspector.exr.header.values import NON_IMAGE, TILED, Box2i, Channel

_CHUNK = struct.Struct("<ii")  # y, packed bytes
_TILE = struct.Struct("<5i")  # tile x, tile y, level x, level y, packed bytes
_DEEP_CHUNK = struct.Struct("<iQQQ")  # y, packed sample table bytes, packed data bytes, unpacked data bytes
_DEEP_TILE = struct.Struct("<4iQQQ")
_CHANNEL = struct.Struct("<iB3xii")
_LONG_NAMES = 0x400

Payload = bytes | memoryview


def _attribute(name: bytes, type_name: bytes, value: bytes) -> bytes:
    return name + b"\0" + type_name + b"\0" + struct.pack("<i", len(value)) + value


def library_names(channels: Sequence[Channel]) -> list[str]:
    """The names of the channels, in the order of the pixel data, in the files made here.

    These are the original names unless one contains a backslash, which may be an escaped byte (see `decode_name`): the library
    would sort such a name differently or reject it. In that case a number preserves the order, and the last name component,
    which some codecs use, is kept.
    """
    names = [channel.name for channel in channels]
    if not any("\\" in name for name in names):
        return names
    return [f"{index:05}.{_component(name)}" for index, name in enumerate(names)]


def _component(name: str) -> str:
    last = name.rpartition(".")[2]
    return last if last and "\\" not in last else "x"


def _channel_list(channels: Sequence[Channel]) -> bytes:
    entries = [
        name.encode()
        + b"\0"
        + _CHANNEL.pack(channel.pixel_type, channel.p_linear & 1, channel.x_sampling, channel.y_sampling)
        for name, channel in zip(library_names(channels), channels, strict=True)
    ]
    return b"".join(entries) + b"\0"


def _header(
    part_type: bytes,
    channels: Sequence[Channel],
    compression: int,
    window: Box2i,
    *,
    chunk_count: int,
    tile: tuple[int, int] | None = None,
) -> bytes:
    """Magic number, version word and the header of one part."""
    is_deep = part_type.startswith(b"deep")
    word = 2 | _LONG_NAMES | (NON_IMAGE if is_deep else TILED if tile else 0)
    box = struct.pack("<4i", *window)
    attributes = [
        _attribute(b"channels", b"chlist", _channel_list(channels)),
        _attribute(b"chunkCount", b"int", struct.pack("<i", chunk_count)),
        _attribute(b"compression", b"compression", bytes([compression])),
        _attribute(b"dataWindow", b"box2i", box),
        _attribute(b"displayWindow", b"box2i", box),
        _attribute(b"lineOrder", b"lineOrder", b"\0"),
        _attribute(b"pixelAspectRatio", b"float", struct.pack("<f", 1.0)),
        _attribute(b"screenWindowCenter", b"v2f", struct.pack("<2f", 0.0, 0.0)),
        _attribute(b"screenWindowWidth", b"float", struct.pack("<f", 1.0)),
        _attribute(b"type", b"string", part_type),
    ]
    if is_deep:
        attributes.append(_attribute(b"name", b"string", b"part"))
        attributes.append(_attribute(b"version", b"int", struct.pack("<i", 1)))
    if tile:
        attributes.append(_attribute(b"tiles", b"tiledesc", struct.pack("<IIB", *tile, 0)))
    return b"\x76\x2f\x31\x01" + struct.pack("<I", word) + b"".join(attributes) + b"\0"


def _assemble(header: bytes, chunks: Sequence[tuple[bytes, Sequence[Payload]]]) -> list[Payload]:
    """The file with `header`, an offset table, and chunks given as (leader, pieces of data).

    The file is returned in pieces, since pieces with pixels are large and can be written without being copied.
    """
    offsets: list[int] = []
    position = len(header) + 8 * len(chunks)
    pieces: list[Payload] = [header, b""]
    for leader, data in chunks:
        offsets.append(position)
        pieces.append(leader)
        pieces.extend(data)
        position += len(leader) + sum(map(len, data))
    pieces[1] = struct.pack(f"<{len(offsets)}Q", *offsets)
    return pieces


def scan_line_file(
    channels: Sequence[Channel], compression: int, window: Box2i, blocks: Sequence[tuple[int, Payload]]
) -> list[Payload]:
    """A scan line file, in pieces. `blocks` are (first row, packed bytes) in ascending order and fill the window."""
    header = _header(b"scanlineimage", channels, compression, window, chunk_count=len(blocks))
    return _assemble(header, [(_CHUNK.pack(y, len(packed)), (packed,)) for y, packed in blocks])


def tiled_file(
    channels: Sequence[Channel], compression: int, tile: tuple[int, int], payloads: Sequence[Payload]
) -> list[Payload]:
    """A tiled file, in pieces, with one column of tiles from top to bottom. A clipped tile becomes a full tile of its size."""
    window = Box2i(0, 0, tile[0] - 1, tile[1] * len(payloads) - 1)
    header = _header(b"tiledimage", channels, compression, window, chunk_count=len(payloads), tile=tile)
    return _assemble(
        header, [(_TILE.pack(0, row, 0, 0, len(packed)), (packed,)) for row, packed in enumerate(payloads)]
    )


def deep_file(
    channels: Sequence[Channel], compression: int, tile_rows: int | None, chunks: Sequence[tuple[Payload, Payload, int]]
) -> list[Payload]:
    """A deep file, in pieces. It is one pixel wide; each row contains all samples of a row of the original chunks.

    Packed deep data depend only on the samples of each row, not on their division into pixels.

    Args:
        channels: The part's channels, sorted and not subsampled.
        compression: The part's compression code.
        tile_rows: Rows of each chunk of a deep tiled file; None for a deep scan line file with one row in each chunk.
        chunks: (number of samples of each row as int32, packed data, unpacked data size in bytes) of each chunk.
    """
    window = Box2i(0, 0, 0, (tile_rows or 1) * len(chunks) - 1)
    part_type, tile = (b"deeptile", (1, tile_rows)) if tile_rows else (b"deepscanline", None)
    header = _header(part_type, channels, compression, window, chunk_count=len(chunks), tile=tile)
    assembled = []
    for row, (totals, packed, unpacked_bytes) in enumerate(chunks):
        sizes = len(totals), len(packed), unpacked_bytes
        leader = _DEEP_TILE.pack(0, row, 0, 0, *sizes) if tile else _DEEP_CHUNK.pack(row, *sizes)
        assembled.append((leader, (totals, packed)))
    return _assemble(header, assembled)
