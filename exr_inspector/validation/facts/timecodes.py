"""Arithmetic of time codes (SMPTE 12M): the frame count since midnight, and the time codes that drop-frame counting skips.

The bits are decoded in `exr.header.timecode`.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from exr_inspector.exr.header.timecode import read_timecode
from exr_inspector.exr.header.values import TimeCode

_TEXT = re.compile(r"(\d\d):(\d\d):(\d\d)([:;])(\d\d)", re.ASCII)
_DROP_FLAG = 0x40
DROP_RATE = 30_000 / 1001
_MAX_COUNTED = 30.5  # the frame field holds 0 to 29; at higher rates it counts frame pairs (SMPTE 12M-1)
_DAY = 86_400  # seconds
_USUAL = (24, 25, 30)  # frames a second that the frame field counts
_HIGHEST = 60
_FEWEST_STEPS = 3


class Clock(NamedTuple):
    """The fields of a time code."""

    hours: int
    minutes: int
    seconds: int
    frame: int
    is_drop_frame: bool

    @property
    def text(self) -> str:
        """The time code as `hh:mm:ss:ff`, or `hh:mm:ss;ff` for drop frame."""
        return f"{self.hours:02}:{self.minutes:02}:{self.seconds:02}{';' if self.is_drop_frame else ':'}{self.frame:02}"


def clock_of(value: TimeCode) -> Clock:
    """The fields of a stored time code, without a range check."""
    reading = read_timecode(value)
    return Clock(reading.hours, reading.minutes, reading.seconds, reading.frame, reading.drop_frame)


def clock_of_text(text: str | None) -> Clock | None:
    """Parse `hh:mm:ss:ff`; None for any other text."""
    match = _TEXT.fullmatch(text) if text else None
    if match is None:
        return None
    hours, minutes, seconds, frame = (int(match[group]) for group in (1, 2, 3, 5))
    return Clock(hours, minutes, seconds, frame, match[4] == ";")


def has_drop_flag(value: TimeCode) -> bool:
    """Whether the drop-frame flag of a stored time code is set."""
    return bool(value.time_and_flags & _DROP_FLAG)


def counted_rate(rate: float) -> float:
    """Steps of the frame field per second: the frame rate, halved until it is at most 30, as the field counts frame pairs."""
    while rate > _MAX_COUNTED and math.isfinite(rate):
        rate /= 2
    return rate


def is_drop_rate(rate: float) -> bool:
    """Whether drop-frame counting is defined for this rate: 29.97, 59.94, 119.88."""
    return math.isclose(counted_rate(rate), DROP_RATE, rel_tol=1e-4)


def range_problems(value: TimeCode, rate: float | None) -> tuple[str, ...]:
    """The fields of a time code that are out of range at `rate` frames per second; drop-frame counting is not considered.

    Without a rate, the frame field is checked against 30, as in OpenEXR's TimeCode class. At rates above 30, it counts pairs.
    """
    reading = read_timecode(TimeCode(value.time_and_flags & ~_DROP_FLAG, value.user_data))
    if rate is None or value.time_and_flags & 15 > 9:  # no rate to check against, or not a decimal digit
        return reading.problems
    others = tuple(problem for problem in reading.problems if not problem.startswith("frame:"))
    limit = math.ceil(counted_rate(rate) - 1e-6)
    if reading.frame >= limit:
        pairs = "" if rate <= _MAX_COUNTED else f", since the field counts pairs at {rate:g} frames per second"
        return (*others, f"frame: {reading.frame} is not from 0 to {limit - 1}{pairs}")
    return others


def frame_count(clock: Clock, rate: float) -> int:
    """The number of frames since 00:00:00:00 at `rate` frames per second, with drop-frame counting if the time code has it."""
    base = round(rate)
    total = _second(clock) * base + clock.frame
    if not clock.is_drop_frame:
        return total
    minutes = clock.hours * 60 + clock.minutes
    return total - base // 15 * (minutes - minutes // 10)


def clock_at(count: int, rate: float, *, is_drop_frame: bool) -> Clock:
    """The time code of a number of frames since 00:00:00:00; the reverse of `frame_count`.

    >>> clock_at(1800, 30, is_drop_frame=True).text, clock_at(17982, 30, is_drop_frame=True).text
    ('00:01:00;02', '00:10:00;00')
    """
    base = round(rate)
    dropped = base // 15 if is_drop_frame else 0
    tens, rest = divmod(count, 600 * base - 9 * dropped)
    minutes = 10 * tens + max(0, rest - dropped) // (60 * base - dropped)
    count += dropped * (minutes - minutes // 10)
    seconds, frame = divmod(count, base)
    return Clock(seconds // 3600, seconds // 60 % 60, seconds % 60, frame, is_drop_frame)


def frames_of_day(clock: Clock, rate: float) -> int:
    """The number of frames of a day, with drop-frame counting if `clock` has it."""
    return frame_count(clock._replace(hours=24, minutes=0, seconds=0, frame=0), rate)


def shown_rate(codes: Sequence[tuple[int, Clock]]) -> int | None:
    """The frames a second that time codes count, as they show it themselves; None if they do not.

    Most codes must follow the one before by the difference of the frame numbers within a second: those of images on twos, and
    of rates above 30, where the field counts pairs of frames, do not. The steps into a later second show the rate.

    Args:
        codes: Frame numbers, ascending, with their time codes.

    >>> shown_rate([(1001 + n, clock_at(86_400 + n, 25, is_drop_frame=False)) for n in range(40)])
    25
    """
    steps = [
        (after - before, (_second(code) - _second(clock)) % _DAY, clock, code)
        for (before, clock), (after, code) in pairwise(codes)
        if after > before
    ]
    is_held = [clock == code for _, _, clock, code in steps]
    regular = [code for frames, seconds, clock, code in steps if not seconds and code.frame - clock.frame == frames]
    if len(regular) < max(_FEWEST_STEPS, len(steps) * 2 / 3) or any(both == (True, True) for both in pairwise(is_held)):
        return None
    last = max(code.frame for code in regular)
    is_drop_frame = regular[0].is_drop_frame
    rates: Counter[int] = Counter()
    for frames, seconds, clock, code in steps:
        if 0 < seconds < _DAY // 2 and not (is_drop_frame and code.minutes != clock.minutes):
            rate, rest = divmod(frames + clock.frame - code.frame, seconds)
            if not rest and last < rate <= _HIGHEST:
                rates[rate] += 1
    if rates:
        return max(rates, key=lambda rate: (rates[rate], rate in _USUAL))
    if is_drop_frame:
        return 30
    # Codes of one second are the same at every rate.
    return next((rate for rate in _USUAL if last < rate), None) if len({*map(_second, regular)}) == 1 else None


def _second(clock: Clock) -> int:
    """The number of seconds since 00:00:00."""
    return (clock.hours * 60 + clock.minutes) * 60 + clock.seconds


def is_dropped(clock: Clock, rate: float) -> bool:
    """Whether drop-frame counting skips this time code."""
    dropped = round(counted_rate(rate)) // 15
    return clock.is_drop_frame and not clock.seconds and clock.frame < dropped and clock.minutes % 10 != 0
