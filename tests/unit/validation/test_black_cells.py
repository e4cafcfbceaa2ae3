"""Rectangles of black cells: those that stand alone, and a bound of the work on images with very many black areas."""

from __future__ import annotations

import numpy as np
import pytest

from exr_inspector.validation.small_images.cells import rectangles


@pytest.mark.parametrize("touching", [(3, 5), (9, 5), (5, 3), (5, 9)], ids=["above", "below", "left", "right"])
def test_a_rectangle_touches_no_other_cell(touching: tuple[int, int]) -> None:
    cells = np.zeros((12, 14), np.bool_)
    cells[4:9, 4:9] = True
    assert [*rectangles(cells)] == [(4, 4, 5, 5)]
    cells[touching] = True
    assert not [*rectangles(cells)]


def test_very_many_areas_are_not_examined() -> None:
    cells = np.zeros((100, 100), np.bool_)
    cells[90:94, 90:94] = True
    cells[:60:2, :60:2] = True
    assert [*rectangles(cells)] == [(90, 90, 4, 4)]
    cells[:89, ::2] = True
    assert not [*rectangles(cells)]
