"""Pixels of whole files: statistics, coverage, faults, limits and hashes, read through a real source."""

import contextlib
import dataclasses
import json
import math
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from exr_inspector.deadline import Deadline
from exr_inspector.errors import BudgetExceeded, DeadlineExceeded, LimitExceeded
from exr_inspector.exr.header.text import decode_name
from exr_inspector.memory import MemoryPool
from exr_inspector.model import ChannelStats, PixelReport, StatsMode
from exr_inspector.pixels import file_pass, strips, work
from exr_inspector.pixels.budget import DecodeBudget
from exr_inspector.pixels.reader import PixelConfig, PixelFile, read_pixels
from exr_inspector.pixels.rows import part_rows
from exr_inspector.storage import RangeSource, ReadBudget, SourceOpener
from tests.support import exrbytes as ex
from tests.support.exrbytes import Channel, Chunk, Part, Tiles
from tests.support.exrbytes_part import level_array
from tests.support.exrstrategies import Example, files
from tests.support.located import located

Array = np.ndarray[Any, Any]
SMALL_STEPS = PixelConfig(read_bytes=700, strip_bytes=900)


def report(
    source: RangeSource,
    data: bytes,
    budget: DecodeBudget,
    *,
    mode: StatsMode = StatsMode.FULL,
    config: PixelConfig | None = None,
    deadline: Deadline | None = None,
) -> PixelReport:
    return read_pixels(pixel_file(source, data, budget), mode=mode, config=config, deadline=deadline)


def pixel_file(source: RangeSource, data: bytes, budget: DecodeBudget) -> PixelFile:
    file = located(data)
    return PixelFile(source, file.header, file.layouts, file.tables, file.states, file.size, budget)


def channel(found: PixelReport, name: str, part: int = 0, level: tuple[int, int] = (0, 0)) -> ChannelStats:
    wanted = (part, name, *level)
    return next(one for one in found.channels if (one.part, one.channel, one.level_x, one.level_y) == wanted)


def expected_values(part: Part, name: str, level: tuple[int, int]) -> Array:
    """All samples of a channel in a level, as the writer was given them."""
    cells = [cell for cell in part.cells if cell.level == level]
    array = part.arrays[name]
    if part.is_deep:
        counts = part.sample_counts
        starts = np.cumsum(counts).reshape(counts.shape) - counts
        pairs = [
            (int(s), int(n))
            for cell in cells
            for s, n in zip(level_array(starts, cell).flat, level_array(counts, cell).flat, strict=True)
        ]
        return np.concatenate([array[s : s + n] for s, n in pairs])
    if level == (0, 0):
        return array.reshape(-1)
    return np.concatenate([level_array(array, cell).reshape(-1) for cell in cells])


def assert_figures(found: ChannelStats, values: Array) -> None:
    wide = values.astype(np.float64)
    assert found.samples == found.finite_count == wide.size
    assert found.zero_count == np.count_nonzero(wide == 0)
    if wide.size:
        assert (found.minimum, found.maximum) == (wide.min(), wide.max())
        assert found.mean == pytest.approx(wide.mean(), rel=1e-12, abs=1e-300)
        assert found.stddev == pytest.approx(wide.std(), rel=1e-9, abs=1e-9 * float(np.abs(wide).max()) + 1e-300)


@pytest.mark.slow
@given(example=files(types=("int",)), small=st.booleans())
def test_full_figures_are_those_of_what_was_written(
    example: Example, small: bool, opener: SourceOpener, budget: DecodeBudget
) -> None:
    config = dataclasses.replace(SMALL_STEPS if small else PixelConfig(), all_levels=True, hash_file=True)
    source = opener.open_bytes(example.data)
    found = report(source, example.data, budget, config=config)
    assert (found.mode, found.faults, found.stopped) == (StatsMode.FULL, (), "")
    assert found.file_hash == "xxh3_128:" + xxhash.xxh3_128_hexdigest(example.data)
    assert source.cost.bytes_read == len(example.data)
    for number, part in enumerate(example.parts):
        levels = {cell.level for cell in part.cells}
        assert {(one.level_x, one.level_y) for one in found.parts if one.part == number} == levels
        for level in levels:
            for name in part.arrays:
                one = channel(found, name, number, level)
                assert_figures(one, expected_values(part, name, level))
                assert (one.coverage, one.exact, one.sample_stride) == (1.0, True, 1)
    assert all(one.chunks_read == one.chunks_total for one in found.parts)
    deep = [part.is_deep for part in example.parts]
    assert [one.deep is not None for one in found.parts] == [deep[one.part] for one in found.parts]


@pytest.mark.slow
@given(
    example=files(types=("int",)),
    limits=st.tuples(st.integers(0, 4000), st.integers(0, 4000), st.integers(1, 8)),
    seed=st.integers(0, 9),
)
def test_sampled_figures_are_those_of_some_chunks(
    example: Example, limits: tuple[int, int, int], seed: int, opener: SourceOpener, budget: DecodeBudget
) -> None:
    size, chunk_size, requests = limits
    config = PixelConfig(
        max_sample_bytes=size,
        sample_chunk_bytes=chunk_size,
        max_sample_requests=requests,
        seed=seed,
        all_levels=True,
    )
    source = opener.open_bytes(example.data)
    found = report(source, example.data, budget, mode=StatsMode.SAMPLED, config=config)
    assert (found.faults, found.stopped) == ((), "")
    assert source.cost.bytes_read <= max(size, chunk_size)
    assert source.cost.requests <= requests
    for one in found.channels:
        part = next(p for p in found.parts if (p.part, p.level_x, p.level_y) == (one.part, one.level_x, one.level_y))
        values = expected_values(example.parts[one.part], one.channel, (one.level_x, one.level_y))
        assert one.exact == (part.chunks_read == part.chunks_total)
        # A chunk may hold no row of a subsampled channel.
        assert (one.coverage > 0) == (part.chunks_read > 0 if part.deep else one.samples > 0)
        assert one.samples <= values.size
        assert one.exact or (one.percentiles, one.histogram) == ((), None)
        if one.finite_count:
            assert values.min() <= one.minimum <= one.maximum <= values.max()
            assert one.minimum <= np.nextafter(one.mean, np.inf)
            assert one.maximum >= np.nextafter(one.mean, -np.inf)
        if one.exact and one.finite_count:
            assert (one.mean_error, one.mean_low, one.mean_high) == (0.0, one.mean, one.mean)
        assert (one.mean_error is None) == (one.mean_low is None) == (one.mean_high is None)
        if one.coverage:
            assert one.sample_stride == max(1, round(1 / one.coverage))
    again = report(opener.open_bytes(example.data), example.data, budget, mode=StatsMode.SAMPLED, config=config)
    assert again == found


