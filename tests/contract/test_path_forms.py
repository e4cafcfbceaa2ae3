"""`--paths`: every command that prints paths prints them in each form."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import click
import pyarrow as pa
import pytest
from click.testing import CliRunner
from rich.console import Console

from exr_inspector.catalog.sdk.work import Work
from exr_inspector.cli.__main__ import COMMANDS, LazyGroup, main
from exr_inspector.cli.catalog import open_tables
from exr_inspector.cli.commands.ingest import summary, targets_of
from exr_inspector.cli.paths import FORMS, ShownPaths
from exr_inspector.errors import ArgumentError, BucketUnavailable, SettingsError
from exr_inspector.ingest import roots
from exr_inspector.ingest.progress import Progress
from exr_inspector.ingest.roots import record_roots, recorded_roots
from exr_inspector.model import Severity
from exr_inspector.settings import Mount, View, load_settings
from exr_inspector.storage import SourceOpener
from tests.support.databases import empty_catalog, rows_of_catalog

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
# Commands without --paths, and why.
WITHOUT = {
    "rules": "prints rules",
    "policy init": "prints a policy",
    "demo": "prints samples, whose bucket is made for the run",
    "db setup": "prints tables",
    "db check": "prints tables",
    "db prune": "prints counts",
    "db remove": "prints the place as given, and a count",
    "package": "prints what it wrote on this machine",
    "completion": "prints a script",
    "localdb serve": "knows no views: it serves any database",
    "localrun": "knows no views: it runs any function",
    "invoke": "knows no views: it posts to any function",
}
Called = Callable[..., str]


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command and subcommand, by its words."""
    for name in COMMANDS:
        found = LazyGroup.get_command(main, None, name)
        inner = getattr(found, "commands", None)
        if inner is None:
            yield name, found
        else:
            yield from ((f"{name} {each}", one) for each, one in inner.items())


def test_every_command_prints_any_form_or_no_path() -> None:
    found = dict(commands())
    missing = {name for name, each in found.items() if not any(option.name == "paths" for option in each.params)}
    assert missing == set(WITHOUT)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A client's mount; the shot is a folder in it."""
    made = tmp_path / "renders" / "sh010"
    made.mkdir(parents=True)
    for number in (1001, 1002):
        shutil.copy(SAMPLES / "nan_inf.exr", made / f"beauty.{number}.exr")
    return made


