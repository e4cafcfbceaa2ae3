"""Alpha against the colour of its layer: the figures of a full read equal those of the written pixels."""

from __future__ import annotations

import numpy as np
import pytest

from exr_inspector.model import ChannelStats
from exr_inspector.pixels.budget import DecodeBudget
from exr_inspector.pixels.reader import PixelConfig
from exr_inspector.storage import SourceOpener
from tests.support.exrbytes import FLOAT, HALF, UINT, ZIP, Channel, Part, Tiles, build
from tests.unit.pixels.test_reader import report

WINDOW = (3, -5, 41, 21)
SMALL_STRIPS = PixelConfig(read_bytes=700, strip_bytes=900)  # merged from several threads


@pytest.mark.parametrize("tiles", [None, Tiles(20, 12)], ids=["scan lines", "tiles"])
@pytest.mark.parametrize("config", [PixelConfig(), SMALL_STRIPS], ids=["one strip", "small strips"])
@pytest.mark.parametrize("of_red", [HALF, FLOAT], ids=["one type", "two types"])
def test_colour_is_compared_with_the_alpha_of_its_pixel(
    tiles: Tiles | None, config: PixelConfig, of_red: int, opener: SourceOpener, budget: DecodeBudget
) -> None:
    random = np.random.default_rng(7)
    shape = (27, 39)
    alpha = random.choice([0, -0.0, 0.0625, 0.1, 0.125, 0.5, 1, -1], shape).astype(np.float16).astype(np.float64)
    colours = {name: random.integers(0, 2, shape) * 0.25 for name in "BGR"}
    colours["G"][alpha == 0] *= -1
    pixels = {f"key.{name}": values for name, values in colours.items()} | {
        "key.A": alpha,
        "A": alpha,
        "key.id": alpha * 0,
    }
    channels = [Channel("key.A"), Channel("key.R", of_red), Channel("key.G"), Channel("key.B"), Channel("A")]
    kind = {"kind": "tiledimage", "tiles": tiles} if tiles else {}
    part = Part(
        data_window=WINDOW, channels=[*channels, Channel("key.id", UINT)], pixels=pixels, compression=ZIP, **kind
    )
    found = _alpha(build([part]), opener, budget, config)
    total = sum(colours.values())
    is_low = (alpha > 0) & (alpha < 0.125)
    assert (
        found["key.A"].uncovered_count == np.count_nonzero((alpha == 0) & np.any(list(colours.values()), axis=0)) > 50
    )
    assert found["key.A"].low_alpha_colour == pytest.approx(total[is_low].mean() / total[alpha != 0].mean())
    assert (found["A"].uncovered_count, found["A"].low_alpha_colour, found["key.R"].uncovered_count) == (
        None,
        None,
        None,
    )


@pytest.mark.parametrize("kind", [HALF, FLOAT])
def test_alpha_of_minus_zero_is_zero(kind: int, opener: SourceOpener, budget: DecodeBudget) -> None:
    alpha = np.where(np.arange(12).reshape(3, 4) > 4, 1.0, -0.0)
    data = build(
        [
            Part(
                channels=[Channel(name, kind) for name in "ABGR"],
                pixels={"A": alpha} | dict.fromkeys("BGR", np.full((3, 4), 0.5)),
            )
        ]
    )
    assert _alpha(data, opener, budget, PixelConfig())["A"].uncovered_count == 5


def test_few_pixels_of_low_alpha_have_no_mean(opener: SourceOpener, budget: DecodeBudget) -> None:
    channels = [Channel(name) for name in "ABGR"]
    data = build([Part(channels=channels, pixels={name: np.full((3, 4), 0.1) for name in "ABGR"})])
    assert _alpha(data, opener, budget, PixelConfig())["A"].low_alpha_colour is None


def test_subsampled_colour_is_not_compared(opener: SourceOpener, budget: DecodeBudget) -> None:
    channels = [Channel("A"), *(Channel(name, HALF, 2, 2) for name in "BGR")]
    data = build([Part(channels=channels, data_window=(0, 0, 3, 3))])
    assert _alpha(data, opener, budget, PixelConfig())["A"].uncovered_count is None


def _alpha(data: bytes, opener: SourceOpener, budget: DecodeBudget, config: PixelConfig) -> dict[str, ChannelStats]:
    return {each.channel: each for each in report(opener.open_bytes(data), data, budget, config=config).channels}
