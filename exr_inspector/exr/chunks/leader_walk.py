"""Reading chunk leaders, without I/O: generators that ask for byte ranges and are sent the bytes.

Three questions can be put to a file whose header and tables are known: is the chunk that is last in the file whole
(`check_last_leader`, one small range), is every chunk what the table says (`check_all_leaders`, a range for each group of
neighbouring leaders), and where are the chunks of a damaged table (`rebuild_tables`, one range after another). Each yields
tuples of ByteRange and is sent the bytes of each in order, shorter where the file ends; sent None instead, for want of
budget, it returns what it knows by then.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from exr_inspector.errors import DecodeError
from exr_inspector.exr.chunks.layout import Layout
from exr_inspector.exr.chunks.leaders import LeaderCheck, check_leader, chunk_index, leader_bytes, parse_leader
from exr_inspector.exr.chunks.spans import Span, check_line_order, check_spans
from exr_inspector.exr.chunks.tables import ChunkState, ChunkTable, States
from exr_inspector.exr.problems import Problem, ProblemList

MERGE_GAP_BYTES = 16 << 10
MERGED_BYTES = 256 << 10
RANGES_PER_REQUEST = 64


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes of the file from `start` up to, not including, `end`."""

    start: int
    end: int


Ask = Generator[tuple[ByteRange, ...], "Sequence[bytes] | None", "LeaderReport"]


