"""Differences of channels, counted in steps of HALF values."""

from __future__ import annotations

import numpy as np
import pytest

from exr_inspector.exr.header.values import PixelType
from exr_inspector.pixels.comparing import ChannelComparison


@pytest.mark.parametrize(
    ("one", "other", "steps"),
    [
        (0x0000, 0x8000, 0),  # the two zeros
        (0x0000, 0x0001, 1),
        (0x8000, 0x0001, 1),
        (0x8001, 0x0001, 2),
        (0x3C00, 0x3C03, 3),
        (0xBC00, 0xBC03, 3),
        (0xBC00, 0x3C00, 2 * 0x3C00),
    ],
)
def test_steps_between_half_values(one: int, other: int, steps: int) -> None:
    found = ChannelComparison("R", (PixelType.HALF, PixelType.HALF), 0.0)
    planes = (np.array([[0, bits]], np.uint16).view(np.float16) for bits in (one, other))
    found.add(*planes, (0, 0), (1, 1))
    assert found.result().max_ulp == steps


def test_steps_and_relative_errors() -> None:
    comparison = ChannelComparison("R", (PixelType.HALF, PixelType.HALF), 0.0)
    left = np.array([[1.0, -0.0, 2.0, np.inf]], np.float16)
    right = np.array([[np.nextafter(np.float16(1), np.float16(2)), 0.0, -2.0, np.inf]], np.float16)
    comparison.add(left, right, (0, 0), (1, 1))
    found = comparison.result()
    assert (found.differing, found.unlike, found.max_error, found.max_relative, found.max_at) == (
        2,
        0,
        4.0,
        2.0,
        (2, 0),
    )
    assert found.max_ulp == 2 * 0x4000
    ids = ChannelComparison("id", (PixelType.UINT, PixelType.UINT), 0.0)
    ids.add(np.array([[7, 2**32 - 1]], np.uint32), np.array([[7, 2**32 - 2]], np.uint32), (0, 0), (1, 1))
    assert (ids.result().differing, ids.result().max_error) == (1, 1.0)


def test_the_largest_difference_is_told_as_a_pixel() -> None:
    found = ChannelComparison("BY", (PixelType.FLOAT, PixelType.FLOAT), 0.0)
    one, other = np.zeros((2, 3, 4), np.float32)
    other[1, 2] = 5
    found.add(one, one, (-8, 4), (2, 3))
    found.add(one, other, (-8, 13), (2, 3))
    assert (found.result().max_at, found.result().max_error, found.result().samples) == ((-4, 16), 5.0, 24)
