"""Files in memory: what one process writes, the other one reads; nothing stays open."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exr_inspector.pixels.memory_file import MemoryFile, SharedFile

KEPT = 16 << 20


def held(file: MemoryFile, pieces: list[bytes | memoryview]) -> bytes:
    made = file.holding(pieces)
    return Path(made).read_bytes() if isinstance(made, str) else made.read()


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


def test_a_file_in_memory_holds_what_it_is_given_and_nothing_of_before() -> None:
    with contextlib.closing(MemoryFile()) as file:
        many = [b"", b"head", *(bytes([number % 251]) * (number % 7) for number in range(3000))]
        assert held(file, many) == b"".join(many)
        assert held(file, [memoryview(b"0123456789")[2:5], b"!"]) == b"234!"
        assert isinstance(file.holding([b"a"]), str) is (sys.platform == "linux")


def test_a_system_that_writes_less_than_asked_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = os.writev
    monkeypatch.setattr(os, "writev", lambda file, pieces: whole(file, [memoryview(pieces[0])[:3]]))
    with contextlib.closing(MemoryFile()) as file:
        assert held(file, [b"0123456789", b"ab", b"cdefg"]) == b"0123456789abcdefg"


def test_where_files_in_memory_are_forbidden_a_stream_does(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: Any) -> int:
        raise PermissionError("no")

    monkeypatch.setattr(os, "memfd_create", forbidden)
    with contextlib.closing(MemoryFile()) as file:
        assert not isinstance(file.holding([b"a"]), str)
        assert held(file, [b"ab", b"c"]) == b"abc"
        file.shrink()


def test_a_file_of_two_processes_gives_the_memory_of_rare_large_contents_back() -> None:
    with contextlib.closing(SharedFile()) as file:
        file.write([bytes(KEPT + 1)])
        assert os.fstat(file.fileno()).st_size == KEPT + 1
        file.write([b"small"])
        assert os.fstat(file.fileno()).st_size == KEPT
        assert bytes(file.view(5)) == b"small"
