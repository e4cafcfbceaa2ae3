"""One meaning a public name: no class or function of the package has the name of another."""

from __future__ import annotations

import ast
from collections import defaultdict
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "exr_inspector"
# name -> why it may stand twice
ALLOWED = {
    "command": "every command's module calls its click command so (cli/__main__.py)",
}


def _is_rule(path: Path) -> bool:
    """Rules are found by their codes, never by the names of their functions."""
    return path.is_relative_to(PACKAGE / "validation" / "rules")


@cache
def public_names() -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if not isinstance(node, (ast.ClassDef, ast.FunctionDef)) or node.name.startswith("_"):
                continue
            if not (_is_rule(path) and isinstance(node, ast.FunctionDef)):
                found[node.name].append(path.relative_to(ROOT).as_posix())
    return found


def test_no_public_name_stands_twice() -> None:
    twice = {name: places for name, places in public_names().items() if len(places) > 1 and name not in ALLOWED}
    assert twice == {}


def test_every_exception_is_needed() -> None:
    names = public_names()
    assert [name for name in ALLOWED if len(names.get(name, [])) < 2] == []
