"""The summary of one frame: the facts that sequence rules compare."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from heapq import nsmallest
from statistics import fmean
from typing import Any

import numpy as np
import numpy.typing as npt

from exr_inspector.exr.cryptomatte.manifests import ManifestError, parse_manifest
from exr_inspector.exr.header.attributes import readable_text
from exr_inspector.exr.header.parser import PartHeader
from exr_inspector.exr.header.values import (
    Attribute,
    Chromaticities,
    Compression,
    LevelMode,
    Rational,
    TimeCode,
    code_name,
)
from exr_inspector.exr.names import is_beauty, main_layer
from exr_inspector.model import ChannelStats, ColourLines, Inspection, Severity, Status, ZeroGrid
from exr_inspector.validation.facts import timecodes
from exr_inspector.validation.facts.colourspaces import other_tag, with_gamut
from exr_inspector.validation.facts.roles import Role, is_layer_of_folder, is_matte, layer_of_file, role_of

LUMINANCE = {"R": 0.2126, "G": 0.7152, "B": 0.0722, "Y": 1.0}  # Rec. 709 weights; Y is the luminance itself
_FEW_ZEROS = 0.001  # of all pixels
_ALPHAS = frozenset({"A", "a", "alpha", "Alpha"})
_NO_CONTENT = frozenset({Role.ALPHA, Role.DEPTH})
_QUARTILES = (25.0, 50.0, 75.0)
_FRAME_TEXT = re.compile(r"-?[0-9]{1,11}")
# By every policy; `wrapmodes` shows that a file is a texture.
COMPARED_ATTRIBUTES = frozenset({
    "dwaCompressionLevel", "imageCounter", "nuke/node_hash", "wrapmodes",
    # what a frame was made from, and with
    "Camera", "File", "Scene", "Shot", "Software", "arnold/version", "cycles.ViewLayer.samples", "hip", "hipfile",
    "input/filename", "nuke/input/filename", "nuke/version", "pipeline/scenefile", "reelName", "scene", "sceneFile",
    "scenefile", "script", "shot", "software",
})  # fmt: skip
FRAME_ATTRIBUTES = frozenset({"frame", "framenumber", "nuke/input/frame", "input/frame"})


@dataclass(frozen=True, slots=True)
class FramePixels:
    """Statistics of all pixels of a frame; None where the frame has no colour channels in its default layer.

    Attributes:
        luminance: Mean of the beauty: R, G and B with Rec. 709 weights, or Y.
        is_black: Whether all beauty channels are zero everywhere.
        is_constant: Whether each beauty channel has a single value.
        has_other_content: Whether a channel other than beauty, alpha and depth has several values.
        bad_values: Number of NaN and infinities in all channels.
        zeros: Regions where the beauty is zero.
        lit_pixels: Number of pixels with a value other than zero in the beauty, by an empty name, and in each other layer, by
            its name, or by the channel for those without a layer, with its part if there are several: that of the channel with
            most of them. Without ids, and without the alpha of layers that have other channels.
        is_empty: Whether the beauty is black, and each other channel, also alpha and depth, has a single value or none that is
            finite.
        is_void: Whether no channel has a sample, as in a deep image where nothing is.
        means: Mean of each channel of the beauty.
        deviations: Standard deviation of each of them.
        deviation: Standard deviation of the beauty: root of the mean variance of its channels.
        lines: Seams and a small image of the beauty; None if they were not determined.
        unit_channels: Channels of depth from exactly 0 to exactly 1, of which one is in few pixels, and of motion vectors whose
            largest component is exactly 1 or -1.
        is_solid: Whether alpha is 1 in every pixel; None without alpha.
        coverage: Share of the pixels whose alpha is not zero; None without alpha, but 0 for a single black pixel, to which
            writers crop an empty image.
        extents: Magnitudes of each channel of depth: the quartiles and the largest; of each of motion vectors the largest.
        other_deviations: Standard deviations of the channels other than the beauty, in their order.
        lights: Luminance of each of `lit_pixels` that has colours, without the beauty.
        mattes: Minimum, maximum, mean and standard deviation of each alpha, and each channel that is named for a matte, with
            several values, all from 0 to 1.
    """

    luminance: float | None
    is_black: bool | None
    is_constant: bool | None
    has_other_content: bool
    bad_values: int
    zeros: ZeroGrid | None
    lit_pixels: Mapping[str, int] = field(default_factory=dict)
    is_empty: bool = False
    is_void: bool = False
    means: Mapping[str, float] = field(default_factory=dict)
    deviations: Mapping[str, float] = field(default_factory=dict)
    deviation: float | None = None
    lines: ColourLines | None = None
    unit_channels: frozenset[str] = frozenset()
    is_solid: bool | None = None
    coverage: float | None = None
    extents: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    other_deviations: tuple[float, ...] = ()
    lights: Mapping[str, float] = field(default_factory=dict)
    mattes: Mapping[str, tuple[float, float, float, float]] = field(default_factory=dict)

    @property
    def is_flat(self) -> bool:
        """Whether the beauty has a single colour."""
        return bool(self.is_black or self.is_constant)

    @property
    def lit_layers(self) -> frozenset[str]:
        """The names of the layers that have a value other than zero."""
        return frozenset(name for name, count in self.lit_pixels.items() if count)

    @property
    def small(self) -> npt.NDArray[np.float64]:
        """The small image of the beauty, row by row; empty if it is not known."""
        return np.frombuffer(self.lines.small if self.lines else b"", np.float32).astype(np.float64)


@dataclass(frozen=True, slots=True)
class FrameSummary:
    """The facts of a frame that are compared between frames. None means unknown, which never counts as a difference.

    Attributes:
        path: `<bucket>/<key>`.
        sequence: Key of the sequence, with its folder.
        frame: Frame number.
        padding: Number of digits of the frame number as written.
        size_bytes: Size of the file.
        mtime: Last modification, UTC.
        status: `inspected` or `failed`.
        display_window: (x_min, y_min, x_max, y_max) of the first part; (width, height) if read from a `files` row.
        pixel_aspect: pixelAspectRatio of the first part; None for values that no image has (`compared_aspect`).
        data_window: As `display_window`.
        channels: `channel_text` of all channels, sorted; the number of channels and their types if read from a `files` row.
        compression: Compressions of all parts.
        storage: Part types and tile sizes.
        colour: Colour tags of all parts.
        views: Names of the views.
        software: Product that wrote the file.
        host: Computer that rendered the frame.
        frame_rate: framesPerSecond.
        timecode_rate: timecodeRate: frames that the time code counts a second.
        time_code: The time code.
        embedded_frame: Frame number in an attribute.
        image_counter: imageCounter.
        cryptomattes: Key and number of layers of each Cryptomatte.
        objects: Ids and names of the objects with the lowest ids in each Cryptomatte's manifest (`lost_names`), by its name.
        pixel_hash: Hash of the decoded pixels of all parts.
        pixels: Statistics of all pixels; None unless all were read.
        is_complete: Whether every chunk is present.
        attributes: Attributes of the first part with a single value, as text; only those that are compared if read from rows.
        is_texture: Whether the file is mipmapped, as maketx and txmake write textures: its number is not a frame number.
        has_error: Whether the file has a finding of severity error or could not be read.
        error_codes: Rules of its findings of severity error, sorted; those of the header for a file with status `failed`.
        is_unread: Whether the file exists but could not be read from the store.
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
    host: str | None = None
    frame_rate: float | None = None
    timecode_rate: int | None = None
    time_code: timecodes.Clock | None = None
    embedded_frame: int | None = None
    image_counter: int | None = None
    cryptomattes: tuple[str, ...] | None = None
    objects: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    pixel_hash: str | None = None
    pixels: FramePixels | None = None
    is_complete: bool | None = None
    attributes: Mapping[str, str] | None = None
    is_texture: bool = False
    has_error: bool = False
    error_codes: tuple[str, ...] = ()
    is_unread: bool = False


