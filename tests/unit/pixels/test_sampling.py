"""Plans of samples: they keep the budget, spread evenly, are equal for equal files, and full plans miss nothing."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exr_inspector.exr.chunks.layout import part_layout
from exr_inspector.exr.header.parser import parse_header
from exr_inspector.pixels.plans import DECODED_PER_BYTE, ChunkExtents, chunk_bound, locate_chunks, plan_full
from exr_inspector.pixels.sampling import plan_sample, sample_bytes
from tests.support import exrbytes as ex
from tests.support.exrbytes import Built, Channel, Part, Tiles
from tests.support.exrstrategies import Example, files
from tests.support.located import located


def extents_of(data: bytes, **arguments: Any) -> ChunkExtents:
    file = located(data)
    is_multi_part = file.header.is_multi_part
    return locate_chunks(file.layouts, file.tables, file.states, file.size, is_multi_part=is_multi_part, **arguments)


def extents(sizes: list[int], parts: list[int] | None = None, gap: int = 0) -> ChunkExtents:
    """Chunks that follow each other in the file."""
    count = len(sizes)
    part = np.array(parts or [0] * count, np.int64)
    index = np.array([list(part[:n]).count(part[n]) for n in range(count)], np.int64)
    start = np.cumsum([1000, *(size + gap for size in sizes[:-1])]).astype(np.int64)[:count]
    size = np.array(sizes, np.int64)
    return ChunkExtents(part, index, np.zeros(count, np.int64), start, start + size, size * 2, size * 2)


@pytest.mark.slow
@given(files(types=("int",)))
def test_every_chunk_is_located_where_it_was_written(example: Example) -> None:
    found = extents_of(example.data, all_levels=True)
    expected = sorted(
        (span.start, span.end, number, index)
        for number, places in enumerate(example.built.parts)
        for index, span in places.chunks.items()
    )
    assert list(zip(found.start.tolist(), found.part.tolist(), found.index.tolist(), strict=True)) == [
        (start, number, index) for start, _, number, index in expected
    ]
    # The planned end of a chunk may lie behind the real one, if bytes of no chunk follow, but never before it.
    assert all(at >= end for at, (_, end, _, _) in zip(found.end.tolist(), expected, strict=True))
    assert all(a <= b for a, b in zip(found.end.tolist()[:-1], found.start.tolist()[1:], strict=True))


def test_only_the_first_level_counts_unless_all_do() -> None:
    part = Part(kind="tiledimage", data_window=(0, 0, 15, 15), tiles=Tiles(4, 4, ex.MIPMAP))
    data = ex.build([part])
    assert len(extents_of(data)) == 16
    assert set(extents_of(data).level.tolist()) == {0}
    assert set(extents_of(data, all_levels=True).level.tolist()) == set(range(5))


def test_chunks_that_are_not_there_are_not_located() -> None:
    built = ex.lay_out([Part(data_window=(0, 0, 3, 9), absent=frozenset({2, 5}))])
    assert sorted(extents_of(built.data).index.tolist()) == [0, 1, 3, 4, 6, 7, 8, 9]


@pytest.mark.slow
@given(files(types=("int",)), st.integers(1, 3000), st.booleans())
def test_a_full_plan_reads_every_chunk_once(example: Example, read_bytes: int, covers: bool) -> None:
    found = extents_of(example.data, all_levels=True)
    plan = plan_full(found, read_bytes=read_bytes, cover_bytes=len(example.data) if covers else None)
    seen = [position for read in plan.reads for position in range(read.first, read.last)]
    assert seen == list(range(len(found)))
    assert plan.chunks == len(found)
    for read in plan.reads:
        for position in range(read.first, read.last):
            assert read.start <= found.start[position] <= found.end[position] <= read.end
    if covers:
        assert [read.start for read in plan.reads[1:]] == [read.end for read in plan.reads[:-1]]
        assert (plan.reads[0].start, plan.reads[-1].end) == (0, len(example.data))
    else:
        assert plan.bytes <= int((found.end - found.start).sum()) + 9  # the writer's gaps


def test_full_requests_are_of_the_size_asked_for_and_leave_out_holes() -> None:
    plan = plan_full(extents([100] * 50), read_bytes=1000)
    assert [read.end - read.start for read in plan.reads] == [1000] * 5
    plan = plan_full(extents([100] * 5, gap=1 << 20), read_bytes=1 << 30)
    assert [read.end - read.start for read in plan.reads] == [100] * 5


@given(
    st.lists(st.tuples(st.integers(1, 500), st.integers(0, 3)), min_size=1, max_size=80),
    st.integers(0, 5000),
    st.integers(0, 9),
    st.integers(0, 99),
)
def test_a_sample_keeps_to_its_budget(chunks: list[tuple[int, int]], size: int, requests: int, seed: int) -> None:
    found = extents([n for n, _ in chunks], [part for _, part in chunks])
    plan = plan_sample(found, seed=seed, max_bytes=size, max_requests=requests)
    assert plan.bytes <= size
    assert len(plan.reads) <= requests
    seen = [position for read in plan.reads for position in range(read.first, read.last)]
    assert seen == sorted(set(seen))
    assert all(
        read.start <= found.start[i] < found.end[i] <= read.end
        for read in plan.reads
        for i in range(read.first, read.last)
    )
    assert plan.reads == plan_sample(found, seed=seed, max_bytes=size, max_requests=requests).reads
    if requests and size >= sum(n for n, _ in chunks):
        assert plan.chunks == len(chunks)
    if requests and size >= min(n for n, _ in chunks):
        assert plan.chunks


def test_a_sample_is_spread_over_the_rows() -> None:
    plan = plan_sample(extents([1000] * 800), seed=1, max_bytes=40_000, max_requests=8)
    assert len(plan.reads) == 8
    assert [sum(low <= read.first < low + 400 for read in plan.reads) for low in (0, 400)] == [4, 4]
    assert plan.bytes >= 36_000  # most of the budget is used


@pytest.mark.parametrize("count", [10, 11, 13, 14])
def test_every_chunk_of_a_file_with_holes_can_be_drawn(count: int) -> None:
    plan = plan_sample(extents([1000] * count, gap=1 << 20), seed=1, max_bytes=40_000, max_requests=16)
    assert plan.chunks == count


def test_few_bytes_that_decode_to_very_many_are_sampled_by_what_they_decode_to() -> None:
    found = extents([2_000] * 10)
    size = np.full(10, 170 << 20, np.int64)
    bombs = replace(found, unpacked=size, size=size)
    assert plan_sample(found, seed=1, max_bytes=4 << 20, max_requests=8).chunks == 10
    plan = plan_sample(bombs, seed=1, max_bytes=4 << 20, max_requests=8)
    assert plan.strata
    assert 0 < sum(bombs.decoded(read.first, read.last) for read in plan.reads) <= DECODED_PER_BYTE * (4 << 20)


def test_every_part_is_sampled_while_there_are_requests_for_it() -> None:
    parts = [number for number in range(5) for _ in range(20 if number else 400)]
    plan = plan_sample(extents([1000] * len(parts), parts), seed=3, max_bytes=24_000, max_requests=8)
    assert {parts[read.first] for read in plan.reads} == set(range(5))
    # Two chunks of each part, so that errors can be estimated, while there are requests: the largest part first.
    assert len(plan.reads) == 8
    assert sum(parts[read.first] == 0 for read in plan.reads) == 2


def test_sizes_that_have_no_two_requests_each_are_sampled_together() -> None:
    found = extents([2_000] * 4 + [30_000] * 4 + [60_000] * 4)
    plan = plan_sample(found, seed=1, max_bytes=100_000, max_requests=4, chunk_bytes=1 << 20)
    assert [(stratum.clusters, stratum.drawn) for stratum in plan.strata] == [(8, 2), (4, 2)]


def test_two_draws_of_a_part_show_how_it_varies_only_if_its_chunks_are_alike() -> None:
    """Two draws of a part with a sky are often of the sky alone; one chunk that is read always does not count."""
    many = [part for part in range(4) for _ in range(40)]
    alike, varied = [20_000] * 40, [20_000 + 500 * row for row in range(40)]
    for sizes, is_mixed in ((alike, False), (varied, True), ([*alike[1:], 90_000], False)):
        decoded = np.full(160, 200_000)  # equal rows, compressed more or less
        found = replace(extents(sizes * 4, many), unpacked=decoded, size=decoded)
        plan = plan_sample(found, seed=1, max_bytes=400_000, max_requests=12, chunk_bytes=1 << 25)
        assert {each.is_mixed for each in plan.strata if each.drawn < each.clusters} == {is_mixed}


def test_different_seeds_look_elsewhere() -> None:
    found = extents([1000] * 500)
    plans = {plan_sample(found, seed=seed, max_bytes=20_000, max_requests=4).reads for seed in range(5)}
    assert len(plans) == 5


def test_small_files_are_read_whole_in_one_request() -> None:
    plan = plan_sample(extents([100] * 30), seed=0, max_bytes=3000, max_requests=8)
    assert (len(plan.reads), plan.chunks) == (1, 30)


def test_nothing_fits_into_nothing() -> None:
    assert not plan_sample(extents([100] * 30), seed=0, max_bytes=99, max_requests=8).reads
    assert not plan_sample(extents([]), seed=0, max_bytes=99, max_requests=8).reads
    assert not plan_full(extents([]), read_bytes=10).reads


def test_the_share_bounds_large_files_only() -> None:
    def limit(size: int) -> int:
        return sample_bytes(size, 4 << 20)

    assert limit(10 << 20) == 4 << 20
    assert limit(100_000_000) == 2_000_000
    assert limit(1 << 40) == 4 << 20


def test_decreasing_and_interleaved_files_are_read_in_file_order() -> None:
    parts = [Part(data_window=(0, 0, 3, 5), name=name, line_order=ex.DECREASING_Y) for name in "ab"]
    order = [(number, index) for index in range(5, -1, -1) for number in (1, 0)]
    built: Built = ex.lay_out(parts, order=order)
    found = extents_of(built.data)
    assert list(zip(found.part.tolist(), found.index.tolist(), strict=True)) == order
    assert len(plan_full(found, read_bytes=1 << 20).reads) == 1


def test_a_chunk_bound_holds_for_subsampled_rows() -> None:
    channels = (Channel("Y"), Channel("BY", ex.HALF, 2, 2))
    built = ex.lay_out([Part(data_window=(0, 0, 7, 31), channels=channels, compression=ex.ZIP)], trailing=bytes(9000))
    found = extents_of(built.data)
    spans = built.parts[0].chunks
    assert found.end.tolist() == [spans[index].end for index in (0, 1)]


def test_requests_that_are_left_go_where_a_draw_shows_most_pixels() -> None:
    sizes = [1000] * 60 + [1000] * 20
    plan = plan_sample(extents(sizes, [0] * 60 + [1] * 20), seed=1, max_bytes=1 << 14, max_requests=16)
    drawn = [sum(1 for read in plan.reads if (read.first >= 60) is second) for second in (False, True)]
    assert drawn == [12, 4], "three times as many pixels, three times as many draws"


def test_chunks_at_the_edges_of_an_image_decode_to_less() -> None:
    rows = extents_of(
        ex.build([Part(data_window=(0, 0, 9, 39), channels=(Channel("Y", ex.HALF),), compression=ex.ZIP)])
    )
    assert rows.size.tolist() == [320, 320, 160]
    tiles = extents_of(
        ex.build(
            [Part(kind="tiledimage", data_window=(0, 0, 9, 5), channels=(Channel("Y", ex.HALF),), tiles=Tiles(8, 4))]
        )
    )
    assert tiles.size.tolist() == [64, 16, 32, 8]
    assert tiles.unpacked.tolist() == [64] * 4, "the library needs as much for each"


def test_a_deep_chunk_is_bounded_by_its_table_of_samples() -> None:
    part = parse_header(ex.build([Part(kind="deepscanline", data_window=(0, 0, 9, 31), compression=ex.ZIPS)])).parts[0]
    assert chunk_bound(part_layout(part)) == 4 * 10 * 1
