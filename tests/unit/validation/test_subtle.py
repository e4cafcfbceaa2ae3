"""Edge cases of rules: values that almost break or almost keep them. `cases/` has one plain case of each rule."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import mmh3
import numpy as np
import pytest

from exr_inspector.exr.cryptomatte.manifests import (
    ManifestError,
    cryptomatte_id,
    parse_manifest,
    sidecar_path_fault,
    wrong_names,
)
from exr_inspector.exr.header.text import decode_name
from exr_inspector.exr.names import is_beauty
from exr_inspector.model import Severity
from exr_inspector.validation import builtin_policy, validate_file
from exr_inspector.validation.facts.roles import DATA_ROLES, Role, layer_of_file, role_of
from exr_inspector.validation.facts.timecodes import Clock, frames_of_day
from tests.support.exrbytes import (
    B44,
    DWAA,
    FLOAT,
    HALF,
    HTJ2K32,
    LJ2K,
    NONE,
    PIZ,
    PXR24,
    RGB,
    UINT,
    ZIP,
    ZSTD,
    Attr,
    Channel,
    Part,
    a_box2i,
    a_float,
    a_int,
    a_keycode,
    a_rational,
    a_string,
    a_stringvector,
    a_timecode,
    a_vector,
    build,
    tv60,
)
from tests.unit.validation.cases.made.metadata import KEY, NAME, declared, ranks
from tests.unit.validation.cases.made.pixels import flat, gradient, image
from tests.unit.validation.judging import EVERYTHING, inspect, judge, policy, violations
from tests.unit.validation.sequences import pixels_of

E, W, I = Severity.ERROR, Severity.WARNING, Severity.INFO  # noqa: E741 - as the catalogue has them
INT_MIN, INT_MAX = -(2**31), 2**31 - 1


def found(data: bytes, *codes: str, **how: Any) -> dict[str, Severity]:
    """The worst severity of each of these codes (of groups, if they end in a hyphen)."""
    worst: dict[str, Severity] = {}
    for finding in judge(data, **how):
        if finding.code.startswith(codes):
            worst[finding.code] = max(worst.get(finding.code, I), finding.severity)
    return worst


def extra(*attributes: Attr, **changed: Any) -> bytes:
    return build([Part(extra=attributes, **changed)])


def only(*channels: tuple[str, int] | str, compression: int = NONE, more: tuple[Attr, ...] = ()) -> bytes:
    made = [Channel(c, FLOAT) if isinstance(c, str) else Channel(*c) for c in channels]
    return build([Part(channels=made, compression=compression, extra=more)])


# --- effective lossiness ---------------------------------------------------------------------------------


LOSSY_CODES = ("CMP-B44-DATA", "CMP-PXR24-FLOAT", "CMP-DWA-NAMES", "CMP-LJ2K-TRIPLET")


@pytest.mark.parametrize(
    ("compression", "channels", "expected"),
    [
        (DWAA, ["N.X", "N.Z", "P.X", "id", "depth.Z", "uv.x"], {}),
        (DWAA, ["N.Y"], {"CMP-DWA-NAMES": E}),
        (DWAA, [("P.Y", HALF)], {"CMP-DWA-NAMES": E}),
        (DWAA, [("id.R", UINT)], {}),
        (DWAA, ["id.R"], {"CMP-DWA-NAMES": E}),
        (DWAA, ["id.r", "id.red", "N.y", "id.A"], {}),
        (DWAA, ["motion.BY", "motion.RY"], {"CMP-DWA-NAMES": E}),
        (B44, [("Z", HALF)], {"CMP-B44-DATA": E}),
        (B44, [("N.X", HALF)], {"CMP-B44-DATA": E}),
        (B44, ["Z", "N.X", ("id", UINT)], {}),
        (B44, [("X", HALF), ("Y", HALF), ("Z", HALF)], {}),  # CIE XYZ
        (B44, [("u.X", HALF), ("u.Y", HALF), ("u.Z", HALF)], {}),  # the meaning of this layer is unknown
        (B44, [("N.X", HALF), ("N.Y", HALF), ("N.Z", HALF)], {"CMP-B44-DATA": E}),
        (PXR24, ["X", "Y", "Z"], {}),
        (PXR24, ["Z", "N.X", "motion.x"], {"CMP-PXR24-FLOAT": W}),
        (PXR24, ["P.X"], {"CMP-PXR24-FLOAT": E}),
        (PXR24, ["id"], {"CMP-PXR24-FLOAT": E}),
        (PXR24, [("P.X", HALF), ("Z", HALF), ("id", UINT)], {}),
        (LJ2K, ["N.r", "N.g", "N.b"], {"CMP-LJ2K-TRIPLET": E}),
        (LJ2K, ["N.Red", "N.GREEN", "N.blue"], {"CMP-LJ2K-TRIPLET": E}),
        (LJ2K, ["R", "G", "B", "N.r", "N.g", "N.b"], {}),
        (LJ2K, ["N.X", "N.Y", "N.Z"], {}),
        (LJ2K, [("N.R", UINT), ("N.G", UINT), ("N.B", UINT)], {}),
        *((codec, ["N.R", "N.Y", "id.R", "P.X", ("Z", HALF)], {}) for codec in (NONE, ZIP, PIZ, HTJ2K32, ZSTD)),
    ],
)
def test_compression_is_judged_by_the_channels_it_alters(
    compression: int, channels: list[Any], expected: dict[str, Severity]
) -> None:
    assert found(only(*channels, compression=compression), *LOSSY_CODES) == expected


@pytest.mark.parametrize(
    ("components", "compression", "is_lossy"),
    [
        ("rgba", DWAA, False),
        ("RGBA", DWAA, True),
        ("rgba", LJ2K, True),
        ("rgba", PXR24, True),
        ("rgba", B44, False),
        ("RGBA", ZIP, False),
    ],
)
def test_cryptomatte_and_codecs(components: str, compression: int, *, is_lossy: bool) -> None:
    data = build([Part(channels=ranks(f"{NAME}00", components=components), compression=compression, extra=declared())])
    assert (found(data, "CRY-LOSSLESS") == {"CRY-LOSSLESS": E}) is is_lossy
    assert not found(data, *LOSSY_CODES), "one fact, one finding"


@pytest.mark.parametrize(
    ("black", "found"),
    [
        (0.0, ("PIX-ALPHA-INVERTED", "inverted")),
        (0.1, ("PIX-ALPHA-INVERTED", "inverted")),  # a soft edge
        (0.5, ("PIX-UNPREMULT", "25%")),  # most of the image is behind alpha, as well
        (1.0, ("PIX-UNPREMULT", "25%")),
    ],
)
def test_alpha_that_is_inverted_is_distinguished_from_colour_that_is_not_multiplied(
    black: float, found: tuple[str, str]
) -> None:
    is_object = np.arange(64).reshape(1, 64).repeat(64, 0) < 16
    behind = np.where(np.linspace(0, 1, 64) < black, 0.5, 0.0)[:, None]  # colour where alpha is 1
    data = flat(**dict.fromkeys("RGB", np.where(is_object, 0.5, behind)), A=np.where(is_object, 0.0, 1.0))
    (finding,) = (each for each in judge(data, stats=True) if each.code in {"PIX-ALPHA-INVERTED", "PIX-UNPREMULT"})
    assert (finding.code, finding.found, finding.channel) == (*found, "A")


def test_the_id_that_a_tag_of_another_attribute_means_is_expected() -> None:
    for space, expected in (("ACEScg", "lin_ap1_scene"), ("our space", "colorInteropID")):
        (finding,) = violations("COL-TAG-OTHER", extra(a_string("oiio:ColorSpace", space)))
        assert finding.expected == expected


# --- what a name says ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "component", "role"),
    [
        ("ViewLayer.Vector", "Y", Role.MOTION),
        ("forward", "R", Role.MOTION),
        ("left.backward", "u", Role.MOTION),
        ("disparity", "x", Role.MOTION),
        ("forward_light", "R", Role.COLOUR),
        ("flow_fx", "R", Role.COLOUR),
        ("nn", "Y", Role.OTHER),
        ("mask", "Y", Role.OTHER),
        ("", "Y", Role.COLOUR),
        ("1st_bounce", "R", Role.COLOUR),
        ("depth_of_field", "R", Role.COLOUR),
        ("motionBlur", "R", Role.COLOUR),
        ("id_mask", "R", Role.COLOUR),
        ("Light ID 1", "R", Role.COLOUR),
        ("ID_matte1", "G", Role.COLOUR),
        ("idCharacter", "R", Role.COLOUR),
        ("ViewLayer.Object Index", "X", Role.ID),
        ("materialIndex", "X", Role.ID),
        ("", "index", Role.ID),
        ("shape_index", "Y", Role.ID),
        ("index_of_refraction", "Y", Role.OTHER),
        ("render_id", "R", Role.ID),
        ("worldNormal_01", "R", Role.NORMAL),
        ("N_noice", "X", Role.NORMAL),
        ("P_denoised", "G", Role.POSITION),
        ("RGBA_denoise", "R", Role.COLOUR),
        ("valid", "R", Role.COLOUR),
        ("normal_var", "x", Role.OTHER),
        ("depth_mse", "R", Role.OTHER),
        ("variance", "G", Role.OTHER),
        ("Denoising Image Variance", "R", Role.OTHER),
        ("RelativeVariance", "B", Role.OTHER),
        ("sampleCount", "R", Role.OTHER),
        ("render_time", "R", Role.OTHER),
        ("variant", "R", Role.COLOUR),
        ("varnish", "R", Role.COLOUR),
        ("invariance_light", "R", Role.COLOUR),
    ],
)
def test_roles_by_words(layer: str, component: str, role: Role) -> None:
    assert role_of(layer, component) is role


def test_the_names_of_the_main_image() -> None:
    names = ["", "rgb", "RGBA", "beauty", "color", "colour", "View Layer.Combined", "main", "C", "left.rgba"]
    assert [name for name in names if not is_beauty(name)] == []
    assert not any(map(is_beauty, ("diffuse", "Z", "beauty.diffuse", "combined_N")))


@pytest.mark.parametrize(
    ("role", "layers"),
    [
        (Role.DEPTH, "depth Z zDepth ZBack Depth_noice depth_01"),
        (
            Role.ID,
            "id ids objectId MaterialID particleId instanceId primId IndexOB IndexMA index objectIndex materialIndex",
        ),
        (Role.ID, "shapeIndex shape_index primIndex prim_index instance_index segmap segmentation"),
        (Role.POSITION, "P position positions Pworld Pref worldPosition uv UVs uvMap st stmap pos wpos"),
        (Role.NORMAL, "N Ng normal Normals"),
        (Role.MOTION, "motion velocity motionVector motionVectors mvec Vector vectors forward backward disparity flow"),
        (Role.OTHER, "id_mask_var motion_field normals_blur depth_matte N_variance sample_count renderTime heatMap"),
    ],
)
def test_roles_by_the_words_of_renderers(role: Role, layers: str) -> None:
    assert {layer: role_of(layer, "X") for layer in layers.split()} == dict.fromkeys(layers.split(), role)


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("sh010_N.1001.exr", "N"),
        ("s3://b/N/sh010.P.0001.exr", "P"),
        ("sh010_lgt_Z_v003.1001.exr", "Z"),
        ("Normal0001.exr", "Normal"),
        ("shot.zDepth.0001.exr", "zDepth"),
        ("Shot01.FinalImageMovieRenderQueue_WorldDepth.0001.exr", "WorldDepth"),
        ("lens_undistort_stmap.exr", "stmap"),
        ("sh010_motion_vectors_v2_1001.exr", "motion_vectors"),
        ("0001_depth.exr", "depth"),
        ("shot.VRayCryptomatte00.0001.exr", "VRayCryptomatte00"),
        ("1186573_depthMap.exr", "depthMap"),
        ("tree_vat_pos.exr", "pos"),
        ("forward_flow_0001.exr", "forward_flow"),
        ("tex/water_flowmap.exr", "flowmap"),
        ("sh010_opticalFlow.1001.exr", "opticalFlow"),
        ("flow_bwd/0001.exr", "flow_bwd"),
        ("lava_flow.1001.exr", ""),
        ("sh010/N/sh010.1001.exr", ""),
        ("sh010/normals/sh010.1001.exr", "normals"),
        ("alpha/P/sh010.1001.exr", ""),
        ("alpha/pos/sh010.1001.exr", ""),
        ("alpha/uv1/sh010.1001.exr", ""),
        ("VRayCryptomatte00/sh010.1001.exr", "VRayCryptomatte00"),
        ("depth_v003/sh010_v003.1001.exr", "depth"),
        ("000000-cameraNormals.exr", "cameraNormals"),
        ("sh010_world_normal.1001.exr", "world_normal"),
        ("NormalImage_0001.exr", "NormalImage"),
        ("DepthImage0001.exr", "DepthImage"),
        ("crypto_object.0001.exr", ""),
        ("P1010023.exr", ""),
        ("test_normal.exr", ""),
        ("title_motion.1001.exr", ""),
        ("plane_n.1001.exr", ""),
        ("depth_of_field.1001.exr", ""),
        *((f"depth/{image}.1001.exr", "") for image in ("beauty", "rgb", "rgba", "combined", "comp", "plate")),
        *((f"depth/{image}.1001.exr", "") for image in ("diffuse", "specular", "albedo")),
        ("depth/shots/sh010.1001.exr", ""),
        ("film_negpos.0001.exr", ""),
        ("motion/sh010.1001.exr", ""),
        ("flow/0001.exr", ""),
    ],
)
def test_the_layer_that_a_files_name_states(name: str, layer: str) -> None:
    assert layer_of_file(name, "RGBA") == layer
    assert not layer or role_of(layer, "R") in DATA_ROLES
    assert not layer or role_of(layer, "A") in {Role.ALPHA, Role.CRYPTOMATTE}
    assert layer_of_file(name, ["R", "G", "B", "diffuse.R"]) == ""


def test_two_channels_of_flow_are_no_image() -> None:
    assert [layer_of_file("sh010_flow.1001.exr", channels) for channels in ("RG", "RGB")] == ["flow", ""]


def test_a_file_named_for_a_measure_holds_no_colour() -> None:
    assert layer_of_file("sh010_variance.1001.exr", "RGB") == "variance"
    assert role_of("variance", "R") is Role.OTHER


def test_a_file_named_for_its_data_is_data() -> None:
    (normals,) = violations("CMP-DWA-NAMES", build([Part(compression=DWAA)]), key="s/sh010_N.1001.exr")
    assert normals.channel == "B"
    tagged = extra(a_string("colorInteropID", "lin_ap1_scene"))
    assert found(tagged, "COL-DATA-IN-RGB", key="s/sh010_N.1001.exr") == {"COL-DATA-IN-RGB": I}, "a name is a hint"


@pytest.mark.parametrize(
    ("key", "is_reported"),
    [("s/depth/sh010.1003.exr", True), ("s/P/sh010.1003.exr", True), ("s/sh010_depth.1003.exr", False)],
)
def test_a_black_image_in_a_folder_named_for_data_is_reported(key: str, *, is_reported: bool) -> None:
    black = build([Part(pixels={c.name: np.zeros((3, 4)) for c in RGB})])
    assert ("PIX-BLACK" in found(black, "PIX-BLACK", key=key, stats=True)) is is_reported
    pixels = pixels_of(black, key)
    assert pixels.is_black is (True if is_reported else None)
    assert (pixels.luminance is None) is ("depth" in key)


@pytest.mark.parametrize(("at_low_alpha", "is_named"), [(0.5, True), (0.2, False)])
def test_colour_that_soft_alpha_hides_is_straight_if_edges_are_as_bright(
    at_low_alpha: float, *, is_named: bool
) -> None:
    alpha = np.tile(np.clip(np.arange(48, -16, -1) / 32, 0, 1), (64, 1))
    colour = np.where(alpha < 0.125, at_low_alpha, 0.5)
    data = flat(**dict.fromkeys("RGB", colour), A=alpha)
    (message,) = (each.message for each in violations("PIX-UNPREMULT", data, stats=True))
    assert ("straight alpha" in message) is is_named


def test_rows_without_a_count_of_hidden_colour_are_judged_by_their_zeros() -> None:
    alpha = np.where(np.arange(12).reshape(3, 4) > 5, 1.0, 0.0)
    straight = inspect(image(A=alpha), stats=True)
    channels = tuple(replace(each, uncovered_count=None, low_alpha_colour=None) for each in straight.pixels.channels)
    stored = replace(straight, pixels=replace(straight.pixels, channels=channels))
    messages = {f.code: f.message for f in validate_file(stored, EVERYTHING)}
    assert messages["PIX-UNPREMULT"] == "R, G, B: 42% or more of the pixels have colour where A is zero"
    premultiplied = image(A=alpha, **dict.fromkeys("RGB", alpha / 2))
    assert found(premultiplied, "PIX-UNPREMULT", stats=True) == {}


def test_alpha_that_is_exchanged_with_a_colour() -> None:
    ramp = np.linspace(0.0, 2.0, 64 * 64).reshape(64, 64)
    coverage = np.clip(64 * (ramp - 1), 0, 1)
    others = dict.fromkeys("GB", ramp * coverage / 4)
    shown = [
        flat(A=ramp * coverage, R=coverage, **others),
        flat(A=ramp * coverage / 4, R=coverage, **others),
        flat(A=ramp / 4, R=np.ones((64, 64)), **others),
        flat(A=ramp / 1.9, R=coverage, **others),  # overshoot of a filter
        flat(A=coverage, R=ramp / 2, **others),
        flat(A=ramp / 2.1, R=np.minimum(ramp, 1), **others),  # a clipped highlight
        flat(A=ramp / 2.1, R=coverage, G=(ramp > 1.98) * 1.0, B=ramp * 0),  # mattes
    ]
    found = [violations("PIX-ALPHA-EXCHANGED", each, stats=True) for each in shown]
    assert [[each.message for each in every] for every in found] == [
        [f"A is {span}, and R is 0 or 1 in most pixels, as coverage is: A and the colours are exchanged"] * bool(span)
        for span in ("0 to 2", "0 to 0.5", "0 to 0.5", "", "", "", "")
    ]


def test_the_third_axis_is_no_depth() -> None:
    assert found(only(("X", HALF), ("Y", HALF), ("Z", HALF)), "TYP-DEPTH") == {}  # CIE XYZ
    assert found(only(("foo.X", HALF), ("foo.Y", HALF), ("foo.Z", HALF)), "TYP-DEPTH") == {}
    assert found(only(("foo.Z", HALF)), "TYP-DEPTH") == {"TYP-DEPTH-HALF": W}
    zeros = np.zeros((3, 4))
    pixels = {f"foo.{axis}": zeros for axis in "XYZ"} | {c.name: zeros + 0.5 for c in RGB}
    data = build([Part(channels=[*RGB, *(Channel(f"foo.{a}", FLOAT) for a in "XYZ")], pixels=pixels)])
    assert found(data, "PIX-DEPTH-SIGN", "PIX-NEGATIVE", stats=True) == {}


def test_a_vector_goes_below_zero() -> None:
    down = np.full((3, 4), -1.0)
    pixels = {f"nn.{axis}": down for axis in "XYZ"} | {c.name: down * -0.5 for c in RGB}
    data = build([Part(channels=[*RGB, *(Channel(f"nn.{a}", FLOAT) for a in "XYZ")], pixels=pixels)])
    assert found(data, "PIX-NEGATIVE", stats=True) == {}


def test_an_id_of_three_half_channels_is_info_and_of_one_an_error() -> None:
    assert found(only(*((f"objectId.{c}", HALF) for c in "RGB")), "TYP-ID-HALF") == {"TYP-ID-HALF": I}
    assert found(only(("objectId.R", HALF)), "TYP-ID-HALF") == {"TYP-ID-HALF": E}


def test_odd_names_are_reported_together() -> None:
    names = [("my layer.R", HALF), ("my layer.G", HALF), ("ä.R", HALF), ("gr\udcfcn.R", HALF), ("x", HALF)]
    messages = [finding.message for finding in violations("CHN-CHARS", only(*names))]
    assert messages == [
        r"2 channel names have characters other than printable ASCII: 'gr\xfcn.R', 'ä.R'",
        "2 channel names have a space: 'my layer.G', 'my layer.R'",
    ]


# --- Cryptomatte -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("../m.json", "leads out of the image's folder"),
        ("a/../../m.json", "leads out of the image's folder"),
        ("manif\\m.json", "has a backslash"),
        ("C:/renders/m.json", "begins with a drive letter"),
        ("/renders/m.json", "is an absolute path"),
        ("\\\\server\\m.json", "is an absolute path"),
        ("file://m.json", "is a URL"),
        ("m.txt", "does not end with .json"),
        ("m.JSON", "does not end with .json"),
        ("m", "does not end with .json"),
        ("./m.json", "has an empty component or a dot"),
        ("m.json", ""),
        ("manif/m.json", ""),
    ],
)
def test_what_is_wrong_with_the_path_of_a_sidecar(path: str, fault: str) -> None:
    assert sidecar_path_fault(path).startswith(fault)
    codes = found(extra(*declared("manifest", manif_file=path)), "CRY-MANIF-FILE", "CRY-MANIFEST-MISSING")
    assert codes == ({"CRY-MANIF-FILE": E} if fault else {})


@pytest.mark.parametrize(
    ("text", "fault", "entry"),
    [
        ('{"a": "3c2569b2", "b": 1009082802}', "the id of entry 2 is a number;", '"b": 1009082802'),
        ('{"hero": "82ce30b"}', "the id of entry 1 has 7 digits", '"hero": "82ce30b"'),
        ('{"a": "82ce30b", "b": "0x82ce30b4"}', "has 7 digits (2 of 2 ids are wrong)", '"a": "82ce30b"'),
        ('{"hero": "0x82ce30b4"}', "is no hexadecimal number", '"hero": "0x82ce30b4"'),
        ('{"82ce30b4": "hero"}', "that maps ids to names", '"82ce30b4": "hero"'),
    ],
)
def test_what_is_wrong_with_the_ids_of_a_manifest(text: str, fault: str, entry: str) -> None:
    with pytest.raises(ManifestError) as error:
        parse_manifest(text)
    assert fault in str(error.value)
    assert error.value.entry == entry
    assert entry not in str(error.value)  # a sidecar may be any file
    (inline,) = violations("CRY-MANIFEST-JSON", extra(*declared(manifest=text)))
    assert inline.message.endswith(entry)
    (beside,) = violations("CRY-MANIFEST-JSON", extra(*declared(manifest=text, manif_file="m.json")))
    assert entry not in beside.message


def _toggled() -> str:
    """A name whose hash has an exponent of 0 or 255, so that bit 23 is toggled."""
    names = (f"object{number}" for number in range(10_000))
    return next(name for name in names if (mmh3.hash(name, 0, signed=False) >> 23) & 255 in {0, 255})


def test_an_id_with_the_exponents_bit_as_it_was_hashed() -> None:
    name = _toggled()
    wrong = json.dumps({name: f"{mmh3.hash(name, signed=False):08x}", "box": f"{cryptomatte_id('box'):08x}"})
    (finding,) = violations("CRY-MANIFEST-HASH", extra(*declared(manifest=wrong)))
    assert "in all of them bit 23 is not toggled" in finding.message


OTHER = "crypto_object2"
OTHER_KEY = f"{cryptomatte_id(OTHER):08x}"[:7]


def matte(*channels: Channel, attributes: list[Attr] | None = None) -> bytes:
    return build([Part(channels=[*RGB, *channels], extra=declared() if attributes is None else attributes)])


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        (ranks(f"{NAME}00", components="RGBA"), {}),
        ([Channel(f"{NAME}00.{c}", FLOAT) for c in ("red", "green", "blue", "alpha")], {}),
        ([Channel(f"{NAME}00.{c}", FLOAT) for c in ("Red", "GREEN", "Blue", "Alpha")], {}),
        ([Channel(f"{NAME}00.{c}", FLOAT) for c in ("r", "green", "b", "alpha")], {"CRY-LAYERS": E}),
        (ranks(f"{NAME}01"), {"CRY-LAYERS": E}),
        (ranks(f"{NAME}00", f"{NAME}01", f"{NAME}03"), {"CRY-LAYERS": E}),
        (ranks(f"{NAME}0"), {"CRY-LAYERS": E}),
        (ranks(f"{NAME}000"), {"CRY-LAYERS": E}),
        (ranks(f"beauty.{NAME}00"), {"CRY-LAYER-EXACT": W}),
        (ranks(f"{NAME}00", kind=UINT), {"CRY-FLOAT32": E}),
        ([], {"CRY-LAYERS": I}),
    ],
)
def test_layers_of_a_cryptomatte(layers: list[Channel], expected: dict[str, Severity]) -> None:
    assert found(matte(*layers), "CRY-LAYERS", "CRY-LAYER-EXACT", "CRY-FLOAT32") == expected


def test_ranks_called_r_g_b_a_are_no_image() -> None:
    values = dict(zip("RGBA", (3e30, 1.0, 0.0, 0.0), strict=True))
    pixels = {name: np.full((3, 4), value) for name, value in values.items()}
    data = build([Part(channels=[Channel(c, FLOAT) for c in "RGBA"], pixels=pixels, extra=declared())])
    assert found(data, "PIX-", stats=True) == {}
    assert found(data, "CRY-LAYERS", stats=True) == {"CRY-LAYERS": W}


def test_names_that_begin_alike() -> None:
    several = [*declared(), *declared(key=OTHER_KEY, name=OTHER)]
    layers = ranks(f"{NAME}00", f"{NAME}01", f"{OTHER}00", f"{OTHER}01")
    assert found(matte(*layers, attributes=several), "CRY-") == {}
    half = [*ranks(f"{NAME}00"), *ranks(f"{OTHER}00", kind=HALF)]
    (finding,) = violations("CRY-FLOAT32", matte(*half, attributes=several))
    assert finding.message.startswith(f"Cryptomatte {OTHER!r}")


@pytest.mark.parametrize(
    ("key", "is_odd"),
    [
        (KEY, False),
        (f"{cryptomatte_id(NAME):08x}"[1:], False),  # RenderMan's
        (KEY.upper(), True),
        (f"{KEY}0", True),
        (KEY[:6], True),
        ("0", True),
    ],
)
def test_forms_of_cryptomatte_keys(key: str, *, is_odd: bool) -> None:
    assert bool(found(matte(*ranks(f"{NAME}00"), attributes=declared(key=key)), "CRY-KEY-FORM")) is is_odd


def test_the_exponent_s_bit_is_toggled() -> None:
    name = _toggled()
    identifier = cryptomatte_id(name)
    assert 0 < (identifier >> 23) & 255 < 255
    assert np.isfinite(np.uint32(identifier).view(np.float32))
    plain = f"{identifier ^ (1 << 23):08x}"
    good, bad = ({name: text} for text in (f"{identifier:08x}", plain))
    assert wrong_names(good) == []
    assert wrong_names(bad) == [name]

    for manifest, code in ((good, {}), (bad, {"CRY-MANIFEST-HASH": E})):
        attributes = declared(manifest=json.dumps(manifest))
        assert found(matte(*ranks(f"{NAME}00"), attributes=attributes), "CRY-MANIFEST-HASH") == code


@pytest.mark.parametrize(
    ("manifest", "code"),
    [
        ("{}", {"CRY-MANIFEST-MISSING": W}),
        ("", {"CRY-MANIFEST-MISSING": W}),
        ("[]", {"CRY-MANIFEST-JSON": E}),
        ('{"a": 1}', {"CRY-MANIFEST-JSON": E}),
        ('{"a": "3c2569b"}', {"CRY-MANIFEST-JSON": E}),
        ('{"a": "3C2569B2"}', {"CRY-MANIFEST-JSON": I}),
        ('{"a": "3c2569b2"}', {}),
    ],
)
def test_faults_of_manifests_have_their_rules(manifest: str, code: dict[str, Severity]) -> None:
    data = matte(*ranks(f"{NAME}00"), attributes=declared(manifest=manifest))
    assert found(data, "CRY-MANIFEST-JSON", "CRY-MANIFEST-MISSING", "CRY-MANIFEST-HASH") == code


def apart(*layers: list[Channel], views: tuple[str, ...] = (), **changed: Any) -> bytes:
    """The Cryptomatte is declared in the first part, as Blender does it, and its ranks are in parts of their own."""
    parts = [
        Part(
            name="beauty", extra=[*declared(), *(a_string("view", v) for v in views[:1])], pixels=changed.get("beauty")
        )
    ]
    for index, channels in enumerate(layers):
        own = [a_string("view", views[index])] if views else []
        parts.append(Part(name=f"crypto{index}", channels=channels, extra=own, pixels=changed.get("pixels")))
    return build(parts)


@pytest.mark.parametrize(("stored", "is_exchanged"), [("rgba", False), ("bgra", True), ("grab", True)])
def test_channels_of_ranks_that_are_exchanged(stored: str, *, is_exchanged: bool) -> None:
    edge = np.tile(np.clip(np.arange(4) - 1, 0, 1), (3, 1)) / 2  # the second object covers half of two columns
    ids = [np.full((3, 4), -1e30), np.where(edge > 0, 1e9, 0)]
    values = [ids[0], 1 - edge, ids[1], edge]
    pixels = {f"{NAME}00.{c}": each for c, each in zip(stored, values, strict=True)}
    data = build([Part(channels=ranks(f"{NAME}00"), extra=declared(), pixels=pixels)])
    messages = [each.message for each in violations("CRY-COVERAGE", data, stats=True)]
    assert ["exchanged" in message for message in messages] == [True] * is_exchanged


def test_ranks_in_another_part_are_no_colour() -> None:
    ids = np.full((3, 4), -1e30)
    pixels = {f"{NAME}00.{c}": ids if c in "rb" else ids * 0 for c in "rgba"}
    data = apart(ranks(f"{NAME}00"), pixels=pixels, beauty={c.name: np.full((3, 4), 0.5) for c in RGB})
    assert found(data, "PIX-NEGATIVE", "PIX-BLACK", "CRY-COVERAGE", "CRY-ID", "CRY-PIXEL", stats=True) == {}
    constant = violations("PIX-CONSTANT", data, stats=True)
    assert [finding.part for finding in constant] == [0]


def test_both_eyes_of_a_cryptomatte_are_looked_at() -> None:
    views = ("left", "right")
    good = apart(ranks(f"{NAME}00", f"{NAME}01"), ranks(f"{NAME}00", f"{NAME}01"), views=views)
    assert found(good, "CRY-") == {"CRY-PART": I}
    for eyes in ((HALF, FLOAT), (FLOAT, HALF)):
        layers = [ranks(f"{NAME}00", kind=kind) for kind in eyes]
        assert found(apart(*layers, views=views), "CRY-FLOAT32") == {"CRY-FLOAT32": E}


# --- views -----------------------------------------------------------------------------------------------


def single(views: tuple[str, ...], *names: str) -> bytes:
    return build([Part(channels=[Channel(name) for name in names], extra=[a_stringvector("multiView", views)])])


@pytest.mark.parametrize(
    ("names", "is_odd"),
    [
        (("R", "G", "B", "right.R", "right.G", "right.B"), False),
        (("left.R", "left.G", "left.B", "right.R", "right.G", "right.B"), True),  # the default view has a prefix
        (("R", "left.A", "right.R"), True),
        (("R", "left.X", "right.X"), False),  # optional for other data
        (("R", "diffuse.left.R", "diffuse.right.R"), False),
        (("R", "left.diffuse.R"), True),
        (("R", "speed.left"), True),
        (("R", "left"), False),  # a channel of the default view
        (("R", "background.data"), False),
        (("R", "got.it.right.now"), False),
        (("R", "right.left.R"), False),
    ],
)
def test_view_names_in_single_parts(names: tuple[str, ...], *, is_odd: bool) -> None:
    assert (found(single(("left", "right"), *names), "VIEW-CHAN-PREFIX") == {"VIEW-CHAN-PREFIX": W}) is is_odd


def test_the_layout_that_nuke_writes_of_two_views_is_no_warning() -> None:
    nuke = single(("left", "right"), *"ABGR", "depth.Z", "right.A", "right.B", "right.G", "right.R", "right.depth.Z")
    severities = {f.code: f.severity for f in judge(nuke, builtin_policy("default"))}
    assert severities["VIEW-CHAN-PREFIX"] is Severity.INFO
    assert max(severities.values()) is Severity.INFO


@pytest.mark.parametrize(
    ("profile", "severity"), [("default", Severity.INFO), ("texture", Severity.INFO), ("archive", W)]
)
def test_how_bad_a_missing_colour_tag_is(profile: str, severity: Severity) -> None:
    (untagged,) = violations("COL-UNTAGGED", build([Part()]), builtin_policy(profile))
    assert untagged.severity is severity


def eye(view: str | None, *names: str, **changed: Any) -> Part:
    tags = [] if view is None else [a_string("view", view)]
    return Part(name=f"{view}{'-'.join(names)}", channels=[Channel(n) for n in names], extra=tags, **changed)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([eye("left", *"BGR"), eye("right", *"BGR")], {}),
        ([eye("right", *"BGR"), eye("left", *"BGR"), eye(None, "notes.R", "notes.G", "notes.B")], {}),
        ([eye(None, *"BGR"), eye("left", *"BGR"), eye("right", *"BGR")], {"VIEW-PART0": E}),
        ([eye("left", "left.R"), eye("right", "left.R")], {"VIEW-CHAN-PREFIX": W}),
        ([eye("left", "x.left.R"), eye("right", "x.left.R")], {"VIEW-CHAN-PREFIX": W}),
        ([eye("Left", "R"), eye("right", "R")], {"VIEW-LEFTRIGHT": W}),
        ([eye("mono", "R"), eye("left", "R"), eye("right", "R")], {}),
        ([eye("left", *"BGR"), eye("right", *"BG")], {"VIEW-PAIR": W}),
        (
            [eye("left", "R"), eye("right", "R", data_window=(0, 0, 1, 2), display_window=(0, 0, 3, 2))],
            {"VIEW-PAIR": I},
        ),
        ([eye("left", "R"), eye("right", "R", data_window=(1, 0, 4, 2), display_window=(0, 0, 3, 2))], {}),
        ([eye("left.eye", "R"), eye("right", "R")], {"VIEW-NAME-CHARS": E, "VIEW-LEFTRIGHT": W}),
        ([eye("", "R"), eye("right", "R")], {"VIEW-NAME-CHARS": E, "VIEW-LEFTRIGHT": W}),
    ],
)
def test_views_of_multi_part_files(parts: list[Part], expected: dict[str, Severity]) -> None:
    assert found(build(parts), "VIEW-") == expected


def test_the_two_conventions_do_not_mix() -> None:
    parts = [Part(name=v, extra=[a_string("view", v), a_stringvector("multiView", [v])]) for v in ("left", "right")]
    assert found(build(parts), "VIEW-") == {"VIEW-MIX": E}


# --- deep ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "lacking"),
    [
        (("A", "R", "Z"), ""),
        (("AR", "R", "A", "G", "Z"), ""),
        (("AR", "R", "Z"), ""),
        (("AR", "G", "Z"), "G"),
        (("A", "L1.R", "L1.L2.G", "Z"), ""),
        (("L1.A", "L1.L2.G", "Z"), ""),
        (("L1.A", "R", "Z"), "R"),
        (("Z", "ZBack"), ""),
        (("Z", "id"), "id"),
        (("A", "Z", "L1.Z"), ""),
        (("L1.Z", "Z"), "L1.Z"),
        (("AG", "Y", "Z"), "Y"),
        (("L1.A", "L10.R", "Z"), "L10.R"),
    ],
)
def test_alpha_of_deep_channels(names: tuple[str, ...], lacking: str) -> None:
    channels = [
        Channel(n, FLOAT if n.rpartition(".")[2] in {"Z", "ZBack"} else UINT if n == "id" else HALF) for n in names
    ]
    found = violations("DEEP-ALPHA", build([Part(kind="deepscanline", channels=channels)]))
    assert [finding.message for finding in found] == (
        [f"{lacking}: no alpha in the layer or an enclosing one"] if lacking else []
    )


@pytest.mark.parametrize(
    ("names", "count"),
    [
        (("id",), 0),
        (("objectid0", "objectid1"), 0),
        (("particle.id0", "particle.id1"), 0),
        (("objectid0",), 1),
        (("particle.id1", "id0"), 2),
    ],
)
def test_ids_of_deep_parts(names: tuple[str, ...], count: int) -> None:
    channels = [Channel("A"), Channel("Z", FLOAT), *(Channel(n, UINT) for n in names)]
    assert len(violations("DEEP-ID", build([Part(kind="deepscanline", channels=channels)]))) == count


# --- windows and numbers ---------------------------------------------------------------------------------


@pytest.mark.parametrize("box", [(INT_MIN, INT_MIN, INT_MAX, INT_MAX), (INT_MAX, INT_MAX, INT_MIN, INT_MIN)])
@pytest.mark.parametrize("name", ["dataWindow", "displayWindow", "originalDataWindow"])
def test_extreme_windows_fail_no_rule(name: str, box: tuple[int, int, int, int]) -> None:
    attribute = a_box2i(name, box)
    data = extra(attribute) if name == "originalDataWindow" else build([Part(replace=[attribute])])
    codes = found(data, "WIN-INVALID", "WIN-ODW")  # no rule fails
    if name != "originalDataWindow":
        assert codes["WIN-INVALID"] is E


@pytest.mark.parametrize(
    ("box", "is_valid"),
    [
        ((-1_073_741_822, 0, -1_073_741_822, 0), True),
        ((-1_073_741_823, 0, -1_073_741_823, 0), False),
        ((1_073_741_822, 0, 1_073_741_822, 0), True),
        ((1_073_741_823, 0, 1_073_741_823, 0), False),
        ((0, 0, -1, 0), False),
    ],
)
def test_the_limits_of_coordinates(box: tuple[int, int, int, int], *, is_valid: bool) -> None:
    data = build([Part(replace=[a_box2i("displayWindow", box)])])
    assert ("WIN-INVALID" not in found(data, "WIN-")) is is_valid


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), 0.0, -1.0, 3e38, 1e-45])
def test_odd_floats_in_every_float_attribute(value: float) -> None:
    names = (
        "whiteLuminance",
        "expTime",
        "aperture",
        "tStop",
        "isoSpeed",
        "xDensity",
        "focus",
        "shutterAngle",
        "utcOffset",
    )
    attributes = [*(a_float(name, value) for name in names), a_vector("adoptedNeutral", "v2f", (value, value))]
    replaced = [a_float("screenWindowWidth", value), a_float("pixelAspectRatio", value)]
    data = build([Part(extra=attributes, replace=[*replaced, a_vector("screenWindowCenter", "v2f", (value, value))])])
    codes = found(data, "WIN-", "COL-WHITELUM", "TIM-POSITIVE")
    is_sound = np.isfinite(value) and value > 0
    assert ("COL-WHITELUM" in codes, "TIM-POSITIVE" in codes) == (not is_sound, not is_sound)
    assert codes["WIN-PAR-RANGE"] is E
    assert ("WIN-SCREEN" in codes) == (not np.isfinite(value) or value < 0)


def test_the_offset_of_a_width_that_is_not_finite_is_that_of_its_value() -> None:
    data = build([Part(replace=[a_float("screenWindowWidth", float("inf"))])])
    (finding,) = violations("WIN-SCREEN", data)
    assert finding.offset is not None
    assert data[finding.offset : finding.offset + 4] == np.float32(np.inf).tobytes()


@pytest.mark.parametrize(
    ("identifier", "expected"),
    [
        ("lin_ap1", "lin_ap1_scene"),
        ("LIN-Rec709_sceen", "lin_rec709_scene"),
        ("g24_rec2020_display", "a published id, or namespace:id"),
        ("lin_arriwg4_scene", "a published id, or namespace:id"),
        ("hlg_p3d65_display", "a published id, or namespace:id"),
    ],
)
def test_only_ids_of_the_same_space_are_suggested(identifier: str, expected: str) -> None:
    data = extra(a_string("colorInteropID", identifier))
    assert expected in {
        finding.expected for code in ("COL-ID-UNREGISTERED", "COL-ID-SYNTAX") for finding in violations(code, data)
    }


def test_values_above_one_are_no_bytes_by_255_even_if_none_of_them_was_picked() -> None:
    inspection = inspect(gradient(256), stats=True)
    assert "PIX-STEPS" in {finding.code for finding in validate_file(inspection, EVERYTHING)}
    channels = tuple(replace(stats, maximum=5.25) for stats in inspection.pixels.channels)
    brighter = replace(inspection, pixels=replace(inspection.pixels, channels=channels))
    assert "PIX-STEPS" not in {finding.code for finding in validate_file(brighter, EVERYTHING)}


@pytest.mark.parametrize(
    ("changes", "is_found"),
    [
        ({}, True),
        ({"distinct_count": 257}, False),
        ({"distinct_count": 40}, False),  # flat shading
        ({"samples": 30_000}, False),
        ({"zero_count": 70_000}, False),  # a small flame, or a matte
        ({"minimum": 0.5, "maximum": 0.6}, False),  # HALF has 205 numbers
        ({"minimum": -0.1}, False),
    ],
)
def test_codes_that_a_curve_converted_are_known_by_their_number(changes: dict[str, Any], *, is_found: bool) -> None:
    inspection = inspect(gradient(256, 0.99), stats=True)
    few = {"distinct_count": 200, "samples": 100_000, "minimum": 0.0, "maximum": 1.0, **changes}
    channels = tuple(replace(stats, **few) for stats in inspection.pixels.channels)
    converted = replace(inspection, pixels=replace(inspection.pixels, channels=channels))
    assert ("PIX-STEPS" in {finding.code for finding in validate_file(converted, EVERYTHING)}) is is_found


@pytest.mark.parametrize(
    ("value", "is_valid"),
    [(1e-6, True), (9.99e-7, False), (1e6, True), (1_000_001.0, False), (0.5, True), (float("nan"), False)],
)
def test_pixel_aspect_ratios(value: float, *, is_valid: bool) -> None:
    codes = found(build([Part(replace=[a_float("pixelAspectRatio", value)])]), "WIN-PAR-RANGE")
    assert (codes == {}) is is_valid


def test_empty_strings_everywhere() -> None:
    names = (
        "owner",
        "comments",
        "capDate",
        "view",
        "wrapmodes",
        "colorInteropID",
        "cameraMake",
        "lensModel",
        "reelName",
    )
    codes = found(
        extra(*(a_string(name, "") for name in names)), "STR-", "COL-C-", "TIM-CAPDATE", "ENV-WRAP", "VIEW-NAME"
    )
    assert codes["COL-C-EMPTY-ID"] is W
    assert codes["STR-STRING-EMPTY"] is W
    assert found(extra(a_string("comments", "")), "STR-") == {"STR-STRING-EMPTY": I}
    assert codes["TIM-CAPDATE"] is W
    assert codes["ENV-WRAP"] is I
    assert codes["VIEW-NAME-CHARS"] is E


# --- time ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "rate", "codes"),
    [
        (tv60(23, 59, 59, 29), None, {}),
        (tv60(24, 0, 0, 0), None, {"TIM-TC-RANGE": E}),
        (tv60(0, 60, 0, 0), None, {"TIM-TC-RANGE": E}),
        (tv60(0, 0, 60, 0), None, {"TIM-TC-RANGE": E}),
        (tv60(0, 0, 0, 30), None, {"TIM-TC-RANGE": E}),
        (tv60(0, 0, 0, 23), (24, 1), {}),
        (tv60(0, 0, 0, 24), (24, 1), {"TIM-TC-RANGE": E}),
        (tv60(0, 0, 0, 23), (24_000, 1001), {}),
        (tv60(0, 0, 0, 24), (25, 1), {}),
        (tv60(0, 0, 0, 25), (25, 1), {"TIM-TC-RANGE": E}),
        (tv60(0, 0, 0, 29), (30_000, 1001), {}),
        # above 30 frames a second, the field counts pairs
        (tv60(0, 0, 0, 23), (48, 1), {}),
        (tv60(0, 0, 0, 35), (48, 1), {"TIM-TC-RANGE": E}),
        (tv60(0, 0, 0, 24), (50, 1), {}),
        (tv60(0, 0, 0, 25), (50, 1), {"TIM-TC-RANGE": E}),
        (tv60(0, 0, 0, 29), (60, 1), {}),
        (tv60(0, 0, 0, 35), (60, 1), {"TIM-TC-RANGE": E}),
        (tv60(0, 0, 0, 29), (120, 1), {}),
        (0x0A, (24, 1), {"TIM-TC-RANGE": E}),  # the digit 10
        (0x0A, None, {"TIM-TC-RANGE": E}),
        (0x0F000000, None, {"TIM-TC-RANGE": E}),
        (tv60(0, 1, 0, 2, drop=True), (30_000, 1001), {}),
        (tv60(0, 1, 0, 1, drop=True), (30_000, 1001), {"TIM-TC-DROP": W}),
        (tv60(0, 10, 0, 0, drop=True), (30_000, 1001), {}),
        (tv60(0, 1, 1, 0, drop=True), (30_000, 1001), {}),
        (tv60(0, 1, 0, 0, drop=True), (60_000, 1001), {"TIM-TC-DROP": W}),
        (tv60(0, 1, 0, 1, drop=True), (60_000, 1001), {"TIM-TC-DROP": W}),
        (tv60(0, 1, 0, 2, drop=True), (60_000, 1001), {}),
        (tv60(0, 10, 0, 0, drop=True), (60_000, 1001), {}),
        (tv60(0, 1, 0, 2, drop=True), (120_000, 1001), {}),
        (tv60(0, 0, 0, 2, drop=True), (25, 1), {"TIM-TC-DROP": W}),
        (tv60(0, 0, 0, 2, drop=True), (30, 1), {"TIM-TC-DROP": W}),
        (tv60(0, 1, 0, 0, drop=True), None, {"TIM-TC-DROP": W}),  # no rate has that code
        (tv60(0, 1, 0, 2, drop=True), None, {}),
    ],
)
def test_faults_of_time_codes_have_their_rules(
    word: int, rate: tuple[int, int] | None, codes: dict[str, Severity]
) -> None:
    rates = [a_rational("framesPerSecond", *rate)] if rate else []
    assert found(extra(a_timecode("timeCode", word), *rates), "TIM-TC-") == codes


def test_usual_frame_rates_are_accepted() -> None:
    usual = [(base, 1) for base in (12, 15, 16, 18, 20, 24, 25, 30, 48, 50, 60, 72, 90, 96, 100, 120, 144, 150)]
    usual += [
        (192, 1),
        (200, 1),
        (240, 1),
        *((1000 * base, 1001) for base in (24, 30, 48, 60, 72, 96, 120)),
        (24_000, 1000),
    ]
    odd = [
        (2397, 100),
        (23_976, 1000),
        (25_000, 1001),
        (24, 0),
        (0, 1),
        (-24, 1),
        (24, 2**32 - 1),
        (INT_MAX, 1),
        (17, 1),
    ]
    assert [rate for rate in usual + odd if found(extra(a_rational("framesPerSecond", *rate)), "TIM-FPS")] == odd


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *((f"{kind}FocalLength", "0.1 to 5000 mm") for kind in ("nominal", "pinhole", "effective")),
        ("sensorPhotositePitch", "0.1 to 200 micrometres"),
        ("shutterAngle", "0 to 360 degrees"),
        ("longitude", "-180 to 360 degrees"),
        ("latitude", "-90 to 90 degrees"),
        ("utcOffset", "-50400 to 50400 seconds"),
        ("cameraCCTSetting", "500 to 100000 kelvins"),
    ],
)
def test_values_of_a_camera_have_the_units_of_the_standard(name: str, expected: str) -> None:
    least, most = map(float, expected.split()[:3:2])
    assert not [each for inside in (least, most) for each in violations("TIM-UNITS", extra(a_float(name, inside)))]
    for outside in (least - 0.01, most + 1):
        (finding,) = violations("TIM-UNITS", extra(a_float(name, outside)))
        assert finding.expected == expected


GOOD_CODE = (0, 0, 0, 0, 0, 1, 20)
BEST_CODE = (99, 99, 999_999, 9_999, 119, 15, 120)


@pytest.mark.parametrize("index", range(7))
def test_every_field_of_a_key_code_has_its_range(index: int) -> None:
    for code, step in ((GOOD_CODE, -1), (BEST_CODE, 1)):
        assert found(extra(a_keycode("keyCode", code)), "TIM-KEYCODE") == {}
        odd = tuple(value + step if i == index else value for i, value in enumerate(code))
        assert found(extra(a_keycode("keyCode", odd)), "TIM-KEYCODE") == {"TIM-KEYCODE": W}


@pytest.mark.parametrize(
    ("text", "is_odd"),
    [
        ("2024:02:29 23:59:59", False),
        ("2023:02:29 23:59:59", True),
        ("2024:02:29 24:00:00", True),
        ("2024-02-29 23:59:59", True),
        ("2024:02:29T23:59:59", True),
        ("2024:02:29 23:59:59Z", True),
        ("2024:02:29 23:59:59\n", True),
        ("2024:2:29 23:59:59", True),
        ("\u0662024:02:29 23:59:5", True),
        ("0000:00:00 00:00:00", True),
        ("1600:01:01 00:00:00", True),
        ("9999:12:31 23:59:59", True),
    ],
)
def test_valid_capture_dates_are_accepted(text: str, *, is_odd: bool) -> None:
    assert bool(found(extra(a_string("capDate", text)), "TIM-CAPDATE")) is is_odd


@pytest.mark.parametrize(
    ("hours", "is_odd"), [(-24, False), (0, False), (14, False), (24, False), (25, True), (8_760, True)]
)
def test_a_capture_may_be_as_far_ahead_as_time_zones_are(hours: int, *, is_odd: bool) -> None:
    inspection = inspect(extra(a_string("capDate", "2026:05:02 12:00:00")))
    now = datetime(2026, 5, 2, 12, tzinfo=timezone.utc) - timedelta(hours=hours)
    codes = {finding.code for finding in validate_file(replace(inspection, inspected_at=now), EVERYTHING)}
    assert ("TIM-CAPDATE" in codes) is is_odd


@pytest.mark.parametrize(
    ("rate", "drop", "frames"),
    [(24.0, False, 2_073_600), (30_000 / 1001, True, 2_589_408), (30_000 / 1001, False, 2_592_000)],
)
def test_a_day_has_its_frames(rate: float, frames: int, *, drop: bool) -> None:
    assert frames_of_day(Clock(23, 59, 59, 0, is_drop_frame=drop), rate) == frames


# --- colour ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("identifier", "codes"),
    [
        ("lin_ap1_scene", {}),
        ("data", {}),
        ("unknown", {}),
        ("srgbe_p3d65_display", {"COL-ID-NONLINEAR": W}),
        ("srgb_rec709_scene", {"COL-ID-NONLINEAR": W}),
        ("g24_rec709_display", {"COL-ID-NONLINEAR": W}),
        ("ACEScg", {"COL-ID-SYNTAX": W}),
        ("acescg", {"COL-ID-UNREGISTERED": W}),
        ("show:acescg", {}),
        ("show:v2:acescg", {}),
        ("show::acescg", {}),
        ("ocio:lin_awg4_scene", {}),
        ("a:b:c:d", {"COL-ID-SYNTAX": W}),
        (":acescg", {"COL-ID-SYNTAX": W}),
        ("show:", {"COL-ID-SYNTAX": W}),
        ("::x", {"COL-ID-SYNTAX": W}),
        ("sh w:x", {"COL-ID-SYNTAX": W}),
        ("a.b-c_d~e/f*g#h%i^j+k(l)m[n]o|p:x", {}),
        ("lin_ap1_scene\n", {"COL-ID-SYNTAX": W}),
        ("show:pq_custom_display", {"COL-ID-NONLINEAR": W}),
    ],
)
def test_faults_of_colour_ids_have_their_rules(identifier: str, codes: dict[str, Severity]) -> None:
    assert found(extra(a_string("colorInteropID", identifier)), "COL-ID-") == codes


def test_data_called_r_g_b() -> None:
    normals = [f"N.{c}" for c in "RGB"]
    tags = {
        "": I,
        "lin_ap1_scene": W,
        "data": None,
    }
    for identifier, severity in tags.items():
        more = (a_string("colorInteropID", identifier),) if identifier else ()
        expected = {} if severity is None else {"COL-DATA-IN-RGB": severity}
        assert found(only(*normals, more=more), "COL-DATA-IN-RGB") == expected
    beside = only(*"RGB", *normals, more=(a_string("colorInteropID", "lin_ap1_scene"),))
    assert found(beside, "COL-DATA-IN-RGB") == {"COL-DATA-IN-RGB": I}, "the colour beside it needs the tag"


def test_luminance_and_chroma_under_the_default_profile() -> None:
    default = policy("name: x\nextends: default")
    kinds = [((names, HALF) for names in some) for some in (("Y", "RY", "BY"), ("RY", "BY"), ("Y",))]
    assert [found(only(*kind), "CHN-LUMA", by=default) for kind in kinds] == [
        {"CHN-LUMA-CHROMA": W},
        {"CHN-LUMA-CHROMA": E},
        {},
    ]


def test_aces_needs_each_of_the_ten() -> None:
    strict = policy("name: x\nextends: aces-container")
    assert found(build([Part()]), "ACE-", by=strict).keys() >= {"ACE-FLAG", "ACE-CHROMA"}
    for name in ("compression", "dataWindow", "displayWindow", "lineOrder", "pixelAspectRatio", "screenWindowCenter"):
        assert found(build([Part(without=name)]), "STR-REQ-MISSING", by=strict) == {"STR-REQ-MISSING": E}


@pytest.mark.parametrize(("value", "is_claimed"), [(1, True), (0, False), (2, False), (-1, False)])
def test_only_the_value_one_claims_a_container(value: int, *, is_claimed: bool) -> None:
    data = extra(a_int("acesImageContainerFlag", value), compression=DWAA)
    codes = found(data, "ACE-")
    assert codes.keys() >= {"ACE-COMPRESSION", "ACE-CHROMA"} if is_claimed else codes == {"ACE-FLAG": E}


@pytest.mark.parametrize("code", ["DEL-NFX-FORMAT", "DEL-NFX-NAM", "DEL-FOX-EXR"])
def test_deliveries_name_their_codecs(code: str) -> None:
    accepted = [codec for codec in range(14) if not found(build([Part(compression=codec)]), code)]
    assert accepted == [0, 2, 3, 4]  # NONE, ZIPS, ZIP, PIZ


# --- black -----------------------------------------------------------------------------------------------


def aovs(*blacks: bool, views: tuple[str, ...] = ()) -> bytes:
    ramp = np.linspace(0.1, 1, 12).reshape(3, 4)
    parts = []
    for index, is_black in enumerate(blacks):
        pixels = {c.name: ramp * (not is_black) for c in RGB}
        parts.append(Part(name=f"p{index}", pixels=pixels, extra=[a_string("view", views[index])] if views else []))
    return build(parts)


@pytest.mark.parametrize(
    ("data", "parts"),
    [
        (aovs(False, True, True), []),
        (aovs(True, False), []),
        (aovs(True, True), [0]),
        (aovs(False, True, views=("left", "right")), [1]),
        (aovs(True, True, views=("left", "right")), [0, 1]),
    ],
)
def test_a_black_view_is_a_failed_render_and_a_black_aov_is_none(data: bytes, parts: list[int]) -> None:
    assert [finding.part for finding in violations("PIX-BLACK", data, stats=True)] == parts


@pytest.mark.parametrize(
    ("rate", "severity"),
    [((48_000, 2002), I), ((24, 1), None), ((48, 2), None), ((60_000, 2002), I), ((2397, 100), W), ((47_952, 2000), W)],
)
def test_rates_are_judged_when_reduced(rate: tuple[int, int], severity: Severity | None) -> None:
    hit = violations("TIM-FPS", extra(a_rational("framesPerSecond", *rate)))
    assert [finding.severity for finding in hit] == ([severity] if severity else [])


def test_the_width_of_anamorphic_images_is_given_in_square_pixels() -> None:
    data = build([Part(replace=[a_float("pixelAspectRatio", 2.0)], display_window=(0, 0, 1827, 1555))])
    (found,) = violations("DEL-NFX-WIDTH", data, builtin_policy("netflix-vfx"))
    assert found.message == (
        "The display window is 1828x1556 with a pixel aspect ratio of 2, 3656 square pixels wide; "
        "expected at least 3840 square pixels wide"
    )


def test_an_unknown_compression_is_one_finding() -> None:
    data = only("R", "G", "B", compression=77)
    assert found(data, "STR-") == {"STR-ENUM-COMPRESSION": E}
    off = policy("name: x\nrules:\n  STR-ENUM-COMPRESSION: off")
    assert found(data, "STR-", by=off) == {"STR-REQ-MISSING": E}, "the error that ended the reading is never lost"


def test_a_manifest_that_is_not_utf_8_keeps_its_names() -> None:
    raw = '{"ボール": "%08x", "a\\\\x83": "%08x"}'.encode("shift_jis")
    ids = mmh3.hash("ボール".encode("shift_jis"), 0, signed=False), cryptomatte_id("a\\x83")
    manifest = parse_manifest(decode_name(raw % ids))
    assert len(manifest) == 2
    assert wrong_names(manifest) == []
    with pytest.raises(ManifestError):
        parse_manifest(decode_name(b'{"\\x41": "00000001"}'))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("null", "null"),
        ("true", "true or false"),
        ('"a"', "string"),
        ("1", "number"),
        ("2.5", "number"),
        ("[1]", "array"),
    ],
)
def test_a_manifest_of_another_kind_is_named_as_json_names_it(text: str, kind: str) -> None:
    with pytest.raises(ManifestError, match=f"a JSON {kind}, not an object"):
        parse_manifest(text)
