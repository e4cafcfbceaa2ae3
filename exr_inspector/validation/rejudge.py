"""Judging again what the catalog holds, without reading the file: the problems that stored rows do not keep are found anew.

Header problems follow from the header. What only a look at the chunks can tell is taken from the findings that were stored
then, so that a policy may weigh it differently now; where that look was never taken, it stays unknown.
"""

from __future__ import annotations

from dataclasses import replace

from exr_inspector.exr.conformance.header import check_header
from exr_inspector.model import Inspection
from exr_inspector.validation.facts.provenance import provenance_of
from exr_inspector.validation.from_problems import problem_of
from exr_inspector.validation.policies.policy import Policy

_BY_LEADERS = frozenset({"CHK-GAPS", "CHK-LINEORDER", "CHK-REBUILDABLE", "CHK-PACKED-SIZE", "CHK-DEEP-SIZES"})


def unjudged(inspection: Inspection, policy: Policy) -> Inspection:
    """A stored inspection as it was before it was judged, with its problems, without findings, its provenance by `policy`."""
    header = inspection.header
    problems = check_header(header, inspection.layouts) if header is not None else ()
    problems += tuple(problem_of(finding) for finding in inspection.findings if finding.code in _BY_LEADERS)
    provenance = provenance_of(header, policy.for_path(inspection.path).parameters.attribute_map)
    return replace(inspection, problems=problems, findings=(), provenance=provenance)
