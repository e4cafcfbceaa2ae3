"""Counts of inspected and stored files, and of errors by code."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from exr_inspector.exr.header.values import Compression, code_name
from exr_inspector.model import Inspection, Severity, Status

MAX_EXAMPLES = 12  # number of objects with errors that are listed; further ones are only counted


@dataclass(slots=True)
class Figures:
    """Counts of inspected and stored files; `merge` adds the figures of several shards.

    Attributes:
        skipped: Files whose rows are up to date.
        inspected: Inspections made.
        stored: Inspections whose rows were stored and whose objects were checked afterwards.
        failed: Inspections with status failed.
        errors: Number of objects that must be tried again, by error code.
        examples: The first of these objects: error code, path, message.
        left: Keys of the objects of one shard that are not stored; not merged.
        gone: Keys of the objects of one shard that were deleted after they were listed; not merged.
        object_bytes: Total size of the inspected objects.
        bytes_read: Bytes read from them.
        requests: Requests made to read them.
        by_status: Files by status or error code.
        by_compression: Files by compression of the first part.
        by_resolution: Files by width and height of the first part.
        by_finding: Findings by severity and code.
    """

    skipped: int = 0
    inspected: int = 0
    stored: int = 0
    failed: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    examples: list[tuple[str, str, str]] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    object_bytes: int = 0
    bytes_read: int = 0
    requests: int = 0
    by_status: Counter[str] = field(default_factory=Counter)
    by_compression: Counter[str] = field(default_factory=Counter)
    by_resolution: Counter[str] = field(default_factory=Counter)
    by_finding: Counter[tuple[Severity, str]] = field(default_factory=Counter)

    def add(self, inspection: Inspection) -> None:
        """Count one inspection."""
        layout = inspection.layouts[0] if inspection.layouts else None
        self.inspected += 1
        self.failed += inspection.status is Status.FAILED
        self.object_bytes += inspection.version.size_bytes if inspection.version else 0
        self.bytes_read += inspection.cost.bytes_read
        self.requests += inspection.cost.requests
        self.by_status[inspection.error_code or inspection.status.value] += 1
        if layout is not None:
            self.by_compression[code_name(Compression, layout.compression)] += 1
            self.by_resolution[f"{layout.data_window.width} x {layout.data_window.height}"] += 1
        self.by_finding.update((finding.severity, finding.code) for finding in inspection.findings)

    def add_error(self, code: str, path: str, message: str) -> None:
        """Count an object that must be tried again."""
        self.errors[code] += 1
        if len(self.examples) < MAX_EXAMPLES:
            self.examples.append((code, path, message))

    def merge(self, other: Figures) -> None:
        """Add the figures of another shard."""
        for name in ("skipped", "inspected", "stored", "failed", "object_bytes", "bytes_read", "requests"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("errors", "by_status", "by_compression", "by_resolution", "by_finding"):
            getattr(self, name).update(getattr(other, name))
        self.examples.extend(other.examples[: MAX_EXAMPLES - len(self.examples)])
