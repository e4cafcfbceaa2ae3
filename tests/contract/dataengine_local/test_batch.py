"""Batches: the decorator selects the mode, batches fill up or time out, and every request gets its own answer."""

from __future__ import annotations

import functools
import importlib.util
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from dataengine_local.client import EventAnswer, post_event
from dataengine_local.config import RuntimeConfig
from dataengine_local.events import VastEventList, element_event
from dataengine_local.runtime import LocalRuntime
from dataengine_local.sdk import event_batching_handler, is_batching, sdk_modules


def no_init(ctx: Any) -> None:
    """A function whose `init` does nothing."""


def send(url: str, *keys: str) -> list[EventAnswer]:
    with ThreadPoolExecutor(len(keys)) as senders:
        return list(senders.map(lambda key: post_event(url, element_event("samples", key)), keys))


@event_batching_handler
def sizes(ctx: Any, events: Any) -> Any:
    assert isinstance(events, VastEventList)
    keys = [event.object_key for event in events]
    ctx.histogram("batch").record(len(keys))
    if "raise" in keys:
        raise ValueError("one is bad")
    if "short" in keys:
        return keys[1:]
    if "none" in keys:
        return None
    if "tuple" in keys:
        return tuple(keys)
    return keys


def test_a_full_batch_goes_at_once() -> None:
    config = RuntimeConfig(batch_size=5, batch_wait_seconds=30)
    with LocalRuntime(no_init, sizes, config=config) as runtime:
        begin = time.monotonic()
        answers = send(runtime.url, *(f"{number}.exr" for number in range(10)))
        assert time.monotonic() - begin < 5
        assert answers == [EventAnswer(204, "")] * 10
        (sizes_seen,) = runtime.ctx.telemetry.data_points("batch")
        assert (sizes_seen.count, sizes_seen.min) == (2, 5)
        for invocation in runtime.invocations:
            assert invocation.result == invocation.event.attributes["elementpath"].partition("/")[2]


def test_an_event_alone_goes_when_its_time_is_up() -> None:
    config = RuntimeConfig(batch_size=5, batch_wait_seconds=0.5)
    with LocalRuntime(no_init, sizes, config=config) as runtime:
        begin = time.monotonic()
        assert send(runtime.url, "a.exr") == [EventAnswer(204, "")]
        assert time.monotonic() - begin >= 0.5
        assert send(runtime.url, "b.exr", "c.exr", "d.exr") == [EventAnswer(204, "")] * 3
        assert runtime.ctx.telemetry.data_points("batch")[0].max == 3


def test_the_time_of_a_batch_that_filled_up_ends_no_later_one() -> None:
    config = RuntimeConfig(batch_size=2, batch_wait_seconds=0.2)
    with LocalRuntime(no_init, sizes, config=config) as runtime:
        send(runtime.url, "a.exr", "b.exr")
        time.sleep(0.3)
        assert runtime.ctx.telemetry.data_points("batch")[0].count == 1


@pytest.mark.parametrize(
    ("key", "found"), [("raise", "one is bad"), ("short", "a list of 2"), ("none", "NoneType"), ("tuple", "tuple")]
)
def test_a_batch_that_fails_fails_for_every_request(key: str, found: str) -> None:
    config = RuntimeConfig(batch_size=3, batch_wait_seconds=30)
    with LocalRuntime(no_init, sizes, config=config) as runtime:
        answers = send(runtime.url, "a.exr", key, "b.exr")
        assert [answer.status for answer in answers] == [500] * 3
        assert all(found in answer.body for answer in answers)
        assert send(runtime.url, "a.exr", "b.exr", "c.exr") == [EventAnswer(204, "")] * 3


def test_each_request_has_its_own_delivery_to_the_sink() -> None:
    def picky(ctx: Any, event: Any) -> None:
        if event.data == "bad.exr":
            raise ValueError("not this one")

    with LocalRuntime(no_init, picky) as sink:
        config = RuntimeConfig(batch_size=3, batch_wait_seconds=30, sink_url=sink.url)
        with LocalRuntime(no_init, sizes, config=config) as runtime:
            answers = send(runtime.url, "a.exr", "bad.exr", "b.exr")
    assert [answer.status for answer in answers] == [204, 500, 204]


def test_batches_have_the_time_limit_of_a_call() -> None:
    release = threading.Event()

    @event_batching_handler
    def slow(ctx: Any, events: Any) -> Any:
        release.wait(10)
        return events

    config = RuntimeConfig(batch_size=2, timeout_seconds=0.5)
    with LocalRuntime(no_init, slow, config=config) as runtime:
        assert [answer.status for answer in send(runtime.url, "a.exr", "b.exr")] == [500, 500]
        release.set()


def test_without_the_decorator_events_come_alone() -> None:
    config = RuntimeConfig(batch_size=5, batch_wait_seconds=30)
    with LocalRuntime(no_init, lambda ctx, event: event.object_key, config=config) as runtime:
        assert send(runtime.url, "a.exr") == [EventAnswer(204, "")]
        assert runtime.invocations[0].result == "a.exr"


def test_the_decorator_shows_through_others() -> None:
    @functools.wraps(sizes)
    def wrapped(ctx: Any, events: Any) -> Any:
        return sizes(ctx, events)

    assert is_batching(wrapped)
    assert not is_batching(lambda ctx, event: None)


def test_the_modules_of_the_sdk_are_importable_only_within_the_block() -> None:
    def importable() -> bool:
        try:
            return importlib.util.find_spec("vast.dataengine.sdk") is not None
        except ModuleNotFoundError:
            return False

    assert not importable()
    with sdk_modules():
        from vast.dataengine.sdk import VastEvent  # noqa: PLC0415 - is what is tested
        from vast.dataengine.sdk import event_batching_handler as provided  # noqa: PLC0415
        from vast_runtime.vast_event import VastEvent as OlderVastEvent  # noqa: PLC0415

        assert provided is event_batching_handler
        assert VastEvent is OlderVastEvent
        with sdk_modules():
            pass
        assert importlib.util.find_spec("builtins") is not None
    assert not importable()
