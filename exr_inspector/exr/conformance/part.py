"""Conformance of one part's values: what must be there, windows, channels, tiles, compression. See `conformance`."""

from __future__ import annotations

from itertools import pairwise
from operator import lt

from exr_inspector.exr.chunks.layout import Layout, computed_chunk_count, window_text
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
    Box2i,
    Channel,
    Compression,
    code_name,
)
from exr_inspector.exr.problems import Problem, ProblemKind, ProblemList

_REQUIRED = frozenset(REQUIRED)
PART_TYPES = ("scanlineimage", "tiledimage", "deepscanline", "deeptile")
MAX_CHUNKS = 1 << 20
_COORDINATE_LIMIT = 1_073_741_823  # INT32_MAX / 2: coordinates must stay within it
_MAX_TILE = 536_870_911  # INT32_MAX / 4
_MAX_CHANNELS = 32_767
_MIN_ASPECT = 9.999999974752427e-07  # 1e-6 as the float that the library compares with
_MAX_ASPECT = 1e6


def check_presence(part: PartHeader, problems: ProblemList) -> None:
    """Report what one part lacks."""
    index, by_name, word = part.index, part.by_name, part.version_word
    if not by_name.keys() >= _REQUIRED:
        for name in REQUIRED:
            if name not in by_name:
                fatal = name == "channels"
                problems.add(ProblemKind.MISSING_ATTRIBUTE, f"no attribute {name!r}", index, expected=name, fatal=fatal)
    if part.is_tiled and "tiles" not in by_name:
        message = "a tiled part has no tile description"
        problems.add(ProblemKind.MISSING_ATTRIBUTE, message, index, expected="tiles", fatal=True)
    if not word & (MULTI_PART | NON_IMAGE):
        return
    if word & MULTI_PART and not _has_text(part, "name"):
        message = "a part of a multi-part file has no name"
        problems.add(ProblemKind.PART_NAME, message, index, expected="a string attribute 'name'", fatal=True)
    if not _has_text(part, "type"):
        message = "the part has no type"
        problems.add(ProblemKind.MISSING_PART_TYPE, message, index, expected="a string attribute 'type'", fatal=True)
    if word & NON_IMAGE and "version" not in by_name:
        # The library's own writer leaves it out of flat parts beside deep ones; only its strict reader asks for it there.
        message = "a part of a deep file has no version"
        problems.add(ProblemKind.DEEP_VERSION, message, index, expected="version 1", mild=not part.is_deep)
    if "chunkCount" not in by_name:
        message = "the part has no chunkCount"
        problems.add(ProblemKind.MISSING_CHUNK_COUNT, message, index, expected="an int attribute 'chunkCount'")


def _has_text(part: PartHeader, name: str) -> bool:
    """Whether there is a string of that name, in UTF-8 or not."""
    attribute = part.by_name.get(name)
    return attribute is not None and attribute.type_name == "string"


def check_part(part: PartHeader, layout: Layout | None, problems: ProblemList) -> None:
    """Report what is wrong with the values of one part; what it lacks is for `check_presence`."""
    if part.version_word & (MULTI_PART | NON_IMAGE):
        _check_type(part, problems)
    elif "type" in part.by_name and part.declared_type != part.part_type:
        _report_type_mismatch(part, problems)
    _check_windows(part, problems, has_layout=layout is not None)
    is_tiled = part.is_tiled
    _check_codes(part, is_tiled, problems)
    if is_tiled and "tiles" in part.by_name:
        _check_tiles(part, problems)
    _check_channels(part, problems)
    _check_chunk_count(part, layout, problems)


def _check_type(part: PartHeader, problems: ProblemList) -> None:
    attribute = part.by_name.get("type")
    if attribute is not None and attribute.type_name == "string" and attribute.value not in PART_TYPES:
        message = "unknown part type"
        found, expected = short_text(attribute), ", ".join(PART_TYPES)
        problems.add(ProblemKind.UNKNOWN_PART_TYPE, message, part.index, attribute.offset, found, expected)
    version = part.by_name.get("version")
    if part.version_word & NON_IMAGE and version is not None and version.value != 1:
        message = "a part of a deep file has another version than 1"
        problems.add(ProblemKind.DEEP_VERSION, message, part.index, version.offset, short_text(version), "version 1")


