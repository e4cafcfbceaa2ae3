"""Reads CloudEvents from HTTP requests, in binary and structured content mode, and refuses those that the platform refuses."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from cloudevents.core.bindings.http import HTTPMessage, from_http
from cloudevents.core.exceptions import BaseCloudEventException
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from dataengine_local.errors import EventError
from dataengine_local.events import VastEvent, event_of_kind

_USABLE_ID = re.compile(r"[0-9a-fA-F]+|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_STRUCTURED_MODE = "application/cloudevents"
_BATCHED_MODE = "application/cloudevents-batch"
_ATTRIBUTE_PREFIX = "ce-"


def event_from_http(headers: Mapping[str, str], body: bytes, *, get_data_returns_envelope: bool = False) -> VastEvent:
    """The event in a request, in binary or structured content mode.

    Raises:
        EventError: It is not a CloudEvent, has several in batched content mode, or is one that the platform refuses before the
            handler runs: without `subject`, or with an `id` that is neither hexadecimal nor a UUID.
    """
    decoded = {name: _header(name, value) for name, value in headers.items() if value.strip()}
    content_type = next((value for name, value in decoded.items() if name.lower() == "content-type"), "").lower()
    if content_type.startswith(_BATCHED_MODE):
        raise EventError(
            f"the request is a CloudEvents batch ({_BATCHED_MODE}+json); the DataEngine sends one event per request: post "
            "each event of the batch by itself, as application/cloudevents+json"
        )
    if content_type.startswith(_STRUCTURED_MODE):
        body = body.removeprefix(codecs.BOM_UTF8)
    try:
        parsed = from_http(HTTPMessage(headers=decoded, body=body), JSONFormat(), _exact_event)
    except (TypeError, AttributeError) as error:  # the library takes any JSON for an object
        raise EventError("the request is no CloudEvent: expected a JSON object of attributes and data") from error
    except (BaseCloudEventException, ValueError, LookupError, RecursionError) as error:
        raise EventError(f"the request is no CloudEvent: {error}") from error
    attributes = dict(parsed.get_attributes())
    if isinstance(attributes.get("time"), datetime):
        attributes["time"] = attributes["time"].isoformat()
    if not attributes.get("subject"):
        raise EventError("malformed event: it has no subject")
    if not _USABLE_ID.fullmatch(attributes["id"]):
        raise EventError("malformed event: its id is neither hexadecimal nor a UUID")
    return event_of_kind(attributes, parsed.get_data(), get_data_returns_envelope=get_data_returns_envelope)


def _header(name: str, value: str) -> str:
    """A header in the form that the library expects: without quotes, percent-encoded once.

    CloudEvents 1.0.2, HTTP binding, 3.1.3.2: receivers remove double quotes and their backslashes, then decode `%xx` as UTF-8,
    and must not accept escapes that are not UTF-8. Bytes that the sender should have encoded are read as UTF-8 too.
    """
    if not name.lower().startswith(_ATTRIBUTE_PREFIX):
        return value
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = re.sub(r"\\(.)", r"\1", value[1:-1])
    raw = value.encode("latin-1") if _is_latin_1(value) else value.encode()
    try:
        return quote(unquote_to_bytes(raw).decode())
    except UnicodeDecodeError:
        raise EventError(f"malformed event: the header {name} is not percent-encoded UTF-8") from None


def _is_latin_1(text: str) -> bool:
    return all(ord(character) < 256 for character in text)


def _exact_event(attributes: dict[str, Any], data: dict[str, Any] | str | bytes | None) -> CloudEvent:
    """The event without attributes that the library adds: an id, a version and a time that were not sent."""
    for required in ("id", "specversion"):
        if required not in attributes:
            raise EventError(f"malformed event: it has no {required}")
    has_time = "time" in attributes
    event = CloudEvent(attributes, data)
    if not has_time:
        del event.get_attributes()["time"]
    return event
