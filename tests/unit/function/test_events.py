"""Every form of event gives the exact object, or an EventError that contains nothing of the payload."""

from __future__ import annotations

import base64
import copy
import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exr_inspector.errors import EventError
from exr_inspector.function.events import EventKind, ObjectEvent, event_kind, parse_each, result_events
from tests.support.parsed import parse_events

FILES = Path(__file__).resolve().parents[2] / "events"
CREATED_TYPE = "vastdata.com:Element.ElementCreated"

# Any valid key: no NUL, no lone surrogates. Spaces, '+', '%' and '/' are frequent, since they cause most errors.
keys = st.text(
    st.one_of(st.sampled_from(" +%/&=?#.2B5"), st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    min_size=1,
    max_size=40,
)
buckets = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,20}[A-Za-z0-9])?", fullmatch=True).filter(
    lambda name: ".." not in name
)


def load(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((FILES / name).read_text(encoding="utf-8"))
    return loaded


def record(bucket: str, encoded_key: str, event_name: str = "ObjectCreated:Put") -> dict[str, Any]:
    return {"eventName": event_name, "s3": {"bucket": {"name": bucket}, "object": {"key": encoded_key}}}


def envelope(data: object, *, type_name: str = CREATED_TYPE, **attributes: object) -> dict[str, Any]:
    return {"specversion": "1.0", "id": "12ab", "source": "s", "type": type_name, **attributes, "data": data}


def only(raw: object) -> ObjectEvent:
    events = parse_events(raw)
    assert len(events) == 1
    return events[0]


class RuntimeEvent:
    """A runtime event object with only the members that VAST documents; with `whole`, get_data() returns the envelope."""

    def __init__(self, raw: dict[str, Any], *, whole: bool = False) -> None:
        self._raw = raw
        self._whole = whole
        self.id = raw["id"]
        self.type, _, self.subtype = raw["type"].removeprefix("vastdata.com:").partition(".")
        self.time = raw.get("time")
        self.extensions = {name: raw[name] for name in raw if name.startswith("element")}

    def get_data(self) -> object:
        return self._raw if self._whole else self._raw["data"]


class ElementEvent(RuntimeEvent):
    """An element event that names its object only by properties."""

    def __init__(self, raw: dict[str, Any]) -> None:
        super().__init__(raw)
        self.bucket, self.object_key = raw["elementpath"].split("/", 1)
        self.extensions = {}


class Wrapper:
    """An event whose element is only reached by `as_element_event()`; other members raise, as properties may."""

    def __init__(self, raw: dict[str, Any], *, element: bool) -> None:
        self._raw = raw
        self._element = element

    @property
    def extensions(self) -> object:
        raise KeyError("extensions")

    def get_attributes(self) -> dict[str, Any]:
        return {"type": self._raw["type"], "id": self._raw["id"]}

    def get_data(self) -> object:
        raise ValueError("the body is no JSON")

    def as_element_event(self) -> ElementEvent:
        if not self._element:
            raise TypeError("not an element event")
        return ElementEvent(self._raw)


# --- the payload files -----------------------------------------------------------------------------------


def test_a_real_created_event() -> None:
    assert only(load("element_created.json")) == ObjectEvent(
        bucket="s3-bucket-name",
        key="test.md",
        kind=EventKind.CREATED,
        etag="1d6155b60405bab055527913efd734a7",
        size_bytes=15,
        sequencer="009f00000000000f42fd",
        time=datetime(2026, 4, 8, 15, 41, 29, 591955, tzinfo=timezone.utc),
        event_id="1004356627333135",
        event_name="ObjectCreated:Put",
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "element_created_encoded_key.json",
            [("show a/beauty+v2 100%.0001.exr", EventKind.CREATED)],
        ),
        (
            "element_created_two_records.json",
            [
                ("shot/a.0001.exr", EventKind.CREATED),
                ("shot/a.0002.exr", EventKind.CREATED),
            ],
        ),
        ("element_removed.json", [("shot/a.0001.exr", EventKind.REMOVED)]),
        ("element_removed_without_records.json", [("shot/a.0001.exr", EventKind.REMOVED)]),
        ("element_tagging.json", [("shot/a.0001.exr", EventKind.UNCHANGED)]),
        ("records_alone.json", [("shot/a.0001.exr", EventKind.CREATED)]),
        ("flat.json", [("shot/a 1+1.exr", EventKind.CREATED)]),
        ("flat_s3.json", [("shot/a 1+1.exr", EventKind.CREATED)]),
        ("function_result.json", [("shot/a.0001.exr", EventKind.CREATED)]),
        (
            "function_results.json",
            [
                ("shot/a.0001.exr", EventKind.CREATED),
                ("shot/a.0002.exr", EventKind.REMOVED),
                ("notes.txt", EventKind.CREATED),
            ],
        ),
    ],
)
def test_every_payload_file_gives_its_objects(name: str, expected: list[tuple[str, EventKind]]) -> None:
    raw = load(name)
    text = json.dumps(raw)
    for form in (raw, text, text.encode()):
        events = parse_events(form)
        assert [(event.key, event.kind) for event in events] == expected
        assert {event.bucket for event in events} == {"renders"}


