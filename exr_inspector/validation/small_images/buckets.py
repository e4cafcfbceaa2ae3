"""Buckets that are missing in a frame: black areas with straight edges that the frames around do not have."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np

from exr_inspector.model import Severity, ZeroGrid
from exr_inspector.validation.facts.sequences import SequenceFacts
from exr_inspector.validation.rule import Found, listed
from exr_inspector.validation.rules.sequences.comparison import of_frames, window_size
from exr_inspector.validation.rules.sequences.images import NEIGHBOURS, shot_frames
from exr_inspector.validation.small_images.cells import Cells, cells_of, extent, regions, runs

_LEAST_SIDE = 4  # fewest cells of the shorter side of an image whose quarters are compared
_LEAST_BUCKET = 2  # cells: the buckets of renderers have 16 pixels and more
_LEAST_TILE = 4  # cells: content hardly lies on a grid of such tiles by chance
_HALF_ADDED, _MOST_ADDED = 0.5, 0.75  # shares of a region that a frame has more zeros than those around it
_LEAST_EDGE = 5  # cells: round objects have no straight edge of this length


def _with_zeros(sequence: SequenceFacts) -> list[tuple[int, ZeroGrid]]:
    """Number and regions of zeros of each frame."""
    return [(frame.frame, pixels.zeros) for frame, pixels in shot_frames(sequence) if pixels.zeros]


def shares_of_buckets(sequence: SequenceFacts, numbers: Collection[int]) -> dict[int, float]:
    """The share of the image that lost buckets take, of those of the given frames that lost some, by their number."""
    seen = _with_zeros(sequence)
    grids = [grid for _, grid in seen]
    shares = {}
    for index, (number, grid) in enumerate(seen):
        if number in numbers and (found := _lost_buckets(grids, index)):
            hole = sum(int(region.sum()) for region in found)
            shares[number] = hole / (hole + int((~cells_of(grid)).sum()))
    return shares


def black_areas(sequence: SequenceFacts) -> list[Found]:
    """The findings of SEQ-BUCKET."""
    seen = _with_zeros(sequence)
    grids = [grid for _, grid in seen]
    sizes = {frame.frame: window_size(frame.data_window) for frame in sequence.frames if frame.data_window}
    found = []
    for index, (number, grid) in enumerate(seen):
        if areas := [_area(region, grid.cell_px, sizes.get(number)) for region in _lost_buckets(grids, index)]:
            shown = listed(areas, most=3)
            expected = "an image, as in the frames around it"
            message = f"Frame {number}: R, G and B are zero in at least {shown}, measured in steps of {grid.cell_px}"
            found.append(Found(message, shown, expected, frames=(number,)))
    named = {frame for each in found for frame in each.frames}
    return found + _in_quarters(seen, named)


def _lost_buckets(grids: Sequence[ZeroGrid], index: int) -> list[Cells]:
    """The regions that a frame lacks and that straight lines cut out of its image; none if its content moves as much."""
    if not any(grids[index].bits):
        return []
    black = cells_of(grids[index])
    before = _others(grids[index], grids[max(0, index - NEIGHBOURS) : index][::-1])
    after = _others(grids[index], grids[index + 1 : index + 1 + NEIGHBOURS])
    gone = black & _lit_around([~each for each in before], [~each for each in after])
    if not gone.any():
        return []
    around = [*before, *after]
    tiles = [(region, tile) for region in regions(gone) if (tile := _tile_cut_out(region, black, around))]
    is_near = all(tile < _LEAST_TILE for _, tile in tiles)
    found = [
        each for each, tile in tiles if _is_added(each, black, before, after, _around(each), is_near=tile < _LEAST_TILE)
    ]
    every = np.any(found, axis=0) if found else gone
    is_most = 2 * np.count_nonzero(every) >= np.count_nonzero(gone)
    whole = slice(None), slice(None)
    return found if is_most and _is_added(every, black, before, after, whole, is_near=is_near) else []


def _is_added(
    region: Cells,
    black: Cells,
    before: Sequence[Cells],
    after: Sequence[Cells],
    place: tuple[slice, slice],
    *,
    is_near: bool,
) -> bool:
    """Whether a frame has more zeros in a place than those around it, by most of a region; otherwise, content may have moved.

    With `is_near`, it is compared with the nearest frame of each side that has an image in the region; else with the one of
    each side that has fewer zeros, because each of several frames in a row may have lost other tiles.
    """
    usual = []
    for side in (before, after):
        counts = [np.count_nonzero(each[place]) for each in side if not (is_near and (each & region).any())]
        usual += [counts[0] if is_near else min(counts)] if counts else []
    added = np.count_nonzero(black[place]) - sum(usual) / max(1, len(usual))
    return added >= (_MOST_ADDED if is_near else _HALF_ADDED) * np.count_nonzero(region)


def _around(region: Cells) -> tuple[slice, slice]:
    """The rows and columns of a region and as many on each side."""
    rows, columns = (slice(max(0, 2 * each.start - each.stop), 2 * each.stop - each.start) for each in extent(region))
    return rows, columns


def _others(grid: ZeroGrid, others: Sequence[ZeroGrid]) -> list[Cells]:
    """The zero cells of each other frame with the same size as `grid`."""
    return [cells_of(other) for other in others if _same_size(other, grid)]


def _lit_around(before: Sequence[Cells], after: Sequence[Cells]) -> Cells:
    """The cells that are lit before and after a frame, from the lit cells of two frames on each side, nearest first."""
    if not before or not after:
        side = before or after
        return np.all(side, axis=0) if len(side) == NEIGHBOURS else np.array(False)
    lit: Cells = before[0] & np.any(after, axis=0) | np.any(before, axis=0) & after[0]
    return lit


def _tile_cut_out(region: Cells, black: Cells, around: Sequence[Cells]) -> int:
    """The largest tile, in cells, that can fill a region with straight edges beside an image that goes on; 0 if it has none.

    Most of the edges must lie beside cells that are lit in this frame and in those around.

    Buckets of 48 pixels and more have edges of at least five cells wherever their grid lies; smaller ones must lie on a grid,
    or in an image that has hardly any other zeros.

    Args:
        region: Adjacent zero cells.
        black: All zero cells of the frame.
        around: Those of the frames around it. Frames that have zeros in the region do not count.
    """
    least = min(*(each.stop - each.start for each in extent(region)), _thinnest(region), _thinnest(region.T))
    around = [each for each in around if not (each & region).any()]
    if least < _LEAST_BUCKET or not around:
        return 0
    masks = region, black, np.all(around, axis=0), ~np.any(around, axis=0)
    across, down = _edges(*masks), _edges(*map(np.transpose, masks))
    every, cut, moved = (across[i] + down[i] for i in range(3))
    if not every or 2 * cut < every or 3 * moved > every:
        return 0
    tile = math.gcd(across.tile, down.tile)
    is_alone = 4 * min(np.count_nonzero(each) for each in around) <= np.count_nonzero(region)
    shortest = min(least, across.shortest, down.shortest)
    is_small_bucket = is_alone and (tile >= _LEAST_BUCKET or shortest > _LEAST_BUCKET)
    if not (is_small_bucket or tile >= _LEAST_TILE or shortest >= _LEAST_EDGE):
        return 0
    return tile if across.tile and down.tile else 1  # two parallel edges can be on a grid by chance


def _thinnest(region: Cells) -> float:
    """The length of the shortest run of cells in a row that does not end at the image's edge."""
    _, starts, ends = runs(region)
    is_inside = (starts > 0) & (ends < region.shape[1])
    return min((ends - starts)[is_inside].tolist(), default=math.inf)