def test_figures_do_not_depend_on_the_number_of_threads_or_steps(opener: SourceOpener, budget: DecodeBudget) -> None:
    values = np.random.default_rng(1).standard_normal((300, 40)).astype(np.float32)
    data = ex.build([Part(data_window=(0, 0, 39, 299), channels=(Channel("Z", ex.FLOAT),), pixels={"Z": values})])
    first = report(opener.open_bytes(data), data, budget, config=SMALL_STEPS)
    with contextlib.closing(DecodeBudget(workers=1, memory_bytes=64 << 20)) as one_thread:
        assert report(opener.open_bytes(data), data, one_thread, config=SMALL_STEPS) == first
    assert all(report(opener.open_bytes(data), data, budget, config=SMALL_STEPS) == first for _ in range(5))


@pytest.mark.parametrize("kind", ["scanlineimage", "deeptile"])
def test_many_channels_share_the_memory_for_percentiles(kind: Any, opener: SourceOpener, budget: DecodeBudget) -> None:
    part = Part(kind=kind, data_window=(0, 0, 39, 39), channels=[Channel(f"c{n}") for n in range(20)])
    data = ex.build([part])
    found = report(opener.open_bytes(data), data, budget, config=PixelConfig(max_picks=2000))
    for one in found.channels:
        assert 20 <= sum(one.histogram.counts) <= 2 * 2000 // 20
        assert one.samples == (1599 if kind == "deeptile" else 1600)


def test_off_reads_nothing(opener: SourceOpener, budget: DecodeBudget) -> None:
    source = opener.open_bytes(b"")
    data = ex.build([Part()])
    assert report(source, data, budget, mode=StatsMode.OFF) == PixelReport(StatsMode.OFF)
    assert source.cost.requests == 0


def test_the_first_nan_and_infinity_have_a_place(opener: SourceOpener, budget: DecodeBudget) -> None:
    part = Part(
        kind="tiledimage", data_window=(10, 20, 29, 39), tiles=Tiles(8, 8), channels=(Channel("R"), Channel("A"))
    )
    pixels = {name: array.copy() for name, array in part.arrays.items()}
    pixels["R"][5, 15] = pixels["R"][6, 1] = pixels["R"][19, 19] = np.nan
    pixels["R"][5, 14], pixels["R"][12, 0] = -np.inf, np.inf
    data = ex.build([dataclasses.replace(part, pixels=pixels)], order=[(0, index) for index in range(8, -1, -1)])
    found = channel(report(opener.open_bytes(data), data, budget, config=SMALL_STEPS), "R")
    assert (found.first_nan, found.first_inf) == ((25, 25), (24, 25))
    assert (found.nan_count, found.positive_inf_count, found.negative_inf_count) == (3, 1, 1)
    assert channel(report(opener.open_bytes(data), data, budget), "A").first_nan is None


@pytest.mark.parametrize("pixel_type", [ex.HALF, ex.FLOAT, ex.UINT])
def test_a_maximum_above_1000_has_a_place(opener: SourceOpener, budget: DecodeBudget, pixel_type: int) -> None:
    channels = (Channel("A", pixel_type), Channel("R", pixel_type))
    part = Part(kind="tiledimage", data_window=(10, 20, 29, 39), tiles=Tiles(8, 8), channels=channels)
    pixels = {name: np.full((20, 20), 1000, ex.PIXEL_DTYPES[pixel_type]) for name in "AR"}
    pixels["R"][13, 17], pixels["R"][2, 3] = 3000, 2000
    if pixel_type != ex.UINT:
        pixels["R"][13, 16] = np.inf
    data = ex.build([dataclasses.replace(part, pixels=pixels)])
    for config in (SMALL_STEPS, PixelConfig()):
        found = report(opener.open_bytes(data), data, budget, config=config)
        assert (channel(found, "R").maximum_at, channel(found, "A").maximum_at) == ((27, 33), None)


def test_the_maximum_of_a_subsampled_or_deep_channel_has_a_place(opener: SourceOpener, budget: DecodeBudget) -> None:
    channels = (Channel("RY", x_sampling=2, y_sampling=3), Channel("Y"))
    part = Part(data_window=(-4, -3, 5, 44), channels=channels, compression=ex.ZIP, compress=True)
    pixels = {name: np.ones_like(array) for name, array in part.arrays.items()}
    pixels["RY"][11, 2] = 5000
    data = ex.build([dataclasses.replace(part, pixels=pixels)])
    assert channel(report(opener.open_bytes(data), data, budget), "RY").maximum_at == (0, 30)
    counts = np.array([[0, 2], [1, 3]], np.int32)
    deep = {"Z": np.array([1, 2, 3, 4, 9000, 6], np.float32)}
    part = Part(
        kind="deepscanline", data_window=(5, 5, 6, 6), channels=(Channel("Z", ex.FLOAT),), counts=counts, pixels=deep
    )
    data = ex.build([part])
    assert channel(report(opener.open_bytes(data), data, budget), "Z").maximum_at == (6, 6)


