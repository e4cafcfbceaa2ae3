"""The probe, fed from memory: its requests, and its results wherever a file ends."""

from pathlib import Path

import pytest

from exr_inspector.errors import (
    AccessDenied,
    BudgetExceeded,
    DeadlineExceeded,
    EmptyFile,
    FormatError,
    LimitExceeded,
    SourceUnavailable,
    TruncatedHeader,
)
from exr_inspector.exr.chunks.tables import ChunkState
from exr_inspector.exr.file_bytes import Answer, Ranges, answer_requests
from exr_inspector.exr.header.parser import parse_header
from exr_inspector.exr.limits import Limits
from exr_inspector.exr.probe import LeaderMode, probe
from exr_inspector.validation import RULES
from tests.support.exrbytes import MIPMAP, ZIPS, Channel, Part, Tiles, a_int, a_string, build, lay_out
from tests.support.exrbytes_attributes import packed

FORMAT = Path(__file__).parents[3] / "exr_inspector" / "exr"
SHAPES = {
    "scan lines": [Part(compression=ZIPS)],
    "tiles": [Part(kind="tiledimage", tiles=Tiles(3, 2, MIPMAP), data_window=(5, -5, 12, 8))],
    "deep": [Part(kind="deepscanline", compression=ZIPS)],
    "parts": [Part(name="a"), Part(name="b", kind="tiledimage", tiles=Tiles(2, 2)), Part(name="c", kind="deeptile")],
}


class File:
    """A file in memory that counts requests; request number `fails` gets `error`."""

    def __init__(self, data: bytes, *, fails: int = 0, error: Exception | None = None) -> None:
        self.data = data
        self.fails = fails
        self.error = error
        self.asked: list[Ranges] = []

    def __call__(self, ranges: Ranges) -> Answer:
        self.asked.append(ranges)
        if self.error and len(self.asked) == self.fails:
            raise self.error
        return Answer([self.data[start:end] for start, end in ranges], len(self.data))

    @property
    def bytes_read(self) -> int:
        return sum(min(end, len(self.data)) - start for ranges in self.asked for start, end in ranges)


def tall(**changes: object) -> Part:
    """A part whose chunks reach beyond the first 64 KiB."""
    return Part(data_window=(0, 0, 99, 299), compression=ZIPS, **changes)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("leaders", LeaderMode)
def test_an_ordinary_file_takes_one_request(shape: str, leaders: LeaderMode) -> None:
    file = File(build(SHAPES[shape]))
    found = answer_requests(probe(leaders=leaders, rebuild_bytes=4_096), file)
    assert file.asked == [((0, 65_536),)]
    assert (found.error, found.problems) == (None, ())
    assert found.header == parse_header(file.data)
    assert [part.is_complete for part in found.completeness] == [True] * len(SHAPES[shape])
    assert {part.checked for part in found.completeness} == {"leaders" if leaders is LeaderMode.ALL else "last leader"}
    assert found.start == file.data


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("first_bytes", [*(pytest.param(n, marks=pytest.mark.slow) for n in (1, 64)), 65_536])
def test_every_truncation_says_what_is_gone(shape: str, first_bytes: int) -> None:
    built = lay_out(SHAPES[shape])
    whole = answer_requests(probe(), File(built.data))
    for size in range(len(built.data)):
        file = File(built.data[:size])
        found = answer_requests(probe(first_bytes=first_bytes, leaders=LeaderMode.LAST), file)
        if size < built.headers_end:
            assert type(found.error) is (EmptyFile if size == 0 else TruncatedHeader), size
            assert (found.header is not None) == (size >= 8)
            assert found.completeness == ()
            continue
        assert found.error is None, (size, found.error)
        assert found.header == whole.header
        assert any(not part.is_complete for part in found.completeness), size
        states = {state for part in found.completeness for state in part.counts}
        assert states <= {ChunkState.NO_ENTRY, ChunkState.OUT_OF_RANGE, ChunkState.PAST_END}, size
        assert file.bytes_read <= size + 64


def test_the_first_read_decides_how_many_requests_follow() -> None:
    data = build([Part(extra=[a_int(f"a{n}", n) for n in range(2_000)])])
    for first_bytes, most in ((256, 10), (4_096, 6), (1 << 20, 1)):
        file = File(data)
        assert answer_requests(probe(first_bytes=first_bytes), file).header == parse_header(data)
        assert len(file.asked) <= most


def test_tables_beyond_the_first_read_take_one_request_more_and_no_byte_too_many() -> None:
    built = lay_out([Part(data_window=(0, 0, 0, 19_999))])
    file = File(built.data)
    assert answer_requests(probe(), file).completeness[0].is_complete
    assert file.asked == [((0, 65_536),), ((65_536, built.tables_end),)]


