"""Store inspections so that a faulty one does not stop the others, and check afterwards that the objects have not changed.

Between the read of an object and the write of its rows, the object may be removed or overwritten, and the event of that change
may be handled before there are any rows to change. So after every change of rows the object is requested once more: the rows
of a deleted object are removed, and an object that exists again is left to the next delivery of its event. A change after this
request causes an event that finds the rows. Events and sweeps of whole prefixes both use this.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Protocol

from exr_inspector.catalog import Catalog, Outcome, UpsertResult
from exr_inspector.catalog.rows.groups import Prepared
from exr_inspector.catalog.sdk.connection import Work
from exr_inspector.errors import ExrInspectorError, ObjectChanged, SourceError, our_error
from exr_inspector.model import EventInfo, Inspection, ObjectVersion
from exr_inspector.storage import Deadline, SourceOpener


class Recheck(Enum):
    """State of an object after its rows were stored.

    CURRENT: it is the object of the rows, or a newer one whose event will find the rows, or access is denied now.
    DELETED: it does not exist.
    OVERWRITTEN: it is another object with the same time in seconds, so that the times do not show which one is newer.
    """

    CURRENT = "current"
    DELETED = "deleted"
    OVERWRITTEN = "overwritten"


def recheck_object(
    opener: SourceOpener, bucket: str, key: str, stored: ObjectVersion, *, deadline: Deadline | None = None
) -> Recheck:
    """Compare an object with the version that was stored of it; one request.

    Raises:
        SourceError: A retryable one.
    """
    try:
        found = opener.head(bucket, key, deadline=deadline)
    except SourceError as error:
        if error.retryable:
            raise
        return Recheck.CURRENT  # no longer readable; the next event about it says why
    if found is None:
        return Recheck.DELETED
    return Recheck.OVERWRITTEN if _same_second(stored, found) and _differ(stored, found) else Recheck.CURRENT


def is_same(one: ObjectVersion, other: ObjectVersion) -> bool:
    """Whether two looks saw one version: the same content by ETag and size, written in the same second."""
    return _same_second(one, other) and not _differ(one, other)


def _same_second(one: ObjectVersion, other: ObjectVersion) -> bool:
    return one.mtime.replace(microsecond=0) == other.mtime.replace(microsecond=0)


def _differ(one: ObjectVersion, other: ObjectVersion) -> bool:
    if one.etag is not None and other.etag is not None:
        return (one.etag, one.size_bytes) != (other.etag, other.size_bytes)
    return (one.size_bytes, one.mtime) != (other.size_bytes, other.mtime)


class Remover(Protocol):
    """What removes rows: a `Catalog`, or what puts removals together for one."""

    def remove(
        self, path: str, *, event: EventInfo | None = None, is_seen: bool = True, deadline: Deadline | None = None
    ) -> UpsertResult:
        """As `Catalog.remove`."""


def upsert_isolating_failures(
    catalog: Catalog,
    inspections: Sequence[Inspection | Prepared],
    *,
    force: bool = False,
    also: Callable[[Work], None] | None = None,
    deadline: Deadline | None = None,
) -> list[UpsertResult | ExrInspectorError]:
    """Store a batch in one transaction; where something in it cannot be stored at all, everything else still is.

    Args:
        catalog: The tables.
        inspections: The batch.
        force: As for `Catalog.upsert`.
        also: As for `Catalog.upsert`; where the batch has to be divided, it goes with the last part, if that can be stored.
        deadline: As for `Catalog.upsert`.

    Returns:
        In the order of the batch: what became of each, or why it is not stored. A retryable error speaks of the database
        and so is everybody's.
    """
    if not inspections:
        return []
    fault: ExrInspectorError
    try:
        return list(catalog.upsert(inspections, force=force, also=also, deadline=deadline))
    except ExrInspectorError as error:
        fault = error
        if fault.retryable:
            return [fault] * len(inspections)
    except Exception as error:  # noqa: BLE001 - boundary of one record: rows that cannot even be built
        fault = our_error(error)
    if len(inspections) == 1:
        return [fault]
    half = len(inspections) // 2
    return [
        result
        for part, last in ((inspections[:half], None), (inspections[half:], also))
        for result in upsert_isolating_failures(catalog, part, force=force, also=last, deadline=deadline)
    ]


def upsert_if_current(
    opener: SourceOpener, catalog: Catalog, inspection: Inspection | Prepared, *, deadline: Deadline | None = None
) -> UpsertResult | None:
    """Store an inspection that the tables took for an older one, if it is of what the object is now; one or two requests.

    An event that comes late finds the object as it is, not as it was. So times run backwards where inspections overtook each
    other, and where an older time was put on what is newer: a file that was restored, or copied with its times kept.

    Returns:
        What became of it, or None when the object is of another version by now.

    Raises:
        ObjectChanged: It was overwritten while its rows were being stored, perhaps by something that looks older, too.
        ExrInspectorError: What `Catalog.upsert` and `SourceOpener.head` raise.
    """
    if not _is_now(opener, inspection, deadline):
        return None
    (stored,) = catalog.upsert([inspection], is_current=True, deadline=deadline)
    if not _is_now(opener, inspection, deadline):
        raise ObjectChanged(f"{inspection.path}: overwritten while its rows were being stored")
    return stored


def _is_now(opener: SourceOpener, inspection: Inspection | Prepared, deadline: Deadline | None) -> bool:
    found = _version(opener, inspection.bucket, inspection.key, deadline)
    return found is not None and inspection.version is not None and is_same(found, inspection.version)


def remove_gone(
    opener: SourceOpener,
    catalog: Remover,
    bucket: str,
    key: str,
    *,
    event: EventInfo,
    is_seen: bool = True,
    deadline: Deadline | None = None,
) -> UpsertResult:
    """Remove the rows of an object that was found deleted, or that an event reports as deleted where access is denied.

    Raises:
        ObjectChanged: It is there again, and its own event may have been carried out before its rows were removed.
        ExrInspectorError: What `Catalog.remove` and `SourceOpener.head` raise.
    """
    removed = catalog.remove(f"{bucket}/{key}", event=event, is_seen=is_seen, deadline=deadline)
    if removed.outcome is Outcome.IGNORED_OLDER and is_seen and _version(opener, bucket, key, deadline) is None:
        # Something newer seems to be stored, by a clock that is ahead perhaps, but the object is still gone.
        timeless = EventInfo(event_id=event.event_id)
        removed = catalog.remove(f"{bucket}/{key}", event=timeless, deadline=deadline)
    if removed.outcome is not Outcome.IGNORED_OLDER and _version(opener, bucket, key, deadline) is not None:
        raise ObjectChanged(f"{bucket}/{key}: exists again after it was found deleted")
    return removed


def confirm(
    opener: SourceOpener, catalog: Remover, inspection: Inspection, *, deadline: Deadline | None = None
) -> UpsertResult | None:
    """Ask the store for the object once more after its rows were changed; one request.

    Returns:
        None when the rows are right, or the result of removing the rows of a deleted object.

    Raises:
        ObjectChanged: It was overwritten in the same second, and nothing but chance says which of the two is the newer.
        ExrInspectorError: What `remove_gone` raises.
    """
    stored = inspection.version
    if stored is None:  # a row that says why the object could not be read: there is nothing to be looked at
        return None
    state = recheck_object(opener, inspection.bucket, inspection.key, stored, deadline=deadline)
    if state is Recheck.DELETED:
        return remove_gone(
            opener, catalog, inspection.bucket, inspection.key, event=inspection.event, deadline=deadline
        )
    if state is Recheck.OVERWRITTEN:
        raise ObjectChanged(f"{inspection.path}: overwritten while its rows were being stored")
    return None


def _version(opener: SourceOpener, bucket: str, key: str, deadline: Deadline | None) -> ObjectVersion | None:
    try:
        return opener.head(bucket, key, deadline=deadline)
    except SourceError as error:
        if error.retryable:
            raise
        return None
