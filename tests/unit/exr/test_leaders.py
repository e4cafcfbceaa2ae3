"""Chunk leaders: reading, checking, planning reads, and finding chunks without a table."""

import dataclasses
import struct

import numpy as np
import pytest

from exr_inspector.errors import BudgetExceeded, DecodeError
from exr_inspector.exr.chunks.checks import LeaderReport, check_all_leaders, check_last_leader, promised_order
from exr_inspector.exr.chunks.leaders import address_of, check_leader, chunk_index, leader_bytes, parse_leader
from exr_inspector.exr.chunks.rebuild import rebuild_tables
from exr_inspector.exr.chunks.tables import ChunkState
from exr_inspector.exr.file_bytes import Answer, FileBytes, Ranges, answer_requests
from tests.support.exrbytes import (
    DECREASING_Y,
    MIPMAP,
    NONE,
    RIPMAP,
    ZIP,
    ZIPS,
    Channel,
    Chunk,
    Part,
    Tiles,
    a_lineorder,
    build,
    lay_out,
)
from tests.support.located import located

SHAPES = {
    "scan lines": [Part(compression=NONE)],
    "blocks": [Part(compression=ZIP, data_window=(-3, -20, 4, 21), compress=True)],
    "sampled": [Part(compression=ZIP, data_window=(0, 0, 7, 39), channels=[Channel("Y"), Channel("BY", 1, 2, 2)])],
    "tiles": [Part(kind="tiledimage", tiles=Tiles(3, 2), data_window=(0, 0, 7, 6))],
    "mip maps": [Part(kind="tiledimage", tiles=Tiles(3, 2, MIPMAP), data_window=(5, -5, 12, 8))],
    "rip maps": [Part(kind="tiledimage", tiles=Tiles(4, 4, RIPMAP), data_window=(0, 0, 12, 8))],
    "deep scan lines": [Part(kind="deepscanline", compression=ZIPS, data_window=(0, 3, 5, 9))],
    "deep tiles": [Part(kind="deeptile", tiles=Tiles(3, 2), data_window=(0, 0, 7, 6))],
    "parts": [
        Part(name="a"),
        Part(name="b", kind="tiledimage", tiles=Tiles(2, 2)),
        Part(name="c", kind="deepscanline"),
    ],
}


class Reader:
    """Serves ranges of bytes and counts the requests, of which there may be `budget`; no bytes are available at first."""

    def __init__(self, data: bytes, budget: int = 1_000_000) -> None:
        self.data = data
        self.budget = budget
        self.requests = 0
        self.ranges: list[tuple[int, int]] = []
        self.file = FileBytes()
        self.file.size = len(data)

    def __call__(self, ranges: Ranges) -> Answer:
        if self.requests == self.budget:
            raise BudgetExceeded("no request left")
        self.requests += 1
        self.ranges += ranges
        return Answer([self.data[start:end] for start, end in ranges], len(self.data))

    def last(self) -> LeaderReport:
        return answer_requests(check_last_leader(located(self.data).chunks, self.file), self)

    def all(self) -> LeaderReport:
        return answer_requests(check_all_leaders(located(self.data).chunks, self.file), self)


def last(data: bytes) -> LeaderReport:
    return Reader(data).last()


def everything(data: bytes) -> LeaderReport:
    return Reader(data).all()


def codes(report: LeaderReport) -> list[str]:
    return [problem.kind.name for problem in report.problems]


@pytest.mark.parametrize("shape", SHAPES)
def test_leaders_of_sound_files_are_sound(shape: str) -> None:
    built = lay_out(SHAPES[shape])
    chunks = located(built.data).chunks
    assert chunks.first_offset == built.tables_end
    for number, layout in enumerate(chunks.layouts):
        size = leader_bytes(layout, chunks.is_multi_part)
        for index, span in built.parts[number].chunks.items():
            assert span.body - span.start == size
            leader = parse_leader(built.data, span.start, layout, chunks.is_multi_part)
            assert (leader.data_offset, leader.end) == (span.body, span.end)
            assert leader.address == address_of(number, layout.place(index), is_tiled=layout.is_tiled)
            assert chunk_index(leader.address, layout) == index
            check = check_leader(leader, layout.place(index), layout, number, len(built.data))
            assert check.state is ChunkState.OK, check
    report = everything(built.data)
    assert (report.checked, report.problems, set(report.states)) == ("leaders", (), {None})


