"""Prints one inspection for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console, Group, RenderableType
from rich.text import Text

from exr_inspector.cli.output.objects import objects_blocks
from exr_inspector.cli.output.tables import (
    attributes_table,
    findings_table,
    grid,
    indented,
    layers_table,
    statistics_table,
)
from exr_inspector.exr.chunks.layout import Layout
from exr_inspector.exr.chunks.tables import Completeness
from exr_inspector.exr.header.as_json import value_text
from exr_inspector.exr.header.parser import PartHeader
from exr_inspector.exr.header.values import (
    LINES_PER_CHUNK,
    LONG_NAMES,
    MULTI_PART,
    NON_IMAGE,
    TILED,
    Compression,
    LineOrder,
    PixelType,
    code_name,
)
from exr_inspector.exr.names import PartNames
from exr_inspector.library.validating import UPPER_LEVELS, unchecked
from exr_inspector.model import Inspection, PartPixels, PixelReport, StatsMode, Status
from exr_inspector.report.words import human_bytes, plain
from exr_inspector.validation.rule import counted

MAX_LEVELS = 40  # a ripmap has hundreds
# Parts to print; the rest is counted.
_MAX_PARTS = 50
_FLAGS = ((TILED, "tiled"), (LONG_NAMES, "long names"), (NON_IMAGE, "non-image"), (MULTI_PART, "multi-part"))


def badges(inspection: Inspection) -> list[str]:
    """Words for what is special about a file, such as `deep` or `stereo`."""
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


def _title(name: str, inspection: Inspection) -> Text:
    title = Text(plain(name, 400), style="bold")
    if inspection.version:
        title.append(f"  {human_bytes(inspection.version.size_bytes)}", style="default")
    failed = inspection.status is Status.FAILED
    title.append(f"  {inspection.status.value}", style="bold red" if failed else "green")
    for word in badges(inspection):
        title.append(f"  [{word}]", style="magenta")
    return title


def _file_rows(path: str, inspection: Inspection) -> Iterable[tuple[str, RenderableType]]:
    if inspection.error_code:
        yield "error", Text(f"{inspection.error_code}: {plain(inspection.error_message or '', 400)}", style="red")
    name = inspection.name
    if name.sequence:
        folder, slash, _ = path.rpartition("/")
        shown = folder + slash + name.sequence.rpartition("/")[2]
        yield "sequence", Text(f"{plain(shown)}  frame {name.frame}")
    header = inspection.header
    if header:
        flags = ", ".join(word for bit, word in _FLAGS if header.version_word & bit) or "none"
        yield "version", f"{header.version_word & 0xFF}, flags: {flags}"
        yield "header", f"{human_bytes(header.end)} in {counted(len(header.parts), 'part')}"
    if inspection.version:
        yield "modified", f"{inspection.version.mtime:%Y-%m-%d %H:%M:%S} UTC"
    if inspection.pixels and inspection.pixels.file_hash:
        yield "hash", inspection.pixels.file_hash
    read = f"{human_bytes(inspection.cost.bytes_read)} in {counted(inspection.cost.requests, 'request')}"
    yield "read", f"{read}, {inspection.duration_ms:.1f} ms"


def _completeness_text(chunks: Completeness) -> Text:
    text = Text(f"{chunks.present} of {chunks.chunk_count} chunks (by {chunks.checked})")
    if chunks.is_complete:
        return text
    text.stylize("red")
    counts = ", ".join(f"{count} {state.name.lower().replace('_', ' ')}" for state, count in chunks.counts.items())
    text.append(f"\n{counts}")
    for gap in chunks.missing[:6]:
        why = "" if gap.state is None or len(chunks.counts) == 1 else f" ({gap.state.name.lower().replace('_', ' ')})"
        text.append(f"\nmissing {gap.text}{why}")
    if len(chunks.missing) > 6 or chunks.missing_truncated:
        text.append(f"\nand {len(chunks.missing) - 6}{' or more' if chunks.missing_truncated else ''} further ranges")
    return text


def _loss_text(compression: int, names: PartNames | None) -> str:
    """How a compression changes a part's channels; empty if that is unknown."""
    if names is None or not names.channels or compression not in LINES_PER_CHUNK:
        return ""
    lossy = sum(channel.is_lossy for channel in names.channels)
    return f", alters {lossy} of {len(names.channels)} channels" if lossy else ", lossless for these channels"


def _levels_text(layout: Layout) -> str:
    sizes = [f"{level.width} x {level.height}" for level in layout.levels[:MAX_LEVELS]]
    more = len(layout.levels) - len(sizes)
    return f"{len(layout.levels)}: {', '.join(sizes)}" + (f" and {more} further" if more else "")


