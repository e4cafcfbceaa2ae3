"""Splits channel names into layer, view and component, finds Cryptomattes, and lists the channels that a codec alters.

Rules: the multi-view document and the technical introduction of OpenEXR, the Cryptomatte specification 1.2.0, and for
lossiness the codecs of OpenEXR 3.5.3 as they behave (DWA classifies by the exact last name component, LJ2K takes the first
RGB triplet). Names are never changed and nothing is guessed: a channel without a dot is in the base layer "".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from exr_inspector.exr.header.attributes import readable_strings
from exr_inspector.exr.header.parser import Header, PartHeader
from exr_inspector.exr.header.values import Channel, Compression, PixelType
from exr_inspector.exr.limits import Checkpoint, no_checkpoint


class ChannelName(NamedTuple):
    """One channel's name, split.

    Attributes:
        name: Full name.
        layer: Layer path without view and component; empty for the base layer.
        component: Last component.
        view: View it belongs to, None where the file names no views.
        is_lossy: Whether the part's compression alters its values.
        cryptomatte: Name of the Cryptomatte it belongs to, None for all others.
    """

    name: str
    layer: str
    component: str
    view: str | None
    is_lossy: bool
    cryptomatte: str | None


class Layer(NamedTuple):
    """Channels of one layer and view."""

    name: str
    view: str | None
    channels: tuple[str, ...]
    is_lossy: bool


class Cryptomatte(NamedTuple):
    """One Cryptomatte's declaration in the header.

    Attributes:
        key: The short key between the slashes of its attribute names.
        name: Name, which its channels start with; None where the attribute is missing (so for the next three).
        hash: Hash that made the ids.
        conversion: How ids became floats.
        manifest: Inline manifest, JSON text.
        manifest_file: Sidecar manifest, a path relative to the file.
        rank_layers: Layers of any part that hold (id, coverage) pairs, in rank order; once each, whatever their views.
        preview_channels: Deprecated preview channels, of any part.
        sidecar_fault: Why the sidecar manifest could not be read; empty where it was, or was not looked for. One that was read
            is `manifest`.
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
    """Names of one part.

    Attributes:
        part: Index of the part.
        views: Views the part holds, the default one first; empty where the file names none.
        channels: One a channel, in file order.
        layers: Layers in the order of their first channel.
        cryptomattes: Cryptomattes that the part declares, in header order.
        mattes: Names of the Cryptomattes that its channels belong to; another part may declare them.
        part_layer: Layer that the part's name stands for: the effective layer of its channels without a layer of their own.
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
    """The channels that LJ2K takes for red, green and blue, as its encoder does (`make_channel_map` of OpenEXR 3.5.3).

    For each of the two spellings, the first channel in order of name that has one of the three last components settles the
    layer, whether that layer has the other two or not. Types and samplings have to agree, UINT and subsampled ones are not
    altered, and no second layer is looked for.
    """
    ordered = sorted(channels, key=lambda channel: channel.name.encode("utf-8", "surrogatepass"))
    for spelling in _LJ2K_TRIPLETS:
        settled: str | None = None
        found: dict[str, Channel] = {}
        for channel in ordered:
            prefix, _, last = channel.name.rpartition(".")
            component = last.lower() if last.isascii() else last
            if component in spelling and settled in {None, prefix}:
                settled = prefix
                found.setdefault(component, channel)
        kinds = {(channel.pixel_type, channel.x_sampling, channel.y_sampling) for channel in found.values()}
        if len(found) == len(spelling) and len(kinds) == 1:
            pixel_type, *samplings = kinds.pop()
            if pixel_type == PixelType.UINT or samplings != [1, 1]:
                return frozenset()
            return frozenset(channel.name for channel in found.values())
    return frozenset()


def lossy_channels(compression: int | None, channels: Sequence[Channel]) -> frozenset[str]:
    """Names of the channels whose values the compression may alter. UINT is altered by none."""
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

    With `multiView` the penultimate component names the view when it is one of them. A part's `view` holds for all its
    channels.
    """
    prefix, _, component = name.rpartition(".")
    # A dot at the start or end makes no layer, as in the library's `ChannelList::layers`.
    if not prefix or not component:
        prefix, component = "", name
    if part_view is not None or not views:
        return prefix, component, part_view
    outer, _, last = prefix.rpartition(".")
    if last in known_views:
        return outer, component, last
    # Only a channel without any layer is of the default view; a layer that carries no view is of none.
    return prefix, component, None if prefix else views[0]


