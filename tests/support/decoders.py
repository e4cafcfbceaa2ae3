"""Decoder processes that outlive the commands of a test, since each of them takes a fifth of a second of CPU to start."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from exr_inspector.pixels import isolation
from exr_inspector.pixels.isolation import DecoderPool, _Decoder

_IDLE: dict[int, list[_Decoder]] = defaultdict(
    list
)  # by the memory budget of their parent, which they get when they start
_STARTER = ThreadPoolExecutor(1, "test-decoders")  # a decoder process ends with the thread that starts it


@contextmanager
def shared_decoders() -> Iterator[None]:
    """In the block, all pools of this process with the same memory budget use the same idle processes."""
    construct = DecoderPool.__init__

    def construct_shared(self: DecoderPool, *, memory_bytes: int, cpu_seconds: float) -> None:
        construct(self, memory_bytes=memory_bytes, cpu_seconds=cpu_seconds)
        self._idle = _IDLE[memory_bytes]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DecoderPool, "__init__", construct_shared)
        patch.setattr(DecoderPool, "close", lambda _: None)
        patch.setattr(isolation, "_Decoder", lambda memory_bytes: _STARTER.submit(_Decoder, memory_bytes).result())
        yield


def end_shared_decoders() -> None:
    """End the processes that `shared_decoders` has kept."""
    for idle in _IDLE.values():
        while idle:
            idle.pop().close()