class _Edges(NamedTuple):
    """The edges of a region in one direction, without those of the image.

    Attributes:
        every: Their length in cells.
        cut: Length of those beside cells that are lit in the frame and in all frames around it.
        moved: Length of those beside other cells, except for cells that are dark in all these frames.
        tile: The greatest common divisor, in cells, of the distances of the edges from the image's edge; 0 without edges.
        shortest: Length of the shortest edge with a cut part that does not end at the image's edge.
    """

    every: int
    cut: int
    moved: int
    tile: int
    shortest: float


def _edges(region: Cells, black: Cells, dark: Cells, lit: Cells) -> _Edges:
    """The edges of a region between rows; `dark` and `lit` are the cells that are so in all frames around."""
    edge = region[1:] != region[:-1]
    is_black, is_dark, is_lit = (np.where(region[1:], cells[:-1], cells[1:]) for cells in (black, dark, lit))  # beyond
    is_cut = edge & ~is_black & is_lit
    is_moved = edge & ~is_cut & ~(is_black & is_dark)
    rows, starts, ends = runs(edge)
    cuts = np.pad(np.cumsum(is_cut, axis=1), ((0, 0), (1, 0)))
    is_inside = (starts > 0) & (ends < edge.shape[1]) & (cuts[rows, starts] < cuts[rows, ends])
    return _Edges(
        every=np.count_nonzero(edge),
        cut=np.count_nonzero(is_cut),
        moved=np.count_nonzero(is_moved),
        tile=math.gcd(*(rows + 1).tolist()),
        shortest=min((ends - starts)[is_inside].tolist(), default=math.inf),
    )


