"""Names: layers, views, Cryptomatte, and which channels a codec alters."""

import random
from itertools import product
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exr_inspector.exr.header.parser import parse_header
from exr_inspector.exr.header.values import Channel as Read
from exr_inspector.exr.names import PartNames, file_names, lossy_channels
from tests.support.exrbytes import Attr, Channel, Part, a_string, a_stringvector, build
from tests.support.growth import MOST, steps_of


def names_of(*parts: Part) -> list[PartNames]:
    header = parse_header(build(list(parts)))
    return list(file_names(header))


def taken_apart(names: PartNames) -> dict[str, tuple[str, str, str | None]]:
    return {one.name: (one.layer, one.component, one.view) for one in names.channels}


def part(*channels: str, **kwargs: object) -> Part:
    return Part(channels=[Channel(name) for name in channels], **kwargs)


def test_views_that_are_not_utf_8_are_escaped_as_in_the_names_of_channels() -> None:
    views = Attr("multiView", "stringvector", b"\5\0\0\0right\4\0\0\0gr\xfcn")
    (names,) = names_of(part("R", "gr\udcfcn.R", extra=[views]))
    assert names.views == ("right", r"gr\xfcn")
    assert taken_apart(names) == {"R": ("", "R", "right"), r"gr\xfcn.R": ("", "R", r"gr\xfcn")}


def test_layers_and_components() -> None:
    (names,) = names_of(part("R", "diffuse.R", "light.key.R", "Z", ".x", "a.", "a..b"))
    assert taken_apart(names) == {
        "R": ("", "R", None),
        "diffuse.R": ("diffuse", "R", None),
        "light.key.R": ("light.key", "R", None),
        "Z": ("", "Z", None),
        ".x": ("", ".x", None),
        "a.": ("", "a.", None),
        "a..b": ("a.", "b", None),
    }
    assert names.views == ()


def test_views_of_a_single_part_by_the_multi_view_rules() -> None:
    views = a_stringvector("multiView", ["right", "left"])
    (names,) = names_of(part("R", "left.R", "forward.left.u", "disparityL.x", "left", extra=[views]))
    assert names.views == ("right", "left")
    assert taken_apart(names) == {
        "R": ("", "R", "right"),
        "left.R": ("", "R", "left"),
        "forward.left.u": ("forward", "u", "left"),
        "disparityL.x": ("disparityL", "x", None),
        "left": ("", "left", "right"),
    }


def test_views_of_parts() -> None:
    left, right = names_of(
        part("R", "left.G", name="a", extra=[a_string("view", "left")]),
        part("R", name="b", extra=[a_string("view", "right"), a_stringvector("multiView", ["x"])]),
    )
    assert left.views == ("left",)
    assert taken_apart(left)["left.G"] == ("left", "G", "left")
    assert right.views == ("right",)
    assert taken_apart(right)["R"] == ("", "R", "right")


def test_layers_are_grouped_in_file_order() -> None:
    (names,) = names_of(part("B", "G", "R", "diffuse.B", "diffuse.R", compression=6))
    assert [(layer.name, layer.channels) for layer in names.layers] == [
        ("", ("B", "G", "R")),
        ("diffuse", ("diffuse.B", "diffuse.R")),
    ]
    assert all(layer.is_lossy for layer in names.layers)


def test_a_part_without_channels_has_no_names() -> None:
    (names,) = names_of(Part(without="channels"))
    assert (names.channels, names.layers, names.cryptomattes) == ((), (), ())


def crypto(key: str, **fields: str) -> list:
    return [a_string(f"cryptomatte/{key}/{field}", value) for field, value in fields.items()]


def test_cryptomattes_have_their_channels_and_declarations() -> None:
    attributes = crypto("1a2b3c4", name="asset", hash="MurmurHash3_32", conversion="uint32_to_float32", manifest="{}")
    attributes += crypto("7777777", manif_file="a.json")
    (names,) = names_of(
        part(
            "R",
            "asset.r",
            "asset00.r",
            "asset01.r",
            "asset10.r",
            "assets00.r",
            "asset0x.r",
            "asset100.r",
            extra=attributes,
        )
    )
    first, second = names.cryptomattes
    assert (first.key, first.name, first.hash, first.manifest) == ("1a2b3c4", "asset", "MurmurHash3_32", "{}")
    assert first.rank_layers == ("asset00", "asset01", "asset10")
    assert first.preview_channels == ("asset.r",)
    assert (second.key, second.name, second.manifest_file, second.rank_layers) == ("7777777", None, "a.json", ())
    belongs = {one.name: one.cryptomatte for one in names.channels}
    assert belongs["asset01.r"] == belongs["asset.r"] == "asset"
    assert belongs["R"] is None
    assert belongs["assets00.r"] is None


