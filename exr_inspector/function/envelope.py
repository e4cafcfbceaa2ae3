"""Event envelopes: unwrap CloudEvents and runtime event objects to their payload, and read scalar values safely.

This module knows the attributes of a CloudEvent and the members of the runtime's event objects.
`exr_inspector.function.events` decides which object an event names. Error texts never contain values of a payload:
`describe` gives only keys and types.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import cast

from exr_inspector.errors import EventError

# An envelope may contain an envelope: `get_data()` of some runtimes returns the whole event, and a function may return the
# event that it received. No known sender nests deeper than this.
_MAX_NESTING = 4
# Keys by which a mapping itself names one or more objects. A mapping with `data` and none of these keys is an envelope.
_NAMING_KEYS = frozenset({"Records", "bucket", "key", "s3_bucket", "s3_key", "path", "files", "results"})
_ENVELOPE_KEYS = frozenset({"data", "data_base64", "elementpath"})
_ATTRIBUTES = ("id", "type", "subtype", "time", "elementpath")
_LISTED_KEYS = 12
_HARMLESS_NAME = re.compile(r"[A-Za-z0-9_.:*-]{1,60}")
_ISO_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?([Zz]|[+-]\d\d:?\d\d)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Envelope:
    """The attributes of an event, and its payload.

    Attributes:
        names: Subtype and type if present; the subtype, which is more specific, comes first.
        elementpath: `<bucket>/<key>`, not encoded; None when absent.
        event_id: The CloudEvent's id; None when absent.
        time: The CloudEvent's time in UTC; None when absent or unreadable.
        payload: The innermost data, with JSON text parsed; any type.
    """

    names: tuple[str, ...]
    elementpath: str | None
    event_id: str | None
    time: datetime | None
    payload: object

    @property
    def is_element(self) -> bool:
        """True for an event about an object in storage."""
        return any("Element" in name for name in self.names)

    @property
    def is_schedule(self) -> bool:
        """True for an event of a schedule trigger."""
        return any("Schedule" in name for name in self.names)

    def around(self, content: object) -> Envelope:
        """Open `content` as an envelope inside this one, which supplies the names, id and time that `content` lacks."""
        inner = open_envelope(content)
        return Envelope(
            names=inner.names or self.names,
            elementpath=inner.elementpath,
            event_id=inner.event_id or self.event_id,
            time=inner.time or self.time,
            payload=inner.payload,
        )

    @property
    def is_function(self) -> bool:
        """True for the return value of an upstream function."""
        return any("Function" in name for name in self.names)


def open_envelope(raw: object) -> Envelope:
    """Unwrap nested envelopes down to the payload; attributes of an inner envelope replace those of the outer one.

    Raises:
        EventError: `data_base64` is not base64.
    """
    attributes: dict[str, object] = {}
    content = raw
    if not isinstance(raw, (Mapping, str, bytes, bytearray, list)):
        attributes = _object_attributes(raw)
        content = _object_data(raw)
    for _ in range(_MAX_NESTING):
        content = _from_json(content)
        if not isinstance(content, Mapping) or not _is_envelope(content):
            break
        if "type" in content:
            attributes.pop("subtype", None)
        attributes.update(_mapping_attributes(content))
        content = _envelope_data(content)
    names = (text_value(attributes.get("subtype")), text_value(attributes.get("type")))
    return Envelope(
        names=tuple(name for name in names if name),
        elementpath=text_value(attributes.get("elementpath")),
        event_id=text_value(attributes.get("id")),
        time=time_value(attributes.get("time")),
        payload=content,
    )


def _object_attributes(event: object) -> dict[str, object]:
    """Return the attributes of a runtime event object, from all of its documented members that are present."""
    attributes: dict[str, object] = {}
    for source in (_call(event, "get_attributes"), _member(event, "extensions")):
        if isinstance(source, Mapping):
            attributes.update(_mapping_attributes(source))
    for name in ("id", "type", "subtype", "time"):
        attributes.setdefault(name, _member(event, name))
    for element in (event, _call(event, "as_element_event")):
        if text_value(attributes.get("elementpath")):
            break
        bucket, key = text_value(_member(element, "bucket")), text_value(_member(element, "object_key"))
        if bucket and key:
            attributes["elementpath"] = f"{bucket}/{key}"
    return attributes


def _object_data(event: object) -> object:
    if callable(_member(event, "get_data")):
        return _call(event, "get_data")
    return _member(event, "data")


def _member(event: object, name: str) -> object:
    """Return an attribute of a foreign object; None if it does not exist or its property raises while parsing."""
    try:
        return cast("object", getattr(event, name, None))
    except (TypeError, ValueError, LookupError):
        return None


def _call(event: object, name: str) -> object:
    """Call a method without arguments; None if it does not exist or raises (`as_element_event` raises TypeError)."""
    method = _member(event, name)
    try:
        return cast("object", method()) if callable(method) else None
    except (AttributeError, TypeError, ValueError, LookupError):
        return None


def _is_envelope(content: Mapping[object, object]) -> bool:
    if "specversion" in content:
        return True
    return bool(_ENVELOPE_KEYS & content.keys()) and not _NAMING_KEYS & content.keys()


def _mapping_attributes(content: Mapping[object, object]) -> dict[str, object]:
    extensions = content.get("extensions")
    found = {**extensions, **content} if isinstance(extensions, Mapping) else content
    return {name: found[name] for name in _ATTRIBUTES if found.get(name) is not None}


def _envelope_data(content: Mapping[object, object]) -> object:
    encoded = content.get("data_base64")
    if content.get("data") is None and isinstance(encoded, str):
        try:
            return base64.b64decode(encoded, validate=True)
        except ValueError as error:
            raise EventError("data_base64 is not base64") from error
    return content.get("data")


def _from_json(content: object) -> object:
    """Parse text and bytes as JSON; other values, and text that is not JSON, are returned unchanged."""
    if not isinstance(content, (str, bytes, bytearray)):
        return content
    try:
        return cast("object", json.loads(content))
    except (ValueError, RecursionError):
        return content


def envelope_or_none(raw: object) -> Envelope | None:
    """Return the envelope of an event, or None if it cannot be read; for the log line of an unusable event."""
    try:
        return open_envelope(raw)
    except EventError:
        return None


# --- notifications of other services ---------------------------------------------------------------------


def notifications(payload: object) -> list[object]:
    """Return the messages in a payload of SNS or SQS or in a list of events, as values or JSON text; otherwise empty."""
    if isinstance(payload, list):
        return payload
    if not isinstance(payload, Mapping):
        return []
    if isinstance(payload.get("Message"), str) and "Type" in payload:
        return [payload["Message"]]
    records = payload.get("Records")
    if not isinstance(records, list) or not records:
        return []
    carried = [_carried(record) for record in records]
    return carried if all(item is not None for item in carried) else []


def _carried(record: object) -> object:
    """Return the message of an SNS or SQS record; None for a record that names an object itself."""
    if not isinstance(record, Mapping) or "s3" in record:
        return None
    message = mapping_value(record.get("Sns")).get("Message")
    return message if message is not None else record.get("body")


def is_eventbridge(payload: object) -> bool:
    """Whether a payload is a notification of Amazon EventBridge."""
    return isinstance(payload, Mapping) and "detail-type" in payload and isinstance(payload.get("detail"), Mapping)


# --- scalars ---------------------------------------------------------------------------------------------


def text_value(value: object) -> str | None:
    """Return a non-empty string unchanged; None for anything else."""
    return value if isinstance(value, str) and value else None


def mapping_value(value: object) -> Mapping[str, object]:
    """Return a mapping unchanged; an empty mapping for anything else."""
    return cast("Mapping[str, object]", value) if isinstance(value, Mapping) else {}


def etag_value(value: object) -> str | None:
    """Return an ETag without its quotes; None if there is none."""
    return text_value(value.strip().strip('"')) if isinstance(value, str) else None


def size_value(value: object) -> int | None:
    """Return a size in bytes, given as a number or as decimal digits; None for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def time_value(value: object) -> datetime | None:
    """Convert a datetime or ISO 8601 text, in UTC if it has no offset, to a time in UTC; None if it is invalid.

    Fractions finer than a microsecond are truncated.
    """
    if isinstance(value, datetime):
        moment, offset = value.replace(tzinfo=None), value.utcoffset() or timedelta(0)
    else:
        match = _ISO_TIME.fullmatch(value.strip()) if isinstance(value, str) else None
        if match is None:
            return None
        day, clock, fraction, zone = match.groups()
        try:
            moment = datetime.fromisoformat(f"{day}T{clock}.{(fraction or '0')[:6]:0<6}")
        except ValueError:
            return None
        offset = _offset(zone)
    try:
        return (moment - offset).replace(tzinfo=timezone.utc)
    except OverflowError:
        return None


def _offset(zone: str | None) -> timedelta:
    if zone is None or zone in "Zz":
        return timedelta(0)
    distance = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
    return -distance if zone[0] == "-" else distance


# --- describing what was found ---------------------------------------------------------------------------


def describe(content: object) -> str:
    """Describe a value by its type, and a mapping by its keys and the types of its values. The text is safe to log."""
    if not isinstance(content, Mapping):
        return type_name(content)
    keys = [f"{shown_name(key)}: {type_name(value)}" for key, value in list(content.items())[:_LISTED_KEYS]]
    if len(content) > _LISTED_KEYS:
        keys.append(f"and {len(content) - _LISTED_KEYS} more")
    return f"a mapping with {{{', '.join(keys)}}}" if keys else "an empty mapping"


def shown_name(name: object) -> str:
    """Return a key or event name if it is short and plain; otherwise a placeholder, since it may contain a value."""
    return name if isinstance(name, str) and _HARMLESS_NAME.fullmatch(name) else "(a name not shown)"


def type_name(value: object) -> str:
    """Return the name of a value's type, `null` for None."""
    return "null" if value is None else type(value).__name__
