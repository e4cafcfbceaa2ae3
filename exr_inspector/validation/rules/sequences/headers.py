"""Sequence rules on frame numbers and headers: comparisons of frame summaries. Pure.

A difference is reported against the value that most frames have, in one finding for all frames that share it. The time for ten
thousand frames is well under a second.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field, field_validator

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
from exr_inspector.validation.parameters import FrameRange, Pixels, Positive
from exr_inspector.validation.rule import NOTHING, Found, Results, counted, listed, reported, sequence_rule
from exr_inspector.validation.rules.times import TimeParameters

_ENTRIES_SHOWN = 4
_LEAST_PADDING = 3  # digits of a frame number that are recognised in the names of parts
_SPARSE = 100  # missing frames for each frame that is there
_TYPICAL = 8  # fewer frames do not tell which data window is the usual one
_RARE = 4  # less than one frame of so many has a region as its data window
_FEW = 10  # one frame of so many may have channels that the others need not have
_REGION = 0.9  # the most that a region has of the area


def named(numbers: Sequence[int]) -> str:
    """The beginning of a message on frames: `Frame 1003`, `Frames 1001-1004, 1009`."""
    return f"{'Frame' if len(set(numbers)) == 1 else 'Frames'} {joined_ranges(numbers)}"


def of_frames(
    frames: Sequence[int], what: str, expected: str, found: str = "", severity: Severity | None = None
) -> list[Found]:
    """Create one finding for all given frames, with `found` or their numbers as the found value; none without frames."""
    if not frames:
        return []
    message = f"{named(frames)}: {what}"
    return [Found(message, found or joined_ranges(frames), expected, severity=severity, frames=frames)]


def drift(
    sequence: SequenceFacts, what: str, value_of: Callable[[FrameSummary], Any], show: Callable[[Any], str] = str
) -> list[Found]:
    """Create one finding for each value other than the most frequent one; frames with an unknown value are skipped."""
    by_value: dict[Any, list[int]] = {}
    for frame in sequence.frames:
        value = value_of(frame)
        if value is not None:
            by_value.setdefault(value, []).append(frame.frame)
    if len(by_value) < 2:
        return []
    usual = _usual(sequence, by_value)
    expected = show(usual)
    others = "the other frames" if len(by_value) == 2 else counted(len(by_value[usual]), "frame")
    found = []
    for value, numbers in by_value.items():
        if value != usual:
            message = f"{named(numbers)}: {what} is {show(value)}, in {others} {expected}"
            found.append(Found(message, show(value), expected, frames=numbers))
    return found


def _usual(sequence: SequenceFacts, by_value: Mapping[Any, Sequence[int]]) -> Any:
    """The value that most frames have; if two have as many, that of the frames written last, since older ones may be left."""
    written = {frame.frame: frame.mtime.timestamp() for frame in sequence.frames if frame.mtime is not None}
    return max(by_value, key=lambda value: (len(by_value[value]), max(written.get(n, 0.0) for n in by_value[value])))


def _window(values: tuple[int, ...]) -> str:
    if len(values) == 2:
        return f"{values[0]}x{values[1]}"
    return f"({values[0]}, {values[1]})-({values[2]}, {values[3]})"


class SequenceParameters(TimeParameters):
    """Parameters of the rules on sequences."""

    frame_range: FrameRange | None = Field(None, description="First and last frame that must exist (SEQ-MISSING).")
    frame_step: Pixels = Field(1, description="Difference of neighbouring frame numbers (SEQ-MISSING).")
    size_outlier: Annotated[float, Field(gt=1, allow_inf_nan=False)] = Field(
        5.0, description="Factor by which a frame's size may differ from the sequence's median (CHK-SIZE-OUTLIER)."
    )
    flash_factor: Annotated[float, Field(gt=1, allow_inf_nan=False)] = Field(
        3.0, description="How many times brighter or darker than its neighbours a frame may be (SEQ-FLASH)."
    )
    stale_hours: Positive = Field(
        72.0, description="Hours by which one frame may be older or newer than the median (SEQ-STALE-FRAME)."
    )

    @field_validator("frame_range")
    @classmethod
    def _in_order(cls, value: tuple[int, int] | None) -> tuple[int, int] | None:
        if value is not None and value[0] > value[1]:
            raise ValueError(f"the first frame {value[0]} is above the last {value[1]}")
        return value


@sequence_rule(
    "SEQ-MISSING",
    Severity.ERROR,
    "Every frame from the first to the last is present, and none lies outside frame_range",
    why="The shot cannot be played or composited without the missing frames.",
    source="Netflix non-graded archival master specifications (continuous frames)",
    fix="Render or copy the frames that the message names, and rename those that are misnumbered.",
    limits="Without a range, a few frames that lie far outside all others are warnings, and nothing is missing before them. "
    "That outputs of one script (`comp.####`, `comp.bake.####`) begin or end with different frames is info. "
    "Frames that are squares and have numbers and gaps as UDIM tiles are not compared.",
)
def missing(sequence: SequenceFacts, parameters: SequenceParameters) -> Results:
    """Report gaps between first and last frame, or against the required range and step; unexpected frames are a warning.

    Without a required range, a sequence of every second, third, ... frame without other gaps is a warning.
    """
    found = [*_gaps(sequence, _expected(sequence, parameters)), *_in_other_versions(sequence)]
    is_given = bool(sequence.required) or parameters.frame_range is not None
    return found if is_given else [*found, *_fewer_than_siblings(sequence), *_ends_of_outputs(sequence)]


def _in_other_versions(sequence: SequenceFacts) -> list[Found]:
    """Warn of frames that another version has if each version has a part of one range."""
    every = joined_ranges(sorted({*sequence.numbers, *sequence.siblings.versions}))
    return [
        Found(
            f"Another version, {other}, goes on with {joined_ranges(numbers)}: one range in several versions",
            joined_ranges(sequence.numbers),
            every,
            severity=Severity.WARNING,
        )
        for other, numbers in by_sibling(sequence.name, sequence.siblings.versions).items()
    ]


def _ends_of_outputs(sequence: SequenceFacts) -> list[Found]:
    """The frames before and behind those of this output that other outputs of one script have; info, as it may be intended."""
    return [
        Found(
            f"The frames are {joined_ranges(sequence.numbers)}; {other}, probably an output of the same script, also has "
            f"{joined_ranges(numbers)}",
            joined_ranges(sequence.numbers),
            joined_ranges(sorted({*sequence.numbers, *numbers})),
            severity=Severity.INFO,
        )
        for other, numbers in by_sibling(sequence.name, sequence.siblings.ends).items()
    ]


def _fewer_than_siblings(sequence: SequenceFacts) -> list[Found]:
    """The frames of other views or AOVs of the image, if this one has half of them or fewer; info for a few."""
    more = sequence.siblings.more
    lacking = sorted(set(more).difference(sequence.numbers))
    if not lacking:
        return []
    other, every = sibling_name(sequence.name, more[lacking[0]]), joined_ranges(sorted(more))
    message = (
        f"Only {len(sequence.numbers)} of the {len(more)} frames that other views or AOVs of the image have ({other})"
    )
    is_one = len(sequence.numbers) == 1
    end = "; each of them may have been written to this one" if is_one else ""
    severity = Severity.WARNING if is_one or 4 * len(sequence.numbers) > len(more) else Severity.INFO
    return [Found(f"{message}: {every}{end}", joined_ranges(sequence.numbers), every, severity=severity)]


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
    found = [
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
def padding(sequence: SequenceFacts, _parameters: SequenceParameters) -> Results:
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
    "SEQ-RES",
    Severity.ERROR,
    "All frames have the same display window and pixel aspect ratio",
    why="The image jumps in size or position.",
    source="Netflix VFX requirements; OpenEXR technical introduction (Display Window and Data Window)",
    fix="Render the frames that the message names at the resolution of the others.",
    limits="Data windows that change have severity info; few frames with only a region of the others, warning.",
)
def resolution(sequence: SequenceFacts, _parameters: SequenceParameters) -> Results:
    """Check display windows and pixel aspect ratios; data windows may follow the image."""
    found = drift(sequence, "the display window", lambda f: f.display_window, _window)
    found += drift(sequence, "the pixel aspect ratio", lambda f: f.pixel_aspect, lambda ratio: f"{ratio:g}")
    return found or _data_windows(sequence)


def _data_windows(sequence: SequenceFacts) -> list[Found]:
    """Report data windows that change; a warning if few frames share one that is clearly smaller than that of all others.

    Such a window is the region of a render that was left on. A window that follows the image differs from frame to frame, or
    is another one from some frame on.
    """
    known = [(frame.frame, frame.data_window) for frame in sequence.frames if frame.data_window]
    windows = Counter(window for _, window in known)
    if len(windows) < 2:
        return []
    (usual, _), (other, _), *more = windows.most_common()
    odd = [index for index, (_, window) in enumerate(known) if window == other]
    is_rare = len(known) >= _TYPICAL and _RARE * len(odd) < len(known)
    is_run_at_end = odd[-1] - odd[0] < len(odd) and (odd[0] == 0 or odd[-1] == len(known) - 1)
    if not more:
        what = f"the data window is {_window(other)}, in the other frames {_window(usual)}"
        if is_region := _is_region(other, usual):
            what += ": only a region was rendered?"
        severity = Severity.WARNING if is_region and is_rare and not is_run_at_end else Severity.INFO
        numbers = [known[index][0] for index in odd]
        return of_frames(numbers, what, _window(usual), _window(other), severity)
    message = f"The data window changes over the sequence: {len(windows)} different ones"
    return [Found(message, str(len(windows)), "1", severity=Severity.INFO)]


def _is_region(window: tuple[int, ...], whole: tuple[int, ...]) -> bool:
    """Whether a data window lies in another one, is clearly smaller, and is not the single pixel of an empty image."""
    if len(window) != len(whole) or not 1 < area(window) < _REGION * area(whole):
        return False
    if len(window) == 2:
        return all(mine <= other for mine, other in zip(window, whole, strict=True))
    (left, top, right, bottom), (whole_left, whole_top, whole_right, whole_bottom) = window, whole
    return left >= whole_left and top >= whole_top and right <= whole_right and bottom <= whole_bottom


def frame_area(frame: FrameSummary) -> int:
    """Pixels of the data window; 1 if unknown."""
    return area(frame.data_window or (1, 1))


def area(window: tuple[int, ...]) -> int:
    """Pixels of a window as a frame summary has it; at least 1, also of an inverted one."""
    width, height = window if len(window) == 2 else (window[2] - window[0] + 1, window[3] - window[1] + 1)
    return max(1, width) * max(1, height)


def _some(names: Sequence[str]) -> str:
    return listed(names, _ENTRIES_SHOWN)


def _without_part(channels: Iterable[str]) -> Counter[str]:
    """Channels as `<name> <TYPE>`, without their part."""
    return Counter(value.partition(":")[2] or value for value in channels)


def _other_channels(usual: Iterable[str], value: Iterable[str]) -> tuple[str, str, str]:
    """Describe how channels differ from the usual ones, with found and expected channels; empty if only their parts differ."""
    most, mine = _without_part(usual), _without_part(value)
    lacking, new = sorted((most - mine).elements()), sorted((mine - most).elements())
    types = {name: kind for name, _, kind in (each.rpartition(" ") for each in lacking)}
    retyped: dict[tuple[str, str], list[str]] = {}
    for name, _, kind in (each.rpartition(" ") for each in new):
        if name in types:
            retyped.setdefault((kind, types[name]), []).append(name)
    same = {name for names in retyped.values() for name in names}
    words = [f"{_some(names)} {kind} instead of {before}" for (kind, before), names in retyped.items()]
    for word, names in (("without", lacking), ("with additional", new)):
        if others := [each for each in names if each.rpartition(" ")[0] not in same]:
            words.append(f"{word} {_some(others)}")
    return ", ".join(words), _some(new), _some(lacking)


@sequence_rule(
    "SEQ-CHANNELS",
    Severity.ERROR,
    "All frames have the same channels with the same pixel types",
    why="An AOV that is missing in some frames breaks the composite there.",
    source="Natron#1152; ProEXR#7 (readers take the channels of one frame for all); OpenImageIO#1271 (parts in another order)",
    fix="Render the frames that the message names with the AOVs of the others. Where only types differ, convert the frames of "
    "FLOAT, and where only parts do, combine them again in the order of the others (exrmultipart).",
    command="oiiotool IN.exr -d half -o OUT.exr",
    limits="Channels that a single frame, or at most a tenth of all, has in addition are taken for those that are wrong.",
)
def sequence_channels(sequence: SequenceFacts, _parameters: SequenceParameters) -> Results:
    """Report channels that are missing, additional, or of another type than in most frames.

    If several frames, and more than a tenth, have these channels and more, the others lack them. Equal channels in other parts
    are a warning: readers find them by name, but tools that address parts by number do not.
    """
    by_value: dict[tuple[str, ...], list[int]] = {}
    for frame in sequence.frames:
        if frame.channels is not None:
            by_value.setdefault(frame.channels, []).append(frame.frame)
    if len(by_value) < 2 or _differ_in_frame_number(sequence):
        return NOTHING
    usual = _usual(sequence, by_value)
    known = sum(map(len, by_value.values()))
    fuller = [
        value
        for value, numbers in by_value.items()
        if len(numbers) > max(1, known // _FEW) and not _without_part(usual) - _without_part(value)
    ]
    usual = max([usual, *fuller], key=len)
    found = []
    for value, numbers in by_value.items():
        if value == usual:
            continue
        words, new, lacking = _other_channels(usual, value)
        severity = None if words else Severity.WARNING
        message = f"{named(numbers)}: {words or 'the same channels in other parts than in most frames'}"
        found.append(Found(message, new, lacking, frames=numbers, severity=severity))
    return found


def _differ_in_frame_number(sequence: SequenceFacts) -> bool:
    """Whether the channels of all frames are equal but for the frame's number: parts can be named after their files."""
    texts = {
        "\n".join(frame.channels).replace(f"{frame.frame:0{frame.padding}}", "#")
        for frame in sequence.frames
        if frame.channels is not None and frame.padding >= _LEAST_PADDING
    }
    return len(texts) == 1


