"""The built-in profiles in which a rule has another level than its own."""

from __future__ import annotations

from collections.abc import Sequence

from exr_inspector.validation.policies.file import PROFILES
from exr_inspector.validation.policies.policy import builtin_policy
from exr_inspector.validation.rule import Rule


def differences(rule: Rule) -> str:
    """The profiles in which a rule is off or has another severity, as text."""
    words: dict[str, list[str]] = {}
    for name in PROFILES:
        levels = builtin_policy(name).for_path("").levels
        forced = levels.get(rule.code)
        if rule.code not in levels:
            words.setdefault("off", []).append(name)
        elif forced is not None and forced is not rule.severity:
            words.setdefault(forced.label, []).append(name)
    return "; ".join(f"{level}: {_profiles(names)}" for level, names in words.items())


def _profiles(names: Sequence[str]) -> str:
    if len(names) == len(PROFILES):
        return "all"
    lacking = [name for name in PROFILES if name not in names]
    return f"all but {', '.join(lacking)}" if len(lacking) <= 2 else ", ".join(names)
