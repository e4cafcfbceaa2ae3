"""Which frames must be rendered again, and for which editing the header is enough."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exr_inspector.delivery.checked import with_files
from exr_inspector.delivery.sequences import CheckedFile, with_findings
from exr_inspector.model import Finding, Severity
from exr_inspector.validation import FrameSummary
from tests.unit.delivery.sequences import checked_sequences, summary


def frame(number: int, *codes: str, padding: int = 4, status: str = "inspected") -> FrameSummary:
    path = f"a.{number:0{padding}}.exr"
    return summary(path, status=status, has_error=bool(codes), error_codes=codes)


def test_frames_whose_header_alone_is_wrong() -> None:
    files = [
        frame(1, "STR-REQ-TYPE"),
        frame(2, "STR-REQ-TYPE", "CHK-DECODE"),
        frame(3, "TIM-TC-RANGE"),
        frame(4),
        frame(5, "STR-REQ-TYPE"),
        frame(5, "PIX-NAN", padding=5),
    ]
    (checked,) = checked_sequences(files)
    assert (checked.rerender.text, checked.header_edits.text) == ("2,5", "1,3")
    rate = Finding("TIM-FPS-SEQ", Severity.ERROR, "", frames=(4,))
    black = Finding("SEQ-BLACK", Severity.ERROR, "", frames=(3,))
    checked = with_findings(checked, [rate, black])
    assert (checked.rerender.text, checked.header_edits.text) == ("2-3,5", "1,4")


def test_frames_of_which_the_name_is_wrong_need_no_new_render() -> None:
    files = [
        frame(1, "SHOW-NAME"),
        frame(2, "SHOW-NAME", "TIM-TC-RANGE"),
        frame(3, "DEL-NFX-NAMES", "PIX-NAN"),
        frame(4),
        frame(5, "RULE-FAILED"),
        frame(6, "RULE-FAILED", "TIM-TC-RANGE"),
    ]
    (checked,) = checked_sequences(files)
    assert (checked.rerender.text, checked.header_edits.text) == ("3", "2,6")


def test_a_frame_under_another_spelling_of_the_name_needs_no_new_render() -> None:
    (checked,) = checked_sequences([*map(frame, (1, 2, 4, 6)), summary("A.0003.exr")])
    assert (checked.missing.text, checked.rerender.text) == ("3,5", "5")


@pytest.mark.parametrize(
    ("code", "is_rendered"),
    [
        *((f"SEQ-{what}", True) for what in ("BLACK", "CONSTANT", "DUP", "RES", "CHANNELS", "BUCKET")),
        *((code, False) for code in ("SEQ-METADATA", "SEQ-COMPRESSION", "TIM-TC-SEQ")),
    ],
)
def test_findings_of_a_sequence_that_only_a_new_render_mends(code: str, *, is_rendered: bool) -> None:
    (checked,) = checked_sequences([frame(1), frame(2)])
    checked = with_findings(checked, [Finding(code, Severity.ERROR, "", frames=(2,))])
    assert (checked.rerender.text == "2") is is_rendered


@pytest.mark.parametrize(
    ("code", "found"),
    [
        *((code, ("", "", "")) for code in ("SHOW-NAME", "DEL-NFX-NAMES", "DEL-NFX-TIMECODE")),
        *((code, ("1", "", "")) for code in ("DEL-NFX-NAM", "DEL-FOX-EXR", "PIX-NAN")),
        ("DEL-NFX-FORMAT", ("", "1", "")),
        ("TIM-TC-RANGE", ("", "", "1")),
    ],
)
def test_what_mends_the_errors_of_a_file(code: str, found: tuple[str, str, str]) -> None:
    (checked,) = checked_sequences([frame(1, code), frame(2)])
    assert (checked.rerender.text, checked.conversions.text, checked.header_edits.text) == found


def test_a_conversion_mends_compression_and_pixel_types() -> None:
    files = [
        frame(1, "DEL-NFX-FORMAT"),
        frame(2, "DEL-NFX-FORMAT", "TIM-TC-RANGE"),
        frame(3, "DEL-NFX-FORMAT", "DEL-NFX-WIDTH"),
        frame(4, "DEL-NFX-NAM"),
        frame(5, "ACE-COMPRESSION", status="failed"),
        frame(6, "PIX-NAN"),
        frame(7, "TIM-TC-RANGE"),
        frame(8),
    ]
    (checked,) = checked_sequences(files)
    found = (checked.rerender.text, checked.conversions.text, checked.header_edits.text)
    assert found == ("3-6", "1-2", "7")
    codec = Finding("SEQ-TYPES", Severity.ERROR, "", frames=(3, 7, 8))
    checked = with_findings(checked, [codec])
    assert (checked.rerender.text, checked.conversions.text, checked.header_edits.text) == ("3-6", "1-2,7-8", "")


def test_an_error_without_a_known_rule_needs_a_new_render() -> None:
    broken = summary("a.0001.exr", status="failed", has_error=True)
    (checked,) = checked_sequences([broken, frame(2, "OUR-RULE")])
    assert (checked.rerender.text, checked.header_edits.text) == ("1-2", "")


def test_files_that_no_library_opens_are_mended_by_overwriting_bytes() -> None:
    files = [
        frame(1, "WIN-PAR-RANGE", status="failed"),
        frame(2, "WIN-SCREEN", "WIN-PAR-RANGE", status="failed"),
        frame(3, "STR-REQ-TYPE", status="failed"),
        frame(4, "WIN-PAR-RANGE", "CHK-DECODE", status="failed"),
        frame(5, "STR-REQ-TYPE"),
    ]
    (checked,) = checked_sequences(files)
    assert (checked.rerender.text, checked.header_edits.text) == ("3-4", "1-2,5")


@pytest.mark.parametrize(
    ("code", "is_texture", "count", "severity"),
    [
        ("PIX-BLACK", True, 1, Severity.INFO),
        ("PIX-CONSTANT", True, 4, Severity.INFO),
        ("PIX-FIREFLY", True, 1, Severity.WARNING),
        ("PIX-BLACK", False, 1, Severity.WARNING),
        ("VIEW-SAME", False, 4, Severity.INFO),  # flat graphics
        ("VIEW-SAME", False, 3, Severity.WARNING),
    ],
)
def test_what_is_usual_in_textures_and_flat_graphics(
    code: str, count: int, severity: Severity, *, is_texture: bool
) -> None:
    frames = [frame(number) for number in range(1, 5)]
    (checked,) = checked_sequences(frames)
    found = (Finding(code, Severity.WARNING, "x"),)
    files = [CheckedFile(each.path, n, found if n <= count else ()) for n, each in enumerate(frames, 1)]
    done = with_files(replace(checked, is_texture=is_texture), files)
    assert [file.worst for file in done.files] == [severity] * count + [None] * (4 - count)


@pytest.mark.parametrize("code", ["SEQ-BLACK", "SEQ-LAYER-BLACK"])
def test_a_black_image_or_layer_is_one_finding_in_its_frames(code: str) -> None:
    frames = [frame(number) for number in range(1, 5)]
    (checked,) = checked_sequences(frames)
    black = Finding(code, Severity.WARNING, "x", frames=(2, 3))
    constant = (Finding("PIX-CONSTANT", Severity.WARNING, "x"),)
    done = with_files(replace(checked, findings=(black,)), [CheckedFile("x", n, constant) for n in range(1, 5)])
    assert [file.frame for file in done.files if file.findings] == [1, 4]
