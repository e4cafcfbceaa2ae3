"""Messages say how many, where and why, and each fact once."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from exr_inspector.model import Finding
from tests.support.exrbytes import DWAA, FLOAT, HALF, NONE, ZIPS, Channel, Part, a_box2i, build, lay_out
from tests.unit.validation.cases.made.metadata import LAYERS, NAME, declared, matte, ranks
from tests.unit.validation.cases.made.pixels import fireflies, flat
from tests.unit.validation.cases.made.structure import instead, window
from tests.unit.validation.judging import judge, violations


def finding(data: bytes, code: str, *, stats: bool = False) -> Finding:
    (found,) = violations(code, data, stats=stats)
    return found


@pytest.mark.parametrize(
    ("pixel_type", "least", "ones", "share"),
    [
        (HALF, 0.01, 1024, "which 25 % of"),
        (HALF, -4, 2, "which 0.049 % of"),
        (FLOAT, 0.01, 1024, "which 25 % of"),
        (FLOAT, 1e-30, 1024, "which 5 to 25 % of"),
        (FLOAT, 1e-30, 2, "which less than 0.1 % of"),
    ],
)
def test_a_maximum_of_one_has_its_share(pixel_type: int, least: float, ones: int, share: str) -> None:
    values = np.linspace(least, 0.9, 4096).reshape(64, 64)
    values.flat[-ones:] = 1
    channels = [Channel(name, pixel_type) for name in "BGR"]
    data = build([Part(channels=channels, data_window=(0, 0, 63, 63), pixels=dict.fromkeys("BGR", values))])
    assert share in finding(data, "PIX-CLIPPED-1", stats=True).message


def test_fireflies_have_their_number_and_a_place() -> None:
    values = np.full((64, 64), 0.5)
    values[40, 7], values[3, 5], values[3, 6] = 30000, 2000, 2000
    pixels = {"R": values, "G": np.minimum(values, 1500), "B": np.minimum(values, 1)}
    part = Part(data_window=(100, 0, 163, 63), pixels=pixels)
    message = finding(build([part]), "PIX-FIREFLY", stats=True).message
    assert "values up to 30000 at (107, 40) in R" in message
    assert "3 values of 1024 or more" in message


def test_single_pixels_have_their_number_and_the_first_place() -> None:
    message = finding(flat(**fireflies(48)), "PIX-FIREFLY", stats=True).message
    assert message == (
        "R, G, B: 2 single pixels up to 48, more than 8 times as bright as those beside them, first at (20, 9)"
    )


def test_a_region_has_its_pixels() -> None:
    colour = np.zeros((100, 200))
    colour[17:100, 50:143] = np.linspace(0.1, 0.9, 83 * 93).reshape(83, 93)
    pixels = {f"view.Combined.{name}": colour for name in "ABGR"}
    channels = [Channel(name) for name in pixels]
    part = Part(data_window=(-20, 10, 179, 109), channels=channels, pixels=pixels)
    message = finding(build([part]), "PIX-REGION", stats=True).message
    assert message == (
        "R, G, B and A are zero everywhere but in 96 x 84 pixels at (28, 26), in steps of 8: a render region?"
    )


@pytest.mark.parametrize(
    ("compression", "pixel_type", "is_named"), [(DWAA, FLOAT, True), (NONE, FLOAT, False), (DWAA, HALF, False)]
)
def test_infinities_of_float_colour_have_their_cause(compression: int, pixel_type: int, *, is_named: bool) -> None:
    pixels = {name: np.array([[1, np.inf, 1, 1]] * 3) for name in "BGR"}
    part = Part(channels=[Channel(name, pixel_type) for name in "BGR"], compression=compression, pixels=pixels)
    assert ("DWAA stores FLOAT colour as HALF" in finding(build([part]), "PIX-INF", stats=True).message) is is_named


def test_a_chunk_of_one_row_that_does_not_decode() -> None:
    built = lay_out([Part(compression=ZIPS, compress=True, data_window=(0, 0, 99, 2))])
    span = built.parts[0].chunks[1]
    data = built.patched(span.body, b"\xff" * (span.end - span.body))
    found = finding(data, "CHK-DECODE", stats=True)
    assert "(row 1)" in found.message
    assert "ZIPS" in found.message
    leader = lay_out([Part(compression=NONE)])
    moved = leader.patched(leader.parts[0].chunks[1].start, struct.pack("<i", 77))
    assert "(row 1)" in finding(moved, "CHK-LEADER").message


def test_altered_channels_have_their_compression_and_the_way_out() -> None:
    altered = matte(channels=ranks(f"{NAME}00", components="RGBA"), compression=DWAA)
    for found in (
        finding(altered, "CRY-LOSSLESS"),
        finding(build([Part(channels=[Channel(f"id.{c}", FLOAT) for c in "BGR"], compression=DWAA)]), "CMP-DWA-NAMES"),
    ):
        assert found.found == "DWAA"
        assert "lossless compression such as ZIP" in found.message


def test_a_wrong_key_is_reported_once() -> None:
    found = finding(matte(declared(key="0123456"), LAYERS), "CRY-KEY-FORM")
    assert found.message.count("0123456") == 1


def test_a_window_of_another_size_is_reported_once() -> None:
    found = finding(instead(a_box2i("dataWindow", (0, 0, 3, 2)).sized(7)), "STR-ATTR-SIZE")
    assert (found.found, found.expected, found.message.count("7 bytes")) == ("7 bytes of box2i", "16 bytes", 1)
    assert "cannot be followed" in found.message


@pytest.mark.parametrize("size", [0, 3, 7])
def test_nothing_is_missing_behind_a_size_that_ends_the_header(size: int) -> None:
    found = judge(instead(a_box2i("displayWindow", (0, 0, 3, 2)).sized(size)))
    assert {each.code for each in found if each.code[:3] in {"STR", "CHK"}} == {"STR-ATTR-SIZE"}


@pytest.mark.parametrize(
    ("box", "is_crop", "is_overscan"),
    [((2, 2, 7, 7), True, False), ((-1, -1, 10, 10), False, True), ((2, 2, 12, 7), True, True)],
)
def test_a_window_is_a_crop_or_overscan_or_both(
    box: tuple[int, int, int, int], *, is_crop: bool, is_overscan: bool
) -> None:
    message = finding(window(*box, display=(0, 0, 9, 9)), "WIN-CROPPED").message
    assert ("is a crop of" in message, "overscan" in message) == (is_crop, is_overscan)
