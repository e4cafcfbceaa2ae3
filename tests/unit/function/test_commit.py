"""Which items share a transaction: those of waiting threads, and announced ones for the time of the last transaction."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from exr_inspector.catalog import Outcome, UpsertResult
from exr_inspector.deadline import Deadline
from exr_inspector.function.commit import MAX_GROUP, Writer
from tests.support.waiting import until

SECONDS = 20  # timeout of calls that should not wait


class Written:
    """Records which items were written together, on a clock by which each transaction takes this many seconds."""

    def __init__(self, seconds: float, gather_seconds: float) -> None:
        self.seconds = seconds
        self.now = 0.0
        self.groups: list[list[str]] = []
        self.writer: Writer[str] = Writer(
            self._together, self._together, gather_seconds=gather_seconds, clock=lambda: self.now
        )
        self.write("first")  # there is no transaction before the first

    def _together(self, items: Sequence[str], _: Deadline) -> list[UpsertResult]:
        self.groups.append(list(items))
        self.now += self.seconds
        return [UpsertResult(item, item, None, item, Outcome.INSERTED) for item in items]

    def write(self, item: str) -> None:
        self.writer.write([item], Deadline.after(60))

    def write_announced(self, item: str) -> None:
        with self.writer.announced():
            self.write(item)


@contextmanager
def threads() -> Iterator[ThreadPoolExecutor]:
    pool = ThreadPoolExecutor(2)
    try:
        yield pool
    finally:
        pool.shutdown(wait=False)


def test_a_thread_waits_for_one_that_is_announced() -> None:
    written = Written(seconds=60, gather_seconds=60)
    is_announced = threading.Event()

    def write() -> None:
        with written.writer.announced():
            is_announced.set()
            written.write("other")

    with threads() as pool:
        with written.writer.announced():
            other = pool.submit(write)
            assert is_announced.wait(SECONDS)
            written.write("one")  # whichever of the two writes, it waits for the other
        other.result(SECONDS)
    assert [len(group) for group in written.groups[1:]] == [2]


def test_a_thread_does_not_wait_for_one_that_ends_without_writing() -> None:
    written = Written(seconds=60, gather_seconds=60)
    entered, leave = threading.Event(), threading.Event()

    def end_without_writing() -> None:
        with written.writer.announced():
            entered.set()
            assert leave.wait(SECONDS)

    with threads() as pool:
        other: Future[None] = pool.submit(end_without_writing)
        assert entered.wait(SECONDS)
        one = pool.submit(written.write_announced, "one")
        leave.set()
        one.result(SECONDS)
        other.result(SECONDS)
    assert written.groups[1:] == [["one"]]


def test_a_thread_that_is_alone_does_not_wait() -> None:
    written = Written(seconds=60, gather_seconds=60)
    with threads() as pool:
        pool.submit(written.write_announced, "one").result(SECONDS)
    assert written.groups[1:] == [["one"]]


@pytest.mark.parametrize(
    ("seconds", "gather_seconds"), [pytest.param(0.0, 60, id="last-transaction"), pytest.param(60, 0.01, id="limit")]
)
def test_a_thread_waits_no_longer_than_the_last_transaction_took_and_than_the_limit(
    seconds: float, gather_seconds: float
) -> None:
    written = Written(seconds, gather_seconds)
    with threads() as pool, written.writer.announced():  # of a thread that never writes
        pool.submit(written.write_announced, "one").result(SECONDS)
    assert written.groups[1:] == [["one"]]


def test_a_thread_does_not_wait_when_the_last_transaction_is_long_over() -> None:
    written = Written(seconds=60, gather_seconds=60)
    written.now += 60
    with threads() as pool, written.writer.announced():  # of a thread that never writes
        pool.submit(written.write_announced, "one").result(SECONDS)
    assert written.groups[1:] == [["one"]]


def written_behind_one(sizes: Sequence[int], seconds: Sequence[float]) -> list[tuple[int, float]]:
    """Items of each transaction, and the seconds it may take, of threads that all wait while one writes.

    Args:
        sizes: Items of each thread.
        seconds: Until the deadline of each thread.
    """
    groups: list[tuple[int, float]] = []
    leave = threading.Event()

    def together(items: Sequence[str], deadline: Deadline) -> list[UpsertResult]:
        groups.append((len(items), deadline.remaining()))
        assert leave.wait(SECONDS)
        return [UpsertResult(item, item, None, item, Outcome.INSERTED) for item in items]

    writer: Writer[str] = Writer(together, together, gather_seconds=0)
    with ThreadPoolExecutor(1 + len(sizes)) as pool:
        running = [pool.submit(writer.write, ["first"], Deadline.after(60))]
        until(lambda: groups)
        for number, (size, left) in enumerate(zip(sizes, seconds, strict=True), 1):
            running.append(pool.submit(writer.write, ["item"] * size, Deadline.after(left)))
            until(lambda: len(writer.waiting) == number)  # noqa: B023 - called at once
        leave.set()
        assert [len(future.result(SECONDS)) for future in running] == [1, *sizes]
    return groups[1:]


def test_a_transaction_holds_as_much_as_it_may_and_no_more() -> None:
    half = MAX_GROUP // 2
    assert [size for size, _ in written_behind_one([half] * 3, [90, 60, 30])] == [2 * half, half]
    assert [size for size, _ in written_behind_one([half, half, 1], [90, 60, 30])] == [2 * half, 1]
    assert [size for size, _ in written_behind_one([half, half + 1], [90, 60])] == [half, half + 1]


def test_the_thread_with_the_most_time_leads() -> None:
    ((size, left),) = written_behind_one([1, 1, 1], [30, 90, 60])
    assert size == 3
    assert 35 < left <= 45, "half of its own 90 seconds; the rest is for writing by themselves"
