"""Which chunks to read, in which requests: all of them in file order, or a spread of them within a budget. Pure arithmetic.

Both plans are runs of chunks that lie one behind the other in the file. A sample is drawn with a seeded generator from the
chunk tables alone, so the same file gives the same plan wherever it is made. Nothing is read here, and what a chunk's own
leader says of its size is not known yet: a chunk ends where the next one starts, or where the largest it may be would end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from exr_inspector.exr.chunks.layout import Layout
from exr_inspector.exr.chunks.leaders import leader_bytes
from exr_inspector.exr.chunks.tables import ChunkState, ChunkTable
from exr_inspector.exr.header.values import PIXEL_BYTES

Ints = npt.NDArray[np.int64]
States = npt.NDArray[np.uint8]
# A hole that is cheaper to read than a request of its own.
_GAP_BYTES = 64 << 10


@dataclass(frozen=True, slots=True, eq=False)
class ChunkExtents:
    """Where chunks lie in the file; arrays of one length, by rising offset.

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


@dataclass(frozen=True, slots=True)
class PlannedRead:
    """One request.

    Attributes:
        start: First byte.
        end: End, exclusive.
        first: Position in the extents of its first chunk.
        last: Position behind its last chunk.
    """

    start: int
    end: int
    first: int
    last: int


@dataclass(frozen=True, slots=True, eq=False)
class SamplePlan:
    """What to read.

    Attributes:
        extents: The chunks to choose from.
        reads: The requests, by rising offset; no chunk is in two.
    """

    extents: ChunkExtents
    reads: tuple[PlannedRead, ...]

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
    states: Sequence[States | None],
    file_size: int,
    *,
    is_multi_part: bool,
    all_levels: bool = False,
) -> ChunkExtents:
    """The chunks that are there.

    Args:
        layouts: One a part, for the parts that have a table.
        tables: Their chunk offset tables.
        states: Every chunk's ChunkState of each part, None where all are OK; only those that are OK count.
        file_size: Bytes of the whole file.
        is_multi_part: Whether leaders carry a part number.
        all_levels: Whether levels above the first count, too.
    """
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


def plan_full(extents: ChunkExtents, *, read_bytes: int, cover_bytes: int | None = None) -> SamplePlan:
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
        if position > first and (start - last_end > _GAP_BYTES or end - starts[first] > read_bytes):
            reads.append(PlannedRead(starts[first], last_end, first, position))
            first, last_end = position, 0
        last_end = max(last_end, end)
    if starts:
        reads.append(PlannedRead(starts[first], last_end, first, len(starts)))
    return SamplePlan(extents, tuple(reads if cover_bytes is None else _covering(reads, read_bytes, cover_bytes)))


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


def sample_bytes(file_size: int, *, max_bytes: int, max_share: float, share_from_bytes: int) -> int:
    """The byte budget of one file: `max_bytes`, and no more than `max_share` of a file of `share_from_bytes` and more."""
    return min(max_bytes, int(file_size * max_share)) if file_size >= share_from_bytes else max_bytes


def plan_sample(extents: ChunkExtents, *, seed: int, max_bytes: int, max_requests: int) -> SamplePlan:
    """A spread of chunks within the budget: everything, where everything fits.

    Requests are dealt out to parts and levels (each at least one, while there are enough), within those to equal shares of
    the rows; in each share a run of chunks starts at a random place and goes on while its part of the budget lasts.

    Args:
        extents: The chunks to choose from.
        seed: Seed of the generator.
        max_bytes: Most bytes of all requests together.
        max_requests: Most requests.
    """
    if not len(extents) or max_requests < 1:
        return SamplePlan(extents, ())
    start, end = int(extents.start[0]), int(extents.end.max())
    if end - start <= max_bytes:
        return SamplePlan(extents, (PlannedRead(start, end, 0, len(extents)),))
    generator = np.random.default_rng(seed)
    taken = np.zeros(len(extents), np.bool_)
    reads: list[PlannedRead] = []
    left = max_bytes
    strata = _strata(extents, max_bytes, max_requests, generator)
    for number, stratum in enumerate(strata):
        read = _draw(extents, stratum, left // (len(strata) - number), taken, generator)
        if read is not None:
            taken[read.first : read.last] = True
            left -= read.end - read.start
            reads.append(read)
    return SamplePlan(extents, tuple(sorted(reads, key=lambda read: read.start)))


def _strata(extents: ChunkExtents, max_bytes: int, max_requests: int, generator: np.random.Generator) -> list[Ints]:
    """Positions to draw one run each from: parts and levels cut into equal shares of their chunks.

    No more shares than the budget pays a usual chunk for, and only chunks that one share's budget pays.
    """
    sizes = extents.end - extents.start
    least = max(1, int(sizes.min()))
    if least > max_bytes:
        return []
    usual = max(least, int(np.median(sizes)))
    requests = min(max_requests, max_bytes // (usual if usual <= max_bytes else least))
    payable = sizes <= max_bytes // requests
    key = np.where(payable, extents.part << 32 | extents.level, -1)
    groups = [np.flatnonzero(key == value) for value in np.unique(key[payable]).tolist()]
    if len(groups) > requests:
        chosen = np.sort(generator.choice(len(groups), requests, replace=False)).tolist()
        groups = [groups[number] for number in chosen]
    shares = [1] * len(groups)
    weights = [int(extents.unpacked[group].sum()) for group in groups]
    for _ in range(requests - len(groups)):
        open_groups = [number for number, group in enumerate(groups) if shares[number] < len(group)]
        if not open_groups:
            break
        shares[max(open_groups, key=lambda number: weights[number] / shares[number])] += 1
    strata: list[Ints] = []
    for group, share in zip(groups, shares, strict=True):
        by_row = group[np.argsort(extents.index[group], kind="stable")]
        strata.extend(np.array_split(by_row, share))
    return strata


def _draw(
    extents: ChunkExtents, stratum: Ints, max_bytes: int, taken: npt.NDArray[np.bool_], generator: np.random.Generator
) -> PlannedRead | None:
    """A run of free chunks that starts at a random one of `stratum`, None where none fits into `max_bytes`."""
    free = stratum[~taken[stratum]]
    free = free[extents.end[free] - extents.start[free] <= max_bytes]
    if not len(free):
        return None
    first = int(free[generator.integers(len(free))])
    start, end = int(extents.start[first]), int(extents.end[first])
    last = first + 1
    while last < len(extents) and not taken[last] and max(end, int(extents.end[last])) - start <= max_bytes:
        end = max(end, int(extents.end[last]))
        last += 1
    # A run that met the end of the file, or another run, goes on backwards.
    while first and not taken[first - 1] and end - int(extents.start[first - 1]) <= max_bytes:
        first -= 1
        start = int(extents.start[first])
    return PlannedRead(start, end, first, last)
