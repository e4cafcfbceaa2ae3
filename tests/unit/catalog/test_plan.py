"""The rules that decide which of two inspections is kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exr_inspector.catalog.admin.reconcile import ListedObject, StoredVersion, compare
from exr_inspector.catalog.catalog import ObjectState, is_up_to_date
from exr_inspector.catalog.outcomes import Outcome, Removal
from exr_inspector.catalog.paths import catalog_path, catalog_paths, catalog_prefix, prefix_end
from exr_inspector.catalog.precedence import StoredFile, decide, decide_removals, newest, outcome_of
from exr_inspector.catalog.rows.groups import prepare
from exr_inspector.catalog.schema import DEFAULT_GUARDS, LEAST_GUARDS
from exr_inspector.catalog.versions import (
    VersionInfo,
    content_key,
    depth_of,
    file_id,
    guard_id,
    is_same_version,
    release,
    sequencer_is_newer,
    version_info,
)
from exr_inspector.errors import CatalogError
from exr_inspector.model import EPOCH, MISSING_MANIFESTS, EventInfo, ObjectVersion, StatsMode
from tests.contract.catalog.model import START, inspection

BASE = VersionInfo("v1", START, None, START, "1.0.0", 1, "", "p", None)


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({}, Outcome.UNCHANGED),
        ({"inspected_at": START + timedelta(seconds=1)}, Outcome.UNCHANGED),
        ({"depth": 2}, Outcome.REPLACED),
        ({"depth": 0}, Outcome.KEPT_DEEPER),
        ({"depth": 0, "inspector_version": "9"}, Outcome.KEPT_DEEPER),
        ({"stopped": "time"}, Outcome.KEPT_DEEPER),
        ({"inspector_version": "1.0.1"}, Outcome.REPLACED),
        ({"inspector_version": "0.9.9"}, Outcome.UNCHANGED),
        ({"inspector_version": "0.9.9", "depth": 2}, Outcome.REPLACED),
        ({"policy": "q", "inspected_at": START + timedelta(seconds=1)}, Outcome.REPLACED),
        ({"policy": "q", "inspected_at": START - timedelta(seconds=1)}, Outcome.UNCHANGED),
        ({"error_code": "X", "inspected_at": START + timedelta(seconds=1)}, Outcome.REPLACED),
        ({"content_key": "v2", "mtime": START + timedelta(seconds=1), "depth": 0}, Outcome.REPLACED),
        ({"content_key": "v2", "mtime": START - timedelta(seconds=1), "depth": 2}, Outcome.IGNORED_OLDER),
        ({"content_key": "v2", "inspected_at": START + timedelta(seconds=1)}, Outcome.REPLACED),
        ({"content_key": "v2", "inspected_at": START - timedelta(seconds=1)}, Outcome.IGNORED_OLDER),
        ({"content_key": "none", "mtime": None, "inspected_at": START + timedelta(days=1)}, Outcome.RECORDED),
    ],
)
def test_each_difference_of_two_inspections_has_its_outcome(changes: dict[str, object], outcome: Outcome) -> None:
    assert outcome_of(replace(BASE, **changes), BASE) is outcome


def test_what_did_not_fit_into_memory_is_replaced_by_what_had_another_amount() -> None:
    short, later = replace(BASE, stopped="memory (1)"), START + timedelta(seconds=1)
    assert outcome_of(replace(short, inspected_at=later), short) is Outcome.UNCHANGED
    assert outcome_of(replace(short, stopped="memory (2)", inspected_at=later), short) is Outcome.REPLACED
    assert outcome_of(BASE, short) is Outcome.REPLACED


def test_of_two_inspections_the_later_one_tells_which_manifests_are_missing() -> None:
    missing = replace(BASE, stopped=f'{MISSING_MANIFESTS}["m.json"]')
    for old, new in ((BASE, missing), (missing, BASE)):
        assert outcome_of(replace(new, inspected_at=START + timedelta(seconds=1)), old) is Outcome.REPLACED
        assert outcome_of(replace(new, inspected_at=START - timedelta(seconds=1)), old, force=True) is Outcome.REPLACED
        assert outcome_of(replace(new, inspected_at=START - timedelta(seconds=1)), old) is Outcome.UNCHANGED


def test_the_outcome_of_a_first_inspection() -> None:
    assert outcome_of(BASE, None) is Outcome.INSERTED
    assert outcome_of(BASE, replace(BASE, content_key="none", mtime=None)) is Outcome.REPLACED
    assert outcome_of(BASE, BASE, force=True) is Outcome.REPLACED
    assert outcome_of(replace(BASE, depth=0), BASE, force=True) is Outcome.KEPT_DEEPER


@pytest.mark.parametrize(
    ("new", "old", "newer"),
    [
        ("0055AED6DCD90281E5", "0055AED6DCD90281E6", False),
        ("0B", "0A0", True),
        ("a", "A0", False),
        (None, "1", False),
        ("1", None, True),
        ("1", "0100", True),
        ("0100", "1", False),
    ],
)
def test_which_of_two_sequencers_is_newer(new: str | None, old: str | None, newer: bool) -> None:
    assert sequencer_is_newer(new, old) is newer


def test_the_sequencer_decides_within_one_modification_time() -> None:
    new = replace(BASE, content_key="v2", sequencer="02", inspected_at=START - timedelta(seconds=9))
    assert outcome_of(new, replace(BASE, sequencer="01")) is Outcome.REPLACED
    assert outcome_of(new, replace(BASE, sequencer="03")) is Outcome.IGNORED_OLDER


def test_versions_compare_as_python_packages_do() -> None:
    ordered = [
        "no version",
        "0.1.0",
        "0.2.0.dev1",
        "0.2.0.dev2",
        "0.2.0rc1",
        "0.2.0",
        "0.2.0+site.1",
        "1.9.3",
        "1.10.0",
    ]
    assert all(release(one) < release(other) for one, other in pairwise(ordered))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=6), st.randoms())
def test_the_order_of_deliveries_does_not_matter(versions: list[tuple[int, int]], dice: object) -> None:
    """Inspections in any order leave the newest version with the deepest statistics."""
    items = [
        replace(BASE, content_key=f"v{v}", mtime=START + timedelta(seconds=v), depth=depth) for v, depth in versions
    ]

    def last(order: list[VersionInfo]) -> VersionInfo:
        current: VersionInfo | None = None
        for item in order:
            if outcome_of(item, current).changed:
                current = item
        assert current is not None
        return current

    shuffled = list(items)
    dice.shuffle(shuffled)
    assert last(items) == last(shuffled)
    rows = [StoredFile(index, "p", str(index), item) for index, item in enumerate(shuffled)]
    assert newest(rows).version_info == last(items)


def test_plans_name_what_is_written_once() -> None:
    batch = [inspection("a.exr", revision=1), inspection("b.exr"), inspection("a.exr", revision=2), inspection("b.exr")]
    stored = {
        file_id("renders/a.exr"): [
            StoredFile(7, "renders/a.exr", "x", version_info(inspection("a.exr", revision=1), "1"))
        ]
    }
    plan = decide(prepare(batch, "1"), stored)
    assert plan.outcomes == (Outcome.UNCHANGED, Outcome.INSERTED, Outcome.REPLACED, Outcome.UNCHANGED)
    assert plan.writes == (1, 2)
    assert plan.replaced == {file_id("renders/a.exr")}
    assert plan.guarded == {file_id("renders/a.exr"), file_id("renders/b.exr")}


# --- keys ------------------------------------------------------------------------------------------------


def test_keys_are_stable() -> None:
    """Users' tables have these values: a change of one needs a new schema version."""
    path = "renders/shot/a.exr"
    assert file_id(path) == "5b7d9845373b56511f2aa09753aa1bd3"
    assert content_key(path, ObjectVersion("e", 10, START)) == "335e7a89cd7e11c1cea44e4f38b28721"
    assert (guard_id(file_id(path), LEAST_GUARDS), guard_id(file_id(path), DEFAULT_GUARDS)) == (
        0x5B7D98 >> 14,
        0x5B7D98 >> 6,
    )
    assert file_id("renders/a.exr") != file_id("renders/A.exr")
    few = {guard_id(file_id(f"b/{index}"), LEAST_GUARDS) for index in range(50_000)}
    assert few == set(range(LEAST_GUARDS))


