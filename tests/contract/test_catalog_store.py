"""Upserts and removals against the local server, through the real SDK: outcomes, requests, faults, lost answers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from exr_inspector.catalog import Catalog, Outcome
from exr_inspector.catalog.schema import GUARDS, INSPECTIONS
from exr_inspector.catalog.session import ROW_ID, rows_of
from exr_inspector.catalog.store import ObjectState
from exr_inspector.errors import (
    CatalogConflict,
    CatalogDenied,
    CatalogError,
    CatalogUnavailable,
    SchemaDrift,
    SchemaMissing,
)
from exr_inspector.local.vastdb import Fault, FaultKind, LocalVastDB
from exr_inspector.model import EventInfo, StatsMode
from exr_inspector.sources.deadline import Deadline
from tests.contract.catalog_model import (
    START,
    Model,
    assert_equal,
    connect,
    damaged,
    inspection,
    ready,
    stored,
    unreadable,
    wipe,
)

Pair = tuple[LocalVastDB, Catalog]


@pytest.fixture(scope="module")
def shared() -> Iterator[Pair]:
    with ready() as pair:
        yield pair


@pytest.fixture
def pair(shared: Pair) -> Iterator[Pair]:
    """The module's server, its file tables emptied afterwards."""
    server, catalog = shared
    server.reset_counters()
    yield shared
    server.faults.clear()
    wipe(catalog)


def audits(catalog: Catalog, path: str) -> list[dict[str, Any]]:
    rows = catalog.connection.run(
        "read audits",
        lambda work: rows_of(
            work.select(INSPECTIONS, INSPECTIONS.arrow.names, lambda table: table["file_path"] == path)
        ),
    )
    return sorted(rows, key=lambda row: row["recorded_at"])


def requests(server: LocalVastDB) -> int:
    return sum(server.counters().values())


def outcomes(catalog: Catalog, *batch: Any, **options: Any) -> list[Outcome]:
    return [result.outcome for result in catalog.upsert(batch, **options)]


# --- outcomes --------------------------------------------------------------------------------------------


def test_unseen_same_and_newer(pair: Pair) -> None:
    _, catalog = pair
    model = Model()
    first, second = inspection(revision=1, findings=2, mode=StatsMode.FULL), inspection(revision=2)
    for item, outcome in ((first, Outcome.INSERTED), (first, Outcome.UNCHANGED), (second, Outcome.REPLACED)):
        assert outcomes(catalog, item) == [outcome]
        model.upsert(item)
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
    assert outcomes(catalog, inspection(), inspector_version="99.0") == [Outcome.KEPT_DEEPER]
    model = Model()
    model.upsert(full)
    assert_equal(catalog, model)


def test_newer_inspector_replaces_and_older_does_not(pair: Pair) -> None:
    _, catalog = pair
    assert outcomes(catalog, inspection(), inspector_version="1.9.0") == [Outcome.INSERTED]
    assert outcomes(catalog, inspection(), inspector_version="1.10.0") == [Outcome.REPLACED]
    assert outcomes(catalog, inspection(), inspector_version="1.9.5") == [Outcome.UNCHANGED]
    assert outcomes(catalog, inspection(), inspector_version="1.10.0", force=True) == [Outcome.REPLACED]


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
    versions = [inspection(revision=1, sequencer="0A"), inspection(revision=1, sequencer="0B0")]
    versions = [
        item.__class__(**{name: getattr(item, name) for name in item.__dataclass_fields__} | {"version": version})
        for item, version in zip(
            versions,
            (type(versions[0].version)("one", 10, START), type(versions[0].version)("two", 10, START)),
            strict=True,
        )
    ]
    assert outcomes(catalog, versions[1]) == [Outcome.INSERTED]
    assert outcomes(catalog, versions[0]) == [Outcome.IGNORED_OLDER]


def test_a_later_event_about_the_stored_version_is_noted(pair: Pair) -> None:
    _, catalog = pair
    catalog.upsert([inspection(sequencer="01")])
    assert outcomes(catalog, inspection(sequencer="03")) == [Outcome.UNCHANGED]
    (row,) = stored(catalog)["files"]
    assert row["sequencer"] == "03"


def test_removal(pair: Pair) -> None:
    _, catalog = pair
    other = inspection("shot/other.exr")
    catalog.upsert([inspection(mode=StatsMode.FULL, findings=1), other])
    assert catalog.remove("s3://renders/shot/beauty.1001.exr").outcome is Outcome.REMOVED
    assert catalog.remove("renders/shot/beauty.1001.exr").outcome is Outcome.ABSENT
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


