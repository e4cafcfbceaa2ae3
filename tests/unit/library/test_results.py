"""Results of the public API in one line."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exr_inspector.delivery.check import Check
from exr_inspector.library.results import InspectedFile, ValidationReport
from exr_inspector.model import Finding, Severity, StatsMode
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
