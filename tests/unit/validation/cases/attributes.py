"""Cases of the rules in `validation/rules/attributes.py`."""

from __future__ import annotations

from math import inf, nan
from struct import pack

from exr_inspector.model import Severity
from tests.support.exrbytes import Attr, a_double, a_float, a_string
from tests.unit.validation.cases.made.structure import extra
from tests.unit.validation.judging import Case

CASES = [
    Case("STR-NEAR-MISS", extra(a_string("colorInteropId", "x")), extra(a_string("colorInteropID", "lin_ap1_scene"))),
    Case("STR-NEAR-MISS", extra(a_string("PixelAspectRatio", "1.0")), extra(a_string("comment", "x"))),
    Case("STR-NEAR-MISS", extra(a_string("PixelAspectRatio", "2.0")), severity=Severity.WARNING),
    Case("STR-NEAR-MISS", extra(a_string("PixelAspectRatio", "2_0")), severity=Severity.INFO),
    Case("STR-NEAR-MISS", extra(a_string("time_code", "1")), extra(a_string("nuke/input/timecode", "10:00:00:00"))),
    Case("STR-NEAR-MISS", extra(a_string("exr/owner", "x")), extra(a_string("Frame", "1"))),
    Case("STR-NEAR-MISS", extra(a_string("chromaticites", "x")), extra(a_string("cameraMakeNote", "x"))),
    Case("STR-ATTR-FINITE", extra(a_float("EVComp", -inf)), extra(a_float("EVComp", 3e38))),
    Case("STR-ATTR-FINITE", extra(a_double("focus", nan)), extra(a_string("focus", "nan"))),
    Case("STR-ATTR-FINITE", extra(Attr("toScreen", "v2f", pack("<2f", 1, inf))), extra(a_double("focus", 1))),
    Case(
        "STR-ATTR-FINITE", extra(Attr("bounds", "box2f", pack("<4f", 1, 0, 0, 1))), extra(Attr("b", "box2f", bytes(16)))
    ),
    Case(
        "STR-ATTR-FINITE", extra(Attr("crop", "box2i", pack("<4i", 0, 5, 9, 4))), extra(Attr("b", "box2i", bytes(16)))
    ),
    Case("STR-CASE-TWINS", extra(a_string("Note", "a"), a_string("note", "b")), extra(a_string("note", "a"))),
]
