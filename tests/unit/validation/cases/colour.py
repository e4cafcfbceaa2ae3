"""Cases of the rules in `validation/rules/colour.py`."""

from __future__ import annotations

from exr_inspector.model import Severity
from exr_inspector.validation.facts.colourspaces import PRIMARIES
from tests.support.exrbytes import FLOAT, Channel, Part, a_chromaticities, a_float, a_string, a_vector, build
from tests.unit.validation.cases.made.colour import DATA, FLAG, REC709, container, extra, tag
from tests.unit.validation.judging import PLAIN, Case

BLUE_FIRST = (0.15, 0.06, 0.3, 0.6, 0.64, 0.33, 0.3127, 0.329)
CASES = [
    Case("COL-ID-SYNTAX", extra(tag("Show:ACEScg")), extra(tag("show::acescg"))),
    Case("COL-ID-SYNTAX", extra(tag(":acescg")), extra(tag("show:v2:acescg"))),
    Case("COL-ID-UNREGISTERED", extra(tag("acescg")), extra(tag("lin_ap1_scene"))),
    Case("COL-ID-NONLINEAR", extra(tag("srgb_rec709_scene")), extra(tag("lin_rec709_scene"))),
    Case("COL-ID-NONLINEAR", extra(tag("show:pq_rec2020_display"))),
    Case("COL-ID-AND-CHROMA", extra(tag("lin_rec709_scene"), REC709), extra(REC709)),
    Case("COL-UNTAGGED", PLAIN, extra(tag("lin_ap1_scene"))),
    Case("COL-UNTAGGED", PLAIN, extra(a_string("oiio:ColorSpace", "ACEScg"))),
    Case("COL-TAG-OTHER", extra(a_string("oiio:ColorSpace", "ACEScg")), extra(tag("lin_ap1_scene"))),
    Case("COL-TAG-OTHER", extra(a_string("oiio:ColorSpace", "sRGB")), severity=Severity.WARNING),
    Case("COL-TAG-OTHER", extra(a_string("colorSpace", "Output - Rec.709")), severity=Severity.WARNING),
    Case("COL-TAG-OTHER", extra(a_string("colorSpace", "Linear Rec.709 (sRGB)"))),
    Case("COL-TAG-OTHER", extra(a_string("colorspace", "ACEScg"))),
    Case("COL-TAG-OTHER", extra(a_string("oiio:ColorSpace", "lin_rec709"))),
    Case("COL-TAG-OTHER", extra(a_string("oiio:ColorSpace", "linRec709"))),
    Case("COL-TAG-OTHER", extra(a_string("oiio:ColorSpace", "lin_rec709_scene"))),
    Case("COL-TAG-OTHER", extra(a_string("oiio:ColorSpace", "non-linear sRGB")), severity=Severity.WARNING),
    Case("COL-TAG-OTHER", extra(a_string("oiio:ColorSpace", "g24_rec709")), severity=Severity.WARNING),
    Case("COL-FILE-NAME", extra(REC709), extra(tag("lin_ap1_scene")), keys=("s/sh010_acescg.1001.exr",) * 2),
    Case("COL-FILE-NAME", extra(tag("lin_ap1_scene")), extra(REC709), keys=("s/sh010_linear_sRGB.exr",) * 2),
    Case(
        "COL-FILE-NAME",
        extra(REC709),
        extra(REC709),
        keys=("a_torso.acescg.exr", "a_srgb_from_acescg.exr"),
    ),
    Case("COL-FILE-NAME", extra(REC709), extra(REC709), keys=("a_to_b_acescg.exr", "a_acescg_to_srgb.exr")),
    Case(
        "COL-FILE-NAME",
        extra(REC709),
        extra(REC709),
        keys=("ACES2065-1/a.ACES2065-1.1001.exr", "acescg/macescg_v1.exr"),
    ),
    Case(
        "COL-SHOW-SPACE",
        extra(a_string("oiio:ColorSpace", "sRGB")),
        extra(a_string("oiio:ColorSpace", "ACEScg")),
        parameters={"colour_space": "lin_ap1_scene"},
    ),
    Case("COL-UNTAGGED", PLAIN, build([Part(channels=[Channel("Z", FLOAT)])])),
    Case("COL-CHROMA-SANE", extra(a_chromaticities("chromaticities", (0.0,) * 8)), extra(REC709)),
    Case("COL-CHROMA-SANE", extra(a_chromaticities("chromaticities", BLUE_FIRST))),
    Case("COL-CHROMA-SANE", extra(a_chromaticities("chromaticities", (0.125, 0.125, 0.25, 0.25, 0.5, 0.5, 0.3, 0.3)))),
    Case(
        "COL-CHROMA-SANE",
        extra(a_vector("adoptedNeutral", "v2f", (0.0, 0.0))),
        extra(a_vector("adoptedNeutral", "v2f", (0.3127, 0.329))),
        severity=Severity.WARNING,
    ),
    Case(
        "COL-CHROMA-SANE",
        extra(a_chromaticities("chromaticities", (0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.9, 0.9))),
        extra(a_chromaticities("chromaticities", (1, 0, 0, 1, 0, 0, 1 / 3, 1 / 3))),
    ),
    Case("COL-CHROMA-SANE", extra(a_chromaticities("chromaticities", (float("nan"), *PRIMARIES["lin_ap1_scene"][1:])))),
    Case(
        "COL-CHROMA-UNKNOWN",
        extra(a_chromaticities("chromaticities", (0.6, 0.33, 0.3, 0.6, 0.15, 0.06, 0.31, 0.33))),
        extra(REC709),
    ),
    Case(
        "COL-CHROMA-UNKNOWN",
        extra(a_chromaticities("chromaticities", (0.68, 0.32, 0.265, 0.69, 0.15, 0.06, 0.32, 0.351))),
        extra(a_chromaticities("chromaticities", (0.68, 0.32, 0.265, 0.69, 0.15, 0.06, 0.314, 0.351))),
    ),
    Case("COL-CIE-XYZ", extra(a_chromaticities("chromaticities", (1, 0, 0, 1, 0, 0, 1 / 3, 1 / 3))), extra(REC709)),
    Case("COL-CIE-XYZ", extra(a_string("colorInteropID", "lin_ciexyzd65_scene")), extra(DATA)),
    Case(
        "COL-DATA-IN-RGB",
        build([Part(channels=[Channel(f"N.{c}", FLOAT) for c in "RGB"], extra=[REC709])]),
        build([Part(channels=[Channel(f"N.{c}", FLOAT) for c in "RGB"], extra=[DATA])]),
    ),
    Case("COL-SHOW-SPACE", extra(REC709), extra(tag("lin_ap1_scene")), parameters={"colour_space": "lin_ap1_scene"}),
    Case("COL-SHOW-SPACE", PLAIN, container(), parameters={"colour_space": "lin_ap0_scene"}),
    Case("COL-SHOW-SPACE", extra(REC709), extra(FLAG, REC709), parameters={"colour_space": "lin_ap0_scene"}),
    Case("COL-WHITELUM", extra(a_float("whiteLuminance", 0)), extra(a_float("whiteLuminance", 100))),
]
