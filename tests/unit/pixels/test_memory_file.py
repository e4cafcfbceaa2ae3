"""Files in memory: what one process writes, the other one reads; nothing stays open."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from exr_inspector.pixels.memory_file import MemoryFile, SharedFile


def test_arrays_pass_through_a_shared_file() -> None:
    ours = SharedFile()
    theirs = SharedFile(os.dup(ours.fileno()))
    for size in (3, 5_000, 2):
        value = {"name": "R", "pixels": np.arange(size, dtype=np.float32), "more": np.arange(7)}
        found = theirs.get(*ours.put(value))
        assert found["name"] == "R"
        assert np.array_equal(found["pixels"], value["pixels"])
        assert np.array_equal(found["more"], value["more"])
    ours.write([b"ab", b"", b"cde"])
    assert bytes(theirs.view(5)) == b"abcde"
    assert bytes(theirs.view(0)) == b""
    for file in (ours, theirs):
        descriptor = file.fileno()
        file.close()
        with pytest.raises(OSError, match="descriptor"):
            os.fstat(descriptor)


def test_the_contents_of_a_memory_file_are_replaced() -> None:
    file = MemoryFile()
    for pieces in ([b"first ", b"contents"], [b"", b"next"]):
        held = file.holding(pieces)
        found = held.getvalue() if isinstance(held, io.BytesIO) else Path(held).read_bytes()
        assert found == b"".join(pieces)
    file.shrink()
    file.close()
    if sys.platform == "linux":
        assert isinstance(held, str)
        assert not Path(held).exists()
