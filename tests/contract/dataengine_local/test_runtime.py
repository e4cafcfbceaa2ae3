"""The local runtime implements the DataEngine's HTTP contract, tested by HTTP with real handlers."""

from __future__ import annotations

import asyncio
import http.client
import json
import logging
import socket
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest

from dataengine_local.client import EventAnswer, post_event
from dataengine_local.config import RuntimeConfig
from dataengine_local.errors import LocalRuntimeError
from dataengine_local.events import ElementTriggerVastEvent, element_event, generated_event
from dataengine_local.runtime import LocalRuntime
from exr_inspector.errors import CatalogUnavailable, SettingsError
from tests.support.parsed import parse_events
from tests.support.waiting import until


def no_init(ctx: Any) -> None:
    """A function whose `init` does nothing."""


def request(url: str, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> EventAnswer:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        return EventAnswer(answer.status, answer.read().decode())
    finally:
        connection.close()


class Behaviour:
    """A handler controlled by its event's key; the tests of this module share its runtime."""

    def __init__(self) -> None:
        self.all_at_once = threading.Barrier(20)
        self.seen: list[Any] = []

    def handler(self, ctx: Any, event: Any) -> Any:
        self.seen.append(event)
        key = event.object_key if isinstance(event, ElementTriggerVastEvent) else None
        if key == "raise":
            raise SettingsError("VAST_DB_ENDPOINT is not set")
        if key == "raise-nothing":
            raise KeyError
        if key == "stop-iteration":
            raise StopIteration
        if key == "exit":
            sys.exit(3)
        if key == "surrogate":
            raise ValueError("\ud800")
        if key == "error-dict":
            return {"status": "error"}
        if key == "together":
            self.all_at_once.wait(timeout=10)
        if key == "ctx":
            ctx.count += 1
            return ctx.count
        return None


behaviour = Behaviour()


def init_counting(ctx: Any) -> None:
    ctx.count = getattr(ctx, "count", 0) + 100


@pytest.fixture(scope="module")
def runtime() -> Iterator[LocalRuntime]:
    with LocalRuntime(init_counting, behaviour.handler) as running:
        yield running


@pytest.mark.parametrize("mode", ["structured", "binary"])
@pytest.mark.parametrize("key", ["scanline_zip.exr", "a+b c%20d/é.exr"])
def test_an_event_arrives_in_both_modes(runtime: LocalRuntime, mode: Any, key: str) -> None:
    sent = element_event("samples", key, size_bytes=7, etag="abc")
    assert post_event(runtime.url, sent, mode=mode) == EventAnswer(204, "")
    event = runtime.invocations[-1].event
    assert isinstance(event, ElementTriggerVastEvent)
    assert (event.id, event.bucket, event.object_key) == (sent["id"], "samples", key)
    assert event.get_data() == sent["data"]
    assert parse_events(event) == parse_events(sent)


@pytest.mark.parametrize(
    ("key", "status", "body"),
    [
        ("raise", 500, "VAST_DB_ENDPOINT is not set"),
        ("raise-nothing", 500, "KeyError"),
        ("stop-iteration", 500, "StopIteration"),
        ("exit", 500, "3"),
        ("surrogate", 500, "?"),
        ("error-dict", 204, ""),
        ("plain", 204, ""),
    ],
)
def test_each_outcome_of_a_handler_has_its_status_and_body(
    runtime: LocalRuntime, caplog: pytest.LogCaptureFixture, key: str, status: int, body: str
) -> None:
    caplog.set_level(
        logging.CRITICAL
    )  # half a surrogate pair in a captured log cannot be sent between pytest's workers
    assert post_event(runtime.url, element_event("samples", key)) == EventAnswer(status, body)
    assert runtime.invocations[-1].status == status


def test_an_error_with_a_code_is_logged_without_a_traceback(caplog: pytest.LogCaptureFixture) -> None:
    def unreachable(ctx: Any, event: Any) -> None:
        raise CatalogUnavailable("the database does not answer")

    with LocalRuntime(lambda ctx: None, unreachable) as running:
        assert post_event(running.url, element_event("samples", "a.exr")).status == 500
    (record,) = [record for record in caplog.records if "[FAILED]" in record.getMessage()]
    assert record.getMessage() == "[FAILED] CATALOG_UNAVAILABLE: the database does not answer"
    assert record.exc_info is None


def test_init_ran_once_and_its_attributes_are_there(runtime: LocalRuntime) -> None:
    post_event(runtime.url, element_event("samples", "ctx"))
    post_event(runtime.url, element_event("samples", "ctx"))
    assert runtime.ctx.count == 102
    assert runtime.invocations[-1].result == 102


def test_twenty_handlers_run_at_once(runtime: LocalRuntime) -> None:
    before = len(runtime.invocations)
    events = [element_event("samples", "together") for _ in range(20)]
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda event: post_event(runtime.url, event).status, events))
    assert answers == [204] * 20
    names = {invocation.thread_name for invocation in runtime.invocations[before:]}
    assert len(names) == 20
    assert all(name.startswith("handler-") for name in names)


