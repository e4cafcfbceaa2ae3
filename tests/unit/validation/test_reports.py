"""Findings as JSON, SARIF and JUnit XML: what programs read of them."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from exr_inspector.model import Finding, Severity
from exr_inspector.validation import RULES
from exr_inspector.validation.reports import ValidationResult, how_to_fix, json_text, junit_text, sarif_text, where

LOSSY = Finding("CMP-DWA-NAMES", Severity.ERROR, "lossy ids", 1, "id.R", "DWAA", "ZIP")
UNTAGGED = Finding("COL-UNTAGGED", Severity.INFO, "no tag", offset=77)
OWN = Finding("OWN-RULE", Severity.WARNING, "a show's own rule", frames=(1001, 1002))
RESULTS = [
    ValidationResult("shot/a.exr", (LOSSY, UNTAGGED), "show 1.2", levels={"COL-UNTAGGED": Severity.WARNING}),
    ValidationResult("shot/a.####.exr", (OWN,), "show 1.2", "", "pixels", is_sequence=True),
    ValidationResult("gone.exr", (), "show 1.2", "no such file"),
]
LINES = [
    (Severity.ERROR, "error CMP-DWA-NAMES part 1 id.R: lossy ids"),
    (Severity.INFO, "info COL-UNTAGGED: no tag"),
    (Severity.WARNING, "warning OWN-RULE: a show's own rule"),
]


def test_results_as_json() -> None:
    one, two, three = json.loads(json_text(RESULTS))
    assert one.pop("findings")[0] == {
        "code": "CMP-DWA-NAMES",
        "severity": "error",
        "message": "lossy ids",
        "part_index": 1,
        "channel": "id.R",
        "found": "DWAA",
        "expected": "ZIP",
        "file_offset": None,
        "frames": "",
        "frame_count": 0,
    }
    plain = {"policy": "show 1.2", "fault": None, "not_checked": None}
    assert one == {"path": "shot/a.exr", "kind": "file", "worst_severity": "error", **plain}
    assert (two["kind"], two["not_checked"], two["worst_severity"]) == ("sequence", "pixels", "warning")
    assert (two["findings"][0]["frames"], two["findings"][0]["frame_count"]) == ("1001-1002", 2)
    assert (three["fault"], three["worst_severity"], three["findings"]) == ("no such file", None, [])


def test_a_command_that_loses_parts_says_so() -> None:
    assert how_to_fix(RULES["COL-SHOW-SPACE"]).endswith("IN.exr OUT.exr")
    assert how_to_fix(RULES["PIX-NAN"]).endswith("oiiotool IN.exr -a --fixnan box3 -o OUT.exr")
    assert how_to_fix(RULES["PIX-NEGATIVE"]).endswith(
        "OUT.exr (of a file with several parts, it writes the first one alone)"
    )


def test_a_finding_is_placed_by_the_name_of_its_part_if_there_are_several() -> None:
    assert [where(LOSSY, parts) for parts in ((), ("beauty", "ids"), ("beauty", ""))] == [
        "part 1 id.R",
        "part 1 'ids' id.R",
        "part 1 id.R",
    ]
    assert where(LOSSY._replace(part=0), ("beauty",)) == "part 0 id.R"
    named = ValidationResult("a.exr", (LOSSY,), parts=("beauty", "ids"))
    assert "part 1 'ids' id.R" in sarif_text([named])


def test_names_that_are_no_text_are_escaped_in_json() -> None:
    assert "\\udcff" in json_text([ValidationResult("a\udcff.exr", ())])


def sarif(*results: ValidationResult) -> dict[str, Any]:
    (run,) = json.loads(sarif_text(results))["runs"]
    return dict(run)


def test_results_as_sarif() -> None:
    run = sarif(*RESULTS)
    rules = run["tool"]["driver"]["rules"]
    known = RULES["COL-UNTAGGED"]
    assert [rule["id"] for rule in rules] == ["CMP-DWA-NAMES", "COL-UNTAGGED", "OWN-RULE"]
    assert rules[1]["shortDescription"]["text"] == known.title
    assert rules[1]["fullDescription"]["text"] == known.why
    assert known.fix in rules[1]["help"]["text"]
    assert known.source in rules[1]["help"]["text"]
    assert [rule.get("defaultConfiguration") for rule in rules] == [{"level": "error"}, {"level": "warning"}, None]
    lossy, untagged, own = run["results"]
    assert [(found["ruleId"], found["ruleIndex"], found["level"]) for found in (lossy, untagged, own)] == [
        ("CMP-DWA-NAMES", 0, "error"),
        ("COL-UNTAGGED", 1, "note"),
        ("OWN-RULE", 2, "warning"),
    ]
    assert lossy["message"] == {"text": "lossy ids"}
    assert lossy["locations"] == [
        {
            "physicalLocation": {"artifactLocation": {"uri": "shot/a.exr"}},
            "logicalLocations": [{"fullyQualifiedName": "part 1 id.R"}],
        }
    ]
    assert untagged["locations"][0]["physicalLocation"]["region"] == {"byteOffset": 77, "byteLength": 1}
    (invocation,) = run["invocations"]
    assert not invocation["executionSuccessful"]
    assert invocation["toolExecutionNotifications"] == [
        {"level": "error", "message": {"text": "gone.exr: no such file"}}
    ]
    assert sarif(*RESULTS[:2])["invocations"] == [{"executionSuccessful": True, "toolExecutionNotifications": []}]


@pytest.mark.parametrize(
    ("name", "uri"),
    [
        ("s3://b/a %#.exr", "s3://b/a%20%25%23.exr"),
        ("shot/a.####.exr", "shot/a.%23%23%23%23.exr"),
        ("/a b/c.exr", "file:///a%20b/c.exr"),
        ("a:b.exr", "a%3Ab.exr"),
        (r"C:\renders\a.exr", "file:///C:/renders/a.exr"),
        (r"\\server\share\a.exr", "file://server/share/a.exr"),
    ],
)
def test_places_are_uris(name: str, uri: str) -> None:
    (result,) = sarif(ValidationResult(name, (UNTAGGED,)))["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri


@pytest.mark.parametrize(
    ("fail_on", "failures"),
    [(Severity.INFO, 3), (Severity.WARNING, 2), (Severity.ERROR, 1), (None, 0)],
)
def test_findings_of_a_severity_are_failures_in_junit(fail_on: Severity | None, failures: int) -> None:
    pytest.importorskip("junitparser", reason="junitparser is not installed")
    cases = list(ET.fromstring(junit_text(RESULTS, fail_on)).iter("testcase"))
    assert [case.attrib["name"] for case in cases] == [result.name for result in RESULTS]
    assert {case.attrib["classname"] for case in cases} == {"show 1.2"}
    found = [failure for case in cases for failure in case.iter("failure")]
    assert len(found) == failures
    assert [(failure.attrib["type"], failure.attrib["message"]) for failure in found[:1]] == [
        ("CMP-DWA-NAMES", "CMP-DWA-NAMES part 1 id.R: lossy ids")
    ][:failures]
    printed = [line for case in cases for text in case.iter("system-out") for line in (text.text or "").splitlines()]
    assert printed == [text for severity, text in LINES if fail_on is None or severity < fail_on]
    assert [error.attrib["message"] for error in cases[2].iter("error")] == ["no such file"]
