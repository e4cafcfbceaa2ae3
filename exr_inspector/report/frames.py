"""The frames of a sequence on its page: their states, the notes about them, and links to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from exr_inspector.delivery.grouping import listed_findings
from exr_inspector.delivery.sequences import CheckedSequence
from exr_inspector.model import Severity, Thumbnail
from exr_inspector.report.words import plain
from exr_inspector.validation.frame_numbers import FrameNumbers

MISSING = "missing"
_CLEAN = "ok"
_STATES = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: _CLEAN, None: _CLEAN}
_WORST_FIRST = ("error", "warning", MISSING, _CLEAN)
_NARROWEST = 1 / 300  # of the strip's width: a single bad frame among thousands must be visible
_FEW_FRAMES = 5  # in shorter sequences, warnings that all frames have still mark them
_MOST_FRAMES_SHARE = 0.9
_NOTES_A_FRAME = 12
_NOTE_CHARACTERS = 400


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive frames, to which the page links.

    Attributes:
        text: Their numbers: `1077-1079`.
        cell: Position of the first one among the frames of the page; None if it is not on the page.
    """

    text: str
    cell: int | None


@dataclass(frozen=True, slots=True)
class Cell:
    """A frame of the contact sheet: its number, state, codes of errors and warnings, and a thumbnail of each view."""

    frame: int
    state: str
    note: str
    pictures: tuple[Thumbnail | None, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class StripRun:
    """Consecutive frames of one state on the strip; position and length in frames."""

    start: float
    length: float
    state: str


def linked_runs(frames: Iterable[int], place: Mapping[int, int]) -> tuple[Run, ...]:
    """The runs of consecutive frames; `place` is the position of each frame on the page."""
    return tuple(Run(text, place.get(first)) for first, text in FrameNumbers.of(frames).runs)


def strip(states: Sequence[str]) -> Iterator[StripRun]:
    """The runs of the strip in drawing order: clean frames first, then the others, which are wide enough to be visible."""
    found: list[tuple[int, int, str]] = []
    for index, state in enumerate(states):
        if found and found[-1][2] == state:
            found[-1] = (found[-1][0], found[-1][1] + 1, state)
        else:
            found.append((index, 1, state))
    for start, length, state in sorted(found, key=lambda run: -_WORST_FIRST.index(run[2])):
        shown = max(length, len(states) * _NARROWEST)
        yield StripRun(min(start, len(states) - shown), shown, state)


Notes = dict[int, list[tuple[Severity, str, str]]]


def notes_of(checked: CheckedSequence, numbers: Sequence[int]) -> Notes:
    """The errors and warnings of each frame, the worst first; those of the sequence only for the frames in `numbers`."""
    notes: Notes = {}
    for file in checked.files:
        if file.frame is not None:
            notes.setdefault(file.frame, []).extend(listed_findings(file))
    for finding in checked.findings:
        few = finding.frames if len(finding.frames) <= len(numbers) else filter(finding.frames.__contains__, numbers)
        for frame in few:
            notes.setdefault(frame, []).append((finding.severity, finding.code, finding.message))
    return {
        frame: sorted((note for note in found if note[0] > Severity.INFO), key=lambda note: (-note[0], note[1]))
        for frame, found in notes.items()
    }


def codes_everywhere(notes: Notes, there: int) -> tuple[str, ...]:
    """The codes of warnings that nearly all of `there` frames have, so that they do not mark single frames."""
    if there < _FEW_FRAMES:
        return ()
    counts = Counter(
        code
        for found in notes.values()
        for code in {code for severity, code, _ in found if severity is Severity.WARNING}
    )
    return tuple(sorted(code for code, count in counts.items() if count >= _MOST_FRAMES_SHARE * there))


def state_of(severity: Severity | None, notes: Iterable[tuple[Severity, str, str]], everywhere: Sequence[str]) -> str:
    """The state of a present frame; warnings that nearly all frames have are ignored."""
    if severity is Severity.WARNING and all(code in everywhere for _, code, _ in notes):
        return _CLEAN
    return _STATES[severity]


def codes_of(notes: Iterable[tuple[Severity, str, str]], everywhere: Sequence[str]) -> str:
    """The codes of a frame's notes, without those that nearly all frames have."""
    return ", ".join(dict.fromkeys(code for _, code, _ in notes if code not in everywhere))


def note_texts(notes: Notes, place: Mapping[int, int]) -> dict[str, Any]:
    """The notes as data for the page's script: all texts once, and their indices by position of the frame."""
    texts: dict[tuple[Severity, str, str], int] = {}
    by_cell = {
        place[frame]: [texts.setdefault(note, len(texts)) for note in found[:_NOTES_A_FRAME]]
        for frame, found in notes.items()
        if found and frame in place
    }
    shown = [(severity.label, code, plain(message, _NOTE_CHARACTERS)) for severity, code, message in texts]
    return {"texts": shown, "notes": by_cell}
