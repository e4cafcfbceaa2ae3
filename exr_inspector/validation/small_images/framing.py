"""Images that are those of the frames before, scaled or shifted."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

_SCALES = (0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0, 1.05, 1.1, 1.15, 1.2, 1.3, 1.4)
_SHIFTS = (-2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2)  # areas
_REFRAMED = 0.5  # largest part of the difference that is left
_Images = npt.NDArray[np.float64]


def reframed(images: _Images, places: Sequence[int]) -> str:
    """How images are scaled or shifted beside the one before each, which they resemble then; empty if one is not."""
    ways = [_framing(images[at - 1], images[at]) for at in places]
    return f", as if the image was {ways[0]}: another camera or lens, or repositioned?" if ways and all(ways) else ""


def _framing(usual: npt.NDArray[np.float64], odd: npt.NDArray[np.float64]) -> str:
    """How one image is scaled and shifted to resemble another one far better than as it is; empty if it is not."""
    side = math.isqrt(odd.size)
    middle, at = (side - 1) / 2, np.arange(side)
    as_is = float(np.abs(usual - odd).mean())
    best, scale = as_is, 1.0
    for factor in _SCALES:
        for down in _SHIFTS:
            for across in _SHIFTS:
                y, x = (np.clip((at - middle) / factor + middle - shift, 0, side - 1) for shift in (down, across))
                error = float(np.abs(_sampled(usual.reshape(side, side), y, x) - odd.reshape(side, side)).mean())
                if error < best:
                    best, scale = error, factor
    if best > _REFRAMED * as_is:
        return ""
    return "shifted" if scale == 1 else f"scaled by about {scale:.2g}"


def _sampled(image: _Images, y: npt.NDArray[np.float64], x: npt.NDArray[np.float64]) -> _Images:
    """An image at positions of rows and columns, between its areas too."""
    for axis, places in enumerate((y, x)):
        first = np.minimum(places.astype(np.int64), image.shape[axis] - 2)
        share = np.expand_dims(places - first, 1 - axis)
        image = np.take(image, first, axis) * (1 - share) + np.take(image, first + 1, axis) * share
    return image
