"""`./run rules`: lists and explains rules."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from exr_inspector.cli.options import policy_option
from exr_inspector.cli.output.explain import OTHERS
from exr_inspector.cli.output.tables import severity_text
from exr_inspector.cli.output.terminal import echo_json, output
from exr_inspector.documents import csv_cell, json_document
from exr_inspector.library.reading import settings_for
from exr_inspector.texts import did_you_mean
from exr_inspector.validation import RULES, ResolvedPolicy
from exr_inspector.validation.policies.differences import differences
from exr_inspector.validation.policies.schema import json_schema
from exr_inspector.validation.policies.source import PolicySource
from exr_inspector.validation.registry import GROUPS, LEFT_OUT
from exr_inspector.validation.rule import Rule
from exr_inspector.validation.sources import where_is


def _codes(_: click.Context, __: click.Parameter, prefix: str) -> list[str]:
    return [code for code in (*RULES, *GROUPS) if code.startswith(prefix.upper())]


@click.command("rules")
@click.argument("codes", nargs=-1, metavar="[CODE|GROUP|PATTERN]...", shell_complete=_codes)
@policy_option
@click.option(
    "--path", default="", help="Show the severities for this path (`bucket/key`), if the policy has path entries."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "csv", "json"]),
    default="text",
    show_default=True,
    help="text lists all rules in a table and explains those that are named; the others have all fields of each.",
)
@click.option("--schema", is_flag=True, help="Print the JSON schema of policy files.")
def command(codes: tuple[str, ...], *, policy: str, path: str, form: str, schema: bool) -> None:
    """List the rules, or explain some: what must hold, why, how to fix it, and the source.

    \b
    Examples:
      ./run rules
      ./run rules CMP-DWA-NAMES
      ./run rules 'CMP-*' --format csv
      ./run rules CRY --policy show.yaml --path renders/shot010/comp.1001.exr
      ./run rules --policy show.yaml --format csv > rules.csv
    """
    if schema:
        echo_json(json_document(json_schema(), indent=2))
        return
    console = output()
    resolved = PolicySource.from_settings(settings_for([policy], stats=None), policy).current().for_path(path)
    if form != "text":
        rules = [rule for code in codes for rule in _named(code.upper())] if codes else [*RULES.values()]
        _print_records([_record(rule, resolved) for rule in dict.fromkeys(rules)], form)
        return
    if not codes:
        console.print(_table(RULES.values(), resolved))
        for column, names in resolved.parameters.attribute_map.items():
            console.print(f"column {column} from attribute {', '.join(names)}", markup=False, soft_wrap=True)
        return
    for code in codes:
        _explain(code.upper(), resolved, console)


def _table(rules: Iterable[Rule], policy: ResolvedPolicy) -> Table:
    table = Table(box=None, padding=(0, 2), pad_edge=False, header_style="dim")
    for heading in ("code", policy.label, "stage"):
        table.add_column(heading, no_wrap=True)
    table.add_column("what must hold", overflow="fold")
    for rule in rules:
        table.add_row(rule.code, _level(rule, policy), rule.stage.value, Text(rule.title))
    return table


def _named(code: str) -> list[Rule]:
    """The rule of this code, or the rules of this group, or those whose codes match this pattern.

    Raises:
        click.UsageError: There is none.
    """
    found = [rule for rule in RULES.values() if code == rule.group or fnmatchcase(rule.code, code)]
    if not found:
        raise click.UsageError(f"there is no rule {code}: {_hint(code)}")
    return found


def _hint(code: str) -> str:
    part = f"did you mean '*{code}*'?" if any(code in each for each in RULES) else "`rules` without a code lists all"
    return did_you_mean(code, [*RULES, *LEFT_OUT]) or part


def _record(rule: Rule, policy: ResolvedPolicy) -> dict[str, str]:
    """All fields of a rule as text; `severity` is that of the policy, or `off`."""
    severity = policy.severity_of(rule.code)
    return {
        "code": rule.code,
        "group": rule.group,
        "severity": "off" if severity is None else severity.label,
        "default_severity": rule.severity.label,
        "stage": rule.stage.value,
        **{name: getattr(rule, name) or "" for name in ("title", "why", "fix", "command", "limits", "source")},
    }


def _print_records(records: Sequence[dict[str, str]], form: str) -> None:
    if form == "json":
        echo_json(json_document(records, indent=2))
        return
    writer = csv.DictWriter(sys.stdout, records[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: csv_cell(text) for name, text in record.items()} for record in records)


def _level(rule: Rule, policy: ResolvedPolicy) -> Text:
    severity = policy.severity_of(rule.code)
    return Text("off", style="dim") if severity is None else severity_text(severity)


def _explain(code: str, policy: ResolvedPolicy, console: Console) -> None:
    if code in GROUPS or "*" in code or "?" in code:
        console.print(_table(_named(code), policy))
        return
    if code in LEFT_OUT:
        console.print(f"{code} is not checked: {LEFT_OUT[code]}", markup=False, soft_wrap=True)
        return
    if code in OTHERS:
        console.print(f"{code}: {OTHERS[code]}", markup=False, soft_wrap=True)
        return
    rule = _named(code)[0]
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("code", Text(rule.code, style="bold"))
    table.add_row(policy.label, _level(rule, policy))
    different = differences(rule)
    table.add_row("severity", rule.severity.label + (f" ({different})" if different else ""))
    table.add_row("stage", rule.stage.value)
    table.add_row("what", Text(rule.title))
    table.add_row("why", Text(rule.why))
    table.add_row("fix", Text(rule.fix))
    if rule.command:
        table.add_row("command", Text(rule.command))
    if rule.limits:
        table.add_row("limits", Text(rule.limits))
    table.add_row("source", Text("\n".join(map(_with_address, rule.source.split("; ")))))
    console.print(table)


def _with_address(source: str) -> str:
    address = where_is(source)
    return f"{source}: {address}" if address else source
