"""Convert raw DataEngine events of every shape to `ObjectEvent` values: which object, and what happened to it.

The shapes: the runtime's event objects, CloudEvents as mappings or JSON text, S3 notification `Records`, the extension
`elementpath`, flat bucket-and-key mappings, and the result of an upstream function. Names are decoded here and nowhere
else. This module is pure: it reads no object, does not filter by suffix and decides nothing about retries.

How the object is named, when an event offers more than one name:

1. `Records` take precedence over everything else in the event: their size, ETag and sequencer belong to the object that
   they name. Their keys are URL-encoded, and decoded exactly once.
2. `elementpath` is not encoded, so it shows how to decode a record's key: if it equals the key as written, or with only
   `%xx` decoded, or fully decoded, its spelling is used. A record without a usable name takes `elementpath` if it is
   the only record. If the two name different objects, rule 1 applies.
3. Without `Records`, `elementpath` takes precedence over the payload of an element event. The result of a function
   takes precedence over `elementpath`, since the result names what the upstream function wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import TypeVar
from urllib.parse import unquote, unquote_plus

from exr_inspector.errors import EventError, SourceError
from exr_inspector.function.envelope import (
    Envelope,
    describe,
    etag_value,
    is_eventbridge,
    mapping_value,
    notifications,
    open_envelope,
    size_value,
    text_value,
    time_value,
    type_name,
)
from exr_inspector.storage.keys import check_bucket_name

_EXPECTED = (
    "expected a CloudEvent with the extension elementpath, S3 notification Records, a mapping with bucket and key or "
    "s3_bucket and s3_key, or a function's result with path"
)


class EventKind(Enum):
    """The kind of an event: creation, removal, or a change that does not affect the object's bytes."""

    CREATED = "created"
    REMOVED = "removed"
    UNCHANGED = "unchanged"


# These events do not change the object's bytes. Reading the object after "accessed" would cause another such event.
_UNCHANGED_NAMES = ("tagging", "accessed")


@dataclass(frozen=True, slots=True)
class ObjectEvent:
    """One event of one object.

    Attributes:
        bucket: Bucket name, not empty, without '/'.
        key: Object key, decoded, not empty; case and slashes are unchanged.
        literal_key: The key as the event spells it, if decoding changed it and nothing else in the event shows which
            one is meant: some stores do not encode keys.
        kind: Created, removed, or a change that does not affect the object's bytes.
        etag: ETag without quotes; None if the event has none.
        size_bytes: Object size; None if the event has none.
        sequencer: Hexadecimal text that orders the events of one key; None if the event has none.
        time: Time of the event in UTC; None if the event has none.
        event_id: The CloudEvent's id, the same on every delivery; None outside a CloudEvent.
        event_name: The name that `kind` was derived from, such as `ObjectCreated:Put`; empty if there is none.
    """

    bucket: str
    key: str
    kind: EventKind = EventKind.CREATED
    etag: str | None = None
    size_bytes: int | None = None
    sequencer: str | None = None
    time: datetime | None = None
    event_id: str | None = None
    event_name: str = ""
    literal_key: str | None = None

    def __post_init__(self) -> None:
        _check_name("bucket", self.bucket)
        _check_name("key", self.key)
        try:
            check_bucket_name(self.bucket)
        except SourceError as error:  # its text contains the bucket name, which is a payload value
            raise EventError(
                "the bucket's name is invalid: expected at most 63 letters, digits, dots, hyphens and underscores"
            ) from error

    @property
    def path(self) -> str:
        """`<bucket>/<key>`, the name of the file in every table."""
        return f"{self.bucket}/{self.key}"


_Found = ObjectEvent | EventError
T = TypeVar("T")
# An SQS message contains an SNS message, which contains the event.
_MAX_NOTIFICATIONS = 3


