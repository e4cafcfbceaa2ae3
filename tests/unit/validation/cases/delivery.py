"""Cases of the rules in `validation/rules/delivery.py`."""

from __future__ import annotations

from tests.support.exrbytes import DWAA, FLOAT, Channel, Part, a_string, build
from tests.unit.validation.cases.made.colour import LARGE, NAMES, SMALL, anamorphic, extra, tag
from tests.unit.validation.cases.made.metadata import HOUR_ONE, timed
from tests.unit.validation.judging import PLAIN, Case

CASES = [
    Case("DEL-NFX-FORMAT", build([Part(compression=DWAA)]), PLAIN),
    Case("DEL-NFX-FORMAT", build([Part(channels=[Channel(c, FLOAT) for c in "RGB"])]), PLAIN),
    Case("DEL-NFX-LINEAR", extra(tag("srgb_rec709_scene")), extra(tag("lin_ap0_scene"))),
    Case("DEL-NFX-LINEAR", extra(a_string("colorSpace", "ARRI LogC4")), extra(a_string("colorSpace", "Linear AWG4"))),
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
    Case("DEL-NFX-NAMES", PLAIN, PLAIN, keys=("shot/beauty.101.exr", "shot/beauty.01001.exr")),
    Case(
        "DEL-NFX-NAMES",
        PLAIN,
        PLAIN,
        parameters={"version_in_name": True},
        keys=("shot/ATBP_010_PL01_1.1001.exr", "shot/ATBP_010_PL01-V001.1001.exr"),
    ),
    Case("DEL-FOX-EXR", build([Part(compression=DWAA)]), PLAIN),
    Case("DEL-FOX-EXR", PLAIN, LARGE, parameters=SMALL),
    Case("DEL-NFX-TIMECODE", HOUR_ONE, HOUR_ONE, keys=("nam/show.0086401.exr", "nam/show.0086400.exr")),
    Case(
        "DEL-NFX-TIMECODE",
        timed(1, 0, 0, 0),
        timed(1, 0, 0, 0),
        parameters={"frame_rate": 25},
        keys=("nam/show.0086400.exr", "nam/show.0090000.exr"),
    ),
]
