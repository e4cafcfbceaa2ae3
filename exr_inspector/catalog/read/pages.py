"""Reads the frames of many files from the tables: pages of files in order of path, with one request for each table and page.

The number of files and the estimated size of their rows limit a page, so that memory stays bounded whatever the headers
contain. A page is selected by its first and last path, since a predicate that lists every file costs the SDK more than all the
rest. Each page is one transaction, so all rows of a file have one version; the next page is read while the caller works.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain
from operator import itemgetter
from typing import Any, NamedTuple, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from exr_inspector.catalog.paths import catalog_prefix
from exr_inspector.catalog.rows.cells import attributes_from_rows, channel_stats
from exr_inspector.catalog.schema import ATTRIBUTES, CHANNELS, FILES, PARTS, STATS
from exr_inspector.catalog.sdk.connection import Connection
from exr_inspector.catalog.sdk.predicates import every, has_prefix, is_in
from exr_inspector.catalog.sdk.work import Work, rows_of
from exr_inspector.exr.header.values import Attribute
from exr_inspector.model import ChannelStats
from exr_inspector.validation.frames import channel_text

FRAME_PAGE_FILES = 20_000
FRAME_PAGE_BYTES = 1 << 30  # most of them are values of attributes, which are not read for frames
_ROW_BYTES = 1_000  # estimated size of a row of a child table, without the value of an attribute
_SIZES = ("header_bytes", "part_rows", "attribute_rows", "stats_rows", "validation_rows")
KEYS = ("file_id", "inspection_id")
ATTRIBUTE_COLUMNS = (
    *KEYS, "part_index", "attribute_index", "chunk_index", "name", "type", "value", "size_bytes", "file_offset",
    "problem",
)  # fmt: skip
STATS_COLUMNS = (
    *KEYS, "stats_index", "part_index", "channel", "level_x", "level_y", "min", "max", "mean", "mean_error",
    "mean_low", "mean_high", "stddev", "samples", "finite_count", "nan_count", "positive_inf_count",
    "negative_inf_count", "zero_count", "negative_count", "half_max_count", "first_nan_x", "first_nan_y",
    "first_inf_x", "first_inf_y", "maximum_x", "maximum_y", "percentiles", "histogram",
    "fractional_share", "eight_bit_share", "distinct_count", "uncovered_count", "low_alpha_colour", "coverage",
    "exact",
)  # fmt: skip
_FRAME_FILES = (
    *KEYS, "path", "sequence", "frame_number", "frame_padding", "size_bytes", "mtime", "status", "error_code",
    "stats_stopped", "header_is_partial", "width", "height", "display_width", "display_height", "pixel_aspect_ratio",
    "part_type", "compression", "channel_count", "pixel_types", "views", "software", "color_interop_id", "chromaticities",
    "is_aces", "fps", "timecode", "timecode_rate", "embedded_frame",
    "error_count", "error_codes", "inspected_at",
)  # fmt: skip
_FRAME_PARTS = (
    *KEYS, "part_index", "part_name", "view_name", "data_x_min", "data_y_min", "data_x_max", "data_y_max",
    "display_x_min", "display_y_min", "display_x_max", "display_y_max", "compression", "part_type", "tiling",
    "cryptomattes", "pixel_hash",
)  # fmt: skip
_FRAME_CHANNELS = (*KEYS, "part_index", "effective_layer", "name", "type")
_FRAME_STATS = tuple(name for name in STATS_COLUMNS if name != "histogram")

_NUL = "\0"  # ends names in the file, so no name contains it

Row = Mapping[str, Any]
_Page = TypeVar("_Page")


@dataclass(frozen=True, slots=True)
class FrameRows:
    """The rows of one frame that sequence rules need; see `frame_of_row`.

    Attributes:
        file: Its row of `files`.
        parts: Its rows of `parts`, in order.
        channels: `channel_text` of all channels, by part and name.
        stats: The statistics of those channels of which all pixels of the first level were read, by part.
        attributes: The requested attributes of the first part; None if their rows are invalid.
    """

    file: Row
    parts: Sequence[Row]
    channels: tuple[str, ...]
    stats: Sequence[ChannelStats] = ()
    attributes: Sequence[Attribute] | None = ()


class _Listed(NamedTuple):
    path: str
    weight: int


def stored_frames(
    connection: Connection, prefix: str = "", *, attributes: Collection[str] = (), page_files: int = FRAME_PAGE_FILES
) -> Iterator[FrameRows]:
    """Yield the frame rows of all files below a prefix, in order of path.

    Args:
        connection: The database.
        prefix: Prefix of `bucket/key`, in any spelling; empty for all files.
        attributes: Names of the attributes that are read.
        page_files: Maximum number of files in a page.

    Raises:
        CatalogError: The database cannot be read.
    """
    pages = pages_of(list_files(connection, prefix), page_files, FRAME_PAGE_BYTES)
    read = partial(_read_frames, names=sorted(attributes))
    yield from chain.from_iterable(read_ahead(connection, "read frames", pages, read))


def list_files(connection: Connection, prefix: str) -> list[_Listed]:
    """The path and the estimated size of all files below the prefix, in order of path."""
    below = has_prefix("path", catalog_prefix(prefix))

    def body(work: Work) -> list[_Listed]:
        found: list[_Listed] = []
        for batch in work.select(FILES, ["path", *_SIZES], below):
            paths, headers, *counts = (batch[name].to_pylist() for name in ("path", *_SIZES))
            rows = map(sum, zip(*counts, strict=True))
            weights = ((size or 0) + _ROW_BYTES * count for size, count in zip(headers, rows, strict=True))
            found += map(_Listed, paths, weights)
        return sorted(found)

    return connection.run("list files", body)


def pages_of(listed: Sequence[_Listed], files: int, weight: int) -> Iterator[tuple[str, str]]:
    """Yield the first and last path of each page; a page with a single file may exceed the size."""
    first, count, heavy = 0, 0, 0
    for index, item in enumerate(listed):
        if count and (count == files or heavy + item.weight > weight):
            yield listed[first].path, listed[index - 1].path
            first, count, heavy = index, 0, 0
        count += 1
        heavy += item.weight
    if count:
        yield listed[first].path, listed[-1].path


def read_ahead(
    connection: Connection,
    doing: str,
    pages: Iterator[tuple[str, str]],
    read: Callable[[Work, tuple[str, str]], _Page],
) -> Iterator[_Page]:
    """Yield the contents of each page, while a thread reads the next page."""
    with ThreadPoolExecutor(1, "read-ahead") as pool:

        def begin() -> Future[_Page] | None:
            page = next(pages, None)
            return None if page is None else pool.submit(connection.run, doing, lambda work: read(work, page))

        coming = begin()
        while coming is not None:
            answer = coming.result()
            coming = begin()
            yield answer


def between(column: str, page: tuple[str, str]) -> Callable[[Any], Any]:
    """A predicate for the rows of the files of a page, whose paths a column has."""
    return lambda table: (table[column] >= page[0]) & (table[column] <= page[1])


OWNER = itemgetter(*KEYS)


def _read_frames(work: Work, page: tuple[str, str], *, names: Sequence[str]) -> list[FrameRows]:
    files = rows_of(work.select(FILES, _FRAME_FILES, between("path", page)))
    parts: dict[tuple[str, str], list[Row]] = {}
    for row in rows_of(work.select(PARTS, _FRAME_PARTS, between("file_path", page))):
        parts.setdefault(OWNER(row), []).append(row)
    channels = _channel_lists(work.select(CHANNELS, _FRAME_CHANNELS, between("file_path", page)))
    stats: dict[tuple[str, str], list[Row]] = {}
    for row in rows_of(work.select(STATS, _FRAME_STATS, every(between("file_path", page), _is_exact_first_level))):
        stats.setdefault(OWNER(row), []).append({**row, "histogram": None})
    attributes: dict[tuple[str, str], list[Row]] = {}
    first_part = every(between("file_path", page), is_in("name", names), lambda table: table["part_index"] == 0)
    for row in rows_of(work.select(ATTRIBUTES, ATTRIBUTE_COLUMNS, first_part)) if names else ():
        attributes.setdefault(OWNER(row), []).append(row)
    found = []
    for file in sorted(files, key=itemgetter("path")):
        mine = sorted(parts.get(OWNER(file), ()), key=itemgetter("part_index"))
        read = map(channel_stats, sorted(stats.get(OWNER(file), ()), key=itemgetter("stats_index")))
        named = _first_part(attributes.get(OWNER(file), ()))
        found.append(FrameRows(file, mine, channels.get(OWNER(file), ()), tuple(read), named))
    return found


def _first_part(rows: Sequence[Row]) -> tuple[Attribute, ...] | None:
    try:
        return attributes_from_rows(rows).get(0, ())
    except (KeyError, TypeError, ValueError):
        return None


def _is_exact_first_level(table: Any) -> Any:
    return (table["exact"] == True) & (table["level_x"] == 0) & (table["level_y"] == 0)  # noqa: E712 - makes a predicate


def _channel_lists(batches: Iterable[pa.RecordBatch]) -> dict[tuple[str, str], tuple[str, ...]]:
    """The channels by (file_id, inspection_id). Arrow joins them, so that equal lists become Python values only once."""
    every = list(batches)
    if not every:
        return {}
    table = pa.Table.from_batches(every)
    part = table["part_index"].cast(pa.string())
    texts = pc.binary_join_element_wise(part, table["effective_layer"], table["name"], table["type"], _NUL)
    grouped = table.select(KEYS).append_column("text", texts).group_by(KEYS, use_threads=False)
    lists = grouped.aggregate([("text", "list")])
    joined = pc.binary_join(lists["text_list"], _NUL).combine_chunks().dictionary_encode()
    made = [_channel_list(text) for text in joined.dictionary.to_pylist()]
    keys = zip(*(lists[name].to_pylist() for name in KEYS), strict=True)
    return {key: made[index] for key, index in zip(keys, joined.indices.to_pylist(), strict=True)}


def _channel_list(joined: str) -> tuple[str, ...]:
    """`channel_text` of the channels of one file, by part and name."""
    fields = joined.split(_NUL)
    rows = zip(map(int, fields[::4]), fields[2::4], fields[1::4], fields[3::4], strict=True)
    return tuple(channel_text(*row) for row in sorted(rows))