def test_the_first_nan_of_a_subsampled_channel_has_a_place(opener: SourceOpener, budget: DecodeBudget) -> None:
    """Chunks of 16 lines do not begin at multiples of 3: the first row of the second chunk is line 18."""
    channels = (Channel("RY", x_sampling=2, y_sampling=3), Channel("Y"))
    part = Part(data_window=(-4, -3, 5, 44), channels=channels, compression=ex.ZIP, compress=True)
    rows = [y for y in range(-3, 45) if y % 3 == 0]
    for row, column in ((7, 0), (15, 4), (6, 2)):
        pixels = {name: array.copy() for name, array in part.arrays.items()}
        pixels["RY"][row, column] = np.nan
        data = ex.build([dataclasses.replace(part, pixels=pixels)])
        found = channel(report(opener.open_bytes(data), data, budget), "RY")
        assert found.first_nan == (-4 + 2 * column, rows[row])


def test_the_first_nan_of_a_deep_part_has_a_place(opener: SourceOpener, budget: DecodeBudget) -> None:
    counts = np.array([[0, 2, 0, 3], [1, 0, 0, 2]], np.int32)
    part = Part(kind="deepscanline", data_window=(2, 5, 5, 6), channels=(Channel("Z", ex.FLOAT),), counts=counts)
    pixel_of = [(x + 2, y + 5) for y in range(2) for x in range(4) for _ in range(counts[y, x])]
    for sample, pixel in enumerate(pixel_of):
        values = np.arange(len(pixel_of), dtype=np.float32)
        values[sample] = np.nan
        data = ex.build([dataclasses.replace(part, pixels={"Z": values})])
        assert channel(report(opener.open_bytes(data), data, budget), "Z").first_nan == pixel


def test_coverage_of_a_subsampled_channel_counts_its_own_samples(opener: SourceOpener, budget: DecodeBudget) -> None:
    """Eight of 16 chunks exist: half of the samples of each channel, whatever its sampling."""
    channels = (Channel("BY", x_sampling=4, y_sampling=2), Channel("Y"))
    part = Part(data_window=(0, 0, 15, 15), channels=channels, absent=frozenset(range(8)))
    data = ex.build([part])
    found = report(opener.open_bytes(data), data, budget)
    assert [(one.samples, one.coverage, one.exact) for one in found.channels] == [(16, 0.5, False), (128, 0.5, False)]


def test_no_hash_of_pixels_that_are_not_all_there(opener: SourceOpener, budget: DecodeBudget) -> None:
    for kind in ("scanlineimage", "tiledimage"):
        base = Part(kind=kind, data_window=(0, 0, 20, 20), tiles=Tiles(8, 8))
        assert hashes(opener, budget, base) != [None]
        assert hashes(opener, budget, dataclasses.replace(base, absent=frozenset({2}))) == [None]


def test_a_sample_says_how_far_its_mean_may_be_off(opener: SourceOpener, budget: DecodeBudget) -> None:
    values = np.random.default_rng(2).gamma(2, 1, (512, 64)).astype(np.float32)
    data = ex.build([Part(data_window=(0, 0, 63, 511), channels=(Channel("Z", ex.FLOAT),), pixels={"Z": values})])
    config = PixelConfig(max_sample_bytes=32_000, max_sample_requests=8)
    found = report(opener.open_bytes(data), data, budget, mode=StatsMode.SAMPLED, config=config)
    (one,), (part,) = found.channels, found.parts
    assert not one.exact
    assert 0 < part.chunks_read < part.chunks_total == 512
    assert one.mean_error is not None
    assert one.mean_error > 0
    assert one.mean_low < one.mean < one.mean_high
    assert one.mean_low < values.mean(dtype=np.float64) < one.mean_high


def test_what_a_sample_cannot_prove_is_unknown(opener: SourceOpener, budget: DecodeBudget) -> None:
    """A black sample does not prove a black frame, but one sample that is not black proves the opposite."""
    for value, expected in ((0, None), (1, False)):
        pixels = {"R": np.full((512, 64), value, np.float32)}
        pixels["R"][0, 0] = 5
        data = ex.build([Part(data_window=(0, 0, 63, 511), channels=(Channel("R", ex.FLOAT),), pixels=pixels)])
        config = PixelConfig(max_sample_bytes=8_000, max_sample_requests=4)
        (part,) = report(opener.open_bytes(data), data, budget, mode=StatsMode.SAMPLED, config=config).parts
        assert part.chunks_read < part.chunks_total
        assert part.is_black is expected


def test_a_chunk_larger_than_the_usual_budget_is_sampled_all_the_same(
    opener: SourceOpener, budget: DecodeBudget
) -> None:
    data = ex.build([Part(data_window=(0, 0, 255, 255), compression=ex.ZIP, channels=(Channel("R", ex.FLOAT),))])
    config = PixelConfig(max_sample_bytes=1000, sample_chunk_bytes=40_000, max_sample_requests=8)
    source = opener.open_bytes(data)
    found = report(source, data, budget, mode=StatsMode.SAMPLED, config=config)
    assert found.parts[0].chunks_read == 2
    assert source.cost.bytes_read <= 40_000
    nothing = report(
        opener.open_bytes(data),
        data,
        budget,
        mode=StatsMode.SAMPLED,
        config=dataclasses.replace(config, sample_chunk_bytes=1000),
    )
    assert (nothing.parts[0].chunks_read, nothing.channels[0].mean) == (0, None)


