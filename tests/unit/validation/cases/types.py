"""Cases of the rules in `validation/rules/types.py`."""

from __future__ import annotations

from exr_inspector.model import Severity
from tests.support.exrbytes import FLOAT, UINT, Channel
from tests.unit.validation.cases.made.channels import channels, layer, only
from tests.unit.validation.judging import Case

BLENDER = [Channel(f"View Layer.{name}.X", FLOAT) for name in ("IndexOB", "Material Index")]
CASES = [
    Case("TYP-DEPTH-HALF", channels("Z"), channels(Channel("Z", FLOAT))),
    Case("TYP-DEPTH-HALF", channels("depth.V")),
    Case("TYP-ID-HALF", channels("objectid"), channels(Channel("objectid", UINT))),
    Case("TYP-ID-FLOAT", channels(Channel("id", FLOAT)), channels(Channel("id", UINT))),
    Case("TYP-ID-FLOAT", channels(Channel("id", FLOAT)), channels(*BLENDER)),
    Case("TYP-POSITION-HALF", channels("P.X", "P.Y", "P.Z"), channels(*layer("P", "XYZ", FLOAT))),
    Case("TYP-COLOR-FLOAT", only(*(Channel(c, FLOAT) for c in "RGB")), parameters={"beauty_pixel_type": "HALF"}),
    Case(
        "TYP-MIXED-RGB",
        only(Channel("R", FLOAT), Channel("G"), Channel("B")),
        only(*(Channel(c, FLOAT) for c in "RGB")),
    ),
    Case(
        "TYP-MIXED-RGB",
        only(*(Channel(c, FLOAT) for c in "RGB"), Channel("A")),
        only(*(Channel(c, FLOAT) for c in "RGBA")),
        severity=Severity.INFO,
    ),
    Case("TYP-RGB-UINT", only(*(Channel(c, UINT) for c in "RGB")), channels(Channel("id", UINT))),
]
