"""Accumulators: counts are exact, moments equal float64's, and results do not depend on how samples are divided."""

import math
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from exr_inspector.exr.header.values import PixelType
from exr_inspector.model import ChannelStats
from exr_inspector.pixels.distribution import MAX_BINS, Distribution, stride_for
from exr_inspector.pixels.statistics import Accumulator, DeepAccumulator

Array = np.ndarray[Any, Any]
DTYPES = {PixelType.UINT: np.uint32, PixelType.HALF: np.float16, PixelType.FLOAT: np.float32}


def stats(accumulator: Accumulator) -> ChannelStats:
    return accumulator.result(part=0, channel="R", level=(0, 0), coverage=1.0, exact=True)


def of(array: Array, pixel_type: PixelType) -> ChannelStats:
    accumulator = Accumulator(pixel_type)
    accumulator.add(array)
    return stats(accumulator)


def assert_agrees_with_numpy(found: ChannelStats, array: Array) -> None:
    wide = array.astype(np.float64).reshape(-1)
    finite = wide[np.isfinite(wide)]
    assert found.samples == wide.size
    assert found.finite_count == finite.size
    assert found.nan_count == np.count_nonzero(np.isnan(wide))
    assert found.positive_inf_count == np.count_nonzero(wide == np.inf)
    assert found.negative_inf_count == np.count_nonzero(wide == -np.inf)
    assert found.inf_count == found.positive_inf_count + found.negative_inf_count
    assert found.zero_count == np.count_nonzero(finite == 0)
    assert found.negative_count == np.count_nonzero(finite < 0)
    assert found.half_max_count == np.count_nonzero(np.abs(finite) >= 65504)
    if not finite.size:
        assert (found.minimum, found.maximum, found.mean, found.stddev) == (None, None, None, None)
        return
    assert (found.minimum, found.maximum) == (finite.min(), finite.max())
    scale = float(np.abs(finite).max())
    assert found.mean == pytest.approx(math.fsum(finite) / finite.size, rel=1e-12, abs=1e-14 * scale)
    assert found.stddev == pytest.approx(float(finite.std()), rel=1e-9, abs=1e-14 * scale)


def arrays(pixel_type: PixelType, max_size: int = 300) -> st.SearchStrategy[Array]:
    """Any bit patterns of a pixel type, with NaN payloads, infinities, subnormals and both zeros."""
    bits = {PixelType.HALF: np.uint16}.get(pixel_type, np.uint32)
    special = {
        PixelType.HALF: [0, 0x8000, 1, 0x8001, 0x7BFF, 0xFBFF, 0x7C00, 0xFC00, 0x7E00, 0xFE01, 0x3C00],
        PixelType.FLOAT: [0, 1 << 31, 1, 0x477FE000, 0x7F7FFFFF, 0xFF7FFFFF, 0x7F800000, 0xFF800000, 0x7FC00001],
        PixelType.UINT: [0, 1, 65503, 65504, 2**32 - 1],
    }[pixel_type]
    element = st.one_of(st.sampled_from(special), st.integers(0, np.iinfo(bits).max))
    return hnp.arrays(bits, st.integers(0, max_size), elements=element).map(
        lambda array: array.view(DTYPES[pixel_type])
    )


@given(st.sampled_from(PixelType).flatmap(lambda kind: st.tuples(st.just(kind), arrays(kind))))
def test_any_values_agree_with_numpy(case: tuple[PixelType, Array]) -> None:
    pixel_type, array = case
    assert_agrees_with_numpy(of(array, pixel_type), array)


@pytest.mark.parametrize("sign", [1, -1, 0], ids=["positive", "negative", "both"])
@pytest.mark.parametrize("pixel_type", [PixelType.HALF, PixelType.FLOAT])
def test_long_arrays_agree_with_numpy(pixel_type: PixelType, sign: int) -> None:
    values = np.random.default_rng(7).standard_normal((523, 401)) * 3
    array = (np.abs(values) * sign if sign else values).astype(DTYPES[pixel_type])
    array[5, 6] = 0
    assert_agrees_with_numpy(of(array, pixel_type), array)
    array[[3, 500], [1, 400]] = np.nan, -np.inf
    assert_agrees_with_numpy(of(array, pixel_type), array)


def test_every_half_value_agrees_with_numpy() -> None:
    array = np.arange(65536, dtype=np.uint16).view(np.float16)
    assert_agrees_with_numpy(of(array, PixelType.HALF), array)
    assert_agrees_with_numpy(of(array[array >= 0], PixelType.HALF), array[array >= 0])
    assert_agrees_with_numpy(of(array[array < 0], PixelType.HALF), array[array < 0])


