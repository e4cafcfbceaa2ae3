"""Reading chunk leaders to check whether chunks are complete and are the ones that the chunk offset table says.

`check_last_leader` asks for one small range, `check_all_leaders` for a range for each group of neighbouring leaders. They are
generators (see `exr.file_bytes`); when the budget for requests is used up they return what they know by then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from exr_inspector.errors import DecodeError
from exr_inspector.exr.chunks.layout import Layout
from exr_inspector.exr.chunks.leaders import LeaderCheck, check_leader, leader_bytes, parse_leader
from exr_inspector.exr.chunks.tables import ChunkState, ChunkTable, States
from exr_inspector.exr.file_bytes import FileBytes, RangeRequests
from exr_inspector.exr.header.values import LineOrder
from exr_inspector.exr.limits import Checkpoint, no_checkpoint
from exr_inspector.exr.problems import Problem, ProblemKind, ProblemList

MERGE_GAP_BYTES = 16 << 10
MERGED_BYTES = 256 << 10
RANGES_PER_REQUEST = 64


@dataclass(frozen=True, slots=True)
class ChunkMap:
    """What is known of the chunks of one file from its header and tables.

    Attributes:
        layouts: One a part with a known table.
        tables: Their chunk offset tables.
        states: Every chunk's ChunkState by part, None where all are OK.
        is_multi_part: Whether leaders start with a part number.
        first_offset: End of the last table.
        file_size: Bytes of the file.
        line_orders: The line order code of each part, None where it has none; empty where the order does not matter.
        has_all_parts: Whether these are all parts of the file. If not, bytes outside these chunks may belong to other parts.
    """

    layouts: Sequence[Layout]
    tables: Sequence[ChunkTable]
    states: Sequence[States]
    is_multi_part: bool
    first_offset: int
    file_size: int
    line_orders: Sequence[int | None] = ()
    has_all_parts: bool = True


@dataclass(frozen=True, slots=True)
class LeaderReport:
    """The result of reading leaders.

    Attributes:
        checked: How the states were found, for `tables.assess`: `tables` when no leader could be read, `last leader`,
            `leaders`, or `rebuilt`.
        states: Every chunk's ChunkState by part, None where all are OK.
        tables: The tables; after rebuilding those that were found, with zeros for chunks that were not.
        problems: What is wrong, in the order it was met.
    """

    checked: str
    states: tuple[States, ...]
    tables: tuple[ChunkTable, ...]
    problems: tuple[Problem, ...]


class _Wanted(NamedTuple):
    """A leader to be read: its file offset, the part and the index of the chunk in the part's table."""

    offset: int
    part: int
    chunk: int


@dataclass(slots=True)
class _Findings:
    """Collects states and problems."""

    chunks: ChunkMap
    states: list[States] = field(default_factory=list)
    problems: ProblemList = field(default_factory=ProblemList)

    def __post_init__(self) -> None:
        self.states = list(self.chunks.states)

    def mark(self, wanted: _Wanted, check: LeaderCheck) -> None:
        """Store the state of a chunk and report its problem, if it has one."""
        if check.kind is None:
            return
        states = self.states[wanted.part]
        if states is None or states is self.chunks.states[wanted.part]:
            count = self.chunks.tables[wanted.part].count
            states = np.zeros(count, np.uint8) if states is None else states.copy()
            self.states[wanted.part] = states
        states[wanted.chunk] = check.state
        message = f"chunk {wanted.chunk}: {_MESSAGES[check.kind]}"
        self.problems.add(Problem(check.kind, message, wanted.part, wanted.offset, check.found, check.expected))

    def report(self, checked: str) -> LeaderReport:
        return LeaderReport(checked, tuple(self.states), tuple(self.chunks.tables), self.problems.all())


_MESSAGES = {
    ProblemKind.WRONG_LEADER: "the leader is that of another chunk",
    ProblemKind.CHUNK_PAST_END: "the file ends before the chunk does",
    ProblemKind.CHUNK_SIZE: "impossible size",
    ProblemKind.DEEP_CHUNK_SIZES: "impossible sizes",
    ProblemKind.OVERLAPPING_CHUNK: "the chunk overlaps another one",
}


def good_entries(chunks: ChunkMap, part: int) -> npt.NDArray[np.intp]:
    """Indices of the chunks of a part whose table entries are good."""
    states, table = chunks.states[part], chunks.tables[part]
    return np.arange(table.count) if states is None else np.flatnonzero(states == ChunkState.OK)


