"""Sequence rules on rates, time codes and counters of frames."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Sequence
from itertools import pairwise
from typing import NamedTuple

from exr_inspector.model import Severity
from exr_inspector.validation.facts import timecodes
from exr_inspector.validation.facts.sequences import SequenceFacts, clock_of_numbers, sibling_name
from exr_inspector.validation.frame_numbers import joined_ranges
from exr_inspector.validation.frames import FrameSummary
from exr_inspector.validation.rule import NOTHING, Found, Remedy, Results, counted, sequence_rule
from exr_inspector.validation.rules.sequences.comparison import SequenceParameters, drift, named

_MAX_RATE = 240
_FIELD = 40  # numbers that the frame field of a time code holds
_DROP = 30  # frames a second, rounded, at which time codes may drop numbers
_BEATS = 3  # jumps of the time code at equal distances
_COUNTED = (24, 25, 30, 48, 50, 60)  # rates that time codes can count


@sequence_rule(
    "TIM-FPS-SEQ",
    Severity.ERROR,
    "All frames have the same framesPerSecond",
    why="A sequence has one rate; software takes it from any frame.",
    source="OpenEXR standard attributes",
    fix="Write the same rate into all frames.",
    command="exrstdattr -framesPerSecond 24 1 IN.exr OUT.exr",
    remedy=Remedy.EDIT,
)
def sequence_frame_rate(sequence: SequenceFacts, _: object) -> Results:
    return drift(sequence, "framesPerSecond", lambda f: f.frame_rate, lambda rate: f"{rate:g}")


@sequence_rule(
    "TIM-TC-SEQ",
    Severity.WARNING,
    "The time code advances by one frame from frame to frame",
    why="Editorial cannot align the shot with the timeline.",
    source="SMPTE 12M; OpenEXR standard attributes (timeCode)",
    fix="Find out which frames come from another take, were copied or have slipped, and correct their time codes.",
    limits="In `check` and `report`, also against the plate of the shot and the other views and AOVs: differences of up to 24 "
    "frames that are the same in all frames. Without framesPerSecond, timecodeRate and the parameter frame_rate, the rate is "
    "that of the steps into the next second, if two thirds of the time codes advance within a second as the frame numbers do, "
    "and none stays for three frames: images on twos, and rates above 30, at which time codes count pairs, are not checked.",
    command="exrstdattr -timeCode HHMMSSFF 0 IN.exr OUT.exr",
    remedy=Remedy.EDIT,
)
def time_code(sequence: SequenceFacts, parameters: SequenceParameters) -> Results:
    """Check that time code minus frame number is constant, also across midnight and dropped time codes.

    The rate is framesPerSecond, else timecodeRate, else `frame_rate`, else the one that the time codes show; without a rate
    nothing is checked. A time code that all frames share was copied from one file with its other attributes, and is reported
    once as info.
    """
    coded, rate = time_codes(sequence, parameters)
    if len(coded) < 2 or rate is None:
        return NOTHING
    if constant := _repeated("time code", [(frame.frame, code.text) for frame, code in coded]):
        return constant
    odd = out_of_order(coded, rate)
    if not odd:
        return _unlike_siblings(sequence, coded)
    beat = _beat(coded, rate)
    if len(beat) == len(coded) - 1 >= _BEATS:
        return _other_step(coded, beat[0].ahead, rate)
    first, code = odd[0].frame, odd[0].code
    frames = [each.frame for each in odd]
    last = max(code.frame for _, code in coded)
    other_rate = next((other for other in _COUNTED if last < other and not _out_of_step(coded, other, 1)), None)
    if other_rate is not None:
        place = f"the first that differs is {code.text} at {first}"
        message = f"Time codes count {other_rate} frames a second at a frame rate of {rate:g}; {place}"
        return [Found(message, f"{other_rate} frames a second", f"{rate:g}", frames=frames)]
    wanted, ahead = odd[0].expected.text, odd[0].ahead
    jump = f"{counted(abs(ahead), 'frame')} {'later' if ahead > 0 else 'earlier'} than expected ({wanted})"
    what = "does not follow the frame number as in the other frames"
    if odd == beat:
        what = "repeats that of the frame before" if ahead == -1 else "jumps"
        what += ", in a regular beat: was the sequence converted to another rate?"
    message = f"{named(frames)}: the time code {what}; {first} has {code.text}, {jump}{_other_reel(coded, frames)}"
    repeats = [
        after.frame
        for (before, same), (after, other) in pairwise(coded)
        if same == other and before.frame < after.frame
    ]
    if repeats and "repeats" not in what and timecodes.counted_rate(rate) == rate:
        message += f"; {joined_ranges(repeats)} {'repeat' if len(repeats) > 1 else 'repeats'} that of the frame before"
    if rate > _FIELD and all(abs(each.ahead) == _FIELD for each in odd):
        message += f"; the frame field, which counts pairs of frames at this rate, holds at most {_FIELD - 1}"
    return [Found(message, code.text, wanted, frames=frames)]


def _other_reel(coded: _Coded, frames: Container[int]) -> str:
    """The end of a message on some frames if all of them have another reelName than all others."""
    reels = [(frame.frame in frames, (frame.attributes or {}).get("reelName")) for frame, _ in coded]
    mine, theirs = ({reel for is_odd, reel in reels if is_odd is which} for which in (True, False))
    if len(mine) == len(theirs) == 1 and None not in mine | theirs and mine != theirs:
        return f"; their reelName is {mine.pop()}, that of the others {theirs.pop()}"
    return ""


def _other_step(coded: _Coded, ahead: int, rate: float) -> Results:
    """Report time codes that advance by one step of another size, or go back, throughout: info if it is a second or more."""
    frames = [frame.frame for frame, _ in coded]
    step = ahead + min(after - before for before, after in pairwise(frames))
    cause = "is the clip reversed?" if step < 0 else "a time lapse, or some frames of a longer clip?"
    way = "goes back" if step < 0 else "advances"
    message = f"The time code {way} by {counted(abs(step), 'frame')} from each frame to the next: {cause}"
    severity = Severity.INFO if step >= rate else None
    return [Found(message, f"{step:+}", "+1", severity=severity, frames=frames)]


def _unlike_siblings(sequence: SequenceFacts, coded: _Coded) -> Results:
    """Report time codes that are some frames later, or earlier, than those of the plate or of another view, in every frame."""
    if sequence.siblings.time_codes is None:
        return NOTHING
    other, ahead = sequence.siblings.time_codes
    frame, code = coded[0]
    message = (
        f"Every time code is {counted(abs(ahead), 'frame')} {'later' if ahead > 0 else 'earlier'} than in the same "
        f"frame of {sibling_name(sequence.name, other)}: the images have slipped? {frame.frame} has {code.text}"
    )
    return [Found(message, f"{ahead:+}", "the same time code")]


_Coded = list[tuple[FrameSummary, timecodes.Clock]]


class OddCode(NamedTuple):
    """A frame whose time code does not follow its number as most do: the expected one, and by how many frames it is later."""

    frame: int
    code: timecodes.Clock
    expected: timecodes.Clock
    ahead: int


def time_codes(sequence: SequenceFacts, parameters: SequenceParameters) -> tuple[_Coded, float | None]:
    """The frames with time codes, and the rate that most of them have, or else show; None if it is unknown or no rate."""
    coded = [(frame, code) for frame in sequence.frames if (code := frame.time_code) is not None]
    rates = Counter(frame.frame_rate for frame, _ in coded if frame.frame_rate)
    rates = rates or Counter(float(frame.timecode_rate) for frame, _ in coded if frame.timecode_rate)
    rate = rates.most_common(1)[0][0] if rates else parameters.frame_rate
    if rate is None:
        rate = timecodes.shown_rate([(frame.frame, code) for frame, code in coded])
    elif round(timecodes.counted_rate(rate)) != _DROP or (
        rate > _FIELD and len({c.is_drop_frame for _, c in coded}) > 1
    ):
        # The flag means nothing, or was set by a number above 39 in the frame field; TIM-TC-DROP reports it.
        coded = [(frame, code._replace(is_drop_frame=False)) for frame, code in coded]
    return coded, rate if rate is not None and 1 <= rate <= _MAX_RATE else None


def out_of_order(coded: _Coded, rate: float) -> list[OddCode]:
    """Frames whose time code does not follow the frame number as most do, at a rate in frames a second."""
    # Above 30 frames per second the field counts frame pairs, but some writers count single frames.
    per_step = round(rate / timecodes.counted_rate(rate))
    ways = [_out_of_step(coded, rate / step, step) for step in {1, per_step}]
    beat = _beat(coded, rate)
    return min([*ways, beat] if beat else ways, key=len)


def _beat(coded: _Coded, rate: float) -> list[OddCode]:
    """`_regular_jumps` at the rate, or at another one that the time codes may count; empty without any."""
    last = max(code.frame for _, code in coded)
    rates = [rate, *(other for other in _COUNTED if last < other)]
    return next(filter(None, (_regular_jumps(coded, each) for each in rates)), [])


def _regular_jumps(coded: _Coded, rate: float) -> list[OddCode]:
    """Frames at equal distances, or a frame more or less, at which the time code stands still, or jumps by the same."""
    day = timecodes.frames_of_day(coded[0][1], rate)
    places = [(frame.frame, timecodes.frame_count(code, rate)) for frame, code in coded]
    found = []
    for ((number, count), (after, count_after)), (_, code) in zip(pairwise(places), coded[1:], strict=True):
        expected = (count + after - number) % day
        ahead = (count_after - expected + day // 2) % day - day // 2
        if ahead:
            found.append(
                OddCode(after, code, timecodes.clock_at(expected, rate, is_drop_frame=code.is_drop_frame), ahead)
            )
    distances = [after.frame - before.frame for before, after in pairwise(found)]
    is_beat = len(found) >= _BEATS and max(distances) - min(distances) <= 1 and len({each.ahead for each in found}) == 1
    return found if is_beat else []


def _repeated(what: str, values: Sequence[tuple[int, str | int]]) -> Results:
    """Create an info finding if all frames have the same value of something that must differ from frame to frame."""
    if len(values) < 2 or len({value for _, value in values}) > 1:
        return NOTHING
    value, frames = str(values[0][1]), [frame for frame, _ in values]
    message = f"All {len(values)} frames with {what} have the same one, {value}; expected one that changes from frame to frame"
    return [Found(message, value, "a different one in each frame", severity=Severity.INFO, frames=frames)]


def _out_of_step(coded: _Coded, rate: float, per_step: int) -> list[OddCode]:
    """Frames whose time code deviates from that of most others, at `rate` steps per second of `per_step` frames each."""
    clock = clock_of_numbers(sorted({frame.frame for frame, _ in coded}))
    day = timecodes.frames_of_day(coded[0][1], rate) * per_step
    places, offsets = [], []
    for frame, code in coded:
        place = frame.frame if clock is None else timecodes.frame_count(clock.clock(frame.frame), clock.rate)
        places.append(place)
        offsets.append((timecodes.frame_count(code, rate) * per_step - place) % day)
    counts = Counter(offsets)
    # The offsets of frames on one step differ by less than a step: find the offset window with most frames.
    usual = max(counts, key=lambda offset: sum(counts[(offset - back) % day] for back in range(per_step)))
    steady = {(usual - back) % day for back in range(per_step)}
    odd = []
    for (frame, code), place, offset in zip(coded, places, offsets, strict=True):
        if offset not in steady:
            count = (place + usual) % day // per_step
            expected = timecodes.clock_at(count, rate, is_drop_frame=code.is_drop_frame)
            ahead = (per_step * (timecodes.frame_count(code, rate) - count) + day // 2) % day - day // 2
            odd.append(OddCode(frame.frame, code, expected, ahead))
    return odd


@sequence_rule(
    "TIM-COUNTER",
    Severity.WARNING,
    "imageCounter rises from frame to frame",
    why="It is the camera's count of images, so a step back means that frames were exchanged or copied.",
    source="OpenEXR standard attributes",
    fix="Compare the frames that the message names with the camera's originals.",
)
def counter(sequence: SequenceFacts, _: object) -> Results:
    counted = [(f.frame, f.image_counter) for f in sequence.frames if f.image_counter is not None]
    if constant := _repeated("imageCounter", counted):
        codes = [(f.frame, f.time_code.text) for f in sequence.frames if f.time_code is not None]
        return NOTHING if _repeated("time code", codes) else constant  # one fact: TIM-TC-SEQ reports it
    odd = [frame for (_, before), (frame, after) in pairwise(counted) if after <= before]
    if not odd:
        return NOTHING
    numbers = joined_ranges(odd)
    message = f"imageCounter does not rise at frame{'s' * (len(odd) > 1)} {numbers}"
    return [Found(message, numbers, "a higher number in each frame", frames=odd)]
