"""Exact box averages of decoded pixels, for thumbnails; summed chunk by chunk.

A `Canvas` is a small picture of the display window; each of its pixels is the average of a box of samples. Every sample counts
once, in the box that contains its centre, and partial sums can be merged in any order. Samples outside the display window are
left out.
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
    """Width and height of a small picture with square pixels: its longer side has at most `longest`."""
    aspect = pixel_aspect if pixel_aspect and _LEAST_ASPECT <= pixel_aspect <= _MOST_ASPECT else 1.0
    width, height = display.width * min(aspect, 1.0), display.height / max(aspect, 1.0)
    scale = min(1.0, longest / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


@dataclass(frozen=True)
class Canvas:
    """Where the samples of one level of a part lie in its small picture.

    Attributes:
        layout: The part's layout.
        level: The level.
        display: The display window, in pixels of level (0, 0).
        width: Columns of the picture.
        height: Rows of the picture.
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
        """The row and column of the picture of each row and column of samples, -1 outside of it, by samplings (x, y)."""
        samplings = {self.sampling(number) for number in range(len(self.layout.channels))}
        return {(x, y): (self._rows(y), self._columns(x)) for x, y in {*samplings, (1, 1)}}

    def sampling(self, channel: int) -> Sampling:
        """Pixels for a sample of channel number `channel`."""
        entry = self.layout.channels[channel]
        return entry.x_sampling, entry.y_sampling

    @property
    def covered(self) -> npt.NDArray[np.bool_]:
        """Which pixels of the picture show any of the data window."""
        rows, columns = self.maps[1, 1]
        return np.isin(np.arange(self.height), rows)[:, None] & np.isin(np.arange(self.width), columns)


def _boxes(window: tuple[int, int], size: int, sampling: int, display: tuple[int, int], boxes: int) -> Ints:
    """The box of each sample along one axis.

    Args:
        window: First pixel and number of pixels of the data window.
        size: Pixels of the level.
        sampling: The samples are the level's pixels at its multiples.
        display: First pixel and number of pixels of the display window.
        boxes: How many the display window is divided into.
    """
    first, full = window
    at = np.arange(-(-first // sampling) * sampling, first + size, sampling, dtype=np.int64)
    centre = first + (at - first + 0.5) * (full / size)
    box = np.floor((centre - display[0]) * (boxes / display[1])).astype(np.int64)
    return np.where((box >= 0) & (box < boxes), box, -1)


class Runs(NamedTuple):
    """Samples along an axis, in runs that lie in the same box.

    Attributes:
        starts: Position of the first sample of each run.
        lengths: Samples of each run.
        boxes: Box of each run, -1 outside of the picture.
        span: The boxes, where they follow each other and all are inside; None otherwise.
    """

    starts: Ints
    lengths: Ints
    boxes: Ints
    span: slice | None


class Piece(NamedTuple):
    """Sums of some samples of one channel.

    Attributes:
        channel: Number of the channel.
        rows: Runs of the rows of samples.
        columns: Runs of their columns.
        sums: Shape (runs of rows, runs of columns).
    """

    channel: int
    rows: Runs
    columns: Runs
    sums: Floats


class BoxAdder:
    """Adds up decoded chunks of some channels of a flat part, for one thread.

    Attributes:
        pieces: What was added up so far.
    """

    __slots__ = ("_bands", "_block", "_canvas", "_channels", "pieces")

    def __init__(self, canvas: Canvas, channels: Sequence[int]) -> None:
        self._canvas = canvas
        self._channels = frozenset(channels)
        self._block: DecodedBlock | None = None
        self._bands: dict[Sampling, list[tuple[slice, Runs, Runs]]] = {}
        self.pieces: list[Piece] = []

    def add(self, block: DecodedBlock, channel: int, placed: Samples | None) -> None:
        """Take in one channel of decoded chunks; `placed` is what `Accumulator.add` returned for it. Ignores other channels."""
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
        """Tiles side by side, or the scan lines of a block: which tiles, and the runs of their rows and columns."""
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
    """Sums and numbers of samples in each box of a canvas, by channel."""

    __slots__ = ("_boxes", "_canvas")

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = canvas
        self._boxes: dict[int, tuple[Floats, Floats]] = {}

    def put(self, pieces: Iterable[Piece]) -> None:
        """Take in what was added up of some chunks."""
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
            sums[where] += added[inside]  # chunks are in order, so no box has two runs
            counts[where] += numbers[inside]

    def means(self, channel: int) -> Floats:
        """The mean of each box; NaN where a sample is, where none was decoded and outside of the data window.

        A box without a sample of its own, since the channel has fewer, shows the one to the left and above.
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
    """The sums of whole rows of samples; `first` is the row and column of the first one among those of the data window."""
    all_rows, all_columns = canvas.maps[canvas.sampling(channel)]
    (top, left), (height, width) = first, values.shape
    rows, columns = _runs(all_rows[top : top + height]), _runs(all_columns[left : left + width])
    return Piece(channel, rows, columns, _added(values[None], rows, columns, 1.0))


def _added(tiles: Samples, rows: Runs, columns: Runs, scale: float) -> Floats:
    """The sums of the runs; `tiles` has the shape (tiles, rows, columns of a tile)."""
    edges = [*rows.starts.tolist(), tiles.shape[1]]
    # Rows are added up first, which is the fastest way through memory.
    lines = np.empty((len(rows.starts), tiles.shape[0] * tiles.shape[2]))
    with np.errstate(invalid="ignore", over="ignore"):
        for line, (start, end) in enumerate(pairwise(edges)):
            floats, own_scale = _as_floats(tiles[:, start:end])
            np.multiply(np.einsum("tyx->tx", floats).reshape(-1), scale * own_scale, out=lines[line])
        sums: Floats = np.add.reduceat(lines, columns.starts, axis=1)
    return sums


def _as_floats(values: Samples) -> tuple[Samples, float]:
    """Samples in a type that is added up fast, and what to multiply the sums by: see `statistics` on HALF bits."""
    if values.dtype != np.float16:
        return (values if values.dtype == np.float32 else values.astype(np.float64)), 1.0
    bits = values.view(np.int16)
    if int((bits & 0x7C00).max()) == 0x7C00:
        return values.astype(np.float32), 1.0
    placed = np.left_shift(bits.astype(np.int32), 13)
    np.bitwise_and(placed, np.int32(-0x70000001), out=placed)
    return placed.view(np.float32), REBIAS


def _span(low: int, high: int, corner: int, sampling: int) -> tuple[int, int]:
    """Positions of the samples between two coordinates, both inside, in the row or column of samples from `corner` on."""
    first = -(-corner // sampling)
    return -(-low // sampling) - first, high // sampling + 1 - first


def _runs(boxes: Ints) -> Runs:
    starts = np.concatenate([np.zeros(1, np.int64), np.flatnonzero(np.diff(boxes)) + 1])
    found = boxes[starts]
    is_span = found[0] >= 0 and found[-1] - found[0] == len(found) - 1
    span = slice(int(found[0]), int(found[-1]) + 1) if is_span else None
    return Runs(starts, np.diff(np.append(starts, len(boxes))), found, span)


def _nearest(boxes: Ints, pixels: Ints, count: int) -> Ints:
    """For each box along an axis, the one whose samples it shows: its own, or the next one before it that has some."""
    own = np.arange(count)
    has, covered = (np.isin(own, found) for found in (boxes, pixels))
    if not has.any():
        return own
    filled = np.maximum.accumulate(np.where(has, own, -1))
    filled[filled < 0] = np.flatnonzero(has)[0]
    nearest: Ints = np.where(covered, filled, own)
    return nearest
