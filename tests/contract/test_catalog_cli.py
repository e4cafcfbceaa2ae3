"""`./run db` against the local server and a mounted folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from exr_inspector.catalog import Catalog, CatalogConfig
from exr_inspector.cli.commands.db import command
from exr_inspector.errors import SchemaDrift, SchemaMissing, SettingsError
from tests.contract.catalog_model import inspection
from vastdb_local import LocalVastDB

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
NAMES = ("layers.exr", "tiled.exr", "truncated.exr", "not_an_exr.exr")


class Ground:
    """A server, a folder that stands in for a bucket, and the command line between them."""

    def __init__(self, server: LocalVastDB, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.catalog = Catalog(
            CatalogConfig(server.endpoint, server.access_key, server.secret_key, server.bucket, "exr_inspector")
        )
        for name, value in {
            "VAST_DB_ENDPOINT": server.endpoint,
            "VAST_DB_ACCESS_KEY": server.access_key,
            "VAST_DB_SECRET_KEY": server.secret_key,
            "VAST_DB_BUCKET": server.bucket,
            "EXR_MOUNTS": f"shots={folder}",
            "EXR_STATS": "off",
        }.items():
            monkeypatch.setenv(name, value)

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(command, list(arguments))

    def paths(self) -> list[str]:
        return [item.path for item in self.catalog.read.list_files().files]


@pytest.fixture
def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ground]:
    folder = tmp_path / "shots"
    (folder / "sh1").mkdir(parents=True)
    for name in NAMES:
        shutil.copy(SAMPLES / name, folder / "sh1" / name)
    (folder / "sh1" / "notes.txt").write_text("no image")
    with LocalVastDB(tmp_path / "catalog.duckdb") as server:
        yield Ground(server, folder, monkeypatch)


def test_setup_and_check(ground: Ground) -> None:
    assert isinstance(ground.run("check").exception, SchemaMissing)
    done = ground.run("setup")
    assert (done.exit_code, "created table files" in done.output) == (0, True), done.output
    assert "nothing to do" in ground.run("setup").output
    assert "9 tables as they should be" in ground.run("check").output
    with ground.catalog.connection.session().transaction() as tx:
        tx.bucket("vastdb").schema("exr_inspector").table("stats").rename_column("min", "least")
    assert isinstance(ground.run("check").exception, SchemaMissing)
    assert not isinstance(ground.run("check").exception, SchemaDrift)


def test_reconcile_and_repair(ground: Ground) -> None:
    ground.run("setup")
    found = ground.run("reconcile", "s3://shots/sh1/")
    assert found.exit_code == 1
    assert found.output.count("no row: s3://shots/sh1/") == len(NAMES)
    done = ground.run("reconcile", "s3://shots/sh1/", "--fix")
    assert done.exit_code == 0, done.output
    assert "4 files stored, 0 files removed" in done.output
    assert ground.paths() == sorted(f"shots/sh1/{name}" for name in NAMES)
    assert ground.run("reconcile", "s3://shots/").exit_code == 0
    (ground.folder / "sh1" / "layers.exr").unlink()
    shutil.copy(SAMPLES / "nan_inf.exr", ground.folder / "sh1" / "tiled.exr")
    differs = ground.run("reconcile", "s3://shots/").output
    assert "no object: s3://shots/sh1/layers.exr" in differs
    assert "stale row: s3://shots/sh1/tiled.exr" in differs
    assert ground.run("reconcile", "s3://shots/", "--fix").exit_code == 0
    assert "agree" in ground.run("reconcile", "s3://shots/").output
    assert "shots/sh1/layers.exr" not in ground.paths()
    assert "nothing to repair" in ground.run("repair").output


def test_reconcile_of_a_bucket_means_no_other(ground: Ground) -> None:
    ground.run("setup")
    ground.catalog.upsert([inspection(bucket="shots2")])
    done = ground.run("reconcile", "s3://shots", "--fix")
    assert done.exit_code == 0, done.output
    assert "shots2" not in done.output
    assert "storage and tables agree" in ground.run("reconcile", "shots").output
    assert ground.run("reconcile", "s3://").exit_code == 2


def test_reconcile_leaves_out_what_cannot_be_read(ground: Ground) -> None:
    ground.run("setup")
    hostile = ground.folder / "sh1" / "esc\x1b[31m\nred.exr"
    shutil.copy(SAMPLES / "layers.exr", hostile)
    done = ground.run("reconcile", "s3://shots/", "--fix")
    assert (done.exit_code, "4 files stored" in done.output) == (1, True), done.output
    assert "left out: s3://shots/sh1/esc\\x1b[31m\\nred.exr: key" in done.output
    assert "\x1b" not in done.output
    hostile.unlink()
    assert ground.run("reconcile", "s3://shots/").exit_code == 0


def test_prune(ground: Ground) -> None:
    ground.run("setup")
    ground.catalog.upsert([inspection()])
    assert "0 rows would be deleted" in ground.run("prune", "--keep-days", "1", "--dry-run").output
    assert "1 rows were deleted" in ground.run("prune", "--keep-days", "0").output
    assert ground.run("prune").exit_code == 2


def test_without_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VAST_DB_ENDPOINT", "VAST_DB_ACCESS_KEY", "VAST_DB_SECRET_KEY", "VAST_DB_BUCKET"):
        monkeypatch.delenv(name, raising=False)
    assert isinstance(CliRunner().invoke(command, ["check"]).exception, SettingsError)
