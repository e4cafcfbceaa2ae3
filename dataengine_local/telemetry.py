"""Spans and metric instruments with the members of OpenTelemetry's that handlers use, kept in memory to be looked at.

It exports nothing and samples nothing; the platform brings the real thing. Everything may be used from many threads at once.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

_KEPT_SPANS = 10_000
_CURRENT: ContextVar[Span | None] = ContextVar("dataengine_local_current_span", default=None)


@dataclass(frozen=True, slots=True)
class FinishedSpan:
    """A span that has ended.

    Attributes:
        name: What was done.
        parent: Name of the span it ran in; None for an outermost one.
        attributes: As set while it ran.
        events: Names and attributes of what was noted on the way.
        exceptions: The exceptions that were recorded.
        status: The status code's name in upper case: `UNSET`, `OK` or `ERROR`.
        status_description: What was said with the status.
        seconds: How long it took.
        thread_name: The thread that ended it.
    """

    name: str
    parent: str | None
    attributes: Mapping[str, Any]
    events: tuple[tuple[str, Mapping[str, Any]], ...]
    exceptions: tuple[BaseException, ...]
    status: str
    status_description: str
    seconds: float
    thread_name: str


class Span:
    """A span that is running; it belongs to one thread, as a span of OpenTelemetry's does in practice."""

    def __init__(self, name: str, parent: Span | None, attributes: Mapping[str, Any] | None) -> None:
        self.name = name
        self._parent = parent
        self._attributes = dict(attributes or {})
        self._events: list[tuple[str, Mapping[str, Any]]] = []
        self._exceptions: list[BaseException] = []
        self._status = "UNSET"
        self._status_description = ""
        self._started = time.perf_counter()

    def set_attribute(self, key: str, value: Any) -> None:
        """Set or replace one attribute."""
        self._attributes[key] = value

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Set or replace several attributes."""
        self._attributes.update(attributes)

    def add_event(self, name: str, attributes: Mapping[str, Any] | None = None) -> None:
        """Note that something happened."""
        self._events.append((name, dict(attributes or {})))

    def record_exception(self, exception: BaseException, attributes: Mapping[str, Any] | None = None) -> None:
        """Note an exception; the status stays as it is."""
        self._exceptions.append(exception)
        self.add_event("exception", attributes)

    def set_status(self, status: Any, description: str | None = None) -> None:
        """Set the status: a StatusCode, a Status, or the code's name."""
        code = getattr(status, "status_code", status)
        self._status = str(getattr(code, "name", code)).upper()
        self._status_description = description or getattr(status, "description", None) or ""

    def update_name(self, name: str) -> None:
        """Give the span another name."""
        self.name = name

    def is_recording(self) -> bool:
        """True: every span is kept."""
        return True

    def finished(self) -> FinishedSpan:
        """The span as it ends now."""
        return FinishedSpan(
            name=self.name,
            parent=self._parent.name if self._parent else None,
            attributes=dict(self._attributes),
            events=tuple(self._events),
            exceptions=tuple(self._exceptions),
            status=self._status,
            status_description=self._status_description,
            seconds=time.perf_counter() - self._started,
            thread_name=threading.current_thread().name,
        )


class Tracer:
    """Starts spans and keeps the latest ten thousand that ended."""

    def __init__(self) -> None:
        self._finished: deque[FinishedSpan] = deque(maxlen=_KEPT_SPANS)

    @property
    def finished_spans(self) -> tuple[FinishedSpan, ...]:
        """The spans that ended, the first to end first."""
        return tuple(self._finished.copy())

    @contextmanager
    def start_as_current_span(
        self,
        name: str,
        *,
        attributes: Mapping[str, Any] | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> Iterator[Span]:
        """Run the body in a span; an exception that leaves it is recorded, makes the status ERROR, and goes on."""
        span = Span(name, _CURRENT.get(), attributes)
        token = _CURRENT.set(span)
        try:
            yield span
        except Exception as error:
            if record_exception:
                span.record_exception(error)
            if set_status_on_exception:
                span.set_status("ERROR", f"{type(error).__name__}: {error}")
            raise
        finally:
            _CURRENT.reset(token)
            self._finished.append(span.finished())


@dataclass(frozen=True, slots=True)
class Measured:
    """What one instrument got under one set of attributes: how often, the sum, the extremes and the latest value."""

    count: int
    total: float
    minimum: float
    maximum: float
    latest: float


class Instrument:
    """A metric instrument; the kinds differ in the one method that feeds them.

    Attributes:
        name: As given to the context.
        description: For people.
        unit: Such as `ms` or `By`; empty for plain numbers.
    """

    def __init__(self, name: str, description: str = "", unit: str = "") -> None:
        self.name = name
        self.description = description
        self.unit = unit
        self._lock = threading.Lock()
        self._measured: dict[frozenset[tuple[str, Any]], Measured] = {}

    def measured(self, attributes: Mapping[str, Any] | None = None) -> Measured | None:
        """What came in under exactly these attributes; None when nothing did."""
        with self._lock:
            return self._measured.get(frozenset((attributes or {}).items()))

    @property
    def total(self) -> float:
        """The sum over all attributes."""
        with self._lock:
            return sum(measured.total for measured in self._measured.values())

    def _take(self, value: float, attributes: Mapping[str, Any] | None) -> None:
        key = frozenset((attributes or {}).items())
        with self._lock:
            old = self._measured.get(key) or Measured(0, 0, value, value, value)
            self._measured[key] = Measured(
                old.count + 1, old.total + value, min(old.minimum, value), max(old.maximum, value), value
            )


class UpDownCounter(Instrument):
    """A sum that may fall again."""

    def add(self, amount: float, attributes: Mapping[str, Any] | None = None) -> None:
        """Add `amount` to the sum."""
        self._take(amount, attributes)


class Counter(UpDownCounter):
    """A sum that only grows."""

    def add(self, amount: float, attributes: Mapping[str, Any] | None = None) -> None:
        """Add `amount` to the sum.

        Raises:
            ValueError: It is negative; OpenTelemetry would drop it with a warning, which hides the mistake.
        """
        if amount < 0:
            raise ValueError(f"counter {self.name} was given {amount}; only updowncounter takes negative amounts")
        super().add(amount, attributes)


class Histogram(Instrument):
    """Values whose distribution matters."""

    def record(self, amount: float, attributes: Mapping[str, Any] | None = None) -> None:
        """Take one value."""
        self._take(amount, attributes)


class Gauge(Instrument):
    """A value of which the latest counts."""

    def set(self, amount: float, attributes: Mapping[str, Any] | None = None) -> None:
        """Replace the value."""
        self._take(amount, attributes)
