"""Checks one part: required attributes, windows, channels, tiles and compression. See `conformance.header`."""

from __future__ import annotations

from itertools import pairwise
from operator import lt

from exr_inspector.exr.chunks.layout import COORDINATE_LIMIT, Layout, computed_chunk_count, is_window, window_text
from exr_inspector.exr.conformance.problems import PartProblems
from exr_inspector.exr.header.as_json import short_text
from exr_inspector.exr.header.channel_lists import byte_order
from exr_inspector.exr.header.parser import PartHeader
from exr_inspector.exr.header.standard import REQUIRED
from exr_inspector.exr.header.text import encode_name
from exr_inspector.exr.header.values import (
    DEEP_COMPRESSIONS,
    LINES_PER_CHUNK,
    MULTI_PART,
    NON_IMAGE,
    Channel,
    Compression,
    LineOrder,
    PixelType,
    code_name,
)
from exr_inspector.exr.problems import ProblemKind

_REQUIRED = frozenset(REQUIRED)
PART_TYPES = ("scanlineimage", "tiledimage", "deepscanline", "deeptile")
MAX_CHUNKS = 1 << 20
_MAX_TILE = 536_870_911  # INT32_MAX / 4
_MAX_CHANNELS = 32_767
_MIN_ASPECT = 9.999999974752427e-07  # 1e-6 as the float that the library compares with
_MAX_ASPECT = 1e6
_DIVISORS = "1 x 1, or divisors of both numbers"
# The fields after the name of nearly all channels: a known type, pLinear 0 or 1, no reserved bytes, no subsampling.
_VALID = frozenset((pixel_type, p_linear, bytes(3), 1, 1) for pixel_type in PixelType for p_linear in (0, 1))


def check_presence(report: PartProblems) -> None:
    """Report required attributes that the part lacks."""
    part = report.part
    by_name, word = part.by_name, part.version_word
    if not by_name.keys() >= _REQUIRED:
        for name in REQUIRED:
            if name not in by_name:
                message, fatal = f"no attribute {name!r}", name == "channels"
                report.add(ProblemKind.MISSING_ATTRIBUTE, message, expected="every required attribute", fatal=fatal)
    if part.is_tiled and "tiles" not in by_name:
        message = "a tiled part has no tile description"
        report.add(ProblemKind.MISSING_ATTRIBUTE, message, expected="tiles", fatal=True)
    if not word & (MULTI_PART | NON_IMAGE):
        return
    if word & MULTI_PART and not _has_text(part, "name"):
        message = "a part of a multi-part file has no name"
        report.add(ProblemKind.PART_NAME, message, expected="a string attribute 'name'", fatal=True)
    if not _has_text(part, "type"):
        message = "the part has no type"
        report.add(ProblemKind.MISSING_PART_TYPE, message, expected="a string attribute 'type'", fatal=True)
    if word & NON_IMAGE and "version" not in by_name:
        # In files with deep parts, the library's writer omits it from flat parts; only its strict reader requires it there.
        message = "a part of a deep file has no version"
        report.add(ProblemKind.DEEP_VERSION, message, expected="version 1", mild=not part.is_deep)
    if "chunkCount" not in by_name:
        message = "the part has no chunkCount"
        report.add(ProblemKind.MISSING_CHUNK_COUNT, message, expected="an int attribute 'chunkCount'")


def _has_text(part: PartHeader, name: str) -> bool:
    """Whether the part has a string attribute of that name, valid UTF-8 or not."""
    attribute = part.by_name.get(name)
    return attribute is not None and attribute.type_name == "string"


def check_part(report: PartProblems, layout: Layout | None) -> None:
    """Report invalid values of the part; `check_presence` reports missing attributes."""
    part = report.part
    if part.version_word & (MULTI_PART | NON_IMAGE):
        _check_type(report)
    elif "type" in part.by_name and part.declared_type != part.part_type:
        message = "the part type contradicts the flags of the file, which readers use"
        found, expected = short_text(part.by_name["type"]), part.part_type or ""
        report.add(ProblemKind.PART_TYPE_MISMATCH, message, "type", found, expected)
    _check_windows(report, has_layout=layout is not None)
    is_tiled = part.is_tiled
    _check_codes(report, is_tiled)
    if is_tiled and "tiles" in part.by_name:
        _check_tiles(report)
    if (channels := part.channels) is not None:
        _check_channels(report, channels)
    _check_chunk_count(report, layout)