def test_is_current(pair: Pair) -> None:
    server, catalog = pair
    item = inspection(mode=StatsMode.SAMPLED)
    version = item.version
    assert version is not None
    assert not catalog.is_current("renders", item.key, version)
    catalog.upsert([item])
    server.reset_counters()
    assert catalog.is_current("renders", item.key, version)
    assert requests(server) <= 4
    assert catalog.is_current("renders", item.key, version, mode=StatsMode.SAMPLED)
    assert not catalog.is_current("renders", item.key, version, mode=StatsMode.FULL)
    assert not catalog.is_current("renders", item.key, version, "99.0", StatsMode.SAMPLED)
    # A listing gives fractions of a second that a GET's header does not.
    listed = type(version)(version.etag, version.size_bytes, version.mtime + timedelta(milliseconds=250))
    changed = type(version)(version.etag, version.size_bytes, version.mtime + timedelta(seconds=2))
    states = [ObjectState("renders", item.key, seen) for seen in (listed, changed)]
    assert catalog.are_current([*states, ObjectState("renders", "unknown.exr", version)]) == [True, False, False]


# --- requests --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [StatsMode.OFF, StatsMode.FULL])
def test_requests_of_one_file(pair: Pair, depth: StatsMode) -> None:
    server, catalog = pair
    counts = {}
    for name, item in {
        "new": inspection(revision=1, mode=depth, findings=3),
        "unchanged": inspection(revision=1, mode=depth, findings=3),
        "replaced": inspection(revision=2, mode=depth, findings=3),
    }.items():
        server.reset_counters()
        catalog.upsert([item])
        counts[name] = requests(server)
    assert counts["new"] <= 12
    assert counts["unchanged"] <= 4
    assert counts["replaced"] <= 24


def test_requests_of_a_batch(pair: Pair) -> None:
    server, catalog = pair
    batch = [inspection(f"many/{index}.exr", mode=StatsMode.SAMPLED, findings=1) for index in range(500)]
    assert set(outcomes(catalog, *batch)) == {Outcome.INSERTED}
    assert requests(server) <= 40
    server.reset_counters()
    assert set(outcomes(catalog, *batch)) == {Outcome.UNCHANGED}
    assert requests(server) <= 8
    model = Model({item.path: item for item in batch})
    assert_equal(catalog, model)
    newer = [inspection(item.key, revision=2) for item in batch]
    assert set(outcomes(catalog, *newer)) == {Outcome.REPLACED}


def test_long_values_continue_in_further_rows(pair: Pair) -> None:
    _, catalog = pair
    item = inspection(texts={"manifest": "é" * 300_000})
    catalog.upsert([item])
    full = catalog.read.file(item.path)
    assert full is not None
    assert full.inspection == item
    pieces = [row for row in full.rows["attributes"] if row["name"] == "manifest"]
    assert len(pieces) == 5
    assert all(len(row["value"].encode()) <= 126_000 for row in pieces)


# --- faults ----------------------------------------------------------------------------------------------

KINDS = [FaultKind.INTERNAL_ERROR, FaultKind.DROP_BEFORE, FaultKind.DROP_AFTER, FaultKind.CONFLICT]
CASES = [
    *((operation, kind) for operation in ("insert", "commit") for kind in KINDS),
    ("begin", FaultKind.DROP_AFTER),
    ("query", FaultKind.DROP_AFTER),
    ("update", FaultKind.DROP_AFTER),
    ("commit", FaultKind.SLOW_DOWN),
]


@pytest.mark.parametrize(("operation", "kind"), CASES)
def test_one_fault_is_survived_exactly(pair: Pair, operation: str, kind: FaultKind) -> None:
    server, catalog = pair
    item = inspection(f"{operation}/{kind.name}.exr")
    before = server.open_transactions()
    server.faults.script(operation, [Fault(kind)])
    (result,) = catalog.upsert([item])
    assert result.outcome is Outcome.INSERTED
    assert_equal(catalog, Model({item.path: item}))
    assert [row["inspection_id"] for row in audits(catalog, item.path)] == [result.inspection_id]
    left = server.open_transactions() - before
    assert left == (operation == "begin")  # of a begin whose answer was lost nobody knows the id


