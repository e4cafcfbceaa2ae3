"""Facts about a part's channel list for the rules, computed once for all parts with the same list.

The frames of a sequence, and most files of a show, have the same channel list, which is parsed and validated once. Everything
here is a pure function of ChannelSource, so caching does not change results. The cache is bounded and holds no unusually long
lists.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import NamedTuple

from exr_inspector.exr.header.parser import PartHeader
from exr_inspector.exr.header.values import Channel, Compression, PixelType
from exr_inspector.exr.names import ChannelName, Layer, PartNames
from exr_inspector.validation.facts import traits as t
from exr_inspector.validation.facts.roles import DATA_ROLES, RGB, Role, layer_of_file, role_of

_PLAIN = frozenset({("B", "G", "R"), ("A", "B", "G", "R")})
_TYPE_TRAITS = {PixelType.UINT: t.UINT, PixelType.HALF: t.HALF, PixelType.FLOAT: t.FLOAT}
_KEPT_LIST_BYTES = 16_384
_KEPT_WORDS = 64
_KEPT_TEXT = 4_096


class NamedChannel(NamedTuple):
    """One channel with its parsed name.

    Attributes:
        name: Full name.
        layer: Effective layer: the layer without view, or the layer that the name of the part or file gives; empty for the base
            layer.
        component: Last component of the name.
        view: View; None if the file names none.
        role: Kind of its values, by its name.
        channel: The entry of the channel list.
        is_lossy: Whether the compression alters its values.
    """

    name: str
    layer: str
    component: str
    view: str | None
    role: Role
    channel: Channel
    is_lossy: bool


class ChannelSource(tuple[object, ...]):  # noqa: SLOT001 - it has attributes that are not compared
    """The input of ChannelFacts, and the key of the cache.

    Its items are channel list, compression, whether deep, whether multi-part, view, views, names of declared Cryptomattes and
    of those that the channels belong to, and the layer that the name of the part or file gives. It is a tuple because it is
    created and compared for every part. The attributes are derived from the items and are not compared.

    Attributes:
        size_bytes: Size of the channel list in the file, in bytes.
        named: The parsed names of the channels.
        layers: The layers of the channels.
    """

    size_bytes: int
    named: tuple[ChannelName, ...]
    layers: tuple[Layer, ...]


def channel_source(
    part: PartHeader, names: PartNames, *, is_deep: bool, is_multi_part: bool, path: str = ""
) -> ChannelSource:
    """Create the input of `channel_facts` for a part of the file at a path."""
    declared = tuple([matte.name for matte in names.cryptomattes]) if names.cryptomattes else ()
    channels = part.channels or ()
    source = ChannelSource(
        (
            channels,
            part.compression,
            is_deep,
            is_multi_part,
            part.view,
            names.views,
            declared + names.mattes,
            names.part_layer or ("" if is_multi_part else layer_of_file(path, [channel.name for channel in channels])),
        )
    )
    source.size_bytes = part.by_name["channels"].size if channels else 0
    source.named, source.layers = names.channels, names.layers
    return source


def _is_ordinary(source: ChannelSource) -> bool:
    """Whether the facts may be cached: hostile headers must not fill the memory with long names."""
    if source.size_bytes > _KEPT_LIST_BYTES:
        return False
    *_, view, views, mattes, layer = source
    if view is None and not views and not mattes and not layer:
        return True
    words = [*views, *mattes, view, layer]  # type: ignore[misc]  # as channel_source() made it
    return len(words) <= _KEPT_WORDS and sum(len(word) for word in words if word) <= _KEPT_TEXT


class ChannelFacts:
    """Facts about one channel list.

    Attributes:
        channels: The channel list; empty if the header has none.
        compression: The compression code; None if the header has none.
        is_kept: Whether these facts are cached for other parts with the same list; findings from them may be cached, too.
        traits: The bits of `traits` that the channels have.
    """

    def __init__(self, source: ChannelSource, *, is_kept: bool = True) -> None:
        self.channels: tuple[Channel, ...]
        self.compression: int | None
        self.channels, self.compression, is_deep, _, _, _, mattes, part_layer = source  # type: ignore[assignment]  # as channel_source() made it
        self.is_kept = is_kept
        self._named, self._layers, self._has_mattes = source.named, source.layers, bool(mattes)
        self._part_layer = str(part_layer)
        self.traits = self._traits() | (t.DEEP if is_deep else 0)

    def _traits(self) -> int:
        found = t.ALWAYS
        for channel in self.channels:
            found |= _TYPE_TRAITS.get(channel[1], 0)  # type: ignore[call-overload]  # an IntEnum's key is its number
            if channel.x_sampling != 1 or channel.y_sampling != 1:
                found |= t.SUBSAMPLED
        if tuple([channel.name for channel in self.channels]) not in _PLAIN:
            found |= t.UNUSUAL
        if not self.by_role.keys().isdisjoint(DATA_ROLES):
            found |= t.DATA
        if Role.COLOUR in self.by_role:
            found |= t.COLOURED
        numbered = any(channel.layer.endswith("00") and channel.channel[1] == PixelType.FLOAT for channel in self.named)
        if self._has_mattes or numbered or Role.CRYPTOMATTE in self.by_role:
            found |= t.CRYPTOMATTE
        if any(layer.is_lossy for layer in self._layers):
            found |= t.LOSSY
        if self.compression is not None and self.compression > Compression.DWAB:
            found |= t.NEW_CODEC
        return found

    @cached_property
    def named(self) -> tuple[NamedChannel, ...]:
        """The channels with their parsed names, in file order."""
        return tuple(
            NamedChannel(
                name.name,
                name.layer or self._part_layer,
                name.component,
                name.view,
                Role.CRYPTOMATTE if name.cryptomatte else role_of(name.layer or self._part_layer, name.component),
                channel,
                name.is_lossy,
            )
            for name, channel in zip(self._named, self.channels, strict=True)
        )

    @cached_property
    def matte_channels(self) -> frozenset[str]:
        """The channels that belong to declared Cryptomattes."""
        return frozenset(name.name for name in self._named if name.cryptomatte)

    @cached_property
    def has_base_colour(self) -> bool:
        """Whether the base layer has one of R, G, B and Y."""
        return not {"R", "G", "B", "Y"}.isdisjoint([channel.name for channel in self.channels])

    @cached_property
    def by_role(self) -> dict[Role, list[NamedChannel]]:
        """The channels by role."""
        found: dict[Role, list[NamedChannel]] = {}
        for channel in self.named:
            found.setdefault(channel.role, []).append(channel)
        return found

    def of_role(self, role: Role) -> list[NamedChannel]:
        """The channels of a role."""
        return self.by_role.get(role, [])

    @cached_property
    def by_layer(self) -> dict[tuple[str, str | None], dict[str, NamedChannel]]:
        """(layer, view) -> component -> channel, in file order."""
        found: dict[tuple[str, str | None], dict[str, NamedChannel]] = {}
        for channel in self.named:
            found.setdefault((channel.layer, channel.view), {})[channel.component] = channel
        return found

    @cached_property
    def rgb_layers(self) -> list[tuple[NamedChannel, NamedChannel, NamedChannel]]:
        """R, G and B of every layer and view that has all three with the role COLOUR."""
        found = []
        for members in self.by_layer.values():
            if all(component in members for component in RGB):
                red, green, blue = (members[component] for component in RGB)
                if red.role is Role.COLOUR:
                    found.append((red, green, blue))
        return found

    @cached_property
    def by_view(self) -> dict[str | None, frozenset[tuple[str, str, str]]]:
        """View -> (layer, component, type name) of its channels."""
        found: dict[str | None, set[tuple[str, str, str]]] = {}
        for channel in self.named:
            entry = (channel.layer, channel.component, channel.channel.type_name)
            found.setdefault(channel.view, set()).add(entry)
        return {view: frozenset(entries) for view, entries in found.items()}

    @cached_property
    def outer_names(self) -> frozenset[str]:
        """All components of channel names before the last two."""
        return frozenset(word for channel in self.channels for word in channel.name.split(".")[:-2])

    @cached_property
    def inner_names(self) -> frozenset[str]:
        """The second to last components of channel names."""
        return frozenset(channel.name.split(".")[-2] for channel in self.channels if "." in channel.name)


_memoised = lru_cache(maxsize=128)(ChannelFacts)


def channel_facts(source: ChannelSource) -> ChannelFacts:
    """Compute the facts of a channel list; returns the same object for equal sources of ordinary length."""
    return _memoised(source) if _is_ordinary(source) else ChannelFacts(source, is_kept=False)
