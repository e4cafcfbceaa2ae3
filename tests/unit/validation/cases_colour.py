"""COL, ACE and DEL."""

from __future__ import annotations

from exr_inspector.model import Severity
from exr_inspector.validation.facts.colourspaces import PRIMARIES
from tests.support.exrbytes import (
    DECREASING_Y,
    DWAA,
    FLOAT,
    ZIP,
    Attr,
    Channel,
    Part,
    a_chromaticities,
    a_float,
    a_int,
    a_string,
    a_stringvector,
    a_vector,
    build,
)
from tests.unit.validation.judging import PLAIN, RGBA, Case

AP0 = a_chromaticities("chromaticities", PRIMARIES["lin_ap0_scene"])
REC709 = a_chromaticities("chromaticities", PRIMARIES["lin_rec709_scene"])
FLAG = a_int("acesImageContainerFlag", 1)
DATA = a_string("colorInteropID", "data")


def tag(identifier: str) -> Attr:
    return a_string("colorInteropID", identifier)


def extra(*attributes: Attr) -> bytes:
    return build([Part(extra=attributes)])


def parts(*identifiers: str) -> bytes:
    return build([Part(name=f"p{i}", extra=[tag(text)]) for i, text in enumerate(identifiers)])


def container(*more: Attr, **changed: object) -> bytes:
    return build([Part(extra=[FLAG, AP0, *more], **changed)])  # type: ignore[arg-type]  # fields of Part by name


FLAGS = [
    Case("COL-C-EMPTY-ID", extra(tag("")), extra(tag("unknown"))),
    Case("COL-C-CHROMA-DIFFER", extra(tag("lin_ap1_scene"), REC709), extra(tag("lin_rec709_scene"), REC709)),
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

COLOUR = [
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
    Case(
        "COL-SHOW-SPACE",
        extra(a_string("oiio:ColorSpace", "sRGB")),
        extra(a_string("oiio:ColorSpace", "ACEScg")),
        parameters={"colour_space": "lin_ap1_scene"},
    ),
    Case("COL-UNTAGGED", PLAIN, build([Part(channels=[Channel("Z", FLOAT)])])),
    Case("COL-CHROMA-SANE", extra(a_chromaticities("chromaticities", (0.0,) * 8)), extra(REC709)),
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
        "COL-DATA-IN-RGB",
        build([Part(channels=[Channel(f"N.{c}", FLOAT) for c in "RGB"], extra=[REC709])]),
        build([Part(channels=[Channel(f"N.{c}", FLOAT) for c in "RGB"], extra=[DATA])]),
    ),
    Case("COL-SHOW-SPACE", extra(REC709), extra(tag("lin_ap1_scene")), parameters={"colour_space": "lin_ap1_scene"}),
    Case("COL-SHOW-SPACE", PLAIN, container(), parameters={"colour_space": "lin_ap0_scene"}),
    Case("COL-WHITELUM", extra(a_float("whiteLuminance", 0)), extra(a_float("whiteLuminance", 100))),
]

ACES = [
    Case("ACE-FLAG", PLAIN, container(), parameters={"aces_container": True}),
    Case("ACE-VERSION", container(kind="tiledimage"), container()),
    Case("ACE-COMPRESSION", container(compression=ZIP), container()),
    Case("ACE-LINEORDER", container(line_order=DECREASING_Y), container()),
    Case("ACE-CHANNELS", container(channels=[*RGBA, Channel("Z")]), container(channels=RGBA)),
    Case("ACE-HALF", container(channels=[Channel(c, FLOAT) for c in "RGB"]), container()),
    Case("ACE-CHROMA", extra(FLAG, REC709), container()),
    Case("ACE-ID", container(tag("lin_ap1_scene")), container(tag("lin_ap0_scene"))),
    Case("ACE-REQUIRED", extra(FLAG), container()),
    Case("ACE-HEADER-SIZE", container(a_string("comments", "x" * 1_100_000)), container(a_string("comments", "x"))),
    Case("ACE-STRINGS", container(a_string("owner", "")), container(a_string("owner", "me"))),
    Case(
        "ACE-STEREO",
        container(channels=[Channel(f"{view}{c}") for view in ("", "left.") for c in "RGB"]),
        container(
            a_stringvector("multiView", ["right", "left"]),
            channels=[Channel(f"{view}{c}") for view in ("", "left.") for c in "RGB"],
        ),
    ),
]

SMALL = {"minimum_resolution": [5, 3]}
LARGE = build([Part(data_window=(0, 0, 4, 2))])
NAMES = ("shot/beauty plate.1001.exr", "shot/beauty_plate.1001.exr")


def anamorphic(aspect: float) -> bytes:
    return build([Part(replace=[a_float("pixelAspectRatio", aspect)])])


DELIVERIES = [
    Case("DEL-NFX-FORMAT", build([Part(compression=DWAA)]), PLAIN),
    Case("DEL-NFX-FORMAT", build([Part(channels=[Channel(c, FLOAT) for c in "RGB"])]), PLAIN),
    Case("DEL-NFX-LINEAR", extra(tag("srgb_rec709_scene")), extra(tag("lin_ap0_scene"))),
    Case("DEL-NFX-WIDTH", PLAIN, LARGE, parameters=SMALL),
    Case("DEL-NFX-NAM", build([Part(compression=DWAA)]), PLAIN),
    Case("DEL-NFX-NAM", extra(tag("srgb_rec709_display")), extra(tag("camera:lin_awg4_scene"))),
    Case("DEL-NFX-NAM", PLAIN, LARGE, parameters=SMALL),
    Case("DEL-NFX-NAMES", PLAIN, PLAIN, keys=NAMES),
    Case(
        "DEL-NFX-NAMES",
        PLAIN,
        PLAIN,
        parameters={"frame_digits": [5, 10]},
        keys=("nam/show.1001.exr", "nam/show.0086400.exr"),
    ),
    Case("DEL-NFX-WIDTH", anamorphic(1.0), anamorphic(2.0), parameters={"minimum_resolution": [8, 3]}),
    Case("DEL-NFX-NAMES", PLAIN, PLAIN, keys=("shot/beauty.101.exr", "shot/beauty.0101.exr")),
    Case("DEL-FOX-EXR", build([Part(compression=DWAA)]), PLAIN),
    Case("DEL-FOX-EXR", PLAIN, LARGE, parameters=SMALL),
]

CASES = [*FLAGS, *COLOUR, *ACES, *DELIVERIES]
