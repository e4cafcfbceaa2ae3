"""Computes box averages of decoded pixels for thumbnails, chunk by chunk.

A `Canvas` is a small picture of the display window; each of its pixels is the average of a box of samples. A sample belongs to
the box that contains its centre. In boxes of 15 and more rows, only every third, fifth, ... row is summed, at least five of
them; NaNs and infinities are found in every row. Partial sums can be merged in any order. Samples outside the display window
are ignored.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from exr_inspector.exr.chunks.layout import ChunkPlace, Layout, Level
from exr_inspector.exr.header.values import Box2i
from exr_inspector.pixels.decoded import DecodedBlock
from exr_inspector.pixels.statistics import REBIAS, Samples

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Sampling = tuple[int, int]  # in x and y
_LEAST_ASPECT, _MOST_ASPECT = 0.01, 100.0
_LEAST_ROWS = 5  # summed rows of a box


def canvas_size(display: Box2i, pixel_aspect: float | None, longest: int) -> tuple[int, int]:
    """Width and height in pixels of a small picture with square pixels, at most `longest` on the longer side."""
    aspect = pixel_aspect if pixel_aspect and _LEAST_ASPECT <= pixel_aspect <= _MOST_ASPECT else 1.0
    width, height = display.width * min(aspect, 1.0), display.height / max(aspect, 1.0)
    scale = min(1.0, longest / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


@dataclass(frozen=True)
class Canvas:
    """Maps the samples of one level of a part to the pixels of its small picture.

    Attributes:
        layout: The part's layout.
        level: The level.
        display: The display window, in pixels of level (0, 0).
        width: Width of the picture in pixels.
        height: Height of the picture in pixels.
    """

    layout: Layout
    level: Level
    display: Box2i
    width: int
    height: int

    def _columns(self, sampling: int) -> Ints:
        window, level, display = self.layout.data_window, self.level, self.display
        return _boxes((window.x_min, window.width), level.width, sampling, (display.x_min, display.width), self.width)

    def _rows(self, sampling: int) -> Ints:
        window, level, display = self.layout.data_window, self.level, self.display
        return _boxes(
            (window.y_min, window.height), level.height, sampling, (display.y_min, display.height), self.height
        )

    @cached_property
    def maps(self) -> dict[Sampling, tuple[Ints, Ints]]:
        """By sampling (x, y), the picture row of each sample row and the picture column of each sample column; -1 outside."""
        samplings = {self.sampling(number) for number in range(len(self.layout.channels))}
        return {(x, y): (self._rows(y), self._columns(x)) for x, y in {*samplings, (1, 1)}}

    def row_step(self, sampling: Sampling) -> int:
        """Distance of the sample rows that are summed; odd, so that both fields of interlaced rows are summed."""
        height = self.display.height * self.level.height / (self.layout.data_window.height * self.height * sampling[1])
        step = max(1, int(height) // _LEAST_ROWS)
        return step - (step + 1) % 2

    @cached_property
    def column_runs(self) -> dict[Sampling, Runs]:
        """By sampling (x, y), the runs of complete sample rows."""
        return {sampling: _runs(columns) for sampling, (_, columns) in self.maps.items()}

    @cached_property
    def shown_boxes(self) -> dict[Sampling, tuple[Ints, Ints]]:
        """By sampling (x, y), the picture row and column whose samples each row and column of the picture shows."""
        pixel_rows, pixel_columns = self.maps[1, 1]
        return {
            sampling: (
                _nearest(rows[:: self.row_step(sampling)], pixel_rows, self.height),
                _nearest(columns, pixel_columns, self.width),
            )
            for sampling, (rows, columns) in self.maps.items()
        }

    def sampling(self, channel: int) -> Sampling:
        """The sampling (x, y) of channel number `channel`."""
        entry = self.layout.channels[channel]
        return entry.x_sampling, entry.y_sampling

    @property
    def covered(self) -> npt.NDArray[np.bool_]:
        """Mask of the picture's pixels that overlap the data window, shape (height, width)."""
        rows, columns = self.maps[1, 1]
        return _has_samples(rows, self.height)[:, None] & _has_samples(columns, self.width)


