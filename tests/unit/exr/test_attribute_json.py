import json
import math
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exr_inspector.exr.header.as_json import from_json, to_json, to_json_text, value_number, value_text
from exr_inspector.exr.header.attributes import FIXED, KNOWN_TYPES, decode, encode
from exr_inspector.exr.header.values import Attribute, Box2f, Channel, FloatVector, Rational, TileDesc, TimeCode


def bits(value: object) -> object:
    """Make values comparable, NaN included."""
    if isinstance(value, tuple):
        return tuple(bits(item) for item in value)
    return struct.pack("<d", math.nan if math.isnan(value) else value) if isinstance(value, float) else value


@pytest.mark.parametrize("type_name", sorted(FIXED))
@given(data=st.data())
def test_every_fixed_type_survives_json(type_name: str, data: st.DataObject) -> None:
    size = FIXED[type_name][0].size
    raw = data.draw(st.binary(min_size=size, max_size=size))
    value, problem = decode(type_name, raw, 0, size)
    assert problem == ""
    attribute = Attribute("a", type_name, value, 0, size)
    assert bits(from_json(type_name, json.loads(to_json_text(attribute)))) == bits(value)
    value_number(attribute)
    assert isinstance(value_text(attribute), str)


@pytest.mark.parametrize("type_name", sorted([*(KNOWN_TYPES - set(FIXED)), "someOtherType"]))
@given(raw=st.binary(max_size=64))
def test_every_variable_type_survives_json_sound_or_not(type_name: str, raw: bytes) -> None:
    value, problem = decode(type_name, raw, 0, len(raw))
    attribute = Attribute("a", type_name, value, 0, len(raw), problem)
    back = from_json(type_name, json.loads(to_json_text(attribute)))
    assert bits(back) == bits(value)
    if not problem and type_name == "string":
        assert encode(type_name, value) == raw


def test_channel_list_keeps_every_byte_of_a_channel() -> None:
    channels = (Channel("left.R", 1, 7, b"\1\2\3", 2, -1),)
    attribute = Attribute("channels", "chlist", channels, 0, 0)
    assert from_json("chlist", to_json(attribute)) == channels
    assert value_text(attribute) == "left.R"


def test_numbers_for_queries_are_finite_or_absent() -> None:
    assert value_number(Attribute("a", "rational", Rational(24000, 1001), 0, 8)) == 24000 / 1001
    assert value_number(Attribute("a", "rational", Rational(1, 0), 0, 8)) is None
    assert value_number(Attribute("a", "float", math.nan, 0, 4)) is None
    assert value_number(Attribute("a", "int", 7, 0, 4)) == 7.0
    assert value_number(Attribute("a", "string", "7", 0, 1)) is None


def test_text_reads_time_codes_and_quotients() -> None:
    assert value_text(Attribute("timeCode", "timecode", TimeCode(0x01020304, 0), 0, 8)) == "01:02:03:04"
    assert value_text(Attribute("a", "rational", Rational(24000, 1001), 0, 8)) == "24000/1001 = 23.976"
    assert value_text(Attribute("a", "rational", Rational(24, 1), 0, 8)) == "24/1"
    assert value_text(Attribute("a", "rational", Rational(1, 0), 0, 8)) == "1/0"


def test_codes_are_named_also_when_unknown() -> None:
    assert value_text(Attribute("compression", "compression", 9, 0, 1)) == "DWAB"
    assert value_text(Attribute("compression", "compression", 77, 0, 1)) == "unknown(77)"
    assert value_text(Attribute("tiles", "tiledesc", TileDesc(64, 32, 0x11), 0, 9)) == "64 x 32 MIPMAP_LEVELS ROUND_UP"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.64, "0.64"),
        (5.6, "5.6"),
        (1 / 3, "0.33333334"),
        (16777217.0, "16777216"),
        (1.0, "1"),
        (-0.0, "-0"),
        (3.4028234663852886e38, "3.4028235e+38"),
        (1e-45, "1.4013e-45"),
        (math.inf, "inf"),
        (math.nan, "nan"),
    ],
)
def test_floats_are_shown_as_short_as_they_were_meant(number: float, text: str) -> None:
    value, _ = decode("float", struct.pack("<f", number), 0, 4)
    assert value_text(Attribute("a", "float", value, 0, 4)) == text


@given(st.floats(width=32, allow_nan=False))
def test_the_text_of_a_float_reads_back_as_the_float(number: float) -> None:
    text = value_text(Attribute("a", "float", number, 0, 4)) or ""
    assert np.float32(text) == np.float32(number)


@given(st.floats(allow_nan=False))
def test_the_text_of_a_double_reads_back_as_the_double(number: float) -> None:
    assert float(value_text(Attribute("a", "double", number, 0, 8)) or "") == number


def test_text_names_the_fields_that_have_names() -> None:
    value, _ = decode("chromaticities", struct.pack("<8f", 0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329), 0, 32)
    text = value_text(Attribute("chromaticities", "chromaticities", value, 0, 32))
    assert text == "red 0.64 0.33, green 0.3 0.6, blue 0.15 0.06, white 0.3127 0.329"
    value, _ = decode("keycode", struct.pack("<7i", 1, 2, 3, 4, 5, 6, 20), 0, 28)
    text = value_text(Attribute("keyCode", "keycode", value, 0, 28))
    assert text == "mfc 1, type 2, prefix 3, count 4, offset 5, 6 perfs/frame, 20 perfs/count"
    assert value_text(Attribute("a", "box2f", Box2f(0.1, 1.0, 2.5, 3.0), 0, 16)) == "(0.1 1) - (2.5 3)"


def test_a_nan_keeps_its_bits_in_few_floats_too() -> None:
    odd, usual = struct.pack("<2I", 0x7FA00001, 0x3F000000), struct.pack("<2f", math.nan, 0.5)
    for raw, is_text in ((odd, False), (usual, True)):
        value, _ = decode("floatvector", raw, 0, len(raw))
        attribute = Attribute("a", "floatvector", value, 0, len(raw))
        assert isinstance(value, tuple)
        assert ("NaN" in to_json_text(attribute)) is is_text
        assert encode("floatvector", from_json("floatvector", json.loads(to_json_text(attribute)))) == raw
        assert value_text(attribute) == "nan 0.5"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("type_name", "value"),
    [
        ("floatvector", (0.5, math.nan, 1e30) * 100_000),
        ("floatvector", FloatVector(struct.pack("<3f", 0.5, math.nan, 1e30) * 100_000)),
        ("stringvector", ("", "a", "\u00e9") * 100_000),
    ],
)
def test_long_lists_are_whole_as_json_and_cut_as_text_at_little_cost(
    type_name: str, value: tuple[float, ...] | tuple[str, ...] | FloatVector
) -> None:
    attribute = Attribute("a", type_name, value, 0, 0)
    tracemalloc.start()
    try:
        text, shown = to_json_text(attribute), value_text(attribute) or ""
        encode(type_name, value)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert bits(from_json(type_name, json.loads(text))) == bits(value)
    assert 1_000 < len(shown) < 100_000
    assert peak < 40 * 300_000
