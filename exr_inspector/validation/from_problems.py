"""What the format itself reports, as findings: problems of header and chunks, and the error that stopped a reader."""

from __future__ import annotations

from exr_inspector.exr.problems import Problem, ProblemKind
from exr_inspector.model import Finding, Inspection, Severity
from exr_inspector.validation.policies.policy import ResolvedPolicy
from exr_inspector.validation.registry import RULES

# error code -> rule. Errors of a source (denied, gone) say nothing of the file and become no finding.
_RULE_OF_ERROR = {
    "EXR_EMPTY": "STR-MAGIC",
    "EXR_MAGIC": "STR-MAGIC",
    "EXR_VERSION": "STR-VERSION",
    "EXR_HEADER_TRUNCATED": "STR-HDR-END",
    "EXR_HEADER_DAMAGED": "STR-HDR-END",
    "EXR_DAMAGED": "STR-HDR-END",
    "EXR_LAYOUT": "STR-REQ-MISSING",
    "EXR_DECODE": "CHK-DECODE",
    "LIMIT_EXCEEDED": "STR-LIMIT",
}
# kind of problem -> rule.
_RULE_OF_KIND = {
    ProblemKind.DUPLICATE_ATTRIBUTE: "STR-ATTR-DUP",
    ProblemKind.MALFORMED_VALUE: "STR-ATTR-SIZE",
    ProblemKind.UNKNOWN_ATTRIBUTE_TYPE: "STR-ATTR-UNKNOWN",
    ProblemKind.CHANNEL_COUNT: "STR-CHAN-COUNT",
    ProblemKind.DUPLICATE_CHANNEL: "STR-CHAN-DUP",
    ProblemKind.CHANNEL_ORDER: "STR-CHAN-ORDER",
    ProblemKind.CHANNEL_SAMPLING: "STR-CHAN-SAMPLING",
    ProblemKind.WRONG_CHUNK_COUNT: "STR-CHUNKCOUNT",
    ProblemKind.MISSING_CHUNK_COUNT: "STR-CHUNKCOUNT-MISSING",
    ProblemKind.DEEP_FLAG: "STR-DEEP-FLAG",
    ProblemKind.DEEP_VERSION: "STR-DEEP-VERSION",
    ProblemKind.DEPRECATED_ATTRIBUTE: "STR-DEPRECATED",
    ProblemKind.UNKNOWN_COMPRESSION: "STR-ENUM-COMPRESSION",
    ProblemKind.UNKNOWN_LINE_ORDER: "STR-ENUM-LINEORDER",
    ProblemKind.UNKNOWN_CODE: "STR-ENUM-OTHER",
    ProblemKind.EXTRA_CHANNEL_LIST: "STR-EXTRA-CHLIST",
    ProblemKind.CONTRADICTORY_FLAGS: "STR-FLAGS-COMBO",
    ProblemKind.LARGE_HEADER: "STR-HEADER-BIG",
    ProblemKind.LONG_NAMES_FLAG: "STR-LONGFLAG-MISSING",
    ProblemKind.NAME_LENGTH: "STR-NAME-LEN",
    ProblemKind.MULTI_PART_FLAG: "STR-ONEPART-MULTI",
    ProblemKind.PART_NAME: "STR-PART-NAME",
    ProblemKind.UNKNOWN_PIXEL_TYPE: "STR-PIXTYPE",
    ProblemKind.CHANNEL_FLAGS: "STR-PLINEAR",
    ProblemKind.PREVIEW: "STR-PREVIEW",
    ProblemKind.MISSING_ATTRIBUTE: "STR-REQ-MISSING",
    ProblemKind.WRONG_ATTRIBUTE_TYPE: "STR-REQ-TYPE",
    ProblemKind.SHARED_ATTRIBUTES: "STR-SHARED-ATTRS",
    ProblemKind.SHARED_TIME_CODE: "STR-SHARED-TIMECODE",
    ProblemKind.EMPTY_STRING: "STR-STRING-EMPTY",
    ProblemKind.NOT_UTF8: "STR-STRING-UTF8",
    ProblemKind.PART_TYPE_MISMATCH: "STR-TYPE-MISMATCH",
    ProblemKind.MISSING_PART_TYPE: "STR-TYPE-REQUIRED",
    ProblemKind.UNKNOWN_PART_TYPE: "STR-TYPE-UNKNOWN",
    ProblemKind.DEEP_CHUNK_SIZES: "CHK-DEEP-SIZES",
    ProblemKind.UNREFERENCED_BYTES: "CHK-GAPS",
    ProblemKind.WRONG_LEADER: "CHK-LEADER",
    ProblemKind.CHUNK_ORDER: "CHK-LINEORDER",
    ProblemKind.OVERLAPPING_CHUNK: "CHK-OFFSET-DUP",
    ProblemKind.CHUNK_SIZE: "CHK-PACKED-SIZE",
    ProblemKind.CHUNK_PAST_END: "CHK-PAST-EOF",
    ProblemKind.TABLE_REBUILT: "CHK-REBUILDABLE",
    ProblemKind.TOO_MANY_CHUNKS: "CHK-TABLE-TOO-BIG",
    ProblemKind.DEEP_COMPRESSION: "CMP-DEEP-CODEC",
    ProblemKind.TILE_DESCRIPTION: "TIL-DESC",
    ProblemKind.INVALID_WINDOW: "WIN-INVALID",
    ProblemKind.PIXEL_ASPECT_RATIO: "WIN-PAR-RANGE",
    ProblemKind.SCREEN_WINDOW: "WIN-SCREEN",
}
_KIND_OF_RULE = {code: kind for kind, code in _RULE_OF_KIND.items()}