@pytest.mark.parametrize("shape", SHAPES)
def test_the_last_leader_costs_one_small_range(shape: str) -> None:
    data = build(SHAPES[shape])
    reader = Reader(data)
    report = reader.last()
    assert (report.checked, report.problems, reader.requests) == ("last leader", (), 1)
    ((start, end),) = reader.ranges
    assert end - start <= 44
    assert start == max(int(table.offsets.max()) for table in located(data).tables)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("cut", [1, 5])
def test_a_file_cut_off_in_its_last_chunk(shape: str, cut: int) -> None:
    data = build(SHAPES[shape])[:-cut]
    before = located(data).chunks
    assert set(before.states) == {None}  # the tables do not show it
    for report in (last(data), everything(data)):
        assert codes(report) == ["CHUNK_PAST_END"]
        assert [int(np.count_nonzero(s)) for s in report.states if s is not None] == [1]
        assert ChunkState.PAST_END in next(s for s in report.states if s is not None)


def test_a_file_cut_off_in_a_leader() -> None:
    built = lay_out([Part()])
    start = built.parts[0].chunks[2].start
    report = last(built.data[: start + 3])
    assert codes(report) == ["CHUNK_PAST_END"]
    assert report.problems[0].offset == start


def bent(kind: str = "scanlineimage", *, compression: int = ZIPS, **change: object) -> bytes:
    def edit(index: int, made: Chunk) -> Chunk:
        return dataclasses.replace(made, **change) if index == 1 else made

    part = Part(kind=kind, edit_chunk=edit, compression=compression, tiles=Tiles(2, 2))
    return build([part])


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (bent(coordinates=(2,)), "WRONG_LEADER"),
        (bent(coordinates=(-1,)), "WRONG_LEADER"),
        (bent("tiledimage", coordinates=(0, 0, 0, 0)), "WRONG_LEADER"),
        (bent("tiledimage", coordinates=(1, 0, 1, 1)), "WRONG_LEADER"),
        (bent("deepscanline", coordinates=(0,)), "WRONG_LEADER"),
        (bent(sizes=(25,)), "CHUNK_SIZE"),
        (bent(sizes=(0,)), "CHUNK_SIZE"),
        (bent(sizes=(-1,)), "CHUNK_SIZE"),
        (bent(sizes=(23,), compression=NONE), "CHUNK_SIZE"),
        (bent("deepscanline", sizes=(17, 4, 4)), "DEEP_CHUNK_SIZES"),
        (bent("deepscanline", sizes=(0, 4, 4)), "DEEP_CHUNK_SIZES"),
        (bent("deepscanline", sizes=(16, 5, 4)), "DEEP_CHUNK_SIZES"),
        (bent("deepscanline", sizes=(16, 0, 4)), "DEEP_CHUNK_SIZES"),
        (bent("deepscanline", sizes=(16, 1 << 31, 1 << 31)), "DEEP_CHUNK_SIZES"),
        (bent("deepscanline", sizes=(12, 4, 4), compression=NONE), "DEEP_CHUNK_SIZES"),
    ],
)
def test_wrong_leaders_are_reported(data: bytes, code: str) -> None:
    report = everything(data)
    assert codes(report) == [code]
    (problem,) = report.problems
    assert problem.found
    assert problem.expected
    states = report.states[0]
    assert states is not None
    assert states[1] == ChunkState.BAD_LEADER
    assert problem.offset == located(data).tables[0].offsets[1]


def test_a_full_table_of_a_clipped_deep_tile_is_accepted() -> None:
    data = bent("deeptile", compression=NONE)
    chunks = located(data).chunks
    layout = chunks.layouts[0]
    place = layout.place(2)  # 2 x 1 pixels of a tile of 2 x 2
    leader = parse_leader(data, int(chunks.tables[0].offsets[2]), layout, is_multi_part=False)
    assert leader.table_bytes == 8
    for table_bytes, state in ((16, ChunkState.OK), (17, ChunkState.BAD_LEADER), (7, ChunkState.BAD_LEADER)):
        bent_leader = dataclasses.replace(leader, table_bytes=table_bytes)
        assert check_leader(bent_leader, place, layout, 0, 1 << 40).state is state


def test_a_leader_of_another_part() -> None:
    built = lay_out([Part(name="a"), Part(name="b")])
    data = built.patched(built.parts[1].chunks[0].start, struct.pack("<i", 0))
    report = everything(data)
    assert codes(report) == ["WRONG_LEADER"]
    assert report.problems[0].part == 1


