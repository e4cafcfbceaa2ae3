"""The outcome of single events, branch by branch, with a real S3 server that fails on request and a real database server."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from dataengine_local.context import LocalContext
from dataengine_local.events import element_event, generated_event
from dataengine_local.http_events import event_from_http
from exr_inspector.catalog import UpsertResult
from exr_inspector.catalog.read.reader import Reader
from exr_inspector.catalog.recheck import upsert_isolating_failures
from exr_inspector.errors import CatalogError, ExrInspectorError, SourceError
from exr_inspector.exr.limits import Bounds
from exr_inspector.function.events import EventKind
from exr_inspector.function.handler import Service
from exr_inspector.function.results import MAX_RESULT_BYTES, combined
from exr_inspector.function.telemetry import Telemetry
from tests.chaos.stack import BUCKET, LocalStack, sample
from tests.support.documented import Documented
from tests.support.faulty_s3 import Drop, Request, Short, Stall, Status, Trickle
from tests.support.parsed import parse_events
from vastdb_local import Fault, FaultKind

REMOVED = "ObjectRemoved:Delete"

# Entries of docs/failures.md that several cases of a test prove.
_NO_CHANGE = pytest.mark.failure(
    "no row", "tags changed, or the object was read", "`skipped`", "leave such events out of the trigger"
)
_BAD_BUCKET = pytest.mark.failure(
    "no row",
    "an invalid bucket name (HOST#, ..)",
    "`skipped`, reason `EVENT`, without a request; logged as an error",
    "correct the sender",
)
_NO_OBJECT = pytest.mark.failure(
    "no row",
    "an event that names no object",
    "`skipped`, reason `EVENT`; logged as an error",
    "correct the trigger or the sender",
)
_STORE_FAILS = pytest.mark.failure(
    "raised", "the store answers 500, 503 or 429", "`SOURCE_UNAVAILABLE`", "nothing; if it lasts, check the store"
)
_STORE_DROPS = pytest.mark.failure(
    "raised",
    "the store drops the connection, or ends a body early",
    "`SOURCE_UNAVAILABLE`",
    "nothing; if it lasts, check the store",
)
_DATABASE_FAILS = pytest.mark.failure(
    "raised",
    "the database answers 500 or 503, or drops the connection before or after the operation",
    "`CATALOG_UNAVAILABLE`",
    "nothing; if it lasts, check the database",
)


def service(stack: LocalStack, **changes: str) -> Service:
    return Service.from_settings(stack.settings(**changes), Telemetry(LocalContext("test")))


def created(key: str, **told: Any) -> dict[str, Any]:
    return element_event(BUCKET, key, **told)


def removed(key: str, **told: Any) -> dict[str, Any]:
    return element_event(BUCKET, key, event_name=REMOVED, **told)


def several(*events: dict[str, Any]) -> dict[str, Any]:
    """Join the records of several events in one event."""
    return {
        **{name: value for name, value in events[0].items() if name != "elementpath"},
        "data": {"Records": [record for event in events for record in event["data"]["Records"]]},
    }


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(ExrInspectorError) as caught:
        call()
    return caught.value.code


# --- outcomes that return ----------------------------------------------------------------------------------


@pytest.mark.failure("no row", "the same event again", "`unchanged`", "nothing")
def test_a_new_object_is_inspected_and_a_second_delivery_is_unchanged(
    stack: LocalStack, documented: Documented
) -> None:
    stack.put("a.exr")
    event = created("a.exr")
    first, second = service(stack).handle(event), service(stack).handle(event)
    assert (first["status"], first["outcome"], first["path"]) == ("inspected", "inserted", f"{BUCKET}/a.exr")
    assert second["file_id"] == first["file_id"]
    documented(second["status"])
    assert stack.differences() == []


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            "not_an_exr.exr",
            marks=pytest.mark.failure(
                "row",
                "the first bytes are not OpenEXR's",
                "`EXR_MAGIC`",
                "write the file again, or give it another suffix",
            ),
        ),
        pytest.param(
            "empty.exr", marks=pytest.mark.failure("row", "no bytes at all", "`EXR_EMPTY`", "write the file again")
        ),
        pytest.param(
            "future_version.exr",
            marks=pytest.mark.failure(
                "row",
                "an unknown version or flag",
                "`EXR_VERSION`",
                "write the file again with a released version of OpenEXR",
            ),
        ),
        pytest.param(
            "header_truncated.exr",
            marks=pytest.mark.failure(
                "row", "the file ends inside its header", "`EXR_HEADER_TRUNCATED`", "write the file again"
            ),
        ),
        pytest.param(
            "header_damaged.exr",
            marks=pytest.mark.failure(
                "row", "the header's structure is broken", "`EXR_HEADER_DAMAGED`", "write the file again"
            ),
        ),
        pytest.param(
            "unknown_compression.exr",
            marks=pytest.mark.failure(
                "row",
                "the header does not define a chunk layout",
                "`EXR_LAYOUT`",
                "write the file again; report an unsupported codec",
            ),
        ),
    ],
)
def test_a_file_that_cannot_be_read_as_openexr_is_a_row(stack: LocalStack, name: str, documented: Documented) -> None:
    stack.put("bad.exr", name)
    result = service(stack).handle(created("bad.exr"))
    assert result["status"] == "failed"
    documented(result["error_code"])
    assert [(row["status"], row["error_code"]) for row in stack.rows("files")] == [("failed", result["error_code"])]
    assert stack.differences() == []


@pytest.mark.failure(
    "row",
    "the file declares more chunks, channels, pixels or bytes of a name than a limit allows, by default what readers accept",
    "`LIMIT_EXCEEDED`, with the finding STR-LIMIT",
    "write the file again; if it is meant, raise the limit that the message names, then `./run ingest PLACE --force`",
)
def test_a_file_beyond_a_limit_is_a_row(stack: LocalStack, documented: Documented) -> None:
    stack.put("big.exr", "layers.exr")
    documented(service(stack, EXR_MAX_CHANNELS="2").handle(created("big.exr"))["error_code"])
    assert [row["error_code"] for row in stack.rows("files")] == ["LIMIT_EXCEEDED"]


@pytest.mark.failure(
    "row",
    "the header needs more requests than allowed",
    "`SOURCE_BUDGET`",
    "raise EXR_MAX_REQUESTS or EXR_INITIAL_READ_BYTES, then `./run ingest PLACE --force`",
)
def test_a_file_that_asks_for_more_requests_than_allowed_is_a_row(stack: LocalStack, documented: Documented) -> None:
    stack.put("long.exr", "cryptomatte_manifest_126k.exr")
    result = service(stack, EXR_MAX_REQUESTS="1", EXR_INITIAL_READ_BYTES="100").handle(created("long.exr"))
    assert result["status"] == "failed"
    documented(result["error_code"])


@pytest.mark.failure(
    "row",
    "the store denies access to the object",
    "`SOURCE_ACCESS_DENIED`",
    "grant the keys the right to read it, then `./run ingest PLACE --force`",
)
def test_an_object_the_store_denies_is_a_row(stack: LocalStack, documented: Documented) -> None:
    stack.put("denied/a.exr")
    result = service(stack).handle(created("denied/a.exr"))
    assert result["status"] == "failed"
    documented(result["error_code"])
    assert stack.differences() == []


@pytest.mark.failure("row", "the client library cannot address the key", "`SOURCE_KEY`", "rename the object")
@pytest.mark.parametrize("key", ["a//b.exr", "./a.exr", "tab\there.exr"])
def test_a_key_that_cannot_be_addressed_is_a_row_and_goes_with_its_removal(
    stack: LocalStack, key: str, documented: Documented
) -> None:
    result = service(stack).handle(created(key))
    assert result["status"] == "failed"
    documented(result["error_code"])
    assert service(stack).handle(removed(key))["status"] == "removed"
    assert stack.rows("files") == []


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        pytest.param(
            created("readme.txt"),
            "not named .exr",
            marks=pytest.mark.failure("no row", "not named .exr", "`skipped`", "nothing"),
        ),
        pytest.param(
            created("shot/._a.exr"),
            "attributes that macOS keeps beside a file (AppleDouble)",
            marks=pytest.mark.failure(
                "no row", "`._x.exr`: attributes that macOS keeps beside a file (AppleDouble)", "`skipped`", "delete it"
            ),
        ),
        pytest.param(
            created("a.exr", event_name="ObjectTagging:Put"),
            "ObjectTagging:Put does not change the object",
            marks=_NO_CHANGE,
        ),
        pytest.param(
            created("a.exr", event_name="s3:ObjectAccessed:Get"),
            "s3:ObjectAccessed:Get does not change the object",
            marks=_NO_CHANGE,
        ),
        pytest.param(
            created("plates.exr/"),
            "a folder marker",
            marks=pytest.mark.failure("no row", "a folder marker", "`skipped`", "nothing"),
        ),
        pytest.param({"bucket": "evil.example#", "key": "a.exr"}, "EVENT", marks=_BAD_BUCKET),
        pytest.param({"bucket": "..", "key": "a.exr"}, "EVENT", marks=_BAD_BUCKET),
        pytest.param(generated_event(), "EVENT", marks=_NO_OBJECT),
        pytest.param(
            {"status": "error", "error": "upstream"},
            "EVENT",
            marks=pytest.mark.failure(
                "no row",
                "an upstream function's error, sent as if it were a result",
                "`skipped`, reason `EVENT`; logged as an error",
                "correct the upstream function",
            ),
        ),
        pytest.param("no event at all", "EVENT", marks=_NO_OBJECT),
        pytest.param(None, "EVENT", marks=_NO_OBJECT),
    ],
)
def test_what_is_not_for_us_is_skipped_without_a_request(
    stack: LocalStack, event: Any, reason: str, documented: Documented
) -> None:
    before = stack.s3.count()
    result = service(stack).handle(event)
    assert (result["status"], result["reason"]) == ("skipped", reason)
    documented(result["status"], *(["EVENT"] if result["reason"] == "EVENT" else []))
    assert stack.s3.count() == before
    assert stack.rows("files") == []


def test_an_event_that_is_skipped_can_be_traced_by_its_id_and_object(
    stack: LocalStack, caplog: pytest.LogCaptureFixture
) -> None:
    refused = {"specversion": "1.0", "id": "4711", "source": "s", "type": "vastdata.com:Element.ElementCreated"}
    with caplog.at_level(logging.INFO):
        service(stack).handle({**refused, "elementpath": "no#bucket/a.exr", "data": {}})
        service(stack).handle({**created("readme.txt"), "id": "4712"})
    lines = [record.getMessage() for record in caplog.records if "[SKIP]" in record.getMessage()]
    assert "no#bucket/a.exr" in lines[0]
    assert "event=4711" in lines[0]
    assert f"s3://{BUCKET}/readme.txt" in lines[1]
    assert "event=4712" in lines[1]


@pytest.mark.failure("no row", "a schedule event without EXR_SWEEP", "`skipped`; one line in the log", "nothing")
def test_a_schedule_event_is_one_line_and_no_error(
    stack: LocalStack, caplog: pytest.LogCaptureFixture, documented: Documented
) -> None:
    event = {"specversion": "1.0", "id": "9", "source": "s", "type": "vastdata.com:Schedule.TimerElapsed", "data": {}}
    with caplog.at_level(logging.INFO):
        documented(service(stack).handle(event)["status"])
    lines = [record for record in caplog.records if record.getMessage().startswith(("[SKIP]", "[ERROR]"))]
    assert [record.levelno for record in lines] == [logging.INFO]
    assert "no sweep is configured" in lines[0].getMessage()


@pytest.mark.failure(
    "no row",
    "any other event type that names an object",
    "the object is read: `inspected`, or `removed` if it does not exist",
    "nothing",
)
@pytest.mark.parametrize("name", ["ObjectAcl:Put", "LifecycleTransition"])
def test_an_event_of_any_name_makes_the_function_look_at_the_object(
    stack: LocalStack, name: str, documented: Documented
) -> None:
    stack.put("a.exr")
    event = {"Records": created("a.exr", event_name=name)["data"]["Records"]}
    documented(service(stack).handle(event)["status"])
    stack.s3.delete(BUCKET, "a.exr")
    documented(service(stack).handle(event)["status"])
    assert stack.rows("files") == []


@pytest.mark.failure(
    "no row",
    "a key that is not URL-encoded",
    "the object of the literal key is `inspected`, as is that of the decoded key if it exists",
    "nothing",
)
@pytest.mark.parametrize("key", ["shot/a+b.exr", "shot/c%20d.exr"])
def test_a_key_that_is_not_encoded_is_tried_as_it_stands(stack: LocalStack, key: str, documented: Documented) -> None:
    """Ceph's gateway and old LocalStacks do not encode keys: https://github.com/localstack/localstack/issues/2741."""
    raw = {"Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": BUCKET}, "object": {"key": key}}}]}
    stack.put(key)
    result = service(stack).handle(raw)
    assert result["path"] == f"{BUCKET}/{key}"
    documented(result["status"])
    assert stack.differences() == []
    stack.s3.delete(BUCKET, key)
    raw["Records"][0]["eventName"] = REMOVED
    assert service(stack).handle(raw)["status"] == "removed"
    assert stack.rows("files") == []


