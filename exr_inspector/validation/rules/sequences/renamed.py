"""Objects of Cryptomattes that were renamed, or lost their names.

Stored rows have no names: the function's folder does not have this module.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from exr_inspector.model import Severity
from exr_inspector.validation.facts.sequences import SequenceFacts
from exr_inspector.validation.frames import OBJECTS
from exr_inspector.validation.rule import Found
from exr_inspector.validation.rules.sequences.comparison import of_frames, usual_value

_MANIFESTS = 4  # more change with the objects in the frame
_FEWEST = 4  # frames whose names change from each to the next
_NEAR = 2  # frames from one to the next, on twos
_NAMESPACE = re.compile(r".*[/|:]", re.DOTALL)
_NUMBER = re.compile(r"\d+")


def lost_manifests(sequence: SequenceFacts) -> list[Found]:
    """Frames, at most half, that have ids, but no names for them, as others have."""
    found = []
    for key in dict.fromkeys(key for frame in sequence.frames for key in frame.objects):
        known = {frame.frame: frame.objects[key] for frame in sequence.frames if key in frame.objects}
        nameless = [number for number, names in known.items() if not names]
        if 2 * len(nameless) <= len(known):
            what = f"{key} has no names for its ids, in the other frames it has: mattes that select by name fail"
            found += of_frames(nameless, what, "a manifest with names", "no names")
    return found


def renamed_objects(sequence: SequenceFacts) -> list[Found]:
    """Frames whose manifest has an object under another name, and not one of the same kind with another number (a crowd)."""
    found = []
    for key in dict.fromkeys(key for frame in sequence.frames for key in frame.objects):
        by_value: dict[tuple[tuple[str, str], ...], list[int]] = {}
        for frame in sequence.frames:
            if key in frame.objects:
                by_value.setdefault(frame.objects[key], []).append(frame.frame)
        if len(by_value) > _MANIFESTS:
            found += _changing_names(sequence, key)
        if not 1 < len(by_value) <= _MANIFESTS:
            continue
        usual = usual_value(sequence, by_value)
        for value, numbers in by_value.items():
            gone, new = _lost_names(usual, value), _lost_names(value, usual)
            pairs = [
                (one, two)
                for one in gone
                for two in new
                if _object_of(one) == _object_of(two) and _NUMBER.sub("#", one) != _NUMBER.sub("#", two)
            ]
            if pairs:
                one, two = pairs[0]
                what = f"in {key}, {one} is gone, and {two} is new: was it renamed? Mattes that select it by name or id fail"
                found += of_frames(numbers, what, one, two)
    return found


def _changing_names(sequence: SequenceFacts, key: str) -> list[Found]:
    """Frames most of whose names no other frame has, if most frames are so, in a row: few objects enter and leave so fast.

    Sparks and debris do, and are numbered: names that differ by numbers alone are an info finding.
    """
    seen = [
        (frame.frame, [name for _, name in frame.objects[key]]) for frame in sequence.frames if key in frame.objects
    ]
    counts = Counter(name for _, names in seen for name in names)
    odd = [at for at, (_, names) in enumerate(seen) if 2 * sum(counts[name] == 1 for name in names) > len(names)]
    are_near = 2 * sum(seen[after][0] - seen[before][0] <= _NEAR for before, after in pairwise(odd)) >= len(odd)
    if len(odd) < _FEWEST or not are_near or 2 * len(odd) <= len(seen):
        return []
    kinds = Counter(
        kind for at in odd for kind in {_NUMBER.sub("#", name) for name in seen[at][1] if counts[name] == 1}
    )
    severity = Severity.INFO if all(count > 1 for count in kinds.values()) else None
    what = f"most names of {key} are in one frame alone: "
    what += "do objects change their names, or live for one frame?" if severity else "objects change their names"
    return of_frames([seen[at][0] for at in odd], what, "the names of the frames around", "other names", severity)


def _object_of(name: str) -> str:
    """The name of an object without its namespace or path, and without numbers."""
    return _NUMBER.sub("", _NAMESPACE.sub("", name.rstrip("/|:")))


def _lost_names(usual: Sequence[tuple[str, str]], other: Sequence[tuple[str, str]]) -> list[str]:
    """The names among the lowest ids of one manifest that another certainly lacks: lower ones than its last, if it has more."""
    mine = {value for value, _ in other}
    last = other[-1][0] if len(other) == OBJECTS else "g"
    return [name for value, name in usual if value not in mine and value < last]
