"""Regions of black cells: those that touch are one, and a bound of the work on images with very many black areas."""

from __future__ import annotations

import numpy as np
import pytest

from exr_inspector.validation.small_images.cells import regions


@pytest.mark.parametrize("touching", [(3, 5), (9, 5), (5, 3), (5, 9)], ids=["above", "below", "left", "right"])
def test_a_region_has_every_cell_that_touches_it(touching: tuple[int, int]) -> None:
    cells = np.zeros((12, 14), np.bool_)
    cells[4:9, 4:9] = True
    assert [int(region.sum()) for region in regions(cells)] == [25]
    cells[touching] = True
    assert [int(region.sum()) for region in regions(cells)] == [26]


def test_very_many_areas_are_not_examined() -> None:
    cells = np.zeros((100, 100), np.bool_)
    cells[90:94, 90:94] = True
    cells[:60:2, :60:2] = True
    assert [int(region.sum()) for region in regions(cells)] == [16]
    cells[:89, ::2] = True
    assert not [*regions(cells)]
