"""Tables whose `files` is partitioned by bucket have the same rows as others; the cost of a look-up."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from exr_inspector.catalog import Catalog
from exr_inspector.catalog.admin.setup import SetupOptions, check_tables, setup
from exr_inspector.catalog.catalog import ObjectState
from exr_inspector.catalog.schema import FILES, LEAST_GUARDS
from exr_inspector.catalog.sdk.predicates import Where, has_prefix, is_in
from exr_inspector.catalog.sdk.work import rows_of
from exr_inspector.errors import CatalogError
from exr_inspector.model import ObjectVersion
from tests.contract.catalog.model import Model, assert_equal, connect, inspection, ready
from vastdb_local import LocalVastDB

PARTITIONED = SetupOptions(guards=LEAST_GUARDS, partition=True)


@contextmanager
def partitioned() -> Iterator[tuple[LocalVastDB, Catalog]]:
    with LocalVastDB(None) as server:
        catalog = connect(server)
        made = setup(catalog.connection, PARTITIONED)
        assert "table files sorted by path partitioned by bucket" in made.changes
        yield server, catalog
        catalog.close()


def test_files_of_several_buckets_are_stored_replaced_and_removed() -> None:
    with partitioned() as (_, catalog):
        first = [
            inspection(f"a/{number}.exr", bucket=bucket) for bucket in ("renders", "plates") for number in range(3)
        ]
        assert {result.outcome.value for result in catalog.upsert(first)} == {"inserted"}
        newer = inspection("a/1.exr", bucket="plates", revision=2)
        assert [result.outcome.value for result in catalog.upsert([newer, first[0]])] == ["replaced", "unchanged"]
        assert catalog.remove("renders/a/2.exr").outcome.value == "removed"
        stored = {item.path: item for item in first} | {newer.path: newer}
        del stored["renders/a/2.exr"]
        assert_equal(catalog, Model(stored))
        version = newer.version
        assert isinstance(version, ObjectVersion)
        states = [ObjectState("plates", "a/1.exr", version), ObjectState("renders", "a/2.exr", version)]
        assert [version is not None for version in catalog.current_versions(states)] == [True, False]
        assert (catalog.has_files("plates/a/"), catalog.has_files("plates/b/")) == (True, False)
        assert sorted(catalog.stored_between("renders/", end="renders0")) == ["renders/a/0.exr", "renders/a/1.exr"]
        files = next(table for table in check_tables(catalog.connection).tables if table.name == "files")
        assert (files.is_good, files.is_sorted, files.is_partitioned) == (True, True, True)


@pytest.mark.parametrize(
    ("where", "partitions"), [(is_in("path", ["a/1.exr"]), 1), (has_prefix("path", "a/"), 1), (None, 3)]
)
def test_a_look_up_reads_the_partitions_of_its_buckets_only(where: Where | None, partitions: int) -> None:
    with partitioned() as (server, catalog):
        catalog.upsert([inspection("1.exr", bucket=bucket) for bucket in "abc"])

        def select(work: Any) -> int:
            server.reset_counters()
            return len(rows_of(work.select(FILES, ["path"], where)))

        assert catalog.connection.run("look up", select) == partitions
        counted = server.counters()
        del counted["commit"]
        assert counted == {"list_columns": 1, "table_stats": 2, "query": 1 + partitions}


def test_files_that_are_there_and_older_servers_are_refused() -> None:
    with ready() as (_, catalog), pytest.raises(CatalogError, match="only a new table"):
        setup(catalog.connection, PARTITIONED)
    with LocalVastDB(None, server_version="5.4.2") as server, pytest.raises(CatalogError, match=r"VAST 5\.5"):
        setup(connect(server).connection, PARTITIONED)