@pytest.mark.parametrize(
    ("values", "is_constant", "is_black"),
    [
        ({"R": 0, "G": 0, "A": 1}, True, True),
        ({"R": 0, "G": 0.5, "A": 1}, True, False),
        ({"diffuse.R": 0, "id": 7}, True, True),
        ({"Z": 3, "id": 7}, True, None),
    ],
)
def test_verdicts_on_parts(
    values: dict[str, float],
    is_constant: bool,
    is_black: bool | None,
    opener: SourceOpener,
    budget: DecodeBudget,
) -> None:
    pixels = {name: np.full((20, 8), value, np.float16) for name, value in values.items()}
    data = ex.build([Part(data_window=(0, 0, 7, 19), channels=[Channel(name) for name in values], pixels=pixels)])
    part = report(opener.open_bytes(data), data, budget).parts[0]
    assert (part.is_constant, part.is_black) == (is_constant, is_black)
    pixels["R" if "R" in pixels else "id"][7, 3] = 2
    data = ex.build([Part(data_window=(0, 0, 7, 19), channels=[Channel(name) for name in values], pixels=pixels)])
    assert report(opener.open_bytes(data), data, budget).parts[0].is_constant is False


def damaged(*indices: int, height: int = 64) -> bytes:
    """A file in which the chunks with these numbers cannot be decompressed."""

    def edit(index: int, chunk: Chunk) -> Chunk:
        return dataclasses.replace(chunk, payload=b"\xff" * len(chunk.payload)) if index in indices else chunk

    return ex.build([Part(data_window=(0, 3, 63, height + 2), compression=ex.ZIPS, compress=True, edit_chunk=edit)])


def test_damaged_chunks_are_faults_and_the_rest_counts(opener: SourceOpener, budget: DecodeBudget) -> None:
    data = damaged(5, 6, 40)
    found = report(opener.open_bytes(data), data, budget)
    assert [(one.part, one.chunk, one.y_min, one.y_max, one.code) for one in found.faults] == [
        (0, index, index + 3, index + 3, "EXR_DECODE") for index in (5, 6, 40)
    ]
    assert found.parts[0].chunks_read == 61
    one = channel(found, "R")
    assert (one.samples, one.exact, one.coverage, one.sample_stride) == (61 * 64, False, 61 / 64, 1)
    assert found.parts[0].pixel_hash is None


def test_reading_ends_after_too_many_faults(opener: SourceOpener, budget: DecodeBudget) -> None:
    data = damaged(*range(64))
    found = report(opener.open_bytes(data), data, budget, config=PixelConfig(max_faults=10, read_bytes=100))
    assert found.stopped == "faults"
    assert 10 <= len(found.faults) < 64


