"""Results of the public API in one line."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import pytest

from exr_inspector.catalog.outcomes import Outcome, UpsertResult
from exr_inspector.delivery.check import CheckedFile, DeliveryCheck
from exr_inspector.delivery.diff import AttributeDiff, FileDiff, PartDiff
from exr_inspector.errors import SettingsError
from exr_inspector.library.results import Check, InspectedFile, ValidationReport
from exr_inspector.model import Finding, Severity, StatsMode
from exr_inspector.pixels.comparing import ChannelDiff
from exr_inspector.validation.reports import ValidationResult
from tests.support.exrbytes import Part, build
from tests.unit.validation.judging import inspect

ERROR = Finding("SEQ-MISSING", Severity.ERROR, "1 frame is missing")
INFO = Finding("COL-UNTAGGED", Severity.INFO, "No colour space metadata")


def test_an_inspected_file_is_one_line_with_its_size_and_findings() -> None:
    data = build([Part()])
    file = InspectedFile.of(replace(inspect(data), bucket="b", key="shot/a\x1b.exr"))
    assert "\x1b" not in repr(file)
    assert repr(file).startswith(r"<InspectedFile b/shot/a\x1b.exr: inspected, 1 part, ")
    assert f", {len(file.findings)} finding" in repr(file)
    assert f", {len(data)} B, " in repr(file)


def test_a_file_that_is_no_exr_names_its_error() -> None:
    assert ": failed EXR_MAGIC, 5 B, " in repr(InspectedFile.of(inspect(b"hello")))


@pytest.mark.parametrize(
    ("findings", "fault", "expected"),
    [
        ((), "", "<ValidationReport: 1 file, 1 sequence, no findings>"),
        ((INFO, ERROR, INFO), "", "<ValidationReport: 1 file, 1 sequence, 1 error, 2 info>"),
        ((), "gone", "<ValidationReport: 1 file, 1 sequence, no findings, 1 could not be read>"),
    ],
)
def test_a_report_counts_what_was_found(findings: tuple[Finding, ...], fault: str, expected: str) -> None:
    file = ValidationResult("a.exr", findings, "default", fault)
    assert repr(ValidationReport((file, ValidationResult("a.#.exr", (), "default", is_sequence=True)))) == expected


def test_a_check_counts_files_and_targets_that_could_not_be_read() -> None:
    check = Check((), (), (), (("gone/", "no such folder"),), StatsMode.OFF, "default", 0)
    assert repr(check) == "<Check: 0 files, 0 sequences, no findings, 1 target could not be read>"
    assert not check.passed()


def test_a_check_is_exported_as_a_validation_report_is() -> None:
    file = CheckedFile("a.exr", None, (ERROR, INFO))
    check = Check.of(DeliveryCheck((), (file,), (), (), StatsMode.OFF, "default@1", 1))
    report = ValidationReport((ValidationResult("a.exr", (ERROR, INFO), "default@1"),))
    assert check.findings == report.findings
    assert check.to_sarif() == report.to_sarif()
    assert check.to_junit() == report.to_junit()
    assert check.to_arrow() == report.to_arrow()
    assert len(check.to_pandas()) == 2
    assert not check.passed()
    mild = Check((), (CheckedFile("a.exr", None, (INFO,)),), (), (), StatsMode.OFF, "default@1", 1)
    assert (mild.passed(), mild.passed("info")) == (True, False)
    assert not Check((), (), (), (), StatsMode.OFF, "default@1", 0).passed(), "no file was checked"


def test_a_comparison_is_one_line_and_is_exported() -> None:
    red = ChannelDiff("R", 12, 3, 3, 0, 0.5, (4, 5), 0.1, 0.2, 0.3, None)
    green = ChannelDiff("G", 12, 0, 0, 0, 0.0, None, 0.0, 0.0, 0.0, None)
    part = PartDiff("0", (0, 0, 3, 2), (red, green), ("Z",), (), (), (), ())
    found = FileDiff("a\n.exr", "b.exr", (AttributeDiff("0", "owner", "Bob", None),), (part,))
    assert repr(found) == r"<FileDiff a\n.exr, b.exr: different: 1 attribute, 2 channels>"
    assert repr(FileDiff("a", "b")) == "<FileDiff a, b: the same>"
    assert repr(FileDiff("a", "b", trouble="gone")) == "<FileDiff a, b: gone>"
    document = json.loads(found.to_json())
    assert (document["is_same"], document["parts"][0]["channels"][0]["max_at"]) == (False, [4, 5])
    tables = found.to_arrow()
    assert tables["attributes"].to_pylist() == [
        {"one_path": "a\n.exr", "other_path": "b.exr", "part": "0", "name": "owner", "one": "Bob", "other": None}
    ]
    places = [(row["channel"], row["differing"], row["max_x"], row["max_y"]) for row in tables["channels"].to_pylist()]
    assert places == [("R", 3, 4, 5), ("G", 0, None, None)]
    assert {name: len(frame) for name, frame in found.to_pandas().items()} == {"attributes": 1, "channels": 2}
    assert FileDiff("a", "b").to_arrow()["channels"].schema == tables["channels"].schema


def test_an_upsert_is_one_line() -> None:
    result = UpsertResult("id", "b/a\x1b.exr", "key", "id", Outcome.REPLACED, 7, 5)
    assert repr(result) == r"<UpsertResult b/a\x1b.exr: replaced, 7 rows written, 5 deleted>"


def test_a_package_that_an_export_lacks_is_named_without_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "junitparser", None)
    with pytest.raises(SettingsError, match=r"^JUnit XML needs the package junitparser"):
        ValidationReport(()).to_junit()
