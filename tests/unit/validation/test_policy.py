"""Policies: layers, globs over codes and paths, errors with their line, and the documents generated from the code."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from exr_inspector.errors import PolicyError
from exr_inspector.model import Severity
from exr_inspector.validation import PROFILES, RULES, Policy, builtin_policy, load_policy
from exr_inspector.validation.policies.schema import json_schema
from exr_inspector.validation.registry import GROUPS, LEFT_OUT, OF_IMAGES, rules_of
from exr_inspector.validation.rules import black_areas
from tests.support.exrbytes import DWAA, Channel, Part, build
from tests.unit.validation.judging import PLAIN, judge, violations

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "deploy" / "policy.example.yaml"


def load(text: str) -> Policy:
    return load_policy(text, origin="show.yaml")


def fault(text: str) -> str:
    with pytest.raises(PolicyError) as caught:
        load(text)
    assert caught.value.code == "POLICY"
    return str(caught.value)


@pytest.mark.parametrize("name", PROFILES)
def test_profiles_load_and_judge(name: str) -> None:
    policy = builtin_policy(name)
    assert policy.label == f"{name}@1"
    assert policy.for_path("b/k").levels
    assert all(finding.code in RULES for finding in judge(PLAIN, policy))


def test_an_unknown_profile_is_an_error_that_lists_them() -> None:
    with pytest.raises(PolicyError, match="default, strict"):
        builtin_policy("loose")


def test_levels_lie_over_each_other() -> None:
    resolved = load(
        """
name: show
version: 2.1
extends: comp
rules: {"WIN-*": info, WIN-SHOW-RES: error, "COL-*": off, COL-UNTAGGED: on}
parameters: {show_resolution: [4, 3]}
"""
    ).for_path("b/k")
    assert resolved.label == "show@2.1"
    assert resolved.severity_of("WIN-CROPPED") is Severity.INFO
    assert resolved.severity_of("WIN-SHOW-RES") is Severity.ERROR
    assert resolved.severity_of("COL-SHOW-SPACE") is None
    assert resolved.severity_of("COL-UNTAGGED") is RULES["COL-UNTAGGED"].severity
    assert resolved.severity_of("TIL-NOT-TEXTURE") is Severity.WARNING  # of the profile
    assert resolved.parameters.show_resolution == (4, 3)
    assert resolved.parameters.beauty_pixel_type == "HALF"  # of the profile


PATHS = """
name: shows
parameters: {frame_rate: 24}
paths:
  - {match: "renders/**", rules: {COL-UNTAGGED: error}, parameters: {frame_rate: 25}}
  - {match: ["renders/*/plates/**", "plates/**/a?.exr"], extends: archive, parameters: {max_deep_samples: 9}}
