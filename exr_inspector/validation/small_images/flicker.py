"""Light that goes up and down a little from frame to frame."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from exr_inspector.model import Severity
from exr_inspector.validation.facts.sequences import SequenceFacts
from exr_inspector.validation.rule import Found, listed
from exr_inspector.validation.rules.sequences.comparison import of_frames
from exr_inspector.validation.rules.sequences.images import shot_frames

_FEWEST_LEVELS = 8
_LEAST_FLICKER = 0.005  # median change, as a share of the light
_UP_AND_DOWN = 1.4  # least ratio of second differences to those over two frames: 1.7 of noise, 1 on twos, 0.2 of motion
_AT_ONCE = 0.6  # least share of the change that most areas have in common
_DARK = 1e-4
_STEADY = 0.5  # of the change of the image: the largest one of light that is steady
_INDIRECT = re.compile(r"global_?illum|indirect|\b(?:Diff|Gloss)Ind\b|\bGI\b", re.IGNORECASE)


def flickering_frames(sequence: SequenceFacts) -> list[Found]:
    """All frames if the light of the image goes up and down a little from frame to frame, in most areas at once.

    Motion changes areas in different directions. Indirect light follows the direct light, unless each frame computes its own.
    """
    seen = [(frame, pixels) for frame, pixels in shot_frames(sequence) if not pixels.is_flat]
    images = [pixels.small for _, pixels in seen]
    change = _flicker_of([pixels.luminance or 0.0 for _, pixels in seen])
    if not change or len({image.size for image in images}) > 1 or not images[0].size:
        return []
    bends = np.diff(np.log(np.maximum(np.stack(images), _DARK)), 2, axis=0)
    at_once, by_area = np.abs(np.median(bends, axis=1)), np.median(np.abs(bends), axis=1)
    if np.median(at_once) < _AT_ONCE * np.median(by_area):
        return []
    layers = set.intersection(*({*pixels.lights} for _, pixels in seen))
    changes = {name: _flicker_of([pixels.lights[name] for _, pixels in seen]) for name in sorted(layers)}
    odd = [name for name, each in changes.items() if each and _INDIRECT.search(name)]
    others = [[pixels.lights[name] for _, pixels in seen] for name in changes if name not in odd]
    lit = [levels for levels in others if min(levels) > _DARK]
    is_computed = bool(odd) and bool(lit) and all(_change_of(levels) < _STEADY * change for levels in lit)
    what = f"the light goes up and down by about {change:.1%} from frame to frame"
    what += (
        f", in {listed(odd)}, but not in other light: computed frame by frame?" if is_computed else ": does it flicker?"
    )
    severity = Severity.WARNING if is_computed else Severity.INFO
    return of_frames([frame.frame for frame, _ in seen], what, "light that changes steadily", f"{change:.1%}", severity)


def _change_of(levels: Sequence[float]) -> float:
    """The median change of levels above zero from each to the next, as a share of them."""
    return float(np.median(np.abs(np.diff(np.log(levels)))))


def _flicker_of(levels: Sequence[float]) -> float:
    """The median change of levels that go up and down at random from each to the next; 0 if they do not, or are dark."""
    if len(levels) < _FEWEST_LEVELS or min(levels) <= 0:
        return 0.0
    logs = np.log(levels)
    step, bend, across = (
        float(np.median(np.abs(each))) for each in (np.diff(logs), np.diff(logs, 2), logs[2:] - logs[:-2])
    )
    return step if step >= _LEAST_FLICKER and bend >= _UP_AND_DOWN * across else 0.0