@given(st.text(max_size=20), st.integers(10, 22))
def test_a_guard_among_more_tells_the_guard_among_fewer(path: str, bits: int) -> None:
    """Lanes are cut by the fewest guard rows, so they share none, whatever their number."""
    many = guard_id(file_id(path), 1 << bits)
    assert 0 <= many < 1 << bits
    assert many >> (bits - 10) == guard_id(file_id(path), LEAST_GUARDS)


@given(st.text(max_size=4), st.text(max_size=4))
def test_a_prefix_is_a_range(prefix: str, text: str) -> None:
    end = prefix_end(prefix)
    inside = prefix <= text and (end is None or text < end)
    assert inside == text.startswith(prefix)


@pytest.mark.parametrize(
    ("prefix", "end"),
    [("", None), ("a", "b"), ("b/shot", "b/shou"), ("a\U0010ffff", "b"), ("\U0010ffff", None), ("\ud7ff", "\ue000")],
)
def test_the_end_of_a_prefix(prefix: str, end: str | None) -> None:
    assert prefix_end(prefix) == end


def test_content_keys_follow_the_version() -> None:
    version = ObjectVersion("e", 10, START)
    keys = {
        content_key("b/k", version),
        content_key("b/l", version),
        content_key("b/k", replace(version, etag="f")),
        content_key("b/k", replace(version, size_bytes=11)),
        content_key("b/k", replace(version, mtime=START + timedelta(seconds=1))),
        content_key("b/k", replace(version, etag=None)),
        content_key("b/k", None),
    }
    assert len(keys) == 7
    assert content_key("b/k", replace(version, mtime=START + timedelta(milliseconds=999))) == content_key(
        "b/k", version
    )
    bare = replace(version, etag=None)
    assert content_key("b/k", replace(bare, mtime=START + timedelta(milliseconds=1))) != content_key("b/k", bare)


