"""`docs/failures.md` tells nothing that no test proves."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from exr_inspector import errors

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "failures.md").read_text(encoding="utf-8")


def known_tests() -> set[str]:
    found: set[str] = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    return found


def test_every_test_that_is_named_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", TEXT))
    assert len(named) > 30
    assert named <= known_tests(), named - known_tests()


def test_every_row_of_a_table_names_a_test() -> None:
    rows = [line for line in TEXT.splitlines() if line.startswith("|") and not line.startswith(("|---", "| case"))]
    assert len(rows) > 40
    assert [row for row in rows if not re.search(r"`test_\w+` \|$", row)] == []


def test_every_code_that_is_told_exists() -> None:
    codes = {cls.code for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, Exception)}
    told = {code for code in re.findall(r"`([A-Z][A-Z_]{3,})`", TEXT) if not code.startswith("EXR_DEADLINE")}
    assert told <= codes, told - codes
