"""Generate `docs/failures.md` from failures.md of this folder and the `pytest.mark.failure` marks of the tests."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = Path(__file__).with_name("failures.md")
MARK = "pytest.mark.failure"


@dataclass(frozen=True, slots=True)
class Entry:
    """One failure: the case, its outcome, what the user does, and the test that proves it."""

    section: str
    case: str
    outcome: str
    action: str
    test: str

    def row(self) -> str:
        """The entry as a line of the section's table."""
        return f"| {self.case} | {self.outcome.replace('|', '` or `')} | {self.action} | `{self.test}` |"


def entries() -> list[Entry]:
    """All entries in the order of the tests, without duplicates."""
    texts = (path.read_text(encoding="utf-8") for path in sorted((ROOT / "tests").rglob("test_*.py")))
    found = [entry for text in texts if MARK in text for entry in _of(ast.parse(text))]
    return list(dict.fromkeys(found))


def _of(module: ast.Module) -> Iterator[Entry]:
    constants = {ast.unparse(node.targets[0]): node.value for node in module.body if isinstance(node, ast.Assign)}
    for test in module.body:
        if not isinstance(test, ast.FunctionDef):
            continue
        for part in (node for decorator in test.decorator_list for node in ast.walk(decorator)):
            node = constants.get(part.id, part) if isinstance(part, ast.Name) else part
            if isinstance(node, ast.Call) and ast.unparse(node.func) == MARK:
                section, case, outcome, action = (ast.literal_eval(argument) for argument in node.args)
                yield Entry(section, case, outcome, action, test.name)


def render() -> str:
    """Render the page."""
    text = TEMPLATE.read_text(encoding="utf-8")
    by_section: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries():
        by_section[entry.section].append(entry)
    for section, members in by_section.items():
        place = f"{{{{{section}}}}}\n"
        if text.count(place) != 1:
            raise ValueError(f"{members[0].test}: section {section} of its {MARK} is not in {TEMPLATE.name}")
        head = "| case | outcome | what to do | test |\n|---|---|---|---|\n"
        text = text.replace(place, head + "".join(entry.row() + "\n" for entry in members))
    return text
