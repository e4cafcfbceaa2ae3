"""Statistics of some chunks of one level of a part, which can be merged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from exr_inspector.exr.chunks.layout import Layout, Level, samples
from exr_inspector.exr.header.values import PixelType
from exr_inspector.model import LOCATED_ABOVE, PixelFault
from exr_inspector.pixels.boxes import BoxAdder, Piece
from exr_inspector.pixels.coverage import Coverage, coverages
from exr_inspector.pixels.decoded import DecodedBlock
from exr_inspector.pixels.distribution import Distribution, stride_for
from exr_inspector.pixels.hashing import StripRows
from exr_inspector.pixels.objects import StripObjects
from exr_inspector.pixels.statistics import Accumulator, DeepAccumulator, Workspace

if TYPE_CHECKING:
    from exr_inspector.pixels.image_maps import ImageMaps


@dataclass(slots=True)
class LevelFigures:
    """Statistics of some chunks of one level of a part; can be merged in any grouping.

    `read`, `objects`, `boxes`, `rows` and `extents` belong to the statistics of one strip; `merge` ignores them.

    Attributes:
        part: Index of the part.
        level: Position of the level in the layout's `levels`.
        channels: One accumulator for each channel, in the layout's order.
        deep: Samples per pixel; empty for flat parts.
        chunks_read: Number of decoded chunks.
        faults: Chunks that could not be decoded.
        stopped: Why decoding ended early: `time`, or `faults` for too many faults; empty if it did not.
        read: Position of the strip's request in the plan.
        maps: Where colour is zero, and other maps of it; None unless requested.
        coverages: By the position of A, alpha and colour of each layer that has both.
        objects: Objects of the strip's Cryptomattes.
        boxes: Sums of the strip for thumbnails.
        rows: Hashes of the strip's rows; None unless requested.
        extents: Of each of the strip's chunks that decode: its index, and the file offsets of its start and its end.
    """

    part: int
    level: int
    channels: list[Accumulator]
    deep: DeepAccumulator = field(default_factory=DeepAccumulator)
    chunks_read: int = 0
    faults: list[PixelFault] = field(default_factory=list)
    stopped: str = ""
    read: int = 0
    maps: ImageMaps | None = None
    coverages: dict[int, Coverage] = field(default_factory=dict)
    objects: list[StripObjects] = field(default_factory=list)
    boxes: list[Piece] = field(default_factory=list)
    rows: StripRows | None = None
    extents: list[tuple[int, int, int]] = field(default_factory=list)

    def merge(self, other: LevelFigures) -> None:
        """Add the statistics of other chunks of the same level."""
        for mine, theirs in zip(self.channels, other.channels, strict=True):
            mine.merge(theirs)
        self.deep.merge(other.deep)
        self.chunks_read += other.chunks_read
        self.faults.extend(other.faults)
        self.stopped = self.stopped or other.stopped
        if self.maps is not None and other.maps is not None:
            self.maps.merge(other.maps)
        for number, coverage in self.coverages.items():
            coverage.merge(other.coverages[number])

    def add(self, block: DecodedBlock, workspace: Workspace, boxes: BoxAdder | None = None) -> None:
        """Add decoded chunks; `boxes` sums them for thumbnails."""
        for number, (accumulator, array) in enumerate(zip(self.channels, block.arrays, strict=True)):
            nans, infs, zeros = accumulator.nan_count, accumulator.inf_count, accumulator.zero_count
            most = max(accumulator.maximum, LOCATED_ABOVE)
            placed = accumulator.add(array, workspace)
            has_nan, has_inf = accumulator.nan_count > nans, accumulator.inf_count > infs
            if boxes is not None:
                boxes.add(block, number, placed, is_finite=not (has_nan or has_inf))
            if self.maps is not None:  # while the values are in the processor's cache
                self.maps.add_channel(block, number, accumulator.zero_count - zeros)
            if has_nan:
                accumulator.note(first_nan=block.first_pixel(number, np.isnan))
            if has_inf:
                accumulator.note(first_inf=block.first_pixel(number, np.isinf))
            if accumulator.maximum > most:
                accumulator.maximum_at = block.pixel_of(number, accumulator.index_of_maximum(array))
        if block.counts is not None:
            self._add_deep(block, block.counts)
        if self.maps is not None:
            self.maps.add(block, self.channels)
        for coverage in self.coverages.values():
            coverage.add(block.arrays)
        self.chunks_read += len(block.places)

    def _add_deep(self, block: DecodedBlock, counts: npt.NDArray[np.int32]) -> None:
        by_name = {channel.name: array for channel, array in zip(block.layout.channels, block.arrays, strict=True)}
        front, back, inverted = by_name.get("Z"), by_name.get("ZBack"), self.deep.inverted_samples
        self.deep.add(counts, front, back)
        if front is not None and back is not None and self.deep.inverted_samples > inverted:
            self.deep.note(replace(block, arrays=(back < front,)).first_pixel(0, np.asarray))


def level_samples(layout: Layout, level: Level, channel: int) -> int:
    """The number of samples of a channel in a level of a flat part; the number of pixels for a deep part."""
    entry, window = layout.channels[channel], layout.data_window
    columns = samples(entry.x_sampling, window.x_min, window.x_min + level.width - 1)
    return columns * samples(entry.y_sampling, window.y_min, window.y_min + level.height - 1)


def empty_figures(
    part: int, layout: Layout, level: int, *, picks: int, seed: int = 0, images: Sequence[str] | None = None
) -> LevelFigures:
    """Empty statistics with distributions of about `picks` values for each channel, or without distributions if it is 0.

    `images` is as in StripWork. Strips of a level have different values of `seed`, so that they pick values at different
    positions.
    """
    accumulators = []
    for number, channel in enumerate(layout.channels):
        distribution = None
        if picks:
            stride = stride_for(level_samples(layout, layout.levels[level], number), picks)
            distribution = Distribution(channel.pixel_type, stride, 2 * picks, seed)
        accumulators.append(Accumulator(PixelType(channel.pixel_type), distribution))
    found = LevelFigures(part, level, accumulators, coverages=coverages(layout))
    if images is not None and layout.levels:
        # Not in the function's folder, since only checks of deliveries compare images.
        from exr_inspector.pixels.image_maps import ImageMaps  # noqa: PLC0415

        found.maps = ImageMaps(layout, layout.levels[level], images, is_first=part == level == 0)
    return found
