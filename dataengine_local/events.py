"""The event objects that the DataEngine runtime passes to a handler, and CloudEvents as a cluster sends them.

The classes have the members that VAST documents. They do not interpret the payload: the function decides which object an event
is about.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, TypeVar
from urllib.parse import quote_plus

TYPE_PREFIX = "vastdata.com:"
FUNCTION_TYPE = f"{TYPE_PREFIX}Function"
# Attributes of the CloudEvents specification; all others are extensions.
_CORE_ATTRIBUTES = frozenset(
    {"specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema"}
)
# The first name was observed on a cluster; VAST documents none for the other two.
_SUBTYPES = {"ObjectCreated": "ElementCreated", "ObjectRemoved": "ElementRemoved", "ObjectTagging": "ElementTagging"}
_TRIGGER_ID = "b45a6820-410c-457a-ac1b-035a102b5d05"
_SUBJECT = "vast-broker-engine-broker.main"
# Quartz's form with seconds and years, as a cluster writes it.
EVERY_FIVE_MINUTES = "0 0/5 * ? * * *"
_Kind = TypeVar("_Kind", bound="VastEvent")


@dataclass(eq=False)
class VastEvent:
    """An event; most events have a subclass for their type.

    Attributes:
        attributes: Every CloudEvent attribute with its extensions, `time` as ISO 8601 text.
        data: The payload: parsed JSON, else text or bytes; None without one.
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
        """The kind of event: `Element`, `Function`, `Schedule`; other types are unchanged."""
        return _kind_and_subtype(self.attributes)[0]

    @property
    def subtype(self) -> str | None:
        """The text after the kind, such as `ElementCreated`; None without one."""
        return _kind_and_subtype(self.attributes)[1]

    @property
    def source(self) -> str:
        """The sender: `vastdata.com:<trigger>.<trigger id>` or `vastdata.com:<function>`."""
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
    def timestamp(self) -> str | None:
        """The same as `time`."""
        return self.time

    @property
    def version(self) -> str:
        """The version of CloudEvents."""
        return str(self.attributes["specversion"])

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
        """The key that keeps the events of one object in order; None if the event has none."""
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

    def get(self, name: str, default: Any = None) -> Any:
        """One attribute or extension."""
        return self.attributes.get(name, default)

    def as_element_event(self) -> ElementTriggerVastEvent:
        """This event as an element event.

        Raises:
            TypeError: It is not.
        """
        return _cast(self, ElementTriggerVastEvent, "an element event")

    def as_function_event(self) -> FunctionVastEvent:
        """This event as a function's result.

        Raises:
            TypeError: It is not.
        """
        return _cast(self, FunctionVastEvent, "a function event")

    def as_schedule_event(self) -> ScheduleVastEvent:
        """This event as a schedule event.

        Raises:
            TypeError: It is not.
        """
        return _cast(self, ScheduleVastEvent, "a schedule event")

    def set_trigger_labels(self, labels: Mapping[str, str]) -> None:
        """Add labels for conditional routing; those of earlier calls stay.

        Raises:
            ValueError: `labels` is empty.
        """
        if not labels:
            raise ValueError("set_trigger_labels needs at least one label")
        self.trigger_labels.update(labels)


class ElementTriggerVastEvent(VastEvent):
    """An event about an object in storage."""

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


class FunctionVastEvent(VastEvent):
    """The return value of an upstream function."""

    @property
    def function_trigger(self) -> str:
        """The name of the function that returned it."""
        return self.trigger


class ScheduleVastEvent(VastEvent):
    """An event of a schedule."""

    @property
    def cron_schedule(self) -> str | None:
        """The schedule, as a cron expression; None when the event does not say."""
        return self.extensions.get("cronschedule")

    @property
    def timer_elapsed_timestamp(self) -> str | None:
        """The scheduled time, ISO 8601."""
        return self.time


class VastEventList(list[VastEvent]):
    """The argument of a batching handler: a list of events."""


_CLASSES = {"Element": ElementTriggerVastEvent, "Function": FunctionVastEvent, "Schedule": ScheduleVastEvent}


def _cast(event: VastEvent, kind: type[_Kind], words: str) -> _Kind:
    if isinstance(event, kind):
        return event
    raise TypeError(f"{type(event).__name__} is not {words}")


def _kind_and_subtype(attributes: Mapping[str, Any]) -> tuple[str, str | None]:
    name = str(attributes["type"])
    if not name.startswith(TYPE_PREFIX):
        return name, None
    kind, _, subtype = name.removeprefix(TYPE_PREFIX).partition(".")
    return kind, subtype or None


def event_of_kind(attributes: dict[str, Any], data: Any, *, get_data_returns_envelope: bool = False) -> VastEvent:
    """Make an event of the class for its `type`."""
    kind = _kind_and_subtype(attributes)[0]
    return _CLASSES.get(kind, VastEvent)(attributes, data, get_data_returns_envelope)


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
        **_envelope(f"Element.{_SUBTYPES.get(event_name.partition(':')[0], 'ElementCreated')}", trigger, moment),
        **({"id": event_id} if event_id else {}),
        "elementhandle": str(secrets.randbits(62)),
        "elementpath": f"{bucket}/{key}",
        "elementsourcetype": "vast:s3",
        "knativekafkaoffset": "0",
        "knativekafkapartition": "0",
        "data": {"Records": [record]},
    }


def _envelope(kind: str, trigger: str, moment: datetime | None = None) -> dict[str, Any]:
    """The attributes that all events of a cluster have."""
    return {
        "specversion": "1.0",
        "id": str(secrets.randbits(50)),
        "type": f"{TYPE_PREFIX}{kind}",
        "source": f"{TYPE_PREFIX}{trigger}.{_TRIGGER_ID}",
        "subject": _SUBJECT,
        "time": (moment or datetime.now(timezone.utc)).isoformat(timespec="microseconds"),
        "datacontenttype": "application/json",
    }


def schedule_event(cron: str = EVERY_FIVE_MINUTES, *, trigger: str = "local-schedule") -> dict[str, Any]:
    """A structured CloudEvent of a schedule that came due, as a cluster sends it."""
    data = {"message": "Activating trigger by cron"}
    return {**_envelope("Schedule.TimerElapsed", trigger), "cronschedule": cron, "data": data}


def generated_event() -> dict[str, Any]:
    """The event that `vastde functions invoke --generate-event` sends: an element event that names no object."""
    return {**_envelope("Element.ObjectCreated", "local-trigger"), "data": {"msg": "hello"}}
