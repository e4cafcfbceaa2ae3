"""The cells of 8 x 8 pixels in which the colour of an image is exactly zero, and the rectangles that they form."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from exr_inspector.model import ZeroGrid

Cells = npt.NDArray[np.bool_]
_LEAST_CELLS = 4  # smaller rectangles are shadows
_MOST_CORNERS = 1000  # upper left ones, of which each group has one or more; images of particles and stars have more


def cells_of(grid: ZeroGrid) -> Cells:
    """The mask of zero cells, by row and column."""
    bits = np.unpackbits(np.frombuffer(grid.bits, np.uint8), count=grid.rows * grid.columns)
    found: Cells = bits.reshape(grid.rows, grid.columns).astype(np.bool_)
    return found


def rectangles(cells: Cells) -> Iterator[tuple[int, int, int, int]]:
    """Groups of adjacent cells that fill a rectangle, as x, y, width and height in cells; none among very many groups."""
    is_corner = cells.copy()
    is_corner[1:] &= ~cells[:-1]
    is_corner[:, 1:] &= ~cells[:, :-1]
    if np.count_nonzero(is_corner) > _MOST_CORNERS:
        return
    for y, x in np.argwhere(is_corner).tolist():
        width = _run(cells[y, x:])
        height = _run(cells[y:, x : x + width].all(axis=1))
        stands_alone = not (
            cells[y : y + height, max(0, x - 1) : x].any()
            or cells[y : y + height, x + width : x + width + 1].any()
            or cells[max(0, y - 1) : y, x : x + width].any()
            or cells[y + height : y + height + 1, x : x + width].any()
        )
        if stands_alone and width * height >= _LEAST_CELLS:
            yield x, y, width, height


def _run(cells: npt.ArrayLike) -> int:
    """The number of consecutive set cells from the first one."""
    found = np.asarray(cells)
    return len(found) if found.all() else int(found.argmin())
