"""Cases of the rules in `validation/rules/times.py`."""

from __future__ import annotations

import math

from exr_inspector.model import Severity
from tests.support.exrbytes import a_float, a_int, a_keycode, a_rational, a_string, a_timecode, a_vector
from tests.unit.validation.cases.made.metadata import CODE, NTSC, extra, timed
from tests.unit.validation.judging import Case

RATE = a_rational("framesPerSecond", 24, 1)
MOVED = (1, 0, 0, 0, 0, 0, 1, 0, 0, -1, 0, 0, 4, 5, -20, 1)
TRANSPOSED = (1, 0, 0, 4, 0, 0, -1, 5, 0, 1, 0, -20, 0, 0, 0, 1)
FAR_AWAY = (1.7, 0, 0, 0, 0, 2.9, 0, 0, 0, 0, -1, -1, 1.7e5, 2e5, 1e5, 1e5)
SEEN = (1.41, 0, 0, 0, 0, 4.01, 0, 0, -0.5, -0.5, -1.0001, -1, 0, 0, -0.1, 0)
CASES = [
    Case(
        "TIM-CAMERA",
        extra(a_vector("worldToCamera", "m44f", TRANSPOSED)),
        extra(a_vector("worldToCamera", "m44f", MOVED)),
    ),
    Case(
        "TIM-CAMERA",
        extra(a_vector("worldToCamera", "m44f", (0,) * 16)),
        extra(a_vector("worldToCamera", "m44f", (math.nan,) * 16)),
    ),
    Case(
        "TIM-CAMERA",
        extra(a_vector("worldToNDC", "m44f", (*SEEN[:8], *SEEN[:4], *SEEN[12:]))),
        extra(a_vector("worldToNDC", "m44f", SEEN)),
    ),
    Case(
        "TIM-CAMERA",
        extra(a_vector("worldToNDC", "m44f", (*SEEN[:4], *SEEN[:4], *SEEN[8:]))),
        extra(a_vector("worldToNDC", "m44f", FAR_AWAY)),  # which has no inverse in 32 bits, as of any renderer
    ),
    Case("TIM-TC-RANGE", timed(25, 0, 0, 0), timed(23, 59, 59, 23)),
    Case("TIM-TC-RANGE", timed(1, 0, 0, 24, rate=(24, 1)), timed(1, 0, 0, 23, rate=(24_000, 1001))),
    Case("TIM-TC-RANGE", timed(1, 0, 0, 25), timed(1, 0, 0, 24), parameters={"frame_rate": 25}),
    Case("TIM-TC-RANGE", extra(a_timecode("timeCode", 0x0000000F))),
    Case(
        "TIM-TC-RANGE",
        extra(a_timecode("timeCode", 0x01000024), a_int("timecodeRate", 24)),
        extra(a_timecode("timeCode", 0x01000024), a_int("timecodeRate", 25)),
    ),
    Case(
        "TIM-TC-RANGE",
        extra(a_timecode("timeCode", 0x01000024), a_rational("framesPerSecond", 0, 1), a_int("timecodeRate", 24)),
        extra(a_timecode("timeCode", 0x01000024), a_rational("framesPerSecond", 0, 1), a_int("timecodeRate", 25)),
    ),
    Case("TIM-TC-RANGE", extra(a_timecode("timeCode", 0xFFFFFFFF)), severity=Severity.WARNING),
    Case("TIM-TC-DROP", timed(1, 0, 0, 2, rate=(24, 1), drop=True), extra(a_timecode("timeCode", 0xFFFFFFFF))),
    Case("TIM-TC-DROP", timed(1, 0, 0, 2, rate=(24, 1), drop=True), timed(1, 0, 0, 2, rate=NTSC, drop=True)),
    Case("TIM-TC-DROP", timed(1, 1, 0, 1, rate=NTSC, drop=True), timed(1, 10, 0, 1, rate=NTSC, drop=True)),
    Case(
        "TIM-FPS", extra(a_rational("framesPerSecond", 2397, 100)), extra(a_rational("framesPerSecond", 24_000, 1001))
    ),
    Case("TIM-FPS", extra(a_rational("framesPerSecond", 24, 0)), extra(a_rational("framesPerSecond", 24, 1))),
    Case(
        "TIM-FPS",
        extra(a_rational("framesPerSecond", 24, 1)),
        extra(a_rational("framesPerSecond", 25, 1)),
        parameters={"frame_rate": 25},
    ),
    Case("TIM-KEYCODE", extra(a_keycode("keyCode", (100, *CODE[1:]))), extra(a_keycode("keyCode", CODE))),
    Case("TIM-CAPDATE", extra(a_string("capDate", "2025-01-02")), extra(a_string("capDate", "2025:01:02 03:04:05"))),
    Case("TIM-CAPDATE", extra(a_string("capDate", "2025:13:02 03:04:05"))),
    Case("TIM-CAPDATE", extra(a_string("capDate", "2525:01:02 03:04:05"))),
    *(
        Case("TIM-POSITIVE", extra(a_float(name, 0)), extra(a_float(name, 0.5)))
        for name in ("aperture", "tStop", "isoSpeed", "expTime")
    ),
    *(
        Case("TIM-UNITS", extra(a_float(name, bad)), extra(a_float(name, good)))
        for name, bad, good in (
            ("nominalFocalLength", 50_000, 50),
            ("pinholeFocalLength", 0.05, 12),
            ("effectiveFocalLength", -50, 300),
            ("sensorPhotositePitch", 0.005, 5),
            ("shutterAngle", 361, 360),
            ("longitude", -181, -180),
            ("latitude", 91, 90),
            ("cameraCCTSetting", 5.6, 5_600),
        )
    ),
    Case("TIM-UNITS", extra(a_float("utcOffset", -9)), extra(a_float("utcOffset", -9 * 3600))),
    Case("TIM-UNITS", extra(a_float("utcOffset", 0.25)), extra(a_float("utcOffset", 9e-39))),
    Case(
        "TIM-UNITS", extra(a_float("expTime", 48), RATE), extra(a_float("expTime", 30.5), RATE), severity=Severity.INFO
    ),
    Case(
        "TIM-UNITS",
        extra(a_float("expTime", 60), RATE),
        extra(a_float("expTime", 48), a_rational("framesPerSecond", 24, 0)),
        severity=Severity.INFO,
    ),
    Case("TIM-UNITS", extra(a_float("latitude", 5_500)), extra(a_float("latitude", -41.3), a_float("shutterAngle", 0))),
    Case("TIM-POSITIVE", extra(a_rational("captureRate", 0, 1)), extra(a_rational("captureRate", 24, 1))),
    Case("TIM-POSITIVE", extra(a_rational("captureRate", 24, 0)), extra(a_rational("captureRate", 1, 2))),
    Case(
        "TIM-POSITIVE",
        extra(a_float("aperture", 4), a_float("tStop", 2.8)),
        extra(a_float("aperture", 2.8), a_float("tStop", 3.1)),
    ),
]