def test_each_record_keeps_what_belongs_to_it() -> None:
    first, second = parse_events(load("element_created_two_records.json"))
    assert (first.size_bytes, second.size_bytes) == (15, 30)
    assert second.etag == "d41d8cd98f00b204e9800998ecf8427e-3"
    assert (first.sequencer, second.sequencer) == ("009f00000000000f42fd", "009f00000000000f42fe")
    assert first.event_id == second.event_id == "1004356627333135"


def test_the_generated_event_names_no_object_and_says_so() -> None:
    with pytest.raises(EventError, match="generate-event"):
        parse_events(load("generated.json"))


def test_parsing_changes_nothing_of_the_raw_event() -> None:
    raw = load("element_created_two_records.json")
    before = copy.deepcopy(raw)
    parse_events(raw)
    assert raw == before


# --- runtime event objects -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["element_created.json", "element_created_encoded_key.json", "element_removed.json"])
@pytest.mark.parametrize("whole", [False, True])
def test_event_objects_equal_their_mappings(name: str, whole: bool) -> None:
    raw = load(name)
    assert parse_events(RuntimeEvent(raw, whole=whole)) == parse_events(raw)
    assert parse_events(ElementEvent(raw)) == parse_events(raw)


def test_event_object_without_records() -> None:
    raw = load("element_removed_without_records.json")
    for event in (RuntimeEvent(raw), RuntimeEvent(raw, whole=True), ElementEvent(raw), Wrapper(raw, element=True)):
        parsed = only(event)
        assert (parsed.path, parsed.kind) == ("renders/shot/a.0001.exr", EventKind.REMOVED)
        assert parsed.event_id == raw["id"]


def test_event_object_that_is_no_element_event() -> None:
    with pytest.raises(EventError):
        parse_events(Wrapper(load("generated.json"), element=False))


def test_event_object_with_data_as_bytes() -> None:
    raw = load("element_created.json")
    raw["data"] = json.dumps(raw["data"]).encode()
    assert only(RuntimeEvent(raw)).size_bytes == 15


def test_a_function_may_return_the_event_it_got() -> None:
    inner = load("element_removed.json")
    outer = envelope(inner, type_name="vastdata.com:Function")
    assert parse_events(outer) == parse_events(inner)
    assert parse_events(RuntimeEvent(outer)) == parse_events(inner)


def test_an_inner_envelope_says_better_what_happened() -> None:
    outer = RuntimeEvent(envelope(load("element_removed_without_records.json"), elementpath="b/other.exr"))
    assert outer.subtype == "ElementCreated"
    event = only(outer)
    assert (event.path, event.kind) == ("renders/shot/a.0001.exr", EventKind.REMOVED)


def test_base64_data_equals_plain_data() -> None:
    raw = load("element_created.json")
    raw["data_base64"] = base64.b64encode(json.dumps(raw.pop("data")).encode()).decode()
    assert parse_events(raw) == parse_events(load("element_created.json"))
    with pytest.raises(EventError):
        parse_events(envelope(None, data_base64="?"))


# --- keys ------------------------------------------------------------------------------------------------