def _same_size(one: ZeroGrid, other: ZeroGrid) -> bool:
    return (one.columns, one.rows, one.cell_px) == (other.columns, other.rows, other.cell_px)


def _area(region: Cells, cell_px: int, image: tuple[int, int] | None) -> str:
    """Size and place of a region in an image of some width and height, such as `64 x 64 pixels at (128, 0)`."""
    rows, columns = extent(region)
    x, y = columns.start * cell_px, rows.start * cell_px
    width, height = (cell_px * (each.stop - each.start) for each in (columns, rows))
    if image is not None and region.shape == (-(-image[1] // cell_px), -(-image[0] // cell_px)):
        # the last cells can reach beyond the image
        width, height = min(width, image[0] - x), min(height, image[1] - y)
    share = region[rows, columns].mean()
    part = f"{share:.0%} of " if share < 1 else ""
    return f"{part}{width} x {height} pixels at ({x}, {y})"


def _in_quarters(seen: Sequence[tuple[int, ZeroGrid]], named: Collection[int]) -> list[Found]:
    """Warnings about frames, other than those named, that were put together from four tiles of which some are black.

    If all frames have the black quarters, or if the frames beside them are partly black there, they are the image: an element,
    one half of a panorama, a contact sheet, a wipe.
    """
    odd: list[int] = []
    for quarters, run in groupby(range(len(seen)), lambda index: _black_quarters(cells_of(seen[index][1]))):
        frames = [*run]
        sides = [(at, at + step) for at, step in ((frames[0], -1), (frames[-1], 1)) if 0 <= at + step < len(seen)]
        if (
            len(seen) > NEIGHBOURS
            and sides
            and any(quarters)
            and all(_are_apart(seen[a][1], seen[b][1]) for a, b in sides)
        ):
            odd += [seen[index][0] for index in frames if seen[index][0] not in named]
    what = "quarters of the image are black, and the others are not: was a tile lost when the image was put together?"
    return of_frames(odd, what, "an image in all quarters", "black quarters", Severity.WARNING)


def _are_apart(one: ZeroGrid, other: ZeroGrid) -> bool:
    """Whether two frames of one size have no black cell in common."""
    return _same_size(one, other) and not (cells_of(one) & cells_of(other)).any()


def _black_quarters(cells: Cells) -> tuple[bool, ...]:
    """Which quarters are black, if the others have no black cell; else empty. Cells on the middle lines do not count."""
    height, width = cells.shape
    if min(height, width) < _LEAST_SIDE:
        return ()
    rows = slice(0, (height - 1) // 2), slice(height // 2 + 1, height)
    columns = slice(0, (width - 1) // 2), slice(width // 2 + 1, width)
    quarters = [cells[row, column] for row in rows for column in columns]
    black = tuple(bool(quarter.all()) for quarter in quarters)
    is_clear = not any(q.any() for q, is_black in zip(quarters, black, strict=True) if not is_black)
    return black if is_clear and not all(black) else ()
