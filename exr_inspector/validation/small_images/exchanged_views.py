"""Frames in which the two views of a stereo file have changed places."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from exr_inspector.validation.facts.sequences import SequenceFacts
from exr_inspector.validation.rule import Found
from exr_inspector.validation.rules.sequences.comparison import of_frames
from exr_inspector.validation.rules.sequences.images import between_changes, shot_frames

_FEWEST = 3  # frames
_CLEARER = 0.6  # of the difference to the frame before, what is left of it if the views change places
_Images = npt.NDArray[np.float64]


def exchanged_views(sequence: SequenceFacts) -> list[Found]:
    """The findings of SEQ-VIEWS.

    In frames that follow each other, each view is more like itself than like the other one, unless the image moves further
    than the views are apart.
    """
    views = {view for frame in sequence.frames for view in frame.other_views}
    if len(views) != 1:
        return []
    (view,) = views
    seen = [
        (frame.frame, pixels.small, frame.other_views[view].pixels.small)
        for frame, pixels in shot_frames(sequence)
        if view in frame.other_views
    ]
    seen = [(number, main, other) for number, main, other in seen if main.size == other.size > 0]
    if len(seen) < _FEWEST or len({main.size for _, main, _ in seen}) > 1:
        return []
    numbers = [number for number, _, _ in seen]
    main, other = np.stack([main for _, main, _ in seen]), np.stack([other for *_, other in seen])
    stays = _steps(main, main) + _steps(other, other)
    crosses = _steps(main, other) + _steps(other, main)
    changes = crosses < _CLEARER * stays
    is_clear = np.median(stays[~changes]) < _CLEARER * np.median(crosses[~changes]) if not changes.all() else False
    odd = [numbers[index] for index in between_changes(changes.tolist())] if is_clear else []
    return of_frames(odd, f"the image of view {view} and the main image have changed places", "as in the others")


def _steps(images: _Images, others: _Images) -> _Images:
    """The mean difference of each image, but the first, to the other image of the frame before."""
    found: _Images = np.abs(images[1:] - others[:-1]).mean(axis=1)
    return found
