"""The deployment kit has the form that VAST publishes, and agrees with the settings and with the function."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from dataengine_local.config import load_config
from exr_inspector.function.events import EventKind
from exr_inspector.settings import NAMES as SETTINGS
from exr_inspector.settings import load_settings
from tests.support.parsed import parse_events

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
IS_SECRET = {name: name.endswith(("_ACCESS_KEY", "_SECRET_KEY")) for name in SETTINGS}
PIPELINE = yaml.safe_load((DEPLOY / "pipeline.yaml").read_text(encoding="utf-8"))
MANIFEST = PIPELINE["manifest"]
SECRET = yaml.safe_load((DEPLOY / "secret.yaml").read_text(encoding="utf-8"))


# The form of the manifests that VAST publishes (vss-blueprint, cosmos-labs, dataengine-cli).
TEXT = {"type": "string", "minLength": 1}
NAMES = {"type": "array", "items": TEXT, "minItems": 1}
QUANTITY = {"type": "string", "pattern": r"^[0-9]+(m|Mi|Gi)$"}
COUNT = {"type": "integer", "minimum": 1}


def exactly(properties: dict[str, Any], optional: Collection[str] = ()) -> dict[str, Any]:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def vrn(kind: str) -> dict[str, Any]:
    return {"type": "string", "pattern": rf"^vast:dataengine:{kind}:[A-Za-z0-9_./-]+$"}


def listed(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item, "minItems": 1}


RESOURCES = exactly(
    {
        **dict.fromkeys(("min_cpu", "max_cpu", "min_memory", "max_memory"), QUANTITY),
        **dict.fromkeys(("min_concurrency", "max_concurrency", "timeout"), COUNT),
    }
)
PUBLISHED_MANIFEST = exactly(
    {
        "kubernetes_cluster_vrn": vrn("kubernetes-clusters"),
        "namespace": TEXT,
        "manifest": exactly(
            {
                "config": exactly(
                    {
                        "environment_variables": listed(exactly({"name": TEXT, "value": TEXT})),
                        "secrets": NAMES,
                    }
                ),
                "function_deployments": listed(
                    exactly(
                        {
                            "function_vrn": vrn("functions"),
                            "name": TEXT,
                            "revision": COUNT,
                            "config": exactly({"log_level": {"enum": ["DEBUG", "INFO", "WARNING", "ERROR"]}}),
                            "resources": RESOURCES,
                        }
                    )
                ),
                "links": listed(
                    exactly(
                        {
                            "source": NAMES,
                            "destination": NAMES,
                            "topic": {"type": "string", "pattern": r"^vast:dataengine:topics:[^/]+/[^/]+$"},
                            "config": exactly(
                                {"events_order": {"enum": ["unordered", "ordered"]}, "retries": {"type": "integer"}}
                            ),
                        },
                        optional=("topic",),
                    )
                ),
                "triggers": listed(exactly({"name": TEXT, "vrn": vrn("triggers")})),
            }
        ),
    }
)
PUBLISHED_SECRET = exactly(
    {
        "name": TEXT,
        "kubernetes_cluster_vrn": vrn("kubernetes-clusters"),
        "namespace": TEXT,
        "entries": listed(exactly({"key": TEXT, "value": TEXT})),
    }
)


@pytest.mark.parametrize(("document", "schema"), [(PIPELINE, PUBLISHED_MANIFEST), (SECRET, PUBLISHED_SECRET)])
def test_the_kit_has_the_published_shape(document: Any, schema: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(schema)
    assert [error.message for error in Draft202012Validator(schema).iter_errors(document)] == []


@pytest.mark.parametrize(
    "change",
    [
        lambda pipeline: pipeline.update(name="exr-inspector"),
        lambda pipeline: pipeline["manifest"]["config"].update(environment_variables={"A": "b"}),
        lambda pipeline: pipeline["manifest"]["config"]["environment_variables"].append({"name": "A", "value": 1}),
        lambda pipeline: pipeline["manifest"]["function_deployments"][0].update(revision="latest"),
        lambda pipeline: pipeline["manifest"]["links"][0].update(source="exr-created"),
    ],
)
def test_the_shape_of_version_1_is_refused(change: Callable[[Any], None]) -> None:
    pipeline = copy.deepcopy(PIPELINE)
    change(pipeline)
    assert list(Draft202012Validator(PUBLISHED_MANIFEST).iter_errors(pipeline))


def test_the_pipeline_sets_only_settings_that_exist_and_no_secret_among_them() -> None:
    names = [entry["name"] for entry in MANIFEST["config"]["environment_variables"]]
    assert len(names) == len(set(names))
    assert set(names) <= set(SETTINGS)
    assert not {name for name in names if IS_SECRET[name]}


ENVIRONMENT = {entry["name"]: entry["value"] for entry in MANIFEST["config"]["environment_variables"]}
SECRETS = {SECRET["name"]: {entry["key"]: entry["value"] for entry in SECRET["entries"]}}


def test_environment_and_secret_together_configure_the_function_completely() -> None:
    settings = load_settings(ENVIRONMENT, SECRETS, None, need=("catalog", "objects"))
    assert settings.warnings == ()
    assert {entry["key"] for entry in SECRET["entries"]} == {name for name in SETTINGS if IS_SECRET[name]}
    assert MANIFEST["config"]["secrets"] == [SECRET["name"]] == [ENVIRONMENT["EXR_SECRET_NAME"]]


def test_the_function_gives_up_before_the_platform_does() -> None:
    deadline = float(ENVIRONMENT["EXR_DEADLINE_SECONDS"])
    for deployment in MANIFEST["function_deployments"]:
        assert deadline < deployment["resources"]["timeout"]


def test_the_memory_of_all_files_fits_the_container() -> None:
    settings = load_settings(ENVIRONMENT, SECRETS, None)
    least = min(int(item["resources"]["min_memory"].removesuffix("Mi")) for item in MANIFEST["function_deployments"])
    assert settings.memory_mib + 512 <= least


def test_links_join_triggers_and_functions_that_exist() -> None:
    triggers = {trigger["name"] for trigger in MANIFEST["triggers"]}
    functions = {deployment["name"] for deployment in MANIFEST["function_deployments"]}
    assert {source for link in MANIFEST["links"] for source in link["source"]} == triggers
    assert {destination for link in MANIFEST["links"] for destination in link["destination"]} == functions
    for link in MANIFEST["links"]:
        assert set(link["source"]) <= triggers, "a link from a trigger names its topic"
        assert link["topic"]
        assert link["config"] == {"events_order": "unordered", "retries": 3}
    for trigger in MANIFEST["triggers"]:
        assert trigger["vrn"] == f"vast:dataengine:triggers:{trigger['name']}"


def test_the_page_says_up_front_which_writes_raise_no_event_and_names_every_file_of_the_kit() -> None:
    page = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    assert "NFS or SMB raises none" in page.split("\n## ")[0]
    named = set(re.findall(r"deploy/([a-z-]+\.[a-z]+)", page))
    assert {"pipeline.yaml", "secret.yaml", "triggers.sh", "identity-policy.json", "config.yaml"} <= named
    assert all((DEPLOY / name).is_file() for name in named)


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
    lines = text.split("## The function on a laptop", 1)[1].split("```")[1].splitlines()
    steps = [
        word
        for line in lines
        for word in ("localdb serve", "db setup", "localrun", "invoke")
        if f"./run {word}" in line
    ]
    assert steps == ["localdb serve", "db setup", "localrun", "invoke"]
