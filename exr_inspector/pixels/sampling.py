"""Which chunks to read, in which requests: all of them in file order, or a random sample within a budget. Pure arithmetic.

Both plans are runs of chunks that lie one behind the other in the file. A sample is drawn with a seeded generator from the
chunk tables alone, so the same file gives the same plan wherever it is made. Nothing is read here, and what a chunk's own
leader says of its size is not known yet: a chunk ends where the next one starts, or where the largest it may be would end.

The sample is a stratified cluster sample (Cochran, Sampling Techniques, chapters 5 and 9). Chunks that lie together are cut
into clusters, each one request; clusters of one part and level, of similar size and from the same region form a stratum; in
each stratum clusters are drawn with equal chances, two or more where the budget allows. So every chunk has a known chance
above zero, whatever its compressed size, and `estimates` can say how far a mean may be off.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from exr_inspector.exr.chunks.layout import Layout
from exr_inspector.exr.chunks.leaders import leader_bytes
from exr_inspector.exr.chunks.tables import ChunkState, ChunkTable
from exr_inspector.exr.header.values import PIXEL_BYTES

Ints = npt.NDArray[np.int64]
States = npt.NDArray[np.uint8]
Run = tuple[int, int]  # first and last (exclusive) position in the extents
# A hole that is cheaper to read than a request of its own.
_GAP_BYTES = 64 << 10
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
class SamplePlan:
    """What to read.

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


@dataclass(slots=True)
class _Cell:
    """Clusters of one part and level and of similar size; cut into strata by place once its draws are settled.

    Attributes:
        part: Index of the part.
        level: Position of the level.
        clusters: (first, last) positions in the extents, by place in the image.
        cost: Cost of its largest cluster.
        weight: Bytes that all its chunks decode to.
        draws: Clusters to draw.
        chance: Probability that it is sampled, 0 to 1.
    """

    part: int
    level: int
    clusters: list[Run]
    cost: int
    weight: int
    draws: int = 0
    chance: float = 1.0


