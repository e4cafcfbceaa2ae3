"""The execution plan of a resolved policy: the rules that are on and have their parameters, grouped by traits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from exr_inspector.model import Severity
from exr_inspector.validation.registry import RULES, Parameters
from exr_inspector.validation.rule import Rule, Scope, Stage


class Step(NamedTuple):
    """One rule of the plan, with the severity that the policy sets; None for the rule's own."""

    check: Any
    rule: Rule
    severity: Severity | None


RuleGroup = tuple[int, tuple[Step, ...]]


class RulePlan(NamedTuple):
    """Rules by scope and stage, each grouped by the traits that they need.

    Attributes:
        channels: Rules on the channel list of a part.
        parts: Rules on the header and offset table of a part.
        files: Rules on the headers and offset tables of a file.
        part_pixels: Rules on the pixel statistics of a part.
        file_pixels: Rules on the pixel statistics of a file.
        sequences: Rules on sequences.
    """

    channels: tuple[RuleGroup, ...]
    parts: tuple[RuleGroup, ...]
    files: tuple[RuleGroup, ...]
    part_pixels: tuple[RuleGroup, ...]
    file_pixels: tuple[RuleGroup, ...]
    sequences: tuple[Step, ...]


def _groups(steps: list[Step], parameters: Parameters) -> tuple[RuleGroup, ...]:
    found: dict[int, list[Step]] = {}
    for step in steps:
        when = step.rule.when
        found.setdefault(when if isinstance(when, int) else when(parameters), []).append(step)
    return tuple((mask, tuple(members)) for mask, members in found.items())


def make_plan(levels: Mapping[str, Severity | None], parameters: Parameters) -> RulePlan:
    """Create the plan of the rules in `levels` (those that are on) with these parameters."""
    steps: dict[tuple[Scope, bool], list[Step]] = {}
    for code, rule in RULES.items():
        if code not in levels or rule.check is None:
            continue
        if rule.needs and not any(getattr(parameters, name) for name in rule.needs):
            continue
        key = (rule.scope, rule.stage is Stage.PIXELS)
        steps.setdefault(key, []).append(Step(rule.check, rule, levels[code]))

    def groups(scope: Scope, *, pixels: bool) -> tuple[RuleGroup, ...]:
        return _groups(steps.get((scope, pixels), []), parameters)

    return RulePlan(
        groups(Scope.CHANNELS, pixels=False),
        groups(Scope.PART, pixels=False),
        groups(Scope.FILE, pixels=False),
        groups(Scope.PART, pixels=True),
        groups(Scope.FILE, pixels=True),
        tuple(steps.get((Scope.SEQUENCE, False), [])),
    )
