"""Computes read plans: the positions of a file's chunks, and the requests that read them. Arithmetic only.

Each request of a plan reads a run of chunks that are adjacent in the file. The size in a chunk's leader is not known yet, so a
chunk is assumed to end where the next one starts, or at its maximum size. `sampling` plans samples.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from exr_inspector.exr.chunks.layout import Layout
from exr_inspector.exr.chunks.leaders import leader_bytes
from exr_inspector.exr.chunks.tables import ChunkState, ChunkTable, States
from exr_inspector.exr.header.values import PIXEL_BYTES

Ints = npt.NDArray[np.int64]
# Gaps up to this size are read, since a further request would cost more.
GAP_BYTES = 64 << 10
# A byte budget also limits decoding: this many decoded bytes cost as much as one byte read. Black frames compress better than
# that, and files made to waste time even more.
DECODED_PER_BYTE = 128


@dataclass(frozen=True, slots=True, eq=False)
class ChunkExtents:
    """The positions of chunks in the file: arrays of equal length, sorted by offset.

    Attributes:
        part: Index of the part.
        index: Index in the part's chunk offset table.
        level: Position of the chunk's level in the layout's `levels`.
        start: File offset of the leader.
        end: Upper bound of the file offset where the chunk ends.
        unpacked: Maximum decoded size in bytes; for deep parts, whose samples are not limited, only the sample table.
        size: Decoded size in bytes: `unpacked`, but less at the edges of a level without subsampled channels.
    """

    part: Ints
    index: Ints
    level: Ints
    start: Ints
    end: Ints
    unpacked: Ints
    size: Ints

    def __len__(self) -> int:
        return len(self.start)

    def only(self, part: int, level: int) -> ChunkExtents:
        """The chunks of one level of one part."""
        mine = (self.part == part) & (self.level == level)
        columns = (self.part, self.index, self.level, self.start, self.end, self.unpacked, self.size)
        return ChunkExtents(*(column[mine] for column in columns))

    def decoded(self, first: int, last: int) -> int:
        """Decoded size in bytes of the chunks at positions `first` (inclusive) to `last` (exclusive)."""
        return int(self.size[first:last].sum())

    def cost(self, first: int, last: int) -> int:
        """The cost of these chunks in a byte budget: the bytes to read, or more if the decoded size is very large."""
        size = int(self.end[first:last].max()) - int(self.start[first])
        return max(size, self.decoded(first, last) // DECODED_PER_BYTE)


@dataclass(frozen=True, slots=True)
class PlannedRead:
    """One request.

    Attributes:
        start: File offset of the first byte.
        end: File offset of the end, exclusive.
        first: Position of its first chunk in the extents.
        last: Position after its last chunk.
        stratum: Number of the stratum that it was drawn from; -1 in a full read.
        place: Position among the clusters of the stratum's class, in the order of the image.
    """

    start: int
    end: int
    first: int
    last: int
    stratum: int = -1
    place: int = 0


@dataclass(frozen=True, slots=True)
class Stratum:
    """Clusters that were drawn with equal probability.

    Attributes:
        part: Index of the part.
        level: Position of the level in the layout's `levels`.
        clusters: Number of clusters.
        drawn: Number of clusters that are read.
        size: Decoded size of all their chunks in bytes.
        chance: Probability that the stratum was sampled, 0 to 1; below 1 if there are more parts than requests.
    cell: Number of the class of clusters that this stratum is a region of.
        is_mixed: Whether the clusters' sizes have a jump, so that few draws do not show how they differ.
    """

    part: int
    level: int
    clusters: int
    drawn: int
    size: int
    chance: float
    cell: int = 0
    is_mixed: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class ReadPlan:
    """The chunks to read and the requests that read them.

    Attributes:
        extents: The available chunks.
        reads: The requests in ascending order of offset; each chunk is in at most one.
        strata: The strata of a sample; empty in a full read.
        over_budget: (part, level) with chunks that cannot be sampled, since a single one exceeds the budget.
    """

    extents: ChunkExtents
    reads: tuple[PlannedRead, ...]
    strata: tuple[Stratum, ...] = ()
    over_budget: frozenset[tuple[int, int]] = frozenset()

    @property
    def bytes(self) -> int:
        """Total size of the requests in bytes."""
        return sum(read.end - read.start for read in self.reads)

    @property
    def chunks(self) -> int:
        """Number of chunks in the requests."""
        return sum(read.last - read.first for read in self.reads)


def chunk_bound(layout: Layout) -> int:
    """Maximum decoded size in bytes of a chunk of this part; for deep parts only of its sample table."""
    width, height = layout.tile_width, layout.tile_height
    if layout.is_deep:
        return 4 * width * height
    return sum(
        -(-width // channel.x_sampling) * -(-height // channel.y_sampling) * PIXEL_BYTES[channel.pixel_type]
        for channel in layout.channels
    )


def locate_chunks(
    layouts: Sequence[Layout],
    tables: Sequence[ChunkTable],
    states: Sequence[States],
    file_size: int,
    *,
    is_multi_part: bool,
    all_levels: bool = False,
) -> ChunkExtents:
    """The positions of the chunks whose state is OK, in the first level or in all; None in `states` means that all are OK."""
    columns: list[list[Ints]] = [[], [], [], [], [], [], []]
    for layout, table, state in zip(layouts, tables, states, strict=False):
        known = (
            len(table.offsets)
            if all_levels or not layout.levels
            else min(len(table.offsets), layout.levels[0].chunk_count)
        )
        chosen = np.arange(known if layout.levels else 0, dtype=np.int64)
        if state is not None:
            chosen = chosen[state[: len(chosen)] == ChunkState.OK]
        leader = table.offsets[chosen].astype(np.int64)
        bound = chunk_bound(layout)
        # Valid flat chunks are never larger packed than unpacked; the size of deep chunks is unknown.
        most = file_size if layout.is_deep else bound + leader_bytes(layout, is_multi_part)
        firsts = np.array([level.first_chunk for level in layout.levels], np.int64)
        values = (
            np.full(len(chosen), table.part, np.int64),
            chosen,
            np.searchsorted(firsts, chosen, side="right") - 1,
            leader,
            np.minimum(leader + most, file_size),
            np.full(len(chosen), bound, np.int64),
            _decoded_bytes(layout, chosen, bound),
        )
        for column, value in zip(columns, values, strict=True):
            column.append(value)
    part, index, level, start, end, unpacked, size = (_joined(column) for column in columns)
    order = np.argsort(start, kind="stable")
    start, end = start[order], end[order]
    every = np.sort(_joined([table.offsets.astype(np.int64) for table in tables]))
    following = np.append(every, file_size)[np.searchsorted(every, start, side="right")]
    end = np.minimum(end, np.maximum(following, start))
    return ChunkExtents(part[order], index[order], level[order], start, end, unpacked[order], size[order])


def _decoded_bytes(layout: Layout, chunks: Ints, bound: int) -> Ints:
    """The decoded size of each chunk: `bound`, and less at the right and lower edge of a level without subsampled channels."""
    found = np.full(len(chunks), bound, np.int64)
    if any((channel.x_sampling, channel.y_sampling) != (1, 1) for channel in layout.channels):
        return found
    for level in layout.levels:
        mine = (chunks >= level.first_chunk) & (chunks < level.first_chunk + level.chunk_count)
        y, x = np.divmod(chunks[mine] - level.first_chunk, level.tiles_x)
        width = np.minimum(layout.tile_width, level.width - x * layout.tile_width)
        height = np.minimum(layout.tile_height, level.height - y * layout.tile_height)
        found[mine] = bound * width * height // (layout.tile_width * layout.tile_height)
    return found


def _joined(columns: list[Ints]) -> Ints:
    return np.concatenate(columns) if columns else np.zeros(0, np.int64)


def plan_full(extents: ChunkExtents, *, read_bytes: int, cover_bytes: int | None = None) -> ReadPlan:
    """A plan that reads every chunk once, in file order, in requests of about `read_bytes`.

    Args:
        extents: The chunks.
        read_bytes: Maximum size of a request with more than one chunk.
        cover_bytes: Size of the file, to read all its bytes in order; None to skip gaps between chunks.
    """
    starts, ends = extents.start.tolist(), extents.end.tolist()
    reads: list[PlannedRead] = []
    first = last_end = 0
    for position, (start, end) in enumerate(zip(starts, ends, strict=True)):
        if position > first and (start - last_end > GAP_BYTES or end - starts[first] > read_bytes):
            reads.append(PlannedRead(starts[first], last_end, first, position))
            first, last_end = position, 0
        last_end = max(last_end, end)
    if starts:
        reads.append(PlannedRead(starts[first], last_end, first, len(starts)))
    return ReadPlan(extents, tuple(reads if cover_bytes is None else _covering(reads, read_bytes, cover_bytes)))


def _covering(reads: list[PlannedRead], read_bytes: int, size: int) -> Iterator[PlannedRead]:
    """The requests without overlaps, and requests without chunks for the gaps, so that together they cover the file."""
    position = 0
    for number, read in enumerate(reads):
        for start in range(position, read.start, read_bytes):
            yield PlannedRead(start, min(start + read_bytes, read.start), read.first, read.first)
        end = min([read.end, *(later.start for later in reads[number + 1 : number + 2])])
        yield PlannedRead(max(position, read.start), end, read.first, read.last)
        position = end
    for start in range(position, size, read_bytes):
        yield PlannedRead(start, min(start + read_bytes, size), len(reads), len(reads))
