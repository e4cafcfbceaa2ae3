"""The columns of `parts`: geometry, layout, completeness, and results from the pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass

from exr_inspector.catalog.schema.columns import (
    BOOL,
    CELL_BYTES,
    INT,
    LONG,
    OWNER,
    PART_INDEX,
    REAL,
    TEXT,
    Of,
    clipped,
    compression_name,
    finite,
    nullable,
    required,
)
from exr_inspector.exr.chunks.layout import Layout
from exr_inspector.exr.chunks.tables import Completeness
from exr_inspector.exr.header.as_json import compact_json
from exr_inspector.exr.header.parser import PartHeader
from exr_inspector.exr.header.values import Box2i, LevelMode, LevelRoundingMode, LineOrder, TileDesc, code_name
from exr_inspector.exr.names import PartNames
from exr_inspector.model import DeepStats, Inspection, MatteObjects, PartPixels, PixelFault, StatsMode


@dataclass(frozen=True, slots=True)
class PartRecord:
    """The record of a row of `parts`.

    Attributes:
        part: The part's header.
        layout: Its layout; None if unknown.
        names: Its channel names; None if unknown.
        chunks: Its chunks; None if the chunk table is unknown.
        levels: Results from the pixels of each level.
        faults: Chunks that failed to decode; None if no pixels were read.
        base: Level (0, 0) of `levels`.
        mattes: Objects of the Cryptomattes that the part declares.
    """

    part: PartHeader
    layout: Layout | None
    names: PartNames | None
    chunks: Completeness | None
    levels: tuple[PartPixels, ...]
    faults: tuple[PixelFault, ...]
    base: PartPixels | None
    mattes: tuple[MatteObjects, ...]

    @classmethod
    def of(cls, inspection: Inspection, part: PartHeader) -> PartRecord:
        """The record of a part of an inspection."""
        index = part.index
        report = inspection.pixels if inspection.stats_mode is not StatsMode.OFF else None
        levels = tuple(level for level in report.parts if level.part == index) if report else ()
        return cls(
            part=part,
            layout=inspection.layouts[index] if index < len(inspection.layouts) else None,
            names=inspection.names[index] if index < len(inspection.names) else None,
            chunks=next((item for item in inspection.completeness if item.part == index), None),
            levels=levels,
            faults=tuple(fault for fault in report.faults if fault.part == index) if report else (),
            base=next((level for level in levels if level.level_x == level.level_y == 0), None),
            mattes=tuple(matte for matte in report.mattes if matte.part == index) if report else (),
        )

    @property
    def part_index(self) -> int:
        """Position in the file."""
        return self.part.index


def data_window(make: Callable[[Box2i], object]) -> Of:
    """A value of the data window; null without one."""
    return lambda r: None if r.part.data_window is None else make(r.part.data_window)


def display_window(make: Callable[[Box2i], object]) -> Of:
    """A value of the display window; null without one."""
    return lambda r: None if r.part.display_window is None else make(r.part.display_window)


def tiles(make: Callable[[TileDesc], object]) -> Of:
    """A value of the tile description; null without one."""
    return lambda r: None if r.part.tiles is None else make(r.part.tiles)


def chunks(make: Callable[[Completeness], object]) -> Of:
    """A value of the chunks; null if the chunk table is unknown."""
    return lambda r: None if r.chunks is None else make(r.chunks)


def base(make: Callable[[PartPixels], object]) -> Of:
    """A value of the pixels of level (0, 0); null if none were read."""
    return lambda r: None if r.base is None else make(r.base)


def deep(make: Callable[[DeepStats], object]) -> Of:
    """A value of the deep pixels of level (0, 0); null for a flat part."""
    return base(lambda b: None if b.deep is None else make(b.deep))


def _window_json(window: Box2i) -> str:
    x_min, y_min, x_max, y_max = window
    return compact_json({"xMin": x_min, "yMin": y_min, "xMax": x_max, "yMax": y_max})


def _missing(state: Completeness) -> str | None:
    if state.is_complete:
        return None
    return compact_json(
        {
            "counts": {str(int(code)): count for code, count in state.counts.items()},
            "ranges": [list(gap) for gap in state.missing],
            "truncated": state.missing_truncated,
            "zeroOnlyUpperLevels": state.zero_only_upper_levels,
        }
    )


def _fitting_json(values: Iterable[object]) -> str | None:
    """A JSON list of as many values as fit into a cell; null without values."""
    items: list[str] = []
    left = CELL_BYTES - 2
    for value in values:
        item = compact_json(value)
        left -= len(item.encode("utf-8", "surrogatepass")) + 1
        if left < 0:
            break
        items.append(item)
    return f"[{','.join(items)}]" if items else None


def _faults_json(record: PartRecord) -> str | None:
    return _fitting_json([f.chunk, f.y_min, f.y_max, f.code, clipped(f.message)] for f in record.faults)


def _objects_json(record: PartRecord) -> str | None:
    return _fitting_json(
        {
            "key": matte.key,
            "name": clipped(matte.name),
            "view": clipped(matte.view),
            "whole": matte.is_complete,
            "ids": matte.id_count,
            "impossible": matte.impossible_count,
            "manifest": matte.manifest_hash,
            "names": matte.name_count,
            "unnamed": matte.unnamed_count,
            "unnamedOnce": matte.unnamed_once_count,
            "firstUnnamed": [list(found) for found in matte.first_unnamed],
            "unseen": matte.unseen_count,
            "firstUnseen": list(matte.first_unseen),
        }
        for matte in record.mattes
    )


def _levels_json(record: PartRecord) -> str | None:
    # Short names: a part of many ripmap levels must fit a cell.
    levels = [
        {
            "x": level.level_x,
            "y": level.level_y,
            "total": level.chunks_total,
            "read": level.chunks_read,
            "constant": level.is_constant,
            "black": level.is_black,
            "deep": list(asdict(level.deep).values()) if level.deep else None,
            "hash": level.pixel_hash,
        }
        for level in record.levels
    ]
    return compact_json(levels) if levels else None


def _cryptomattes(names: PartNames) -> str | None:
    found = dict.fromkeys([item.name or item.key for item in names.cryptomattes] + list(names.mattes))
    return clipped(",".join(found)) or None


# fmt: off
PARTS_COLUMNS = (
    *OWNER,
    PART_INDEX,
    nullable("part_name", TEXT, "Attribute name", of=lambda r: clipped(r.part.name)),
    nullable("view_name", TEXT, "Attribute view", of=lambda r: clipped(r.part.view)),
    nullable("part_type", TEXT, "Type of the chunks; for a single flat part by the file's flags",
             of=lambda r: clipped(r.part.part_type)),
    nullable("is_deep", BOOL, "Whether pixels hold lists of samples; null where the header does not say",
             of=lambda r: None if r.part.part_type is None else r.part.is_deep),
    nullable("is_tiled", BOOL, "Whether chunks are tiles; null where the header does not say",
             of=lambda r: None if r.part.part_type is None else r.part.is_tiled),
    nullable("data_window", TEXT, 'Data window as JSON text: {"xMin":..,"yMin":..,"xMax":..,"yMax":..}',
             of=data_window(_window_json)),
    nullable("data_x_min", INT, "Left edge of the data window", "pixels", of=data_window(lambda w: w.x_min)),
    nullable("data_y_min", INT, "Top edge", "pixels", of=data_window(lambda w: w.y_min)),
    nullable("data_x_max", INT, "Right edge, inclusive", "pixels", of=data_window(lambda w: w.x_max)),
    nullable("data_y_max", INT, "Bottom edge, inclusive", "pixels", of=data_window(lambda w: w.y_max)),
    nullable("display_window", TEXT, "Display window as JSON text, like data_window",
             of=display_window(_window_json)),
    nullable("display_x_min", INT, "Left edge of the display window", "pixels", of=display_window(lambda w: w.x_min)),
    nullable("display_y_min", INT, "Top edge", "pixels", of=display_window(lambda w: w.y_min)),
    nullable("display_x_max", INT, "Right edge, inclusive", "pixels", of=display_window(lambda w: w.x_max)),
    nullable("display_y_max", INT, "Bottom edge, inclusive", "pixels", of=display_window(lambda w: w.y_max)),
    nullable("width", LONG, "Width of the data window", "pixels", of=data_window(lambda w: w.width)),
    nullable("height", LONG, "Height of the data window", "pixels", of=data_window(lambda w: w.height)),
    nullable("pixel_aspect_ratio", REAL, "Attribute pixelAspectRatio", "width / height",
             of=lambda r: finite(r.part.pixel_aspect_ratio)),
    nullable("line_order", TEXT, "INCREASING_Y, DECREASING_Y or RANDOM_Y",
             of=lambda r: None if r.part.line_order is None else code_name(LineOrder, r.part.line_order)),
    nullable("compression", TEXT, "NONE, RLE, ZIPS, ZIP, PIZ, PXR24, B44, B44A, DWAA, DWAB, ...",
             of=lambda r: compression_name(r.part)),
    nullable("tiling", TEXT, 'JSON text {"xSize":..,"ySize":..,"mode":..}; null without a tiles attribute',
             of=tiles(lambda t: compact_json({"xSize": t.x_size, "ySize": t.y_size, "mode": t.mode}))),
    nullable("tile_width", LONG, "Width of a tile", "pixels", of=tiles(lambda t: t.x_size)),
    nullable("tile_height", LONG, "Height of a tile", "pixels", of=tiles(lambda t: t.y_size)),
    nullable("level_mode", TEXT, "ONE_LEVEL, MIPMAP_LEVELS or RIPMAP_LEVELS",
             of=tiles(lambda t: code_name(LevelMode, t.level_mode))),
    nullable("rounding_mode", TEXT, "ROUND_DOWN or ROUND_UP",
             of=tiles(lambda t: code_name(LevelRoundingMode, t.rounding_mode))),
    nullable("level_count", INT, "Levels; null where the layout is unknown", "levels",
             of=lambda r: len(r.layout.levels) if r.layout else None),
    required("channel_count", INT, "Channels", "channels", of=lambda r: len(r.part.channels or ())),
    nullable("layer_count", INT, "Layers, counted once for each view", "layers",
             of=lambda r: len(r.names.layers) if r.names else None),
    nullable("cryptomattes", TEXT, "Names of the Cryptomattes that the part declares or contains, separated by commas",
             of=lambda r: _cryptomattes(r.names) if r.names else None),
    required("attribute_count", INT, "Attributes in the header, duplicates included", "attributes",
             of=lambda r: len(r.part.attributes)),
    nullable("chunk_count_declared", LONG, "Attribute chunkCount", "chunks", of=lambda r: r.part.chunk_count),
    nullable("chunk_count_computed", LONG, "Number of chunks by window, tiles and compression; null if unknown", "chunks",
             of=lambda r: r.layout.chunk_count if r.layout else None),
    nullable("chunks_present", LONG, "Chunks that are not missing; null where the chunk table is unknown", "chunks",
             of=chunks(lambda c: c.present)),
    nullable("is_complete", BOOL, "Whether every chunk is present", of=chunks(lambda c: c.is_complete)),
    nullable("complete_fraction", REAL, "Share of the chunks that are not missing", "0 to 1", of=chunks(lambda c: c.fraction)),
    nullable("completeness_checked", TEXT, "How it was determined: `tables`, `last leader`, `leaders`, `rebuilt`, `decoded`",
             of=chunks(lambda c: c.checked)),
    nullable("missing", TEXT, "JSON text: counts by state, missing rectangles, whether they are all; null when complete",
             of=chunks(_missing)),
    nullable("pixel_chunks_read", LONG, "Chunks of level (0, 0) that were decoded", "chunks",
             of=base(lambda b: b.chunks_read)),
    nullable("is_constant", BOOL, "Whether every channel of level (0, 0) is constant, in the pixels that were read",
             of=base(lambda b: b.is_constant)),
    nullable("is_black", BOOL, "Whether all colour channels of level (0, 0) are zero; null if a sample cannot prove it",
             of=base(lambda b: b.is_black)),
    nullable("deep_pixels", LONG, "Pixels of level (0, 0) of a deep part that were read", "pixels",
             of=deep(lambda d: d.pixels)),
    nullable("deep_samples", LONG, "Samples in them", "samples", of=deep(lambda d: d.total_samples)),
    nullable("deep_min_samples", LONG, "Fewest in one pixel", "samples", of=deep(lambda d: d.min_samples)),
    nullable("deep_max_samples", LONG, "Most in one pixel", "samples", of=deep(lambda d: d.max_samples)),
    nullable("deep_empty_pixels", LONG, "Pixels without a sample", "pixels", of=deep(lambda d: d.empty_pixels)),
    nullable("pixel_hash", TEXT, "Hash of the decoded samples of level (0, 0); null unless EXR_HASH or `--hash` is set",
             of=base(lambda b: b.pixel_hash)),
    nullable("pixels", TEXT, "JSON text: the pixels that were read of each level", of=_levels_json),
    nullable("cryptomatte_ids", TEXT,
             "JSON text: counts of ids in the pixels and names in the manifest, for each Cryptomatte that the part declares",
             of=_objects_json),
    nullable("pixel_faults", TEXT, "JSON text: chunks that failed to decode, as many as fit a cell",
             of=_faults_json),
)
# fmt: on
