"""The Cryptomattes of a file: each declaration with its channels in all parts.

Writers of multi-part files put the declaration into the first part or into all of them; in stereo files each view has its
layers. Names come from the file: they are compared as text, never compiled into a pattern, and each layer is looked at once
for all declarations.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from functools import cached_property

from exr_inspector.exr.cryptomatte.manifests import ManifestError, parse_manifest, wrong_names
from exr_inspector.exr.names import ChannelName, Cryptomatte, PartNames

Place = tuple[int, str]  # index of a part, full name of a channel
RANK_COMPONENTS = (("r", "g", "b", "a"), ("red", "green", "blue", "alpha"))
_DIGITS = "0123456789"
DEFINED_HASH = "MurmurHash3_32"  # the only one of the specification
_MATTES = 64  # more than anybody uses; each takes its time
_RANK_DIGITS = 2  # crypto00: with other numbers, crypto100 could be one of a Cryptomatte called crypto1


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
        declared: Its attributes, of the first part that has them.
        part: Index of that part.
        ranks: View (None where the file names none) -> layer with its number (`crypto00`) -> component -> (part, full channel
            name), of all parts, by number.
        near: Layers that are like the name but for case or a prefix, where none is exactly so.
        miscounted: Layers of the name with another number of digits than two.
    """

    def __init__(self, declared: Cryptomatte, part: int) -> None:
        self.declared = declared
        self.part = part
        self.ranks: dict[str | None, dict[str, dict[str, Place]]] = {}
        self.near: dict[str, None] = {}
        self.miscounted: dict[str, None] = {}

    @property
    def label(self) -> str:
        """Name and key, for a message."""
        return f"Cryptomatte {(self.declared.name or '')[:80]!r} ({self.declared.key[:20]})"

    @cached_property
    def manifest(self) -> dict[str, str] | ManifestError | None:
        """The manifest of the header or the sidecar file, why it cannot be read, or None where there is none."""
        if not self.declared.manifest:
            return None
        try:
            return parse_manifest(self.declared.manifest)
        except ManifestError as error:
            return error

    @cached_property
    def names_by_id(self) -> dict[int, str]:
        """The first name of each id in the manifest; empty without one that can be read."""
        manifest = self.manifest if isinstance(self.manifest, dict) else {}
        return {int(value, 16): name for name, value in reversed(manifest.items())}

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
        is_ours = self.declared.hash == DEFINED_HASH
        return ManifestState.WRONG_IDS if is_ours and wrong_names(manifest) else ManifestState.SOUND

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


def _stem(name: str) -> tuple[str, str]:
    """A name without its trailing digits, in lower case, and these digits."""
    stem = name.rstrip(_DIGITS)
    return stem.lower(), name[len(stem) :]


class _Index:
    """Declared names by their stem, to find those that a layer may belong to."""

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
        """Mattes whose name, whatever its case, is followed by digits at the end of the layer, at its start or behind a dot."""
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
    """The Cryptomattes that any part of a file declares, once a key, with their channels in all parts."""
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
    """The declared Cryptomattes, one a key, with their channels; each declaration and channel with the index of its part."""
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
                    _note_odd(matte, layer)
    for matte in mattes:
        matte.ranks = {view: dict(sorted(layers.items())) for view, layers in matte.ranks.items()}
    return mattes


def _is_rank(layer: str) -> bool:
    digits = layer[-_RANK_DIGITS:]
    return len(digits) == _RANK_DIGITS and not digits.strip(_DIGITS)


def _note_odd(matte: Matte, layer: str) -> None:
    """Note a layer that is like the name, but no rank."""
    name = matte.declared.name or ""
    is_exact = layer.startswith(name) and not layer[len(name) :].strip(_DIGITS)
    (matte.miscounted if is_exact else matte.near)[layer] = None
