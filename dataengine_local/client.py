"""Posts CloudEvents over HTTP, in either content mode: to a runtime, or to the sink a runtime delivers to."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Literal
from urllib.parse import urlsplit

from cloudevents.core.bindings.http import HTTPMessage, to_binary_event, to_structured_event
from cloudevents.core.exceptions import BaseCloudEventException
from cloudevents.core.v1.event import CloudEvent
from dateutil import parser

from dataengine_local.errors import EventError, LocalRuntimeError

ContentMode = Literal["structured", "binary"]


@dataclass(frozen=True, slots=True)
class EventAnswer:
    """The answer to an event: HTTP status, and the body as text, which for 500 is the error."""

    status: int
    body: str


def post_event(
    url: str, event: Mapping[str, Any], *, mode: ContentMode = "structured", timeout_seconds: float = 150
) -> EventAnswer:
    """Post one event and wait for the answer.

    Args:
        url: Target, `http://host:port/` or `https://`.
        event: Attributes, extensions and `data` in one mapping. `specversion`, `id` and `time` are filled in when absent.
        mode: Structured sends the whole event as JSON, binary sends attributes as headers and the data as body.
        timeout_seconds: How long to wait for the answer.

    Raises:
        EventError: The mapping is not a CloudEvent.
        LocalRuntimeError: Nothing answers there, or not in time.
    """
    message = _http_message(event, mode)
    secure, host, port, path = _address(url)
    connect = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = connect(host, port, timeout=timeout_seconds)
    try:
        connection.request("POST", path, body=message.body, headers=message.headers)
        answer = connection.getresponse()
        return EventAnswer(answer.status, answer.read().decode("utf-8", "replace"))
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise LocalRuntimeError(
            f"no answer from {host} port {connection.port}: {error or type(error).__name__}"
        ) from error
    finally:
        connection.close()


def _address(url: str) -> tuple[bool, str, int | None, str]:
    """Whether it is HTTPS, host, port (None for the scheme's own), and path with query."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise LocalRuntimeError(f"the address cannot be used: {error}") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise LocalRuntimeError("the address is no URL of the form http://host:port/")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return parts.scheme == "https", parts.hostname, port, path


def _time(value: object) -> datetime:
    """A moment in UTC from ISO 8601 text; without an offset it is UTC already."""
    try:
        moment = value if isinstance(value, datetime) else parser.isoparse(str(value))
        return moment.replace(tzinfo=moment.tzinfo or timezone.utc).astimezone(timezone.utc)
    except (ValueError, OverflowError) as error:
        raise EventError("the event's time is not ISO 8601") from error


def _http_message(event: Mapping[str, Any], mode: ContentMode) -> HTTPMessage:
    attributes = {name: value for name, value in event.items() if name != "data" and value is not None}
    data = event.get("data")
    if "time" in attributes:
        attributes["time"] = _time(attributes["time"])
    is_text = isinstance(data, str) and "json" not in str(attributes.get("datacontenttype", "json"))
    try:
        if mode == "binary" and data is not None and not is_text and not isinstance(data, bytes):
            # The library would write a list in Python's syntax, and text without JSON's quotes.
            data = json.dumps(data).encode()
            attributes.setdefault("datacontenttype", "application/json")
        made = CloudEvent(attributes, data)
        return to_binary_event(made) if mode == "binary" else to_structured_event(made)
    except (BaseCloudEventException, TypeError, ValueError, RecursionError) as error:
        raise EventError(f"the event is no CloudEvent: {error}") from error
