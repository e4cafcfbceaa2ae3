"""Tiles and bands of one image that are black."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from exr_inspector.exr.chunks.layout import span_text
from exr_inspector.exr.header.values import Box2i
from exr_inspector.model import ChannelStats, Severity, ZeroGrid
from exr_inspector.validation.facts.facts import PartFacts
from exr_inspector.validation.rule import NOTHING, Found, Results, counted, listed
from exr_inspector.validation.small_images.cells import Cells, cells_of, regions

_LEAST_TILE = 2  # cells: the tiles of renderers have 16 pixels and more
_LARGEST = 4  # a tile is at most a quarter of the width and of the height of the image
_MOST_BLACK = 4  # an image of which more than a quarter is black shows something before black
_OTHER_ZEROS = 20  # at most one other zero for 20 in the tiles
_OPAQUE = 0.999  # the mean of alpha where it is not zero


def tiles_and_bands(part: PartFacts, every: Sequence[ChannelStats], grid: ZeroGrid) -> Results:
    """The findings of PIX-BLACK-TILES on a part, by the statistics of R, G and B of its main image and its black cells."""
    cells = cells_of(grid)
    zeros = int(cells.sum()) * grid.cell_px**2
    fewest = min(stats.zero_count for stats in every)
    bands, is_inside = _bands(cells, grid.cell_px, part.part.data_window)
    alpha = part.stats.get("A")
    is_empty = alpha is not None and alpha.zero_count >= zeros / 2
    if bands:
        others = 2 * len(bands) * grid.cell_px * max(cells.shape) * grid.cell_px
        if fewest - zeros > others or (alpha is not None and is_empty and not (is_inside and _is_opaque(alpha))):
            return NOTHING
        message = f"R, G and B are zero in at least {listed(bands)}, from edge to edge, and nearly nowhere else"
        return [Found(message, listed(bands), "an image", every[0].channel)]
    if zeros * _MOST_BLACK > every[0].samples or fewest - zeros > zeros / _OTHER_ZEROS or not (found := _tiles(cells)):
        return NOTHING
    side, corners = found
    shown = f"{side * grid.cell_px} x {side * grid.cell_px} at "
    shown += listed((f"({x * grid.cell_px}, {y * grid.cell_px})" for x, y in corners), most=3)
    message = f"R, G and B are zero in {counted(len(corners), 'tile')}, and nearly nowhere else: {shown}"
    severity = Severity.WARNING if alpha is not None and is_empty and _is_opaque(alpha) else None
    return [Found(message, shown, "an image", every[0].channel, severity=severity)]


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


def _tiles(cells: Cells) -> tuple[int, list[tuple[int, int]]] | None:
    """The side and the corners (x, y), in cells, of set tiles in the coarsest grid whose tiles are set or have no set cell.

    None if there is no such grid of small tiles, or no region of tiles inside the image.
    """
    rows, columns = cells.shape
    edges_x = np.flatnonzero((cells[:, 1:] != cells[:, :-1]).any(axis=0)) + 1
    edges_y = np.flatnonzero((cells[1:] != cells[:-1]).any(axis=1)) + 1
    side = math.gcd(*edges_x.tolist(), *edges_y.tolist())
    if side < _LEAST_TILE or side * _LARGEST > min(rows, columns) or not any(map(_is_inside, regions(cells))):
        return None
    return side, [(side * x, side * y) for y, x in np.argwhere(cells[::side, ::side]).tolist()]


def _is_inside(region: Cells) -> bool:
    """Whether a region does not reach an edge of the image."""
    return not (region[[0, -1]].any() or region[:, [0, -1]].any())
