"""Samples some rows and columns of a part's colour: seams, mirrored images, stripes, fields, borders, black lines.

A seam is a straight line across the image, or from an edge to its middle, beyond which a colour is multiplied by one factor
while the texture goes on. At the edge of an object, the texture beyond it is another one.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from exr_inspector.exr.chunks.layout import Layout, Level
from exr_inspector.model import ColourLines, Seam
from exr_inspector.pixels.decoded import DecodedBlock
from exr_inspector.pixels.zeros import colour_channels, pieces_of

_LINES = 64  # sampled rows, and columns, at least half as many
_LONGEST = 1 << 14  # pixels; longer lines would take much memory
_LEAST_LINES = 16  # fewer tell nothing of a texture
_NEAR = 8  # positions on each side that must not have such a step
_LEAST_FACTOR = 1.03
_LEAST_FACTOR_OF_HALF = 1.06  # of half a line
_DARKEST = 2.0**-12  # below it, factors are noise
_LIT = 0.9  # of the lines that must be lit on both sides
_ONE_WAY = 0.95  # of the lines that must step in one direction
_ALONE = 0.25  # the most that a step near a seam has of its size
_SAME_TEXTURE = 1.5  # how much more the steps of a seam may vary than those near it
_TEXTURED = 0.35  # how much they may vary in parts of what the image varies along the seam
_ROUNDING = 1e-3  # of HALF, in stops
_MOST_SEAMS = 4
_PERIODS = (3, 4)  # of the channels of RGB and RGBA; 2 is a mosaic of a sensor, or two fields
_STRIPES = 0.1  # the least mean step, in stops
_PERIODIC = 0.9  # the least correlation of steps with those a period further
_BORDERS = (3, 4, 6, 8, 12, 16)  # pixels in which an image that was blurred against black fades
_LEAST_FADE, _MOST_FADE = 0.4, 1.3  # stops; at the edge, half of such an image is black
_USUAL_FADE = 0.7  # stops, of all sides together
_BEHIND = 0.25  # the most by which it changes in as many pixels behind the border
_MOST_REPEATS = 4  # larger squares are a pattern
_STEPPED = 0.5  # of the width, in which an image must have steps
_GRID = 16  # cells of the small image in each direction
_ALTERNATING = 1.2  # of rows of two images; sharpened noise is up to this in both directions
_EDGES = 0.98  # steps below those of edges
_WIDEST_BLACK = 7  # positions; `zeros` finds wider ones
_PIXELS_OF_CELL = 32
_PATTERNED = 0.9  # of the pixels
_Lines = npt.NDArray[np.float32]


class LineSamples:
    """Sampled rows and columns of a layer's colour in a level; parts can be merged in any order."""

    __slots__ = ("_across", "_channels", "_down", "_level", "_names", "_pieces")

    def __init__(self, layout: Layout, level: Level, layer: str = "") -> None:
        self._level = level
        self._channels = colour_channels(layout, layer) if max(level.width, level.height) <= _LONGEST else ()
        self._names = [layout.channels[number].name for number in self._channels]
        self._down, self._across = -(-level.height // _LINES), -(-level.width // _LINES)
        # whether they are rows; the position of the first row and column among those kept; (channels, rows, columns)
        self._pieces: list[tuple[bool, int, int, npt.NDArray[np.floating]]] = []

    def add(self, block: DecodedBlock) -> None:
        """Add decoded chunks."""
        if not self._channels:
            return
        for arrays, top, left in pieces_of(block, [block.arrays[number] for number in self._channels]):
            height, width = arrays[0].shape
            if (row := -top % self._down) < height:
                found = np.stack([array[row :: self._down] for array in arrays])
                self._pieces.append((True, -(-top // self._down), left, found))
            if (column := -left % self._across) < width:
                found = np.stack([array[:, column :: self._across] for array in arrays])
                self._pieces.append((False, top, -(-left // self._across), found))

    def merge(self, other: LineSamples) -> None:
        """Add the samples of other chunks of the same level."""
        self._pieces += other._pieces

    def result(self) -> ColourLines | None:
        """What the lines tell; None for a part without colour or with long lines."""
        if not self._channels:
            return None
        rows = self._joined(is_rows=True)
        # Of shape (channels, columns, positions), as `rows` are (channels, rows, positions).
        columns = np.ascontiguousarray(np.swapaxes(self._joined(is_rows=False), 1, 2))
        seams = [*self._seams(rows, is_vertical=True), *self._seams(columns, is_vertical=False)]
        black = [(True, *span) for span in _black_spans(rows)] + [(False, *span) for span in _black_spans(columns)]
        light = [roots(rows), roots(columns)]
        return ColourLines(
            tuple(seams[:_MOST_SEAMS]),
            _small(rows),
            _stripe_period(rows),
            _border_level(rows, columns),
            min(_repeats_of(rows), _repeats_of(columns)),
            tuple(black),
            _row_steps(*light),
            _edge_strength(light),
            noise_level(light),
            _bends(light[0]),
        )

    def _joined(self, *, is_rows: bool) -> _Lines:
        height, width = self._level.height, self._level.width
        shape = (-(-height // self._down), width) if is_rows else (height, -(-width // self._across))
        found = np.full((len(self._channels), *shape), np.nan, np.float32)
        for kind, top, left, piece in self._pieces:
            if kind is is_rows:
                found[:, top : top + piece.shape[1], left : left + piece.shape[2]] = piece
        return found

    def _seams(self, lines: _Lines, *, is_vertical: bool) -> list[Seam]:
        """The seams across lines, of shape (channels, lines, positions)."""
        _, count, positions = lines.shape
        if positions < 2 * _NEAR + 2:
            return []
        found: dict[int, Seam] = {}
        half = count // 2  # where four tiles meet, the halves of a line differ
        halves = ((slice(half), _LEAST_FACTOR_OF_HALF), (slice(half, None), _LEAST_FACTOR_OF_HALF))
        with np.errstate(all="ignore"):
            stops = np.where(lines > _DARKEST, np.log2(lines), np.nan)
            steps = np.diff(stops, axis=2)
        for part, least in ((slice(None), _LEAST_FACTOR), *halves):
            here: dict[int, Seam] = {}
            for name, levels, differences in zip(self._names, stops, steps, strict=True):
                for at, factor in _steps(levels[part], differences[part], least):
                    if at not in here or abs(np.log(here[at].factor)) < abs(np.log(factor)):
                        here[at] = Seam(is_vertical, at, name, factor)
            found = here | found
        return [found[at] for at in sorted(found)]


def _steps(stops: _Lines, steps: _Lines, least: float) -> list[tuple[int, float]]:
    """Positions of seams across lines, each with the factor of the values from there on.

    Args:
        stops: Logarithms of the values, of shape (lines, positions); NaN for dark ones.
        steps: Differences of neighbouring positions, not finite beside dark and infinite values.
        least: The smallest factor.
    """
    if len(steps) < _LEAST_LINES:
        return []
    is_lit = np.isfinite(steps)
    steps = np.where(is_lit, steps, 0)  # few of them at the positions that are checked
    count = len(steps)
    usual = np.sort(steps, axis=0)[[(count - 1) // 2, count // 2]].mean(axis=0)  # the median, eight times as fast
    is_able = is_lit.mean(axis=0) >= _LIT
    sizes = np.where(is_able, np.abs(usual), np.inf)
    around = sliding_window_view(sizes, 2 * _NEAR + 1)
    others = np.maximum(around[:, :_NEAR].max(axis=1), around[:, _NEAR + 1 :].max(axis=1))
    inner = sizes[_NEAR:-_NEAR]
    is_alone = is_able[_NEAR:-_NEAR] & (inner > np.log2(least)) & (others <= _ALONE * inner)
    found = []
    for at in np.flatnonzero(is_alone) + _NEAR:
        window = slice(at - _NEAR, at + _NEAR + 1)
        spreads = np.median(np.abs(steps[:, window] - usual[window]), axis=0)
        spread, near = spreads[_NEAR], np.delete(spreads, _NEAR)
        step, level = steps[is_lit[:, at], at], stops[is_lit[:, at], at]
        goes_on = spread <= _SAME_TEXTURE * np.median(near) + _ROUNDING
        is_textured = spread + _ROUNDING <= _TEXTURED * np.median(np.abs(level - np.median(level)))
        if goes_on and is_textured and np.mean((step > 0) == (usual[at] > 0)) >= _ONE_WAY:
            found.append((int(at) + 1, float(2 ** usual[at])))
    return found


def _small(rows: _Lines) -> bytes:
    """The mean of the colour in a grid of cells, row by row; empty for images of fewer rows or columns, and for bad values."""
    if min(rows.shape[1:]) < _GRID:
        return b""
    with np.errstate(all="ignore"):  # infinite and very large values
        sums = rows.mean(axis=0, dtype=np.float64)
        for axis, count in enumerate(rows.shape[1:]):
            sizes = [len(part) for part in np.array_split(np.arange(count), _GRID)]
            sums = np.add.reduceat(sums, np.cumsum([0, *sizes[:-1]]), axis=axis) / np.expand_dims(sizes, 1 - axis)
        cells = sums.astype(np.float32)
    return cells.tobytes() if np.isfinite(cells).all() else b""


def _stripe_period(rows: _Lines) -> int:
    """The number of columns after which the steps between columns repeat in all channels; 0 if none.

    It is that of pixels with another number of channels than the buffer from which they were copied.
    """
    if rows.shape[1] < _LEAST_LINES or rows.shape[2] < 8 * max(_PERIODS):
        return 0
    few = rows[:, :: rows.shape[1] // _LEAST_LINES]
    with np.errstate(all="ignore"):
        steps = np.sort(np.diff(np.log2(few), axis=2), axis=1)[:, few.shape[1] // 2]
    if not np.isfinite(steps).all() or np.abs(steps).mean(axis=1).min() < _STRIPES:
        return 0
    if any(_repeats(each, 2) for each in steps):
        return 0
    return next((p for p in _PERIODS if all(_repeats(each, p) for each in steps)), 0)


def _repeats(steps: npt.NDArray[np.float32], period: int) -> bool:
    with np.errstate(all="ignore"):
        return bool(np.corrcoef(steps[:-period], steps[period:])[0, 1] > _PERIODIC)


def _repeats_of(lines: _Lines) -> int:
    """How many neighbours along lines, of shape (channels, lines, positions), have the same values throughout; 1 if none."""
    steps = np.flatnonzero((lines[:, :, 1:] != lines[:, :, :-1]).any(axis=(0, 1))) + 1
    if len(steps) < _LEAST_LINES:
        return 1
    count = int(np.gcd.reduce(np.diff(steps)))
    return count if count <= _MOST_REPEATS and len(steps) * count >= _STEPPED * lines.shape[2] else 1


def _row_steps(rows: _Lines, columns: _Lines) -> float:
    """The `row_steps` of images that alternate from row to row; 0 if they do not, or do so from column to column, too.

    Args:
        rows: The square roots of the light along rows, of shape (lines, positions).
        columns: The same along columns.
    """
    down, across = _alternation(columns), _alternation(rows)
    return down if down > _ALTERNATING > across else 0.0


def _alternation(lines: _Lines) -> float:
    """The mean step to the next position in parts of that to the second one: the median of lines, about 0.7, and 1 in noise.

    NaN for constant and tiny images, and for bad values.
    """
    if min(lines.shape) < _LEAST_LINES:
        return float("nan")
    with np.errstate(all="ignore"):  # infinite and very large values
        next_one, second = (np.abs(lines[:, apart:] - lines[:, :-apart]).mean(axis=1) for apart in (1, 2))
        ratios = next_one / second
    known = ratios[np.isfinite(ratios)]  # black bars have none
    return float(np.median(known)) if known.size else float("nan")


def _edge_strength(roots: Iterable[_Lines]) -> float:
    """The step between neighbours along lines that one in fifty exceeds; 0 with bad values."""
    with np.errstate(all="ignore"):  # infinite and very large values
        steps = np.concatenate([np.abs(np.diff(lines, axis=1)).ravel() for lines in roots])
        found = float(np.quantile(steps, _EDGES)) if steps.size else 0.0
    return found if np.isfinite(found) else 0.0


def noise_level(roots: Iterable[_Lines]) -> float:
    """The median deviation of values from the mean of the two beside them along lines, of those that have one."""
    with np.errstate(all="ignore"):  # infinite and very large values
        bends = np.concatenate([np.abs(lines[:, :-2] - 2 * lines[:, 1:-1] + lines[:, 2:]).ravel() for lines in roots])
    known = bends[(bends > 0) & np.isfinite(bends)]
    return float(np.median(known)) / 2 if known.size else 0.0


def _bends(rows: _Lines) -> bytes:
    """Whether pixels amid each cell of the small image are darker than the mean of the two beside them, as bits.

    Of each cell, 8 to 32 pixels of one row; empty for small images and if many pixels are neither.
    """
    width = min(_PIXELS_OF_CELL, (rows.shape[1] // _GRID - 2) // 8 * 8)
    if width < 8 or len(rows) < _GRID:
        return b""
    at = (2 * np.arange(_GRID) + 1) * rows.shape[1] // (2 * _GRID) - width // 2
    columns = at[:, None] + np.arange(width)
    some = rows[(2 * np.arange(_GRID) + 1) * len(rows) // (2 * _GRID)]
    with np.errstate(all="ignore"):  # infinite and very large values
        bends = some[:, columns - 1] - 2 * some[:, columns] + some[:, columns + 1]
    return np.packbits(bends > 0).tobytes() if np.count_nonzero(bends) >= _PATTERNED * bends.size else b""


def roots(lines: _Lines) -> _Lines:
    """The square roots of the light, in which highlights count less, of shape (lines, positions)."""
    with np.errstate(all="ignore"):  # infinite and very large values
        roots: _Lines = np.sqrt(np.maximum(lines.mean(axis=0), 0))
    return roots


def _black_spans(lines: _Lines) -> list[tuple[int, int]]:
    """First positions and ends of narrow spans that are zero in all lines, of shape (channels, lines, positions), and alone."""
    if lines.shape[1] < _LEAST_LINES:
        return []
    is_black = (lines == 0).all(axis=0)
    ends = np.flatnonzero(np.diff(is_black.all(axis=0), prepend=False, append=False)).reshape(-1, 2).tolist()
    lit = 1 - is_black.mean(axis=0)
    last = len(lit) - 1
    return [
        (first, end)
        for first, end in ends
        if end - first <= _WIDEST_BLACK
        and min((lit[at] for at in (first - 1, end) if 0 <= at <= last), default=0) >= _LIT
    ]


def _border_level(rows: _Lines, columns: _Lines) -> float | None:
    """The level of the edges if the image fades to about half of what it is a few pixels further in, on all four sides."""
    with np.errstate(all="ignore"):  # infinite and very large values
        across, down = rows.mean(axis=0), columns.mean(axis=0)
    sides = (across, across[:, ::-1], down, down[:, ::-1])
    if min(each.shape[0] for each in sides) < _LEAST_LINES:
        return None
    for width in _BORDERS:
        if min(each.shape[1] for each in sides) < _NEAR * width:
            break
        fades = [_stops(each[:, 0], each[:, width]) for each in sides]
        behind = [_stops(each[:, width], each[:, 2 * width]) for each in sides]
        is_faded = all(_LEAST_FADE <= fade <= _MOST_FADE for fade in fades) and np.mean(fades) >= _USUAL_FADE
        if is_faded and all(abs(step) <= _BEHIND for step in behind):
            return float(2 ** -np.mean(fades))
    return None


def _stops(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> float:
    """The median of the steps from one position of all lines to another one; NaN if there are black ones."""
    with np.errstate(all="ignore"):
        return float(np.median(np.log2(other / one)))
