"""Reads the pixels of one file: selects the chunks to read and the statistics to compute; `file_pass` executes the plan.

`validation` interprets the results.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from exr_inspector.deadline import Deadline
from exr_inspector.exr.chunks.layout import Layout
from exr_inspector.exr.chunks.tables import ChunkTable, States
from exr_inspector.exr.cryptomatte.mattes import Matte
from exr_inspector.exr.header.parser import Header
from exr_inspector.exr.header.values import Preview
from exr_inspector.exr.limits import Checkpoint, no_checkpoint
from exr_inspector.exr.names import image_layers
from exr_inspector.memory import MemoryPool
from exr_inspector.model import PixelReport, StatsMode, Thumbnail, Thumbnails
from exr_inspector.pixels.boxes import Canvas
from exr_inspector.pixels.budget import DecodeBudget
from exr_inspector.pixels.config import PixelConfig
from exr_inspector.pixels.distribution import WANTED
from exr_inspector.pixels.file_pass import FilePass
from exr_inspector.pixels.isolation import DecoderPool
from exr_inspector.pixels.objects import Counting, plan_counting
from exr_inspector.pixels.plans import ChunkExtents, locate_chunks, plan_full
from exr_inspector.pixels.sampling import plan_sample, sample_bytes
from exr_inspector.pixels.strips import FileContext
from exr_inspector.pixels.thumbnails import (
    ShownLayer,
    canvas_of,
    canvases,
    from_preview,
    main_layers,
    shown_layers,
    small_level,
)
from exr_inspector.storage import RangeSource, ReadBudget

__all__ = ["DecodeBudget", "PixelConfig", "PixelFile", "read_pixels"]

# While the library decodes, one file may use at most 1 / _LIBRARY_PART of the memory for decoded samples. Chunks of 256 lines
# with many channels are then decoded one at a time, in parallel with the statistics of the previous one.
_LIBRARY_PART = 3
_MAX_OVERLAPPING_READS = 64


@dataclass(frozen=True, slots=True)
class PixelFile:
    """A file whose header and chunk tables have been read, and the resources to decode its pixels.

    Attributes:
        source: The file; its own budget and deadline apply as well.
        header: The header.
        layouts: The layout of each part that has a table.
        tables: Chunk offset tables, in part order.
        states: For each part, the ChunkState of every chunk, None if all are OK; only OK chunks are read.
        size: Size of the file in bytes.
        budget: Threads and memory, shared by all files.
        decoders: Decoder processes, shared by all files; None to decode in this process.
    """

    source: RangeSource
    header: Header
    layouts: Sequence[Layout]
    tables: Sequence[ChunkTable]
    states: Sequence[States]
    size: int
    budget: DecodeBudget
    decoders: DecoderPool | None = None

    def extents(self, *, all_levels: bool = False) -> ChunkExtents:
        """The positions of the readable chunks, of the first level or of all levels."""
        is_multi_part = self.header.is_multi_part
        return locate_chunks(
            self.layouts, self.tables, self.states, self.size, is_multi_part=is_multi_part, all_levels=all_levels
        )

    def context(
        self, deadline: Deadline | None = None, *, max_faults: int = 1000, is_full: bool = False
    ) -> FileContext:
        """The context that strips share, without optional statistics."""
        return FileContext(
            source=self.source,
            file_size=self.size,
            is_multi_part=self.header.is_multi_part,
            budget=self.budget,
            deadline=deadline,
            is_full=is_full,
            max_faults=max_faults,
            library_memory=MemoryPool(self.budget.decoded.capacity // _LIBRARY_PART),
            overlapping=self.source.limited(ReadBudget(_MAX_OVERLAPPING_READS, self.size)),
            decoders=self.decoders,
        )


def read_pixels(
    file: PixelFile,
    *,
    mode: StatsMode,
    config: PixelConfig | None = None,
    deadline: Deadline | None = None,
    checkpoint: Checkpoint = no_checkpoint,
    mattes: Sequence[Matte] = (),
) -> PixelReport:
    """Read the file's pixels and compute their statistics.

    Args:
        file: The file.
        mode: How much to read.
        config: Options for reading; the defaults if None.
        deadline: When to stop reading; the report then contains what was read.
        checkpoint: Called before the statistics of each part and level are computed; an exception that it raises ends the work.
        mattes: The file's Cryptomattes, whose objects are counted in a full read.

    Raises:
        SourceError: The source failed. A budget that is used up does not raise; it sets `PixelReport.stopped`.
        DecoderCrashed: The decoder processes of this file ended repeatedly.
    """
    config = config or PixelConfig()
    if mode is StatsMode.OFF:
        return PixelReport(mode, thumbnails=_small_thumbnails(file, config, deadline, checkpoint))
    extents, layouts = file.extents(all_levels=config.all_levels), file.layouts
    most_packed = file.budget.packed.capacity // 2
    is_full = mode is StatsMode.FULL
    if is_full:
        cover_bytes = file.size if config.hash_file else None
        plan = plan_full(extents, read_bytes=min(config.read_bytes, most_packed), cover_bytes=cover_bytes)
    else:
        plan = plan_sample(
            extents,
            seed=config.seed,
            max_bytes=sample_bytes(file.size, config.max_sample_bytes),
            max_requests=config.max_sample_requests,
            chunk_bytes=min(config.sample_chunk_bytes, most_packed),
        )
    is_whole = is_full or plan.chunks == len(extents)  # the sample of a small file has all of its chunks
    layers = shown_layers(file.header, layouts, config.thumbnails) if is_whole else ()
    pictures = {(part, 0): canvas for part, canvas in canvases(file.header, layouts, layers).items()}
    context = replace(
        file.context(deadline, max_faults=config.max_faults, is_full=is_full),
        pictures=_pictures(pictures, layers),
        picks=_picks(layouts, config) if is_whole else 0,
        images=image_layers(file.header) if config.with_zeros and is_whole else None,
        counting=plan_counting(mattes, layouts) if is_full else Counting(),
    )
    reading = FilePass(context, config, layouts, plan, layers, checkpoint=checkpoint)
    reading.run(at_once=not is_full and plan.bytes <= most_packed)
    report = reading.report(mode)
    return report if layers else replace(report, thumbnails=_small_thumbnails(file, config, deadline, checkpoint))


def _pictures(
    canvases: Mapping[tuple[int, int], Canvas], layers: Sequence[ShownLayer]
) -> dict[tuple[int, int], tuple[Canvas, tuple[int, ...]]]:
    """By part and level, each canvas with the channels that thumbnails show."""
    return {
        (part, level): (canvas, tuple(sorted({n for layer in layers if layer.part == part for n in layer.channels})))
        for (part, level), canvas in canvases.items()
    }


def _small_thumbnails(
    file: PixelFile, config: PixelConfig, deadline: Deadline | None, checkpoint: Checkpoint
) -> tuple[Thumbnail, ...]:
    """Thumbnails without reading all pixels: from the preview attribute or a small level; empty if there is neither."""
    if config.thumbnails is Thumbnails.OFF:
        return ()
    for part in file.header.parts:
        preview = part.value("preview", "preview")
        if isinstance(preview, Preview) and (made := from_preview(preview, part.index)) is not None:
            return (made,)
    layers = main_layers(file.layouts)
    level = small_level(file.layouts[layers[0].part]) if layers else None
    if level is None:
        return ()
    index = layers[0].part
    layout = file.layouts[index]
    read_bytes = min(config.read_bytes, file.budget.packed.capacity // 2)
    plan = plan_full(file.extents(all_levels=True).only(index, level), read_bytes=read_bytes)
    canvas = canvas_of(file.header.parts[index], layout, layout.levels[level])
    context = file.context(deadline, max_faults=config.max_faults)
    context = replace(context, pictures=_pictures({(index, level): canvas}, layers))
    config = replace(config, all_levels=True, hash_file=False, hash_pixels=False)
    reading = FilePass(context, config, file.layouts, plan, layers, checkpoint=checkpoint)
    reading.run(at_once=False)
    return reading.thumbnails()


def _picks(layouts: Sequence[Layout], config: PixelConfig) -> int:
    """The number of values kept for percentiles of each channel; reduced to limit memory if there are many channels."""
    channels = sum(len(layout.channels) * (len(layout.levels) if config.all_levels else 1) for layout in layouts)
    return min(WANTED, max(1, config.max_picks // max(1, channels)))