@settings(deadline=None)  # no deadline, since other work on the machine must not fail a test
@given(buckets, keys)
def test_any_key_survives_every_shape(bucket: str, key: str) -> None:
    shapes: list[object] = [
        {"Records": [record(bucket, quote_plus(key, safe="/"))]},
        {"Records": [record(bucket, quote(key, safe="/"))]},
        {"Records": [record(bucket, quote_plus(key, safe=""))]},
        envelope({"Records": [record(bucket, quote_plus(key))]}, elementpath=f"{bucket}/{key}"),
        envelope({"Records": [record(bucket, quote(key))]}, elementpath=f"{bucket}/{key}"),
        envelope({}, elementpath=f"{bucket}/{key}"),
        envelope(None, elementpath=f"{bucket}/{key}"),
        {"bucket": bucket, "key": key},
        {"s3_bucket": bucket, "s3_key": key},
        envelope({"status": "inspected", "path": f"{bucket}/{key}"}, type_name="vastdata.com:Function"),
        {"status": "unchanged", "path": f"s3://{bucket}/{key}"},
        {"results": [f"{bucket}/{key}"]},
    ]
    for shape in shapes:
        for form in (shape, json.dumps(shape), json.dumps(shape).encode()):
            parsed = only(form)
            assert (parsed.bucket, parsed.key) == (bucket, key)


@settings(deadline=None)
@given(keys)
def test_a_key_that_was_not_encoded_is_read_as_elementpath_says(key: str) -> None:
    assert only(envelope({"Records": [record("b", key)]}, elementpath=f"b/{key}")).key == key


@settings(deadline=None)
@given(st.lists(keys, min_size=2, max_size=5))
def test_several_records_give_each_its_own_key(several: list[str]) -> None:
    raw = envelope({"Records": [record("b", quote_plus(key)) for key in several]}, elementpath=f"b/{several[0]}")
    assert [event.key for event in parse_events(raw)] == several


def test_keys_are_decoded_once() -> None:
    assert only({"Records": [record("b", "a%2520b%252B.exr")]}).key == "a%20b%2B.exr"


def test_records_win_over_an_elementpath_that_names_another_object() -> None:
    event = only(envelope({"Records": [record("b", "x.exr")]}, elementpath="b/y.exr"))
    assert event.key == "x.exr"
    assert only(envelope({"Records": [record("b", "x.exr")]}, elementpath="c/x.exr")).bucket == "b"


def test_elementpath_helps_a_lone_record_without_a_usable_name() -> None:
    removed = {"eventName": "ObjectRemoved:Delete", "s3": {}}
    event = only(envelope({"Records": [removed]}, elementpath="b/x.exr"))
    assert (event.path, event.kind) == ("b/x.exr", EventKind.REMOVED)
    assert only(envelope({"Records": [record("b", "%FF.exr")]}, elementpath="b/x.exr")).key == "x.exr"
    assert only(envelope({"Records": []}, elementpath="b/x.exr")).path == "b/x.exr"
    with pytest.raises(EventError):
        parse_events(envelope({"Records": [removed, removed]}, elementpath="b/x.exr"))


# --- what happened ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("ObjectCreated:Put", EventKind.CREATED),
        ("s3:ObjectCreated:CompleteMultipartUpload", EventKind.CREATED),
        ("ElementCreated", EventKind.CREATED),
        ("vastdata.com:Element.ObjectCreated", EventKind.CREATED),
        ("ObjectRemoved:Delete", EventKind.REMOVED),
        ("ObjectRemoved:DeleteMarkerCreated", EventKind.REMOVED),
        ("ElementDeleted", EventKind.REMOVED),
        ("ObjectTagging:Put", EventKind.UNCHANGED),
        ("ObjectTagging:Delete", EventKind.UNCHANGED),
        ("ObjectAcl:Put", None),
        ("", None),
    ],
)
def test_names_of_events_give_their_kind(name: str, kind: EventKind | None) -> None:
    assert event_kind(name) is kind


def test_a_record_says_better_than_its_envelope_what_happened() -> None:
    raw = envelope({"Records": [record("b", "k", "ObjectRemoved:Delete")]})
    assert only(raw).kind is EventKind.REMOVED
    nameless = envelope({"Records": [record("b", "k", "")]}, type_name="vastdata.com:Element.ElementRemoved")
    assert only(nameless).kind is EventKind.REMOVED


def test_a_flat_payload_follows_its_event_name_or_the_type_of_its_envelope() -> None:
    flat = {"bucket": "b", "key": "k"}
    assert only({**flat, "eventName": "ObjectRemoved:Delete"}).kind is EventKind.REMOVED
    assert only({**flat, "event_name": "ObjectRemoved:Delete"}).kind is EventKind.REMOVED
    assert only({**flat, "eventName": ""}).kind is EventKind.CREATED
    assert only(envelope(flat, type_name="vastdata.com:Element.ElementRemoved")).kind is EventKind.REMOVED
    assert only(envelope(flat, type_name="vastdata.com:Schedule")).kind is EventKind.CREATED
    assert only(envelope({**flat, "size": 7, "etag": '"e"'}, type_name="x")).etag == "e"


