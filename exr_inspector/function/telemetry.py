"""Logs, spans and metrics through the instruments of the runtime's context; an instrument that it lacks is left out.

Each log line has the form `[STAGE] object | key=value key=value`, where the stage is INPUT, SKIP, COMPLETE or ERROR,
for example. Callers never pass payloads, headers or credentials; control characters in names are escaped.
"""

from __future__ import annotations

import contextvars
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from exr_inspector.storage import RangeSource, ReadBudget, WrappedSource
from exr_inspector.texts import visible

_COUNTERS = {
    "exr_files": "Objects handled, by status",
    "exr_failures": "Objects that could not be read as OpenEXR, by code",
    "exr_errors": "Transient errors raised to the platform, by code",
    "exr_findings": "Findings, by severity",
    "exr_source_requests": "Requests to the object store",
    "exr_source_bytes": "Bytes read from the object store",
}
_HISTOGRAMS = {
    "exr_inspect_ms": ("Time to inspect one object", "ms"),
    "exr_store_ms": ("Time to store one batch of inspections", "ms"),
}


class Telemetry:
    """Logs, spans and metrics of the handler; created once in `init` and shared by all threads.

    Attributes:
        logger: The logger that receives the log lines.
    """

    def __init__(self, ctx: Any = None) -> None:
        """Create the instruments, each once.

        Args:
            ctx: A DataEngine context; without one, only log lines are written.
        """
        counter, histogram = getattr(ctx, "counter", None), getattr(ctx, "histogram", None)
        self.logger: logging.Logger = getattr(ctx, "logger", None) or logging.getLogger("exr_inspector")
        self._tracer = getattr(ctx, "tracer", None)
        self._counters = {name: counter(name, text) for name, text in _COUNTERS.items()} if counter else {}
        self._histograms = (
            {name: histogram(name, text, unit) for name, (text, unit) in _HISTOGRAMS.items()} if histogram else {}
        )

    @property
    def has_tracer(self) -> bool:
        """Whether spans are recorded."""
        return self._tracer is not None

    @contextmanager
    def span(self, name: str, **attributes: object) -> Iterator[Any]:
        """Open a span around the body. Yields the span, or None without a tracer."""
        if self._tracer is None:
            yield None
            return
        with self._tracer.start_as_current_span(name) as span:
            self.annotate(span, **attributes)
            yield span

    @staticmethod
    def annotate(span: Any, **attributes: object) -> None:
        """Set attributes on a span that `span` yielded; None values are left out."""
        if span is not None:
            for name, value in attributes.items():
                if value is not None:
                    span.set_attribute(f"exr.{name}", value)

    def count(self, name: str, amount: int = 1, **attributes: str) -> None:
        """Add to a counter."""
        if amount and name in self._counters:
            self._counters[name].add(amount, attributes)

    def record(self, name: str, value: float, **attributes: str) -> None:
        """Record a value in a histogram."""
        if name in self._histograms:
            self._histograms[name].record(value, attributes)

    def label(self, event: Any, **labels: str) -> None:
        """Set labels on an event for conditional routing, if the runtime's events support labels.

        Labels only affect routing, so a failure to set them is logged and is no error of the event.
        """
        set_labels = getattr(event, "set_trigger_labels", None)
        if callable(set_labels):
            try:
                set_labels(labels)
            except Exception as error:  # noqa: BLE001 - the platform's code, after the work was done
                self.logger.warning("[LABELS] refused: %s", type(error).__name__)

    def line(self, stage: str, subject: str, *, level: int = logging.INFO, **fields: object) -> None:
        """Write one log line: `[STAGE] subject | key=value key=value`; None values are left out."""
        pairs = " ".join(f"{name}={visible(str(value))}" for name, value in fields.items() if value is not None)
        self.logger.log(level, "[%s] %s | %s", stage, visible(subject), pairs)


class TracedSource(WrappedSource):
    """A source that records each read as a child of the span that was current at its creation; thread-safe."""

    def __init__(self, source: RangeSource, telemetry: Telemetry, context: contextvars.Context) -> None:
        super().__init__(source)
        self._telemetry = telemetry
        self._context = context

    @classmethod
    def around(cls, source: RangeSource, telemetry: Telemetry) -> RangeSource:
        """Return `source` wrapped so that its reads are spans, or `source` itself without a tracer."""
        return cls(source, telemetry, contextvars.copy_context()) if telemetry.has_tracer else source

    def read(self, *, start: int, end: int) -> bytes:
        """As RangeSource.read."""
        return self.read_many([(start, end)], coalesce_bytes=0)[0]

    def read_many(self, ranges: Sequence[tuple[int, int]], *, coalesce_bytes: int) -> list[bytes]:
        """As RangeSource.read_many."""
        # Other threads prefetch pixels; the caller's span is not current there.
        return self._context.copy().run(self._read, ranges, coalesce_bytes)

    def limited(self, budget: ReadBudget) -> RangeSource:
        """As RangeSource.limited."""
        return TracedSource(self._source.limited(budget), self._telemetry, self._context)

    def beside(self, name: str) -> RangeSource | None:
        """As RangeSource.beside."""
        found = self._source.beside(name)
        return None if found is None else TracedSource(found, self._telemetry, self._context)

    def _read(self, ranges: Sequence[tuple[int, int]], coalesce_bytes: int) -> list[bytes]:
        with self._telemetry.span("exr.read", path=self.path, ranges=len(ranges)) as span:
            data = self._source.read_many(ranges, coalesce_bytes=coalesce_bytes)
            self._telemetry.annotate(span, bytes=sum(map(len, data)))
            return data
