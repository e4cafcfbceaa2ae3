"""Computes the division of a part into chunks: levels, tiles, scan line blocks, chunk order and sizes. Arithmetic only.

A scan line block is treated as a tile as wide as the data window, so the same formulas apply to both. Pixel rectangles are in
the data window's coordinates; every level starts at the data window's minimum corner.
Source: OpenEXR 3.5.3, `ImfTiledMisc.cpp`, `ImfMisc.cpp` and OpenEXRCore `parse_header.c` / `chunk.c`.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import NamedTuple

from exr_inspector.errors import LimitExceeded, UnknownLayout
from exr_inspector.exr.header.channel_lists import pixel_order
from exr_inspector.exr.header.parser import PartHeader
from exr_inspector.exr.header.values import (
    LINES_PER_CHUNK,
    PIXEL_BYTES,
    Box2i,
    Channel,
    LevelMode,
    LevelRoundingMode,
    TileDesc,
)
from exr_inspector.exr.limits import DEFAULT_LIMITS, Limits

_LINE_TYPES = frozenset({"scanlineimage", "deepscanline"})
_TILE_TYPES = frozenset({"tiledimage", "deeptile"})
COORDINATE_LIMIT = 1_073_741_823  # half of INT32_MAX: OpenEXR refuses windows that reach it


class Level(NamedTuple):
    """One resolution of a part.

    Attributes:
        level_x: Level number in x.
        level_y: Level number in y; equal to level_x for mipmaps.
        width: Width in pixels.
        height: Height in pixels.
        tiles_x: Number of chunks in a row.
        tiles_y: Number of rows of chunks.
        first_chunk: Index of the level's first chunk in the part's chunk offset table.
    """

    level_x: int
    level_y: int
    width: int
    height: int
    tiles_x: int
    tiles_y: int
    first_chunk: int

    @property
    def chunk_count(self) -> int:
        """Number of chunks of this level."""
        return self.tiles_x * self.tiles_y


@dataclass(frozen=True, slots=True)
class ChunkPlace:
    """The level, tile coordinates and pixels of one chunk; `index` is its index in the chunk offset table."""

    index: int
    level: Level
    tile_x: int
    tile_y: int
    window: Box2i


class Layout(NamedTuple):
    """The division of one part into chunks.

    Attributes:
        part_type: `scanlineimage`, `tiledimage`, `deepscanline` or `deeptile`. Any other string is an unknown type: `levels` is
            then empty and `chunk_count` is the declared count.
        data_window: Pixels of level (0, 0).
        compression: Compression code, 0 to 13.
        channels: Channels in the order of the pixel data (sorted by the bytes of their names).
        tile_width: Width of a full chunk in pixels.
        tile_height: Height of a full chunk in pixels.
        levels: Levels in the order of the chunk offset table.
        chunk_count: Number of entries of the chunk offset table.
    """

    part_type: str
    data_window: Box2i
    compression: int
    channels: tuple[Channel, ...]
    tile_width: int
    tile_height: int
    levels: tuple[Level, ...]
    chunk_count: int

    @property
    def is_tiled(self) -> bool:
        """Whether chunks are tiles."""
        return self.part_type in _TILE_TYPES

    @property
    def is_deep(self) -> bool:
        """Whether pixels contain lists of samples."""
        return self.part_type in {"deepscanline", "deeptile"}

    def level_of(self, index: int) -> Level:
        """The level of chunk `index`."""
        return self.levels[bisect_right(self.levels, index, key=lambda level: level.first_chunk) - 1]

    def place(self, index: int) -> ChunkPlace:
        """The level, tile coordinates and pixels of chunk `index`.

        Raises:
            IndexError: If the chunk does not exist or the part's type is unknown.
        """
        if not 0 <= index < self.chunk_count or not self.levels:
            raise IndexError(f"chunk {index} of {self.chunk_count if self.levels else 0}")
        level = self.level_of(index)
        tile_y, tile_x = divmod(index - level.first_chunk, level.tiles_x)
        return ChunkPlace(index, level, tile_x, tile_y, self.window(level, tile_x, tile_y))

    def index_of(self, level_x: int, level_y: int, tile_x: int, tile_y: int) -> int | None:
        """The index of a tile in the chunk offset table; None if the tile does not exist."""
        columns = self.levels[-1].level_x + 1 if self.levels else 0
        for position in (level_x, level_y * columns + level_x):  # index of the level in mipmaps, then in ripmaps
            if 0 <= position < len(self.levels):
                level = self.levels[position]
                if (level.level_x, level.level_y) == (level_x, level_y):
                    inside = 0 <= tile_x < level.tiles_x and 0 <= tile_y < level.tiles_y
                    return level.first_chunk + tile_y * level.tiles_x + tile_x if inside else None
        return None

    def window(self, level: Level, tile_x: int, tile_y: int) -> Box2i:
        """The pixels of one tile or block, clipped to its level."""
        left = self.data_window.x_min + tile_x * self.tile_width
        top = self.data_window.y_min + tile_y * self.tile_height
        right = min(left + self.tile_width, self.data_window.x_min + level.width) - 1
        bottom = min(top + self.tile_height, self.data_window.y_min + level.height) - 1
        return Box2i(left, top, right, bottom)

    def unpacked_bytes(self, window: Box2i) -> int:
        """Uncompressed size in bytes of a flat chunk that covers `window`. The size of a deep chunk is in its leader."""
        return sum(
            samples(channel.x_sampling, window.x_min, window.x_max)
            * samples(channel.y_sampling, window.y_min, window.y_max)
            * PIXEL_BYTES[channel.pixel_type]
            for channel in self.channels
        )


def samples(sampling: int, first: int, last: int) -> int:
    """The number of multiples of `sampling` from `first` to `last`, both inclusive."""
    return last // sampling - (first - 1) // sampling


# Plain integers, since comparisons with members of LevelMode and LevelRoundingMode take longer than the arithmetic itself.
_ONE_LEVEL, _MIPMAP, _ROUND_UP = int(LevelMode.ONE_LEVEL), int(LevelMode.MIPMAP_LEVELS), int(LevelRoundingMode.ROUND_UP)


def _round_log2(value: int, rounding: int) -> int:
    return (value - 1).bit_length() if rounding == _ROUND_UP else value.bit_length() - 1


def level_size(size: int, level: int, rounding: int) -> int:
    """`size` in pixels divided by 2 ** `level`, rounded once from the full size; at least 1."""
    halved = size >> level
    if rounding == _ROUND_UP and halved << level < size:
        halved += 1
    return halved or 1


def _levels(tiles: TileDesc, width: int, height: int) -> tuple[tuple[Level, ...], int]:
    """All levels in the order of the chunk offset table, and their total number of chunks."""
    x_size, y_size, mode = tiles
    mode, rounding = mode & 15, mode >> 4
    if mode == _ONE_LEVEL:
        tiles_x, tiles_y = -(-width // x_size), -(-height // y_size)
        return (Level(0, 0, width, height, tiles_x, tiles_y, 0),), tiles_x * tiles_y
    if mode == _MIPMAP:
        count_x = count_y = _round_log2(max(width, height), rounding) + 1
    else:
        count_x, count_y = _round_log2(width, rounding) + 1, _round_log2(height, rounding) + 1
    across = [(size := level_size(width, level, rounding), -(-size // x_size)) for level in range(count_x)]
    down = [(size := level_size(height, level, rounding), -(-size // y_size)) for level in range(count_y)]
    if mode == _MIPMAP:
        numbers = [(level, level) for level in range(count_x)]
    else:
        numbers = [(level_x, level_y) for level_y in range(count_y) for level_x in range(count_x)]
    levels = []
    first_chunk = 0
    for level_x, level_y in numbers:
        (level_width, tiles_x), (level_height, tiles_y) = across[level_x], down[level_y]
        levels.append(Level(level_x, level_y, level_width, level_height, tiles_x, tiles_y, first_chunk))
        first_chunk += tiles_x * tiles_y
    return tuple(levels), first_chunk


def window_text(window: Box2i) -> str:
    """A window as text: `(x_min y_min) - (x_max y_max)`."""
    return f"({window.x_min} {window.y_min}) - ({window.x_max} {window.y_max})"


def span_text(noun: str, first: int, last: int) -> str:
    """Consecutive rows, columns or chunks as text: `row 5`, `rows 5 to 9`."""
    return f"{noun} {first}" if first == last else f"{noun}s {first} to {last}"


def is_window(window: Box2i) -> bool:
    """Whether a window contains pixels and the library accepts its coordinates."""
    x_min, y_min, x_max, y_max = window
    limit = COORDINATE_LIMIT
    return -limit < x_min <= x_max < limit and -limit < y_min <= y_max < limit


def _check_window(window: Box2i, limits: Limits) -> None:
    if not is_window(window):
        message = "the data window is not a valid rectangle"
        raise UnknownLayout(message, found=window_text(window), expected="min <= max")
    if max(window.width, window.height) > limits.image_px:
        found, expected = window_text(window), f"{limits.image_px} a side"
        raise LimitExceeded("the data window is too large", limit="image_px", found=found, expected=expected)


def _check_tiles(tiles: TileDesc | None, limits: Limits) -> TileDesc:
    if tiles is None:
        raise UnknownLayout("a tiled part has no tile description", expected="a tiles attribute")
    if not (tiles.x_size and tiles.y_size) or tiles.level_mode > 2 or tiles.rounding_mode > 1:
        found = f"{tiles.x_size} x {tiles.y_size}, mode 0x{tiles.mode:02x}"
        raise UnknownLayout("the tile description is not valid", found=found, expected="sizes from 1, known modes")
    if max(tiles.x_size, tiles.y_size) > limits.tile_px:
        found, expected = f"{tiles.x_size} x {tiles.y_size}", str(limits.tile_px)
        raise LimitExceeded("tiles are too large", limit="tile_px", found=found, expected=expected)
    return tiles


def computed_chunk_count(part: PartHeader) -> int | None:
    """The number of chunks that the header implies, without limits; None if the header does not determine it.

    For messages about parts that are too large for a Layout.
    """
    window, part_type, tiles = part.data_window, part.part_type, part.tiles
    if window is None or window.width < 1 or window.height < 1:
        return None
    if part_type in _LINE_TYPES:
        lines = LINES_PER_CHUNK.get(-1 if part.compression is None else part.compression)
        return None if lines is None else -(-window.height // lines)
    if part_type not in _TILE_TYPES or tiles is None or not (tiles.x_size and tiles.y_size):
        return None
    if tiles.level_mode > 2 or tiles.rounding_mode > 1:
        return None
    return _levels(tiles, window.width, window.height)[1]


def _ordered(channels: tuple[Channel, ...], limits: Limits) -> tuple[Channel, ...]:
    """The channels in the order of the pixel data. Raises UnknownLayout if one has an unknown type or sampling."""
    if len(channels) > limits.channels:
        raise limits.exceeded("channels", "too many channels", str(len(channels)))
    for channel in channels:
        if channel.pixel_type not in PIXEL_BYTES or channel.x_sampling < 1 or channel.y_sampling < 1:
            found = f"type {channel.pixel_type}, sampling {channel.x_sampling} x {channel.y_sampling}"
            expected = "type 0 to 2, samplings from 1"
            raise UnknownLayout(f"channel {channel.name} has no layout", found=found, expected=expected)
    return pixel_order(channels)


def part_layout(part: PartHeader, limits: Limits = DEFAULT_LIMITS) -> Layout:
    """The division of `part` into chunks.

    Raises:
        UnknownLayout: If an attribute that determines the layout is missing or invalid.
        LimitExceeded: If the part exceeds a limit.
    """
    window, channels, compression, part_type = part.data_window, part.channels, part.compression, part.part_type
    if window is None or channels is None or compression is None or part_type is None:
        lacking = {"dataWindow": window, "channels": channels, "compression": compression, "type": part_type}
        expected = ", ".join(name for name, value in lacking.items() if value is None)
        raise UnknownLayout("the part lacks attributes that determine its layout", expected=expected)
    _check_window(window, limits)
    width, height = window.width, window.height
    ordered = _ordered(channels, limits)
    lines = LINES_PER_CHUNK.get(compression)
    if lines is None:
        raise UnknownLayout("unknown compression", found=str(compression), expected="a code from 0 to 13")
    levels: tuple[Level, ...]
    if part_type in _LINE_TYPES:
        chunk_count = -(-height // lines)
        levels = (Level(0, 0, width, height, 1, chunk_count, 0),)
        tile_width, tile_height = width, lines
    elif part_type in _TILE_TYPES:
        tiles = _check_tiles(part.tiles, limits)
        levels, chunk_count = _levels(tiles, width, height)
        tile_width, tile_height = tiles.x_size, tiles.y_size
    else:
        levels, chunk_count, tile_width, tile_height = (), part.chunk_count or 0, width, height
    if not 0 <= chunk_count <= limits.chunks:
        raise LimitExceeded("too many chunks", limit="chunks", found=str(chunk_count), expected=str(limits.chunks))
    return Layout(part_type, window, compression, ordered, tile_width, tile_height, levels, chunk_count)
