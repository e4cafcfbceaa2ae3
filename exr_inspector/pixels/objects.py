"""Counts the objects of Cryptomattes: the ids in the pixels, the coverage of each, and whether the manifest names it.

A rank is a pair of an id channel and a coverage channel. Decoding threads sum the coverage of each id in their strip; the
thread that reads the file merges these sums. If there are more ids than its limit, it drops those with the smallest coverage.
Ids are compared as 32-bit patterns, never as floats.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from exr_inspector.exr.chunks.layout import Layout
from exr_inspector.exr.cryptomatte.manifests import manifest_hash
from exr_inspector.exr.cryptomatte.mattes import Matte
from exr_inspector.exr.header.values import PixelType
from exr_inspector.model import MatteObjects, ObjectCoverage
from exr_inspector.pixels.decoded import DecodedBlock

_LEAST_PENDING = 1 << 16  # entries that are collected before they are merged
_EXAMPLES = 3
_NAME_CHARACTERS = 100
_NEGATIVE_ZERO = 0x80000000

Ids = npt.NDArray[np.uint32]


class RankPair(NamedTuple):
    """The two channels of one rank, both of one part.

    Attributes:
        matte: Index of the Cryptomatte in `Counting.mattes`.
        ids: Position of the id channel in the part's channel list.
        coverage: Position of the coverage channel.
    """

    matte: int
    ids: int
    coverage: int


@dataclass(frozen=True, slots=True)
class CountedMatte:
    """A Cryptomatte in one view.

    Attributes:
        matte: The Cryptomatte.
        view: The view; None if the file declares no views.
        parts: Indices of the parts with its ranks.
    """

    matte: Matte
    view: str | None
    parts: frozenset[int]


@dataclass(frozen=True, slots=True)
class Counting:
    """The Cryptomattes that are counted in a file.

    Attributes:
        mattes: The Cryptomattes, one entry for each view.
        pairs: Their ranks by part.
    """

    mattes: tuple[CountedMatte, ...] = ()
    pairs: Mapping[int, tuple[RankPair, ...]] | None = None

    def pairs_of(self, part: int) -> tuple[RankPair, ...]:
        """The ranks in a part, empty if it has none."""
        return self.pairs.get(part, ()) if self.pairs else ()


class FoundObjects(NamedTuple):
    """The ids of one Cryptomatte, and the coverage and pixels of each.

    Attributes:
        ids: Distinct ids in ascending order.
        coverage: Sum of the coverage of each id, in pixels.
        pixels: Number of pixels in which each id has coverage, counted once for each rank.
    """

    ids: Ids
    coverage: npt.NDArray[np.float64]
    pixels: npt.NDArray[np.int64]


class StripObjects(NamedTuple):
    """The objects of one rank in a strip.

    Attributes:
        matte: As in `RankPair`.
        found: The ids of the rank.
        impossible: Number of pixels with an id that no name can have.
    """

    matte: int
    found: FoundObjects
    impossible: int


def plan_counting(mattes: Sequence[Matte], layouts: Sequence[Layout]) -> Counting:
    """The Cryptomattes and ranks to count. A rank is skipped unless both channels are in the same flat part."""
    counted: list[CountedMatte] = []
    pairs: dict[int, list[RankPair]] = {}
    positions = {
        part: {channel.name: number for number, channel in enumerate(layout.channels)}
        for part, layout in enumerate(layouts)
        if mattes and not layout.is_deep
    }
    names: set[str | None] = set()
    for matte in mattes:
        if matte.declared.name in names:
            continue  # declared again under another key, with the same channels
        names.add(matte.declared.name)
        for view, ranks in zip(matte.ranks, matte.pairs(), strict=True):
            parts = set()
            for (part, ids), (other, coverage) in ranks:
                if part != other or part not in positions:
                    continue
                pair = RankPair(len(counted), positions[part][ids], positions[part][coverage])
                if _can_count(layouts[part], pair):
                    pairs.setdefault(part, []).append(pair)
                    parts.add(part)
            if parts:
                counted.append(CountedMatte(matte, view, frozenset(parts)))
    return Counting(tuple(counted), {part: tuple(some) for part, some in pairs.items()})


def _can_count(layout: Layout, pair: RankPair) -> bool:
    ids, coverage = layout.channels[pair.ids], layout.channels[pair.coverage]
    is_unsampled = all((c.x_sampling, c.y_sampling) == (1, 1) for c in (ids, coverage))
    return is_unsampled and ids.pixel_type == PixelType.FLOAT and coverage.pixel_type != PixelType.UINT


def count_objects(block: DecodedBlock, pairs: Sequence[RankPair]) -> list[StripObjects]:
    """The objects of some ranks in decoded chunks."""
    return [
        StripObjects(pair.matte, *_objects_of_rank(block.arrays[pair.ids], block.arrays[pair.coverage]))
        for pair in pairs
    ]


def _objects_of_rank(ids: npt.NDArray[np.float32], coverage: npt.NDArray[np.floating]) -> tuple[FoundObjects, int]:
    is_covered = (coverage > 0) & np.isfinite(coverage)
    bits = ids[is_covered].view(np.uint32)
    if not bits.size:
        return _summed(bits, np.zeros(0), np.zeros(0, np.int64)), 0
    # Adjacent pixels mostly have the same id: runs are summed first, so few entries have to be sorted.
    starts = np.concatenate(([0], np.flatnonzero(bits[1:] != bits[:-1]) + 1))
    sums = np.add.reduceat(coverage[is_covered].astype(np.float64), starts)
    found = _summed(bits[starts], sums, np.diff(np.append(starts, bits.size)))
    exponent = (found.ids >> 23) & 0xFF
    is_possible = (exponent != 0) & (exponent != 255)
    is_background = (found.ids & ~np.uint32(_NEGATIVE_ZERO)) == 0
    impossible = int(found.pixels[~is_possible & ~is_background].sum())
    return _chosen(found, is_possible), impossible


def _chosen(found: FoundObjects, which: npt.NDArray[np.bool_]) -> FoundObjects:
    return FoundObjects(found.ids[which], found.coverage[which], found.pixels[which])


def _summed(ids: Ids, coverage: npt.NDArray[np.float64], pixels: npt.NDArray[np.int64]) -> FoundObjects:
    """The objects with repeated ids merged."""
    distinct, owner = np.unique(ids, return_inverse=True)
    size = len(distinct)
    totals = np.zeros(size, np.int64)
    np.add.at(totals, owner, pixels)
    return FoundObjects(distinct, np.bincount(owner, coverage, size).astype(np.float64, copy=False), totals)


class ObjectCounter:
    """Merges the objects of a file's Cryptomattes, at most `most_ids` ids of all together. Not thread-safe."""

    def __init__(self, counting: Counting, most_ids: int) -> None:
        self._mattes = counting.mattes
        self._most_ids = most_ids
        self._found: list[list[FoundObjects]] = [[] for _ in self._mattes]
        self._impossible = [0] * len(self._mattes)
        self._is_cut = [False] * len(self._mattes)
        self._kept = 0
        self._pending = 0

    def add(self, strips: Sequence[StripObjects]) -> None:
        """Add the objects of a strip."""
        for matte, found, impossible in strips:
            self._impossible[matte] += impossible
            if found.ids.size:
                self._found[matte].append(found)
                self._pending += found.ids.size
        if self._pending > max(self._kept, _LEAST_PENDING):
            self._gather()

    def _gather(self) -> None:
        """Merge the entries of each id, and drop those with the smallest coverage if there are too many."""
        for number, some in enumerate(self._found):
            if len(some) > 1:
                self._found[number] = [_summed(*map(np.concatenate, zip(*some, strict=True)))]
        self._kept, self._pending = sum(found.ids.size for some in self._found for found in some), 0
        if self._kept <= self._most_ids:
            return
        coverages = np.concatenate([found.coverage for some in self._found for found in some])
        order = np.argsort(-coverages, kind="stable")
        is_kept = np.zeros(len(coverages), bool)
        is_kept[order[: self._most_ids]] = True
        start = 0
        for number, some in enumerate(self._found):
            for found in some:
                which = is_kept[start : start + found.ids.size]
                start += found.ids.size
                self._is_cut[number] |= not which.all()
                self._found[number] = [_chosen(found, which)]
        self._kept = self._most_ids

    def results(self, complete_parts: frozenset[int], most_objects: int) -> tuple[MatteObjects, ...]:
        """The result for each Cryptomatte, with the largest objects, at most `most_objects` of all Cryptomattes together."""
        self._gather()
        results = []
        left = most_objects
        for number, counted in enumerate(self._mattes):
            some = self._found[number]
            found = some[0] if some else _summed(np.zeros(0, np.uint32), np.zeros(0), np.zeros(0, np.int64))
            is_complete = counted.parts <= complete_parts and not self._is_cut[number]
            result = _result(counted, found, self._impossible[number], is_complete=is_complete, most_objects=left)
            left -= len(result.objects)
            results.append(result)
        return tuple(results)