# --- paths -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["s3://b/k/x.exr", "b/k/x.exr", "/b/k/x.exr", "s3a://b/k/x.exr"])
def test_spellings_of_one_path_are_equal(text: str) -> None:
    assert catalog_path(text) == "b/k/x.exr"


def test_spellings_with_known_buckets() -> None:
    assert catalog_paths("/k/x.exr", ("b", "c")) == ["k/x.exr", "b/k/x.exr", "c/k/x.exr"]
    assert catalog_paths("s3://k/x.exr", ("b",)) == ["k/x.exr"]
    assert catalog_paths("x.exr", ("b",)) == ["b/x.exr"]
    assert catalog_prefix("s3://b/Shot%20") == "b/Shot%20"


@pytest.mark.parametrize("text", ["", "/", "s3://", "s3://b", "s3://b/", "b"])
def test_a_text_without_bucket_and_key_is_no_path(text: str) -> None:
    with pytest.raises(CatalogError):
        catalog_path(text)


def test_no_sequencer_is_noted_on_a_row_that_is_replaced() -> None:
    """A later event of the stored version, and a newer version in the same batch."""
    stored_one = prepare([inspection("a.exr", sequencer="01")], "1")[0]
    stored = {stored_one.file_id: [StoredFile(7, stored_one.path, "i", stored_one.version_info)]}
    later = inspection("a.exr", sequencer="02")
    assert decide(prepare([later], "1"), stored).sequencers == ((7, 0),)
    both = decide(prepare([later, inspection("a.exr", revision=2, sequencer="03")], "1"), stored)
    assert (both.sequencers, both.writes, both.replaced) == ((), (1,), frozenset({stored_one.file_id}))


SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("changes", "event", "outcome"),
    [
        ({}, EventInfo(time=START), Outcome.REMOVED),
        ({}, EventInfo(time=START - SECOND), Outcome.IGNORED_OLDER),
        ({}, EventInfo(), Outcome.REMOVED),
        ({"event_time": START + SECOND}, EventInfo(time=START), Outcome.REMOVED),
        ({"sequencer": "02"}, EventInfo(sequencer="01", time=START + SECOND), Outcome.IGNORED_OLDER),
        ({"sequencer": "02"}, EventInfo(sequencer="03", time=START - SECOND), Outcome.REMOVED),
        ({"mtime": None, "event_time": START}, EventInfo(time=START), Outcome.REMOVED),
        ({"mtime": None, "event_time": START + SECOND}, EventInfo(time=START), Outcome.IGNORED_OLDER),
    ],
)
def test_what_a_removal_does_to_a_row(changes: dict[str, object], event: EventInfo, outcome: Outcome) -> None:
    """A readable row is ordered by its sequencer, or else its time of modification; a row without a version by its event."""
    stored = replace(BASE, **changes)
    found = decide_removals([("f", Removal("b/a.exr", event, True))], {"f": [StoredFile(7, "b/a.exr", "i", stored)]})
    assert found == [outcome]


# --- storage against tables ------------------------------------------------------------------------------


def listed(path: str, etag: str | None = "e", size: int = 10, seconds: float = 0.0) -> ListedObject:
    return ListedObject(path, ObjectVersion(etag, size, START + timedelta(seconds=seconds)))


