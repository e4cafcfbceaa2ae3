"""Explains rules: what must hold, why, how to fix a violation, and the source."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from exr_inspector.validation import RULES
from exr_inspector.validation.engine import RULE_FAILED
from exr_inspector.validation.rule import Rule

# Codes of findings that are not rules.
OTHERS = {
    RULE_FAILED: "A rule raised an error. This is a bug in exr-inspector, not a fault of the file. Other rules were checked."
}


def explanation(rule: Rule) -> str:
    """One paragraph about a rule."""
    command = f" Command: {rule.command}" if rule.command else ""
    return f"Must hold: {rule.title}. Why: {rule.why} Source: {rule.source}. Fix: {rule.fix}{command}"


def explain(codes: Iterable[str], console: Console) -> None:
    """Print an explanation of each of these codes, once."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for code in sorted(set(codes)):
        rule = RULES.get(code)
        words = explanation(rule) if rule else OTHERS.get(code)
        if words:
            table.add_row(code, Text(words))
    if table.row_count:
        console.print()
        console.print(table)
