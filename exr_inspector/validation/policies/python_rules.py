"""Rules of Python files that policies name; only those that are files on this machine may."""

from __future__ import annotations

from dataclasses import replace
from inspect import signature
from pathlib import Path
from types import ModuleType

from exr_inspector.errors import PolicyError
from exr_inspector.model import Severity
from exr_inspector.validation.registry import RULES, add_rule, rules_of
from exr_inspector.validation.rule import Remedy, Rule


def add_rules_of_file(path: Path) -> str:
    """Add the rules of a Python file. They apply only to policies that name this file.

    Returns:
        The `origin` of these rules.

    Raises:
        PolicyError: The file cannot be executed, or a rule is not declared as rules are.
    """
    origin = str(path.resolve())
    try:
        module = ModuleType(f"exr_inspector_rules_{path.stem}")
        code = compile(path.read_bytes(), origin, "exec")
        exec(code, vars(module))  # noqa: S102 - the user's own file, named in the user's own local policy
    except Exception as error:
        raise PolicyError(f"{path}: {type(error).__name__}: {error}") from error
    for rule in rules_of(module):
        if not isinstance(rule.severity, Severity):
            raise PolicyError(
                f"{path}: the severity of {rule.code} is {rule.severity!r}, expected Severity.INFO, WARNING or ERROR"
            )
        if not isinstance(rule.remedy, Remedy):
            raise PolicyError(
                f"{path}: the remedy of {rule.code} is {rule.remedy!r}, expected a Remedy, such as Remedy.EDIT"
            )
        if (fault := _wrong_parameters(rule)) is not None:
            raise PolicyError(f"{path}{fault}")
        known = RULES.get(rule.code)
        if known is not None and known.origin != origin:
            raise PolicyError(
                f"{path}: a rule is called {rule.code} already; choose a code of your own, such as SHOW-..."
            )
        add_rule(replace(rule, origin=origin))
    return origin


def _wrong_parameters(rule: Rule) -> str | None:
    """What is wrong with the parameters of a rule's function, with its line; None if it can be called."""
    if rule.check is None:
        return None
    try:
        signature(rule.check, follow_wrapped=False).bind(None, None)
    except TypeError:
        code = getattr(rule.check, "__code__", None)
        line = f":{code.co_firstlineno}" if code else ""
        subject = rule.scope.name.lower()
        return f"{line}: the function of {rule.code} must take two arguments, ({subject}, parameters)"
    return None
