"""Imports go one way: the table of docs/architecture.md, no circle between modules, no foreign package where none belongs."""

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "exr_inspector"
PACKAGES = ("exr_inspector", "vastdb_local", "dataengine_local")

# From the lowest layer up: an entry of exr_inspector/ may import itself and the entries before it.
LAYERS = (
    "errors",
    "texts",
    "documents",
    "exr",
    "model",
    "deadline",
    "memory",
    "settings",
    "storage",
    "pixels",
    "validation",
    "sidecars",
    "inspector",
    "delivery",
    "catalog",
    "sync",
    "function",
    "ingest",
    "report",
    "library",
    "cli",
    "__init__",
)
# Entries that may not even import everything below them.
ONLY = {
    "errors": set(),
    "exr": {"errors"},
    "deadline": {"errors"},
    "memory": {"errors", "deadline"},
    "storage": {"errors", "model", "deadline", "settings"},
}
# The two local packages serve any VAST developer; only the library, the command line, tests and benchmarks know both sides.
MAY_IMPORT_LOCAL_PACKAGES = ("library", "cli")
# Pure modules: they do no I/O.
PURE = (
    "exr",
    "model",
    "function/events.py",
    "function/envelope.py",
    "pixels/sampling.py",
    "pixels/statistics.py",
    "storage/sequences.py",
    "catalog/rows/groups.py",
    "catalog/rows/build.py",
    "catalog/schema",
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


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


NAMES = {name_of(path): path for package in PACKAGES for path in modules(package)}


def _is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    """All statements, without those below `if TYPE_CHECKING`, which import nothing at run time."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr) or _is_for_types(child):
            continue
        yield child
        yield from _walk(child)


@cache
def imports(path: Path) -> frozenset[str]:
    """The modules that a file imports; of our own packages the module itself, never only its folder."""
    found: set[str] = set()
    for node in _walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in NAMES else node.module for name in inner}
    return frozenset(found)


def layer_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def layers(names: frozenset[str]) -> set[str]:
    own = [name.split(".") for name in names if name.split(".")[0] == PACKAGE.name]
    return {parts[1] if len(parts) > 1 else "__init__" for parts in own}


def entries() -> set[str]:
    """The entries of `exr_inspector/`: modules, and folders with modules."""
    return {layer_of(path) for path in modules("exr_inspector")}


def test_every_entry_has_its_layer() -> None:
    assert entries() <= set(LAYERS), "give it a place in LAYERS and in docs/architecture.md"


def test_imports_go_down() -> None:
    wrong = {}
    for path in modules("exr_inspector"):
        layer = layer_of(path)
        below = set(LAYERS[: LAYERS.index(layer)])
        # Every layer may import the version, which is all that `exr_inspector/__init__.py` defines at import.
        allowed = ONLY.get(layer, below | {"__init__"}) | {layer}
        if upwards := layers(imports(path)) - allowed:
            wrong[str(path.relative_to(PACKAGE))] = upwards
    assert not wrong


@pytest.mark.parametrize("package", PACKAGES)
def test_no_import_goes_in_a_circle(package: str) -> None:
    graph = {
        name_of(path): {name for name in imports(path) if name in NAMES and name != package}
        for path in modules(package)
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@pytest.mark.parametrize("package", ["vastdb_local", "dataengine_local"])
def test_local_packages_stand_alone(package: str) -> None:
    for path in modules(package):
        foreign = {name.split(".")[0] for name in imports(path)} & (set(PACKAGES) - {package})
        assert not foreign, f"{path.relative_to(ROOT)} imports {foreign}"


def test_only_library_and_command_line_know_the_local_packages() -> None:
    for path in modules("exr_inspector"):
        foreign = {name.split(".")[0] for name in imports(path)} & {"vastdb_local", "dataengine_local"}
        assert not foreign or layer_of(path) in MAY_IMPORT_LOCAL_PACKAGES, f"{path.relative_to(ROOT)} imports {foreign}"


@pytest.mark.parametrize("pure", PURE)
def test_pure_modules_reach_nothing_outside(pure: str) -> None:
    target = PACKAGE / pure
    paths = sorted(target.rglob("*.py")) if target.is_dir() else [target]
    assert paths
    for path in paths:
        reached = {name for name in imports(path) if name in OUTSIDE or name.split(".")[0] in OUTSIDE}
        assert not reached, f"{path.relative_to(PACKAGE)} imports {reached}"


def test_only_main_knows_the_platform_runtime() -> None:
    for path in modules("exr_inspector"):
        assert not {name for name in imports(path) if name.split(".")[0] in {"vast", "vast_runtime"}}, path


def test_main_is_small_and_has_the_two_functions_the_build_looks_for() -> None:
    text = (ROOT / "main.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) < 80
    assert "\ndef init(ctx):\n" in text
    assert "\ndef handler(ctx, event):\n" in text


def test_every_entry_is_in_the_architecture_document() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert [entry for entry in LAYERS if f"`{entry}" not in text] == []


def test_no_public_name_means_two_things() -> None:
    homes: dict[str, list[Path]] = {}
    aliases: dict[str, list[Path]] = {}
    for path in modules("exr_inspector"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                homes.setdefault(node.name, []).append(path)
            elif isinstance(node, ast.Assign):
                for target in node.targets:
                    aliases.setdefault(ast.unparse(target), []).append(path)
    del homes["command"]  # each module of cli/commands has one
    assert {name: paths for name, paths in homes.items() if len(paths) > 1} == {}
    assert {name: paths for name, paths in aliases.items() if name in homes} == {}, "aliases of other types"
