"""Merge byte ranges that are close together into fewer requests, and split the responses again. Arithmetic only."""

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
        """Number of bytes to request."""
        return self.end - self.start


def coalesce(ranges: Sequence[tuple[int, int]], *, gap_bytes: int) -> list[MergedRange]:
    """Return the fewest spans that cover all non-empty ranges without bridging a gap of more than `gap_bytes`.

    Args:
        ranges: (start, end) pairs, end exclusive, in any order; they may overlap.
        gap_bytes: Largest gap that is cheaper to read than to skip with another request.

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
    """Return the bytes of each range from the responses to `spans`; fewer if a response ended early, none for empty ranges."""
    pieces = [b""] * len(ranges)
    for span, answer in zip(spans, answers, strict=True):
        view = memoryview(answer)
        for index in span.members:
            start, end = ranges[index]
            whole = start == span.start and end - start >= len(answer)
            pieces[index] = answer if whole else bytes(view[start - span.start : end - span.start])
    return pieces
