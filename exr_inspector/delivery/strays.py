"""Find files that do not belong to a delivery, by their names: copies, unfinished writes, other formats. Pure."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from exr_inspector.delivery.image_names import image_of, is_animated
from exr_inspector.delivery.naming import APPLE_DOUBLE, Recognised
from exr_inspector.delivery.sequences import CheckedFile
from exr_inspector.model import Finding, sort_findings
from exr_inspector.storage.sequences import is_apple_double
from exr_inspector.validation import Policy
from exr_inspector.validation.facts.sequences import sibling_name
from exr_inspector.validation.from_problems import severity_of_problem

_MARKS = "tmp|temp|part|partial|filepart|crdownload|download|bak|swp|lock"
_MARKS_OF_FRAME = (
    f"{_MARKS}|old|orig|original|backup|save|sav|prev|new|copy|swo|lck|incomplete|unfinished|writing|uploading"
)
# Any other name behind `.exr` is that of a checksum, a description or a picture of the frame: `beauty.1001.exr.aux.xml`.
_UNFINISHED = re.compile(
    rf".*~|.*\.(?:{_MARKS})"
    rf"|.*\.exr[\W_](?:(?:.*[\W_])?(?:{_MARKS_OF_FRAME}))?[\W\d_]*"  # also numbers: `.exr.1`, `.exr copy (2)`
    r"|\..*\.exr\.[a-z0-9]{6}"  # rsync
    r"|.*\.exr\.(?-i:(?=.*[A-Z])(?=.*[a-z])(?=.*\d[A-Za-z])[A-Za-z0-9]{6,8})",  # random, as of mkstemp and s3transfer
    re.IGNORECASE | re.DOTALL,
)
_CATALOG = re.compile(r".*\.duckdb(?:\.wal|\.lock)?")  # of `--catalog`, which may lie in the folder that it describes
_S3 = "s3://"
_FEWEST = 3  # sequences with fewer frames are no evidence of their AOVs
_LEFT_BEHIND = "a backup or an unfinished write: check that its frame is complete, then delete it"
_OTHER = "not read, since its name does not end in .exr: check whether it belongs to the delivery"
_NO_FRAME = "not a frame, in a folder that holds a sequence: check whether it belongs to the delivery"


def files_beside(paths: Iterable[str], policy: Policy) -> Iterator[CheckedFile]:
    """Yield the files that are not OpenEXR files, each with its finding.

    Left out are catalogs, the policy itself, and files that it does not report.
    """
    own = Path(policy.origin)
    for path in paths:
        name = path.rpartition("/")[2]
        if _CATALOG.fullmatch(name) or (name == own.name and Path(path).resolve() == own.resolve()):
            continue
        why = APPLE_DOUBLE if is_apple_double(path) else _LEFT_BEHIND if _UNFINISHED.fullmatch(name) else _OTHER
        finding = _finding(policy, path, why, is_mild=why is _OTHER)
        if finding is not None:
            yield CheckedFile(path, None, (finding,))


def _finding(policy: Policy, path: str, message: str, *, is_mild: bool) -> Finding | None:
    """The finding of a file that does not belong to a delivery; None if the policy turns the rule off."""
    place = path.removeprefix(_S3) if path.startswith(_S3) else f"file:{Path(path).absolute()}"
    severity = severity_of_problem(policy.for_path(place), "SEQ-STRAY", is_fatal=False, is_mild=is_mild)
    return None if severity is None else Finding("SEQ-STRAY", severity, message)


def with_stray(file: CheckedFile, why: str, folders: Container[str], policy: Policy) -> CheckedFile:
    """Return a file that is not a frame, with a finding if it does not belong to the delivery.

    Args:
        file: The file.
        why: The reason by its name and the other names; empty without one.
        folders: Folders that hold a sequence: other files in them get a finding, too.
        policy: Sets the severity.
    """
    if not why and file.path.rpartition("/")[0] not in folders:
        return file
    finding = _finding(policy, file.path, why or _NO_FRAME, is_mild=not why)
    return file if finding is None else replace(file, findings=sort_findings([*file.findings, finding]))


def overwritten_aovs(singles: Iterable[str], sequences: Iterable[Recognised]) -> dict[str, str]:
    """The files without a frame number that are AOVs of a sequence's image, with the reason.

    >>> from exr_inspector.delivery.naming import recognise
    >>> beauty = recognise(f"a/sh_beauty.{n}.exr" for n in range(1001, 1006)).sequences
    >>> list(overwritten_aovs(["a/sh_crypto.exr", "a/sh_uv.exr", "a/other_crypto.exr"], beauty))
    ['a/sh_crypto.exr']
    """
    images = {
        re.sub(r"[._ -]?#", "", image_of(sequence.pattern)): sequence
        for sequence in sequences
        if len(sequence.frames) >= _FEWEST and not sequence.is_udim
    }
    found: dict[str, str] = {}
    for path in singles:
        other = images.get(image_of(path)) if is_animated(path) else None
        if other is not None:
            found[path] = (
                f"an AOV without a frame number beside the {len(other.frames)} frames of "
                f"{sibling_name(path, other.pattern)}: probably every frame was written to this name, and the last one is left"
            )
    return found
