"""`./run db` against the local server and a mounted folder."""

from __future__ import annotations

import contextlib
import os
import shutil
import socketserver
import threading
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner, Result

from exr_inspector.catalog import Catalog, CatalogConfig
from exr_inspector.catalog.schema import TABLES
from exr_inspector.cli.__main__ import main
from exr_inspector.cli.commands.db import command
from exr_inspector.errors import (
    AccessDenied,
    ArgumentError,
    BucketMissing,
    BucketUnavailable,
    CatalogUnavailable,
    SchemaDrift,
    SchemaMissing,
    SettingsError,
    SourceError,
)
from exr_inspector.ingest.run import Ingest, Target
from exr_inspector.settings import load_settings
from exr_inspector.storage import SourceOpener
from exr_inspector.sync.shard import IngestContext
from tests.contract.catalog.model import inspection
from tests.support.databases import empty_catalog
from tests.support.faulty_s3 import FaultyS3, Status
from vastdb_local import LocalVastDB

SAMPLES = Path(__file__).resolve().parents[3] / "samples"
NAMES = ("layers.exr", "tiled.exr", "truncated.exr", "not_an_exr.exr")


class Ground:
    """A server, a folder that stands in for a bucket, and the command line between them."""

    def __init__(self, server: LocalVastDB, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.server = server
        config = CatalogConfig(server.endpoint, server.access_key, server.secret_key, server.bucket, "exr_inspector")
        self.catalog = Catalog(config)
        for name, value in {**config.environ, "EXR_MOUNTS": f"shots={folder}", "EXR_STATS": "off"}.items():
            monkeypatch.setenv(name, value)

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(command, list(arguments))

    def paths(self) -> list[str]:
        return sorted(self.catalog.stored_between(""))


@pytest.fixture
def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ground]:
    folder = tmp_path / "shots"
    (folder / "sh1").mkdir(parents=True)
    for name in NAMES:
        shutil.copy(SAMPLES / name, folder / "sh1" / name)
    (folder / "sh1" / "notes.txt").write_text("no image")
    with LocalVastDB(empty_catalog(tmp_path / "catalog.duckdb")) as server:
        yield Ground(server, folder, monkeypatch)


def test_setup_and_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with LocalVastDB(None) as server:
        _set_up_and_check(Ground(server, tmp_path, monkeypatch))


def _set_up_and_check(ground: Ground) -> None:
    assert isinstance(ground.run("check").exception, SchemaMissing)
    done = ground.run("setup")
    assert (done.exit_code, "created table files" in done.output) == (0, True), done.output
    assert "nothing to do" in ground.run("setup").output
    assert f"{len(TABLES)} tables are as expected" in ground.run("check").output
    with ground.catalog.connection.session().transaction() as tx:
        tx.bucket("vastdb").schema("exr_inspector").table("stats").rename_column("min", "least")
    assert isinstance(ground.run("check").exception, SchemaDrift), "as for the function"


def test_reconcile_and_repair(ground: Ground) -> None:
    found = ground.run("reconcile", "s3://shots/sh1/")
    assert found.exit_code == 1
    assert found.output.count("no row: s3://shots/sh1/") == len(NAMES)
    assert "db reconcile s3://shots/sh1/ --fix\n" in found.output
    done = ground.run("reconcile", "s3://shots/sh1/", "--fix")
    assert done.exit_code == 0, done.output
    assert "4 files stored, rows of 0 files removed" in done.output
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
    ground.catalog.upsert([inspection(bucket="shots2")])
    done = ground.run("reconcile", "s3://shots", "--fix")
    assert done.exit_code == 0, done.output
    assert "shots2" not in done.output
    assert "storage and tables agree" in ground.run("reconcile", "shots").output
    assert ground.run("reconcile", "s3://").exit_code == 2