@pytest.mark.parametrize(
    "raw",
    [
        {"Records": [record("b", "k", "ObjectAcl:Put")]},
        {"Records": [record("b", "k", "")]},
        {"bucket": "b", "key": "k", "eventName": "ObjectRestore:Post"},
        envelope({}, type_name="vastdata.com:Element.ElementMoved", elementpath="b/k"),
        envelope({"bucket": "b", "key": "k"}, type_name="vastdata.com:Element.ElementMoved"),
    ],
)
def test_an_event_of_any_name_gives_the_object_that_it_names(raw: object) -> None:
    event = only(raw)
    assert (event.path, event.kind) == ("b/k", EventKind.CREATED)


@pytest.mark.parametrize("name", ["ObjectAccessed:Get", "s3:ObjectAccessed:Head", "ObjectTagging:Put"])
def test_events_of_reading_or_tagging_an_object_are_ignored(name: str) -> None:
    assert only({"Records": [record("b", "k", name)]}).kind is EventKind.UNCHANGED


# --- other services, odd names ----------------------------------------------------------------------------

RECORDS = {"Records": [record("b", "a+b%2Bc.exr")]}
BRIDGE = {
    "version": "0",
    "id": "17793124",
    "detail-type": "Object Deleted",
    "source": "aws.s3",
    "time": "2026-11-12T00:00:00Z",
    "detail": {"bucket": {"name": "b"}, "object": {"key": "a b+c.exr", "size": 5, "etag": "e", "sequencer": "01"}},
}
SNS = {"Type": "Notification", "TopicArn": "t", "Message": json.dumps(RECORDS)}


