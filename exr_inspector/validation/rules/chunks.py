"""CHK: completeness of the file, from the chunk offset tables and from the chunks that were read."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from exr_inspector.errors import LimitExceeded
from exr_inspector.exr.chunks.layout import Layout, span_text
from exr_inspector.exr.chunks.tables import ChunkState, MissingRange, chunk_ranges
from exr_inspector.exr.conformance.attributes import has_wrong_size
from exr_inspector.exr.problems import ProblemKind
from exr_inspector.model import PixelFault, Severity
from exr_inspector.validation.facts import traits as t
from exr_inspector.validation.facts.facts import FileFacts, PartFacts
from exr_inspector.validation.frame_numbers import joined_ranges
from exr_inspector.validation.rule import NOTHING, Found, Remedy, Results, Stage, file_rule, listed, part_rule, reported

_TABLES = "OpenEXR file layout document (Offset Tables); OpenEXRCore 3.5 chunk.c"
_CHUNKS = "OpenEXR file layout document (Chunk Layout); OpenEXRCore 3.5 chunk.c"
_COMPARE = (
    "Compare the file with its source, for example by checksum. If they differ, copy it again; if they are equal, render it "
    "again."
)
_table_rule = partial(part_rule, stage=Stage.TABLE, when=t.INCOMPLETE)
_RANGES_SHOWN = 3
# The problems with which the check of the leaders reports single chunks in this state.
_REPORTED_AS: dict[ChunkState, frozenset[ProblemKind]] = {
    ChunkState.ZERO: frozenset(),
    ChunkState.NO_ENTRY: frozenset(),
    ChunkState.OUT_OF_RANGE: frozenset(),
    ChunkState.DUPLICATE: frozenset({ProblemKind.OVERLAPPING_CHUNK}),
    ChunkState.PAST_END: frozenset({ProblemKind.CHUNK_PAST_END}),
    ChunkState.BAD_LEADER: frozenset({ProblemKind.WRONG_LEADER, ProblemKind.CHUNK_SIZE, ProblemKind.DEEP_CHUNK_SIZES}),
}


def _where(missing: Sequence[MissingRange], *, more: bool) -> str:
    """List the first missing ranges for a message."""
    words = [gap.text for gap in missing[:_RANGES_SHOWN]]
    tail = ", ..." if more or len(missing) > _RANGES_SHOWN else ""
    return ", ".join(words) + tail


def _state(part: PartFacts, state: ChunkState, words: str) -> Results:
    """Create one finding for all chunks of a part that are in `state`."""
    whole = part.completeness
    if whole is None or state not in whole.counts:
        return NOTHING
    if not part.file.reported.isdisjoint(_REPORTED_AS[state]):
        return NOTHING
    if any(map(has_wrong_size, part.part.attributes[-1:])):  # the header ends elsewhere, and so does the table
        return NOTHING
    share = f"{whole.counts[state]} of {whole.chunk_count}"
    # In rows that were stored without states, the missing ranges include chunks in any state.
    where = _where([gap for gap in whole.missing if gap.state in {None, state}], more=whole.missing_truncated)
    message = f"{share} chunks {words}" + (f" ({where})" if where else "")
    return [Found(message, share, "0")]


@_table_rule(
    "CHK-TABLE-TRUNC",
    Severity.ERROR,
    "The chunk offset table is complete",
    why="The file ends before its first pixel.",
    source=_TABLES,
    fix="Copy the file again from its source, or render it again.",
)
def table_truncated(part: PartFacts, _: object) -> Results:
    return _state(part, ChunkState.NO_ENTRY, "have no entry: the file ends inside the offset table")


@_table_rule(
    "CHK-ZERO-OFFSET",
    Severity.ERROR,
    "No offset in the chunk offset table is zero",
    why="The writer crashed or has not finished: it writes the table last.",
    source=_TABLES,
    fix="If the file is still being written, wait. Otherwise read all pixels (`check`, or `validate --stats "
    "full`): chunks that are in the file without their offset are found. Render the frame again if some are not.",
)
def zero_offset(part: PartFacts, _: object) -> Results:
    if part.completeness is None or part.completeness.zero_only_upper_levels:
        return NOTHING
    return _state(part, ChunkState.ZERO, "have the offset zero: the writer did not finish, or lost them")


@_table_rule(
    "CHK-ZERO-UPPER-LEVELS",
    Severity.ERROR,
    "All mip or rip levels that the header announces are written",
    why="Readers fail when they ask for a level that is not there. Some writers announce the levels and "
    "write only the first one.",
    source="OpenEXR file layout document (Offset Tables); measured with OpenEXR 3.5.3",
    fix="Make the levels again from the full-resolution image.",
    command="maketx IN.exr -o OUT.exr",
    remedy=Remedy.CONVERSION,
)
def zero_upper_levels(part: PartFacts, _: object) -> Results:
    if part.completeness is None or not part.completeness.zero_only_upper_levels:
        return NOTHING
    return _state(part, ChunkState.ZERO, "have the offset zero, all of them in levels above the first")


@_table_rule(
    "CHK-OFFSET-RANGE",
    Severity.ERROR,
    "Every chunk offset points into the file, after the offset tables",
    why="The table is damaged or the file is cut off; the OpenEXR library may search for the chunks instead, "
    "and return other pixels.",
    source=_TABLES,
    fix=_COMPARE,
)
def offset_range(part: PartFacts, _: object) -> Results:
    return _state(part, ChunkState.OUT_OF_RANGE, "have offsets outside the file's data")


@_table_rule(
    "CHK-OFFSET-DUP",
    Severity.ERROR,
    "No two chunks have the same offset, or overlap",
    why="The table is damaged, or made to make readers decode one chunk many times.",
    source=_TABLES,
    problem=ProblemKind.OVERLAPPING_CHUNK,
    fix=_COMPARE,
)
def offset_duplicate(part: PartFacts, _: object) -> Results:
    return _state(part, ChunkState.DUPLICATE, "have the offset of another one, or overlap it")


@_table_rule(
    "CHK-PAST-EOF",
    Severity.ERROR,
    "Every chunk ends inside the file",
    why="The end of the file is missing, usually because a transfer was interrupted.",
    source=_CHUNKS,
    problem=ProblemKind.CHUNK_PAST_END,
    fix="Copy the file again from its source. If the source is as short, render the frame again.",
)
def past_end(part: PartFacts, _: object) -> Results:
    return _state(part, ChunkState.PAST_END, "run past the end of the file")


@_table_rule(
    "CHK-LEADER",
    Severity.ERROR,
    "The coordinates and part number at the start of a chunk agree with the offset table",
    why="The table or the chunk is damaged; readers fail, or put pixels in the wrong place.",
    source=_CHUNKS,
    problem=ProblemKind.WRONG_LEADER,
    fix=_COMPARE,
)
def leader(part: PartFacts, _: object) -> Results:
    """Report chunks whose leader has other coordinates, another part number or impossible sizes."""
    return _state(part, ChunkState.BAD_LEADER, "have leaders that contradict the table")


@file_rule(
    "CHK-DECODE",
    Severity.ERROR,
    "Every chunk that was read can be decoded",
    why="The compressed data is damaged, or does not hold what the header says.",
    source="exrcheck; OpenEXRCore 3.5 decoding.c",
    fix="Compare the file with its source and copy it again if they differ. Otherwise render the frame "
    "again; the message names the rows.",
    command="exrcheck IN.exr",
    stage=Stage.PIXELS,
)
def undecodable_chunks(file: FileFacts, _: object) -> Results:
    """Report chunks that fail to decode, in one finding for each part.

    Chunks that exceed a limit of this installation are not a defect of the file.
    """
    report = file.inspection.pixels
    faults: dict[tuple[int, str], list[PixelFault]] = {}
    for fault in report.faults if report else ():
        if fault.code == LimitExceeded.code:
            continue
        faults.setdefault((fault.part, fault.code), []).append(fault)
    layouts = {part.index: part.layout for part in file.parts}
    return [Found(_faults(some, layouts[part]), code, "pixels", part=part) for (part, code), some in faults.items()]


def _faults(faults: Sequence[PixelFault], layout: Layout | None) -> str:
    first, *others = sorted(faults, key=lambda fault: fault.chunk)
    ranges, is_cut = chunk_ranges(layout, [fault.chunk for fault in faults]) if layout is not None else ((), False)
    where = _where(ranges, more=is_cut) if ranges else _rows(faults)
    if not others:
        return f"Chunk {first.chunk} ({where}) does not decode: {first.message}"
    chunks = joined_ranges([first.chunk, *(fault.chunk for fault in others)])
    return f"{len(faults)} chunks ({chunks}; {where}) do not decode, the first: {first.message}"


def _rows(faults: Sequence[PixelFault]) -> str:
    """The rows of some chunks of an unknown layout as text; those that touch each other are one range."""
    ranges: list[tuple[int, int]] = []
    for low, high in sorted((fault.y_min, fault.y_max) for fault in faults):
        if ranges and low <= ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], max(ranges[-1][1], high))
        else:
            ranges.append((low, high))
    if len(ranges) == 1:
        return span_text("row", *ranges[0])
    return "rows " + listed(f"{low} to {high}" if low < high else str(low) for low, high in ranges)


REPORTED = (
    reported(
        "CHK-TABLE-TOO-BIG",
        Severity.ERROR,
        "A part has at most 1048576 chunks",
        why="The OpenEXR library refuses larger offset tables.",
        source="OpenEXRCore 3.5 chunk.c",
        problem=ProblemKind.TOO_MANY_CHUNKS,
        fix="Use larger tiles, or a compression with more lines in a chunk, such as ZIP.",
    ),
    reported(
        "CHK-PACKED-SIZE",
        Severity.ERROR,
        "A chunk has at least one byte, no more than its uncompressed pixels, and exactly as many without compression",
        why="The chunk is damaged.",
        source=_CHUNKS,
        problem=ProblemKind.CHUNK_SIZE,
        fix=_COMPARE,
        stage=Stage.TABLE,
    ),
    reported(
        "CHK-DEEP-SIZES",
        Severity.ERROR,
        "The sizes that a deep chunk declares agree with each other and are below 2 GiB",
        why="The chunk is damaged.",
        source="OpenEXR file layout document (Deep scan line layout); OpenEXRCore 3.5 chunk.c",
        problem=ProblemKind.DEEP_CHUNK_SIZES,
        fix=_COMPARE,
        stage=Stage.TABLE,
    ),
    reported(
        "CHK-REBUILDABLE",
        Severity.WARNING,
        "The chunk offset table needs no repair",
        why="The table lost entries. All chunks were found by reading the file from chunk to chunk, so the file can be "
        "repaired without loss, but readers that trust the table show an incomplete image or refuse the file.",
        source="OpenEXRCore 3.5 chunk.c",
        problem=ProblemKind.TABLE_REBUILT,
        fix="Read and write the file once with software based on the OpenEXR library, which finds the chunks in the same way.",
        command="oiiotool IN.exr -a -o OUT.exr",
        remedy=Remedy.CONVERSION,
        stage=Stage.TABLE,
    ),
    reported(
        "CHK-GAPS",
        Severity.INFO,
        "No bytes between or after the chunks are unused",
        why="They are left over from an earlier write, or hide other data.",
        source="OpenEXR file layout document (Chunk Layout)",
        problem=ProblemKind.UNREFERENCED_BYTES,
        fix="No action is needed. Writing the file again removes them.",
        command="oiiotool IN.exr -a -o OUT.exr",
        remedy=Remedy.CONVERSION,
        stage=Stage.TABLE,
    ),
    reported(
        "CHK-LINEORDER",
        Severity.INFO,
        "Chunks are stored in the order that lineOrder declares",
        why="A player that reads the file from start to end has to seek, or shows lines out of order.",
        source="OpenEXR technical introduction (Line Order)",
        problem=ProblemKind.CHUNK_ORDER,
        fix="Write the file again.",
        command="oiiotool IN.exr -a -o OUT.exr",
        remedy=Remedy.CONVERSION,
        stage=Stage.TABLE,
    ),
)