Scalar = str | float | int
_TEXT_CHARACTERS = 200
_OBJECTS = 16


def scalar(value: object) -> Scalar | None:
    """The value of an attribute that is a text or a number, or the quotient of a rational; None for all other types."""
    if isinstance(value, Rational):
        return value.value
    return value if isinstance(value, (str, int, float)) else None


def compared_values(attributes: Iterable[Attribute]) -> dict[str, Any]:
    """The fields of the summary that hold attributes of the first part as they are: `attributes` and `image_counter`."""
    some = list(attributes)
    counters = [each.value for each in some if (each.name, each.type_name) == ("imageCounter", "int")]
    return {
        "attributes": {
            each.name: str(value)[:_TEXT_CHARACTERS]
            for each in some
            if (value := scalar(readable_text(each) or each.value)) is not None
        },
        "image_counter": counters[-1] if counters and isinstance(counters[-1], int) else None,
    }


def embedded_frame(part: PartHeader) -> int | None:
    """The frame number that an attribute of a part gives, as text or as a number; None without one."""
    for attribute in part.attributes:
        if attribute.name.lower() in FRAME_ATTRIBUTES:
            value = scalar(attribute.value)
            text = (
                value.rstrip("\0")
                if isinstance(value, str)
                else f"{value:.0f}"
                if value is not None and value % 1 == 0
                else ""
            )
            if _FRAME_TEXT.fullmatch(text):
                return int(text)
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
        words.append(with_gamut(values))
    if part.integer("acesImageContainerFlag") == 1:
        words.append("ACES container")
    if not any(words) and (other := other_tag(part)):
        words = [other[1]]
    return ", ".join(filter(None, words)) or "untagged"


