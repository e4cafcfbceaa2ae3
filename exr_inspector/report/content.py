"""What the page of a sequence holds, as values for the template. Pure: the check, or the tables, decided all of it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from exr_inspector.delivery.check import CheckedFile, CheckedSequence
from exr_inspector.delivery.grouping import FindingGroup, group_findings, listed_findings
from exr_inspector.delivery.judgement import ranges, runs
from exr_inspector.model import Severity, Thumbnail
from exr_inspector.report.figures import STOPS, FrameFigures
from exr_inspector.report.words import plain
from exr_inspector.validation import RULES, FrameSummary

MISSING = "missing"
_CLEAN = "ok"
_STATES = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: _CLEAN, None: _CLEAN}
_WORST_FIRST = ("error", "warning", MISSING, _CLEAN)
_NARROWEST = 1 / 300  # of the strip: a single bad frame among thousands must be seen
_FEW_FRAMES = 5  # of fewer, all may have a warning that is worth a mark
_NEARLY_ALL = 0.9
_NAMES_SHOWN = 12
_NOTES_A_FRAME = 12
_NOTE_CHARACTERS = 400
_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Run:
    """Frames without a gap, which the page leads to.

    Attributes:
        text: `1077-1079`.
        cell: Position of the first of them among the frames of the page; None for a frame that is not on it.
    """

    text: str
    cell: int | None


@dataclass(frozen=True, slots=True)
class FindingRow:
    """One kind of finding.

    Attributes:
        severity: `error`, `warning` or `info`.
        code: The rule.
        text: What was found.
        fix: What to do about it; empty where no rule says so.
        count: Frames or files that have it.
        runs: Frames that have it.
    """

    severity: str
    code: str
    text: str
    fix: str
    count: int
    runs: tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class DriftRow:
    """One value of a property that is not the same in all frames; the usual one first."""

    name: str
    value: str
    count: int
    runs: tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class ChannelRow:
    """One channel over all frames."""

    name: str
    types: str
    frames: int
    minimum: float | None
    mean: float | None
    maximum: float | None
    nan: int
    inf: int
    negative: int


@dataclass(frozen=True, slots=True)
class Cell:
    """One frame of the contact sheet: its number, its state, codes of its errors and warnings, and its picture."""

    frame: int
    state: str
    note: str
    picture: Thumbnail | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class StripRun:
    """Neighbouring frames of one state on the strip; position and length in frames."""

    start: float
    length: float
    state: str


@dataclass(frozen=True, slots=True)
class SequencePage:
    """A sequence.

    Attributes:
        title: Its pattern.
        facts: What all or most frames have: size, compression, rate, software.
        is_texture: Whether its numbers are no frames.
        verdict: `failed`, `warnings` or `passed`.
        first: First frame that is expected.
        last: Last frame that is expected.
        expected: How many frames are.
        there: How many are there.
        file_count: Its files; several may be of one frame.
        total_bytes: Size of all files.
        rerender: Frames to render again, as render managers take them.
        rerender_count: How many.
        everywhere: Rules whose warnings nearly all frames have: they are listed, but mark no frame.
        counts: Frames by state.
        strip: The frames' states, neighbours of one state together.
        findings: By kind, the worst first.
        drift: What is not the same in all frames.
        channels: By part and name.
        cells: All frames, missing ones included.
        data: What the page's script draws.
    """

    title: str
    facts: str
    is_texture: bool
    verdict: str
    first: int
    last: int
    expected: int
    there: int
    file_count: int
    total_bytes: int
    rerender: str
    rerender_count: int
    everywhere: tuple[str, ...]
    counts: Mapping[str, int]
    strip: tuple[StripRun, ...]
    findings: tuple[FindingRow, ...]
    drift: tuple[DriftRow, ...]
    channels: tuple[ChannelRow, ...]
    cells: tuple[Cell, ...]
    data: Mapping[str, Any] = field(repr=False)


def verdict_of(worst: Severity | None) -> str:
    """`failed`, `warnings` or `passed`."""
    return {Severity.ERROR: "failed", Severity.WARNING: "warnings"}.get(worst, "passed") if worst else "passed"


def finding_row(group: FindingGroup, place: Mapping[int, int]) -> FindingRow:
    """A kind of finding, with the frames it leads to."""
    rule = RULES.get(group.code)
    count = len(group.frames) or group.files
    return FindingRow(
        group.severity.label, group.code, group.text, rule.fix if rule else "", count, _runs(group.frames, place)
    )


def sequence_page(checked: CheckedSequence, figures: Mapping[str, FrameFigures]) -> SequencePage:
    """The page of a checked sequence.

    Args:
        checked: What was found.
        figures: Figures of its files by path; files without are shown without.
    """
    severities = checked.severities
    numbers = sorted({*severities, *checked.missing})
    place = {number: index for index, number in enumerate(numbers)}
    notes = _notes(checked)
    everywhere = _everywhere(notes, len(severities))
    states = [_state(severities[n], notes.get(n, ()), everywhere) if n in severities else MISSING for n in numbers]
    files = _first_files(checked)
    known = [figures.get(files[n].path) if n in files else None for n in numbers]
    summaries = [file.summary for file in checked.files if file.summary is not None]
    expected = len(range(checked.first, checked.last + 1)) if not checked.is_texture else len(severities)
    sizes = [figures[file.path].size_bytes or 0 for file in checked.files if file.path in figures]
    return SequencePage(
        title=checked.pattern,
        facts=_facts(summaries, known),
        is_texture=checked.is_texture,
        verdict=verdict_of(checked.worst),
        first=checked.first,
        last=checked.last,
        expected=expected,
        there=len(severities),
        file_count=len(checked.files),
        total_bytes=sum(sizes),
        rerender=ranges(checked.rerender),
        rerender_count=len(checked.rerender),
        everywhere=everywhere,
        counts=Counter(states),
        strip=tuple(_strip(states)),
        findings=tuple(finding_row(group, place) for group in group_findings(checked.files, checked.findings)),
        drift=tuple(_drift(summaries, place)),
        channels=tuple(_channels(known)),
        cells=tuple(
            Cell(number, state, _codes(notes.get(number, ()), everywhere), frame.picture if frame is not None else None)
            for number, state, frame in zip(numbers, states, known, strict=True)
        ),
        data={"frames": numbers, "states": states, **_series(known), **_note_texts(notes, place)},
    )


def _first_files(checked: CheckedSequence) -> dict[int, CheckedFile]:
    """Of each frame the file that is shown; the first, where names with other paddings give it several."""
    found: dict[int, CheckedFile] = {}
    for file in checked.files:
        if file.frame is not None:
            found.setdefault(file.frame, file)
    return found


def _runs(frames: Iterable[int], place: Mapping[int, int]) -> tuple[Run, ...]:
    return tuple(Run(text, place.get(first)) for first, text in runs(frames))


def _strip(states: Sequence[str]) -> Iterator[StripRun]:
    """Clean frames first, so that the others, which are never narrower than can be seen, lie above them."""
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


def _notes(checked: CheckedSequence) -> Notes:
    """Errors and warnings of each frame, with their own messages, the worst first."""
    notes: Notes = {}
    for file in checked.files:
        if file.frame is not None:
            found = [(severity, code, message) for severity, code, message, _ in listed_findings(file)]
            notes.setdefault(file.frame, []).extend(found)
    for finding in checked.findings:
        for frame in finding.frames:
            notes.setdefault(frame, []).append((finding.severity, finding.code, finding.message))
    return {
        frame: sorted((note for note in found if note[0] > Severity.INFO), key=lambda note: (-note[0], note[1]))
        for frame, found in notes.items()
    }


def _everywhere(notes: Notes, there: int) -> tuple[str, ...]:
    """Rules whose warnings say nothing of a single frame, since nearly all have them."""
    if there < _FEW_FRAMES:
        return ()
    counts = Counter(
        code
        for found in notes.values()
        for code in {code for severity, code, _ in found if severity is Severity.WARNING}
    )
    return tuple(sorted(code for code, count in counts.items() if count >= _NEARLY_ALL * there))


def _state(severity: Severity | None, notes: Iterable[tuple[Severity, str, str]], everywhere: Sequence[str]) -> str:
    if severity is Severity.WARNING and all(code in everywhere for _, code, _ in notes):
        return _CLEAN
    return _STATES[severity]


def _codes(notes: Iterable[tuple[Severity, str, str]], everywhere: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(code for _, code, _ in notes if code not in everywhere))


def _note_texts(notes: Notes, place: Mapping[int, int]) -> dict[str, Any]:
    """The notes by position of the frame, each text once."""
    texts: dict[tuple[Severity, str, str], int] = {}
    by_cell = {
        place[frame]: [texts.setdefault(note, len(texts)) for note in found[:_NOTES_A_FRAME]]
        for frame, found in notes.items()
        if found and frame in place
    }
    shown = [(severity.label, code, plain(message, _NOTE_CHARACTERS)) for severity, code, message in texts]
    return {"texts": shown, "notes": by_cell}


# Property of a summary -> its name on the page.
_PROPERTIES = {
    "display_window": "Display window",
    "data_window": "Data window",
    "compression": "Compression",
    "storage": "Storage",
    "channels": "Channels",
    "frame_rate": "Frame rate",
    "colour": "Colour",
    "views": "Views",
    "software": "Software",
    "cryptomattes": "Cryptomattes",
}


def _drift(summaries: Sequence[FrameSummary], place: Mapping[int, int]) -> Iterator[DriftRow]:
    for name, title in _PROPERTIES.items():
        by_value: dict[Any, list[int]] = {}
        for summary in summaries:
            value = getattr(summary, name)
            if value is not None:
                by_value.setdefault(value, []).append(summary.frame)
        if len(by_value) < 2:
            continue
        ranked = sorted(by_value.items(), key=lambda item: -len(item[1]))
        usual = ranked[0][0]
        for value, frames in ranked:
            yield DriftRow(title, _value_text(name, value, usual), len(frames), _runs(frames, place))


def _value_text(name: str, value: Any, usual: Any) -> str:
    if name in {"display_window", "data_window"}:
        return _window_text(value)
    if name == "channels":
        return _channels_text(value, usual)
    if isinstance(value, float):
        return f"{value:g}"
    return (", ".join(value) if isinstance(value, tuple) else str(value)) or "none"


def _window_text(window: Sequence[int]) -> str:
    if len(window) == 2:  # of a row of `files`
        return f"{window[0]} x {window[1]}"
    left, top, right, bottom = window
    return f"{right - left + 1} x {bottom - top + 1} at ({left}, {top})"


def _channels_text(value: Sequence[str], usual: Sequence[str]) -> str:
    """The number of channels, and against the usual ones what is lacking and what is new."""
    words = [f"{len(value)} channels"]
    for word, some, others in (("without", usual, value), ("with additional", value, usual)):
        names = [name.partition(":")[2] or name for name in sorted(set(some) - set(others))]
        more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
        if names:
            words.append(f"{word} {', '.join(names[:_NAMES_SHOWN])}{more}")
    return "; ".join(words)


def _facts(summaries: Sequence[FrameSummary], known: Sequence[FrameFigures | None]) -> str:
    """What most frames have, in one line."""
    words = []
    sizes = Counter((f.width, f.height) for f in known if f is not None and f.width is not None)
    if sizes:
        width, height = sizes.most_common(1)[0][0]
        words.append(f"{width} x {height}")
    channels = Counter(len(f.channels) for f in known if f is not None and f.channels)
    if channels:
        words.append(f"{channels.most_common(1)[0][0]} channels")
    for name, form in (("compression", "{}"), ("frame_rate", "{:g} fps"), ("software", "{}"), ("colour", "{}")):
        values = Counter(value for s in summaries if (value := getattr(s, name)))
        if values:
            words.append(form.format(values.most_common(1)[0][0]))
    return ", ".join(words)


def _channels(known: Iterable[FrameFigures | None]) -> Iterator[ChannelRow]:
    found: dict[tuple[int, str], list[Any]] = {}
    for frame in known:
        for channel in frame.channels if frame is not None else ():
            found.setdefault((channel.part, channel.name), []).append(channel)
    several = len({part for part, _ in found}) > 1
    for (part, name), each in sorted(found.items()):
        means = [channel.mean for channel in each if channel.mean is not None]
        yield ChannelRow(
            name=f"{part}: {name}" if several else name,
            types=", ".join(sorted({channel.type for channel in each})),
            frames=len(each),
            minimum=min((c.minimum for c in each if c.minimum is not None), default=None),
            mean=sum(means) / len(means) if means else None,
            maximum=max((c.maximum for c in each if c.maximum is not None), default=None),
            nan=sum(channel.nan for channel in each),
            inf=sum(channel.inf for channel in each),
            negative=sum(channel.negative for channel in each),
        )


def _rounded(value: float | None) -> float | None:
    """As many digits as a plot shows; None for what JSON has no number for."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value


