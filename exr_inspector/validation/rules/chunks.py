"""CHK: what the chunk offset tables, and chunks that were read, say of the file's completeness."""

from __future__ import annotations

from collections.abc import Sequence

from exr_inspector.exr.chunks.tables import ChunkState, Completeness, MissingRange
from exr_inspector.exr.problems import ProblemKind
from exr_inspector.model import PixelFault, Severity
from exr_inspector.validation.facts import traits as t
from exr_inspector.validation.facts.facts import FileFacts, PartFacts
from exr_inspector.validation.parameters import RuleParameters
from exr_inspector.validation.rule import NOTHING, Found, Results, Stage, file_rule, part_rule, reported
from exr_inspector.validation.rules.sequences import joined_ranges

_CORE = "OpenEXRCore 3.5"
_RANGES_SHOWN = 3
# Kinds of problems by which a look at the leaders has reported chunks in this state, one by one.
_TOLD_BY: dict[ChunkState, frozenset[ProblemKind]] = {
    ChunkState.ZERO: frozenset(),
    ChunkState.NO_ENTRY: frozenset(),
    ChunkState.OUT_OF_RANGE: frozenset(),
    ChunkState.DUPLICATE: frozenset({ProblemKind.OVERLAPPING_CHUNK}),
    ChunkState.PAST_END: frozenset({ProblemKind.CHUNK_PAST_END}),
    ChunkState.BAD_LEADER: frozenset({ProblemKind.WRONG_LEADER, ProblemKind.CHUNK_SIZE, ProblemKind.DEEP_CHUNK_SIZES}),
}


def _where(missing: Sequence[MissingRange], *, more: bool) -> str:
    """The first missing ranges, for a message."""
    words = [gap.text for gap in missing[:_RANGES_SHOWN]]
    tail = ", ..." if more or len(missing) > _RANGES_SHOWN else ""
    return ", ".join(words) + tail


def _state(part: PartFacts, state: ChunkState, words: str) -> Results:
    """One finding for the chunks of a part that are in `state`."""
    whole = part.completeness
    if whole is None or state not in whole.counts:
        return NOTHING
    if not part.file.reported.isdisjoint(_TOLD_BY[state]):
        return NOTHING
    return _counted(whole, whole.counts[state], words)


def _counted(whole: Completeness, count: int, words: str) -> Results:
    share = f"{count} of {whole.chunk_count}"
    where = _where(whole.missing, more=whole.missing_truncated)
    message = f"{share} chunks {words}" + (f" (missing: {where})" if where else "")
    return [Found(message, share, "0")]


@part_rule(
    "CHK-TABLE-TRUNC",
    Severity.ERROR,
    "The chunk offset table is inside the file",
    why="The file ends behind its header; no pixel is there.",
    source=_CORE,
    fix="Copy or render the file again.",
    stage=Stage.TABLE,
    when=t.INCOMPLETE,
)
def table_truncated(part: PartFacts, _parameters: RuleParameters) -> Results:
    """Chunks without an entry."""
    return _state(part, ChunkState.NO_ENTRY, "have no entry: the file ends inside the offset table")


@part_rule(
    "CHK-ZERO-OFFSET",
    Severity.ERROR,
    "No entry of the chunk offset table is zero",
    why="The writer crashed, or has not finished.",
    source=_CORE,
    fix="Render the rows that the message names again, or wait for the writer to finish.",
    stage=Stage.TABLE,
    when=t.INCOMPLETE,
)
def zero_offset(part: PartFacts, _parameters: RuleParameters) -> Results:
    """Zero entries, except where only upper levels lack."""
    if part.completeness is None or part.completeness.zero_only_upper_levels:
        return NOTHING
    return _state(part, ChunkState.ZERO, "have the offset zero: they were never written")


@part_rule(
    "CHK-ZERO-UPPER-LEVELS",
    Severity.ERROR,
    "All announced levels are written",
    why="A writer announced mip or rip levels and wrote the first one only; OpenEXR's Python module does.",
    source="measured with OpenEXR 3.5.3",
    fix="Make the levels again from the first one.",
    command="maketx IN.exr -o OUT.exr",
    stage=Stage.TABLE,
    when=t.INCOMPLETE,
)
def zero_upper_levels(part: PartFacts, _parameters: RuleParameters) -> Results:
    """Zero entries in levels above the first alone."""
    if part.completeness is None or not part.completeness.zero_only_upper_levels:
        return NOTHING
    return _state(part, ChunkState.ZERO, "have the offset zero, all of them in levels above the first")


@part_rule(
    "CHK-OFFSET-RANGE",
    Severity.ERROR,
    "Offsets point behind the tables and into the file",
    why="The table is damaged or the file cut off; readers guess new offsets silently.",
    source=_CORE,
    fix="Copy the file again; if the copy is equal, render it again.",
    stage=Stage.TABLE,
    when=t.INCOMPLETE,
)
def offset_range(part: PartFacts, _parameters: RuleParameters) -> Results:
    """Offsets before the first possible chunk or behind the file's end."""
    return _state(part, ChunkState.OUT_OF_RANGE, "have offsets outside the file's data")


