"""Upserts and removals against the local server, through the real SDK: outcomes and requests."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from exr_inspector.catalog import Outcome
from exr_inspector.catalog.catalog import ObjectState
from exr_inspector.catalog.read.reader import Reader
from exr_inspector.catalog.rows.groups import Prepared, prepare
from exr_inspector.catalog.schema import GUARDS, LEAST_GUARDS
from exr_inspector.catalog.sdk.work import Work, rows_of
from exr_inspector.catalog.versions import guard_id
from exr_inspector.model import EventInfo, ObjectVersion, StatsMode
from tests.contract.catalog.model import (
    START,
    VERSIONS,
    Model,
    Pair,
    assert_equal,
    audits,
    damaged,
    inspection,
    outcomes,
    ready,
    requests,
    stored,
    thumbnail,
    unreadable,
)
from vastdb_local.service import Service


@pytest.fixture(scope="module", params=VERSIONS)
def shared(request: pytest.FixtureRequest) -> Iterator[Pair]:
    with ready(server_version=request.param) as pair:
        yield pair


# --- outcomes --------------------------------------------------------------------------------------------


def test_new_unchanged_and_newer_versions_have_their_outcomes(pair: Pair) -> None:
    _, catalog = pair
    model = Model()
    first, second = inspection(revision=1, findings=2, mode=StatsMode.FULL), inspection(revision=2)
    for item, outcome in ((first, Outcome.INSERTED), (first, Outcome.UNCHANGED), (second, Outcome.REPLACED)):
        assert outcomes(catalog, item) == [outcome]
        model.upsert(item)
        assert_equal(catalog, model)


def test_whether_there_are_files_below_a_prefix(pair: Pair) -> None:
    _, catalog = pair
    assert not catalog.has_files()
    assert not catalog.has_files("renders/")
    catalog.upsert([inspection("shot_1/a.exr"), inspection("\udcff/b.exr")])
    for prefix, expected in {
        "": True,
        "shot": True,
        "shot_1/a.exr": True,
        "\udcff/": True,
        "shot_2": False,
        "o": False,
    }.items():
        assert catalog.has_files(f"renders/{prefix}") is expected, prefix
    assert not catalog.has_files("render/")
    assert catalog.has_files()


@pytest.mark.parametrize("count", [3, 300])
def test_the_guards_of_what_changes_are_touched_and_no_other(pair: Pair, count: int) -> None:
    _, catalog = pair
    results = catalog.upsert([inspection(f"guards/{count}/{index}.exr") for index in range(count)])
    rows = catalog.connection.run("read back", lambda work: rows_of(work.select(GUARDS, ["guard_id", "touched_by"])))
    touched = {row["guard_id"] for row in rows if row["touched_by"] == results[0].inspection_id}
    assert touched == {guard_id(result.file_id, LEAST_GUARDS) for result in results}


def test_rows_made_elsewhere_are_stored_as_if_made_here(pair: Pair) -> None:
    _, catalog = pair
    model = Model()
    batch = [
        inspection("a.exr", revision=1, findings=2),
        unreadable("b.exr"),
        inspection("c.exr", mode=StatsMode.FULL, views=("left", "right")),
        inspection("a.exr", revision=2),
    ]
    sent: list[Prepared] = pickle.loads(pickle.dumps(prepare(batch)))
    here = inspection("d.exr")
    results = catalog.upsert([sent[0], here, *sent[1:]])
    assert [result.outcome for result in results] == [
        Outcome.SUPERSEDED, Outcome.INSERTED, Outcome.INSERTED, Outcome.INSERTED, Outcome.INSERTED,
    ]  # fmt: skip
    assert [result.rows_written for result in results] == [
        0, *(item.row_count for item in (*prepare([here]), *sent[1:])),
    ]  # fmt: skip
    for item in (*batch, here):
        model.upsert(item)
    assert_equal(catalog, model)
    again = catalog.upsert(sent[1:], force=True)  # the same rows under another id
    assert [result.outcome for result in again] == [Outcome.REPLACED] * 3
    assert_equal(catalog, model)


def test_counts_of_rows(pair: Pair) -> None:
    _, catalog = pair
    (inserted,) = catalog.upsert([inspection(revision=1)])
    assert (inserted.rows_written, inserted.rows_deleted) == (1 + 1 + 5 + 9, 0)
    (replaced,) = catalog.upsert([inspection(revision=2, channels=("R",))])
    assert (replaced.rows_written, replaced.rows_deleted) == (1 + 1 + 1 + 9, 16)
    assert catalog.remove("renders/shot/beauty.1001.exr").rows == 12


def test_late_version_is_ignored(pair: Pair) -> None:
    _, catalog = pair
    assert outcomes(catalog, inspection(revision=5)) == [Outcome.INSERTED]
    assert outcomes(catalog, inspection(revision=4, mode=StatsMode.FULL)) == [Outcome.IGNORED_OLDER]
    model = Model()
    model.upsert(inspection(revision=5))
    assert_equal(catalog, model)


def test_deeper_statistics_replace_and_stay(pair: Pair) -> None:
    _, catalog = pair
    full = inspection(mode=StatsMode.FULL)
    assert outcomes(catalog, inspection(), full) == [Outcome.SUPERSEDED, Outcome.INSERTED]
    assert outcomes(catalog, inspection(mode=StatsMode.SAMPLED)) == [Outcome.KEPT_DEEPER]
    assert outcomes(catalog, inspection(mode=StatsMode.FULL, stopped="time")) == [Outcome.KEPT_DEEPER]
    assert outcomes(catalog, *prepare([inspection()], "99.0")) == [Outcome.KEPT_DEEPER]
    model = Model()
    model.upsert(full)
    assert_equal(catalog, model)


def test_newer_inspector_replaces_and_older_does_not(pair: Pair) -> None:
    _, catalog = pair
    assert outcomes(catalog, *prepare([inspection()], "1.9.0")) == [Outcome.INSERTED]
    assert outcomes(catalog, *prepare([inspection()], "1.10.0")) == [Outcome.REPLACED]
    assert outcomes(catalog, *prepare([inspection()], "1.9.5")) == [Outcome.UNCHANGED]
    assert outcomes(catalog, *prepare([inspection()], "1.10.0"), force=True) == [Outcome.REPLACED]


def test_unreadable_object_never_destroys_a_good_row(pair: Pair) -> None:
    _, catalog = pair
    model = Model()
    assert outcomes(catalog, unreadable()) == [Outcome.INSERTED]
    assert outcomes(catalog, unreadable()) == [Outcome.UNCHANGED]
    assert outcomes(catalog, inspection()) == [Outcome.REPLACED]
    assert outcomes(catalog, unreadable(read_after=500)) == [Outcome.RECORDED]
    model.upsert(inspection())
    assert_equal(catalog, model)
    last = audits(catalog, "renders/shot/beauty.1001.exr")[-1]
    assert (last["outcome"], last["error_code"], last["mtime"]) == ("recorded", "SOURCE_ACCESS_DENIED", None)


def test_a_file_that_became_damaged_is_a_failed_row(pair: Pair) -> None:
    _, catalog = pair
    assert outcomes(catalog, inspection(revision=1), damaged(revision=2)) == [Outcome.SUPERSEDED, Outcome.INSERTED]
    (row,) = stored(catalog)["files"]
    assert (row["status"], row["error_code"], row["is_deep"], row["multipart_count"]) == (
        "failed",
        "EXR_MAGIC",
        None,
        None,
    )
    assert stored(catalog)["parts"] == []


def test_the_same_file_in_one_batch_in_any_order(pair: Pair) -> None:
    _, catalog = pair
    model = Model()
    model.upsert(inspection(revision=3))
    versions = [inspection(revision=revision) for revision in (2, 3, 1, 3)]
    expected = [Outcome.SUPERSEDED, Outcome.INSERTED, Outcome.IGNORED_OLDER, Outcome.UNCHANGED]
    assert outcomes(catalog, *versions) == expected
    assert_equal(catalog, model)
    assert [row["outcome"] for row in audits(catalog, versions[0].path)[-4:]] == [outcome.value for outcome in expected]


def test_versions_of_one_second_go_by_sequencer(pair: Pair) -> None:
    _, catalog = pair
    versions = [
        replace(inspection(sequencer="0A"), version=ObjectVersion("one", 10, START)),
        replace(inspection(sequencer="0B0"), version=ObjectVersion("two", 10, START)),
    ]
    assert outcomes(catalog, versions[1]) == [Outcome.INSERTED]
    assert outcomes(catalog, versions[0]) == [Outcome.IGNORED_OLDER]


def test_a_later_event_about_the_stored_version_is_noted(pair: Pair) -> None:
    _, catalog = pair
    catalog.upsert([inspection(sequencer="01")])
    assert outcomes(catalog, inspection(sequencer="03")) == [Outcome.UNCHANGED]
    (row,) = stored(catalog)["files"]
    assert row["sequencer"] == "03"


def test_a_removal_deletes_all_rows_of_its_file_alone(pair: Pair) -> None:
    _, catalog = pair
    other = inspection("shot/other.exr")
    catalog.upsert([inspection(mode=StatsMode.FULL, findings=1), other])
    assert catalog.remove("s3://renders/shot/beauty.1001.exr").outcome is Outcome.REMOVED
    again = catalog.remove("renders/shot/beauty.1001.exr")
    assert (again.outcome, again.rows) == (Outcome.ABSENT, 0)
    model = Model()
    model.upsert(other)
    assert_equal(catalog, model)


def test_late_removal_is_ignored(pair: Pair) -> None:
    _, catalog = pair
    catalog.upsert([inspection(revision=3, sequencer="05")])
    path = "renders/shot/beauty.1001.exr"
    assert catalog.remove(path, event=EventInfo("e", "04", None)).outcome is Outcome.IGNORED_OLDER
    assert catalog.remove(path, event=EventInfo("e", None, START)).outcome is Outcome.IGNORED_OLDER
    assert catalog.remove(path, event=EventInfo("e", "06", START)).outcome is Outcome.REMOVED


def test_paths_differing_in_case_are_two_files(pair: Pair) -> None:
    _, catalog = pair
    assert outcomes(catalog, inspection("a/B.exr"), inspection("a/b.exr")) == [Outcome.INSERTED] * 2
    assert len(stored(catalog)["files"]) == 2


def test_only_the_stored_version_with_enough_statistics_is_current(pair: Pair) -> None:
    server, catalog = pair
    item = inspection(mode=StatsMode.SAMPLED)
    version = item.version
    assert version is not None

    def is_current(**options: Any) -> bool:
        return catalog.current_versions([ObjectState("renders", item.key, version, **options)])[0] is not None

    assert not is_current()
    catalog.upsert([item])
    server.reset_counters()
    assert is_current()
    assert requests(server) <= 4
    assert is_current(mode=StatsMode.SAMPLED)
    assert not is_current(mode=StatsMode.FULL)
    # A listing has fractions of a second, which the header of a GET lacks.
    listed = type(version)(version.etag, version.size_bytes, version.mtime + timedelta(milliseconds=250))
    changed = type(version)(version.etag, version.size_bytes, version.mtime + timedelta(seconds=2))
    states = [ObjectState("renders", item.key, seen) for seen in (listed, changed)]
    found = catalog.current_versions([*states, ObjectState("renders", "unknown.exr", version)])
    assert [known is not None for known in found] == [True, False, False]
    catalog.upsert(prepare([inspection("shot/old.exr")], "0.0.1"))
    assert catalog.current_versions([ObjectState("renders", "shot/old.exr", version)]) == [None]


# --- requests --------------------------------------------------------------------------------------------


# As docs/queries.md says; the bounds are 12, 4 and 24.
COSTS = {
    StatsMode.OFF: {"new": 10, "unchanged": 4, "replaced": 19, "removed": 15},
    StatsMode.FULL: {"new": 12, "unchanged": 4, "replaced": 23, "removed": 17},
}


@pytest.mark.parametrize("mode", list(COSTS))
def test_requests_of_one_file(pair: Pair, mode: StatsMode) -> None:
    server, catalog = pair
    findings = 3 if mode is StatsMode.FULL else 0
    first, second = (inspection(revision=revision, mode=mode, findings=findings) for revision in (1, 2))
    catalog.upsert([inspection("warm.exr", mode=mode, findings=findings)])  # the first one reads the tables' metadata
    counts = {}
    for name, work in {
        "new": partial(catalog.upsert, [first]),
        "unchanged": partial(catalog.upsert, [first]),
        "replaced": partial(catalog.upsert, [second]),
        "removed": partial(catalog.remove, second.path),
    }.items():
        server.reset_counters()
        work()
        counts[name] = requests(server)
    assert counts == COSTS[mode]


def test_round_trips_of_one_file(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests that do not depend on each other are sent together and take one round trip."""
    steps: list[set[str]] = []
    answer, at_once = Service.answer, Work.at_once

    def answered(self: Service, request: Any) -> Any:
        steps.append({self._route(request)[0]})
        return answer(self, request)

    def together(self: Work, sent: Sequence[Callable[[], Any]]) -> Any:
        before = len(steps)
        results = at_once(self, sent)
        steps[before:] = [set[str]().union(*steps[before:])]
        return results

    _, catalog = pair
    catalog.upsert([inspection("warm.exr")])
    monkeypatch.setattr(Service, "answer", answered)
    monkeypatch.setattr(Work, "at_once", together)
    begin, query, commit = {"begin"}, {"query"}, {"commit"}
    catalog.upsert([inspection()])
    assert steps == [begin, query, query, {"update", "insert"}, commit]
    steps.clear()
    catalog.upsert([inspection(revision=2)])
    assert steps == [begin, query, query, {"update", "delete"}, {"insert"}, commit]
    steps.clear()
    catalog.remove(inspection().path)
    assert steps == [begin, query, query, {"update", "delete", "insert"}, commit]