def test_overlaps_gaps_and_a_tail() -> None:
    assert codes(everything(build([Part()], trailing=b"tail"))) == ["UNREFERENCED_BYTES"]
    assert codes(last(build([Part()], trailing=b"tail"))) == ["UNREFERENCED_BYTES"], (
        "the last leader shows where chunks end"
    )
    assert codes(last(build([Part(absent=frozenset({1}))], trailing=b"tail"))) == [], "it may be the missing chunk"
    report = everything(build([Part()], gaps={(0, 1): b"abc", (0, 2): b"de"}))
    assert codes(report) == ["UNREFERENCED_BYTES"]
    assert report.problems[0].found == "5 bytes"
    built = lay_out([Part(compression=ZIPS)])
    start = built.parts[0].chunks[0].start  # chunk 0 declares fewer bytes, so its end belongs to no chunk
    assert codes(everything(built.patched(start + 4, struct.pack("<i", 9)))) == ["UNREFERENCED_BYTES"]
    # a copy of chunk 1's leader inside chunk 0, to which the table points
    inner = built.patched(start + 10, struct.pack("<ii", 1, 3))
    table = built.parts[0].table.start
    overlapping = inner[: table + 8] + struct.pack("<Q", start + 10) + inner[table + 16 :]
    report = everything(overlapping)
    assert codes(report) == ["OVERLAPPING_CHUNK", "UNREFERENCED_BYTES"]
    assert report.states[0] is not None
    assert report.states[0].tolist() == [ChunkState.OK, ChunkState.DUPLICATE, ChunkState.OK]


def test_chunks_out_of_the_line_order_are_reported() -> None:
    assert codes(everything(build([Part(line_order=DECREASING_Y)]))) == []
    assert codes(everything(build([Part(replace=[a_lineorder(DECREASING_Y)])]))) == ["CHUNK_ORDER"]
    report = everything(build([Part()], order=[(0, 1), (0, 0), (0, 2)]))
    assert codes(report) == ["CHUNK_ORDER"]
    assert codes(last(build([Part()], order=[(0, 1), (0, 0), (0, 2)]))) == ["CHUNK_ORDER"], "the table alone shows it"
    tiled = Part(kind="tiledimage", tiles=Tiles(2, 2), data_window=(0, 0, 3, 5), line_order=DECREASING_Y)
    assert codes(everything(build([tiled], order=[(0, i) for i in (4, 5, 2, 3, 0, 1)]))) == []
    assert codes(everything(build([tiled]))) == ["CHUNK_ORDER"]
    random = Part(kind="tiledimage", tiles=Tiles(2, 2), replace=[a_lineorder(2)])
    assert codes(everything(build([random], order=[(0, 3), (0, 0), (0, 2), (0, 1)]))) == []


def test_decreasing_order_goes_level_by_level() -> None:
    data = build([Part(kind="tiledimage", tiles=Tiles(2, 2, MIPMAP), data_window=(0, 0, 3, 3))])
    order = promised_order(located(data).layouts[0], DECREASING_Y)
    assert order.tolist() == [2, 3, 0, 1, 4, 5]


def test_neighbouring_leaders_are_read_together_and_far_ones_apart() -> None:
    small = build([Part(data_window=(0, 0, 3, 199))])
    reader = Reader(small)
    reader.all()
    assert (reader.requests, len(reader.ranges)) == (1, 1)
    wide = build([Part(data_window=(0, 0, 9999, 99))])
    reader = Reader(wide)
    report = reader.all()
    assert (reader.requests, len(reader.ranges), report.problems) == (2, 100, ())
    assert sum(end - start for start, end in reader.ranges) == 800


def test_without_budget_the_tables_have_the_last_word() -> None:
    data = build([Part()])[:-1]
    for report in (Reader(data, budget=0).last(), Reader(data, budget=0).all()):
        assert (report.checked, report.problems, report.states) == ("tables", (), (None,))


def test_nothing_to_read() -> None:
    data = build([Part(edit_table=lambda offsets: [0] * len(offsets))])
    reader = Reader(data)
    assert reader.last().checked == "tables"
    assert reader.requests == 0


def emptied(parts: list[Part]) -> list[Part]:
    return [dataclasses.replace(part, edit_table=lambda offsets: [0] * len(offsets)) for part in parts]


