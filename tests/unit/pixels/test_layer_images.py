"""Small images of layers beside the main image, in a full read: which layers have one, and what it holds."""

from __future__ import annotations

import numpy as np
import pytest

from exr_inspector.model import LayerImage
from exr_inspector.pixels.budget import DecodeBudget
from exr_inspector.pixels.reader import PixelConfig
from exr_inspector.storage import SourceOpener
from tests.support.exrbytes import FLOAT, HALF, UINT, ZIP, Channel, Part, Tiles, a_stringvector, build
from tests.unit.pixels.test_reader import report

HEIGHT, WIDTH = 70, 90
Images = dict[str, LayerImage]


def images_of(
    opener: SourceOpener,
    budget: DecodeBudget,
    pixels: dict[str, np.ndarray],
    *,
    strip_bytes: int = 1 << 20,
    **about: object,
) -> Images:
    """The small images of the layers of an image with these channels, by the names of their channels."""
    height, width = next(iter(pixels.values())).shape
    channels = [Channel(name, UINT if name == "id" else FLOAT if name[-1] in "XYZ" else HALF) for name in pixels]
    part = Part(data_window=(3, -5, width + 2, height - 6), channels=channels, pixels=pixels, compression=ZIP, **about)
    data = build([part])
    config = PixelConfig(with_zeros=True, read_bytes=8 * strip_bytes, strip_bytes=strip_bytes)
    found = report(opener.open_bytes(data), data, budget, config=config).parts[0].layers
    return {" ".join(each.channels): each for each in found}


def picture(seed: int = 1) -> np.ndarray:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    return 0.4 + 0.2 * np.sin(x / 9 + seed) + 0.1 * np.cos(y / 12 - x / 20)


@pytest.mark.parametrize("tiles", [None, Tiles(32, 16)], ids=["scan lines", "tiles"])
@pytest.mark.parametrize("strip_bytes", [1 << 20, 5_000])
def test_a_small_image_holds_the_means_of_its_areas(
    opener: SourceOpener, budget: DecodeBudget, tiles: Tiles | None, strip_bytes: int
) -> None:
    pixels = {name: picture(seed) for seed, name in enumerate(["R", "d.R", "d.G", "d.B", "N.X", "N.Z"])}
    pixels["N.X"] = -pixels["N.X"]
    about = {"kind": "tiledimage", "tiles": tiles} if tiles else {}
    found = images_of(opener, budget, pixels, strip_bytes=strip_bytes, **about)
    assert [*found] == ["d.B d.G d.R", "N.X N.Z"]
    sampled = np.arange(0, HEIGHT, 3)  # at most 32 rows
    rows, columns = sampled * 16 // HEIGHT, np.arange(WIDTH) * 16 // WIDTH
    light = np.mean([pixels[f"d.{name}"].astype(np.float16) for name in "BGR"], axis=0, dtype=np.float64)[sampled]
    data = np.log1p(np.abs([pixels["N.X"], pixels["N.Z"]])).mean(axis=0)[sampled]
    for names, values in (("d.B d.G d.R", light), ("N.X N.Z", data)):
        cells = [[values[np.ix_(rows == row, columns == column)].mean() for column in range(16)] for row in range(16)]
        small = np.frombuffer(found[names].small, np.float32).reshape(16, 16)
        np.testing.assert_allclose(small, cells, rtol=1e-5)
    assert found["N.X N.Z"].noise == 0 < found["d.B d.G d.R"].noise


def test_layers_of_light_depth_and_vectors_have_a_small_image(opener: SourceOpener, budget: DecodeBudget) -> None:
    names = [
        "R", "Y", "Z", "A", "right.R", "right.Z", "diffuse.A", "diffuse.red", "diffuse.X", "crypto00.R", "depth.V",
        "id", "mask.A", "P.x", "sss.r",
    ]  # fmt: skip
    views = a_stringvector("multiView", ("left", "right"))
    found = images_of(opener, budget, {name: picture() for name in names}, extra=[views])
    assert [*found] == ["diffuse.red", "sss.r", "P.x", "Z", "depth.V", "right.Z"]


def test_a_small_image_needs_16_pixels_and_finite_values(opener: SourceOpener, budget: DecodeBudget) -> None:
    pixels = {name: picture()[:16, :16] for name in ("R", "d.R")}
    assert images_of(opener, budget, pixels)["d.R"].small
    assert not images_of(opener, budget, {name: each[:15] for name, each in pixels.items()})
    pixels["d.R"][3, 3] = np.inf
    assert images_of(opener, budget, pixels)["d.R"].small == b""


def test_at_most_16_layers_of_a_part_have_one(opener: SourceOpener, budget: DecodeBudget) -> None:
    found = images_of(opener, budget, {f"layer{number:02}.R": picture() for number in range(20)})
    assert [*found] == [f"layer{number:02}.R" for number in range(16)]