def parse_each(raw: object) -> list[ObjectEvent | EventError]:
    """Return every object that a raw event names, in the event's order; never empty.

    One unusable object among several is returned as an error in its place and does not affect the others. Messages
    contain the keys and types that were found, never values of the payload.

    Args:
        raw: An event object of the DataEngine runtime, a mapping, or JSON as text or UTF-8 bytes.

    Returns:
        One ObjectEvent per record; for other shapes one, or several for a result that lists several files.

    Raises:
        EventError: No object of the event is usable.
    """
    return _each_of(open_envelope(raw), _MAX_NOTIFICATIONS)


def _each_of(envelope: Envelope, depth: int) -> list[_Found]:
    payload = envelope.payload
    if depth and (inner := notifications(payload)):
        return _events_of(inner, lambda item: _each_of(envelope.around(item), depth - 1))
    if is_eventbridge(payload):
        return [_eventbridge_event(envelope, mapping_value(payload))]
    if isinstance(payload, Mapping) and "Records" in payload:
        return _from_records(payload["Records"], envelope)
    readers = (_from_payload, _from_elementpath) if envelope.is_function else (_from_elementpath, _from_payload)
    for reader in readers:
        events = reader(envelope)
        if events:
            return events
    if envelope.is_schedule:
        raise EventError(
            "a schedule event names no object, and no sweep is configured: set EXR_SWEEP, or EXR_SWEEP_CATALOG with "
            "EXR_VIEWS, or remove the schedule trigger"
        )
    if envelope.is_element:
        raise EventError(
            "an element event without elementpath and without Records names no object; it is what `vastde functions "
            f"invoke --generate-event` sends to try the connection (found {describe(payload)}); {_EXPECTED}"
        )
    raise EventError(f"an event of unknown shape: found {describe(payload)}; {_EXPECTED}")


def result_events(
    result: Mapping[str, object], *, event_id: str | None = None, time: datetime | None = None
) -> list[ObjectEvent | EventError]:
    """Return the objects that a function's result names, whether it is our own result or one of similar form.

    A result names an object by `bucket` and `key` (or `s3_bucket` and `s3_key`), or by `path`: `<bucket>/<key>`, with
    or without `s3://`. It names several by a list of results or paths under `results` or `files`. The `status`
    `removed` means REMOVED, any other means CREATED: it is harmless to read again an object that was skipped, unchanged
    or failed.

    Returns:
        One event per named object, or the error for an unusable one in a list; empty if the mapping names none.

    Raises:
        EventError: The result, or every entry of its list, reports an error instead of an outcome, or a name is
            unusable.
    """
    _refuse_error(result)
    for name in ("results", "files"):
        entries = result.get(name)
        if isinstance(entries, Sequence) and not isinstance(entries, (str, bytes)) and entries:
            return _events_of(entries, lambda entry: [_result_event(entry, event_id, time)])
    if _result_location(result) is None:
        return []
    return [_result_event(result, event_id, time)]


def event_kind(name: str) -> EventKind | None:
    """Return the kind that an event name means: `ObjectCreated:Put`, `ElementCreated`, `s3:ObjectRemoved:Delete`.

    The prefix of the name does not matter. Tagging is matched first (`ObjectTagging:Delete` removes no object), then
    removal (`ObjectRemoved:DeleteMarkerCreated` creates none). None for any other name.
    """
    lowered = name.lower()
    if any(word in lowered for word in _UNCHANGED_NAMES):
        return EventKind.UNCHANGED
    if "removed" in lowered or "delete" in lowered:
        return EventKind.REMOVED
    if "created" in lowered:
        return EventKind.CREATED
    return None


# --- one reader per shape --------------------------------------------------------------------------------


def _events_of(entries: Iterable[T], read: Callable[[T], Sequence[_Found]]) -> list[_Found]:
    """Return the events of all entries, with an error for each unreadable one; raise the first error if no entry is usable."""
    found: list[_Found] = []
    for entry in entries:
        try:
            found.extend(read(entry))
        except EventError as error:
            found.append(error)
    if isinstance(found[0], EventError) and not any(isinstance(item, ObjectEvent) for item in found):
        raise found[0]
    return found