@pytest.mark.parametrize(
    "raw",
    [
        SNS,
        {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": json.dumps(RECORDS)}}]},
        {"Records": [{"eventSource": "aws:sqs", "body": json.dumps(RECORDS)}]},
        {"Records": [{"eventSource": "aws:sqs", "body": json.dumps(SNS)}]},
        {"Records": [{"eventSource": "aws:sqs", "body": json.dumps(BRIDGE)}]},
        BRIDGE,
        [RECORDS],
        [{"Records": [{"eventSource": "aws:sqs", "body": json.dumps(SNS)}]}],
    ],
    ids=["sns", "sns-record", "sqs", "sns-in-sqs", "bridge-in-sqs", "bridge", "batch", "batch-of-sns-in-sqs"],
)
def test_notifications_of_other_services_name_their_object(raw: object) -> None:
    for sent in (raw, json.dumps(raw), envelope(raw)):
        event = only(sent)
        assert event.path == "b/a b+c.exr"


def test_envelopes_around_envelopes_end() -> None:
    nested: object = SNS
    for _ in range(3):
        nested = {"Records": [{"eventSource": "aws:sqs", "body": json.dumps(nested)}]}
    with pytest.raises(EventError):
        only(nested)


def test_eventbridge_tells_what_happened() -> None:
    event = only(BRIDGE)
    assert (event.kind, event.size_bytes, event.etag, event.sequencer) == (EventKind.REMOVED, 5, "e", "01")
    assert event.literal_key is None


@pytest.mark.parametrize(
    ("name", "read_only", "kind"),
    [
        ("PutObject", False, EventKind.CREATED),
        ("CompleteMultipartUpload", None, EventKind.CREATED),
        ("DeleteObject", False, EventKind.REMOVED),
        ("PutObjectTagging", False, EventKind.UNCHANGED),
        ("GetObject", True, EventKind.UNCHANGED),
        ("HeadObject", None, EventKind.UNCHANGED),
    ],
)
def test_a_call_that_cloudtrail_recorded_names_its_object(name: str, read_only: bool | None, kind: EventKind) -> None:
    parameters = {"bucketName": "b", "key": "a b+c.exr"}
    detail = {"eventName": name, "readOnly": read_only, "requestParameters": parameters}
    event = only({"detail-type": "AWS API Call via CloudTrail", "source": "aws.s3", "detail": detail})
    assert (event.path, event.kind, event.event_name, event.literal_key) == ("b/a b+c.exr", kind, name, None)
    del parameters["key"]
    with pytest.raises(EventError, match="key is empty"):
        only({"detail-type": "AWS API Call via CloudTrail", "source": "aws.s3", "detail": detail})


@pytest.mark.parametrize(
    ("name", "kind"), [("ObjectCreated:Put", EventKind.CREATED), ("ObjectRemoved:Delete", EventKind.REMOVED)]
)
def test_minios_key_without_records_names_an_object(name: str, kind: EventKind) -> None:
    event = only(envelope({"EventName": f"s3:{name}", "Key": "b/shot/a b+c.exr"}))
    assert (event.path, event.kind, event.literal_key) == ("b/shot/a b+c.exr", kind, None)
    for key in ("b", "b/", "", None, 7):
        with pytest.raises(EventError):
            only(envelope({"EventName": f"s3:{name}", "Key": key}))


def test_of_a_batch_of_events_each_keeps_its_id_and_a_bad_one_spoils_no_other() -> None:
    first, bad, last = (envelope({"bucket": "b", "key": "k"}), envelope({}), envelope({"bucket": "b", "key": "l"}))
    first["id"], last["id"] = "1", "3"
    found = parse_each([first, bad, last])
    assert [getattr(event, "event_id", None) for event in found] == ["1", None, "3"]
    assert isinstance(found[1], EventError)


def test_a_key_that_decoding_changes_keeps_its_literal_spelling_unless_elementpath_settles_it() -> None:
    raw = {"Records": [record("b", "a+b%20c.exr")]}
    assert (only(raw).key, only(raw).literal_key) == ("a b c.exr", "a+b%20c.exr")
    assert only(envelope(raw, elementpath="b/a+b%20c.exr")).literal_key is None
    assert only({"Records": [record("b", "plain.exr")]}).literal_key is None


@pytest.mark.parametrize(
    "bucket", ["evil.example#", "..", "a..b", "a b", ".a", "a.", "a/b", "a@b", "a:80", "a?", "ä", "a" * 64]
)
def test_a_bucket_name_that_cannot_be_is_refused(bucket: str) -> None:
    for raw in ({"Records": [record(bucket, "k.exr")]}, {"bucket": bucket, "key": "k.exr"}):
        with pytest.raises(EventError, match="bucket"):
            parse_events(raw)


@pytest.mark.parametrize("bucket", ["a", "Renders", "_scratch", "show_a-1.b", "a" * 63])
def test_events_name_the_buckets_that_storage_opens(bucket: str) -> None:
    assert only({"Records": [record(bucket, "k.exr")]}).bucket == bucket


# --- results of functions --------------------------------------------------------------------------------


def test_result_events_read_every_spelling() -> None:
    entries = [{"path": "b/1"}, {"bucket": "b", "key": "2"}, {"s3_bucket": "b", "s3_key": "3"}, "s3://b/4", "b/5/6"]
    events = result_events({"status": "inspected", "files": entries}, event_id="7")
    assert [event.path for event in events] == ["b/1", "b/2", "b/3", "b/4", "b/5/6"]
    assert {event.event_id for event in events} == {"7"}
    assert result_events({"status": "skipped", "results": []}) == []


def test_a_result_goes_before_the_elementpath_that_came_along() -> None:
    raw = envelope({"path": "out/proxy.exr"}, type_name="vastdata.com:Function", elementpath="in/plate.exr")
    assert only(raw).path == "out/proxy.exr"
    empty = envelope({"rows": 3}, type_name="vastdata.com:Function", elementpath="in/plate.exr")
    assert only(empty).path == "in/plate.exr"


@pytest.mark.parametrize(
    "result",
    [
        {"status": "error", "message": "no", "path": "b/k"},
        {"error": "no such file", "bucket": "b", "key": "k"},
        {"status": "inspected", "results": [{"status": "Error", "path": "b/k"}, {"status": "Error", "path": "b/l"}]},
        {"results": [{"rows": 3}]},
        {"results": [3]},
        {"path": "nobucket.exr"},
    ],
)
def test_an_error_is_not_taken_for_a_result(result: dict[str, Any]) -> None:
    with pytest.raises(EventError):
        result_events(result)
    with pytest.raises(EventError):
        parse_events(envelope(result, type_name="vastdata.com:Function", elementpath="b/other.exr"))


def test_one_error_among_results_stands_in_its_place_and_spoils_no_other() -> None:
    result = {"status": "inspected", "results": [{"path": "b/k"}, {"status": "Error", "path": "b/l"}, "b/m"]}
    raw = envelope(result, type_name="vastdata.com:Function")
    for found in (result_events(result), parse_each(raw)):
        first, error, last = found
        assert isinstance(first, ObjectEvent)
        assert isinstance(last, ObjectEvent)
        assert (first.path, last.path) == ("b/k", "b/m")
        assert isinstance(error, EventError)
    with pytest.raises(EventError):
        parse_events(raw)


# --- what no event may be --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [
        {"bucket": "", "key": "k"},
        {"bucket": "b", "key": ""},
        {"bucket": "b", "key": "k\0"},
        {"bucket": "b\0", "key": "k"},
        {"bucket": "b/c", "key": "k"},
        {"bucket": "b", "key": "\ud800"},
        {"bucket": "b", "key": 5},
        {"Records": [record("b", "%FF")]},
        {"Records": [record("b", "%00")]},
        {"Records": [record("b", "")]},
        {"Records": {}},
        {"Records": "x"},
        {"Records": []},
        {"Records": [None]},
        envelope({}, elementpath="nobucket"),
        envelope({}, elementpath="/key"),
        {},
        [],
        [{"bucket": "b"}],
        [[[[[{"bucket": "b", "key": "k"}]]]]],
        None,
        7,
        object(),
        "",
        "b/k",
        b"\xff\xfe\x00",
        "[" * 100_000,
        '{"a":' * 5_000 + "1" + "}" * 5_000,
    ],
)
def test_unusable_events_are_errors(raw: object) -> None:
    with pytest.raises(EventError):
        parse_events(raw)


