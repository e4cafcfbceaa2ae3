"""Findings of a delivery by kind, each with its frames: what people read instead of a list by file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from exr_inspector.delivery.judgement import CheckedFile
from exr_inspector.model import Finding, Severity

# Texts in quotes, and words with digits, alone or in lists; bytes in hexadecimal need not have a digit.
_FIGURE = r"""(?:'[^']*'|"[^"]*"|\b\w*\d\w*|\b[a-f]{2}\b)"""
_VARYING = re.compile(rf"{_FIGURE}(?:[\s,.x+-]*{_FIGURE})*")
_LOOKED_AT = 400  # characters of a message: what it says comes before what a file has put into it
_MOST_KINDS = 6  # of messages of one rule that are groups of their own
_Rule = tuple[Severity, str, str | None]


@dataclass(frozen=True, slots=True)
class FindingGroup:
    """One kind of finding.

    Attributes:
        severity: How bad it is.
        code: The rule, or the error that kept a file from being read.
        message: Of the sequence, or of the first file that has it.
        frames: Frames that have it, rising; empty where it concerns none in particular.
        files: Files that have it; 0 for a finding of the sequence.
    """

    severity: Severity
    code: str
    message: str
    frames: Sequence[int]
    files: int = 0

    @property
    def text(self) -> str:
        """The message, with the number of frames of which it is the first's."""
        return (
            f"{self.message} (first of {len(self.frames)} frames)"
            if self.files and len(self.frames) > 1
            else self.message
        )


def group_findings(files: Iterable[CheckedFile], findings: Iterable[Finding]) -> list[FindingGroup]:
    """Findings of files by severity, rule, channel and kind of message, and those of their sequence; the worst first.

    Where a rule has very many kinds of messages, they are one group: a frame may well have a text of its own.
    """
    groups = [FindingGroup(f.severity, f.code, f.message, f.frames) for f in findings]
    rules: dict[_Rule, dict[str, tuple[str, list[CheckedFile]]]] = {}
    for file in files:
        for severity, code, message, channel in listed_findings(file):
            kinds = rules.setdefault((severity, code, channel), {})
            _, having = kinds.setdefault(_kind(message, file.path), (message, []))
            if file not in having[-1:]:
                having.append(file)
    for (severity, code, _), kinds in rules.items():
        for message, having in kinds.values() if len(kinds) <= _MOST_KINDS else [_together(kinds.values())]:
            frames = tuple(sorted({file.frame for file in having if file.frame is not None}))
            groups.append(FindingGroup(severity, code, message, frames, len(having)))
    return sorted(groups, key=lambda group: (-group.severity, group.code))


def _kind(message: str, path: str) -> str:
    """A message without what differs from file to file: the file's name, quoted texts, and numbers."""
    name = path.rpartition("/")[2]
    return _VARYING.sub("0", " ".join(word for word in message[:_LOOKED_AT].split(" ") if name not in word))


def _together(kinds: Iterable[tuple[str, list[CheckedFile]]]) -> tuple[str, list[CheckedFile]]:
    """All kinds as one, with the first message."""
    some = list(kinds)
    files = {id(file): file for _, having in some for file in having}
    return some[0][0], list(files.values())


def listed_findings(file: CheckedFile) -> list[tuple[Severity, str, str, str | None]]:
    """Severity, code, message and channel of a file's findings; that it could not be read is one of them."""
    found = [(f.severity, f.code, f.message, f.channel) for f in file.findings]
    if file.fault:
        code, _, message = file.fault.partition(": ")
        found.insert(0, (Severity.ERROR, code, message, None))
    return found
