"""Makes attributes and statistics from stored rows."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from exr_inspector.exr.header.as_json import from_json
from exr_inspector.exr.header.values import Attribute
from exr_inspector.model import ChannelStats, Histogram

StoredRow = Mapping[str, Any]


def join_cells(pieces: Iterable[tuple[int, str]]) -> str:
    """Join the pieces of a value, given as (chunk_index, piece) in any order: the inverse of `schema.children.split_cell`."""
    return "".join(piece for _, piece in sorted(pieces))


def attributes_from_rows(rows: Iterable[StoredRow]) -> dict[int, tuple[Attribute, ...]]:
    """The attributes of each part in header order, by part index; pieces of long values are joined.

    Raises:
        KeyError, TypeError, ValueError: A value is not valid JSON for its type.
    """
    pieces: dict[tuple[int, int], list[StoredRow]] = defaultdict(list)
    for row in rows:
        pieces[row["part_index"], row["attribute_index"]].append(row)
    attributes: dict[int, list[Attribute]] = defaultdict(list)
    for (part, _), group in sorted(pieces.items()):
        first = group[0]
        text = join_cells((row["chunk_index"], row["value"]) for row in group)
        value = from_json(first["type"], json.loads(text))
        attributes[part].append(
            Attribute(
                first["name"], first["type"], value, first["file_offset"], first["size_bytes"], first["problem"] or ""
            )
        )
    return {part: tuple(items) for part, items in attributes.items()}


def _point(x: int | None, y: int | None) -> tuple[int, int] | None:
    return None if x is None or y is None else (x, y)


def channel_stats(row: StoredRow) -> ChannelStats:
    """The statistics of a row of `stats`."""
    histogram = json.loads(row["histogram"]) if row["histogram"] else None
    percentiles = json.loads(row["percentiles"]) if row["percentiles"] else ()
    return ChannelStats(
        part=row["part_index"],
        channel=row["channel"],
        level_x=row["level_x"],
        level_y=row["level_y"],
        samples=row["samples"],
        finite_count=row["finite_count"] or 0,
        nan_count=row["nan_count"] or 0,
        positive_inf_count=row["positive_inf_count"] or 0,
        negative_inf_count=row["negative_inf_count"] or 0,
        zero_count=row["zero_count"] or 0,
        negative_count=row["negative_count"] or 0,
        half_max_count=row["half_max_count"] or 0,
        minimum=row["min"],
        maximum=row["max"],
        mean=row["mean"],
        stddev=row["stddev"],
        first_nan=_point(row["first_nan_x"], row["first_nan_y"]),
        first_inf=_point(row["first_inf_x"], row["first_inf_y"]),
        percentiles=tuple((percent, value) for percent, value in percentiles),
        histogram=Histogram(tuple(histogram["edges"]), tuple(histogram["counts"])) if histogram else None,
        coverage=row["coverage"],
        exact=row["exact"],
        mean_error=row["mean_error"],
        mean_low=row["mean_low"],
        mean_high=row["mean_high"],
        fractional_share=row["fractional_share"],
        eight_bit_share=row["eight_bit_share"],
        distinct_count=row["distinct_count"],
        uncovered_count=row["uncovered_count"],
        low_alpha_colour=row["low_alpha_colour"],
        maximum_at=_point(row["maximum_x"], row["maximum_y"]),
    )
