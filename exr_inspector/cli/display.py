"""Inspections as a person wants to read them, drawn with rich. Shows what is there, judges and computes nothing.

Everything that comes from a file is shown through `plain`: no value can move the cursor or colour the screen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from exr_inspector.exr.attribute_json import value_text
from exr_inspector.exr.chunks import Completeness
from exr_inspector.exr.header import PartHeader
from exr_inspector.exr.names import PartNames
from exr_inspector.exr.standard import STANDARD
from exr_inspector.exr.values import (
    LONG_NAMES,
    MULTI_PART,
    NON_IMAGE,
    TILED,
    Attribute,
    Compression,
    LineOrder,
    code_name,
)
from exr_inspector.model import ChannelStats, Finding, Histogram, Inspection, PartPixels, Severity, Status
from exr_inspector.sources import FILE_BUCKET

MAX_VALUE_CHARACTERS = 160
SPARK_WIDTH = 24
_BARS = " ▁▂▃▄▅▆▇█"
_SEVERITY_STYLE = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}
_GROUP_ORDER = ("colour", "camera", "production", "timecode", "structure", "cryptomatte", "provenance", "other")
_PROVENANCE = ("software", "writer", "host", "tool", "version", "renderer", "creator", "nuke/", "exr/", "oiio")
_FLAGS = ((TILED, "tiled"), (LONG_NAMES, "long names"), (NON_IMAGE, "non-image"), (MULTI_PART, "multi-part"))


def plain(text: str, limit: int = MAX_VALUE_CHARACTERS) -> str:
    """One line of `text` without control characters, cut to `limit` characters with a note of its length."""
    cut = text[: limit + 1]
    shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in cut[:limit])
    return f"{shown}... ({len(text):,} characters)" if len(cut) > limit else shown


def human_bytes(count: int) -> str:
    """A byte count with a decimal unit: 999 B, 1.2 kB, 3.4 MB."""
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def attribute_group(name: str) -> str:
    """The group that an attribute is shown in."""
    if name in STANDARD:
        return STANDARD[name].group
    if name.startswith("cryptomatte/"):
        return "cryptomatte"
    return "provenance" if any(word in name.lower() for word in _PROVENANCE) else "other"


def spark(histogram: Histogram | None) -> str:
    """A histogram as at most SPARK_WIDTH block characters; neighbouring bins are added up where there are more."""
    if histogram is None or not histogram.counts:
        return ""
    counts, width = histogram.counts, min(SPARK_WIDTH, len(histogram.counts))
    merged = [sum(counts[len(counts) * i // width : len(counts) * (i + 1) // width]) for i in range(width)]
    top = max(merged) or 1
    return "".join(_BARS[0 if not count else max(1, round(8 * (count / top) ** 0.5))] for count in merged)


def _grid(rows: Iterable[tuple[str, RenderableType]]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for label, value in rows:
        table.add_row(label, value)
    return table


def badges(inspection: Inspection) -> list[str]:
    """Words that tell a file apart at a glance."""
    header = inspection.header
    if header is None:
        return []
    views = {name.view for names in inspection.names for name in names.channels} - {None}
    found = {
        "multi-part": len(header.parts) > 1,
        "deep": any(part.is_deep for part in header.parts),
        "tiled": any(part.is_tiled for part in header.parts),
        "stereo": len(views) > 1,
        "anamorphic": any((part.pixel_aspect_ratio or 1) != 1 for part in header.parts),
        "cryptomatte": any(names.cryptomattes for names in inspection.names),
        "incomplete": inspection.is_complete is False,
    }
    return [word for word, holds in found.items() if holds]


def _is_local(inspection: Inspection) -> bool:
    return inspection.bucket == FILE_BUCKET  # a path of this machine, not an object of a bucket


def _title(inspection: Inspection) -> Text:
    title = Text(plain(f"/{inspection.key}" if _is_local(inspection) else inspection.path), style="bold")
    if inspection.version:
        title.append(f"  {human_bytes(inspection.version.size_bytes)}", style="default")
    failed = inspection.status is Status.FAILED
    title.append(f"  {inspection.status.value}", style="bold red" if failed else "green")
    for word in badges(inspection):
        title.append(f"  [{word}]", style="magenta")
    return title


def _file_rows(inspection: Inspection) -> Iterable[tuple[str, RenderableType]]:
    if inspection.error_code:
        yield "error", Text(f"{inspection.error_code}: {plain(inspection.error_message or '', 400)}", style="red")
    name = inspection.name
    if name.sequence:
        shown = name.sequence.removeprefix(FILE_BUCKET) if _is_local(inspection) else name.sequence
        yield "sequence", Text(f"{plain(shown)}  frame {name.frame}")
    header = inspection.header
    if header:
        flags = ", ".join(word for bit, word in _FLAGS if header.version_word & bit) or "none"
        yield "version", f"{header.version_word & 0xFF}, flags: {flags}"
        yield "header", f"{human_bytes(header.end)} in {len(header.parts)} part{'s' if len(header.parts) != 1 else ''}"
    if inspection.version:
        yield "modified", f"{inspection.version.mtime:%Y-%m-%d %H:%M:%S} UTC"
    if inspection.pixels and inspection.pixels.file_hash:
        yield "hash", inspection.pixels.file_hash
    cost = inspection.cost
    requests = f"{cost.requests} request{'s' if cost.requests != 1 else ''}"
    yield "read", f"{human_bytes(cost.bytes_read)} in {requests}, {inspection.duration_ms:.1f} ms"


def _completeness_text(whole: Completeness) -> Text:
    text = Text(f"{whole.present} of {whole.chunk_count} chunks (by {whole.checked})")
    if whole.is_complete:
        return text
    text.stylize("red")
    counts = ", ".join(f"{count} {state.name.lower().replace('_', ' ')}" for state, count in whole.counts.items())
    text.append(f"\n{counts}")
    for gap in whole.missing[:6]:
        level = f"level {gap.level_x},{gap.level_y} " if (gap.level_x, gap.level_y) != (0, 0) else ""
        tiles = f" tiles x {gap.tile_x_first}..{gap.tile_x_last}" if gap.tile_x_last else ""
        text.append(f"\nmissing {level}rows {gap.y_min}..{gap.y_max}{tiles}")
    if len(whole.missing) > 6 or whole.missing_truncated:
        text.append(f"\nand {len(whole.missing) - 6}{' or more' if whole.missing_truncated else ''} further ranges")
    return text


def _part_rows(
    part: PartHeader, names: PartNames | None, whole: Completeness | None
) -> Iterable[tuple[str, RenderableType]]:
    data, display = part.data_window, part.display_window
    if data:
        yield "data window", f"{data.width} x {data.height} at ({data.x_min} {data.y_min})"
    if display:
        same = "  same as data window" if display == data else ""
        yield "display window", f"{display.width} x {display.height} at ({display.x_min} {display.y_min}){same}"
    if part.pixel_aspect_ratio is not None:
        yield "pixel aspect", f"{part.pixel_aspect_ratio:.9g}"
    if part.compression is not None:
        lossy = sum(channel.is_lossy for channel in names.channels) if names else 0
        effect = (
            f"alters {lossy} of {len(names.channels)} channels" if names and lossy else "lossless for these channels"
        )
        yield "compression", f"{code_name(Compression, part.compression)}, {effect}"
    if part.line_order is not None:
        yield "line order", code_name(LineOrder, part.line_order)
    if part.is_tiled and part.tiles:
        yield "tiles", value_text(part.by_name["tiles"]) or ""
    if whole:
        yield "complete", _completeness_text(whole)


def _layers(names: PartNames) -> Table:
    table = Table(box=None, padding=(0, 2), header_style="dim", pad_edge=False)
    for column in ("layer", "view", "channels", "type", "codec"):
        table.add_column(column, overflow="fold")
    for layer in names.layers:
        prefix = f"{layer.name}." if layer.name else ""
        shown = ", ".join(channel.removeprefix(prefix) for channel in layer.channels)
        table.add_row(
            Text(plain(layer.name) or "(base)"),
            Text(plain(layer.view or "")),
            Text(plain(shown)),
            "/".join(layer.pixel_types).lower(),
            "lossy" if layer.is_lossy else "",
        )
    return table


def _deep_text(pixels: Sequence[PartPixels]) -> str:
    """Samples per pixel of the first level of a deep part; empty for a flat one."""
    deep = next((entry.deep for entry in pixels if entry.deep), None)
    if deep is None:
        return ""
    mean = deep.total_samples / deep.pixels
    return (
        f"samples per pixel {deep.min_samples} to {deep.max_samples}, mean {mean:.3g}; "
        f"{deep.empty_pixels:,} of {deep.pixels:,} pixels are empty"
    )


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _statistics(stats: Sequence[ChannelStats], pixels: Sequence[PartPixels]) -> Table:
    share = min((channel.coverage for channel in stats), default=0.0)
    caption = "every pixel" if all(channel.exact for channel in stats) else f"{share:.2%} of the pixels"
    verdicts = [
        word
        for word, holds in (("black", "is_black"), ("constant", "is_constant"))
        if any(getattr(p, holds) for p in pixels)
    ]
    title = Text(f"statistics of {caption}{': ' if verdicts else ''}{', '.join(verdicts)}", style="dim")
    table = Table(box=None, padding=(0, 2), header_style="dim", pad_edge=False, title=title, title_justify="left")
    table.add_column("channel", overflow="fold")
    for column in ("min", "max", "mean", "stddev", "NaN", "Inf"):
        table.add_column(column, justify="right")
    table.add_column("distribution", no_wrap=True, min_width=SPARK_WIDTH)
    for channel in stats:
        counts = [
            Text(f"{count:,}", style="red" if count else "dim") for count in (channel.nan_count, channel.inf_count)
        ]
        level = f" @{channel.level_x},{channel.level_y}" if channel.level_x or channel.level_y else ""
        figures = (channel.minimum, channel.maximum, channel.mean, channel.stddev)
        table.add_row(Text(plain(channel.channel) + level), *map(_figure, figures), *counts, spark(channel.histogram))
    return table


def _attributes(attributes: Sequence[Attribute]) -> Table:
    table = Table(box=None, padding=(0, 2), header_style="dim", pad_edge=False, show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    ordered = sorted(attributes, key=lambda attribute: _GROUP_ORDER.index(attribute_group(attribute.name)))
    for group, members in groupby(ordered, key=lambda attribute: attribute_group(attribute.name)):
        for position, attribute in enumerate(members):
            text = value_text(attribute)
            shown = Text(f"{attribute.size:,} bytes" if text is None else plain(text))
            if attribute.problem:
                shown.append(f"  {plain(attribute.problem)}", style="red")
            table.add_row(
                "" if position else group, Text(plain(attribute.name)), Text(plain(attribute.type_name)), shown
            )
    return table


def findings_table(findings: Sequence[Finding]) -> Table:
    """Findings, worst first, one a row."""
    table = Table(box=None, padding=(0, 2), header_style="dim", pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for finding in sorted(findings, key=lambda finding: (-finding.severity, finding.code, finding.part or 0)):
        where = "" if finding.part is None else f"part {finding.part}"
        if finding.channel:
            where += f" {plain(finding.channel)}"
        severity = Text(finding.severity.label, style=_SEVERITY_STYLE[finding.severity])
        table.add_row(severity, finding.code, where, Text(plain(finding.message, 400)))
    return table


def _part(inspection: Inspection, part: PartHeader, *, all_attributes: bool) -> RenderableType:
    names = next((entry for entry in inspection.names if entry.part == part.index), None)
    whole = next((entry for entry in inspection.completeness if entry.part == part.index), None)
    title = Text(f"part {part.index}", style="bold")
    for word in (part.name, part.part_type, part.view and f"view {part.view}"):
        if word:
            title.append(f"  {plain(word)}", style="default")
    blocks: list[RenderableType] = [_grid(_part_rows(part, names, whole))]
    if names and names.layers:
        blocks += ["", _layers(names)]
    if inspection.pixels:
        stats = [channel for channel in inspection.pixels.channels if channel.part == part.index]
        if stats:
            pixels = [entry for entry in inspection.pixels.parts if entry.part == part.index]
            blocks += ["", _statistics(stats, pixels)]
            if deep := _deep_text(pixels):
                blocks.append(Text(deep, style="dim"))
    shown_above = {"channels", "compression", "dataWindow", "displayWindow", "lineOrder", "pixelAspectRatio", "tiles"}
    rest = [a for a in part.attributes if all_attributes or a.problem or a.name not in shown_above]
    if rest:
        blocks += ["", _attributes(rest)]
    return Group(title, Padding(Group(*blocks), (0, 0, 0, 2)))


def show(inspection: Inspection, console: Console, *, all_attributes: bool = False, max_parts: int = 50) -> None:
    """Print one inspection.

    Args:
        inspection: What to print.
        console: Where to.
        all_attributes: Repeat also those attributes that are shown as part of the summary.
        max_parts: Parts to print; the rest is counted.
    """
    console.print(_title(inspection))
    console.print(Padding(_grid(_file_rows(inspection)), (0, 0, 0, 2)))
    parts = inspection.header.parts if inspection.header else ()
    for part in parts[:max_parts]:
        console.print()
        console.print(Padding(_part(inspection, part, all_attributes=all_attributes), (0, 0, 0, 2)))
    if len(parts) > max_parts:
        console.print(f"\n  and {len(parts) - max_parts} further parts (--json has them all)")
    if inspection.pixels and inspection.pixels.stopped:
        console.print(Text(f"\n  pixels: stopped early, {inspection.pixels.stopped}", style="yellow"))
    if inspection.findings:
        console.print()
        console.print(Padding(findings_table(inspection.findings), (0, 0, 0, 2)))