def _eventbridge_event(envelope: Envelope, payload: Mapping[str, object]) -> ObjectEvent:
    """Read a notification of Amazon EventBridge, from S3 or of a call of S3 that CloudTrail recorded; keys are not encoded.

    Sources: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html,
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/cloudtrail-logging-understanding-s3-entries.html
    """
    detail = mapping_value(payload.get("detail"))
    described = mapping_value(detail.get("object"))
    recorded = mapping_value(detail.get("requestParameters"))
    bucket = mapping_value(detail.get("bucket")).get("name", recorded.get("bucketName"))
    own_name = detail.get("eventName") if recorded else payload.get("detail-type")
    name, kind = _kind_of((text_value(own_name) or "",))
    if recorded and (detail.get("readOnly") is True or name.startswith(("Get", "Head"))):
        kind = EventKind.UNCHANGED
    return ObjectEvent(
        bucket=text_value(bucket) or "",
        key=text_value(described.get("key", recorded.get("key"))) or "",
        kind=kind,
        etag=etag_value(described.get("etag")),
        size_bytes=size_value(described.get("size")),
        sequencer=text_value(described.get("sequencer")),
        time=time_value(payload.get("time")) or envelope.time,
        event_id=envelope.event_id or text_value(payload.get("id")),
        event_name=name,
    )


def _from_records(records: object, envelope: Envelope) -> list[_Found]:
    if not isinstance(records, Sequence) or isinstance(records, (str, bytes)):
        raise EventError(f"Records is {type_name(records)}, expected a list")
    if not records:
        events = _from_elementpath(envelope)
        if not events:
            raise EventError("Records is empty and there is no elementpath: the event names no object")
        return events
    return _events_of(records, lambda record: [_record_event(record, envelope, alone=len(records) == 1)])


def _record_event(record: object, envelope: Envelope, *, alone: bool) -> ObjectEvent:
    if not isinstance(record, Mapping):
        raise EventError(f"a record is {type_name(record)}, expected a mapping")
    notice = mapping_value(record.get("s3"))
    described = mapping_value(notice.get("object"))
    bucket = text_value(mapping_value(notice.get("bucket")).get("name"))
    location = _record_location(bucket, text_value(described.get("key")), envelope.elementpath, alone=alone)
    if location is None:
        raise EventError(
            f"a record names no object: found {describe(record)}, expected s3.bucket.name and s3.object.key"
        )
    own_name = text_value(record.get("eventName"))
    name, kind = _kind_of((own_name,) if own_name else envelope.names)
    return ObjectEvent(
        bucket=location[0],
        key=location[1],
        kind=kind,
        etag=etag_value(described.get("eTag", described.get("etag"))),
        size_bytes=size_value(described.get("size")),
        sequencer=text_value(described.get("sequencer")),
        time=time_value(record.get("eventTime")) or envelope.time,
        event_id=envelope.event_id,
        event_name=name,
        literal_key=location[2],
    )


def _record_location(
    bucket: str | None, encoded_key: str | None, elementpath: str | None, *, alone: bool
) -> tuple[str, str, str | None] | None:
    """Return bucket, key and literal key of a record by the module's rules 1 and 2; None if nothing names an object."""
    place = _split(elementpath) if elementpath else None
    if not bucket or not encoded_key:
        return (*place, None) if place and alone else None
    try:
        decoded = unquote_plus(encoded_key, errors="strict")
    except UnicodeDecodeError as error:
        if place is not None and alone and place[0] == bucket:
            return (*place, None)
        raise EventError("the key of a record does not decode to UTF-8") from error
    if place is not None and place[0] == bucket and place[1] in {encoded_key, unquote(encoded_key), decoded}:
        return (*place, None)
    return bucket, decoded, encoded_key if encoded_key != decoded else None


