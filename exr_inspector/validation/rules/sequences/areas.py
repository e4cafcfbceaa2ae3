"""SEQ: the sequence rule on areas in which a frame differs from the frames before and behind it, which agree there. Pure."""

from __future__ import annotations

import numpy as np

from exr_inspector.model import Severity
from exr_inspector.validation.facts.sequences import SequenceFacts
from exr_inspector.validation.rule import NOTHING, Results, sequence_rule
from exr_inspector.validation.rules.sequences.headers import SequenceParameters, of_frames
from exr_inspector.validation.rules.sequences.pixels import seen_frames

_FEWEST = 8  # frames that tell whether others differ, too
_LEAST_AREAS = 2
_MOST_PART = 2  # one part in so many of the image; in more of it, the light differs as a whole
_LEAST_CHANGE = 0.2  # of the light of an area
_DARKEST = 0.2  # the least light of an area that is compared with, in parts of the mean
_AGREE = 4  # how many times what the frames before and behind differ by the change is
_STILL = 0.05  # the most that areas change in the same way in all other frames
_FEW = 5  # one frame in so many


@sequence_rule(
    "SEQ-AREA",
    Severity.INFO,
    "No frame differs in a part of the image from the frames before and behind it while these agree there",
    why="An object, a light or a texture is missing in the frame, or something was added, such as a watermark.",
    source="openfx#202 (a watermark on some frames)",
    fix="Compare the frame with those beside it, and render it again unless a flash or a short event is meant.",
    yields_to=("SEQ-BUCKET", "SEQ-FLASH", "SEQ-HUE", "SEQ-MIRROR"),
    limits="Single frames, at most one in five, that change by a fifth of the light in two or more of 16 x 16 areas and in at "
    "most half of them, in sequences of eight frames or more whose other frames change steadily: with fast motion or flicker, "
    "nothing is reported. Frames of which `check` or `report` reads all pixels.",
)
def odd_areas(sequence: SequenceFacts, _parameters: SequenceParameters) -> Results:
    """Compare small images of three frames each, and report the few frames that are odd if no other frame is nearly so."""
    seen = [
        (frame.frame, pixels.lines.small)
        for frame, pixels in seen_frames(sequence)
        if pixels.lines and pixels.lines.small and not pixels.is_constant
    ]
    if len(seen) < _FEWEST:
        return NOTHING
    images = np.stack([np.frombuffer(small, np.float32) for _, small in seen])
    before, here, after = images[:-2], images[1:-1], images[2:]
    is_one_way = np.sign(here - before) == np.sign(here - after)
    changes = np.where(is_one_way, np.minimum(np.abs(here - before), np.abs(here - after)), 0)
    others = np.abs(after - before)
    light = np.maximum((np.abs(before) + np.abs(after)) / 2, _DARKEST * np.abs(images).mean())
    is_changed = (_AGREE * others <= changes) & (changes - others >= _LEAST_CHANGE * light) & (changes > 0)
    counts = is_changed.sum(axis=1)
    is_odd = counts >= _LEAST_AREAS
    is_near = changes - others > _STILL * light
    if _FEW * is_odd.sum() > len(seen) or (is_near[~is_odd].sum(axis=1) >= _LEAST_AREAS).any():
        return NOTHING
    areas = images.shape[1]
    found = []
    for index in np.flatnonzero(is_odd & (_MOST_PART * counts <= areas)).tolist():
        what = f"{counts[index]} of {areas} areas differ from the frames before and behind, which agree there"
        what += ": an object or a light that is missing, or a watermark?"
        found += of_frames([seen[index + 1][0]], what, "the image of the frames around", f"{counts[index]} areas")
    return found
