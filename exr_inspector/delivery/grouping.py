"""Group the findings of a delivery by kind, each with its frames, for output that people read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from exr_inspector.delivery.judgement import CheckedFile
from exr_inspector.model import Finding, Severity

# Quoted texts, words with digits, and bytes in hexadecimal (some have no digit), alone or in lists.
_FIGURE = r"""(?:'[^']*'|"[^"]*"|\b\w*\d\w*|\b[a-f]{2}\b)"""
_VARYING = re.compile(rf"{_FIGURE}(?:[\s,.x+-]*{_FIGURE})*")
_COMPARED_CHARACTERS = 400  # of a message: its own words come before long values from the file
_MOST_KINDS = 6  # a rule with more kinds of messages is one group
_Rule = tuple[Severity, str, str | None]
_Said = tuple[str, CheckedFile]  # a message, and the file that has it


@dataclass(frozen=True, slots=True)
class FindingGroup:
    """One kind of finding.

    Attributes:
        severity: Its severity.
        code: Code of the rule, or of the error that prevented reading the file.
        message: The message of the sequence, or of the first file that has the finding.
        frames: Frames that have it, in ascending order; empty if it concerns no frames in particular.
        files: Number of files that have it; 0 for a finding of the sequence.
        varies: Whether the files have different messages.
    """

    severity: Severity
    code: str
    message: str
    frames: Sequence[int]
    files: int = 0
    varies: bool = False

    @property
    def text(self) -> str:
        """The message. If those of several frames differ, it is that of the first one, and says so."""
        if not self.varies or len(self.frames) < 2:
            return self.message
        return f"{self.message} (in the first of {len(self.frames)} frames, similar in the others)"


def group_findings(files: Iterable[CheckedFile], findings: Iterable[Finding]) -> list[FindingGroup]:
    """Group the findings of files by severity, rule, channel and kind of message, and add those of their sequence; worst first.

    A rule with more than `_MOST_KINDS` kinds of messages is one group, because each frame may have a message of its own.
    """
    groups = [FindingGroup(f.severity, f.code, f.message, f.frames) for f in findings]
    rules: dict[_Rule, dict[str, list[_Said]]] = {}
    for file in files:
        for severity, code, message, channel in listed_findings(file):
            kinds = rules.setdefault((severity, code, channel), {})
            kinds.setdefault(_kind(message, file.path), []).append((message, file))
    for (severity, code, _), kinds in rules.items():
        for said in kinds.values() if len(kinds) <= _MOST_KINDS else [list(chain.from_iterable(kinds.values()))]:
            frames = tuple(sorted({file.frame for _, file in said if file.frame is not None}))
            count, messages = len({id(file) for _, file in said}), {message for message, _ in said}
            groups.append(FindingGroup(severity, code, said[0][0], frames, count, len(messages) > 1))
    return sorted(groups, key=lambda group: (-group.severity, group.code))


def _kind(message: str, path: str) -> str:
    """The message without the parts that differ from file to file: the file's name, quoted texts and numbers."""
    name = path.rpartition("/")[2]
    return _VARYING.sub("0", " ".join(word for word in message[:_COMPARED_CHARACTERS].split(" ") if name not in word))


def listed_findings(file: CheckedFile) -> list[tuple[Severity, str, str, str | None]]:
    """Severity, code, message and channel of a file's findings. A read error is listed first, as an error."""
    found = [(f.severity, f.code, f.message, f.channel) for f in file.findings]
    if file.fault:
        code, _, message = file.fault.partition(": ")
        found.insert(0, (Severity.ERROR, code, message, None))
    return found
