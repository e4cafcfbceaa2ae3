"""Small images and statistics of the layers of an inspected file, which SEQ-LAYER compares."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from itertools import islice

from exr_inspector.model import ChannelStats, ColourLines, Inspection, LayerImage
from exr_inspector.validation.facts.roles import Role, is_matte, layer_of_file
from exr_inspector.validation.frame_pixels import (
    Layers,
    channel_role,
    layers_of_parts,
    luminance_of,
    mean_deviation,
    share_without_green,
    split_channel,
)
from exr_inspector.validation.frames import FramePixels, FrameView

_MOST_LAYERS = 16  # of a file; each takes memory
_COMPARED = frozenset({Role.COLOUR, Role.DEPTH, Role.NORMAL, Role.POSITION})
_OF_LIGHT = {
    name: colour
    for colour, names in {"R": "R r red", "G": "G g green", "B": "B b blue"}.items()
    for name in names.split()
}
_OF_DATA = {**_OF_LIGHT, "V": "R", "X": "R", "x": "R", "Y": "G", "y": "G", "Z": "B", "z": "B"}


def layer_frames(inspection: Inspection) -> dict[str, FrameView]:
    """The small images and statistics of the layers beside the main image, by their names; only those with its data window."""
    report, header = inspection.pixels, inspection.header
    if report is None or header is None:
        return {}
    parts = layers_of_parts((part.index, part.name, part.view) for part in header.parts)
    windows = [part.data_window for part in header.parts]
    images = [(each.part, image) for each in report.parts if windows[each.part] == windows[0] for image in each.layers]
    by_part: dict[int, list[ChannelStats]] = {}
    for stats in report.channels:
        if (stats.level_x, stats.level_y) == (0, 0):
            by_part.setdefault(stats.part, []).append(stats)
    names = tuple(stats.channel for stats in by_part.get(0, ()))
    of_file = layer_of_file(inspection.key, names)
    if of_file and (lines := next((each.lines for each in report.parts if each.lines is not None), None)):
        images.append((0, LayerImage(names, lines.small, 0.0)))  # data as R, G, B, which are no main image
    every = (_layer_pixels(by_part.get(part, ()), image, parts, of_file) for part, image in images)
    return {name: FrameView(pixels, image_hash(pixels)) for name, pixels in islice(filter(None, every), _MOST_LAYERS)}


def _layer_pixels(
    channels: Iterable[ChannelStats], image: LayerImage, parts: Layers, of_file: str
) -> tuple[str, FramePixels] | None:
    """The name of a layer of light, depth, normals or positions, and what is known of it; None for mattes and other layers.

    Args:
        channels: Statistics of the channels of its part, of the first level.
        image: Its small image.
        parts: As from `layers_of_parts`.
        of_file: The layer that the file's name states for channels without one.
    """
    known = [stats for stats in channels if stats.channel in image.channels]
    roles = {channel_role(stats, of_file, parts) for stats in known}
    if len(roles) != 1 or not roles <= _COMPARED:
        return None
    layer, component, name = split_channel(known[0], parts)
    if is_matte(layer):
        return None
    is_light = roles == {Role.COLOUR}
    names = _OF_LIGHT if is_light else _OF_DATA
    colours = {names[last]: stats for stats in known if (last := stats.channel.rpartition(".")[2]) in names}
    means = {colour: stats.mean for colour, stats in colours.items() if stats.mean is not None}
    pixels = FramePixels(
        luminance=luminance_of(means) if is_light else None,
        is_black=all(stats.zero_count == stats.samples for stats in known),
        is_constant=all(stats.is_constant for stats in known),
        has_other_content=False,
        bad_values=sum(stats.nan_count + stats.inf_count for stats in known),
        zeros=None,
        lines=ColourLines(small=image.small, noise=image.noise),
        means=means,
        deviations={colour: stats.stddev or 0.0 for colour, stats in colours.items()},
        deviation=mean_deviation(known),
        without_green=share_without_green(colours) if is_light else 0.0,
    )
    return name or of_file or component, pixels


def image_hash(pixels: FramePixels) -> str | None:
    """A hash of the statistics of an image that shares its part with others; None without a small image or a mean of it."""
    if pixels.lines is None or not pixels.means:
        return None
    known = sorted(pixels.means.items()), sorted(pixels.deviations.items()), pixels.lines.small
    return hashlib.sha256(repr(known).encode()).hexdigest()
