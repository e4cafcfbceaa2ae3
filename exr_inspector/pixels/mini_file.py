"""Complete OpenEXR files in memory around a few compressed chunks, so that the OpenEXR library decodes just those.

Chunks are compressed one by one, and a chunk's bytes say nothing of the file around it; so a file whose header describes
only the chunks at hand decodes them as the whole file would. Every file made here has one part, one level and a full chunk
offset table. Nothing is decompressed here, and nothing of the original header is kept but what the codecs look at: channels,
compression and the phase of subsampled rows.
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
    """What the channels, in the order of the pixel data, are called in the files made here.

    Their own names, unless one of them is no text or looks as if it were none (see `decode_name`): the library would
    sort it elsewhere, or refuse it. Then numbers keep the order, and the last component stays, by which some codecs go.
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
    """The file of `header` and of chunks given as (leader, pieces of data), with the offset table they ask for.

    In pieces, since those that hold pixels are large and need not be copied to be written somewhere.
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
    """A scan line file of (first row, packed bytes) by rising row, which fill the window without a gap; in pieces."""
    header = _header(b"scanlineimage", channels, compression, window, chunk_count=len(blocks))
    return _assemble(header, [(_CHUNK.pack(y, len(packed)), (packed,)) for y, packed in blocks])


def tiled_file(
    channels: Sequence[Channel], compression: int, tile: tuple[int, int], payloads: Sequence[Payload]
) -> list[Payload]:
    """A tiled file of one column of tiles, the first on top; in pieces. A clipped tile is a whole tile of its own size here."""
    window = Box2i(0, 0, tile[0] - 1, tile[1] * len(payloads) - 1)
    header = _header(b"tiledimage", channels, compression, window, chunk_count=len(payloads), tile=tile)
    return _assemble(
        header, [(_TILE.pack(0, row, 0, 0, len(packed)), (packed,)) for row, packed in enumerate(payloads)]
    )


def deep_file(
    channels: Sequence[Channel],
    compression: int,
    tile_rows: int | None,
    chunks: Sequence[tuple[Payload, Payload, int]],
) -> list[Payload]:
    """A deep file, in pieces, one pixel wide, whose rows hold all samples of a row of the original chunks.

    Packed deep data depend on the samples of each row alone, not on how many pixels share them.

    Args:
        channels: The part's channels, sorted; none is subsampled.
        compression: Its compression code.
        tile_rows: Rows of each chunk of a deep tiled file; None makes a deep scan line file, of one row a chunk.
        chunks: (samples of each row as int32, packed data, unpacked data bytes) of each chunk.
    """
    window = Box2i(0, 0, 0, (tile_rows or 1) * len(chunks) - 1)
    if tile_rows is None:
        header = _header(b"deepscanline", channels, compression, window, chunk_count=len(chunks))
        leaders = [
            _DEEP_CHUNK.pack(row, len(totals), len(packed), unpacked_bytes)
            for row, (totals, packed, unpacked_bytes) in enumerate(chunks)
        ]
    else:
        header = _header(b"deeptile", channels, compression, window, chunk_count=len(chunks), tile=(1, tile_rows))
        leaders = [
            _DEEP_TILE.pack(0, row, 0, 0, len(totals), len(packed), unpacked_bytes)
            for row, (totals, packed, unpacked_bytes) in enumerate(chunks)
        ]
    return _assemble(
        header, [(leader, (totals, packed)) for leader, (totals, packed, _) in zip(leaders, chunks, strict=True)]
    )
