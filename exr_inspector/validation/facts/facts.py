"""Facts that many rules need, computed once for each file: traits, channels by role and layer, statistics by channel.

Facts rearrange an Inspection and check nothing. They belong to one call of the engine in one thread; only those of the
channel list are shared (`channel_facts`).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from functools import cached_property

from exr_inspector.exr.chunks.layout import Layout
from exr_inspector.exr.chunks.tables import Completeness
from exr_inspector.exr.cryptomatte.mattes import RANK_COMPONENTS, Matte, file_mattes
from exr_inspector.exr.header.parser import Header, PartHeader
from exr_inspector.exr.header.values import MULTI_PART, Attribute, AttributeValue, Box2i, Channel, PixelType
from exr_inspector.exr.limits import NO_BOUNDS, Bounds
from exr_inspector.exr.names import PartNames, is_beauty
from exr_inspector.exr.problems import ProblemKind
from exr_inspector.model import ChannelStats, Inspection, PartPixels
from exr_inspector.validation.facts import traits as t
from exr_inspector.validation.facts.channel_facts import ChannelFacts, NamedChannel, channel_facts, channel_source
from exr_inspector.validation.facts.near_misses import odd_names
from exr_inspector.validation.facts.roles import Role

_TRIGGERS = frozenset(t.BY_ATTRIBUTE)
_ID_VALUE = 1e9  # nearly 40 % of all Cryptomatte ids, as floats, are greater; as many are smaller than its reciprocal
_COVERAGE = 1 + 1e-3
_MANIFESTS = 4  # decoding one can take a second


class PartFacts:
    """Facts about one part.

    Attributes:
        file: The facts of its file.
        part: Its header.
        index: Its index.
        names: Its parsed names.
        channel_facts: The facts of its channel list.
        completeness: Which of its chunks are present; None if unknown.
        traits: Its bits of `traits`.
    """

    def __init__(self, file: FileFacts, part: PartHeader, names: PartNames) -> None:
        inspection = file.inspection
        self.file = file
        self.part = part
        self.index = part.index
        self.names = names
        known = inspection.completeness
        self.completeness: Completeness | None = known[part.index] if part.index < len(known) else None
        kind = part.part_type
        is_deep = kind in {"deepscanline", "deeptile"}
        source = channel_source(part, names, is_deep=is_deep, is_multi_part=file.is_multi_part, path=inspection.key)
        self.channel_facts: ChannelFacts = channel_facts(source)
        self.traits = self.channel_facts.traits | self._traits(kind)

    def _traits(self, kind: str | None) -> int:
        attributes = self.part.by_name
        found = 0
        if not _TRIGGERS.isdisjoint(attributes):
            for name in attributes.keys() & _TRIGGERS:
                found |= t.BY_ATTRIBUTE[name]
        if found & t.ACES and self.part.integer("acesImageContainerFlag") == 1:
            found |= t.ACES_CONTAINER
        if not found & t.TAGGED:
            found |= t.UNTAGGED
        if kind in {"tiledimage", "deeptile"}:
            found |= t.TILED
        elif "tiles" in attributes:
            found |= t.FLAT_TILES
        odd = odd_names(attributes)
        if odd.near or odd.twins:
            found |= t.ODD_NAMES
        completeness = self.completeness
        if completeness is not None and completeness[4] != completeness[2]:  # number of present chunks and of all
            found |= t.INCOMPLETE
        return found | self._geometry(attributes)

    @staticmethod
    def _geometry(attributes: dict[str, Attribute]) -> int:
        """The traits of the windows. A window that is absent or malformed gets them, too, so that rules are called."""
        get, found = attributes.get, 0
        display, data = get("displayWindow"), get("dataWindow")
        window = None if display is None or data is None or display[2] != data[2] else data[2]
        if not isinstance(window, Box2i) or window[0] or window[1]:
            found = t.WINDOWS | t.LARGE
        elif window[2] >= t.LARGE_PX or window[3] >= t.LARGE_PX:
            found = t.LARGE
        # Field 2 of an attribute is its value.
        aspect, width, centre = get("pixelAspectRatio"), get("screenWindowWidth"), get("screenWindowCenter")
        if aspect is None or width is None or centre is None:
            return found | t.SCREEN
        if aspect[2] != 1.0 or width[2] != 1.0 or centre[2] != (0.0, 0.0):
            found |= t.SCREEN
        return found

    @property
    def channels(self) -> tuple[Channel, ...]:
        """The channel list; empty if the header has none."""
        return self.channel_facts.channels

    @property
    def compression(self) -> int | None:
        """The compression code; None if the header has none."""
        return self.channel_facts.compression

    @property
    def named(self) -> tuple[NamedChannel, ...]:
        """The channels with their parsed names, in file order."""
        return self.channel_facts.named

    @property
    def by_layer(self) -> dict[tuple[str, str | None], dict[str, NamedChannel]]:
        """(layer, view) -> component -> channel, in file order."""
        return self.channel_facts.by_layer

    @property
    def rgb_layers(self) -> list[tuple[NamedChannel, NamedChannel, NamedChannel]]:
        """R, G and B of every layer and view that has all three with the role COLOUR, without ranks of Cryptomattes."""
        every = self.channel_facts.rgb_layers
        return [triple for triple in every if self.without_ranks(triple)] if self.file.misnamed_ranks else every

    @property
    def main_images(self) -> list[tuple[NamedChannel, NamedChannel, NamedChannel]]:
        """Those of `rgb_layers` that are the main image, of each view."""
        return [triple for triple in self.rgb_layers if is_beauty(triple[0].layer)]

    def of_role(self, role: Role) -> list[NamedChannel]:
        """The channels of a role."""
        return self.channel_facts.of_role(role)

    @property
    def colour(self) -> list[NamedChannel]:
        """The colour channels, without those that hold a rank of a Cryptomatte."""
        return self.without_ranks(self.of_role(Role.COLOUR))

    def without_ranks(self, channels: Iterable[NamedChannel]) -> list[NamedChannel]:
        """The channels, without those that hold a rank of a Cryptomatte under the names R, G, B, A."""
        ranks = self.file.misnamed_ranks
        return [channel for channel in channels if (self.index, channel.name) not in ranks]

    @property
    def layout(self) -> Layout | None:
        """The chunk layout; None if unknown."""
        layouts = self.file.inspection.layouts
        return layouts[self.index] if self.index < len(layouts) else None

    @cached_property
    def stats(self) -> dict[str, ChannelStats]:
        """Statistics of level (0, 0) by channel name; empty if no pixels were read."""
        return self.file.stats_by_part.get(self.index, {})

    def with_stats(self, channels: Iterable[NamedChannel]) -> list[tuple[NamedChannel, ChannelStats]]:
        """The channels that have statistics, each with them."""
        stats = self.stats
        return [(channel, stats[channel.name]) for channel in channels if channel.name in stats]

    def stats_of(self, channels: Iterable[NamedChannel]) -> list[ChannelStats]:
        """The statistics of the channels that have some."""
        return [stats for _, stats in self.with_stats(channels)]

    @cached_property
    def upper_stats(self) -> dict[tuple[int, int], list[ChannelStats]]:
        """Statistics of the levels above the first that were read, by level, in ascending order."""
        report = self.file.inspection.pixels
        found: dict[tuple[int, int], list[ChannelStats]] = {}
        for stats in report.channels if report else ():
            if stats.part == self.index and (stats.level_x or stats.level_y):
                found.setdefault((stats.level_x, stats.level_y), []).append(stats)
        return dict(sorted(found.items()))

    @cached_property
    def pixels(self) -> PartPixels | None:
        """The pixel results of level (0, 0); None if no pixels were read."""
        return self.file.pixels_by_part.get(self.index)

    @property
    def at_least(self) -> str:
        """Words before a count or an extreme value of the statistics: empty if all chunks were read."""
        return "at least " if self.in_chunks else ""

    @property
    def in_chunks(self) -> str:
        """Words after it that say of how many chunks the statistics are: empty if all were read."""
        pixels = self.pixels
        if pixels is None or pixels.chunks_read >= pixels.chunks_total:
            return ""
        return f" in {pixels.chunks_read} of {pixels.chunks_total} chunks"

    def number(self, name: str, type_name: str = "float") -> float | None:
        """The value of an attribute that is a number; None if it is absent or not finite."""
        value = self.part.value(name, type_name)
        return value if isinstance(value, (int, float)) and math.isfinite(value) else None


class FileFacts:
    """Facts about one file.

    Attributes:
        inspection: The inspection.
        header: Its header.
        is_multi_part: Whether the multi-part flag is set.
        parts: The facts of its parts.
        traits: The union of the traits of all parts and of the file.
        bounds: Bounds on values that are decoded on demand.
    """

    def __init__(self, inspection: Inspection, header: Header, bounds: Bounds = NO_BOUNDS) -> None:
        self.inspection = inspection
        self.bounds = bounds
        self.header = header
        self.is_multi_part = bool(header.version_word & MULTI_PART)
        self.parts: list[PartFacts] = []
        found = t.MULTI_PART if self.is_multi_part else 0
        for part in header.parts:
            bounds.checkpoint()
            facts = PartFacts(self, part, inspection.names[part.index])
            self.parts.append(facts)
            found |= facts.traits
        self.traits = found

    @cached_property
    def views(self) -> tuple[str, ...]:
        """All views of the file, in the order of the parts."""
        return tuple(dict.fromkeys(view for part in self.parts for view in part.names.views))

    @cached_property
    def has_main_image(self) -> bool:
        """Whether a part has R, G and B in the base layer, or in one that is named for the image."""
        return any(part.main_images for part in self.parts)

    @cached_property
    def reported(self) -> frozenset[ProblemKind]:
        """The kinds of problems that the reader's checks reported."""
        return frozenset(problem.kind for problem in self.inspection.problems)

    @cached_property
    def stats_by_part(self) -> dict[int, dict[str, ChannelStats]]:
        """Part -> channel name -> statistics of level (0, 0)."""
        found: dict[int, dict[str, ChannelStats]] = {}
        report = self.inspection.pixels
        for stats in report.channels if report else ():
            if not stats.level_x and not stats.level_y:
                found.setdefault(stats.part, {})[stats.channel] = stats
        return found

    @cached_property
    def pixels_by_part(self) -> dict[int, PartPixels]:
        """Part -> pixel results of its level (0, 0)."""
        report = self.inspection.pixels
        return {one.part: one for one in (report.parts if report else ()) if not one.level_x and not one.level_y}

    @cached_property
    def manifest_parts(self) -> frozenset[int]:
        """The parts whose id manifests are decoded: the first part with each distinct one, at most `_MANIFESTS`."""
        first: dict[AttributeValue, int] = {}
        for part in self.parts:
            value = part.part.value("idManifest", "idmanifest")
            if value is not None and value not in first and len(first) < _MANIFESTS:
                first[value] = part.index
        return frozenset(first.values())

    @cached_property
    def mattes(self) -> list[Matte]:
        """The Cryptomattes that the parts declare, with their channels."""
        return file_mattes([part.names for part in self.parts])

    @cached_property
    def misnamed_ids(self) -> frozenset[tuple[int, str]]:
        """Part and name of colour channels that hold Cryptomatte ids, as if each rank was written to a file as R, G, B and A.

        They are recognised by values: FLOAT colour beyond any luminance, while a declared Cryptomatte has no channel.
        """
        if all(matte.ranks or matte.near or matte.miscounted for matte in self.mattes):
            return frozenset()
        return frozenset(
            (part.index, channel.name)
            for part in self.parts
            for channel in part.of_role(Role.COLOUR)
            if channel.channel.pixel_type == PixelType.FLOAT and (stats := part.stats.get(channel.name)) is not None
            if stats.magnitude > _ID_VALUE
        )

    @cached_property
    def misnamed_ranks(self) -> frozenset[tuple[int, str]]:
        """Part and name of all channels of the layers with `misnamed_ids`: ids and coverage, no colour and no alpha."""
        ids = self.misnamed_ids
        ranks = frozenset(
            (part.index, channel.name)
            for part in self.parts
            for members in part.by_layer.values()
            if any((part.index, each.name) in ids for each in members.values())
            for channel in members.values()
        )
        return ranks.union(*self.unnamed_ranks.values())

    @cached_property
    def unnamed_ranks(self) -> dict[str, list[tuple[int, str]]]:
        """Layers of undeclared Cryptomattes that only values tell from colour -> part and name of their channels.

        The layers of a Cryptomatte are FLOAT and numbered from 00. In each, two channels hold ids, which are mostly far beyond
        or far below any luminance, and two coverage. Layers with higher numbers are zero where few objects meet.
        """
        series: dict[str, dict[str, list[tuple[PartFacts, dict[str, NamedChannel]]]]] = {}
        for part in self.parts:
            for (layer, _), members in part.by_layer.items():
                if layer[-2:].isdecimal() and layer.isascii() and _is_rank(members.values()):
                    series.setdefault(layer[:-2], {}).setdefault(layer, []).append((part, members))
        return {
            layer: [(part.index, channel.name) for part, members in some for channel in members.values()]
            for stem, layers in series.items()
            if any(_holds_ids(part, members) for part, members in layers.get(f"{stem}00", ()))
            for layer, some in sorted(layers.items())
        }