def test_small_deviations_from_a_large_mean_survive() -> None:
    for pixel_type, base, step in ((PixelType.FLOAT, 100_000.0, 1 / 128), (PixelType.HALF, 1000.0, 0.5)):
        array = (base + step * (np.arange(200_000) % 2)).astype(DTYPES[pixel_type])
        found = of(array, pixel_type)
        assert found.mean == pytest.approx(base + step / 2, rel=1e-15)
        assert found.stddev == pytest.approx(step / 2, rel=1e-9)
    ids = (4_000_000_000 + np.arange(200_000) % 2).astype(np.uint32)
    assert of(ids, PixelType.UINT).stddev == pytest.approx(0.5, rel=1e-9)


def test_a_constant_has_no_deviation_at_all() -> None:
    array = np.full((300, 700), 0.3, np.float16)
    found = of(array, PixelType.HALF)
    assert (found.mean, found.stddev, found.is_constant) == (float(np.float16(0.3)), 0.0, True)
    array[2, 3] = np.nan
    assert not of(array, PixelType.HALF).is_constant


@given(
    st.sampled_from(PixelType).flatmap(lambda kind: st.tuples(st.just(kind), arrays(kind))),
    st.lists(st.integers(0, 300), max_size=5),
    st.randoms(use_true_random=False),
)
def test_merging_in_any_grouping_gives_the_same(case: tuple[PixelType, Array], cuts: list[int], random: Any) -> None:
    pixel_type, array = case
    whole = Accumulator(pixel_type, Distribution(pixel_type))
    whole.add(array)
    parts = []
    for piece in np.split(array, sorted(min(cut, len(array)) for cut in cuts)):
        part = Accumulator(pixel_type, Distribution(pixel_type))
        part.add(piece)
        parts.append(part)
    while len(parts) > 1:
        left = parts.pop(random.randrange(len(parts)))
        parts[random.randrange(len(parts))].merge(left)
    expected, found = stats(whole), stats(parts[0])
    assert_agrees_with_numpy(found, array)
    assert (found.percentiles, found.histogram) == (expected.percentiles, expected.histogram)


def test_the_first_pixel_in_reading_order_stays() -> None:
    left, right = Accumulator(PixelType.HALF), Accumulator(PixelType.HALF)
    left.note(first_nan=(9, 2), first_inf=(0, 7))
    right.note(first_nan=(3, 2))
    right.note(first_nan=(1, 3))
    left.merge(right)
    assert (left.first_nan, left.first_inf) == ((3, 2), (0, 7))
    assert stats(left).first_nan == (3, 2)


@pytest.mark.parametrize(
    ("left", "right", "expected"), [(2000, 3000, (7, 0)), (3000, 2000, (1, 5)), (3000, 3000, (7, 0))]
)
def test_the_pixel_of_the_maximum_is_merged(left: float, right: float, expected: tuple[int, int]) -> None:
    parts = []
    for value, pixel in ((left, (1, 5)), (right, (7, 0))):
        part = Accumulator(PixelType.HALF)
        part.add(np.full(4, value, np.float16))
        part.maximum_at = pixel
        parts.append(part)
    parts[0].merge(parts[1])
    assert stats(parts[0]).maximum_at == expected


def test_what_was_sampled_says_so() -> None:
    accumulator = Accumulator(PixelType.HALF, Distribution(PixelType.HALF))
    accumulator.add(np.ones(10, np.float16))
    found = accumulator.result(part=1, channel="R", level=(2, 2), coverage=0.04, exact=False)
    assert (found.sample_stride, found.exact, found.percentiles, found.histogram) == (25, False, (), None)
    assert stats(accumulator).sample_stride == 1


def test_deep_counts() -> None:
    halves = []
    for rows in (np.array([[0, 3], [1, 0]], np.int32), np.array([[7, 1]], np.int32), np.zeros((0, 4), np.int32)):
        half = DeepAccumulator()
        half.add(rows)
        halves.append(half)
    total = DeepAccumulator()
    for half in halves:
        total.merge(half)
    found = total.result()
    assert (found.pixels, found.total_samples, found.min_samples, found.max_samples, found.empty_pixels) == (
        6,
        12,
        0,
        7,
        2,
    )


# --- distribution ----------------------------------------------------------------------------------------


def distribution(array: Array, pixel_type: PixelType) -> Any:
    found = Distribution(pixel_type, 1)
    found.add(array)
    return found.summary()[:2]


def test_half_percentiles_are_values_of_the_image() -> None:
    array = np.random.default_rng(3).normal(0.2, 1, 5000).astype(np.float16)
    percentiles, _ = distribution(array, PixelType.HALF)
    wide = array.astype(np.float64)
    percents = (0.1, 1, 5, 25, 50, 75, 95, 99, 99.9)
    assert percentiles == tuple((p, np.percentile(wide, p, method="inverted_cdf")) for p in percents)


