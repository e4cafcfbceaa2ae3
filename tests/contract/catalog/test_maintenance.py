"""Setup, comparison, schema evolution, retention and repair on the local server."""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from exr_inspector.catalog import Catalog
from exr_inspector.catalog.admin.reconcile import compare, stored_versions, vast_catalog_objects
from exr_inspector.catalog.admin.repair import RepairReport, repair
from exr_inspector.catalog.admin.setup import SetupOptions, check_tables, ensure_tables, prune, require_good, setup
from exr_inspector.catalog.rows.build import arrow_table
from exr_inspector.catalog.schema import (
    BY_NAME,
    CHILDREN,
    DEFAULT_GUARDS,
    FILES,
    GUARDS,
    LEAST_GUARDS,
    SCHEMA_VERSION,
    SCHEMA_VERSIONS,
    TABLES,
)
from exr_inspector.catalog.sdk.work import ROW_ID, Work, rows_of
from exr_inspector.errors import CatalogError, SchemaDrift, SchemaMissing
from exr_inspector.model import StatsMode
from exr_inspector.settings import View
from tests.contract.catalog.model import START, VERSIONS, Model, Pair, assert_equal, connect, inspection, ready
from tests.support.databases import wipe_of
from vastdb_local import LocalVastDB


@pytest.fixture(scope="module", params=VERSIONS)
def shared(request: pytest.FixtureRequest) -> Iterator[Pair]:
    with ready(server_version=request.param) as pair:
        yield pair


@pytest.fixture
def catalog(shared: Pair) -> Iterator[Catalog]:
    yield shared[1]
    wipe_of(*shared)


def count(catalog: Catalog, name: str) -> int:
    table = BY_NAME[name]
    return catalog.connection.run("count", lambda work: len(rows_of(work.select(table, [table.columns[0].name]))))


# --- set-up ----------------------------------------------------------------------------------------------


def test_setup_creates_everything_once() -> None:
    with LocalVastDB(None) as server:
        catalog = connect(server)
        before = check_tables(catalog.connection)
        assert not before.is_good
        assert "the schema is missing" in before.differences
        with pytest.raises(SchemaMissing):
            require_good(before)
        made = setup(catalog.connection)
        assert made.is_good
        assert made.changes
        again = setup(catalog.connection)
        assert (again.is_good, again.changes, again.recorded_version) == (True, (), SCHEMA_VERSION)
        require_good(check_tables(catalog.connection))
        assert count(catalog, "guards") == DEFAULT_GUARDS
        assert count(catalog, "schema_versions") == 1


def test_tables_of_the_same_definitions_are_not_compared_again() -> None:
    with LocalVastDB(None) as server:
        catalog = connect(server)
        ensure_tables(catalog.connection)
        assert check_tables(catalog.connection).is_good
        server.reset_counters()
        ensure_tables(catalog.connection)
        assert sum(server.counters().values()) <= 3
        assert count(catalog, "schema_versions") == 1


def test_tables_of_other_definitions_are_compared_once() -> None:
    """The tables are of a version that recorded no definitions: `schema_versions` lacks the column."""
    with LocalVastDB(None) as server:
        catalog = connect(server)
        old = [field for field in SCHEMA_VERSIONS.arrow if field.name != "tables_digest"]
        _table_without(catalog, "schema_versions", pa.schema(old))
        ensure_tables(catalog.connection)
        assert check_tables(catalog.connection).is_good
        server.reset_counters()
        ensure_tables(catalog.connection)
        assert sum(server.counters().values()) <= 3


@pytest.mark.heavy
def test_concurrent_setups_create_one_set_of_tables() -> None:
    with LocalVastDB(None) as server:
        catalogs = [connect(server) for _ in range(4)]
        with ThreadPoolExecutor(4) as pool:
            reports = list(pool.map(lambda catalog: setup(catalog.connection), catalogs))
        assert all(report.is_good for report in reports)
        assert sum(bool(report.changes) for report in reports) == 1
        assert count(catalogs[0], "guards") == DEFAULT_GUARDS
        assert catalogs[0].upsert([inspection()])[0].outcome.changed


