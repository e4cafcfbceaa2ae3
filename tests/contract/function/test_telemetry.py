"""Logs, spans and metrics of a handler; none contains a secret, whatever fails."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode

from dataengine_local.context import LocalContext
from dataengine_local.events import element_event
from exr_inspector.errors import ExrInspectorError
from exr_inspector.function.handler import Service
from exr_inspector.function.telemetry import Telemetry, TracedSource
from tests.chaos.stack import BUCKET, LocalStack, local_stack
from tests.support.documented import Documented
from tests.support.faulty_s3 import LEAK, Drop, Status
from vastdb_local import Fault, FaultKind


@pytest.fixture(scope="module")
def shared() -> Iterator[LocalStack]:
    with local_stack(S3_RETRIES="0", EXR_DB_RETRY_SECONDS="0.2", EXR_STATS="sampled") as made:
        yield made


@pytest.fixture
def ctx() -> LocalContext:
    return LocalContext("exr-inspector")


def service(stack: LocalStack, ctx: Any, **changes: str) -> Service:
    return Service.from_settings(stack.settings(**changes), Telemetry(ctx))


def test_every_stage_has_one_line_with_the_event_on_it(
    stack: LocalStack, ctx: LocalContext, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    stack.put("a.exr")
    handling = service(stack, ctx)
    url = f"s3://{BUCKET}/a.exr"
    handling.handle(element_event(BUCKET, "a.exr", event_id="11"))
    stack.s3.script(Status(500))
    with pytest.raises(ExrInspectorError):
        handling.handle(element_event(BUCKET, "a.exr", event_id="12"))
    handling.handle(element_event(BUCKET, "a.txt", event_id="13"))
    stack.s3.delete(BUCKET, "a.exr")
    handling.handle(element_event(BUCKET, "a.exr", event_name="ObjectRemoved:Delete", event_id="14"))
    lines = [record.getMessage() for record in caplog.records if record.name == "exr-inspector"]
    starts = [line.partition(" | ")[0] for line in lines]
    assert starts == [
        f"[INPUT] {url}",
        f"[COMPLETE] {url}",
        f"[INPUT] {url}",
        f"[ERROR] {url}",
        f"[INPUT] s3://{BUCKET}/a.txt",
        f"[SKIP] s3://{BUCKET}/a.txt",
        f"[INPUT] {url}",
        f"[COMPLETE] {url}",
    ]
    for line, event_id in zip(lines, ("11", "11", "12", "12", "13", "13", "14", "14"), strict=True):
        assert f"event={event_id}" in line.split()
    assert "code=SOURCE_UNAVAILABLE" in lines[3]
    assert "status=inspected" in lines[1]


def test_a_name_cannot_forge_a_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        Telemetry().line("INPUT", "a\n[COMPLETE] b", name="c\x1b[31m\u2028")
    assert caplog.messages == ["[INPUT] a\\n[COMPLETE] b | name=c\\x1b[31m\\u2028"]


def parent_of(ctx: LocalContext, span: ReadableSpan) -> str | None:
    names = {other.context.span_id: other.name for other in ctx.telemetry.finished_spans if other.context}
    return names[span.parent.span_id] if span.parent else None


def test_spans_of_an_event_hang_together(stack: LocalStack, ctx: LocalContext) -> None:
    stack.put("a.exr", "layers.exr")
    service(stack, ctx, EXR_INITIAL_READ_BYTES="1000", EXR_STATS="full").handle(element_event(BUCKET, "a.exr"))
    spans = ctx.telemetry.finished_spans
    parents = {(span.name, parent_of(ctx, span)) for span in spans}
    assert parents == {
        ("exr.handle", None),
        ("exr.parse", "exr.handle"),
        ("exr.inspect", "exr.handle"),
        ("exr.read", "exr.inspect"),
        ("exr.store", "exr.handle"),
        ("exr.settle", "exr.handle"),
    }
    inspect = dict(next(span for span in spans if span.name == "exr.inspect").attributes or {})
    assert (inspect["exr.path"], inspect["exr.status"]) == (f"{BUCKET}/a.exr", "inspected")
    reads: list[Any] = [dict(span.attributes or {}) for span in spans if span.name == "exr.read"]
    assert len(reads) > 1
    assert sum(read["exr.bytes"] for read in reads) == inspect["exr.bytes"]
    handled = next(span for span in spans if span.name == "exr.handle").attributes or {}
    assert handled["exr.outcome"] == "inspected"


def test_spans_of_a_batch_are_its_children_although_threads_do_the_work(stack: LocalStack, ctx: LocalContext) -> None:
    for index in range(4):
        stack.put(f"{index}.exr")
    service(stack, ctx).handle_batch([element_event(BUCKET, f"{index}.exr") for index in range(4)])
    inspects = [span for span in ctx.telemetry.finished_spans if span.name == "exr.inspect"]
    assert [parent_of(ctx, span) for span in inspects] == ["exr.handle"] * 4


def test_a_span_of_what_failed_says_so(stack: LocalStack, ctx: LocalContext) -> None:
    stack.put("a.exr")
    stack.database.faults.chance("insert", 1.0, Fault(FaultKind.INTERNAL_ERROR))
    with pytest.raises(ExrInspectorError):
        service(stack, ctx).handle(element_event(BUCKET, "a.exr"))
    spans = {span.name: span for span in ctx.telemetry.finished_spans}
    assert spans["exr.handle"].status.status_code is StatusCode.ERROR
    assert (spans["exr.store"].attributes or {})["exr.error_code"] == "CATALOG_UNAVAILABLE"


def test_metrics_count_what_happened(stack: LocalStack, ctx: LocalContext) -> None:
    stack.put("a.exr", "nan_inf.exr")
    stack.put("b.exr", "not_an_exr.exr")
    handling = service(stack, ctx, EXR_STATS="full")
    for key in ("a.exr", "b.exr", "c.txt"):
        handling.handle(element_event(BUCKET, key))
    stack.s3.script(Drop())
    with pytest.raises(ExrInspectorError):
        handling.handle(element_event(BUCKET, "a.exr"))
    total = ctx.telemetry.total
    for status in ("inspected", "failed", "skipped"):
        assert total("exr_files", {"status": status}) == 1
    assert total("exr_failures", {"code": "EXR_MAGIC"}) == 1
    assert total("exr_errors", {"code": "SOURCE_UNAVAILABLE"}) == 1
    assert total("exr_source_requests") == 2
    assert total("exr_source_bytes") == sum(len(data) for data, _ in stack.s3.contents().values())
    assert total("exr_findings") > 0
    assert min(total(name) for name in ("exr_inspect_ms", "exr_store_ms")) > 0


def test_a_context_without_any_instruments_is_enough(stack: LocalStack) -> None:
    stack.put("a.exr")
    handling = service(stack, object())
    assert handling.handle(element_event(BUCKET, "a.exr"))["status"] == "inspected"


def test_without_a_tracer_reads_are_not_wrapped(stack: LocalStack) -> None:
    source = Service.from_settings(stack.settings(), Telemetry())._opener.open(BUCKET, "a.exr")
    assert TracedSource.around(source, Telemetry()) is source


@pytest.mark.heavy
@pytest.mark.failure("process", "a secret in an error, log line, row or result", "in `0` of them", "nothing")
def test_no_secret_is_logged_whatever_fails(
    stack: LocalStack, ctx: LocalContext, caplog: pytest.LogCaptureFixture, documented: Documented
) -> None:
    """After faults in every layer, logs, errors with their causes, spans, rows and results are searched for the keys."""
    caplog.set_level(logging.DEBUG)
    told: list[str] = []
    stack.put("a.exr")
    stack.put("denied/a.exr")
    stack.put("bad.exr", "header_damaged.exr")
    settings = stack.settings()
    secrets = [settings.require_s3().secret_key.reveal(), stack.database.secret_key, "wrong-secret-key", LEAK]

    def attempt(handling: Service, key: str) -> None:
        try:
            told.append(repr(handling.handle(element_event(BUCKET, key))))
        except ExrInspectorError as error:
            fault: BaseException | None = error
            while fault is not None:
                told.append(f"{fault!r} {fault}")
                fault = fault.__cause__ or fault.__context__

    handling = service(stack, ctx)
    for fault in (Status(500), Status(403), Status(400), Drop()):
        stack.s3.script(fault)
        attempt(handling, "a.exr")
    for key in ("denied/a.exr", "bad.exr", "a//b.exr"):
        attempt(handling, key)
    for kind in FaultKind:
        stack.database.faults.clear()
        stack.database.faults.chance("insert", 1.0, Fault(kind))
        stack.put("a.exr", "layers.exr" if kind is FaultKind.CONFLICT else "tiled.exr")
        attempt(handling, "a.exr")
    stack.database.faults.clear()
    attempt(service(stack, ctx, VAST_DB_SECRET_KEY="wrong-secret-key"), "bad.exr")
    attempt(service(stack, ctx, S3_SECRET_KEY="wrong-secret-key"), "a.exr")
    attempt(service(stack, ctx, VAST_DB_ENDPOINT="http://127.0.0.1:9"), "a.exr")
    told += [repr(stack.rows(name)) for name in ("files", "validation", "inspections")]
    told += [span.to_json() for span in ctx.telemetry.finished_spans]
    told += [repr(settings), repr(handling), repr(stack.catalog.connection.config)]
    assert len(told) > 20
    for secret in secrets:
        assert secret not in caplog.text
        documented(len([text for text in told if secret in text]))
