"""Decodes SMPTE time codes as packed in the attribute type `timecode`: digits and flags. Does not count frames.

All digits are binary coded decimal. Bits of `time_and_flags`, lowest first (OpenEXR 3.5, `ImfTimeCode.h`; in the packing TV60,
which the library assumes, since a file does not store its packing):

    0-3 frame units, 4-5 frame tens, 8-11 second units, 12-14 tens, 16-19 minute units, 20-22 tens, 24-27 hour units, 28-29 tens
    6 drop frame, 7 colour frame, 15 field or phase, 23, 30 and 31 binary group flags 0, 1 and 2
"""

from __future__ import annotations

from dataclasses import dataclass

from exr_inspector.exr.header.values import TimeCode

_FLAG_BITS = (6, 7, 15, 23, 30, 31)
# Field, first bit, bits of the tens, and the first number that is too large.
_FIELDS = (("hours", 24, 3, 24), ("minutes", 16, 7, 60), ("seconds", 8, 7, 60), ("frame", 0, 3, 30))


@dataclass(frozen=True, slots=True)
class TimeCodeReading:
    """A decoded time code.

    Attributes:
        hours: Hours as stored, possibly out of range (as for the next three).
        minutes: Minutes.
        seconds: Seconds.
        frame: Frame within the second. Above 30 frames a second it counts pairs, and the field bit selects one of the two.
        drop_frame: Drop frame flag.
        colour_frame: Colour frame flag.
        field_phase: Field or phase bit.
        group_flags: Binary group flags 0, 1, 2.
        problems: Why it is not a valid time of day; empty if it is valid.
    """

    hours: int
    minutes: int
    seconds: int
    frame: int
    drop_frame: bool
    colour_frame: bool
    field_phase: bool
    group_flags: tuple[bool, ...]
    problems: tuple[str, ...]

    @property
    def text(self) -> str:
        """`HH:MM:SS:FF`, or `HH:MM:SS;FF` for drop frame."""
        separator = ";" if self.drop_frame else ":"
        return f"{self.hours:02}:{self.minutes:02}:{self.seconds:02}{separator}{self.frame:02}"


def read_timecode(value: TimeCode) -> TimeCodeReading:
    """Decode the digits and flags of a time code. Never raises; invalid digits are listed in `problems`."""
    word = value.time_and_flags
    drop, colour, field, *groups = (bool(word >> bit & 1) for bit in _FLAG_BITS)
    fields = []
    problems = []
    for name, shift, tens_mask, limit in _FIELDS:
        units, tens = word >> shift & 15, word >> shift + 4 & tens_mask
        number = 10 * tens + units
        fields.append(number)
        if units > 9:
            problems.append(f"{name}: the digit {units} is not decimal")
        elif number >= limit:
            problems.append(f"{name}: {number} is not below {limit}")
    hours, minutes, seconds, frame = fields
    if drop and not problems and not seconds and frame < 2 and minutes % 10:
        problems.append(f"frame: {frame} of minute {minutes} does not exist in drop frame")
    return TimeCodeReading(hours, minutes, seconds, frame, drop, colour, field, tuple(groups), tuple(problems))
