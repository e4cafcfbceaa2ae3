"""CHN, TYP, CMP and VIEW."""

from __future__ import annotations

from exr_inspector.model import Severity
from tests.support.exrbytes import (
    B44,
    DWAA,
    FLOAT,
    HALF,
    LJ2K,
    PXR24,
    RGB,
    UINT,
    ZIP,
    ZSTD,
    Channel,
    Part,
    a_string,
    a_stringvector,
    build,
)
from tests.unit.validation.judging import PLAIN, RGBA, Case


def channels(*names: str | Channel, compression: int = 0, base: tuple[Channel, ...] = RGB) -> bytes:
    """RGB and further channels; a codec that the writer cannot make is stored raw, which is legal."""
    more = [Channel(name) if isinstance(name, str) else name for name in names]
    return build([Part(channels=[*base, *more], compression=compression)])


def only(*made: Channel, compression: int = 0) -> bytes:
    return build([Part(channels=made, compression=compression)])


def layer(name: str, components: str, kind: int) -> list[Channel]:
    return [Channel(f"{name}.{component}", kind) for component in components]


NORMALS = layer("N", "XYZ", FLOAT)

CHANNELS = [
    Case("CHN-RGB-INCOMPLETE", channels("diffuse.R", "diffuse.G"), channels("diffuse.R", "diffuse.G", "diffuse.B")),
    Case("CHN-NO-BASE-RGB", only(Channel("diffuse.R")), only(Channel("Y"))),
    Case("CHN-CASE", only(*map(Channel, "rgb")), channels("crypto00.r", "crypto00.g", "crypto00.b", "crypto00.a")),
    Case("CHN-ALPHA-MISSING", PLAIN, only(*RGBA), parameters={"alpha_expected": True}),
    Case("CHN-CHARS", channels("my layer.R", "my layer.G", "my layer.B"), channels("my_layer.R")),
    Case("CHN-CHARS", channels("a..R")),
    Case("CHN-RESERVED", channels(Channel("Z", UINT)), channels(Channel("Z", FLOAT))),
    Case("CHN-RESERVED-CLASH", channels("A", "RA"), channels("RA", "GA", "BA")),
    Case("CHN-EXPECTED", PLAIN, channels("diffuse.R"), parameters={"expected_layers": ["", "diffuse"]}),
    Case("CHN-EXPECTED", PLAIN, channels("A"), parameters={"expected_channels": ["R", "A"]}),
    Case("CHN-EXPECTED", channels("x.R"), severity=Severity.INFO, parameters={"expected_layers": [""]}),
    Case(
        "CHN-PART-DUP",
        build([Part(name="a"), Part(name="a")]),
        build([Part(name=f"a.{view}", extra=[a_string("view", view)]) for view in ("left", "right")]),
    ),
    Case("CHN-LUMA-CHROMA", only(Channel("Y"), Channel("RY"), Channel("BY")), only(Channel("Y"))),
    Case("CHN-LUMA-CHROMA", only(Channel("RY"), Channel("BY")), severity=Severity.ERROR),
    Case(
        "CHN-SUBSAMPLED",
        build([Part(channels=[Channel("R"), Channel("mask", HALF, 2, 2)], data_window=(0, 0, 3, 3))]),
        build([Part(channels=[Channel("Y"), Channel("RY", HALF, 2, 2)], data_window=(0, 0, 3, 3))]),
    ),
]

TYPES = [
    Case("TYP-DEPTH-HALF", channels("Z"), channels(Channel("Z", FLOAT))),
    Case("TYP-DEPTH-HALF", channels("depth.V")),
    Case("TYP-ID-HALF", channels("objectid"), channels(Channel("objectid", UINT))),
    Case("TYP-ID-FLOAT", channels(Channel("id", FLOAT)), channels(Channel("id", UINT))),
    Case("TYP-POSITION-HALF", channels("P.X", "P.Y", "P.Z"), channels(*layer("P", "XYZ", FLOAT))),
    Case("TYP-COLOR-FLOAT", only(*(Channel(c, FLOAT) for c in "RGB")), parameters={"beauty_pixel_type": "HALF"}),
    Case(
        "TYP-MIXED-RGB",
        only(Channel("R", FLOAT), Channel("G"), Channel("B")),
        only(*(Channel(c, FLOAT) for c in "RGB")),
    ),
    Case("TYP-RGB-UINT", only(*(Channel(c, UINT) for c in "RGB")), channels(Channel("id", UINT))),
]

