"""A show's own rules: requirements of its policy for attributes and names, and its rules in Python."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
import yaml

from exr_inspector.errors import PolicyError
from exr_inspector.model import Severity
from exr_inspector.validation import (
    RULES,
    Policy,
    load_policy,
    registry,
    validate_file,
    validate_sequence,
)
from exr_inspector.validation.inspected_frames import frame_of_inspection
from exr_inspector.validation.policies.draft import draft_policy
from exr_inspector.validation.policies.schema import json_schema
from tests.support.exrbytes import Attr, Part, a_float, a_int, a_rational, a_string, build
from tests.unit.validation.judging import PLAIN, inspect, judge, violations

KEY = "nova/sh010/nova_sh010_comp_v003.1001.exr"
SHOW = """
name: nova
parameters:
  file_name: '[a-z0-9]+_sh\\d{3}_[a-z]+_v\\d{3}\\.\\d{4}\\.exr'
  attributes:
    - {name: show, type: string, value: nova, steady: true}
    - {name: shot, path: 'nova/(sh\\d+)/'}
    - {name: focal, minimum: 12, maximum: 200, required: false}
    - {name: department, one_of: [comp, light], severity: warning}
    - {name: take, pattern: 'T\\d+', required: false, severity: info}
    - {name: comments}
    - {name: framesPerSecond, value: 23.976, maximum: 23.976, required: false}
    - {name: shotId, minimum: 1000001, required: false}
    - {name: assetId, value: 2000001, required: false}
