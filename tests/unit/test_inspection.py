"""One file in memory through the inspector: the cost of damage, its messages, and that every limit is applied."""

import struct
from typing import Any

import pytest

from exr_inspector.deadline import Deadline
from exr_inspector.errors import DeadlineExceeded
from exr_inspector.exr.chunks.tables import ChunkState
from exr_inspector.exr.limits import Bounds, Limits
from exr_inspector.inspector import Inspector, InspectorConfig, LeaderMode
from exr_inspector.model import Inspection, StatsMode
from exr_inspector.pixels.reader import PixelConfig
from exr_inspector.settings import load_settings
from exr_inspector.storage import SourceOpener
from exr_inspector.validation import builtin_policy, validate_file
from tests.support.exrbytes import (
    NONE,
    ZIP,
    ZIPS,
    Channel,
    ManifestGroup,
    Part,
    Tiles,
    a_idmanifest,
    a_int,
    attr,
    build,
    lay_out,
)

POLICY = builtin_policy("default")
OPENER = SourceOpener(load_settings({}, secrets_dir=None, need=()))


def inspect(data: bytes, deadline: Deadline | None = None, **config: Any) -> Inspection:
    return Inspector(InspectorConfig(**config)).inspect(OPENER.open_bytes(data, key="a.exr"), POLICY, deadline=deadline)


def messages(inspection: Inspection, code: str) -> list[str]:
    return [finding.message for finding in inspection.findings if finding.code == code]


@pytest.mark.parametrize(("leaders", "is_complete"), [(None, False), (LeaderMode.OFF, True)])
def test_the_last_chunk_of_a_file_outside_of_buckets_is_checked(
    leaders: LeaderMode | None, *, is_complete: bool
) -> None:
    data = build([Part(data_window=(0, 0, 999, 99), compression=ZIP)])
    assert inspect(data, leaders=leaders, initial_read_bytes=512).is_complete is True
    assert inspect(data[:-1], leaders=leaders, initial_read_bytes=512).is_complete is is_complete


def overlapping(chunks: int, padding: int) -> bytes:
    """A file with a chunk every 64 bytes, each of which claims to be almost as large as its pixels."""
    part = Part(
        channels=[Channel(name) for name in "ABGR"],
        compression=ZIP,
        data_window=(0, 0, 65_535, 16 * chunks - 1),
        absent=frozenset(range(chunks)),
    )
    built = lay_out([part])
    start = built.tables_end
    table = b"".join(struct.pack("<Q", start + 64 * number) for number in range(chunks))
    size = min(65_536 * 16 * 8, padding) - 1
    leaders = b"".join(struct.pack("<ii", 16 * number, size).ljust(64, b"x") for number in range(chunks))
    return built.data[: built.headers_end] + table + leaders + bytes(padding)


def test_a_sample_of_overlapping_chunks_costs_what_a_sample_may_cost() -> None:
    inspection = inspect(overlapping(200, 36 << 20), stats=StatsMode.SAMPLED)
    assert inspection.cost.requests <= 9  # the first read, and EXR_STATS_REQUESTS
    assert inspection.cost.bytes_read <= PixelConfig().sample_chunk_bytes + 65_536
    assert any("overlaps another one" in message for message in messages(inspection, "CHK-DECODE"))
    assert inspection.is_complete is False


def test_a_pass_over_overlapping_chunks_reads_the_file_at_most_twice() -> None:
    data = overlapping(200, 9 << 20)
    inspection = inspect(data, stats=StatsMode.FULL)
    assert inspection.cost.bytes_read <= 2 * len(data) + 65_536
    assert inspection.cost.requests < 80
    assert inspection.is_complete is False


def test_a_table_entry_inside_another_chunk_does_not_lose_that_chunk() -> None:
    whole = lay_out([Part(compression=ZIPS)])
    inside = whole.parts[0].chunks[0].start + 9
    data = build([Part(compression=ZIPS, edit_table=lambda offsets: [*offsets[:2], inside])])
    (verdict,) = inspect(data, stats=StatsMode.FULL).completeness
    assert (verdict.present, verdict.counts) == (2, {ChunkState.NOT_DECODABLE: 1})


@pytest.mark.parametrize("mode", [StatsMode.SAMPLED, StatsMode.FULL])
def test_chunks_that_do_not_decode_are_not_there(mode: StatsMode) -> None:
    parts = [Part(name=name, compression=ZIPS, compress=True, data_window=(0, 0, 99, 2)) for name in "ab"]
    built = lay_out(parts)
    span = built.parts[1].chunks[1]
    data = built.patched(span.body, b"\xff" * (span.end - span.body))
    untouched = inspect(data)
    assert [part.checked for part in untouched.completeness] == ["last leader", "last leader"]
    assert untouched.is_complete is True
    inspection = inspect(data, stats=mode)
    first, second = inspection.completeness
    assert inspection.is_complete is False
    assert (first.is_complete, second.present, second.counts) == (True, 2, {ChunkState.NOT_DECODABLE: 1})
    assert [gap.text for gap in second.missing] == ["row 1"]
    assert {first.checked, second.checked} == {"decoded" if mode is StatsMode.FULL else "last leader"}