def rule_of(kind: ProblemKind) -> str:
    """Code of the rule that a problem of this kind breaks."""
    return _RULE_OF_KIND[kind]


def problem_of(finding: Finding) -> Problem:
    """The problem that a stored finding reports.

    Raises:
        KeyError: If no problem is reported under its code.
    """
    return Problem(
        _KIND_OF_RULE[finding.code],
        finding.message,
        finding.part,
        finding.offset,
        finding.found,
        finding.expected,
        finding.channel,
    )


def _severity(policy: ResolvedPolicy, code: str, *, is_fatal: bool, is_mild: bool) -> Severity | None:
    """How severe a report is: an error where the library cannot open the file, a degree lower in the harmless variant."""
    rule = RULES.get(code)
    if rule is not None and code not in policy.levels:
        return None
    forced = policy.levels.get(code)
    if forced is not None:
        return forced
    if is_fatal:
        return Severity.ERROR
    own = rule.severity if rule is not None else Severity.WARNING
    return Severity(max(Severity.INFO, own - 1)) if is_mild else own


def _version(code: str) -> int:
    """The rule's version; 1 for a report whose code is newer than this package."""
    rule = RULES.get(code)
    return rule.version if rule is not None else 1


def _finding(problem: Problem, code: str, severity: Severity) -> Finding:
    message = problem.message
    if problem.found:
        message += f": found {problem.found}"
    if problem.expected:
        message += f", expected {problem.expected}" if problem.found else f": expected {problem.expected}"
    return Finding(
        code,
        severity,
        message,
        problem.part,
        problem.channel,
        problem.found,
        problem.expected,
        problem.offset,
        _version(code),
    )


def problem_findings(inspection: Inspection, policy: ResolvedPolicy) -> list[Finding]:
    """The inspection's problems as findings."""
    found = []
    for problem in inspection.problems:
        code = rule_of(problem.kind)
        severity = _severity(policy, code, is_fatal=problem.fatal, is_mild=problem.mild)
        if severity is not None:
            found.append(_finding(problem, code, severity))
    return found


def failure_finding(inspection: Inspection, policy: ResolvedPolicy) -> Finding | None:
    """The error that ended the inspection, as a finding of the rule it breaks; None for errors that are not the file's."""
    error = inspection.error_code or ""
    code = _RULE_OF_ERROR.get(error, error)
    if code not in RULES:
        return None
    severity = _severity(policy, code, is_fatal=True, is_mild=False)
    if severity is None:
        return None
    return Finding(code, severity, inspection.error_message or error, found=error, rule_version=RULES[code].version)
