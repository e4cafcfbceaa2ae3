"""Compare a file with its stored rows: attributes, windows, channels, chunks, and pixels by hashes and statistics."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from exr_inspector.delivery.diff import FileDiff, PartDiff, box_text, compare_attributes, named_parts
from exr_inspector.errors import ExrInspectorError
from exr_inspector.exr.chunks.layout import span_text
from exr_inspector.exr.header.values import PixelType, code_name
from exr_inspector.inspector import Inspector
from exr_inspector.model import ChannelStats, Inspection, PixelReport
from exr_inspector.storage import SourceOpener
from exr_inspector.texts import program_command
from exr_inspector.validation import Policy

_FIGURES = (
    "minimum",
    "maximum",
    "mean",
    "stddev",
    "nan_count",
    "positive_inf_count",
    "negative_inf_count",
    "zero_count",
)
_NO_PIXELS = (
    "pixels are not compared: the rows hold no statistics of all pixels"
    f" ({program_command('ingest --stats full')} stores those of complete files)"
)
_TOLERANCE = 1e-9  # relative tolerance, for sums of the same samples in another order


def has_all_pixels(stored: Inspection) -> bool:
    """Whether the rows hold a hash or statistics of all pixels of a level, so that all pixels of the file must be read."""
    pixels = stored.pixels
    if pixels is None:
        return False
    return any(level.pixel_hash for level in pixels.parts) or any(stats.exact for stats in pixels.channels)


def has_further_levels(stored: Inspection) -> bool:
    """Whether the rows hold pixel results of levels above the first."""
    return stored.pixels is not None and any(level.level_x or level.level_y for level in stored.pixels.parts)


def diff_stored(
    opener: SourceOpener,
    inspector: Inspector,
    policy: Policy,
    name: str,
    stored: Inspection,
    *,
    path: str,
    header: bool = True,
) -> FileDiff:
    """Compare a file with its stored rows. A permanent read error is returned in `trouble`.

    Args:
        opener: Opens the file.
        inspector: Inspects the file; it must compute full statistics and hashes if `has_all_pixels`.
        policy: Policy of the inspection; findings are not compared.
        name: Path or URL of the file.
        stored: The inspection read back from the rows.
        path: Name of the stored file in the result.
        header: Whether attributes are compared.

    Raises:
        ExrInspectorError: A retryable error.
    """
    rows = f"rows of {path}, inspected {stored.inspected_at:%Y-%m-%d %H:%M} UTC"
    try:
        found = inspector.inspect(opener.open_url(name), policy)
    except ExrInspectorError as error:
        if error.retryable:
            raise
        return FileDiff(name, rows, trouble=f"{error.code}: {error}")
    if found.header is None or found.error_code:
        return FileDiff(name, rows, trouble=f"{found.error_code}: {found.error_message}")
    if stored.header is None or stored.error_code:
        return FileDiff(
            name, rows, trouble=f"the rows hold no image, the file does: {stored.error_code}: {stored.error_message}"
        )
    left, right = named_parts(found.header), named_parts(stored.header)
    both = [part for part in left if part in right]
    return FileDiff(
        name,
        rows,
        attributes=tuple(item for part in both for item in compare_attributes(part, left[part], right[part]))
        if header
        else (),
        parts=tuple(_part(part, (found, left[part].index), (stored, right[part].index)) for part in both),
        only_one=tuple(part for part in left if part not in right),
        only_other=tuple(part for part in right if part not in left),
    )


_Side = tuple[Inspection, int]  # an inspection and the index of a part


def _part(name: str, one: _Side, other: _Side) -> PartDiff:
    channels = [_channels(side) for side in (one, other)]
    notes = list(_layout_notes(one, other))
    for channel, kind in channels[0].items():
        if channels[1].get(channel, kind) != kind:
            notes.append(f"channel {channel} has other types: {kind} and {channels[1][channel]}")
    differing, unchecked = _pixels(one, other)
    report = one[0].pixels
    return PartDiff(
        part=name,
        window=None,
        channels=(),
        only_one=tuple(channel for channel in channels[0] if channel not in channels[1]),
        only_other=tuple(channel for channel in channels[1] if channel not in channels[0]),
        notes=(*notes, *differing),
        unchecked=tuple(unchecked),
        faults=tuple(
            f"chunk {fault.chunk} ({span_text('row', fault.y_min, fault.y_max)}): {fault.code}: {fault.message}"
            for fault in (report.faults if report else ())
            if fault.part == one[1]
        ),
    )


def _channels(side: _Side) -> dict[str, str]:
    """Pixel types of the part's channels, by name."""
    inspection, part = side
    layout = inspection.layouts[part] if part < len(inspection.layouts) else None
    return {item.name: code_name(PixelType, item.pixel_type) for item in layout.channels} if layout else {}