def test_cryptomattes_of_a_stereo_file_have_their_layers_in_each_view() -> None:
    channels = [
        f"{layer}.{view}.{c}" for layer in ("a.m", "a.m00", "a.m01") for view in ("left", "right") for c in "bgr"
    ]
    views = a_stringvector("multiView", ["left", "right"])
    (names,) = names_of(part("R", *channels, extra=[views, *crypto("1234567", name="a.m")]))
    (matte,) = names.cryptomattes
    assert matte.rank_layers == ("a.m00", "a.m01")
    assert matte.preview_channels == tuple(f"a.m.{view}.{c}" for view in ("left", "right") for c in "bgr")
    assert {one.cryptomatte for one in names.channels if one.name != "R"} == {"a.m"}
    assert names.mattes == ("a.m",)


def test_a_cryptomatte_declared_in_one_part_may_be_in_another() -> None:
    first, second, third = names_of(
        part("R", name="beauty", extra=crypto("1234567", name="m") + crypto("7654321", name="n")),
        part("m00.r", "m01.r", name="mattes"),
        part("m.r", "n00.r", "x00.r", name="others", extra=crypto("1234567", name="m")),
    )
    assert [(one.name, one.rank_layers, one.preview_channels) for one in first.cryptomattes] == [
        ("m", ("m00", "m01"), ("m.r",)),
        ("n", ("n00",), ()),
    ]
    assert second.cryptomattes == ()
    assert (first.mattes, second.mattes, third.mattes) == ((), ("m",), ("m", "n"))
    assert third.cryptomattes == first.cryptomattes[:1]
    assert [one.cryptomatte for one in third.channels] == ["m", "n", None]


def test_a_layer_that_is_a_rank_of_one_and_the_preview_of_another_belongs_to_the_first() -> None:
    (names,) = names_of(part("c100.r", extra=crypto("1", name="c1") + crypto("2", name="c100")))
    assert [(one.rank_layers, one.preview_channels) for one in names.cryptomattes] == [
        (("c100",), ()),
        ((), ("c100.r",)),
    ]
    assert names.channels[0].cryptomatte == "c1"


def test_cryptomatte_names_are_text_not_patterns() -> None:
    (names,) = names_of(part("a+00.r", "aa00.r", extra=crypto("1234567", name="a+")))
    assert names.cryptomattes[0].rank_layers == ("a+00",)


def test_each_of_many_cryptomattes_has_its_ranks_and_costs_the_same() -> None:
    def steps(count: int) -> int:
        attributes = [one for n in range(count) for one in crypto(f"{n:07}", name=f"c{n}", hash="x")]
        channels = [f"c{n}{rank:02}.{c}" for n, rank, c in product(range(count), range(3), "rgba")]
        header = parse_header(build([part(*sorted(channels), extra=attributes)]))
        (names,) = file_names(header)
        assert all(len(one.rank_layers) == 3 for one in names.cryptomattes)
        return steps_of(lambda: file_names(header))

    assert steps(60) <= MOST * steps(30)


def channel(name: str, pixel_type: int, sampling: int = 1) -> Read:
    return Read(name, pixel_type, 0, b"\0\0\0", sampling, sampling)


PREFIXED = [f"{prefix}{name}" for prefix in ("", "N.", "crypto00.") for name in ("R", "g", "Y", "A", "BY")]
ALL = [channel(name, kind) for name in PREFIXED for kind in (0, 1, 2)]


@pytest.mark.parametrize("compression", [0, 1, 2, 3, 4, 10, 11, 13, 14, 255, None])
def test_codecs_that_alter_nothing(compression: int | None) -> None:
    assert lossy_channels(compression, ALL) == frozenset()


def test_codecs_by_pixel_type() -> None:
    three = [channel("u", 0), channel("h", 1), channel("f", 2)]
    assert lossy_channels(5, three) == {"f"}
    assert lossy_channels(6, three) == lossy_channels(7, three) == {"h"}


@pytest.mark.parametrize("compression", [8, 9])
def test_dwa_goes_by_the_last_component_to_the_letter(compression: int) -> None:
    some = ["R", "G", "B", "Y", "RY", "BY", "A", "r", "Z", "N.Y", "id.R", "crypto00.R", "crypto00.r", "uv.x", "red"]
    lossy = {"R", "G", "B", "Y", "RY", "BY", "N.Y", "id.R", "crypto00.R"}
    assert lossy_channels(compression, [channel(name, 1) for name in some]) == lossy
    assert lossy_channels(compression, [channel(name, 2) for name in some]) == lossy
    assert lossy_channels(compression, [channel(name, 0) for name in some]) == frozenset()


