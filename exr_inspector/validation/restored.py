"""Prepare a stored inspection for validation under another policy, without reading the file.

Rows do not store problems. Header problems are found again from the stored header. Problems that need the chunks are restored
from the stored findings, so that another policy can set another severity; they stay unknown if the chunks were never checked.
"""

from __future__ import annotations

from dataclasses import replace

from exr_inspector.exr.conformance.header import check_header
from exr_inspector.exr.problems import Problem, ProblemKind
from exr_inspector.model import Finding, Inspection
from exr_inspector.validation.facts.provenance import provenance_of
from exr_inspector.validation.policies.policy import Policy
from exr_inspector.validation.registry import RULES

_BY_LEADERS = frozenset({"CHK-GAPS", "CHK-LINEORDER", "CHK-REBUILDABLE", "CHK-PACKED-SIZE", "CHK-DEEP-SIZES"})


def with_problems_restored(inspection: Inspection, policy: Policy) -> Inspection:
    """Return the inspection with its problems restored, without findings, and with its provenance as `policy` maps it."""
    header = inspection.header
    problems = check_header(header, inspection.layouts) if header is not None else ()
    problems += tuple(
        _problem_of(finding, kind)
        for finding in inspection.findings
        if finding.code in _BY_LEADERS and (kind := RULES[finding.code].problem)
    )
    provenance = provenance_of(header, policy.for_path(inspection.path).parameters.attribute_map)
    return replace(inspection, problems=problems, findings=(), provenance=provenance)


def _problem_of(finding: Finding, kind: ProblemKind) -> Problem:
    """The problem of the reader that a stored finding reports."""
    return Problem(
        kind, finding.message, finding.part, finding.offset, finding.found, finding.expected, finding.channel
    )
