"""Batching: the decorator that asks for it, a stand-in for VAST's SDK modules, and the collector that makes the batches.

The platform's own decorator lives in `vast.dataengine.sdk`, which is not on PyPI; a function that imports it runs locally
against the stand-in. How a batch is carried out is the business of `dataengine_local.invoker`.
"""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Generic, TypeVar

from dataengine_local import events as runtime_events
from dataengine_local.events import VastEvent

_Function = TypeVar("_Function", bound=Callable[..., Any])
_Answer = TypeVar("_Answer")
_MARK = "__event_batching__"
_SDK_MODULES = {
    "vast": ("vast", "vast.dataengine", "vast.dataengine.sdk"),
    "vast_runtime": ("vast_runtime", "vast_runtime.vast_event"),
}
_SDK_EVENTS = ("VastEvent", "VastEventList", "ElementTriggerVastEvent", "FunctionVastEvent", "ScheduleVastEvent")


def event_batching_handler(handler: _Function) -> _Function:
    """Mark a handler as one that takes a list of events and returns a list of as many results."""
    setattr(handler, _MARK, True)
    return handler


def is_batching(handler: Callable[..., Any]) -> bool:
    """True when the handler carries the decorator, also below others that use `functools.wraps`."""
    return bool(getattr(handler, _MARK, False))


@contextmanager
def sdk_stand_in() -> Iterator[None]:
    """Make VAST's SDK modules importable while the body runs; packages that are installed are left alone."""
    missing = [
        package for package in _SDK_MODULES if package not in sys.modules and importlib.util.find_spec(package) is None
    ]
    added = [name for package in missing for name in _SDK_MODULES[package]]
    for name in added:
        module = ModuleType(name, "Stands in for VAST's SDK while a function is imported locally.")
        module.__path__ = []
        for event_class in _SDK_EVENTS:
            setattr(module, event_class, getattr(runtime_events, event_class))
        setattr(module, event_batching_handler.__name__, event_batching_handler)
        sys.modules[name] = module
    try:
        yield
    finally:
        for name in added:
            sys.modules.pop(name, None)


class BatchCollector(Generic[_Answer]):
    """Collects events until they are `size`, or the first has waited `wait_seconds`; lives on one event loop."""

    def __init__(
        self, run: Callable[[list[VastEvent]], Awaitable[list[_Answer]]], *, size: int, wait_seconds: float
    ) -> None:
        self._run = run
        self._size = size
        self._wait_seconds = wait_seconds
        self._waiting: list[tuple[VastEvent, asyncio.Future[_Answer]]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._running: set[asyncio.Task[None]] = set()

    async def submit(self, event: VastEvent) -> _Answer:
        """Wait until a batch with this event has run; answers what `run` gave for it."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[_Answer] = loop.create_future()
        self._waiting.append((event, answer))
        if len(self._waiting) >= self._size:
            self._flush()
        elif self._timer is None:
            self._timer = loop.call_later(self._wait_seconds, self._flush)
        return await answer

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        batch, self._waiting = self._waiting, []
        task = asyncio.get_running_loop().create_task(self._carry_out(batch))
        self._running.add(task)  # the loop itself keeps only a weak reference
        task.add_done_callback(self._running.discard)

    async def _carry_out(self, batch: list[tuple[VastEvent, asyncio.Future[_Answer]]]) -> None:
        try:
            answers = await self._run([event for event, _ in batch])
        except Exception as error:  # noqa: BLE001 - handed on to every request that waits for this batch
            for _, waiting in batch:
                if not waiting.done():
                    waiting.set_exception(error)
            return
        for (_, waiting), answer in zip(batch, answers, strict=True):
            if not waiting.done():  # its request may have been given up
                waiting.set_result(answer)