def test_a_key_that_may_be_literal_comes_again_while_the_store_fails(stack: LocalStack) -> None:
    raw = {"Records": [{"s3": {"bucket": {"name": BUCKET}, "object": {"key": "a+b.exr"}}}]}
    stack.put("a+b.exr")
    looked_for = []

    def fail_once(request: Request) -> None:
        looked_for.append(request.key)
        if len(looked_for) == 1:
            raise ConnectionError

    stack.s3.hook = fail_once
    handling = service(stack, S3_RETRIES="0")
    with pytest.raises(SourceError) as raised:
        handling.handle(raw)
    assert raised.value.retryable
    assert looked_for == ["a b.exr"], "a failure decides nothing"
    assert handling.handle(raw)["path"] == f"{BUCKET}/a+b.exr"


@pytest.mark.parametrize("gone", ["a b.exr", "a+b.exr"])
def test_the_objects_of_both_spellings_of_a_key_get_their_own_outcome(stack: LocalStack, gone: str) -> None:
    raw = {"Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": BUCKET}, "object": {"key": "a+b.exr"}}}]}  # fmt: skip # noqa: E501
    handling = service(stack)
    for key in ("a b.exr", "a+b.exr"):
        stack.put(key)
    handling.handle(raw)
    assert [row["key"] for row in stack.rows("files")] == ["a b.exr", "a+b.exr"]
    stack.s3.delete(BUCKET, gone)
    raw["Records"][0]["eventName"] = REMOVED
    handling.handle(raw)
    (kept,) = stack.rows("files")
    assert kept["key"] != gone
    assert stack.differences() == []
    stack.put(gone, "layers.exr")
    stack.s3.by_key[gone] = Status(403, "AccessDenied")
    raw["Records"][0]["eventName"] = "ObjectCreated:Put"
    handling.handle(raw)
    assert kept in stack.rows("files"), "what the store does not tell removes nothing"


