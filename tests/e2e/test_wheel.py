"""A wheel of the tree in new environments: alone, with the extra `local`, and with the lowest and newest releases."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.support.environments import ROOT, copy_tree, environment, install, run
from tests.unit.test_requirements import library_ranges

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(1_800)]

# Inspect every sample completely, and validate all of them by one policy.
USE = """
import sys
from pathlib import Path
import exr_inspector as exr

assert Path(exr.__file__).is_relative_to(sys.prefix), exr.__file__
samples = sorted(Path("samples").rglob("*.exr"))
for path in samples:
    file = exr.inspect(path, stats="full", hash=True)
    file.to_json(), file.to_arrow()
report = exr.validate("samples", stats="full")
assert len(report) == len(samples) + 1 and not report.faults
print(len(report.findings))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = copy_tree(tmp_path_factory.mktemp("tree") / "exr-inspector")
    made = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", made, tree, cwd=made)
    (found,) = made.glob("*.whl")
    return found


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder with the samples alone."""
    shutil.copytree(ROOT / "samples", tmp_path / "work" / "samples")
    return tmp_path / "work"


def test_the_wheel_alone_inspects_and_validates(wheel: Path, elsewhere: Path, tmp_path: Path) -> None:
    programs = environment(Path(sys.executable), tmp_path / "environment", wheel)
    run(programs / "python", "-c", USE, cwd=elsewhere)
    command = programs / "exr-inspector"
    assert "inspected" in run(command, "inspect", "samples/layers.exr", cwd=elsewhere).stdout
    assert "exr-inspector rules CRY" in run(command, "rules", "--help", cwd=elsewhere).stdout
    assert "no findings" not in run(command, "validate", "--fail-on", "never", "samples/", cwd=elsewhere).stdout[-200:]
    catalog = ("--catalog", "a.duckdb")
    needing = [
        ("query", "broken"),
        ("demo",),
        ("db", "check"),
        ("check", "samples/shots", *catalog),
        ("report", *catalog, "--to", "a.html"),
    ]
    for words in needing:
        with pytest.raises(AssertionError, match=r"needs the package|exr-inspector\[") as told:
            run(command, *words, cwd=elsewhere)
        assert "Traceback" not in str(told.value).split("\n", 1)[1]
        assert subprocess.run([command, *words], cwd=elsewhere, capture_output=True, check=False).returncode == 2


def test_the_local_extra_gives_a_catalog(wheel: Path, elsewhere: Path, tmp_path: Path) -> None:
    programs = environment(Path(sys.executable), tmp_path / "environment", f"{wheel}[local,catalog,report]")
    command = programs / "exr-inspector"
    run(command, "ingest", "samples/shots", "--catalog", "a.duckdb", cwd=elsewhere)
    assert "4 rows" in run(command, "query", "select path from files", "--catalog", "a.duckdb", cwd=elsewhere).stdout
    assert "testsuite" in run(command, "validate", "--format", "junit", "samples/layers.exr", cwd=elsewhere).stdout
    program = "import exr_inspector as exr\nwith exr.open_catalog('a.duckdb') as c: print(c.table('files').num_rows)"
    assert run(programs / "python", "-c", program, cwd=elsewhere).stdout.split() == ["4"]


def lowest(item: Requirement) -> str:
    (bound,) = [part.version for part in item.specifier if part.operator == ">="]
    return f"{item.name}=={bound}"


def test_the_lowest_releases_work(wheel: Path, elsewhere: Path, tmp_path: Path) -> None:
    programs = environment(Path(sys.executable), tmp_path / "environment", *map(lowest, library_ranges()[""]))
    install(programs, wheel)
    run(programs / "python", "-c", USE, cwd=elsewhere)
    assert "inspected" in run(programs / "exr-inspector", "inspect", "samples/layers.exr", cwd=elsewhere).stdout


def test_the_newest_releases_give_the_findings_of_the_pinned_ones(wheel: Path, elsewhere: Path, tmp_path: Path) -> None:
    programs = environment(Path(sys.executable), tmp_path / "environment", wheel)
    install(programs, "--upgrade", *(str(item) for item in library_ranges()[""]))
    newest = run(programs / "python", "-c", USE, cwd=elsewhere).stdout
    pinned = run(sys.executable, "-c", USE.replace("sys.prefix", repr(str(ROOT))), cwd=elsewhere, PYTHONPATH=str(ROOT))
    assert newest == pinned.stdout
