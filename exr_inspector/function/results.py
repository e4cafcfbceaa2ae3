"""The results of the function: small mappings that a chained function accepts as input. All functions here are pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from exr_inspector.catalog import Outcome, UpsertResult
from exr_inspector.model import Inspection, Severity, Status

# Bytes of JSON as `json.dumps` writes it, including escapes. An Event Broker accepts 126 KB; results stay far below.
MAX_RESULT_BYTES = 16_000
_STATUS_WORST_FIRST = ("failed", "inspected", "removed", "swept", "unchanged", "skipped")
_SEVERITY_WORST_FIRST = tuple(severity.label for severity in reversed(Severity))
_LISTED = ("status", "path", "worst_severity", "message")

Result = dict[str, Any]


def stored_result(inspection: Inspection, stored: UpsertResult) -> Result:
    """Return the result of an inspected object."""
    worst = inspection.worst_severity
    changed = stored.outcome.changed
    failed = inspection.status is Status.FAILED
    return {
        "status": "unchanged" if not changed else "failed" if failed else "inspected",
        "outcome": stored.outcome.value,
        "path": inspection.path,
        "bucket": inspection.bucket,
        "key": inspection.key,
        "file_id": stored.file_id,
        "content_key": stored.content_key,
        "error_code": inspection.error_code,
        "parts": len(inspection.header.parts) if inspection.header else 0,
        "channels": sum(len(names.channels) for names in inspection.names),
        "is_complete": inspection.is_complete,
        "findings": len(inspection.findings),
        "worst_severity": worst.label if worst else None,
    }


def removed_result(removed: UpsertResult) -> Result:
    """Return the result of a deleted object; `unchanged` if a newer version is stored and nothing was removed."""
    return {
        "status": "unchanged" if removed.outcome is Outcome.IGNORED_OLDER else "removed",
        "outcome": removed.outcome.value,
        "path": removed.path,
        "file_id": removed.file_id,
        "rows": removed.rows,
    }


def combined(results: Sequence[Result]) -> Result:
    """Return the result of one event: that of its only object, or a summary of several.

    The summary lists as many objects as MAX_RESULT_BYTES allows. `count` is the number of objects; `is_complete_list`
    is true if `files` lists all of them.
    """
    if len(results) == 1:
        return results[0]
    severities = {result.get("worst_severity") for result in results}
    statuses = {result["status"] for result in results}
    summary: Result = {
        "status": next((word for word in _STATUS_WORST_FIRST if word in statuses), "skipped"),
        "count": len(results),
        "worst_severity": next((label for label in _SEVERITY_WORST_FIRST if label in severities), None),
        "is_complete_list": True,
        "files": [],
    }
    left = MAX_RESULT_BYTES - len(json.dumps(summary))
    for result in results:
        listed = {name: result[name] for name in _LISTED if result.get(name) is not None}
        left -= len(json.dumps(listed)) + 2
        if left < 0:
            summary["is_complete_list"] = False
            break
        summary["files"].append(listed)
    return summary
