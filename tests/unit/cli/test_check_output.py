"""What `check` prints for people."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from exr_inspector.cli.output.check import print_check
from exr_inspector.delivery.check import Check
from exr_inspector.delivery.judgement import CheckedFile, JudgedSequence
from exr_inspector.model import Finding, Severity, StatsMode
from exr_inspector.validation.frame_numbers import FrameNumbers

LONG = "sh140_comp_final_graded_with_a_very_long_name_v003"
STRAY = (Finding("SEQ-STRAY", Severity.WARNING, "an unfinished write"),)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"others": (CheckedFile(f"x/.{LONG}.1001.exr.Xq81Za", None, STRAY),)}, f".{LONG}.1001.exr.Xq81Za"),
        ({"files": (CheckedFile(f"x/{LONG} copy.exr", None, STRAY),)}, f"x/{LONG} copy.exr"),
        ({"sequences": (JudgedSequence(f"x/{LONG}.####.exr", 1, FrameNumbers.of([1001])),)}, f"x/{LONG}.####.exr"),
    ],
)
def test_names_are_whole_on_a_narrow_terminal(
    given: dict[str, tuple[CheckedFile | JudgedSequence, ...]], name: str
) -> None:
    facts = {
        "sequences": (),
        "files": (),
        "ambiguous": (),
        "faults": (),
        "stats": StatsMode.FULL,
        "policy": "p@1",
        "total": 1,
    }
    out = io.StringIO()
    print_check(Check(**{**facts, **given}), Console(file=out, width=40), least=Severity.ERROR)  # type: ignore[arg-type]
    assert name in out.getvalue()
