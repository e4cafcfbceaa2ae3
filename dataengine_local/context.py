"""The `ctx` that `init` and every call of the handler are given.

It holds what the platform documents and whatever `init` sets on it. It reads neither environment nor files.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import Any, TypeVar

from dataengine_local.telemetry import Counter, Gauge, Histogram, Instrument, Tracer, UpDownCounter

_Kind = TypeVar("_Kind", bound=Instrument)


class LocalContext:
    """One function's context, shared by all its threads.

    Attributes:
        function_name: The function's name.
        logger: A logger of the standard library, named as the function.
        tracer: Spans in memory; `tracer.finished_spans` has those that ended.
        secrets: `secrets["<secret name>"]["<key>"]`.
        pipeline_triggers_map: What the pipeline says of its triggers; empty locally unless configured.
        instruments: Every metric instrument asked for, by name.
    """

    def __init__(
        self,
        function_name: str,
        *,
        secrets: Mapping[str, Mapping[str, str]] | None = None,
        pipeline_triggers_map: Mapping[str, Any] | None = None,
    ) -> None:
        self.function_name = function_name
        self.logger = logging.getLogger(function_name)
        self.tracer = Tracer()
        self.secrets = {name: dict(entries) for name, entries in (secrets or {}).items()}
        self.pipeline_triggers_map = dict(pipeline_triggers_map or {})
        self.instruments: dict[str, Instrument] = {}
        self._instruments_lock = threading.Lock()

    # A handler may set whatever it likes on its context: both ways of access are open to type checkers too.
    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"ctx has no attribute {name!r}; set it in init")

    def counter(self, name: str, description: str = "", unit: str = "") -> Counter:
        """The counter of this name, made on first use."""
        return self._instrument(Counter, name, description, unit)

    def updowncounter(self, name: str, description: str = "", unit: str = "") -> UpDownCounter:
        """The up-and-down counter of this name, made on first use."""
        return self._instrument(UpDownCounter, name, description, unit)

    def histogram(self, name: str, description: str = "", unit: str = "") -> Histogram:
        """The histogram of this name, made on first use."""
        return self._instrument(Histogram, name, description, unit)

    def gauge(self, name: str, description: str = "", unit: str = "") -> Gauge:
        """The gauge of this name, made on first use."""
        return self._instrument(Gauge, name, description, unit)

    def _instrument(self, kind: type[_Kind], name: str, description: str, unit: str) -> _Kind:
        with self._instruments_lock:
            instrument = self.instruments.get(name)
            if instrument is None:
                instrument = self.instruments[name] = kind(name, description, unit)
        if type(instrument) is not kind:
            raise TypeError(f"{name} is a {type(instrument).__name__} already, asked for as {kind.__name__}")
        return instrument