def _result(
    counted: CountedMatte, found: FoundObjects, impossible: int, *, is_complete: bool, most_objects: int
) -> MatteObjects:
    matte, order = counted.matte, np.lexsort((found.ids, -found.coverage))
    manifest = matte.manifest if isinstance(matte.manifest, dict) and matte.manifest else None
    named = np.array([int(value, 16) for value in manifest.values()] if manifest else [], np.uint32)
    is_unnamed = ~np.isin(found.ids, named) if manifest else np.zeros(len(found.ids), bool)
    unnamed = [place for place in order.tolist() if is_unnamed[place]] if is_unnamed.any() else []
    is_unseen = ~np.isin(named, found.ids)
    first_unseen: list[str] = []
    if manifest and is_unseen.any():
        names = list(manifest)
        first_unseen = [names[place][:_NAME_CHARACTERS] for place in np.flatnonzero(is_unseen)[:_EXAMPLES].tolist()]
    return MatteObjects(
        part=matte.part,
        key=matte.declared.key,
        name=matte.declared.name or "",
        view=counted.view,
        is_complete=is_complete,
        id_count=len(found.ids),
        impossible_count=impossible,
        manifest_hash=manifest_hash(matte.declared.manifest) if manifest and matte.declared.manifest else None,
        name_count=len(manifest) if manifest else None,
        unnamed_count=len(unnamed),
        unnamed_once_count=int(np.count_nonzero(found.pixels[is_unnamed] == 1)),
        first_unnamed=tuple(_object(found, place) for place in unnamed[:_EXAMPLES]),
        unseen_count=int(np.count_nonzero(is_unseen)) if manifest and is_complete else None,
        first_unseen=tuple(first_unseen) if is_complete else (),
        objects=tuple(_object(found, place) for place in order[:most_objects].tolist()),
    )


def _object(found: FoundObjects, place: int) -> ObjectCoverage:
    return ObjectCoverage(int(found.ids[place]), float(found.coverage[place]), int(found.pixels[place]))