@pytest.mark.parametrize("key", ["A.EXR", "shot/B.Exr"])
def test_the_suffix_counts_in_any_case(stack: LocalStack, key: str) -> None:
    stack.put(key)
    assert service(stack).handle(created(key))["status"] == "inspected"


@pytest.mark.failure(
    "raised",
    "an unexpected exception while one object is inspected",
    "`INTERNAL`, after all others were stored",
    "report the message and the log, with the file if possible",
)
def test_an_unforeseen_exception_while_inspecting_is_raised_after_the_others_were_stored(
    stack: LocalStack, documented: Documented
) -> None:
    for key in ("a.exr", "b.exr"):
        stack.put(key)
    handling = service(stack)
    opened = handling._opener.open

    def fail_a(bucket: str, key: str, **options: Any) -> Any:
        if key == "a.exr":
            raise ZeroDivisionError("unforeseen")
        return opened(bucket, key, **options)

    handling._opener.open = fail_a  # a fault of ours is not at hand
    documented(code_of(lambda: handling.handle_batch([created("a.exr"), created("b.exr")])))
    assert [row["key"] for row in stack.rows("files")] == ["b.exr"]


@pytest.mark.failure(
    "no row",
    "a removal of an object that does not exist, although the stored version looks newer",
    "`removed`, whatever the clocks",
    "synchronise the clocks of writers and store",
)
@pytest.mark.parametrize(("seq_created", "seq_removed"), [("05", "06"), (None, None), (None, "06"), ("07", "06")])
def test_a_removal_is_obeyed_when_the_object_is_gone_whatever_the_clock_says(
    stack: LocalStack, tmp_path: Path, seq_created: str | None, seq_removed: str | None, documented: Documented
) -> None:
    (tmp_path / "a.exr").write_bytes(sample("scanline_zip.exr"))
    ahead = time.time() + 2 * 86_400
    os.utime(tmp_path / "a.exr", (ahead, ahead))
    handling = service(stack, EXR_MOUNTS=f"mounted={tmp_path}")

    def event(name: str, sequencer: str | None) -> dict[str, Any]:
        raw = element_event("mounted", "a.exr", event_name=name)
        described = raw["data"]["Records"][0]["s3"]["object"]
        described.pop("sequencer", None)
        if sequencer:
            described["sequencer"] = sequencer
        return raw

    assert handling.handle(event("ObjectCreated:Put", seq_created))["status"] == "inspected"
    (tmp_path / "a.exr").unlink()
    documented(handling.handle(event(REMOVED, seq_removed))["status"])
    assert stack.rows("files") == []