@pytest.fixture
def called(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Called:
    """Call a command while a view contains the folder; returns standard output."""
    for name in ("ENDPOINT", "ACCESS_KEY", "SECRET_KEY", "BUCKET", "SCHEMA"):
        monkeypatch.delenv(f"VAST_DB_{name}", raising=False)
    monkeypatch.setenv("EXR_VIEWS", f"/studio/renders=renders|{folder.parent}")
    monkeypatch.setenv("EXR_STATS", "off")
    monkeypatch.setenv("COLUMNS", "1000")  # no path is wrapped

    def call(*words: object) -> str:
        done = CliRunner().invoke(main, list(map(str, words)))
        assert done.exception is None or isinstance(done.exception, SystemExit), done.output
        return done.stdout

    return call


def begins(form: str, folder: Path, *, stored: bool = False) -> str:
    """The beginning of the shot's paths in a form."""
    return {
        "key": "renders/sh010" if stored else "s3://renders/sh010",
        "cluster": "/studio/renders/sh010",
        "client": str(folder),
    }[form]


@pytest.mark.parametrize("form", FORMS)
def test_commands_that_read_files(called: Called, folder: Path, tmp_path: Path, form: str) -> None:
    shot, shown = begins(form, folder), ("--stats", "off", "--paths", form)
    files = [f"{shot}/beauty.{number}.exr" for number in (1001, 1002)]
    pattern = f"{shot}/beauty.####.exr"
    found: Any = json.loads(called("validate", folder, "--sequence", "--format", "json", *shown))
    assert [item["path"] for item in found] == [*files, pattern]
    assert [word for word in called("validate", folder, *shown).split() if word in files] == files
    sarif = called("validate", folder, "--format", "sarif", *shown)
    assert set(re.findall(r'"uri": "(?:file://)?(.*)"', sarif)) == set(files)
    assert set(re.findall(r'<testcase name="(.*?)"', called("validate", folder, "--format", "junit", *shown))) == set(
        files
    )
    checked = json.loads(called("check", folder, "--format", "json", *shown))["sequences"][0]
    assert (checked["pattern"], [file["path"] for file in checked["files"]]) == (pattern, files)
    lines = csv.DictReader(io.StringIO(called("check", folder, "--format", "csv", *shown)))
    assert {line["path"] for line in lines} <= {pattern, *files}
    assert called("check", folder, *shown).startswith(f"{pattern}  2 of 2 frames")
    called("report", folder, "--to", tmp_path / "page.html", *shown)
    assert f"<h1>{pattern}</h1>" in (tmp_path / "page.html").read_text(encoding="utf-8")
    both = [folder / f"beauty.{number}.exr" for number in (1001, 1002)]
    compared = json.loads(called("diff", *both, "--format", "json", "--paths", form))
    assert [compared["one"], compared["other"]] == files
    assert called("inspect", both[0], *shown).startswith(f"{files[0]}  ")
    assert called("inspect", folder, "--format", "csv", "--fields", "path", *shown).splitlines() == ["path", *files]
    rows = json.loads(called("inspect", "--json", both[0], *shown))
    stored = f"{shot}/beauty.1001.exr"
    assert [rows["files"][0]["path"], rows["channels"][0]["file_path"]] == [stored, stored]
    assert rows["files"][0]["directory"] == shot


def test_commands_that_read_tables(called: Called, folder: Path, tmp_path: Path) -> None:
    file = empty_catalog(tmp_path / "show.duckdb")
    called("ingest", folder.parent, "--catalog", file)
    gone = folder / "beauty.1002.exr"
    gone.unlink()
    for form in FORMS:
        shot, shown = begins(form, folder, stored=True), ("--catalog", file, "--paths", form)
        paths = [f"{shot}/beauty.{number}.exr" for number in (1001, 1002)]
        lines = called("query", "select path from files order by path", "--format", "csv", *shown)
        assert lines.splitlines() == ["path", *paths]
        reconciled = called("db", "reconcile", folder.parent, *shown)
        assert f"no object: {begins(form, folder)}/{gone.name}\n" in reconciled
    shot, shown = begins("cluster", folder), ("--catalog", file, "--paths", "cluster")
    paths = [f"{shot}/beauty.{number}.exr" for number in (1001, 1002)]
    validated = json.loads(called("validate", folder, "--format", "json", *shown))
    assert [item["path"] for item in validated] == [*paths, f"{shot}/beauty.####.exr"]
    compared = json.loads(called("diff", folder / "beauty.1001.exr", "--format", "json", *shown))
    assert compared["one"] == paths[0]
    assert compared["other"].startswith(f"rows of {paths[0]}, inspected ")
    called("report", "--to", tmp_path / "page.html", *shown)
    assert f"<h1>{shot}/beauty.####.exr</h1>" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_a_mount_of_this_machine_is_the_bucket_of_its_view(
    called: Called, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXR_VIEWS", f"/studio/show=archive|{folder.parent}")
    file = empty_catalog(tmp_path / "show.duckdb")
    called("ingest", folder, "--catalog", file)
    lines = called("query", "select path from files order by path", "--format", "csv", "--catalog", file)
    assert lines.splitlines()[1:] == [f"archive/sh010/beauty.{number}.exr" for number in (1001, 1002)]
    for place in (folder, "/studio/show/sh010/", "s3://archive/sh010/"):
        (*_, one, _) = json.loads(called("validate", place, "--catalog", file, "--format", "json"))
        assert one["path"] == "archive/sh010/beauty.1002.exr"


def test_a_mount_of_a_part_of_a_bucket(
    called: Called, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows have bucket and complete key, files are read from the mount, and its paths lead to both."""
    mount, file = tmp_path / "client", tmp_path / "show.duckdb"
    mount.symlink_to(folder.parent)
    monkeypatch.setenv("EXR_VIEWS", f"/studio/show=archive/2026/show|{mount}")
    first, second = (f"archive/2026/show/sh010/beauty.{number}.exr" for number in (1001, 1002))
    shot = mount / "sh010"
    assert "2 of 2 frames" in called("check", shot, "--stats", "off", "--catalog", file)
    assert " 2  up to date" in called("ingest", mount, "--catalog", file)
    back = """select roots.root || '/' || substr(files.key, length(roots.prefix) + 1), path
        from files join roots on roots.bucket = files.bucket and starts_with(files.key, roots.prefix) order by path"""
    on_disk = [str(folder / f"beauty.{number}.exr") for number in (1001, 1002)]
    assert rows_of_catalog(file, back) == list(zip(on_disk, (first, second), strict=True))
    (folder / "beauty.1002.exr").unlink()
    assert f"no object: {on_disk[1]}\n" in called("db", "reconcile", shot, "--catalog", file, "--fix", "--yes")
    with open_tables(file) as tables, closing(SourceOpener(tables.settings)) as opener:
        assert tables.prefix(str(mount)) == "archive/2026/show/"
        assert tables.prefix(str(shot / "beauty.####.exr")) == "archive/2026/show/sh010/beauty.####.exr"
        assert opener.open_url(str(shot / "beauty.1001.exr")).path == first
        assert [entry.key for entry in opener.list("archive", "2026/show/")] == [first.removeprefix("archive/")]
        (named,) = targets_of([str(shot)], tables.settings, "archive")[1]
        assert (named.bucket, named.prefix) == ("archive", "2026/show/sh010/"), "the option says nothing new"


def test_a_part_whose_folder_is_gone_loses_no_row_to_the_folder_around_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, part, file = tmp_path / "whole", tmp_path / "part", empty_catalog(tmp_path / "show.duckdb")
    for folder in (whole / "other", part):
        folder.mkdir(parents=True)
        shutil.copy(SAMPLES / "layers.exr", folder / "a.1001.exr")
    monkeypatch.setenv("EXR_MOUNTS", f"bkt={whole},bkt/show={part}")
    monkeypatch.setenv("EXR_STATS", "off")
    assert CliRunner().invoke(main, ["ingest", "s3://bkt/", "--catalog", str(file)]).exit_code == 0
    part.rename(tmp_path / "away")
    monkeypatch.delenv("EXR_MOUNTS")
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for command in ("watch", "ingest", "check"):
        refused = CliRunner().invoke(main, [command, str(whole), "--catalog", str(file)])
        assert isinstance(refused.exception, BucketUnavailable), command
        assert f"bkt/show: its folder {part} does not exist" in str(refused.exception)
    for number, handler in handlers.items():
        signal.signal(number, handler)
    assert rows_of_catalog(file, "select path from files order by path") == [
        ("bkt/other/a.1001.exr",),
        ("bkt/show/a.1001.exr",),
    ]
    assert CliRunner().invoke(main, ["ingest", str(whole / "other"), "--catalog", str(file)]).exit_code == 0


def test_two_folders_recorded_for_one_bucket_at_the_same_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()

    def record(bucket: str, folder: str) -> None:
        settings = load_settings({"EXR_MOUNTS": f"{bucket}={tmp_path / folder}"}, secrets_dir=None)
        record_roots(tables.connection, settings, {bucket})

    refuse, is_first = roots._refuse_others, iter([True])

    def refuse_later(*arguments: Any) -> None:
        refuse(*arguments)
        if next(is_first, False):
            record("show", "b")  # after this transaction read the table, before it writes

    with open_tables(empty_catalog(tmp_path / "show.duckdb"), create=True) as tables:
        record("other", "c")
        monkeypatch.setattr(roots, "_refuse_others", refuse_later)
        with pytest.raises(ArgumentError, match=r"bucket show of this catalog is the folder .*/b, not .*/a"):
            record("show", "a")
        assert [each.folder.name for each in recorded_roots(tables.connection) if each.bucket == "show"] == ["b"]


def test_a_part_of_a_bucket_never_shares_rows_with_another_folder(tmp_path: Path) -> None:
    part, other, whole = tmp_path / "part", tmp_path / "other", tmp_path / "archive"
    for folder in (part, other, whole / "2026", whole / "2027"):
        folder.mkdir(parents=True)
    with open_tables(tmp_path / "show.duckdb", create=True) as tables:
        config = tables.connection.config

        def body(work: Work) -> None:
            """A table from before folders could be parts of buckets."""
            row = {
                "bucket": ["before"],
                "root": [str(tmp_path / "before")],
                "recorded_at": pa.array([0], pa.timestamp("us")),
            }
            table = pa.table(row)
            work.tx.bucket(config.bucket).schema(config.schema).create_table("roots", table.schema).insert(table)

        tables.connection.run("write", body)

        def record(*mounts: Mount, views: tuple[View, ...] = ()) -> None:
            record_roots(tables.connection, tables.settings.changed(mounts=mounts, views=views), {"archive"})

        mount = Mount("archive", part, "2026/")
        record(mount)
        with pytest.raises(ArgumentError, match=f"bucket archive/2026 .* {part}, not {other}: .*--bucket"):
            record(Mount("archive", other, "2026/"))
        with pytest.raises(ArgumentError, match=f"give {whole} another name with --bucket"):
            record(Mount("archive", whole))
        views = (View("/studio", "archive", "", (str(whole),)), View("/studio/x", "archive", "2026/", (str(part),)))
        record(Mount("archive", whole), views=views)  # both mounts show the same files
        with pytest.raises(ArgumentError, match=f"give {other} another name with --bucket"):
            record(Mount("archive", other, "2027/"))
        record(Mount("archive", whole / "2027", "2027/"), Mount("archive", other, "2028/"))
        recorded = [
            Mount("before", tmp_path / "before"),
            mount,
            Mount("archive", whole),
            Mount("archive", whole / "2027", "2027/"),
        ]
        assert recorded_roots(tables.connection) == [*recorded, Mount("archive", other, "2028/")]


def test_a_folder_around_that_of_another_bucket_is_stored_only_under_a_name_that_the_user_gave(tmp_path: Path) -> None:
    show, shot = tmp_path / "show", tmp_path / "show" / "sh010"
    with open_tables(empty_catalog(tmp_path / "show.duckdb"), create=True) as tables:

        def record(mount: Mount, *, named: str | None = None) -> None:
            record_roots(tables.connection, tables.settings.changed(mounts=(mount,)), {mount.bucket}, named=named)

        record(Mount("sh010", shot))
        for mount in (Mount("show", show), Mount("comp", shot / "comp")):
            with pytest.raises(ArgumentError, match=f"--bucket {mount.bucket}"):
                record(mount)
        record(Mount("show", show), named="show")
        record(Mount("show", show))  # as recorded


def test_without_the_option_paths_are_as_they_were(called: Called, folder: Path) -> None:
    (found,) = json.loads(called("validate", folder / "beauty.1001.exr", "--format", "json"))
    assert found["path"] == str(folder / "beauty.1001.exr")


def test_what_an_ingest_names_at_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress()
    progress.add_error("SOURCE_DENIED", "renders/a.exr", "403")
    findings = {(Severity.INFO, "COL-UNTAGGED"): 7, (Severity.ERROR, "CHK-DECODE"): 1, (Severity.WARNING, "SEQ-DUP"): 2}
    progress.by_finding.update(findings)
    views = {"EXR_VIEWS": r"/studio/renders=renders|Z:\renders"}
    for form, expected in (
        ("key", "renders/a.exr"),
        ("cluster", "/studio/renders/a.exr"),
        ("client", r"Z:\renders\a.exr"),
    ):
        Console(width=200).print(summary(progress, ShownPaths.of(form, views)))
        shown = capsys.readouterr().out
        assert f"SOURCE_DENIED {expected}: 403" in shown
        assert re.findall("[A-Z]{3}-[A-Z]+", shown) == ["CHK-DECODE", "SEQ-DUP", "COL-UNTAGGED"]


def test_sarif_of_a_windows_client(called: Called, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXR_VIEWS", rf"/studio/renders=renders|Z:\renders|{folder.parent}")
    text = called("validate", folder, "--format", "sarif", "--paths", "client")
    assert '"uri": "file:///Z:/renders/sh010/beauty.1001.exr"' in text


def test_another_name_needs_views(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EXR_VIEWS", raising=False)
    done = CliRunner().invoke(main, ["inspect", str(folder), "--paths", "cluster"])
    assert isinstance(done.exception, SettingsError)
