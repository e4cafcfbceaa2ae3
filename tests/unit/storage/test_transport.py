"""The thread that sends requests exists from the first request until the sources are closed."""

from __future__ import annotations

import asyncio
import threading

import pytest

from exr_inspector.errors import SourceUnavailable
from exr_inspector.storage.requests import Transport


def served() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "exr-sources"]


async def answer() -> str:
    return "answered"


def test_no_thread_is_left_after_close() -> None:
    before, transport = len(served()), Transport()
    assert len(served()) == before, "nothing was asked for yet"
    assert transport.run(answer(), deadline=None, doing="asking") == "answered"
    assert len(served()) == before + 1
    assert served()[-1].daemon, "a program ends without closing"
    transport.close()
    assert len(served()) == before
    transport.close()
    assert transport.run(answer(), deadline=None, doing="asking") == "answered", "a later request starts a new one"
    transport.close()


def test_a_request_under_way_ends_with_close() -> None:
    transport, begun = Transport(), threading.Event()

    async def hang() -> None:
        begun.set()
        await asyncio.Event().wait()

    closing = threading.Thread(target=lambda: (begun.wait(), transport.close()))
    closing.start()
    with pytest.raises(SourceUnavailable):
        transport.run(hang(), deadline=None, doing="asking")
    closing.join()
