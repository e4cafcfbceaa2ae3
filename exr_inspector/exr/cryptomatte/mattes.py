"""Finds the Cryptomattes of a file: each declaration with its channels in all parts.

Writers of multi-part files put the declaration into the first part or into every part; in stereo files each view has its own
layers. Names come from the file, so they are compared as text and never compiled into a pattern; each layer is compared once
with all declarations.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from functools import cached_property

from exr_inspector.exr.cryptomatte.manifests import ManifestError, cryptomatte_id, parse_manifest, wrong_names
from exr_inspector.exr.names import ChannelName, Cryptomatte, PartNames

ChannelPlace = tuple[int, str]  # index of a part, full name of a channel
RANK_COMPONENTS = (("r", "g", "b", "a"), ("red", "green", "blue", "alpha"))
_DIGITS = "0123456789"
DEFINED_HASH = "MurmurHash3_32"  # the only hash that the specification defines
_MATTES = 64  # more than any file needs; bounds the time for hostile files
_RANK_DIGITS = 2  # as in crypto00; with a variable number, crypto100 could also belong to a Cryptomatte crypto1


class ManifestState(str, Enum):
    """The state of a Cryptomatte's manifest."""

    ABSENT = "absent"
    EMPTY = "empty"
    SIDECAR = "sidecar"
    TRUNCATED = "truncated"
    MALFORMED = "malformed"
    WRONG_IDS = "wrong ids"
    SOUND = "sound"


class Matte:
    """One declared Cryptomatte.

    Attributes:
        declared: Its attributes in the first part that declares it.
        part: Index of that part.
        ranks: View (None if the file declares none) -> rank layer (`crypto00`) -> component -> (part, full channel name), of
            all parts, sorted by layer.
        near: Layers that match the name except for case or a prefix.
        miscounted: Layers that consist of the name and a number that does not have two digits.
    """

    def __init__(self, declared: Cryptomatte, part: int) -> None:
        self.declared = declared
        self.part = part
        self.ranks: dict[str | None, dict[str, dict[str, ChannelPlace]]] = {}
        self.near: dict[str, None] = {}
        self.miscounted: dict[str, None] = {}

    @property
    def label(self) -> str:
        """Name and key, for a message."""
        return f"Cryptomatte {(self.declared.name or '')[:80]!r} ({self.declared.key[:20]})"

    @cached_property
    def manifest(self) -> dict[str, str] | ManifestError | None:
        """The inline or sidecar manifest; the error if it cannot be parsed; None if there is none."""
        if not self.declared.manifest or self.declared.manifest.isspace():
            return None
        try:
            return parse_manifest(self.declared.manifest)
        except ManifestError as error:
            return error

    @cached_property
    def names_by_id(self) -> dict[int, str]:
        """The first name of each id in the manifest; empty without a readable manifest."""
        manifest = self.manifest if isinstance(self.manifest, dict) else {}
        return {int(value, 16): name for name, value in reversed(manifest.items())}

    @cached_property
    def names_by_hash(self) -> dict[int, str]:
        """The names in the manifest by the id that they should have; empty without a readable manifest."""
        return {cryptomatte_id(name): name for name in self.manifest} if isinstance(self.manifest, dict) else {}

    @cached_property
    def manifest_state(self) -> ManifestState:
        """The state of the manifest; SIDECAR for a sidecar file that was not read."""
        manifest = self.manifest
        if isinstance(manifest, ManifestError):
            return ManifestState.TRUNCATED if manifest.is_truncated else ManifestState.MALFORMED
        if not manifest:
            if manifest is not None:
                return ManifestState.EMPTY
            return ManifestState.SIDECAR if self.declared.manifest_file else ManifestState.ABSENT
        uses_defined_hash = self.declared.hash == DEFINED_HASH
        return ManifestState.WRONG_IDS if uses_defined_hash and wrong_names(manifest) else ManifestState.SOUND

    def places(self) -> list[ChannelPlace]:
        """The places of all its channels."""
        return [place for layers in self.ranks.values() for members in layers.values() for place in members.values()]

    def pairs(self) -> Iterable[list[tuple[ChannelPlace, ChannelPlace]]]:
        """For each view, the pairs (id channel, coverage channel) in rank order."""
        return map(_pairs, self.ranks.values())


