"""Load: ten times as many events as threads, and batches through the runtime."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from dataengine_local.client import post_event
from dataengine_local.config import RuntimeConfig
from dataengine_local.events import element_event
from dataengine_local.function import load_function
from dataengine_local.runtime import LocalRuntime
from tests.chaos.stack import BUCKET, LocalStack, environment, local_stack
from tests.chaos.storm import ROOT
from tests.support.documented import Documented
from tests.support.faulty_s3 import Request

THREADS = 8


@pytest.fixture
def stack() -> Iterator[LocalStack]:
    with local_stack(EXR_DEADLINE_SECONDS="60", EXR_DB_RETRY_SECONDS="30") as made:
        yield made


def post_all(url: str, events: list[dict[str, Any]]) -> list[int]:
    with ThreadPoolExecutor(len(events)) as pool:
        return [answer.status for answer in pool.map(lambda event: post_event(url, event), events)]


@pytest.mark.heavy
@pytest.mark.failure(
    "process",
    "ten times as many events as threads",
    "they wait, and all are answered `204`; the number of threads is constant",
    "raise the number of replicas if they wait too long",
)
def test_ten_times_the_load_waits_instead_of_failing(stack: LocalStack, documented: Documented) -> None:
    events = []
    for index in range(10 * THREADS):
        key = f"shot/{index % 100:03}.exr"
        stack.put(key, ("scanline_zip.exr", "layers.exr")[index % 2])
        events.append(element_event(BUCKET, key))
    busy: list[int] = []
    others = set(threading.enumerate())  # threads of services of earlier tests

    def watch(_request: Request) -> None:
        ours = set(threading.enumerate()) - others
        busy.append(sum(thread.name.startswith(("handler", "exr-")) for thread in ours))

    stack.s3.hook = watch
    with environment(stack.environ):
        function = load_function(ROOT)
        with LocalRuntime(function.init, function.handler, config=RuntimeConfig(threads=THREADS)) as runtime:
            statuses = Counter(post_all(runtime.url, events))
    assert statuses == {204: len(events)}
    documented(*statuses)
    assert max(busy) <= THREADS + 8, "threads do not grow with the load"
    assert stack.differences() == []


def test_batches_through_the_runtime_are_stored_together_and_answered_in_order(stack: LocalStack) -> None:
    keys = [f"{index:02}.exr" for index in range(16)]
    for key in keys:
        stack.put(key)
    events = [element_event(BUCKET, key) for key in keys] + [{**element_event(BUCKET, "x.exr"), "data": {}}]
    del events[-1]["elementpath"]  # names no object, which must not fail the rest of the batch
    config = RuntimeConfig(batch_size=len(events), batch_wait_seconds=5.0)
    with environment({**stack.environ, "EXR_BATCH": "1"}):
        function = load_function(ROOT)
        with LocalRuntime(function.init, function.handler, config=config) as runtime:
            stack.database.reset_counters()
            assert post_all(runtime.url, events) == [204] * len(events)
            told = {invocation.event.id: invocation for invocation in runtime.invocations}
    assert stack.database.counters()["commit"] == 1
    for event, key in zip(events, keys, strict=False):
        assert told[event["id"]].result["key"] == key
        assert told[event["id"]].event.trigger_labels["exr_status"] == "inspected"
    assert told[events[-1]["id"]].result["status"] == "skipped"
    assert stack.differences() == []
