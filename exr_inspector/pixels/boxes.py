"""Computes exact box averages of decoded pixels for thumbnails, chunk by chunk.

A `Canvas` is a small picture of the display window; each of its pixels is the average of a box of samples. Every sample counts
once, in the box that contains its centre. Partial sums can be merged in any order. Samples outside the display window are
ignored.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from exr_inspector.exr.chunks.layout import Layout, Level
from exr_inspector.exr.header.values import Box2i
from exr_inspector.pixels.decoded import DecodedBlock
from exr_inspector.pixels.statistics import REBIAS, Samples

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Sampling = tuple[int, int]  # in x and y
_LEAST_ASPECT, _MOST_ASPECT = 0.01, 100.0


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

    def sampling(self, channel: int) -> Sampling:
        """The sampling (x, y) of channel number `channel`."""
        entry = self.layout.channels[channel]
        return entry.x_sampling, entry.y_sampling

    @property
    def covered(self) -> npt.NDArray[np.bool_]:
        """Mask of the picture's pixels that overlap the data window, shape (height, width)."""
        rows, columns = self.maps[1, 1]
        return np.isin(np.arange(self.height), rows)[:, None] & np.isin(np.arange(self.width), columns)


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
    """

    channel: int
    rows: Runs
    columns: Runs
    sums: Floats


class BoxAdder:
    """Sums decoded chunks of some channels of a flat part; used by one thread.

    Attributes:
        pieces: The sums so far.
    """

    __slots__ = ("_bands", "_block", "_canvas", "_channels", "pieces")

    def __init__(self, canvas: Canvas, channels: Sequence[int]) -> None:
        self._canvas = canvas
        self._channels = frozenset(channels)
        self._block: DecodedBlock | None = None
        self._bands: dict[Sampling, list[tuple[slice, Runs, Runs]]] = {}
        self.pieces: list[Piece] = []

    def add(self, block: DecodedBlock, channel: int, placed: Samples | None) -> None:
        """Add one channel of decoded chunks. `placed` is the return value of `Accumulator.add`. Other channels are ignored."""
        if channel not in self._channels:
            return
        if block is not self._block:
            self._block, self._bands = block, {}
        sampling = self._canvas.sampling(channel)
        if sampling not in self._bands:
            self._bands[sampling] = list(self._located(block, sampling))
        values, scale = (block.arrays[channel], 1.0) if placed is None else (placed, REBIAS)
        tiles = len(block.places) if self._canvas.layout.is_tiled else 1
        shaped = values.reshape(tiles, values.shape[0] // tiles, values.shape[1])
        for chosen, rows, columns in self._bands[sampling]:
            self.pieces.append(Piece(channel, rows, columns, _added(shaped[chosen], rows, columns, scale)))

    def _located(self, block: DecodedBlock, sampling: Sampling) -> Iterator[tuple[slice, Runs, Runs]]:
        """For each row of adjacent tiles, or for all scan lines: the slice of tiles, and the runs of their rows and columns."""
        layout = self._canvas.layout
        rows, columns = self._canvas.maps[sampling]
        corner = layout.data_window
        if not layout.is_tiled:
            windows = [place.window for place in block.places]
            spans = [_span(window.y_min, window.y_max, corner.y_min, sampling[1]) for window in windows]
            of_rows = np.concatenate([rows[start:end] for start, end in spans])
            if len(of_rows) and len(columns):
                yield slice(None), _runs(of_rows), _runs(columns)
            return
        position = 0
        for _, some in groupby(block.places, key=lambda place: place.tile_y):
            places = list(some)
            window = places[0].window
            start, end = _span(window.y_min, window.y_max, corner.y_min, sampling[1])
            across = [_span(p.window.x_min, p.window.x_max, corner.x_min, sampling[0]) for p in places]
            of_columns = np.concatenate([columns[left:right] for left, right in across])
            yield slice(position, position + len(places)), _runs(rows[start:end]), _runs(of_columns)
            position += len(places)


class BoxSums:
    """Sums and counts of the samples in each box of a canvas, by channel."""

    __slots__ = ("_boxes", "_canvas")

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self._boxes: dict[int, tuple[Floats, Floats]] = {}

    def put(self, pieces: Iterable[Piece]) -> None:
        """Add the sums of some chunks."""
        shape = self._canvas.height, self._canvas.width
        for channel, rows, columns, added in pieces:
            sums, counts = self._boxes.setdefault(channel, (np.zeros(shape), np.zeros(shape)))
            numbers = np.outer(rows.lengths, columns.lengths)
            if rows.span and columns.span:
                sums[rows.span, columns.span] += added
                counts[rows.span, columns.span] += numbers
                continue
            down, across = np.flatnonzero(rows.boxes >= 0), np.flatnonzero(columns.boxes >= 0)
            inside, where = np.ix_(down, across), np.ix_(rows.boxes[down], columns.boxes[across])
            sums[where] += added[inside]  # chunks are in order, so each box has at most one run
            counts[where] += numbers[inside]

    def means(self, channel: int) -> Floats:
        """The mean of each box; NaN if a sample is NaN, if none was decoded, and outside the data window.

        A box without samples (of a subsampled channel) has the value of the box to the left or above.
        """
        width, height = self._canvas.width, self._canvas.height
        if channel not in self._boxes:
            return np.full((height, width), np.nan)
        sums, counts = self._boxes[channel]
        with np.errstate(invalid="ignore", divide="ignore"):
            means = sums / counts
        (rows, columns), (pixel_rows, pixel_columns) = (
            self._canvas.maps[sampling] for sampling in (self._canvas.sampling(channel), (1, 1))
        )
        filled: Floats = means[_nearest(rows, pixel_rows, height)][:, _nearest(columns, pixel_columns, width)]
        return filled


def row_piece(canvas: Canvas, channel: int, values: Samples, first: tuple[int, int]) -> Piece:
    """The sums of complete rows of samples; `first` is the row and column of the first sample in the data window."""
    all_rows, all_columns = canvas.maps[canvas.sampling(channel)]
    (top, left), (height, width) = first, values.shape
    rows, columns = _runs(all_rows[top : top + height]), _runs(all_columns[left : left + width])
    return Piece(channel, rows, columns, _added(values[None], rows, columns, 1.0))


def _added(tiles: Samples, rows: Runs, columns: Runs, scale: float) -> Floats:
    """The sums of the runs. `tiles` has the shape (tiles, rows, columns of a tile)."""
    edges = [*rows.starts.tolist(), tiles.shape[1]]
    # Rows are summed first, which is the fastest order of memory accesses.
    lines = np.empty((len(rows.starts), tiles.shape[0] * tiles.shape[2]))
    with np.errstate(invalid="ignore", over="ignore"):
        for line, (start, end) in enumerate(pairwise(edges)):
            floats, own_scale = _as_floats(tiles[:, start:end])
            np.multiply(np.einsum("tyx->tx", floats).reshape(-1), scale * own_scale, out=lines[line])
        sums: Floats = np.add.reduceat(lines, columns.starts, axis=1)
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
    starts = np.concatenate([np.zeros(1, np.int64), np.flatnonzero(np.diff(boxes)) + 1])
    found = boxes[starts]
    is_span = found[0] >= 0 and found[-1] - found[0] == len(found) - 1
    span = slice(int(found[0]), int(found[-1]) + 1) if is_span else None
    return Runs(starts, np.diff(np.append(starts, len(boxes))), found, span)


def _nearest(boxes: Ints, pixels: Ints, count: int) -> Ints:
    """For each box along an axis, the box whose samples it shows: itself, or the last box before it that has samples."""
    own = np.arange(count)
    has, covered = (np.isin(own, found) for found in (boxes, pixels))
    if not has.any():
        return own
    filled = np.maximum.accumulate(np.where(has, own, -1))
    filled[filled < 0] = np.flatnonzero(has)[0]
    nearest: Ints = np.where(covered, filled, own)
    return nearest
