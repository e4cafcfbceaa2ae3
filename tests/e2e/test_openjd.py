"""The job template for render farms, run by the reference implementation of Open Job Description."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.stack import BUCKET, local_stack

ROOT = Path(__file__).resolve().parents[2]
OPENJD = shutil.which("openjd", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
pytestmark = [
    pytest.mark.heavy,
    pytest.mark.timeout(300),
    pytest.mark.skipif(OPENJD is None, reason="openjd-cli is not installed: pip install -r requirements-heavy.txt"),
]
FILES = 90


def openjd(environ: dict[str, str], *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(OPENJD), *map(str, arguments)],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


def test_the_template_plans_and_ingests_every_lane_and_a_lane_again_changes_nothing(tmp_path: Path) -> None:
    template = ROOT / "deploy" / "openjd.yaml"
    assert openjd({}, "check", template).returncode == 0
    command = tmp_path / "exr-inspector"
    command.write_text(f'#!/bin/sh\ncd "{ROOT}" && exec "{sys.executable}" -m exr_inspector.cli "$@"\n')
    command.chmod(0o755)
    (tmp_path / "plan").mkdir()
    parameters = {"Places": f"s3://{BUCKET}/", "Plan": tmp_path / "plan", "Lanes": 3, "LastLane": 2, "Command": command}
    given = [text for name, value in parameters.items() for text in ("-p", f"{name}={value}")]
    with local_stack() as stack:
        for index in range(FILES):
            stack.put(f"shot/beauty.{index:04}.exr", ("layers.exr", "tiled.exr")[index % 2])
        done = openjd(stack.environ, "run", template, "--step", "Sequences", "--run-dependencies", *given)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.count("openjd_progress: 100") == 3
        assert stack.differences() == []
        assert len(stack.rows("inspections")) == FILES
        assert {row["file_count"] for row in stack.rows("sequence_validation")} == {FILES}
        again = openjd(stack.environ, "run", template, "--step", "Ingest", "-tp", "Lane=1", *given)
        assert again.returncode == 0, again.stdout + again.stderr
        assert len(stack.rows("inspections")) == FILES