def test_a_lost_commit_answer_is_looked_up(pair: Pair) -> None:
    server, catalog = pair
    catalog.upsert([inspection(revision=1)])
    server.faults.script("commit", [Fault(FaultKind.DROP_AFTER)])
    server.reset_counters()
    (result,) = catalog.upsert([inspection(revision=2)])
    assert result.outcome is Outcome.REPLACED  # and not "unchanged", which a mere second try would say
    assert result.rows_written
    counts = server.counters()
    assert counts["begin"] == counts["commit"] == 2
    assert [row["inspection_id"] for row in audits(catalog, result.path)].count(result.inspection_id) == 1
    server.faults.script("commit", [Fault(FaultKind.DROP_AFTER)])
    assert catalog.remove(result.path).outcome is Outcome.REMOVED


def test_conflicts_end_as_conflict_when_the_time_is_over(shared: Pair) -> None:
    server, _ = shared
    hasty = connect(server, retry_seconds=0.3)
    server.faults.chance("update", 1.0, Fault(FaultKind.CONFLICT))
    try:
        with pytest.raises(CatalogConflict):
            hasty.upsert([inspection("never.exr")])
    finally:
        server.faults.clear()
        hasty.close()
    assert hasty.read.file("renders/never.exr") is None


@pytest.mark.parametrize("kind", [FaultKind.INTERNAL_ERROR, FaultKind.SLOW_DOWN])
def test_outages_end_as_unavailable(shared: Pair, kind: FaultKind) -> None:
    server, _ = shared
    hasty = connect(server, retry_seconds=0.2)
    hasty.connection.session()
    server.faults.chance("insert", 1.0, Fault(kind))
    try:
        with pytest.raises(CatalogUnavailable):
            hasty.upsert([inspection("never.exr")])
    finally:
        server.faults.clear()
        hasty.close()


def test_slow_answers_time_out(shared: Pair) -> None:
    server, _ = shared
    hasty = connect(server, retry_seconds=0.5, timeout_seconds=0.2)
    server.faults.chance("insert", 1.0, Fault(FaultKind.DELAY, 0.5))
    try:
        with pytest.raises(CatalogUnavailable):
            hasty.upsert([inspection("never.exr")])
    finally:
        server.faults.clear()
        hasty.close()


def test_a_deadline_ends_the_trying(shared: Pair) -> None:
    server, _ = shared
    patient = connect(server)
    server.faults.chance("insert", 1.0, Fault(FaultKind.INTERNAL_ERROR))
    try:
        with pytest.raises(CatalogUnavailable):
            patient.upsert([inspection("never.exr")], deadline=Deadline.after(0.2))
    finally:
        server.faults.clear()
        patient.close()


def test_no_server_is_unavailable() -> None:
    with LocalVastDB(None) as server:
        catalog = connect(server, retry_seconds=0.1)
    with pytest.raises(CatalogUnavailable):
        catalog.upsert([inspection()])


def test_wrong_keys_are_denied_and_not_told(shared: Pair) -> None:
    server, _ = shared
    stranger = connect(server)
    config = stranger.connection.config
    wrong = type(stranger)(
        type(config)(
            config.endpoint, config.access_key, "not-the-secret", config.bucket, config.schema, retry_seconds=1
        )
    )
    with pytest.raises(CatalogDenied) as caught:
        wrong.upsert([inspection()])
    assert "not-the-secret" not in str(caught.value) + repr(config)
    assert config.access_key not in str(caught.value) + repr(config)


def test_missing_tables_and_guards_are_named() -> None:
    with LocalVastDB(None) as server:
        catalog = connect(server)
        with pytest.raises(SchemaMissing):
            catalog.upsert([inspection()])
    with ready() as (_, catalog):
        catalog.connection.run(
            "lose the guards",
            lambda work: work.delete(
                GUARDS, [row[ROW_ID] for row in rows_of(work.select(GUARDS, ["guard_id"], row_ids=True))]
            ),
        )
        with pytest.raises(SchemaMissing, match="guards"):
            catalog.upsert([inspection()])


def test_a_dropped_column_is_drift() -> None:
    with ready() as (server, catalog):
        with catalog.connection.session().transaction() as tx:
            table = tx.bucket(server.bucket).schema("exr").table("files")
            table.drop_column(table.arrow_schema.empty_table().select(["owner"]).schema)
        with pytest.raises(SchemaDrift):
            catalog.upsert([inspection()])


def test_an_empty_batch_asks_nothing(pair: Pair) -> None:
    server, catalog = pair
    assert catalog.upsert([]) == []
    assert catalog.are_current([]) == []
    assert requests(server) == 0


def test_a_path_without_a_key_is_refused(pair: Pair) -> None:
    _, catalog = pair
    with pytest.raises(CatalogError):
        catalog.remove("renders")