def structured(**changes: Any) -> bytes:
    event = {**generated_event(), **changes}
    return json.dumps({name: value for name, value in event.items() if value is not None}).encode()


@pytest.mark.parametrize(
    "body",
    [
        structured(subject=None),
        structured(subject=""),
        structured(id=None),
        structured(id="not-hex"),
        structured(id="12345678-1234-1234-1234-12345678901"),
        structured(id=""),
        structured(type=None),
        structured(source=None),
        structured(time="yesterday"),
        structured(specversion="2.0"),
        structured(specversion=None),
        b"",
        b"not json",
        b"\xff",
        b"[1]",
        b"7",
        b"[" * 100_000,
    ],
)
def test_malformed_events_are_500_and_never_reach_the_handler(runtime: LocalRuntime, body: bytes) -> None:
    seen = len(behaviour.seen)
    answer = request(runtime.url, "POST", "/", body, {"content-type": "application/cloudevents+json"})
    assert answer.status == 500
    assert answer.body
    assert len(behaviour.seen) == seen


@pytest.mark.parametrize("event_id", ["12ab", "1004356627333135", "FF", "b45a6820-410c-457a-ac1b-035a102b5d05"])
def test_any_event_id_reaches_the_handler(runtime: LocalRuntime, event_id: str) -> None:
    assert post_event(runtime.url, {**generated_event(), "id": event_id}).status == 204
    assert behaviour.seen[-1].id == event_id


def test_binary_mode_without_subject_is_malformed(runtime: LocalRuntime) -> None:
    headers = {"ce-id": "12", "ce-source": "s", "ce-type": "t", "ce-specversion": "1.0"}
    assert request(runtime.url, "POST", "/", b"{}", headers).status == 500
    assert request(runtime.url, "POST", "/", b"{}", {**headers, "ce-subject": "s"}).status == 204


BODY = structured(id="12")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://example.com"},
        {"Origin": "null"},
        {"Origin": "http://example.com:8080", "Host": "example.com:8080"},
        {"Origin": "http://192.0.2.7"},
        {"Origin": "http://localhost.example.com"},
        {"Host": "rebound.example.com"},
        {"Host": "127.0.0.1.example.com:8080"},
    ],
)
def test_requests_of_web_pages_are_refused(runtime: LocalRuntime, headers: dict[str, str]) -> None:
    seen = len(behaviour.seen)
    answer = request(runtime.url, "POST", "/", BODY, {"content-type": "application/cloudevents+json", **headers})
    assert answer.status == 403
    assert "Origin" in answer.body or "Host" in answer.body
    assert len(behaviour.seen) == seen


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "localhost:8080"},
        {"Host": "host.docker.internal:8080"},
        {"Host": "function"},
        {"Host": "[::1]:8080"},
        {"Host": "192.0.2.7"},
        {"Origin": "http://localhost:3000"},
        {"Origin": "http://127.0.0.1:3000"},
    ],
)
def test_requests_of_programs_and_of_this_machine_are_taken(runtime: LocalRuntime, headers: dict[str, str]) -> None:
    answer = request(runtime.url, "POST", "/", BODY, {"content-type": "application/cloudevents+json", **headers})
    assert answer.status == 204


