"""Cases of the rules in `validation/rules/channels.py`."""

from __future__ import annotations

from exr_inspector.model import Severity
from tests.support.exrbytes import FLOAT, HALF, UINT, Channel, Part, a_string, build
from tests.unit.validation.cases.made.channels import channels, layer, named_parts, only
from tests.unit.validation.judging import PLAIN, RGBA, Case

KEY = [*RGBA, Channel("key.R"), Channel("rgba.R")]
CASES = [
    Case("CHN-RGB-INCOMPLETE", channels("diffuse.R", "diffuse.G"), channels("diffuse.R", "diffuse.G", "diffuse.B")),
    Case("CHN-RGB-INCOMPLETE", only(Channel("R"), Channel("G")), only(Channel("R"))),
    Case("CHN-RGB-INCOMPLETE", only(Channel("R"), Channel("Z", FLOAT)), only(Channel("G"))),
    Case("CHN-ONE-COLOUR", only(Channel("R")), only(Channel("Y"))),
    Case("CHN-ONE-COLOUR", only(Channel("B")), only(Channel("mask.R"))),
    Case("CHN-ONE-COLOUR", only(Channel("R"), Channel("AO.Y")), only(Channel("R"), Channel("G"))),
    Case("CHN-NO-BASE-RGB", only(Channel("diffuse.R")), only(Channel("Y"))),
    Case(
        "CHN-NO-BASE-RGB",
        only(*layer("RGBA", "BGR", HALF)),
        only(*layer("", "BGR", HALF), Channel("Y")),
        severity=Severity.WARNING,
    ),
    Case("CHN-NO-BASE-RGB", only(*layer("", "BGR", HALF)), severity=Severity.WARNING),
    Case("CHN-NO-BASE-RGB", only(*layer("beauty", "BGR", HALF)), severity=Severity.INFO),
    Case("CHN-NO-BASE-RGB", named_parts("N", "C"), named_parts("C", "N"), severity=Severity.INFO),
    Case("CHN-NO-BASE-RGB", named_parts("N", "albedo", "C"), named_parts("N", "P"), severity=Severity.INFO),
    Case("CHN-CASE", only(*map(Channel, "RGBa")), only(*map(Channel, ("Ci.r", "Ci.g", "Ci.b", "a")))),
    Case("CHN-CASE", only(*map(Channel, "rgb")), channels("crypto00.r", "crypto00.g", "crypto00.b", "crypto00.a")),
    Case("CHN-LAYER-TWINS", channels("Diffuse.R", "diffuse.R"), channels("diffuse.R", "diffuse.r", "Specular.R")),
    Case("CHN-ALPHA-MISSING", PLAIN, only(*RGBA), parameters={"alpha_expected": True}),
    Case("CHN-CHARS", channels("my layer.R", "my layer.G", "my layer.B"), channels("my_layer.R")),
    Case("CHN-CHARS", channels("a..R")),
    Case("CHN-CHARS", channels("Refraction.[red]"), channels("Refraction.red")),
    Case("CHN-CHARS", channels("S0.550,0;nm"), channels("S0.550,0nm", "left.S1.5,5E-7m", "T.380,0nm.500,0nm")),
    Case("CHN-CHARS", channels("0.Y"), channels("Object_0.Y"), severity=Severity.WARNING),
    Case("CHN-CHARS", channels("LeR", "LeG", "LeB"), channels("LeR", "LeG")),
    Case("CHN-MADE-UP", channels("channel3"), channels("mask.channel3")),
    Case("CHN-MADE-UP", channels("ch0", "ch1"), channels("chroma")),
    Case("CHN-RESERVED", channels(Channel("Z", UINT)), channels(Channel("Z", FLOAT))),
    Case("CHN-RESERVED-CLASH", channels("A", "RA"), channels("RA", "GA", "BA")),
    Case("CHN-EXPECTED", PLAIN, channels("diffuse.R"), parameters={"expected_layers": ["", "diffuse"]}),
    Case("CHN-EXPECTED", PLAIN, channels("A"), parameters={"expected_channels": ["R", "A"]}),
    Case("CHN-EXPECTED", channels("x.R"), severity=Severity.INFO, parameters={"expected_layers": [""]}),
    Case(  # the name of the file gives the layer `normals`, which is also the base layer
        "CHN-EXPECTED",
        channels("x.R"),
        PLAIN,
        severity=Severity.INFO,
        parameters={"expected_layers": [""]},
        keys=("shot/beauty.1001.exr", "shot/normals.1001.exr"),
    ),
    Case(
        "CHN-PART-DUP",
        build([Part(name=name, extra=[a_string("view", "left")]) for name in ("a", "a.left")]),
        build([Part(name=f"a.{view}", extra=[a_string("view", view)]) for view in ("left", "right")]),
    ),
    Case("CHN-LAYER-CHANNEL", channels("left", "left.R", "left.G"), channels("left", "right.R")),
    Case("CHN-PART-NAME", build([Part(name="depth")]), build([Part(name="shot")])),
    Case("CHN-PART-NAME", build([Part(name="key", channels=KEY)]), build([Part(name="rgba", channels=KEY)])),
    Case("CHN-PART-NAME", build([Part(name="depth")]), build([Part(name="depth", channels=[Channel("Z", FLOAT)])])),
    Case("CHN-LUMA-CHROMA", only(Channel("Y"), Channel("RY"), Channel("BY")), only(Channel("Y"))),
    Case("CHN-LUMA-CHROMA", only(Channel("RY"), Channel("BY")), severity=Severity.ERROR),
    Case(
        "CHN-SUBSAMPLED",
        build([Part(channels=[Channel("R"), Channel("mask", HALF, 2, 2)], data_window=(0, 0, 3, 3))]),
        build([Part(channels=[Channel("Y"), Channel("RY", HALF, 2, 2)], data_window=(0, 0, 3, 3))]),
    ),
]
