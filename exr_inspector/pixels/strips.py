"""The work of one decoding thread: some chunks of one part and level from their bytes to figures.

A strip's leaders are checked against the chunk tables and the layout, its chunks are decoded together, and their samples
go into accumulators of the strip's own, which the reader of the file merges. When decoding fails, halves are tried until
the damaged chunks are found: each becomes a PixelFault, and the others count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from exr_inspector.errors import BudgetExceeded, DeadlineExceeded, DecodeError, LimitExceeded
from exr_inspector.exr.chunks.layout import ChunkPlace, Layout, Level, samples
from exr_inspector.exr.chunks.leaders import ChunkLeader, describe_place, parse_leader
from exr_inspector.exr.header.values import Compression, PixelType
from exr_inspector.model import PixelFault
from exr_inspector.pixels.budget import DecodeBudget, Lease, MemoryPool, Scratch
from exr_inspector.pixels.decode import DeepPayload, decode_chunks, unpacked_sizes
from exr_inspector.pixels.decoded import DecodedBlock
from exr_inspector.pixels.distribution import Distribution, stride_for
from exr_inspector.pixels.hashing import PixelHasher
from exr_inspector.pixels.mini_file import Payload
from exr_inspector.pixels.objects import Counting, StripObjects, count_objects
from exr_inspector.pixels.statistics import Accumulator, DeepAccumulator, Workspace
from exr_inspector.pixels.zeros import ZeroMap
from exr_inspector.settings import limit_text
from exr_inspector.storage import Deadline, RangeSource

# What the library holds of a chunk beside the arrays it fills, in times of what the chunk unpacks to: its packed and unpacked
# bytes and the buffers of the codec, which the wavelets of HTJ2K and the transforms of DWA need more of.
_LIBRARY_SHARES = {Compression.DWAA: 2, Compression.DWAB: 2, Compression.HTJ2K256: 3, Compression.HTJ2K32: 3}

Chunk = tuple[ChunkPlace, Payload | DeepPayload]


@dataclass(frozen=True, slots=True)
class FileContext:
    """What all strips of a file share.

    Attributes:
        source: Where the file's bytes come from.
        file_size: Bytes of the whole file.
        is_multi_part: Whether leaders carry a part number.
        budget: Memory to decode in.
        deadline: Until when.
        is_full: Whether every chunk is read.
        picks: Most values of a channel that are kept for percentiles and histograms; 0 to do without these.
        max_faults: Damaged chunks after which a strip ends: the library writes lines about each of them.
        with_zeros: Whether to note where colour is zero.
        in_library: How much of this file the library may have in hands at a time; the reader takes of it for each strip.
        overlapping: Where chunks that overlap others are read from, within a budget of its own.
        counting: Ranks of Cryptomattes whose objects are counted.
    """

    source: RangeSource
    file_size: int
    is_multi_part: bool
    budget: DecodeBudget
    deadline: Deadline | None
    is_full: bool
    picks: int
    max_faults: int
    with_zeros: bool
    in_library: MemoryPool
    overlapping: RangeSource
    counting: Counting


@dataclass(frozen=True, slots=True)
class Strip:
    """Chunks of one part and level that are decoded together.

    Attributes:
        part: Index of the part.
        level: Position of the level in the layout's `levels`.
        layout: The part's layout.
        indices: The chunks, as numbered in the part's chunk offset table.
        offsets: File offset of each one's leader.
        buffer: Bytes of the file that hold them.
        buffer_offset: File offset of the buffer.
        unpacked: Bytes that the chunks unpack to, as far as the chunk tables tell.
        hasher: Where decoded chunks go to be hashed, None for no hash.
        read: Position of its request in the plan.
    """

    part: int
    level: int
    layout: Layout
    indices: Sequence[int]
    offsets: Sequence[int]
    buffer: memoryview
    buffer_offset: int
    unpacked: int
    hasher: PixelHasher | None = None
    read: int = 0

    @property
    def library_bytes(self) -> int:
        """What the library needs for it, about."""
        return _library_share(self.layout) * self.unpacked


def _library_share(layout: Layout) -> int:
    return _LIBRARY_SHARES.get(Compression(layout.compression), 1)


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

    def add(self, block: DecodedBlock, workspace: Workspace) -> None:
        """Take in decoded chunks."""
        for number, (accumulator, array) in enumerate(zip(self.channels, block.arrays, strict=True)):
            nans, infs = accumulator.nan_count, accumulator.inf_count
            accumulator.add(array, workspace)
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


def run_strip(strip: Strip, context: FileContext, turn: Lease) -> LevelFigures:
    """Decode a strip and accumulate its samples.

    Args:
        strip: The strip.
        context: What it has in common with others.
        turn: Its share of `in_library`, given back as soon as the library is done with the last of it.

    Raises:
        SourceError: Bytes beyond the strip's buffer had to be read, and could not.
    """
    figures = empty_figures(
        strip.part,
        strip.layout,
        strip.level,
        picks=context.picks,
        seed=strip.indices[0] if strip.indices else 0,
        with_zeros=context.with_zeros,
    )
    figures.read = strip.read
    chunks: list[Chunk] = []
    for index, offset in zip(strip.indices, strip.offsets, strict=True):
        place = strip.layout.place(index)
        try:
            chunks.append((place, _payload(strip, place, offset, context)))
        except (DecodeError, LimitExceeded) as error:
            figures.faults.append(_fault(strip, place, error))
    try:
        with context.budget.scratch() as scratch:
            _decode(_Task(strip, context, figures, scratch, turn), chunks, is_last=True)
    except DeadlineExceeded:
        figures.stopped = "time"
    context.budget.tidy(strip.library_bytes)
    return figures


def _fault(strip: Strip, place: ChunkPlace, error: DecodeError | LimitExceeded) -> PixelFault:
    window = place.window
    text = limit_text(error) if isinstance(error, LimitExceeded) else str(error)
    return PixelFault(strip.part, place.index, window.y_min, window.y_max, type(error).code, text)


def _payload(strip: Strip, place: ChunkPlace, offset: int, context: FileContext) -> Payload | DeepPayload:
    """The bytes behind the leader at `offset` of the file, once the leader is found to be that of `place`."""
    layout, buffer, start = strip.layout, strip.buffer, offset - strip.buffer_offset
    leader = parse_leader(buffer, start, layout, context.is_multi_part)
    part = strip.part if context.is_multi_part else 0
    if not leader.is_of(part, place):
        raise DecodeError(
            "the leader is that of another chunk",
            offset=offset,
            found=leader.describe(),
            expected=describe_place(part, place, is_tiled=layout.is_tiled),
        )
    size = leader.end - start
    if size > context.file_size - offset:
        raise DecodeError(f"chunk {place.index} runs past the end of the file", offset=offset, found=f"{size} bytes")
    if leader.end > len(buffer):
        buffer, start = _read_overlapping(strip, place, leader, offset, context), 0
        leader = parse_leader(buffer, 0, layout, context.is_multi_part)
    if leader.unpacked_bytes is None:
        return buffer[leader.data_offset : leader.end]
    data_offset = leader.data_offset + leader.table_bytes
    return DeepPayload(
        buffer[leader.data_offset : data_offset], buffer[data_offset : leader.end], leader.unpacked_bytes
    )


def _read_overlapping(
    strip: Strip, place: ChunkPlace, leader: ChunkLeader, offset: int, context: FileContext
) -> memoryview:
    """The bytes of a chunk that ends behind the start of the next one: it overlaps it, or a table entry is wrong.

    A pass over all chunks reads some of them by themselves; a sample reads no more than was planned.
    """
    size = leader.end - (offset - strip.buffer_offset)
    most = (
        strip.layout.unpacked_bytes(place.window) if leader.unpacked_bytes is None else context.budget.packed.capacity
    )
    if leader.table_bytes + leader.packed_bytes > most:
        raise DecodeError(
            f"chunk {place.index} has an impossible size",
            offset=offset,
            found=f"{size} bytes",
            expected=f"at most {most}",
        )
    overlap = DecodeError(
        f"chunk {place.index} overlaps another one",
        offset=offset,
        found=f"{size} bytes",
        expected="an end before the next chunk starts",
    )
    if not context.is_full:
        raise overlap
    try:
        return memoryview(context.overlapping.read(start=offset, end=offset + size))
    except BudgetExceeded:
        raise overlap from None


def _unpacked_bytes(layout: Layout, chunks: Sequence[Chunk]) -> int:
    if not layout.is_deep:
        return sum(unpacked_sizes(layout, [place for place, _ in chunks]))
    total = 0
    for place, payload in chunks:
        promised = payload.unpacked_bytes if isinstance(payload, DeepPayload) else 0
        total += promised + 4 * place.window.width * place.window.height
    return total


@dataclass(frozen=True, slots=True)
class _Task:
    """What the decoding of a strip needs, however it is cut."""

    strip: Strip
    context: FileContext
    figures: LevelFigures
    scratch: Scratch
    turn: Lease


def _decode(task: _Task, chunks: Sequence[Chunk], *, is_last: bool) -> None:
    """Decode the chunks, together if that works, and halve by halve where it does not."""
    strip, context, figures = task.strip, task.context, task.figures
    if not chunks:
        return
    if len(figures.faults) >= context.max_faults:
        figures.stopped = "faults"
        return
    if context.deadline is not None:
        context.deadline.check("decoding")
    pool = context.budget.decoded
    try:
        unpacked = _unpacked_bytes(strip.layout, chunks)
        with pool.taken((1 + _library_share(strip.layout)) * unpacked, context.deadline) as memory:
            decoded = decode_chunks(
                strip.layout,
                [place for place, _ in chunks],
                [payload for _, payload in chunks],
                max_bytes=pool.capacity,
                hold=task.scratch.file.holding,
            )
            memory.keep(unpacked)
            if is_last:
                task.turn.release()
            for block in decoded.blocks:
                figures.add(block, task.scratch.workspace)
                if not strip.level:
                    figures.objects += count_objects(block, context.counting.pairs_of(strip.part))
                if strip.hasher is not None:
                    strip.hasher.add(block)
    except (DecodeError, LimitExceeded) as error:
        if len(chunks) == 1:
            figures.faults.append(_fault(strip, chunks[0][0], error))
            return
        middle = len(chunks) // 2
        _decode(task, chunks[:middle], is_last=False)
        _decode(task, chunks[middle:], is_last=is_last)
