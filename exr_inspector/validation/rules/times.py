"""TIM: time code, frame rate, key code, capture date, exposure and camera of one file. Sequence rules are in `sequences`."""

from __future__ import annotations

import math
import re
from datetime import datetime

import numpy as np
from pydantic import Field

from exr_inspector.exr.header.values import KeyCode, Rational, TimeCode
from exr_inspector.model import Severity
from exr_inspector.validation.facts import timecodes
from exr_inspector.validation.facts import traits as t
from exr_inspector.validation.facts.facts import PartFacts
from exr_inspector.validation.parameters import Positive, RuleParameters
from exr_inspector.validation.rule import NOTHING, Found, Remedy, Results, part_rule

_STANDARD = "OpenEXR standard attributes"
_COMMON_RATES = (12, 15, 16, 18, 20, 24, 25, 30, 48, 50, 60, 72, 90, 96, 100, 120, 144, 150, 192, 200, 240)
_NTSC = (24, 30, 48, 60, 72, 96, 120)
_KEYCODE_RANGES = (
    ("filmMfcCode", 0, 99),
    ("filmType", 0, 99),
    ("prefix", 0, 999_999),
    ("count", 0, 9_999),
    ("perfOffset", 0, 119),
    ("perfsPerFrame", 1, 15),
    ("perfsPerCount", 20, 120),
)
_DATE = re.compile(r"\d{4}:\d\d:\d\d \d\d:\d\d:\d\d", re.ASCII)
_OLDEST_CAPTURE = 1888  # the first moving pictures
_UNSET = 0xFFFFFFFF  # of a time code's bits, as some recorders write it
_NEAR = 1e-3  # of a rate: how far a rounded one is from the exact one
_AFFINE = (0.0, 0.0, 0.0, 1.0)  # the last column of a matrix that moves and turns rows of coordinates
_POSITIVE = ("aperture", "tStop", "isoSpeed", "expTime")


def frame_rate(part: PartFacts) -> float | None:
    """framesPerSecond, or else the timecodeRate of SMPTE ST 2065-4; None if both are absent or invalid."""
    rational = part.part.value("framesPerSecond", "rational")
    rates = (rational.value if isinstance(rational, Rational) else None, part.part.integer("timecodeRate"))
    return next((rate for rate in rates if rate is not None and rate > 0), None)


def _time_code(part: PartFacts) -> TimeCode | None:
    value = part.part.value("timeCode", "timecode")
    return value if isinstance(value, TimeCode) else None


class TimeParameters(RuleParameters):
    """Parameters of the rules on time metadata."""

    frame_rate: Positive | None = Field(None, description="Frames per second of the show (TIM-FPS, TIM-TC-RANGE).")


@part_rule(
    "TIM-TC-RANGE",
    Severity.ERROR,
    "timeCode is a valid time, and its frame number is below the frame rate",
    why="Editorial cannot find a frame by a time that does not exist.",
    source="OpenEXR ImfTimeCode.h; SMPTE 12M",
    fix="Write hours 0 to 23, minutes and seconds 0 to 59 and a frame number below the rate, as hexadecimal digits HHMMSSFF.",
    command="exrstdattr -timeCode HHMMSSFF 0 IN.exr OUT.exr",
    remedy=Remedy.EDIT,
    when=t.TIME,
)
def time_code_range(part: PartFacts, parameters: TimeParameters) -> Results:
    """Check every field; the frame number against 30, framesPerSecond or the rate of the policy."""
    value = _time_code(part)
    if value is None:
        return NOTHING
    if value.time_and_flags == _UNSET:
        return [
            Found("timeCode is not set: all its bits are 1", "ff:ff:ff:ff", "a time of day", severity=Severity.WARNING)
        ]
    problems = timecodes.range_problems(value, frame_rate(part) or parameters.frame_rate)
    if not problems:
        return NOTHING
    text = timecodes.clock_of(value).text
    return [Found(f"timeCode {text} is not a valid time: {problems[0]}", text, "a time of day")]


