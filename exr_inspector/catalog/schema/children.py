"""The columns of `channels`, `attributes`, `stats` and `validation`, which have many rows for each file.

NaN and infinities are stored as null, since SQL and JSON readers fail on them; columns count them. Attribute values are JSON
text without loss, in several rows if they do not fit into one cell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from exr_inspector.catalog.schema.columns import (
    BOOL,
    CELL_BYTES,
    INT,
    LONG,
    OWNER,
    PART_INDEX,
    REAL,
    TEXT,
    clipped,
    finite,
    has_known_codec,
    nullable,
    required,
)
from exr_inspector.exr.header.as_json import compact_json, to_json_text, value_number, value_text
from exr_inspector.exr.header.parser import PartHeader
from exr_inspector.exr.header.values import Attribute, Channel, PixelType, code_name
from exr_inspector.exr.names import ChannelName, PartNames
from exr_inspector.model import ChannelStats, Finding


class ChannelRecord(NamedTuple):
    """The record of a row of `channels`; `name` is None if the names are unknown."""

    part_index: int
    part: PartHeader
    position: int
    channel: Channel
    name: ChannelName | None
    part_layer: str


class AttributeRecord(NamedTuple):
    """The record of a row of `attributes`: piece `chunk` of the value."""

    part_index: int
    position: int
    attribute: Attribute
    chunk: int
    chunk_count: int
    value: str


class StatsRecord(NamedTuple):
    """The record of a row of `stats`."""

    part_index: int
    position: int
    stats: ChannelStats


def seen(value_of: Callable[[ChannelStats], Any]) -> Callable[[StatsRecord], Any]:
    """A figure of the values that were read; null if none were read, so that 0 always means that values were read."""
    return lambda record: value_of(record.stats) if record.stats.samples else None


class FindingRecord(NamedTuple):
    """The record of a row of `validation`."""

    position: int
    finding: Finding


def channel_records(part: PartHeader, names: PartNames | None) -> Iterator[ChannelRecord]:
    """Yield the records of a part's channels."""
    split = names.channels if names else ()
    for index, channel in enumerate(part.channels or ()):
        name = split[index] if index < len(split) else None
        yield ChannelRecord(part.index, part, index, channel, name, names.part_layer if names else "")


def attribute_records(part: PartHeader) -> Iterator[AttributeRecord]:
    """Yield the records of a part's attributes."""
    for index, attribute in enumerate(part.attributes):
        pieces = split_cell(to_json_text(attribute))
        for chunk, piece in enumerate(pieces):
            yield AttributeRecord(part.index, index, attribute, chunk, len(pieces), piece)


def split_cell(text: str, limit: int = CELL_BYTES) -> list[str]:
    """Split a text into pieces of at most `limit` bytes of UTF-8; an empty text is one piece."""
    raw = text.encode("utf-8", "surrogatepass")
    if len(raw) <= limit:
        return [text]
    pieces = []
    start = 0
    while start < len(raw):
        end = min(start + limit, len(raw))
        while end < len(raw) and raw[end] & 0xC0 == 0x80:  # do not split characters
            end -= 1
        pieces.append(raw[start:end].decode("utf-8", "surrogatepass"))
        start = end
    return pieces


def _percentiles_json(stats: ChannelStats) -> str | None:
    return compact_json([list(pair) for pair in stats.percentiles]) if stats.percentiles else None


def _histogram_json(stats: ChannelStats) -> str | None:
    histogram = stats.histogram
    return compact_json({"edges": histogram.edges, "counts": histogram.counts}) if histogram else None


