"""Samples of chunks: every chunk can be chosen, means are unbiased, and intervals hold as often as stated."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

import numpy as np
import pytest

from exr_inspector.pixels.estimates import Cluster, Estimate, Moments, estimate, student_t95
from exr_inspector.pixels.plans import ChunkExtents, ReadPlan, Stratum
from exr_inspector.pixels.sampling import plan_sample

Array = np.ndarray[Any, Any]


def extents(sizes: Array, part: Array | None = None) -> ChunkExtents:
    """Chunks that follow each other in the file."""
    end = np.cumsum(sizes)
    zeros = np.zeros(len(sizes), np.int64)
    parts = zeros if part is None else part
    index = np.concatenate([np.arange(np.count_nonzero(parts == number)) for number in np.unique(parts)])
    return ChunkExtents(parts, index, zeros, end - sizes, end, np.full(len(sizes), 1000))


def mean_of(plan: ReadPlan, values: Array) -> Estimate | None:
    """The estimate of the mean of chunks that hold one value each."""
    clusters: dict[int, list[Cluster]] = defaultdict(list)
    for read in plan.reads:
        own = values[read.first : read.last]
        moments = Moments(len(own), float(own.mean()), float(own.var() * len(own)))
        clusters[read.stratum].append(Cluster(1000 * len(own), moments))
    return estimate(clusters, dict(enumerate(plan.strata)), supports_error=True)


def test_moments_of_nothing_change_no_others() -> None:
    some = Moments(3, 2.0, 0.5)
    assert Moments().merged(some) == some.merged(Moments()) == some


RNG = np.random.default_rng(11)
FRAMES = {
    # A clean sky over noisy ground: the upper chunks are small, the lower ones larger than a request's share of the budget.
    "sky and ground": (np.r_[[20_000] * 75, RNG.integers(1_250_000, 1_350_000, 60)], np.r_[[0.3] * 75, [1.2] * 60]),
    "equal chunks": (np.full(135, 30_000), RNG.gamma(9, 0.1, 135)),
    "sizes all over": (RNG.gamma(3, 10_000, 300).astype(np.int64) + 500, RNG.gamma(9, 0.1, 300)),
    "one large chunk": (np.r_[[5000] * 100, [800_000], [5000] * 100], RNG.gamma(9, 0.1, 201)),
    "small chunks": (np.full(2160, 3000), np.sin(np.arange(2160) / 200) + RNG.normal(2, 0.2, 2160)),
}


@pytest.mark.heavy
@pytest.mark.parametrize("name", FRAMES)
def test_every_chunk_is_drawn_as_often_as_its_chance_says(name: str) -> None:
    sizes, values = FRAMES[name]
    found = extents(sizes)
    seeds = 400
    drawn, chance, means, held, stated = np.zeros(len(sizes)), np.zeros(len(sizes)), [], 0, 0
    for seed in range(seeds):
        plan = plan_sample(found, seed=seed, max_bytes=400_000, max_requests=8, chunk_bytes=32 << 20)
        assert len(plan.reads) <= 8
        for read in plan.reads:
            stratum = plan.strata[read.stratum]
            drawn[read.first : read.last] += 1
            chance[read.first : read.last] = stratum.drawn / stratum.clusters
        result = mean_of(plan, values)
        assert result is not None
        means.append(result.mean)
        if result.low is not None and result.high is not None:
            stated += 1
            held += result.low - 1e-12 <= values.mean() <= result.high + 1e-12
    assert drawn.min() > 0, "some chunks are never read"
    # Five standard deviations of a binomial count: one in 1.7 million would fail by chance.
    assert np.all(np.abs(drawn - seeds * chance) <= 5 * np.sqrt(seeds * chance * (1 - chance)) + 1)
    error = np.std(means) / math.sqrt(seeds)
    assert abs(np.mean(means) - values.mean()) <= 5 * error + 1e-12
    assert stated == seeds
    assert held / stated > 0.9


def test_a_stratum_with_one_draw_supports_no_error() -> None:
    one = {0: [Cluster(100, Moments(10, 2.0, 1.0))]}
    assert estimate(one, {0: Stratum(0, 0, clusters=5, drawn=1, size=500, chance=1)}, supports_error=True) == Estimate(
        2.0, math.sqrt(0.1)
    )
    # Everything was read, so the mean is exact.
    assert estimate(one, {0: Stratum(0, 0, clusters=1, drawn=1, size=100, chance=1)}, supports_error=True) == Estimate(
        2.0, math.sqrt(0.1), 0.0, 2.0, 2.0
    )
    assert estimate({}, {0: Stratum(0, 0, clusters=5, drawn=2, size=500, chance=1)}, supports_error=True) is None


def test_more_parts_than_requests_leave_the_choice_to_chance() -> None:
    part = np.repeat(np.arange(20), 10)
    found = extents(np.full(200, 1000), part)
    seen = set()
    for seed in range(60):
        plan = plan_sample(found, seed=seed, max_bytes=50_000, max_requests=8)
        assert len(plan.reads) == 8
        assert all(stratum.chance == 8 / 20 for stratum in plan.strata)
        seen |= {stratum.part for stratum in plan.strata}
    assert seen == set(range(20))


def test_chunks_beyond_every_budget_are_named() -> None:
    found = extents(np.r_[[1000] * 50, [900_000], [1000] * 50], np.r_[[0] * 50, [1] * 51])
    plan = plan_sample(found, seed=0, max_bytes=20_000, max_requests=8, chunk_bytes=100_000)
    assert plan.over_budget == {(1, 0)}
    assert {stratum.part for stratum in plan.strata} == {0, 1}


@pytest.mark.parametrize(
    ("degrees", "quantile"), [(1, 12.706), (2, 4.303), (5, 2.571), (30, 2.042), (60, 2.000), (1e9, 1.960)]
)
def test_quantiles_of_students_distribution_are_those_of_tables(degrees: float, quantile: float) -> None:
    assert student_t95(degrees) == pytest.approx(quantile, abs=0.001)


def test_quantiles_fall_between_whole_degrees() -> None:
    values = [student_t95(1 + step / 10) for step in range(400)]
    assert values == sorted(values, reverse=True)
