"""Which frames need a new render, and for which an edit of the header is enough."""

from __future__ import annotations

from dataclasses import replace

from exr_inspector.delivery.judgement import CheckedFile, JudgedSequence
from exr_inspector.model import Finding, Severity
from exr_inspector.validation.frame_numbers import FrameNumbers


def file(frame: int, *codes: str, severity: Severity = Severity.ERROR) -> CheckedFile:
    return CheckedFile(f"a.{frame}.exr", frame, tuple(Finding(code, severity, "") for code in codes))


def test_frames_whose_header_alone_is_wrong() -> None:
    files = (
        file(1, "STR-REQ-TYPE"),
        file(2, "STR-REQ-TYPE", "CHK-DECODE"),
        file(3, "TIM-TC-RANGE"),
        file(4, "STR-REQ-TYPE", severity=Severity.WARNING),
    )
    every = FrameNumbers.of(range(1, 5))
    judged = JudgedSequence("a.#.exr", 4, every, rerender=every, files=files)
    assert list(judged.edited) == [1, 3]
    black = Finding("SEQ-BLACK", Severity.ERROR, "", frames=(3,))
    assert list(replace(judged, findings=(black,)).edited) == [1]