@part_rule(
    "CHK-OFFSET-DUP",
    Severity.ERROR,
    "No two entries have one offset",
    why="The table is corrupt or malicious.",
    source="OpenEXRCore 3.5",
    problem=ProblemKind.OVERLAPPING_CHUNK,
    fix="Copy the file again; if the copy is equal, render it again.",
    stage=Stage.TABLE,
    when=t.INCOMPLETE,
)
def offset_duplicate(part: PartFacts, _parameters: RuleParameters) -> Results:
    """Offsets that another entry has, too."""
    return _state(part, ChunkState.DUPLICATE, "repeat the offset of another one")


@part_rule(
    "CHK-PAST-EOF",
    Severity.ERROR,
    "Every chunk ends inside the file",
    why="A transfer was cut off.",
    source=_CORE,
    problem=ProblemKind.CHUNK_PAST_END,
    fix="Copy the file again from its source; its end is missing.",
    stage=Stage.TABLE,
    when=t.INCOMPLETE,
)
def past_end(part: PartFacts, _parameters: RuleParameters) -> Results:
    """Chunks that run past the end."""
    return _state(part, ChunkState.PAST_END, "run past the end of the file")


@part_rule(
    "CHK-LEADER",
    Severity.ERROR,
    "A chunk's leader names the chunk that the table says",
    why="Table or chunks are corrupt.",
    source=_CORE,
    problem=ProblemKind.WRONG_LEADER,
    fix="Copy the file again; if the copy is equal, render it again.",
    stage=Stage.TABLE,
    when=t.INCOMPLETE,
)
def leader(part: PartFacts, _parameters: RuleParameters) -> Results:
    """Leaders with other coordinates, part numbers or impossible sizes."""
    return _state(part, ChunkState.BAD_LEADER, "have leaders that contradict the table")


@file_rule(
    "CHK-DECODE",
    Severity.ERROR,
    "Every chunk that was read decodes",
    why="The data is damaged, or a writer stored something other than the header says.",
    source="exrcheck; OpenEXRCore 3.5",
    fix="Copy the file again; if the copy is equal, render the rows that the message names.",
    command="exrcheck IN.exr",
    stage=Stage.PIXELS,
)
def undecodable_chunks(file: FileFacts, _parameters: RuleParameters) -> Results:
    """Chunks that could not be read, those of a part together."""
    report = file.inspection.pixels
    faults: dict[tuple[int, str], list[PixelFault]] = {}
    for fault in report.faults if report else ():
        faults.setdefault((fault.part, fault.code), []).append(fault)
    return [Found(_faults(some), code, "pixels", part=part) for (part, code), some in faults.items()]


def _faults(faults: Sequence[PixelFault]) -> str:
    first, *others = sorted(faults, key=lambda fault: fault.chunk)
    if not others:
        return f"Chunk {first.chunk} (rows {first.y_min} to {first.y_max}) does not decode: {first.message}"
    chunks = joined_ranges([first.chunk, *(fault.chunk for fault in others)])
    rows = f"{min(fault.y_min for fault in faults)} to {max(fault.y_max for fault in faults)}"
    return f"{len(faults)} chunks ({chunks}; rows {rows}) do not decode, the first: {first.message}"


REPORTED = (
    reported(
        "CHK-TABLE-TOO-BIG",
        Severity.ERROR,
        "A part has at most 1048576 chunks",
        why="The C library refuses larger tables.",
        source=_CORE,
        problem=ProblemKind.TOO_MANY_CHUNKS,
        fix="Use larger tiles, or a compression with more lines a chunk.",
    ),
    reported(
        "CHK-PACKED-SIZE",
        Severity.ERROR,
        "A chunk's size is above zero, no larger than its pixels, and equal to them without compression",
        why="The chunk is corrupt.",
        source=_CORE,
        problem=ProblemKind.CHUNK_SIZE,
        fix="Copy the file again; if the copy is equal, render it again.",
        stage=Stage.TABLE,
    ),
    reported(
        "CHK-DEEP-SIZES",
        Severity.ERROR,
        "The sizes of a deep chunk agree with each other and stay below 2 GiB",
        why="The chunk is corrupt.",
        source=_CORE,
        problem=ProblemKind.DEEP_CHUNK_SIZES,
        fix="Copy the file again; if the copy is equal, render it again.",
        stage=Stage.TABLE,
    ),
    reported(
        "CHK-REBUILDABLE",
        Severity.INFO,
        "The chunk offset table is intact",
        why="A walk over the chunks found those that the table lost: the file can be repaired without loss.",
        source=_CORE,
        problem=ProblemKind.TABLE_REBUILT,
        fix="Read and write the file once with the OpenEXR library: it walks the chunks and stores a new table.",
        command="oiiotool IN.exr -o OUT.exr",
        stage=Stage.TABLE,
    ),
    reported(
        "CHK-GAPS",
        Severity.INFO,
        "There are no unused bytes between or behind chunks",
        why="They are left over from an earlier write, or hold hidden data.",
        source="OpenEXR file layout document",
        problem=ProblemKind.UNREFERENCED_BYTES,
        fix="Nothing, or write the file again to save the space.",
        command="oiiotool IN.exr -o OUT.exr",
        stage=Stage.TABLE,
    ),
    reported(
        "CHK-LINEORDER",
        Severity.INFO,
        "Chunks lie in the file in the order that lineOrder promises",
        why="Players that trust it seek back and forth.",
        source="OpenEXR technical introduction",
        problem=ProblemKind.CHUNK_ORDER,
        fix="Write the file again with lineOrder INCREASING_Y.",
        command="oiiotool IN.exr -o OUT.exr",
        stage=Stage.TABLE,
    ),
)
