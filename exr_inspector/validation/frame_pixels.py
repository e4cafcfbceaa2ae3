"""The statistics of a frame that sequence rules compare, from those of its channels."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from statistics import fmean
from types import MappingProxyType

from exr_inspector.exr.names import MOST_IMAGES, is_beauty, main_layer, part_layer
from exr_inspector.model import ChannelStats, ColourLines, ZeroGrid
from exr_inspector.validation.facts.roles import Role, is_layer_of_folder, is_matte, layer_of_file, role_of
from exr_inspector.validation.frames import FramePixels

LUMINANCE = {"R": 0.2126, "G": 0.7152, "B": 0.0722, "Y": 1.0}  # Rec. 709 weights; Y is the luminance itself
_FEW_ZEROS = 0.001  # of all pixels
_ALPHAS = frozenset({"A", "a", "alpha", "Alpha"})
_NO_CONTENT = frozenset({Role.ALPHA, Role.DEPTH})
_QUARTILES = (25.0, 50.0, 75.0)


def luminance_of(means: Mapping[str, float]) -> float | None:
    """The mean luminance, from the means of R, G and B or of Y; None without any."""
    weight = sum(LUMINANCE[name] for name in means)
    return sum(LUMINANCE[name] * mean for name, mean in means.items()) / weight if means else None


Layers = Mapping[int, tuple[str, str]]


def layers_of_parts(parts: Iterable[tuple[int, str | None, str | None]]) -> Layers:
    """The layer that the name of each part after the first denotes, and its view, by the part's index.

    Args:
        parts: Index, name and view of each part.
    """
    return {index: (part_layer(name, view), view or "") for index, name, view in parts if index}


def frame_pixels(
    channels: Iterable[ChannelStats],
    zeros: ZeroGrid | None = None,
    lines: ColourLines | None = None,
    *,
    path: str = "",
    parts: Layers = MappingProxyType({}),
) -> FramePixels | None:
    """Combine the channel statistics of the first level; None unless all pixels were read.

    Args:
        channels: Statistics of all channels of a frame, in the order of the parts.
        zeros: Regions where the beauty is zero; None if they were not determined.
        lines: Its seams and a small image; None if they were not determined.
        path: Path of the frame. A file whose name says that R, G, B are data (`sh010_velocity.1001.exr`) has no beauty. If only
            its folder says so, it has no luminance and no regions, but it may be black or constant.
        parts: As from `layers_of_parts`.
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
    if len(beauty) > 1:
        beauty.pop("Y", None)  # of normals in a part of their own, with channels X, Y and Z
    others = [
        channel for channel in firsts if channel_role(channel) not in _NO_CONTENT and channel not in beauty.values()
    ]
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
            parts,
            has_parts=len({channel.part for channel in firsts}) > 1,
        ),
        is_void=not any(stats.samples for stats in firsts),
        samples=max(stats.samples for stats in firsts),
        is_empty=bool(is_black) and all(stats.is_constant or not stats.finite_count for stats in firsts),
        means={} if is_data else means,
        deviations={} if is_data else {name: stats.stddev or 0.0 for name, stats in beauty.items()},
        without_green=0.0 if is_data else share_without_green(beauty),
        values=max((stats.distinct_count or 0 for stats in beauty.values()), default=0),
        deviation=None if is_data else mean_deviation(beauty.values()),
        unit_channels=_unit_channels(firsts, layer_of_file(path, names), parts),
        is_solid=alpha.is_constant and alpha.minimum == 1 if alpha else None,
        coverage=_coverage(alpha, firsts, is_black=bool(is_black)),
        extents=_extents(firsts, layer_of_file(path, names), parts),
        other_deviations={
            _full_name(stats, parts): stats.stddev or 0.0 for stats in firsts if stats not in beauty.values()
        },
        lights=_lights((channel for channel in firsts if channel not in beauty.values()), parts),
        mattes=_mattes(firsts, path),
    )


def view_pixels(
    channels: Iterable[ChannelStats],
    part_views: Mapping[int, str | None],
    views: Collection[str],
    maps: Mapping[str, tuple[ZeroGrid | None, ColourLines | None]] = MappingProxyType({}),
    *,
    path: str = "",
) -> dict[str, FramePixels]:
    """As `frame_pixels`, for the image of each view other than the main image; at most MOST_IMAGES are compared.

    Args:
        channels: As in `frame_pixels`.
        part_views: The view of each part, by its index.
        views: The names of all views.
        maps: Regions where the image of a view is zero, and its seams and a small image.
        path: As in `frame_pixels`.
    """
    by_view: dict[str, list[ChannelStats]] = {}
    for stats in channels:
        *layers, component = stats.channel.split(".")
        if len(part_views) > 1:
            if (view := part_views.get(stats.part)) and view != part_views.get(0):
                by_view.setdefault(view, []).append(stats)
        elif layers and layers[-1] and layers[-1] in views:
            by_view.setdefault(layers[-1], []).append(replace(stats, channel=".".join([*layers[:-1], component])))
    found = {
        view: frame_pixels(every, *maps.get(view, ()), path=path)
        for view, every in islice(by_view.items(), MOST_IMAGES - 1)
    }
    return {view: pixels for view, pixels in found.items() if pixels is not None and pixels.is_black is not None}