@part_rule(
    "TIM-TC-DROP",
    Severity.WARNING,
    "Drop-frame time codes are used at 29.97 or 59.94 frames per second only, and skip the frame numbers "
    "that drop-frame counting skips",
    why="Otherwise time codes drift from the clock, or name frames that do not exist.",
    source="SMPTE 12M",
    fix="Clear the drop-frame flag, or correct framesPerSecond.",
    command="exrstdattr -framesPerSecond 30000 1001 IN.exr OUT.exr",
    remedy=Remedy.EDIT,
    when=t.TIME,
)
def drop_frame(part: PartFacts, parameters: TimeParameters) -> Results:
    """Check the drop-frame flag against the frame rate, and report dropped time codes; without a rate, those at 29.97."""
    value = _time_code(part)
    rate = frame_rate(part) or parameters.frame_rate or timecodes.DROP_RATE
    if value is None or value.time_and_flags == _UNSET or not timecodes.has_drop_flag(value):
        return NOTHING
    code = timecodes.clock_of(value)
    if not timecodes.is_drop_rate(rate):
        message = f"Drop-frame time code at {rate:g} frames per second; expected 29.97 or 59.94"
        return [Found(message, f"{rate:g}", "29.97 or 59.94")]
    if timecodes.is_dropped(code, rate):
        return [Found(f"Drop-frame counting skips {code.text}", code.text, "a counted frame")]
    return NOTHING


def _is_common(rate: Rational) -> bool:
    if rate.denominator == 1001:
        return rate.numerator in {1000 * base for base in _NTSC}
    return rate.numerator % rate.denominator == 0 and rate.numerator // rate.denominator in _COMMON_RATES