"""


def load(text: str = SHOW, folder: Path | None = None) -> Policy:
    return load_policy(text, origin="show.yaml", folder=folder)


def made(*changed: Attr) -> bytes:
    every = {
        attr.name: attr
        for attr in (
            a_string("show", "nova"),
            a_string("shot", "sh010"),
            a_string("department", "comp"),
            a_string("comments", "final"),
        )
    }
    every |= {attr.name: attr for attr in changed}
    return build([Part(extra=list(every.values()))])


def hits(data: bytes, key: str = KEY) -> list[tuple[str, Severity, str, str]]:
    findings = judge(data, load(), key=key)
    return [(f.code, f.severity, f.found, f.expected) for f in findings if f.code.startswith("SHOW-")]


E, W, I = Severity.ERROR, Severity.WARNING, Severity.INFO  # noqa: E741


def test_a_missing_attribute_is_named_as_the_file_has_it() -> None:
    policy = load("name: x\nparameters: {attributes: [{name: take}]}")
    findings = judge(build([Part(extra=[a_string("nuke/Take", "T1")])]), policy)
    assert "Attribute take is missing; the file has nuke/Take" in [finding.message for finding in findings]


def test_a_range_that_no_number_can_meet_is_refused() -> None:
    with pytest.raises(PolicyError, match="the minimum 5 is above the maximum 1"):
        load("name: x\nparameters: {attributes: [{name: a, minimum: 5, maximum: 1}]}")


def test_the_colour_space_of_a_show_may_have_its_common_name() -> None:
    tagged = build([Part(extra=[a_string("colorInteropID", "lin_ap1_scene")])])
    for name, hit in (("ACEScg", []), ("lin_ap1_scene", []), ("lin_rec709", ["lin_rec709_scene"])):
        policy = load(f"name: x\nparameters: {{colour_space: {name}}}")
        assert [f.expected for f in violations("COL-SHOW-SPACE", tagged, policy)] == hit


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ((), []),
        ((a_float("focal", 35), a_string("take", "T12"), a_rational("framesPerSecond", 24_000, 1001)), []),
        ((a_string("show", "vega"),), [("SHOW-ATTRIBUTE", E, "vega", "nova")]),
        ((a_int("show", 1),), [("SHOW-ATTRIBUTE", E, "of type int", "type string")]),
        ((a_string("shot", "sh020"),), [("SHOW-ATTRIBUTE", E, "sh020", "sh010")]),
        ((a_float("focal", 8),), [("SHOW-ATTRIBUTE", E, "8.0", "at least 12")]),
        ((a_float("focal", 400),), [("SHOW-ATTRIBUTE", E, "400.0", "at most 200")]),
        ((a_string("focal", "long"),), [("SHOW-ATTRIBUTE", E, "the text 'long'", "a number")]),
        ((a_string("focal", "35"),), [("SHOW-ATTRIBUTE", E, "the text '35'", "a number")]),
        ((a_string("show", ""),), [("SHOW-ATTRIBUTE", E, "an empty text", "nova")]),
        ((Attr("show", "string", b"nov\xe4"),), [("SHOW-ATTRIBUTE", E, r"nov\xe4", "nova")]),
        ((a_string("department", "anim"),), [("SHOW-ATTRIBUTE", W, "anim", "one of comp, light")]),
        ((a_string("take", "12"),), [("SHOW-ATTRIBUTE", I, "12", "text like T\\d+")]),
        ((a_string("comments", " "),), [("SHOW-ATTRIBUTE", E, "an empty text", "a text")]),
        ((a_rational("framesPerSecond", 24, 1),), [("SHOW-ATTRIBUTE", E, "24.0", "23.976")]),
        ((a_int("shotId", 1_000_001), a_int("assetId", 2_000_001)), []),
        ((a_int("shotId", 1_000_000),), [("SHOW-ATTRIBUTE", E, "1000000", "at least 1000001")]),
        ((a_int("assetId", 2_000_000),), [("SHOW-ATTRIBUTE", E, "2000000", "2000001")]),
    ],
)
def test_requirements_on_attributes_are_checked(
    changed: tuple[Attr, ...], expected: list[tuple[str, Severity, str, str]]
) -> None:
    assert hits(made(*changed)) == expected


def test_absent_attributes_and_a_wrong_name() -> None:
    found = hits(PLAIN, "nova/sh010/final.exr")
    assert sorted((code, what) for code, _, what, _ in found) == [
        *[("SHOW-ATTRIBUTE", "absent")] * 4,
        ("SHOW-NAME", "final.exr"),
    ]


def test_steady_attributes_over_a_sequence() -> None:
    frames = []
    for number in range(1001, 1006):
        data = made(a_string("show", "vega" if number == 1004 else "nova"))
        frame = frame_of_inspection(inspect(data, key=f"nova/sh010/a.{number}.exr"))
        assert frame is not None
        frames.append(frame)
    findings = validate_sequence(frames, load())
    (finding,) = [f for f in findings if f.code == "SHOW-STEADY"]
    assert "1004" in finding.message
    assert (finding.found, finding.expected) == ("vega", "nova")


def test_a_steady_attribute_that_changes_in_every_frame_is_one_finding() -> None:
    given = [frame_of_inspection(inspect(made(a_string("show", f"v{n}")), key=f"nova/a.{n}.exr")) for n in range(1, 9)]
    findings = validate_sequence([each for each in given if each], load())
    (finding,) = [f for f in findings if f.code == "SHOW-STEADY"]
    assert (len(finding.frames), "has 8 values: v" in finding.message) == (7, True)


def test_without_a_policy_these_rules_demand_nothing() -> None:
    assert not [f for f in judge(PLAIN) if f.code.startswith("SHOW-")]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("name: x\nparameters:\n  attributes:\n    - {nmae: show}\n", "show.yaml:4: parameters.attributes.0"),
        ("name: x\nparameters:\n  attributes:\n    - {name: a, pattern: '('}\n", "no regular expression"),
        ("name: x\nparameters:\n  attributes:\n    - {name: a, path: 'b/c'}\n", "exactly one group"),
        ("name: x\nparameters:\n  attribute_map: {host: a}\n", "parameters.attribute_map.host: must be 'software'"),
        ("name: x\nparameters:\n  attribute_map: {software: []}\n", "parameters.attribute_map.software"),
        ("name: x\nparameters:\n  attributes:\n    - {name: a, type: strng}\n", "of OpenEXR; did you mean string?"),
        (
            "name: x\nparameters:\n  attributes:\n    - {name: a, type: spectrum}\n",
            "show.yaml:4: parameters.attributes.0.type: no attribute type of OpenEXR; leave type out",
        ),
        ("name: x\npython_rules: ../rules.py\n", "show.yaml:2: python_rules"),
        ("name: x\npython_rules: rules.py\n", "files on this machine"),
    ],
)
def test_faults_are_reported_with_their_line(text: str, where: str) -> None:
    with pytest.raises(PolicyError, match=where.replace(".", r"\.")):
        load(text)


@pytest.mark.slow
def test_the_schema_covers_it() -> None:
    schema = json.loads(json.dumps(json_schema()))
    jsonschema.validate(yaml.safe_load(SHOW), schema)
    mapped = {"software": "nova/app", "render_seconds": ["nova/wall", "RenderTime"]}
    jsonschema.validate({"name": "x", "parameters": {"attribute_map": mapped}}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"name": "x", "parameters": {"attribute_map": {"host": "a"}}}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"name": "x", "parameters": {"attributes": [{"nmae": "show"}]}}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"name": "x", "parameters": {"attributes": [{"name": "show", "type": "strng"}]}}, schema)


@pytest.mark.parametrize(
    ("demand", "expected"),
    [
        ({"one_of": ["zip", "zips"]}, []),
        ({"value": 3}, []),
        ({"value": "PIZ"}, [("ZIP", "PIZ")]),
        ({"pattern": "ZIPS?"}, []),
    ],
)
def test_codes_are_compared_by_name_and_number(demand: dict[str, object], expected: list[tuple[str, str]]) -> None:
    text = yaml.safe_dump({"name": "nova", "parameters": {"attributes": [{"name": "compression"} | demand]}})
    findings = judge(build([Part(compression=3)]), load(text))
    assert [(f.found, f.expected) for f in findings if f.code == "SHOW-ATTRIBUTE"] == expected


OWN_RULE = """
from exr_inspector.model import Severity
from exr_inspector.validation.rule import Found, file_rule


