"""Stores inspections so that a faulty one does not stop the others, and then checks that the objects have not changed.

Between the read of an object and the write of its rows, the object may be deleted or overwritten, and the event of that change
may be handled before the rows exist. So after every change of rows, the object is requested once more: if it was deleted, its
rows are removed; if it was created again, an error lets the platform deliver the event again. A later change causes an event
that finds the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from exr_inspector.catalog import Catalog, Outcome, UpsertResult
from exr_inspector.catalog.rows.groups import Prepared
from exr_inspector.catalog.sdk.work import Work
from exr_inspector.deadline import Deadline
from exr_inspector.errors import ExrInspectorError, ObjectChanged, SourceError, our_error
from exr_inspector.model import EventInfo, Inspection, ObjectVersion
from exr_inspector.storage import SourceOpener


def is_same(one: ObjectVersion, other: ObjectVersion) -> bool:
    """Whether two requests saw the same version: equal ETag and size (or size and time), written in the same second."""
    return _same_second(one, other) and not _differ(one, other)


def _same_second(one: ObjectVersion, other: ObjectVersion) -> bool:
    return one.mtime.replace(microsecond=0) == other.mtime.replace(microsecond=0)


def _differ(one: ObjectVersion, other: ObjectVersion) -> bool:
    if one.etag is not None and other.etag is not None:
        return (one.etag, one.size_bytes) != (other.etag, other.size_bytes)
    return (one.size_bytes, one.mtime) != (other.size_bytes, other.mtime)


class Remover(Protocol):
    """Removes rows: a `Catalog`, or an object that collects removals into batches."""

    def remove(
        self, path: str, *, event: EventInfo | None = None, is_seen: bool = True, deadline: Deadline | None = None
    ) -> UpsertResult:
        """See `Catalog.remove`."""


def upsert_isolating_failures(
    catalog: Catalog,
    inspections: Sequence[Inspection | Prepared],
    *,
    force: bool = False,
    also: Callable[[Work], None] | None = None,
    deadline: Deadline | None = None,
) -> list[UpsertResult | ExrInspectorError]:
    """Store a batch in one transaction; if that fails for good, store its halves, so that all storable rows are stored.

    Args:
        catalog: The tables.
        inspections: The batch.
        force: As for `Catalog.upsert`.
        also: As for `Catalog.upsert`; if the batch is divided, it runs with the last part, if that can be stored.
        deadline: As for `Catalog.upsert`.

    Returns:
        For each inspection, in the same order, its result or its error. A retryable error concerns the database, so all get it.
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
    """Store an inspection that was ignored as older, if the object still has the inspected version; one or two requests.

    A newer version may have an older time: a file that was restored, or copied with its times kept.

    Returns:
        The result, or None if the object has another version.

    Raises:
        ObjectChanged: The object was overwritten while its rows were stored.
        ExrInspectorError: Errors of `Catalog.upsert` and `SourceOpener.head`.
    """
    if not _is_current(opener, inspection, deadline):
        return None
    (stored,) = catalog.upsert([inspection], is_current=True, deadline=deadline)
    if not _is_current(opener, inspection, deadline):
        raise ObjectChanged(f"{inspection.path}: overwritten while its rows were being stored")
    return stored


def _is_current(opener: SourceOpener, inspection: Inspection | Prepared, deadline: Deadline | None) -> bool:
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
    """Remove the rows of an object that does not exist, or that an event reports as deleted while access is denied.

    Raises:
        ObjectChanged: The object exists again, and its creation event may have been handled before its rows were removed.
        ExrInspectorError: Errors of `Catalog.remove` and `SourceOpener.head`.
    """
    removed = catalog.remove(f"{bucket}/{key}", event=event, is_seen=is_seen, deadline=deadline)
    if removed.outcome is Outcome.IGNORED_OLDER and is_seen and _version(opener, bucket, key, deadline) is None:
        # A newer version seems to be stored, perhaps because a clock is ahead, but the object does not exist.
        timeless = EventInfo(event_id=event.event_id)
        removed = catalog.remove(f"{bucket}/{key}", event=timeless, deadline=deadline)
    if removed.outcome is not Outcome.IGNORED_OLDER and _version(opener, bucket, key, deadline) is not None:
        raise ObjectChanged(f"{bucket}/{key}: exists again after it was found deleted")
    return removed


def confirm(
    opener: SourceOpener, catalog: Remover, inspection: Inspection | Prepared, *, deadline: Deadline | None = None
) -> UpsertResult | None:
    """Compare an object with its stored version after its rows were changed; one request.

    Returns:
        None if the object has the stored version, or a newer one whose event will find the rows, or cannot be read any more.
        The result of removing its rows if it was deleted.

    Raises:
        ObjectChanged: The object was overwritten in the same second, so that the times do not show which version is newer.
        ExrInspectorError: Errors of `remove_gone`.
    """
    stored, bucket, key = inspection.version, inspection.bucket, inspection.key
    if stored is None:  # the object could not be read, so there is no version to compare
        return None
    try:
        found = opener.head(bucket, key, deadline=deadline)
    except SourceError as error:
        if error.retryable:
            raise
        return None  # the next event about it says why
    if found is None:
        return remove_gone(opener, catalog, bucket, key, event=inspection.event, deadline=deadline)
    if _same_second(stored, found) and _differ(stored, found):
        raise ObjectChanged(f"{inspection.path}: overwritten while its rows were being stored")
    return None


def _version(opener: SourceOpener, bucket: str, key: str, deadline: Deadline | None) -> ObjectVersion | None:
    try:
        return opener.head(bucket, key, deadline=deadline)
    except SourceError as error:
        if error.retryable:
            raise
        return None