@pytest.mark.failure(
    "row",
    "the file's CPU time exceeds EXR_DEADLINE_SECONDS twice in one container",
    "`CPU_TIME`",
    "raise EXR_DEADLINE_SECONDS, or write the file again; a changed object is read again",
)
@pytest.mark.heavy
def test_a_file_whose_own_cpu_time_exceeds_the_deadline_twice_gets_a_row(
    stack: LocalStack, monkeypatch: pytest.MonkeyPatch, documented: Documented
) -> None:
    """No file takes equally long on every machine, so validation computes until its checkpoint."""

    def compute(_inspection: object, _policy: object, bounds: Bounds) -> Any:
        enough = time.thread_time() + 2.6  # however busy the machine is
        while time.thread_time() < enough:
            pass
        while True:
            bounds.checkpoint()

    stack.put("slow.exr")
    handling = service(stack, EXR_DEADLINE_SECONDS="5", EXR_DB_RETRY_SECONDS="4")
    monkeypatch.setattr("exr_inspector.inspector.validate_file", compute)
    for _ in range(2):
        assert code_of(lambda: handling.handle(created("slow.exr"))) == "DEADLINE"
        assert stack.rows("files") == []
    monkeypatch.undo()
    result = handling.handle(created("slow.exr"))
    assert result["status"] == "failed"
    documented(result["error_code"])
    (row,) = stack.rows("files")
    assert row["etag"]
    assert row["inspector_version"] in row["error_message"]
    stack.put("slow.exr", "layers.exr")
    assert handling.handle(created("slow.exr"))["status"] == "inspected"


@pytest.mark.failure(
    "no row",
    "outside EXR_ALLOWED_BUCKETS or EXR_ALLOWED_PREFIXES",
    "`skipped`, without a request",
    "add the bucket or prefix, if it belongs to the catalog",
)
@pytest.mark.parametrize("name", ["ObjectCreated:Put", REMOVED])
def test_what_the_settings_forbid_is_skipped_without_a_request(
    stack: LocalStack, name: str, documented: Documented
) -> None:
    stack.put("other/a.exr")
    before = stack.s3.count()
    event = created("other/a.exr", event_name=name)
    for limits in ({"EXR_ALLOWED_BUCKETS": "elsewhere"}, {"EXR_ALLOWED_PREFIXES": f"{BUCKET}/shots/"}):
        documented(service(stack, **limits).handle(event)["status"])
    assert stack.s3.count() == before


# --- removal and the races around it -----------------------------------------------------------------------


@pytest.mark.failure("no row", "the object was removed", "`removed`, and its rows with it", "nothing")
def test_a_removed_object_leaves_no_row(stack: LocalStack, documented: Documented) -> None:
    stack.put("a.exr")
    service(stack).handle(created("a.exr"))
    stack.s3.delete(BUCKET, "a.exr")
    result = service(stack).handle(removed("a.exr"))
    assert result["outcome"] == "removed"
    documented(result["status"])
    assert service(stack).handle(removed("a.exr"))["outcome"] == "absent"
    assert stack.differences() == []


@pytest.mark.failure("no row", "a removal, but the object exists", "`inspected`", "nothing")
def test_an_object_that_is_there_although_removed_is_inspected(stack: LocalStack, documented: Documented) -> None:
    stack.put("a.exr")
    documented(service(stack).handle(removed("a.exr"))["status"])
    assert stack.differences() == []


@pytest.mark.failure(
    "no row", "the object does not exist any more when it is read", "`removed`, and its rows with it", "nothing"
)
def test_an_object_that_is_gone_when_it_is_to_be_read_is_removed(stack: LocalStack, documented: Documented) -> None:
    stack.put("a.exr")
    event = created("a.exr")
    service(stack).handle(event)
    stack.s3.delete(BUCKET, "a.exr")
    documented(service(stack).handle(event)["status"])
    assert stack.differences() == []


@pytest.mark.failure(
    "raised",
    "a mounted folder does not show a new file yet, within EXR_SETTLE_SECONDS of its event",
    "`SOURCE_UNAVAILABLE`; no row is removed",
    "nothing",
)
def test_a_file_that_a_mount_does_not_show_yet_comes_again_while_the_event_is_young(
    stack: LocalStack, tmp_path: Path, documented: Documented
) -> None:
    """NFS clients cache for a while that a file does not exist."""
    (tmp_path / "other.exr").write_bytes(
        sample("layers.exr")
    )  # otherwise the folder is empty, like a share that is not mounted
    handling = service(stack, EXR_MOUNTS=f"mounted={tmp_path}")
    now = datetime.now(timezone.utc)
    young, old = (element_event("mounted", "late.exr", time=now - timedelta(seconds=age)) for age in (0, 3600))
    assert code_of(lambda: handling.handle(young)) == "SOURCE_UNAVAILABLE"
    (tmp_path / "late.exr").write_bytes(sample("layers.exr"))
    assert handling.handle(young)["status"] == "inspected"
    (tmp_path / "late.exr").unlink()
    documented(code_of(lambda: handling.handle(young)))
    assert len(stack.rows("files")) == 1
    assert handling.handle(old)["status"] == "removed"
    assert stack.rows("files") == []


@pytest.mark.failure("no row", "an event older than what is stored", "`unchanged`, outcome `ignored_older`", "nothing")
def test_a_late_removal_of_an_object_made_again_changes_nothing(stack: LocalStack, documented: Documented) -> None:
    """The HEAD of the removal finds no object; then the object is created and inspected; then the removal continues."""
    late = removed("a.exr", sequencer="05")
    looked, go_on = threading.Event(), threading.Event()
    slow = service(stack)
    commit = slow._commit
    remove = commit.remove

    def wait_then_remove(*args: Any, **kwargs: Any) -> UpsertResult:
        looked.set()
        assert go_on.wait(10)
        return remove(*args, **kwargs)

    commit.remove = wait_then_remove  # the moment between two real calls
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(slow.handle, late)
        assert looked.wait(10)
        stack.put("a.exr")
        service(stack).handle(created("a.exr", sequencer="06"))
        go_on.set()
        result = running.result(10)
        documented(result["status"])
        documented(result["outcome"])
    assert stack.differences() == []