def test_one_strip_of_damage_costs_no_more_attempts_than_its_faults_are_worth(
    opener: SourceOpener, budget: DecodeBudget, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library prints lines about every attempt, so their number must not grow with the file."""
    attempts: list[int] = []
    opened_by_library = OpenEXR.File

    def spy(*arguments: Any, **options: Any) -> Any:
        attempts.append(1)
        return opened_by_library(*arguments, **options)

    monkeypatch.setattr(OpenEXR, "File", spy)
    data = damaged(*range(512), height=512)
    found = report(opener.open_bytes(data), data, budget, config=PixelConfig(max_faults=10))
    assert (len(found.faults), found.stopped, found.parts[0].chunks_read) == (10, "faults", 0)
    assert len(attempts) < 40


def wrong_leader(index: int, chunk: Chunk) -> Chunk:
    return dataclasses.replace(chunk, coordinates=(chunk.coordinates[0] + 1,)) if index == 1 else chunk


def wrong_part(index: int, chunk: Chunk) -> Chunk:
    return dataclasses.replace(chunk, part_number=7) if index == 1 else chunk


def huge(index: int, chunk: Chunk) -> Chunk:
    return dataclasses.replace(chunk, sizes=(2**31 - 1,)) if index == 1 else chunk


def negative(index: int, chunk: Chunk) -> Chunk:
    return dataclasses.replace(chunk, sizes=(-5,)) if index == 1 else chunk


@pytest.mark.parametrize("edit", [wrong_leader, wrong_part, huge, negative], ids=lambda edit: edit.__name__)
def test_wrong_leaders_are_faults(edit: Any, opener: SourceOpener, budget: DecodeBudget) -> None:
    data = ex.build([Part(name="a", data_window=(0, 0, 3, 9), edit_chunk=edit), Part(name="b")])
    found = report(opener.open_bytes(data), data, budget)
    assert [(one.part, one.chunk, one.code) for one in found.faults] == [(0, 1, "EXR_DECODE")]
    assert "cut off" not in found.faults[0].message
    assert [part.chunks_read for part in found.parts] == [9, 3]


def test_zeros_in_place_of_chunks_are_named(opener: SourceOpener, budget: DecodeBudget) -> None:
    built = ex.lay_out([Part(data_window=(0, 0, 3, 9))])
    kept = built.data[: built.parts[0].chunks[8].start]
    data = kept + bytes(len(built.data) - len(kept))
    found = report(opener.open_bytes(data), data, budget)
    assert [(one.chunk, "zeros instead, as in an unfinished copy" in one.message) for one in found.faults] == [
        (8, True),
        (9, True),
    ]


@pytest.mark.parametrize("tiles", [None, Tiles(4, 4)], ids=["scan lines", "tiles"])
def test_the_first_pixel_with_zback_in_front_of_z(
    tiles: Tiles | None, opener: SourceOpener, budget: DecodeBudget
) -> None:
    counts = np.random.default_rng(1).integers(0, 3, (9, 10))
    counts[1, 8] = counts[2, 1] = 2
    pixel_of = np.repeat(np.arange(90), counts.reshape(-1))
    odd = np.isin(pixel_of, (18, 21, 71))
    values = {"Z": np.full(counts.sum(), 2.0), "ZBack": np.where(odd, 1.0, 3.0)}
    kind = {"kind": "deeptile", "tiles": tiles} if tiles else {"kind": "deepscanline"}
    channels = [Channel(name, ex.FLOAT) for name in values]
    data = ex.build([Part(**kind, data_window=(3, -5, 12, 3), channels=channels, counts=counts, pixels=values)])
    deep = report(opener.open_bytes(data), data, budget).parts[0].deep
    assert deep is not None
    assert (deep.inverted_samples, deep.first_inverted) == (odd.sum(), (11, -4))


def test_a_page_of_zeros_in_piz_data_is_a_fault(tmp_path: Path, opener: SourceOpener, budget: DecodeBudget) -> None:
    path, rng = tmp_path / "a.exr", np.random.default_rng(1)
    pixels = rng.random((3, 64, 256)).astype(np.float16)
    pixels[:, 32:] = np.where(
        pixels[:, 32:] < 0.5, 6e-8, -65504
    )  # the bitmap of such values has nearly 8192 bytes of zero
    OpenEXR.File({"compression": OpenEXR.PIZ_COMPRESSION}, dict(zip("BGR", pixels, strict=True))).write(str(path))
    data = path.read_bytes()
    assert not report(opener.open_bytes(data), data, budget).faults
    holed = data[:12288] + bytes(4096) + data[16384:]
    found = report(opener.open_bytes(holed), holed, budget)
    assert [(one.chunk, one.code, "zeros replace" in one.message) for one in found.faults] == [(0, "EXR_DECODE", True)]


def test_a_truncated_file_tells_what_is_there(opener: SourceOpener, budget: DecodeBudget) -> None:
    built = ex.lay_out([Part(data_window=(0, 0, 3, 9))])
    data = built.data[: built.parts[0].chunks[7].end - 1]
    found = report(opener.open_bytes(data), data, budget)
    assert [one.chunk for one in found.faults] == [7]  # the last two have offsets past the end, as the tables show
    assert found.parts[0].chunks_read == 7


def test_chunks_that_share_their_bytes_are_read_each(opener: SourceOpener, budget: DecodeBudget) -> None:
    """An entry that points into another chunk shortens that chunk in the plan only."""

    def edit(offsets: list[int]) -> Sequence[int]:
        return [*offsets[:-1], offsets[0] + 9]

    data = ex.build([Part(data_window=(0, 0, 30, 9), edit_table=edit)])
    found = report(opener.open_bytes(data), data, budget, config=PixelConfig(read_bytes=1))
    assert [one.chunk for one in found.faults] == [9]
    assert found.parts[0].chunks_read == 9


def test_declared_sizes_are_checked_before_anything_is_allocated(opener: SourceOpener) -> None:
    window = (0, 0, 9_999_999, 0)
    big = Part(channels=[Channel(f"c{n}", ex.FLOAT) for n in range(40)], data_window=window, attributes=None)
    tiny = Part()
    header = dataclasses.replace(tiny, replace=[ex.a_box2i("dataWindow", window), ex.a_chlist(big.channels)], lines=3)
    data = ex.build([header])
    with contextlib.closing(DecodeBudget(workers=1, memory_bytes=32 << 20)) as small:
        found = report(opener.open_bytes(data), data, small)
    assert [one.code for one in found.faults] in (["EXR_DECODE"], ["LIMIT_EXCEEDED"])
    assert small.decoded.used == small.packed.used == 0


def test_a_chunk_larger_than_the_memory_is_a_fault(opener: SourceOpener) -> None:
    window = (0, 0, 2047, 40)
    parts = [Part(name="large", data_window=window, compression=ex.PIZ), Part(name="small")]
    data = ex.build(parts)
    with contextlib.closing(DecodeBudget(workers=2, memory_bytes=1_000_000)) as small:
        found = report(opener.open_bytes(data), data, small)
        assert small.decoded.used == small.packed.used == 0
    assert [(one.part, one.chunk, one.code) for one in found.faults] == [(0, 0, "LIMIT_EXCEEDED")]
    assert found.parts[1].chunks_read == 3


def test_a_chunk_that_decodes_to_more_than_the_memory_is_a_fault(opener: SourceOpener) -> None:
    black = {name: np.zeros((20, 2048), np.float16) for name in "RGB"}
    data = ex.build([Part(data_window=(0, 0, 2047, 19), compression=ex.ZIP, compress=True, pixels=black)])
    with contextlib.closing(DecodeBudget(workers=1, memory_bytes=400_000)) as small:
        found = report(opener.open_bytes(data), data, small)
        assert small.decoded.used == small.packed.used == 0
    assert [(one.chunk, one.code) for one in found.faults] == [(0, "LIMIT_EXCEEDED")]
    assert found.parts[0].chunks_read == 1  # the last, lower one fits


def test_time_that_is_up_leaves_partial_figures(opener: SourceOpener, budget: DecodeBudget) -> None:
    data = ex.build([Part(data_window=(0, 0, 63, 63))])
    found = report(opener.open_bytes(data), data, budget, deadline=Deadline.after(0.0))
    assert found.stopped == "time"
    assert found.parts == found.channels == ()  # nothing was read
    assert report(opener.open_bytes(data), data, budget, deadline=Deadline.after(60)).stopped == ""


def test_time_that_is_up_while_decoding_is_no_damage(budget: DecodeBudget) -> None:
    layout = located(ex.build([Part()])).layouts[0]
    strip = work.StripWork(0, 0, layout, indices=(0,), deadline=Deadline.after(0.0))
    figures = work.decode_strip(strip, strip.chunks([b""]), budget, decoded=lambda: None)
    assert (figures.stopped, figures.chunks_read, figures.faults) == ("time", 0, [])


def test_memory_goes_back_when_no_thread_takes_the_work(opener: SourceOpener) -> None:
    data = ex.build([Part(data_window=(0, 0, 63, 63))])
    budget = DecodeBudget(workers=1, memory_bytes=32 << 20)
    budget.close()
    with pytest.raises(RuntimeError):
        report(opener.open_bytes(data), data, budget)
    assert budget.packed.used == budget.decoded.used == 0


def test_a_read_budget_that_is_used_up_leaves_partial_figures(opener: SourceOpener, budget: DecodeBudget) -> None:
    data = ex.build([Part(data_window=(0, 0, 63, 63))])
    source = opener.open_bytes(data).limited(ReadBudget(bytes=len(data) // 2))
    found = report(source, data, budget, config=SMALL_STEPS)
    assert found.stopped == "budget"
    assert 0 < found.parts[0].chunks_read < 64
    assert 0 < channel(found, "R").coverage < 1


def test_a_budget_that_ends_inside_a_decoding_thread_is_no_failure(opener: SourceOpener, budget: DecodeBudget) -> None:
    """Entries that point into chunks shorten these in the plan; the threads read them again."""

    def edit(offsets: list[int]) -> Sequence[int]:
        return [*offsets[:8], *(offset + 9 for offset in offsets[:8])]

    data = ex.build([Part(data_window=(0, 0, 30, 15), edit_table=edit)])
    config = PixelConfig(strip_bytes=1, read_bytes=1)
    source = opener.open_bytes(data)
    assert report(source, data, budget, config=config).parts[0].chunks_read == 8
    planned = source.cost.bytes_read - 8 * (31 * 6 + 8)
    found = report(opener.open_bytes(data).limited(ReadBudget(bytes=planned)), data, budget, config=config)
    assert found.stopped == "budget"
    assert found.parts[0].chunks_read < 8


class FailingSource:
    """A store that fails after some reads; everything else is the real source."""

    def __init__(self, source: RangeSource, reads: int) -> None:
        self._source = source
        self._left = reads

    def read_many(self, ranges: Sequence[tuple[int, int]], *, coalesce_bytes: int) -> list[bytes]:
        self._left -= 1
        if self._left < 0:
            raise ConnectionError("gone")
        return self._source.read_many(ranges, coalesce_bytes=coalesce_bytes)

    def limited(self, budget: ReadBudget) -> RangeSource:
        return self._source.limited(budget)


def test_memory_is_given_back_when_the_source_fails(opener: SourceOpener) -> None:
    data = ex.build([Part(data_window=(0, 0, 63, 63))])
    with contextlib.closing(DecodeBudget(workers=2, memory_bytes=64 << 20)) as own:
        with pytest.raises(ConnectionError):
            report(FailingSource(opener.open_bytes(data), 3), data, own, config=SMALL_STEPS)
        own.executor.shutdown(wait=True)
        assert own.packed.used == own.decoded.used == 0


def test_rows_are_decoded_few_at_a_time(opener: SourceOpener, budget: DecodeBudget) -> None:
    row_bytes, rows = 64 << 10, 140  # more than 8 MiB
    data = ex.build([Part(channels=(Channel("Y", ex.FLOAT),), data_window=(0, 0, row_bytes // 4 - 1, rows - 1))])
    reader = part_rows(pixel_file(opener.open_bytes(data), data, budget), 0)
    (band,) = reader.bands(0, 0)
    assert row_bytes < band.planes[0].nbytes <= 8 << 20
    assert [(one.first, one.last) for one in reader.bands(0, rows - 1)] == [(0, 127), (128, rows - 1)]


def test_many_threads_share_one_budget(opener: SourceOpener) -> None:
    """More concurrent files than memory allows: all are read, none too early, and all memory is released."""
    values = np.random.default_rng(2).random((200, 100)).astype(np.float16)
    part = Part(data_window=(0, 0, 99, 199), channels=(Channel("Y"),), pixels={"Y": values}, compression=ex.ZIP)
    data = ex.build([part])
    with contextlib.closing(DecodeBudget(workers=2, memory_bytes=60_000)) as small:
        with ThreadPoolExecutor(20) as pool:
            config = PixelConfig(read_bytes=8000, strip_bytes=8000)
            jobs = [pool.submit(report, opener.open_bytes(data), data, small, config=config) for _ in range(40)]
            reports = [job.result(timeout=60) for job in jobs]
        assert small.packed.used == small.decoded.used == 0
    assert {(one.faults, one.stopped) for one in reports} == {((), "")}
    assert all(one == reports[0] for one in reports)
    assert channel(reports[0], "Y").mean == pytest.approx(values.astype(np.float64).mean(), rel=1e-12)


class Crowd:
    """Counts the threads that are in the real `decode_chunks` at the same time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._inside = 0
        self.most = 0
        self._lock = threading.Lock()
        self._real = work.decode_chunks
        monkeypatch.setattr(work, "decode_chunks", self._counted)

    def _counted(self, *arguments: Any, **keywords: Any) -> Any:
        with self._lock:
            self._inside += 1
            self.most = max(self.most, self._inside)
        try:
            time.sleep(0.01)
            return self._real(*arguments, **keywords)
        finally:
            with self._lock:
                self._inside -= 1


@pytest.mark.parametrize(("memory", "damaged"), [(250_000, False), (250_000, True), (4 << 20, False)])
def test_large_chunks_of_a_file_are_in_the_library_one_at_a_time(
    memory: int, damaged: bool, opener: SourceOpener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each chunk needs more than half of the memory for one file's chunks, unless there is plenty."""
    values = np.repeat(np.arange(160, dtype=np.float16), 1024).reshape(
        160, 1024
    )  # small when packed, so everything is read ahead
    part = Part(
        data_window=(0, 0, 1023, 159), channels=(Channel("Y"),), pixels={"Y": values}, compression=ex.ZIP, compress=True
    )
    data = bytearray(ex.build([part]))
    if damaged:
        data[-60:-20] = b"\xff" * 40
    crowd = Crowd(monkeypatch)
    with contextlib.closing(DecodeBudget(workers=4, memory_bytes=memory)) as own:
        found = report(opener.open_bytes(bytes(data)), bytes(data), own, config=PixelConfig(strip_bytes=70_000))
        assert own.packed.used == own.decoded.used == 0
    assert found.parts[0].chunks_read == 10 - damaged
    assert len(found.faults) == damaged
    assert crowd.most == 1 if memory < 1 << 20 else crowd.most > 1


def test_chunks_of_one_request_are_decoded_so_many_at_a_time(
    opener: SourceOpener, budget: DecodeBudget, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[tuple[int, ...], int]] = []

    def noted(strip: strips.Strip, *others: Any) -> Any:
        seen.append((strip.work.indices, strip.largest))
        return strips.run_strip(strip, *others)

    monkeypatch.setattr(file_pass, "run_strip", noted)
    data = ex.build([Part(data_window=(0, 0, 9, 100), channels=(Channel("Y"),), compression=ex.ZIP)])
    report(opener.open_bytes(data), data, budget, config=PixelConfig(strip_bytes=3 * 320))
    assert sorted(seen) == [((0, 1, 2), 320), ((3, 4, 5), 320), ((6,), 320)], (
        "16 rows of 20 bytes a chunk, less in the last"
    )


def hashes(opener: SourceOpener, budget: DecodeBudget, part: Part, **arguments: Any) -> list[str | None]:
    data = ex.build([part], **arguments)
    config = dataclasses.replace(SMALL_STEPS, hash_pixels=True, all_levels=True)
    return [one.pixel_hash for one in report(opener.open_bytes(data), data, budget, config=config).parts]


def test_equal_pixels_have_one_hash_in_any_container(opener: SourceOpener, budget: DecodeBudget) -> None:
    base = Part(data_window=(-3, 4, 40, 60), channels=(Channel("R"), Channel("Z", ex.FLOAT), Channel("id", ex.UINT)))
    (expected,) = hashes(opener, budget, base)
    assert expected.startswith("xxh3_128:")
    others = [
        dataclasses.replace(base, compression=ex.ZIP, compress=True),
        dataclasses.replace(base, compression=ex.PIZ, line_order=ex.DECREASING_Y),
        dataclasses.replace(base, kind="tiledimage", tiles=Tiles(16, 8)),
        dataclasses.replace(base, kind="tiledimage", tiles=Tiles(64, 64), compression=ex.ZIPS, compress=True),
        dataclasses.replace(base, extra=[ex.a_string("owner", "somebody else")], display_window=(0, 0, 9, 9)),
    ]
    assert [hashes(opener, budget, part) for part in others] == [[expected]] * len(others)
    tiled = dataclasses.replace(base, kind="tiledimage", tiles=Tiles(5, 7))
    order = [(0, int(index)) for index in np.random.default_rng(3).permutation(len(tiled.cells))]
    assert hashes(opener, budget, tiled, order=order) == [expected]


@pytest.mark.parametrize("kind", ["scanlineimage", "tiledimage"])
def test_a_hash_is_what_the_documentation_says(opener: SourceOpener, budget: DecodeBudget, kind: str) -> None:
    """Hashes are stored and compared for years, so none may ever change."""
    part = Part(
        kind=kind,
        data_window=(-4, 2, 5, 13),
        channels=(Channel("R"), Channel("Z", ex.FLOAT), Channel("id", ex.UINT)),
        tiles=Tiles(4, 5) if kind == "tiledimage" else None,
    )
    channels = [["R", "HALF", 1, 1], ["Z", "FLOAT", 1, 1], ["id", "UINT", 1, 1]]
    whole = xxhash.xxh3_128(json.dumps(["flat", 10, 12, [-4, 2], channels]).encode() + b"\n")
    for name, *_ in channels:
        for row in part.arrays[str(name)]:
            whole.update(xxhash.xxh3_128_digest(row.tobytes()))
    assert hashes(opener, budget, part) == [f"xxh3_128:{whole.hexdigest()}"]


def test_a_hash_of_subsampled_rows_is_what_the_documentation_says(opener: SourceOpener, budget: DecodeBudget) -> None:
    part = Part(data_window=(-4, -2, 5, 9), channels=(Channel("BY", x_sampling=2, y_sampling=2), Channel("Y")))
    channels = [["BY", "HALF", 2, 2], ["Y", "HALF", 1, 1]]
    whole = xxhash.xxh3_128(json.dumps(["flat", 10, 12, [-4, -2], channels]).encode() + b"\n")
    for name in ("BY", "Y"):
        for row in part.arrays[name]:
            whole.update(xxhash.xxh3_128_digest(row.tobytes()))
    assert hashes(opener, budget, part) == [f"xxh3_128:{whole.hexdigest()}"]


@pytest.mark.parametrize(
    ("changed", "mode", "length"),
    [
        ({"hash_file": False}, StatsMode.FULL, None),
        ({"hash_file": True, "max_sample_bytes": 1_000, "sample_chunk_bytes": 1_000}, StatsMode.SAMPLED, None),
        ({"hash_file": True}, StatsMode.FULL, -30),
    ],
    ids=["not asked for", "a sample", "the end is missing"],
)
def test_no_hash_of_a_file_that_was_not_read_whole(
    opener: SourceOpener, budget: DecodeBudget, changed: dict[str, Any], mode: StatsMode, length: int | None
) -> None:
    data = ex.build([Part(data_window=(0, 0, 63, 63))])
    config = dataclasses.replace(PixelConfig(), **changed)
    source = opener.open_bytes(data[:length])
    assert report(source, data, budget, mode=mode, config=config).file_hash is None
    whole = report(opener.open_bytes(data), data, budget, config=dataclasses.replace(PixelConfig(), hash_file=True))
    assert whole.file_hash == f"xxh3_128:{xxhash.xxh3_128_hexdigest(data)}"


def test_other_pixels_have_another_hash(opener: SourceOpener, budget: DecodeBudget) -> None:
    base = Part(data_window=(0, 0, 20, 20))
    pixels = {name: array.copy() for name, array in base.arrays.items()}
    pixels["R"][20, 20] += 1
    different = [
        base,
        dataclasses.replace(base, pixels=pixels),
        dataclasses.replace(base, data_window=(1, 0, 21, 20)),
        dataclasses.replace(base, channels=(Channel("B"), Channel("G"), Channel("S")), pixels=None),
        dataclasses.replace(base, channels=(Channel("B"), Channel("G"), Channel("R", ex.FLOAT))),
    ]
    found = [hashes(opener, budget, part)[0] for part in different]
    assert None not in found
    assert len(set(found)) == len(different)


def test_deep_pixels_have_one_hash_in_any_container(opener: SourceOpener, budget: DecodeBudget) -> None:
    base = Part(kind="deepscanline", data_window=(0, 0, 20, 20), channels=(Channel("A"), Channel("Z", ex.FLOAT)))
    (expected,) = hashes(opener, budget, base)
    tiled = dataclasses.replace(base, kind="deeptile", tiles=Tiles(8, 5), compression=ex.RLE, compress=True)
    assert hashes(opener, budget, tiled) == [expected]
    counts = base.sample_counts.copy()
    counts[0, 0], counts[0, 1] = counts[0, 1], counts[0, 0]
    assert hashes(opener, budget, dataclasses.replace(base, counts=counts)) not in ([expected], [None])


def test_rows_that_wait_for_their_tiles_are_bounded(opener: SourceOpener, budget: DecodeBudget) -> None:
    part = Part(kind="tiledimage", data_window=(0, 0, 63, 63), tiles=Tiles(8, 8))
    data = ex.build([part], order=[(0, y * 8 + x) for x in range(8) for y in range(8)])
    config = dataclasses.replace(SMALL_STEPS, hash_pixels=True, hash_bytes=8000)
    found = report(opener.open_bytes(data), data, budget, config=config).parts[0]
    assert (found.chunks_read, found.pixel_hash) == (64, None)


# --- the budget itself -----------------------------------------------------------------------------------


def test_a_pool_makes_wait_and_never_gives_more_than_it_has() -> None:
    pool = MemoryPool(100)
    seen: list[int] = []
    lock = threading.Lock()

    def work(size: int) -> None:
        with pool.taken(size), lock:
            seen.append(pool.used)

    with ThreadPoolExecutor(8) as threads:
        for job in [threads.submit(work, 30 + number % 60) for number in range(200)]:
            job.result(timeout=30)
    assert len(seen) == 200
    assert max(seen) <= 100
    assert pool.used == 0


def test_a_pool_refuses_what_it_can_never_give() -> None:
    with pytest.raises(LimitExceeded):
        MemoryPool(100).take(101)


def test_waiting_for_memory_ends_with_the_time() -> None:
    pool = MemoryPool(100)
    pool.take(60)
    with pytest.raises(DeadlineExceeded):
        pool.take(60, Deadline.after(0.05))
    pool.give(60)
    pool.take(100, Deadline.after(0.05))


def test_stddev_of_a_large_image_is_stable(opener: SourceOpener, budget: DecodeBudget) -> None:
    values = (1000 + np.arange(1000 * 500) % 2 / 2).reshape(500, 1000).astype(np.float16)
    data = ex.build([Part(data_window=(0, 0, 999, 499), channels=(Channel("Y"),), pixels={"Y": values})])
    config = PixelConfig(strip_bytes=50_000, read_bytes=100_000)
    found = channel(report(opener.open_bytes(data), data, budget, config=config), "Y")
    assert math.isclose(found.stddev or 0, 0.25, rel_tol=1e-10)
    with pytest.raises(BudgetExceeded):
        opener.open_bytes(data).limited(ReadBudget(bytes=1)).read(start=0, end=2)


@pytest.mark.parametrize("names", [("z.R", "\udce9.R"), ("a\\xff", "a\\x41"), ("\udce9", "\\xe9")])
@pytest.mark.parametrize("kind", ["scanlineimage", "tiledimage", "deepscanline", "deeptile"])
def test_figures_stay_with_channels_whose_names_are_no_text(
    opener: SourceOpener, budget: DecodeBudget, names: tuple[str, str], kind: ex.Kind
) -> None:
    # The library would sort the escaped names differently from the bytes by which the pixels are sorted.
    plain = Part(kind=kind)
    size = int(plain.sample_counts.sum()) if plain.is_deep else (3, 4)
    pixels = {name: np.full(size, index + 1, np.float16) for index, name in enumerate(names)}
    compression = ex.ZIPS if plain.is_deep else ex.ZIP
    channels = [Channel(name) for name in names]
    part = Part(kind=kind, channels=channels, pixels=pixels, compression=compression, compress=True)
    data = ex.build([part])
    found = {one.channel: one.mean for one in report(opener.open_bytes(data), data, budget).channels}
    by_name = {decode_name(name.encode("utf-8", "surrogateescape")): index + 1 for index, name in enumerate(names)}
    assert found == by_name


def test_a_chunk_that_the_file_cuts_off_says_how_many_bytes_are_missing(
    opener: SourceOpener, budget: DecodeBudget
) -> None:
    data = ex.build([Part(data_window=(0, 0, 3, 9))])
    found = report(opener.open_bytes(data[:-7]), data[:-7], budget)
    (fault,) = found.faults
    assert (fault.chunk, fault.code) == (9, "EXR_DECODE")
    assert fault.message.startswith("the file was cut off 7 bytes before the end of chunk 9 at byte ")