def _last(chunks: ChunkMap) -> _Wanted | None:
    """The chunk that is last in the file."""
    last = None
    for part, table in enumerate(chunks.tables):
        good = good_entries(chunks, part)
        if len(good) and chunks.layouts[part].levels:
            index = int(good[np.argmax(table.offsets[good])])
            offset = int(table.offsets[index])
            if last is None or offset > last.offset:
                last = _Wanted(offset, part, index)
    return last


def _check(chunks: ChunkMap, wanted: _Wanted, data: bytes, data_start: int) -> tuple[LeaderCheck, int]:
    """The verdict on a leader in `data`, which was read at `data_start`, and the file offset at which its chunk ends."""
    layout = chunks.layouts[wanted.part]
    try:
        leader = parse_leader(data, wanted.offset - data_start, layout, chunks.is_multi_part)
    except DecodeError as error:
        state = ChunkState.BAD_LEADER
        if wanted.offset + leader_bytes(layout, chunks.is_multi_part) > chunks.file_size:
            state = ChunkState.PAST_END
        code = ProblemKind.CHUNK_PAST_END if state is ChunkState.PAST_END else ProblemKind.CHUNK_SIZE
        return LeaderCheck(state, code, error.found, "a complete leader with sizes of 0 or more"), wanted.offset
    available = chunks.file_size - data_start
    check = check_leader(leader, layout.place(wanted.chunk), layout, wanted.part, available)
    return check, leader.end + data_start


def check_last_leader(chunks: ChunkMap, file: FileBytes, *, only_if_read: bool = False) -> RangeRequests[LeaderReport]:
    """Read the leader of the chunk that is last in the file, which shows nearly every truncated file.

    With `only_if_read` it is checked only if its bytes have been read already.
    """
    found = _Findings(chunks)
    _check_orders(found)
    last = _last(chunks)
    if last is None:
        return found.report("tables")
    size = leader_bytes(chunks.layouts[last.part], chunks.is_multi_part)
    wanted = ((last.offset, min(last.offset + size, chunks.file_size)),)
    if only_if_read and not file.has(wanted):
        return found.report("tables")
    pieces = yield from file.read(wanted)
    if pieces is None:
        return found.report("tables")
    check, end = _check(chunks, last, pieces[0], last.offset)
    found.mark(last, check)
    if end < chunks.file_size and _is_all_known(found):
        found.problems.add(_behind_the_last(end, chunks.file_size))
    return found.report("last leader")


def _plan(chunks: ChunkMap) -> Iterator[tuple[tuple[int, int], list[_Wanted]]]:
    """All leaders to be read, in file order, neighbours together."""
    everything: list[_Wanted] = []
    for part, table in enumerate(chunks.tables):
        if chunks.layouts[part].levels:
            good = good_entries(chunks, part)
            offsets = table.offsets[good].tolist()
            everything += [_Wanted(at, part, index) for at, index in zip(offsets, good.tolist(), strict=True)]
    everything.sort()
    sizes = [leader_bytes(layout, chunks.is_multi_part) for layout in chunks.layouts]
    group: list[_Wanted] = []
    start = end = 0
    for wanted in everything:
        wanted_end = min(wanted.offset + sizes[wanted.part], chunks.file_size)
        if group and (wanted.offset > end + MERGE_GAP_BYTES or wanted_end - start > MERGED_BYTES):
            yield (start, end), group
            group = []
        if not group:
            start = end = wanted.offset
        group.append(wanted)
        end = max(end, wanted_end)
    if group:
        yield (start, end), group


def check_all_leaders(
    chunks: ChunkMap, file: FileBytes, checkpoint: Checkpoint = no_checkpoint
) -> RangeRequests[LeaderReport]:
    """Read every leader, and compare the chunks' places in the file with one another."""
    found = _Findings(chunks)
    _check_orders(found)
    extents: list[tuple[_Wanted, int]] = []  # each sound chunk with its end
    plan = list(_plan(chunks))
    for first in range(0, len(plan), RANGES_PER_REQUEST):
        batch = plan[first : first + RANGES_PER_REQUEST]
        pieces = yield from file.read(tuple([wanted for wanted, _ in batch]))
        if pieces is None:
            return found.report("tables")
        for ((start, _), group), data in zip(batch, pieces, strict=True):
            checkpoint()
            for wanted in group:
                check, end = _check(chunks, wanted, data, start)
                found.mark(wanted, check)
                if check.state is ChunkState.OK:
                    extents.append((wanted, end))
    _check_places(found, extents)
    return found.report("leaders")


