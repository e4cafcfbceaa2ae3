"""Find sequences that are views of one image, by their names: all of them must have the same frames. Pure.

>>> from exr_inspector.delivery.naming import recognise
>>> known = recognise(["left/a.1001.exr", "left/a.1002.exr", "right/a.1001.exr"]).sequences
>>> {pattern: sorted(frames) for pattern, frames in frames_of_views(known).items()}
{'left/a.####.exr': [1001, 1002], 'right/a.####.exr': [1001, 1002]}
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from exr_inspector.delivery.naming import Recognised

_VIEW = re.compile(r"(?<![a-zA-Z0-9])(?:left|right|l|r)(?![a-zA-Z0-9])", re.IGNORECASE)
_DIGITS = re.compile(r"#+")


def frames_of_views(sequences: Iterable[Recognised]) -> dict[str, frozenset[int]]:
    """The frames of all views of an image, by the pattern of each sequence whose path differs from another only in the view."""
    groups: dict[str, list[Recognised]] = {}
    for sequence in sequences:
        image, count = _VIEW.subn("%V", _DIGITS.sub("#", sequence.pattern))
        if count and not sequence.is_udim:
            groups.setdefault(image, []).append(sequence)
    found: dict[str, frozenset[int]] = {}
    for group in groups.values():
        if len(group) > 1:
            together = frozenset(number for sequence in group for number in sequence.frames)
            found.update((sequence.pattern, together) for sequence in group)
    return found