def _cryptomattes(inspection: Inspection) -> tuple[str, ...]:
    """Key and number of layers of each Cryptomatte, sorted: the order of attributes and parts has no meaning."""
    mattes = [matte for names in inspection.names for matte in names.cryptomattes]
    return tuple(sorted(f"{matte.key}: {len(matte.rank_layers)} layers" for matte in mattes))


def _objects(inspection: Inspection) -> dict[str, tuple[tuple[str, str], ...]]:
    """Ids and names of some objects of each Cryptomatte by the order of ids, which are hashes; whole manifests are large."""
    found: dict[str, tuple[tuple[str, str], ...]] = {}
    for matte in (matte for names in inspection.names for matte in names.cryptomattes):
        try:
            manifest = parse_manifest(matte.manifest or "")
        except ManifestError:
            continue
        found[matte.name or matte.key] = tuple(
            nsmallest(_OBJECTS, ((value, name[:_TEXT_CHARACTERS]) for name, value in manifest.items()))
        )
    return found


def lost_names(usual: Sequence[tuple[str, str]], other: Sequence[tuple[str, str]]) -> list[str]:
    """The names among the lowest ids of one manifest that another certainly lacks: lower ones than its last, if it has more."""
    mine = {value for value, _ in other}
    last = other[-1][0] if len(other) == _OBJECTS else "g"
    return [name for value, name in usual if value not in mine and value < last]


def _pixel_hash(inspection: Inspection) -> str | None:
    report = inspection.pixels
    if report is None or not report.parts:
        return None
    hashes = [part.pixel_hash for part in report.parts]
    return " ".join(h for h in hashes if h) if all(hashes) else None


def luminance_of(means: Mapping[str, float]) -> float | None:
    """The mean luminance, from the means of R, G and B or of Y; None without any."""
    weight = sum(LUMINANCE[name] for name in means)
    return sum(LUMINANCE[name] * mean for name, mean in means.items()) / weight if means else None


def frame_pixels(
    channels: Iterable[ChannelStats],
    zeros: ZeroGrid | None = None,
    lines: ColourLines | None = None,
    *,
    path: str = "",
) -> FramePixels | None:
    """Combine the channel statistics of the first level; None unless all pixels were read.

    Args:
        channels: Statistics of all channels of a frame, in the order of the parts.
        zeros: Regions where the beauty is zero; None if they were not determined.
        lines: Its seams and a small image; None if they were not determined.
        path: Path of the frame. A file whose name says that R, G, B are data (`sh010_velocity.1001.exr`) has no beauty. If only
            its folder says so, it has no luminance and no regions, but it may be black or constant.
    """
    firsts = [channel for channel in channels if (channel.level_x, channel.level_y) == (0, 0)]
    if not firsts or not all(channel.exact for channel in firsts):
        return None
    beauty: dict[str, ChannelStats] = {}
    names = [channel.channel for channel in firsts]
    is_data = bool(layer_of_file(path, names))
    has_beauty = not is_data or is_layer_of_folder(path, names)
    image = main_layer(names)
    for channel in firsts:
        layer, _, component = channel.channel.rpartition(".")
        if layer == image and component in LUMINANCE and has_beauty:
            beauty.setdefault(component, channel)
    others = [channel for channel in firsts if _role(channel) not in _NO_CONTENT and channel not in beauty.values()]
    alpha = _alpha(firsts, image)
    means = {name: stats.mean for name, stats in beauty.items() if stats.mean is not None}
    is_black = all(stats.zero_count == stats.samples for stats in beauty.values()) if beauty else None
    return FramePixels(
        luminance=None if is_data else luminance_of(means),
        is_black=is_black,
        is_constant=all(stats.is_constant for stats in beauty.values()) if beauty else None,
        has_other_content=any(stats.finite_count and not stats.is_constant for stats in others),
        bad_values=sum(channel.nan_count + channel.inf_count for channel in firsts),
        zeros=None if is_data else zeros,
        lines=None if is_data else lines,
        lit_pixels=_lit_pixels(
            beauty.values(),
            [channel for channel in firsts if channel not in beauty.values()],
            has_parts=len({channel.part for channel in firsts}) > 1,
        ),
        is_void=not any(stats.samples for stats in firsts),
        is_empty=bool(is_black) and all(stats.is_constant or not stats.finite_count for stats in firsts),
        means={} if is_data else means,
        deviations={} if is_data else {name: stats.stddev or 0.0 for name, stats in beauty.items()},
        deviation=None if is_data else _deviation(beauty.values()),
        unit_channels=_unit_channels(firsts, layer_of_file(path, names)),
        is_solid=alpha.is_constant and alpha.minimum == 1 if alpha else None,
        coverage=_coverage(alpha, firsts, is_black=bool(is_black)),
        extents=_extents(firsts, layer_of_file(path, names)),
        other_deviations=tuple(stats.stddev or 0.0 for stats in firsts if stats not in beauty.values()),
        lights=_lights(channel for channel in firsts if channel not in beauty.values()),
        mattes=_mattes(firsts, path),
    )