def _from_elementpath(envelope: Envelope) -> list[_Found]:
    if not envelope.elementpath:
        return []
    return [_plain_event(envelope, _split(envelope.elementpath), envelope.names, {})]


def _from_payload(envelope: Envelope) -> list[_Found]:
    payload = envelope.payload
    if not isinstance(payload, Mapping):
        return []
    key = text_value(payload.get("Key")) if "EventName" in payload else None  # MinIO's: bucket and key, not encoded
    if key:
        location: tuple[str, str] | None = _split(key)
    else:
        location = None if envelope.is_function or "status" in payload else _flat_location(payload)
    if location is None:
        return result_events(payload, event_id=envelope.event_id, time=envelope.time)
    own_name = text_value(payload.get("eventName", payload.get("event_name", payload.get("EventName"))))
    return [_plain_event(envelope, location, (own_name,) if own_name else envelope.names, payload)]


def _flat_location(fields: Mapping[str, object]) -> tuple[str, str] | None:
    """Return the bucket and key that are members of a mapping itself."""
    for bucket_name, key_name in (("bucket", "key"), ("s3_bucket", "s3_key")):
        bucket, key = fields.get(bucket_name), fields.get(key_name)
        if isinstance(bucket, str) and isinstance(key, str):
            return bucket, key
    return None


def _plain_event(
    envelope: Envelope, location: tuple[str, str], names: Sequence[str], fields: Mapping[str, object]
) -> ObjectEvent:
    """Create an event from a location; `fields` may contain the object's version."""
    name, kind = _kind_of(names)
    return ObjectEvent(
        bucket=location[0],
        key=location[1],
        kind=kind,
        etag=etag_value(fields.get("etag", fields.get("eTag"))),
        size_bytes=size_value(fields.get("size_bytes", fields.get("size"))),
        time=envelope.time,
        event_id=envelope.event_id,
        event_name=name,
    )


def _result_event(entry: object, event_id: str | None, time: datetime | None) -> ObjectEvent:
    result = {"path": entry} if isinstance(entry, str) else mapping_value(entry)
    _refuse_error(result)
    status = (text_value(result.get("status")) or "").lower()
    location = _result_location(result)
    if location is None:
        raise EventError(f"a result names no object: found {describe(entry)}, expected path, or bucket and key")
    return ObjectEvent(
        bucket=location[0],
        key=location[1],
        kind=EventKind.REMOVED if status == "removed" else EventKind.CREATED,
        etag=etag_value(result.get("etag")),
        size_bytes=size_value(result.get("size_bytes")),
        time=time,
        event_id=event_id,
        event_name=status,
    )


def _refuse_error(result: Mapping[str, object]) -> None:
    status = text_value(result.get("status"))
    if (status or "").lower() == "error" or (status is None and result.get("error")):
        raise EventError("the upstream function reports an error instead of a result; it should have raised it")


def _result_location(result: Mapping[str, object]) -> tuple[str, str] | None:
    path = result.get("path")
    by_path = _split(path.removeprefix("s3://")) if isinstance(path, str) else None
    return _flat_location(result) or by_path


# --- names -----------------------------------------------------------------------------------------------


def _kind_of(names: Sequence[str]) -> tuple[str, EventKind]:
    """Return the first name that means a kind of event, and that kind.

    An event without such a name is handled as a creation: reading the object shows its current state.
    """
    for name in names:
        kind = event_kind(name)
        if kind is not None:
            return name, kind
    return names[0] if names else "", EventKind.CREATED


def _split(path: str) -> tuple[str, str]:
    """Split `<bucket>/<key>` at its first slash; `ObjectEvent` rejects empty parts."""
    bucket, _, key = path.partition("/")
    return bucket, key


def _check_name(what: str, name: str) -> None:
    if not name:
        raise EventError(f"the {what} is empty")
    if "\0" in name:
        raise EventError(f"the {what} holds a NUL character")
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise EventError(f"the {what} is not valid Unicode: no store can hold that name") from error
