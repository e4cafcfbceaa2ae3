"""The cells of 8 x 8 pixels in which the colour of an image is exactly zero, and the regions that they form."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from exr_inspector.model import ZeroGrid

Cells = npt.NDArray[np.bool_]
_LEAST_CELLS = 4  # smaller regions are shadows
_MOST_RUNS = 3000  # of cells in rows; images of particles and stars have more


def cells_of(grid: ZeroGrid) -> Cells:
    """The mask of zero cells, by row and column."""
    bits = np.unpackbits(np.frombuffer(grid.bits, np.uint8), count=grid.rows * grid.columns)
    found: Cells = bits.reshape(grid.rows, grid.columns).astype(np.bool_)
    return found


def rectangles(cells: Cells) -> Iterator[tuple[int, int, int, int]]:
    """The regions that fill a rectangle, as x, y, width and height in cells."""
    for region in regions(cells):
        rows, columns = extent(region)
        if region[rows, columns].all():
            yield columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start


def extent(region: Cells) -> tuple[slice, slice]:
    """The rows and the columns of a region, from the first to the last one that it has cells in."""
    rows, columns = (np.flatnonzero(region.any(axis=axis)).tolist() for axis in (1, 0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def runs(cells: Cells) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """The row, the first column and the end of each run of set cells in a row, in the order of the rows."""
    changes = np.diff(np.pad(cells, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = np.nonzero(changes > 0)
    return rows, starts, np.nonzero(changes < 0)[1]


def regions(cells: Cells) -> Iterator[Cells]:
    """The mask of each region of adjacent cells, without tiny ones; none among very many of them."""
    rows, starts, ends = (each.tolist() for each in runs(cells))
    for members in _joined(rows, starts, ends) if len(rows) <= _MOST_RUNS else ():
        if sum(ends[run] - starts[run] for run in members) >= _LEAST_CELLS:
            region = np.zeros_like(cells)
            for run in members:
                region[rows[run], starts[run] : ends[run]] = True
            yield region


def _joined(rows: Sequence[int], starts: Sequence[int], ends: Sequence[int]) -> list[list[int]]:
    """Groups of runs of which each touches another one in the row above or below, as positions of the runs."""
    parents = list(range(len(rows)))

    def root(run: int) -> int:
        while parents[run] != run:
            run = parents[run]
        return run

    above = 0  # the first run in the row above that may touch this one
    for run, row in enumerate(rows):
        while rows[above] < row - 1 or (rows[above] == row - 1 and ends[above] <= starts[run]):
            above += 1
        other = above
        while rows[other] == row - 1 and starts[other] < ends[run]:
            parents[root(other)] = root(run)
            other += 1
    groups: dict[int, list[int]] = {}
    for run in range(len(rows)):
        groups.setdefault(root(run), []).append(run)
    return list(groups.values())
