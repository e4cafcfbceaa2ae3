"""What decoding threads share: reused scratch memory, leases and turns."""

import contextlib
import os
from pathlib import Path

import numpy as np
import pytest

from exr_inspector.deadline import Deadline
from exr_inspector.errors import DeadlineExceeded
from exr_inspector.memory import MemoryPool
from exr_inspector.pixels.budget import DecodeBudget
from exr_inspector.pixels.isolation import _SharedLock

KEPT = 16 << 20


def resident() -> int:
    """The bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def test_scratch_memory_is_reused_and_that_of_rare_large_strips_is_freed() -> None:
    with contextlib.closing(DecodeBudget(workers=1, memory_bytes=1 << 20)) as budget:
        with budget.scratch() as first:
            name = first.file.holding([bytes(KEPT), bytes(1 << 20)])
            assert not isinstance(name, str) or Path(name).stat().st_size == KEPT + (1 << 20)
            with budget.scratch() as other:
                assert other is not first
        assert not isinstance(name, str) or Path(name).stat().st_size == KEPT
        with budget.scratch() as again:
            assert again in {first, other}


def test_a_lease_is_given_back_once_by_the_last_holder() -> None:
    pool = MemoryPool(100)
    with pool.taken(60) as lease:
        lease.share()
        lease.keep(10)
        assert pool.used == 10
        lease.release()
        assert pool.used == 10
    assert pool.used == 0
    lease.release()
    assert pool.used == 0


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="resident memory is read from /proc")
def test_what_large_strips_leave_behind_goes_back_to_the_system() -> None:
    """malloc keeps freed blocks below one in use until it is asked to release them."""
    with contextlib.closing(DecodeBudget(workers=1, memory_bytes=1 << 20)) as budget:
        blocks = [np.ones(1 << 20, np.uint8) for _ in range(200)]
        last = np.ones(1 << 16, np.uint8)
        before = resident()
        blocks.clear()
        budget.trim(200 << 20)
        assert last[0] == 1
        assert before - resident() > 150 << 20


def test_small_strips_are_not_worth_the_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    with contextlib.closing(DecodeBudget(workers=1, memory_bytes=1 << 20)) as budget:
        calls: list[int] = []
        monkeypatch.setattr(budget, "_trim", calls.append)
        budget.trim(64 << 20)
        assert not calls
        budget.trim(128 << 20)
        assert calls == [0]


@pytest.mark.parametrize(("processors", "workers"), [(None, 1), (1, 1), (3, 3), (64, 4)])
def test_threads_follow_the_processors_up_to_four(
    monkeypatch: pytest.MonkeyPatch, processors: int | None, workers: int
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: processors)
    with contextlib.closing(DecodeBudget(memory_bytes=1 << 30)) as budget:
        assert budget.workers == workers


def test_a_file_that_is_decoded_alone_waits_for_the_others_and_they_for_it() -> None:
    lock, late = _SharedLock(), Deadline.after(0.0)
    with lock.shared(None), lock.shared(late), pytest.raises(DeadlineExceeded), lock.exclusive(late):
        pass
    with lock.exclusive(late), pytest.raises(DeadlineExceeded), lock.shared(late):
        pass
    with lock.shared(late):
        pass
