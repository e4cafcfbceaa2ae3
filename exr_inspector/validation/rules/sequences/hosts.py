"""Name the computer that rendered all frames of a finding, and no others. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable

from exr_inspector.model import Severity
from exr_inspector.validation.facts.sequences import SequenceFacts
from exr_inspector.validation.rule import Found, listed
from exr_inspector.validation.rules.sequences.comparison import of_frames

_SHARE = 3  # frames that the others rendered, on average, where one rendered a single frame


def hosts_of_findings(sequence: SequenceFacts, named: Iterable[tuple[str, Collection[int]]]) -> list[Found]:
    """One finding for each computer that rendered exactly the frames that a rule names.

    Args:
        sequence: The frames.
        named: The rule and the frames of each finding.
    """
    frames_of: defaultdict[str, set[int]] = defaultdict(set)
    for frame in sequence.frames:
        if frame.host:
            frames_of[frame.host].add(frame.frame)
    rules: defaultdict[str, dict[str, None]] = defaultdict(dict)
    if len(frames_of) > 1:
        others = sum(map(len, frames_of.values()))
        known = frozenset().union(*frames_of.values())
        for code, numbers in named:
            there = known.intersection(numbers) if len(numbers) < others else frozenset()
            for host, mine in frames_of.items():
                is_alone = len(mine) > 1 or others - 1 >= _SHARE * (len(frames_of) - 1)
                if mine == there and is_alone:
                    rules[host][code] = None
    return [
        found
        for host, codes in rules.items()
        for found in of_frames(
            sorted(frames_of[host]),
            f"all rendered by {host}, which rendered no other frame here: see {listed(codes)}",
            "frames of any computer",
            host,
            Severity.INFO,
        )
    ]
