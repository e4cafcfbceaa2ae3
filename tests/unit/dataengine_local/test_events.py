"""Event objects have the members that VAST documents; `element_event` makes the events of a cluster."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataengine_local.client import post_event
from dataengine_local.errors import EventError
from dataengine_local.events import (
    ElementTriggerVastEvent,
    FunctionVastEvent,
    ScheduleVastEvent,
    VastEvent,
    element_event,
    generated_event,
    schedule_event,
)
from dataengine_local.http_events import event_from_http
from exr_inspector.errors import EventError as NoObjectError
from exr_inspector.function.events import EventKind
from tests.support.parsed import parse_events

FILES = Path(__file__).resolve().parents[2] / "events"
JSON = {"content-type": "application/cloudevents+json"}


def received(raw: dict[str, Any], **options: Any) -> VastEvent:
    return event_from_http(JSON, json.dumps(raw).encode(), **options)


def test_the_members_of_a_real_event() -> None:
    raw = json.loads((FILES / "element_created.json").read_text(encoding="utf-8"))
    event = received(raw)
    assert isinstance(event, ElementTriggerVastEvent)
    assert event.id == "1004356627333135"
    assert (event.type, event.subtype) == ("Element", "ElementCreated")
    assert event.source == "vastdata.com:my-trigger.b45a6820-410c-457a-ac1b-035a102b5d05"
    assert (event.trigger, event.trigger_id) == ("my-trigger", "b45a6820-410c-457a-ac1b-035a102b5d05")
    assert event.subject == "vast-broker-engine-broker.main"
    assert (event.broker, event.topic) == ("vast-broker-engine-broker", "main")
    assert event.time == "2026-04-08T15:41:29.591955+00:00"
    assert (event.bucket, event.object_key) == ("s3-bucket-name", "test.md")
    assert event.partition_key is None
    assert set(event.extensions) == {
        "elementhandle",
        "elementpath",
        "elementsourcetype",
        "knativekafkaoffset",
        "knativekafkapartition",
    }
    assert event.get_data() == event.data == raw["data"]
    assert event.get_attributes() == {name: raw[name] for name in raw if name != "data"}
    assert event.as_element_event() is event


def test_get_data_may_answer_the_whole_event() -> None:
    raw = json.loads((FILES / "element_created.json").read_text(encoding="utf-8"))
    event = received(raw, get_data_returns_envelope=True)
    assert event.get_data() == raw
    assert event.data == raw["data"]
    assert parse_events(event) == parse_events(raw)


@pytest.mark.parametrize(
    ("type_name", "expected", "kind", "subtype"),
    [
        ("vastdata.com:Element.ObjectCreated", ElementTriggerVastEvent, "Element", "ObjectCreated"),
        ("vastdata.com:Function", FunctionVastEvent, "Function", None),
        ("vastdata.com:Schedule.Cron", ScheduleVastEvent, "Schedule", "Cron"),
        ("com.example.manual", VastEvent, "com.example.manual", None),
    ],
)
def test_the_class_follows_the_type(type_name: str, expected: type, kind: str, subtype: str | None) -> None:
    event = received({**generated_event(), "type": type_name})
    assert type(event) is expected
    assert (event.type, event.subtype) == (kind, subtype)
    if expected is not ElementTriggerVastEvent:
        with pytest.raises(TypeError):
            event.as_element_event()
    if expected is FunctionVastEvent:
        assert event.as_function_event() is event
        assert event.as_function_event().function_trigger == "local-trigger"
    else:
        with pytest.raises(TypeError, match="not a function event"):
            event.as_function_event()


def test_a_schedule_event() -> None:
    event = received(schedule_event("0 0 3 ? * * *", trigger="nightly"))
    assert (event.type, event.subtype, event.trigger) == ("Schedule", "TimerElapsed", "nightly")
    assert event.as_schedule_event() is event
    assert event.as_schedule_event().cron_schedule == "0 0 3 ? * * *"
    assert event.as_schedule_event().timer_elapsed_timestamp == event.timestamp == event.time
    assert (event.version, event.get("cronschedule"), event.get("absent", 5)) == ("1.0", "0 0 3 ? * * *", 5)
    with pytest.raises(TypeError, match="not a schedule event"):
        received(generated_event()).as_schedule_event()


def test_the_generated_event_is_an_element_event_without_an_object() -> None:
    event = received(generated_event())
    assert isinstance(event, ElementTriggerVastEvent)
    assert (event.bucket, event.object_key) == (None, None)
    with pytest.raises(NoObjectError):
        parse_events(event)


def test_trigger_labels_are_added_and_need_at_least_one() -> None:
    event = received(generated_event())
    event.set_trigger_labels({"deep": "yes"})
    event.set_trigger_labels({"show": "x"})
    assert event.trigger_labels == {"deep": "yes", "show": "x"}
    with pytest.raises(ValueError, match="at least one"):
        event.set_trigger_labels({})


def test_nothing_is_made_up() -> None:
    raw = {name: value for name, value in generated_event().items() if name not in {"time", "data"}}
    event = received(raw)
    assert event.time is None
    assert event.data is None


def test_headers_of_binary_mode_become_attributes() -> None:
    headers = {
        "Ce-Id": "12",
        "ce-source": "vastdata.com:up",
        "ce-type": "vastdata.com:Function",
        "ce-specversion": "1.0",
        "ce-subject": "b.t",
        "ce-partitionkey": "b/a%20b%25.exr",
        "content-type": "text/plain",
    }
    event = event_from_http(headers, "é".encode())
    assert (event.id, event.data, event.partition_key) == ("12", "é", "b/a b%.exr")
    assert event_from_http(headers, b"\xff\xfe").data == b"\xff\xfe"


BINARY = {"ce-id": "12", "ce-source": "s", "ce-type": "t", "ce-specversion": "1.0", "ce-subject": "b.t"}


@pytest.mark.parametrize(
    ("header", "path"),
    [
        ("renders/a.exr", "renders/a.exr"),
        ('"renders/a.exr"', "renders/a.exr"),
        (r'"renders/a \"b\" c\\d.exr"', r'renders/a "b" c\d.exr'),
        ('renders/a".exr', 'renders/a".exr'),
        ('"', '"'),
        ("renders/a%20b%25.exr", "renders/a b%.exr"),
        ("renders/a+b.exr", "renders/a+b.exr"),
        ("renders/%c3%A9.exr", "renders/é.exr"),
        ("renders/\u00c3\u00a9.exr", "renders/é.exr"),
        ("renders/100%.exr", "renders/100%.exr"),
        ("renders/%F0%9F%98%80.exr", "renders/\U0001f600.exr"),
    ],
)
def test_attributes_in_headers_are_decoded_as_the_binding_says(header: str, path: str) -> None:
    assert event_from_http({**BINARY, "ce-elementpath": header}, b"").attributes["elementpath"] == path


def test_an_empty_content_type_and_a_byte_order_mark_are_ignored() -> None:
    assert event_from_http({**BINARY, "content-type": ""}, b'{"a": 1}').data in ({"a": 1}, '{"a": 1}', b'{"a": 1}')
    raw = generated_event()
    assert event_from_http(JSON, b"\xef\xbb\xbf" + json.dumps(raw).encode()).id == raw["id"]


@pytest.mark.parametrize("body", [b"[]", b"null", b"5", b'"text"'])
def test_json_that_is_no_object_is_refused_as_such(body: bytes) -> None:
    with pytest.raises(EventError, match="expected a JSON object"):
        event_from_http(JSON, body)


@pytest.mark.parametrize("header", ["renders/%ff%fe.exr", "renders/%C3.exr", "renders/\u00ff.exr"])
def test_escapes_that_are_no_utf8_are_refused_by_the_headers_name(header: str) -> None:
    with pytest.raises(EventError, match="ce-elementpath is not percent-encoded UTF-8"):
        event_from_http({**BINARY, "ce-elementpath": header}, b"")


@pytest.mark.parametrize(
    "content_type", ["application/cloudevents-batch+json", "Application/CloudEvents-Batch+JSON; charset=utf-8"]
)
def test_a_batch_is_refused_and_told_what_to_send_instead(content_type: str) -> None:
    body = json.dumps([generated_event()]).encode()
    with pytest.raises(EventError, match="post each event of the batch by itself"):
        event_from_http({"content-type": content_type}, body)


@settings(deadline=None)  # no deadline, since other work on the machine must not fail a test
@given(
    st.text(
        st.one_of(st.sampled_from(" +%/25B"), st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
        min_size=1,
        max_size=30,
    ),
    st.sampled_from(["ObjectCreated:Put", "ObjectRemoved:Delete", "ObjectTagging:Put"]),
)
def test_element_event_names_its_object_exactly(key: str, event_name: str) -> None:
    raw = element_event("samples", key, event_name=event_name, size_bytes=5, etag="e", sequencer="0a")
    (event,) = parse_events(received(raw))
    assert (event.bucket, event.key, event.event_name) == ("samples", key, event_name)
    assert (event.size_bytes, event.etag, event.sequencer) == (5, "e", "0a")
    assert [(found.path, found.kind) for found in parse_events(raw["data"])] == [(event.path, event.kind)]
    without_records = {**raw, "data": None}
    assert [(found.key, found.kind) for found in parse_events(without_records)] == [(key, event.kind)]


def test_element_event_has_what_a_real_one_has() -> None:
    real = json.loads((FILES / "element_created.json").read_text(encoding="utf-8"))
    moment = datetime(2026, 4, 8, 15, 41, 29, 591955, tzinfo=timezone.utc)
    made = element_event("b", "k", size_bytes=15, etag="e", time=moment)
    assert made.keys() == real.keys()
    assert (made["time"], made["type"], made["subject"]) == (real["time"], real["type"], real["subject"])
    made_record, real_record = made["data"]["Records"][0], real["data"]["Records"][0]
    assert made_record.keys() == real_record.keys()
    assert made_record["eventTime"] == real_record["eventTime"]
    assert made_record["s3"].keys() == real_record["s3"].keys()
    assert made_record["s3"]["object"].keys() == real_record["s3"]["object"].keys()
    assert [event.time for event in parse_events(made)] == [moment]


def test_element_events_differ_and_follow_each_other() -> None:
    events = [element_event("b", "k") for _ in range(50)]
    assert len({event["id"] for event in events}) == 50
    sequencers = [parse_events(event)[0].sequencer for event in events]
    assert sequencers == sorted(sequencers, key=lambda text: int(text or "", 16))
    assert element_event("b", "k", event_id="7")["id"] == "7"
    assert parse_events(element_event("b", "k", event_name="ObjectRemoved:Delete"))[0].kind is EventKind.REMOVED


@pytest.mark.parametrize("mode", ["structured", "binary"])
def test_what_is_no_event_is_not_posted(mode: Any) -> None:
    for changes in ({"time": "noon"}, {"type": ""}, {"Upper": "x"}, {"data": {"x": object()}}):
        with pytest.raises(EventError):
            post_event("http://127.0.0.1:9/", {**generated_event(), **changes}, mode=mode)
