"""Pictures fit the page, and marks of NaN remain visible in smaller pictures."""

from __future__ import annotations

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from exr_inspector.report.page import Picture
from exr_inspector.report.pictures import PAGE_BYTES, fitting, layer_pictures
from tests.support.reports import noise_picture


def decoded(picture: Picture | None) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(picture.url.partition(",")[2]))).convert("RGB"), np.int16)


def test_pictures_that_fit_stay_as_they_are() -> None:
    given = [noise_picture(1), None, noise_picture(2)]
    made = fitting(given, PAGE_BYTES)
    assert made[1] is None
    assert [base64.b64decode(p.url.partition(",")[2]) for p in made if p] == [t.image for t in given if t]
    assert made[0] is not None
    assert (made[0].width, made[0].height) == (160, 90)


@pytest.mark.slow
@pytest.mark.parametrize("most_bytes", [25_000, 12_500, 6_250])
def test_more_are_made_smaller_until_they_fit(most_bytes: int) -> None:
    given = [noise_picture(seed) for seed in range(4)]
    made = fitting(given * 2, most_bytes)
    assert sum(len(picture.url) for picture in made if picture) <= most_bytes
    assert {(p.width, p.height) for p in made if p} == {(160, 90)}, "they are shown as large as before"


@pytest.mark.slow
@pytest.mark.parametrize("most_bytes", [18_000, 9_000])
def test_a_mark_of_one_pixel_outlives_it(most_bytes: int) -> None:
    made = fitting([noise_picture(n, mark=(80, 45)) for n in range(6)], most_bytes)
    pixels = decoded(made[0])
    y, x = round(45 * pixels.shape[0] / 90), round(80 * pixels.shape[1] / 160)
    around = pixels[y - 2 : y + 3, x - 2 : x + 3]
    assert (np.minimum(around[..., 0], around[..., 2]) - around[..., 1]).max() > 100
    assert pixels.shape[1] < 160


def test_layers_are_named_by_part_and_layer_and_one_alone_is_no_sheet() -> None:
    assert layer_pictures([noise_picture(1)], {}) == []
    two = [noise_picture(1), noise_picture(2, layer="diffuse")]
    assert [layer.name for layer in layer_pictures(two, {0: "rgba"})] == ["base layer", "diffuse"]
    parts = [replace(two[0], part=1), replace(two[1], part=2), replace(two[0], part=3)]
    names = [layer.name for layer in layer_pictures(parts, {1: "rgba", 2: "aovs"})]
    assert names == ["rgba", "aovs: diffuse", "base layer"]