@part_rule(
    "TIM-FPS",
    Severity.WARNING,
    "framesPerSecond is a common rate, exact for NTSC rates, and the show's if the policy names one",
    why="A rounded rate such as 2397/100 drifts from the sound.",
    source=f"{_STANDARD}; OpenEXR ImfFramesPerSecond.h",
    fix="Write the exact ratio: 24/1, 25/1, 24000/1001 or 30000/1001.",
    command="exrstdattr -framesPerSecond NUMERATOR DENOMINATOR IN.exr OUT.exr",
    remedy=Remedy.EDIT,
    limits="The value; a missing framesPerSecond is not reported, nor a common rate times its denominator (24000/1000).",
    when=t.TIME,
)
def frames_per_second(part: PartFacts, parameters: TimeParameters) -> Results:
    value = part.part.value("framesPerSecond", "rational")
    if not isinstance(value, Rational):
        return NOTHING
    text = f"{value.numerator}/{value.denominator}"
    if not value.denominator or value.numerator <= 0:
        return [Found(f"framesPerSecond is {text}; expected a rate above 0", text, "above 0")]
    wanted = parameters.frame_rate
    rate = value.numerator / value.denominator
    if wanted is not None and not math.isclose(rate, wanted, rel_tol=1e-4):
        return [Found(f"framesPerSecond is {text}; the show has {wanted:g}", text, f"{wanted:g}")]
    common = math.gcd(value.numerator, value.denominator)
    reduced = Rational(value.numerator // common, value.denominator // common)
    if _is_common(reduced):
        if common in {1, value.denominator}:
            return NOTHING
        exact = f"{reduced.numerator}/{reduced.denominator}"
        message = f"framesPerSecond is {text}: {rate:.5g} frames per second, which is {exact} when reduced"
        return [Found(message, text, exact, severity=Severity.INFO)]
    expected = _nearest(rate) or "a common rate such as 24/1 or 24000/1001"
    return [Found(f"framesPerSecond is {text} ({rate:.5g}); expected {expected}", text, expected)]


def _nearest(rate: float) -> str:
    """The common rate that a rate is a rounded form of; empty if it is none."""
    exact = [(base, 1) for base in _COMMON_RATES] + [(1000 * base, 1001) for base in _NTSC]
    numerator, denominator = min(exact, key=lambda each: abs(each[0] / each[1] - rate))
    return f"{numerator}/{denominator}" if math.isclose(numerator / denominator, rate, rel_tol=_NEAR) else ""


@part_rule(
    "TIM-KEYCODE",
    Severity.WARNING,
    "Every field of keyCode is within its range",
    why="The OpenEXR library refuses other values when software asks for the key code.",
    source="OpenEXR ImfKeyCode.cpp",
    fix="Write the seven fields within their ranges, or remove keyCode.",
    command="oiiotool IN.exr -a --eraseattrib keyCode -o OUT.exr",
    remedy=Remedy.EDIT,
    when=t.TIME,
)
def key_code(part: PartFacts, _: object) -> Results:
    value = part.part.value("keyCode", "keycode")
    if not isinstance(value, KeyCode):
        return NOTHING
    return [
        Found(f"keyCode.{name} is {number}; expected {low} to {high}", str(number), f"{low} to {high}")
        for (name, low, high), number in zip(_KEYCODE_RANGES, value, strict=True)
        if not low <= number <= high
    ]


@part_rule(
    "TIM-CAPDATE",
    Severity.WARNING,
    "capDate has the form YYYY:MM:DD hh:mm:ss and is a plausible date in the past",
    why="Software that sorts or searches by date cannot read other forms.",
    source=_STANDARD,
    fix="Write the date as YYYY:MM:DD hh:mm:ss.",
    command='exrstdattr -capDate "2026:01:31 12:00:00" IN.exr OUT.exr',
    remedy=Remedy.EDIT,
    when=t.TIME,
)
def capture_date(part: PartFacts, _: object) -> Results:
    text = part.part.text("capDate")
    if text is None:
        return NOTHING
    expected = "YYYY:MM:DD hh:mm:ss"
    if not _DATE.fullmatch(text):
        return [Found(f"capDate is {text[:40]!r}; expected {expected}", text[:40], expected)]
    inspected = part.file.inspection.inspected_at
    try:
        numbers = [int(number) for number in text.replace(" ", ":").split(":")]
        taken = datetime(*numbers, tzinfo=inspected.tzinfo)  # type: ignore[arg-type, misc]  # six numbers by the pattern
    except ValueError:
        return [Found(f"capDate {text} is not a date", text, expected)]
    if taken.year < _OLDEST_CAPTURE or (taken - inspected).total_seconds() > 86_400:
        message = f"capDate {text} is before 1888 or after the inspection"
        return [Found(message, text, f"before {inspected:%Y:%m:%d %H:%M:%S}")]
    return NOTHING


@part_rule(
    "TIM-POSITIVE",
    Severity.WARNING,
    "captureRate, aperture, tStop, isoSpeed and expTime are above zero, and tStop is not below aperture",
    why="Other values are impossible: no lens transmits more light than its aperture lets in.",
    source=_STANDARD,
    fix="Write the camera's value, or remove the attribute.",
    command="oiiotool IN.exr -a --eraseattrib NAME -o OUT.exr",
    remedy=Remedy.EDIT,
    when=t.CAMERA,
)
def positive(part: PartFacts, _: object) -> Results:
    found = []
    rate = part.part.value("captureRate", "rational")
    if isinstance(rate, Rational) and not (rate.numerator > 0 and rate.denominator):
        text = f"{rate.numerator}/{rate.denominator}"
        found.append(Found(f"captureRate is {text}; expected a number above 0", text, "above 0"))
    for name in _POSITIVE:
        value = part.part.value(name, "float")
        if isinstance(value, float) and not (math.isfinite(value) and value > 0):
            found.append(Found(f"{name} is {value:g}; expected a number above 0", f"{value:g}", "above 0"))
    aperture, stop = part.number("aperture"), part.number("tStop")
    if aperture and stop and 0 < stop < aperture * (1 - 1e-6):
        found.append(Found(f"tStop {stop:g} is below aperture {aperture:g}", f"{stop:g}", f"{aperture:g} or more"))
    return found


_LEAST_HOURS, _MOST_HOURS = 0.25, 14  # offsets of time zones
_LEAST_RATE = 24  # exposures of whole seconds from here on are shutter speeds whose 1/ was left out
# Attribute -> least and greatest value that is plausible in the unit of the standard, and that unit.
_PLAUSIBLE = {
    "nominalFocalLength": (0.1, 5_000, "mm"),
    "pinholeFocalLength": (0.1, 5_000, "mm"),
    "effectiveFocalLength": (0.1, 5_000, "mm"),
    "sensorPhotositePitch": (0.1, 200, "micrometres"),
    "shutterAngle": (0, 360, "degrees"),
    "longitude": (-180, 360, "degrees"),
    "latitude": (-90, 90, "degrees"),
    "utcOffset": (-50_400, 50_400, "seconds"),
    "cameraCCTSetting": (500, 100_000, "kelvins"),
}


@part_rule(
    "TIM-UNITS",
    Severity.WARNING,
    "Camera attributes have plausible values in the units of the standard",
    why="Software that takes micrometres for millimetres, or seconds for degrees, computes a wrong camera.",
    source=_STANDARD,
    fix="Write the value in the unit that the message names.",
    command="exrstdattr -float NAME VALUE IN.exr OUT.exr",
    remedy=Remedy.EDIT,
    limits="Focal lengths, sensorPhotositePitch, shutterAngle, expTime, longitude, latitude, utcOffset and cameraCCTSetting.",
    when=t.CAMERA,
)
def units(part: PartFacts, _: object) -> Results:
    """Report values outside the range of real cameras, lenses and places; zero means unknown and is accepted."""
    found = []
    for name, (least, greatest, unit) in _PLAUSIBLE.items():
        value = part.number(name)
        if value and not least <= value <= greatest:
            wanted = f"{least:g} to {greatest:g} {unit}"
            found.append(Found(f"{name} is {value:g}; expected {wanted}", f"{value:g}", wanted))
    offset, exposure = part.number("utcOffset"), part.number("expTime")
    if offset and _LEAST_HOURS <= abs(offset) <= _MOST_HOURS:
        message = f"utcOffset is {offset:g}: the unit is seconds, and this looks like hours"
        found.append(Found(message, f"{offset:g}", f"{offset * 3600:g}"))
    rational = part.part.value("framesPerSecond", "rational")
    rate = (rational.value if isinstance(rational, Rational) else None) or 0
    if exposure and rate > 0 and exposure >= max(_LEAST_RATE, rate) and exposure % 1 == 0:
        message = f"expTime is {exposure:g} seconds at {rate:g} frames per second; perhaps 1/{exposure:g} is meant"
        found.append(Found(message, f"{exposure:g}", f"1/{exposure:g}", severity=Severity.INFO))
    return found


@part_rule(
    "TIM-CAMERA",
    Severity.WARNING,
    "worldToCamera and worldToNDC can be inverted, and worldToCamera has the translation in its last row",
    why="Software that builds a camera from the file gets none, or a wrong one.",
    source=_STANDARD,
    fix="Write the matrices of the frame's camera for row vectors, as OpenEXR multiplies them, or remove the attributes.",
    command="oiiotool IN.exr -a --eraseattrib NAME -o OUT.exr",
    remedy=Remedy.EDIT,
    limits="Their translation is not looked at. Matrices with a NaN or an infinity are left to STR-ATTR-FINITE.",
    when=t.CAMERA,
)
def camera_matrices(part: PartFacts, _: object) -> Results:
    found = []
    for name in ("worldToCamera", "worldToNDC"):
        value = part.part.value(name, "m44f")
        matrix = np.array(value if isinstance(value, tuple) else [np.nan] * 16, np.float64).reshape(4, 4)
        if not np.isfinite(matrix).all():
            continue
        # Without translation and near plane, whose digits far from the origin are lost; w is 0 there without perspective.
        seen = matrix[:3, [[0, 1, 2], [0, 1, 3]]].swapaxes(0, 1) if name == "worldToNDC" else matrix[None, :3, :3]
        if (np.linalg.matrix_rank(seen) < 3).all():
            what = "no inverse" if matrix.any() else "only zeros"
            found.append(Found(f"{name} has {what}", what, "a matrix that can be inverted"))
        elif name == "worldToCamera" and tuple(matrix[:, 3]) != _AFFINE == tuple(matrix[3]):
            column = " ".join(f"{each:g}" for each in matrix[:, 3])
            what = f"The last column of worldToCamera is {column}, its last row 0 0 0 1: it is transposed"
            found.append(Found(what, f"last column {column}", "last column 0 0 0 1"))
    return found
