"""Cryptomattes of a whole file: each declaration with the channels it speaks of, in whichever part they are.

`exr.names` looks at one part; writers of multi-part files put the declaration into the first part or into all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property

from exr_inspector.exr.names import Cryptomatte
from exr_inspector.validation.manifests import ManifestError, parse_manifest

RANK_COMPONENTS = (("r", "g", "b", "a"), ("red", "green", "blue", "alpha"))


class Matte:
    """One declared Cryptomatte.

    Attributes:
        declared: Its attributes, of the first part that has them.
        part: Index of that part.
        ranks: Layer with its number (`crypto00`) -> components -> (part, full channel name), of all parts, by number.
        near: Layers that are like the name but for case or a prefix, where none is exactly so.
    """

    def __init__(self, declared: Cryptomatte, part: int, channels: Iterable[tuple[int, str]]) -> None:
        self.declared = declared
        self.part = part
        self.ranks: dict[str, dict[str, tuple[int, str]]] = {}
        self.near: list[str] = []
        if not declared.name:
            return
        exact = re.compile(re.escape(declared.name) + r"\d+")
        alike = re.compile(r"(?:.*\.)?" + re.escape(declared.name) + r"\d+", re.IGNORECASE)
        for index, full in channels:
            layer, _, component = full.rpartition(".")
            if exact.fullmatch(layer):
                self.ranks.setdefault(layer, {})[component] = (index, full)
            elif alike.fullmatch(layer) and layer not in self.near:
                self.near.append(layer)
        self.ranks = dict(sorted(self.ranks.items()))

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

    def pairs(self) -> Iterable[tuple[tuple[int, str], tuple[int, str]]]:
        """(id channel, coverage channel) of every rank, each as (part, name), in rank order."""
        for members in self.ranks.values():
            lower = {component.lower(): place for component, place in members.items()}
            for components in RANK_COMPONENTS:
                for id_component, coverage in (components[:2], components[2:]):
                    if id_component in lower and coverage in lower:
                        yield lower[id_component], lower[coverage]
