"""Group the findings of a delivery by kind, each with its frames, for output that people read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple

from exr_inspector.delivery.judgement import CheckedFile
from exr_inspector.model import Finding, Severity

# Quoted texts, words with digits, and bytes in hexadecimal (some have no digit), alone or in lists.
_FIGURE = r"""(?:'[^']*'|"[^"]*"|\b\w*\d\w*|\b[a-f]{2}\b)"""
_VARYING = re.compile(rf"{_FIGURE}(?:[\s,.x+-]*{_FIGURE})*")
_COMPARED_CHARACTERS = 400  # of a message: its own words come before long values from the file
_MOST_GROUPS = 6  # of a rule
_Rule = tuple[Severity, str, str | None]
_Place = tuple[_Rule, tuple[int | None, str]]


class _Said(NamedTuple):
    """A finding: its message, its file, its part, the kind of its message, and its number among those of this kind there."""

    message: str
    file: CheckedFile
    part: int | None
    kind: str
    number: int


@dataclass(frozen=True, slots=True)
class FindingGroup:
    """One kind of finding.

    Attributes:
        severity: Its severity.
        code: Code of the rule, or of the error that prevented reading the file.
        message: The message of the sequence, or of the first file that has the finding.
        frames: Frames that have it, in ascending order; empty if it concerns no frames in particular.
        files: Number of files that have it; 0 for a finding of the sequence.
        most: The largest number of such findings in one file.
        varies: Whether the files have different messages.
    """

    severity: Severity
    code: str
    message: str
    frames: Sequence[int]
    files: int = 0
    most: int = 1
    varies: bool = False

    @property
    def text(self) -> str:
        """The message. If the group has other ones, it is the first one, and says so."""
        where = []
        count, unit = (len(self.frames), "frames") if self.frames else (self.files, "files")
        if self.varies and count > 1:
            where.append(f"in the first of {count} {unit}, similar in the others")
        if self.most > 1:
            where.append(f"the first of {self.most} in a file")
        return f"{self.message} ({'; '.join(where)})" if where else self.message


def group_strays(files: Iterable[CheckedFile]) -> list[list[CheckedFile]]:
    """Group the files of a folder that do not belong to the delivery, if their findings are of the same kinds.

    Each other file is alone, and so are those of severity info: other images beside a sequence.
    """
    groups: dict[object, list[CheckedFile]] = {}
    for file in files:
        found = {finding.code for finding in file.findings if finding.severity > Severity.INFO}
        is_stray = "SEQ-STRAY" in found and not file.fault
        kinds = tuple((finding.severity, finding.code, _kind(finding.message, file.path)) for finding in file.findings)
        groups.setdefault((file.path.rpartition("/")[0], kinds) if is_stray else file.path, []).append(file)
    return list(groups.values())


def group_findings(files: Iterable[CheckedFile], findings: Iterable[Finding]) -> list[FindingGroup]:
    """Group the findings of files by severity, rule, channel, part and kind of message, and add those of their sequence.

    The worst are first.
    Several findings of one kind in a file are in different groups, so that each is listed. If a rule has more than
    `_MOST_GROUPS` groups, its findings are grouped by kind of message alone; if these are still too many, because each frame
    may have a message of its own, they are one group.
    """
    groups = [FindingGroup(f.severity, f.code, f.message, f.frames) for f in findings]
    rules: dict[_Rule, list[_Said]] = {}
    for file in files:
        seen: Counter[_Place] = Counter()
        for severity, code, message, part, channel in _with_parts(file):
            rule, place = (severity, code, channel), (part, _kind(message, file.path))
            rules.setdefault(rule, []).append(_Said(message, file, *place, seen[rule, place]))
            seen[rule, place] += 1
    for (severity, code, _), every in rules.items():
        for said in _divided(every):
            frames = tuple(sorted({one.file.frame for one in said if one.file.frame is not None}))
            counts = Counter(id(one.file) for one in said)
            varies = len({one.message for one in said}) > 1
            most = max(counts.values())
            groups.append(FindingGroup(severity, code, said[0].message, frames, len(counts), most, varies))
    return sorted(groups, key=lambda group: (-group.severity, group.code))


def _divided(every: Sequence[_Said]) -> list[list[_Said]]:
    """The findings of a rule in groups; see `group_findings`."""
    for key in (attrgetter("part", "kind", "number"), attrgetter("kind")):
        found: dict[object, list[_Said]] = {}
        for one in every:
            found.setdefault(key(one), []).append(one)
        if len(found) <= _MOST_GROUPS:
            return [*found.values()]
    return [[*every]]


def _kind(message: str, path: str) -> str:
    """The message without the parts that differ from file to file: the file's name, quoted texts and numbers."""
    name = path.rpartition("/")[2]
    return _VARYING.sub("0", " ".join(word for word in message[:_COMPARED_CHARACTERS].split(" ") if name not in word))


def listed_findings(file: CheckedFile) -> list[tuple[Severity, str, str]]:
    """Severity, code and message of a file's findings. A read error is listed first, as an error."""
    return [(severity, code, message) for severity, code, message, *_ in _with_parts(file)]


def _with_parts(file: CheckedFile) -> list[tuple[Severity, str, str, int | None, str | None]]:
    """Severity, code, message, part and channel of a file's findings; messages name the part if the file has several."""
    found = [(f.severity, f.code, _in_part(file, f), f.part, f.channel) for f in file.findings]
    if file.fault:
        code, _, message = file.fault.partition(": ")
        found.insert(0, (Severity.ERROR, code, message, None, None))
    return found


def _in_part(file: CheckedFile, finding: Finding) -> str:
    if finding.part is None or finding.part >= len(file.parts) or len(file.parts) < 2:
        return finding.message
    name = file.parts[finding.part]
    return f"part {finding.part} '{name}': {finding.message}" if name else f"part {finding.part}: {finding.message}"
