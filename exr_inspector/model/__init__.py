"""What is known of one file after an inspection, as frozen values. No behaviour, no I/O, no clock.

`inspector` makes an Inspection; statistics and validation add to it; `catalog.rows` and the command line only read it.
Where the file does not say something, the value is None: nothing is filled in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    ChannelStats,
    DeepStats,
    Histogram,
    MatteObjects,
    ObjectCoverage,
    PartPixels,
    PixelFault,
    PixelReport,
    StatsMode,
    Thumbnail,
    Thumbnails,
    ZeroGrid,
)

__all__ = [
    "MANIFEST", "ChannelStats", "Cost", "DeepStats", "EventInfo", "Finding", "Histogram", "Inspection", "MatteObjects",
    "ObjectCoverage", "ObjectVersion", "PartPixels", "PixelFault", "PixelReport", "Provenance", "ProvenanceColumn",
    "SequenceName", "Severity", "StatsMode", "Status", "Thumbnail", "Thumbnails", "ZeroGrid",
]  # fmt: skip

MANIFEST = "manifest"  # how `Inspection.manifest_stop` begins
MISSING_MANIFESTS = f"{MANIFEST} missing: "  # followed by a JSON list of paths, relative to the folder of the file


class Status(str, Enum):
    """Whether the file's header could be read as OpenEXR."""

    INSPECTED = "inspected"
    FAILED = "failed"


class Severity(IntEnum):
    """How bad a finding is; ordered."""

    INFO = 1
    WARNING = 2
    ERROR = 3

    @property
    def label(self) -> str:
        """The word that rows and people see: `info`, `warning`, `error`."""
        return self.name.lower()


# Also the time of modification of an object whose store gives none.
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True, slots=True)
class ObjectVersion:
    """Which version of an object was read.

    Attributes:
        etag: The store's ETag without quotes, None where it gives none.
        size_bytes: Bytes of the object.
        mtime: Time of the last modification, UTC; `EPOCH` where the store gives none.
    """

    etag: str | None
    size_bytes: int
    mtime: datetime


@dataclass(frozen=True, slots=True)
class Cost:
    """What reading cost."""

    requests: int = 0
    bytes_read: int = 0


@dataclass(frozen=True, slots=True)
class SequenceName:
    """What a key says of frame and sequence.

    Attributes:
        directory: Folder, with the bucket, without a trailing slash.
        file_name: Last component of the key.
        sequence: Key of the sequence with its folder, frame digits as `#` signs (`b/shot/beauty.####.exr`); None for a file
            that is no frame.
        frame: Frame number, None where the name has none.
        padding: Digits of the frame number as written, 0 where there is none.
    """

    directory: str
    file_name: str
    sequence: str | None
    frame: int | None
    padding: int


class Finding(NamedTuple):
    """One result of a rule.

    Attributes:
        code: Rule code, stable.
        severity: As the policy has it.
        message: What was found and what was expected, for people.
        part: Index of the part, None for the whole file.
        channel: Channel name, None where it concerns none.
        found: What was found, short.
        expected: What was expected, short.
        offset: Byte offset in the file, None where it has no place.
        frames: Frames that it concerns, rising; only of a sequence's findings, empty where it concerns the sequence as a whole.
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


ProvenanceColumn = Literal[
    "software", "software_version", "host_application", "render_seconds", "peak_memory_mb", "render_host", "render_user",
    "frame_range",
]  # fmt: skip


class Provenance(NamedTuple):
    """What a header says of its making: columns of `files`, and where each came from.

    Attributes:
        software: Product that wrote the file.
        software_version: Its version.
        host_application: Application in which a renderer ran, with its version where it is said.
        render_seconds: Time of rendering.
        peak_memory_mb: Most memory, MiB.
        render_host: Computer.
        render_user: Who rendered.
        frame_range: Frames of the job, as written (`1001-1100`).
        sources: Column -> name of the attribute it came from.
    """

    software: str | None = None
    software_version: str | None = None
    host_application: str | None = None
    render_seconds: float | None = None
    peak_memory_mb: float | None = None
    render_host: str | None = None
    render_user: str | None = None
    frame_range: str | None = None
    sources: Mapping[str, str] = {}

    @property
    def product(self) -> str | None:
        """Software and version, what is compared over a sequence."""
        return " ".join(filter(None, (self.software, self.software_version))) or None


@dataclass(frozen=True, slots=True)
class EventInfo:
    """The event that asked for an inspection.

    Attributes:
        event_id: Id of the CloudEvent.
        sequencer: The store's sequencer, hexadecimal; orders events of one object.
        time: When the event happened, UTC.
    """

    event_id: str | None = None
    sequencer: str | None = None
    time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Inspection:
    """Everything one inspection of one file found.

    Attributes:
        bucket: Bucket, as in the path.
        key: Key, decoded, case kept.
        version: Which version was read; None where the object could not be read at all.
        status: INSPECTED, or FAILED with error_code and error_message.
        error_code: Why it failed: an error's or a fatal problem's code.
        error_message: Where and what, for people.
        name: Frame and sequence by the key.
        inspected_at: When it was read, UTC.
        header: The header, also a partial one of a failed file; None where there is none.
        layouts: One a part, None for a part whose layout is unknown.
        completeness: One a part whose chunk table is known.
        names: One a part.
        problems: What is wrong with header, tables and chunk leaders, as `exr.conformance` and `exr.chunks` report it.
        pixels: Statistics, None unless asked for.
        findings: Results of validation.
        policy: Name and version of the policy that judged, empty where none did.
        cost: Requests and bytes.
        duration_ms: Time from the first request to the last rule, milliseconds.
        event: The event behind it.
        decoder: Library and version that decoded pixels, or failed to; None where none were decoded.
        stopped: The limit of this installation that ended reading the file, which may be sound; empty when none did.
        manifest_stop: The limit of this installation beyond which a manifest of the file is, with MANIFEST before it; or
            MISSING_MANIFESTS and the sidecar manifests that were not there; empty for none.
        provenance: Who wrote it, by the attributes of its first part and the policy's `attribute_map`.
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
    def is_gone(self) -> bool:
        """Whether there was no such object: its rows are to be removed, none to be made."""
        return self.error_code == ObjectNotFound.code

    @property
    def any_stop(self) -> str:
        """What ended reading header, pixels or manifests early: the first of these that there is; empty for none."""
        return (self.pixels.stopped if self.pixels else self.stopped) or self.manifest_stop

    @property
    def unread(self) -> str:
        """Code and message of why the file was not read, where that says nothing about the file; empty where it was."""
        is_unread = bool(self.stopped) or is_store_fault(self.error_code)
        return f"{self.error_code}: {self.error_message}" if is_unread else ""

    @property
    def over_limit(self) -> str:
        """Why some pixels were not read within the limits, which says nothing about the file; empty where all were."""
        faults = self.pixels.faults if self.pixels else ()
        return next((fault.message for fault in faults if fault.code == LimitExceeded.code), "")

    @property
    def is_complete(self) -> bool | None:
        """Whether every chunk of every part is there; None where that is not known of every part."""
        if self.header is None or len(self.completeness) < len(self.header.parts):
            return False if any(not part.is_complete for part in self.completeness) else None
        return all(part.is_complete for part in self.completeness)

    @property
    def stats_mode(self) -> StatsMode:
        """How deep the pixels were looked at."""
        return self.pixels.mode if self.pixels else StatsMode.OFF

    @property
    def worst_severity(self) -> Severity | None:
        """The worst finding's severity, None without findings."""
        return max((finding.severity for finding in self.findings), default=None)