def _report_type_mismatch(part: PartHeader, problems: ProblemList) -> None:
    attribute = part.by_name["type"]
    message = "the part type contradicts the flags of the file, by which readers go"
    found, expected = short_text(attribute), part.part_type or ""
    problems.add(ProblemKind.PART_TYPE_MISMATCH, message, part.index, attribute.offset, found, expected)


def is_window(window: Box2i) -> bool:
    """Whether a window holds pixels, at coordinates that the library accepts."""
    x_min, y_min, x_max, y_max = window
    return (
        -_COORDINATE_LIMIT < x_min <= x_max < _COORDINATE_LIMIT
        and -_COORDINATE_LIMIT < y_min <= y_max < _COORDINATE_LIMIT
    )


def _no_window(part: PartHeader, name: str, window: Box2i) -> Problem:
    offset, found = part.by_name[name].offset, window_text(window)
    expected = f"min <= max, within +-{_COORDINATE_LIMIT - 1}"
    return Problem(
        ProblemKind.INVALID_WINDOW, f"{name} is not a valid window", part.index, offset, found, expected, fatal=True
    )


def _check_windows(part: PartHeader, problems: ProblemList, *, has_layout: bool) -> None:
    """Report windows and ratios that are none; of a part that has a layout, the data window is known to be one."""
    data, display = part.data_window, part.display_window
    if not has_layout and data is not None and not is_window(data):
        problems.keep(_no_window(part, "dataWindow", data))
    if display is not None and not (has_layout and display == data) and not is_window(display):
        problems.keep(_no_window(part, "displayWindow", display))
    aspect = part.pixel_aspect_ratio
    if aspect is not None and not _MIN_ASPECT <= aspect <= _MAX_ASPECT:  # a NaN fails both
        offset = part.by_name["pixelAspectRatio"].offset
        message = "pixelAspectRatio is out of range"
        problems.add(
            ProblemKind.PIXEL_ASPECT_RATIO, message, part.index, offset, str(aspect), "1e-6 to 1e6", fatal=True
        )
    width = part.value("screenWindowWidth", "float")
    if isinstance(width, float) and width < 0:  # a NaN passes here: the library opens the file
        offset = part.by_name["screenWindowWidth"].offset
        message = "screenWindowWidth is negative"
        problems.add(ProblemKind.SCREEN_WINDOW, message, part.index, offset, str(width), "0 or more", fatal=True)


def _check_codes(part: PartHeader, is_tiled: bool, problems: ProblemList) -> None:
    compression, line_order = part.compression, part.line_order
    if compression is not None and compression not in LINES_PER_CHUNK:
        # Lenient readers take it for ZIP, which deep parts may not have.
        offset = part.by_name["compression"].offset
        message = "unknown compression code"
        problems.add(
            ProblemKind.UNKNOWN_COMPRESSION,
            message,
            part.index,
            offset,
            str(compression),
            "0 to 13",
            fatal=part.is_deep,
        )
    elif compression is not None and compression not in DEEP_COMPRESSIONS and part.is_deep:
        offset, found = part.by_name["compression"].offset, code_name(Compression, compression)
        message = "the compression is not allowed in deep parts"
        problems.add(
            ProblemKind.DEEP_COMPRESSION, message, part.index, offset, found, "NONE, RLE, ZIPS or ZSTD", fatal=True
        )
    if line_order is not None and line_order > (2 if is_tiled else 1):
        offset = part.by_name["lineOrder"].offset
        message = (
            "unknown line order"
            if line_order > 2
            else "a scan line part has the line order RANDOM_Y, which is for tiled parts"
        )
        expected = "0 to 2" if is_tiled else "0 or 1"
        problems.add(ProblemKind.UNKNOWN_LINE_ORDER, message, part.index, offset, str(line_order), expected)


def _check_tiles(part: PartHeader, problems: ProblemList) -> None:
    tiles = part.tiles
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
    problems.add(
        ProblemKind.TILE_DESCRIPTION, message, part.index, part.by_name["tiles"].offset, found, expected, fatal=True
    )