def test_a_missing_bucket_is_named() -> None:
    with LocalVastDB(None) as server:
        catalog = connect(server)
        config = catalog.connection.config
        other = Catalog(type(config)(config.endpoint, config.access_key, config.secret_key, "nowhere", "exr"))
        with pytest.raises(SchemaMissing, match="nowhere"):
            setup(other.connection)


def _table_without(catalog: Catalog, name: str, columns: pa.Schema) -> None:
    config = catalog.connection.config
    with catalog.connection.session().transaction() as tx:
        tx.bucket(config.bucket).create_schema(config.schema).create_table(name, columns)


def test_new_columns_are_added_and_foreign_ones_left_alone() -> None:
    with LocalVastDB(None) as server:
        catalog = connect(server)
        old = [field for field in BY_NAME["parts"].arrow if field.name not in {"pixel_hash", "level_count"}]
        _table_without(catalog, "parts", pa.schema([*old, pa.field("added_by_somebody", pa.int64())]))
        made = setup(catalog.connection)
        assert {"column parts.level_count", "column parts.pixel_hash"} <= set(made.changes)
        parts = next(table for table in check_tables(catalog.connection).tables if table.name == "parts")
        assert (parts.is_good, parts.extra) == (True, ("added_by_somebody",))
        item = inspection(mode=StatsMode.FULL)
        catalog.upsert([item])
        assert_equal(catalog, Model({item.path: item}))


def test_drift_is_refused_with_a_list_and_nothing_is_changed() -> None:
    with LocalVastDB(None) as server:
        catalog = connect(server)
        columns = BY_NAME["stats"].arrow
        position = columns.get_field_index("samples")
        _table_without(catalog, "stats", columns.set(position, pa.field("samples", pa.string())))
        with pytest.raises(SchemaDrift, match=r"stats\.samples is string, not int64"):
            setup(catalog.connection)
        report = check_tables(catalog.connection)
        assert [table.name for table in report.tables if table.exists] == ["stats"]
        with pytest.raises(SchemaDrift):
            require_good(report)


@pytest.mark.parametrize(("version", "is_sorted"), [("5.3.4", False), ("5.3.5", True)])
def test_tables_are_sorted_where_the_server_has_sorted_tables(version: str, is_sorted: bool) -> None:
    with LocalVastDB(None, server_version=version) as server:
        made = setup(connect(server).connection)
        assert {table.name: table.is_sorted for table in made.tables} == {
            table.name: is_sorted and bool(table.sorted_by) for table in TABLES
        }


def test_tables_get_a_sorting_key_later_while_writers_continue() -> None:
    with ready() as (server, catalog):
        for name in ("files", "parts", "inspections"):
            _made_unsorted(catalog, name)
        catalog.connection.forget()
        item = inspection(mode=StatsMode.FULL)
        assert catalog.upsert([item])[0].outcome.value == "inserted"
        other = connect(server)
        assert not any("sorting key" in change for change in setup(other.connection).changes)
        made = setup(other.connection, SetupOptions(sort=True))
        assert made.changes == tuple(f"sorting key of {name}" for name in ("files", "parts", "inspections"))
        newer = inspection(revision=2, mode=StatsMode.FULL)
        assert catalog.upsert([newer])[0].outcome.value == "replaced", "it notices that row ids are decimals now"
        assert_equal(catalog, Model({newer.path: newer}))


def _made_unsorted(catalog: Catalog, name: str) -> None:
    config = catalog.connection.config
    with catalog.connection.session().transaction() as tx:
        schema = tx.bucket(config.bucket).schema(config.schema)
        schema.table(name).drop()
        schema.create_table(name, BY_NAME[name].arrow)