def test_a_pass_over_the_first_level_proves_nothing_of_the_others() -> None:
    data = build([Part(kind="tiledimage", tiles=Tiles(2, 2, 1), compression=ZIPS)])
    assert inspect(data, stats=StatsMode.FULL).completeness[0].checked == "last leader"


def test_sizes_of_chunks_are_worded_exactly() -> None:
    def cut(offsets: list[int]) -> list[int]:
        return offsets

    part = Part(compression=NONE, edit_table=cut)
    built = lay_out([part])
    start = built.parts[0].chunks[1].start
    data = built.patched(start + 4, struct.pack("<i", 10))
    (message,) = messages(inspect(data, stats=StatsMode.FULL), "CHK-DECODE")
    assert "chunk 1 has 10 bytes" in message
    assert "exactly 24" in message


def test_no_python_value_is_in_a_message() -> None:
    built = lay_out([Part(compression=ZIPS)])
    data = built.patched(built.parts[0].chunks[1].start, struct.pack("<i", 0))
    inspection = inspect(data, stats=StatsMode.FULL)
    (message,) = messages(inspection, "CHK-DECODE")
    assert "part 0, y 0" in message
    assert not {"ChunkLeader", "None", "Box2i"} & set(message.replace("(", " ").split())


def test_a_type_that_is_no_text_is_shown_as_what_it_is() -> None:
    parts = [Part(name="a", replace=[attr("type", "string", b"\xff\xfe")]), Part(name="b")]
    (message,) = messages(inspect(build(parts)), "STR-TYPE-UNKNOWN")
    assert "found \\xff\\xfe" in message
    assert "b'" not in message


def test_partly_written_tiles_are_worded_by_rows_and_columns() -> None:
    part = Part(
        kind="tiledimage", tiles=Tiles(2, 2), data_window=(0, 0, 7, 7), absent=frozenset({9, 10, 11, *range(12, 16)})
    )
    (message,) = messages(inspect(build([part])), "CHK-ZERO-OFFSET")
    assert "rows 4 to 5 in columns 2 to 7, rows 6 to 7" in message


MANIFEST = a_idmanifest([ManifestGroup(["id"], ["name"], {n: [f"object {n}"] for n in range(20)})])


@pytest.mark.parametrize("setting", ["EXR_MAX_INFLATED_BYTES", "EXR_MAX_MANIFEST_ENTRIES"])
def test_limits_of_id_manifests_arrive_from_their_settings(setting: str) -> None:
    data = build([Part(kind="deepscanline", channels=[Channel("Z", 2), Channel("id", 0)], extra=[MANIFEST])])
    assert messages(inspect(data), "IDM-PARSE") == []
    settings = load_settings({setting: "10"}, secrets_dir=None, need=())
    inspection = Inspector.from_settings(settings).inspect(OPENER.open_bytes(data, key="a.exr"), POLICY)
    (message,) = messages(inspection, "IDM-PARSE")
    assert setting in message


@pytest.mark.parametrize("limit", Limits.__dataclass_fields__)
def test_every_limit_has_a_setting(limit: str) -> None:
    setting = f"EXR_MAX_{limit.upper()}"
    settings = load_settings({setting: "17"}, secrets_dir=None, need=())
    assert getattr(Inspector.from_settings(settings).config.limits, limit) == 17


def test_a_file_past_a_limit_names_the_setting() -> None:
    inspection = inspect(build([Part()]), limits=Limits(chunks=2))
    assert inspection.error_code == "LIMIT_EXCEEDED"
    assert "EXR_MAX_CHUNKS" in (inspection.error_message or "")


def test_time_that_is_up_ends_the_validation() -> None:
    def stop() -> None:
        raise DeadlineExceeded("no time left")

    inspection = inspect(build([Part()]))
    with pytest.raises(DeadlineExceeded):
        validate_file(inspection, POLICY, Bounds(checkpoint=stop))


def test_time_that_is_up_ends_the_parsing_of_a_large_header() -> None:
    data = build([Part(extra=[a_int(f"a{number}", number) for number in range(20_000)])])
    with pytest.raises(DeadlineExceeded):
        inspect(data, Deadline.after(0))


OWNER = "\u6771\u4eac".encode("shift_jis")


@pytest.mark.parametrize(
    ("value", "shown", "guess"),
    [
        (b"caf\xe9", "caf\\xe9", "Latin-1"),
        (b"\x93quoted\x94", "\\x93quoted\\x94", "Windows-1252"),
        (OWNER, "\\x93\\x8c\\x8b\\x9e", "Shift-JIS"),
        (b"reel\xff\xff", "reel\\xff\\xff", "padding bytes 0xFF"),
    ],
)
def test_text_that_is_not_utf8_can_be_searched(value: bytes, shown: str, guess: str) -> None:
    inspection = inspect(build([Part(extra=[attr("owner", "string", value)])]))
    part = inspection.header.parts[0]
    assert part.text("owner") == shown
    assert part.by_name["owner"].value == value  # no byte is lost
    (message,) = messages(inspection, "STR-STRING-UTF8")
    assert guess in message