@dataclass(frozen=True, slots=True)
class ChunkMap:
    """What the header and the tables tell of the chunks of one file.

    Attributes:
        layouts: One a part with a known table.
        tables: Their chunk offset tables.
        states: Every chunk's ChunkState by part, None where all are OK.
        is_multi_part: Whether leaders start with a part number.
        first_offset: End of the last table.
        file_size: Bytes of the file.
        line_orders: The line order code of each part, None where it has none; empty where the order does not matter.
        is_whole: Whether these are all parts of the file. Otherwise bytes that belong to no chunk here may well belong to one.
    """

    layouts: Sequence[Layout]
    tables: Sequence[ChunkTable]
    states: Sequence[States]
    is_multi_part: bool
    first_offset: int
    file_size: int
    line_orders: Sequence[int | None] = ()
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class LeaderReport:
    """What leaders told.

    Attributes:
        checked: What the states rest on now, for `chunks.assess`: `tables` when no leader could be read, `last leader`,
            `leaders`, or `rebuilt`.
        states: Every chunk's ChunkState by part, None where all are OK.
        tables: The tables; after rebuilding those that were found, with zeros for chunks that were not.
        problems: What is wrong, in the order it was met.
    """

    checked: str
    states: tuple[States, ...]
    tables: tuple[ChunkTable, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A leader to be read."""

    offset: int
    part: int
    index: int


@dataclass(slots=True)
class _Findings:
    """States and problems as they come in."""

    chunks: ChunkMap
    states: list[States] = field(default_factory=list)
    problems: ProblemList = field(default_factory=ProblemList)

    def __post_init__(self) -> None:
        self.states = list(self.chunks.states)

    def mark(self, wanted: _Wanted, check: LeaderCheck, message: str) -> None:
        states = self.states[wanted.part]
        if states is None or states is self.chunks.states[wanted.part]:
            count = self.chunks.tables[wanted.part].count
            states = np.zeros(count, np.uint8) if states is None else states.copy()
            self.states[wanted.part] = states
        states[wanted.index] = check.state
        self.problems.add(
            Problem(
                check.code,
                f"chunk {wanted.index}: {message}",
                part=wanted.part,
                offset=wanted.offset,
                found=check.found,
                expected=check.expected,
            )
        )

    def report(self, checked: str) -> LeaderReport:
        return LeaderReport(checked, tuple(self.states), tuple(self.chunks.tables), self.problems.all())


_MESSAGES = {
    "CHK-LEADER": "the leader is that of another chunk",
    "CHK-PAST-EOF": "the file ends before the chunk does",
    "CHK-PACKED-SIZE": "the size cannot be",
    "CHK-DEEP-SIZES": "the sizes cannot be",
}


def run(asking: Ask, read: Callable[[tuple[ByteRange, ...]], Sequence[bytes] | None]) -> LeaderReport:
    """Answer a generator's questions with `read` until it is done."""
    try:
        wanted = next(asking)
        while True:
            wanted = asking.send(read(wanted))
    except StopIteration as done:
        report: LeaderReport = done.value
        return report


def _good(chunks: ChunkMap, part: int) -> npt.NDArray[np.intp]:
    """Indices of the chunks of a part whose table entries are good."""
    states, table = chunks.states[part], chunks.tables[part]
    return np.arange(table.count) if states is None else np.flatnonzero(states == ChunkState.OK)


def _last(chunks: ChunkMap) -> _Wanted | None:
    """The chunk that is last in the file."""
    last = None
    for part, table in enumerate(chunks.tables):
        good = _good(chunks, part)
        if len(good) and chunks.layouts[part].levels:
            index = int(good[np.argmax(table.offsets[good])])
            offset = int(table.offsets[index])
            if last is None or offset > last.offset:
                last = _Wanted(offset, part, index)
    return last


def _check(chunks: ChunkMap, wanted: _Wanted, data: bytes, data_start: int) -> tuple[LeaderCheck, int]:
    """What a leader in `data`, which was read at `data_start`, is worth, and the file offset at which its chunk ends."""
    layout = chunks.layouts[wanted.part]
    try:
        leader = parse_leader(data, wanted.offset - data_start, layout, chunks.is_multi_part)
    except DecodeError as error:
        state = ChunkState.BAD_LEADER
        if wanted.offset + leader_bytes(layout, chunks.is_multi_part) > chunks.file_size:
            state = ChunkState.PAST_END
        code = "CHK-PAST-EOF" if state is ChunkState.PAST_END else "CHK-PACKED-SIZE"
        return LeaderCheck(state, code, error.found, "a whole leader of sizes from 0"), wanted.offset
    available = chunks.file_size - data_start
    check = check_leader(leader, layout.place(wanted.index), layout, wanted.part, available)
    return check, leader.end + data_start


def check_last_leader(chunks: ChunkMap) -> Ask:
    """Read the leader of the chunk that is last in the file: tells of almost every file that was cut off."""
    found = _Findings(chunks)
    last = _last(chunks)
    if last is None:
        return found.report("tables")
    end = min(last.offset + leader_bytes(chunks.layouts[last.part], chunks.is_multi_part), chunks.file_size)
    answer = yield (ByteRange(last.offset, end),)
    if answer is None:
        return found.report("tables")
    check, _ = _check(chunks, last, answer[0], last.offset)
    if check.state:
        found.mark(last, check, _MESSAGES[check.code])
    return found.report("last leader")


def _plan(chunks: ChunkMap) -> Iterator[tuple[ByteRange, list[_Wanted]]]:
    """All leaders to be read, in file order, neighbours together."""
    everything: list[_Wanted] = []
    for part, table in enumerate(chunks.tables):
        if chunks.layouts[part].levels:
            good = _good(chunks, part)
            offsets = table.offsets[good].tolist()
            everything += [_Wanted(at, part, index) for at, index in zip(offsets, good.tolist(), strict=True)]
    everything.sort(key=lambda wanted: wanted.offset)
    sizes = [leader_bytes(layout, chunks.is_multi_part) for layout in chunks.layouts]
    group: list[_Wanted] = []
    start = end = 0
    for wanted in everything:
        wanted_end = min(wanted.offset + sizes[wanted.part], chunks.file_size)
        if group and (wanted.offset > end + MERGE_GAP_BYTES or wanted_end - start > MERGED_BYTES):
            yield ByteRange(start, end), group
            group = []
        if not group:
            start = end = wanted.offset
        group.append(wanted)
        end = max(end, wanted_end)
    if group:
        yield ByteRange(start, end), group


def check_all_leaders(chunks: ChunkMap) -> Ask:
    """Read every leader, and hold the chunks' places in the file against one another (see `spans`)."""
    found = _Findings(chunks)
    spans: list[Span] = []
    plan = list(_plan(chunks))
    for first in range(0, len(plan), RANGES_PER_REQUEST):
        batch = plan[first : first + RANGES_PER_REQUEST]
        answer = yield tuple(ranges for ranges, _ in batch)
        if answer is None:
            return found.report("tables")
        for (ranges, group), data in zip(batch, answer, strict=True):
            for wanted in group:
                check, end = _check(chunks, wanted, data, ranges.start)
                if check.state:
                    found.mark(wanted, check, _MESSAGES[check.code])
                else:
                    spans.append(Span(wanted.offset, end, wanted.part, wanted.index))
    _check_places(found, spans)
    return found.report("leaders")


def _check_places(found: _Findings, spans: Sequence[Span]) -> None:
    """Report overlaps, gaps and broken promises of order among the chunks whose leaders are sound."""
    chunks = found.chunks
    # Otherwise a gap is where an unknown chunk lies, or one of a part whose leaders nobody can read.
    readable = chunks.is_whole and all(layout.levels or not layout.chunk_count for layout in chunks.layouts)
    all_known = readable and all(states is None for states in found.states)
    for span, problem in check_spans(spans, chunks.first_offset, chunks.file_size):
        if span is None and all_known:
            found.problems.add(problem)
        elif span is not None:
            overlap = LeaderCheck(ChunkState.DUPLICATE, problem.code, problem.found, problem.expected)
            found.mark(_Wanted(span.start, span.part, span.chunk), overlap, problem.message)
    for part, line_order in enumerate(chunks.line_orders[: len(chunks.tables)]):
        if chunks.states[part] is None:
            late = check_line_order(chunks.layouts[part], chunks.tables[part], line_order)
            if late is not None:
                found.problems.add(late)


class _Window:
    """The bytes read last, so that leaders close to one another cost one request."""

    def __init__(self, file_size: int, read_bytes: int) -> None:
        self._file_size = file_size
        self._read_bytes = read_bytes
        self.start = 0
        self.data = b""

    def wanted(self, start: int, size: int) -> ByteRange | None:
        """What to read for `size` bytes at `start`, None when they are at hand, or end with the file."""
        end = min(start + size, self._file_size)
        if self.start <= start and end <= self.start + len(self.data):
            return None
        return ByteRange(start, max(end, min(start + self._read_bytes, self._file_size)))


class _Walk:
    """The state of a walk from leader to leader."""

    def __init__(self, chunks: ChunkMap) -> None:
        self.chunks = chunks
        self.offsets = [np.zeros(table.count, np.uint64) for table in chunks.tables]
        self.left = sum(table.count for table in chunks.tables)
        # Where the walk can be taken up again behind damage: the good entries of the tables as they stand.
        known = [table.offsets[_good(chunks, part)] for part, table in enumerate(chunks.tables)]
        self._known: list[int] = sorted({int(offset) for part in known for offset in part.tolist()})
        self.leader_size = max((leader_bytes(layout, chunks.is_multi_part) for layout in chunks.layouts), default=0)

    def step(self, position: int, data: bytes, data_start: int) -> int | None:
        """Take the chunk at `position`; the offset behind it, None where no chunk stands there."""
        chunks, at = self.chunks, position - data_start
        part = int.from_bytes(data[at : at + 4], "little") if chunks.is_multi_part else 0
        if part >= len(chunks.layouts):
            return None
        layout = chunks.layouts[part]
        try:
            leader = parse_leader(data, at, layout, chunks.is_multi_part)
        except DecodeError:
            return None
        index = chunk_index(leader, layout)
        if index is None or self.offsets[part][index]:
            return None
        check = check_leader(leader, layout.place(index), layout, part, chunks.file_size - data_start)
        if check.state:
            return None
        self.offsets[part][index] = position
        self.left -= 1
        return leader.end + data_start

    def resume(self, position: int) -> int | None:
        """The next offset behind `position` at which a good entry of the tables says a chunk starts."""
        following = bisect_right(self._known, position)
        return self._known[following] if following < len(self._known) else None

    def tables(self) -> tuple[ChunkTable, ...]:
        pairs = zip(self.chunks.tables, self.offsets, strict=True)
        return tuple(ChunkTable(table.part, table.start, table.count, offsets) for table, offsets in pairs)


def rebuild_tables(chunks: ChunkMap, read_bytes: int = 4_096) -> Ask:
    """Find the chunks by walking from leader to leader, from the end of the tables on.

    Behind a leader that is none the walk goes on at the next good entry of the tables. It ends when all chunks are found, the
    file ends, or nothing is left to go on from.

    Args:
        chunks: What is known; the states tell which entries are good. Every part of the file must have a known layout.
        read_bytes: Bytes to ask for at once; more finds small chunks with fewer requests.
    """
    walk = _Walk(chunks)
    window = _Window(chunks.file_size, read_bytes)
    position: int | None = chunks.first_offset
    while position is not None and walk.left and position < chunks.file_size:
        wanted = window.wanted(position, walk.leader_size)
        if wanted is not None:
            answer = yield (wanted,)
            if answer is None:
                break
            window.start, window.data = wanted.start, answer[0]
        behind = walk.step(position, window.data, window.start)
        position = behind if behind is not None else walk.resume(position)
    problems = []
    states = tuple(_rebuilt_states(offsets) for offsets in walk.offsets)
    if not walk.left and any(part is not None for part in chunks.states):
        message = "the chunk offset tables are damaged, but every chunk is there and whole"
        problems.append(Problem("CHK-REBUILDABLE", message, offset=chunks.first_offset))
    return LeaderReport("rebuilt", states, walk.tables(), tuple(problems))


def _rebuilt_states(offsets: npt.NDArray[np.uint64]) -> States:
    return None if offsets.all() else np.where(offsets == 0, ChunkState.ZERO, ChunkState.OK).astype(np.uint8)
