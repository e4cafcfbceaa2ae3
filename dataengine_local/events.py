"""Event objects as the DataEngine runtime hands them to a handler, and CloudEvents as a cluster sends them.

The classes answer the members VAST documents, so that a handler meets locally what it meets on a cluster. They interpret no
payload: which object an event is about is the business of the function.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote_plus

from cloudevents.core.bindings.http import HTTPMessage, from_http
from cloudevents.core.exceptions import BaseCloudEventException
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from dataengine_local.errors import EventError

TYPE_PREFIX = "vastdata.com:"
FUNCTION_TYPE = f"{TYPE_PREFIX}Function"
# What CloudEvents defines itself; every other attribute is an extension.
_CORE_ATTRIBUTES = frozenset(
    {"specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema"}
)
_USABLE_ID = re.compile(r"[0-9a-fA-F]+|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
# The first name was observed on a cluster; VAST documents none for the other two.
_SUBTYPES = {"ObjectCreated": "ElementCreated", "ObjectRemoved": "ElementRemoved", "ObjectTagging": "ElementTagging"}
_TRIGGER_ID = "b45a6820-410c-457a-ac1b-035a102b5d05"
_SUBJECT = "vast-broker-engine-broker.main"


@dataclass(eq=False)
class VastEvent:
    """One event; this class itself stands for events made by hand.

    Attributes:
        attributes: Every CloudEvent attribute with its extensions, `time` as ISO 8601 text.
        data: The payload: what its JSON gives, else text or bytes; None without one.
        get_data_returns_envelope: Make `get_data()` answer the whole event with the payload under `data`, as some
            releases of the runtime do.
        trigger_labels: Labels the handler set.
    """

    attributes: dict[str, Any]
    data: Any = None
    get_data_returns_envelope: bool = False
    trigger_labels: dict[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The event's id, the same on every delivery of it."""
        return str(self.attributes["id"])

    @property
    def type(self) -> str:
        """The kind of event: `Element`, `Function`, `Schedule`; a foreign type as it is."""
        return _kind_and_subtype(self.attributes)[0]

    @property
    def subtype(self) -> str | None:
        """What follows the kind, such as `ElementCreated`; None when nothing does."""
        return _kind_and_subtype(self.attributes)[1]

    @property
    def source(self) -> str:
        """Who sent it: `vastdata.com:<trigger>.<trigger id>` or `vastdata.com:<function>`."""
        return str(self.attributes["source"])

    @property
    def subject(self) -> str:
        """Broker and topic it came through, joined by a dot."""
        return str(self.attributes["subject"])

    @property
    def time(self) -> str | None:
        """When it happened, ISO 8601; None when the event does not say."""
        return self.attributes.get("time")

    @property
    def trigger(self) -> str:
        """The name of the trigger or function that sent it."""
        return self.source.removeprefix(TYPE_PREFIX).partition(".")[0]

    @property
    def trigger_id(self) -> str | None:
        """The id of the trigger that sent it; None when the source has none."""
        return self.source.removeprefix(TYPE_PREFIX).partition(".")[2] or None

    @property
    def broker(self) -> str:
        """The subject up to its last dot."""
        return self.subject.rpartition(".")[0]

    @property
    def topic(self) -> str:
        """The subject after its last dot."""
        return self.subject.rpartition(".")[2]

    @property
    def partition_key(self) -> str | None:
        """What keeps the events of one object in order; None when the event has no such extension."""
        return self.extensions.get("partitionkey")

    @property
    def extensions(self) -> dict[str, Any]:
        """Every attribute that CloudEvents itself does not define."""
        return {name: value for name, value in self.attributes.items() if name not in _CORE_ATTRIBUTES}

    def get_attributes(self) -> dict[str, Any]:
        """A copy of every attribute, extensions included."""
        return dict(self.attributes)

    def get_data(self) -> Any:
        """The payload, or the whole event with the payload under `data`."""
        return {**self.attributes, "data": self.data} if self.get_data_returns_envelope else self.data

    def as_element_event(self) -> ElementTriggerVastEvent:
        """This event as an element event.

        Raises:
            TypeError: It is none.
        """
        raise TypeError(f"{type(self).__name__} is not an element event")

    def set_trigger_labels(self, labels: Mapping[str, str]) -> None:
        """Label the event for conditional routing.

        Raises:
            ValueError: There is no label.
        """
        if not labels:
            raise ValueError("set_trigger_labels needs at least one label")
        self.trigger_labels.update(labels)


class ElementTriggerVastEvent(VastEvent):
    """Something happened to an object in storage."""

    @property
    def bucket(self) -> str | None:
        """The part of `elementpath` before its first '/'; None without `elementpath`."""
        path = self.attributes.get("elementpath")
        return str(path).partition("/")[0] if path else None

    @property
    def object_key(self) -> str | None:
        """The part of `elementpath` after its first '/'; None without `elementpath`."""
        path = self.attributes.get("elementpath")
        return str(path).partition("/")[2] if path else None

    def as_element_event(self) -> ElementTriggerVastEvent:
        """The event itself."""
        return self


class FunctionVastEvent(VastEvent):
    """An upstream function returned something."""


class ScheduleVastEvent(VastEvent):
    """A schedule came due."""


