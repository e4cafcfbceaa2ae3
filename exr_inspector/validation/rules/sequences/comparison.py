"""Parameters of the sequence rules, and how they compare frames and word what differs. Pure.

A difference is reported against the value that most frames have, in one finding for all frames that share it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from operator import ge, le
from typing import Annotated, Any

from pydantic import Field, field_validator

from exr_inspector.model import Severity
from exr_inspector.validation.facts.sequences import SequenceFacts
from exr_inspector.validation.frame_numbers import FrameNumbers, joined_ranges
from exr_inspector.validation.frames import FrameSummary
from exr_inspector.validation.parameters import FrameRange, Pixels, Positive
from exr_inspector.validation.rule import Found, counted
from exr_inspector.validation.rules.times import TimeParameters

_PAUSES = 10  # least ratio of the pause between two runs to the longest one between two frames


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


def named(numbers: Sequence[int], word: str = "Frame") -> str:
    """The beginning of a message on frames: `Frame 1003`, `Frames 1001-1004, 1009`."""
    return f"{word}{'s' * (len(set(numbers)) > 1)} {joined_ranges(numbers)}"


def frames_words(originals: Mapping[int, int]) -> str:
    """The frames that others repeat, which `originals` gives for each of these: `frame 1004`, `frames 1004-1006`."""
    of = FrameNumbers.of(originals.values())
    return f"frame{'s' * (len(of) != 1)} {of.words}"


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
    """Create one finding for each value other than the most frequent one; frames with an unknown value are skipped.

    If as many frames have the other value, and all were written in one go, nothing tells which is wrong: the finding names no
    frames to be corrected.
    """
    by_value: dict[Any, list[int]] = {}
    for frame in sequence.frames:
        value = value_of(frame)
        if value is not None:
            by_value.setdefault(value, []).append(frame.frame)
    if len(by_value) < 2:
        return []
    usual = usual_value(sequence, by_value)
    expected = show(usual)
    word = sequence.word.lower()
    others = f"the other {word}s" if len(by_value) == 2 else counted(len(by_value[usual]), word)
    found = []
    for value, numbers in by_value.items():
        if value != usual:
            message = f"{named(numbers, sequence.word)}: {what} is {show(value)}, in {others} {expected}"
            is_tie = 1 < len(numbers) == len(by_value[usual]) and not _written_apart(sequence, numbers)
            if is_tie:
                message += f" ({joined_ranges(by_value[usual])}): as many have each, so that either can be wrong"
            found.append(Found(message, show(value), expected, frames=() if is_tie else numbers))
    return found


def _written_apart(sequence: SequenceFacts, numbers: Sequence[int]) -> bool:
    """Whether a long pause lies between the writing of these frames and that of all others."""
    seen = sorted((frame.mtime.timestamp(), frame.frame in numbers) for frame in sequence.frames if frame.mtime)
    pauses = [(after[0] - before[0], before[1] != after[1]) for before, after in pairwise(seen)]
    between = [pause for pause, is_between in pauses if is_between]
    within = [pause for pause, is_between in pauses if not is_between]
    return len(between) == 1 and between[0] > _PAUSES * max(within, default=0.0)


def usual_value(sequence: SequenceFacts, by_value: Mapping[Any, Sequence[int]]) -> Any:
    """The value that most frames have; if two have as many, that of the frames written last, since older ones may be left."""
    written = {frame.frame: frame.mtime.timestamp() for frame in sequence.frames if frame.mtime is not None}
    return max(by_value, key=lambda value: (len(by_value[value]), max(written.get(n, 0.0) for n in by_value[value])))


def frame_area(frame: FrameSummary) -> int:
    """Pixels of the data window; 1 if unknown."""
    return area(frame.data_window or (1, 1))


def area(window: tuple[int, ...]) -> int:
    """Pixels of a window as a frame summary has it; at least 1, also of an inverted one."""
    width, height = window_size(window)
    return max(1, width) * max(1, height)


def is_within(window: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether a window lies in another one, both as (x_min, y_min, x_max, y_max); False for a size without a position."""
    return len(window) == 4 and all(map(ge, window[:2], other[:2])) and all(map(le, window[2:], other[2:]))


def window_size(window: tuple[int, ...]) -> tuple[int, int]:
    """Width and height of a window as a frame summary has it."""
    return (window[0], window[1]) if len(window) == 2 else (window[2] - window[0] + 1, window[3] - window[1] + 1)
