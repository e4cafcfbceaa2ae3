"""`./run` on unsupported Pythons, and the lock file of its environments."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
FILES = sorted(ROOT.glob("requirements*.txt"))


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
