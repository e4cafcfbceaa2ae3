"""Merging byte ranges that lie close together into fewer requests, and cutting the answers apart again. Arithmetic only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MergedRange:
    """One request for several ranges.

    Attributes:
        start: First byte.
        end: End, exclusive.
        members: Indices of the ranges it covers, in the order given by the caller.
    """

    start: int
    end: int
    members: tuple[int, ...]

    @property
    def size(self) -> int:
        """Bytes the request asks for."""
        return self.end - self.start


def coalesce(ranges: Sequence[tuple[int, int]], *, gap_bytes: int) -> list[MergedRange]:
    """The fewest spans that cover all non-empty ranges without bridging a gap of more than `gap_bytes`.

    Args:
        ranges: (start, end) pairs, end exclusive, in any order, overlapping or not.
        gap_bytes: Widest hole that is cheaper to read than a request of its own.

    Returns:
        Spans by rising start; empty ranges belong to none.
    """
    order = sorted((start, end, index) for index, (start, end) in enumerate(ranges) if start < end)
    spans: list[MergedRange] = []
    members: list[int] = []
    first = last = 0
    for start, end, index in order:
        if members and start - last > gap_bytes:
            spans.append(MergedRange(first, last, tuple(sorted(members))))
            members = []
        if not members:
            first = last = start
        last = max(last, end)
        members.append(index)
    if members:
        spans.append(MergedRange(first, last, tuple(sorted(members))))
    return spans


def cut(spans: Sequence[MergedRange], answers: Sequence[bytes], ranges: Sequence[tuple[int, int]]) -> list[bytes]:
    """Each range's bytes out of the answers to `spans`; shorter where the answer ended early, empty for empty ranges."""
    pieces = [b""] * len(ranges)
    for span, answer in zip(spans, answers, strict=True):
        view = memoryview(answer)
        for index in span.members:
            start, end = ranges[index]
            whole = start == span.start and end - start >= len(answer)
            pieces[index] = answer if whole else bytes(view[start - span.start : end - span.start])
    return pieces
