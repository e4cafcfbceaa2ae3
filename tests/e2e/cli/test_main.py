"""The entry point: the list of commands, completion, hints, and nothing left behind by a command that failed."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from exr_inspector.cli.__main__ import COMMANDS, COMPLETE_VARIABLE, main

ROOT = Path(__file__).resolve().parents[3]


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


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_where_the_list_says(name: str) -> None:
    assert isinstance(importlib.import_module(COMMANDS[name].module).command, click.Command)


def test_help_lists_every_command_and_imports_none() -> None:
    program = (
        "import sys, exr_inspector.cli.__main__ as cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    for name, home in COMMANDS.items():
        assert f"  {name}" in done.stdout
        assert home.module not in done.stderr.split()
    assert {"numpy", "pyarrow", "vastdb", "duckdb", "rich", "pydantic"}.isdisjoint(done.stderr.split())


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        (("inspct",), "Did you mean inspect"),
        (("rules", "CMP-DWA-NAME"), "Did you mean CMP-DWA-NAMES"),
        (("validate", "samples/layers.exr", "--policy", "archve"), "did you mean archive"),
        (("query", "brokn"), "did you mean broken"),
        (("inspect", "--format", "csv", "--fields", "widht", "samples/layers.exr"), "did you mean width"),
    ],
)
def test_a_name_that_comes_close_is_suggested(line: tuple[str, ...], hint: str) -> None:
    done = call(*line)
    assert done.returncode == 2
    assert hint in done.stderr


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("./run ins", "inspect"),
        ("./run validate --policy net", "netflix-vfx"),
        ("./run validate --sta", "--stats"),
        ("./run rules cmp-dwa", "CMP-DWA-NAMES"),
    ],
)
def test_a_shell_completes_commands_options_profiles_and_rules(words: str, expected: str) -> None:
    environ = {COMPLETE_VARIABLE: "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    assert f"plain,{expected}" in call(**environ).stdout.splitlines()


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
def test_a_command_that_fails_leaves_no_file(tmp_path: Path, line: tuple[str, ...]) -> None:
    done = call(*line, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_command_that_fails_keeps_a_catalog_that_was_there(tmp_path: Path) -> None:
    assert call("ingest", str(ROOT / "samples" / "shots"), "--catalog", "a.duckdb", cwd=tmp_path).returncode == 0
    assert call("ingest", "nowhere", "--catalog", "a.duckdb", cwd=tmp_path).returncode == 2
    assert "4 rows" in call("query", "select path from files", "--catalog", "a.duckdb", cwd=tmp_path).stdout
