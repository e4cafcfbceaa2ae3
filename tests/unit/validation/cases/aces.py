"""Cases of the rules in `validation/rules/aces.py`."""

from __future__ import annotations

from tests.support.exrbytes import DECREASING_Y, FLOAT, ZIP, Channel, a_string, a_stringvector
from tests.unit.validation.cases.made.colour import FLAG, REC709, container, extra, tag
from tests.unit.validation.judging import PLAIN, RGBA, Case

CASES = [
    Case("ACE-FLAG", PLAIN, container(), parameters={"aces_container": True}),
    Case("ACE-VERSION", container(kind="tiledimage"), container()),
    Case("ACE-COMPRESSION", container(compression=ZIP), container()),
    Case("ACE-LINEORDER", container(line_order=DECREASING_Y), container()),
    Case("ACE-CHANNELS", container(channels=[*RGBA, Channel("Z")]), container(channels=RGBA)),
    *(
        Case("ACE-CHANNELS", *(container(channels=[Channel(name) for name in (*right, *left)]) for left in lefts))
        for right, lefts in (
            ("BGR", (("left.B", "left.G"), ("left.B", "left.G", "left.R"))),
            ("ABGR", (("left.B", "left.G", "left.R"), ("left.A", "left.B", "left.G", "left.R"))),
        )
    ),
    Case("ACE-HALF", container(channels=[Channel(c, FLOAT) for c in "RGB"]), container()),
    Case("ACE-CHROMA", extra(FLAG, REC709), container()),
    Case("ACE-ID", container(tag("lin_ap1_scene")), container(tag("lin_ap0_scene"))),
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