def _check_type(report: PartProblems) -> None:
    part = report.part
    attribute = part.by_name.get("type")
    if attribute is not None and attribute.type_name == "string" and attribute.value not in PART_TYPES:
        found, expected = short_text(attribute), ", ".join(PART_TYPES)
        report.add(ProblemKind.UNKNOWN_PART_TYPE, "unknown part type", attribute, found, expected)
    version = part.by_name.get("version")
    if part.version_word & NON_IMAGE and version is not None and version.value != 1:
        message = "a part of a deep file has another version than 1"
        report.add(ProblemKind.DEEP_VERSION, message, version, short_text(version), "version 1")


def _check_windows(report: PartProblems, *, has_layout: bool) -> None:
    """Report invalid windows and ratios. If the part has a layout, its data window is known to be valid."""
    part = report.part
    data, display = part.data_window, part.display_window
    expected = f"min <= max, within +-{COORDINATE_LIMIT - 1}"
    if not has_layout and data is not None and not is_window(data):
        message = "dataWindow is not a valid window"
        report.add(ProblemKind.INVALID_WINDOW, message, "dataWindow", window_text(data), expected, fatal=True)
    if display is not None and not (has_layout and display == data) and not is_window(display):
        message = "displayWindow is not a valid window"
        report.add(ProblemKind.INVALID_WINDOW, message, "displayWindow", window_text(display), expected, fatal=True)
    name, aspect = "pixelAspectRatio", part.pixel_aspect_ratio
    if aspect is not None and not _MIN_ASPECT <= aspect <= _MAX_ASPECT:  # a NaN fails both
        message = "pixelAspectRatio is out of range"
        report.add(ProblemKind.PIXEL_ASPECT_RATIO, message, name, str(aspect), "1e-6 to 1e6", fatal=True)
    name, width = "screenWindowWidth", part.value("screenWindowWidth", "float")
    if isinstance(width, float) and width < 0:  # a NaN is accepted, as by the library
        message = "screenWindowWidth is negative"
        report.add(ProblemKind.SCREEN_WINDOW, message, name, str(width), "0 or more", fatal=True)


def _check_codes(report: PartProblems, is_tiled: bool) -> None:
    is_deep, compression, line_order = report.part.is_deep, report.part.compression, report.part.line_order
    if compression is not None and compression not in LINES_PER_CHUNK:
        # Lenient readers treat it as ZIP, which is not allowed in deep parts.
        message, kind = "unknown compression code", ProblemKind.UNKNOWN_COMPRESSION
        report.add(kind, message, "compression", str(compression), "0 to 13", fatal=is_deep)
    elif compression is not None and compression not in DEEP_COMPRESSIONS and is_deep:
        message, found = "the compression is not allowed in deep parts", code_name(Compression, compression)
        expected = "NONE, RLE, ZIPS or ZSTD"
        report.add(ProblemKind.DEEP_COMPRESSION, message, "compression", found, expected, fatal=True)
    if line_order is not None and line_order > (2 if is_tiled else 1):
        random = "a scan line part has the line order RANDOM_Y, which is for tiled parts"
        message = random if line_order == LineOrder.RANDOM_Y else "unknown line order"
        expected = "0 to 2" if is_tiled else "0 or 1"
        report.add(ProblemKind.UNKNOWN_LINE_ORDER, message, "lineOrder", str(line_order), expected)


def _check_tiles(report: PartProblems) -> None:
    tiles = report.part.tiles
    if tiles is None:
        message = "the tile description of a tiled part cannot be read"
    elif not (1 <= tiles.x_size <= _MAX_TILE and 1 <= tiles.y_size <= _MAX_TILE):
        message = "tile sizes out of range"
    elif tiles.level_mode > 2 or tiles.rounding_mode > 1:
        message = "unknown level or rounding mode"
    else:
        return
    found = "" if tiles is None else f"{tiles.x_size} x {tiles.y_size}, mode 0x{tiles.mode:02x}"
    expected = f"1 to {_MAX_TILE} pixels, mode 0 to 2, rounding 0 or 1"
    report.add(ProblemKind.TILE_DESCRIPTION, message, "tiles", found, expected, fatal=True)


