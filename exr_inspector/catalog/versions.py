"""Keys of files and versions, and which of two versions is the newer one. Pure.

The path is hashed as it stands: decoded once, case kept. Stores disagree about the fraction of a second in a modification
time (a GET rounds it down to the second, a listing does not), so where an ETag tells versions apart the fraction is left out
of the key; without one it counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timezone

import xxhash

from exr_inspector.model import EventInfo, Inspection, ObjectVersion, StatsMode

_SEPARATOR = b"\0"  # occurs in no path: objects and files cannot be named with it
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_EARLIEST = datetime.min.replace(tzinfo=timezone.utc)


def storable(text: str) -> str:
    """Text as a table can hold it: what is no Unicode, as names of files and JSON may have it, is written as escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def file_id(path: str) -> str:
    """XXH3-128 of `<bucket>/<key>` as it is stored, 32 hexadecimal digits."""
    return xxhash.xxh3_128_hexdigest(storable(path).encode())


def _microseconds(moment: datetime) -> int:
    difference = moment - _EPOCH
    return (difference.days * 86_400 + difference.seconds) * 1_000_000 + difference.microseconds


def content_key(path: str, version: ObjectVersion | None) -> str:
    """XXH3-128 of path and version, 32 hexadecimal digits; a key of its own for an object that could not be read."""
    parts = [storable(path).encode()]
    if version is not None:
        moment = _microseconds(version.mtime)
        if version.etag is not None:
            moment -= moment % 1_000_000
        parts += [storable(version.etag or "").encode(), str(version.size_bytes).encode(), str(moment).encode()]
    return xxhash.xxh3_128_hexdigest(_SEPARATOR.join(parts))


def guard_id(identifier: str, count: int) -> int:
    """The guard row of a file, by its file_id, among so many; rises with the file_id."""
    return int(identifier[:8], 16) * count >> 32


def is_same_version(one: ObjectVersion, other: ObjectVersion) -> bool:
    """Whether two looks at one object, by a listing, a HEAD or a read, saw the same version.

    Size and ETag have to be equal as far as both looks have one, and times to a second: stores round them down in one answer
    and up in another.
    """
    if one.size_bytes != other.size_bytes:
        return False
    if one.etag is not None and other.etag is not None and one.etag != other.etag:
        return False
    return abs((one.mtime - other.mtime).total_seconds()) <= 1


def version_numbers(text: str) -> tuple[int, ...]:
    """The numbers of a version such as `1.10.2`, for comparing; what is no number counts as 0."""
    return tuple(int(number) if number.isdigit() else 0 for number in re.split(r"[.+-]", text))


def _sequencer_is_less(left: str, right: str) -> bool:
    # S3: pad the shorter one on the right with zeros, then compare as text.
    width = max(len(left), len(right))
    return left.lower().ljust(width, "0") < right.lower().ljust(width, "0")


@dataclass(frozen=True, slots=True)
class VersionInfo:
    """What decides between two inspections of one file.

    Attributes:
        content_key: The version.
        mtime: Its modification time, None where the object could not be read.
        sequencer: The sequencer of the event.
        inspected_at: When it was read.
        inspector_version: By which version of exr-inspector.
        depth: How deep the pixels were looked at: 0 off, 1 sampled, 2 full.
        stopped: Why reading pixels ended early; empty when it did not.
        policy: The policy that judged.
        error_code: Why it failed, if it did.
        event_time: When what the event reports happened.
        decoder: Library that decoded pixels, or failed to.
    """

    content_key: str
    mtime: datetime | None
    sequencer: str | None
    inspected_at: datetime
    inspector_version: str
    depth: int
    stopped: str
    policy: str
    error_code: str | None
    event_time: datetime | None = None
    decoder: str | None = None

    @property
    def has_version(self) -> bool:
        """Whether the object could be read at all."""
        return self.mtime is not None

    @property
    def is_over_limit(self) -> bool:
        """Whether the file, or some of its pixels, were not read within the limits, see `Inspector.stops`."""
        return self.stopped.startswith(("memory", "limit"))

    @property
    def event(self) -> EventInfo:
        """What is known of the event."""
        return EventInfo(sequencer=self.sequencer, time=self.event_time)


def version_info(inspection: Inspection, inspector_version: str) -> VersionInfo:
    """The version information of an inspection that is not stored yet."""
    version = inspection.version
    return VersionInfo(
        content_key=content_key(inspection.path, version),
        mtime=version.mtime if version else None,
        sequencer=inspection.event.sequencer,
        inspected_at=inspection.inspected_at,
        inspector_version=inspector_version,
        depth=inspection.stats_mode.depth,
        stopped=inspection.pixels.stopped if inspection.pixels else inspection.stopped,
        policy=inspection.policy,
        error_code=inspection.error_code,
        event_time=inspection.event.time,
        decoder=inspection.decoder,
    )


def sequencer_is_newer(new: str | None, old: str | None) -> bool:
    """Whether sequencer `new` says more than `old`: it is later, or there was none."""
    return new is not None and (old is None or _sequencer_is_less(old, new))


def event_is_older(event: EventInfo, other: EventInfo) -> bool:
    """Whether one event surely reports something earlier than another, by sequencer or, where one has none, by time."""
    if event.sequencer and other.sequencer:
        return _sequencer_is_less(event.sequencer, other.sequencer)
    return event.time is not None and other.time is not None and event.time < other.time


def is_older(new: VersionInfo, old: VersionInfo) -> bool:
    """Whether the version of `new` came before that of `old`: by mtime, then sequencer, then the time it was read.

    One without a version is older than any with one.
    """
    new_time, old_time = new.mtime or _EARLIEST, old.mtime or _EARLIEST
    if new_time != old_time:
        return new_time < old_time
    if new.sequencer and old.sequencer and new.sequencer.lower() != old.sequencer.lower():
        return _sequencer_is_less(new.sequencer, old.sequencer)
    return new.inspected_at < old.inspected_at


def is_shallower(new: VersionInfo, old: VersionInfo) -> bool:
    """Whether `new` looked less deep at the pixels of the same version than `old`."""
    return (new.depth, not new.stopped) < (old.depth, not old.stopped)


def supersedes(new: VersionInfo, old: VersionInfo) -> bool:
    """Whether `new`, no shallower and of the same version, says anything that `old` does not."""
    new_code, old_code = version_numbers(new.inspector_version), version_numbers(old.inspector_version)
    if new_code != old_code:
        return new_code > old_code or is_shallower(old, new)
    if is_shallower(old, new):
        return True
    differs = (new.policy, new.error_code, new.stopped) != (old.policy, old.error_code, old.stopped)
    return differs and new.inspected_at > old.inspected_at


def depth_of(mode: str | None) -> int:
    """Depth of a stored stats_mode; 0 where it is not one of ours."""
    return StatsMode(mode).depth if mode in {item.value for item in StatsMode} else 0