@sequence_rule(
    "SEQ-COMPRESSION",
    Severity.WARNING,
    "All frames have the same compression and tiles",
    why="Frames with other settings were written by another software or version.",
    source="OpenEXR technical introduction (Data Compression)",
    fix="Write the frames that the message names again, with the compression of the others.",
    command="oiiotool IN.exr --compression zip -o OUT.exr",
    profiles={"archive": "error"},
)
def sequence_compression(sequence: SequenceFacts, _parameters: SequenceParameters) -> Results:
    """Check compression, the level of DWA, part types and tile sizes."""
    same = _with_usual_parts(sequence)
    return [
        *drift(same, "the compression", lambda f: f.compression),
        *drift(same, "dwaCompressionLevel", _dwa_level),
        *drift(same, "the storage", lambda f: f.storage),
    ]


def _with_usual_parts(sequence: SequenceFacts) -> SequenceFacts:
    """The sequence without frames that have more or fewer parts than most: SEQ-CHANNELS says what they lack or add."""
    counts = Counter(frame.storage.count(",") for frame in sequence.frames if frame.storage is not None)
    usual = max(counts, key=counts.__getitem__, default=0)
    frames = [frame for frame in sequence.frames if frame.storage is not None and frame.storage.count(",") == usual]
    return SequenceFacts(sequence.name, frames, sequence.required, sequence.siblings)