def rebuilt(data: bytes, budget: int = 1_000_000, read_bytes: int = 64) -> tuple[LeaderReport, Reader]:
    reader = Reader(data, budget)
    return answer_requests(rebuild_tables(located(data).chunks, reader.file, read_bytes=read_bytes), reader), reader


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("read_bytes", [1, 64, 1 << 20])
def test_tables_are_rebuilt(shape: str, read_bytes: int) -> None:
    whole = located(build(SHAPES[shape])).chunks
    report, _ = rebuilt(build(emptied(SHAPES[shape])), read_bytes=read_bytes)
    assert [table.offsets.tolist() for table in report.tables] == [table.offsets.tolist() for table in whole.tables]
    assert (codes(report), set(report.states), report.checked) == (["TABLE_REBUILT"], {None}, "rebuilt")


def test_a_whole_table_needs_no_finding() -> None:
    report, _ = rebuilt(build([Part()]))
    assert (codes(report), report.states) == ([], (None,))


def test_rebuilding_keeps_to_its_budget_and_to_what_it_found() -> None:
    data = build(emptied([Part(data_window=(0, 0, 99, 9))]))
    report, reader = rebuilt(data, budget=4)
    assert reader.requests == 4
    assert np.count_nonzero(report.tables[0].offsets) == 4
    assert report.states[0] is not None
    assert np.count_nonzero(report.states[0]) == 6


def test_rebuilding_goes_on_behind_damage_at_a_good_entry() -> None:
    built = lay_out([Part(data_window=(0, 0, 3, 9))])
    chunks = built.parts[0].chunks
    damaged = built.patched(chunks[4].start, b"\xff" * 8)  # a leader is gone, and chunk 4 with it
    table = built.parts[0].table.start
    keep = struct.pack("<Q", chunks[6].start)
    zeroed = damaged[:table] + bytes(48) + keep + bytes(24) + damaged[table + 80 :]
    report, _ = rebuilt(zeroed)
    assert np.flatnonzero(report.tables[0].offsets == 0).tolist() == [4, 5]
    assert codes(report) == []


def test_a_good_entry_is_kept_although_an_older_copy_of_its_chunk_is_found() -> None:
    built = lay_out([Part(data_window=(0, 0, 3, 9))])
    chunks, table = built.parts[0].chunks, built.parts[0].table.start
    newer = len(built.data)
    data = built.data + built.data[chunks[4].start : chunks[4].end]
    data = data[: table + 32] + struct.pack("<Q", newer) + data[table + 40 :]  # chunk 4 was written again
    data = data[: table + 56] + bytes(8) + data[table + 64 :]  # the entry of chunk 7 is lost
    report, _ = rebuilt(data)
    assert int(report.tables[0].offsets[4]) == newer
    assert int(report.tables[0].offsets[7]) == chunks[7].start
    assert codes(report) == ["TABLE_REBUILT"]


def test_rebuilding_stops_at_the_cut() -> None:
    data = build(emptied([Part(data_window=(0, 0, 3, 9))]))[:-1]
    report, _ = rebuilt(data)
    assert np.flatnonzero(report.tables[0].offsets == 0).tolist() == [9]


def test_short_buffers_and_negative_sizes_are_our_errors() -> None:
    layout = located(build([Part()])).layouts[0]
    with pytest.raises(DecodeError):
        parse_leader(b"\0" * 7, 0, layout, is_multi_part=False)
    with pytest.raises(DecodeError):
        parse_leader(struct.pack("<ii", 0, -1), 0, layout, is_multi_part=False)
    with pytest.raises(DecodeError):
        parse_leader(struct.pack("<ii", 0, 1), 9, layout, is_multi_part=False)


def test_rip_map_tiles_are_found_by_their_coordinates() -> None:
    layout = located(build(SHAPES["rip maps"])).layouts[0]
    for index in range(layout.chunk_count):
        place = layout.place(index)
        where = (place.level.level_x, place.level.level_y, place.tile_x, place.tile_y)
        assert layout.index_of(*where) == index
    assert layout.index_of(0, 9, 0, 0) is None
    assert layout.index_of(0, 0, 0, -1) is None
    assert layout.index_of(-1, 0, 0, 0) is None
    mip = located(build(SHAPES["mip maps"])).layouts[0]
    assert mip.index_of(0, 1, 0, 0) is None