def test_thumbnails_cost_requests_only_where_there_are_some(pair: Pair) -> None:
    server, catalog = pair
    first, second, third = (
        inspection(revision=revision, thumbnails=some, mode=StatsMode.SAMPLED)
        for revision, some in ((1, ()), (2, (thumbnail(),)), (3, ()))
    )
    catalog.upsert([first])
    counts = []
    for item in (second, third):
        server.reset_counters()
        catalog.upsert([item])
        counts.append(requests(server))
        found = Reader(catalog.connection).file(item.path)
        assert [row["image"] for row in found.rows["thumbnails"]] == [one.image for one in item.pixels.thumbnails]
    ordinary = COSTS[StatsMode.FULL]["replaced"] - 2  # without findings
    assert counts == [ordinary + 1, ordinary + 2]


def test_requests_of_a_batch(pair: Pair) -> None:
    server, catalog = pair
    batch = [inspection(f"many/{index}.exr", mode=StatsMode.SAMPLED, findings=1) for index in range(200)]
    assert set(outcomes(catalog, *batch)) == {Outcome.INSERTED}
    assert requests(server) <= 40
    server.reset_counters()
    assert set(outcomes(catalog, *batch)) == {Outcome.UNCHANGED}
    assert requests(server) <= 8
    model = Model({item.path: item for item in batch})
    assert_equal(catalog, model)
    newer = [inspection(item.key, revision=2) for item in batch]
    assert set(outcomes(catalog, *newer)) == {Outcome.REPLACED}


