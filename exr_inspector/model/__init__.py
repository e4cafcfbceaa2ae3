"""The results of inspecting one file, as frozen values. No behaviour, no I/O, no clock.

`inspector` creates an Inspection, statistics and validation extend it, `catalog.rows` and the command line only read it. A
value that the file does not contain is None; there are no defaults.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from enum import Enum, IntEnum
from typing import Literal, NamedTuple

from exr_inspector.errors import LimitExceeded, ObjectNotFound, is_store_fault
from exr_inspector.exr.chunks.layout import Layout
from exr_inspector.exr.chunks.tables import Completeness
from exr_inspector.exr.header.parser import Header
from exr_inspector.exr.names import PartNames
from exr_inspector.exr.problems import Problem
from exr_inspector.model.pixels import (
    LOCATED_ABOVE,
    ChannelStats,
    ColourLines,
    DeepStats,
    Histogram,
    LayerImage,
    MatteObjects,
    ObjectCoverage,
    PartPixels,
    PixelFault,
    PixelReport,
    Seam,
    SinglePixels,
    StatsMode,
    Thumbnail,
    Thumbnails,
    ZeroGrid,
)

__all__ = [
    "LOCATED_ABOVE", "MANIFEST", "ChannelStats", "ColourLines", "Cost", "DeepStats", "EventInfo", "Finding",
    "Histogram", "Inspection", "LayerImage", "MatteObjects", "ObjectCoverage", "ObjectVersion", "PartPixels", "PixelFault",
    "PixelReport", "Provenance", "ProvenanceColumn", "Seam", "SequenceName", "Severity", "SinglePixels", "StatsMode",
    "Status", "Thumbnail", "Thumbnails", "ZeroGrid",
]  # fmt: skip

MANIFEST = "manifest"  # start of `Inspection.manifest_stop`
MISSING_MANIFESTS = f"{MANIFEST} missing: "  # followed by a JSON list of paths relative to the file's folder


class Status(str, Enum):
    """Whether the file's header could be read as OpenEXR."""

    INSPECTED = "inspected"
    FAILED = "failed"


class Severity(IntEnum):
    """Severity of a finding; ordered."""

    INFO = 1
    WARNING = 2
    ERROR = 3

    @property
    def label(self) -> str:
        """The name in rows and output: `info`, `warning`, `error`."""
        return self.name.lower()


# Used as the modification time of an object whose store returns none.
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True, slots=True)
class ObjectVersion:
    """Identifies the version of an object that was read.

    Attributes:
        etag: The store's ETag without quotes; None if it returns none.
        size_bytes: Size of the object in bytes.
        mtime: Time of the last modification, UTC; `EPOCH` if the store returns none.
    """

    etag: str | None
    size_bytes: int
    mtime: datetime


@dataclass(frozen=True, slots=True)
class Cost:
    """Number of requests and bytes that reading needed."""

    requests: int = 0
    bytes_read: int = 0


@dataclass(frozen=True, slots=True)
class SequenceName:
    """Folder, sequence and frame number in a key.

    Attributes:
        directory: Folder including the bucket, without a trailing slash.
        file_name: Last component of the key.
        sequence: Path of the sequence, frame digits as `#` (`b/shot/beauty.####.exr`); None if the file is not a frame.
        frame: Frame number; None if the name has none.
        padding: Number of digits of the frame number as written; 0 if there is none.
    """

    directory: str
    file_name: str
    sequence: str | None
    frame: int | None
    padding: int


class Finding(NamedTuple):
    """One result of a rule.

    Attributes:
        code: Stable code of the rule.
        severity: Severity according to the policy.
        message: What was found and what was expected, for people.
        part: Index of the part; None for the whole file.
        channel: Channel name; None if it concerns no channel.
        found: What was found, in short.
        expected: What was expected, in short.
        offset: Byte offset in the file; None if it has no location.
        frames: Affected frames of a sequence in ascending order; empty for other findings and for the sequence as a whole.
    """

    code: str
    severity: Severity
    message: str
    part: int | None = None
    channel: str | None = None
    found: str = ""
    expected: str = ""
    offset: int | None = None
    frames: Sequence[int] = ()