def _layout_notes(one: _Side, other: _Side) -> Iterator[str]:
    layouts = [side.layouts[part] if part < len(side.layouts) else None for side, part in (one, other)]
    if layouts[0] and layouts[1] and layouts[0].data_window != layouts[1].data_window:
        yield "data windows differ: " + " and ".join(box_text(layout.data_window) for layout in layouts if layout)
    states = [next((known for known in side.completeness if known.part == part), None) for side, part in (one, other)]
    here, there = states
    if here and there and here.checked == there.checked and here.present != there.present:
        counts = [f"{known.present} of {known.chunk_count}" for known in (here, there)]
        yield f"chunks that are there differ: {counts[0]}, in the rows {counts[1]}"


def _pixels(one: _Side, other: _Side) -> tuple[list[str], list[str]]:
    """The differences of a part's pixels, and what was not compared. Levels with equal hashes are equal."""
    found, stored = one[0].pixels, other[0].pixels
    if stored is None or found is None or not has_all_pixels(other[0]):
        return list(_size_notes(one[0], other[0])), [_NO_PIXELS]
    hashes, known = _hashes(found, one[1]), _hashes(stored, other[1])
    same = {level for level, value in known.items() if hashes.get(level) == value}
    notes = [f"pixels {_level(level)}differ by their hash" for level in known if level in hashes and level not in same]
    figures = _exact(stored, other[1])
    notes += _figure_notes(_exact(found, one[1]), figures, same)
    unchecked = []
    if found.stopped:
        unchecked.append(f"not all pixels were read: {found.stopped}")
    if not known and figures:
        unchecked.append("the rows hold no hash of the pixels: statistics alone are compared")
    if not known and not figures:
        unchecked.append(_NO_PIXELS)
    return notes, unchecked


def _size_notes(found: Inspection, stored: Inspection) -> Iterator[str]:
    """A note if the file sizes differ: a difference that is known even if pixels cannot be compared."""
    if found.version and stored.version and found.version.size_bytes != stored.version.size_bytes:
        yield f"file sizes differ: {found.version.size_bytes} bytes, in the rows {stored.version.size_bytes}"


_Level = tuple[int, int]


def _level(level: _Level) -> str:
    return "" if level == (0, 0) else f"of level {level[0]},{level[1]} "


def _hashes(pixels: PixelReport, part: int) -> dict[_Level, str]:
    return {
        (item.level_x, item.level_y): item.pixel_hash
        for item in pixels.parts
        if item.part == part and item.pixel_hash is not None
    }


def _exact(pixels: PixelReport, part: int) -> dict[tuple[_Level, str], ChannelStats]:
    exact = (item for item in pixels.channels if item.part == part and item.exact)
    return {((item.level_x, item.level_y), item.channel): item for item in exact}


def _figure_notes(
    found: dict[tuple[_Level, str], ChannelStats],
    stored: dict[tuple[_Level, str], ChannelStats],
    same: set[_Level],
) -> Iterator[str]:
    for key, there in stored.items():
        level, channel = key
        here = found.get(key)
        if level in same or here is None:
            continue
        words = [
            f"{name} {_text(values[0])}, in the rows {_text(values[1])}"
            for name in _FIGURES
            if not _agree(values := (getattr(here, name), getattr(there, name)))
        ]
        if words:
            yield f"channel {channel} {_level(level)}differs: {'; '.join(words)}"


def _agree(values: Sequence[float | None]) -> bool:
    one, other = values
    if one is None or other is None:
        return one is other
    return one == other or math.isclose(one, other, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE * 1e-3)


def _text(value: float | None) -> str:
    return "none" if value is None else f"{value:.7g}"