def _dwa_level(frame: FrameSummary) -> str | None:
    """The level of the first part, as text; None if another codec is used, or if it is unknown."""
    is_known = frame.attributes is not None and (frame.compression or "").startswith("DWA")
    return frame.attributes.get("dwaCompressionLevel", "45.0") if is_known and frame.attributes is not None else None


@sequence_rule(
    "SEQ-METADATA",
    Severity.WARNING,
    "All frames have the same colour tags, views and software, and all of them or none a rate and a time code",
    why="Frames of two versions were mixed.",
    source="ASWF Color Interop recommendation 04",
    fix="Find out which version is right, and render the other frames again. A missing rate or time code can be added.",
    profiles={"archive": "error"},
)
def metadata(sequence: SequenceFacts, _parameters: SequenceParameters) -> Results:
    """Check colour tags, views and software, and whether a rate and a time code are there."""
    return [
        *drift(_with_usual_parts(sequence), "the colour tag", lambda f: f.colour),
        *drift(sequence, "the list of views", lambda f: f.views),
        *drift(sequence, "the software", lambda f: f.software),
        *drift(sequence, "framesPerSecond", lambda f: _presence(f, f.frame_rate)),
        *drift(sequence, "the time code", lambda f: _presence(f, f.time_code)),
    ]


def _presence(frame: FrameSummary, value: object) -> str | None:
    """Whether a frame has an attribute; None if its header is unknown."""
    return None if frame.channels is None else "missing" if value is None else "there"


@sequence_rule(
    "CRY-SEQ",
    Severity.WARNING,
    "All frames have the same Cryptomattes with the same number of layers",
    why="A matte that is missing in some frames makes the composite jump.",
    source="Cryptomatte specification 1.2.0",
    fix="Render the frames that the message names with the settings of the others.",
    limits="Keys and numbers of layers; the names in the manifests may change with the objects in the frame.",
)
def cryptomattes(sequence: SequenceFacts, _parameters: SequenceParameters) -> Results:
    """Compare keys and numbers of layers."""
    return drift(
        sequence, "the list of Cryptomattes", lambda f: f.cryptomattes, lambda value: ", ".join(value) or "none"
    )


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
    """Report every gap, whatever the step; agreement with other assets is not checked."""
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
