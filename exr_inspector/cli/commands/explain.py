"""Rules as people want them explained: what they ask for, why, and where that comes from."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from exr_inspector.validation import RULES
from exr_inspector.validation.engine import RULE_FAILED
from exr_inspector.validation.rule import Rule

# Codes that findings have and no rule.
OTHERS = {
    RULE_FAILED: "A rule raised an error, which is a bug in exr-inspector and no fault of the file. The other rules were run."
}


def explanation(rule: Rule) -> str:
    """What must hold, why, where that comes from, and how to fix a violation."""
    command = f" Command: {rule.command}" if rule.command else ""
    return f"{rule.title}. {rule.why} ({rule.source}) Fix: {rule.fix}{command}"


def explain(codes: Iterable[str], console: Console) -> None:
    """Print what the rules of these codes ask for and why, once each."""
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
