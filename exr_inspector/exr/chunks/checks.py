"""Reads chunk leaders to check that chunks are complete and match their entries in the chunk offset table.

`check_last_leader` requests one small range, `check_all_leaders` one range for each group of neighbouring leaders. Both are
generators (see `exr.file_bytes`); if the request budget is used up they return the result so far.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from exr_inspector.errors import DecodeError
from exr_inspector.exr.chunks.layout import Layout, span_text
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
    """The chunks of one file according to its header and tables.

    Attributes:
        layouts: The layout of each part whose table is known.
        tables: The chunk offset tables of these parts.
        states: For each of these parts, the ChunkState of every chunk; None if all are OK.
        is_multi_part: Whether leaders start with a part number.
        first_offset: File offset of the end of the last table.
        file_size: Size of the file in bytes.
        line_orders: The line order code of each part, None for a part without one; empty to skip the check of the order.
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
        checked: How the states were determined, for `tables.assess`: `tables` if no leader could be read, `last leader`,
            `leaders`, or `rebuilt`.
        states: For each part, the ChunkState of every chunk; None if all are OK.
        tables: The tables; rebuilt tables have the offsets that were found, and zeros for chunks that are not present.
        problems: The problems in the order in which they were found.
    """

    checked: str
    states: tuple[States, ...]
    tables: tuple[ChunkTable, ...]
    problems: tuple[Problem, ...]


class _Wanted(NamedTuple):
    """A leader to read: its file offset, the index of its part, and the index of its chunk in the part's table."""

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
        """Set the state of a chunk and add its problem, if it has one."""
        if check.kind is None:
            return
        states = self.states[wanted.part]
        if states is None or states is self.chunks.states[wanted.part]:
            count = self.chunks.tables[wanted.part].count
            states = np.zeros(count, np.uint8) if states is None else states.copy()
            self.states[wanted.part] = states
        states[wanted.chunk] = check.state
        window = self.chunks.layouts[wanted.part].place(wanted.chunk).window
        rows = span_text("row", window.y_min, window.y_max)
        message = f"chunk {wanted.chunk} ({rows}): {_MESSAGES[check.kind]}"
        self.problems.add(Problem(check.kind, message, wanted.part, wanted.offset, check.found, check.expected))

    def report(self, checked: str) -> LeaderReport:
        return LeaderReport(checked, tuple(self.states), tuple(self.chunks.tables), self.problems.all())


_MESSAGES = {
    ProblemKind.WRONG_LEADER: "the leader belongs to another chunk",
    ProblemKind.CHUNK_PAST_END: "the file ends before the chunk does",
    ProblemKind.CHUNK_SIZE: "impossible size",
    ProblemKind.DEEP_CHUNK_SIZES: "impossible sizes",
    ProblemKind.OVERLAPPING_CHUNK: "the chunk overlaps another one",
}


def good_entries(chunks: ChunkMap, part: int) -> npt.NDArray[np.intp]:
    """Indices of the chunks of a part whose state is OK."""
    states, table = chunks.states[part], chunks.tables[part]
    return np.arange(table.count) if states is None else np.flatnonzero(states == ChunkState.OK)


def _last(chunks: ChunkMap) -> _Wanted | None:
    """The last chunk in the file; None if no chunk has a good entry."""
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
    """Check a leader in `data`, which was read at `data_start`; return the result and the file offset where its chunk ends."""
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
    """Read and check the leader of the last chunk in the file, which detects nearly every truncated file.

    With `only_if_read`, the leader is checked only if its bytes have already been read.
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
        found.problems.add(_bytes_after_last(end, chunks.file_size))
    return found.report("last leader")


def _plan(chunks: ChunkMap) -> Iterator[tuple[tuple[int, int], list[_Wanted]]]:
    """The ranges to read in file order, each with the leaders in it; neighbouring leaders share a range."""
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
    """Read and check every leader, and report chunks that overlap and bytes that belong to no chunk."""
    found = _Findings(chunks)
    _check_orders(found)
    extents: list[tuple[_Wanted, int]] = []  # each valid chunk and its end offset
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
    _check_extents(found, extents)
    return found.report("leaders")


def _check_extents(found: _Findings, extents: Sequence[tuple[_Wanted, int]]) -> None:
    """Report each chunk that overlaps an earlier one, and, if every chunk is located, bytes that belong to no chunk."""
    chunks, is_all_known = found.chunks, _is_all_known(found)  # before overlaps are marked
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
    if is_all_known and gap_bytes:
        kind, message = ProblemKind.UNREFERENCED_BYTES, "unused bytes before or between chunks"
        found.problems.add(Problem(kind, message, offset=first_gap, found=f"{gap_bytes} bytes", expected="none"))
    if is_all_known and chunks.file_size > position:
        found.problems.add(_bytes_after_last(position, chunks.file_size))


def _is_all_known(found: _Findings) -> bool:
    """Whether every chunk of the file is located. Otherwise unused bytes may belong to a chunk that could not be located."""
    chunks = found.chunks
    is_readable = chunks.has_all_parts and all(layout.levels or not layout.chunk_count for layout in chunks.layouts)
    return is_readable and all(states is None for states in found.states)


def _bytes_after_last(end: int, file_size: int) -> Problem:
    """The problem for bytes after the last chunk."""
    message, found = "bytes after the last chunk belong to no chunk", f"{file_size - end} bytes"
    return Problem(ProblemKind.UNREFERENCED_BYTES, message, offset=end, found=found, expected="none")


def _check_orders(found: _Findings) -> None:
    """Report parts whose chunks are, by their offset tables, not stored in the order of lineOrder."""
    chunks = found.chunks
    for part, line_order in enumerate(chunks.line_orders[: len(chunks.tables)]):
        if chunks.states[part] is None:
            late = check_line_order(chunks.layouts[part], chunks.tables[part], line_order)
            if late is not None:
                found.problems.add(late)


def promised_order(layout: Layout, line_order: int | None) -> npt.NDArray[np.intp] | None:
    """Chunk indices in the order that a part's line order requires in the file; None if it requires no order."""
    if line_order not in {LineOrder.INCREASING_Y, LineOrder.DECREASING_Y} or not layout.levels:
        return None
    order = np.arange(layout.chunk_count)
    if line_order == LineOrder.INCREASING_Y:
        return order
    # Level by level; in each level the last row of chunks first, each row from left to right.
    rows = [
        order[level.first_chunk : level.first_chunk + level.chunk_count].reshape(level.tiles_y, level.tiles_x)[::-1]
        for level in layout.levels
    ]
    joined: npt.NDArray[np.intp] = np.concatenate([level.ravel() for level in rows])
    return joined


def check_line_order(layout: Layout, table: ChunkTable, line_order: int | None) -> Problem | None:
    """The problem if the chunks of a valid table are not stored in the order of `line_order`; None if they are."""
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
        found=f"{len(late)} chunks are stored before the preceding one, the first is {int(order[late[0] + 1])}",
        expected=LineOrder(line_order or 0).name,
    )
