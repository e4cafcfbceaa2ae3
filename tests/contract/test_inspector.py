"""The inspector: which bytes of a file it reads, at which cost, and the outcome of every kind of damage."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from exr_inspector.errors import ObjectChanged, SourceUnavailable, UnsupportedKey
from exr_inspector.exr.limits import Limits
from exr_inspector.inspector import Inspector, InspectorConfig, LeaderMode
from exr_inspector.model import EventInfo, Inspection, StatsMode, Status
from exr_inspector.settings import load_settings
from exr_inspector.storage import SourceOpener
from exr_inspector.validation import builtin_policy
from tests.support.exrbytes import NONE, UINT, ZIPS, Channel, Part, a_compression, a_string, attr, build, lay_out
from tests.support.faulty_s3 import FaultyS3
from tests.support.faulty_s3 import Status as HttpStatus

POLICY = builtin_policy("default")


@pytest.fixture
def s3() -> Iterator[FaultyS3]:
    with FaultyS3() as server:
        yield server


def inspect(s3: FaultyS3, data: bytes | None, **config: Any) -> Inspection:
    """Inspect `data` as the object renders/a.exr over HTTP."""
    if data is not None:
        s3.put("renders", "a.exr", data)
    opener = SourceOpener(load_settings(s3.environ | {"S3_RETRIES": "0"}, secrets_dir=None))
    return Inspector(InspectorConfig(**config)).inspect(opener.open("renders", "a.exr"), POLICY)


def codes(inspection: Inspection) -> set[str]:
    return {finding.code for finding in inspection.findings}


def test_an_ordinary_file_costs_one_request_with_its_completeness(s3: FaultyS3) -> None:
    inspection = inspect(s3, build([Part()]))
    assert inspection.status is Status.INSPECTED
    assert inspection.is_complete is True
    assert inspection.cost.requests == 1
    assert s3.count("GET") == 1


def test_sampled_statistics_of_a_small_file_come_with_the_first_request(s3: FaultyS3) -> None:
    inspection = inspect(s3, build([Part()]), stats=StatsMode.SAMPLED)
    assert s3.count("GET") == 1
    assert {channel.channel for channel in inspection.pixels.channels} == {"R", "G", "B"}
    whole = inspect(s3, build([Part()]), stats=StatsMode.FULL)
    assert inspection.pixels.channels == whole.pixels.channels, "with percentiles"


def test_a_large_header_is_read_in_few_requests(s3: FaultyS3) -> None:
    manifest = a_string("cryptomatte/abc1234/manifest", "x" * 3_000_000)
    inspection = inspect(s3, build([Part(extra=[manifest, a_string("comments", "behind it")])]))
    assert inspection.header.parts[0].text("comments") == "behind it"
    assert inspection.cost.requests <= 3
    assert inspection.cost.bytes_read < 2 * 3_100_000


def test_many_small_attributes_over_the_first_read_double_the_reads(s3: FaultyS3) -> None:
    extra = [a_string(f"a{index}", "v" * 100) for index in range(6_000)]
    inspection = inspect(s3, build([Part(extra=extra)]))
    assert inspection.status is Status.INSPECTED
    assert inspection.cost.requests <= 6


def test_one_large_attribute_costs_one_more_request_and_little_more_than_itself(s3: FaultyS3) -> None:
    manifest = a_string("cryptomatte/abc1234/manifest", "x" * 300_000)
    inspection = inspect(s3, build([tall(extra=[manifest, a_string("comments", "behind it")])]) + bytes(1_000_000))
    assert inspection.is_complete is True
    assert inspection.cost.requests == 2
    assert inspection.cost.bytes_read < 300_000 + 2 * 65_536


def test_tables_beyond_the_first_read_are_read_to_their_end_and_no_further(s3: FaultyS3) -> None:
    built = lay_out([Part(data_window=(0, 0, 0, 19_999))])
    inspection = inspect(s3, built.data)
    assert inspection.is_complete is True
    assert inspection.cost.requests == 2
    assert inspection.cost.bytes_read == built.tables_end


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "EXR_EMPTY"),
        (b"\x89PNG\r\n\x1a\n0000", "EXR_MAGIC"),
        (build([Part()])[:100], "EXR_HEADER_TRUNCATED"),
        (build([Part()], version_word=3), "EXR_VERSION"),
        (build([Part(without="channels")]), "EXR_LAYOUT"),
    ],
)
def test_what_is_wrong_for_good_is_an_outcome_with_a_code(s3: FaultyS3, data: bytes, code: str) -> None:
    inspection = inspect(s3, data)
    assert (inspection.status, inspection.error_code) == (Status.FAILED, code)
    assert inspection.error_message
    assert any(finding.severity.label == "error" for finding in inspection.findings)
    assert inspection.version is not None


def test_a_missing_object_has_no_version_and_is_gone(s3: FaultyS3) -> None:
    inspection = inspect(s3, None)
    assert inspection.is_gone
    assert inspection.version is None


def test_a_denied_object_is_an_outcome(s3: FaultyS3) -> None:
    s3.script(HttpStatus(403))
    inspection = inspect(s3, build([Part()]))
    assert (inspection.status, inspection.error_code) == (Status.FAILED, "SOURCE_ACCESS_DENIED")
    assert not inspection.is_gone


def test_an_outage_is_raised(s3: FaultyS3) -> None:
    s3.script(HttpStatus(503))
    with pytest.raises(SourceUnavailable):
        inspect(s3, build([Part()]))


def test_an_object_that_changes_between_two_reads_is_raised(s3: FaultyS3) -> None:
    big = build([Part(extra=[a_string("comments", "x" * 200_000)])])
    s3.hook = lambda request: s3.put("renders", "a.exr", big + b"tail") if s3.count("GET") == 2 else None
    with pytest.raises(ObjectChanged):
        inspect(s3, big)


def test_what_was_read_before_the_damage_is_kept(s3: FaultyS3) -> None:
    built = lay_out([Part(extra=[a_string("comments", "before"), a_string("zzz", "after").sized(-5)])])
    inspection = inspect(s3, built.data)
    assert inspection.error_code == "EXR_HEADER_DAMAGED"
    assert inspection.header.parts[0].text("comments") == "before"


def test_what_is_wrong_before_the_damage_is_reported(s3: FaultyS3) -> None:
    part = Part(extra=[attr("envmap", "envmap", b"\x09"), a_string("zzz", "after").sized(-5)])
    assert {"STR-HDR-END", "STR-ENUM-OTHER"} <= codes(inspect(s3, build([part])))


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([Part(replace=[a_compression(77)])], "unknown compression: found 77, expected a code from 0 to 13"),
        (
            [Part(name="a"), Part(name="b", without="dataWindow")],
            "part 1: the part lacks attributes that determine its layout: expected dataWindow",
        ),
        (
            [Part(display_window=(5, 0, 0, 0))],
            r"displayWindow is not a valid window at byte \d+: found \(5 0\) - \(0 0\), expected min <= max",
        ),
        (
            [Part(name="a"), Part(name="b", display_window=(0, 0, 8, 8))],
            r"part 1: displayWindow differs .* found \(0 0\) - \(8 8\)",
        ),
    ],
)
def test_why_a_file_failed_says_what_was_found_and_where(s3: FaultyS3, parts: list[Part], message: str) -> None:
    inspection = inspect(s3, build(parts))
    assert inspection.status is Status.FAILED
    assert re.match(message, inspection.error_message or ""), inspection.error_message


def test_an_entry_that_two_parts_have_is_no_chunk_of_the_second(s3: FaultyS3) -> None:
    first = lay_out([Part(name="a"), Part(name="b")]).parts[0].chunks[1].start
    data = build([Part(name="a"), Part(name="b", edit_table=lambda offsets: [offsets[0], first, offsets[2]])])
    inspection = inspect(s3, data)
    assert [whole.present for whole in inspection.completeness] == [3, 2]
    assert "CHK-OFFSET-DUP" in codes(inspection)


def test_bytes_of_parts_that_cannot_be_located_are_no_gaps(s3: FaultyS3) -> None:
    unknown_type = build([Part(name="a"), Part(name="b", replace=[a_string("type", "future")]), Part(name="c")])
    assert "CHK-GAPS" not in codes(inspect(s3, unknown_type, leaders=LeaderMode.ALL))
    unknown_layout = build([Part(name="a"), Part(name="b", replace=[a_compression(77)]), Part(name="c")])
    assert "CHK-GAPS" not in codes(inspect(s3, unknown_layout, leaders=LeaderMode.ALL))


def test_parts_before_one_without_a_layout_still_have_their_completeness(s3: FaultyS3) -> None:
    data = build([Part(name="good"), Part(name="bad", without="channels"), Part(name="behind")])
    inspection = inspect(s3, data)
    assert inspection.error_code == "EXR_LAYOUT"
    assert [layout is not None for layout in inspection.layouts] == [True, False, True]
    assert [whole.part for whole in inspection.completeness] == [0]


def test_the_request_budget_ends_reading_with_an_outcome(s3: FaultyS3) -> None:
    extra = [a_string(f"a{index}", "v" * 100) for index in range(6_000)]
    inspection = inspect(s3, build([Part(extra=extra)]), max_requests=2)
    assert (inspection.status, inspection.error_code) == (Status.FAILED, "SOURCE_BUDGET")
    assert s3.count("GET") == 2


def test_the_header_limit_ends_reading_with_an_outcome(s3: FaultyS3) -> None:
    data = build([Part(extra=[a_string("comments", "x" * 200_000)])])
    inspection = inspect(s3, data, limits=replace(Limits(), header_bytes=100_000))
    assert inspection.error_code == "LIMIT_EXCEEDED"
    assert inspection.cost.bytes_read < 120_000


def tall(**changes: Any) -> Part:
    """A part whose chunks reach beyond the first 64 KiB."""
    return Part(data_window=(0, 0, 99, 299), compression=ZIPS, **changes)


def cut() -> bytes:
    """A file that ends inside its last chunk: all table entries are inside the file, so only the last leader shows it."""
    return build([tall()])[:-20]


def test_a_cut_last_chunk_shows_when_its_leader_was_read_anyway(s3: FaultyS3) -> None:
    inspection = inspect(s3, build([Part()])[:-3])
    assert inspection.is_complete is False
    assert s3.count("GET") == 1


@pytest.mark.parametrize(
    ("mode", "complete", "requests"),
    [(None, True, 1), (LeaderMode.OFF, True, 1), (LeaderMode.LAST, False, 2), (LeaderMode.ALL, False, 3)],
)
def test_leaders_are_read_as_far_as_asked(s3: FaultyS3, mode: LeaderMode | None, complete: bool, requests: int) -> None:
    inspection = inspect(s3, cut(), leaders=mode)
    assert inspection.is_complete is complete
    assert s3.count("GET") <= requests
    assert ("CHK-PAST-EOF" in codes(inspection)) is not complete


def test_a_zeroed_table_is_rebuilt_when_asked_and_the_file_found_whole(s3: FaultyS3) -> None:
    data = build([tall(edit_table=lambda offsets: [0] * len(offsets))])
    assert inspect(s3, data).is_complete is False
    rebuilt = inspect(s3, data, rebuild=True)
    assert rebuilt.is_complete is True
    assert rebuilt.completeness[0].checked == "rebuilt"
    assert "CHK-REBUILDABLE" in codes(rebuilt)


def test_a_pass_over_all_pixels_rebuilds_a_table_that_was_not_written(s3: FaultyS3) -> None:
    data = build([tall(edit_table=lambda offsets: [*offsets[:1], *[0] * (len(offsets) - 1)])])
    whole = inspect(s3, data, stats=StatsMode.FULL)
    assert (whole.is_complete, whole.completeness[0].checked) == (True, "decoded")
    assert "CHK-REBUILDABLE" in codes(whole)
    assert "CHK-ZERO-OFFSET" not in codes(whole)
    unfinished = inspect(s3, data[: len(data) // 2], stats=StatsMode.FULL)
    (missing,) = unfinished.completeness[0].missing
    assert 100 < missing.y_min < 200, "the rows that were written are found"


def test_a_chunk_inside_another_one_is_found_in_a_pass_over_all_pixels(s3: FaultyS3) -> None:
    pixels = np.zeros((2, 100), np.uint32)
    pixels[0, 40:42] = 1, 400  # the leader of row 1, with its size
    data = build(
        [
            Part(
                data_window=(0, 0, 99, 1),
                channels=[Channel("id", UINT)],
                compression=NONE,
                pixels={"id": pixels},
                edit_table=lambda offsets: [offsets[0], offsets[0] + 8 + 4 * 40],
            )
        ]
    )
    whole = inspect(s3, data, stats=StatsMode.FULL)
    assert (whole.is_complete, whole.completeness[0].present) == (False, 1)
    assert "CHK-OFFSET-DUP" in codes(whole)
    assert whole.pixels.overlapping == {0: (0,)}


def test_rebuilding_keeps_to_the_request_budget(s3: FaultyS3) -> None:
    data = build([tall(edit_table=lambda offsets: [0] * len(offsets))])
    inspection = inspect(s3, data, rebuild=True, max_requests=3)
    assert inspection.status is Status.INSPECTED
    assert inspection.is_complete is False
    assert s3.count("GET") <= 3


def test_a_key_that_cannot_be_asked_for_is_an_outcome_with_its_event() -> None:
    event = EventInfo("1004356627333135")
    error = UnsupportedKey("renders/a//b.exr: an empty component")
    inspection = Inspector().refused("renders", "a//b.exr", error, POLICY, event=event)
    assert (inspection.status, inspection.error_code) == (Status.FAILED, UnsupportedKey.code)
    assert inspection.event == event
