"""Compute the chunks of a part, in the order of its offset table.

This is a second implementation of levels, tiles and scan line blocks, so that tests do not compare the package with
itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.support.exrbytes_attributes import MIPMAP, ONE_LEVEL, ROUND_UP, Box, Tiles

LINES_PER_CHUNK = {3: 16, 4: 32, 5: 16, 6: 32, 7: 32, 8: 32, 9: 256, 10: 256, 11: 32, 12: 256}


@dataclass(frozen=True, slots=True)
class Cell:
    """The position of one chunk: the coordinates in its leader, its level, and its rectangle in pixels of that level."""

    coordinates: tuple[int, ...]
    level: tuple[int, int]
    left: int
    top: int
    width: int
    height: int


def box_size(box: Box) -> tuple[int, int]:
    """The width and height of a box in pixels; its maximum is inclusive."""
    return box[2] - box[0] + 1, box[3] - box[1] + 1


def _log2(value: int, rounding: int) -> int:
    floor = value.bit_length() - 1
    return floor + (rounding == ROUND_UP and value != 1 << floor)


def level_size(size: int, level: int, rounding: int) -> int:
    """The number of pixels along one side of a level."""
    shrunk = size >> level
    if rounding == ROUND_UP and shrunk << level < size:
        shrunk += 1
    return max(1, shrunk)


def levels(width: int, height: int, tiles: Tiles) -> list[tuple[int, int]]:
    """Every (levelX, levelY) in table order; for RIPMAP, levelX changes fastest."""
    if tiles.mode == ONE_LEVEL:
        return [(0, 0)]
    if tiles.mode == MIPMAP:
        return [(level, level) for level in range(_log2(max(width, height), tiles.rounding) + 1)]
    across = range(_log2(width, tiles.rounding) + 1)
    return [(x, y) for y in range(_log2(height, tiles.rounding) + 1) for x in across]


def tile_cells(box: Box, tiles: Tiles) -> Iterator[Cell]:
    """The tiles of every level, row by row."""
    width, height = box_size(box)
    for level in levels(width, height, tiles):
        wide = level_size(width, level[0], tiles.rounding)
        high = level_size(height, level[1], tiles.rounding)
        for tile_y, top in enumerate(range(0, high, tiles.y_size)):
            for tile_x, left in enumerate(range(0, wide, tiles.x_size)):
                clipped = min(tiles.x_size, wide - left), min(tiles.y_size, high - top)
                yield Cell((tile_x, tile_y, *level), level, left, top, *clipped)


def line_cells(box: Box, lines: int) -> Iterator[Cell]:
    """The scan line blocks from the top; the coordinate of each is the y of its first line."""
    width, height = box_size(box)
    for top in range(0, height, lines):
        yield Cell((box[1] + top,), (0, 0), 0, top, width, min(lines, height - top))
