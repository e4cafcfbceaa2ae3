"""Cases of the rules in `validation/rules/views.py`."""

from __future__ import annotations

from tests.support.exrbytes import FLOAT, Channel, Part, a_string, a_stringvector, build
from tests.unit.validation.cases.made.channels import FULL, eyes, stereo
from tests.unit.validation.cases.made.pixels import GOOD, RAMP, Pixels
from tests.unit.validation.judging import Case


def two_eyes(right: Pixels) -> bytes:
    """A stereo image whose left eye is a ramp."""
    pixels = {name: right if name.startswith("right") else RAMP for name in FULL}
    multi_view = a_stringvector("multiView", ("left", "right"))
    return build([Part(channels=[Channel(name, FLOAT) for name in FULL], pixels=pixels, extra=[multi_view])])


def named_eyes(name: str) -> bytes:
    """A stereo image, with the name of the part of the right view."""
    left, right = (a_string("view", view) for view in ("left", "right"))
    return build([Part(name="first", extra=[left]), Part(name=name, extra=[right])])


CASES = [
    Case(
        "VIEW-MIX",
        build([Part(name=n, extra=[a_stringvector("multiView", ["left"])]) for n in "ab"]),
        eyes("left", "right"),
    ),
    Case("VIEW-LEFTRIGHT", eyes("l", "r"), eyes("left", "right")),
    Case("VIEW-LEFTRIGHT", named_eyes("rgba.left"), named_eyes("light_left")),
    Case("VIEW-PART0", build([Part(name="a"), Part(name="b", extra=[a_string("view", "left")])]), eyes("left")),
    Case("VIEW-NAME-CHARS", eyes("left eye", "right"), eyes("left", "right")),
    Case("VIEW-CHAN-PREFIX", stereo(*FULL, "right.diffuse.R"), stereo(*FULL, "diffuse.right.R")),
    Case(
        "VIEW-CHAN-PREFIX",
        build([Part(name=v, channels=[Channel(f"{v}.R")], extra=[a_string("view", v)]) for v in ("left", "right")]),
    ),
    Case("VIEW-PAIR", stereo("R", "G", "B", "right.R", "right.G"), stereo(*FULL)),
    Case("VIEW-PAIR", stereo("R", "G", "B"), GOOD),
    Case("VIEW-SAME", two_eyes(RAMP), two_eyes(RAMP / 2), stats=True),
    Case("VIEW-SAME", build([Part(name=v, extra=[a_string("view", v)]) for v in ("left", "right")]), GOOD, stats=True),
    Case(
        "VIEW-SINGLE",
        build([Part(extra=[a_string("view", "left")])]),
        build([Part(extra=[a_string("view", "left"), a_stringvector("multiView", ["left"])])]),
    ),
]
