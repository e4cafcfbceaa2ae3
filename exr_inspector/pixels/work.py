"""Decodes the chunks of a strip and computes their statistics, in this process or in a decoder process (`isolation`).

If decoding fails, the chunks are bisected until the damaged ones are found. Each becomes a PixelFault, and the others are
still included. A chunk for which memory does not suffice also becomes a PixelFault, which is no fault of the file. Nothing is
read here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from exr_inspector.deadline import Deadline
from exr_inspector.errors import DeadlineExceeded, DecodeError, LimitExceeded
from exr_inspector.exr.chunks.layout import ChunkPlace, Layout
from exr_inspector.exr.header.values import Compression
from exr_inspector.memory import Lease
from exr_inspector.model import PixelFault
from exr_inspector.pixels.boxes import BoxAdder, Canvas
from exr_inspector.pixels.budget import DecodeBudget, Scratch
from exr_inspector.pixels.decode import DeepPayload, decode_chunks, unpacked_sizes
from exr_inspector.pixels.decoded import DecodedBlock
from exr_inspector.pixels.figures import LevelFigures, empty_figures
from exr_inspector.pixels.hashing import StripHasher
from exr_inspector.pixels.mini_file import Payload
from exr_inspector.pixels.objects import RankPair, count_objects

# The library's memory for a chunk in addition to arrays and file, as a multiple of the unpacked size: packed and unpacked bytes
# and the codec's buffers (`./run bench codec_memory`).
_LIBRARY_SHARES = {
    **dict.fromkeys((Compression.ZIPS, Compression.ZIP, Compression.PIZ, Compression.PXR24, Compression.ZSTD), 4.0),
    **dict.fromkeys((Compression.B44, Compression.B44A, Compression.DWAA, Compression.DWAB, Compression.LJ2K), 3.5),
    **dict.fromkeys((Compression.RLE, Compression.HTJ2K256, Compression.HTJ2K32), 3.0),
    Compression.NONE: 2.0,
}
# What is added for chunks of few lines, since these codecs process blocks of several lines.
_SHARES_IF_LOW = {
    **dict.fromkeys((Compression.HTJ2K256, Compression.HTJ2K32, Compression.LJ2K), 25.0),
    **dict.fromkeys((Compression.DWAA, Compression.DWAB), 10.0),
}
_LOW_LINES = 4

Chunk = tuple[ChunkPlace, Payload | DeepPayload]


@dataclass(frozen=True, slots=True)
class StripWork:
    """Chunks of one part and level that are decoded together, without their bytes, and the statistics to compute.

    Attributes:
        part: Index of the part.
        level: Position of the level in the layout's `levels`.
        layout: The part's layout.
        indices: Indices of the chunks in the part's chunk offset table.
        read: Position of their request in the plan.
        picks: Values of each channel to keep for percentiles and histograms, about; 0 for none.
        seed: Seed for choosing these values.
        images: Layers of which to make all image maps, as in `image_layers`; empty for the zeros of the main image alone; None
            for no maps.
        max_faults: Number of damaged chunks after which decoding ends, since the library writes messages about each.
        deadline: When to stop decoding; None for no limit.
        is_hashed: Whether to hash the rows.
        is_taken: Whether the decoded chunks themselves are passed to `take`.
        ranks: Ranks of Cryptomattes whose objects are counted.
        canvas: Canvas of the thumbnails; None without thumbnails.
        shown: Positions of the channels that thumbnails show.
    """

    part: int
    level: int
    layout: Layout
    indices: tuple[int, ...]
    read: int = 0
    picks: int = 0
    seed: int = 0
    images: tuple[str, ...] | None = None
    max_faults: int = 1000
    deadline: Deadline | None = None
    is_hashed: bool = False
    is_taken: bool = False
    ranks: tuple[RankPair, ...] = ()
    canvas: Canvas | None = None
    shown: tuple[int, ...] = ()

    def chunks(self, payloads: Sequence[Payload | DeepPayload]) -> list[Chunk]:
        """The place and the payload of each chunk."""
        return [(self.layout.place(index), payload) for index, payload in zip(self.indices, payloads, strict=True)]


@dataclass(frozen=True, slots=True)
class MemoryNeeds:
    """Maximum memory for decoding some chunks together.

    Attributes:
        arrays: Size of the decoded arrays in bytes.
        library: Bytes for the file that the library reads, and for its buffers for the chunk that needs most.
    """

    arrays: int
    library: int

    @property
    def bytes(self) -> int:
        """The total in bytes."""
        return self.arrays + self.library


def library_bytes(compression: int, lines: int, unpacked: int) -> int:
    """The library's memory in bytes for a chunk of `lines` lines that unpacks to `unpacked` bytes."""
    codec = Compression(compression)
    share_if_low = _SHARES_IF_LOW.get(codec, 0.0) * min(1.0, _LOW_LINES / lines)
    return int((_LIBRARY_SHARES[codec] + share_if_low) * unpacked)


