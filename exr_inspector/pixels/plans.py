"""Reading plans: where the chunks of a file lie, and in which requests to read them. Pure arithmetic.

A plan is runs of chunks that lie one behind the other in the file. What a chunk's own leader says of its size is not known yet:
a chunk is taken to end where the next one starts, or where the largest it may be would end. `sampling` plans samples.
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
# A hole that is cheaper to read than a request of its own.
GAP_BYTES = 64 << 10
# A budget of bytes also pays for what is decoded: so many bytes of samples cost as much as one that is read. A frame that is
# all black compresses better, a file made to waste time better still.
DECODED_PER_BYTE = 128


@dataclass(frozen=True, slots=True, eq=False)
class ChunkExtents:
    """Places of chunks in the file: arrays of equal length, in order of offset.

    Attributes:
        part: Index of the part.
        index: Index in the part's chunk offset table.
        level: Position of its level in the layout's `levels`.
        start: File offset of the leader.
        end: File offset before which the chunk ends.
        unpacked: Most bytes it decodes to; for deep parts, whose pixels have any number of samples, only the sample table.
    """

    part: Ints
    index: Ints
    level: Ints
    start: Ints
    end: Ints
    unpacked: Ints

    def __len__(self) -> int:
        return len(self.start)

    def only(self, part: int, level: int) -> ChunkExtents:
        """The chunks of one level of one part."""
        mine = (self.part == part) & (self.level == level)
        columns = (self.part, self.index, self.level, self.start, self.end, self.unpacked)
        return ChunkExtents(*(column[mine] for column in columns))

    def decoded(self, first: int, last: int) -> int:
        """Most bytes that the chunks from position `first` to before `last` decode to."""
        return int(self.unpacked[first:last].sum())

    def cost(self, first: int, last: int) -> int:
        """What these chunks take of a budget of bytes: those to be read, or more where they decode to very many."""
        size = int(self.end[first:last].max()) - int(self.start[first])
        return max(size, self.decoded(first, last) // DECODED_PER_BYTE)


@dataclass(frozen=True, slots=True)
class PlannedRead:
    """One request.

    Attributes:
        start: First byte.
        end: End, exclusive.
        first: Position in the extents of its first chunk.
        last: Position behind its last chunk.
        stratum: Number of the stratum it was drawn from; -1 in a plan that reads everything.
    """

    start: int
    end: int
    first: int
    last: int
    stratum: int = -1


@dataclass(frozen=True, slots=True)
class Stratum:
    """Clusters that had the same chance to be drawn.

    Attributes:
        part: Index of the part.
        level: Position of the level in the layout's `levels`.
        clusters: How many there are.
        drawn: How many of them are read.
        size: Bytes that all their chunks decode to.
        chance: Probability that the stratum was sampled, 0 to 1; below 1 if there are more parts than requests.
    """

    part: int
    level: int
    clusters: int
    drawn: int
    size: int
    chance: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class ReadPlan:
    """Which chunks to read, in which requests.

    Attributes:
        extents: The chunks to choose from.
        reads: The requests, by rising offset; no chunk is in two.
        strata: What the requests were drawn from; empty in a plan that reads everything.
        out_of_reach: (part, level) of chunks that no sample can hold, since one of them alone exceeds the budget.
    """

    extents: ChunkExtents
    reads: tuple[PlannedRead, ...]
    strata: tuple[Stratum, ...] = ()
    out_of_reach: frozenset[tuple[int, int]] = frozenset()

    @property
    def bytes(self) -> int:
        """Bytes of all requests."""
        return sum(read.end - read.start for read in self.reads)

    @property
    def chunks(self) -> int:
        """Chunks of all requests."""
        return sum(read.last - read.first for read in self.reads)


def chunk_bound(layout: Layout) -> int:
    """Most bytes that a chunk of this part decodes to; of a deep one only its sample table."""
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
    """The chunks whose state is OK, of the first level or of all; `states` has None for a part whose chunks are all OK."""
    columns: list[list[Ints]] = [[], [], [], [], [], []]
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
        # Sound chunks are never larger packed than unpacked; nobody knows of deep ones.
        most = file_size if layout.is_deep else bound + leader_bytes(layout, is_multi_part)
        firsts = np.array([level.first_chunk for level in layout.levels] or [0], np.int64)
        values = (
            np.full(len(chosen), table.part, np.int64),
            chosen,
            np.searchsorted(firsts, chosen, side="right") - 1,
            leader,
            np.minimum(leader + most, file_size),
            np.full(len(chosen), bound, np.int64),
        )
        for column, value in zip(columns, values, strict=True):
            column.append(value)
    part, index, level, start, end, unpacked = (_joined(column) for column in columns)
    order = np.argsort(start, kind="stable")
    start, end = start[order], end[order]
    every = np.sort(_joined([table.offsets.astype(np.int64) for table in tables]))
    following = np.append(every, file_size)[np.searchsorted(every, start, side="right")]
    return ChunkExtents(
        part[order], index[order], level[order], start, np.minimum(end, np.maximum(following, start)), unpacked[order]
    )


def _joined(columns: list[Ints]) -> Ints:
    return np.concatenate(columns) if columns else np.zeros(0, np.int64)


def plan_full(extents: ChunkExtents, *, read_bytes: int, cover_bytes: int | None = None) -> ReadPlan:
    """Every chunk once, in file order, in requests of about `read_bytes`.

    Args:
        extents: The chunks.
        read_bytes: Where a request has reached this size, it ends with the chunk.
        cover_bytes: Size of a file all of whose bytes are to be read in order; None leaves out holes between chunks.
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
    """The requests, cut where they overlap, with requests for no chunk between them: one behind the other, all of a file."""
    position = 0
    for number, read in enumerate(reads):
        for start in range(position, read.start, read_bytes):
            yield PlannedRead(start, min(start + read_bytes, read.start), read.first, read.first)
        end = min([read.end, *(later.start for later in reads[number + 1 : number + 2])])
        yield PlannedRead(max(position, read.start), end, read.first, read.last)
        position = end
    for start in range(position, size, read_bytes):
        yield PlannedRead(start, min(start + read_bytes, size), len(reads), len(reads))
