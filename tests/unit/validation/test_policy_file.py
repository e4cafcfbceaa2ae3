"""Wrong policy files give one clear line for each fault; the JSON schema agrees with the loader."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from exr_inspector.errors import PolicyError
from exr_inspector.validation import PROFILES, RULES, load_policy
from exr_inspector.validation.policies.file import MAX_POLICY_CHARACTERS
from exr_inspector.validation.policies.schema import json_schema
from exr_inspector.validation.registry import Parameters
from tests.support.growth import MOST, steps_of

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = jsonschema.Draft202012Validator(json_schema())


def fault(text: str) -> str:
    with pytest.raises(PolicyError) as caught:
        load_policy(text, origin="show.yaml")
    assert caught.value.code == "POLICY"
    return str(caught.value)


def loads(text: str) -> bool:
    try:
        load_policy(text, origin="show.yaml")
    except PolicyError:
        return False
    return True


# document -> text of the error; the schema refuses all of these, too
WRONG = {
    "": "show.yaml:1: name: is required",
    "null": "show.yaml:1: a policy is a mapping of keys, not nothing",
    "3": "show.yaml:1: a policy is a mapping of keys, not 3",
    "version: 1": "show.yaml:1: name: is required",
    "name: 7": "show.yaml:1: name: must be text, not 7",
    "name: a b": "show.yaml:1: name: must be a word",
    "name: a@b": "show.yaml:1: name: must be a word",
    f"name: {'x' * 81}": "show.yaml:1: name: String should have at most 80 characters",
    "name: !!binary aGVsbG8=": "show.yaml:1: name: must be text",
    "name: strict": "show.yaml:1: name: is the name of a profile",
    "name: x\nversion: true": "show.yaml:2: version: must be text, not True",
    "name: x\nversion: 2024-01-01": "show.yaml:2: version: must be text",
    "name: x\nversion: 'a b'": "show.yaml:2: version: must be a word",
    'name: x\nversion: "a\\nb"': "show.yaml:2: version: must be a word",
    "name: x\nrule: {}": "show.yaml:2: rule: unknown key; did you mean rules?",
    "name: x\nextends: strictest": "show.yaml:2: extends: must be 'default', 'strict'",
    "name: x\nextends: [comp]": "show.yaml:2: extends: must be 'default'",
    "name: x\nextends: ./other.yaml": "show.yaml:2: extends: must be 'default'",
    "name: x\nrules:": "show.yaml:2: rules: must be a mapping of keys, not nothing",
    "name: x\nrules: [STR-MAGIC]": "show.yaml:2: rules: must be a mapping of keys",
    "name: x\nrules:\n  STR-MAGIC:": "or 'error', not nothing",
    "name: x\nrules: {STR-MAGIC: 1}": "show.yaml:2: rules.STR-MAGIC: must be 'off'",
    "name: x\nrules: {STR-MAGIC: ERROR}": "show.yaml:2: rules.STR-MAGIC: must be 'off'",
    "name: x\nrules: {1: off}": "show.yaml:2: rules.1: must be text, not 1",
    "name: x\nrules: {str-magic: off}": "show.yaml:2: rules.str-magic: no rule has this code; did you mean STR-MAGIC?",
    "name: x\nrules: {CRY-FILTERED: off}": "show.yaml:2: rules.CRY-FILTERED: this rule is not checked: needs single pixels",
    "name: x\nrules: {'STR-[M]AGIC': off}": "show.yaml:2: rules.STR-[M]AGIC: no rule has this code",
    "name: x\nparameters: {frame_rte: 24}": "show.yaml:2: parameters.frame_rte: unknown key; did you mean frame_rate?",
    "name: x\nparameters: {show_resolution: 4096}": "show.yaml:2: parameters.show_resolution: must be a list, not 4096",
    "name: x\nparameters: {show_resolution: [4096]}": "show.yaml:2: parameters.show_resolution.1: is required",
    "name: x\nparameters: {show_resolution: [1, 2, 3]}": "show.yaml:2: parameters.show_resolution: List should have at most 2",
    "name: x\nparameters: {show_resolution: ['1', 2]}": "show.yaml:2: parameters.show_resolution.0: must be a whole number",
    "name: x\nparameters: {show_resolution: [0, 2]}": "show.yaml:2: parameters.show_resolution.0: Input should be greater",
    "name: x\nparameters: {frame_step: 1e99}": "show.yaml:2: parameters.frame_step",
    f"name: x\nparameters: {{frame_step: {2**40}}}": "show.yaml:2: parameters.frame_step: Input should be less",
    "name: x\nparameters: {alpha_expected: 1}": "show.yaml:2: parameters.alpha_expected: must be true or false, not 1",
    "name: x\nparameters: {codecs: ZIP}": "show.yaml:2: parameters.codecs: must be a list, not 'ZIP'",
    "name: x\nparameters: {codecs: []}": "show.yaml:2: parameters.codecs: List should have at least 1 item",
    "name: x\nparameters:\n  codecs:\n    - ZIP\n    - LZW": "show.yaml:5: parameters.codecs.1: must be 'NONE', 'RLE'",
    "name: x\nparameters: {receiver_openexr: 3.4}": "show.yaml:2: parameters.receiver_openexr: must be text, not 3.4",
    "name: x\nparameters: {expected_layers: [N, yes]}": "show.yaml:2: parameters.expected_layers.1: must be text, not True",
    "name: x\nparameters: {colour_space: ''}": "show.yaml:2: parameters.colour_space",
    "name: x\npaths: {match: a}": "show.yaml:2: paths: must be a list",
    "name: x\npaths:\n  - rules: {}": "show.yaml:3: paths.0.match: is required",
    "name: x\npaths:\n  - match: ''": "show.yaml:3: paths.0.match.0: String should have at least 1",
    "name: x\npaths:\n  - match: []": "show.yaml:3: paths.0.match: List should have at least 1",
    "name: x\npaths:\n  - match: s3://a/**": "show.yaml:3: paths.0.match.0: a path is <bucket>/<key>",
    "name: x\npaths:\n  - match: [a, /b]": "show.yaml:3: paths.0.match.1: a path is <bucket>/<key>",
    "name: x\npaths:\n  - match: a\n  - macth: b": "show.yaml:4: paths.1.macth: unknown key; did you mean match?",
}


@pytest.mark.parametrize("text", WRONG)
def test_wrong_policies_are_refused_with_line_and_key(text: str) -> None:
    message = fault(text)
    assert WRONG[text] in message
    assert all(re.match(r"show\.yaml:\d+: ", line) for line in message.splitlines()), message
    assert "tuple" not in message.lower()
    if "must be text, not 1" not in message:  # the validator cannot handle keys that are numbers
        assert not SCHEMA.is_valid(yaml.safe_load(text)), "the schema takes it"


# Faults that a JSON schema cannot express, or that only YAML can contain.
BEYOND_SCHEMA = {
    "name: x\nname: y": "show.yaml:2: name: duplicate key, first in line 1",
    "name: x\nrules:\n  STR-MAGIC: off\n  'STR-MAGIC': on": "show.yaml:4: rules.STR-MAGIC: duplicate key, first",
    "name: x\npaths:\n  - match: a\n    match: b": "show.yaml:4: paths.0.match: duplicate key",
    "name: x\nrules: {'ABC-*': off}": "show.yaml:2: rules.ABC-*: no rule has this code",
    "name: x\nparameters: {frame_rate: .inf}": "show.yaml:2: parameters.frame_rate: Input should be a finite number",
    "name: x\nparameters: {half_max_share: .nan}": "show.yaml:2: parameters.half_max_share: Input should be a finite number",
    "name: x\nparameters: {frame_range: [10, 1]}": "show.yaml:2: parameters.frame_range: the first frame 10 is above",
    "name: &n x\ndescription: *n": "show.yaml:2: aliases",
    "a: &a [x, x]\nb: &b [*a, *a]\nname: x": "show.yaml:2: aliases",
    "name: x\n---\nname: y": "show.yaml:2: ",
    "name: 'x": "show.yaml:1: ",
    "name: x\nrules:\n\tSTR-MAGIC: off": "show.yaml:3: this is not valid YAML: found character",
    "name: x\ndescription: a\x01b": "show.yaml:2: the character U+0001 is not allowed",
    "name: !!python/object/apply:os.system ['true']": "show.yaml:1: this is not valid YAML: could not determine a constructor",
    "name: !secret x": "show.yaml:1: this is not valid YAML: could not determine a constructor",
    "name: x\nrules: {[a]: off}": "show.yaml:2: ",
    "name: x\nparameters: " + "[" * 40 + "]" * 40: "show.yaml:2: nested too deeply",
}


@pytest.mark.parametrize("text", BEYOND_SCHEMA)
def test_what_a_schema_cannot_say(text: str) -> None:
    assert BEYOND_SCHEMA[text] in fault(text)


RIGHT = [
    "name: x",
    "name: x\nextends: null",
    "name: x\nversion: 1.2",
    "name: x\nrules: {'*': off, STR-MAGIC: on, 'PIX-*': error, 'STR-MAGI?': info}",
    "name: x\nparameters: {show_resolution: null, frame_rate: 24, codecs: [ZIP], expected_layers: ['']}",
    "name: x\nparameters: {alpha_expected: yes, receiver_openexr: '3.4', frame_range: [-5, 5], negative_limit: -1}",
    "name: x\npaths: [{match: a/**}, {match: ['a/*', 'b[1]{2}/**/c'], extends: comp, rules: {STR-MAGIC: off}}]",
    '{"name": "x", "rules": {"STR-MAGIC": "off"}}',
    "\ufeffname: x\r\nrules:\r\n  STR-MAGIC: off\r\n",
]


@pytest.mark.parametrize("text", RIGHT)
def test_right_policies_are_accepted_by_loader_and_schema(text: str) -> None:
    assert loads(text)
    assert SCHEMA.is_valid(yaml.safe_load(text))


@pytest.mark.parametrize("path", [*(f"exr_inspector/validation/profiles/{name}.yaml" for name in PROFILES)])
def test_profiles_fit_the_schema_but_for_their_names(path: str) -> None:
    document = yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))
    assert not SCHEMA.is_valid(document)
    assert SCHEMA.is_valid(document | {"name": "x"})


def test_every_fault_is_reported_in_the_order_of_the_file() -> None:
    text = "name: x\nextends: no\nparameters:\n  frame_rate: -1\n  frame_rte: 1\nrules:\n  STR-MAGIC: loud\n"
    assert [line.split(":")[1] for line in fault(text).splitlines()] == ["2", "4", "5", "7"]
    many = "name: x\nrules:\n" + "".join(f"  X-{number}: off\n" for number in range(40))
    assert fault(many).splitlines()[-1] == "and 30 more"


@pytest.mark.parametrize(
    "make",
    [
        lambda n: "name: x\nx: [" + "1," * (n // 2) + "]",
        lambda n: "name: x\n" + "# comment\n" * (n // 10),
        lambda n: "name: " + "x" * n,
        lambda n: "[" * n,
        lambda n: "name: x\nversion: 1" + "0" * n,
    ],
)
def test_work_grows_in_proportion_to_the_document(make: Callable[[int], str]) -> None:
    small, large = make(1_000), make(2_000)
    assert steps_of(lambda: loads(large)) <= MOST * steps_of(lambda: loads(small))


@pytest.mark.parametrize("text", ["[" * MAX_POLICY_CHARACTERS, "x" * (MAX_POLICY_CHARACTERS + 1)])
def test_a_document_that_is_too_large_or_too_deep_is_refused(text: str) -> None:
    assert not loads(text)


scalars = st.none() | st.booleans() | st.integers(-(2**33), 2**33) | st.floats() | st.text("aZ/*0. @", max_size=5)
values = scalars | st.lists(scalars | st.sampled_from(["ZIP", "N"]), max_size=3)
levels = st.sampled_from(["off", "on", "info", "error", "warning", True, False, "loud", None, 1])
codes = st.sampled_from([*RULES, "PIX-*", "STR-?????", "*", "X-Y", "pix-*"])
rules = st.dictionaries(codes, levels, max_size=3) | scalars
parameters = st.dictionaries(st.sampled_from([*Parameters.model_fields, "other"]), values, max_size=3) | scalars
entries = st.fixed_dictionaries(
    {"match": values}, optional={"rules": rules, "parameters": parameters, "extends": values, "other": scalars}
)
documents = st.fixed_dictionaries(
    {"name": st.sampled_from(["x", "a b", "", "comp"]) | scalars},
    optional={
        "version": values,
        "description": values,
        "extends": st.sampled_from([*PROFILES, None, "other"]),
        "rules": rules,
        "parameters": parameters,
        "paths": st.lists(entries, max_size=2) | scalars,
        "other": scalars,
    },
)


def _cannot_be_said(document: Any) -> bool:
    """Whether it has something that a schema cannot check: NaN, infinity, whole floats, unordered ranges, globs of no rule."""
    if isinstance(document, float):
        return not math.isfinite(document) or document.is_integer()
    if isinstance(document, dict):
        return "frame_range" in document or any(map(_cannot_be_said, document.values()))
    return isinstance(document, list) and any(map(_cannot_be_said, document))


@pytest.mark.slow
@given(documents)
def test_schema_and_loader_agree(document: dict[str, Any]) -> None:
    if not _cannot_be_said(document):
        text = json.dumps(document)
        assert loads(text) == SCHEMA.is_valid(yaml.safe_load(text)), text


def test_wrong_rules_and_wrong_parameters_are_reported_at_once() -> None:
    rules, paths = "rules:\n  CMP-LOSY-DATA: error\n", "paths:\n  - {match: a/*, rules: {X: off}}\n"
    text = f"name: nova\n{rules}parameters:\n  show_resolution: 4096\n{paths}"
    with pytest.raises(PolicyError) as caught:
        load_policy(text, origin="nova.yaml")
    where = [line.partition(": ")[0] for line in str(caught.value).splitlines()]
    assert where == ["nova.yaml:3", "nova.yaml:5", "nova.yaml:7"]