class VastEventList(list[VastEvent]):
    """What a batching handler is given."""


_CLASSES = {"Element": ElementTriggerVastEvent, "Function": FunctionVastEvent, "Schedule": ScheduleVastEvent}


def _kind_and_subtype(attributes: Mapping[str, Any]) -> tuple[str, str | None]:
    name = str(attributes["type"])
    if not name.startswith(TYPE_PREFIX):
        return name, None
    kind, _, subtype = name.removeprefix(TYPE_PREFIX).partition(".")
    return kind, subtype or None


def event_from_http(headers: Mapping[str, str], body: bytes, *, get_data_returns_envelope: bool = False) -> VastEvent:
    """The event a request carries, in binary or structured content mode.

    Raises:
        EventError: It is no CloudEvent, or one the platform refuses before the handler runs: without `subject`, or with an
            `id` that is neither hexadecimal nor a UUID.
    """
    try:
        parsed = from_http(HTTPMessage(headers=dict(headers), body=body), JSONFormat(), _exact_event)
    except (BaseCloudEventException, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise EventError(f"the request is no CloudEvent: {error}") from error
    attributes = dict(parsed.get_attributes())
    if isinstance(attributes.get("time"), datetime):
        attributes["time"] = attributes["time"].isoformat()
    if not attributes.get("subject"):
        raise EventError("malformed event: it has no subject")
    if not _USABLE_ID.fullmatch(attributes["id"]):
        raise EventError("malformed event: its id is neither hexadecimal nor a UUID")
    kind = _kind_and_subtype(attributes)[0]
    return _CLASSES.get(kind, VastEvent)(attributes, parsed.get_data(), get_data_returns_envelope)


def _exact_event(attributes: dict[str, Any], data: dict[str, Any] | str | bytes | None) -> CloudEvent:
    """The event as it was sent: the library would make up an id, a version and a time for one that has none."""
    for required in ("id", "specversion"):
        if required not in attributes:
            raise EventError(f"malformed event: it has no {required}")
    has_time = "time" in attributes
    event = CloudEvent(attributes, data)
    if not has_time:
        del event.get_attributes()["time"]
    return event


def element_event(
    bucket: str,
    key: str,
    *,
    event_name: str = "ObjectCreated:Put",
    size_bytes: int | None = None,
    etag: str | None = None,
    sequencer: str | None = None,
    event_id: str | None = None,
    time: datetime | None = None,
    trigger: str = "local-trigger",
) -> dict[str, Any]:
    """A structured CloudEvent about one object, as a cluster sends it.

    Args:
        bucket: Bucket name.
        key: Object key as it is; it is URL-encoded in `Records` and left as it is in `elementpath`.
        event_name: `ObjectCreated:*`, `ObjectRemoved:*` or `ObjectTagging:*`.
        size_bytes: Object size, left out when None.
        etag: ETag without quotes, left out when None.
        sequencer: Hexadecimal text; None makes one from the time.
        event_id: Decimal, hexadecimal or UUID; None makes a new one.
        time: When it happened, timezone-aware; None is now.
        trigger: Name of the trigger in `source`.

    Returns:
        Attributes, extensions and `data`, ready for `dataengine_local.client.post_event`.
    """
    moment = (time or datetime.now(timezone.utc)).astimezone(timezone.utc)
    described: dict[str, Any] = {"key": quote_plus(key, safe="/")}
    if size_bytes is not None:
        described["size"] = size_bytes
    if etag is not None:
        described["eTag"] = etag
    described["sequencer"] = sequencer or f"{int(moment.timestamp() * 1_000_000):020x}"
    record = {
        "eventVersion": "2.2",
        "eventSource": "vast:s3",
        "awsRegion": "local",
        "eventTime": moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z",
        "eventName": event_name,
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": f"{trigger}.{_TRIGGER_ID}",
            "bucket": {"name": bucket, "arn": f"arn:aws:s3:::{bucket}"},
            "object": described,
        },
    }
    return {
        "specversion": "1.0",
        "id": event_id or str(secrets.randbits(50)),
        "type": f"{TYPE_PREFIX}Element.{_SUBTYPES.get(event_name.partition(':')[0], 'ElementCreated')}",
        "source": f"{TYPE_PREFIX}{trigger}.{_TRIGGER_ID}",
        "subject": _SUBJECT,
        "time": moment.isoformat(timespec="microseconds"),
        "datacontenttype": "application/json",
        "elementhandle": str(secrets.randbits(62)),
        "elementpath": f"{bucket}/{key}",
        "elementsourcetype": "vast:s3",
        "knativekafkaoffset": "0",
        "knativekafkapartition": "0",
        "data": {"Records": [record]},
    }


def generated_event() -> dict[str, Any]:
    """The event that `vastde functions invoke --generate-event` sends: an element event that names no object."""
    return {
        "specversion": "1.0",
        "id": str(secrets.randbits(50)),
        "type": f"{TYPE_PREFIX}Element.ObjectCreated",
        "source": f"{TYPE_PREFIX}local-trigger.{_TRIGGER_ID}",
        "subject": _SUBJECT,
        "time": datetime.now(timezone.utc).isoformat(timespec="microseconds"),
        "datacontenttype": "application/json",
        "data": {"msg": "hello"},
    }