def channel_role(stats: ChannelStats, layer_of_bare: str = "", parts: Layers = MappingProxyType({})) -> Role:
    """The role of a channel in its layer or, without one, in that of its part or of the file."""
    layer, component, _ = split_channel(stats, parts)
    return role_of(layer or layer_of_bare, component)


def _alpha(channels: Iterable[ChannelStats], image: str) -> ChannelStats | None:
    """The alpha of the main image, whose layer is named."""
    alphas = {f"{image}.{name}" if image else name for name in _ALPHAS}
    return next((stats for stats in channels if stats.channel in alphas), None)


def _coverage(alpha: ChannelStats | None, channels: Sequence[ChannelStats], *, is_black: bool) -> float | None:
    if alpha is None:
        return 0.0 if is_black and all(stats.samples == 1 for stats in channels) else None
    return 1 - alpha.zero_count / alpha.samples if alpha.samples else 0.0  # deep pixels without samples


def share_without_green(beauty: Mapping[str, ChannelStats]) -> float:
    """As `FramePixels.without_green`, of the channels R, G and B; 0 if one is missing."""
    if any(not (name in beauty and beauty[name].samples) for name in "RGB"):
        return 0.0
    red, green, blue = (1 - beauty[name].zero_count / beauty[name].samples for name in "RGB")
    return max(0.0, red + blue - 1 - green)  # at least: red and blue may be in different pixels


def _unit_channels(every: Iterable[ChannelStats], layer_of_bare: str, parts: Layers) -> frozenset[str]:
    found: set[str] = set()
    motion: dict[str, list[ChannelStats]] = {}
    for stats in every:
        role = channel_role(stats, layer_of_bare, parts)
        if role is Role.DEPTH and _is_unit_depth(stats):
            found.add(_full_name(stats, parts))
        elif role is Role.MOTION and not stats.is_constant:
            motion.setdefault(split_channel(stats, parts)[2], []).append(stats)
    for vectors in motion.values():
        if any(map(_reaches_one, vectors)) and all(stats.magnitude <= 1 for stats in vectors):
            found.update(_full_name(stats, parts) for stats in vectors)
    return frozenset(found)


def _extents(every: Iterable[ChannelStats], layer_of_bare: str, parts: Layers) -> dict[str, tuple[float, ...]]:
    found: dict[str, tuple[float, ...]] = {}
    for stats in every:
        role, name = channel_role(stats, layer_of_bare, parts), _full_name(stats, parts)
        if role is Role.DEPTH:
            quartiles = [abs(value) for percent, value in stats.percentiles if percent in _QUARTILES]
            found[name] = (*quartiles, stats.magnitude)
        elif role is Role.MOTION:
            found[name] = (stats.magnitude,)
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


def mean_deviation(channels: Iterable[ChannelStats]) -> float | None:
    """The root of the mean variance of channels; None if none has one."""
    known = [stats.stddev for stats in channels if stats.stddev is not None]
    return math.sqrt(fmean(value * value for value in known)) if known else None


def split_channel(stats: ChannelStats, parts: Layers) -> tuple[str, str, str]:
    """The layer of a channel, by its name or else by its part, its component, and the layer's name with the part's view."""
    layer, _, component = stats.channel.rpartition(".")
    of_part, view = parts.get(stats.part, ("", ""))
    layer = layer or of_part
    name = layer if not view else view if is_beauty(layer) else f"{layer}.{view}"
    return layer, component, name


def _full_name(stats: ChannelStats, parts: Layers) -> str:
    """The name of a channel with the layer and view that its part gives it."""
    _, component, name = split_channel(stats, parts)
    return f"{name}.{component}" if name else component


def _lit_pixels(
    beauty: Collection[ChannelStats], others: Iterable[ChannelStats], parts: Layers, *, has_parts: bool
) -> dict[str, int]:
    """As `FramePixels.lit_pixels`; `parts` as in `frame_pixels`."""
    found: dict[str, int] = {"": max(map(_lit, beauty))} if beauty else {}
    mattes: dict[str, int] = {}  # alpha of layers: content where a layer has nothing else
    for stats in others:
        layer, component, name = split_channel(stats, parts)
        role = role_of(layer, component)
        if role is Role.ALPHA and name:
            mattes[name] = _lit(stats)
        elif role not in {Role.ALPHA, Role.CRYPTOMATTE, Role.ID}:
            name = name or (f"{component} of part {stats.part}" if has_parts else component)
            found[name] = max(found.get(name, 0), _lit(stats))
    return mattes | found


def _lights(channels: Iterable[ChannelStats], parts: Layers) -> dict[str, float]:
    means: dict[str, dict[str, float]] = {}
    for stats in channels:
        layer, component, name = split_channel(stats, parts)
        if component in LUMINANCE and stats.mean is not None and role_of(layer, component) is Role.COLOUR:
            means.setdefault(name, {})[component] = stats.mean
    return {name: luminance_of(each) or 0.0 for name, each in means.items() if name}


def _mattes(channels: Iterable[ChannelStats], path: str) -> dict[str, tuple[float, float, float, float]]:
    found: dict[str, tuple[float, float, float, float]] = {}
    for stats in channels:
        role = channel_role(stats)
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
