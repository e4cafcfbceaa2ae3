"""Objects of Cryptomattes in the tables: their rows, one copy of each manifest, and no extra requests for other files."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from exr_inspector.catalog import Catalog
from exr_inspector.catalog.read.reader import Reader
from exr_inspector.catalog.rows.groups import prepare
from exr_inspector.catalog.schema import CRYPTOMATTE_MANIFESTS, CRYPTOMATTE_OBJECTS
from exr_inspector.catalog.sdk.work import ROW_ID, Work, rows_of
from exr_inspector.model import Inspection, StatsMode
from tests.contract.catalog.model import Model, Pair, assert_equal, inspection
from tests.support.databases import wipe_of
from vastdb_local import LocalVastDB

NAMES_OF_THREE = 4  # a manifest of `inspection` names one object that no pixel shows


@pytest.fixture
def pair(shared: Pair) -> Iterator[Pair]:
    shared[0].reset_counters()
    yield shared
    wipe_of(*shared)
    shared[1].connection.run("forget the names", _forget_names)


def _forget_names(work: Work) -> None:
    found = rows_of(work.select(CRYPTOMATTE_MANIFESTS, ["name_index"], row_ids=True))
    work.delete(CRYPTOMATTE_MANIFESTS, [row[ROW_ID] for row in found])


def frame(number: int, objects: int = 3, revision: int = 1) -> Inspection:
    return inspection(f"shot/beauty.{number}.exr", mode=StatsMode.FULL, objects=objects, revision=revision)


def names(catalog: Catalog) -> list[dict[str, Any]]:
    columns = CRYPTOMATTE_MANIFESTS.arrow.names
    return catalog.connection.run("read names", lambda work: rows_of(work.select(CRYPTOMATTE_MANIFESTS, columns)))


def requests(server: LocalVastDB) -> int:
    count = sum(server.counters().values())
    server.reset_counters()
    return count


def test_frames_of_one_manifest_share_its_names(pair: Pair) -> None:
    _, catalog = pair
    frames = [frame(1001), frame(1002), frame(1003, objects=2)]
    catalog.upsert(frames[:1])
    catalog.upsert(frames[1:])
    assert_equal(catalog, Model({item.path: item for item in frames}))
    stored = names(catalog)
    assert len(stored) == NAMES_OF_THREE + 3
    assert len({(row["manifest_hash"], row["name_index"]) for row in stored}) == len(stored)
    assert {row["id"] for row in stored if row["name"] == "object 0"} == {"00000001"}


def test_rows_go_with_their_file_and_names_stay(pair: Pair) -> None:
    _, catalog = pair
    catalog.upsert([frame(1001), frame(1002)])
    catalog.upsert([frame(1001, objects=0, revision=2)])
    catalog.remove(frame(1002).path)
    assert_equal(catalog, Model({frame(1001).path: frame(1001, objects=0, revision=2)}))
    assert len(names(catalog)) == NAMES_OF_THREE


def test_only_files_with_objects_cost_requests(pair: Pair) -> None:
    server, catalog = pair
    costs = []
    for objects in (0, 3):
        for revision in (1, 2):
            catalog.upsert([frame(1001 + objects, objects, revision)])
            costs.append(requests(server))
        catalog.remove(frame(1001 + objects).path)
        costs.append(requests(server))
    new, replaced, removed, new_objects, replaced_objects, removed_objects = costs
    assert new_objects - new == 3  # look up the manifest, insert its names, insert the objects
    assert replaced_objects - replaced == 4  # the same without names, and find and delete the old objects
    assert removed_objects - removed == 2


def test_names_are_stored_whichever_file_of_a_group_has_them(pair: Pair) -> None:
    _, catalog = pair
    group = pickle.loads(pickle.dumps(prepare([frame(1001), frame(1002), frame(1003, objects=2)])))
    catalog.upsert(group[1:2])
    assert len(names(catalog)) == NAMES_OF_THREE
    catalog.upsert(group)
    assert len(names(catalog)) == NAMES_OF_THREE + 3


@pytest.mark.heavy
def test_writers_at_the_same_time_store_the_names_once(pair: Pair) -> None:
    _, catalog = pair
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: catalog.upsert([frame(number)]), range(1001, 1009)))
    assert len(names(catalog)) == NAMES_OF_THREE


def test_a_file_is_read_with_its_objects(pair: Pair) -> None:
    _, catalog = pair
    catalog.upsert([frame(1001)])
    found = Reader(catalog.connection).file(frame(1001).path)
    assert [row["id"] for row in found.rows[CRYPTOMATTE_OBJECTS.name]] == ["00000001", "00000002", "00000003"]
    (matte,) = found.inspection.pixels.mattes
    assert (matte.id_count, matte.name_count, matte.unseen_count) == (3, NAMES_OF_THREE, 1)
