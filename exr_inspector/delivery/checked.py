"""Put checked files into their sequence: findings are said once, and are milder for textures and equal views. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from exr_inspector.delivery.sequences import CheckedFile, CheckedSequence
from exr_inspector.model import Finding, Severity, sort_findings
from exr_inspector.validation import RULES

_TEXTURE_INFO = frozenset(code for code, rule in RULES.items() if rule.profiles.get("texture") == "info")
_EQUAL_VIEWS = "VIEW-SAME"
_FLAT_VIEWS = ", as in all frames: flat, at the plane of the screen, or one eye rendered twice?"


def with_files(sequence: CheckedSequence, files: Iterable[CheckedFile]) -> CheckedSequence:
    """Return the sequence with its files.

    Left out are findings that yield to one of the sequence about their frame. Warnings of textures are info if they are in the
    profile for textures, as are those of views that are equal in all frames.
    """
    kept = [_without_superseded(file, sequence.findings) for file in files]
    if sequence.is_texture:
        kept = [_with_info(file, _TEXTURE_INFO) for file in kept]
    are_equal = [_EQUAL_VIEWS in {finding.code for finding in file.findings} for file in kept]
    if sum(are_equal) > 1 and all(is_equal or _is_empty(file) for file, is_equal in zip(kept, are_equal, strict=True)):
        kept = [_with_info(file, {_EQUAL_VIEWS}, _FLAT_VIEWS) for file in kept]
    return replace(sequence, files=tuple(kept))


def _is_empty(file: CheckedFile) -> bool:
    return file.summary is not None and file.summary.pixels is not None and file.summary.pixels.is_empty


def _with_info(file: CheckedFile, codes: Collection[str], more: str = "") -> CheckedFile:
    """The file with its warnings of some rules as info, with more text."""
    every = [
        each._replace(severity=Severity.INFO, message=each.message + more)
        if each.severity is Severity.WARNING and each.code in codes
        else each
        for each in file.findings
    ]
    return replace(file, findings=sort_findings(every))


def _without_superseded(file: CheckedFile, findings: Iterable[Finding]) -> CheckedFile:
    codes = {finding.code for finding in findings if file.frame in finding.frames}
    kept = tuple(
        each
        for each in file.findings
        if each.severity is Severity.ERROR or each.code not in RULES or codes.isdisjoint(RULES[each.code].yields_to)
    )
    return replace(file, findings=kept)