@pytest.mark.failure("raised", "the object is written again while its rows are removed", "`SOURCE_CHANGED`", "nothing")
def test_a_removal_that_took_the_rows_of_an_object_made_again_comes_again(
    stack: LocalStack, documented: Documented
) -> None:
    """Without sequencers, two events within one second have no order: the next delivery looks at the object."""
    stack.put("a.exr")
    handling = service(stack)
    handling.handle(created("a.exr"))
    flat = {"bucket": BUCKET, "key": "a.exr", "eventName": REMOVED}
    stack.s3.script(Status(404), Status(404))  # missing for one request: obstore sends HEAD, then GET
    documented(code_of(lambda: handling.handle(flat)))
    assert handling.handle(flat)["status"] == "inspected"
    assert stack.differences() == []


@pytest.mark.failure(
    "no row", "the object is removed between reading and storing", "`removed`: its rows are deleted again", "nothing"
)
def test_an_object_removed_while_it_was_being_stored_leaves_no_row(stack: LocalStack, documented: Documented) -> None:
    """The removal event is processed between reading and storing, when there are no rows yet."""
    stack.put("a.exr")
    slow = service(stack)
    upsert = slow._catalog.upsert
    outcomes = []

    def removed_meanwhile(*args: Any, **kwargs: Any) -> list[UpsertResult]:
        stack.s3.delete(BUCKET, "a.exr")
        outcomes.append(service(stack).handle(removed("a.exr", sequencer="02"))["outcome"])
        return upsert(*args, **kwargs)

    slow._catalog.upsert = removed_meanwhile  # the moment between two real calls
    documented(slow.handle(created("a.exr", sequencer="01"))["status"])
    assert outcomes == ["absent"]
    assert stack.rows("files") == []


@pytest.mark.failure("raised", "the object is overwritten while its rows are stored", "`SOURCE_CHANGED`", "nothing")
def test_an_object_overwritten_within_the_second_it_was_stored_comes_again(
    stack: LocalStack, documented: Documented
) -> None:
    stack.put("a.exr")
    slow = service(stack)
    upsert = slow._catalog.upsert

    def overwritten_meanwhile(*args: Any, **kwargs: Any) -> list[UpsertResult]:
        stored = stack.s3.find(BUCKET, "a.exr")
        stack.put("a.exr", "layers.exr")
        with stack.s3._lock:
            fresh = stack.s3._objects[BUCKET, "a.exr"]
            stack.s3._objects[BUCKET, "a.exr"] = type(fresh)(fresh.data, fresh.etag, stored.modified)
        return upsert(*args, **kwargs)

    slow._catalog.upsert = overwritten_meanwhile  # the moment between two real calls
    documented(code_of(lambda: slow.handle({"bucket": BUCKET, "key": "a.exr"})))
    assert service(stack).handle({"bucket": BUCKET, "key": "a.exr"})["status"] == "inspected"
    assert stack.differences() == []


@pytest.mark.failure(
    "no row",
    "a removal of an object that the keys may not read",
    "`removed`, as the event says",
    "grant the keys the right to read it",
)
def test_a_removal_event_removes_the_rows_of_an_object_that_may_not_be_read(
    stack: LocalStack, documented: Documented
) -> None:
    stack.put("denied/a.exr")
    service(stack).handle(created("denied/a.exr"))
    stack.s3.delete(BUCKET, "denied/a.exr")
    documented(service(stack).handle(removed("denied/a.exr"))["status"])
    assert stack.differences() == []


@pytest.mark.heavy
@pytest.mark.failure(
    "no row",
    "events of an object that the keys may not read, in any order",
    "the last event applies; `0` rows differ from the objects",
    "grant the keys the right to read it",
)
def test_for_an_object_that_may_not_be_read_the_last_event_counts_in_any_order(
    stack: LocalStack, documented: Documented
) -> None:
    """Only events are known of the object: they are ordered by sequencer, or by time without one."""
    start = datetime.now(timezone.utc)
    deliveries: list[list[dict[str, Any]]] = [[], [], [], []]
    histories = ((created, removed), (created, removed, created))
    for number, (history, order) in enumerate((h, o) for h in histories for o in permutations(range(len(h)))):
        for without_sequencer in range(1 << len(history)):
            key = f"denied/{number}-{without_sequencer}.exr"
            events = [
                make(key, sequencer=f"{index + 1:08x}", time=start + timedelta(seconds=index))
                for index, make in enumerate(history)
            ]
            for index, event in enumerate(events):
                if without_sequencer >> index & 1:
                    event["data"] = {}
            for delivery, index in zip(deliveries, (*order, order[0]), strict=False):
                delivery.append(events[index])
            if history[-1] is created:
                stack.put(key)
    for delivery in deliveries:
        service(stack).handle_batch(delivery)
    documented(len(stack.differences()))


# --- faults that raise -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        pytest.param("ObjectCreated:Put", Status(500), marks=_STORE_FAILS),
        pytest.param(REMOVED, Status(429), marks=_STORE_FAILS),
        pytest.param("ObjectCreated:Put", Short(100), marks=_STORE_DROPS),
        pytest.param(REMOVED, Drop(), marks=_STORE_DROPS),
        pytest.param(
            "ObjectCreated:Put",
            Stall(0.5),
            marks=pytest.mark.failure(
                "raised",
                "the store does not answer in time",
                "`SOURCE_UNAVAILABLE`",
                "nothing; if it lasts, check the store",
            ),
        ),
    ],
    ids=lambda value: type(value).__name__ + str(getattr(value, "code", "")),
)
def test_a_fault_of_the_store_raises_and_the_next_delivery_succeeds(
    stack: LocalStack, name: str, fault: Any, documented: Documented
) -> None:
    stack.put("a.exr")
    event = created("a.exr", event_name=name)
    handling = service(stack, S3_RETRIES="0", S3_TIMEOUT_SECONDS="0.2")
    stack.s3.script(fault)
    documented(code_of(lambda: handling.handle(event)))
    assert stack.rows("files") == []
    assert handling.handle(event)["status"] == "inspected"
    assert stack.differences() == []


