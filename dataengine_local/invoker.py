"""Calls the handler with events, single or in batches, within a time limit, and posts what it returns to the sink.

The answer is 204 whatever the handler returns, and 500 with the error's text for an exception. A call that exceeds the time
limit is answered 500 while its thread continues, since a thread cannot be stopped from outside.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from dataengine_local.batch import BatchCollector
from dataengine_local.client import post_event
from dataengine_local.config import RuntimeConfig
from dataengine_local.context import LocalContext
from dataengine_local.errors import EventError, LocalRuntimeError, has_code
from dataengine_local.events import FUNCTION_TYPE, TYPE_PREFIX, VastEvent, VastEventList
from dataengine_local.pool import DaemonPool
from dataengine_local.sdk import is_batching

SINK_LIMIT_BYTES = 126 * 1024
_SINK_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Invocation:
    """One event that reached the handler.

    Attributes:
        event: The event, with the labels that the handler set.
        status: HTTP status of the answer: 204 or 500.
        result: What the handler returned for it; None after an error.
        error: The text of the answer for 500, empty for 204.
        thread_name: The thread the handler ran on.
        seconds: How long the handler ran, or the time limit if it exceeded that.
    """

    event: VastEvent
    status: int
    result: Any
    error: str
    thread_name: str
    seconds: float


@dataclass(slots=True)
class _Outcome:
    """The outcome of one call of the handler; `error` is None when it returned."""

    result: Any = None
    error: str | None = None
    thread_name: str = ""
    seconds: float = 0.0


class Invoker:
    """Calls one handler; its coroutines belong to the server's event loop."""

    def __init__(self, handler: Callable[..., Any], ctx: LocalContext, config: RuntimeConfig) -> None:
        self._handler = handler
        self._ctx = ctx
        self._config = config
        self._is_async = inspect.iscoroutinefunction(handler)
        self._pool = DaemonPool(config.threads)
        self._kept: deque[Invocation] = deque(maxlen=config.kept_invocations)
        self._batches: BatchCollector[Invocation] | None = None
        if is_batching(handler):
            self._batches = BatchCollector(
                self._invoke_batch, size=config.batch_size, wait_seconds=config.batch_wait_seconds
            )

    @property
    def invocations(self) -> tuple[Invocation, ...]:
        """The latest calls, the first answered first."""
        return tuple(self._kept.copy())

    async def invoke(self, event: VastEvent) -> Invocation:
        """Call the handler with one event, alone or in a batch, and post what it returns to the sink."""
        if self._batches is not None:
            invocation = await self._batches.submit(event)
        else:
            outcome = await self._call(event)
            invocation = await self._finish(event, outcome.result, outcome)
        self._kept.append(invocation)
        return invocation

    def close(self) -> None:
        """Let the threads end after their current calls."""
        self._pool.close()

    async def _invoke_batch(self, events: list[VastEvent]) -> list[Invocation]:
        outcome = await self._call(VastEventList(events))
        results = outcome.result
        if outcome.error is None and not (isinstance(results, list) and len(results) == len(events)):
            found = f"a list of {len(results)}" if isinstance(results, list) else type(results).__name__
            error = f"a batching handler was given {len(events)} events and returned {found}"
            self._ctx.logger.error("[BATCH] %s", error)
            outcome = replace(outcome, result=None, error=error)
        if outcome.error is not None:
            results = [None] * len(events)
        pairs = zip(events, results, strict=True)
        return list(await asyncio.gather(*(self._finish(event, result, outcome) for event, result in pairs)))

    async def _call(self, argument: VastEvent | VastEventList) -> _Outcome:
        started = time.perf_counter()
        running: Awaitable[_Outcome] = (
            self._call_async(argument)
            if self._is_async
            else asyncio.get_running_loop().run_in_executor(self._pool, self._call_plain, argument)
        )
        try:
            return await asyncio.wait_for(running, self._config.timeout_seconds)
        except asyncio.TimeoutError:
            seconds = time.perf_counter() - started
            error = f"the handler ran into the time limit of {self._config.timeout_seconds:g} s"
            self._ctx.logger.error("[TIMEOUT] %s", error)  # noqa: TRY400 - the traceback would be asyncio's own
            return _Outcome(error=error, seconds=seconds)

    def _call_plain(self, argument: VastEvent | VastEventList) -> _Outcome:
        with self._watched() as outcome:
            outcome.result = self._handler(self._ctx, argument)
        return outcome

    async def _call_async(self, argument: VastEvent | VastEventList) -> _Outcome:
        with self._watched() as outcome:
            outcome.result = await self._handler(self._ctx, argument)
        return outcome

    @contextmanager
    def _watched(self) -> Iterator[_Outcome]:
        """Measure a call of the handler, and record what it raises."""
        started = time.perf_counter()
        outcome = _Outcome(thread_name=threading.current_thread().name)
        try:
            yield outcome
        except (Exception, SystemExit) as raised:
            if has_code(raised):
                self._ctx.logger.error("[FAILED] %s: %s", getattr(raised, "code", ""), raised)  # noqa: TRY400
            else:
                self._ctx.logger.exception("[FAILED] the handler raised %s", type(raised).__name__)
            outcome.error = str(raised) or type(raised).__name__
        outcome.seconds = time.perf_counter() - started

    async def _finish(self, event: VastEvent, result: Any, outcome: _Outcome) -> Invocation:
        error = outcome.error
        if event.trigger_labels:
            self._ctx.logger.debug("[LABELS] %s", event.trigger_labels)
        if error is None and result is not None and self._config.sink_url is not None:
            try:
                await asyncio.to_thread(self._deliver, self._config.sink_url, event, result)
            except (EventError, LocalRuntimeError) as undelivered:
                error = f"the result was not delivered: {undelivered}"
                self._ctx.logger.error("[SINK] %s", error)  # noqa: TRY400 - no traceback: the text says it all
        status = 204 if error is None else 500
        return Invocation(event, status, result, error or "", outcome.thread_name, outcome.seconds)

    def _deliver(self, sink_url: str, event: VastEvent, result: Any) -> None:
        """Post a return value as a new event with the same id; of a returned event, only its data is posted."""
        data = result.data if isinstance(result, VastEvent) else result
        try:
            size = len((data if isinstance(data, str) else json.dumps(data, allow_nan=False)).encode())
        except (TypeError, ValueError, RecursionError) as error:
            raise LocalRuntimeError(f"it cannot be written as JSON ({error})") from error
        if size > SINK_LIMIT_BYTES:
            raise LocalRuntimeError(f"it has {size} bytes, an Event Broker takes {SINK_LIMIT_BYTES} at most")
        new_event: dict[str, Any] = {
            "id": event.id,
            "type": FUNCTION_TYPE,
            "source": f"{TYPE_PREFIX}{self._config.function_name}",
            "subject": event.subject,
            "datacontenttype": "text/plain" if isinstance(data, str) else "application/json",
            "data": data,
        }
        if event.partition_key is not None:
            new_event["partitionkey"] = event.partition_key
        answer = post_event(sink_url, new_event, mode="binary", timeout_seconds=_SINK_SECONDS)
        if answer.status >= 300:
            raise LocalRuntimeError(f"the sink answered {answer.status}: {answer.body[:200]}")
