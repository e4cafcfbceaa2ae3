"""What the image is built from: pins that resolve on every Python the platform may have, and nothing of the laptop's."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
import venv
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from exr_inspector.cli.commands.package import stage
from tests.chaos.house import BUCKET, house

ROOT = Path(__file__).resolve().parents[2]
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
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
    "vastdb_local",
    "dataengine_local",
)


def requirements(name: str = "requirements.txt") -> list[Requirement]:
    lines = (line.split("#")[0].strip() for line in (ROOT / name).read_text(encoding="utf-8").splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("-r")]


def test_every_requirement_is_pinned_to_one_release() -> None:
    for requirement in requirements():
        (pin,) = requirement.specifier
        assert pin.operator == "==", requirement
        assert "*" not in pin.version, requirement
        assert not Version(pin.version).is_prerelease, requirement
        assert requirement.url is None, requirement


@pytest.mark.parametrize("python", PYTHONS)
def test_every_package_has_exactly_one_pin_on_every_python(python: str) -> None:
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.1",
        "sys_platform": "linux",
        "platform_machine": "x86_64",
        "implementation_name": "cpython",
    }
    holding = [
        requirement.name.lower()
        for requirement in requirements()
        if requirement.marker is None or requirement.marker.evaluate(environment)
    ]
    assert sorted(holding) == sorted({requirement.name.lower() for requirement in requirements()})


def test_opentelemetry_is_left_to_the_platform() -> None:
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    assert not [line for line in text.splitlines() if re.match(r"\s*opentelemetry", line, re.IGNORECASE)]


def test_the_laptops_requirements_only_add_to_the_functions() -> None:
    shipped = {requirement.name.lower() for requirement in requirements()}
    for name in ("requirements-local.txt", "requirements-dev.txt", "requirements-bench.txt"):
        assert shipped.isdisjoint(requirement.name.lower() for requirement in requirements(name)), name


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
    """As the platform's build does it: the staged folder, a fresh environment, `requirements.txt`, `init` and one event."""
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
    with house(EXR_STATS="full") as home:
        home.put("a.exr", "layers.exr")
        done = subprocess.run(
            [python, "-c", textwrap.dedent(program) % BUCKET],
            cwd=staged,
            env={"PATH": os.environ["PATH"], **home.environ},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.stdout.split() == ["inspected"], done.stderr[-3000:]
        assert len(home.rows("files")) == 1