@pytest.mark.parametrize(("version", "advice"), [(1, "another VAST_DB_SCHEMA"), (SCHEMA_VERSION + 1, "upgrade")])
def test_tables_of_another_schema_version_are_refused_in_one_line(version: int, advice: str) -> None:
    with LocalVastDB(None) as server:
        catalog = connect(server)
        old = [field for field in SCHEMA_VERSIONS.arrow if field.name != "guard_count"]
        _table_without(catalog, "schema_versions", pa.schema(old))
        row = {"schema_version": version, "applied_at": START, "inspector_version": "0", "changes": "[]"}
        with catalog.connection.session().transaction() as tx:
            table = tx.bucket(catalog.connection.config.bucket).schema("exr").table("schema_versions")
            table.insert(pa.Table.from_pylist([row | {"applied_at": START.replace(tzinfo=None)}], pa.schema(old)))
        with pytest.raises(SchemaDrift, match=advice) as caught:
            setup(catalog.connection)
        assert "\n" not in str(caught.value)
        with pytest.raises(SchemaDrift, match=advice):
            require_good(check_tables(catalog.connection))


def test_the_number_of_guards_is_chosen_once() -> None:
    with LocalVastDB(None) as server:
        catalog = connect(server)
        made = setup(catalog.connection, SetupOptions(guards=4_096))
        assert (made.guards, made.guard_count, count(catalog, "guards")) == (4_096, 4_096, 4_096)
        again = setup(catalog.connection, SetupOptions(guards=8_192))
        assert (again.changes, again.guard_count) == ((), 4_096)
    for wrong in (0, 1_000, 512, 1 << 23, -1_024):
        with pytest.raises(CatalogError, match="power of two"):
            SetupOptions(guards=wrong)


def test_projections_are_made_when_asked_for() -> None:
    with LocalVastDB(None) as server:
        catalog = connect(server)
        assert sum(
            "projection" in change for change in setup(catalog.connection, SetupOptions(projections=True)).changes
        ) == len((FILES, *CHILDREN))
        assert setup(catalog.connection, SetupOptions(projections=True)).changes == ()
        item = inspection(mode=StatsMode.FULL)
        assert catalog.upsert([item, inspection(revision=2)])[0].outcome.value == "superseded"


def test_every_table_is_recorded(catalog: Catalog) -> None:
    (row,) = catalog.connection.run(
        "read", lambda work: rows_of(work.select(SCHEMA_VERSIONS, SCHEMA_VERSIONS.arrow.names))
    )
    assert all(f"table {table.name}" in row["changes"] for table in TABLES)


# --- retention -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("days", [-1, math.nan, math.inf, 1e30])
def test_prune_refuses_an_invalid_number_of_days(catalog: Catalog, days: float) -> None:
    with pytest.raises(CatalogError, match="days"):
        prune(catalog.connection, keep_days=days)


def test_prune_keeps_recent_rows(shared: Pair, catalog: Catalog) -> None:
    server, _ = shared
    before = count(catalog, "inspections")
    for days in (400, 31, 29, 0):
        aged = connect(server, clock=lambda days=days: START - timedelta(days=days))
        aged.upsert([inspection(f"aged/{days}.exr")])
    now = connect(server, clock=lambda: START)
    assert prune(now.connection, keep_days=30, dry_run=True) == 2
    assert count(catalog, "inspections") == before + 4
    assert prune(now.connection, keep_days=30) == 2
    assert count(catalog, "inspections") == before + 2


