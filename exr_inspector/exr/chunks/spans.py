"""Which bytes of a file its chunks take: overlaps, gaps, what stands behind the last one, and the order they stand in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from exr_inspector.exr.chunks.layout import Layout
from exr_inspector.exr.chunks.tables import ChunkTable
from exr_inspector.exr.header.values import LineOrder
from exr_inspector.exr.problems import Problem


class Span(NamedTuple):
    """The bytes of one chunk, leader included.

    Attributes:
        start: File offset of the leader.
        end: File offset behind the data.
        part: Index of the part.
        chunk: Index in the part's chunk offset table.
    """

    start: int
    end: int
    part: int
    chunk: int


def check_spans(spans: Sequence[Span], first_offset: int, file_size: int) -> Iterator[tuple[Span | None, Problem]]:
    """What is odd about the chunks' places: each chunk that overlaps an earlier one, then unreferenced bytes.

    Args:
        spans: The chunks that are there, in any order.
        first_offset: End of the last chunk offset table.
        file_size: Bytes of the file.
    """
    position, unused, unused_at = first_offset, 0, None
    for span in sorted(spans):
        if span.start < position:
            problem = Problem(
                "CHK-OFFSET-DUP",
                "the chunk lies on top of another one",
                part=span.part,
                offset=span.start,
                found=f"starts at {span.start}",
                expected=f"{position} or later",
            )
            yield span, problem
        elif span.start > position:
            unused += span.start - position
            unused_at = position if unused_at is None else unused_at
        position = max(position, span.end)
    behind = file_size - position
    if unused:
        message = "bytes before or between chunks belong to no chunk"
        yield None, Problem("CHK-GAPS", message, offset=unused_at, found=f"{unused} bytes", expected="none")
    if behind > 0:
        message = "bytes behind the last chunk belong to none"
        yield None, Problem("CHK-GAPS", message, offset=position, found=f"{behind} bytes", expected="none")


def promised_order(layout: Layout, line_order: int | None) -> npt.NDArray[np.intp] | None:
    """Chunk indices in the order in which a part's line order promises them in the file; None where it promises none."""
    if line_order not in {LineOrder.INCREASING_Y, LineOrder.DECREASING_Y} or not layout.levels:
        return None
    order = np.arange(layout.chunk_count)
    if line_order == LineOrder.INCREASING_Y:
        return order
    # Level by level, the last row of chunks first; within a row from left to right.
    rows = [
        order[level.first_chunk : level.first_chunk + level.chunk_count].reshape(level.tiles_y, level.tiles_x)[::-1]
        for level in layout.levels
    ]
    joined: npt.NDArray[np.intp] = np.concatenate([level.ravel() for level in rows])
    return joined


def check_line_order(layout: Layout, table: ChunkTable, line_order: int | None) -> Problem | None:
    """Whether the chunks of a sound table stand in the file as the line order promises."""
    order = promised_order(layout, line_order)
    if order is None:
        return None
    offsets = table.offsets[order]
    late = np.flatnonzero(offsets[1:] < offsets[:-1])
    if not len(late):
        return None
    return Problem(
        "CHK-LINEORDER",
        "chunks do not stand in the file in the order that lineOrder promises",
        part=table.part,
        offset=int(offsets[late[0] + 1]),
        found=f"{len(late)} chunks before their predecessor, the first is {int(order[late[0] + 1])}",
        expected=LineOrder(line_order or 0).name,
    )
