"""`--catalog FILE` in every command, with and without a server that has the file open, by folder and by bucket."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from click.testing import CliRunner, Result

from exr_inspector.cli.__main__ import main
from exr_inspector.cli.catalog import open_tables
from exr_inspector.cli.options import STATS_DEFAULTS, STATS_RULE
from exr_inspector.errors import (
    AccessDenied,
    ArgumentError,
    BucketMissing,
    BucketUnavailable,
    CatalogError,
    NothingMatches,
    ObjectNotFound,
    SettingsError,
)
from exr_inspector.ingest.roots import record_roots
from exr_inspector.settings import Mount
from tests.support.databases import empty_catalog
from vastdb_local import LocalVastDB

SAMPLES = Path(__file__).resolve().parents[3] / "samples"


def stored(catalog: Path, columns: str, table: str) -> list[tuple[object, ...]]:
    """Columns of a table, without a server."""
    with duckdb.connect(str(catalog), read_only=True) as database:
        return database.execute(f'select {columns} from "vastdb/exr_inspector".{table} order by 1').fetchall()


def sequences(catalog: Path) -> list[tuple[object, ...]]:
    """The name of each validated sequence, and the number of its files."""
    return stored(catalog, "sequence, file_count", "sequence_validation")


def called(*arguments: object) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)))


@pytest.fixture(autouse=True)
def _no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ENDPOINT", "ACCESS_KEY", "SECRET_KEY", "BUCKET", "SCHEMA"):
        monkeypatch.delenv(f"VAST_DB_{name}", raising=False)
    monkeypatch.setenv("EXR_STATS", "off")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "renders" / "sh010"
    made.mkdir(parents=True)
    for name in ("beauty.1001.exr", "beauty.1002.exr"):
        shutil.copy(SAMPLES / "layers.exr", made / name)
    return made.parent


@pytest.fixture
def catalog(tmp_path: Path, folder: Path) -> Path:
    path = empty_catalog(tmp_path / "show.duckdb")
    done = called("ingest", folder, "--catalog", path)
    assert done.exit_code == 0, done.output
    assert f"catalog: {path}\n" in done.stderr
    return path


def test_every_command_reaches_the_tables_of_a_file(catalog: Path, folder: Path) -> None:
    lines = [
        ("query", "listing"),
        ("validate", "--fail-on", "never", folder),
        ("validate", "--fail-on", "never", "--sequence-only", folder / "sh010" / "beauty.####.exr"),
        ("validate", "--fail-on", "never", "s3://renders/sh010/"),
        ("db", "setup"),
        ("db", "check"),
        ("db", "prune", "--keep-days", "1"),
        ("db", "repair"),
        ("db", "repair", folder / "sh010"),
        ("db", "reconcile", folder),
        ("db", "reconcile", "s3://renders/sh010"),
        ("ingest", folder / "sh010"),
    ]
    for line in lines:
        done = called(*line, "--catalog", catalog)
        assert done.exit_code == 0, (line, done.output, done.exception)
        assert f"catalog: {catalog}\n" in done.stderr, (line, done.stderr)
    assert " 2  up to date" in done.output, "a folder inside a recorded one keeps its bucket"
    assert "2 files" in called("validate", folder, "--catalog", catalog).output


def test_commands_reach_a_file_that_a_server_has_open(catalog: Path, folder: Path) -> None:
    with LocalVastDB(catalog):
        for line in (("query", "listing"), ("db", "reconcile", folder), ("ingest", folder)):
            done = called(*line, "--catalog", catalog)
            assert done.exit_code == 0, (line, done.output, done.exception)
            assert f"catalog: {catalog} through its server at http" in done.stderr, (line, done.stderr)


def test_a_folder_is_compared_and_brought_up_to_date(catalog: Path, folder: Path) -> None:
    (folder / "sh010" / "beauty.1002.exr").unlink()
    shutil.copy(SAMPLES / "layers.exr", folder / "sh010" / "new.exr")
    differs = called("db", "reconcile", folder / "sh010", "--catalog", catalog)
    assert differs.exit_code == 1, differs.exception
    assert f"no row: {folder}/sh010/new.exr" in differs.output
    assert f"no object: {folder}/sh010/beauty.1002.exr" in differs.output
    by_url = called("db", "reconcile", "s3://renders/sh010/", "--catalog", catalog)
    assert "no row: s3://renders/sh010/new.exr" in by_url.output
    shutil.copy(SAMPLES / "layers.exr", folder / "sh010" / "beauty.1003.exr")
    shutil.copy(SAMPLES / "layers.exr", folder / "sh010" / "beauty.1004.exr")
    assert called("db", "reconcile", folder / "sh010", "--catalog", catalog, "--fix").exit_code == 0
    assert sequences(catalog) == [("renders/sh010/beauty.####.exr", 3)], "validated again"
    assert "agree" in called("db", "reconcile", folder, "--catalog", catalog).output


def test_advice_about_missing_tables_names_the_catalog_file(tmp_path: Path) -> None:
    path = tmp_path / "empty.duckdb"
    duckdb.connect(str(path)).close()
    fault = str(called("db", "check", "--catalog", path).exception)
    assert f"db setup --catalog {path}`" in fault


def test_advice_about_missing_columns_names_the_catalog_file(catalog: Path) -> None:
    with open_tables(catalog) as tables, tables.connection.session().transaction() as tx:
        config = tables.connection.config
        stats = tx.bucket(config.bucket).schema(config.schema).table("stats")
        stats.drop_column(pa.schema([stats.arrow_schema.field("distinct_count")]))
    fault = str(called("validate", "--catalog", catalog, "s3://renders/").exception)
    assert f"`./run db check --catalog {catalog}`" in fault
    assert f"`./run db setup --catalog {catalog}`" in str(called("db", "check", "--catalog", catalog).exception)


def test_all_rows_below_a_folder_are_removed_only_when_asked(catalog: Path, folder: Path) -> None:
    (folder / "sh020").mkdir()
    for frame in (1001, 1002):
        shutil.copy(SAMPLES / "layers.exr", folder / "sh020" / f"beauty.{frame}.exr")
    called("ingest", folder, "--catalog", catalog)
    for path in (folder / "sh010").iterdir():
        path.unlink()
    again = called("ingest", folder, "--catalog", catalog)
    assert (
        f"2 rows of files that were not listed; if these were deleted: ./run db reconcile {folder} --fix --catalog {catalog}"
        in again.output
    )
    fix_all = ("db", "reconcile", folder, "--catalog", catalog, "--fix")
    shot = (folder / "sh010").rename(folder / "moved")
    (folder / "sh010" / "lost+found").mkdir(parents=True)
    assert "share is not mounted" in str(called(*fix_all).exception)
    shutil.rmtree(folder / "sh010")
    shot.rename(folder / "sh010")
    with open_tables(catalog) as tables:  # as an event, which validates no sequence
        tables.catalog.remove("renders/sh020/beauty.1002.exr")
    (folder / "sh020" / "beauty.1002.exr").unlink()
    assert "not listed" not in called("ingest", folder / "sh020", "--catalog", catalog).output
    assert ("renders/sh020/beauty.####.exr", 1) in sequences(catalog), "validated without the removed file"
    fix = ("db", "reconcile", folder / "sh010", "--catalog", catalog, "--fix")
    assert "confirm with --yes" in str(called(*fix).exception)
    assert len(stored(catalog, "path", "files")) == 3
    assert called(*fix, "--yes").exit_code == 0
    assert len(stored(catalog, "path", "files")) == 1
    assert sequences(catalog) == [("renders/sh020/beauty.####.exr", 1)], "nothing is said of files that are gone"


def test_a_folder_that_is_gone_does_not_match_folders_whose_names_begin_alike(catalog: Path, folder: Path) -> None:
    (folder / "sh010").rename(folder / "sh020")
    done = called("db", "reconcile", folder / "sh01", "--catalog", catalog, "--fix", "--yes")
    assert "there is no file or folder" in str(done.exception)
    assert len(stored(catalog, "path", "files")) == 2
    gone = called("db", "reconcile", folder / "sh010", "--catalog", catalog, "--fix", "--yes")
    assert "rows of 2 files removed" in gone.output


@pytest.mark.parametrize("place", ["sh99", "s3://gooood/"])
def test_a_place_without_rows_is_no_success(catalog: Path, folder: Path, place: str) -> None:
    named = place if place.startswith("s3:") else folder / place
    done = called("db", "remove", named, "--catalog", catalog, "--yes")
    assert isinstance(done.exception, NothingMatches)
    assert "no rows of files below it" in str(done.exception)


def test_rows_of_a_folder_that_is_gone_stay_until_they_are_removed_by_name(catalog: Path, folder: Path) -> None:
    moved, shot = folder.rename(folder.with_name("moved")), [("renders/sh010/beauty.####.exr", 2)]
    with open_tables(catalog) as tables:
        record_roots(tables.connection, tables.settings.changed(mounts=(Mount("moved", moved),)), {"moved"})
    assert "2 objects, 0 rows" in called("db", "reconcile", moved, "--catalog", catalog).output, "the other one is gone"
    gone = called("db", "reconcile", folder, "--catalog", catalog, "--fix", "--yes").exception
    assert isinstance(gone, BucketUnavailable)
    assert f"db remove {folder} --catalog {catalog}" in str(gone)
    assert isinstance(called("db", "remove", folder, "--catalog", catalog).exception, ArgumentError), "not confirmed"
    assert isinstance(called("db", "remove", moved, "--catalog", catalog, "--yes").exception, ArgumentError), "not gone"
    assert sequences(catalog) == shot
    assert "rows of 2 files removed" in called("db", "remove", folder, "--catalog", catalog, "--yes").output
    assert sequences(catalog) == []
    other = shutil.copytree(moved, folder.parent / "other" / folder.name)
    assert called("ingest", other, "--catalog", catalog).exit_code == 0, "the name of the bucket is free"
    assert sequences(catalog) == shot


def test_rows_stay_while_their_folder_cannot_be_opened(
    catalog: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(path: object, real: Callable[..., object] = os.scandir) -> object:
        if path == folder:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return real(path)

    remove = ("db", "remove", folder, "--catalog", catalog, "--yes")
    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", refusing)
        for line in (remove, ("db", "reconcile", folder, "--catalog", catalog)):
            refused = called(*line).exception
            assert type(refused) is BucketUnavailable, line
            assert "db remove" not in str(refused)
    above, away = folder.parent / "above", folder.rename(folder.with_name("away"))
    with open_tables(catalog) as tables:
        record_roots(tables.connection, tables.settings.changed(mounts=(Mount("shows", above / "show"),)), {"shows"})
    for link, target, bucket in (
        (folder, "nowhere", "renders"),
        (folder, folder, "renders"),
        (above, "nowhere", "shows"),
    ):
        link.symlink_to(target)  # to a share that is not mounted
        assert type(called("db", "remove", f"s3://{bucket}/", *remove[3:]).exception) is BucketUnavailable
        link.unlink()
    monkeypatch.setenv("EXR_ALLOWED_PREFIXES", "other/")
    assert isinstance(called(*remove).exception, AccessDenied), "also without a folder"
    monkeypatch.delenv("EXR_ALLOWED_PREFIXES")
    assert len(stored(catalog, "path", "files")) == 2
    folder.write_text("a file where the folder was")
    assert isinstance(called("db", "reconcile", "s3://renders/", "--catalog", catalog).exception, BucketMissing)
    folder.unlink()
    away.rename(folder)
    (folder / "sh010" / "beauty.1002.exr").unlink()
    assert "rows of 1 file removed" in called("db", "remove", folder / "sh010/beauty.1002.exr", *remove[3:]).output
    (folder / "sh010" / "beauty.1001.exr").unlink()
    (folder / "sh010" / "beauty.1001.exr").symlink_to("nowhere")
    for place in (folder, folder / "sh010", folder / "sh010" / "beauty.1001.exr"):
        assert isinstance(called("db", "remove", place, *remove[3:]).exception, ObjectNotFound), (
            "a link that leads nowhere"
        )
    assert sequences(catalog) == [("renders/sh010/beauty.####.exr", 1)]


def test_a_part_of_a_bucket_that_is_empty_hides_no_file_of_the_rest(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, part = empty_catalog(tmp_path / "parts.duckdb"), tmp_path / "part"
    shutil.copytree(folder / "sh010", part)
    monkeypatch.setenv("EXR_MOUNTS", f"bkt={folder},bkt/sh020={part}")
    assert called("ingest", "s3://bkt/", "--catalog", file).exit_code == 0
    (part / "beauty.1002.exr").unlink()
    assert f"no object: {part}/beauty.1002.exr\n" in called("db", "reconcile", part, "--catalog", file).output
    (part / "beauty.1001.exr").unlink()
    assert isinstance(called("db", "remove", "s3://bkt/", "--catalog", file, "--yes").exception, ArgumentError)
    assert "rows of 2 files removed" in called("db", "remove", part, "--catalog", file, "--yes").output
    assert [path for (path,) in stored(file, "path", "files")] == [f"bkt/sh010/beauty.{n}.exr" for n in (1001, 1002)]


def test_a_folder_that_the_tables_do_not_know_is_named_with_those_they_do(catalog: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for line, place, kind in (
        (("db", "reconcile"), other, ArgumentError),
        (("db", "repair"), other, ArgumentError),
        (("validate",), other, ArgumentError),
        (("db", "reconcile"), other / "gone", NothingMatches),
        (("db", "remove"), "rendres/sh010", NothingMatches),
    ):
        error = called(*line, place, "--catalog", catalog).exception
        assert type(error) is kind
        assert f"renders is {tmp_path / 'renders'}" in str(error)


def test_only_commands_that_store_rows_create_a_missing_file(tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "new" / "show.duckdb"
    readers = [
        ("query", "listing"),
        ("validate", folder),
        ("db", "check"),
        ("db", "repair"),
        ("db", "reconcile", folder),
    ]
    for line in readers:
        assert isinstance(called(*line, "--catalog", path).exception, CatalogError), line
    assert isinstance(called("db", "setup", "--catalog", path).exception, ArgumentError)
    assert not path.parent.exists()
    path.parent.mkdir()
    assert called("db", "setup", "--catalog", path).exit_code == 0
    assert "tables are as expected" in called("db", "check", "--catalog", path).output


def test_a_new_file_is_set_up_by_the_options_given(tmp_path: Path) -> None:
    path = tmp_path / "show.duckdb"
    done = called("db", "setup", "--partition", "--guards", "1024", "--catalog", path)
    assert done.exit_code == 0, done.exception
    assert "created" in done.output
    assert asked(path, "SELECT count(*) FROM guards") == [(1_024,)]
    again = called("db", "setup", "--partition", "--guards", "1024", "--catalog", path)
    assert (again.exit_code, "nothing to do" in again.output) == (0, True)


def asked(catalog: Path, sql: str) -> list[tuple[object, ...]]:
    done = called("query", sql, "--catalog", catalog, "--format", "json")
    assert done.exit_code == 0, done.exception
    return [tuple(row.values()) for row in json.loads(done.stdout)]


def test_a_check_stores_what_it_finds(tmp_path: Path, folder: Path) -> None:
    catalog, shot = empty_catalog(tmp_path / "new.duckdb"), folder / "sh010"
    shutil.copy(SAMPLES / "layers.exr", shot / "beauty.1004.exr")
    shutil.copy(SAMPLES / "truncated.exr", shot / "matte_0001.exr")
    shutil.copy(SAMPLES / "layers.exr", shot / "matte_0002.exr")
    os.utime(shot / "matte_0001.exr", (1e9, 1e9))  # of two that differ, the older one is named
    sequences = "select distinct sequence, missing_frames, rerender_frames from sequence_validation order by 1"
    beauty = ("sh010/beauty.####.exr", "1003", "1003")
    assert called("check", shot, "--catalog", catalog).exit_code == 1
    assert asked(catalog, sequences) == [beauty, ("sh010/matte_####.exr", None, "1")]
    stored = asked(catalog, "select path, sequence, frame_number, stats_mode from files order by path")
    assert [row[0] for row in stored] == [f"sh010/{path.name}" for path in sorted(shot.iterdir())]
    assert {row[3] for row in stored} == {"full"}
    assert stored[-1][1:3] == ("sh010/matte_####.exr", 2)
    shutil.copy(SAMPLES / "layers.exr", shot / "matte_0001.exr")
    assert "matte_####.exr" in called("check", shot / "matte_0001.exr", "--catalog", catalog).stderr
    assert asked(catalog, sequences)[1][2] == "1", "one file does not show whether its sequence is complete"
    called("check", *sorted(shot.glob("matte_*.exr")), "--catalog", catalog)
    assert asked(catalog, sequences) == [beauty, ("sh010/matte_####.exr", None, None)], "the shell expanded a pattern"


def test_ranges_that_a_check_was_given_hold_when_rows_are_validated_again(tmp_path: Path, folder: Path) -> None:
    catalog = empty_catalog(tmp_path / "shots.duckdb")

    def missing() -> str:
        return called("query", "missing_frames", "--catalog", catalog, "--format", "csv").stdout

    assert called("check", folder, "--frames", "1001-1004", "--catalog", catalog).exit_code == 1
    assert "1003-1004" in missing()
    shutil.copy(SAMPLES / "nan_inf.exr", folder / "sh010" / "beauty.1001.exr")
    called("ingest", folder, "--catalog", catalog)
    assert "1003-1004" in missing()
    called("validate", "--catalog", catalog, folder)
    assert "1003-1004" in missing()
    assert called("check", folder, "--catalog", catalog).exit_code == 1  # another resolution, but no frame is missing
    assert "1003" not in missing()


@pytest.mark.parametrize(
    ("asked_for", "layers"), [(None, [""]), ("layers", ["", "N", "Z", "diffuse", "id", "specular"])]
)
def test_a_check_stores_the_thumbnails_that_the_setting_asks_for(
    asked_for: str | None, layers: list[str], tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if asked_for:
        monkeypatch.setenv("EXR_THUMBNAILS", asked_for)
    called("check", folder / "sh010" / "beauty.1001.exr", "--catalog", tmp_path / "new.duckdb")
    found = asked(tmp_path / "new.duckdb", "select coalesce(layer, '') from thumbnails order by 1")
    assert [layer for (layer,) in found] == layers


def test_without_any_database_the_option_is_named(folder: Path) -> None:
    lines = [
        ("query", "listing"),
        ("validate", "--stored", folder),
        ("db", "check"),
        ("db", "reconcile", folder),
        ("ingest", folder),
        ("watch", folder),
    ]
    for line in lines:
        error = called(*line).exception
        assert isinstance(error, SettingsError), line
        assert "--catalog FILE" in str(error), line


@pytest.mark.parametrize(
    ("stats", "words"), [(None, "No pixel was read"), ("sampled", "Not all pixels were read"), ("full", None)]
)
def test_an_ingest_says_what_it_did_not_look_at(
    tmp_path: Path, folder: Path, stats: str | None, words: str | None
) -> None:
    depth = () if stats is None else ("--stats", stats)
    line = ("ingest", folder, "--catalog", empty_catalog(tmp_path / "told.duckdb"), *depth)
    output = called(*line).stdout
    assert ("--stats full reads" in output, words is None or words in output) == (words is not None, True), output
    assert "--stats full reads" not in called(*line).stdout, "nothing was inspected"


@pytest.mark.parametrize(("command", "default"), STATS_DEFAULTS.items())
def test_help_says_how_much_is_read_by_one_rule(command: str, default: str) -> None:
    words = " ".join(called(command, "--help").stdout.split())
    assert f"{STATS_RULE} [default: {default}]" in words


def test_a_query_is_one_statement(tmp_path: Path, folder: Path) -> None:
    path = empty_catalog(tmp_path / "one.duckdb")
    assert called("ingest", folder, "--catalog", path).exit_code == 0
    with pytest.raises(CatalogError, match="found 2 statements, expected one"):
        raise called("query", "select 1; select 2", "--catalog", path).exception or AssertionError
    assert called("query", "select 1;", "--catalog", path).exit_code == 0


def test_a_check_of_a_second_folder_of_the_same_name_takes_another_bucket(tmp_path: Path, catalog: Path) -> None:
    second = tmp_path / "other" / "renders"
    second.mkdir(parents=True)
    shutil.copy(SAMPLES / "tiled.exr", second / "beauty.1001.exr")
    refused = called("check", second, "--catalog", catalog)
    assert isinstance(refused.exception, ArgumentError)
    assert "--bucket" in str(refused.exception)
    assert called("check", second, "--bucket", "other").exit_code == 2, "without tables there are no buckets"
    called("check", second, "--catalog", catalog, "--bucket", "other")
    asked = called("query", "SELECT path FROM files WHERE bucket = 'other'", "--catalog", catalog, "--format", "json")
    assert [row["path"] for row in json.loads(asked.stdout)] == ["other/beauty.1001.exr"]


@pytest.mark.heavy
def test_a_new_file_stays_if_another_process_created_it_or_stored_in_it(tmp_path: Path, folder: Path) -> None:
    class Missing(type(tmp_path)):
        """The path of a file that another process creates just after this one checked for it."""

        def exists(self) -> bool:
            return False

    def fail(path: Path, meanwhile: Callable[[], object] = lambda: None) -> None:
        with open_tables(path, create=True):
            meanwhile()
            raise SettingsError("wrong")

    path = tmp_path / "new.duckdb"
    with pytest.raises(SettingsError):
        fail(path)
    assert not path.exists()
    with LocalVastDB(path), pytest.raises(SettingsError):
        fail(Missing(path))
    assert path.exists()
    path.unlink()
    with pytest.raises(SettingsError):
        fail(path, lambda: called("ingest", folder, "--catalog", path))
    assert asked(path, "select count(*) from files") == [(2,)]