@pytest.mark.failure("raised", "the object is overwritten while it is read", "`SOURCE_CHANGED`", "nothing")
def test_an_object_overwritten_while_it_is_read_raises(stack: LocalStack, documented: Documented) -> None:
    stack.put("a.exr", "cryptomatte_manifest_126k.exr")

    def overwrite(request: Request) -> None:
        if request.headers.get("if-match"):
            stack.put("a.exr", "layers.exr")

    stack.s3.hook = overwrite
    handling = service(stack, EXR_INITIAL_READ_BYTES="1000")
    documented(code_of(lambda: handling.handle(created("a.exr"))))
    stack.s3.hook = None
    assert handling.handle(created("a.exr"))["status"] == "inspected"
    assert stack.differences() == []


@pytest.mark.failure(
    "raised",
    "the store fails at the HEAD request after storing",
    "`SOURCE_UNAVAILABLE`",
    "nothing; if it lasts, check the store",
)
def test_a_recheck_that_fails_after_the_rows_were_stored_raises(stack: LocalStack, documented: Documented) -> None:
    stack.put("a.exr")
    stack.s3.script(None, Status(500))
    handling = service(stack, S3_RETRIES="0")
    documented(code_of(lambda: handling.handle(created("a.exr"))))
    assert handling.handle(created("a.exr"))["status"] == "unchanged"
    assert stack.differences() == []


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        pytest.param("insert", FaultKind.INTERNAL_ERROR, marks=_DATABASE_FAILS),
        pytest.param("commit", FaultKind.SLOW_DOWN, marks=_DATABASE_FAILS),
        pytest.param("insert", FaultKind.DROP_BEFORE, marks=_DATABASE_FAILS),
        pytest.param("commit", FaultKind.DROP_AFTER, marks=_DATABASE_FAILS),
        pytest.param(
            "commit",
            FaultKind.CONFLICT,
            marks=pytest.mark.failure(
                "raised",
                "every attempt conflicts with another writer",
                "`CATALOG_CONFLICT`",
                "nothing; if it lasts, raise --guards (docs/scale.md)",
            ),
        ),
    ],
)
def test_a_fault_of_the_database_raises_and_the_next_delivery_succeeds(
    stack: LocalStack, operation: str, kind: FaultKind, documented: Documented
) -> None:
    stack.put("a.exr")
    handling = service(stack, EXR_DB_RETRY_SECONDS="0.2")
    stack.database.faults.chance(operation, 1.0, Fault(kind))
    documented(code_of(lambda: handling.handle(created("a.exr"))))
    stack.database.faults.clear()
    assert handling.handle(created("a.exr"))["status"] in {"inspected", "unchanged"}
    assert stack.differences() == []


@pytest.mark.failure("raised", "schema or table is missing", "`CATALOG_SCHEMA_MISSING`", "`./run db setup`")
def test_a_missing_table_raises_since_the_row_can_be_stored_nowhere(stack: LocalStack, documented: Documented) -> None:
    stack.put("a.exr")
    handling = service(stack, VAST_DB_SCHEMA="never_made")
    documented(code_of(lambda: handling.handle(created("a.exr"))))


@pytest.mark.failure(
    "raised", "the database refuses the keys", "`CATALOG_DENIED`", "update the keys in the secret, or their rights"
)
def test_refused_database_keys_raise(stack: LocalStack, documented: Documented) -> None:
    stack.put("a.exr")
    handling = service(stack, VAST_DB_ACCESS_KEY="somebody", EXR_DB_RETRY_SECONDS="0.2")
    documented(code_of(lambda: handling.handle(created("a.exr"))))


@pytest.mark.failure(
    "raised",
    "the bucket is not mounted and S3 is not configured",
    "`SETTINGS`",
    "set S3_ENDPOINT_URL and its keys, or EXR_MOUNTS",
)
def test_a_bucket_without_s3_settings_raises(stack: LocalStack, tmp_path: Path, documented: Documented) -> None:
    handling = service(stack, S3_ENDPOINT_URL="", EXR_MOUNTS=f"other={tmp_path}")
    documented(code_of(lambda: handling.handle(created("a.exr"))))


# --- time --------------------------------------------------------------------------------------------------


@pytest.mark.failure(
    "raised",
    "reading takes longer than EXR_DEADLINE_SECONDS",
    "`DEADLINE`",
    "raise EXR_DEADLINE_SECONDS if large files need longer",
)
@pytest.mark.parametrize("fault", [Stall(30.0), Trickle(200, 0.2)], ids=["stalled", "trickling"])
def test_the_deadline_ends_reading(stack: LocalStack, fault: Any, documented: Documented) -> None:
    stack.put("a.exr")
    handling = service(stack, EXR_DEADLINE_SECONDS="1", EXR_DB_RETRY_SECONDS="0.5", S3_TIMEOUT_SECONDS="10")
    stack.s3.script(fault)
    started = datetime.now(timezone.utc)
    documented(code_of(lambda: handling.handle(created("a.exr"))))
    assert (datetime.now(timezone.utc) - started).total_seconds() < 10


@pytest.mark.failure(
    "raised",
    "the deadline passes during retries of the database",
    "`CATALOG_UNAVAILABLE`",
    "nothing; if it lasts, check the database",
)
def test_the_deadline_ends_retries_of_the_database(stack: LocalStack, documented: Documented) -> None:
    stack.put("a.exr")
    handling = service(stack, EXR_DEADLINE_SECONDS="31", EXR_DB_RETRY_SECONDS="30")
    handling._settings = stack.settings(
        EXR_DEADLINE_SECONDS="1", EXR_DB_RETRY_SECONDS="0.9"
    )  # the catalog keeps its 30 s
    stack.database.faults.chance("begin", 1.0, Fault(FaultKind.INTERNAL_ERROR))
    started = datetime.now(timezone.utc)
    documented(code_of(lambda: handling.handle(created("a.exr"))))
    assert (datetime.now(timezone.utc) - started).total_seconds() < 10