def test_reconcile_takes_any_name_and_prints_no_control_characters(ground: Ground) -> None:
    hostile = ground.folder / "sh1" / "esc\x1b[31m\nred.exr"
    shutil.copy(SAMPLES / "layers.exr", hostile)
    done = ground.run("reconcile", "s3://shots/", "--fix")
    assert (done.exit_code, "5 files stored" in done.output) == (0, True), done.output
    assert "no row: s3://shots/sh1/esc\\x1b[31m\\nred.exr" in done.output
    assert "\x1b" not in done.output
    assert ground.run("reconcile", "s3://shots/").exit_code == 0


def test_prune_deletes_old_inspections_and_needs_a_number_of_days(ground: Ground) -> None:
    ground.catalog.upsert([inspection()])
    assert "0 rows of inspections to delete" in ground.run("prune", "--keep-days", "1", "--dry-run").output
    assert "1 row of inspections deleted" in ground.run("prune", "--keep-days", "0").output
    assert ground.run("prune").exit_code == 2


def test_a_database_that_does_not_answer_is_asked_as_long_as_the_setting_says(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    class HangUp(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            asked.append(self.client_address)

    with socketserver.TCPServer(("127.0.0.1", 0), HangUp) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        monkeypatch.setenv("VAST_DB_ENDPOINT", f"http://127.0.0.1:{server.server_address[1]}")
        monkeypatch.setenv("EXR_DB_RETRY_SECONDS", "0")
        for name in ("VAST_DB_ACCESS_KEY", "VAST_DB_SECRET_KEY", "VAST_DB_BUCKET"):
            monkeypatch.setenv(name, "any")
        result = CliRunner().invoke(command, ["check"])
        server.shutdown()
    assert isinstance(result.exception, CatalogUnavailable)
    assert len(asked) == 1


def test_a_setting_that_a_command_does_not_use_does_not_stop_it(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXR_STATS", "most")
    assert not isinstance(ground.run("check").exception, SettingsError)
    assert isinstance(ground.run("reconcile", "s3://shots/").exception, SettingsError)


def test_without_settings_of_the_database_it_is_an_error_of_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VAST_DB_ENDPOINT", "VAST_DB_ACCESS_KEY", "VAST_DB_SECRET_KEY", "VAST_DB_BUCKET"):
        monkeypatch.delenv(name, raising=False)
    assert isinstance(CliRunner().invoke(command, ["check"]).exception, SettingsError)


def objects(s3: FaultyS3, count: int) -> None:
    for index in range(count):
        s3.put("renders", f"a.{index:04}.exr", (SAMPLES / "layers.exr").read_bytes())


@pytest.fixture
def s3(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyS3]:
    """A store beside the folder."""
    with FaultyS3() as server:
        for name, value in {**server.environ, "S3_RETRIES": "0"}.items():
            monkeypatch.setenv(name, value)
        yield server


def test_one_object_that_fails_is_named_and_costs_no_other(ground: Ground, s3: FaultyS3) -> None:
    objects(s3, 6)
    s3.by_key["a.0003.exr"] = Status(500)
    done = ground.run("reconcile", "s3://renders/", "--fix")
    assert (done.exit_code, "5 files stored" in done.output) == (1, True), done.output
    assert "SOURCE_UNAVAILABLE: s3://renders/a.0003.exr: " in done.output
    s3.by_key.clear()
    assert ground.run("reconcile", "s3://renders/", "--fix").exit_code == 0
    assert "agree" in ground.run("reconcile", "s3://renders/").output


def test_an_object_that_goes_between_listing_and_reading_gets_no_row(ground: Ground, s3: FaultyS3) -> None:
    objects(s3, 3)
    s3.hook = lambda request: s3.delete("renders", "a.0001.exr") if "list-type" not in request.query else None
    done = ground.run("reconcile", "s3://renders/", "--fix")
    assert done.exit_code == 0, done.output
    assert ground.paths() == ["renders/a.0000.exr", "renders/a.0002.exr"]


def test_an_object_that_is_denied_for_good_and_a_key_that_cannot_be_addressed_are_named_once(
    ground: Ground, s3: FaultyS3
) -> None:
    objects(s3, 2)
    s3.put("renders", "b//c.exr", b"x")
    s3.by_key["a.0001.exr"] = Status(403)
    done = ground.run("reconcile", "s3://renders/", "--fix")
    assert (done.exit_code, "3 files stored" in done.output) == (1, True), done.output
    assert "SOURCE_ACCESS_DENIED: s3://renders/a.0001.exr: " in done.output
    assert "SOURCE_KEY: s3://renders/b//c.exr: " in done.output
    assert "agree" in ground.run("reconcile", "s3://renders/").output


def test_wrong_keys_a_page_and_an_empty_share_remove_nothing(ground: Ground, s3: FaultyS3, tmp_path: Path) -> None:
    objects(s3, 3)
    ground.run("reconcile", "s3://renders/", "--fix")
    ground.run("reconcile", "s3://shots/", "--fix")
    before = ground.paths()
    for fault in (
        Status(403, "InvalidAccessKeyId"),
        Status(200, body=b"<html>Sign in</html>"),
        Status(404, body=b"no"),
    ):
        s3.chance(1.0, fault, seed=1)
        assert isinstance(ground.run("reconcile", "s3://renders/", "--fix", "--yes").exception, SourceError)
    ground.folder.rename(tmp_path / "aside")
    ground.folder.mkdir()
    assert isinstance(ground.run("reconcile", "s3://shots/", "--fix", "--yes").exception, BucketUnavailable)
    (ground.folder / "NOT_MOUNTED").write_text("")
    for answer in ((), ("--yes",)):
        refused = ground.run("reconcile", "s3://shots/", "--fix", *answer).exception
        assert isinstance(refused, BucketMissing)
        assert "db remove s3://shots/" in str(refused)
    assert ground.paths() == before
    assert f"rows of {len(NAMES)} files removed" in ground.run("remove", "s3://shots/", "--yes").output


def test_rows_of_files_that_are_mounted_or_may_not_be_read_are_not_removed(
    ground: Ground, s3: FaultyS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects(s3, 2)
    ground.run("reconcile", "s3://renders/", "--fix")
    monkeypatch.setenv("EXR_MOUNTS", f"gone/sh1={ground.folder}/sh1,gone/sh2={tmp_path}")
    ground.run("reconcile", "s3://gone/sh1/", "--fix")
    before = ground.paths()
    assert len(before) == 2 + len(NAMES)
    s3.script(Status(404, "NoSuchBucket"), Status(404, "NoSuchBucket"))
    assert isinstance(ground.run("reconcile", "s3://gone/").exception, BucketMissing)
    there = ground.run("remove", "s3://gone/", "--yes").exception
    assert isinstance(there, ArgumentError)
    assert "reconcile s3://gone/sh1/ --fix" in str(there)
    monkeypatch.setenv("EXR_ALLOWED_PREFIXES", "renders/b,gone/sh2/")
    for place in ("s3://renders/", "s3://renders/a", "s3://gone/sh1/"):
        assert isinstance(ground.run("remove", place, "--yes").exception, AccessDenied), place
    assert "no object" not in ground.run("reconcile", "s3://renders/").output
    assert ground.paths() == before
    shutil.rmtree(ground.folder)
    monkeypatch.delenv("EXR_ALLOWED_PREFIXES")
    monkeypatch.setenv("EXR_MOUNTS", f"shots={tmp_path}")
    assert "rows of 4 files removed" in ground.run("remove", "s3://gone/", "--yes").output


@pytest.mark.heavy
def test_many_removals_are_asked_about(ground: Ground, s3: FaultyS3) -> None:
    objects(s3, 30)
    assert ground.run("reconcile", "s3://renders/", "--fix").exit_code == 0
    for index in range(5):
        s3.delete("renders", f"a.{index:04}.exr")
    assert "rows of 5 files removed" in ground.run("reconcile", "s3://renders/", "--fix").output, (
        "few rows are removed without a question"
    )
    for index in range(20):
        s3.delete("renders", f"a.{index:04}.exr")
    refused = ground.run("reconcile", "s3://renders/", "--fix")
    assert isinstance(refused.exception, ArgumentError)
    assert "15 of 25 rows" in str(refused.exception)
    assert len(ground.paths()) == 25
    assert "rows of 15 files removed" in ground.run("reconcile", "s3://renders/", "--fix", "--yes").output
    assert "agree" in ground.run("reconcile", "s3://renders/").output


def test_stores_that_round_times_up_or_give_no_etags_settle(ground: Ground, s3: FaultyS3) -> None:
    moment = datetime(2026, 11, 1, 12, 0, 0, 700_000, tzinfo=timezone.utc)
    for name, habit in (("up", "round_up"), ("list", "list_etag"), ("none", "send_etag")):
        setattr(s3, habit, not getattr(s3, habit))
        s3.put(f"b-{name}", "a.exr", (SAMPLES / "layers.exr").read_bytes(), modified=moment)
        assert ground.run("reconcile", f"s3://b-{name}/", "--fix").exit_code == 0
        assert "agree" in ground.run("reconcile", f"s3://b-{name}/").output, name
        settings = load_settings(os.environ, secrets_dir=None)
        with contextlib.closing(SourceOpener(settings)) as opener:
            context = IngestContext.from_settings(settings, opener, ground.catalog)
            assert Ingest(context).run([Target(f"b-{name}")]).skipped == 1, name
        setattr(s3, habit, not getattr(s3, habit))


def test_rows_of_an_object_that_is_there_stay_though_it_was_not_listed(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ground.run("reconcile", "s3://shots/sh1/", "--fix").exit_code == 0
    before = ground.paths()
    kinds = {"parent_path": pa.string(), "name": pa.string(), "element_type": pa.string(), "size": pa.int64()}
    columns = pa.schema(kinds | {"mtime": pa.timestamp("ns"), "ctime": pa.timestamp("ns")})
    moment = datetime.fromtimestamp((ground.folder / "sh1" / "tiled.exr").stat().st_mtime, timezone.utc)
    listed = [
        {"parent_path": "/view/sh1", "name": "tiled.exr", "element_type": "FILE", "mtime": moment.replace(tzinfo=None)}
        | {"ctime": moment.replace(tzinfo=None), "size": (ground.folder / "sh1" / "tiled.exr").stat().st_size}
    ]
    ground.server.create_bucket("vast-big-catalog-bucket")
    with ground.catalog.connection.session().transaction() as tx:
        place = tx.bucket("vast-big-catalog-bucket").create_schema("vast_big_catalog_schema")
        place.create_table("vast_big_catalog_table", columns).insert(pa.Table.from_pylist(listed, columns))
    (ground.folder / "sh1" / "truncated.exr").unlink()
    unlisted = [path for path in before if not path.endswith("tiled.exr")]
    monkeypatch.setenv("EXR_VIEWS", "/view/sh1=shots/sh1, /view=other")
    words = ["db", "reconcile", "s3://shots/", "--vast-catalog"]
    done = CliRunner().invoke(main, [*words, "/view/sh1"])
    assert [line for line in done.output.splitlines() if ": s3" in line] == [f"no object: s3://{p}" for p in unlisted]
    assert isinstance(CliRunner().invoke(main, [*words, "/view"]).exception, ArgumentError)
    monkeypatch.delenv("EXR_VIEWS")
    done = ground.run("reconcile", "s3://shots/sh1/", "--fix", "--yes", "--vast-catalog", "/view")
    assert "rows of 1 file removed" in done.output, done.output
    assert ground.paths() == [path for path in before if not path.endswith("truncated.exr")]
