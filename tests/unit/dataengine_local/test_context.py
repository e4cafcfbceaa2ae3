"""`ctx`: attributes, secrets, spans and instruments, used by many threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode

from dataengine_local.context import LocalContext


def on_threads(call: Callable[[int], None], count: int = 20) -> None:
    threads = [threading.Thread(target=call, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.fixture
def ctx() -> LocalContext:
    return LocalContext("inspect", secrets={"db": {"key": "hidden"}}, pipeline_triggers_map={"t": ["x"]})


def test_what_a_handler_finds(ctx: LocalContext) -> None:
    assert ctx.function_name == ctx.logger.name == "inspect"
    assert ctx.secrets["db"]["key"] == "hidden"
    assert ctx.pipeline_triggers_map == {"t": ["x"]}
    assert "hidden" not in repr(ctx)


def test_attributes_may_be_set_and_are_missed_otherwise(ctx: LocalContext) -> None:
    with pytest.raises(AttributeError, match="service"):
        _ = ctx.service
    assert not hasattr(ctx, "service")
    ctx.service = 5
    assert ctx.service == 5


def parent_of(ctx: LocalContext, span: ReadableSpan) -> str | None:
    names = {other.context.span_id: other.name for other in ctx.telemetry.finished_spans if other.context}
    return names[span.parent.span_id] if span.parent else None


def test_spans_nest_and_are_kept(ctx: LocalContext) -> None:
    with ctx.tracer.start_as_current_span("handler", attributes={"path": "b/k"}) as outer:
        with ctx.start_as_current_span("parse") as inner:
            inner.set_attributes({"bytes": 5, "requests": 1})
            inner.set_attribute("bytes", 6)
            inner.add_event("read", {"n": 1})
        outer.set_status(StatusCode.OK)
        outer.update_name("handler b/k")
        assert outer.is_recording()
    with ctx.tracer.start_as_current_span("next"):
        pass
    parse, handler, following = ctx.telemetry.finished_spans
    assert parent_of(ctx, following) is None
    assert (parse.name, parent_of(ctx, parse), handler.name, parent_of(ctx, handler)) == (
        "parse",
        "handler b/k",
        "handler b/k",
        None,
    )
    assert dict(parse.attributes or {}) == {"bytes": 6, "requests": 1}
    assert [(event.name, dict(event.attributes or {})) for event in parse.events] == [("read", {"n": 1})]
    assert (parse.status.status_code, handler.status.status_code) == (StatusCode.UNSET, StatusCode.OK)
    assert parse.resource.attributes["service.name"] == "inspect"


def test_an_exception_marks_its_span_and_goes_on(ctx: LocalContext) -> None:
    error = ValueError("broken")
    with pytest.raises(ValueError, match="broken"), ctx.tracer.start_as_current_span("read"):
        raise error
    with pytest.raises(ValueError, match="broken"), ctx.tracer.start_as_current_span("read", record_exception=False):
        raise error
    first, second = ctx.telemetry.finished_spans
    assert (first.status.status_code, first.status.description) == (StatusCode.ERROR, "ValueError: broken")
    assert [event.name for event in first.events] == ["exception"]
    assert (second.status.status_code, list(second.events)) == (StatusCode.ERROR, [])


def test_environment_variables_of_opentelemetry_do_not_drop_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    ctx = LocalContext("inspect")
    with ctx.tracer.start_as_current_span("kept"):
        pass
    assert [span.name for span in ctx.telemetry.finished_spans] == ["kept"]


def test_spans_of_threads_do_not_mix(ctx: LocalContext) -> None:
    together = threading.Barrier(20)

    def work(number: int) -> None:
        with ctx.tracer.start_as_current_span(f"outer {number}"):
            together.wait(10)
            with ctx.tracer.start_as_current_span(f"inner {number}"):
                together.wait(10)

    on_threads(work)
    spans = ctx.telemetry.finished_spans
    assert len(spans) == 40
    inner = [span for span in spans if span.name.startswith("inner")]
    assert len(inner) == 20
    assert all(parent_of(ctx, span) == span.name.replace("inner", "outer") for span in inner)


def test_instruments_count_by_their_attributes(ctx: LocalContext) -> None:
    counter = ctx.counter("files", "Files seen")
    counter.add(1, {"status": "ok"})
    counter.add(2, {"status": "ok"})
    counter.add(1)
    assert ctx.telemetry.total("files", {"status": "ok"}) == 3
    assert ctx.telemetry.total("files", {"status": "failed"}) == 0
    assert ctx.telemetry.total("files", {}) == 1
    assert ctx.telemetry.total("files") == 4
    histogram = ctx.histogram("ms", "Time", "ms")
    for value in (3, 1, 2):
        histogram.record(value)
    (point,) = ctx.telemetry.data_points("ms")
    assert (point.count, point.sum, point.min, point.max) == (3, 6, 1, 3)
    assert ctx.telemetry.total("ms") == 6
    ctx.gauge("queue").set(5)
    ctx.gauge("queue").set(4)
    assert [point.value for point in ctx.telemetry.data_points("queue")] == [4]
    ctx.updowncounter("open").add(2)
    ctx.updowncounter("open").add(-1)
    assert ctx.telemetry.total("open") == 1
    assert ctx.telemetry.data_points("never") == []


def test_a_negative_amount_for_a_counter_is_dropped_with_a_warning(
    ctx: LocalContext, caplog: pytest.LogCaptureFixture
) -> None:
    ctx.counter("files").add(1)
    ctx.counter("files").add(-1)
    assert ctx.telemetry.total("files") == 1
    assert "negative" in caplog.text.lower() or "non-negative" in caplog.text.lower()


def test_instruments_lose_nothing_between_threads(ctx: LocalContext) -> None:
    seen: set[Any] = set()

    def work(number: int) -> None:
        seen.add(ctx.counter("files"))
        for _ in range(500):
            ctx.counter("files").add(1, {"half": number % 2})

    on_threads(work)
    assert len(seen) == 1
    assert ctx.telemetry.total("files") == 10_000
    assert ctx.telemetry.total("files", {"half": 1}) == 5_000


def test_the_number_of_kept_spans_is_bounded(ctx: LocalContext) -> None:
    for number in range(10_010):
        with ctx.tracer.start_as_current_span(str(number)):
            pass
    spans = ctx.telemetry.finished_spans
    assert (len(spans), spans[-1].name) == (10_000, "10009")
