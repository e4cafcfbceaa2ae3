"""The summary of one frame: the facts that sequence rules compare."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from exr_inspector.exr.header.attributes import readable_text
from exr_inspector.exr.header.parser import PartHeader
from exr_inspector.exr.header.values import Attribute, Rational
from exr_inspector.exr.names import is_beauty
from exr_inspector.model import ColourLines, ZeroGrid
from exr_inspector.validation.facts import timecodes

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
            its name: that of the channel with most of them. Channels without a layer have that of their part, or its view;
            without either, each has its own name, with its part if there are several. Without ids, and without the alpha of
            layers that have other channels.
        is_empty: Whether the beauty is black, and each other channel, also alpha and depth, has a single value or none that is
            finite.
        is_void: Whether no channel has a sample, as in a deep image where nothing is.
        samples: Number of samples of the channel with most of them: of flat images, that of the pixels.
        means: Mean of each channel of the beauty.
        deviations: Standard deviation of each of them.
        without_green: Share of the pixels of the beauty whose R and B are not zero while G is, as in pure magenta; at least.
        values: Largest number of different values of a channel of the beauty (`ChannelStats.distinct_count`); 0 if unknown.
        deviation: Standard deviation of the beauty: root of the mean variance of its channels.
        lines: Seams and a small image of the beauty; None if they were not determined.
        unit_channels: Channels of depth from exactly 0 to exactly 1, of which one is in few pixels, and of motion vectors whose
            largest component is exactly 1 or -1.
        is_solid: Whether alpha is 1 in every pixel; None without alpha.
        coverage: Share of the pixels whose alpha is not zero; None without alpha, but 0 for a single black pixel, to which
            writers crop an empty image.
        extents: Magnitudes of each channel of depth: the quartiles and the largest; of each of motion vectors the largest.
        other_deviations: Standard deviation of each channel other than the beauty, in their order, by its name with the layer
            of its part.
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
    samples: int = 0
    means: Mapping[str, float] = field(default_factory=dict)
    deviations: Mapping[str, float] = field(default_factory=dict)
    without_green: float = 0.0
    values: int = 0
    deviation: float | None = None
    lines: ColourLines | None = None
    unit_channels: frozenset[str] = frozenset()
    is_solid: bool | None = None
    coverage: float | None = None
    extents: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    other_deviations: Mapping[str, float] = field(default_factory=dict)
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


class FrameView(NamedTuple):
    """The image of a view or of a layer beside the main image.

    Attributes:
        pixels: Its statistics.
        pixel_hash: Hash of the decoded pixels of its parts, or of the statistics of an image that shares a part with others.
    """

    pixels: FramePixels
    pixel_hash: str | None = None


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
        objects: Ids and names of the objects with the lowest ids in each Cryptomatte's manifest (`lost_names`), by its name;
            empty if there are ids, but no names.
        pixel_hash: Hash of the decoded pixels of all parts.
        pixels: Statistics of all pixels; None unless all were read.
        other_views: The images of the other views that the file holds.
        layers: Small images and statistics of layers beside the main image, by their names; only in `check` and `report`.
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
    other_views: Mapping[str, FrameView] = field(default_factory=dict)
    layers: Mapping[str, FrameView] = field(default_factory=dict)
    is_complete: bool | None = None
    attributes: Mapping[str, str] | None = None
    is_texture: bool = False
    has_error: bool = False
    error_codes: tuple[str, ...] = ()
    is_unread: bool = False


Scalar = str | float | int
TEXT_CHARACTERS = 200
OBJECTS = 16


def joined_hashes(hashes: Sequence[str | None]) -> str | None:
    """The hashes of parts as one; None if one of them is not known, or there is none."""
    return " ".join(each for each in hashes if each) if hashes and all(hashes) else None


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
            each.name: str(value)[:TEXT_CHARACTERS]
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
