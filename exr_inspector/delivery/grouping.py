"""Findings of a delivery by kind, each with its frames: what people read instead of a list by file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from exr_inspector.delivery.judgement import CheckedFile
from exr_inspector.model import Finding, Severity


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
    """Findings of files by severity, rule and channel, and those of their sequence as they are; the worst first."""
    groups = [FindingGroup(f.severity, f.code, f.message, f.frames) for f in findings]
    kinds: dict[tuple[Severity, str, str | None], tuple[str, list[CheckedFile]]] = {}
    for file in files:
        for severity, code, message, channel in listed_findings(file):
            _, having = kinds.setdefault((severity, code, channel), (message, []))
            if file not in having[-1:]:
                having.append(file)
    for (severity, code, _), (message, having) in kinds.items():
        frames = tuple(sorted({file.frame for file in having if file.frame is not None}))
        groups.append(FindingGroup(severity, code, message, frames, len(having)))
    return sorted(groups, key=lambda group: (-group.severity, group.code))


def listed_findings(file: CheckedFile) -> list[tuple[Severity, str, str, str | None]]:
    """Severity, code, message and channel of a file's findings; that it could not be read is one of them."""
    found = [(f.severity, f.code, f.message, f.channel) for f in file.findings]
    if file.fault:
        code, _, message = file.fault.partition(": ")
        found.insert(0, (Severity.ERROR, code, message, None))
    return found