def test_a_name_of_the_network_is_taken_where_the_runtime_listens_on_the_network() -> None:
    with LocalRuntime(no_init, lambda ctx, event: None, config=RuntimeConfig(host="0.0.0.0")) as open_runtime:
        url = f"http://127.0.0.1:{urlsplit(open_runtime.url).port}/"
        headers = {"content-type": "application/cloudevents+json", "Host": "workstation.studio.example"}
        assert request(url, "POST", "/", BODY, headers).status == 204
        assert request(url, "POST", "/", BODY, {**headers, "Origin": "https://example.com"}).status == 403


@pytest.mark.parametrize("chunked", [False, True])
def test_bodies_are_bounded(chunked: bool) -> None:
    config = RuntimeConfig(max_body_bytes=100_000)
    with LocalRuntime(no_init, lambda ctx, event: None, config=config) as runtime:
        port = urlsplit(runtime.url).port or 0
        for size, status in ((90_000, 204), (110_000, 413)):
            body = structured(data={"text": "x" * size})
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            headers = {"content-type": "application/cloudevents+json"}
            connection.request(
                "POST", "/", body=iter([body]) if chunked else body, headers=headers, encode_chunked=chunked
            )
            assert connection.getresponse().status == status
            connection.close()
        assert len(runtime.invocations) == 1


