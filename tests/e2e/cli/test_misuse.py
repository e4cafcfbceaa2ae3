"""Mistakes of users give one clear line with the next step and the right exit code, and never a traceback."""

from __future__ import annotations

import logging
import os
import re
import signal
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import vastdb
from vastdb import errors

from exr_inspector.cli.__main__ import COMMANDS, LazyGroup, main, run
from exr_inspector.storage import SourceOpener
from tests.chaos.stack import SAMPLES
from tests.support.databases import database_environ
from vastdb_local import LocalVastDB

ROOT = Path(__file__).resolve().parents[3]
DATABASE = {
    "VAST_DB_ENDPOINT": "http://127.0.0.1:9",
    "VAST_DB_ACCESS_KEY": "access",
    "VAST_DB_SECRET_KEY": "SECRET-OF-THE-DATABASE",
    "VAST_DB_BUCKET": "vastdb",
    "EXR_DB_RETRY_SECONDS": "1",
}
STORE = {
    "S3_ENDPOINT_URL": "http://127.0.0.1:9",
    "S3_ACCESS_KEY": "access",
    "S3_SECRET_KEY": "SECRET-OF-THE-STORE",
    "S3_RETRIES": "0",
}
EXR = str(SAMPLES / "layers.exr")
Called = Callable[..., tuple[int, str, str]]