def _mean_of(component: str, frame: FrameFigures) -> float | None:
    return frame.means.get(component)


def _series(known: Sequence[FrameFigures | None]) -> dict[str, Any]:
    """The curves over the frames, the plots they are in, and the exposure."""
    components = [name for name in ("R", "G", "B", "Y") if any(f is not None and name in f.means for f in known)]
    series: list[dict[str, Any]] = []

    def add(label: str, value_of: Callable[[FrameFigures], float | None], unit: str = "") -> list[int]:
        values = [None if frame is None else _rounded(value_of(frame)) for frame in known]
        if all(value is None for value in values):
            return []
        series.append({"label": label, "unit": unit, "values": values})
        return [len(series) - 1]

    means = [k for name in components for k in add(f"{name} mean", partial(_mean_of, name))]
    luminance = add("Luminance", lambda f: f.luminance)
    maximum = add("Maximum", lambda f: f.maximum)
    bad = add("NaN and Inf", lambda f: f.bad_values, "count")
    size = add("File size", lambda f: f.size_bytes, "bytes")
    time = add("Render time", lambda f: f.render_seconds, "seconds")
    plots = [
        ("Mean of the colour channels", means),
        ("Mean luminance", luminance),
        ("Maximum", maximum),
        ("NaN and infinite values", bad),
        ("File size", size),
        ("Render time", time),
    ]
    exposure = [[round(1000 * share) for share in f.exposure] if f is not None and f.exposure else None for f in known]
    return {
        "series": series,
        "plots": [{"title": title, "series": numbers} for title, numbers in plots if numbers],
        "stops": list(STOPS),
        "exposure": exposure if any(exposure) else None,
    }
