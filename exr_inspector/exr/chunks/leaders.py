"""Parses and checks chunk leaders: the bytes before a chunk's data that identify the chunk and state its size.

    scan line       [int32 part] int32 y, int32 packed
    tiled           [int32 part] int32 tile x, tile y, level x, level y, int32 packed
    deep scan line  [int32 part] int32 y, uint64 packed sample table, packed data, unpacked data
    deep tiled      [int32 part] int32 tile x, tile y, level x, level y, uint64 the same three

Only multi-part files have the part number.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import NamedTuple

from exr_inspector.errors import DecodeError
from exr_inspector.exr.chunks.layout import ChunkPlace, Layout
from exr_inspector.exr.chunks.tables import ChunkState
from exr_inspector.exr.header.values import Compression
from exr_inspector.exr.problems import ProblemKind

MAX_DEEP_BYTES = (1 << 31) - 1  # OpenEXRCore refuses larger tables and data

_SCAN_LINE = struct.Struct("<ii")
_TILE = struct.Struct("<5i")
_DEEP_SCAN_LINE = struct.Struct("<iQQQ")
_DEEP_TILE = struct.Struct("<4iQQQ")
_PART = struct.Struct("<i")


class ChunkAddress(NamedTuple):
    """Identifies a chunk of a file: a scan line block by its first row, or a tile by its coordinates.

    Attributes:
        part: Part number; 0 in a single-part file.
        y: First row; None for tiles.
        tile: Column and row of the tile, level number in x and in y; None for scan line blocks.
    """

    part: int
    y: int | None = None
    tile: tuple[int, int, int, int] | None = None

    @property
    def text(self) -> str:
        """The address as text, for a message."""
        if self.tile is None:
            return f"part {self.part}, y {self.y}"
        x, y, level_x, level_y = self.tile
        return f"part {self.part}, level {level_x} {level_y}, tile {x} {y}"


def address_of(part: int, place: ChunkPlace, *, is_tiled: bool) -> ChunkAddress:
    """The address that the leader of a chunk must contain."""
    if not is_tiled:
        return ChunkAddress(part, place.window.y_min)
    return ChunkAddress(part, tile=(place.tile_x, place.tile_y, place.level.level_x, place.level.level_y))


@dataclass(frozen=True, slots=True)
class ChunkLeader:
    """The contents of a chunk leader.

    Attributes:
        address: Identifies the chunk.
        packed_bytes: Stored size of the data.
        table_bytes: Stored size of the sample table; 0 for flat parts.
        unpacked_bytes: Size of the decoded samples; None for flat parts, where the layout determines it.
        data_offset: Start of the sample table, or of the data of a flat chunk, in the buffer.
        end: End of the chunk, counted from the start of the buffer; may be past its end.
    """

    address: ChunkAddress
    packed_bytes: int
    table_bytes: int
    unpacked_bytes: int | None
    data_offset: int
    end: int


def _struct(layout: Layout) -> struct.Struct:
    if layout.is_deep:
        return _DEEP_TILE if layout.is_tiled else _DEEP_SCAN_LINE
    return _TILE if layout.is_tiled else _SCAN_LINE


def leader_bytes(layout: Layout, is_multi_part: bool) -> int:
    """The size in bytes of each leader of a part."""
    return _struct(layout).size + (_PART.size if is_multi_part else 0)


def parse_leader(buffer: bytes | memoryview, offset: int, layout: Layout, is_multi_part: bool) -> ChunkLeader:
    """Read the leader at `offset` of `buffer`.

    Args:
        buffer: A range of the file's bytes.
        offset: Start of the chunk in the buffer.
        layout: Layout of the part that the chunk is expected to belong to.
        is_multi_part: Whether the leader starts with a part number.

    Raises:
        DecodeError: If the buffer ends inside the leader, or a size is negative.
    """
    shape = _struct(layout)
    start = offset + (_PART.size if is_multi_part else 0)
    data_offset = start + shape.size
    if data_offset > len(buffer):
        raise DecodeError("the file ends inside a chunk's leader", offset=offset, found=f"{len(buffer) - offset} bytes")
    part = _PART.unpack_from(buffer, offset)[0] if is_multi_part else 0
    fields = shape.unpack_from(buffer, start)
    address = ChunkAddress(part, tile=fields[:4]) if layout.is_tiled else ChunkAddress(part, fields[0])
    if layout.is_deep:
        table_bytes, packed_bytes, unpacked_bytes = fields[-3:]
    else:
        table_bytes, packed_bytes, unpacked_bytes = 0, fields[-1], None
    if packed_bytes < 0:
        raise DecodeError("a chunk has a negative size", offset=offset, found=str(packed_bytes))
    end = data_offset + table_bytes + packed_bytes
    return ChunkLeader(address, packed_bytes, table_bytes, unpacked_bytes, data_offset, end)


@dataclass(frozen=True, slots=True)
class LeaderCheck:
    """Whether a leader matches the chunk offset table and the layout; `kind` is None if it does."""

    state: ChunkState
    kind: ProblemKind | None = None
    found: str = ""
    expected: str = ""


_VALID = LeaderCheck(ChunkState.OK)


def check_leader(leader: ChunkLeader, place: ChunkPlace, layout: Layout, part: int, available: int) -> LeaderCheck:
    """Compare a leader with the chunk that its table entry denotes.

    `available` is the end of the file, counted from the start of the buffer like `leader.end`.
    """
    expected = address_of(part, place, is_tiled=layout.is_tiled)
    if leader.address != expected:
        return LeaderCheck(ChunkState.BAD_LEADER, ProblemKind.WRONG_LEADER, leader.address.text, expected.text)
    bad = _check_deep_sizes(leader, place, layout) if layout.is_deep else _check_size(leader, place, layout)
    if bad is not None:
        return bad
    if leader.end > available:
        found = f"{leader.end - available} bytes past the end"
        return LeaderCheck(ChunkState.PAST_END, ProblemKind.CHUNK_PAST_END, found, "a chunk inside the file")
    return _VALID


def _fits(packed: int, unpacked: int, compression: int) -> bool:
    """Whether a packed size is possible: at most the unpacked size (incompressible data is stored raw), 0 only if both are."""
    if compression == Compression.NONE:
        return packed == unpacked
    return 0 < packed <= unpacked or packed == unpacked == 0


def _check_size(leader: ChunkLeader, place: ChunkPlace, layout: Layout) -> LeaderCheck | None:
    unpacked = layout.unpacked_bytes(place.window)
    if _fits(leader.packed_bytes, unpacked, layout.compression):
        return None
    expected = f"exactly {unpacked} bytes" if layout.compression == Compression.NONE else f"1 to {unpacked} bytes"
    return LeaderCheck(ChunkState.BAD_LEADER, ProblemKind.CHUNK_SIZE, f"{leader.packed_bytes} bytes", expected)


def _check_deep_sizes(leader: ChunkLeader, place: ChunkPlace, layout: Layout) -> LeaderCheck | None:
    table, packed, unpacked = leader.table_bytes, leader.packed_bytes, leader.unpacked_bytes or 0
    raw = 4 * place.window.width * place.window.height
    # For tiles clipped by the level's edge, old writers stored the table of a full tile.
    largest = max(raw, 4 * layout.tile_width * layout.tile_height) if layout.is_tiled else raw
    if max(table, packed, unpacked) > MAX_DEEP_BYTES:
        expected = f"at most {MAX_DEEP_BYTES} each"
    elif not (0 < table <= largest or table == packed == unpacked == 0):
        expected = f"a sample table of 1 to {largest} bytes"
    elif layout.compression == Compression.NONE and 0 < table < raw:
        expected = f"a sample table of {raw} bytes"
    elif not _fits(packed, unpacked, layout.compression):
        expected = "a packed size from 1 to the unpacked size, or both 0"
    else:
        return None
    found = f"table {table}, packed {packed}, unpacked {unpacked} bytes"
    return LeaderCheck(ChunkState.BAD_LEADER, ProblemKind.DEEP_CHUNK_SIZES, found, expected)


def chunk_index(address: ChunkAddress, layout: Layout) -> int | None:
    """The index of a chunk in the part's table; None if the part has no such chunk or an unknown type."""
    if not layout.levels:
        return None
    if address.tile is not None:
        tile_x, tile_y, level_x, level_y = address.tile
        return layout.index_of(level_x, level_y, tile_x, tile_y)
    row, off = divmod((address.y or 0) - layout.data_window.y_min, layout.tile_height)
    return row if not off and 0 <= row < layout.chunk_count else None
