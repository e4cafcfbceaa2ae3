"""Format findings as JSON, SARIF 2.1.0 and JUnit XML, for programs and build servers. Returns text, writes no file.

SARIF is built here as plain JSON, because no Python library for it had a release in the year before this was written. JUnit XML
is built by junitparser.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import PureWindowsPath
from typing import Any
from urllib.parse import quote

from exr_inspector import __version__
from exr_inspector.documents import json_document
from exr_inspector.model import Finding, Severity
from exr_inspector.texts import LINES, missing_package, name_bytes, visible
from exr_inspector.validation.frame_numbers import FrameNumbers
from exr_inspector.validation.registry import RULES
from exr_inspector.validation.rule import Rule

_SARIF_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_SARIF_LEVELS = {Severity.INFO: "note", Severity.WARNING: "warning", Severity.ERROR: "error"}


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """The result of validating one file or sequence.

    Attributes:
        name: The name that the user gave, or the path.
        findings: Findings, worst first.
        policy: Name and version of the policy.
        fault: Why it could not be read; empty if it was read.
        unchecked: What was not checked, such as pixels outside the sample; empty if everything was.
        is_sequence: Whether this is a sequence of files.
        levels: Severities that the policy sets, by rule code; None for a rule's own.
        parts: The names of its parts, empty for those without one.
    """

    name: str
    findings: tuple[Finding, ...]
    policy: str = ""
    fault: str = ""
    unchecked: str = ""
    is_sequence: bool = False
    levels: Mapping[str, Severity | None] = field(default_factory=dict)
    parts: tuple[str, ...] = ()

    @property
    def worst(self) -> Severity | None:
        """The severity of the worst finding; None without findings."""
        return max((finding.severity for finding in self.findings), default=None)


def where(finding: Finding, parts: Sequence[str] = ()) -> str:
    """The part, by its name too if there are several, and the channel of a finding as text; empty for the whole file."""
    words = [] if finding.part is None else [f"part {finding.part}"]
    if finding.part is not None and 1 < len(parts) > finding.part and parts[finding.part]:
        words.append(f"'{parts[finding.part]}'")
    return " ".join([*words, finding.channel] if finding.channel else words)


def finding_json(finding: Finding) -> dict[str, Any]:
    """Convert a finding to JSON values."""
    return {
        "code": finding.code,
        "severity": finding.severity.label,
        "message": finding.message,
        "part_index": finding.part,
        "channel": finding.channel,
        "found": finding.found,
        "expected": finding.expected,
        "file_offset": finding.offset,
        "frames": FrameNumbers.of(finding.frames).text,
        "frame_count": len(finding.frames),
    }


def json_text(results: Sequence[ValidationResult]) -> str:
    """Format all results as one JSON document."""
    document = [
        {
            "path": result.name,
            "kind": "sequence" if result.is_sequence else "file",
            "policy": result.policy,
            "worst_severity": result.worst.label if result.worst else None,
            "fault": result.fault or None,
            "not_checked": result.unchecked or None,
            "findings": [finding_json(finding) for finding in result.findings],
        }
        for result in results
    ]
    return json_document(document, indent=2)


def _uri(name: str) -> str:
    """The URI of a path or URL for SARIF. Paths and object keys are literal, so `%` and `#` in them are escaped."""
    scheme, mark, rest = name.partition("://")
    if mark:
        return f"{quote(scheme)}://{quote(name_bytes(rest), safe='/')}"
    if name.startswith("/"):
        return f"file://{quote(name_bytes(name), safe='/')}"
    windows = PureWindowsPath(name)  # the name may come from a client on Windows
    if not windows.is_absolute():
        return quote(name_bytes(name), safe="/")
    path = windows.as_posix()
    return f"{'file:' if path.startswith('//') else 'file:///'}{quote(name_bytes(path), safe='/:')}"


def how_to_fix(rule: Rule) -> str:
    """The text that tells how to fix a violation, with the command if there is one."""
    if not rule.command:
        return f"Fix: {rule.fix}"
    is_of_one_part = rule.command.startswith("oiiotool") and " -a " not in rule.command
    parts = " (of a file with several parts, it writes the first one alone)" if is_of_one_part else ""
    return f"Fix: {rule.fix}\nCommand: {rule.command}{parts}"


def _sarif_rule(code: str, level: Severity | None) -> dict[str, Any]:
    rule = RULES.get(code)
    if rule is None:
        return {"id": code}
    return {
        "id": code,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why},
        "help": {"text": f"{how_to_fix(rule)}\nSource: {rule.source}"},
        "defaultConfiguration": {"level": _SARIF_LEVELS[level or rule.severity]},
    }


def _sarif_result(result: ValidationResult, finding: Finding, index: int) -> dict[str, Any]:
    place: dict[str, Any] = {"physicalLocation": {"artifactLocation": {"uri": _uri(result.name)}}}
    if finding.offset is not None:
        place["physicalLocation"]["region"] = {"byteOffset": finding.offset, "byteLength": 1}
    if at := where(finding, result.parts):
        place["logicalLocations"] = [{"fullyQualifiedName": at}]
    return {
        "ruleId": finding.code,
        "ruleIndex": index,
        "level": _SARIF_LEVELS[finding.severity],
        "message": {"text": finding.message},
        "locations": [place],
    }


def sarif_text(results: Sequence[ValidationResult]) -> str:
    """Format all results as a SARIF 2.1.0 log of one run. Rules have the policy's severity, results the finding's."""
    levels = {code: level for result in results for code, level in result.levels.items()}
    codes = sorted({finding.code for result in results for finding in result.findings})
    index = {code: position for position, code in enumerate(codes)}
    faults = [
        {"level": "error", "message": {"text": f"{result.name}: {result.fault}"}} for result in results if result.fault
    ]
    run = {
        "tool": {
            "driver": {
                "name": "exr-inspector",
                "version": __version__,
                "semanticVersion": __version__,
                "rules": [_sarif_rule(code, levels.get(code)) for code in codes],
            }
        },
        "invocations": [{"executionSuccessful": not faults, "toolExecutionNotifications": faults}],
        "results": [
            _sarif_result(result, finding, index[finding.code]) for result in results for finding in result.findings
        ],
    }
    return json_document({"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _xml(text: str) -> str:
    """The text with control characters escaped, which XML does not allow."""
    return visible(text, LINES)


def _text_of(finding: Finding, parts: Sequence[str]) -> str:
    at = where(finding, parts)
    return _xml(f"{finding.code} {at}: {finding.message}" if at else f"{finding.code}: {finding.message}")


def _failure(junit: Any, finding: Finding, parts: Sequence[str]) -> Any:
    failure = junit.Failure(_text_of(finding, parts), finding.code)
    if rule := RULES.get(finding.code):
        failure.text = f"{rule.title}. {rule.why}\n{how_to_fix(rule)}"
    return failure


def junit_text(results: Sequence[ValidationResult], fail_on: Severity | None) -> str:
    """Format all results as JUnit XML, one test case for each result.

    Findings of severity `fail_on` or worse are failures (None: no finding is); all others are the output of the case.

    Raises:
        SettingsError: junitparser is not installed.
    """
    try:
        junit: Any = import_module("junitparser")
    except ModuleNotFoundError as error:
        raise missing_package("JUnit XML", "junitparser", "report") from error
    suite = junit.TestSuite("exr-inspector")
    for result in results:
        case = junit.TestCase(_xml(result.name), classname=_xml(result.policy) or "exr-inspector")
        failing = [f for f in result.findings if fail_on is not None and f.severity >= fail_on]
        case.result = [_failure(junit, finding, result.parts) for finding in failing]
        if result.fault:
            case.result = [*case.result, junit.Error(_xml(result.fault), "fault")]
        milder = [finding for finding in result.findings if finding not in failing]
        if milder:
            case.system_out = "\n".join(
                f"{finding.severity.label} {_text_of(finding, result.parts)}" for finding in milder
            )
        suite.add_testcase(case)
    document = junit.JUnitXml()
    document.add_testsuite(suite)
    text: bytes = document.tostring()
    return text.decode()
