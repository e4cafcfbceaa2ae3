"""Names and texts of files: every output is a valid document, preserves them, and cannot control a terminal."""

from __future__ import annotations

import csv
import io
import json
import os
import xml.etree.ElementTree as ET
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from datetime import datetime, timezone
from urllib.parse import unquote_to_bytes

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exr_inspector.cli.output.check import csv_text, print_check
from exr_inspector.cli.output.inspection import show
from exr_inspector.cli.output.lines import DEFAULT_FIELDS, print_lines
from exr_inspector.cli.output.query_formats import as_csv, as_json, table_cell
from exr_inspector.cli.output.terminal import echo_json, output
from exr_inspector.cli.paths import ShownPaths
from exr_inspector.delivery.check import CheckedFile, DeliveryCheck
from exr_inspector.documents import csv_cell, json_document
from exr_inspector.library.results import InspectedFile, ValidationReport
from exr_inspector.model import Finding, Inspection, SequenceName, Severity, StatsMode, Status
from exr_inspector.report.words import plain
from exr_inspector.storage import FILE_BUCKET
from exr_inspector.storage.views import Views
from exr_inspector.texts import name_bytes, unicode_text

HOSTILE = (
    "=a\"'<]]>&,%#?:/\\ \x00\t\n\r\x1b[31m\x7f\x85\x9b\xad\u061c\u200b\u200f\u2028\u2029\u202e\u2066\ufeff\ufffe\uffff"
    "\udcff\ud800\U000e0041"
)
TEXTS = st.one_of(st.text(st.sampled_from(HOSTILE), max_size=9), st.text(st.characters(), max_size=9))
MAY_STAY = "\n\t\xa0\u202f\u3000"
AS_GIVEN = ShownPaths(None, Views(()))
FINDING_FIELDS = ("message", "channel", "found", "expected")


def is_inert(text: str) -> bool:
    text.encode()
    return all(letter.isprintable() or letter in MAY_STAY for letter in text)


def printed(prints: Callable[[], object]) -> str:
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(out):
        prints()
    return out.getvalue()


def finding(text: str) -> Finding:
    return Finding("CHN-NAMES", Severity.ERROR, text, 0, text, found=text, expected=text)


def check(name: str, text: str) -> DeliveryCheck:
    files = (CheckedFile(name, None, (finding(text),)), CheckedFile(name, None, (), fault=f"SOURCE: {text}"))
    return DeliveryCheck((), files, ((name, text),), ((name, text),), StatsMode.FULL, f"{text}@1", 2)


def inspection(name: str, text: str) -> Inspection:
    now = datetime.now(timezone.utc)
    found = Inspection(
        FILE_BUCKET, name, None, Status.FAILED, "SOURCE", text, SequenceName(text, name, text, 1, 4), now
    )
    return InspectedFile.of(found)


def csv_rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text), strict=True))


@given(TEXTS, TEXTS)
def test_json_preserves_hostile_texts(name: str, text: str) -> None:
    document = check(name, text).to_json()
    assert is_inert(printed(lambda: echo_json(document)))
    found = json.loads(document)["files"][0]
    assert found["path"] == unicode_text(name)
    assert {found["findings"][0][field] for field in FINDING_FIELDS} == {unicode_text(text)}
    for document in (ValidationReport(check(name, text).results).to_json(), inspection(name, text).to_json()):
        assert is_inert(document)
        assert json.loads(document)


@given(TEXTS, TEXTS)
def test_sarif_preserves_hostile_texts(name: str, text: str) -> None:
    document = ValidationReport(check(name, text).results).to_sarif()
    assert is_inert(document)
    (found,) = json.loads(document)["runs"][0]["results"]
    assert found["message"]["text"] == unicode_text(text)
    uri = found["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri.isascii()
    if not (name.startswith(("/", "\\")) or ":" in name):
        assert unquote_to_bytes(uri) == name_bytes(name)


def test_the_uri_of_a_name_that_is_not_utf_8_leads_to_the_file() -> None:
    name = "/shots/" + os.fsdecode(b"caf\xe9 #1%.exr")
    document = json.loads(ValidationReport(check(name, "x").results).to_sarif())
    uri = document["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == "file:///shots/caf%E9%20%231%25.exr"


@given(TEXTS, TEXTS)
def test_junit_preserves_hostile_texts(name: str, text: str) -> None:
    document = ValidationReport(check(name, text).results).to_junit()
    assert is_inert(document)
    first = ET.fromstring(document).find("testsuite/testcase")
    assert first.attrib["name"] == visible_line_by_line(name)


def visible_line_by_line(text: str) -> str:
    """The text with escapes, except for these characters."""
    return "".join(c if c.isprintable() or c in MAY_STAY else repr(c)[1:-1] for c in text)


@given(TEXTS, TEXTS)
def test_csv_is_inert_with_hostile_texts(name: str, text: str) -> None:
    lines = pa.table({"path": [unicode_text(name)], unicode_text(text): [unicode_text(text)]})
    for document in (
        csv_text(check(name, text)),
        as_csv(lines),
        printed(lambda: print_lines([(name, inspection(name, text))], DEFAULT_FIELDS, "csv", AS_GIVEN)),
    ):
        assert is_inert(document)
        header, *rows = csv_rows(document)
        assert {len(row) for row in rows} == {len(header)}
        assert rows[0][0].removeprefix("'") == visible_line_by_line(name).removeprefix("'")
        assert not any(cell.startswith(tuple("=+-@\t\n\uff1d")) for row in (header, *rows) for cell in row)


@given(TEXTS, TEXTS)
def test_text_and_tables(name: str, text: str) -> None:
    found = [(name, inspection(name, text))]
    for shown in (
        printed(lambda: print_check(check(name, text), output(), least=Severity.ERROR)),
        printed(lambda: print_lines(found, DEFAULT_FIELDS, "table", AS_GIVEN)),
        printed(lambda: print_lines(found, DEFAULT_FIELDS, "json", AS_GIVEN)),
        printed(lambda: show(*found[0], output())),
        as_json(pa.table({"path": [unicode_text(name)]})),
        table_cell({name: [text]}),
    ):
        assert is_inert(shown)
    assert is_inert(plain(text))
    assert "\n" not in plain(text)


@pytest.mark.parametrize(
    ("value", "cell"),
    [(None, ""), (True, "true"), (1, 1), (-1.5, -1.5), ([1, "=x"], '[1, "=x"]'), ({"a": "\x9b"}, '{"a": "\\u009b"}')],
)
def test_cells_of_other_kinds(value: object, cell: object) -> None:
    assert csv_cell(value) == cell


def test_json_has_no_nan() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_document(float("nan"))
