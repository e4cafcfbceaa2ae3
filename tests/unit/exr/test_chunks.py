"""Chunk offset tables: states, missing chunks, and completeness."""

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exr_inspector.errors import LimitExceeded
from exr_inspector.exr.chunks.tables import (
    MAX_MISSING_RANGES,
    ChunkState,
    ChunkTable,
    Completeness,
    MissingRange,
    assess,
    check_table_size,
    chunk_states,
    shared_entries,
)
from exr_inspector.exr.limits import Limits
from tests.support.exrbytes import MIPMAP, RIPMAP, Part, Tiles, build, lay_out
from tests.support.located import located


def verdicts(data: bytes, file_size: int | None = None) -> list[Completeness]:
    found = located(data, file_size)
    return [
        assess(layout, table, states, part.chunk_count)
        for layout, table, states, part in zip(
            found.layouts, found.tables, found.states, found.header.parts, strict=True
        )
    ]


def test_tables_stand_where_the_map_says() -> None:
    parts = [Part(name="a"), Part(name="b", kind="tiledimage", tiles=Tiles(2, 2, RIPMAP)), Part(name="c")]
    built = lay_out(parts)
    found = located(built.data)
    assert found.first_offset == built.tables_end
    for table, places in zip(found.tables, built.parts, strict=True):
        assert (table.start, table.count) == (places.table.start, len(places.chunks))
        assert table.offsets.tolist() == [places.chunks[index].start for index in range(table.count)]
    assert all(verdict.is_complete and verdict.fraction == 1 for verdict in verdicts(built.data))


@pytest.mark.parametrize("cut", range(0, 50, 3))
def test_a_file_that_ends_in_its_tables(cut: int) -> None:
    built = lay_out([Part(name="a"), Part(name="b")])
    size = built.tables_end - cut
    first, second = verdicts(built.data[:size])
    entries = (size - built.headers_end) // 8
    for verdict, known in ((first, min(entries, 3)), (second, max(entries - 3, 0))):
        assert verdict.present == 0  # the existing entries point past the end
        assert verdict.counts.get(ChunkState.OUT_OF_RANGE, 0) == known
        assert verdict.counts.get(ChunkState.NO_ENTRY, 0) == 3 - known


@settings(deadline=None)
@given(st.lists(st.integers(0, 40), max_size=90), st.integers(0, 3), st.booleans())
def test_states_by_brute_force(offsets: list[int], extra: int, rising: bool) -> None:
    entries = sorted(offsets) if rising else offsets
    table = ChunkTable(0, 0, len(entries) + extra, np.array(entries, "<u8"))
    states = chunk_states(table, 5, 35)
    seen: set[int] = set()
    expected = []
    for offset in entries:
        if offset == 0:
            state = ChunkState.ZERO
        elif not 5 <= offset < 35:
            state = ChunkState.OUT_OF_RANGE
        elif offset in seen:
            state = ChunkState.DUPLICATE
        else:
            state = ChunkState.OK
        seen.add(offset)
        expected.append(state)
    expected += [ChunkState.NO_ENTRY] * extra
    assert (states is None) == (not any(expected))
    if states is not None:
        assert states.tolist() == expected


@pytest.mark.parametrize("count", [1, 2, 63, 64, 65, 200])
@pytest.mark.parametrize("step", [8, -8])
def test_usual_tables_are_told_at_once_whatever_their_size(count: int, step: int) -> None:
    offsets = (np.arange(count) * 8 + 100)[:: 1 if step > 0 else -1].astype("<u8")
    table = ChunkTable(0, 0, count, offsets)
    end = 100 + 8 * (count - 1) + 1
    assert chunk_states(table, 100, end) is None
    assert chunk_states(table, 101, end) is not None
    assert chunk_states(table, 100, end - 1) is not None
    if count > 2:
        for spoiled in (1, count - 2):
            changed = offsets.copy()
            changed[spoiled] = changed[spoiled - 1]
            states = chunk_states(ChunkTable(0, 0, count, changed), 100, end)
            assert states is not None
            assert np.flatnonzero(states).tolist() == [spoiled]


def test_entries_beyond_63_bits() -> None:
    data = build([Part(edit_table=lambda offsets: [2**64 - 1, 2**63, offsets[2]])])
    (verdict,) = verdicts(data)
    assert verdict.counts == {ChunkState.OUT_OF_RANGE: 2}


def test_missing_lines_are_ranges() -> None:
    gone = frozenset({0, 1, 5, 9})
    part = Part(data_window=(0, -4, 3, 5), absent=gone)
    (verdict,) = verdicts(build([part]))
    assert [(m.y_min, m.y_max) for m in verdict.missing] == [(-4, -3), (1, 1), (5, 5)]
    assert (verdict.present, verdict.chunk_count, verdict.fraction) == (6, 10, 0.6)
    assert (verdict.counts, verdict.checked, verdict.declared) == ({ChunkState.ZERO: 4}, "tables", None)


def test_missing_ranges_of_different_states_are_apart() -> None:
    part = Part(data_window=(0, 0, 3, 5), edit_table=lambda offsets: [*offsets[:2], 0, 0, 10**9, 0])
    (verdict,) = verdicts(build([part]))
    ranges = [(m.y_min, m.y_max, m.state) for m in verdict.missing]
    assert ranges == [(2, 3, ChunkState.ZERO), (4, 4, ChunkState.OUT_OF_RANGE), (5, 5, ChunkState.ZERO)]