"""


@pytest.mark.parametrize(
    ("path", "rate", "samples", "lossy", "tag"),
    [
        ("other/x.exr", 24, 1000, None, Severity.INFO),
        ("renders/x.exr", 25, 1000, None, Severity.ERROR),
        ("renders/nova/plates/s/x.exr", 25, 9, Severity.ERROR, Severity.ERROR),
        ("renders/nova/old/plates/x.exr", 25, 1000, None, Severity.ERROR),
        ("plates/a1.exr", 24, 9, Severity.ERROR, Severity.WARNING),
        ("plates/b/c/a1.exr", 24, 9, Severity.ERROR, Severity.WARNING),
        ("plates/b/c/a12.exr", 24, 1000, None, Severity.INFO),
        ("Renders/x.exr", 24, 1000, None, Severity.INFO),
        ("file:/jobs/renders/x.exr", 25, 1000, None, Severity.ERROR),
        ("jobs/renders/x.exr", 24, 1000, None, Severity.INFO),
    ],
)
def test_path_entries_apply_to_matching_paths(
    path: str, rate: float, samples: int, lossy: Severity | None, tag: Severity
) -> None:
    resolved = load(PATHS).for_path(path)
    assert resolved.parameters.frame_rate == rate
    assert resolved.parameters.max_deep_samples == samples
    assert resolved.severity_of("CMP-LOSSY-MASTER") is lossy
    assert resolved.severity_of("COL-UNTAGGED") is tag


def test_equal_paths_share_one_plan() -> None:
    policy = load(PATHS)
    assert policy.for_path("renders/a.exr") is policy.for_path("renders/b.exr")
    assert policy.for_path("renders/a.exr") is not policy.for_path("x/b.exr")


def test_forced_severity_covers_every_degree() -> None:
    policy = load("name: x\nextends: null\nrules: {STR-MAGIC: info}")
    (finding,) = violations("STR-MAGIC", b"no exr at all", policy)
    assert finding.severity is Severity.INFO


def test_a_rule_that_is_off_reports_nothing() -> None:
    assert judge(b"no exr at all", load("name: x\nrules: {STR-MAGIC: off}")) == ()


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("name: x\nrules:\n  CMP-DWA-NAME: off\n", "show.yaml:3: rules.CMP-DWA-NAME: .*CMP-DWA-NAMES"),
        ("name: x\nrules:\n  STR-MAGIC: loud\n", "show.yaml:3: rules.STR-MAGIC"),
        ("name: x\nparameters:\n\n  codecs: [ZIP, LZW]\n", "show.yaml:4: parameters.codecs.1"),
        ("name: x\nparameters: {frame_rte: 24}\n", "show.yaml:2: parameters.frame_rte"),
        ("name: x\nextends: strictest\n", "show.yaml:2: extends"),
        ("version: 1\n", "show.yaml:1: name"),
        ("name: x\npaths:\n  - rules: {}\n", "show.yaml:3: paths.0.match"),
        ("name: x\npaths:\n  - match: a\n    rules: {X-Y: off}\n", "show.yaml:4: paths.0.rules.X-Y"),
        ("name: x\nname: y\n", "show.yaml:2: name: duplicate key"),
        ("name: [x\n", "show.yaml:2: "),
        ("- a\n- b\n", "show.yaml:1: a policy is a mapping"),
        ("name: &n x\ndescription: *n\n", "show.yaml:2: aliases"),
        ("name: x\nrules: {'ABC-*': off}\n", "show.yaml:2: "),
    ],
)
def test_errors_name_line_and_key(text: str, where: str) -> None:
    assert re.search(where, fault(text)), fault(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name: 5", "name: must be text, not 5"),
        ("name: x\nextends: 3", "extends: must be 'default'"),
        ("name: x\nrules: []", "rules: must be a mapping of keys"),
        ("name: x\nrules: {PIX-NAN: 3}", "rules.PIX-NAN: must be 'off'"),
        ("name: x\npaths: 7", "paths: must be a list, not 7"),
        ("name: x\nparameters: {show_resolution: wide}", "parameters.show_resolution: must be a list"),
        ("name: x\nparameters: {frame_rate: '24'}", "parameters.frame_rate: must be a number, not '24'"),
        ("name: x\nparameters: {codecs: ZIP}", "parameters.codecs: must be a list"),
        ("name: x\nparameters: {attributes: {name: a}}", "parameters.attributes: must be a list"),
        (
            "name: x\nparameters: {attributes: [{name: a, type: 3}]}",
            "parameters.attributes.0.type: must be text, not 3",
        ),
        ("name: x\nparameters: {attribute_map: [a]}", "parameters.attribute_map: must be a mapping of keys"),
        ("name: x\nparameters: {frame_range: [1]}", "parameters.frame_range.1: is required"),
    ],
)
def test_a_value_of_the_wrong_type_is_one_error_that_says_what_it_must_be(text: str, expected: str) -> None:
    (line,) = fault(text).splitlines()
    assert expected in line


def test_all_errors_at_once() -> None:
    lines = fault("name: x\nextends: nothing\nparameters: {frame_rate: -1}\n").splitlines()
    assert len(lines) == 2


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: raw.decode("latin-1")))
def test_any_text_loads_or_is_a_policy_error(text: str) -> None:
    try:
        load(text)
    except PolicyError:
        return
    assert yaml.safe_load(text)["name"]


def test_deep_nesting_is_an_error() -> None:
    assert "nested" in fault("name: x\nparameters: " + "[" * 40 + "]" * 40)
    assert "POLICY" not in fault("x: " + "[" * 5000)


@pytest.mark.slow
def test_example_and_schema() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    schema = json.loads((ROOT / "deploy" / "policy.schema.json").read_text(encoding="utf-8"))
    assert schema == json_schema(), "run ./run docs"
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(yaml.safe_load(text), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"name": "x", "parameters": {"frame_rte": 24}}, schema)
    plates = load_policy(text, origin="example").for_path("renders/nova/s1/plates/x.exr")
    assert plates.severity_of("DEL-NFX-FORMAT") is Severity.ERROR
    assert plates.parameters.show_resolution == (4096, 2160)


def test_registry_is_sound() -> None:
    assert {rule.group for rule in RULES.values()} == set(GROUPS)
    assert not LEFT_OUT.keys() & RULES.keys()
    assert {rule.code for rule in rules_of(black_areas)} == OF_IMAGES
    for rule in RULES.values():
        assert rule.title
        assert rule.why
        assert rule.source
        assert rule.fix[-1] == "."
        assert rule.profiles.keys() <= set(PROFILES)
        assert "common practice" not in rule.source
        assert rule.title[-1] != "."
        assert rule.why[-1] == "."


def test_the_later_extends_wins() -> None:
    policy = load(
        "name: x\npaths:\n  - {match: '**', extends: archive}\n  - {match: 'plates/**', extends: comp}\n"
        "  - {match: 'plates/old/**', rules: {STR-MAGIC: info}}\n"
    )
    archive, comp = ("CMP-LOSSY-MASTER", "TIL-NOT-TEXTURE")
    assert policy.for_path("renders/a.exr").severity_of(archive) is Severity.ERROR
    for path in ("plates/a.exr", "plates/old/a.exr"):
        assert policy.for_path(path).severity_of(archive) is None
        assert policy.for_path(path).severity_of(comp) is Severity.WARNING


@pytest.mark.parametrize("level", ["info", "warning", "error"])
def test_a_policys_severity_wins_over_a_graded_one(level: str) -> None:
    graded = build([Part(channels=[Channel("RY")])])  # chroma alone raises the severity of a rule from warning to error
    (own,) = violations("CHN-LUMA-CHROMA", graded)
    assert own.severity is Severity.ERROR
    policy = load(f"name: x\nextends: null\nrules: {{CHN-LUMA-CHROMA: {level}}}")
    (finding,) = violations("CHN-LUMA-CHROMA", graded, policy)
    assert finding.severity.label == level


@pytest.mark.slow
def test_netflix_archival_masters_are_camera_native_linear_and_numbered_by_time_code() -> None:
    policy = builtin_policy("netflix-nam")
    resolved = policy.for_path("nam/show.0086400.exr")
    assert resolved.parameters.minimum_resolution == (3840, 2160)
    assert resolved.parameters.colour_space is None
    large = build([Part(data_window=(0, 0, 3839, 2159), channels=[Channel(c) for c in "BGR"])])
    codes = {f.code for f in judge(large, policy, key="nam/show.0086400.exr") if f.severity > Severity.INFO}
    assert not codes & {"DEL-NFX-NAM", "DEL-NFX-NAMES", "COL-UNTAGGED", "COL-SHOW-SPACE"}


def test_one_fact_is_reported_by_the_most_specific_rule() -> None:
    lossy = build([Part(compression=DWAA)])
    policy = load(
        "name: x\nextends: netflix-vfx\nparameters: {colour_space: lin_ap0_scene}\nrules: {COL-UNTAGGED: info}"
    )
    codes = [f.code for f in judge(lossy, policy)]
    assert "DEL-NFX-FORMAT" in codes
    assert "COL-SHOW-SPACE" in codes
    assert not {"CMP-LOSSY-MASTER", "CMP-SHOW-CODEC", "COL-UNTAGGED"} & set(codes)


def test_parts_that_repeat_a_name_make_one_finding_of_the_file() -> None:
    parts = [Part(name=f"p{n}", channels=[Channel(f"main layer {n}.R")]) for n in range(5)]
    (finding,) = violations("CHN-CHARS", build(parts))
    assert finding.part is None
    assert "parts 0-4" in finding.message
