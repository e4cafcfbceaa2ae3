"""`ctx`: attributes, secrets, spans and instruments, from many threads at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

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


def test_spans_nest_and_are_kept(ctx: LocalContext) -> None:
    with ctx.tracer.start_as_current_span("handler", attributes={"path": "b/k"}) as outer:
        with ctx.tracer.start_as_current_span("parse") as inner:
            inner.set_attributes({"bytes": 5, "requests": 1})
            inner.set_attribute("bytes", 6)
            inner.add_event("read", {"n": 1})
        outer.set_status("ok")
        outer.update_name("handler b/k")
        assert outer.is_recording()
    with ctx.tracer.start_as_current_span("next"):
        pass
    parse, handler, following = ctx.tracer.finished_spans
    assert following.parent is None
    assert (parse.name, parse.parent, handler.name, handler.parent) == ("parse", "handler", "handler b/k", None)
    assert parse.attributes == {"bytes": 6, "requests": 1}
    assert parse.events == (("read", {"n": 1}),)
    assert (parse.status, handler.status) == ("UNSET", "OK")
    assert handler.seconds >= parse.seconds > 0


def test_an_exception_marks_its_span_and_goes_on(ctx: LocalContext) -> None:
    error = ValueError("broken")
    with pytest.raises(ValueError, match="broken"), ctx.tracer.start_as_current_span("read"):
        raise error
    with pytest.raises(ValueError, match="broken"), ctx.tracer.start_as_current_span("read", record_exception=False):
        raise error
    first, second = ctx.tracer.finished_spans
    assert (first.status, first.status_description, first.exceptions) == ("ERROR", "ValueError: broken", (error,))
    assert (second.status, second.exceptions) == ("ERROR", ())


def test_status_as_opentelemetry_gives_it(ctx: LocalContext) -> None:
    code = SimpleNamespace(name="ERROR")
    with ctx.tracer.start_as_current_span("a") as span:
        span.set_status(code, "text")
    with ctx.tracer.start_as_current_span("b") as span:
        span.set_status(SimpleNamespace(status_code=code, description="said"))
    assert [(span.status, span.status_description) for span in ctx.tracer.finished_spans] == [
        ("ERROR", "text"),
        ("ERROR", "said"),
    ]


def test_spans_of_threads_do_not_mix(ctx: LocalContext) -> None:
    together = threading.Barrier(20)

    def work(number: int) -> None:
        with ctx.tracer.start_as_current_span(f"outer {number}"):
            together.wait(10)
            with ctx.tracer.start_as_current_span(f"inner {number}"):
                together.wait(10)

    on_threads(work)
    spans = ctx.tracer.finished_spans
    assert len(spans) == 40
    inner = [span for span in spans if span.name.startswith("inner")]
    assert all(span.parent == span.name.replace("inner", "outer") for span in inner)
    assert len({span.thread_name for span in inner}) == 20


def test_instruments(ctx: LocalContext) -> None:
    counter = ctx.counter("files", "Files seen")
    counter.add(1, {"status": "ok"})
    counter.add(2, {"status": "ok"})
    counter.add(1)
    assert counter.measured({"status": "ok"}).total == 3
    assert counter.measured({"status": "failed"}) is None
    assert counter.total == 4
    histogram = ctx.histogram("ms", "Time", "ms")
    for value in (3, 1, 2):
        histogram.record(value)
    measured = histogram.measured()
    assert (measured.count, measured.total, measured.minimum, measured.maximum, measured.latest) == (3, 6, 1, 3, 2)
    ctx.gauge("queue").set(5)
    ctx.gauge("queue").set(4)
    assert ctx.gauge("queue").measured().latest == 4
    ctx.updowncounter("open").add(2)
    ctx.updowncounter("open").add(-1)
    assert ctx.updowncounter("open").total == 1
    assert (histogram.unit, histogram.description) == ("ms", "Time")
    assert set(ctx.instruments) == {"files", "ms", "queue", "open"}


def test_mistakes_with_instruments(ctx: LocalContext) -> None:
    with pytest.raises(ValueError, match="updowncounter"):
        ctx.counter("files").add(-1)
    with pytest.raises(TypeError):
        ctx.histogram("files")
    with pytest.raises(TypeError):
        ctx.updowncounter("files")


def test_instruments_lose_nothing_between_threads(ctx: LocalContext) -> None:
    seen: set[Any] = set()

    def work(number: int) -> None:
        seen.add(ctx.counter("files"))
        for _ in range(500):
            ctx.counter("files").add(1, {"half": number % 2})

    on_threads(work)
    assert len(seen) == 1
    assert ctx.counter("files").total == 10_000
    assert ctx.counter("files").measured({"half": 1}).count == 5_000