def _boxes(window: tuple[int, int], size: int, sampling: int, display: tuple[int, int], boxes: int) -> Ints:
    """The box of each sample along one axis.

    Args:
        window: First pixel and number of pixels of the data window.
        size: Number of pixels of the level.
        sampling: The samples are the pixels at multiples of this number.
        display: First pixel and number of pixels of the display window.
        boxes: Number of boxes in the display window.
    """
    first, full = window
    at = np.arange(-(-first // sampling) * sampling, first + size, sampling, dtype=np.int64)
    centre = first + (at - first + 0.5) * (full / size)
    box = np.floor((centre - display[0]) * (boxes / display[1])).astype(np.int64)
    return np.where((box >= 0) & (box < boxes), box, -1)


class Runs(NamedTuple):
    """Samples along an axis, grouped in runs of samples in the same box.

    Attributes:
        starts: Position of the first sample of each run.
        lengths: Number of samples of each run.
        boxes: Box of each run; -1 outside the picture.
        span: The boxes as a slice, if they are consecutive and all inside the picture; None otherwise.
    """

    starts: Ints
    lengths: Ints
    boxes: Ints
    span: slice | None


class Piece(NamedTuple):
    """Sums of some samples of one channel.

    Attributes:
        channel: Number of the channel.
        rows: Runs of the sample rows.
        columns: Runs of the sample columns.
        sums: Shape (runs of rows, runs of columns).
        is_counted: Whether the samples are counted; otherwise `sums` only has the non-finite sums, and 0.
    """

    channel: int
    rows: Runs
    columns: Runs
    sums: Floats
    is_counted: bool = True


class Area(NamedTuple):
    """Rows of adjacent chunks, in an array of shape (tiles, rows, columns); scan lines are one tile.

    Attributes:
        chosen: The tiles and rows.
        rows: Runs of the rows.
        columns: Runs of the columns, tile by tile.
    """

    chosen: tuple[slice, slice]
    rows: Runs
    columns: Runs


class BoxAdder:
    """Sums decoded chunks of some channels of a flat part; used by one thread.

    Attributes:
        pieces: The sums so far.
    """

    __slots__ = ("_areas", "_block", "_canvas", "_channels", "pieces")

    def __init__(self, canvas: Canvas, channels: Sequence[int]) -> None:
        self._canvas = canvas
        self._channels = frozenset(channels)
        self._block: DecodedBlock | None = None
        self._areas: dict[Sampling, list[Area]] = {}
        self.pieces: list[Piece] = []

    def add(self, block: DecodedBlock, channel: int, placed: Samples | None, *, is_finite: bool) -> None:
        """Add one channel of decoded chunks; other channels are ignored.

        Args:
            block: The chunks.
            channel: Number of the channel.
            placed: Return value of `Accumulator.add`.
            is_finite: Whether all samples are finite.
        """
        if channel not in self._channels:
            return
        if block is not self._block:
            self._block, self._areas = block, {}
        sampling = self._canvas.sampling(channel)
        step = self._canvas.row_step(sampling)
        if sampling not in self._areas:
            self._areas[sampling] = list(self._located(block, sampling, step))
        values, scale = (block.arrays[channel], 1.0) if placed is None else (placed, REBIAS)
        tiles = len(block.places) if self._canvas.layout.is_tiled else 1
        shaped = values.reshape(tiles, values.shape[0] // tiles, values.shape[1])
        for chosen, rows, columns in self._areas[sampling]:
            self.pieces.append(Piece(channel, rows, columns, _added(shaped[chosen], rows, columns, scale)))
        if step > 1 and not is_finite:
            for chosen, rows, columns in self._located(block, sampling, 1):
                sums = _added(shaped[chosen], rows, columns, scale)
                sums[np.isfinite(sums)] = 0.0
                self.pieces.append(Piece(channel, rows, columns, sums, is_counted=False))

    def _located(self, block: DecodedBlock, sampling: Sampling, step: int) -> Iterator[Area]:
        """The areas of the block with every `step`-th row of the data window."""
        layout, places = self._canvas.layout, block.places
        rows, columns = self._canvas.maps[sampling]
        corner, above = layout.data_window, 0
        for first, end in _series(places, is_tiled=layout.is_tiled):
            top, bottom = _span(places[first].window.y_min, places[end - 1].window.y_max, corner.y_min, sampling[1])
            start = -top % step
            chosen = slice(None), slice(above + start, above + bottom - top, step)
            if layout.is_tiled:
                spans = [_span(p.window.x_min, p.window.x_max, corner.x_min, sampling[0]) for p in places[first:end]]
                across = _runs(np.concatenate([columns[left:right] for left, right in spans]))
                chosen = slice(first, end), slice(start, None, step)
            else:
                across = self._canvas.column_runs[sampling]
                above += bottom - top
            if top + start < bottom and len(across.boxes):
                yield Area(chosen, _runs(rows[top + start : bottom : step]), across)


def _series(places: Sequence[ChunkPlace], *, is_tiled: bool) -> Iterator[tuple[int, int]]:
    """Positions (first, end) of the chunks of each row of tiles, or of each series of scan line chunks without a gap."""
    cuts: list[int] = []
    adjacent = enumerate(pairwise(places), 1)
    if is_tiled:
        cuts = [position for position, (before, after) in adjacent if after.tile_y != before.tile_y]
    elif places[-1].index - places[0].index >= len(places):
        cuts = [position for position, (before, after) in adjacent if after.index > before.index + 1]
    return pairwise([0, *cuts, len(places)])


class BoxSums:
    """Sums and counts of the samples in each box of a canvas, by channel."""

    __slots__ = ("_canvas", "_counted", "_counts", "_sums")

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        empty = partial(np.zeros, (canvas.height, canvas.width))
        self._sums: defaultdict[int, Floats] = defaultdict(empty)
        self._counts: defaultdict[Sampling, Floats] = defaultdict(empty)
        self._counted: dict[Sampling, int] = {}  # the channel whose samples are counted

    def put(self, pieces: Iterable[Piece]) -> None:
        """Add the sums of some chunks; each chunk's sums of all channels."""
        for channel, rows, columns, added, is_counted in pieces:
            sampling = self._canvas.sampling(channel)
            totals: list[tuple[Floats, npt.NDArray[Any]]] = [(self._sums[channel], added)]
            if is_counted and self._counted.setdefault(sampling, channel) == channel:
                totals.append((self._counts[sampling], np.outer(rows.lengths, columns.lengths)))
            for total, part in totals:
                if rows.span and columns.span:
                    total[rows.span, columns.span] += part
                    continue
                down, across = np.flatnonzero(rows.boxes >= 0), np.flatnonzero(columns.boxes >= 0)
                # Chunks are in order, so each box has at most one run.
                total[np.ix_(rows.boxes[down], columns.boxes[across])] += part[np.ix_(down, across)]

    def means(self, channel: int) -> Floats:
        """The mean of each box; NaN if a sample is NaN, if none was decoded, and outside the data window.

        A box without samples (of a subsampled channel), or without a row that is summed (at the edge of the data window), has
        the value of the box to the left or above.
        """
        sampling = self._canvas.sampling(channel)
        sums = self._sums[channel]
        with np.errstate(invalid="ignore", divide="ignore"):
            means = sums / self._counts[sampling]
        rows, columns = self._canvas.shown_boxes[sampling]
        return np.where(np.isfinite(sums), means[rows][:, columns], sums)


def row_piece(canvas: Canvas, channel: int, values: Samples, first: tuple[int, int]) -> Piece:
    """The sums of complete rows of samples; `first` is the row and column of the first sample in the data window."""
    all_rows, all_columns = canvas.maps[canvas.sampling(channel)]
    (top, left), (height, width) = first, values.shape
    rows, columns = _runs(all_rows[top : top + height]), _runs(all_columns[left : left + width])
    return Piece(channel, rows, columns, _added(values[None], rows, columns, 1.0))


def _added(tiles: Samples, rows: Runs, columns: Runs, scale: float) -> Floats:
    """The sums of the runs, multiplied by `scale`. `tiles` has the shape (tiles, rows, columns of a tile)."""
    count, height, width = tiles.shape
    with np.errstate(invalid="ignore", over="ignore"):
        floats, own_scale = _as_floats(tiles)
        # Rows are summed first, which is the fastest order of memory accesses.
        lines = np.empty((len(rows.starts), count, width), floats.dtype)
        for line, (start, end) in zip(lines, pairwise([*rows.starts.tolist(), height]), strict=True):
            np.einsum("tyx->tx", floats[:, start:end], out=line)
        sums: Floats = np.add.reduceat(lines.reshape(-1, count * width), columns.starts, axis=1, dtype=np.float64)
        sums *= scale * own_scale
    return sums


def _as_floats(values: Samples) -> tuple[Samples, float]:
    """Samples in a type that can be summed fast, and the factor for the sums (see `Accumulator._add_half`)."""
    if values.dtype != np.float16:
        return (values if values.dtype == np.float32 else values.astype(np.float64)), 1.0
    bits = values.view(np.int16)
    if int((bits & 0x7C00).max()) == 0x7C00:
        return values.astype(np.float32), 1.0
    placed = np.left_shift(bits.astype(np.int32), 13)
    np.bitwise_and(placed, np.int32(-0x70000001), out=placed)
    return placed.view(np.float32), REBIAS


def _span(low: int, high: int, corner: int, sampling: int) -> tuple[int, int]:
    """Positions (first, end) of the samples from `low` to `high`, both inclusive, in a sample row that starts at `corner`."""
    first = -(-corner // sampling)
    return -(-low // sampling) - first, high // sampling + 1 - first


def _runs(boxes: Ints) -> Runs:
    if not len(boxes):
        return Runs(boxes, boxes, boxes, None)
    edges = np.concatenate(([0], np.flatnonzero(boxes[1:] != boxes[:-1]) + 1, [len(boxes)]))
    found = boxes[edges[:-1]]
    first, last = int(found[0]), int(found[-1])
    span = slice(first, last + 1) if first >= 0 and last - first == len(found) - 1 else None
    return Runs(edges[:-1], edges[1:] - edges[:-1], found, span)


def _has_samples(boxes: Ints, count: int) -> npt.NDArray[np.bool_]:
    """For each of `count` boxes along an axis, whether some sample is in it."""
    found = np.zeros(count + 1, np.bool_)
    found[boxes] = True  # samples outside the picture are in box -1, the last one
    return found[:-1]


def _nearest(boxes: Ints, pixels: Ints, count: int) -> Ints:
    """For each box along an axis, the box whose samples it shows: itself, or the last box before it that has samples."""
    own = np.arange(count)
    has, covered = _has_samples(boxes, count), _has_samples(pixels, count)
    if not has.any():
        return own
    filled = np.maximum.accumulate(np.where(has, own, -1))
    filled[filled < 0] = np.flatnonzero(has)[0]
    nearest: Ints = np.where(covered, filled, own)
    return nearest
