"""Files that do not belong into a delivery: copies, unfinished writes, files of other kinds. Pure, by their names."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import replace

from exr_inspector.delivery.judgement import CheckedFile
from exr_inspector.delivery.naming import APPLE_DOUBLE
from exr_inspector.storage.sequences import is_apple_double
from exr_inspector.validation import Policy
from exr_inspector.validation.from_problems import stray_finding
from exr_inspector.validation.reports import sort_findings

_UNFINISHED = re.compile(
    r".*\.exr[^a-z0-9].*|.*~|.*\.(?:tmp|temp|part|partial|filepart|crdownload|download|bak|swp|lock)",
    re.IGNORECASE | re.DOTALL,
)
_LEFT_BEHIND = "left by a write that was not finished, or a backup: see whether its frame is complete, then delete it"
_OTHER = "no OpenEXR file: see whether it belongs to the delivery"
_NO_FRAME = "no frame of a sequence, in a folder that has one: see whether it belongs to the delivery"


def files_beside(paths: Iterable[str], policy: Policy) -> Iterator[CheckedFile]:
    """Files that are no OpenEXR files, with what is to be done about each; none that the policy does not report."""
    for path in paths:
        name = path.rpartition("/")[2]
        why = APPLE_DOUBLE if is_apple_double(path) else _LEFT_BEHIND if _UNFINISHED.fullmatch(name) else _OTHER
        finding = stray_finding(policy.for_path(path), why, is_mild=why is _OTHER)
        if finding is not None:
            yield CheckedFile(path, None, (finding,))


def with_stray(file: CheckedFile, why: str, folders: Container[str], policy: Policy) -> CheckedFile:
    """A file that is no frame, and that it is a stray.

    Args:
        file: The file.
        why: What the names beside it say, empty for nothing.
        folders: Folders that hold a sequence: a file in one of them is a stray, too.
        policy: What sets the severity.
    """
    if not why and file.path.rpartition("/")[0] not in folders:
        return file
    finding = stray_finding(policy.for_path(file.path), why or _NO_FRAME, is_mild=not why)
    return file if finding is None else replace(file, findings=sort_findings([*file.findings, finding]))
