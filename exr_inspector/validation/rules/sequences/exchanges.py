"""Find frames in which R, G and B have changed places: their statistics become those of another channel at once. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import permutations

import numpy as np

from exr_inspector.validation.frames import FramePixels

_ORDERS = [*permutations(range(3))]  # the first is the usual one
_LEAST = 0.05  # least change of a mean or a deviation where channels change places, as a logarithm
_MOTION = 0.005  # largest change of them in an image that hardly moves
_CLEARER = 4  # how many times smaller the change must be if channels are exchanged
_OFTEN = 3  # more than one frame in 3


def exchanged_channels(seen: Sequence[FramePixels]) -> tuple[dict[int, str], bool]:
    """The positions of frames in another order of channels than most, each with the channels that R, G, B hold there.

    The second value tells whether channels change places so often that it may be light.
    """
    values = np.array([[[each.means[name], each.deviations.get(name, 0.0)] for name in "RGB"] for each in seen])
    if len(values) < 2 or values.min() <= 0:
        return {}, False
    levels = np.log(values)
    steps = np.stack([np.abs(levels[1:] - levels[:-1, list(order)]).max(axis=(1, 2)) for order in _ORDERS])
    straight, best = steps[0], steps.argmin(axis=0)
    least = steps.min(axis=0)
    usual = float(np.median(least))
    ends = np.pad(least, 1, constant_values=usual)
    motion = np.maximum(usual, np.maximum(ends[:-2], ends[2:]))  # of the image there
    is_border = (least <= 2 * motion + _MOTION) & (straight >= np.maximum(_LEAST, _CLEARER * np.maximum(least, usual)))
    order = _ORDERS[0]
    every = [order]
    for at in range(len(steps[0])):
        order = tuple(order[channel] for channel in _ORDERS[best[at]]) if is_border[at] else order
        every.append(order)
    usual_order = Counter(every).most_common(1)[0][0]
    odd = {
        at: "".join("RGB"[usual_order.index(channel)] for channel in order)
        for at, order in enumerate(every)
        if order != usual_order
    }
    return odd, _OFTEN * int(is_border.sum()) > len(seen)
