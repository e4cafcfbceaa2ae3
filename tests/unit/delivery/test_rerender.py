"""Which frames need a new render, and for which an edit of the header is enough."""

from __future__ import annotations

from exr_inspector.delivery.judgement import judge_frames, with_findings
from exr_inspector.model import Finding, Severity
from exr_inspector.validation import FrameSummary, builtin_policy

POLICY = builtin_policy("default")


def frame(number: int, *codes: str, padding: int = 4) -> FrameSummary:
    return FrameSummary(f"a.{number:0{padding}}.exr", "?", 0, 0, has_error=bool(codes), error_codes=codes)


def test_frames_whose_header_alone_is_wrong() -> None:
    files = [
        frame(1, "STR-REQ-TYPE"),
        frame(2, "STR-REQ-TYPE", "CHK-DECODE"),
        frame(3, "TIM-TC-RANGE"),
        frame(4),
        frame(5, "STR-REQ-TYPE"),
        frame(5, "PIX-NAN", padding=5),
    ]
    (judged,) = judge_frames({each.path: each for each in files}, POLICY).sequences
    assert (judged.rerender.text, judged.header_edits.text) == ("2,5", "1,3")
    rate = Finding("TIM-FPS-SEQ", Severity.ERROR, "", frames=(4,))
    black = Finding("SEQ-BLACK", Severity.ERROR, "", frames=(3,))
    judged = with_findings(judged, [rate, black])
    assert (judged.rerender.text, judged.header_edits.text) == ("2-3,5", "1,4")


def test_an_error_without_a_known_rule_needs_a_new_render() -> None:
    broken = FrameSummary("a.0001.exr", "?", 0, 0, status="failed", has_error=True)
    (judged,) = judge_frames({"a.0001.exr": broken, "a.0002.exr": frame(2, "OUR-RULE")}, POLICY).sequences
    assert (judged.rerender.text, judged.header_edits.text) == ("1-2", "")