def _types(inspection: Inspection, part: int) -> dict[str, str]:
    """Pixel types by channel name; empty if the part's channels are unknown."""
    layout = inspection.layouts[part] if part < len(inspection.layouts) else None
    header = inspection.header
    channels = layout.channels if layout else header.parts[part].channels if header else None
    return {channel.name: code_name(PixelType, channel.pixel_type).lower() for channel in channels or ()}


def _part_rows(
    part: PartHeader, names: PartNames | None, chunks: Completeness | None, layout: Layout | None
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
        yield "compression", code_name(Compression, part.compression) + _loss_text(part.compression, names)
    if part.line_order is not None:
        yield "line order", code_name(LineOrder, part.line_order)
    if part.is_tiled and part.tiles:
        yield "tiles", value_text(part.by_name["tiles"]) or ""
    if layout and len(layout.levels) > 1:
        yield "levels", _levels_text(layout)
    if chunks:
        yield "complete", _completeness_text(chunks)


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


def _unread_text(report: PixelReport, chunks: Completeness | None) -> Text:
    """Why a part has no statistics."""
    text = Text("statistics: none of its chunks was read", style="yellow")
    if report.mode is StatsMode.SAMPLED and chunks and chunks.present and not report.stopped:
        text.append("; a sample has no room for one (EXR_STATS_BYTES), --stats full reads all")
    return text


def _part(inspection: Inspection, part: PartHeader, console: Console, *, all_attributes: bool) -> RenderableType:
    names = next((entry for entry in inspection.names if entry.part == part.index), None)
    chunks = next((entry for entry in inspection.completeness if entry.part == part.index), None)
    layout = inspection.layouts[part.index] if part.index < len(inspection.layouts) else None
    title = Text(f"part {part.index}", style="bold")
    for word in (part.name, part.part_type, part.view and f"view {part.view}"):
        if word:
            title.append(f"  {plain(word)}", style="default")
    blocks: list[RenderableType] = [grid(_part_rows(part, names, chunks, layout))]
    if names and names.layers:
        blocks += ["", *layers_table(names, _types(inspection, part.index))]
    if inspection.pixels:
        blocks += _pixel_blocks(inspection.pixels, part.index, chunks, console)
    shown_above = {"channels", "compression", "dataWindow", "displayWindow", "lineOrder", "pixelAspectRatio", "tiles"}
    rest = [a for a in part.attributes if all_attributes or a.problem or a.name not in shown_above]
    if rest:
        blocks += ["", *attributes_table(rest)]
    return Group(title, indented(Group(*blocks)))


def _pixel_blocks(
    report: PixelReport, part: int, chunks: Completeness | None, console: Console
) -> Iterable[RenderableType]:
    """The statistics of a part, or why there are none, and what its deep samples are; each block after an empty line."""
    stats = [channel for channel in report.channels if channel.part == part]
    pixels = [entry for entry in report.parts if entry.part == part]
    if not stats:
        return
    yield ""
    if any(entry.chunks_read for entry in pixels):
        yield from statistics_table(stats, pixels, console)
    else:
        yield _unread_text(report, chunks)
    if deep := _deep_text(pixels):
        yield Text(deep, style="dim")


def show(
    name: str, inspection: Inspection, console: Console, *, all_attributes: bool = False, objects: bool = False
) -> None:
    """Print one inspection.

    Args:
        name: Name of the file, as the user gave it.
        inspection: The inspection.
        console: Where to print it.
        all_attributes: Also list the attributes that the summary shows.
        objects: Also list the objects of Cryptomattes.
    """
    console.print(_title(name, inspection))
    console.print(indented(grid(_file_rows(name, inspection))))
    parts = inspection.header.parts if inspection.header else ()
    for part in parts[:_MAX_PARTS]:
        console.print()
        console.print(indented(_part(inspection, part, console, all_attributes=all_attributes)))
    if len(parts) > _MAX_PARTS:
        console.print(f"\n  and {len(parts) - _MAX_PARTS} further parts (--json has them all)")
    if inspection.pixels and inspection.pixels.stopped:
        console.print(Text(f"\n  pixels: stopped early, {inspection.pixels.stopped}", style="yellow"))
    for block in objects_blocks(inspection) if objects else ():
        console.print()
        console.print(indented(block))
    if inspection.findings:
        console.print()
        console.print(indented(findings_table(inspection.findings, inspection.part_names)))
    if skipped := unchecked(inspection):
        console.print()
        more = "" if inspection.stats_mode is StatsMode.FULL else "; --stats full reads every pixel"
        more = "; --levels all reads them" if skipped == UPPER_LEVELS else more
        console.print(indented(Text(f"not checked: {skipped}{more}", style="dim")))