def test_errors_tell_keys_and_types_but_no_value() -> None:
    secret = "AKIAsecret"
    raw = envelope({"token": secret, f"key {secret}": 1, "n": [secret], "Bucket": None}, type_name=f"x {secret}")
    with pytest.raises(EventError) as caught:
        parse_events(raw)
    message = str(caught.value)
    assert secret not in message
    for told in ("token: str", "n: list", "Bucket: null", "elementpath", "s3_bucket"):
        assert told in message


def test_error_texts_stay_short() -> None:
    with pytest.raises(EventError) as caught:
        parse_events({f"k{number}": number for number in range(10_000)})
    assert "9988 more" in str(caught.value)
    assert len(str(caught.value)) < 600


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["Records", "data", "s3", "bucket", "key", "name", "object", "path", "type", "elementpath", "files"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_anything_at_all_gives_events_or_an_event_error(raw: object) -> None:
    try:
        events = parse_events(raw)
    except EventError:
        return
    assert events


# --- scalars ---------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.datetimes(timezones=st.just(timezone.utc)))
def test_times_come_back_exactly(moment: datetime) -> None:
    shifted = moment.astimezone(timezone(timedelta(hours=5, minutes=30))) if 1 < moment.year < 9999 else moment
    for text in (moment.isoformat(), moment.isoformat().replace("+00:00", "Z"), shifted.isoformat(), moment, shifted):
        assert only(envelope({}, elementpath="b/k", time=text)).time == moment


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-04-08T15:41:29.591955123Z", datetime(2026, 4, 8, 15, 41, 29, 591955, tzinfo=timezone.utc)),
        ("2026-04-08 15:41:29", datetime(2026, 4, 8, 15, 41, 29, tzinfo=timezone.utc)),
        ("2026-04-08T15:41:29-0230", datetime(2026, 4, 8, 18, 11, 29, tzinfo=timezone.utc)),
        ("2026-13-08T15:41:29Z", None),
        ("0001-01-01T00:00:00+01:00", None),
        ("yesterday", None),
        (5, None),
    ],
)
def test_times_are_read_in_every_form(text: object, expected: datetime | None) -> None:
    assert only(envelope({}, elementpath="b/k", time=text)).time == expected


@pytest.mark.parametrize(
    ("size", "expected"),
    [(0, 0), (5, 5), ("17", 17), (-1, None), (True, None), ("", None), ("1e3", None), (1.5, None), (None, None)],
)
def test_sizes_are_read_in_every_form(size: object, expected: int | None) -> None:
    raw = record("b", "k")
    raw["s3"]["object"]["size"] = size
    assert only({"Records": [raw]}).size_bytes == expected
