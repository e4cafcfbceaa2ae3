"""The function's image: main.py in an environment that has what requirements.txt names, and nothing of the laptop's."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import venv
from pathlib import Path

import pytest

from tests.chaos.house import BUCKET, house

ROOT = Path(__file__).resolve().parents[2]
# What only a laptop has. The SDK of the database brings some of them along today; main.py must not need them.
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
)


def test_nothing_that_main_reaches_needs_what_only_a_laptop_has() -> None:
    program = f"""
        import sys

        class Forbidden:
            def find_spec(self, name, path=None, target=None):
                if name.split(".")[0] in {LAPTOP_ONLY!r} or name.startswith(("exr_inspector.local", "exr_inspector.cli")):
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
@pytest.mark.timeout(900)
def test_the_function_runs_in_an_environment_made_from_its_requirements_alone(tmp_path: Path) -> None:
    """As the platform's build does it: a fresh environment, `requirements.txt`, then `init` and one event."""
    folder = tmp_path / "image"
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    install = [
        python,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--only-binary",
        ":all:",
        "-r",
        str(ROOT / "requirements.txt"),
    ]
    subprocess.run(install, check=True, timeout=900)
    program = """
        import logging, sys
        import main

        class Context:
            logger = logging.getLogger("image")
            secrets = {}

        ctx = Context()
        main.init(ctx)
        print(main.handler(ctx, {"bucket": "%s", "key": "a.exr"})["status"])
    """
    with house(EXR_STATS="full") as home:
        home.put("a.exr", "layers.exr")
        done = subprocess.run(
            [python, "-c", textwrap.dedent(program) % BUCKET],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], **home.environ},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.stdout.split() == ["inspected"], done.stderr[-3000:]
        assert len(home.rows("files")) == 1