def plan_sample(
    extents: ChunkExtents, *, seed: int, max_bytes: int, max_requests: int, chunk_bytes: int = 0
) -> SamplePlan:
    """A random sample of chunks within the budget: everything, where everything fits.

    Args:
        extents: The chunks to choose from.
        seed: Seed of the generator.
        max_bytes: Most bytes of all requests together; DECODED_PER_BYTE times as many are decoded.
        max_requests: Most requests.
        chunk_bytes: Most bytes instead of `max_bytes` where that does not pay for two clusters of each part and size.
    """
    if not len(extents) or max_requests < 1:
        return SamplePlan(extents, ())
    start, end = int(extents.start[0]), int(extents.end.max())
    if extents.cost(0, len(extents)) <= max_bytes:
        return SamplePlan(extents, (PlannedRead(start, end, 0, len(extents)),))
    hard = max(max_bytes, chunk_bytes)
    generator = np.random.default_rng(seed)
    clusters = list(_clusters(extents, max_bytes // max_requests))
    payable = [run for run in clusters if extents.cost(*run) <= hard]
    out_of_reach = frozenset(_group(extents, run) for run in clusters if extents.cost(*run) > hard)
    cells = _cells(extents, payable, max_bytes // max_requests, max_requests) if payable else []
    cells = _affordable(cells, hard, max_requests, generator)
    _spend(cells, max_bytes, max_requests)
    strata: list[Stratum] = []
    reads: list[PlannedRead] = []
    for cell in cells:
        for clusters, drawn in _strata(cell):
            for number in generator.choice(len(clusters), drawn, replace=False).tolist():
                first, last = clusters[number]
                reads.append(_read(extents, first, last, len(strata)))
            size = sum(extents.decoded(first, last) for first, last in clusters)
            strata.append(Stratum(cell.part, cell.level, len(clusters), drawn, size, cell.chance))
    return SamplePlan(extents, tuple(sorted(reads, key=lambda read: read.start)), tuple(strata), out_of_reach)


def _read(extents: ChunkExtents, first: int, last: int, stratum: int) -> PlannedRead:
    return PlannedRead(int(extents.start[first]), int(extents.end[first:last].max()), first, last, stratum)


def _clusters(extents: ChunkExtents, most: int) -> Iterator[Run]:
    """Runs of chunks of one part and level that lie together, of about `most` bytes; a larger chunk alone is one.

    All runs of a part and level have one number of chunks, except where they are interrupted: if it followed from the chunks'
    sizes, bright noise, which compresses badly, would come in smaller clusters, and the ratio of sums would be biased.
    """
    groups = list(zip(extents.part.tolist(), extents.level.tolist(), strict=True))
    sizes: dict[tuple[int, int], tuple[int, int]] = {}
    costs = np.maximum(extents.end - extents.start, extents.unpacked // DECODED_PER_BYTE)
    for group, size in zip(groups, costs.tolist(), strict=True):
        total, count = sizes.get(group, (0, 0))
        sizes[group] = total + size, count + 1
    lengths = {group: max(1, int(most // max(1.0, total / count))) for group, (total, count) in sizes.items()}
    first = 0
    for position in range(1, len(groups) + 1):
        if (
            position == len(groups)
            or groups[position] != groups[first]
            or position - first == lengths[groups[first]]
            or extents.start[position] - extents.end[position - 1] > _GAP_BYTES
        ):
            yield first, position
            first = position


def _group(extents: ChunkExtents, run: Run) -> tuple[int, int]:
    return int(extents.part[run[0]]), int(extents.level[run[0]])


def _cells(extents: ChunkExtents, clusters: Sequence[Run], most: int, max_requests: int) -> list[_Cell]:
    """The clusters by part, level and size; sizes beyond `most` in steps of two, as long as there are requests for them all."""
    by_group: dict[tuple[int, int], list[Run]] = {}
    for run in clusters:
        by_group.setdefault(_group(extents, run), []).append(run)
    classes = {
        group: {run: max(0, extents.cost(*run) // max(1, most)).bit_length() for run in runs}
        for group, runs in by_group.items()
    }
    widest = max(max(sizes.values()) for sizes in classes.values())
    # Neighbouring sizes are put together until two requests for each are there.
    for merged in range(widest + 1):
        keys = {(*group, max(merged, size)) for group, sizes in classes.items() for size in sizes.values()}
        if 2 * len(keys) <= max_requests or merged == widest:
            break
    cells: list[_Cell] = []
    for part, level, size in sorted(keys):
        runs = [run for run, own in classes[part, level].items() if max(merged, own) == size]
        runs.sort(key=lambda run: int(extents.index[run[0]]))
        weight = sum(extents.decoded(first, last) for first, last in runs)
        cells.append(_Cell(part, level, runs, max(extents.cost(*run) for run in runs), weight))
    return cells


def _affordable(cells: list[_Cell], hard: int, max_requests: int, generator: np.random.Generator) -> list[_Cell]:
    """The cells with two draws each, or one where requests or bytes are short; where even that is too much, some of them.

    Which ones is left to chance, so that each of their chunks can still be drawn.
    """
    for cell in cells:
        cell.draws = min(2, len(cell.clusters))
    # The heaviest keep their second draw longest where requests are short, the cheapest where bytes are.
    draws = sum(cell.draws for cell in cells)
    for cell in sorted(cells, key=lambda cell: cell.weight):
        if draws > max_requests:
            draws -= cell.draws - 1
            cell.draws = 1
    cost = sum(cell.draws * cell.cost for cell in cells)
    for cell in sorted(cells, key=lambda cell: -cell.cost):
        if cost > hard:
            cost -= (cell.draws - 1) * cell.cost
            cell.draws = 1
    costs = np.cumsum(sorted((cell.cost for cell in cells), reverse=True))
    count = min(max_requests, int(np.searchsorted(costs, hard, side="right")))
    if count >= len(cells):
        return cells
    chosen = [cells[number] for number in np.sort(generator.choice(len(cells), count, replace=False)).tolist()]
    for cell in chosen:
        cell.chance = count / len(cells)
    return chosen


def _spend(cells: list[_Cell], max_bytes: int, max_requests: int) -> None:
    """Give the requests and bytes that are left to the cells with most pixels a draw."""
    requests = max_requests - sum(cell.draws for cell in cells)
    left = max_bytes - sum(cell.draws * cell.cost for cell in cells)
    while requests > 0:
        able = [cell for cell in cells if cell.draws < len(cell.clusters) and cell.cost <= left]
        if not able:
            return
        cell = max(able, key=lambda cell: cell.weight / cell.draws)
        cell.draws += 1
        requests -= 1
        left -= cell.cost


def _strata(cell: _Cell) -> Iterator[tuple[list[Run], int]]:
    """The cell's clusters in regions of the image with three draws each, as far as there are as many, or four.

    With two draws each the mean would be somewhat more exact, but the draws could not say how exact: their intervals held for
    87 to 99 % of the seeds instead of 92 to 96 (`./run bench sampling`).
    """
    count = max(1, cell.draws // 3)
    bounds = np.linspace(0, len(cell.clusters), count + 1).round().astype(int).tolist()
    regions = [cell.clusters[low:high] for low, high in pairwise(bounds)]
    draws = [cell.draws // count + (number < cell.draws % count) for number in range(count)]
    yield from zip(regions, draws, strict=True)
