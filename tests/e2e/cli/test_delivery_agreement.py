"""Text, JSON, JUnit, CSV, rows, queries and the report from rows agree about one delivery with many faults."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import OpenEXR
import pytest
from click.testing import CliRunner

from docs.build.delivery import make_shot
from exr_inspector.catalog import Catalog
from exr_inspector.cli.__main__ import main
from exr_inspector.cli.catalog import open_tables
from exr_inspector.report.stored import read_sequence, stored_sequences
from exr_inspector.validation.frame_numbers import FrameNumbers
from tests.support.databases import empty_catalog

SAMPLE = Path(__file__).resolve().parents[3] / "samples" / "compression_none.exr"
DRIFT = {"SEQ-CHANNELS", "SEQ-COMPRESSION", "SEQ-METADATA", "SEQ-RES", "TIM-FPS-SEQ", "CRY-SEQ"}


class Checked(NamedTuple):
    """A delivery, its catalog, and what the check printed as JSON."""

    folder: Path
    catalog: Path
    document: dict[str, Any]

    @property
    def sequence(self) -> dict[str, Any]:
        (sequence,) = self.document["sequences"]
        return dict(sequence)


def run(*words: object, exit_code: int = 1) -> str:
    result = CliRunner().invoke(main, list(map(str, words)))
    assert result.exit_code == exit_code, result.output
    return result.stdout


def _written_again(path: Path, kind: type, **attributes: int) -> None:
    """Rewrite a frame with pixels of another type or with other attributes."""
    header, channels = OpenEXR.File(str(path)).header(), OpenEXR.File(str(path), separate_channels=True).channels()
    kept = {key: header[key] for key in ("compression", "type", "software", "imageCounter", "framesPerSecond")}
    pixels = {name: channel.pixels.astype(kind) for name, channel in channels.items()}
    OpenEXR.File({**kept, **attributes}, pixels).write(str(path))


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Checked:
    root = tmp_path_factory.mktemp("agreement")
    folder, catalog = root / "sh010", empty_catalog(root / "show.duckdb")
    make_shot(folder)
    _written_again(folder / "sh010_beauty_v003.1020.exr", np.float32)
    _written_again(folder / "sh010_beauty_v003.1003.exr", np.float16, acesImageContainerFlag=2)
    text = run("check", folder, "--frames", "1001-1024", "--catalog", catalog, "--format", "json")
    return Checked(folder, catalog, json.loads(text))


def test_every_format_counts_the_same(checked: Checked) -> None:
    asked = ("check", checked.folder, "--frames", "1001-1024")
    found = [*checked.sequence["findings"], *(f for file in checked.sequence["files"] for f in file["findings"])]
    severities = sorted((finding["severity"], finding["code"]) for finding in found)
    rows = list(csv.DictReader(io.StringIO(run(*asked, "--format", "csv"))))
    assert sorted((row["severity"], row["code"]) for row in rows) == severities
    suite = ET.fromstring(run(*asked, "--format", "junit")).find("testsuite")
    assert len(suite.findall("testcase")) == checked.document["files_checked"] + 1
    assert len(suite.findall(".//failure")) == sum(severity == "error" for severity, _ in severities)
    printed = run(*asked)
    assert f"render again: {checked.sequence['rerender_frames']}\n" in printed
    assert f"{checked.document['files_checked']} files in 1 sequence checked" in printed
    counts = f"{checked.sequence['rerender_count']} frames to render again; 2 headers to edit"
    assert counts in " ".join(printed.split())
    assert f"edit the header: {checked.sequence['header_edit_frames']}\n" in printed


def test_the_report_from_rows_says_what_the_check_says(checked: Checked) -> None:
    with open_tables(checked.catalog) as tables:
        connection = Catalog(tables.connection.config).connection
        (known,) = stored_sequences(connection, [""])
        stored = read_sequence(connection, known).checked
    sequence = checked.sequence
    assert stored.worst.label == sequence["worst_severity"]
    assert (stored.missing.text, stored.rerender.text) == (sequence["missing_frames"], sequence["rerender_frames"])
    assert stored.header_edits.text == sequence["header_edit_frames"] == "1003,1021"
    assert (stored.first, stored.last) == (sequence["first"], sequence["last"])
    assert [(f.code, f.severity.label, FrameNumbers.of(f.frames).text, f.message) for f in stored.findings] == [
        (f["code"], f["severity"], f["frames"], f["message"]) for f in sequence["findings"]
    ]
    by_frame = [(file.frame, sorted((f.code, f.message) for f in file.findings)) for file in stored.files]
    assert by_frame == [
        (file["frame"], sorted((f["code"], f["message"]) for f in file["findings"])) for file in sequence["files"]
    ]


def test_rows_say_what_the_check_says(checked: Checked) -> None:
    def ask(*words: str) -> list[dict[str, Any]]:
        text = run("query", *words, "--catalog", checked.catalog, "--format", "json", exit_code=0)
        return [dict(row) for row in json.loads(text)]

    sequence = checked.sequence
    (rerender,), (missing,), (delivery,) = ask("rerender"), ask("missing_frames"), ask("deliveries")
    assert (rerender["frames"], rerender["frame_count"]) == (sequence["rerender_frames"], sequence["rerender_count"])
    assert (rerender["header_edits"], delivery["header_edits"]) == (sequence["header_edit_frames"], 2)
    assert (missing["frames"], missing["missing"]) == (sequence["missing_frames"], sequence["missing_count"])
    assert (delivery["result"], delivery["rerender"]) == ("failed", sequence["rerender_count"])
    drift = ask("sequence_drift", "-p", f"sequence={delivery['sequence']}")
    odd = {
        frame
        for finding in sequence["findings"]
        if finding["code"] in DRIFT
        for frame in FrameNumbers.parse(finding["frames"])
    }
    assert odd
    assert odd <= {row["frame_number"] for row in drift}
    assert {re.sub(" .*", "", row["property"]) for row in drift if row["frame_number"] == 1020} == {"channel"}


def test_queries_hold_the_range_and_the_step_that_the_check_held(tmp_path: Path) -> None:
    folder, catalog, policy = tmp_path / "twos", empty_catalog(tmp_path / "show.duckdb"), tmp_path / "twos.yaml"
    folder.mkdir()
    for frame in (1001, 1003, 1007, 1010):
        shutil.copy(SAMPLE, folder / f"a_{frame}.exr")
    policy.write_text("name: twos\nextends: default\nparameters:\n  frame_step: 2\n", encoding="utf-8")
    document = json.loads(
        run("check", folder, "--frames", "1001-1015", "--policy", policy, "--catalog", catalog, "--format", "json")
    )
    (sequence,) = document["sequences"]
    assert (sequence["expected_frames"], sequence["missing_frames"]) == ("1001-1015x2", "1005,1009-1015x2")

    def ask(name: str) -> list[dict[str, Any]]:
        return list(json.loads(run("query", name, "--catalog", catalog, "--format", "json", exit_code=0)))

    (missing,), (known,), gaps = ask("missing_frames"), ask("sequences"), ask("sequence_gaps")
    assert (missing["missing"], known["missing"]) == (5, 5)
    assert missing["frames"] == sequence["missing_frames"]
    assert [(gap["first_missing"], gap["last_missing"], gap["frames"]) for gap in gaps] == [
        (1005, 1005, 1),
        (1009, 1015, 4),
    ]
    with open_tables(catalog) as tables:
        (stored,) = stored_sequences(tables.connection, [""])
        from_rows = read_sequence(tables.connection, stored).checked
    assert (from_rows.expected.text, from_rows.present) == ("1001-1015x2", 3)


def test_validating_rows_again_changes_nothing(checked: Checked) -> None:
    asked = ("query", "rerender", "--catalog", checked.catalog, "--format", "csv")
    before = run(*asked, exit_code=0)
    run("validate", "--catalog", checked.catalog, "--sequence", "sh010/")
    after = run(*asked, exit_code=0)
    assert before == after


def _with_hole(path: Path, number: int, *, has_hole: bool) -> None:
    pixels = np.full((48, 64), 0.5 + number / 100, np.float16)
    pixels[0, 0] = 0.25
    if has_hole:
        pixels[8:40, 16:48] = 0.0
    OpenEXR.File(
        {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}, dict.fromkeys("RGB", pixels)
    ).write(str(path))


def test_what_only_a_check_finds_stays_while_its_frames_do(tmp_path: Path) -> None:
    folder, catalog = tmp_path / "sh020", empty_catalog(tmp_path / "show.duckdb")
    folder.mkdir()
    for number in range(1001, 1007):
        _with_hole(folder / f"a.{number}.exr", number - 1000, has_hole=number in {1001, 1004})

    def to_render_again() -> object:
        (row,) = json.loads(run("query", "rerender", "--catalog", catalog, "--format", "json", exit_code=0))
        return row["frames"]

    assert "SEQ-BUCKET" in run("validate", folder, "--sequence", "--stats", "full"), "as check does"
    run("check", folder, "--catalog", catalog)
    assert to_render_again() == "1001,1004"
    assert "sequence" not in run("ingest", folder, "--catalog", catalog, exit_code=0), "nothing to validate again"
    run("validate", "--catalog", catalog, folder, "--sequence")
    assert to_render_again() == "1001,1004"
    for number in (1004, 1007):
        _with_hole(folder / f"a.{number}.exr", 4, has_hole=False)
    run("ingest", folder, "--catalog", catalog, exit_code=0)
    assert to_render_again() == "1001", "the other frames were not rendered again"
