"""Statistics of some chunks of one part's level, which merge into those of all chunks."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from exr_inspector.exr.chunks.layout import Layout, Level, samples
from exr_inspector.exr.header.values import PixelType
from exr_inspector.model import PixelFault
from exr_inspector.pixels.boxes import BoxAdder, Piece
from exr_inspector.pixels.decoded import DecodedBlock
from exr_inspector.pixels.distribution import Distribution, stride_for
from exr_inspector.pixels.hashing import StripRows
from exr_inspector.pixels.objects import StripObjects
from exr_inspector.pixels.statistics import Accumulator, DeepAccumulator, Workspace
from exr_inspector.pixels.zeros import ZeroMap


@dataclass(slots=True)
class LevelFigures:
    """Figures of one part's level so far; merges in any grouping.

    Attributes:
        part: Index of the part.
        level: Position of the level in the layout's `levels`.
        channels: One accumulator a channel, in the layout's order.
        deep: Samples per pixel; stays empty for flat parts.
        chunks_read: Chunks that were decoded.
        faults: Chunks that were not.
        stopped: Why not all was decoded: `time`, `faults` for too many of these, empty when all was.
        read: Of a strip's own figures, the position of its request in the plan.
        zeros: Where colour is zero; None unless asked for.
        objects: Of a strip's own figures, the objects of its Cryptomattes; they are not merged here.
        boxes: Of a strip's own figures, what thumbnails are made of; not merged here either.
        rows: Of a strip's own figures, hashes of its rows, where asked for; nor are these.
    """

    part: int
    level: int
    channels: list[Accumulator]
    deep: DeepAccumulator = field(default_factory=DeepAccumulator)
    chunks_read: int = 0
    faults: list[PixelFault] = field(default_factory=list)
    stopped: str = ""
    read: int = 0
    zeros: ZeroMap | None = None
    objects: list[StripObjects] = field(default_factory=list)
    boxes: list[Piece] = field(default_factory=list)
    rows: StripRows | None = None

    def merge(self, other: LevelFigures) -> None:
        """Take in the figures of other chunks of the same level."""
        for mine, theirs in zip(self.channels, other.channels, strict=True):
            mine.merge(theirs)
        self.deep.merge(other.deep)
        self.chunks_read += other.chunks_read
        self.faults.extend(other.faults)
        self.stopped = self.stopped or other.stopped
        if self.zeros is not None and other.zeros is not None:
            self.zeros.merge(other.zeros)

    def add(self, block: DecodedBlock, workspace: Workspace, boxes: BoxAdder | None = None) -> None:
        """Take in decoded chunks; `boxes` adds them up for thumbnails."""
        for number, (accumulator, array) in enumerate(zip(self.channels, block.arrays, strict=True)):
            nans, infs = accumulator.nan_count, accumulator.inf_count
            placed = accumulator.add(array, workspace)
            if boxes is not None:
                boxes.add(block, number, placed)
            if accumulator.nan_count > nans:
                accumulator.note(first_nan=block.first_pixel(number, np.isnan))
            if accumulator.inf_count > infs:
                accumulator.note(first_inf=block.first_pixel(number, np.isinf))
        if block.counts is not None:
            self.deep.add(block.counts)
        if self.zeros is not None:
            self.zeros.add(block)
        self.chunks_read += len(block.places)


def level_samples(layout: Layout, level: Level, channel: int) -> int:
    """Samples of a channel in a level of a flat part; pixels in one of a deep part."""
    entry, window = layout.channels[channel], layout.data_window
    columns = samples(entry.x_sampling, window.x_min, window.x_min + level.width - 1)
    return columns * samples(entry.y_sampling, window.y_min, window.y_min + level.height - 1)


def empty_figures(
    part: int, layout: Layout, level: int, *, picks: int, seed: int = 0, with_zeros: bool = False
) -> LevelFigures:
    """Figures of no chunks yet, with distributions of about `picks` values a channel, or without if that is 0.

    `seed` tells strips of one level apart: each picks values at other places.
    """
    accumulators = []
    for number, channel in enumerate(layout.channels):
        distribution = None
        if picks:
            stride = stride_for(level_samples(layout, layout.levels[level], number), picks)
            distribution = Distribution(channel.pixel_type, stride, 2 * picks, seed)
        accumulators.append(Accumulator(PixelType(channel.pixel_type), distribution))
    zeros = ZeroMap(layout, layout.levels[level]) if with_zeros and layout.levels else None
    return LevelFigures(part, level, accumulators, zeros=zeros)
