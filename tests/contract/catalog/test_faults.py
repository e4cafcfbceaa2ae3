"""Upserts while the database fails either store exactly the right rows or raise the right error."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any

import pytest

from exr_inspector.catalog import Catalog, Outcome
from exr_inspector.catalog.outcomes import UpsertResult
from exr_inspector.catalog.read.reader import Reader
from exr_inspector.catalog.recheck import upsert_isolating_failures
from exr_inspector.catalog.schema import FILES, GUARDS, LEAST_GUARDS
from exr_inspector.catalog.sdk.work import ROW_ID, rows_of
from exr_inspector.deadline import Deadline
from exr_inspector.errors import (
    CatalogConflict,
    CatalogDenied,
    CatalogError,
    CatalogUnavailable,
    SchemaDrift,
    SchemaMissing,
)
from tests.contract.catalog.model import (
    Model,
    Pair,
    assert_equal,
    audits,
    connect,
    inspection,
    outcomes,
    ready,
    requests,
)
from tests.support.databases import wipe
from tests.support.documented import Documented
from vastdb_local import Fault, FaultKind, LocalVastDB

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
def test_one_fault_leaves_exactly_the_right_rows(pair: Pair, operation: str, kind: FaultKind) -> None:
    server, catalog = pair
    item = inspection(f"{operation}/{kind.name}.exr")
    before = server.open_transactions()
    server.faults.script(operation, [Fault(kind)])
    (result,) = catalog.upsert([item])
    assert result.outcome is Outcome.INSERTED
    assert_equal(catalog, Model({item.path: item}))
    assert [row["inspection_id"] for row in audits(catalog, item.path)] == [result.inspection_id]
    left = server.open_transactions() - before  # less if one of an earlier case has expired meanwhile
    assert left <= (operation == "begin")  # nobody knows the id of a transaction whose answer to `begin` was lost


@pytest.mark.failure(
    "raised",
    "every answer of the database breaks off within its headers or body",
    "`CATALOG_UNAVAILABLE`",
    "nothing; if it lasts, check the database",
)
@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        *((name, FaultKind.CUT) for name in ("version", "begin", "query", "insert", "update", "commit")),
        ("query", FaultKind.CUT_BODY),
    ],
)
def test_an_answer_that_breaks_off_is_tried_again(operation: str, kind: FaultKind, documented: Documented) -> None:
    with ready() as (server, settled):
        settled.upsert([inspection("warm.exr")])
        catalog, hopeless = connect(server, retry_seconds=20.0), connect(server, retry_seconds=0.3)
        server.faults.script(operation, [Fault(kind)])
        assert outcomes(catalog, inspection("warm.exr")) == [Outcome.UNCHANGED]  # a truncated answer does not show it
        server.faults.script(operation, [Fault(kind)])
        assert outcomes(catalog, inspection("a.exr")) == [Outcome.INSERTED]
        assert server.faults.injected()[operation, kind] >= 1
        server.faults.chance(operation, 1.0, Fault(kind))
        with pytest.raises(CatalogUnavailable) as caught:
            hopeless.upsert([inspection("b.exr")])
        documented(caught.value.code)
        server.faults.clear()
        assert set(settled.stored_between("")) >= {"renders/a.exr", "renders/warm.exr"}
        catalog.close()
        hopeless.close()


def test_a_lost_commit_answer_is_looked_up(pair: Pair) -> None:
    server, catalog = pair
    catalog.upsert([inspection(revision=1)])
    server.faults.script("commit", [Fault(FaultKind.DROP_AFTER)])
    server.reset_counters()
    (result,) = catalog.upsert([inspection(revision=2)])
    assert result.outcome is Outcome.REPLACED  # and not "unchanged", which a plain repetition would return
    assert result.rows_written
    counts = server.counters()
    assert counts["begin"] == counts["commit"] == 2
    assert [row["inspection_id"] for row in audits(catalog, result.path)].count(result.inspection_id) == 1
    server.faults.script("commit", [Fault(FaultKind.DROP_AFTER)])
    assert catalog.remove(result.path).outcome is Outcome.REMOVED


def test_a_commit_that_is_answered_too_late(shared: Pair) -> None:
    server, _ = shared
    hasty = connect(server, timeout_seconds=0.4)
    item = inspection("late.exr")
    hasty.upsert([inspection("warm.exr")])
    server.faults.script("commit", [Fault(FaultKind.DELAY, 1.0)])
    (result,) = hasty.upsert([item])
    assert result.outcome is Outcome.INSERTED
    full = Reader(hasty.connection).file(item.path)
    assert full.inspection_id == result.inspection_id
    assert [row["inspection_id"] for row in audits(hasty, item.path)] == [result.inspection_id]
    wipe(hasty)
    hasty.close()


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
    assert Reader(hasty.connection).file("renders/never.exr") is None


def test_after_a_conflict_the_guards_are_claimed_before_anything_is_looked_up(pair: Pair) -> None:
    server, catalog = pair
    # The first transaction of a connection also reads the number of guards.
    outcomes(catalog, inspection("other.exr"))
    server.reset_counters()
    server.faults.script("update", [Fault(FaultKind.CONFLICT)] * 3)
    assert outcomes(catalog, inspection()) == [Outcome.INSERTED]
    counts = server.counters()
    assert (counts["begin"], counts["update"]) == (4, 4)
    assert counts["query"] == 2 + 1 + 1 + 2, "the file and its guard; the guard twice; the guard and the file"
    server.faults.script("update", [Fault(FaultKind.CONFLICT)])
    server.reset_counters()
    assert catalog.remove(inspection().path).outcome is Outcome.REMOVED
    assert server.counters()["update"] == 2


def test_writers_that_all_meet_in_one_group_of_guards_store_every_file_once() -> None:
    with ready(conflict_group_rows=LEAST_GUARDS) as (server, catalog):  # so that all writers conflict
        writers = [connect(server) for _ in range(3)]
        batches = [[inspection(f"{writer}/{number}.exr") for number in range(2)] for writer in range(3)]

        def write(writer: int) -> None:
            for item in batches[writer]:
                writers[writer].upsert([item])

        with ThreadPoolExecutor(3) as pool:
            list(pool.map(write, range(3)))
        assert_equal(catalog, Model({item.path: item for batch in batches for item in batch}))


@contextmanager
def failing_inserts(server: LocalVastDB, fault: Fault, **options: Any) -> Iterator[Catalog]:
    """A catalog whose inserts all meet a fault."""
    with closing(connect(server, **options)) as catalog:
        catalog.connection.session()
        server.faults.chance("insert", 1.0, fault)
        try:
            yield catalog
        finally:
            server.faults.clear()


@pytest.mark.parametrize("kind", [FaultKind.INTERNAL_ERROR, FaultKind.SLOW_DOWN])
def test_outages_end_as_unavailable(shared: Pair, kind: FaultKind) -> None:
    server, _ = shared
    with failing_inserts(server, Fault(kind), retry_seconds=0.2) as hasty, pytest.raises(CatalogUnavailable):
        hasty.upsert([inspection("never.exr")])


def test_slow_answers_time_out(shared: Pair) -> None:
    server, _ = shared
    slow = failing_inserts(server, Fault(FaultKind.DELAY, 0.5), retry_seconds=0.5, timeout_seconds=0.2)
    with slow as hasty, pytest.raises(CatalogUnavailable):
        hasty.upsert([inspection("never.exr")])


def test_a_deadline_ends_retries(shared: Pair) -> None:
    server, _ = shared
    with failing_inserts(server, Fault(FaultKind.INTERNAL_ERROR)) as patient, pytest.raises(CatalogUnavailable):
        patient.upsert([inspection("never.exr")], deadline=Deadline.after(1.5))


def test_no_server_is_unavailable() -> None:
    with LocalVastDB(None) as server:
        catalog = connect(server, retry_seconds=0.1)
    with pytest.raises(CatalogUnavailable):
        catalog.upsert([inspection()])


def test_wrong_keys_are_denied_and_not_printed(shared: Pair) -> None:
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


def test_an_empty_batch_sends_no_request(pair: Pair) -> None:
    server, catalog = pair
    assert catalog.upsert([]) == []
    assert catalog.current_versions([]) == []
    assert requests(server) == 0


def test_a_path_without_a_key_is_refused(pair: Pair) -> None:
    _, catalog = pair
    with pytest.raises(CatalogError):
        catalog.remove("renders")


def test_what_is_stored_with_a_batch_is_stored_once_if_the_batch_is_divided(pair: Pair) -> None:
    _, catalog = pair
    refused = catalog.upsert
    kept_with: list[int] = []

    def refuse_several(inspections: Any, **options: Any) -> Any:
        if len(inspections) > 1:
            raise CatalogError("the database answered 400")
        return refused(inspections, **options)

    catalog.upsert = refuse_several  # a server that refuses one row is not at hand
    try:
        batch = [inspection(f"shot/{number}.exr") for number in range(3)]
        done = upsert_isolating_failures(
            catalog, batch, also=lambda work: kept_with.append(len(rows_of(work.select(FILES, ["path"]))))
        )
    finally:
        del catalog.upsert
    assert [result.outcome for result in done if isinstance(result, UpsertResult)] == [Outcome.INSERTED] * 3
    assert len(kept_with) == 1, "with the last part, when all others are stored"
