"""Figures of one frame for the page: of each channel, and of the beauty layer with its exposure and thumbnail."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from exr_inspector.exr.header.parser import Header
from exr_inspector.model import ChannelStats, Inspection, Thumbnail
from exr_inspector.validation.frame_pixels import LUMINANCE, luminance_of

STOPS = range(-12, 9)  # luminance relative to 1.0; values beyond count in the first and the last stop


@dataclass(frozen=True, slots=True)
class ChannelFigures:
    """One channel of one frame: figures of its finite values (None: none was read), and numbers of NaN, Inf and negatives."""

    part: int
    name: str
    type: str
    minimum: float | None = None
    mean: float | None = None
    maximum: float | None = None
    nan: int = 0
    inf: int = 0
    negative: int = 0


@dataclass(frozen=True, slots=True)
class FrameFigures:
    """One frame. The beauty is the first layer with colour channels. Unknown values are None.

    Attributes:
        size_bytes: Size of the file, bytes.
        width: Width of the first part's data window, pixels.
        height: Height of the first part's data window, pixels.
        channels: Figures of all channels, of the first level.
        means: Means of the beauty's channels by component (`R`, `G`, `B` or `Y`).
        luminance: Mean luminance of the beauty.
        maximum: Largest value of the beauty.
        bad_values: Number of NaN and infinities in all channels.
        render_seconds: Render time from the file's attributes, seconds.
        exposure: Share of the beauty's values at each of STOPS, weighted as luminance; empty without histograms.
        picture: The frame's thumbnail.
    """

    size_bytes: int | None
    width: int | None
    height: int | None
    channels: tuple[ChannelFigures, ...]
    means: Mapping[str, float]
    luminance: float | None
    maximum: float | None
    bad_values: int | None
    render_seconds: float | None
    exposure: tuple[float, ...]
    picture: Thumbnail | None = None


def figures_of(inspection: Inspection) -> FrameFigures:
    """The figures of an inspection, which may also come from the tables."""
    header = inspection.header
    read = inspection.pixels.channels if inspection.pixels else ()
    firsts = [stats for stats in read if (stats.level_x, stats.level_y) == (0, 0)]
    beauty = _beauty(firsts)
    means = {name: stats.mean for name, stats in beauty.items() if stats.mean is not None}
    window = header.parts[0].data_window if header and header.parts else None
    return FrameFigures(
        size_bytes=inspection.version.size_bytes if inspection.version else None,
        width=window.width if window else None,
        height=window.height if window else None,
        channels=_channels(header, firsts) if header else (),
        means=means,
        luminance=luminance_of(means),
        maximum=max((s.maximum for s in beauty.values() if s.maximum is not None), default=None),
        bad_values=sum(stats.nan_count + stats.inf_count for stats in firsts) if firsts else None,
        render_seconds=inspection.provenance.render_seconds,
        exposure=_exposure(beauty),
        picture=next(iter(inspection.pixels.thumbnails), None) if inspection.pixels else None,
    )


def _beauty(channels: Iterable[ChannelStats]) -> dict[str, ChannelStats]:
    """The statistics of the beauty by component: of the base layer if it has colour, else of the first layer that has."""
    layers: dict[tuple[int, str], dict[str, ChannelStats]] = {}
    for stats in channels:
        layer, _, component = stats.channel.rpartition(".")
        if component in LUMINANCE:
            layers.setdefault((stats.part, layer), {})[component] = stats
    ranked = sorted(layers.items(), key=lambda item: (item[0][1] != "", item[0]))
    found = ranked[0][1] if ranked else {}
    return {name: stats for name, stats in found.items() if name != "Y"} or found


def _channels(header: Header, channels: Iterable[ChannelStats]) -> tuple[ChannelFigures, ...]:
    by_name = {(stats.part, stats.channel): stats for stats in channels}
    found = []
    for part in header.parts:
        for channel in part.channels or ():
            stats = by_name.get((part.index, channel.name))
            known = ChannelFigures(part.index, channel.name, channel.type_name)
            if stats is not None and stats.samples:
                figures = (stats.minimum, stats.mean, stats.maximum)
                counts = (stats.nan_count, stats.inf_count, stats.negative_count)
                known = ChannelFigures(part.index, channel.name, channel.type_name, *figures, *counts)
            found.append(known)
    return tuple(found)


def _exposure(beauty: Mapping[str, ChannelStats]) -> tuple[float, ...]:
    shares = [0.0] * len(STOPS)
    weight = sum(LUMINANCE[name] for name, stats in beauty.items() if stats.histogram is not None)
    if not weight:
        return ()
    for name, stats in beauty.items():
        histogram = stats.histogram
        total = sum(histogram.counts) if histogram else 0
        if histogram is None or not total:
            continue
        for low, high, count in zip(histogram.edges, histogram.edges[1:], histogram.counts, strict=False):
            middle = math.sqrt(low * high) if low > 0 else (low + high) / 2
            if count and middle > 0:
                stop = min(max(math.floor(math.log2(middle)), STOPS[0]), STOPS[-1])
                shares[stop - STOPS[0]] += LUMINANCE[name] / weight * count / total
    return tuple(shares)