@pytest.fixture
def called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Called:
    """Calls the command line in an empty folder; returns exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    for name in (*DATABASE, *STORE):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: str, **environ: str) -> tuple[int, str, str]:
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["./run", *arguments])
        with os.fdopen(os.dup(1), "w", encoding="utf-8") as stdout, monkeypatch.context() as while_it_runs:
            while_it_runs.setattr(sys, "stdout", stdout)  # as in a process; `run` replaces it
            with pytest.raises(SystemExit) as ended:
                run()
        out, err = capfd.readouterr()
        return int(ended.value.code or 0), out, err

    return call


def is_one_line(err: str, words: str) -> None:
    assert "Traceback" not in err
    lines = [line for line in err.splitlines() if not line.startswith("catalog: ")]  # the tables that were queried
    assert len(lines) == 1, err
    assert re.search(words, lines[0]), err
    assert "SECRET-OF" not in err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_full_disk_below_standard_output_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["./run", "--version"])
    # Closing the file would raise for output that was kept.
    with Path("/dev/full").open("w", encoding="utf-8") as stdout, monkeypatch.context() as while_it_runs:
        while_it_runs.setattr(sys, "stdout", stdout)
        with pytest.raises(SystemExit) as ended:
            run()
    assert ended.value.code == 2
    is_one_line(capfd.readouterr().err, "^SYSTEM: ")


@pytest.mark.parametrize(
    ("line", "environ", "words"),
    [
        (("inspect", "missing.exr"), {}, "^NO_FILES: there is no file or folder missing.exr$"),
        (("diff", EXR, "missing.exr"), {}, "^NO_FILES: there is no file or folder missing.exr$"),
        (("report", "missing.exr", "--to", "a.html"), {}, "^NO_FILES: there is no file or folder missing.exr$"),
        (("validate", "missing.exr"), {}, "^missing.exr: NO_FILES: there is no file or folder missing.exr$"),
        (("inspect", "~nobody-here/a.exr"), {}, "there is no file or folder ~nobody-here/a.exr"),
        (("check", EXR, "--catalog", "none/c.duckdb"), {}, "none/c.duckdb: there is no folder none: create it first"),
        (("report", EXR, "--to", "a.pdf"), {}, "a.pdf: expected a file that ends in .html, or a folder"),
        (("validate", ""), {}, "^'': NO_FILES: an empty name"),
        (("diff", EXR, "folder"), {}, "no .exr files below folder"),
        (("ingest", "", "--catalog", "c.duckdb"), {}, "an empty name"),
        (("ingest", ""), {}, "an empty name"),
        (("ingest", "missing"), {}, "^NO_FILES: there is no file or folder missing$"),
        (("db", "reconcile", ""), DATABASE | STORE, "an empty name"),
        (("report", "s3://b/k.exr", "--to", "a.html"), STORE, "k.exr: SOURCE_UNAVAILABLE.*cannot connect"),
        (("ingest", "text", "--catalog", "c.duckdb"), {}, "^NO_FILES: text is no .exr file or folder$"),
        (("ingest", "~nobody-here", "--catalog", "c.duckdb"), {}, "there is no file or folder ~nobody-here"),
        (("inspect", "s3://b/k.exr"), {}, "S3_ENDPOINT_URL.*not set"),
        (("inspect", "s3://b/k.exr"), STORE, "cannot connect.*S3_ENDPOINT_URL"),
        (("ingest", EXR, "--catalog", "c.duckdb"), {"EXR_STATS": "banana"}, "EXR_STATS: expected 'off'"),
        (("ingest", EXR, "--catalog", "c.duckdb"), {"EXR_MOUNTS": "nonsense"}, "EXR_MOUNTS: expected bucket=folder"),
        (("inspect", "--policy", "nosuch", EXR), {}, "profiles are default"),
        (("inspect", "--policy", "./bad.yaml", EXR), {}, "bad.yaml:"),
        (("validate", "--policy", "./bad.yaml", EXR), {}, "bad.yaml:"),
        (("rules", "--policy", "nosuch"), {}, "profiles are default"),
        (("ingest", "missing", "--catalog", "c.duckdb"), {}, "^NO_FILES: there is no file or folder missing$"),
        (("ingest", EXR), {}, "VAST_DB_ENDPOINT.*--catalog FILE"),
        (("ingest", EXR), DATABASE, "could not connect.*VAST_DB_ENDPOINT"),
        (("ingest", EXR, "--catalog", "text"), {}, "is not a DuckDB file"),
        (("ingest", EXR, "--catalog", "text/c.duckdb"), {}, "there is no folder text"),
        (("ingest", EXR, "--catalog", "c.duckdb", "--bucket", "a/b"), {}, "cannot be the name of a bucket"),
        (("ingest", EXR, "--catalog", "c.duckdb", "--policy", "./bad.yaml"), {}, "bad.yaml:"),
        (("ingest", "s3://b/", "--catalog", "c.duckdb"), {}, "S3_ENDPOINT_URL.*not set"),
        (("ingest", "s3://b/", "--catalog", "c.duckdb"), STORE, "cannot connect.*S3_ENDPOINT_URL"),
        (("query", "nosuch", "--catalog", "c.duckdb"), {}, "there is no (file|query)"),
        (
            ("query", "listing", "prefix=a/", "--catalog", "c.duckdb"),
            {},
            "'prefix=a/': give a parameter as -p NAME=VALUE",
        ),
        (("query", "broken", "--catalog", "missing.duckdb"), {}, "there is no file missing.duckdb"),
        (("db", "check"), {}, "VAST_DB_ENDPOINT.*not set"),
        (("db", "check"), DATABASE, "could not connect.*VAST_DB_ENDPOINT"),
        (("db", "check"), {**DATABASE, "VAST_DB_ENDPOINT": "ftp://x"}, "VAST_DB_ENDPOINT: expected a URL"),
        (("db", "reconcile", "s3://b/"), DATABASE, "S3_ENDPOINT_URL.*or EXR_MOUNTS"),
        (("localdb", "serve", "--catalog", "text", "--port", "0"), {}, "is not a DuckDB file"),
        (("localrun", str(ROOT), "--port", "0"), {}, "VAST_DB_ENDPOINT.*not set"),
        (("localrun", "folder", "--port", "0"), {}, "folder: there is no main.py in it"),
        (("localrun", "-c", "bad.yaml"), {}, "bad.yaml: not YAML, line"),
        (("invoke", "--event", "bad.yaml"), {}, "bad.yaml: not YAML, line"),
        (("invoke", "--generate-event", "--url", "http://127.0.0.1:9/"), {}, "localrun"),
        (("demo", "--catalog", "text"), {}, "is not a DuckDB file"),
        (("demo", "--catalog", "text/c.duckdb"), {}, "SYSTEM: text: File exists|text.*Not a directory"),
    ],
    ids=lambda value: " ".join(value)[-60:] if isinstance(value, tuple) else "",
)
def test_a_mistake_is_one_line(
    called: Called, tmp_path: Path, line: tuple[str, ...], environ: dict[str, str], words: str
) -> None:
    (tmp_path / "bad.yaml").write_text("name: x\nrules: [1\n")
    (tmp_path / "text").write_text("no database\n")
    (tmp_path / "folder").mkdir()
    code, _, err = called(*line, **environ)
    is_one_line(err, words)
    assert code == 2


@pytest.mark.parametrize("words", ["inspect", "validate", "check", "rules"])
def test_settings_that_a_command_does_not_use_do_no_harm(called: Called, words: str) -> None:
    wrong = {"EXR_STATS": "banana", "EXR_MOUNTS": "b=/gone", "VAST_DB_ENDPOINT": "nowhere", "S3_RETRIES": "many"}
    code, _, err = called(words, "CMP-DWA-NAMES" if words == "rules" else EXR, **wrong)
    assert (code, err) == (0, "")


def test_a_folder_without_images_is_said_to_be_one(called: Called, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    code, _, err = called("ingest", "empty", "--catalog", "c.duckdb")
    is_one_line(
        err.partition("\n")[2], "NO_FILES: no EXR files were found in empty: the folder is empty; is its share mounted"
    )
    assert code == 2
    code, _, err = called("ingest-plan", "empty", "--lanes", "2", "--to", "plan")
    is_one_line(err, "NO_FILES: no EXR files were found in empty")
    assert (code, (tmp_path / "plan").exists()) == (2, False)
    (tmp_path / "empty" / "notes.txt").write_text("no image")
    code, out, err = called("ingest", "empty", "--catalog", "c.duckdb")
    assert (code, err) == (0, "catalog: c.duckdb\n")
    assert "no EXR files were found there" in out


def test_a_misspelt_setting_is_named_once_without_its_value(called: Called) -> None:
    code, out, err = called("inspect", EXR, EXR_STAT="s3cret", exr_policy="s3cret")
    assert code == 0
    assert "s3cret" not in out + err
    assert [line.partition(" is no setting")[0] for line in err.splitlines()] == [
        "warning: EXR_STAT",
        "warning: exr_policy",
    ]
    assert "did you mean EXR_STATS" in err


@pytest.mark.parametrize("name", ["S3_ENDPOINT", "VAST_DB_ENDPOINTS"])
def test_a_misspelt_setting_of_the_store_or_the_database_is_named(called: Called, name: str) -> None:
    code, out, err = called("inspect", EXR, **{name: "s3cret"})
    assert (code, "s3cret" in out + err, err.count(f"{name} is no setting")) == (0, False, 1)


def test_tables_that_were_never_set_up_and_wrong_keys_are_one_line(called: Called) -> None:
    with LocalVastDB(None) as database:
        environ = database_environ(database)
        code, _, err = called("ingest", EXR, **environ)
        is_one_line(err, "SCHEMA_MISSING.*./run db setup")
        assert code == 2
        code, _, err = called("db", "check", **{**environ, "VAST_DB_BUCKET": "nosuch"})
        is_one_line(err, "SCHEMA_MISSING")
        assert code == 2
        code, _, err = called("db", "check", **{**environ, "VAST_DB_SECRET_KEY": "SECRET-OF-NOBODY"})
        is_one_line(err, "CATALOG_DENIED")
        assert code == 2


def test_a_level_set_on_a_logger_of_the_sdk_is_kept(called: Called) -> None:
    logger = logging.getLogger("vastdb")
    before = logger.level
    try:
        logger.setLevel(logging.DEBUG)
        called("db", "check")
        assert logger.level == logging.DEBUG
        logger.setLevel(logging.NOTSET)
        called("db", "check")
        assert logger.level == logging.CRITICAL
    finally:
        logger.setLevel(before)
    assert {errors.log.name, vastdb.transaction.log.name} == {"vastdb.errors", "vastdb.transaction"}


def groups() -> list[list[str]]:
    """Every command and subcommand, by its words."""
    found = [[name] for name in COMMANDS]
    for name in COMMANDS:
        command = LazyGroup.get_command(main, None, name)
        found += [[name, inner] for inner in getattr(command, "commands", {})]
    return found


@pytest.mark.parametrize("words", groups(), ids=" ".join)
def test_every_command_explains_itself_with_an_example(called: Called, words: list[str]) -> None:
    code, out, _ = called(*words, "--help")
    assert code == 0
    example = re.search(r"Examples?:\n((?: +\S.*\n)+)", out)
    assert example, out
    lines = [line.strip() for line in example[1].splitlines() if line.strip()]
    # The local packages have entry points of their own, which their help shows.
    assert all(line.startswith((f"./run {words[0]}", "./run validate --policy", "python -m ")) for line in lines), lines


def test_what_starts_a_runtime_is_called_as_the_program_is(called: Called) -> None:
    code, _, err = called("invoke", "--url", "http://127.0.0.1:9/", "--schedule", "0 0 * ? * * *")
    assert (code, "start a runtime with `./run localrun`" in err) == (2, True), err


@pytest.mark.parametrize(
    "line",
    [
        ("inspect", "esc\x1b[31m\x9b.exr"),
        ("check", "esc\x1b[31m\u202e.exr"),
        ("watch", "esc\x1b[31m\x9b"),
        ("query", "esc\x1b[31m"),
        ("rules", "--policy", "esc\x1b[31m"),
        ("esc\x1b[31m",),
        ("inspect", "--esc\x1b[31m"),
        ("policy", "init", EXR, "-o", "none/esc\x1b[31m"),
    ],
)
def test_a_message_about_a_hostile_name_has_no_control_codes(called: Called, line: tuple[str, ...]) -> None:
    code, out, err = called(*line)
    assert code == 2
    assert "esc" in out + err
    assert not set(out + err) & {"\x1b", "\x9b", "\u202e"}


def test_names_that_are_not_utf_8_reach_every_output(called: Called, tmp_path: Path) -> None:
    folder = tmp_path / "d"
    folder.mkdir()
    name = os.fsencode(folder) + b"/caf\xe9\xc2\x9b.exr"
    Path(os.fsdecode(name)).write_bytes((SAMPLES / "nan_inf.exr").read_bytes())
    for command, forms in (
        ("check", ("text", "json", "csv", "sarif", "junit")),
        ("validate", ("text", "json", "sarif", "junit")),
        ("inspect", ("text", "table", "csv", "json")),
    ):
        for form in forms:
            code, out, _ = called(command, str(folder), "--stats", "off", "--format", form)
            assert code in {0, 1}
            assert "caf" in "".join(out.split()), "a table folds long names"
            assert "\x9b" not in out
    assert "caf%E9%C2%9B.exr" in called("check", str(folder), "--format", "sarif")[1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("line", [("validate",), ("inspect",), ("inspect", "--format", "csv"), ("check",), ("diff",)])
def test_a_signal_ends_every_command_with_the_tally_so_far(
    called: Called, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: tuple[str, ...], number: signal.Signals
) -> None:
    folder = tmp_path / "d"
    folder.mkdir()
    for frame in range(1001, 1006):
        (folder / f"a.{frame}.exr").write_bytes((SAMPLES / "scanline_zip.exr").read_bytes())
    opened = count()
    real = SourceOpener.open_url

    def interrupted(self: SourceOpener, *arguments: Any, **options: Any) -> Any:
        if next(opened) == 2:
            os.kill(os.getpid(), number)
        return real(self, *arguments, **options)

    monkeypatch.setattr(SourceOpener, "open_url", interrupted)
    monkeypatch.setattr("exr_inspector.cli.__main__._exit_despite_readers", lambda ended: None)  # would end pytest
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # in a process of pytest-xdist it is another one
    try:
        code, out, err = called(*line, *([str(folder)] * (1 + (line[0] == "diff"))))
    finally:
        signal.signal(signal.SIGINT, before)
    assert code == 128 + number
    assert re.search("stopped", out + err, re.IGNORECASE)
    assert "Traceback" not in err
