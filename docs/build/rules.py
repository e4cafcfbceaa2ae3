"""Generate `docs/rules.md` from the rule registry."""

from __future__ import annotations

from exr_inspector.model import Severity
from exr_inspector.validation.policies.differences import differences
from exr_inspector.validation.registry import GROUPS, LEFT_OUT, RULES
from exr_inspector.validation.rule import severity_counts
from exr_inspector.validation.sources import SOURCES

_HEAD = """# Validation rules

Generated from the code by `./run docs`; edit the rules, not this file.

Severity is the rule's default; profiles and policies change it (see [policies.md](policies.md)). The column Profiles lists
the profiles in which a rule is off or has another severity.

Stage is what the rule needs: `header`; `table` (chunk offset tables, and chunk leaders if the settings request them); `pixels`
(statistics); `sequence` (several frames).

Rules about the structure of a file have no function of their own: `exr.conformance` or the reader finds these defects. A
defect that keeps the OpenEXR library from opening the file is always an error.

If a rule raises an exception, which is a bug, a finding `RULE-FAILED` (warning) reports it, and the other rules still run.
"""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def render() -> str:
    """Render the page."""
    lines = [_HEAD]
    counts = {severity: sum(rule.severity is severity for rule in RULES.values()) for severity in Severity}
    total = ", ".join(severity_counts(counts))
    lines.append(f"{len(RULES)} rules: {total}.\n")
    for group, title in GROUPS.items():
        rules = [rule for rule in RULES.values() if rule.group == group]
        lines.append(f"## {group}: {title}\n")
        lines.append("| Code | Severity | Stage | What must hold | Why | How to fix it | Profiles | Source |")
        lines.append("|---|---|---|---|---|---|---|---|")
        for rule in rules:
            cells = (
                f"`{rule.code}`",
                rule.severity.label,
                rule.stage.value,
                rule.title,
                rule.why,
                f"{rule.fix} `{rule.command}`" if rule.command else rule.fix,
                differences(rule),
                rule.source,
            )
            lines.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
        lines.append("")
    lines.append("## Left out\n")
    lines.append("Rules that were considered and not implemented.\n")
    lines.append("| Code | Why |")
    lines.append("|---|---|")
    lines += [f"| `{code}` | {_cell(reason)} |" for code, reason in sorted(LEFT_OUT.items())]
    lines.append("\n## Limits\n")
    lines.append("Rules that check less than their title says.\n")
    lines.append("| Code | What is checked, and what is not |")
    lines.append("|---|---|")
    lines += [f"| `{rule.code}` | {_cell(rule.limits)} |" for rule in RULES.values() if rule.limits]
    lines.append("\n## Sources\n")
    lines.append("| Document | Where |")
    lines.append("|---|---|")
    lines += [f"| {name} | {_cell(where)} |" for name, where in SOURCES.items()]
    return "\n".join(lines) + "\n"
