"""Imports point down: a module may import only what stands before it in the house of docs/architecture.md."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "exr_inspector"

# From the foundation to the roof. A package counts as one storey; its modules may import each other.
STOREYS = (
    "errors",
    "exr",
    "settings",
    "event_envelope",
    "events",
    "model",
    "sources",
    "sequences",
    "sampling",
    "distribution",
    "statistics",
    "decode_budget",
    "strips",
    "pixels",
    "validation",
    "inspector",
    "catalog",
    "telemetry",
    "policies",
    "assembly",
    "service",
    "ingest",
    "local",
    "cli",
)
# What a storey may import besides those below it: nothing above, and some not even all below.
ONLY = {"exr": {"errors"}}
# Storeys that may reach the outside: everything else is values in, values out.
PURE = (
    "exr",
    "model",
    "events",
    "event_envelope",
    "sampling",
    "statistics",
    "sequences",
    "catalog/row_groups.py",
    "catalog/rows.py",
    "catalog/schema.py",
)
OUTSIDE = {
    "os",
    "socket",
    "time",
    "logging",
    "requests",
    "urllib.request",
    "http",
    "obstore",
    "vastdb",
    "subprocess",
    "random",
}


def storey(name: str) -> str:
    """A module `settings_table` is a room of the storey `settings`."""
    first = name.split("_", maxsplit=1)[0]
    return first if first in STOREYS else name


def storey_of(path: Path) -> str:
    return (
        storey(path.relative_to(PACKAGE).parts[0].removesuffix(".py"))
        if path.name != "__init__.py" or path.parent != PACKAGE
        else "__init__"
    )


def modules() -> list[Path]:
    return [path for path in sorted(PACKAGE.rglob("*.py")) if storey_of(path) != "__init__"]


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def own_storeys(names: set[str]) -> set[str]:
    found = {storey(name.split(".")[1]) for name in names if name.startswith("exr_inspector.")}
    return {name for name in found if name in STOREYS}


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    storey = storey_of(path)
    assert storey in STOREYS, f"{path.name} stands in no storey: give it a place in STOREYS and in docs/architecture.md"
    allowed = ONLY.get(storey, set(STOREYS[: STOREYS.index(storey)])) | {storey}
    assert own_storeys(imports(path)) <= allowed


@pytest.mark.parametrize("pure", PURE)
def test_pure_storeys_reach_nothing_outside(pure: str) -> None:
    target = PACKAGE / pure
    paths = (
        sorted(target.rglob("*.py")) if target.is_dir() else [target if target.suffix else target.with_suffix(".py")]
    )
    assert paths
    for path in paths:
        names = imports(path)
        reached = {name for name in names if name in OUTSIDE or name.split(".")[0] in OUTSIDE}
        assert not reached, f"{path.relative_to(PACKAGE)} imports {reached}"


def test_only_main_knows_the_platform_runtime() -> None:
    for path in modules():
        assert not {name for name in imports(path) if name.split(".")[0] in {"vast", "vast_runtime"}}, path


def test_main_is_small_and_has_the_two_functions_the_build_looks_for() -> None:
    text = (ROOT / "main.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) < 80
    assert "\ndef init(ctx):\n" in text
    assert "\ndef handler(ctx, event):\n" in text


def test_every_storey_is_in_the_architecture_document() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert [storey for storey in STOREYS if f"`{storey}" not in text] == []


def test_the_top_level_holds_no_file_that_turns_the_build_to_another_buildpack() -> None:
    assert [name for name in ("pyproject.toml", "environment.yml", "Pipfile") if (ROOT / name).exists()] == []
