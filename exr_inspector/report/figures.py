"""Figures of one frame for the page: of each channel, and of the main image of each view with its exposure and thumbnail."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from exr_inspector.exr.header.parser import Header
from exr_inspector.exr.names import PartNames, image_layers
from exr_inspector.model import ChannelStats, Inspection, Thumbnail
from exr_inspector.validation.frame_pixels import LUMINANCE, luminance_of

STOPS = range(-12, 9)  # luminance relative to 1.0; values beyond count in the first and the last stop


@dataclass(frozen=True, slots=True)
class ChannelFigures:
    """One channel of one frame: figures of its finite values (None: none was read), and numbers of NaN, Inf and negatives.

    `part_name` is the index of a part without a name.
    """

    part: int
    name: str
    type: str
    minimum: float | None = None
    mean: float | None = None
    maximum: float | None = None
    nan: int = 0
    inf: int = 0
    negative: int = 0
    part_name: str = ""


@dataclass(frozen=True, slots=True)
class ViewFigures:
    """The main image of one view of a frame. Unknown values are None.

    Attributes:
        means: Means of its channels by component (`R`, `G`, `B` or `Y`).
        luminance: Mean luminance.
        maximum: Largest value.
        exposure: Share of the values at each of STOPS, weighted as luminance; empty without histograms.
        picture: Its thumbnail.
    """

    means: Mapping[str, float] = field(default_factory=dict)
    luminance: float | None = None
    maximum: float | None = None
    exposure: tuple[float, ...] = ()
    picture: Thumbnail | None = None


@dataclass(frozen=True, slots=True)
class FrameFigures:
    """One frame. Unknown values are None.

    Attributes:
        size_bytes: Size of the file, bytes.
        width: Width of the first part's data window, pixels.
        height: Height of the first part's data window, pixels.
        channels: Figures of all channels, of the first level.
        views: The main images by view, the first one of the file first; the name is empty in a file without views.
        bad_values: Number of NaN and infinities in all channels.
        render_seconds: Render time from the file's attributes, seconds.
    """

    size_bytes: int | None
    width: int | None
    height: int | None
    channels: tuple[ChannelFigures, ...]
    views: Mapping[str, ViewFigures]
    bad_values: int | None
    render_seconds: float | None

    @property
    def part_names(self) -> dict[int, str]:
        """The names of the parts with channels, by their index."""
        return {channel.part: channel.part_name for channel in self.channels}


def figures_of(inspection: Inspection, thumbnails: Sequence[Thumbnail] = ()) -> FrameFigures:
    """The figures of an inspection.

    Args:
        inspection: The inspection; it may come from the tables.
        thumbnails: Its thumbnails, if they are not in it.
    """
    header, report = inspection.header, inspection.pixels
    firsts = [stats for stats in report.channels if (stats.level_x, stats.level_y) == (0, 0)] if report else []
    window = header.parts[0].data_window if header and header.parts else None
    return FrameFigures(
        size_bytes=inspection.version.size_bytes if inspection.version else None,
        width=window.width if window else None,
        height=window.height if window else None,
        channels=_channels(header, firsts) if header else (),
        views=_views(header, inspection.names, firsts, thumbnails or (report.thumbnails if report else ()))
        if header
        else {},
        bad_values=sum(stats.nan_count + stats.inf_count for stats in firsts) if firsts else None,
        render_seconds=inspection.provenance.render_seconds,
    )


def _views(
    header: Header, names: Sequence[PartNames], channels: Iterable[ChannelStats], thumbnails: Iterable[Thumbnail]
) -> dict[str, ViewFigures]:
    """The main images by view.

    The first one is the base layer if it has colour, else the first layer that has; the others are those of `image_layers`.
    """
    layers: dict[tuple[int, str], dict[str, ChannelStats]] = {}
    for stats in channels:
        layer, _, component = stats.channel.rpartition(".")
        if component in LUMINANCE:
            layers.setdefault((stats.part, layer), {})[component] = stats
    ranked = sorted(layers, key=lambda each: (each[1] != "", each))
    images = {(part, layer) for part, those in image_layers(header).items() for layer in those}
    found: dict[str, dict[str, ChannelStats]] = {}
    for part, layer in (*ranked[:1], *filter(images.__contains__, ranked[1:])):
        found.setdefault(_view(names[part], layer), layers[part, layer])
    pictures: dict[str, Thumbnail] = {}
    for each in thumbnails:
        pictures.setdefault(_view(names[each.part], each.layer), each)
    return {view: _view_figures(found.get(view, {}), pictures.get(view)) for view in found or [*pictures][:1]}


def _view(names: PartNames, layer: str) -> str:
    """The view of a layer that holds the main image of one: the layer named for it, or else the part's first view."""
    return layer if layer in names.views else next(iter(names.views), "")


def _view_figures(layer: Mapping[str, ChannelStats], picture: Thumbnail | None) -> ViewFigures:
    colours = {name: stats for name, stats in layer.items() if name != "Y"} or layer
    means = {name: stats.mean for name, stats in colours.items() if stats.mean is not None}
    maximum = max((stats.maximum for stats in colours.values() if stats.maximum is not None), default=None)
    return ViewFigures(means, luminance_of(means), maximum, _exposure(colours), picture)


def views_of_most(frames: Iterable[FrameFigures | None]) -> tuple[str, ...]:
    """The views of most frames; one without a name if no frame is known."""
    found = Counter(tuple(frame.views) for frame in frames if frame is not None and frame.views)
    return found.most_common(1)[0][0] if found else ("",)


def by_view(frame: FrameFigures | None, views: Sequence[str]) -> tuple[ViewFigures, ...]:
    """The images of a frame in the order of `views`; the first image of a frame with other views stands for the first view."""
    images = frame.views if frame is not None else {}
    if images and images.keys().isdisjoint(views):
        images = {views[0]: next(iter(images.values()))}
    return tuple(images.get(view, ViewFigures()) for view in views)


def _channels(header: Header, channels: Iterable[ChannelStats]) -> tuple[ChannelFigures, ...]:
    by_name = {(stats.part, stats.channel): stats for stats in channels}
    found = []
    for part in header.parts:
        for channel in part.channels or ():
            stats = by_name.get((part.index, channel.name))
            known = ChannelFigures(part.index, channel.name, channel.type_name, part_name=part.name or str(part.index))
            if stats is not None and stats.samples:
                known = replace(
                    known,
                    minimum=stats.minimum,
                    mean=stats.mean,
                    maximum=stats.maximum,
                    nan=stats.nan_count,
                    inf=stats.inf_count,
                    negative=stats.negative_count,
                )
            found.append(known)
    return tuple(found)


def _exposure(colours: Mapping[str, ChannelStats]) -> tuple[float, ...]:
    shares = [0.0] * len(STOPS)
    weight = sum(LUMINANCE[name] for name, stats in colours.items() if stats.histogram is not None)
    if not weight:
        return ()
    for name, stats in colours.items():
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
