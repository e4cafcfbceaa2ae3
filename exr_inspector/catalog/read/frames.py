"""Makes the summaries of frames, which sequence rules compare, from stored rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from exr_inspector.catalog.schema.columns import utc
from exr_inspector.errors import is_store_fault
from exr_inspector.exr.header.values import Attribute, LevelMode
from exr_inspector.model import ChannelStats
from exr_inspector.validation import FrameSummary
from exr_inspector.validation.facts import timecodes
from exr_inspector.validation.frame_pixels import frame_pixels, layers_of_parts, view_pixels
from exr_inspector.validation.frames import FrameView, compared_aspect, compared_values, joined_hashes

if TYPE_CHECKING:
    from exr_inspector.catalog.read.pages import FrameRows

Row = Mapping[str, Any]


def _integers(row: Row, *columns: str) -> tuple[int, ...] | None:
    """The values of columns, None if any is missing or null."""
    found = tuple(row.get(column) for column in columns)
    return None if None in found else found  # type: ignore[return-value]  # these columns hold integers


def _window(part: Row, name: str) -> tuple[int, ...] | None:
    return _integers(part, *(f"{name}_{edge}" for edge in ("x_min", "y_min", "x_max", "y_max")))


def _other_views(row: Row, parts: Sequence[Row], stats: Sequence[ChannelStats]) -> dict[str, FrameView]:
    part_views = {index: part.get("view_name") for index, part in enumerate(parts)}
    found = view_pixels(stats, part_views, (row.get("views") or "").split(","), path=row["path"])
    hashes = {view: [part.get("pixel_hash") for part in parts if part.get("view_name") == view] for view in found}
    return {view: FrameView(pixels, joined_hashes(hashes[view])) for view, pixels in found.items()}


def _storage(part: Row) -> str:
    """The type of a part, and its tiles: as in `FrameSummary.storage`."""
    kind, tiling = str(part.get("part_type")), part.get("tiling")
    if kind not in {"tiledimage", "deeptile"} or not tiling:
        return kind
    tiles = json.loads(tiling)
    return f"{kind} {tiles['xSize']}x{tiles['ySize']} mode {tiles['mode']}"


def _has_levels(part: Row) -> bool:
    tiling = part.get("tiling")
    return tiling is not None and json.loads(tiling)["mode"] & 15 != LevelMode.ONE_LEVEL


def _from_parts(parts: Sequence[Row], channels: tuple[str, ...]) -> dict[str, Any]:
    """Fields of the summary that need the rows of `parts`."""
    first = parts[0]
    return {
        "display_window": _window(first, "display"),
        "data_window": _window(first, "data"),
        "channels": channels,
        "compression": ", ".join(part["compression"] for part in parts if part.get("compression")),
        "storage": ", ".join(map(_storage, parts)),
        "cryptomattes": tuple(
            sorted(name for part in parts for name in (part.get("cryptomattes") or "").split(",") if name)
        ),
        "pixel_hash": joined_hashes([part.get("pixel_hash") for part in parts]),
        "is_texture": any(map(_has_levels, parts)),
    }


_WITHOUT_HEADER = (  # columns that do not come from the header
    "path", "sequence", "frame_number", "frame_padding", "size_bytes", "mtime", "status", "error_code", "stats_stopped",
    "error_count", "error_codes",
)  # fmt: skip


def unnamed_frame(rows: FrameRows) -> FrameSummary | None:
    """The summary of a file by its rows, with placeholders for sequence and frame, which are known when all names are."""
    file = {**rows.file, "sequence": "?", "frame_number": 0}
    return frame_of_row(file, rows.parts, rows.channels, rows.stats, rows.attributes)


def frame_of_row(
    row: Row,
    parts: Sequence[Row] = (),
    channels: tuple[str, ...] = (),
    stats: Sequence[ChannelStats] = (),
    attributes: Sequence[Attribute] | None = None,
) -> FrameSummary | None:
    """The summary of a frame; None if the file is not a frame of a sequence.

    Args:
        row: Its row of `files`; columns may be missing. Without `parts`, only the sizes of the windows and the number and types
            of the channels are known.
        parts: Its rows of `parts`, in order.
        channels: `channel_text` of all channels, sorted by part and name; needed with `parts`.
        stats: The statistics of those channels of which all pixels of the first level were read, by part.
        attributes: `COMPARED_ATTRIBUTES` of its first part, and those that the policy compares; None if they are unknown.
    """
    if row.get("header_is_partial"):  # too little of the header is known to compare the frame with others
        row, parts = {name: row.get(name) for name in _WITHOUT_HEADER}, ()
    if row.get("sequence") is None or row.get("frame_number") is None:
        return None
    is_read = row.get("status") == "inspected"
    has_header = is_read or bool(parts)
    layers = layers_of_parts((i, part.get("part_name"), part.get("view_name")) for i, part in enumerate(parts))
    colour = [row.get("color_interop_id"), row.get("chromaticities"), "ACES container" if row.get("is_aces") else None]
    colour = colour if any(colour) else [row.get("color_space")]
    summary = FrameSummary(
        path=row["path"],
        sequence=row["sequence"],
        frame=row["frame_number"],
        padding=row.get("frame_padding") or 0,
        size_bytes=row.get("size_bytes"),
        mtime=utc(row.get("mtime")),
        status=row["status"],
        display_window=_integers(row, "display_width", "display_height"),
        pixel_aspect=compared_aspect(row.get("pixel_aspect_ratio")),
        data_window=_integers(row, "width", "height"),
        channels=(f"{row.get('channel_count')} channels of {row.get('pixel_types')}",) if has_header else None,
        compression=row.get("compression"),
        storage=row.get("part_type"),
        colour=(", ".join(filter(None, colour)) or "untagged") if has_header else None,
        views=", ".join((row.get("views") or "").split(",")) if has_header else None,
        software=row.get("software"),
        host=row.get("render_host"),
        frame_rate=row.get("fps"),
        timecode_rate=row.get("timecode_rate"),
        time_code=timecodes.clock_of_text(row.get("timecode")),
        embedded_frame=row.get("embedded_frame"),
        pixels=frame_pixels(stats, path=row["path"], parts=layers),
        other_views=_other_views(row, parts, stats),
        has_error=not is_read or bool(row.get("error_count")),
        error_codes=tuple((row.get("error_codes") or "").split(",")) if row.get("error_codes") else (),
        is_unread=not is_read and (bool(row.get("stats_stopped")) or is_store_fault(row.get("error_code"))),
    )
    if not parts:
        return summary
    summary = replace(summary, **_from_parts(parts, channels))
    return summary if attributes is None else replace(summary, **compared_values(attributes))