def test_missing_tiles_are_rectangles() -> None:
    part = Part(
        kind="tiledimage", tiles=Tiles(2, 2), data_window=(0, 0, 7, 7), absent=frozenset({2, *range(4, 11), 15})
    )
    (verdict,) = verdicts(build([part]))
    assert verdict.missing == (
        MissingRange(0, 0, 2, 2, 0, 0, 0, 1, 4, 5, ChunkState.ZERO),
        MissingRange(0, 0, 0, 3, 1, 1, 2, 3, None, None, ChunkState.ZERO),
        MissingRange(0, 0, 0, 2, 2, 2, 4, 5, 0, 5, ChunkState.ZERO),
        MissingRange(0, 0, 3, 3, 3, 3, 6, 7, 6, 7, ChunkState.ZERO),
    )
    assert [gap.text for gap in verdict.missing[:2]] == ["rows 0 to 1 in columns 4 to 5", "rows 2 to 3"]


runs = st.tuples(st.integers(0, 83), st.integers(1, 30)).map(lambda run: set(range(run[0], run[0] + run[1])))


@settings(deadline=None)
@given(st.lists(runs, max_size=3), st.sets(st.integers(0, 83), max_size=9), st.sampled_from([0, MIPMAP, RIPMAP]))
def test_rectangles_hold_exactly_what_is_missing(whole_runs: list[set[int]], single: set[int], mode: int) -> None:
    gone = single.union(*whole_runs)
    part = Part(kind="tiledimage", tiles=Tiles(2, 3, mode), data_window=(3, -2, 13, 14))
    data = build([part])
    (layout,) = located(data).layouts
    table = ChunkTable(0, 0, layout.chunk_count, np.arange(1, layout.chunk_count + 1, dtype="<u8"))
    states = np.zeros(layout.chunk_count, np.uint8)
    states[[index for index in gone if index < layout.chunk_count]] = ChunkState.ZERO
    verdict = assess(layout, table, states, None)
    covered = []
    for one in verdict.missing:
        rows = [
            layout.index_of(one.level_x, one.level_y, x, y)
            for y in range(one.tile_y_first, one.tile_y_last + 1)
            for x in range(one.tile_x_first, one.tile_x_last + 1)
        ]
        covered += rows
        places = [layout.place(index or 0).window for index in rows]
        assert (one.y_min, one.y_max) == (min(w.y_min for w in places), max(w.y_max for w in places))
    assert sorted(covered) == np.flatnonzero(states).tolist()


def test_levels_that_were_never_written() -> None:
    upper = Part(kind="tiledimage", tiles=Tiles(2, 2, MIPMAP), data_window=(0, 0, 7, 7))
    for gone, only_upper in ((range(16, 21), True), (range(15, 21), False), (range(20, 21), True), ((), False)):
        bent = Part(kind=upper.kind, tiles=upper.tiles, data_window=upper.data_window, absent=frozenset(gone))
        (verdict,) = verdicts(build([bent]))
        assert verdict.zero_only_upper_levels is only_upper
        assert verdict.is_complete == (not gone)


def test_the_list_of_missing_ranges_has_an_end() -> None:
    part = Part(
        data_window=(0, 0, 0, 2 * MAX_MISSING_RANGES + 3), absent=frozenset(range(0, 2 * MAX_MISSING_RANGES + 4, 2))
    )
    (verdict,) = verdicts(build([part]))
    assert (len(verdict.missing), verdict.missing_truncated) == (MAX_MISSING_RANGES, True)
    assert verdict.counts == {ChunkState.ZERO: MAX_MISSING_RANGES + 2}


def test_the_same_offset_twice() -> None:
    (verdict,) = verdicts(build([Part(edit_table=lambda o: [o[0], o[0], o[2]])]))
    assert verdict.counts == {ChunkState.DUPLICATE: 1}
    assert [(m.y_min, m.y_max) for m in verdict.missing] == [(1, 1)]


def test_an_offset_into_a_later_part_s_table_is_noticed() -> None:
    built = lay_out([Part(name="a"), Part(name="b")])
    data = built.patched(built.parts[0].table.start, struct.pack("<Q", built.parts[1].table.start))
    assert verdicts(data)[0].counts == {ChunkState.OUT_OF_RANGE: 1}


def test_limits_and_tables_that_do_not_fit_the_file() -> None:
    data = build([Part(name="a"), Part(name="b")])
    found = located(data)
    with pytest.raises(LimitExceeded) as caught:
        check_table_size(found.header, found.layouts, Limits(table_bytes=47))
    assert caught.value.limit == "table_bytes"
    check_table_size(found.header, found.layouts, Limits(table_bytes=48))


def test_parts_without_chunks_are_complete() -> None:
    table = ChunkTable(0, 0, 0, np.zeros(0, "<u8"))
    assert chunk_states(table, 0, 0) is None
    layout = located(build([Part()])).layouts[0]
    assert assess(layout, table, None, None).fraction == 1.0


def marked(*offsets: list[int]) -> list[list[int]]:
    """The result of `shared_entries` for tables of these offsets, by part; a file of 1000 bytes whose tables end at 100."""
    tables = [ChunkTable(part, 0, len(some), np.array(some, np.uint64)) for part, some in enumerate(offsets)]
    states = shared_entries(tables, [chunk_states(table, 100, 1000) for table in tables])
    return [[0] * table.count if state is None else state.tolist() for table, state in zip(tables, states, strict=True)]


def test_of_two_parts_with_one_entry_the_later_has_no_chunk_there() -> None:
    assert marked([100, 200], [300, 400]) == [[0, 0], [0, 0]]
    assert marked([100, 300], [200, 400]) == [[0, 0], [0, 0]]
    assert marked([100, 200], [200, 100], [100, 500]) == [[0, 0], [3, 3], [3, 0]]
    assert marked([100, 200], [], [200]) == [[0, 0], [], [3]]
    assert marked([0, 5, 200], [0, 5, 200]) == [[1, 2, 0], [1, 2, 3]]
