"""Reads header, chunk offset tables and chunk leaders of one file with as few requests as possible.

`probe` is a generator that yields byte ranges and receives their bytes (see `exr.file_bytes`). For almost every file the first
range contains the header and the tables:

    found = run_in_memory(probe(), Path("beauty.1001.exr").read_bytes())
    found.header.parts[0].channels
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from exr_inspector.errors import ExrInspectorError, FormatError
from exr_inspector.exr.chunks.checks import ChunkMap, LeaderReport, check_all_leaders, check_last_leader
from exr_inspector.exr.chunks.layout import Layout, part_layout
from exr_inspector.exr.chunks.rebuild import rebuild_tables
from exr_inspector.exr.chunks.tables import (
    TABLE_SHARE,
    ChunkTable,
    Completeness,
    States,
    assess,
    check_table_size,
    chunk_states,
    read_tables,
    shared_entries,
    tables_end,
)
from exr_inspector.exr.conformance.header import check_header
from exr_inspector.exr.file_bytes import FIRST_READ_BYTES, FileBytes, RangeRequests
from exr_inspector.exr.header.parser import Header, read_header
from exr_inspector.exr.limits import DEFAULT_LIMITS, Checkpoint, Limits, Reserve, no_checkpoint, no_reserve
from exr_inspector.exr.problems import Problem

_WHOLE_CHUNKS = 1 << 20  # requests of this size search by reading whole chunks, and not leaders alone
_SEARCH_REQUESTS = 32  # in which a file is searched, unless they would be larger than the largest
_LARGEST_SEARCH = 32 << 20


class LeaderMode(str, Enum):
    """Which chunk leaders are read: only those in the bytes already read, that of the last chunk in the file, or all."""

    OFF = "off"
    LAST = "last"
    ALL = "all"


@dataclass(slots=True)
class Probe:
    """The contents of header, tables and leaders of a file; partial if reading ended early.

    Attributes:
        header: The header, possibly a partial one; None if no header could be read.
        layouts: The layout of each part; None for a part whose layout is unknown.
        tables: Chunk offset tables of the parts before the first part without a layout.
        states: For each of those parts, the ChunkState of every chunk; None if all are OK.
        completeness: Which chunks of those parts are present.
        problems: Problems of header, tables and leaders.
        error: Why reading ended early, or why a part has no layout; None if neither happened.
        error_part: Index of the part that the error concerns; None for the whole file.
        start: The first bytes of the file, as far as they were read.
    """

    header: Header | None = None
    layouts: tuple[Layout | None, ...] = ()
    tables: tuple[ChunkTable, ...] = ()
    states: tuple[States, ...] = ()
    completeness: tuple[Completeness, ...] = ()
    problems: tuple[Problem, ...] = ()
    error: ExrInspectorError | None = None
    error_part: int | None = None
    start: bytes = field(default=b"", repr=False)

    @property
    def located(self) -> list[Layout]:
        """The layouts of the parts before the first part without a layout: the tables of later parts cannot be located."""
        return list(_leading(self.layouts))


def probe(
    limits: Limits = DEFAULT_LIMITS,
    *,
    leaders: LeaderMode = LeaderMode.OFF,
    rebuild_bytes: int = 0,
    first_bytes: int = FIRST_READ_BYTES,
    checkpoint: Checkpoint = no_checkpoint,
    reserve: Reserve = no_reserve,
) -> RangeRequests[Probe]:
    """Read header, chunk offset tables and leaders of one file.

    Args:
        limits: Limits of sizes and counts.
        leaders: Which chunk leaders to read.
        rebuild_bytes: Size of the requests that search for the chunks of a damaged table, larger for large files if whole
            chunks are read (1 MiB and more); 0 to trust the table.
        first_bytes: Size of the first request in bytes.
        checkpoint: Called regularly; an exception that it raises ends the probe.
        reserve: Called with the memory in bytes that header and tables will need, including their rows; an exception that it
            raises ends the probe.

    Returns:
        The Probe. Permanent errors are its `error`.

    Raises:
        ExrInspectorError: A retryable error that a request, `checkpoint` or `reserve` raised.
    """
    file = FileBytes(first_bytes, limits.header_bytes + limits.table_bytes)
    found = Probe()
    try:
        yield from file.open()
        found.header = yield from read_header(file, limits, checkpoint, reserve)
        _locate(found, limits)
        yield from _read_tables(found, file, limits, reserve)
        found.problems = check_header(found.header, found.layouts, checkpoint)
        if found.tables:
            yield from _read_leaders(
                found, file, leaders, rebuild_bytes=rebuild_bytes, checkpoint=checkpoint, reserve=reserve
            )
    except ExrInspectorError as error:
        if error.retryable:
            raise
        found.error, found.error_part = error, None
        if isinstance(error, FormatError) and isinstance(error.partial, Header):
            found.header = error.partial
        if found.header is not None and not found.problems:
            found.problems = check_header(found.header, found.layouts, checkpoint)
    found.start = file.buffer
    return found


def _locate(found: Probe, limits: Limits) -> None:
    """Compute the layout of every part; keep the first error."""
    layouts: list[Layout | None] = []
    for part in found.header.parts if found.header else ():
        try:
            layouts.append(part_layout(part, limits))
        except FormatError as error:
            layouts.append(None)
            if found.error is None:
                found.error, found.error_part = error, part.index
    found.layouts = tuple(layouts)


def _read_tables(found: Probe, file: FileBytes, limits: Limits, reserve: Reserve) -> RangeRequests[None]:
    """Read the chunk offset tables and derive the state of every chunk from them."""
    header, layouts = found.header, found.located
    if header is None or not layouts:
        return
    check_table_size(header, layouts, limits)
    first_offset = tables_end(header, layouts)
    reserve(TABLE_SHARE * (first_offset - header.end))
    buffer = yield from file.read_until(first_offset)
    found.tables = read_tables(buffer, header, layouts, file.size)
    found.states = tuple([chunk_states(table, first_offset, file.size) for table in found.tables])
    if len(found.tables) > 1:
        found.states = shared_entries(found.tables, found.states)


def _read_leaders(
    found: Probe,
    file: FileBytes,
    mode: LeaderMode,
    *,
    rebuild_bytes: int,
    checkpoint: Checkpoint,
    reserve: Reserve,
) -> RangeRequests[None]:
    """Determine the completeness of every part with a table, from the tables and the leaders that `mode` selects.

    The leader of the last chunk in the file is always checked if its bytes have already been read.
    """
    header, layouts = found.header, found.located
    if header is None:
        return
    chunks = ChunkMap(
        layouts,
        found.tables,
        found.states,
        header.is_multi_part,
        tables_end(header, layouts),
        file.size,
        [part.line_order for part in header.parts[: len(layouts)]],
        has_all_parts=len(layouts) == len(header.parts),
    )
    report: LeaderReport
    if mode is LeaderMode.ALL:
        report = yield from check_all_leaders(chunks, file, checkpoint)
    else:
        report = yield from check_last_leader(chunks, file, only_if_read=mode is LeaderMode.OFF)
    if rebuild_bytes and chunks.has_all_parts and any(states is not None for states in report.states):
        if rebuild_bytes >= _WHOLE_CHUNKS:
            rebuild_bytes = min(max(rebuild_bytes, file.size // _SEARCH_REQUESTS), _LARGEST_SEARCH)
        reserve(min(rebuild_bytes, file.size))
        known = replace(chunks, states=report.states)
        rebuilt = yield from rebuild_tables(known, file, rebuild_bytes, checkpoint)
        report = replace(rebuilt, problems=report.problems + rebuilt.problems)
    found.tables, found.states = report.tables, report.states
    found.problems += report.problems
    found.completeness = tuple(
        [
            assess(layout, table, states, header.parts[table.part].chunk_count, report.checked)
            for layout, table, states in zip(layouts, found.tables, found.states, strict=True)
        ]
    )


def _leading(layouts: Sequence[Layout | None]) -> Iterator[Layout]:
    for layout in layouts:
        if layout is None:
            return
        yield layout