def _role(stats: ChannelStats, layer_of_bare: str = "") -> Role:
    """The role of a channel in its layer or, without one, in that of the file."""
    layer, _, component = stats.channel.rpartition(".")
    return role_of(layer or layer_of_bare, component)


def _alpha(channels: Iterable[ChannelStats], image: str) -> ChannelStats | None:
    """The alpha of the main image, whose layer is named."""
    alphas = {f"{image}.{name}" if image else name for name in _ALPHAS}
    return next((stats for stats in channels if stats.channel in alphas), None)


def _coverage(alpha: ChannelStats | None, channels: Sequence[ChannelStats], *, is_black: bool) -> float | None:
    if alpha is None:
        return 0.0 if is_black and all(stats.samples == 1 for stats in channels) else None
    return 1 - alpha.zero_count / alpha.samples if alpha.samples else 0.0  # deep pixels without samples


def _unit_channels(every: Iterable[ChannelStats], layer_of_bare: str) -> frozenset[str]:
    found: set[str] = set()
    motion: dict[str, list[ChannelStats]] = {}
    for stats in every:
        role = _role(stats, layer_of_bare)
        if role is Role.DEPTH and _is_unit_depth(stats):
            found.add(stats.channel)
        elif role is Role.MOTION and not stats.is_constant:
            motion.setdefault(stats.channel.rpartition(".")[0], []).append(stats)
    for vectors in motion.values():
        if any(map(_reaches_one, vectors)) and all(stats.magnitude <= 1 for stats in vectors):
            found.update(stats.channel for stats in vectors)
    return frozenset(found)


def _extents(every: Iterable[ChannelStats], layer_of_bare: str) -> dict[str, tuple[float, ...]]:
    found: dict[str, tuple[float, ...]] = {}
    for stats in every:
        role = _role(stats, layer_of_bare)
        if role is Role.DEPTH:
            quartiles = [abs(value) for percent, value in stats.percentiles if percent in _QUARTILES]
            found[stats.channel] = (*quartiles, stats.magnitude)
        elif role is Role.MOTION:
            found[stats.channel] = (stats.magnitude,)
    return found


def _is_unit_depth(stats: ChannelStats) -> bool:
    """Whether depth is from exactly 0 to exactly 1, but not clamped at both ends, as that of few distances is.

    The sky, or what lies behind the farthest distance, may be many pixels of one value.
    """
    few_zeros = stats.zero_count <= max(1.0, _FEW_ZEROS * stats.samples)
    few_ones = max((value for percent, value in stats.percentiles if percent < 100), default=0.0) < 1
    return (stats.minimum, stats.maximum) == (0.0, 1.0) and (few_zeros or few_ones) and stats.has_many_values


def _reaches_one(stats: ChannelStats) -> bool:
    """Whether the largest magnitude is exactly 1; a mask, of the pixels whose motion is known, has few values."""
    return stats.magnitude == 1 and stats.has_many_values


def _deviation(channels: Iterable[ChannelStats]) -> float | None:
    known = [stats.stddev for stats in channels if stats.stddev is not None]
    return math.sqrt(fmean(value * value for value in known)) if known else None