def sort_findings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Sort findings by severity, worst first, then by code and part."""
    return tuple(sorted(findings, key=lambda f: (-f.severity, f.code, -1 if f.part is None else f.part)))


ProvenanceColumn = Literal[
    "software", "software_version", "renderer", "host_application", "render_seconds", "peak_memory_mb", "render_host",
    "render_user", "frame_range",
]  # fmt: skip


class Provenance(NamedTuple):
    """How the file was made, according to its header: columns of `files` and the source of each.

    Attributes:
        software: Product that wrote the file.
        software_version: Version of the product.
        renderer: Renderer of the image, with its version if stated; other software may have written the file since.
        host_application: Application in which the renderer ran, with its version if stated.
        render_seconds: Render time in seconds.
        peak_memory_mb: Peak memory in MiB.
        render_host: Host name of the computer that rendered.
        render_user: User who rendered.
        frame_range: Frames of the job as written (`1001-1100`).
        sources: Column -> name of the attribute with its value.
    """

    software: str | None = None
    software_version: str | None = None
    renderer: str | None = None
    host_application: str | None = None
    render_seconds: float | None = None
    peak_memory_mb: float | None = None
    render_host: str | None = None
    render_user: str | None = None
    frame_range: str | None = None
    sources: Mapping[str, str] = {}

    @property
    def product(self) -> str | None:
        """Software and version, which are compared across a sequence."""
        return " ".join(filter(None, (self.software, self.software_version))) or None


@dataclass(frozen=True, slots=True)
class EventInfo:
    """The event that caused an inspection.

    Attributes:
        event_id: Id of the CloudEvent.
        sequencer: The store's sequencer, hexadecimal; orders the events of one object.
        time: Time of the event, UTC.
    """

    event_id: str | None = None
    sequencer: str | None = None
    time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Inspection:
    """The complete result of inspecting one file.

    Attributes:
        bucket: Bucket in the path.
        key: Key, decoded, with its original case.
        version: The version that was read; None if the object could not be read.
        status: INSPECTED, or FAILED with error_code and error_message.
        error_code: Code of the error or fatal problem because of which it failed.
        error_message: What is wrong and where, for people.
        name: Folder, sequence and frame number in the key.
        inspected_at: Time of the inspection, UTC.
        header: The header, possibly a partial one of a failed file; None if no header could be read.
        layouts: The layout of each part; None for a part whose layout is unknown.
        completeness: The completeness of each part whose chunk table is known.
        names: The names in each part.
        problems: Problems of header, tables and chunk leaders, as reported by `exr.conformance` and `exr.chunks`.
        pixels: Results of reading pixels; None unless requested.
        findings: Results of validation.
        policy: Name and version of the policy used for validation; empty if the file was not validated.
        cost: Requests and bytes.
        duration_ms: Time from the first request to the last rule, in milliseconds.
        event: The event that caused the inspection.
        decoder: Name and version of the library that decoded pixels or failed to; None if none were decoded.
        stopped: The configured limit that ended reading the file, which may be valid; empty if none did.
        manifest_stop: MANIFEST and the configured limit that a manifest of the file exceeds, or MISSING_MANIFESTS and the
            sidecar manifests that do not exist; empty if neither applies.
        provenance: How the file was made, from the attributes of its first part and the policy's `attribute_map`.
    """

    bucket: str
    key: str
    version: ObjectVersion | None
    status: Status
    error_code: str | None
    error_message: str | None
    name: SequenceName
    inspected_at: datetime
    header: Header | None = None
    layouts: tuple[Layout | None, ...] = ()
    completeness: tuple[Completeness, ...] = ()
    names: tuple[PartNames, ...] = ()
    problems: tuple[Problem, ...] = ()
    pixels: PixelReport | None = None
    findings: tuple[Finding, ...] = ()
    policy: str = ""
    cost: Cost = field(default_factory=Cost)
    duration_ms: float = 0.0
    event: EventInfo = field(default_factory=EventInfo)
    decoder: str | None = None
    stopped: str = ""
    manifest_stop: str = ""
    provenance: Provenance = field(default_factory=Provenance)

    @property
    def path(self) -> str:
        """`<bucket>/<key>`."""
        return f"{self.bucket}/{self.key}"

    @property
    def part_names(self) -> tuple[str, ...]:
        """The names of the parts, empty for those without one; none if the header was not read."""
        return tuple(part.name or "" for part in self.header.parts) if self.header else ()

    @property
    def is_gone(self) -> bool:
        """Whether the object did not exist: its rows are then removed, and none are written."""
        return self.error_code == ObjectNotFound.code

    @property
    def any_stop(self) -> str:
        """What ended the reading of pixels, of the file or of its manifests early, in this order; empty if nothing did."""
        return (self.pixels.stopped if self.pixels else self.stopped) or self.manifest_stop

    @property
    def unread(self) -> str:
        """Error code and message if the file was not read for a reason unrelated to its contents; empty otherwise."""
        is_unread = bool(self.stopped) or is_store_fault(self.error_code)
        return f"{self.error_code}: {self.error_message}" if is_unread else ""

    @property
    def over_limit(self) -> str:
        """Message of the limit that prevented reading some pixels, which is no fault of the file; empty if none did."""
        faults = self.pixels.faults if self.pixels else ()
        return next((fault.message for fault in faults if fault.code == LimitExceeded.code), "")

    @property
    def is_complete(self) -> bool | None:
        """Whether every chunk of every part is present; None if this is unknown and no chunk is known to be missing."""
        if self.header is None or len(self.completeness) < len(self.header.parts):
            return False if any(not part.is_complete for part in self.completeness) else None
        return all(part.is_complete for part in self.completeness)

    @property
    def stats_mode(self) -> StatsMode:
        """How much of the pixels was read."""
        return self.pixels.mode if self.pixels else StatsMode.OFF

    @property
    def worst_severity(self) -> Severity | None:
        """The highest severity of the findings; None without findings."""
        return max((finding.severity for finding in self.findings), default=None)

    @property
    def error_codes(self) -> tuple[str, ...]:
        """The rules of the findings of severity error, sorted."""
        return tuple(sorted({finding.code for finding in self.findings if finding.severity is Severity.ERROR}))