def test_prune_goes_on_after_a_transaction(catalog: Catalog, shared: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exr_inspector.catalog.admin.setup._PRUNE_ROWS", 2)
    before = count(catalog, "inspections")
    aged = connect(shared[0], clock=lambda: START - timedelta(days=900))
    aged.upsert([inspection(f"aged/{number}.exr") for number in range(5)])
    progress_lines: list[str] = []
    now = connect(shared[0], clock=lambda: START)
    assert prune(now.connection, keep_days=800, progress=progress_lines.append) == 5
    assert progress_lines == ["2 rows deleted", "4 rows deleted"]
    assert count(catalog, "inspections") == before


# --- repair ----------------------------------------------------------------------------------------------


def select_all(work: Work, name: str, path: str) -> list[dict[str, Any]]:
    table = BY_NAME[name]
    column = "path" if name == "files" else "file_path"
    return rows_of(work.select(table, table.arrow.names, lambda handle: handle[column] == path, row_ids=True))


def copy_rows(catalog: Catalog, name: str, path: str, **changes: object) -> int:
    """Insert the rows of a file again."""

    def body(work: Work) -> int:
        rows = [{**row, **changes} for row in select_all(work, name, path)]
        work.insert(BY_NAME[name], arrow_table(BY_NAME[name], rows))
        return len(rows)

    return catalog.connection.run("copy rows", body)


def lose_rows(catalog: Catalog, name: str, path: str) -> None:
    catalog.connection.run(
        "lose rows",
        lambda work: work.delete(BY_NAME[name], [row[ROW_ID] for row in select_all(work, name, path)[:1]]),
    )


def seeded(catalog: Catalog) -> Model:
    items = [inspection(f"r/{index}.exr", mode=StatsMode.SAMPLED, findings=1) for index in range(4)]
    catalog.upsert(items)
    return Model({item.path: item for item in items})


def test_nothing_to_repair(catalog: Catalog) -> None:
    model = seeded(catalog)
    assert repair(catalog.connection) == RepairReport(files=4)
    assert_equal(catalog, model)


def test_duplicate_rows_and_duplicate_child_rows_are_repaired(catalog: Catalog) -> None:
    model = seeded(catalog)
    copied = {name: copy_rows(catalog, name, "renders/r/0.exr") for name in ("files", "channels", "stats")}
    found = repair(catalog.connection, dry_run=True)
    assert (found.duplicate_files, found.repeated_rows) == (1, copied["channels"] + copied["stats"])
    assert count(catalog, "files") == 5
    assert repair(catalog.connection) == found
    assert_equal(catalog, model)
    assert repair(catalog.connection).is_clean


def test_the_newest_of_several_versions_stays(catalog: Catalog) -> None:
    model = seeded(catalog)
    old = inspection("r/1.exr", revision=0)
    # Without conflict detection, two writers can leave an older version beside the newer one.
    other = Model({old.path: old})
    from exr_inspector.catalog.rows.groups import to_tables  # noqa: PLC0415 - only this test writes past the store

    def body(work: Work) -> None:
        for name, rows in to_tables([old], ["another"]).items():
            work.insert(BY_NAME[name], rows)

    catalog.connection.run("write past the store", body)
    assert len(other.files) == 1
    report = repair(catalog.connection)
    assert report.duplicate_files == 1
    assert report.orphan_rows == 1 + 5 + 9
    assert_equal(catalog, model)


def test_orphaned_rows_are_deleted(catalog: Catalog) -> None:
    model = seeded(catalog)
    copied = copy_rows(catalog, "attributes", "renders/r/2.exr", file_id="f" * 32, inspection_id="gone")
    copied += copy_rows(catalog, "validation", "renders/r/2.exr", inspection_id="gone")
    assert repair(catalog.connection).orphan_rows == copied
    assert_equal(catalog, model)


@pytest.mark.parametrize("name", ["parts", "attributes", "stats"])
def test_incomplete_files_go_and_are_named(catalog: Catalog, name: str) -> None:
    model = seeded(catalog)
    lose_rows(catalog, name, "renders/r/3.exr")
    progress_lines: list[str] = []
    report = repair(catalog.connection, progress=progress_lines.append)
    assert report.incomplete_files == ("renders/r/3.exr",)
    assert progress_lines
    lost = model.files.pop("renders/r/3.exr")
    assert_equal(catalog, model)
    assert catalog.upsert([lost])[0].outcome.value == "inserted"


def test_duplicate_guard_rows_are_repaired(catalog: Catalog) -> None:
    def double(work: Work) -> None:
        rows = rows_of(work.select(GUARDS, GUARDS.arrow.names, lambda handle: handle["guard_id"] < 7))
        work.insert(GUARDS, arrow_table(GUARDS, rows))

    catalog.connection.run("double guards", double)
    assert catalog.upsert([inspection(f"g/{index}.exr") for index in range(50)])
    assert repair(catalog.connection).duplicate_guards == 7
    assert count(catalog, "guards") == LEAST_GUARDS


def test_repair_in_slices(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exr_inspector.catalog.admin.repair._FILES_PER_SLICE", 2)
    model = seeded(catalog)
    copy_rows(catalog, "files", "renders/r/0.exr")
    progress_lines: list[str] = []
    assert repair(catalog.connection, progress=progress_lines.append).duplicate_files == 1
    assert len(progress_lines) == 3
    assert_equal(catalog, model)


# --- storage against the tables --------------------------------------------------------------------------


def test_the_vast_catalog_as_listing() -> None:
    columns = [("parent_path", pa.string()), ("name", pa.string()), ("element_type", pa.string()), ("size", pa.int64())]
    schema = pa.schema([*columns, ("mtime", pa.timestamp("ns")), ("ctime", pa.timestamp("ns"))])
    rows = [
        ("/studio/renders/sh1/", "a.exr", "FILE", 1_001, inspection("sh1/a.exr")),
        ("/studio/renders/sh1", "b.exr", "FILE", 999, inspection("sh1/b.exr")),
        ("/studio/renders/sh1", "new.EXR", "FILE", 7, inspection("sh1/new.EXR")),
        ("/studio/renders/sh1", "notes.txt", "FILE", 7, inspection("sh1/notes.txt")),
        ("/studio/renders/sh1", "folder.exr", "DIR", 0, inspection("sh1/folder.exr")),
        ("/studio/renders/sh2", "c.exr", "FILE", 7, inspection("sh2/c.exr")),
        ("/studio/renders2/sh1", "d.exr", "FILE", 7, inspection("sh1/d.exr")),
    ]
    arrays = [pa.array([row[index] for row in rows]) for index in range(4)]
    seconds = [int(item.version.mtime.timestamp()) for *_, item in rows if item.version]
    times = pa.array([second * 10**9 + 3_456_789 for second in seconds], pa.timestamp("ns"))
    table = pa.table([*arrays, times, times], schema=schema)
    view = View("/studio/renders", "renders")
    with ready() as (server, catalog):
        with pytest.raises(SchemaMissing):
            list(vast_catalog_objects(catalog.connection, "renders/", view))
        server.create_bucket("vast-big-catalog-bucket")
        with catalog.connection.session().transaction() as tx:
            place = tx.bucket("vast-big-catalog-bucket").create_schema("vast_big_catalog_schema")
            place.create_table("vast_big_catalog_table", schema).insert(table)
        catalog.upsert([inspection("sh1/a.exr"), inspection("sh1/b.exr"), inspection("sh1/gone.exr")])
        listed = list(vast_catalog_objects(catalog.connection, "s3://renders/sh1/", view))
        assert {type(item.version.mtime) for item in listed} == {
            datetime
        }  # and not a pandas type, which Arrow returns for nanoseconds
        found = compare(listed, stored_versions(catalog.connection, "s3://renders/sh1/"))
        assert [item.path for item in found.without_row] == ["renders/sh1/new.EXR"]
        assert [item.path for item in found.stale] == ["renders/sh1/b.exr"]
        assert found.without_object == ("renders/sh1/gone.exr",)
        assert found.listed == 3
        part = View("/studio/renders/sh1", "renders", "of/sh1/")
        for prefix, names in (("renders/of", "abn"), ("renders/of/sh1/a", "a"), ("renders/sh1/", "")):
            listed = list(vast_catalog_objects(catalog.connection, prefix, part))
            assert sorted(item.path[:16] for item in listed) == [f"renders/of/sh1/{name}" for name in names]


def test_a_bucket_without_a_database_is_named_at_once() -> None:
    with LocalVastDB(None) as server:
        server.create_bucket("objects", database=False)
        config = connect(server).connection.config
        other = Catalog(type(config)(config.endpoint, config.access_key, config.secret_key, "objects", "exr"))
        with pytest.raises(SchemaMissing, match="enable the database on the bucket's view"):
            setup(other.connection)
        with pytest.raises(SchemaMissing, match="VAST_DB_BUCKET"):
            other.upsert([inspection()])