def _check_channels(part: PartHeader, problems: ProblemList) -> None:
    channels = part.channels
    if channels is None:
        return
    index, offset = part.index, part.by_name["channels"].offset
    if not 1 <= len(channels) <= _MAX_CHANNELS:
        message = "too many channels" if channels else "the channel list is empty"
        found, expected = str(len(channels)), f"1 to {_MAX_CHANNELS}"
        problems.add(ProblemKind.CHANNEL_COUNT, message, index, offset, found, expected, fatal=True)
    names = [channel.name for channel in channels]
    keys = byte_order(names)
    if not all(map(lt, keys, keys[1:])):
        _check_order(part, names, problems)
    for channel in channels:
        _check_channel(part, channel, problems)


def _check_order(part: PartHeader, names: list[str], problems: ProblemList) -> None:
    offset, seen = part.by_name["channels"].offset, set[str]()
    for name in names:
        if name in seen:
            message = "a channel is listed twice"
            problems.add(
                ProblemKind.DUPLICATE_CHANNEL,
                message,
                part.index,
                offset,
                name,
                "each name once",
                channel=name,
                fatal=True,
            )
        seen.add(name)
    keys = [encode_name(name) for name in names]
    first = next((name for name, (key, after) in zip(names, pairwise(keys), strict=False) if key > after), None)
    if first is not None:
        message = "the channel list is not sorted by name, but pixels are stored in sorted order"
        problems.add(
            ProblemKind.CHANNEL_ORDER, message, part.index, offset, f"{first!r} too early", "bytewise order", first
        )


def _check_channel(part: PartHeader, channel: Channel, problems: ProblemList) -> None:
    index, offset, name = part.index, part.by_name["channels"].offset, channel.name
    if channel.pixel_type not in {0, 1, 2}:
        found = str(channel.pixel_type)
        problems.add(
            ProblemKind.UNKNOWN_PIXEL_TYPE, "unknown pixel type", index, offset, found, "0 to 2", name, fatal=True
        )
    if channel.p_linear > 1:
        found = str(channel.p_linear)
        problems.add(
            ProblemKind.CHANNEL_FLAGS, "pLinear is neither 0 nor 1", index, offset, found, "0 or 1", name, fatal=True
        )
    if any(channel.reserved):
        found = channel.reserved.hex(" ")
        message = "the reserved bytes of a channel are not zero"
        problems.add(ProblemKind.CHANNEL_FLAGS, message, index, offset, found, "00 00 00", name, mild=True)
    wrong = _sampling_fault(part, channel)
    if wrong:
        found = f"{channel.x_sampling} x {channel.y_sampling}"
        problems.add(ProblemKind.CHANNEL_SAMPLING, wrong[0], index, offset, found, wrong[1], name, fatal=True)


def _sampling_fault(part: PartHeader, channel: Channel) -> tuple[str, str] | None:
    """What is wrong with a channel's sampling and what would be right."""
    x_sampling, y_sampling, window = channel.x_sampling, channel.y_sampling, part.data_window
    fault = None
    if x_sampling < 1 or y_sampling < 1:
        fault = "sampling is not positive", "1 or more"
    elif (x_sampling, y_sampling) == (1, 1):
        pass
    elif part.is_tiled or part.is_deep:
        fault = "a subsampled channel in a tiled or deep part", "1 x 1"
    elif window is None:
        pass
    elif window.x_min % x_sampling or window.y_min % y_sampling:
        fault = "the data window does not start on a sample", f"divisors of {window.x_min} and {window.y_min}"
    elif window.width % x_sampling or window.height % y_sampling:
        fault = (
            "the data window's size is not a multiple of the sampling",
            f"divisors of {window.width} and {window.height}",
        )
    return fault


def _check_chunk_count(part: PartHeader, layout: Layout | None, problems: ProblemList) -> None:
    declared = part.chunk_count
    computed = layout.chunk_count if layout is not None else computed_chunk_count(part)
    if computed is None or (layout is not None and not layout.levels):
        return  # nothing to compare with: the layout is unknown, or follows from the declared number itself
    if computed > MAX_CHUNKS:
        found, expected = str(computed), f"at most {MAX_CHUNKS}"
        problems.add(
            ProblemKind.TOO_MANY_CHUNKS,
            "the part has more chunks than the OpenEXR library reads",
            part.index,
            None,
            found,
            expected,
        )
    if declared is not None and declared != computed:
        offset = part.by_name["chunkCount"].offset
        message = "chunkCount does not agree with windows, tiles and compression"
        problems.add(ProblemKind.WRONG_CHUNK_COUNT, message, part.index, offset, str(declared), str(computed))
