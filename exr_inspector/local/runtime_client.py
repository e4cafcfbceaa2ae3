"""Posts CloudEvents over HTTP, in either content mode: to a runtime, or to the sink a runtime delivers to."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from cloudevents.core.bindings.http import HTTPMessage, to_binary_event, to_structured_event
from cloudevents.core.exceptions import BaseCloudEventException
from cloudevents.core.v1.event import CloudEvent

from exr_inspector.errors import EventError, LocalRuntimeError
from exr_inspector.event_envelope import time_value

ContentMode = Literal["structured", "binary"]


@dataclass(frozen=True, slots=True)
class EventAnswer:
    """What came back for an event: HTTP status, and the body as text, which holds the error for 500."""

    status: int
    body: str


def post_event(
    url: str, event: Mapping[str, Any], *, mode: ContentMode = "structured", timeout_seconds: float = 150
) -> EventAnswer:
    """Post one event and wait for the answer.

    Args:
        url: Where to, `http://host:port/` or `https://`.
        event: Attributes, extensions and `data` in one mapping. `specversion`, `id` and `time` are filled in when absent.
        mode: Structured sends the whole event as JSON, binary sends attributes as headers and the data as body.
        timeout_seconds: How long to wait for the answer.

    Raises:
        EventError: The mapping is no CloudEvent.
        LocalRuntimeError: Nothing answers there, or not in time.
    """
    message = _http_message(event, mode)
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise LocalRuntimeError("the address is no URL of the form http://host:port/")
    connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection = connect(parts.hostname, parts.port, timeout=timeout_seconds)
        try:
            connection.request("POST", path, body=message.body, headers=message.headers)
            answer = connection.getresponse()
            return EventAnswer(answer.status, answer.read().decode("utf-8", "replace"))
        finally:
            connection.close()
    except (OSError, ValueError, http.client.HTTPException) as error:
        place = f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")
        raise LocalRuntimeError(f"no answer from {place}: {error or type(error).__name__}") from error


def _http_message(event: Mapping[str, Any], mode: ContentMode) -> HTTPMessage:
    attributes = {name: value for name, value in event.items() if name != "data" and value is not None}
    data = event.get("data")
    if "time" in attributes:
        attributes["time"] = time_value(attributes["time"])
        if attributes["time"] is None:
            raise EventError("the event's time is not ISO 8601")
    is_text = isinstance(data, str) and "json" not in str(attributes.get("datacontenttype", "json"))
    if mode == "binary" and data is not None and not is_text and not isinstance(data, bytes):
        # The library would write a list as Python does, and text without the quotes that make it JSON.
        data = json.dumps(data).encode()
        attributes.setdefault("datacontenttype", "application/json")
    try:
        made = CloudEvent(attributes, data)
        return to_binary_event(made) if mode == "binary" else to_structured_event(made)
    except (BaseCloudEventException, TypeError, ValueError) as error:
        raise EventError(f"the event is no CloudEvent: {error}") from error
