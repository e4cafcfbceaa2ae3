"""Rebuilds damaged chunk offset tables by following the chunks from leader to leader."""

from __future__ import annotations

from bisect import bisect_right

import numpy as np
import numpy.typing as npt

from exr_inspector.errors import DecodeError
from exr_inspector.exr.chunks.checks import ChunkMap, LeaderReport, good_entries
from exr_inspector.exr.chunks.leaders import check_leader, chunk_index, leader_bytes, parse_leader
from exr_inspector.exr.chunks.tables import ChunkState, ChunkTable, States
from exr_inspector.exr.file_bytes import FileBytes, RangeRequests
from exr_inspector.exr.limits import Checkpoint, no_checkpoint
from exr_inspector.exr.problems import Problem, ProblemKind


class _Walk:
    """The state of the traversal from leader to leader."""

    def __init__(self, chunks: ChunkMap) -> None:
        self.chunks = chunks
        self.offsets = [np.zeros(table.count, np.uint64) for table in chunks.tables]
        self.left = sum(table.count for table in chunks.tables)
        # Where the traversal can resume after a damaged chunk: the good entries of the existing tables.
        known = [table.offsets[good_entries(chunks, part)] for part, table in enumerate(chunks.tables)]
        self._known: list[int] = sorted({int(offset) for part in known for offset in part.tolist()})
        self.leader_size = max((leader_bytes(layout, chunks.is_multi_part) for layout in chunks.layouts), default=0)

    def step(self, position: int, data: bytes, data_start: int) -> int | None:
        """Record the chunk at `position`; return the offset of its end, None if there is no valid chunk."""
        chunks, at = self.chunks, position - data_start
        part = int.from_bytes(data[at : at + 4], "little") if chunks.is_multi_part else 0
        if part >= len(chunks.layouts):
            return None
        layout = chunks.layouts[part]
        try:
            leader = parse_leader(data, at, layout, chunks.is_multi_part)
        except DecodeError:
            return None
        index = chunk_index(leader.address, layout)
        if index is None or self.offsets[part][index]:
            return None
        check = check_leader(leader, layout.place(index), layout, part, chunks.file_size - data_start)
        if check.state:
            return None
        self.offsets[part][index] = position
        self.left -= 1
        return leader.end + data_start

    def resume(self, position: int) -> int | None:
        """The next offset after `position` that a good table entry contains; None if there is none."""
        following = bisect_right(self._known, position)
        return self._known[following] if following < len(self._known) else None


def rebuild_tables(
    chunks: ChunkMap, file: FileBytes, read_bytes: int, checkpoint: Checkpoint = no_checkpoint
) -> RangeRequests[LeaderReport]:
    """Find the chunks by following them from leader to leader, starting at the end of the tables.

    After an invalid leader, the traversal resumes at the next good entry of the tables. It ends when all chunks are found, at
    the end of the file, when no good entry is left, or when the request budget is used up. Good entries of the tables stay,
    since copies of chunks may be left in the file; of chunks that it does not find, the tables say the state.

    Args:
        chunks: The chunks according to the tables, with the states known so far. All parts must have a known layout.
        file: The file.
        read_bytes: Size of each request in bytes; a larger size needs fewer requests.
        checkpoint: Called before each request.
    """
    walk = _Walk(chunks)
    start, data = 0, b""  # the last range read, which may contain several leaders
    position: int | None = chunks.first_offset
    while position is not None and walk.left and position < chunks.file_size:
        end = min(position + walk.leader_size, chunks.file_size)
        if not start <= position <= end <= start + len(data):
            checkpoint()
            pieces = yield from file.read(((position, max(end, min(position + read_bytes, chunks.file_size))),))
            if pieces is None:
                break
            start, data = position, pieces[0]
        end_of_chunk = walk.step(position, data, start)
        position = end_of_chunk if end_of_chunk is not None else walk.resume(position)
    parts = [_joined(chunks, part, offsets) for part, offsets in enumerate(walk.offsets)]
    states, tables = tuple(states for states, _ in parts), tuple(table for _, table in parts)
    problems = []
    if not any(part is not None for part in states) and any(part is not None for part in chunks.states):
        message = "the chunk offset tables are damaged, but every chunk was found and is complete"
        problems.append(Problem(ProblemKind.TABLE_REBUILT, message, offset=chunks.first_offset))
    return LeaderReport("rebuilt", states, tables, tuple(problems))


def _joined(chunks: ChunkMap, part: int, found: npt.NDArray[np.uint64]) -> tuple[States, ChunkTable]:
    """The states and the table of a part: the chunks that were found, and for the others what its table says."""
    table, states, good = chunks.tables[part], chunks.states[part], good_entries(chunks, part)
    offsets = np.zeros(table.count, np.uint64)
    offsets[good] = table.offsets[good]
    is_found = (found != 0) & (offsets == 0)
    offsets[is_found] = found[is_found]
    left = None if states is None else np.where(is_found, np.uint8(ChunkState.OK), states)
    return (left if left is not None and left.any() else None), ChunkTable(part, table.start, table.count, offsets)
