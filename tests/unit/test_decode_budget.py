"""What decoding threads share and keep: files in memory that the library opens by name, and scratch that goes round."""

import contextlib
import os
from pathlib import Path
from typing import Any

import pytest

from exr_inspector.decode_budget import DecodeBudget, MemoryFile

KEPT = 16 << 20


def held(file: MemoryFile, pieces: list[bytes | memoryview]) -> bytes:
    made = file.holding(pieces)
    return Path(made).read_bytes() if isinstance(made, str) else made.read()


def test_a_file_in_memory_holds_what_it_is_given_and_nothing_of_before() -> None:
    with contextlib.closing(MemoryFile()) as file:
        many = [b"", b"head", *(bytes([number % 251]) * (number % 7) for number in range(3000))]
        assert held(file, many) == b"".join(many)
        assert held(file, [memoryview(b"0123456789")[2:5], b"!"]) == b"234!"


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


def test_scratch_goes_round_and_gives_the_memory_of_rare_large_strips_back() -> None:
    with contextlib.closing(DecodeBudget(workers=1, memory_bytes=1 << 20)) as budget:
        with budget.scratch() as first:
            name = first.file.holding([bytes(KEPT), bytes(1 << 20)])
            assert not isinstance(name, str) or Path(name).stat().st_size == KEPT + (1 << 20)
            with budget.scratch() as other:
                assert other is not first
        assert not isinstance(name, str) or Path(name).stat().st_size == KEPT
        with budget.scratch() as again:
            assert again in {first, other}
