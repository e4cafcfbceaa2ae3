"""Keys of files and versions, and which of two versions is newer.

A path is hashed as it is stored: decoded once, case kept. The responses of a store differ in the fraction of the modification
time (a GET rounds it down to the second, a listing does not), so the fraction is part of a version's key only if there is no
ETag.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import lru_cache

import xxhash
from packaging.version import InvalidVersion, Version

from exr_inspector.model import EPOCH, MANIFEST, MISSING_MANIFESTS, EventInfo, Inspection, ObjectVersion, StatsMode
from exr_inspector.texts import unicode_text

_SEPARATOR = b"\0"  # occurs in no path: objects and files cannot be named with it
_EARLIEST = datetime.min.replace(tzinfo=timezone.utc)


def file_id(path: str) -> str:
    """XXH3-128 of `<bucket>/<key>` as it is stored, 32 hexadecimal digits."""
    return xxhash.xxh3_128_hexdigest(unicode_text(path).encode())


def content_key(path: str, version: ObjectVersion | None) -> str:
    """XXH3-128 of path and version, 32 hexadecimal digits; of the path alone if the object could not be read."""
    parts = [unicode_text(path).encode()]
    if version is not None:
        moment = (version.mtime - EPOCH) // timedelta(microseconds=1)
        if version.etag is not None:
            moment -= moment % 1_000_000
        parts += [unicode_text(version.etag or "").encode(), str(version.size_bytes).encode(), str(moment).encode()]
    return xxhash.xxh3_128_hexdigest(_SEPARATOR.join(parts))


def guard_id(identifier: str, count: int) -> int:
    """Number of the guard row for a file_id, from 0 to `count` - 1; rises with the file_id."""
    return int(identifier[:8], 16) * count >> 32


def known_version(etag: str | None, size_bytes: int | None, mtime: datetime | None) -> ObjectVersion | None:
    """The version in a row of `files`; None if the object could not be read."""
    return None if size_bytes is None or mtime is None else ObjectVersion(etag, size_bytes, mtime)


def is_same_version(one: ObjectVersion, other: ObjectVersion) -> bool:
    """Whether two responses about an object (listing, HEAD or GET) describe the same version.

    Sizes must be equal, ETags too if both have one, and times may differ by a second, since stores round them up or down. Where
    one response has no time, an equal ETag is enough.
    """
    if one.size_bytes != other.size_bytes:
        return False
    if one.etag is not None and other.etag is not None and one.etag != other.etag:
        return False
    if one.etag is not None and one.etag == other.etag and EPOCH in {one.mtime, other.mtime}:
        return True
    return abs((one.mtime - other.mtime).total_seconds()) <= 1


@lru_cache(maxsize=64)
def release(text: str) -> Version:
    """A version of exr-inspector, for comparison (`0.2.0.dev2` before `0.2.0`); the lowest one for another text."""
    try:
        return Version(text)
    except InvalidVersion:
        return Version("0.dev0")


def _sequencer_is_less(left: str, right: str) -> bool:
    # As S3 says: pad the shorter one with zeros on the right, then compare them as text.
    width = max(len(left), len(right))
    return left.lower().ljust(width, "0") < right.lower().ljust(width, "0")


@dataclass(frozen=True, slots=True)
class VersionInfo:
    """What decides between two inspections of one file.

    Attributes:
        content_key: Key of the version.
        mtime: Modification time of the version; None if the object could not be read.
        sequencer: Sequencer of the event.
        inspected_at: When the object was read.
        inspector_version: Version of exr-inspector that read it.
        depth: Which pixels were read: 0 none, 1 a sample, 2 all.
        stopped: Why reading of pixels or manifests ended early, or which manifests were missing; empty if neither.
        policy: Name of the policy.
        error_code: Code of the error, if the inspection failed.
        event_time: Time in the event.
        decoder: Library that decoded the pixels, or failed to.
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
        """Whether a limit stopped the inspection, or the reading of pixels; see `Inspector.stops`."""
        return self.stopped.startswith(("memory", "limit"))

    @property
    def depends_on_limits(self) -> bool:
        """Whether another limit may say more of the file, of its pixels or manifests."""
        return self.is_over_limit or (self.stopped.startswith(MANIFEST) and self.ended_early)

    @property
    def ended_early(self) -> bool:
        """Whether not all was read that is there."""
        return bool(self.stopped) and not self.stopped.startswith(MISSING_MANIFESTS)

    @property
    def missing_manifests(self) -> tuple[str, ...]:
        """The sidecar manifests that were not there when the file was read, as paths relative to its folder."""
        found = self.stopped.startswith(MISSING_MANIFESTS)
        return tuple(json.loads(self.stopped.removeprefix(MISSING_MANIFESTS))) if found else ()

    @property
    def event(self) -> EventInfo:
        """The event, as far as it is stored."""
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
        stopped=inspection.any_stop,
        policy=inspection.policy,
        error_code=inspection.error_code,
        event_time=inspection.event.time,
        decoder=inspection.decoder,
    )


def sequencer_is_newer(new: str | None, old: str | None) -> bool:
    """Whether `new` is a later sequencer than `old`, or the first one."""
    return new is not None and (old is None or _sequencer_is_less(old, new))


def event_is_older(event: EventInfo, other: EventInfo) -> bool:
    """Whether `event` is known to be earlier than `other`: by sequencers if both have one, else by times."""
    if event.sequencer and other.sequencer:
        return _sequencer_is_less(event.sequencer, other.sequencer)
    return event.time is not None and other.time is not None and event.time < other.time


def is_older(new: VersionInfo, old: VersionInfo) -> bool:
    """Whether the version of `new` is older than that of `old`: by mtime, then sequencer, then the time of reading.

    An inspection of an object that could not be read is older than any other.
    """
    new_time, old_time = new.mtime or _EARLIEST, old.mtime or _EARLIEST
    if new_time != old_time:
        return new_time < old_time
    if new.sequencer and old.sequencer and new.sequencer.lower() != old.sequencer.lower():
        return _sequencer_is_less(new.sequencer, old.sequencer)
    return new.inspected_at < old.inspected_at


def is_shallower(new: VersionInfo, old: VersionInfo) -> bool:
    """Whether `new` read fewer pixels of the same version than `old`."""
    return (new.depth, not new.ended_early) < (old.depth, not old.ended_early)


def supersedes(new: VersionInfo, old: VersionInfo) -> bool:
    """Whether `new` adds anything to `old`; they have the same version, and `new` is not shallower."""
    new_code, old_code = release(new.inspector_version), release(old.inspector_version)
    if new_code != old_code:
        return new_code > old_code or is_shallower(old, new)
    if is_shallower(old, new):
        return True
    differs = (new.policy, new.error_code, new.stopped) != (old.policy, old.error_code, old.stopped)
    return differs and new.inspected_at > old.inspected_at


def depth_of(mode: str | None) -> int:
    """Depth of a stored stats_mode; 0 for an unknown one."""
    return StatsMode(mode).depth if mode in {item.value for item in StatsMode} else 0