def test_lj2k_takes_the_first_triplet_only() -> None:
    two = [channel(f"{prefix}{c}", 1) for prefix in ("", "diffuse.") for c in "BGR"]
    assert lossy_channels(12, two) == {"B", "G", "R"}
    assert lossy_channels(12, [channel(f"crypto00.{c}", 2) for c in "abgr"]) == {
        "crypto00.r",
        "crypto00.g",
        "crypto00.b",
    }
    assert lossy_channels(12, [channel(c, 1) for c in ("x.Blue", "x.Green", "x.Red")]) == {"x.Blue", "x.Green", "x.Red"}
    assert lossy_channels(12, [channel("B", 1), channel("G", 2), channel("R", 1)]) == frozenset()
    assert lossy_channels(12, [channel(c, 0) for c in "BGR"]) == frozenset()
    assert lossy_channels(12, [channel(c, 1, 2) for c in "BGR"]) == frozenset()
    assert lossy_channels(12, [channel("a.B", 1), channel("b.G", 1), channel("a.R", 1)]) == frozenset()


@pytest.mark.parametrize(
    ("names", "lossy"),
    [
        (["b", "d.b", "d.g", "d.r"], []),  # the base layer is decided by b, and is no triplet
        (["D.g", "G", "R", "b"], []),
        (["a.Red", "b.blue", "b.green", "b.red"], []),
        (["R", "x.Blue", "x.Green", "x.Red"], ["x.Blue", "x.Green", "x.Red"]),  # two spellings are separate
        (["B", "G", "R", "b", "g", "r"], ["B", "G", "R"]),
        (["d.r", "d.g", "d.b", "R", "G", "B"], ["B", "G", "R"]),  # in the order of names, not of the list
    ],
)
def test_lj2k_settles_on_the_layer_of_the_first_name(names: list[str], lossy: list[str]) -> None:
    assert lossy_channels(12, [channel(name, 1) for name in names]) == frozenset(lossy)


def test_lj2k_looks_for_no_other_triplet_than_the_first() -> None:
    whole = [channel(name, 0) for name in "BGR"] + [channel(f"d.{name}", 1) for name in "BGR"]
    assert lossy_channels(12, whole) == frozenset()
    mixed = [channel("B", 2), *(channel(name, 1) for name in "GR"), *(channel(f"x.{n}", 1) for n in LONG)]
    assert lossy_channels(12, mixed) == {f"x.{name}" for name in LONG}


LONG = ("blue", "green", "red")
_CODECS = (5, 6, 8, 10, 12)
_DTYPES = (np.uint32, np.float16, np.float32)


def _altered(channels: list[Read], compression: int, path: Path, dice: random.Random) -> set[str]:
    """The names of the channels that the OpenEXR library changes when it compresses noise in these channels."""
    noise = np.random.default_rng(dice.randrange(1 << 30))
    pixels = {
        c.name: (noise.random((64, 64)) * (1e9 if not c.pixel_type else 1)).astype(_DTYPES[c.pixel_type])
        for c in channels
    }
    header = {"compression": OpenEXR.Compression(compression), "type": OpenEXR.scanlineimage}
    OpenEXR.File(header, {name: array.copy() for name, array in pixels.items()}).write(str(path))
    with OpenEXR.File(str(path), separate_channels=True) as file:
        back = file.channels()
        return {name for name, array in pixels.items() if not np.array_equal(back[name].pixels, array)}


@pytest.mark.parametrize("seed", range(25))
def test_lossy_channels_are_those_that_the_library_alters(seed: int, tmp_path: Path) -> None:
    dice = random.Random(seed)
    components = [*"RGBArgbYX", "red", "green", "blue", "Red", "GREEN", "RY"]
    names = {f"{prefix}{c}" for prefix in dice.sample(["", "d.", "a.b.", "D."], 2) for c in dice.sample(components, 5)}
    usual = dice.choice([1, 2])
    channels = [channel(name, dice.choice([usual] * 5 + [0, 1, 2])) for name in sorted(names)]
    for compression in _CODECS:
        altered = _altered(channels, compression, tmp_path / "a.exr", dice)
        assert lossy_channels(compression, channels) == altered, (compression, channels)


characters = st.characters(codec="utf-8", exclude_characters="\0")


@given(
    st.lists(st.text(characters, min_size=1, max_size=12), unique=True, max_size=8),
    st.lists(st.text(characters, max_size=4), max_size=3),
)
@example([".."], [""])
def test_nothing_of_a_name_is_lost(channels: list[str], views: list[str]) -> None:
    (names,) = names_of(part(*channels, extra=[a_stringvector("multiView", views)] if views else []))
    assert [one.name for one in names.channels] == sorted(channels, key=str.encode)
    for one in names.channels:
        middle = f".{one.view}" if one.view and one.name == f"{one.layer}.{one.view}.{one.component}" else ""
        whole = f"{one.layer}{middle}.{one.component}"
        assert one.name in {whole, whole.removeprefix("."), f"{one.view}.{one.component}"}
    assert sorted(name for layer in names.layers for name in layer.channels) == sorted(channels)