def _lit_pixels(beauty: Collection[ChannelStats], others: Iterable[ChannelStats], *, has_parts: bool) -> dict[str, int]:
    found: dict[str, int] = {"": max(map(_lit, beauty))} if beauty else {}
    mattes: dict[str, int] = {}  # alpha of layers: content where a layer has nothing else
    for stats in others:
        layer, _, component = stats.channel.rpartition(".")
        role = role_of(layer, component)
        if role is Role.ALPHA and layer:
            mattes[layer] = _lit(stats)
        elif role not in {Role.ALPHA, Role.CRYPTOMATTE, Role.ID}:
            name = layer or (f"{component} of part {stats.part}" if has_parts else component)
            found[name] = max(found.get(name, 0), _lit(stats))
    return mattes | found


def _lights(channels: Iterable[ChannelStats]) -> dict[str, float]:
    means: dict[str, dict[str, float]] = {}
    for stats in channels:
        layer, _, component = stats.channel.rpartition(".")
        if component in LUMINANCE and stats.mean is not None and role_of(layer, component) is Role.COLOUR:
            means.setdefault(layer, {})[component] = stats.mean
    return {layer: luminance_of(each) or 0.0 for layer, each in means.items() if layer}


def _mattes(channels: Iterable[ChannelStats], path: str) -> dict[str, tuple[float, float, float, float]]:
    found: dict[str, tuple[float, float, float, float]] = {}
    for stats in channels:
        role = _role(stats)
        is_named = role is Role.COLOUR and is_matte(stats.channel.rpartition(".")[0] or path)
        known = stats.minimum, stats.maximum, stats.mean, stats.stddev
        if (role is Role.ALPHA or is_named) and None not in known and not stats.is_constant:
            least, most, mean, deviation = (float(value or 0.0) for value in known)
            if least >= 0 and most <= 1:
                found[stats.channel] = least, most, mean, deviation
    return found


def _lit(stats: ChannelStats) -> int:
    """Number of samples other than zero."""
    return stats.samples - stats.zero_count


def _pixels(inspection: Inspection) -> FramePixels | None:
    report = inspection.pixels
    if report is None:
        return None
    zeros = next((part.zeros for part in report.parts if part.zeros is not None), None)
    lines = next((part.lines for part in report.parts if part.lines is not None), None)
    return frame_pixels(report.channels, zeros, lines, path=inspection.key)


def _is_texture(part: PartHeader) -> bool:
    return part.is_tiled and part.tiles is not None and part.tiles.mode & 15 != LevelMode.ONE_LEVEL


def compared_aspect(ratio: float | None) -> float | None:
    """The ratio; None if it is not positive: WIN-PAR-RANGE reports it, and the frame's picture is not of another shape."""
    return ratio if ratio is not None and ratio > 0 else None


def channel_text(part: int, name: str, layer: str, type_name: str) -> str:
    """A channel in a form that is compared between frames: `<part>:<name> <TYPE>`.

    The name of a channel without a layer starts with the effective layer, which its part names, except that of the main image:
    `1:diffuse.R HALF`.
    """
    if layer and "." not in name and not is_beauty(layer):
        name = f"{layer}.{name}"
    return f"{part}:{name} {type_name}"


def frame_of_inspection(inspection: Inspection) -> FrameSummary | None:
    """Summarise an inspected file; None for a file that is not a frame."""
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
        error_codes=inspection.error_codes,
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
        pixel_aspect=compared_aspect(first.pixel_aspect_ratio),
        data_window=first.data_window,
        channels=tuple(
            channel_text(part.index, channel.name, names.part_layer, channel.type_name)
            for part, names in zip(header.parts, inspection.names, strict=True)
            for channel in sorted(part.channels or ())
        ),
        compression=", ".join(code_name(Compression, c) for c in compressions if c is not None),
        storage=_storage(header.parts),
        colour="; ".join(_colour(part) for part in header.parts),
        views=", ".join(view for names in inspection.names for view in names.views),
        software=inspection.provenance.product,
        host=inspection.provenance.render_host,
        frame_rate=rate.value if isinstance(rate, Rational) else None,
        timecode_rate=first.integer("timecodeRate"),
        time_code=timecodes.clock_of(code) if isinstance(code, TimeCode) else None,
        embedded_frame=embedded_frame(first),
        cryptomattes=_cryptomattes(inspection),
        objects=_objects(inspection),
        pixel_hash=_pixel_hash(inspection),
        pixels=_pixels(inspection),
        is_complete=inspection.is_complete,
        **compared_values(first.attributes),
        is_texture=any(map(_is_texture, header.parts)),
    )
