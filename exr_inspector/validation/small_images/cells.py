"""The cells of 8 x 8 pixels in which the colour of an image is exactly zero, and the regions that they form."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from exr_inspector.model import ZeroGrid
from exr_inspector.validation.frames import FramePixels

Cells = npt.NDArray[np.bool_]
_LEAST_CELLS = 4  # smaller regions are shadows
_LIT = 0.25  # of an area that is compared where the rest is zero
_FEW_AREAS = 8  # fewer tell nothing
_MOST_RUNS = 3000  # of cells in rows; images of particles and stars have more


def cells_of(grid: ZeroGrid) -> Cells:
    """The mask of zero cells, by row and column."""
    bits = np.unpackbits(np.frombuffer(grid.bits, np.uint8), count=grid.rows * grid.columns)
    found: Cells = bits.reshape(grid.rows, grid.columns).astype(np.bool_)
    return found


def are_edges_black(grid: ZeroGrid) -> bool:
    """Whether most cells along the edges of an image are zero."""
    cells = cells_of(grid)
    edge = np.concatenate([cells[0], cells[-1], cells[:, 0], cells[:, -1]])
    return bool(2 * np.count_nonzero(edge) > edge.size)


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


def unlikeness(one: FramePixels, other: FramePixels) -> float:
    """1 minus the correlation of the areas of two small images that are lit in both: a lost bucket does not count."""
    mine, theirs = _lit_areas(one), _lit_areas(other)
    both = np.isfinite(mine) & np.isfinite(theirs)
    if both.sum() < _FEW_AREAS or 2 * both.sum() < max(np.isfinite(mine).sum(), np.isfinite(theirs).sum()):
        return 0.0  # most of one image is lost
    mine, theirs = mine[both], theirs[both]
    return 1 - float(np.corrcoef(mine, theirs)[0, 1]) if mine.std() and theirs.std() else 0.0


def _lit_areas(pixels: FramePixels) -> npt.NDArray[np.float64]:
    """The small image, with the mean of what is lit in each area; NaN where hardly anything is."""
    small, zeros = pixels.small, pixels.zeros
    if zeros is None or not any(zeros.bits):
        return small
    count = math.isqrt(small.size)
    lit: npt.NDArray[np.floating] = 1.0 - cells_of(zeros)
    for size in lit.shape:  # the mean of each band of rows, then of columns
        starts = np.arange(count + 1) * size // count
        lit = np.stack([lit[at : max(at + 1, end)].mean(axis=0) for at, end in pairwise(starts.tolist())]).T
    shares = lit.ravel()
    return np.where(shares >= _LIT, small / np.maximum(shares, _LIT), np.nan)
