"""Tables for people: layers, attributes, statistics, findings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from exr_inspector.cli.output.text import (
    ASCII_BARS,
    BARS,
    GROUP_ORDER,
    SPARK_WIDTH,
    attribute_group,
    attribute_text,
    spark,
)
from exr_inspector.exr.header.values import Attribute
from exr_inspector.exr.names import Layer, PartNames
from exr_inspector.model import ChannelStats, Finding, PartPixels, Severity, sort_findings
from exr_inspector.report.words import plain
from exr_inspector.validation.reports import where

MAX_NAME_CHARACTERS = 48
MAX_LAYERS = 300  # rows printed for each part; further ones are counted
MAX_ATTRIBUTES = 500
MAX_STATISTICS = 500
_WIDE_COLUMNS = 100  # width of a terminal that has room for distributions
SEVERITY_STYLES: Mapping[Severity | None, str] = {
    Severity.ERROR: "bold red",
    Severity.WARNING: "yellow",
    Severity.INFO: "cyan",
}


def severity_text(severity: Severity) -> Text:
    """The name of a severity, in its colour."""
    return Text(severity.label, style=SEVERITY_STYLES[severity])


def plain_table(*columns: str, **options: Any) -> Table:
    """A table without lines, with two spaces between columns; cells are folded, not cut."""
    table = Table(
        box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False, show_header=bool(columns), **options
    )
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def indented(block: RenderableType) -> Padding:
    """A block, two spaces to the right."""
    return Padding(block, (0, 0, 0, 2), expand=False)


def grid(rows: Iterable[tuple[str, RenderableType]]) -> Table:
    """A table of labels and values."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for label, value in rows:
        table.add_row(label, value)
    return table


def layers_table(names: PartNames, types: Mapping[str, str]) -> Iterable[RenderableType]:
    """The layers of a part, with the components and types of their channels, and with views if the file has any.

    Args:
        names: Names of the part's channels.
        types: Pixel types by full channel name.
    """
    table = (
        plain_table("layer", "view", "channels", "type", "codec")
        if names.views
        else plain_table("layer", "channels", "type", "codec")
    )
    components = {channel.name: channel.component for channel in names.channels}
    for layer in names.layers[:MAX_LAYERS]:
        shown = ", ".join([components[channel] or channel for channel in layer.channels])
        table.add_row(
            Text(plain(layer.name) or "(base)"),
            *([Text(plain(layer.view or ""))] if names.views else []),
            Text(plain(shown)),
            Text(_types_text(layer, types, components)),
            "lossy" if layer.is_lossy else "",
        )
    yield table
    if (more := len(names.layers) - MAX_LAYERS) > 0:
        yield Text(f"and {more:,} further layers (--json has them all)", style="dim")


def _types_text(layer: Layer, types: Mapping[str, str], components: Mapping[str, str]) -> str:
    """`half`, or `half (R, G, B), float (Z)` if the types differ."""
    by_type: dict[str, list[str]] = {}
    for channel in layer.channels:
        by_type.setdefault(types.get(channel, "unknown"), []).append(components[channel] or channel)
    if len(by_type) == 1:
        return next(iter(by_type))
    return ", ".join(f"{kind} ({plain(', '.join(channels))})" for kind, channels in by_type.items())


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.5g}"


def statistics_table(
    stats: Sequence[ChannelStats], pixels: Sequence[PartPixels], console: Console
) -> Iterable[RenderableType]:
    """The statistics of each channel, with histograms if the terminal is wide enough."""
    table = plain_table("channel", title=Text(_statistics_title(stats, pixels), style="dim"), title_justify="left")
    for column in ("min", "max", "mean", "stddev", "NaN", "Inf"):
        table.add_column(column, justify="right", no_wrap=True)
    is_wide = console.width >= _WIDE_COLUMNS
    with_bars = is_wide and any(channel.histogram for channel in stats)
    with_intervals = is_wide and any(channel.mean_error for channel in stats)
    if with_intervals:
        table.add_column("95% interval of the mean", no_wrap=True)
    elif with_bars:
        table.add_column("distribution", no_wrap=True, min_width=SPARK_WIDTH)
    bars = ASCII_BARS if console.options.ascii_only else BARS
    for channel in stats[:MAX_STATISTICS]:
        counts = [
            Text(f"{count:,}{'+' * (count > 0 and not channel.exact)}", style="red" if count else "dim")
            for count in (channel.nan_count, channel.inf_count)
        ]
        level = f" @{channel.level_x},{channel.level_y}" if channel.level_x or channel.level_y else ""
        figures = (channel.minimum, channel.maximum, channel.mean, channel.stddev)
        last = [_interval(channel)] if with_intervals else [spark(channel.histogram, bars)] if with_bars else []
        table.add_row(Text(plain(channel.channel) + level), *map(_figure, figures), *counts, *last)
    yield table
    if (more := len(stats) - MAX_STATISTICS) > 0:
        yield Text(f"and {more:,} further channels (--json has them all)", style="dim")


def _interval(channel: ChannelStats) -> str:
    if channel.exact or channel.mean_error is None:
        return "" if channel.exact else "not known"
    return f"{_figure(channel.mean_low)} to {_figure(channel.mean_high)}"


def _statistics_title(stats: Sequence[ChannelStats], pixels: Sequence[PartPixels]) -> str:
    """How many pixels were read, and whether the first level is black or constant."""
    share = min((channel.coverage for channel in stats), default=0.0)
    caption = f"{share:.2%} of the pixels; the others are not known"
    if all(channel.exact for channel in stats):
        caption = "every pixel"
    firsts = [entry for entry in pixels if (entry.level_x, entry.level_y) == (0, 0)]
    notes = ["black"] if any(entry.is_black for entry in firsts) else []
    notes += ["constant"] if any(entry.is_constant for entry in firsts) else []
    return ": ".join(filter(None, (f"statistics of {caption}", ", ".join(notes))))


def attributes_table(attributes: Sequence[Attribute]) -> Iterable[RenderableType]:
    """Attributes by group, in each group in the order of the file."""
    table = plain_table()
    for _ in range(3):
        table.add_column(overflow="fold")
    ordered = sorted(attributes, key=lambda attribute: GROUP_ORDER.index(attribute_group(attribute.name)))
    shown = ordered[:MAX_ATTRIBUTES]
    for group, members in groupby(shown, key=lambda attribute: attribute_group(attribute.name)):
        table.add_row(Text(group, style="dim"))
        for attribute in members:
            name = Text("  " + plain(attribute.name, MAX_NAME_CHARACTERS))
            value = Text(attribute_text(attribute))
            if attribute.problem:
                value.append(f"  {plain(attribute.problem)}", style="red")
            table.add_row(name, Text(plain(attribute.type_name, MAX_NAME_CHARACTERS), style="dim"), value)
    yield table
    if len(ordered) > len(shown):
        yield Text(f"and {len(ordered) - len(shown):,} further attributes (--json has them all)", style="dim")


def findings_table(findings: Sequence[Finding], parts: Sequence[str]) -> Table:
    """One row for each finding, the worst first, with the parts' names."""
    table = plain_table()
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(style="dim", overflow="fold", max_width=MAX_NAME_CHARACTERS)
    table.add_column(overflow="fold")
    for finding in sort_findings(findings):
        place, message = Text(plain(where(finding, parts))), Text(plain(finding.message, 400))
        table.add_row(severity_text(finding.severity), finding.code, place, message)
    return table