def _check_channels(report: PartProblems, channels: tuple[Channel, ...]) -> None:
    if not 1 <= len(channels) <= _MAX_CHANNELS:
        message = "too many channels" if channels else "the channel list is empty"
        found, expected = str(len(channels)), f"1 to {_MAX_CHANNELS}"
        report.add(ProblemKind.CHANNEL_COUNT, message, "channels", found, expected, fatal=True)
    names = [channel.name for channel in channels]
    keys = byte_order(names)
    if not all(map(lt, keys, keys[1:])):
        _check_order(report, names)
    for channel in channels:
        if channel[1:] not in _VALID:
            _check_channel(report, channel)


def _check_order(report: PartProblems, names: list[str]) -> None:
    seen = set[str]()
    for name in names:
        if name in seen:
            message, kind = "a channel is listed twice", ProblemKind.DUPLICATE_CHANNEL
            report.add(kind, message, "channels", name, "each name once", channel=name, fatal=True)
        seen.add(name)
    keys = [encode_name(name) for name in names]
    first = next((name for name, (key, after) in zip(names, pairwise(keys), strict=False) if key > after), None)
    if first is not None:
        message = "the channel list is not sorted by name, and readers take the pixels for sorted"
        found, expected = f"{first!r} too early", "bytewise order"
        report.add(ProblemKind.CHANNEL_ORDER, message, "channels", found, expected, channel=first)


def _check_channel(report: PartProblems, channel: Channel) -> None:
    name, pixel_type, p_linear = channel.name, channel.pixel_type, channel.p_linear

    def add(kind: ProblemKind, message: str, found: str, expected: str, *, mild: bool = False) -> None:
        message = f"channel {name[:80]!r}: {message}"
        report.add(kind, message, "channels", found, expected, channel=name, fatal=not mild, mild=mild)

    if pixel_type not in {0, 1, 2}:
        add(ProblemKind.UNKNOWN_PIXEL_TYPE, "unknown pixel type", str(pixel_type), "0 to 2")
    if p_linear > 1:
        add(ProblemKind.CHANNEL_FLAGS, "pLinear is neither 0 nor 1", str(p_linear), "0 or 1")
    if any(channel.reserved):
        message = "the reserved bytes are not zero"
        add(ProblemKind.CHANNEL_FLAGS, message, channel.reserved.hex(" "), "00 00 00", mild=True)
    if fault := _sampling_fault(report.part, channel):
        message, expected = fault
        add(ProblemKind.CHANNEL_SAMPLING, message, f"{channel.x_sampling} x {channel.y_sampling}", expected)


def _sampling_fault(part: PartHeader, channel: Channel) -> tuple[str, str] | None:
    """The fault of a channel's sampling and the expected value; None if it is valid."""
    x_sampling, y_sampling, window = channel.x_sampling, channel.y_sampling, part.data_window
    if x_sampling < 1 or y_sampling < 1:
        return "sampling is not positive", "1 or more"
    if (x_sampling, y_sampling) == (1, 1):
        return None
    if part.is_tiled or part.is_deep:
        return "it is subsampled in a tiled or deep part", "1 x 1"
    if window is not None and (window.x_min % x_sampling or window.y_min % y_sampling):
        start = f"({window.x_min}, {window.y_min})"
        return f"the sampling does not divide the start of the data window, {start}", _DIVISORS
    if window is not None and (window.width % x_sampling or window.height % y_sampling):
        size = f"{window.width} x {window.height}"
        return f"the sampling does not divide the size of the data window, {size}", _DIVISORS
    return None


def _check_chunk_count(report: PartProblems, layout: Layout | None) -> None:
    declared = report.part.chunk_count
    computed = layout.chunk_count if layout is not None else computed_chunk_count(report.part)
    if computed is None or (layout is not None and not layout.levels):
        return  # nothing to compare: the layout is unknown, or is derived from the declared count
    if computed > MAX_CHUNKS:
        message = "the part has more chunks than the OpenEXR library reads"
        report.add(ProblemKind.TOO_MANY_CHUNKS, message, None, str(computed), f"at most {MAX_CHUNKS}")
    if declared is not None and declared != computed:
        message = "chunkCount does not agree with windows, tiles and compression"
        report.add(ProblemKind.WRONG_CHUNK_COUNT, message, "chunkCount", str(declared), str(computed))
