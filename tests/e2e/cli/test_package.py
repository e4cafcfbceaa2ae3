"""`./run package`: the staged folder holds the whole function and nothing else, and is written completely or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from click.testing import CliRunner

from exr_inspector.cli.commands import package
from exr_inspector.cli.commands.package import LAPTOP_PARTS, MANIFEST, PACKAGE, PackageError, command, stage

ROOT = Path(__file__).resolve().parents[3]
# Packages that only a laptop has.
FORBIDDEN = ("duckdb", "uvicorn", "starlette", "cloudevents", "rich", "click", "vastdb_local", "dataengine_local")


@pytest.fixture
def staged(tmp_path: Path) -> Path:
    stage(ROOT, tmp_path / "function")
    return tmp_path / "function"


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_folder_holds_the_function_and_nothing_of_the_laptop(staged: Path) -> None:
    top = {path.name for path in staged.iterdir()}
    assert top == {"main.py", "exr_inspector", "requirements.txt", "Aptfile", "customDeps", "README.md", MANIFEST}
    parts = {path.name for path in (staged / "exr_inspector").iterdir()}
    assert {"exr", "storage", "pixels", "validation", "catalog", "function", "errors.py"} <= parts
    assert not parts & {"cli", "report", "ingest", "library"}
    assert all((ROOT / PACKAGE / part).exists() for part in LAPTOP_PARTS), "a part that moved would be staged"
    assert "exr_inspector/validation/profiles/default.yaml" in names(staged)
    assert not [name for name in names(staged) if "__pycache__" in name or "pyproject" in name or "/." in name]
    assert sum(path.stat().st_size for path in staged.rglob("*") if path.is_file()) < 2_000_000


@pytest.mark.heavy
def test_every_staged_module_imports_without_the_laptops_packages_and_policies_may_name_all_rules(staged: Path) -> None:
    modules = [
        ".".join(path.relative_to(staged).with_suffix("").parts).removesuffix(".__init__")
        for path in sorted((staged / "exr_inspector").rglob("*.py"))
    ]
    program = f"""
        import importlib, sys

        class Forbidden:
            def find_spec(self, name, path=None, target=None):
                if name.split(".")[0] in {FORBIDDEN!r}:
                    raise ModuleNotFoundError(f"{{name}} is not in the image", name=name)

        sys.meta_path.insert(0, Forbidden())
        sys.dont_write_bytecode = True
        for name in ["main", *{modules!r}]:
            module = importlib.import_module(name)
            assert module.__file__.startswith({str(staged)!r}), module.__file__
        from exr_inspector.validation import RULES, load_policy
        from exr_inspector.validation.registry import OF_IMAGES
        assert not OF_IMAGES & RULES.keys()
        rules = dict.fromkeys([*OF_IMAGES, "PIX-REG*", "SEQ-AREA"], "error")
        assert load_policy(f"name: show\\nrules: {{rules}}", origin="show.yaml").levels["SEQ-AREA"]
    """
    line = [sys.executable, "-c", textwrap.dedent(program)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(line, cwd=staged, env=environment, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, f"a staged module needs one of LAPTOP_PARTS: stage that, too\n{done.stderr[-3000:]}"


def test_the_manifest_agrees_and_the_container_may_read_everything(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        stage(ROOT, tmp_path / "function")
    finally:
        os.umask(before)
    folder = tmp_path / "function"
    done = subprocess.run(["b2sum", "--check", "--quiet", MANIFEST], cwd=folder, check=False)
    assert done.returncode == 0
    listed = {line.split("  ")[1] for line in (folder / MANIFEST).read_text(encoding="utf-8").splitlines()}
    assert listed == names(folder) - {MANIFEST}
    assert {path.stat().st_mode & 0o777 for path in folder.rglob("*")} == {0o644, 0o755}
    assert folder.stat().st_mode & 0o777 == 0o755


def test_a_folder_of_its_own_is_replaced_and_an_empty_one_filled(tmp_path: Path) -> None:
    folder = tmp_path / "function"
    folder.mkdir()
    for _ in range(2):
        result = CliRunner().invoke(command, [str(folder)])
        assert result.exit_code == 0, result.output
        assert "vastde functions build" in result.output
    (folder / "exr_inspector" / "__pycache__").mkdir()
    (folder / "exr_inspector" / "__pycache__" / "errors.cpython-311.pyc").write_bytes(b"compiled")
    stage(ROOT, folder)
    assert not (folder / "exr_inspector" / "__pycache__").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["function"]


@pytest.mark.parametrize("change", ["foreign", "edited", "link", "only-foreign"])
def test_a_folder_with_anything_else_is_refused_and_left_alone(tmp_path: Path, change: str) -> None:
    folder = tmp_path / "function"
    if change == "only-foreign":
        folder.mkdir()
    else:
        stage(ROOT, folder)
    name = {"edited": "main.py", "link": "link"}.get(change, "notes.txt")
    if change == "link":
        (folder / name).symlink_to(ROOT / "main.py")
    else:
        (folder / name).write_text("mine\n", encoding="utf-8")
    before = names(folder)
    with pytest.raises(PackageError, match=name):
        stage(ROOT, folder)
    assert names(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["function"]


def test_places_where_no_folder_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    for place, words in (
        (tmp_path / "none" / "function", "create it first"),
        (tmp_path / "file", "is not a folder"),
        (Path("/proc/package"), "cannot be written to"),
        (ROOT / "exr_inspector" / "build", "lies inside"),
        (ROOT, "did not write"),
    ):
        with pytest.raises(PackageError, match=words):
            stage(ROOT, place)
    with pytest.raises(PackageError, match="checkout"):
        stage(tmp_path, tmp_path / "function")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_failure_leaves_the_folder_as_it_was_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "function"
    stage(ROOT, folder)
    before = names(folder)
    monkeypatch.setattr(package, "README", "deploy/no-such-file")
    with pytest.raises(FileNotFoundError):
        stage(ROOT, folder)
    assert names(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["function"]
