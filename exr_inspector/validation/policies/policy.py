"""Policies: the rules that apply to each path, their severities and their parameters.

A policy is a stack of layers: the profile it extends (itself a policy file of this package), its own rules and parameters, then
those of every matching path entry, in order. `for_path` resolves the stack once for each set of matching entries. Policies are
immutable.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from exr_inspector.errors import PolicyError
from exr_inspector.model import Severity
from exr_inspector.texts import did_you_mean
from exr_inspector.validation.frames import COMPARED_ATTRIBUTES
from exr_inspector.validation.policies.file import PROFILES, PolicyFile, parse_policy
from exr_inspector.validation.policies.globs import glob_pattern
from exr_inspector.validation.policies.plan import RulePlan, make_plan
from exr_inspector.validation.registry import RULES, Parameters


@dataclass(frozen=True, slots=True)
class PolicyLayer:
    """Rules, as (code or glob, level) in the order of the file, and the parameters that one layer of a policy sets."""

    rules: tuple[tuple[str, str], ...]
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PathLayer:
    """A layer for some paths.

    Attributes:
        patterns: Expressions of which one must match the whole path.
        extends: Profile to start from; None for the policy's own.
        layer: Rules and parameters that override those of earlier layers.
    """

    patterns: tuple[re.Pattern[str], ...]
    extends: str | None
    layer: PolicyLayer


@dataclass(frozen=True, slots=True, eq=False)
class ResolvedPolicy:
    """A policy resolved for one path.

    Attributes:
        label: Name and version of the policy, as stored in rows.
        levels: Rule code -> severity that the policy sets, None for the rule's own; rules that are off are absent.
        parameters: Values that rules compare with.
        plan: The execution plan of these rules for the engine.
    """

    label: str
    levels: Mapping[str, Severity | None]
    parameters: Parameters
    plan: RulePlan

    def severity_of(self, code: str) -> Severity | None:
        """The severity of a violation of a rule; None if the rule is off."""
        if code not in self.levels:
            return None
        return self.levels[code] or RULES[code].severity


@dataclass(frozen=True, slots=True, eq=False)
class Policy:
    """A loaded policy.

    Attributes:
        name: Its name.
        version: Its version.
        origin: Path, URL or profile that it was loaded from.
        extends: Profile it extends; None to start from all rules with their own severities.
        layer: Its own rules and parameters.
        paths: Exceptions by path.
        python_origin: The `origin` of the rules of its Python file; empty without one.
    """

    name: str
    version: str
    origin: str
    extends: str | None
    layer: PolicyLayer
    paths: tuple[PathLayer, ...]
    python_origin: str = ""

    @property
    def label(self) -> str:
        """Name and version, as stored in rows: `name@version`."""
        return f"{self.name}@{self.version}"

    @property
    def levels(self) -> Mapping[str, Severity | None]:
        """The levels for paths that match no path entry, as in `ResolvedPolicy`."""
        return _resolve(self, ()).levels

    @property
    def compared_attributes(self) -> frozenset[str]:
        """The attributes of the first part whose values rules compare between the frames of a sequence."""
        resolved = [_resolve(self, ()), *(_resolve(self, (index,)) for index in range(len(self.paths)))]
        demands = [demand for each in resolved for demand in each.parameters.attributes or ()]
        return COMPARED_ATTRIBUTES.union(demand.name for demand in demands if demand.steady)

    def for_path(self, path: str) -> ResolvedPolicy:
        """Resolve the policy for the path `<bucket>/<key>`; of a local file, `file:/<path>`, from any of its folders on."""
        if not self.paths:
            return _resolve(self, ())
        names = [path]
        if path.startswith(_LOCAL):
            folders = path.split("/")
            names += ["/".join(folders[start:]) for start in range(1, len(folders))]
        matching = tuple(
            i for i, entry in enumerate(self.paths) if any(p.fullmatch(name) for p in entry.patterns for name in names)
        )
        return _resolve(self, matching)


_LOCAL = "file:/"  # the beginning of the paths of local files, which name no bucket


def _layer(rules: Mapping[str, str], parameters: Parameters) -> PolicyLayer:
    given = {name: getattr(parameters, name) for name in parameters.model_fields_set}
    return PolicyLayer(tuple(rules.items()), given)


def _policy(parsed: PolicyFile, origin: str) -> Policy:
    paths = tuple(
        PathLayer(tuple(map(glob_pattern, entry.match)), entry.extends, _layer(entry.rules, entry.parameters))
        for entry in parsed.paths
    )
    layer = _layer(parsed.rules, parsed.parameters)
    return Policy(parsed.name, parsed.version, origin, parsed.extends, layer, paths)


def load_policy(text: str, *, origin: str, folder: Path | None = None) -> Policy:
    """Load a policy from YAML text.

    Args:
        text: The file's text.
        origin: Path or URL of the file, for messages.
        folder: Folder of the file, for the Python rules that it may name; None if it is not a local file.

    Raises:
        PolicyError: The text is invalid; the message gives origin, line and key of every error.
    """
    parsed = parse_policy(text, origin=origin, folder=folder)
    policy = _policy(parsed, origin)
    if folder is None or parsed.python_rules is None:
        return policy
    return replace(policy, python_origin=str((folder / parsed.python_rules).resolve()))


@cache
def _builtin(name: str) -> Policy:
    text = (files("exr_inspector.validation") / "profiles" / f"{name}.yaml").read_text(encoding="utf-8")
    origin = f"profile {name}"
    policy = _policy(parse_policy(text, origin=origin, is_profile=True), origin)
    own = tuple((code, rule.profiles[name]) for code, rule in RULES.items() if name in rule.profiles)
    return replace(policy, layer=PolicyLayer((*policy.layer.rules, *own), policy.layer.parameters))


def builtin_policy(name: str) -> Policy:
    """Load a profile of this package, one of PROFILES: its file, and the levels that rules define for it (`Rule.profiles`).

    Raises:
        PolicyError: There is no profile of this name.
    """
    if name not in PROFILES:
        near = did_you_mean(name, PROFILES, 1)
        hint = f"{near} The " if near else ""
        raise PolicyError(
            f"there is no profile {name!r}; {hint}profiles are {', '.join(PROFILES)}; files end in .yaml or are s3:// URLs"
        )
    return _builtin(name)


def _stack(extends: str | None) -> list[PolicyLayer]:
    """The layers of a profile, those of the profile that it extends first."""
    layers: list[PolicyLayer] = []
    while extends is not None:
        profile = _builtin(extends)
        layers.insert(0, profile.layer)
        extends = profile.extends
    return layers


@lru_cache(maxsize=512)
def _resolve(policy: Policy, matching: tuple[int, ...]) -> ResolvedPolicy:
    entries = [policy.paths[index] for index in matching]
    extends = next((entry.extends for entry in reversed(entries) if entry.extends), policy.extends)
    layers = [*_stack(extends), policy.layer, *(entry.layer for entry in entries)]
    levels: dict[str, Severity | None] = {
        code: None for code, rule in RULES.items() if rule.origin in {"", policy.python_origin}
    }
    known = tuple(levels)
    parameters: dict[str, Any] = {}
    for layer in layers:
        for pattern, level in layer.rules:
            _set(levels, known, pattern, level)
        parameters.update(layer.parameters)
    resolved = Parameters(**parameters)
    return ResolvedPolicy(policy.label, levels, resolved, make_plan(levels, resolved))


def _set(levels: dict[str, Severity | None], known: tuple[str, ...], pattern: str, level: str) -> None:
    for code in [pattern] if pattern in known else [code for code in known if fnmatchcase(code, pattern)]:
        if level == "off":
            levels.pop(code, None)
        else:
            levels[code] = None if level == "on" else Severity[level.upper()]