@pytest.mark.failure(
    "raised",
    "the database does not answer in EXR_DB_TIMEOUT_SECONDS, or before the deadline",
    "`CATALOG_UNAVAILABLE|DEADLINE`: the latter when no time is left for the next request",
    "nothing; if it lasts, check the database",
)
@pytest.mark.parametrize("operation", ["begin", "query", "insert", "commit"])
def test_the_deadline_ends_a_request_to_the_database_that_hangs(
    stack: LocalStack, operation: str, documented: Documented
) -> None:
    stack.put("a.exr")
    handling = service(stack, EXR_DEADLINE_SECONDS="1", EXR_DB_RETRY_SECONDS="0.9", EXR_DB_TIMEOUT_SECONDS="60")
    stack.database.faults.chance(operation, 1.0, Fault(FaultKind.DROP_BEFORE, 15.0))
    started = datetime.now(timezone.utc)
    documented(code_of(lambda: handling.handle(created("a.exr"))))
    assert (datetime.now(timezone.utc) - started).total_seconds() < 8
    stack.database.faults.clear()
    handling.handle(created("a.exr"))
    assert stack.differences() == []


# --- several objects, several events -----------------------------------------------------------------------


@pytest.mark.failure(
    "no row",
    "a record without an object, among others",
    "the others are processed; this one is `skipped`, with the reason",
    "correct the sender",
)
def test_a_record_that_names_no_object_spoils_no_other(stack: LocalStack, documented: Documented) -> None:
    for key in ("a.exr", "b.exr"):
        stack.put(key)
    event = several(created("a.exr"), created("b.exr"), created("c.exr"))
    del event["data"]["Records"][1]["s3"]["object"]["key"]
    event["data"]["Records"][2] = "no record"
    result = service(stack).handle(event)
    assert (result["status"], result["count"]) == ("inspected", 3)
    assert [entry.get("path") for entry in result["files"]] == [f"{BUCKET}/a.exr", None, None]
    assert [entry["status"] for entry in result["files"]] == ["inspected", "skipped", "skipped"]
    documented(result["files"][1]["status"])
    assert "names no object" in result["files"][1]["message"]
    assert [row["path"] for row in stack.rows("files")] == [f"{BUCKET}/a.exr"]


def test_every_record_of_an_event_is_carried_out_and_its_result_names_them(stack: LocalStack) -> None:
    for key in ("a.exr", "b.exr"):
        stack.put(key)
    stack.put("bad.exr", "not_an_exr.exr")
    keys = ("a.exr", "note.txt", "b.exr", "bad.exr", "gone.exr")
    result = service(stack).handle(several(*(created(key) for key in keys)))
    assert (result["status"], result["count"], result["worst_severity"]) == ("failed", 5, "error")
    assert [(entry["path"], entry["status"]) for entry in result["files"]] == [
        (f"{BUCKET}/a.exr", "inspected"),
        (f"{BUCKET}/note.txt", "skipped"),
        (f"{BUCKET}/b.exr", "inspected"),
        (f"{BUCKET}/bad.exr", "failed"),
        (f"{BUCKET}/gone.exr", "removed"),
    ]
    assert stack.differences() == []


def test_a_batch_is_one_transaction_with_results_in_order(stack: LocalStack) -> None:
    keys = [f"shot/{index:02}.exr" for index in range(12)]
    for key in keys:
        stack.put(key)
    handling = service(stack)
    stack.database.reset_counters()
    results = handling.handle_batch([created(key) for key in keys])
    assert [result["path"] for result in results] == [f"{BUCKET}/{key}" for key in keys]
    assert stack.database.counters()["commit"] == 1
    assert stack.differences() == []


@pytest.mark.failure(
    "batch",
    "an unreadable event, a damaged file",
    "`skipped` or `failed` in its place; the others are unaffected",
    "correct the sender, or write the file again",
)
def test_one_invalid_event_does_not_fail_the_others(stack: LocalStack, documented: Documented) -> None:
    stack.put("a.exr")
    stack.put("z.exr", "header_damaged.exr")

    class Broken:
        def get_data(self) -> Any:
            raise TypeError("what the platform's objects may do")

    results = service(stack).handle_batch([None, created("a.exr"), Broken(), created("z.exr"), "rubbish"])
    assert [result["status"] for result in results] == ["skipped", "inspected", "skipped", "failed", "skipped"]
    documented(results[0]["status"], results[3]["status"])
    assert stack.differences() == []


@pytest.mark.failure(
    "raised",
    "an unexpected exception in this program",
    "`INTERNAL`, after all others were processed",
    "report the message and the log",
)
def test_an_event_object_that_fails_in_an_unforeseen_way_fails_alone(stack: LocalStack, documented: Documented) -> None:
    stack.put("a.exr")

    class Hostile:
        @property
        def id(self) -> str:
            raise RuntimeError("never foreseen")

    documented(code_of(lambda: service(stack).handle_batch([Hostile(), created("a.exr")])))
    assert stack.differences() == []


@pytest.mark.failure(
    "batch",
    "a transient fault of one object",
    "`SOURCE_UNAVAILABLE` after the others were stored; they are `unchanged` when the batch is delivered again",
    "nothing; if it lasts, check the store",
)
def test_a_fault_of_one_object_is_raised_after_the_others_were_stored(
    stack: LocalStack, documented: Documented
) -> None:
    stack.put("a.exr")
    stack.put("b.exr")
    stack.put("c.exr")

    def lose_b(request: Request) -> None:
        if request.key == "b.exr":
            raise ConnectionError

    stack.s3.hook = lose_b
    handling = service(stack, S3_RETRIES="0")
    batch = [created(key) for key in ("a.exr", "b.exr", "c.exr")]
    documented(code_of(lambda: handling.handle_batch(batch)))
    assert sorted(row["path"] for row in stack.rows("files")) == [f"{BUCKET}/a.exr", f"{BUCKET}/c.exr"]
    stack.s3.hook = None
    again = [result["status"] for result in handling.handle_batch(batch)]
    assert again == ["unchanged", "inspected", "unchanged"]
    documented(again[0])
    assert stack.differences() == []


