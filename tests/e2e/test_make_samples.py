"""`samples/make_samples.py` writes the files of `samples/`, the same bytes on every run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
SCRIPT_NEEDS = pytest.mark.skipif(sys.version_info < (3, 11), reason="OpenEXR 3.5.3 has no wheel for Python 3.10")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SAMPLES / "make_samples.py"), *arguments], capture_output=True, text=True, check=False
    )


@SCRIPT_NEEDS
def test_the_folder_holds_what_the_script_writes() -> None:
    done = run("--check")
    assert done.returncode == 0, done.stdout + done.stderr


@SCRIPT_NEEDS
def test_two_runs_write_the_same_bytes_and_check_sees_a_changed_one(tmp_path: Path) -> None:
    assert run("--folder", str(tmp_path)).returncode == 0
    written = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert run("--folder", str(tmp_path)).returncode == 0
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == written
    victim = tmp_path / "scanline_zip.exr"
    victim.write_bytes(victim.read_bytes()[:-1] + b"\x99")
    (tmp_path / "tiled.exr").unlink()
    (tmp_path / "stray.exr").write_bytes(b"")
    done = run("--check", "--folder", str(tmp_path))
    assert done.returncode == 1
    assert done.stdout.split("\n")[:3] == [
        "scanline_zip.exr: differs",
        "tiled.exr: missing",
        "stray.exr: not one of ours",
    ]
