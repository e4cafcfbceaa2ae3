"""Cases of the rules in `validation/rules/colour_flags.py`."""

from __future__ import annotations

from tests.support.exrbytes import Attr, a_float, a_int, a_string, a_vector
from tests.unit.validation.cases.made.colour import AP0, DATA, FLAG, REC709, container, extra, parts, tag
from tests.unit.validation.judging import Case


def named(space: str) -> Attr:
    return a_string("oiio:ColorSpace", space)


CASES = [
    Case("COL-C-EMPTY-ID", extra(tag("")), extra(tag("unknown"))),
    Case("COL-C-CHROMA-DIFFER", extra(tag("lin_ap1_scene"), REC709), extra(tag("lin_rec709_scene"), REC709)),
    Case("COL-C-CHROMA-DIFFER", extra(named("ACEScg"), REC709), extra(named("scene_linear"), REC709)),
    Case(
        "COL-C-CHROMA-DIFFER", extra(tag("lin_ap1_scene"), named("sRGB")), extra(tag("lin_ap1_scene"), named("ACEScg"))
    ),
    Case(
        "COL-C-CHROMA-DIFFER",
        extra(tag("g24_rec709_display"), named("ACEScg")),
        extra(tag("srgb_rec709_scene"), named("sRGB")),
    ),
    Case("COL-C-DATA-CHROMA", extra(DATA, REC709), extra(DATA)),
    Case("COL-C-DATA-WHITE", extra(DATA, a_float("whiteLuminance", 100)), extra(DATA)),
    Case("COL-C-DATA-NEUTRAL", extra(DATA, a_vector("adoptedNeutral", "v2f", (0.3, 0.3))), extra(DATA)),
    Case(
        "COL-C-ID-NOT-SHARED", parts("lin_ap1_scene", "lin_ap0_scene"), parts("lin_ap1_scene", "lin_ap1_scene", "data")
    ),
    Case("COL-C-ACES-NOT-ONE", extra(a_int("acesImageContainerFlag", 0), AP0), container()),
    Case("COL-C-ACES-ID", container(tag("lin_ap1_scene")), container(tag("lin_ap0_scene"))),
    Case("COL-C-ACES-NO-CHROMA", extra(FLAG), container()),
    Case("COL-C-ACES-CHROMA", extra(FLAG, REC709), container()),
]
