"""Draws random samples of chunks within a budget. Arithmetic only.

A sample is drawn with a seeded generator and depends only on the chunk tables, so the same file always has the same plan.

It is a stratified cluster sample (Cochran, Sampling Techniques, chapters 5 and 9). Adjacent chunks are divided into clusters,
each read by one request. Clusters of one part and level, of similar size and from the same region form a stratum; in each
stratum clusters are drawn with equal probability, two or more if the budget allows. Every chunk therefore has a known
probability above zero, whatever its compressed size, and `estimates` can compute the error of a mean.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from exr_inspector.pixels.plans import DECODED_PER_BYTE, GAP_BYTES, ChunkExtents, PlannedRead, ReadPlan, Stratum

_LARGE_FILE_BYTES = 64 << 20
_LARGE_FILE_SHARE = 0.02
Run = tuple[int, int]  # first and last (exclusive) position in the extents


def sample_bytes(file_size: int, max_bytes: int) -> int:
    """The byte budget of one file: `max_bytes`, but at most _LARGE_FILE_SHARE of the size of a large file."""
    return min(max_bytes, int(file_size * _LARGE_FILE_SHARE)) if file_size >= _LARGE_FILE_BYTES else max_bytes


@dataclass(slots=True)
class _Cell:
    """Clusters of one part and level and of similar size; divided into strata by position when `draws` is final.

    Attributes:
        part: Index of the part.
        level: Position of the level.
        clusters: (first, last) positions in the extents, sorted by position in the image.
        cost: Cost of the most expensive cluster.
        weight: Decoded size of all chunks in bytes.
        draws: Number of clusters to draw.
        chance: Probability that the cell is sampled, 0 to 1.
    """

    part: int
    level: int
    clusters: list[Run]
    cost: int
    weight: int
    draws: int = 0
    chance: float = 1.0


def plan_sample(
    extents: ChunkExtents, *, seed: int, max_bytes: int, max_requests: int, chunk_bytes: int = 0
) -> ReadPlan:
    """A random sample of chunks within the budget; all chunks if they fit.

    Args:
        extents: The available chunks.
        seed: Seed of the generator.
        max_bytes: Maximum bytes of all requests together; at most DECODED_PER_BYTE times as many are decoded.
        max_requests: Maximum number of requests.
        chunk_bytes: Maximum bytes if `max_bytes` is too small for two clusters of each part and size.
    """
    if not len(extents) or max_requests < 1:
        return ReadPlan(extents, ())
    start, end = int(extents.start[0]), int(extents.end.max())
    if extents.cost(0, len(extents)) <= max_bytes:
        return ReadPlan(extents, (PlannedRead(start, end, 0, len(extents)),))
    hard = max(max_bytes, chunk_bytes)
    generator = np.random.default_rng(seed)
    clusters = list(_clusters(extents, max_bytes // max_requests))
    payable = [run for run in clusters if extents.cost(*run) <= hard]
    over_budget = frozenset(_group(extents, run) for run in clusters if extents.cost(*run) > hard)
    cells = _cells(extents, payable, max_bytes // max_requests, max_requests) if payable else []
    cells = _cells_within_budget(cells, hard, max_requests, generator)
    _spend_budget(cells, max_bytes, max_requests)
    strata: list[Stratum] = []
    reads: list[PlannedRead] = []
    for cell in cells:
        for clusters, drawn in _strata(cell):
            for number in generator.choice(len(clusters), drawn, replace=False).tolist():
                first, last = clusters[number]
                end = int(extents.end[first:last].max())
                reads.append(PlannedRead(int(extents.start[first]), end, first, last, len(strata)))
            size = sum(extents.decoded(first, last) for first, last in clusters)
            strata.append(Stratum(cell.part, cell.level, len(clusters), drawn, size, cell.chance))
    return ReadPlan(extents, tuple(sorted(reads, key=lambda read: read.start)), tuple(strata), over_budget)


def _clusters(extents: ChunkExtents, most: int) -> Iterator[Run]:
    """Runs of adjacent chunks of one part and level with about `most` bytes; a larger chunk is a run by itself.

    All uninterrupted runs of a part and level have the same number of chunks. If it depended on their sizes, bright noise,
    which compresses badly, would be in smaller clusters, and the ratio of sums would be biased.
    """
    groups = list(zip(extents.part.tolist(), extents.level.tolist(), strict=True))
    sizes: dict[tuple[int, int], tuple[int, int]] = {}
    costs = np.maximum(extents.end - extents.start, extents.unpacked // DECODED_PER_BYTE)
    for group, size in zip(groups, costs.tolist(), strict=True):
        total, count = sizes.get(group, (0, 0))
        sizes[group] = total + size, count + 1
    lengths = {group: max(1, int(most // max(1.0, total / count))) for group, (total, count) in sizes.items()}
    first = 0
    for position in range(1, len(groups) + 1):
        if (
            position == len(groups)
            or groups[position] != groups[first]
            or position - first == lengths[groups[first]]
            or extents.start[position] - extents.end[position - 1] > GAP_BYTES
        ):
            yield first, position
            first = position


def _group(extents: ChunkExtents, run: Run) -> tuple[int, int]:
    return int(extents.part[run[0]]), int(extents.level[run[0]])


def _cells(extents: ChunkExtents, clusters: Sequence[Run], most: int, max_requests: int) -> list[_Cell]:
    """The clusters by part, level and size class; classes above `most` double, and merge if there are not enough requests."""
    by_group: dict[tuple[int, int], list[Run]] = {}
    for run in clusters:
        by_group.setdefault(_group(extents, run), []).append(run)
    classes = {
        group: {run: max(0, extents.cost(*run) // max(1, most)).bit_length() for run in runs}
        for group, runs in by_group.items()
    }
    widest = max(max(sizes.values()) for sizes in classes.values())
    # Adjacent size classes are merged until there are two requests for each.
    for merged in range(widest + 1):
        keys = {(*group, max(merged, size)) for group, sizes in classes.items() for size in sizes.values()}
        if 2 * len(keys) <= max_requests or merged == widest:
            break
    cells: list[_Cell] = []
    for part, level, size in sorted(keys):
        runs = [run for run, own in classes[part, level].items() if max(merged, own) == size]
        runs.sort(key=lambda run: int(extents.index[run[0]]))
        weight = sum(extents.decoded(first, last) for first, last in runs)
        cells.append(_Cell(part, level, runs, max(extents.cost(*run) for run in runs), weight))
    return cells


def _cells_within_budget(
    cells: list[_Cell], hard: int, max_requests: int, generator: np.random.Generator
) -> list[_Cell]:
    """The cells with two draws each, or one draw if requests or bytes do not suffice; some of the cells if that is too much.

    These are chosen at random, so that every chunk can still be drawn.
    """
    for cell in cells:
        cell.draws = min(2, len(cell.clusters))
    # If requests are short, the cells with the smallest weight lose their second draw first; if bytes are, the most expensive.
    draws = sum(cell.draws for cell in cells)
    for cell in sorted(cells, key=lambda cell: cell.weight):
        if draws > max_requests:
            draws -= cell.draws - 1
            cell.draws = 1
    cost = sum(cell.draws * cell.cost for cell in cells)
    for cell in sorted(cells, key=lambda cell: -cell.cost):
        if cost > hard:
            cost -= (cell.draws - 1) * cell.cost
            cell.draws = 1
    costs = np.cumsum(sorted((cell.cost for cell in cells), reverse=True))
    count = min(max_requests, int(np.searchsorted(costs, hard, side="right")))
    if count >= len(cells):
        return cells
    chosen = [cells[number] for number in np.sort(generator.choice(len(cells), count, replace=False)).tolist()]
    for cell in chosen:
        cell.chance = count / len(cells)
    return chosen


def _spend_budget(cells: list[_Cell], max_bytes: int, max_requests: int) -> None:
    """Assign the remaining requests and bytes to the cells with the largest weight per draw."""
    requests = max_requests - sum(cell.draws for cell in cells)
    left = max_bytes - sum(cell.draws * cell.cost for cell in cells)
    while requests > 0:
        able = [cell for cell in cells if cell.draws < len(cell.clusters) and cell.cost <= left]
        if not able:
            return
        cell = max(able, key=lambda cell: cell.weight / cell.draws)
        cell.draws += 1
        requests -= 1
        left -= cell.cost


def _strata(cell: _Cell) -> Iterator[tuple[list[Run], int]]:
    """The cell's clusters divided into regions of the image with three or more draws each, and the draws of each region.

    With two draws each the mean would be slightly more precise, but its error would not: the confidence intervals contained the
    mean for 87 to 99 % of the seeds instead of 92 to 96 % (`./run bench sampling`).
    """
    count = max(1, cell.draws // 3)
    bounds = np.linspace(0, len(cell.clusters), count + 1).round().astype(int).tolist()
    regions = [cell.clusters[low:high] for low, high in pairwise(bounds)]
    least, rest = divmod(cell.draws, count)
    able = [number for number, clusters in enumerate(regions) if len(clusters) > least][:rest]
    yield from ((clusters, least + (number in able)) for number, clusters in enumerate(regions))
