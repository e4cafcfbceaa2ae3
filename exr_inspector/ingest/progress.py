"""What an ingest run has done so far, as figures for whoever watches it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from exr_inspector.exr.header.values import Compression, code_name
from exr_inspector.model import Inspection, Status

_EXAMPLES = 12  # objects with errors that are named; the others are counted


@dataclass(frozen=True, slots=True)
class Tally:
    """What an inspection adds to the figures.

    Attributes:
        failed: Whether its status is failed.
        object_bytes: Size of the object.
        bytes_read: Bytes read of it.
        requests: Requests made for that.
        status: Status or error code.
        compression: Compression of the first part; None where there is none that is known, as for the next.
        resolution: Width and height of the first part.
        findings: Codes of the findings.
    """

    failed: bool
    object_bytes: int
    bytes_read: int
    requests: int
    status: str
    compression: str | None
    resolution: str | None
    findings: tuple[str, ...]

    @classmethod
    def of(cls, inspection: Inspection) -> Tally:
        """The figures of one inspection."""
        layout = inspection.layouts[0] if inspection.layouts else None
        return cls(
            failed=inspection.status is Status.FAILED,
            object_bytes=inspection.version.size_bytes if inspection.version else 0,
            bytes_read=inspection.cost.bytes_read,
            requests=inspection.cost.requests,
            status=inspection.error_code or inspection.status.value,
            compression=code_name(Compression, layout.compression) if layout else None,
            resolution=f"{layout.data_window.width} x {layout.data_window.height}" if layout else None,
            findings=tuple(finding.code for finding in inspection.findings),
        )


@dataclass(slots=True)
class Progress:
    """What has been done so far; each figure is changed by one thread only.

    Attributes:
        listed: EXR objects listed.
        skipped: Of these, those whose rows are up to date.
        is_listed: Whether the listing is complete, so that `listed - skipped` is all there is to do.
        inspected: Inspections made.
        stored: Inspections stored, and held against their objects afterwards.
        failed: Inspections with status failed.
        errors: Objects that could not be inspected or stored this time, by error code.
        examples: The first of them: error code, path, and what was said.
        processes: Processes that inspect, 0 while threads of this one do.
        object_bytes: Sizes of the inspected objects together.
        bytes_read: Bytes read of them.
        requests: Requests made for that.
        by_status: Files by status or error code.
        by_compression: Files by compression of the first part.
        by_resolution: Files by width and height of the first part.
        by_finding: Findings by code.
        stopped: Whether the run was asked to stop.
    """

    listed: int = 0
    skipped: int = 0
    is_listed: bool = False
    inspected: int = 0
    stored: int = 0
    failed: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    examples: list[tuple[str, str, str]] = field(default_factory=list)
    processes: int = 0
    object_bytes: int = 0
    bytes_read: int = 0
    requests: int = 0
    by_status: Counter[str] = field(default_factory=Counter)
    by_compression: Counter[str] = field(default_factory=Counter)
    by_resolution: Counter[str] = field(default_factory=Counter)
    by_finding: Counter[str] = field(default_factory=Counter)
    stopped: bool = False

    @property
    def todo(self) -> int:
        """Objects listed whose rows are missing or stale."""
        return self.listed - self.skipped

    def add(self, tally: Tally) -> None:
        """Count one inspection."""
        self.inspected += 1
        self.failed += tally.failed
        self.object_bytes += tally.object_bytes
        self.bytes_read += tally.bytes_read
        self.requests += tally.requests
        self.by_status[tally.status] += 1
        if tally.compression is not None:
            self.by_compression[tally.compression] += 1
        if tally.resolution is not None:
            self.by_resolution[tally.resolution] += 1
        for code in tally.findings:
            self.by_finding[code] += 1

    def add_error(self, code: str, path: str, message: str) -> None:
        """Count an object that has to be tried again."""
        self.errors[code] += 1
        if len(self.examples) < _EXAMPLES:
            self.examples.append((code, path, message))
