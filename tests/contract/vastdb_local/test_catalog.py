"""The VAST Catalog of the local VAST DataBase, of a folder or a listing, as sweeps read it with `tx.catalog()`."""

import datetime as dt
import os
import signal

import pyarrow as pa
import pytest
from click.testing import CliRunner

from tests.contract.vastdb_local.support import connect, session_of
from tests.support.waiting import until
from vastdb_local import CatalogEntry, LocalVastDB, entries_of_folder
from vastdb_local.__main__ import command

COUNTED = pa.schema([("name", pa.string()), ("ctime", pa.int64())])


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "renders"
    (root / "shot" / "deep").mkdir(parents=True)
    (root / "shot" / "a.0001.exr").write_bytes(b"12345")
    (root / "shot" / "deep" / "b.exr").write_bytes(b"")
    (root / "notes").write_bytes(b"x")
    (root / "link.exr").symlink_to("shot/a.0001.exr")
    return root


def listed(server, predicate=None, columns=None):
    with connect(server).transaction() as tx:
        table = tx.catalog()
        rows = table.select(columns, predicate(table) if predicate else None).read_all()
    return {row["parent_path"] + row["name"]: row for row in rows.to_pylist()}


def test_the_catalog_of_a_folder_has_its_files_and_folders(folder):
    with LocalVastDB(None) as server:
        assert server.write_catalog(entries_of_folder(folder, root="/studio/renders/")) == 6
        found = listed(server)
        assert {path: row["element_type"] for path, row in found.items()} == {
            "/studio/renders/shot": "DIR",
            "/studio/renders/shot/deep": "DIR",
            "/studio/renders/shot/a.0001.exr": "FILE",
            "/studio/renders/shot/deep/b.exr": "FILE",
            "/studio/renders/notes": "FILE",
            "/studio/renders/link.exr": "SYMLINK",
        }
        frame = found["/studio/renders/shot/a.0001.exr"]
        status = (folder / "shot" / "a.0001.exr").stat()
        assert (frame["size"], frame["extension"], frame["uid"]) == (5, "exr", status.st_uid)
        assert frame["phandle"]["handle_id"] == status.st_ino
        with connect(server).transaction() as tx:
            moments = tx.catalog().select(["name", "ctime"]).read_all().cast(COUNTED).to_pydict()
        assert dict(zip(moments["name"], moments["ctime"], strict=True))["a.0001.exr"] == status.st_ctime_ns
        assert found["/studio/renders/notes"]["extension"] is None


def test_predicates_find_what_changed(folder):
    with LocalVastDB(None) as server:
        path = folder / "shot" / "deep" / "b.exr"
        os.utime(path, ns=(0, 4 * 10**18))
        server.write_catalog(entries_of_folder(folder, root="/renders"))
        after = dt.datetime(2060, 1, 1)  # noqa: DTZ001 - the Catalog's moments have no zone
        changed = listed(server, lambda t: (t["mtime"] > after) & (t["element_type"] == "FILE"))
        assert set(changed) == {"/renders/shot/deep/b.exr"}
        below = listed(server, lambda t: (t["parent_path"] >= "/renders/shot/") & (t["parent_path"] < "/renders/shot0"))
        assert set(below) == {"/renders/shot/a.0001.exr", "/renders/shot/deep", "/renders/shot/deep/b.exr"}


def test_a_snapshot_replaces_the_last_one_at_once(folder):
    with LocalVastDB(None) as server:
        server.write_catalog(entries_of_folder(folder, root="/renders"))
        before = listed(server)
        with connect(server).transaction() as tx:
            assert tx.catalog().select(["name"]).read_all().num_rows == 6
            (folder / "shot" / "a.0001.exr").rename(folder / "shot" / "a.0002.exr")
            server.write_catalog(entries_of_folder(folder, root="/renders"))
            assert tx.catalog().select(["name"]).read_all().num_rows == 6
        after = listed(server)
        assert "/renders/shot/a.0001.exr" not in after
        old, new = before["/renders/shot/a.0001.exr"], after["/renders/shot/a.0002.exr"]
        assert old["phandle"] == new["phandle"], "a rename keeps the handle"
        assert old["mtime"] == new["mtime"]


def test_the_catalog_can_be_written_from_any_listing_and_is_stored(tmp_path):
    path = tmp_path / "kept.duckdb"
    entry = CatalogEntry("/renders/a.exr", size=1_001, mtime_ns=10**18, ctime_ns=10**18 + 1)
    with LocalVastDB(path) as server:
        server.write_catalog(entry for _ in range(1))
    with LocalVastDB(path) as server:  # it is stored
        (row,) = listed(server, columns=["parent_path", "name", "size"]).values()
        assert row == {"parent_path": "/renders/", "name": "a.exr", "size": 1_001}
        server.write_catalog([])
        assert listed(server) == {}


def test_more_rows_than_one_insert(tmp_path):
    entries = (CatalogEntry(f"/r/{n}.exr", size=n, mtime_ns=n, ctime_ns=n) for n in range(120_000))
    with LocalVastDB(None) as server:
        assert server.write_catalog(entries) == 120_000
        found = listed(server, lambda t: t["name"] == "77777.exr", ["parent_path", "name", "size"])
        assert [row["size"] for row in found.values()] == [77_777]


def test_without_a_conflict_detection_too(folder):
    with LocalVastDB(None, detect_conflicts=False) as server:
        for _ in range(2):
            assert server.write_catalog(entries_of_folder(folder, root="/renders")) == 6
        assert len(listed(server)) == 6


def test_the_command_takes_snapshots_again_and_again(serve, folder, tmp_path):
    options = ("--port", "0", "--vast-catalog", f"/renders={folder}", "--vast-catalog-seconds", "0.2")
    process = serve("--catalog", str(tmp_path / "a.duckdb"), *options, module=("vastdb_local",))
    session = session_of(process)

    def count():
        with session.transaction() as tx:
            return tx.catalog().select(["name"]).read_all().num_rows

    try:
        for expected in (6, 7):
            until(lambda: count() == expected)  # noqa: B023 - called at once
            (folder / "new.exr").write_bytes(b"")
    finally:
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 0, told


@pytest.mark.parametrize("text", ["/renders", "renders=.", "/renders=/nowhere/at/all"])
def test_the_command_refuses_what_is_no_folder(tmp_path, text):
    done = CliRunner().invoke(command, ["serve", "--catalog", str(tmp_path / "a.duckdb"), "--vast-catalog", text])
    assert done.exit_code == 2
    assert "--vast-catalog" in done.stderr
