"""The row of `parts`: geometry, layout, completeness, and what was read of a part's pixels. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from exr_inspector.catalog.rows.files import Row, clipped, finite
from exr_inspector.catalog.schema import CELL_BYTES
from exr_inspector.exr.chunks.tables import Completeness
from exr_inspector.exr.header.as_json import compact_json
from exr_inspector.exr.header.parser import PartHeader
from exr_inspector.exr.header.values import Compression, LevelMode, LevelRoundingMode, LineOrder, code_name
from exr_inspector.exr.names import PartNames
from exr_inspector.model import Inspection, PartPixels, PixelFault


def _windows(part: PartHeader) -> Row:
    row: Row = {}
    for name, window in (("data", part.data_window), ("display", part.display_window)):
        if window is not None:
            x_min, y_min, x_max, y_max = window
            row[f"{name}_window"] = compact_json({"xMin": x_min, "yMin": y_min, "xMax": x_max, "yMax": y_max})
            row |= {f"{name}_x_min": x_min, f"{name}_y_min": y_min, f"{name}_x_max": x_max, f"{name}_y_max": y_max}
    if part.data_window is not None:
        row |= {"width": part.data_window.width, "height": part.data_window.height}
    return row


def _tiling(part: PartHeader) -> Row:
    tiles = part.tiles
    if tiles is None:
        return {}
    return {
        "tiling": compact_json({"xSize": tiles.x_size, "ySize": tiles.y_size, "mode": tiles.mode}),
        "tile_width": tiles.x_size,
        "tile_height": tiles.y_size,
        "level_mode": code_name(LevelMode, tiles.level_mode),
        "rounding_mode": code_name(LevelRoundingMode, tiles.rounding_mode),
    }


def _completeness(state: Completeness | None) -> Row:
    if state is None:
        return {}
    missing = None
    if not state.is_complete:
        missing = compact_json(
            {
                "counts": {str(int(code)): count for code, count in state.counts.items()},
                "ranges": [list(gap) for gap in state.missing],
                "truncated": state.missing_truncated,
                "zeroOnlyUpperLevels": state.zero_only_upper_levels,
            }
        )
    return {
        "chunks_present": state.present,
        "is_complete": state.is_complete,
        "complete_fraction": state.fraction,
        "completeness_checked": state.checked,
        "missing": missing,
    }


def _faults(faults: Sequence[PixelFault]) -> str | None:
    """As many faults as fit a cell."""
    items: list[str] = []
    left = CELL_BYTES - 2
    for fault in faults:
        item = compact_json([fault.chunk, fault.y_min, fault.y_max, fault.code, clipped(fault.message)])
        left -= len(item.encode()) + 1
        if left < 0:
            break
        items.append(item)
    return f"[{','.join(items)}]" if items else None


def _part_pixels(inspection: Inspection, index: int) -> Row:
    report = inspection.pixels
    if report is None:
        return {}
    levels = [item for item in report.parts if item.part == index]
    row: Row = {
        "pixels": compact_json([_level_json(item) for item in levels]) if levels else None,
        "pixel_faults": _faults([fault for fault in report.faults if fault.part == index]),
    }
    base = next((item for item in levels if item.level_x == item.level_y == 0), None)
    if base is None:
        return row
    row |= {
        "pixel_chunks_read": base.chunks_read,
        "is_constant": base.is_constant,
        "is_black": base.is_black,
        "pixel_hash": base.pixel_hash,
    }
    if base.deep is not None:
        row |= {
            "deep_pixels": base.deep.pixels,
            "deep_samples": base.deep.total_samples,
            "deep_min_samples": base.deep.min_samples,
            "deep_max_samples": base.deep.max_samples,
            "deep_empty_pixels": base.deep.empty_pixels,
        }
    return row


def _level_json(item: PartPixels) -> Row:
    # Short names: a part of many ripmap levels must fit a cell.
    return {
        "x": item.level_x,
        "y": item.level_y,
        "total": item.chunks_total,
        "read": item.chunks_read,
        "constant": item.is_constant,
        "black": item.is_black,
        "deep": list(asdict(item.deep).values()) if item.deep else None,
        "hash": item.pixel_hash,
    }


def _cryptomattes(names: PartNames) -> str | None:
    found = dict.fromkeys([item.name or item.key for item in names.cryptomattes] + list(names.mattes))
    return clipped(",".join(found)) or None


def part_row(inspection: Inspection, part: PartHeader) -> Row:
    """The columns of `parts` that follow from the inspection."""
    index = part.index
    layout = inspection.layouts[index] if index < len(inspection.layouts) else None
    names = inspection.names[index] if index < len(inspection.names) else None
    state = next((item for item in inspection.completeness if item.part == index), None)
    row: Row = {
        "part_index": index,
        "part_name": clipped(part.name),
        "view_name": clipped(part.view),
        "part_type": clipped(part.part_type),
        "is_deep": None if part.part_type is None else part.is_deep,
        "is_tiled": None if part.part_type is None else part.is_tiled,
        "pixel_aspect_ratio": finite(part.pixel_aspect_ratio),
        "line_order": None if part.line_order is None else code_name(LineOrder, part.line_order),
        "compression": None if part.compression is None else code_name(Compression, part.compression),
        "level_count": len(layout.levels) if layout else None,
        "channel_count": len(part.channels or ()),
        "layer_count": len(names.layers) if names else None,
        "cryptomattes": _cryptomattes(names) if names else None,
        "attribute_count": len(part.attributes),
        "chunk_count_declared": part.chunk_count,
        "chunk_count_computed": layout.chunk_count if layout else None,
    }
    return row | _windows(part) | _tiling(part) | _completeness(state) | _part_pixels(inspection, index)