def test_any_text_is_kept(pair: Pair) -> None:
    _, catalog = pair
    item = inspection("söme \U0001f3a5/a+b%20c.exr", texts={"odd": "nul \0 quote ' \" tab \t \u2028 end", "empty": ""})
    catalog.upsert([item])
    full = Reader(catalog.connection).file(item.path)
    assert full.inspection == item


def test_texts_that_no_table_can_hold(pair: Pair) -> None:
    """Texts of events may have lone surrogates, from JSON escapes or file names, and any length."""
    _, catalog = pair
    key = "odd\udcff.exr"
    event = EventInfo("id\ud800" + "x" * 200_000, "\udfff" + "f" * 200_000, START)
    item = replace(unreadable(key), error_message="why\udc80", event=event)
    assert outcomes(catalog, item, item) == [Outcome.INSERTED, Outcome.UNCHANGED]
    assert outcomes(catalog, replace(item, event=replace(event, sequencer=None))) == [Outcome.UNCHANGED]
    (row,) = stored(catalog)["files"]
    assert (row["path"], row["error_message"]) == ("renders/odd\\udcff.exr", "why\\udc80")
    assert row["event_id"].startswith("id\\ud800xxx")
    full = Reader(catalog.connection).file(f"s3://renders/{key}")
    assert full is not None
    assert list(catalog.stored_at([f"renders/{key}"])) == [row["path"]]
    sound = replace(inspection("a.exr", sequencer="1"), event=replace(event, sequencer="2" * 200_000))
    assert outcomes(catalog, inspection("a.exr", sequencer="1")) == [Outcome.INSERTED]
    assert outcomes(catalog, sound) == [Outcome.UNCHANGED]  # its sequencer is stored
    assert catalog.remove(f"renders/{key}", event=event).outcome is Outcome.REMOVED


def test_long_values_continue_in_further_rows(pair: Pair) -> None:
    _, catalog = pair
    item = inspection(texts={"manifest": "é" * 300_000})
    catalog.upsert([item])
    full = Reader(catalog.connection).file(item.path)
    assert full.inspection == item
    pieces = [row for row in full.rows["attributes"] if row["name"] == "manifest"]
    assert len(pieces) == 5
    assert all(len(row["value"].encode()) <= 126_000 for row in pieces)