def test_a_body_that_is_announced_as_too_large_is_not_waited_for(runtime: LocalRuntime) -> None:
    with socket.create_connection(("127.0.0.1", urlsplit(runtime.url).port or 0), timeout=5) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000000000\r\n\r\n{")
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


def test_a_sender_that_disconnects_is_one_line(runtime: LocalRuntime, caplog: pytest.LogCaptureFixture) -> None:
    seen = len(behaviour.seen)
    with socket.create_connection(("127.0.0.1", urlsplit(runtime.url).port or 0)) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n{")
    until(lambda: "disconnected" in caplog.text)
    assert "the sender disconnected before its event was complete" in caplog.text
    assert "Traceback" not in caplog.text
    assert len(behaviour.seen) == seen


def test_a_batch_in_one_request_is_answered_with_what_to_do(runtime: LocalRuntime) -> None:
    headers = {"content-type": "application/cloudevents-batch+json"}
    answer = request(runtime.url, "POST", "/", b"[" + BODY + b"]", headers)
    assert answer.status == 500
    assert "post each event of the batch by itself" in answer.body


def test_probes_and_other_addresses(runtime: LocalRuntime) -> None:
    assert request(runtime.url, "GET", "/readiness").status == 200
    assert request(runtime.url, "GET", "/liveness").status == 200
    assert request(runtime.url, "GET", "/").status == 405
    assert request(runtime.url, "POST", "/other").status == 404


def test_events_wait_for_init() -> None:
    go_on = threading.Event()
    runtime = LocalRuntime(lambda ctx: go_on.wait(10), lambda ctx, event: None)
    runtime.start()
    try:
        assert request(runtime.url, "GET", "/liveness").status == 200
        assert request(runtime.url, "GET", "/readiness").status == 503
        assert post_event(runtime.url, generated_event()).status == 503
        assert runtime.invocations == ()
        go_on.set()
        runtime.wait_ready(10)
        assert request(runtime.url, "GET", "/readiness").status == 200
        assert post_event(runtime.url, generated_event()).status == 204
    finally:
        runtime.stop()


def test_init_that_fails_or_never_ends() -> None:
    def refuse(ctx: Any) -> None:
        raise SettingsError("VAST_DB_ENDPOINT is not set")

    def crash(ctx: Any) -> None:
        raise ZeroDivisionError("by zero")

    def leave(ctx: Any) -> None:
        sys.exit(1)

    with pytest.raises(SettingsError), LocalRuntime(refuse, lambda ctx, event: None):
        pass
    left = LocalRuntime(leave, lambda ctx, event: None)
    left.start()
    with pytest.raises(LocalRuntimeError, match="SystemExit"):
        left.wait_ready(5)
    left.stop()
    crashed = LocalRuntime(crash, lambda ctx, event: None)
    crashed.start()
    with pytest.raises(LocalRuntimeError, match="ZeroDivisionError"):
        crashed.wait_ready()
    assert request(crashed.url, "GET", "/readiness") == EventAnswer(503, "init(ctx) raised ZeroDivisionError")
    assert post_event(crashed.url, generated_event()).status == 503
    crashed.stop()
    slow = LocalRuntime(lambda ctx: time.sleep(0.5), lambda ctx, event: None)
    slow.start()
    with pytest.raises(LocalRuntimeError):
        slow.wait_ready(0.01)
    slow.stop()


def test_an_async_handler_and_a_time_limit() -> None:
    async def handler(ctx: Any, event: Any) -> str:
        if event.subtype == "Slow":
            await asyncio.sleep(10)
        if event.subtype == "Bad":
            raise ValueError("bad")
        return "done"

    with LocalRuntime(no_init, handler, config=RuntimeConfig(timeout_seconds=0.5)) as runtime:
        assert post_event(runtime.url, generated_event()).status == 204
        assert runtime.invocations[-1].result == "done"
        bad = post_event(runtime.url, {**generated_event(), "type": "vastdata.com:Element.Bad"})
        assert bad == EventAnswer(500, "bad")
        slow = post_event(runtime.url, {**generated_event(), "type": "vastdata.com:Element.Slow"})
        assert slow.status == 500
        assert "0.5 s" in slow.body


def test_a_plain_handler_over_the_time_limit_is_500_and_the_runtime_goes_on() -> None:
    release = threading.Event()

    def handler(ctx: Any, event: Any) -> None:
        if event.object_key == "slow.exr":
            release.wait(10)

    config = RuntimeConfig(timeout_seconds=0.5, threads=2)
    with LocalRuntime(no_init, handler, config=config) as runtime:
        assert post_event(runtime.url, element_event("samples", "slow.exr")).status == 500
        assert post_event(runtime.url, element_event("samples", "quick.exr")).status == 204
        release.set()
        assert [invocation.status for invocation in runtime.invocations] == [500, 204]


def test_stopping_waits_for_a_call_that_runs() -> None:
    started = threading.Event()
    answers: list[EventAnswer] = []

    def handler(ctx: Any, event: Any) -> None:
        started.set()
        time.sleep(0.4)

    with LocalRuntime(no_init, handler) as runtime:
        sender = threading.Thread(target=lambda: answers.append(post_event(runtime.url, generated_event())))
        sender.start()
        assert started.wait(5)
    sender.join()
    assert answers == [EventAnswer(204, "")]


def test_stopping_does_not_wait_for_a_call_that_never_ends() -> None:
    started, release = threading.Event(), threading.Event()
    answers: list[int] = []

    def handler(ctx: Any, event: Any) -> None:
        started.set()
        release.wait(30)

    with LocalRuntime(no_init, handler, config=RuntimeConfig(stop_seconds=0)) as runtime:
        sender = threading.Thread(target=lambda: answers.append(post_event(runtime.url, generated_event()).status))
        sender.start()
        assert started.wait(5)
        begin = time.monotonic()
    assert time.monotonic() - begin < 3
    sender.join()
    assert answers == [500]
    release.set()


def test_a_port_in_use_is_one_clear_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(LocalRuntimeError, match=f"{port}.*--port"), LocalRuntime(no_init, no_init, port=port):
            pass
    for port in (70_000, -1):
        with pytest.raises(LocalRuntimeError), LocalRuntime(no_init, no_init, port=port):
            pass


def test_a_port_may_be_asked_for_and_a_runtime_knows_its_address_once_started() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    runtime = LocalRuntime(no_init, no_init, port=port)
    with pytest.raises(LocalRuntimeError):
        _ = runtime.url
    runtime.start()
    assert runtime.url == f"http://127.0.0.1:{port}/"
    runtime.stop()


def test_only_the_latest_invocations_are_kept() -> None:
    with LocalRuntime(no_init, lambda ctx, event: event.id, config=RuntimeConfig(kept_invocations=2)) as runtime:
        for event_id in ("1", "2", "3"):
            post_event(runtime.url, {**generated_event(), "id": event_id})
        assert [invocation.result for invocation in runtime.invocations] == ["2", "3"]
