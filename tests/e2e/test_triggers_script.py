"""deploy/triggers.sh against a `vastde` of either spelling of the flags."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import yaml

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"

# A vastde that knows the flags in $KNOWN, and writes the arguments of every other call to $CALLS, one in a line.
VASTDE = """#!/bin/bash
if [ "${!#}" = --help ]; then printf '%s\\n' $KNOWN; yes "more help" | head -n 100000; exit 0; fi
for argument in "$@"; do
  case $argument in --*) [[ " $KNOWN " == *" $argument "* ]] || { echo "unknown flag: $argument" >&2; exit 1; } ;; esac
done
printf '%s\\n' "$@" --- >> "$CALLS"
"""
FLAGS = "--name --source-bucket --name-prefix --name-suffix --cron-schedule --broker-type --broker-name"


@pytest.mark.parametrize("spelling", ["--events --topic-name", "--event --topic"])
def test_the_script_makes_the_pipelines_triggers_in_either_spelling_of_the_flags(tmp_path: Path, spelling: str) -> None:
    (tmp_path / "vastde").write_text(VASTDE, encoding="utf-8")
    (tmp_path / "vastde").chmod(0o755)
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "KNOWN": f"{FLAGS} {spelling}",
        "CALLS": str(tmp_path / "calls"),
    }
    line = ["bash", str(DEPLOY / "triggers.sh"), "renders", "shot/", "broker", "topic"]
    subprocess.run(line, env=environment, check=True, timeout=60)
    calls = [call.splitlines() for call in (tmp_path / "calls").read_text(encoding="utf-8").split("---\n")[:-1]]
    events_flag, topic_flag = spelling.split()
    pipeline = yaml.safe_load((DEPLOY / "pipeline.yaml").read_text(encoding="utf-8"))
    triggers = {trigger["name"] for trigger in pipeline["manifest"]["triggers"]}
    options = [dict(zip(call[3::2], call[4::2], strict=True)) for call in calls]
    assert {option["--name"] for option in options} == triggers
    assert [call[:3] for call in calls] == [["triggers", "create", kind] for kind in ("element", "element", "schedule")]
    created, removed, schedule = options
    assert (created[events_flag], removed[events_flag]) == ("ObjectCreated:*", "ObjectRemoved:*")
    for option in (created, removed):
        assert (option["--source-bucket"], option["--name-prefix"], option["--name-suffix"]) == (
            "renders",
            "shot/",
            ".exr",
        )
    assert len(schedule["--cron-schedule"].split()) == 5
    assert {(option[topic_flag], option["--broker-name"]) for option in options} == {("topic", "broker")}


def test_the_script_says_how_it_is_called() -> None:
    done = subprocess.run(
        ["bash", str(DEPLOY / "triggers.sh"), "renders"], capture_output=True, text=True, check=False, timeout=20
    )
    assert (done.returncode, done.stderr.startswith("usage:")) == (2, True)
