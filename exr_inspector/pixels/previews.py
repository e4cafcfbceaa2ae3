"""Pixels of a preview attribute as an array, on request."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from exr_inspector.exr.header.values import Preview


def preview_pixels(preview: Preview) -> npt.NDArray[np.uint8]:
    """The thumbnail's pixels, shape (height, width, 4): red, green, blue, alpha, 0 to 255, top row first. Read only."""
    return np.frombuffer(preview.rgba, np.uint8).reshape(preview.height, preview.width, 4)
