"""Cryptomattes of a whole file: each declaration with the channels it speaks of, in whichever part they are.

Writers of multi-part files put the declaration into the first part or into all of them; in stereo files each view has its
layers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property

from exr_inspector.exr.names import ChannelName, Cryptomatte
from exr_inspector.validation.facts.manifests import ManifestError, parse_manifest

Place = tuple[int, str]  # index of a part, full name of a channel
RANK_COMPONENTS = (("r", "g", "b", "a"), ("red", "green", "blue", "alpha"))
_DIGITS = 2  # crypto00: with other numbers, crypto100 could be one of a Cryptomatte called crypto1


class Matte:
    """One declared Cryptomatte.

    Attributes:
        declared: Its attributes, of the first part that has them.
        part: Index of that part.
        ranks: View (None where the file names none) -> layer with its number (`crypto00`) -> component -> (part, full channel
            name), of all parts, by number.
        near: Layers that are like the name but for case or a prefix, where none is exactly so.
        miscounted: Layers of the name with another number of digits than two.
    """

    def __init__(self, declared: Cryptomatte, part: int, channels: Iterable[tuple[int, ChannelName]]) -> None:
        self.declared = declared
        self.part = part
        self.ranks: dict[str | None, dict[str, dict[str, Place]]] = {}
        self.near: list[str] = []
        self.miscounted: list[str] = []
        if not declared.name:
            return
        alike = re.compile(r"((?:.*\.)?" + re.escape(declared.name) + r")(\d+)", re.IGNORECASE | re.ASCII)
        for index, (full, layer, component, view, *_) in channels:
            match = alike.fullmatch(layer)
            if match is None:
                continue
            if match[1] == declared.name and len(match[2]) == _DIGITS:
                self.ranks.setdefault(view, {}).setdefault(layer, {})[component] = (index, full)
                continue
            known = self.miscounted if match[1] == declared.name else self.near
            if layer not in known:
                known.append(layer)
        self.ranks = {view: dict(sorted(layers.items())) for view, layers in self.ranks.items()}

    @property
    def label(self) -> str:
        """Name and key, for a message."""
        return f"Cryptomatte {self.declared.name!r} ({self.declared.key})"

    @cached_property
    def manifest(self) -> dict[str, str] | ManifestError | None:
        """The inline manifest, why it cannot be read, or None where there is none."""
        if not self.declared.manifest:
            return None
        try:
            return parse_manifest(self.declared.manifest)
        except ManifestError as error:
            return error

    def places(self) -> list[Place]:
        """Where all its channels are."""
        return [place for layers in self.ranks.values() for members in layers.values() for place in members.values()]

    def pairs(self) -> Iterable[list[tuple[Place, Place]]]:
        """For each view (id channel, coverage channel) of every rank, in rank order."""
        return map(_pairs, self.ranks.values())


def _pairs(layers: dict[str, dict[str, Place]]) -> list[tuple[Place, Place]]:
    pairs = []
    for members in layers.values():
        lower = {component.lower(): place for component, place in members.items()}
        for components in RANK_COMPONENTS:
            for id_component, coverage in (components[:2], components[2:]):
                if id_component in lower and coverage in lower:
                    pairs.append((lower[id_component], lower[coverage]))
    return pairs