@pytest.mark.parametrize(
    ("leaders", "complete", "requests"),
    [(LeaderMode.OFF, True, 1), (LeaderMode.LAST, False, 2), (LeaderMode.ALL, False, 2)],
)
def test_leaders_are_read_as_far_as_asked(leaders: LeaderMode, complete: bool, requests: int) -> None:
    file = File(build([tall()])[:-20])
    found = answer_requests(probe(leaders=leaders), file)
    assert [part.is_complete for part in found.completeness] == [complete]
    assert len(file.asked) == requests


def test_a_zeroed_table_is_rebuilt_when_asked() -> None:
    data = build([tall(edit_table=lambda offsets: [0] * len(offsets))])
    assert not answer_requests(probe(), File(data)).completeness[0].is_complete
    rebuilt = answer_requests(probe(rebuild_bytes=4_096), File(data))
    assert (rebuilt.completeness[0].is_complete, rebuilt.completeness[0].checked) == (True, "rebuilt")
    assert [problem.kind.name for problem in rebuilt.problems] == ["TABLE_REBUILT"]


def test_without_budget_for_leaders_the_tables_have_the_last_word() -> None:
    data = build([tall()])
    for leaders in (LeaderMode.LAST, LeaderMode.ALL):
        found = answer_requests(probe(leaders=leaders), File(data, fails=2, error=BudgetExceeded("no request left")))
        assert (found.error, found.completeness[0].checked) == (None, "tables")


def test_a_permanent_error_of_the_source_ends_the_probe_and_a_passing_one_is_raised() -> None:
    data = build([Part(extra=[a_string("comments", "x" * 200_000)])])
    for error in (AccessDenied("denied"), BudgetExceeded("no request left")):
        found = answer_requests(probe(), File(data, fails=2, error=error))
        assert (found.header, found.error) == (None, error)
    with pytest.raises(SourceUnavailable):
        answer_requests(probe(), File(data, fails=2, error=SourceUnavailable("down")))


def test_an_error_while_tables_are_read_keeps_the_header() -> None:
    data = build([Part(data_window=(0, 0, 0, 19_999))])
    found = answer_requests(probe(), File(data, fails=2, error=AccessDenied("denied")))
    assert found.header == parse_header(data)
    assert isinstance(found.error, AccessDenied)
    assert found.completeness == ()


def test_a_part_without_a_layout_hides_the_tables_behind_it_only() -> None:
    data = build([Part(name="good"), Part(name="bad", without="channels"), Part(name="behind")])
    found = answer_requests(probe(), File(data))
    assert [layout is not None for layout in found.layouts] == [True, False, True]
    assert isinstance(found.error, FormatError)
    assert found.error_part == 1
    assert [part.part for part in found.completeness] == [0]


LIMITED = {
    "header_bytes": (Limits(header_bytes=100), [Part()]),
    "attributes": (Limits(attributes=7), [Part()]),
    "parts": (Limits(parts=1), [Part(name="a"), Part(name="b")]),
    "channels": (Limits(channels=2), [Part()]),
    "name_bytes": (Limits(name_bytes=20), [Part(extra=[a_int("n" * 21, 1)])]),
    "chunks": (Limits(chunks=2), [Part()]),
    "table_bytes": (Limits(table_bytes=16), [Part()]),
    "string_bytes": (Limits(string_bytes=100), [Part(extra=[a_string("s", "x" * 101)])]),
    "image_px": (Limits(image_px=3), [Part()]),
    "tile_px": (Limits(tile_px=3), [Part(kind="tiledimage", tiles=Tiles(4, 2))]),
}


@pytest.mark.parametrize("limit", LIMITED)
def test_each_limit_counts(limit: str) -> None:
    limits, parts = LIMITED[limit]
    data = build(parts)
    assert answer_requests(probe(), File(data)).error is None
    error = answer_requests(probe(limits), File(data)).error
    assert isinstance(error, LimitExceeded)
    assert error.limit == limit


def test_every_limit_is_tried() -> None:
    tried_with_manifests = {"inflated_bytes", "manifest_entries"}  # see test_idmanifest
    assert LIMITED.keys() | tried_with_manifests == set(Limits.__dataclass_fields__)


def test_the_checkpoint_ends_a_probe_wherever_much_is_to_be_done() -> None:
    class Clock:
        def __init__(self, calls: int) -> None:
            self.left = calls

        def __call__(self) -> None:
            self.left -= 1
            if self.left < 0:
                raise DeadlineExceeded("no time left")

    attributes = [packed(f"a{n}", "type of a studio", "i", n) for n in range(9_000)]
    data = build([tall(extra=attributes, channels=[Channel("R")])])
    calls = Clock(1 << 30)
    answer_requests(probe(leaders=LeaderMode.ALL, checkpoint=calls), File(data))
    needed = (1 << 30) - calls.left
    assert needed > 5
    for number in range(needed):
        with pytest.raises(DeadlineExceeded):
            answer_requests(probe(leaders=LeaderMode.ALL, checkpoint=Clock(number)), File(data))


@pytest.mark.parametrize("path", sorted(FORMAT.rglob("*.py")), ids=lambda path: path.name)
def test_the_format_names_no_setting_and_no_rule(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "EXR_" not in text
    assert [code for code in RULES if code in text] == []
