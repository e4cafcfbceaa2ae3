"""The content of a sequence's page, as values for the template."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from exr_inspector.delivery.grouping import FindingGroup, group_findings
from exr_inspector.delivery.sequences import CheckedFile, CheckedSequence
from exr_inspector.model import Severity
from exr_inspector.report.curves import curves
from exr_inspector.report.figures import FrameFigures, by_view, views_of_most
from exr_inspector.report.frames import (
    MISSING,
    Cell,
    Run,
    StripRun,
    codes_everywhere,
    codes_of,
    linked_runs,
    note_texts,
    notes_of,
    state_of,
    strip,
)
from exr_inspector.report.properties import ChannelRow, DriftRow, changing_properties, channels, facts
from exr_inspector.validation import RULES

_MISSING_CELLS = 2_000  # missing frames on the contact sheet; the list of frames names all


@dataclass(frozen=True, slots=True)
class FindingRow:
    """A group of equal findings.

    Attributes:
        severity: `error`, `warning` or `info`.
        code: Code of the rule.
        text: What was found.
        fix: What to do about it; empty if the code has no rule.
        count: Number of frames or files.
        runs: The frames.
    """

    severity: str
    code: str
    text: str
    fix: str
    count: int
    runs: tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class SequencePage:
    """A sequence.

    Attributes:
        title: Its pattern.
        facts: Properties of most frames in one line: size, compression, rate, software.
        item: What its numbers are: `frame`, or `tile` of a texture.
        result: `failed`, `warnings` or `passed`.
        first: First expected frame.
        last: Last expected frame.
        expected: Number of expected frames.
        present: Number of present frames.
        file_count: Number of files; a frame may have several.
        total_bytes: Size of all files, bytes.
        rerender: Frames to render again, as a frame list of render managers.
        rerender_count: Number of frames to render again.
        header_edits: Frames whose errors an edit of the header fixes, as `rerender`.
        header_edit_count: Number of these frames.
        conversions: Frames whose errors a conversion fixes, as `rerender`.
        conversion_count: Number of these frames.
        everywhere: Codes of warnings that nearly all frames have: they are listed, but do not mark frames.
        counts: Number of frames by state.
        strip: Runs of frames of one state.
        findings: Groups of findings, the worst first.
        drift: Values of properties that change between frames.
        channels: The channels, by part and name.
        views: The views whose main images are shown; one without a name in files without views.
        cells: All frames, also missing ones.
        data: Data for the page's script.
    """

    title: str
    facts: str
    item: str
    result: str
    first: int
    last: int
    expected: int
    present: int
    file_count: int
    total_bytes: int
    rerender: str
    rerender_count: int
    header_edits: str
    header_edit_count: int
    conversions: str
    conversion_count: int
    everywhere: tuple[str, ...]
    counts: Mapping[str, int]
    strip: tuple[StripRun, ...]
    findings: tuple[FindingRow, ...]
    drift: tuple[DriftRow, ...]
    channels: tuple[ChannelRow, ...]
    views: tuple[str, ...]
    cells: tuple[Cell, ...]
    data: Mapping[str, Any] = field(repr=False)


def result_of(worst: Severity | None) -> str:
    """`failed`, `warnings` or `passed`, for the worst severity of all findings."""
    return {Severity.ERROR: "failed", Severity.WARNING: "warnings"}.get(worst, "passed") if worst else "passed"


def finding_row(group: FindingGroup, place: Mapping[int, int]) -> FindingRow:
    """The row of a group of findings; `place` is the position of each frame on the page."""
    rule = RULES.get(group.code)
    count = len(group.frames) or group.files
    return FindingRow(
        group.severity.label, group.code, group.text, rule.fix if rule else "", count, linked_runs(group.frames, place)
    )


def sequence_page(checked: CheckedSequence, figures: Mapping[str, FrameFigures]) -> SequencePage:
    """The content of a checked sequence's page.

    Args:
        checked: The sequence.
        figures: Figures of its files by path; may lack some.
    """
    severities = checked.severities
    numbers = sorted({*severities, *islice(checked.missing, _MISSING_CELLS)})
    place = {number: index for index, number in enumerate(numbers)}
    notes = notes_of(checked, numbers)
    everywhere = codes_everywhere(notes, len(severities))
    states = [state_of(severities[n], notes.get(n, ()), everywhere) if n in severities else MISSING for n in numbers]
    item = "tile" if checked.is_texture else "frame"
    files = _first_files(checked)
    known = [figures.get(files[n].path) if n in files else None for n in numbers]
    views = views_of_most(known)
    images = [by_view(frame, views) for frame in known]
    summaries = [file.summary for file in checked.files if file.summary is not None]
    sizes = [figures[file.path].size_bytes or 0 for file in checked.files if file.path in figures]
    return SequencePage(
        title=checked.pattern,
        facts=facts(summaries, known),
        item=item,
        result=result_of(checked.worst),
        first=checked.first,
        last=checked.last,
        expected=len(checked.expected),
        present=checked.present,
        file_count=len(checked.files),
        total_bytes=sum(sizes),
        rerender=checked.rerender.text,
        rerender_count=len(checked.rerender),
        header_edits=checked.header_edits.text,
        header_edit_count=len(checked.header_edits),
        conversions=checked.conversions.text,
        conversion_count=len(checked.conversions),
        everywhere=everywhere,
        counts=Counter(states),
        strip=tuple(strip(states)),
        findings=tuple(finding_row(group, place) for group in group_findings(checked.files, checked.findings)),
        drift=tuple(changing_properties(summaries, place)),
        channels=tuple(channels(known)),
        views=views,
        cells=tuple(
            Cell(number, state, codes_of(notes.get(number, ()), everywhere), tuple(image.picture for image in shown))
            for number, state, shown in zip(numbers, states, images, strict=True)
        ),
        data={
            "item": item,
            "frames": numbers,
            "states": states,
            **curves(known, views, images),
            **note_texts(notes, place),
        },
    )


def _first_files(checked: CheckedSequence) -> dict[int, CheckedFile]:
    """The file to show for each frame: the first one if a frame has several, by names with different padding."""
    found: dict[int, CheckedFile] = {}
    for file in checked.files:
        if file.frame is not None:
            found.setdefault(file.frame, file)
    return found