def row(path: str, etag: str | None = "e", size: int | None = 10) -> StoredVersion:
    version = ObjectVersion(etag, size, START) if size is not None else None
    return StoredVersion(path, content_key(path, version), version)


def test_storage_and_rows_are_compared_by_version() -> None:
    objects = [
        listed("b/new"),
        listed("b/same", seconds=0.4),
        listed("b/etag", "f"),
        listed("b/copied", seconds=5),
        listed("b/bare", None),
    ]
    rows = [row("b/gone"), row("b/same"), row("b/etag"), row("b/copied"), row("b/bare"), row("b/unread", size=None)]
    found = compare([*objects, listed("b/unread")], rows)
    assert [item.path for item in found.without_row] == ["b/new"]
    assert found.without_object == ("b/gone",)
    assert [item.path for item in found.stale] == ["b/copied", "b/etag", "b/unread"]
    assert (found.listed, found.stored, found.is_equal) == (6, 6, False)
    assert compare([listed("b/same")], [row("b/same")]).is_equal


@pytest.mark.parametrize(
    ("etag", "size", "seconds", "same"),
    [
        ("e", 10, 0.0, True),
        ("f", 10, 0.0, False),
        (None, 10, 0.0, True),
        ("e", 11, 0.0, False),
        (None, 11, 0.0, False),
        ("e", 10, 1.0, True),
        ("e", 10, -1.0, True),
        ("e", 10, 1.001, False),
        ("e", 10, -1.001, False),
    ],
)
def test_two_looks_saw_the_same_version(etag: str | None, size: int, seconds: float, same: bool) -> None:
    one, other = ObjectVersion("e", 10, START), ObjectVersion(etag, size, START + timedelta(seconds=seconds))
    assert is_same_version(one, other) is same
    assert is_same_version(other, one) is same


@pytest.mark.parametrize(
    ("etag", "size", "same"), [("e", 10, True), ("f", 10, False), (None, 10, False), ("e", 11, False)]
)
def test_an_equal_etag_is_enough_where_one_look_has_no_time(etag: str | None, size: int, same: bool) -> None:
    one, other = ObjectVersion(etag, size, EPOCH), ObjectVersion("e", 10, START)
    assert is_same_version(one, other) is same
    assert is_same_version(other, one) is same


@pytest.mark.parametrize(
    ("stored", "now", "is_current"),
    [
        ({}, {}, True),
        ({"inspector_version": "1.0.1"}, {}, True),
        ({"inspector_version": "0.9.9"}, {}, False),
        ({"depth": 2, "inspector_version": "0.9.9"}, {}, True),
        ({"depth": 0}, {}, False),
        ({"stopped": "memory (1 MiB)"}, {}, True),
        ({"stopped": "memory (1 MiB)"}, {"stops": frozenset({"memory (1 MiB)"})}, True),
        ({"stopped": "memory (1 MiB)"}, {"stops": frozenset({"memory (2 MiB)"})}, False),
        ({"error_code": "LIMIT_EXCEEDED"}, {}, True),
        ({"error_code": "LIMIT_EXCEEDED"}, {"retry_failed": True}, False),
        ({"error_code": "DECODER_CRASHED", "decoder": "OpenEXR 3"}, {"decoder": "OpenEXR 3"}, True),
        ({"error_code": "DECODER_CRASHED", "decoder": "OpenEXR 3"}, {"decoder": "OpenEXR 4"}, False),
    ],
)
def test_whether_an_unchanged_object_is_inspected_again(
    stored: dict[str, object], now: dict[str, object], is_current: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exr_inspector.catalog.catalog.__version__", "1.0.0")
    version = ObjectVersion("e", 10, START)
    state = ObjectState("b", "a.exr", version, StatsMode.SAMPLED, **now)
    rows = [StoredFile(7, "b/a.exr", "i", replace(BASE, **stored), version)]
    assert is_up_to_date(state, rows) is is_current
    assert not is_up_to_date(state, [])
    assert not is_up_to_date(replace(state, version=replace(version, size_bytes=11)), rows)


def test_a_name_that_is_no_unicode_is_compared_as_it_is_stored() -> None:
    version = ObjectVersion(None, 1, START)
    path = "renders/\udcff.exr"
    row = StoredVersion("renders/\\udcff.exr", content_key(path, version), version)
    assert compare([ListedObject(path, version)], [row]).is_equal


def test_a_mode_that_this_version_does_not_know_counts_as_not_read() -> None:
    assert depth_of("of a later version") == depth_of(None) == depth_of("off") < depth_of("sampled") < depth_of("full")