def _check_places(found: _Findings, extents: Sequence[tuple[_Wanted, int]]) -> None:
    """Report overlaps and gaps of the chunks whose leaders are sound."""
    is_all_known = _is_all_known(found)  # before overlaps are marked
    unused = _check_overlaps(found, extents)
    for problem in unused if is_all_known else ():
        found.problems.add(problem)


def _is_all_known(found: _Findings) -> bool:
    """Whether every chunk is in its place; otherwise unused bytes may be a chunk of a part whose leaders nobody can read."""
    chunks = found.chunks
    is_readable = chunks.has_all_parts and all(layout.levels or not layout.chunk_count for layout in chunks.layouts)
    return is_readable and all(states is None for states in found.states)


def _behind_the_last(end: int, file_size: int) -> Problem:
    """The bytes behind the last chunk, which no chunk has."""
    message, behind = "bytes behind the last chunk belong to none", f"{file_size - end} bytes"
    return Problem(ProblemKind.UNREFERENCED_BYTES, message, offset=end, found=behind, expected="none")


def _check_orders(found: _Findings) -> None:
    """Report parts whose chunks are stored in another order than lineOrder says: their tables tell it."""
    chunks = found.chunks
    for part, line_order in enumerate(chunks.line_orders[: len(chunks.tables)]):
        if chunks.states[part] is None:
            late = check_line_order(chunks.layouts[part], chunks.tables[part], line_order)
            if late is not None:
                found.problems.add(late)


def _check_overlaps(found: _Findings, extents: Sequence[tuple[_Wanted, int]]) -> list[Problem]:
    """Report each chunk that overlaps an earlier one; returns problems for the bytes that belong to no chunk."""
    chunks = found.chunks
    position, gap_bytes, first_gap = chunks.first_offset, 0, None
    for wanted, end in sorted(extents):
        start = wanted.offset
        if start < position:
            kind, starts = ProblemKind.OVERLAPPING_CHUNK, f"starts at byte {start}"
            found.mark(wanted, LeaderCheck(ChunkState.DUPLICATE, kind, starts, f"byte {position} or later"))
        elif start > position:
            gap_bytes += start - position
            first_gap = position if first_gap is None else first_gap
        position = max(position, end)
    unused = []
    if gap_bytes:
        kind, message = ProblemKind.UNREFERENCED_BYTES, "unused bytes before or between chunks"
        unused.append(Problem(kind, message, offset=first_gap, found=f"{gap_bytes} bytes", expected="none"))
    if chunks.file_size > position:
        unused.append(_behind_the_last(position, chunks.file_size))
    return unused


def promised_order(layout: Layout, line_order: int | None) -> npt.NDArray[np.intp] | None:
    """Chunk indices in the order in which a part's line order promises them in the file; None where it promises none."""
    if line_order not in {LineOrder.INCREASING_Y, LineOrder.DECREASING_Y} or not layout.levels:
        return None
    order = np.arange(layout.chunk_count)
    if line_order == LineOrder.INCREASING_Y:
        return order
    # Level by level, the last row of chunks first; within a row from left to right.
    rows = [
        order[level.first_chunk : level.first_chunk + level.chunk_count].reshape(level.tiles_y, level.tiles_x)[::-1]
        for level in layout.levels
    ]
    joined: npt.NDArray[np.intp] = np.concatenate([level.ravel() for level in rows])
    return joined


def check_line_order(layout: Layout, table: ChunkTable, line_order: int | None) -> Problem | None:
    """Whether the chunks of a sound table stand in the file as the line order promises."""
    order = promised_order(layout, line_order)
    if order is None:
        return None
    offsets = table.offsets[order]
    late = np.flatnonzero(offsets[1:] < offsets[:-1])
    if not len(late):
        return None
    return Problem(
        ProblemKind.CHUNK_ORDER,
        "chunks are not stored in the order of lineOrder",
        part=table.part,
        offset=int(offsets[late[0] + 1]),
        found=f"{len(late)} chunks lie before the preceding one, the first is {int(order[late[0] + 1])}",
        expected=LineOrder(line_order or 0).name,
    )
