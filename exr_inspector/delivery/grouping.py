"""Group the findings of a delivery by kind, each with its frames, for output that people read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple

from exr_inspector.delivery.sequences import CheckedFile
from exr_inspector.model import Finding, Severity
from exr_inspector.validation.rule import counted, listed

# Quoted texts, words with digits, and bytes in hexadecimal (some have no digit), alone or in lists.
_FIGURE = r"""(?:'[^']*'|"[^"]*"|\b\w*\d\w*|\b[a-f]{2}\b)"""
_VARYING = re.compile(rf"{_FIGURE}(?:[\s,.x+-]*{_FIGURE})*")
# Red, green and blue of one layer, alone or in lists: `diffuse.B, diffuse.G`, `B = 0, G = 0` (with figures as 0).
_COLOURS = re.compile(r"(?<![\w.-])((?:[\w.-]+\.)?)[RGBrgb](?:(?:[\s,=0]|and)+\1[RGBrgb])*(?![\w.])")
# Words that depend on the number of channels: `R holds 5 NaN`, `G, R hold 5 NaN, first in R`.
_AGREEING = re.compile(r"\b(?:holds?|is|are|has|have)\b| in (?:[\w.-]+\.)?RGB\b")
_COMPARED_CHARACTERS = 400  # of a message: its own words come before long values from the file
_MOST_GROUPS = 6  # of a rule
_ATTRIBUTE = re.compile(r"\bAttribute \S+")
_Rule = tuple[Severity, str, str]


class _Said(NamedTuple):
    """A finding in a file.

    Attributes:
        message: Its message.
        file: Its file.
        part: Its part.
        channel: Its channel.
        kind: The kind of its message.
        number: Its number among the findings of this kind in this part and channel of the file.
        extent: The magnitude of the value that was found; 0 if it is no number.
    """

    message: str
    file: CheckedFile
    part: int | None
    channel: str | None
    kind: str
    number: int
    extent: float

    @property
    def place(self) -> str:
        """The frame, or the name of a file that is none."""
        return self.file.path.rpartition("/")[2] if self.file.frame is None else f"frame {self.file.frame}"


@dataclass(frozen=True, slots=True)
class FindingGroup:
    """One kind of finding.

    Attributes:
        severity: Its severity.
        code: Code of the rule, or of the error that prevented reading the file.
        message: The message of the sequence, or of the file in which the largest value was found, else of the first file.
        frames: Frames that have it, in ascending order; empty if it concerns no frames in particular.
        files: Number of files that have it; 0 for a finding of the sequence.
        most: The largest number of such findings in one file.
        place: The frame or file of the message, if the files have different messages; otherwise empty.
        channels: The channels of all its findings that the message does not name.
    """

    severity: Severity
    code: str
    message: str
    frames: Sequence[int]
    files: int = 0
    most: int = 1
    place: str = ""
    channels: Sequence[str] = ()

    @property
    def text(self) -> str:
        """The message. If the group has other ones, it says where this one is from."""
        where = []
        more, unit = (len(self.frames) - 1, "frame") if self.frames else (self.files - 1, "file")
        if self.place and more > 0:
            where.append(f"{self.place}; similar in {counted(more, f'other {unit}')}")
        if self.channels:
            where.append(f"also in {listed(self.channels)}")
        elif self.most > 1:
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
    """Group the findings of files by severity, rule, layer, part and kind of message, and add those of their sequence.

    The worst are first. R, G and B of a layer are one kind, and the message is that with the largest value.
    Several findings of one kind in a file are in different groups, so that each is listed, and so are attributes that a policy
    requires. If a rule has more than `_MOST_GROUPS` groups, its findings are grouped by kind of message alone; if these are
    still too many, because each frame may have a message of its own, they are one group.
    """
    groups = [FindingGroup(f.severity, f.code, f.message, f.frames) for f in findings]
    rules: dict[_Rule, list[_Said]] = {}
    for file in files:
        seen: Counter[object] = Counter()
        for found in _with_parts(file):
            rule, kind = (found.severity, found.code, _subject(found)), _kind(found.message, file.path)
            place = rule, found.part, found.channel, kind
            said = _Said(found.message, file, found.part, found.channel, kind, seen[place], _extent(found.found))
            rules.setdefault(rule, []).append(said)
            seen[place] += 1
    for (severity, code, _), every in rules.items():
        groups += [_group(severity, code, said) for said in _divided(every)]
    return sorted(groups, key=lambda group: (-group.severity, group.code))


def _group(severity: Severity, code: str, said: Sequence[_Said]) -> FindingGroup:
    frames = tuple(sorted({one.file.frame for one in said if one.file.frame is not None}))
    counts = Counter(id(one.file) for one in said)
    example = max(said, key=attrgetter("extent"))
    place = example.place if len({one.message for one in said}) > 1 else ""
    words = set(re.split(r"[\s,:]+", example.message))
    channels = {one.channel for one in said if one.channel is not None}
    words |= {channel for channel in channels if " " in channel and channel in example.message}
    others = sorted(channels - words) if place and len(channels) > 1 else ()
    return FindingGroup(severity, code, example.message, frames, len(counts), max(counts.values()), place, others)


def _extent(found: str) -> float:
    """The magnitude of a value; 0 if it is no number."""
    try:
        return abs(float(found)) if found else 0.0
    except ValueError:
        return 0.0


def _subject(found: Finding) -> str:
    """The name of a finding's channel, equal for R, G and B of one layer, or the attribute that the show requires."""
    if found.code == "SHOW-ATTRIBUTE" and (attribute := _ATTRIBUTE.search(found.message)):
        return attribute[0]
    return _COLOURS.sub(r"\1RGB", found.channel or "")


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
    """The message without what differs from file to file: the file's name, quoted texts, numbers, which of R, G and B."""
    name = path.rpartition("/")[2]
    words = " ".join(word for word in message[:_COMPARED_CHARACTERS].split(" ") if name not in word)
    return _AGREEING.sub("", _COLOURS.sub(r"\1RGB", _VARYING.sub("0", words)))


def listed_findings(file: CheckedFile) -> list[tuple[Severity, str, str]]:
    """Severity, code and message of a file's findings. A read error is listed first, as an error."""
    return [(found.severity, found.code, found.message) for found in _with_parts(file)]


def _with_parts(file: CheckedFile) -> list[Finding]:
    """A file's findings, and the error that prevented reading it; messages name the part if the file has several."""
    found = [each._replace(message=_in_part(file, each)) for each in file.findings]
    if file.fault:
        code, _, message = file.fault.partition(": ")
        found.insert(0, Finding(code, Severity.ERROR, message))
    return found


def _in_part(file: CheckedFile, finding: Finding) -> str:
    if finding.part is None or finding.part >= len(file.parts) or len(file.parts) < 2:
        return finding.message
    name = file.parts[finding.part]
    return f"part {finding.part} '{name}': {finding.message}" if name else f"part {finding.part}: {finding.message}"
