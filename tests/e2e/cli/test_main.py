"""The entry point: the list of commands, completion, suggestions, and no files left by a command that failed."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import exr_inspector.cli.__main__ as entry
from exr_inspector.cli.__main__ import COMMANDS, COMPLETE_VARIABLE, main, module_of
from exr_inspector.errors import SettingsError

ROOT = Path(__file__).resolve().parents[3]
SAMPLE = ROOT / "samples" / "layers.exr"


def call(*arguments: str, cwd: Path = ROOT, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "exr_inspector.cli", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.fixture
def here(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., tuple[int, str]]:
    """Calls the entry point in this process, in an empty folder; returns the exit code and the output."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(entry, "silence_sdk_loggers", lambda: None)  # it would stay silenced in this process

    def called(*words: str) -> tuple[int, str]:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["exr-inspector", *words])
            patch.setattr(sys, "stdout", sys.stdout)
            with pytest.raises(SystemExit) as ended:
                entry.run()
        out, err = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, out + err

    return called


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_where_the_list_says(name: str) -> None:
    assert isinstance(importlib.import_module(module_of(name)).command, click.Command)


def test_help_lists_every_command_and_imports_none() -> None:
    program = (
        "import sys, exr_inspector.cli.__main__ as cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    for name in COMMANDS:
        assert f"  {name}" in done.stdout
        assert module_of(name) not in done.stderr.split()
    assert {"numpy", "pyarrow", "vastdb", "duckdb", "rich", "pydantic"}.isdisjoint(done.stderr.split())


def test_tasks_for_developers_are_suggested_in_a_checkout() -> None:
    assert call("tset").stderr.rpartition(": ")[2] == "did you mean test?\n"


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        (("inspct",), "did you mean inspect"),
        (("rules", "CMP-DWA-NAME"), "did you mean CMP-DWA-NAMES"),
        (("validate", str(SAMPLE), "--policy", "archve"), "did you mean archive"),
        (("query", "brokn"), "did you mean broken"),
        (("db", "reconcil"), "did you mean reconcile"),
        (("policy", "int"), "did you mean init"),
        (("validate", str(SAMPLE), "--policy", "archive.yaml"), "is written archive, without .yaml"),
        (("db", "check", "--catalog", "none.duckdb"), "`exr-inspector ingest FOLDER --catalog none.duckdb` makes it"),
        (("inspect", "--format", "csv", "--fields", "widht", str(SAMPLE)), "did you mean width"),
    ],
)
def test_a_name_that_comes_close_is_suggested(
    here: Callable[..., tuple[int, str]], line: tuple[str, ...], hint: str
) -> None:
    code, text = here(*line)
    assert code == 2
    assert hint in text


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("./run ins", "inspect"),
        ("./run validate --policy net", "netflix-vfx"),
        ("./run validate --sta", "--stats"),
        ("./run rules cmp-dwa", "CMP-DWA-NAMES"),
    ],
)
def test_a_shell_completes_commands_options_profiles_and_rules(
    here: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch, words: str, expected: str
) -> None:
    monkeypatch.setenv(COMPLETE_VARIABLE, "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(words.count(" ")))
    assert f"plain,{expected}" in here()[1].splitlines()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_is_for_the_program(shell: str) -> None:
    result = CliRunner().invoke(main, ["completion", shell], prog_name="exr-inspector")
    assert result.exit_code == 0
    assert COMPLETE_VARIABLE in result.stdout
    assert "exr-inspector" in result.stdout


@pytest.mark.parametrize(
    "line",
    [
        ("ingest", "nowhere", "--catalog", "a.duckdb"),
        ("ingest", str(ROOT / "samples"), "--catalog", "b.duckdb", "--policy", "nope"),
        ("ingest", "s3://nowhere/", "--catalog", "f.duckdb"),
        ("query", "broken", "--catalog", "c.duckdb"),
        ("localdb", "serve", "--catalog", "d.duckdb", "--host", "192.0.2.1", "--port", "0"),
        ("validate", "nowhere.exr"),
        ("inspect", "nowhere_*.exr"),
        ("localrun", "nowhere"),
        ("check", "nowhere", "--catalog", "e.duckdb"),
        ("report", "nowhere", "--to", "page.html"),
        ("diff", "nowhere.exr", "neither.exr"),
    ],
    ids=lambda line: " ".join(line[:2]),
)
def test_a_command_that_fails_leaves_no_file(
    here: Callable[..., tuple[int, str]], tmp_path: Path, line: tuple[str, ...]
) -> None:
    code, text = here(*line)
    assert code == 2, text
    assert list(tmp_path.iterdir()) == []


def test_a_command_that_fails_keeps_a_catalog_that_was_there(here: Callable[..., tuple[int, str]]) -> None:
    assert here("ingest", str(ROOT / "samples" / "shots"), "--catalog", "a.duckdb")[0] == 0
    assert here("ingest", "nowhere", "--catalog", "a.duckdb")[0] == 2
    assert "4 rows" in here("query", "select path from files", "--catalog", "a.duckdb")[1]


def test_a_command_without_its_packages_has_a_help_and_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    monkeypatch.delitem(sys.modules, module_of("watch"), raising=False)
    shown, failed = (CliRunner().invoke(main, ["watch", *words]) for words in (["--help"], ["renders", "--poll"]))
    assert (shown.exit_code, COMMANDS["watch"] in shown.output, "watchfiles" in shown.output) == (0, True, True)
    assert isinstance(failed.exception, SettingsError)
    assert "watchfiles" in str(failed.exception)