@pytest.mark.parametrize("pixel_type", [PixelType.FLOAT, PixelType.UINT])
def test_wide_percentiles_are_near(pixel_type: PixelType) -> None:
    array = (np.random.default_rng(4).gamma(2, 1000, 20_000)).astype(DTYPES[pixel_type])
    for percent, value in distribution(array, pixel_type)[0]:
        assert value == pytest.approx(np.percentile(array, percent, method="inverted_cdf"), rel=0.01)


def test_a_thinned_distribution_is_near() -> None:
    array = np.random.default_rng(5).gamma(2, 1, 500_000).astype(np.float32)
    pieces = np.array_split(array, 7)
    found = Distribution(PixelType.FLOAT, 9)
    for piece in pieces:
        found.add(piece)
    percentiles, histogram = found.summary()[:2]
    assert abs(sum(histogram.counts) - len(array) / 9) <= len(pieces)
    assert dict(percentiles)[50.0] == pytest.approx(np.median(array), rel=0.03)


def test_picks_are_bounded_however_many_values_come() -> None:
    """The number of samples of a deep part is not known in advance."""
    array = np.random.default_rng(6).gamma(2, 1, 300_000).astype(np.float32)
    halves = []
    for half in np.array_split(array, 2):
        found = Distribution(PixelType.FLOAT, 1, most=9000)
        for piece in np.array_split(half, 10):
            found.add(piece)
        halves.append(found)
    halves[1].merge(halves[0])
    late = Distribution(PixelType.FLOAT, 1, most=9000)
    late.add(array[:3000])
    halves[1].merge(late)
    late.merge(halves[1])
    percentiles, histogram = late.summary()[:2]
    assert 1000 < sum(histogram.counts) <= 9000
    assert dict(percentiles)[50.0] == pytest.approx(np.median(array), rel=0.1)


@given(st.sampled_from(PixelType).flatmap(lambda kind: st.tuples(st.just(kind), arrays(kind))))
def test_histograms_count_every_finite_value_between_their_edges(case: tuple[PixelType, Array]) -> None:
    pixel_type, array = case
    with np.errstate(invalid="ignore"):  # numpy warns of signalling NaNs of HALF
        values = array.astype(np.float64)
    finite = values[np.isfinite(values)] + 0.0
    percentiles, histogram = distribution(array, pixel_type)
    if not finite.size:
        assert (percentiles, histogram) == ((), None)
        return
    assert len(histogram.edges) == len(histogram.counts) + 1
    assert len(histogram.counts) <= MAX_BINS
    assert sum(histogram.counts) == finite.size
    for low, high, count, is_last in zip(
        histogram.edges[:-1],
        histogram.edges[1:],
        histogram.counts,
        [*[False] * (len(histogram.counts) - 1), True],
        strict=True,
    ):
        inside = (finite >= low) & ((finite <= high) if is_last else (finite < high))
        assert np.count_nonzero(inside) == count


