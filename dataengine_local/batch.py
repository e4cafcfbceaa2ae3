"""Collects events into batches; `dataengine_local.invoker` calls the handler with a batch."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from dataengine_local.events import VastEvent

_Answer = TypeVar("_Answer")


class BatchCollector(Generic[_Answer]):
    """Collects events until there are `size` of them or the first has waited `wait_seconds`. Belongs to one event loop."""

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
        """Wait until a batch with this event has run, and return its result for this event."""
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
        task = asyncio.get_running_loop().create_task(self._run_batch(batch))
        self._running.add(task)  # the loop itself keeps only a weak reference
        task.add_done_callback(self._running.discard)

    async def _run_batch(self, batch: list[tuple[VastEvent, asyncio.Future[_Answer]]]) -> None:
        try:
            answers = await self._run([event for event, _ in batch])
        except Exception as error:  # noqa: BLE001 - handed on to every request that waits for this batch
            for _, waiting in batch:
                if not waiting.done():
                    waiting.set_exception(error)
            return
        for (_, waiting), answer in zip(batch, answers, strict=True):
            if not waiting.done():  # its request may have been cancelled
                waiting.set_result(answer)