def needs_of(layout: Layout, chunks: Sequence[Chunk]) -> MemoryNeeds:
    """The memory for decoding these chunks together."""
    sizes = _unpacked_sizes(layout, chunks)
    packed = sum(
        len(payload.table) + len(payload.data) if isinstance(payload, DeepPayload) else len(payload)
        for _, payload in chunks
    )
    largest = max(
        (
            library_bytes(layout.compression, place.window.height, size)
            for (place, _), size in zip(chunks, sizes, strict=True)
        ),
        default=0,
    )
    return MemoryNeeds(sum(sizes), packed + largest)


def _unpacked_sizes(layout: Layout, chunks: Sequence[Chunk]) -> list[int]:
    """The size in bytes of the arrays of each decoded chunk."""
    if not layout.is_deep:
        return unpacked_sizes(layout, [place for place, _ in chunks])
    return [
        (payload.unpacked_bytes if isinstance(payload, DeepPayload) else 0)
        + 4 * place.window.width * place.window.height
        for place, payload in chunks
    ]


def fault_of(part: int, place: ChunkPlace, code: str, text: str) -> PixelFault:
    """The fault of one chunk."""
    return PixelFault(part, place.index, place.window.y_min, place.window.y_max, code, text)


def decode_strip(
    work: StripWork,
    chunks: Sequence[Chunk],
    budget: DecodeBudget,
    *,
    decoded: Callable[[], None],
    take: Callable[[DecodedBlock], None] | None = None,
) -> LevelFigures:
    """Decode chunks and compute their statistics.

    Args:
        work: The chunks and the statistics to compute.
        chunks: Place and payload of each chunk.
        budget: Threads and memory for decoding.
        decoded: Called when the library has decoded all chunks.
        take: Called with decoded chunks.
    """
    figures = empty_figures(work.part, work.layout, work.level, picks=work.picks, seed=work.seed, images=work.images)
    figures.read = work.read
    boxes = BoxAdder(work.canvas, work.shown) if work.canvas is not None else None
    hasher = StripHasher(work.layout.levels[work.level]) if work.is_hashed else None
    try:
        with budget.scratch() as scratch:
            _decode(_Task(work, budget, figures, scratch, decoded, take, boxes, hasher), chunks, is_last=True)
    except DeadlineExceeded:
        figures.stopped = "time"
    if boxes is not None:
        figures.boxes = boxes.pieces
    if hasher is not None:
        figures.rows = hasher.result()
    return figures


@dataclass(frozen=True, slots=True)
class _Task:
    """Values that all decoding steps of a strip share."""

    work: StripWork
    budget: DecodeBudget
    figures: LevelFigures
    scratch: Scratch
    decoded: Callable[[], None]
    take: Callable[[DecodedBlock], None] | None
    boxes: BoxAdder | None
    hasher: StripHasher | None


def _decode(task: _Task, chunks: Sequence[Chunk], *, is_last: bool) -> None:
    """Decode the chunks together; if that fails, decode each half separately, down to single chunks."""
    work, figures = task.work, task.figures
    if not chunks:
        return
    if len(figures.faults) >= work.max_faults:
        figures.stopped = "faults"
        return
    if work.deadline is not None:
        work.deadline.check("decoding")
    needs = needs_of(work.layout, chunks)
    try:
        with task.budget.decoded.taken(needs.bytes, work.deadline) as memory:
            _decode_together(task, chunks, memory, needs, is_last=is_last)
    except (DecodeError, LimitExceeded, MemoryError) as failure:
        error = _out_of_memory(needs.bytes) if isinstance(failure, MemoryError) else failure
        if len(chunks) == 1:
            text = f"{error} (setting {error.limit})" if isinstance(error, LimitExceeded) else str(error)
            figures.faults.append(fault_of(work.part, chunks[0][0], type(error).code, text))
            return
        middle = len(chunks) // 2
        _decode(task, chunks[:middle], is_last=False)
        _decode(task, chunks[middle:], is_last=is_last)


def _out_of_memory(size: int) -> LimitExceeded:
    return LimitExceeded(
        "the system refuses this process the memory that decoding may take",
        limit="EXR_MEMORY_MIB",
        found=f"{size} bytes",
        expected="no more than is left",
    )


def _decode_together(task: _Task, chunks: Sequence[Chunk], memory: Lease, needs: MemoryNeeds, *, is_last: bool) -> None:
    # Codecs that run out of memory report a corrupt chunk or crash, so check first that the memory can be allocated.
    np.empty(needs.bytes, np.uint8)
    blocks = decode_chunks(
        task.work.layout,
        [place for place, _ in chunks],
        [payload for _, payload in chunks],
        max_bytes=task.budget.decoded.capacity,
        make_file=task.scratch.file.holding,
    )
    memory.keep(needs.arrays)
    if is_last:
        task.decoded()
    for block in blocks:
        task.figures.add(block, task.scratch.workspace, task.boxes)
        task.figures.objects += count_objects(block, task.work.ranks)
        if task.hasher is not None:
            task.hasher.add(block)
        if task.take is not None:
            task.take(block)
