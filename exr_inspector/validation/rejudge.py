"""Judging again what the catalog holds, without reading the file: the problems that stored rows do not keep are found anew.

Header problems follow from the header. What only a look at the chunks can tell is taken from the findings that were stored
then, so that a policy may weigh it differently now; where that look was never taken, it stays unknown.
"""

from __future__ import annotations

from dataclasses import replace

from exr_inspector.exr.conformance.header import check_header
from exr_inspector.exr.problems import Problem
from exr_inspector.model import Finding, Inspection

_BY_LEADERS = frozenset({"CHK-GAPS", "CHK-LINEORDER", "CHK-REBUILDABLE", "CHK-PACKED-SIZE", "CHK-DEEP-SIZES"})


def _problem(finding: Finding) -> Problem:
    return Problem(
        finding.code,
        finding.message,
        finding.part,
        finding.offset,
        finding.found,
        finding.expected,
        finding.channel,
    )


def with_problems(inspection: Inspection) -> Inspection:
    """A stored inspection as it was before it was judged: with its problems and without findings."""
    header = inspection.header
    problems = check_header(header, inspection.layouts) if header is not None else ()
    problems += tuple(_problem(finding) for finding in inspection.findings if finding.code in _BY_LEADERS)
    return replace(inspection, problems=problems, findings=())
