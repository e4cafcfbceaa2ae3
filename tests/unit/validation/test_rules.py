"""Every rule has a file that breaks it and one that does not; damaged files have errors, valid ones have none."""

from __future__ import annotations

import re
from importlib import import_module
from pkgutil import iter_modules

import pytest
import yaml

from exr_inspector.exr.problems import ProblemKind
from exr_inspector.model import Severity
from exr_inspector.validation import RULES, Policy
from exr_inspector.validation.rule import Remedy, Rule, Scope, Stage
from exr_inspector.validation.sources import where_is
from tests.unit.validation import cases
from tests.unit.validation.judging import PLAIN, Case, judge, policy

# module of rules -> its cases
BY_MODULE = {
    module.name: import_module(f"{cases.__name__}.{module.name}").CASES
    for module in iter_modules(cases.__path__)
    if not module.ispkg
}
CASES = [case for members in BY_MODULE.values() for case in members]
# The inspector rebuilds tables (tests/contract/test_inspector.py); samples are in test_sampled.py.
ELSEWHERE = {"CHK-REBUILDABLE", "PIX-UNREAD", "SEQ-STRAY"}
IDS = [f"{case.code}-{index}" for index, case in enumerate(CASES)]


def policy_of(case: Case) -> Policy:
    """A policy of every rule with the case's parameters, without rules that would report the same more specifically."""
    rules = dict.fromkeys(RULES[case.code].yields_to, "off")
    parameters = dict(case.parameters)
    return policy(yaml.safe_dump({"name": "test", "extends": None, "rules": rules, "parameters": parameters}))


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_rule_reports_the_bad_file_and_not_the_good_one(case: Case) -> None:
    by = policy_of(case)
    of_bad, of_good = (
        [finding for finding in judge(data, by, stats=case.stats, key=key) if finding.code == case.code]
        for data, key in zip((case.bad, case.good), case.keys, strict=True)
    )
    assert of_bad, "the bad file has no finding of the rule"
    assert max(finding.severity for finding in of_bad) == (case.severity or RULES[case.code].severity)
    assert all(finding.message for finding in of_bad)
    assert not any(re.search(r"\{[a-z_]\w*\}", finding.message) for finding in of_bad), "a placeholder is not filled"
    assert not of_good, "the good file has a finding of the rule"


def test_every_rule_has_a_case() -> None:
    single = {code for code, rule in RULES.items() if rule.scope is not Scope.SEQUENCE}
    assert {case.code for case in CASES} | ELSEWHERE == single


def test_plain_file_has_no_finding_beyond_its_missing_colour_tag() -> None:
    expected = {"COL-UNTAGGED", "DEL-NFX-NAM", "TIL-TEXTURE"}
    found = {finding.code for finding in judge(PLAIN, stats=True) if finding.severity is not Severity.INFO}
    assert found - expected <= {"PIX-FIREFLY"}


def test_every_rule_names_its_documents_and_how_to_fix_a_violation() -> None:
    for code, rule in RULES.items():
        for source in rule.source.split(";"):
            assert where_is(source.strip()), (code, source)
        assert rule.fix.endswith("."), code
        assert len(rule.fix) > 10, code
        assert rule.title[-1] != ".", code
        assert rule.command == "" or rule.command.split()[0] in {*TOOLS, "oiiotool"}, code


TOOLS = {
    "cp",
    "maketx",
    "exrcheck",
    "exr2aces",
    "exrmultipart",
    "exrmultiview",
    "exrmakepreview",
    "exrenvmap",
    "exrstdattr",
}


def test_every_kind_of_problem_has_one_rule() -> None:
    kinds = [rule.problem for rule in RULES.values() if rule.problem is not None]
    assert len(kinds) == len(set(kinds))
    assert set(kinds) == set(ProblemKind)


def test_cases_stand_in_the_file_of_their_rules_module() -> None:
    for module, members in BY_MODULE.items():
        rules = vars(import_module(f"exr_inspector.validation.rules.{module}"))
        own = {rule.code for rule in (*rules.values(), *rules.get("REPORTED", ())) if isinstance(rule, Rule)}
        assert {case.code for case in members} <= own, module


# Rules whose command converts the format but does not give the size that the rule requires.
OTHER_SIZE = {"WIN-SHOW-RES", "ENV-LATLONG", "DEL-FOX-EXR", "DEL-NFX-NAM"}


def remedy_of(rule: Rule) -> Remedy:
    """The remedy that the command of a rule is."""
    if "conv=notrunc" in rule.command:
        return Remedy.BYTES
    if rule.command.startswith("exrstdattr") or "--eraseattrib" in rule.command:
        return Remedy.EDIT
    is_conversion = "OUT.exr" in rule.command and rule.stage is not Stage.PIXELS and rule.code not in OTHER_SIZE
    return Remedy.CONVERSION if is_conversion else Remedy.NONE


def test_the_remedy_of_a_rule_is_what_its_command_does() -> None:
    rules = [rule for rule in RULES.values() if rule.command]
    assert {rule.code: rule.remedy for rule in rules} == {rule.code: remedy_of(rule) for rule in rules}


def test_a_rule_without_a_command_needs_another_name_a_render_or_what_its_fix_says() -> None:
    found: dict[Remedy, set[str]] = {}
    for code, rule in RULES.items():
        if not rule.command and rule.remedy is not Remedy.NONE:
            found.setdefault(rule.remedy, set()).add(code)
    assert found == {
        Remedy.NAME: {"SHOW-NAME", "DEL-NFX-NAMES", "DEL-NFX-TIMECODE"},
        Remedy.RENDER: {
            "SEQ-BLACK",
            "SEQ-CONSTANT",
            "SEQ-DUP",
            "SEQ-RES",
            "SEQ-CHANNELS",
            "SEQ-BUCKET",
            "SEQ-LAYER-BLACK",
        },
    }