@file_rule(
    "NOVA-CAMERA",
    Severity.WARNING,
    "Plates name their camera",
    why="Match-moving needs it.",
    source="Nova technical specification, page 3",
    fix="Write cameraModel.",
)
def camera(file, parameters):
    if "cameraModel" in file.header.parts[0].by_name:
        return ()
    return [Found("No cameraModel", "absent", "cameraModel", part=0)]
"""


@pytest.fixture
def _own_rules() -> Iterator[None]:
    known = dict(registry._RULES)
    yield
    registry._RULES.clear()
    registry._RULES.update(known)


@pytest.mark.usefixtures("_own_rules")
def test_rules_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN_RULE)
    policy = load("name: nova\npython_rules: own.py\nrules: {NOVA-CAMERA: error}\n", tmp_path)
    (finding,) = violations("NOVA-CAMERA", PLAIN, policy)
    assert (finding.severity, finding.found) == (Severity.ERROR, "absent")
    assert RULES["NOVA-CAMERA"].fix == "Write cameraModel."
    assert not violations("NOVA-CAMERA", PLAIN), "only policies that name the file have its rules"


@pytest.mark.usefixtures("_own_rules")
@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return file.hdr", "AttributeError"),
        ("return ['x']", "own.py:6: TypeError: it returned a list with a str, expected a list of Found"),
        ("return 'x'", "own.py:6: TypeError: it returned a str, expected a list of Found"),
        ("return Found('x')", "own.py:6: TypeError: it returned a Found, expected a list of Found"),
        ("return True", "own.py:6: TypeError: it returned a bool, expected a list of Found"),
        ("return [Found('x', severity='error')]", "TypeError: a severity is 'error', expected Severity.INFO"),
        ("yield Found(3)", "TypeError"),
    ],
)
def test_a_rule_of_ones_own_that_fails_lets_no_file_pass(tmp_path: Path, body: str, said: str) -> None:
    head = OWN_RULE[: OWN_RULE.index("def ")].replace("Severity.WARNING", "Severity.ERROR")
    (tmp_path / "own.py").write_text(f"{head}def camera(file, parameters):\n    {body}\n")
    policy = load("name: nova\npython_rules: own.py\n", tmp_path)
    (finding,) = [f for f in validate_file(inspect(PLAIN), policy) if f.code == "RULE-FAILED"]
    assert finding.severity is Severity.ERROR
    assert finding.message.startswith("Rule NOVA-CAMERA of your own failed")
    assert said in finding.message


@pytest.mark.usefixtures("_own_rules")
def test_a_rule_of_ones_own_may_have_a_decorator(tmp_path: Path) -> None:
    decorator = """
