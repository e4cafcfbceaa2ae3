"""Reads chunk offset tables and determines which chunks are present and which are missing.

The tables of all parts follow the headers, one after another. Each has one entry for each chunk: a uint64 file offset. A writer
reserves the tables as zeros and fills them in when it closes the file. Checking the chunk leaders (`leaders`) as well finds
more faults, but needs more requests.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from enum import IntEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from exr_inspector.exr.chunks.layout import Layout, Level, span_text
from exr_inspector.exr.header.parser import Header
from exr_inspector.exr.limits import DEFAULT_LIMITS, Limits

ENTRY_BYTES = 8
TABLE_SHARE = 8  # maximum memory as a multiple of the tables' size (`./run bench header_memory`)
MAX_MISSING_RANGES = 1_000
_OFFSETS = np.dtype("<u8")
_FEW_CHUNKS = 200
# The ChunkState of every chunk of a part, shape (count,); None if all are OK.
States = npt.NDArray[np.uint8] | None


class ChunkState(IntEnum):
    """The state of one chunk. Only OK chunks count as present."""

    OK = 0
    ZERO = 1
    OUT_OF_RANGE = 2
    DUPLICATE = 3
    NO_ENTRY = 4
    PAST_END = 5
    BAD_LEADER = 6
    NOT_DECODABLE = 7


class ChunkTable(NamedTuple):
    """One part's chunk offset table.

    Attributes:
        part: Index of the part.
        start: File offset of the table.
        count: Number of entries according to the layout.
        offsets: uint64 file offsets, shape (entries,); fewer than `count` if the file ends inside the table.
    """

    part: int
    start: int
    count: int  # type: ignore[assignment]  # hides tuple.count, which is not needed here
    offsets: npt.NDArray[np.uint64]


class MissingRange(NamedTuple):
    """A rectangle of missing chunks in the same state.

    Attributes:
        level_x: Level number in x.
        level_y: Level number in y.
        tile_x_first: First column of tiles; 0 for scan line blocks.
        tile_x_last: Last column of tiles.
        tile_y_first: First row of tiles or blocks.
        tile_y_last: Last row of tiles or blocks.
        y_min: First pixel row, in the data window's coordinates.
        y_max: Last pixel row.
        x_min: First pixel column; None if entire rows are missing.
        x_max: Last pixel column; None if entire rows are missing.
        state: State of the chunks; None in database rows that were stored without it.
    """

    level_x: int
    level_y: int
    tile_x_first: int
    tile_x_last: int
    tile_y_first: int
    tile_y_last: int
    y_min: int
    y_max: int
    x_min: int | None = None
    x_max: int | None = None
    state: ChunkState | None = None

    @property
    def text(self) -> str:
        """The pixels as text, such as `rows 128 to 191 in columns 64 to 255`; starts with the level if it is not the first."""
        level = f"level {self.level_x},{self.level_y} " if self.level_x or self.level_y else ""
        columns = ""
        if self.x_min is not None and self.x_max is not None:
            columns = f" in {span_text('column', self.x_min, self.x_max)}"
        return f"{level}{span_text('row', self.y_min, self.y_max)}{columns}"


class Completeness(NamedTuple):
    """Which chunks of one part are present.

    Attributes:
        part: Index of the part.
        checked: What was read to determine it: `tables`, `last leader` (tables and the leader of the last chunk in the file),
            `leaders` (all leaders), `rebuilt` (all leaders found by `rebuild`), or `decoded` (the pixels of all chunks).
        chunk_count: Number of chunks according to the layout.
        declared: The header's chunkCount; None if it has none.
        present: Number of chunks present.
        counts: Number of chunks in each ChunkState except OK; states without a chunk are omitted.
        missing: The missing chunks as rectangles in table order, at most MAX_MISSING_RANGES.
        missing_truncated: Whether there are more rectangles than listed.
        zero_only_upper_levels: Whether all missing chunks are zero entries of levels after the first.
    """

    part: int
    checked: str
    chunk_count: int
    declared: int | None
    present: int
    counts: dict[ChunkState, int]
    missing: tuple[MissingRange, ...]
    missing_truncated: bool
    zero_only_upper_levels: bool

    @property
    def is_complete(self) -> bool:
        """Whether every chunk is present."""
        return self.present == self.chunk_count

    @property
    def fraction(self) -> float:
        """The fraction of chunks present, 0 to 1; 1 for a part without chunks."""
        return self.present / self.chunk_count if self.chunk_count else 1.0


def tables_end(header: Header, layouts: Iterable[Layout]) -> int:
    """The file offset of the end of the last chunk offset table, where the first chunk may start."""
    end = header.end
    for layout in layouts:
        end += ENTRY_BYTES * layout.chunk_count
    return end


def check_table_size(header: Header, layouts: Sequence[Layout], limits: Limits = DEFAULT_LIMITS) -> None:
    """Raise LimitExceeded if the tables of these parts together exceed the limit."""
    size = tables_end(header, layouts) - header.end
    if size > limits.table_bytes:
        message = "the chunk offset tables are too large"
        raise limits.exceeded("table_bytes", message, f"{size} bytes", offset=header.end)


def read_tables(buffer: bytes, header: Header, layouts: Sequence[Layout], file_size: int) -> tuple[ChunkTable, ...]:
    """The chunk offset tables of the parts with these layouts. A table has fewer entries if the file ends inside it.

    Args:
        buffer: The file's first bytes, up to `tables_end` or the end of the file.
        header: The header.
        layouts: Layouts of the parts before the first part without a layout; later tables cannot be located.
        file_size: Size of the file in bytes.
    """
    start, end_of_tables = header.end, min(tables_end(header, layouts), file_size)
    tables = []
    for part, layout in enumerate(layouts):
        count = layout.chunk_count
        entries = min(count, max(0, end_of_tables - start) // ENTRY_BYTES)
        offsets = np.frombuffer(buffer, _OFFSETS, entries, start if entries else 0)
        tables.append(ChunkTable(part, start, count, offsets))
        start += ENTRY_BYTES * count
    return tuple(tables)


def _is_valid(offsets: npt.NDArray[np.uint64], first_offset: int, file_size: int) -> bool:
    """Whether all offsets are distinct and inside the file."""
    if len(offsets) <= _FEW_CHUNKS:  # for few entries plain integers are faster than numpy
        few: list[int] = offsets.tolist()
        return min(few) >= first_offset and max(few) < file_size and len(set(few)) == len(few)
    ordered = np.sort(offsets)
    distinct = not np.any(ordered[1:] == ordered[:-1])
    return distinct and int(ordered[0]) >= first_offset and int(ordered[-1]) < file_size


def chunk_states(table: ChunkTable, first_offset: int, file_size: int) -> States:
    """The ChunkState of every chunk according to its table entry, shape (count,); None if all are OK.

    `first_offset` is the end of the last table; no chunk starts before it.
    """
    count, offsets = table.count, table.offsets
    if not count or (len(offsets) == count and _is_valid(offsets, first_offset, file_size)):
        return None
    states = np.full(count, ChunkState.NO_ENTRY, np.uint8)
    known = states[: len(offsets)]
    known[:] = ChunkState.OK
    known[(offsets < np.uint64(first_offset)) | (offsets >= np.uint64(file_size))] = ChunkState.OUT_OF_RANGE
    known[offsets == 0] = ChunkState.ZERO
    order = np.argsort(offsets, kind="stable")
    repeated = order[1:][np.diff(offsets[order]) == 0]
    known[repeated[known[repeated] == ChunkState.OK]] = ChunkState.DUPLICATE
    return states if states.any() else None


def shared_entries(tables: Sequence[ChunkTable], states: Sequence[States]) -> tuple[States, ...]:
    """The states after comparing the tables of a multi-part file with one another: parts cannot share a chunk.

    Returns:
        The states, with DUPLICATE for an entry whose offset an earlier part's table contains.
    """
    offsets = np.concatenate([table.offsets for table in tables])
    order = np.argsort(offsets, kind="stable")  # stable: of equal offsets, that of the earlier part comes first
    rising = offsets[order]
    again = order[1:][rising[1:] == rising[:-1]]
    if not len(again):
        return tuple(states)
    repeated = np.zeros(len(offsets), bool)
    repeated[again] = True
    marked, start = list(states), 0
    for part, table in enumerate(tables):
        mine = np.flatnonzero(repeated[start : start + len(table.offsets)])
        start += len(table.offsets)
        known = states[part]
        mine = mine if known is None else mine[known[mine] == ChunkState.OK]
        if len(mine):
            states_now = np.zeros(table.count, np.uint8) if known is None else known.copy()
            states_now[mine] = ChunkState.DUPLICATE
            marked[part] = states_now
    return tuple(marked)


def _rectangles(level: Level, runs: Iterable[tuple[int, int]]) -> Iterable[tuple[int, int, int, int]]:
    """Rectangles (x first, x last, y first, y last) that cover runs of chunk indices in one level; full rows are merged."""
    for first, last in runs:
        y_first, x_first = divmod(first - level.first_chunk, level.tiles_x)
        y_last, x_last = divmod(last - level.first_chunk, level.tiles_x)
        if y_first == y_last:
            yield x_first, x_last, y_first, y_last
            continue
        if x_first:
            yield x_first, level.tiles_x - 1, y_first, y_first
            y_first += 1
        whole_rows_end = y_last if x_last < level.tiles_x - 1 else y_last + 1
        if y_first < whole_rows_end:
            yield 0, level.tiles_x - 1, y_first, whole_rows_end - 1
        if whole_rows_end == y_last:
            yield 0, x_last, y_last, y_last


def _runs(missing: npt.NDArray[np.intp], states: npt.NDArray[np.uint8]) -> list[tuple[int, int]]:
    """Runs (first, last) of consecutive indices in the same state; `missing` is sorted, `states` covers all chunks."""
    if not len(missing):
        return []
    breaks = np.flatnonzero((np.diff(missing) != 1) | (np.diff(states[missing]) != 0))
    firsts = missing[np.concatenate(([0], breaks + 1))]
    lasts = missing[np.concatenate((breaks, [len(missing) - 1]))]
    return list(zip(firsts.tolist(), lasts.tolist(), strict=True))


def _missing_ranges(
    layout: Layout, missing: npt.NDArray[np.intp], states: npt.NDArray[np.uint8]
) -> tuple[tuple[MissingRange, ...], bool]:
    ranges: list[MissingRange] = []
    for level in layout.levels:
        inside = missing[(missing >= level.first_chunk) & (missing < level.first_chunk + level.chunk_count)]
        for x_first, x_last, y_first, y_last in _rectangles(level, _runs(inside, states)):
            if len(ranges) == MAX_MISSING_RANGES:
                return tuple(ranges), True
            first, last = layout.window(level, x_first, y_first), layout.window(level, x_last, y_last)
            columns = (None, None) if x_last - x_first + 1 == level.tiles_x else (first.x_min, last.x_max)
            place = (level.level_x, level.level_y, x_first, x_last, y_first, y_last, first.y_min, last.y_max)
            state = ChunkState(int(states[level.first_chunk + y_first * level.tiles_x + x_first]))
            ranges.append(MissingRange(*place, columns[0], columns[1], state))
    return tuple(ranges), False


def chunk_ranges(layout: Layout, chunks: Collection[int]) -> tuple[tuple[MissingRange, ...], bool]:
    """The rectangles of pixels that chunks cover, and whether there are more than MAX_MISSING_RANGES."""
    return _missing_ranges(layout, np.array(sorted(chunks), np.intp), np.zeros(max(chunks, default=-1) + 1, np.uint8))


def assess(
    layout: Layout, table: ChunkTable, states: States, declared: int | None, checked: str = "tables"
) -> Completeness:
    """The completeness of a part. `declared` is the header's chunkCount, `checked` how the states were determined."""
    if states is None:
        return Completeness(table.part, checked, table.count, declared, table.count, {}, (), False, False)
    missing = np.flatnonzero(states)
    numbers = np.bincount(states, minlength=len(ChunkState)).tolist()
    counts = {state: numbers[state] for state in ChunkState if state and numbers[state]}
    ranges, truncated = _missing_ranges(layout, missing, states)
    upper = bool(
        len(layout.levels) > 1 and set(counts) == {ChunkState.ZERO} and missing[0] >= layout.levels[0].chunk_count
    )
    return Completeness(table.part, checked, table.count, declared, numbers[0], counts, ranges, truncated, upper)


def with_state(states: States, count: int, chunks: Sequence[int], state: ChunkState) -> States:
    """The states of a part of `count` chunks, with `state` for the given chunks."""
    if not chunks:
        return states
    marked = np.zeros(count, np.uint8) if states is None else states.copy()
    marked[list(chunks)] = state
    return marked
