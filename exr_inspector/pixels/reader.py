"""Pixels of one file: which chunks are read for which figures, and who reads them (`file_pass`).

What figures mean is for `validation` to say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from exr_inspector.exr.chunks.layout import Layout
from exr_inspector.exr.chunks.tables import ChunkTable, States
from exr_inspector.exr.cryptomatte.mattes import Matte
from exr_inspector.exr.header.parser import Header
from exr_inspector.exr.header.values import Preview
from exr_inspector.exr.limits import Checkpoint, no_checkpoint
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
from exr_inspector.pixels.rows import PartRows
from exr_inspector.pixels.sampling import plan_sample, sample_bytes
from exr_inspector.pixels.strips import FileContext
from exr_inspector.pixels.thumbnails import ShownLayer, canvas_of, canvases, from_preview, shown_layers, small_level
from exr_inspector.storage import Deadline, RangeSource, ReadBudget

__all__ = ["DecodeBudget", "PixelConfig", "PixelFile", "part_rows", "read_pixels"]

# One file's chunks take at most this part of the memory for decoded samples while the library unpacks them: chunks of 256 lines
# of many channels unpack one at a time, while the figures of the one before are made.
_LIBRARY_PART = 3
_MAX_OVERLAPPING_READS = 64


@dataclass(frozen=True, slots=True)
class PixelFile:
    """A file whose header and chunk tables were read, and what decodes its pixels.

    Attributes:
        source: The file; its own budget and deadline hold, too.
        header: Its header.
        layouts: One for each part that has a table.
        tables: Chunk offset tables, in part order.
        states: Every chunk's ChunkState of each part, None where all are OK; only those that are OK are read.
        size: Bytes of the whole file.
        budget: Threads and memory, shared with others.
        decoders: Processes that decode, shared with others; None to decode in this one.
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
        """Where the chunks lie that can be read, of the first or of all levels."""
        is_multi_part = self.header.is_multi_part
        return locate_chunks(
            self.layouts, self.tables, self.states, self.size, is_multi_part=is_multi_part, all_levels=all_levels
        )

    def context(
        self, deadline: Deadline | None = None, *, max_faults: int = 1000, is_full: bool = False
    ) -> FileContext:
        """What strips share, without figures that are made on request."""
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
    """Figures of the file's pixels.

    Args:
        file: The file.
        mode: How much to read.
        config: How to read.
        deadline: Until when to read; then the figures of what was read are made.
        checkpoint: Called before the figures of each part and level are made; what it raises ends the work.
        mattes: The file's Cryptomattes, whose objects are counted when everything is read.

    Raises:
        SourceError: The source failed; budgets that ran out are no failure but `PixelReport.stopped`.
        DecoderCrashed: The OpenEXR library ended the processes that decoded it.
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
    layers = shown_layers(layouts, config.thumbnails) if is_full or plan.chunks == len(extents) else ()
    pictures = {(part, 0): canvas for part, canvas in canvases(file.header, layouts, layers).items()}
    context = replace(
        file.context(deadline, max_faults=config.max_faults, is_full=is_full),
        pictures=_pictures(pictures, layers),
        picks=_picks(layouts, config) if is_full else 0,
        with_zeros=config.with_zeros and is_full,
        counting=plan_counting(mattes, layouts) if is_full else Counting(),
    )
    reading = FilePass(context, config, layouts, plan, layers, checkpoint=checkpoint)
    reading.run(at_once=not is_full and plan.bytes <= most_packed)
    report = reading.report(mode)
    return report if layers else replace(report, thumbnails=_small_thumbnails(file, config, deadline, checkpoint))


def part_rows(file: PixelFile, part: int) -> PartRows:
    """The rows of a flat part's first level, from the top down."""
    return PartRows(file.context(), file.layouts[part], part, file.extents().only(part, 0))


def _pictures(
    canvases: Mapping[tuple[int, int], Canvas], layers: Sequence[ShownLayer]
) -> dict[tuple[int, int], tuple[Canvas, tuple[int, ...]]]:
    """Each canvas, by part and level, with the channels of its part that thumbnails show."""
    return {
        (part, level): (canvas, tuple(sorted({n for layer in layers if layer.part == part for n in layer.channels})))
        for (part, level), canvas in canvases.items()
    }


def _small_thumbnails(
    file: PixelFile, config: PixelConfig, deadline: Deadline | None, checkpoint: Checkpoint
) -> tuple[Thumbnail, ...]:
    """Thumbnails without reading all pixels: of the preview attribute, or of a small level; none where there is neither."""
    if config.thumbnails is Thumbnails.OFF:
        return ()
    for part in file.header.parts:
        preview = part.value("preview", "preview")
        if isinstance(preview, Preview) and (made := from_preview(preview, part.index)) is not None:
            return (made,)
    layers = shown_layers(file.layouts, Thumbnails.FILE)
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
    """How many values of each channel are kept for percentiles: fewer, where channels are so many that memory tells."""
    channels = sum(len(layout.channels) * (len(layout.levels) if config.all_levels else 1) for layout in layouts)
    return min(WANTED, max(1, config.max_picks // max(1, channels)))
