"""Return values of handlers are posted to the sink in the platform's form; otherwise the call fails."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from typing import Any

import pytest

from dataengine_local.client import EventAnswer, post_event
from dataengine_local.config import RuntimeConfig
from dataengine_local.events import FunctionVastEvent, element_event, generated_event
from dataengine_local.invoker import SINK_LIMIT_BYTES
from dataengine_local.runtime import LocalRuntime
from tests.support.parsed import parse_events

RESULTS: dict[str, Callable[[Any], Any]] = {
    "dict": lambda event: {"status": "inspected", "path": "samples/a.exr"},
    "list": lambda event: [1, "é"],
    "text": lambda event: "done: é",
    "event": lambda event: event,
    "fits": lambda event: {"text": "x" * (SINK_LIMIT_BYTES - len('{"text": ""}'))},
    "too-big": lambda event: {"text": "x" * (SINK_LIMIT_BYTES + 1 - len('{"text": ""}'))},
    "too-big-text": lambda event: "é" * (SINK_LIMIT_BYTES // 2 + 1),
    "not-json": lambda event: {"when": object()},
    "nan": lambda event: {"mean": float("nan")},
    "nothing": lambda event: None,
}


def handler(ctx: Any, event: Any) -> Any:
    return RESULTS[event.object_key](event)


class Pair:
    """A runtime that posts to a second one, which collects the events."""

    def __init__(self, first: LocalRuntime, sink: LocalRuntime) -> None:
        self.first, self.sink = first, sink

    def send(self, key: str) -> tuple[EventAnswer, dict[str, Any]]:
        event = element_event("samples", key)
        return post_event(self.first.url, event), event


@pytest.fixture(scope="module")
def pair() -> Any:
    with LocalRuntime(lambda ctx: None, lambda ctx, event: None) as sink:
        config = RuntimeConfig(function_name="first", sink_url=sink.url)
        with LocalRuntime(lambda ctx: None, handler, config=config) as first:
            yield Pair(first, sink)


def test_a_result_arrives_as_a_new_event_with_the_same_id(pair: Pair) -> None:
    answer, sent = pair.send("dict")
    assert answer == EventAnswer(204, "")
    event = pair.sink.invocations[-1].event
    assert isinstance(event, FunctionVastEvent)
    assert (event.id, event.type, event.subtype) == (sent["id"], "Function", None)
    assert event.source == "vastdata.com:first"
    assert event.data == {"status": "inspected", "path": "samples/a.exr"}
    assert [found.path for found in parse_events(event)] == ["samples/a.exr"]


@pytest.mark.parametrize(("key", "data"), [("list", [1, "é"]), ("text", "done: é")])
def test_other_results_arrive_as_they_are(pair: Pair, key: str, data: Any) -> None:
    assert pair.send(key)[0].status == 204
    assert pair.sink.invocations[-1].event.data == data


def test_a_returned_event_gives_its_data(pair: Pair) -> None:
    _, sent = pair.send("event")
    event = pair.sink.invocations[-1].event
    assert event.data == sent["data"]
    assert parse_events(event)[0].path == "samples/event"


def test_nothing_returned_is_nothing_sent(pair: Pair) -> None:
    before = len(pair.sink.invocations)
    assert pair.send("nothing")[0].status == 204
    assert len(pair.sink.invocations) == before


def test_the_largest_result_that_fits(pair: Pair) -> None:
    assert pair.send("fits")[0].status == 204


@pytest.mark.parametrize("key", ["too-big", "too-big-text", "not-json", "nan"])
def test_what_cannot_be_delivered_is_a_failure(pair: Pair, key: str, caplog: pytest.LogCaptureFixture) -> None:
    before = len(pair.sink.invocations)
    with caplog.at_level(logging.ERROR, logger="first"):
        answer, _ = pair.send(key)
    assert answer.status == 500
    assert "not delivered" in answer.body
    assert answer.body in caplog.text
    assert len(pair.sink.invocations) == before


def test_a_sink_that_fails_or_is_gone() -> None:
    def refuse(ctx: Any, event: Any) -> None:
        raise ValueError("sink is full")

    with LocalRuntime(lambda ctx: None, refuse) as sink:
        config = RuntimeConfig(sink_url=sink.url)
        with LocalRuntime(lambda ctx: None, lambda ctx, event: {}, config=config) as first:
            answer = post_event(first.url, generated_event())
            assert answer.status == 500
            assert "sink is full" in answer.body
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    config = RuntimeConfig(sink_url=f"http://127.0.0.1:{port}/")
    with LocalRuntime(lambda ctx: None, lambda ctx, event: {}, config=config) as first:
        assert post_event(first.url, generated_event()).status == 500
