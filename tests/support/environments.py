"""Create virtual environments, find this machine's Pythons, and copy the source tree, for heavy tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SUPPORTED = ("3.10", "3.11", "3.12", "3.13")
_GENERATED = (".git", ".venv", "__pycache__", ".local", ".mypy_cache", ".ruff_cache", ".hypothesis", "*.egg-info")


def run(*line: str | Path, cwd: Path, timeout: float = 1_200, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a program; if it fails, the test fails with its output."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV", "PYTEST"))}
    done = subprocess.run(
        [str(word) for word in line],
        cwd=cwd,
        env={**inherited, **environ},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, f"{line}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done


def copy_tree(target: Path) -> Path:
    """Copy the source tree without generated files."""
    generated = shutil.ignore_patterns(*_GENERATED)

    def ignored(folder: str, names: list[str]) -> set[str]:
        # Only the top-level build/ is generated (by setuptools); docs/build has sources.
        return {*generated(folder, names), *({"build"} if Path(folder) == ROOT else ())}

    return shutil.copytree(ROOT, target, ignore=ignored, symlinks=True)


def pythons() -> dict[str, Path]:
    """The interpreters of supported versions that pyenv or PATH provides, by version."""
    found: dict[str, Path] = {}
    for version in SUPPORTED:
        installed = sorted(
            Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser().glob(f"versions/{version}.*/bin/python")
        )
        named = shutil.which(f"python{version}")
        for candidate in [*installed, *([Path(named)] if named else [])]:
            asked = subprocess.run(
                [candidate, "-c", "import sys, venv; print('%d.%d' % sys.version_info[:2])"],
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            if asked.stdout.strip() == version:
                found[version] = candidate
                break
    return found


def environment(python: Path, folder: Path, *requirements: str | Path) -> Path:
    """Create a virtual environment with these packages, and return its folder of programs.

    It uses uv, which takes seconds because it unpacks each wheel only once; pip would take minutes.
    """
    run(sys.executable, "-m", "uv", "venv", "--quiet", "--seed", "--python", python, folder, cwd=folder.parent)
    install(folder / "bin", *requirements)
    return folder / "bin"


def install(programs: Path, *requirements: str | Path) -> None:
    """Install packages into an environment, by names, wheels or `-r` and `-c` with a file."""
    line = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", programs / "python"]
    run(*line, *requirements, cwd=programs)
