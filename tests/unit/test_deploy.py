"""The deployment kit agrees with itself, with the settings, and with the function."""

import json
import re
import shlex
from pathlib import Path

import pytest
import yaml

from dataengine_local.config import load_config
from exr_inspector.function.events import EventKind, parse_events
from exr_inspector.settings import load_settings
from exr_inspector.settings_table import TABLE

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
SETTINGS = {setting.name: setting for setting in TABLE}
PIPELINE = yaml.safe_load((DEPLOY / "pipeline.yaml").read_text(encoding="utf-8"))
MANIFEST = PIPELINE["manifest"]
SECRET = yaml.safe_load((DEPLOY / "secret.yaml").read_text(encoding="utf-8"))


def test_the_pipeline_sets_only_settings_that_exist_and_no_secret_among_them() -> None:
    names = set(MANIFEST["config"]["environment_variables"])
    assert names <= set(SETTINGS)
    assert not {name for name in names if SETTINGS[name].secret}


SECRETS = {SECRET["name"]: {entry["key"]: entry["value"] for entry in SECRET["entries"]}}


def test_environment_and_secret_together_configure_the_function_completely() -> None:
    environment = MANIFEST["config"]["environment_variables"]
    assert all(isinstance(value, str) for value in environment.values()), "quote numbers and on/off: YAML eats them"
    settings = load_settings(environment, SECRETS, None, need=("catalog", "objects"))
    assert settings.warnings == ()
    assert {entry["key"] for entry in SECRET["entries"]} == {name for name in SETTINGS if SETTINGS[name].secret}
    assert MANIFEST["config"]["secrets"] == [SECRET["name"]] == [environment["EXR_SECRET_NAME"]]


def test_the_function_gives_up_before_the_platform_does() -> None:
    deadline = float(MANIFEST["config"]["environment_variables"]["EXR_DEADLINE_SECONDS"])
    for deployment in MANIFEST["function_deployments"]:
        assert deadline < deployment["resources"]["timeout"]


def test_decode_memory_fits_the_container() -> None:
    settings = load_settings(MANIFEST["config"]["environment_variables"], SECRETS, None)
    least = min(int(item["resources"]["min_memory"].removesuffix("Mi")) for item in MANIFEST["function_deployments"])
    assert settings.memory_mib * 2 <= least


def test_links_join_triggers_and_functions_that_exist() -> None:
    triggers = {trigger["name"] for trigger in MANIFEST["triggers"]}
    functions = {deployment["name"] for deployment in MANIFEST["function_deployments"]}
    assert {link["source"] for link in MANIFEST["links"]} == triggers
    assert {link["destination"] for link in MANIFEST["links"]} == functions
    for link in MANIFEST["links"]:
        assert link["config"] == {"events_order": "unordered", "retries": 3}
    for trigger in MANIFEST["triggers"]:
        assert trigger["vrn"] == f"vast:dataengine:triggers:{trigger['name']}"


def test_the_script_makes_the_pipelines_triggers_for_both_kinds_of_event() -> None:
    text = (DEPLOY / "triggers.sh").read_text(encoding="utf-8")
    pairs = dict(pair.split(" ") for pair in re.findall(r'"(\S+ Object\S+)"', text))
    assert set(pairs) == {trigger["name"] for trigger in MANIFEST["triggers"]}
    assert set(pairs.values()) == {"ObjectCreated:*", "ObjectRemoved:*"}
    assert "--name-suffix .exr" in " ".join(shlex.split(text.replace("\\\n", " "), comments=True))


def test_the_local_config_needs_nothing_but_the_local_database() -> None:
    config = load_config(DEPLOY / "config.yaml")
    assert set(config.envs) <= set(SETTINGS)
    load_settings(config.envs, config.secrets, None, need=("catalog", "objects"))


@pytest.mark.parametrize("path", sorted((DEPLOY / "events").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_example_event_names_objects(path: Path) -> None:
    events = parse_events(yaml.safe_load(path.read_text(encoding="utf-8")))
    assert events
    assert {event.kind for event in events} <= set(EventKind)


def test_the_identity_policy_grants_no_more_than_reading_objects_and_the_rows_of_one_schema() -> None:
    policy = json.loads((DEPLOY / "identity-policy.json").read_text(encoding="utf-8"))
    granted = {action for statement in policy["Statement"] for action in statement["Action"]}
    assert not {
        action for action in granted if re.search(r"Put|Drop|Create|Alter|\*$", action) and "Tabular" not in action
    }
    assert not {action for action in granted if re.search(r"Drop|Create|Alter|AddColumns", action)}
    assert all(statement["Effect"] == "Allow" and "*" not in statement["Resource"] for statement in policy["Statement"])


def test_the_readme_sets_the_tables_up_before_the_first_event() -> None:
    text = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
    lines = text.split("## On a laptop", 1)[1].split("```")[1].splitlines()
    steps = [
        word
        for line in lines
        for word in ("localdb serve", "db setup", "localrun", "invoke")
        if f"./run {word}" in line
    ]
    assert steps == ["localdb serve", "db setup", "localrun", "invoke"]
