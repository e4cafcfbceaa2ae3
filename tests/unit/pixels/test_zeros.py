"""Cells in which colour is zero: those of a full read equal those of the written pixels."""

from __future__ import annotations

import numpy as np
import pytest

from exr_inspector.pixels.budget import DecodeBudget
from exr_inspector.pixels.reader import PixelConfig
from exr_inspector.storage import SourceOpener
from tests.support.exrbytes import FLOAT, HALF, UINT, ZIP, Channel, Part, Tiles, build
from tests.unit.pixels.test_reader import report

WINDOW = (3, -5, 41, 21)  # 39 x 27 pixels: the last cells are narrower
SMALL_STRIPS = PixelConfig(with_zeros=True, read_bytes=700, strip_bytes=900)  # merged from several threads


@pytest.mark.parametrize("tiles", [None, Tiles(20, 12), Tiles(16, 16)], ids=["scan lines", "tiles", "tiles of cells"])
@pytest.mark.parametrize("config", [PixelConfig(with_zeros=True), SMALL_STRIPS], ids=["one strip", "small strips"])
@pytest.mark.parametrize("pixel_type", [HALF, FLOAT])
def test_cells_are_zero_where_every_colour_is(
    tiles: Tiles | None, config: PixelConfig, pixel_type: int, opener: SourceOpener, budget: DecodeBudget
) -> None:
    random = np.random.default_rng(7)
    lit = np.kron(random.random((4, 5)) < 0.5, np.ones((8, 8)))[:27, :39]
    colours = {name: lit * random.integers(-1, 2, lit.shape) for name in "BGR"}
    colours["G"][26, 38] = 1  # a single pixel in the last, smallest cell
    colours["R"][:8, :8] = -0.0
    channels = (*(Channel(name, pixel_type) for name in "ABGR"), Channel("id", UINT))
    others = {name: np.ones(lit.shape) for name in ("A", "id")}
    kind = {"kind": "tiledimage", "tiles": tiles} if tiles else {}
    part = Part(data_window=WINDOW, channels=channels, pixels=colours | others, compression=ZIP, **kind)
    data = build([part])
    found = report(opener.open_bytes(data), data, budget, config=config).parts[0].zeros
    bits = np.unpackbits(np.frombuffer(found.bits, np.uint8), count=found.rows * found.columns)
    dark = np.array(
        [
            [not any(c[y : y + 8, x : x + 8].any() for c in colours.values()) for x in range(0, 39, 8)]
            for y in range(0, 27, 8)
        ]
    )
    assert (found.columns, found.rows, found.cell_px) == (5, 4, 8)
    assert bits.reshape(4, 5).astype(bool).tolist() == dark.tolist()
    assert 4 < dark.sum() < 16


def test_no_cell_is_zero_if_one_colour_never_is(opener: SourceOpener, budget: DecodeBudget) -> None:
    pixels = {"B": np.zeros((16, 16)), "G": np.ones((16, 16)), "R": np.zeros((16, 16))}
    data = build([Part(data_window=(0, 0, 15, 15), channels=[Channel(name) for name in pixels], pixels=pixels)])
    found = report(opener.open_bytes(data), data, budget, config=PixelConfig(with_zeros=True)).parts[0].zeros
    assert not any(found.bits)


def test_parts_without_colour_at_every_pixel_have_no_cells(opener: SourceOpener, budget: DecodeBudget) -> None:
    parts = [Part(name="depth", channels=(Channel("Z"),)), Part(name="half", channels=(Channel("Y", HALF, 2, 2),))]
    data = build(parts)
    found = report(opener.open_bytes(data), data, budget, config=PixelConfig(with_zeros=True))
    assert [part.zeros for part in found.parts] == [None, None]


@pytest.mark.parametrize("tiles", [None, Tiles(20, 12)], ids=["scan lines", "tiles"])
def test_the_rectangle_of_a_render_region(tiles: Tiles | None, opener: SourceOpener, budget: DecodeBudget) -> None:
    colour = np.zeros((100, 200))
    colour[17:100, 50:143] = 0.5
    kind = {"kind": "tiledimage", "tiles": tiles} if tiles else {}
    part = Part(data_window=(-20, 10, 179, 109), channels=[Channel("Y")], pixels={"Y": colour}, **kind)
    data = build([part])
    found = report(opener.open_bytes(data), data, budget, config=SMALL_STRIPS).parts[0].zeros
    assert found.region == (28, 26, 123, 109)
