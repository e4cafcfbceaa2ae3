"""Sequence rules on frame numbers, and on what lies beside the frames. Pure.

The time for ten thousand frames is well under a second.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from exr_inspector.model import Severity
from exr_inspector.validation.facts.sequences import (
    ExpectedFrames,
    SequenceFacts,
    by_sibling,
    expected_frames,
    sibling_name,
)
from exr_inspector.validation.frame_numbers import FrameNumbers, joined_ranges
from exr_inspector.validation.frames import FrameSummary
from exr_inspector.validation.rule import Found, Results, counted, reported, sequence_rule
from exr_inspector.validation.rules.sequences.comparison import SequenceParameters, drift, of_frames

_ENTRIES_SHOWN = 4
_SPARSE = 100  # missing frames for each frame that is there


@sequence_rule(
    "SEQ-MISSING",
    Severity.ERROR,
    "Every frame from the first to the last is present, and none lies outside frame_range",
    why="The shot cannot be played or composited without the missing frames.",
    source="Netflix non-graded archival master specifications (continuous frames)",
    fix="Render or copy the frames that the message names, and rename those that are misnumbered.",
    yields_to=("DEL-NFX-NUMBERING",),
    limits="Without a range, a few frames that lie far outside all others are warnings, and nothing is missing before them. "
    "That outputs of one script (`comp.####`, `comp.bake.####`), or a matte and its image, begin or end with different frames "
    "is info. Frames that are squares and have numbers and gaps as UDIM tiles are not compared. Slates before the range are "
    "info.",
)
def missing(sequence: SequenceFacts, parameters: SequenceParameters) -> Results:
    """Report gaps between first and last frame, or against the required range and step; unexpected frames are a warning.

    Without a required range, a sequence of every second, third, ... frame without other gaps is a warning.
    """
    found = [*_gaps(sequence, _expected(sequence, parameters)), *_in_other_versions(sequence), *_in_spellings(sequence)]
    is_given = bool(sequence.required) or parameters.frame_range is not None
    if is_given:
        return found
    return [*found, *_fewer_than_siblings(sequence), *_ends_of_outputs(sequence), *_fewer_than_older(sequence)]


def _in_other_versions(sequence: SequenceFacts) -> list[Found]:
    """Warn of frames that another version has if each version has a part of one range."""
    versions = {n: other for n, other in sequence.siblings.versions.items() if n not in sequence.siblings.spellings}
    what = "Another version, {other}, goes on with {frames}: one range in several versions"
    return _in_siblings(sequence, versions, what, Severity.WARNING, every=sorted({*sequence.numbers, *versions}))


def _in_siblings(
    sequence: SequenceFacts, frames: Mapping[int, str], what: str, severity: Severity, every: Sequence[int] = ()
) -> list[Found]:
    """One finding for each other sequence that has frames; they are expected here, too, or `every` is.

    Args:
        sequence: The sequence.
        frames: The numbers of these frames, each with the name of the other sequence.
        what: The message, with `{other}` for that name and `{frames}` for the numbers.
        severity: The severity.
        every: The expected numbers, if these are not the ones of both sequences.
    """
    return [
        Found(
            what.format(other=other, frames=joined_ranges(numbers)),
            joined_ranges(sequence.numbers),
            joined_ranges(every or sorted({*sequence.numbers, *numbers})),
            severity=severity,
        )
        for other, numbers in by_sibling(sequence.name, frames).items()
    ]


def _in_spellings(sequence: SequenceFacts) -> list[Found]:
    """Warn of frames that go on under another spelling of the name."""
    what = (
        "Another spelling of this name, {other}, has {frames}: one sequence, which software takes for two; rename one"
    )
    return _in_siblings(sequence, sequence.siblings.spellings, what, Severity.WARNING)


def _ends_of_outputs(sequence: SequenceFacts) -> list[Found]:
    """Frames before and behind these that other outputs of a script, or the image of a matte, have; info: it may be meant."""
    what = f"The frames are {joined_ranges(sequence.numbers)}; "
    what += "{other}, which belongs to it by its name, also has {frames}"
    return _in_siblings(sequence, sequence.siblings.ends, what, Severity.INFO)


def _fewer_than_siblings(sequence: SequenceFacts) -> list[Found]:
    """The frames of other views, AOVs, mattes or copies (denoised, ...) of the image, if this one has fewer; info for a few."""
    more = sequence.siblings.more
    lacking = sorted(set(more).difference(sequence.numbers))
    if not lacking:
        return []
    other, every = sibling_name(sequence.name, more[lacking[0]]), joined_ranges(sorted(more))
    of = f"the {len(more)} frames that other views, AOVs, mattes or outputs of the image have ({other})"
    message = f"Only {len(sequence.numbers)} of {of}"
    is_one = len(sequence.numbers) == 1
    end = "; each of them may have been written to this one" if is_one else f"; without {joined_ranges(lacking)}"
    severity = Severity.WARNING if is_one or 4 * len(sequence.numbers) > len(more) else Severity.INFO
    return [Found(f"{message}: {every}{end}", joined_ranges(sequence.numbers), every, severity=severity)]


def _fewer_than_older(sequence: SequenceFacts) -> list[Found]:
    """The frames of the version before that the newest one does not have; info, as few frames may have been rendered again."""
    older = sequence.siblings.older
    what = f"This version has {len(sequence.numbers)} of the {len(older)} frames of the version before, "
    what += "{other}, {frames}: is it complete?"
    return _in_siblings(sequence, older, what, Severity.INFO, every=sorted(older))


def _expected(sequence: SequenceFacts, parameters: SequenceParameters) -> ExpectedFrames:
    every = sorted({*sequence.numbers, *sequence.siblings.frames})
    return expected_frames(every, sequence.required, parameters.frame_range, parameters.frame_step)


def _gaps(sequence: SequenceFacts, expected: ExpectedFrames) -> list[Found]:
    numbers = sequence.numbers
    gaps = expected.missing(numbers)
    if expected.is_guessed and not gaps:
        message = f"Only every {_ordinal(expected.step)} frame from {expected.first} to {expected.last} is there"
        wanted = f"{expected.first}-{expected.last}, or frame_step: {expected.step} in the policy"
        every_nth = Found(message, expected.text, wanted, severity=Severity.WARNING)
        return [every_nth, *_misnumbered(sequence, expected, gaps)]
    every, within = FrameNumbers(expected.ranges), FrameNumbers(tuple(range(r.start, r.stop) for r in expected.ranges))
    outside = [number for number in numbers if number not in within and number not in expected.far]
    between = [number for number in numbers if number in within and number not in every]
    slates = sequence.slates.intersection(outside) if outside else ()
    outside = [number for number in outside if number not in slates]
    found = [
        *of_frames(sorted(slates), f"a slate before {expected.text}?", expected.text, severity=Severity.INFO),
        *of_frames(outside, f"outside the range {expected.text}", expected.text, severity=Severity.WARNING),
        *of_frames(between, f"not among {expected.text}", expected.text, severity=Severity.WARNING),
        *_misnumbered(sequence, expected, gaps),
    ]
    if not gaps:
        return found
    verb = "is" if len(gaps) == 1 else "are"
    message = f"{counted(len(gaps), 'frame')} {verb} missing between {expected.first} and {expected.last}: {gaps.words}"
    if len(gaps) > _SPARSE * len(numbers):
        message += "; with so few frames there, some may be misnumbered, or of another take"
    siblings = sequence.siblings.frames
    if other := next((siblings[number] for number in sorted(siblings) if number in gaps), ""):
        message += (
            f"; {sibling_name(sequence.name, other)}, another view or AOV of the image, has frames that this one lacks"
        )
    for other, there in sorted(by_sibling(sequence.name, sequence.siblings.misnamed).items()):
        if any(number in gaps for number in there):
            message += f"; {other} has {joined_ranges(there)}: probably this sequence under another name"
    return [Found(message, counted(len(numbers), "frame"), expected.text, frames=gaps), *found]


def _misnumbered(sequence: SequenceFacts, expected: ExpectedFrames, gaps: Sequence[int]) -> list[Found]:
    """Warn of frames that lie far outside all others, with their files, and the missing frames that they may be."""
    files = [frame for frame in sequence.frames if frame.frame in expected.far]
    if not files:
        return []
    names = ", ".join(frame.path.rpartition("/")[2] for frame in files[:_ENTRIES_SHOWN])
    may_be = (
        f", as {joined_ranges(gaps)} {'is' if len(gaps) == 1 else 'are'} missing" if len(gaps) == len(files) else ""
    )
    what = f"far outside all other frames, {expected.text}: probably misnumbered{may_be} ({names})"
    return of_frames([frame.frame for frame in files], what, expected.text, severity=Severity.WARNING)


def _ordinal(number: int) -> str:
    ending = "th" if number % 100 in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return {2: "second", 3: "third"}.get(number, f"{number}{ending}")


@sequence_rule(
    "SEQ-PADDING",
    Severity.WARNING,
    "The file names of a sequence have the same number of digits and the same extension",
    why="Software sorts the files in the wrong order, or takes them for two sequences.",
    source="Netflix VFX plate naming",
    fix="Rename the frames that the message names as the others.",
    profiles={"netflix-vfx": "error", "netflix-nam": "error"},
)
def padding(sequence: SequenceFacts, _: object) -> Results:
    """Check the number of digits as written and the case of the extension (`.EXR` beside `.exr`).

    Numbers that outgrew their padding are accepted, and duplicate frames count once.

    If the sign of negative numbers takes the place of a digit (`%04d` writes `-002` beside `0002`), it counts as one.
    """
    above = {f.padding for f in sequence.frames if f.frame >= 0}
    sign = int({f.padding + 1 for f in sequence.frames if f.frame < 0} <= above)
    digits = {f.path: f.padding + sign * (f.frame < 0) for f in sequence.frames}
    widest = max((digits[f.path] for f in sequence.frames if len(str(abs(f.frame))) < f.padding), default=0)
    by_number = Counter(frame.frame for frame in sequence.frames)
    twice = [number for number, count in sorted(by_number.items()) if count > 1]

    def alone(frame: FrameSummary) -> int | None:
        return digits[frame.path] if digits[frame.path] <= widest and by_number[frame.frame] == 1 else None

    odd = drift(sequence, "the number of digits", alone)
    extension = sequence.name.rpartition(".")[2]
    by_case: dict[str, list[int]] = {}
    for frame in sequence.frames:
        by_case.setdefault(frame.path.rpartition(".")[2], []).append(frame.frame)
    for other, numbers in by_case.items():
        if other != extension and other.lower() == extension.lower():
            odd += of_frames(
                numbers, f"the extension is .{other}, not .{extension}: rename them", f".{extension}", f".{other}"
            )
    return odd + of_frames(twice, "several files with different paddings", "one file a frame")


@sequence_rule(
    "DEL-NFX-NUMBERING",
    Severity.ERROR,
    "The frame numbers of a Netflix archival master have no gaps",
    why="Archival assets have to match the timeline.",
    source="Netflix non-graded archival master specifications",
    fix="Render or copy the frames that the message names.",
    profiles={"netflix-nam": "error"},
    limits="Gaps only; agreement with other assets is not checked.",
)
def numbering(sequence: SequenceFacts, parameters: SequenceParameters) -> Results:
    expected = _expected(sequence, parameters)
    every = tuple(range(part[0], part[-1] + 1) for part in expected.ranges)
    return _gaps(sequence, ExpectedFrames(every, far=expected.far))


REPORTED = (
    reported(
        "SEQ-STRAY",
        Severity.WARNING,
        "A delivery holds its frames and no copies, unfinished or other files",
        why="Copies and files of interrupted writes are taken for frames, or hide that a frame is not complete.",
        source="Netflix VFX plate naming",
        fix="Delete what does not belong to the delivery; the message says what the file seems to be.",
        limits="`check` and `report`, by names: copies (with a number or version behind the frame, fewer than the frames), "
        "AOVs without a frame number beside the frames of their image, other spellings of a name, AppleDouble, `.tmp`, `.part` "
        "and backups; with severity info, other files beside the frames.",
    ),
)
