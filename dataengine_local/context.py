"""The `ctx` that `init` and every call of the handler receive.

It has the members that VAST documents, and the attributes that `init` sets.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from opentelemetry.metrics import Counter, Histogram, UpDownCounter, _Gauge

from dataengine_local.config import Secrets
from dataengine_local.telemetry import InMemoryTelemetry


class LocalContext:
    """One function's context, shared by all its threads. `vast.dataengine.sdk.Context` is this class on a laptop.

    Attributes:
        function_name: The function's name.
        logger: A logger of the standard library, named like the function.
        telemetry: The function's spans and metrics, for tests; absent on a cluster.
        tracer: An OpenTelemetry tracer.
        meter: An OpenTelemetry meter.
        secrets: `secrets["<secret name>"]["<key>"]`, or `secrets["<key>"]` for secrets without a name.
        pipeline_triggers_map: The pipeline's map of triggers; empty unless configured.
    """

    def __init__(
        self,
        function_name: str,
        *,
        secrets: Mapping[str, str | Mapping[str, str]] | None = None,
        pipeline_triggers_map: Mapping[str, Any] | None = None,
    ) -> None:
        self.function_name = function_name
        self.logger = logging.getLogger(function_name)
        self.telemetry = InMemoryTelemetry(function_name)
        self.tracer = self.telemetry.tracer
        self.meter = self.telemetry.meter
        self.secrets: Secrets = {
            name: entries if isinstance(entries, str) else dict(entries) for name, entries in (secrets or {}).items()
        }
        self.pipeline_triggers_map = dict(pipeline_triggers_map or {})

    # A function may set any attribute on its context; type checkers must accept that.
    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"ctx has no attribute {name!r}; set it in init")

    def start_as_current_span(self, name: str, **options: Any) -> Any:
        """`tracer.start_as_current_span`."""
        return self.tracer.start_as_current_span(name, **options)

    def counter(self, name: str, description: str = "", unit: str = "") -> Counter:
        """The counter of this name. OpenTelemetry drops a negative amount and logs a warning."""
        return self.meter.create_counter(name, unit, description)

    def updowncounter(self, name: str, description: str = "", unit: str = "") -> UpDownCounter:
        """The counter of this name that also takes negative amounts."""
        return self.meter.create_up_down_counter(name, unit, description)

    def histogram(self, name: str, description: str = "", unit: str = "") -> Histogram:
        """The histogram of this name."""
        return self.meter.create_histogram(name, unit, description)

    def gauge(self, name: str, description: str = "", unit: str = "") -> _Gauge:
        """The gauge of this name."""
        return self.meter.create_gauge(name, unit, description)