@pytest.mark.failure(
    "raised",
    "the database rejects some rows permanently",
    "`CATALOG`, after all others were stored",
    "report the message: it is a fault of this program",
)
def test_rows_the_database_refuses_for_good_do_not_keep_the_others_out(
    stack: LocalStack, documented: Documented
) -> None:
    for key in ("a.exr", "b.exr", "c.exr", "d.exr"):
        stack.put(key)
    handling = service(stack)
    upsert = handling._catalog.upsert

    def refuse_b(inspections: Any, **kwargs: Any) -> list[UpsertResult]:
        if any(inspection.key == "b.exr" for inspection in inspections):
            raise CatalogError("the database answered 400")
        return upsert(inspections, **kwargs)

    handling._catalog.upsert = refuse_b  # a server that refuses one row is not at hand
    keys = ("a.exr", "b.exr", "c.exr", "d.exr")
    documented(code_of(lambda: handling.handle_batch([created(key) for key in keys])))
    assert sorted(row["key"] for row in stack.rows("files")) == ["a.exr", "c.exr", "d.exr"]


def test_storing_nothing_sends_no_request(stack: LocalStack) -> None:
    stack.database.reset_counters()
    assert upsert_isolating_failures(stack.catalog, []) == []
    assert stack.database.counters() == {}


@pytest.mark.failure(
    "batch", "the same object several times", "stored once; `0` rows differ from the objects", "nothing"
)
def test_the_same_object_several_times_in_a_batch_is_stored_once(stack: LocalStack, documented: Documented) -> None:
    stack.put("a.exr")
    batch = [created("a.exr"), removed("a.exr"), created("a.exr")]
    service(stack).handle_batch(batch)
    documented(len(stack.differences()))


# --- results -----------------------------------------------------------------------------------------------


def test_a_result_is_understood_by_the_next_function(stack: LocalStack) -> None:
    stack.put("a b+c.exr")
    stack.put("z.exr")
    handling = service(stack)
    one = handling.handle(created("a b+c.exr"))
    many = handling.handle(several(created("a b+c.exr"), created("z.exr"), created("gone.exr")))
    (understood,) = parse_events(json.loads(json.dumps(one)))
    assert (understood.bucket, understood.key, understood.kind) == (BUCKET, "a b+c.exr", EventKind.CREATED)
    assert [(event.key, event.kind) for event in parse_events(json.loads(json.dumps(many)))] == [
        ("a b+c.exr", EventKind.CREATED),
        ("z.exr", EventKind.CREATED),
        ("gone.exr", EventKind.REMOVED),
    ]
    assert handling.handle(one)["status"] == "unchanged"
    assert handling.handle(many)["count"] == 3


@pytest.mark.failure(
    "no row",
    "a result with very many objects",
    "truncated to 16 KB; `is_complete_list` is `False`",
    "read the tables instead of the result",
)
@pytest.mark.parametrize("letter", ["k", "ä", "\U0001f3ac"])
def test_a_result_of_very_many_objects_stays_small_and_says_so(
    stack: LocalStack, letter: str, documented: Documented
) -> None:
    keys = [f"{letter * (900 // len(letter.encode()))}{index}.txt" for index in range(2000)]
    result = service(stack).handle(several(*(created(key) for key in keys)))
    assert len(json.dumps(result)) <= MAX_RESULT_BYTES
    assert result["count"] == 2000
    documented(*(name for name in result if name == "is_complete_list"))
    documented(result["is_complete_list"])
    assert 0 < len(result["files"]) < 2000


def test_a_short_result_names_all_its_objects() -> None:
    entries = [{"status": "removed", "path": f"b/{index}.exr", "rows": 5} for index in range(100)]
    result = combined(entries)
    assert (result["status"], result["is_complete_list"], len(result["files"])) == ("removed", True, 100)


def test_objects_of_cryptomattes_are_stored_where_they_are_asked_for(stack: LocalStack) -> None:
    stack.put("a.exr", "cryptomatte.exr")
    stack.put("b.exr", "cryptomatte.exr")
    assert service(stack, EXR_STATS="full").handle(created("a.exr"))["status"] == "inspected"
    asking = service(stack, EXR_STATS="full", EXR_MAX_OBJECTS="3")
    assert asking.handle(created("b.exr"))["status"] == "inspected"
    rows = {
        key: Reader(stack.catalog.connection).file(f"{BUCKET}/{key}").rows["cryptomatte_objects"]
        for key in ("a.exr", "b.exr")
    }
    assert rows["a.exr"] == []
    assert [row["coverage"] for row in rows["b.exr"]] == [780.0, 768.0, 768.0]


@pytest.mark.failure(
    "no row", "the event refuses labels", "processed without labels (here `unchanged`); logged", "nothing"
)
def test_labels_are_set_where_events_take_them_and_a_refusal_harms_nothing(
    stack: LocalStack, caplog: pytest.LogCaptureFixture, documented: Documented
) -> None:
    stack.put("a.exr", "nan_inf.exr")
    body = json.dumps(created("a.exr")).encode()
    event = event_from_http({"content-type": "application/cloudevents+json"}, body)
    result = service(stack, EXR_STATS="full").handle(event)
    assert event.trigger_labels == {"exr_status": "inspected", "exr_severity": result["worst_severity"]}
    assert result["worst_severity"] is not None

    class Unwilling(dict[str, Any]):
        def set_trigger_labels(self, labels: dict[str, str]) -> None:
            raise RuntimeError("no labels here")

    with caplog.at_level(logging.WARNING):
        documented(service(stack).handle(Unwilling(created("a.exr")))["status"])
    assert "[LABELS]" in caplog.text
