"""Frames that are upside down or mirrored beside the others."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from exr_inspector.validation.facts.sequences import SequenceFacts
from exr_inspector.validation.rule import Found
from exr_inspector.validation.rules.sequences.comparison import of_frames
from exr_inspector.validation.rules.sequences.images import between_changes, shot_frames

_FEWEST = 3  # frames
_UNLIKE = (
    0.25  # the least difference of two images that tells whether one is turned, in parts of the standard deviation
)
_TURNED = 0.4  # the most that is left of it if the image is turned
_Images = npt.NDArray[np.float64]
_TURNS: tuple[tuple[str, Callable[[_Images], _Images]], ...] = (
    ("upside down", lambda images: images[:, ::-1]),
    ("mirrored left to right", lambda images: images[:, :, ::-1]),
    ("turned by 180 degrees", lambda images: images[:, ::-1, ::-1]),
)


def turned_frames(sequence: SequenceFacts) -> list[Found]:
    """The findings of SEQ-MIRROR."""
    seen = [(frame.frame, small) for frame, pixels in shot_frames(sequence) if (small := pixels.small).size]
    numbers = [number for number, _ in seen]
    if len(numbers) < _FEWEST:
        return []
    images = np.stack([small for _, small in seen])
    images = images.reshape(len(numbers), math.isqrt(images.shape[1]), -1)
    for way, turned in _TURNS:
        if odd := _turned(numbers, images, turned(images)):
            return of_frames(odd, f"{way}, compared with the frames beside them", "as the others")
    return []


def _turned(numbers: Sequence[int], images: _Images, turned: _Images) -> list[int]:
    """The frames, at most half, that are far more like the frames beside them if they are turned; none if that changes once."""
    spread = np.maximum(images[:-1].std(axis=(1, 2)), np.finfo(np.float32).tiny)
    as_is, if_turned = (np.abs(each[:-1] - images[1:]).mean(axis=(1, 2)) / spread for each in (images, turned))
    changes = (as_is > _UNLIKE) & (if_turned < _TURNED * as_is)
    return [] if np.count_nonzero(changes) < 2 else [numbers[index] for index in between_changes(changes.tolist())]
