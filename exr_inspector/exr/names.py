"""Splits channel names into layer, view and component, finds Cryptomattes, and lists the channels that compression alters.

Sources: the multi-view document and the technical introduction of OpenEXR, the Cryptomatte specification 1.2.0, and, for
lossy channels, the behaviour of the codecs of OpenEXR 3.5.3 (DWA classifies by the exact last name component, LJ2K uses the
first RGB triplet). Names are never changed or guessed: a channel without a dot is in the base layer "".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from exr_inspector.exr.header.attributes import readable_strings
from exr_inspector.exr.header.parser import Header, PartHeader
from exr_inspector.exr.header.values import Channel, Compression, PixelType
from exr_inspector.exr.limits import Checkpoint, no_checkpoint

# The names that writers give the layer or part with the main image.
_BEAUTY = frozenset({"", "rgb", "rgba", "beauty", "color", "colour", "combined", "main", "c"})
_COLOURS = frozenset({"R", "G", "B", "Y"})
MOST_IMAGES = 8  # of a file that are compared; each takes memory


def is_beauty(layer: str) -> bool:
    """Whether an effective layer is the main image: the base layer, or a layer or part named for it (`View.Combined`)."""
    return layer.rpartition(".")[2].lower() in _BEAUTY


def main_layer(channels: Iterable[str]) -> str:
    """The layer of the main image: the base layer if it has a colour, else the first layer that is named for the image.

    >>> main_layer(["ViewLayer.Combined.R", "ViewLayer.Depth.Z"])
    'ViewLayer.Combined'
    """
    layers = [layer for layer, _, component in (name.rpartition(".") for name in channels) if component in _COLOURS]
    return "" if "" in layers else next(filter(is_beauty, layers), "")


def image_layers(header: Header) -> dict[int, tuple[str, ...]]:
    """The layers that hold an image of a view, by the index of their part.

    An empty name is the main image of a part: of the first part, and of the first one with colour of each other view. The part
    of a single-part file also has a layer for each view whose R, G, B or Y begin with its name. At most MOST_IMAGES are named.
    """
    first, *others = header.parts
    if not others:
        names = {channel.name for channel in first.channels or ()}
        views, _ = _views(header, first)
        layers = [
            view for view in dict.fromkeys(views) if view and any(f"{view}.{colour}" in names for colour in _COLOURS)
        ]
        return {first.index: ("", *layers[: MOST_IMAGES - 1])}
    found: dict[int, tuple[str, ...]] = {first.index: ("",)}
    seen = {first.view, None}
    for part in others:
        has_colour = any(channel.name in _COLOURS for channel in part.channels or ())
        if part.view not in seen and has_colour and len(found) < MOST_IMAGES:
            seen.add(part.view)
            found[part.index] = ("",)
    return found


class ChannelName(NamedTuple):
    """The parts of one channel's name.

    Attributes:
        name: Full name.
        layer: Layer path without view and component; empty for the base layer.
        component: Last component.
        view: The channel's view; None if the file declares no views.
        is_lossy: Whether the part's compression alters its values.
        cryptomatte: Name of the Cryptomatte that the channel belongs to; None for other channels.
    """

    name: str
    layer: str
    component: str
    view: str | None
    is_lossy: bool
    cryptomatte: str | None


class Layer(NamedTuple):
    """The channels of one layer and view."""

    name: str
    view: str | None
    channels: tuple[str, ...]
    is_lossy: bool


class Cryptomatte(NamedTuple):
    """One Cryptomatte's declaration in the header.

    Attributes:
        key: The key between the slashes of its attribute names.
        name: Name, a prefix of its channel names; None if the attribute is missing (as for the next four).
        hash: Name of the hash function that computes ids from object names.
        conversion: Name of the conversion from ids to floats.
        manifest: Text of the inline manifest (JSON), or of the sidecar manifest if that was read.
        manifest_file: Path of the sidecar manifest, relative to the file.
        rank_layers: Layers of any part with (id, coverage) pairs, in rank order; each once, even if several views have it.
        preview_channels: Deprecated preview channels, of any part.
        sidecar_fault: Why the sidecar manifest could not be read; empty if it was read or not requested.
    """

    key: str
    name: str | None
    hash: str | None
    conversion: str | None
    manifest: str | None
    manifest_file: str | None
    rank_layers: tuple[str, ...]
    preview_channels: tuple[str, ...]
    sidecar_fault: str = ""


class PartNames(NamedTuple):
    """The names in one part.

    Attributes:
        part: Index of the part.
        views: Views of the part, the default view first; empty if the file declares none.
        channels: The name of each channel, in file order.
        layers: Layers in the order of their first channel.
        cryptomattes: Cryptomattes that the part declares, in header order.
        mattes: Names of the Cryptomattes that its channels belong to; another part may declare them.
        part_layer: Layer derived from the part's name: the effective layer of channels whose own name has no layer.
    """

    part: int
    views: tuple[str, ...]
    channels: tuple[ChannelName, ...]
    layers: tuple[Layer, ...]
    cryptomattes: tuple[Cryptomatte, ...] = ()
    mattes: tuple[str, ...] = ()
    part_layer: str = ""


_DWA_LOSSY = frozenset({"R", "G", "B", "Y", "RY", "BY"})
_LJ2K_TRIPLETS = (("r", "g", "b"), ("red", "green", "blue"))
_CRYPTO_ATTRIBUTE = re.compile(r"cryptomatte/([^/]+)/(name|hash|conversion|manifest|manif_file)")
_RANK = re.compile(r"[0-9]{2}")


def _lj2k_triplet(channels: Sequence[Channel]) -> frozenset[str]:
    """The channels that the LJ2K encoder treats as red, green and blue (`make_channel_map` of OpenEXR 3.5.3).

    For each of the two spellings, the first channel in name order whose last component is one of the three determines the
    layer, even if that layer lacks the other two; no second layer is tried. The three channels must have the same type and
    sampling. UINT and subsampled channels are not altered.
    """
    ordered = sorted(channels, key=lambda channel: channel.name.encode("utf-8", "surrogatepass"))
    for spelling in _LJ2K_TRIPLETS:
        chosen: str | None = None
        found: dict[str, Channel] = {}
        for channel in ordered:
            prefix, _, last = channel.name.rpartition(".")
            component = last.lower() if last.isascii() else last
            if component in spelling and chosen in {None, prefix}:
                chosen = prefix
                found.setdefault(component, channel)
        kinds = {(channel.pixel_type, channel.x_sampling, channel.y_sampling) for channel in found.values()}
        if len(found) == len(spelling) and len(kinds) == 1:
            pixel_type, *samplings = kinds.pop()
            if pixel_type == PixelType.UINT or samplings != [1, 1]:
                return frozenset()
            return frozenset(channel.name for channel in found.values())
    return frozenset()


def lossy_channels(compression: int | None, channels: Sequence[Channel]) -> frozenset[str]:
    """Names of the channels whose values the compression may alter. No compression alters UINT channels."""
    if compression == Compression.PXR24:
        return frozenset(channel.name for channel in channels if channel.pixel_type == PixelType.FLOAT)
    if compression in {Compression.B44, Compression.B44A}:
        return frozenset(channel.name for channel in channels if channel.pixel_type == PixelType.HALF)
    if compression in {Compression.DWAA, Compression.DWAB}:
        return frozenset(
            channel.name
            for channel in channels
            if channel.pixel_type != PixelType.UINT and channel.name.rpartition(".")[2] in _DWA_LOSSY
        )
    if compression == Compression.LJ2K:
        return _lj2k_triplet(channels)
    return frozenset()


def _split(
    name: str, views: Sequence[str], known_views: frozenset[str], part_view: str | None
) -> tuple[str, str, str | None]:
    """(layer, component, view) of a channel.

    With `multiView`, the last but one component is the view if it is one of the declared views. A part's `view` applies to all
    its channels.
    """
    prefix, _, component = name.rpartition(".")
    # As in the library's `ChannelList::layers`, a dot at the start or end does not separate a layer.
    if not prefix or not component:
        prefix, component = "", name
    if part_view is not None or not views:
        return prefix, component, part_view
    outer, _, last = prefix.rpartition(".")
    if last in known_views:
        return outer, component, last
    # Only channels without a layer belong to the default view; channels of a layer without a view belong to no view.
    return prefix, component, None if prefix else views[0]


def _views(header: Header, part: PartHeader) -> tuple[tuple[str, ...], str | None]:
    """The part's views, and the view that applies to all its channels, None if there is none.

    The two conventions must not be combined: a multi-part file uses only `view`; a single-part file uses `multiView` if it
    has that attribute.
    """
    attribute = None if header.is_multi_part else part.by_name.get("multiView")
    if attribute is not None and attribute.type_name == "stringvector":
        several = readable_strings("stringvector", attribute.value)
        if several:
            return several, None
    return (() if part.view is None else (part.view,)), part.view


def _declared(part: PartHeader) -> dict[str, dict[str, str]]:
    """The Cryptomattes that a part declares: key -> field -> text."""
    declared: dict[str, dict[str, str]] = {}
    for attribute in part.attributes:
        match = _CRYPTO_ATTRIBUTE.fullmatch(attribute.name) if attribute.name.startswith("cryptomatte/") else None
        if match:
            fields = declared.setdefault(match[1], {})
            texts = readable_strings("string", attribute.value) if attribute.type_name == "string" else None
            if texts:
                fields[match[2]] = texts[0].rstrip("\0")  # padding of C strings
    return declared


class _Mattes:
    """Collects the channels of each Cryptomatte of a file.

    A single pass over the channels serves all declarations, since a hostile header may contain many thousands of both.
    """

    def __init__(self, declared: Iterable[dict[str, dict[str, str]]]) -> None:
        names = {fields.get("name", "") for one in declared for fields in one.values()} - {""}
        self._ranks: dict[str, dict[str, None]] = {name: {} for name in names}
        self._previews: dict[str, list[str]] = {name: [] for name in names}
        # Declarations with the same name share their tuples, since a header may repeat a name any number of times.
        self._shared: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}

    def add(self, layer: str, channel: str) -> str | None:
        """Add a channel, and return the name of the Cryptomatte that it belongs to, None if it belongs to none.

        Layer `c100` is a rank of Cryptomatte `c1` and may also be the preview of Cryptomatte `c100`. It is then added to both,
        and `c1` is returned.
        """
        is_preview = layer in self._previews
        if is_preview:
            self._previews[layer].append(channel)
        name = layer[:-2]
        if name in self._ranks and _RANK.fullmatch(layer[-2:]):
            self._ranks[name][layer] = None
            return name
        return layer if is_preview else None

    def cryptomattes(self, declared: dict[str, dict[str, str]]) -> tuple[Cryptomatte, ...]:
        """The Cryptomattes that one part declares; call it after all channels have been added."""
        return tuple(self._cryptomatte(key, fields) for key, fields in declared.items())

    def _cryptomatte(self, key: str, fields: dict[str, str]) -> Cryptomatte:
        name = fields.get("name")
        if name and name not in self._shared:
            self._shared[name] = tuple(sorted(self._ranks[name])), tuple(dict.fromkeys(self._previews[name]))
        rank_layers, preview_channels = self._shared.get(name or "", ((), ()))
        return Cryptomatte(
            key,
            name,
            fields.get("hash"),
            fields.get("conversion"),
            fields.get("manifest"),
            fields.get("manif_file"),
            rank_layers,
            preview_channels,
        )


def part_layer(name: str | None, view: str | None) -> str:
    """The layer that the name of a part of a multi-part file denotes: the name without its view.

    For view `main`, Nuke writes a part `diffuse.main` with channels `red`, `green`, `blue`; V-Ray writes a part `diffuse` with
    `R`, `G`, `B`. The specification gives part names no such meaning, so `ChannelName.layer` does not include this layer.
    """
    if name is None or name == view:
        return ""
    return name.removesuffix(f".{view}").removesuffix(f"_{view}").removeprefix(f"{view}.") if view else name


def _layers(names: Sequence[ChannelName]) -> tuple[Layer, ...]:
    grouped: dict[tuple[str, str | None], list[ChannelName]] = {}
    for name in names:
        grouped.setdefault((name.layer, name.view), []).append(name)
    return tuple(
        Layer(layer, view, tuple([member.name for member in members]), any(member.is_lossy for member in members))
        for (layer, view), members in grouped.items()
    )


def file_names(header: Header, checkpoint: Checkpoint = no_checkpoint) -> tuple[PartNames, ...]:
    """The split channel names of all parts; `checkpoint` is called for each part.

    All parts are processed together: writers of multi-part files declare a Cryptomatte in the first part or in every part.
    """
    declared = [_declared(part) for part in header.parts]
    mattes = _Mattes(declared)
    names = []
    for part in header.parts:
        checkpoint()
        names.append(_part_names(header, part, mattes))
    return tuple(
        [part._replace(cryptomattes=mattes.cryptomattes(mine)) for part, mine in zip(names, declared, strict=True)]
    )


def _part_names(header: Header, part: PartHeader, mattes: _Mattes) -> PartNames:
    channels = part.channels or ()
    views, part_view = _views(header, part)
    known_views = frozenset(views) - {""}  # an empty component does not name a view
    lossy = lossy_channels(part.compression, channels)
    own_layer = part_layer(part.name, part.view) if header.is_multi_part else ""
    names, found_mattes = [], dict[str, None]()
    for channel in channels:
        name = channel.name
        layer, component, view = _split(name, views, known_views, part_view)
        crypto = mattes.add(layer or own_layer, name)
        if crypto is not None:
            found_mattes[crypto] = None
        names.append(ChannelName(name, layer, component, view, name in lossy, crypto))
    return PartNames(part.index, views, tuple(names), _layers(names), mattes=tuple(found_mattes), part_layer=own_layer)
