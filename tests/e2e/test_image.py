"""The function's image: main.py in an environment with requirements.txt alone, without the packages of a laptop."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import venv
from pathlib import Path

import pytest

from exr_inspector.cli.commands.package import stage
from tests.chaos.stack import BUCKET, local_stack

ROOT = Path(__file__).resolve().parents[2]
# Packages that only a laptop has. The database's SDK installs some of them today, but main.py must not need them.
LAPTOP_ONLY = (
    "duckdb",
    "uvicorn",
    "starlette",
    "cloudevents",
    "rich",
    "click",
    "moto",
    "boto3",
    "pytest",
    "hypothesis",
    "vastdb_local",
    "dataengine_local",
)


def test_nothing_that_main_reaches_needs_what_only_a_laptop_has() -> None:
    program = f"""
        import sys

        class Forbidden:
            def find_spec(self, name, path=None, target=None):
                if name.split(".")[0] in {LAPTOP_ONLY!r} or name.startswith("exr_inspector.cli"):
                    raise ModuleNotFoundError(f"{{name}} is not in the image", name=name)

        sys.meta_path.insert(0, Forbidden())
        import main
        import exr_inspector.function.handler
        import exr_inspector.catalog.catalog
        import exr_inspector.validation
        assert callable(main.init) and callable(main.handler)
    """
    line = [sys.executable, "-c", textwrap.dedent(program)]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.heavy
@pytest.mark.timeout(1200)
def test_the_staged_folder_runs_in_an_environment_made_from_its_requirements_alone(tmp_path: Path) -> None:
    """As the platform builds it: the staged folder, a new environment, `requirements.txt`, `init` and one event."""
    staged, environment = tmp_path / "function", tmp_path / "environment"
    stage(ROOT, staged)
    venv.create(environment, with_pip=True)
    python = str(environment / "bin" / "python")
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:"]
    subprocess.run([*pip, "-r", str(staged / "requirements.txt")], check=True, timeout=900)
    program = """
        import logging
        import main

        class Context:
            logger = logging.getLogger("image")
            secrets = {}

        ctx = Context()
        main.init(ctx)
        print(main.handler(ctx, {"bucket": "%s", "key": "a.exr"})["status"])
    """
    with local_stack(EXR_STATS="full") as stack:
        stack.put("a.exr", "layers.exr")
        done = subprocess.run(
            [python, "-c", textwrap.dedent(program) % BUCKET],
            cwd=staged,
            env={"PATH": os.environ["PATH"], **stack.environ},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.stdout.split() == ["inspected"], done.stderr[-3000:]
        assert len(stack.rows("files")) == 1