COMPRESSION = [
    Case("CMP-LOSSY-DATA", channels("N.X", "N.Y", "N.Z", compression=DWAA), channels("N.X", "N.Z", compression=DWAA)),
    Case("CMP-LOSSY-DATA", channels(*layer("P", "XYZ", FLOAT), compression=PXR24)),
    Case("CMP-B44-DATA", channels("Z", compression=B44), channels(*NORMALS, compression=B44)),
    Case("CMP-PXR24-FLOAT", channels(*NORMALS, compression=PXR24), channels("Z", compression=PXR24)),
    Case("CMP-PXR24-FLOAT", channels(Channel("id", FLOAT), compression=PXR24), severity=Severity.ERROR),
    Case("CMP-DWA-NAMES", channels("id.R", compression=DWAA), channels("id.r", compression=DWAA)),
    Case(
        "CMP-LJ2K-TRIPLET",
        only(*layer("N", "rgb", FLOAT), compression=LJ2K),
        channels(*layer("a.N", "rgb", FLOAT), compression=LJ2K),
    ),
    Case("CMP-LOSSY-MASTER", channels(compression=DWAA), channels(compression=ZIP)),
    Case("CMP-NEW-CODEC", channels(compression=ZSTD), channels(compression=DWAA)),
    Case("CMP-NEW-CODEC", channels(compression=ZSTD), parameters={"receiver_openexr": "3.4"}),
    Case("CMP-NEW-CODEC", channels(compression=LJ2K), channels(compression=10), parameters={"receiver_openexr": "3.4"}),
    Case("CMP-SHOW-CODEC", PLAIN, channels(compression=ZIP), parameters={"codecs": ["ZIP", "ZIPS"]}),
    Case(
        "CMP-DEEP-CODEC",
        build([Part(kind="deepscanline", compression=ZIP)]),
        build([Part(kind="deepscanline", compression=2)]),
    ),
]


def eyes(*views: str, first: tuple[str, ...] = ()) -> bytes:
    return build([Part(name=f"p{i}", extra=[a_string("view", view)]) for i, view in enumerate((*first, *views))])


def stereo(*names: str, views: tuple[str, ...] = ("left", "right")) -> bytes:
    return build([Part(channels=[Channel(name) for name in names], extra=[a_stringvector("multiView", views)])])


FULL = ("R", "G", "B", "right.R", "right.G", "right.B")

VIEWS = [
    Case(
        "VIEW-MIX",
        build([Part(name=n, extra=[a_stringvector("multiView", ["left"])]) for n in "ab"]),
        eyes("left", "right"),
    ),
    Case("VIEW-LEFTRIGHT", eyes("l", "r"), eyes("left", "right")),
    Case("VIEW-PART0", build([Part(name="a"), Part(name="b", extra=[a_string("view", "left")])]), eyes("left")),
    Case("VIEW-NAME-CHARS", eyes("left eye", "right"), eyes("left", "right")),
    Case("VIEW-CHAN-PREFIX", stereo(*FULL, "right.diffuse.R"), stereo(*FULL, "diffuse.right.R")),
    Case(
        "VIEW-CHAN-PREFIX",
        build([Part(name=v, channels=[Channel(f"{v}.R")], extra=[a_string("view", v)]) for v in ("left", "right")]),
    ),
    Case("VIEW-PAIR", stereo("R", "G", "B", "right.R", "right.G"), stereo(*FULL)),
    Case(
        "VIEW-SINGLE",
        build([Part(extra=[a_string("view", "left")])]),
        build([Part(extra=[a_string("view", "left"), a_stringvector("multiView", ["left"])])]),
    ),
]

CASES = [*CHANNELS, *TYPES, *COMPRESSION, *VIEWS]