# fmt: off
CHANNELS_COLUMNS = (
    *OWNER,
    PART_INDEX,
    required("channel_index", INT, "Position in the channel list, from 0", of=lambda r: r.position),
    required("name", TEXT, "Full name", of=lambda r: r.channel.name),
    required("layer", TEXT, "Layer path without view and component; empty for the base layer",
             of=lambda r: r.name.layer if r.name else r.channel.name.rpartition(".")[0]),
    required("effective_layer", TEXT, "The layer, or where parts are layers the part's name without its view: `diffuse`",
             of=lambda r: (r.name.layer if r.name else r.channel.name.rpartition(".")[0]) or r.part_layer),
    required("component", TEXT, "Last component of the name",
             of=lambda r: r.name.component if r.name else r.channel.name.rpartition(".")[2]),
    nullable("view_name", TEXT, "View it belongs to; null where the file names none",
             of=lambda r: clipped(r.name.view) if r.name else None),
    required("type", TEXT, "UINT, HALF or FLOAT", of=lambda r: code_name(PixelType, r.channel.pixel_type)),
    required("x_sampling", INT, "Columns per sample", "pixels", of=lambda r: r.channel.x_sampling),
    required("y_sampling", INT, "Rows per sample", "pixels", of=lambda r: r.channel.y_sampling),
    required("linearity", INT, "The pLinear byte as stored: 1 for channels that are perceptually linear",
             of=lambda r: r.channel.p_linear),
    nullable("is_lossy", BOOL, "Whether the part's compression may alter its values; null where it is unknown",
             of=lambda r: r.name.is_lossy if r.name and has_known_codec(r.part) else None),
    nullable("cryptomatte", TEXT, "Name of the Cryptomatte it belongs to",
             of=lambda r: clipped(r.name.cryptomatte) if r.name else None),
)

ATTRIBUTES_COLUMNS = (
    *OWNER,
    PART_INDEX,
    required("attribute_index", INT, "Position in the header, from 0", of=lambda r: r.position),
    required("chunk_index", INT, "0, or 1, 2, ... for further pieces of a value above the cell limit", of=lambda r: r.chunk),
    required("chunk_count", INT, "Pieces of the value", "rows", of=lambda r: r.chunk_count),
    required("name", TEXT, "Attribute name", of=lambda r: r.attribute.name),
    required("type", TEXT, "Type name in the file, which may be unknown", of=lambda r: r.attribute.type_name),
    required("value", TEXT, "The value, or this piece of it, as lossless JSON text; vectors above 4,096 floats as base64",
             of=lambda r: r.value),
    nullable("value_text", TEXT,
             "The value for people and text search, at most 4,000 characters; null for bytes and pieces",
             of=lambda r: clipped(value_text(r.attribute)) if r.chunk == 0 else None),
    nullable("value_number", REAL, "The value where it is one finite number; null for pieces after the first",
             of=lambda r: value_number(r.attribute) if r.chunk == 0 else None),
    required("size_bytes", LONG, "Size of the value in the file", "bytes", of=lambda r: r.attribute.size),
    required("file_offset", LONG, "Where the value starts in the file", "bytes", of=lambda r: r.attribute.offset),
    nullable("problem", TEXT, "Why the value could not be decoded although its type is known; it is kept as bytes",
             of=lambda r: clipped(r.attribute.problem) or None),
)

