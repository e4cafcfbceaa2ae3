"""One frame of a sequence, reduced to what sequence rules compare."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from exr_inspector.exr.header.parser import PartHeader
from exr_inspector.exr.header.values import Chromaticities, Compression, LevelMode, Rational, TimeCode, code_name
from exr_inspector.model import ChannelStats, Inspection, Severity, Status, ZeroGrid
from exr_inspector.validation.facts import timecodes

# Weights of Rec. 709; Y stands for all three.
_LUMINANCE = {"R": 0.2126, "G": 0.7152, "B": 0.0722, "Y": 1.0}
_NO_CONTENT = frozenset({"A", "Z", "ZBack"})
_FRAME_TEXT = re.compile(r"-?[0-9]{1,11}")
_FRAME_ATTRIBUTES = frozenset({"frame", "framenumber", "nuke/input/frame", "input/frame"})


@dataclass(frozen=True, slots=True)
class FramePixels:
    """What all pixels of a frame say; None where the frame has no colour of its default layer.

    Attributes:
        luminance: Mean of the beauty: R, G and B by the weights of Rec. 709, or Y.
        is_black: Whether the beauty is zero everywhere.
        is_constant: Whether each of its channels holds one value.
        has_other_content: Whether another channel, alpha and depth aside, is not zero everywhere.
        bad_values: NaN and infinities of all channels together.
        zeros: Where the beauty is zero.
    """

    luminance: float | None
    is_black: bool | None
    is_constant: bool | None
    has_other_content: bool
    bad_values: int
    zeros: ZeroGrid | None


@dataclass(frozen=True, slots=True)
class FrameSummary:
    """What is compared between frames; None where it is not known, which is never a difference.

    Attributes:
        path: `<bucket>/<key>`.
        sequence: Key of the sequence, with its folder.
        frame: Frame number.
        padding: Digits of the frame number as written.
        size_bytes: Size of the file.
        mtime: Last modification, UTC.
        status: `inspected` or `failed`.
        display_window: x min, y min, x max, y max of the first part; from a files row its width and height.
        pixel_aspect: pixelAspectRatio of the first part.
        data_window: The same of the data window.
        channels: Names with their types, sorted; from a files row their number and the types.
        compression: Of all parts.
        storage: Part types and tile sizes.
        colour: Colour tags of all parts.
        views: Views.
        software: Product and version that wrote it.
        frame_rate: framesPerSecond.
        time_code: The time code's text.
        embedded_frame: Frame number in an attribute.
        image_counter: imageCounter.
        cryptomattes: Key, layers and manifest of each Cryptomatte.
        pixel_hash: Hash of the decoded pixels of all parts.
        pixels: What all pixels say; None unless all were read.
        is_complete: Whether every chunk is there.
        attributes: Attributes of the first part that hold one value, as text; None of rows.
        is_texture: Whether the file is mip-mapped, as maketx and txmake write textures: then its number is no frame number.
        has_error: Whether the file itself has a finding of severity error, or could not be read.
        is_unread: Whether the store did not give the file: nothing is known of it but that it is there.
    """

    path: str
    sequence: str
    frame: int
    padding: int
    size_bytes: int | None = None
    mtime: datetime | None = None
    status: str = "inspected"
    display_window: tuple[int, ...] | None = None
    pixel_aspect: float | None = None
    data_window: tuple[int, ...] | None = None
    channels: tuple[str, ...] | None = None
    compression: str | None = None
    storage: str | None = None
    colour: str | None = None
    views: str | None = None
    software: str | None = None
    frame_rate: float | None = None
    time_code: timecodes.Clock | None = None
    embedded_frame: int | None = None
    image_counter: int | None = None
    cryptomattes: tuple[str, ...] | None = None
    pixel_hash: str | None = None
    pixels: FramePixels | None = None
    is_complete: bool | None = None
    attributes: Mapping[str, str] | None = None
    is_texture: bool = False
    has_error: bool = False
    is_unread: bool = False


Scalar = str | float | int
_TEXT_CHARACTERS = 200


def scalar(value: object) -> Scalar | None:
    """The value of an attribute that holds one text or number, of a rational its quotient; None of all others."""
    if isinstance(value, Rational):
        return value.value
    return value if isinstance(value, (str, int, float)) else None


def _texts(part: PartHeader) -> dict[str, str]:
    return {
        each.name: str(value)[:_TEXT_CHARACTERS]
        for each in part.attributes
        if (value := scalar(each.value)) is not None
    }


def _embedded_frame(part: PartHeader) -> int | None:
    for attribute in part.attributes:
        if attribute.name.lower() in _FRAME_ATTRIBUTES:
            value = attribute.value
            if isinstance(value, str) and _FRAME_TEXT.fullmatch(value):
                return int(value)
            if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
                return int(value)
    return None


def _storage(parts: Iterable[PartHeader]) -> str:
    words = []
    for part in parts:
        tiles = part.tiles if part.is_tiled else None
        size = f" {tiles.x_size}x{tiles.y_size} mode {tiles.mode}" if tiles else ""
        words.append(f"{part.part_type}{size}")
    return ", ".join(words)


def _colour(part: PartHeader) -> str:
    words = [part.text("colorInteropID") or ""]
    values = part.value("chromaticities", "chromaticities")
    if isinstance(values, Chromaticities):
        words.append(" ".join(f"{value:.4g}" for value in values))
    if part.integer("acesImageContainerFlag") == 1:
        words.append("ACES container")
    return ", ".join(filter(None, words)) or "untagged"


def _cryptomattes(inspection: Inspection) -> tuple[str, ...]:
    return tuple(
        f"{matte.key}: {len(matte.rank_layers)} layers" for names in inspection.names for matte in names.cryptomattes
    )


def _pixel_hash(inspection: Inspection) -> str | None:
    report = inspection.pixels
    if report is None or not report.parts:
        return None
    hashes = [part.pixel_hash for part in report.parts]
    return " ".join(h for h in hashes if h) if all(hashes) else None


def frame_pixels(channels: Iterable[ChannelStats], zeros: ZeroGrid | None = None) -> FramePixels | None:
    """What all pixels of the first level tell; None where not all were read.

    Args:
        channels: Statistics of all channels of a frame, by part.
        zeros: Where the beauty is zero, if that was looked at.
    """
    firsts = [channel for channel in channels if (channel.level_x, channel.level_y) == (0, 0)]
    if not firsts or not all(channel.exact for channel in firsts):
        return None
    beauty: dict[str, ChannelStats] = {}
    for channel in firsts:
        if channel.channel in _LUMINANCE:
            beauty.setdefault(channel.channel, channel)
    others = [channel for channel in firsts if channel.channel not in _NO_CONTENT and channel not in beauty.values()]
    means = {name: stats.mean for name, stats in beauty.items() if stats.mean is not None}
    weights = {name: _LUMINANCE[name] for name in means}
    luminance = sum(weights[name] * mean for name, mean in means.items()) / sum(weights.values()) if means else None
    return FramePixels(
        luminance=luminance,
        is_black=all(stats.zero_count == stats.samples for stats in beauty.values()) if beauty else None,
        is_constant=all(stats.is_constant for stats in beauty.values()) if beauty else None,
        has_other_content=any(stats.zero_count < stats.samples for stats in others),
        bad_values=sum(channel.nan_count + channel.inf_count for channel in firsts),
        zeros=zeros,
    )


def _pixels(inspection: Inspection) -> FramePixels | None:
    report = inspection.pixels
    if report is None:
        return None
    return frame_pixels(report.channels, next((part.zeros for part in report.parts if part.zeros is not None), None))


def _is_texture(part: PartHeader) -> bool:
    return part.is_tiled and part.tiles is not None and part.tiles.mode & 15 != LevelMode.ONE_LEVEL


def frame_of_inspection(inspection: Inspection) -> FrameSummary | None:
    """The summary of an inspected file, None for a file that is no frame."""
    name, version, header = inspection.name, inspection.version, inspection.header
    if name.sequence is None or name.frame is None:
        return None
    base = FrameSummary(
        path=inspection.path,
        sequence=name.sequence,
        frame=name.frame,
        padding=name.padding,
        size_bytes=version.size_bytes if version else None,
        mtime=version.mtime if version else None,
        status=inspection.status.value,
        has_error=inspection.status is Status.FAILED or inspection.worst_severity is Severity.ERROR,
        is_unread=bool(inspection.unread),
    )
    if header is None or not header.parts or header.is_partial:
        return base
    first = header.parts[0]
    rate = first.value("framesPerSecond", "rational")
    code = first.value("timeCode", "timecode")
    compressions = [part.compression for part in header.parts]
    return replace(
        base,
        display_window=first.display_window,
        pixel_aspect=first.pixel_aspect_ratio,
        data_window=first.data_window,
        channels=tuple(
            f"{part.index}:{channel.name} {channel.type_name}"
            for part in header.parts
            for channel in sorted(part.channels or ())
        ),
        compression=", ".join(code_name(Compression, c) for c in compressions if c is not None),
        storage=_storage(header.parts),
        colour="; ".join(_colour(part) for part in header.parts),
        views=", ".join(view for names in inspection.names for view in names.views),
        software=inspection.provenance.product,
        frame_rate=rate.value if isinstance(rate, Rational) else None,
        time_code=timecodes.clock_of(code) if isinstance(code, TimeCode) else None,
        embedded_frame=_embedded_frame(first),
        image_counter=first.integer("imageCounter"),
        cryptomattes=_cryptomattes(inspection),
        pixel_hash=_pixel_hash(inspection),
        pixels=_pixels(inspection),
        is_complete=inspection.is_complete,
        attributes=_texts(first),
        is_texture=any(map(_is_texture, header.parts)),
    )
