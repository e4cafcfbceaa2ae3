"""The columns of `sequence_validation`: findings of whole sequences, and their frames."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from exr_inspector import __version__
from exr_inspector.catalog.schema.columns import (
    CELL_BYTES,
    INT,
    LONG,
    SCHEMA_VERSION,
    TEXT,
    TIME,
    clipped,
    nullable,
    required,
)
from exr_inspector.delivery.sequences import CheckedSequence
from exr_inspector.model import Finding
from exr_inspector.validation import RULES
from exr_inspector.validation.frame_numbers import FrameNumbers


class SequenceRecord(NamedTuple):
    """The record of a row of `sequence_validation`; `finding` is None in the only row of a sequence without findings."""

    sequence: CheckedSequence
    position: int
    finding: Finding | None
    judged_at: datetime


def _ranges(frames: Sequence[int]) -> str | None:
    """Frame numbers as ranges; if they do not fit into a cell, the first ones and `...`."""
    text = FrameNumbers.of(frames).text
    return (text if len(text) <= CELL_BYTES else f"{text[: CELL_BYTES - 4].rpartition(',')[0]},...") or None


def _fix(finding: Finding) -> str | None:
    rule = RULES.get(finding.code)
    return clipped(rule.fix) if rule else None


# fmt: off
SEQUENCE_VALIDATION_COLUMNS = (
    required("sequence", TEXT, "Sequence with its folder, frame digits as `#`, as in `files`", of=lambda r: r.sequence.pattern),
    required("directory", TEXT, "Its folder with the bucket, no trailing slash",
             of=lambda r: r.sequence.pattern.rpartition("/")[0]),
    required("finding_index", INT, "Position among the sequence's findings, worst first, from 0", of=lambda r: r.position),
    nullable("code", TEXT, "Rule code, stable; null in the one row of a sequence without findings",
             of=lambda r: r.finding and r.finding.code),
    nullable("severity", TEXT, "`info`, `warning` or `error`", of=lambda r: r.finding and r.finding.severity.label),
    nullable("severity_rank", INT, "1, 2, 3: for ordering", of=lambda r: r.finding and int(r.finding.severity)),
    nullable("message", TEXT, "What was found and what was expected, for people",
             of=lambda r: r.finding and clipped(r.finding.message)),
    nullable("frames", TEXT, "Frames of the finding, as ranges: `1033,1077-1079`, `1001-1009x2`; null for the whole sequence",
             of=lambda r: r.finding and _ranges(r.finding.frames)),
    nullable("frame_count", INT, "Number of these frames", "frames", of=lambda r: r.finding and len(r.finding.frames)),
    nullable("found", TEXT, "What was found, short", of=lambda r: (r.finding and clipped(r.finding.found)) or None),
    nullable("expected", TEXT, "What was expected, short", of=lambda r: (r.finding and clipped(r.finding.expected)) or None),
    nullable("fix", TEXT, "How to fix it", of=lambda r: r.finding and _fix(r.finding)),
    required("first_frame", LONG, "First expected frame; equal in all rows of a sequence, as are the columns below",
             of=lambda r: r.sequence.first),
    required("last_frame", LONG, "Last expected frame", of=lambda r: r.sequence.last),
    nullable("expected_frames", TEXT, "Expected frames, as ranges: `1001-1060`, `1001-1059x2`",
             of=lambda r: _ranges(r.sequence.expected)),
    nullable("asked_frames", TEXT,
             "Frames required by `check --frames` or a pattern, as ranges, which still apply when rows are validated again;"
             " null if the policy or the files decide", of=lambda r: _ranges(r.sequence.required)),
    required("file_count", INT, "Files of the sequence", "files", of=lambda r: r.sequence.file_count),
    required("error_files", INT, "Files with an error", "files", of=lambda r: r.sequence.error_files),
    required("missing_count", LONG, "Expected frames that are not there", "frames", of=lambda r: len(r.sequence.missing)),
    nullable("missing_frames", TEXT, "These frames, as ranges; with `...` at the end if a cell cannot hold all",
             of=lambda r: _ranges(r.sequence.missing)),
    required("rerender_count", INT, "Frames to render again", "frames", of=lambda r: len(r.sequence.rerender)),
    nullable("rerender_frames", TEXT, "These frames, as ranges for a render manager; with `...` as above",
             of=lambda r: _ranges(r.sequence.rerender)),
    nullable("header_edit_count", INT, "Frames whose errors an edit of the header fixes, without a new render", "frames",
             of=lambda r: len(r.sequence.header_edits)),
    nullable("header_edit_frames", TEXT, "These frames, as ranges; the rules of their errors have the command",
             of=lambda r: _ranges(r.sequence.header_edits)),
    nullable("conversion_count", INT, "Other frames whose errors a conversion fixes, as of compression or pixel type", "frames",
             of=lambda r: len(r.sequence.conversions)),
    nullable("conversion_frames", TEXT, "These frames, as ranges; the rules of their errors have the command",
             of=lambda r: _ranges(r.sequence.conversions)),
    required("policy", TEXT, "Name and version of the policy", of=lambda r: r.sequence.policy),
    required("judged_at", TIME, "When the validated files or rows were read", "UTC", of=lambda r: r.judged_at),
    required("inspector_version", TEXT, "Version of exr-inspector that validated", of=lambda _: __version__),
    required("schema_version", INT, "Schema version of the row", of=lambda _: SCHEMA_VERSION),
)
# fmt: on
