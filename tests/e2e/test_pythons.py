"""The unit tests and the demo on every other supported Python of this machine."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support.environments import copy_tree, environment, pythons, run

RUNNING = ".".join(map(str, sys.version_info[:2]))
OTHERS = {version: path for version, path in pythons().items() if version != RUNNING}

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(1_800)]


@pytest.mark.parametrize(
    "version", OTHERS or [pytest.param("", marks=pytest.mark.skip(reason="no other Python is here"))]
)
def test_the_unit_tests_and_the_demo(version: str, tmp_path: Path) -> None:
    tree = copy_tree(tmp_path / "exr-inspector")
    # `./run` finds all packages in it.
    environment(OTHERS[version], tree / ".venv", "-r", tree / "requirements-dev.txt", "-c", tree / "requirements.lock")
    assert "passed" in run(OTHERS[version], "run", "test", "unit", cwd=tree).stdout
    assert "54 events" in run(OTHERS[version], "run", "demo", cwd=tree).stdout