def _is_rank(channels: Collection[NamedChannel]) -> bool:
    """Whether channels may be a layer of an undeclared Cryptomatte whose name does not say so."""
    components = {channel.component.lower() for channel in channels}
    return components in map(set, RANK_COMPONENTS) and all(
        channel.channel.pixel_type == PixelType.FLOAT and channel.role is not Role.CRYPTOMATTE for channel in channels
    )


def _holds_ids(part: PartFacts, members: dict[str, NamedChannel]) -> bool:
    """Whether the first layer of a series holds ids in its first channel, and coverage in its second and fourth."""
    stats = {channel.component.lower()[0]: part.stats.get(channel.name) for channel in members.values()}
    spans = {name: (each.minimum, each.maximum) for name, each in stats.items() if each is not None}
    extremes = {name: (low, high) for name, (low, high) in spans.items() if low is not None and high is not None}
    if len(extremes) < len(RANK_COMPONENTS[0]):
        return False
    greatest = max(-extremes["r"][0], extremes["r"][1])
    return (
        (greatest > _ID_VALUE or 0 < greatest < 1 / _ID_VALUE)
        and all(low >= 1 - _COVERAGE and 0 <= high <= _COVERAGE for low, high in (extremes["g"], extremes["a"]))
        and extremes["g"][1] > 0
    )