def _views(header: Header, part: PartHeader) -> tuple[tuple[str, ...], str | None]:
    """The part's views, and the one that holds for all its channels, if one does.

    The two conventions must not be combined: in a multi-part file only `view` counts, in a single part `multiView` does
    where it is there.
    """
    several = part.value("multiView", "stringvector")
    if not header.is_multi_part and isinstance(several, tuple) and several:
        return tuple(str(view) for view in several), None
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
                fields[match[2]] = texts[0]
    return declared


class _Mattes:
    """Collects the channels of each Cryptomatte of a file.

    One pass over the channels serves all declarations: a hostile header may hold many thousands of both.
    """

    def __init__(self, declared: Iterable[dict[str, dict[str, str]]]) -> None:
        names = {fields.get("name", "") for one in declared for fields in one.values()} - {""}
        self._ranks: dict[str, dict[str, None]] = {name: {} for name in names}
        self._previews: dict[str, list[str]] = {name: [] for name in names}
        # Declarations of one name share their tuples: the header may repeat a name as often as it likes.
        self._shared: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}

    def of(self, layer: str, channel: str) -> str | None:
        """Note a channel, and return the name of the Cryptomatte that it belongs to.

        `c100` is a rank of `c1` and may be the preview of a `c100`: then it is noted as both, and belongs to the first.
        """
        is_preview = layer in self._previews
        if is_preview:
            self._previews[layer].append(channel)
        name = layer[:-2]
        if name in self._ranks and _RANK.fullmatch(layer[-2:]):
            self._ranks[name][layer] = None
            return name
        return layer if is_preview else None

    def made(self, declared: dict[str, dict[str, str]]) -> tuple[Cryptomatte, ...]:
        """The Cryptomattes of one part's declarations, once all channels were noted."""
        return tuple(self._made(key, fields) for key, fields in declared.items())

    def _made(self, key: str, fields: dict[str, str]) -> Cryptomatte:
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


def part_layer(header: Header, part: PartHeader) -> str:
    """The layer that the part's name stands for where parts are layers: the name without its view; empty in single parts.

    Nuke writes the part `diffuse.main` of the view `main` with channels `red`, `green`, `blue`, V-Ray the part `diffuse` with
    `R`, `G`, `B`. The specification gives such names no meaning, so the layer of a channel is not touched.
    """
    name, view = part.name or "", part.view
    if not header.is_multi_part or name == view:
        return ""
    if view:
        name = name.removesuffix(f".{view}").removesuffix(f"_{view}").removeprefix(f"{view}.")
    return name


def _layers(names: Sequence[ChannelName]) -> tuple[Layer, ...]:
    grouped: dict[tuple[str, str | None], list[ChannelName]] = {}
    for name in names:
        grouped.setdefault((name.layer, name.view), []).append(name)
    return tuple(
        Layer(layer, view, tuple([member.name for member in members]), any(member.is_lossy for member in members))
        for (layer, view), members in grouped.items()
    )


def file_names(header: Header, checkpoint: Checkpoint = no_checkpoint) -> tuple[PartNames, ...]:
    """Split the channel names of all parts; `checkpoint` is called for each part. A part without a channel list has none.

    All parts together, since writers of multi-part files declare a Cryptomatte in the first one, or in each.
    """
    declared = [_declared(part) for part in header.parts]
    mattes = _Mattes(declared)
    names = []
    for part in header.parts:
        checkpoint()
        names.append(_part_names(header, part, mattes))
    return tuple([part._replace(cryptomattes=mattes.made(mine)) for part, mine in zip(names, declared, strict=True)])


def _part_names(header: Header, part: PartHeader, mattes: _Mattes) -> PartNames:
    channels = part.channels or ()
    views, part_view = _views(header, part)
    known_views = frozenset(views) - {""}  # a view without a name is not named by an empty component
    lossy = lossy_channels(part.compression, channels)
    own_layer = part_layer(header, part)
    names, held = [], dict[str, None]()
    for channel in channels:
        name = channel.name
        layer, component, view = _split(name, views, known_views, part_view)
        crypto = mattes.of(layer or own_layer, name)
        if crypto is not None:
            held[crypto] = None
        names.append(ChannelName(name, layer, component, view, name in lossy, crypto))
    return PartNames(part.index, views, tuple(names), _layers(names), mattes=tuple(held), part_layer=own_layer)
