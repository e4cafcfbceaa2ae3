"""Frames that are upside down or mirrored beside the others."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from exr_inspector.model import Severity
from exr_inspector.validation.facts.sequences import SequenceFacts
from exr_inspector.validation.rule import Found
from exr_inspector.validation.rules.sequences.comparison import of_frames
from exr_inspector.validation.rules.sequences.images import between_changes, shot_frames

_FEWEST = 3  # frames
_UNLIKE = 0.25  # least difference of two images of which one is turned, as a share of the standard deviation
_TURNED = 0.4  # largest part of it that is left if the image is turned back
_EVERYWHERE = 0.6  # more than this share of the areas of an image that is turned change
_SIDEWAYS = "mirrored left to right"
_Images = npt.NDArray[np.float64]
_TURNS: tuple[tuple[str, Callable[[_Images], _Images]], ...] = (
    ("upside down", lambda images: images[:, ::-1]),
    (_SIDEWAYS, lambda images: images[:, :, ::-1]),
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
        odd, is_everywhere = _turned(numbers, images, turned(images))
        if odd:
            is_once = odd[-1] - odd[0] < len(odd)
            severity = None if is_everywhere and (is_once or way != _SIDEWAYS) else Severity.INFO
            return of_frames(odd, f"{way}, compared with the frames around", "as the others", severity=severity)
    return []


def _turned(numbers: Sequence[int], images: _Images, turned: _Images) -> tuple[list[int], bool]:
    """The frames, at most half, that are far more like the frames beside them if they are turned; none if that changes once.

    The second value tells whether most areas of the images are so.
    """
    spread = np.maximum(images[:-1].std(axis=(1, 2)), np.finfo(np.float32).tiny)
    by_area = [np.abs(each[:-1] - images[1:]) for each in (images, turned)]
    as_is, if_turned = (each.mean(axis=(1, 2)) / spread for each in by_area)
    changes = (as_is > _UNLIKE) & (if_turned < _TURNED * as_is)
    if np.count_nonzero(changes) < 2:
        return [], False
    shares = (by_area[1] < _TURNED * by_area[0]).mean(axis=(1, 2))
    return [numbers[index] for index in between_changes(changes.tolist())], bool((shares[changes] > _EVERYWHERE).all())
