"""Decodes SMPTE time codes as packed in the attribute type `timecode`: digits, flags and user data. Does not count frames.

All digits are binary coded decimal. Bits of `time_and_flags`, lowest first (OpenEXR 3.5, `ImfTimeCode.h`):

    0-3 frame units, 4-5 frame tens, 8-11 second units, 12-14 tens, 16-19 minute units, 20-22 tens, 24-27 hour units, 28-29 tens
            TV60                    TV50                    FILM24
     6      drop frame              (unused)                (unused)
     7      colour frame            colour frame            (unused)
    15      field/phase             binary group flag 0     field/phase
    23      binary group flag 0     binary group flag 2     binary group flag 0
    30      binary group flag 1     binary group flag 1     binary group flag 1
    31      binary group flag 2     field/phase             binary group flag 2

A file does not store its packing; OpenEXR assumes TV60.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from exr_inspector.exr.header.values import TimeCode


class Packing(str, Enum):
    """The three assignments of the flag bits."""

    TV60 = "TV60"
    TV50 = "TV50"
    FILM24 = "FILM24"


# packing -> bits of drop frame, colour frame, field/phase, binary group flags 0, 1, 2; None if the packing has no such bit
_BITS: dict[Packing, tuple[int | None, int | None, int, int, int, int]] = {
    Packing.TV60: (6, 7, 15, 23, 30, 31),
    Packing.TV50: (None, 7, 31, 15, 30, 23),
    Packing.FILM24: (None, None, 15, 23, 30, 31),
}
_FRAMES = {Packing.TV60: 30, Packing.TV50: 25, Packing.FILM24: 24}


@dataclass(frozen=True, slots=True)
class TimeCodeReading:
    """A time code, decoded with one packing.

    Attributes:
        packing: The packing.
        hours: Hours as stored, possibly out of range (as for the next three).
        minutes: Minutes.
        seconds: Seconds.
        frame: Frame within the second. Above 30 frames a second it counts pairs, and the field bit selects one of the two.
        drop_frame: Drop frame flag; False if the packing has none (as for colour_frame).
        colour_frame: Colour frame flag.
        field_phase: Field or phase bit.
        group_flags: Binary group flags 0, 1, 2.
        user_data: The eight 4-bit binary groups, group 1 first.
        problems: Why it is not a valid time of day; empty if it is valid.
    """

    packing: Packing
    hours: int
    minutes: int
    seconds: int
    frame: int
    drop_frame: bool
    colour_frame: bool
    field_phase: bool
    group_flags: tuple[bool, bool, bool]
    user_data: tuple[int, ...]
    problems: tuple[str, ...]

    @property
    def text(self) -> str:
        """`HH:MM:SS:FF`, or `HH:MM:SS;FF` for drop frame."""
        separator = ";" if self.drop_frame else ":"
        return f"{self.hours:02}:{self.minutes:02}:{self.seconds:02}{separator}{self.frame:02}"


def read_timecode(value: TimeCode, packing: Packing = Packing.TV60) -> TimeCodeReading:
    """Decode the digits and flags of a time code. Never raises; invalid digits are listed in `problems`."""
    word = value.time_and_flags
    drop, colour, field, *groups = (bit is not None and bool(word >> bit & 1) for bit in _BITS[packing])
    fields = []
    problems = []
    for name, shift, tens_mask, limit in (
        ("hours", 24, 3, 24),
        ("minutes", 16, 7, 60),
        ("seconds", 8, 7, 60),
        ("frame", 0, 3, _FRAMES[packing]),
    ):
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
    user_data = tuple(value.user_data >> shift & 15 for shift in range(0, 32, 4))
    flags = (groups[0], groups[1], groups[2])
    return TimeCodeReading(
        packing, hours, minutes, seconds, frame, drop, colour, field, flags, user_data, tuple(problems)
    )
