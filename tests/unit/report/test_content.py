"""The content of a sequence's page, depending on its findings."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from exr_inspector.model import Finding, Severity
from exr_inspector.report.content import SequencePage, sequence_page
from exr_inspector.report.figures import ViewFigures
from exr_inspector.validation.frame_numbers import NO_FRAMES, FrameNumbers
from exr_inspector.validation.registry import RULES
from tests.support.reports import FIRST, made


def page_of(count: int = 20, **changes: object) -> SequencePage:
    given = made(count)
    (sequence,) = given.check.sequences
    return sequence_page(replace(sequence, **changes), given.figures)


def test_frames_have_the_state_of_the_worst_that_was_found() -> None:
    page = page_of()
    states = {cell.frame: cell.state for cell in page.cells}
    assert [frame for frame, state in states.items() if state == "missing"] == [1005]
    assert [frame for frame, state in states.items() if state == "error"] == [1008]
    assert [frame for frame, state in states.items() if state == "warning"] == [1010, 1020]
    assert page.counts == {"ok": 16, "missing": 1, "error": 1, "warning": 2}
    assert (page.present, page.expected, page.rerender, page.result) == (19, 20, "1005,1008", "failed")


def test_findings_lead_to_their_frames() -> None:
    page = page_of(40)
    by_code = {row.code: row for row in page.findings}
    assert [row.severity for row in page.findings] == ["error", "error", "warning", "warning"]
    assert [(run.text, run.cell) for run in by_code["SEQ-MISSING"].runs] == [("1005", 4)]
    assert [(run.text, run.cell) for run in by_code["PIX-NEGATIVE"].runs] == [
        (str(f), f - FIRST) for f in (1010, 1020, 1030, 1040)
    ]
    assert by_code["PIX-NEGATIVE"].text == "R goes down to -1010 (frame 1010; similar in 3 other frames)"
    assert by_code["PIX-NAN"].fix == RULES["PIX-NAN"].fix


def test_a_warning_that_all_frames_have_marks_none_of_them() -> None:
    given = made().check.sequences[0].files
    warning = Finding("PIX-FIREFLY", Severity.WARNING, "B goes up to 9000", 0, "B")
    page = page_of(files=tuple(replace(file, findings=(*file.findings, warning)) for file in given))
    assert page.everywhere == ("PIX-FIREFLY",)
    assert page.counts == {"ok": 16, "missing": 1, "error": 1, "warning": 2}
    assert [row.count for row in page.findings if row.code == "PIX-FIREFLY"] == [19]
    assert page.cells[0].note == ""


def test_each_frame_has_its_own_messages() -> None:
    data = page_of(40).data
    texts = [data["texts"][number] for number in data["notes"][1020 - FIRST]]
    assert texts == [("warning", "PIX-NEGATIVE", "R goes down to -1020")]


def test_drift_names_the_usual_value_first() -> None:
    rows = [(row.name, row.value, row.count, row.runs[-1].text) for row in page_of().drift]
    assert rows == [("Compression", "ZIP", 18, "1006-1019"), ("Compression", "PIZ", 1, "1020")]


def test_values_that_all_parts_have_are_given_once() -> None:
    given = made().check.sequences[0].files
    parts = {"compression": "ZIP, ZIP, DWAA", "colour": "untagged; untagged"}
    files = tuple(replace(file, summary=file.summary and replace(file.summary, **parts)) for file in given)
    assert page_of(files=files).facts.endswith("ZIP, DWAA, untagged")


def test_numbers_of_a_texture_are_called_tiles() -> None:
    page = page_of(is_texture=True)
    assert (page.item, page.data["item"]) == ("tile", "tile")


def test_channels_are_summed_over_the_frames() -> None:
    (red, aov) = page_of().channels
    assert (aov.name, red.name, red.types, red.frames) == ("diffuse.R", "R", "HALF", 19)
    assert (red.minimum, red.maximum, red.nan) == (-0.25, 2.0, 15)


def test_curves_have_a_gap_where_a_frame_is_missing() -> None:
    data = page_of().data
    assert all(curve["values"][4] is None for curve in data["series"])
    assert data["exposure"][4] is None
    assert sum(data["exposure"][0]) == 1_000
    titles = [plot["title"] for plot in data["plots"]]
    assert titles == [
        "Mean of the colour channels", "Mean luminance", "Maximum", "NaN and infinite values", "File size", "Render time",
    ]  # fmt: skip
    json.dumps(data, allow_nan=False)


def test_each_view_has_curves_of_its_own() -> None:
    given = made()
    files = given.check.sequences[0].files
    for file in files:
        (image,) = given.figures[file.path].views.values()
        views = {"left": image, "right": replace(image, luminance=2.0)}
        given.figures[file.path] = replace(given.figures[file.path], views=views)
    last = given.figures[files[-1].path]
    given.figures[files[-1].path] = replace(last, views={"mono": ViewFigures(luminance=3.0)})
    page = sequence_page(given.check.sequences[0], given.figures)
    curves = {curve["label"]: curve["values"][-2:] for curve in page.data["series"]}
    assert page.views == ("left", "right")
    assert curves["Luminance, left"][1] == 3.0, "the image of a frame that has other views"
    assert curves["Luminance, right"] == [2.0, None]
    assert {len(cell.pictures) for cell in page.cells} == {2}


def test_a_single_bad_frame_among_thousands_is_wide_enough_to_be_seen() -> None:
    page = page_of(2_000)
    (run,) = [run for run in page.strip if run.state == "error"]
    assert run.length >= 2_000 / 300
    assert page.strip[-1] == run, "the worst lies above the others"
    assert len(page.strip) < 500


def test_frames_far_apart_cost_nothing() -> None:
    gap = FrameNumbers.of_spans([range(FIRST + 20, 2_000_000_001)])
    found = Finding("SEQ-MISSING", Severity.ERROR, "frames are missing", frames=gap)
    expected = FrameNumbers.of_spans([range(FIRST, 2_000_000_001)])
    page = page_of(expected=expected, missing=gap, rerender=gap, findings=(found,))
    assert len(page.cells) == 19 + 2_000
    assert page.expected == 2_000_000_001 - FIRST
    assert page.rerender == f"{FIRST + 20}-2000000000"


@pytest.mark.parametrize(
    ("worst", "result"), [(Severity.ERROR, "failed"), (Severity.WARNING, "warnings"), (Severity.INFO, "passed")]
)
def test_the_result_is_that_of_the_worst_finding(worst: Severity, result: str) -> None:
    given = made()
    files = tuple(replace(file, findings=()) for file in given.check.sequences[0].files)
    finding = Finding("SEQ-RES", worst, "The data window changes")
    page = page_of(files=files, findings=(finding,), rerender=NO_FRAMES, missing=NO_FRAMES)
    assert page.result == result


def test_figures_that_no_number_can_say_are_left_out() -> None:
    given = made()
    path = given.check.sequences[0].files[0].path
    unknown = ViewFigures(luminance=float("nan"), maximum=float("inf"))
    given.figures[path] = replace(given.figures[path], views={"": unknown})
    page = sequence_page(given.check.sequences[0], given.figures)
    assert [curve["values"][0] for curve in page.data["series"] if curve["label"] in {"Luminance", "Maximum"}] == [
        None,
        None,
    ]
