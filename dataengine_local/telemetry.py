"""The OpenTelemetry SDK with spans and metrics kept in memory, where tests can read them.

    telemetry = InMemoryTelemetry("my-function")
    with telemetry.tracer.start_as_current_span("work"):
        telemetry.meter.create_counter("files").add(1, {"status": "ok"})
    telemetry.finished_spans[0].name                  # "work"
    telemetry.total("files", {"status": "ok"})        # 1

Nothing is exported, and OpenTelemetry's global providers are not changed. Safe to use from many threads.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, NumberDataPoint
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

_KEPT_SPANS = 10_000


class InMemoryTelemetry:
    """One function's tracer and meter."""

    def __init__(self, function_name: str) -> None:
        resource = Resource({SERVICE_NAME: function_name})
        self._spans = InMemorySpanExporter(max_spans=_KEPT_SPANS)
        tracers = TracerProvider(sampler=ALWAYS_ON, resource=resource, shutdown_on_exit=False)
        tracers.add_span_processor(SimpleSpanProcessor(self._spans))
        self.tracer = tracers.get_tracer(function_name)
        self._metrics = InMemoryMetricReader()
        self.meter = MeterProvider([self._metrics], resource=resource, shutdown_on_exit=False).get_meter(function_name)

    @property
    def finished_spans(self) -> tuple[ReadableSpan, ...]:
        """The latest ten thousand spans that have ended, the first to end first."""
        return self._spans.get_finished_spans()

    def data_points(self, name: str) -> list[Any]:
        """The current data points of one instrument, one for each set of attributes; empty when it measured nothing.

        Points of counters and gauges have `value`; points of histograms have `count`, `sum`, `min` and `max`.
        """
        collected = self._metrics.get_metrics_data()
        return [
            point
            for of_resource in (collected.resource_metrics if collected else ())
            for of_scope in of_resource.scope_metrics
            for metric in of_scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]

    def total(self, name: str, attributes: Mapping[str, Any] | None = None) -> float:
        """The sum of one instrument over all attributes, or over exactly `attributes`; 0 when it measured nothing."""
        points = self.data_points(name)
        if attributes is not None:
            points = [point for point in points if dict(point.attributes or {}) == dict(attributes)]
        return sum(point.value if isinstance(point, NumberDataPoint) else point.sum for point in points)