STATS_COLUMNS = (
    *OWNER,
    required("stats_index", INT, "Position among the file's rows, from 0: by part, channel and level",
             of=lambda r: r.position),
    PART_INDEX,
    required("channel", TEXT, "Full channel name", of=lambda r: r.stats.channel),
    required("level_x", INT, "Level in x", of=lambda r: r.stats.level_x),
    required("level_y", INT, "Level in y", of=lambda r: r.stats.level_y),
    nullable("min", REAL, "Smallest finite value that was read; null without one", of=lambda r: finite(r.stats.minimum)),
    nullable("max", REAL, "Largest finite value that was read", of=lambda r: finite(r.stats.maximum)),
    nullable("mean", REAL, "Mean of the finite values; of a sample an unbiased estimate", of=lambda r: finite(r.stats.mean)),
    nullable("mean_error", REAL, "Standard error of the mean; 0 when exact, null where the sample supports none",
             of=lambda r: finite(r.stats.mean_error)),
    nullable("mean_low", REAL, "Lower end of the 95 % interval of the mean", of=lambda r: finite(r.stats.mean_low)),
    nullable("mean_high", REAL, "Upper end of the 95 % interval of the mean", of=lambda r: finite(r.stats.mean_high)),
    nullable("stddev", REAL, "Population standard deviation of the finite values", of=lambda r: finite(r.stats.stddev)),
    required("samples", LONG, "Values that were read", "samples", of=lambda r: r.stats.samples),
    nullable("finite_count", LONG, "Finite values; null if none was read, like all counts", "samples",
             of=seen(lambda s: s.finite_count)),
    nullable("nan_count", LONG, "NaNs", "samples", of=seen(lambda s: s.nan_count)),
    nullable("inf_count", LONG, "Infinities of both signs", "samples", of=seen(lambda s: s.inf_count)),
    nullable("positive_inf_count", LONG, "Positive infinities", "samples", of=seen(lambda s: s.positive_inf_count)),
    nullable("negative_inf_count", LONG, "Negative infinities", "samples", of=seen(lambda s: s.negative_inf_count)),
    nullable("zero_count", LONG, "Zeros of either sign", "samples", of=seen(lambda s: s.zero_count)),
    nullable("negative_count", LONG, "Finite values below zero", "samples", of=seen(lambda s: s.negative_count)),
    nullable("half_max_count", LONG, "Finite values of magnitude 65504 and more", "samples",
             of=seen(lambda s: s.half_max_count)),
    nullable("is_constant", BOOL, "Whether all samples have the same finite value; null if a sample cannot prove it",
             of=seen(lambda s: s.is_constant if s.exact or not s.is_constant else None)),
    nullable("first_nan_x", INT, "Column of the first NaN", "pixels",
             of=lambda r: r.stats.first_nan[0] if r.stats.first_nan else None),
    nullable("first_nan_y", INT, "Row of the first NaN", "pixels",
             of=lambda r: r.stats.first_nan[1] if r.stats.first_nan else None),
    nullable("first_inf_x", INT, "Column of the first infinity", "pixels",
             of=lambda r: r.stats.first_inf[0] if r.stats.first_inf else None),
    nullable("first_inf_y", INT, "Row of the first infinity", "pixels",
             of=lambda r: r.stats.first_inf[1] if r.stats.first_inf else None),
    nullable("maximum_x", INT, "Column of a pixel with the maximum, if that is above 1000", "pixels",
             of=lambda r: r.stats.maximum_at[0] if r.stats.maximum_at else None),
    nullable("maximum_y", INT, "Row of this pixel", "pixels",
             of=lambda r: r.stats.maximum_at[1] if r.stats.maximum_at else None),
    nullable("percentiles", TEXT, "JSON text [[percent, value], ...]; null unless every sample was read",
             of=lambda r: _percentiles_json(r.stats)),
    nullable("histogram", TEXT, 'JSON text {"edges":[..],"counts":[..]}; null unless every sample was read',
             of=lambda r: _histogram_json(r.stats)),
    nullable("fractional_share", REAL, "Share of values that are not whole numbers; null like the percentiles",
             of=lambda r: r.stats.fractional_share),
    nullable("eight_bit_share", REAL, "Share of values that are 8-bit codes divided by 255; null like the percentiles",
             of=lambda r: r.stats.eight_bit_share),
    nullable("distinct_count", LONG, "Number of different values, at most 65,536; null like the percentiles", "values",
             of=lambda r: r.stats.distinct_count),
    nullable("uncovered_count", LONG, "Of A of a layer with R, G, B: pixels with colour where it is zero; null of a sample",
             "pixels", of=lambda r: r.stats.uncovered_count),
    nullable("low_alpha_colour", REAL, "Of such an A: mean colour where it is above 0 and below 1/8, divided by the mean "
             "where it is not 0; null of a sample", of=lambda r: finite(r.stats.low_alpha_colour)),
    required("coverage", REAL, "Share of the channel's samples that were read", "0 to 1", of=lambda r: r.stats.coverage),
    required("exact", BOOL, "Whether all samples were read", of=lambda r: r.stats.exact),
    required("sample_stride", LONG, "1 when exact, otherwise the rounded reciprocal of coverage; 0 when nothing was read",
             of=lambda r: r.stats.sample_stride),
)

VALIDATION_COLUMNS = (
    *OWNER,
    required("finding_index", INT, "Position among the file's findings, from 0", of=lambda r: r.position),
    nullable("part_index", INT, "Part it concerns; null for the whole file", of=lambda r: r.finding.part),
    nullable("channel", TEXT, "Channel it concerns", of=lambda r: clipped(r.finding.channel)),
    required("code", TEXT, "Rule code, stable", of=lambda r: r.finding.code),
    required("severity", TEXT, "`info`, `warning` or `error`", of=lambda r: r.finding.severity.label),
    required("severity_rank", INT, "1, 2, 3: for ordering", of=lambda r: int(r.finding.severity)),
    required("message", TEXT, "What was found and what was expected, for people", of=lambda r: clipped(r.finding.message)),
    nullable("found", TEXT, "What was found, short", of=lambda r: clipped(r.finding.found) or None),
    nullable("expected", TEXT, "What was expected, short", of=lambda r: clipped(r.finding.expected) or None),
    nullable("file_offset", LONG, "Byte offset in the file; null if it has none", "bytes", of=lambda r: r.finding.offset),
)
# fmt: on