def test_neighbouring_values_are_in_bins_of_their_own_while_there_are_few() -> None:
    for count, bins in ((2, 2), (MAX_BINS, MAX_BINS), (MAX_BINS + 1, MAX_BINS // 2 + 1)):
        values = (0x3C00 + np.arange(count, dtype=np.uint16)).view(np.float16)
        made = Distribution(PixelType.HALF)
        made.add(values)
        histogram = made.summary().histogram
        assert (len(histogram.counts), histogram.edges[0]) == (bins, 1.0)


@pytest.mark.parametrize(("samples", "stride"), [(0, 1), (1, 1), (100, 1), (101, 2), (200, 2), (201, 3), (10_000, 100)])
def test_strides_pick_no_more_than_wanted(samples: int, stride: int) -> None:
    assert stride_for(samples, 100) == stride


def test_strides_keep_small_images_whole() -> None:
    assert stride_for(0) == stride_for(512 * 512) == 1
    assert 4096 * 2160 / stride_for(4096 * 2160) > 400_000


def rank_error(array: Array, pixel_type: PixelType) -> float:
    """The largest error of a percentile's rank, for an image accumulated in strips of 2^18 values."""
    stride, whole = stride_for(array.size), Distribution(pixel_type, stride_for(array.size))
    for number, start in enumerate(range(0, array.size, 1 << 18)):
        strip = Distribution(pixel_type, stride, seed=number * 16)
        strip.add(array[start : start + (1 << 18)])
        whole.merge(strip)
    ordered = np.sort(array.astype(np.float64))
    return max(
        max(
            np.searchsorted(ordered, value, "left") / array.size - percent / 100,
            percent / 100 - np.searchsorted(ordered, value, "right") / array.size,
        )
        for percent, value in whole.summary().percentiles
    )


@pytest.mark.slow
@pytest.mark.parametrize("period", [2, 3, 5, 7, 16, 17, 33, 3840])
def test_patterns_of_the_image_do_not_fall_into_step_with_the_picks(period: int) -> None:
    rng = np.random.default_rng(period)
    columns = (np.arange(3840) % period + rng.random(3840) / 2).astype(np.float16)
    assert rank_error(np.tile(columns, 2160), PixelType.HALF) < 0.003


@pytest.mark.slow
def test_ranks_of_percentiles_are_near() -> None:
    noise = np.random.default_rng(5).gamma(2, 1, 3840 * 2160).astype(np.float16)
    assert rank_error(noise, PixelType.HALF) < 0.003


@pytest.mark.parametrize("top", [1.4, -1.4, 0.0])
def test_percentiles_of_equal_highest_values_are_the_maximum(top: float) -> None:
    def percentiles(values: Array) -> dict[float, float]:
        accumulator = Accumulator(PixelType.FLOAT, Distribution(PixelType.FLOAT))
        accumulator.add(values)
        stats = accumulator.result(part=0, channel="R", level=(0, 0), coverage=1.0, exact=True)
        return dict(stats.percentiles)

    array = np.linspace(top - 0.01, top, 1000, dtype=np.float32)
    assert percentiles(array)[99.0] < array[-1]
    array[-50:] = array[-1]
    array[-100] = np.inf
    found = percentiles(array)
    assert found[75.0] < found[99.0] == found[99.9] == array[-1]


def test_no_percentile_is_below_the_minimum() -> None:
    found = Accumulator(PixelType.FLOAT, Distribution(PixelType.FLOAT))
    found.add(np.clip(np.linspace(-2, 2, 1000, dtype=np.float32), -0.51, 0.51))
    stats = found.result(part=0, channel="motion.X", level=(0, 0), coverage=1.0, exact=True)
    assert dict(stats.percentiles)[0.1] == stats.minimum
    assert dict(stats.percentiles)[99.9] == stats.maximum


def test_no_percentile_of_uint_is_above_the_maximum() -> None:
    for top in (2**32 - 1, 2**24 + 1, 4_000_000_001):
        percentiles, histogram = distribution(np.full(50, top, np.uint32), PixelType.UINT)
        assert max(value for _, value in percentiles) <= top
        assert histogram.edges[-1] <= 2**32 - 1


@pytest.mark.parametrize(
    ("pixel_type", "array"),
    [
        (PixelType.UINT, 4_000_000_000 + np.arange(100_000) % 7),
        (PixelType.UINT, 4_294_967_290 + np.arange(9) % 5),
        (PixelType.FLOAT, 1e6 + np.random.default_rng(3).standard_normal(200_000)),
        (PixelType.FLOAT, -16e6 + np.arange(70_000) % 3),
        (PixelType.HALF, 2048 + 2 * (np.arange(50_000) % 2)),
    ],
)
def test_the_variance_far_from_zero_keeps_its_digits(pixel_type: PixelType, array: Array) -> None:
    stored = array.astype(DTYPES[pixel_type])
    found = Accumulator(pixel_type)
    found.add(stored)
    assert math.sqrt(found.m2 / found.finite_count) == pytest.approx(np.std(stored.astype(np.float64)), rel=1e-6)


def test_signalling_nans_are_left_out_without_a_warning() -> None:
    values = np.array([0x7F800001, 0xFFC00000, 0x3F800000], np.uint32).view(np.float32)
    found = Distribution(PixelType.FLOAT)
    found.add(values)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        percentiles, histogram = found.summary()[:2]
    assert {value for _, value in percentiles} == {1.0}
    assert sum(histogram.counts) == 1


@pytest.mark.parametrize(
    ("pixel_type", "kind", "expected"),
    [
        (PixelType.HALF, np.float16, (0.4, 0.6, 6)),
        (PixelType.FLOAT, np.float32, (0.4, 0.6, 6)),
        (PixelType.UINT, np.uint32, (0.0, 2 / 3, 4)),
    ],
)
def test_fractions_8_bit_codes_and_different_values(
    pixel_type: int, kind: type[np.generic], expected: tuple[float, float, int]
) -> None:
    last = np.nan if kind is not np.uint32 else 7
    found = Distribution(pixel_type)
    found.add(np.array([0, 1, 0.5, 3, 51 / 255, last]).astype(kind))
    assert found.summary()[2:] == pytest.approx(expected)
