"""Convert the problems that the reader reports, and the error that stopped it, to findings."""

from __future__ import annotations

from exr_inspector.errors import fault_text
from exr_inspector.exr.problems import Problem, ProblemKind
from exr_inspector.model import Finding, Inspection, Severity
from exr_inspector.validation.policies.policy import ResolvedPolicy
from exr_inspector.validation.registry import RULES

# error code -> rule. Errors of a source (access denied, deleted) are not defects of the file and have no rule.
_RULE_OF_ERROR = {
    "EXR_EMPTY": "STR-MAGIC",
    "EXR_MAGIC": "STR-MAGIC",
    "EXR_VERSION": "STR-VERSION",
    "EXR_HEADER_TRUNCATED": "STR-HDR-END",
    "EXR_HEADER_DAMAGED": "STR-HDR-END",
    "EXR_DAMAGED": "STR-HDR-END",
    "EXR_LAYOUT": "STR-REQ-MISSING",
    "EXR_DECODE": "CHK-DECODE",
    "DECODER_CRASHED": "CHK-DECODE",
    "LIMIT_EXCEEDED": "STR-LIMIT",
}
_RULE_OF_KIND = {rule.problem: code for code, rule in RULES.items() if rule.problem is not None}


def rule_of(kind: ProblemKind) -> str:
    """The code of the rule that a problem of this kind violates."""
    return _RULE_OF_KIND[kind]


def severity_of_problem(policy: ResolvedPolicy, code: str, *, is_fatal: bool, is_mild: bool) -> Severity | None:
    """The severity of a reported problem; None if the policy turns the rule off.

    Args:
        policy: Its severity takes precedence.
        code: The rule.
        is_fatal: Whether the OpenEXR library cannot open the file, which is an error.
        is_mild: Whether this is the harmless variant, which is one degree lower.
    """
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


def _finding(problem: Problem, code: str, severity: Severity) -> Finding:
    return Finding(
        code,
        severity,
        fault_text(problem.message, None, problem.found, problem.expected),
        problem.part,
        problem.channel,
        problem.found,
        problem.expected,
        problem.offset,
    )


def problem_findings(inspection: Inspection, policy: ResolvedPolicy) -> list[Finding]:
    """Convert the inspection's problems to findings."""
    found = []
    for problem in inspection.problems:
        code = rule_of(problem.kind)
        severity = severity_of_problem(policy, code, is_fatal=problem.fatal, is_mild=problem.mild)
        if severity is not None:
            found.append(_finding(problem, code, severity))
    return found


def failure_finding(inspection: Inspection, policy: ResolvedPolicy) -> Finding | None:
    """Convert the error that ended the inspection to a finding of the violated rule; None if the file is not the cause."""
    if inspection.stopped:  # at a limit of this installation
        return None
    error = inspection.error_code or ""
    code = _RULE_OF_ERROR.get(error, error)
    if code not in RULES:
        return None
    severity = severity_of_problem(policy, code, is_fatal=True, is_mild=False)
    if severity is None:
        return None
    return Finding(code, severity, inspection.error_message or error, found=error)
