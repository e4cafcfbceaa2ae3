"""Imports load nothing that is not needed yet."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import exr_inspector

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("vastdb", "duckdb", "pandas", "click", "rich", "moto", "uvicorn", "ibis")


def modules_after(program: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\nimport sys; print(*sys.modules, file=sys.stderr)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    return set(done.stderr.split())


def test_importing_the_package_imports_no_other() -> None:
    found = {name.split(".")[0] for name in modules_after("import exr_inspector")}
    assert found.isdisjoint({*HEAVY, "numpy", "pyarrow", "OpenEXR", "obstore", "pydantic", "yaml"})


@pytest.mark.parametrize(
    ("program", "absent"),
    [
        ("import exr_inspector as exr; exr.inspect('samples/layers.exr', stats='full').to_json()", HEAVY),
        ("import exr_inspector as exr; exr.validate('samples/shots').to_sarif()", (*HEAVY, "pyarrow")),
    ],
)
def test_files_need_neither_database_nor_command_line(program: str, absent: tuple[str, ...]) -> None:
    found = {name.split(".")[0] for name in modules_after(program)}
    assert found.isdisjoint(absent)


def test_every_public_name_is_there() -> None:
    assert all(hasattr(exr_inspector, name) for name in exr_inspector.__all__)


def test_a_name_without_its_package_says_which_extra_brings_it() -> None:
    program = (
        "import sys; sys.modules['vastdb'] = None\nimport exr_inspector as exr\n"
        "for call in (exr.open_catalog, lambda: exr.open_catalog('a.duckdb'), lambda: exr.OpenCatalog):\n"
        "  try: call()\n"
        "  except exr.ExrInspectorError as error: print(error.code, error, file=sys.stderr)\n"
    )
    said = modules_after(program)
    assert {"SETTINGS", "open_catalog", "OpenCatalog", "vastdb:"} <= said
    assert {"'exr-inspector[catalog]'", "'.[catalog]'"} & said
    assert {"'exr-inspector[local]'", "'.[local]'"} & said


BENCHMARKS = """
import importlib
from bench.__main__ import names
for name in names():
    try:
        importlib.import_module(f"bench.{name}")
    except ModuleNotFoundError as error:
        if error.name != "OpenImageIO":  # in requirements-bench.txt alone
            raise
"""


@pytest.mark.heavy
def test_every_benchmark_can_be_imported() -> None:
    """Some modules import `tests.support`; an installed package named `tests` must not be found first."""
    modules_after(BENCHMARKS)
