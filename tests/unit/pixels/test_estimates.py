"""Samples of chunks: every chunk can be chosen, means are unbiased, and intervals hold as often as stated."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import replace
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
    return ChunkExtents(parts, index, zeros, end - sizes, end, *[np.full(len(sizes), 2 * max(sizes))] * 2)


def mean_of(plan: ReadPlan, values: Array) -> Estimate | None:
    """The estimate of the mean of chunks that hold one value each."""
    clusters: dict[int, list[Cluster]] = defaultdict(list)
    for read in plan.reads:
        own = values[read.first : read.last]
        moments = Moments(len(own), float(own.mean()), float(own.var() * len(own)))
        clusters[read.stratum].append(Cluster(plan.extents.decoded(read.first, read.last), moments, read.place))
    return estimate(clusters, dict(enumerate(plan.strata)), supports_error=True)


def test_moments_of_nothing_change_no_others() -> None:
    some = Moments(3, 2.0, 0.5)
    assert Moments().merged(some) == some.merged(Moments()) == some


RNG = np.random.default_rng(11)
FRAMES = {
    # A clean sky over noisy ground: the upper chunks are small, the lower ones larger than a request's share of the budget.
    "sky and ground": (
        np.r_[[20_000] * 75, RNG.integers(1_250_000, 1_350_000, 60)],
        np.r_[np.linspace(0.29, 0.31, 75), np.linspace(1.1, 1.3, 60)],
    ),
    "equal chunks": (np.full(135, 30_000), RNG.gamma(9, 0.1, 135)),
    "sizes all over": (RNG.gamma(3, 10_000, 300).astype(np.int64) + 500, RNG.gamma(9, 0.1, 300)),
    "one large chunk": (np.r_[[5000] * 100, [800_000], [5000] * 100], RNG.gamma(9, 0.1, 201)),
    "small chunks": (np.full(2160, 3000), np.sin(np.arange(2160) / 200) + RNG.normal(2, 0.2, 2160)),
    # A flat sky: one chunk lies on the horizon, and the estimate of the others has a small error.
    "horizon": (
        np.r_[[900] * 70, [60_000], RNG.integers(149_000, 151_000, 64)],
        np.r_[[0.4] * 70, [0.72], RNG.normal(1.2, 0.004, 64)],
    ),
    "horizon of equal sizes": (np.full(135, 40_000), np.r_[[0.4] * 57, RNG.normal(1.2, 0.004, 78)]),
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


def test_the_chunk_of_a_horizon_is_always_read_and_its_sides_are_different_strata() -> None:
    sizes, values = FRAMES["horizon"]
    held = 0
    for seed in range(20):
        plan = plan_sample(extents(sizes), seed=seed, max_bytes=1_000_000, max_requests=8)
        assert any(read.first <= 70 < read.last for read in plan.reads)
        sides = {read.stratum: (read.last <= 70, read.first > 70) for read in plan.reads}
        assert all(sides[read.stratum] == (read.last <= 70, read.first > 70) for read in plan.reads)
        found = mean_of(plan, values)
        assert found.low is not None
        assert found.high is not None
        held += found.low <= values.mean() <= found.high
        assert found.high - found.low < 0.05
    assert held >= 16


def test_a_chunk_of_another_size_that_is_next_to_a_jump_is_a_stratum_of_its_own() -> None:
    # The chunk at the horizon is only a little smaller than those below it; the last one of that size is far from any jump.
    sizes = np.r_[[900] * 70, [148_000], [150_000] * 40, [148_000], [150_000] * 22]
    plan = plan_sample(extents(sizes), seed=0, max_bytes=1_000_000, max_requests=8)
    assert sorted(stratum.clusters for stratum in plan.strata if stratum.clusters == 1) == [1]
    assert any(read.first <= 70 < read.last for read in plan.reads)
    few = plan_sample(extents(sizes), seed=0, max_bytes=1_000_000, max_requests=4)
    assert [stratum.is_mixed for stratum in few.strata] == [False, True], "no request is left for the horizon"


def test_sizes_with_more_jumps_than_requests_support_no_error() -> None:
    sizes = np.repeat([1_000, 70_000, 140_000, 210_000], 30)
    plan = plan_sample(extents(sizes), seed=0, max_bytes=2_000_000, max_requests=6)
    assert any(stratum.is_mixed for stratum in plan.strata)
    found = mean_of(plan, RNG.normal(1, 0.1, 120))
    assert found.error is None


@pytest.mark.parametrize(("unpacked", "is_supported"), [(25_000, False), (60_000, True)])
def test_two_draws_support_no_error_without_compression(unpacked: int, is_supported: bool) -> None:
    found = extents(np.full(40, 25_000))
    found = replace(found, size=np.full(40, unpacked))
    plan = plan_sample(found, seed=0, max_bytes=60_000, max_requests=2)
    result = mean_of(plan, RNG.normal(1, 0.1, 40))
    assert (result.error is not None) is is_supported


def test_equal_draws_do_not_prove_that_the_mean_is_exact() -> None:
    items = {0: [Cluster(100, Moments(10, 2.0, 0.0), place) for place in (1, 4)]}
    assert estimate(
        items, {0: Stratum(0, 0, clusters=5, drawn=2, size=500, chance=1)}, supports_error=True
    ) == Estimate(2.0, 0.0)


def test_an_edge_between_draws_may_be_in_any_cluster_between_them() -> None:
    # Two regions of ten clusters; the draws of each are alike, and nine clusters between them were not read.
    places = {0: (1, 3, 5), 1: (15, 17, 19)}
    items = {
        number: [Cluster(100, Moments(10, float(number) + place / 1e4, 0.0), place) for place in drawn]
        for number, drawn in places.items()
    }
    strata = {number: Stratum(0, 0, clusters=10, drawn=3, size=1000, chance=1) for number in places}
    found = estimate(items, strata, supports_error=True)
    assert found.error == pytest.approx(9 / 20 / 2, rel=0.01)


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
