"""What rules ask of a file again and again, worked out once: traits, channels by role and layer, figures by channel.

Facts only rearrange an Inspection; they judge nothing. They belong to one call of the engine and one thread.
"""

from __future__ import annotations

import math
from functools import cached_property, lru_cache
from typing import NamedTuple

from exr_inspector.exr.chunks import Completeness
from exr_inspector.exr.header import Header, PartHeader
from exr_inspector.exr.layout import Layout
from exr_inspector.exr.names import PartNames
from exr_inspector.exr.values import MULTI_PART, Channel, Compression, PixelType
from exr_inspector.model import ChannelStats, Inspection, PartPixels
from exr_inspector.validation import traits as t
from exr_inspector.validation.mattes import Matte
from exr_inspector.validation.roles import DATA_ROLES, RGB, Role, role_of

_PLAIN = frozenset({("B", "G", "R"), ("A", "B", "G", "R")})
_TRIGGERS = frozenset(t.BY_ATTRIBUTE)
_TYPE_TRAITS = {PixelType.UINT: t.UINT, PixelType.HALF: t.HALF, PixelType.FLOAT: t.FLOAT}
_ORIGIN = (0.0, 0.0)
_MATTES = 64


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


def _named(names: PartNames, channels: tuple[Channel, ...]) -> tuple[NamedChannel, ...]:
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
        for name, channel in zip(names.channels, channels, strict=True)
    )


@lru_cache(maxsize=256)
def _type_traits(kinds: frozenset[int]) -> int:
    found = 0
    for kind in kinds:
        found |= _TYPE_TRAITS.get(PixelType(kind), 0) if kind in _TYPE_TRAITS else 0
    return found


class PartFacts:
    """One part.

    Attributes:
        file: The file it belongs to.
        part: Its header.
        index: Its index.
        names: Its names taken apart.
        layout: How it is cut, None where that is unknown.
        completeness: What of it is there, None where that is unknown.
        channels: Its channel list, empty where there is none.
        traits: Bits of `traits`.
    """

    def __init__(self, file: FileFacts, part: PartHeader, names: PartNames) -> None:
        inspection = file.inspection
        index = part.index
        self.file = file
        self.part = part
        self.index = index
        self.names = names
        self.layout: Layout | None = inspection.layouts[index] if index < len(inspection.layouts) else None
        self.completeness: Completeness | None = (
            inspection.completeness[index] if index < len(inspection.completeness) else None
        )
        self.channels: tuple[Channel, ...] = part.channels or ()
        self.traits = self._traits()

    def _traits(self) -> int:
        part = self.part
        found = t.ALWAYS
        for name in part.by_name.keys() & _TRIGGERS:
            found |= t.BY_ATTRIBUTE[name]
        if not found & t.COLOUR:
            found |= t.UNTAGGED
        kind = part.part_type
        if kind != "scanlineimage":
            found |= t.TILED * (kind in {"tiledimage", "deeptile"}) | t.DEEP * part.is_deep
        if not found & t.TILED and "tiles" in part.by_name:
            found |= t.FLAT_TILES
        if self.completeness is not None and not self.completeness.is_complete:
            found |= t.INCOMPLETE
        return found | self._window_traits() | self._channel_traits()

    def _window_traits(self) -> int:
        part = self.part
        found = 0
        display = part.display_window
        if display is None or display != part.data_window or display[0] or display[1]:
            found |= t.WINDOWS
        if (
            part.pixel_aspect_ratio != 1.0
            or part.value("screenWindowWidth", "float") != 1.0
            or part.value("screenWindowCenter", "v2f") != _ORIGIN
        ):
            found |= t.SCREEN
        return found

    def _channel_traits(self) -> int:
        channels = self.channels
        found = 0
        kinds = set()
        names = []
        for name, kind, _, _, x_sampling, y_sampling in channels:
            names.append(name)
            kinds.add(kind)
            if x_sampling != 1 or y_sampling != 1:
                found |= t.SUBSAMPLED
        found |= _type_traits(frozenset(kinds))
        if tuple(names) not in _PLAIN:
            found |= t.UNUSUAL
            if self.names.cryptomattes:
                found |= t.CRYPTOMATTE
            if not self.by_role.keys().isdisjoint(DATA_ROLES):
                found |= t.DATA
        elif self.names.cryptomattes:
            found |= t.CRYPTOMATTE | t.DATA
        compression = self.part.compression
        if compression is not None and compression > Compression.PIZ:
            found |= t.LOSSY if any(layer.is_lossy for layer in self.names.layers) else 0
            found |= t.NEW_CODEC if compression > Compression.DWAB else 0
        return found

    @cached_property
    def named(self) -> tuple[NamedChannel, ...]:
        """The channels with what their names say, in file order."""
        return _named(self.names, self.channels)

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

    @cached_property
    def stats(self) -> dict[str, ChannelStats]:
        """Figures of level (0, 0) by channel name; empty where pixels were not read."""
        pixels = self.file.inspection.pixels
        if pixels is None:
            return {}
        return {s.channel: s for s in pixels.channels if s.part == self.index and not s.level_x and not s.level_y}

    @cached_property
    def pixels(self) -> PartPixels | None:
        """What was read of level (0, 0), None where pixels were not read."""
        report = self.file.inspection.pixels
        found = report.parts if report else ()
        return next((p for p in found if p.part == self.index and not p.level_x and not p.level_y), None)

    def number(self, name: str, type_name: str = "float") -> float | None:
        """The value of an attribute that holds one number; None where there is none, or it is not finite."""
        value = self.part.value(name, type_name)
        return value if isinstance(value, (int, float)) and math.isfinite(value) else None


class FileFacts:
    """One file.

    Attributes:
        inspection: All there is.
        header: Its header.
        parts: Facts of its parts.
        traits: Traits of all parts together, and the file's own.
    """

    def __init__(self, inspection: Inspection, header: Header) -> None:
        self.inspection = inspection
        self.header = header
        self.parts = [PartFacts(self, part, names) for part, names in zip(header.parts, inspection.names, strict=True)]
        found = t.MULTI_PART if header.version_word & MULTI_PART else 0
        for part in self.parts:
            found |= part.traits
        self.traits = found

    @cached_property
    def reported(self) -> frozenset[str]:
        """Codes of the problems that the format's own checks have told of."""
        return frozenset(problem.code for problem in self.inspection.problems)

    @cached_property
    def mattes(self) -> list[Matte]:
        """The Cryptomattes that any part declares, once a key; no more than anybody uses, for the time it takes."""
        channels = [(part.index, channel.name) for part in self.parts for channel in part.channels]
        found: dict[str, Matte] = {}
        for part in self.parts:
            for declared in part.names.cryptomattes:
                if declared.key not in found and len(found) < _MATTES:
                    found[declared.key] = Matte(declared, part.index, channels)
        return list(found.values())

    @property
    def is_multi_part(self) -> bool:
        """Whether the file is of the multi-part kind."""
        return bool(self.traits & t.MULTI_PART)