def _pairs(layers: dict[str, dict[str, ChannelPlace]]) -> list[tuple[ChannelPlace, ChannelPlace]]:
    pairs = []
    for members in layers.values():
        lower = {component.lower(): place for component, place in members.items()}
        for components in RANK_COMPONENTS:
            for id_component, coverage in (components[:2], components[2:]):
                if id_component in lower and coverage in lower:
                    pairs.append((lower[id_component], lower[coverage]))
    return pairs


def _stem(name: str) -> tuple[str, str]:
    """The name without its trailing digits, in lower case, and the trailing digits."""
    stem = name.rstrip(_DIGITS)
    return stem.lower(), name[len(stem) :]


class _Index:
    """Index of the declared names by their stem, to find the Cryptomattes that a layer may belong to."""

    def __init__(self, mattes: Sequence[Matte]) -> None:
        self._by_stem: dict[str, list[tuple[str, Matte]]] = {}
        self.by_name: dict[str, list[Matte]] = {}
        for matte in mattes:
            if name := matte.declared.name:
                self.by_name.setdefault(name, []).append(matte)
                stem, digits = _stem(name)
                self._by_stem.setdefault(stem, []).append((digits, matte))
        self._lengths = sorted({len(stem) for stem in self._by_stem})

    def alike(self, layer: str) -> list[Matte]:
        """The mattes whose name plus further digits is the layer, or its end after a dot, ignoring case."""
        stem, digits = _stem(layer)
        found = []
        for length in self._lengths:
            start = len(stem) - length
            if start < 0 or (start and stem[start - 1] != "."):
                continue
            for owned, matte in self._by_stem.get(stem[start:], ()):
                if len(digits) > len(owned) and digits.startswith(owned):
                    found.append(matte)
        return found


def file_mattes(names: Sequence[PartNames]) -> list[Matte]:
    """The Cryptomattes that the parts of a file declare, one for each key, with their channels in all parts."""
    declared: dict[str, tuple[Cryptomatte, int]] = {}
    for part in names:
        for one in part.cryptomattes:
            if one.key not in declared and len(declared) < _MATTES:
                declared[one.key] = (one, part.part)
    channels = (
        (part.part, name if name.layer else name._replace(layer=part.part_layer))
        for part in names
        for name in part.channels
    )
    return find_mattes(list(declared.values()), channels)


def find_mattes(
    declared: Sequence[tuple[Cryptomatte, int]], channels: Iterable[tuple[int, ChannelName]]
) -> list[Matte]:
    """The declared Cryptomattes with their channels.

    Args:
        declared: (declaration, index of its part), one for each key.
        channels: (index of the part, channel name) of all parts.
    """
    mattes = [Matte(one, part) for one, part in declared]
    index = _Index(mattes)
    alike: dict[str, list[Matte]] = {}
    for part, (full, layer, component, view, *_) in channels:
        owners = index.by_name.get(layer[:-_RANK_DIGITS], ()) if _is_rank(layer) else ()
        for matte in owners:
            matte.ranks.setdefault(view, {}).setdefault(layer, {})[component] = (part, full)
        if layer not in alike:
            alike[layer] = index.alike(layer)
            for matte in alike[layer]:
                if matte not in owners:
                    _add_odd_layer(matte, layer)
    for matte in mattes:
        matte.ranks = {view: dict(sorted(layers.items())) for view, layers in matte.ranks.items()}
    return mattes


def _is_rank(layer: str) -> bool:
    digits = layer[-_RANK_DIGITS:]
    return len(digits) == _RANK_DIGITS and not digits.strip(_DIGITS)


def _add_odd_layer(matte: Matte, layer: str) -> None:
    """Add a layer that resembles the name but is not a rank, to `miscounted` or `near`."""
    name = matte.declared.name or ""
    is_exact = layer.startswith(name) and not layer[len(name) :].strip(_DIGITS)
    (matte.miscounted if is_exact else matte.near)[layer] = None
