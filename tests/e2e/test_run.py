"""`./run` on unsupported Pythons and in folders that hold Python files, and the lock file of its environments."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from exr_inspector.ingest.run import PROCESSES_FROM

ROOT = Path(__file__).resolve().parents[2]
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
FILES = sorted(ROOT.glob("requirements*.txt"))
# What pip writes for the installed command.
INSTALLED = f"""import sys
sys.path.insert(1, {str(ROOT)!r})
from exr_inspector.cli.start import start
if __name__ == "__main__":
    start()
"""


@pytest.fixture
def delivery(tmp_path: Path) -> Path:
    """A folder with a frame, and with files that have the names of modules and would write a file if they were imported."""
    folder = tmp_path / "delivery"
    folder.mkdir()
    (folder / "black.1001.exr").write_bytes((ROOT / "samples" / "black.exr").read_bytes())
    for name in ("click", "exr_inspector", "logging", "multiprocessing", "numpy", "pickle", "pip", "socket", "struct"):
        (folder / f"{name}.py").write_text(f"open({str(tmp_path / 'imported')!r}, 'a').write({name!r})\n")
    return folder


@pytest.mark.parametrize(
    "arguments", [["check", "."], ["inspect", "black.1001.exr"], ["--version"]], ids=lambda words: words[0]
)
def test_run_imports_nothing_of_the_current_folder(arguments: list[str], delivery: Path) -> None:
    line = runpy.run_path(str(ROOT / "run"))["command"](arguments[0], arguments[1:])
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}  # as ./run sets it
    done = subprocess.run(
        [sys.executable, *line[1:]], cwd=delivery, env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert not (delivery.parent / "imported").exists()


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 has no PYTHONSAFEPATH")
def test_worker_processes_of_the_installed_command_import_nothing_of_the_current_folder(delivery: Path) -> None:
    program = delivery.parent / "bin" / "exr-inspector"
    program.parent.mkdir()
    program.write_text(INSTALLED)
    for number in range(PROCESSES_FROM):
        os.link(delivery / "black.1001.exr", delivery / f"black.{2000 + number}.exr")
    line = [sys.executable, str(program), "ingest", ".", "--catalog", "../catalog.duckdb"]
    done = subprocess.run(line, cwd=delivery, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert not (delivery.parent / "imported").exists()


@pytest.mark.parametrize("version", [(2, 7, 18), (3, 9, 18), (3, 14, 0)])
def test_other_pythons_get_one_line(version: tuple[int, int, int]) -> None:
    program = (
        f"import runpy, sys; sys.version_info = {(*version, 'final', 0)}; sys.version = '{'.'.join(map(str, version))}'; "
        f"sys.argv = ['run', '--help']; runpy.run_path({str(ROOT / 'run')!r}, run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "3.10, 3.11, 3.12 or 3.13" in done.stderr


def test_ctrl_c_while_the_command_line_is_imported_prints_no_traceback() -> None:
    program = (
        "import os, runpy, signal; signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}); "
        "os.kill(os.getpid(), signal.SIGINT); runpy.run_module('exr_inspector.cli.start', run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, timeout=30, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


@pytest.mark.parametrize("task", ["test", "lint", "fmt", "docs", "lock"])
def test_help_installs_nothing(
    task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "run"
    copy.write_bytes((ROOT / "run").read_bytes())
    monkeypatch.setattr(sys, "argv", ["run", task, "--help"])
    runpy.run_path(str(copy))["main"]()
    assert capsys.readouterr().out.split()[:2] == ["./run", task]
    assert list(tmp_path.iterdir()) == [copy]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lint", "--fix"], "lint takes no arguments, found --fix"),
        (["test", "unti"], "there is no suite or file 'unti': did you mean unit?"),
        (["test", "tests/unit/none.py::test_a"], "the suites are unit, contract"),
    ],
)
def test_wrong_arguments_of_tasks_are_named(
    arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["run", *arguments])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / "run"))["main"]()
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def requirements(path: Path, python: str) -> dict[str, str]:
    """The name and specifier of every package that a file requires on one Python."""
    environment = {"python_version": python, "python_full_version": f"{python}.1", "sys_platform": "linux"}
    lines = (line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    found = [Requirement(line) for line in lines if line and not line.startswith("-")]
    return {
        item.name.lower().replace("_", "-"): str(item.specifier)
        for item in found
        if item.marker is None or item.marker.evaluate(environment)
    }


@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_file_holds_every_pin_of_every_requirements_file(python: str) -> None:
    locked = requirements(ROOT / "requirements.lock", python)
    assert all(specifier.startswith("==") for specifier in locked.values())
    for path in FILES:
        for name, specifier in requirements(path, python).items():
            assert locked.get(name) == specifier, f"{path.name}: {name}; write the lock file again with ./run lock"


def test_the_lock_file_names_no_host_and_no_path() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in text
    assert "--" not in text.replace("./run lock", "")
    assert not [line for line in text.splitlines() if " @ " in line]


def test_the_environment_is_known_by_its_own_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment's Python counts, not that of `./run`: two Pythons in turn would prepare it again each time."""
    program = runpy.run_path(str(ROOT / "run"))
    version = program["environment_version"]
    other = tmp_path / "python"
    for python, expected in ((Path(sys.executable), sys.version), (other, sys.version)):
        monkeypatch.setitem(version.__globals__, "PYTHON", python)
        assert version() == expected
    other.write_text("#!/bin/sh\nprintf 'of the environment'\n", encoding="utf-8")
    other.chmod(0o755)
    assert version() == "of the environment"


def test_an_environment_of_somebody_else_is_said_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "run").write_bytes((ROOT / "run").read_bytes())
    for path in (*FILES, ROOT / "requirements.lock"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    program = (
        "import pathlib, runpy, sys\n"
        "def refused(self, *_, **__): raise PermissionError(13, 'Permission denied', str(self))\n"
        "pathlib.Path.mkdir = refused\n"
        f"sys.argv = ['run', 'check']; runpy.run_path({str(tmp_path / 'run')!r}, run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert ".venv cannot be written" in done.stderr
    assert len(done.stderr.splitlines()) == 1
