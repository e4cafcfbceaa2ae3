"""Frames of a sequence from stored rows, as sequence rules compare them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from exr_inspector.errors import is_store_fault
from exr_inspector.exr.header.values import LevelMode
from exr_inspector.model import ChannelStats
from exr_inspector.validation import FrameSummary
from exr_inspector.validation.facts import timecodes
from exr_inspector.validation.frames import frame_pixels


def _utc(value: object) -> datetime | None:
    if not isinstance(value, datetime):
        return None
    return value if value.tzinfo else value.replace(tzinfo=timezone.utc)


def _size(row: Mapping[str, object], width: str, height: str) -> tuple[int, ...] | None:
    pair = (row.get(width), row.get(height))
    return tuple(int(value) for value in pair if isinstance(value, int)) if None not in pair else None


def _stored_window(part: Mapping[str, object], name: str) -> tuple[int, ...] | None:
    corners = [part.get(f"{name}_{edge}") for edge in ("x_min", "y_min", "x_max", "y_max")]
    found = tuple(corner for corner in corners if isinstance(corner, int))
    return found if len(found) == len(corners) else None


def _stored_storage(part: Mapping[str, object]) -> str:
    """As `_storage` has it, of a row of `parts`."""
    kind, tiling = str(part.get("part_type")), part.get("tiling")
    if kind not in {"tiledimage", "deeptile"} or not isinstance(tiling, str):
        return kind
    tiles = json.loads(tiling)
    return f"{kind} {tiles['xSize']}x{tiles['ySize']} mode {tiles['mode']}"


def _stored_levels(part: Mapping[str, object]) -> bool:
    """Whether a row of `parts` has several levels."""
    tiling = part.get("tiling")
    return isinstance(tiling, str) and json.loads(tiling)["mode"] & 15 != LevelMode.ONE_LEVEL


def _of_stored_parts(parts: Sequence[Mapping[str, object]], channels: tuple[str, ...]) -> dict[str, Any]:
    """What the rows of a frame's parts tell beyond its row of `files`."""
    first = parts[0]
    hashes = [part.get("pixel_hash") for part in parts]
    return {
        "display_window": _stored_window(first, "display"),
        "data_window": _stored_window(first, "data"),
        "channels": channels,
        "compression": ", ".join(str(part["compression"]) for part in parts if part.get("compression")),
        "storage": ", ".join(map(_stored_storage, parts)),
        "cryptomattes": tuple(str(part["cryptomattes"]) for part in parts if part.get("cryptomattes")),
        "pixel_hash": " ".join(map(str, hashes)) if all(hashes) else None,
        "is_texture": any(_stored_levels(part) for part in parts),
    }


_WITHOUT_HEADER = (
    "path", "sequence", "frame_number", "frame_padding", "size_bytes", "mtime", "status", "error_code", "stats_stopped",
    "error_count",
)  # fmt: skip


def frame_of_row(
    row: Mapping[str, object],
    parts: Sequence[Mapping[str, object]] = (),
    channels: tuple[str, ...] = (),
    stats: Sequence[ChannelStats] = (),
) -> FrameSummary | None:
    """The summary of a row of the catalog's `files` table, None for a file that is no frame.

    Args:
        row: The row of `files`. Alone, it tells of sizes of windows and of the number and types of channels only.
        parts: The frame's rows of `parts` in order, which tell of windows, tiles, Cryptomattes and hashes of pixels.
        channels: `<part>:<channel> <TYPE>` of all channels, sorted, where there are rows of parts.
        stats: Statistics of its channels where all pixels of the first level were read, by part.
    """
    if row.get("header_is_partial"):  # says too little to compare the frame with others
        row = {name: row.get(name) for name in _WITHOUT_HEADER}
    sequence, frame = row.get("sequence"), row.get("frame_number")
    if not isinstance(sequence, str) or not isinstance(frame, int):
        return None

    def text(name: str) -> str | None:
        value = row.get(name)
        return None if value is None else str(value)

    size, rate, padding = row.get("size_bytes"), row.get("fps"), row.get("frame_padding")
    aspect = row.get("pixel_aspect_ratio")
    is_read = row.get("status") == "inspected"
    colour = [text("color_interop_id"), text("chromaticities"), "ACES container" if row.get("is_aces") else None]
    summary = FrameSummary(
        path=str(row.get("path")),
        sequence=sequence,
        frame=frame,
        padding=padding if isinstance(padding, int) else 0,
        size_bytes=size if isinstance(size, int) else None,
        mtime=_utc(row.get("mtime")),
        status=str(row.get("status")),
        display_window=_size(row, "display_width", "display_height"),
        pixel_aspect=float(aspect) if isinstance(aspect, (int, float)) else None,
        data_window=_size(row, "width", "height"),
        channels=(f"{row.get('channel_count')} channels of {row.get('pixel_types')}",) if is_read else None,
        compression=text("compression"),
        storage=text("part_type"),
        colour=(", ".join(filter(None, colour)) or "untagged") if is_read else None,
        views=(text("views") or "") if is_read else None,
        software=text("software"),
        frame_rate=float(rate) if isinstance(rate, (int, float)) else None,
        time_code=timecodes.clock_of_text(text("timecode")),
        pixels=frame_pixels(stats),
        has_error=not is_read or bool(row.get("error_count")),
        is_unread=not is_read and (bool(text("stats_stopped")) or is_store_fault(text("error_code"))),
    )
    return replace(summary, **_of_stored_parts(parts, channels)) if parts and is_read else summary
