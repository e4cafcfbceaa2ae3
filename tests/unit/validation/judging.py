"""Inspect and validate bytes for the tests of rules, with the real inspector on an object in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import yaml

from exr_inspector.inspector import Inspector, InspectorConfig, LeaderMode
from exr_inspector.model import Finding, Inspection, Severity, StatsMode
from exr_inspector.pixels.config import PixelConfig
from exr_inspector.settings import load_settings
from exr_inspector.storage import SourceOpener
from exr_inspector.validation import Policy, load_policy
from exr_inspector.validation.engine import RULE_FAILED
from tests.support.exrbytes import Channel, Part, build

RGBA = tuple(Channel(name) for name in "ABGR")
PLAIN = build([Part()])


@cache
def opener() -> SourceOpener:
    return SourceOpener(load_settings({}, secrets_dir=None))


@cache
def inspector(stats: StatsMode) -> Inspector:
    return Inspector(InspectorConfig(stats=stats, leaders=LeaderMode.ALL, pixels=PixelConfig(with_zeros=True)))


def policy(text: str = "", **parameters: Any) -> Policy:
    """Return a policy of every rule with its own severity and these parameters; or the policy of `text`."""
    return _loaded(text or yaml.safe_dump({"name": "test", "extends": None, "parameters": parameters}))


@cache
def _loaded(document: str) -> Policy:
    return load_policy(document, origin="test")


EVERYTHING = policy()


def inspect(
    data: bytes, *, key: str = "shot/beauty.1001.exr", stats: bool = False, by: Policy = EVERYTHING
) -> Inspection:
    mode = StatsMode.FULL if stats else StatsMode.OFF
    return inspector(mode).inspect(opener().open_bytes(data, key=key), by)


def judge(data: bytes, by: Policy = EVERYTHING, **how: Any) -> tuple[Finding, ...]:
    findings = inspect(data, by=by, **how).findings
    assert RULE_FAILED not in {finding.code for finding in findings}, findings
    return findings


def violations(code: str, data: bytes, by: Policy = EVERYTHING, **how: Any) -> list[Finding]:
    """The findings of one rule."""
    return [finding for finding in judge(data, by, **how) if finding.code == code]


@dataclass(frozen=True)
class Case:
    """One rule's failing and passing file.

    Attributes:
        code: The rule.
        bad: Breaks it.
        good: Has what the rule looks at, and keeps it.
        severity: What the finding must weigh, None for the rule's own severity.
        parameters: What the policy sets.
        stats: Whether pixels are read.
        keys: Key of the bad and of the good file.
    """

    code: str
    bad: bytes
    good: bytes = PLAIN
    severity: Severity | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    stats: bool = False
    keys: tuple[str, str] = ("shot/beauty.1001.exr", "shot/beauty.1001.exr")