from functools import wraps


def on_files(check):
    @wraps(check)
    def checked(file, parameters):
        return check(file)
    return checked
"""
    text = OWN_RULE.replace("(file, parameters)", "(file)").replace("def camera", "@on_files\ndef camera")
    (tmp_path / "own.py").write_text(decorator + text)
    policy = load("name: nova\npython_rules: own.py\n", tmp_path)
    assert "NOVA-CAMERA" in {finding.code for finding in validate_file(inspect(PLAIN), policy)}


@pytest.mark.usefixtures("_own_rules")
@pytest.mark.parametrize(
    "text",
    [
        "raise ValueError('no')",
        "def (",
        OWN_RULE.replace("NOVA-CAMERA", "STR-MAGIC"),
        OWN_RULE.replace("Severity.WARNING", "'warning'"),
        OWN_RULE.replace("    why=", "    remedy='edit',\n    why="),
        OWN_RULE.replace("(file, parameters)", "(file)"),
        OWN_RULE.replace("(file, parameters)", "(file, parameters, more)"),
    ],
)
def test_files_that_make_no_rules(tmp_path: Path, text: str) -> None:
    (tmp_path / "own.py").write_text(text)
    with pytest.raises(PolicyError, match=r"own\.py"):
        load("name: nova\npython_rules: own.py\n", tmp_path)


def test_a_file_of_rules_that_is_not_there_is_named_with_the_line_that_names_it(tmp_path: Path) -> None:
    text = "name: nova\npython_rules: own.py\nrules: {NOVA-X: error}\nextends: no\n"
    with pytest.raises(PolicyError, match=r"^show\.yaml:2: python_rules: .*own\.py\nshow\.yaml:4: extends: [^\n]*$"):
        load(text, tmp_path)


def test_a_file_name_of_rules_that_is_too_long_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"^show\.yaml:2: python_rules: .*200 characters"):
        load(f"name: nova\npython_rules: {'x' * 300}.py\n", tmp_path)


def test_a_draft_holds_for_the_files_it_was_made_from_and_not_for_others() -> None:
    own = Attr("spectrum", "acme:spectrum", b"\x01")  # a type that OpenEXR does not define
    good = [made(a_string("project", "nova"), a_string("owner", ""), own) for _ in range(3)]
    text = draft_policy(
        (inspect(data, key=f"d/sh010_v001.{number}.exr") for number, data in enumerate(good, 1001)), name="nova"
    )
    policy = load(text)
    assert policy.name == "nova"
    assert "name: spectrum" in text
    for number, data in enumerate(good, 1001):
        assert [f for f in judge(data, policy, key=f"d/sh010_v001.{number}.exr") if f.severity > Severity.INFO] == []
    codes = {f.code for f in judge(made(a_string("project", "vega")), policy, key="d/sh010_v1.1001.exr")}
    assert {"SHOW-ATTRIBUTE", "SHOW-NAME"} <= codes
    other = build([Part(compression=4, data_window=(0, 0, 7, 7), extra=[a_string("project", "nova")])])
    assert {"WIN-SHOW-RES", "CMP-SHOW-CODEC"} <= {f.code for f in judge(other, policy, key="d/sh010_v001.1001.exr")}


def test_a_draft_says_which_parameters_the_files_do_not_agree_on() -> None:
    files = [inspect(made(), key="d/sh010_v001.1001.exr"), inspect(build([Part()]), key="d/matte.1001.exr")]
    text = draft_policy(files, name="nova")
    assert "# Not certain: the files differ in file_name: draft each kind of sequence by itself" in text
    assert "Not certain" not in draft_policy(files[:1], name="nova")


def test_a_draft_needs_a_file() -> None:
    with pytest.raises(PolicyError, match="no OpenEXR file"):
        draft_policy([inspect(b"none")], name="x")
