"""Tiles and bands of one image that are black."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from exr_inspector.exr.chunks.layout import span_text
from exr_inspector.exr.header.values import Box2i
from exr_inspector.model import ChannelStats, ZeroGrid
from exr_inspector.validation.facts.facts import PartFacts
from exr_inspector.validation.rule import NOTHING, Found, Results, counted, listed
from exr_inspector.validation.small_images.cells import Cells, cells_of, rectangles

_LEAST_TILE = 2  # cells: the tiles of renderers have 16 pixels and more
_LARGEST = 4  # a tile is at most one part in so many of the width and height of the image
_MOST_BLACK = 4  # an image of which more than one part in so many is black shows something else before black
_OTHER_ZEROS = 20  # there is at most one other zero for so many in the tiles
_OPAQUE = 0.999  # the mean of alpha where it is not zero


def tiles_and_bands(part: PartFacts, every: Sequence[ChannelStats], grid: ZeroGrid) -> Results:
    """The findings of PIX-BLACK-TILES on a part, by the statistics of R, G and B of its main image and its black cells."""
    cells = cells_of(grid)
    zeros = int(cells.sum()) * grid.cell_px**2
    fewest = min(stats.zero_count for stats in every)
    bands, is_inside = _bands(cells, grid.cell_px, part.part.data_window)
    if bands:
        others, alpha = 2 * len(bands) * grid.cell_px * max(cells.shape) * grid.cell_px, part.stats.get("A")
        is_empty = alpha is not None and alpha.zero_count >= zeros / 2
        if fewest - zeros > others or (alpha is not None and is_empty and not (is_inside and _is_opaque(alpha))):
            return NOTHING
        message = f"R, G and B are zero in at least {listed(bands)}, from edge to edge, and nearly nowhere else"
        return [Found(message, listed(bands), "an image", every[0].channel)]
    if zeros * _MOST_BLACK > every[0].samples or fewest - zeros > zeros / _OTHER_ZEROS or not (found := _tiles(cells)):
        return NOTHING
    areas = [f"{w} x {h} at ({x}, {y})" for x, y, w, h in ([n * grid.cell_px for n in tile] for tile in found)]
    shown = listed(areas, most=3)
    message = (
        f"R, G and B are zero in {counted(len(areas), 'rectangle')} of whole tiles, and nearly nowhere else: {shown}"
    )
    return [Found(message, shown, "an image", every[0].channel)]


def _is_opaque(alpha: ChannelStats) -> bool:
    """Whether alpha is 1 wherever it is not zero, or nearly: an element has soft edges."""
    return (alpha.mean or 0) * alpha.finite_count >= _OPAQUE * (alpha.samples - alpha.zero_count)


def _bands(cells: Cells, cell_px: int, window: Box2i | None) -> tuple[list[str], bool]:
    """The rows, or the columns, of the set cells, if these are whole rows or whole columns; none for a letterbox.

    Also returned is whether none of them is at an edge of the image.
    """
    x, y, right, bottom = window or (0, 0, 0, 0)
    for axis, noun, start, last in ((1, "row", y, bottom), (0, "column", x, right)):
        is_black: npt.NDArray[np.bool_] = np.all(cells, axis=axis)
        is_letterbox = bool(is_black[0]) and np.array_equal(is_black, is_black[::-1])
        if is_black.any() and not is_letterbox and is_black.sum() * cells.shape[axis] == cells.sum():
            edges = np.flatnonzero(np.diff(is_black, prepend=False, append=False)).reshape(-1, 2) * cell_px + start
            names = [span_text(noun, first, min(end - 1, last)) for first, end in edges.tolist()]
            return names, not (is_black[0] or is_black[-1])
    return [], False


def _tiles(cells: Cells) -> list[tuple[int, int, int, int]]:
    """The rectangles of set cells, if they are whole tiles of one size; else none."""
    rows, columns = cells.shape
    found = [*rectangles(cells)]
    if sum(width * height for _, _, width, height in found) != cells.sum():
        return []
    side = 0
    is_inside = False
    for x, y, width, height in found:
        ends_right, ends_below = x + width == columns, y + height == rows
        side = math.gcd(side, x, y, 0 if ends_right else width, 0 if ends_below else height)
        is_inside = is_inside or bool(x and y and not ends_right and not ends_below)
        if width * _LARGEST > columns or height * _LARGEST > rows:
            return []
    return found if is_inside and side >= _LEAST_TILE else []
