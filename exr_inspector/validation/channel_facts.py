"""What rules ask of one part's channel list, worked out once for all parts that have the same one.

The frames of a sequence share one channel list, and so do most files of a show: their channels are taken apart and judged
once. Everything here is a pure function of ChannelSource, so the memo can only ever save time; it is bounded, and channel
lists of unusual length are left out of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import NamedTuple

from exr_inspector.exr.names import PartNames
from exr_inspector.exr.values import Channel, Compression, PixelType
from exr_inspector.validation import traits as t
from exr_inspector.validation.roles import DATA_ROLES, RGB, Role, role_of

_PLAIN = frozenset({("B", "G", "R"), ("A", "B", "G", "R")})
_TYPE_TRAITS = {PixelType.UINT: t.UINT, PixelType.HALF: t.HALF, PixelType.FLOAT: t.FLOAT}
_MEMOISED_CHANNELS = 256


class NamedChannel(NamedTuple):
    """One channel with what its name says.

    Attributes:
        name: Full name.
        layer: Layer without view; empty for the base layer.
        component: Last component.
        view: View, None where the file names none.
        role: What it holds.
        channel: The entry of the channel list.
        is_lossy: Whether the compression alters it.
    """

    name: str
    layer: str
    component: str
    view: str | None
    role: Role
    channel: Channel
    is_lossy: bool


@dataclass(frozen=True, slots=True)
class ChannelSource:
    """All that channel facts follow from.

    Attributes:
        channels: The channel list.
        compression: The compression code.
        is_deep: Whether the part is deep.
        is_multi_part: Whether the file is; decides how views are named.
        view: The part's view attribute.
        views: Views of the part.
        mattes: Names of declared Cryptomattes.
        names: The channels' names taken apart, which follow from all of the above.
    """

    channels: tuple[Channel, ...]
    compression: int | None
    is_deep: bool
    is_multi_part: bool
    view: str | None
    views: tuple[str, ...]
    mattes: tuple[str | None, ...]
    names: PartNames = field(compare=False, repr=False)


class ChannelFacts:
    """One channel list, taken apart.

    Attributes:
        channels: The channel list, empty where there is none.
        compression: The compression code, None where there is none.
        traits: Bits of `traits` that follow from the channels.
    """

    def __init__(self, source: ChannelSource) -> None:
        self._names = source.names
        self.channels = source.channels
        self.compression = source.compression
        self.traits = self._traits() | (t.DEEP if source.is_deep else 0)

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
        if self._names.cryptomattes:
            found |= t.CRYPTOMATTE
        if any(layer.is_lossy for layer in self._names.layers):
            found |= t.LOSSY
        if self.compression is not None and self.compression > Compression.DWAB:
            found |= t.NEW_CODEC
        return found

    @cached_property
    def named(self) -> tuple[NamedChannel, ...]:
        """The channels with what their names say, in file order."""
        return tuple(
            NamedChannel(
                name.name,
                name.layer,
                name.component,
                name.view,
                Role.CRYPTOMATTE if name.cryptomatte else role_of(name.layer, name.component),
                channel,
                name.is_lossy,
            )
            for name, channel in zip(self._names.channels, self.channels, strict=True)
        )

    @cached_property
    def by_role(self) -> dict[Role, list[NamedChannel]]:
        """The channels by what they hold."""
        found: dict[Role, list[NamedChannel]] = {}
        for channel in self.named:
            found.setdefault(channel.role, []).append(channel)
        return found

    def of_role(self, role: Role) -> list[NamedChannel]:
        """The channels that hold `role`."""
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
        """R, G and B of every layer and view that has all three as colour."""
        found = []
        for members in self.by_layer.values():
            if all(component in members for component in RGB):
                red, green, blue = (members[component] for component in RGB)
                if red.role is Role.COLOUR:
                    found.append((red, green, blue))
        return found


_memoised = lru_cache(maxsize=128)(ChannelFacts)


def channel_facts(source: ChannelSource) -> ChannelFacts:
    """The facts of a channel list, the same object for equal sources of ordinary length."""
    return _memoised(source) if len(source.channels) <= _MEMOISED_CHANNELS else ChannelFacts(source)
